/* A data file of WWW Count 2.5, as its Count.cgi leaves it: one counter. */
#ifndef COUNTER_ADMIN_DATAFILE_H
#define COUNTER_ADMIN_DATAFILE_H

#include <stddef.h>
#include <stdint.h>

struct omk_err;

#define COUNTER_DATAFILE_MAX 255 /* bytes; the original's are below 80 */

struct counter_datafile {
    uint64_t count;   /* 0..COUNTER_VALUE_MAX */
    char address[64]; /* of the visitor counted last, as it stands there and
                         perhaps no address at all; "" where there is none */
};

/* Reads len bytes (no NUL needed): `N:ADDRESS$`, or the old form, `N` and a
 * newline. The original rewrites its file in place without cutting it, so what
 * stands behind the `$` is left of a longer address and does not matter.
 *
 * OMK_EINVAL, OMK_ERANGE; err->where is empty (the caller knows the file) and
 * err->text says what is wrong without repeating a byte of the file. */
int counter_datafile_parse(const void *data, size_t len,
                           struct counter_datafile *out, struct omk_err *err);

#endif
