/* import: everything is read and understood before anything is written. */
#include "admin.h"
#include "admin_datafile.h"
#include "admin_files.h"
#include "admin_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

enum fate { NEW, RAISED, REPLACED, SAME, KEPT };

static const char *const fate_names[] = {
    [NEW] = "new",
    [RAISED] = "raised",
    [REPLACED] = "replaced",
    [SAME] = "same",
    [KEPT] = "kept, it is higher",
};

struct import {
    struct admin *a;
    struct counter_entries all;
    size_t problems;
    bool has_head;
    struct counter_json_head head; /* of the last export read */
    json_t *report;                /* with --json */
    size_t fates[sizeof fate_names / sizeof *fate_names];
};

static int problem(void *ctx, const struct omk_err *err)
{
    struct import *in = ctx;

    in->problems++;
    admin_warn(err->where, err->text);
    return OMK_OK; /* the others are looked at too */
}

static int file_problem(struct import *in, const struct counter_file *f,
                        const char *where, const char *text)
{
    struct omk_err err;
    char path[sizeof err.where];

    (void)snprintf(path, sizeof path, "%s%s%s", f->path, *where ? ":" : "",
                   where);
    (void)omk_fail(&err, OMK_EINVAL, path, "%s", text);
    return problem(in, &err);
}

/* --- reading ------------------------------------------------------------- */

static int add(struct import *in, struct counter_entry *e, const char *from)
{
    e->from = strdup(from);
    return e->from ? counter_entries_add(&in->all, e) : OMK_ENOMEM;
}

/* A data file's counter: --name, the customer of the host that it is named
 * after (perhaps with .dat), or without a configuration its own name. */
static int name_of(const struct import *in, const struct counter_file *f,
                   char *name, struct omk_err *err)
{
    const struct admin *a = in->a;
    const char *wanted = a->name ? a->name : f->name;
    size_t len = strlen(wanted);
    char host[COUNTER_DF_MAX + 1];
    int rc;

    if (a->has_conf && len < sizeof host) {
        rc = admin_name_of_host(&a->conf, wanted, name, err);
        if (rc == OMK_ENOENT && len > 4
            && strcmp(wanted + len - 4, ".dat") == 0) {
            (void)snprintf(host, sizeof host, "%.*s", (int)len - 4, wanted);
            rc = admin_name_of_host(&a->conf, host, name, err);
        }
        if (rc == OMK_OK) {
            return OMK_OK;
        }
    }
    if ((a->name || !a->has_conf) && counter_entry_is_name(wanted)) {
        strcpy(name, wanted); /* is_name: it fits */
        return OMK_OK;
    }
    return omk_fail(err, OMK_EINVAL, "", "%s",
                    a->has_conf ? "is not named after a host of the "
                                  "configuration's; say --name"
                                : "has a name that no counter can have; say "
                                  "--name");
}

static int add_datafile(struct import *in, const struct counter_file *f)
{
    struct counter_datafile data;
    struct counter_entry e = {.value.time = f->mtime};
    struct omk_err err;

    if (counter_datafile_parse(f->data, f->len, &data, &err) != OMK_OK
        || name_of(in, f, e.name, &err) != OMK_OK) {
        return file_problem(in, f, "", err.text);
    }
    e.value.count = data.count;
    memcpy(e.address, data.address, sizeof e.address);
    return add(in, &e, f->path);
}

static int add_export(struct import *in, const struct counter_file *f)
{
    size_t before = in->all.count;
    struct counter_json_head head;
    struct omk_err err;
    int rc;

    if (in->a->name) {
        return file_problem(in, f, "", "is an export; --name is for the data "
                                       "file of one counter");
    }
    rc = counter_json_read(f->data, f->len, &head, &in->all, &err);
    if (rc == OMK_ENOMEM) {
        return rc;
    }
    if (rc != OMK_OK) {
        return file_problem(in, f, err.where, err.text);
    }
    if (in->has_head
        && (head.key_id != in->head.key_id
            || head.visitors != in->head.visitors)) {
        in->all.count = before;
        return file_problem(in, f, "",
                            "has visitors of another key than the export "
                            "before it; import them one after the other");
    }
    in->has_head = true;
    in->head = head;
    for (size_t i = before; i < in->all.count; i++) {
        in->all.list[i].from = strdup(f->path);
        if (!in->all.list[i].from) {
            return OMK_ENOMEM;
        }
    }
    return OMK_OK;
}

