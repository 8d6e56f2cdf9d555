#include "cgroup.h"

#include "cgroup_file.h"
#include "cgroup_hierarchy.h"
#include "err.h"
#include "limits.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PREFIX "omakase-cgi."
#define ALL_DIGITS_AND_SIGNS                                                   \
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."

/* cpu.weight's and cpu.shares' bits alone: such a hierarchy has no leaves, the
 * user's group there is enough. */
#define OF_USER CGIW_HOLDS_CPU_WEIGHT

/* A kept leaf's memory is a quarter of the limit at most. */
#define KEPT_SHARE 4

enum leaf_state {
    LEAF_TAKEN,
    LEAF_DYING,  /* its processes have been killed, but are not gone yet */
    LEAF_DOOMED, /* not to be used again */
    LEAF_IDLE
};

struct place {
    int dir;   /* -1: none here */
    int enter; /* for writing "0" into; -1: nobody enters this one */
};

struct user {
    struct user *next;
    uid_t uid;
    unsigned leaves, numbers;
    struct place place[CGIW_HIERARCHIES];
};

/* What is read at a run's end. */
enum counter {
    CPU_TIME,
    MEMORY_NOW,
    MEMORY_PEAK,
    OOM_KILLS,
    FORKS_REFUSED,
    POPULATED, /* of version 2 */
    COUNTERS
};

static const struct {
    unsigned hold;
    const char *v1, *v2;
    int flags;
} counters[COUNTERS] = {
    [CPU_TIME] = {CGIW_HOLDS_CPU_TIME, "cpuacct.usage", "cpu.stat", O_RDONLY},
    [MEMORY_NOW] = {CGIW_HOLDS_MEMORY, "memory.usage_in_bytes",
                    "memory.current", O_RDONLY},
    [MEMORY_PEAK] = {CGIW_HOLDS_PEAK, "memory.max_usage_in_bytes",
                     "memory.peak", O_RDWR},
    [OOM_KILLS] = {CGIW_HOLDS_MEMORY, "memory.oom_control", "memory.events",
                   O_RDONLY},
    [FORKS_REFUSED] = {CGIW_HOLDS_PROCESSES, "pids.events", "pids.events",
                       O_RDONLY},
};

struct cgiw_leaf {
    struct cgiw_leaf *next;
    struct cgiw_cgroup *cg;
    struct user *user;
    unsigned number;
    enum leaf_state state;
    int64_t since_s;                  /* idle or dying */
    uint64_t memory_bytes, processes; /* the limits that are written */
    /* They stay open: opening one costs three times what reading it does, and
     * version 2's peak is begun anew by descriptor. -1: there is none. */
    int counter[COUNTERS];
    bool killed; /* by cgroup.kill */
    bool over;   /* nothing is in it, and nothing will be */
    bool final;  /* last has been read since */
    struct cgiw_use last;
    bool entered;           /* fork has put the child into version 2's group */
    struct cgiw_use before; /* the counters when it became idle */
    struct place place[CGIW_HIERARCHIES];
};

struct cgiw_cgroup {
    struct cgiw_hierarchies h;
    bool fork_enters; /* until the kernel says that it cannot */
    unsigned idle;
    struct user *users;
    struct cgiw_leaf *leaves;
};

/* --- groups --------------------------------------------------------------- */

static bool has_leaves(const struct cgiw_hierarchy *h)
{
    return h->version == 2 || h->holds & ~(unsigned)OF_USER;
}

static void place_init(struct place place[CGIW_HIERARCHIES])
{
    for (size_t i = 0; i < CGIW_HIERARCHIES; i++) {
        place[i].dir = place[i].enter = -1;
    }
}

static void place_close(struct place *p)
{
    if (p->dir >= 0) {
        close(p->dir);
    }
    if (p->enter >= 0) {
        close(p->enter);
    }
    p->dir = p->enter = -1;
}

