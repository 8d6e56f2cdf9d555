/* A process of ProFTPD 1.3.8 without our module, command by command: its tree
 * of directories with rules, the one that it looked at last, and what it reads
 * and forgets on the way. Its oddities are kept:
 * - Only a check that starts anew reads the files of all directories above;
 *   one that begins with the name of the directory looked at last reads the
 *   file of the target's own directory alone.
 * - For an entry of "/" it looks for ".ftpaccess" in the working directory and
 *   takes what it finds there for the rules of "/"; where it finds none, it
 *   forgets the <Limit> sections of "/" until that file changes. */
#include "ftpaccess.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Stands for the directory that a customer is shut into. */
#define CHROOT "/c"
#define ROOM (FTPACCESS_PATH_ROOM + sizeof CHROOT)

struct node {
    char *name;                               /* with CHROOT before it */
    struct node *parent, *first_child, *next; /* children in ProFTPD's order */
    const struct ftpaccess_file *file;        /* the last one parsed */
    const struct ftpaccess_file *outside;     /* has DenyAll, for ever */
    bool no_limits, allow_all;
    bool unreadable; /* could not be parsed: no longer looked up */
    bool loaded;
    int64_t mtime_s;
};

struct ftpaccess_session {
    const struct ftpaccess_tree *tree;
    const struct ftpaccess_client *client;
    struct node top; /* the server's own configuration: no rules */
    struct node *last;
    char cwd[FTPACCESS_PATH_ROOM];
    char arg[FTPACCESS_PATH_ROOM + 32]; /* of the command, as ProFTPD has it */
    bool failed;
};

/* --- the tree of directories with rules ---------------------------------- */

static struct node *match_in(struct node *parent, const char *path)
{
    char pattern[ROOM + 2];

    for (struct node *n = parent->first_child; n; n = n->next) {
        struct node *deeper;

        if (n->unreadable) {
            continue;
        }
        if (strcmp(n->name, path) == 0) {
            return n;
        }
        (void)snprintf(pattern, sizeof pattern, "%s/*", n->name);
        if (fnmatch(pattern, path, 0) == 0
            || (strpbrk(n->name, "*?[") && fnmatch(n->name, path, 0) == 0)) {
            deeper = match_in(n, path);
            return deeper ? deeper : n;
        }
    }
    return NULL;
}

static struct node *match(struct ftpaccess_session *s, const char *full)
{
    char path[ROOM];
    size_t n = strnlen(full, sizeof path - 1);

    memcpy(path, full, n);
    path[n] = '\0';
    if (n && path[n - 1] == '*') {
        path[--n] = '\0';
    }
    if (n > 1 && path[n - 1] == '/') {
        path[--n] = '\0';
    }
    return match_in(&s->top, path);
}

static void append(struct node *parent, struct node *n)
{
    struct node **end = &parent->first_child;

    while (*end) {
        end = &(*end)->next;
    }
    *end = n;
    n->next = NULL;
    n->parent = parent;
}

static struct node *add(struct ftpaccess_session *s, struct node *parent,
                        const char *name)
{
    struct node *n = calloc(1, sizeof *n);

    if (n) {
        n->name = strdup(name);
    }
    if (!n || !n->name) {
        free(n);
        s->failed = true;
        return NULL;
    }
    append(parent, n);
    return n;
}

/* The deepest directory below parent that has path in it. */
static struct node *best_parent(struct node *parent, const struct node *mine)
{
    for (struct node *n = parent->first_child; n; n = n->next) {
        size_t len = strlen(n->name);

        if (n != mine && !n->unreadable && strlen(mine->name) > len
            && mine->name[len] == '/'
            && strncmp(n->name, mine->name, len) == 0) {
            struct node *deeper = best_parent(n, mine);

            return deeper ? deeper : n;
        }
    }
    return NULL;
}

/* After a file was read, directories move below those that they are in. */
static void reorder(struct node *parent)
{
    struct node **at = &parent->first_child;

    while (*at) {
        struct node *n = *at;
        struct node *better = n->unreadable ? NULL : best_parent(parent, n);

        if (better) {
            *at = n->next;
            n->next = better->first_child;
            better->first_child = n;
            n->parent = better;
        }
        else {
            at = &n->next;
        }
    }
    for (struct node *n = parent->first_child; n; n = n->next) {
        reorder(n);
    }
}

static void free_nodes(struct node *parent)
{
    while (parent->first_child) {
        struct node *n = parent->first_child;

        parent->first_child = n->next;
        free_nodes(n);
        free(n->name);
        free(n);
    }
}

/* --- reading ------------------------------------------------------------- */

static bool has(const struct ftpaccess_file *f, enum ftpaccess_rule_kind kind)
{
    for (size_t i = 0; i < f->rule_count; i++) {
        if (f->rules[i].kind == kind) {
            return true;
        }
    }
    return false;
}

