/* A customer's archive, STATE/archive/LOGIN-YYYYMMDDThhmmss/ (UTC), root's
 * alone:
 *
 *   tree.tar.zst      SRV/LOGIN, with owners, ACLs and extended attributes
 *   (or tree.tar.gz, where there is no zstd; neither without a tree)
 *   databases/N.sql   each database as a dump that makes and fills it
 *   LOGIN.conf LOGIN.mail LOGIN.httpd.conf secret   as far as there are
 *   remarks           what tar and mariadb-dump had to say, if anything
 *
 * It is written as .LOGIN-….part, checked, brought to the disk, and only then
 * gets its name: what has the name is whole. */
#ifndef OMK_ARCHIVE_H
#define OMK_ARCHIVE_H

#include <apr_pools.h>
#include <apr_tables.h>

struct omk_db;
struct omk_err;
struct omk_node;

/* Writes it; *out is its path, of p. db NULL: the node has no MariaDB. said
 * gets remarks, a line each: a file that changed meanwhile, a view without its
 * table. login must have passed omk_login_check, the caller holds the node's
 * lock. On failure nothing of it stays. OMK_ENOSPC, OMK_EDENIED, OMK_EDAMAGED
 * (what was written does not read back), OMK_EBUSY, OMK_EIO, OMK_ENOENT (no
 * tar). */
int omk_archive_make(apr_pool_t *p, const struct omk_node *n, const char *login,
                     struct omk_db *db,
                     void (*said)(void *ctx, const char *line), void *ctx,
                     const char **out, struct omk_err *err);

/* The whole archives of a login, oldest first: const char *, their paths. */
int omk_archives_list(apr_pool_t *p, const struct omk_node *n,
                      const char *login, apr_array_header_t **out,
                      struct omk_err *err);

#endif
