/* Parts of a check, for check*.c alone. */
#ifndef OMK_CHECK_IMPL_H
#define OMK_CHECK_IMPL_H

#include "check.h"

#include <stdbool.h>

struct omk_check {
    apr_pool_t *p;
    const struct omk_node *n;
    const struct omk_plan *plan; /* or NULL */
    omk_check_found *found;
    void *ctx;
};

void omk_check_say(const struct omk_check *c, enum omk_check_level level,
                   const char *id, const char *where, const char *what,
                   const char *todo);

/* Who can write what root reads or runs; who cannot enter SRV. */
void omk_check_files(const struct omk_check *c);

/* What the CGI wrapper can hold scripts to. */
void omk_check_cgi(const struct omk_check *c);

/* Who listens on the node's addresses, and for whom. */
void omk_check_ports(const struct omk_check *c);

/* What the profile leaves open, and the certificates of the operator's own
 * lines. */
void omk_check_profile(const struct omk_check *c);

/* Whether an ADDRESS:PORT of omakase.conf is this machine's alone. */
bool omk_check_is_loopback(const char *listen);

#endif