static void load(struct ftpaccess_session *s, struct node *n,
                 const struct ftpaccess_source *source)
{
    n->loaded = true;
    n->mtime_s = source->mtime_s;
    if (!source->file) {
        n->unreadable = true;
        return;
    }
    n->unreadable = false;
    n->file = source->file;
    n->no_limits = false;
    if (!n->outside && has(source->file, FTPACCESS_DENY_ALL)) {
        n->outside = source->file;
    }
    n->allow_all = n->allow_all || has(source->file, FTPACCESS_ALLOW_ALL);
    reorder(&s->top);
}

/* dir is what ProFTPD takes the directory for, "" an entry of "/". */
static void read_one(struct ftpaccess_session *s, const char *dir)
{
    char name[ROOM];
    struct ftpaccess_source source = {0};
    bool there = s->tree->source(s->tree->data, *dir ? dir : s->cwd, &source);
    bool filled = there && source.size_bytes > 0;
    struct node *n;

    (void)snprintf(name, sizeof name, CHROOT "%s",
                   strcmp(dir, "/") == 0 ? "" : dir);
    n = match(s, name);
    if (!n && filled) {
        n = add(s, &s->top, name);
    }
    else if (n && filled && strcmp(n->name, name) != 0) {
        n = add(s, n, name);
    }
    else if (n && strcmp(n->name, name) == 0
             && (!there || !n->loaded || source.mtime_s > n->mtime_s)) {
        n->no_limits = true;
    }
    if (n && filled && strcmp(n->name, name) == 0
        && (!n->loaded || source.mtime_s > n->mtime_s)) {
        load(s, n, &source);
    }
}

static void read_files(struct ftpaccess_session *s, const char *path,
                       bool is_dir, bool all)
{
    char dir[FTPACCESS_PATH_ROOM];
    char *slash;
    size_t n = strnlen(path, sizeof dir - 1);

    memcpy(dir, path, n);
    dir[n] = '\0';
    slash = strrchr(dir, '/');
    if (!is_dir && slash) {
        *slash = '\0';
    }
    for (;;) {
        n = strlen(dir);
        if (n > 1 && dir[n - 1] == '*') {
            dir[--n] = '\0';
        }
        if (n > 1 && dir[n - 1] == '/') {
            dir[n - 1] = '\0';
        }
        read_one(s, dir);
        slash = strrchr(dir, '/');
        if (!all || !slash || strcmp(dir, "/") == 0) {
            return;
        }
        slash[slash == dir ? 1 : 0] = '\0';
    }
}

/* --- checks -------------------------------------------------------------- */

/* The rules outside of sections stay with a directory: kept apart here. */
static bool outside_denies(const struct node *n, bool exists)
{
    return n && exists && n->outside && !n->allow_all;
}

static void decide(struct ftpaccess_session *s, struct node *deepest,
                   const struct ftpaccess_command *command, bool exists,
                   struct ftpaccess_verdict *v)
{
    struct ftpaccess_level *chain;
    size_t count = 0;

    for (struct node *n = deepest; n && n != &s->top; n = n->parent) {
        count++;
    }
    chain = calloc(count + 1, sizeof *chain);
    if (!chain) {
        s->failed = true;
        return;
    }
    count = 0;
    for (struct node *n = deepest; n && n != &s->top; n = n->parent) {
        chain[count].dir =
            n->name[sizeof CHROOT - 1] ? n->name + sizeof CHROOT - 1 : "/";
        chain[count].file = n->file;
        chain[count].outside = n->outside;
        chain[count++].no_limits = n->no_limits;
    }
    ftpaccess_decide(chain, count, s->client, command, s->arg,
                     outside_denies(deepest, exists), v);
    free(chain);
}

static void check(struct ftpaccess_session *s,
                  const struct ftpaccess_command *command, const char *path,
                  bool anew, struct ftpaccess_verdict *v)
{
    char full[ROOM];
    enum ftpaccess_type type = s->tree->type(s->tree->data, path);

    (void)snprintf(full, sizeof full, CHROOT "%s", path);
    anew = anew || !s->last
           || strncmp(s->last->name, full, strlen(s->last->name)) != 0;
    read_files(s, path, type == FTPACCESS_DIRECTORY, anew);
    s->last = match(s, full);
    decide(s, s->last, command, type != FTPACCESS_ABSENT, v);
}

/* --- commands ------------------------------------------------------------ */

