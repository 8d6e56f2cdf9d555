#include "cmocka_first.h"
#include "err.h"
#include "names.h"

#include <apr_general.h>
#include <apr_strings.h>
#include <string.h>

static apr_pool_t *pool;

#define BYTES(s) s, sizeof s - 1

static void logins(void **state)
{
    static const struct {
        const char *label, *login;
        size_t len;
        int rc;
    } cases[] = {
        {"the manual's", BYTES("ab-cdftp"), OMK_OK},
        {"without a dash", BYTES("abcdftp"), OMK_OK},
        {"digits", BYTES("a1"), OMK_OK},
        {"longest", BYTES("abcdefghijabcdefghijabcdefghij"), OMK_OK},
        {"one more", BYTES("abcdefghijabcdefghijabcdefghijk"), OMK_ERANGE},
        {"empty", BYTES(""), OMK_ERANGE},
        {"one letter", BYTES("a"), OMK_ERANGE},
        {"up", BYTES("../x"), OMK_EINVAL},
        {"a path", BYTES("a/b"), OMK_EINVAL},
        {"root", BYTES("root"), OMK_EDENIED},
        {"httpd's user", BYTES("www-data"), OMK_EDENIED},
        {"php-fpm's section", BYTES("global"), OMK_EDENIED},
        {"systemd's", BYTES("systemd-network"), OMK_EDENIED},
        {"MariaDB's", BYTES("mysql"), OMK_EDENIED},
        {"newline", BYTES("abc\n"), OMK_EINVAL},
        {"newline inside", BYTES("ab\ncd"), OMK_EINVAL},
        {"NUL inside", BYTES("ab\0cd"), OMK_EINVAL},
        {"NUL at the end", BYTES("abc\0"), OMK_EINVAL},
        {"upper case", BYTES("Abc"), OMK_EINVAL},
        {"digit first", BYTES("1abc"), OMK_EINVAL},
        {"dash first", BYTES("-abc"), OMK_EINVAL},
        {"dash last", BYTES("abc-"), OMK_EINVAL},
        {"two dashes", BYTES("ab--cd"), OMK_EINVAL},
        {"a dot", BYTES("ab.conf"), OMK_EINVAL},
        {"an underscore", BYTES("ab_cd"), OMK_EINVAL},
        {"blank", BYTES("ab cd"), OMK_EINVAL},
        {"quote", BYTES("ab'cd"), OMK_EINVAL},
        {"UTF-8", BYTES("caf\xc3\xa9"), OMK_EINVAL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct omk_err err = {0};
        int rc = omk_login_check(cases[i].login, cases[i].len, &err);

        if (rc != cases[i].rc) {
            fail_msg("%s: %d, not %d (%s)", cases[i].label, rc, cases[i].rc,
                     err.text);
        }
        for (const char *s = err.text; *s; s++) {
            assert_true(*s >= ' ' && *s <= '~');
        }
    }
}

static void two_hundred_characters_make_a_short_message(void **state)
{
    char login[200];
    struct omk_err err = {0};

    (void)state;
    memset(login, 'a', sizeof login);
    assert_int_equal(omk_login_check(login, sizeof login, &err), OMK_ERANGE);
    assert_non_null(strstr(err.text, "200 bytes"));
    assert_true(strlen(err.text) < 150);
}

static void domains(void **state)
{
    static const struct {
        const char *label, *text;
        size_t len;
        const char *out; /* NULL: refused */
    } cases[] = {
        {"plain", BYTES("example.jp"), "example.jp"},
        {"upper case", BYTES("EXAMPLE.jp"), "example.jp"},
        {"below localhost", BYTES("example.localhost"), "example.localhost"},
        {"three labels", BYTES("www2.example.co.jp"), "www2.example.co.jp"},
        {"Japanese", BYTES("日本語.jp"), "xn--wgv71a119e.jp"},
        {"full-width", BYTES("ＥＸＡＭＰＬＥ．jp"), "example.jp"},
        {"ideographic full stop", BYTES("日本語。jp"), "xn--wgv71a119e.jp"},
        {"sharp s stays one", BYTES("faß.de"), "xn--fa-hia.de"},
        {"punycode", BYTES("xn--wgv71a119e.jp"), "xn--wgv71a119e.jp"},
        {"bad punycode", BYTES("xn--\x80.jp"), NULL},
        {"with www.", BYTES("www.example.jp"), NULL},
        {"one label", BYTES("localhost"), NULL},
        {"empty", BYTES(""), NULL},
        {"dot", BYTES("."), NULL},
        {"empty label", BYTES("a..jp"), NULL},
        {"dot last", BYTES("example.jp."), NULL},
        {"dot first", BYTES(".example.jp"), NULL},
        {"an address", BYTES("192.0.2.1"), NULL},
        {"IPv6", BYTES("[::1]"), NULL},
        {"port", BYTES("example.jp:80"), NULL},
        {"full-width colon", BYTES("example.jp：80"), NULL},
        {"soft hyphen is nothing", BYTES("exam\xc2\xadple.jp"), "example.jp"},
        {"a slash in disguise", BYTES("example.jp／x"), NULL},
        {"star", BYTES("*.example.jp"), NULL},
        {"path", BYTES("example.jp/../x"), NULL},
        {"blank", BYTES("example jp.de"), NULL},
        {"newline", BYTES("example.jp\nListen 81"), NULL},
        {"NUL", BYTES("example.jp\0.de"), NULL},
        {"quote", BYTES("exa\"mple.jp"), NULL},
        {"underscore", BYTES("a_b.jp"), NULL},
        {"dash first", BYTES("-a.jp"), NULL},
        {"no UTF-8", BYTES("\xff\xfe.jp"), NULL},
        {"label of 64",
         BYTES(
             "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
             ".jp"),
         NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *out = NULL;
        struct omk_err err = {0};
        int rc =
            omk_domain_parse(pool, cases[i].text, cases[i].len, &out, &err);

        if ((rc == OMK_OK) != (cases[i].out != NULL)
            || (out && strcmp(out, cases[i].out) != 0)) {
            fail_msg("%s: %d %s (%s)", cases[i].label, rc, out ? out : "-",
                     err.text);
        }
    }
}

static void a_domain_of_250_bytes_is_refused(void **state)
{
    char text[260] = "";
    const char *out;

    (void)state;
    while (strlen(text) < 247) {
        strcat(text, "aaaaaaaaa.a.");
    }
    strcpy(text + 247, "jp");
    text[246] = '.';
    text[245] = 'a';
    assert_int_equal(strlen(text), 249);
    assert_int_equal(omk_domain_parse(pool, text, 249, &out, NULL), OMK_OK);
    strcpy(text + 247, "jpx");
    assert_int_equal(omk_domain_parse(pool, text, 250, &out, NULL), OMK_ERANGE);
}

static void databases(void **state)
{
    char name[OMK_DB_NAME_MAX + 1];

    (void)state;
    omk_db_user("ab-cdftp", name);
    assert_string_equal(name, "abcdftp"); /* P58 */
    omk_db_name("ab-cdftp", 1, name);
    assert_string_equal(name, "abcdftp01");
    omk_db_name("ab-cdftp", 6, name);
    assert_string_equal(name, "abcdftp06");
    omk_db_name("abcdefghijabcdefghijabcdefghij", 99, name);
    assert_string_equal(name, "abcdefghijabcdefghijabcdefghij99");
}

static void local_parts_and_docroots(void **state)
{
    static const struct {
        const char *text;
        int local, docroot;
    } cases[] = {
        {"info", OMK_OK, OMK_EINVAL},
        {"first.last", OMK_OK, OMK_EINVAL},
        {"a..b", OMK_EINVAL, OMK_EINVAL},
        {".a", OMK_EINVAL, OMK_EINVAL},
        {"a@b", OMK_EINVAL, OMK_EINVAL},
        {"", OMK_EINVAL, OMK_EINVAL},
        {"Info", OMK_EINVAL, OMK_EINVAL},
        {"web", OMK_OK, OMK_OK},
        {"web/", OMK_EINVAL, OMK_EINVAL},
        {"web/shop", OMK_EINVAL, OMK_OK},
        {"web/shop/Sub_1", OMK_EINVAL, OMK_OK},
        {"web/..", OMK_EINVAL, OMK_EINVAL},
        {"web/../log", OMK_EINVAL, OMK_EINVAL},
        {"web//x", OMK_EINVAL, OMK_EINVAL},
        {"web/.hidden", OMK_EINVAL, OMK_EINVAL},
        {"web/a b", OMK_EINVAL, OMK_EINVAL},
        {"web/a\"b", OMK_EINVAL, OMK_EINVAL},
        {"web/${X}", OMK_EINVAL, OMK_EINVAL},
        {"/web", OMK_EINVAL, OMK_EINVAL},
        {"website", OMK_OK, OMK_EINVAL},
        {"log", OMK_OK, OMK_EINVAL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t len = strlen(cases[i].text);

        if (omk_local_part_check(cases[i].text, len, NULL) != cases[i].local
            || omk_docroot_check(cases[i].text, len, NULL)
                   != cases[i].docroot) {
            fail_msg("%s", cases[i].text);
        }
    }
}

static void sizes(void **state)
{
    static const struct {
        const char *text;
        int rc;
        uint64_t size;
        const char *printed;
    } cases[] = {
        {"20G", OMK_OK, UINT64_C(20) << 30, "20G"},
        {"50M", OMK_OK, 50 << 20, "50M"},
        {"1024M", OMK_OK, 1 << 30, "1G"},
        {"1000", OMK_OK, 1000, "1000"},
        {"0", OMK_OK, 0, "0"},
        {"1048576T", OMK_OK, UINT64_C(1) << 60, "1048576T"},
        {"1048577T", OMK_EINVAL, 0, NULL},
        {"", OMK_EINVAL, 0, NULL},
        {"G", OMK_EINVAL, 0, NULL},
        {"-1G", OMK_EINVAL, 0, NULL},
        {"1.5G", OMK_EINVAL, 0, NULL},
        {"20 G", OMK_EINVAL, 0, NULL},
        {"20g", OMK_EINVAL, 0, NULL},
        {"99999999999999999999", OMK_EINVAL, 0, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t size = 0;
        int rc =
            omk_size_parse(cases[i].text, strlen(cases[i].text), &size, NULL);

        if (rc != cases[i].rc || size != cases[i].size) {
            fail_msg("%s", cases[i].text);
        }
        if (rc == OMK_OK) {
            assert_string_equal(omk_size_print(pool, size), cases[i].printed);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logins),
        cmocka_unit_test(two_hundred_characters_make_a_short_message),
        cmocka_unit_test(domains),
        cmocka_unit_test(a_domain_of_250_bytes_is_refused),
        cmocka_unit_test(databases),
        cmocka_unit_test(local_parts_and_docroots),
        cmocka_unit_test(sizes),
    };
    int failed;

    (void)apr_initialize();
    (void)apr_pool_create(&pool, NULL);
    failed = cmocka_run_group_tests_name("names", tests, NULL, NULL);
    apr_terminate();
    return failed;
}
