/* mod_cgi_wrapper: a customer's scripts, run by the daemon cgi-wrapper as the
 * customer.
 *
 *   CGIWrapper on                          (in the virtual host)
 *   CGIWrapperUser ab-cdftp
 *   <FilesMatch "\.(cgi|pl)$">
 *       SetHandler omakase-cgi
 *   </FilesMatch>
 *
 * httpd's parent starts the daemon and tells it which hosts there are, whose
 * they are and what holds for them. A worker sends it a host's number and a
 * file name, never a user; the daemon looks at the file with the customer's own
 * rights, and runs it. So what decides user, limits or environment stands in a
 * server or virtual host: no .htaccess, no <Directory>. */
#include "mod_cgi_wrapper.h"

#include "http_core.h"
#include "http_log.h"
#include "http_protocol.h"
#include "http_request.h"
#include "util_script.h"
#include "apr_strings.h"

APLOG_USE_MODULE(cgi_wrapper);

/* --- the handler --------------------------------------------------------- */

static bool is_ours(request_rec *r)
{
    const struct cgi_server *c = cgi_server_of(r->server);

    if (strcmp(r->handler, CGI_HANDLER) == 0) {
        return true;
    }
    return c->on[CGI_ENABLED] == 1
           && (strcmp(r->handler, "cgi-script") == 0
               || strcmp(r->handler, CGI_MAGIC_TYPE) == 0);
}

static int refuse(request_rec *r, int status, const char *what)
{
    ap_log_rerror(
        APLOG_MARK, status == HTTP_NOT_FOUND ? APLOG_INFO : APLOG_WARNING, 0, r,
        "OMK0403: cgi_wrapper: %s: %s", cgi_as_shown(r, r->filename), what);
    return status;
}

/* ScriptAlias says by itself that there are scripts. */
static bool may_execute(request_rec *r)
{
    const char *type = apr_table_get(r->notes, "alias-forced-type");

    return (ap_allow_options(r) & OPT_EXECCGI)
           || (type && strcasecmp(type, "cgi-script") == 0);
}

static bool is_nph(const char *path)
{
    const char *slash = ap_strrchr_c(path, '/');

    return strncmp(slash ? slash + 1 : path, "nph-", 4) == 0;
}

/* OK: it may be handed to the daemon. */
static int look(request_rec *r)
{
    const struct cgi_server *c = cgi_server_of(r->server);

    if (r->finfo.filetype == APR_NOFILE) {
        return refuse(r, HTTP_NOT_FOUND, "no such script");
    }
    if (r->used_path_info == AP_REQ_REJECT_PATH_INFO && r->path_info
        && *r->path_info) {
        return refuse(r, HTTP_NOT_FOUND,
                      "AcceptPathInfo off disallows what follows");
    }
    if (c->on[CGI_ENABLED] != 1 || c->site < 0) {
        /* Not DECLINED: the source would be sent. */
        return refuse(r, HTTP_FORBIDDEN,
                      "this host has no CGIWrapper, or no CGIWrapperUser");
    }
    if (r->finfo.filetype == APR_DIR) {
        return refuse(r, HTTP_FORBIDDEN, "is a directory");
    }
    if (is_nph(r->filename) && r->main) {
        return refuse(r, HTTP_FORBIDDEN, "nph- scripts cannot be included");
    }
    return OK;
}

static int run_script(request_rec *r)
{
    struct cgi_run *run = apr_pcalloc(r->pool, sizeof *run);
    bool body = ap_request_has_body(r) && (!r->main || r->kept_body);
    int rc;

    run->r = r;
    run->path = r->filename;
    if (!may_execute(r)) {
        run->facts = cgi_facts(r, run->path);
        return cgi_answer_code(run, CGIW_E24, NULL);
    }
    ap_add_common_vars(r);
    ap_add_cgi_vars(r);
    rc = cgi_run_start(run, body);
    if (run->control < 0) {
        return rc;
    }
    return cgi_io(run, is_nph(r->filename) ? CGI_NPH : CGI_PARSED, NULL);
}

static int handler(request_rec *r)
{
    int rc;

    if (!is_ours(r)) {
        return DECLINED;
    }
    rc = look(r);
    return rc == OK ? run_script(r) : rc;
}

/* --- tables -------------------------------------------------------------- */

