/* The logger of the customers' access and error logs: whether the node has it,
 * its user, and how httpd starts it. omakase-weblog(8). */
#ifndef OMK_WEBLOG_H
#define OMK_WEBLOG_H

#include <apr_pools.h>
#include <stdbool.h>

struct omk_err;
struct omk_node;

/* Whether program and module are installed. Without them httpd itself writes
 * the logs, as root, and they grow. */
bool omk_weblog_is_here(const struct omk_node *n);

/* Whether its user is there. True in single-user mode. */
bool omk_weblog_is_made(const struct omk_node *n);

/* Makes the user, by useradd(8). OMK_EDENIED, OMK_ENOENT: as omk_tool_run. */
int omk_weblog_make(const struct omk_node *n, struct omk_err *err);

/* The program's arguments, of p. */
const char *omk_weblog_arguments(apr_pool_t *p, const struct omk_node *n);

#endif
