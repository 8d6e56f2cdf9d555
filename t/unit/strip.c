#include "cmocka_first.h"
#include "design.h"
#include "err.h"
#include "pictures.h"
#include "strip.h"

#include <gif_lib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- GIFs made by giflib ------------------------------------------------- */

struct made {
    uint8_t *p;
    size_t len;
};

struct recipe {
    unsigned width, height;
    unsigned colors;     /* 0: no map at all */
    const char *comment; /* NULL: none */
    bool comment_first;
    bool interlaced, local_map;
    unsigned images; /* 0 means 1 */
    int transparent; /* 0 means none, else the colour + 1 */
};

static int append(GifFileType *gif, const GifByteType *from, int n)
{
    struct made *m = gif->UserData;
    uint8_t *p = realloc(m->p, m->len + (size_t)n);

    assert_non_null(p);
    memcpy(p + m->len, from, (size_t)n);
    m->p = p;
    m->len += (size_t)n;
    return n;
}

/* What the pixel at x, y of a made GIF is. */
static uint8_t color_at(const struct recipe *r, unsigned x, unsigned y)
{
    return (uint8_t)((x * 5 + y * 3 + x * y) % r->colors);
}

static void put_row(GifFileType *gif, const struct recipe *r, unsigned y)
{
    GifPixelType row[5000];

    for (unsigned x = 0; x < r->width; x++) {
        row[x] = color_at(r, x, y);
    }
    assert_int_equal(EGifPutLine(gif, row, (int)r->width), GIF_OK);
}

static void put_image(GifFileType *gif, const struct recipe *r,
                      const ColorMapObject *map)
{
    static const unsigned first[] = {0, 4, 2, 1}, step[] = {8, 8, 4, 2};

    assert_int_equal(EGifPutImageDesc(gif, 0, 0, (int)r->width, (int)r->height,
                                      r->interlaced, r->local_map ? map : NULL),
                     GIF_OK);
    for (unsigned pass = 0; pass < (r->interlaced ? 4u : 1u); pass++) {
        for (unsigned y = r->interlaced ? first[pass] : 0; y < r->height;
             y += r->interlaced ? step[pass] : 1) {
            put_row(gif, r, y);
        }
    }
}

static void put_comment(GifFileType *gif, const struct recipe *r, bool first)
{
    if (r->comment && r->comment_first == first) {
        assert_int_equal(EGifPutComment(gif, r->comment), GIF_OK);
    }
}

static struct made make(const struct recipe *r)
{
    struct made m = {NULL, 0};
    GifFileType *gif = EGifOpen(&m, append, NULL);
    unsigned size = 2;
    ColorMapObject *map;

    assert_non_null(gif);
    while (size < r->colors) {
        size *= 2;
    }
    map = GifMakeMapObject((int)size, NULL);
    assert_non_null(map);
    for (unsigned i = 0; i < size; i++) {
        map->Colors[i] = (GifColorType){(GifByteType)i, (GifByteType)(i * 3),
                                        (GifByteType)(255 - i)};
    }
    EGifSetGifVersion(gif, true);
    assert_int_equal(EGifPutScreenDesc(gif, (int)r->width, (int)r->height, 8, 0,
                                       r->local_map ? NULL : map),
                     GIF_OK);
    put_comment(gif, r, true);
    if (r->transparent) {
        GifByteType control[4] = {1, 0, 0, (GifByteType)(r->transparent - 1)};

        assert_int_equal(
            EGifPutExtension(gif, GRAPHICS_EXT_FUNC_CODE, 4, control), GIF_OK);
    }
    for (unsigned i = 0; i < (r->images ? r->images : 1); i++) {
        put_image(gif, r, map);
    }
    put_comment(gif, r, false);
    assert_int_equal(EGifCloseFile(gif, NULL), GIF_OK);
    GifFreeMapObject(map);
    return m;
}

/* --- what is taken ------------------------------------------------------- */

static const char plain_layout[] =
    "15:0:9:18:27:36:45:54:63:72:81:90:96:111:126:132:140";

