#include "ftp_sessions.h"

#include "daemon.h"
#include "node.h"
#include "proc.h"

#include <apr_strings.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOBODY ((unsigned long)-1)

/* Of "login:hash:uid:...". */
static unsigned long uid_of(const char *line)
{
    const char *hash = strchr(line, ':');
    const char *uid = hash ? strchr(hash + 1, ':') : NULL;
    char *end = NULL;
    unsigned long n = uid ? strtoul(uid + 1, &end, 10) : 0;

    return n > 0 && end && *end == ':' ? n : NOBODY;
}

/* Its effective user. /proc/PID itself is root's where a process has changed
 * its user. */
static unsigned long user_of(apr_pool_t *p, pid_t pid)
{
    FILE *f = fopen(apr_psprintf(p, "/proc/%ld/status", (long)pid), "re");
    unsigned long real, effective, uid = NOBODY;
    char line[256];

    while (f && uid == NOBODY && fgets(line, sizeof line, f)) {
        if (sscanf(line, "Uid: %lu %lu", &real, &effective) == 2) {
            uid = effective;
        }
    }
    if (f) {
        (void)fclose(f);
    }
    return uid;
}

static void end_of(apr_pool_t *p, const struct omk_procs *all, pid_t master,
                   unsigned long uid)
{
    for (size_t i = 0; i < all->count; i++) {
        const struct omk_proc *one = &all->list[i];

        if (one->parent == master && user_of(p, one->pid) == uid) {
            (void)kill(one->pid, SIGTERM);
        }
    }
}

static bool has_line(const char *text, const char *line)
{
    size_t len = strlen(line);

    for (const char *at = text; at && *at; at = strchr(at, '\n')) {
        at += *at == '\n';
        if (!strncmp(at, line, len) && at[len] == '\n') {
            return true;
        }
    }
    return false;
}

void omk_ftp_sessions_end(apr_pool_t *p, const struct omk_node *n,
                          const char *was, const char *now)
{
    struct omk_procs all = {0};
    pid_t master = 0;
    char *state, *line, *lines = apr_pstrdup(p, was);

    for (line = apr_strtok(lines, "\n", &state); line;
         line = apr_strtok(NULL, "\n", &state)) {
        if (uid_of(line) == NOBODY || has_line(now, line)) {
            continue;
        }
        if (!master) {
            master = omk_daemon_pid(p, n, &omk_daemon_proftpd);
            if (!master || omk_procs_read(p, &all, NULL)) {
                return; /* there are none, or none can be seen */
            }
        }
        end_of(p, &all, master, uid_of(line));
    }
}