static const command_rec commands[] = {
    AP_INIT_FLAG("CGIWrapper", cgi_set_switch, (void *)(intptr_t)CGI_ENABLED,
                 RSRC_CONF, "on: scripts of this host run by the wrapper"),
    AP_INIT_TAKE12("CGIWrapperUser", cgi_set_user, NULL, RSRC_CONF,
                   "whom scripts of this host run as: user, and group if it is "
                   "not the user's own"),
    AP_INIT_TAKE2("SuexecUserGroup", cgi_set_suexec, NULL, RSRC_CONF,
                  "mod_suexec's; taken where CGIWrapperUser is not set"),
    AP_INIT_TAKE1("CGIWrapperCustomer", cgi_set_login, NULL, RSRC_CONF,
                  "the customer's name in logs, if it is not the user's"),
    AP_INIT_TAKE12("CGIWrapperRoot", cgi_set_root, NULL, RSRC_CONF,
                   "directory that holds the scripts, and how its owner sees "
                   "it"),
    AP_INIT_ITERATE("CGIWrapperLimit", cgi_set_limit, NULL, RSRC_CONF,
                    "cpu=, memory=, processes=, wall=, concurrent=, output="),
    AP_INIT_ITERATE("CGIWrapperPassEnv", cgi_set_passenv, NULL, RSRC_CONF,
                    "variables that scripts get besides CGI's own"),
    AP_INIT_TAKE2("CGIWrapperSetEnv", cgi_set_env, NULL, RSRC_CONF,
                  "a variable of the operator's, and its value"),
    AP_INIT_TAKE2("CGIWrapperInterpreter", cgi_set_interpreter, NULL, RSRC_CONF,
                  "a program of #! lines, and the one that runs instead"),
    AP_INIT_TAKE_ARGV("CGIWrapperDiagnostics", cgi_set_diagnostics, NULL,
                      RSRC_CONF,
                      "off, or addresses that see what is wrong on the page"),
    AP_INIT_FLAG("CGIWrapperStrict", cgi_set_switch,
                 (void *)(intptr_t)CGI_STRICT, RSRC_CONF,
                 "on: what only warns is an error"),
    AP_INIT_FLAG("CGIWrapperSymlinks", cgi_set_switch,
                 (void *)(intptr_t)CGI_SYMLINKS, RSRC_CONF,
                 "off: no symbolic link on the way to a script"),
    AP_INIT_FLAG("CGIWrapperIsindex", cgi_set_switch,
                 (void *)(intptr_t)CGI_ISINDEX, RSRC_CONF,
                 "on: a query without '=' becomes arguments"),
    AP_INIT_FLAG("CGIWrapperPerlUnsafeInc", cgi_set_switch,
                 (void *)(intptr_t)CGI_UNSAFEINC, RSRC_CONF,
                 "on: PERL_USE_UNSAFE_INC=1"),
    AP_INIT_FLAG("CGIWrapperNoNewPrivs", cgi_set_switch,
                 (void *)(intptr_t)CGI_NNP, RSRC_CONF,
                 "on: set-id programs are not obeyed (sendmail is one)"),
    AP_INIT_FLAG("CGIWrapperConfine", cgi_set_switch,
                 (void *)(intptr_t)CGI_CONFINE, RSRC_CONF,
                 "on: landlock around the script"),
    AP_INIT_FLAG("CGIWrapperExecCmd", cgi_set_switch,
                 (void *)(intptr_t)CGI_EXECCMD, RSRC_CONF,
                 "on: <!--#exec cmd --> runs, as the customer"),
    AP_INIT_TAKE1("CGIWrapperProgram", cgi_set_global,
                  (void *)APR_OFFSETOF(struct cgi_global, program), RSRC_CONF,
                  "the daemon's file"),
    AP_INIT_TAKE1("CGIWrapperSocket", cgi_set_global,
                  (void *)APR_OFFSETOF(struct cgi_global, socket), RSRC_CONF,
                  "the operator's socket"),
    AP_INIT_TAKE1("CGIWrapperLog", cgi_set_global,
                  (void *)APR_OFFSETOF(struct cgi_global, log), RSRC_CONF,
                  "a line a run"),
    AP_INIT_TAKE1("CGIWrapperDenied", cgi_set_global,
                  (void *)APR_OFFSETOF(struct cgi_global, denied), RSRC_CONF,
                  "the list of scripts that the operator has disabled"),
    AP_INIT_TAKE1("CGIWrapperName", cgi_set_global,
                  (void *)APR_OFFSETOF(struct cgi_global, name), RSRC_CONF,
                  "the name of this server's cgroup"),
    {NULL}};

static void register_hooks(apr_pool_t *p)
{
    static const char *const cgi[] = {"mod_cgi.c", "mod_cgid.c", NULL};

    (void)p;
    ap_hook_check_config(cgi_check_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_post_config(cgi_daemon_start, NULL, NULL, APR_HOOK_LAST);
    ap_hook_child_init(cgi_daemon_child_init, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_optional_fn_retrieve(cgi_ssi_register, cgi, NULL, APR_HOOK_LAST);
    ap_hook_handler(handler, NULL, cgi, APR_HOOK_MIDDLE);
}

module AP_MODULE_DECLARE_DATA cgi_wrapper_module = {
    STANDARD20_MODULE_STUFF, NULL,     NULL,           cgi_create_server,
    cgi_merge_server,        commands, register_hooks, AP_MODULE_FLAG_NONE};
