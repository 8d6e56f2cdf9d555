/* The parser of Count.cgi's query string.
 *
 * One pass over the bytes, no allocation, nothing that depends on a locale.
 * How many characters a key needs is what WWW Count 2.5 itself compares, so
 * that every tag it understood means the same here; the keys it never had
 * (format, scale) must be written in full, so that no old tag meets them by
 * accident.
 *
 * Escapes: no value of any key may hold `|`, `&` or `%`. Therefore `%7C` and
 * `%26` can only be separators, and a `%25` in front of two hex digits can
 * only be an escape that was escaped once more by a page generator. */
#include "query.h"

#include "err.h"
#include "num.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define VALUE_MAX COUNTER_DF_MAX /* the longest value that any key takes */

struct value {
    char s[VALUE_MAX + 1];
    size_t len;
};

enum kind {
    IGNORED, /* accepted, no effect */
    BOOLEAN,
    UNSIGNED,
    COLOR,
    OTHER /* has its own function */
};

struct key {
    const char *name; /* canonical */
    size_t need; /* characters that decide; strlen(name) + 1: the whole key */
    enum kind kind;
    size_t offset;     /* BOOLEAN, UNSIGNED, COLOR: of the field */
    unsigned min, max; /* UNSIGNED */
    size_t flag;       /* offset of a bool that a success sets, or 0 */
    int (*set)(const struct value *v, const struct counter_query_limits *lim,
               struct counter_query *q, const char **why); /* OTHER */
};

/* --- bytes --------------------------------------------------------------- */

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
    return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z');
}

static int hex(char c)
{
    if (is_digit(c)) {
        return c - '0';
    }
    c = lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Without regard to case; want is lower case. */
static bool has_prefix(const char *s, size_t len, const char *want, size_t n)
{
    if (len < n) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (lower(s[i]) != want[i]) {
            return false;
        }
    }
    return true;
}

static bool is_word(const struct value *v, const char *want)
{
    return v->len == strlen(want) && has_prefix(v->s, v->len, want, v->len);
}

/* An escape at s, whatever number of times it was escaped: its length and
 * byte, or 0 when the hex digits are missing. */
static size_t escape(const char *s, size_t len, char *byte)
{
    size_t i = 1;

    if (len == 0 || s[0] != '%') {
        return 0;
    }
    while (i + 4 <= len && s[i] == '2' && s[i + 1] == '5' && hex(s[i + 2]) >= 0
           && hex(s[i + 3]) >= 0) {
        i += 2;
    }
    if (i + 2 > len || hex(s[i]) < 0 || hex(s[i + 1]) < 0) {
        return 0;
    }
    *byte = (char)(hex(s[i]) * 16 + hex(s[i + 1]));
    return i + 2;
}

/* `amp;`, as often as an HTML escaper has been over it; the `;` may itself be
 * escaped. */
static size_t amps(const char *s, size_t len)
{
    size_t i = 0;

    while (has_prefix(s + i, len - i, "amp", 3)) {
        char c = 0;
        size_t n = 0;

        if (i + 3 < len && s[i + 3] == ';') {
            n = 1;
        }
        else {
            n = escape(s + i + 3, len - i - 3, &c);
            if (c != ';') {
                break;
            }
        }
        i += 3 + n;
    }
    return i;
}

/* The length of a separator at s, 0 when there is none. */
static size_t separator(const char *s, size_t len)
{
    char c = s[0];
    size_t n = 1;

    if (c == '%') {
        n = escape(s, len, &c);
    }
    else if (c != '|' && c != '&') {
        return 0;
    }
    if (n == 0 || (c != '|' && c != '&')) {
        return 0;
    }
    return c == '&' ? n + amps(s + n, len - n) : n;
}

/* The length of an `=` or its escape at s, 0 when there is none. */
static size_t equals(const char *s, size_t len)
{
    char c = s[0];
    size_t n = c == '%' ? escape(s, len, &c) : 1;

    return c == '=' ? n : 0;
}

