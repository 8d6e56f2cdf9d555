#include "cmocka_first.h"
#include "effects.h"
#include "err.h"
#include "pictures.h"
#include "strip.h"
#include "svg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct counter_design *designs[5]; /* A to E */

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

/* 2026-11-25 12:05:09 in Japan. */
#define NOW 1795575909

static const struct counter_design *design_of(const struct counter_query *q)
{
    return designs[q->dd[0] - 'A'];
}

static void text_of(const struct counter_query *q, struct counter_text *text)
{
    memset(text, 0, sizeof *text);
    if (q->display == COUNTER_SHOW_LIT) {
        counter_text_lit(q, text);
    }
    else if (q->display == COUNTER_SHOW_COUNTER) {
        counter_text_number(q, 1234567, text);
    }
    else {
        counter_text_moment(q, NOW, text);
    }
}

static int render(const char *query, struct counter_image *image,
                  struct omk_err *err)
{
    struct counter_query q = parsed(query);
    struct counter_text text;

    text_of(&q, &text);
    return counter_render(design_of(&q), &q, &text, NULL, &from_heap, image,
                          err);
}

static int size_of(const char *query, unsigned *width, unsigned *height,
                   struct omk_err *err)
{
    struct counter_query q = parsed(query);
    struct counter_text text;

    text_of(&q, &text);
    return counter_render_size(design_of(&q), &q, &text, NULL, width, height,
                               err);
}

static void render_ok(const char *query, struct counter_image *image)
{
    struct omk_err err = {0};

    memset(image, 0, sizeof *image);
    if (render(query, image, &err) != OMK_OK) {
        fail_msg("%s: %s %s", query, err.where, err.text);
    }
}

/* A picture that is rectangles of one pixel's height, as svg.h writes it. */
static void pixels_of_svg(const char *svg, size_t len, struct pixels *out)
{
    char *copy = strndup(svg, len), *p = copy;
    unsigned x, y, w, h, back;

    assert_non_null(copy);
    p = strstr(p, "width=\"");
    assert_non_null(p);
    assert_int_equal(
        sscanf(p, "width=\"%u\" height=\"%u\"", &out->width, &out->height), 2);
    out->at = malloc((size_t)out->width * out->height * sizeof *out->at);
    assert_non_null(out->at);
    for (size_t i = 0; i < (size_t)out->width * out->height; i++) {
        out->at[i] = CLEAR;
    }
    while ((p = strstr(p, "<path fill=\"#"))) {
        uint32_t color = (uint32_t)strtoul(p + 13, &p, 16);

        p = strstr(p, " d=\"") + 4;
        while (sscanf(p, "M%u %uh%uv%uh-%uz", &x, &y, &w, &h, &back) == 5) {
            assert_int_equal(w, back);
            assert_true(x + w <= out->width && y + h <= out->height);
            for (unsigned i = 0; i < w * h; i++) {
                out->at[(size_t)(y + i / w) * out->width + x + i % w] = color;
            }
            p = strchr(p, 'z') + 1;
        }
        assert_int_equal(*p, '"');
    }
    free(copy);
}

static void pixels_of(const struct counter_image *image, struct pixels *out)
{
    if (strcmp(image->type, "image/gif") == 0) {
        pixels_of_gif(image->data, image->len, out);
    }
    else if (strcmp(image->type, "image/png") == 0) {
        pixels_of_png(image->data, image->len, out);
    }
    else {
        assert_string_equal(image->type, "image/svg+xml");
        pixels_of_svg((const char *)image->data, image->len, out);
    }
    assert_int_equal(out->width, image->width);
    assert_int_equal(out->height, image->height);
}

/* --- before the effects are loaded --------------------------------------- */

static void without_effects(void **state)
{
    struct counter_image image;
    struct omk_err err = {0};
    struct pixels got;

    (void)state;
    counter_effects_path("/nonexistent/counter_effects.so");
    assert_int_equal(render("dd=A|ft=5", &image, &err), OMK_EIO);
    assert_int_equal(render("dd=A|format=png", &image, &err), OMK_EIO);
    render_ok("dd=A", &image); /* plain images need none */
    free(image.data);
    render_ok("dd=A|format=svg", &image);
    free(image.data);
    render_ok("dd=A|cdt=2026;12;24|sfd=T", &image);
    free(image.data);
    /* an error has its image all the same */
    assert_int_equal(
        counter_render_message(COUNTER_PNG, "an error", &from_heap, &image),
        OMK_OK);
    assert_string_equal(image.type, "image/gif");
    pixels_of(&image, &got);
    free(got.at);
    free(image.data);
    counter_effects_path(BUILDDIR "/.libs/counter_effects.so");
}

