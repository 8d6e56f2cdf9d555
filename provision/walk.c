#include "walk.h"

#include "err.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OPEN_DIR (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)

/* So many levels from the top stay open; those below are left when the walk
 * goes down and come back by "..", if that still is the same directory. */
#define LEVELS_OPEN 24

struct level {
    DIR *dir;   /* NULL while it is left */
    ino_t ino;
    long at;    /* where reading goes on */
};

struct walk {
    int (*visit)(void *ctx, int fd, const char *name, const struct stat *st);
    void *ctx;
    dev_t dev;
    struct level *levels;
    size_t depth, room, seen;
};

static struct level *deepest(struct walk *w)
{
    return &w->levels[w->depth - 1];
}

static void leave(struct walk *w)
{
    struct level *l = &w->levels[--w->depth];

    if (l->dir) {
        closedir(l->dir);
    }
}

static int grow(struct walk *w)
{
    size_t room = w->room ? w->room * 2 : 64;
    struct level *levels = reallocarray(w->levels, room, sizeof *levels);

    if (!levels) {
        return -1;
    }
    w->levels = levels;
    w->room = room;
    return 0;
}

/* Takes fd over, and visits it. */
static int enter(struct walk *w, int fd, const struct stat *st,
                 struct omk_err *err)
{
    DIR *dir;

    if (w->depth == w->room && grow(w) != 0) {
        close(fd);
        return omk_fail(err, OMK_ENOMEM, "", "out of memory");
    }
    dir = fdopendir(fd);
    if (!dir) {
        close(fd);
        return omk_fail(err, OMK_EIO, "", "directory: %s", strerror(errno));
    }
    if (w->depth > LEVELS_OPEN) {
        struct level *parent = deepest(w);

        parent->at = telldir(parent->dir);
        closedir(parent->dir);
        parent->dir = NULL;
    }
    w->levels[w->depth++] = (struct level){.dir = dir, .ino = st->st_ino};
    return w->visit(w->ctx, fd, NULL, st);
}

/* Opens the directory above again. False when it is another by now. */
static bool reopen(struct walk *w, struct level *above, int below)
{
    int fd = openat(below, "..", OPEN_DIR);
    struct stat st;

    if (fd < 0) {
        return false;
    }
    if (fstat(fd, &st) == 0 && st.st_dev == w->dev && st.st_ino == above->ino) {
        above->dir = fdopendir(fd);
    }
    if (!above->dir) {
        close(fd);
        return false;
    }
    seekdir(above->dir, above->at);
    return true;
}

/* Back to the directory above, or to the next that can be had. */
static void go_up(struct walk *w)
{
    if (w->depth > 1) {
        struct level *above = &w->levels[w->depth - 2];

        if (!above->dir && !reopen(w, above, dirfd(deepest(w)->dir))) {
            while (!w->levels[w->depth - 2].dir) {
                leave(w);
            }
        }
    }
    leave(w);
}

/* Gone, no longer a directory, or not ours to read. */
static bool passed_over(int error)
{
    return error == ENOENT || error == ENOTDIR || error == ELOOP
           || error == EACCES || error == EPERM || error == ESTALE;
}

static int go_down(struct walk *w, const char *name, struct omk_err *err)
{
    int fd = openat(dirfd(deepest(w)->dir), name, OPEN_DIR);
    struct stat st;

    if (fd < 0) {
        return passed_over(errno) ? 0
                                  : omk_fail(err, OMK_EIO, "", "open: %s",
                                             strerror(errno));
    }
    if (fstat(fd, &st) != 0 || st.st_dev != w->dev) {
        close(fd);
        return 0;
    }
    return enter(w, fd, &st, err);
}

/* One entry of the deepest directory. */
static int step(struct walk *w, struct omk_err *err)
{
    DIR *dir = deepest(w)->dir;
    const struct dirent *e = readdir(dir);
    struct stat st;

    if (!e) {
        go_up(w);
        return 0;
    }
    if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..")
        || fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        return 0;
    }
    if (++w->seen > OMK_WALK_MAX) {
        return omk_fail(err, OMK_ERANGE, "", "more than %zu files",
                        OMK_WALK_MAX);
    }
    return S_ISDIR(st.st_mode)
               ? go_down(w, e->d_name, err)
               : w->visit(w->ctx, dirfd(dir), e->d_name, &st);
}

int omk_walk(int dir,
             int (*visit)(void *ctx, int fd, const char *name,
                          const struct stat *st),
             void *ctx, struct omk_err *err)
{
    struct walk w = {.visit = visit, .ctx = ctx};
    int fd = openat(dir, ".", OPEN_DIR), rc = 0;
    struct stat st;

    if (fd < 0 || fstat(fd, &st) != 0) {
        rc = omk_fail(err, OMK_EIO, "", "open: %s", strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return rc;
    }
    w.dev = st.st_dev;
    rc = enter(&w, fd, &st, err);
    while (rc == 0 && w.depth > 0) {
        rc = step(&w, err);
    }
    while (w.depth > 0) {
        leave(&w);
    }
    free(w.levels);
    return rc;
}
