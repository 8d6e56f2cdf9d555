#include "database.h"

#include "err.h"
#include "names.h"
#include "node.h"

#include <apr_hash.h>
#include <apr_strings.h>
#include <apr_tables.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <mysql.h>
#include <mysqld_error.h>
#include <errmsg.h>
#include <poll.h>
#include <pwd.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define HOST "localhost"
#define PLUGIN "mysql_native_password"
#define HASH_LEN 41

#define CONNECT_S 10
#define ANSWER_S 600 /* DROP DATABASE of many gigabytes */

#define STATEMENT_MAX 2048
#define NAME_MAX_QUOTED (2 * 256 + 3)

struct omk_db {
    MYSQL *my;
    char socket[256];
};

/* A row of mysql.global_priv. */
struct account {
    const char *host;
    const char *plugin, *hash; /* "" where there is none */
    bool locked;
    bool global; /* has rights of the whole server */
    bool other;  /* further ways to log in, or a role */
    const struct account *next;
};

/* A row of mysql.db. */
struct right {
    const char *host, *db; /* db is a pattern, and its text is kept */
    bool all;              /* every right on it */
    bool grant;            /* may hand them on */
    const struct right *next;
};

/* A right on a table, column, routine, role or another account. */
struct extra {
    const char *host, *what;
    const struct extra *next;
};

struct user {
    const struct account *accounts;
    const struct right *rights;
    const struct extra *extras;
};

struct omk_db_state {
    apr_pool_t *pool;
    apr_hash_t *users;     /* name → struct user */
    apr_hash_t *databases; /* name → uint64_t, its size */
};

/* --- talking to the server ----------------------------------------------- */

static int server_failed(struct omk_db *d, const char *what,
                         struct omk_err *err)
{
    return omk_fail(err, OMK_EIO, d->socket, "MariaDB: %s: %s", what,
                    mysql_error(d->my));
}

/* what stands in the error, and says what was done; the statement may hold a
 * hash, and does not. */
static int run(struct omk_db *d, const char *what, struct omk_err *err,
               const char *format, ...) __attribute__((format(printf, 4, 5)));

static int run(struct omk_db *d, const char *what, struct omk_err *err,
               const char *format, ...)
{
    char sql[STATEMENT_MAX];
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(sql, sizeof sql, format, args);
    va_end(args);
    if (len < 0 || (size_t)len >= sizeof sql) {
        return omk_fail(err, OMK_ERANGE, d->socket,
                        "MariaDB: %s: a name is too long", what);
    }
    return mysql_real_query(d->my, sql, (unsigned long)len)
               ? server_failed(d, what, err)
               : OMK_OK;
}

/* A string literal. `quote` is ' for values and ` for names; both are doubled,
 * as is a backslash in a value. */
static const char *quoted(const char *text, char quote,
                          char out[NAME_MAX_QUOTED])
{
    size_t n = 0;

    out[n++] = quote;
    for (; *text && n + 4 < NAME_MAX_QUOTED; text++) {
        if (*text == quote || (*text == '\\' && quote == '\'')) {
            out[n++] = *text;
        }
        out[n++] = *text;
    }
    out[n++] = quote;
    out[n] = '\0';
    return out;
}

/* Of a database's name the pattern that matches it alone, for GRANT. */
static const char *pattern_of(const char *name, char out[2 * 64 + 1])
{
    size_t n = 0;

    for (; *name && n + 2 < 2 * 64 + 1; name++) {
        if (*name == '_' || *name == '%') {
            out[n++] = '\\';
        }
        out[n++] = *name;
    }
    out[n] = '\0';
    return out;
}

static const char *os_user(void)
{
    const struct passwd *pw = getpwuid(geteuid());

    return pw ? pw->pw_name : "root";
}

static int connect_failed(struct omk_db *d, const char *user,
                          struct omk_err *err)
{
    switch (mysql_errno(d->my)) {
    case CR_CONNECTION_ERROR:
    case CR_CONN_HOST_ERROR:
        return omk_fail(err, OMK_EIO, d->socket,
                        "MariaDB cannot be reached: %s; is it running?",
                        mysql_error(d->my));
    case ER_ACCESS_DENIED_ERROR:
    case ER_ACCESS_DENIED_NO_PASSWORD_ERROR:
        return omk_fail(
            err, OMK_EDENIED, d->socket,
            "MariaDB does not let %s in; as its administrator: GRANT ALL ON "
            "*.* TO '%s'@'localhost' IDENTIFIED VIA unix_socket WITH GRANT "
            "OPTION",
            user, user);
    default:
        return server_failed(d, "connect", err);
    }
}

