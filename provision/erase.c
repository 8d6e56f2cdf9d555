#include "erase.h"

#include "btrfs.h"
#include "err.h"
#include "names.h"
#include "node.h"
#include "tree.h"
#include "walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OPEN_DIR (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)
#define REMOVED ".removed" /* no login begins with a dot */

struct erase {
    const char *login;
    int removed; /* SRV/.removed */
    size_t seen;
    unsigned long next; /* a number for the next name that is made up */
    struct omk_err *err;
};

static int failed(struct omk_err *err, const char *where, const char *what)
{
    int e = errno;

    return omk_fail(err,
                    e == EACCES || e == EPERM || e == EBUSY || e == EROFS
                        ? OMK_EDENIED
                    : e == ENOSPC || e == EDQUOT ? OMK_ENOSPC
                                                 : OMK_EIO,
                    where, "%s: %s", what,
                    e == EBUSY ? "something is mounted there" : strerror(e));
}

static int failed_at(struct erase *e, const char *name, const char *what)
{
    char where[200], shown[64];
    int error = errno;

    (void)snprintf(where, sizeof where, "tree of %s, at '%s'", e->login,
                   omk_printable(name, strlen(name), shown));
    errno = error;
    return failed(e->err, where, what);
}

/* --- what is mounted ----------------------------------------------------- */

/* mountinfo has blanks and the like as \ooo. In place. */
static void unescape(char *s)
{
    char *to = s;

    while (*s) {
        if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0'
            && s[2] <= '7' && s[3] >= '0' && s[3] <= '7') {
            *to++ = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + s[3] - '0');
            s += 4;
        }
        else {
            *to++ = *s++;
        }
    }
    *to = '\0';
}

static bool is_at_or_below(const char *path, const char *top)
{
    size_t len = strlen(top);

    return !strncmp(path, top, len) && (path[len] == '/' || !path[len]);
}

/* The fifth word of each line is where it is mounted. */
static int check_mounts(const char *top, struct omk_err *err)
{
    FILE *f = fopen("/proc/self/mountinfo", "re");
    char *line = NULL;
    size_t room = 0;
    int rc = OMK_OK;

    if (!f) {
        return failed(err, "/proc/self/mountinfo", "open");
    }
    while (rc == OMK_OK && getline(&line, &room, f) > 0) {
        char *word = line;

        for (int i = 0; word && i < 4; i++) {
            word = strchr(word, ' ');
            word += word ? 1 : 0;
        }
        if (!word) {
            continue;
        }
        word[strcspn(word, " \n")] = '\0';
        unescape(word);
        if (is_at_or_below(word, top)) {
            rc = omk_fail(err, OMK_EDENIED, word,
                          "a file system is mounted there; unmount it first");
        }
    }
    if (rc == OMK_OK && ferror(f)) {
        rc = failed(err, "/proc/self/mountinfo", "read");
    }
    free(line);
    fclose(f);
    return rc;
}

int omk_erase_check(const struct omk_node *n, const char *login,
                    struct omk_err *err)
{
    char *srv = realpath(n->srv_dir, NULL);
    char top[4096];
    int rc = OMK_OK;

    if (!srv) {
        return errno == ENOENT ? OMK_OK : failed(err, n->srv_dir, "realpath");
    }
    if (snprintf(top, sizeof top, "%s/%s", srv, login) >= (int)sizeof top) {
        rc = omk_fail(err, OMK_ERANGE, n->srv_dir, "too long a path");
    }
    free(srv);
    return rc ? rc : check_mounts(top, err);
}

/* --- taking apart -------------------------------------------------------- */

/* rename to a name that nothing has. */
static int move_aside(struct erase *e, int from, const char *name, int to,
                      const char *prefix)
{
    char fresh[64];
    int rc;

    do {
        (void)snprintf(fresh, sizeof fresh, "%s.%lu", prefix, e->next++);
        rc = renameat2(from, name, to, fresh, RENAME_NOREPLACE);
    } while (rc != 0 && errno == EEXIST);
    return rc;
}

/* Gone, or swapped for something else, by a process that is still in there:
 * the next turn's. */
static bool is_another_by_now(void)
{
    return errno == ENOENT || errno == ENOTDIR || errno == ELOOP;
}

