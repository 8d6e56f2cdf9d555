/* cgi-wrapper: the one process of ours that keeps root while the server runs.
 * httpd's parent starts it, its workers send it requests, it starts scripts as
 * their owners and sees to their end. */
#include "capabilities.h"
#include "cgroup.h"
#include "control.h"
#include "daemon.h"
#include "err.h"
#include "reap.h"
#include "sites.h"
#include "spawn.h"
#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* What httpd's parent leaves open for the daemon. */
enum { FD_REQUESTS = 3, FD_CONFIG = 4, FD_TABLE = 5, FD_FIRST_FREE = 6 };

#define TICK_MS 1000
#define SWEEP_MS 10
#define STOP_MS 5000

/* --- the loop ------------------------------------------------------------- */

int64_t cgiw_daemon_now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* fails for no valid clock */
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

uint64_t cgiw_daemon_event(enum cgiw_source source, uint32_t index,
                           uint32_t tag)
{
    return (uint64_t)source << 56 | (uint64_t)(tag & 0xffffff) << 32 | index;
}

int cgiw_daemon_watch(struct cgiw_daemon *d, int fd, uint32_t events,
                      enum cgiw_source source, uint32_t index, uint32_t tag)
{
    struct epoll_event event = {
        .events = events, .data.u64 = cgiw_daemon_event(source, index, tag)};

    return epoll_ctl(d->epoll, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -errno;
}

void cgiw_daemon_forget(struct cgiw_daemon *d, int fd)
{
    (void)epoll_ctl(d->epoll, EPOLL_CTL_DEL, fd, NULL); /* it was added */
    close(fd);
}

/* A socket's last close may wait until its peer has read all, if it was told to
 * (SO_LINGER). */
void cgiw_daemon_let_go(int fd)
{
    static const struct linger at_once;

    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(fd);
}

/* No more requests: what runs may end by itself. */
static void drain(struct cgiw_daemon *d)
{
    if (!d->draining) {
        cgiw_daemon_forget(d, d->requests);
        d->draining = 1;
    }
}

static void stop(struct cgiw_daemon *d)
{
    drain(d);
    if (!d->stop_by_ms) {
        d->stop_by_ms = cgiw_daemon_now_ms() + STOP_MS;
    }
    for (uint32_t i = 0; i < d->live_count; i++) {
        cgiw_reap_kill(d, d->runs + d->live[i], CGIW_OK, 0, 0);
    }
}

static void on_signal(struct cgiw_daemon *d)
{
    struct signalfd_siginfo info;

    if (read(d->signals, &info, sizeof info) != (ssize_t)sizeof info) {
        return;
    }
    if (info.ssi_signo == SIGCHLD) {
        cgiw_reap_children(d);
    }
    else if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT) {
        stop(d);
    }
}

static void on_event(struct cgiw_daemon *d, const struct epoll_event *event)
{
    uint32_t index = (uint32_t)event->data.u64;
    uint32_t tag = (uint32_t)(event->data.u64 >> 32) & 0xffffff;

    switch ((enum cgiw_source)(event->data.u64 >> 56)) {
    case CGIW_FROM_REQUESTS:
        if (!d->draining
            && cgiw_spawn_request(d, (event->events & (EPOLLHUP | EPOLLRDHUP))
                                         != 0)) {
            drain(d);
        }
        break;
    case CGIW_FROM_SIGNALS:
        on_signal(d);
        break;
    case CGIW_FROM_LISTENER:
        cgiw_control_accept(d);
        break;
    case CGIW_FROM_CLIENT:
        cgiw_control_client(d, index);
        break;
    case CGIW_FROM_RUN:
        cgiw_reap_hangup(d, index, tag);
        break;
    }
}

