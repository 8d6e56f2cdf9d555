/* omakase-weblog: the one logger of a node's sites. httpd starts it
 * (mod_weblog) and writes lines to its standard input. */
#include "keep.h"
#include "sites.h"
#include "workers.h"

#include "err.h"
#include "num.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PIPE_BYTES                                                             \
    (1 << 20) /* pipe(7): what a user may have without asking                  \
               */
#define BUFFER ((size_t)1 << 20)
#define END_MS 5000    /* for what cannot be written when httpd has ended */
#define OTHER_FILES 48 /* beside the logs: locks, and the threads' */

struct options {
    const char *srv, *lock, *user;
    bool check;
    uint64_t size, wait_max, open_max, threads, level;
};

struct program {
    struct options o;
    int srv;
    int locks[WEBLOG_WORKERS_MAX + 1]; /* of the threads, and ours */
    struct weblog_workers *workers;
    struct weblog_sites *sites;
    struct weblog_split split;
};

/* --- what is said -------------------------------------------------------- */

/* A line as httpd's, into whose error log it goes. From any thread. */
static void say(void *ctx, const char *line)
{
    char text[1300], when[40] = "";
    time_t now = time(NULL);
    struct tm tm;
    int n;

    (void)ctx;
    if (localtime_r(&now, &tm)) {
        (void)strftime(when, sizeof when, "%a %b %d %H:%M:%S %Y", &tm);
    }
    n = snprintf(text, sizeof text, "[%s] [weblog:warn] [pid %ld] %s\n", when,
                 (long)getpid(), line);
    if (n > 0 && write(STDERR_FILENO, text, (size_t)n) < 0) {
        return; /* there is nowhere to say it */
    }
}

static _Noreturn void die(int code, const char *what, const char *why)
{
    (void)fprintf(stderr, "omakase-weblog: %s: %s\n", what, why);
    exit(code);
}

/* --- the command line ---------------------------------------------------- */

static void usage(FILE *to)
{
    (void)fputs("usage: omakase-weblog --srv DIR --lock FILE [options]\n\n"
                "Reads mod_weblog's lines and keeps DIR/LOGIN/log/web.log and\n"
                "error.log. httpd starts it; see omakase-weblog(8).\n\n"
                "  --srv DIR      the customers' trees\n"
                "  --lock FILE    shared by all that write there\n"
                "  --user NAME    whom to become, when root starts it\n"
                "  --size SIZE    at which a log is closed (50M; 4K to 190M)\n"
                "  --wait SIZE    of lines that cannot be written yet (64M)\n"
                "  --open N       files that are open at once (4096)\n"
                "  --threads N    that compress (2; 1 to 16)\n"
                "  --level N      of the compression (6; 1 to 9)\n"
                "  --check        see whether all that is so, and end\n",
                to);
}

static uint64_t number(const char *option, const char *text, uint64_t min,
                       uint64_t max)
{
    char what[80];
    uint64_t n = 0;

    if (omk_num_u64(text, strlen(text), min, max, &n)) {
        (void)snprintf(what, sizeof what, "expected %llu to %llu",
                       (unsigned long long)min, (unsigned long long)max);
        (void)fprintf(stderr, "omakase-weblog: --%s %s: %s\n", option, text,
                      what);
        exit(64);
    }
    return n;
}

/* Bytes, or of 1024 with K or M. */
static uint64_t size(const char *option, const char *text, uint64_t min,
                     uint64_t max)
{
    size_t len = strlen(text);
    unsigned shift = !len                   ? 0
                     : text[len - 1] == 'K' ? 10
                     : text[len - 1] == 'M' ? 20
                                            : 0;
    uint64_t n = 0;

    if (omk_num_u64(text, len - (shift ? 1 : 0), 0, max >> shift, &n)
        || n << shift < min) {
        (void)fprintf(stderr,
                      "omakase-weblog: --%s %s: expected %lluK to %lluM\n",
                      option, text, (unsigned long long)min >> 10,
                      (unsigned long long)max >> 20);
        exit(64);
    }
    return n << shift;
}

