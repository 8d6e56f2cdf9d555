#include "btrfs.h"

#include "err.h"

#include <endian.h>
#include <errno.h>
#include <linux/btrfs.h>
#include <linux/btrfs_tree.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#define BELOW_MAX 1000

static bool is_btrfs(int fd)
{
    struct statfs fs;

    return fstatfs(fd, &fs) == 0 && fs.f_type == BTRFS_SUPER_MAGIC;
}

int omk_btrfs_subvolume(int parent, const char *name)
{
    struct btrfs_ioctl_vol_args args = {0};
    size_t len = strlen(name);

    if (!is_btrfs(parent)) {
        return ENOTTY;
    }
    if (len >= sizeof args.name) {
        return ENAMETOOLONG;
    }
    memcpy(args.name, name, len);
    return ioctl(parent, BTRFS_IOC_SUBVOL_CREATE, &args) == 0 ? 0 : errno;
}

bool omk_btrfs_is_subvolume(int fd)
{
    struct stat st;

    return is_btrfs(fd) && fstat(fd, &st) == 0
           && st.st_ino == BTRFS_FIRST_FREE_OBJECTID;
}

void omk_btrfs_writable(int fd)
{
    uint64_t flags;

    if (omk_btrfs_is_subvolume(fd)
        && ioctl(fd, BTRFS_IOC_SUBVOL_GETFLAGS, &flags) == 0
        && (flags & BTRFS_SUBVOL_RDONLY)) {
        flags &= ~(uint64_t)BTRFS_SUBVOL_RDONLY;
        /* Where that fails, so does what comes next, and says so. */
        (void)ioctl(fd, BTRFS_IOC_SUBVOL_SETFLAGS, &flags);
    }
}

/* The first item of tree from key (objectid, type, offset) on; in items of
 * one type and objectid. 0 with *size bytes of it in out, ENOENT, or errno. */
static int first_item(int fd, uint64_t tree, uint64_t objectid, uint32_t type,
                      uint64_t *offset, uint64_t last, void *out, size_t size)
{
    struct btrfs_ioctl_search_args args = {
        .key = {.tree_id = tree,
                .min_objectid = objectid,
                .max_objectid = objectid,
                .min_type = type,
                .max_type = type,
                .min_offset = *offset,
                .max_offset = last,
                .max_transid = UINT64_MAX,
                .nr_items = 1}};
    struct btrfs_ioctl_search_header head;

    if (ioctl(fd, BTRFS_IOC_TREE_SEARCH, &args) != 0) {
        return errno;
    }
    memcpy(&head, args.buf, sizeof head);
    if (args.key.nr_items == 0 || head.type != type
        || head.objectid != objectid) {
        return ENOENT;
    }
    *offset = head.offset;
    if (head.len < size) {
        return EINVAL;
    }
    memcpy(out, args.buf + sizeof head, size);
    return 0;
}

bool omk_btrfs_has_quota(int fd)
{
    struct btrfs_qgroup_status_item status;
    uint64_t offset = 0;

    return is_btrfs(fd)
           && first_item(fd, BTRFS_QUOTA_TREE_OBJECTID, 0,
                         BTRFS_QGROUP_STATUS_KEY, &offset, 0, &status,
                         sizeof status)
                  == 0
           && (le64toh(status.flags) & BTRFS_QGROUP_STATUS_FLAG_ON);
}

/* The subvolume that fd is in, which has the quota group of that number. */
static int subvolume_id(int fd, uint64_t *id, struct omk_err *err)
{
    struct btrfs_ioctl_ino_lookup_args args = {
        .objectid = BTRFS_FIRST_FREE_OBJECTID};

    if (ioctl(fd, BTRFS_IOC_INO_LOOKUP, &args) != 0) {
        return omk_fail(err, OMK_EIO, "", "btrfs: subvolume: %s",
                        strerror(errno));
    }
    *id = args.treeid;
    return OMK_OK;
}

