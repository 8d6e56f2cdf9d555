#include "cmocka_first.h"
#include "err.h"
#include "query.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct counter_query_limits manual = {5, 10};

/* Parses from a buffer of exactly that size, so that ASan sees an overread. */
static int parse(const char *s, struct counter_query *q, struct omk_err *err)
{
    size_t len = strlen(s);
    char *exact = malloc(len ? len : 1);
    int rc;

    assert_non_null(exact);
    memcpy(exact, s, len);
    rc = counter_query_parse(exact, len, &manual, q, err);
    free(exact);
    return rc;
}

static struct counter_query parsed(const char *s)
{
    struct counter_query q;
    struct omk_err err = {0};

    if (parse(s, &q, &err) != OMK_OK) {
        fail_msg("%s: %s %s", s, err.where, err.text);
    }
    return q;
}

static void same(const char *s, const struct counter_query *want)
{
    struct counter_query q = parsed(s);

    if (memcmp(&q, want, sizeof q) != 0) {
        fail_msg("%s: not the same query", s);
    }
}

static void defaults(void **state)
{
    struct counter_query q = parsed("");

    (void)state;
    assert_int_equal(q.display, COUNTER_SHOW_COUNTER);
    assert_int_equal(q.format, COUNTER_GIF);
    assert_string_equal(q.df, "");
    assert_false(q.df_random);
    assert_int_equal(q.st, 1);
    assert_true(q.incr && q.reload && q.pad && q.sh && q.istrip && q.sdhms);
    assert_int_equal(q.md, 6);
    assert_string_equal(q.dd, "A");
    assert_false(q.comma || q.tr || q.chcolor || q.negate || q.rotate || q.sfd);
    assert_int_equal(q.tformat, 12);
    assert_int_equal(q.dformat, COUNTER_MMDDYY);
    assert_int_equal(q.frgb.r, 100);
    assert_int_equal(q.frgb.g, 139);
    assert_int_equal(q.frgb.b, 216);
    assert_int_equal(q.srgb.g, 255);
    assert_int_equal(q.prgb.r, 255);
    assert_int_equal(q.prgb.g, 119);
    assert_int_equal(q.degrees, 270);
    assert_int_equal(q.offset, 2);
    assert_int_equal(q.scale, 1);
    assert_false(q.has_expires || q.has_timezone || q.has_xy);
    assert_false(q.target.set || q.from.set);
    assert_true(counter_query_is_plain(&q));
}

/* One tag, written in all the ways it is met. */
static const char *const spellings[] = {
    "df=www.example.co.jp|md=7|dd=A|st=1024",
    "df=www.example.co.jp&md=7&dd=A&st=1024",
    "df=www.example.co.jp&md=7|dd=A&st=1024",
    "df=www.example.co.jp%7Cmd=7%7cdd=A%7Cst=1024",
    "df=www.example.co.jp%26md=7%26dd=A%26st=1024",
    "df=www.example.co.jp&amp;md=7&amp;dd=A&amp;st=1024",
    "df=www.example.co.jp&amp;amp;md=7&AMP;dd=A&amp;amp;amp;st=1024",
    "df=www.example.co.jp%26amp%3Bmd=7%26amp;dd=A&amp%3bst=1024",
    "df=www.example.co.jp%257Cmd=7%25257Cdd=A%2526st=1024",
    "df%3Dwww.example.co.jp%7Cmd%3d7%7Cdd%253DA%7Cst%3D1024",
    "|df=www.example.co.jp||md=7&&dd=A|st=1024|",
    "DF=www.example.co.jp|MD=7|Dd=A|sT=1024",
    "st=1024|dd=A|md=7|df=www.example.co.jp",
    "df=www.example.co.jp|md=7|dd=A|style=1024",
    "df=www.example.co.jp|md=07|dd=%41|start=01024",
    "df=www%2Eexample%2eco%252Ejp|md=%37|ddir=A|st=1024",
    "df=www.example.co.jp | md=7 |+dd=A|%20st=1024%20",
    "df=%20www.example.co.jp|md=%207|dd= A|st=1024",
    "df=x|md=10|dd=B|st=5|df=www.example.co.jp|md=7|dd=A|st=1024",
    "df=RANDOM|df=www.example.co.jp|md=7|dd=A|st=1024",
    "df=www.example.co.jp|md=7|dd=A|st=1024|cache=F|wxh=15;20|user=x|script=y"
    "|nsegment=12|fy=T",
    "df=www.example.co.jp|md=7|dd=A|st=1024|_=1700000000|unknown=%zz",
    "df=www.example.co.jp|md=7|dd=A|st=1024|amplitude=3&amp;ampere=x",
    "df=www.example.co.jp|md=7|dd=A|st=1024|sca=4|formatted=png|scaled=2",
};

