/* LOGIN.conf and omakase.conf: what is read is in range and safe to stand in
 * httpd's configuration; what is not says where. */
#include "customer.h"
#include "edit.h"
#include "fuzz.h"
#include "node.h"

#include <apr_general.h>
#include <string.h>

static void check_error(const struct omk_err *err, int rc)
{
    MUST(rc == OMK_EINVAL || rc == OMK_ERANGE || rc == OMK_EDENIED);
    MUST(err->code == rc && !strncmp(err->where, "f", 1) && err->text[0]);
    for (const char *s = err->text; *s; s++) {
        MUST(*s >= ' ' && *s <= '~');
    }
}

static void check_name(const char *s)
{
    size_t len = strlen(s);

    MUST(len >= 3 && len <= 249);
    MUST(strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-.") == len);
}

static void check_customer(apr_pool_t *p, const struct omk_node *n,
                           const struct omk_customer *c, const char *text)
{
    MUST(c->domain_count >= 1 && c->domain_count <= OMK_DOMAINS_MAX);
    MUST(c->databases <= 99 && omk_customer_equal(c, c));
    for (size_t i = 0; i < c->domain_count; i++) {
        check_name(c->domains[i].name);
        MUST(!strncmp(c->domains[i].docroot, "web", 3));
        MUST(!strstr(c->domains[i].docroot, ".."));
        for (size_t k = 0; k < c->domains[i].alias_count; k++) {
            check_name(c->domains[i].aliases[k]);
        }
    }
    (void)n;
    (void)omk_edit_set(p, text, "suspended", "true");
    (void)omk_edit_remove_domain(p, text, c->domains[0].name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct omk_node defaults, n;
    struct omk_customer c;
    struct omk_err err = {0};
    apr_pool_t *p;
    int rc;

    MUST(apr_initialize() == APR_SUCCESS);
    MUST(apr_pool_create(&p, NULL) == APR_SUCCESS);
    MUST(omk_node_parse(p, "", "f", "", 0, &defaults, NULL) == OMK_OK);
    rc = omk_node_parse(p, "", "f", text, size, &n, &err);
    if (rc) {
        check_error(&err, rc);
    }
    memset(&err, 0, sizeof err);
    rc =
        omk_customer_parse(p, &defaults, "ab-cdftp", "f", text, size, &c, &err);
    if (rc) {
        check_error(&err, rc);
    }
    else {
        check_customer(p, &defaults, &c, c.conf.data);
    }
    apr_pool_destroy(p);
    return 0;
}
