#include "cgroup_hierarchy.h"

#include "cgroup.h"
#include "cgroup_file.h"
#include "cgroup_mount.h"
#include "tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

/* Where the processes of a delegated BASE go. */
#define SERVER_GROUP "omakase-httpd"

/* Of the kernel's default, 100 (cgroup v2) and 1024 (v1): the server's own
 * processes are weighed ten times as much as all scripts together. */
#define WEIGHT 10
#define SHARES 102

#define STALE_MS 1000
#define CLOSE_MS 2000
#define MOVES 20

struct finding {
    struct cgiw_hierarchies *h;
    const char *group; /* NULL: the own one */
    const char *prefix;
    int flags;
    size_t mounts;
    struct cgiw_mount mount[CGIW_MOUNTS];
};

unsigned cgiw_holds_index(unsigned hold)
{
    return (unsigned)__builtin_ctz(hold);
}

static void why(struct cgiw_hierarchies *h, unsigned holds, const char *format,
                ...) __attribute__((format(printf, 3, 4)));

/* The same words for each of the bits. */
static void why(struct cgiw_hierarchies *h, unsigned holds, const char *format,
                ...)
{
    for (unsigned i = 0; i < CGIW_HOLDS_COUNT; i++) {
        va_list ap;

        if (!(holds & 1U << i)) {
            continue;
        }
        va_start(ap, format);
        (void)vsnprintf(h->why[i], sizeof h->why[i], format, ap);
        va_end(ap);
    }
}

/* --- BASE ----------------------------------------------------------------- */

/* Of a path that ends in SERVER_GROUP, what is above. */
static size_t above_server_group(const char *path)
{
    size_t len = strlen(path), tail = strlen("/" SERVER_GROUP);

    return len >= tail && strcmp(path + len - tail, "/" SERVER_GROUP) == 0
               ? len - tail
               : len;
}

static int open_base(const struct finding *f, const struct cgiw_mount *m,
                     struct cgiw_hierarchy *h)
{
    const char *group = f->group ? f->group : m->own;
    int len = (int)(f->group ? strlen(group) : above_server_group(group));

    if (snprintf(h->path, sizeof h->path, "%s%.*s", m->point, len, group)
        >= (int)sizeof h->path) {
        return -ENAMETOOLONG;
    }
    h->version = m->version;
    h->base = cgiw_dir_open(AT_FDCWD, h->path);
    return h->base < 0 ? h->base : 0;
}

static bool is_delegated(int dir)
{
    static const char *const names[] = {"trusted.delegate", "user.delegate"};
    char value[8];

    for (size_t i = 0; i < 2; i++) {
        if (fgetxattr(dir, names[i], value, sizeof value) == 1
            && value[0] == '1') {
            return true;
        }
    }
    return false;
}

/* BASE is the group that this process is in, or was moved from. */
static bool is_own(const struct finding *f, const struct cgiw_mount *m)
{
    return !f->group
           || (strlen(f->group) == above_server_group(m->own)
               && strncmp(f->group, m->own, strlen(f->group)) == 0);
}

/* --- version 2 ------------------------------------------------------------ */

/* Everything that is in BASE goes to SERVER_GROUP. */
static int move_out(int base)
{
    int dir = cgiw_dir_make(base, SERVER_GROUP);
    int fd = dir < 0 ? dir : openat(base, "cgroup.procs", O_RDONLY | O_CLOEXEC);
    FILE *list = fd < 0 ? NULL : fdopen(fd, "r");
    char pid[32];
    int rc = 0;

    if (!list) {
        rc = dir < 0 ? dir : -errno;
    }
    while (list && fgets(pid, sizeof pid, list)) {
        /* "0" stands for one that cannot be seen from here, and would be us. */
        rc = *pid == '0' ? -EBUSY : cgiw_file_write(dir, "cgroup.procs", pid);
        if (rc == -ESRCH) {
            rc = 0; /* has ended meanwhile */
        }
        if (rc) {
            break;
        }
    }
    if (list) {
        (void)fclose(list);
    }
    else if (fd >= 0) {
        close(fd);
    }
    if (dir >= 0) {
        close(dir);
    }
    return rc;
}

/* The words of cgroup.controllers or cgroup.subtree_control. */
static unsigned controllers_in(int dir, const char *file)
{
    char buf[256];
    unsigned found = 0;

    if (cgiw_file_read(dir, file, buf, sizeof buf) < 0) {
        return 0;
    }
    for (const char *s = buf; *s;) {
        size_t len = strcspn(s, " \n");

        found |= cgiw_controller_bit(s, len);
        s += len;
        s += strspn(s, " \n");
    }
    return found;
}

