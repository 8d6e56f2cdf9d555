#include "tree.h"

#include "limits.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* A bomb that somebody outside keeps waking must not keep us. */
#define STOP_PASSES 4

/* Fewer would stop some each time, and never kill. */
#define LEAST_PASSES 2

struct process {
    pid_t pid, parent, session;
    char state; /* of proc(5) */
    uint64_t ticks, started;
    uint64_t pages;
    uint32_t threads;
    int run; /* index in live, or one of these */
};

enum {
    UNKNOWN = -1, /* not looked at yet */
    NOT_OURS = -2,
    STRAY = -3,
    UNSURE = -4 /* not to be said from this snapshot */
};

struct snapshot {
    struct process *list; /* by pid */
    size_t count, size;
};

/* --- /proc ---------------------------------------------------------------- */

/* proc(5), stat: "PID (NAME) S PPID …". The name may hold anything. */
static bool parse_stat(const char *text, struct process *p)
{
    const char *s = strrchr(text, ')');
    unsigned long long number[23] = {0}; /* by proc(5)'s counting from 1 */
    int field = 4;

    if (!s || s[1] != ' ' || !s[2]) {
        return false;
    }
    p->state = s[2];
    for (s += 3; field < 25 && *s == ' '; field++) {
        char *end;

        number[field - 4] = strtoull(s, &end, 10);
        s = end;
    }
    if (field < 25) {
        return false;
    }
    p->parent = (pid_t)number[4 - 4];
    p->session = (pid_t)number[6 - 4];
    p->ticks =
        number[14 - 4] + number[15 - 4] + number[16 - 4] + number[17 - 4];
    p->threads = (uint32_t)number[20 - 4];
    p->started = number[22 - 4];
    p->pages = number[24 - 4];
    return true;
}

static bool read_stat(pid_t pid, struct process *p)
{
    char name[32], text[1024];
    ssize_t n;
    int fd;

    (void)snprintf(name, sizeof name, "/proc/%d/stat", (int)pid);
    fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n <= 0) {
        return false;
    }
    text[n] = '\0';
    p->pid = pid;
    return parse_stat(text, p);
}

uint64_t cgiw_tree_started(pid_t pid)
{
    struct process p;

    return read_stat(pid, &p) ? p.started : 0;
}

static int add(struct snapshot *s, const struct process *p)
{
    if (s->count == s->size) {
        size_t size = s->size ? s->size * 2 : 256;
        struct process *list = reallocarray(s->list, size, sizeof *list);

        if (!list) {
            return -ENOMEM;
        }
        s->list = list;
        s->size = size;
    }
    s->list[s->count++] = *p;
    return 0;
}

static int by_pid(const void *a, const void *b)
{
    const struct process *p = a, *q = b;

    return (p->pid > q->pid) - (p->pid < q->pid);
}

static int take_snapshot(struct snapshot *s)
{
    DIR *d = opendir("/proc");
    const struct dirent *e;
    int rc = 0;

    s->count = 0;
    if (!d) {
        return -errno;
    }
    while (!rc && (e = readdir(d))) {
        struct process p = {.run = UNKNOWN};

        if (e->d_name[0] >= '1' && e->d_name[0] <= '9'
            && read_stat((pid_t)atol(e->d_name), &p)) {
            rc = add(s, &p);
        }
    }
    (void)closedir(d);
    qsort(s->list, s->count, sizeof *s->list, by_pid);
    return rc;
}

static struct process *find(const struct snapshot *s, pid_t pid)
{
    const struct process key = {.pid = pid};

    return s->count ? bsearch(&key, s->list, s->count, sizeof key, by_pid)
                    : NULL;
}

/* --- whose ---------------------------------------------------------------- */

static int index_of(const pid_t *live, size_t count, pid_t pid)
{
    for (size_t i = 0; i < count; i++) {
        if (live[i] == pid) {
            return (int)i;
        }
    }
    return STRAY;
}

/* Looks at p once more: its parent has ended while the snapshot was taken, and
 * left it to somebody else. */
static bool has_new_parent(struct process *p)
{
    struct process now;

    if (!read_stat(p->pid, &now) || now.started != p->started
        || now.parent == p->parent) {
        return false;
    }
    p->parent = now.parent;
    return true;
}

/* Up to a child of ours: that one says for all below it. */
static int run_of(const struct snapshot *s, struct process *p, pid_t self,
                  const pid_t *live, size_t count)
{
    for (size_t steps = 0; steps <= s->count; steps++) {
        struct process *parent;

        if (p->run != UNKNOWN) {
            return p->run;
        }
        if (p->parent == self) {
            int run = index_of(live, count, p->pid);

            return run == STRAY ? index_of(live, count, p->session) : run;
        }
        if (p->parent == 0) {
            return NOT_OURS;
        }
        parent = find(s, p->parent);
        if (!parent && !has_new_parent(p)) {
            break;
        }
        p = parent ? parent : p;
    }
    return UNSURE;
}

static bool is_over(const struct process *p)
{
    return p->state == 'Z' || p->state == 'X';
}

/* Sets run of each; how many there are that are no run's, or may be none's. */
static size_t attribute(struct snapshot *s, const pid_t *live, size_t count)
{
    pid_t self = getpid();
    size_t strays = 0;

    for (size_t i = 0; i < s->count; i++) {
        struct process *p = &s->list[i];

        p->run = run_of(s, p, self, live, count);
        if ((p->run == STRAY || p->run == UNSURE) && !is_over(p)) {
            strays++;
        }
    }
    return strays;
}

