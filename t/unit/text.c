#include "cmocka_first.h"
#include "err.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

static struct counter_query parsed(const char *s)
{
    static const struct counter_query_limits any = {1, 99};
    struct counter_query q;
    struct omk_err err = {0};

    if (counter_query_parse(s, strlen(s), &any, &q, &err) != OMK_OK) {
        fail_msg("%s: %s %s", s, err.where, err.text);
    }
    return q;
}

static void expect(const char *label, const struct counter_text *t,
                   const char *want)
{
    if (t->len != strlen(t->s) || strcmp(t->s, want) != 0) {
        fail_msg("%s: \"%s\", not \"%s\"", label, t->s, want);
    }
}

static const struct {
    const char *query;
    uint64_t n;
    const char *want;
} numbers[] = {
    {"md=7", 1024, "0001024"}, /* the manual's example */
    {"", 1, "000001"},
    {"md=5", 123456, "123456"}, /* whole, never cut */
    {"md=5", 0, "00000"},
    {"pad=F", 42, "42"},
    {"comma=T", 42, "42"},
    {"comma=T", 999, "999"},
    {"comma=T|md=10", 1000, "1,000"},
    {"comma=T", 1234567, "1,234,567"},
    {"comma=T", 123456, "123,456"},
    {"md=18", UINT64_MAX, "18446744073709551615"},
    {"comma=T", UINT64_MAX, "18,446,744,073,709,551,615"},
    {"md=99", 7,
     "0000000000000000000000000000000000000000000000000000000000000000000000"
     "0000000000000000000000007"}, /* to the end of the buffer */
};

static void number(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct counter_query q = parsed(numbers[i].query);
        struct counter_text t;

        counter_text_number(&q, numbers[i].n, &t);
        expect(numbers[i].query, &t, numbers[i].want);
    }
}

static const struct {
    const char *query;
    const char *want;
} literals[] = {
    {"lit=88888888|md=5", "88888888"},
    {"lit=94032048|comma=T", "94,032,048"},
    {"lit=12:34P|comma=T", "12:34P"},
    {"lit=1|md=7", "1"},
    {"md=7", ""},
};

static void lit(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof literals / sizeof *literals; i++) {
        struct counter_query q = parsed(literals[i].query);
        struct counter_text t;

        counter_text_lit(&q, &t);
        expect(literals[i].query, &t, literals[i].want);
    }
}

/* 2026-11-25 03:05:09 UTC is 12:05 in Japan. */
#define NOW 1795575909

static const struct {
    const char *query;
    time_t now;
    const char *want;
} moments[] = {
    {"display=clock|timezone=GMT+0900", NOW, "12:05P"},
    {"display=clock|timezone=GMT+0000", NOW, "03:05A"},
    {"display=clock|timezone=GMT+0000|pad=F", NOW, "3:05A"},
    {"display=clock|timezone=GMT+0900|tformat=24", NOW, "12:05"},
    {"display=clock|timezone=GMT+0000|tformat=24|pad=F", NOW, "3:05"},
    {"display=clock|timezone=GMT-0306", NOW, "11:59P"},
    {"display=clock|timezone=GMT-0305", NOW, "12:00A"},
    {"display=clock|timezone=GMT-0305|tformat=24", NOW, "00:00"},
    {"display=clock|timezone=GMT%200900", NOW, "12:05P"},
    {"display=clock", NOW, "12:05P"}, /* TZ=JST-9 */
    {"display=date", NOW, "11-25-2026"},
    {"display=date|timezone=GMT+0900", NOW, "11-25-2026"},
    {"display=date|timezone=GMT-0400", NOW, "11-24-2026"},
    {"display=date|dformat=mmddyy", NOW, "11-25-2026"},
    {"display=date|dformat=DDMMYY", NOW, "25-11-2026"},
    {"display=date|dformat=YYMMDD", NOW, "2026-11-25"},
    {"display=date|dformat=YYDDMM", NOW, "2026-25-11"},
    {"display=date|dformat=MMYYDD", NOW, "11-2026-25"},
    {"display=date|dformat=DDYYMM", NOW, "25-2026-11"},
    {"display=date|dformat=YYYYMMDD", NOW, "2026-11-25"},
    {"display=date|dformat=MMYYYYDD", NOW, "11-2026-25"},
    {"display=date|dformat=DDYYYYMM", NOW, "25-2026-11"},
    {"display=date|dformat=MMDDYYYY|timezone=GMT+0000", 0, "01-01-1970"},
    {"display=countdown|cdt=2026;11;25;12;5;10", NOW, "0D:0H:0M:1S"},
    {"cdt=2026;11;27;15;9;15", NOW, "2D:3H:4M:6S"},
    {"cdt=2026;11;27;15;9;15|sdhms=F", NOW, "2"},
    {"cdt=2026;11;27;6;9;15|timezone=GMT+0000", NOW, "2D:3H:4M:6S"},
    {"cdt=2026;11;25;12;5;9", NOW, "0D:0H:0M:0S"},
    {"cdt=2026;11;24;12;5;8", NOW, "-1D:0H:0M:-1S"},
    {"cdt=2026;11;24;12;5;8|sdhms=F", NOW, "-1"},
    {"cdt=2026;11;25;11;5;8|sdhms=F", NOW, "0"},
    {"cdf=1999;7;16;22;0;0&cdt=1999;7;17;10;0;0", NOW, "0D:12H:0M:0S"},
    {"cdf=2025;1;1&cdt=2026;1;1&timezone=GMT-0500", NOW, "365D:0H:0M:0S"},
    {"cdt=2026;2;31&cdf=2026;3;3", NOW, "0D:0H:0M:0S"},
    {"cdf=1970;1;1&cdt=9999;12;31;24", NOW, "2932897D:0H:0M:0S"},
    {"display=countdown|timezone=GMT+0000", 946684800 - 90061, "1D:1H:1M:1S"},
    {"lit=123", NOW, ""},
    {"df=x", NOW, ""},
};

