#include "apply.h"

#include "audit.h"
#include "blame.h"
#include "daemon.h"
#include "ftp_users.h"
#include "generation.h"
#include "host.h"
#include "node.h"
#include "plan.h"
#include "run.h"

#include <apr_strings.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

struct work {
    apr_pool_t *p;
    const struct omk_node *node;
    const struct omk_apply_options *o;
    struct omk_plan *plan;
    struct omk_host *host;
    bool lacks_users; /* dry run: php-fpm's and ProFTPD's checks would miss
                         them */
    unsigned number;  /* of the generation being made */
    const char *dir;
    struct omk_files *files; /* what it holds */
    pid_t ending;            /* of a trial start that passed; 0: none */
};

static void say(const struct work *w, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void say(const struct work *w, const char *format, ...)
{
    va_list ap;

    if (w->o->say) {
        va_start(ap, format);
        w->o->say(w->o->ctx, apr_pvsprintf(w->p, format, ap));
        va_end(ap);
    }
}

static void say_waiting(void *ctx)
{
    say(ctx, "another omakase is at work; waiting for it");
}

/* --- checking a generation ---------------------------------------------------
 */

static int render_and_write(struct work *w, struct omk_err *err)
{
    int rc = omk_plan_render(w->plan, w->dir, &w->files, err);

    return rc ? rc
              : omk_generation_write(w->p, w->node, w->number, w->files,
                                     w->plan->current,
                                     w->plan->current ? w->plan->there : NULL,
                                     err);
}

/* Whether the daemon would read anything else than it does now. */
static bool is_affected(struct work *w, const struct omk_daemon *d)
{
    return strcmp(omk_fingerprint_of(w->p, w->files, d->name),
                  omk_fingerprint_of(w->p, w->plan->there, d->name))
           != 0;
}

static void end_trial(struct work *w)
{
    if (w->ending) {
        (void)omk_await_end(w->ending, 10);
        w->ending = 0;
    }
}

/* Looks at what lies in dir. OMK_EINVAL with what was printed. */
static int look_at(struct work *w, const struct omk_daemon *d,
                   const char **output, struct omk_err *err)
{
    const char *why, *tried, *checked;
    int rc;

    *output = "";
    if (!d->wanted(w->node, &why) || !is_affected(w, d) || !d->check
        || ((d == &omk_daemon_php || d == &omk_daemon_proftpd)
            && w->lacks_users)) {
        return OMK_OK;
    }
    if (!d->trial) {
        return d->check(w->p, w->node, w->dir, output, err);
    }
    /* A start reads all that the checker reads; the checker, asked where it
     * fails, has the better words. */
    end_trial(w);
    rc = d->trial(w->p, w->node, w->dir,
                  omk_fingerprint_of(w->p, w->files, d->name), &tried,
                  &w->ending, err);
    if (rc == OMK_EINVAL) {
        *output = tried;
        if (d->check(w->p, w->node, w->dir, &checked, NULL) == OMK_EINVAL) {
            *output = checked;
        }
    }
    return rc;
}

/* --- who is to blame, where the checker names nobody
 * -------------------------- */

static bool is_as_applied(const struct work *w,
                          const struct omk_customer_entry *e)
{
    const struct omk_customer_entry *was =
        omk_customers_find(w->plan->applied, e->login);
    const struct omk_customer *a = e->customer;
    const struct omk_customer *b = was ? was->customer : NULL;

    return a == b
           || (a && b && omk_customer_equal(a, b)
               && a->include.len == b->include.len
               && !memcmp(a->include.data ? a->include.data : "",
                          b->include.data ? b->include.data : "",
                          a->include.len));
}

struct suspect {
    struct omk_customer_entry *entry;
    const struct omk_customer *declared, *applied;
};

/* Whether the daemon fails with these suspects as declared, all others as
 * applied. */
static int fails_with(struct work *w, const struct omk_daemon *d,
                      struct suspect *all, size_t count, size_t from, size_t to,
                      bool *fails, struct omk_err *err)
{
    const char *output;
    int rc;

    for (size_t i = 0; i < count; i++) {
        all[i].entry->customer =
            i >= from && i < to ? all[i].declared : all[i].applied;
    }
    rc = render_and_write(w, err);
    if (rc == OMK_OK) {
        *fails = look_at(w, d, &output, NULL) != OMK_OK;
    }
    return rc;
}

/* Halves the suspects until one is left; [from, to) fails as a whole. */
static int find_guilty(struct work *w, const struct omk_daemon *d,
                       struct suspect *all, size_t count, size_t from,
                       size_t to, size_t *guilty, struct omk_err *err)
{
    while (to - from > 1) {
        size_t middle = from + (to - from) / 2;
        bool fails = false;
        int rc = fails_with(w, d, all, count, from, middle, &fails, err);

        if (rc) {
            return rc;
        }
        if (fails) {
            to = middle;
        }
        else {
            from = middle;
        }
    }
    *guilty = from;
    return OMK_OK;
}

static struct suspect *suspects_of(struct work *w, size_t *count)
{
    struct omk_customers *c = w->plan->customers;
    struct suspect *all = apr_pcalloc(w->p, (c->count + 1) * sizeof *all);

    *count = 0;
    for (size_t i = 0; i < c->count; i++) {
        struct omk_customer_entry *e = &c->entries[i];
        const struct omk_customer_entry *was;

        if (!e->customer || is_as_applied(w, e)) {
            continue;
        }
        was = omk_customers_find(w->plan->applied, e->login);
        all[(*count)++] =
            (struct suspect){e, e->customer, was ? was->customer : NULL};
    }
    return all;
}

/* OMK_OK and *who, or the node's own fault: OMK_EINVAL. */
static int bisect(struct work *w, const struct omk_daemon *d,
                  struct omk_customer_entry **who, struct omk_err *err)
{
    size_t count, guilty = 0;
    struct suspect *all = suspects_of(w, &count);
    bool fails = true;
    int rc = OMK_OK;

    say(w, "%s names nobody; looking for whose configuration it is", d->name);
    if (count) {
        rc = fails_with(w, d, all, count, 0, 0, &fails, err);
    }
    if (rc == OMK_OK && !fails) {
        rc = find_guilty(w, d, all, count, 0, count, &guilty, err);
    }
    for (size_t i = 0; i < count; i++) {
        all[i].entry->customer = all[i].declared;
    }
    if (rc) {
        return rc;
    }
    if (fails) {
        return OMK_EINVAL;
    }
    *who = all[guilty].entry;
    return OMK_OK;
}

/* --- a generation that passes
 * -------------------------------------------------- */

/* Takes the customer whose fault it is back; the node's own fault fails. */
static int take_back(struct work *w, const struct omk_daemon *d,
                     const char *output, const struct omk_err *failure,
                     struct omk_err *err)
{
    struct omk_customer_entry *e;
    struct omk_err why = {0};
    const char *login = omk_blame(w->p, w->node, w->dir, output, &why);
    int rc;

    e = login ? omk_customers_find(w->plan->customers, login) : NULL;
    if (!e || !e->customer || is_as_applied(w, e)) {
        rc = bisect(w, d, &e, err);
        if (rc == OMK_EINVAL) {
            return omk_fail(err, OMK_EINVAL, *why.where ? why.where : d->name,
                            "%s: %s", failure->text, why.text);
        }
        if (rc) {
            return rc;
        }
    }
    if (!*why.where) {
        (void)apr_cpystrn(
            why.where,
            apr_pstrcat(w->p, w->node->customers_dir, "/", e->login,
                        e->customer->include.data ? ".httpd.conf" : ".conf",
                        NULL),
            sizeof why.where);
    }
    why.code = OMK_EINVAL;
    omk_plan_hold(w->plan, e, &why);
    return OMK_OK;
}

static int look_at_all(struct work *w, bool *passed, struct omk_err *err)
{
    for (const struct omk_daemon *const *d = omk_daemons; *d; d++) {
        struct omk_err failure = {0};
        const char *output = "";
        int rc = look_at(w, *d, &output, &failure);

        if (rc == OMK_OK) {
            continue;
        }
        *passed = false;
        if (rc != OMK_EINVAL) {
            *err = failure;
            return rc;
        }
        return take_back(w, *d, output, &failure, err);
    }
    *passed = true;
    return OMK_OK;
}

static int make_generation(struct work *w, struct omk_err *err)
{
    bool passed = false;
    int rc = omk_generation_next(w->p, w->node, &w->number, err);

    w->dir = omk_generation_dir(w->p, w->node, w->number);
    while (rc == OMK_OK && !passed) {
        rc = render_and_write(w, err);
        if (rc == OMK_OK) {
            rc = look_at_all(w, &passed, err);
        }
    }
    if (rc) {
        (void)omk_generation_remove(w->p, w->node, w->number, NULL);
    }
    return rc;
}

/* Where ProFTPD does not run yet, its ports must be free. */
static int check_ftp_ports(struct work *w, struct omk_err *err)
{
    const struct omk_daemon *d = &omk_daemon_proftpd;
    const char *why;

    if (!d->wanted(w->node, &why) || omk_daemon_pid(w->p, w->node, d)) {
        return OMK_OK;
    }
    for (const char *const *l = w->node->ftp_listen; *l; l++) {
        int rc = omk_listen_is_free(*l, err);

        if (rc) {
            return omk_fail(err, rc, w->node->file, "ftp: listen %s: %s", *l,
                            err->text);
        }
    }
    return OMK_OK;
}

/* Ports that httpd does not listen on yet must be free. */
static int check_ports(struct work *w, struct omk_err *err)
{
    const struct omk_daemon *d = &omk_daemon_httpd;
    const struct omk_file *was = omk_files_find(w->plan->there, "httpd.conf");
    const char *why;

    if (!d->wanted(w->node, &why)) {
        return check_ftp_ports(w, err);
    }
    for (const char *const *l = w->node->listen; *l; l++) {
        const char *line = apr_pstrcat(w->p, "    Listen ", *l, "\n", NULL);
        int rc;

        if (was && strstr(was->data, line)
            && omk_daemon_pid(w->p, w->node, d)) {
            continue;
        }
        rc = omk_listen_is_free(*l, err);
        if (rc) {
            (void)apr_cpystrn(err->where, w->node->file, sizeof err->where);
            return omk_fail(err, rc, w->node->file, "httpd: listen %s: %s", *l,
                            err->text);
        }
    }
    return check_ftp_ports(w, err);
}

/* --- daemons
 * -------------------------------------------------------------------- */

/* Reloads what runs with another configuration than the files'. */
static int reload_daemons(struct work *w, const struct omk_files *files,
                          bool restart, struct omk_err *err)
{
    for (const struct omk_daemon *const *d = omk_daemons; *d; d++) {
        const char *fingerprint = omk_fingerprint_of(w->p, files, (*d)->name);
        char runs[OMK_SHA1_HEX + 1] = "";
        const char *why;
        int rc = OMK_OK;

        if (!(*d)->wanted(w->node, &why)) {
            continue;
        }
        if (!omk_daemon_pid(w->p, w->node, *d)) {
            if (restart) {
                rc = omk_daemon_start(w->p, w->node, *d, err);
            }
            else {
                say(w, "%s does not run: omakase start", (*d)->name);
            }
        }
        else if (!(*d)->reload_signal) {
            if (w->files && is_affected(w, *d)) {
                say(w, "%s has a new configuration from its next start on",
                    (*d)->name);
            }
        }
        else if ((*d)->probe(w->p, w->node, runs, NULL) != OMK_OK
                 || strcmp(runs, fingerprint) != 0) {
            say(w, "reloading %s", (*d)->name);
            rc = omk_daemon_reload(w->p, w->node, *d, fingerprint, err);
        }
        if (rc) {
            return rc;
        }
    }
    return OMK_OK;
}

/* Flips and reloads; on failure everything goes back to `before`. `files` are
 * those of the generation that it goes to. */
static int go_to(struct work *w, unsigned number, const struct omk_files *files,
                 unsigned before, const struct omk_files *files_before,
                 struct omk_err *err)
{
    int rc = number == before ? OMK_OK
                              : omk_generation_flip(w->p, w->node, number, err);

    if (rc) {
        return rc;
    }
    rc = reload_daemons(w, files, false, err);
    if (rc && before && number != before) {
        struct omk_err worse = {0};

        say(w, "%s: %s; going back to generation %u", err->where, err->text,
            before);
        if (omk_generation_flip(w->p, w->node, before, &worse)
            || reload_daemons(w, files_before, true, &worse)) {
            say(w, "going back: %s: %s", worse.where, worse.text);
        }
        omk_audit(w->node, "OMK0303",
                  "generation %u failed (%s: %s), back to "
                  "%u",
                  number, err->where, err->text, before);
    }
    return rc;
}

/* --- apply
 * ---------------------------------------------------------------------- */

static int apply_generation(struct work *w, bool *flipped, struct omk_err *err)
{
    bool differs = true;
    int rc = check_ports(w, err);

    *flipped = false;
    if (rc == OMK_OK) {
        rc = make_generation(w, err);
    }
    if (rc == OMK_OK && w->plan->held) {
        /* Everything that differed may have been held. */
        rc = omk_plan_differs(w->plan, &differs, err);
    }
    if (rc || w->o->dry_run || !differs) {
        if (w->number) {
            (void)omk_generation_remove(w->p, w->node, w->number, NULL);
        }
        return rc;
    }
    rc = omk_generation_complete(w->p, w->node, w->number, w->files, err);
    if (rc == OMK_OK) {
        rc = go_to(w, w->number, w->files, w->plan->current, w->plan->there,
                   err);
    }
    *flipped = rc == OMK_OK;
    return rc;
}

/* Whether the plan has anything for this customer; all customers are touched
 * when the node's defaults change. */
static bool is_planned(const struct omk_plan *plan, const char *login)
{
    for (int i = 0; i < plan->changes->nelts; i++) {
        const char *subject =
            APR_ARRAY_IDX(plan->changes, i, struct omk_change).subject;

        if (!strcmp(subject, login) || !strcmp(subject, "omakase.conf")) {
            return true;
        }
    }
    return false;
}

/* Users, trees, quotas, databases; who cannot have them is held. */
static void make_hosts(struct work *w)
{
    if (omk_host_no_databases(w->host) && *w->node->mariadbd) {
        say(w, "databases are left as they are: %s",
            omk_host_no_databases(w->host));
    }
    for (size_t i = 0; i < w->plan->customers->count; i++) {
        struct omk_customer_entry *e = &w->plan->customers->entries[i];
        struct omk_err err = {0};

        if (e->customer && is_planned(w->plan, e->login)
            && omk_host_make(w->host, e, &err)) {
            omk_plan_hold(w->plan, e, &err);
        }
    }
}

static int make_plan(struct work *w, struct omk_err *err)
{
    int rc = omk_plan_make(w->p, w->node, &w->plan, err);

    if (rc == OMK_OK) {
        rc = omk_host_open(w->p, w->node, &w->host, err);
    }
    if (rc == OMK_OK) {
        omk_host_plan(w->host, w->plan);
    }
    return rc;
}

static int apply_locked(struct work *w, struct omk_apply_result *out,
                        struct omk_err *err)
{
    bool flipped = false;
    int rc = make_plan(w, err);

    if (rc) {
        return rc;
    }
    out->plan = w->plan;
    out->generation = w->plan->current;
    if (w->plan->changes->nelts && !w->o->dry_run) {
        rc = omk_host_make_node(w->host, err);
        if (rc == OMK_OK) { /* ProFTPD's check wants them to be there */
            rc = omk_host_make_logins(w->host, w->plan->applied, err);
        }
        if (rc) {
            return rc;
        }
        make_hosts(w);
    }
    w->lacks_users = w->o->dry_run && omk_host_lacks_users(w->host, w->plan);
    if (w->plan->new_generation) {
        rc = apply_generation(w, &flipped, err);
    }
    if (rc || w->o->dry_run) {
        return rc;
    }
    rc = omk_host_make_logins(
        w->host, flipped ? w->plan->customers : w->plan->applied, err);
    if (rc) {
        return rc;
    }
    if (flipped) {
        out->generation = w->number;
        out->changed = true;
        omk_audit(w->node, "OMK0301",
                  "generation %u applied, %zu customers "
                  "held",
                  w->number, w->plan->held);
        return omk_generation_prune(w->p, w->node, err);
    }
    /* What an apply that was killed after its flip did not come to. */
    out->changed = w->plan->changes->nelts > 0 && !w->plan->new_generation;
    return reload_daemons(w, w->plan->there, false, err);
}

int omk_apply(apr_pool_t *p, const struct omk_node *n,
              const struct omk_apply_options *o, struct omk_apply_result *out,
              struct omk_err *err)
{
    struct work w = {.p = p, .node = n, .o = o};
    int fd = -1;
    int rc = omk_state_make(n, err);

    memset(out, 0, sizeof *out);
    if (rc == OMK_OK) {
        rc = omk_lock(n, say_waiting, &w, &fd, err);
    }
    if (rc == OMK_OK) {
        rc = apply_locked(&w, out, err);
        end_trial(&w);
    }
    if (fd >= 0) {
        close(fd);
    }
    return rc;
}

/* --- rollback
 * ------------------------------------------------------------------- */

static int find_target(struct work *w, unsigned current, unsigned *to,
                       struct omk_err *err)
{
    struct omk_generation *list;
    unsigned found = 0;
    size_t count;
    int rc = omk_generations_list(w->p, w->node, &list, &count, err);

    for (size_t i = 0; rc == OMK_OK && i < count; i++) {
        bool fits = *to ? list[i].number == *to : list[i].number < current;

        if (list[i].complete && fits) {
            found = list[i].number;
        }
    }
    if (rc) {
        return rc;
    }
    if (!found) {
        return omk_fail(err, OMK_ENOENT, "rollback",
                        *to ? "there is no complete generation %u"
                            : "there is no generation before the current one",
                        *to);
    }
    *to = found;
    return OMK_OK;
}

static int rollback_locked(struct work *w, unsigned to, unsigned *now,
                           struct omk_err *err)
{
    struct omk_plan here = {.p = w->p, .node = w->node};
    unsigned current = 0;
    int rc = omk_generation_current(w->node, &current, err);

    here.there = omk_files_new(w->p);
    w->plan = &here;
    if (rc && rc != OMK_EDAMAGED) { /* that is what it is there to mend */
        return rc;
    }
    rc = find_target(w, current, &to, err);
    if (rc == OMK_OK) {
        rc = omk_generation_read(w->p, w->node, to, &w->files, err);
    }
    if (rc == OMK_OK) {
        rc = omk_generation_mend(w->p, w->node, to, w->files, err);
    }
    if (rc == OMK_OK && current) {
        rc = omk_generation_read(w->p, w->node, current, &here.there, err);
    }
    w->dir = omk_generation_dir(w->p, w->node, to);
    for (const struct omk_daemon *const *d = omk_daemons; rc == OMK_OK && *d;
         d++) {
        const char *output = "";
        struct omk_err why = {0};

        rc = look_at(w, *d, &output, err);
        if (rc == OMK_EINVAL) {
            (void)omk_blame(w->p, w->node, w->dir, output, &why);
            (void)omk_fail(err, rc, *why.where ? why.where : (*d)->name,
                           "generation %u does not run here any more: %s", to,
                           why.text);
        }
    }
    if (rc == OMK_OK) {
        rc = go_to(w, to, w->files, current, here.there, err);
    }
    if (rc == OMK_OK) {
        rc = omk_ftp_users_refresh(w->p, w->node, err);
    }
    if (rc == OMK_OK) {
        *now = to;
        omk_audit(w->node, "OMK0302", "rolled back from generation %u to %u",
                  current, to);
    }
    return rc;
}

int omk_rollback(apr_pool_t *p, const struct omk_node *n, unsigned to,
                 const struct omk_apply_options *o, unsigned *now,
                 struct omk_err *err)
{
    struct work w = {.p = p, .node = n, .o = o};
    int fd;
    int rc = omk_lock(n, say_waiting, &w, &fd, err);

    if (rc == OMK_OK) {
        rc = rollback_locked(&w, to, now, err);
        end_trial(&w);
        close(fd);
    }
    return rc;
}
