/* The counter store: exact, never reset, never half-written. */
#include "cmocka_first.h"
#include "err.h"
#include "store_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define DAY 20000u

static char dir[64];
static char path[96];
static struct omk_err err;

/* The store's own writes, one of which may be where kill -9 meets it. */
static unsigned kill_before_write; /* 1: before the next; 0: never */

ssize_t pwrite(int fd, const void *data, size_t len, off_t at)
{
    if (kill_before_write && --kill_before_write == 0) {
        (void)raise(SIGKILL);
    }
    return syscall(SYS_pwrite64, fd, data, len, at);
}

static int set_up(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/omakase-store-XXXXXX");
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof path, "%s/counters", dir);
    memset(&err, 0, sizeof err);
    return 0;
}

static int tear_down(void **state)
{
    struct dirent *e;
    DIR *d = opendir(dir);

    (void)state;
    while ((e = readdir(d))) {
        char file[400];

        (void)snprintf(file, sizeof file, "%s/%s", dir, e->d_name);
        unlink(file);
    }
    closedir(d);
    return rmdir(dir);
}

static struct counter_store *open_store(bool create, unsigned threads)
{
    struct counter_store *s = NULL;
    int rc = counter_store_open(path, create, threads, &s, &err);

    if (rc != OMK_OK) {
        fail_msg("open: %d %s: %s", rc, err.where, err.text);
    }
    return s;
}

static int hit(struct counter_store *s, const char *name, uint64_t visitor,
               uint64_t st, struct counter_hit *out)
{
    *out = (struct counter_hit){.name = name, .group_max = 9,
                                .visitor = visitor,
                                .st = st,
                                .now = 1700000000,
                                .day = DAY};
    return counter_store_hit(s, out, &err);
}

static uint64_t must_hit(struct counter_store *s, const char *name,
                         uint64_t visitor, uint64_t st)
{
    struct counter_hit h;
    int rc = hit(s, name, visitor, st, &h);

    if (rc != OMK_OK) {
        fail_msg("hit %s: %d %s: %s", name, rc, err.where, err.text);
    }
    return h.value.count;
}

static uint64_t count_of(struct counter_store *s, const char *name)
{
    struct counter_value v;
    int rc = counter_store_get(s, name, &v, &err);

    if (rc != OMK_OK) {
        fail_msg("get %s: %d %s: %s", name, rc, err.where, err.text);
    }
    return v.count;
}

/* --- what a counter is --------------------------------------------------- */

static void p49_p50_the_first_hit_shows_st(void **state)
{
    struct counter_store *s = open_store(true, 1);

    (void)state;
    assert_int_equal(must_hit(s, "a", 1, 1024), 1024);
    assert_int_equal(must_hit(s, "a", 2, 7777), 1025); /* st: first use only */
    counter_store_close(s);
    s = open_store(false, 1);
    assert_int_equal(count_of(s, "a"), 1025);
    assert_int_equal(must_hit(s, "a", 3, 1), 1026);
    counter_store_close(s);
}

static void p54_reload_is_shown_and_not_counted(void **state)
{
    struct counter_store *s = open_store(true, 1);
    struct counter_hit h;

    (void)state;
    assert_int_equal(must_hit(s, "a", 11, 1), 1);
    assert_int_equal(hit(s, "a", 11, 1, &h), OMK_OK);
    assert_int_equal(h.value.count, 1);
    assert_false(h.counted);
    assert_int_equal(must_hit(s, "a", 22, 1), 2);
    assert_int_equal(must_hit(s, "a", 11, 1), 3); /* A, B, A counts three */
    h.flags = COUNTER_HIT_RELOADS;
    h.visitor = 11;
    assert_int_equal(counter_store_hit(s, &h, &err), OMK_OK);
    assert_int_equal(h.value.count, 4);
    counter_store_close(s);
}

static void days_roll_over(void **state)
{
    static const struct {
        const char *label;
        uint32_t day, today, yesterday; /* after a hit on this day */
    } steps[] = {
        {"first day", DAY, 1, 0},         {"again", DAY, 2, 0},
        {"next day", DAY + 1, 1, 2},      {"clock back", DAY, 2, 2},
        {"same day", DAY + 1, 3, 2},      {"a gap", DAY + 9, 1, 0},
        {"next again", DAY + 10, 1, 1},
    };
    struct counter_store *s = open_store(true, 1);
    struct counter_value v;
    uint64_t visitor = 1;

    (void)state;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct counter_hit h = {.name = "a",
                                .visitor = visitor++,
                                .st = 1,
                                .now = 1700000000,
                                .day = steps[i].day};

        assert_int_equal(counter_store_hit(s, &h, &err), OMK_OK);
        if (h.value.today != steps[i].today
            || h.value.yesterday != steps[i].yesterday) {
            fail_msg("%s: today %u yesterday %u", steps[i].label,
                     h.value.today, h.value.yesterday);
        }
    }
    assert_int_equal(counter_store_get(s, "a", &v, &err), OMK_OK);
    assert_int_equal(counter_value_today(&v, DAY + 11), 0);
    assert_int_equal(counter_value_yesterday(&v, DAY + 11), 1);
    assert_int_equal(counter_value_yesterday(&v, DAY + 12), 0);
    counter_store_close(s);
}

static void set_remove_and_names(void **state)
{
    struct counter_store *s = open_store(true, 1);
    struct counter_value v = {.count = 41, .visitor = 9, .day = DAY};
    char name[COUNTER_NAME_MAX + 2];

    (void)state;
    assert_int_equal(counter_store_set(s, "a", &v, &err), OMK_OK);
    assert_int_equal(must_hit(s, "a", 9, 1), 41);
    assert_int_equal(must_hit(s, "a", 8, 1), 42);
    assert_int_equal(counter_store_remove(s, "a", &err), OMK_OK);
    assert_int_equal(counter_store_get(s, "a", &v, &err), OMK_ENOENT);
    assert_int_equal(counter_store_remove(s, "a", &err), OMK_ENOENT);
    assert_int_equal(must_hit(s, "a", 8, 5), 5);
    v.count = COUNTER_VALUE_MAX + 1;
    assert_int_equal(counter_store_set(s, "a", &v, &err), OMK_ERANGE);
    v.count = COUNTER_VALUE_MAX;
    assert_int_equal(counter_store_set(s, "a", &v, &err), OMK_OK);
    assert_true(must_hit(s, "a", 1, 1) == COUNTER_VALUE_MAX);

    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_int_equal(counter_store_get(s, name, &v, &err), OMK_EINVAL);
    name[COUNTER_NAME_MAX] = '\0';
    assert_int_equal(must_hit(s, name, 1, 3), 3);
    assert_int_equal(count_of(s, name), 3);
    assert_int_equal(counter_store_get(s, "", &v, &err), OMK_EINVAL);
    assert_int_equal(counter_store_get(s, "a/", &v, &err), OMK_EINVAL);
    counter_store_close(s);
}