static const struct {
    unsigned bit;
    const char *enable;
    unsigned holds;
} of_v2[] = {
    {CGIW_CPU, "+cpu", CGIW_HOLDS_CPU_WEIGHT},
    {CGIW_MEMORY, "+memory",
     CGIW_HOLDS_MEMORY | CGIW_HOLDS_SWAP | CGIW_HOLDS_PEAK},
    {CGIW_PIDS, "+pids", CGIW_HOLDS_PROCESSES},
};

/* All but the root have a type, and have either processes or controllers for
 * groups below. (With some controllers the kernel takes both for the wish to
 * have threads apart, and nothing can enter the groups below any more.) */
static bool is_in_the_way(int base)
{
    char buf[16];

    return faccessat(base, "cgroup.type", F_OK, 0) == 0
           && cgiw_file_read(base, "cgroup.procs", buf, sizeof buf) != 0;
}

/* Lets groups below BASE have the controllers that it has. The bits they get;
 * *rc: of the last failure. */
static unsigned enable(int base, bool may_move, int *rc)
{
    unsigned want = controllers_in(base, "cgroup.controllers");
    unsigned have = controllers_in(base, "cgroup.subtree_control");

    *rc = 0;
    /* Others may be forking while they are moved. */
    for (int i = 0; i < MOVES && may_move && is_in_the_way(base); i++) {
        *rc = move_out(base);
    }
    if (is_in_the_way(base)) {
        *rc = *rc ? *rc : -EBUSY;
        return 0;
    }
    for (size_t i = 0; i < sizeof of_v2 / sizeof *of_v2; i++) {
        int failed = 0;

        if (want & ~have & of_v2[i].bit) {
            failed = cgiw_file_write(base, "cgroup.subtree_control",
                                     of_v2[i].enable);
        }
        *rc = failed ? failed : *rc;
        have |= failed ? 0 : of_v2[i].bit;
    }
    return have & want;
}

static bool has_systemd(void)
{
    return access("/run/systemd/system", F_OK) == 0;
}

static const char *advice(void)
{
    return has_systemd() ? "Delegate=yes for httpd's unit does it (systemctl "
                           "edit apache2)"
                         : "CGIWrapperName /GROUP/NAME with this very group "
                           "allows to move them";
}

/* What version 2 holds in the daemon's new group, and why it does not hold the
 * rest. */
static void take_controllers(struct finding *f, struct cgiw_hierarchy *v2,
                             const char *base, unsigned enabled, int rc)
{
    unsigned has = controllers_in(v2->fd, "cgroup.controllers") & enabled;

    v2->holds = CGIW_HOLDS_CPU_TIME;
    if (!faccessat(v2->fd, "cgroup.kill", W_OK, 0)
        || !faccessat(v2->fd, "cgroup.freeze", W_OK, 0)) {
        v2->holds |= CGIW_HOLDS_KILL;
    }
    why(f->h, CGIW_HOLDS_KILL, "cgroup v2 can neither kill nor freeze a group");
    why(f->h, v2->holds, "cgroup v2");
    for (size_t i = 0; i < sizeof of_v2 / sizeof *of_v2; i++) {
        if (has & of_v2[i].bit
            && !cgiw_file_write(v2->fd, "cgroup.subtree_control",
                                of_v2[i].enable)) {
            v2->holds |= of_v2[i].holds;
            why(f->h, of_v2[i].holds, "cgroup v2");
        }
        else if (rc == -EBUSY) {
            why(f->h, of_v2[i].holds,
                "%s has processes of its own and is not delegated, so groups "
                "below it get no controller: %s",
                base, advice());
        }
        else {
            why(f->h, of_v2[i].holds,
                "no %s controller in %s (see its cgroup.controllers)%s%s",
                of_v2[i].enable + 1, base, rc ? ": " : "",
                rc ? strerror(-rc) : "");
        }
    }
    if (v2->holds & CGIW_HOLDS_CPU_WEIGHT) {
        (void)cgiw_file_write_number(v2->fd, "cpu.weight", WEIGHT);
    }
}

/* systemd wants to be the only one that makes groups, but below what it has
 * delegated. */
static bool may_make(const struct finding *f, const struct cgiw_mount *m,
                     int base)
{
    return f->group || is_delegated(base) || !*m->own || !has_systemd();
}

/* --- the daemon's group --------------------------------------------------- */

