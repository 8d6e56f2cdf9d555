/* A canvas as SVG: a rectangle for each run of one colour. */
#ifndef COUNTER_SVG_H
#define COUNTER_SVG_H

#include "canvas.h"

struct counter_alloc;
struct omk_err;

/* title (printable ASCII) becomes the accessible name. OMK_ERANGE: a picture
 * of too many runs. OMK_ENOMEM. */
int counter_svg_encode(const struct counter_canvas *canvas, const char *title,
                       const struct counter_alloc *a, uint8_t **data,
                       size_t *len, struct omk_err *err);

#endif
