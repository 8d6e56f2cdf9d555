/* Customers, their hosts, and what a site may do: one answer for mod_counter,
 * which fills this from httpd's configuration, and for Count.cgi, which fills
 * it from counter.conf (conf.h).
 *
 * Filled once by one thread, then only read, by any number of threads. All
 * memory comes from the allocator given (a pool, an arena); nothing is freed
 * here. */
#ifndef COUNTER_SITE_H
#define COUNTER_SITE_H

#include "query.h"
#include "referrer.h"
#include "render.h" /* struct counter_alloc */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct omk_err;
struct counter_sites; /* all customers and hosts of a server */

/* Name: 1..64 of [A-Za-z0-9._-], so that customer + "/" + page is a counter's
 * name (COUNTER_NAME_MAX). */
#define COUNTER_CUSTOMER_MAX 64

struct counter_customer; /* one customer, named once per counter_sites */

/* The policy of one virtual host. */
struct counter_site {
    const struct counter_customer *customer;
    enum counter_referrer_mode referrer;
    struct counter_query_limits limits; /* CounterDigits, 5 10 */
    uint32_t max_per_customer; /* 1: the host's counter alone (P53) */
    bool count_reloads;        /* false: the last visitor is not counted */
};

/* strict, 5 to 10 digits, one counter, no reloads; no customer yet. */
extern const struct counter_site counter_site_default;

/* Makes an empty set. OMK_ENOMEM. a must outlive it. */
int counter_sites_new(const struct counter_alloc *a,
                      struct counter_sites **out);

/* The customer of that name, entered if it is new. OMK_EINVAL (no customer's
 * name; err->where is it), OMK_ENOMEM. */
int counter_sites_customer(struct counter_sites *s, const char *name,
                           struct counter_customer **out, struct omk_err *err);

const char *counter_customer_name(const struct counter_customer *c);

/* Enters a host of the customer's, as ServerName and ServerAlias write it: any
 * case, perhaps with a port or trailing dot, `*` and `?` as wildcards. tag is
 * the caller's (NULL, or its virtual host) and comes back from
 * counter_sites_find; of a host entered twice, the first tag stays.
 * OMK_EINVAL (no host's name), OMK_EBUSY (another customer has it; err->text
 * names both), OMK_ENOMEM. */
int counter_sites_add_host(struct counter_sites *s, struct counter_customer *c,
                           const char *host, const void *tag,
                           struct omk_err *err);

/* Enters a host whose pages may show this customer's counters, though it is
 * not served here (CounterRefererAllow). Several customers may name one. */
int counter_sites_allow(struct counter_sites *s, struct counter_customer *c,
                        const char *host, struct omk_err *err);

/* Whose host is it? host: lower case, no port, no trailing dot. Exact names
 * go before wildcards, wildcards in the order of their entry. NULL: nobody's.
 * tag may be NULL. A probe for the name and one for each of its suffixes,
 * however many hosts there are (wildcards other than `*.rest` are tried one by
 * one). */
const struct counter_customer *
counter_sites_find(const struct counter_sites *s, const char *host,
                   const void **tag);

/* A counter_host_fn for counter_referrer_check; ctx is the struct
 * counter_site: the customer's own hosts, and those allowed. */
bool counter_site_has_referer(void *ctx, const char *host);

/* From df to the counter's name: "customer" for a host of the customer's,
 * "customer/page" for host/page where max_per_customer is above 1. The host
 * may be in any case, with a port or trailing dot; page is of
 * [A-Za-z0-9._~-], as long as the whole fits. name has size bytes
 * (COUNTER_NAME_MAX + 1 are enough). OMK_EINVAL, OMK_EDENIED (not a host of
 * this customer's: the same text whether it is somebody else's or nobody's);
 * err->where is "df", err->text fit for an error image. */
int counter_site_df(const struct counter_sites *s,
                    const struct counter_site *site, const char *df,
                    char *name, size_t size, struct omk_err *err);

#endif
