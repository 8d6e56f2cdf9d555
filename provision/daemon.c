#include "daemon.h"

#include "conf.h"
#include "err.h"
#include "node.h"
#include "num.h"
#include "probe.h"
#include "run.h"

#include <apr_strings.h>
#include <dirent.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define START_S 60
#define RELOAD_S 30 /* process_control_timeout of conf.d/php/php-fpm.conf */

const struct omk_daemon *const omk_daemons[] = {
    &omk_daemon_mariadb,
    &omk_daemon_php,
    &omk_daemon_httpd,
    &omk_daemon_proftpd,
    NULL,
};

const struct omk_daemon *omk_daemon_find(const char *name)
{
    for (const struct omk_daemon *const *d = omk_daemons; *d; d++) {
        if (!strcmp((*d)->name, name)) {
            return *d;
        }
    }
    return NULL;
}

/* Whether the command line of the process has the path: from its start on,
 * since another root's paths end with what this root's begin with. */
static bool has_path(pid_t pid, const char *wanted)
{
    char path[64], line[8192];
    size_t len;
    FILE *f;

    (void)snprintf(path, sizeof path, "/proc/%ld/cmdline", (long)pid);
    f = fopen(path, "re");
    if (!f) {
        return false;
    }
    len = fread(line, 1, sizeof line, f);
    (void)fclose(f);
    for (const char *at = line, *end = line + len;
         (at = memmem(at, (size_t)(end - at), wanted, strlen(wanted))); at++) {
        /* An argument, --option=PATH, or php-fpm's "(PATH)". */
        if (at == line || memchr("\0=(", at[-1], 3)) {
            return true;
        }
    }
    return false;
}

/* Whether the process has the file open. */
static bool has_open(pid_t pid, const char *wanted)
{
    char path[64], to[4096];
    DIR *fds;
    const struct dirent *e;
    bool found = false;

    (void)snprintf(path, sizeof path, "/proc/%ld/fd", (long)pid);
    fds = opendir(path);
    while (fds && !found && (e = readdir(fds))) {
        ssize_t len = readlinkat(dirfd(fds), e->d_name, to, sizeof to);

        found = len == (ssize_t)strlen(wanted)
                && !memcmp(to, wanted, (size_t)len);
    }
    if (fds) {
        closedir(fds);
    }
    return found;
}

/* A command line names this node's state, except ProFTPD's, which writes its
 * own words over it: that one has its log open. */
static bool is_of_node(apr_pool_t *p, const struct omk_node *n,
                       const struct omk_daemon *d, pid_t pid)
{
    return has_path(pid, n->state_dir)
           || (d->renames_itself
               && has_open(pid, apr_pstrcat(p, n->log_dir, "/", d->log, NULL)));
}

/* What the pid file says, or 0. */
static pid_t noted_pid(apr_pool_t *p, const struct omk_node *n,
                       const struct omk_daemon *d)
{
    const char *path = apr_pstrcat(p, n->run_dir, "/", d->pid_file, NULL);
    const char *text;
    uint64_t pid;
    size_t len;

    if (omk_conf_file(p, path, &text, &len, NULL)
        || omk_num_u64(text, strcspn(text, " \n"), 2, 1 << 30, &pid)) {
        return 0;
    }
    return (pid_t)pid;
}

/* A pid file of a past boot, or of another program that has the number now,
 * does not count. */
pid_t omk_daemon_pid(apr_pool_t *p, const struct omk_node *n,
                     const struct omk_daemon *d)
{
    pid_t pid = noted_pid(p, n, d);

    return pid && is_of_node(p, n, d, pid) && omk_is_alive(pid) ? pid : 0;
}

/* --- what a killed one leaves behind ---------------------------------------- */

/* A process belongs to the daemon when it runs its program and either its
 * command line has the file that `command` names, or it is of the session that
 * the noted pid began: pools of php-fpm have nothing else. */
struct family {
    const char *program, *file;
    pid_t session;
};

static bool belongs(const struct family *f, pid_t pid)
{
    char link[64], exe[4096];
    ssize_t len;

    (void)snprintf(link, sizeof link, "/proc/%ld/exe", (long)pid);
    len = readlink(link, exe, sizeof exe - 1);
    if (len < 0) {
        return false;
    }
    exe[len] = '\0';
    return !strcmp(exe, f->program)
           && ((f->session && getsid(pid) == f->session)
               || has_path(pid, f->file))
           && omk_is_alive(pid);
}

