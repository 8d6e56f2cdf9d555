#include "proc.h"

#include "err.h"

#include <apr_strings.h>
#include <apr_tables.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Bytes of a file of /proc, NUL-terminated; 0 where it is gone. */
static size_t slurp(pid_t pid, const char *name, char *out, size_t size)
{
    char path[64];
    ssize_t got;
    int fd;

    (void)snprintf(path, sizeof path, "/proc/%ld/%s", (long)pid, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return 0;
    }
    got = read(fd, out, size - 1);
    close(fd);
    out[got > 0 ? got : 0] = '\0';
    return got > 0 ? (size_t)got : 0;
}

/* proc(5): the name stands in brackets and may hold anything. */
static bool parse(const char *stat, struct omk_proc *out)
{
    const char *at = strrchr(stat, ')');
    unsigned long user, system;
    unsigned long long started;
    long resident;
    char state;
    int parent;

    if (!at
        || sscanf(at + 1,
                  " %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d "
                  "%*d %*d %*d %*d %llu %*u %ld",
                  &state, &parent, &user, &system, &started, &resident)
               != 6
        || state == 'Z') {
        return false;
    }
    out->parent = parent;
    out->cpu_ms =
        (uint64_t)(user + system) * 1000 / (uint64_t)sysconf(_SC_CLK_TCK);
    out->started = started;
    out->resident = (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
    return true;
}

static bool read_one(pid_t pid, struct omk_proc *out)
{
    char stat[1024];

    out->pid = pid;
    return slurp(pid, "stat", stat, sizeof stat) && parse(stat, out);
}

static int by_pid(const void *a, const void *b)
{
    pid_t x = ((const struct omk_proc *)a)->pid;
    pid_t y = ((const struct omk_proc *)b)->pid;

    return (x > y) - (x < y);
}

int omk_procs_read(apr_pool_t *p, struct omk_procs *out, struct omk_err *err)
{
    apr_array_header_t *list = apr_array_make(p, 256, sizeof(struct omk_proc));
    const struct dirent *e;
    DIR *d = opendir("/proc");

    if (!d) {
        return omk_fail(err, OMK_EIO, "/proc", "%s", strerror(errno));
    }
    while ((e = readdir(d))) {
        struct omk_proc proc;

        if (e->d_name[0] >= '1' && e->d_name[0] <= '9'
            && read_one((pid_t)strtol(e->d_name, NULL, 10), &proc)) {
            APR_ARRAY_PUSH(list, struct omk_proc) = proc;
        }
    }
    (void)closedir(d);
    qsort(list->elts, (size_t)list->nelts, sizeof(struct omk_proc), by_pid);
    out->list = (const struct omk_proc *)(void *)list->elts;
    out->count = (size_t)list->nelts;
    return OMK_OK;
}

const struct omk_proc *omk_procs_find(const struct omk_procs *all, pid_t pid)
{
    struct omk_proc key = {.pid = pid};

    return all->count ? bsearch(&key, all->list, all->count, sizeof key, by_pid)
                      : NULL;
}

const char *omk_proc_title(apr_pool_t *p, pid_t pid)
{
    char text[512];
    size_t len = slurp(pid, "cmdline", text, sizeof text);

    while (len && (text[len - 1] == ' ' || text[len - 1] == '\0')) {
        text[--len] = '\0';
    }
    return apr_pstrdup(p, text);
}

/* One that forks faster than we look is killed as far as it was seen. */
#define LOOKS_MAX 50

/* --- killing ----------------------------------------------------------------
 */

/* Signals exactly that process, not one that has got its number since. */
static bool signal_it(const struct omk_proc *proc, int signal)
{
    struct omk_proc now;
    int fd = (int)syscall(SYS_pidfd_open, proc->pid, 0);
    bool done;

    if (fd < 0) {
        return false;
    }
    done = read_one(proc->pid, &now) && now.started == proc->started
           && syscall(SYS_pidfd_send_signal, fd, signal, NULL, 0) == 0;
    close(fd);
    return done;
}

static bool has(const apr_array_header_t *list, pid_t pid)
{
    for (int i = 0; i < list->nelts; i++) {
        if (APR_ARRAY_IDX(list, i, struct omk_proc).pid == pid) {
            return true;
        }
    }
    return false;
}

/* Stops children of those in the list and adds them; whether there were any. */
static bool add_children(apr_pool_t *p, apr_array_header_t *list)
{
    struct omk_procs all;
    int before = list->nelts;

    if (omk_procs_read(p, &all, NULL)) {
        return false;
    }
    for (size_t i = 0; i < all.count; i++) {
        const struct omk_proc *proc = &all.list[i];

        if (has(list, proc->parent) && !has(list, proc->pid)
            && signal_it(proc, SIGSTOP)) {
            APR_ARRAY_PUSH(list, struct omk_proc) = *proc;
        }
    }
    return list->nelts > before;
}

int omk_proc_kill_tree(apr_pool_t *p, const struct omk_proc *proc,
                       struct omk_err *err)
{
    apr_array_header_t *list = apr_array_make(p, 8, sizeof(struct omk_proc));

    if (!signal_it(proc, SIGSTOP)) {
        return omk_fail(err, OMK_ENOENT, "", "process %ld has ended meanwhile",
                        (long)proc->pid);
    }
    APR_ARRAY_PUSH(list, struct omk_proc) = *proc;
    for (int i = 0; i < LOOKS_MAX && add_children(p, list); i++) {
    }
    for (int i = 0; i < list->nelts; i++) {
        (void)signal_it(&APR_ARRAY_IDX(list, i, struct omk_proc), SIGKILL);
    }
    return OMK_OK;
}
