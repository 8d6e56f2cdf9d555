#include "strip.h"

#include "design.h"
#include "err.h"
#include "num.h"

#include <gif_lib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const counter_glyph_files[COUNTER_GLYPHS] = {
    "zero.gif",  "one.gif",   "two.gif",   "three.gif", "four.gif",
    "five.gif",  "six.gif",   "seven.gif", "eight.gif", "nine.gif",
    "colon.gif", "am.gif",    "pm.gif",    "comma.gif", "dash.gif",
    "d.gif",     "h.gif",     "m.gif",     "s.gif",
};

int counter_glyph_index(char c)
{
    static const char others[] = ":AP,-DHMS";
    const char *at;

    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c == 'a' || c == 'p') {
        c = (char)(c - 'a' + 'A');
    }
    at = c ? strchr(others, c) : NULL;
    return at ? COUNTER_DIGITS + (int)(at - others) : -1;
}

/* --- decoding a GIF of one image --------------------------------------- */

struct picture {
    unsigned width, height;
    uint8_t *pixels;
    uint8_t rgb[256][3];
    unsigned ncolors;
    int transparent;
    char comment[512]; /* all comments, one after the other */
    size_t comment_len;
};

struct input {
    const uint8_t *p;
    size_t left;
};

static int read_input(GifFileType *gif, GifByteType *to, int want)
{
    struct input *in = gif->UserData;
    size_t n = want < 0 ? 0 : (size_t)want;

    if (n > in->left) {
        n = in->left;
    }
    memcpy(to, in->p, n);
    in->p += n;
    in->left -= n;
    return (int)n;
}

static bool input_is_empty(const GifFileType *gif)
{
    const struct input *in = gif->UserData;

    return in->left == 0;
}

static int broken(const GifFileType *gif, struct omk_err *err)
{
    const char *why = GifErrorString(gif->Error);

    return omk_fail(err, OMK_EINVAL, "", "broken GIF: %s",
                    why ? why : "unknown error");
}

static int read_colors(const GifFileType *gif, struct picture *pic,
                       struct omk_err *err)
{
    const ColorMapObject *map =
        gif->Image.ColorMap ? gif->Image.ColorMap : gif->SColorMap;

    if (!map || map->ColorCount < 1 || map->ColorCount > 256) {
        return omk_fail(err, OMK_EINVAL, "", "GIF without a colour map");
    }
    pic->ncolors = (unsigned)map->ColorCount;
    for (unsigned i = 0; i < pic->ncolors; i++) {
        pic->rgb[i][0] = map->Colors[i].Red;
        pic->rgb[i][1] = map->Colors[i].Green;
        pic->rgb[i][2] = map->Colors[i].Blue;
    }
    return OMK_OK;
}

static int read_row(GifFileType *gif, struct picture *pic, unsigned y,
                    struct omk_err *err)
{
    uint8_t *row = pic->pixels + (size_t)y * pic->width;

    if (DGifGetLine(gif, row, (int)pic->width) != GIF_OK) {
        return broken(gif, err);
    }
    for (unsigned x = 0; x < pic->width; x++) {
        if (row[x] >= pic->ncolors) {
            return omk_fail(err, OMK_EINVAL, "",
                            "broken GIF: a pixel has no colour");
        }
    }
    return OMK_OK;
}

static int read_rows(GifFileType *gif, struct picture *pic,
                     struct omk_err *err)
{
    static const struct {
        unsigned first, step;
    } plain[] = {{0, 1}}, interlaced[] = {{0, 8}, {4, 8}, {2, 4}, {1, 2}};
    bool four = gif->Image.Interlace;

    for (unsigned pass = 0; pass < (four ? 4u : 1u); pass++) {
        unsigned y = four ? interlaced[pass].first : plain[0].first;
        unsigned step = four ? interlaced[pass].step : plain[0].step;

        for (; y < pic->height; y += step) {
            int rc = read_row(gif, pic, y, err);

            if (rc != OMK_OK) {
                return rc;
            }
        }
    }
    return OMK_OK;
}

static int read_image(GifFileType *gif, struct picture *pic,
                      struct omk_err *err)
{
    int rc;

