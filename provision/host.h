/* What the machine has of a customer's besides its generation: the Unix user,
 * the tree, the quota, the databases. Looked at for a plan, and made, which
 * only ever adds and repairs, before an apply flips. */
#ifndef OMK_HOST_H
#define OMK_HOST_H

#include <apr_pools.h>
#include <stdbool.h>

struct omk_accounts;
struct omk_customer_entry;
struct omk_customers;
struct omk_db_state;
struct omk_err;
struct omk_host;
struct omk_node;
struct omk_plan;

/* Reads the users, and what MariaDB has where it answers. */
int omk_host_open(apr_pool_t *p, const struct omk_node *n,
                  struct omk_host **out, struct omk_err *err);
void omk_host_close(struct omk_host *h);

/* The same for looking only, of what was read already: users, and MariaDB's
 * state (NULL: unknown). Nothing to close. */
struct omk_host *omk_host_of(apr_pool_t *p, const struct omk_node *n,
                             struct omk_accounts *accounts,
                             struct omk_db_state *state);

/* Why the databases cannot be looked at, or NULL when they can. */
const char *omk_host_no_databases(const struct omk_host *h);

/* Adds to the plan what is missing or not as it must be, and holds who has a
 * login that is another's user. */
void omk_host_plan(struct omk_host *h, struct omk_plan *plan);

/* Whether a customer of the plan, or phpMyAdmin, has no user yet. */
bool omk_host_lacks_users(const struct omk_host *h,
                          const struct omk_plan *plan);

/* Makes what all customers have in common: the logger's user,
 * phpMyAdmin's user and directory. */
int omk_host_make_node(struct omk_host *h, struct omk_err *err);

/* Makes it so, for one customer. */
int omk_host_make(struct omk_host *h, const struct omk_customer_entry *e,
                  struct omk_err *err);

/* Writes who may log in by FTP, once a generation of these customers holds. */
int omk_host_make_logins(struct omk_host *h, const struct omk_customers *c,
                         struct omk_err *err);

/* MariaDB's part of a new password. Nothing to do where the customer has no
 * user there yet; where MariaDB does not run the next apply does it. */
int omk_host_set_password(apr_pool_t *p, const struct omk_node *n,
                          const char *login, const char *hash,
                          struct omk_err *err);

#endif
