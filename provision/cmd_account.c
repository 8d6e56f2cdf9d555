/* remove, purge, usage: what a customer has on the machine. */
#include "cmd.h"

#include "archive.h"
#include "audit.h"
#include "customer.h"
#include "database.h"
#include "generation.h"
#include "names.h"
#include "node.h"
#include "purge.h"
#include "usage.h"

#include <apr_strings.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void said(void *ctx, const char *line)
{
    (void)ctx;
    (void)fprintf(stderr, "omakase: %s\n", line);
}

static void waiting(void *ctx)
{
    said(ctx, "another omakase is at work; waiting for it");
}

/* --- remove -------------------------------------------------------------- */

static int sync_dir(const char *dir, struct omk_err *err)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd >= 0 && fsync(fd) == 0
                 ? OMK_OK
                 : omk_fail(err, OMK_EIO, dir, "sync: %s", strerror(errno));

    if (fd >= 0) {
        close(fd);
    }
    return rc;
}

/* LOGIN.conf first: a customer is never served by half of what is declared.
 * What a kill leaves of the other two is still taken by a second remove. */
static int take_declaration(struct omk_cmd *c, const char *login,
                            struct omk_err *err)
{
    const char *path;

    while (omk_is_declared(c->p, c->node, login, &path)) {
        if (unlink(path) != 0) {
            return omk_fail(err, OMK_EIO, path, "unlink: %s", strerror(errno));
        }
    }
    return sync_dir(c->node->customers_dir, err);
}

/* The archive first, and MariaDB before it: without the databases it would be
 * none. */
static int remove_locked(struct omk_cmd *c, const char *login,
                         const char **archive, struct omk_err *err)
{
    struct omk_db *db = NULL;
    int rc =
        omk_is_declared(c->p, c->node, login, NULL)
            ? OMK_OK
            : omk_fail(err, OMK_ENOENT, login, "there is no such customer");

    if (rc == OMK_OK && *c->node->mariadbd) {
        rc = omk_db_open(c->node, &db, err);
    }
    if (rc == OMK_OK && db && !c->dry_run) {
        rc = omk_db_shut_out(db, login, true, err);
    }
    if (rc == OMK_OK && !c->dry_run) {
        rc = omk_archive_make(c->p, c->node, login, db, said, NULL, archive,
                              err);
        if (rc && db) { /* still a customer */
            (void)omk_db_shut_out(db, login, false, NULL);
        }
    }
    omk_db_close(db);
    if (rc || c->dry_run) {
        return rc;
    }
    rc = take_declaration(c, login, err);
    if (rc == OMK_OK) {
        omk_audit(c->node, "OMK0304", "customer %s removed, archive %s", login,
                  *archive);
    }
    return rc;
}

static int customer_remove(struct omk_cmd *c)
{
    const char *login = c->argv[0];
    const char *archive = "";
    struct omk_err err = {0};
    int fd = -1;
    int rc = omk_login_check(login, strlen(login), &err);

    rc = rc ? rc : omk_state_make(c->node, &err);
    rc = rc ? rc : omk_lock(c->node, waiting, NULL, &fd, &err);
    rc = rc ? rc : remove_locked(c, login, &archive, &err);
    if (fd >= 0) {
        close(fd);
    }
    if (rc) {
        return omk_cmd_error(&err);
    }
    if (c->json) {
        omk_cmd_json(json_pack("{s:s, s:s, s:b}", "login", login, "archive",
                               archive, "done", !c->dry_run));
    }
    else if (c->dry_run) {
        (void)printf("would archive %s and take its declaration\n", login);
    }
    else {
        (void)printf("%s is archived in %s and declared no more; omakase apply "
                     "takes its site away\n",
                     login, archive);
    }
    return OMK_EX_OK;
}

/* --- purge --------------------------------------------------------------- */

static const char *newest_archive(const struct omk_purge *w)
{
    return w->archives->nelts ? APR_ARRAY_IDX(
               w->archives, w->archives->nelts - 1, const char *)
                              : NULL;
}

