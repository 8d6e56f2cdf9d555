/* Real runs of hostile scripts, held by what this machine has: with its control
 * groups as they are, without version 2's, without any. Needs root; the user
 * is a uid that nobody has. */
#include "cmocka_first.h"
#include "capabilities.h"
#include "cgroup.h"
#include "cgroup_mount.h"
#include "confine.h"
#include "err.h"
#include "limits.h"
#include "tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef __SANITIZE_ADDRESS__
#define __SANITIZE_ADDRESS__ 0
#endif

#define MIB (1UL << 20)
#define PATIENCE_MS 20000

enum world { AS_IT_IS, WITHOUT_V2, WITHOUT_GROUPS, WORLDS };
static const char *const world_names[WORLDS] = {
    "groups as they are", "without version 2", "without groups"};

static enum world world;
static struct cgiw_cgroup *cg;
static unsigned holds;
static uid_t uid;
static pid_t other_daemon;
static pid_t *apart; /* shared with the scripts */
static int told[2];  /* what scripts say: a byte each */

static const struct cgiw_limits plain = {
    .cpu_s = 100, .processes = 20, .concurrent = 2, .memory_bytes = 64 * MIB};

/* --- the daemon's part ---------------------------------------------------- */

struct run {
    pid_t pid;
    struct cgiw_leaf *leaf;
    struct cgiw_use use;
    int status;
};

static void pause_ms(void)
{
    const struct timespec t = {0, 1000000};

    (void)nanosleep(&t, NULL);
}

static void become_script(const struct cgiw_leaf *leaf,
                          const struct cgiw_limits *limits)
{
    if (cgiw_leaf_join(leaf) || setsid() < 0) {
        _exit(99);
    }
    if (!(holds & CGIW_HOLDS_CPU_WEIGHT)) {
        cgiw_give_way();
    }
    if (cgiw_rlimits_before(limits, holds) || setgroups(0, NULL)
        || setresgid(uid, uid, uid) || setresuid(uid, uid, uid)
        || cgiw_rlimits_after(limits, holds)) {
        _exit(99);
    }
}

static struct run start(const struct cgiw_limits *limits, void (*script)(void))
{
    struct run r = {0};
    struct omk_err err;
    int pidfd = -1;

    if (cgiw_leaf_take(cg, uid, limits, &r.leaf, &err)) {
        fail_msg("%s: %s", err.where, err.text);
    }
    r.pid = cgiw_leaf_fork(r.leaf, &pidfd);
    if (r.pid == 0) {
        become_script(r.leaf, limits);
        script();
        _exit(0);
    }
    assert_true(r.pid > 0);
    assert_true(pidfd >= 0);
    close(pidfd);
    return r;
}

/* Waits for so many bytes of the scripts'. */
static void wait_told(size_t count)
{
    struct pollfd p = {.fd = told[0], .events = POLLIN};
    char byte;

    while (count-- > 0) {
        assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
        assert_int_equal(read(told[0], &byte, 1), 1);
    }
}

static void forget_told(void)
{
    struct pollfd p = {.fd = told[0], .events = POLLIN};
    char bytes[256];

    while (poll(&p, 1, 0) == 1 && read(told[0], bytes, sizeof bytes) > 0) {
    }
}

static void tell(void)
{
    (void)!write(told[1], ".", 1);
}

/* Processes of the user's that live, those of other tests' excluded. */
static size_t alive(void)
{
    DIR *d = opendir("/proc");
    const struct dirent *e;
    size_t count = 0;

    while ((e = readdir(d))) {
        char path[300], text[2048];
        const char *at;
        FILE *f;
        size_t n;

        (void)snprintf(path, sizeof path, "/proc/%s/status", e->d_name);
        f = e->d_name[0] >= '1' && e->d_name[0] <= '9' ? fopen(path, "r")
                                                       : NULL;
        if (!f) {
            continue;
        }
        n = fread(text, 1, sizeof text - 1, f);
        text[n] = '\0';
        fclose(f);
        at = strstr(text, "\nUid:");
        count += at && (uid_t)atol(at + 6) == uid
                 && !strstr(text, "\nState:\tZ")
                 && !strstr(text, "\nState:\tX");
    }
    closedir(d);
    return count;
}

