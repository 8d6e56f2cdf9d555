/* start, stop, status, check. */
#include "cmd.h"

#include "check.h"
#include "daemon.h"
#include "generation.h"
#include "host.h"
#include "node.h"
#include "plan.h"
#include "status.h"

#include <apr_strings.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The daemons that a command line names; all without a name. */
static bool is_meant(const struct omk_cmd *c, const struct omk_daemon *d)
{
    for (int i = 0; i < c->argc; i++) {
        if (!strcmp(c->argv[i], d->name)) {
            return true;
        }
    }
    return c->argc == 0;
}

static int names_are_known(const struct omk_cmd *c)
{
    for (int i = 0; i < c->argc; i++) {
        if (!omk_daemon_find(c->argv[i])) {
            (void)fprintf(stderr, "omakase: there is no daemon '%s'\n",
                          c->argv[i]);
            return OMK_EX_USAGE;
        }
    }
    return OMK_EX_OK;
}

static int start(struct omk_cmd *c)
{
    struct omk_err err = {0};
    unsigned current = 0;
    int code = names_are_known(c);
    int rc = code ? 0 : omk_state_make(c->node, &err);
    int lock = -1;

    if (code) {
        return code;
    }
    /* Two at once would start everything twice. */
    if (rc == OMK_OK) {
        rc = omk_lock(c->node, NULL, NULL, &lock, &err);
    }
    if (rc == OMK_OK) {
        rc = omk_generation_current(c->node, &current, &err);
    }
    if (rc == OMK_OK && !current) {
        rc = omk_fail(&err, OMK_EBUSY, "start",
                      "nothing is applied yet: omakase apply");
    }
    for (size_t i = 0; rc == OMK_OK && omk_daemons[i]; i++) {
        const struct omk_daemon *d = omk_daemons[i];
        const char *why;
        int started;

        if (!is_meant(c, d)) {
            continue;
        }
        if (!d->wanted(c->node, &why)) {
            (void)fprintf(stderr, "omakase: %s is not started: %s\n", d->name,
                          why);
            continue;
        }
        started = omk_daemon_start(c->p, c->node, d, &err);
        if (started != OMK_OK) {
            (void)omk_cmd_error(&err); /* the others are not held up by it */
            code = OMK_EX_UNAVAILABLE;
        }
        else if (!c->json) {
            (void)printf("%s runs, pid %ld\n", d->name,
                         (long)omk_daemon_pid(c->p, c->node, d));
        }
    }
    if (lock >= 0) {
        close(lock);
    }
    if (rc) {
        (void)omk_cmd_error(&err);
        return OMK_EX_UNAVAILABLE;
    }
    return code;
}

static int stop(struct omk_cmd *c)
{
    struct omk_err err = {0};
    int code = names_are_known(c);
    size_t count = 0;

    while (omk_daemons[count]) {
        count++;
    }
    for (size_t i = count; code == OMK_EX_OK && i-- > 0;) {
        const struct omk_daemon *d = omk_daemons[i];
        const char *why;
        bool forced;

        if (!is_meant(c, d) || !d->wanted(c->node, &why)
            || !omk_daemon_is_there(c->p, c->node, d)) {
            continue;
        }
        if (omk_daemon_stop(c->p, c->node, d, &forced, &err)) {
            code = omk_cmd_error(&err);
        }
        else if (!c->json) {
            (void)printf("%s stopped%s\n", d->name, forced ? ", by force" : "");
        }
    }
    return code;
}

/* --- status ------------------------------------------------------------------
 */

static const char *const state_names[] = {
    [OMK_DAEMON_RUNS] = "runs",
    [OMK_DAEMON_OTHER] = "runs with another configuration",
    [OMK_DAEMON_SILENT] = "runs, does not answer",
    [OMK_DAEMON_DOWN] = "does not run",
    [OMK_DAEMON_ABSENT] = "is not here",
};

struct drift {
    struct omk_cmd *c;
    json_t *list;
    size_t count;
};

static void drifted(void *ctx, const char *what)
{
    struct drift *d = ctx;

    d->count++;
    (void)json_array_append_new(d->list, json_string(what));
    if (!d->c->json) {
        (void)printf("! %s\n", what);
    }
}

