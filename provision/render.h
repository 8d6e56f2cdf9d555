/* From the model to the files of a generation, in memory. One renderer a
 * daemon; a new daemon is a file render_NAME.c and a line in render.c.
 *
 * Nothing but an entry file (httpd.conf, php/php-fpm.conf) holds the
 * generation's directory, so that two generations of the same model differ in
 * those alone, and a daemon's fingerprint (which leaves the directory out)
 * says whether it must be reloaded. */
#ifndef OMK_RENDER_H
#define OMK_RENDER_H

#include "files.h"

struct omk_customer;
struct omk_customers;
struct omk_err;
struct omk_node;

/* What a generation is made of. */
struct omk_model {
    const struct omk_node *node;
    const struct omk_customers *customers; /* entries without customer are
                                              left out */
    struct omk_files *inputs; /* conf.d and httpd.d, as source/... */
};

struct omk_renderer {
    const char *daemon;
    const char *entry; /* the file that names the generation's directory */
    /* Adds everything but the entry. */
    int (*files)(struct omk_files *f, const struct omk_model *m,
                 struct omk_err *err);
    /* The entry's text for a generation in dir. */
    int (*entry_text)(apr_pool_t *p, const struct omk_model *m, const char *dir,
                      const char *fingerprint, const char **out,
                      struct omk_err *err);
    /* Whether the daemon reads this file of a generation. */
    bool (*reads)(const char *path);
};

extern const struct omk_renderer omk_render_httpd, omk_render_mariadb,
    omk_render_php;
extern const struct omk_renderer *const omk_renderers[]; /* NULL at the end */

/* Reads the operator's inputs besides customers.d: conf.d and httpd.d. */
int omk_model_inputs(apr_pool_t *p, const struct omk_node *n,
                     struct omk_files **out, struct omk_err *err);

/* Every file of a generation in dir, sorted: rendered ones, source/... (the
 * inputs as they are), and fingerprints ("DAEMON HEX" a line). */
int omk_render(apr_pool_t *p, const struct omk_model *m, const char *dir,
               struct omk_files **out, struct omk_err *err);

/* What omk_render of the same model would give for another directory, made of
 * what it gave for one. */
int omk_render_elsewhere(apr_pool_t *p, const struct omk_model *m,
                         const struct omk_files *rendered, const char *dir,
                         struct omk_files **out, struct omk_err *err);

/* A daemon's line in the fingerprints of such files, or "". */
const char *omk_fingerprint_of(apr_pool_t *p, const struct omk_files *files,
                               const char *daemon);

/* An input by its name, e.g. "source/conf.d/php/pool.conf", as text. */
int omk_model_input(const struct omk_model *m, const char *path,
                    const char **text, struct omk_err *err);

/* A customer's directories and the socket of its PHP, of p. */
const char *omk_customer_tree(apr_pool_t *p, const struct omk_node *n,
                              const char *login);
const char *omk_php_socket(apr_pool_t *p, const struct omk_node *n,
                           const char *login);

/* Where a pool says what it does, and by which address: not for visitors. */
const char *omk_php_status_socket(apr_pool_t *p, const struct omk_node *n,
                                  const char *login);
#define OMK_PHP_STATUS "/.omakase/php-status"

/* Of the CGI wrapper: its control sockets are PATH and PATH.*; the list of what
 * is disabled; the name of its cgroup, another for each root. */
const char *omk_cgi_socket(apr_pool_t *p, const struct omk_node *n);
const char *omk_cgi_denied(apr_pool_t *p, const struct omk_node *n);
const char *omk_cgi_name(apr_pool_t *p, const struct omk_node *n);

/* The pool that answers for php-fpm itself. */
#define OMK_PHP_PROBE "omakase-probe"

#endif