/* Reaps what there is; the main process's end goes to *r. */
static bool reap(struct run *r)
{
    bool ended = false;
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == r->pid) {
            r->status = status;
            ended = true;
        }
    }
    return ended;
}

static void wait_alive(size_t count)
{
    struct run none = {0};

    for (int i = 0; alive() != count; i++) {
        assert_true(i < PATIENCE_MS);
        (void)reap(&none);
        cgiw_cgroup_tick(cg, 0);
        pause_ms();
    }
}

static void wait_end(struct run *r)
{
    for (int i = 0; i < PATIENCE_MS; i++) {
        if (reap(r)) {
            return;
        }
        pause_ms();
    }
    fail_msg("the script has not ended");
}

/* As the daemon does it, until nothing is left. */
static void kill_tree(struct run *r)
{
    int rc = cgiw_leaf_kill(r->leaf);

    if (!(holds & CGIW_HOLDS_KILL)) {
        assert_int_equal(rc, -ENOSYS);
        assert_true(cgiw_tree_sweep(NULL, 0, 50) >= 0);
        return;
    }
    if (rc != -ESRCH && rc != -EBUSY) {
        assert_int_equal(rc, 0);
    }
}

static void end(struct run *r)
{
    for (int i = 0; alive() > 0; i++) {
        kill_tree(r);
        (void)reap(r);
        assert_true(i < PATIENCE_MS);
        pause_ms();
    }
    kill_tree(r);
    (void)reap(r);
    cgiw_leaf_use(r->leaf, &r->use);
    cgiw_leaf_give(cg, r->leaf, 0);
}

static bool was_killed(const struct run *r)
{
    return WIFSIGNALED(r->status) && WTERMSIG(r->status) == SIGKILL;
}

/* --- what is left behind -------------------------------------------------- */

static char name[32], prefix[64];
static size_t groups_found;

static int count_group(const char *path, const struct stat *st, int type,
                       struct FTW *ftw)
{
    (void)st;
    (void)ftw;
    groups_found += type == FTW_D && strstr(path, prefix);
    return 0;
}

/* Groups of this test's, with the one of the daemon's itself. */
static size_t groups(void)
{
    /* Somebody else's group that vanishes under the walk ends it: once more. */
    for (int i = 0; i < 100; i++) {
        groups_found = 0;
        if (!nftw("/sys/fs/cgroup", count_group, 16, FTW_PHYS)) {
            return groups_found;
        }
    }
    if (access("/sys/fs/cgroup", F_OK) == 0) {
        fail_msg("/sys/fs/cgroup cannot be walked: %s", strerror(errno));
    }
    return 0;
}

/* --- worlds --------------------------------------------------------------- */

static size_t mounts(struct cgiw_mount list[CGIW_MOUNTS])
{
    static char info[1 << 16], self[1 << 14];
    FILE *f = fopen("/proc/self/mountinfo", "r");
    size_t n = fread(info, 1, sizeof info - 1, f);

    info[n] = '\0';
    fclose(f);
    f = fopen("/proc/self/cgroup", "r");
    n = fread(self, 1, sizeof self - 1, f);
    self[n] = '\0';
    fclose(f);
    return cgiw_mounts_parse(info, self, list);
}

static size_t mounted(int version)
{
    struct cgiw_mount list[CGIW_MOUNTS];
    size_t count = mounts(list), found = 0;

    for (size_t i = 0; i < count; i++) {
        found += list[i].version == version;
    }
    return found;
}

static void unmount(int version)
{
    struct cgiw_mount list[CGIW_MOUNTS];
    size_t count = mounts(list);

    for (size_t i = 0; i < count; i++) {
        if (list[i].version == version) {
            (void)umount2(list[i].point, MNT_DETACH);
        }
    }
}

/* In the order of the enum: what is unmounted stays so. */
static void enter(enum world w)
{
    if (w != AS_IT_IS) {
        unmount(2);
    }
    if (w == WITHOUT_GROUPS) {
        unmount(1);
    }
}