static void check_pixels(const char *label, const struct counter_design *d,
                         const struct recipe *r, const unsigned *edges,
                         unsigned count)
{
    assert_int_equal(d->height, r->height);
    for (unsigned g = 0; g < count && g < COUNTER_GLYPHS; g++) {
        const struct counter_glyph *glyph = &d->glyphs[g];

        if (glyph->width != edges[g + 1] - edges[g]) {
            fail_msg("%s: glyph %u is %u wide", label, g, glyph->width);
        }
        for (unsigned i = 0; i < glyph->width * d->height; i++) {
            unsigned x = i % glyph->width, y = i / glyph->width;
            uint8_t c = color_at(r, edges[g] + x, y);
            uint8_t have = d->pixels[(size_t)y * d->width + glyph->x + x];
            bool clear = r->transparent == c + 1;

            if (clear != (have == d->palette.transparent)
                || (!clear
                    && (d->palette.rgb[have][0] != c
                        || d->palette.rgb[have][2] != 255 - c))) {
                fail_msg("%s: glyph %u at %u, %u", label, g, x, y);
            }
        }
    }
    for (unsigned g = count; g < COUNTER_GLYPHS; g++) {
        assert_int_equal(d->glyphs[g].width, 0);
    }
}

/* With edges from the layout's own text. */
static void takes_layout(const char *label, const struct recipe *r,
                         const char *text, const char *layout)
{
    struct made m = make(r);
    struct counter_design *d;
    struct omk_err err;
    unsigned edges[64], n = 0;
    const char *p = strchr(layout, ':');

    if (counter_design_parse(m.p, m.len, text, &d, &err) != OMK_OK) {
        fail_msg("%s: %s", label, err.text);
    }
    for (; p && n < 64; p = strchr(p + 1, ':')) {
        edges[n++] = (unsigned)strtoul(p + 1, NULL, 10);
    }
    check_pixels(label, d, r, edges, n - 1);
    counter_design_free(d);
    free(m.p);
}

static void layouts(void **state)
{
    struct recipe r = {.width = 140, .height = 13, .colors = 7};
    static const char own[] = "10:0:3:20:40:60:80:81:90:100:139:140";
    char lines[256], *to = lines;

    (void)state;
    r.comment = own;
    takes_layout("comment behind", &r, NULL, own);
    r.comment_first = true;
    takes_layout("comment before", &r, NULL, own);
    takes_layout("strip.txt goes first", &r, plain_layout, plain_layout);
    for (const char *p = plain_layout; *p; p++) {
        to += sprintf(to, *p == ':' ? " :\n\t" : "%c", *p);
    }
    takes_layout("strip.txt in lines", &r, lines, plain_layout);
    r.comment = "made by a program";
    takes_layout("known by its size", &r, NULL, plain_layout);
    r.comment = "10:0:3";
    takes_layout("a cut comment", &r, NULL, plain_layout);
    r.comment = "20:0:7:14:21:28:35:42:49:56:63:70:77:84:91:98:105:112:119:126:"
                "133:140";
    takes_layout("a glyph more than there are", &r, NULL, r.comment);
    r.comment = NULL;
    takes_layout("no comment", &r, NULL, plain_layout);
    r = (struct recipe){.width = 195, .height = 20, .colors = 3};
    takes_layout("13 of one width", &r, NULL,
                 "13:0:15:30:45:60:75:90:105:120:135:150:165:180:195");
    r = (struct recipe){.width = 150, .height = 20, .colors = 3};
    takes_layout("the ten digits", &r, NULL,
                 "10:0:15:30:45:60:75:90:105:120:135:150");
}

static void forms(void **state)
{
    struct recipe r = {.width = 140, .height = 13, .colors = 7};

    (void)state;
    for (unsigned height = 1; height < 20; height++) {
        r.height = height;
        r.interlaced = true;
        takes_layout("interlaced", &r, plain_layout, plain_layout);
        r.interlaced = false;
        takes_layout("not interlaced", &r, plain_layout, plain_layout);
    }
    r.local_map = true;
    takes_layout("a local map", &r, plain_layout, plain_layout);
    r.local_map = false;
    r.transparent = 3;
    takes_layout("transparent", &r, plain_layout, plain_layout);
    r.colors = 256;
    takes_layout("256 colours", &r, plain_layout, plain_layout);
    r = (struct recipe){.width = 4096,
                        .height = 512,
                        .colors = 4,
                        .comment = "10:0:1:2:3:4:5:6:7:8:9:4096"};
    takes_layout("the largest", &r, NULL, r.comment);
}