static void run_moment(const char *query, time_t now, const char *want)
{
    struct counter_query q = parsed(query);
    struct counter_text t;

    counter_text_moment(&q, now, &t);
    expect(query, &t, want);
}

static void moment(void **state)
{
    (void)state;
    assert_int_equal(setenv("TZ", "JST-9", 1), 0);
    tzset();
    for (size_t i = 0; i < sizeof moments / sizeof *moments; i++) {
        run_moment(moments[i].query, moments[i].now, moments[i].want);
    }
}

static const struct {
    const char *query;
    const char *want;
} captions[] = {
    {"display=countdown|sfd=T", "From: Nov 25 2026, 12:05:09"},
    {"display=countdown|sfd=T|timezone=GMT-0330",
     "From: Nov 24 2026, 23:35:09 GMT-0330"},
    {"cdf=1999;7;6;2;0;0|sfd=T", "From: Jul 6 1999, 02:00:00"},
    {"cdf=1999;7;6;2;0;0|sfd=T|timezone=GMT+0000",
     "From: Jul 6 1999, 02:00:00 GMT+0000"},
    {"display=countdown", ""},
    {"display=clock|sfd=T", ""},
};

static void caption(void **state)
{
    (void)state;
    assert_int_equal(setenv("TZ", "JST-9", 1), 0);
    tzset();
    for (size_t i = 0; i < sizeof captions / sizeof *captions; i++) {
        struct counter_query q = parsed(captions[i].query);
        struct counter_text t;

        counter_text_caption(&q, NOW, &t);
        expect(captions[i].query, &t, captions[i].want);
    }
}

/* 2026-03-29 01:00 UTC: Berlin goes from 02:00 to 03:00. */
static void summer_time(void **state)
{
    (void)state;
    assert_int_equal(setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1), 0);
    tzset();
    run_moment("display=clock|tformat=24", 1774745999, "01:59");
    run_moment("display=clock|tformat=24", 1774746000, "03:00");
    run_moment("cdt=2026;3;29;12;0;0", 1774745999, "0D:9H:0M:1S");
    run_moment("display=clock|tformat=24|timezone=GMT+0100", 1774746000,
               "02:00");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"P50: 0001024, padding, commas; never cut", number, NULL, NULL, NULL},
        {"P55: literal text", lit, NULL, NULL, NULL},
        {"P51: clock, date and countdown", moment, NULL, NULL, NULL},
        cmocka_unit_test(caption),
        cmocka_unit_test(summer_time),
    };

    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
