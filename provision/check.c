#include "check_impl.h"

#include "account.h"
#include "daemon.h"
#include "database.h"
#include "err.h"
#include "ftp_users.h"
#include "generation.h"
#include "node.h"
#include "plan.h"
#include "quota.h"
#include "status.h"
#include "weblog.h"

#include <apr_strings.h>
#include <string.h>
#include <unistd.h>

#define ID_DECLARED "OMK0310"
#define ID_CHECKER "OMK0311"
#define ID_DAEMON "OMK0312"
#define ID_UIDS "OMK0317"
#define ID_QUOTA "OMK0318"
#define ID_SINGLE "OMK0319"
#define ID_PROGRAM "OMK0320"
#define ID_MARIADB "OMK0323"
#define ID_DRIFT "OMK0324"

#define FEW_UIDS 100

/* A line of printable ASCII: names of files and what checkers print may hold
 * anything, and go to a terminal and into JSON. */
static const char *printable(apr_pool_t *p, const char *text)
{
    char *out = apr_pstrdup(p, text);

    for (char *s = out; *s; s++) {
        if (*s < ' ' || *s > '~') {
            *s = '?';
        }
    }
    return out;
}

void omk_check_say(const struct omk_check *c, enum omk_check_level level,
                   const char *id, const char *where, const char *what,
                   const char *todo)
{
    struct omk_finding f = {level, id, printable(c->p, where),
                            printable(c->p, what), printable(c->p, todo)};

    c->found(c->ctx, &f);
}

const char *omk_check_level_name(enum omk_check_level level)
{
    static const char *const names[] = {"note", "warning", "error"};

    return names[level];
}

/* --- declarations -----------------------------------------------------------
 */

static void declared(const struct omk_check *c)
{
    for (size_t i = 0; i < c->plan->customers->count; i++) {
        const struct omk_customer_entry *e = &c->plan->customers->entries[i];

        if (e->err.code) {
            omk_check_say(c, OMK_CHECK_ERROR, ID_DECLARED,
                          *e->err.where ? e->err.where : e->login, e->err.text,
                          e->customer ? "correct it and apply; until then the "
                                        "customer is as last applied"
                                      : "correct it and apply; until then "
                                        "there is no such customer");
        }
    }
    if (!c->plan->current) {
        omk_check_say(c, OMK_CHECK_WARNING, ID_DRIFT, "generation",
                      "nothing was applied yet", "omakase apply");
    }
    else if (c->plan->changes->nelts) {
        omk_check_say(c, OMK_CHECK_WARNING, ID_DRIFT, "generation",
                      apr_psprintf(c->p,
                                   "%d things are not as declared or not as "
                                   "applied",
                                   c->plan->changes->nelts),
                      "omakase plan names them, omakase apply makes them so");
    }
}

/* --- daemons ----------------------------------------------------------------
 */

static const char *first_line(apr_pool_t *p, const char *text)
{
    return apr_pstrmemdup(p, text, strcspn(text, "\r\n"));
}

/* The checker's line with the reason: AH00558 and its like come before. */
static const char *reason(apr_pool_t *p, const char *output)
{
    const char *at = strstr(output, "AH00526");

    at = at ? at : strstr(output, "ERROR");
    return first_line(p, at ? at : output);
}

static void ask_checker(const struct omk_check *c, const struct omk_daemon *d)
{
    const char *output = "";
    struct omk_err err = {0};
    const char *dir;

    if (!d->check || !c->plan || !c->plan->current) {
        return;
    }
    dir = omk_generation_dir(c->p, c->n, c->plan->current);
    if (d->check(c->p, c->n, dir, &output, &err)) {
        omk_check_say(c, OMK_CHECK_ERROR, ID_CHECKER, d->name,
                      apr_psprintf(c->p,
                                   "its own checker refuses generation %u: %s",
                                   c->plan->current,
                                   *output ? reason(c->p, output) : err.text),
                      "it would not start again: omakase status, then apply or "
                      "rollback");
    }
}

