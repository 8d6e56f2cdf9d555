#include "table.h"

#include "err.h"
#include "sites.h"
#include "tree.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

int cgiw_table_open(int fd, struct cgiw_table *table, struct omk_err *err)
{
    struct stat st;
    void *memory;

    if (fstat(fd, &st) != 0) {
        return omk_fail(err, OMK_EIO, "run table", "fstat: %s",
                        strerror(errno));
    }
    if (!S_ISREG(st.st_mode) || st.st_size < (off_t)sizeof(struct cgiw_slot)) {
        return omk_fail(err, OMK_EINVAL, "run table", "no file, or too small");
    }
    table->count =
        st.st_size > (off_t)CGIW_TABLE_BYTES
            ? CGIW_TABLE_SLOTS
            : (uint32_t)((size_t)st.st_size / sizeof(struct cgiw_slot));
    memory = mmap(NULL, table->count * sizeof(struct cgiw_slot),
                  PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED) {
        return omk_fail(err, OMK_EIO, "run table", "mmap: %s", strerror(errno));
    }
    /* Nobody can cut it short under us, if it is one that can be sealed. */
    (void)fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK);
    table->slots = memory;
    return OMK_OK;
}

uint64_t cgiw_table_now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_BOOTTIME, &now); /* fails for no valid clock */
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int is_sites_uid(const struct cgiw_config *config, uint32_t uid)
{
    for (uint32_t i = 0; i < config->site_count; i++) {
        if (config->sites[i].uid == uid) {
            return 1;
        }
    }
    return 0;
}

/* The slot's process lives, and is not another with its number. */
static int still_lives(const struct cgiw_slot *slot)
{
    uint64_t ticks = (uint64_t)sysconf(_SC_CLK_TCK);
    uint64_t started = slot->pid > 0 ? cgiw_tree_started(slot->pid) : 0;

    return started != 0 && started >= slot->born_from_ns * ticks / 1000000000u
           && started <= slot->born_to_ns * ticks / 1000000000u + 1;
}

/* Of /proc/PID/stat, field 6. The name in field 2 may hold anything. */
static pid_t session_of(int proc, const char *pid)
{
    char path[64], text[512];
    const char *p;
    long session;
    ssize_t n;
    int fd;

    (void)snprintf(path, sizeof path, "%.20s/stat", pid);
    fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return 0;
    }
    n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n <= 0) {
        return 0;
    }
    text[n] = '\0';
    p = strrchr(text, ')');
    /* ") S ppid pgrp session" */
    return p && sscanf(p + 1, " %*c %*d %*d %ld", &session) == 1
               ? (pid_t)session
               : 0;
}

static uid_t owner_of(int proc, const char *pid)
{
    struct stat st;

    return fstatat(proc, pid, &st, 0) == 0 ? st.st_uid : (uid_t)-1;
}

static int was_in_table(const struct cgiw_table *table,
                        const struct cgiw_config *config, pid_t session,
                        uid_t uid)
{
    for (uint32_t i = 0; i < table->count; i++) {
        const struct cgiw_slot *slot = table->slots + i;

        if (slot->stage != CGIW_STAGE_FREE && slot->pid == session
            && slot->uid == uid && is_sites_uid(config, uid)) {
            return 1;
        }
    }
    return 0;
}

/* Every process in a session that a slot names. */
static int kill_sessions(const struct cgiw_table *table,
                         const struct cgiw_config *config)
{
    DIR *dir = opendir("/proc");
    const struct dirent *entry;
    int killed = 0;

    if (!dir) {
        return -errno;
    }
    while ((entry = readdir(dir))) {
        int proc = dirfd(dir);
        pid_t session;

        if (!isdigit((unsigned char)entry->d_name[0])) {
            continue;
        }
        session = session_of(proc, entry->d_name);
        if (session > 1
            && was_in_table(table, config, session,
                            owner_of(proc, entry->d_name))) {
            killed +=
                kill((pid_t)strtol(entry->d_name, NULL, 10), SIGKILL) == 0;
        }
    }
    closedir(dir);
    return killed;
}

int cgiw_table_end_leftovers(struct cgiw_table *table,
                             const struct cgiw_config *config)
{
    int used = 0, killed = 0, more = 0;

    for (uint32_t i = 0; i < table->count; i++) {
        const struct cgiw_slot *slot = table->slots + i;

        if (slot->stage == CGIW_STAGE_FREE) {
            continue;
        }
        used = 1;
        if (is_sites_uid(config, slot->uid) && still_lives(slot)) {
            killed += kill(slot->pid, SIGKILL) == 0;
        }
    }
    if (used) {
        more = kill_sessions(table, config);
        memset(table->slots, 0, table->count * sizeof *table->slots);
    }
    return more < 0 ? more : killed + more;
}
