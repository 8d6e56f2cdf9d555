#include "host.h"

#include "account.h"
#include "database.h"
#include "ftp_users.h"
#include "node.h"
#include "phpmyadmin.h"
#include "plan.h"
#include "quota.h"
#include "secret.h"
#include "tree.h"
#include "weblog.h"

#include <apr_strings.h>
#include <string.h>
#include <unistd.h>

struct omk_host {
    apr_pool_t *p;
    const struct omk_node *n;
    struct omk_accounts *accounts;
    struct omk_db *db;          /* NULL: no_databases says why */
    struct omk_db_state *state; /* of MariaDB */
    const char *no_databases;
};

static apr_status_t close_db(void *host)
{
    struct omk_host *h = host;

    omk_db_close(h->db);
    h->db = NULL;
    return APR_SUCCESS;
}

static void open_databases(struct omk_host *h)
{
    struct omk_err err = {0};
    int rc;

    if (!*h->n->mariadbd || access(h->n->mysql_socket, F_OK) != 0) {
        h->no_databases = apr_pstrcat(h->p, h->n->mysql_socket,
                                      ": MariaDB does not run", NULL);
        return;
    }
    rc = omk_db_open(h->n, &h->db, &err);
    if (rc == OMK_OK) {
        rc = omk_db_load(h->db, h->p, &h->state, &err);
    }
    if (rc) {
        omk_db_close(h->db);
        h->db = NULL;
        h->state = NULL;
        h->no_databases = apr_pstrcat(h->p, err.where, ": ", err.text, NULL);
    }
}

int omk_host_open(apr_pool_t *p, const struct omk_node *n,
                  struct omk_host **out, struct omk_err *err)
{
    struct omk_host *h = apr_pcalloc(p, sizeof *h);
    int rc;

    h->p = p;
    h->n = n;
    rc = omk_accounts_load(p, n, &h->accounts, err);
    if (rc) {
        return rc;
    }
    open_databases(h);
    apr_pool_cleanup_register(p, h, close_db, apr_pool_cleanup_null);
    *out = h;
    return OMK_OK;
}

struct omk_host *omk_host_of(apr_pool_t *p, const struct omk_node *n,
                             struct omk_accounts *accounts,
                             struct omk_db_state *state)
{
    struct omk_host *h = apr_pcalloc(p, sizeof *h);

    h->p = p;
    h->n = n;
    h->accounts = accounts;
    h->state = state;
    return h;
}

void omk_host_close(struct omk_host *h)
{
    (void)apr_pool_cleanup_run(h->p, h, close_db);
}

const char *omk_host_no_databases(const struct omk_host *h)
{
    return h->no_databases;
}

/* --- looking ----------------------------------------------------------------
 */

struct finding {
    struct omk_plan *plan;
    const char *login;
};

static void found(void *ctx, const char *what)
{
    struct finding *f = ctx;

    omk_plan_add(f->plan, OMK_CHANGE_REPAIR, f->login,
                 apr_pstrdup(f->plan->p, what), "");
}

static bool is_new(const struct omk_plan *plan, const char *login)
{
    return !omk_customers_find(plan->applied, login);
}

static void look_at_databases(struct omk_host *h, struct finding *f,
                              const struct omk_customer *c)
{
    struct omk_secret secret;
    const char *hash = NULL;

    if (!h->state || !c->databases) {
        return;
    }
    if (omk_secret_read(h->n, c->login, &secret, NULL) == OMK_OK) {
        hash = secret.mysql;
    }
    omk_db_check(h->state, c->login, c->databases, hash, found, f);
}

static void look_at(struct omk_host *h, struct omk_plan *plan,
                    struct omk_customer_entry *e)
{
    struct finding f = {plan, e->login};
    struct omk_account account;
    struct omk_err err = {0};
    int rc = omk_account_find(h->accounts, e->login, &account, &err);

    if (rc == OMK_EDENIED) {
        omk_plan_hold(plan, e, &err);
        return;
    }
    if (is_new(plan, e->login)) {
        return; /* "new customer" says it all */
    }
    if (rc) {
        found(&f, "its Unix user is missing");
        return;
    }
    if (omk_tree_check(h->n, e->login, &account, found, &f, &err)) {
        found(&f, apr_pstrcat(plan->p, "its tree cannot be looked at: ",
                              err.where, ": ", err.text, NULL));
    }
    if (omk_quota_check(h->n, e->login, &account, e->customer->web_quota,
                        found, &f, &err)) {
        found(&f, apr_pstrcat(plan->p, "its quota cannot be looked at: ",
                              err.where, ": ", err.text, NULL));
    }
    look_at_databases(h, &f, e->customer);
}

