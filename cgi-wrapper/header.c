/* Line by line, as httpd's getsfunc_BRIGADE() hands them out and
 * ap_scan_script_header_err_core_ex() and the header filter judge them. */
#include "header.h"

#include <string.h>
#include <strings.h>

void cgiw_header_init(struct cgiw_header *h, bool unsafe)
{
    memset(h, 0, sizeof *h);
    h->state = CGIW_HEADER_MORE;
    h->unsafe = unsafe;
}

static enum cgiw_header_state bad(struct cgiw_header *h, enum cgiw_detail why)
{
    h->state = CGIW_HEADER_BAD;
    h->why = why;
    return h->state;
}

/* A line's text: without CR, ended by a NUL, cut to fit. */
static size_t copy_line(const char *s, size_t len, char *out, size_t size)
{
    size_t n = 0;

    for (size_t i = 0; i < len && n < size - 1; i++) {
        if (s[i] != '\r') {
            out[n++] = s[i];
        }
    }
    out[n] = '\0';
    return n;
}

/* RFC 9110 5.6.2; unsafe: anything that is no control character or blank. */
static bool is_name(const char *s, size_t len, bool unsafe)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s[i];

        if (c <= ' ' || c == 0x7f
            || (!unsafe && (c > 0x7f || strchr("\"(),/:;<=>?@[\\]{}", c)))) {
            return false;
        }
    }
    return len > 0;
}

/* RFC 9110 5.5: no control character but the tab. */
static bool is_value(const char *s)
{
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;

        if ((c < ' ' && c != '\t') || c == 0x7f) {
            return false;
        }
    }
    return true;
}

static bool is_field(const char *s, size_t len, const char *name)
{
    return len == strlen(name) && strncasecmp(s, name, len) == 0;
}

/* As atoi(3) reads it; 0 where httpd would make a 500 of it. */
static int status_of(const char *s)
{
    int n = 0;

    for (s += *s == '+'; *s >= '0' && *s <= '9' && n < 1000; s++) {
        n = n * 10 + (*s - '0');
    }
    return n >= 100 && n <= 999 ? n : 0;
}

/* These two are not sent as they are. */
static bool is_remade(const char *s, size_t len)
{
    return is_field(s, len, "Content-Type")
           || is_field(s, len, "Last-Modified");
}

static enum cgiw_header_state look_at(struct cgiw_header *h, const char *text)
{
    const char *colon = strchr(text, ':');
    const char *value;
    size_t len;

    if (!colon) {
        return bad(h, CGIW_PLAIN);
    }
    len = (size_t)(colon - text);
    value = colon + 1;
    value += strspn(value, " \t\n\v\f");
    if (is_field(text, len, "Status")) {
        h->status = status_of(value);
        h->status_at = h->line_at;
        h->has_status = true;
    }
    else if (!is_remade(text, len)
             && (!is_name(text, len, h->unsafe) || !is_value(value))) {
        return bad(h, CGIW_PLAIN);
    }
    h->location |= is_field(text, len, "Location");
    h->lines++;
    return CGIW_HEADER_MORE;
}

/* The line that ends at end. */
static enum cgiw_header_state end_line(struct cgiw_header *h, const char *buf,
                                       size_t end)
{
    char text[CGIW_HEADER_LINE_MAX + 1];

    (void)copy_line(buf + h->line_at, end - h->line_at, text, sizeof text);
    if (text[0] == '\0' && h->has_status && !h->status) {
        h->line_at = h->status_at;
        return bad(h, CGIW_STATUS);
    }
    if (text[0] == '\0') {
        h->body_at = end + 1;
        h->state = CGIW_HEADER_COMPLETE;
        return h->state;
    }
    if (look_at(h, text) == CGIW_HEADER_BAD) {
        return h->state;
    }
    h->line_at = end + 1;
    h->kept = 0;
    return CGIW_HEADER_MORE;
}

enum cgiw_header_state cgiw_header_scan(struct cgiw_header *h, const char *buf,
                                        size_t len)
{
    size_t end = len < CGIW_HEADER_MAX ? len : CGIW_HEADER_MAX;

    while (h->state == CGIW_HEADER_MORE && h->seen < end) {
        char c = buf[h->seen++];

        if (c == '\n') {
            (void)end_line(h, buf, h->seen - 1);
        }
        else if (c != '\r' && ++h->kept > CGIW_HEADER_LINE_MAX) {
            (void)bad(h, CGIW_TOO_LONG);
        }
    }
    if (h->state == CGIW_HEADER_MORE && end == CGIW_HEADER_MAX) {
        h->line_at = 0;
        (void)bad(h, CGIW_TOO_LONG);
    }
    return h->state;
}

/* A last line without its end is no fault if its begin is a field's. */
static bool may_be_field(const struct cgiw_header *h, const char *text)
{
    const char *colon = strchr(text, ':');

    return colon && is_name(text, (size_t)(colon - text), h->unsafe);
}

int cgiw_header_fault(const struct cgiw_header *h, const char *buf, size_t len,
                      struct cgiw_facts *facts)
{
    size_t end = len < CGIW_HEADER_MAX ? len : CGIW_HEADER_MAX;
    const char *line = buf + h->line_at;
    size_t left = end - h->line_at;
    const char *lf = left ? memchr(line, '\n', left) : NULL;
    size_t n;

    facts->code = CGIW_E12;
    facts->detail = CGIW_PLAIN;
    if (h->state == CGIW_HEADER_COMPLETE) {
        facts->code = CGIW_OK;
        return CGIW_OK;
    }
    n = copy_line(line, lf ? (size_t)(lf - line) : left, facts->what,
                  sizeof facts->what);
    if (h->state == CGIW_HEADER_MORE
        && (n == 0 || may_be_field(h, facts->what))) {
        facts->what[0] = '\0';
        return CGIW_E12;
    }
    facts->code = CGIW_E11;
    facts->detail = h->why;
    facts->limit = h->line_at == 0 && h->seen == CGIW_HEADER_MAX
                       ? CGIW_HEADER_MAX
                       : CGIW_HEADER_LINE_MAX;
    return CGIW_E11;
}
