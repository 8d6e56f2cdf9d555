#include "cmocka_first.h"
#include "effects.h"
#include "err.h"
#include "pictures.h"

#include <gd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct counter_effects *effects;
static char dir[64]; /* pictures */

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

/* 3 x 2: red green blue / black white grey. */
static uint8_t six_pixels[] = {0, 1, 2, 3, 4, 5};
static const struct counter_canvas six = {
    .palette = {.rgb = {{255, 0, 0},
                        {0, 255, 0},
                        {0, 0, 255},
                        {0, 0, 0},
                        {255, 255, 255},
                        {100, 100, 100}},
                .n = 6,
                .transparent = -1},
    .width = 3,
    .height = 2,
    .pixels = six_pixels,
};

enum { R = 0xff0000, G = 0x00ff00, B = 0x0000ff, K = 0, W = 0xffffff };
enum { GREY = 0x646464, FRAME = 0x648bd8, LIGHT = 0xb1c5eb, DARK = 0x32456c };

static void apply_to(const struct counter_canvas *digits, const char *query,
                     struct pixels *out)
{
    struct counter_query q = parsed(query);
    struct counter_canvas c;
    struct omk_err err = {0};
    unsigned width = 0, height = 0;

    if (effects->apply(digits, &q, dir, &c, &err) != OMK_OK) {
        fail_msg("%s: %s %s", query, err.where, err.text);
    }
    assert_int_equal(effects->size(digits, &q, dir, &width, &height, &err),
                     OMK_OK);
    if (c.width != width || c.height != height) {
        fail_msg("%s: %u x %u, announced as %u x %u", query, c.width, c.height,
                 width, height);
    }
    pixels_of_canvas(&c, out);
    free(c.pixels);
}

static void refuse(const struct counter_canvas *digits, const char *query,
                   int want, const char *where)
{
    struct counter_query q = parsed(query);
    struct counter_canvas untouched = {.width = 77}, c = untouched;
    struct omk_err err = {0};
    unsigned width = 77, height = 77;
    int rc = effects->apply(digits, &q, dir, &c, &err);

    if (rc != want || strcmp(err.where, where) != 0 || strchr(err.text, '/')) {
        fail_msg("%s: %d, %s: %s", query, rc, err.where, err.text);
    }
    assert_memory_equal(&c, &untouched, sizeof c);
    rc = effects->size(digits, &q, dir, &width, &height, &err);
    if (rc != want || strcmp(err.where, where) != 0) {
        fail_msg("size of %s: %d, %s: %s", query, rc, err.where, err.text);
    }
    assert_true(width == 77 && height == 77);
}

/* --- the digits themselves ----------------------------------------------- */

