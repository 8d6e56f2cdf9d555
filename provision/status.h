/* What is not as it was applied. */
#ifndef OMK_STATUS_H
#define OMK_STATUS_H

#include <apr_pools.h>
#include <sys/types.h>

struct omk_err;
struct omk_node;
struct omk_plan;

enum omk_daemon_state {
    OMK_DAEMON_RUNS,   /* with the current generation */
    OMK_DAEMON_OTHER,  /* with another configuration */
    OMK_DAEMON_SILENT, /* it runs and does not answer */
    OMK_DAEMON_DOWN,
    OMK_DAEMON_ABSENT /* this node has none */
};

struct omk_daemon;

enum omk_daemon_state omk_status_daemon(apr_pool_t *p, const struct omk_node *n,
                                        const struct omk_plan *plan,
                                        const struct omk_daemon *d, pid_t *pid);

/* Owners and modes of the state's own directories: each deviation a line. */
void omk_status_state(apr_pool_t *p, const struct omk_node *n,
                      void (*found)(void *ctx, const char *what), void *ctx);

#endif