    if (pic->pixels) {
        return omk_fail(err, OMK_EINVAL, "", "animated GIF");
    }
    if (DGifGetImageDesc(gif) != GIF_OK) {
        return broken(gif, err);
    }
    if (gif->Image.Width < 1 || gif->Image.Height < 1) {
        return omk_fail(err, OMK_EINVAL, "", "empty GIF");
    }
    if ((unsigned)gif->Image.Width > COUNTER_STRIP_WIDTH_MAX
        || (unsigned)gif->Image.Height > COUNTER_STRIP_HEIGHT_MAX) {
        return omk_fail(err, OMK_ERANGE, "",
                        "GIF of %d x %d pixels, at most %u x %u",
                        gif->Image.Width, gif->Image.Height,
                        COUNTER_STRIP_WIDTH_MAX, COUNTER_STRIP_HEIGHT_MAX);
    }
    rc = read_colors(gif, pic, err);
    if (rc != OMK_OK) {
        return rc;
    }
    pic->width = (unsigned)gif->Image.Width;
    pic->height = (unsigned)gif->Image.Height;
    pic->pixels = malloc((size_t)pic->width * pic->height);
    if (!pic->pixels) {
        return omk_fail(err, OMK_ENOMEM, "", "out of memory");
    }
    return read_rows(gif, pic, err);
}

static void keep_comment(struct picture *pic, const GifByteType *block)
{
    size_t n = block[0];

    if (n >= sizeof pic->comment - pic->comment_len) {
        n = sizeof pic->comment - pic->comment_len - 1;
    }
    memcpy(pic->comment + pic->comment_len, block + 1, n);
    pic->comment_len += n;
    pic->comment[pic->comment_len] = '\0';
}

static int read_extension(GifFileType *gif, struct picture *pic,
                          struct omk_err *err)
{
    GifByteType *block;
    int code;

    if (DGifGetExtension(gif, &code, &block) != GIF_OK) {
        return broken(gif, err);
    }
    while (block) {
        if (code == COMMENT_EXT_FUNC_CODE) {
            keep_comment(pic, block);
        }
        else if (code == GRAPHICS_EXT_FUNC_CODE && block[0] >= 4
                 && (block[1] & 1) && !pic->pixels) {
            pic->transparent = block[4];
        }
        if (DGifGetExtensionNext(gif, &block) != GIF_OK) {
            return broken(gif, err);
        }
    }
    return OMK_OK;
}

static int read_records(GifFileType *gif, struct picture *pic,
                        struct omk_err *err)
{
    for (;;) {
        GifRecordType type;
        int rc;

        if (DGifGetRecordType(gif, &type) != GIF_OK) {
            if (pic->pixels && input_is_empty(gif)) {
                break; /* without a trailer, as some programs wrote it */
            }
            return broken(gif, err);
        }
        if (type == TERMINATE_RECORD_TYPE) {
            break;
        }
        rc = type == IMAGE_DESC_RECORD_TYPE ? read_image(gif, pic, err)
             : type == EXTENSION_RECORD_TYPE
                 ? read_extension(gif, pic, err)
                 : omk_fail(err, OMK_EINVAL, "", "broken GIF");
        if (rc != OMK_OK) {
            return rc;
        }
    }
    return pic->pixels ? OMK_OK
                       : omk_fail(err, OMK_EINVAL, "", "GIF without an image");
}

/* Record by record, never DGifSlurp: that takes memory for each frame of an
 * animation, which a small file can have thousands of. */
static int decode(const uint8_t *data, size_t len, struct picture *pic,
                  struct omk_err *err)
{
    struct input in = {data, len};
    GifFileType *gif;
    int code = 0, rc;

    memset(pic, 0, sizeof *pic);
    pic->transparent = -1;
    if (len > COUNTER_STRIP_BYTES_MAX) {
        return omk_fail(err, OMK_ERANGE, "", "larger than %u bytes",
                        COUNTER_STRIP_BYTES_MAX);
    }
    gif = DGifOpen(&in, read_input, &code);
    if (!gif) {
        const char *why = GifErrorString(code);

        return omk_fail(err, OMK_EINVAL, "", "no GIF: %s",
                        why ? why : "unknown error");
    }
    rc = read_records(gif, pic, err);
    (void)DGifCloseFile(gif, &code); /* only memory is left to give back */
    if (rc != OMK_OK) {
        free(pic->pixels);
        pic->pixels = NULL;
    }
    return rc;
}

