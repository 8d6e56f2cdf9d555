#include "files.h"

#include "conf.h"
#include "err.h"

#include <apr_sha1.h>
#include <apr_strings.h>
#include <apr_tables.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct omk_files *omk_files_new(apr_pool_t *p)
{
    struct omk_files *f = apr_pcalloc(p, sizeof *f);

    f->p = p;
    return f;
}

void omk_files_add(struct omk_files *f, const char *path, const char *data,
                   size_t len)
{
    if (f->count == f->room) {
        size_t room = f->room ? f->room * 2 : 64;
        struct omk_file *list = apr_palloc(f->p, room * sizeof *list);

        if (f->count) {
            memcpy(list, f->list, f->count * sizeof *list);
        }
        f->list = list;
        f->room = room;
    }
    f->list[f->count++] =
        (struct omk_file){.path = path, .data = data, .len = len};
}

void omk_files_add_text(struct omk_files *f, const char *path, const char *text)
{
    omk_files_add(f, path, text, strlen(text));
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct omk_file *)a)->path,
                  ((const struct omk_file *)b)->path);
}

void omk_files_sort(struct omk_files *f)
{
    if (f->count) {
        qsort(f->list, f->count, sizeof *f->list, by_path);
    }
}

struct omk_file *omk_files_find(const struct omk_files *sorted,
                                const char *path)
{
    struct omk_file key = {.path = path};

    return sorted && sorted->count ? bsearch(&key, sorted->list, sorted->count,
                                             sizeof *sorted->list, by_path)
                                   : NULL;
}

static bool wanted(const char *name, const char *ending)
{
    size_t len = strlen(name);
    size_t end = strlen(ending);

    return name[0] != '.' && name[len - 1] != '~' && len > end
           && !strcmp(name + len - end, ending);
}

int omk_files_read_dir(struct omk_files *f, const char *dir, const char *ending,
                       const char *prefix, struct omk_err *err)
{
    DIR *d = opendir(dir);
    const struct dirent *e;
    int rc = OMK_OK;

    if (!d && errno == ENOENT) {
        return OMK_OK;
    }
    if (!d) {
        return omk_fail(err, OMK_EIO, dir, "cannot be read: %s",
                        strerror(errno));
    }
    while (rc == OMK_OK && (e = readdir(d))) {
        const char *data;
        size_t len;

        if (e->d_type == DT_DIR || !wanted(e->d_name, ending)) {
            continue;
        }
        rc = omk_conf_file(f->p, apr_pstrcat(f->p, dir, "/", e->d_name, NULL),
                           &data, &len, err);
        if (rc == OMK_OK) {
            omk_files_add(f, apr_pstrcat(f->p, prefix, "/", e->d_name, NULL),
                          data, len);
        }
    }
    (void)closedir(d);
    return rc;
}

static void print_hex(const unsigned char digest[APR_SHA1_DIGESTSIZE],
                      char out[OMK_SHA1_HEX + 1])
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < APR_SHA1_DIGESTSIZE; i++) {
        *out++ = digits[digest[i] >> 4];
        *out++ = digits[digest[i] & 15];
    }
    *out = '\0';
}

void omk_sha1_hex(const char *data, size_t len, char out[OMK_SHA1_HEX + 1])
{
    unsigned char digest[APR_SHA1_DIGESTSIZE];
    apr_sha1_ctx_t sha;

    apr_sha1_init(&sha);
    apr_sha1_update(&sha, data, (unsigned)len);
    apr_sha1_final(digest, &sha);
    print_hex(digest, out);
}

bool omk_file_same(const struct omk_file *a, const struct omk_file *b)
{
    return a && b && a->len == b->len && !memcmp(a->data, b->data, a->len);
}

const char *omk_file_sum(apr_pool_t *p, struct omk_file *f)
{
    if (!f->sum) {
        char *sum = apr_palloc(p, OMK_SHA1_HEX + 1);

        omk_sha1_hex(f->data, f->len, sum);
        f->sum = sum;
    }
    return f->sum;
}

void omk_files_sum(const struct omk_files *sorted,
                   bool (*belongs)(const char *path),
                   char out[OMK_SHA1_HEX + 1])
{
    unsigned char digest[APR_SHA1_DIGESTSIZE];
    apr_sha1_ctx_t sha;

    apr_sha1_init(&sha);
    for (size_t i = 0; i < sorted->count; i++) {
        const struct omk_file *f = &sorted->list[i];
        char len[32];

        if (!belongs(f->path)) {
            continue;
        }
        (void)snprintf(len, sizeof len, " %zu\n", f->len);
        apr_sha1_update(&sha, f->path, (unsigned)strlen(f->path));
        apr_sha1_update(&sha, len, (unsigned)strlen(len));
        apr_sha1_update(&sha, f->data, (unsigned)f->len);
    }
    apr_sha1_final(digest, &sha);
    print_hex(digest, out);
}

/* --- templates ------------------------------------------------------------ */

static const char *value_of(const char *const *names, const char *name,
                            size_t len)
{
    for (; *names; names += 2) {
        if (strlen(names[0]) == len && !memcmp(names[0], name, len)) {
            return names[1];
        }
    }
    return NULL;
}

static unsigned line_at(const char *text, const char *at)
{
    unsigned line = 1;

    for (; text < at; text++) {
        line += *text == '\n';
    }
    return line;
}

int omk_template(apr_pool_t *p, const char *name, const char *text,
                 const char *const *names, const char **out,
                 struct omk_err *err)
{
    apr_array_header_t *parts = apr_array_make(p, 64, sizeof(const char *));
    const char *s = text;

    for (const char *at; (at = strchr(s, '@'));) {
        size_t len = strspn(at + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_");
        const char *value = value_of(names, at + 1, len);

        if (!len || at[len + 1] != '@') { /* a plain `@` */
            APR_ARRAY_PUSH(parts, const char *) =
                apr_pstrmemdup(p, s, (size_t)(at + 1 - s));
            s = at + 1;
            continue;
        }
        if (!value) {
            char where[sizeof err->where];

            omk_conf_where(where, sizeof where, name, line_at(text, at));
            return omk_fail(err, OMK_EINVAL, where, "@%.*s@ is not known here",
                            (int)len, at + 1);
        }
        APR_ARRAY_PUSH(parts, const char *) =
            apr_pstrmemdup(p, s, (size_t)(at - s));
        APR_ARRAY_PUSH(parts, const char *) = value;
        s = at + len + 2;
    }
    APR_ARRAY_PUSH(parts, const char *) = s;
    *out = apr_array_pstrcat(p, parts, 0);
    return OMK_OK;
}
