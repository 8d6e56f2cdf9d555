#include "status.h"

#include "daemon.h"
#include "generation.h"
#include "node.h"
#include "plan.h"

#include <apr_strings.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum omk_daemon_state omk_status_daemon(apr_pool_t *p, const struct omk_node *n,
                                        const struct omk_plan *plan,
                                        const struct omk_daemon *d, pid_t *pid)
{
    char runs[OMK_SHA1_HEX + 1];
    const char *why;

    *pid = 0;
    if (!d->wanted(n, &why)) {
        return OMK_DAEMON_ABSENT;
    }
    *pid = omk_daemon_pid(p, n, d);
    if (!*pid) {
        return OMK_DAEMON_DOWN;
    }
    if (d->probe(p, n, runs, NULL)) {
        return OMK_DAEMON_SILENT;
    }
    return d->reload_signal
                   && strcmp(runs, omk_fingerprint_of(p, plan->there, d->name))
               ? OMK_DAEMON_OTHER
               : OMK_DAEMON_RUNS;
}

void omk_status_state(apr_pool_t *p, const struct omk_node *n,
                      void (*found)(void *ctx, const char *what), void *ctx)
{
    const struct {
        const char *path;
        mode_t mode;
    } dirs[] = {
        {n->state_dir, 0711},
        {apr_pstrcat(p, n->state_dir, "/generations", NULL), 0700},
        {apr_pstrcat(p, n->state_dir, "/secrets", NULL), 0700},
        {apr_pstrcat(p, n->state_dir, "/cgi", NULL), 0750},
        {n->srv_dir, 0711},
        {n->run_dir, 0755},
        {apr_pstrcat(p, n->run_dir, "/php", NULL), 0711},
        {n->log_dir, 0750},
    };

    for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++) {
        struct stat st;

        if (lstat(dirs[i].path, &st) != 0) {
            continue; /* nothing was applied yet, or there are no secrets */
        }
        if (!S_ISDIR(st.st_mode)) {
            found(ctx, apr_psprintf(p, "%s: is no directory", dirs[i].path));
        }
        else if (st.st_uid != geteuid()) {
            found(ctx,
                  apr_psprintf(p, "%s: belongs to uid %ld, expected %ld",
                               dirs[i].path, (long)st.st_uid, (long)geteuid()));
        }
        else if ((st.st_mode & 07777) != dirs[i].mode) {
            found(ctx,
                  apr_psprintf(p, "%s: has mode %04o, expected %04o",
                               dirs[i].path, st.st_mode & 07777, dirs[i].mode));
        }
    }
}
