/* php-fpm: its own check says what would end it; USR2 re-executes it with the
 * same arguments, so it reads the generation that current leads to by then. */
#include "daemon.h"

#include "err.h"
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
    *why = *n->php_fpm ? "paths { php_fpm }: there is no such program"
                       : "paths { php_fpm } is empty: no PHP";
    return *n->php_fpm && access(n->php_fpm, X_OK) == 0;
}

static const char *entry(apr_pool_t *p, const char *dir)
{
    return apr_pstrcat(p, dir, "/php/php-fpm.conf", NULL);
}

static const char *const *command(apr_pool_t *p, const struct omk_node *n,
                                  const char *dir)
{
    const char *argv[] = {n->php_fpm, "-F", "-y", entry(p, dir), NULL};

    return apr_pmemdup(p, argv, sizeof argv);
}

static int check(apr_pool_t *p, const struct omk_node *n, const char *dir,
                 const char **output, struct omk_err *err)
{
    const char *argv[] = {n->php_fpm, "-t", "-y", entry(p, dir), NULL};
    int status;
    int rc = omk_run(p, argv, CHECK_S, &status, output, err);

    if (rc == OMK_OK && status != 0) {
        rc = omk_fail(err, OMK_EINVAL, "php-fpm", "its check fails");
    }
    return rc;
}

static int probe(apr_pool_t *p, const struct omk_node *n,
                 char out[OMK_SHA1_HEX + 1], struct omk_err *err)
{
    return omk_probe_php(omk_php_socket(p, n, OMK_PHP_PROBE), out, err);
}

const struct omk_daemon omk_daemon_php = {
    .name = "php-fpm",
    .pid_file = "php-fpm.pid",
    .log = "php-fpm.log",
    .reload_signal = SIGUSR2,
    .stop_s = 20,
    /* It keeps a copy of its stderr for its children, without close-on-exec;
     * it has a log of its own. */
    .hands_out = true,
    .wanted = wanted,
    .command = command,
    .check = check,
    .probe = probe,
};