/* --- digits -------------------------------------------------------------- */

static const char *const glyphs[] = {
    "0",          "1",
    "9",          "0123456789",
    "00",         "1,234,567",
    "12:34P",     "05:06A",
    "11-25-2026", "9999999999999999999999999999999999999999999999999999999999",
};

static void expected_pixels(const struct counter_design *d, const char *text,
                            struct pixels *out)
{
    unsigned left = 0;

    out->width = 0;
    for (const char *c = text; *c; c++) {
        out->width += d->glyphs[counter_glyph_index(*c)].width;
    }
    out->height = d->height;
    out->at = calloc((size_t)out->width * out->height, sizeof *out->at);
    assert_non_null(out->at);
    for (const char *c = text; *c; c++) {
        const struct counter_glyph *g = &d->glyphs[counter_glyph_index(*c)];

        for (unsigned i = 0; i < g->width * d->height; i++) {
            unsigned x = i % g->width, y = i / g->width;
            const uint8_t *rgb =
                d->palette.rgb[d->pixels[(size_t)y * d->width + g->x + x]];

            out->at[(size_t)y * out->width + left + x] =
                (uint32_t)rgb[0] << 16 | (uint32_t)rgb[1] << 8 | rgb[2];
        }
        left += g->width;
    }
}

static void digits(void **state)
{
    static const char *const formats[] = {"gif", "png", "svg"};

    (void)state;
    for (char name = 'A'; name <= 'E'; name++) {
        for (size_t i = 0; i < sizeof glyphs / sizeof *glyphs; i++) {
            for (size_t k = 0; k < 3; k++) {
                struct counter_image image;
                struct pixels want, got;
                char query[128];

                (void)snprintf(query, sizeof query, "dd=%c|lit=%s|format=%s",
                               name, glyphs[i], formats[k]);
                render_ok(query, &image);
                expected_pixels(designs[name - 'A'], glyphs[i], &want);
                pixels_of(&image, &got);
                same_pixels(query, &got, &want);
                free(want.at);
                free(got.at);
                free(image.data);
            }
        }
    }
}

static const struct {
    const char *query;
    unsigned width, height;
} sizes[] = {
    {"dd=A|md=7", 105, 20},
    {"dd=D|md=5", 63, 13}, /* seven digits show whole */
    {"dd=D|lit=00001", 45, 13},
    {"dd=A|display=clock", 84, 20},
    {"dd=A|display=date", 142, 20},
    {"dd=A|md=7|ft=5", 115, 30},
    {"dd=B|display=clock", 84, 20},
    {"dd=B|display=date", 140, 20},
    {"dd=C|display=clock", 84, 20},
    {"dd=C|display=date", 140, 20},
    {"dd=D|display=clock", 57, 13},
    {"dd=D|display=date", 88, 13},
    {"dd=E|display=clock", 37, 9},
    {"dd=E|display=date", 60, 9},
    {"dd=E|md=7", 42, 9},
    {"dd=A|comma=T", 123, 20},
    {"dd=A|md=7|rotate=T", 20, 105},
    {"dd=A|md=7|degrees=180", 105, 20},
    {"dd=A|md=7|scale=4", 420, 80},
    {"dd=A|md=7|scale=2|ft=5|rotate=T", 60, 230},
    {"dd=A|md=7|negate=T|tr=T|chcolor=T", 105, 20},
    {"dd=A|md=7|sh=F", 1, 1},
    {"dd=A|cdt=2026;11;27;15;9;15", 147, 20},
    {"dd=A|cdt=2026;11;27;15;9;15|sfd=T", 163, 30}, /* as wide as its line */
    {"dd=A|cdt=2026;11;27;15;9;15|sfd=T|ft=1|scale=2", 330, 64},
};

static void sizes_and_formats(void **state)
{
    static const char *const formats[] = {"", "|format=png", "|format=svg"};

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct pixels first = {.at = NULL};

        for (size_t k = 0; k < 3; k++) {
            struct counter_image image;
            struct pixels got;
            struct omk_err err;
            unsigned width, height;
            char query[128];

            (void)snprintf(query, sizeof query, "%s%s", sizes[i].query,
                           formats[k]);
            render_ok(query, &image);
            assert_int_equal(size_of(query, &width, &height, &err), OMK_OK);
            if (image.width != sizes[i].width || image.height != sizes[i].height
                || width != image.width || height != image.height) {
                fail_msg("%s: %u x %u, announced as %u x %u", query,
                         image.width, image.height, width, height);
            }
            if (width > 1) {
                pixels_of(&image, &got);
                if (first.at) {
                    same_pixels(query, &got, &first);
                    free(got.at);
                }
                else {
                    first = got;
                }
            }
            free(image.data);
        }
        free(first.at);
    }
}

