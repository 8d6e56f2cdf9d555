#include "design.h"

#include "err.h"
#include "query.h"
#include "strip.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* One design under one name and kind (strip or single images). It is never
 * taken out of the list before the set closes, so a thread may look at the
 * disk without the lock and come back to it. There are at most as many as
 * there are directories. */
struct entry {
    struct entry *next;
    char name[COUNTER_DD_MAX + 1];
    bool istrip;
    time_t checked;      /* when the disk was last looked at */
    uint64_t seen;       /* fingerprint of the files as loaded or refused */
    bool settling;       /* they had changed too recently to trust it */
    struct counter_design *design; /* NULL: unusable, err says why */
    bool unreported;     /* err is still to be told */
    struct omk_err err;
};

enum { BUCKETS = 64 };

struct counter_designs {
    char *dir;
    bool once;             /* see counter_designs_once */
    pthread_mutex_t mutex; /* guards all below */
    struct entry *buckets[BUCKETS];
};

/* --- the files of a design --------------------------------------------- */

static int fail_at(struct omk_err *err, int code, const char *name,
                   const char *file, const char *text)
{
    char where[COUNTER_DD_MAX + 1 + 16];

    /* names and the files' names are short: nothing is cut */
    (void)snprintf(where, sizeof where, "%.*s/%.14s", COUNTER_DD_MAX, name,
                   file);
    return omk_fail(err, code, where, "%s", text);
}

static uint64_t mix(uint64_t h, uint64_t v)
{
    h = (h ^ v) * UINT64_C(0x9e3779b97f4a7c15);
    return h ^ h >> 29;
}

/* What stat(2) tells of a file, in 64 bits; *newest takes its last change. */
static uint64_t fingerprint(const struct counter_designs *ds,
                            const char *name, const char *file, uint64_t h,
                            time_t *newest)
{
    char path[4096];
    struct stat st;
    int n = snprintf(path, sizeof path, "%s/%s/%s", ds->dir, name, file);

    if (n < 0 || (size_t)n >= sizeof path
        || fstatat(AT_FDCWD, path, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        return mix(h, 0);
    }
    if (st.st_ctim.tv_sec > *newest) {
        *newest = st.st_ctim.tv_sec;
    }
    h = mix(h, (uint64_t)st.st_dev);
    h = mix(h, (uint64_t)st.st_ino);
    h = mix(h, (uint64_t)st.st_size);
    h = mix(h, (uint64_t)st.st_mtim.tv_sec);
    h = mix(h, (uint64_t)st.st_mtim.tv_nsec);
    h = mix(h, (uint64_t)st.st_ctim.tv_sec);
    return mix(h, (uint64_t)st.st_ctim.tv_nsec);
}

static bool has_strip(const struct counter_designs *ds, const char *name)
{
    char path[4096];
    struct stat st;
    int n = snprintf(path, sizeof path, "%s/%s/strip.gif", ds->dir, name);

    return n > 0 && (size_t)n < sizeof path
           && (lstat(path, &st) == 0 || errno != ENOENT);
}

static uint64_t look(const struct counter_designs *ds, const char *name,
                     bool istrip, time_t *newest)
{
    uint64_t h = 1;

    *newest = 0;
    if (istrip && has_strip(ds, name)) {
        h = fingerprint(ds, name, "strip.gif", h, newest);
        return fingerprint(ds, name, "strip.txt", h, newest);
    }
    for (unsigned g = 0; g < COUNTER_GLYPHS; g++) {
        h = fingerprint(ds, name, counter_glyph_files[g], h, newest);
    }
    return h;
}

static int open_design(const char *dir, const char *name, struct omk_err *err)
{
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/%s", dir, name);
    int fd;

    if (n < 0 || (size_t)n >= sizeof path) {
        return omk_fail(err, OMK_EINVAL, name, "the path is too long");
    }
    fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0) {
        return fd;
    }
    return omk_fail(err,
                    errno == ENOENT                       ? OMK_ENOENT
                    : errno == ENOTDIR || errno == ELOOP  ? OMK_EINVAL
                    : errno == EACCES || errno == EPERM   ? OMK_EDENIED
                                                          : OMK_EIO,
                    name, "open: %s", strerror(errno));
}

static int read_all(int fd, size_t size, uint8_t **data, size_t *len)
{
    uint8_t *buf = malloc(size + 1);
    size_t have = 0;

    while (buf && have < size) {
        ssize_t n = read(fd, buf + have, size - have);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            free(buf);
            return OMK_EIO;
        }
        if (n == 0) {
            break;
        }
        have += (size_t)n;
    }
    if (!buf) {
        return OMK_ENOMEM;
    }
    buf[have] = '\0';
    *data = buf;
    *len = have;
    return OMK_OK;
}

/* A regular file in the design's directory; OMK_ENOENT where there is none.
 * *data is NUL-terminated after len bytes and the caller's to free. */