static const struct {
    const char *query;
    unsigned width, height;
    uint32_t at[42];
} cases[] = {
    {"scale=1", 3, 2, {R, G, B, K, W, GREY}},
    {"negate=T", 3, 2, {0x00ffff, 0xff00ff, 0xffff00, W, K, 0x9b9b9b}},
    {"rotate=T|degrees=90", 2, 3, {K, R, W, G, GREY, B}},
    {"rotate=T|degrees=180", 3, 2, {GREY, W, K, B, G, R}},
    {"rotate=T|degrees=270", 2, 3, {B, GREY, G, W, R, K}},
    {"rotate=T", 2, 3, {B, GREY, G, W, R, K}},
    {"degrees=360", 3, 2, {R, G, B, K, W, GREY}},
    {"tr=T", 3, 2, {R, G, B, CLEAR, W, GREY}},
    {"trgb=0000ff", 3, 2, {R, G, CLEAR, K, W, GREY}},
    {"trgb=Blue", 3, 2, {R, G, CLEAR, K, W, GREY}},
    {"trgb=010203", 3, 2, {R, G, B, K, W, GREY}}, /* not there itself */
    {"tr=T|negate=T", 3, 2, {0x00ffff, 0xff00ff, 0xffff00, W, CLEAR, 0x9b9b9b}},
    {"chcolor=T", 3, 2, {R, 0xff7700, B, K, W, GREY}},
    {"prgb=ff00ff|srgb=ff0000", 3, 2, {0xff00ff, G, B, K, W, GREY}},
    {"prgb=dark+orange|srgb=BLUE", 3, 2, {R, G, 0xff8c00, K, W, GREY}},
    {"prgb=ff0000|srgb=ffffff", 3, 2, {R, G, B, K, R, 0x640000}},
    {"prgb=ff0000|srgb=000000", 3, 2, {R, G, B, R, W, GREY}},
    {"prgb=0000ff|srgb=00ff00|trgb=0000ff", 3, 2,
     {R, CLEAR, CLEAR, K, W, GREY}},
    {"scale=2", 6, 4,
     {R, R, G, G, B, B, R, R, G, G, B, B, K, K, W, W, GREY, GREY,
      K, K, W, W, GREY, GREY}},
    {"ft=1", 5, 4,
     {FRAME, FRAME, FRAME, FRAME, FRAME, FRAME, R, G, B, FRAME,
      FRAME, K, W, GREY, FRAME, FRAME, FRAME, FRAME, FRAME, FRAME}},
    {"ft=2", 7, 6,
     {LIGHT, LIGHT, LIGHT, LIGHT, LIGHT, LIGHT, DARK,
      LIGHT, FRAME, FRAME, FRAME, FRAME, FRAME, DARK,
      LIGHT, FRAME, R, G, B, FRAME, DARK,
      LIGHT, FRAME, K, W, GREY, FRAME, DARK,
      LIGHT, FRAME, FRAME, FRAME, FRAME, FRAME, DARK,
      DARK, DARK, DARK, DARK, DARK, DARK, DARK}},
    /* the light stays above when the digits turn */
    {"ft=1|rotate=T|degrees=90|frgb=red", 4, 5,
     {R, R, R, R, R, K, R, R, R, W, G, R, R, GREY, B, R, R, R, R, R}},
    {"ft=1|tr=T|frgb=000000", 5, 4, /* a frame is never clear */
     {K, K, K, K, K, K, R, G, B, K, K, CLEAR, W, GREY, K, K, K, K, K, K}},
};

static void digits(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint32_t at[42];
        const struct pixels want = {cases[i].width, cases[i].height, at};
        struct pixels got;

        memcpy(at, cases[i].at, sizeof at);
        apply_to(&six, cases[i].query, &got);
        same_pixels(cases[i].query, &got, &want);
        free(got.at);
    }
    for (unsigned i = 0; i < 6; i++) { /* what was given stays as it was */
        assert_int_equal(six_pixels[i], i);
    }
}

/* Edges smoothed between black and 00ff00, and its highlights. */
static void shades_follow(void **state)
{
    uint8_t pixels[] = {0, 1, 2, 3, 4};
    const struct counter_canvas c = {
        .palette = {.rgb = {{0, 0, 0},
                            {0, 128, 0},
                            {0, 255, 0},
                            {170, 255, 170},
                            {60, 200, 90}},
                    .n = 5,
                    .transparent = -1},
        .width = 5,
        .height = 1,
        .pixels = pixels,
    };
    struct pixels got;

    (void)state;
    apply_to(&c, "prgb=ff0000|srgb=00ff00", &got);
    assert_int_equal(got.at[0], K);
    assert_int_equal(got.at[1], 0x800000);
    assert_int_equal(got.at[2], R);
    assert_int_equal(got.at[3], 0xffaaaa);
    assert_int_equal(got.at[4], 0x3cc85a); /* another colour */
    free(got.at);
}

/* Black goes, and with it the segments of an LED that are off. */
static void ghosts_vanish(void **state)
{
    uint8_t pixels[] = {0, 1, 2, 3, 4};
    const struct counter_canvas c = {
        .palette = {.rgb = {{0, 0, 0},
                            {0, 48, 0},
                            {0, 49, 0},
                            {48, 48, 48},
                            {0, 255, 0}},
                    .n = 5,
                    .transparent = -1},
        .width = 5,
        .height = 1,
        .pixels = pixels,
    };
    struct pixels got;

    (void)state;
    apply_to(&c, "tr=T", &got);
    assert_int_equal(got.at[0], CLEAR);
    assert_int_equal(got.at[1], CLEAR);
    assert_int_equal(got.at[2], 0x003100);
    assert_int_equal(got.at[3], CLEAR);
    assert_int_equal(got.at[4], G);
    free(got.at);
}