/* A blank in front of a key, as left by a line break in the tag. */
static size_t blank(const char *s, size_t len)
{
    char c = s[0];
    size_t n = c == '%' ? escape(s, len, &c) : 1;

    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '+' ? n : 0;
}

/* Decodes into *v without blanks at the ends. */
static int decode(const char *s, size_t len, struct value *v, const char **why)
{
    size_t out = 0;

    for (size_t i = 0; i < len;) {
        char c = s[i];
        size_t n = 1;

        if (c == '%') {
            n = escape(s + i, len - i, &c);
        }
        if (n == 0) {
            *why = "has a broken % escape";
            return OMK_EINVAL;
        }
        i += n;
        if (c == ' ' && out == 0) {
            continue;
        }
        if ((unsigned char)c < ' ' || (unsigned char)c >= 0x7f) {
            *why = "has a character that is not allowed";
            return OMK_EINVAL;
        }
        if (out == VALUE_MAX) {
            *why = "is too long";
            return OMK_ERANGE;
        }
        v->s[out++] = c;
    }
    while (out > 0 && v->s[out - 1] == ' ') {
        out--;
    }
    v->s[out] = '\0';
    v->len = out;
    if (out == 0) {
        *why = "needs a value";
        return OMK_EINVAL;
    }
    return OMK_OK;
}

/* --- values of a kind ---------------------------------------------------- */

static int parse_bool(const struct value *v, bool *out, const char **why)
{
    if (v->len == 1 && memchr("1TtYy", v->s[0], 5)) {
        *out = true;
        return OMK_OK;
    }
    if (v->len == 1 && memchr("0FfNn", v->s[0], 5)) {
        *out = false;
        return OMK_OK;
    }
    *why = "must be T or F";
    return OMK_EINVAL;
}

/* Six hex digits. */
static bool parse_rrggbb(const char *s, size_t len, struct counter_color *c)
{
    int h[6];

    if (len != 6) {
        return false;
    }
    for (size_t i = 0; i < 6; i++) {
        h[i] = hex(s[i]);
        if (h[i] < 0) {
            return false;
        }
    }
    c->r = (uint8_t)(h[0] * 16 + h[1]);
    c->g = (uint8_t)(h[2] * 16 + h[3]);
    c->b = (uint8_t)(h[4] * 16 + h[5]);
    return true;
}

/* Splits `1;2;3` (or with another mark) into at most max numbers, each inside
 * lo..hi; how many there were, or an error. */
static int parse_list(const char *s, size_t len, char mark, int max, int lo,
                      int hi, int *out)
{
    int n = 0;

    for (size_t i = 0; n < max;) {
        const char *end = memchr(s + i, mark, len - i);
        size_t part = end ? (size_t)(end - (s + i)) : len - i;
        bool minus = lo < 0 && part > 0 && s[i] == '-';
        uint64_t u = 0;
        int limit = minus ? -lo : hi;
        int rc = omk_num_u64(s + i + minus, part - minus,
                             !minus && lo > 0 ? (uint64_t)lo : 0,
                             (uint64_t)limit, &u);

        if (rc) {
            return rc;
        }
        out[n++] = minus ? -(int)u : (int)u;
        if (!end) {
            return n;
        }
        i += part + 1;
    }
    return OMK_EINVAL; /* more than max */
}

static bool parse_color_name(const struct value *v, struct counter_color *c)
{
    if (v->len >= sizeof c->name || is_digit(v->s[0])) {
        return false;
    }
    for (size_t i = 0; i < v->len; i++) {
        /* X11 names have blanks, which forms write as `+` */
        char x = v->s[i] == '+' ? ' ' : v->s[i];

        if (!is_alnum(x) && x != ' ') {
            return false;
        }
        c->name[i] = x;
    }
    return true;
}