enum {
    SRV = 256,
    LOCK,
    USER,
    SIZE,
    WAIT,
    OPEN,
    THREADS,
    LEVEL,
    CHECK,
    HELP,
    VERSION
};

static void read_options(struct options *o, int argc, char **argv)
{
    static const struct option known[] = {
        {"srv", required_argument, NULL, SRV},
        {"lock", required_argument, NULL, LOCK},
        {"user", required_argument, NULL, USER},
        {"size", required_argument, NULL, SIZE},
        {"wait", required_argument, NULL, WAIT},
        {"open", required_argument, NULL, OPEN},
        {"threads", required_argument, NULL, THREADS},
        {"level", required_argument, NULL, LEVEL},
        {"check", no_argument, NULL, CHECK},
        {"help", no_argument, NULL, HELP},
        {"version", no_argument, NULL, VERSION},
        {NULL, 0, NULL, 0},
    };
    int c;

    while ((c = getopt_long(argc, argv, "h", known, NULL)) != -1) {
        switch (c) {
        case SRV:
            o->srv = optarg;
            break;
        case LOCK:
            o->lock = optarg;
            break;
        case USER:
            o->user = optarg;
            break;
        case SIZE:
            o->size = size("size", optarg, 4 << 10, 190 << 20);
            break;
        case WAIT:
            o->wait_max = size("wait", optarg, 64 << 10, (uint64_t)4096 << 20);
            break;
        case OPEN:
            o->open_max = number("open", optarg, 3, 1000000);
            break;
        case THREADS:
            o->threads = number("threads", optarg, 1, WEBLOG_WORKERS_MAX);
            break;
        case LEVEL:
            o->level = number("level", optarg, 1, 9);
            break;
        case CHECK:
            o->check = true;
            break;
        case 'h':
        case HELP:
            usage(stdout);
            exit(0);
        case VERSION:
            (void)puts("omakase-weblog " OMAKASE_VERSION);
            exit(0);
        default:
            exit(64);
        }
    }
    if (optind < argc || !o->srv || !o->lock) {
        usage(stderr);
        exit(64);
    }
    if (*o->srv != '/' || *o->lock != '/') {
        die(64, *o->srv != '/' ? o->srv : o->lock, "expected an absolute path");
    }
}

/* --- before anything is read --------------------------------------------- */

static void open_files(struct program *p)
{
    /* What httpd has open is none of ours. */
    (void)close_range(STDERR_FILENO + 1, ~0U, 0);
    p->srv = open(p->o.srv, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (p->srv < 0) {
        die(66, p->o.srv, strerror(errno));
    }
    for (size_t i = 0; i <= p->o.threads; i++) {
        p->locks[i] =
            open(p->o.lock, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (p->locks[i] < 0) {
            die(73, p->o.lock, strerror(errno));
        }
    }
}

/* Files for all that --open says, or as many as we may have. */
static void limit_files(struct options *o)
{
    struct rlimit files;
    rlim_t want = o->open_max + OTHER_FILES;

    if (getrlimit(RLIMIT_NOFILE, &files) != 0) {
        return;
    }
    files.rlim_cur = want < files.rlim_max ? want : files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files);
    if (files.rlim_cur < want) {
        o->open_max =
            files.rlim_cur > OTHER_FILES + 3 ? files.rlim_cur - OTHER_FILES : 3;
    }
}

/* Groups, group, user, and then a look whether they are gone. */
static void drop_root(const char *user)
{
    const struct passwd *pw;
    uid_t r, e, s;
    gid_t rg, eg, sg;

    if (geteuid() != 0) {
        return;
    }
    if (!user) {
        die(64, "--user", "root starts it: expected the user to become");
    }
    pw = getpwnam(user);
    if (!pw || pw->pw_uid == 0 || pw->pw_gid == 0) {
        die(67, user,
            pw ? "is root; expected a user of the logger's own"
               : "there is no such user: `omakase apply` makes it");
    }
    if (setgroups(0, NULL) != 0
        || setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) != 0
        || setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) != 0) {
        die(77, user, strerror(errno));
    }
    if (getresuid(&r, &e, &s) != 0 || getresgid(&rg, &eg, &sg) != 0
        || r != pw->pw_uid || e != r || s != r || rg != pw->pw_gid || eg != rg
        || sg != rg || getgroups(0, NULL) != 0 || setuid(0) == 0) {
        die(77, user, "root's rights are not gone");
    }
}

