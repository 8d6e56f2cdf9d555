#include "sites.h"

#include "lock.h"
#include "place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUCKETS 4096
#define IDLE_MS 10000 /* then files are closed */
#define BUSY_MS 5     /* another logger has the lock */
#define STUCK_MS 1000 /* the disk is full, the place is wrong */
#define TELL_MS 60000 /* between two reports of one log */
#define TELL_MAX 10   /* in that time, of all that cannot be written */
#define PIECE ((size_t)1 << 20)     /* written in one go, at most */
#define KEEP_BUF ((size_t)16 << 10) /* of a log that is empty now */

struct log {
    int fd; /* -1: not open */
    struct stat st;
    char *buf;
    size_t from, len, cap; /* what waits is buf[from] to buf[from + len] */
    uint64_t dropped_lines, dropped_bytes;
    /* When the operator heard that it cannot be written, or closed; 0: not. */
    int64_t told_ms, told_size_ms;
};

struct site {
    char login[WEBLOG_LOGIN_MAX + 1];
    size_t login_len;
    struct site *same_bucket;
    struct site *newer, *older; /* of those with files open */
    struct site *next_dirty;
    bool dirty, listed;
    bool stuck; /* the last try did not write all */
    int dir;    /* -1: not open */
    off_t key;
    int64_t retry_ms, used_ms;
    struct log logs[WEBLOG_KINDS];
};

struct weblog_sites {
    struct weblog_conf conf;
    struct site *buckets[BUCKETS];
    struct site *newest, *oldest; /* with files open */
    struct site *dirty, **dirty_end;
    struct site *last; /* the last line's */
    uint64_t waiting;
    unsigned open;
    /* Lines that are none, and of customers who are not there, since that was
     * told, and when. */
    uint64_t strays, orphans;
    int64_t now_ms, stray_told_ms, orphan_told_ms;
    int64_t stuck_from_ms; /* the minute in which so many were told */
    unsigned stuck_told;
};

struct weblog_sites *weblog_sites_new(const struct weblog_conf *conf)
{
    struct weblog_sites *s = calloc(1, sizeof *s);

    if (s) {
        s->conf = *conf;
        s->dirty_end = &s->dirty;
    }
    return s;
}