/* --- where the glyphs are ---------------------------------------------- */

struct source {
    const struct picture *pic; /* NULL: no such glyph */
    unsigned x, width;
};

/* "N:b0:b1:...:bN", white space and newlines around numbers are passed over.
 * More glyphs than are known are passed over too. */
static bool read_layout(const char *s, const struct picture *pic,
                        struct source out[COUNTER_GLYPHS])
{
    uint64_t n = 0, last = 0;

    for (uint64_t field = 0; field == 0 || field <= n + 1; field++) {
        const char *start = s + strspn(s, " \t\r\n");
        size_t len = strspn(start, "0123456789");
        uint64_t v;

        if (omk_num_u64(start, len, 0, COUNTER_STRIP_WIDTH_MAX, &v) != OMK_OK) {
            return false;
        }
        s = start + len;
        s += strspn(s, " \t\r\n");
        if (field == 0) {
            n = v;
        }
        else if (v > pic->width || (field > 1 && v <= last)) {
            return false;
        }
        else if (field > 1 && field - 2 < COUNTER_GLYPHS) {
            out[field - 2].pic = pic;
            out[field - 2].x = (unsigned)last;
            out[field - 2].width = (unsigned)(v - last);
        }
        last = field ? v : 0;
        if (field <= n && *s++ != ':') {
            return false;
        }
    }
    return n >= COUNTER_DIGITS;
}

/* The strips of WWW Count's own five designs, should the comment be lost. */
static const char *known_layout(const struct picture *pic)
{
    static const struct {
        unsigned width, height;
        const char *layout;
    } known[] = {
        {269, 20, "19:0:15:30:45:60:75:90:105:120:135:150:159:174:189:198:209:"
                  "224:239:254:269"},
        {208, 20,
         "15:0:15:30:45:60:75:90:105:120:135:150:159:174:189:198:208"},
        {140, 13, "15:0:9:18:27:36:45:54:63:72:81:90:96:111:126:132:140"},
        {92, 9, "15:0:6:12:18:24:30:36:42:48:54:60:66:73:80:86:92"},
    };

    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (pic->width == known[i].width && pic->height == known[i].height) {
            return known[i].layout;
        }
    }
    return NULL;
}

/* All glyphs of one width: of the numbers of glyphs that divide the strip,
 * the one whose glyphs come nearest to three wide, four high. */
static bool even_layout(const struct picture *pic,
                        struct source out[COUNTER_GLYPHS])
{
    static const unsigned counts[] = {10, 13, 14, 15, 19};
    unsigned best = 0, best_off = UINT32_MAX;

    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        unsigned w = pic->width / counts[i] * 4, h = pic->height * 3;
        unsigned off = w > h ? w - h : h - w;

        if (w && pic->width % counts[i] == 0 && off < best_off) {
            best = counts[i];
            best_off = off;
        }
    }
    for (unsigned i = 0; i < best; i++) {
        unsigned width = pic->width / best;

        out[i] = (struct source){pic, i * width, width};
    }
    return best != 0;
}

static int find_glyphs(const struct picture *pic, const char *layout,
                       struct source out[COUNTER_GLYPHS], struct omk_err *err)
{
    const char *known;

    if (layout && !read_layout(layout, pic, out)) {
        return omk_fail(err, OMK_EINVAL, "",
                        "strip.txt does not fit: it must say "
                        "COUNT:0:EDGE:...:WIDTH for %u pixels",
                        pic->width);
    }
    if (layout || read_layout(pic->comment, pic, out)) {
        return OMK_OK;
    }
    memset(out, 0, COUNTER_GLYPHS * sizeof *out);
    known = known_layout(pic);
    if (known ? read_layout(known, pic, out) : even_layout(pic, out)) {
        return OMK_OK;
    }
    return omk_fail(err, OMK_EINVAL, "",
                    "a strip %u pixels wide without a comment by mkstrip: "
                    "say where its glyphs end in strip.txt",
                    pic->width);
}

