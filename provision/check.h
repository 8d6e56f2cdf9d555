/* The whole node looked at: what an operator has to do before customers come,
 * and what is open. Changes nothing. */
#ifndef OMK_CHECK_H
#define OMK_CHECK_H

#include <apr_pools.h>

struct omk_node;
struct omk_plan;

enum omk_check_level {
    OMK_CHECK_NOTE,    /* is so by intention, and good to know */
    OMK_CHECK_WARNING, /* works, but something is missing or weak */
    OMK_CHECK_ERROR    /* does not work, or lets somebody in */
};

/* One line; strings are of the check's pool. id is the operator's guide's. */
struct omk_finding {
    enum omk_check_level level;
    const char *id, *where, *what, *todo;
};

typedef void omk_check_found(void *ctx, const struct omk_finding *f);

/* plan (NULL where none can be made) is of the same node, with what the
 * machine has. Runs the daemons' own checkers and openssl(1). */
void omk_check_node(apr_pool_t *p, const struct omk_node *n,
                    const struct omk_plan *plan, omk_check_found *found,
                    void *ctx);

const char *omk_check_level_name(enum omk_check_level level);

#endif
