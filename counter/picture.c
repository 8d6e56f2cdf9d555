#include "picture.h"

#include "err.h"
#include "query.h"
#include "render.h"

#include <errno.h>
#include <fcntl.h>
#include <gd.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct bytes {
    uint8_t *p;
    size_t len;
};

static int fail(struct omk_err *err, int code, const char *text)
{
    return omk_fail(err, code, "image", "%s", text);
}

/* --- the file ----------------------------------------------------------- */

static int open_picture(const char *dir, const char *name)
{
    int base = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd, saved;

    if (base < 0) {
        return -1;
    }
    /* O_NONBLOCK: a fifo in the file's place must not stop us. */
    fd = openat(base, name,
                O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    saved = errno;
    close(base);
    errno = saved;
    return fd;
}

static int read_fd(int fd, size_t size, struct bytes *out, struct omk_err *err)
{
    out->len = 0;
    out->p = malloc(size ? size : 1);
    if (!out->p) {
        return fail(err, OMK_ENOMEM, "out of memory");
    }
    while (out->len < size) {
        ssize_t n = read(fd, out->p + out->len, size - out->len);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            free(out->p);
            return fail(err, OMK_EIO, strerror(errno));
        }
        if (n == 0) {
            break;
        }
        out->len += (size_t)n;
    }
    return OMK_OK;
}

static int read_picture(const char *dir, const char *name, struct bytes *out,
                        struct omk_err *err)
{
    int fd = dir && *dir ? open_picture(dir, name) : -1;
    struct stat st;
    int rc;

    if (fd < 0) {
        return dir && *dir && errno == ELOOP
                   ? fail(err, OMK_EINVAL, "is a symbolic link")
                   : fail(err, OMK_ENOENT, "no such picture");
    }
    if (fstat(fd, &st) != 0) {
        rc = fail(err, OMK_EIO, strerror(errno));
    }
    else if (!S_ISREG(st.st_mode)) {
        rc = fail(err, OMK_EINVAL, "is not a file");
    }
    else if (st.st_size > (off_t)COUNTER_PICTURE_BYTES_MAX) {
        rc = fail(err, OMK_ERANGE, "is too large a file");
    }
    else {
        rc = read_fd(fd, (size_t)st.st_size, out, err);
    }
    close(fd);
    return rc;
}

/* --- its size, before anything is decoded ------------------------------ */

struct size {
    unsigned width, height;
};

static unsigned big16(const uint8_t *p)
{
    return (unsigned)p[0] << 8 | p[1];
}

static unsigned little16(const uint8_t *p)
{
    return (unsigned)p[1] << 8 | p[0];
}

static bool starts(const struct bytes *b, const char *magic, size_t n)
{
    return b->len >= n && memcmp(b->p, magic, n) == 0;
}

/* The screen; gd refuses an image that reaches out of it. */
static bool gif_size(const struct bytes *b, struct size *out)
{
    if (b->len < 13) {
        return false;
    }
    out->width = little16(b->p + 6);
    out->height = little16(b->p + 8);
    return true;
}

static bool png_size(const struct bytes *b, struct size *out)
{
    if (b->len < 24 || memcmp(b->p + 12, "IHDR", 4) != 0) {
        return false;
    }
    /* Sides above 65535 come out as too large all the same. */
    out->width = b->p[16] || b->p[17] ? UINT_MAX : big16(b->p + 18);
    out->height = b->p[20] || b->p[21] ? UINT_MAX : big16(b->p + 22);
    return true;
}

/* The first frame header (SOF, ITU-T T.81 B.2.2). Between segments libjpeg
 * would pass over garbage and might find another one: here it is an error. */
static bool jpeg_size(const struct bytes *b, struct size *out)
{
    size_t at = 2;

    while (at + 9 <= b->len && b->p[at] == 0xff) {
        unsigned marker = b->p[at + 1];

        if (marker == 0xff) { /* fill */
            at++;
            continue;
        }
        if (marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8
            && marker != 0xcc) {
            out->height = big16(b->p + at + 5);
            out->width = big16(b->p + at + 7);
            return true;
        }
        if (marker < 0xc0 || (marker >= 0xd0 && marker <= 0xda)) {
            return false; /* nothing of these stands before a frame */
        }
        at += 2 + big16(b->p + at + 2);
    }
    return false;
}

static gdImagePtr decode(const struct bytes *b,
                         bool (*size_of)(const struct bytes *, struct size *),
                         gdImagePtr (*decoder)(int, void *),
                         struct omk_err *err)
{
    struct size size;
    gdImagePtr image;

    if (!size_of(b, &size) || !size.width || !size.height) {
        (void)fail(err, OMK_EINVAL, "is no picture");
        return NULL;
    }
    if (size.width > COUNTER_SIDE_MAX || size.height > COUNTER_SIDE_MAX
        || size.width * size.height > COUNTER_PICTURE_PIXELS_MAX) {
        (void)fail(err, OMK_ERANGE, "is too large a picture");
        return NULL;
    }
    image = decoder((int)b->len, b->p);
    if (!image) {
        (void)fail(err, OMK_EINVAL, "is a broken picture");
    }
    return image;
}