static int parse_color(const struct value *v, struct counter_color *out,
                       const char **why)
{
    struct counter_color c = {0};
    size_t hash = v->s[0] == '#';
    int rgb[3];

    if (memchr(v->s, ';', v->len)) {
        int n = parse_list(v->s, v->len, ';', 3, 0, 255, rgb);

        if (n != 3) {
            *why = "must be R;G;B, each 0 to 255";
            return n == OMK_ERANGE ? n : OMK_EINVAL;
        }
        c.r = (uint8_t)rgb[0];
        c.g = (uint8_t)rgb[1];
        c.b = (uint8_t)rgb[2];
    }
    else if (!parse_rrggbb(v->s + hash, v->len - hash, &c)
             && !parse_color_name(v, &c)) {
        *why = "must be R;G;B, RRGGBB or a colour's name";
        return OMK_EINVAL;
    }
    *out = c;
    return OMK_OK;
}

static bool parse_date_list(const struct value *v, char mark, int *f, int *rc)
{
    if (!memchr(v->s, mark, v->len)) {
        return false;
    }
    *rc = parse_list(v->s, v->len, mark, 6, 0, 9999, f);
    return true;
}

/* Y;M;D;h;m;s, also with `-`. The time may be left out: the original took it
 * as midnight, and pages have it so. */
static int parse_date(const struct value *v, struct counter_date *out,
                      const char **why)
{
    int f[6] = {0};
    int n = OMK_EINVAL;

    if (!parse_date_list(v, ';', f, &n)) {
        (void)parse_date_list(v, '-', f, &n);
    }
    if (n < 3) {
        *why = "must be YEAR;MONTH;DAY;HOUR;MIN;SEC";
        return n == OMK_ERANGE ? n : OMK_EINVAL;
    }
    if (f[0] < 1970 || f[1] < 1 || f[1] > 12 || f[2] < 1 || f[2] > 31
        || f[3] > 24 || f[4] > 59 || f[5] > 59) {
        *why = "is no date from 1970 to 9999";
        return OMK_ERANGE;
    }
    *out = (struct counter_date){true, f[0], f[1], f[2], f[3], f[4], f[5]};
    return OMK_OK;
}

/* Copies a value whose characters ok() allows and that fits. */
static int parse_text(const struct value *v, bool (*ok)(char c), char *out,
                      size_t size, const char **why)
{
    if (v->len >= size) {
        *why = "is too long";
        return OMK_ERANGE;
    }
    for (size_t i = 0; i < v->len; i++) {
        if (!ok(v->s[i])) {
            *why = "has a character that is not allowed";
            return OMK_EINVAL;
        }
    }
    memcpy(out, v->s, v->len + 1);
    return OMK_OK;
}

/* --- keys with a grammar of their own ------------------------------------ */

#define SETTER(name)                                                           \
    static int name(const struct value *v,                                     \
                    const struct counter_query_limits *lim,                    \
                    struct counter_query *q, const char **why)

static bool df_char(char c)
{
    return c > ' ' && c != '%' && c != '|' && c != '&';
}

SETTER(set_df)
{
    int rc = parse_text(v, df_char, q->df, sizeof q->df, why);

    (void)lim;
    if (rc == OMK_OK) {
        q->df_random = is_word(v, "random");
    }
    return rc;
}

static bool dd_char(char c)
{
    return is_alnum(c) || c == '_' || c == '-';
}

SETTER(set_dd)
{
    (void)lim;
    return parse_text(v, dd_char, q->dd, sizeof q->dd, why);
}

static bool image_char(char c)
{
    return dd_char(c) || c == '.';
}

SETTER(set_image)
{
    (void)lim;
    if (v->s[0] == '.') {
        *why = "must not begin with a dot";
        return OMK_EINVAL;
    }
    return parse_text(v, image_char, q->image, sizeof q->image, why);
}

