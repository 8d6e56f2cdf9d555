#include "admin_tag.h"

#include "design.h"
#include "err.h"
#include "render.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int no_memory(struct omk_err *err)
{
    return omk_fail(err, OMK_ENOMEM, "tag", "out of memory");
}

/* What may stand in a query's value as it is: no separator, no escape. */
static bool is_plain(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')
           || (c >= '0' && c <= '9') || strchr("-._~/:;,", c);
}

static void put_value(FILE *f, const char *s)
{
    for (; *s; s++) {
        if (is_plain(*s)) {
            (void)fputc(*s, f);
        }
        else {
            (void)fprintf(f, "%%%02X", (unsigned char)*s);
        }
    }
}

static void put_html(FILE *f, const char *s)
{
    for (; *s; s++) {
        switch (*s) {
        case '&':
            (void)fputs("&amp;", f);
            break;
        case '<':
            (void)fputs("&lt;", f);
            break;
        case '>':
            (void)fputs("&gt;", f);
            break;
        case '"':
            (void)fputs("&quot;", f);
            break;
        default:
            (void)fputc(*s, f);
        }
    }
}

static bool is_url(const char *s)
{
    if (s[0] != '/' && strncmp(s, "http://", 7) != 0
        && strncmp(s, "https://", 8) != 0) {
        return false;
    }
    for (; *s; s++) {
        if (*s <= ' ' || *s > '~' || strchr("?#|\"<>\\^`{}", *s)) {
            return false;
        }
    }
    return true;
}

/* "key=value|…" */
static char *make_query(const char *const *settings, size_t count)
{
    char *query = NULL;
    size_t len;
    FILE *f = open_memstream(&query, &len);

    if (!f) {
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        size_t key = strcspn(settings[i], "=");

        (void)fprintf(f, "%s%.*s=", i ? "|" : "", (int)key, settings[i]);
        put_value(f, settings[i] + key + 1);
    }
    if (fclose(f) != 0) {
        free(query);
        return NULL;
    }
    return query;
}

static int check_settings(const char *const *settings, size_t count,
                          struct omk_err *err)
{
    for (size_t i = 0; i < count; i++) {
        size_t key = strcspn(settings[i], "=");

        if (key == 0 || !settings[i][key]
            || strspn(settings[i], "abcdefghijklmnopqrstuvwxyz"
                                   "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
                   != key) {
            return omk_fail(err, OMK_EINVAL, settings[i],
                            "is not KEY=VALUE with a key of letters");
        }
    }
    return OMK_OK;
}

/* What will be drawn, or as wide as that. */
static void sample(const struct counter_query *q, int64_t now,
                   struct counter_text *text)
{
    text->len = 0;
    switch (q->display) {
    case COUNTER_SHOW_COUNTER:
    case COUNTER_SHOW_TODAY:
    case COUNTER_SHOW_YESTERDAY:
        counter_text_number(q, q->display == COUNTER_SHOW_COUNTER ? q->st : 0,
                            text);
        return;
    case COUNTER_SHOW_CLOCK:
    case COUNTER_SHOW_DATE:
    case COUNTER_SHOW_COUNTDOWN:
        counter_text_moment(q, (time_t)now, text);
        return;
    case COUNTER_SHOW_LIT:
        counter_text_lit(q, text);
        return;
    case COUNTER_SHOW_IMAGE:
    case COUNTER_SHOW_VERSION:
        return;
    }
}

static int measure(const struct counter_tag *t, const struct counter_query *q,
                   unsigned *width, unsigned *height, struct omk_err *err)
{
    const struct counter_design *design;
    struct counter_designs *designs;
    struct counter_text text;
    int rc;

    if (!q->sh) {
        *width = *height = 1;
        return OMK_OK;
    }
    rc = counter_designs_open(t->designs, &designs, err);
    if (rc != OMK_OK) {
        return rc;
    }
    rc = counter_designs_get(designs, q->dd, q->istrip, (time_t)t->now,
                             &design, err);
    if (rc == OMK_ENOENT) {
        (void)omk_fail(err, rc, "dd", "no such design in %s", t->designs);
    }
    if (rc == OMK_OK) {
        sample(q, t->now, &text);
        rc = counter_render_size(design, q, &text, t->images, width, height,
                                 err);
        counter_design_put(design);
    }
    counter_designs_close(designs);
    if (rc == OMK_OK) {
        *width /= q->scale;
        *height /= q->scale;
    }
    return rc;
}

static const char *standard_alt(const struct counter_query *q, bool japanese)
{
    switch (q->display) {
    case COUNTER_SHOW_CLOCK:
        return japanese ? "時刻" : "time";
    case COUNTER_SHOW_DATE:
        return japanese ? "日付" : "date";
    case COUNTER_SHOW_COUNTDOWN:
        return japanese ? "カウントダウン" : "countdown";
    case COUNTER_SHOW_LIT:
        return q->lit;
    case COUNTER_SHOW_COUNTER:
    case COUNTER_SHOW_TODAY:
    case COUNTER_SHOW_YESTERDAY:
    case COUNTER_SHOW_IMAGE:
    case COUNTER_SHOW_VERSION:
        break;
    }
    return japanese ? "アクセスカウンタ" : "access counter";
}

static char *make_tag(const struct counter_tag_result *r)
{
    char *tag = NULL;
    size_t len;
    FILE *f = open_memstream(&tag, &len);

    if (!f) {
        return NULL;
    }
    (void)fputs("<img src=\"", f);
    put_html(f, r->src);
    (void)fprintf(f, "\" width=\"%u\" height=\"%u\" alt=\"", r->width,
                  r->height);
    put_html(f, r->alt);
    (void)fputs("\">", f);
    if (fclose(f) != 0) {
        free(tag);
        return NULL;
    }
    return tag;
}

/* The query's own faults, and those of the keys that need others. */
static int check_query(const char *query, const struct counter_tag *t,
                       struct counter_query *q, struct omk_err *err)
{
    int rc = counter_query_parse(query, strlen(query), t->limits, q, err);

