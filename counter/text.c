/* Numbers, clock, date and countdown as glyphs. */
#include "text.h"

#include <stdio.h>
#include <string.h>

static void put(struct counter_text *t, const char *s, size_t len)
{
    if (len >= sizeof t->s - t->len) {
        len = sizeof t->s - t->len - 1;
    }
    memcpy(t->s + t->len, s, len);
    t->len += len;
    t->s[t->len] = '\0';
}

/* n in decimal, at least width characters, zeros in front. */
static void put_number(struct counter_text *t, uint64_t n, size_t width)
{
    char buf[sizeof t->s];
    size_t at = sizeof buf;

    do {
        buf[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n);
    while (sizeof buf - at < width && at > 1) {
        buf[--at] = '0';
    }
    put(t, buf + at, sizeof buf - at);
}

/* Digits with a comma before each group of three from the right. */
static void put_grouped(struct counter_text *t, const char *digits, size_t len)
{
    size_t head = len % 3;

    put(t, digits, head);
    for (size_t i = head; i < len; i += 3) {
        if (i > 0) {
            put(t, ",", 1);
        }
        put(t, digits + i, 3);
    }
}

void counter_text_number(const struct counter_query *q, uint64_t n,
                         struct counter_text *out)
{
    out->len = 0;
    out->caption[0] = '\0';
    put_number(out, n, q->pad && !q->comma ? q->md : 1);
    if (q->comma) {
        struct counter_text plain = *out;

        out->len = 0;
        put_grouped(out, plain.s, plain.len);
    }
}

void counter_text_lit(const struct counter_query *q, struct counter_text *out)
{
    size_t len = strlen(q->lit);

    out->len = 0;
    out->caption[0] = '\0';
    if (q->comma && strspn(q->lit, "0123456789") == len) {
        put_grouped(out, q->lit, len);
    }
    else {
        put(out, q->lit, len);
    }
    out->s[out->len] = '\0';
}

/* The wall clock in the query's zone. A fixed offset knows no summer time:
 * the UTC calendar of the shifted moment is its wall clock. */
static bool wall_clock(const struct counter_query *q, time_t now, struct tm *tm)
{
    if (q->has_timezone) {
        now += (time_t)q->timezone_min * 60;
        return gmtime_r(&now, tm) != NULL;
    }
    return localtime_r(&now, tm) != NULL;
}

static void put_clock(const struct counter_query *q, const struct tm *tm,
                      struct counter_text *out)
{
    unsigned hour = (unsigned)tm->tm_hour;
    bool pm = hour >= 12;

    if (q->tformat == 12) {
        hour = hour % 12 == 0 ? 12 : hour % 12;
    }
    put_number(out, hour, q->pad ? 2 : 1);
    put(out, ":", 1);
    put_number(out, (unsigned)tm->tm_min, 2);
    if (q->tformat == 12) {
        put(out, pm ? "P" : "A", 1);
    }
}

/* Which of year, month and day stands where. */
static const char orders[][4] = {
    [COUNTER_MMDDYY] = "mdy", [COUNTER_DDMMYY] = "dmy",
    [COUNTER_YYMMDD] = "ymd", [COUNTER_YYDDMM] = "ydm",
    [COUNTER_MMYYDD] = "myd", [COUNTER_DDYYMM] = "dym",
};

static void put_date(const struct counter_query *q, const struct tm *tm,
                     struct counter_text *out)
{
    const char *order = orders[q->dformat];

    for (size_t i = 0; i < 3; i++) {
        if (i > 0) {
            put(out, "-", 1);
        }
        if (order[i] == 'y') {
            put_number(out, (uint64_t)(tm->tm_year + 1900), 4);
        }
        else {
            int n = order[i] == 'm' ? tm->tm_mon + 1 : tm->tm_mday;

            put_number(out, (unsigned)n, 2);
        }
    }
}

/* A date that the query names, as seconds since 1970. Days that a month lacks
 * run on into the next one, as pages know it. */
static time_t moment(const struct counter_query *q,
                     const struct counter_date *d)
{
    struct tm tm = {.tm_year = d->year - 1900,
                    .tm_mon = d->month - 1,
                    .tm_mday = d->day,
                    .tm_hour = d->hour,
                    .tm_min = d->minute,
                    .tm_sec = d->second,
                    .tm_isdst = -1};

    if (q->has_timezone) {
        return timegm(&tm) - (time_t)q->timezone_min * 60;
    }
    return mktime(&tm);
}

/* One part of the countdown; a minus only where it is not 0. */
static void put_part(struct counter_text *out, bool past, uint64_t n,
                     const char *letter)
{
    if (past && n > 0) {
        put(out, "-", 1);
    }
    put_number(out, n, 1);
    put(out, letter, strlen(letter));
}

static void put_countdown(const struct counter_query *q, time_t now,
                          struct counter_text *out)
{
    static const struct counter_date year_2000 = {true, 2000, 1, 1, 0, 0, 0};
    time_t to = moment(q, q->target.set ? &q->target : &year_2000);
    time_t from = q->from.set ? moment(q, &q->from) : now;
    bool past = to < from;
    uint64_t left =
        past ? (uint64_t)from - (uint64_t)to : (uint64_t)to - (uint64_t)from;

    if (!q->sdhms) {
        put_part(out, past, left / 86400, "");
        return;
    }
    put_part(out, past, left / 86400, "D:");
    put_part(out, past, left % 86400 / 3600, "H:");
    put_part(out, past, left % 3600 / 60, "M:");
    put_part(out, past, left % 60, "S");
}

void counter_text_moment(const struct counter_query *q, time_t now,
                         struct counter_text *out)
{
    struct counter_text below;
    struct tm tm;

    counter_text_caption(q, now, &below);
    (void)snprintf(out->caption, sizeof out->caption, "%.63s", below.s);
    out->len = 0;
    out->s[0] = '\0';
    if (q->display == COUNTER_SHOW_COUNTDOWN) {
        put_countdown(q, now, out);
    }
    else if (q->display == COUNTER_SHOW_CLOCK && wall_clock(q, now, &tm)) {
        put_clock(q, &tm, out);
    }
    else if (q->display == COUNTER_SHOW_DATE && wall_clock(q, now, &tm)) {
        put_date(q, &tm, out);
    }
}

static void put_zone(const struct counter_query *q, struct counter_text *out)
{
    unsigned offset =
        (unsigned)(q->timezone_min < 0 ? -q->timezone_min : q->timezone_min);

    put(out, q->timezone_min < 0 ? " GMT-" : " GMT+", 5);
    put_number(out, offset / 60, 2);
    put_number(out, offset % 60, 2);
}

void counter_text_caption(const struct counter_query *q, time_t now,
                          struct counter_text *out)
{
    /* not strftime: the server's locale is not the page's */
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t from = q->from.set ? moment(q, &q->from) : now;
    struct tm tm;

    out->len = 0;
    out->s[0] = '\0';
    out->caption[0] = '\0';
    if (!q->sfd || q->display != COUNTER_SHOW_COUNTDOWN
        || !wall_clock(q, from, &tm)) {
        return;
    }
    put(out, "From: ", 6);
    put(out, months + (size_t)tm.tm_mon * 3, 3);
    put(out, " ", 1);
    put_number(out, (unsigned)tm.tm_mday, 1);
    put(out, " ", 1);
    put_number(out, (uint64_t)(tm.tm_year + 1900), 4);
    put(out, ", ", 2);
    put_number(out, (unsigned)tm.tm_hour, 2);
    put(out, ":", 1);
    put_number(out, (unsigned)tm.tm_min, 2);
    put(out, ":", 1);
    put_number(out, (unsigned)tm.tm_sec, 2);
    if (q->has_timezone) {
        put_zone(q, out);
    }
}