static void separators(void **state)
{
    struct counter_query want = parsed(spellings[0]);

    (void)state;
    assert_string_equal(want.df, "www.example.co.jp");
    assert_int_equal(want.md, 7);
    assert_string_equal(want.dd, "A");
    assert_int_equal(want.st, 1024);
    for (size_t i = 1; i < sizeof spellings / sizeof *spellings; i++) {
        same(spellings[i], &want);
    }
}

/* Keys that begin alike: which one is meant, as the original decides. */
static void look_alikes(void **state)
{
    struct counter_query q;

    (void)state;
    q = parsed("dformat=DDMMYY|dd=C|df=x|display=date");
    assert_int_equal(q.dformat, COUNTER_DDMMYY);
    assert_string_equal(q.dd, "C");
    assert_string_equal(q.df, "x");
    assert_int_equal(q.display, COUNTER_SHOW_DATE);
    q = parsed("dis=clock|tformat=24|timezone=GMT-0330|tr=F");
    assert_int_equal(q.display, COUNTER_SHOW_CLOCK);
    assert_int_equal(q.tformat, 24);
    assert_int_equal(q.timezone_min, -210);
    assert_false(q.tr);
    q = parsed("trgb=ff0000");
    assert_true(q.tr); /* a colour of its own switches it on */
    assert_int_equal(q.trgb.r, 255);
    q = parsed("trgb=ff0000|transparent=N");
    assert_false(q.tr);
    q = parsed("prgb=0;0;255");
    assert_true(q.chcolor);
    q = parsed("srgb=00ff00");
    assert_false(q.chcolor);
    q = parsed("sh=F|sdhms=F|sfd=T|script=a");
    assert_false(q.sh || q.sdhms);
    assert_true(q.sfd);
    q = parsed("ft=5|frgb=10;20;30|fy=T|format=png");
    assert_int_equal(q.ft, 5);
    assert_int_equal(q.frgb.g, 20);
    assert_int_equal(q.format, COUNTER_PNG);
    q = parsed("degrees=90");
    assert_true(q.rotate);
    assert_int_equal(q.degrees, 90);
    q = parsed("rotate=T");
    assert_int_equal(q.degrees, 270);
    q = parsed("angle=360");
    assert_false(q.rotate);
    q = parsed("cdt=2030;1;2;3;4;5");
    assert_int_equal(q.display, COUNTER_SHOW_COUNTDOWN);
    assert_true(q.target.set && !q.from.set);
    assert_int_equal(q.target.year, 2030);
    assert_int_equal(q.target.second, 5);
    q = parsed("target=2030-1-2|cdf=2029;12;31;23;59;59|display=clock");
    assert_int_equal(q.display, COUNTER_SHOW_CLOCK);
    assert_int_equal(q.target.hour, 0);
    assert_int_equal(q.from.month, 12);
    q = parsed("image=a.gif|incr=N|istrip=0|xy=3;-4|align=Left|offset=9");
    assert_string_equal(q.image, "a.gif");
    assert_false(q.incr || q.istrip);
    assert_true(q.has_xy && q.x == 3 && q.y == -4);
    assert_string_equal(q.align, "topleft");
    assert_int_equal(q.offset, 9);
    q = parsed("expires=0");
    assert_true(q.has_expires && q.expires_s == 0);
    q = parsed("exp=604800|chcolor=1|comma=y|negate=t|pad=n|reload=f|scale=4");
    assert_int_equal(q.expires_s, 604800);
    assert_true(q.chcolor && q.comma && q.negate);
    assert_false(q.pad || q.reload);
    assert_int_equal(q.scale, 4);
    q = parsed("df=random");
    assert_true(q.df_random);
}

static const struct {
    const char *in;
    enum counter_display display;
} shows[] = {
    {"display=counter", COUNTER_SHOW_COUNTER},
    {"display=Clock", COUNTER_SHOW_CLOCK},
    {"display=cl", COUNTER_SHOW_CLOCK},
    {"display=DATE", COUNTER_SHOW_DATE},
    {"display=countdown", COUNTER_SHOW_COUNTDOWN},
    {"display=image", COUNTER_SHOW_IMAGE},
    {"display=version", COUNTER_SHOW_VERSION},
    {"display=today", COUNTER_SHOW_TODAY},
    {"display=yesterday", COUNTER_SHOW_YESTERDAY},
    {"lit=12:34P", COUNTER_SHOW_LIT},
    {"lit=88888888|md=7", COUNTER_SHOW_LIT},
    {"lit=12|display=clock", COUNTER_SHOW_CLOCK},
};

