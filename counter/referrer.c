/* Where a request says that it comes from.
 *
 * The Referer is read as strictly as RFC 3986 and the WHATWG URL standard
 * agree on it: what a browser would take for one host and another reader for
 * a second one (backslashes, several `@`, control characters, escapes or raw
 * bytes in the host, missing slashes) has no host here, and a Referer that is
 * there without a usable host counts as a foreign one. */
#include "referrer.h"

#include "err.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#define HOST_MAX 253 /* RFC 1035 2.3.4, as text */
#define LABEL_MAX 63

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_host_char(char c)
{
    c = lower(c);
    return is_digit(c) || (c >= 'a' && c <= 'z') || c == '-' || c == '_';
}

/* What may stand in an authority at all (RFC 3986 3.2, without `@`). */
static bool is_authority_char(char c)
{
    return is_host_char(c) || (c && strchr(".~!$&'()*+,;=:%[]", c));
}

/* A registered name or IPv4 address: labels of 1..63 characters. */
static bool is_name(const char *s, size_t len)
{
    size_t label = 0;

    if (len == 0 || len > HOST_MAX) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (s[i] == '.') {
            if (label == 0) {
                return false;
            }
            label = 0;
        }
        else if (!is_host_char(s[i]) || ++label > LABEL_MAX) {
            return false;
        }
    }
    return label > 0;
}

/* `[` … `]` around an IPv6 address (RFC 3986 3.2.2), no zone. */
static bool is_ip_literal(const char *s, size_t len)
{
    char text[INET6_ADDRSTRLEN];
    unsigned char address[16];

    if (len < 4 || s[0] != '[' || s[len - 1] != ']' || len - 2 >= sizeof text) {
        return false;
    }
    memcpy(text, s + 1, len - 2);
    text[len - 2] = '\0';
    return inet_pton(AF_INET6, text, address) == 1;
}

/* Nothing, `:`, or `:` and a port number. */
static bool is_port(const char *s, size_t len)
{
    long n = 0;

    if (len == 0) {
        return true;
    }
    if (s[0] != ':' || len > 6) {
        return false;
    }
    for (size_t i = 1; i < len; i++) {
        if (!is_digit(s[i])) {
            return false;
        }
        n = n * 10 + (s[i] - '0');
    }
    return n <= 65535;
}

/* The part of an authority behind its userinfo; false where it holds what no
 * authority may. */
static bool strip_userinfo(const char **s, size_t *len)
{
    const char *at = NULL;

    for (size_t i = 0; i < *len; i++) {
        if ((*s)[i] == '@') {
            if (at) {
                return false;
            }
            at = *s + i;
        }
        else if (!is_authority_char((*s)[i])) {
            return false;
        }
    }
    if (at) {
        *len -= (size_t)(at + 1 - *s);
        *s = at + 1;
    }
    return true;
}

/* Where the authority begins, or NULL. */
static const char *after_scheme(const char *url)
{
    if (strncasecmp(url, "http://", 7) == 0) {
        return url + 7;
    }
    return strncasecmp(url, "https://", 8) == 0 ? url + 8 : NULL;
}

int counter_referrer_host(const char *url, char *host, size_t size)
{
    const char *s = after_scheme(url);
    size_t len, host_len, out;

    if (!s) {
        return OMK_EINVAL;
    }
    len = strcspn(s, "/?#");
    if (!strip_userinfo(&s, &len)) {
        return OMK_EINVAL;
    }
    if (len > 0 && s[0] == '[') {
        const char *end = memchr(s, ']', len);

        host_len = end ? (size_t)(end - s) + 1 : len;
        out = host_len;
    }
    else {
        const char *colon = memchr(s, ':', len);

        host_len = colon ? (size_t)(colon - s) : len;
        out = host_len > 0 && s[host_len - 1] == '.' ? host_len - 1 : host_len;
    }
    if (!is_port(s + host_len, len - host_len) || out >= size
        || !(is_name(s, out) || is_ip_literal(s, out))) {
        return OMK_EINVAL;
    }
    for (size_t i = 0; i < out; i++) {
        host[i] = lower(s[i]);
    }
    host[out] = '\0';
    return OMK_OK;
}

/* Absent, or of the forms that name no host: empty, about:…, a path. All else
 * that has no usable host is a stranger's or somebody's trick. */
static bool names_no_host(const char *referer)
{
    if (!referer || *referer == '\0'
        || strncasecmp(referer, "about:", 6) == 0) {
        return true;
    }
    if (referer[0] != '/' || referer[1] == '/' || referer[1] == '\\') {
        return false;
    }
    while ((unsigned char)*referer > ' ') { /* a browser drops tabs: "/\t/x" */
        referer++;
    }
    return *referer == '\0';
}

enum counter_referrer_verdict
counter_referrer_check(const struct counter_headers *h,
                       enum counter_referrer_mode mode, counter_host_fn is_own,
                       void *ctx)
{
    char host[HOST_MAX + 1];
    bool ok;

    if (names_no_host(h->referer)) {
        ok = mode == COUNTER_REFERRER_LENIENT
             || (h->sec_fetch_site
                 && strcmp(h->sec_fetch_site, "same-origin") == 0);
    }
    else {
        ok = counter_referrer_host(h->referer, host, sizeof host) == OMK_OK
             && is_own(ctx, host);
    }
    return ok ? COUNTER_REFERRER_OK : COUNTER_REFERRER_REFUSED;
}

/* Does a Purpose header ask for an advance load? */
static bool is_advance(const char *purpose)
{
    static const char *const words[] = {"prefetch", "prerender", "preview"};

    while (*purpose) {
        size_t n = strcspn(purpose, ";, \t");

        for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
            if (n == strlen(words[i])
                && strncasecmp(purpose, words[i], n) == 0) {
                return true;
            }
        }
        purpose += n;
        purpose += strspn(purpose, ";, \t");
    }
    return false;
}

bool counter_headers_may_count(const struct counter_headers *h)
{
    return h->method && strcmp(h->method, "GET") == 0
           && !(h->purpose && is_advance(h->purpose));
}
