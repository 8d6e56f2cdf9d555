#include "plan.h"

#include "daemon.h"
#include "diff.h"
#include "generation.h"
#include "node.h"

#include <apr_strings.h>
#include <string.h>

void omk_plan_add(struct omk_plan *plan, enum omk_change_kind kind,
                  const char *subject, const char *what, const char *detail)
{
    struct omk_change c = {kind, subject, what, detail};

    APR_ARRAY_PUSH(plan->changes, struct omk_change) = c;
}

const char *omk_change_kind_name(enum omk_change_kind kind)
{
    static const char *const names[] = {"add", "alter", "remove", "repair",
                                        "reload"};

    return names[kind];
}

/* --- customers that are wrong ----------------------------------------------
 */

static const struct omk_customer *as_applied(const struct omk_plan *plan,
                                             const char *login)
{
    const struct omk_customer_entry *e =
        omk_customers_find(plan->applied, login);

    return e ? e->customer : NULL;
}

/* Who is wrong falls back to what was applied. That can claim a name which
 * another has just taken over, so until nobody falls any more. */
static void fall_back(struct omk_plan *plan)
{
    bool fell;

    do {
        fell = false;
        for (size_t i = 0; i < plan->customers->count; i++) {
            struct omk_customer_entry *e = &plan->customers->entries[i];

            if (e->err.code && !e->customer) {
                e->customer = as_applied(plan, e->login);
                fell = fell || e->customer;
            }
        }
        omk_customers_settle(plan->p, plan->customers, plan->applied);
    } while (fell);
    plan->held = 0;
    for (size_t i = 0; i < plan->customers->count; i++) {
        plan->held += plan->customers->entries[i].err.code != 0;
    }
}

void omk_plan_hold(struct omk_plan *plan, struct omk_customer_entry *e,
                   const struct omk_err *why)
{
    e->err = *why;
    e->customer = NULL;
    fall_back(plan);
}

/* --- comparing with the current generation ----------------------------------
 */

static const char *text_of(const struct omk_files *files, const char *path)
{
    const struct omk_file *f = omk_files_find(files, path);

    return f ? f->data : "";
}

static bool has_sum(const struct omk_plan *plan, struct omk_file *f,
                    const struct omk_file *sum)
{
    struct omk_file *there =
        f->sum ? NULL : omk_files_find(plan->there, f->path);

    if (there != f && omk_file_same(f, there)) {
        f->sum = omk_file_sum(plan->p, there); /* which is asked for anyway */
    }
    return !memcmp(omk_file_sum(plan->p, f), sum->data, OMK_SHA1_HEX);
}

static const char *after(const char *path, const char *prefix)
{
    size_t len = strlen(prefix);

    return strncmp(path, prefix, len) ? NULL : path + len;
}

static const char *list_domains(apr_pool_t *p, const struct omk_customer *c)
{
    const char *list = "";

    for (size_t i = 0; c && i < c->domain_count; i++) {
        list = apr_pstrcat(p, list, i ? ", " : "", c->domains[i].name, NULL);
    }
    return list;
}

/* A difference between declared files: named after the file as the operator
 * knows it. `was` and `now` are NULL where there is none. */
static void source_differs(struct omk_plan *plan, const char *path,
                           const char *was, const char *now)
{
    apr_pool_t *p = plan->p;
    const char *file = after(path, "source/customers.d/");
    const char *detail = omk_diff(p, was ? was : "", now ? now : "");
    const char *login, *dot;

    if (!file && !plan->current) {
        return; /* all is new: one line says so */
    }
    if (!file) {
        omk_plan_add(plan, OMK_CHANGE_ALTER, after(path, "source/"),
                     was ? now ? "changed" : "removed" : "new",
                     was ? detail : "");
        return;
    }
    dot = strchr(file, '.');
    login = apr_pstrmemdup(p, file, (size_t)(dot - file));
    if (strcmp(dot, ".conf") != 0) {
        omk_plan_add(plan, OMK_CHANGE_ALTER, login,
                     apr_pstrcat(p, file,
                                 was ? now ? " changed" : " removed" : " new",
                                 NULL),
                     detail);
    }
    else if (!was) {
        const struct omk_customer_entry *e =
            omk_customers_find(plan->customers, login);

        omk_plan_add(plan, OMK_CHANGE_ADD, login,
                     apr_pstrcat(p, "new customer: ",
                                 list_domains(p, e ? e->customer : NULL), NULL),
                     "");
    }
    else if (!now) {
        omk_plan_add(plan, OMK_CHANGE_REMOVE, login,
                     "no longer declared: its site and PHP go, its files and "
                     "databases stay",
                     "");
    }
    else {
        omk_plan_add(plan, OMK_CHANGE_ALTER, login,
                     apr_pstrcat(p, file, " changed", NULL), detail);
    }
}

