/* What is drawn, as a string of glyph characters: "0001024", "12:34P",
 * "11-25-2026". The characters are `0`-`9` and `:` `,` `-` `D` `H` `M` `S`
 * `a` `A` `p` `P`, as the strips of WWW Count hold them (am and pm each are
 * one glyph, A and P). */
#ifndef COUNTER_TEXT_H
#define COUNTER_TEXT_H

#include "query.h"

#include <time.h>

struct counter_text {
    char s[96];
    size_t len;
};

/* A number by md, pad and comma: padded with zeros to q->md characters; a
 * longer number shows whole; with comma no padding. */
void counter_text_number(const struct counter_query *q, uint64_t n,
                         struct counter_text *out);

/* The clock, date or countdown of q at the moment now (seconds since 1970),
 * in q's timezone or, without one, the process's local time. */
void counter_text_moment(const struct counter_query *q, time_t now,
                         struct counter_text *out);

#endif
