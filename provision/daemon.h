/* The daemons: checked, tried, started, stopped, reloaded and asked. Each is a
 * struct with functions; a new one is a file daemon_NAME.c and a line in
 * daemon.c. */
#ifndef OMK_DAEMON_H
#define OMK_DAEMON_H

#include "files.h"

#include <apr_pools.h>
#include <stdbool.h>
#include <sys/types.h>

struct omk_err;
struct omk_node;

struct omk_daemon {
    const char *name;           /* as in fingerprints */
    const char *pid_file, *log; /* below run_dir; below log_dir */
    int reload_signal; /* 0: it knows no reload and has no fingerprint */
    unsigned stop_s;   /* how long it may take to end */
    bool renames_itself; /* its command line is not what it was started with */
    bool hands_out;    /* its stderr to programs of customers': gets none */

    /* Whether this node has the daemon; if not, *why says so. */
    bool (*wanted)(const struct omk_node *n, const char **why);
    /* What must be there before its start; NULL: nothing. */
    int (*prepare)(apr_pool_t *p, const struct omk_node *n,
                   struct omk_err *err);
    /* Program and arguments to run the generation in dir. */
    const char *const *(*command)(apr_pool_t *p, const struct omk_node *n,
                                  const char *dir);
    /* The daemon's own checker on a generation: OMK_EINVAL, and what it says
     * in *output. NULL where there is none. */
    int (*check)(apr_pool_t *p, const struct omk_node *n, const char *dir,
                 const char **output, struct omk_err *err);
    /* Starts it beside the running one, likewise; NULL where the checker is
     * enough. On success it has answered and was told to end: *ending is to be
     * waited for (omk_await_end) before the next trial and before the lock
     * goes. */
    int (*trial)(apr_pool_t *p, const struct omk_node *n, const char *dir,
                 const char *fingerprint, const char **output, pid_t *ending,
                 struct omk_err *err);
    /* The fingerprint of what runs. OMK_EBUSY: nobody answers. */
    int (*probe)(apr_pool_t *p, const struct omk_node *n,
                 char out[OMK_SHA1_HEX + 1], struct omk_err *err);
};

extern const struct omk_daemon omk_daemon_httpd, omk_daemon_mariadb,
    omk_daemon_php, omk_daemon_proftpd;

/* In the order of starting; NULL at the end. */
extern const struct omk_daemon *const omk_daemons[];

const struct omk_daemon *omk_daemon_find(const char *name);

/* The pid of the one that this node started, or 0. */
pid_t omk_daemon_pid(apr_pool_t *p, const struct omk_node *n,
                     const struct omk_daemon *d);

/* Starts it with the current generation and waits until it answers. Nothing
 * to do when it runs; what a killed one has left behind is ended first. On
 * failure the text has the end of what it printed. */
int omk_daemon_start(apr_pool_t *p, const struct omk_node *n,
                     const struct omk_daemon *d, struct omk_err *err);

/* Whether anything of it runs, be it children of one that was killed. */
bool omk_daemon_is_there(apr_pool_t *p, const struct omk_node *n,
                         const struct omk_daemon *d);

/* Ends it with all its processes; *forced when it had to be killed. Nothing to
 * do when it is down. */
int omk_daemon_stop(apr_pool_t *p, const struct omk_node *n,
                    const struct omk_daemon *d, bool *forced,
                    struct omk_err *err);

/* Reloads it without a request lost and waits until it answers with the
 * fingerprint. OMK_EBUSY: it does not in time; OMK_ENOENT: it has ended. */
int omk_daemon_reload(apr_pool_t *p, const struct omk_node *n,
                      const struct omk_daemon *d, const char *fingerprint,
                      struct omk_err *err);

/* A port of 127.0.0.1 that is free now. */
int omk_free_port(unsigned *out, struct omk_err *err);

/* Whether a Listen could be bound. OMK_EBUSY: taken; OMK_EDENIED. */
int omk_listen_is_free(const char *listen, struct omk_err *err);

#endif
