/* remove, purge, usage: what a customer has on the machine. */
#include "cmd.h"

#include "account.h"
#include "audit.h"
#include "customer.h"
#include "database.h"
#include "generation.h"
#include "names.h"
#include "node.h"
#include "run.h"
#include "secret.h"
#include "usage.h"

#include <apr_strings.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ARCHIVE_S 7200

static const char *tree_of(struct omk_cmd *c, const char *login)
{
    return apr_pstrcat(c->p, c->node->srv_dir, "/", login, NULL);
}

static const char *declared(struct omk_cmd *c, const char *login,
                            const char *ending)
{
    return apr_pstrcat(c->p, c->node->customers_dir, "/", login, ending, NULL);
}

/* Runs a program that must succeed. */
static int must_run(struct omk_cmd *c, const char *const argv[],
                    struct omk_err *err)
{
    const char *output;
    int status;
    int rc = omk_run(c->p, argv, ARCHIVE_S, &status, &output, err);

    return rc == OMK_OK && status != 0
               ? omk_fail(err, OMK_EIO, argv[0], "%.400s", output)
               : rc;
}

/* --- remove
 * ------------------------------------------------------------------- */

static void said(void *ctx, const char *line)
{
    (void)ctx;
    (void)fprintf(stderr, "omakase: %s\n", line);
}

static int archive_databases(struct omk_cmd *c, const char *login,
                             const char *dir, struct omk_err *err)
{
    struct omk_db *db = NULL;
    int fd, rc;

    if (!*c->node->mariadbd) {
        return OMK_OK;
    }
    rc = omk_db_open(c->node, &db, err);
    if (rc) {
        return rc; /* without its databases it is no archive */
    }
    fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    rc = fd < 0 ? omk_fail(err, OMK_EIO, dir, "open: %s", strerror(errno))
                : omk_db_dump(db, login, fd, said, NULL, err);
    if (fd >= 0) {
        close(fd);
    }
    omk_db_close(db);
    return rc;
}

static int archive(struct omk_cmd *c, const char *login, const char **out,
                   struct omk_err *err)
{
    const char *base = apr_pstrcat(c->p, c->node->state_dir, "/archive", NULL);
    const char *dir =
        apr_psprintf(c->p, "%s/%s-%lld", base, login, (long long)time(NULL));
    const char *tar[] = {"/usr/bin/tar",
                         "--create",
                         "--file",
                         apr_pstrcat(c->p, dir, "/tree.tar", NULL),
                         "--acls",
                         "--xattrs",
                         "--numeric-owner",
                         "--sparse",
                         "--directory",
                         c->node->srv_dir,
                         "--",
                         login,
                         NULL};
    struct stat st;
    int rc;

    if ((mkdir(base, 0700) != 0 && errno != EEXIST) || mkdir(dir, 0700) != 0) {
        return omk_fail(err, OMK_EIO, dir, "mkdir: %s", strerror(errno));
    }
    rc = lstat(tree_of(c, login), &st) == 0 ? must_run(c, tar, err) : OMK_OK;
    if (rc == OMK_OK) {
        rc = archive_databases(c, login, dir, err);
    }
    *out = dir;
    return rc;
}

/* The three files go into the archive, LOGIN.conf last: until then the
 * customer is declared. */
static int take_declaration(struct omk_cmd *c, const char *login,
                            const char *dir, struct omk_err *err)
{
    static const char *const endings[] = {".httpd.conf", ".mail", ".conf"};

    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        const char *from = declared(c, login, endings[i]);
        const char *mv[] = {"/bin/mv", "--", from, dir, NULL};
        int rc = access(from, F_OK) == 0 ? must_run(c, mv, err) : OMK_OK;

        if (rc) {
            return rc;
        }
    }
    return OMK_OK;
}

static int customer_remove(struct omk_cmd *c)
{
    const char *login = c->argv[0];
    const char *dir = "";
    struct omk_err err = {0};
    int fd = -1;
    int rc = omk_login_check(login, strlen(login), &err);

    if (rc == OMK_OK && access(declared(c, login, ".conf"), F_OK) != 0) {
        rc = omk_fail(&err, OMK_ENOENT, login, "there is no such customer");
    }
    if (rc == OMK_OK) {
        rc = omk_lock(c->node, NULL, NULL, &fd, &err);
    }
    if (rc == OMK_OK && !c->dry_run) {
        rc = archive(c, login, &dir, &err);
    }
    if (rc == OMK_OK && !c->dry_run) {
        rc = take_declaration(c, login, dir, &err);
    }
    if (rc == OMK_OK && !c->dry_run) {
        omk_audit(c->node, "OMK0304", "customer %s removed, archive %s", login,
                  dir);
    }
    if (fd >= 0) {
        close(fd);
    }
    if (rc) {
        return omk_cmd_error(&err);
    }
    (void)printf(c->dry_run ? "would archive %s and take its declaration\n"
                            : "%s is archived and declared no more; omakase "
                              "apply takes its site away\n",
                 login);
    return OMK_EX_OK;
}

/* --- purge
 * -------------------------------------------------------------------- */

