/* Whose process is that, and out with it: process trees where no control group
 * can kill them (CGIW_HOLDS_KILL is not held).
 *
 * The daemon adopts orphans (PR_SET_CHILD_SUBREAPER), so nothing that a script
 * has started leaves the daemon's tree: not by a double fork, not by setsid().
 * Of a run are its main process, whose session is its own; what descends from
 * it; and adopted orphans of its session with their descendants. Whatever else
 * lives below the daemon is a stray and is killed: what an ended run has left,
 * and a process that has left its run's session and its parents.
 *
 * Strays are stopped first, until no new ones appear, then killed: a stopped
 * process holds its place below RLIMIT_NPROC, where a killed one would make
 * room for the next fork. A pid is signalled only as the very process that was
 * looked at (pidfd and start time).
 *
 * For one thread. The daemon reaps: nothing here waits for a child. */
#ifndef CGIW_TREE_H
#define CGIW_TREE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Makes the calling process adopt orphans below it. 0 or -errno. */
int cgiw_tree_adopt(void);

/* Kills all processes below the calling one but those of the runs whose main
 * processes are live[0…count): so the caller has no other children. Call it
 * when a run has ended or is to end (with its pid no longer in live), and once
 * a second while anything runs.
 *
 * Takes a few system calls when the caller has no children but these, and
 * never more than about budget_ms, or two passes over /proc. 0: nothing is
 * left but zombies, for the caller to reap. 1: something is left, call again
 * soon. -errno: /proc cannot be read. */
int cgiw_tree_sweep(const pid_t *live, size_t count, unsigned budget_ms);

struct cgiw_tree_use {
    uint64_t cpu_us; /* of those that live, and of children they waited for */
    uint64_t memory_bytes; /* resident now; shared pages count in each */
    uint32_t processes;    /* threads too */
};

/* What each run uses now: use[i] for live[i]; zeroes for one of which nothing
 * lives. One pass over /proc. 0 or -errno. */
int cgiw_tree_use(const pid_t *live, size_t count, struct cgiw_tree_use *use);

/* As cgiw_give_way() (limits.h) for those processes of the runs that have left
 * their first session, where no cpu controller holds. For once a second. */
int cgiw_tree_give_way(const pid_t *live, size_t count);

/* When pid was started, in clock ticks after boot; with the pid it names a
 * process for good. 0: there is none such. */
uint64_t cgiw_tree_started(pid_t pid);

#endif
