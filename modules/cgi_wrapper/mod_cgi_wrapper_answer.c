/* mod_cgi_wrapper: what became of a script, for its owner, the visitor and the
 * operator; see the header. */
#include "mod_cgi_wrapper.h"

#include "http_core.h"
#include "http_log.h"
#include "http_protocol.h"
#include "http_request.h"
#include "apr_strings.h"

#include <sys/wait.h>

APLOG_USE_MODULE(cgi_wrapper);

#define RETRY_AFTER_S 5

/* --- the page for those who mend it -------------------------------------- */

static bool may_see(request_rec *r)
{
    const apr_array_header_t *list = cgi_server_of(r->server)->diagnostics;

    for (int i = 0; list && i < list->nelts; i++) {
        if (apr_ipsubnet_test(APR_ARRAY_IDX(list, i, apr_ipsubnet_t *),
                              r->useragent_addr)) {
            return true;
        }
    }
    return false;
}

static void page(request_rec *r, enum cgiw_code code, const char *text)
{
    const char *ja = cgiw_code_ja(code), *en = cgiw_code_en(code);

    ap_set_content_type(r, "text/html; charset=utf-8");
    apr_table_setn(r->headers_out, "Cache-Control", "no-store");
    if (r->header_only) {
        return;
    }
    ap_rvputs(
        r,
        "<!DOCTYPE html>\n<html lang=\"ja\">\n<head>\n"
        "<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width\">\n"
        "<title>CGI ",
        apr_psprintf(r->pool, "E%02d", (int)code),
        "</title>\n<style>body{max-width:46em;margin:2em auto;padding:0 1em;"
        "font:1em/1.6 sans-serif}pre{white-space:pre-wrap;overflow-wrap:"
        "anywhere;padding:.8em;background:#eee;color:#111}</style>\n"
        "</head>\n<body>\n<h1>CGI ",
        apr_psprintf(r->pool, "E%02d", (int)code), "</h1>\n<p>",
        ap_escape_html(r->pool, ja ? ja : ""), "</p>\n<p lang=\"en\">",
        ap_escape_html(r->pool, en ? en : ""), "</p>\n<pre lang=\"en\">",
        ap_escape_html(r->pool, text), "</pre>\n</body>\n</html>\n", NULL);
}

/* --- statuses ------------------------------------------------------------ */

/* A page of SSI gets mod_include's message, by the status alone. */
static int answer(struct cgi_run *run, enum cgiw_code code, const char *text)
{
    request_rec *r = run->r;
    int status = cgiw_status(code);

    if (status == HTTP_SERVICE_UNAVAILABLE) {
        unsigned s =
            run->end.retry_after_s ? run->end.retry_after_s : RETRY_AFTER_S;

        apr_table_setn(r->err_headers_out, "Retry-After",
                       apr_psprintf(r->pool, "%u", s));
    }
    if (r->main || run->command || r->status != HTTP_OK || !may_see(r)) {
        return status;
    }
    r->status = status;
    page(r, code, text);
    return OK;
}

int cgi_answer_code(struct cgi_run *run, enum cgiw_code code, const char *text)
{
    char line[CGIW_EXPLAIN_MAX];

    if (!text || !*text) {
        (void)cgiw_explain(code, run->facts, line, sizeof line);
        text = line;
    }
    ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, run->r, "%s", text);
    return answer(run, code, text);
}

static void log_away(struct cgi_run *run, const char *why)
{
    ap_log_error(APLOG_MARK, APLOG_ERR, 0, run->r->server,
                 "OMK0404: cgi_wrapper: %s: no answer of the daemon's: %s",
                 run->facts->script, why);
}

int cgi_answer_away(struct cgi_run *run, const char *why)
{
    log_away(run, why);
    return cgi_answer_code(run, CGIW_E22, NULL);
}

/* --- of a script that ran ------------------------------------------------ */

/* How each limit is told. */
static const struct by_limit {
    enum cgiw_code code;
    enum cgiw_detail detail; /* of E21 */
    enum cgi_limit limit;
} by_limit[] = {{CGIW_E14, CGIW_TIME, CGI_WALL},
                {CGIW_E15, CGIW_CPU, CGI_CPU},
                {CGIW_E16, CGIW_MEMORY, CGI_MEMORY},
                {CGIW_E17, CGIW_PROCESSES, CGI_PROCESSES}};

static uint64_t used(const struct cgiw_reply *end, enum cgi_limit limit)
{
    switch (limit) {
    case CGI_WALL:
        return end->wall_ms / 1000;
    case CGI_CPU:
        return end->cpu_ms / 1000;
    case CGI_MEMORY:
        return end->memory_bytes;
    default:
        return end->detail[1];
    }
}

static const struct by_limit *limit_of(unsigned code)
{
    for (size_t i = 0; i < sizeof by_limit / sizeof *by_limit; i++) {
        if (code == (unsigned)by_limit[i].code) {
            return by_limit + i;
        }
    }
    return NULL;
}

static void take_use(struct cgi_run *run)
{
    const struct by_limit *by = limit_of(run->end.code);

    run->facts->wait_status = run->end.wait_status;
    run->facts->wall_ms = run->end.wall_ms;
    run->facts->cpu_ms = run->end.cpu_ms;
    run->facts->memory_bytes = run->end.memory_bytes;
    if (by) {
        run->facts->detail = CGIW_PLAIN;
        run->facts->limit = cgi_server_of(run->r->server)->limit[by->limit];
        run->facts->used = used(&run->end, by->limit);
    }
}

int cgi_answer_ended(struct cgi_run *run)
{
    take_use(run);
    return cgi_answer_code(run, run->end.code, run->end_text);
}

int cgi_answer_no_header(struct cgi_run *run, const struct cgiw_header *header,
                         const char *head, size_t head_len)
{
    enum cgiw_code code;

    if (!run->ended && header->state != CGIW_HEADER_BAD) {
        return cgi_answer_away(run, run->lost);
    }
    if (run->ended && run->end.code) {
        return cgi_answer_ended(run);
    }
    take_use(run);
    code = cgiw_header_fault(header, head, head_len, run->facts);
    return cgi_answer_code(run, code, NULL);
}

static void log_e21(struct cgi_run *run)
{
    char line[CGIW_EXPLAIN_MAX];

    (void)cgiw_explain(CGIW_E21, run->facts, line, sizeof line);
    ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, run->r, "%s", line);
}

void cgi_log_cut(struct cgi_run *run, uint64_t output_bytes)
{
    const struct by_limit *by = limit_of(run->end.code);

    take_use(run);
    if (output_bytes) {
        run->facts->detail = CGIW_PLAIN;
        run->facts->limit = cgi_server_of(run->r->server)->limit[CGI_OUTPUT];
        run->facts->used = output_bytes;
        log_e21(run);
    }
    else if (!run->ended) {
        log_away(run, run->lost);
    }
    else if (by) {
        run->facts->detail = by->detail;
        log_e21(run);
    }
    else {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, run->r,
                      "OMK0410: cgi_wrapper: %s: ended by signal %d in the "
                      "middle of its answer",
                      run->facts->script, WTERMSIG(run->end.wait_status));
    }
}