static bool make_world_apart(void)
{
    return unshare(CLONE_NEWNS) == 0
           && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

static int set_up(void **state)
{
    struct omk_err err;

    world = *(const enum world *)*state;
    enter(world);
    uid = 100000 + (uid_t)getpid() % 100000;
    *apart = 0;
    if (pipe2(told, O_CLOEXEC) || cgiw_cgroup_open(&cg, name, 0, &err)) {
        return -1;
    }
    holds = cgiw_cgroup_holds(cg);
    return 0;
}

static void shm_name(char path[64])
{
    (void)snprintf(path, 64, "/dev/shm/%s", name);
}

static int tear_down(void **state)
{
    struct run none = {0};
    char path[64];

    (void)state;
    cgiw_cgroup_close(cg);
    cg = NULL;
    /* Whatever a failed test has left. */
    if (other_daemon) {
        (void)kill(other_daemon, SIGKILL);
        other_daemon = 0;
    }
    for (int i = 0; alive() > 0 && i < PATIENCE_MS; i++) {
        (void)cgiw_tree_sweep(NULL, 0, 50);
        (void)reap(&none);
    }
    (void)reap(&none);
    shm_name(path);
    (void)unlink(path);
    close(told[0]);
    close(told[1]);
    return 0;
}

/* --- scripts -------------------------------------------------------------- */

static void use_memory(size_t bytes)
{
    char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (p == MAP_FAILED) {
        _exit(3);
    }
    for (size_t i = 0; i < bytes; i += 4096) {
        p[i] = 1;
    }
}

static void uses_40_mib(void)
{
    use_memory(40 * MIB);
}

static void uses_10_gib(void)
{
    use_memory(10240 * MIB);
}

static void fills_shm(void)
{
    char path[64];
    static char block[MIB];
    int fd;

    shm_name(path);
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (fd < 0) {
        _exit(2);
    }
    memset(block, 'x', sizeof block);
    for (int i = 0; i < 48; i++) {
        if (write(fd, block, sizeof block) != sizeof block) {
            _exit(3);
        }
    }
}

static void spins(void)
{
    tell();
    for (volatile unsigned n = 0;; n++) {
    }
}

static void spins_with_children(void)
{
    for (int i = 0; i < 3; i++) {
        if (fork() == 0) {
            spins();
        }
    }
    spins();
}

static void forks_to_the_limit(void)
{
    for (int i = 0; i < 1000; i++) {
        pid_t pid = fork();

        if (pid < 0) {
            return;
        }
        if (pid == 0) {
            tell();
            pause();
            _exit(0);
        }
    }
}

static void ignores_what_it_can(void)
{
    for (int i = 1; i < NSIG; i++) {
        (void)signal(i, SIG_IGN);
    }
    tell();
    for (;;) {
        pause();
    }
}

static void stops_itself(void)
{
    if (fork() == 0) {
        tell();
        for (;;) {
            (void)raise(SIGSTOP);
        }
    }
    tell();
    for (;;) {
        (void)raise(SIGSTOP);
    }
}

/* The usual daemon's two forks, again and again, each in a session of its
 * own. The last ones stay. */
static void escapes(void)
{
    for (int i = 0; i < 4; i++) {
        if (fork() == 0) {
            (void)setsid();
            if (fork() > 0) {
                _exit(0);
            }
            (void)setsid();
            ignores_what_it_can();
        }
    }
    ignores_what_it_can();
}

static void bomb(void)
{
    (void)signal(SIGCHLD, SIG_IGN);
    (void)signal(SIGTERM, SIG_IGN);
    tell();
    for (unsigned n = 0;; n++) {
        pid_t pid = fork();

        if (pid == 0 && n % 2) {
            (void)setsid();
        }
        else if (pid > 0 && n % 3 == 0) {
            _exit(0); /* the child goes on as an orphan */
        }
    }
}

static void bombs(void)
{
    for (int i = 0; i < 4; i++) {
        if (fork() == 0) {
            bomb();
        }
    }
    for (;;) {
        pause();
    }
}

/* ASan's shadow alone is above every RLIMIT_AS. */
static bool address_space_is_the_sanitizers(void)
{
    return __SANITIZE_ADDRESS__ && !(holds & CGIW_HOLDS_MEMORY);
}

/* --- memory, processes, CPU ----------------------------------------------- */

static void memory_is_held(void **state)
{
    struct run r;

    (void)state;
    if (address_space_is_the_sanitizers()) {
        return;
    }
    r = start(&plain, uses_40_mib);
    wait_end(&r);
    end(&r);
    assert_int_equal(r.status, 0);
    assert_int_equal(r.use.oom_kills, 0);
    if (holds & CGIW_HOLDS_PEAK) {
        assert_in_range(r.use.peak_bytes, 39 * MIB, 64 * MIB);
    }

    r = start(&plain, uses_10_gib);
    wait_end(&r);
    end(&r);
    if (!(holds & CGIW_HOLDS_MEMORY)) {
        assert_int_equal(WEXITSTATUS(r.status), 3); /* RLIMIT_AS */
        return;
    }
    assert_true(was_killed(&r));
    assert_true(r.use.oom_kills > 0);
    if (holds & CGIW_HOLDS_PEAK) {
        assert_in_range(r.use.peak_bytes, 60 * MIB, 64 * MIB);
    }

    /* The next one starts from nothing. */
    r = start(&plain, uses_40_mib);
    wait_end(&r);
    end(&r);
    assert_int_equal(r.status, 0);
    assert_int_equal(r.use.oom_kills, 0);
    if (holds & CGIW_HOLDS_PEAK) {
        assert_in_range(r.use.peak_bytes, 39 * MIB, 60 * MIB);
    }
}

static void limits_follow_the_site(void **state)
{
    const uint64_t sizes[] = {64, 32, 128, 0, 32, 64};
    struct cgiw_limits limits = plain;

    (void)state;
    if (address_space_is_the_sanitizers()) {
        return;
    }
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct run r;

        limits.memory_bytes = sizes[i] * MIB;
        r = start(&limits, uses_40_mib);
        wait_end(&r);
        end(&r);
        if (sizes[i] == 32) {
            assert_int_not_equal(r.status, 0);
        }
        else {
            assert_int_equal(r.status, 0);
        }
    }
}

