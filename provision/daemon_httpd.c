/* httpd: `-t`, then a start beside the running one, since -t passes what then
 * ends it: a log path that is a directory, a certificate without its key. */
#include "daemon.h"

#include "conf.h"
#include "err.h"
#include "node.h"
#include "probe.h"
#include "run.h"

#include <apr_strings.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define CHECK_S 60
#define TRIAL_S 30

static bool wanted(const struct omk_node *n, const char **why)
{
    *why = "paths { httpd }: there is no such program";
    return access(n->httpd, X_OK) == 0;
}

static const char *entry(apr_pool_t *p, const char *dir)
{
    return apr_pstrcat(p, dir, "/httpd.conf", NULL);
}

static const char *const *command(apr_pool_t *p, const struct omk_node *n,
                                  const char *dir)
{
    const char *argv[] = {n->httpd, "-DFOREGROUND", "-f", entry(p, dir), NULL};

    return apr_pmemdup(p, argv, sizeof argv);
}

static int check(apr_pool_t *p, const struct omk_node *n, const char *dir,
                 const char **output, struct omk_err *err)
{
    const char *argv[] = {n->httpd, "-t", "-f", entry(p, dir), NULL};
    int status;
    int rc = omk_run(p, argv, CHECK_S, &status, output, err);

    if (rc == OMK_OK && status != 0) {
        rc = omk_fail(err, OMK_EINVAL, "httpd", "its check fails");
    }
    return rc;
}

/* Until it answers with the fingerprint, or ends. */
static int wait_for(pid_t pid, const char *address, const char *fingerprint,
                    struct omk_err *err)
{
    long long until = omk_now_ms() + TRIAL_S * 1000LL;

    while (omk_is_alive(pid)) {
        char sum[OMK_SHA1_HEX + 1];

        if (omk_probe_httpd(address, sum, NULL) == OMK_OK
            && !strcmp(sum, fingerprint)) {
            return OMK_OK;
        }
        if (!omk_wait_a_little(until)) {
            return omk_fail(err, OMK_EBUSY, "httpd",
                            "started on trial, it does not answer");
        }
    }
    return omk_fail(err, OMK_EINVAL, "httpd", "does not start");
}

/* The one of an apply that was killed; it ends by itself, but not at once. We
 * hold the lock: it is nobody else's. */
static void end_leftover(apr_pool_t *p, const struct omk_node *n)
{
    static const struct omk_daemon leftover = {.pid_file = "httpd-trial.pid"};
    pid_t pid = omk_daemon_pid(p, n, &leftover);

    if (pid) {
        (void)omk_end(pid, 10);
    }
    (void)unlink(apr_pstrcat(p, n->run_dir, "/httpd-trial.pid", NULL));
}

static int try_once(apr_pool_t *p, const struct omk_node *n, const char *dir,
                    const char *fingerprint, const char **output, pid_t *ending,
                    struct omk_err *err)
{
    const char *log = apr_pstrcat(p, n->run_dir, "/httpd-trial.log", NULL);
    const char *address, *define;
    unsigned port;
    size_t len;
    pid_t pid;
    int rc = omk_free_port(&port, err);

    if (rc) {
        return rc;
    }
    address = apr_psprintf(p, "127.0.0.1:%u", port);
    define = apr_psprintf(p, "Define OMAKASE_TRIAL %s", address);
    {
        const char *argv[] = {n->httpd, "-DFOREGROUND", "-C", define, "-E", log,
                              "-f",     entry(p, dir),  NULL};

        if (unlink(log) != 0 && errno != ENOENT) {
            return omk_fail(err, OMK_EIO, log, "unlink: %s", strerror(errno));
        }
        /* The trial of an apply that was killed may still be ending, and this
         * one would find it "already running". */
        (void)unlink(apr_pstrcat(p, n->run_dir, "/httpd-trial.pid", NULL));
        rc = omk_start(argv, log, true, &pid, err);
    }
    if (rc) {
        return rc;
    }
    rc = wait_for(pid, address, fingerprint, err);
    if (rc == OMK_OK) {
        /* To close a thousand logs takes it as long as other steps take. */
        (void)kill(pid, SIGTERM);
        (void)unlink(log);
        *ending = pid;
        *output = "";
        return OMK_OK;
    }
    (void)omk_end(pid, 10);
    if (omk_conf_file(p, log, output, &len, NULL)) {
        *output = "";
    }
    (void)unlink(log);
    return rc;
}

static int trial(apr_pool_t *p, const struct omk_node *n, const char *dir,
                 const char *fingerprint, const char **output, pid_t *ending,
                 struct omk_err *err)
{
    int rc;

    end_leftover(p, n);
    /* Another may have taken the port between the look and the start. */
    for (int tries = 5;; tries--) {
        rc = try_once(p, n, dir, fingerprint, output, ending, err);
        if (rc == OMK_OK || tries == 1
            || !strstr(*output, "could not bind to address 127.0.0.1")) {
            return rc;
        }
    }
}

static int probe(apr_pool_t *p, const struct omk_node *n,
                 char out[OMK_SHA1_HEX + 1], struct omk_err *err)
{
    (void)p;
    return omk_probe_httpd(n->listen[0], out, err);
}

const struct omk_daemon omk_daemon_httpd = {
    .name = "httpd",
    .pid_file = "httpd.pid",
    .log = "httpd-error.log",
    .reload_signal = SIGUSR1,
    .stop_s = 20,
    .wanted = wanted,
    .command = command,
    .check = check,
    .trial = trial,
    .probe = probe,
};