static bool lit_char(char c)
{
    return is_digit(c) || (c && strchr(":,-DHMSaApP", c));
}

SETTER(set_lit)
{
    (void)lim;
    return parse_text(v, lit_char, q->lit, sizeof q->lit, why);
}

SETTER(set_st)
{
    int rc = omk_num_u64(v->s, v->len, 1, 999999999, &q->st);

    (void)lim;
    if (rc) {
        *why = "must be 1 to 999999999";
    }
    return rc;
}

SETTER(set_md)
{
    uint64_t n;
    int rc = omk_num_u64(v->s, v->len, lim->md_min, lim->md_max, &n);

    if (rc) {
        *why = ""; /* the caller knows the limits */
        return rc;
    }
    q->md = (unsigned)n;
    return OMK_OK;
}

/* A word by the characters that the original compares. */
struct word {
    const char *name;
    size_t need;
    int value;
};

static int find_word(const struct value *v, const struct word *words,
                     size_t count, int *out)
{
    for (size_t i = 0; i < count; i++) {
        if (has_prefix(v->s, v->len, words[i].name, words[i].need)) {
            *out = words[i].value;
            return OMK_OK;
        }
    }
    return OMK_EINVAL;
}

static const struct word displays[] = {
    {"counter", 6, COUNTER_SHOW_COUNTER},
    {"clock", 2, COUNTER_SHOW_CLOCK},
    {"date", 2, COUNTER_SHOW_DATE},
    {"image", 1, COUNTER_SHOW_IMAGE},
    {"countdown", 6, COUNTER_SHOW_COUNTDOWN},
    {"version", 3, COUNTER_SHOW_VERSION},
    {"today", 5, COUNTER_SHOW_TODAY},
    {"yesterday", 9, COUNTER_SHOW_YESTERDAY},
};

SETTER(set_display)
{
    int d;

    (void)lim;
    if (find_word(v, displays, sizeof displays / sizeof *displays, &d)) {
        *why = "is not known";
        return OMK_EINVAL;
    }
    q->display = (enum counter_display)d;
    return OMK_OK;
}

static const struct word dformats[] = {
    {"mmddyy", 6, COUNTER_MMDDYY}, {"ddmmyy", 6, COUNTER_DDMMYY},
    {"yymmdd", 6, COUNTER_YYMMDD}, {"yyyymmdd", 8, COUNTER_YYMMDD},
    {"yyddmm", 6, COUNTER_YYDDMM}, {"yyyyddmm", 8, COUNTER_YYDDMM},
    {"mmyydd", 6, COUNTER_MMYYDD}, {"mmyyyydd", 8, COUNTER_MMYYDD},
    {"ddyymm", 6, COUNTER_DDYYMM}, {"ddyyyymm", 8, COUNTER_DDYYMM},
};

SETTER(set_dformat)
{
    int d;

    (void)lim;
    if (find_word(v, dformats, sizeof dformats / sizeof *dformats, &d)) {
        *why = "must be MM, DD and YY or YYYY in any order";
        return OMK_EINVAL;
    }
    q->dformat = (enum counter_dformat)d;
    return OMK_OK;
}

SETTER(set_tformat)
{
    (void)lim;
    if (!is_word(v, "12") && !is_word(v, "24")) {
        *why = "must be 12 or 24";
        return OMK_EINVAL;
    }
    q->tformat = v->s[0] == '1' ? 12 : 24;
    return OMK_OK;
}

/* GMT+hhmm or UTC+hhmm. A blank for the sign is a `+` that a form decoded. */
SETTER(set_timezone)
{
    uint64_t hour, minute;
    bool west = v->len == 8 && v->s[3] == '-';

    (void)lim;
    if (v->len != 8
        || (!has_prefix(v->s, 8, "gmt", 3) && !has_prefix(v->s, 8, "utc", 3))
        || (!west && v->s[3] != '+' && v->s[3] != ' ')
        || omk_num_u64(v->s + 4, 2, 0, 14, &hour)
        || omk_num_u64(v->s + 6, 2, 0, 59, &minute)
        || hour * 60 + minute > 840) {
        *why = "must be like GMT+0900";
        return OMK_EINVAL;
    }
    q->timezone_min = (int)(hour * 60 + minute);
    if (west) {
        q->timezone_min = -q->timezone_min;
    }
    q->has_timezone = true;
    return OMK_OK;
}