static void what_a_run_left_in_memory_is_not_the_next_ones(void **state)
{
    char path[64];
    struct run r;

    (void)state;
    if (address_space_is_the_sanitizers()) {
        return;
    }
    r = start(&plain, fills_shm);
    wait_end(&r);
    end(&r);
    assert_int_equal(r.status, 0);
    r = start(&plain, uses_40_mib);
    wait_end(&r);
    end(&r);
    shm_name(path);
    (void)unlink(path);
    assert_int_equal(r.status, 0);
}

static void processes_are_held(void **state)
{
    struct run r;
    size_t most = holds & CGIW_HOLDS_PROCESSES
                      ? plain.processes
                      : (size_t)cgiw_limits_nproc(&plain);

    (void)state;
    r = start(&plain, forks_to_the_limit);
    wait_told(most - 1);
    wait_end(&r);
    wait_alive(most - 1);
    end(&r);
    if (holds & CGIW_HOLDS_PROCESSES) {
        assert_int_equal(r.use.refused, 1);
    }
    r = start(&plain, uses_40_mib);
    wait_end(&r);
    end(&r);
    assert_int_equal(r.use.refused, 0);
}

static uint64_t cpu_us(const struct run *r)
{
    struct cgiw_use use;
    struct cgiw_tree_use tree;

    if (holds & CGIW_HOLDS_CPU_TIME) {
        cgiw_leaf_use(r->leaf, &use);
        return use.cpu_us;
    }
    assert_int_equal(cgiw_tree_use(&r->pid, 1, &tree), 0);
    assert_int_equal(tree.processes, 4);
    assert_true(tree.memory_bytes > 4096);
    return tree.cpu_us;
}

