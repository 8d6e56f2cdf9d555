/* A strip: whatever becomes a design has every number in its range, and an
 * image of its glyphs is a GIF that giflib reads back to the same pixels. The
 * input up to the first NUL is strip.txt (empty: none), the rest the GIF. */
#include "err.h"
#include "fuzz.h"
#include "render.h"
#include "strip.h"

#include <gif_lib.h>
#include <string.h>

static void *heap(void *ctx, size_t size)
{
    (void)ctx;
    return malloc(size);
}

static const struct counter_alloc from_heap = {heap, NULL};

static void check_design(const struct counter_design *d)
{
    unsigned x = 0;

    MUST(d->width >= COUNTER_DIGITS && d->width <= COUNTER_STRIP_WIDTH_MAX);
    MUST(d->height >= 1 && d->height <= COUNTER_STRIP_HEIGHT_MAX);
    MUST(d->palette.n >= 1 && d->palette.n <= 256);
    MUST(d->palette.transparent < (int)d->palette.n);
    for (unsigned g = 0; g < COUNTER_GLYPHS; g++) {
        const struct counter_glyph *glyph = &d->glyphs[g];

        MUST(glyph->width || (g >= COUNTER_DIGITS && !glyph->bits));
        MUST(!glyph->width || glyph->x == x);
        x += glyph->width;
    }
    MUST(x == d->width);
    for (size_t i = 0; i < (size_t)d->width * d->height; i++) {
        MUST(d->pixels[i] < d->palette.n);
    }
}

struct input {
    const uint8_t *p;
    size_t left;
};

static int read_input(GifFileType *gif, GifByteType *to, int want)
{
    struct input *in = gif->UserData;
    size_t n = (size_t)want < in->left ? (size_t)want : in->left;

    memcpy(to, in->p, n);
    in->p += n;
    in->left -= n;
    return (int)n;
}

/* The pixels of the glyphs in the text, row by row. */
static void check_image(const struct counter_design *d, const char *text,
                        const struct counter_image *image)
{
    struct input in = {image->data, image->len};
    GifFileType *gif = DGifOpen(&in, read_input, NULL);
    const uint8_t *got;

    MUST(gif && DGifSlurp(gif) == GIF_OK && gif->ImageCount == 1);
    MUST(in.left == 0);
    MUST((unsigned)gif->SWidth == image->width
         && (unsigned)gif->SHeight == image->height);
    got = gif->SavedImages[0].RasterBits;
    for (unsigned y = 0; y < d->height; y++) {
        for (const char *c = text; *c; c++) {
            const struct counter_glyph *g = &d->glyphs[counter_glyph_index(*c)];

            MUST(memcmp(got, d->pixels + (size_t)y * d->width + g->x, g->width)
                 == 0);
            got += g->width;
        }
    }
    (void)DGifCloseFile(gif, NULL);
}

static void check_render(const struct counter_design *d)
{
    static const struct counter_query_limits any = {5, 10};
    static const char query[] = "lit=9081726354";
    struct counter_query q;
    struct counter_text text;
    struct counter_image image;
    struct omk_err err = {0};
    int rc;

    MUST(counter_query_parse(query, strlen(query), &any, &q, &err) == OMK_OK);
    counter_text_lit(&q, &text);
    rc = counter_render(d, &q, &text, NULL, &from_heap, &image, &err);
    MUST(rc == OMK_OK);
    check_image(d, text.s, &image);
    free(image.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size ? memchr(data, '\0', size) : NULL;
    size_t text = end ? (size_t)(end - data) : 0, skip = end ? text + 1 : 0;
    char *layout = text ? strndup((const char *)data, text) : NULL;
    uint8_t *gif = malloc(size - skip + 1);
    struct counter_design *d = NULL;
    struct omk_err err = {0};
    int rc;

    MUST(gif);
    if (size > skip) {
        memcpy(gif, data + skip, size - skip);
    }
    gif = realloc(gif, size - skip ? size - skip : 1); /* exact, for ASan */
    MUST(gif);
    rc = counter_design_parse(gif, size - skip, layout, &d, &err);
    if (rc == OMK_OK) {
        check_design(d);
        check_render(d);
        counter_design_free(d);
    }
    else {
        MUST(rc == OMK_EINVAL || rc == OMK_ERANGE);
        MUST(err.code == rc && err.text[0] && !d);
    }
    free(gif);
    free(layout);
    return 0;
}
