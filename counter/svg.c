#include "svg.h"

#include "err.h"
#include "render.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BYTES_MAX = 1 << 20 };

/* Counts while buf is NULL, so that the allocator is asked once, for the
 * right size. */
struct out {
    char *buf;
    size_t len, size;
};

static void print(struct out *o, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void print(struct out *o, const char *format, ...)
{
    va_list ap;
    int n;

    va_start(ap, format);
    n = vsnprintf(o->buf ? o->buf + o->len : NULL,
                  o->buf ? o->size - o->len : 0, format, ap);
    va_end(ap);
    o->len += n > 0 ? (size_t)n : 0;
}

static void print_text(struct out *o, const char *s)
{
    for (; *s; s++) {
        switch (*s) {
        case '<':
            print(o, "&lt;");
            break;
        case '&':
            print(o, "&amp;");
            break;
        case '>':
            print(o, "&gt;");
            break;
        default:
            print(o, "%c", *s);
        }
    }
}

static unsigned run(const struct counter_canvas *c, unsigned x, unsigned y)
{
    const uint8_t *row = c->pixels + (size_t)y * c->width;
    unsigned end = x + 1;

    while (end < c->width && row[end] == row[x]) {
        end++;
    }
    return end - x;
}

/* The most frequent colour is drawn as one rectangle below the others. */
static int background(const struct counter_canvas *c)
{
    size_t count[256] = {0}, n = (size_t)c->width * c->height;
    int most = 0;

    if (c->palette.transparent >= 0) {
        return -1;
    }
    for (size_t i = 0; i < n; i++) {
        count[c->pixels[i]]++;
    }
    for (int i = 1; i < 256; i++) {
        most = count[i] > count[most] ? i : most;
    }
    return most;
}

/* The rows that have a colour, so that the many colours of a large picture do
 * not each take a walk through all of it. */
struct rows {
    unsigned first[256], end[256]; /* end 0: nowhere */
};

static void find_rows(const struct counter_canvas *c, struct rows *rows)
{
    const uint8_t *p = c->pixels;

    memset(rows, 0, sizeof *rows);
    for (unsigned y = 0; y < c->height; y++) {
        for (unsigned x = 0; x < c->width; x++, p++) {
            if (!rows->end[*p]) {
                rows->first[*p] = y;
            }
            rows->end[*p] = y + 1;
        }
    }
}

static void print_color(struct out *o, const struct counter_canvas *c,
                        const struct rows *rows, unsigned color)
{
    bool open = false;

    for (unsigned y = rows->first[color];
         y < rows->end[color] && o->len <= BYTES_MAX; y++) {
        for (unsigned x = 0, n; x < c->width; x += n) {
            n = run(c, x, y);
            if (c->pixels[(size_t)y * c->width + x] != color) {
                continue;
            }
            if (!open) {
                const uint8_t *rgb = c->palette.rgb[color];

                print(o, "<path fill=\"#%02x%02x%02x\" d=\"", rgb[0], rgb[1],
                      rgb[2]);
                open = true;
            }
            print(o, "M%u %uh%uv1h-%uz", x, y, n, n);
        }
    }
    if (open) {
        print(o, "\"/>");
    }
}

static void write_svg(struct out *o, const struct counter_canvas *c,
                      const char *title)
{
    int ground = background(c);
    struct rows rows;

    find_rows(c, &rows);
    print(o,
          "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%u\" "
          "height=\"%u\" viewBox=\"0 0 %u %u\" role=\"img\" "
          "aria-labelledby=\"t\" shape-rendering=\"crispEdges\">"
          "<title id=\"t\">",
          c->width, c->height, c->width, c->height);
    print_text(o, title);
    print(o, "</title>");
    if (ground >= 0) {
        const uint8_t *rgb = c->palette.rgb[ground];

        print(o,
              "<path fill=\"#%02x%02x%02x\" d=\"M0 0h%uv%uh-%uz\"/>", rgb[0],
              rgb[1], rgb[2], c->width, c->height, c->width);
    }
    for (unsigned i = 0; i < c->palette.n && o->len <= BYTES_MAX; i++) {
        if ((int)i != ground && (int)i != c->palette.transparent) {
            print_color(o, c, &rows, i);
        }
    }
    print(o, "</svg>\n");
}

int counter_svg_encode(const struct counter_canvas *canvas, const char *title,
                       const struct counter_alloc *a, uint8_t **data,
                       size_t *len, struct omk_err *err)
{
    struct out o = {NULL, 0, 0};

    write_svg(&o, canvas, title);
    if (o.len > BYTES_MAX) {
        return omk_fail(err, OMK_ERANGE, "format",
                        "too detailed a picture for SVG");
    }
    o.size = o.len + 1;
    o.buf = a->alloc(a->ctx, o.size);
    if (!o.buf) {
        return omk_fail(err, OMK_ENOMEM, "", "out of memory");
    }
    o.len = 0;
    write_svg(&o, canvas, title);
    *data = (uint8_t *)o.buf;
    *len = o.len;
    return OMK_OK;
}