static int read_file(int dir, const char *name, const char *file,
                     uint8_t **data, size_t *len, struct omk_err *err)
{
    /* O_NONBLOCK: a fifo in the file's place must not stop us. */
    int fd = openat(dir, file,
                    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    struct stat st;
    int rc;

    if (fd < 0) {
        int code = errno == ENOENT  ? OMK_ENOENT
                   : errno == ELOOP ? OMK_EINVAL
                                    : OMK_EIO;

        return fail_at(err, code, name, file,
                       errno == ELOOP ? "is a symbolic link"
                                      : strerror(errno));
    }
    if (fstat(fd, &st) != 0) {
        rc = fail_at(err, OMK_EIO, name, file, strerror(errno));
    }
    else if (!S_ISREG(st.st_mode)) {
        rc = fail_at(err, OMK_EINVAL, name, file, "not a regular file");
    }
    else if (st.st_size > COUNTER_STRIP_BYTES_MAX) {
        rc = fail_at(err, OMK_ERANGE, name, file, "larger than a megabyte");
    }
    else {
        rc = read_all(fd, (size_t)st.st_size, data, len);
        if (rc != OMK_OK) {
            (void)fail_at(err, rc, name, file, "cannot be read");
        }
    }
    close(fd);
    return rc;
}

static int load_strip(int dir, const char *name, bool lazy,
                      struct counter_design **out, struct omk_err *err)
{
    struct omk_err why = {.code = OMK_OK};
    uint8_t *data, *layout = NULL;
    size_t len, layout_len;
    int rc = read_file(dir, name, "strip.gif", &data, &len, err);

    if (rc != OMK_OK) {
        return rc;
    }
    rc = read_file(dir, name, "strip.txt", &layout, &layout_len, err);
    if (rc == OMK_OK || rc == OMK_ENOENT) {
        rc = (lazy ? counter_design_parse_lazy : counter_design_parse)(
            data, len, (const char *)layout, out, &why);
        if (rc != OMK_OK) {
            (void)fail_at(err, rc, name, "strip.gif", why.text);
        }
    }
    free(layout);
    free(data);
    return rc;
}

static int load_singles(int dir, const char *name,
                        struct counter_design **out, struct omk_err *err)
{
    struct counter_bytes images[COUNTER_GLYPHS] = {{NULL, 0}};
    uint8_t *data[COUNTER_GLYPHS] = {NULL};
    struct omk_err why = {.code = OMK_OK};
    int rc = OMK_OK;

    for (unsigned g = 0; rc == OMK_OK && g < COUNTER_GLYPHS; g++) {
        rc = read_file(dir, name, counter_glyph_files[g], &data[g],
                       &images[g].len, err);
        images[g].data = data[g];
        if (rc == OMK_ENOENT && g >= COUNTER_DIGITS) {
            rc = OMK_OK;
        }
    }
    if (rc == OMK_OK) {
        rc = counter_design_parse_singles(images, out, &why);
        if (rc != OMK_OK) {
            (void)fail_at(err, rc, name, why.where, why.text);
        }
    }
    for (unsigned g = 0; g < COUNTER_GLYPHS; g++) {
        free(data[g]);
    }
    return rc;
}

static int load(const struct counter_designs *ds, const char *name,
                bool istrip, struct counter_design **out,
                struct omk_err *err)
{
    int dir = open_design(ds->dir, name, err);
    int rc = OMK_ENOENT;

    if (dir < 0) {
        return dir;
    }
    if (istrip) {
        rc = load_strip(dir, name, ds->once, out, err);
    }
    if (rc == OMK_ENOENT) {
        rc = load_singles(dir, name, out, err);
    }
    close(dir);
    return rc;
}

/* --- the set ----------------------------------------------------------- */

int counter_designs_open(const char *dir, struct counter_designs **out,
                         struct omk_err *err)
{
    struct counter_designs *ds = calloc(1, sizeof *ds);

    if (!ds || !(ds->dir = strdup(dir))) {
        free(ds);
        return omk_fail(err, OMK_ENOMEM, dir, "out of memory");
    }
    (void)pthread_mutex_init(&ds->mutex, NULL);
    *out = ds;
    return OMK_OK;
}

void counter_designs_once(struct counter_designs *ds)
{
    ds->once = true;
}

void counter_designs_close(struct counter_designs *ds)
{
    if (!ds) {
        return;
    }
    for (unsigned i = 0; i < BUCKETS; i++) {
        struct entry *next;

        for (struct entry *e = ds->buckets[i]; e; e = next) {
            next = e->next;
            counter_design_put(e->design);
            free(e);
        }
    }
    (void)pthread_mutex_destroy(&ds->mutex);
    free(ds->dir);
    free(ds);
}

static bool good_name(const char *name)
{
    size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz"
                              "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");

    return len > 0 && len <= COUNTER_DD_MAX && name[len] == '\0';
}

static struct entry **bucket(struct counter_designs *ds, const char *name)
{
    uint64_t h = 0;

    for (const char *p = name; *p; p++) {
        h = h * 31 + (unsigned char)*p;
    }
    return &ds->buckets[h % BUCKETS];
}

static struct entry *find(struct counter_designs *ds, const char *name,
                          bool istrip)
{
    struct entry *e = *bucket(ds, name);

    while (e && (e->istrip != istrip || strcmp(e->name, name) != 0)) {
        e = e->next;
    }
    return e;
}

