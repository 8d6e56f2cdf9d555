#include "isindex.h"

#include <string.h>

static int hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* The character at *s, decoded; *s is moved behind it. -1: none. */
static int decode(const char **s)
{
    int high, low;

    if (**s != '%') {
        return (unsigned char)*(*s)++;
    }
    high = hex((*s)[1]);
    low = high < 0 ? -1 : hex((*s)[2]);
    if (low < 0 || (high == 0 && low == 0)) {
        return -1;
    }
    *s += 3;
    return high * 16 + low;
}

size_t cgiw_isindex(const char *query, char *buf, const char **argv)
{
    size_t count = 1, len = 0;

    if (!*query || strchr(query, '=')
        || strlen(query) >= CGIW_ISINDEX_BYTES_MAX) {
        return 0;
    }
    argv[0] = buf;
    while (*query) {
        int c = *query == '+' ? 0 : decode(&query);

        if (c < 0) {
            return 0;
        }
        buf[len++] = (char)c;
        if (c == 0) {
            if (count == CGIW_ISINDEX_WORDS_MAX) {
                return 0;
            }
            query++;
            argv[count++] = buf + len;
        }
    }
    buf[len] = '\0';
    return count;
}
