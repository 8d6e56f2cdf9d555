/* mod_cgi_wrapper: <!--#exec cgi="" --> and <!--#exec cmd="" --> through the
 * wrapper; see the header. */
#include "mod_cgi_wrapper.h"

#include "http_core.h"
#include "http_log.h"
#include "http_protocol.h"
#include "http_request.h"
#include "mod_include.h"
#include "util_script.h"
#include "apr_optional.h"
#include "apr_strings.h"

APLOG_USE_MODULE(cgi_wrapper);

/* Set once when httpd has started up; there are no children yet. */
static APR_OPTIONAL_FN_TYPE(ap_ssi_get_tag_and_value) * tag_and_value;
static APR_OPTIONAL_FN_TYPE(ap_ssi_parse_string) * parse_string;

static void error_message(include_ctx_t *ctx, ap_filter_t *f,
                          apr_bucket_brigade *bb)
{
    SSI_CREATE_ERROR_BUCKET(ctx, f, bb);
}

static bool refuse(request_rec *r, const char *what)
{
    ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                  "OMK0407: cgi_wrapper: #exec in %s: %s",
                  cgi_as_shown(r, r->filename), what);
    return false;
}

/* --- cgi="" -------------------------------------------------------------- */

/* A redirection cannot be followed inside a page; it is shown. */
static void link_to(request_rec *rr, include_ctx_t *ctx, ap_filter_t *f,
                    apr_bucket_brigade *bb)
{
    const char *to = apr_table_get(rr->headers_out, "Location");
    char *html;

    if (!to) {
        return;
    }
    to = ap_escape_html(ctx->pool, to);
    html = apr_pstrcat(ctx->pool, "<a href=\"", to, "\">", to, "</a>", NULL);
    APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_pool_create(html, strlen(html),
                                                       ctx->pool,
                                                       f->c->bucket_alloc));
}

static bool exec_cgi(include_ctx_t *ctx, ap_filter_t *f, apr_bucket_brigade *bb,
                     const char *uri)
{
    request_rec *r = f->r, *rr = ap_sub_req_lookup_uri(uri, r, f->next);
    int status = rr->status;

    if (status != HTTP_OK || rr->finfo.filetype != APR_REG
        || (rr->path_info && *rr->path_info) || rr->args) {
        ap_destroy_sub_req(rr);
        return refuse(r, apr_psprintf(r->pool, "cgi=\"%s\" is no script", uri));
    }
    /* As ever, the script is told what the page was asked for with. */
    rr->path_info = r->path_info;
    rr->args = r->args;
    rr->handler = cgi_server_of(rr->server)->on[CGI_ENABLED] == 1
                      ? CGI_HANDLER
                      : CGI_MAGIC_TYPE; /* mod_cgi's */
    status = ap_run_sub_req(rr);
    if (ap_is_HTTP_REDIRECT(status)) {
        link_to(rr, ctx, f, bb);
        status = OK;
    }
    ap_destroy_sub_req(rr);
    return status == OK;
}

/* --- cmd="" -------------------------------------------------------------- */

/* What a command of a page has seen since NCSA's httpd. */
static void add_page_vars(request_rec *r)
{
    apr_table_t *e = r->subprocess_env;

    if (r->path_info && *r->path_info) {
        request_rec *at;

        apr_table_setn(e, "PATH_INFO",
                       ap_escape_shell_cmd(r->pool, r->path_info));
        at = ap_sub_req_lookup_uri(ap_escape_uri(r->pool, r->path_info), r,
                                   NULL);
        if (at->filename) {
            apr_table_setn(
                e, "PATH_TRANSLATED",
                apr_pstrcat(r->pool, at->filename, at->path_info, NULL));
        }
        ap_destroy_sub_req(at);
    }
    if (r->args) {
        char *args = apr_pstrdup(r->pool, r->args);

        apr_table_setn(e, "QUERY_STRING", r->args);
        (void)ap_unescape_url(args);
        apr_table_setn(e, "QUERY_STRING_UNESCAPED",
                       ap_escape_shell_cmd(r->pool, args));
    }
}

