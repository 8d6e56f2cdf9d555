/* The effects, in this order: colours replaced (chcolor), negative, one colour
 * made transparent, turned; on a picture (image); framed; enlarged. Without
 * digits, the picture itself takes all that. */
#include "effects.h"

#include "err.h"
#include "picture.h"
#include "render.h"

#include <gd.h>
#include <gd_color_map.h>
#include <stdlib.h>
#include <string.h>

/* --- colours ------------------------------------------------------------- */

/* ASCII, whatever the locale says of I and i. */
static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* X11's names, without regard to case and blanks, as X itself reads them;
 * gdColorMapLookup wants them to the letter. */
static bool same_name(const char *a, const char *b)
{
    for (;; a++, b++) {
        a += strspn(a, " ");
        b += strspn(b, " ");
        if (lower(*a) != lower(*b)) {
            return false;
        }
        if (!*a) {
            return true;
        }
    }
}

static int find_color(const struct counter_color *color, const char *key,
                      uint8_t rgb[3], struct omk_err *err)
{
    const gdColorMap *map = &GD_COLOR_MAP_X11;

    rgb[0] = color->r;
    rgb[1] = color->g;
    rgb[2] = color->b;
    if (!color->name[0]) {
        return OMK_OK;
    }
    for (int i = 0; i < map->num_entries; i++) {
        const gdColorMapEntry *e = &map->entries[i];

        if (same_name(e->color_name, color->name)) {
            rgb[0] = (uint8_t)e->red;
            rgb[1] = (uint8_t)e->green;
            rgb[2] = (uint8_t)e->blue;
            return OMK_OK;
        }
    }
    return omk_fail(err, OMK_EINVAL, key, "no colour has this name");
}

/* What the query names, by value. */
struct colors {
    uint8_t frame[3], clear[3], from[3], to[3];
};

static int find_colors(const struct counter_query *q, struct colors *c,
                       struct omk_err *err)
{
    int rc = q->ft ? find_color(&q->frgb, "frgb", c->frame, err) : OMK_OK;

    if (rc == OMK_OK && q->tr) {
        rc = find_color(&q->trgb, "trgb", c->clear, err);
    }
    if (rc == OMK_OK && q->chcolor) {
        rc = find_color(&q->srgb, "srgb", c->from, err);
    }
    if (rc == OMK_OK && q->chcolor) {
        rc = find_color(&q->prgb, "prgb", c->to, err);
    }
    return rc;
}

static int between(int v, int low, int high)
{
    return v < low ? low : v > high ? high : v;
}

/* Takes color apart into a share of `from` and one of white, both of 255, as a
 * smoothed or shaded digit mixes them. False where it is no such mixture. */
static bool take_apart(const uint8_t color[3], const uint8_t from[3],
                       int *share, int *white)
{
    unsigned high = 0, low = 0;
    int range;

    for (unsigned i = 1; i < 3; i++) {
        high = from[i] > from[high] ? i : high;
        low = from[i] < from[low] ? i : low;
    }
    range = from[high] - from[low];
    if (range > 0) {
        *share = (color[high] - color[low]) * 255 / range;
        *white = color[low] - *share * from[low] / 255;
    }
    else { /* a grey: shades of it alone */
        *share = from[high] ? color[high] * 255 / from[high] : 0;
        *white = 0;
    }
    if (*share <= 0 || *share > 255 || *white < 0) {
        return false;
    }
    for (unsigned i = 0; i < 3; i++) {
        if (abs(*share * from[i] / 255 + *white - color[i]) > 2) {
            return false;
        }
    }
    return true;
}

/* The colour itself and its shades, which smooth edges are made of. */
static void change_color(struct counter_palette *p, const uint8_t from[3],
                         const uint8_t to[3])
{
    for (unsigned i = 0; i < p->n; i++) {
        int share, white;

        if (memcmp(p->rgb[i], from, 3) == 0) {
            memcpy(p->rgb[i], to, 3);
        }
        else if (take_apart(p->rgb[i], from, &share, &white)) {
            for (unsigned k = 0; k < 3; k++) {
                p->rgb[i][k] =
                    (uint8_t)between(share * to[k] / 255 + white, 0, 255);
            }
        }
    }
}