static gdImagePtr decode_any(const struct bytes *b, struct omk_err *err)
{
    if (starts(b, "GIF87a", 6) || starts(b, "GIF89a", 6)) {
        return decode(b, gif_size, gdImageCreateFromGifPtr, err);
    }
    if (starts(b, "\x89PNG\r\n\x1a\n", 8)) {
        return decode(b, png_size, gdImageCreateFromPngPtr, err);
    }
    if (starts(b, "\xff\xd8", 2)) {
        return decode(b, jpeg_size, gdImageCreateFromJpegPtr, err);
    }
    (void)fail(err, OMK_EINVAL, "is no GIF, PNG or JPEG");
    return NULL;
}

/* In true colour. NULL: *rc and err say why. */
static gdImagePtr load(const char *dir, const char *name, int *rc,
                       struct omk_err *err)
{
    struct omk_err why = {.code = OMK_OK};
    struct bytes b;
    gdImagePtr image;

    *rc = read_picture(dir, name, &b, err);
    if (*rc != OMK_OK) {
        return NULL;
    }
    image = decode_any(&b, &why);
    free(b.p);
    if (image && !gdImageTrueColor(image)
        && !gdImagePaletteToTrueColor(image)) {
        gdImageDestroy(image);
        image = NULL;
        (void)fail(&why, OMK_ENOMEM, "out of memory");
    }
    *rc = why.code;
    if (!image && err) {
        *err = why;
    }
    return image;
}

/* --- digits on it -------------------------------------------------------- */

static int along(const char *align, const char *start, const char *end,
                 int room, int offset)
{
    return strstr(align, start) ? offset
           : strstr(align, end) ? room - offset
                                : room / 2;
}

static void position(const struct counter_query *q, gdImagePtr image,
                     const struct counter_canvas *digits, int *x, int *y)
{
    *x = q->x;
    *y = q->y;
    if (!q->has_xy && q->align[0]) {
        *x = along(q->align, "left", "right",
                   gdImageSX(image) - (int)digits->width, q->offset);
        *y = along(q->align, "top", "bottom",
                   gdImageSY(image) - (int)digits->height, q->offset);
    }
}

/* gdImageSetPixel leaves out what is outside. */
static void put_digits(gdImagePtr image, const struct counter_canvas *digits,
                       int left, int top)
{
    const uint8_t *from = digits->pixels;

    gdImageAlphaBlending(image, gdEffectReplace);
    for (unsigned y = 0; y < digits->height; y++) {
        for (unsigned x = 0; x < digits->width; x++, from++) {
            const uint8_t *rgb = digits->palette.rgb[*from];

            if (*from != digits->palette.transparent) {
                gdImageSetPixel(image, left + (int)x, top + (int)y,
                                gdTrueColor(rgb[0], rgb[1], rgb[2]));
            }
        }
    }
}

/* --- back to a canvas ---------------------------------------------------- */

static bool is_clear(int color)
{
    return gdTrueColorGetAlpha(color) > gdAlphaTransparent / 2;
}

/* Colours that have been met, by a hash of twice as many places. */
struct colors {
    struct counter_palette *p;
    int16_t index[512]; /* 0: free, else palette index + 1 */
};

static int index_of(struct colors *c, int color)
{
    const uint8_t rgb[3] = {(uint8_t)gdTrueColorGetRed(color),
                            (uint8_t)gdTrueColorGetGreen(color),
                            (uint8_t)gdTrueColorGetBlue(color)};
    unsigned at = ((unsigned)color & 0xffffff) * 2654435761u >> 23;

    for (; c->index[at]; at = (at + 1) % 512) {
        if (memcmp(c->p->rgb[c->index[at] - 1], rgb, 3) == 0) {
            return c->index[at] - 1;
        }
    }
    if (c->p->n == 256) {
        return -1;
    }
    memcpy(c->p->rgb[c->p->n], rgb, 3);
    c->index[at] = (int16_t)++c->p->n;
    return (int)c->p->n - 1;
}

/* The clear colour, if there is any, takes index 0. */
static void start_palette(gdImagePtr image, struct counter_palette *p)
{
    p->n = 0;
    p->transparent = -1;
    for (int y = 0; y < gdImageSY(image); y++) {
        for (int x = 0; x < gdImageSX(image); x++) {
            if (is_clear(gdImageTrueColorPixel(image, x, y))) {
                p->transparent = 0;
                p->n = 1;
                memset(p->rgb[0], 0, 3);
                return;
            }
        }
    }
}

/* False: too many colours. */
static bool take_pixels(gdImagePtr image, struct counter_canvas *out)
{
    struct colors colors = {.p = &out->palette};
    uint8_t *to = out->pixels;

    start_palette(image, &out->palette);
    for (int y = 0; y < gdImageSY(image); y++) {
        for (int x = 0; x < gdImageSX(image); x++) {
            int color = gdImageTrueColorPixel(image, x, y);
            int index = is_clear(color) ? 0 : index_of(&colors, color);

            if (index < 0) {
                return false;
            }
            *to++ = (uint8_t)index;
        }
    }
    return true;
}

