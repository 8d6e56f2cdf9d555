#include "generation.h"

#include "conf.h"
#include "err.h"
#include "file.h"
#include "node.h"
#include "num.h"

#include <apr_strings.h>
#include <apr_tables.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define MANIFEST "manifest"
#define COMPLETE "complete"
#define FSYNC_MAX 64
#define CLOCK_STEP 20000 /* microseconds: file times are of the last tick */

static int failed(struct omk_err *err, const char *path, const char *what)
{
    int e = errno;

    return omk_fail(err,
                    e == ENOSPC || e == EDQUOT  ? OMK_ENOSPC
                    : e == EACCES || e == EPERM ? OMK_EDENIED
                                                : OMK_EIO,
                    path, "%s: %s", what, strerror(e));
}

/* --- directories and the lock --------------------------------------------- */

/* mkdir -p; the last one gets the mode, those above 0755. */
static int make_dirs(const char *path, mode_t mode, struct omk_err *err)
{
    char part[4096];
    size_t len = strlen(path);

    if (len >= sizeof part) {
        return omk_fail(err, OMK_ERANGE, path, "too long a path");
    }
    for (size_t i = 1; i <= len; i++) {
        if (path[i] != '/' && path[i] != '\0') {
            continue;
        }
        memcpy(part, path, i);
        part[i] = '\0';
        if (mkdir(part, i == len ? mode : 0755) == 0) {
            if (i == len && chmod(part, mode) != 0) { /* whatever the umask */
                return failed(err, part, "chmod");
            }
        }
        else if (errno != EEXIST) {
            return failed(err, part, "mkdir");
        }
    }
    return OMK_OK;
}

#define ROOT 0, 0

int omk_state_make(const struct omk_node *n, struct omk_err *err)
{
    char path[4096];
    const struct {
        const char *base, *name;
        mode_t mode;
        uid_t uid; /* httpd's: its children write the counters */
        gid_t gid; /* and read which scripts are disabled */
    } dirs[] = {
        {n->etc_dir, "", 0755, ROOT},
        {n->customers_dir, "", 0700, ROOT},
        {n->state_dir, "", 0711, ROOT},
        {n->state_dir, "/generations", 0700, ROOT},
        {n->state_dir, "/counter", 0700, n->httpd_uid, n->httpd_gid},
        {n->state_dir, "/cgi", 0750, 0, n->httpd_gid},
        {n->srv_dir, "", 0711, ROOT},
        {n->run_dir, "", 0755, ROOT},
        {n->run_dir, "/php", 0711, ROOT},
        {n->log_dir, "", 0750, ROOT},
    };

    for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++) {
        int rc;

        (void)snprintf(path, sizeof path, "%s%s", dirs[i].base, dirs[i].name);
        rc = make_dirs(path, dirs[i].mode, err);
        if (rc) {
            return rc;
        }
        if (dirs[i].gid && !n->single_user
            && chown(path, dirs[i].uid, dirs[i].gid) != 0) {
            return failed(err, path, "chown");
        }
    }
    return OMK_OK;
}

int omk_lock(const struct omk_node *n, void (*waiting)(void *ctx), void *ctx,
             int *out, struct omk_err *err)
{
    char path[4096];
    int fd, rc;

    (void)snprintf(path, sizeof path, "%s/lock", n->state_dir);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return failed(err, path, "open");
    }
    rc = flock(fd, LOCK_EX | LOCK_NB);
    if (rc != 0 && errno == EWOULDBLOCK) {
        if (waiting) {
            waiting(ctx);
        }
        do {
            rc = flock(fd, LOCK_EX);
        } while (rc != 0 && errno == EINTR);
    }
    if (rc != 0) {
        rc = failed(err, path, "flock");
        close(fd);
        return rc;
    }
    *out = fd;
    return OMK_OK;
}

/* --- which there are ------------------------------------------------------ */

const char *omk_generation_dir(apr_pool_t *p, const struct omk_node *n,
                               unsigned number)
{
    return apr_psprintf(p, "%s/generations/%u", n->state_dir, number);
}

static int to_number(const char *name, unsigned *out)
{
    uint64_t n;
    int rc = omk_num_u64(name, strlen(name), 1, 999999999, &n);

    if (rc == OMK_OK) {
        *out = (unsigned)n;
    }
    return rc;
}

int omk_generation_current(const struct omk_node *n, unsigned *out,
                           struct omk_err *err)
{
    char path[4096], to[256];
    ssize_t len;

