#include "reap.h"

#include "daemon.h"
#include "tree.h"
#include "wire.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Children that are collected in one go: a script may make orphans faster than
 * these are collected, and others wait. */
#define REAP_MAX 256

/* --- the list of those that run ------------------------------------------- */

void cgiw_reap_enter(struct cgiw_daemon *d, uint32_t index, pid_t pid)
{
    struct cgiw_run *run = d->runs + index;

    run->live = d->live_count;
    d->live[d->live_count] = index;
    d->pids[d->live_count] = pid;
    d->live_count++;
    d->per_user[run->site->user]++;
    d->tick_until_ms = run->started_ms + (CGIW_LEAVES_IDLE_S + 5) * 1000;
}

static void leave(struct cgiw_daemon *d, uint32_t index)
{
    struct cgiw_run *run = d->runs + index;
    uint32_t last = --d->live_count;

    d->live[run->live] = d->live[last];
    d->pids[run->live] = d->pids[last];
    d->runs[d->live[run->live]].live = run->live;
    d->per_user[run->site->user]--;
    d->free_slots[d->free_count++] = index;
}

void cgiw_reap_forget(struct cgiw_daemon *d, struct cgiw_run *run,
                      struct cgiw_slot *slot)
{
    cgiw_leaf_give(d->cgroup, run->leaf, cgiw_daemon_now_ms() / 1000);
    free(run->script);
    run->script = NULL;
    run->site = NULL;
    slot->stage = CGIW_STAGE_FREE;
}

/* --- killing -------------------------------------------------------------- */

void cgiw_reap_sweep(struct cgiw_daemon *d)
{
    pid_t live[CGIW_TABLE_SLOTS];
    size_t count = 0;

    if (d->holds & CGIW_HOLDS_KILL && !d->unswept) {
        return;
    }
    for (uint32_t i = 0; i < d->live_count; i++) {
        if (!d->runs[d->live[i]].killed) {
            live[count++] = d->pids[i];
        }
    }
    d->unswept = cgiw_tree_sweep(live, count, 20) == 1;
}

void cgiw_reap_kill(struct cgiw_daemon *d, struct cgiw_run *run,
                    enum cgiw_code cause, uint64_t limit, uint64_t used)
{
    if (run->killed) {
        return;
    }
    run->killed = 1;
    run->cause = cause;
    run->limit = limit;
    run->used = used;
    if (cgiw_leaf_kill(run->leaf) != 0) {
        /* Ours, and not collected yet: no other process has its number. */
        (void)kill(d->pids[run->live], SIGKILL);
        d->unswept = 1;
    }
}

void cgiw_reap_hangup(struct cgiw_daemon *d, uint32_t index, uint32_t number)
{
    struct cgiw_run *run = d->runs + index;

    if (!run->site || run->control < 0 || (run->number & 0xffffff) != number) {
        return; /* of a run that has ended just now */
    }
    cgiw_daemon_let_go(run->control);
    run->control = -1;
    cgiw_reap_kill(d, run, CGIW_OK, 0, 0);
}

/* --- ends ----------------------------------------------------------------- */

struct end {
    int wait_status;
    uint32_t wall_ms, cpu_ms;
    uint64_t memory_bytes;
    enum cgiw_code code;
    uint64_t limit, used;
};

static uint64_t microseconds(const struct timeval *t)
{
    return (uint64_t)t->tv_sec * 1000000u + (uint64_t)t->tv_usec;
}

/* What it used: of the whole tree where its group knows, else of the main
 * process and those it has waited for, or what a look at it has seen. */
static void measure(const struct cgiw_daemon *d, const struct cgiw_run *run,
                    const struct cgiw_use *use, const struct rusage *ru,
                    struct end *end)
{
    uint64_t cpu_us = microseconds(&ru->ru_utime) + microseconds(&ru->ru_stime);
    uint64_t memory = (uint64_t)ru->ru_maxrss * 1024;