/* What is plain goes the fast way, and nothing else does. */
static void plain(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct counter_query q = parsed(sizes[i].query);
        bool effect =
            strstr(sizes[i].query, "ft=") || strstr(sizes[i].query, "rotate")
            || strstr(sizes[i].query, "degrees")
            || strstr(sizes[i].query, "scale")
            || strstr(sizes[i].query, "negate")
            || strstr(sizes[i].query, "sh=F") || strstr(sizes[i].query, "sfd");

        if (counter_query_is_plain(&q) == effect) {
            fail_msg("%s", sizes[i].query);
        }
    }
}

static void caption(void **state)
{
    struct counter_image with, without;
    struct pixels a, b;
    unsigned ink = 0;

    (void)state;
    render_ok("dd=A|cdt=2026;11;27|sfd=T", &with);
    render_ok("dd=A|cdt=2026;11;27", &without);
    pixels_of(&with, &a);
    pixels_of(&without, &b);
    for (unsigned y = 0; y < b.height; y++) {
        for (unsigned x = 0; x < b.width; x++) {
            assert_int_equal(a.at[(size_t)y * a.width + x],
                             b.at[(size_t)y * b.width + x]);
        }
    }
    for (size_t i = (size_t)20 * a.width; i < (size_t)30 * a.width; i++) {
        ink += a.at[i] != a.at[(size_t)20 * a.width];
    }
    assert_in_range(ink, 200, 600);
    free(a.at);
    free(b.at);
    free(with.data);
    free(without.data);
}

static const struct {
    const char *query;
    int want;
    const char *where;
} refused[] = {
    {"dd=B|cdt=2030;1;1", OMK_EINVAL, "dd"}, /* no letters D H M S */
    {"dd=A|scale=4|lit="
     "0123456789012345678901234567890123456789012345678901234567890123|ft=50",
     OMK_ERANGE, "scale"},
    {"dd=A|display=image", OMK_EINVAL, ""},
    {"dd=A|image=none.gif", OMK_EINVAL, "image"},
    {"dd=A|ft=1|frgb=nocolour", OMK_EINVAL, "frgb"},
};

static void what_cannot_be_drawn(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct counter_image image = {.len = 77};
        struct omk_err err = {0};
        unsigned width = 77, height = 77;
        int rc = render(refused[i].query, &image, &err);

        if (rc != refused[i].want || strcmp(err.where, refused[i].where) != 0) {
            fail_msg("%s: %d, %s: %s", refused[i].query, rc, err.where,
                     err.text);
        }
        assert_int_equal(image.len, 77);
        assert_int_equal(size_of(refused[i].query, &width, &height, &err), rc);
        assert_int_equal(width, 77);
    }
}

/* A design of wide glyphs: refused before any memory is taken. */
static void too_wide(void **state)
{
    static const char layout[] = "10:0:1:2:3:4:5:6:7:8:9:409";
    struct counter_canvas c = {
        .palette = {.n = 2, .transparent = -1}, .width = 409, .height = 1};
    struct counter_query q = parsed("lit=99999999999");
    struct counter_design *d;
    struct counter_text text;
    struct counter_image image;
    struct omk_err err;
    uint8_t *data;
    size_t len;

    (void)state;
    c.pixels = calloc(c.width, 1);
    assert_non_null(c.pixels);
    assert_int_equal(counter_gif_encode(&c, &from_heap, &data, &len), OMK_OK);
    assert_int_equal(counter_design_parse(data, len, layout, &d, &err), OMK_OK);
    counter_text_lit(&q, &text);
    assert_int_equal(
        counter_render(d, &q, &text, NULL, &no_memory, &image, &err),
        OMK_ERANGE);
    text.s[--text.len] = '\0'; /* 4000 pixels */
    assert_int_equal(
        counter_render(d, &q, &text, NULL, &from_heap, &image, &err), OMK_OK);
    assert_int_equal(image.width, 4000);
    free(image.data);
    free(data);
    free(c.pixels);
    counter_design_free(d);
}

