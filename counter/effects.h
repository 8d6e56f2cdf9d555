/* What only some images need: colours by name, frames, rotation, pictures,
 * PNG. It is a shared object of its own, loaded at its first use, because the
 * libraries behind it (libgd and what that needs) cost more to load than a
 * whole hit does. */
#ifndef COUNTER_EFFECTS_H
#define COUNTER_EFFECTS_H

#include "canvas.h"
#include "query.h"

struct counter_alloc;
struct omk_err;

#define COUNTER_EFFECTS_ABI 1u

/* The one symbol of the shared object. */
struct counter_effects {
    unsigned abi;

    /* Applies q's effects to the digits (NULL: none, an image alone) and
     * gives a new canvas, whose pixels are malloc'd; doc/counter-query.md has
     * their order. OMK_EINVAL, OMK_ERANGE (refused before memory is taken),
     * OMK_ENOENT (no such picture), OMK_EIO, OMK_ENOMEM. */
    int (*apply)(const struct counter_canvas *digits,
                 const struct counter_query *q, const char *images_dir,
                 struct counter_canvas *out, struct omk_err *err);

    /* The size alone. digits: only width and height matter. */
    int (*size)(const struct counter_canvas *digits,
                const struct counter_query *q, const char *images_dir,
                unsigned *width, unsigned *height, struct omk_err *err);

    int (*png)(const struct counter_canvas *canvas,
               const struct counter_alloc *a, uint8_t **data, size_t *len,
               struct omk_err *err);
};

/* The effects, loaded at the first call and kept. OMK_EIO: they cannot be
 * loaded; err says why. Thread-safe. */
int counter_effects(const struct counter_effects **out, struct omk_err *err);

/* Where the shared object is, before its first use: for tests. The string
 * must stay. Default: counter_effects.so in the package's library
 * directory. */
void counter_effects_path(const char *path);

#endif