static int family_of(apr_pool_t *p, const struct omk_node *n,
                     const struct omk_daemon *d, struct family *out)
{
    const char *const *argv =
        d->command(p, n, apr_pstrcat(p, n->state_dir, "/current", NULL));
    char *program = realpath(argv[0], NULL);

    if (!program) {
        return -1; /* no program, no process */
    }
    out->program = apr_pstrdup(p, program);
    free(program);
    /* After a boot the number may be of another's daemon, which lives. */
    out->session = noted_pid(p, n, d);
    if (omk_is_alive(out->session) && !is_of_node(p, n, d, out->session)) {
        out->session = 0;
    }
    out->file = n->state_dir;
    for (size_t i = 1; argv[i]; i++) {
        const char *at = strstr(argv[i], n->state_dir);

        out->file = at ? at : out->file;
    }
    return 0;
}

/* Sends the signal to the whole family; how many there are. */
static size_t signal_family(const struct family *f, int sig)
{
    DIR *proc = opendir("/proc");
    const struct dirent *e;
    size_t count = 0;

    while (proc && (e = readdir(proc))) {
        uint64_t pid;

        if (omk_num_u64(e->d_name, strlen(e->d_name), 2, 1 << 30, &pid)
            || !belongs(f, (pid_t)pid)) {
            continue;
        }
        count++;
        (void)kill((pid_t)pid, sig);
    }
    if (proc) {
        closedir(proc);
    }
    return count;
}

bool omk_daemon_is_there(apr_pool_t *p, const struct omk_node *n,
                         const struct omk_daemon *d)
{
    struct family f;

    return family_of(p, n, d, &f) == 0 && signal_family(&f, 0) > 0;
}

/* Whether there was anybody to end. */
static bool end_family(const struct family *f)
{
    long long until = omk_now_ms() + 5000;
    bool any = signal_family(f, SIGKILL) > 0;

    while (any && signal_family(f, SIGKILL) > 0 && omk_wait_a_little(until)) {
    }
    return any;
}

/* The last lines of a log, in one. */
static const char *tail(apr_pool_t *p, const char *path, size_t from)
{
    const char *text;
    size_t len;
    char *s;

    if (omk_conf_file(p, path, &text, &len, NULL) || len <= from) {
        return "it printed nothing";
    }
    text += from;
    len -= from;
    s = apr_pstrmemdup(p, len > 400 ? text + len - 400 : text,
                       len > 400 ? 400 : len);
    for (char *c = s; *c; c++) {
        *c = *c == '\n' ? ' ' : *c;
    }
    return s;
}

static size_t size_of(const char *path)
{
    FILE *f = fopen(path, "re");
    long size = 0;

    if (f) {
        size = fseek(f, 0, SEEK_END) == 0 ? ftell(f) : 0;
        (void)fclose(f);
    }
    return size > 0 ? (size_t)size : 0;
}

/* Why it did not start: the end of its log, or what its checker says. */
static const char *last_words(apr_pool_t *p, const struct omk_node *n,
                              const struct omk_daemon *d, const char *dir,
                              const char *log, size_t from)
{
    const char *output;

    return d->hands_out && size_of(log) <= from && d->check
                   && d->check(p, n, dir, &output, NULL) == OMK_EINVAL
               ? output
               : tail(p, log, from);
}

int omk_daemon_start(apr_pool_t *p, const struct omk_node *n,
                     const struct omk_daemon *d, struct omk_err *err)
{
    const char *current = apr_pstrcat(p, n->state_dir, "/current", NULL);
    const char *log = apr_pstrcat(p, n->log_dir, "/", d->log, NULL);
    long long until;
    char sum[OMK_SHA1_HEX + 1];
    size_t from = size_of(log);
    struct family left;
    pid_t pid;
    int rc;

    if (omk_daemon_pid(p, n, d)) {
        return OMK_OK;
    }
    if (family_of(p, n, d, &left) == 0) {
        (void)end_family(&left);
    }
    /* httpd takes a dead pid that nobody has reaped for one that runs. */
    (void)unlink(apr_pstrcat(p, n->run_dir, "/", d->pid_file, NULL));
    rc = d->prepare ? d->prepare(p, n, err) : OMK_OK;
    if (rc == OMK_OK) {
        rc = omk_start(d->command(p, n, current),
                       d->hands_out ? "/dev/null" : log, false, &pid, err);
    }
    if (rc) {
        return rc;
    }
    until = omk_now_ms() + START_S * 1000LL;
    while (omk_is_alive(pid)) {
        if (omk_daemon_pid(p, n, d) && d->probe(p, n, sum, NULL) == OMK_OK) {
            return OMK_OK;
        }
        if (!omk_wait_a_little(until)) {
            (void)omk_end(pid, d->stop_s);
            return omk_fail(err, OMK_EBUSY, d->name,
                            "does not answer %d s after its start: %s", START_S,
                            tail(p, log, from));
        }
    }
    return omk_fail(err, OMK_EINVAL, d->name, "does not start: %s",
                    last_words(p, n, d, current, log, from));
}