static struct entry *add(struct counter_designs *ds, const char *name,
                         bool istrip)
{
    struct entry **head = bucket(ds, name);
    struct entry *e = calloc(1, sizeof *e);

    if (e) {
        (void)snprintf(e->name, sizeof e->name, "%s", name);
        e->istrip = istrip;
        e->next = *head;
        *head = e;
    }
    return e;
}

/* The lock is held. */
static int hand_out(struct entry *e, const struct counter_design **out,
                    struct omk_err *err)
{
    if (!e->design) {
        if (err) {
            *err = e->err;
        }
        return e->err.code;
    }
    if (err && e->unreported) {
        *err = e->err;
        e->unreported = false;
    }
    (void)atomic_fetch_add_explicit(&e->design->refs, 1,
                                    memory_order_relaxed);
    *out = e->design;
    return OMK_OK;
}

/* What one look at the disk found. */
struct found {
    int rc;
    struct counter_design *design;
    uint64_t seen;
    bool settling;
    struct omk_err err;
};

static void look_and_load(const struct counter_designs *ds, const char *name,
                          bool istrip, time_t now, struct found *f)
{
    time_t newest = 0;

    /* The look comes first: what changes after it is seen the next time. */
    f->seen = ds->once ? 0 : look(ds, name, istrip, &newest);
    f->settling = newest + 2 > now && newest <= now + 2;
    f->design = NULL;
    f->err.code = OMK_OK;
    f->rc = load(ds, name, istrip, &f->design, &f->err);
    f->err.code = f->rc;
}

/* The lock is held. Returns the design that the caller is to put after it. */
static struct counter_design *keep(struct entry *e, struct found *f)
{
    struct counter_design *old = NULL;

    /* Gone is gone; a broken new file leaves the old design in use. */
    if (f->rc == OMK_OK || f->rc == OMK_ENOENT || !e->design) {
        old = e->design;
        e->design = f->design;
    }
    e->unreported = f->rc != OMK_OK && e->seen != f->seen;
    e->err = f->err;
    e->seen = f->seen;
    e->settling = f->settling;
    return old;
}

/* seen: the entry's fingerprint where it can be trusted, else 0. */
static int refresh(struct counter_designs *ds, struct entry *e, uint64_t seen,
                   time_t now, const struct counter_design **out,
                   struct omk_err *err)
{
    struct counter_design *old;
    struct found f;
    time_t newest;
    int rc;

    if (seen && look(ds, e->name, e->istrip, &newest) == seen) {
        (void)pthread_mutex_lock(&ds->mutex);
        rc = hand_out(e, out, err);
        (void)pthread_mutex_unlock(&ds->mutex);
        return rc;
    }
    look_and_load(ds, e->name, e->istrip, now, &f);
    (void)pthread_mutex_lock(&ds->mutex);
    old = keep(e, &f);
    rc = hand_out(e, out, err);
    (void)pthread_mutex_unlock(&ds->mutex);
    counter_design_put(old);
    return rc;
}

static int first_time(struct counter_designs *ds, const char *name,
                      bool istrip, time_t now,
                      const struct counter_design **out, struct omk_err *err)
{
    struct counter_design *old = NULL;
    struct found f;
    struct entry *e;
    int rc;

    look_and_load(ds, name, istrip, now, &f);
    if (f.rc == OMK_ENOENT) {
        /* Not kept: any name can be asked for. */
        return omk_fail(err, OMK_ENOENT, name, "no such design");
    }
    (void)pthread_mutex_lock(&ds->mutex);
    e = find(ds, name, istrip);
    if (!e) {
        e = add(ds, name, istrip);
    }
    if (e) {
        e->checked = now;
        old = keep(e, &f);
        rc = hand_out(e, out, err);
    }
    else {
        old = f.design;
        rc = omk_fail(err, OMK_ENOMEM, name, "out of memory");
    }
    (void)pthread_mutex_unlock(&ds->mutex);
    counter_design_put(old);
    return rc;
}

int counter_designs_get(struct counter_designs *ds, const char *name,
                        bool istrip, time_t now,
                        const struct counter_design **out,
                        struct omk_err *err)
{
    struct entry *e;
    uint64_t seen = 0;
    int rc = OMK_OK;
    bool fresh;

    if (!good_name(name)) {
        return omk_fail(err, OMK_EINVAL, "dd", "no name of a design");
    }
    if (err) {
        err->code = OMK_OK;
    }
    (void)pthread_mutex_lock(&ds->mutex);
    e = find(ds, name, istrip);
    fresh = e && e->checked == now;
    if (fresh) {
        rc = hand_out(e, out, err);
    }
    else if (e) {
        /* The others go on with what there is while this thread looks. */
        e->checked = now;
        seen = e->settling ? 0 : e->seen;
    }
    (void)pthread_mutex_unlock(&ds->mutex);
    if (fresh) {
        return rc;
    }
    return e ? refresh(ds, e, seen, now, out, err)
             : first_time(ds, name, istrip, now, out, err);
}
