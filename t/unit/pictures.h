/* What tests of images share: an allocator, files, decoders that are not ours.
 */
#ifndef T_PICTURES_H
#define T_PICTURES_H

#include "canvas.h"
#include "render.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Blocks of exactly the size asked for, from malloc: the caller frees them. */
extern const struct counter_alloc from_heap;
/* Never any memory. */
extern const struct counter_alloc no_memory;

/* 0xRRGGBB, or CLEAR. */
struct pixels {
    unsigned width, height;
    uint32_t *at;
};

#define CLEAR 0xff000000u

/* By giflib, and again by libgd: both must agree on a whole GIF of one image,
 * or the test fails. */
void pixels_of_gif(const uint8_t *data, size_t len, struct pixels *out);
void pixels_of_png(const uint8_t *data, size_t len, struct pixels *out);
void pixels_of_canvas(const struct counter_canvas *c, struct pixels *out);

/* Fails the test with the label where they differ. */
void same_pixels(const char *label, const struct pixels *a,
                 const struct pixels *b);

/* A whole file, from malloc; fails the test where it cannot be read. */
uint8_t *whole_file(const char *path, size_t *len);
void write_whole(const char *path, const void *data, size_t len);

/* A strip of the build: A to E. */
const struct counter_design *built_design(char name);

/* A directory of the test's own, and the end of it with all in it. */
void make_temp(char path[64]);
void remove_temp(const char *path);

/* Numbers that look random, the same every time. */
uint32_t next_random(uint32_t *state);

#endif