/* --- from glyphs to a design ------------------------------------------- */

static int same_color(const struct counter_palette *p, const uint8_t rgb[3])
{
    for (unsigned i = 0; i < p->n; i++) {
        if ((int)i != p->transparent && memcmp(p->rgb[i], rgb, 3) == 0) {
            return (int)i;
        }
    }
    return -1;
}

/* The design's colour for a picture's; colours that no glyph uses are left
 * out, since fewer colours make shorter codes. -1: more than 256. */
static int take_color(struct counter_palette *p, const struct picture *pic,
                      unsigned color)
{
    bool clear = (int)color == pic->transparent;
    int have = clear ? p->transparent : same_color(p, pic->rgb[color]);

    if (have >= 0) {
        return have;
    }
    if (p->n == 256) {
        return -1;
    }
    memcpy(p->rgb[p->n], pic->rgb[color], 3);
    if (clear) {
        p->transparent = (int)p->n;
    }
    return (int)p->n++;
}

static int copy_glyph(struct counter_design *d, const struct source *from,
                      unsigned to_x)
{
    const struct picture *pic = from->pic;
    int map[256];

    memset(map, -1, sizeof map);
    for (unsigned y = 0; y < d->height; y++) {
        /* A lower image stands at the top; its corner fills the rest. */
        const uint8_t *row =
            pic->pixels + (y < pic->height ? (size_t)y * pic->width : 0);
        uint8_t *to = d->pixels + (size_t)y * d->width + to_x;

        for (unsigned x = 0; x < from->width; x++) {
            uint8_t c = y < pic->height ? row[from->x + x] : row[from->x];

            if (map[c] < 0) {
                map[c] = take_color(&d->palette, pic, c);
            }
            if (map[c] < 0) {
                return OMK_ERANGE;
            }
            to[x] = (uint8_t)map[c];
        }
    }
    return OMK_OK;
}

int counter_design_ready(struct counter_design *d, unsigned glyph)
{
    struct counter_glyph *g = &d->glyphs[glyph];

    if (g->bits) {
        return OMK_OK;
    }
    for (unsigned y = 0; g->width && y < d->height; y++) {
        struct counter_gif_piece *piece = &d->pieces[glyph * d->height + y];
        int rc = counter_gif_piece(d->pixels + (size_t)y * d->width + g->x,
                                   g->width, d->head.code_size, &d->pool,
                                   piece);

        if (rc != OMK_OK) {
            g->bits = 0;
            return rc;
        }
        g->bits += piece->bits;
    }
    return OMK_OK;
}

static int make_pieces(struct counter_design *d)
{
    int rc = OMK_OK;

    for (unsigned g = 0; rc == OMK_OK && !d->lazy && g < COUNTER_GLYPHS;
         g++) {
        rc = counter_design_ready(d, g);
    }
    return rc;
}

static int fill_design(struct counter_design *d,
                       const struct source sources[COUNTER_GLYPHS],
                       struct omk_err *err)
{
    unsigned x = 0;

    for (unsigned g = 0; g < COUNTER_GLYPHS; g++) {
        if (!sources[g].pic) {
            continue;
        }
        if (copy_glyph(d, &sources[g], x) != OMK_OK) {
            return omk_fail(err, OMK_ERANGE, "", "more than 256 colours");
        }
        d->glyphs[g].x = x;
        d->glyphs[g].width = sources[g].width;
        x += sources[g].width;
    }
    counter_gif_head(&d->palette, d->height, &d->head);
    if (make_pieces(d) != OMK_OK) {
        return omk_fail(err, OMK_ENOMEM, "", "out of memory");
    }
    return OMK_OK;
}

static int make_design(const struct source sources[COUNTER_GLYPHS], bool lazy,
                       struct counter_design **out, struct omk_err *err)
{
    struct counter_design *d = calloc(1, sizeof *d);
    int rc;