static void say(const struct weblog_sites *s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void say(const struct weblog_sites *s, const char *format, ...)
{
    char line[1024];
    va_list ap;

    va_start(ap, format);
    (void)vsnprintf(line, sizeof line, format, ap);
    va_end(ap);
    s->conf.say(s->conf.ctx, line);
}

/* --- the table ----------------------------------------------------------- */

static size_t bucket_of(const char *login, size_t len)
{
    uint32_t h = 2166136261u; /* FNV-1a */

    for (size_t i = 0; i < len; i++) {
        h = (h ^ (unsigned char)login[i]) * 16777619u;
    }
    return h % BUCKETS;
}

static bool is_site(const struct site *x, const char *login, size_t len)
{
    return x->login_len == len && !memcmp(x->login, login, len);
}

/* NULL for want of memory. */
static struct site *find_or_add(struct weblog_sites *s, const char *login,
                                size_t len)
{
    struct site **bucket, *x;

    if (s->last && is_site(s->last, login, len)) {
        return s->last;
    }
    bucket = &s->buckets[bucket_of(login, len)];
    for (x = *bucket; x && !is_site(x, login, len); x = x->same_bucket) {
    }
    if (!x && (x = calloc(1, sizeof *x))) {
        memcpy(x->login, login, len);
        x->login_len = len;
        x->dir = -1;
        for (int k = 0; k < WEBLOG_KINDS; k++) {
            x->logs[k].fd = -1;
        }
        x->same_bucket = *bucket;
        *bucket = x;
    }
    s->last = x;
    return x;
}

static void forget(struct weblog_sites *s, struct site *x)
{
    struct site **at = &s->buckets[bucket_of(x->login, x->login_len)];

    while (*at != x) {
        at = &(*at)->same_bucket;
    }
    *at = x->same_bucket;
    s->last = s->last == x ? NULL : s->last;
    for (int k = 0; k < WEBLOG_KINDS; k++) {
        free(x->logs[k].buf);
    }
    free(x);
}

/* --- what is open -------------------------------------------------------- */

static void unlist(struct weblog_sites *s, struct site *x)
{
    if (!x->listed) {
        return;
    }
    *(x->newer ? &x->newer->older : &s->newest) = x->older;
    *(x->older ? &x->older->newer : &s->oldest) = x->newer;
    x->newer = x->older = NULL;
    x->listed = false;
}

static void list_as_newest(struct weblog_sites *s, struct site *x)
{
    unlist(s, x);
    x->older = s->newest;
    *(s->newest ? &s->newest->newer : &s->oldest) = x;
    s->newest = x;
    x->listed = true;
}

static void close_fd(struct weblog_sites *s, int *fd)
{
    if (*fd >= 0) {
        close(*fd);
        *fd = -1;
        s->open--;
    }
}

/* Of an empty one, memory beyond most is given back. */
static void shrink(struct log *log, size_t most)
{
    if (!log->len && log->cap > most) {
        log->from = 0;
        free(log->buf);
        log->buf = NULL;
        log->cap = 0;
    }
}

static void close_site(struct weblog_sites *s, struct site *x)
{
    for (int k = 0; k < WEBLOG_KINDS; k++) {
        close_fd(s, &x->logs[k].fd);
        shrink(&x->logs[k], 0);
    }
    close_fd(s, &x->dir);
    unlist(s, x);
}

/* Room for n more descriptors. */
static void make_room(struct weblog_sites *s, const struct site *keep,
                      unsigned n)
{
    while (s->open + n > s->conf.open_max && s->oldest && s->oldest != keep) {
        close_site(s, s->oldest);
    }
}

static int open_dir(struct weblog_sites *s, struct site *x)
{
    struct stat st;
    int error;

    if (x->dir >= 0) {
        return 0;
    }
    make_room(s, x, 2);
    error = weblog_place_open(s->conf.srv, x->login, &x->dir, &st);
    if (!error) {
        s->open++;
        x->key = weblog_lock_key(&st);
        weblog_trim_slow(x->dir);
    }
    return error;
}

static int open_log(struct weblog_sites *s, struct site *x,
                    enum weblog_kind kind)
{
    struct log *log = &x->logs[kind];
    int error;

    if (log->fd >= 0) {
        return 0;
    }
    make_room(s, x, 1);
    error = weblog_file_open(x->dir, weblog_names[kind], &log->fd, &log->st);
    s->open += error ? 0 : 1;
    return error;
}

/* Whether what is open is what the customer's log is now: not closed by
 * another logger, not of a customer who was removed and is there again. Sets
 * its size. */
static bool is_current(const struct weblog_sites *s, const struct site *x,
                       struct log *log, enum weblog_kind kind)
{
    char path[WEBLOG_LOGIN_MAX + WEBLOG_NAME_MAX + 8];
    struct stat st;

    (void)snprintf(path, sizeof path, "%s/log/%s", x->login,
                   weblog_names[kind]);
    if (fstatat(s->conf.srv, path, &st, AT_SYMLINK_NOFOLLOW) != 0
        || st.st_dev != log->st.st_dev || st.st_ino != log->st.st_ino) {
        return false;
    }
    log->st.st_size = st.st_size;
    return true;
}

/* Opened, locked, and current. */
static int take(struct weblog_sites *s, struct site *x, enum weblog_kind kind)
{
    int error = 0;

    for (int tries = 0; tries < 3; tries++) {
        error = open_dir(s, x);
        error = error ? error
                      : weblog_lock(s->conf.lock_fd, x->key, WEBLOG_LOCK_FILES,
                                    false);
        if (error) {
            return error;
        }
        error = open_log(s, x, kind);
        if (!error && is_current(s, x, &x->logs[kind], kind)) {
            return 0;
        }
        weblog_unlock(s->conf.lock_fd, x->key, WEBLOG_LOCK_FILES);
        if (error && error != ENOENT) {
            return error;
        }
        close_site(s, x);
    }
    return error ? error : EAGAIN;
}

/* --- reports ------------------------------------------------------------- */

static uint64_t count_lines(const char *s, size_t len)
{
    const char *end = len ? s + len : s; /* NULL may be of 0 bytes */
    uint64_t n = 0;

    while (s < end && (s = memchr(s, '\n', (size_t)(end - s)))) {
        n++;
        s++;
    }
    return n;
}

static void tell_dropped(const struct weblog_sites *s, struct site *x,
                         enum weblog_kind kind)
{
    struct log *log = &x->logs[kind];

    if (log->dropped_lines) {
        say(s,
            "OMK0504: %s: %llu lines (%llu bytes) of log/%s were dropped: "
            "they could not be written in time",
            x->login, (unsigned long long)log->dropped_lines,
            (unsigned long long)log->dropped_bytes, weblog_names[kind]);
    }
    log->dropped_lines = log->dropped_bytes = 0;
}

/* Whether it is time to tell the same again; *told is 0 at first. */
static bool is_news(const struct weblog_sites *s, int64_t *told)
{
    if (*told && s->now_ms - *told < TELL_MS) {
        return false;
    }
    *told = s->now_ms ? s->now_ms : 1;
    return true;
}

/* A full disk is all sites', and httpd's log may be on the same one. */
static bool may_say_more(struct weblog_sites *s)
{
    if (s->now_ms - s->stuck_from_ms >= TELL_MS) {
        s->stuck_from_ms = s->now_ms;
        s->stuck_told = 0;
    }
    return s->stuck_told++ < TELL_MAX;
}

static void tell_stuck(struct weblog_sites *s, struct site *x,
                       enum weblog_kind kind, int error)
{
    struct log *log = &x->logs[kind];

    if (!is_news(s, &log->told_ms) || !may_say_more(s)) {
        return;
    }
    say(s,
        error == EPERM
            ? "OMK0502: %s: log/%s is not written: it or log/ is not ours "
              "(%s); `omakase check` says what is wrong; %zu bytes wait"
            : "OMK0503: %s: log/%s cannot be written: %s; %zu bytes wait",
        x->login, weblog_names[kind],
        error == EPERM ? "another's, a link, or no plain file"
                       : strerror(error),
        log->len);
}

static void drop_all(struct weblog_sites *s, struct log *log)
{
    log->dropped_lines += count_lines(log->buf + log->from, log->len);
    log->dropped_bytes += log->len;
    s->waiting -= log->len;
    log->from = log->len = 0;
}

/* Of a customer who was removed, or never was. */
static void drop_orphans(struct weblog_sites *s, const struct site *x,
                         struct log *log)
{
    drop_all(s, log);
    s->orphans += log->dropped_lines;
    log->dropped_lines = log->dropped_bytes = 0;
    if (is_news(s, &s->orphan_told_ms)) {
        say(s,
            "OMK0507: %llu lines of customers without log/ were dropped, the "
            "last of %s",
            (unsigned long long)s->orphans, x->login);
        s->orphans = 0;
    }
}

/* --- writing ------------------------------------------------------------- */

static void consume(struct weblog_sites *s, struct log *log, size_t n)
{
    log->len -= n;
    log->from = log->len ? log->from + n : 0;
    s->waiting -= n;
}

/* Whole lines up to the one with which the log reaches its size, PIECE at most.
 * 0: not a line has room. */
static size_t next_piece(const struct weblog_sites *s, const struct log *log)
{
    uint64_t size = (uint64_t)log->st.st_size;
    size_t most = log->len < PIECE ? log->len : PIECE;
    const char *data = log->buf + log->from, *end;

    if (size < s->conf.size && s->conf.size - size < most) {
        size_t before = (size_t)(s->conf.size - size) - 1;

        end = memchr(data + before, '\n', most - before);
        if (end) {
            return (size_t)(end - data) + 1;
        }
    }
    if (size + most > WEBLOG_HARD_MAX) {
        most = size < WEBLOG_HARD_MAX ? (size_t)(WEBLOG_HARD_MAX - size) : 0;
    }
    end = most ? memrchr(data, '\n', most) : NULL;
    return end ? (size_t)(end - data) + 1 : 0;
}

/* One write. What it leaves of a line is taken back: nobody else appends, we
 * have the lock. */
static int write_piece(struct weblog_sites *s, struct log *log, size_t piece)
{
    const char *data = log->buf + log->from;
    ssize_t n;
    size_t whole;
    int error = 0;

    do {
        n = write(log->fd, data, piece);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        return errno;
    }
    whole = (size_t)n;
    if (whole < piece) {
        const char *end = n ? memrchr(data, '\n', whole) : NULL;

        error = ENOSPC;
        whole = end ? (size_t)(end - data) + 1 : 0;
        if (ftruncate(log->fd, log->st.st_size + (off_t)whole) != 0) {
            error = errno;
        }
    }
    log->st.st_size += (off_t)whole;
    consume(s, log, whole);
    return error;
}

/* Also the one that others have filled. */
static int rotate_if_due(struct weblog_sites *s, struct site *x,
                         enum weblog_kind kind)
{
    struct log *log = &x->logs[kind];
    int error;

    if ((uint64_t)log->st.st_size < s->conf.size) {
        return 0;
    }
    error = weblog_rotate(x->dir, kind);
    if (error) {
        if (is_news(s, &log->told_size_ms)) {
            say(s,
                "OMK0505: %s: log/%s has reached its size and cannot be "
                "closed: %s; it grows on",
                x->login, weblog_names[kind], strerror(error));
        }
        return error;
    }
    log->told_size_ms = 0;
    weblog_trim_slow(x->dir);
    close_fd(s, &log->fd);
    s->conf.closed(s->conf.ctx, x->login);
    return open_log(s, x, kind);
}

static int write_all(struct weblog_sites *s, struct site *x,
                     enum weblog_kind kind)
{
    struct log *log = &x->logs[kind];
    int error = 0;

    while (log->len && !error) {
        /* A log that cannot be closed grows on, to its end. */
        (void)rotate_if_due(s, x, kind);
        error = open_log(s, x, kind);
        if (!error) {
            size_t piece = next_piece(s, log);

            error = piece ? write_piece(s, log, piece) : EFBIG;
        }
    }
    if (!error) {
        (void)rotate_if_due(s, x, kind);
    }
    return error;
}

/* 0 when nothing of it waits. */
static int flush_log(struct weblog_sites *s, struct site *x,
                     enum weblog_kind kind)
{
    struct log *log = &x->logs[kind];
    int error = log->len ? take(s, x, kind) : 0;

    if (log->len && !error) {
        error = write_all(s, x, kind);
        weblog_unlock(s->conf.lock_fd, x->key, WEBLOG_LOCK_FILES);
    }
    if (error == ENOENT) {
        drop_orphans(s, x, log);
        error = 0;
    }
    if (!error) {
        log->told_ms = 0;
        tell_dropped(s, x, kind);
        shrink(log, KEEP_BUF);
    }
    else if (error != EAGAIN) {
        tell_stuck(s, x, kind, error);
    }
    return error;
}

/* True when all of it is written. */
static bool flush_site(struct weblog_sites *s, struct site *x)
{
    int worst = 0;

    if (s->now_ms < x->retry_ms) {
        return false;
    }
    for (int k = 0; k < WEBLOG_KINDS; k++) {
        int error = flush_log(s, x, (enum weblog_kind)k);

        worst = error && worst != EAGAIN ? error : worst;
    }
    x->stuck = worst != 0;
    x->used_ms = s->now_ms;
    x->retry_ms = s->now_ms
                  + (!worst            ? 0
                     : worst == EAGAIN ? BUSY_MS
                                       : STUCK_MS);
    if (x->dir >= 0) {
        list_as_newest(s, x);
    }
    return !worst;
}

/* --- from outside -------------------------------------------------------- */

static void mark_dirty(struct weblog_sites *s, struct site *x)
{
    if (!x->dirty) {
        x->dirty = true;
        x->next_dirty = NULL;
        *s->dirty_end = x;
        s->dirty_end = &x->next_dirty;
    }
}

/* Room for n bytes more. */
static bool grow(struct log *log, size_t n)
{
    size_t need = log->len + n, cap = log->cap ? log->cap : 1024;
    char *buf;

    if (log->from && log->from + need > log->cap) {
        memmove(log->buf, log->buf + log->from, log->len);
        log->from = 0;
    }
    while (cap < need) {
        cap *= 2;
    }
    if (cap == log->cap) {
        return true;
    }
    buf = realloc(log->buf, cap);
    if (!buf) {
        return false;
    }
    log->buf = buf;
    log->cap = cap;
    return true;
}

/* The bounds are for those that cannot be written: the others' lines wait for
 * no longer than it takes to read them. */
static bool has_room(const struct weblog_sites *s, const struct site *x,
                     const struct log *log, size_t n)
{
    return !x->stuck
           || (s->waiting + n <= s->conf.wait_max
               && log->len + n <= s->conf.site_max);
}

static void add(struct weblog_sites *s, struct site *x,
                const struct weblog_line *line)
{
    struct log *log = &x->logs[line->kind];
    size_t n = line->text_len + 1;

    if (!has_room(s, x, log, n) || !grow(log, n)) {
        log->dropped_lines++;
        log->dropped_bytes += n;
    }
    else {
        char *to = log->buf + log->from + log->len;

        memcpy(to, line->text, line->text_len);
        to[line->text_len] = '\n';
        log->len += n;
        s->waiting += n;
    }
    mark_dirty(s, x);
}

/* What a terminal could take amiss is not shown. */
static void stray(struct weblog_sites *s, const char *line, size_t len)
{
    char shown[200];
    size_t n = len < sizeof shown - 1 ? len : sizeof shown - 1;

    s->strays++;
    if (!is_news(s, &s->stray_told_ms)) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        shown[i] = line[i] >= ' ' && line[i] <= '~' ? line[i] : '?';
    }
    shown[n] = '\0';
    say(s, "OMK0501: %llu lines were no line of mod_weblog's, the last: %s",
        (unsigned long long)s->strays, shown);
    s->strays = 0;
}