int omk_db_open(const struct omk_node *n, struct omk_db **out,
                struct omk_err *err)
{
    struct omk_db *d = calloc(1, sizeof *d);
    const unsigned connect_s = CONNECT_S, answer_s = ANSWER_S;
    const unsigned local_infile = 0, protocol = MYSQL_PROTOCOL_SOCKET;
    const char *user = os_user();
    int rc;

    if (!d || !(d->my = mysql_init(NULL))) {
        free(d);
        return omk_fail(err, OMK_ENOMEM, "", "out of memory");
    }
    (void)snprintf(d->socket, sizeof d->socket, "%s", n->mysql_socket);
    /* None of these fails for a value of its own type. */
    (void)mysql_options(d->my, MYSQL_OPT_CONNECT_TIMEOUT, &connect_s);
    (void)mysql_options(d->my, MYSQL_OPT_READ_TIMEOUT, &answer_s);
    (void)mysql_options(d->my, MYSQL_OPT_WRITE_TIMEOUT, &answer_s);
    (void)mysql_options(d->my, MYSQL_OPT_PROTOCOL, &protocol);
    (void)mysql_options(d->my, MYSQL_OPT_LOCAL_INFILE, &local_infile);
    (void)mysql_options(d->my, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    if (!mysql_real_connect(d->my, NULL, user, NULL, NULL, 0, n->mysql_socket,
                            0)) {
        rc = connect_failed(d, user, err);
        omk_db_close(d);
        return rc;
    }
    *out = d;
    return OMK_OK;
}

void omk_db_close(struct omk_db *d)
{
    if (d) {
        mysql_close(d->my);
        free(d);
    }
}

bool omk_db_hash_ok(const char *hash)
{
    return hash && strlen(hash) == HASH_LEN && *hash == '*'
           && strspn(hash + 1, "0123456789ABCDEF") == HASH_LEN - 1;
}

/* --- what is there ------------------------------------------------------- */

static struct user *user_of(struct omk_db_state *s, const char *name)
{
    struct user *u = apr_hash_get(s->users, name, APR_HASH_KEY_STRING);

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
static void take_account(struct omk_db_state *s, const char *const *row,
                         const MYSQL_FIELD *fields, unsigned columns)
{
    /* All rights are 2^64-1: more than jansson's integers hold. */
    json_t *priv =
        json_loads(row[2] ? row[2] : "", JSON_DECODE_INT_AS_REAL, NULL);
    struct account *a = apr_pcalloc(s->pool, sizeof *a);
    struct user *u = user_of(s, row[0]);

    (void)fields;
    (void)columns;
    a->host = text_of(s->pool, row[1]);
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
static void take_right(struct omk_db_state *s, const char *const *row,
                       const MYSQL_FIELD *fields, unsigned columns)
{
    struct right *r = apr_pcalloc(s->pool, sizeof *r);
    const char *user = "";
    struct user *u;

    r->all = true;
    r->host = r->db = "";
    for (unsigned i = 0; i < columns; i++) {
        const char *name = fields[i].name, *value = row[i] ? row[i] : "";

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

static void take_extra(struct omk_db_state *s, const char *const *row,
                       const MYSQL_FIELD *fields, unsigned columns)
{
    struct extra *e = apr_pcalloc(s->pool, sizeof *e);
    struct user *u = user_of(s, row[0] ? row[0] : "");

    (void)fields;
    (void)columns;
    e->host = text_of(s->pool, row[1]);
    e->what = text_of(s->pool, row[2]);
    e->next = u->extras;
    u->extras = e;
}

static void take_database(struct omk_db_state *s, const char *const *row,
                          const MYSQL_FIELD *fields, unsigned columns)
{
    uint64_t *size = apr_pcalloc(s->pool, sizeof *size);

    (void)fields;
    (void)columns;
    if (row[0]) {
        apr_hash_set(s->databases, apr_pstrdup(s->pool, row[0]),
                     APR_HASH_KEY_STRING, size);
    }
}

static void take_size(struct omk_db_state *s, const char *const *row,
                      const MYSQL_FIELD *fields, unsigned columns)
{
    uint64_t *size =
        row[0] ? apr_hash_get(s->databases, row[0], APR_HASH_KEY_STRING) : NULL;

    (void)fields;
    (void)columns;
    if (size && row[1]) {
        *size = strtoull(row[1], NULL, 10); /* a number of the server's own */
    }
}

/* Hands each row of the statement's result to take. */
static int rows(struct omk_db *d, struct omk_db_state *s, const char *what,
                const char *sql,
                void (*take)(struct omk_db_state *s, const char *const *row,
                             const MYSQL_FIELD *fields, unsigned columns),
                struct omk_err *err)
{
    MYSQL_RES *result;
    MYSQL_ROW row;

    if (mysql_query(d->my, sql) || !(result = mysql_store_result(d->my))) {
        return server_failed(d, what, err);
    }
    while ((row = mysql_fetch_row(result))) {
        take(s, (const char *const *)row, mysql_fetch_fields(result),
             mysql_num_fields(result));
    }
    mysql_free_result(result);
    return OMK_OK;
}

static const struct {
    const char *what, *sql;
    bool of_user; /* its rows are one user's each */
    void (*take)(struct omk_db_state *s, const char *const *row,
                 const MYSQL_FIELD *fields, unsigned columns);
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
static int load(struct omk_db *d, apr_pool_t *p, const char *user,
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
    return load(d, p, NULL, out, err);
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

static bool has_database(const struct omk_db_state *s, const char *name)
{
    return apr_hash_get(s->databases, name, APR_HASH_KEY_STRING) != NULL;
}

static const struct user *find_user(const struct omk_db_state *s,
                                    const char *name)
{
    return apr_hash_get(s->users, name, APR_HASH_KEY_STRING);
}

unsigned omk_db_count(const struct omk_db_state *s, const char *login,
                      bool *user)
{
    char name[OMK_DB_NAME_MAX + 1];
    const struct user *u;
    unsigned count = 0;

    omk_db_user(login, name);
    u = find_user(s, name);
    *user = u && u->accounts;
    for (unsigned i = 1; i <= OMK_DATABASES_MAX; i++) {
        omk_db_name(login, i, name);
        count += has_database(s, name) ? 1 : 0;
    }
    return count;
}

static const struct account *account_at(const struct user *u, const char *host)
{
    const struct account *a = u ? u->accounts : NULL;

    while (a && strcmp(a->host, host) != 0) {
        a = a->next;
    }
    return a;
}

static const struct right *right_on(const struct user *u, const char *pattern)
{
    const struct right *r = u ? u->rights : NULL;

    while (r && (strcmp(r->host, HOST) != 0 || strcmp(r->db, pattern) != 0)) {
        r = r->next;
    }
    return r;
}

/* 1 to 99 when pattern is exactly the n-th database of the login; else 0. */
static unsigned number_of(const char *login, const char *pattern)
{
    char name[OMK_DB_NAME_MAX + 1], own[2 * 64 + 1];

    for (unsigned i = 1; i <= OMK_DATABASES_MAX; i++) {
        omk_db_name(login, i, name);
        if (!strcmp(pattern_of(name, own), pattern)) {
            return i;
        }
    }
    return 0;
}

/* An account that has rights, but none that a customer's has: somebody else's
 * of the same name. One that a broken-off omk_db_apply left has no rights at
 * all. */
static bool is_foreign(const struct user *u, const char *login)
{
    bool has_rights = false;

    if (!u || !u->accounts) {
        return false;
    }
    for (const struct right *r = u->rights; r; r = r->next) {
        if (!strcmp(r->host, HOST) && number_of(login, r->db)) {
            return false;
        }
        has_rights = true;
    }
    for (const struct account *a = u->accounts; a; a = a->next) {
        has_rights = has_rights || a->global || strcmp(a->host, HOST) != 0;
    }
    return has_rights || u->extras;
}

struct report {
    void (*to)(void *ctx, const char *what);
    void *ctx;
};

static void say(const struct report *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void say(const struct report *r, const char *format, ...)
{
    char line[512];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(line, sizeof line, format, args); /* cut, if need be */
    va_end(args);
    for (char *c = line; *c; c++) {
        if (*c < ' ' || *c > '~') {
            *c = '?';
        }
    }
    r->to(r->ctx, line);
}

static void check_account(const struct account *a, const char *name,
                          const char *hash, const struct report *report)
{
    if (strcmp(a->plugin, PLUGIN) != 0 || a->other
        || (hash && strcmp(a->hash, hash) != 0)) {
        say(report, "MariaDB user %s@" HOST " has another password", name);
    }
    if (a->locked) {
        say(report, "MariaDB user %s@" HOST " is locked", name);
    }
    if (a->global) {
        say(report, "MariaDB user %s@" HOST " has rights on the whole server",
            name);
    }
}

static void check_databases(const struct omk_db_state *s, const char *login,
                            unsigned count, const struct user *u,
                            const struct report *report)
{
    char name[OMK_DB_NAME_MAX + 1], pattern[2 * 64 + 1];

    for (unsigned i = 1; i <= count; i++) {
        const struct right *r;

        omk_db_name(login, i, name);
        if (!has_database(s, name)) {
            say(report, "database %s is missing", name);
        }
        r = right_on(u, pattern_of(name, pattern));
        if (!r || !r->all) {
            say(report, "database %s: its user has not got all rights", name);
        }
        if (r && r->grant) {
            say(report, "database %s: its user may hand rights on", name);
        }
    }
}

static void check_too_much(const char *login, const char *name, unsigned count,
                           const struct user *u, const struct report *report)
{
    for (const struct account *a = u->accounts; a; a = a->next) {
        if (strcmp(a->host, HOST) != 0) {
            say(report, "MariaDB user %s@%s is one too many", name, a->host);
        }
    }
    for (const struct right *r = u->rights; r; r = r->next) {
        unsigned n = number_of(login, r->db);

        if (!strcmp(r->host, HOST) && (n == 0 || n > count)) {
            say(report, "MariaDB user %s has rights on '%s'", name, r->db);
        }
    }
    for (const struct extra *e = u->extras; e; e = e->next) {
        say(report, "MariaDB user %s has rights on %s", name, e->what);
    }
}

void omk_db_check(const struct omk_db_state *s, const char *login,
                  unsigned count, const char *hash,
                  void (*missing)(void *ctx, const char *what), void *ctx)
{
    const struct report report = {missing, ctx};
    char name[OMK_DB_NAME_MAX + 1];
    const struct user *u;
    const struct account *a;

    omk_db_user(login, name);
    u = find_user(s, name);
    a = account_at(u, HOST);
    if (is_foreign(u, login)) {
        say(&report,
            "MariaDB user %s exists and is no customer's; drop or "
            "rename it, or choose another login",
            name);
        return;
    }
    if (!a) {
        say(&report, "MariaDB user %s@" HOST " is missing", name);
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
    const struct report report = {found, ctx};
    const struct user *u = find_user(s, "");

    if (!u) {
        return;
    }
    for (const struct account *a = u->accounts; a; a = a->next) {
        say(&report,
            "MariaDB lets anybody in from '%s' without a name; DROP "
            "USER ''@'%s'",
            a->host, a->host);
    }
    for (const struct right *r = u->rights; r; r = r->next) {
        say(&report,
            "everybody has rights on '%s' in MariaDB; delete its row "
            "from mysql.db",
            r->db);
    }
}

/* --- making it so ----------------------------------------------------------
 */

static int drop_account(struct omk_db *d, const char *name, const char *host,
                        struct omk_err *err)
{
    char at[NAME_MAX_QUOTED];

    return run(d, "drop the user", err, "DROP USER IF EXISTS '%s'@%s", name,
               quoted(host, '\'', at));
}

/* Rights on tables and the like are taken with the account, which comes back
 * without them: that needs no statement of each kind, and hardly ever
 * happens. */
static int drop_surplus(struct omk_db *d, const char *name,
                        const struct user *u, struct omk_err *err)
{
    int rc = OMK_OK;

    for (const struct account *a = u ? u->accounts : NULL; a && !rc;
         a = a->next) {
        if (strcmp(a->host, HOST) != 0 || u->extras || a->global) {
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
    return run(d, "set the user's password", err,
               "%s '%s'@'" HOST "' IDENTIFIED VIA " PLUGIN " USING '%s' "
               "ACCOUNT UNLOCK",
               verb, name, hash);
}

static int apply_account(struct omk_db *d, const char *name,
                         const struct account *a, const char *hash,
                         struct omk_err *err)
{
    if (!a) {
        return set_hash(d, "CREATE USER IF NOT EXISTS", name, hash, err);
    }
    if (strcmp(a->plugin, PLUGIN) != 0 || a->other || a->locked
        || (hash && strcmp(a->hash, hash) != 0)) {
        return set_hash(d, "ALTER USER", name, hash ? hash : a->hash, err);
    }
    return OMK_OK;
}

static int apply_database(struct omk_db *d, const struct omk_db_state *s,
                          const char *db, const char *user,
                          const struct right *r, struct omk_err *err)
{
    char pattern[2 * 64 + 1], name[NAME_MAX_QUOTED];
    int rc = OMK_OK;

    (void)quoted(pattern_of(db, pattern), '`', name);
    if (!has_database(s, db)) {
        rc =
            run(d, "make a database", err,
                "CREATE DATABASE IF NOT EXISTS `%s` CHARACTER SET utf8mb4", db);
    }
    if (!rc && (!r || !r->all)) {
        rc = run(d, "give rights", err,
                 "GRANT ALL PRIVILEGES ON %s.* TO '%s'@'" HOST "'", name, user);
    }
    if (!rc && r && r->grant) {
        rc =
            run(d, "take a right", err,
                "REVOKE GRANT OPTION ON %s.* FROM '%s'@'" HOST "'", name, user);
    }
    return rc;
}

static int take_away(struct omk_db *d, const char *user, const struct right *r,
                     struct omk_err *err)
{
    char db[NAME_MAX_QUOTED];
    int rc = run(d, "take rights", err,
                 "REVOKE ALL PRIVILEGES ON %s.* FROM '%s'@'" HOST "'",
                 quoted(r->db, '`', db), user);

    if (!rc && r->grant) {
        rc = run(d, "take a right", err,
                 "REVOKE GRANT OPTION ON %s.* FROM '%s'@'" HOST "'", db, user);
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

static void count_row(struct omk_db_state *s, const char *const *row,
                      const MYSQL_FIELD *fields, unsigned columns)
{
    (void)row;
    (void)fields;
    (void)columns;
    user_of(s, "")->extras = apr_pcalloc(s->pool, sizeof(struct extra));
}

/* Tables under a customer's name while there is no such user: whose are they?
 */
static int refuse_tables(struct omk_db *d, const struct omk_db_state *s,
                         const char *login, unsigned count, struct omk_err *err)
{
    char name[OMK_DB_NAME_MAX + 1], user[OMK_DB_NAME_MAX + 1];

    for (unsigned i = 1; i <= count; i++) {
        struct omk_db_state found = {s->pool, apr_hash_make(s->pool), NULL};
        int rc;

        omk_db_name(login, i, name);
        if (!has_database(s, name)) {
            continue;
        }
        rc = rows(d, &found, "look into a database",
                  apr_psprintf(s->pool,
                               "SELECT 1 FROM information_schema.TABLES WHERE "
                               "TABLE_SCHEMA = '%s' LIMIT 1",
                               name),
                  count_row, err);
        if (rc) {
            return rc;
        }
        if (apr_hash_count(found.users)) {
            omk_db_user(login, user);
            return omk_fail(err, OMK_EDENIED, d->socket,
                            "database %s has tables, but there is no MariaDB "
                            "user %s; if they are this customer's, CREATE USER "
                            "%s@" HOST " first, else rename the database",
                            name, user, user);
        }
    }
    return OMK_OK;
}

static int apply_in(struct omk_db *d, apr_pool_t *p, const char *login,
                    unsigned count, const char *hash, struct omk_err *err)
{
    char name[OMK_DB_NAME_MAX + 1], db[OMK_DB_NAME_MAX + 1];
    char pattern[2 * 64 + 1];
    struct omk_db_state *s;
    const struct account *a;
    const struct user *u;
    bool dropped;
    int rc;

    omk_db_user(login, name);
    rc = load(d, p, name, &s, err);
    if (rc) {
        return rc;
    }
    u = find_user(s, name);
    a = account_at(u, HOST);
    if (is_foreign(u, login)) {
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
            dropped ? NULL : right_on(u, pattern_of(db, pattern)), err);
    }
    for (const struct right *r = u && !dropped ? u->rights : NULL; r && !rc;
         r = r->next) {
        unsigned n = number_of(login, r->db);

        if (!strcmp(r->host, HOST) && (n == 0 || n > count)) {
            rc = take_away(d, name, r, err);
        }
    }
    return rc;
}

static apr_pool_t *new_pool(struct omk_err *err)
{
    apr_pool_t *p = NULL;

    if (apr_pool_create(&p, NULL)) {
        (void)omk_fail(err, OMK_ENOMEM, "", "out of memory");
        return NULL;
    }
    return p;
}

int omk_db_apply(struct omk_db *d, const char *login, unsigned count,
                 const char *hash, struct omk_err *err)
{
    apr_pool_t *p = new_pool(err);
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
                        "there is no MariaDB user %s@" HOST, name);
    }
    return rc;
}

/* --- taking it away ---------------------------------------------------------
 */

static int drop_in(struct omk_db *d, apr_pool_t *p, const char *login,
                   struct omk_err *err)
{
    char name[OMK_DB_NAME_MAX + 1], db[OMK_DB_NAME_MAX + 1];
    struct omk_db_state *s;
    const struct user *u;
    int rc;

    omk_db_user(login, name);
    rc = load(d, p, name, &s, err);
    if (rc) {
        return rc;
    }
    u = find_user(s, name);
    if (is_foreign(u, login)) {
        return refuse_foreign(d, name, err);
    }
    rc = account_at(u, HOST)
             ? OMK_OK
             : refuse_tables(d, s, login, OMK_DATABASES_MAX, err);
    for (unsigned i = 1; i <= OMK_DATABASES_MAX && !rc; i++) {
        omk_db_name(login, i, db);
        if (has_database(s, db)) {
            rc = run(d, "drop a database", err, "DROP DATABASE IF EXISTS `%s`",
                     db);
        }
    }
    /* Last: the rights tell on a second try whose the databases are. */
    for (const struct account *a = u ? u->accounts : NULL; a && !rc;
         a = a->next) {
        rc = drop_account(d, name, a->host, err);
    }
    return rc;
}

int omk_db_drop(struct omk_db *d, const char *login, struct omk_err *err)
{
    apr_pool_t *p = new_pool(err);
    int rc;

    if (!p) {
        return OMK_ENOMEM;
    }
    rc = drop_in(d, p, login, err);
    apr_pool_destroy(p);
    return rc;
}

/* --- keeping it --------------------------------------------------------------
 */

/* Gives each line of fd to said, until its end. */
static void read_lines(int fd, void (*said)(void *ctx, const char *line),
                       void *ctx)
{
    const struct report report = {said, ctx};
    FILE *in = fdopen(fd, "r");
    char line[512];

    if (!in) {
        (void)close(fd);
        return;
    }
    while (fgets(line, sizeof line, in)) {
        line[strcspn(line, "\n")] = '\0';
        if (*line) {
            say(&report, "%s", line);
        }
    }
    (void)fclose(in); /* a pipe that was read */
}

/* Runs mariadb-dump with out as its output. 0, or an errno of the start. */
static int spawn_dump(const char *socket, const char *db, int out, int errors,
                      pid_t *pid)
{
    char option[300], user[80];
    char program[] = "mariadb-dump", no_defaults[] = "--no-defaults",
         force[] = "--force", quick[] = "--quick",
         single[] = "--single-transaction", hex[] = "--hex-blob",
         routines[] = "--routines", events[] = "--events",
         charset[] = "--default-character-set=utf8mb4",
         databases[] = "--databases", name[OMK_DB_NAME_MAX + 1];
    char path[] = "PATH=/usr/local/bin:/usr/bin:/bin", lang[] = "LC_ALL=C";
    char *argv[] = {program, no_defaults, option, user,     force,
                    quick,   single,      hex,    routines, events,
                    charset, databases,   name,   NULL};
    char *env[] = {path, lang, NULL};
    posix_spawn_file_actions_t files;
    int rc;

    (void)snprintf(option, sizeof option, "--socket=%s", socket);
    (void)snprintf(user, sizeof user, "--user=%s", os_user());
    (void)snprintf(name, sizeof name, "%s", db);
    rc = posix_spawn_file_actions_init(&files);
    if (rc) {
        return rc;
    }
    rc = posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    rc = rc ? rc : posix_spawn_file_actions_adddup2(&files, out, 1);
    rc = rc ? rc : posix_spawn_file_actions_adddup2(&files, errors, 2);
    rc = rc ? rc : posix_spawnp(pid, program, &files, NULL, argv, env);
    (void)posix_spawn_file_actions_destroy(&files);
    return rc;
}

/* With --force a view without its table costs that view, not the archive. The
 * last line alone tells that everything else is there. */
static bool is_complete(int fd)
{
    char end[128] = "";
    off_t size = lseek(fd, 0, SEEK_END);
    ssize_t n;

    if (size < (off_t)sizeof end - 1) {
        return false;
    }
    n = pread(fd, end, sizeof end - 1, size - (off_t)sizeof end + 1);
    return n > 0 && strstr(end, "-- Dump completed");
}

static int dump_to(struct omk_db *d, const char *db, int out,
                   void (*said)(void *ctx, const char *line), void *ctx,
                   struct omk_err *err)
{
    int errors[2], status, rc;
    pid_t pid;

    if (pipe2(errors, O_CLOEXEC)) {
        return omk_fail(err, OMK_EIO, db, "pipe: %s", strerror(errno));
    }
    rc = spawn_dump(d->socket, db, out, errors[1], &pid);
    (void)close(errors[1]);
    if (rc) {
        (void)close(errors[0]);
        return omk_fail(err, OMK_EIO, db,
                        "mariadb-dump: %s (package "
                        "mariadb-client)",
                        strerror(rc));
    }
    read_lines(errors[0], said, ctx);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (!is_complete(out)) {
        return omk_fail(err, OMK_EIO, db,
                        "mariadb-dump did not get to its end; is the disk full "
                        "or the server gone?");
    }
    return fsync(out) ? omk_fail(err, OMK_EIO, db, "%s", strerror(errno))
                      : OMK_OK;
}

static int dump_one(struct omk_db *d, const char *db, int dirfd,
                    void (*said)(void *ctx, const char *line), void *ctx,
                    struct omk_err *err)
{
    char file[OMK_DB_NAME_MAX + 5];
    int out, rc;

    (void)snprintf(file, sizeof file, "%s.sql", db);
    out = openat(dirfd, file,
                 O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (out < 0) {
        return omk_fail(err, errno == EEXIST ? OMK_EBUSY : OMK_EIO, file, "%s",
                        strerror(errno));
    }
    rc = dump_to(d, db, out, said, ctx, err);
    if (close(out) && !rc) {
        rc = omk_fail(err, OMK_EIO, file, "%s", strerror(errno));
    }
    return rc;
}

static int dump_in(struct omk_db *d, apr_pool_t *p, const char *login,
                   int dirfd, void (*said)(void *ctx, const char *line),
                   void *ctx, struct omk_err *err)
{
    char user[OMK_DB_NAME_MAX + 1], name[OMK_DB_NAME_MAX + 1];
    struct omk_db_state *s;
    int rc;

    omk_db_user(login, user);
    rc = load(d, p, user, &s, err);
    for (unsigned i = 1; i <= OMK_DATABASES_MAX && !rc; i++) {
        omk_db_name(login, i, name);
        if (has_database(s, name)) {
            rc = dump_one(d, name, dirfd, said, ctx, err);
        }
    }
    if (!rc && fsync(dirfd)) {
        rc = omk_fail(err, OMK_EIO, "", "%s", strerror(errno));
    }
    return rc;
}

int omk_db_dump(struct omk_db *d, const char *login, int dirfd,
                void (*said)(void *ctx, const char *line), void *ctx,
                struct omk_err *err)
{
    apr_pool_t *p = new_pool(err);
    int rc;

    if (!p) {
        return OMK_ENOMEM;
    }
    rc = dump_in(d, p, login, dirfd, said, ctx, err);
    apr_pool_destroy(p);
    return rc;
}