static void tick(struct cgiw_daemon *d)
{
    int64_t now_ms = cgiw_daemon_now_ms();

    if (now_ms < d->next_tick_ms) {
        return;
    }
    d->next_tick_ms = now_ms + TICK_MS;
    cgiw_reap_tick(d);
    if (cgiw_control_tick(d) || d->live_count || d->unswept) {
        d->tick_until_ms = now_ms + (CGIW_LEAVES_IDLE_S + 5) * 1000;
    }
}

/* How long there is nothing to do by itself; -1: for good. */
static int wait_ms(const struct cgiw_daemon *d)
{
    int64_t now_ms = cgiw_daemon_now_ms(), left = d->next_tick_ms - now_ms;

    if (d->unreaped) {
        return 0;
    }
    if (d->unswept) {
        return SWEEP_MS;
    }
    if (d->live_count == 0 && now_ms >= d->tick_until_ms && !d->stop_by_ms) {
        return -1;
    }
    return left < 0 ? 0 : (int)left;
}

static int is_over(const struct cgiw_daemon *d)
{
    return d->draining
           && ((d->live_count == 0 && !d->unswept)
               || (d->stop_by_ms && cgiw_daemon_now_ms() >= d->stop_by_ms));
}

static int loop(struct cgiw_daemon *d)
{
    struct epoll_event events[64];

    while (!is_over(d)) {
        int n = epoll_wait(d->epoll, events, 64, wait_ms(d));

        if (n < 0 && errno != EINTR) {
            cgiw_complain("OMK0424", "epoll_wait: %s; it ends",
                          strerror(errno));
            return 1;
        }
        for (int i = 0; i < n; i++) {
            on_event(d, events + i);
        }
        if (d->unreaped || d->unswept) {
            cgiw_reap_children(d);
        }
        if (d->unswept) {
            cgiw_reap_sweep(d);
        }
        tick(d);
    }
    return 0;
}

/* --- the start ------------------------------------------------------------ */

/* Nothing of the caller's: its signals, environment, directory, session. */
static int detach(void)
{
    struct rlimit files;
    sigset_t watched;

    cgiw_signals_default();
    (void)sigemptyset(&watched);
    (void)sigaddset(&watched, SIGCHLD);
    (void)sigaddset(&watched, SIGTERM);
    (void)sigaddset(&watched, SIGINT);
    (void)sigaddset(&watched, SIGHUP);
    (void)sigaddset(&watched, SIGPIPE); /* standard error may be a pipe */
    (void)clearenv();
    (void)umask(027);
    /* httpd's stop signals its whole group; a leader has its own already. */
    (void)setsid();
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    if (chdir("/") != 0 || sigprocmask(SIG_SETMASK, &watched, NULL) != 0) {
        return -1;
    }
    return signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

/* 0 to 5 are what they should be, and nothing else is open. */
static int take_descriptors(struct omk_err *err)
{
    for (int fd = 0; fd < FD_FIRST_FREE; fd++) {
        if (!is_open(fd)) {
            return omk_fail(err, OMK_EINVAL, "",
                            "descriptor %d is not open; httpd starts this "
                            "program, nobody else",
                            fd);
        }
    }
    if (close_range(FD_FIRST_FREE, ~0U, 0) != 0 && errno != ENOSYS) {
        return omk_fail(err, OMK_EIO, "", "close_range: %s", strerror(errno));
    }
    for (int fd = FD_REQUESTS; fd < FD_FIRST_FREE; fd++) {
        (void)fcntl(fd, F_SETFD, FD_CLOEXEC); /* it is open */
    }
    return OMK_OK;
}

static int read_config(uid_t own_uid, struct cgiw_config **config,
                       struct omk_err *err)
{
    struct stat st;
    void *blob;
    int rc;

    if (fstat(FD_CONFIG, &st) != 0 || st.st_size <= 0
        || st.st_size > (off_t)CGIW_CONFIG_MAX) {
        return omk_fail(err, OMK_EINVAL, "configuration",
                        "no file, empty, or too large");
    }
    blob = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, FD_CONFIG, 0);
    if (blob == MAP_FAILED) {
        return omk_fail(err, OMK_EIO, "configuration", "mmap: %s",
                        strerror(errno));
    }
    rc = cgiw_config_parse(blob, (size_t)st.st_size, own_uid, config, err);
    (void)munmap(blob, (size_t)st.st_size);
    close(FD_CONFIG);
    return rc;
}

