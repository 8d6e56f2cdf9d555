/* What a run may use, and the part of it that rlimits see to.
 *
 * Rlimits count by process (CPU, AS) or by user (NPROC), never by run. What a
 * run uses as a whole is held by its control group where the kernel has the
 * controllers (cgroup.h), so which rlimits are set depends on what is held
 * there:
 *
 *   RLIMIT_CPU     always: SIGXCPU at cpu_s, SIGKILL a second later, in each
 *                  process. The run's total is for the daemon to look at.
 *   RLIMIT_AS      only where no memory controller holds. Address space is not
 *                  memory: runtimes that reserve much and use little (Go, node,
 *                  Java) would fail below a limit that they keep in fact, and
 *                  page tables are charged to the group anyway.
 *   RLIMIT_NPROC   only where no pids controller holds. The kernel counts all
 *                  processes and threads of the user: other runs, php-fpm's
 *                  children, FTP sessions. So it is for all runs of the user
 *                  at once, and CGIW_NPROC_OTHERS more for what is no script's;
 *                  that a single run has more than `processes` is for the
 *                  daemon to see (tree.h).
 *   RLIMIT_CORE    0.
 *   RLIMIT_FSIZE   none: quotas are for that; SIGXFSZ kills without a word.
 *   RLIMIT_NOFILE  1024, up to 4096 if a script asks.
 *   RLIMIT_NICE, RLIMIT_RTPRIO, RLIMIT_MEMLOCK: 0, 0, 8 MiB, whatever the
 *                  server has been given for itself.
 *
 * Both functions make system calls alone: for the child between fork and exec.
 * 0, or -errno of the first that failed. */
#ifndef CGIW_LIMITS_H
#define CGIW_LIMITS_H

#include <stdint.h>
#include <sys/resource.h>

/* 0 is "no limit" everywhere. */
struct cgiw_limits {
    uint32_t cpu_s;      /* CPU seconds of a run, user and system */
    uint32_t wall_s;     /* seconds from start to end */
    uint32_t processes;  /* processes and threads of a run at once */
    uint32_t concurrent; /* runs at once of a user */
    uint64_t memory_bytes;
    uint64_t output_bytes; /* the module counts these */
};

/* Processes of a user's that are no script's (php-fpm, FTP): RLIMIT_NPROC
 * allows for so many. */
#define CGIW_NPROC_OTHERS 64

/* Runs at once that RLIMIT_NPROC allows for where `concurrent` is 0. */
#define CGIW_NPROC_RUNS 32

/* RLIMIT_NPROC's value for these limits; RLIM_INFINITY: none. Pure. */
rlim_t cgiw_limits_nproc(const struct cgiw_limits *limits);

/* All but NPROC, while the process is still root (or whoever the daemon is).
 * holds: cgiw_cgroup_holds(). */
int cgiw_rlimits_before(const struct cgiw_limits *limits, unsigned holds);

/* NPROC, once the process is the customer: setuid to a user who is above the
 * limit would make the exec fail. */
int cgiw_rlimits_after(const struct cgiw_limits *limits, unsigned holds);

/* Where no cpu controller holds (no CGIW_HOLDS_CPU_WEIGHT): gives way to the
 * server's own processes. Call it as root, after setsid(). Where autogroups
 * are on, nice values count inside a session alone, so the session gets one
 * (sched(7)); a process that makes a session of its own leaves it. Where they
 * are off, the process's own nice value counts and is inherited. */
void cgiw_give_way(void);

/* Every signal that can be set does again what it does by itself. Those that
 * libc keeps for its threads as well, which it lets nobody set: who starts
 * programs by posix_spawn(3), as make does, leaves them ignored. */
void cgiw_signals_default(void);

/* The nice value that cgiw_give_way() gives; about a tenth of the weight of
 * nice 0, as the group has it where there is a controller. */
#define CGIW_NICE 10

#endif
