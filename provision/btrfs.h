/* btrfs by its ioctls and by descriptors: subvolumes, and the quota group that
 * each has. What asks about quota groups needs CAP_SYS_ADMIN. The structures
 * are linux/btrfs.h's and linux/btrfs_tree.h's. Thread-safe. */
#ifndef OMK_BTRFS_H
#define OMK_BTRFS_H

#include <stdbool.h>
#include <stdint.h>

struct omk_err;

/* Makes the subvolume name in the directory parent; 0 or errno (EEXIST,
 * ENOTTY: no btrfs, …). */
int omk_btrfs_subvolume(int parent, const char *name);

/* Whether the directory is the top of a subvolume. */
bool omk_btrfs_is_subvolume(int fd);

/* Takes read-only from the subvolume of fd, as far as it has that. */
void omk_btrfs_writable(int fd);

/* Whether quota groups are on in the file system of fd. */
bool omk_btrfs_has_quota(int fd);

/* Limits what the subvolume of fd refers to; 0 is without limit. OMK_EIO. */
int omk_btrfs_limit(int fd, uint64_t bytes, struct omk_err *err);

/* That limit; 0 is without. OMK_EIO. */
int omk_btrfs_limit_of(int fd, uint64_t *bytes, struct omk_err *err);

/* What the subvolume of fd and those below it refer to, and how many there are
 * below: a customer can make some, which its own quota group does not see.
 * OMK_EIO, OMK_ERANGE (more than a thousand of them). */
int omk_btrfs_used(int fd, uint64_t *bytes, unsigned *below,
                   struct omk_err *err);

#endif
