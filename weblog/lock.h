/* Locks between several omakase-weblog: on a graceful restart the old one still
 * drains what httpd's old children write while the new one runs.
 *
 * They are byte-range locks on one file that nobody but root and the loggers
 * can open. (A lock on a log itself, or on log/, could be taken by the
 * customer, who may read it, and held for ever.) Each byte stands for a
 * directory, by a hash of its device and inode: a collision costs a wait.
 *
 * They are of the open file description (F_OFD_SETLK, fcntl(2)), so a thread
 * needs a descriptor of its own, opened by itself and not duplicated. */
#ifndef WEBLOG_LOCK_H
#define WEBLOG_LOCK_H

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

enum weblog_lock {
    WEBLOG_LOCK_FILES, /* writing to the logs of a log/, and their names; short
                        */
    WEBLOG_LOCK_GZIP   /* compressing there; long */
};

/* The first byte of a directory's two. */
off_t weblog_lock_key(const struct stat *dir);

/* 0, or an errno: EAGAIN is another's. wait blocks instead. */
int weblog_lock(int fd, off_t key, enum weblog_lock which, bool wait);
void weblog_unlock(int fd, off_t key, enum weblog_lock which);

#endif