void omk_host_plan(struct omk_host *h, struct omk_plan *plan)
{
    for (size_t i = 0; i < plan->customers->count; i++) {
        if (plan->customers->entries[i].customer) {
            look_at(h, plan, &plan->customers->entries[i]);
        }
    }
    if (omk_phpmyadmin_is_here(h->n) && !omk_phpmyadmin_is_made(h->p, h->n)) {
        omk_plan_add(plan, OMK_CHANGE_REPAIR, "phpMyAdmin",
                     "its user or its directory is missing", "");
    }
    if (plan->current && omk_ftp_is_here(h->n)
        && !omk_ftp_users_are_made(h->p, h->n, h->accounts, plan->applied)) {
        omk_plan_add(plan, OMK_CHANGE_REPAIR, "FTP",
                     "its logins are not those of the customers", "");
    }
    if (omk_weblog_is_here(h->n) && !omk_weblog_is_made(h->n)) {
        omk_plan_add(plan, OMK_CHANGE_REPAIR, "weblog", "its user is missing",
                     "");
    }
}

bool omk_host_lacks_users(const struct omk_host *h, const struct omk_plan *plan)
{
    if (omk_phpmyadmin_is_here(h->n) && !omk_phpmyadmin_is_made(h->p, h->n)) {
        return true;
    }
    for (size_t i = 0; i < plan->customers->count; i++) {
        const struct omk_customer_entry *e = &plan->customers->entries[i];
        struct omk_account account;

        if (e->customer
            && omk_account_find(h->accounts, e->login, &account, NULL)) {
            return true;
        }
    }
    return false;
}

/* --- making -----------------------------------------------------------------
 */

int omk_host_make_node(struct omk_host *h, struct omk_err *err)
{
    int rc = omk_weblog_is_here(h->n) && !omk_weblog_is_made(h->n)
                 ? omk_weblog_make(h->n, err)
                 : OMK_OK;

    return rc ? rc
           : omk_phpmyadmin_is_here(h->n)
                   && !omk_phpmyadmin_is_made(h->p, h->n)
               ? omk_phpmyadmin_make(h->p, h->n, err)
               : OMK_OK;
}

static int make_databases(struct omk_host *h, const struct omk_customer *c,
                          struct omk_err *err)
{
    struct omk_secret secret;
    /* Of no password: databases are there from the start (P57), a way in from
     * the first `omakase passwd` on. */
    const char *hash = "*0000000000000000000000000000000000000000";
    int rc;

    if (!h->db || !c->databases) {
        return OMK_OK;
    }
    rc = omk_secret_read(h->n, c->login, &secret, err);
    if (rc && rc != OMK_ENOENT) {
        return rc;
    }
    if (rc == OMK_OK) {
        hash = secret.mysql;
    }
    return omk_db_apply(h->db, c->login, c->databases, hash, err);
}

int omk_host_make(struct omk_host *h, const struct omk_customer_entry *e,
                  struct omk_err *err)
{
    struct omk_account account;
    int rc = omk_account_create(h->accounts, e->login, &account, err);

    if (rc == OMK_OK) {
        rc = omk_tree_make(h->n, e->login, &account, err);
    }
    if (rc == OMK_OK) {
        rc = omk_quota_set(h->n, e->login, &account, e->customer->web_quota,
                           err);
    }
    return rc ? rc : make_databases(h, e->customer, err);
}

int omk_host_make_logins(struct omk_host *h, const struct omk_customers *c,
                         struct omk_err *err)
{
    return omk_ftp_is_here(h->n)
               ? omk_ftp_users_make(h->p, h->n, h->accounts, c, err)
               : OMK_OK;
}

int omk_host_set_password(apr_pool_t *p, const struct omk_node *n,
                          const char *login, const char *hash,
                          struct omk_err *err)
{
    struct omk_host h = {.p = p, .n = n};
    int rc = OMK_OK;

    open_databases(&h);
    if (h.db) {
        rc = omk_db_set_hash(h.db, login, hash, err);
        omk_db_close(h.db);
    }
    return rc == OMK_ENOENT ? OMK_OK : rc;
}
