/* mod_cgi_wrapper: what its files share. The module hands scripts to the
 * daemon cgi-wrapper, which runs them as the customer, and carries bytes.
 *
 *   mod_cgi_wrapper.c         directives, hooks, the handler
 *   mod_cgi_wrapper_conf.c    their values
 *   mod_cgi_wrapper_daemon.c  the daemon's start and respawn, in httpd's parent
 *   mod_cgi_wrapper_run.c     one script: its descriptors and its request
 *   mod_cgi_wrapper_io.c      body, output, stderr, replies, visitor: one loop
 *   mod_cgi_wrapper_answer.c  what became of it: log lines, the answer's status
 *   mod_cgi_wrapper_ssi.c     <!--#exec -->
 *
 * Pools are the request's, but for configuration. */
#ifndef MOD_CGI_WRAPPER_H
#define MOD_CGI_WRAPPER_H

#include "httpd.h"
#include "http_config.h"
#include "apr_network_io.h"
#include "apr_tables.h"
#include "util_filter.h"

#include "cgi-wrapper/diagnose.h"
#include "cgi-wrapper/header.h"
#include "cgi-wrapper/wire.h"

#include <stdbool.h>
#include <stdint.h>

#define CGI_UNSET (-1)
#define CGI_HANDLER "omakase-cgi"

extern module AP_MODULE_DECLARE_DATA cgi_wrapper_module;

/* --- configuration ------------------------------------------------------- */

/* Whom scripts run as. */
struct cgi_user {
    const char *name, *home;
    uid_t uid;
    gid_t gid;
    const char *directive; /* the one that said it; NULL: none did */
};

enum cgi_switch {
    CGI_ENABLED,
    CGI_STRICT,
    CGI_SYMLINKS,
    CGI_ISINDEX,
    CGI_UNSAFEINC,
    CGI_NNP,
    CGI_CONFINE,
    CGI_EXECCMD,
    CGI_SWITCHES
};

enum cgi_limit {
    CGI_CPU,
    CGI_MEMORY,
    CGI_PROCESSES,
    CGI_WALL,
    CGI_CONCURRENT,
    CGI_OUTPUT,
    CGI_LIMITS
};

struct cgi_word {
    const char *from, *to; /* to: NULL for a variable's name */
};

/* Of a server or virtual host. */
struct cgi_server {
    struct cgi_user user, suexec;
    const char *login; /* as logs and the deny list name the customer */
    const char *root, *shown;
    int on[CGI_SWITCHES]; /* or CGI_UNSET */
    uint64_t limit[CGI_LIMITS];
    unsigned limits_set;                   /* bits by enum cgi_limit */
    const apr_array_header_t *diagnostics; /* apr_ipsubnet_t *; NULL: unset */
    apr_array_header_t *interpreters;      /* struct cgi_word; its own alone */
    apr_array_header_t *passenv;           /* the same */
    apr_array_header_t *setenv;            /* the same */
    int64_t
        site; /* the daemon's number for it, -1: none (set in post_config) */
};

/* Of the main server alone. */
struct cgi_global {
    const char *program, *socket, *log, *denied, *name;
};

struct cgi_server *cgi_server_of(server_rec *s);
struct cgi_global *cgi_global_of(void);

void *cgi_create_server(apr_pool_t *p, server_rec *s);
void *cgi_merge_server(apr_pool_t *p, void *outer, void *inner);

/* CGIWrapperUser's, else SuexecUserGroup's of the same or an outer level.
 * NULL: none. */
const struct cgi_user *cgi_user_of(const struct cgi_server *c);

/* Setters for the table of directives; cmd->info where one does for many. */
const char *cgi_set_user(cmd_parms *cmd, void *dummy, const char *user,
                         const char *group);
const char *cgi_set_suexec(cmd_parms *cmd, void *dummy, const char *user,
                           const char *group);
const char *cgi_set_login(cmd_parms *cmd, void *dummy, const char *login);
const char *cgi_set_root(cmd_parms *cmd, void *dummy, const char *dir,
                         const char *shown);
const char *cgi_set_switch(cmd_parms *cmd, void *dummy, int on);
const char *cgi_set_limit(cmd_parms *cmd, void *dummy, const char *arg);
const char *cgi_set_passenv(cmd_parms *cmd, void *dummy, const char *name);
const char *cgi_set_env(cmd_parms *cmd, void *dummy, const char *name,
                        const char *value);
const char *cgi_set_interpreter(cmd_parms *cmd, void *dummy, const char *from,
                                const char *to);
