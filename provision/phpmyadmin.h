/* phpMyAdmin: the distribution's package, run by a php-fpm pool and a Unix user
 * of its own. */
#ifndef OMK_PHPMYADMIN_H
#define OMK_PHPMYADMIN_H

#include "files.h"

#include <stdbool.h>

struct omk_err;
struct omk_model;
struct omk_node;

/* Whether this node has it: the package, php-fpm to run it, MariaDB to show. */
bool omk_phpmyadmin_is_here(const struct omk_node *n);

/* Whether its user and its directory are as omk_phpmyadmin_make makes them. */
bool omk_phpmyadmin_is_made(apr_pool_t *p, const struct omk_node *n);
int omk_phpmyadmin_make(apr_pool_t *p, const struct omk_node *n,
                        struct omk_err *err);

/* Adds its pool to a generation. */
int omk_phpmyadmin_pool(struct omk_files *f, const struct omk_model *m,
                        struct omk_err *err);

#endif