/* 0: gone. 1: a directory with something in it. Never enters a mount point:
 * rmdir says EBUSY of one before anything else. */
static int remove_entry(struct erase *e, int dir, const char *name)
{
    if (++e->seen > OMK_WALK_MAX) {
        return omk_fail(e->err, OMK_ERANGE, e->login, "more than %zu files",
                        OMK_WALK_MAX);
    }
    if (unlinkat(dir, name, 0) == 0 || errno == ENOENT) {
        return 0;
    }
    if (errno != EISDIR) {
        return failed_at(e, name, "unlink");
    }
    if (unlinkat(dir, name, AT_REMOVEDIR) == 0 || is_another_by_now()) {
        return 0;
    }
    /* A read-only subvolume says EROFS even when it is empty. */
    return errno == ENOTEMPTY || errno == EEXIST || errno == EROFS
               ? 1
               : failed_at(e, name, "rmdir");
}

static int each_entry(struct erase *e, int dir,
                      int (*visit)(struct erase *e, int dir, const char *name,
                                   int top),
                      int top, size_t *count)
{
    int fd = openat(dir, ".", OPEN_DIR), rc = 0;
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;

    if (!d) {
        rc = failed_at(e, ".", "open");
        if (fd >= 0) {
            close(fd);
        }
        return rc;
    }
    while (rc == 0 && (errno = 0, entry = readdir(d))) {
        if (strcmp(entry->d_name, ".") != 0
            && strcmp(entry->d_name, "..") != 0) {
            ++*count;
            rc = visit(e, dir, entry->d_name, top);
        }
    }
    if (rc == 0 && errno) {
        rc = failed_at(e, ".", "readdir");
    }
    closedir(d);
    return rc;
}

/* To where a subvolume, and nothing else, can be moved from another one; a
 * read-only one only once it is none. */
static int move_subvolume(struct erase *e, int dir, const char *name, int fd)
{
    omk_btrfs_writable(fd);
    return move_aside(e, dir, name, e->removed, e->login) == 0
                   || is_another_by_now()
               ? 0
               : failed_at(e, name, "rename");
}

/* An entry of a directory that is in top: what is not empty goes up into top,
 * so that nothing is ever deeper than this. */
static int lift(struct erase *e, int dir, const char *name, int top)
{
    int rc = remove_entry(e, dir, name), fd;

    if (rc <= 0) {
        return rc;
    }
    if (move_aside(e, dir, name, top, "up") == 0 || is_another_by_now()) {
        return 0;
    }
    fd = openat(dir, name, OPEN_DIR);
    if (fd < 0) {
        return is_another_by_now() ? 0 : failed_at(e, name, "open");
    }
    rc = move_subvolume(e, dir, name, fd);
    close(fd);
    return rc;
}

/* An entry of top. */
static int flatten(struct erase *e, int dir, const char *name, int top)
{
    int rc = remove_entry(e, dir, name), fd;
    size_t count = 0;

    if (rc <= 0) {
        return rc;
    }
    fd = openat(dir, name, OPEN_DIR);
    if (fd < 0) {
        return is_another_by_now() ? 0 : failed_at(e, name, "open");
    }
    /* What is below a subvolume can be lifted within it alone. */
    if (omk_btrfs_is_subvolume(fd)) {
        rc = move_subvolume(e, dir, name, fd);
        close(fd);
        return rc;
    }
    rc = each_entry(e, fd, lift, top, &count);
    close(fd);
    if (rc == 0 && unlinkat(dir, name, AT_REMOVEDIR) != 0
        && !is_another_by_now() && errno != ENOTEMPTY) {
        rc = failed_at(e, name, "rmdir");
    }
    return rc;
}

/* What lies directly in SRV/.removed. */
static int erase_one(struct erase *e, const char *name)
{
    int rc = remove_entry(e, e->removed, name), fd;
    size_t count = 1;

    if (rc <= 0) {
        return rc;
    }
    fd = openat(e->removed, name, OPEN_DIR);
    if (fd < 0) {
        return failed_at(e, name, "open");
    }
    omk_btrfs_writable(fd); /* a snapshot may be read-only */
    while (rc >= 0 && count) {
        count = 0;
        rc = each_entry(e, fd, flatten, fd, &count);
    }
    close(fd);
    if (rc == 0 && unlinkat(e->removed, name, AT_REMOVEDIR) != 0) {
        rc = failed_at(e, name, "rmdir");
    }
    return rc;
}

