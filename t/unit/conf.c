#include "cmocka_first.h"
#include "conf.h"
#include "err.h"
#include "store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int parse(const char *text, struct counter_conf *conf,
                 struct omk_err *err)
{
    size_t len = strlen(text);
    char *exact = malloc(len ? len : 1);
    int rc;

    assert_non_null(exact);
    memcpy(exact, text, len);
    rc = counter_conf_parse("/etc/omakase/counter.conf", exact, len, conf, err);
    free(exact);
    return rc;
}

static struct counter_conf parsed(const char *text)
{
    struct counter_conf conf;
    struct omk_err err = {0};

    if (parse(text, &conf, &err) != OMK_OK) {
        fail_msg("%s: %s", err.where, err.text);
    }
    return conf;
}

static void empty(void **state)
{
    struct counter_conf c = parsed("");

    (void)state;
    assert_string_equal(c.store, OMAKASE_STATEDIR "/counter/counters");
    assert_string_equal(c.designs, OMAKASE_DATADIR "/designs");
    assert_string_equal(c.images, OMAKASE_DATADIR "/images");
    assert_string_equal(c.effects, OMAKASE_LIBDIR "/counter_effects.so");
    assert_int_equal(c.sync_s, 1);
    assert_int_equal(c.visitors, COUNTER_VISITOR_HASHED);
    assert_int_equal(c.ignore_count, 0);
    assert_null(counter_conf_site(&c, "www.example.co.jp"));
    counter_conf_free(&c);
    counter_conf_free(&c); /* harmless */
}

static const char whole[] =
    "# The counter's configuration\r\n"
    "\n"
    "  counterstore \"/srv/a b/counters\"\r\n"
    "CounterDesigns '/srv/designs'\n"
    "CounterImages /srv/images\n"
    "CounterEffects /srv/effects.so\n"
    "CounterSync 60\n"
    "CounterVisitors Plain\n"
    "CounterIgnore 192.0.2.0/24 2001:db8::/32 \\\n"
    "    198.51.100.7\n"
    "CounterIgnore 203.0.113.1\n"
    "CounterReferer lenient\n"
    "<virtualhost *:80 [::]:80>\n"
    "\tServerName http://www.Example.co.jp:80\n"
    "\tServerAlias example.co.jp *.shop.example.co.jp\n"
    "\tCounterCustomer ab-cdftp\n"
    "\tCounterMaxPerCustomer 20\n"
    "\tCounterDigits 1 18\n"
    "\tCounterReload on\n"
    "\tCounterReferer strict\n"
    "\tCounterRefererAllow blog.example.net\n"
    "</VirtualHost>\n"
    "<VirtualHost _default_>\n"
    "ServerName Other.localhost\n"
    "</VirtualHost>\n"
    "<VirtualHost *>\n"
    "ServerName ssl.example.co.jp\n"
    "CounterCustomer ab-cdftp\n"
    "</VirtualHost>\n"
    "# what stands behind the sections holds for them too\n"
    "CounterRefererAllow portal.test\n"
    "CounterDigits 4 12";

