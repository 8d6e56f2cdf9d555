#include "answer.h"

#include "query.h"
#include "text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* One request on its way. */
struct turn {
    const struct counter_engine *engine;
    const struct counter_request *request;
    const struct counter_alloc *alloc;
    struct counter_response *response;
    struct counter_query q;
    const struct counter_design *design; /* once it is known */
    struct counter_value value;          /* of a counter */
    uint32_t day;
};

uint32_t counter_local_day(int64_t now)
{
    time_t t = (time_t)now;
    struct tm local;

    if (!localtime_r(&t, &local)) {
        return (uint32_t)(now / 86400);
    }
    return (uint32_t)((now + local.tm_gmtoff) / 86400);
}

/* --- bodies ------------------------------------------------------------- */

static void set_text(struct turn *t, const char *type, const char *text,
                     size_t len)
{
    struct counter_image *body = &t->response->body;

    body->data = t->alloc->alloc(t->alloc->ctx, len);
    if (!body->data) {
        t->response->status = 503;
        return;
    }
    memcpy(body->data, text, len);
    body->len = len;
    body->type = type;
}

/* What went wrong, for the visitor: an image, or JSON or text where that was
 * asked for. clause is ASCII and says nothing of the server. */
static void fail_request(struct turn *t, int status, const char *what,
                         const char *clause)
{
    char line[160], json[200];

    t->response->status = status;
    (void)snprintf(line, sizeof line, "%s%s%s", what, *what ? " " : "",
                   clause);
    switch (t->q.format) {
    case COUNTER_JSON:
        /* No quote and no backslash comes out of query.c or from here. */
        (void)snprintf(json, sizeof json, "{\"error\":\"%s\"}\n", line);
        set_text(t, "application/json", json, strlen(json));
        return;
    case COUNTER_TEXT:
        (void)snprintf(json, sizeof json, "%s\n", line);
        set_text(t, "text/plain; charset=us-ascii", json, strlen(json));
        return;
    case COUNTER_GIF:
    case COUNTER_PNG:
    case COUNTER_SVG:
        break;
    }
    if (counter_render_message(t->q.format, line, t->alloc,
                               &t->response->body)
        != OMK_OK) {
        t->response->status = 503;
    }
}

/* What cannot be drawn is the query's fault (400) or the server's (503, and a
 * line in its log). */
static bool is_drawn(struct turn *t, int rc, const struct omk_err *err)
{
    if (rc == OMK_EINVAL || rc == OMK_ERANGE) {
        fail_request(t, 400, err->where, err->text);
    }
    else if (rc != OMK_OK) {
        t->response->log = *err;
        fail_request(t, 503, "", "this image cannot be drawn");
    }
    return rc == OMK_OK;
}

/* The design that q asks for, kept until the end of the turn; false when the
 * answer has been given already. */
static bool take_design(struct turn *t, const struct counter_query *q)
{
    struct omk_err err = {0};
    int rc;

    if (t->design) {
        return true;
    }
    rc = counter_designs_get(t->engine->designs, q->dd, q->istrip,
                             (time_t)t->request->now, &t->design, &err);
    if (rc == OMK_ENOENT) {
        fail_request(t, 400, "dd", "no such design");
        return false;
    }
    if (rc != OMK_OK) {
        t->response->log = err;
        fail_request(t, 503, "dd", "this design cannot be used");
        return false;
    }
    if (err.code) {
        t->response->log = err; /* its new file is broken, the old one goes on */
    }
    return true;
}

static void draw(struct turn *t, const struct counter_query *q,
                 const struct counter_text *text)
{
    struct omk_err err = {0};

    if (take_design(t, q)) {
        (void)is_drawn(t,
                       counter_render(t->design, q, text,
                                      t->engine->images_dir, t->alloc,
                                      &t->response->body, &err),
                       &err);
    }
}

/* Looks, before anything is counted, whether the number can be drawn: a tag
 * with a mistake in it counts nothing. */
static bool can_draw_number(struct turn *t)
{
    struct counter_text text;
    struct omk_err err = {0};
    unsigned width, height;

    if (!t->q.sh || t->q.format == COUNTER_JSON
        || t->q.format == COUNTER_TEXT) {
        return true;
    }
    counter_text_number(&t->q, t->q.st, &text);
    return take_design(t, &t->q)
           && is_drawn(t,
                       counter_render_size(t->design, &t->q, &text,
                                           t->engine->images_dir, &width,
                                           &height, &err),
                       &err);
}

