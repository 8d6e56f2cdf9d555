#include "database_impl.h"

#include "err.h"
#include "node.h"

#include <errmsg.h>
#include <mysqld_error.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HASH_LEN 41

#define CONNECT_S 10
#define ANSWER_S 600 /* DROP DATABASE of many gigabytes */

#define STATEMENT_MAX 2048

void omk_db_say(const struct omk_db_report *r, const char *format, ...)
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

apr_pool_t *omk_db_pool(struct omk_err *err)
{
    apr_pool_t *p = NULL;

    if (apr_pool_create(&p, NULL)) {
        (void)omk_fail(err, OMK_ENOMEM, "", "out of memory");
        return NULL;
    }
    return p;
}

int omk_db_failed(struct omk_db *d, const char *what, struct omk_err *err)
{
    return omk_fail(err, OMK_EIO, d->socket, "MariaDB: %s: %s", what,
                    mysql_error(d->my));
}

int omk_db_run(struct omk_db *d, const char *what, struct omk_err *err,
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
               ? omk_db_failed(d, what, err)
               : OMK_OK;
}

/* Quotes are doubled, as is a backslash in a value. */
const char *omk_db_quoted(const char *text, char quote,
                          char out[OMK_DB_QUOTED_MAX])
{
    size_t n = 0;

    out[n++] = quote;
    for (; *text && n + 4 < OMK_DB_QUOTED_MAX; text++) {
        if (*text == quote || (*text == '\\' && quote == '\'')) {
            out[n++] = *text;
        }
        out[n++] = *text;
    }
    out[n++] = quote;
    out[n] = '\0';
    return out;
}

const char *omk_db_pattern(const char *name, char out[OMK_DB_PATTERN_MAX])
{
    size_t n = 0;

    for (; *name && n + 2 < OMK_DB_PATTERN_MAX; name++) {
        if (*name == '_' || *name == '%') {
            out[n++] = '\\';
        }
        out[n++] = *name;
    }
    out[n] = '\0';
    return out;
}

const char *omk_db_os_user(void)
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
        return omk_db_failed(d, "connect", err);
    }
}

int omk_db_open(const struct omk_node *n, struct omk_db **out,
                struct omk_err *err)
{
    struct omk_db *d = calloc(1, sizeof *d);
    const unsigned connect_s = CONNECT_S, answer_s = ANSWER_S;
    const unsigned local_infile = 0, protocol = MYSQL_PROTOCOL_SOCKET;
    const char *user = omk_db_os_user();
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
    /* Quotes and backslashes mean what omk_db_quoted takes them for. */
    (void)mysql_options(d->my, MYSQL_INIT_COMMAND, "SET SESSION sql_mode = ''");
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
