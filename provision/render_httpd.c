/* httpd: a file a customer, made of conf.d's macros, and the entry httpd.conf,
 * which is what runs: apache2 -f STATE/current/httpd.conf. */
#include "render.h"

#include "customer.h"
#include "err.h"
#include "node.h"
#include "phpmyadmin.h"
#include "weblog.h"

#include <apr_strings.h>
#include <apr_tables.h>
#include <string.h>

#define WRITTEN "# Written by `omakase apply`; a change made here is lost.\n"

/* --- a customer ----------------------------------------------------------- */

/* Names with blanks between; of each domain also with www. */
static void add_name(apr_array_header_t *names, const char *domain)
{
    APR_ARRAY_PUSH(names, const char *) =
        apr_pstrcat(names->pool, "www.", domain, NULL);
    APR_ARRAY_PUSH(names, const char *) = domain;
}

/* The names of all domains with the docroot; the main one is the first. */
static apr_array_header_t *names_of(apr_pool_t *p, const struct omk_customer *c,
                                    const char *docroot)
{
    apr_array_header_t *names = apr_array_make(p, 8, sizeof(const char *));

    for (size_t i = 0; i < c->domain_count; i++) {
        const struct omk_domain *d = &c->domains[i];

        if (strcmp(d->docroot, docroot) != 0) {
            continue;
        }
        add_name(names, d->name);
        for (size_t k = 0; k < d->alias_count; k++) {
            add_name(names, d->aliases[k]);
        }
    }
    return names;
}

/* Whom scripts run as: in single-user mode the one that there is. */
static const char *script_user(const struct omk_node *n,
                               const struct omk_customer *c)
{
    return n->single_user ? n->httpd_user : c->login;
}

static const char *script_group(const struct omk_node *n,
                                const struct omk_customer *c)
{
    return n->single_user ? n->httpd_group : c->login;
}

/* Directives that say what is not the module's default. */
static const char *cgi_switches(apr_pool_t *p, const struct omk_cgi *g)
{
    const struct {
        const char *directive;
        bool is, unsaid;
    } list[] = {
        {"CGIWrapperStrict", g->strict, false},
        {"CGIWrapperSymlinks", g->symlinks, true},
        {"CGIWrapperIsindex", g->isindex, false},
        {"CGIWrapperPerlUnsafeInc", g->unsafe_inc, false},
        {"CGIWrapperNoNewPrivs", g->no_new_privs, false},
        {"CGIWrapperConfine", g->confine, false},
        {"CGIWrapperExecCmd", g->exec_cmd, false},
    };
    const char *text = "";

    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        if (list[i].is != list[i].unsaid) {
            text = apr_pstrcat(p, text, "        ", list[i].directive,
                               list[i].is ? " on\n" : " off\n", NULL);
        }
    }
    if (g->diagnostics && g->diagnostics[0]) {
        text = apr_pstrcat(p, text, "        CGIWrapperDiagnostics", NULL);
        for (const char *const *a = g->diagnostics; *a; a++) {
            text = apr_pstrcat(p, text, " ", *a, NULL);
        }
        text = apr_pstrcat(p, text, "\n", NULL);
    }
    return !*text ? ""
                  : apr_pstrcat(p, "    <IfModule cgi_wrapper_module>\n", text,
                                "    </IfModule>\n", NULL);
}

static const char *cgi(apr_pool_t *p, const struct omk_node *n,
                       const struct omk_customer *c, const char *tree)
{
    const struct omk_cgi *g = &c->cgi_options;

    return apr_psprintf(
        p,
        "    Use OmakaseCGI %s \"%s\" %s %s \"cpu=%u wall=%u "
        "memory=%" APR_UINT64_T_FMT " processes=%u concurrent=%u "
        "output=%" APR_UINT64_T_FMT "\"\n%s%s",
        c->login, tree, script_user(n, c), script_group(n, c), g->cpu_s,
        g->wall_s, g->memory, g->processes, g->concurrent, g->output,
        cgi_switches(p, g),
        c->ssi ? apr_psprintf(p, "    Use OmakaseSSIExec \"%s\"\n", tree) : "");
}

static const char *capabilities(apr_pool_t *p, const struct omk_node *n,
                                const struct omk_customer *c)
{
    const char *tree = omk_customer_tree(p, n, c->login);

    return apr_pstrcat(
        p, c->ssi ? apr_psprintf(p, "    Use OmakaseSSI \"%s\"\n", tree) : "",
        c->cgi ? cgi(p, n, c, tree) : "",
        c->counter ? apr_psprintf(p, "    Use OmakaseCounter %s\n", c->login)
                   : "",
        c->php ? apr_psprintf(p,
                              "    Use OmakasePHP \"%s\"\n"
                              "    Use OmakaseDenied %s \"%s\"\n",
                              omk_php_socket(p, n, c->login), c->login, tree)
               : "",
        c->include.data
            ? apr_psprintf(p,
                           "    Include \"${OMAKASE_GENERATION}/source/"
                           "customers.d/%s.httpd.conf\"\n",
                           c->login)
            : "",
        NULL);
}