static bool is_source(const char *path)
{
    return after(path, "source/") != NULL;
}

/* What the declarations ask for against what was applied: sources are told one
 * by one, what follows from them is not. Returns whether anything differs. */
static bool compare_declared(struct omk_plan *plan,
                             const struct omk_files *files, bool tell)
{
    bool differs = false, source = false;

    for (size_t i = 0; i < files->count; i++) {
        struct omk_file *f = &files->list[i];
        const struct omk_file *sum = omk_files_find(plan->manifest, f->path);

        if (sum && has_sum(plan, f, sum)) {
            continue;
        }
        differs = true;
        if (is_source(f->path)) {
            source = true;
            if (tell) {
                source_differs(plan, f->path,
                               sum ? text_of(plan->there, f->path) : NULL,
                               f->data);
            }
        }
    }
    for (size_t i = 0; i < plan->manifest->count; i++) {
        const char *path = plan->manifest->list[i].path;

        if (omk_files_find(files, path)) {
            continue;
        }
        differs = true;
        if (is_source(path)) {
            source = true;
            if (tell) {
                source_differs(plan, path, text_of(plan->there, path), NULL);
            }
        }
    }
    if (differs && !source && tell) {
        omk_plan_add(plan, OMK_CHANGE_ALTER, "generation",
                     "rendered otherwise by this version of omakase", "");
    }
    return differs;
}

/* What lies there against its manifest: hand edits, losses, strangers. */
static bool compare_there(struct omk_plan *plan, bool tell)
{
    const char *dir = omk_generation_dir(plan->p, plan->node, plan->current);
    bool differs = false;

    for (size_t i = 0; i < plan->manifest->count; i++) {
        const struct omk_file *sum = &plan->manifest->list[i];
        struct omk_file *f = omk_files_find(plan->there, sum->path);

        if (f && has_sum(plan, f, sum)) {
            continue;
        }
        differs = true;
        if (tell) {
            omk_plan_add(plan, OMK_CHANGE_REPAIR,
                         apr_pstrcat(plan->p, dir, "/", sum->path, NULL),
                         f ? "changed by hand; will be written anew"
                           : "missing; will be written anew",
                         "");
        }
    }
    for (size_t i = 0; i < plan->there->count; i++) {
        const char *path = plan->there->list[i].path;

        if (!omk_files_find(plan->manifest, path)) {
            differs = true;
            if (tell) {
                omk_plan_add(plan, OMK_CHANGE_REPAIR,
                             apr_pstrcat(plan->p, dir, "/", path, NULL),
                             "put there by hand; will not be there any more",
                             "");
            }
        }
    }
    return differs;
}

static bool is_as_rendered(const struct omk_plan *plan)
{
    for (size_t i = 0; plan->rendered && i < plan->customers->count; i++) {
        if (plan->rendered_of[i] != plan->customers->entries[i].customer) {
            return false;
        }
    }
    return plan->rendered != NULL;
}

int omk_plan_render(struct omk_plan *plan, const char *dir,
                    struct omk_files **out, struct omk_err *err)
{
    const struct omk_customers *all = plan->customers;
    int rc;

    if (is_as_rendered(plan)) {
        return omk_render_elsewhere(plan->p, &plan->model, plan->rendered, dir,
                                    out, err);
    }
    rc = omk_render(plan->p, &plan->model, dir, out, err);
    if (rc) {
        return rc;
    }
    plan->rendered = *out;
    plan->rendered_of =
        apr_pcalloc(plan->p, (all->count + 1) * sizeof *plan->rendered_of);
    for (size_t i = 0; i < all->count; i++) {
        plan->rendered_of[i] = all->entries[i].customer;
    }
    return OMK_OK;
}

