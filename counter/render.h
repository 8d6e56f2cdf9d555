/* From a text of glyphs to the bytes of an answer. */
#ifndef COUNTER_RENDER_H
#define COUNTER_RENDER_H

#include "design.h"
#include "query.h"
#include "text.h"

/* Where an image's bytes come from: a request's pool, or malloc. May return
 * NULL; then the renderer fails with OMK_ENOMEM. Called a few times a render
 * at most; what is not part of the result stays the caller's too. */
struct counter_alloc {
    void *(*alloc)(void *ctx, size_t size);
    void *ctx;
};

struct counter_image {
    const char *type; /* "image/gif", … static */
    uint8_t *data;    /* from the allocator */
    size_t len;
    unsigned width, height; /* pixels */
};

/* Draws text, and its caption below, in design d as q asks (format GIF, PNG or
 * SVG; frame, colours, rotation, scale, image). Plain GIF is joined from ready-made rows; all else
 * goes through the effects, which are loaded (dlopen) at their first use.
 * images_dir holds the files that q->image may name. OMK_EINVAL, OMK_ERANGE:
 * the query asks for what cannot be drawn (a glyph that the design lacks, a
 * colour's name, an image that is not there, more than 4096 pixels a side):
 * err is fit for an error image. OMK_ENOMEM, OMK_EIO (effects missing). */
int counter_render(const struct counter_design *d,
                   const struct counter_query *q,
                   const struct counter_text *text, const char *images_dir,
                   const struct counter_alloc *a, struct counter_image *out,
                   struct omk_err *err);

/* Width and height of the same image without drawing it. */
int counter_render_size(const struct counter_design *d,
                        const struct counter_query *q,
                        const struct counter_text *text,
                        const char *images_dir, unsigned *width,
                        unsigned *height, struct omk_err *err);

/* 1x1, transparent (sh=F). */
int counter_render_blank(enum counter_format format,
                         const struct counter_alloc *a,
                         struct counter_image *out);

/* One line of ASCII as an error image (GIF or SVG or PNG as asked), at most
 * 600 pixels wide at scale 1; longer lines are cut. Needs no design, no file
 * and no effects: a font of this project's own is compiled in. */
int counter_render_message(enum counter_format format, const char *line,
                           const struct counter_alloc *a,
                           struct counter_image *out);

#endif