static int add_file(void *ctx, const struct counter_file *f)
{
    size_t blanks = strspn(f->data, " \t\r\n");

    return f->data[blanks] == '{' || !*f->name ? add_export(ctx, f)
                                               : add_datafile(ctx, f);
}

static void told_double(void *ctx, const struct counter_entry *gone,
                        const struct counter_entry *stays)
{
    char *text;

    (void)ctx;
    if (asprintf(&text, "left out: %s goes to the counter %s too and is higher",
                 stays->from, stays->name)
        >= 0) {
        admin_warn(gone->from, text);
        free(text);
    }
}

/* --- writing ------------------------------------------------------------- */

static bool is_same(const struct counter_value *a,
                    const struct counter_value *b)
{
    return a->count == b->count && a->visitor == b->visitor
           && a->time == b->time && a->day == b->day && a->today == b->today
           && a->yesterday == b->yesterday;
}

/* Makes of what was read what is to be written; old: what is there, or NULL. */
static enum fate decide(const struct import *in, const struct counter_entry *e,
                        const struct counter_value *old,
                        struct counter_value *v)
{
    if (!old) {
        *v = e->value;
        return NEW;
    }
    *v = *old;
    if (in->a->force) {
        *v = e->value;
        return is_same(v, old) ? SAME : REPLACED;
    }
    if (e->value.count == old->count) {
        return SAME;
    }
    if (e->value.count < old->count) {
        return KEPT;
    }
    /* Who came since is the last visitor, and today's are today's. */
    v->count = e->value.count;
    v->visitor = old->visitor ? old->visitor : e->value.visitor;
    v->time = old->time > e->value.time ? old->time : e->value.time;
    return RAISED;
}

static void report(struct import *in, const struct counter_entry *e,
                   enum fate fate, const struct counter_value *old)
{
    in->fates[fate]++;
    if (in->report) {
        (void)json_array_append_new(
            in->report,
            json_pack("{s:o, s:I, s:s, s:o, s:o*}", "name",
                      admin_json_text(e->name), "count",
                      (json_int_t)e->value.count, "result",
                      fate == KEPT ? "kept" : fate_names[fate], "from",
                      admin_json_text(e->from), "was",
                      old ? json_integer((json_int_t)old->count) : NULL));
        return;
    }
    printf("%s %" PRIu64 " %s", e->name, e->value.count, fate_names[fate]);
    if (old && fate != SAME) {
        printf(" (%" PRIu64 ")", old->count);
    }
    printf(": ");
    admin_put_clean(stdout, e->from);
    (void)fputc('\n', stdout);
}

struct step {
    enum fate fate;
    bool written, existed;
    struct counter_value old, set;
};

/* Takes back what was written, but for counters that have counted since. */
static void undo_all(struct counter_store *s, const struct import *in,
                     const struct step *steps, size_t count)
{
    while (count-- > 0) {
        const char *name = in->all.list[count].name;
        struct counter_value now;

        if (!steps[count].written
            || counter_store_get(s, name, &now, NULL) != OMK_OK
            || now.count != steps[count].set.count) {
            continue;
        }
        /* What fails here has failed before it and is reported. */
        (void)(steps[count].existed
                   ? counter_store_set(s, name, &steps[count].old, NULL)
                   : counter_store_remove(s, name, NULL));
    }
}

static int take_step(const struct import *in, struct counter_store *s,
                     const struct counter_entry *e, struct step *step,
                     struct omk_err *err)
{
    int rc = s ? counter_store_get(s, e->name, &step->old, err) : OMK_ENOENT;

    if (rc != OMK_OK && rc != OMK_ENOENT) {
        return rc;
    }
    step->existed = rc == OMK_OK;
    step->fate = decide(in, e, step->existed ? &step->old : NULL, &step->set);
    if (in->a->dry_run || step->fate == SAME || step->fate == KEPT) {
        return OMK_OK;
    }
    rc = counter_store_set(s, e->name, &step->set, err);
    step->written = rc == OMK_OK;
    return rc;
}