/* The colours of the file that no glyph has are dropped. */
static void fewer_colors(void **state)
{
    struct recipe r = {.width = 140, .height = 13, .colors = 256};
    struct made m = make(&r);
    struct counter_design *d;

    (void)state;
    assert_int_equal(
        counter_design_parse(m.p, m.len, "10:0:1:2:3:4:5:6:7:8:9:10", &d, NULL),
        OMK_OK);
    assert_true(d->palette.n <= 130);
    assert_int_equal(d->width, 10);
    counter_design_free(d);
    free(m.p);
}

/* --- what is refused ----------------------------------------------------- */

static char refusal[sizeof ((struct omk_err *)0)->text]; /* the last one's text */

static void refuse(const char *label, const uint8_t *p, size_t len,
                   const char *layout, int want)
{
    struct counter_design untouched, *d = &untouched;
    struct omk_err err = {0};
    uint8_t *exact = malloc(len ? len : 1); /* for ASan */
    int rc;

    assert_non_null(exact);
    if (len) {
        memcpy(exact, p, len);
    }
    rc = counter_design_parse(exact, len, layout, &d, &err);
    if (rc != want || err.code != want || !err.text[0] || d != &untouched) {
        fail_msg("%s: %d, %s", label, rc, err.text);
    }
    (void)snprintf(refusal, sizeof refusal, "%s", err.text);
    free(exact);
}

static void refuse_made(const char *label, struct recipe r, const char *layout,
                        int want)
{
    struct made m = make(&r);

    refuse(label, m.p, m.len, layout, want);
    free(m.p);
}

static void wrong(void **state)
{
    const struct recipe ok = {.width = 140, .height = 13, .colors = 7};
    struct recipe r = ok;

    (void)state;
    refuse("nothing", NULL, 0, NULL, OMK_EINVAL);
    refuse("text", (const uint8_t *)"10:0:1", 6, NULL, OMK_EINVAL);
    r.images = 2;
    refuse_made("animated", r, plain_layout, OMK_EINVAL);
    r = ok;
    r.width = 4097;
    refuse_made("too wide", r, NULL, OMK_ERANGE);
    r = ok;
    r.height = 513;
    refuse_made("too high", r, plain_layout, OMK_ERANGE);
    r = ok;
    r.width = 141;
    refuse_made("no way to tell the glyphs", r, NULL, OMK_EINVAL);
}

static const struct {
    const char *label, *layout;
} bad_layouts[] = {
    {"nothing", ""},
    {"no number", "ten"},
    {"a count alone", "10"},
    {"nine glyphs", "9:0:1:2:3:4:5:6:7:8:9"},
    {"too few edges", "10:0:1:2:3:4:5:6:7:8:9"},
    {"beyond the strip", "10:0:1:2:3:4:5:6:7:8:9:141"},
    {"backwards", "10:0:1:2:3:4:5:6:7:6:9:10"},
    {"an empty glyph", "10:0:1:2:3:4:5:6:7:7:9:10"},
    {"another separator", "10;0;1;2;3;4;5;6;7;8;9;10"},
    {"a minus", "10:0:1:2:3:4:5:6:7:8:9:-10"},
    {"overflow", "10:0:1:2:3:4:5:6:7:8:9:18446744073709551617"},
    {"a huge count", "18446744073709551615:0:1:2"},
    {"a count of 4096", "4096:0:1:2"},
};

static void wrong_layouts(void **state)
{
    const struct recipe r = {.width = 140, .height = 13, .colors = 7};

    (void)state;
    for (size_t i = 0; i < sizeof bad_layouts / sizeof *bad_layouts; i++) {
        refuse_made(bad_layouts[i].label, r, bad_layouts[i].layout, OMK_EINVAL);
    }
}

/* Cut anywhere, it is refused, and nothing beyond is read. Only the trailer
 * may be missing: browsers have never minded. */
static void cut_short(void **state)
{
    const struct recipe r = {.width = 140,
                             .height = 13,
                             .colors = 7,
                             .comment = "10:0:1:2:3:4:5:6:7:8:9:10",
                             .comment_first = true};
    struct made m = make(&r);
    struct counter_design *d;

    (void)state;
    for (size_t len = 0; len + 1 < m.len; len++) {
        refuse("cut", m.p, len, NULL, OMK_EINVAL);
    }
    assert_int_equal(m.p[m.len - 1], 0x3b);
    assert_int_equal(counter_design_parse(m.p, m.len - 1, NULL, &d, NULL),
                     OMK_OK);
    assert_int_equal(d->width, 10);
    counter_design_free(d);
    free(m.p);
}

