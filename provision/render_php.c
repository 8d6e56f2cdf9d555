/* php-fpm: a pool a customer from conf.d/php/pool.conf, one that answers for
 * php-fpm itself, and the entry, conf.d/php/php-fpm.conf. */
#include "render.h"

#include "customer.h"
#include "err.h"
#include "node.h"
#include "phpmyadmin.h"

#include <apr_strings.h>
#include <string.h>

/* A size in PHP's words: whole megabytes. */
static const char *megabytes(apr_pool_t *p, uint64_t size)
{
    return apr_psprintf(p, "%" APR_UINT64_T_FMT "M", (size + 0xfffff) >> 20);
}

static int add_pool(struct omk_files *f, const struct omk_model *m,
                    const struct omk_customer *c, const char *pool,
                    struct omk_err *err)
{
    const struct omk_node *n = m->node;
    const char *text;
    const char *tree = omk_customer_tree(f->p, n, c->login);
    const char *names[] = {
        "LOGIN",
        c->login,
        "USER",
        n->single_user ? n->httpd_user : c->login,
        "GROUP",
        n->single_user ? n->httpd_group : c->login,
        "TREE",
        tree,
        "SLOWLOG",
        apr_pstrcat(f->p, tree, "/log/php-slow.log", NULL),
        "SOCKET",
        omk_php_socket(f->p, n, c->login),
        "STATUS_SOCKET",
        omk_php_status_socket(f->p, n, c->login),
        "STATUS",
        OMK_PHP_STATUS,
        "HTTPD_USER",
        n->httpd_user,
        "HTTPD_GROUP",
        n->httpd_group,
        "CHILDREN",
        apr_psprintf(f->p, "%u", n->php_children),
        "SECONDS",
        apr_psprintf(f->p, "%u", n->php_time_s),
        "SLOW",
        apr_psprintf(f->p, "%u", n->php_time_s < 10 ? n->php_time_s : 10),
        "MEMORY",
        megabytes(f->p, n->php_memory),
        "TIMEZONE",
        n->timezone,
        "MYSQL_SOCKET",
        n->mysql_socket,
        NULL,
    };
    int rc =
        omk_template(f->p, "conf.d/php/pool.conf", pool, names, &text, err);

    if (rc == OMK_OK) {
        omk_files_add_text(
            f, apr_psprintf(f->p, "php/pool.d/%s.conf", c->login), text);
    }
    return rc;
}

static int files(struct omk_files *f, const struct omk_model *m,
                 struct omk_err *err)
{
    const char *pool;
    int rc = omk_model_input(m, "source/conf.d/php/pool.conf", &pool, err);

    /* php-fpm does not start when the directory that it includes is absent. */
    omk_files_add_text(f, "php/pool.d/README",
                       "A pool a customer; written by `omakase apply`.\n");
    for (size_t i = 0; rc == OMK_OK && i < m->customers->count; i++) {
        const struct omk_customer *c = m->customers->entries[i].customer;

        if (c && c->php && !c->suspended) {
            rc = add_pool(f, m, c, pool, err);
        }
    }
    return rc ? rc : omk_phpmyadmin_pool(f, m, err);
}

static int entry_text(apr_pool_t *p, const struct omk_model *m, const char *dir,
                      const char *fingerprint, const char **out,
                      struct omk_err *err)
{
    const struct omk_node *n = m->node;
    const char *names[] = {
        "POOLS",        apr_pstrcat(p, dir, "/php/pool.d", NULL),
        "PIDFILE",      apr_pstrcat(p, n->run_dir, "/php-fpm.pid", NULL),
        "LOGFILE",      apr_pstrcat(p, n->log_dir, "/php-fpm.log", NULL),
        "FINGERPRINT",  fingerprint,
        "HTTPD_USER",   n->httpd_user,
        "HTTPD_GROUP",  n->httpd_group,
        "PROBE_SOCKET", omk_php_socket(p, n, OMK_PHP_PROBE),
        NULL,
    };
    const char *text, *probe;
    int rc = omk_model_input(m, "source/conf.d/php/php-fpm.conf", &text, err);

    if (rc == OMK_OK) {
        rc = omk_model_input(m, "source/conf.d/php/probe.conf", &probe, err);
    }
    return rc ? rc
              : omk_template(p, "conf.d/php/php-fpm.conf",
                             apr_pstrcat(p, text, probe, NULL), names, out,
                             err);
}

static bool reads(const char *path)
{
    return !strncmp(path, "php/", 4);
}

const struct omk_renderer omk_render_php = {
    .daemon = "php-fpm",
    .entry = "php/php-fpm.conf",
    .files = files,
    .entry_text = entry_text,
    .reads = reads,
};
