/* Designs: a directory per design below the designs' directory, holding
 * strip.gif (the glyphs side by side) or single images (zero.gif …).
 *
 * Each glyph row is kept ready-made as a piece of GIF code stream, so that an
 * image of digits is put together by joining bits (gif.h). A design that
 * appears or changes on disk is seen within a second, without a restart. */
#ifndef COUNTER_DESIGN_H
#define COUNTER_DESIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

struct omk_err;
struct counter_designs; /* all designs of a process; thread-safe */
struct counter_design;  /* one, immutable, counted */

/* Opens the set; designs are loaded when first asked for. dir must stay valid
 * by name. Close frees everything; no design may be held any more. */
int counter_designs_open(const char *dir, struct counter_designs **out,
                         struct omk_err *err);
/* For a process of one thread that draws one image: it looks at the disk once,
 * and compresses no more glyphs than the image has. Before the first get. */
void counter_designs_once(struct counter_designs *ds);
void counter_designs_close(struct counter_designs *ds);

/* The design called name (single images instead of the strip where istrip is
 * false). now, in seconds, paces the look at the disk: at most one stat a
 * second and design. A design whose new file is broken stays as it was, and
 * *err says so once (return value 0, err->code set). OMK_ENOENT: no such
 * design. OMK_EINVAL, OMK_ERANGE: its file is unusable, err says why. Every
 * success is paired with counter_design_put. */
int counter_designs_get(struct counter_designs *ds, const char *name,
                        bool istrip, time_t now,
                        const struct counter_design **out,
                        struct omk_err *err);
void counter_design_put(const struct counter_design *d);

#endif