static void what_is_clear_stays(void **state)
{
    struct counter_canvas c = six;
    struct pixels got;

    (void)state;
    c.palette.transparent = 3;
    apply_to(&c, "trgb=red", &got);
    assert_int_equal(got.at[0], CLEAR);
    assert_int_equal(got.at[1], G);
    assert_int_equal(got.at[3], CLEAR);
    free(got.at);
    /* black behind the clear index is no black */
    apply_to(&c, "ft=1|frgb=000000", &got);
    assert_int_equal(got.at[0], K);
    assert_int_equal(got.at[2 * 5 + 1], CLEAR);
    free(got.at);
}

static void frames(void **state)
{
    static const unsigned thick[] = {3, 5, 50};

    (void)state;
    for (size_t i = 0; i < sizeof thick / sizeof *thick; i++) {
        unsigned ft = thick[i], w = 3 + 2 * ft;
        struct pixels got;
        char query[16];

        (void)snprintf(query, sizeof query, "ft=%u", ft);
        apply_to(&six, query, &got);
        assert_int_equal(got.width, w);
        assert_int_equal(got.height, 2 + 2 * ft);
        assert_int_equal(got.at[0], LIGHT);
        assert_int_equal(got.at[w + 1], FRAME);
        assert_int_equal(got.at[(size_t)(ft - 1) * w + ft], DARK);
        assert_int_equal(got.at[(size_t)ft * w + ft], R);
        assert_int_equal(got.at[(size_t)ft * w + ft + 3], LIGHT);
        assert_int_equal(got.at[(size_t)(ft + 1) * w + w - 1], DARK);
        free(got.at);
    }
}

/* A frame's colours where the palette has no room for them: the nearest. */
static void full_palette(void **state)
{
    uint8_t pixels[256];
    struct counter_canvas c = {.width = 16, .height = 16, .pixels = pixels};
    struct pixels got;

    (void)state;
    c.palette.n = 256;
    c.palette.transparent = -1;
    for (unsigned i = 0; i < 256; i++) {
        pixels[i] = (uint8_t)i;
        memset(c.palette.rgb[i], (int)i, 3);
    }
    apply_to(&c, "ft=3|frgb=808082", &got);
    assert_int_equal(got.at[0], 0xbfbfbf);
    assert_int_equal(got.at[22 + 1], 0x818181);
    free(got.at);
}

static void names_of_colors(void **state)
{
    static const struct {
        const char *query;
        uint32_t want;
    } names[] = {
        {"ft=1|frgb=LightGoldenrodYellow", 0xfafad2},
        {"ft=1|frgb=light%20goldenrod%20yellow", 0xfafad2},
        {"ft=1|frgb=lightgoldenrodyellow", 0xfafad2},
        {"ft=1|frgb=GREY50", 0x7f7f7f},
        {"ft=1|frgb=gray50", 0x7f7f7f},
        {"ft=1|frgb=NavyBlue", 0x000080},
        {"ft=1|frgb=1;2;3", 0x010203},
    };

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct pixels got;

        apply_to(&six, names[i].query, &got);
        if (got.at[0] != names[i].want) {
            fail_msg("%s: %06x", names[i].query, got.at[0]);
        }
        free(got.at);
    }
    refuse(&six, "ft=1|frgb=no such colour", OMK_EINVAL, "frgb");
    refuse(&six, "trgb=reddd", OMK_EINVAL, "trgb");
    refuse(&six, "chcolor=T|srgb=re", OMK_EINVAL, "srgb");
    refuse(&six, "prgb=x", OMK_EINVAL, "prgb");
}

/* Refused by its size alone: there are no pixels to look at. */
static void too_large(void **state)
{
    struct counter_canvas c = {.width = 4096, .height = 512};

    (void)state;
    refuse(&c, "ft=1", OMK_ERANGE, "ft");
    refuse(&c, "scale=2", OMK_ERANGE, "scale");
    refuse(&c, "rotate=T|ft=1", OMK_ERANGE, "ft");
    c.width = 1025;
    refuse(&c, "scale=4", OMK_ERANGE, "scale");
    c.width = 512;
    c.height = 1025;
    refuse(&c, "scale=4", OMK_ERANGE, "scale");
    c.height = 1000;
    refuse(&c, "scale=4|ft=13", OMK_ERANGE, "scale");
}