static void p53_a_group_has_so_many_places(void **state)
{
    struct counter_store *s = open_store(true, 1);
    struct counter_hit h = {.visitor = 1, .st = 1, .day = DAY, .group_max = 2};

    (void)state;
    h.name = "c";
    assert_int_equal(counter_store_hit(s, &h, &err), OMK_OK);
    h.name = "c/1";
    assert_int_equal(counter_store_hit(s, &h, &err), OMK_OK);
    h.name = "c/2";
    assert_int_equal(counter_store_hit(s, &h, &err), OMK_OK);
    h.name = "c/3";
    assert_int_equal(counter_store_hit(s, &h, &err), OMK_ERANGE);
    h.name = "d/3"; /* another's group */
    assert_int_equal(counter_store_hit(s, &h, &err), OMK_OK);
    assert_int_equal(counter_store_remove(s, "c/1", &err), OMK_OK);
    h.name = "c/3";
    assert_int_equal(counter_store_hit(s, &h, &err), OMK_OK);
    h.name = "c/1"; /* its removed place must not pass the limit */
    assert_int_equal(counter_store_hit(s, &h, &err), OMK_ERANGE);
    counter_store_close(s);
}

static int hit_in_group(struct counter_store *s, const char *name,
                        uint64_t visitor, uint32_t max)
{
    struct counter_hit h = {.name = name, .visitor = visitor, .st = 1,
                            .day = DAY, .group_max = max};

    return counter_store_hit(s, &h, &err);
}

/* The limit was lowered: what is there goes on, nothing new comes. */
static void p53_a_group_over_its_limit_goes_on(void **state)
{
    struct counter_store *s = open_store(true, 1);

    (void)state;
    assert_int_equal(hit_in_group(s, "c/1", 1, 3), OMK_OK);
    assert_int_equal(hit_in_group(s, "c/2", 1, 3), OMK_OK);
    assert_int_equal(hit_in_group(s, "c/3", 1, 3), OMK_OK);
    assert_int_equal(hit_in_group(s, "c/1", 2, 1), OMK_OK);
    assert_int_equal(hit_in_group(s, "c/3", 2, 0), OMK_OK);
    assert_int_equal(count_of(s, "c/1"), 2);
    assert_int_equal(count_of(s, "c/3"), 2);
    assert_int_equal(hit_in_group(s, "c/4", 1, 1), OMK_ERANGE);
    assert_int_equal(counter_store_remove(s, "c/1", &err), OMK_OK);
    assert_int_equal(counter_store_remove(s, "c/2", &err), OMK_OK);
    assert_int_equal(hit_in_group(s, "c/4", 1, 1), OMK_ERANGE);
    assert_int_equal(counter_store_remove(s, "c/3", &err), OMK_OK);
    assert_int_equal(hit_in_group(s, "c/4", 1, 1), OMK_OK);
    counter_store_close(s);
}

static int add_up(void *ctx, const char *name, const struct counter_value *v)
{
    uint64_t *sum = ctx;

    (void)name;
    sum[0]++;
    sum[1] += v->count;
    return 0;
}

static void grows_and_finds_all(void **state)
{
    enum { N = 20000 };
    struct counter_store *s = open_store(true, 1);
    struct counter_store *other = open_store(false, 1); /* sees it grow */
    struct counter_store_report report;
    uint64_t sum[2] = {0, 0};
    char name[32];

    (void)state;
    for (unsigned i = 0; i < N; i++) {
        (void)snprintf(name, sizeof name, "customer-%u", i);
        assert_int_equal(must_hit(s, name, 1, i + 1), i + 1);
    }
    for (unsigned i = 0; i < N; i++) {
        (void)snprintf(name, sizeof name, "customer-%u", i);
        assert_int_equal(must_hit(other, name, 2, 1), i + 2);
    }
    assert_int_equal(counter_store_each(s, add_up, sum, &err), OMK_OK);
    assert_int_equal(sum[0], N);
    assert_int_equal(sum[1], (uint64_t)N * (N + 1) / 2 + N);
    assert_int_equal(
        counter_store_verify(s, false, NULL, NULL, &report, &err), OMK_OK);
    assert_int_equal(report.counters, N);
    assert_true(report.counters * 10 > report.capacity * 3);
    counter_store_close(other);
    counter_store_close(s);
}

static void the_file_has_no_holes(void **state)
{
    struct counter_store *s = open_store(true, 1);
    struct stat st;

    (void)state;
    assert_int_equal(stat(path, &st), 0);
    assert_true((uint64_t)st.st_blocks * 512 >= (uint64_t)st.st_size);
    assert_int_equal(st.st_mode & 07777, 0600);
    counter_store_close(s);
}

/* --- many at once -------------------------------------------------------- */

enum { PROCESSES = 4, THREADS = 4, HITS = 3000, NAMES = 3 };

struct work {
    struct counter_store *s;
    uint64_t first_visitor;
    unsigned created, counted;
};

static void *work(void *arg)
{
    struct work *w = arg;

    for (unsigned i = 0; i < HITS; i++) {
        char name[16];
        struct counter_hit h;

        (void)snprintf(name, sizeof name, "n%u", i % NAMES);
        h = (struct counter_hit){.name = name,
                                 .visitor = w->first_visitor + i,
                                 .st = 1000,
                                 .day = DAY};
        struct omk_err e;

        if (counter_store_hit(w->s, &h, &e) != OMK_OK) {
            (void)fprintf(stderr, "# %s: %s\n", e.where, e.text);
            abort();
        }
        w->created += h.created;
        w->counted += h.counted;
    }
    return NULL;
}

static void run_threads(int out)
{
    struct counter_store *s;
    struct work w[THREADS];
    pthread_t t[THREADS];
    unsigned sum[2] = {0, 0};

    if (counter_store_open(path, true, THREADS, &s, NULL) != OMK_OK) {
        _exit(1);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        w[i] = (struct work){
            .s = s,
            .first_visitor = ((uint64_t)getpid() << 32) + i * 1000000u + 1};
        pthread_create(&t[i], NULL, work, &w[i]);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(t[i], NULL);
        sum[0] += w[i].created;
        sum[1] += w[i].counted;
    }
    counter_store_close(s);
    if (write(out, sum, sizeof sum) != (ssize_t)sizeof sum) {
        _exit(1);
    }
}

