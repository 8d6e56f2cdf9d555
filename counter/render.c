#include "render.h"

#include "effects.h"
#include "err.h"
#include "font.h"
#include "gif.h"
#include "strip.h"
#include "svg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char type_gif[] = "image/gif", type_png[] = "image/png",
                  type_svg[] = "image/svg+xml";

/* --- the text in glyphs ------------------------------------------------ */

enum {
    CELL = COUNTER_FONT_WIDTH + 1,
    CAPTION_HEIGHT = COUNTER_FONT_HEIGHT + 2,
};

struct line {
    const struct counter_glyph *glyphs[sizeof((struct counter_text *)0)->s];
    size_t n;
    size_t bits;
    unsigned width, height;
    const char *caption; /* NULL: none */
};

/* Makes room for a line in small letters below the digits. */
static void set_caption(const struct counter_text *text, struct line *line)
{
    line->caption = NULL;
    if (line->n && text->caption[0]) {
        unsigned width = (unsigned)strlen(text->caption) * CELL + 1;

        line->caption = text->caption;
        line->width = width > line->width ? width : line->width;
        line->height += CAPTION_HEIGHT;
    }
}

static int set_line(const struct counter_design *d,
                    const struct counter_text *text, struct line *line,
                    struct omk_err *err)
{
    line->n = text->len;
    line->bits = 0;
    line->width = 0;
    line->height = d->height;
    if (text->len > sizeof text->s) {
        return omk_fail(err, OMK_EINVAL, "", "text too long");
    }
    for (size_t i = 0; i < text->len; i++) {
        int index = counter_glyph_index(text->s[i]);
        const struct counter_glyph *glyph =
            index < 0 ? NULL : &d->glyphs[index];

        if (!glyph || !glyph->width) {
            return omk_fail(err, OMK_EINVAL, "dd",
                            "this design has no image for '%c'",
                            text->s[i] >= ' ' && text->s[i] <= '~'
                                ? text->s[i]
                                : '?');
        }
        if (d->lazy && counter_design_ready(d->self, (unsigned)index) != OMK_OK) {
            return omk_fail(err, OMK_ENOMEM, "", "out of memory");
        }
        line->glyphs[i] = glyph;
        line->bits += glyph->bits;
        line->width += glyph->width;
    }
    set_caption(text, line);
    return line->width <= COUNTER_SIDE_MAX
               ? OMK_OK
               : omk_fail(err, OMK_ERANGE, "dd",
                          "the image would be over %d pixels wide",
                          COUNTER_SIDE_MAX);
}

static int join_line(const struct counter_design *d, const struct line *line,
                     const struct counter_alloc *a, struct counter_image *out)
{
    const struct counter_gif_piece *columns[sizeof line->glyphs
                                            / sizeof *line->glyphs];
    int rc;

    for (size_t i = 0; i < line->n; i++) {
        columns[i] =
            d->pieces + (size_t)(line->glyphs[i] - d->glyphs) * d->height;
    }
    rc = counter_gif_join(&d->head, &d->pool, columns, line->n, d->height,
                          line->bits, line->width, a, &out->data, &out->len);
    if (rc == OMK_OK) {
        out->type = type_gif;
        out->width = line->width;
        out->height = line->height;
    }
    return rc;
}

static void draw_char(struct counter_canvas *c, unsigned x, unsigned y,
                      char ch, uint8_t ink)
{
    const uint8_t *rows =
        counter_font[ch >= ' ' && ch <= '~' ? ch - ' ' : '?' - ' '];

    for (unsigned row = 0; row < COUNTER_FONT_HEIGHT; row++) {
        for (unsigned col = 0; col < COUNTER_FONT_WIDTH; col++) {
            if (rows[row] >> (COUNTER_FONT_WIDTH - 1 - col) & 1) {
                c->pixels[(size_t)(y + row) * c->width + x + col] = ink;
            }
        }
    }
}

