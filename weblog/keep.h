/* Past generations: each closed log becomes NAME.1.gz, and the older ones move
 * up; what moves behind the last place is gone.
 *
 * A reader finds a whole gzip file under each name at any moment, also after
 * a power cut: compressed into a temporary, synced, and renamed over what was
 * there. While names move no name is without its file, and a generation may
 * stand under two names; who is interrupted in that goes on where it was. */
#ifndef WEBLOG_KEEP_H
#define WEBLOG_KEEP_H

#include "line.h"

#include <sys/types.h>

/* zlib's levels; 6 is what gzip takes, too: half the size of 1's rest at
 * less than half the speed, and the speed of none of them is waited for. */
#define WEBLOG_LEVEL 6

/* Compresses all of in, from its start, into out as one gzip member and syncs
 * it; mtime is what the member says. 0 or an errno value (EINVAL: not a level;
 * ENOMEM). Whatever is written of out on failure stays. Thread-safe. */
int weblog_gzip(int in, int out, int level, time_t mtime);

/* Compresses the oldest closed generation in dir and puts it in its place.
 * The caller has WEBLOG_LOCK_GZIP by lock_fd, whose WEBLOG_LOCK_FILES is taken
 * for the names. 0, ENOENT: there is none; EPERM: what stands there is not
 * ours, see place.h; or another errno value, with everything as it was. */
int weblog_keep_one(int dir, enum weblog_kind kind, int lock_fd, off_t key,
                    int level);

#endif