static void exact_under_processes_and_threads(void **state)
{
    struct counter_store *s;
    unsigned created = 0, counted = 0, sum[2];
    uint64_t total = 0;
    int p[2];

    (void)state;
    assert_int_equal(pipe(p), 0);
    for (int i = 0; i < PROCESSES; i++) {
        if (fork() == 0) {
            run_threads(p[1]);
            _exit(0);
        }
    }
    close(p[1]);
    while (read(p[0], sum, sizeof sum) == (ssize_t)sizeof sum) {
        created += sum[0];
        counted += sum[1];
    }
    close(p[0]);
    for (int i = 0; i < PROCESSES; i++) {
        int status;

        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    assert_int_equal(created, NAMES); /* st is never lost, never given twice */
    assert_int_equal(counted, PROCESSES * THREADS * HITS);
    s = open_store(false, 1);
    total = count_of(s, "n0") + count_of(s, "n1") + count_of(s, "n2");
    assert_int_equal(total, PROCESSES * THREADS * HITS + NAMES * 999);
    counter_store_close(s);
}

/* Counts until it is killed; says after each answer how many were answered. */
static void count_and_tell(int out, const char *name)
{
    struct counter_store *s;
    uint64_t answered = 0;
    unsigned visitor = 0;

    if (counter_store_open(path, true, 1, &s, NULL) != OMK_OK) {
        _exit(1);
    }
    for (;;) {
        struct counter_hit h = {
            .name = name,
            .visitor = ((uint64_t)getpid() << 32) + ++visitor,
            .st = 1,
            .day = DAY};

        if (counter_store_hit(s, &h, NULL) != OMK_OK) {
            _exit(2);
        }
        answered++;
        if (pwrite(out, &answered, sizeof answered, 0)
            != (ssize_t)sizeof answered) {
            _exit(3);
        }
    }
}

static void kill_9_loses_no_answered_count(void **state)
{
    enum { ROUNDS = 30, CHILDREN = 4 };
    struct counter_store_report report;
    struct counter_store *s;
    uint64_t answered = 0, least;

    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        pid_t pid[CHILDREN];
        int out[CHILDREN];

        for (int i = 0; i < CHILDREN; i++) {
            char tmp[] = "/tmp/omakase-told-XXXXXX";
            char name[16];

            out[i] = mkstemp(tmp);
            unlink(tmp);
            /* the shared one, and new ones: creation is killed as well */
            (void)snprintf(name, sizeof name, i ? "all" : "r%d", round);
            pid[i] = fork();
            if (pid[i] == 0) {
                count_and_tell(out[i], name);
            }
        }
        (void)poll(NULL, 0, 5 + round * 7 % 20); /* a random moment, not a wait */
        for (int i = 0; i < CHILDREN; i++) {
            uint64_t told = 0;
            int status;

            kill(pid[i], SIGKILL);
            assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
            assert_true(WIFSIGNALED(status));
            (void)!pread(out[i], &told, sizeof told, 0);
            close(out[i]);
            if (i) {
                answered += told;
            }
        }
    }
    s = open_store(true, 1);
    least = count_of(s, "all");
    assert_true(answered > 0);
    assert_true(least >= answered);
    /* at most one unanswered count a killed process */
    assert_true(least <= answered + ROUNDS * CHILDREN);
    assert_int_equal(
        counter_store_verify(s, false, NULL, NULL, &report, &err), OMK_OK);
    counter_store_close(s);
}

static void compaction_under_load_is_exact(void **state)
{
    struct counter_store *s = open_store(true, 1);
    struct counter_store_report report;
    unsigned sum[2], counted = 0;
    char name[16];
    struct stat before, after;
    int p[2], status, left = PROCESSES, compactions = 0;

    (void)state;
    for (int i = 0; i < 2000; i++) {
        (void)snprintf(name, sizeof name, "old%d", i);
        (void)must_hit(s, name, 1, 1);
    }
    (void)must_hit(s, "c/page", 1, 1);
    for (int i = 0; i < 2000; i++) {
        (void)snprintf(name, sizeof name, "old%d", i);
        assert_int_equal(counter_store_remove(s, name, &err), OMK_OK);
    }
    assert_int_equal(stat(path, &before), 0);
    assert_int_equal(pipe(p), 0);
    for (int i = 0; i < PROCESSES; i++) {
        if (fork() == 0) {
            run_threads(p[1]);
            _exit(0);
        }
    }
    close(p[1]);
    while (left > 0) {
        int rc = counter_store_compact(s, &err);

        if (rc != OMK_OK) {
            fail_msg("compact: %d %s: %s", rc, err.where, err.text);
        }
        compactions++;
        (void)poll(NULL, 0, 1); /* let the others at it between two */
        while (left > 0 && waitpid(-1, &status, WNOHANG) > 0) {
            assert_int_equal(status, 0);
            left--;
        }
    }
    while (read(p[0], sum, sizeof sum) == (ssize_t)sizeof sum) {
        counted += sum[1];
    }
    close(p[0]);
    assert_true(compactions >= 2);
    assert_int_equal(counted, PROCESSES * THREADS * HITS);
    assert_int_equal(count_of(s, "n0") + count_of(s, "n1")
                         + count_of(s, "n2"),
                     PROCESSES * THREADS * HITS + NAMES * 999);
    assert_int_equal(counter_store_compact(s, &err), OMK_OK);
    assert_int_equal(stat(path, &after), 0);
    assert_true(after.st_size < before.st_size);
    assert_int_equal(
        counter_store_verify(s, false, NULL, NULL, &report, &err), OMK_OK);
    assert_int_equal(report.counters, NAMES + 1);
    counter_store_close(s);
}

enum { COMERS = 8 };

/* In a process of its own, until the pipe is closed: makes, counts and removes;
 * at the end every other one is there. */
