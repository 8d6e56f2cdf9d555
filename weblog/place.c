#include "place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OPEN_DIR (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)
/* O_NONBLOCK: a FIFO without a reader would hold us up for ever. */
#define OPEN_LOG                                                               \
    (O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK       \
     | O_NOCTTY)
#define OPEN_READ (O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
#define LOG_MODE 0644
#define SLOW_MAX (1 << 20)

const char *const weblog_names[WEBLOG_KINDS] = {"web.log", "error.log"};
const unsigned weblog_generations[WEBLOG_KINDS] = {4, 1};

/* What stands in the way, as opposed to what fails. */
static int refused(int error)
{
    return error == ELOOP || error == ENOTDIR || error == ENXIO
                   || error == EISDIR || error == ENODEV
               ? EPERM
               : error;
}

int weblog_place_open(int srv, const char *login, int *fd, struct stat *st)
{
    /* O_PATH: others than the customer may enter it, not read it. */
    int top = openat(srv, login, (OPEN_DIR & ~O_NONBLOCK) | O_PATH);
    int log, error;

    if (top < 0) {
        return refused(errno);
    }
    log = openat(top, "log", OPEN_DIR);
    error = log < 0 ? refused(errno) : fstat(log, st) != 0 ? errno : 0;
    close(top);
    /* Root's or our own; never the customer's. */
    if (!error && st->st_uid != 0 && st->st_uid != geteuid()) {
        error = EPERM;
    }
    if (error) {
        if (log >= 0) {
            close(log);
        }
        return error;
    }
    *fd = log;
    return 0;
}

static int open_file(int dir, const char *name, int flags, int *fd,
                     struct stat *st)
{
    int file = openat(dir, name, flags, LOG_MODE);
    int error;

    if (file < 0) {
        return refused(errno);
    }
    error =
        fstat(file, st) != 0 ? errno
        : !S_ISREG(st->st_mode) || st->st_uid != geteuid() || st->st_nlink > 1
            ? EPERM
            : 0;
    if (error) {
        close(file);
        return error;
    }
    *fd = file;
    return 0;
}

int weblog_file_open(int dir, const char *name, int *fd, struct stat *st)
{
    int error = open_file(dir, name, OPEN_LOG, fd, st);

    /* Whatever the umask is: the customer reads it. */
    if (!error && (st->st_mode & 07777) != LOG_MODE
        && fchmod(*fd, LOG_MODE) != 0) {
        error = errno;
        close(*fd);
    }
    return error;
}

int weblog_file_read(int dir, const char *name, int *fd, struct stat *st)
{
    return open_file(dir, name, OPEN_READ, fd, st);
}

void weblog_trim_slow(int dir)
{
    static const char name[] = "php-slow.log";
    struct stat st;
    int fd;

    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0
        || st.st_size <= SLOW_MAX) {
        return;
    }
    fd = openat(dir, name,
                O_WRONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        return;
    }
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1) {
        (void)!ftruncate(fd, 0); /* next time, then */
    }
    close(fd);
}

void weblog_name_gz(char out[WEBLOG_NAME_MAX], enum weblog_kind kind,
                    unsigned n)
{
    (void)snprintf(out, WEBLOG_NAME_MAX, "%s.%u.gz", weblog_names[kind], n);
}

void weblog_name_closed(char out[WEBLOG_NAME_MAX], enum weblog_kind kind,
                        unsigned long n)
{
    (void)snprintf(out, WEBLOG_NAME_MAX, ".%s.%010lu", weblog_names[kind], n);
}

void weblog_name_new(char out[WEBLOG_NAME_MAX], enum weblog_kind kind)
{
    (void)snprintf(out, WEBLOG_NAME_MAX, ".%s.new", weblog_names[kind]);
}

/* N of ".web.log.N" in ten digits, or 0. */
static unsigned long closed_number(const char *name, enum weblog_kind kind)
{
    size_t len = strlen(weblog_names[kind]);
    const char *digits = name + len + 2;

    if (name[0] != '.' || strncmp(name + 1, weblog_names[kind], len) != 0
        || name[len + 1] != '.' || strlen(digits) != 10
        || strspn(digits, "0123456789") != 10) {
        return 0;
    }
    return strtoul(digits, NULL, 10);
}

int weblog_closed_find(int dir, enum weblog_kind kind,
                       struct weblog_closed *out)
{
    struct weblog_closed found = {0};
    int fd = openat(dir, ".", OPEN_DIR);
    DIR *list = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *e;
    int error;

    if (!list) {
        error = errno;
        if (fd >= 0) {
            close(fd);
        }
        return error;
    }
    errno = 0;
    while ((e = readdir(list))) {
        unsigned long n = closed_number(e->d_name, kind);

        if (!n) {
            continue;
        }
        found.count++;
        found.newest = n > found.newest ? n : found.newest;
        found.oldest = !found.oldest || n < found.oldest ? n : found.oldest;
    }
    error = errno;
    closedir(list);
    if (!error) {
        *out = found;
    }
    return error;
}

static int drop_oldest(int dir, enum weblog_kind kind)
{
    struct weblog_closed closed;
    char name[WEBLOG_NAME_MAX];
    int error = weblog_closed_find(dir, kind, &closed);

    if (error || closed.count <= weblog_generations[kind]) {
        return error;
    }
    weblog_name_closed(name, kind, closed.oldest);
    return unlinkat(dir, name, 0) == 0 || errno == ENOENT ? 0 : errno;
}

int weblog_rotate(int dir, enum weblog_kind kind)
{
    struct weblog_closed closed;
    char name[WEBLOG_NAME_MAX];
    int error = weblog_closed_find(dir, kind, &closed);

    if (error) {
        return error;
    }
    weblog_name_closed(name, kind, closed.newest + 1);
    if (renameat2(dir, weblog_names[kind], dir, name, RENAME_NOREPLACE) != 0
        /* a file system that does not know it: the lock is enough */
        && (errno != EINVAL
            || renameat(dir, weblog_names[kind], dir, name) != 0)) {
        return errno;
    }
    return drop_oldest(dir, kind);
}
