#include "cgroup_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FREEZE_MS 100
#define DEPTH 4 /* ours have three levels */

int cgiw_file_read(int dir, const char *name, char *buf, size_t size)
{
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
    ssize_t n;
    int rc;

    if (fd < 0) {
        return -errno;
    }
    n = read(fd, buf, size - 1);
    rc = n < 0 ? -errno : (int)n;
    close(fd);
    if (rc >= 0) {
        buf[rc] = '\0';
    }
    return rc;
}

int cgiw_file_write(int dir, const char *name, const char *text)
{
    int fd = openat(dir, name, O_WRONLY | O_CLOEXEC);
    int rc;

    if (fd < 0) {
        return -errno;
    }
    rc = write(fd, text, strlen(text)) < 0 ? -errno : 0;
    close(fd);
    return rc;
}

int cgiw_file_write_number(int dir, const char *name, uint64_t value)
{
    char text[24];

    (void)snprintf(text, sizeof text, "%" PRIu64, value);
    return cgiw_file_write(dir, name, text);
}

uint64_t cgiw_file_number(int dir, const char *name)
{
    char buf[64];

    return cgiw_file_read(dir, name, buf, sizeof buf) < 0
               ? 0
               : strtoull(buf, NULL, 10);
}

/* What stands behind "key " at a line's start; NULL if nothing does. */
static const char *behind(const char *text, const char *key)
{
    size_t len = strlen(key);

    for (const char *line = text; *line; line += *line == '\n') {
        if (strncmp(line, key, len) == 0 && line[len] == ' ') {
            return line + len + 1;
        }
        line += strcspn(line, "\n");
    }
    return NULL;
}

uint64_t cgiw_file_keyed(int dir, const char *name, const char *key)
{
    char buf[1024];
    const char *number;

    if (cgiw_file_read(dir, name, buf, sizeof buf) < 0) {
        return 0;
    }
    number = behind(buf, key);
    return number ? strtoull(number, NULL, 10) : 0;
}

int cgiw_counter_read(int fd, const char *key, uint64_t *value)
{
    char buf[1024];
    const char *number;
    ssize_t n = fd < 0 ? -1 : pread(fd, buf, sizeof buf - 1, 0);

    *value = 0;
    if (n <= 0) {
        return -1;
    }
    buf[n] = '\0';
    number = key ? behind(buf, key) : buf;
    if (!number) {
        return -1;
    }
    *value = strtoull(number, NULL, 10);
    return 0;
}

int cgiw_dir_open(int dir, const char *name)
{
    int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd < 0 ? -errno : fd;
}

int cgiw_dir_make(int dir, const char *name)
{
    if (mkdirat(dir, name, 0755) && errno != EEXIST) {
        return -errno;
    }
    return cgiw_dir_open(dir, name);
}

static void pause_ms(long ms)
{
    const struct timespec t = {ms / 1000, ms % 1000 * 1000000};

    (void)nanosleep(&t, NULL);
}

/* SIGKILL to each of cgroup.procs, of whatever length. */
static int kill_listed(int dir)
{
    int fd = openat(dir, "cgroup.procs", O_RDONLY | O_CLOEXEC);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
    char line[32];
    int rc = 0;

    if (!f) {
        rc = -errno;
        if (fd >= 0) {
            close(fd);
        }
        return rc;
    }
    while (fgets(line, sizeof line, f)) {
        long pid = strtol(line, NULL, 10);

        /* 0 is a process of another pid namespace: never our own group. */
        if (pid > 1 && kill((pid_t)pid, SIGKILL) && errno != ESRCH) {
            rc = -errno;
        }
    }
    (void)fclose(f);
    return rc;
}

static bool is_frozen(int dir, int version)
{
    char state[32];

    if (version == 2) {
        return cgiw_file_keyed(dir, "cgroup.events", "frozen") == 1;
    }
    return cgiw_file_read(dir, "freezer.state", state, sizeof state) > 0
           && strncmp(state, "FROZEN", 6) == 0;
}

int cgiw_group_kill_frozen(int dir, int version)
{
    const char *file = version == 2 ? "cgroup.freeze" : "freezer.state";
    int rc = cgiw_file_write(dir, file, version == 2 ? "1" : "FROZEN");
    int thawed;

    if (rc) {
        return rc;
    }
    /* One that waits for a disk may take its time, but forks nothing so long.
     */
    for (int i = 0; i < FREEZE_MS && !is_frozen(dir, version); i++) {
        pause_ms(1);
    }
    rc = is_frozen(dir, version) ? 0 : -EBUSY;
    rc = kill_listed(dir) ? -EIO : rc;
    thawed = cgiw_file_write(dir, file, version == 2 ? "0" : "THAWED");
    return rc ? rc : thawed;
}

bool cgiw_group_empty(int dir, int version)
{
    char buf[64];

    if (version == 2) {
        return cgiw_file_read(dir, "cgroup.events", buf, sizeof buf) > 0
               && strstr(buf, "populated 0");
    }
    return cgiw_file_read(dir, "cgroup.procs", buf, sizeof buf) == 0;
}

/* Once through the tree from the leaves up. */
static int remove_once(int parent, const char *name, int depth)
{
    int dir = cgiw_dir_open(parent, name);
    DIR *d = dir < 0 ? NULL : fdopendir(dir);
    const struct dirent *e;

    if (!d) {
        if (dir >= 0) {
            close(dir);
        }
        return dir < 0 ? dir : -ENOMEM;
    }
    if (cgiw_file_write(dir, "cgroup.kill", "1")
        && cgiw_group_kill_frozen(dir, 2) && cgiw_group_kill_frozen(dir, 1)) {
        (void)kill_listed(dir);
    }
    while (depth > 0 && (e = readdir(d))) {
        if (e->d_type == DT_DIR && e->d_name[0] != '.') {
            (void)remove_once(dir, e->d_name, depth - 1);
        }
    }
    (void)closedir(d);
    return unlinkat(parent, name, AT_REMOVEDIR) ? -errno : 0;
}

int cgiw_group_remove(int dir, const char *name, unsigned wait_ms)
{
    for (unsigned ms = 0;; ms++) {
        int rc = remove_once(dir, name, DEPTH);

        if (rc == -ENOENT) {
            return 0;
        }
        if (rc != -EBUSY || ms >= wait_ms) {
            return rc;
        }
        pause_ms(1);
    }
}
