/* mod_cgi_wrapper: one script's descriptors, its request, what the daemon and
 * its stderr say; see the header. */
#include "mod_cgi_wrapper.h"

#include "http_log.h"
#include "util_script.h"
#include "apr_strings.h"

#include <errno.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <linux/openat2.h>
#include <unistd.h>

APLOG_USE_MODULE(cgi_wrapper);

#define SEND_WAIT_MS 10000 /* for room in the daemon's queue */

void cgi_close(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
        *fd = -1;
    }
}

void cgi_run_close(struct cgi_run *run)
{
    cgi_close(&run->control); /* first: it ends the script */
    cgi_close(&run->in);
    cgi_close(&run->out);
    cgi_close(&run->err);
}

static apr_status_t close_with_pool(void *data)
{
    cgi_run_close(data);
    return APR_SUCCESS;
}

struct cgiw_facts *cgi_facts(request_rec *r, const char *path)
{
    struct cgiw_facts *f = apr_pcalloc(r->pool, sizeof *f);
    const struct cgi_user *u = cgi_user_of(cgi_server_of(r->server));

    apr_cpystrn(f->script, cgi_as_shown(r, path), sizeof f->script);
    if (u) {
        apr_cpystrn(f->user, u->name, sizeof f->user);
        f->uid = u->uid;
    }
    return f;
}

/* --- what the daemon gets ------------------------------------------------ */

struct given {
    struct cgiw_request_fds fds;
    uint32_t env_count, env_bytes;
};

static void close_given(struct given *g)
{
    cgi_close(&g->fds.in);
    cgi_close(&g->fds.out);
    cgi_close(&g->fds.err);
    cgi_close(&g->fds.control);
    cgi_close(&g->fds.environment);
}

/* One block of "NAME=VALUE\0"; false when it is too large to be passed. */
static bool environment(request_rec *r, struct given *g, char **block)
{
    char *const *env =
        (char *const *)ap_create_environment(r->pool, r->subprocess_env);
    size_t bytes = 0;
    char *at;

    g->env_count = 0;
    for (char *const *e = env; *e; e++) {
        bytes += strlen(*e) + 1;
        g->env_count++;
    }
    g->env_bytes = (uint32_t)bytes;
    if (bytes > CGIW_ENV_MAX || g->env_count > CGIW_ENV_COUNT_MAX) {
        return false;
    }
    at = *block = apr_palloc(r->pool, bytes + 1);
    for (char *const *e = env; *e; e++) {
        size_t len = strlen(*e) + 1;

        memcpy(at, *e, len);
        at += len;
    }
    return true;
}

static int environment_fd(const char *block, size_t len)
{
    int fd = memfd_create("environment", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd >= 0
        && (write(fd, block, len) != (ssize_t)len
            || fcntl(fd, F_ADD_SEALS, CGIW_ENV_SEALS))) {
        cgi_close(&fd);
    }
    return fd;
}

/* ours: reads, or writes when the script shall read. */
static bool make_pipe(int *ours, int *theirs, bool script_reads)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC)) {
        return false;
    }
    *ours = ends[script_reads];
    *theirs = ends[!script_reads];
    return true;
}

static bool make_fds(struct cgi_run *run, struct given *g, const char *block,
                     bool with_body)
{
    int pair[2];

    if (!make_pipe(&run->out, &g->fds.out, false)
        || !make_pipe(&run->err, &g->fds.err, false)
        || (with_body
            && (!make_pipe(&run->in, &g->fds.in, true)
                || fcntl(run->in, F_SETFL, O_NONBLOCK)))
        || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) {
        return false;
    }
    run->control = pair[0];
    g->fds.control = pair[1];
    g->fds.environment = environment_fd(block, g->env_bytes);
    return g->fds.environment >= 0;
}

/* NULL, or why it could not be sent. */
static const char *send_request(struct cgi_run *run, const struct given *g)
{
    int sock = cgi_daemon_socket();
    uint32_t site = (uint32_t)cgi_server_of(run->r->server)->site;
    apr_time_t end = apr_time_now() + apr_time_from_msec(SEND_WAIT_MS);

    for (;;) {
        int rc =
            cgiw_request_send(sock, site, run->path, run->command, g->env_count,
                              g->env_bytes, &g->fds, MSG_DONTWAIT);
        struct pollfd full = {.fd = sock, .events = POLLOUT};
        apr_time_t left = end - apr_time_now();

        if (rc == 0) {
            return NULL;
        }
        if (rc == -ETOOMANYREFS) {
            /* Descriptors on their way to the daemon, of all workers. */
            full.fd = -1;
            left = left > 20000 ? 20000 : left;
        }
        else if (rc != -EAGAIN && rc != -EINTR) {
            return apr_psprintf(run->r->pool, "sendmsg: %s", strerror(-rc));
        }
        if (apr_time_now() >= end) {
            return "its queue has been full for 10 s";
        }
        (void)poll(&full, 1, (int)apr_time_as_msec(left) + 1);
    }
}