/* The colour that stands out most from another. */
static uint8_t opposite(const struct counter_palette *p, uint8_t color)
{
    int most = -1;
    uint8_t found = color;

    for (unsigned i = 0; i < p->n; i++) {
        int off = 0;

        for (unsigned k = 0; k < 3; k++) {
            off += abs(p->rgb[i][k] - p->rgb[color][k]);
        }
        if ((int)i != p->transparent && off > most) {
            most = off;
            found = (uint8_t)i;
        }
    }
    return found;
}

static void draw_caption(struct counter_canvas *c, const char *caption,
                         unsigned y)
{
    uint8_t ink = opposite(&c->palette, c->pixels[0]);

    for (size_t i = 0; caption[i]; i++) {
        draw_char(c, 1 + (unsigned)i * CELL, y + 1, caption[i], ink);
    }
}

/* The colour in the middle of the left edge is the ground, the design's own
 * border is not. */
static uint8_t ground(const struct counter_design *d, const struct line *line)
{
    return d->pixels[(size_t)(d->height / 2) * d->width + line->glyphs[0]->x];
}

static int draw_line(const struct counter_design *d, const struct line *line,
                     struct counter_canvas *c)
{
    unsigned x = 0;

    c->palette = d->palette;
    c->width = line->width;
    c->height = line->height;
    c->pixels = malloc((size_t)c->width * c->height);
    if (!c->pixels) {
        return OMK_ENOMEM;
    }
    if (line->caption) {
        memset(c->pixels, ground(d, line), (size_t)c->width * c->height);
        draw_caption(c, line->caption, d->height);
    }
    for (size_t i = 0; i < line->n; i++) {
        const struct counter_glyph *glyph = line->glyphs[i];

        for (unsigned y = 0; y < d->height; y++) {
            memcpy(c->pixels + (size_t)y * c->width + x,
                   d->pixels + (size_t)y * d->width + glyph->x, glyph->width);
        }
        x += glyph->width;
    }
    return OMK_OK;
}

/* --- a canvas in its format -------------------------------------------- */

static int encode_png(const struct counter_canvas *c,
                      const struct counter_alloc *a,
                      struct counter_image *out, struct omk_err *err)
{
    const struct counter_effects *effects;
    int rc = counter_effects(&effects, err);

    if (rc == OMK_OK) {
        rc = effects->png(c, a, &out->data, &out->len, err);
    }
    if (rc == OMK_OK) {
        out->type = type_png;
    }
    return rc;
}

static int encode(const struct counter_canvas *c, enum counter_format format,
                  const char *title, const struct counter_alloc *a,
                  struct counter_image *out, struct omk_err *err)
{
    struct counter_image image = {.width = c->width, .height = c->height};
    int rc;

    switch (format) {
    case COUNTER_PNG:
        rc = encode_png(c, a, &image, err);
        break;
    case COUNTER_SVG:
        rc = counter_svg_encode(c, title, a, &image.data, &image.len, err);
        image.type = type_svg;
        break;
    case COUNTER_GIF:
        rc = counter_gif_encode(c, a, &image.data, &image.len);
        if (rc != OMK_OK) {
            rc = omk_fail(err, rc, "", "out of memory");
        }
        image.type = type_gif;
        break;
    default:
        rc = omk_fail(err, OMK_EINVAL, "format", "not an image");
    }
    if (rc == OMK_OK) {
        *out = image;
    }
    return rc;
}

/* --- what counter_render does with it ---------------------------------- */

static bool has_effects(const struct counter_query *q)
{
    return q->ft || q->tr || q->chcolor || q->negate || q->rotate
           || q->image[0] || q->scale > 1
           || q->display == COUNTER_SHOW_IMAGE;
}

static void title_of(const struct counter_text *text, char *title, size_t size)
{
    (void)snprintf(title, size, "%.*s", (int)text->len, text->s);
}

/* A picture that is not there is the query's fault, as other names are. */
static int asked_wrongly(int rc)
{
    return rc == OMK_ENOENT ? OMK_EINVAL : rc;
}