static void negate(struct counter_palette *p)
{
    for (unsigned i = 0; i < p->n; i++) {
        for (unsigned k = 0; k < 3; k++) {
            p->rgb[i][k] = (uint8_t)(255 - p->rgb[i][k]);
        }
    }
}

/* No channel further off than a segment of an LED that is off is from black:
 * such a ghost on a page's own ground would make an 8 of every digit. */
static bool nearly(const uint8_t a[3], const uint8_t b[3])
{
    enum { NEAR = 48 };

    return abs(a[0] - b[0]) <= NEAR && abs(a[1] - b[1]) <= NEAR
           && abs(a[2] - b[2]) <= NEAR;
}

/* That colour, or the index that is transparent already, or -1. */
static int clear_index(const struct counter_palette *p, const uint8_t rgb[3])
{
    for (unsigned i = 0; i < p->n; i++) {
        if ((int)i != p->transparent && memcmp(p->rgb[i], rgb, 3) == 0) {
            return p->transparent >= 0 ? p->transparent : (int)i;
        }
    }
    return -1;
}

/* Makes a colour transparent and, where it is there, what is nearly the same.
 * What is transparent already stays so. */
static void clear_color(struct counter_canvas *c, const uint8_t rgb[3])
{
    size_t n = (size_t)c->width * c->height;
    int to = clear_index(&c->palette, rgb);

    if (to < 0) {
        return;
    }
    c->palette.transparent = to;
    for (size_t i = 0; i < n; i++) {
        if (nearly(c->palette.rgb[c->pixels[i]], rgb)) {
            c->pixels[i] = (uint8_t)to;
        }
    }
}

/* --- places -------------------------------------------------------------- */

/* The size of the digits after turning, and the size of it all. */
struct plan {
    unsigned width, height;
};

static void turned(const struct counter_query *q, struct plan *p)
{
    if (q->rotate && q->degrees != 180) {
        unsigned width = p->width;

        p->width = p->height;
        p->height = width;
    }
}

/* Adds what comes after the picture: frame and scale. */
static int whole(const struct counter_query *q, struct plan *p,
                 struct omk_err *err)
{
    p->width = (p->width + 2 * q->ft) * q->scale;
    p->height = (p->height + 2 * q->ft) * q->scale;
    if (p->width > COUNTER_SIDE_MAX || p->height > COUNTER_SIDE_MAX) {
        return omk_fail(err, OMK_ERANGE, q->scale > 1 ? "scale" : "ft",
                        "the image would be over %d pixels wide or high",
                        COUNTER_SIDE_MAX);
    }
    return OMK_OK;
}

/* Makes c's pixels anew: width by height, from where `from` says. */
static int remap(struct counter_canvas *c, unsigned width, unsigned height,
                 size_t (*from)(const struct counter_canvas *, unsigned x,
                                unsigned y, unsigned how),
                 unsigned how, struct omk_err *err)
{
    uint8_t *pixels = malloc((size_t)width * height), *to = pixels;

    if (!pixels) {
        return omk_fail(err, OMK_ENOMEM, "", "out of memory");
    }
    for (unsigned y = 0; y < height; y++) {
        for (unsigned x = 0; x < width; x++) {
            *to++ = c->pixels[from(c, x, y, how)];
        }
    }
    free(c->pixels);
    c->pixels = pixels;
    c->width = width;
    c->height = height;
    return OMK_OK;
}

/* Clockwise. */
static size_t before_turn(const struct counter_canvas *c, unsigned x,
                          unsigned y, unsigned degrees)
{
    unsigned from_x = degrees == 90    ? y
                      : degrees == 180 ? c->width - 1 - x
                                       : c->width - 1 - y;
    unsigned from_y = degrees == 90    ? c->height - 1 - x
                      : degrees == 180 ? c->height - 1 - y
                                       : x;

    return (size_t)from_y * c->width + from_x;
}

