/* Lines and words of a configuration file as ProFTPD's parser cuts them. */
#ifndef FTPACCESS_LINES_H
#define FTPACCESS_LINES_H

#include "ftpaccess.h"

struct arena;

/* ProFTPD's buffer: a longer line is several. */
#define LINES_ROOM 4096

struct lines {
    const char *text;
    size_t len, at;
    char line[LINES_ROOM + 1];
    size_t offset[LINES_ROOM + 1]; /* of line's characters in text */
    size_t line_len;
    /* a cursor for positions, which are asked for from front to back */
    size_t seen;
    struct ftpaccess_pos pos;
};

struct lines_word {
    char *text;
    size_t offset; /* of its first character in the file */
};

void lines_start(struct lines *l, const char *text, size_t len);
/* The next line that is neither empty nor a comment; false at the end. */
bool lines_next(struct lines *l);
/* The place of an offset; not before the last one asked for. */
struct ftpaccess_pos lines_pos(struct lines *l, size_t offset);
/* The words of the current line: quotes and the line's rest after a word that
 * starts with # are gone, as is %{env:...}. At most room of them; NULL-text
 * ends are not needed. Returns their number. */
size_t lines_words(struct lines *l, struct arena *a, struct lines_word *words,
                   size_t room);
bool lines_space(char c);

#endif
