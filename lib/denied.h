/* The list of scripts that the operator has disabled.
 *
 * A text file of root's, written whole and renamed into place. A line each:
 *
 *   LOGIN <tab> DEV:INO[:BORN] <tab> PATH <tab> TIME <tab> WHY
 *
 * PATH is as the customer sees it by FTP (/web/cgi/a.cgi). DEV and INO are
 * decimal, st_dev and st_ino of the file when it was disabled; 0:0 where it was
 * not there. BORN is when it was made, in nanoseconds since 1970, where its
 * file system knows. TIME is 2026-11-25T10:00:00Z. In PATH and WHY backslash,
 * control characters and DEL are written \\ and \xHH. Empty lines and those
 * that begin with # are passed over.
 *
 * A script is denied by its customer and path, or by its customer and file: so
 * neither uploading it again nor renaming it lifts that. A file's inode is
 * given away when it is removed; the time of its birth tells the next one that
 * gets it. That time cannot be set, unlike others, and writing does not change
 * it. libc only; nothing here logs. */
#ifndef OMK_DENIED_H
#define OMK_DENIED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct omk_err;

#define OMK_DENIED_FILE_MAX (4u << 20) /* bytes; a larger file is refused */

/* Which file it is, whatever its name. */
struct omk_denied_file {
    uint64_t dev, ino; /* both 0: unknown */
    uint64_t born_ns;  /* 0: unknown */
};

struct omk_denied_entry {
    const char *login, *path, *time, *why; /* unescaped */
    struct omk_denied_file file;
};

/* All zero is an empty list that was not read yet. One to a thread, or behind
 * the caller's lock; read-only use (find) may be shared. */
struct omk_denied {
    struct omk_denied_entry *entries;
    size_t count;
    char *text; /* what entries point into */
    bool read;  /* the five below are a file's */
    uint64_t dev, ino, size;
    int64_t mtime_s, mtime_ns;
    unsigned damaged;      /* lines that were passed over */
    unsigned damaged_line; /* number of the first of them, from 1 */
};

/* Makes *list from text (len bytes). Lines that are not of the form above are
 * counted in damaged and passed over; the others hold. OMK_ENOMEM leaves *list
 * as it was. What it had before is freed. */
int omk_denied_parse(struct omk_denied *list, const char *text, size_t len,
                     struct omk_err *err);

/* Reads the file if it is not the one that was read last (device, inode, size
 * or time differ). No such file is an empty list. On an error *list stays as it
 * was, so that a damaged disk lifts nothing: OMK_ERANGE, OMK_EDENIED, OMK_EIO,
 * OMK_EINVAL (no regular file), OMK_ENOMEM. *changed (may be NULL) says
 * whether it was read: the moment to log damaged lines. */
int omk_denied_load(struct omk_denied *list, const char *path, bool *changed,
                    struct omk_err *err);

/* Of what is open as fd (O_PATH will do). 0, or -1 with errno. */
int omk_denied_identify(int fd, struct omk_denied_file *file);

/* The entry that denies this file, or NULL. file NULL: by path alone. */
const struct omk_denied_entry *
omk_denied_find(const struct omk_denied *list, const char *login,
                const char *path, const struct omk_denied_file *file);

/* Writes the list with this entry added; one of the same login and path is
 * replaced. Removing: that entry is left out, OMK_ENOENT if there is none.
 * Damaged lines stay as they are. The caller keeps others from writing at the
 * same time. mode and gid are the file's ((gid_t)-1: the caller's own group).
 * login must be of [A-Za-z0-9._-], path absolute, time without a tab or
 * newline: OMK_EINVAL. */
int omk_denied_add(const char *file, const struct omk_denied_entry *entry,
                   mode_t mode, gid_t gid, struct omk_err *err);
int omk_denied_remove(const char *file, const char *login, const char *path,
                      mode_t mode, gid_t gid, struct omk_err *err);

void omk_denied_free(struct omk_denied *list);

#endif