static void the_largest(void **state)
{
    struct counter_canvas c = {.palette = {.n = 1, .transparent = -1},
                               .width = 1024,
                               .height = 16};
    struct pixels got;

    (void)state;
    c.pixels = calloc(c.width, c.height);
    assert_non_null(c.pixels);
    apply_to(&c, "scale=4|negate=T", &got);
    assert_int_equal(got.width, 4096);
    assert_int_equal(got.at[4096 * 64 - 1], W);
    free(got.at);
    free(c.pixels);
}

/* --- pictures ------------------------------------------------------------ */

static void path_in_dir(const char *name, char path[256])
{
    (void)snprintf(path, 256, "%s/%s", dir, name);
}

static void put_file(const char *name, const void *data, size_t len)
{
    char path[256];

    path_in_dir(name, path);
    write_whole(path, data, len);
}

/* 8 x 6; each pixel's red is its column, its green its row, times 16. */
static uint32_t ground(unsigned x, unsigned y)
{
    return (uint32_t)x * 16 << 16 | (uint32_t)y * 16 << 8 | 0x40;
}

typedef void *encoder(gdImagePtr, int *);

static void *as_jpeg(gdImagePtr image, int *size)
{
    return gdImageJpegPtr(image, size, 100);
}

static void put_picture(const char *name, gdImagePtr image, encoder *encode)
{
    int size = 0;
    void *data = encode(image, &size);

    assert_non_null(data);
    put_file(name, data, (size_t)size);
    gdFree(data);
    gdImageDestroy(image);
}

static gdImagePtr small_picture(bool palette)
{
    gdImagePtr image =
        palette ? gdImageCreate(8, 6) : gdImageCreateTrueColor(8, 6);

    for (unsigned y = 0; y < 6; y++) {
        for (unsigned x = 0; x < 8; x++) {
            uint32_t c = ground(x, y);

            gdImageSetPixel(image, (int)x, (int)y,
                            gdImageColorResolve(image, (int)(c >> 16),
                                                (int)(c >> 8 & 255),
                                                (int)(c & 255)));
        }
    }
    return image;
}

static void make_pictures(void)
{
    gdImagePtr image = small_picture(true);

    put_picture("p.gif", small_picture(true), gdImageGifPtr);
    put_picture("p.png", small_picture(false), gdImagePngPtr);
    put_picture("p.jpg", small_picture(false), as_jpeg);
    gdImageColorTransparent(image, gdImageGetPixel(image, 0, 0));
    put_picture("clear.gif", image, gdImageGifPtr);
    image = gdImageCreateTrueColor(64, 64);
    for (int i = 0; i < 64 * 64; i++) {
        gdImageSetPixel(image, i % 64, i / 64,
                        gdTrueColor(i % 64 * 4, i / 64 * 4, 128));
    }
    put_picture("many.png", image, gdImagePngPtr);
    image = gdImageCreateTrueColor(64, 64);
    gdImageSaveAlpha(image, 1);
    gdImageAlphaBlending(image, 0);
    for (int i = 0; i < 64 * 64; i++) {
        gdImageSetPixel(image, i % 64, i / 64,
                        gdTrueColorAlpha(i % 64 * 4, i / 64 * 4, 128,
                                         i % 64 < 32 ? 127 : 0));
    }
    put_picture("half.png", image, gdImagePngPtr);
}

/* Where the digits' six pixels stand on the small picture. */
static void check_placed(const char *query, int left, int top)
{
    struct pixels got;

    apply_to(&six, query, &got);
    assert_int_equal(got.width, 8);
    assert_int_equal(got.height, 6);
    for (int y = 0; y < 6; y++) {
        for (int x = 0; x < 8; x++) {
            bool on = x >= left && x < left + 3 && y >= top && y < top + 2;
            const uint8_t *rgb =
                six.palette.rgb[on ? (y - top) * 3 + x - left : 0];
            uint32_t want = on ? (uint32_t)rgb[0] << 16
                                     | (uint32_t)rgb[1] << 8 | rgb[2]
                               : ground((unsigned)x, (unsigned)y);

            if (got.at[y * 8 + x] != want) {
                fail_msg("%s: at %d, %d: %06x, not %06x", query, x, y,
                         got.at[y * 8 + x], want);
            }
        }
    }
    free(got.at);
}