/* Whatever byte is wrong, nothing worse than a refusal or another picture. */
static void damaged(void **state)
{
    const struct recipe r = {.width = 140, .height = 5, .colors = 7};
    struct made m = make(&r);
    uint32_t random = 88172645u;
    unsigned refused = 0;

    (void)state;
    for (size_t at = 0; at < m.len; at++) {
        uint8_t was = m.p[at];

        for (unsigned i = 0; i < 8; i++) {
            struct counter_design *d;

            m.p[at] = (uint8_t)next_random(&random);
            if (counter_design_parse(m.p, m.len, plain_layout, &d, NULL)
                == OMK_OK) {
                counter_design_free(d);
            }
            else {
                refused++;
            }
        }
        m.p[at] = was;
    }
    assert_true(refused > 0);
    free(m.p);
}

/* Its code table says how many colours there may be; the map has fewer. */
static void pixel_without_color(void **state)
{
    struct recipe r = {.width = 140, .height = 13, .colors = 7};
    struct made m = make(&r);
    uint8_t *p = malloc(m.len);
    size_t gone = 12; /* of the 8 colours, 4 */

    (void)state;
    assert_non_null(p);
    memcpy(p, m.p, 25);
    p[10] = (uint8_t)((p[10] & ~7) | 1);
    memcpy(p + 25, m.p + 25 + gone, m.len - 25 - gone);
    refuse("a pixel without a colour", p, m.len - gone, plain_layout,
           OMK_EINVAL);
    assert_string_equal(refusal, "broken GIF: a pixel has no colour");
    free(p);
    free(m.p);
}

static void too_large_a_file(void **state)
{
    uint8_t *p = calloc(1, COUNTER_STRIP_BYTES_MAX + 1);

    (void)state;
    assert_non_null(p);
    memcpy(p, "GIF89a", 6);
    refuse("a megabyte and one", p, COUNTER_STRIP_BYTES_MAX + 1, NULL,
           OMK_ERANGE);
    free(p);
}

/* --- single images ------------------------------------------------------- */

static void singles(void **state)
{
    struct counter_bytes images[COUNTER_GLYPHS] = {{NULL, 0}};
    struct made made[COUNTER_GLYPHS] = {{NULL, 0}};
    struct counter_design *d;
    struct omk_err err;

    (void)state;
    for (unsigned g = 0; g < COUNTER_DIGITS + 1; g++) {
        struct recipe r = {.width = 5 + g, .height = 9 + g % 2, .colors = 4};

        made[g] = make(&r);
        images[g] = (struct counter_bytes){made[g].p, made[g].len};
    }
    assert_int_equal(counter_design_parse_singles(images, &d, &err), OMK_OK);
    assert_int_equal(d->height, 10);
    for (unsigned g = 0; g < COUNTER_GLYPHS; g++) {
        assert_int_equal(d->glyphs[g].width, g <= COUNTER_DIGITS ? 5 + g : 0);
    }
    /* below a lower image, its corner's colour goes on */
    assert_int_equal(d->pixels[(size_t)9 * d->width + d->glyphs[2].x + 3],
                     d->pixels[d->glyphs[2].x]);
    counter_design_free(d);

    images[7].len -= 2;
    assert_int_equal(counter_design_parse_singles(images, &d, &err),
                     OMK_EINVAL);
    assert_string_equal(err.where, "seven.gif");
    images[3].data = NULL;
    assert_int_equal(counter_design_parse_singles(images, &d, &err),
                     OMK_EINVAL);
    assert_string_equal(err.where, "three.gif");
    assert_string_equal(err.text, "missing");
    for (unsigned g = 0; g < COUNTER_GLYPHS; g++) {
        free(made[g].p);
    }
}