/* path as seen from the working directory, without "." and "..". */
static void resolve(const struct ftpaccess_session *s, const char *path,
                    char *out, size_t room)
{
    char work[2 * FTPACCESS_PATH_ROOM];
    char *rest = work, *part;
    size_t n = 0;

    (void)snprintf(work, sizeof work, "%s/%s", *path == '/' ? "" : s->cwd,
                   path);
    out[0] = '\0';
    while ((part = strsep(&rest, "/")) != NULL) {
        size_t len = strlen(part);

        if (strcmp(part, "..") == 0) {
            char *slash = strrchr(out, '/');

            n = slash ? (size_t)(slash - out) : 0;
            out[n] = '\0';
        }
        else if (len && strcmp(part, ".") != 0 && n + len + 2 < room) {
            out[n++] = '/';
            memcpy(out + n, part, len + 1);
            n += len;
        }
    }
    if (n == 0) {
        (void)snprintf(out, room, "/");
    }
}

/* A listing checks each entry after the directory, which is the working
 * directory meanwhile; names with a dot in front are passed over. */
static void list_entries(struct ftpaccess_session *s,
                         const struct ftpaccess_command *command,
                         const char *dir)
{
    char cwd[FTPACCESS_PATH_ROOM], path[2 * FTPACCESS_PATH_ROOM];
    char **names = s->tree->entries(s->tree->data, dir);
    struct ftpaccess_verdict ignored;

    memcpy(cwd, s->cwd, sizeof cwd);
    (void)snprintf(s->cwd, sizeof s->cwd, "%s", dir);
    for (size_t i = 0; names && names[i]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s",
                       strcmp(dir, "/") == 0 ? "" : dir, names[i]);
        if (names[i][0] != '.' && strlen(path) < FTPACCESS_PATH_ROOM) {
            check(s, command, path, false, &ignored);
        }
        free(names[i]);
    }
    free(names);
    memcpy(s->cwd, cwd, sizeof cwd);
}

static bool is_one_of(const struct ftpaccess_command *c, const char *a,
                      const char *b, const char *d)
{
    return strcmp(c->name, a) == 0 || strcmp(c->name, b) == 0
           || strcmp(c->name, d) == 0;
}

static bool change_dir(struct ftpaccess_session *s,
                       const struct ftpaccess_command *command,
                       const char *path, struct ftpaccess_verdict *v)
{
    check(s, command, path, true, v);
    if (s->tree->type(s->tree->data, path) != FTPACCESS_DIRECTORY) {
        return false;
    }
    if (v->allowed) {
        memcpy(s->cwd, path, strlen(path) + 1);
    }
    return true;
}

/* SITE commands have their own name before the path, CHMOD a mode: 644 here. */
static void set_arg(struct ftpaccess_session *s,
                    const struct ftpaccess_command *command, const char *path)
{
    const char *site =
        strncmp(command->name, "SITE_", 5) == 0 ? command->name + 5 : "";
    const char *mode = strcmp(site, "CHMOD") == 0 ? " 644 " : *site ? " " : "";

    (void)snprintf(s->arg, sizeof s->arg, "%s%s%s", site, mode,
                   path ? path : "");
}

bool ftpaccess_session_run(struct ftpaccess_session *s,
                           const struct ftpaccess_command *command,
                           const char *path, struct ftpaccess_verdict *v)
{
    char target[FTPACCESS_PATH_ROOM];
    bool up = strcmp(command->name, "CDUP") == 0
              || strcmp(command->name, "XCUP") == 0;

    memset(v, 0, sizeof *v);
    set_arg(s, command, path);
    resolve(s,
            up                                                ? ".."
            : path && command->target != FTPACCESS_ON_NOTHING ? path
                                                              : ".",
            target, sizeof target);
    if (up || is_one_of(command, "CWD", "XCWD", "CWD")) {
        return change_dir(s, command, target, v) && !s->failed;
    }
    if ((command->target == FTPACCESS_ON_DIR
         || command->target == FTPACCESS_ON_FILE)
        && s->tree->type(s->tree->data, target) == FTPACCESS_ABSENT) {
        return false;
    }
    check(s, command, target, false, v);
    if (v->allowed && is_one_of(command, "LIST", "NLST", "MLSD")) {
        list_entries(s, command, target);
    }
    return !s->failed;
}

struct ftpaccess_session *
ftpaccess_session_new(const struct ftpaccess_tree *tree,
                      const struct ftpaccess_client *client, const char *login)
{
    static const struct ftpaccess_command pass = {"PASS", NULL,
                                                  FTPACCESS_ON_NOTHING, false};
    struct ftpaccess_session *s = calloc(1, sizeof *s);
    struct ftpaccess_verdict ignored;

    if (s) {
        s->tree = tree;
        s->client = client;
        (void)snprintf(s->cwd, sizeof s->cwd, "/");
        resolve(s, login, s->cwd, sizeof s->cwd);
        check(s, &pass, s->cwd, true, &ignored);
    }
    return s;
}

void ftpaccess_session_free(struct ftpaccess_session *s)
{
    if (s) {
        free_nodes(&s->top);
        free(s);
    }
}