    (void)snprintf(path, sizeof path, "%s/current", n->state_dir);
    len = readlink(path, to, sizeof to - 1);
    if (len < 0 && errno == ENOENT) {
        *out = 0;
        return OMK_OK;
    }
    if (len < 0) {
        return failed(err, path, "readlink");
    }
    to[len] = '\0';
    if (strncmp(to, "generations/", 12) != 0 || to_number(to + 12, out)) {
        return omk_fail(err, OMK_EDAMAGED, path,
                        "expected a link to generations/N; see omakase "
                        "generations, then omakase rollback N");
    }
    return OMK_OK;
}

static int by_number(const void *a, const void *b)
{
    unsigned x = ((const struct omk_generation *)a)->number;
    unsigned y = ((const struct omk_generation *)b)->number;

    return x < y ? -1 : x > y;
}

int omk_generations_list(apr_pool_t *p, const struct omk_node *n,
                         struct omk_generation **out, size_t *count,
                         struct omk_err *err)
{
    const char *dir = apr_pstrcat(p, n->state_dir, "/generations", NULL);
    apr_array_header_t *list =
        apr_array_make(p, 16, sizeof(struct omk_generation));
    unsigned current = 0;
    int rc = omk_generation_current(n, &current, err);
    DIR *d = rc && rc != OMK_EDAMAGED ? NULL : opendir(dir);
    const struct dirent *e;

    if (rc && rc != OMK_EDAMAGED) {
        return rc;
    }
    if (!d && errno != ENOENT) {
        return failed(err, dir, "cannot be read");
    }
    while (d && (e = readdir(d))) {
        struct omk_generation g = {0};
        struct stat st;

        if (to_number(e->d_name, &g.number)) {
            continue;
        }
        g.current = g.number == current;
        g.complete =
            stat(apr_pstrcat(p, dir, "/", e->d_name, "/" COMPLETE, NULL), &st)
            == 0;
        g.made = g.complete ? apr_time_from_sec(st.st_mtime) : 0;
        APR_ARRAY_PUSH(list, struct omk_generation) = g;
    }
    if (d) {
        (void)closedir(d);
    }
    *out = (struct omk_generation *)(void *)list->elts;
    *count = (size_t)list->nelts;
    if (*count) {
        qsort(*out, *count, sizeof **out, by_number);
    }
    return OMK_OK;
}

int omk_generation_next(apr_pool_t *p, const struct omk_node *n, unsigned *out,
                        struct omk_err *err)
{
    struct omk_generation *list;
    size_t count;
    unsigned next = 1;
    int rc = omk_generations_list(p, n, &list, &count, err);

    for (size_t i = 0; rc == OMK_OK && i < count; i++) {
        next = list[i].number + 1;
        if (!list[i].complete && !list[i].current) {
            rc = omk_generation_remove(p, n, list[i].number, err);
        }
    }
    if (rc == OMK_OK) {
        *out = next;
    }
    return rc;
}

/* --- removing ------------------------------------------------------------- */

static int remove_entry(const char *path, const struct stat *st, int type,
                        struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

int omk_generation_remove(apr_pool_t *p, const struct omk_node *n,
                          unsigned number, struct omk_err *err)
{
    const char *dir = omk_generation_dir(p, n, number);

    /* The mark first: what is removed in part is not whole any more. */
    if (unlink(apr_pstrcat(p, dir, "/" COMPLETE, NULL)) != 0
        && errno != ENOENT) {
        return failed(err, dir, "unlink");
    }
    if (nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS) != 0
        && errno != ENOENT) {
        return failed(err, dir, "cannot be removed");
    }
    return OMK_OK;
}

int omk_generation_prune(apr_pool_t *p, const struct omk_node *n,
                         struct omk_err *err)
{
    struct omk_generation *list;
    size_t count;
    int rc = omk_generations_list(p, n, &list, &count, err);
    size_t excess = rc == OMK_OK && count > n->keep ? count - n->keep : 0;

    for (size_t i = 0; rc == OMK_OK && i < excess; i++) {
        if (!list[i].current) {
            rc = omk_generation_remove(p, n, list[i].number, err);
        }
    }
    return rc;
}

/* --- writing -------------------------------------------------------------- */

