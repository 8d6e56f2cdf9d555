/* counter.conf: what parses is in range and answers; what does not says where.
 * The first line of the input serves as host and df as well. */
#include "conf.h"
#include "err.h"
#include "fuzz.h"
#include "store.h"

#include <string.h>

static void check_error(const struct omk_err *err, int rc)
{
    MUST(rc == OMK_EINVAL || rc == OMK_ERANGE || rc == OMK_EBUSY);
    MUST(err->code == rc && strncmp(err->where, "f:", 2) == 0);
    MUST(err->text[0]);
    for (const char *p = err->text; *p; p++) {
        MUST(*p >= ' ' && *p < 0x7f);
    }
}

static void check_site(const struct counter_conf *c,
                       const struct counter_site *site, const char *host)
{
    char name[COUNTER_NAME_MAX + 1];
    struct omk_err err;
    struct counter_site mine = *site;

    MUST(site->customer);
    MUST(strlen(counter_customer_name(site->customer))
         <= COUNTER_CUSTOMER_MAX);
    MUST(site->limits.md_min >= 1 && site->limits.md_max <= 18
         && site->limits.md_min <= site->limits.md_max);
    MUST(site->max_per_customer >= 1 && site->max_per_customer <= 1000);
    MUST(site->referrer <= COUNTER_REFERRER_LENIENT);
    MUST(counter_site_has_referer(&mine, host));
    if (counter_site_df(c->sites, site, host, name, sizeof name, &err) == 0) {
        MUST(strncmp(name, counter_customer_name(site->customer),
                     strlen(counter_customer_name(site->customer)))
             == 0);
    }
}

static void check_conf(const struct counter_conf *c, const char *host)
{
    const struct counter_site *site = counter_conf_site(c, host);

    MUST(c->store[0] == '/' && c->designs[0] == '/' && c->images[0] == '/'
         && c->effects[0] == '/');
    MUST(c->sync_s >= 1 && c->sync_s <= 3600);
    for (size_t i = 0; i < c->ignore_count; i++) {
        MUST(c->ignore[i].bits <= 128);
    }
    (void)counter_net_has(c->ignore, c->ignore_count, "192.0.2.1");
    if (site) {
        check_site(c, site, host);
    }
    site = counter_conf_site(c, "a.test");
    if (site) {
        check_site(c, site, "a.test");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct counter_conf c;
    struct omk_err err = {0};
    const uint8_t *end = size ? memchr(data, '\n', size) : NULL;
    char *host = strndup((const char *)data, end ? (size_t)(end - data) : size);
    int rc = counter_conf_parse("f", (const char *)data, size, &c, &err);

    MUST(host);
    if (rc) {
        check_error(&err, rc);
    }
    else {
        check_conf(&c, host[0] == '#' ? host + 1 : host);
        counter_conf_free(&c);
    }
    free(host);
    return 0;
}