static void come_and_go(int in)
{
    struct counter_store *s = NULL;
    struct pollfd until = {in, POLLIN, 0};
    struct counter_hit h;
    char name[16];
    int bad = counter_store_open(path, false, 1, &s, &err);

    for (unsigned turn = 0;
         !bad && (poll(&until, 1, 0) == 0 || turn < 50); turn++) {
        for (unsigned i = 0; i < COMERS; i++) {
            (void)snprintf(name, sizeof name, "g/%u", i);
            bad |= hit(s, name, 1 + turn, 7, &h) || h.value.count != 7;
        }
        for (unsigned i = 0; i < COMERS; i++) {
            (void)snprintf(name, sizeof name, "g/%u", i);
            bad |= counter_store_remove(s, name, &err);
        }
    }
    for (unsigned i = 0; !bad && i < COMERS; i += 2) {
        (void)snprintf(name, sizeof name, "g/%u", i);
        bad |= hit(s, name, 1, 100 + i, &h);
    }
    counter_store_close(s);
    _exit(bad != 0);
}

static void compaction_follows_what_comes_and_goes(void **state)
{
    struct counter_store *s = open_store(true, 1);
    struct counter_store_report report;
    struct counter_hit h;
    char name[16];
    int p[2], status;
    pid_t pid;

    (void)state;
    (void)must_hit(s, "stays", 1, 500);
    assert_int_equal(pipe(p), 0);
    pid = fork();
    if (pid == 0) {
        close(p[1]);
        come_and_go(p[0]);
    }
    close(p[0]);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(counter_store_compact(s, &err), OMK_OK);
    }
    close(p[1]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(counter_store_compact(s, &err), OMK_OK);
    assert_int_equal(
        counter_store_verify(s, false, NULL, NULL, &report, &err), OMK_OK);
    assert_int_equal(report.counters, 1 + COMERS / 2);
    assert_int_equal(count_of(s, "stays"), 500);
    for (unsigned i = 0; i < COMERS; i++) {
        (void)snprintf(name, sizeof name, "g/%u", i);
        assert_int_equal(counter_store_get(s, name, &h.value, &err),
                         i % 2 ? OMK_ENOENT : OMK_OK);
        assert_true(i % 2 || h.value.count == 100 + i);
    }
    /* the group's places are counted right */
    h = (struct counter_hit){.name = "g/x",
                             .group_max = COMERS / 2,
                             .visitor = 1,
                             .st = 1, .now = 1, .day = DAY};
    assert_int_equal(counter_store_hit(s, &h, &err), OMK_ERANGE);
    h.group_max++;
    assert_int_equal(counter_store_hit(s, &h, &err), OMK_OK);
    counter_store_close(s);
}

/* In a process of its own: compacts until the pipe is closed, and lets only
 * another's compaction stop it. */
static void compact_and_tell(int in)
{
    struct counter_store *s = NULL;
    struct pollfd until = {in, POLLIN, 0};
    int bad = counter_store_open(path, false, 1, &s, &err);

    while (!bad && poll(&until, 1, 0) == 0) {
        int rc = counter_store_compact(s, &err);

        bad = rc != OMK_OK && rc != OMK_EBUSY;
    }
    counter_store_close(s);
    _exit(bad != 0);
}

static void two_who_compact_do_not_meet(void **state)
{
    struct counter_store *s = open_store(true, 1);
    struct counter_store_report report;
    char name[16];
    int p[2], status;

    (void)state;
    assert_int_equal(pipe(p), 0);
    for (int i = 0; i < 3; i++) {
        if (fork() == 0) {
            close(p[1]);
            compact_and_tell(p[0]);
        }
    }
    close(p[0]);
    for (unsigned i = 0; i < 400; i++) {
        (void)snprintf(name, sizeof name, "n%u", i);
        assert_int_equal(must_hit(s, name, 1, 7), 7);
        assert_int_equal(must_hit(s, name, 2, 7), 8);
    }
    close(p[1]);
    while (wait(&status) > 0) {
        assert_int_equal(status, 0);
    }
    assert_int_equal(
        counter_store_verify(s, false, NULL, NULL, &report, &err), OMK_OK);
    assert_int_equal(report.counters, 400);
    for (unsigned i = 0; i < 400; i++) {
        (void)snprintf(name, sizeof name, "n%u", i);
        assert_int_equal(count_of(s, name), 8);
    }
    counter_store_close(s);
}

/* Count.cgi keeps the syncer's lock for CounterSync seconds, up to an hour. */
static void compaction_waits_for_no_syncer(void **state)
{
    struct counter_store *s = open_store(true, 1);
    struct counter_store *syncer = open_store(false, 1);

    (void)state;
    (void)must_hit(s, "a", 1, 500);
    assert_true(counter_store_sync_is_mine(syncer));
    if (counter_store_compact(s, &err) != OMK_OK) {
        fail_msg("%s: %s", err.where, err.text);
    }
    assert_int_equal(counter_store_sync_due(syncer, &err), OMK_OK);
    assert_int_equal(count_of(syncer, "a"), 500);
    counter_store_close(syncer);
    counter_store_close(s);
}

static void a_stopped_lock_holder_makes_us_busy(void **state)
{
    struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    struct counter_store *s = open_store(true, 1);
    struct counter_hit h;
    int fd = open(path, O_RDWR | O_CLOEXEC);

    (void)state;
    assert_int_equal(must_hit(s, "a", 1, 7), 7);
    assert_int_equal(fcntl(fd, F_OFD_SETLK, &all), 0);
    assert_int_equal(hit(s, "a", 2, 1, &h), OMK_EBUSY);
    assert_int_equal(h.value.count, 7);         /* the last value */
    assert_int_equal(count_of(s, "a"), 7);      /* reading waits for nobody */
    assert_int_equal(must_hit(s, "a", 1, 1), 7); /* nor does a reload */
    close(fd);
    assert_int_equal(must_hit(s, "a", 2, 1), 8);
    counter_store_close(s);
}

/* --- damage -------------------------------------------------------------- */

static off_t find_bytes(const char *what, size_t len, off_t from)
{
    struct stat st;
    int fd = open(path, O_RDONLY);
    char *data;
    off_t at = -1;

    assert_int_equal(fstat(fd, &st), 0);
    data = malloc((size_t)st.st_size);
    assert_int_equal(pread(fd, data, (size_t)st.st_size, 0), st.st_size);
    close(fd);
    for (off_t i = from; at < 0 && i + (off_t)len <= st.st_size; i++) {
        if (memcmp(data + i, what, len) == 0) {
            at = i;
        }
    }
    free(data);
    return at;
}

