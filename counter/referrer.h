/* May this request count? By method, prefetch headers, and where the page
 * that embeds the counter stands (RFC 9110 10.1.3 Referer, Fetch Metadata
 * Sec-Fetch-Site, Sec-Purpose). */
#ifndef COUNTER_REFERRER_H
#define COUNTER_REFERRER_H

#include <stdbool.h>
#include <stddef.h>

enum counter_referrer_mode {
    COUNTER_REFERRER_STRICT, /* own host, or none and same-origin */
    COUNTER_REFERRER_LENIENT /* an absent Referer counts too */
};

enum counter_referrer_verdict {
    COUNTER_REFERRER_OK,
    COUNTER_REFERRER_REFUSED /* show 88888888, count nothing */
};

/* The headers that matter; NULL where absent. Each is NUL-terminated. */
struct counter_headers {
    const char *method;         /* "GET", "HEAD", … */
    const char *referer;
    const char *sec_fetch_site;
    const char *purpose;        /* Sec-Purpose, Purpose, X-Moz, X-Purpose: any
                                   that is there, the first one */
};

/* Is this host (lower case, no port, no trailing dot) one of the customer's?
 * The caller's site table answers. */
typedef bool (*counter_host_fn)(void *ctx, const char *host);

/* Takes the host of an absolute http or https URL: lower-cased, without
 * userinfo, port, brackets' removal ("[::1]" stays so) or trailing dot, into
 * host (size bytes). Returns 0, or OMK_EINVAL when there is none, the scheme
 * is another, or it does not fit: never a part of a host. */
int counter_referrer_host(const char *url, char *host, size_t size);

/* The Referer check alone. A Referer that is there decides by its host, in
 * both modes; an absent or host-less one ("about:blank", a bare path, an
 * empty string) passes when mode is lenient or Sec-Fetch-Site is exactly
 * "same-origin". */
enum counter_referrer_verdict
counter_referrer_check(const struct counter_headers *h,
                       enum counter_referrer_mode mode, counter_host_fn is_own,
                       void *ctx);

/* HEAD, prefetch, prerender and preview requests show and do not count. */
bool counter_headers_may_count(const struct counter_headers *h);

#endif