static void draw_blank(struct turn *t)
{
    if (counter_render_blank(t->q.format, t->alloc, &t->response->body)
        != OMK_OK) {
        t->response->status = 503;
    }
}

static bool is_number(enum counter_display d)
{
    return d == COUNTER_SHOW_COUNTER || d == COUNTER_SHOW_TODAY
           || d == COUNTER_SHOW_YESTERDAY;
}

static void say_json(struct turn *t, const struct counter_text *text)
{
    char json[320];

    if (is_number(t->q.display)) {
        (void)snprintf(json, sizeof json,
                       "{\"text\":\"%.*s\",\"count\":%" PRIu64
                       ",\"today\":%" PRIu32 ",\"yesterday\":%" PRIu32
                       ",\"counted\":%s}\n",
                       (int)text->len, text->s, t->value.count,
                       counter_value_today(&t->value, t->day),
                       counter_value_yesterday(&t->value, t->day),
                       t->response->counted ? "true" : "false");
    }
    else {
        (void)snprintf(json, sizeof json, "{\"text\":\"%.*s\"}\n",
                       (int)text->len, text->s);
    }
    set_text(t, "application/json", json, strlen(json));
}

static void say_text(struct turn *t, const struct counter_text *text)
{
    char line[sizeof text->s + 1];

    memcpy(line, text->s, text->len);
    line[text->len] = '\n';
    set_text(t, "text/plain; charset=us-ascii", line, text->len + 1);
}

static void show(struct turn *t, const struct counter_text *text)
{
    switch (t->q.format) {
    case COUNTER_JSON:
        say_json(t, text);
        return;
    case COUNTER_TEXT:
        say_text(t, text);
        return;
    case COUNTER_GIF:
    case COUNTER_PNG:
    case COUNTER_SVG:
        break;
    }
    if (t->q.sh) {
        draw(t, &t->q, text);
    }
    else {
        draw_blank(t);
    }
}

/* --- the Referer check -------------------------------------------------- */

static bool is_from_own_page(const struct turn *t)
{
    /* The host table is only read; counter_host_fn takes a plain pointer. */
    void *site = (void *)(uintptr_t)t->request->site;

    return t->request->internal
           || counter_referrer_check(&t->request->headers,
                                     t->request->site->referrer,
                                     counter_site_has_referer, site)
                  == COUNTER_REFERRER_OK;
}

/* 88888888 in the asked design; nothing else of the query has a say. */
static void refuse(struct turn *t)
{
    static const struct counter_query_limits any = {1, 18};
    static const char eights[] = "lit=88888888";
    struct counter_query q;
    struct counter_text text;

    t->response->refused = true;
    if (t->q.format == COUNTER_JSON || t->q.format == COUNTER_TEXT) {
        fail_request(t, 403, "Referer", "is not a page of this site");
        return;
    }
    (void)counter_query_parse(eights, sizeof eights - 1, &any, &q, NULL);
    q.format = t->q.format;
    memcpy(q.dd, t->q.dd, sizeof q.dd);
    counter_text_lit(&q, &text);
    draw(t, &q, &text);
}

/* --- counters ----------------------------------------------------------- */

/* A counter that is not there is shown at the value it would start with. */
static void value_at_start(struct turn *t)
{
    memset(&t->value, 0, sizeof t->value);
    t->value.count = t->q.st;
}

/* Counts or reads; false when the answer has been given already. */
static bool take_value(struct turn *t, const char *name)
{
    const struct counter_request *r = t->request;
    struct counter_hit hit = {
        .name = name,
        .group_max = r->site->max_per_customer - 1,
        .st = t->q.st,
        .now = r->now,
        .day = t->day,
        .flags = r->site->count_reloads && t->q.reload ? COUNTER_HIT_RELOADS
                                                       : 0};
    struct omk_err err = {0};
    int rc;

    if (!t->engine->store) {
        fail_request(t, 503, "", "the counter is out of order");
        return false;
    }
    if (t->q.incr && !r->ignored && counter_headers_may_count(&r->headers)) {
        hit.visitor = counter_visitor(&t->engine->visitors, r->address);
    }
    if (hit.visitor) {
        rc = counter_store_hit(t->engine->store, &hit, &err);
        t->value = hit.value;
        t->response->counted = hit.counted;
    }
    else {
        rc = counter_store_get(t->engine->store, name, &t->value, &err);
    }
    if (rc == OMK_OK) {
        return true;
    }
    if (rc == OMK_ENOENT) {
        value_at_start(t);
        return true;
    }
    if (rc == OMK_ERANGE) { /* no place for one more: the only fault of df's */
        fail_request(t, 400, err.where, err.text);
        return false;
    }
    /* The visitor sees the last value; the operator reads why. */
    t->response->log = err;
    if (t->value.count == 0 && rc != OMK_ENOSPC) {
        fail_request(t, 503, "", "the counter is out of order");
        return false;
    }
    if (t->value.count == 0) {
        value_at_start(t);
    }
    return true;
}