static int draw_with_effects(const struct counter_design *d,
                             const struct counter_query *q,
                             const struct line *line, const char *images_dir,
                             struct counter_canvas *out, struct omk_err *err)
{
    const struct counter_effects *effects;
    struct counter_canvas digits = {.pixels = NULL};
    int rc = counter_effects(&effects, err);

    if (rc == OMK_OK && line->n && draw_line(d, line, &digits) != OMK_OK) {
        rc = omk_fail(err, OMK_ENOMEM, "", "out of memory");
    }
    if (rc == OMK_OK) {
        rc = asked_wrongly(effects->apply(line->n ? &digits : NULL, q,
                                          images_dir, out, err));
    }
    free(digits.pixels);
    return rc;
}

static int render_canvas(const struct counter_design *d,
                         const struct counter_query *q,
                         const struct counter_text *text,
                         const struct line *line, const char *images_dir,
                         const struct counter_alloc *a,
                         struct counter_image *out, struct omk_err *err)
{
    struct counter_canvas c = {.pixels = NULL};
    char title[sizeof text->s + 1];
    int rc;

    if (has_effects(q)) {
        rc = draw_with_effects(d, q, line, images_dir, &c, err);
    }
    else {
        rc = draw_line(d, line, &c);
        if (rc != OMK_OK) {
            (void)omk_fail(err, rc, "", "out of memory");
        }
    }
    if (rc == OMK_OK) {
        title_of(text, title, sizeof title);
        rc = encode(&c, q->format, title, a, out, err);
    }
    free(c.pixels);
    return rc;
}

static int nothing_to_draw(struct omk_err *err)
{
    return omk_fail(err, OMK_EINVAL, "", "nothing to draw");
}

/* display=image shows the image alone. */
static int prepare(const struct counter_design *d,
                   const struct counter_query *q,
                   const struct counter_text *text, struct line *line,
                   struct omk_err *err)
{
    struct counter_text none = {.len = 0};
    bool alone = q->display == COUNTER_SHOW_IMAGE;
    int rc = set_line(d, alone ? &none : text, line, err);

    if (rc == OMK_OK && !line->n && !q->image[0]) {
        return nothing_to_draw(err);
    }
    return rc;
}

int counter_render(const struct counter_design *d,
                   const struct counter_query *q,
                   const struct counter_text *text, const char *images_dir,
                   const struct counter_alloc *a, struct counter_image *out,
                   struct omk_err *err)
{
    struct line line;
    int rc;

    if (!q->sh) {
        rc = counter_render_blank(q->format, a, out);
        return rc == OMK_OK ? rc : omk_fail(err, rc, "", "out of memory");
    }
    rc = prepare(d, q, text, &line, err);
    if (rc != OMK_OK) {
        return rc;
    }
    if (q->format != COUNTER_GIF || line.caption || has_effects(q)) {
        return render_canvas(d, q, text, &line, images_dir, a, out, err);
    }
    rc = join_line(d, &line, a, out);
    return rc == OMK_OK ? rc : omk_fail(err, rc, "", "out of memory");
}

int counter_render_size(const struct counter_design *d,
                        const struct counter_query *q,
                        const struct counter_text *text,
                        const char *images_dir, unsigned *width,
                        unsigned *height, struct omk_err *err)
{
    const struct counter_effects *effects;
    struct counter_canvas digits = {.pixels = NULL};
    struct line line;
    int rc;

    if (!q->sh) {
        *width = *height = 1;
        return OMK_OK;
    }
    rc = prepare(d, q, text, &line, err);
    if (rc != OMK_OK) {
        return rc;
    }
    if (!has_effects(q)) {
        *width = line.width;
        *height = line.height;
        return OMK_OK;
    }
    digits.width = line.width;
    digits.height = line.height;
    rc = counter_effects(&effects, err);
    return rc == OMK_OK
               ? asked_wrongly(effects->size(line.n ? &digits : NULL, q,
                                             images_dir, width, height, err))
               : rc;
}

