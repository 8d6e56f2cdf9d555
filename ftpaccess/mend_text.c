/* Encodings: what Japanese editors make of a text that should be ASCII. */
#include "mend.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void mend_found(struct mend *m, enum ftpaccess_finding_kind kind,
                enum ftpaccess_severity severity, struct ftpaccess_pos pos,
                const char *word, const char *mended)
{
    struct ftpaccess_finding f = {kind, severity, pos, word, mended};

    f.word = arena_copy(&m->arena, word, strnlen(word, 200));
    if (mended) {
        f.mended = arena_copy(&m->arena, mended, strlen(mended));
    }
    arena_push(&m->arena, &m->findings, &f, sizeof f);
}

char *mend_format(struct mend *m, const char *format, ...)
{
    char *text = NULL, *copy = NULL;
    va_list ap;

    va_start(ap, format);
    if (vasprintf(&text, format, ap) >= 0) {
        copy = arena_copy(&m->arena, text, strlen(text));
        free(text);
    }
    va_end(ap);
    if (!copy) {
        m->arena.failed = true;
    }
    return copy;
}

/* --- UTF-8 --------------------------------------------------------------- */

/* The character at s and its length; 0 for what is no UTF-8. */
static size_t decode(const unsigned char *s, size_t len, uint32_t *out)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n = s[0] < 0x80   ? 1
               : s[0] < 0xc2 ? 0
               : s[0] < 0xe0 ? 2
               : s[0] < 0xf0 ? 3
               : s[0] < 0xf5 ? 4
                             : 0;
    uint32_t c = n == 1 ? s[0] : n ? s[0] & (0xffU >> (n + 1)) : 0;

    if (n == 0 || n > len) {
        return 0;
    }
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            return 0;
        }
        c = c << 6 | (s[i] & 0x3fU);
    }
    if (n > 1 && (c < least[n] || c > 0x10ffff || (c >> 11) == 0x1b)) {
        return 0;
    }
    *out = c;
    return n;
}

bool mend_is_utf8(const char *text, size_t len)
{
    uint32_t c;

    for (size_t i = 0, n; i < len; i += n) {
        n = decode((const unsigned char *)text + i, len - i, &c);
        if (n == 0) {
            return false;
        }
    }
    return true;
}