static void singles_too_colorful(void **state)
{
    struct counter_bytes images[COUNTER_GLYPHS] = {{NULL, 0}};
    struct counter_canvas c = {.width = 100, .height = 1};
    struct counter_design *d;
    struct omk_err err;
    uint8_t pixels[100];

    (void)state;
    c.pixels = pixels;
    c.palette.n = 100;
    c.palette.transparent = -1;
    for (unsigned g = 0; g < COUNTER_DIGITS; g++) {
        uint8_t *data;

        for (unsigned i = 0; i < 100; i++) {
            pixels[i] = (uint8_t)i;
            c.palette.rgb[i][0] = (uint8_t)i;
            c.palette.rgb[i][1] = (uint8_t)g;
            c.palette.rgb[i][2] = 0;
        }
        assert_int_equal(
            counter_gif_encode(&c, &from_heap, &data, &images[g].len), OMK_OK);
        images[g].data = data;
    }
    assert_int_equal(counter_design_parse_singles(images, &d, &err),
                     OMK_ERANGE);
    assert_string_equal(err.text, "more than 256 colours");
    for (unsigned g = 0; g < COUNTER_DIGITS; g++) {
        free((void *)(uintptr_t)images[g].data);
    }
}

/* --- ours ---------------------------------------------------------------- */

static const struct {
    char name;
    unsigned height, digit, colon, half, comma, dash, unit;
} ours[] = {
    {'A', 20, 15, 9, 15, 9, 11, 15}, {'B', 20, 15, 9, 15, 9, 10, 0},
    {'C', 20, 15, 9, 15, 9, 10, 0},  {'D', 13, 9, 6, 15, 6, 8, 0},
    {'E', 9, 6, 6, 7, 6, 6, 0},
};

static void our_designs(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
        const struct counter_design *d = built_design(ours[i].name);
        const struct counter_glyph *g = d->glyphs;

        assert_int_equal(d->height, ours[i].height);
        for (char c = '0'; c <= '9'; c++) {
            assert_int_equal(g[counter_glyph_index(c)].width, ours[i].digit);
        }
        assert_int_equal(g[counter_glyph_index(':')].width, ours[i].colon);
        assert_int_equal(g[counter_glyph_index('a')].width, ours[i].half);
        assert_int_equal(g[counter_glyph_index('P')].width, ours[i].half);
        assert_int_equal(g[counter_glyph_index(',')].width, ours[i].comma);
        assert_int_equal(g[counter_glyph_index('-')].width, ours[i].dash);
        for (const char *c = "DHMS"; *c; c++) {
            assert_int_equal(g[counter_glyph_index(*c)].width, ours[i].unit);
        }
        counter_design_put(d);
    }
}

/* No two digits of a design look alike, and none is empty. */
static void our_digits_differ(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
        const struct counter_design *d = built_design(ours[i].name);

        for (unsigned a = 0; a < COUNTER_DIGITS; a++) {
            for (unsigned b = a + 1; b < COUNTER_DIGITS; b++) {
                unsigned off = 0;

                for (unsigned y = 0; y < d->height; y++) {
                    const uint8_t *row = d->pixels + (size_t)y * d->width;

                    for (unsigned x = 0; x < d->glyphs[a].width; x++) {
                        off +=
                            row[d->glyphs[a].x + x] != row[d->glyphs[b].x + x];
                    }
                }
                if (off < 3) {
                    fail_msg("%c: %u and %u look alike", ours[i].name, a, b);
                }
            }
        }
        counter_design_put(d);
    }
}

static void glyph_names(void **state)
{
    static const char all[] = "0123456789:AP,-DHMS";

    (void)state;
    for (int i = 0; all[i]; i++) {
        assert_int_equal(counter_glyph_index(all[i]), i);
    }
    assert_int_equal(counter_glyph_index('a'), counter_glyph_index('A'));
    assert_int_equal(counter_glyph_index('p'), counter_glyph_index('P'));
    assert_int_equal(counter_glyph_index('\0'), -1);
    assert_int_equal(counter_glyph_index('x'), -1);
    assert_int_equal(counter_glyph_index('d'), -1);
    assert_int_equal(counter_glyph_index((char)0xff), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layouts),
        cmocka_unit_test(forms),
        cmocka_unit_test(fewer_colors),
        cmocka_unit_test(wrong),
        cmocka_unit_test(wrong_layouts),
        cmocka_unit_test(cut_short),
        cmocka_unit_test(damaged),
        cmocka_unit_test(pixel_without_color),
        cmocka_unit_test(too_large_a_file),
        cmocka_unit_test(singles),
        cmocka_unit_test(singles_too_colorful),
        {"P48: the five designs have the sizes that pages know", our_designs,
         NULL, NULL, NULL},
        cmocka_unit_test(our_digits_differ),
        cmocka_unit_test(glyph_names),
    };

    return cmocka_run_group_tests_name("strip", tests, NULL, NULL);
}
