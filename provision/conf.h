/* libconfuse as we use it: from bytes, with errors in a struct omk_err, and
 * without the parts of its syntax that look outside of the file. */
#ifndef OMK_CONF_H
#define OMK_CONF_H

#include <apr_pools.h>
#include <confuse.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct omk_err;

/* Makes the reader for opts; cfg_free is the pool's. Never NULL. */
cfg_t *omk_conf_new(apr_pool_t *p, cfg_opt_t *opts);

/* Reads len bytes at text. OMK_EINVAL with err->where "name:LINE". A `${` is
 * refused, since libconfuse would read the environment there. */
int omk_conf_read(cfg_t *cfg, apr_pool_t *p, const char *name, const char *text,
                  size_t len, struct omk_err *err);

/* For validating callbacks: the value just read. */
const char *omk_conf_last_string(cfg_opt_t *opt);

/* Fails the read at the current line with err's text; returns -1. */
int omk_conf_bad(cfg_t *cfg, const struct omk_err *err);

/* "DIR/FILE:LINE" cut at the front, so that the line is always there. */
void omk_conf_where(char *out, size_t size, const char *name, unsigned line);

/* Reads a whole file into p. OMK_ENOENT where there is none. */
int omk_conf_file(apr_pool_t *p, const char *path, const char **data,
                  size_t *len, struct omk_err *err);

/* Whether root may do what an open file says: a regular one, root's or the
 * caller's, and nobody else's to write. OMK_EDENIED with the reason, OMK_EIO. */
int omk_conf_check_file(int fd, const char *path, mode_t *mode,
                        struct omk_err *err);

/* omk_conf_file with that check; a symbolic link is refused as well. */
int omk_conf_own_file(apr_pool_t *p, const char *path, const char **data,
                      size_t *len, struct omk_err *err);

#endif
