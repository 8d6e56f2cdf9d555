/* The words of a configuration file in libconfuse's syntax, with their places
 * in the text: libconfuse itself tells neither where a section ends nor that
 * one was left open. */
#ifndef OMK_SCAN_H
#define OMK_SCAN_H

#include <stddef.h>

enum omk_token {
    OMK_T_END,
    OMK_T_WORD,    /* without quotes */
    OMK_T_STRING,  /* "..." or '...', its quotes included */
    OMK_T_MARK,    /* one of { } ( ) = , and += */
    OMK_T_COMMENT, /* # or // to the line's end, or C's */
    OMK_T_NEWLINE,
    OMK_T_BAD /* a string or comment that does not end */
};

struct omk_scan {
    const char *at, *end;
    unsigned line; /* of at, from 1 */
};

/* The next one, text in *from and *len (what is after OMK_T_BAD is END). */
enum omk_token omk_scan_next(struct omk_scan *s, const char **from,
                             size_t *len);

#endif