static void cpu_time_is_the_trees(void **state)
{
    struct run r;
    struct rusage self;

    (void)state;
    r = start(&plain, spins_with_children);
    wait_told(4);
    for (int i = 0; cpu_us(&r) < 400000; i++) {
        assert_true(i < PATIENCE_MS);
        pause_ms();
    }
    if (holds & CGIW_HOLDS_PROCESSES) {
        struct cgiw_use use;

        cgiw_leaf_use(r.leaf, &use);
        assert_int_equal(use.processes, 4);
    }
    end(&r);
    assert_true(was_killed(&r));
    (void)getrusage(RUSAGE_SELF, &self);

    /* A new run has used nothing yet. */
    r = start(&plain, ignores_what_it_can);
    wait_told(1);
    if (holds & CGIW_HOLDS_CPU_TIME) {
        assert_in_range(cpu_us(&r), 0, 200000);
    }
    end(&r);
}

static void cpu_limit_of_a_process(void **state)
{
    struct cgiw_limits limits = plain;
    struct run r;

    (void)state;
    limits.cpu_s = 1;
    r = start(&limits, spins);
    wait_told(1);
    wait_end(&r);
    end(&r);
    assert_true(WIFSIGNALED(r.status));
    assert_int_equal(WTERMSIG(r.status), SIGXCPU);
}

enum { NONE = 99 };

/*
 * "/autogroup-N nice N"; NONE where the kernel has none, and for a process
 * whose session is as old as init's: the file is empty then.
 */
static int autogroup_nice(pid_t pid)
{
    char path[64];
    int value = NONE;
    FILE *f;

    (void)snprintf(path, sizeof path, "/proc/%d/autogroup", (int)pid);
    f = fopen(path, "r");
    if (f) {
        if (fscanf(f, "%*s nice %d", &value) != 1) {
            assert_true(feof(f));
        }
        fclose(f);
    }
    return value;
}

static void leaves_its_session(void)
{
    if (fork() == 0) {
        *apart = setsid();
        ignores_what_it_can();
    }
    ignores_what_it_can();
}

static void says_that_it_is_there(void)
{
    *apart = getpid();
    ignores_what_it_can();
}

static void scripts_give_way(void **state)
{
    int unchanged = autogroup_nice(getpid());
    bool autogroups = access("/proc/self/autogroup", F_OK) == 0;
    struct run r;

    (void)state;
    if (holds & CGIW_HOLDS_CPU_WEIGHT) {
        return; /* the benchmark shows how much */
    }
    r = start(&plain, leaves_its_session);
    wait_told(2);
    assert_int_equal(getpriority(PRIO_PROCESS, (id_t)r.pid), CGIW_NICE);
    assert_int_equal(getpriority(PRIO_PROCESS, (id_t)*apart), CGIW_NICE);
    if (autogroups) {
        assert_int_equal(autogroup_nice(r.pid), CGIW_NICE);
        assert_int_equal(autogroup_nice(*apart), 0);
    }
    assert_int_equal(cgiw_tree_give_way(&r.pid, 1), 0);
    if (autogroups) {
        assert_int_equal(autogroup_nice(*apart), CGIW_NICE);
    }
    assert_int_equal(autogroup_nice(getpid()), unchanged);
    end(&r);
}

/* --- the end of a tree ---------------------------------------------------- */

static void whatever_it_does_it_dies(void **state)
{
    static const struct {
        void (*script)(void);
        size_t told;
    } cases[] = {{ignores_what_it_can, 1},
                 {stops_itself, 2},
                 {escapes, 5},
                 {spins_with_children, 4},
                 {bombs, 1}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct run r = start(&plain, cases[i].script);

        wait_told(cases[i].told);
        end(&r);
        assert_int_equal(alive(), 0);
        forget_told();
    }
}

/* Its main process ends by itself; what it has started does not. */
static void leaves_some_behind(void)
{
    if (fork() == 0) {
        escapes();
    }
    if (fork() == 0) {
        ignores_what_it_can();
    }
}

static void what_outlives_the_main_process_dies(void **state)
{
    struct run r;

    (void)state;
    r = start(&plain, leaves_some_behind);
    wait_end(&r);
    wait_told(6);
    assert_true(alive() > 0);
    end(&r);
    assert_int_equal(alive(), 0);
}