void weblog_sites_line(struct weblog_sites *s, const char *line, size_t len)
{
    struct weblog_line parsed;
    struct site *x;

    if (len >= WEBLOG_LINE_MAX || !weblog_line_parse(line, len, &parsed)) {
        stray(s, line, len);
        return;
    }
    x = find_or_add(s, parsed.login, parsed.login_len);
    if (x) {
        add(s, x, &parsed);
    }
}

static bool has_something(const struct site *x)
{
    for (int k = 0; k < WEBLOG_KINDS; k++) {
        if (x->logs[k].len || x->logs[k].dropped_lines) {
            return true;
        }
    }
    return false;
}

static void close_idle(struct weblog_sites *s)
{
    while (s->oldest && s->now_ms - s->oldest->used_ms >= IDLE_MS) {
        struct site *x = s->oldest;

        close_site(s, x);
        if (!x->dirty && !has_something(x)) {
            forget(s, x);
        }
    }
}

/* What waits is tried again in its order. */
static int64_t flush_dirty(struct weblog_sites *s)
{
    struct site *list = s->dirty;
    int64_t next = INT64_MAX;

    s->dirty = NULL;
    s->dirty_end = &s->dirty;
    while (list) {
        struct site *x = list;

        list = x->next_dirty;
        x->dirty = false;
        if (!flush_site(s, x)) {
            mark_dirty(s, x);
            next = x->retry_ms < next ? x->retry_ms : next;
        }
        else if (x->dir < 0 && !has_something(x)) {
            forget(s, x); /* of no customer */
        }
    }
    return next;
}

