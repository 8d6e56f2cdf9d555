/* The query string of Count.cgi, as WWW Count 2.5's pages write it.
 *
 * key=value pairs, separated by `|`, `&`, or their escapes `%7C`, `%26`,
 * `&amp;`, freely mixed. Keys match without regard to case on their first
 * characters; the last repeat wins. Values are percent-decoded; `+` stays.
 * The parser takes bytes and gives a struct back; it knows no file, no clock,
 * no site. What a value means for a site (is this df served?) is answer.h. */
#ifndef COUNTER_QUERY_H
#define COUNTER_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct omk_err;

enum counter_display {
    COUNTER_SHOW_COUNTER,
    COUNTER_SHOW_TODAY,
    COUNTER_SHOW_YESTERDAY,
    COUNTER_SHOW_CLOCK,
    COUNTER_SHOW_DATE,
    COUNTER_SHOW_COUNTDOWN,
    COUNTER_SHOW_IMAGE,
    COUNTER_SHOW_VERSION,
    COUNTER_SHOW_LIT
};

enum counter_format {
    COUNTER_GIF,
    COUNTER_PNG,
    COUNTER_SVG,
    COUNTER_JSON,
    COUNTER_TEXT
};

enum counter_dformat { /* the order that a date is shown in */
    COUNTER_MMDDYY,
    COUNTER_DDMMYY,
    COUNTER_YYMMDD,
    COUNTER_YYDDMM,
    COUNTER_MMYYDD,
    COUNTER_DDYYMM
};

/* R;G;B, RRGGBB, #RRGGBB, or an X11 name that the effects look up: then
 * name is not empty and r, g, b are not set yet. */
struct counter_color {
    uint8_t r, g, b;
    char name[32];
};

/* A wall-clock moment in the query's timezone (the server's without one). */
struct counter_date {
    bool set;
    int year, month, day;      /* 1970..9999, 1..12, 1..31 */
    int hour, minute, second;  /* 0..24, 0..59, 0..59 */
};

#define COUNTER_DF_MAX 255   /* bytes of df, decoded */
#define COUNTER_DD_MAX 63    /* bytes of a design's name */
#define COUNTER_LIT_MAX 64   /* characters of lit */
#define COUNTER_IMAGE_MAX 127 /* bytes of image's file name */

struct counter_query {
    /* what to show */
    enum counter_display display;
    enum counter_format format;
    char df[COUNTER_DF_MAX + 1]; /* "" when absent */
    bool df_random;              /* df=RANDOM */
    uint64_t st;                 /* 1..999999999, default 1 */
    bool incr, reload;           /* default true */
    char lit[COUNTER_LIT_MAX + 1]; /* only drawable characters */

    /* how digits look */
    unsigned md;             /* minimum width, default 6 */
    char dd[COUNTER_DD_MAX + 1]; /* [A-Za-z0-9_-]+, default "A" */
    bool pad;                /* default true */
    bool comma;              /* default false; switches padding off */
    bool sh;                 /* false: a 1x1 transparent image */
    bool istrip;             /* false: single images instead of the strip */

    /* clock, date, countdown */
    unsigned tformat;        /* 12 (default) or 24 */
    enum counter_dformat dformat;
    bool has_timezone;
    int timezone_min;        /* minutes east of UTC, -840..840 */
    struct counter_date target; /* cdt / target; unset: 2000-01-01 */
    struct counter_date from;   /* cdf; unset: now */
    bool sdhms;              /* letters D H M S (default true), else days */
    bool sfd;                /* the from date in small letters below */

    /* effects: any of them takes the image off the fast path */
    unsigned ft;             /* frame thickness in pixels, 0..50 */
    struct counter_color frgb;
    bool tr;
    struct counter_color trgb;
    bool chcolor;
    struct counter_color srgb, prgb;
    bool negate;
    bool rotate;
    unsigned degrees;        /* 90, 180, 270 (default) */
    char image[COUNTER_IMAGE_MAX + 1]; /* [A-Za-z0-9._-]+, no leading dot */
    bool has_xy;
    int x, y;                /* -4096..4096 */
    char align[16];          /* "", or {top,mid,bottom}{left,center,right} */
    int offset;              /* from the edge, pixels, 0..4096, default 2 */
    unsigned scale;          /* 1 (default) .. 4 */

    /* answer */
    bool has_expires;
    unsigned expires_s;      /* 0..604800 */
};

/* What a site allows beyond the grammar. */
struct counter_query_limits {
    unsigned md_min, md_max; /* manual's profile: 5, 10 */
};

/* Parses len bytes at s (no NUL needed) into *q. Unknown keys and keys that
 * are accepted without effect (cache, fy, wxh, user, script, nsegment) are
 * passed over, but any key needs a value. The whole grammar, key by key, is
 * doc/counter-query.md. df may be missing: whether it is needed depends on
 * display. The first bad value ends it: OMK_EINVAL or OMK_ERANGE, err->where is
 * the key's canonical name, err->text a short clause for an error image, such
 * as "must be 5 to 10" (ASCII, at most 60 characters, nothing of the input
 * that is not printable ASCII, no path). *q is complete only on success, but
 * its format, dd and scale are always usable for the error's own image. */
int counter_query_parse(const char *s, size_t len,
                        const struct counter_query_limits *limits,
                        struct counter_query *q, struct omk_err *err);

/* True where only the glyphs themselves are drawn in GIF: no effect is asked
 * for and the fast path of render.h can serve it. False for sh=F too. */
bool counter_query_is_plain(const struct counter_query *q);

#endif
