/* Scripts that the operator has forbidden: STATE/cgi/denied, which the CGI
 * wrapper and mod_php_pool read (lib/denied.h), so that neither chmod nor
 * another upload lifts it. */
#ifndef OMK_DISABLED_H
#define OMK_DISABLED_H

#include "denied.h"

#include <apr_pools.h>
#include <stdbool.h>

struct omk_err;
struct omk_node;

#define OMK_WHY_MAX 300 /* bytes */

/* A file as the operator names it: LOGIN:/web/a.cgi, or its path on this
 * machine. OMK_EINVAL: not of that form, or not below a customer's web/;
 * OMK_ENOENT: there is no such customer. Both of p. */
int omk_disabled_name(apr_pool_t *p, const struct omk_node *n, const char *text,
                      const char **login, const char **path,
                      struct omk_err *err);

/* Forbids it, by its name and, where it is a regular file that no symbolic
 * link leads to, by its inode (*by_inode). Every directory on the way is the
 * customer's to change: nothing is followed and nothing is opened but by its
 * parent. OMK_EINVAL (why is no line of text, the path a directory),
 * OMK_EDENIED, OMK_EIO, OMK_ENOSPC. */
int omk_disabled_add(apr_pool_t *p, const struct omk_node *n, const char *login,
                     const char *path, const char *why, bool *by_inode,
                     struct omk_err *err);

/* Allows it again. OMK_ENOENT: it is not forbidden. */
int omk_disabled_remove(apr_pool_t *p, const struct omk_node *n,
                        const char *login, const char *path,
                        struct omk_err *err);

/* Allows all of a customer who is no more. */
int omk_disabled_forget(apr_pool_t *p, const struct omk_node *n,
                        const char *login, struct omk_err *err);

/* The list; omk_denied_free is the pool's. */
int omk_disabled_list(apr_pool_t *p, const struct omk_node *n,
                      const struct omk_denied **out, struct omk_err *err);

#endif