static int compare(struct omk_plan *plan, bool tell, bool *out,
                   struct omk_err *err)
{
    struct omk_files *files;
    bool declared, there;
    /* As if in current's place: the same directory in the entries. */
    int rc = omk_plan_render(
        plan, omk_generation_dir(plan->p, plan->node, plan->current), &files,
        err);

    if (rc) {
        return rc;
    }
    declared = compare_declared(plan, files, tell);
    there = plan->current && compare_there(plan, tell);
    *out = declared || there || !plan->current;
    return OMK_OK;
}

int omk_plan_differs(struct omk_plan *plan, bool *out, struct omk_err *err)
{
    return compare(plan, false, out, err);
}

/* --- daemons ----------------------------------------------------------------
 */

/* A reload that an apply which was killed did not come to. */
static void compare_daemons(struct omk_plan *plan)
{
    for (const struct omk_daemon *const *d = omk_daemons; *d; d++) {
        const char *applied =
            omk_fingerprint_of(plan->p, plan->there, (*d)->name);
        char runs[OMK_SHA1_HEX + 1];
        const char *why;

        if (!(*d)->reload_signal || !(*d)->wanted(plan->node, &why)
            || !omk_daemon_pid(plan->p, plan->node, *d)
            || (*d)->probe(plan->p, plan->node, runs, NULL)) {
            continue;
        }
        if (*applied && strcmp(runs, applied) != 0) {
            omk_plan_add(plan, OMK_CHANGE_RELOAD, (*d)->name,
                         apr_psprintf(plan->p,
                                      "runs another configuration than "
                                      "generation %u",
                                      plan->current),
                         "");
        }
    }
}

/* --- the whole --------------------------------------------------------------
 */

static int load_current(struct omk_plan *plan, struct omk_err *err)
{
    apr_pool_t *p = plan->p;
    const struct omk_node *n = plan->node;
    int rc = omk_generation_current(n, &plan->current, err);

    plan->manifest = omk_files_new(p);
    plan->there = omk_files_new(p);
    if (rc || !plan->current) {
        plan->applied = apr_pcalloc(p, sizeof *plan->applied);
        return rc;
    }
    /* Without its manifest everything there is a stranger's. */
    rc = omk_generation_manifest(p, n, plan->current, &plan->manifest, err);
    if (rc && rc != OMK_ENOENT && rc != OMK_EDAMAGED) {
        return rc;
    }
    rc = omk_generation_read(p, n, plan->current, &plan->there, err);
    if (rc == OMK_OK) {
        plan->applied = omk_customers_of(
            p, n, plan->there, "source/customers.d/",
            apr_pstrcat(p, omk_generation_dir(p, n, plan->current),
                        "/source/customers.d", NULL),
            plan->customers);
    }
    return rc;
}

int omk_plan_make(apr_pool_t *p, const struct omk_node *n,
                  struct omk_plan **out, struct omk_err *err)
{
    struct omk_plan *plan = apr_pcalloc(p, sizeof *plan);
    int rc;

    plan->p = p;
    plan->node = n;
    plan->changes = apr_array_make(p, 16, sizeof(struct omk_change));
    rc = omk_customers_load(p, n, n->customers_dir, &plan->customers, err);
    if (rc == OMK_OK) {
        rc = load_current(plan, err);
    }
    if (rc == OMK_OK) {
        plan->model.node = n;
        plan->model.customers = plan->customers;
        rc = omk_model_inputs(p, n, &plan->model.inputs, err);
    }
    if (rc) {
        return rc;
    }
    fall_back(plan);
    rc = compare(plan, true, &plan->new_generation, err);
    if (rc) {
        return rc;
    }
    if (!plan->current) {
        omk_plan_add(plan, OMK_CHANGE_ADD, "generation", "the first", "");
    }
    compare_daemons(plan);
    *out = plan;
    return OMK_OK;
}