static int purge_all(struct omk_cmd *c, const char *login, struct omk_err *err)
{
    const char *rm[] = {
        "/bin/rm", "--recursive",     "--force", "--one-file-system",
        "--",      tree_of(c, login), NULL};
    struct omk_accounts *accounts;
    struct omk_account account;
    struct omk_db *db = NULL;
    int rc = omk_accounts_load(c->p, c->node, &accounts, err);

    /* Somebody else's user of that name: not ours to purge. */
    if (rc == OMK_OK
        && omk_account_find(accounts, login, &account, err) == OMK_EDENIED) {
        return OMK_EDENIED;
    }
    if (rc == OMK_OK && *c->node->mariadbd) {
        rc = omk_db_open(c->node, &db, err);
        if (rc == OMK_OK) {
            rc = omk_db_drop(db, login, err);
        }
        omk_db_close(db);
    }
    if (rc == OMK_OK) {
        rc = must_run(c, rm, err);
    }
    if (rc == OMK_OK) {
        rc = omk_secret_remove(c->node, login, err);
    }
    return rc ? rc : omk_account_remove(accounts, login, err);
}

static int purge(struct omk_cmd *c)
{
    const char *login = c->argv[0];
    const char *applied =
        apr_pstrcat(c->p, c->node->state_dir, "/current/source/customers.d/",
                    login, ".conf", NULL);
    struct omk_err err = {0};
    int fd = -1;
    int rc = omk_login_check(login, strlen(login), &err);

    if (rc == OMK_OK
        && (access(declared(c, login, ".conf"), F_OK) == 0
            || access(applied, F_OK) == 0)) {
        rc = omk_fail(&err, OMK_EBUSY, login,
                      "is still served: omakase customer remove %s, then "
                      "omakase apply",
                      login);
    }
    if (rc == OMK_OK && !c->yes) {
        (void)fprintf(stderr,
                      "omakase: purge deletes the files and databases "
                      "of %s for good: --yes\n",
                      login);
        return OMK_EX_USAGE;
    }
    if (rc == OMK_OK) {
        rc = omk_lock(c->node, NULL, NULL, &fd, &err);
    }
    if (rc == OMK_OK && !c->dry_run) {
        rc = purge_all(c, login, &err);
    }
    if (rc == OMK_OK && !c->dry_run) {
        omk_audit(c->node, "OMK0305", "customer %s purged", login);
    }
    if (fd >= 0) {
        close(fd);
    }
    if (rc) {
        return omk_cmd_error(&err);
    }
    (void)printf("%s %s\n", login, c->dry_run ? "would be purged" : "is gone");
    return OMK_EX_OK;
}

/* --- usage
 * -------------------------------------------------------------------- */

static void print_usage(struct omk_cmd *c, json_t *out, const char *login,
                        const struct omk_usage *u, uint64_t quota)
{
    if (c->json) {
        (void)json_array_append_new(
            out, json_pack("{s:s, s:I, s:I, s:I, s:I}", "login", login, "web",
                           (json_int_t)u->web, "log", (json_int_t)u->log,
                           "databases", (json_int_t)u->databases, "web_quota",
                           (json_int_t)quota));
        return;
    }
    (void)printf("%-30s %10.1f %10s %10.1f %10.1f\n", login,
                 (double)u->web / 1048576.0,
                 quota ? omk_size_print(c->p, quota) : "-",
                 (double)u->log / 1048576.0, (double)u->databases / 1048576.0);
}

static int usage(struct omk_cmd *c)
{
    json_t *out = json_array();
    struct omk_db *db = NULL;
    struct omk_db_state *state = NULL;
    struct omk_customers *all;
    struct omk_err err = {0};
    size_t shown = 0;
    int rc =
        omk_customers_load(c->p, c->node, c->node->customers_dir, &all, &err);

    if (rc) {
        json_decref(out);
        return omk_cmd_error(&err);
    }
    if (omk_db_open(c->node, &db, NULL) == OMK_OK
        && (omk_db_load(db, c->p, &state, NULL)
            || omk_db_load_sizes(db, state, NULL))) {
        state = NULL;
    }
    if (!c->json) {
        (void)printf("%-30s %10s %10s %10s %10s\n", "", "web MB", "of",
                     "log MB", "MySQL MB");
    }
    for (size_t i = 0; i < all->count; i++) {
        const struct omk_customer_entry *e = &all->entries[i];
        struct omk_usage u = {0};

        if (!e->customer || (c->argc && strcmp(c->argv[0], e->login) != 0)) {
            continue;
        }
        shown++;
        if (omk_usage_tree(c->node, e->login, &u, &err)) {
            (void)fprintf(stderr, "omakase: %s: %s: %s\n", e->login, err.where,
                          err.text);
        }
        u.databases = state ? omk_db_size(state, e->login) : 0;
        print_usage(c, out, e->login, &u, e->customer->web_quota);
    }
    omk_db_close(db);
    if (c->json) {
        omk_cmd_json(out);
    }
    else {
        json_decref(out);
    }
    return shown || !c->argc ? OMK_EX_OK : OMK_EX_NOUSER;
}

const struct omk_command omk_commands_account[] = {
    {"customer remove", "LOGIN", "archive a customer and declare it no more",
     "Files and databases go into the state's archive/ and stay where they "
     "are;\n"
     "omakase apply takes the site away, customer purge the rest.\n",
     1, 1, customer_remove},
    {"customer purge", "LOGIN --yes", "delete what remove has left",
     "Files, databases, user and password, for good. The archive stays.\n", 1,
     1, purge},
    {"usage", "[LOGIN]", "web, logs and databases against the quota", "", 0, 1,
     usage},
    {0},
};