/* Zeroes that children do not get: of a page that both have, the daemon's next
 * write makes a copy, which costs more than what is written there. */
static void *own_memory(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED) {
        return NULL;
    }
    (void)madvise(memory, bytes, MADV_DONTFORK); /* else it is only slower */
    return memory;
}

/* Room for as many runs as the table has; the kernel gives it when used. */
static int make_room(struct cgiw_daemon *d, struct omk_err *err)
{
    uint32_t n = d->table.count, users = d->config->user_count + 1;
    char *own = own_memory(n
                               * (sizeof *d->runs + sizeof *d->live
                                  + sizeof *d->pids + sizeof *d->free_slots)
                           + users * sizeof *d->per_user);

    d->confined = calloc(d->config->site_count + 1, sizeof *d->confined);
    if (!own || !d->confined) {
        return omk_fail(err, OMK_ENOMEM, "", "out of memory");
    }
    d->runs = (void *)own; /* first: it needs the widest alignment */
    d->live = (void *)(d->runs + n);
    d->pids = (void *)(d->live + n);
    d->free_slots = (void *)(d->pids + n);
    d->per_user = d->free_slots + n;
    for (uint32_t i = 0; i < n; i++) {
        d->free_slots[i] = n - 1 - i; /* the first slots are used first */
    }
    d->free_count = n;
    for (uint32_t i = 0; i < d->config->site_count; i++) {
        d->confined[i] = -1;
    }
    for (size_t i = 0; i < CGIW_CLIENTS_MAX; i++) {
        d->clients[i].fd = -1;
    }
    return OMK_OK;
}

static int watch(struct cgiw_daemon *d, struct omk_err *err)
{
    int rc;

    d->epoll = epoll_create1(EPOLL_CLOEXEC);
    d->null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (d->epoll < 0 || d->null < 0) {
        return omk_fail(err, OMK_EIO, "", "epoll, /dev/null: %s",
                        strerror(errno));
    }
    /* RDHUP: a worker may have shut down its half alone, and then this is
     * readable for good. */
    rc = cgiw_daemon_watch(d, d->requests, EPOLLIN | EPOLLRDHUP,
                           CGIW_FROM_REQUESTS, 0, 0);
    rc =
        rc ? rc
           : cgiw_daemon_watch(d, d->signals, EPOLLIN, CGIW_FROM_SIGNALS, 0, 0);
    return rc ? omk_fail(err, OMK_EIO, "", "epoll: %s", strerror(-rc)) : OMK_OK;
}

static int open_groups(struct cgiw_daemon *d, struct omk_err *err)
{
    int rc = d->config->cgroup
                 ? cgiw_cgroup_open(&d->cgroup, d->config->cgroup, 0, err)
                 : OMK_OK;

    d->holds = cgiw_cgroup_holds(d->cgroup);
    return rc;
}

static int set_up(struct cgiw_daemon *d, struct omk_err *err)
{
    struct cgiw_config *config = NULL;
    int ended, rc = take_descriptors(err);

    rc = rc ? rc : read_config(d->own_uid, &config, err);
    d->config = config;
    rc = rc ? rc : cgiw_table_open(FD_TABLE, &d->table, err);
    if (rc) {
        return rc;
    }
    d->signals = detach();
    if (d->signals < 0 || cgiw_tree_adopt() != 0) {
        return omk_fail(err, OMK_EIO, "", "signals, subreaper: %s",
                        strerror(errno));
    }
    ended = cgiw_table_end_leftovers(&d->table, config);
    if (ended != 0) {
        cgiw_complain("OMK0425",
                      ended > 0
                          ? "processes of scripts that a daemon which was "
                            "killed had left were ended: %d"
                          : "/proc cannot be read, so what a daemon that "
                            "was killed has left may still run: error %d",
                      ended > 0 ? ended : -ended);
    }
    rc = make_room(d, err);
    rc = rc ? rc : open_groups(d, err);
    rc = rc ? rc : watch(d, err);
    rc = rc ? rc : cgiw_control_open(d, err);
    if (!rc) {
        cgiw_log_open(&d->log, config->log);
    }
    return rc;
}

