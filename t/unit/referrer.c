#include "cmocka_first.h"
#include "err.h"
#include "referrer.h"

#include <stdlib.h>
#include <string.h>

#define OWN "www.example.co.jp"
#define X63 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static const struct {
    const char *label;
    const char *url;
    const char *host; /* NULL: none */
} urls[] = {
    {"a page", "http://www.example.co.jp/index.html", OWN},
    {"https", "https://www.example.co.jp/", OWN},
    {"no path", "http://www.example.co.jp", OWN},
    {"query at once", "http://www.example.co.jp?x=http://evil.test/", OWN},
    {"fragment at once", "http://www.example.co.jp#@evil.test", OWN},
    {"upper case", "HTTP://WWW.Example.CO.JP/", OWN},
    {"port", "http://www.example.co.jp:8080/", OWN},
    {"empty port", "http://www.example.co.jp:/", OWN},
    {"highest port", "http://www.example.co.jp:65535/", OWN},
    {"trailing dot", "http://www.example.co.jp./", OWN},
    {"trailing dot and port", "http://www.example.co.jp.:80/", OWN},
    {"userinfo", "http://user:pw@www.example.co.jp/", OWN},
    {"our name as userinfo", "http://www.example.co.jp@evil.test/",
     "evil.test"},
    {"the same with a port", "http://www.example.co.jp:80@evil.test/",
     "evil.test"},
    {"our name in the fragment", "http://evil.test#www.example.co.jp",
     "evil.test"},
    {"our name in the path", "http://evil.test/www.example.co.jp",
     "evil.test"},
    {"our name as a subdomain", "http://www.example.co.jp.evil.test/",
     "www.example.co.jp.evil.test"},
    {"our name behind another", "http://evilwww.example.co.jp/",
     "evilwww.example.co.jp"},
    {"raw bytes in the path", "http://www.example.co.jp/\xe3\x81\x82", OWN},
    {"IPv4", "http://192.0.2.1:80/", "192.0.2.1"},
    {"IPv6", "http://[2001:DB8::1]:80/", "[2001:db8::1]"},
    {"IPv6 alone", "http://[::1]", "[::1]"},
    {"punycode", "http://xn--wgv71a.jp/", "xn--wgv71a.jp"},
    {"underscore", "http://a_b.example/", "a_b.example"},
    {"longest label", "http://" X63 ".jp/", X63 ".jp"},

    {"backslash before userinfo", "http://evil.test\\@www.example.co.jp/",
     NULL},
    {"backslash after ours", "http://www.example.co.jp\\.evil.test/", NULL},
    {"backslashes for slashes", "http:\\\\www.example.co.jp/", NULL},
    {"two @", "http://a@evil.test@www.example.co.jp/", NULL},
    {"no slashes", "https:www.example.co.jp", NULL},
    {"one slash", "http:/www.example.co.jp/", NULL},
    {"three slashes", "http:///www.example.co.jp/", NULL},
    {"scheme-relative", "//www.example.co.jp/", NULL},
    {"no scheme", "www.example.co.jp", NULL},
    {"another scheme", "ftp://www.example.co.jp/", NULL},
    {"an app", "android-app://www.example.co.jp/", NULL},
    {"blob", "blob:https://www.example.co.jp/1", NULL},
    {"blank in front", " http://www.example.co.jp/", NULL},
    {"blank in the host", "http://www.example.co.jp .evil.test/", NULL},
    {"tab in the host", "http://www.example.\tco.jp/", NULL},
    {"newline in the host", "http://www.example.co.jp\n.evil.test/", NULL},
    {"tab in the scheme", "ht\ttp://www.example.co.jp/", NULL},
    {"escape in the host", "http://www%2Eexample.co.jp/", NULL},
    {"escaped slash", "http://evil.test%2f@www.example.co.jp%2f/", NULL},
    {"escaped NUL", "http://www.example.co.jp%00.evil.test/", NULL},
    {"raw bytes in the host", "http://\xe6\x97\xa5\xe6\x9c\xac.jp/", NULL},
    {"fullwidth dot", "http://www.example.co\xef\xbc\x8ejp/", NULL},
    {"empty host", "http:///", NULL},
    {"nothing behind the slashes", "http://", NULL},
    {"port alone", "http://:80/", NULL},
    {"userinfo alone", "http://user@/", NULL},
    {"dot alone", "http://./", NULL},
    {"leading dot", "http://.example.co.jp/", NULL},
    {"two dots", "http://www..example.co.jp/", NULL},
    {"two trailing dots", "http://www.example.co.jp../", NULL},
    {"label of 64", "http://" X63 "x.jp/", NULL},
    {"name of 255", "http://" X63 "." X63 "." X63 "." X63 "/", NULL},
    {"port too high", "http://www.example.co.jp:65536/", NULL},
    {"port of seven digits", "http://www.example.co.jp:0000080/", NULL},
    {"no port but letters", "http://www.example.co.jp:x/", NULL},
    {"signed port", "http://www.example.co.jp:+80/", NULL},
    {"two ports", "http://www.example.co.jp:80:80/", NULL},
    {"other marks", "http://www.example.co.jp,evil.test/", NULL},
    {"semicolon", "http://www.example.co.jp;evil.test/", NULL},
    {"star", "http://*/", NULL},
    {"open bracket", "http://[::1/", NULL},
    {"closed bracket", "http://::1]/", NULL},
    {"bare IPv6", "http://::1/", NULL},
    {"IPv6 with a zone", "http://[fe80::1%25eth0]/", NULL},
    {"brackets around a name", "http://[www.example.co.jp]/", NULL},
    {"text behind the bracket", "http://[::1]x/", NULL},
    {"empty brackets", "http://[]/", NULL},
    {"IPv6 with a dot behind", "http://[::1]./", NULL},
    {"empty", "", NULL},
};