static void a_whole_one(void **state)
{
    struct counter_conf c = parsed(whole);
    struct counter_site *ab, *other, *ssl;
    char name[COUNTER_NAME_MAX + 1];

    (void)state;
    assert_string_equal(c.store, "/srv/a b/counters");
    assert_string_equal(c.designs, "/srv/designs");
    assert_string_equal(c.images, "/srv/images");
    assert_string_equal(c.effects, "/srv/effects.so");
    assert_int_equal(c.sync_s, 60);
    assert_int_equal(c.visitors, COUNTER_VISITOR_PLAIN);
    assert_int_equal(c.ignore_count, 4);
    assert_true(counter_net_has(c.ignore, c.ignore_count, "192.0.2.9"));
    assert_true(counter_net_has(c.ignore, c.ignore_count, "198.51.100.7"));
    assert_true(counter_net_has(c.ignore, c.ignore_count, "2001:db8::9"));
    assert_true(counter_net_has(c.ignore, c.ignore_count, "203.0.113.1"));
    assert_false(counter_net_has(c.ignore, c.ignore_count, "198.51.100.8"));

    /* copies, as counter_host_fn's context is not const */
    ab = malloc(3 * sizeof *ab);
    assert_non_null(ab);
    other = ab + 1;
    ssl = ab + 2;
    *ab = *counter_conf_site(&c, "a.shop.example.co.jp");
    *other = *counter_conf_site(&c, "other.localhost");
    *ssl = *counter_conf_site(&c, "ssl.example.co.jp");
    assert_string_equal(counter_customer_name(ab->customer), "ab-cdftp");
    assert_string_equal(counter_customer_name(other->customer),
                        "other.localhost");
    assert_ptr_equal(ssl->customer, ab->customer);
    assert_int_equal(ab->referrer, COUNTER_REFERRER_STRICT);
    assert_int_equal(other->referrer, COUNTER_REFERRER_LENIENT);
    assert_int_equal(ab->max_per_customer, 20);
    assert_int_equal(ssl->max_per_customer, 1);
    assert_int_equal(ab->limits.md_min, 1);
    assert_int_equal(ab->limits.md_max, 18);
    assert_int_equal(other->limits.md_min, 4);
    assert_int_equal(other->limits.md_max, 12);
    assert_true(ab->count_reloads);
    assert_false(other->count_reloads);
    assert_true(counter_site_has_referer(ssl, "blog.example.net"));
    assert_true(counter_site_has_referer(ab, "portal.test"));
    assert_true(counter_site_has_referer(other, "portal.test"));
    assert_false(counter_site_has_referer(other, "blog.example.net"));
    assert_int_equal(counter_site_df(c.sites, ssl, "example.co.jp", name,
                                     sizeof name, NULL), OMK_OK);
    assert_string_equal(name, "ab-cdftp");
    free(ab);
    counter_conf_free(&c);
}

static void the_server_itself(void **state)
{
    struct counter_conf c = parsed("ServerName www.example.co.jp\n"
                                   "ServerAlias www2.example.co.jp\n"
                                   "CounterMaxPerCustomer 5\n");
    const struct counter_site *site =
        counter_conf_site(&c, "www2.example.co.jp");

    (void)state;
    assert_non_null(site);
    assert_string_equal(counter_customer_name(site->customer),
                        "www.example.co.jp");
    assert_int_equal(site->max_per_customer, 5);
    counter_conf_free(&c);
}

#define VHOST(lines) "<VirtualHost *>\nServerName a.test\n" lines "</VirtualHost>\n"

static const struct {
    const char *label;
    const char *text;
    unsigned line;
    const char *says; /* a part of the error's text */
} bad[] = {
    {"unknown", "\n\nDocumentRoot /srv\n", 3, "DocumentRoot is no directive"},
    {"misspelt", "CounterSynk 1", 1, "CounterSynk is no directive"},
    {"environment is not read", "CounterStore ${HOME}/x", 1,
     "CounterStore takes an absolute path"},
    {"relative path", "CounterDesigns designs", 1, "absolute path"},
    {"empty path", "CounterImages \"\"", 1, "absolute path"},
    {"no argument", "CounterSync", 1, "CounterSync takes 1 to 3600"},
    {"two arguments", "CounterSync 1 2", 1, "CounterSync takes 1 to 3600"},
    {"a comment behind", "CounterSync 1 # s", 1, "CounterSync takes"},
    {"0 seconds", "CounterSync 0", 1, "CounterSync takes"},
    {"too many seconds", "CounterSync 3601", 1, "CounterSync takes"},
    {"no number", "CounterSync 1s", 1, "CounterSync takes"},
    {"referer", "CounterReferer loose", 1, "strict or lenient"},
    {"reload", "CounterReload yes", 1, "on or off"},
    {"visitors", "CounterVisitors sha1", 1, "hashed or plain"},
    {"0 counters", "CounterMaxPerCustomer 0", 1, "1 to 1000"},
    {"1001 counters", "CounterMaxPerCustomer 1001", 1, "1 to 1000"},
    {"one of two", "CounterDigits 5", 1, "MIN and MAX"},
    {"upside down", "CounterDigits 10 5", 1, "MIN not above MAX"},
    {"19 digits", "CounterDigits 5 19", 1, "1 to 18"},
    {"no address", "CounterIgnore localhost", 1, "addresses or networks"},
    {"33 bits", "CounterIgnore 192.0.2.0/33", 1, "addresses or networks"},
    {"no bits", "CounterIgnore 192.0.2.0/", 1, "addresses or networks"},
    {"server's in a section", VHOST("CounterStore /x\n"), 3,
     "belongs outside of <VirtualHost>"},
    {"another section", "<Directory />\n</Directory>\n", 1, "is no section"},
    {"no address in the section", "<VirtualHost>\n", 1, "is no section"},
    {"no end of the tag", "<VirtualHost *\n", 1, "is no section"},
    {"not closed", "\n<VirtualHost *>\nServerName a.test\n", 2,
     "has no </VirtualHost>"},
    {"not opened", "</VirtualHost>\n", 1, "has no <VirtualHost>"},
    {"nested", "<VirtualHost *>\n<VirtualHost *>\n", 2, "inside another"},
    {"nobody's section", "\n<VirtualHost *>\n</VirtualHost>\n", 2,
     "needs a ServerName or a CounterCustomer"},
    {"quote left open", "CounterStore \"/x\n", 1, "must end with its quote"},
    {"text behind a quote", "CounterStore \"/x\"y\n", 1,
     "must end with its quote"},
    {"customer's name", VHOST("CounterCustomer a/b\n"), 1,
     "a/b is no customer's name"},
    {"alias", VHOST("ServerAlias b.test c%d.test\n"), 3,
     "c%d.test is not the name of a host"},
    {"allowed host", VHOST("CounterRefererAllow http://x/\n"), 3,
     "http://x/ is not the name of a host"},
    {"two customers, one host",
     VHOST("ServerAlias b.test\n") "<VirtualHost *>\nServerName c.test\n"
     "ServerAlias B.test\n</VirtualHost>\n", 7,
     "b.test is claimed by a.test and by c.test"},
    {"behind a continued line", "CounterSync \\\n 5\nx\n", 3,
     "x is no directive"},
};