static void flip(off_t at)
{
    int fd = open(path, O_RDWR);
    unsigned char byte;

    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 0x10;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

static void every_byte_of_a_copy_may_go(void **state)
{
    struct counter_store *s = open_store(true, 1);
    off_t first, record;

    (void)state;
    assert_int_equal(must_hit(s, "the-name", 1, 500), 500);
    first = find_bytes("the-name", 8, 0);
    record = first / 256 * 256;
    for (off_t i = 0; i < 256; i++) {
        assert_int_equal(count_of(s, "the-name"), 500 + i);
        flip(record + i);
        assert_int_equal(count_of(s, "the-name"), 500 + i);
        assert_int_equal(must_hit(s, "the-name", (uint64_t)(2 + i), 1),
                         501 + i);
    }
    assert_int_equal(counter_store_mended(s), 256);
    assert_int_equal(counter_store_mended(s), 0);
    counter_store_close(s);
}

static void tell(void *ctx, const char *line)
{
    (void)line;
    ++*(unsigned *)ctx;
}

static void both_copies_gone_is_an_error_not_a_reset(void **state)
{
    struct counter_store *s = open_store(true, 1);
    struct counter_store_report report;
    struct counter_hit h;
    unsigned lines = 0;
    off_t record;

    (void)state;
    (void)must_hit(s, "the-name", 1, 500);
    (void)must_hit(s, "other", 1, 70);
    record = find_bytes("the-name", 8, 0) / 256 * 256;
    flip(record + 20);
    flip(record + 128 + 20);
    assert_int_equal(hit(s, "the-name", 2, 1, &h), OMK_EDAMAGED);
    assert_int_equal(h.value.count, 0);
    assert_int_equal(must_hit(s, "other", 2, 1), 71);
    assert_int_equal(
        counter_store_verify(s, false, tell, &lines, &report, &err),
        OMK_EDAMAGED);
    assert_int_equal(lines, 1);
    assert_int_equal(report.lost, 1);
    assert_int_equal(hit(s, "the-name", 2, 1, &h), OMK_EDAMAGED);
    assert_int_equal(
        counter_store_verify(s, true, tell, &lines, &report, &err), OMK_OK);
    assert_int_equal(must_hit(s, "the-name", 2, 9), 9);
    counter_store_close(s);
}

static void a_damaged_page_head_is_mended_or_named(void **state)
{
    struct counter_store_report report;
    struct counter_store *s = open_store(true, 1);
    struct counter_hit h;
    off_t page;

    (void)state;
    (void)must_hit(s, "the-name", 1, 500);
    page = find_bytes("the-name", 8, 0) / 4096 * 4096;
    flip(page + 16); /* the tag of its first record, first copy */
    assert_int_equal(must_hit(s, "the-name", 2, 1), 501);
    assert_int_equal(counter_store_mended(s), 1);
    flip(page + 16);
    flip(page + 128 + 16);
    assert_int_equal(hit(s, "the-name", 3, 1, &h), OMK_EDAMAGED);
    assert_int_equal(
        counter_store_verify(s, true, NULL, NULL, &report, &err), OMK_OK);
    assert_int_equal(report.pages_repaired, 1);
    assert_int_equal(must_hit(s, "the-name", 3, 1), 502);
    counter_store_close(s);
}

static void a_zeroed_page_is_damage(void **state)
{
    static const char zero[4096];
    struct counter_store *s = open_store(true, 1);
    struct counter_hit h;
    off_t page;
    int fd;

    (void)state;
    (void)must_hit(s, "the-name", 1, 500);
    page = find_bytes("the-name", 8, 0) / 4096 * 4096;
    fd = open(path, O_RDWR);
    assert_int_equal(pwrite(fd, zero, sizeof zero, page), sizeof zero);
    close(fd);
    assert_int_equal(hit(s, "the-name", 2, 1, &h), OMK_EDAMAGED);
    counter_store_close(s);
}

static void wipe(off_t at, size_t len)
{
    static const char zero[4096];
    int fd = open(path, O_RDWR);

    assert_int_equal(pwrite(fd, zero, len, at), (ssize_t)len);
    close(fd);
}

/* Found by fuzz_store: the last records of a page whose head went too were
 * gone after a repair that spoke of no loss. */
static void a_record_gone_with_its_page_head_is_lost_aloud(void **state)
{
    struct counter_store *s = open_store(true, 1);
    struct counter_store_report report;
    struct counter_hit h;
    off_t record, page;

    (void)state;
    (void)must_hit(s, "the-name", 1, 500);
    record = find_bytes("the-name", 8, 0) / 256 * 256;
    page = record / 4096 * 4096;
    flip(record + 20);
    flip(record + 128 + 20);
    wipe(page, 256);
    assert_int_equal(hit(s, "the-name", 2, 1, &h), OMK_EDAMAGED);
    assert_int_equal(
        counter_store_verify(s, true, NULL, NULL, &report, &err), OMK_OK);
    assert_int_equal(report.lost, 1);
    assert_int_equal(report.pages_rebuilt, 1);
    assert_int_equal(must_hit(s, "the-name", 2, 9), 9);

    /* Zeros tell nothing of what was there, only that something may have. */
    wipe(find_bytes("the-name", 8, 0) / 4096 * 4096, 4096);
    assert_int_equal(
        counter_store_verify(s, true, NULL, NULL, &report, &err), OMK_OK);
    assert_int_equal(report.lost, 0);
    assert_int_equal(report.pages_rebuilt, 1);
    counter_store_close(s);
}

/* What a process does to the group "c", of which /1 is there and /2 has been
 * removed, when kill -9 meets it. */
static int make_one(struct counter_store *s)
{
    return hit_in_group(s, "c/new", 1, 99);
}

static int make_one_again(struct counter_store *s)
{
    return hit_in_group(s, "c/2", 1, 99);
}

static int set_one(struct counter_store *s)
{
    return counter_store_set(s, "c/new", &(struct counter_value){.count = 7},
                             &err);
}

static int set_one_again(struct counter_store *s)
{
    return counter_store_set(s, "c/2", &(struct counter_value){.count = 7},
                             &err);
}

static int remove_one(struct counter_store *s)
{
    return counter_store_remove(s, "c/1", &err);
}

/* Does it in a process of its own, in a new store; true: it was killed. */
static bool is_killed(int (*what)(struct counter_store *s), unsigned at_write)
{
    struct counter_store *s;
    int status;
    pid_t pid;

    unlink(path);
    s = open_store(true, 1);
    assert_int_equal(hit_in_group(s, "c/1", 1, 99), OMK_OK);
    assert_int_equal(hit_in_group(s, "c/2", 1, 99), OMK_OK);
    assert_int_equal(counter_store_remove(s, "c/2", &err), OMK_OK);
    counter_store_close(s);
    pid = fork();
    if (pid == 0) {
        s = open_store(false, 1);
        kill_before_write = at_write;
        _exit(what(s) != OMK_OK);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) || status == 0);
    return WIFSIGNALED(status);
}

