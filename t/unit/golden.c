/* Every design and parameter against images that somebody has looked at,
 * t/golden: GIF and SVG to the byte, PNG to the pixel, since libpng may pack
 * them otherwise. `make golden` writes them anew. */
#include "cmocka_first.h"
#include "effects.h"
#include "err.h"
#include "pictures.h"
#include "strip.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char pictures[64];
static bool write_anew;

/* Drawn in each of the designs A to E. */
static const struct {
    const char *name, *query;
} each[] = {
    {"digits.gif", "lit=0123456789"},
    {"comma.gif", "st=1|comma=T"},
    {"clock.gif", "display=clock"},
    {"clock-am.gif", "display=clock|timezone=GMT+0000"},
    {"date.gif", "display=date|dformat=YYYYMMDD"},
    {"frame.gif", "md=7|ft=5"},
    {"transparent.gif", "md=7|tr=T"},
    {"changed.gif", "md=7|chcolor=T"},
    {"negative.gif", "md=7|negate=T"},
    {"turned.gif", "md=7|rotate=T"},
    {"large.gif", "md=7|scale=2"},
    {"picture.gif", "lit=42|image=sky.gif|align=bottomright"},
    {"digits.png", "lit=0123456789|format=png"},
    {"framed.png", "lit=0123456789|format=png|ft=3|frgb=navy|tr=T"},
    {"digits.svg", "lit=074|format=svg"},
};

/* What does not depend on the design, in one of them. */
static const struct {
    const char *name, *query;
} once[] = {
    {"A-countdown.gif", "dd=A|cdt=2026;12;24;18;0;0"},
    {"A-caption.gif", "dd=A|cdt=2026;12;24;18;0;0|sfd=T|timezone=GMT+0900"},
    {"C-caption.svg", "dd=C|cdt=2026;12;24|sfd=T|sdhms=F|format=svg"},
    {"B-frame-1.gif", "dd=B|lit=12|ft=1|frgb=ff0000"},
    {"B-frame-2.gif", "dd=B|lit=12|ft=2|frgb=gold"},
    {"B-frame-20.gif", "dd=B|lit=12|ft=20|frgb=8a5a2b"},
    {"C-turned-90.gif", "dd=C|lit=12|degrees=90"},
    {"C-turned-180.gif", "dd=C|lit=12|degrees=180"},
    {"C-red.gif", "dd=C|lit=0123456789|srgb=ffffff|prgb=ff4040"},
    {"D-large-4.gif", "dd=D|lit=12:34P|scale=4"},
    {"D-over-picture.gif", "dd=D|lit=2026|image=sky.gif|xy=12;5|tr=T"},
    {"E-all.gif",
     "dd=E|lit=1|ft=3|tr=T|trgb=white|degrees=90|scale=3|negate=T"},
    {"picture-alone.gif", "display=image|image=sky.gif|ft=2"},
    {"picture-alone.png", "display=image|image=sky.gif|format=png|negate=T"},
    {"blank.gif", "sh=F|md=7"},
    {"blank.png", "sh=F|md=7|format=png"},
    {"blank.svg", "sh=F|md=7|format=svg"},
};

static const struct {
    const char *name;
    enum counter_format format;
} messages[] = {
    {"message.gif", COUNTER_GIF},
    {"message.png", COUNTER_PNG},
    {"message.svg", COUNTER_SVG},
};

/* 60 x 30: a sky, a sun, a sea. */
static void make_picture(void)
{
    uint8_t pixels[60 * 30], *data;
    struct counter_canvas c = {.palette = {.n = 32, .transparent = -1},
                               .width = 60,
                               .height = 30,
                               .pixels = pixels};
    char path[256];
    size_t len;

    for (unsigned i = 0; i < 30; i++) {
        c.palette.rgb[i][0] = (uint8_t)(i < 20 ? 90 + i * 6 : 20);
        c.palette.rgb[i][1] = (uint8_t)(i < 20 ? 160 + i * 3 : 120 - i * 2);
        c.palette.rgb[i][2] = 220;
    }
    memcpy(c.palette.rgb[30], "\xff\xd8\x40", 3);
    for (int y = 0; y < 30; y++) {
        for (int x = 0; x < 60; x++) {
            bool sun = (x - 14) * (x - 14) + (y - 10) * (y - 10) < 50;

            pixels[y * 60 + x] = (uint8_t)(sun ? 30 : y);
        }
    }
    assert_int_equal(counter_gif_encode(&c, &from_heap, &data, &len), OMK_OK);
    (void)snprintf(path, sizeof path, "%s/sky.gif", pictures);
    write_whole(path, data, len);
    free(data);
}

