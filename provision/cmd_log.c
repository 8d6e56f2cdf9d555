/* log: a customer's access or error log, as it is, as it grows, in numbers. */
#include "cmd.h"

#include "line.h"
#include "names.h"
#include "node.h"
#include "place.h"
#include "summary.h"
#include "tree.h"

#include <apr_strings.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define BUFFER ((size_t)64 << 10)
#define LOOK_MS 200 /* at a log that is followed */
#define LAST_LINES 10
#define TOP_PAGES 20

/* --- opening ------------------------------------------------------------- */

/* A regular file in log/, or -1 with errno. */
static int open_log(int dir, const char *name, struct stat *st)
{
    int fd = openat(dir, name,
                    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

    if (fd >= 0 && (fstat(fd, st) != 0 || !S_ISREG(st->st_mode))) {
        close(fd);
        errno = EPERM;
        return -1;
    }
    return fd;
}

static int open_dir(struct omk_cmd *c, int *dir)
{
    const char *login = c->argv[0];
    struct omk_err err = {0};
    int rc = omk_login_check(login, strlen(login), &err);

    if (rc == OMK_OK) {
        rc = omk_tree_open(c->node, login, "log", NULL, dir, &err);
    }
    return rc ? omk_cmd_error(&err) : OMK_EX_OK;
}

static int failed(const struct omk_cmd *c, const char *name)
{
    struct omk_err err;

    (void)omk_fail(
        &err, errno == ENOENT ? OMK_ENOENT : OMK_EIO,
        apr_psprintf(c->p, "%s/%s/log/%s", c->node->srv_dir, c->argv[0], name),
        "%s", strerror(errno));
    return omk_cmd_error(&err);
}

/* --- as it is, and as it grows ------------------------------------------- */

/* What a terminal could take for a command is not shown. */
static void tame(char *buf, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char ch = (unsigned char)buf[i];

        if ((ch < 0x20 && ch != '\n' && ch != '\t') || ch == 0x7f) {
            buf[i] = '?';
        }
    }
}

static bool put(char *buf, size_t len)
{
    tame(buf, len);
    return fwrite(buf, 1, len, stdout) == len;
}

/* From where it stands to its end. */
static bool copy(int fd)
{
    char buf[BUFFER];
    ssize_t n;

    while ((n = read(fd, buf, sizeof buf)) > 0) {
        if (!put(buf, (size_t)n)) {
            return false;
        }
    }
    return n == 0 && fflush(stdout) == 0;
}

/* Stands before the last lines of what fits into a buffer. */
static void skip_to_last(int fd, off_t size)
{
    char buf[BUFFER];
    off_t from = size > (off_t)sizeof buf ? size - (off_t)sizeof buf : 0;
    ssize_t n = pread(fd, buf, sizeof buf, from);
    int lines = 0;

    while (n > 0) {
        if (buf[n - 1] == '\n' && lines++ == LAST_LINES) {
            break;
        }
        n--;
    }
    (void)lseek(fd, from + (n > 0 ? n : 0), SEEK_SET);
}

/* Until nobody reads it any more. */
static int follow(struct omk_cmd *c, int dir, const char *name, int fd,
                  struct stat st)
{
    struct stat now;

    skip_to_last(fd, st.st_size);
    while (copy(fd)) {
        (void)poll(NULL, 0, LOOK_MS);
        if (fstatat(dir, name, &now, AT_SYMLINK_NOFOLLOW) != 0
            || (now.st_ino == st.st_ino && now.st_dev == st.st_dev)) {
            continue;
        }
        /* It was closed: to its end, and then the new one. */
        if (!copy(fd)) {
            break;
        }
        close(fd);
        fd = open_log(dir, name, &st);
        if (fd < 0) {
            return failed(c, name);
        }
    }
    close(fd);
    return OMK_EX_OK;
}

static int show(struct omk_cmd *c, int dir, const char *name)
{
    struct stat st;
    int fd = open_log(dir, name, &st);
    bool ok;

    if (fd < 0) {
        return failed(c, name);
    }
    if (c->follow) {
        return follow(c, dir, name, fd, st);
    }
    ok = copy(fd);
    close(fd);
    return ok ? OMK_EX_OK : OMK_EX_IOERR;
}

/* --- in numbers ---------------------------------------------------------- */

static void count_line(void *ctx, const char *line, size_t len)
{
    weblog_summary_line(ctx, line, len);
}

/* Compressed or not. What is missing or broken at its end counts as far as it
 * goes. Takes fd. */
static void count_file(struct weblog_summary *s, int fd)
{
    struct weblog_split split;
    char *buf = malloc(BUFFER);
    gzFile gz = buf ? gzdopen(fd, "r") : NULL;
    int n;

    if (!gz) {
        close(fd);
        free(buf);
        return;
    }
    weblog_split_init(&split, buf, BUFFER);
    do {
        size_t room;
        char *to = weblog_split_room(&split, &room);

        n = gzread(gz, to, (unsigned)room);
        if (n > 0) {
            weblog_split_feed(&split, (size_t)n, count_line, s);
        }
    } while (n > 0);
    weblog_split_end(&split, count_line, s);
    free(buf);
    (void)gzclose(gz); /* not Z_OK: as far as it went */
}

static void count_name(struct weblog_summary *s, int dir, const char *name)
{
    struct stat st;
    int fd = open_log(dir, name, &st);

    if (fd >= 0) {
        count_file(s, fd);
    }
}