static int count_one(void *ctx, const char *name,
                     const struct counter_value *v)
{
    (void)v;
    *(uint32_t *)ctx += strncmp(name, "c/", 2) == 0;
    return 0;
}

/* Exactly those that are there have a place in the group "c". */
static void group_is_right(struct counter_store *s)
{
    uint32_t members = 0;

    assert_int_equal(counter_store_each(s, count_one, &members, &err),
                     OMK_OK);
    assert_int_equal(hit_in_group(s, "c/x", 1, members), OMK_ERANGE);
    assert_int_equal(hit_in_group(s, "c/x", 1, members + 1), OMK_OK);
}

static void p53_verify_counts_a_group_again_after_kill_9(void **state)
{
    static const struct {
        const char *label;
        int (*what)(struct counter_store *s);
    } cases[] = {
        {"make", make_one},       {"make again", make_one_again},
        {"set", set_one},         {"set again", set_one_again},
        {"remove", remove_one},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        unsigned wrong = 0;

        for (unsigned write = 1; is_killed(cases[i].what, write); write++) {
            struct counter_store *s = open_store(false, 1);
            struct counter_store_report report;
            unsigned lines = 0;
            int rc = counter_store_verify(s, false, tell, &lines, &report,
                                          &err);

            assert_int_equal(lines, rc == OMK_OK ? 0 : 1);
            assert_int_equal(report.recounted, 0);
            wrong += rc == OMK_EDAMAGED;
            assert_int_equal(counter_store_verify(s, true, NULL, NULL,
                                                  &report, &err),
                             OMK_OK);
            assert_int_equal(report.recounted, rc == OMK_OK ? 0 : 1);
            assert_int_equal(counter_store_verify(s, false, NULL, NULL,
                                                  &report, &err),
                             OMK_OK);
            group_is_right(s);
            counter_store_close(s);
        }
        if (wrong == 0) {
            fail_msg("%s: no kill left the group wrong", cases[i].label);
        }
    }
}

static void p53_a_lost_group_is_counted_again(void **state)
{
    struct counter_store *s = open_store(true, 1);
    struct counter_store_report report;
    off_t record;

    (void)state;
    assert_int_equal(hit_in_group(s, "c/1", 1, 2), OMK_OK);
    assert_int_equal(hit_in_group(s, "c/2", 1, 2), OMK_OK);
    record = find_bytes("c/\0", 3, 0) / 256 * 256;
    flip(record + 20);
    flip(record + 128 + 20);
    assert_int_equal(hit_in_group(s, "c/3", 1, 2), OMK_EDAMAGED);
    assert_int_equal(
        counter_store_verify(s, true, NULL, NULL, &report, &err), OMK_OK);
    assert_int_equal(report.lost, 1);
    assert_int_equal(report.recounted, 1);
    group_is_right(s);
    counter_store_close(s);
}

static void compacting_keeps_owner_and_mode(void **state)
{
    struct counter_store *s = open_store(true, 1);
    uid_t uid = geteuid() == 0 ? 33 : geteuid();
    struct stat st;

    (void)state;
    (void)must_hit(s, "a", 1, 500);
    assert_int_equal(chown(path, uid, geteuid() == 0 ? 34 : getegid()), 0);
    assert_int_equal(chmod(path, 0640), 0);
    if (counter_store_compact(s, &err) != OMK_OK) {
        fail_msg("%s: %s", err.where, err.text);
    }
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_uid, uid);
    assert_int_equal(st.st_gid, geteuid() == 0 ? 34 : getegid());
    assert_int_equal(st.st_mode & 07777, 0640);
    assert_int_equal(count_of(s, "a"), 500);
    counter_store_close(s);
}

static void one_header_may_go(void **state)
{
    struct counter_store *s = open_store(true, 1);

    (void)state;
    (void)must_hit(s, "a", 1, 500);
    for (off_t i = 16; i < 536; i += 13) {
        flip(i);
        counter_store_close(s);
        s = open_store(false, 1);
        assert_int_equal(count_of(s, "a"), 500);
        flip(i);
        flip(2048 + i);
        counter_store_close(s);
        s = open_store(false, 1);
        assert_int_equal(count_of(s, "a"), 500);
        flip(2048 + i);
    }
    counter_store_close(s);
    flip(20);
    flip(2048 + 20);
    assert_int_equal(counter_store_open(path, true, 1, &s, &err),
                     OMK_EDAMAGED);
    assert_string_equal(err.where, path);
}

static uint32_t version_of(unsigned copy)
{
    uint32_t version = 0;
    int fd = open(path, O_RDONLY);

    assert_int_equal(pread(fd, &version, sizeof version, copy * 2048 + 8),
                     sizeof version);
    close(fd);
    return version;
}

static void a_flipped_bit_of_a_version_is_damage(void **state)
{
    struct counter_store *s = open_store(true, 1);

    (void)state;
    (void)must_hit(s, "a", 1, 500);
    for (unsigned copy = 0; copy < 2; copy++) {
        for (off_t at = 8; at < 12; at++) {
            flip(copy * 2048 + at);
            assert_int_not_equal(version_of(copy), 1);
            assert_int_equal(count_of(s, "a"), 500); /* while it is in use */
            counter_store_close(s);
            s = open_store(false, 1); /* and at a start */
            assert_int_equal(count_of(s, "a"), 500);
            assert_int_equal(counter_store_sync(s, &err), OMK_OK);
            assert_int_equal(version_of(copy), 1); /* mended */
        }
    }
    counter_store_close(s);
}

/* A copy as a newer program writes it, whose checksum stands where ours does. */
static void write_newer_header(unsigned copy, bool with_sum)
{
    struct header h;
    int fd = open(path, O_RDWR);

    assert_int_equal(pread(fd, &h, sizeof h, copy * 2048), sizeof h);
    h.version = 2;
    if (with_sum) {
        h.sum = XXH3_64bits(&h, offsetof(struct header, sum));
    }
    assert_int_equal(pwrite(fd, &h, sizeof h, copy * 2048), sizeof h);
    close(fd);
}

