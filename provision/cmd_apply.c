/* plan, apply, rollback, generations. */
#include "cmd.h"

#include "apply.h"
#include "generation.h"
#include "host.h"
#include "node.h"
#include "num.h"
#include "plan.h"

#include <apr_strings.h>
#include <stdio.h>
#include <string.h>

static void print_line(void *ctx, const char *line)
{
    (void)ctx;
    (void)fprintf(stderr, "omakase: %s\n", line);
}

void omk_cmd_apply_options(struct omk_cmd *c, struct omk_apply_options *o)
{
    memset(o, 0, sizeof *o);
    o->dry_run = c->dry_run;
    o->say = print_line;
}

void omk_cmd_print_held(const struct omk_plan *plan)
{
    for (size_t i = 0; i < plan->customers->count; i++) {
        const struct omk_customer_entry *e = &plan->customers->entries[i];

        if (e->err.code) {
            (void)fprintf(stderr, "omakase: %s is %s: %s: %s\n", e->login,
                          e->customer ? "held as last applied" : "left out",
                          e->err.where, e->err.text);
        }
    }
}

json_t *omk_cmd_json_held(const struct omk_plan *plan)
{
    json_t *list = json_array();

    for (size_t i = 0; i < plan->customers->count; i++) {
        const struct omk_customer_entry *e = &plan->customers->entries[i];

        if (e->err.code) {
            (void)json_array_append_new(
                list, json_pack("{s:s, s:b, s:s, s:s}", "login", e->login,
                                "applied_before", e->customer != NULL, "where",
                                e->err.where, "reason", e->err.text));
        }
    }
    return list;
}

int omk_cmd_plan(struct omk_cmd *c, struct omk_plan **out, struct omk_err *err)
{
    struct omk_host *host;
    int rc = omk_plan_make(c->p, c->node, out, err);

    if (rc == OMK_OK) {
        rc = omk_host_open(c->p, c->node, &host, err);
    }
    if (rc == OMK_OK) {
        omk_host_plan(host, *out);
        omk_host_close(host);
    }
    return rc;
}

/* --- plan -------------------------------------------------------------------
 */

static json_t *json_changes(const struct omk_plan *plan)
{
    json_t *list = json_array();

    for (int i = 0; i < plan->changes->nelts; i++) {
        const struct omk_change *c =
            &APR_ARRAY_IDX(plan->changes, i, struct omk_change);

        (void)json_array_append_new(
            list, json_pack("{s:s, s:s, s:s, s:s}", "kind",
                            omk_change_kind_name(c->kind), "subject",
                            c->subject, "what", c->what, "detail", c->detail));
    }
    return list;
}

static void print_change(const struct omk_change *c)
{
    static const char marks[] = "+~-!*";

    (void)printf("%c %-16s %s\n", marks[c->kind], c->subject, c->what);
    for (const char *s = c->detail; *s;) {
        size_t len = strcspn(s, "\n");

        (void)printf("    %.*s\n", (int)len, s);
        s += len + (s[len] == '\n');
    }
}

static int plan(struct omk_cmd *c)
{
    struct omk_plan *plan;
    struct omk_err err = {0};
    int changes;

    if (omk_cmd_plan(c, &plan, &err)) {
        (void)omk_cmd_error(&err);
        return OMK_EX_FAILED;
    }
    changes = plan->changes->nelts;
    if (c->json) {
        omk_cmd_json(json_pack(
            "{s:i, s:o, s:o}", "generation", (int)plan->current, "changes",
            json_changes(plan), "held", omk_cmd_json_held(plan)));
    }
    else {
        for (int i = 0; i < changes; i++) {
            print_change(&APR_ARRAY_IDX(plan->changes, i, struct omk_change));
        }
        omk_cmd_print_held(plan);
    }
    if (!c->exit_code) {
        return OMK_EX_OK;
    }
    return plan->held ? OMK_EX_FAILED : changes ? OMK_EX_DIFFERS : OMK_EX_OK;
}

