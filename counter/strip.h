/* A design in memory, made from the bytes of a strip or of single images.
 *
 * Source of the layout: WWW Count 2.5's mkstrip writes a GIF comment
 * "N:b0:b1:...:bN" with N glyphs and their N+1 boundaries in pixels;
 * doc/designs.md says what is taken for strips without it. */
#ifndef COUNTER_STRIP_H
#define COUNTER_STRIP_H

#include "canvas.h"
#include "gif.h"

#include <stdatomic.h>
#include <stdbool.h>

struct omk_err;

/* The glyphs in a strip's order: 0-9 : am pm , - D H M S */
enum { COUNTER_DIGITS = 10, COUNTER_GLYPHS = 19 };

#define COUNTER_STRIP_BYTES_MAX (1u << 20)
#define COUNTER_STRIP_WIDTH_MAX 4096u
#define COUNTER_STRIP_HEIGHT_MAX 512u

struct counter_glyph {
    unsigned x, width; /* in the strip; width 0: the design lacks it */
    size_t bits;       /* of all its rows' pieces */
};

struct counter_design {
    struct counter_design *self; /* the way to refs from a const one */
    atomic_uint refs;
    unsigned width, height; /* of the strip */
    uint8_t *pixels;        /* width * height */
    struct counter_palette palette;
    struct counter_glyph glyphs[COUNTER_GLYPHS];
    struct counter_gif_head head;
    struct counter_gif_pool pool;
    struct counter_gif_piece *pieces; /* [glyph * height + row] */
    bool lazy; /* pieces are made by counter_design_ready */
};

/* The glyph that draws c, or -1. */
int counter_glyph_index(char c);

/* A file in memory. data may be NULL: not there. */
struct counter_bytes {
    const uint8_t *data;
    size_t len;
};

/* Makes a design from a strip.gif. layout (NUL-terminated, may be NULL) is
 * the text of strip.txt, which goes before what the GIF itself says. Never
 * reads beyond len. On success *out has one reference. OMK_EINVAL (no GIF,
 * broken, animated, no way to tell the glyphs), OMK_ERANGE (too large, too
 * many colours), OMK_ENOMEM. */
int counter_design_parse(const uint8_t *data, size_t len, const char *layout,
                         struct counter_design **out, struct omk_err *err);

/* The same from single images in glyph order; the ten digits must be there. */
int counter_design_parse_singles(
    const struct counter_bytes images[COUNTER_GLYPHS],
    struct counter_design **out, struct omk_err *err);

/* The same, leaving the compression to counter_design_ready: for programs
 * that draw one image. */
int counter_design_parse_lazy(const uint8_t *data, size_t len,
                              const char *layout, struct counter_design **out,
                              struct omk_err *err);

/* Makes a glyph's pieces where they are not made yet. Not thread-safe. 0, or
 * OMK_ENOMEM. */
int counter_design_ready(struct counter_design *d, unsigned glyph);

void counter_design_free(struct counter_design *d);

/* zero.gif, one.gif, ... s.gif */
extern const char *const counter_glyph_files[COUNTER_GLYPHS];

#endif
