/* mod_cgi_wrapper: the daemon's life in httpd's parent; see the header.
 *
 * One daemon to a generation of the configuration. The parent keeps both ends
 * of the pair that requests go through, so they wait in it while a daemon that
 * died is replaced. When the generation ends the parent closes both; workers
 * of that generation still have theirs, and the daemon goes with the last of
 * them. */
#include "mod_cgi_wrapper.h"

#include "ap_mpm.h"
#include "http_core.h"
#include "http_log.h"
#include "apr_strings.h"
#include "apr_thread_proc.h"

#include "cgi-wrapper/table.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

APLOG_USE_MODULE(cgi_wrapper);

#define RETAINED "mod_cgi_wrapper"
#define DRAINING_MAX 64
#define QUICK_S 5 /* one that ends so soon after its start crashes at once */
#define PAUSE_MAX_S 30
#define SPARE_FD 10 /* above those that the daemon gets */

/* Daemons of earlier generations that finish what they run: survives this
 * module's being unloaded, so that httpd's parent knows whom it waits for. */
struct retained {
    int count;
    pid_t draining[DRAINING_MAX];
};

struct generation {
    server_rec *s;
    const char *program;
    int client, daemon, config, runs;
    pid_t parent;
    apr_proc_t proc;
    apr_time_t started;
    unsigned pause_s; /* before the next start's exec */
    apr_pool_t *pool;
};

/* Set in the parent by post_config, before it has children. */
static struct generation *current;

int cgi_daemon_socket(void)
{
    return current ? current->client : -1;
}

/* --- the new process ----------------------------------------------------- */

static void reset_signals(void)
{
    sigset_t none;

    for (int n = 1; n < NSIG; n++) {
        (void)signal(n, SIG_DFL); /* not of all: KILL, STOP */
    }
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* 0, 1: /dev/null; 2: the log, as open_logs has made it; 3 to 5: ours. */
static int arrange_fds(const struct generation *g)
{
    int from[] = {g->daemon, g->config, g->runs};
    int null;

    for (int i = 0; i < 3; i++) {
        from[i] = fcntl(from[i], F_DUPFD, SPARE_FD);
        if (from[i] < 0) {
            return -1;
        }
    }
    null = open("/dev/null", O_RDWR);
    if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0) {
        return -1;
    }
    for (int i = 0; i < 3; i++) {
        if (dup2(from[i], 3 + i) < 0) {
            return -1;
        }
    }
    return close_range(6, ~0U, 0);
}

static void become_daemon(const struct generation *g) __attribute__((noreturn));
static void become_daemon(const struct generation *g)
{
    static char name[] = "cgi-wrapper", mode[] = "--daemon";
    static char path[] = "PATH=/usr/local/bin:/usr/bin:/bin";
    char *argv[] = {name, mode, NULL}, *env[] = {path, NULL};

    (void)setsid(); /* httpd's stop signals go to its whole group */
    reset_signals();
    if (arrange_fds(g) == 0 && chdir("/") == 0) {
        if (g->pause_s) {
            (void)sleep(g->pause_s);
        }
        if (getppid() == g->parent) {
            (void)execve(g->program, argv, env);
            dprintf(2, "cgi-wrapper: OMK0401: CGIWrapperProgram %s: %s\n",
                    g->program, strerror(errno));
        }
    }
    _exit(71);
}

static void ended(int reason, void *data, int status);

static bool spawn(struct generation *g)
{
    pid_t pid = fork();

    if (pid < 0) {
        ap_log_error(
            APLOG_MARK, APLOG_ERR, errno, g->s,
            "OMK0402: cgi_wrapper: the daemon cannot be started: fork");
        return false;
    }
    if (pid == 0) {
        become_daemon(g);
    }
    g->proc.pid = pid;
    g->started = apr_time_now();
    apr_proc_other_child_register(&g->proc, ended, g, NULL, g->pool);
    return true;
}

static bool make_pair(struct generation *g)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) {
        return false;
    }
    cgi_close(&g->client);
    cgi_close(&g->daemon);
    g->client = pair[0];
    g->daemon = pair[1];
    return true;
}

/* While the parent holds both ends, nobody else's close does that. */
static bool is_shut_down(const struct generation *g)
{
    struct pollfd end = {.fd = g->daemon, .events = POLLRDHUP};

    return poll(&end, 1, 0) == 1 && end.revents & (POLLRDHUP | POLLHUP);
}

/* A socket that is shut down stays so in all who have it. Workers to come get
 * another; those that run cannot be given one. */
static void mend_pair(struct generation *g)
{
    if (!is_shut_down(g)) {
        return;
    }
    ap_log_error(APLOG_MARK, APLOG_CRIT, 0, g->s,
                 "OMK0411: cgi_wrapper: a worker has shut down the socket by "
                 "which all of them send requests to the daemon; nothing of "
                 "httpd's does so: one may be broken into. Scripts answer 503 "
                 "in the workers that run now; restart httpd, and find out "
                 "which script or module it was");
    if (!make_pair(g)) {
        ap_log_error(APLOG_MARK, APLOG_ERR, errno, g->s,
                     "OMK0402: cgi_wrapper: socketpair");
    }
}

