#include "line.h"

#include <stdio.h>
#include <string.h>

/* --- logins -------------------------------------------------------------- */

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

bool weblog_is_login(const char *s, size_t len)
{
    if (len < 2 || len > WEBLOG_LOGIN_MAX || !is_lower(s[0])
        || s[len - 1] == '-') {
        return false;
    }
    for (size_t i = 1; i < len; i++) {
        if (!is_lower(s[i]) && !(s[i] >= '0' && s[i] <= '9')
            && !(s[i] == '-' && s[i - 1] != '-')) {
            return false;
        }
    }
    return true;
}

/* --- making one ---------------------------------------------------------- */

#define TAIL 16 /* of a part that is cut: ` HTTP/1.1` is seen */
#define MARK_MAX 40
#define LEAST (TAIL + MARK_MAX + 8) /* no part is cut to less */

static const char kinds[WEBLOG_KINDS] = {'a', 'e'};

/* The length of what stands at s: an escape, or one byte. */
static size_t unit(const char *s, size_t len)
{
    size_t n = s[0] != '\\' ? 1 : len > 1 && s[1] == 'x' ? 4 : 2;

    return n < len ? n : len;
}

/* The last place between units that is not behind at, and the first that is
 * not before it. */
static size_t place_before(const char *s, size_t len, size_t at)
{
    size_t i = 0;

    while (i < len && i + unit(s + i, len - i) <= at) {
        i += unit(s + i, len - i);
    }
    return i;
}

static size_t place_after(const char *s, size_t len, size_t at)
{
    size_t i = 0;

    while (i < at) {
        i += unit(s + i, len - i);
    }
    return i;
}

/* At most room bytes (LEAST or more) of a part that is longer. */
static size_t shorten(char *out, const char *s, size_t len, size_t room)
{
    size_t head = place_before(s, len, room - TAIL - MARK_MAX);
    size_t tail = place_after(s, len, len - TAIL);
    int mark =
        snprintf(out + head, MARK_MAX, "[...%zu-bytes-cut...]", tail - head);

    memcpy(out, s, head);
    memcpy(out + head + mark, s + tail, len - tail);
    return head + (size_t)mark + (len - tail);
}

static size_t min(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t sum_of(const size_t *lengths, size_t count, size_t most)
{
    size_t sum = 0;

    for (size_t i = 0; i < count; i++) {
        sum += min(lengths[i], most);
    }
    return sum;
}

/* The most that each part may have for all to fit. */
static size_t most_each(const size_t *lengths, size_t count, size_t room)
{
    size_t low = 0, high = room;

    while (low < high) {
        size_t middle = (low + high + 1) / 2;

        if (sum_of(lengths, count, middle) <= room) {
            low = middle;
        }
        else {
            high = middle - 1;
        }
    }
    return low;
}

/* All that fits of parts that are many and each too short to be cut. */
static size_t cut_at_end(char *out, const char *const *parts,
                         const size_t *lengths, size_t count, size_t room)
{
    static const char mark[] = "[...cut...]";
    size_t n = 0, space = room - (sizeof mark - 1);

    for (size_t i = 0; i < count; i++) {
        size_t fits =
            place_before(parts[i], lengths[i], min(lengths[i], space - n));

        memcpy(out + n, parts[i], fits);
        n += fits;
        if (fits < lengths[i]) {
            break;
        }
    }
    memcpy(out + n, mark, sizeof mark - 1);
    return n + sizeof mark - 1;
}

static size_t put_parts(char *out, const char *const *parts,
                        const size_t *lengths, size_t count, size_t room)
{
    size_t n = 0, most = room;

    if (sum_of(lengths, count, (size_t)-1 / (count + 1)) > room) {
        most = most_each(lengths, count, room);
        if (most < LEAST) {
            return cut_at_end(out, parts, lengths, count, room);
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (lengths[i] > most) {
            n += shorten(out + n, parts[i], lengths[i], most);
            continue;
        }
        memcpy(out + n, parts[i], lengths[i]);
        n += lengths[i];
    }
    return n;
}

static void no_controls(char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s[i];

        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            s[i] = '?';
        }
    }
}

size_t weblog_line_make(char out[WEBLOG_LINE_MAX], const char *login,
                        enum weblog_kind kind, const char *const *parts,
                        const size_t *lengths, size_t count)
{
    size_t prefix = min(strlen(login), WEBLOG_LOGIN_MAX);
    size_t n;

    memcpy(out, login, prefix);
    out[prefix++] = ' ';
    out[prefix++] = kinds[kind];
    out[prefix++] = ' ';
    /* One more than the room: the newline, be it theirs or ours. */
    n = sum_of(lengths, count, WEBLOG_LINE_MAX + 1);
    if (count && lengths[count - 1]
        && parts[count - 1][lengths[count - 1] - 1] == '\n'
        && prefix + n <= WEBLOG_LINE_MAX) {
        n = put_parts(out + prefix, parts, lengths, count, n) - 1;
    }
    else {
        n = put_parts(out + prefix, parts, lengths, count,
                      WEBLOG_LINE_MAX - prefix - 1);
        n -= n && out[prefix + n - 1] == '\n';
    }
    no_controls(out + prefix, n);
    out[prefix + n] = '\n';
    return prefix + n + 1;
}

/* --- reading it ---------------------------------------------------------- */

bool weblog_line_parse(const char *s, size_t len, struct weblog_line *out)
{
    const char *blank = memchr(s, ' ', min(len, WEBLOG_LOGIN_MAX + 1));
    size_t login = blank ? (size_t)(blank - s) : 0;

    if (!blank || len < login + 3 || s[login + 2] != ' '
        || !weblog_is_login(s, login)) {
        return false;
    }
    for (int k = 0; k < WEBLOG_KINDS; k++) {
        if (s[login + 1] == kinds[k]) {
            out->login = s;
            out->login_len = login;
            out->kind = (enum weblog_kind)k;
            out->text = s + login + 3;
            out->text_len = len - login - 3;
            return true;
        }
    }
    return false;
}

/* --- the stream ---------------------------------------------------------- */

void weblog_split_init(struct weblog_split *s, char *buf, size_t size)
{
    s->buf = buf;
    s->size = size;
    s->len = 0;
    s->skipping = false;
}

char *weblog_split_room(struct weblog_split *s, size_t *size)
{
    *size = s->size - s->len;
    return s->buf + s->len;
}

void weblog_split_feed(struct weblog_split *s, size_t n, weblog_split_fn *fn,
                       void *ctx)
{
    const char *line = s->buf, *end = s->buf + s->len + n;
    const char *from = s->buf + s->len; /* before it is no newline */
    const char *newline;

    while ((newline = memchr(from, '\n', (size_t)(end - from)))) {
        if (!s->skipping) {
            fn(ctx, line, (size_t)(newline - line));
        }
        s->skipping = false;
        line = from = newline + 1;
    }
    s->len = (size_t)(end - line);
    if (s->skipping) {
        s->len = 0;
    }
    else if (s->len == s->size) {
        fn(ctx, line, s->len);
        s->skipping = true;
        s->len = 0;
    }
    else if (s->len && line != s->buf) {
        memmove(s->buf, line, s->len);
    }
}

void weblog_split_end(struct weblog_split *s, weblog_split_fn *fn, void *ctx)
{
    if (s->len && !s->skipping) {
        fn(ctx, s->buf, s->len);
    }
    s->len = 0;
}
