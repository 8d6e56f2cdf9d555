#include "database_impl.h"

#include "err.h"

#include <mysqld_error.h>
#include <string.h>

static int drop_account(struct omk_db *d, const char *name, const char *host,
                        struct omk_err *err)
{
    char at[OMK_DB_QUOTED_MAX];

    return omk_db_run(d, "drop the user", err, "DROP USER IF EXISTS '%s'@%s",
                      name, omk_db_quoted(host, '\'', at));
}

/* Rights on tables and the like are taken with the account, which comes back
 * without them: that needs no statement of each kind, and hardly ever
 * happens. */
static int drop_surplus(struct omk_db *d, const char *name,
                        const struct omk_db_owner *u, struct omk_err *err)
{
    int rc = OMK_OK;

    for (const struct omk_db_account *a = u ? u->accounts : NULL; a && !rc;
         a = a->next) {
        if (strcmp(a->host, OMK_DB_HOST) != 0 || u->extras || a->global) {
            rc = drop_account(d, name, a->host, err);
        }
    }
    return rc;
}

static int set_hash(struct omk_db *d, const char *verb, const char *name,
                    const char *hash, struct omk_err *err)
{
    if (!omk_db_hash_ok(hash)) {
        return omk_fail(err, OMK_EINVAL, d->socket,
                        "MariaDB user %s: its password's hash is not of the "
                        "form * and 40 digits A to F",
                        name);
    }
    return omk_db_run(d, "set the user's password", err,
                      "%s '%s'@'" OMK_DB_HOST "' IDENTIFIED VIA " OMK_DB_PLUGIN
                      " USING '%s' "
                      "ACCOUNT UNLOCK",
                      verb, name, hash);
}

static int apply_account(struct omk_db *d, const char *name,
                         const struct omk_db_account *a, const char *hash,
                         struct omk_err *err)
{
    if (!a) {
        return set_hash(d, "CREATE USER IF NOT EXISTS", name, hash, err);
    }
    if (strcmp(a->plugin, OMK_DB_PLUGIN) != 0 || a->other || a->locked
        || (hash && strcmp(a->hash, hash) != 0)) {
        return set_hash(d, "ALTER USER", name, hash ? hash : a->hash, err);
    }
    return OMK_OK;
}

static int apply_database(struct omk_db *d, const struct omk_db_state *s,
                          const char *db, const char *user,
                          const struct omk_db_right *r, struct omk_err *err)
{
    char pattern[OMK_DB_PATTERN_MAX], name[OMK_DB_QUOTED_MAX];
    int rc = OMK_OK;

    (void)omk_db_quoted(omk_db_pattern(db, pattern), '`', name);
    if (!omk_db_has(s, db)) {
        rc = omk_db_run(
            d, "make a database", err,
            "CREATE DATABASE IF NOT EXISTS `%s` CHARACTER SET utf8mb4", db);
    }
    if (!rc && (!r || !r->all)) {
        rc =
            omk_db_run(d, "give rights", err,
                       "GRANT ALL PRIVILEGES ON %s.* TO '%s'@'" OMK_DB_HOST "'",
                       name, user);
    }
    if (!rc && r && r->grant) {
        rc = omk_db_run(d, "take a right", err,
                        "REVOKE GRANT OPTION ON %s.* FROM '%s'@'" OMK_DB_HOST
                        "'",
                        name, user);
    }
    return rc;
}

static int take_away(struct omk_db *d, const char *user,
                     const struct omk_db_right *r, struct omk_err *err)
{
    char db[OMK_DB_QUOTED_MAX];
    int rc =
        omk_db_run(d, "take rights", err,
                   "REVOKE ALL PRIVILEGES ON %s.* FROM '%s'@'" OMK_DB_HOST "'",
                   omk_db_quoted(r->db, '`', db), user);

    if (!rc && r->grant) {
        rc = omk_db_run(d, "take a right", err,
                        "REVOKE GRANT OPTION ON %s.* FROM '%s'@'" OMK_DB_HOST
                        "'",
                        db, user);
    }
    return rc;
}

static int refuse_foreign(struct omk_db *d, const char *name,
                          struct omk_err *err)
{
    return omk_fail(err, OMK_EDENIED, d->socket,
                    "MariaDB user %s exists and is no customer's; drop or "
                    "rename it, or choose another login",
                    name);
}

