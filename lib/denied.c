#include "denied.h"

#include "err.h"
#include "file.h"
#include "num.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define FIELDS 5

/* --- reading -------------------------------------------------------------- */

static int hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* In place; false when an escape is none of ours or would hide a NUL. */
static bool unescape(char *s)
{
    char *out = s;

    while (*s) {
        int high, low;

        if (*s != '\\') {
            *out++ = *s++;
            continue;
        }
        if (s[1] == '\\') {
            *out++ = '\\';
            s += 2;
            continue;
        }
        high = s[1] == 'x' ? hex(s[2]) : -1;
        low = high >= 0 ? hex(s[3]) : -1;
        if (low < 0 || high + low == 0) {
            return false;
        }
        *out++ = (char)(high * 16 + low);
        s += 4;
    }
    *out = '\0';
    return true;
}

static bool is_login(const char *s)
{
    return *s
           && s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                          "0123456789._-")]
                  == '\0';
}

/* DEV:INO or DEV:INO:BORN */
static bool parse_file(const char *s, struct omk_denied_file *file)
{
    uint64_t *const parts[] = {&file->dev, &file->ino, &file->born_ns};
    size_t n = 0;

    for (; n < 3; n++) {
        size_t len = strcspn(s, ":");

        if (omk_num_u64(s, len, 0, UINT64_MAX, parts[n]) != OMK_OK) {
            return false;
        }
        s += len;
        if (!*s) {
            return n > 0;
        }
        s++;
    }
    return false;
}

/* A line without its newline, cut up in place. */
static bool parse_line(char *line, size_t len, struct omk_denied_entry *e)
{
    char *field[FIELDS] = {line};
    size_t n = 1;

    if (memchr(line, '\0', len)) {
        return false;
    }
    for (char *tab = line; (tab = strchr(tab, '\t'));) {
        *tab++ = '\0';
        if (n == FIELDS) {
            return false;
        }
        field[n++] = tab;
    }
    if (n != FIELDS || !is_login(field[0]) || !parse_file(field[1], &e->file)
        || field[2][0] != '/' || !unescape(field[2]) || !unescape(field[4])) {
        return false;
    }
    e->login = field[0];
    e->path = field[2];
    e->time = field[3];
    e->why = field[4];
    return true;
}

static size_t count_lines(const char *text, size_t len)
{
    size_t n = 1;

    for (size_t i = 0; i < len; i++) {
        n += text[i] == '\n';
    }
    return n;
}

static void fill(struct omk_denied *list, size_t len)
{
    unsigned number = 0;

    for (size_t i = 0; i < len;) {
        char *line = list->text + i;
        char *end = memchr(line, '\n', len - i);
        size_t n = end ? (size_t)(end - line) : len - i;

        line[n] = '\0';
        i += n + 1;
        number++;
        if (n == 0 || line[0] == '#') {
            continue;
        }
        if (parse_line(line, n, &list->entries[list->count])) {
            list->count++;
        }
        else if (list->damaged++ == 0) {
            list->damaged_line = number;
        }
    }
}

int omk_denied_parse(struct omk_denied *list, const char *text, size_t len,
                     struct omk_err *err)
{
    struct omk_denied new = {0};

    new.text = malloc(len + 1);
    new.entries = calloc(count_lines(text, len), sizeof *new.entries);
    if (!new.text || !new.entries) {
        omk_denied_free(&new);
        return omk_fail(err, OMK_ENOMEM, "", "out of memory");
    }
    memcpy(new.text, text, len);
    fill(&new, len);
    omk_denied_free(list);
    *list = new;
    return OMK_OK;
}

static void stamp(struct omk_denied *list, const struct stat *st)
{
    list->read = true;
    list->dev = st->st_dev;
    list->ino = st->st_ino;
    list->size = (uint64_t)st->st_size;
    list->mtime_s = st->st_mtim.tv_sec;
    list->mtime_ns = st->st_mtim.tv_nsec;
}

