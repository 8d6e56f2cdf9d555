#include "quota.h"

#include "account.h"
#include "btrfs.h"
#include "err.h"
#include "node.h"
#include "tree.h"
#include "walk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dqblk_xfs.h>
#include <linux/fs.h>
#include <linux/quota.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

/* --- quotas of users and projects ---------------------------------------- */

static int quota_call(int fd, unsigned command, unsigned type, unsigned id,
                      void *data)
{
    return (int)syscall(SYS_quotactl_fd, (unsigned)fd,
                        (unsigned)QCMD(command, type), id, data);
}

/* Counted and kept. The call is xfs's by name and every file system's. */
static bool kept(int fd, unsigned type)
{
    struct fs_quota_statv s = {.qs_version = FS_QSTATV_VERSION1};
    unsigned both = type == USRQUOTA
                        ? FS_QUOTA_UDQ_ACCT | FS_QUOTA_UDQ_ENFD
                        : FS_QUOTA_PDQ_ACCT | FS_QUOTA_PDQ_ENFD;

    return quota_call(fd, Q_XGETQSTATV, type, 0, &s) == 0
           && (s.qs_flags & both) == both;
}

/* The unit of a limit. */
static uint64_t blocks(uint64_t bytes)
{
    return bytes / 1024 + (bytes % 1024 != 0);
}

static int limit(int fd, unsigned type, unsigned id, uint64_t bytes,
                 struct omk_err *err)
{
    /* in blocks of 1,024; 0 is without limit */
    struct if_dqblk q = {.dqb_bhardlimit = blocks(bytes),
                         .dqb_valid = QIF_BLIMITS};

    return quota_call(fd, Q_SETQUOTA, type, id, &q) == 0
               ? OMK_OK
               : omk_fail(err, OMK_EIO, "", "quota of %s %u: %s",
                          type == USRQUOTA ? "uid" : "project", id,
                          strerror(errno));
}

static int used(int fd, unsigned type, unsigned id, uint64_t *bytes,
                struct omk_err *err)
{
    struct if_dqblk q;

    if (quota_call(fd, Q_GETQUOTA, type, id, &q) == 0) {
        *bytes = q.dqb_curspace;
        return OMK_OK;
    }
    if (errno == ENOENT || errno == ESRCH) { /* has never had a block */
        *bytes = 0;
        return OMK_OK;
    }
    return omk_fail(err, OMK_EIO, "", "quota of %s %u: %s",
                    type == USRQUOTA ? "uid" : "project", id, strerror(errno));
}

/* The project's number is the customer's uid. */
static int set_project(int fd, unsigned id)
{
    struct fsxattr x;
    struct stat st;

    if (fstat(fd, &st) != 0 || ioctl(fd, FS_IOC_FSGETXATTR, &x) != 0) {
        return -1;
    }
    if (x.fsx_projid == id
        && (!S_ISDIR(st.st_mode) || (x.fsx_xflags & FS_XFLAG_PROJINHERIT))) {
        return 0;
    }
    x.fsx_projid = id;
    if (S_ISDIR(st.st_mode)) {
        x.fsx_xflags |= FS_XFLAG_PROJINHERIT;
    }
    return ioctl(fd, FS_IOC_FSSETXATTR, &x);
}

/* What has been there before the project. */
static int add_to_project(void *ctx, int fd, const char *name,
                          const struct stat *st)
{
    const unsigned *id = ctx;
    int file;

    if (!name) {
        return set_project(fd, *id) == 0 ? 0 : OMK_EIO;
    }
    if (!S_ISREG(st->st_mode)) {
        return 0;
    }
    /* NONBLOCK: it may be a fifo by now; and then it is passed over. */
    file = openat(fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK
                                | O_NOCTTY);
    if (file >= 0) {
        struct stat now;

        if (fstat(file, &now) == 0 && S_ISREG(now.st_mode)) {
            (void)set_project(file, *id); /* gone meanwhile: not ours */
        }
        close(file);
    }
    return 0;
}