/* A date of the countdown asks for the countdown by itself. */
SETTER(set_cdt)
{
    int rc = parse_date(v, &q->target, why);

    (void)lim;
    if (rc == OMK_OK) {
        q->display = COUNTER_SHOW_COUNTDOWN;
    }
    return rc;
}

SETTER(set_cdf)
{
    int rc = parse_date(v, &q->from, why);

    (void)lim;
    if (rc == OMK_OK) {
        q->display = COUNTER_SHOW_COUNTDOWN;
    }
    return rc;
}

/* An angle rotates by itself; the whole turn is none. */
SETTER(set_degrees)
{
    uint64_t n = 1;
    int rc = omk_num_u64(v->s, v->len, 90, 360, &n);

    (void)lim;
    if (rc || n % 90 != 0) {
        *why = "must be 90, 180 or 270";
        return rc ? rc : OMK_ERANGE;
    }
    q->rotate = n != 360;
    if (q->rotate) {
        q->degrees = (unsigned)n;
    }
    return OMK_OK;
}

SETTER(set_xy)
{
    int xy[2];
    int n = parse_list(v->s, v->len, ';', 2, -4096, 4096, xy);

    (void)lim;
    if (n != 2) {
        *why = "must be X;Y, each -4096 to 4096";
        return n == OMK_ERANGE ? n : OMK_EINVAL;
    }
    q->x = xy[0];
    q->y = xy[1];
    q->has_xy = true;
    return OMK_OK;
}

SETTER(set_offset)
{
    uint64_t n;
    int rc = omk_num_u64(v->s, v->len, 0, 4096, &n);

    (void)lim;
    if (rc) {
        *why = "must be 0 to 4096";
        return rc;
    }
    q->offset = (int)n;
    return OMK_OK;
}

static const char *const alignments[][2] = {
    {"left", "topleft"},
    {"center", "midcenter"},
    {"right", "topright"},
    {"topleft", "topleft"},
    {"topcenter", "topcenter"},
    {"topright", "topright"},
    {"midleft", "midleft"},
    {"midcenter", "midcenter"},
    {"midright", "midright"},
    {"bottomleft", "bottomleft"},
    {"bottomcenter", "bottomcenter"},
    {"bottomright", "bottomright"},
};

SETTER(set_align)
{
    (void)lim;
    for (size_t i = 0; i < sizeof alignments / sizeof *alignments; i++) {
        if (is_word(v, alignments[i][0])) {
            (void)strcpy(q->align, alignments[i][1]);
            return OMK_OK;
        }
    }
    *why = "must be like topleft, midcenter or bottomright";
    return OMK_EINVAL;
}

static const struct word formats[] = {
    {"gif", 3, COUNTER_GIF},   {"png", 3, COUNTER_PNG},
    {"svg", 3, COUNTER_SVG},   {"json", 4, COUNTER_JSON},
    {"text", 4, COUNTER_TEXT},
};

SETTER(set_format)
{
    (void)lim;
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        if (is_word(v, formats[i].name)) {
            q->format = (enum counter_format)formats[i].value;
            return OMK_OK;
        }
    }
    *why = "must be gif, png, svg, json or text";
    return OMK_EINVAL;
}

/* --- the table ----------------------------------------------------------- */

#define AT(field) offsetof(struct counter_query, field)
#define BOOL(name, need, field)                                                \
    {                                                                          \
        name, need, BOOLEAN, AT(field), 0, 0, 0, NULL                          \
    }
