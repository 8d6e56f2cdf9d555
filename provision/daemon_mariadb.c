/* MariaDB, where the node has one of its own: its socket is then in run_dir. On
 * a machine whose MariaDB is the distribution's, that one is left to its init
 * system. It is configured by conf.d/mariadb alone, read when it starts. */
#include "daemon.h"

#include "conf.h"
#include "database.h"
#include "err.h"
#include "file.h"
#include "node.h"
#include "probe.h"
#include "run.h"

#include <apr_strings.h>
#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define INIT_S 300
#define USER "mysql" /* of the distribution's package */

static bool wanted(const struct omk_node *n, const char **why)
{
    size_t len = strlen(n->run_dir);

    if (!*n->mariadbd || access(n->mariadbd, X_OK) != 0) {
        *why = *n->mariadbd ? "paths { mariadbd }: there is no such program"
                            : "paths { mariadbd } is empty: no databases";
        return false;
    }
    *why = "mysql { socket } is that of the machine's own MariaDB";
    return !strncmp(n->mysql_socket, n->run_dir, len)
           && n->mysql_socket[len] == '/';
}

static const char *conf_file(apr_pool_t *p, const struct omk_node *n)
{
    return apr_pstrcat(p, n->state_dir, "/mariadb.cnf", NULL);
}

static const char *data_dir(apr_pool_t *p, const struct omk_node *n)
{
    return apr_pstrcat(p, n->state_dir, "/mysql", NULL);
}

/* Its log is what it prints: log_dir is closed to its user. */
static const char *const *command(apr_pool_t *p, const struct omk_node *n,
                                  const char *dir)
{
    const char *argv[] = {
        n->mariadbd, apr_pstrcat(p, "--defaults-file=", conf_file(p, n), NULL),
        "--skip-log-error", n->single_user ? NULL : "--user=" USER, NULL};

    (void)dir;
    return apr_pmemdup(p, argv, sizeof argv);
}

/* --- before the start ---------------------------------------------------------- */

/* For the socket: customers come in, only its user writes. */
static int make_socket_dir(apr_pool_t *p, const struct omk_node *n,
                           struct omk_err *err)
{
    const char *dir = apr_pstrndup(
        p, n->mysql_socket,
        (size_t)(strrchr(n->mysql_socket, '/') - n->mysql_socket));
    const struct passwd *pw = n->single_user ? NULL : getpwnam(USER);

    if (!n->single_user && !pw) {
        return omk_fail(err, OMK_ENOENT, n->mariadbd,
                        "there is no user '" USER "' on this machine");
    }
    if (!strcmp(dir, n->run_dir)) {
        return n->single_user
                   ? OMK_OK
                   : omk_fail(err, OMK_EINVAL, n->file,
                              "mysql { socket }: %s is root's; expected a "
                              "directory below it",
                              dir);
    }
    if ((mkdir(dir, 0755) != 0 && errno != EEXIST)
        || (pw && lchown(dir, pw->pw_uid, pw->pw_gid) != 0)) {
        return omk_fail(err, OMK_EIO, dir, "%s", strerror(errno));
    }
    return OMK_OK;
}

static int make_data(apr_pool_t *p, const struct omk_node *n,
                     struct omk_err *err)
{
    const char *argv[] = {apr_pstrcat(p, n->libexec, "/mariadb-init", NULL),
                          data_dir(p, n), NULL};
    const char *output;
    int status;
    int rc = omk_run(p, argv, INIT_S, &status, &output, err);

    if (rc == OMK_OK && status != 0) {
        rc = omk_fail(err, OMK_EIO, data_dir(p, n), "mariadb-init: %.400s",
                      output);
    }
    return rc;
}

static const char *network(apr_pool_t *p, const struct omk_node *n)
{
    char host[64], port[8];

    if (omk_probe_address(n->mysql_listen, host, port, NULL) || !*port) {
        return "skip-networking";
    }
    return apr_psprintf(p, "port = %s\nbind-address = %s", port, host);
}

/* A value of two lines would break out of a comment that has its name. */
static const char *without_comments(apr_pool_t *p, const char *text)
{
    const char *out = "";

    while (*text) {
        size_t len = strcspn(text, "\n");

        len += text[len] == '\n';
        if (*text != '#') {
            out = apr_pstrcat(p, out, apr_pstrndup(p, text, len), NULL);
        }
        text += len;
    }
    return out;
}

static int write_conf(apr_pool_t *p, const struct omk_node *n,
                      struct omk_err *err)
{
    const char *template = apr_pstrcat(p, n->confd, "/mariadb/my.cnf", NULL);
    const char *names[] = {
        "CONFD", n->confd,
        "DATADIR", data_dir(p, n),
        "SOCKET", n->mysql_socket,
        "PIDFILE", apr_pstrcat(p, n->mysql_socket, ".pid", NULL),
        "LOGFILE", apr_pstrcat(p, n->log_dir, "/mariadb.log", NULL),
        "NETWORK", network(p, n),
        NULL,
    };
    const char *text;
    size_t len;
    int rc = omk_conf_file(p, template, &text, &len, err);

    if (rc == OMK_OK) {
        rc = omk_template(p, template, without_comments(p, text), names, &text,
                          err);
    }
    return rc ? rc
              : omk_file_write(conf_file(p, n), text, strlen(text), 0644, err);
}

static int prepare(apr_pool_t *p, const struct omk_node *n,
                   struct omk_err *err)
{
    int rc = make_socket_dir(p, n, err);

    if (rc == OMK_OK) {
        rc = make_data(p, n, err);
    }
    return rc ? rc : write_conf(p, n, err);
}

/* It answers when it lets its administrator in. */
static int probe(apr_pool_t *p, const struct omk_node *n,
                 char out[OMK_SHA1_HEX + 1], struct omk_err *err)
{
    struct omk_db *db = NULL;
    int rc = omk_db_open(n, &db, err);

    (void)p;
    if (rc == OMK_OK) {
        out[0] = '\0';
        omk_db_close(db);
    }
    return rc;
}

const struct omk_daemon omk_daemon_mariadb = {
    .name = "mariadb",
    .pid_file = "mariadb.pid",
    .log = "mariadb.log",
    .stop_s = 60,
    .standing = true,
    .no_pid = true,
    .wanted = wanted,
    .prepare = prepare,
    .command = command,
    .probe = probe,
};
