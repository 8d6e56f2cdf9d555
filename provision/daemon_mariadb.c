/* MariaDB, where this node has one of its own: its socket lies in the run
 * directory. It knows no reload; a changed my.cnf holds from the next start. */
#include "daemon.h"

#include "err.h"
#include "node.h"
#include "run.h"

#include <apr_strings.h>
#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define INIT_S 120

static bool wanted(const struct omk_node *n, const char **why)
{
    if (strncmp(n->mysql_socket, n->run_dir, strlen(n->run_dir)) != 0) {
        *why = "mysql { socket }: it is another's to start";
        return false;
    }
    *why = "paths { mariadbd }: there is no such program";
    return *n->mariadbd && access(n->mariadbd, X_OK) == 0;
}

static const char *const *command(apr_pool_t *p, const struct omk_node *n,
                                  const char *dir)
{
    const char *argv[] = {
        n->mariadbd,
        apr_pstrcat(p, "--defaults-file=", dir, "/mariadb/my.cnf", NULL),
        n->single_user ? NULL : "--user=mysql", NULL};

    return apr_pmemdup(p, argv, sizeof argv);
}

/* A directory or file that mariadbd writes to. */
static int give(const struct omk_node *n, const char *path, struct omk_err *err)
{
    const struct passwd *pw = n->single_user ? NULL : getpwnam("mysql");

    if (n->single_user) {
        return OMK_OK;
    }
    return !pw || lchown(path, pw->pw_uid, pw->pw_gid) != 0
               ? omk_fail(err, OMK_EDENIED, path,
                          "cannot be given to mysql: %s",
                          pw ? strerror(errno) : "there is no such user")
               : OMK_OK;
}

static int prepare(apr_pool_t *p, const struct omk_node *n, struct omk_err *err)
{
    const char *dir = apr_pstrmemdup(
        p, n->mysql_socket,
        (apr_size_t)(strrchr(n->mysql_socket, '/') - n->mysql_socket));
    const char *argv[] = {apr_pstrcat(p, n->libexec, "/mariadb-init", NULL),
                          apr_pstrcat(p, n->state_dir, "/mysql", NULL), NULL};
    const char *output;
    int status;
    int rc;

    if (mkdir(dir, 0755) != 0 && errno != EEXIST) {
        return omk_fail(err, OMK_EIO, dir, "mkdir: %s", strerror(errno));
    }
    rc = give(n, dir, err);
    if (rc == OMK_OK) {
        rc = omk_run(p, argv, INIT_S, &status, &output, err);
    }
    if (rc == OMK_OK && status != 0) {
        rc = omk_fail(err, OMK_EIO, argv[0], "%.400s", output);
    }
    return rc;
}

/* It listens before it answers: the greeting tells. */
static int probe(apr_pool_t *p, const struct omk_node *n,
                 char out[OMK_SHA1_HEX + 1], struct omk_err *err)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    struct timeval t = {.tv_sec = 5};
    char hello[5];
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = fd >= 0 && strlen(n->mysql_socket) < sizeof a.sun_path;

    (void)p;
    if (ok) {
        (void)strcpy(a.sun_path, n->mysql_socket);
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
        ok = connect(fd, (struct sockaddr *)&a, sizeof a) == 0
             && recv(fd, hello, sizeof hello, 0) > 0;
    }
    if (fd >= 0) {
        close(fd);
    }
    out[0] = '\0';
    return ok ? OMK_OK
              : omk_fail(err, OMK_EBUSY, n->mysql_socket, "does not answer");
}

const struct omk_daemon omk_daemon_mariadb = {
    .name = "mariadb",
    .pid_file = "mysql/mariadb.pid",
    .log = "mariadb.log",
    .reload_signal = 0,
    .stop_s = 60,
    .wanted = wanted,
    .prepare = prepare,
    .command = command,
    .probe = probe,
};