int weblog_sites_flush(struct weblog_sites *s, int64_t now_ms)
{
    int64_t next;

    s->now_ms = now_ms;
    next = flush_dirty(s);
    close_idle(s);
    if (s->oldest && s->oldest->used_ms + IDLE_MS < next) {
        next = s->oldest->used_ms + IDLE_MS;
    }
    return next == INT64_MAX ? -1 : next <= now_ms ? 0 : (int)(next - now_ms);
}

uint64_t weblog_sites_waiting(const struct weblog_sites *s)
{
    return s->waiting;
}

unsigned weblog_sites_open(const struct weblog_sites *s)
{
    return s->open;
}

void weblog_sites_give_up(struct weblog_sites *s)
{
    for (struct site *x = s->dirty; x; x = x->next_dirty) {
        for (int k = 0; k < WEBLOG_KINDS; k++) {
            drop_all(s, &x->logs[k]);
            tell_dropped(s, x, (enum weblog_kind)k);
        }
    }
}

void weblog_sites_free(struct weblog_sites *s)
{
    if (!s) {
        return;
    }
    for (size_t b = 0; b < BUCKETS; b++) {
        while (s->buckets[b]) {
            close_site(s, s->buckets[b]);
            forget(s, s->buckets[b]);
        }
    }
    free(s);
}
