/* ProFTPD: its own check, a reload by HUP (sessions that are open go on), and
 * the greeting at a loopback address, which has the fingerprint. A HUP with a
 * configuration that fails would end it: the check comes first, always. */
#include "daemon.h"

#include "err.h"
#include "ftp_users.h"
#include "node.h"
#include "probe.h"
#include "render.h"
#include "run.h"

#include <apr_strings.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define CHECK_S 60

static bool wanted(const struct omk_node *n, const char **why)
{
    if (!n->ftp_listen[0]) {
        *why = "ftp { listen } is empty: no FTP";
        return false;
    }
    if (n->single_user) {
        *why = "not root: a session must become its customer";
        return false;
    }
    *why = *n->proftpd ? "paths { proftpd }: there is no such program"
                       : "paths { proftpd } is empty: no FTP";
    return *n->proftpd && access(n->proftpd, X_OK) == 0;
}

static const char *entry(apr_pool_t *p, const char *dir)
{
    return apr_pstrcat(p, dir, "/proftpd/proftpd.conf", NULL);
}

static const char *const *command(apr_pool_t *p, const struct omk_node *n,
                                  const char *dir)
{
    const char *argv[] = {n->proftpd, "-n", "-q", "-c", entry(p, dir), NULL};

    return apr_pmemdup(p, argv, sizeof argv);
}

static int check(apr_pool_t *p, const struct omk_node *n, const char *dir,
                 const char **output, struct omk_err *err)
{
    const char *argv[] = {n->proftpd, "-t", "-c", entry(p, dir), NULL};
    int status;
    int rc = omk_run(p, argv, CHECK_S, &status, output, err);

    /* What fails in an included file it calls fatal, and passes. */
    if (rc == OMK_OK && (status != 0 || strstr(*output, "fatal:"))) {
        rc = omk_fail(err, OMK_EINVAL, "proftpd", "its check fails");
    }
    return rc;
}

static int probe(apr_pool_t *p, const struct omk_node *n,
                 char out[OMK_SHA1_HEX + 1], struct omk_err *err)
{
    return omk_probe_ftp(omk_ftp_probe_at(p, n), out, err);
}

const struct omk_daemon omk_daemon_proftpd = {
    .name = "proftpd",
    .pid_file = "proftpd.pid",
    .log = "proftpd.log",
    .reload_signal = SIGHUP,
    .stop_s = 10,
    .renames_itself = true,
    .wanted = wanted,
    .command = command,
    .check = check,
    .probe = probe,
};
