#include "diff.h"

#include <apr_strings.h>
#include <apr_tables.h>
#include <string.h>

#define SHOWN 40

static apr_array_header_t *lines_of(apr_pool_t *p, const char *text)
{
    apr_array_header_t *lines = apr_array_make(p, 32, sizeof(char *));

    while (*text) {
        size_t len = strcspn(text, "\n");
        char *line = apr_pstrmemdup(p, text, len);

        for (char *c = line; *c; c++) {
            *c = (unsigned char)*c < ' ' && *c != '\t' ? '?' : *c;
        }
        APR_ARRAY_PUSH(lines, char *) = line;
        text += len + (text[len] == '\n');
    }
    return lines;
}

static void show(apr_array_header_t *out, char mark,
                 const apr_array_header_t *lines, int from, int to)
{
    for (int i = from; i < to && i < from + SHOWN; i++) {
        APR_ARRAY_PUSH(out, const char *) = apr_psprintf(
            out->pool, "%c %s\n", mark, APR_ARRAY_IDX(lines, i, char *));
    }
    if (to > from + SHOWN) {
        APR_ARRAY_PUSH(out, const char *) = apr_psprintf(
            out->pool, "%c ... %d lines more\n", mark, to - from - SHOWN);
    }
}

const char *omk_diff(apr_pool_t *p, const char *was, const char *now)
{
    apr_array_header_t *a = lines_of(p, was), *b = lines_of(p, now);
    apr_array_header_t *out = apr_array_make(p, 16, sizeof(const char *));
    int head = 0, a_end = a->nelts, b_end = b->nelts;

    while (head < a_end && head < b_end
           && !strcmp(APR_ARRAY_IDX(a, head, char *),
                      APR_ARRAY_IDX(b, head, char *))) {
        head++;
    }
    while (a_end > head && b_end > head
           && !strcmp(APR_ARRAY_IDX(a, a_end - 1, char *),
                      APR_ARRAY_IDX(b, b_end - 1, char *))) {
        a_end--;
        b_end--;
    }
    show(out, '-', a, head, a_end);
    show(out, '+', b, head, b_end);
    return apr_array_pstrcat(p, out, 0);
}