static void a_newer_version_is_refused_and_left_alone(void **state)
{
    static const struct {
        const char *label;
        bool first, second; /* written by the newer program */
        bool with_sum;
    } cases[] = {
        {"both copies, a checksum elsewhere", true, true, false},
        {"both copies, a checksum in its place", true, true, true},
        {"killed between the two", true, false, true},
        {"the second first, killed between the two", false, true, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct counter_store *s = open_store(true, 1);
        struct counter_store *late = NULL;
        char before[4096], after[4096];
        struct counter_hit h;
        int fd = open(path, O_RDONLY);
        int rc;

        (void)must_hit(s, "a", 1, 500);
        if (cases[i].first) {
            write_newer_header(0, cases[i].with_sum);
        }
        if (cases[i].second) {
            write_newer_header(1, cases[i].with_sum);
        }
        assert_int_equal(pread(fd, before, sizeof before, 0), sizeof before);
        rc = counter_store_open(path, true, 1, &late, &err);
        if (rc != OMK_EVERSION) {
            fail_msg("%s: %d %s", cases[i].label, rc, err.text);
        }
        /* by one that has it open, too */
        assert_int_equal(counter_store_sync(s, &err), OMK_EVERSION);
        if (cases[i].first) {
            assert_int_equal(hit(s, "a", 2, 1, &h), OMK_EVERSION);
        }
        assert_int_equal(pread(fd, after, sizeof after, 0), sizeof after);
        assert_memory_equal(before, after, sizeof before);
        close(fd);
        counter_store_close(s);
        unlink(path);
    }
}

static void refuses_what_it_must_not_touch(void **state)
{
    static const struct {
        const char *label;
        const char *content;
        size_t len;
        int rc;
    } cases[] = {
        {"empty file", "", 0, OMK_EDAMAGED},
        {"text", "12:192.0.2.1\n", 13, OMK_EDAMAGED},
        {"version 2", "OMKCNTR\1\2\0\0\0", 12, OMK_EVERSION},
    };
    struct counter_store *s;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char data[8192] = "", now[8192];
        size_t size = cases[i].rc == OMK_EVERSION ? sizeof data
                                                  : cases[i].len;
        int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
        int rc;

        memcpy(data, cases[i].content, cases[i].len);
        assert_int_equal(write(fd, data, size), size);
        rc = counter_store_open(path, true, 1, &s, &err);
        if (rc != cases[i].rc) {
            fail_msg("%s: %d %s", cases[i].label, rc, err.text);
        }
        assert_int_equal(pread(fd, now, sizeof now, 0), size);
        assert_memory_equal(now, data, size);
        close(fd);
    }
    unlink(path);
    assert_int_equal(counter_store_open(path, false, 1, &s, &err),
                     OMK_ENOENT);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    assert_int_not_equal(counter_store_open(path, true, 1, &s, &err), OMK_OK);
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(counter_store_open(path, true, 1, &s, &err),
                     OMK_EDAMAGED);
}

static void a_file_cut_short_stops_the_counter_only(void **state)
{
    struct counter_store *s = open_store(true, 1);
    struct counter_value v;
    struct counter_hit h;

    (void)state;
    (void)must_hit(s, "a", 1, 1);
    assert_int_equal(truncate(path, 4096), 0);
    assert_int_equal(hit(s, "a", 2, 1, &h), OMK_EDAMAGED);
    assert_int_equal(counter_store_get(s, "a", &v, &err), OMK_EDAMAGED);
    assert_int_equal(truncate(path, 0), 0);
    assert_int_equal(hit(s, "b", 2, 1, &h), OMK_EDAMAGED);
    counter_store_close(s);
}

static void a_removed_file_starts_anew(void **state)
{
    struct counter_store *s = open_store(true, 1);

    (void)state;
    (void)must_hit(s, "a", 1, 100);
    unlink(path);
    assert_int_equal(must_hit(s, "a", 2, 1), 1);
    assert_int_equal(access(path, F_OK), 0);
    counter_store_close(s);
}

/* One second at most until it is noticed: polled by hits of new visitors. */
static int hit_until(struct counter_store *s, int wanted, uint64_t *visitor)
{
    struct timespec pause = {0, 20000000};
    struct counter_hit h;
    int rc = OMK_OK;

    for (int tries = 0; tries < 500; tries++) {
        rc = hit(s, "a", ++*visitor, 1, &h);
        if (rc == wanted) {
            break;
        }
        (void)nanosleep(&pause, NULL);
    }
    return rc;
}

static void a_store_moved_away_is_left_and_found_again(void **state)
{
    struct counter_store *s = open_store(true, 1);
    char away[120];
    uint64_t visitor = 1, before;

    (void)state;
    (void)snprintf(away, sizeof away, "%s.away", path);
    (void)must_hit(s, "a", visitor, 100);
    assert_int_equal(rename(path, away), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(hit_until(s, OMK_EIO, &visitor), OMK_EIO);
    before = visitor;
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rename(away, path), 0);
    assert_int_equal(hit_until(s, OMK_OK, &visitor), OMK_OK);
    assert_int_equal(visitor, before + 1); /* at once, and none was lost */
    assert_true(count_of(s, "a") >= 101);
    counter_store_close(s);
}

static void without_its_directory_nothing_is_known(void **state)
{
    struct counter_store *s = open_store(true, 1);
    struct counter_value v;
    char away[120];
    uint64_t visitor = 1;

    (void)state;
    (void)snprintf(away, sizeof away, "%s.away", dir);
    (void)must_hit(s, "a", visitor, 100);
    assert_int_equal(rename(dir, away), 0);
    /* never "no such counter" */
    assert_int_equal(hit_until(s, OMK_EIO, &visitor), OMK_EIO);
    assert_int_equal(counter_store_get(s, "a", &v, &err), OMK_EIO);
    assert_int_equal(rename(away, dir), 0);
    assert_int_equal(hit_until(s, OMK_OK, &visitor), OMK_OK);
    assert_true(count_of(s, "a") >= 101);
    counter_store_close(s);
}

static void a_good_file_over_one_cut_short_is_taken(void **state)
{
    struct counter_store *s = open_store(true, 1);
    struct counter_store *backup;
    struct counter_hit h;
    char other[120];

    (void)state;
    (void)must_hit(s, "a", 1, 100);
    (void)snprintf(other, sizeof other, "%s.backup", path);
    assert_int_equal(counter_store_open(other, true, 1, &backup, &err),
                     OMK_OK);
    assert_int_equal(must_hit(backup, "a", 1, 500), 500);
    counter_store_close(backup);
    assert_int_equal(truncate(path, 100), 0);
    assert_int_equal(hit(s, "a", 2, 1, &h), OMK_EDAMAGED);
    assert_int_equal(rename(other, path), 0);
    assert_int_equal(must_hit(s, "a", 3, 1), 501);
    counter_store_close(s);
}

