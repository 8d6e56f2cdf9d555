#include "blame.h"

#include "err.h"
#include "names.h"
#include "node.h"

#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>

static const char *replace_all(apr_pool_t *p, const char *text,
                               const char *what, const char *by)
{
    for (const char *at; (at = strstr(text, what));) {
        text = apr_pstrcat(p, apr_pstrmemdup(p, text, (size_t)(at - text)), by,
                           at + strlen(what), NULL);
    }
    return text;
}

/* LOGIN of the first "prefixLOGINending" in the text. */
static const char *login_at(apr_pool_t *p, const char *text, const char *prefix,
                            const char *ending)
{
    const char *at = text;

    while ((at = strstr(at, prefix))) {
        const char *login = at + strlen(prefix);
        size_t len = strspn(login, "abcdefghijklmnopqrstuvwxyz0123456789-");

        if (!strncmp(login + len, ending, strlen(ending))
            && omk_login_check(login, len, NULL) == 0) {
            return apr_pstrmemdup(p, login, len);
        }
        at = login;
    }
    return NULL;
}

/* The last "line N of /FILE" (httpd tells who included whom first), or "at
 * /FILE:N", or php-fpm's "[/FILE:N]". */
static void find_place(apr_pool_t *p, const char *text, struct omk_err *why)
{
    const char *place = NULL;
    const char *at = text;

    while ((at = strstr(at, "line "))) {
        char *of;
        long line = strtol(at + 5, &of, 10);

        if (line > 0 && !strncmp(of, " of /", 5)) {
            place = apr_psprintf(p, "%.*s:%ld", (int)strcspn(of + 4, ":\n\"' "),
                                 of + 4, line);
        }
        at += 5;
    }
    at = strstr(text, "defined at /");
    if (!place && at) {
        place = apr_pstrmemdup(p, at + 11, strcspn(at + 11, " \n"));
    }
    at = strstr(text, "[/");
    if (!place && at) {
        place = apr_pstrmemdup(p, at + 1, strcspn(at + 1, "]\n"));
    }
    if (place) {
        (void)apr_cpystrn(why->where, place, sizeof why->where);
    }
}

/* httpd's chain of who included whom says less than its end. */
static const char *innermost(const char *text)
{
    const char *end = text;
    const char *last = NULL;

    while ((end = strstr(end, "Syntax error on line "))) {
        last = end;
        end += 21;
    }
    return last ? last : text;
}

/* The lines that say what is wrong, in one, without time stamps and without
 * what a checker says in passing. */
static const char *essence(apr_pool_t *p, const char *text)
{
    const char *out = "";

    while (*text) {
        size_t len = strcspn(text, "\n");
        const char *line = apr_pstrmemdup(p, text, len);

        if (len && !strstr(line, "NOTICE:") && !strstr(line, "AH00558")
            && !strstr(line, ":warn]") && !strstr(line, ":notice]")
            && !strstr(line, "test failed")
            && strcmp(line, "Checking syntax of configuration file") != 0 && strlen(out) < 350) {
            out = apr_pstrcat(p, out, *out ? " " : "", line, NULL);
        }
        text += len + (text[len] == '\n');
    }
    return *out ? out : "it does not say why";
}

const char *omk_blame(apr_pool_t *p, const struct omk_node *n, const char *dir,
                      const char *output, struct omk_err *why)
{
    const char *login;
    const char *text = output;

    login = login_at(p, text, apr_pstrcat(p, dir, "/source/customers.d/", NULL),
                     ".httpd.conf");
    if (!login) {
        login =
            login_at(p, text, apr_pstrcat(p, dir, "/httpd/", NULL), ".conf");
    }
    if (!login) {
        login = login_at(p, text, "/php/pool.d/", ".conf");
    }
    if (!login) {
        login = login_at(p, text, "[pool ", "]");
    }
    text =
        replace_all(p, text, apr_pstrcat(p, dir, "/source/customers.d", NULL),
                    n->customers_dir);
    text = replace_all(p, text, apr_pstrcat(p, dir, "/source/httpd.d", NULL),
                       n->httpd_d_dir);
    text = replace_all(p, text, apr_pstrcat(p, dir, "/source/proftpd.d", NULL),
                       n->proftpd_d_dir);
    text = replace_all(p, text, apr_pstrcat(p, dir, "/source/conf.d", NULL),
                       n->confd);
    find_place(p, text, why);
    text = innermost(essence(p, text));
    why->code = OMK_EINVAL;
    (void)apr_cpystrn(why->text, text, sizeof why->text);
    for (char *c = why->text; *c; c++) {
        *c = (unsigned char)*c < ' ' ? ' ' : *c;
    }
    return login;
}