static void running(const struct omk_check *c, const struct omk_daemon *d)
{
    const char *start = apr_pstrcat(c->p, "omakase start ", d->name, NULL);
    pid_t pid = omk_daemon_pid(c->p, c->n, d);

    if (!pid) {
        omk_check_say(c, OMK_CHECK_WARNING, ID_DAEMON, d->name, "does not run",
                      start);
        return;
    }
    if (!c->plan) {
        return;
    }
    switch (omk_status_daemon(c->p, c->n, c->plan, d, &pid)) {
    case OMK_DAEMON_SILENT:
        omk_check_say(c, OMK_CHECK_ERROR, ID_DAEMON, d->name,
                      "runs and does not answer",
                      "its log; then omakase stop and start");
        break;
    case OMK_DAEMON_OTHER:
        omk_check_say(c, OMK_CHECK_WARNING, ID_DAEMON, d->name,
                      "runs with another configuration than was applied",
                      "omakase apply");
        break;
    default:
        break;
    }
}

static void daemons(const struct omk_check *c)
{
    for (const struct omk_daemon *const *d = omk_daemons; *d; d++) {
        const char *why;

        if ((*d)->wanted(c->n, &why)) {
            running(c, *d);
            ask_checker(c, *d);
        }
        else {
            omk_check_say(
                c, *d == &omk_daemon_httpd ? OMK_CHECK_ERROR : OMK_CHECK_NOTE,
                ID_DAEMON, (*d)->name,
                apr_pstrcat(c->p, "is not this node's: ", why, NULL),
                "nothing, if that is meant; else paths {} of "
                "omakase.conf");
        }
    }
}

static void account_found(void *ctx, const char *what)
{
    omk_check_say(ctx, OMK_CHECK_ERROR, ID_MARIADB, "MariaDB", what,
                  "take it away: through it customers reach others' data");
}

static void databases(const struct omk_check *c)
{
    struct omk_check copy = *c;
    struct omk_db_state *state;
    struct omk_err err = {0};
    struct omk_db *db = NULL;

    if (!*c->n->mariadbd || access(c->n->mysql_socket, F_OK) != 0) {
        return; /* that it does not run was said */
    }
    if (omk_db_open(c->n, &db, &err) || omk_db_load(db, c->p, &state, &err)) {
        omk_check_say(c, OMK_CHECK_ERROR, ID_MARIADB, err.where, err.text,
                      "databases are not made before that");
    }
    else {
        omk_db_check_node(state, account_found, &copy);
    }
    omk_db_close(db);
}

/* --- users, quotas ----------------------------------------------------------
 */

static void users(const struct omk_check *c)
{
    struct omk_accounts *accounts;
    struct omk_err err = {0};
    unsigned left;

    if (c->n->single_user) {
        omk_check_say(c, OMK_CHECK_WARNING, ID_SINGLE, "single-user mode",
                      apr_psprintf(c->p,
                                   "everything runs as %s, customers' scripts "
                                   "too: nothing keeps them apart, and no "
                                   "quota holds",
                                   c->n->httpd_user),
                      "for trying only; customers need root");
        return;
    }
    if (omk_accounts_load(c->p, c->n, &accounts, &err)) {
        omk_check_say(c, OMK_CHECK_ERROR, ID_UIDS, err.where, err.text,
                      "no user can be made before that");
        return;
    }
    left = omk_accounts_left(accounts);
    if (left < FEW_UIDS) {
        omk_check_say(c, left ? OMK_CHECK_WARNING : OMK_CHECK_ERROR, ID_UIDS,
                      c->n->file,
                      apr_psprintf(c->p,
                                   "%u uids are left of %u to %u for new "
                                   "customers",
                                   left, (unsigned)c->n->uid_min,
                                   (unsigned)c->n->uid_max),
                      "raise users { uid_max }; a uid is never given twice");
    }
}

