/* Walks a directory of a customer's as root would have to: by descriptors,
 * never through a symbolic link or into another file system, with a bounded
 * number of descriptors however deep it goes, and while others change it. */
#ifndef OMK_WALK_H
#define OMK_WALK_H

#include <sys/stat.h>

struct omk_err;

/* Calls visit for dir itself and for everything below: st is of the entry,
 * never of where a link points. For a directory fd is the directory's own
 * (O_RDONLY) and name is NULL, else the entry is name in the directory fd and
 * may be gone or another one by now. What cannot be opened or vanishes is
 * passed over; so is the rest of a directory that is moved while the walk is
 * deep below it. visit returns 0 to go on, anything else ends the walk and is
 * handed back. OMK_ERANGE: more than OMK_WALK_MAX entries, so that nobody
 * keeps the walk going for ever by moving what it has seen to where it will
 * come. OMK_EIO, OMK_ENOMEM. dir stays the caller's. */
#define OMK_WALK_MAX ((size_t)1 << 26)

int omk_walk(int dir,
             int (*visit)(void *ctx, int fd, const char *name,
                          const struct stat *st),
             void *ctx, struct omk_err *err);

#endif
