#include "usage.h"

#include "err.h"
#include "quota.h"
#include "tree.h"
#include "walk.h"

#include <apr_hash.h>
#include <apr_pools.h>
#include <apr_strings.h>
#include <unistd.h>

struct count {
    apr_pool_t *p;
    apr_hash_t *linked; /* inodes with more than one name that were counted */
    uint64_t bytes;
};

static int add(void *ctx, int fd, const char *name, const struct stat *st)
{
    struct count *c = ctx;

    (void)fd;
    (void)name;
    if (!S_ISDIR(st->st_mode) && st->st_nlink > 1) {
        const ino_t *ino;

        if (apr_hash_get(c->linked, &st->st_ino, sizeof st->st_ino)) {
            return 0;
        }
        ino = apr_pmemdup(c->p, &st->st_ino, sizeof st->st_ino);
        apr_hash_set(c->linked, ino, sizeof *ino, ino);
    }
    c->bytes += (uint64_t)st->st_blocks * 512;
    return 0;
}

int omk_usage_walk(int fd, uint64_t *bytes, struct omk_err *err)
{
    struct count c = {.bytes = 0};
    int rc;

    if (apr_pool_create(&c.p, NULL) != APR_SUCCESS) {
        return omk_fail(err, OMK_ENOMEM, "", "out of memory");
    }
    c.linked = apr_hash_make(c.p);
    rc = omk_walk(fd, add, &c, err);
    if (rc == OMK_OK) {
        *bytes = c.bytes;
    }
    apr_pool_destroy(c.p);
    return rc;
}

static int walk_place(const struct omk_node *n, const char *login,
                      const char *name, uint64_t *bytes, struct omk_err *err)
{
    int fd, rc = omk_tree_open(n, login, name, NULL, &fd, err);

    if (rc == OMK_OK) {
        rc = omk_usage_walk(fd, bytes, err);
        close(fd);
    }
    return rc;
}

int omk_usage_tree(const struct omk_node *n, const char *login,
                   struct omk_usage *out, struct omk_err *err)
{
    uint64_t web, log;
    int rc = omk_quota_used(n, login, &web, err);

    if (rc == OMK_ENOENT) {
        rc = walk_place(n, login, "web", &web, err);
    }
    rc = rc ? rc : walk_place(n, login, "log", &log, err);
    if (rc == OMK_OK) {
        out->web = web;
        out->log = log;
    }
    return rc;
}