static const char *vhost(apr_pool_t *p, const struct omk_node *n,
                         const struct omk_customer *c, const char *docroot)
{
    const char *tree = omk_customer_tree(p, n, c->login);
    apr_array_header_t *names = names_of(p, c, docroot);
    const char *name = APR_ARRAY_IDX(names, 0, const char *);
    const char *aliases;

    names->elts += names->elt_size; /* all but the first */
    names->nelts--;
    aliases = apr_array_pstrcat(p, names, ' ');
    if (c->suspended) {
        return apr_psprintf(p,
                            "<VirtualHost *:*>\n"
                            "    Use OmakaseSuspended %s \"%s\" \"%s\"\n"
                            "</VirtualHost>\n",
                            name, aliases, tree);
    }
    return apr_psprintf(p,
                        "<VirtualHost *:*>\n"
                        "    Use OmakaseSite %s \"%s\" \"%s\" \"%s/%s\"\n"
                        "%s"
                        "</VirtualHost>\n",
                        name, aliases, tree, tree, docroot,
                        capabilities(p, n, c));
}

/* Whether an earlier domain has this docroot, and so its virtual host. */
static bool is_done(const struct omk_customer *c, size_t i)
{
    for (size_t k = 0; k < i; k++) {
        if (!strcmp(c->domains[k].docroot, c->domains[i].docroot)) {
            return true;
        }
    }
    return false;
}

static void add_customer(struct omk_files *f, const struct omk_node *n,
                         const struct omk_customer *c)
{
    const char *text = WRITTEN;

    for (size_t i = 0; i < c->domain_count; i++) {
        if (!is_done(c, i)) {
            text = apr_pstrcat(f->p, text,
                               vhost(f->p, n, c, c->domains[i].docroot), NULL);
        }
    }
    omk_files_add_text(f, apr_psprintf(f->p, "httpd/%s.conf", c->login), text);
}

static int files(struct omk_files *f, const struct omk_model *m,
                 struct omk_err *err)
{
    (void)err;
    for (size_t i = 0; i < m->customers->count; i++) {
        if (m->customers->entries[i].customer) {
            add_customer(f, m->node, m->customers->entries[i].customer);
        }
    }
    return OMK_OK;
}

/* --- the entry ------------------------------------------------------------ */

static const char *define(apr_pool_t *p, const char *name, const char *value)
{
    return apr_psprintf(p, "Define %s \"%s\"\n", name, value);
}

static const char *listen_lines(apr_pool_t *p, const struct omk_node *n)
{
    const char *lines = "";

    for (const char *const *l = n->listen; *l; l++) {
        lines = apr_pstrcat(p, lines, "    Listen ", *l, "\n", NULL);
    }
    return apr_pstrcat(p, "<IfDefine !OMAKASE_TRIAL>\n", lines, "</IfDefine>\n",
                       NULL);
}

static int entry_text(apr_pool_t *p, const struct omk_model *m, const char *dir,
                      const char *fingerprint, const char **out,
                      struct omk_err *err)
{
    const struct omk_node *n = m->node;
    const char *text = WRITTEN;
    const char *user = "";

    (void)err;
    if (!n->single_user) {
        user = apr_pstrcat(p, define(p, "OMAKASE_USER", n->httpd_user),
                           define(p, "OMAKASE_GROUP", n->httpd_group), NULL);
    }
    text = apr_pstrcat(
        p, text, define(p, "OMAKASE_GENERATION", dir),
        define(p, "OMAKASE_FINGERPRINT", fingerprint),
        define(p, "OMAKASE_STATE", n->state_dir),
        define(p, "OMAKASE_RUN", n->run_dir),
        define(p, "OMAKASE_LOG", n->log_dir),
        "Define OMAKASE_CONFD \"${OMAKASE_GENERATION}/source/conf.d\"\n",
        define(p, "OMAKASE_SHARE", n->share), define(p, "OMAKASE_LIB", n->lib),
        define(p, "OMAKASE_LIBEXEC", n->libexec),
        define(p, "OMAKASE_CGI_NAME", omk_cgi_name(p, n)),
        define(p, "OMAKASE_MODULES", n->modules),
        define(p, "HTTPD_MODULES", n->httpd_modules),
        define(p, "OMAKASE_MPM", n->mpm),
        omk_phpmyadmin_is_here(n)
            ? define(p, "OMAKASE_PHPMYADMIN", n->phpmyadmin)
            : "",
        omk_weblog_is_here(n)
            ? define(p, "OMAKASE_WEBLOG", omk_weblog_arguments(p, n))
            : "",
        user, listen_lines(p, n),
        "Include \"${OMAKASE_CONFD}/httpd/httpd.conf\"\n", NULL);
    *out = text;
    return OMK_OK;
}

static bool reads(const char *path)
{
    const char *customers = "source/customers.d/";
    size_t len = strlen(path);

    return !strcmp(path, "httpd.conf") || !strncmp(path, "httpd/", 6)
           || !strncmp(path, "source/httpd.d/", 15)
           || !strncmp(path, "source/conf.d/httpd/", 20)
           || (!strncmp(path, customers, strlen(customers)) && len > 11
               && !strcmp(path + len - 11, ".httpd.conf"));
}

const struct omk_renderer omk_render_httpd = {
    .daemon = "httpd",
    .entry = "httpd.conf",
    .files = files,
    .entry_text = entry_text,
    .reads = reads,
};
