/* A script's output: the scan says what httpd's own code would, which is
 * written down here once more, for a whole answer at once; and however the
 * output comes in pieces, it says the same. */
#include "fuzz.h"
#include "header.h"

#include <string.h>
#include <strings.h>

/* 1 and *body: httpd takes it. 0: it needs more. -1: it answers 500. */
static int httpd(const char *s, size_t len, size_t *body)
{
    char *line = malloc(len + 1);
    int verdict = 0, status = 1;
    size_t n = 0;

    MUST(line);
    for (size_t i = 0; i < len && verdict == 0; i++) {
        char *colon;

        if (s[i] != '\n') {
            if (s[i] != '\r') {
                line[n++] = s[i];
            }
            verdict = n > 8189 ? -1 : 0;
            continue;
        }
        line[n] = '\0';
        n = 0;
        colon = strchr(line, ':');
        if (!line[0]) {
            verdict = status ? 1 : -1;
            *body = i + 1;
        }
        else if (!colon) {
            verdict = -1;
        }
        else {
            *colon++ = '\0';
            colon += strspn(colon, " \t\r\n\v\f");
            if (strcasecmp(line, "Status") == 0) {
                long long number = strtoll(colon, NULL, 10);

                status = number >= 100 && number <= 999;
            }
            else if (strcasecmp(line, "Content-Type") != 0
                     && strcasecmp(line, "Last-Modified") != 0) {
                for (const char *p = line; *p; p++) {
                    if (!strchr("!#$%&'*+-.^_`|~0123456789"
                                "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
                                *p)) {
                        verdict = -1;
                    }
                }
                for (const char *p = colon; *p; p++) {
                    if (((unsigned char)*p < ' ' && *p != '\t') || *p == 0x7f) {
                        verdict = -1;
                    }
                }
                verdict = line[0] ? verdict : -1;
            }
        }
    }
    free(line);
    return verdict;
}

static void check_fault(const struct cgiw_header *h, const char *buf,
                        size_t len)
{
    static struct cgiw_facts f;
    char out[CGIW_EXPLAIN_MAX];
    int rc;

    memset(&f, 0, sizeof f);
    rc = cgiw_header_fault(h, buf, len, &f);
    MUST(rc == (int)f.code);
    MUST((rc == 0) == (h->state == CGIW_HEADER_COMPLETE));
    MUST(rc == 0 || rc == CGIW_E11
         || (rc == CGIW_E12 && h->state == CGIW_HEADER_MORE));
    if (rc) {
        (void)cgiw_explain((enum cgiw_code)rc, &f, out, sizeof out);
        MUST(!strpbrk(out, "\r\n\033"));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *buf = (const char *)data;
    struct cgiw_header whole, pieces;
    size_t body = 0, n = 0;
    int verdict;

    size = size < CGIW_HEADER_MAX - 1 ? size : CGIW_HEADER_MAX - 1;
    cgiw_header_init(&whole, false);
    (void)cgiw_header_scan(&whole, buf, size);
    verdict = httpd(buf, size, &body);
    MUST(whole.state
         == (verdict > 0   ? CGIW_HEADER_COMPLETE
             : verdict < 0 ? CGIW_HEADER_BAD
                           : CGIW_HEADER_MORE));
    MUST(verdict <= 0 || whole.body_at == body);

    cgiw_header_init(&pieces, false);
    while (n < size) {
        size_t step = 1 + data[n] % 7;

        n = step < size - n ? n + step : size;
        (void)cgiw_header_scan(&pieces, buf, n);
    }
    MUST(memcmp(&whole, &pieces, sizeof whole) == 0);
    check_fault(&whole, buf, size);
    return 0;
}