static void errors(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct counter_conf c;
        struct omk_err err = {0};
        int rc = parse(bad[i].text, &c, &err);
        char where[96];

        (void)snprintf(where, sizeof where, "/etc/omakase/counter.conf:%u",
                       bad[i].line);
        if (rc == OMK_OK || rc != err.code || strcmp(err.where, where) != 0
            || !strstr(err.text, bad[i].says)) {
            fail_msg("%s: rc %d, %s: %s", bad[i].label, rc, err.where,
                     err.text);
        }
        assert_int_equal(parse(bad[i].text, &c, NULL), rc);
    }
}

static void nul(void **state)
{
    struct counter_conf c;

    (void)state;
    assert_int_equal(counter_conf_parse("x", "CounterSync 1\0", 14, &c, NULL),
                     OMK_EINVAL);
}

static void quoting(void **state)
{
    struct counter_conf c = parsed("CounterStore \"/a\\\"b\\\\c'd\\e\"\n"
                                   "CounterDesigns /a\\b\"c\n"
                                   "CounterImages '/a\\'b'\n");

    (void)state;
    assert_string_equal(c.store, "/a\"b\\c'd\\e");
    assert_string_equal(c.designs, "/a\\b\"c");
    assert_string_equal(c.images, "/a'b");
    counter_conf_free(&c);
}

static void files(void **state)
{
    char name[] = "/tmp/omakase-conf.XXXXXX";
    int fd = mkstemp(name);
    struct counter_conf c;
    struct omk_err err = {0};

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, whole, strlen(whole)), strlen(whole));
    assert_int_equal(close(fd), 0);
    assert_int_equal(counter_conf_load(name, &c, &err), OMK_OK);
    assert_int_equal(c.sync_s, 60);
    counter_conf_free(&c);
    assert_int_equal(unlink(name), 0);
    assert_int_equal(counter_conf_load(name, &c, &err), OMK_ENOENT);
}

static void long_name(void **state)
{
    char name[401];
    struct counter_conf c;
    struct omk_err err = {0};

    (void)state;
    memset(name, 'd', sizeof name);
    memcpy(name + 380, "/counter.conf", sizeof "/counter.conf");
    name[0] = '/';
    assert_int_equal(counter_conf_parse(name, "x", 1, &c, &err), OMK_EINVAL);
    assert_string_equal(err.where, "counter.conf:1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty),       cmocka_unit_test(a_whole_one),
        cmocka_unit_test(the_server_itself),
        cmocka_unit_test(errors),      cmocka_unit_test(nul),
        cmocka_unit_test(quoting),     cmocka_unit_test(files),
        cmocka_unit_test(long_name),
    };

    return cmocka_run_group_tests_name("conf", tests, NULL, NULL);
}