const char *cgi_set_diagnostics(cmd_parms *cmd, void *dummy, int argc,
                                char *const argv[]);
const char *cgi_set_global(cmd_parms *cmd, void *dummy, const char *arg);

/* The blob for the daemon (see sites.h), from p; every site's number is set.
 * *len is its size, 0 when there is no site. */
const char *cgi_write_config(apr_pool_t *pconf, apr_pool_t *p,
                             server_rec *main_server, size_t *len);

/* Says in the log what cannot be; !OK then. */
int cgi_check_config(apr_pool_t *p, apr_pool_t *plog, apr_pool_t *ptemp,
                     server_rec *main_server);

/* The root of a host's scripts, without a slash at its end; shown: as the
 * customer sees it, "" for "/". */
const char *cgi_root_of(server_rec *s);
const char *cgi_shown_of(server_rec *s);

/* A file name as its owner sees it. */
const char *cgi_as_shown(request_rec *r, const char *path);

/* --- the daemon ---------------------------------------------------------- */

int cgi_daemon_start(apr_pool_t *p, apr_pool_t *plog, apr_pool_t *ptemp,
                     server_rec *main_server);
void cgi_daemon_child_init(apr_pool_t *p, server_rec *s);

/* Where requests are sent to; -1: there is no daemon. */
int cgi_daemon_socket(void);

/* --- one script ---------------------------------------------------------- */

/* How much of a script's stderr goes to the log. */
#define CGI_STDERR_LINES 200
#define CGI_STDERR_BYTES 65536
#define CGI_STDERR_LINE 1024 /* bytes of a line */

struct cgi_run {
    request_rec *r;
    const char *path;    /* the script; of a command its directory */
    const char *command; /* NULL: a script */
    struct cgiw_facts *facts;

    /* -1 when closed */
    int in, out, err, control;

    /* what the daemon said */
    bool started, refused, ended;
    struct cgiw_reply end; /* of REFUSED and ENDED */
    const char *end_text;
    const char *lost; /* why there will be no last reply */

    /* stderr */
    char line[CGI_STDERR_LINE];
    size_t line_len;
    unsigned lines_logged;
    size_t bytes_logged;
    uint64_t bytes_dropped;
    bool missing_looked_at;
};

/* Makes the descriptors and sends the request. OK, or what cgi_answer_*()
 * has said; all descriptors are closed with r->pool at the latest. with_body:
 * stdin is a pipe. */
int cgi_run_start(struct cgi_run *run, bool with_body);

/* Closes what is open; ends the script and all of its processes if they still
 * run. */
void cgi_run_close(struct cgi_run *run);
void cgi_close(int *fd);

/* Takes one reply. False: there is none, or the daemon has gone (then control
 * is closed). */
bool cgi_run_reply(struct cgi_run *run);

/* Bytes of stderr, for the log. Length 0: it has ended. */
void cgi_run_stderr(struct cgi_run *run, const char *s, size_t len);

/* --- the loop ------------------------------------------------------------ */

enum cgi_kind {
    CGI_PARSED, /* header, then body */
    CGI_NPH,    /* straight to the visitor */
    CGI_COMMAND /* <!--#exec cmd -->: a body into filters */
};

/* Carries everything until the script has ended, and answers the request.
 * Returns what a handler returns. filters: of CGI_COMMAND, where to. */
int cgi_io(struct cgi_run *run, enum cgi_kind kind, ap_filter_t *filters);

/* --- what became of it --------------------------------------------------- */

/* Logs the code's line, made of run->facts or ready as text, and makes the
 * answer: an HTTP status, or OK when the page for CGIWrapperDiagnostics has
 * been sent. */
int cgi_answer_code(struct cgi_run *run, enum cgiw_code code, const char *text);

/* The wrapper is away: E22 for the owner, why for the operator. */
int cgi_answer_away(struct cgi_run *run, const char *why);

/* Of a last reply with a code, REFUSED or ENDED. */
int cgi_answer_ended(struct cgi_run *run);

/* What of E11 to E17 it was that no whole header came. */
int cgi_answer_no_header(struct cgi_run *run, const struct cgiw_header *header,
                         const char *head, size_t head_len);

/* Logs why an answer had to be cut short (E21, or a signal). */
void cgi_log_cut(struct cgi_run *run, uint64_t output_bytes);

/* Facts of a script for those who have no run: zeroed but for names. */
struct cgiw_facts *cgi_facts(request_rec *r, const char *path);

/* --- SSI ----------------------------------------------------------------- */

/* Takes <!--#exec --> over where this httpd has a daemon. */
void cgi_ssi_register(void);

#endif
