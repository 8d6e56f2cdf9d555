/* Quotas: what keeps a customer from filling the disk, by what the file system
 * has. doc/customer-tree.md says what each driver guarantees.
 *
 * The kernel is asked by quotactl_fd(2), Linux 5.14 and later. Thread-safe. */
#ifndef OMK_QUOTA_H
#define OMK_QUOTA_H

#include <stdint.h>

struct omk_account;
struct omk_err;
struct omk_node;

enum omk_quota_driver {
    OMK_QUOTA_NONE,    /* counted, not kept */
    OMK_QUOTA_PROJECT, /* ext4, xfs: web/ is a project; the owner of a file
                        * may change its project */
    OMK_QUOTA_BTRFS,   /* web/ is a subvolume with a quota group; a user may
                        * make a subvolume, with a group of its own */
    OMK_QUOTA_OWN_FS,  /* a file system is mounted at web/ */
    OMK_QUOTA_USER     /* ext4, xfs, …: all that is the customer's */
};

/* What the file system of dir (the operator's, e.g. SRV) has turned on: USER
 * before PROJECT, as nobody can give a file away; never OWN_FS, which is a
 * customer's own matter. OMK_ENOENT, OMK_EDENIED, OMK_EIO. */
int omk_quota_probe(const char *dir, enum omk_quota_driver *out,
                    struct omk_err *err);

/* The driver of a customer's web/. Errors as of omk_tree_open. */
int omk_quota_driver(const struct omk_node *n, const char *login,
                     enum omk_quota_driver *out, struct omk_err *err);

/* In words, for an operator: what keeps the quota, or that nothing does and
 * what to turn on. */
const char *omk_quota_describe(enum omk_quota_driver driver);

/* Sets the quota of web/, which omk_tree_make has made; bytes 0 is without
 * limit. Idempotent; where nothing keeps a quota it does nothing and is 0.
 * OMK_EINVAL: btrfs, and web/ is no subvolume. OMK_ERANGE: the file system at
 * web/ is larger than the quota, or smaller by more than a tenth. OMK_ENOENT,
 * OMK_EDENIED, OMK_EIO. */
int omk_quota_set(const struct omk_node *n, const char *login,
                  const struct omk_account *a, uint64_t bytes,
                  struct omk_err *err);

/* Calls found with a line for each thing that omk_quota_set would change, or
 * refuse. Changes nothing; a few system calls. Where there is no web/, or
 * nothing keeps a quota, nothing is found. OMK_EIO. */
int omk_quota_check(const struct omk_node *n, const char *login,
                    const struct omk_account *a, uint64_t bytes,
                    void (*found)(void *ctx, const char *what), void *ctx,
                    struct omk_err *err);

/* What the kernel counts against the quota. OMK_ENOENT: nothing counts.
 * Others as of omk_tree_open. */
int omk_quota_used(const struct omk_node *n, const char *login,
                   uint64_t *bytes, struct omk_err *err);

#endif