static bool is_same(const struct omk_denied *list, const struct stat *st)
{
    return list->read && list->dev == st->st_dev && list->ino == st->st_ino
           && list->size == (uint64_t)st->st_size
           && list->mtime_s == st->st_mtim.tv_sec
           && list->mtime_ns == st->st_mtim.tv_nsec;
}

static int io_error(struct omk_err *err, const char *path, const char *what)
{
    return omk_fail(err,
                    errno == EACCES || errno == EPERM ? OMK_EDENIED : OMK_EIO,
                    path, "%s: %s", what, strerror(errno));
}

static int load_fd(struct omk_denied *list, int fd, const char *path,
                   struct omk_err *err)
{
    struct stat st;
    char *text;
    size_t len;
    int rc;

    if (fstat(fd, &st) != 0) {
        return io_error(err, path, "fstat");
    }
    rc = omk_file_read_fd(fd, path, OMK_DENIED_FILE_MAX, &text, &len, err);
    if (rc) {
        return rc;
    }
    rc = omk_denied_parse(list, text, len, err);
    free(text);
    if (rc == OMK_OK) {
        stamp(list, &st);
    }
    return rc;
}

int omk_denied_load(struct omk_denied *list, const char *path, bool *changed,
                    struct omk_err *err)
{
    struct stat st;
    int fd, rc, found = stat(path, &st);

    if (changed) {
        *changed = false;
    }
    if (found == 0 ? is_same(list, &st) : errno == ENOENT && !list->read) {
        return OMK_OK;
    }
    /* O_NONBLOCK: a fifo in the file's place must not stop us. */
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 && errno == ENOENT) {
        if (changed) {
            *changed = list->read;
        }
        omk_denied_free(list);
        return OMK_OK;
    }
    if (fd < 0) {
        return io_error(err, path, "open");
    }
    rc = load_fd(list, fd, path, err);
    (void)close(fd);
    if (changed) {
        *changed = rc == OMK_OK;
    }
    return rc;
}

int omk_denied_identify(int fd, struct omk_denied_file *file)
{
    struct statx st;

    if (statx(fd, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &st) != 0) {
        return -1;
    }
    *file = (struct omk_denied_file){
        .dev = makedev(st.stx_dev_major, st.stx_dev_minor), .ino = st.stx_ino};
    if (st.stx_mask & STATX_BTIME && st.stx_btime.tv_sec > 0) {
        file->born_ns =
            (uint64_t)st.stx_btime.tv_sec * 1000000000u + st.stx_btime.tv_nsec;
    }
    return 0;
}

static bool is_file(const struct omk_denied_file *a,
                    const struct omk_denied_file *b)
{
    return a->ino && a->ino == b->ino && a->dev == b->dev
           && (a->born_ns == b->born_ns || !a->born_ns || !b->born_ns);
}

const struct omk_denied_entry *
omk_denied_find(const struct omk_denied *list, const char *login,
                const char *path, const struct omk_denied_file *file)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct omk_denied_entry *e = &list->entries[i];

        if (strcmp(e->login, login) != 0) {
            continue;
        }
        if (strcmp(e->path, path) == 0 || (file && is_file(file, &e->file))) {
            return e;
        }
    }
    return NULL;
}

void omk_denied_free(struct omk_denied *list)
{
    free(list->entries);
    free(list->text);
    *list = (struct omk_denied){0};
}

/* --- writing -------------------------------------------------------------- */

static void print_escaped(FILE *out, const char *s)
{
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;

        if (c == '\\') {
            (void)fputs("\\\\", out);
        }
        else if (c < ' ' || c == 0x7f) {
            (void)fprintf(out, "\\x%02X", c);
        }
        else {
            (void)fputc(c, out);
        }
    }
}

static void print_entry(FILE *out, const struct omk_denied_entry *e)
{
    (void)fprintf(out, "%s\t%llu:%llu", e->login,
                  (unsigned long long)e->file.dev,
                  (unsigned long long)e->file.ino);
    if (e->file.born_ns) {
        (void)fprintf(out, ":%llu", (unsigned long long)e->file.born_ns);
    }
    (void)fputc('\t', out);
    print_escaped(out, e->path);
    (void)fprintf(out, "\t%s\t", e->time);
    print_escaped(out, e->why);
    (void)fputc('\n', out);
}

