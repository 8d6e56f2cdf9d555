/* The daemon's own state, for its files alone: spawn, reap, control, main.
 *
 * One thread, one loop around epoll, and no call in it that waits for anybody
 * else: not for httpd, not for a script, not for the operator. */
#ifndef CGIW_DAEMON_H
#define CGIW_DAEMON_H

#include "cgroup.h"
#include "denied.h"
#include "diagnose.h"
#include "log.h"
#include "sites.h"
#include "table.h"

#include <stdint.h>
#include <sys/types.h>

/* One script that runs: from the request to ENDED. Its place in daemon.runs
 * is its slot in the table. */
struct cgiw_run {
    const struct cgiw_site *site; /* NULL: free */
    struct cgiw_leaf *leaf;
    char *script; /* the path of the request; malloc'd */
    int64_t started_ms;
    uint32_t number;
    uint32_t live;        /* its index in daemon.live and .pids */
    int control;          /* -1 when the other side has closed it */
    enum cgiw_code cause; /* why the daemon ended it, or CGIW_OK */
    uint64_t limit, used; /* of cause */
    int killed;
    uint64_t cpu_us, memory_bytes; /* as last looked at, where no group knows */
};

enum { CGIW_CLIENTS_MAX = 8 };

/* An operator's connection. */
struct cgiw_client {
    int fd; /* -1: free */
    int64_t since_ms;
    char line[256];
    size_t line_len;
    char *answer; /* malloc'd */
    size_t answer_len, answer_sent;
};

struct cgiw_daemon {
    const struct cgiw_config *config;
    struct cgiw_cgroup *cgroup;
    unsigned holds; /* cgiw_cgroup_holds() */
    struct omk_denied denied;
    struct cgiw_table table;
    struct cgiw_log log;
    struct cgiw_run *runs; /* table.count of them */
    uint32_t *live;        /* indices of those that run, live_count of them */
    pid_t *pids;           /* their main processes, in the same order */
    uint32_t live_count;
    uint32_t *free_slots; /* a stack, free_count of them */
    uint32_t free_count;
    uint32_t *per_user; /* runs by cgiw_site.user */
    uint32_t last_number;
    int *confined; /* by site: its rule set's descriptor, -1: none yet */
    uid_t own_uid; /* 0, or whose scripts alone it runs */
    pid_t own_pid;
    int epoll, requests, signals, null;
    int listener; /* -1: none */
    char control_path[4096];
    struct cgiw_client clients[CGIW_CLIENTS_MAX];
    int64_t next_tick_ms;
    int64_t tick_until_ms; /* while anything runs, and a little longer */
    int64_t stop_by_ms;    /* 0: not asked to stop */
    uint64_t dropped;      /* requests that were none */
    int64_t next_drop_told_ms, next_denied_told_ms;
    int draining; /* the generation has ended: no more requests */
    int unswept;  /* processes are left that should be dead */
    int unreaped; /* children may be left that have ended */
};

/* What an epoll event is about: that, whose index, and a tag that tells one
 * that was meant for another who had the index before. */
enum cgiw_source {
    CGIW_FROM_REQUESTS = 1,
    CGIW_FROM_SIGNALS,
    CGIW_FROM_LISTENER,
    CGIW_FROM_CLIENT,
    CGIW_FROM_RUN
};

/* An event's data. Of tag 24 bits are kept. */
uint64_t cgiw_daemon_event(enum cgiw_source source, uint32_t index,
                           uint32_t tag);

/* Adds fd to the loop. 0 or -errno. */
int cgiw_daemon_watch(struct cgiw_daemon *d, int fd, uint32_t events,
                      enum cgiw_source source, uint32_t index, uint32_t tag);

/* Takes fd out of the loop and closes it. Closing alone does not do the first
 * while a child that has not executed its script yet has a copy. */
void cgiw_daemon_forget(struct cgiw_daemon *d, int fd);

/* Closes what a worker has sent, without waiting. */
void cgiw_daemon_let_go(int fd);

/* Milliseconds of a clock that only goes forward. */
int64_t cgiw_daemon_now_ms(void);

#endif
