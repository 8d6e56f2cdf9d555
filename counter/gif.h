/* GIF images put together from ready-made pieces (GIF89a appendix F).
 *
 * A piece is a run of pixels as LZW codes. It starts in the state that a
 * Clear code leaves and ends with a Clear code, so pieces can follow each
 * other in any order: joining an image is shifting bits, no compression. */
#ifndef COUNTER_GIF_H
#define COUNTER_GIF_H

#include "canvas.h"

#include <stddef.h>
#include <stdint.h>

struct counter_alloc;

/* Pieces' bits, each piece from a word of its own, first bit lowest. */
struct counter_gif_pool {
    uint64_t *words; /* malloc'd; the owner of the pool frees it */
    size_t len, cap; /* in words */
};

struct counter_gif_piece {
    uint32_t word; /* where in the pool */
    uint32_t bits;
};

/* All that stands before the image data; the width is filled in by the
 * join. */
struct counter_gif_head {
    uint8_t bytes[13 + 768 + 8 + 11];
    size_t len;
    size_t descriptor;  /* where the image descriptor starts */
    unsigned code_size; /* LZW minimum code size, 2..8 */
    unsigned height;
};

void counter_gif_head(const struct counter_palette *palette, unsigned height,
                      struct counter_gif_head *out);

/* Compresses n > 0 pixels (each < 1 << code_size) into a piece at the pool's
 * end. 0, or OMK_ENOMEM. */
int counter_gif_piece(const uint8_t *pixels, size_t n, unsigned code_size,
                      struct counter_gif_pool *pool,
                      struct counter_gif_piece *out);

/* Joins pieces to a whole file. columns[i] points at that column's pieces, one
 * a row; they are taken row by row. bits is the sum of all their bits. Takes
 * one block from the allocator, of a size known beforehand. 0, or
 * OMK_ENOMEM. */
int counter_gif_join(const struct counter_gif_head *head,
                     const struct counter_gif_pool *pool,
                     const struct counter_gif_piece *const *columns,
                     size_t ncolumns, unsigned rows, size_t bits,
                     unsigned width, const struct counter_alloc *a,
                     uint8_t **data, size_t *len);

/* A whole canvas as a file. 0, or OMK_ENOMEM. */
int counter_gif_encode(const struct counter_canvas *canvas,
                       const struct counter_alloc *a, uint8_t **data,
                       size_t *len);

#endif