int omk_btrfs_limit(int fd, uint64_t bytes, struct omk_err *err)
{
    struct btrfs_ioctl_qgroup_limit_args args = {
        .lim = {.flags = BTRFS_QGROUP_LIMIT_MAX_RFER,
                .max_rfer = bytes ? bytes : UINT64_MAX}}; /* taken away */
    uint64_t id;
    int rc = subvolume_id(fd, &id, err);

    if (rc) {
        return rc;
    }
    args.qgroupid = id;
    if (ioctl(fd, BTRFS_IOC_QGROUP_LIMIT, &args) != 0) {
        return omk_fail(err, OMK_EIO, "", "btrfs: limit of quota group 0/%llu: %s",
                        (unsigned long long)id, strerror(errno));
    }
    return OMK_OK;
}

int omk_btrfs_limit_of(int fd, uint64_t *bytes, struct omk_err *err)
{
    struct btrfs_qgroup_limit_item limit;
    uint64_t id = 0, group;
    int rc = subvolume_id(fd, &id, err);
    int error;

    if (rc) {
        return rc;
    }
    group = id;
    error = first_item(fd, BTRFS_QUOTA_TREE_OBJECTID, 0, BTRFS_QGROUP_LIMIT_KEY,
                       &group, id, &limit, sizeof limit);
    if (error && error != ENOENT) {
        return omk_fail(err, OMK_EIO, "", "btrfs: limit of quota group 0/%llu: %s",
                        (unsigned long long)id, strerror(error));
    }
    *bytes = error || !(le64toh(limit.flags) & BTRFS_QGROUP_LIMIT_MAX_RFER)
                     || le64toh(limit.max_rfer) == UINT64_MAX
                 ? 0
                 : le64toh(limit.max_rfer);
    return OMK_OK;
}

/* Appends to ids the subvolumes directly below id. */
static int below(int fd, uint64_t id, uint64_t *ids, unsigned *count,
                 struct omk_err *err)
{
    struct btrfs_root_ref ref;
    uint64_t child = 0;
    int error;

    while ((error = first_item(fd, BTRFS_ROOT_TREE_OBJECTID, id,
                               BTRFS_ROOT_REF_KEY, &child, UINT64_MAX, &ref,
                               sizeof ref))
           == 0) {
        if (*count == BELOW_MAX) {
            return omk_fail(err, OMK_ERANGE, "",
                            "more than %d subvolumes below web/", BELOW_MAX);
        }
        ids[(*count)++] = child++;
    }
    return error == ENOENT ? OMK_OK
                           : omk_fail(err, OMK_EIO, "", "btrfs: subvolumes: %s",
                                      strerror(error));
}

static int used_by(int fd, uint64_t id, uint64_t *bytes, struct omk_err *err)
{
    struct btrfs_qgroup_info_item info;
    uint64_t offset = id;
    int error = first_item(fd, BTRFS_QUOTA_TREE_OBJECTID, 0,
                           BTRFS_QGROUP_INFO_KEY, &offset, id, &info,
                           sizeof info);

    if (error) {
        return omk_fail(err, OMK_EIO, "", "btrfs: quota group 0/%llu: %s",
                        (unsigned long long)id, strerror(error));
    }
    *bytes += le64toh(info.rfer);
    return OMK_OK;
}

int omk_btrfs_used(int fd, uint64_t *bytes, unsigned *n_below,
                   struct omk_err *err)
{
    uint64_t ids[1 + BELOW_MAX], sum = 0;
    unsigned count = 1, n = 0;
    int rc = subvolume_id(fd, &ids[0], err);

    for (; rc == OMK_OK && n < count; n++) {
        unsigned children = count - 1;

        rc = used_by(fd, ids[n], &sum, err);
        rc = rc ? rc : below(fd, ids[n], ids + 1, &children, err);
        count = children + 1;
    }
    if (rc == OMK_OK) {
        *bytes = sum;
        *n_below = count - 1;
    }
    return rc;
}