/* httpd ends us by closing the pipe: on SIGTERM (a graceful restart) its old
 * children still write. What the terminal or httpd sends to its whole group is
 * not for us, either. */
static void ignore_signals(void)
{
    static const int ignored[] = {SIGTERM, SIGINT,  SIGHUP,  SIGQUIT, SIGUSR1,
                                  SIGUSR2, SIGPIPE, SIGXFSZ, SIGWINCH};

    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++) {
        (void)signal(ignored[i], SIG_IGN);
    }
}

static void log_closed(void *ctx, const char *login)
{
    struct program *p = ctx;

    weblog_workers_add(p->workers, login);
}

static void start(struct program *p)
{
    const struct options *o = &p->o;
    struct weblog_workers_conf workers = {
        .srv = p->srv,
        .lock_fds = p->locks,
        .threads = (unsigned)o->threads,
        .level = (int)o->level,
        .say = say,
    };
    struct weblog_conf sites = {
        .srv = p->srv,
        .lock_fd = p->locks[o->threads],
        .size = o->size,
        .open_max = (unsigned)o->open_max,
        .wait_max = o->wait_max,
        .site_max = o->wait_max / 4,
        .closed = log_closed,
        .say = say,
        .ctx = p,
    };
    char *buf = malloc(BUFFER);
    int error = weblog_workers_start(&workers, &p->workers);

    p->sites = weblog_sites_new(&sites);
    if (error || !buf || !p->sites) {
        die(71, "start", strerror(error ? error : ENOMEM));
    }
    weblog_split_init(&p->split, buf, BUFFER);
}

/* --- running ------------------------------------------------------------- */

static int64_t now_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void line(void *ctx, const char *s, size_t len)
{
    struct program *p = ctx;

    weblog_sites_line(p->sites, s, len);
}

/* False at the end of what httpd writes. */
static bool read_some(struct program *p)
{
    size_t room;
    char *to = weblog_split_room(&p->split, &room);
    ssize_t n = read(STDIN_FILENO, to, room);

    if (n < 0 && (errno == EINTR || errno == EAGAIN)) {
        return true;
    }
    if (n > 0) {
        weblog_split_feed(&p->split, (size_t)n, line, p);
    }
    return n > 0;
}

static void run(struct program *p)
{
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};

    do {
        int wait = weblog_sites_flush(p->sites, now_ms());

        in.revents = 0;
        (void)poll(&in, 1, wait);
    } while (!in.revents || read_some(p));
    weblog_split_end(&p->split, line, p);
}

/* The last lines, also where another has the lock or the disk is full for a
 * moment. */
static void finish(struct program *p)
{
    int64_t until = now_ms() + END_MS;

    for (;;) {
        int wait = weblog_sites_flush(p->sites, now_ms());

        if (!weblog_sites_waiting(p->sites) || now_ms() >= until) {
            break;
        }
        (void)poll(NULL, 0, wait < 0 || wait > 50 ? 50 : wait);
    }
    weblog_sites_give_up(p->sites);
    weblog_workers_stop(p->workers);
    weblog_sites_free(p->sites);
    free(p->split.buf);
}

int main(int argc, char **argv)
{
    struct program p = {
        .o =
            {
                .size = (uint64_t)50 << 20,
                .wait_max = (uint64_t)64 << 20,
                .open_max = 4096,
                .threads = 2,
                .level = WEBLOG_LEVEL,
            },
    };

    read_options(&p.o, argc, argv);
    ignore_signals();
    (void)umask(022);
    if (chdir("/") != 0) {
        die(66, "/", strerror(errno));
    }
    open_files(&p);
    limit_files(&p.o);
    (void)fcntl(STDIN_FILENO, F_SETPIPE_SZ, PIPE_BYTES);
    drop_root(p.o.user);
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (p.o.check) {
        return 0;
    }
    start(&p);
    run(&p);
    finish(&p);
    return 0;
}
