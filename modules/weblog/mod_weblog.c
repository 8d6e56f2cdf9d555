/* mod_weblog: access and error log of many virtual hosts by one pipe.
 *
 *   WeblogProgram "/usr/lib/omakase/omakase-weblog --srv ..."  (once)
 *   WeblogSite ab-cdftp                              (in the virtual host)
 *   CustomLog weblog: combined
 *   ErrorLog /dev/null
 *
 * httpd has one process a CustomLog "|...", so mod_log_config's writer is taken
 * over for the name `weblog:`. Error lines come by the error_log hook: httpd
 * 2.4 writes those of a virtual host into its ErrorLog in up to 8,192 bytes,
 * which a pipe that several children write to does not keep together. A line
 * of ours is one write(2) of at most PIPE_BUF bytes, shortened in its middle
 * where it would be longer. */
#include "httpd.h"
#include "http_config.h"
#include "http_core.h"
#include "http_log.h"
#include "mod_log_config.h"
#include "apr_file_io.h"
#include "apr_lib.h"
#include "apr_optional.h"
#include "apr_portable.h"
#include "apr_strings.h"
#include "apr_thread_proc.h"
#include "util_time.h"

#include "line.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <unistd.h>

#define NAME "weblog:"

extern module AP_MODULE_DECLARE_DATA weblog_module;
APLOG_USE_MODULE(weblog);

/* Of all servers together; the main server's config has it. */
struct pipe_conf {
    const char *program;
    piped_log *log;
    int fd; /* -1 until it is opened */
};

/* It is a writer's handle as well. mod_log_config gives us the handles of
 * others' writers, too: apr_file_t and the like, none of which begins with our
 * mark. And with BufferedLogs it takes every handle for a buffer of its own
 * that it writes at the end of a child, if the second member is not 0. */
struct server_conf {
    const void *mark;
    apr_size_t nothing; /* 0 */
    struct pipe_conf *pipe;
    const char *login; /* NULL: no site */
};

static const char mark;

/* What mod_log_config had before us: for all names but `weblog:`. Set anew with
 * each configuration, before there are threads. */
static ap_log_writer_init *other_init;
static ap_log_writer *other_writer;

static struct server_conf *conf_of(const server_rec *s)
{
    return ap_get_module_config(s->module_config, &weblog_module);
}

/* --- configuration ------------------------------------------------------- */

static void *create_server_conf(apr_pool_t *p, server_rec *s)
{
    struct server_conf *conf = apr_pcalloc(p, sizeof *conf);

    (void)s;
    conf->mark = &mark;
    conf->pipe = apr_pcalloc(p, sizeof *conf->pipe);
    conf->pipe->fd = -1;
    return conf;
}

/* A site is its own virtual host's alone: the pipe is all servers'. */
static void *merge_server_conf(apr_pool_t *p, void *outer, void *inner)
{
    const struct server_conf *base = outer, *host = inner;
    struct server_conf *conf = apr_pcalloc(p, sizeof *conf);

    conf->mark = &mark;
    conf->pipe = base->pipe;
    conf->login = host->login;
    return conf;
}

static const char *set_program(cmd_parms *cmd, void *dummy, const char *arg)
{
    const char *wrong = ap_check_cmd_context(cmd, GLOBAL_ONLY);

    (void)dummy;
    if (wrong) {
        return wrong;
    }
    if (*arg != '/') {
        return apr_psprintf(cmd->pool,
                            "WeblogProgram %s: expected a program by its "
                            "absolute path, and its arguments, in quotes",
                            arg);
    }
    conf_of(cmd->server)->pipe->program = arg;
    return NULL;
}

static const char *set_site(cmd_parms *cmd, void *dummy, const char *arg)
{
    const char *wrong = ap_check_cmd_context(cmd, NOT_IN_DIR_LOC_FILE);
    const char *slash = strrchr(arg, '/');
    const char *login = slash ? slash + 1 : arg;

    (void)dummy;
    if (wrong) {
        return wrong;
    }
    if (!weblog_is_login(login, strlen(login))) {
        return apr_psprintf(cmd->pool,
                            "WeblogSite %s: '%s' is no login; expected a "
                            "customer's login or tree",
                            arg, login);
    }
    conf_of(cmd->server)->login = login;
    return NULL;
}

/* --- writing ------------------------------------------------------------- */

