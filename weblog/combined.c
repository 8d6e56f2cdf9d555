#include "combined.h"

#include <string.h>

struct reader {
    const char *s, *end;
};

static bool skip(struct reader *r, char c)
{
    if (r->s == r->end || *r->s != c) {
        return false;
    }
    r->s++;
    return true;
}

/* Up to a blank, which is skipped. At least one byte. */
static bool word(struct reader *r, struct weblog_text *out)
{
    const char *blank = memchr(r->s, ' ', (size_t)(r->end - r->s));

    if (!blank || blank == r->s) {
        return false;
    }
    out->s = r->s;
    out->len = (size_t)(blank - r->s);
    r->s = blank + 1;
    return true;
}

static bool digits(const char *s, size_t n, int *out)
{
    int v = 0;

    for (size_t i = 0; i < n; i++) {
        if (s[i] < '0' || s[i] > '9') {
            return false;
        }
        v = v * 10 + (s[i] - '0');
    }
    *out = v;
    return true;
}

static int month_of(const char *s)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

    for (int m = 0; m < 12; m++) {
        if (!memcmp(names + 3 * m, s, 3)) {
            return m + 1;
        }
    }
    return 0;
}

/* 10/Oct/2000:13:55:36 +0900] */
#define TIME_LEN 27

static bool is_time(const char *s, struct weblog_combined *out)
{
    int minute, second, zone;

    return digits(s, 2, &out->day) && s[2] == '/'
           && (out->month = month_of(s + 3)) && s[6] == '/'
           && digits(s + 7, 4, &out->year) && s[11] == ':'
           && digits(s + 12, 2, &out->hour) && s[14] == ':'
           && digits(s + 15, 2, &minute) && s[17] == ':'
           && digits(s + 18, 2, &second) && s[20] == ' '
           && (s[21] == '+' || s[21] == '-') && digits(s + 22, 4, &zone)
           && s[26] == ']' && out->day >= 1 && out->day <= 31
           && out->hour <= 23;
}

/* USER [TIME]: a user's name may have blanks and brackets in it. The first
 * thing with the form of a time is taken for it. */
static bool user_and_time(struct reader *r, struct weblog_combined *out)
{
    const char *s = r->s;

    while (r->end - s >= TIME_LEN + 2) {
        const char *bracket = memchr(s, '[', (size_t)(r->end - s) - TIME_LEN);

        if (!bracket) {
            return false;
        }
        if (bracket > r->s + 1 && bracket[-1] == ' '
            && is_time(bracket + 1, out)) {
            out->user.s = r->s;
            out->user.len = (size_t)(bracket - 1 - r->s);
            r->s = bracket + 1 + TIME_LEN;
            return true;
        }
        s = bracket + 1;
    }
    return false;
}

/* "TEXT", where a quote within stands behind a backslash. */
static bool quoted(struct reader *r, struct weblog_text *out)
{
    if (!skip(r, '"')) {
        return false;
    }
    out->s = r->s;
    while (r->s < r->end && *r->s != '"') {
        r->s += *r->s == '\\' && r->end - r->s > 1 ? 2 : 1;
    }
    out->len = (size_t)(r->s - out->s);
    return skip(r, '"');
}

static bool number(struct reader *r, uint64_t *out)
{
    const char *from = r->s;
    uint64_t n = 0;

    while (r->s < r->end && *r->s >= '0' && *r->s <= '9') {
        if (r->s - from >= 18) {
            return false;
        }
        n = n * 10 + (uint64_t)(*r->s++ - '0');
    }
    *out = n;
    return r->s > from;
}

/* "METHOD PATH?QUERY PROTOCOL" */
static void request(struct weblog_text text, struct weblog_combined *out)
{
    static const struct weblog_text none = {"-", 1};
    struct reader r = {text.s, text.s + text.len};
    const char *mark;

    if (!word(&r, &out->method) || r.s == r.end) {
        out->method = out->path = none;
        return;
    }
    out->path.s = r.s;
    mark = memchr(r.s, ' ', (size_t)(r.end - r.s));
    out->path.len = (size_t)((mark ? mark : r.end) - r.s);
    mark = memchr(out->path.s, '?', out->path.len);
    if (mark) {
        out->path.len = (size_t)(mark - out->path.s);
    }
    if (!out->path.len) {
        out->path = none;
    }
}

bool weblog_combined_parse(const char *line, size_t len,
                           struct weblog_combined *out)
{
    static const struct weblog_text none = {"-", 1};
    struct reader r = {line, line + len};
    struct weblog_text ident, text;
    uint64_t status;

    if (!word(&r, &out->host) || !word(&r, &ident) || !user_and_time(&r, out)
        || !skip(&r, ' ') || !quoted(&r, &text) || !skip(&r, ' ')
        || !number(&r, &status) || status < 100 || status > 999
        || !skip(&r, ' ')) {
        return false;
    }
    out->status = (int)status;
    request(text, out);
    out->bytes = 0;
    if (!skip(&r, '-') && !number(&r, &out->bytes)) {
        return false;
    }
    out->referer = out->agent = none;
    if (r.s == r.end) {
        return true;
    }
    return skip(&r, ' ') && quoted(&r, &out->referer) && skip(&r, ' ')
           && quoted(&r, &out->agent) && r.s == r.end;
}
