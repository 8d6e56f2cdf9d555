/* The commands of omakase-counter, but for import. */
#include "admin.h"
#include "admin_json.h"
#include "admin_tag.h"
#include "answer.h"
#include "effects.h"
#include "num.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>

static uint32_t local_today(void)
{
    return counter_local_day((int64_t)time(NULL));
}

/* --- list and show ------------------------------------------------------- */

static json_t *shown_json(const char *name, const struct counter_value *v)
{
    uint32_t day = local_today();

    return json_pack("{s:o, s:I, s:I, s:I, s:I}", "name", admin_json_text(name),
                     "count", (json_int_t)v->count, "today",
                     (json_int_t)counter_value_today(v, day), "yesterday",
                     (json_int_t)counter_value_yesterday(v, day), "time",
                     (json_int_t)v->time);
}

static int list_json(const struct counter_entries *all)
{
    json_t *list = json_array();

    for (size_t i = 0; list && i < all->count; i++) {
        if (json_array_append_new(
                list, shown_json(all->list[i].name, &all->list[i].value))
            != 0) {
            json_decref(list);
            list = NULL;
        }
    }
    return admin_print_json(list);
}

static int list_text(const struct counter_entries *all)
{
    uint32_t day = local_today();
    int width = 4;

    for (size_t i = 0; i < all->count; i++) {
        int len = (int)strlen(all->list[i].name);

        width = len > width ? len : width;
    }
    printf("%-*s %18s %10s %10s  %s\n", width, "NAME", "COUNT", "TODAY",
           "YESTERDAY", "CHANGED");
    for (size_t i = 0; i < all->count; i++) {
        const struct counter_entry *e = &all->list[i];
        char when[32];

        admin_time(e->value.time, when);
        admin_put_clean(stdout, e->name);
        printf("%*s %18" PRIu64 " %10" PRIu32 " %10" PRIu32 "  %s\n",
               width - (int)strlen(e->name), "", e->value.count,
               counter_value_today(&e->value, day),
               counter_value_yesterday(&e->value, day), when);
    }
    return EX_OK;
}

int admin_list(struct admin *a)
{
    struct counter_entries all = {0};
    struct counter_store *s;
    struct omk_err err;
    int rc = admin_open(a, false, &s, &err);

    if (rc != OMK_OK) {
        return admin_fail(&err);
    }
    rc = admin_collect(s, &all, &err);
    counter_store_close(s);
    if (rc != OMK_OK) {
        counter_entries_free(&all);
        return admin_fail(&err);
    }
    counter_entries_sort(&all, a->sort);
    rc = a->json ? list_json(&all) : list_text(&all);
    counter_entries_free(&all);
    return rc;
}

static int print_counter(const struct admin *a, const char *name,
                         const struct counter_value *v)
{
    uint32_t day = local_today();
    char when[32];

    if (a->json) {
        return admin_print_json(shown_json(name, v));
    }
    admin_time(v->time, when);
    printf("name:      %s\ncount:     %" PRIu64 "\ntoday:     %" PRIu32
           "\nyesterday: %" PRIu32 "\nchanged:   %s\n",
           name, v->count, counter_value_today(v, day),
           counter_value_yesterday(v, day), when);
    return EX_OK;
}

/* Opens the store and finds the counter that the first argument names. */
static int open_and_name(struct admin *a, bool create, struct counter_store **s,
                         char *name, struct omk_err *err)
{
    int rc = admin_open(a, create, s, err);

    if (rc != OMK_OK) {
        return rc;
    }
    rc = admin_name(a, *s, a->args[0], name, err);
    if (rc != OMK_OK) {
        counter_store_close(*s);
    }
    return rc;
}

int admin_show(struct admin *a)
{
    char name[COUNTER_NAME_MAX + 1];
    struct counter_value v;
    struct counter_store *s;
    struct omk_err err;
    int rc = open_and_name(a, false, &s, name, &err);

    if (rc != OMK_OK) {
        return admin_fail(&err);
    }
    rc = counter_store_get(s, name, &v, &err);
    counter_store_close(s);
    return rc == OMK_OK ? print_counter(a, name, &v) : admin_fail(&err);
}

/* --- set and reset ------------------------------------------------------- */

static int take_number(const char *what, const char *text, uint64_t max,
                       uint64_t *out, struct omk_err *err)
{
    int rc = omk_num_u64(text, strlen(text), 0, max, out);

    if (rc != OMK_OK) {
        return omk_fail(err, rc, what, "takes a number from 0 to %" PRIu64,
                        max);
    }
    return OMK_OK;
}

/* What of v the command line says. */
static int take_values(const struct admin *a, struct counter_value *v,
                       struct omk_err *err)
{
    uint64_t count, today, yesterday;
    uint32_t day = local_today();
    int rc = take_number("N", a->args[1], COUNTER_VALUE_MAX, &count, err);

