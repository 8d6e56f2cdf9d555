/* Hosts and customers in open hashes, the few odd wildcards in a list.
 *
 * `*.example.jp`, the usual wildcard, is kept by its suffix: a look-up asks
 * for each suffix of the host, so that ten thousand virtual hosts with such an
 * alias cost a request as much as one. */
#include "site.h"

#include "err.h"
#include "store.h"

#include <string.h>

#define HOST_MAX 253
#define SLOTS_MIN 64

struct pattern {
    struct pattern *next; /* of the odd ones, or of those allowed */
    struct counter_customer *customer;
    const void *tag;
    size_t order;     /* of its entry */
    const char *key;  /* what the table that holds it has it under */
    const char *host; /* normalized; with or without wildcards */
};

struct table {
    struct pattern **slots;
    size_t count; /* a power of two, at most half of it used */
    size_t used;
};

struct counter_customer {
    const struct counter_sites *sites;
    const char *name;
    struct pattern *allowed;
};

struct counter_sites {
    struct counter_alloc alloc;
    struct table customers; /* by name */
    struct table exact;     /* by host */
    struct table suffixes;  /* `*.example.jp` by `.example.jp` */
    struct pattern *odd, **odd_end;
    size_t order;
};

const struct counter_site counter_site_default = {
    .referrer = COUNTER_REFERRER_STRICT,
    .limits = {5, 10},
    .max_per_customer = 1,
};

static void *take(struct counter_sites *s, size_t size)
{
    void *p = s->alloc.alloc(s->alloc.ctx, size);

    return p ? memset(p, 0, size) : NULL;
}

static char *copy(struct counter_sites *s, const char *text, size_t len)
{
    char *p = take(s, len + 1);

    return p ? memcpy(p, text, len) : NULL;
}

static bool is_one_of(char c, const char *marks)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z')
           || (c >= 'A' && c <= 'Z') || (c && strchr(marks, c));
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static int no_memory(struct omk_err *err)
{
    return omk_fail(err, OMK_ENOMEM, "", "out of memory");
}

/* --- host names ---------------------------------------------------------- */

/* How much of len bytes is the host, without `:port` and trailing dot; 0 when
 * what follows the host is no port. */
static size_t host_part(const char *s, size_t len)
{
    const char *bracket = len && s[0] == '[' ? memchr(s, ']', len) : NULL;
    size_t from = bracket ? (size_t)(bracket - s) : 0;
    const char *colon = memchr(s + from, ':', len - from);

    if (colon) {
        size_t host = (size_t)(colon - s);

        for (size_t i = host + 1; i < len; i++) {
            if (s[i] < '0' || s[i] > '9') {
                return 0;
            }
        }
        len = host;
    }
    return len > 1 && s[len - 1] == '.' ? len - 1 : len;
}

/* Lower case, without port and trailing dot, into host (HOST_MAX + 1 bytes).
 * marks: what it may hold beside letters, digits, `.`, `-` and `_`. */
static bool normalize(const char *s, size_t len, const char *marks, char *host)
{
    size_t n = host_part(s, len);

    if (n == 0 || n > HOST_MAX) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (!is_one_of(s[i], ".-_") && !strchr(marks, s[i])) {
            return false;
        }
        host[i] = lower(s[i]);
    }
    host[n] = '\0';
    return true;
}

/* `*` is any run of characters, `?` any one, as in httpd's ServerAlias. Goes
 * back to the last star only: no pattern takes more than length times length.
 */
static bool glob(const char *p, const char *s)
{
    const char *star = NULL;
    const char *retry = NULL;

    while (*s) {
        if (*p == '*') {
            star = p++;
            retry = s;
        }
        else if (*p == '?' || *p == *s) {
            p++;
            s++;
        }
        else if (star) {
            p = star + 1;
            s = ++retry;
        }
        else {
            return false;
        }
    }
    while (*p == '*') {
        p++;
    }
    return *p == '\0';
}

static bool is_wild(const char *host)
{
    return host[strcspn(host, "*?")] != '\0';
}

/* FNV-1a; the table's content is the operator's, so no key is needed. */
static size_t hash(const char *host)
{
    uint64_t h = UINT64_C(14695981039346656037);

    for (; *host; host++) {
        h = (h ^ (unsigned char)*host) * UINT64_C(1099511628211);
    }
    return (size_t)(h ^ h >> 32);
}

/* The slot of key, or the free one where it belongs. */
static struct pattern **slot(const struct table *t, const char *key)
{
    size_t i = hash(key) & (t->count - 1);

