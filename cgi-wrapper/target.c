/* A walk of one openat(2) and one fstat(2) to a component. None of them ever
 * follows a link, so no flag of openat2(2) is needed to stay beneath the root:
 * a single name that is neither ".." nor a link cannot leave its directory.
 * Where links are allowed, what they say is put in front of the names that are
 * still to go, and the walk begins again where that text begins. */
#include "target.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define OTHERS_WRITE (S_IWGRP | S_IWOTH)
#define LINKS_MAX 40   /* as Linux has it */
#define STEPS_MAX 8192 /* links that go up again and again */

struct walk {
    const struct cgiw_target_rules *rules;
    struct cgiw_facts *facts;
    int root_fd;
    int fd;    /* the directory that was reached; root_fd at the root */
    int asked; /* the one that the path asked for names; -1: not there yet */
    char real[PATH_MAX];    /* it, below the root, without a slash before it */
    char pending[PATH_MAX]; /* the names still to go */
    unsigned links, steps;
};

/* --- what is wrong -------------------------------------------------------- */

static int refuse(struct cgiw_facts *f, enum cgiw_code code,
                  enum cgiw_detail detail)
{
    f->code = code;
    f->detail = detail;
    return (int)code;
}

static int failed(struct cgiw_facts *f, int error)
{
    (void)snprintf(f->what, sizeof f->what, "%s", strerror(error));
    return refuse(f, CGIW_E22, CGIW_PLAIN);
}

static int too_long(struct cgiw_facts *f)
{
    f->limit = PATH_MAX - 1;
    return refuse(f, CGIW_E20, CGIW_TOO_LONG);
}

/* What is on the way of few scripts, and large on the stack: apart, so that the
 * others do not touch that. */
#define SELDOM __attribute__((noinline, cold))

/* Says what is at fault: name in the directory that was reached, or that
 * directory where name is NULL. */
static SELDOM void point_at(struct walk *w, const char *name,
                            const struct stat *st)
{
    struct cgiw_facts *f = w->facts;
    char path[PATH_MAX * 2];
    int len = snprintf(path, sizeof path, "%s/%s%s%s", w->rules->root, w->real,
                       name && w->real[0] ? "/" : "", name ? name : "");

    cgiw_target_shown(path, len < (int)sizeof path ? (size_t)len : 0,
                      w->rules->root, w->rules->shown, f->where,
                      sizeof f->where);
    if (st) {
        f->mode = st->st_mode;
        f->owner = st->st_uid;
    }
}

/* --- paths ---------------------------------------------------------------- */

/* Length without the slashes at its end. */
static size_t trimmed(const char *path, size_t len)
{
    while (len > 0 && path[len - 1] == '/') {
        len--;
    }
    return len;
}

/* What of path lies below root, without a slash before it; NULL when it lies
 * elsewhere. The root itself is "". */
static const char *beneath(const char *path, size_t len, const char *root)
{
    size_t n = trimmed(root, strlen(root));

    if (len < n || memcmp(path, root, n) != 0 || (len > n && path[n] != '/')) {
        return NULL;
    }
    while (n < len && path[n] == '/') {
        n++;
    }
    return path + n;
}

void cgiw_target_shown(const char *path, size_t len, const char *root,
                       const char *shown, char *out, size_t size)
{
    const char *rest = beneath(path, len, root);
    size_t n = trimmed(path, len);

    if (rest) {
        size_t left = n > (size_t)(rest - path) ? n - (size_t)(rest - path) : 0;
        int top = (int)trimmed(shown, strlen(shown));

        (void)snprintf(out, size, "%.*s%s%.*s", top, shown,
                       left || top == 0 ? "/" : "", (int)left, rest);
        return;
    }
    while (n > 0 && path[n - 1] != '/') {
        n--;
    }
    (void)snprintf(out, size, "%.*s", (int)(trimmed(path, len) - n), path + n);
}

/* Copies without empty and "." components and without a slash at the end. */
static int normalize(const char *path, size_t len, char out[PATH_MAX],
                     struct cgiw_facts *f)
{
    size_t n = 0;