/* The directories of a path below dirfd, each made once. */
static int make_parents(int dirfd, const char *path, char last[256])
{
    const char *slash = strrchr(path, '/');
    char part[256];

    if (!slash || (size_t)(slash - path) >= sizeof part) {
        return 0;
    }
    memcpy(part, path, (size_t)(slash - path));
    part[slash - path] = '\0';
    if (!strcmp(part, last)) {
        return 0;
    }
    for (char *s = part; (s = strchr(s, '/')); *s++ = '/') {
        *s = '\0';
        if (mkdirat(dirfd, part, 0700) != 0 && errno != EEXIST) {
            return -1;
        }
    }
    if (mkdirat(dirfd, part, 0700) != 0 && errno != EEXIST) {
        return -1;
    }
    (void)apr_cpystrn(last, part, 256);
    return 0;
}

static int put(int dirfd, const char *path, const char *data, size_t len)
{
    int fd = openat(dirfd, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int rc;

    if (fd < 0) {
        return -1;
    }
    rc = omk_write_all(fd, data, len);
    close(fd);
    if (rc) {
        errno = -rc;
    }
    return rc ? -1 : 0;
}

/* Takes the file over from the generation before where the same bytes lie
 * there, as a link. They were read just now; what changed since, or has not
 * the owner and mode that it was written with, is written anew. */
static bool take_over(int dirfd, int fromfd, const struct omk_file *f,
                      const struct omk_file *there, apr_time_t read_at)
{
    struct stat st;
    apr_time_t changed;

    if (fromfd < 0 || !omk_file_same(f, there)
        || fstatat(fromfd, f->path, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        return false;
    }
    changed = apr_time_from_sec(st.st_mtim.tv_sec) + st.st_mtim.tv_nsec / 1000;
    return S_ISREG(st.st_mode) && (st.st_mode & 07777) == 0600
           && st.st_uid == geteuid() && (size_t)st.st_size == f->len
           && changed + CLOCK_STEP < read_at
           /* no more links, or another file system: it is written */
           && linkat(fromfd, f->path, dirfd, f->path, 0) == 0;
}

static int write_one(int dirfd, int fromfd, apr_pool_t *p, struct omk_file *f,
                     const struct omk_files *before)
{
    struct omk_file *there = before ? omk_files_find(before, f->path) : NULL;

    if (omk_file_same(f, there)) {
        f->sum = omk_file_sum(p, there);
    }
    f->linked = before && take_over(dirfd, fromfd, f, there, before->read_at);
    return f->linked ? 0 : put(dirfd, f->path, f->data, f->len);
}

static int write_files(int dirfd, int fromfd, apr_pool_t *p,
                       struct omk_files *files, const struct omk_files *before,
                       const char *dir, struct omk_err *err)
{
    apr_array_header_t *lines = apr_array_make(p, 256, sizeof(const char *));
    const char *manifest;
    char last[256] = "";

    for (size_t i = 0; i < files->count; i++) {
        struct omk_file *f = &files->list[i];

        if (make_parents(dirfd, f->path, last) != 0
            || write_one(dirfd, fromfd, p, f, before) != 0) {
            return failed(err, apr_pstrcat(p, dir, "/", f->path, NULL),
                          "cannot be written");
        }
        APR_ARRAY_PUSH(lines, const char *) =
            apr_pstrcat(p, omk_file_sum(p, f), "  ", f->path, "\n", NULL);
    }
    manifest = apr_array_pstrcat(p, lines, 0);
    if (put(dirfd, MANIFEST, manifest, strlen(manifest)) != 0) {
        return failed(err, dir, "its manifest cannot be written");
    }
    return OMK_OK;
}

int omk_generation_write(apr_pool_t *p, const struct omk_node *n,
                         unsigned number, struct omk_files *files,
                         unsigned from, const struct omk_files *before,
                         struct omk_err *err)
{
    const char *dir = omk_generation_dir(p, n, number);
    int rc = omk_generation_remove(p, n, number, err);
    int fd, fromfd;

    if (rc) {
        return rc;
    }
    if (mkdir(dir, 0700) != 0) {
        return failed(err, dir, "mkdir");
    }
    fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        return failed(err, dir, "open");
    }
    fromfd = before ? open(omk_generation_dir(p, n, from),
                           O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
                    : -1;
    rc = write_files(fd, fromfd, p, files, before, dir, err);
    if (fromfd >= 0) {
        close(fromfd);
    }
    close(fd);
    return rc;
}

/* --- to the disk ---------------------------------------------------------- */

static int sync_at(int dirfd, const char *path, int flags)
{
    int fd = openat(dirfd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | flags);
    int rc = fd < 0 ? -1 : fsync(fd);

    if (fd >= 0) {
        close(fd);
    }
    return rc;
}

/* The directories of a path, those that the path before had as well left out.
 * Sorted files have each directory's names together. */
static int sync_parents(int dirfd, const char *path, char last[256])
{
    char part[256];

    for (const char *s = path; (s = strchr(s, '/')); s++) {
        size_t len = (size_t)(s - path);

        if (len + 1 >= sizeof part) {
            errno = ENAMETOOLONG;
            return -1;
        }
        memcpy(part, path, len);
        part[len] = '\0';
        if (!strncmp(part, last, len) && strchr("/", last[len])) {
            continue;
        }
        if (sync_at(dirfd, part, O_DIRECTORY) != 0) {
            return -1;
        }
        (void)apr_cpystrn(last, part, 256);
    }
    return 0;
}

/* What was taken over has been on the disk since its own generation was
 * completed; its new name is in a directory. */
static int sync_each(int dirfd, const struct omk_files *files)
{
    char last[256] = "";

    for (size_t i = 0; i < files->count; i++) {
        const struct omk_file *f = &files->list[i];

        if (!f->linked && sync_at(dirfd, f->path, 0) != 0) {
            return -1;
        }
    }
    for (size_t i = 0; i < files->count; i++) {
        if (sync_parents(dirfd, files->list[i].path, last) != 0) {
            return -1;
        }
    }
    return sync_at(dirfd, MANIFEST, 0) != 0 || sync_at(dirfd, ".", 0) != 0
                   || sync_at(dirfd, "..", 0) != 0
               ? -1
               : 0;
}

int omk_generation_complete(apr_pool_t *p, const struct omk_node *n,
                            unsigned number, const struct omk_files *files,
                            struct omk_err *err)
{
    const char *dir = omk_generation_dir(p, n, number);
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    size_t fresh = 0;
    int rc;

    if (fd < 0) {
        return failed(err, dir, "open");
    }
    for (size_t i = 0; i < files->count; i++) {
        fresh += !files->list[i].linked;
    }
    /* Of many files one syncfs costs less than an fsync each; for a few it
     * would wait for whatever else the machine writes. */
    rc = (fresh > FSYNC_MAX ? syncfs(fd) : sync_each(fd, files)) != 0
             ? failed(err, dir, "cannot be brought to the disk")
             : OMK_OK;
    close(fd);
    return rc ? rc
              : omk_file_write(apr_pstrcat(p, dir, "/" COMPLETE, NULL), "", 0,
                               0600, err);
}

static int sync_dir(const char *dir, struct omk_err *err)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd < 0 || fsync(fd) != 0 ? failed(err, dir, "fsync") : OMK_OK;

    if (fd >= 0) {
        close(fd);
    }
    return rc;
}

int omk_generation_flip(apr_pool_t *p, const struct omk_node *n,
                        unsigned number, struct omk_err *err)
{
    const char *link = apr_pstrcat(p, n->state_dir, "/current", NULL);
    const char *fresh = apr_pstrcat(p, link, ".new", NULL);

    if (unlink(fresh) != 0 && errno != ENOENT) { /* of one that was killed */
        return failed(err, fresh, "unlink");
    }
    if (symlink(apr_psprintf(p, "generations/%u", number), fresh) != 0) {
        return failed(err, fresh, "symlink");
    }
    if (rename(fresh, link) != 0) {
        return failed(err, link, "rename");
    }
    return sync_dir(n->state_dir, err);
}

/* --- reading -------------------------------------------------------------- */

int omk_generation_manifest(apr_pool_t *p, const struct omk_node *n,
                            unsigned number, struct omk_files **out,
                            struct omk_err *err)
{
    const char *path =
        apr_pstrcat(p, omk_generation_dir(p, n, number), "/" MANIFEST, NULL);
    struct omk_files *f = omk_files_new(p);
    const char *text, *s;
    size_t len;
    int rc = omk_conf_file(p, path, &text, &len, err);

    if (rc) {
        return rc;
    }
    for (s = text; *s;) {
        size_t line = strcspn(s, "\n");

        if (line < OMK_SHA1_HEX + 3 || s[line] != '\n'
            || memcmp(s + OMK_SHA1_HEX, "  ", 2) != 0) {
            return omk_fail(err, OMK_EDAMAGED, path, "is no manifest");
        }
        omk_files_add(
            f, apr_pstrmemdup(p, s + OMK_SHA1_HEX + 2, line - OMK_SHA1_HEX - 2),
            apr_pstrmemdup(p, s, OMK_SHA1_HEX), OMK_SHA1_HEX);
        s += line + 1;
    }
    omk_files_sort(f);
    *out = f;
    return OMK_OK;
}

/* Everything below dir/prefix. */
static int read_tree(struct omk_files *f, const char *dir, const char *prefix,
                     struct omk_err *err)
{
    const char *at = apr_pstrcat(f->p, dir, "/", prefix, NULL);
    DIR *d = opendir(at);
    const struct dirent *e;
    int rc = OMK_OK;

    if (!d) {
        return failed(err, at, "cannot be read");
    }
    while (rc == OMK_OK && (e = readdir(d))) {
        const char *name =
            apr_pstrcat(f->p, prefix, *prefix ? "/" : "", e->d_name, NULL);
        const char *data;
        size_t len;

        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..")
            || !strcmp(name, MANIFEST) || !strcmp(name, COMPLETE)) {
            continue;
        }
        if (e->d_type == DT_DIR) {
            rc = read_tree(f, dir, name, err);
            continue;
        }
        rc = omk_conf_file(f->p, apr_pstrcat(f->p, dir, "/", name, NULL), &data,
                           &len, err);
        if (rc == OMK_OK) {
            omk_files_add(f, name, data, len);
        }
    }
    (void)closedir(d);
    return rc;
}