    while (t->slots[i] && strcmp(t->slots[i]->key, key) != 0) {
        i = (i + 1) & (t->count - 1);
    }
    return &t->slots[i];
}

static int grow(struct counter_sites *s, struct table *t)
{
    struct table bigger = {.count = t->count ? t->count * 2 : SLOTS_MIN,
                           .used = t->used};

    bigger.slots = take(s, bigger.count * sizeof(struct pattern *));
    if (!bigger.slots) {
        return OMK_ENOMEM;
    }
    for (size_t i = 0; i < t->count; i++) {
        if (t->slots[i]) {
            *slot(&bigger, t->slots[i]->key) = t->slots[i];
        }
    }
    *t = bigger;
    return OMK_OK;
}

/* Puts in p, whose key is not there yet. */
static int put(struct counter_sites *s, struct table *t, struct pattern *p)
{
    if ((t->used + 1) * 2 > t->count && grow(s, t)) {
        return OMK_ENOMEM;
    }
    *slot(t, p->key) = p;
    t->used++;
    return OMK_OK;
}

static struct pattern *new_pattern(struct counter_sites *s, const char *host,
                                   struct counter_customer *c, const void *tag)
{
    struct pattern *p = take(s, sizeof *p);

    if (p) {
        p->customer = c;
        p->tag = tag;
        p->order = s->order++;
        p->key = p->host = copy(s, host, strlen(host));
    }
    return p && p->host ? p : NULL;
}

/* --- filling ------------------------------------------------------------- */

int counter_sites_new(const struct counter_alloc *a, struct counter_sites **out)
{
    struct counter_sites *s = a->alloc(a->ctx, sizeof *s);

    if (!s) {
        return OMK_ENOMEM;
    }
    memset(s, 0, sizeof *s);
    s->alloc = *a;
    s->odd_end = &s->odd;
    if (grow(s, &s->customers) || grow(s, &s->exact) || grow(s, &s->suffixes)) {
        return OMK_ENOMEM;
    }
    *out = s;
    return OMK_OK;
}

static bool is_customer_name(const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < len; i++) {
        if (!is_one_of(name[i], "._-")) {
            return false;
        }
    }
    return len > 0 && len <= COUNTER_CUSTOMER_MAX;
}

int counter_sites_customer(struct counter_sites *s, const char *name,
                           struct counter_customer **out, struct omk_err *err)
{
    struct counter_customer *c;
    struct pattern *p;

    if (!is_customer_name(name)) {
        return omk_fail(err, OMK_EINVAL, name,
                        "is no customer's name: 1 to %d of A-Z a-z 0-9 . _ -",
                        COUNTER_CUSTOMER_MAX);
    }
    p = *slot(&s->customers, name);
    if (p) {
        *out = p->customer;
        return OMK_OK;
    }
    c = take(s, sizeof *c);
    p = c ? new_pattern(s, name, c, NULL) : NULL;
    if (!p || put(s, &s->customers, p)) {
        return no_memory(err);
    }
    c->sites = s;
    c->name = p->key;
    *out = c;
    return OMK_OK;
}

const char *counter_customer_name(const struct counter_customer *c)
{
    return c->name;
}

static int claimed(const char *host, const struct counter_customer *a,
                   const struct counter_customer *b, struct omk_err *err)
{
    return omk_fail(err, OMK_EBUSY, host,
                    "is claimed by %s and by %s; a CounterCustomer joins them",
                    a->name, b->name);
}

/* Where a host of that form is kept: a table and the key in it, or the list
 * (NULL) when its wildcards are anywhere else than in a leading `*.`. */
static struct table *place(struct counter_sites *s, const char *host,
                           size_t *key_at)
{
    *key_at = host[0] == '*' && host[1] == '.' ? 1 : 0;
    if (is_wild(host + *key_at)) {
        *key_at = 0;
        return NULL;
    }
    return *key_at ? &s->suffixes : &s->exact;
}

static struct pattern *find_odd(const struct counter_sites *s, const char *host)
{
    struct pattern *p = s->odd;

    while (p && strcmp(p->host, host) != 0) {
        p = p->next;
    }
    return p;
}

static int no_host(const char *host, struct omk_err *err)
{
    return omk_fail(err, OMK_EINVAL, host, "is not the name of a host");
}

int counter_sites_add_host(struct counter_sites *s, struct counter_customer *c,
                           const char *host, const void *tag,
                           struct omk_err *err)
{
    char norm[HOST_MAX + 1];
    struct pattern *p;
    struct table *t;
    size_t key_at;

