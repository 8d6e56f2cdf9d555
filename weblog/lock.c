#include "lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <unistd.h>

/* Any spread will do: murmur3's finalizer. */
static uint64_t mix(uint64_t h)
{
    h ^= h >> 33;
    h *= 0xff51afd7ed558ccdULL;
    h ^= h >> 33;
    h *= 0xc4ceb9fe1a85ec53ULL;
    return h ^ (h >> 33);
}

off_t weblog_lock_key(const struct stat *dir)
{
    uint64_t h = mix((uint64_t)dir->st_dev ^ mix((uint64_t)dir->st_ino));

    return (off_t)((h >> 3) << 1);
}

static int set(int fd, off_t key, enum weblog_lock which, short type, int cmd)
{
    struct flock l = {
        .l_type = type,
        .l_whence = SEEK_SET,
        .l_start = key + (off_t)which,
        .l_len = 1,
    };

    while (fcntl(fd, cmd, &l) != 0) {
        if (errno != EINTR) {
            return errno == EACCES ? EAGAIN : errno;
        }
    }
    return 0;
}

int weblog_lock(int fd, off_t key, enum weblog_lock which, bool wait)
{
    return set(fd, key, which, F_WRLCK, wait ? F_OFD_SETLKW : F_OFD_SETLK);
}

void weblog_unlock(int fd, off_t key, enum weblog_lock which)
{
    (void)set(fd, key, which, F_UNLCK, F_OFD_SETLK);
}
