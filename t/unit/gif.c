#include "cmocka_first.h"
#include "err.h"
#include "gif.h"
#include "pictures.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum fill { FLAT, RAMP, NOISE };

static void make_canvas(struct counter_canvas *c, unsigned colors,
                        unsigned width, unsigned height, enum fill fill)
{
    uint32_t state = 2463534242u;

    c->width = width;
    c->height = height;
    c->palette.n = colors;
    c->palette.transparent = -1;
    for (unsigned i = 0; i < colors; i++) {
        c->palette.rgb[i][0] = (uint8_t)i;
        c->palette.rgb[i][1] = (uint8_t)(255 - i);
        c->palette.rgb[i][2] = (uint8_t)(i * 7);
    }
    c->pixels = malloc((size_t)width * height);
    assert_non_null(c->pixels);
    for (size_t i = 0; i < (size_t)width * height; i++) {
        size_t v = fill == FLAT ? 0 : fill == RAMP ? i : next_random(&state);

        c->pixels[i] = (uint8_t)(v % colors);
    }
}

static void check_encoded(const char *label, const struct counter_canvas *c)
{
    struct pixels want, got;
    uint8_t *data = NULL;
    size_t len = 0;

    assert_int_equal(counter_gif_encode(c, &from_heap, &data, &len), OMK_OK);
    pixels_of_gif(data, len, &got);
    pixels_of_canvas(c, &want);
    same_pixels(label, &got, &want);
    free(want.at);
    free(got.at);
    free(data);
}

static const unsigned color_counts[] = {1,  2,  3,  4,   5,   8,   9,   16,
                                        17, 33, 64, 127, 128, 129, 255, 256};
static const struct {
    unsigned width, height;
} sizes[] = {{1, 1},   {2, 1},     {1, 7},     {7, 1},    {15, 20},
             {64, 64}, {255, 256}, {300, 200}, {4096, 3}, {1, 4096}};

static void every_palette_and_size(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof color_counts / sizeof *color_counts; i++) {
        for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
            for (enum fill fill = FLAT; fill <= NOISE; fill++) {
                struct counter_canvas c;
                char label[64];

                (void)snprintf(label, sizeof label, "%u colours, %u x %u, %d",
                               color_counts[i], sizes[k].width, sizes[k].height,
                               (int)fill);
                make_canvas(&c, color_counts[i], sizes[k].width,
                            sizes[k].height, fill);
                check_encoded(label, &c);
                free(c.pixels);
            }
        }
    }
}

/* Many times the 4096 codes that a dictionary has. */
static void full_dictionary(void **state)
{
    struct counter_canvas c;

    (void)state;
    make_canvas(&c, 256, 700, 300, NOISE);
    check_encoded("noise of 256 colours", &c);
    free(c.pixels);
    make_canvas(&c, 2, 4096, 64, NOISE);
    check_encoded("noise of 2 colours", &c);
    free(c.pixels);
}

static void transparent(void **state)
{
    (void)state;
    for (int clear = 0; clear < 5; clear++) {
        struct counter_canvas c;

        make_canvas(&c, 5, 15, 20, RAMP);
        c.palette.transparent = clear;
        check_encoded("transparent", &c);
        free(c.pixels);
    }
}

/* Pieces of rows, put side by side in any order and number. */
static void check_join(unsigned colors, unsigned width, unsigned height,
                       size_t columns)
{
    struct counter_canvas c, want;
    struct counter_gif_head head;
    struct counter_gif_pool pool = {NULL, 0, 0};
    struct counter_gif_piece *pieces =
        calloc((size_t)2 * height, sizeof *pieces);
    const struct counter_gif_piece *order[16];
    struct pixels a, b;
    size_t bits = 0, len;
    uint8_t *data;

    assert_non_null(pieces);
    make_canvas(&c, colors, width * 2, height, NOISE);
    counter_gif_head(&c.palette, height, &head);
    for (unsigned i = 0; i < 2 * height; i++) {
        const uint8_t *row = c.pixels + (size_t)i / 2 * c.width;

        assert_int_equal(counter_gif_piece(row + i % 2 * width, width,
                                           head.code_size, &pool,
                                           &pieces[i % 2 * height + i / 2]),
                         OMK_OK);
    }
    want = c;
    want.width = (unsigned)columns * width;
    want.pixels = malloc((size_t)want.width * height);
    assert_non_null(want.pixels);
    for (size_t k = 0; k < columns; k++) {
        unsigned half = k % 3 == 1;

        order[k] = pieces + half * height;
        for (unsigned y = 0; y < height; y++) {
            bits += order[k][y].bits;
            memcpy(want.pixels + (size_t)y * want.width + k * width,
                   c.pixels + (size_t)y * c.width + half * width, width);
        }
    }
    assert_int_equal(counter_gif_join(&head, &pool, order, columns, height,
                                      bits, want.width, &from_heap, &data,
                                      &len),
                     OMK_OK);
    pixels_of_gif(data, len, &a);
    pixels_of_canvas(&want, &b);
    same_pixels("joined", &a, &b);
    free(a.at);
    free(b.at);
    free(data);
    free(want.pixels);
    free(c.pixels);
    free(pieces);
    free(pool.words);
}

static void join(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof color_counts / sizeof *color_counts; i++) {
        check_join(color_counts[i], 15, 20, 7);
        check_join(color_counts[i], 1, 1, 16);
        check_join(color_counts[i], 2, 3, 1);
        check_join(color_counts[i], 5000 / 16, 2, 16);
    }
    check_join(256, 4500, 2, 2); /* a piece longer than its dictionary */
}

static void out_of_memory(void **state)
{
    struct counter_canvas c;
    uint8_t *data = NULL;
    size_t len = 77;

    (void)state;
    make_canvas(&c, 4, 15, 20, NOISE);
    assert_int_equal(counter_gif_encode(&c, &no_memory, &data, &len),
                     OMK_ENOMEM);
    assert_null(data);
    assert_int_equal(len, 77);
    free(c.pixels);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_palette_and_size),
        cmocka_unit_test(full_dictionary),
        cmocka_unit_test(transparent),
        cmocka_unit_test(join),
        cmocka_unit_test(out_of_memory),
    };

    return cmocka_run_group_tests_name("gif", tests, NULL, NULL);
}