/* A process that moves only its one thread is let in by version 1 without the
 * lock that all forks, execs and ends of processes on the machine have to pass;
 * version 2 has no such way. */
static const char *entrance(const struct cgiw_hierarchy *h)
{
    return h->version == 1 ? "tasks" : "cgroup.procs";
}

/* entrance: NULL when none enters it. */
static int place_make(struct place *p, int parent, const char *name,
                      const char *entrance)
{
    p->dir = cgiw_dir_make(parent, name);
    if (p->dir < 0) {
        return p->dir;
    }
    if (!entrance) {
        return 0;
    }
    p->enter = openat(p->dir, entrance, O_WRONLY | O_CLOEXEC);
    return p->enter < 0 ? -errno : 0;
}

static void name_of(char out[16], unsigned number)
{
    (void)snprintf(out, 16, "%u", number);
}

static void user_remove(struct cgiw_cgroup *cg, struct user *u)
{
    char name[16];

    name_of(name, (unsigned)u->uid);
    for (struct user **at = &cg->users; *at; at = &(*at)->next) {
        if (*at == u) {
            *at = u->next;
            break;
        }
    }
    for (size_t i = 0; i < cg->h.count; i++) {
        place_close(&u->place[i]);
        (void)unlinkat(cg->h.list[i].fd, name, AT_REMOVEDIR);
    }
    free(u);
}

/* What leaves need, version 2's groups have to be told. The cpu controller is
 * not for them: the runs of one user weigh together as much as another's. */
static void user_enable(const struct cgiw_hierarchy *h, int dir)
{
    if (h->version == 2 && h->holds & CGIW_HOLDS_MEMORY) {
        (void)cgiw_file_write(dir, "cgroup.subtree_control", "+memory");
    }
    if (h->version == 2 && h->holds & CGIW_HOLDS_PROCESSES) {
        (void)cgiw_file_write(dir, "cgroup.subtree_control", "+pids");
    }
}

static int user_make(struct cgiw_cgroup *cg, uid_t uid, struct user **out)
{
    struct user *u = calloc(1, sizeof *u);
    char name[16];
    int rc = 0;

    if (!u) {
        return -ENOMEM;
    }
    u->uid = uid;
    u->next = cg->users;
    cg->users = u;
    place_init(u->place);
    name_of(name, (unsigned)uid);
    for (size_t i = 0; i < cg->h.count && !rc; i++) {
        const struct cgiw_hierarchy *h = &cg->h.list[i];

        rc = place_make(&u->place[i], h->fd, name,
                        has_leaves(h) ? NULL : entrance(h));
        if (!rc) {
            user_enable(h, u->place[i].dir);
        }
    }
    if (rc) {
        user_remove(cg, u);
        return rc;
    }
    *out = u;
    return 0;
}

static struct user *user_find(const struct cgiw_cgroup *cg, uid_t uid)
{
    struct user *u = cg->users;

    while (u && u->uid != uid) {
        u = u->next;
    }
    return u;
}

/* --- leaves --------------------------------------------------------------- */

static void leaf_free(struct cgiw_leaf *leaf)
{
    for (size_t i = 0; i < CGIW_HIERARCHIES; i++) {
        place_close(&leaf->place[i]);
    }
    for (size_t i = 0; i < COUNTERS; i++) {
        if (leaf->counter[i] >= 0) {
            close(leaf->counter[i]);
        }
    }
    free(leaf);
}

/* What cannot be removed at once, as something is still in it, stays in the
 * list for another time. */
static void leaf_remove(struct cgiw_leaf *leaf)
{
    struct cgiw_cgroup *cg = leaf->cg;
    struct user *u = leaf->user;
    bool gone = true;
    char name[16];

    if (leaf->state == LEAF_IDLE) {
        cg->idle--;
    }
    leaf->state = LEAF_DOOMED;
    name_of(name, leaf->number);
    for (size_t i = 0; i < cg->h.count; i++) {
        if (leaf->place[i].dir >= 0
            && unlinkat(u->place[i].dir, name, AT_REMOVEDIR)
            && errno != ENOENT) {
            gone = false;
        }
    }
    if (!gone) {
        return;
    }
    for (struct cgiw_leaf **at = &cg->leaves; *at; at = &(*at)->next) {
        if (*at == leaf) {
            *at = leaf->next;
            break;
        }
    }
    leaf_free(leaf);
    if (--u->leaves == 0) {
        user_remove(cg, u);
    }
}

