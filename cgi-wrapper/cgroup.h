/* Control groups: one a run, below one group of this daemon's.
 *
 *   BASE                             the group that the daemon was started in
 *   BASE/omakase-cgi.NAME.PID.START  the daemon's; little cpu weight
 *   BASE/…/UID                       a user's; all users weigh the same
 *   BASE/…/UID/N                     a leaf: one run at a time
 *
 * The same path in each hierarchy that is of use. What is found at opening, in
 * any mixture:
 *   - version 2 with controllers (the normal Debian server). A group with
 *     processes gives no controllers to groups below it, so the processes of
 *     BASE are moved to BASE/omakase-httpd, which stays. Only if BASE is ours to order: by
 *     delegation (systemd's Delegate=yes), or because the operator has named
 *     it. Nobody else's process is ever moved.
 *   - version 1 hierarchies for cpu, memory, pids, freezer.
 *   - version 2 without controllers beside these: kills a tree, and knows the
 *     CPU time.
 *   - nothing: then there are no leaves, and every function here takes NULL
 *     for one and does nothing.
 *
 * Leaves are kept and used again by the same user, since making and removing
 * one costs half as much as a whole run. A kept leaf is handed out only when
 * no process is in it; counters are read as differences. One that has kept
 * more than a quarter of its limit (files in a tmpfs are memory that nobody
 * can reclaim) is removed instead, so that a run's memory is not eaten by the
 * one before it.
 *
 * For one thread. No file descriptor of these lives through an exec. Errors go
 * to *err in the operator's words. */
#ifndef CGIW_CGROUP_H
#define CGIW_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct omk_err;
struct cgiw_limits;
struct cgiw_cgroup;
struct cgiw_leaf;

/* What holds by groups, of a run as a whole. */
enum cgiw_holds {
    CGIW_HOLDS_CPU_WEIGHT = 1, /* scripts give way to the server */
    CGIW_HOLDS_MEMORY = 2,     /* memory_bytes */
    CGIW_HOLDS_SWAP = 4,       /* … and no swap beside it */
    CGIW_HOLDS_PROCESSES = 8,  /* processes */
    CGIW_HOLDS_KILL = 16,      /* cgiw_leaf_kill() kills the whole tree */
    CGIW_HOLDS_CPU_TIME = 32,  /* cpu_us is the whole tree's */
    CGIW_HOLDS_PEAK = 64       /* peak_bytes is known */
};

/* Idle leaves kept at most, and how long. */
#define CGIW_LEAVES_IDLE 64
#define CGIW_LEAVES_IDLE_S 60

enum { CGIW_CGROUP_LOOK = 1 /* for --capabilities: moves no process */ };

/* Finds what there is, makes the daemon's group, and removes those (with the
 * processes in them) of daemons of this name that are dead.
 *
 * name: letters, digits, "-", "_", "."; names this instance among others on
 * the machine. Or "/GROUP/NAME": BASE is that group, from the hierarchy's root
 * on, not the one that the process is in.
 *
 * OMK_OK also where nothing holds (cgiw_cgroup_holds() is 0, and
 * cgiw_cgroup_why() says why). OMK_EINVAL: the name. OMK_ENOMEM. */
int cgiw_cgroup_open(struct cgiw_cgroup **cg, const char *name, int flags,
                     struct omk_err *err);

/* Kills what is in its groups and removes them: for the daemon's exit. In a
 * forked child it must not be called. NULL is allowed. */
void cgiw_cgroup_close(struct cgiw_cgroup *cg);

/* Bits of cgiw_holds; 0 for NULL. */
unsigned cgiw_cgroup_holds(const struct cgiw_cgroup *cg);

/* Once a second, and no more often than it likes to: removes leaves that have
 * been idle for long, and sees to those given back with something still alive.
 * now_s: a monotonic clock's seconds. */
void cgiw_cgroup_tick(struct cgiw_cgroup *cg, int64_t now_s);

/* A leaf for one run of uid's, with these limits and no process in it; *leaf
 * is NULL where there are no groups. OMK_EIO when it cannot be had although
 * there should be: then the run must not start, as nothing would hold it. */
int cgiw_leaf_take(struct cgiw_cgroup *cg, uid_t uid,
                   const struct cgiw_limits *limits, struct cgiw_leaf **leaf,
                   struct omk_err *err);

/* fork(), with the child in the leaf from its first instruction on where the
 * kernel can do that. As fork() returns: the pid, 0 in the child, -1 and
 * errno. For a process of one thread: no atfork handlers run. *pidfd (may be
 * NULL) is the child's, close on exec, or -1 where the kernel has none. leaf
 * may be NULL. */
pid_t cgiw_leaf_fork(struct cgiw_leaf *leaf, int *pidfd);

/* In the child, as root, first thing: enters what fork could not. System calls
 * alone. 0 or -errno; the run must not go on after an error. */
int cgiw_leaf_join(const struct cgiw_leaf *leaf);

/* Of this run so far. What is not known is 0. */
struct cgiw_use {
    uint64_t cpu_us;       /* all processes, also those that have ended */
    uint64_t memory_bytes; /* now */
    uint64_t peak_bytes;   /* most at once */
    uint32_t processes;    /* now, threads too */
    uint32_t oom_kills;    /* processes killed for the memory limit */
    uint32_t refused;      /* forks refused for the processes limit */
};

/* Zeroes for NULL and for what cannot be read. */
void cgiw_leaf_use(struct cgiw_leaf *leaf, struct cgiw_use *use);

/* Sends SIGKILL to every process of the leaf, also to those that are just
 * being forked, stopped, or in sessions of their own. Does not wait for their
 * end. 0, or -errno: then kill the main process by its pid. -ESRCH: nothing is
 * in it, or the main process has yet to join; -EBUSY: something may have got
 * away, which cgiw_leaf_give() and cgiw_cgroup_tick() see to; -ENOSYS for NULL
 * and where CGIW_HOLDS_KILL is not held: cgiw_tree_sweep() is for that. */
int cgiw_leaf_kill(struct cgiw_leaf *leaf);

/* Back to the pool, once the main process has been reaped. Still living processes are killed. NULL is
 * allowed. */
void cgiw_leaf_give(struct cgiw_cgroup *cg, struct cgiw_leaf *leaf,
                    int64_t now_s);

/* How each is held, one line of text: "cgroup v2", "cgroup v1", or why not and
 * what to do about it. hold: one bit. */
const char *cgiw_cgroup_why(const struct cgiw_cgroup *cg, enum cgiw_holds hold,
                            char *out, size_t size);

/* The daemon's group in one hierarchy, for messages; "" without any. */
const char *cgiw_cgroup_path(const struct cgiw_cgroup *cg);

#endif