static void on_pictures(void **state)
{
    (void)state;
    check_placed("image=p.gif", 0, 0);
    check_placed("image=p.png", 0, 0);
    check_placed("image=p.gif|xy=2;3", 2, 3);
    check_placed("image=p.gif|xy=-1;-1", -1, -1);
    check_placed("image=p.gif|xy=7;5", 7, 5);
    check_placed("image=p.gif|xy=4096;-4096", 4096, -4096);
    check_placed("image=p.gif|align=topleft", 2, 2);
    check_placed("image=p.gif|align=topleft|offset=0", 0, 0);
    check_placed("image=p.gif|align=topcenter|offset=1", 2, 1);
    check_placed("image=p.gif|align=topright|offset=1", 4, 1);
    check_placed("image=p.gif|align=midleft|offset=1", 1, 2);
    check_placed("image=p.gif|align=midcenter|offset=1", 2, 2);
    check_placed("image=p.gif|align=midright|offset=1", 4, 2);
    check_placed("image=p.gif|align=bottomleft|offset=1", 1, 3);
    check_placed("image=p.gif|align=bottomcenter|offset=0", 2, 4);
    check_placed("image=p.gif|align=bottomright|offset=1", 4, 3);
    check_placed("image=p.gif|align=bottomright|offset=4096", -4091, -4092);
    check_placed("image=p.gif|align=bottomright|xy=1;1", 1, 1);
}

static void jpeg(void **state)
{
    struct pixels got;

    (void)state;
    apply_to(NULL, "display=image|image=p.jpg", &got);
    assert_int_equal(got.width, 8);
    assert_int_equal(got.height, 6);
    assert_in_range(got.at[0] & 255, 0x30, 0x50);
    free(got.at);
}

static void clear_pixels(void **state)
{
    struct pixels got;

    (void)state;
    apply_to(NULL, "display=image|image=clear.gif", &got);
    assert_int_equal(got.at[0], CLEAR);
    assert_int_equal(got.at[1], ground(1, 0));
    free(got.at);
    /* the picture shows through the digits */
    apply_to(&six, "image=p.gif|tr=T", &got);
    assert_int_equal(got.at[8], ground(0, 1));
    assert_int_equal(got.at[9], W);
    free(got.at);
    apply_to(NULL, "display=image|image=half.png", &got);
    assert_int_equal(got.at[31], CLEAR);
    assert_int_not_equal(got.at[32], CLEAR);
    free(got.at);
}

static void a_picture_alone(void **state)
{
    struct pixels got;

    (void)state;
    apply_to(NULL, "display=image|image=p.gif|negate=T|degrees=90|ft=5|scale=2",
             &got);
    assert_int_equal(got.width, (6 + 10) * 2);
    assert_int_equal(got.height, (8 + 10) * 2);
    assert_int_equal(got.at[(size_t)11 * 32 + 21], 0xffffff - ground(0, 0));
    free(got.at);
}

/* More colours than a palette has: near enough, everywhere. */
static void many_colors(void **state)
{
    struct pixels got;

    (void)state;
    apply_to(&six, "image=many.png|xy=10;10|ft=1", &got);
    assert_int_equal(got.width, 66);
    for (int y = 20; y < 64; y++) {
        for (int x = 20; x < 64; x++) {
            uint32_t c = got.at[(y + 1) * 66 + x + 1];

            assert_in_range((int)(c >> 16) - x * 4 + 48, 0, 96);
            assert_in_range((int)(c >> 8 & 255) - y * 4 + 48, 0, 96);
        }
    }
    free(got.at);
}