static void quotas(const struct omk_check *c)
{
    enum omk_quota_driver driver;
    struct omk_err err = {0};

    if (c->n->single_user) {
        return; /* said */
    }
    if (access(c->n->srv_dir, F_OK) != 0) {
        return; /* apply makes it */
    }
    if (omk_quota_probe(c->n->srv_dir, &driver, &err)) {
        omk_check_say(c, OMK_CHECK_ERROR, ID_QUOTA, err.where, err.text,
                      "see to it that it can be read");
        return;
    }
    omk_check_say(
        c, driver == OMK_QUOTA_NONE ? OMK_CHECK_WARNING : OMK_CHECK_NOTE,
        ID_QUOTA, c->n->srv_dir, omk_quota_describe(driver),
        driver == OMK_QUOTA_NONE ? "until then: omakase usage"
                                 : "nothing; omakase plan tells who differs");
}

/* --- programs ---------------------------------------------------------------
 */

static void programs(const struct omk_check *c)
{
    static const struct {
        const char *path, *package;
        enum omk_check_level level;
        const char *what;
    } list[] = {
        {"/usr/sbin/useradd", "passwd", OMK_CHECK_ERROR,
         "makes customers' users"},
        {"/usr/sbin/userdel", "passwd", OMK_CHECK_ERROR,
         "deletes customers' users"},
        {"/usr/bin/tar", "tar", OMK_CHECK_ERROR, "archives who is removed"},
        {"/usr/bin/perl", "perl", OMK_CHECK_WARNING, "is promised to scripts"},
        {"/usr/sbin/sendmail", "postfix", OMK_CHECK_WARNING,
         "is promised to scripts"},
        {"/usr/bin/php", "php-cli", OMK_CHECK_WARNING,
         "is promised to scripts"},
        {"/usr/bin/php-cgi", "php-cgi", OMK_CHECK_WARNING,
         "runs PHP scripts that are named .cgi"},
        {"/usr/bin/nkf", "nkf", OMK_CHECK_WARNING, "is promised to scripts"},
        {"/usr/bin/htpasswd", "apache2-utils", OMK_CHECK_WARNING,
         "is promised to scripts"},
        {"/usr/bin/uuencode", "sharutils", OMK_CHECK_WARNING,
         "is promised to scripts"},
        {"/usr/bin/uudecode", "sharutils", OMK_CHECK_WARNING,
         "is promised to scripts"},
    };

    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        if (access(list[i].path, X_OK) != 0) {
            omk_check_say(
                c, list[i].level, ID_PROGRAM, list[i].path,
                apr_pstrcat(c->p, list[i].what, ", and is not there", NULL),
                apr_pstrcat(c->p, "apt install ", list[i].package, NULL));
        }
    }
    if (*c->n->phpmyadmin && access(c->n->phpmyadmin, F_OK) != 0) {
        omk_check_say(c, OMK_CHECK_WARNING, ID_PROGRAM, c->n->phpmyadmin,
                      "phpMyAdmin is not there",
                      "apt install phpmyadmin, or paths { phpmyadmin = \"\" }");
    }
    if (omk_ftp_is_here(c->n) && *c->n->proftpd_ftpaccess
        && !omk_ftp_has_ours(c->n)) {
        omk_check_say(c, OMK_CHECK_WARNING, ID_PROGRAM, c->n->proftpd_ftpaccess,
                      "there is no mod_ftpaccess.so: FTP runs without it, and "
                      "a wrong .ftpaccess shuts its customer out, or nobody",
                      "install it; paths { proftpd_ftpaccess }");
    }
    if (!omk_weblog_is_here(c->n)) {
        omk_check_say(c, OMK_CHECK_WARNING, ID_PROGRAM, c->n->libexec,
                      "omakase-weblog or mod_weblog is not there: httpd "
                      "writes the customers' logs itself, and they grow",
                      "install it with mod_weblog; paths { libexec modules }");
    }
}

void omk_check_node(apr_pool_t *p, const struct omk_node *n,
                    const struct omk_plan *plan, omk_check_found *found,
                    void *ctx)
{
    struct omk_check c = {p, n, plan, found, ctx};

    if (plan) {
        declared(&c);
    }
    daemons(&c);
    databases(&c);
    omk_check_ports(&c);
    omk_check_files(&c);
    users(&c);
    quotas(&c);
    programs(&c);
    omk_check_cgi(&c);
    omk_check_profile(&c);
}
