#include "archive.h"

#include "database.h"
#include "err.h"
#include "file.h"
#include "node.h"
#include "run.h"
#include "tree.h"

#include <apr_strings.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define TAR "/usr/bin/tar"
#define ZSTD "/usr/bin/zstd"
#define STAMP "YYYYMMDDThhmmss"
#define TAR_S 86400 /* of hundreds of gigabytes */
#define DECLARATION_MAX ((size_t)16 << 20)

struct work {
    apr_pool_t *p;
    const struct omk_node *node;
    const char *login, *base, *part;
    apr_array_header_t *remarks; /* const char * */
    void (*said)(void *ctx, const char *line);
    void *ctx;
    struct omk_err *err;
};

static int failed(struct omk_err *err, const char *where, const char *what)
{
    int e = errno;

    return omk_fail(err,
                    e == ENOSPC || e == EDQUOT  ? OMK_ENOSPC
                    : e == EACCES || e == EPERM ? OMK_EDENIED
                                                : OMK_EIO,
                    where, "%s: %s", what, strerror(e));
}

static void remark(void *ctx, const char *line)
{
    struct work *w = ctx;

    APR_ARRAY_PUSH(w->remarks, const char *) = apr_pstrdup(w->p, line);
    w->said(w->ctx, line);
}

static const char *in_part(const struct work *w, const char *name)
{
    return apr_pstrcat(w->p, w->part, "/", name, NULL);
}

/* --- the tree ------------------------------------------------------------ */

/* A line of a program's that is fit for a terminal and a log. */
static const char *printable(apr_pool_t *p, const char *line, size_t len)
{
    char *out = apr_pstrmemdup(p, line, len < 400 ? len : 400);

    for (char *c = out; *c; c++) {
        if (*c < ' ' || *c > '~') {
            *c = '?';
        }
    }
    return out;
}

static void remark_lines(struct work *w, const char *text)
{
    while (*text) {
        size_t len = strcspn(text, "\n");

        if (len) {
            remark(w, printable(w->p, text, len));
        }
        text += len + (text[len] == '\n');
    }
}

static bool tells_of_full_disk(const char *text)
{
    return strstr(text, "No space left") || strstr(text, "quota exceeded");
}

/* Of a directory that became a link between two looks; tar did not follow. */
static bool tells_of_swaps(const char *text)
{
    return strstr(text, "Too many levels of symbolic links")
           || strstr(text, "Not a directory");
}

/* tar's own last words are "Exiting with failure status due to previous
 * errors": the first line tells more. */
static int tar_failed(struct work *w, const char *output)
{
    const char *first = printable(w->p, output, strcspn(output, "\n"));

    if (tells_of_full_disk(output)) {
        return omk_fail(w->err, OMK_ENOSPC, w->part, "the disk is full: %s",
                        first);
    }
    if (tells_of_swaps(output)) {
        return omk_fail(w->err, OMK_EBUSY, w->part,
                        "the tree changes too fast; end the processes of %s "
                        "and try again: %s",
                        w->login, first);
    }
    return omk_fail(w->err, OMK_EIO, w->part, "%s", first);
}

/* Reads all of it back; the compressor has checksums of its own. */
static int check_tar(struct work *w, const char *file)
{
    const char *const argv[] = {TAR, "--list", "--file", file, NULL};
    const char *output, *top;
    int status, rc = omk_run(w->p, argv, TAR_S, &status, &output, w->err);

    if (rc) {
        return rc;
    }
    top = apr_pstrcat(w->p, w->login, "/", NULL);
    return status == 0 && !strncmp(output, top, strlen(top))
               ? OMK_OK
               : omk_fail(w->err, OMK_EDAMAGED, file, "does not read back: %s",
                          printable(w->p, output, strcspn(output, "\n")));
}

static int create_file(const char *path, struct omk_err *err)
{
    int fd =
        open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (fd < 0) {
        return failed(err, path, "open");
    }
    close(fd);
    return OMK_OK;
}

/* tar walks by descriptors and follows no link without -h, so the customer may
 * change what is below; SRV and its LOGIN nobody else can change. It ends with
 * 1 when a file changed or went while it was read: a remark, as sites live. */