static void displays(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof shows / sizeof *shows; i++) {
        struct counter_query q = parsed(shows[i].in);

        if (q.display != shows[i].display) {
            fail_msg("%s: display %d", shows[i].in, (int)q.display);
        }
    }
}

static const struct {
    const char *in;
    int r, g, b;
    const char *name;
} colors[] = {
    {"frgb=1;2;255", 1, 2, 255, ""},
    {"frgb=1%3B2%3b255", 1, 2, 255, ""},
    {"frgb=0aFf10", 10, 255, 16, ""},
    {"frgb=#0aff10", 10, 255, 16, ""},
    {"frgb=%230aff10", 10, 255, 16, ""},
    {"frgb=%25230aff10", 10, 255, 16, ""},
    {"frgb=gold", 0, 0, 0, "gold"},
    {"frgb=LightGoldenrod4", 0, 0, 0, "LightGoldenrod4"},
    {"frgb=light%20slate%20gray", 0, 0, 0, "light slate gray"},
    {"frgb=light+slate+gray", 0, 0, 0, "light slate gray"},
    {"frgb=decade", 0xde, 0xca, 0xde, ""},
};

static void colours(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof colors / sizeof *colors; i++) {
        struct counter_query q = parsed(colors[i].in);

        if (q.frgb.r != colors[i].r || q.frgb.g != colors[i].g
            || q.frgb.b != colors[i].b
            || strcmp(q.frgb.name, colors[i].name) != 0) {
            fail_msg("%s: %d;%d;%d \"%s\"", colors[i].in, q.frgb.r, q.frgb.g,
                     q.frgb.b, q.frgb.name);
        }
    }
}

