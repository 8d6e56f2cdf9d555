/* Scripts that run, until they have ended: by themselves, by a limit, because
 * nobody waits for them any more, or because the operator says so. */
#ifndef CGIW_REAP_H
#define CGIW_REAP_H

#include "diagnose.h"

#include <stdint.h>
#include <sys/types.h>

struct cgiw_daemon;
struct cgiw_run;
struct cgiw_slot;

/* The run with that index has a process now: counts it, and counts it in. */
void cgiw_reap_enter(struct cgiw_daemon *d, uint32_t index, pid_t pid);

/* There was no process after all: gives back what the run holds, but its
 * control descriptor. */
void cgiw_reap_forget(struct cgiw_daemon *d, struct cgiw_run *run,
                      struct cgiw_slot *slot);

/* Collects children that have ended, runs and adopted orphans, and tells the
 * other side and the log about runs. */
void cgiw_reap_children(struct cgiw_daemon *d);

/* Kills a run's whole tree. Its end is told when it has been collected, with
 * cause (CGIW_OK: none), limit and used. A second call changes nothing. */
void cgiw_reap_kill(struct cgiw_daemon *d, struct cgiw_run *run,
                    enum cgiw_code cause, uint64_t limit, uint64_t used);

/* The other side has closed the control descriptor of the run with that index
 * and number (24 bits of it): nobody wants its output any more. */
void cgiw_reap_hangup(struct cgiw_daemon *d, uint32_t index, uint32_t number);

/* Once a second: limits of wall and CPU time, and of processes where no group
 * counts them; processes that have slipped away; leaves that nobody needs. */
void cgiw_reap_tick(struct cgiw_daemon *d);

/* Kills what lives below the daemon and belongs to no run. Nothing where
 * groups do that, unless one could not. */
void cgiw_reap_sweep(struct cgiw_daemon *d);

#endif