static void a_sync_mends_the_header(void **state)
{
    struct counter_store *s = open_store(true, 1);
    struct counter_store_report report;

    (void)state;
    (void)must_hit(s, "a", 1, 500);
    for (off_t at = 0; at <= 2048; at += 2048) {
        flip(at + 40);
        assert_int_equal(counter_store_verify(s, false, NULL, NULL, &report,
                                              &err),
                         OMK_EDAMAGED);
        assert_int_equal(counter_store_sync(s, &err), OMK_OK);
        assert_int_equal(counter_store_mended(s), 1);
        assert_int_equal(counter_store_verify(s, false, NULL, NULL, &report,
                                              &err),
                         OMK_OK);
        flip(at + 40);
        assert_int_equal(counter_store_verify(s, true, NULL, NULL, &report,
                                              &err),
                         OMK_OK);
        assert_int_equal(report.pages_repaired, 1);
        assert_int_equal(counter_store_mended(s), 1);
    }
    counter_store_close(s);
}

/* --- a full disk --------------------------------------------------------- */

static void growth_that_fails_leaves_all_as_it_was(void **state)
{
    struct rlimit old, small;
    struct counter_store *s = open_store(true, 1);
    struct counter_store_report report;
    struct counter_hit h;
    struct stat st;
    char name[16];
    unsigned i;
    int rc = OMK_OK;

    (void)state;
    assert_int_equal(stat(path, &st), 0);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    small = old;
    small.rlim_cur = (rlim_t)st.st_size + 8192;
    setrlimit(RLIMIT_FSIZE, &small);
    for (i = 0; rc == OMK_OK && i < 1000; i++) {
        (void)snprintf(name, sizeof name, "n%u", i);
        rc = hit(s, name, 1, i + 1, &h);
    }
    assert_int_equal(rc, OMK_EIO); /* EFBIG */
    assert_true(i > 150);
    for (unsigned j = 0; j + 1 < i; j++) {
        (void)snprintf(name, sizeof name, "n%u", j);
        assert_int_equal(must_hit(s, name, 2, 1), j + 2);
    }
    setrlimit(RLIMIT_FSIZE, &old);
    (void)snprintf(name, sizeof name, "n%u", i - 1);
    assert_int_equal(must_hit(s, name, 1, i), i);
    assert_int_equal(
        counter_store_verify(s, false, NULL, NULL, &report, &err), OMK_OK);
    counter_store_close(s);
}

/* Fills what is left of the file system, to the last block. */
static void fill_disk(void)
{
    static char block[65536];
    char file[128];
    int fd;

    (void)snprintf(file, sizeof file, "%s/fill", dir);
    fd = open(file, O_WRONLY | O_CREAT, 0600);
    for (size_t size = sizeof block; size >= 1; size /= 2) {
        while (write(fd, block, size) > 0) {
        }
    }
    close(fd);
}

static void a_full_disk_never_resets(void **state)
{
    struct counter_store *s;
    struct counter_hit h;
    char file[128], name[16];
    int rc = OMK_OK;

    (void)state;
    if (geteuid() != 0 || mount("none", dir, "tmpfs", 0, "size=512k") != 0) {
        skip();
    }
    s = open_store(true, 1);
    for (unsigned i = 0; i < 100; i++) {
        (void)snprintf(name, sizeof name, "n%u", i);
        (void)must_hit(s, name, 1, 1000);
    }
    fill_disk();
    for (unsigned i = 0; i < 100; i++) { /* updates need no room */
        (void)snprintf(name, sizeof name, "n%u", i);
        assert_int_equal(must_hit(s, name, 2, 1), 1001);
    }
    for (unsigned i = 100; rc == OMK_OK && i < 1000; i++) {
        (void)snprintf(name, sizeof name, "n%u", i);
        rc = hit(s, name, 1, 1000, &h);
    }
    assert_int_equal(rc, OMK_ENOSPC); /* growing does */
    (void)snprintf(file, sizeof file, "%s/fill", dir);
    unlink(file);
    assert_int_equal(hit(s, "late", 1, 5, &h), OMK_OK);
    counter_store_close(s);
    unlink(path);

    fill_disk(); /* not even a new store */
    assert_int_equal(counter_store_open(path, true, 1, &s, &err), OMK_ENOSPC);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(umount(dir), 0);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(p49_p50_the_first_hit_shows_st),
        CASE(p54_reload_is_shown_and_not_counted),
        CASE(days_roll_over),
        CASE(set_remove_and_names),
        CASE(p53_a_group_has_so_many_places),
        CASE(p53_a_group_over_its_limit_goes_on),
        CASE(grows_and_finds_all),
        CASE(the_file_has_no_holes),
        CASE(exact_under_processes_and_threads),
        CASE(kill_9_loses_no_answered_count),
        CASE(compaction_under_load_is_exact),
        CASE(compaction_follows_what_comes_and_goes),
        CASE(two_who_compact_do_not_meet),
        CASE(compaction_waits_for_no_syncer),
        CASE(a_stopped_lock_holder_makes_us_busy),
        CASE(every_byte_of_a_copy_may_go),
        CASE(both_copies_gone_is_an_error_not_a_reset),
        CASE(a_damaged_page_head_is_mended_or_named),
        CASE(a_zeroed_page_is_damage),
        CASE(a_record_gone_with_its_page_head_is_lost_aloud),
        CASE(p53_verify_counts_a_group_again_after_kill_9),
        CASE(p53_a_lost_group_is_counted_again),
        CASE(compacting_keeps_owner_and_mode),
        CASE(one_header_may_go),
        CASE(a_flipped_bit_of_a_version_is_damage),
        CASE(a_newer_version_is_refused_and_left_alone),
        CASE(refuses_what_it_must_not_touch),
        CASE(a_file_cut_short_stops_the_counter_only),
        CASE(a_removed_file_starts_anew),
        CASE(a_store_moved_away_is_left_and_found_again),
        CASE(without_its_directory_nothing_is_known),
        CASE(a_good_file_over_one_cut_short_is_taken),
        CASE(a_sync_mends_the_header),
        CASE(growth_that_fails_leaves_all_as_it_was),
        CASE(a_full_disk_never_resets),
    };

    return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
