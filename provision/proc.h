/* The processes of this machine, as /proc has them at one moment. */
#ifndef OMK_PROC_H
#define OMK_PROC_H

#include <apr_pools.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct omk_err;

struct omk_proc {
    pid_t pid, parent;
    uint64_t cpu_ms;   /* user and system, since its start */
    uint64_t started;  /* clock ticks since boot: with pid, its identity */
    uint64_t resident; /* bytes */
};

struct omk_procs {
    const struct omk_proc *list; /* sorted by pid */
    size_t count;
};

/* All that can be read. OMK_EIO. */
int omk_procs_read(apr_pool_t *p, struct omk_procs *out, struct omk_err *err);

const struct omk_proc *omk_procs_find(const struct omk_procs *all, pid_t pid);

/* The title that php-fpm's like give themselves, without what is behind it;
 * "" where there is none. Of p. */
const char *omk_proc_title(apr_pool_t *p, pid_t pid);

/* Kills the process and whatever it has started, as far as it is still its
 * descendant; each is stopped first, so that none starts another behind the
 * look. 0, or OMK_ENOENT where it is not the process that was looked at (or
 * gone). */
int omk_proc_kill_tree(apr_pool_t *p, const struct omk_proc *proc,
                       struct omk_err *err);

#endif