static void daemon_states(struct omk_cmd *c, const struct omk_plan *plan,
                          json_t *out)
{
    for (const struct omk_daemon *const *d = omk_daemons; *d; d++) {
        pid_t pid;
        enum omk_daemon_state s =
            omk_status_daemon(c->p, c->node, plan, *d, &pid);

        (void)json_object_set_new(
            out, (*d)->name,
            json_pack("{s:s, s:i}", "state", state_names[s], "pid", (int)pid));
        if (!c->json) {
            (void)printf("%-10s %s", (*d)->name, state_names[s]);
            (void)printf(pid ? ", pid %ld\n" : "\n", (long)pid);
        }
    }
}

static int status(struct omk_cmd *c)
{
    struct drift drift = {.c = c, .list = json_array()};
    json_t *daemons = json_object();
    struct omk_plan *plan;
    struct omk_err err = {0};

    if (omk_cmd_plan(c, &plan, &err)) {
        json_decref(drift.list);
        json_decref(daemons);
        (void)omk_cmd_error(&err);
        return OMK_EX_FAILED;
    }
    if (!c->json) {
        (void)printf("generation %u\n", plan->current);
    }
    daemon_states(c, plan, daemons);
    for (int i = 0; i < plan->changes->nelts; i++) {
        const struct omk_change *ch =
            &APR_ARRAY_IDX(plan->changes, i, struct omk_change);

        drifted(&drift, apr_psprintf(c->p, "%s: %s", ch->subject, ch->what));
    }
    omk_status_state(c->p, c->node, drifted, &drift);
    if (c->json) {
        omk_cmd_json(json_pack("{s:i, s:o, s:o, s:o}", "generation",
                               (int)plan->current, "daemons", daemons, "drift",
                               drift.list, "held", omk_cmd_json_held(plan)));
    }
    else {
        omk_cmd_print_held(plan);
        json_decref(daemons);
        json_decref(drift.list);
    }
    return drift.count || plan->held ? OMK_EX_DIFFERS : OMK_EX_OK;
}

/* --- check -------------------------------------------------------------------
 */

struct checked {
    struct omk_cmd *c;
    json_t *list;
    size_t count[3]; /* by level */
};

static void print_finding(void *ctx, const struct omk_finding *f)
{
    struct checked *k = ctx;
    const char *level = omk_check_level_name(f->level);

    k->count[f->level]++;
    if (!k->c->json) {
        (void)printf("%-7s %s %s: %s; %s\n", level, f->id, f->where, f->what,
                     f->todo);
        return;
    }
    (void)json_array_append_new(
        k->list, json_pack("{s:s, s:s, s:s, s:s, s:s}", "level", level, "id",
                           f->id, "where", f->where, "what", f->what, "todo",
                           f->todo));
}

static int check(struct omk_cmd *c)
{
    struct checked k = {.c = c, .list = json_array()};
    struct omk_plan *plan = NULL;
    struct omk_err err = {0};

    if (omk_cmd_plan(c, &plan, &err)) {
        struct omk_finding f = {OMK_CHECK_ERROR, "OMK0310", err.where, err.text,
                                "nothing can be applied before that"};

        plan = NULL;
        print_finding(&k, &f);
    }
    omk_check_node(c->p, c->node, plan, print_finding, &k);
    if (c->json) {
        omk_cmd_json(json_pack(
            "{s:o, s:i, s:i}", "findings", k.list, "errors",
            (int)k.count[OMK_CHECK_ERROR], "warnings",
            (int)k.count[OMK_CHECK_WARNING]));
    }
    else {
        json_decref(k.list);
    }
    return k.count[OMK_CHECK_ERROR]     ? OMK_EX_FAILED
           : k.count[OMK_CHECK_WARNING] ? OMK_EX_DIFFERS
                                        : OMK_EX_OK;
}

const struct omk_command omk_commands_node[] = {
    {"status", "", "what is not as it was applied, and what runs",
     "Exit code 0: all is as applied; 2: something is not; 1: an error.\n", 0,
     0, status},
    {"check", "", "look at the whole node: what is wrong, missing or open",
     "Files, daemons, ports, permissions, users, quotas, programs, TLS: a line\n"
     "each, with what to do; numbers as in the operator's guide.\n"
     "Exit code 0: nothing but notes; 2: warnings; 1: an error.\n",
     0, 0, check},
    {"start", "[DAEMON...]", "start the daemons, where no init system does",
     "DAEMON: mariadb, php-fpm, httpd. Nothing to do for one that runs.\n", 0,
     8, start},
    {"stop", "[DAEMON...]", "end them", "", 0, 8, stop},
    {0},
};