static void no_pictures(void **state)
{
    static const struct {
        const char *query;
        int want;
    } files[] = {
        {"image=nothing.gif", OMK_ENOENT}, {"image=link.gif", OMK_EINVAL},
        {"image=fifo.gif", OMK_EINVAL},    {"image=dir.gif", OMK_EINVAL},
        {"image=empty.gif", OMK_EINVAL},   {"image=text.gif", OMK_EINVAL},
        {"image=large.gif", OMK_ERANGE},   {"image=cut.gif", OMK_EINVAL},
        {"image=cut.png", OMK_EINVAL},     {"image=cut.jpg", OMK_EINVAL},
    };
    char path[256];

    (void)state;
    path_in_dir("link.gif", path);
    assert_int_equal(symlink("p.gif", path), 0);
    path_in_dir("fifo.gif", path);
    assert_int_equal(mkfifo(path, 0644), 0);
    path_in_dir("dir.gif", path);
    assert_int_equal(mkdir(path, 0755), 0);
    put_file("empty.gif", "", 0);
    put_file("text.gif", "a text", 6);
    put_file("large.gif", "GIF89a", 6);
    path_in_dir("large.gif", path);
    assert_int_equal(truncate(path, (4 << 20) + 1), 0);
    put_file("cut.gif", "GIF89a\1\0\1\0\0\0", 12);
    put_file("cut.png", "\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR", 16);
    put_file("cut.jpg", "\xff\xd8\xff\xe0\0\x10JFIF", 10);
    (void)alarm(20); /* should the open wait for a writer */
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        refuse(&six, files[i].query, files[i].want, "image");
    }
    (void)alarm(0);
    refuse(NULL, "display=image|image=nothing.gif", OMK_ENOENT, "image");
}

/* Files of a few bytes that say they are huge. */
static void huge(void **state)
{
    static const char gif[] = "GIF89a\xff\xff\xff\xff\x80\0\0\0\0\0\xff\xff"
                              "\xff,\0\0\0\0\xff\xff\xff\xff\0\2\2\x44\1\0;";
    static const char out_of_screen[] =
        "GIF89a\1\0\1\0\x80\0\0\0\0\0\xff\xff\xff"
        ",\0\0\0\0\xff\xff\xff\xff\0\2\2\x44\1\0;";
    static const char png[] = "\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\x20\0\0\0"
                              "\x20\0\x08\2\0\0\0\0\0\0\0";
    static const char long_png[] = "\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\1\0\1\0\0"
                                   "\0\1\x08\2\0\0\0\0\0\0\0";
    static const char jpg[] = "\xff\xd8\xff\xe0\0\4ab\xff\xc0\0\x0b\x08\xff"
                              "\xff\xff\xff\1\1\x11\0";
    /* a frame that only who passes over garbage would find */
    static const char hidden[] = "\xff\xd8\xff\xe0\0\4abzz\xff\xc0\0\x0b\x08"
                                 "\xff\xff\xff\xff\1\1\x11\0";
    static const char area[] = "GIF89a\0\x10\0\x0f\x80\0\0\0\0\0\xff\xff\xff"
                               ",\0\0\0\0\0\x10\0\x0f\0\2\2\x44\1\0;";
    static const char wide[] = "GIF89a\1\x10\1\0\x80\0\0\0\0\0\xff\xff\xff;";
    static const char high[] = "GIF89a\1\0\1\x10\x80\0\0\0\0\0\xff\xff\xff;";
    static const char flat[] = "GIF89a\0\0\1\0\x80\0\0\0\0\0\xff\xff\xff;";

    (void)state;
#define PUT(name, bytes) put_file(name, bytes, sizeof(bytes) - 1)
    PUT("huge.gif", gif);
    PUT("out.gif", out_of_screen);
    PUT("huge.png", png);
    PUT("long.png", long_png);
    PUT("huge.jpg", jpg);
    PUT("hidden.jpg", hidden);
    PUT("area.gif", area);
    PUT("wide.gif", wide);
    PUT("high.gif", high);
    PUT("flat.gif", flat);
#undef PUT
    refuse(&six, "image=huge.gif", OMK_ERANGE, "image");
    refuse(&six, "image=out.gif", OMK_EINVAL, "image");
    refuse(&six, "image=huge.png", OMK_ERANGE, "image");
    refuse(&six, "image=long.png", OMK_ERANGE, "image");
    refuse(&six, "image=huge.jpg", OMK_ERANGE, "image");
    refuse(&six, "image=hidden.jpg", OMK_EINVAL, "image");
    refuse(&six, "image=area.gif", OMK_ERANGE, "image");
    refuse(&six, "image=wide.gif", OMK_ERANGE, "image");
    refuse(&six, "image=high.gif", OMK_ERANGE, "image");
    refuse(&six, "image=flat.gif", OMK_EINVAL, "image");
}