static int serve(void)
{
    static struct cgiw_daemon d; /* large */
    struct omk_err err = {0};
    int rc;

    d.requests = FD_REQUESTS;
    d.listener = -1;
    d.own_uid = geteuid();
    d.own_pid = getpid();
    rc = set_up(&d, &err);
    if (rc) {
        cgiw_complain("OMK0426", "cannot start: %s%s%s", err.where,
                      *err.where ? ": " : "", err.text);
        cgiw_cgroup_close(d.cgroup);
        return 1;
    }
    rc = loop(&d);
    cgiw_control_close(&d);
    cgiw_cgroup_close(d.cgroup);
    return rc;
}

/* --- the command line ----------------------------------------------------- */

static int help(void)
{
    (void)puts(
        "usage: cgi-wrapper --capabilities [--json] [--cgroup NAME]\n"
        "       cgi-wrapper --daemon\n"
        "\n"
        "Starts the CGI scripts of customers as their owners, limits them, and "
        "sees to\ntheir end. See cgi-wrapper(8).\n"
        "\n"
        "options:\n"
        "  --capabilities  say what this machine can hold scripts to, and by "
        "what\n"
        "  --cgroup NAME   look for control groups as the daemon of that name "
        "does\n"
        "  --json          as one JSON object\n"
        "  --daemon        as httpd starts it: descriptors 3 to 5 are set up\n"
        "  --help          this text\n"
        "  --version       the version");
    return 0;
}

static int capabilities(const char *name, int as_json)
{
    static struct cgiw_capabilities found; /* large */
    static char text[CGIW_CAPABILITIES * CGIW_CAPABILITY_TEXT * 2];
    struct cgiw_cgroup *cg = NULL;
    struct omk_err err;

    if (cgiw_cgroup_open(&cg, name, CGIW_CGROUP_LOOK, &err) != 0) {
        (void)fprintf(stderr, "cgi-wrapper: --cgroup %s: %s\n", name, err.text);
        return 64;
    }
    cgiw_capabilities_probe(cg, &found);
    (void)(as_json ? cgiw_capabilities_json(&found, text, sizeof text)
                   : cgiw_capabilities_text(&found, text, sizeof text));
    (void)fputs(text, stdout);
    cgiw_cgroup_close(cg);
    return fflush(stdout) == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"capabilities", no_argument, NULL, 'c'},
        {"cgroup", required_argument, NULL, 'g'},
        {"daemon", no_argument, NULL, 'd'},
        {"help", no_argument, NULL, 'h'},
        {"json", no_argument, NULL, 'j'},
        {"version", no_argument, NULL, 'V'},
        {0}};
    const char *group = "omakase";
    int what = 0, as_json = 0, option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'g':
            group = optarg;
            break;
        case 'j':
            as_json = 1;
            break;
        case '?':
            return 64;
        default:
            what = option;
        }
    }
    if (optind < argc || !what) {
        (void)fprintf(stderr, "cgi-wrapper: see cgi-wrapper --help\n");
        return 64;
    }
    switch (what) {
    case 'd':
        return serve();
    case 'c':
        return capabilities(group, as_json);
    case 'V':
        return puts("cgi-wrapper " OMAKASE_VERSION) < 0;
    default:
        return help();
    }
}