int omk_daemon_stop(apr_pool_t *p, const struct omk_node *n,
                    const struct omk_daemon *d, bool *forced,
                    struct omk_err *err)
{
    pid_t pid = omk_daemon_pid(p, n, d);
    struct family f;

    *forced = pid && !omk_end(pid, d->stop_s);
    if (family_of(p, n, d, &f) == 0 && end_family(&f)) {
        *forced = true;
    }
    if (pid && omk_is_alive(pid)) {
        return omk_fail(err, OMK_EBUSY, d->name, "pid %ld cannot be ended",
                        (long)pid);
    }
    (void)unlink(apr_pstrcat(p, n->run_dir, "/", d->pid_file, NULL));
    return OMK_OK;
}

int omk_daemon_reload(apr_pool_t *p, const struct omk_node *n,
                      const struct omk_daemon *d, const char *fingerprint,
                      struct omk_err *err)
{
    long long until = omk_now_ms() + (START_S + RELOAD_S) * 1000LL;
    pid_t pid = omk_daemon_pid(p, n, d);
    struct omk_err why = {0};

    if (!pid || kill(pid, d->reload_signal) != 0) {
        return omk_fail(err, OMK_ENOENT, d->name, "does not run");
    }
    do {
        char sum[OMK_SHA1_HEX + 1];

        if (d->probe(p, n, sum, &why) == OMK_OK) {
            if (!strcmp(sum, fingerprint)) {
                return OMK_OK;
            }
            (void)omk_fail(&why, OMK_EBUSY, "",
                           "still answers with its old configuration");
        }
        if (!omk_is_alive(pid)) {
            return omk_fail(err, OMK_ENOENT, d->name,
                            "ended when it was reloaded; see %s/%s", n->log_dir,
                            d->log);
        }
    } while (omk_wait_a_little(until));
    return omk_fail(err, OMK_EBUSY, d->name, "after the reload: %s", why.text);
}

/* --- ports ---------------------------------------------------------------- */

int omk_free_port(unsigned *out, struct omk_err *err)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int rc = OMK_OK;

    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) != 0
        || getsockname(fd, (struct sockaddr *)&a, &len) != 0) {
        rc = omk_fail(err, OMK_EIO, "127.0.0.1", "no free port: %s",
                      strerror(errno));
    }
    else {
        *out = ntohs(a.sin_port);
    }
    if (fd >= 0) {
        close(fd);
    }
    return rc;
}

int omk_listen_is_free(const char *listen_at, struct omk_err *err)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_flags =
                                 AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV};
    const char *colon = strrchr(listen_at, ':');
    bool any = !colon || !strncmp(listen_at, "*:", 2)
               || !strncmp(listen_at, "0.0.0.0:", 8);
    struct addrinfo *a;
    char host[64], port[8];
    int fd, yes = 1, e;
    int rc = omk_probe_address(listen_at, host, port, err);

    if (rc) {
        return rc;
    }
    if (getaddrinfo(any ? "0.0.0.0" : host, port, &hints, &a) != 0) {
        return omk_fail(err, OMK_EINVAL, listen_at, "is no address");
    }
    fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    }
    e = fd < 0 || bind(fd, a->ai_addr, a->ai_addrlen) != 0 || listen(fd, 1) != 0
            ? errno
            : 0;
    if (fd >= 0) {
        close(fd);
    }
    freeaddrinfo(a);
    return e ? omk_fail(err, e == EACCES ? OMK_EDENIED : OMK_EBUSY, listen_at,
                        "cannot be listened on: %s", strerror(e))
             : OMK_OK;
}
