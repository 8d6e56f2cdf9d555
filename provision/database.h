/* MariaDB: a customer's databases and the user that owns them.
 *
 * The server is reached by its Unix socket as the OS user that runs this
 * program (unix_socket authentication; no password is known here). Of a
 * customer there are the databases LOGIN01 … (names.h: without the login's
 * `-`), made in utf8mb4, and USER@localhost with all rights on exactly those,
 * no right elsewhere, and no account on another host. A database's default
 * character set is afterwards the customer's to change.
 *
 * What MariaDB has under a customer's name without belonging to a customer (an
 * account with other rights only, tables without an account) is never taken
 * over: OMK_EDENIED.
 *
 * A password hash is `*` and 40 hexadecimal digits in upper case
 * (mysql_native_password); it never appears in an error. Errors have the
 * socket in err->where: OMK_EDENIED (MariaDB does not let this user in, or a
 * foreign account), OMK_EIO (everything else of the server's),
 * OMK_EINVAL (a hash without its form). One omk_db is for one thread. */
#ifndef OMK_DATABASE_H
#define OMK_DATABASE_H

#include <apr_pools.h>
#include <stdbool.h>
#include <stdint.h>

struct omk_err;
struct omk_node;
struct omk_db;
struct omk_db_state;

/* Connects. omk_db_close must follow; it takes NULL, too. */
int omk_db_open(const struct omk_node *n, struct omk_db **out,
                struct omk_err *err);
void omk_db_close(struct omk_db *d);

/* Everything that MariaDB has, by a number of queries that does not depend on
 * how much that is. *out is of p. */
int omk_db_load(struct omk_db *d, apr_pool_t *p, struct omk_db_state **out,
                struct omk_err *err);

/* Adds the databases' sizes to s: one query more, but one for which the server
 * opens each table. */
int omk_db_load_sizes(struct omk_db *d, struct omk_db_state *s,
                      struct omk_err *err);

/* Bytes of data and indexes in all of a login's databases; 0 before
 * omk_db_load_sizes. */
uint64_t omk_db_size(const struct omk_db_state *s, const char *login);

/* How many databases a login has, and whether there is its user. */
unsigned omk_db_count(const struct omk_db_state *s, const char *login,
                      bool *user);

/* Calls missing with a line for each thing that is not as it must be (or is
 * too much). hash may be NULL: then it is not compared. */
void omk_db_check(const struct omk_db_state *s, const char *login,
                  unsigned count, const char *hash,
                  void (*missing)(void *ctx, const char *what), void *ctx);

/* Accounts without a name and rights of everybody, through which a customer
 * would get at others' data: a line for each. */
void omk_db_check_node(const struct omk_db_state *s,
                       void (*found)(void *ctx, const char *what), void *ctx);

/* Makes the databases, the user and its rights as omk_db_check wants them;
 * what is right already is left alone, so that it may be done again and again.
 * No database is ever dropped, also not one above count. hash may be NULL when
 * the user exists. */
int omk_db_apply(struct omk_db *d, const char *login, unsigned count,
                 const char *hash, struct omk_err *err);

/* Sets the password of an existing user. OMK_ENOENT when there is none. */
int omk_db_set_hash(struct omk_db *d, const char *login, const char *hash,
                    struct omk_err *err);

/* Writes each database of the login as NAME.sql (0600) into the directory
 * dirfd, synced. The files make and fill the databases when fed to mariadb.
 * said gets what mariadb-dump complained about without giving up, e.g. a view
 * whose table is gone. OMK_EIO (also a full disk); a file of that name that is
 * there already is OMK_EBUSY. What was written stays. */
int omk_db_dump(struct omk_db *d, const char *login, int dirfd,
                void (*said)(void *ctx, const char *line), void *ctx,
                struct omk_err *err);

/* Locks the customer's user and ends its connections, or (out false) unlocks
 * it. A dump as administrator needs it: a table that becomes a view while it is
 * dumped would run the customer's functions with the administrator's rights.
 * Nothing to do where there is no such user of a customer's. OMK_EIO. */
int omk_db_shut_out(struct omk_db *d, const char *login, bool out,
                    struct omk_err *err);

/* Ends the user's connections and drops its databases and itself for good.
 * Nothing there is no error; a foreign account is OMK_EDENIED. */
int omk_db_drop(struct omk_db *d, const char *login, struct omk_err *err);

/* Whether hash has the form. */
bool omk_db_hash_ok(const char *hash);

#endif
