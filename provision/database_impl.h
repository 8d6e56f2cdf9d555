/* What the files of database.h share. */
#ifndef OMK_DATABASE_IMPL_H
#define OMK_DATABASE_IMPL_H

#include "database.h"
#include "names.h"

#include <apr_hash.h>
#include <mysql.h>
#include <stdbool.h>

#define OMK_DB_HOST "localhost"
#define OMK_DB_PLUGIN "mysql_native_password"
#define OMK_DB_QUOTED_MAX (2 * 256 + 3) /* bytes, NUL included */
#define OMK_DB_PATTERN_MAX (2 * 64 + 1)

struct omk_db {
    MYSQL *my;
    char socket[256];
};

/* A row of mysql.global_priv. */
struct omk_db_account {
    const char *host;
    const char *plugin, *hash; /* "" where there is none */
    bool locked;
    bool global; /* has rights of the whole server */
    bool other;  /* further ways to log in, or a role */
    const struct omk_db_account *next;
};

/* A row of mysql.db. */
struct omk_db_right {
    const char *host, *db; /* db is a pattern, and its text is kept */
    bool all;              /* every right on it */
    bool grant;            /* may hand them on */
    const struct omk_db_right *next;
};

/* A right on a table, column, routine, role or another account. */
struct omk_db_extra {
    const char *host, *what;
    const struct omk_db_extra *next;
};

struct omk_db_owner {
    const struct omk_db_account *accounts;
    const struct omk_db_right *rights;
    const struct omk_db_extra *extras;
};

struct omk_db_state {
    apr_pool_t *pool;
    apr_hash_t *users;     /* name → struct omk_db_owner */
    apr_hash_t *databases; /* name → uint64_t, its size */
};

struct omk_db_report {
    void (*to)(void *ctx, const char *what);
    void *ctx;
};

/* --- database.c ------------------------------------------------------------
 */

/* The server's last error: what was tried, and what it says. */
int omk_db_failed(struct omk_db *d, const char *what, struct omk_err *err);

/* Runs a statement of at most 2047 bytes. The error says what, never the
 * statement, which may hold a hash. */
int omk_db_run(struct omk_db *d, const char *what, struct omk_err *err,
               const char *format, ...) __attribute__((format(printf, 4, 5)));

/* A literal: quote is ' for values and ` for names. */
const char *omk_db_quoted(const char *text, char quote,
                          char out[OMK_DB_QUOTED_MAX]);

/* Of a database's name the pattern that matches it alone, for GRANT. */
const char *omk_db_pattern(const char *name, char out[OMK_DB_PATTERN_MAX]);

/* Whom this program runs as: its account in MariaDB. */
const char *omk_db_os_user(void);

/* A pool of its own for one call; NULL: out of memory, and err says so. */
apr_pool_t *omk_db_pool(struct omk_err *err);

/* A line for the caller, in printable ASCII. */
void omk_db_say(const struct omk_db_report *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* --- database_state.c ------------------------------------------------------
 */

/* The state of all, or of one user and all databases. user must be a name of
 * omk_db_user's. */
int omk_db_load_of(struct omk_db *d, apr_pool_t *p, const char *user,
                   struct omk_db_state **out, struct omk_err *err);

bool omk_db_has(const struct omk_db_state *s, const char *name);
/* NULL where there is none; the same below, also for NULL. */
const struct omk_db_owner *omk_db_find(const struct omk_db_state *s,
                                       const char *name);
const struct omk_db_account *omk_db_account_at(const struct omk_db_owner *u,
                                               const char *host);
const struct omk_db_right *omk_db_right_on(const struct omk_db_owner *u,
                                           const char *pattern);

/* 1 to 99 when pattern is exactly the n-th database of the login; else 0. */
unsigned omk_db_number(const char *login, const char *pattern);

/* An account that has rights, but none that a customer's has: somebody else's
 * of the same name. One that a broken-off omk_db_apply left has no rights at
 * all. */
bool omk_db_is_foreign(const struct omk_db_owner *u, const char *login);

#endif