static bool run_command(ap_filter_t *f, const char *command)
{
    request_rec *r = f->r;
    struct cgi_run *run = apr_pcalloc(r->pool, sizeof *run);
    const char *slash = ap_strrchr_c(r->filename, '/');

    run->r = r;
    run->path = slash && slash > r->filename ? apr_pstrmemdup(
                    r->pool, r->filename, (apr_size_t)(slash - r->filename))
                                             : "/";
    run->command = command;
    return cgi_run_start(run, false) == OK
           && cgi_io(run, CGI_COMMAND, f->next) == OK;
}

static bool exec_cmd(include_ctx_t *ctx, ap_filter_t *f, apr_bucket_brigade *bb,
                     const char *command)
{
    request_rec *r = f->r;
    const struct cgi_server *c = cgi_server_of(r->server);

    (void)ctx;
    if (c->on[CGI_ENABLED] != 1 || c->site < 0) {
        return refuse(r, "cmd: this host has no CGIWrapper");
    }
    if (c->on[CGI_EXECCMD] != 1) {
        return refuse(r, "cmd: off; CGIWrapperExecCmd would allow it");
    }
    if (strlen(command) > CGIW_COMMAND_MAX) {
        return refuse(r, "cmd: too long");
    }
    add_page_vars(r);
    /* What stands before it in the page goes out before it. */
    if (!APR_BRIGADE_EMPTY(bb)) {
        apr_status_t rv = ap_pass_brigade(f->next, bb);

        apr_brigade_cleanup(bb);
        if (rv != APR_SUCCESS) {
            return false;
        }
    }
    return run_command(f, command);
}

/* --- the element --------------------------------------------------------- */

static bool execute(include_ctx_t *ctx, ap_filter_t *f, apr_bucket_brigade *bb,
                    const char *tag, const char *value)
{
    if (strcmp(tag, "cgi") == 0) {
        return exec_cgi(
            ctx, f, bb,
            parse_string(ctx, value, NULL, 0, SSI_EXPAND_DROP_NAME));
    }
    if (strcmp(tag, "cmd") == 0) {
        return exec_cmd(
            ctx, f, bb,
            parse_string(ctx, value, NULL, 0, SSI_EXPAND_LEAVE_NAME));
    }
    return refuse(f->r,
                  apr_psprintf(f->r->pool, "'%s' is neither cgi nor cmd", tag));
}

static apr_status_t handle_exec(include_ctx_t *ctx, ap_filter_t *f,
                                apr_bucket_brigade *bb)
{
    bool ok = true;

    if (!(ctx->flags & SSI_FLAG_PRINTING)) {
        return APR_SUCCESS;
    }
    if (ctx->flags & SSI_FLAG_NO_EXEC) {
        ok = refuse(f->r, "Options IncludesNOEXEC forbids it");
    }
    else if (!ctx->argc) {
        ok = refuse(f->r, "cgi=\"\" or cmd=\"\" is missing");
    }
    while (ok) {
        char *tag = NULL, *value = NULL;

        tag_and_value(ctx, &tag, &value, SSI_VALUE_DECODED);
        if (!tag || !value) {
            return APR_SUCCESS;
        }
        ok = execute(ctx, f, bb, tag, value);
    }
    error_message(ctx, f, bb);
    return APR_SUCCESS;
}

void cgi_ssi_register(void)
{
    APR_OPTIONAL_FN_TYPE(ap_register_include_handler) *add =
        APR_RETRIEVE_OPTIONAL_FN(ap_register_include_handler);

    tag_and_value = APR_RETRIEVE_OPTIONAL_FN(ap_ssi_get_tag_and_value);
    parse_string = APR_RETRIEVE_OPTIONAL_FN(ap_ssi_parse_string);
    /* Without a daemon nothing is to change: mod_cgi may have an exec. */
    if (cgi_daemon_socket() >= 0 && add && tag_and_value && parse_string) {
        static char exec[] = "exec"; /* it keeps the pointer */

        add(exec, handle_exec);
    }
}
