#include "lines.h"

#include "arena.h"

#include <stdlib.h>
#include <string.h>

bool lines_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

void lines_start(struct lines *l, const char *text, size_t len)
{
    memset(l, 0, sizeof *l);
    l->text = text;
    l->len = len;
    l->pos = (struct ftpaccess_pos){1, 1};
}

/* Up to room characters, a newline included; 0 at the end. */
static size_t read_piece(struct lines *l, size_t used, size_t room)
{
    size_t n = 0;

    while (n < room && l->at < l->len) {
        l->line[used + n] = l->text[l->at];
        l->offset[used + n] = l->at++;
        if (l->line[used + n++] == '\n') {
            break;
        }
    }
    l->line[used + n] = '\0';
    return n;
}

static bool is_comment(const char *s)
{
    while (lines_space(*s)) {
        s++;
    }
    return *s == '#';
}

/* A backslash before the newline continues the line, but not a comment; what
 * stands after a NUL is lost, the newline too. */
static bool read_line(struct lines *l)
{
    size_t used = 0, room = LINES_ROOM;

    while (read_piece(l, used, room)) {
        size_t n = strlen(l->line + used);

        if (n && l->line[used + n - 1] == '\n') {
            if (n < 2 || l->line[used + n - 2] != '\\') {
                return true;
            }
            n -= 2;
            if (is_comment(l->line + used)) {
                continue;
            }
        }
        if (n == room) {
            return true;
        }
        used += n;
        room -= n;
        l->line[used] = '\0';
    }
    return used > 0;
}

bool lines_next(struct lines *l)
{
    while (read_line(l)) {
        size_t n = strlen(l->line);
        const char *s = l->line;

        if (n && l->line[n - 1] == '\n') {
            l->line[--n] = '\0';
        }
        if (n && l->line[n - 1] == '\r') {
            l->line[--n] = '\0';
        }
        while (lines_space(*s)) {
            s++;
        }
        if (*s && *s != '#') {
            l->line_len = n;
            return true;
        }
    }
    return false;
}

/* A continuation byte of UTF-8 makes no column of its own after its start. */
static bool continues(const struct lines *l, size_t at)
{
    size_t start = at;
    unsigned char first;

    while (start > 0 && at - start < 3
           && ((unsigned char)l->text[start] & 0xc0) == 0x80) {
        start--;
    }
    first = (unsigned char)l->text[start];
    return start != at
           && at - start < (first >= 0xf0   ? 4U
                            : first >= 0xe0 ? 3U
                            : first >= 0xc2 ? 2U
                                            : 1U);
}

struct ftpaccess_pos lines_pos(struct lines *l, size_t offset)
{
    for (; l->seen < offset && l->seen < l->len; l->seen++) {
        if (l->text[l->seen] == '\n') {
            l->pos.line++;
            l->pos.column = 1;
        }
        else if (l->seen + 1 == l->len || !continues(l, l->seen + 1)) {
            l->pos.column++;
        }
    }
    return l->pos;
}

/* %{env:NAME} is of the server's environment: nothing, here. */
static void drop_variables(char *word)
{
    char *at = word;

    if (strlen(word) <= 7) {
        return;
    }
    while ((at = strstr(at, "%{env:")) != NULL) {
        char *end = strchr(at + 6, '}');

        if (!end) {
            return;
        }
        memmove(at, end + 1, strlen(end + 1) + 1);
        at = word;
    }
}

static size_t read_word(const struct lines *l, size_t at, char *out,
                        size_t *len)
{
    bool quoted = l->line[at] == '"';
    size_t n = 0;

    at += quoted;
    while (l->line[at]
           && (quoted ? l->line[at] != '"' : !lines_space(l->line[at]))) {
        if (quoted && l->line[at] == '\\' && l->line[at + 1]) {
            at++;
        }
        out[n++] = l->line[at++];
    }
    *len = n;
    return at + (l->line[at] != '\0');
}

size_t lines_words(struct lines *l, struct arena *a, struct lines_word *words,
                   size_t room)
{
    char word[LINES_ROOM + 1];
    size_t count = 0, at = 0, len;

    while (count < room) {
        while (lines_space(l->line[at])) {
            at++;
        }
        if (!l->line[at] || l->line[at] == '#') {
            break;
        }
        words[count].offset = l->offset[at];
        at = read_word(l, at, word, &len);
        words[count].text = arena_copy(a, word, len);
        if (!words[count].text) {
            break;
        }
        drop_variables(words[count++].text);
    }
    return count;
}
