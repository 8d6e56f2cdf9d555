#include "cmocka_first.h"
#include "pictures.h"

#include "err.h"
#include "strip.h"

#include <dirent.h>
#include <gd.h>
#include <gif_lib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void *heap(void *ctx, size_t size)
{
    (void)ctx;
    return malloc(size);
}

static void *nothing(void *ctx, size_t size)
{
    (void)ctx;
    (void)size;
    return NULL;
}

const struct counter_alloc from_heap = {heap, NULL};
const struct counter_alloc no_memory = {nothing, NULL};

static void new_pixels(struct pixels *p, unsigned width, unsigned height)
{
    p->width = width;
    p->height = height;
    p->at = calloc((size_t)width * height, sizeof *p->at);
    assert_non_null(p->at);
}

void same_pixels(const char *label, const struct pixels *a,
                 const struct pixels *b)
{
    if (a->width != b->width || a->height != b->height) {
        fail_msg("%s: %u x %u, not %u x %u", label, a->width, a->height,
                 b->width, b->height);
    }
    for (unsigned y = 0; y < a->height; y++) {
        for (unsigned x = 0; x < a->width; x++) {
            size_t i = (size_t)y * a->width + x;

            if (a->at[i] != b->at[i]) {
                fail_msg("%s: at %u, %u: %06x, not %06x", label, x, y, a->at[i],
                         b->at[i]);
            }
        }
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

static void by_giflib(const uint8_t *data, size_t len, struct pixels *out)
{
    struct input in = {data, len};
    GraphicsControlBlock control = {.TransparentColor = NO_TRANSPARENT_COLOR};
    GifFileType *gif = DGifOpen(&in, read_input, NULL);
    const SavedImage *image;

    assert_non_null(gif);
    assert_int_equal(DGifSlurp(gif), GIF_OK);
    assert_int_equal(gif->ImageCount, 1);
    assert_int_equal(in.left, 0);
    image = gif->SavedImages;
    assert_int_equal(image->ImageDesc.Left + image->ImageDesc.Top, 0);
    assert_int_equal(image->ImageDesc.Width, gif->SWidth);
    assert_int_equal(image->ImageDesc.Height, gif->SHeight);
    (void)DGifSavedExtensionToGCB(gif, 0, &control);
    new_pixels(out, (unsigned)gif->SWidth, (unsigned)gif->SHeight);
    for (size_t i = 0; i < (size_t)out->width * out->height; i++) {
        int color = image->RasterBits[i];
        const GifColorType *c = &gif->SColorMap->Colors[color];

        assert_true(color < gif->SColorMap->ColorCount);
        out->at[i] =
            color == control.TransparentColor
                ? CLEAR
                : (uint32_t)c->Red << 16 | (uint32_t)c->Green << 8 | c->Blue;
    }
    (void)DGifCloseFile(gif, NULL);
}

static void from_gd(gdImagePtr image, struct pixels *out)
{
    assert_non_null(image);
    new_pixels(out, (unsigned)gdImageSX(image), (unsigned)gdImageSY(image));
    for (unsigned y = 0; y < out->height; y++) {
        for (unsigned x = 0; x < out->width; x++) {
            int c = gdImageGetTrueColorPixel(image, (int)x, (int)y);

            out->at[(size_t)y * out->width + x] =
                gdTrueColorGetAlpha(c) ? CLEAR : (uint32_t)c & 0xffffff;
        }
    }
    gdImageDestroy(image);
}

void pixels_of_gif(const uint8_t *data, size_t len, struct pixels *out)
{
    uint8_t *copy = malloc(len);
    struct pixels again;

    assert_non_null(copy);
    memcpy(copy, data, len);
    by_giflib(data, len, out);
    from_gd(gdImageCreateFromGifPtr((int)len, copy), &again);
    same_pixels("libgd", &again, out);
    free(again.at);
    free(copy);
}

void pixels_of_png(const uint8_t *data, size_t len, struct pixels *out)
{
    uint8_t *copy = malloc(len);

    assert_non_null(copy);
    memcpy(copy, data, len);
    from_gd(gdImageCreateFromPngPtr((int)len, copy), out);
    free(copy);
}

void pixels_of_canvas(const struct counter_canvas *c, struct pixels *out)
{
    new_pixels(out, c->width, c->height);
    for (size_t i = 0; i < (size_t)c->width * c->height; i++) {
        const uint8_t *rgb = c->palette.rgb[c->pixels[i]];

        out->at[i] =
            c->pixels[i] == c->palette.transparent
                ? CLEAR
                : (uint32_t)rgb[0] << 16 | (uint32_t)rgb[1] << 8 | rgb[2];
    }
}

uint8_t *whole_file(const char *path, size_t *len)
{
    FILE *f = fopen(path, "rb");
    struct stat st;
    uint8_t *data;

    if (!f || fstat(fileno(f), &st) != 0) {
        fail_msg("%s: cannot be opened", path);
        return NULL;
    }
    *len = (size_t)st.st_size;
    data = malloc(*len ? *len : 1);
    assert_non_null(data);
    assert_int_equal(fread(data, 1, *len, f), *len);
    (void)fclose(f);
    return data;
}

void write_whole(const char *path, const void *data, size_t len)
{
    FILE *f = fopen(path, "wb");

    if (!f || fwrite(data, 1, len, f) != len || fclose(f) != 0) {
        fail_msg("%s: cannot be written", path);
    }
}

const struct counter_design *built_design(char name)
{
    struct counter_design *d;
    struct omk_err err;
    char path[512];
    uint8_t *data;
    size_t len;

    (void)snprintf(path, sizeof path, "%s/share/designs/%c/strip.gif", BUILDDIR,
                   name);
    data = whole_file(path, &len);
    if (counter_design_parse(data, len, NULL, &d, &err) != OMK_OK) {
        fail_msg("%s: %s", path, err.text);
    }
    free(data);
    return d;
}

void make_temp(char path[64])
{
    (void)snprintf(path, 64, "/tmp/omakase-unit.XXXXXX");
    assert_non_null(mkdtemp(path));
}

void remove_temp(const char *path)
{
    DIR *d = opendir(path);
    struct dirent *e;

    while (d && (e = readdir(d))) {
        char below[512];
        struct stat st;

        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) {
            continue;
        }
        (void)snprintf(below, sizeof below, "%.200s/%.255s", path, e->d_name);
        if (lstat(below, &st) == 0 && S_ISDIR(st.st_mode)) {
            remove_temp(below);
        }
        else {
            (void)unlink(below);
        }
    }
    if (d) {
        (void)closedir(d);
    }
    (void)rmdir(path);
}

uint32_t next_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}