#define X63 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static const struct {
    const char *label;
    const char *in;
    int rc;
    const char *where;
    const char *text; /* NULL: any */
} bad[] = {
    {"P47: md below the manual's 5", "df=x|md=4", OMK_ERANGE, "md",
     "must be 5 to 10"},
    {"P47: md above the manual's 10", "md=11", OMK_ERANGE, "md",
     "must be 5 to 10"},
    {"md no number", "md=7x", OMK_EINVAL, "md", "must be 5 to 10"},
    {"md signed", "md=+7", OMK_EINVAL, "md", NULL},
    {"md huge", "md=99999999999999999999999", OMK_ERANGE, "md", NULL},
    {"bad first, good later", "md=4|md=7", OMK_ERANGE, "md", NULL},
    {"the first of two errors", "st=0|md=4", OMK_ERANGE, "st", NULL},
    {"st 0", "st=0", OMK_ERANGE, "st", "must be 1 to 999999999"},
    {"st above", "st=1000000000", OMK_ERANGE, "st", NULL},
    {"st negative", "st=-1", OMK_EINVAL, "st", NULL},
    {"key without =", "df", OMK_EINVAL, "df", "needs a value"},
    {"key without a value", "df=|md=7", OMK_EINVAL, "df", "needs a value"},
    {"a value of blanks", "df=%20%20", OMK_EINVAL, "df", "needs a value"},
    {"unknown key without =", "df=x|12345", OMK_EINVAL, "query", NULL},
    {"unknown key without a value", "abc=", OMK_EINVAL, "query", NULL},
    {"ignored key without a value", "cache=", OMK_EINVAL, "cache", NULL},
    {"no key", "=x", OMK_EINVAL, "query", NULL},
    {"too short a key is not known", "d", OMK_EINVAL, "query", NULL},
    {"broken escape", "df=a%zz", OMK_EINVAL, "df", NULL},
    {"half an escape", "df=a%4", OMK_EINVAL, "df", NULL},
    {"a lone %", "df=a%", OMK_EINVAL, "df", NULL},
    {"an escaped lone %", "df=a%25", OMK_EINVAL, "df", NULL},
    {"NUL", "df=a%00b", OMK_EINVAL, "df", NULL},
    {"NUL, escaped twice", "df=a%2500b", OMK_EINVAL, "df", NULL},
    {"newline in a value", "df=a%0Ab", OMK_EINVAL, "df", NULL},
    {"byte above ASCII", "df=\xe3\x81\x82", OMK_EINVAL, "df", NULL},
    {"the same escaped", "df=%E3%81%82", OMK_EINVAL, "df", NULL},
    {"blank inside df", "df=a%20b", OMK_EINVAL, "df", NULL},
    {"df too long", "df=" X63 X63 X63 X63 "xxxx", OMK_ERANGE, "df",
     "is too long"},
    {"dd with a path", "dd=../etc", OMK_EINVAL, "dd", NULL},
    {"dd with an escaped path", "dd=..%2fetc", OMK_EINVAL, "dd", NULL},
    {"dd too long", "dd=" X63 "x", OMK_ERANGE, "dd", "is too long"},
    {"lit with a letter", "lit=12x", OMK_EINVAL, "lit", NULL},
    {"lit too long", "lit=" "1234567890123456789012345678901234567890"
     "1234567890123456789012345", OMK_ERANGE, "lit", "is too long"},
    {"lit's m is no glyph", "lit=m", OMK_EINVAL, "lit", NULL},
    {"image with a path", "image=a/b.gif", OMK_EINVAL, "image", NULL},
    {"hidden image", "image=.a", OMK_EINVAL, "image", NULL},
    {"boolean of a word", "pad=true", OMK_EINVAL, "pad", "must be T or F"},
    {"boolean of another letter", "pad=x", OMK_EINVAL, "pad", NULL},
    {"ft above", "ft=51", OMK_ERANGE, "ft", "must be 0 to 50"},
    {"colour of two", "frgb=1;2", OMK_EINVAL, "frgb", NULL},
    {"colour of four", "frgb=1;2;3;4", OMK_EINVAL, "frgb", NULL},
    {"colour above 255", "frgb=1;2;256", OMK_ERANGE, "frgb", NULL},
    {"colour with a sign", "frgb=1;-2;3", OMK_EINVAL, "frgb", NULL},
    {"colour of seven digits", "frgb=0011223", OMK_EINVAL, "frgb", NULL},
    {"colour of five digits", "frgb=00112", OMK_EINVAL, "frgb", NULL},
    {"colour of # and a name", "frgb=#red", OMK_EINVAL, "frgb", NULL},
    {"colour of # alone", "frgb=#", OMK_EINVAL, "frgb", NULL},
    {"colour's name with a mark", "frgb=red!", OMK_EINVAL, "frgb", NULL},
    {"colour's name too long", "frgb=" X63, OMK_EINVAL, "frgb", NULL},
    {"unknown display", "display=dog", OMK_EINVAL, "display", "is not known"},
    {"tformat", "tformat=13", OMK_EINVAL, "tformat", "must be 12 or 24"},
    {"dformat", "dformat=MMDD", OMK_EINVAL, "dformat", NULL},
    {"zone without a sign", "timezone=GMT0900", OMK_EINVAL, "timezone", NULL},
    {"zone by name", "timezone=JST", OMK_EINVAL, "timezone", NULL},
    {"zone of 61 minutes", "timezone=GMT+0961", OMK_EINVAL, "timezone", NULL},
    {"zone beyond 14 hours", "timezone=GMT+1401", OMK_EINVAL, "timezone", NULL},
    {"date of two", "cdt=2030;1", OMK_EINVAL, "cdt", NULL},
    {"date of seven", "cdt=2030;1;1;1;1;1;1", OMK_EINVAL, "cdt", NULL},
    {"date before 1970", "cdt=1969;12;31", OMK_ERANGE, "cdt", NULL},
    {"month 13", "cdt=2030;13;1", OMK_ERANGE, "cdt", NULL},
    {"month 0", "cdt=2030;0;1", OMK_ERANGE, "cdt", NULL},
    {"day 32", "cdt=2030;1;32", OMK_ERANGE, "cdt", NULL},
    {"minute 60", "cdt=2030;1;1;0;60", OMK_ERANGE, "cdt", NULL},
    {"year 10000", "target=10000;1;1", OMK_ERANGE, "target", NULL},
    {"degrees 45", "degrees=45", OMK_ERANGE, "degrees", NULL},
    {"degrees 100", "angle=100", OMK_ERANGE, "angle", NULL},
    {"xy of one", "xy=3", OMK_EINVAL, "xy", NULL},
    {"xy far out", "xy=4097;0", OMK_ERANGE, "xy", NULL},
    {"align", "align=middle", OMK_EINVAL, "align", NULL},
    {"offset", "offset=-1", OMK_EINVAL, "offset", NULL},
    {"expires above a week", "expires=604801", OMK_ERANGE, "expires",
     "must be 0 to 604800"},
    {"format", "format=bmp", OMK_EINVAL, "format", NULL},
    {"scale 5", "scale=5", OMK_ERANGE, "scale", "must be 1 to 4"},
    {"scale 0", "scale=0", OMK_ERANGE, "scale", NULL},
};

