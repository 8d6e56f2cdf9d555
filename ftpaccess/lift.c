#include "lift.h"

#include "err.h"
#include "file.h"
#include "ftpaccess.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define TRIES 100

static void name_of(int i, char *name, size_t room)
{
    (void)snprintf(name, room, i ? LIFT_NAME ".%d" : LIFT_NAME, i);
}

static int failed(struct omk_err *err, const char *what)
{
    return omk_fail(err, errno == ENOENT ? OMK_ENOENT : OMK_EIO, what, "%s",
                    strerror(errno));
}

int lift_disable(int dir_fd, char *name, size_t room, struct omk_err *err)
{
    for (int i = 0; i < TRIES; i++) {
        name_of(i, name, room);
        if (renameat2(dir_fd, FTPACCESS_NAME, dir_fd, name, RENAME_NOREPLACE)
            == 0) {
            return OMK_OK;
        }
        if (errno != EEXIST) {
            return failed(err, FTPACCESS_NAME);
        }
    }
    return omk_fail(err, OMK_EBUSY, FTPACCESS_NAME,
                    "all names from " LIFT_NAME " to .%d are taken: remove "
                    "some",
                    TRIES - 1);
}

int lift_enable(int dir_fd, char *name, size_t room, struct omk_err *err)
{
    struct stat st;

    for (int i = TRIES; i-- > 0;) {
        name_of(i, name, room);
        if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
            continue;
        }
        if (renameat2(dir_fd, name, dir_fd, FTPACCESS_NAME, RENAME_NOREPLACE)
            == 0) {
            return OMK_OK;
        }
        if (errno == EEXIST) {
            return omk_fail(err, OMK_EBUSY, FTPACCESS_NAME,
                            "is there already: disable or remove it first");
        }
        return failed(err, name);
    }
    return omk_fail(err, OMK_ENOENT, LIFT_NAME, "No such file or directory");
}

int lift_audit_open(const char *path, struct omk_err *err)
{
    int fd = open(path,
                  O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW
                      | O_NOCTTY | O_NONBLOCK,
                  0600);
    struct stat st;

    if (fd < 0) {
        return omk_fail(err, OMK_EIO, path, "%s", strerror(errno));
    }
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return omk_fail(err, OMK_EIO, path, "is no regular file");
    }
    return fd;
}

int lift_audit(int fd, const char *id, const char *text, struct omk_err *err)
{
    char stamp[64], line[8192];
    time_t now = time(NULL);
    struct tm tm;
    int n;

    (void)gmtime_r(&now, &tm);
    (void)strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", &tm);
    n = snprintf(line, sizeof line - 1, "%s %s uid=%ld %s", stamp, id,
                 (long)getuid(), text);
    n = n < 0 ? 0 : n > (int)sizeof line - 2 ? (int)sizeof line - 2 : n;
    for (int i = 0; i < n; i++) {
        line[i] =
            (unsigned char)line[i] < ' ' || line[i] == 0x7f ? ' ' : line[i];
    }
    line[n++] = '\n';
    if (omk_write_all(fd, line, (size_t)n) != 0 || fsync(fd) != 0) {
        return omk_fail(err, OMK_EIO, "audit log", "%s", strerror(errno));
    }
    return OMK_OK;
}
