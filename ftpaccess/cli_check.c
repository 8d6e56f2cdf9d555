/* ftpaccess check: what is wrong, where, what happens today, what would be
 * right. Trees are walked by descriptors, links never followed. */
#include "cli.h"

#include "err.h"
#include "file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#define DEPTH_MAX 64

struct check {
    const struct cli *c;
    json_t *all;
    unsigned findings;
    bool failed;
};

static json_t *json_text(const char *s)
{
    json_t *text = json_string(s);

    return text ? text : json_string("(not UTF-8)");
}

static void add_json(struct check *k, const char *path,
                     const struct ftpaccess_finding *f, const char *what,
                     const char *today)
{
    static const char *const severities[] = {"note", "warning", "error"};
    json_t *o = json_object();

    (void)json_object_set_new(o, "file", json_text(path));
    (void)json_object_set_new(o, "line", json_integer(f->pos.line));
    (void)json_object_set_new(o, "column", json_integer(f->pos.column));
    (void)json_object_set_new(o, "severity",
                              json_string(severities[f->severity]));
    (void)json_object_set_new(o, "kind",
                              json_string(ftpaccess_finding_name(f->kind)));
    (void)json_object_set_new(o, "what", json_text(what));
    (void)json_object_set_new(o, "today", json_text(today));
    (void)json_object_set_new(o, "mended",
                              f->mended ? json_text(f->mended) : json_null());
    (void)json_array_append_new(k->all, o);
}

static void give(struct check *k, const char *path,
                 const struct ftpaccess_finding *f)
{
    static const char *const words[2][4] = {
        {"today", "right", "(the line goes)", ""},
        {"現状", "修正", "（この行を削除）", ""}};
    const enum ftpaccess_lang lang = k->c->lang;
    char what[600], today[600];

    k->findings += f->severity != FTPACCESS_NOTE;
    ftpaccess_finding_text(f, lang, what, sizeof what, today, sizeof today);
    if (k->c->json) {
        add_json(k, path, f, what, today);
        return;
    }
    cli_print(path);
    printf(":%u:%u: ", f->pos.line, f->pos.column);
    cli_print(what);
    printf("\n    %s: ", words[lang][0]);
    cli_print(today);
    if (f->mended) {
        printf("\n    %s: ", words[lang][1]);
        cli_print(*f->mended ? f->mended + strspn(f->mended, " \t")
                             : words[lang][2]);
    }
    putchar('\n');
}

/* --- one text ------------------------------------------------------------ */

struct alone {
    const struct ftpaccess_file *file;
};

static enum ftpaccess_type alone_type(void *data, const char *path)
{
    (void)data;
    return strcmp(path, "/") == 0 ? FTPACCESS_DIRECTORY : FTPACCESS_ENTRY;
}

static bool alone_source(void *data, const char *dir,
                         struct ftpaccess_source *s)
{
    const struct alone *a = data;

    *s = (struct ftpaccess_source){a->file, 0, 1};
    return strcmp(dir, "/") == 0;
}

/* Whether the file, alone, shuts out the client that is given. */
static void try_client(struct check *k, const char *path, const char *text,
                       size_t len)
{
    struct ftpaccess_file *file = ftpaccess_parse(text, len);
    struct alone a = {file};
    const struct ftpaccess_tree tree = {&a, alone_type, alone_source, NULL};
    const struct ftpaccess_command *command;
    struct ftpaccess_verdict v;

    if (file
        && !ftpaccess_survives(&tree, &k->c->client, "/", file, &command, &v)) {
        struct ftpaccess_finding f = {FTPACCESS_LOCKS_OUT, FTPACCESS_ERROR,
                                      v.rule    ? v.rule->pos
                                      : v.limit ? v.limit->pos
                                                : (struct ftpaccess_pos){1, 1},
                                      command->name, NULL};

        give(k, path, &f);
    }
    ftpaccess_free(file);
}