    if (len >= PATH_MAX) {
        return too_long(f);
    }
    if (len == 0 || path[0] != '/' || memchr(path, '\0', len)) {
        return refuse(f, CGIW_E20, CGIW_PLAIN);
    }
    for (size_t i = 0; i < len;) {
        const char *end = memchr(path + i + 1, '/', len - i - 1);
        size_t part = (end ? (size_t)(end - path) : len) - i;

        if (part == 3 && memcmp(path + i, "/..", 3) == 0) {
            return refuse(f, CGIW_E20, CGIW_PLAIN);
        }
        if (part > 1 && !(part == 2 && path[i + 1] == '.')) {
            memcpy(out + n, path + i, part);
            n += part;
        }
        i += part;
    }
    out[n] = '\0';
    return 0;
}

/* --- the walk ------------------------------------------------------------- */

/* Goes on from directory fd, which is the walk's from here on. */
static void enter(struct walk *w, int fd)
{
    if (w->fd != w->root_fd && w->fd != w->asked) {
        (void)close(w->fd);
    }
    w->fd = fd;
}

static void restart(struct walk *w)
{
    enter(w, w->root_fd);
    w->real[0] = '\0';
}

/* Puts text in front of the names still to go, which begin at rest. */
static int prepend(struct walk *w, const char *text, const char *rest)
{
    char all[PATH_MAX * 2];
    int len = snprintf(all, sizeof all, "%s/%s", text, rest);

    if (len >= (int)sizeof w->pending) {
        return too_long(w->facts);
    }
    memcpy(w->pending, all, (size_t)len + 1);
    return 0;
}

/* A link at name, itself opened as fd. */
static SELDOM int follow(struct walk *w, const char *name, int fd,
                         const struct stat *st, const char *rest)
{
    char text[PATH_MAX];
    const char *below = text;
    ssize_t len;

    point_at(w, name, st);
    if (!w->rules->symlinks) {
        return refuse(w->facts, CGIW_E20, CGIW_LINK);
    }
    if (st->st_uid != w->rules->uid && st->st_uid != 0) {
        return refuse(w->facts, CGIW_E20, CGIW_LINK_OWNER);
    }
    if (++w->links > LINKS_MAX) {
        return refuse(w->facts, CGIW_E20, CGIW_LINK_LOOP);
    }
    len = readlinkat(fd, "", text, sizeof text);
    if (len < 0) {
        return failed(w->facts, errno);
    }
    if (len == 0 || len >= (ssize_t)sizeof text) {
        return too_long(w->facts);
    }
    text[len] = '\0';
    if (text[0] == '/') {
        below = beneath(text, (size_t)len, w->rules->root);
        if (!below) {
            return refuse(w->facts, CGIW_E20, CGIW_OUTSIDE);
        }
        restart(w);
    }
    return prepend(w, below, rest);
}

/* "..": from the root again, since where the parent was looked at, somebody may
 * have moved this directory since. */
static SELDOM int go_up(struct walk *w, const char *rest)
{
    char up[PATH_MAX];
    char *slash;

    if (!w->real[0]) {
        return refuse(w->facts, CGIW_E20, CGIW_OUTSIDE);
    }
    memcpy(up, w->real, strlen(w->real) + 1);
    slash = strrchr(up, '/');
    *(slash ? slash : up) = '\0';
    restart(w);
    return prepend(w, up, rest);
}

/* name could not be opened in the directory that was reached. */
static SELDOM int not_opened(struct walk *w, const char *name, int error)
{
    struct stat st;

    switch (error) {
    case ENOENT:
    case ENOTDIR:
        return refuse(w->facts, CGIW_E26, CGIW_PLAIN);
    case ENAMETOOLONG:
        w->facts->limit = NAME_MAX;
        return refuse(w->facts, CGIW_E20, CGIW_TOO_LONG);
    case EACCES:
        point_at(w, NULL, fstat(w->fd, &st) == 0 ? &st : NULL);
        return refuse(w->facts, CGIW_E13, CGIW_DIRECTORY);
    default:
        point_at(w, name, NULL);
        return failed(w->facts, error);
    }
}

static int check_directory(struct walk *w, const char *name,
                           const struct stat *st)
{
    if (!S_ISDIR(st->st_mode)) {
        return refuse(w->facts, CGIW_E26, CGIW_PLAIN);
    }
    if (st->st_uid != 0 && st->st_uid != w->rules->uid) {
        point_at(w, name, st);
        return refuse(w->facts, CGIW_E03, CGIW_OWNER);
    }
    if (st->st_mode & OTHERS_WRITE) {
        point_at(w, name, st);
        return refuse(w->facts, CGIW_E03, CGIW_PLAIN);
    }
    return 0;
}