static int has_tables(struct omk_db *d, const char *db, bool *out,
                      struct omk_err *err)
{
    MYSQL_RES *result;
    int rc = omk_db_run(d, "look into a database", err,
                        "SELECT 1 FROM information_schema.TABLES WHERE "
                        "TABLE_SCHEMA = '%s' LIMIT 1",
                        db);

    if (rc) {
        return rc;
    }
    if (!(result = mysql_store_result(d->my))) {
        return omk_db_failed(d, "look into a database", err);
    }
    *out = mysql_num_rows(result) > 0;
    mysql_free_result(result);
    return OMK_OK;
}

/* Tables under a customer's name without such a user: whose are they? */
static int refuse_tables(struct omk_db *d, const struct omk_db_state *s,
                         const char *login, unsigned count, struct omk_err *err)
{
    char name[OMK_DB_NAME_MAX + 1], user[OMK_DB_NAME_MAX + 1];

    for (unsigned i = 1; i <= count; i++) {
        bool found = false;
        int rc;

        omk_db_name(login, i, name);
        if (!omk_db_has(s, name)) {
            continue;
        }
        rc = has_tables(d, name, &found, err);
        if (rc) {
            return rc;
        }
        if (found) {
            omk_db_user(login, user);
            return omk_fail(err, OMK_EDENIED, d->socket,
                            "database %s has tables, but there is no MariaDB "
                            "user %s; if they are this customer's, CREATE USER "
                            "%s@" OMK_DB_HOST
                            " first, else rename the database",
                            name, user, user);
        }
    }
    return OMK_OK;
}

static int apply_in(struct omk_db *d, apr_pool_t *p, const char *login,
                    unsigned count, const char *hash, struct omk_err *err)
{
    char name[OMK_DB_NAME_MAX + 1], db[OMK_DB_NAME_MAX + 1];
    char pattern[OMK_DB_PATTERN_MAX];
    struct omk_db_state *s;
    const struct omk_db_account *a;
    const struct omk_db_owner *u;
    bool dropped;
    int rc;

    omk_db_user(login, name);
    rc = omk_db_load_of(d, p, name, &s, err);
    if (rc) {
        return rc;
    }
    u = omk_db_find(s, name);
    a = omk_db_account_at(u, OMK_DB_HOST);
    if (omk_db_is_foreign(u, login)) {
        return refuse_foreign(d, name, err);
    }
    rc = a ? OMK_OK : refuse_tables(d, s, login, count, err);
    dropped = a && (u->extras || a->global);
    if (!rc && dropped && !hash && omk_db_hash_ok(a->hash)) {
        hash = a->hash;
    }
    if (!rc && (dropped || !a) && !omk_db_hash_ok(hash)) {
        rc = set_hash(d, "", name, hash, err); /* says what is wrong with it */
    }
    rc = rc ? rc : drop_surplus(d, name, u, err);
    rc = rc ? rc : apply_account(d, name, dropped ? NULL : a, hash, err);
    for (unsigned i = 1; i <= count && !rc; i++) {
        omk_db_name(login, i, db);
        rc = apply_database(
            d, s, db, name,
            dropped ? NULL : omk_db_right_on(u, omk_db_pattern(db, pattern)),
            err);
    }
    for (const struct omk_db_right *r = u && !dropped ? u->rights : NULL;
         r && !rc; r = r->next) {
        unsigned n = omk_db_number(login, r->db);

        if (!strcmp(r->host, OMK_DB_HOST) && (n == 0 || n > count)) {
            rc = take_away(d, name, r, err);
        }
    }
    return rc;
}

int omk_db_apply(struct omk_db *d, const char *login, unsigned count,
                 const char *hash, struct omk_err *err)
{
    apr_pool_t *p = omk_db_pool(err);
    int rc;

    if (!p) {
        return OMK_ENOMEM;
    }
    rc = apply_in(d, p, login, count, hash, err);
    apr_pool_destroy(p);
    return rc;
}

int omk_db_set_hash(struct omk_db *d, const char *login, const char *hash,
                    struct omk_err *err)
{
    char name[OMK_DB_NAME_MAX + 1];
    int rc;