/* s is NULL where a dry run has no store to look at. */
static int import_all(struct import *in, struct counter_store *s,
                      struct omk_err *err)
{
    size_t count = in->all.count;
    struct step *steps = calloc(count ? count : 1, sizeof *steps);
    int rc = steps ? OMK_OK : omk_fail(err, OMK_ENOMEM, "", "out of memory");

    for (size_t i = 0; rc == OMK_OK && i < count; i++) {
        rc = take_step(in, s, &in->all.list[i], &steps[i], err);
        if (rc != OMK_OK) {
            undo_all(s, in, steps, i);
        }
    }
    if (rc == OMK_OK && s && !in->a->dry_run) {
        rc = counter_store_sync(s, err);
    }
    for (size_t i = 0; rc == OMK_OK && i < count; i++) {
        report(in, &in->all.list[i], steps[i].fate,
               steps[i].existed ? &steps[i].old : NULL);
    }
    free(steps);
    return rc;
}

/* Addresses become visitors, and visitors under another key nobody: he may
 * count once more. */
static void set_visitors(struct import *in, const uint8_t *key)
{
    struct counter_visitors v = {.mode = admin_visitors(in->a)};
    size_t lost = 0;
    bool foreign;

    memcpy(v.key, key, sizeof v.key);
    foreign = in->has_head
              && (in->head.visitors != v.mode
                  || (v.mode == COUNTER_VISITOR_HASHED
                      && in->head.key_id != counter_json_key_id(key)));
    for (size_t i = 0; i < in->all.count; i++) {
        struct counter_entry *e = &in->all.list[i];

        if (*e->address) {
            e->value.visitor = counter_visitor(&v, e->address);
            lost += e->value.visitor == 0;
        }
        else if (foreign && e->value.visitor) {
            e->value.visitor = 0;
            lost++;
        }
    }
    if (lost) {
        char text[160];

        (void)snprintf(text, sizeof text,
                       "%zu counters do not know their last visitor (%s); he "
                       "may count once more",
                       lost, foreign ? "another key: copy STORE.key along"
                                     : "no IP address");
        admin_warn("", text);
    }
}

static int print_summary(struct import *in)
{
    if (in->report) {
        json_t *list = in->report;

        in->report = NULL;
        return admin_print_json(json_pack(
            "{s:b, s:I, s:o}", "dry_run", in->a->dry_run, "problems",
            (json_int_t)in->problems, "counters", list));
    }
    printf("%s%zu new, %zu raised, %zu replaced, %zu same, %zu kept\n",
           in->a->dry_run ? "dry run, nothing written: " : "", in->fates[NEW],
           in->fates[RAISED], in->fates[REPLACED], in->fates[SAME],
           in->fates[KEPT]);
    return EX_OK;
}

static int import_read(struct import *in)
{
    struct counter_store *s = NULL;
    struct omk_err err;
    int rc = admin_open(in->a, !in->a->dry_run, &s, &err);

    if (rc != OMK_OK && !(rc == OMK_ENOENT && in->a->dry_run)) {
        return admin_fail(&err);
    }
    if (s) {
        set_visitors(in, counter_store_key(s));
    }
    rc = import_all(in, s, &err);
    counter_store_close(s);
    if (rc != OMK_OK) {
        size_t len = strlen(err.text);

        (void)snprintf(err.text + len, sizeof err.text - len,
                       "; nothing is imported");
        return admin_fail(&err);
    }
    return print_summary(in);
}

static int import(struct import *in)
{
    const struct counter_files to = {add_file, problem, in};

    for (size_t i = 0; i < in->a->count; i++) {
        if (counter_files_read(in->a->args[i], &to) != OMK_OK) {
            return admin_no_memory();
        }
    }
    if (in->problems && !in->a->skip) {
        admin_warn("", "nothing is imported; mend what is named above, or say "
                       "--skip to leave it out");
        return EX_DATAERR;
    }
    if (in->a->name && in->all.count > 1) {
        admin_warn("--name", "is for one data file; there are more");
        return EX_USAGE;
    }
    counter_entries_unite(&in->all, told_double, in);
    return import_read(in);
}

int admin_import(struct admin *a)
{
    struct import in = {.a = a, .report = a->json ? json_array() : NULL};
    int rc;

    if (a->json && !in.report) {
        return admin_no_memory();
    }
    rc = import(&in);
    json_decref(in.report);
    counter_entries_free(&in.all);
    return rc;
}
