/* A picture of at most 256 colours, and its colours. */
#ifndef COUNTER_CANVAS_H
#define COUNTER_CANVAS_H

#include <stddef.h>
#include <stdint.h>

#define COUNTER_SIDE_MAX 4096 /* pixels, of any image that is answered */

struct counter_palette {
    uint8_t rgb[256][3];
    unsigned n;      /* 1..256 */
    int transparent; /* index, or -1 */
};

struct counter_canvas {
    struct counter_palette palette;
    unsigned width, height; /* 1..COUNTER_SIDE_MAX */
    uint8_t *pixels;        /* width * height indexes, malloc'd */
};

#endif