static void nowhere(void **state)
{
    struct counter_query q = parsed("image=p.gif");
    struct counter_canvas c;
    struct omk_err err;
    unsigned w, h;

    (void)state;
    assert_int_equal(effects->apply(&six, &q, NULL, &c, &err), OMK_ENOENT);
    assert_int_equal(effects->apply(&six, &q, "", &c, &err), OMK_ENOENT);
    assert_int_equal(effects->apply(&six, &q, "/nonexistent", &c, &err),
                     OMK_ENOENT);
    q = parsed("display=image");
    assert_int_equal(effects->apply(NULL, &q, dir, &c, &err), OMK_EINVAL);
    assert_int_equal(effects->size(NULL, &q, dir, &w, &h, &err), OMK_EINVAL);
}

/* --- PNG ----------------------------------------------------------------- */

static void png(void **state)
{
    struct counter_canvas c = six;

    (void)state;
    for (int clear = -1; clear < 6; clear++) {
        struct pixels want, got;
        uint8_t *data;
        size_t len;

        c.palette.transparent = clear;
        assert_int_equal(effects->png(&c, &from_heap, &data, &len, NULL),
                         OMK_OK);
        pixels_of_png(data, len, &got);
        pixels_of_canvas(&c, &want);
        same_pixels("png", &got, &want);
        free(want.at);
        free(got.at);
        free(data);
    }
}

static void png_of_256_colors(void **state)
{
    uint8_t pixels[256], *data;
    struct counter_canvas c = {.width = 16, .height = 16, .pixels = pixels};
    struct pixels want, got;
    size_t len;

    (void)state;
    c.palette.n = 256;
    c.palette.transparent = 255;
    for (unsigned i = 0; i < 256; i++) {
        pixels[i] = (uint8_t)i;
        c.palette.rgb[i][0] = (uint8_t)(i / 2); /* pairs alike */
    }
    assert_int_equal(effects->png(&c, &from_heap, &data, &len, NULL), OMK_OK);
    pixels_of_png(data, len, &got);
    pixels_of_canvas(&c, &want);
    same_pixels("png", &got, &want);
    free(want.at);
    free(got.at);
    free(data);
}

static void png_without_memory(void **state)
{
    uint8_t *data = NULL;
    size_t len = 77;
    struct omk_err err;

    (void)state;
    assert_int_equal(effects->png(&six, &no_memory, &data, &len, &err),
                     OMK_ENOMEM);
    assert_null(data);
    assert_int_equal(len, 77);
}

/* --- the shared object --------------------------------------------------- */

/* Comes first: what is loaded stays. */
static void not_there(void **state)
{
    const struct counter_effects *e = NULL;
    struct omk_err err = {0};

    (void)state;
    counter_effects_path(BUILDDIR "/no-such.so");
    assert_int_equal(counter_effects(&e, &err), OMK_EIO);
    assert_string_equal(err.where, BUILDDIR "/no-such.so");
    assert_true(err.text[0] != '\0');
    counter_effects_path("libm.so.6");
    assert_int_equal(counter_effects(&e, &err), OMK_EIO);
    assert_string_equal(err.text, "of another version");
    assert_null(e);
    counter_effects_path(BUILDDIR "/.libs/counter_effects.so");
    assert_int_equal(counter_effects(&effects, &err), OMK_OK);
    counter_effects_path("/nonexistent");
    assert_int_equal(counter_effects(&e, &err), OMK_OK);
    assert_ptr_equal(e, effects);
}

static int setup(void **state)
{
    (void)state;
    make_temp(dir);
    make_pictures();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    remove_temp(dir);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(not_there),
        cmocka_unit_test(digits),
        cmocka_unit_test(shades_follow),
        cmocka_unit_test(ghosts_vanish),
        cmocka_unit_test(what_is_clear_stays),
        cmocka_unit_test(frames),
        cmocka_unit_test(full_palette),
        cmocka_unit_test(names_of_colors),
        cmocka_unit_test(too_large),
        cmocka_unit_test(the_largest),
        cmocka_unit_test(on_pictures),
        cmocka_unit_test(jpeg),
        cmocka_unit_test(clear_pixels),
        cmocka_unit_test(a_picture_alone),
        cmocka_unit_test(many_colors),
        cmocka_unit_test(no_pictures),
        cmocka_unit_test(huge),
        cmocka_unit_test(nowhere),
        cmocka_unit_test(png),
        cmocka_unit_test(png_of_256_colors),
        cmocka_unit_test(png_without_memory),
    };

    return cmocka_run_group_tests_name("effects", tests, setup, teardown);
}
