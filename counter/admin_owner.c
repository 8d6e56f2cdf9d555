#include "admin_owner.h"

#include "err.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int stat_directory(const char *path, struct stat *st)
{
    const char *slash = strrchr(path, '/');
    char *dir = slash == path ? strdup("/")
                : slash       ? strndup(path, (size_t)(slash - path))
                              : strdup(".");
    int rc = dir ? stat(dir, st) : -1;

    free(dir);
    return rc;
}

/* Groups, gid, uid; then a proof that there is no way back. */
static int become(uid_t uid, gid_t gid, const char *path, struct omk_err *err)
{
    const struct passwd *pw = getpwuid(uid);
    int rc = pw ? initgroups(pw->pw_name, gid) : setgroups(1, &gid);

    if (rc != 0 || setresgid(gid, gid, gid) != 0
        || setresuid(uid, uid, uid) != 0) {
        return omk_fail(err, OMK_EIO, path, "cannot become its owner: %s",
                        strerror(errno));
    }
    if (setuid(0) == 0 || geteuid() != uid || getegid() != gid) {
        return omk_fail(err, OMK_EIO, path,
                        "became its owner and could still be root");
    }
    return OMK_OK;
}

int counter_become_owner(const char *path, bool create, struct omk_err *err)
{
    struct stat dir, store;
    bool there = lstat(path, &store) == 0;

    if (!there && (errno != ENOENT || !create)) {
        return omk_fail(err, errno == ENOENT ? OMK_ENOENT : OMK_EIO, path,
                        "%s", strerror(errno));
    }
    if (stat_directory(path, &dir) != 0) {
        return omk_fail(err, errno == ENOENT ? OMK_ENOENT : OMK_EIO, path,
                        "its directory: %s", strerror(errno));
    }
    if (geteuid() != 0) {
        return OMK_OK;
    }
    if (!there && dir.st_uid == 0) {
        return omk_fail(err, OMK_EDENIED, path,
                        "its directory is root's, so httpd could not use a "
                        "store there; give the directory to httpd's user "
                        "(chown)");
    }
    if (there && store.st_uid == 0 && dir.st_uid != 0) {
        return omk_fail(err, OMK_EDENIED, path,
                        "is root's in another user's directory; give it to "
                        "httpd's user (chown)");
    }
    if (there) {
        dir = store;
    }
    return dir.st_uid == 0 ? OMK_OK : become(dir.st_uid, dir.st_gid, path, err);
}