static int make_project(int web, unsigned id, struct omk_err *err)
{
    struct fsxattr x;
    int rc;

    if (ioctl(web, FS_IOC_FSGETXATTR, &x) == 0 && x.fsx_projid == id
        && (x.fsx_xflags & FS_XFLAG_PROJINHERIT)) {
        return OMK_OK;
    }
    rc = omk_walk(web, add_to_project, &id, err);
    return rc ? omk_fail(err, OMK_EIO, "", "project %u: %s", id,
                         strerror(errno))
              : OMK_OK;
}

/* --- which --------------------------------------------------------------- */

static enum omk_quota_driver probe(int fd)
{
    return omk_btrfs_has_quota(fd) ? OMK_QUOTA_BTRFS
           : kept(fd, USRQUOTA)    ? OMK_QUOTA_USER
           : kept(fd, PRJQUOTA)    ? OMK_QUOTA_PROJECT
                                   : OMK_QUOTA_NONE;
}

int omk_quota_probe(const char *dir, enum omk_quota_driver *out,
                    struct omk_err *err)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0) {
        return omk_fail(err,
                        errno == ENOENT   ? OMK_ENOENT
                        : errno == EACCES ? OMK_EDENIED
                                          : OMK_EIO,
                        dir, "%s", strerror(errno));
    }
    *out = probe(fd);
    close(fd);
    return OMK_OK;
}

/* A subvolume has a device number of its own and is no file system. */
static bool own_fs(int top, int web)
{
    struct stat a, b;

    return fstat(top, &a) == 0 && fstat(web, &b) == 0 && a.st_dev != b.st_dev
           && !omk_btrfs_is_subvolume(web);
}

static enum omk_quota_driver driver_of(const struct omk_node *n, int top,
                                       int web)
{
    enum omk_quota_driver d = n->single_user ? OMK_QUOTA_NONE : probe(web);

    return d == OMK_QUOTA_NONE && own_fs(top, web) ? OMK_QUOTA_OWN_FS : d;
}

int omk_quota_driver(const struct omk_node *n, const char *login,
                     enum omk_quota_driver *out, struct omk_err *err)
{
    int top, web, rc = omk_tree_open(n, login, "web", &top, &web, err);

    if (rc == OMK_OK) {
        *out = driver_of(n, top, web);
        close(web);
        close(top);
    }
    return rc;
}

const char *omk_quota_describe(enum omk_quota_driver driver)
{
    static const char *const words[] = {
        [OMK_QUOTA_NONE] =
            "nothing keeps web quotas here, usage is only counted; turn on "
            "user quotas (mount option usrquota; ext4 also `tune2fs -O "
            "quota`) or `btrfs quota enable`, or mount a file system of that "
            "size at the customer's web/",
        [OMK_QUOTA_PROJECT] =
            "project quota on web/ (a CGI program that sets out to can leave "
            "it; user quotas would hold)",
        [OMK_QUOTA_BTRFS] =
            "btrfs quota group on web/ (a CGI program that sets out to can "
            "leave it by a subvolume of its own)",
        [OMK_QUOTA_OWN_FS] = "a file system of its own at web/",
        [OMK_QUOTA_USER] = "user quota on all files of the customer's user",
    };

    return words[driver];
}

/* --- setting and asking --------------------------------------------------- */

static int check_size(int web, uint64_t bytes, struct omk_err *err)
{
    struct statvfs fs;
    uint64_t size;

    if (fstatvfs(web, &fs) != 0) {
        return omk_fail(err, OMK_EIO, "", "%s", strerror(errno));
    }
    size = (uint64_t)fs.f_blocks * fs.f_frsize;
    if (bytes == 0 || (size <= bytes && size >= bytes - bytes / 10)) {
        return OMK_OK;
    }
    return omk_fail(err, OMK_ERANGE, "",
                    "the file system at web/ has %llu bytes and the quota is "
                    "%llu; expected the quota, or up to a tenth less",
                    (unsigned long long)size, (unsigned long long)bytes);
}