/* In the parent's loop: it must not wait, so the new process does. */
static void respawn(struct generation *g, int status)
{
    bool quick =
        apr_time_now() - g->started < apr_time_from_sec(QUICK_S + g->pause_s);
    int state = AP_MPMQ_STOPPING;

    if (ap_mpm_query(AP_MPMQ_MPM_STATE, &state) == APR_SUCCESS
        && state == AP_MPMQ_STOPPING) {
        return;
    }
    g->pause_s = !quick ? 0 : g->pause_s == 0 ? 1 : g->pause_s * 2;
    if (g->pause_s > PAUSE_MAX_S) {
        g->pause_s = PAUSE_MAX_S;
    }
    ap_log_error(APLOG_MARK, APLOG_ERR, 0, g->s,
                 "OMK0402: cgi_wrapper: the daemon (pid %" APR_PID_T_FMT
                 ") ended with status %d; what it ran has ended with it; it is "
                 "started again in %u s",
                 g->proc.pid, status, g->pause_s);
    mend_pair(g);
    (void)spawn(g);
}

static void ended(int reason, void *data, int status)
{
    struct generation *g = data;

    if (reason != APR_OC_REASON_DEATH && reason != APR_OC_REASON_LOST) {
        return;
    }
    apr_proc_other_child_unregister(data);
    respawn(g, status);
}

/* --- generations --------------------------------------------------------- */

static struct retained *retained(void)
{
    struct retained *r = ap_retained_data_get(RETAINED);

    return r ? r : ap_retained_data_create(RETAINED, sizeof *r);
}

static void drained(int reason, void *data, int status)
{
    struct retained *r = retained();
    const apr_proc_t *proc = data;

    (void)status;
    if (reason != APR_OC_REASON_DEATH && reason != APR_OC_REASON_LOST) {
        return;
    }
    for (int i = 0; i < r->count; i++) {
        if (r->draining[i] == proc->pid) {
            r->draining[i] = r->draining[--r->count];
        }
    }
    apr_proc_other_child_unregister(data);
}

static void watch_draining(apr_pool_t *p)
{
    struct retained *r = retained();

    for (int i = 0; i < r->count; i++) {
        apr_proc_t *proc = apr_pcalloc(p, sizeof *proc);

        proc->pid = r->draining[i];
        apr_proc_other_child_register(proc, drained, proc, NULL, p);
    }
}

/* The configuration's pool goes: at a restart, at the end, and in children
 * that end. */
static apr_status_t end_generation(void *data)
{
    struct generation *g = data;
    struct retained *r = retained();

    cgi_close(&g->client);
    cgi_close(&g->daemon);
    cgi_close(&g->config);
    cgi_close(&g->runs);
    if (getpid() == g->parent && g->proc.pid > 0) {
        if (r->count == DRAINING_MAX) {
            memmove(r->draining, r->draining + 1,
                    sizeof r->draining - sizeof *r->draining);
            r->count--;
        }
        r->draining[r->count++] = g->proc.pid;
    }
    current = NULL;
    return APR_SUCCESS;
}

/* A sealed file of bytes; -1 with errno. */
static int sealed(const char *name, const char *bytes, size_t len)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

    for (size_t done = 0; fd >= 0 && done < len;) {
        ssize_t n = write(fd, bytes + done, len - done);

        if (n < 0 && errno != EINTR) {
            cgi_close(&fd);
        }
        done += n > 0 ? (size_t)n : 0;
    }
    if (fd >= 0
        && fcntl(fd, F_ADD_SEALS,
                 F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)) {
        cgi_close(&fd);
    }
    return fd;
}

static bool open_generation(struct generation *g, const char *config,
                            size_t len)
{
    if (!make_pair(g)) {
        return false;
    }
    g->config = sealed("cgi-wrapper-configuration", config, len);
    g->runs = memfd_create("cgi-wrapper-runs", MFD_CLOEXEC);
    return g->config >= 0 && g->runs >= 0
           && ftruncate(g->runs, CGIW_TABLE_BYTES) == 0;
}

int cgi_daemon_start(apr_pool_t *p, apr_pool_t *plog, apr_pool_t *ptemp,
                     server_rec *main_server)
{
    struct generation *g;
    const char *config;
    size_t len;

    (void)plog;
    current = NULL;
    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG) {
        return OK; /* read once more before anything is served */
    }
    watch_draining(p);
    config = cgi_write_config(p, ptemp, main_server, &len);
    if (len == 0) {
        return OK;
    }
    g = apr_pcalloc(p, sizeof *g);
    g->client = g->daemon = g->config = g->runs = -1;
    g->s = main_server;
    g->program = cgi_global_of()->program;
    g->parent = getpid();
    g->pool = p;
    /* Before the daemon is registered, so that it runs behind that. */
    apr_pool_cleanup_register(p, g, end_generation, apr_pool_cleanup_null);
    if (!open_generation(g, config, len)) {
        ap_log_error(APLOG_MARK, APLOG_ERR, errno, main_server,
                     "OMK0402: cgi_wrapper: the daemon cannot be started: "
                     "socketpair, memfd");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    if (!spawn(g)) {
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    current = g;
    return OK;
}

/* A worker sends; what else the parent has is none of its business. */
void cgi_daemon_child_init(apr_pool_t *p, server_rec *s)
{
    (void)p;
    (void)s;
    if (current) {
        cgi_close(&current->daemon);
        cgi_close(&current->config);
        cgi_close(&current->runs);
    }
}
