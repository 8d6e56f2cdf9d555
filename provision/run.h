/* Programs: run to their end with what they print, or started for good. They
 * get a clean environment (PATH, LANG=C: messages are read by programs), stand
 * in /, and have no file open that we or who called us had. */
#ifndef OMK_RUN_H
#define OMK_RUN_H

#include <apr_pools.h>
#include <stdbool.h>
#include <sys/types.h>

struct omk_err;

/* Runs argv, at most timeout_s seconds (then it is killed: OMK_EBUSY). Its
 * exit code is *status (128 and the signal's number when one ended it), what it
 * printed on both outputs *output (cut at 64 KiB). */
int omk_run(apr_pool_t *p, const char *const argv[], unsigned timeout_s,
            int *status, const char **output, struct omk_err *err);

/* Starts argv in a session of its own, its outputs appended to log. With
 * `ours` it ends when this process does, and is this process's to wait for. */
int omk_start(const char *const argv[], const char *log, bool ours, pid_t *pid,
              struct omk_err *err);

/* TERM, then, after timeout_s, KILL to its whole group. Returns whether it
 * went by itself. Of a child of ours or any other process. */
bool omk_end(pid_t pid, unsigned timeout_s);

/* The same of one that was told to end already. */
bool omk_await_end(pid_t pid, unsigned timeout_s);

/* Whether the process is there and no zombie. */
bool omk_is_alive(pid_t pid);

/* Waits a few milliseconds between two looks; false once `until_ms` (of
 * omk_now_ms) is past. */
bool omk_wait_a_little(long long until_ms);
long long omk_now_ms(void);

#endif