static void print_purge(struct omk_cmd *c, const struct omk_purge *w, bool done)
{
    const char *verb = done ? "deleted" : "would delete";
    const char *archive = newest_archive(w);

    if (w->databases || w->mysql_user) {
        (void)printf("%s  %u databases with %.1f MB%s\n", verb, w->databases,
                     (double)w->database_bytes / 1048576.0,
                     w->mysql_user ? ", and their user" : "");
    }
    if (w->namesake) {
        (void)printf("stays    databases: their names are customer %s's now\n",
                     w->namesake);
    }
    if (w->tree) {
        (void)printf("%s  %s/%s\n", verb, c->node->srv_dir, w->login);
    }
    if (w->user) {
        (void)printf("%s  Unix user %s, uid %u\n", verb, w->login,
                     (unsigned)w->uid);
    }
    if (w->user_stays) {
        (void)printf("stays    Unix user %s, uid %u: another root's\n",
                     w->login, (unsigned)w->uid);
    }
    if (w->secret) {
        (void)printf("%s  the password\n", verb);
    }
    (void)printf(archive ? "stays    %s\n" : "there is no archive of it%s\n",
                 archive ? archive : "");
}

static void json_purge(struct omk_cmd *c, const struct omk_purge *w, bool done)
{
    omk_cmd_json(json_pack(
        "{s:s, s:b, s:i, s:I, s:o, s:b, s:b, s:s?}", "login", w->login, "done",
        done, "databases", (int)w->databases, "database_bytes",
        (json_int_t)w->database_bytes, "tree",
        w->tree ? json_string(
            apr_pstrcat(c->p, c->node->srv_dir, "/", w->login, NULL))
                : json_null(),
        "user", w->user, "secret", w->secret, "archive", newest_archive(w)));
}

static int purge_locked(struct omk_cmd *c, struct omk_purge *w,
                        struct omk_err *err)
{
    int rc = omk_purge_look(c->p, c->node, c->argv[0], w, err);

    if (rc || !c->yes || c->dry_run) {
        return rc;
    }
    /* Before and after: a purge that stops half way is told by its first. */
    omk_audit(c->node, "OMK0306", "customer %s: purge begins", w->login);
    rc = omk_purge_do(c->p, c->node, w, err);
    if (rc == OMK_OK) {
        omk_audit(c->node, "OMK0305", "customer %s purged", w->login);
    }
    return rc;
}

static int purge(struct omk_cmd *c)
{
    const bool act = c->yes && !c->dry_run;
    const char *login = c->argv[0];
    struct omk_purge w = {0};
    struct omk_err err = {0};
    int fd = -1;
    int rc = omk_login_check(login, strlen(login), &err);

    rc = rc ? rc : omk_state_make(c->node, &err);
    rc = rc ? rc : omk_lock(c->node, waiting, NULL, &fd, &err);
    rc = rc ? rc : purge_locked(c, &w, &err);
    if (fd >= 0) {
        close(fd);
    }
    if (rc) {
        return omk_cmd_error(&err);
    }
    if (c->json) {
        json_purge(c, &w, act);
    }
    else {
        print_purge(c, &w, act);
    }
    if (!c->yes && !c->dry_run) {
        said(NULL, "nothing is deleted without --yes");
        return OMK_EX_USAGE;
    }
    return OMK_EX_OK;
}

/* --- usage --------------------------------------------------------------- */

struct usage {
    struct omk_cmd *c;
    struct omk_db_state *databases; /* NULL: MariaDB does not answer */
    json_t *list;
    int code;
};

/* Sizes of databases, where MariaDB tells. */
static struct omk_db_state *database_sizes(struct omk_cmd *c)
{
    struct omk_db_state *state = NULL;
    struct omk_db *db = NULL;
    struct omk_err err = {0};

    if (!*c->node->mariadbd) {
        return NULL;
    }
    if (omk_db_open(c->node, &db, &err) || omk_db_load(db, c->p, &state, &err)
        || omk_db_load_sizes(db, state, &err)) {
        (void)omk_cmd_error(&err);
        state = NULL;
    }
    omk_db_close(db);
    return state;
}

static const char *megabytes(struct omk_cmd *c, uint64_t bytes)
{
    return apr_psprintf(c->p, "%.1f", (double)bytes / 1048576.0);
}