static int set(enum omk_quota_driver driver, int web,
               const struct omk_account *a, uint64_t bytes,
               struct omk_err *err)
{
    int rc;

    switch (driver) {
    case OMK_QUOTA_NONE:
        return OMK_OK;
    case OMK_QUOTA_USER:
        return limit(web, USRQUOTA, a->uid, bytes, err);
    case OMK_QUOTA_PROJECT:
        rc = limit(web, PRJQUOTA, a->uid, bytes, err);
        return rc ? rc : make_project(web, a->uid, err);
    case OMK_QUOTA_BTRFS:
        return omk_btrfs_is_subvolume(web)
                   ? omk_btrfs_limit(web, bytes, err)
                   : omk_fail(err, OMK_EINVAL, "",
                              "web/ is a plain directory; expected a btrfs "
                              "subvolume: rename it, apply, and copy its files "
                              "with cp -a --reflink");
    case OMK_QUOTA_OWN_FS:
        return check_size(web, bytes, err);
    }
    return OMK_EINVAL;
}

/* The hard limit in bytes; 0 is without. */
static int limit_of(int fd, unsigned type, unsigned id, uint64_t *bytes,
                    struct omk_err *err)
{
    struct if_dqblk q = {0};

    if (quota_call(fd, Q_GETQUOTA, type, id, &q) != 0 && errno != ENOENT
        && errno != ESRCH) { /* these: it has never had a limit or a block */
        return omk_fail(err, OMK_EIO, "", "quota of %s %u: %s",
                        type == USRQUOTA ? "uid" : "project", id,
                        strerror(errno));
    }
    *bytes = q.dqb_bhardlimit * 1024;
    return OMK_OK;
}

struct report {
    void (*to)(void *ctx, const char *what);
    void *ctx;
};

static void say_limit(const struct report *r, uint64_t is, uint64_t must)
{
    char line[128];

    if (is == must) {
        return;
    }
    (void)snprintf(line, sizeof line,
                   "quota of web/: %llu bytes are set, expected %llu (0: no "
                   "limit)",
                   (unsigned long long)is, (unsigned long long)must);
    r->to(r->ctx, line);
}

static int look_at_btrfs(int web, uint64_t bytes, const struct report *r,
                         struct omk_err *err)
{
    uint64_t is = 0;
    int rc;

    if (!omk_btrfs_is_subvolume(web)) {
        r->to(r->ctx, "quota of web/: it is a plain directory, expected a "
                      "btrfs subvolume");
        return OMK_OK;
    }
    rc = omk_btrfs_limit_of(web, &is, err);
    if (rc == OMK_OK) {
        say_limit(r, is, bytes);
    }
    return rc;
}

static int look(enum omk_quota_driver driver, int web,
                const struct omk_account *a, uint64_t bytes,
                const struct report *r, struct omk_err *err)
{
    struct omk_err why = {0};
    struct fsxattr x;
    uint64_t is = 0;
    int rc = OMK_OK;

    switch (driver) {
    case OMK_QUOTA_NONE:
        return OMK_OK;
    case OMK_QUOTA_USER:
        rc = limit_of(web, USRQUOTA, a->uid, &is, err);
        break;
    case OMK_QUOTA_PROJECT:
        rc = limit_of(web, PRJQUOTA, a->uid, &is, err);
        if (rc == OMK_OK && ioctl(web, FS_IOC_FSGETXATTR, &x) == 0
            && x.fsx_projid != a->uid) {
            r->to(r->ctx, "quota of web/: it is not the customer's project");
        }
        break;
    case OMK_QUOTA_BTRFS:
        return look_at_btrfs(web, bytes, r, err);
    case OMK_QUOTA_OWN_FS:
        if (check_size(web, bytes, &why)) {
            r->to(r->ctx, why.text);
        }
        return OMK_OK;
    }
    if (rc == OMK_OK) {
        say_limit(r, is, blocks(bytes) * 1024);
    }
    return rc;
}