    if (d->holds & CGIW_HOLDS_CPU_TIME && use->cpu_us) {
        cpu_us = use->cpu_us;
    }
    if (d->holds & CGIW_HOLDS_PEAK && use->peak_bytes) {
        memory = use->peak_bytes;
    }
    end->cpu_ms =
        (uint32_t)((cpu_us > run->cpu_us ? cpu_us : run->cpu_us) / 1000);
    end->memory_bytes = memory > run->memory_bytes ? memory : run->memory_bytes;
    end->wall_ms = (uint32_t)(cgiw_daemon_now_ms() - run->started_ms);
}

/* Which limit it was, if one was. */
static void judge(const struct cgiw_run *run, const struct cgiw_use *use,
                  struct end *end)
{
    const struct cgiw_limits *limits = &run->site->limits;
    int failed = end->wait_status != 0;

    if (run->cause) {
        end->code = run->cause;
        end->limit = run->limit;
        end->used = run->used;
    }
    else if (run->killed) {
        return;
    }
    else if (use->oom_kills && failed) {
        end->code = CGIW_E16;
        end->limit = limits->memory_bytes;
        end->used = end->memory_bytes;
    }
    else if (limits->cpu_s && WIFSIGNALED(end->wait_status)
             && (WTERMSIG(end->wait_status) == SIGXCPU
                 || (WTERMSIG(end->wait_status) == SIGKILL
                     && end->cpu_ms >= limits->cpu_s * 1000))) {
        end->code = CGIW_E15;
        end->limit = limits->cpu_s;
        end->used = end->cpu_ms / 1000;
    }
    else if (use->refused && failed) {
        end->code = CGIW_E17;
        end->limit = limits->processes;
        end->used = limits->processes;
    }
}

static void tell(const struct cgiw_run *run, const struct end *end)
{
    struct cgiw_reply reply = {
        .kind = CGIW_ENDED,
        .code = (uint16_t)end->code,
        .run = run->number,
        .wait_status = end->wait_status,
        .wall_ms = end->wall_ms,
        .cpu_ms = end->cpu_ms,
        .memory_bytes = end->memory_bytes,
        .detail = {end->limit, end->used},
    };

    /* One that does not read is not told: it sees the descriptor closed. */
    (void)cgiw_reply_send(run->control, &reply, NULL);
}

static void log_end(struct cgiw_daemon *d, const struct cgiw_run *run,
                    const struct cgiw_slot *slot, const struct end *end)
{
    int refused = slot->stage == CGIW_STAGE_REFUSED;
    struct cgiw_usage usage = {
        .login = run->site->login,
        .uid = run->site->uid,
        .site = (uint32_t)(run->site - d->config->sites),
        .run = run->number,
        .script = run->script,
        .refused = refused,
        .wait_status = end->wait_status,
        .wall_ms = end->wall_ms,
        .cpu_ms = end->cpu_ms,
        .memory_bytes = end->memory_bytes,
        .code = refused ? (enum cgiw_code)slot->code : end->code,
    };

    cgiw_log_usage(&d->log, &usage, cgiw_daemon_now_ms());
}

static void end_run(struct cgiw_daemon *d, uint32_t index, int wait_status,
                    const struct rusage *ru)
{
    struct cgiw_run *run = d->runs + index;
    struct cgiw_slot *slot = d->table.slots + index;
    struct end end = {.wait_status = wait_status};
    struct cgiw_use use;

    cgiw_leaf_use(run->leaf, &use);
    measure(d, run, &use, ru, &end);
    judge(run, &use, &end);
    leave(d, index);
    /* What it has left running goes with it, before its end is told. */
    cgiw_leaf_give(d->cgroup, run->leaf, cgiw_daemon_now_ms() / 1000);
    cgiw_reap_sweep(d);
    if (run->control >= 0) {
        if (slot->stage != CGIW_STAGE_REFUSED) {
            tell(run, &end);
        }
        cgiw_daemon_let_go(run->control);
    }
    log_end(d, run, slot, &end);
    free(run->script);
    run->script = NULL;
    run->site = NULL;
    slot->stage = CGIW_STAGE_FREE;
}

