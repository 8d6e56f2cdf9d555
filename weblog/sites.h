/* Lines go to the logs of their sites.
 *
 * Lines are collected a site and written together, whole lines only, with
 * O_APPEND and under a lock that the loggers share; a log that has reached its
 * size is closed and handed to whoever compresses. What cannot be written now
 * (the disk is full, another has the lock) waits in memory, up to a bound for
 * each log and one for all; what is beyond is counted and told.
 *
 * Time is a monotonic clock's, given by the caller, in milliseconds. Not
 * thread-safe: one thread has it all. Nothing here blocks but the disk. */
#ifndef WEBLOG_SITES_H
#define WEBLOG_SITES_H

#include "line.h"

#include <stdint.h>

/* A log never grows beyond, whatever its size is set to (P22). */
#define WEBLOG_HARD_MAX ((uint64_t)200 * 1000 * 1000)

struct weblog_conf {
    int srv;           /* the directory of the trees */
    int lock_fd;       /* see lock.h */
    uint64_t size;     /* bytes at which a log is closed */
    unsigned open_max; /* descriptors, 3 or more */
    uint64_t wait_max; /* bytes in memory, of all sites */
    uint64_t site_max; /* and of one log */
    /* A log of the site was closed. */
    void (*closed)(void *ctx, const char *login);
    /* A line for the operator, without newline. */
    void (*say)(void *ctx, const char *line);
    void *ctx;
};

struct weblog_sites;

/* conf is copied. NULL for want of memory. */
struct weblog_sites *weblog_sites_new(const struct weblog_conf *conf);
/* Closes all; what waits is lost, see weblog_sites_flush. */
void weblog_sites_free(struct weblog_sites *s);

/* A line of mod_weblog's, without its newline. One that is none (of httpd at
 * its start, of another program) goes to say. */
void weblog_sites_line(struct weblog_sites *s, const char *line, size_t len);

/* Writes what can be written, and closes what has been idle. Returns how many
 * milliseconds later to call it again even if no line comes, -1 for never. */
int weblog_sites_flush(struct weblog_sites *s, int64_t now_ms);

/* Bytes that wait, and descriptors that are open. */
uint64_t weblog_sites_waiting(const struct weblog_sites *s);
unsigned weblog_sites_open(const struct weblog_sites *s);

/* Gives up what waits, counts it as dropped and tells all counts. */
void weblog_sites_give_up(struct weblog_sites *s);

#endif