static const struct cgiw_hierarchy *holder(const struct cgiw_leaf *leaf,
                                           unsigned hold, int *dir)
{
    const struct cgiw_cgroup *cg = leaf->cg;

    for (size_t i = 0; i < cg->h.count; i++) {
        if (cg->h.list[i].holds & hold && leaf->place[i].dir >= 0) {
            *dir = leaf->place[i].dir;
            return &cg->h.list[i];
        }
    }
    return NULL;
}

/* Old kernels do not have all of them. */
static int open_counter(struct cgiw_leaf *leaf, enum counter counter, int dir,
                        const char *name, int flags)
{
    leaf->counter[counter] = openat(dir, name, flags | O_CLOEXEC);
    return leaf->counter[counter] < 0 && errno != ENOENT ? -errno : 0;
}

static int open_counters(struct cgiw_leaf *leaf)
{
    const struct cgiw_hierarchy *first = leaf->cg->h.list;
    int rc = 0, dir;

    for (enum counter i = 0; i < COUNTERS && !rc; i++) {
        const struct cgiw_hierarchy *h = holder(leaf, counters[i].hold, &dir);

        if (h) {
            rc = open_counter(leaf, i, dir,
                              h->version == 2 ? counters[i].v2 : counters[i].v1,
                              counters[i].flags);
        }
    }
    if (!rc && first->version == 2) {
        rc = open_counter(leaf, POPULATED, leaf->place[0].dir, "cgroup.events",
                          O_RDONLY);
    }
    return rc;
}

static int leaf_make(struct cgiw_cgroup *cg, struct user *u,
                     struct cgiw_leaf **out)
{
    struct cgiw_leaf *leaf = calloc(1, sizeof *leaf);
    char name[16];
    int rc = 0;

    if (!leaf) {
        return -ENOMEM;
    }
    leaf->cg = cg;
    leaf->user = u;
    leaf->number = u->numbers++;
    for (size_t i = 0; i < COUNTERS; i++) {
        leaf->counter[i] = -1;
    }
    place_init(leaf->place);
    leaf->next = cg->leaves;
    cg->leaves = leaf;
    u->leaves++;
    name_of(name, leaf->number);
    for (size_t i = 0; i < cg->h.count && !rc; i++) {
        const struct cgiw_hierarchy *h = &cg->h.list[i];

        if (has_leaves(h)) {
            rc =
                place_make(&leaf->place[i], u->place[i].dir, name, entrance(h));
        }
    }
    rc = rc ? rc : open_counters(leaf);
    if (rc) {
        leaf_remove(leaf);
        return rc;
    }
    *out = leaf;
    return 0;
}

/* --- limits --------------------------------------------------------------- */

static int write_limit(int dir, const char *name, uint64_t value,
                       const char *none)
{
    return value ? cgiw_file_write_number(dir, name, value)
                 : cgiw_file_write(dir, name, none);
}

/* memsw is never below the plain limit: which of them goes first depends on
 * whether they rise. */
static int write_memory_v1(int dir, uint64_t bytes, bool swap)
{
    static const char plain[] = "memory.limit_in_bytes";
    static const char both[] = "memory.memsw.limit_in_bytes";
    int rc = write_limit(dir, plain, bytes, "-1");

    if (!swap) {
        return rc;
    }
    if (rc) {
        rc = write_limit(dir, both, bytes, "-1");
        return rc ? rc : write_limit(dir, plain, bytes, "-1");
    }
    return write_limit(dir, both, bytes, "-1");
}

