/* A customer's tree, which may be hostile: nothing is opened but below the
 * descriptor of its top, nothing that could block, nothing that is no file. */
#include "ftpaccess.h"

#include "err.h"
#include "file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct kept {
    struct kept *next;
    char *dir;
    struct stat st;
    struct ftpaccess_source source;
    struct ftpaccess_file *file;
};

struct ftpaccess_disk {
    int root;
    bool shut_in;
    struct ftpaccess_tree tree;
    struct kept *kept, *changed;
};

static const char *below(const char *path)
{
    path += strspn(path, "/");
    return *path ? path : ".";
}

/* Resolved as in a chroot: links, absolute ones too, stay in the tree. */
static int open_in(const struct ftpaccess_disk *d, const char *path, int flags)
{
    const int careful = flags & O_PATH ? 0 : O_NOCTTY | O_NONBLOCK;
    const struct open_how how = {
        .flags = (unsigned)(flags | O_CLOEXEC | careful),
        .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};

    if (d->shut_in) {
        return openat(d->root, below(path), (int)how.flags);
    }
    return (int)syscall(SYS_openat2, d->root, below(path), &how, sizeof how);
}

static bool look(const struct ftpaccess_disk *d, const char *path,
                 struct stat *st)
{
    int fd;
    bool there;

    if (d->shut_in) {
        return fstatat(d->root, below(path), st, 0) == 0;
    }
    fd = open_in(d, path, O_PATH);
    there = fd >= 0 && fstat(fd, st) == 0;
    if (fd >= 0) {
        close(fd);
    }
    return there;
}

static enum ftpaccess_type disk_type(void *data, const char *path)
{
    struct stat st;

    if (!look(data, path, &st)) {
        return FTPACCESS_ABSENT;
    }
    return S_ISDIR(st.st_mode) ? FTPACCESS_DIRECTORY : FTPACCESS_ENTRY;
}

/* --- files --------------------------------------------------------------- */

static bool same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino
           && a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec
           && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec
           && a->st_ctim.tv_sec == b->st_ctim.tv_sec
           && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static struct kept **find(struct ftpaccess_disk *d, const char *dir)
{
    struct kept **k = &d->kept;

    while (*k && strcmp((*k)->dir, dir) != 0) {
        k = &(*k)->next;
    }
    return k;
}

static void free_kept(struct kept *list)
{
    while (list) {
        struct kept *k = list;

        list = k->next;
        ftpaccess_free(k->file);
        free(k->dir);
        free(k);
    }
}

static void retire(struct ftpaccess_disk *d, struct kept **at)
{
    struct kept *k = *at;

    *at = k->next;
    k->next = d->changed;
    d->changed = k;
}

static struct kept *keep(struct ftpaccess_disk *d, const char *dir, int fd,
                         const struct stat *st)
{
    struct kept *k = calloc(1, sizeof *k);
    struct omk_err err;
    char *text;
    size_t len;

    if (!k || !(k->dir = strdup(dir))) {
        free(k);
        return NULL;
    }
    k->st = *st;
    k->source.mtime_s = st->st_mtim.tv_sec;
    k->source.size_bytes = (uint64_t)st->st_size;
    if (fd >= 0
        && omk_file_read_fd(fd, dir, FTPACCESS_MAX_BYTES, &text, &len, &err)
               == OMK_OK) {
        k->file = ftpaccess_parse(text, len);
        k->source.file = k->file;
        free(text);
    }
    k->next = d->kept;
    d->kept = k;
    return k;
}

/* A file that its user must not read is there all the same. What is opened may
 * be a newer one than was looked at: its own state is kept. */
static struct kept *read_anew(struct ftpaccess_disk *d, const char *dir,
                              const char *path, struct stat *st)
{
    int fd = open_in(d, path, O_RDONLY);
    struct kept *k = NULL;

    if (fd < 0 || (fstat(fd, st) == 0 && !S_ISDIR(st->st_mode))) {
        k = keep(d, dir, fd, st);
    }
    if (fd >= 0) {
        close(fd);
    }
    return k;
}

static bool disk_source(void *data, const char *dir, struct ftpaccess_source *s)
{
    struct ftpaccess_disk *d = data;
    char path[FTPACCESS_PATH_ROOM + sizeof FTPACCESS_NAME];
    struct kept **at = find(d, dir);
    struct kept *k = NULL;
    struct stat st;
    bool there;

    (void)snprintf(path, sizeof path, "%s/" FTPACCESS_NAME, dir);
    there = look(d, path, &st) && !S_ISDIR(st.st_mode);
    if (there && *at && same(&(*at)->st, &st)) {
        k = *at;
    }
    else {
        if (*at) {
            retire(d, at);
        }
        k = there ? read_anew(d, dir, path, &st) : NULL;
    }
    if (k) {
        *s = k->source;
    }
    return k != NULL;
}

/* --- directories --------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static char **read_names(DIR *dir)
{
    size_t count = 0, room = 64;
    char **names = calloc(room, sizeof *names);
    struct dirent *e;

    while (names && (e = readdir(dir)) != NULL) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) {
            continue;
        }
        if (count + 1 == room) {
            char **more = reallocarray(names, room *= 2, sizeof *names);

            if (!more) {
                break;
            }
            names = more;
        }
        names[count] = strdup(e->d_name);
        count += names[count] != NULL;
    }
    if (names) {
        qsort(names, count, sizeof *names, by_name);
        names[count] = NULL;
    }
    return names;
}

static char **disk_entries(void *data, const char *path)
{
    const struct ftpaccess_disk *d = data;
    int fd = open_in(d, path, O_RDONLY | O_DIRECTORY);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    char **names = NULL;

    if (dir) {
        names = read_names(dir);
        closedir(dir);
    }
    else if (fd >= 0) {
        close(fd);
    }
    return names;
}

/* --- the whole ----------------------------------------------------------- */

struct ftpaccess_disk *ftpaccess_disk_open(int root_fd, bool shut_in)
{
    struct ftpaccess_disk *d = calloc(1, sizeof *d);

    if (d) {
        d->root = root_fd;
        d->shut_in = shut_in;
        d->tree =
            (struct ftpaccess_tree){d, disk_type, disk_source, disk_entries};
    }
    return d;
}

const struct ftpaccess_tree *ftpaccess_disk_tree(struct ftpaccess_disk *d)
{
    return &d->tree;
}

void ftpaccess_disk_trim(struct ftpaccess_disk *d)
{
    free_kept(d->changed);
    d->changed = NULL;
}

void ftpaccess_disk_close(struct ftpaccess_disk *d)
{
    if (d) {
        ftpaccess_disk_trim(d);
        free_kept(d->kept);
        free(d);
    }
}