    today = counter_value_today(v, day);
    yesterday = counter_value_yesterday(v, day);
    if (rc == OMK_OK && a->today) {
        rc = take_number("--today", a->today, UINT32_MAX, &today, err);
    }
    if (rc == OMK_OK && a->yesterday) {
        rc = take_number("--yesterday", a->yesterday, UINT32_MAX, &yesterday,
                         err);
    }
    if (rc == OMK_OK) {
        v->count = count;
        v->today = (uint32_t)today;
        v->yesterday = (uint32_t)yesterday;
        v->day = day;
        v->time = (int64_t)time(NULL);
    }
    return rc;
}

int admin_set(struct admin *a)
{
    char name[COUNTER_NAME_MAX + 1];
    struct counter_value v = {0};
    struct counter_store *s;
    struct omk_err err;
    int rc = take_values(a, &v, &err); /* before a store is made for nothing */

    if (rc != OMK_OK) {
        (void)admin_fail(&err);
        return EX_USAGE;
    }
    rc = open_and_name(a, a->create, &s, name, &err);
    if (rc != OMK_OK) {
        return admin_fail(&err);
    }
    memset(&v, 0, sizeof v);
    rc = counter_store_get(s, name, &v, &err);
    if (rc == OMK_ENOENT && !a->create) {
        (void)omk_fail(&err, rc, name,
                       "there is no such counter; --create makes it");
    }
    if (rc == OMK_OK || (rc == OMK_ENOENT && a->create)) {
        (void)take_values(a, &v, &err); /* checked above */
        rc = counter_store_set(s, name, &v, &err);
    }
    counter_store_close(s);
    return rc == OMK_OK ? print_counter(a, name, &v) : admin_fail(&err);
}

int admin_reset(struct admin *a)
{
    char name[COUNTER_NAME_MAX + 1];
    struct counter_value v = {0};
    struct counter_store *s;
    struct omk_err err;
    int rc = open_and_name(a, false, &s, name, &err);

    if (rc != OMK_OK) {
        return admin_fail(&err);
    }
    rc = counter_store_get(s, name, &v, &err);
    rc = rc == OMK_OK ? counter_store_remove(s, name, &err) : rc;
    counter_store_close(s);
    if (rc != OMK_OK) {
        return admin_fail(&err);
    }
    if (a->json) {
        return admin_print_json(json_pack("{s:o, s:I}", "name",
                                          admin_json_text(name), "was",
                                          (json_int_t)v.count));
    }
    printf("%s was %" PRIu64 "; its next visitor starts it at its tag's st\n",
           name, v.count);
    return EX_OK;
}

/* --- export -------------------------------------------------------------- */

int admin_export(struct admin *a)
{
    struct counter_json_head head = {.visitors = admin_visitors(a)};
    struct counter_entries all = {0};
    struct counter_store *s;
    struct omk_err err;
    int rc = admin_open(a, false, &s, &err);

    if (rc != OMK_OK) {
        return admin_fail(&err);
    }
    head.key_id = counter_json_key_id(counter_store_key(s));
    rc = admin_collect(s, &all, &err);
    counter_store_close(s);
    if (rc == OMK_OK) {
        counter_entries_sort(&all, COUNTER_BY_NAME);
        rc = counter_json_write(stdout, &head, &all);
        if (rc != OMK_OK) {
            (void)omk_fail(&err, rc, "", "out of memory");
        }
    }
    counter_entries_free(&all);
    return rc == OMK_OK ? EX_OK : admin_fail(&err);
}

/* --- verify and compact -------------------------------------------------- */

static void print_finding(void *ctx, const char *line)
{
    (void)ctx;
    admin_put_clean(stdout, line);
    (void)fputc('\n', stdout);
}

static void keep_finding(void *ctx, const char *line)
{
    (void)json_array_append_new(ctx, admin_json_text(line));
}

static void print_report(const struct admin *a,
                         const struct counter_store_report *r)
{
    printf("%s: %" PRIu64 " bytes, %" PRIu64 " counters of %" PRIu64
           " places, %" PRIu64 " removed\n",
           a->store, r->bytes, r->counters, r->capacity, r->removed);
    if (r->repaired || r->pages_repaired) {
        printf("mended from their twins: %" PRIu64 " records, %" PRIu64
               " page heads\n",
               r->repaired, r->pages_repaired);
    }
    if (r->pages_rebuilt) {
        printf("made anew: %" PRIu64 " of these page heads; counters may be "
               "missing, compare `list` with a backup or an export\n",
               r->pages_rebuilt);
    }
    if (r->recounted) {
        printf("counted again: the counters of %" PRIu64 " customers, for "
               "CounterMaxPerCustomer\n",
               r->recounted);
    }
    if (r->lost) {
        printf("lost: %" PRIu64 " counters; `import` a backup or an export, "
               "or `set` them\n",
               r->lost);
    }
}