static int write_memory_v2(int dir, uint64_t bytes, bool swap)
{
    int rc = write_limit(dir, "memory.max", bytes, "max");

    if (!rc && swap) {
        rc = cgiw_file_write(dir, "memory.swap.max", bytes ? "0" : "max");
    }
    /* The run as a whole ends, not any one of its processes: the others would
     * wait for it, or answer half. From Linux 4.19 on. */
    (void)cgiw_file_write(dir, "memory.oom.group", "1");
    return rc;
}

static int leaf_limit(struct cgiw_leaf *leaf, const struct cgiw_limits *limits)
{
    const struct cgiw_hierarchy *h;
    int dir, rc;

    if (leaf->memory_bytes != limits->memory_bytes
        && (h = holder(leaf, CGIW_HOLDS_MEMORY, &dir))) {
        bool swap = h->holds & CGIW_HOLDS_SWAP;

        rc = h->version == 2 ? write_memory_v2(dir, limits->memory_bytes, swap)
                             : write_memory_v1(dir, limits->memory_bytes, swap);
        if (rc) {
            return rc;
        }
        leaf->memory_bytes = limits->memory_bytes;
    }
    if (leaf->processes != limits->processes
        && holder(leaf, CGIW_HOLDS_PROCESSES, &dir)) {
        rc = write_limit(dir, "pids.max", limits->processes, "max");
        if (rc) {
            return rc;
        }
        leaf->processes = limits->processes;
    }
    return 0;
}

/* --- counters ------------------------------------------------------------- */

/* The number that it is, or that stands behind key. */
static uint64_t read_counter(const struct cgiw_leaf *leaf, enum counter counter,
                             const char *key)
{
    uint64_t value;

    (void)cgiw_counter_read(leaf->counter[counter], key, &value); /* else 0 */
    return value;
}

/* Since the group was made (the peak: since it was begun anew). */
static void read_counters(struct cgiw_leaf *leaf)
{
    struct cgiw_use *use = &leaf->last;
    int dir;
    const struct cgiw_hierarchy *h = holder(leaf, CGIW_HOLDS_CPU_TIME, &dir);

    memset(use, 0, sizeof *use);
    if (h) {
        use->cpu_us = h->version == 2
                          ? read_counter(leaf, CPU_TIME, "usage_usec")
                          : read_counter(leaf, CPU_TIME, NULL) / 1000;
    }
    use->memory_bytes = read_counter(leaf, MEMORY_NOW, NULL);
    use->peak_bytes = read_counter(leaf, MEMORY_PEAK, NULL);
    use->oom_kills = (uint32_t)read_counter(leaf, OOM_KILLS, "oom_kill");
    use->refused = (uint32_t)read_counter(leaf, FORKS_REFUSED, "max");
    if (!leaf->over && holder(leaf, CGIW_HOLDS_PROCESSES, &dir)) {
        use->processes = (uint32_t)cgiw_file_number(dir, "pids.current");
    }
}

static void begin_peak_anew(const struct cgiw_leaf *leaf)
{
    /* Version 1 wants the number, version 2 any word. */
    if (leaf->counter[MEMORY_PEAK] >= 0) {
        (void)!pwrite(leaf->counter[MEMORY_PEAK], "0", 1, 0);
    }
}

/* --- idle ones ------------------------------------------------------------ */

static bool leaf_is_empty(const struct cgiw_leaf *leaf)
{
    const struct cgiw_cgroup *cg = leaf->cg;
    bool unified = cg->h.count > 0 && cg->h.list[0].version == 2;

    /* Every process is in all of them: one that says so, will do. Version 2
     * comes first and says it without a list. */
    if (unified) {
        uint64_t populated;

        return cgiw_counter_read(leaf->counter[POPULATED], "populated",
                                 &populated)
                   == 0
               && populated == 0;
    }
    for (size_t i = 0; i < cg->h.count; i++) {
        if (leaf->place[i].dir >= 0
            && !cgiw_group_empty(leaf->place[i].dir, 1)) {
            return false;
        }
    }
    return true;
}