static void main_with_orphan(void)
{
    if (fork() == 0) {
        if (fork() > 0) {
            _exit(0);
        }
        ignores_what_it_can(); /* an orphan, of the run's session */
    }
    if (fork() == 0) {
        (void)setsid();
        ignores_what_it_can(); /* another session, but a child */
    }
    ignores_what_it_can();
}

static void a_live_run_keeps_what_is_its_own(void **state)
{
    struct run r, other;
    pid_t both[2];

    (void)state;
    r = start(&plain, main_with_orphan);
    other = start(&plain, escapes);
    wait_told(3 + 5);
    both[0] = r.pid;
    both[1] = other.pid;
    /* Of the second, the four that have left its session and parents. */
    for (int i = 0; alive() > 4; i++) {
        struct run none = {0};

        assert_true(cgiw_tree_sweep(both, 2, 50) >= 0);
        (void)reap(&none);
        assert_true(i < PATIENCE_MS);
        pause_ms();
    }
    for (int i = 0; cgiw_tree_sweep(both, 2, 50) != 0; i++) {
        assert_true(i < PATIENCE_MS);
    }
    assert_int_equal(alive(), 4);
    while (cgiw_tree_sweep(both, 1, 50) == 1) {
        (void)reap(&other);
    }
    (void)reap(&other);
    assert_true(was_killed(&other));
    assert_int_equal(alive(), 3);
    cgiw_leaf_give(cg, other.leaf, 0);
    end(&r);
}

/* --- the pool ------------------------------------------------------------- */

static void does_nothing(void)
{
}

static void two_hundred_runs_leave_no_group(void **state)
{
    size_t few;

    (void)state;
    for (int i = 0; i < 200; i++) {
        struct run r = start(&plain, does_nothing);

        wait_end(&r);
        cgiw_leaf_give(cg, r.leaf, i / 100);
        cgiw_cgroup_tick(cg, i / 100);
    }
    /* One leaf at a time, in as many hierarchies as there are; a straggler. */
    few = groups();
    assert_in_range(few, 0, 6 * (2 + 2 + 1));
    cgiw_cgroup_tick(cg, 1000);
    cgiw_cgroup_tick(cg, 2000);
    if (holds) {
        assert_true(few > 0);
        assert_true(groups() < few);
    }
    cgiw_cgroup_close(cg);
    cg = NULL;
    assert_int_equal(groups(), 0);
}

static void many_at_once_are_bounded_when_idle(void **state)
{
    enum { MANY = CGIW_LEAVES_IDLE + 20 };
    struct cgiw_leaf *leaf[MANY];
    size_t at_once;
    struct omk_err err;

    (void)state;
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(
            cgiw_leaf_take(cg, uid + (uid_t)(i % 7), &plain, &leaf[i], &err),
            0);
    }
    at_once = groups();
    for (size_t i = 0; i < MANY; i++) {
        cgiw_leaf_give(cg, leaf[i], (int64_t)i);
    }
    if (holds) {
        assert_true(groups() <= at_once - 20);
    }
    cgiw_cgroup_tick(cg, MANY + CGIW_LEAVES_IDLE_S);
    if (holds) {
        assert_in_range(groups(), 1, 6); /* the daemon's own */
    }
}

static void a_leaf_of_a_living_process_is_not_handed_out(void **state)
{
    struct run r, next;
    struct cgiw_use use;

    (void)state;
    if (!(holds & CGIW_HOLDS_PROCESSES)) {
        return;
    }
    r = start(&plain, bombs);
    wait_told(1);
    cgiw_leaf_give(cg, r.leaf, 0); /* kills, but does not wait */
    next = start(&plain, says_that_it_is_there);
    for (int i = 0; *apart == 0 || alive() > 1; i++) {
        assert_true(i < PATIENCE_MS);
        cgiw_cgroup_tick(cg, 0);
        if (reap(&next)) {
            fail_msg("it ended: status %x", (unsigned)next.status);
        }
        pause_ms();
    }
    forget_told();
    cgiw_leaf_use(next.leaf, &use);
    assert_int_equal(use.processes, 1);
    assert_int_equal(use.refused, 0);
    end(&next);
}