static bool belongs(const char *name, const char *login)
{
    size_t len = strlen(login);

    return !strncmp(name, login, len) && (name[len] == '.' || !name[len]);
}

/* "LOGIN", and "LOGIN.N" of what was moved aside. */
static int erase_if_ours(struct erase *e, int dir, const char *name, int unused)
{
    (void)dir;
    (void)unused;
    return belongs(name, e->login) ? erase_one(e, name) : 0;
}

static int find_ours(struct erase *e, int dir, const char *name, int unused)
{
    (void)dir;
    (void)unused;
    return belongs(name, e->login) ? 1 : 0;
}

/* Until a turn finds nothing of ours: taking apart can add to it. */
static int erase_all(struct erase *e)
{
    size_t count = 0;
    int rc = 1;

    while (rc > 0) {
        rc = each_entry(e, e->removed, erase_if_ours, 0, &count);
        rc = rc ? rc : each_entry(e, e->removed, find_ours, 0, &count);
    }
    return rc;
}

/* --- out of reach -------------------------------------------------------- */

/* SRV/.removed, which nobody but its owner may enter. */
static int open_removed(const struct omk_node *n, int srv, bool make, int *out,
                        struct omk_err *err)
{
    struct stat st;
    int fd;

    if (make && mkdirat(srv, REMOVED, 0700) != 0 && errno != EEXIST) {
        return failed(err, n->srv_dir, "mkdir " REMOVED);
    }
    fd = openat(srv, REMOVED, OPEN_DIR);
    if (fd < 0) {
        return errno == ENOENT
                   ? omk_fail(err, OMK_ENOENT, n->srv_dir, "no " REMOVED)
                   : failed(err, n->srv_dir, REMOVED);
    }
    if (fstat(fd, &st) != 0 || st.st_uid != geteuid() || (st.st_mode & 077)) {
        close(fd);
        return omk_fail(err, OMK_EDENIED, n->srv_dir,
                        REMOVED " is not closed to everybody but uid %u",
                        (unsigned)geteuid());
    }
    *out = fd;
    return OMK_OK;
}

int omk_erase_pending(const struct omk_node *n, const char *login, bool *out,
                      struct omk_err *err)
{
    struct erase e = {.login = login, .err = err};
    size_t count = 0;
    struct stat st;
    bool found;
    int srv, rc = omk_tree_srv(n, &srv, err);

    if (rc == OMK_ENOENT) {
        *out = false;
        return OMK_OK;
    }
    if (rc) {
        return rc;
    }
    found = fstatat(srv, login, &st, AT_SYMLINK_NOFOLLOW) == 0;
    rc = open_removed(n, srv, false, &e.removed, err);
    close(srv);
    if (rc == OMK_OK) {
        rc = each_entry(&e, e.removed, find_ours, 0, &count);
        close(e.removed);
        found = found || rc > 0;
    }
    if (rc < 0 && rc != OMK_ENOENT) {
        return rc;
    }
    *out = found;
    return OMK_OK;
}

int omk_erase_tree(const struct omk_node *n, const char *login,
                   struct omk_err *err)
{
    struct erase e = {.login = login, .err = err};
    int srv, rc = omk_erase_check(n, login, err);

    rc = rc ? rc : omk_tree_srv(n, &srv, err);
    if (rc) {
        return rc == OMK_ENOENT ? OMK_OK : rc;
    }
    rc = open_removed(n, srv, true, &e.removed, err);
    if (rc == OMK_OK) {
        rc = erase_all(&e); /* of a call that was broken off */
        if (rc == OMK_OK
            && renameat2(srv, login, e.removed, login, RENAME_NOREPLACE) != 0
            && errno != ENOENT) {
            rc = failed(err, n->srv_dir, login);
        }
        rc = rc ? rc : erase_all(&e);
        (void)fsync(e.removed); /* what comes back is removed again */
        close(e.removed);
        /* Stays while something of another customer's is in it. */
        (void)unlinkat(srv, REMOVED, AT_REMOVEDIR);
    }
    (void)fsync(srv);
    close(srv);
    return rc;
}
