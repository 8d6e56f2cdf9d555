#include "render.h"

#include "customer.h"
#include "err.h"
#include "node.h"

#include <apr_strings.h>
#include <string.h>

const struct omk_renderer *const omk_renderers[] = {
    &omk_render_httpd,
    &omk_render_mariadb,
    &omk_render_php,
    NULL,
};

const char *omk_customer_tree(apr_pool_t *p, const struct omk_node *n,
                              const char *login)
{
    return apr_pstrcat(p, n->srv_dir, "/", login, NULL);
}

const char *omk_php_socket(apr_pool_t *p, const struct omk_node *n,
                           const char *login)
{
    return apr_pstrcat(p, n->run_dir, "/php/", login, ".sock", NULL);
}

const char *omk_php_status_socket(apr_pool_t *p, const struct omk_node *n,
                                  const char *login)
{
    return apr_pstrcat(p, n->run_dir, "/php/", login, ".status", NULL);
}

const char *omk_cgi_socket(apr_pool_t *p, const struct omk_node *n)
{
    return apr_pstrcat(p, n->run_dir, "/cgi.sock", NULL);
}

const char *omk_cgi_denied(apr_pool_t *p, const struct omk_node *n)
{
    return apr_pstrcat(p, n->state_dir, "/cgi/denied", NULL);
}

const char *omk_cgi_name(apr_pool_t *p, const struct omk_node *n)
{
    char sum[OMK_SHA1_HEX + 1];

    if (!*n->root) {
        return "omakase";
    }
    omk_sha1_hex(n->root, strlen(n->root), sum);
    return apr_psprintf(p, "omakase-%.12s", sum);
}

int omk_model_inputs(apr_pool_t *p, const struct omk_node *n,
                     struct omk_files **out, struct omk_err *err)
{
    struct omk_files *f = omk_files_new(p);
    int rc = omk_files_read_dir(f, apr_pstrcat(p, n->confd, "/httpd", NULL),
                                ".conf", "source/conf.d/httpd", err);

    if (rc == OMK_OK) {
        rc = omk_files_read_dir(f, apr_pstrcat(p, n->confd, "/php", NULL),
                                ".conf", "source/conf.d/php", err);
    }
    if (rc == OMK_OK) {
        rc = omk_files_read_dir(f,
                                apr_pstrcat(p, n->confd, "/phpmyadmin", NULL),
                                ".conf", "source/conf.d/phpmyadmin", err);
    }
    if (rc == OMK_OK) {
        rc = omk_files_read_dir(f, apr_pstrcat(p, n->confd, "/mariadb", NULL),
                                ".cnf", "source/conf.d/mariadb", err);
    }
    if (rc == OMK_OK) {
        rc = omk_files_read_dir(f, n->httpd_d_dir, ".conf", "source/httpd.d",
                                err);
    }
    omk_files_sort(f);
    if (rc == OMK_OK) {
        *out = f;
    }
    return rc;
}

int omk_model_input(const struct omk_model *m, const char *path,
                    const char **text, struct omk_err *err)
{
    const struct omk_file *f = omk_files_find(m->inputs, path);

    if (!f) {
        return omk_fail(err, OMK_ENOENT, m->node->confd,
                        "%s is not there (make install, or paths { confd })",
                        path + strlen("source/conf.d/"));
    }
    *text = f->data; /* read with a NUL behind it */
    return OMK_OK;
}

static void add_bytes(struct omk_files *f, const char *login,
                      const char *ending, const struct omk_bytes *b)
{
    if (b->data) {
        omk_files_add(
            f, apr_pstrcat(f->p, "source/customers.d/", login, ending, NULL),
            b->data, b->len);
    }
}

static void add_sources(struct omk_files *f, const struct omk_model *m)
{
    omk_files_add(f, "source/omakase.conf", m->node->text, m->node->text_len);
    for (size_t i = 0; i < m->inputs->count; i++) {
        const struct omk_file *in = &m->inputs->list[i];

        omk_files_add(f, in->path, in->data, in->len);
    }
    for (size_t i = 0; i < m->customers->count; i++) {
        const struct omk_customer *c = m->customers->entries[i].customer;

        if (c) {
            add_bytes(f, c->login, ".conf", &c->conf);
            add_bytes(f, c->login, ".mail", &c->mail);
            add_bytes(f, c->login, ".httpd.conf", &c->include);
        }
    }
}

