#include "purge.h"

#include "account.h"
#include "archive.h"
#include "database.h"
#include "disabled.h"
#include "erase.h"
#include "err.h"
#include "generation.h"
#include "names.h"
#include "node.h"
#include "secret.h"

#include <apr_strings.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

bool omk_is_declared(apr_pool_t *p, const struct omk_node *n, const char *login,
                     const char **path)
{
    static const char *const endings[] = {".conf", ".mail", ".httpd.conf"};

    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        const char *file =
            apr_pstrcat(p, n->customers_dir, "/", login, endings[i], NULL);

        if (faccessat(AT_FDCWD, file, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
            if (path) {
                *path = file;
            }
            return true;
        }
    }
    return false;
}

/* --- looking ------------------------------------------------------------- */

static int refuse_if_served(apr_pool_t *p, const struct omk_node *n,
                            const char *login, const char *applied,
                            struct omk_err *err)
{
    const char *path;

    if (omk_is_declared(p, n, login, &path)) {
        return omk_fail(err, OMK_EBUSY, path,
                        "is still declared: omakase customer remove %s, then "
                        "omakase apply",
                        login);
    }
    path = apr_pstrcat(p, applied, "/", login, ".conf", NULL);
    return *applied && access(path, F_OK) == 0
               ? omk_fail(err, OMK_EBUSY, login,
                          "is still served, as last applied: omakase apply")
               : OMK_OK;
}

/* Another login of dir's that has the same database names. */
static int find_namesake(apr_pool_t *p, const char *dir, const char *login,
                         const char **out, struct omk_err *err)
{
    char own[OMK_DB_NAME_MAX + 1], other[OMK_DB_NAME_MAX + 1];
    const struct dirent *e;
    DIR *d = *dir ? opendir(dir) : NULL;

    if (*dir && !d && errno != ENOENT) {
        return omk_fail(err, OMK_EIO, dir, "%s", strerror(errno));
    }
    omk_db_user(login, own);
    while (d && (e = readdir(d))) {
        const char *dot = strchr(e->d_name, '.');
        size_t len = dot ? (size_t)(dot - e->d_name) : 0;
        const char *name = apr_pstrmemdup(p, e->d_name, len);

        if (!dot || strcmp(dot, ".conf") != 0 || !strcmp(name, login)
            || omk_login_check(name, len, NULL) != OMK_OK) {
            continue;
        }
        omk_db_user(name, other);
        if (!strcmp(own, other)) {
            *out = name;
        }
    }
    if (d) {
        closedir(d);
    }
    return OMK_OK;
}

static int look_at_user(apr_pool_t *p, const struct omk_node *n,
                        struct omk_purge *w, struct omk_err *err)
{
    struct omk_accounts *accounts;
    struct omk_account account;
    int rc = omk_accounts_load(p, n, &accounts, err);

    rc = rc ? rc : omk_account_find(accounts, w->login, &account, err);
    if (rc || n->single_user) {
        return rc == OMK_ENOENT ? OMK_OK : rc;
    }
    w->uid = account.uid;
    w->user = omk_account_is_own(accounts, w->login);
    w->user_stays = !w->user;
    return OMK_OK;
}

static int look_at_databases(apr_pool_t *p, const struct omk_node *n,
                             struct omk_purge *w, struct omk_err *err)
{
    struct omk_db_state *state;
    struct omk_db *db = NULL;
    int rc;

    if (!*n->mariadbd || w->namesake) {
        return OMK_OK;
    }
    rc = omk_db_open(n, &db, err);
    rc = rc ? rc : omk_db_load(db, p, &state, err);
    rc = rc ? rc : omk_db_load_sizes(db, state, err);
    if (rc == OMK_OK) {
        w->databases = omk_db_count(state, w->login, &w->mysql_user);
        w->database_bytes = omk_db_size(state, w->login);
    }
    omk_db_close(db);
    return rc;
}

/* Where nothing else tells that there was such a customer, databases of that
 * name are somebody else's. */
static bool was_customer(const struct omk_purge *w)
{
    return w->tree || w->user || w->user_stays || w->secret
           || w->archives->nelts;
}

static int look(apr_pool_t *p, const struct omk_node *n, const char *applied,
                struct omk_purge *w, struct omk_err *err)
{
    int rc = refuse_if_served(p, n, w->login, applied, err);

    rc = rc ? rc : look_at_user(p, n, w, err);
    rc = rc ? rc : omk_erase_pending(n, w->login, &w->tree, err);
    rc = rc ? rc : omk_erase_check(n, w->login, err);
    rc = rc ? rc : omk_archives_list(p, n, w->login, &w->archives, err);
    if (rc) {
        return rc;
    }
    w->secret =
        access(apr_pstrcat(p, n->state_dir, "/secrets/", w->login, NULL), F_OK)
        == 0;
    rc = find_namesake(p, n->customers_dir, w->login, &w->namesake, err);
    rc = rc ? rc : find_namesake(p, applied, w->login, &w->namesake, err);
    if (rc == OMK_OK && was_customer(w)) {
        rc = look_at_databases(p, n, w, err);
    }
    if (rc == OMK_OK && !w->tree && !w->user && !w->secret && !w->databases
        && !w->mysql_user) {
        rc = omk_fail(err, OMK_ENOENT, w->login, "nothing is there of it");
    }
    return rc;
}

int omk_purge_look(apr_pool_t *p, const struct omk_node *n, const char *login,
                   struct omk_purge *out, struct omk_err *err)
{
    struct omk_purge w = {.login = login};
    const char *applied = "";
    unsigned current;
    int rc = omk_generation_current(n, &current, err);

    if (rc == OMK_OK && current) {
        applied = apr_pstrcat(p, omk_generation_dir(p, n, current),
                              "/source/customers.d", NULL);
    }
    rc = rc ? rc : look(p, n, applied, &w, err);
    if (rc == OMK_OK) {
        *out = w;
    }
    return rc;
}

/* --- deleting ------------------------------------------------------------ */

static int drop_databases(const struct omk_node *n, const struct omk_purge *w,
                          struct omk_err *err)
{
    struct omk_db *db = NULL;
    int rc;

    if (!w->databases && !w->mysql_user) {
        return OMK_OK;
    }
    rc = omk_db_open(n, &db, err);
    rc = rc ? rc : omk_db_drop(db, w->login, err);
    omk_db_close(db);
    return rc;
}

static int end_processes(struct omk_accounts *accounts,
                         const struct omk_purge *w, struct omk_err *err)
{
    struct omk_account account;
    int rc = omk_account_find(accounts, w->login, &account, err);

    return rc ? rc : omk_account_end_processes(accounts, &account, err);
}

int omk_purge_do(apr_pool_t *p, const struct omk_node *n,
                 const struct omk_purge *w, struct omk_err *err)
{
    struct omk_accounts *accounts;
    int rc = omk_accounts_load(p, n, &accounts, err);

    rc = rc ? rc : drop_databases(n, w, err);
    if (rc == OMK_OK && w->user) {
        rc = end_processes(accounts, w, err);
    }
    rc = rc ? rc : omk_erase_tree(n, w->login, err);
    if (rc == OMK_OK && w->user) {
        rc = omk_account_remove(accounts, w->login, err);
    }
    rc = rc ? rc : omk_disabled_forget(p, n, w->login, err);
    return rc ? rc : omk_secret_remove(n, w->login, err);
}