/* "PID.START" of a process that is no more. */
static bool is_dead(const char *s)
{
    char *end;
    uint64_t started;
    unsigned long pid = strtoul(s, &end, 10);

    if (end == s || *end != '.' || pid > INT32_MAX) {
        return false;
    }
    s = end + 1;
    started = strtoull(s, &end, 10);
    return end != s && !*end && cgiw_tree_started((pid_t)pid) != started;
}

static void remove_stale(const struct finding *f, int base)
{
    int fd = cgiw_dir_open(base, ".");
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *e;
    size_t len = strlen(f->prefix);

    if (!d) {
        if (fd >= 0) {
            close(fd);
        }
        return;
    }
    while ((e = readdir(d))) {
        if (strncmp(e->d_name, f->prefix, len) == 0
            && is_dead(e->d_name + len)) {
            (void)cgiw_group_remove(base, e->d_name, STALE_MS);
        }
    }
    (void)closedir(d);
}

static int make_group(struct finding *f, struct cgiw_hierarchy *h)
{
    size_t len = strlen(h->path);

    if (!(f->flags & CGIW_CGROUP_LOOK)) {
        remove_stale(f, h->base);
    }
    h->fd = cgiw_dir_make(h->base, f->h->name);
    if (h->fd < 0) {
        return h->fd;
    }
    (void)snprintf(h->path + len, sizeof h->path - len, "/%s", f->h->name);
    return 0;
}

static void use(struct finding *f, const struct cgiw_hierarchy *h)
{
    f->h->list[f->h->count++] = *h;
    f->h->holds |= h->holds;
}

/* Below a group that has threads apart nothing can live. */
static bool is_sound(const struct cgiw_hierarchy *h)
{
    char type[32];

    return h->version == 1
           || (cgiw_file_read(h->fd, "cgroup.type", type, sizeof type) > 0
               && strcmp(type, "domain\n") == 0);
}

static void discard(const struct finding *f, const struct cgiw_hierarchy *h)
{
    if (h->fd >= 0) {
        close(h->fd);
        (void)cgiw_group_remove(h->base, f->h->name, 0);
    }
    close(h->base);
}

static void open_v2(struct finding *f, const struct cgiw_mount *m)
{
    struct cgiw_hierarchy h = {.fd = -1};
    char base[sizeof h.path];
    unsigned enabled;
    bool ours;
    int rc = open_base(f, m, &h), failed;

    if (rc) {
        why(f->h, ~0U, "%s: %s", h.path, strerror(-rc));
        return;
    }
    memcpy(base, h.path, sizeof base);
    if (!may_make(f, m, h.base)) {
        why(f->h, ~0U, "systemd has not delegated %s: %s", base, advice());
        close(h.base);
        return;
    }
    ours = is_own(f, m) && (f->group || is_delegated(h.base))
           && !(f->flags & CGIW_CGROUP_LOOK);
    enabled = enable(h.base, ours, &failed);
    rc = make_group(f, &h);
    if (rc) {
        why(f->h, ~0U, "no group can be made in %s: %s", base, strerror(-rc));
        close(h.base);
        return;
    }
    if (!is_sound(&h)) {
        why(f->h, ~0U, "%s is part of a threaded group", base);
        discard(f, &h);
        return;
    }
    take_controllers(f, &h, base, enabled, failed);
    use(f, &h);
}

/* --- version 1 ------------------------------------------------------------ */

static const struct {
    unsigned controller;
    unsigned holds;
    const char *file; /* by which it is known that it works */
} of_v1[] = {
    {CGIW_CPU, CGIW_HOLDS_CPU_WEIGHT, "cpu.shares"},
    {CGIW_CPUACCT, CGIW_HOLDS_CPU_TIME, "cpuacct.usage"},
    {CGIW_MEMORY, CGIW_HOLDS_MEMORY | CGIW_HOLDS_PEAK, "memory.limit_in_bytes"},
    {CGIW_MEMORY, CGIW_HOLDS_SWAP, "memory.memsw.limit_in_bytes"},
    {CGIW_PIDS, CGIW_HOLDS_PROCESSES, "cgroup.procs"},
    {CGIW_FREEZER, CGIW_HOLDS_KILL, "freezer.state"},
};

