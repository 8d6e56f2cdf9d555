#include "file.h"

#include "err.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int io_error(struct omk_err *err, const char *path, const char *what)
{
    int code = errno == ENOENT                        ? OMK_ENOENT
               : errno == ENOSPC || errno == EDQUOT   ? OMK_ENOSPC
               : errno == EACCES || errno == EPERM    ? OMK_EDENIED
                                                      : OMK_EIO;

    return omk_fail(err, code, path, "%s: %s", what, strerror(errno));
}

int omk_file_read_fd(int fd, const char *path, size_t max, char **data,
                     size_t *len, struct omk_err *err)
{
    struct stat st;
    char *buf;
    size_t have = 0;

    if (fstat(fd, &st) != 0) {
        return io_error(err, path, "fstat");
    }
    if (!S_ISREG(st.st_mode)) {
        return omk_fail(err, OMK_EINVAL, path, "not a regular file");
    }
    if (st.st_size < 0 || (size_t)st.st_size > max) {
        return omk_fail(err, OMK_ERANGE, path,
                        "larger than %zu bytes", max);
    }
    buf = malloc((size_t)st.st_size + 1);
    if (!buf) {
        return omk_fail(err, OMK_ENOMEM, path, "out of memory");
    }
    while (have < (size_t)st.st_size) {
        ssize_t n = read(fd, buf + have, (size_t)st.st_size - have);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            free(buf);
            return io_error(err, path, "read");
        }
        if (n == 0) {
            break;
        }
        have += (size_t)n;
    }
    buf[have] = '\0';
    *data = buf;
    *len = have;
    return OMK_OK;
}

int omk_file_read(const char *path, size_t max, char **data, size_t *len,
                  struct omk_err *err)
{
    /* O_NONBLOCK: a fifo in the file's place must not stop us. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    int rc;

    if (fd < 0) {
        return io_error(err, path, "open");
    }
    rc = omk_file_read_fd(fd, path, max, data, len, err);
    close(fd);
    return rc;
}

int omk_write_all(int fd, const void *data, size_t len)
{
    const char *p = data;

    while (len > 0) {
        ssize_t n = write(fd, p, len);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return -errno;
        }
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

static int sync_directory(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *dir = slash == path ? strdup("/")
                : slash       ? strndup(path, (size_t)(slash - path))
                              : strdup(".");
    int fd, rc;

    if (!dir) {
        return -1;
    }
    fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(dir);
    if (fd < 0) {
        return -1;
    }
    rc = fsync(fd);
    close(fd);
    return rc;
}

static int fill(int fd, const void *data, size_t len, mode_t mode, gid_t gid)
{
    int rc = omk_write_all(fd, data, len);

    if (rc != 0) {
        errno = -rc;
        return -1;
    }
    /* The group first: chown(2) takes bits off the mode. */
    return (gid != (gid_t)-1 && fchown(fd, (uid_t)-1, gid) != 0)
                   || fchmod(fd, mode) != 0 || fsync(fd) != 0
               ? -1
               : 0;
}

int omk_file_write_group(const char *path, const void *data, size_t len,
                         mode_t mode, gid_t gid, struct omk_err *err)
{
    char *tmp;
    int fd, saved;

    if (asprintf(&tmp, "%s.XXXXXX", path) < 0) {
        return omk_fail(err, OMK_ENOMEM, path, "out of memory");
    }
    fd = mkostemp(tmp, O_CLOEXEC);
    if (fd < 0) {
        free(tmp);
        return io_error(err, path, "cannot create a temporary beside it");
    }
    if (fill(fd, data, len, mode, gid) != 0 || rename(tmp, path) != 0) {
        saved = errno;
        unlink(tmp);
        close(fd);
        free(tmp);
        errno = saved;
        return io_error(err, path, "write");
    }
    close(fd);
    free(tmp);
    if (sync_directory(path) != 0) {
        return io_error(err, path, "fsync of its directory");
    }
    return OMK_OK;
}

int omk_file_write(const char *path, const void *data, size_t len, mode_t mode,
                   struct omk_err *err)
{
    return omk_file_write_group(path, data, len, mode, (gid_t)-1, err);
}