    if (rc != OMK_OK) {
        return rc;
    }
    if (q->format == COUNTER_JSON || q->format == COUNTER_TEXT
        || q->display == COUNTER_SHOW_VERSION) {
        return omk_fail(err, OMK_EINVAL,
                        q->display == COUNTER_SHOW_VERSION ? "display"
                                                           : "format",
                        "is nothing that an image tag shows");
    }
    if (!*q->df
        && (q->display == COUNTER_SHOW_COUNTER
            || q->display == COUNTER_SHOW_TODAY
            || q->display == COUNTER_SHOW_YESTERDAY)) {
        return omk_fail(err, OMK_EINVAL, "df", "is required: the domain of "
                                               "the site");
    }
    return OMK_OK;
}

static int fill(const struct counter_tag *t, const char *query,
                struct counter_tag_result *r, struct omk_err *err)
{
    struct counter_query q;
    int rc = check_query(query, t, &q, err);

    rc = rc == OMK_OK ? measure(t, &q, &r->width, &r->height, err) : rc;
    if (rc != OMK_OK) {
        return rc;
    }
    r->alt = strdup(t->alt ? t->alt : standard_alt(&q, t->japanese));
    if (!r->alt || asprintf(&r->src, "%s?%s", t->url, query) < 0) {
        r->src = NULL;
        return no_memory(err);
    }
    r->tag = make_tag(r);
    return r->tag ? OMK_OK : no_memory(err);
}

int counter_tag(const struct counter_tag *t, const char *const *settings,
                size_t count, struct counter_tag_result *out,
                struct omk_err *err)
{
    struct counter_tag_result r = {0};
    char *query;
    int rc;

    if (!is_url(t->url)) {
        return omk_fail(err, OMK_EINVAL, "url",
                        "must be a path such as /cgi-bin/Count.cgi, or begin "
                        "with http:// or https://");
    }
    rc = check_settings(settings, count, err);
    if (rc != OMK_OK) {
        return rc;
    }
    query = make_query(settings, count);
    if (!query) {
        return no_memory(err);
    }
    rc = fill(t, query, &r, err);
    free(query);
    if (rc != OMK_OK) {
        counter_tag_free(&r);
        return rc;
    }
    *out = r;
    return OMK_OK;
}

void counter_tag_free(struct counter_tag_result *r)
{
    free(r->tag);
    free(r->src);
    free(r->alt);
    memset(r, 0, sizeof *r);
}