static int archive_tree(struct work *w)
{
    bool zstd = access(ZSTD, X_OK) == 0;
    const char *file = in_part(w, zstd ? "tree.tar.zst" : "tree.tar.gz");
    const char *const argv[] = {TAR,
                                "--create",
                                "--file",
                                file,
                                zstd ? "--zstd" : "--gzip",
                                "--acls",
                                "--xattrs",
                                "--numeric-owner",
                                "--sparse",
                                "--directory",
                                w->node->srv_dir,
                                "--",
                                w->login,
                                NULL};
    const char *output;
    struct stat st;
    int srv, status, rc = omk_tree_srv(w->node, &srv, w->err);

    if (rc) {
        return rc == OMK_ENOENT ? OMK_OK : rc;
    }
    rc = fstatat(srv, w->login, &st, AT_SYMLINK_NOFOLLOW);
    close(srv);
    if (rc != 0) {
        return errno == ENOENT ? OMK_OK
                               : failed(w->err, w->node->srv_dir, w->login);
    }
    if (!S_ISDIR(st.st_mode)) {
        return omk_fail(w->err, OMK_EDENIED, w->node->srv_dir,
                        "%s is no directory; expected the customer's tree",
                        w->login);
    }
    rc = create_file(file, w->err);
    rc = rc ? rc : omk_run(w->p, argv, TAR_S, &status, &output, w->err);
    if (rc) {
        return rc;
    }
    if (status > 1) {
        return tar_failed(w, output);
    }
    remark_lines(w, output);
    return check_tar(w, file);
}

/* --- the rest ------------------------------------------------------------ */

static int archive_databases(struct work *w, struct omk_db *db)
{
    const char *dir = in_part(w, "databases");
    int fd, rc;

    if (!db) {
        return OMK_OK;
    }
    if (mkdir(dir, 0700) != 0) {
        return failed(w->err, dir, "mkdir");
    }
    fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        return failed(w->err, dir, "open");
    }
    rc = omk_db_dump(db, w->login, fd, remark, w, w->err);
    close(fd);
    return rc;
}

static int copy(struct work *w, const char *from, const char *name)
{
    char *data;
    size_t len;
    int rc = omk_file_read(from, DECLARATION_MAX, &data, &len, w->err);

    if (rc) {
        return rc == OMK_ENOENT ? OMK_OK : rc;
    }
    rc = omk_file_write(in_part(w, name), data, len, 0600, w->err);
    explicit_bzero(data, len); /* the secret */
    free(data);
    return rc;
}

static int copy_declaration(struct work *w)
{
    static const char *const endings[] = {".conf", ".mail", ".httpd.conf"};
    int rc = copy(
        w, apr_pstrcat(w->p, w->node->state_dir, "/secrets/", w->login, NULL),
        "secret");

    for (size_t i = 0; rc == OMK_OK && i < sizeof endings / sizeof *endings;
         i++) {
        const char *name = apr_pstrcat(w->p, w->login, endings[i], NULL);

        rc = copy(w, apr_pstrcat(w->p, w->node->customers_dir, "/", name, NULL),
                  name);
    }
    return rc;
}

static int write_remarks(struct work *w)
{
    const char *text = apr_array_pstrcat(w->p, w->remarks, '\n');

    return w->remarks->nelts
               ? omk_file_write(in_part(w, "remarks"),
                                apr_pstrcat(w->p, text, "\n", NULL),
                                strlen(text) + 1, 0600, w->err)
               : OMK_OK;
}

/* --- its name ------------------------------------------------------------ */