static void print_line(struct usage *s, const char *login,
                       const struct omk_usage *u,
                       const struct omk_customer *customer)
{
    struct omk_cmd *c = s->c;

    (void)printf(
        "%-30s %10s %10s %10s %10s %10s\n", login, megabytes(c, u->web),
        !customer             ? "?"
        : customer->web_quota ? omk_size_print(c->p, customer->web_quota)
                              : "-",
        megabytes(c, u->log), megabytes(c, u->mail),
        s->databases ? megabytes(c, u->databases) : "?");
}

static void add_json(struct usage *s, const char *login,
                     const struct omk_usage *u,
                     const struct omk_customer *customer, bool over)
{
    json_t *quota =
        customer ? json_integer((json_int_t)customer->web_quota) : json_null();
    json_t *databases =
        s->databases ? json_integer((json_int_t)u->databases) : json_null();

    (void)json_array_append_new(
        s->list, json_pack("{s:s, s:I, s:o, s:b, s:I, s:I, s:o}", "login",
                           login, "web", (json_int_t)u->web, "web_quota", quota,
                           "over", over, "log", (json_int_t)u->log, "mail",
                           (json_int_t)u->mail, "databases", databases));
}

/* Of a customer whose file is wrong the quota is not known, and all else is. */
static void tell_usage(struct usage *s, const struct omk_customer_entry *e)
{
    const struct omk_customer *customer = e->customer;
    struct omk_usage u = {0};
    struct omk_err err = {0};
    int rc = omk_usage_tree(s->c->node, e->login, &u, &err);
    bool over;

    if (rc && rc != OMK_ENOENT) { /* that is: not applied yet */
        s->code = omk_cmd_error(&err);
    }
    u.databases = s->databases ? omk_db_size(s->databases, e->login) : 0;
    over = customer && customer->web_quota && u.web > customer->web_quota;
    if (s->c->json) {
        add_json(s, e->login, &u, customer, over);
    }
    else {
        print_line(s, e->login, &u, customer);
    }
    if (over) {
        (void)fprintf(stderr, "omakase: %s is over its quota: %s MB of %s\n",
                      e->login, megabytes(s->c, u.web),
                      omk_size_print(s->c->p, customer->web_quota));
    }
}

static int usage(struct omk_cmd *c)
{
    struct usage s = {.c = c};
    struct omk_customers *all;
    struct omk_err err = {0};
    const char *login = c->argc ? c->argv[0] : NULL;
    int rc = login ? omk_login_check(login, strlen(login), &err) : OMK_OK;

    rc = rc ? rc
            : omk_customers_load(c->p, c->node, c->node->customers_dir, &all,
                                 &err);
    if (rc == OMK_OK && login && !omk_customers_find(all, login)) {
        rc = omk_fail(&err, OMK_ENOENT, login, "there is no such customer");
    }
    if (rc) {
        return omk_cmd_error(&err);
    }
    s.databases = database_sizes(c);
    s.list = json_array();
    if (!c->json) {
        (void)printf("%-30s %10s %10s %10s %10s %10s\n", "", "web MB", "of",
                     "log MB", "mail MB", "MySQL MB");
    }
    for (size_t i = 0; i < all->count; i++) {
        if (!login || !strcmp(login, all->entries[i].login)) {
            tell_usage(&s, &all->entries[i]);
        }
    }
    if (c->json) {
        omk_cmd_json(s.list);
    }
    else {
        json_decref(s.list);
    }
    return s.code;
}

const struct omk_command omk_commands_account[] = {
    {"customer remove", "LOGIN", "archive a customer and declare it no more",
     "Files, databases, declaration and password go into the state's "
     "archive/,\n"
     "which is checked; then the declaration is taken away. Everything else\n"
     "stays where it is: omakase apply takes the site away, customer purge "
     "the\n"
     "rest. Needs MariaDB to run, where this node has it.\n",
     1, 1, customer_remove},
    {"customer purge", "LOGIN --yes", "delete what remove has left",
     "Deletes databases, files, Unix user (and ends its processes) and "
     "password\n"
     "of who is neither declared nor served any more, for good. The archive\n"
     "stays. Without --yes it says what it would delete (exit code 64).\n",
     1, 1, purge},
    {"usage", "[LOGIN]", "web, logs, mail and databases against the quota",
     "The quota is of web alone. MB are of 1048576 bytes; --json has bytes. ?\n"
     "stands for what cannot be told: databases while MariaDB does not run.\n",
     0, 1, usage},
    {0},
};