#define COL(name, need, field, flag)                                           \
    {                                                                          \
        name, need, COLOR, AT(field), 0, 0, flag, NULL                         \
    }
#define UINT(name, need, field, min, max, flag)                                \
    {                                                                          \
        name, need, UNSIGNED, AT(field), min, max, flag, NULL                  \
    }
#define FN(name, need, set)                                                    \
    {                                                                          \
        name, need, OTHER, 0, 0, 0, 0, set                                     \
    }
#define NONE(name, need)                                                       \
    {                                                                          \
        name, need, IGNORED, 0, 0, 0, 0, NULL                                  \
    }

/* The longer of two keys where one begins like the other stands first. The
 * usual ones are in front. */
static const struct key keys[] = {
    FN("dformat", 7, set_dformat),
    FN("df", 2, set_df),
    FN("md", 2, set_md),
    FN("dd", 2, set_dd),
    FN("st", 2, set_st),
    UINT("ft", 2, ft, 0, 50, 0),
    BOOL("pad", 3, pad),
    BOOL("comma", 5, comma),
    BOOL("sh", 2, sh),
    BOOL("incr", 4, incr),
    BOOL("reload", 6, reload),
    FN("lit", 3, set_lit),
    FN("display", 3, set_display),
    FN("tformat", 7, set_tformat),
    FN("timezone", 8, set_timezone),
    FN("cdt", 3, set_cdt),
    FN("target", 6, set_cdt),
    FN("cdf", 3, set_cdf),
    BOOL("sdhms", 5, sdhms),
    BOOL("sfd", 3, sfd),
    COL("frgb", 4, frgb, 0),
    COL("trgb", 4, trgb, AT(tr)),
    BOOL("tr", 2, tr),
    COL("srgb", 4, srgb, 0),
    COL("prgb", 4, prgb, AT(chcolor)),
    BOOL("chcolor", 7, chcolor),
    BOOL("negate", 6, negate),
    BOOL("rotate", 6, rotate),
    FN("degrees", 7, set_degrees),
    FN("angle", 5, set_degrees),
    FN("image", 5, set_image),
    FN("xy", 2, set_xy),
    FN("align", 5, set_align),
    FN("offset", 6, set_offset),
    BOOL("istrip", 6, istrip),
    UINT("expires", 3, expires_s, 0, 604800, AT(has_expires)),
    FN("format", 7, set_format),
    UINT("scale", 6, scale, 1, 4, 0),
    NONE("cache", 3),
    NONE("fy", 2),
    NONE("wxh", 3),
    NONE("user", 4),
    NONE("script", 6),
    NONE("nsegment", 8),
};

static bool key_matches(const struct key *k, const char *s, size_t len)
{
    size_t n = k->need;

    if (k->name[n - 1] != '\0') {
        return has_prefix(s, len, k->name, n);
    }
    return len == n - 1 && has_prefix(s, len, k->name, n - 1);
}

static const struct key *find_key(const char *s, size_t len)
{
    char first = lower(s[0]);

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (keys[i].name[0] == first && key_matches(&keys[i], s, len)) {
            return &keys[i];
        }
    }
    return NULL;
}

/* Sets what the key stands for. On failure *why says how it must be; "" when
 * that depends on the key's or the site's limits. */
static int apply(const struct key *k, const struct value *v,
                 const struct counter_query_limits *lim,
                 struct counter_query *q, const char **why)
{
    char *field = (char *)q + k->offset;
    int rc = OMK_OK;

    if (k->kind == OTHER) {
        return k->set(v, lim, q, why);
    }
    if (k->kind == BOOLEAN) {
        rc = parse_bool(v, (bool *)field, why);
    }
    else if (k->kind == COLOR) {
        rc = parse_color(v, (struct counter_color *)(void *)field, why);
    }
    else if (k->kind == UNSIGNED) {
        uint64_t n = 0;

        rc = omk_num_u64(v->s, v->len, k->min, k->max, &n);
        if (rc) {
            *why = "";
            return rc;
        }
        *(unsigned *)(void *)field = (unsigned)n;
    }
    if (rc == OMK_OK && k->flag) {
        *(bool *)((char *)q + k->flag) = true;
    }
    return rc;
}

