/* Two texts, line by line, for people: what was replaced, without the lines
 * that both have at the beginning and at the end. */
#ifndef OMK_DIFF_H
#define OMK_DIFF_H

#include <apr_pools.h>

/* Lines "- old" and "+ new", at most some dozens; "" when both are equal.
 * Control characters are shown as `?`. */
const char *omk_diff(apr_pool_t *p, const char *was, const char *now);

#endif
