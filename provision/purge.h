/* Deletes what `customer remove` left of a customer, for good: databases,
 * tree, Unix user and secret, in this order, so that a purge that was broken
 * off is completed by the next. The archive stays.
 *
 * login must have passed omk_login_check, and the caller holds the node's
 * lock. */
#ifndef OMK_PURGE_H
#define OMK_PURGE_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct omk_err;
struct omk_node;

/* What there is. */
struct omk_purge {
    const char *login;
    unsigned databases;
    bool mysql_user;
    uint64_t database_bytes;
    const char *namesake; /* who has these databases now, or NULL */
    bool tree, secret;
    bool user;       /* with uid; this root's, and goes */
    bool user_stays; /* with uid; another root's */
    uid_t uid;
    apr_array_header_t *archives; /* const char *, the newest last */
};

/* Why a login may not be purged: OMK_EBUSY while it is declared or in the
 * current generation; OMK_ENOENT when nothing is there of it; OMK_EDENIED when
 * the Unix user is no customer's, or something is mounted in the tree; and
 * whatever keeps MariaDB from being asked. Changes nothing. */
int omk_purge_look(apr_pool_t *p, const struct omk_node *n, const char *login,
                   struct omk_purge *out, struct omk_err *err);

/* Does it. Errors as of omk_db_drop, omk_account_end_processes, omk_erase_tree,
 * omk_account_remove, omk_secret_remove; what was deleted before is gone. */
int omk_purge_do(apr_pool_t *p, const struct omk_node *n,
                 const struct omk_purge *what, struct omk_err *err);

/* Whether any of LOGIN.conf, .mail and .httpd.conf is there; *path, which may
 * be NULL, is the first that is. */
bool omk_is_declared(apr_pool_t *p, const struct omk_node *n, const char *login,
                     const char **path);

#endif