/* One directory further; rest: the names behind it. */
static int step(struct walk *w, const char *name, const char *rest)
{
    struct stat st;
    int rc, fd = openat(w->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    size_t n = strlen(w->real);

    if (fd < 0) {
        return not_opened(w, name, errno);
    }
    if (fstat(fd, &st) != 0) {
        rc = failed(w->facts, errno);
    }
    else if (S_ISLNK(st.st_mode)) {
        rc = follow(w, name, fd, &st, rest);
        (void)close(fd);
        return rc;
    }
    else {
        rc = check_directory(w, name, &st);
    }
    if (rc == 0 && n + strlen(name) + 2 > sizeof w->real) {
        rc = too_long(w->facts);
    }
    if (rc) {
        (void)close(fd);
        return rc;
    }
    (void)snprintf(w->real + n, sizeof w->real - n, "%s%s", n ? "/" : "", name);
    enter(w, fd);
    memmove(w->pending, rest, strlen(rest) + 1);
    return 0;
}

/* A file of ours to run. */
static int check_script(struct walk *w, const char *name, const struct stat *st)
{
    struct cgiw_facts *f = w->facts;
    mode_t mode = st->st_mode;

    point_at(w, name, st);
    if (S_ISDIR(mode)) {
        return refuse(f, CGIW_E20, CGIW_DIRECTORY);
    }
    if (!S_ISREG(mode)) {
        return refuse(f, CGIW_E20, CGIW_SPECIAL);
    }
    if (st->st_uid != w->rules->uid) {
        return refuse(f, CGIW_E02, CGIW_PLAIN);
    }
    if (mode & (OTHERS_WRITE | S_ISUID | S_ISGID)) {
        return refuse(f, CGIW_E19, CGIW_PLAIN);
    }
    if (!(mode & S_IXUSR)) {
        return refuse(f, CGIW_E01, CGIW_PLAIN);
    }
    return 0;
}

/* O_NONBLOCK: a fifo is not waited for. What cannot be read (or is a link, or a
 * socket) can still be looked at. */
static int open_script(int dir, const char *name, bool *readable)
{
    int fd = openat(dir, name,
                    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

    *readable = fd >= 0;
    if (fd < 0 && (errno == EACCES || errno == ELOOP || errno == ENXIO)) {
        fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    }
    return fd;
}

/* The last name. 0 with *fd -1: it was a link, and the walk goes on. */
static int arrive(struct walk *w, const char *name, struct cgiw_target *t)
{
    int fd = open_script(w->fd, name, &t->readable);
    int rc;

    if (fd < 0) {
        return not_opened(w, name, errno);
    }
    if (w->asked < 0) {
        w->asked = w->fd;
    }
    if (fstat(fd, &t->st) != 0) {
        rc = failed(w->facts, errno);
    }
    else if (S_ISLNK(t->st.st_mode)) {
        rc = follow(w, name, fd, &t->st, "");
        (void)close(fd);
        return rc;
    }
    else {
        rc = check_script(w, name, &t->st);
    }
    if (rc) {
        (void)close(fd);
        return rc;
    }
    t->fd = fd;
    return 0;
}

/* The next name of those still to go, made a string; *rest: what is behind it.
 * NULL when there is none. */
static char *next_name(struct walk *w, char **rest)
{
    char *name = w->pending + strspn(w->pending, "/");
    char *end = name + strcspn(name, "/");

    *rest = end + strspn(end, "/");
    *end = '\0';
    return *name ? name : NULL;
}

static int walk(struct walk *w, bool directory, struct cgiw_target *t)
{
    char *name, *rest;
    int rc = 0;

    while (rc == 0 && t->fd < 0 && (name = next_name(w, &rest))) {
        if (++w->steps > STEPS_MAX) {
            return refuse(w->facts, CGIW_E20, CGIW_LINK_LOOP);
        }
        if (strcmp(name, ".") == 0) {
            memmove(w->pending, rest, strlen(rest) + 1);
        }
        else if (strcmp(name, "..") == 0) {
            rc = go_up(w, rest);
        }
        else if (directory || *rest) {
            rc = step(w, name, rest);
        }
        else {
            rc = arrive(w, name, t);
        }
    }
    if (rc == 0 && t->fd < 0 && !directory) {
        point_at(w, NULL, NULL);
        return refuse(w->facts, CGIW_E20, CGIW_DIRECTORY);
    }
    if (rc == 0 && directory) {
        point_at(w, NULL, NULL);
        return fstat(w->fd, &t->st) == 0 ? 0 : failed(w->facts, errno);
    }
    return rc;
}

/* The site's root, which is the operator's: an ACL of his shows as the group's
 * bits, and a sticky bit keeps what is there from others. What is the
 * customer's own is judged as any directory, since chmod is his. */
static int check_root(struct walk *w)
{
    struct stat st;

    if (fstat(w->fd, &st) != 0) {
        return failed(w->facts, errno);
    }
    if (st.st_uid == 0 && (!(st.st_mode & S_IWOTH) || st.st_mode & S_ISVTX)) {
        return 0;
    }
    return check_directory(w, NULL, &st);
}

static int begin(struct walk *w, const char *path, size_t len,
                 struct cgiw_target *t)
{
    const struct cgiw_target_rules *rules = w->rules;
    struct cgiw_facts *f = w->facts;
    const char *below;
    int rc;

    cgiw_target_shown(path, strnlen(path, len), rules->root, rules->shown,
                      f->script, sizeof f->script);
    (void)snprintf(f->user, sizeof f->user, "%s", rules->user);
    f->uid = rules->uid;
    rc = normalize(path, len, t->path, f);
    if (rc) {
        return rc;
    }
    cgiw_target_shown(t->path, strlen(t->path), rules->root, rules->shown,
                      t->shown, sizeof t->shown);
    memcpy(f->script, t->shown, strlen(t->shown) + 1);
    below = beneath(t->path, strlen(t->path), rules->root);
    if (!below) {
        return refuse(f, CGIW_E20, CGIW_PLAIN);
    }
    memcpy(w->pending, below, strlen(below) + 1);
    w->root_fd = open(rules->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (w->root_fd < 0) {
        return failed(f, errno);
    }
    w->fd = w->root_fd;
    rc = check_root(w);
    if (rc) {
        close(w->root_fd);
    }
    return rc;
}

/* Closes what the caller does not get, keep. */
static void finish(struct walk *w, int keep)
{
    if (w->fd != keep) {
        (void)close(w->fd);
    }
    if (w->asked >= 0 && w->asked != keep && w->asked != w->fd) {
        (void)close(w->asked);
    }
    if (w->root_fd != keep && w->root_fd != w->fd && w->root_fd != w->asked) {
        (void)close(w->root_fd);
    }
}

static int reach(const char *path, size_t len, bool directory,
                 const struct cgiw_target_rules *rules, struct cgiw_target *t,
                 struct cgiw_facts *facts)
{
    struct walk w = {
        .rules = rules, .facts = facts, .root_fd = -1, .fd = -1, .asked = -1};
    int rc = begin(&w, path, len, t);

    t->fd = -1;
    if (rc) {
        return rc;
    }
    rc = walk(&w, directory, t);
    t->dir_fd = rc == 0 ? (directory ? w.fd : w.asked) : -1;
    finish(&w, t->dir_fd);
    if (rc == 0) {
        memcpy(t->real, facts->where, strlen(facts->where) + 1);
        facts->where[0] = '\0';
    }
    return rc;
}

int cgiw_target_open(const char *path, size_t len,
                     const struct cgiw_target_rules *rules,
                     struct cgiw_target *target, struct cgiw_facts *facts)
{
    return reach(path, len, false, rules, target, facts);
}

int cgiw_target_directory(const char *path, size_t len,
                          const struct cgiw_target_rules *rules,
                          struct cgiw_target *target, struct cgiw_facts *facts)
{
    return reach(path, len, true, rules, target, facts);
}

int cgiw_target_unreadable(const struct cgiw_target *target,
                           struct cgiw_facts *facts)
{
    facts->mode = target->st.st_mode;
    facts->where[0] = '\0';
    return refuse(facts, CGIW_E13, CGIW_PLAIN);
}
