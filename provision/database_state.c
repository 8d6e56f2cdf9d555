#include "database_impl.h"

#include "err.h"

#include <apr_strings.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

struct row {
    const char *const *values; /* NULL is SQL's */
    const MYSQL_FIELD *fields;
    unsigned columns;
};

static struct omk_db_owner *user_of(struct omk_db_state *s, const char *name)
{
    struct omk_db_owner *u = apr_hash_get(s->users, name, APR_HASH_KEY_STRING);

    if (!u) {
        u = apr_pcalloc(s->pool, sizeof *u);
        apr_hash_set(s->users, apr_pstrdup(s->pool, name), APR_HASH_KEY_STRING,
                     u);
    }
    return u;
}

static const char *text_of(apr_pool_t *p, const char *text)
{
    return text ? apr_pstrdup(p, text) : "";
}

static const char *json_text(apr_pool_t *p, const json_t *o, const char *key)
{
    return text_of(p, json_string_value(json_object_get(o, key)));
}

/* What cannot be read counts as too much. */
static void take_account(struct omk_db_state *s, const struct row *row)
{
    /* All rights are 2^64-1: more than jansson's integers hold. */
    json_t *priv = json_loads(row->values[2] ? row->values[2] : "",
                              JSON_DECODE_INT_AS_REAL, NULL);
    struct omk_db_account *a = apr_pcalloc(s->pool, sizeof *a);
    struct omk_db_owner *u = user_of(s, row->values[0]);

    a->host = text_of(s->pool, row->values[1]);
    a->plugin = json_text(s->pool, priv, "plugin");
    a->hash = json_text(s->pool, priv, "authentication_string");
    a->locked = json_is_true(json_object_get(priv, "account_locked"));
    a->global = !priv || json_real_value(json_object_get(priv, "access")) > 0.5;
    /* auth_or keeps one empty object of several that were. */
    a->other = !priv || json_array_size(json_object_get(priv, "auth_or")) > 1
               || json_is_true(json_object_get(priv, "is_role"));
    a->next = u->accounts;
    u->accounts = a;
    json_decref(priv);
}

static bool ends_in(const char *text, const char *end)
{
    size_t len = strlen(text), n = strlen(end);

    return len > n && !strcmp(text + len - n, end);
}

/* The columns NAME_priv differ from version to version. */
static void take_right(struct omk_db_state *s, const struct row *row)
{
    struct omk_db_right *r = apr_pcalloc(s->pool, sizeof *r);
    const char *user = "";
    struct omk_db_owner *u;

    r->all = true;
    r->host = r->db = "";
    for (unsigned i = 0; i < row->columns; i++) {
        const char *name = row->fields[i].name;
        const char *value = row->values[i] ? row->values[i] : "";

        if (!strcmp(name, "Host")) {
            r->host = apr_pstrdup(s->pool, value);
        }
        else if (!strcmp(name, "Db")) {
            r->db = apr_pstrdup(s->pool, value);
        }
        else if (!strcmp(name, "User")) {
            user = value;
        }
        else if (!strcmp(name, "Grant_priv")) {
            r->grant = *value == 'Y';
        }
        else if (ends_in(name, "_priv")) {
            r->all = r->all && *value == 'Y';
        }
    }
    u = user_of(s, user);
    r->next = u->rights;
    u->rights = r;
}

static void take_extra(struct omk_db_state *s, const struct row *row)
{
    struct omk_db_extra *e = apr_pcalloc(s->pool, sizeof *e);
    struct omk_db_owner *u = user_of(s, row->values[0] ? row->values[0] : "");

    e->host = text_of(s->pool, row->values[1]);
    e->what = text_of(s->pool, row->values[2]);
    e->next = u->extras;
    u->extras = e;
}

static void take_database(struct omk_db_state *s, const struct row *row)
{
    uint64_t *size = apr_pcalloc(s->pool, sizeof *size);

    if (row->values[0]) {
        apr_hash_set(s->databases, apr_pstrdup(s->pool, row->values[0]),
                     APR_HASH_KEY_STRING, size);
    }
}

static void take_size(struct omk_db_state *s, const struct row *row)
{
    uint64_t *size = row->values[0] ? apr_hash_get(s->databases, row->values[0],
                                                   APR_HASH_KEY_STRING)
                                    : NULL;

    if (size && row->values[1]) {
        /* A number of the server's own. */
        *size = strtoull(row->values[1], NULL, 10);
    }
}

/* Hands each row of the statement's result to take. */
static int rows(struct omk_db *d, struct omk_db_state *s, const char *what,
                const char *sql,
                void (*take)(struct omk_db_state *s, const struct row *row),
                struct omk_err *err)
{
    MYSQL_RES *result;
    MYSQL_ROW values;

    if (mysql_query(d->my, sql) || !(result = mysql_store_result(d->my))) {
        return omk_db_failed(d, what, err);
    }
    while ((values = mysql_fetch_row(result))) {
        const struct row row = {(const char *const *)values,
                                mysql_fetch_fields(result),
                                mysql_num_fields(result)};

        take(s, &row);
    }
    mysql_free_result(result);
    return OMK_OK;
}

