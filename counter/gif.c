#include "gif.h"

#include "err.h"
#include "render.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

enum { CODES = 4096, CODE_BITS_MAX = 12, BLOCK = 255 };

/* The compressor's dictionary: for each code its extensions as a list. A
 * restart clears the roots only, which suits the short rows of glyphs. */
struct lzw {
    uint16_t child[CODES], sibling[CODES];
    uint8_t suffix[CODES];
    unsigned clear, next, width, emitted;
    struct counter_gif_pool *pool;
    size_t first;
    uint64_t acc;
    unsigned fill;
    uint32_t bits;
    bool failed;
};

static bool pool_add(struct counter_gif_pool *pool, uint64_t word)
{
    if (pool->len == pool->cap) {
        size_t cap = pool->cap ? pool->cap * 2 : 256;
        uint64_t *words = reallocarray(pool->words, cap, sizeof *words);

        if (!words) {
            return false;
        }
        pool->words = words;
        pool->cap = cap;
    }
    pool->words[pool->len++] = word;
    return true;
}

static void restart(struct lzw *z)
{
    memset(z->child, 0, z->clear * sizeof *z->child);
    z->next = z->clear + 2;
    z->emitted = 0;
}

static void emit_bits(struct lzw *z, unsigned code)
{
    z->acc |= (uint64_t)code << z->fill;
    z->fill += z->width;
    z->bits += z->width;
    if (z->fill < 64) {
        return;
    }
    if (!pool_add(z->pool, z->acc)) {
        z->failed = true;
    }
    z->fill -= 64;
    z->acc = z->fill ? (uint64_t)code >> (z->width - z->fill) : 0;
}

/* The width grows when the *decoder's* table fills it. The decoder is one
 * entry behind: it learns its first one with the second code. */
static void emit(struct lzw *z, unsigned code)
{
    emit_bits(z, code);
    z->emitted++;
    if (z->clear + 1 + z->emitted == 1u << z->width
        && z->width < CODE_BITS_MAX) {
        z->width++;
    }
}

static void emit_clear(struct lzw *z, unsigned code_size)
{
    emit_bits(z, z->clear);
    z->width = code_size + 1;
    restart(z);
}

static unsigned lookup(const struct lzw *z, unsigned prefix, uint8_t pixel)
{
    unsigned code = z->child[prefix];

    while (code && z->suffix[code] != pixel) {
        code = z->sibling[code];
    }
    return code;
}

static void learn(struct lzw *z, unsigned prefix, uint8_t pixel)
{
    unsigned code = z->next++;

    z->suffix[code] = pixel;
    z->child[code] = 0;
    z->sibling[code] = z->child[prefix];
    z->child[prefix] = (uint16_t)code;
}

static void compress(struct lzw *z, const uint8_t *pixels, size_t n,
                     unsigned code_size)
{
    unsigned prefix = pixels[0];

    for (size_t i = 1; i < n; i++) {
        unsigned longer = lookup(z, prefix, pixels[i]);

        if (longer) {
            prefix = longer;
            continue;
        }
        emit(z, prefix);
        learn(z, prefix, pixels[i]);
        prefix = pixels[i];
        /* Some decoders stumble over a full table: start anew before. */
        if (z->next == CODES - 1) {
            emit_clear(z, code_size);
        }
    }
    emit(z, prefix);
    emit_clear(z, code_size);
}

int counter_gif_piece(const uint8_t *pixels, size_t n, unsigned code_size,
                      struct counter_gif_pool *pool,
                      struct counter_gif_piece *out)
{
    struct lzw *z = malloc(sizeof *z);
    int rc = OMK_OK;

    if (!z || pool->len > UINT32_MAX / 2) {
        free(z);
        return OMK_ENOMEM;
    }
    z->clear = 1u << code_size;
    z->width = code_size + 1;
    z->pool = pool;
    z->first = pool->len;
    z->acc = 0;
    z->fill = 0;
    z->bits = 0;
    z->failed = false;
    restart(z);
    compress(z, pixels, n, code_size);
    if (z->failed || (z->fill && !pool_add(pool, z->acc))) {
        pool->len = z->first;
        rc = OMK_ENOMEM;
    }
    else {
        out->word = (uint32_t)z->first;
        out->bits = z->bits;
    }
    free(z);
    return rc;
}

static uint8_t *put16(uint8_t *p, unsigned n)
{
    *p++ = (uint8_t)(n & 255);
    *p++ = (uint8_t)(n >> 8);
    return p;
}

static unsigned color_bits(unsigned n)
{
    unsigned bits = 1;

    while (1u << bits < n) {
        bits++;
    }
    return bits;
}

void counter_gif_head(const struct counter_palette *palette, unsigned height,
                      struct counter_gif_head *out)
{
    unsigned bits = color_bits(palette->n);
    uint8_t *p = out->bytes;

