/* From the declarations to daemons that run with them, and back.
 *
 * apply: lock; users, trees and databases, which only ever add; a generation
 * rendered whole and checked by the daemons' own checkers and a start of httpd
 * beside the running one; to the disk; current flipped; what changed reloaded
 * and asked whether it runs with it. Where that fails, current goes back and
 * the daemons with it. Killed anywhere, the daemons run on with what they have
 * and the next apply completes. */
#ifndef OMK_APPLY_H
#define OMK_APPLY_H

#include "err.h"

#include <apr_pools.h>
#include <stdbool.h>
#include <stddef.h>

struct omk_node;
struct omk_plan;

struct omk_apply_options {
    bool dry_run; /* render and check, change nothing that runs */
    /* Told what is being done, a line each; may be NULL. */
    void (*say)(void *ctx, const char *line);
    void *ctx;
};

struct omk_apply_result {
    unsigned generation;   /* that holds now; 0: none */
    bool changed;          /* anything at all */
    struct omk_plan *plan; /* with who was held, and why */
};

/* OMK_EINVAL: the node's own configuration is wrong, nothing was applied;
 * otherwise what failed. Customers that are wrong are no failure; they are in
 * result->plan. */
int omk_apply(apr_pool_t *p, const struct omk_node *n,
              const struct omk_apply_options *o, struct omk_apply_result *out,
              struct omk_err *err);

/* Makes generation `to` (0: the one before the current) the current one.
 * OMK_ENOENT: there is no such complete generation. */
int omk_rollback(apr_pool_t *p, const struct omk_node *n, unsigned to,
                 const struct omk_apply_options *o, unsigned *now,
                 struct omk_err *err);

#endif