static uint64_t number_of(const struct turn *t)
{
    switch (t->q.display) {
    case COUNTER_SHOW_TODAY:
        return counter_value_today(&t->value, t->day);
    case COUNTER_SHOW_YESTERDAY:
        return counter_value_yesterday(&t->value, t->day);
    case COUNTER_SHOW_COUNTER:
    case COUNTER_SHOW_CLOCK:
    case COUNTER_SHOW_DATE:
    case COUNTER_SHOW_COUNTDOWN:
    case COUNTER_SHOW_IMAGE:
    case COUNTER_SHOW_VERSION:
    case COUNTER_SHOW_LIT:
        break;
    }
    return t->value.count;
}

/* df=RANDOM: as many digits as md has, nothing stored. Not secret: hashing
 * the moment and the address is random enough for a picture. */
static uint64_t random_number(const struct turn *t)
{
    struct timespec now;
    uint64_t n, limit = 1;

    clock_gettime(CLOCK_REALTIME, &now);
    n = (uint64_t)now.tv_nsec * UINT64_C(0x9e3779b97f4a7c15)
        ^ counter_visitor(&t->engine->visitors, t->request->address);
    n ^= n >> 29;
    for (unsigned i = 0; i < t->q.md && i < 18; i++) {
        limit *= 10;
    }
    return n % limit;
}

static void show_counter(struct turn *t)
{
    char name[COUNTER_NAME_MAX + 1];
    struct counter_text text;
    struct omk_err err;

    if (t->q.df_random) {
        t->value.count = random_number(t);
    }
    else {
        if (!*t->q.df) {
            fail_request(t, 400, "df", "is required");
            return;
        }
        if (counter_site_df(t->engine->sites, t->request->site, t->q.df, name,
                            sizeof name, &err)
            != OMK_OK) {
            fail_request(t, 400, err.where, err.text);
            return;
        }
        if (!can_draw_number(t) || !take_value(t, name)) {
            return;
        }
    }
    counter_text_number(&t->q, number_of(t), &text);
    show(t, &text);
}

/* --- the whole turn ----------------------------------------------------- */

static void show_asked(struct turn *t)
{
    struct counter_text text = {.len = 0};

    switch (t->q.display) {
    case COUNTER_SHOW_COUNTER:
    case COUNTER_SHOW_TODAY:
    case COUNTER_SHOW_YESTERDAY:
        show_counter(t);
        return;
    case COUNTER_SHOW_CLOCK:
    case COUNTER_SHOW_DATE:
    case COUNTER_SHOW_COUNTDOWN:
        counter_text_moment(&t->q, (time_t)t->request->now, &text);
        show(t, &text);
        return;
    case COUNTER_SHOW_LIT:
        counter_text_lit(&t->q, &text);
        show(t, &text);
        return;
    case COUNTER_SHOW_IMAGE:
        show(t, &text);
        return;
    case COUNTER_SHOW_VERSION:
        fail_request(t, 200, "Omakase counter", OMAKASE_VERSION);
        return;
    }
}

void counter_answer(const struct counter_engine *engine,
                    const struct counter_request *request,
                    const struct counter_alloc *alloc,
                    struct counter_response *response)
{
    struct turn t = {.engine = engine,
                     .request = request,
                     .alloc = alloc,
                     .response = response};
    struct omk_err err;

    memset(response, 0, sizeof *response);
    response->status = 200;
    response->expires_s = -1;
    if (counter_query_parse(request->query, request->len,
                            &request->site->limits, &t.q, &err)
        != OMK_OK) {
        fail_request(&t, 400, err.where, err.text);
        return;
    }
    if (is_from_own_page(&t)) {
        t.day = counter_local_day(request->now);
        show_asked(&t);
    }
    else {
        refuse(&t);
    }
    if (response->status == 200 && !response->refused && t.q.has_expires) {
        response->expires_s = (int)t.q.expires_s;
    }
    if (t.design) {
        counter_design_put(t.design);
    }
}