/* --- images that need no design ---------------------------------------- */

static const uint8_t blank_gif[] =
    "GIF89a\1\0\1\0\x80\0\0\0\0\0\0\0\0\x21\xf9\4\1\0\0\0\0"
    "\x2c\0\0\0\0\1\0\1\0\0\2\2\x44\1\0\x3b";

/* One pixel of grey and alpha, both 0 (PNG 11.2.2 colour type 4). */
static const uint8_t blank_png[] =
    "\x89PNG\r\n\x1a\n"
    "\0\0\0\x0dIHDR\0\0\0\1\0\0\0\1\x08\4\0\0\0\xb5\x1c\x0c\2"
    "\0\0\0\x0bIDAT\x78\xda\x63\x60\x60\0\0\0\3\0\1\x2b\x09\x4d\x84"
    "\0\0\0\0IEND\xae\x42\x60\x82";

static const uint8_t blank_svg[] =
    "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"1\" height=\"1\"/>\n";

int counter_render_blank(enum counter_format format,
                         const struct counter_alloc *a,
                         struct counter_image *out)
{
    const uint8_t *from = format == COUNTER_PNG   ? blank_png
                          : format == COUNTER_SVG ? blank_svg
                                                  : blank_gif;
    size_t len = format == COUNTER_PNG   ? sizeof blank_png - 1
                 : format == COUNTER_SVG ? sizeof blank_svg - 1
                                         : sizeof blank_gif - 1;
    uint8_t *data = a->alloc(a->ctx, len);

    if (!data) {
        return OMK_ENOMEM;
    }
    memcpy(data, from, len);
    *out = (struct counter_image){
        .type = format == COUNTER_PNG   ? type_png
                : format == COUNTER_SVG ? type_svg
                                        : type_gif,
        .data = data,
        .len = len,
        .width = 1,
        .height = 1,
    };
    return OMK_OK;
}

enum {
    MARGIN = 4, /* border and room */
    MESSAGE_MAX = (600 - 2 * MARGIN) / CELL,
};

enum { PAPER, INK, EDGE };

static void draw_edge(struct counter_canvas *c)
{
    size_t last = (size_t)(c->height - 1) * c->width;

    memset(c->pixels, EDGE, c->width);
    memset(c->pixels + last, EDGE, c->width);
    for (unsigned y = 0; y < c->height; y++) {
        c->pixels[(size_t)y * c->width] = EDGE;
        c->pixels[(size_t)y * c->width + c->width - 1] = EDGE;
    }
}

int counter_render_message(enum counter_format format, const char *line,
                           const struct counter_alloc *a,
                           struct counter_image *out)
{
    static const struct counter_palette palette = {
        .rgb = {{255, 250, 240}, {160, 16, 16}, {208, 120, 104}},
        .n = 3,
        .transparent = -1,
    };
    uint8_t pixels[600 * (COUNTER_FONT_HEIGHT + 2 * MARGIN)] = {PAPER};
    char text[MESSAGE_MAX + 1];
    struct counter_canvas c = {.palette = palette, .pixels = pixels};
    size_t len;
    int rc;

    (void)snprintf(text, sizeof text, "%s", line);
    len = strlen(text);
    for (size_t i = 0; i < len; i++) {
        text[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
    }
    c.width = (unsigned)len * CELL - (len ? 1 : 0) + 2 * MARGIN;
    c.height = COUNTER_FONT_HEIGHT + 2 * MARGIN;
    draw_edge(&c);
    for (size_t i = 0; i < len; i++) {
        draw_char(&c, MARGIN + (unsigned)i * CELL, MARGIN, text[i], INK);
    }
    if (format != COUNTER_PNG && format != COUNTER_SVG) {
        format = COUNTER_GIF;
    }
    rc = encode(&c, format, text, a, out, NULL);
    /* Without the effects an error still has an image. */
    return rc == OMK_EIO ? encode(&c, COUNTER_GIF, text, a, out, NULL) : rc;
}
