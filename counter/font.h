/* A 5 x 7 bitmap font of this project's own, for error images. */
#ifndef COUNTER_FONT_H
#define COUNTER_FONT_H

#include <stdint.h>

enum { COUNTER_FONT_WIDTH = 5, COUNTER_FONT_HEIGHT = 8 };

/* Rows of ' ' to '~', top first, the lowest five bits, bit 4 leftmost; the
 * eighth row is for descenders. */
extern const uint8_t counter_font[95][COUNTER_FONT_HEIGHT];

#endif