static int print_report_json(const struct admin *a,
                             const struct counter_store_report *r, bool whole,
                             json_t *findings)
{
    return admin_print_json(json_pack(
        "{s:o, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "store",
        admin_json_text(a->store), "whole", whole, "bytes",
        (json_int_t)r->bytes, "counters", (json_int_t)r->counters, "capacity",
        (json_int_t)r->capacity, "removed", (json_int_t)r->removed, "repaired",
        (json_int_t)r->repaired, "pages_repaired",
        (json_int_t)r->pages_repaired, "pages_rebuilt",
        (json_int_t)r->pages_rebuilt, "lost", (json_int_t)r->lost, "recounted",
        (json_int_t)r->recounted, "findings", findings));
}

/* Nothing is or was missing. */
static bool is_whole(const struct counter_store_report *r)
{
    return r->lost == 0 && r->pages_rebuilt == 0;
}

int admin_verify(struct admin *a)
{
    struct counter_store_report report;
    struct counter_store *s;
    json_t *findings = json_array();
    struct omk_err err;
    int rc, printed = EX_OK;

    if (!findings) {
        return admin_no_memory();
    }
    rc = admin_open(a, false, &s, &err);
    if (rc != OMK_OK) {
        json_decref(findings);
        return admin_fail(&err);
    }
    rc = counter_store_verify(s, a->repair,
                              a->json ? keep_finding : print_finding, findings,
                              &report, &err);
    counter_store_close(s);
    if (rc != OMK_OK && rc != OMK_EDAMAGED) {
        json_decref(findings);
        return admin_fail(&err);
    }
    if (a->json) {
        printed = print_report_json(a, &report, rc == OMK_OK && is_whole(&report),
                                    findings);
    }
    else {
        json_decref(findings);
        print_report(a, &report);
    }
    if (rc != OMK_OK) {
        return admin_fail(&err);
    }
    return is_whole(&report) ? printed : EX_DATAERR;
}

static json_int_t size_of(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 ? (json_int_t)st.st_size : 0;
}

int admin_compact(struct admin *a)
{
    struct counter_store *s;
    json_int_t before, after;
    struct omk_err err;
    int rc = admin_open(a, false, &s, &err);

    if (rc != OMK_OK) {
        return admin_fail(&err);
    }
    before = size_of(a->store);
    rc = counter_store_compact(s, &err);
    counter_store_close(s);
    if (rc != OMK_OK) {
        return admin_fail(&err);
    }
    after = size_of(a->store);
    if (a->json) {
        return admin_print_json(json_pack("{s:o, s:I, s:I}", "store",
                                          admin_json_text(a->store),
                                          "bytes_before", before, "bytes",
                                          after));
    }
    printf("%s: %" JSON_INTEGER_FORMAT " bytes, was %" JSON_INTEGER_FORMAT "\n",
           a->store, after, before);
    return EX_OK;
}

/* --- tag ----------------------------------------------------------------- */

static const struct counter_query_limits *limits_for(const struct admin *a)
{
    static const char df[] = "df=";

    for (size_t i = 0; a->has_conf && i < a->setting_count; i++) {
        const char *host = a->settings[i] + sizeof df - 1;
        char name[COUNTER_NAME_MAX + 1];
        const struct counter_site *site;
        struct omk_err err;

        if (strncmp(a->settings[i], df, sizeof df - 1) != 0) {
            continue;
        }
        if (admin_name_of_host(&a->conf, host, name, &err) != OMK_OK) {
            admin_warn(host, "is no counter that the configuration serves; "
                             "Count.cgi will refuse this tag");
        }
        site = admin_site(&a->conf, host);
        return site ? &site->limits : &counter_site_default.limits;
    }
    return &counter_site_default.limits;
}

int admin_tag(struct admin *a)
{
    struct counter_tag t = {
        .url = a->url ? a->url : "/cgi-bin/Count.cgi",
        .designs = a->designs ? a->designs : a->conf.designs,
        .images = a->conf.images,
        .alt = a->alt,
        .japanese = a->lang && strcmp(a->lang, "ja") == 0,
        .limits = limits_for(a),
        .now = (int64_t)time(NULL)};
    struct counter_tag_result r;
    struct omk_err err;
    int rc;

    counter_effects_path(a->conf.effects);
    if (counter_tag(&t, (const char *const *)a->settings, a->setting_count, &r,
                    &err) != OMK_OK) {
        return admin_fail(&err);
    }
    if (a->json) {
        rc = admin_print_json(json_pack(
            "{s:o, s:o, s:i, s:i, s:o}", "tag", admin_json_text(r.tag), "src",
            admin_json_text(r.src), "width", (int)r.width, "height",
            (int)r.height, "alt", admin_json_text(r.alt)));
    }
    else {
        rc = puts(r.tag) < 0 ? EX_IOERR : EX_OK;
    }
    counter_tag_free(&r);
    return rc;
}