/* Once its processes are gone. */
static void leaf_retire(struct cgiw_leaf *leaf)
{
    uint64_t kept;

    leaf->over = leaf->over || leaf_is_empty(leaf);
    if (!leaf->over) {
        return;
    }
    if (!leaf->final) {
        read_counters(leaf);
    }
    leaf->before = leaf->last;
    kept = leaf->before.memory_bytes;
    /* Some kernels with cgroup.kill (6.18 is one) take a process that
     * clone3() puts into a group for one that should have been killed with
     * what was in it before, and kill it. */
    if (leaf->killed
        || (leaf->memory_bytes && kept > leaf->memory_bytes / KEPT_SHARE)) {
        leaf_remove(leaf);
        return;
    }
    begin_peak_anew(leaf);
    leaf->state = LEAF_IDLE;
    leaf->cg->idle++;
}

static struct cgiw_leaf *oldest_idle(const struct cgiw_cgroup *cg)
{
    struct cgiw_leaf *oldest = NULL;

    for (struct cgiw_leaf *l = cg->leaves; l; l = l->next) {
        if (l->state == LEAF_IDLE
            && (!oldest || l->since_s < oldest->since_s)) {
            oldest = l;
        }
    }
    return oldest;
}

void cgiw_cgroup_tick(struct cgiw_cgroup *cg, int64_t now_s)
{
    struct cgiw_leaf *next;

    for (struct cgiw_leaf *l = cg ? cg->leaves : NULL; l; l = next) {
        next = l->next;
        if (l->state == LEAF_DYING) {
            (void)cgiw_leaf_kill(l);
            leaf_retire(l);
        }
        else if (l->state == LEAF_DOOMED
                 || (l->state == LEAF_IDLE
                     && now_s - l->since_s >= CGIW_LEAVES_IDLE_S)) {
            leaf_remove(l);
        }
    }
}

/* An idle one of the user's; rather one with these limits. */
static struct cgiw_leaf *find_idle(struct cgiw_cgroup *cg, uid_t uid,
                                   const struct cgiw_limits *limits)
{
    struct cgiw_leaf *found = NULL;

    for (struct cgiw_leaf *l = cg->leaves; l; l = l->next) {
        if (l->state != LEAF_IDLE || l->user->uid != uid) {
            continue;
        }
        found = l;
        if (l->memory_bytes == limits->memory_bytes
            && l->processes == limits->processes) {
            break;
        }
    }
    return found;
}

/* --- public --------------------------------------------------------------- */

static int split_name(const char *name, char group[512], const char **instance,
                      struct omk_err *err)
{
    const char *slash = strrchr(name, '/');

    *instance = slash ? slash + 1 : name;
    if (!**instance || strlen(*instance) > 64
        || (*instance)[strspn(*instance, ALL_DIGITS_AND_SIGNS)]) {
        return omk_fail(err, OMK_EINVAL, name,
                        "the name of the control group is letters, digits, "
                        "\"-\", \"_\" and \".\", at most 64");
    }
    if (slash
        && (*name != '/' || strstr(name, "/.") || strstr(name, "//")
            || slash - name >= 512)) {
        return omk_fail(err, OMK_EINVAL, name,
                        "a control group is named \"NAME\" or \"/GROUP/NAME\"");
    }
    if (slash) {
        (void)snprintf(group, 512, "%.*s", (int)(slash - name), name);
    }
    return OMK_OK;
}

int cgiw_cgroup_open(struct cgiw_cgroup **out, const char *name, int flags,
                     struct omk_err *err)
{
    struct cgiw_cgroup *cg;
    char group[512], prefix[128];
    const char *instance;
    int rc = split_name(name, group, &instance, err);