    if (!normalize(host, strlen(host), "*?[:]", norm)) {
        return no_host(host, err);
    }
    t = place(s, norm, &key_at);
    p = t ? *slot(t, norm + key_at) : find_odd(s, norm);
    if (p) {
        return p->customer == c ? OMK_OK : claimed(norm, p->customer, c, err);
    }
    p = new_pattern(s, norm, c, tag);
    if (!p) {
        return no_memory(err);
    }
    p->key = p->host + key_at;
    if (t) {
        return put(s, t, p) ? no_memory(err) : OMK_OK;
    }
    *s->odd_end = p;
    s->odd_end = &p->next;
    return OMK_OK;
}

int counter_sites_allow(struct counter_sites *s, struct counter_customer *c,
                        const char *host, struct omk_err *err)
{
    char norm[HOST_MAX + 1];
    struct pattern *p;

    if (!normalize(host, strlen(host), "*?[:]", norm)) {
        return no_host(host, err);
    }
    p = new_pattern(s, norm, c, NULL);
    if (!p) {
        return no_memory(err);
    }
    p->next = c->allowed;
    c->allowed = p;
    return OMK_OK;
}

/* --- asking -------------------------------------------------------------- */

/* The first entered of the wildcards that match. */
static const struct pattern *find_wildcard(const struct counter_sites *s,
                                           const char *host)
{
    const struct pattern *best = NULL;
    const struct pattern *p = s->odd;

    while (p && !glob(p->host, host)) {
        p = p->next;
    }
    best = p;
    for (const char *dot = strchr(host, '.'); dot; dot = strchr(dot + 1, '.')) {
        p = *slot(&s->suffixes, dot);
        if (p && (!best || p->order < best->order)) {
            best = p;
        }
    }
    return best;
}

const struct counter_customer *counter_sites_find(const struct counter_sites *s,
                                                  const char *host,
                                                  const void **tag)
{
    const struct pattern *p = *slot(&s->exact, host);

    if (!p) {
        p = find_wildcard(s, host);
    }
    if (!p) {
        return NULL;
    }
    if (tag) {
        *tag = p->tag;
    }
    return p->customer;
}

bool counter_site_has_referer(void *ctx, const char *host)
{
    const struct counter_site *site = ctx;
    const struct counter_customer *c = site->customer;

    if (!c) {
        return false;
    }
    if (counter_sites_find(c->sites, host, NULL) == c) {
        return true;
    }
    for (const struct pattern *p = c->allowed; p; p = p->next) {
        if (glob(p->host, host)) {
            return true;
        }
    }
    return false;
}

static int check_page(const struct counter_site *site, const char *page,
                      size_t room, struct omk_err *err)
{
    size_t len = strlen(page);

    if (site->max_per_customer <= 1) {
        return omk_fail(err, OMK_EINVAL, "df",
                        "must be a domain, nothing more");
    }
    for (size_t i = 0; i < len; i++) {
        if (!is_one_of(page[i], "._~-")) {
            len = 0;
        }
    }
    if (len == 0 || len > room) {
        return omk_fail(err, OMK_EINVAL, "df",
                        "has a page that is not 1 to %zu of A-Z a-z 0-9 ._~-",
                        room);
    }
    return OMK_OK;
}

int counter_site_df(const struct counter_sites *s,
                    const struct counter_site *site, const char *df, char *name,
                    size_t size, struct omk_err *err)
{
    size_t host_len = strcspn(df, "/");
    const char *page = df[host_len] ? df + host_len + 1 : NULL;
    const struct counter_customer *c = site->customer;
    char host[HOST_MAX + 1];
    size_t len;
    int rc;

    if (*df == '\0') {
        return omk_fail(err, OMK_EINVAL, "df", "is missing");
    }
    if (!c || !normalize(df, host_len, "[:]", host)
        || counter_sites_find(s, host, NULL) != c) {
        return omk_fail(err, OMK_EDENIED, "df", "is not served here");
    }
    len = strlen(c->name);
    if (page) {
        rc = check_page(site, page, COUNTER_NAME_MAX - 1 - len, err);
        if (rc) {
            return rc;
        }
    }
    if (len + (page ? 1 + strlen(page) : 0) >= size) {
        return omk_fail(err, OMK_EINVAL, "df", "is too long");
    }
    memcpy(name, c->name, len + 1);
    if (page) {
        name[len] = '/';
        memcpy(name + len + 1, page, strlen(page) + 1);
    }
    return OMK_OK;
}
