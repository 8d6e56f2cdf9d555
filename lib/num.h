/* Strict numbers: digits only, whole input, inside the range. */
#ifndef OMK_NUM_H
#define OMK_NUM_H

#include <stddef.h>
#include <stdint.h>

/* Reads all len bytes of s as an unsigned decimal number. No sign, blank or
 * empty input is a number. Returns 0 and sets *out, OMK_EINVAL when s is no
 * number, OMK_ERANGE when it is outside min..max (or beyond 64 bits). */
int omk_num_u64(const char *s, size_t len, uint64_t min, uint64_t max,
                uint64_t *out);

#endif