void cgiw_reap_children(struct cgiw_daemon *d)
{
    struct rusage ru;
    int status;
    pid_t pid;

    d->unreaped = 0;
    for (int n = 0; (pid = wait4(-1, &status, WNOHANG, &ru)) > 0; n++) {
        for (uint32_t i = 0; i < d->live_count; i++) {
            if (d->pids[i] == pid) {
                end_run(d, d->live[i], status, &ru);
                break;
            }
        }
        if (n == REAP_MAX) {
            d->unreaped = 1;
            break;
        }
    }
}

/* --- once a second -------------------------------------------------------- */

static void hold_to_limits(struct cgiw_daemon *d, struct cgiw_run *run,
                           uint64_t cpu_us, uint32_t processes, int64_t now_ms)
{
    const struct cgiw_limits *limits = &run->site->limits;
    int64_t wall_ms = now_ms - run->started_ms;

    if (limits->wall_s && wall_ms >= (int64_t)limits->wall_s * 1000) {
        cgiw_reap_kill(d, run, CGIW_E14, limits->wall_s,
                       (uint64_t)wall_ms / 1000);
    }
    else if (limits->cpu_s && cpu_us >= (uint64_t)limits->cpu_s * 1000000u) {
        cgiw_reap_kill(d, run, CGIW_E15, limits->cpu_s, cpu_us / 1000000u);
    }
    else if (limits->processes && processes > limits->processes
             && !(d->holds & CGIW_HOLDS_PROCESSES)) {
        cgiw_reap_kill(d, run, CGIW_E17, limits->processes, processes);
    }
}

/* By what /proc says, where no group knows all of it. */
static void look_at_trees(struct cgiw_daemon *d, int64_t now_ms)
{
    static struct cgiw_tree_use use[CGIW_TABLE_SLOTS]; /* large */

    if (cgiw_tree_use(d->pids, d->live_count, use) != 0) {
        memset(use, 0, sizeof use);
    }
    for (uint32_t i = 0; i < d->live_count; i++) {
        struct cgiw_run *run = d->runs + d->live[i];

        if (use[i].cpu_us > run->cpu_us) {
            run->cpu_us = use[i].cpu_us;
        }
        if (use[i].memory_bytes > run->memory_bytes) {
            run->memory_bytes = use[i].memory_bytes;
        }
        hold_to_limits(d, run, run->cpu_us, use[i].processes, now_ms);
    }
}

static void look_at_groups(struct cgiw_daemon *d, int64_t now_ms)
{
    for (uint32_t i = 0; i < d->live_count; i++) {
        struct cgiw_run *run = d->runs + d->live[i];
        struct cgiw_use use;

        cgiw_leaf_use(run->leaf, &use);
        hold_to_limits(d, run, use.cpu_us, use.processes, now_ms);
    }
}

void cgiw_reap_tick(struct cgiw_daemon *d)
{
    const unsigned enough = CGIW_HOLDS_CPU_TIME | CGIW_HOLDS_PROCESSES;
    int64_t now_ms = cgiw_daemon_now_ms();

    if (d->live_count > 0 && (d->holds & enough) == enough) {
        look_at_groups(d, now_ms);
    }
    else if (d->live_count > 0) {
        look_at_trees(d, now_ms);
    }
    if (d->live_count > 0 && !(d->holds & CGIW_HOLDS_CPU_WEIGHT)) {
        /* What it does not reach runs at its usual weight. */
        (void)cgiw_tree_give_way(d->pids, d->live_count);
    }
    cgiw_reap_sweep(d);
    cgiw_cgroup_tick(d->cgroup, now_ms / 1000);
}