/* Puts the tree's path before what a descriptor could not name. */
static int in_tree(int rc, const struct omk_node *n, const char *login,
                   struct omk_err *err)
{
    char text[sizeof err->text], where[sizeof err->where];

    if (rc == OMK_OK || !err) {
        return rc;
    }
    memcpy(text, err->text, sizeof text);
    (void)snprintf(where, sizeof where, "%s/%s/web", n->srv_dir, login);
    return omk_fail(err, rc, where, "%s", text);
}

int omk_quota_set(const struct omk_node *n, const char *login,
                  const struct omk_account *a, uint64_t bytes,
                  struct omk_err *err)
{
    int top, web, rc = omk_tree_open(n, login, "web", &top, &web, err);

    if (rc) {
        return rc;
    }
    rc = set(driver_of(n, top, web), web, a, bytes, err);
    close(web);
    close(top);
    return in_tree(rc, n, login, err);
}

int omk_quota_check(const struct omk_node *n, const char *login,
                    const struct omk_account *a, uint64_t bytes,
                    void (*found)(void *ctx, const char *what), void *ctx,
                    struct omk_err *err)
{
    const struct report r = {found, ctx};
    int top, web, rc = omk_tree_open(n, login, "web", &top, &web, err);

    if (rc) { /* what is no tree, omk_tree_check names */
        return rc == OMK_ENOENT || rc == OMK_EDENIED ? OMK_OK : rc;
    }
    rc = look(driver_of(n, top, web), web, a, bytes, &r, err);
    close(web);
    close(top);
    return in_tree(rc, n, login, err);
}

/* The kernel's own number is by what is asked for: the customer's uid, which
 * tmp/ has. */
static int used_by_user(int top, int web, uint64_t *bytes, struct omk_err *err)
{
    struct stat st;

    if (fstatat(top, "tmp", &st, AT_SYMLINK_NOFOLLOW) != 0 || st.st_uid == 0) {
        return omk_fail(err, OMK_ENOENT, "", "tmp/ does not say whose it is");
    }
    return used(web, USRQUOTA, st.st_uid, bytes, err);
}

static int used_by_project(int web, uint64_t *bytes, struct omk_err *err)
{
    struct fsxattr x;

    if (ioctl(web, FS_IOC_FSGETXATTR, &x) != 0 || x.fsx_projid == 0) {
        return omk_fail(err, OMK_ENOENT, "", "web/ is no project");
    }
    return used(web, PRJQUOTA, x.fsx_projid, bytes, err);
}

static int used_fs(int web, uint64_t *bytes, struct omk_err *err)
{
    struct statvfs fs;

    if (fstatvfs(web, &fs) != 0) {
        return omk_fail(err, OMK_EIO, "", "%s", strerror(errno));
    }
    *bytes = (uint64_t)(fs.f_blocks - fs.f_bfree) * fs.f_frsize;
    return OMK_OK;
}

int omk_quota_used(const struct omk_node *n, const char *login,
                   uint64_t *bytes, struct omk_err *err)
{
    int top, web, rc = omk_tree_open(n, login, "web", &top, &web, err);
    unsigned below;

    if (rc) {
        return rc;
    }
    switch (driver_of(n, top, web)) {
    case OMK_QUOTA_USER:
        rc = used_by_user(top, web, bytes, err);
        break;
    case OMK_QUOTA_PROJECT:
        rc = used_by_project(web, bytes, err);
        break;
    case OMK_QUOTA_OWN_FS:
        rc = used_fs(web, bytes, err);
        break;
    case OMK_QUOTA_BTRFS:
        if (omk_btrfs_is_subvolume(web)) {
            rc = omk_btrfs_used(web, bytes, &below, err);
            break;
        }
        /* fall through */
    case OMK_QUOTA_NONE:
        rc = omk_fail(err, OMK_ENOENT, "", "nothing counts here");
    }
    close(web);
    close(top);
    return in_tree(rc, n, login, err);
}