static apr_status_t write_line(int fd, const char *line, size_t len)
{
    ssize_t n;

    /* Whole or not at all: it is no longer than PIPE_BUF. */
    do {
        n = write(fd, line, len);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? APR_FROM_OS_ERROR(errno) : APR_SUCCESS;
}

static apr_status_t write_access(request_rec *r, const struct server_conf *conf,
                                 const char **parts, const int *lengths,
                                 int count)
{
    char line[WEBLOG_LINE_MAX];
    size_t *sizes = apr_palloc(r->pool, (apr_size_t)count * sizeof *sizes);

    for (int i = 0; i < count; i++) {
        sizes[i] = (size_t)lengths[i];
    }
    return write_line(conf->pipe->fd, line,
                      weblog_line_make(line, conf->login, WEBLOG_ACCESS, parts,
                                       sizes, (size_t)count));
}

static apr_status_t writer(request_rec *r, void *handle, const char **parts,
                           int *lengths, int count, apr_size_t len)
{
    const struct server_conf *conf = handle;

    return conf->mark == &mark
               ? write_access(r, conf, parts, lengths, count)
               : other_writer(r, handle, parts, lengths, count, len);
}

static void *writer_init(apr_pool_t *p, server_rec *s, const char *name)
{
    struct server_conf *conf = conf_of(s);

    if (strcmp(name, NAME) != 0) {
        return other_init(p, s, name);
    }
    if (!conf->login || conf->pipe->fd < 0) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s,
                     "OMK0510: CustomLog " NAME " of %s (%s:%u): expected %s",
                     s->server_hostname ? s->server_hostname : "a server",
                     s->defn_name ? s->defn_name : "-", s->defn_line_number,
                     conf->login ? "WeblogProgram in the server's "
                                   "configuration"
                                 : "WeblogSite in the same virtual host");
        return NULL;
    }
    return conf;
}

/* --- the error log ------------------------------------------------------- */

static const char *const levels[] = {"emerg",  "alert",  "crit",   "error",
                                     "warn",   "notice", "info",   "debug",
                                     "trace1", "trace2", "trace3", "trace4",
                                     "trace5", "trace6", "trace7", "trace8"};
#define LEVELS ((int)(sizeof levels / sizeof *levels))

/* And where it was said, at a level that is for debugging. */
static size_t put_process(char *out, size_t size, const ap_errorlog_info *info)
{
    size_t len = (size_t)apr_snprintf(
        out, size, "[pid %" APR_PID_T_FMT ":tid %" APR_PID_T_FMT "] ", getpid(),
        gettid());

    if (info->file && info->level >= APLOG_DEBUG) {
        len += (size_t)apr_snprintf(
            out + len, size - len,
            "%s(%d): ", apr_filepath_name_get(info->file), info->line);
    }
    return len;
}

/* As httpd has it without an ErrorLogFormat. */
static size_t put_head(char *out, size_t size, const ap_errorlog_info *info)
{
    char when[48];
    int len = sizeof when;
    const char *module = info->module_index < 0
                             ? NULL
                             : ap_find_module_short_name(info->module_index);

    if (ap_recent_ctime_ex(when, apr_time_now(), AP_CTIME_OPTION_USEC, &len)
        != APR_SUCCESS) {
        when[0] = '\0';
    }
    return (size_t)apr_snprintf(
        out, size, "[%s] [%s:%s] ", when, module ? module : "-",
        info->level >= 0 && info->level < LEVELS ? levels[info->level] : "-");
}

static size_t put_status(char *out, size_t size, const ap_errorlog_info *info)
{
    char text[120];

    if (!info->status) {
        return 0;
    }
    return (size_t)apr_snprintf(
        out, size,
        info->status < APR_OS_START_EAIERR ? "(%d)%s: " : "(EAI %d)%s: ",
        info->status < APR_OS_START_EAIERR ? info->status
                                           : info->status - APR_OS_START_EAIERR,
        apr_strerror(info->status, text, sizeof text));
}

static size_t put_client(char *out, size_t size, const ap_errorlog_info *info)
{
    const conn_rec *c = info->r ? info->r->connection : info->c;
    const char *ip = info->r ? info->r->useragent_ip : c ? c->client_ip : NULL;
    const apr_sockaddr_t *a = info->r ? info->r->useragent_addr
                              : c     ? c->client_addr
                                      : NULL;

    if (!c) {
        return 0;
    }
    /* With a scoreboard handle it is a visitor, else a backend. */
    return (size_t)apr_snprintf(out, size, "[%s %s:%d] ",
                                c->sbh ? "client" : "remote", ip ? ip : "-",
                                a ? a->port : 0);
}

static size_t put_referer(char *out, size_t size, const ap_errorlog_info *info)
{
    static const char before[] = ", referer: ";
    const char *referer =
        info->r ? apr_table_get(info->r->headers_in, "Referer") : NULL;

    if (!referer) {
        return 0;
    }
    memcpy(out, before, sizeof before - 1);
    return sizeof before - 1
           + ap_escape_errorlog_item(out + sizeof before - 1, referer,
                                     size - (sizeof before - 1));
}

/* Whatever happens here is not logged: that would call it again. */
static void error_log(const ap_errorlog_info *info, const char *text)
{
    char line[WEBLOG_LINE_MAX], head[512], referer[2048];
    const struct server_conf *conf;
    size_t lengths[3], len;
    const char *parts[3] = {head, text, referer};

    /* mod_cgid's server_rec has no config. */
    if (!info->s || !info->s->module_config) {
        return;
    }
    conf = conf_of(info->s);
    if (!conf || !conf->login || conf->pipe->fd < 0) {
        return;
    }
    len = put_head(head, sizeof head, info);
    len += put_process(head + len, sizeof head - len, info);
    len += put_status(head + len, sizeof head - len, info);
    len += put_client(head + len, sizeof head - len, info);
    lengths[0] = len;
    lengths[1] = strlen(text);
    lengths[2] = put_referer(referer, sizeof referer, info);
    (void)write_line(
        conf->pipe->fd, line,
        weblog_line_make(line, conf->login, WEBLOG_ERROR, parts, lengths, 3));
}