static void groups_of_a_dead_daemon_are_removed(void **state)
{
    struct run none = {0};
    (void)state;
    if (!(holds & CGIW_HOLDS_KILL)) {
        return;
    }
    other_daemon = fork();
    if (other_daemon == 0) {
        struct omk_err err;

        (void)cgiw_cgroup_open(&cg, name, 0, &err);
        (void)start(&plain, escapes);
        for (;;) {
            pause();
        }
    }
    wait_told(5);
    assert_int_equal(kill(other_daemon, SIGKILL), 0);
    none.pid = other_daemon;
    wait_end(&none);
    other_daemon = 0;
    wait_alive(5);

    cgiw_cgroup_close(cg);
    cg = NULL;
    assert_true(groups() > 0);
    assert_int_equal(cgiw_cgroup_open(&cg, name, 0, NULL), 0);
    wait_alive(0);
    cgiw_cgroup_close(cg);
    cg = NULL;
    assert_int_equal(groups(), 0);
}

/* --- what is said of it --------------------------------------------------- */

static void it_says_what_holds(void **state)
{
    struct cgiw_capabilities c;
    char text[8192];

    (void)state;
    cgiw_capabilities_probe(cg, &c);
    assert_true(cgiw_capabilities_text(&c, text, sizeof text) > 0);
    print_message("# %s:\n", world_names[world]);
    for (char *s = strtok(text, "\n"); s; s = strtok(NULL, "\n")) {
        print_message("#   %s\n", s);
    }
    for (size_t i = 0; i < c.count; i++) {
        if (strcmp(c.list[i].name, "memory") == 0) {
            assert_int_equal(strncmp(c.list[i].by, "cgroup", 6) == 0,
                             (holds & CGIW_HOLDS_MEMORY) != 0);
        }
    }
    if (world == WITHOUT_GROUPS) {
        assert_int_equal(holds, 0);
        assert_string_equal(cgiw_cgroup_path(cg), "");
    }
}

/* --- the fences ----------------------------------------------------------- */

static int ruleset = -1;
static char site[64], foreign[64];

static bool can_open(const char *dir, const char *file, int flags)
{
    char path[160];
    int fd;

    (void)snprintf(path, sizeof path, "%s/%s", dir, file);
    fd = open(path, flags | O_CLOEXEC, 0600);
    if (fd >= 0) {
        close(fd);
    }
    return fd >= 0;
}

/* Exits with the number of what was wrong. */
static void tries_the_fence(void)
{
    char path[160];

    _exit(!can_open("/etc", "passwd", O_RDONLY)            ? 1
          : !can_open(site, "mine", O_RDWR | O_CREAT)      ? 2
          : !can_open("/dev", "null", O_RDWR)              ? 3
          : can_open(foreign, "config", O_RDONLY)          ? 4
          : can_open(foreign, "new", O_WRONLY | O_CREAT)   ? 5
          : can_open(foreign, ".", O_RDONLY | O_DIRECTORY) ? 6
          : snprintf(path, sizeof path, "%s/mine", foreign) > 0
                  && link("/etc/passwd", path) == 0
              ? 7
              : 0);
}

static int in_fence(void (*script)(void), bool fenced)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        if (fenced && cgiw_confine_enter(ruleset)) {
            _exit(98);
        }
        become_script(NULL, &plain);
        script();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* A set-gid program's group, seen by its effect: id -g prints it. */
static void runs_setgid(void)
{
    char path[160], out[32] = "";
    FILE *p;

    (void)snprintf(path, sizeof path, "exec %s/id -g", site);
    p = popen(path, "r");
    if (!p || !fgets(out, sizeof out, p)) {
        _exit(1);
    }
    _exit(atol(out) == 7 ? 0 : 2);
}

static void runs_setgid_no_new_privs(void)
{
    if (cgiw_confine_no_new_privs()) {
        _exit(97);
    }
    runs_setgid();
}

static void make_dir(char out[64], const char *what)
{
    char path[128];
    int fd;

    (void)snprintf(out, 64, "/var/lib/%s-%s", name, what);
    assert_int_equal(mkdir(out, 0755), 0);
    assert_int_equal(chown(out, uid, uid), 0);
    (void)snprintf(path, sizeof path, "%s/config", out);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    close(fd);
}