static int turn(struct counter_canvas *c, unsigned degrees, struct omk_err *err)
{
    bool upright = degrees == 180;

    return remap(c, upright ? c->width : c->height,
                 upright ? c->height : c->width, before_turn, degrees, err);
}

static size_t before_scale(const struct counter_canvas *c, unsigned x,
                           unsigned y, unsigned scale)
{
    return (size_t)(y / scale) * c->width + x / scale;
}

/* --- the frame ----------------------------------------------------------- */

static unsigned distance(const uint8_t a[3], const uint8_t b[3])
{
    int r = a[0] - b[0], g = a[1] - b[1], z = a[2] - b[2];

    return (unsigned)(r * r + g * g + z * z);
}

/* A colour in the palette: itself, or the nearest where there is no room. */
static uint8_t take_color(struct counter_palette *p, const uint8_t rgb[3])
{
    unsigned best = UINT32_MAX;
    int at = -1;

    for (unsigned i = 0; i < p->n; i++) {
        unsigned d = distance(p->rgb[i], rgb);

        if ((int)i != p->transparent && d < best) {
            best = d;
            at = (int)i;
        }
    }
    if ((best > 0 && p->n < 256) || at < 0) {
        at = (int)p->n++;
        memcpy(p->rgb[at], rgb, 3);
    }
    return (uint8_t)at;
}

/* Half the way to a grey: 255 for light, 0 for shade. */
static uint8_t shade_color(struct counter_palette *p, const uint8_t rgb[3],
                           int to)
{
    uint8_t half[3];

    for (unsigned i = 0; i < 3; i++) {
        half[i] = (uint8_t)((rgb[i] + to) / 2);
    }
    return take_color(p, half);
}

/* The ring that lies i pixels inside: one colour above and at the left, the
 * other below and at the right. */
static void draw_ring(struct counter_canvas *c, unsigned i, uint8_t upper,
                      uint8_t lower)
{
    unsigned right = c->width - 1 - i, foot = c->height - 1 - i;

    for (unsigned x = i; x <= right; x++) {
        c->pixels[(size_t)i * c->width + x] = upper;
        c->pixels[(size_t)foot * c->width + x] = lower;
    }
    for (unsigned y = i; y <= foot; y++) {
        c->pixels[(size_t)y * c->width + i] = upper;
        c->pixels[(size_t)y * c->width + right] = lower;
    }
    c->pixels[(size_t)foot * c->width + i] = lower;
}

static void put_inside(struct counter_canvas *to,
                       const struct counter_canvas *from, unsigned by)
{
    for (unsigned y = 0; y < from->height; y++) {
        memcpy(to->pixels + (size_t)(y + by) * to->width + by,
               from->pixels + (size_t)y * from->width, from->width);
    }
}

/* One pixel is flat; from two on it stands out, from three on the image lies
 * deeper than the frame. */
static int frame(struct counter_canvas *c, unsigned thick, const uint8_t rgb[3],
                 struct omk_err *err)
{
    struct counter_canvas framed = *c;
    uint8_t flat, light, dark;

    framed.width += 2 * thick;
    framed.height += 2 * thick;
    framed.pixels = malloc((size_t)framed.width * framed.height);
    if (!framed.pixels) {
        return omk_fail(err, OMK_ENOMEM, "", "out of memory");
    }
    flat = take_color(&framed.palette, rgb);
    light = thick > 1 ? shade_color(&framed.palette, rgb, 255) : flat;
    dark = thick > 1 ? shade_color(&framed.palette, rgb, 0) : flat;
    for (unsigned i = 1; i < thick; i++) {
        draw_ring(&framed, i, flat, flat);
    }
    draw_ring(&framed, 0, light, dark);
    if (thick > 2) {
        draw_ring(&framed, thick - 1, dark, light);
    }
    put_inside(&framed, c, thick);
    free(c->pixels);
    *c = framed;
    return OMK_OK;
}

/* --- all of it ------------------------------------------------------------ */

static int copy_canvas(const struct counter_canvas *from,
                       struct counter_canvas *to, struct omk_err *err)
{
    size_t n = (size_t)from->width * from->height;