static void hosts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        char *url = strdup(urls[i].url); /* exact, for ASan */
        char host[256] = "untouched";
        int rc = counter_referrer_host(url, host, sizeof host);

        free(url);
        if (rc != (urls[i].host ? OMK_OK : OMK_EINVAL)
            || strcmp(host, urls[i].host ? urls[i].host : "untouched") != 0) {
            fail_msg("%s: rc %d, %s", urls[i].label, rc, host);
        }
    }
}

static void never_a_part(void **state)
{
    char host[18] = "untouched";

    (void)state;
    assert_int_equal(counter_referrer_host("http://" OWN "/", host, 17),
                     OMK_EINVAL);
    assert_string_equal(host, "untouched");
    assert_int_equal(counter_referrer_host("http://" OWN "/", host, 18),
                     OMK_OK);
    assert_string_equal(host, OWN);
}

static void long_ones(void **state)
{
    size_t len = 8192;
    char *url = malloc(len + 1);
    char host[256];

    (void)state;
    assert_non_null(url);
    memset(url, 'a', len);
    url[len] = '\0';
    memcpy(url, "http://", 7);
    assert_int_equal(counter_referrer_host(url, host, sizeof host), OMK_EINVAL);
    memcpy(url, "http://" OWN "/", strlen("http://" OWN "/"));
    assert_int_equal(counter_referrer_host(url, host, sizeof host), OMK_OK);
    free(url);
}

static bool is_own(void *ctx, const char *host)
{
    (void)ctx;
    return strcmp(host, OWN) == 0;
}

static const struct {
    const char *label;
    const char *referer;
    const char *site;
    bool strict, lenient;
} checks[] = {
    {"own page", "http://" OWN "/", NULL, true, true},
    {"own page, cross-site by metadata", "http://" OWN "/", "cross-site", true,
     true},
    {"foreign page", "http://evil.test/", NULL, false, false},
    {"foreign page that claims same-origin", "http://evil.test/",
     "same-origin", false, false},
    {"none", NULL, NULL, false, true},
    {"none, same-origin", NULL, "same-origin", true, true},
    {"none, same-site", NULL, "same-site", false, true},
    {"none, cross-site", NULL, "cross-site", false, true},
    {"none, typed in", NULL, "none", false, true},
    {"none, other case", NULL, "Same-Origin", false, true},
    {"empty", "", "same-origin", true, true},
    {"empty, no metadata", "", NULL, false, true},
    {"about:blank", "about:blank", NULL, false, true},
    {"about:blank, same-origin", "about:blank", "same-origin", true, true},
    {"a path", "/index.html", NULL, false, true},
    {"the root", "/", NULL, false, true},
    {"scheme-relative", "//" OWN "/", "same-origin", false, false},
    {"a path that browsers take for a host", "/\\evil.test", NULL, false,
     false},
    {"the same with a tab", "/\t/evil.test", NULL, false, false},
    {"an app", "android-app://com.example/", "same-origin", false, false},
    {"no host to be had", "http://evil.test\\@" OWN "/", "same-origin", false,
     false},
    {"no slashes", "https:" OWN, "same-origin", false, false},
    {"a proxy's mask", "XXXX:++++++++++", NULL, false, false},
};

static void verdicts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        struct counter_headers h = {"GET", checks[i].referer, checks[i].site,
                                    NULL};
        bool strict = counter_referrer_check(&h, COUNTER_REFERRER_STRICT,
                                             is_own, NULL)
                      == COUNTER_REFERRER_OK;
        bool lenient = counter_referrer_check(&h, COUNTER_REFERRER_LENIENT,
                                              is_own, NULL)
                       == COUNTER_REFERRER_OK;

        if (strict != checks[i].strict || lenient != checks[i].lenient) {
            fail_msg("%s: strict %d, lenient %d", checks[i].label, strict,
                     lenient);
        }
    }
}

static const struct {
    const char *method, *purpose;
    bool may;
} loads[] = {
    {"GET", NULL, true},
    {"GET", "", true},
    {"GET", "navigate", true},
    {"GET", "prefetcher", true},
    {"GET", "prefetch", false},
    {"GET", "Prefetch", false},
    {"GET", "prefetch;prerender", false},
    {"GET", "prefetch;anonymous-client-ip", false},
    {"GET", "x; prerender", false},
    {"GET", "preview", false},
    {"HEAD", NULL, false},
    {"POST", NULL, false},
    {"get", NULL, false},
    {NULL, NULL, false},
};

static void may_count(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof loads / sizeof *loads; i++) {
        struct counter_headers h = {loads[i].method, NULL, NULL,
                                    loads[i].purpose};

        if (counter_headers_may_count(&h) != loads[i].may) {
            fail_msg("%s, %s", loads[i].method ? loads[i].method : "(none)",
                     loads[i].purpose ? loads[i].purpose : "(none)");
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"P55: the host of a Referer, or none", hosts, NULL, NULL, NULL},
        cmocka_unit_test(never_a_part),
        cmocka_unit_test(long_ones),
        {"P55, P56: the Referer check", verdicts, NULL, NULL, NULL},
        cmocka_unit_test(may_count),
    };

    return cmocka_run_group_tests_name("referrer", tests, NULL, NULL);
}