static const struct {
    const char *what, *sql;
    bool of_user; /* its rows are one user's each */
    void (*take)(struct omk_db_state *s, const struct row *row);
} queries[] = {
    {"list databases", "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA",
     false, take_database},
    {"read mysql.global_priv", "SELECT User, Host, Priv FROM mysql.global_priv",
     true, take_account},
    {"read mysql.db", "SELECT * FROM mysql.db", true, take_right},
    {"read the rights",
     "SELECT User, Host, what FROM ("
     "SELECT User, Host, CONCAT('the table ', Db, '.', Table_name) AS what "
     "FROM mysql.tables_priv "
     "UNION SELECT User, Host, CONCAT('the routine ', Db, '.', Routine_name) "
     "FROM mysql.procs_priv "
     "UNION SELECT User, Host, CONCAT('the role ', Role) "
     "FROM mysql.roles_mapping "
     "UNION SELECT User, Host, CONCAT('the account ', Proxied_user, '@', "
     "Proxied_host) FROM mysql.proxies_priv) AS extras",
     true, take_extra},
};

/* The state of all, or of one user (and all databases). */
int omk_db_load_of(struct omk_db *d, apr_pool_t *p, const char *user,
                   struct omk_db_state **out, struct omk_err *err)
{
    struct omk_db_state *s = apr_pcalloc(p, sizeof *s);
    int rc;

    s->pool = p;
    s->users = apr_hash_make(p);
    s->databases = apr_hash_make(p);
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        const char *sql = queries[i].sql;

        if (user && queries[i].of_user) {
            sql = apr_psprintf(p, "%s WHERE User = '%s'", sql, user);
        }
        rc = rows(d, s, queries[i].what, sql, queries[i].take, err);
        if (rc) {
            return rc;
        }
    }
    *out = s;
    return OMK_OK;
}

int omk_db_load(struct omk_db *d, apr_pool_t *p, struct omk_db_state **out,
                struct omk_err *err)
{
    return omk_db_load_of(d, p, NULL, out, err);
}

int omk_db_load_sizes(struct omk_db *d, struct omk_db_state *s,
                      struct omk_err *err)
{
    return rows(d, s, "read the sizes",
                "SELECT TABLE_SCHEMA, SUM(DATA_LENGTH + INDEX_LENGTH) "
                "FROM information_schema.TABLES WHERE TABLE_TYPE = 'BASE "
                "TABLE' GROUP BY TABLE_SCHEMA",
                take_size, err);
}

uint64_t omk_db_size(const struct omk_db_state *s, const char *login)
{
    char name[OMK_DB_NAME_MAX + 1];
    uint64_t sum = 0;

    for (unsigned i = 1; i <= OMK_DATABASES_MAX; i++) {
        const uint64_t *size;

        omk_db_name(login, i, name);
        size = apr_hash_get(s->databases, name, APR_HASH_KEY_STRING);
        sum += size ? *size : 0;
    }
    return sum;
}

/* --- what is not as it must be -------------------------------------------- */

bool omk_db_has(const struct omk_db_state *s, const char *name)
{
    return apr_hash_get(s->databases, name, APR_HASH_KEY_STRING) != NULL;
}

const struct omk_db_owner *omk_db_find(const struct omk_db_state *s,
                                       const char *name)
{
    return apr_hash_get(s->users, name, APR_HASH_KEY_STRING);
}

unsigned omk_db_count(const struct omk_db_state *s, const char *login,
                      bool *user)
{
    char name[OMK_DB_NAME_MAX + 1];
    const struct omk_db_owner *u;
    unsigned count = 0;

    omk_db_user(login, name);
    u = omk_db_find(s, name);
    *user = u && u->accounts;
    for (unsigned i = 1; i <= OMK_DATABASES_MAX; i++) {
        omk_db_name(login, i, name);
        count += omk_db_has(s, name) ? 1 : 0;
    }
    return count;
}

const struct omk_db_account *omk_db_account_at(const struct omk_db_owner *u,
                                               const char *host)
{
    const struct omk_db_account *a = u ? u->accounts : NULL;

    while (a && strcmp(a->host, host) != 0) {
        a = a->next;
    }
    return a;
}

const struct omk_db_right *omk_db_right_on(const struct omk_db_owner *u,
                                           const char *pattern)
{
    const struct omk_db_right *r = u ? u->rights : NULL;

    while (
        r
        && (strcmp(r->host, OMK_DB_HOST) != 0 || strcmp(r->db, pattern) != 0)) {
        r = r->next;
    }
    return r;
}

/* 1 to 99 when pattern is exactly the n-th database of the login; else 0. */
unsigned omk_db_number(const char *login, const char *pattern)
{
    char name[OMK_DB_NAME_MAX + 1], own[OMK_DB_PATTERN_MAX];

    for (unsigned i = 1; i <= OMK_DATABASES_MAX; i++) {
        omk_db_name(login, i, name);
        if (!strcmp(omk_db_pattern(name, own), pattern)) {
            return i;
        }
    }
    return 0;
}