    *to = *from;
    to->pixels = malloc(n);
    if (!to->pixels) {
        return omk_fail(err, OMK_ENOMEM, "", "out of memory");
    }
    memcpy(to->pixels, from->pixels, n);
    return OMK_OK;
}

/* What happens to the digits, or to a picture alone. */
static int recolor_and_turn(const struct counter_query *q,
                            const struct colors *colors,
                            struct counter_canvas *c, struct omk_err *err)
{
    if (q->chcolor) {
        change_color(&c->palette, colors->from, colors->to);
    }
    if (q->negate) {
        negate(&c->palette);
    }
    if (q->tr) {
        clear_color(c, colors->clear);
    }
    return q->rotate ? turn(c, q->degrees, err) : OMK_OK;
}

static int put_on_picture(const struct counter_query *q, const char *images_dir,
                          struct counter_canvas *c, struct omk_err *err)
{
    struct counter_canvas picture;
    int rc = counter_picture(images_dir, q, c, &picture, err);

    if (rc == OMK_OK) {
        free(c->pixels);
        *c = picture;
    }
    return rc;
}

static int frame_and_scale(const struct counter_query *q,
                           const struct colors *colors,
                           struct counter_canvas *c, struct omk_err *err)
{
    struct plan all = {c->width, c->height};
    int rc = whole(q, &all, err);

    if (rc == OMK_OK && q->ft) {
        rc = frame(c, q->ft, colors->frame, err);
    }
    if (rc == OMK_OK && q->scale > 1) {
        rc = remap(c, all.width, all.height, before_scale, q->scale, err);
    }
    return rc;
}

/* Something to draw, and colours to draw it in. */
static int look_at(const struct counter_canvas *digits,
                   const struct counter_query *q, struct colors *colors,
                   struct omk_err *err)
{
    if (!digits && !q->image[0]) {
        return omk_fail(err, OMK_EINVAL, "image", "is required");
    }
    return find_colors(q, colors, err);
}

static int apply(const struct counter_canvas *digits,
                 const struct counter_query *q, const char *images_dir,
                 struct counter_canvas *out, struct omk_err *err)
{
    struct counter_canvas c = {.pixels = NULL};
    struct colors colors;
    int rc = look_at(digits, q, &colors, err);

    if (rc == OMK_OK && !q->image[0]) {
        struct plan p = {digits->width, digits->height};

        rc = whole(q, &p, err); /* before anything is allocated */
    }
    if (rc == OMK_OK) {
        rc = digits ? copy_canvas(digits, &c, err)
                    : counter_picture(images_dir, q, NULL, &c, err);
    }
    if (rc == OMK_OK) {
        rc = recolor_and_turn(q, &colors, &c, err);
    }
    if (rc == OMK_OK && digits && q->image[0]) {
        rc = put_on_picture(q, images_dir, &c, err);
    }
    if (rc == OMK_OK) {
        rc = frame_and_scale(q, &colors, &c, err);
    }
    if (rc != OMK_OK) {
        free(c.pixels);
        return rc;
    }
    *out = c;
    return OMK_OK;
}

static int size(const struct counter_canvas *digits,
                const struct counter_query *q, const char *images_dir,
                unsigned *width, unsigned *height, struct omk_err *err)
{
    struct colors colors;
    struct plan p;
    int rc = look_at(digits, q, &colors, err);

    if (rc == OMK_OK && q->image[0]) {
        rc = counter_picture_size(images_dir, q, &p.width, &p.height, err);
    }
    else if (rc == OMK_OK) {
        p = (struct plan){digits->width, digits->height};
    }
    if (rc != OMK_OK) {
        return rc;
    }
    if (!digits || !q->image[0]) {
        turned(q, &p);
    }
    rc = whole(q, &p, err);
    if (rc == OMK_OK) {
        *width = p.width;
        *height = p.height;
    }
    return rc;
}

extern const struct counter_effects counter_effects_gd;
const struct counter_effects counter_effects_gd = {
    .abi = COUNTER_EFFECTS_ABI,
    .apply = apply,
    .size = size,
    .png = counter_picture_png,
};
