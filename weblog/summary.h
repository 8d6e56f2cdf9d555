/* What an access log says in numbers: of all of it and of each day.
 *
 * Memory is bounded whatever is in the log: beyond WEBLOG_DAYS_MAX days,
 * WEBLOG_PAGES_MAX different pages and WEBLOG_VISITORS_MAX visitors (counted a
 * day), more of them are not told apart, and `full` says so. */
#ifndef WEBLOG_SUMMARY_H
#define WEBLOG_SUMMARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEBLOG_DAYS_MAX 400
#define WEBLOG_PAGES_MAX 50000
#define WEBLOG_VISITORS_MAX 1000000

struct weblog_day {
    int year, month, day; /* all 0 for the whole log */
    uint64_t hits;        /* requests */
    uint64_t pages;       /* of them, pages that were shown */
    uint64_t visitors;    /* different addresses */
    uint64_t bytes;       /* sent, as the log has it */
    uint64_t missing;     /* 404 */
    uint64_t refused;     /* other 4xx */
    uint64_t failed;      /* 5xx */
};

struct weblog_page {
    const char *path; /* NUL-terminated, escaped as the log has it */
    uint64_t hits;
};

struct weblog_summary;

/* seed: random, so that nobody can choose names that make it slow. NULL for
 * want of memory. */
struct weblog_summary *weblog_summary_new(uint64_t seed);
void weblog_summary_free(struct weblog_summary *s);

/* A line of the combined format, without newline. Others are counted apart. */
void weblog_summary_line(struct weblog_summary *s, const char *line,
                         size_t len);

/* The results, valid until the next line or the end of s. */
const struct weblog_day *weblog_summary_total(const struct weblog_summary *s);
/* By date, the oldest first. */
const struct weblog_day *weblog_summary_days(struct weblog_summary *s,
                                             size_t *count);
/* At most max pages, most hits first, then by name; returns how many. */
size_t weblog_summary_top(struct weblog_summary *s, struct weblog_page *out,
                          size_t max);
uint64_t weblog_summary_unread(const struct weblog_summary *s);
bool weblog_summary_full(const struct weblog_summary *s);

#endif