/* An account that has rights, but none that a customer's has: somebody else's
 * of the same name. One that a broken-off omk_db_apply left has no rights at
 * all. */
bool omk_db_is_foreign(const struct omk_db_owner *u, const char *login)
{
    bool has_rights = false;

    if (!u || !u->accounts) {
        return false;
    }
    for (const struct omk_db_right *r = u->rights; r; r = r->next) {
        if (!strcmp(r->host, OMK_DB_HOST) && omk_db_number(login, r->db)) {
            return false;
        }
        has_rights = true;
    }
    for (const struct omk_db_account *a = u->accounts; a; a = a->next) {
        has_rights =
            has_rights || a->global || strcmp(a->host, OMK_DB_HOST) != 0;
    }
    return has_rights || u->extras;
}

static void check_account(const struct omk_db_account *a, const char *name,
                          const char *hash, const struct omk_db_report *report)
{
    if (strcmp(a->plugin, OMK_DB_PLUGIN) != 0 || a->other
        || (hash && strcmp(a->hash, hash) != 0)) {
        omk_db_say(report,
                   "MariaDB user %s@" OMK_DB_HOST " has another password",
                   name);
    }
    if (a->locked) {
        omk_db_say(report, "MariaDB user %s@" OMK_DB_HOST " is locked", name);
    }
    if (a->global) {
        omk_db_say(report,
                   "MariaDB user %s@" OMK_DB_HOST
                   " has rights on the whole server",
                   name);
    }
}

static void check_databases(const struct omk_db_state *s, const char *login,
                            unsigned count, const struct omk_db_owner *u,
                            const struct omk_db_report *report)
{
    char name[OMK_DB_NAME_MAX + 1], pattern[OMK_DB_PATTERN_MAX];

    for (unsigned i = 1; i <= count; i++) {
        const struct omk_db_right *r;

        omk_db_name(login, i, name);
        if (!omk_db_has(s, name)) {
            omk_db_say(report, "database %s is missing", name);
            continue; /* and so are the rights on it, in general */
        }
        r = omk_db_right_on(u, omk_db_pattern(name, pattern));
        if (!r || !r->all) {
            omk_db_say(report, "database %s: its user has not got all rights",
                       name);
        }
        if (r && r->grant) {
            omk_db_say(report, "database %s: its user may hand rights on",
                       name);
        }
    }
}

static void check_too_much(const char *login, const char *name, unsigned count,
                           const struct omk_db_owner *u,
                           const struct omk_db_report *report)
{
    for (const struct omk_db_account *a = u->accounts; a; a = a->next) {
        if (strcmp(a->host, OMK_DB_HOST) != 0) {
            omk_db_say(report, "MariaDB user %s@%s is one too many", name,
                       a->host);
        }
    }
    for (const struct omk_db_right *r = u->rights; r; r = r->next) {
        unsigned n = omk_db_number(login, r->db);

        if (!strcmp(r->host, OMK_DB_HOST) && (n == 0 || n > count)) {
            omk_db_say(report, "MariaDB user %s has rights on '%s'", name,
                       r->db);
        }
    }
    for (const struct omk_db_extra *e = u->extras; e; e = e->next) {
        omk_db_say(report, "MariaDB user %s has rights on %s", name, e->what);
    }
}

void omk_db_check(const struct omk_db_state *s, const char *login,
                  unsigned count, const char *hash,
                  void (*missing)(void *ctx, const char *what), void *ctx)
{
    const struct omk_db_report report = {missing, ctx};
    char name[OMK_DB_NAME_MAX + 1];
    const struct omk_db_owner *u;
    const struct omk_db_account *a;

    omk_db_user(login, name);
    u = omk_db_find(s, name);
    a = omk_db_account_at(u, OMK_DB_HOST);
    if (omk_db_is_foreign(u, login)) {
        omk_db_say(&report,
                   "MariaDB user %s exists and is no customer's; drop or "
                   "rename it, or choose another login",
                   name);
        return;
    }
    if (!a) {
        omk_db_say(&report, "MariaDB user %s@" OMK_DB_HOST " is missing", name);
    }
    else {
        check_account(a, name, hash, &report);
    }
    check_databases(s, login, count, u, &report);
    if (u) {
        check_too_much(login, name, count, u, &report);
    }
}

void omk_db_check_node(const struct omk_db_state *s,
                       void (*found)(void *ctx, const char *what), void *ctx)
{
    const struct omk_db_report report = {found, ctx};
    const struct omk_db_owner *u = omk_db_find(s, "");

    if (!u) {
        return;
    }
    for (const struct omk_db_account *a = u->accounts; a; a = a->next) {
        omk_db_say(&report,
                   "MariaDB lets anybody in from '%s' without a name; DROP "
                   "USER ''@'%s'",
                   a->host, a->host);
    }
    for (const struct omk_db_right *r = u->rights; r; r = r->next) {
        omk_db_say(&report,
                   "everybody has rights on '%s' in MariaDB; delete its row "
                   "from mysql.db",
                   r->db);
    }
}