/* --- out with it ---------------------------------------------------------- */

/* To that very process, not to one that has got its pid since. */
static void send(const struct process *p, int signal)
{
    int fd = (int)syscall(SYS_pidfd_open, p->pid, 0);

    if (fd < 0) {
        if (errno == ENOSYS && cgiw_tree_started(p->pid) == p->started) {
            (void)kill(p->pid, signal);
        }
        return;
    }
    if (cgiw_tree_started(p->pid) == p->started) {
        (void)syscall(SYS_pidfd_send_signal, fd, signal, NULL, 0);
    }
    close(fd);
}

static bool is_stopped(const struct process *p)
{
    return p->state == 'T' || p->state == 't';
}

static void send_to_strays(const struct snapshot *s, int signal)
{
    for (size_t i = 0; i < s->count; i++) {
        const struct process *p = &s->list[i];

        if (p->run == STRAY && !is_over(p)
            && !(signal == SIGSTOP && is_stopped(p))) {
            send(p, signal);
        }
    }
}

/* A stray that may be forking, and was not in the snapshot before. */
static bool has_new(const struct snapshot *now, const struct snapshot *before)
{
    for (size_t i = 0; i < now->count; i++) {
        const struct process *p = &now->list[i];
        const struct process *old;

        if (p->run != STRAY || is_over(p) || is_stopped(p)) {
            continue;
        }
        old = find(before, p->pid);
        if (!old || old->started != p->started) {
            return true;
        }
    }
    return false;
}

static uint64_t now_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* The kernel's own list of our children: false when all of it is in live. */
static bool may_have_strays(const pid_t *live, size_t count)
{
    char name[64], text[4096];
    size_t len = 0;
    ssize_t n = 0;
    int fd;

    (void)snprintf(name, sizeof name, "/proc/self/task/%d/children",
                   (int)getpid());
    fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return true;
    }
    while (len < sizeof text - 1
           && (n = read(fd, text + len, sizeof text - 1 - len)) > 0) {
        len += (size_t)n;
    }
    close(fd);
    if (n < 0 || len == sizeof text - 1) {
        return true;
    }
    text[len] = '\0';
    for (char *s = text, *end; *s; s = end) {
        long pid = strtol(s, &end, 10);

        if (end == s) {
            return *s != ' ' || s[1];
        }
        if (index_of(live, count, (pid_t)pid) == STRAY) {
            return true;
        }
    }
    return false;
}

int cgiw_tree_adopt(void)
{
    return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) ? -errno : 0;
}

int cgiw_tree_sweep(const pid_t *live, size_t count, unsigned budget_ms)
{
    static const struct timespec dying = {0, 500000};
    struct snapshot now = {0}, before = {0};
    uint64_t until = now_ms() + budget_ms;
    unsigned passes = 0;
    int rc = 0;

    if (!may_have_strays(live, count)) {
        return 0;
    }
    do {
        struct snapshot swap = before;

        before = now;
        now = swap;
        rc = take_snapshot(&now);
        if (rc || attribute(&now, live, count) == 0) {
            break;
        }
        rc = 1;
        if (passes++ < STOP_PASSES && has_new(&now, &before)) {
            send_to_strays(&now, SIGSTOP);
            continue;
        }
        send_to_strays(&now, SIGKILL);
        (void)nanosleep(&dying, NULL);
    } while (passes < LEAST_PASSES || now_ms() < until);
    free(now.list);
    free(before.list);
    return rc;
}

/* --- counting ------------------------------------------------------------- */

int cgiw_tree_use(const pid_t *live, size_t count, struct cgiw_tree_use *use)
{
    static long hertz, page;
    struct snapshot s = {0};
    int rc = take_snapshot(&s);

    if (!hertz) {
        hertz = sysconf(_SC_CLK_TCK);
        page = sysconf(_SC_PAGESIZE);
    }
    for (size_t i = 0; i < count; i++) {
        use[i] = (struct cgiw_tree_use){0};
    }
    if (!rc) {
        (void)attribute(&s, live, count);
    }
    for (size_t i = 0; i < s.count && !rc; i++) {
        const struct process *p = &s.list[i];

        if (p->run < 0 || is_over(p)) {
            continue;
        }
        use[p->run].cpu_us += p->ticks * (1000000 / (uint64_t)hertz);
        use[p->run].memory_bytes += p->pages * (uint64_t)page;
        use[p->run].processes += p->threads;
    }
    free(s.list);
    return rc;
}

int cgiw_tree_give_way(const pid_t *live, size_t count)
{
    struct snapshot s = {0};
    int rc = take_snapshot(&s);
    char name[40], value[8];

    if (!rc) {
        (void)attribute(&s, live, count);
    }
    (void)snprintf(value, sizeof value, "%d", CGIW_NICE);
    for (size_t i = 0; i < s.count && !rc; i++) {
        const struct process *p = &s.list[i];
        int fd;

        if (p->run < 0 || p->session == live[p->run]) {
            continue;
        }
        (void)snprintf(name, sizeof name, "/proc/%d/autogroup", (int)p->pid);
        fd = open(name, O_WRONLY | O_CLOEXEC);
        if (fd >= 0) {
            (void)!write(fd, value, strlen(value));
            close(fd);
        }
    }
    free(s.list);
    return rc;
}
