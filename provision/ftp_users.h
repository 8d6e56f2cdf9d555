/* Who may log in by FTP: STATE/ftp/users and STATE/ftp/groups, in the form of
 * passwd(5) and group(5) as ProFTPD's mod_auth_file reads them, at each login.
 *
 * They are no part of a generation: a rollback brings no old password back,
 * and a new customer or password reloads nothing. Who is suspended, or has no
 * password yet, does not stand in them. Root's, 0600. */
#ifndef OMK_FTP_USERS_H
#define OMK_FTP_USERS_H

#include <apr_pools.h>
#include <stdbool.h>

struct omk_accounts;
struct omk_customers;
struct omk_err;
struct omk_node;

/* Of p. */
const char *omk_ftp_users_path(apr_pool_t *p, const struct omk_node *n);
const char *omk_ftp_groups_path(apr_pool_t *p, const struct omk_node *n);

/* Whether this node has FTP at all: a program, an address, and root. */
bool omk_ftp_is_here(const struct omk_node *n);

/* Whether our mod_ftpaccess.so is at its path; else FTP does without. */
bool omk_ftp_has_ours(const struct omk_node *n);

/* The first port that FTP is served at; 0: none. */
unsigned omk_ftp_port(const struct omk_node *n);

/* Whether both files are as they must be for these customers. */
bool omk_ftp_users_are_made(apr_pool_t *p, const struct omk_node *n,
                            const struct omk_accounts *a,
                            const struct omk_customers *c);

/* Writes what differs, each file in one step, and ends the sessions of those
 * whose line it changes or takes away. Entries without customer and
 * customers without user are left out. OMK_ENOSPC, OMK_EIO, OMK_EDAMAGED (a
 * secret; the others are written all the same). */
int omk_ftp_users_make(apr_pool_t *p, const struct omk_node *n,
                       const struct omk_accounts *a,
                       const struct omk_customers *c, struct omk_err *err);

/* The same for the customers of the current generation; nothing to do where
 * there is none, or no FTP. */
int omk_ftp_users_refresh(apr_pool_t *p, const struct omk_node *n,
                          struct omk_err *err);

#endif
