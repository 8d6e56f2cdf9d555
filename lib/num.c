#include "num.h"

#include "err.h"

int omk_num_u64(const char *s, size_t len, uint64_t min, uint64_t max,
                uint64_t *out)
{
    uint64_t n = 0;
    int over = 0;

    if (len == 0) {
        return OMK_EINVAL;
    }
    for (size_t i = 0; i < len; i++) {
        if (s[i] < '0' || s[i] > '9') {
            return OMK_EINVAL;
        }
        over |= __builtin_mul_overflow(n, (uint64_t)10, &n);
        over |= __builtin_add_overflow(n, (uint64_t)(s[i] - '0'), &n);
    }
    if (over || n < min || n > max) {
        return OMK_ERANGE;
    }
    *out = n;
    return OMK_OK;
}