static int fail(const struct key *k, const struct counter_query_limits *lim,
                int rc, const char *why, struct omk_err *err)
{
    const char *name = k ? k->name : "query";
    bool is_md = k && k->set == set_md;

    if (k && *why == '\0') {
        return omk_fail(err, rc, name, "must be %u to %u",
                        is_md ? lim->md_min : k->min,
                        is_md ? lim->md_max : k->max);
    }
    return omk_fail(err, rc, name, "%s", why);
}

/* One key=value. An unknown key passes, but not without a value: then the tag
 * was cut or mistyped, and the page's author should see it. */
static int pair(const char *s, size_t len,
                const struct counter_query_limits *lim, struct counter_query *q,
                const struct key **key, const char **why)
{
    size_t name_len = 0;
    size_t eq = 0;
    struct value v;
    int rc;

    while (name_len < len && !(eq = equals(s + name_len, len - name_len))) {
        name_len++;
    }
    *key = name_len ? find_key(s, name_len) : NULL;
    if (eq == 0 || name_len == 0 || name_len + eq == len) {
        *why = *key ? "needs a value" : "must be of key=value pairs";
        return OMK_EINVAL;
    }
    if (!*key || (*key)->kind == IGNORED) {
        return OMK_OK;
    }
    rc = decode(s + name_len + eq, len - name_len - eq, &v, why);
    return rc ? rc : apply(*key, &v, lim, q, why);
}

static void set_defaults(struct counter_query *q)
{
    memset(q, 0, sizeof *q);
    q->st = 1;
    q->incr = q->reload = true;
    q->md = 6;
    q->dd[0] = 'A';
    q->pad = q->sh = q->istrip = true;
    q->tformat = 12;
    q->sdhms = true;
    q->frgb = (struct counter_color){100, 139, 216, ""};
    q->srgb = (struct counter_color){0, 255, 0, ""};
    q->prgb = (struct counter_color){255, 119, 0, ""};
    q->degrees = 270;
    q->offset = 2;
    q->scale = 1;
}

int counter_query_parse(const char *s, size_t len,
                        const struct counter_query_limits *limits,
                        struct counter_query *q, struct omk_err *err)
{
    int first = OMK_OK;

    set_defaults(q);
    for (size_t i = 0; i < len;) {
        const struct key *key = NULL;
        const char *why = NULL;
        size_t start = i;
        size_t sep = 0;
        int rc;

        while (i < len && !(sep = separator(s + i, len - i))) {
            i++;
        }
        while (start < i) {
            size_t n = blank(s + start, i - start);

            if (n == 0) {
                break;
            }
            start += n;
        }
        if (start < i) {
            /* after an error too: its image heeds format, dd and scale */
            rc = pair(s + start, i - start, limits, q, &key, &why);
            if (rc && first == OMK_OK) {
                first = fail(key, limits, rc, why, err);
            }
        }
        i += sep;
    }
    if (first == OMK_OK && q->lit[0] && q->display == COUNTER_SHOW_COUNTER) {
        q->display = COUNTER_SHOW_LIT;
    }
    return first;
}

bool counter_query_is_plain(const struct counter_query *q)
{
    return q->format == COUNTER_GIF && q->sh && q->ft == 0 && !q->tr
           && !q->chcolor && !q->negate && !q->rotate && q->image[0] == '\0'
           && q->scale == 1 && q->display != COUNTER_SHOW_IMAGE
           && q->display != COUNTER_SHOW_VERSION
           && !(q->sfd && q->display == COUNTER_SHOW_COUNTDOWN);
}