/* --- apply ------------------------------------------------------------------
 */

static int apply(struct omk_cmd *c)
{
    struct omk_apply_options o;
    struct omk_apply_result r;
    struct omk_err err = {0};
    int rc;

    omk_cmd_apply_options(c, &o);
    rc = omk_apply(c->p, c->node, &o, &r, &err);
    if (rc) {
        (void)omk_cmd_error(&err);
        return OMK_EX_FAILED;
    }
    if (c->json) {
        omk_cmd_json(json_pack("{s:i, s:b, s:o, s:o}", "generation",
                               (int)r.generation, "changed", r.changed,
                               "changes", json_changes(r.plan), "held",
                               omk_cmd_json_held(r.plan)));
    }
    else {
        omk_cmd_print_held(r.plan);
        (void)printf(c->dry_run  ? "would pass; generation %u stays\n"
                     : r.changed ? "generation %u applied\n"
                                 : "nothing to do; generation %u holds\n",
                     r.generation);
    }
    return r.plan->held ? OMK_EX_HELD : OMK_EX_OK;
}

/* --- rollback, generations ---------------------------------------------------
 */

static int rollback(struct omk_cmd *c)
{
    struct omk_apply_options o;
    struct omk_err err = {0};
    uint64_t to = 0;
    unsigned now = 0;

    if (c->argc
        && omk_num_u64(c->argv[0], strlen(c->argv[0]), 1, 999999999, &to)) {
        (void)fprintf(stderr, "omakase: rollback: expected the number of a "
                              "generation; see omakase generations\n");
        return OMK_EX_USAGE;
    }
    omk_cmd_apply_options(c, &o);
    if (omk_rollback(c->p, c->node, (unsigned)to, &o, &now, &err)) {
        (void)omk_cmd_error(&err);
        return OMK_EX_FAILED;
    }
    if (c->json) {
        omk_cmd_json(json_pack("{s:i}", "generation", (int)now));
        return OMK_EX_OK;
    }
    (void)printf("generation %u holds; customers.d is as it was: see omakase "
                 "plan\n",
                 now);
    return OMK_EX_OK;
}

static int generations(struct omk_cmd *c)
{
    struct omk_generation *list;
    struct omk_err err = {0};
    json_t *all = json_array();
    size_t count;

    if (omk_generations_list(c->p, c->node, &list, &count, &err)) {
        json_decref(all);
        return omk_cmd_error(&err);
    }
    for (size_t i = 0; i < count; i++) {
        const struct omk_generation *g = &list[i];
        char when[APR_RFC822_DATE_LEN] = "";

        if (g->complete) {
            (void)apr_rfc822_date(when, g->made);
        }
        if (c->json) {
            (void)json_array_append_new(
                all, json_pack("{s:i, s:b, s:b, s:i}", "number", (int)g->number,
                               "current", g->current, "complete", g->complete,
                               "made", (int)apr_time_sec(g->made)));
        }
        else {
            (void)printf("%s %6u  %s\n", g->current ? "*" : " ", g->number,
                         g->complete ? when : "not complete");
        }
    }
    if (c->json) {
        omk_cmd_json(all);
    }
    else {
        json_decref(all);
    }
    return OMK_EX_OK;
}

const struct omk_command omk_commands_apply[] = {
    {"plan", "", "what an apply would change",
     "  --exit-code  0: nothing to do; 2: changes; 1: an error, or customers\n"
     "               that are wrong\n",
     0, 0, plan},
    {"apply", "", "make it so",
     "  --dry-run    render and check, change nothing\n"
     "Exit code 0: applied or nothing to do; 1: nothing was applied; 3: "
     "applied,\n"
     "but customers whose files are wrong are held as they were.\n",
     0, 0, apply},
    {"rollback", "[N]", "go back to generation N, or to the one before", "", 0,
     1, rollback},
    {"generations", "", "list them; * marks the current one", "", 0, 0,
     generations},
    {0},
};