/* Black where it is clear, so that what hides there takes no colour. */
static void blacken(gdImagePtr image)
{
    for (int y = 0; y < gdImageSY(image); y++) {
        for (int x = 0; x < gdImageSX(image); x++) {
            int color = gdImageTrueColorPixel(image, x, y);

            gdImageSetPixel(image, x, y,
                            is_clear(color) ? 0 : color & 0xffffff);
        }
    }
}

static bool reduce(gdImagePtr image, struct counter_canvas *out)
{
    bool clear = out->palette.transparent >= 0;
    gdImagePtr few;
    uint8_t *to = out->pixels;

    gdImageAlphaBlending(image, gdEffectReplace);
    if (clear) { /* which pixels, until the others have their colours */
        for (int y = 0; y < gdImageSY(image); y++) {
            for (int x = 0; x < gdImageSX(image); x++) {
                *to++ = !is_clear(gdImageTrueColorPixel(image, x, y));
            }
        }
    }
    blacken(image);
    few = gdImageCreatePaletteFromTrueColor(image, 0, 255);
    if (!few) {
        return false;
    }
    to = out->pixels;
    for (int y = 0; y < gdImageSY(few); y++) {
        for (int x = 0; x < gdImageSX(few); x++, to++) {
            int shift = clear ? 1 : 0;

            *to = clear && !*to
                      ? 0
                      : (uint8_t)(gdImagePalettePixel(few, x, y) + shift);
        }
    }
    out->palette.n = (unsigned)gdImageColorsTotal(few) + (clear ? 1 : 0);
    for (int i = 0; i < gdImageColorsTotal(few); i++) {
        uint8_t *rgb = out->palette.rgb[i + (clear ? 1 : 0)];

        rgb[0] = (uint8_t)gdImageRed(few, i);
        rgb[1] = (uint8_t)gdImageGreen(few, i);
        rgb[2] = (uint8_t)gdImageBlue(few, i);
    }
    gdImageDestroy(few);
    return true;
}

static int to_canvas(gdImagePtr image, struct counter_canvas *out,
                     struct omk_err *err)
{
    struct counter_canvas c = {.width = (unsigned)gdImageSX(image),
                               .height = (unsigned)gdImageSY(image)};

    c.pixels = malloc((size_t)c.width * c.height);
    if (!c.pixels || (!take_pixels(image, &c) && !reduce(image, &c))) {
        free(c.pixels);
        return fail(err, OMK_ENOMEM, "out of memory");
    }
    *out = c;
    return OMK_OK;
}

int counter_picture(const char *dir, const struct counter_query *q,
                    const struct counter_canvas *digits,
                    struct counter_canvas *out, struct omk_err *err)
{
    int rc, x, y;
    gdImagePtr image = load(dir, q->image, &rc, err);

    if (!image) {
        return rc;
    }
    if (digits) {
        position(q, image, digits, &x, &y);
        put_digits(image, digits, x, y);
    }
    rc = to_canvas(image, out, err);
    gdImageDestroy(image);
    return rc;
}

int counter_picture_size(const char *dir, const struct counter_query *q,
                         unsigned *width, unsigned *height, struct omk_err *err)
{
    int rc;
    gdImagePtr image = load(dir, q->image, &rc, err);

    if (!image) {
        return rc;
    }
    *width = (unsigned)gdImageSX(image);
    *height = (unsigned)gdImageSY(image);
    gdImageDestroy(image);
    return OMK_OK;
}

/* --- PNG ----------------------------------------------------------------- */

static gdImagePtr from_canvas(const struct counter_canvas *c)
{
    gdImagePtr image = gdImageCreate((int)c->width, (int)c->height);

    if (!image) {
        return NULL;
    }
    for (unsigned i = 0; i < c->palette.n; i++) {
        const uint8_t *rgb = c->palette.rgb[i];

        (void)gdImageColorAllocate(image, rgb[0], rgb[1], rgb[2]);
    }
    if (c->palette.transparent >= 0) {
        gdImageColorTransparent(image, c->palette.transparent);
    }
    for (unsigned y = 0; y < c->height; y++) {
        memcpy(image->pixels[y], c->pixels + (size_t)y * c->width, c->width);
    }
    return image;
}

int counter_picture_png(const struct counter_canvas *c,
                        const struct counter_alloc *a, uint8_t **data,
                        size_t *len, struct omk_err *err)
{
    gdImagePtr image = from_canvas(c);
    int size = 0;
    void *png = image ? gdImagePngPtr(image, &size) : NULL;
    uint8_t *copy = png && size > 0 ? a->alloc(a->ctx, (size_t)size) : NULL;

    if (copy) {
        memcpy(copy, png, (size_t)size);
        *data = copy;
        *len = (size_t)size;
    }
    if (png) {
        gdFree(png);
    }
    if (image) {
        gdImageDestroy(image);
    }
    return copy ? OMK_OK : omk_fail(err, OMK_ENOMEM, "", "out of memory");
}
