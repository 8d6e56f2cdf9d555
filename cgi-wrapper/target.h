/* The way to a script: from the site's root, one directory after the other, by
 * descriptors, so that what was looked at is what is run.
 *
 * The child calls it when it is the customer already: whatever it opens, it
 * opens with the customer's rights, and nothing here is of use to somebody who
 * could not have opened it himself.
 *
 * The rules. Every directory from the site's root on belongs to root or to the
 * customer and is not writable by group or others (E03), and can be entered
 * (E13); of a root that is root's, the group's bits and a sticky bit are the
 * operator's affair (customers' roots carry ACLs, which show as modes). No component is a symbolic link (E20), unless the site allows
 * those whose owner is the customer or root and which end beneath the root:
 * then what they name is walked as well, from the root on, by the same rules.
 * The script is a regular file (E20) of the customer's own (E02), not writable
 * by group or others and not set-id (E19), executable by its owner (E01).
 *
 * What cannot be pinned: an interpreter opens the script once more, by its
 * path ($0 and FindBin need one). Only the customer and root can change what is
 * there, as nobody else can write in any directory on the way; and it is run
 * with the customer's rights whatever it is. So a race has no winner but
 * somebody who races against himself. */
#ifndef CGIW_TARGET_H
#define CGIW_TARGET_H

#include "diagnose.h"

#include <linux/limits.h> /* PATH_MAX; <limits.h> is also a file of ours */
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

struct cgiw_target_rules {
    const char *root;  /* absolute; a slash at its end does not matter */
    const char *shown; /* how the customer sees root by FTP: "/web"; "/"
                          or "" for the top */
    const char *user;  /* whom the site runs as, for texts */
    uid_t uid;
    bool symlinks; /* same-owner links are allowed */
};

struct cgiw_target {
    int dir_fd; /* the directory that path names, O_PATH, for fchdir(2) */
    int fd;     /* the script, O_RDONLY; O_PATH where it is not readable. A
                   program is run by it: execveat(2) with AT_EMPTY_PATH */
    bool readable;
    struct stat st;       /* of the script (directory: of the directory) */
    char path[PATH_MAX];  /* absolute, what $0 and SCRIPT_FILENAME are: as asked
                             for, links not resolved, no "//" or "." */
    char shown[PATH_MAX]; /* path, as the customer sees it */
    char real[PATH_MAX];  /* the same with links resolved */
};

/* Walks to path (len bytes, absolute, not NUL-terminated) and checks all of it.
 * 0, and *target is filled, its two descriptors (close-on-exec) the caller's to
 * close. Else the code; then nothing is open, *target is undefined, and *facts
 * is filled for cgiw_explain(). facts->script, user and uid are set in any
 * case. Never blocks on a fifo or a device. The deny list is to be asked for
 * shown and for real: a link must not get around it.
 *
 * A script that cannot be read passes (readable is false): a program needs no
 * more. The caller answers E13 where it would need to be read:
 * cgiw_target_unreadable(). */
int cgiw_target_open(const char *path, size_t len,
                     const struct cgiw_target_rules *rules,
                     struct cgiw_target *target, struct cgiw_facts *facts);

/* The same for a directory alone (SSI's #exec cmd runs there): fd is -1, and
 * st is the directory's. */
int cgiw_target_directory(const char *path, size_t len,
                          const struct cgiw_target_rules *rules,
                          struct cgiw_target *target, struct cgiw_facts *facts);

/* Fills *facts for E13, and returns it. */
int cgiw_target_unreadable(const struct cgiw_target *target,
                           struct cgiw_facts *facts);

/* How the customer sees path (len bytes, absolute): beneath root with shown for
 * root, anything else as its last component alone. What is not UTF-8 or is a
 * control character is for cgiw_explain() to escape. Cut to fit. */
void cgiw_target_shown(const char *path, size_t len, const char *root,
                       const char *shown, char *out, size_t size);

#endif
