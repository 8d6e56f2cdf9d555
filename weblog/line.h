/* The lines between mod_weblog and omakase-weblog:
 *
 *   LOGIN a 203.0.113.5 - - [..] "GET / HTTP/1.1" 200 ...\n      access log
 *   LOGIN e [Tue ...] [core:error] ...\n                         error log
 *
 * A line with its newline is at most WEBLOG_LINE_MAX bytes: what a pipe takes
 * in one piece from many writers (PIPE_BUF, pipe(7)). LOGIN is of httpd's
 * configuration, what follows may be a visitor's; no line feed of a visitor's
 * passes, so nobody begins a line with another's LOGIN.
 *
 * Nothing here allocates but struct weblog_split's one buffer. Thread-safe. */
#ifndef WEBLOG_LINE_H
#define WEBLOG_LINE_H

#include <stdbool.h>
#include <stddef.h>

#define WEBLOG_LINE_MAX 4096
#define WEBLOG_LOGIN_MAX 30

enum weblog_kind { WEBLOG_ACCESS, WEBLOG_ERROR, WEBLOG_KINDS };

/* Whether it is a login as omakase has them: a to z first, then a to z, 0 to 9
 * and single `-`, 2 to WEBLOG_LOGIN_MAX bytes. */
bool weblog_is_login(const char *s, size_t len);

/* Writes the line of these parts into out and returns its length, newline
 * included. A newline at the very end of the parts is that one; every other
 * control character but the tab becomes `?`.
 *
 * What is too long is shortened where it is longest: the middle of those parts
 * becomes `[...N-bytes-cut...]`, between escapes (`\"`, `\x1b`), never within
 * one. So quotes stay paired and the fields of a line stay what they are. login
 * must be one. */
size_t weblog_line_make(char out[WEBLOG_LINE_MAX], const char *login,
                        enum weblog_kind kind, const char *const *parts,
                        const size_t *lengths, size_t count);

/* What a line (without its newline) says. Returns false when it is none. */
struct weblog_line {
    const char *login;
    size_t login_len;
    enum weblog_kind kind;
    const char *text;
    size_t text_len;
};
bool weblog_line_parse(const char *s, size_t len, struct weblog_line *out);

/* A stream cut into lines. */
struct weblog_split {
    char *buf;
    size_t size, len;
    bool skipping; /* the rest of a line that is too long for the buffer */
};

typedef void weblog_split_fn(void *ctx, const char *line, size_t len);

/* Takes malloc'd memory of size bytes, which stays the caller's. */
void weblog_split_init(struct weblog_split *s, char *buf, size_t size);

/* Where the next bytes go, and how many may. Never 0. */
char *weblog_split_room(struct weblog_split *s, size_t *size);

/* n bytes were put there: calls fn for each line that is whole, without its
 * newline, in order. A line that fills the whole buffer is given to fn as far
 * as it goes, and its rest is dropped. */
void weblog_split_feed(struct weblog_split *s, size_t n, weblog_split_fn *fn,
                       void *ctx);

/* The stream has ended: what is left is a line, too. */
void weblog_split_end(struct weblog_split *s, weblog_split_fn *fn, void *ctx);

#endif
