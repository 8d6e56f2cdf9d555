/* Compression in the background: a few threads, one log/ at a time each, with
 * less of the processor than those who write.
 *
 * What was closed and not compressed by one that ended too early is found by
 * its file's name, at the start, in all trees. Where another logger compresses
 * (a graceful restart) or the disk is full, it is tried again. */
#ifndef WEBLOG_WORKERS_H
#define WEBLOG_WORKERS_H

#define WEBLOG_WORKERS_MAX 16

struct weblog_workers;

struct weblog_workers_conf {
    int srv;             /* the directory of the trees, readable */
    const int *lock_fds; /* one for each thread, see lock.h */
    unsigned threads;    /* 1 to WEBLOG_WORKERS_MAX */
    int level;           /* zlib's */
    /* A line for the operator, without newline; from any thread. */
    void (*say)(void *ctx, const char *line);
    void *ctx;
};

/* Starts them, the first with a look at all trees. conf is copied, lock_fds
 * stays the caller's. Signals are blocked in them. 0 or an errno value. */
int weblog_workers_start(const struct weblog_workers_conf *conf,
                         struct weblog_workers **out);

/* Has the site's closed logs compressed. Does not wait. From one thread. */
void weblog_workers_add(struct weblog_workers *w, const char *login);

/* Waits for what is compressed right now; what is queued stays for the next
 * start. Frees w. */
void weblog_workers_stop(struct weblog_workers *w);

#endif