/* --- start --------------------------------------------------------------- */

static bool has_site(const server_rec *s)
{
    for (; s; s = s->next) {
        if (conf_of(s)->login) {
            return true;
        }
    }
    return false;
}

/* A program that cannot start would be started again and again, with httpd's
 * children waiting at a full pipe: seen now, it is an error of the start. What
 * it says goes where httpd's own messages go. */
static bool passes_check(const struct pipe_conf *pipe, apr_pool_t *ptemp)
{
    const char *command = apr_pstrcat(ptemp, pipe->program, " --check", NULL);
    apr_procattr_t *attr;
    apr_exit_why_e why;
    apr_proc_t proc;
    char **argv;
    int code = 1;

    return apr_tokenize_to_argv(command, &argv, ptemp) == APR_SUCCESS
           && apr_procattr_create(&attr, ptemp) == APR_SUCCESS
           && apr_procattr_cmdtype_set(attr, APR_PROGRAM_ENV) == APR_SUCCESS
           && apr_procattr_error_check_set(attr, 1) == APR_SUCCESS
           && apr_proc_create(&proc, argv[0], (const char *const *)argv, NULL,
                              attr, ptemp)
                  == APR_SUCCESS
           && apr_proc_wait(&proc, &code, &why, APR_WAIT) == APR_CHILD_DONE
           && why == APR_PROC_EXIT && code == 0;
}

/* httpd ends its loggers by SIGTERM, at a graceful restart too, and its old
 * children still write then. A program that has only just been started would
 * die of it before it can ignore it, with their lines in the pipe: it gets the
 * signal blocked, as a mask goes through exec(2). */
static piped_log *start_program(const struct pipe_conf *pipe, apr_pool_t *plog)
{
    sigset_t term, before;
    piped_log *log;

    (void)sigemptyset(&term);
    (void)sigaddset(&term, SIGTERM);
    (void)pthread_sigmask(SIG_BLOCK, &term, &before);
    log = ap_open_piped_log_ex(plog, pipe->program, APR_PROGRAM_ENV);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return log;
}

static int open_pipe(struct pipe_conf *pipe, apr_pool_t *plog,
                     apr_pool_t *ptemp, server_rec *s)
{
    apr_os_file_t fd = -1;

    if (!passes_check(pipe, ptemp)) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s,
                     "OMK0508: WeblogProgram %s cannot be started; it has said "
                     "why",
                     pipe->program);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    pipe->log = start_program(pipe, plog);
    if (!pipe->log
        || apr_os_file_get(&fd, ap_piped_log_write_fd(pipe->log))
               != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s,
                     "OMK0508: WeblogProgram %s cannot be started: no pipe",
                     pipe->program);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    /* Not for CGI and others that are started without APR. */
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    pipe->fd = fd;
    return OK;
}

/* After httpd has opened its own log, where the program's messages go, and
 * before mod_log_config asks for its writers. */
static int open_logs(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp,
                     server_rec *s)
{
    APR_OPTIONAL_FN_TYPE(ap_log_set_writer_init) *set_init =
        APR_RETRIEVE_OPTIONAL_FN(ap_log_set_writer_init);
    APR_OPTIONAL_FN_TYPE(ap_log_set_writer) *set_writer =
        APR_RETRIEVE_OPTIONAL_FN(ap_log_set_writer);
    struct pipe_conf *pipe = conf_of(s)->pipe;

    (void)pconf;
    if (!has_site(s)) {
        return OK;
    }
    if (!pipe->program) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s,
                     "OMK0509: there is a WeblogSite, and no WeblogProgram in "
                     "the server's configuration");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    if (set_init && set_writer) {
        other_init = set_init(writer_init);
        other_writer = set_writer(writer);
    }
    return open_pipe(pipe, plog, ptemp, s);
}

static const command_rec commands[] = {
    AP_INIT_TAKE1("WeblogProgram", set_program, NULL, RSRC_CONF,
                  "the program that the lines are piped to, and its arguments"),
    AP_INIT_TAKE1("WeblogSite", set_site, NULL, RSRC_CONF,
                  "the customer whose virtual host this is: login, or tree"),
    {NULL},
};

static void register_hooks(apr_pool_t *p)
{
    static const char *const after_us[] = {"mod_log_config.c", NULL};

    (void)p;
    ap_hook_open_logs(open_logs, NULL, after_us, APR_HOOK_MIDDLE);
    ap_hook_error_log(error_log, NULL, NULL, APR_HOOK_MIDDLE);
}

module AP_MODULE_DECLARE_DATA weblog_module = {
    STANDARD20_MODULE_STUFF,
    NULL,
    NULL,
    create_server_conf,
    merge_server_conf,
    commands,
    register_hooks,
    AP_MODULE_FLAG_NONE,
};