    memset(out, 0, sizeof *out);
    out->height = height;
    out->code_size = bits < 2 ? 2 : bits; /* 1 is not allowed */
    memcpy(p, "GIF89a", 6);
    p = put16(put16(p + 6, 0), height);
    *p++ = (uint8_t)(0x80 | (bits - 1) << 4 | (bits - 1));
    p += 2; /* background, aspect */
    memcpy(p, palette->rgb, palette->n * 3);
    p += 3u << bits;
    if (palette->transparent >= 0) {
        memcpy(p, "\x21\xf9\x04\x01\0\0", 6);
        p[6] = (uint8_t)palette->transparent;
        p += 8;
    }
    out->descriptor = (size_t)(p - out->bytes);
    *p++ = 0x2c;
    p = put16(put16(p + 4, 0), height);
    *p++ = 0;
    *p++ = (uint8_t)out->code_size;
    out->len = (size_t)(p - out->bytes);
}

struct writer {
    uint8_t *p;
    uint64_t acc;
    unsigned fill; /* 0..63 */
};

static inline void store(struct writer *w, uint64_t word)
{
    word = htole64(word);
    memcpy(w->p, &word, sizeof word);
    w->p += sizeof word;
}

/* bits 1..64; those above them in word are 0 */
static inline void put(struct writer *w, uint64_t word, unsigned bits)
{
    w->acc |= word << w->fill;
    if (w->fill + bits < 64) {
        w->fill += bits;
        return;
    }
    store(w, w->acc);
    w->acc = w->fill ? word >> (64 - w->fill) : 0;
    w->fill = w->fill + bits - 64;
}

static inline void put_piece(struct writer *w, const uint64_t *words,
                             uint32_t bits)
{
    for (; bits > 64; bits -= 64) {
        put(w, *words++, 64);
    }
    put(w, *words, bits);
}

/* Cuts the stream into sub-blocks; to lies far enough before from. */
static uint8_t *cut_blocks(uint8_t *to, const uint8_t *from, size_t n)
{
    while (n > 0) {
        size_t part = n < BLOCK ? n : BLOCK;

        *to++ = (uint8_t)part;
        memmove(to, from, part);
        to += part;
        from += part;
        n -= part;
    }
    *to++ = 0;
    *to++ = 0x3b;
    return to;
}

int counter_gif_join(const struct counter_gif_head *head,
                     const struct counter_gif_pool *pool,
                     const struct counter_gif_piece *const *columns,
                     size_t ncolumns, unsigned rows, size_t bits,
                     unsigned width, const struct counter_alloc *a,
                     uint8_t **data, size_t *len)
{
    unsigned clear = 1u << head->code_size, code_bits = head->code_size + 1;
    size_t bytes = (bits + 2 * code_bits + 7) / 8;
    size_t blocks = (bytes + BLOCK - 1) / BLOCK;
    /* The last word is stored whole: eight bytes of room. */
    uint8_t *buf = a->alloc(a->ctx, head->len + bytes + blocks + 2 + 8);
    struct writer w;
    uint8_t *raw;

    if (!buf) {
        return OMK_ENOMEM;
    }
    memcpy(buf, head->bytes, head->len);
    (void)put16(buf + 6, width);
    (void)put16(buf + head->descriptor + 5, width);

    raw = buf + head->len + blocks;
    w = (struct writer){.p = raw, .acc = 0, .fill = 0};
    put(&w, clear, code_bits);
    for (unsigned row = 0; row < rows; row++) {
        for (size_t i = 0; i < ncolumns; i++) {
            const struct counter_gif_piece *piece = &columns[i][row];

            put_piece(&w, pool->words + piece->word, piece->bits);
        }
    }
    put(&w, clear + 1, code_bits); /* end of information */
    store(&w, w.acc);

    *len = (size_t)(cut_blocks(buf + head->len, raw, bytes) - buf);
    *data = buf;
    return OMK_OK;
}

int counter_gif_encode(const struct counter_canvas *canvas,
                       const struct counter_alloc *a, uint8_t **data,
                       size_t *len)
{
    struct counter_gif_pool pool = {NULL, 0, 0};
    struct counter_gif_head head;
    struct counter_gif_piece piece;
    const struct counter_gif_piece *columns[1] = {&piece};
    int rc;

    counter_gif_head(&canvas->palette, canvas->height, &head);
    rc = counter_gif_piece(canvas->pixels,
                           (size_t)canvas->width * canvas->height,
                           head.code_size, &pool, &piece);
    if (rc == OMK_OK) {
        rc = counter_gif_join(&head, &pool, columns, 1, 1, piece.bits,
                              canvas->width, a, data, len);
    }
    free(pool.words);
    return rc;
}