    if (rc) {
        return rc;
    }
    cg = calloc(1, sizeof *cg);
    if (!cg) {
        return omk_fail(err, OMK_ENOMEM, name, "out of memory");
    }
    (void)snprintf(prefix, sizeof prefix, PREFIX "%s.", instance);
    cgiw_hierarchies_open(&cg->h, *name == '/' ? group : NULL, prefix, flags);
    cg->fork_enters = cg->h.count > 0 && cg->h.list[0].version == 2;
    *out = cg;
    return OMK_OK;
}

void cgiw_cgroup_close(struct cgiw_cgroup *cg)
{
    if (!cg) {
        return;
    }
    for (struct cgiw_leaf *l = cg->leaves, *next; l; l = next) {
        next = l->next;
        leaf_free(l);
    }
    for (struct user *u = cg->users, *next; u; u = next) {
        next = u->next;
        for (size_t i = 0; i < cg->h.count; i++) {
            place_close(&u->place[i]);
        }
        free(u);
    }
    cgiw_hierarchies_close(&cg->h);
    free(cg);
}

unsigned cgiw_cgroup_holds(const struct cgiw_cgroup *cg)
{
    return cg ? cg->h.holds : 0;
}

int cgiw_leaf_take(struct cgiw_cgroup *cg, uid_t uid,
                   const struct cgiw_limits *limits, struct cgiw_leaf **out,
                   struct omk_err *err)
{
    struct cgiw_leaf *leaf = NULL;
    struct user *u;
    int rc;

    if (!cg || !cg->h.count) {
        *out = NULL;
        return OMK_OK;
    }
    /* What lay in it may keep a lower limit from being taken: then another. */
    while ((leaf = find_idle(cg, uid, limits))) {
        if (!leaf_limit(leaf, limits)) {
            leaf->state = LEAF_TAKEN;
            cg->idle--;
            leaf->entered = leaf->over = leaf->final = false;
            *out = leaf;
            return OMK_OK;
        }
        leaf_remove(leaf);
    }
    u = user_find(cg, uid);
    rc = u ? 0 : user_make(cg, uid, &u);
    if (!rc) {
        rc = leaf_make(cg, u, &leaf);
    }
    if (!rc) {
        rc = leaf_limit(leaf, limits);
        if (rc) {
            leaf_remove(leaf);
        }
    }
    if (rc) {
        return omk_fail(err, OMK_EIO, cgiw_cgroup_path(cg),
                        "no control group for a run of user %u: %s",
                        (unsigned)uid, strerror(-rc));
    }
    *out = leaf;
    return OMK_OK;
}

/* fork() by clone3(), which is asked for more than fork() can give. */
static pid_t clone_into(int group, int *pidfd)
{
    struct clone_args args = {
        .flags = CLONE_INTO_CGROUP | (pidfd ? CLONE_PIDFD : 0),
        .pidfd = (uint64_t)(uintptr_t)pidfd,
        .exit_signal = SIGCHLD,
        .cgroup = (unsigned)group,
    };

    return (pid_t)syscall(SYS_clone3, &args, sizeof args);
}

/* The kernel cannot, or may not: fork() and cgiw_leaf_join() do. */
static bool cannot_enter(int error)
{
    return error == ENOSYS || error == EINVAL || error == E2BIG
           || error == EPERM || error == EACCES || error == EOPNOTSUPP;
}

static pid_t plain_fork(int *pidfd)
{
    pid_t pid = fork();

    if (pid > 0 && pidfd) {
        *pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    }
    return pid;
}

pid_t cgiw_leaf_fork(struct cgiw_leaf *leaf, int *pidfd)
{
    bool enter = leaf && leaf->cg->fork_enters;
    pid_t pid;

    if (leaf) {
        leaf->entered = enter;
    }
    pid = enter ? clone_into(leaf->place[0].dir, pidfd) : plain_fork(pidfd);
    if (pid < 0 && enter && cannot_enter(errno)) {
        leaf->cg->fork_enters = leaf->entered = false;
        pid = plain_fork(pidfd);
    }
    return pid;
}