int omk_generation_read(apr_pool_t *p, const struct omk_node *n,
                        unsigned number, struct omk_files **out,
                        struct omk_err *err)
{
    struct omk_files *f = omk_files_new(p);
    int rc;

    f->read_at = apr_time_now();
    rc = read_tree(f, omk_generation_dir(p, n, number), "", err);
    omk_files_sort(f);
    if (rc == OMK_OK) {
        *out = f;
    }
    return rc;
}

/* --- mending -------------------------------------------------------------- */

/* The bytes of that sum from another generation; NULL where none has them. */
static const struct omk_file *intact(apr_pool_t *p, const struct omk_node *n,
                                     unsigned number,
                                     const struct omk_file *wanted)
{
    struct omk_generation *list;
    size_t count;

    if (omk_generations_list(p, n, &list, &count, NULL)) {
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        struct omk_file *f = apr_pcalloc(p, sizeof *f);
        const char *path =
            apr_pstrcat(p, omk_generation_dir(p, n, list[i].number), "/",
                        wanted->path, NULL);

        f->path = wanted->path;
        if (list[i].number != number
            && omk_conf_file(p, path, &f->data, &f->len, NULL) == OMK_OK
            && !memcmp(omk_file_sum(p, f), wanted->data, OMK_SHA1_HEX)) {
            return f;
        }
    }
    return NULL;
}