/* Is this line (len bytes) the entry of login and path? */
static bool is_entry(const char *line, size_t len, const char *login,
                     const char *path)
{
    char *copy = strndup(line, len);
    struct omk_denied_entry e;
    bool same = copy && strlen(copy) == len && copy[0] != '#'
                && parse_line(copy, len, &e) && strcmp(e.login, login) == 0
                && strcmp(e.path, path) == 0;

    free(copy);
    return same;
}

/* Every line but the entry's; how many were left out. */
static size_t copy_others(FILE *out, const char *text, size_t len,
                          const char *login, const char *path)
{
    size_t dropped = 0;

    for (size_t i = 0; i < len;) {
        const char *end = memchr(text + i, '\n', len - i);
        size_t n = end ? (size_t)(end - text) - i : len - i;

        if (is_entry(text + i, n, login, path)) {
            dropped++;
        }
        else {
            (void)fwrite(text + i, 1, n, out);
            (void)fputc('\n', out);
        }
        i += n + 1;
    }
    return dropped;
}

static int check_names(const char *login, const char *path, const char *time,
                       struct omk_err *err)
{
    if (!is_login(login)) {
        return omk_fail(err, OMK_EINVAL, "login", "'%s' is no login", login);
    }
    if (path[0] != '/') {
        return omk_fail(err, OMK_EINVAL, "path", "'%s' does not begin with /",
                        path);
    }
    if (time[strcspn(time, "\t\r\n\\")] != '\0') {
        return omk_fail(err, OMK_EINVAL, "time", "'%s' is no time", time);
    }
    return OMK_OK;
}

/* The list as it is without login's path, and with entry where there is one. */
static int rewrite(const char *file, const char *login, const char *path,
                   const struct omk_denied_entry *entry, mode_t mode, gid_t gid,
                   struct omk_err *err)
{
    char *old = NULL, *new = NULL;
    size_t old_len = 0, new_len = 0, dropped;
    FILE *out;
    int full,
        rc = omk_file_read(file, OMK_DENIED_FILE_MAX, &old, &old_len, err);

    if (rc != OMK_OK && rc != OMK_ENOENT) {
        return rc;
    }
    out = open_memstream(&new, &new_len);
    if (!out) {
        free(old);
        return omk_fail(err, OMK_ENOMEM, file, "out of memory");
    }
    dropped = copy_others(out, old, old_len, login, path);
    if (entry) {
        print_entry(out, entry);
    }
    free(old);
    full = ferror(out);
    if (fclose(out) != 0 || full) {
        rc = omk_fail(err, OMK_ENOMEM, file, "out of memory");
    }
    else if (!entry && !dropped) {
        rc = omk_fail(err, OMK_ENOENT, file, "%s of %s is not in it", path,
                      login);
    }
    else if (new_len > OMK_DENIED_FILE_MAX) {
        rc = omk_fail(err, OMK_ENOSPC, file, "larger than %u bytes",
                      OMK_DENIED_FILE_MAX);
    }
    else {
        rc = omk_file_write_group(file, new, new_len, mode, gid, err);
    }
    free(new);
    return rc;
}

int omk_denied_add(const char *file, const struct omk_denied_entry *entry,
                   mode_t mode, gid_t gid, struct omk_err *err)
{
    int rc = check_names(entry->login, entry->path, entry->time, err);

    return rc ? rc
              : rewrite(file, entry->login, entry->path, entry, mode, gid, err);
}

int omk_denied_remove(const char *file, const char *login, const char *path,
                      mode_t mode, gid_t gid, struct omk_err *err)
{
    int rc = check_names(login, path, "", err);

    return rc ? rc : rewrite(file, login, path, NULL, mode, gid, err);
}
