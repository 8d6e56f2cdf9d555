/* The query string: what it parses to is inside every range of query.h, and
 * what is drawn of it has only glyphs. */
#include "err.h"
#include "fuzz.h"
#include "query.h"
#include "text.h"

#include <string.h>

static const struct counter_query_limits limits = {5, 10};

static int only(const char *s, size_t size, const char *extra)
{
    static const char alnum[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "abcdefghijklmnopqrstuvwxyz0123456789";

    MUST(memchr(s, '\0', size));
    for (; *s; s++) {
        if (!strchr(alnum, *s) && !strchr(extra, *s)) {
            return 0;
        }
    }
    return 1;
}

static void check_df(const struct counter_query *q)
{
    MUST(memchr(q->df, '\0', sizeof q->df));
    for (const char *p = q->df; *p; p++) {
        MUST(*p > ' ' && *p < 0x7f && !strchr("|&%", *p));
    }
    MUST(!q->df_random || strlen(q->df) == 6);
}

static void check_date(const struct counter_date *d)
{
    if (d->set) {
        MUST(d->year >= 1970 && d->year <= 9999);
        MUST(d->month >= 1 && d->month <= 12);
        MUST(d->day >= 1 && d->day <= 31);
        MUST(d->hour >= 0 && d->hour <= 24);
        MUST(d->minute >= 0 && d->minute <= 59);
        MUST(d->second >= 0 && d->second <= 59);
    }
}

/* What holds for an error's image too. */
static void check_always(const struct counter_query *q)
{
    MUST(q->format <= COUNTER_TEXT);
    MUST(q->scale >= 1 && q->scale <= 4);
    MUST(q->dd[0] && only(q->dd, sizeof q->dd, "_-"));
}

static void check_query(const struct counter_query *q)
{
    check_df(q);
    check_date(&q->target);
    check_date(&q->from);
    MUST(q->display <= COUNTER_SHOW_LIT);
    MUST(q->display != COUNTER_SHOW_LIT || q->lit[0]);
    MUST(q->st >= 1 && q->st <= 999999999);
    MUST(q->md >= limits.md_min && q->md <= limits.md_max);
    MUST(memchr(q->lit, '\0', sizeof q->lit));
    MUST(strspn(q->lit, "0123456789:,-DHMSaApP") == strlen(q->lit));
    MUST(q->tformat == 12 || q->tformat == 24);
    MUST(q->dformat <= COUNTER_DDYYMM);
    MUST(q->timezone_min >= -840 && q->timezone_min <= 840);
    MUST(q->has_timezone || q->timezone_min == 0);
    MUST(q->ft <= 50);
    MUST(only(q->frgb.name, sizeof q->frgb.name, " "));
    MUST(only(q->trgb.name, sizeof q->trgb.name, " "));
    MUST(only(q->srgb.name, sizeof q->srgb.name, " "));
    MUST(only(q->prgb.name, sizeof q->prgb.name, " "));
    MUST(q->degrees == 90 || q->degrees == 180 || q->degrees == 270);
    MUST(q->image[0] != '.' && only(q->image, sizeof q->image, "._-"));
    MUST(q->x >= -4096 && q->x <= 4096 && q->y >= -4096 && q->y <= 4096);
    MUST(only(q->align, sizeof q->align, ""));
    MUST(q->offset >= 0 && q->offset <= 4096);
    MUST(q->expires_s <= 604800);
}

static void check_error(const struct omk_err *err, int rc)
{
    MUST(rc == OMK_EINVAL || rc == OMK_ERANGE);
    MUST(err->code == rc);
    MUST(err->where[0] && only(err->where, sizeof err->where, ""));
    MUST(err->text[0] && strlen(err->text) <= 60);
    for (const char *p = err->text; *p; p++) {
        MUST(*p >= ' ' && *p < 0x7f && *p != '/');
    }
}

static void check_text(const struct counter_text *t)
{
    MUST(t->len < sizeof t->s && t->s[t->len] == '\0');
    MUST(strspn(t->s, "0123456789:,-DHMSaApP") == t->len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct counter_query q;
    struct counter_text t;
    struct omk_err err = {0};
    int rc = counter_query_parse((const char *)data, size, &limits, &q, &err);

    check_always(&q);
    if (rc) {
        check_error(&err, rc);
        return 0;
    }
    check_query(&q);
    (void)counter_query_is_plain(&q);
    counter_text_number(&q, size, &t);
    check_text(&t);
    counter_text_lit(&q, &t);
    check_text(&t);
    counter_text_moment(&q, 1795575909, &t);
    check_text(&t);
    MUST(t.len > 0
         || (q.display != COUNTER_SHOW_CLOCK && q.display != COUNTER_SHOW_DATE
             && q.display != COUNTER_SHOW_COUNTDOWN));
    counter_text_caption(&q, 1795575909, &t);
    MUST(t.len < sizeof t.s && t.s[t.len] == '\0');
    return 0;
}