int omk_generation_mend(apr_pool_t *p, const struct omk_node *n,
                        unsigned number, struct omk_files *there,
                        struct omk_err *err)
{
    struct omk_files *manifest, *lost = omk_files_new(p);
    int rc = omk_generation_manifest(p, n, number, &manifest, err);

    for (size_t i = 0; rc == OMK_OK && i < manifest->count; i++) {
        const struct omk_file *wanted = &manifest->list[i], *good;
        struct omk_file *f = omk_files_find(there, wanted->path);
        const char *path = apr_pstrcat(p, omk_generation_dir(p, n, number),
                                       "/", wanted->path, NULL);

        if (f && !memcmp(omk_file_sum(p, f), wanted->data, OMK_SHA1_HEX)) {
            continue;
        }
        good = intact(p, n, number, wanted);
        if (!good) {
            return omk_fail(err, OMK_EDAMAGED, path,
                            "%s by hand, and no other generation has it as it "
                            "was; omakase apply writes the current one anew",
                            f ? "changed" : "removed");
        }
        /* A new file in its place: others may share the one that was changed. */
        rc = omk_file_write(path, good->data, good->len, 0600, err);
        if (f) {
            *f = *good;
        }
        else {
            omk_files_add(lost, good->path, good->data, good->len);
        }
    }
    for (size_t i = 0; i < lost->count; i++) {
        omk_files_add(there, lost->list[i].path, lost->list[i].data,
                      lost->list[i].len);
    }
    omk_files_sort(there);
    return rc;
}