static size_t encode(uint32_t c, char *out)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3f));
        out[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3f));
    out[2] = (char)(0x80 | (c >> 6 & 0x3f));
    out[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

/* --- UTF-16 -------------------------------------------------------------- */

static uint32_t unit(const unsigned char *s, bool big)
{
    return big ? (uint32_t)s[0] << 8 | s[1] : (uint32_t)s[1] << 8 | s[0];
}

static char *from_utf16(struct mend *m, const unsigned char *s, size_t *len,
                        bool big)
{
    char *out = arena_alloc(&m->arena, *len / 2 * 3 + 1);
    size_t n = 0;

    if (!out) {
        return NULL;
    }
    for (size_t i = 0; i + 1 < *len; i += 2) {
        uint32_t c = unit(s + i, big);

        if (c >> 10 == 0x36 && i + 3 < *len
            && unit(s + i + 2, big) >> 10 == 0x37) {
            c = 0x10000 + ((c & 0x3ff) << 10) + (unit(s + i + 2, big) & 0x3ff);
            i += 2;
        }
        else if (c >> 11 == 0x1b || c == 0) {
            c = '?';
        }
        n += encode(c, out + n);
    }
    *len = n;
    return out;
}

/* 1 little-endian, 2 big-endian, 0 neither: by its mark, or by the zeros that
 * ASCII has in it. */
static int utf16_kind(const unsigned char *s, size_t len)
{
    size_t zeros[2] = {0, 0}, looked = len < 64 ? len : 64;

    if (len >= 2 && s[0] == 0xff && s[1] == 0xfe) {
        return 1;
    }
    if (len >= 2 && s[0] == 0xfe && s[1] == 0xff) {
        return 2;
    }
    for (size_t i = 0; i < looked; i++) {
        zeros[i % 2] += s[i] == 0;
    }
    if (looked >= 4 && zeros[1] > looked / 4 && zeros[0] == 0) {
        return 1;
    }
    return looked >= 4 && zeros[0] > looked / 4 && zeros[1] == 0 ? 2 : 0;
}

const char *mend_encoding(struct mend *m, const char *text, size_t *len)
{
    const unsigned char *s = (const unsigned char *)text;
    const struct ftpaccess_pos start = {1, 1};
    int kind = utf16_kind(s, *len);
    size_t mark;

    if (kind) {
        mark = (s[0] ^ s[1]) == 1 && s[0] >= 0xfe ? 2 : 0;
        *len -= mark;
        mend_found(m, FTPACCESS_UTF16, FTPACCESS_ERROR, start, "UTF-16", NULL);
        m->unreadable = true;
        return from_utf16(m, s + mark, len, kind == 2);
    }
    if (*len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        *len -= 3;
        mend_found(m, FTPACCESS_BOM, FTPACCESS_ERROR, start, "BOM", NULL);
        m->unreadable = true;
        return text + 3;
    }
    return text;
}

/* --- full width ---------------------------------------------------------- */

/* ASCII for what looks like it: 0 none, 1 to drop it. */
static char narrow(uint32_t c)
{
    if (c >= 0xff01 && c <= 0xff5e) {
        return (char)(c - 0xff01 + '!');
    }
    switch (c) {
    case 0x3000:
    case 0x00a0:
    case 0x2002:
    case 0x2003:
    case 0x2009:
        return ' ';
    case 0x3001:
        return ',';
    case 0x3002:
        return '.';
    case 0x3008:
    case 0x2039:
        return '<';
    case 0x3009:
    case 0x203a:
        return '>';
    case 0x2018:
    case 0x2019:
        return '\'';
    case 0x201c:
    case 0x201d:
        return '"';
    case 0x2010:
    case 0x2011:
    case 0x2012:
    case 0x2013:
    case 0x2212:
        return '-';
    case 0x200b:
    case 0x200e:
    case 0x200f:
    case 0xfeff:
        return 1;
    default:
        return 0;
    }
}

/* The same of Shift_JIS's two bytes. */
static char narrow_sjis(unsigned char a, unsigned char b)
{
    static const struct {
        unsigned char second;
        char ascii;
    } signs[] = {{0x40, ' '}, {0x41, ','}, {0x42, '.'}, {0x43, ','},
                 {0x44, '.'}, {0x46, ':'}, {0x49, '!'}, {0x5e, '/'},
                 {0x69, '('}, {0x6a, ')'}, {0x6f, '{'}, {0x70, '}'},
                 {0x71, '<'}, {0x72, '>'}, {0x7c, '-'}, {0x83, '<'},
                 {0x84, '>'}, {0x94, '#'}, {0x96, '*'}, {0x51, '_'}};

    if (a == 0x82 && b >= 0x4f && b <= 0x58) {
        return (char)('0' + b - 0x4f);
    }
    if (a == 0x82 && b >= 0x60 && b <= 0x79) {
        return (char)('A' + b - 0x60);
    }
    if (a == 0x82 && b >= 0x81 && b <= 0x9a) {
        return (char)('a' + b - 0x81);
    }
    for (size_t i = 0; a == 0x81 && i < sizeof signs / sizeof *signs; i++) {
        if (signs[i].second == b) {
            return signs[i].ascii;
        }
    }
    return 0;
}

static bool sjis_lead(unsigned char c)
{
    return (c >= 0x81 && c <= 0x9f) || (c >= 0xe0 && c <= 0xfc);
}

/* The character at s: its bytes, and its ASCII or 0. */
static size_t step(const unsigned char *s, size_t len, bool sjis, char *ascii)
{
    uint32_t c = 0;
    size_t n;

    *ascii = 0;
    if (sjis) {
        n = sjis_lead(s[0]) && len > 1 ? 2 : 1;
        *ascii = n == 2 ? narrow_sjis(s[0], s[1]) : 0;
        return n;
    }
    n = decode(s, len, &c);
    *ascii = n > 1 ? narrow(c) : 0;
    return n ? n : 1;
}

unsigned mend_width(struct mend *m, const char *line, bool sjis, char **out)
{
    const unsigned char *s = (const unsigned char *)line;
    size_t len = strlen(line), n = 0, bytes;
    unsigned column = 1, first = 0;
    bool started = false;
    char ascii;

    *out = arena_alloc(&m->arena, len + 1);
    if (!*out) {
        return 0;
    }
    for (size_t i = 0; i < len; i += bytes, column++) {
        bytes = step(s + i, len - i, sjis, &ascii);
        if ((ascii ? ascii : (char)s[i]) == '#' && !started) {
            memcpy(*out + n, line + i, len - i);
            return first; /* a comment: its rest is its own */
        }
        started = started || (ascii ? ascii != ' ' : s[i] > ' ');
        if (!ascii) {
            memcpy(*out + n, line + i, bytes);
            n += bytes;
            continue;
        }
        first = first ? first : column;
        if (ascii != 1) {
            (*out)[n++] = ascii;
        }
    }
    return first;
}