/* The sum of what a daemon reads, its entry as if it lay nowhere. */
static int fingerprint(struct omk_files *f, const struct omk_model *m,
                       const struct omk_renderer *r, char out[OMK_SHA1_HEX + 1],
                       struct omk_err *err)
{
    struct omk_files *own = omk_files_new(f->p);
    const char *entry;
    int rc = r->entry_text(f->p, m, "", "", &entry, err);

    if (rc) {
        return rc;
    }
    for (size_t i = 0; i < f->count; i++) {
        if (r->reads(f->list[i].path)) {
            omk_files_add(own, f->list[i].path, f->list[i].data,
                          f->list[i].len);
        }
    }
    omk_files_add_text(own, r->entry, entry);
    omk_files_sort(own);
    omk_files_sum(own, r->reads, out);
    return OMK_OK;
}

static int render_files(struct omk_files *f, const struct omk_model *m,
                        struct omk_err *err)
{
    const char *sums = "";
    int rc = OMK_OK;

    add_sources(f, m);
    for (const struct omk_renderer *const *r = omk_renderers; *r; r++) {
        rc = (*r)->files(f, m, err);
        if (rc) {
            return rc;
        }
    }
    for (const struct omk_renderer *const *r = omk_renderers; *r; r++) {
        char sum[OMK_SHA1_HEX + 1];

        rc = fingerprint(f, m, *r, sum, err);
        if (rc) {
            return rc;
        }
        sums = apr_pstrcat(f->p, sums, (*r)->daemon, " ", sum, "\n", NULL);
    }
    omk_files_add_text(f, "fingerprints", sums);
    return OMK_OK;
}

static int add_entries(struct omk_files *f, const struct omk_model *m,
                       const struct omk_files *rendered, const char *dir,
                       struct omk_err *err)
{
    struct omk_file fingerprints = *omk_files_find(rendered, "fingerprints");
    const struct omk_files sums = {.list = &fingerprints, .count = 1};

    for (const struct omk_renderer *const *r = omk_renderers; *r; r++) {
        const char *sum = omk_fingerprint_of(f->p, &sums, (*r)->daemon);
        const char *text;
        int rc = (*r)->entry_text(f->p, m, dir, sum, &text, err);

        if (rc) {
            return rc;
        }
        omk_files_add_text(f, (*r)->entry, text);
    }
    omk_files_sort(f);
    return OMK_OK;
}

int omk_render(apr_pool_t *p, const struct omk_model *m, const char *dir,
               struct omk_files **out, struct omk_err *err)
{
    struct omk_files *f = omk_files_new(p);
    int rc = render_files(f, m, err);

    if (rc == OMK_OK) {
        omk_files_sort(f);
        rc = add_entries(f, m, f, dir, err);
    }
    if (rc == OMK_OK) {
        *out = f;
    }
    return rc;
}

static bool is_entry(const char *path)
{
    for (const struct omk_renderer *const *r = omk_renderers; *r; r++) {
        if (!strcmp((*r)->entry, path)) {
            return true;
        }
    }
    return false;
}

int omk_render_elsewhere(apr_pool_t *p, const struct omk_model *m,
                         const struct omk_files *rendered, const char *dir,
                         struct omk_files **out, struct omk_err *err)
{
    struct omk_files *f = omk_files_new(p);
    int rc;

    for (size_t i = 0; i < rendered->count; i++) {
        const struct omk_file *r = &rendered->list[i];

        if (!is_entry(r->path)) {
            omk_files_add(f, r->path, r->data, r->len);
            f->list[f->count - 1].sum = r->sum;
        }
    }
    rc = add_entries(f, m, rendered, dir, err);
    if (rc == OMK_OK) {
        *out = f;
    }
    return rc;
}

const char *omk_fingerprint_of(apr_pool_t *p, const struct omk_files *files,
                               const char *daemon)
{
    const struct omk_file *f = omk_files_find(files, "fingerprints");
    const char *name = apr_pstrcat(p, daemon, " ", NULL);
    const char *at = f ? strstr(f->data, name) : NULL;

    if (!at) {
        return "";
    }
    at += strlen(name);
    return apr_pstrmemdup(p, at, strcspn(at, "\n"));
}
