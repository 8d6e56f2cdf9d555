#include "keep.h"

#include "lock.h"
#include "place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define CHUNK ((size_t)128 << 10)
#define GZIP 16 /* added to the window bits: zlib.h, deflateInit2 */

/* --- compressing --------------------------------------------------------- */

static int write_all(int fd, const unsigned char *data, size_t len)
{
    while (len) {
        ssize_t n = write(fd, data, len);

        if (n < 0 && errno != EINTR) {
            return errno;
        }
        data += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
    return 0;
}

/* Everything that deflate has for what it got. */
static int drain(z_stream *z, int flush, int out, unsigned char *buf)
{
    do {
        int error;

        z->next_out = buf;
        z->avail_out = (uInt)CHUNK;
        if (deflate(z, flush) == Z_STREAM_ERROR) {
            return EINVAL;
        }
        error = write_all(out, buf, CHUNK - z->avail_out);
        if (error) {
            return error;
        }
    } while (z->avail_out == 0);
    return 0;
}

static int deflate_all(z_stream *z, int in, int out, unsigned char *from,
                       unsigned char *to)
{
    for (;;) {
        ssize_t n = read(in, from, CHUNK);
        int error;

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return errno;
        }
        z->next_in = from;
        z->avail_in = (uInt)n;
        error = drain(z, n ? Z_NO_FLUSH : Z_FINISH, out, to);
        if (error || !n) {
            return error;
        }
    }
}

int weblog_gzip(int in, int out, int level, time_t mtime)
{
    gz_header head = {.time = (uLong)mtime, .os = 3};
    unsigned char *buf = malloc(2 * CHUNK);
    z_stream z = {0};
    int rc = buf ? deflateInit2(&z, level, Z_DEFLATED, MAX_WBITS + GZIP, 8,
                                Z_DEFAULT_STRATEGY)
                 : Z_MEM_ERROR;
    int error;

    if (rc != Z_OK) {
        free(buf);
        return rc == Z_MEM_ERROR ? ENOMEM : EINVAL;
    }
    (void)deflateSetHeader(&z, &head);
    error = lseek(in, 0, SEEK_SET) < 0
                ? errno
                : deflate_all(&z, in, out, buf, buf + CHUNK);
    (void)deflateEnd(&z);
    free(buf);
    return error ? error : fsync(out) != 0 ? errno : 0;
}

/* --- the names ----------------------------------------------------------- */

static bool is_same_file(int dir, const char *a, const char *b)
{
    struct stat one, other;

    return fstatat(dir, a, &one, AT_SYMLINK_NOFOLLOW) == 0
           && fstatat(dir, b, &other, AT_SYMLINK_NOFOLLOW) == 0
           && one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

/* Those from this place down are still to be moved up: all of them, or, after
 * an interruption, those below the one that stands under two names. */
static unsigned still_to_move(int dir, enum weblog_kind kind)
{
    unsigned last = weblog_generations[kind];

    for (unsigned n = 1; n < last; n++) {
        char name[WEBLOG_NAME_MAX], next[WEBLOG_NAME_MAX];

        weblog_name_gz(name, kind, n);
        weblog_name_gz(next, kind, n + 1);
        if (is_same_file(dir, name, next)) {
            return n - 1;
        }
    }
    return last - 1;
}

/* The file gets the next name as well; it loses its own to the one below. */
static int move_up(int dir, enum weblog_kind kind, unsigned n)
{
    char name[WEBLOG_NAME_MAX], next[WEBLOG_NAME_MAX], between[WEBLOG_NAME_MAX];

    weblog_name_gz(name, kind, n);
    weblog_name_gz(next, kind, n + 1);
    (void)snprintf(between, sizeof between, ".%s.move", weblog_names[kind]);
    if (unlinkat(dir, between, 0) != 0 && errno != ENOENT) {
        return errno;
    }
    if (linkat(dir, name, dir, between, 0) != 0) {
        /* A gap. Where there are no hard links the name is missing for a
         * moment; its file is whole all the same. */
        return errno == ENOENT ? 0
               : (errno == EPERM || errno == EOPNOTSUPP || errno == EMLINK)
                       && renameat(dir, name, dir, next) == 0
                   ? 0
                   : errno;
    }
    return renameat(dir, between, dir, next) == 0 ? 0 : errno;
}

/* The new file as the first. */
static int publish(int dir, enum weblog_kind kind, const char *new)
{
    char first[WEBLOG_NAME_MAX];
    int error = 0;

    for (unsigned n = still_to_move(dir, kind); !error && n >= 1; n--) {
        error = move_up(dir, kind, n);
    }
    if (error) {
        return error;
    }
    weblog_name_gz(first, kind, 1);
    return renameat(dir, new, dir, first) == 0 ? 0 : errno;
}

/* --- one generation ------------------------------------------------------ */

static int compress_into(int dir, const char *new, int in, int level,
                         const struct stat *st)
{
    int out, error;

    /* Of one that was interrupted. */
    if (unlinkat(dir, new, 0) != 0 && errno != ENOENT) {
        return errno;
    }
    out = openat(dir, new, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                 0644);
    if (out < 0) {
        return errno;
    }
    error = fchmod(out, 0644) != 0 ? errno
                                   : weblog_gzip(in, out, level, st->st_mtime);
    if (close(out) != 0 && !error) {
        error = errno;
    }
    if (error) {
        (void)unlinkat(dir, new, 0);
    }
    return error;
}

/* Whoever had it open to write to when it was closed writes under the lock,
 * after a look whether it is still the log: nobody does once we have had it. */
static int wait_for_writers(int lock_fd, off_t key)
{
    int error = weblog_lock(lock_fd, key, WEBLOG_LOCK_FILES, true);

    if (!error) {
        weblog_unlock(lock_fd, key, WEBLOG_LOCK_FILES);
    }
    return error;
}

int weblog_keep_one(int dir, enum weblog_kind kind, int lock_fd, off_t key,
                    int level)
{
    char closed[WEBLOG_NAME_MAX], new[WEBLOG_NAME_MAX];
    struct weblog_closed found;
    struct stat st;
    int in, error = weblog_closed_find(dir, kind, &found);

    if (error || !found.count) {
        return error ? error : ENOENT;
    }
    weblog_name_closed(closed, kind, found.oldest);
    weblog_name_new(new, kind);
    error = wait_for_writers(lock_fd, key);
    error = error ? error : weblog_file_read(dir, closed, &in, &st);
    if (error) {
        /* Dropped meanwhile for newer ones: those are next. */
        return error == ENOENT ? 0 : error;
    }
    error = compress_into(dir, new, in, level, &st);
    close(in);
    error = error ? error : weblog_lock(lock_fd, key, WEBLOG_LOCK_FILES, true);
    if (error) {
        return error;
    }
    error = publish(dir, kind, new);
    weblog_unlock(lock_fd, key, WEBLOG_LOCK_FILES);
    /* Its source goes last. After a power cut in between a generation comes
     * twice, which is better than not at all. */
    if (!error && fsync(dir) != 0) {
        error = errno;
    }
    if (!error && unlinkat(dir, closed, 0) != 0 && errno != ENOENT) {
        error = errno;
    }
    return error;
}