static int remove_one(const char *path, const struct stat *st, int type,
                      struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

/* Nobody but root writes in archive/, so paths do. */
static void remove_part(const char *part)
{
    (void)nftw(part, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* "PREFIX" and a stamp. */
static bool is_named(const char *name, const char *login, const char *before,
                     const char *after)
{
    const char *form = STAMP;
    size_t len = strlen(login);

    if (strncmp(name, before, strlen(before)) != 0) {
        return false;
    }
    name += strlen(before);
    if (strncmp(name, login, len) != 0 || name[len] != '-') {
        return false;
    }
    for (name += len + 1; *form; form++, name++) {
        if (*form == 'T' ? *name != 'T' : !isdigit((unsigned char)*name)) {
            return false;
        }
    }
    return !strcmp(name, after);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int list(apr_pool_t *p, const char *base, const char *login,
                const char *before, const char *after, apr_array_header_t **out,
                struct omk_err *err)
{
    apr_array_header_t *found = apr_array_make(p, 4, sizeof(const char *));
    const struct dirent *e;
    DIR *d = opendir(base);

    if (!d && errno != ENOENT) {
        return failed(err, base, "open");
    }
    while (d && (e = readdir(d))) {
        if (is_named(e->d_name, login, before, after)) {
            APR_ARRAY_PUSH(found, const char *) =
                apr_pstrcat(p, base, "/", e->d_name, NULL);
        }
    }
    if (d) {
        closedir(d);
    }
    if (found->nelts) {
        qsort(found->elts, (size_t)found->nelts, sizeof(const char *), by_text);
    }
    *out = found;
    return OMK_OK;
}

static const char *base_of(apr_pool_t *p, const struct omk_node *n)
{
    return apr_pstrcat(p, n->state_dir, "/archive", NULL);
}

int omk_archives_list(apr_pool_t *p, const struct omk_node *n,
                      const char *login, apr_array_header_t **out,
                      struct omk_err *err)
{
    return list(p, base_of(p, n), login, "", "", out, err);
}

static int make_base(const char *base, struct omk_err *err)
{
    struct stat st;

    if (mkdir(base, 0700) != 0 && errno != EEXIST) {
        return failed(err, base, "mkdir");
    }
    if (lstat(base, &st) != 0) {
        return failed(err, base, "stat");
    }
    return S_ISDIR(st.st_mode) && st.st_uid == geteuid() && !(st.st_mode & 077)
               ? OMK_OK
               : omk_fail(err, OMK_EDENIED, base,
                          "expected a directory of uid %u, mode 0700",
                          (unsigned)geteuid());
}

/* What a broken-off remove left of this login's is removed; then the new one
 * is begun. *whole is the name that it will have. */
static int begin(struct work *w, const char **whole)
{
    apr_array_header_t *old;
    time_t now = time(NULL);
    char stamp[sizeof STAMP];
    struct tm tm;
    int rc = make_base(w->base, w->err);

    rc = rc ? rc : list(w->p, w->base, w->login, ".", ".part", &old, w->err);
    if (rc) {
        return rc;
    }
    for (int i = 0; i < old->nelts; i++) {
        remove_part(APR_ARRAY_IDX(old, i, const char *));
    }
    (void)gmtime_r(&now, &tm);
    (void)strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%S", &tm);
    *whole = apr_psprintf(w->p, "%s/%s-%s", w->base, w->login, stamp);
    w->part = apr_psprintf(w->p, "%s/.%s-%s.part", w->base, w->login, stamp);
    if (access(*whole, F_OK) == 0) {
        return omk_fail(w->err, OMK_EBUSY, *whole,
                        "is there already; try again in a second");
    }
    return mkdir(w->part, 0700) == 0 ? OMK_OK
                                     : failed(w->err, w->part, "mkdir");
}

static int sync_all(const char *path, struct omk_err *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int rc = fd >= 0 && syncfs(fd) == 0 ? OMK_OK : failed(err, path, "sync");

    if (fd >= 0) {
        close(fd);
    }
    return rc;
}

static int finish(struct work *w, const char *whole)
{
    int rc = sync_all(w->part, w->err);

    if (rc == OMK_OK && rename(w->part, whole) != 0) {
        rc = failed(w->err, whole, "rename");
    }
    return rc ? rc : sync_all(w->base, w->err);
}

int omk_archive_make(apr_pool_t *p, const struct omk_node *n, const char *login,
                     struct omk_db *db,
                     void (*said)(void *ctx, const char *line), void *ctx,
                     const char **out, struct omk_err *err)
{
    struct work w = {.p = p,
                     .node = n,
                     .login = login,
                     .base = base_of(p, n),
                     .said = said,
                     .ctx = ctx,
                     .err = err};
    const char *whole;
    int rc;

    w.remarks = apr_array_make(p, 8, sizeof(const char *));
    rc = begin(&w, &whole);
    if (rc) {
        return rc;
    }
    rc = archive_databases(&w, db);
    rc = rc ? rc : archive_tree(&w);
    rc = rc ? rc : copy_declaration(&w);
    rc = rc ? rc : write_remarks(&w);
    rc = rc ? rc : finish(&w, whole);
    if (rc) {
        remove_part(w.part);
        return rc;
    }
    *out = whole;
    return OMK_OK;
}
