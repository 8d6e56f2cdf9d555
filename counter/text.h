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
    char caption[64]; /* a line in small letters below; "" for none */
};

/* A number by md, pad and comma: padded with zeros to q->md characters; a
 * longer number shows whole; with comma no padding. */
void counter_text_number(const struct counter_query *q, uint64_t n,
                         struct counter_text *out);

/* q->lit as it stands; with comma, grouped where it is all digits. Also what
 * a failed Referer check draws. */
void counter_text_lit(const struct counter_query *q, struct counter_text *out);

/* The clock, date or countdown of q at the moment now (seconds since 1970),
 * in q's timezone or, without one, the process's local time. What is no
 * moment (a counter, an image) gives an empty text.
 *   clock      "09:05P" or, with tformat 24, "21:05"; pad=F: "9:05P"
 *   date       "11-25-2026", two digits for month and day, four for the year
 *   countdown  "12D:3H:0M:59S", unpadded; with sdhms=F "12". A target in the
 *              past makes each part negative ("-12D:-3H:0M:-59S"), as pages
 *              know it; with sfd, its caption is set too. */
void counter_text_moment(const struct counter_query *q, time_t now,
                         struct counter_text *out);

/* With sfd, the line below a countdown, which says from when it counts:
 * "From: Nov 25 2026, 12:05:09", and " GMT+0900" behind it where q has a
 * timezone. Empty otherwise. Printable ASCII for a font, not glyphs. */
void counter_text_caption(const struct counter_query *q, time_t now,
                          struct counter_text *out);

#endif
