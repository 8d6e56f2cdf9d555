/* What lint.c, mend_text.c and mend_words.c share. */
#ifndef FTPACCESS_MEND_H
#define FTPACCESS_MEND_H

#include "arena.h"
#include "ftpaccess.h"

/* Longer lines than anybody writes are left as they are. */
#define MEND_LINE_MAX 512

struct mend {
    struct arena arena;
    struct arena_list findings;
    bool reverse_dns;
    bool unreadable;
};

/* A line while it is mended. */
struct mend_line {
    unsigned number;
    char *text; /* without its end */
    bool removed;
};

void mend_found(struct mend *m, enum ftpaccess_finding_kind kind,
                enum ftpaccess_severity severity, struct ftpaccess_pos pos,
                const char *word, const char *mended);
char *mend_format(struct mend *m, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The text as UTF-8 or as it was: without a BOM, from UTF-16. */
const char *mend_encoding(struct mend *m, const char *text, size_t *len);
/* One line with full-width characters as ASCII, outside of comments. Returns
 * the first one's column, or 0. sjis: the text is Shift_JIS. */
unsigned mend_width(struct mend *m, const char *line, bool sjis, char **out);
/* Whether bytes are well-formed UTF-8. */
bool mend_is_utf8(const char *text, size_t len);

/* One directive line: names, brackets, braces, addresses. */
void mend_words(struct mend *m, struct mend_line *line);

#endif