static void out_of_memory(void **state)
{
    static const char *const queries[] = {
        "dd=A", "dd=A|format=png", "dd=A|format=svg", "dd=A|ft=5", "dd=A|sh=F"};
    (void)state;
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        struct counter_query q = parsed(queries[i]);
        struct counter_image image = {.len = 77};
        struct counter_text text;
        struct omk_err err = {0};

        text_of(&q, &text);
        assert_int_equal(counter_render(design_of(&q), &q, &text, NULL,
                                        &no_memory, &image, &err),
                         OMK_ENOMEM);
        assert_int_equal(image.len, 77);
    }
}

/* --- images that need no design ------------------------------------------ */

static void blank(void **state)
{
    static const enum counter_format formats[] = {COUNTER_GIF, COUNTER_PNG,
                                                  COUNTER_SVG, COUNTER_JSON};
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct counter_image image;
        struct pixels got;

        assert_int_equal(counter_render_blank(formats[i], &from_heap, &image),
                         OMK_OK);
        pixels_of(&image, &got);
        assert_int_equal(got.width, 1);
        assert_int_equal(got.height, 1);
        assert_int_equal(got.at[0], CLEAR);
        free(got.at);
        free(image.data);
    }
}

static void messages(void **state)
{
    static const char *const lines[] = {
        "",
        "x",
        "md: must be 5 to 10",
        "<&> \"quoted\"",
        "\xe3\x81\x82\n\x7f",
        "a line that is too long for any image, since it has more than the "
        "ninety-eight characters that go into 600 pixels, and then some",
    };
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct pixels first = {.at = NULL};

        for (enum counter_format f = COUNTER_GIF; f <= COUNTER_SVG; f++) {
            struct counter_image image;
            struct pixels got;

            assert_int_equal(
                counter_render_message(f, lines[i], &from_heap, &image),
                OMK_OK);
            pixels_of(&image, &got);
            assert_in_range(got.width, 8, 600);
            assert_int_equal(got.height, 16);
            if (first.at) {
                same_pixels(lines[i], &got, &first);
                free(got.at);
            }
            else {
                first = got;
            }
            free(image.data);
        }
        free(first.at);
    }
}

/* --- SVG ----------------------------------------------------------------- */

static bool holds(const struct counter_image *image, const char *what)
{
    return memmem(image->data, image->len, what, strlen(what)) != NULL;
}

static void svg_text(void **state)
{
    struct counter_image image;

    (void)state;
    render_ok("dd=E|lit=12,34|format=svg", &image);
    assert_true(holds(&image, "<title id=\"t\">12,34</title>"));
    assert_true(holds(&image, "viewBox=\"0 0 30 9\""));
    assert_true(holds(&image, "role=\"img\""));
    free(image.data);
    assert_int_equal(
        counter_render_message(COUNTER_SVG, "<b> & \"c\"", &from_heap, &image),
        OMK_OK);
    assert_true(holds(&image, "<title id=\"t\">&lt;b&gt; &amp; \"c\"</title>"));
    free(image.data);
}

static void svg_too_detailed(void **state)
{
    struct counter_canvas c = {
        .palette = {.n = 2, .transparent = -1}, .width = 2048, .height = 512};
    struct omk_err err;
    uint8_t *data = NULL;
    size_t len;

    (void)state;
    c.pixels = malloc((size_t)c.width * c.height);
    assert_non_null(c.pixels);
    for (size_t i = 0; i < (size_t)c.width * c.height; i++) {
        c.pixels[i] = i & 1;
    }
    assert_int_equal(counter_svg_encode(&c, "x", &no_memory, &data, &len, &err),
                     OMK_ERANGE);
    assert_null(data);
    free(c.pixels);
}

static int setup(void **state)
{
    (void)state;
    assert_int_equal(setenv("TZ", "JST-9", 1), 0);
    for (char name = 'A'; name <= 'E'; name++) {
        designs[name - 'A'] = built_design(name);
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        counter_design_put(designs[i]);
    }
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_effects), /* first: they stay loaded */
        cmocka_unit_test(digits),
        {"P51, P52: sizes of counter, clock and date in every design",
         sizes_and_formats, NULL, NULL, NULL},
        cmocka_unit_test(plain),
        cmocka_unit_test(caption),
        cmocka_unit_test(what_cannot_be_drawn),
        cmocka_unit_test(too_wide),
        cmocka_unit_test(out_of_memory),
        cmocka_unit_test(blank),
        cmocka_unit_test(messages),
        cmocka_unit_test(svg_text),
        cmocka_unit_test(svg_too_detailed),
    };

    return cmocka_run_group_tests_name("render", tests, setup, teardown);
}