/* --- comparing ----------------------------------------------------------- */

static bool ends(const char *name, const char *with)
{
    return strcmp(name + strlen(name) - strlen(with), with) == 0;
}

static void compare(const char *name, const struct counter_image *image)
{
    char path[512];
    uint8_t *golden;
    size_t len;

    (void)snprintf(path, sizeof path, "%s/%s", GOLDEN, name);
    if (write_anew) {
        write_whole(path, image->data, image->len);
        return;
    }
    golden = whole_file(path, &len);
    if (ends(name, ".png") && strcmp(image->type, "image/png") == 0) {
        struct pixels a, b;

        pixels_of_png(image->data, image->len, &a);
        pixels_of_png(golden, len, &b);
        same_pixels(name, &a, &b);
        free(a.at);
        free(b.at);
    }
    else if (len != image->len || memcmp(golden, image->data, len) != 0) {
        fail_msg("%s is another image than the one in t/golden", name);
    }
    free(golden);
}

/* 2026-11-25 12:05:09 in Japan. */
#define NOW 1795575909

static void draw(const char *name, const char *query)
{
    static const struct counter_query_limits any = {1, 99};
    const struct counter_design *d;
    struct counter_image image;
    struct counter_text text;
    struct counter_query q;
    struct omk_err err;

    assert_int_equal(counter_query_parse(query, strlen(query), &any, &q, &err),
                     OMK_OK);
    switch (q.display) {
    case COUNTER_SHOW_COUNTER:
        counter_text_number(&q, 1234567, &text);
        break;
    case COUNTER_SHOW_LIT:
        counter_text_lit(&q, &text);
        break;
    default:
        counter_text_moment(&q, NOW, &text);
    }
    d = built_design(q.dd[0]);
    if (counter_render(d, &q, &text, pictures, &from_heap, &image, &err)
        != OMK_OK) {
        fail_msg("%s: %s: %s", query, err.where, err.text);
    }
    compare(name, &image);
    free(image.data);
    counter_design_put(d);
}

static void in_each_design(void **state)
{
    (void)state;
    for (char design = 'A'; design <= 'E'; design++) {
        for (size_t i = 0; i < sizeof each / sizeof *each; i++) {
            char name[64], query[128];

            (void)snprintf(name, sizeof name, "%c-%s", design, each[i].name);
            (void)snprintf(query, sizeof query, "dd=%c|%s", design,
                           each[i].query);
            draw(name, query);
        }
    }
}

static void in_one_design(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof once / sizeof *once; i++) {
        draw(once[i].name, once[i].query);
    }
}

static void error_images(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof messages / sizeof *messages; i++) {
        struct counter_image image;

        assert_int_equal(counter_render_message(messages[i].format,
                                                "md: must be 5 to 10 ('gqj')",
                                                &from_heap, &image),
                         OMK_OK);
        compare(messages[i].name, &image);
        free(image.data);
    }
}

static int setup(void **state)
{
    (void)state;
    assert_int_equal(setenv("TZ", "JST-9", 1), 0);
    counter_effects_path(BUILDDIR "/.libs/counter_effects.so");
    make_temp(pictures);
    make_picture();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    remove_temp(pictures);
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        {"P48, P51, P52: each design as it has been looked at", in_each_design,
         NULL, NULL, NULL},
        cmocka_unit_test(in_one_design),
        cmocka_unit_test(error_images),
    };

    write_anew = argc > 1 && strcmp(argv[1], "--write") == 0;
    return cmocka_run_group_tests_name("golden", tests, setup, teardown);
}