static int remove_one(const char *path, const struct stat *st, int type,
                      struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void confinement(void **state)
{
    const char *own[] = {site};
    char command[256];
    struct statvfs fs;
    struct omk_err err;

    (void)state;
    if (world != AS_IT_IS || !cgiw_confine_version()) {
        return;
    }
    make_dir(site, "site");
    make_dir(foreign, "foreign");
    (void)snprintf(command, sizeof command,
                   "cp /usr/bin/id %s/id && chgrp 7 %s/id && chmod 2755 %s/id",
                   site, site, site);
    assert_int_equal(system(command), 0);
    if (cgiw_confine_make(own, 1, &ruleset, &err)) {
        fail_msg("%s: %s", err.where, err.text);
    }
    assert_int_equal(in_fence(tries_the_fence, true), 0);
    assert_int_equal(in_fence(tries_the_fence, false), 4);
    if (!statvfs(site, &fs) && !(fs.f_flag & ST_NOSUID)) {
        assert_int_equal(in_fence(runs_setgid, true), 0);
        assert_int_equal(in_fence(runs_setgid, false), 0);
        assert_int_equal(in_fence(runs_setgid_no_new_privs, true), 2);
    }
    close(ruleset);
    own[0] = "/nonexistent";
    assert_int_equal(cgiw_confine_make(own, 1, &ruleset, &err), OMK_EIO);
    assert_string_equal(err.where, "/nonexistent");
    (void)nftw(site, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    (void)nftw(foreign, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* -------------------------------------------------------------------------- */

#define TEST(f)                                                                \
    {                                                                          \
#f, f                                                                  \
    }
static const struct {
    const char *name;
    CMUnitTestFunction function;
} tests[] = {
    TEST(it_says_what_holds),
    TEST(memory_is_held),
    TEST(limits_follow_the_site),
    TEST(what_a_run_left_in_memory_is_not_the_next_ones),
    TEST(processes_are_held),
    TEST(cpu_time_is_the_trees),
    TEST(cpu_limit_of_a_process),
    TEST(scripts_give_way),
    TEST(whatever_it_does_it_dies),
    TEST(what_outlives_the_main_process_dies),
    TEST(a_live_run_keeps_what_is_its_own),
    TEST(two_hundred_runs_leave_no_group),
    TEST(many_at_once_are_bounded_when_idle),
    TEST(a_leaf_of_a_living_process_is_not_handed_out),
    TEST(groups_of_a_dead_daemon_are_removed),
    TEST(confinement),
};
enum { TESTS = sizeof tests / sizeof *tests };

int main(int argc, char **argv)
{
    static enum world worlds[WORLDS] = {AS_IT_IS, WITHOUT_V2, WITHOUT_GROUPS};
    static struct CMUnitTest all[WORLDS * TESTS];
    static char names[WORLDS * TESTS][128];

    size_t n = 0;
    bool may_unmount = geteuid() == 0 && make_world_apart();

    if (geteuid() != 0) {
        puts("1..0 # SKIP needs root: scripts of another user, their groups");
        return 0;
    }
    apart = mmap(NULL, sizeof *apart, PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (apart == MAP_FAILED) {
        return 1;
    }
    (void)snprintf(name, sizeof name, "omakase-test-%d", (int)getpid());
    (void)snprintf(prefix, sizeof prefix, "omakase-cgi.%s.", name);
    for (size_t w = 0; w < WORLDS; w++) {
        if ((w != AS_IT_IS && !may_unmount)
            || (w == WITHOUT_V2 && !mounted(1))) {
            continue;
        }
        for (size_t i = 0; i < TESTS; i++, n++) {
            (void)snprintf(names[n], sizeof names[n], "%s: %s", world_names[w],
                           tests[i].name);
            all[n] = (struct CMUnitTest){names[n], tests[i].function, set_up,
                                         tear_down, &worlds[w]};
        }
    }
    (void)cgiw_tree_adopt();
    if (argc > 1) {
        cmocka_set_test_filter(argv[1]);
    }
    return _cmocka_run_group_tests("all", all, n, NULL, NULL);
}