static void errors(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct counter_query q;
        struct omk_err err = {0};
        int rc = parse(bad[i].in, &q, &err);

        if (rc != bad[i].rc || err.code != rc
            || strcmp(err.where, bad[i].where) != 0
            || (bad[i].text && strcmp(err.text, bad[i].text) != 0)
            || strlen(err.text) > 60 || strlen(err.text) == 0) {
            fail_msg("%s: rc %d, %s %s", bad[i].label, rc, err.where, err.text);
        }
        assert_int_equal(parse(bad[i].in, &q, NULL), rc);
    }
}

/* The image of an error is drawn as asked, also where that is said later. */
static void error_image(void **state)
{
    struct counter_query q;

    (void)state;
    assert_int_equal(parse("md=4|format=svg|dd=E|scale=2", &q, NULL),
                     OMK_ERANGE);
    assert_int_equal(q.format, COUNTER_SVG);
    assert_string_equal(q.dd, "E");
    assert_int_equal(q.scale, 2);
    assert_int_equal(parse("dd=../x|format=bmp|scale=9", &q, NULL), OMK_EINVAL);
    assert_int_equal(q.format, COUNTER_GIF);
    assert_string_equal(q.dd, "A");
    assert_int_equal(q.scale, 1);
}

static void md_limits(void **state)
{
    static const struct counter_query_limits wide = {1, 18};
    static const struct counter_query_limits narrow = {7, 8};
    struct counter_query q;
    struct omk_err err;

    (void)state;
    assert_int_equal(counter_query_parse("md=18", 5, &wide, &q, NULL), OMK_OK);
    assert_int_equal(q.md, 18);
    assert_int_equal(counter_query_parse("md=6", 4, &narrow, &q, &err),
                     OMK_ERANGE);
    assert_string_equal(err.text, "must be 7 to 8");
    /* the default is not held against the page */
    assert_int_equal(counter_query_parse("df=x", 4, &narrow, &q, NULL), OMK_OK);
    assert_int_equal(q.md, 6);
}

static void longest(void **state)
{
    struct counter_query q = parsed(
        "df=" X63 X63 X63 X63 "xxx|dd=" X63
        "|lit=1234567890123456789012345678901234567890123456789012345678901234");

    (void)state;
    assert_int_equal(strlen(q.df), COUNTER_DF_MAX);
    assert_int_equal(strlen(q.dd), COUNTER_DD_MAX);
    assert_int_equal(strlen(q.lit), COUNTER_LIT_MAX);
}

static void plain(void **state)
{
    static const char *const effects[] = {
        "format=png", "sh=F",        "ft=1",     "tr=T",      "trgb=ffffff",
        "chcolor=T",  "prgb=ffffff", "negate=T", "rotate=T",  "degrees=90",
        "image=a.gif", "scale=2",    "display=image", "display=version",
        "cdt=2030;1;1|sfd=T",
    };
    static const char *const none[] = {
        "frgb=ffffff", "srgb=ffffff", "align=left", "sfd=T", "istrip=F",
        "lit=123", "display=clock", "comma=T", "cdt=2030;1;1",
    };

    (void)state;
    for (size_t i = 0; i < sizeof effects / sizeof *effects; i++) {
        struct counter_query q = parsed(effects[i]);

        if (counter_query_is_plain(&q)) {
            fail_msg("%s is plain", effects[i]);
        }
    }
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        struct counter_query q = parsed(none[i]);

        if (!counter_query_is_plain(&q)) {
            fail_msg("%s is not plain", none[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),
        {"P45: one tag, in every spelling that pages have", separators, NULL,
         NULL, NULL},
        cmocka_unit_test(look_alikes),
        cmocka_unit_test(displays),
        cmocka_unit_test(colours),
        {"P47: a bad value is named with what it must be", errors, NULL, NULL,
         NULL},
        cmocka_unit_test(error_image),
        {"P47: md within the site's limits", md_limits, NULL, NULL, NULL},
        cmocka_unit_test(longest),
        cmocka_unit_test(plain),
    };

    return cmocka_run_group_tests_name("query", tests, NULL, NULL);
}