static void check_text(struct check *k, const char *path, const char *text,
                       size_t len)
{
    struct ftpaccess_report *r =
        ftpaccess_lint(text, len, k->c->client.reverse_dns);

    if (!r) {
        k->failed = true;
        return;
    }
    for (size_t i = 0; i < r->count; i++) {
        give(k, path, &r->findings[i]);
    }
    if (k->c->client.address) {
        try_client(k, path, text, len);
    }
    ftpaccess_report_free(r);
}

/* --- a tree -------------------------------------------------------------- */

static void about_file(struct check *k, const char *path, const char *name,
                       enum ftpaccess_finding_kind kind,
                       enum ftpaccess_severity severity)
{
    struct ftpaccess_finding f = {kind, severity, {1, 1}, name, NULL};

    give(k, path, &f);
}

static void check_entry(struct check *k, int dir, const char *name,
                        const char *path)
{
    struct omk_err err;
    char *text;
    size_t len;
    int fd = openat(dir, name,
                    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

    if (fd < 0
        || omk_file_read_fd(fd, path, FTPACCESS_MAX_BYTES, &text, &len, &err)
               != OMK_OK) {
        about_file(k, path, name, FTPACCESS_UNREADABLE, FTPACCESS_ERROR);
    }
    else {
        check_text(k, path, text, len);
        free(text);
    }
    if (fd >= 0) {
        close(fd);
    }
}

static void check_name(struct check *k, int dir, const char *name,
                       const char *path)
{
    if (strcmp(name, FTPACCESS_NAME) == 0) {
        check_entry(k, dir, name, path);
    }
    else if (ftpaccess_misprint(name)) {
        about_file(k, path, name, FTPACCESS_MISNAMED, FTPACCESS_ERROR);
        check_entry(k, dir, name, path);
    }
    else if (strcasecmp(name, "ftpaccess.txt") == 0
             || strcasecmp(name, "ftppass.txt") == 0) {
        about_file(k, path, name, FTPACCESS_NOT_RENAMED, FTPACCESS_NOTE);
    }
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void walk(struct check *k, int dir, const char *path, int depth)
{
    struct dirent **names = NULL;
    int count = scandirat(dir, ".", &names, NULL, by_name);

    if (count < 0) {
        k->failed = true;
        (void)cli_fail(EX_NOINPUT, path, strerror(errno));
        return;
    }
    for (int i = 0; i < count; i++) {
        const char *name = names[i]->d_name;
        char *below = NULL;
        int fd;

        if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0
            && asprintf(&below, "%s/%s", path, name) >= 0) {
            check_name(k, dir, name, below);
            fd = depth < DEPTH_MAX ? openat(
                     dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
                                   : -1;
            if (fd >= 0) {
                walk(k, fd, below, depth + 1);
                close(fd);
            }
            free(below);
        }
        free(names[i]);
    }
    free(names);
}

static int check_path(struct check *k, const char *path)
{
    int fd = strcmp(path, "-") == 0
                 ? -1
                 : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char *text, *slash;
    size_t len;
    int rc;

    if (fd >= 0) {
        walk(k, fd, path, 0);
        close(fd);
        return EX_OK;
    }
    rc = cli_read(path, &text, &len);
    if (rc == EX_OK) {
        slash = strrchr(path, '/');
        if (ftpaccess_misprint(slash ? slash + 1 : path)) {
            about_file(k, path, slash ? slash + 1 : path, FTPACCESS_MISNAMED,
                       FTPACCESS_ERROR);
        }
        check_text(k, path, text, len);
        free(text);
    }
    return rc;
}

int cli_check(struct cli *c)
{
    struct check k = {.c = c, .all = c->json ? json_array() : NULL};
    int rc = EX_OK;

    for (size_t i = 0; i < c->arg_count && rc == EX_OK; i++) {
        rc = check_path(&k, c->args[i]);
    }
    if (c->json && rc == EX_OK) {
        (void)json_dumpf(k.all, stdout, JSON_INDENT(1));
        putchar('\n');
    }
    json_decref(k.all);
    if (k.failed) {
        return rc != EX_OK ? rc : EX_SOFTWARE;
    }
    return rc != EX_OK ? rc : k.findings > 0;
}
