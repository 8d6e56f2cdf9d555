/* What a daemon's checker printed, in the operator's terms: whose file it is
 * and which line. */
#ifndef OMK_BLAME_H
#define OMK_BLAME_H

#include <apr_pools.h>

struct omk_err;
struct omk_node;

/* Fills why from the checker's output on the generation in dir, with the
 * paths of the operator's own files in place of the generation's copies.
 * Returns the login of the customer whose file it names, of p, or NULL. */
const char *omk_blame(apr_pool_t *p, const struct omk_node *n, const char *dir,
                      const char *output, struct omk_err *why);

#endif