static void count_all(struct weblog_summary *s, int dir)
{
    struct weblog_closed closed;
    char name[WEBLOG_NAME_MAX];

    for (unsigned n = weblog_generations[WEBLOG_ACCESS]; n >= 1; n--) {
        weblog_name_gz(name, WEBLOG_ACCESS, n);
        count_name(s, dir, name);
    }
    if (weblog_closed_find(dir, WEBLOG_ACCESS, &closed) == 0 && closed.count) {
        for (unsigned long n = closed.oldest; n <= closed.newest; n++) {
            weblog_name_closed(name, WEBLOG_ACCESS, n);
            count_name(s, dir, name);
        }
    }
    count_name(s, dir, weblog_names[WEBLOG_ACCESS]);
}

static json_t *numbers(const struct weblog_day *d)
{
    return json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "hits", (json_int_t)d->hits,
        "pages", (json_int_t)d->pages, "visitors", (json_int_t)d->visitors,
        "bytes", (json_int_t)d->bytes, "not_found", (json_int_t)d->missing,
        "refused", (json_int_t)d->refused, "failed", (json_int_t)d->failed);
}

static void put_json(struct omk_cmd *c, struct weblog_summary *s,
                     const struct weblog_day *days, size_t day_count,
                     const struct weblog_page *top, size_t top_count)
{
    json_t *d = json_array(), *t = json_array();

    for (size_t i = 0; i < day_count; i++) {
        json_t *day = numbers(&days[i]);

        (void)json_object_set_new(
            day, "date",
            json_string(apr_psprintf(c->p, "%04d-%02d-%02d", days[i].year,
                                     days[i].month, days[i].day)));
        (void)json_array_append_new(d, day);
    }
    for (size_t i = 0; i < top_count; i++) {
        (void)json_array_append_new(t,
                                    json_pack("{s:s, s:I}", "path", top[i].path,
                                              "hits", (json_int_t)top[i].hits));
    }
    omk_cmd_json(json_pack(
        "{s:s, s:o, s:o, s:o, s:I, s:b}", "login", c->argv[0], "total",
        numbers(weblog_summary_total(s)), "days", d, "top_pages", t, "unread",
        (json_int_t)weblog_summary_unread(s), "complete",
        !weblog_summary_full(s)));
}

static void put_row(const char *what, const struct weblog_day *d)
{
    (void)printf("%-10s %10llu %10llu %10llu %14llu %8llu %8llu %8llu\n", what,
                 (unsigned long long)d->hits, (unsigned long long)d->pages,
                 (unsigned long long)d->visitors, (unsigned long long)d->bytes,
                 (unsigned long long)d->missing, (unsigned long long)d->refused,
                 (unsigned long long)d->failed);
}

static void put_text(struct omk_cmd *c, struct weblog_summary *s,
                     const struct weblog_day *days, size_t day_count,
                     const struct weblog_page *top, size_t top_count)
{
    (void)printf("%-10s %10s %10s %10s %14s %8s %8s %8s\n", "day", "hits",
                 "pages", "visitors", "bytes", "404", "4xx", "5xx");
    for (size_t i = 0; i < day_count; i++) {
        put_row(apr_psprintf(c->p, "%04d-%02d-%02d", days[i].year,
                             days[i].month, days[i].day),
                &days[i]);
    }
    put_row("all", weblog_summary_total(s));
    if (top_count) {
        (void)printf("\npages most looked at\n");
    }
    for (size_t i = 0; i < top_count; i++) {
        char *path = apr_pstrdup(c->p, top[i].path);

        tame(path, strlen(path));
        (void)printf("%10llu  %s\n", (unsigned long long)top[i].hits, path);
    }
    if (weblog_summary_unread(s)) {
        (void)printf("\n%llu lines are not of the combined format.\n",
                     (unsigned long long)weblog_summary_unread(s));
    }
    if (weblog_summary_full(s)) {
        (void)printf("\nThere is more than could be told apart: visitors and "
                     "pages are at least so many.\n");
    }
}

static int summary(struct omk_cmd *c, int dir)
{
    struct weblog_page top[TOP_PAGES];
    const struct weblog_day *days;
    struct weblog_summary *s;
    size_t day_count, top_count;
    uint64_t seed = 0;

    (void)getrandom(&seed, sizeof seed, 0);
    s = weblog_summary_new(seed);
    if (!s) {
        (void)fprintf(stderr, "omakase: %s\n", strerror(ENOMEM));
        return OMK_EX_IOERR;
    }
    count_all(s, dir);
    days = weblog_summary_days(s, &day_count);
    top_count = weblog_summary_top(s, top, TOP_PAGES);
    (c->json ? put_json : put_text)(c, s, days, day_count, top, top_count);
    weblog_summary_free(s);
    return ferror(stdout) || fflush(stdout) ? OMK_EX_IOERR : OMK_EX_OK;
}

static int log_of(struct omk_cmd *c)
{
    int dir, code;

    if (c->summary ? c->follow || c->errors : c->json) {
        (void)fprintf(stderr, "omakase: log: %s\n",
                      c->summary ? "--summary is of the whole access log: not "
                                   "with --follow or --errors"
                                 : "--json is of --summary");
        return OMK_EX_USAGE;
    }
    code = open_dir(c, &dir);
    if (code) {
        return code;
    }
    code = c->summary
               ? summary(c, dir)
               : show(c, dir,
                      weblog_names[c->errors ? WEBLOG_ERROR : WEBLOG_ACCESS]);
    close(dir);
    return code;
}

const struct omk_command omk_commands_log[] = {
    {"log", "LOGIN [--errors] [--follow|--summary]",
     "a customer's access log, or its error log",
     "--errors: the error log instead of the access log.\n"
     "--follow: its last lines, and then what comes, also over rotations.\n"
     "--summary: hits, visitors, bytes and errors a day, and the pages most\n"
     "looked at, of this and the past generations; also with --json.\n",
     1, 1, log_of},
    {0},
};