    if (!d) {
        return omk_fail(err, OMK_ENOMEM, "", "out of memory");
    }
    d->self = d;
    atomic_init(&d->refs, 1);
    d->palette.transparent = -1;
    d->lazy = lazy;
    for (unsigned g = 0; g < COUNTER_GLYPHS; g++) {
        if (sources[g].pic) {
            d->width += sources[g].width;
            d->height = sources[g].pic->height > d->height
                            ? sources[g].pic->height
                            : d->height;
        }
    }
    d->pixels = d->width > COUNTER_STRIP_WIDTH_MAX
                    ? NULL
                    : malloc((size_t)d->width * d->height);
    d->pieces = calloc((size_t)COUNTER_GLYPHS * d->height, sizeof *d->pieces);
    if (d->width > COUNTER_STRIP_WIDTH_MAX) {
        rc = omk_fail(err, OMK_ERANGE, "", "more than %u pixels wide",
                      COUNTER_STRIP_WIDTH_MAX);
    }
    else if (!d->pixels || !d->pieces) {
        rc = omk_fail(err, OMK_ENOMEM, "", "out of memory");
    }
    else {
        rc = fill_design(d, sources, err);
    }
    if (rc != OMK_OK) {
        counter_design_free(d);
        return rc;
    }
    *out = d;
    return OMK_OK;
}

static int parse_strip(const uint8_t *data, size_t len, const char *layout,
                       bool lazy, struct counter_design **out,
                       struct omk_err *err)
{
    struct source sources[COUNTER_GLYPHS] = {{NULL, 0, 0}};
    struct picture pic;
    int rc = decode(data, len, &pic, err);

    if (rc == OMK_OK) {
        rc = find_glyphs(&pic, layout, sources, err);
    }
    if (rc == OMK_OK) {
        rc = make_design(sources, lazy, out, err);
    }
    free(pic.pixels);
    return rc;
}

int counter_design_parse(const uint8_t *data, size_t len, const char *layout,
                         struct counter_design **out, struct omk_err *err)
{
    return parse_strip(data, len, layout, false, out, err);
}

int counter_design_parse_lazy(const uint8_t *data, size_t len,
                              const char *layout, struct counter_design **out,
                              struct omk_err *err)
{
    return parse_strip(data, len, layout, true, out, err);
}

static int decode_singles(const struct counter_bytes images[COUNTER_GLYPHS],
                          struct picture pics[COUNTER_GLYPHS],
                          struct source sources[COUNTER_GLYPHS],
                          struct omk_err *err)
{
    for (unsigned g = 0; g < COUNTER_GLYPHS; g++) {
        int rc;

        if (!images[g].data && g >= COUNTER_DIGITS) {
            continue;
        }
        if (!images[g].data) {
            return omk_fail(err, OMK_EINVAL, counter_glyph_files[g],
                            "missing");
        }
        rc = decode(images[g].data, images[g].len, &pics[g], err);
        if (rc != OMK_OK) {
            if (err) {
                (void)snprintf(err->where, sizeof err->where, "%s",
                               counter_glyph_files[g]);
            }
            return rc;
        }
        sources[g] = (struct source){&pics[g], 0, pics[g].width};
    }
    return OMK_OK;
}

int counter_design_parse_singles(
    const struct counter_bytes images[COUNTER_GLYPHS],
    struct counter_design **out, struct omk_err *err)
{
    struct source sources[COUNTER_GLYPHS] = {{NULL, 0, 0}};
    struct picture *pics = calloc(COUNTER_GLYPHS, sizeof *pics);
    int rc;

    if (!pics) {
        return omk_fail(err, OMK_ENOMEM, "", "out of memory");
    }
    rc = decode_singles(images, pics, sources, err);
    if (rc == OMK_OK) {
        rc = make_design(sources, false, out, err);
    }
    for (unsigned g = 0; g < COUNTER_GLYPHS; g++) {
        free(pics[g].pixels);
    }
    free(pics);
    return rc;
}

void counter_design_free(struct counter_design *d)
{
    if (d) {
        free(d->pixels);
        free(d->pieces);
        free(d->pool.words);
        free(d);
    }
}

void counter_design_put(const struct counter_design *d)
{
    if (d && atomic_fetch_sub_explicit(&d->self->refs, 1, memory_order_acq_rel)
                 == 1) {
        counter_design_free(d->self);
    }
}