/* Enters those hierarchies that have leaves, or those that have none. */
static int join(const struct cgiw_leaf *leaf, bool leaves)
{
    for (size_t i = 0; i < leaf->cg->h.count; i++) {
        const struct cgiw_hierarchy *h = &leaf->cg->h.list[i];
        int fd = leaves ? leaf->place[i].enter : leaf->user->place[i].enter;

        if (has_leaves(h) != leaves || (h->version == 2 && leaf->entered)) {
            continue;
        }
        if (write(fd, "0", 1) < 0) {
            return -errno;
        }
    }
    return 0;
}

int cgiw_leaf_join(const struct cgiw_leaf *leaf)
{
    int rc = leaf ? join(leaf, true) : 0;

    /* Little weight comes last: what is entered under the kernel's one lock for
     * all groups shall not wait for a processor meanwhile, nor make everybody
     * wait who needs that lock. */
    return rc == 0 && leaf ? join(leaf, false) : rc;
}

void cgiw_leaf_use(struct cgiw_leaf *leaf, struct cgiw_use *use)
{
    if (!leaf) {
        memset(use, 0, sizeof *use);
        return;
    }
    /* One that has not joined yet, is not in it yet. */
    leaf->over = leaf->over || (leaf->entered && leaf_is_empty(leaf));
    if (!leaf->final) {
        read_counters(leaf);
        leaf->final = leaf->over;
    }
    *use = leaf->last;
    use->cpu_us -= leaf->before.cpu_us;
    use->oom_kills -= leaf->before.oom_kills;
    use->refused -= leaf->before.refused;
    /* What runs before have left is not this one's; if the kernel has taken
     * that away meanwhile, it is counted too low. */
    use->memory_bytes -= use->memory_bytes < leaf->before.memory_bytes
                             ? use->memory_bytes
                             : leaf->before.memory_bytes;
    use->peak_bytes -= use->peak_bytes < leaf->before.memory_bytes
                           ? use->peak_bytes
                           : leaf->before.memory_bytes;
}

int cgiw_leaf_kill(struct cgiw_leaf *leaf)
{
    const struct cgiw_hierarchy *h = NULL;
    int dir, rc;

    if (!leaf || !(h = holder(leaf, CGIW_HOLDS_KILL, &dir))) {
        return -ENOSYS;
    }
    leaf->over = leaf->over || (leaf->entered && leaf_is_empty(leaf));
    if (leaf->over) {
        return 0;
    }
    if (!leaf->entered && cgiw_group_empty(dir, h->version)) {
        return -ESRCH;
    }
    if (h->version == 1) {
        return cgiw_group_kill_frozen(dir, 1);
    }
    leaf->killed = true;
    rc = cgiw_file_write(dir, "cgroup.kill", "1");
    return rc == -ENOENT ? cgiw_group_kill_frozen(dir, 2) : rc;
}

void cgiw_leaf_give(struct cgiw_cgroup *cg, struct cgiw_leaf *leaf,
                    int64_t now_s)
{
    if (!leaf) {
        return;
    }
    leaf->state = LEAF_DYING;
    leaf->since_s = now_s;
    leaf->over = leaf->over || leaf_is_empty(leaf);
    (void)cgiw_leaf_kill(leaf);
    leaf_retire(leaf);
    if (cg->idle > CGIW_LEAVES_IDLE) {
        leaf_remove(oldest_idle(cg));
    }
}

const char *cgiw_cgroup_why(const struct cgiw_cgroup *cg, enum cgiw_holds hold,
                            char *out, size_t size)
{
    (void)snprintf(out, size, "%s",
                   cg ? cg->h.why[cgiw_holds_index(hold)]
                      : "no control groups were looked for");
    return out;
}

const char *cgiw_cgroup_path(const struct cgiw_cgroup *cg)
{
    return cg && cg->h.count ? cg->h.list[0].path : "";
}