    omk_db_user(login, name);
    rc = set_hash(d, "ALTER USER", name, hash, err);
    if (rc == OMK_EIO && mysql_errno(d->my) == ER_CANNOT_USER) {
        return omk_fail(err, OMK_ENOENT, d->socket,
                        "there is no MariaDB user %s@" OMK_DB_HOST, name);
    }
    return rc;
}

/* --- taking it away ------------------------------------------------------- */

/* Who is connected could make a database anew behind our back. */
static int shut_out(struct omk_db *d, const char *name, const char *host,
                    struct omk_err *err)
{
    char at[OMK_DB_QUOTED_MAX];
    int rc = omk_db_run(d, "lock the user", err,
                        "ALTER USER IF EXISTS '%s'@%s ACCOUNT LOCK", name,
                        omk_db_quoted(host, '\'', at));

    return rc ? rc
              : omk_db_run(d, "end the user's connections", err,
                           "KILL HARD CONNECTION USER '%s'@%s", name, at);
}

static int shut_out_in(struct omk_db *d, apr_pool_t *p, const char *login,
                       bool out, struct omk_err *err)
{
    char name[OMK_DB_NAME_MAX + 1];
    struct omk_db_state *s;
    const struct omk_db_owner *u;
    int rc;

    omk_db_user(login, name);
    rc = omk_db_load_of(d, p, name, &s, err);
    if (rc) {
        return rc;
    }
    u = omk_db_find(s, name);
    if (!u || omk_db_is_foreign(u, login)) {
        return OMK_OK;
    }
    for (const struct omk_db_account *a = u->accounts; a && !rc; a = a->next) {
        char at[OMK_DB_QUOTED_MAX];

        rc = out ? shut_out(d, name, a->host, err)
                 : omk_db_run(d, "unlock the user", err,
                              "ALTER USER IF EXISTS '%s'@%s ACCOUNT UNLOCK",
                              name, omk_db_quoted(a->host, '\'', at));
    }
    return rc;
}

int omk_db_shut_out(struct omk_db *d, const char *login, bool out,
                    struct omk_err *err)
{
    apr_pool_t *p = omk_db_pool(err);
    int rc;

    if (!p) {
        return OMK_ENOMEM;
    }
    rc = shut_out_in(d, p, login, out, err);
    apr_pool_destroy(p);
    return rc;
}

static int drop_in(struct omk_db *d, apr_pool_t *p, const char *login,
                   struct omk_err *err)
{
    char name[OMK_DB_NAME_MAX + 1], db[OMK_DB_NAME_MAX + 1];
    struct omk_db_state *s;
    const struct omk_db_owner *u;
    int rc;

    omk_db_user(login, name);
    rc = omk_db_load_of(d, p, name, &s, err);
    if (rc) {
        return rc;
    }
    u = omk_db_find(s, name);
    if (omk_db_is_foreign(u, login)) {
        return refuse_foreign(d, name, err);
    }
    rc = omk_db_account_at(u, OMK_DB_HOST)
             ? OMK_OK
             : refuse_tables(d, s, login, OMK_DATABASES_MAX, err);
    for (const struct omk_db_account *a = u ? u->accounts : NULL; a && !rc;
         a = a->next) {
        rc = shut_out(d, name, a->host, err);
    }
    for (unsigned i = 1; i <= OMK_DATABASES_MAX && !rc; i++) {
        omk_db_name(login, i, db);
        if (omk_db_has(s, db)) {
            rc = omk_db_run(d, "drop a database", err,
                            "DROP DATABASE IF EXISTS `%s`", db);
        }
    }
    /* Last: the rights tell on a second try whose the databases are. */
    for (const struct omk_db_account *a = u ? u->accounts : NULL; a && !rc;
         a = a->next) {
        rc = drop_account(d, name, a->host, err);
    }
    return rc;
}

int omk_db_drop(struct omk_db *d, const char *login, struct omk_err *err)
{
    apr_pool_t *p = omk_db_pool(err);
    int rc;

    if (!p) {
        return OMK_ENOMEM;
    }
    rc = drop_in(d, p, login, err);
    apr_pool_destroy(p);
    return rc;
}
