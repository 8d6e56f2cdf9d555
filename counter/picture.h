/* Pictures that digits are put on (image=), and PNG: what needs libgd. Part of
 * the effects' shared object. */
#ifndef COUNTER_PICTURE_H
#define COUNTER_PICTURE_H

#include "canvas.h"

struct counter_alloc;
struct counter_query;
struct omk_err;

#define COUNTER_PICTURE_BYTES_MAX (4u << 20)
#define COUNTER_PICTURE_PIXELS_MAX (4u << 20)

/* Opens the GIF, PNG or JPEG called name in dir (NULL: there are none) and
 * puts the digits on it where q says; without digits (NULL), it is the picture
 * alone. A GIF's first image; at most COUNTER_SIDE_MAX a side and
 * COUNTER_PICTURE_PIXELS_MAX in all, looked at before it is decoded. Above 256
 * colours it is reduced. out's pixels are malloc'd. OMK_ENOENT: no such
 * picture. OMK_EINVAL: no regular file, or no picture. OMK_ERANGE: too large.
 * OMK_EIO, OMK_ENOMEM. err's text names no path of the server. */
int counter_picture(const char *dir, const struct counter_query *q,
                    const struct counter_canvas *digits,
                    struct counter_canvas *out, struct omk_err *err);

/* The picture's size alone. */
int counter_picture_size(const char *dir, const struct counter_query *q,
                         unsigned *width, unsigned *height,
                         struct omk_err *err);

int counter_picture_png(const struct counter_canvas *c,
                        const struct counter_alloc *a, uint8_t **data,
                        size_t *len, struct omk_err *err);

#endif