static void open_v1(struct finding *f, const struct cgiw_mount *m)
{
    struct cgiw_hierarchy h = {.fd = -1};
    unsigned wanted = 0;
    int rc;

    for (size_t i = 0; i < sizeof of_v1 / sizeof *of_v1; i++) {
        wanted |= m->controllers & of_v1[i].controller ? of_v1[i].holds : 0;
    }
    wanted &= ~f->h->holds; /* what version 2 has is better held there */
    if (!wanted || f->h->count == CGIW_HIERARCHIES) {
        return;
    }
    rc = open_base(f, m, &h);
    if (rc || (rc = make_group(f, &h))) {
        why(f->h, wanted, "no group can be made in %s: %s", h.path,
            strerror(-rc));
        if (h.base >= 0) {
            close(h.base);
        }
        return;
    }
    for (size_t i = 0; i < sizeof of_v1 / sizeof *of_v1; i++) {
        if (m->controllers & of_v1[i].controller && wanted & of_v1[i].holds
            && faccessat(h.fd, of_v1[i].file, W_OK, 0) == 0) {
            h.holds |= of_v1[i].holds & wanted;
        }
    }
    if (!h.holds) {
        discard(f, &h);
        return;
    }
    if (h.holds & CGIW_HOLDS_CPU_WEIGHT) {
        (void)cgiw_file_write_number(h.fd, "cpu.shares", SHARES);
    }
    why(f->h, h.holds, "cgroup v1");
    use(f, &h);
}

/* -------------------------------------------------------------------------- */

static void read_mounts(struct finding *f)
{
    enum { MOUNTINFO = 1 << 20, SELF = 1 << 14 };
    char *mountinfo = malloc(MOUNTINFO);
    char *self = malloc(SELF);

    if (mountinfo && self
        && cgiw_file_read(AT_FDCWD, "/proc/self/cgroup", self, SELF) > 0) {
        int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
        size_t len = 0;
        ssize_t n;

        /* Comes a page at a time. */
        while (fd >= 0 && len < MOUNTINFO - 1
               && (n = read(fd, mountinfo + len, MOUNTINFO - 1 - len)) > 0) {
            len += (size_t)n;
        }
        mountinfo[len] = '\0';
        if (fd >= 0) {
            close(fd);
        }
        f->mounts = cgiw_mounts_parse(mountinfo, self, f->mount);
    }
    free(mountinfo);
    free(self);
}

/* SWAP and PEAK are better known with the group there. */
static void look_closer(struct cgiw_hierarchies *h)
{
    for (size_t i = 0; i < h->count; i++) {
        struct cgiw_hierarchy *one = &h->list[i];

        if (one->version != 2 || !(one->holds & CGIW_HOLDS_MEMORY)) {
            continue;
        }
        /* Only groups but the root have it, and only where there is swap
         * accounting. */
        if (faccessat(one->fd, "memory.swap.max", W_OK, 0)) {
            one->holds &= ~(unsigned)CGIW_HOLDS_SWAP;
            why(h, CGIW_HOLDS_SWAP, "the kernel does not count swap");
        }
        if (cgiw_file_write(one->fd, "memory.peak", "reset")) {
            one->holds &= ~(unsigned)CGIW_HOLDS_PEAK;
            why(h, CGIW_HOLDS_PEAK,
                "memory.peak can be begun anew from Linux 6.12 on");
        }
    }
    h->holds = 0;
    for (size_t i = 0; i < h->count; i++) {
        h->holds |= h->list[i].holds;
    }
}

void cgiw_hierarchies_open(struct cgiw_hierarchies *h, const char *group,
                           const char *prefix, int flags)
{
    struct finding f = {
        .h = h, .group = group, .prefix = prefix, .flags = flags};

    memset(h, 0, sizeof *h);
    (void)snprintf(h->name, sizeof h->name, "%s%d.%" PRIu64, prefix,
                   (int)getpid(), cgiw_tree_started(getpid()));
    why(h, ~0U,
        "no control groups are mounted where this process sees its own");
    read_mounts(&f);
    for (size_t i = 0; i < f.mounts; i++) {
        if (f.mount[i].version == 2) {
            open_v2(&f, &f.mount[i]);
        }
    }
    look_closer(h);
    for (size_t i = 0; i < f.mounts; i++) {
        if (f.mount[i].version == 1) {
            open_v1(&f, &f.mount[i]);
        }
    }
}

void cgiw_hierarchies_close(struct cgiw_hierarchies *h)
{
    for (size_t i = 0; i < h->count; i++) {
        close(h->list[i].fd);
        (void)cgiw_group_remove(h->list[i].base, h->name, CLOSE_MS);
        close(h->list[i].base);
    }
    h->count = 0;
    h->holds = 0;
}
