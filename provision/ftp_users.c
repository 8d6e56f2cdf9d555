#include "ftp_users.h"

#include "account.h"
#include "conf.h"
#include "customer.h"
#include "err.h"
#include "file.h"
#include "ftp_sessions.h"
#include "generation.h"
#include "node.h"
#include "render.h"
#include "secret.h"

#include <apr_strings.h>
#include <apr_tables.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *omk_ftp_users_path(apr_pool_t *p, const struct omk_node *n)
{
    return apr_pstrcat(p, n->state_dir, "/ftp/users", NULL);
}

const char *omk_ftp_groups_path(apr_pool_t *p, const struct omk_node *n)
{
    return apr_pstrcat(p, n->state_dir, "/ftp/groups", NULL);
}

bool omk_ftp_is_here(const struct omk_node *n)
{
    return *n->proftpd && n->ftp_listen[0] && !n->single_user;
}

bool omk_ftp_has_ours(const struct omk_node *n)
{
    const char *slash = strrchr(n->proftpd_ftpaccess, '/');

    return slash && !strcmp(slash, "/mod_ftpaccess.so")
           && access(n->proftpd_ftpaccess, R_OK) == 0;
}

unsigned omk_ftp_port(const struct omk_node *n)
{
    const char *first = n->ftp_listen[0];
    const char *colon = first ? strrchr(first, ':') : NULL;

    return omk_ftp_is_here(n)
               ? (unsigned)strtoul(colon ? colon + 1 : first, NULL, 10)
               : 0;
}

/* Both texts, sorted by login as the customers are. */
static int texts(apr_pool_t *p, const struct omk_node *n,
                 const struct omk_accounts *a, const struct omk_customers *c,
                 const char **users, const char **groups, struct omk_err *err)
{
    apr_array_header_t *u = apr_array_make(p, 64, sizeof(char *));
    apr_array_header_t *g = apr_array_make(p, 64, sizeof(char *));
    int rc = OMK_OK;

    for (size_t i = 0; i < c->count; i++) {
        const struct omk_customer *one = c->entries[i].customer;
        struct omk_account account;
        struct omk_secret secret;
        int failed;

        if (!one || one->suspended
            || omk_account_find(a, one->login, &account, NULL)) {
            continue;
        }
        failed = omk_secret_read(n, one->login, &secret, rc ? NULL : err);
        if (failed) {
            rc = rc || failed == OMK_ENOENT ? rc : failed;
            continue;
        }
        APR_ARRAY_PUSH(u, const char *) = apr_psprintf(
            p, "%s:%s:%lu:%lu::%s/home/%s:/usr/sbin/nologin\n", one->login,
            secret.crypt, (unsigned long)account.uid,
            (unsigned long)account.gid, omk_customer_tree(p, n, one->login),
            one->login);
        APR_ARRAY_PUSH(g, const char *) = apr_psprintf(
            p, "%s:x:%lu:\n", one->login, (unsigned long)account.gid);
    }
    *users = apr_array_pstrcat(p, u, 0);
    *groups = apr_array_pstrcat(p, g, 0);
    return rc;
}

static bool is_as(apr_pool_t *p, const char *path, const char *text)
{
    const char *there;
    struct stat st;
    size_t len;

    return lstat(path, &st) == 0 && (st.st_mode & 07777) == 0600
           && omk_conf_file(p, path, &there, &len, NULL) == OMK_OK
           && len == strlen(text) && !memcmp(there, text, len);
}

bool omk_ftp_users_are_made(apr_pool_t *p, const struct omk_node *n,
                            const struct omk_accounts *a,
                            const struct omk_customers *c)
{
    const char *users, *groups;

    (void)texts(p, n, a, c, &users, &groups, NULL);
    return is_as(p, omk_ftp_users_path(p, n), users)
           && is_as(p, omk_ftp_groups_path(p, n), groups);
}

static int put(apr_pool_t *p, const char *path, const char *text,
               struct omk_err *err)
{
    return is_as(p, path, text)
               ? OMK_OK
               : omk_file_write(path, text, strlen(text), 0600, err);
}

int omk_ftp_users_make(apr_pool_t *p, const struct omk_node *n,
                       const struct omk_accounts *a,
                       const struct omk_customers *c, struct omk_err *err)
{
    const char *dir = apr_pstrcat(p, n->state_dir, "/ftp", NULL);
    const char *users, *groups, *was;
    int rc, damaged = texts(p, n, a, c, &users, &groups, err);
    size_t len;

    if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
        return omk_fail(err, OMK_EIO, dir, "mkdir: %s", strerror(errno));
    }
    /* Groups first: who is in users has a group then. */
    rc = put(p, omk_ftp_groups_path(p, n), groups, damaged ? NULL : err);
    if (omk_conf_file(p, omk_ftp_users_path(p, n), &was, &len, NULL)
        != OMK_OK) {
        was = "";
    }
    if (rc == OMK_OK) {
        rc = put(p, omk_ftp_users_path(p, n), users, damaged ? NULL : err);
    }
    if (rc == OMK_OK && strcmp(was, users) != 0) {
        omk_ftp_sessions_end(p, n, was, users);
    }
    return damaged ? damaged : rc;
}

int omk_ftp_users_refresh(apr_pool_t *p, const struct omk_node *n,
                          struct omk_err *err)
{
    struct omk_accounts *accounts;
    struct omk_files *there;
    const char *dir;
    unsigned current;
    int rc;

    if (!omk_ftp_is_here(n)) {
        return OMK_OK;
    }
    rc = omk_generation_current(n, &current, err);
    if (rc || !current) {
        return rc;
    }
    rc = omk_accounts_load(p, n, &accounts, err);
    if (rc == OMK_OK) {
        rc = omk_generation_read(p, n, current, &there, err);
    }
    if (rc) {
        return rc;
    }
    dir = apr_pstrcat(p, omk_generation_dir(p, n, current),
                      "/source/customers.d", NULL);
    return omk_ftp_users_make(
        p, n, accounts,
        omk_customers_of(p, n, there, "source/customers.d/", dir, NULL), err);
}