int cgi_run_start(struct cgi_run *run, bool with_body)
{
    struct given g = {{-1, -1, -1, -1, -1}, 0, 0};
    const char *why;
    char *block;

    run->in = run->out = run->err = run->control = -1;
    run->facts = cgi_facts(run->r, run->path);
    if (!environment(run->r, &g, &block)) {
        run->facts->limit = CGIW_ENV_MAX;
        run->facts->used = g.env_bytes;
        return cgi_answer_code(run, CGIW_E25, NULL);
    }
    apr_pool_cleanup_register(run->r->pool, run, close_with_pool,
                              apr_pool_cleanup_null);
    why =
        make_fds(run, &g, block, with_body)
            ? send_request(run, &g)
            : apr_psprintf(run->r->pool, "no descriptors: %s", strerror(errno));
    close_given(&g);
    if (why) {
        cgi_run_close(run);
        return cgi_answer_away(run, why);
    }
    return OK;
}

/* --- what the daemon says ------------------------------------------------ */

bool cgi_run_reply(struct cgi_run *run)
{
    char datagram[CGIW_REPLY_MAX];
    struct cgiw_reply reply;
    const char *text;
    ssize_t n;

    do {
        n = recv(run->control, datagram, sizeof datagram, MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN) {
        return false;
    }
    if (n <= 0 || cgiw_reply_parse(datagram, (size_t)n, &reply, &text)) {
        run->lost = "it ended while the script ran";
        cgi_close(&run->control);
        return false;
    }
    switch (reply.kind) {
    case CGIW_STARTED:
        run->started = true;
        return true;
    case CGIW_WARNED:
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, run->r, "%.*s",
                      (int)reply.text_len, text);
        return true;
    default:
        run->refused = reply.kind == CGIW_REFUSED;
        run->ended = true;
        run->end = reply;
        run->end_text = apr_pstrmemdup(run->r->pool, text, reply.text_len);
        return true;
    }
}

/* --- stderr -------------------------------------------------------------- */

/* Whether Perl's missing file lies beside the script: by a look that no link
 * and no ".." leads out of the host's root, since the name is the script's own
 * word. */
static bool lies_beside(request_rec *r, const char *script, const char *name)
{
    struct open_how how = {.flags = O_PATH | O_CLOEXEC,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
    const char *root = cgi_root_of(r->server);
    size_t len = strlen(root);
    const char *slash = ap_strrchr_c(script, '/');
    int dir, fd;

    if (strncmp(script, root, len) != 0 || script[len] != '/') {
        return false;
    }
    dir = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0) {
        return false;
    }
    script += len + 1;
    name = apr_pstrcat(
        r->pool,
        slash < script ? ""
                       : apr_pstrmemdup(r->pool, script, slash - script + 1),
        name, NULL);
    fd = (int)syscall(SYS_openat2, dir, name, &how, sizeof how);
    cgi_close(&dir);
    if (fd < 0) {
        return false;
    }
    cgi_close(&fd);
    return true;
}

static void look_for_missing(struct cgi_run *run, const char *line)
{
    char name[sizeof run->facts->what];

    if (run->missing_looked_at || run->command
        || !cgiw_perl_missing(line, name, sizeof name)) {
        return;
    }
    run->missing_looked_at = true;
    if (lies_beside(run->r, run->path, name)) {
        run->facts->detail = CGIW_NO_INC;
        apr_cpystrn(run->facts->what, name, sizeof run->facts->what);
    }
}

static void end_line(struct cgi_run *run)
{
    size_t len = run->line_len;

    if (len > 0 && run->line[len - 1] == '\r') {
        len--;
    }
    run->line[len] = '\0';
    run->line_len = 0;
    if (len == 0) {
        return;
    }
    look_for_missing(run, run->line);
    apr_cpystrn(run->facts->last_line, run->line, sizeof run->facts->last_line);
    if (run->lines_logged >= CGI_STDERR_LINES
        || run->bytes_logged >= CGI_STDERR_BYTES) {
        run->bytes_dropped += len + 1;
        return;
    }
    run->lines_logged++;
    run->bytes_logged += len;
    ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, run->r, "%s: %s",
                  run->facts->script, run->line);
}

static void end_stderr(struct cgi_run *run)
{
    end_line(run);
    if (run->bytes_dropped > 0) {
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, run->r,
                      "OMK0406: cgi_wrapper: %s: %" APR_UINT64_T_FMT
                      " more bytes of its standard error are not logged",
                      run->facts->script, run->bytes_dropped);
        run->bytes_dropped = 0;
    }
}

void cgi_run_stderr(struct cgi_run *run, const char *s, size_t len)
{
    if (len == 0) {
        end_stderr(run);
        return;
    }
    while (len > 0) {
        const char *newline = memchr(s, '\n', len);
        size_t take = newline ? (size_t)(newline - s) : len;
        size_t room = sizeof run->line - 1 - run->line_len;
        size_t kept = take < room ? take : room;

        memcpy(run->line + run->line_len, s, kept);
        run->line_len += kept;
        run->bytes_dropped += take - kept;
        if (newline) {
            end_line(run);
            take++;
        }
        s += take;
        len -= take;
    }
}
