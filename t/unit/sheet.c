/* With --write it writes t/golden/sheet-* anew, for `make golden`. */
#include "cmocka_first.h"
#include "customer.h"
#include "file.h"
#include "node.h"
#include "sheet.h"

#include <apr_general.h>
#include <apr_strings.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static apr_pool_t *pool;
static bool write_golden;
static char dir[64]; /* etc_dir of the tests that have one */

static struct omk_node node;
static struct omk_customer customer;
static struct omk_sheet_options options;

static const char *const listen_80[] = {"0.0.0.0:80", NULL};
static const char *const listen_demo[] = {"127.0.0.1:8080", NULL};
static const char *const listen_both[] = {"0.0.0.0:443", "0.0.0.0:80", NULL};
static const char *const aliases[] = {"xn--wgv71a119e.jp"};
static const struct omk_domain domains[] = {
    {"example.co.jp", "web", aliases, 1},
    {"shop.example.jp", "web/shop", NULL, 0},
};
static const struct omk_mailbox boxes[] = {
    {"info", 50 << 20, NULL, true, 1},
    {"orders", 200 << 20, "logistics@example.com", true, 2},
    {"sales", 50 << 20, "a@example.com,b@example.com", false, 3},
};

/* What the manual promises, with every service. */
static int whole(void **state)
{
    (void)state;
    node = (struct omk_node){.host = "vds1.example.net",
                             .profile = OMK_PROFILE_MANUAL,
                             .etc_dir = dir,
                             .share = SHARE,
                             .listen = listen_80,
                             .phpmyadmin = "/usr/share/phpmyadmin",
                             .mysql_socket = "/run/mysqld/mysqld.sock"};
    customer = (struct omk_customer){.login = "ab-cdftp",
                                     .domains = domains,
                                     .domain_count = 2,
                                     .web_quota = (uint64_t)20 << 30,
                                     .mail_quota = 50 << 20,
                                     .databases = 6,
                                     .php = true,
                                     .cgi = true,
                                     .ssi = true,
                                     .counter = true,
                                     .note = "",
                                     .mailboxes = boxes,
                                     .mailbox_count = 3};
    options = (struct omk_sheet_options){.lang = "ja",
                                         .date = "2026-11-25",
                                         .address = "192.0.2.10",
                                         .ftp = 21,
                                         .pop3 = 110,
                                         .smtp = 25,
                                         .submission = 587};
    return 0;
}

static const char *sheet(void)
{
    struct omk_err err = {0};
    const char *out = NULL;

    if (omk_sheet_make(pool, &node, &customer, &options, &out, &err)) {
        fail_msg("%s: %s", err.where, err.text);
    }
    return out;
}

static int refused(struct omk_err *err)
{
    const char *out = NULL;
    int rc = omk_sheet_make(pool, &node, &customer, &options, &out, err);

    assert_null(out);
    return rc;
}

static int count(const char *in, const char *what)
{
    int n = 0;

    for (; (in = strstr(in, what)) != NULL; in++) {
        n++;
    }
    return n;
}

static void has(const char *in, const char *what)
{
    if (!strstr(in, what)) {
        fail_msg("'%s' is not in\n%s", what, in);
    }
}

static void has_not(const char *in, const char *what)
{
    if (strstr(in, what)) {
        fail_msg("'%s' is in\n%s", what, in);
    }
}

/* --- golden files ----------------------------------------------------------- */

static void as_it_was(void **state)
{
    static const struct {
        const char *lang;
        bool html;
    } cases[] = {{"ja", false}, {"ja", true}, {"en", false}, {"en", true}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *path =
            apr_psprintf(pool, GOLDEN "/sheet-%s.%s", cases[i].lang,
                         cases[i].html ? "html" : "txt");
        const char *now;
        struct omk_err err = {0};
        char *was;
        size_t len;

        options.lang = cases[i].lang;
        options.html = cases[i].html;
        now = sheet();
        if (write_golden) {
            assert_int_equal(0, omk_file_write(path, now, strlen(now), 0644,
                                               &err));
        }
        if (omk_file_read(path, 1 << 20, &was, &len, &err)) {
            fail_msg("%s: %s", err.where, err.text);
        }
        assert_string_equal(was, now);
        free(was);
    }
}

/* --- what stands there ------------------------------------------------------- */

/* P82, and what it names: P12, P15, P42, P50, P57, P58, P61, P66 to P69. */
static void it_lists_all_that_a_customer_needs(void **state)
{
    static const char *const all[] = {
        "ab-cdftp", "www.example.co.jp", "http://www.shop.example.jp/",
        "http://www.xn--wgv71a119e.jp/", "20 GB", "../../web", "/web",
        "/log/web.log", "abcdftp01, abcdftp02, abcdftp03, abcdftp04, abcdftp05, "
        "abcdftp06", "localhost", "http://www.example.co.jp/phpMyAdmin/",
        "http://vds1.example.net/phpMyAdmin/", "http://192.0.2.10/phpMyAdmin/",
        "http://www.shop.example.jp/phpMyAdmin/", "pop3.example.co.jp", "110",
        "smtp.example.co.jp", "587, 25", "SMTP AUTH", "PLAIN",
        "POP before SMTP", "20 MB", "50 MB", "info@example.co.jp",
        "200 MB", "logistics@example.com",
        "<img src=\"http://www.example.co.jp/cgi-bin/Count.cgi?"
        "df=www.example.co.jp|md=7|dd=A|st=1\" width=\"105\" height=\"20\"",
        "Count.cgi?display=clock|dd=A\" width=\"84\" height=\"20\"",
        "Count.cgi?display=date|dd=A\" width=\"142\" height=\"20\"",
        "/usr/bin/perl", "/usr/sbin/sendmail", "/usr/bin/php", "/usr/bin/nkf",
        "/usr/bin/htpasswd", "/usr/bin/uuencode", "/usr/bin/uudecode",
        "403 Forbidden", "404 Not Found", "500 Internal Server Error",
        "2026-11-25",
    };

    (void)state;
    for (int lang = 0; lang < 2; lang++) {
        options.lang = lang ? "en" : "ja";
        for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
            has(sheet(), all[i]);
        }
    }
}

static void what_is_not_there_is_not_spoken_of(void **state)
{
    (void)state;
    options.lang = "en";
    options.ftp = options.pop3 = options.smtp = options.submission = 0;
    has_not(sheet(), "FTP");
    has_not(sheet(), "pop3.");
    has_not(sheet(), "smtp.");
    has_not(sheet(), "Mailboxes");
    node.phpmyadmin = "";
    has_not(sheet(), "phpMyAdmin");
    has(sheet(), "[MySQL]");
    customer.databases = 0;
    has_not(sheet(), "[MySQL]");
    customer.counter = false;
    has_not(sheet(), "Count.cgi");
    customer.cgi = false;
    has(sheet(), "/usr/bin/perl");
    customer.php = false;
    has_not(sheet(), "/usr/bin/perl");
    customer.ssi = false;
    has_not(sheet(), ".shtml (SSI)");
    options.date = NULL;
    has_not(sheet(), "Issued");
}

static void ports_are_the_nodes_own(void **state)
{
    (void)state;
    node.listen = listen_demo;
    node.mysql_socket = "/d/run/omakase/mysqld.sock";
    options.address = omk_sheet_address(pool, &node);
    options.ftp = 2121;
    options.pop3 = 1110;
    options.smtp = 0;
    options.submission = 5870;
    assert_string_equal("127.0.0.1", options.address);
    has(sheet(), "http://www.example.co.jp:8080/\n");
    has(sheet(), "http://127.0.0.1:8080/phpMyAdmin/");
    has(sheet(), "src=\"http://www.example.co.jp:8080/cgi-bin/Count.cgi?");
    has(sheet(), "/d/run/omakase/mysqld.sock");
    has(sheet(), " 2121\n");
    has(sheet(), " 1110\n");
    has(sheet(), " 5870\n");
    options.address = "2001:db8::1";
    has(sheet(), "http://[2001:db8::1]:8080/phpMyAdmin/");
    node.listen = listen_both;
    has(sheet(), "http://[2001:db8::1]/phpMyAdmin/");
    options.address = NULL;
    assert_int_equal(4, count(sheet(), "/phpMyAdmin/"));
}

static void a_strict_node_wants_tls(void **state)
{
    (void)state;
    options.lang = "en";
    has_not(sheet(), "STARTTLS");
    node.profile = OMK_PROFILE_STRICT;
    assert_int_equal(2, count(sheet(), "with TLS (STARTTLS) only"));
    has_not(sheet(), "POP before SMTP");
}

static void a_password_stands_there_once_and_only_when_given(void **state)
{
    (void)state;
    has(sheet(), "この書類には記載しません");
    options.password = "Xk7-<b>&\"q'9";
    assert_int_equal(1, count(sheet(), "Xk7-<b>&\"q'9"));
    has_not(sheet(), "この書類には記載しません");
    options.html = true;
    assert_int_equal(1, count(sheet(), "Xk7-&lt;b&gt;&amp;&quot;q&#39;9"));
    has_not(sheet(), "Xk7-<");
    options.password = "a\nb";
    assert_int_equal(OMK_EINVAL, refused(NULL));
}

/* P80: the answer to an addition or a change. */
static void a_mailbox_has_a_sheet_of_its_own(void **state)
{
    struct omk_err err = {0};

    (void)state;
    options.lang = "en";
    options.mailbox = "Orders"; /* as in LOGIN.mail, whose case is nothing */
    options.password = "secret-9";
    has(sheet(), "orders@example.co.jp");
    has(sheet(), "200 MB, forwarded to logistics@example.com");
    has(sheet(), "pop3.example.co.jp");
    has(sheet(), "smtp.example.co.jp");
    assert_int_equal(1, count(sheet(), "secret-9"));
    has_not(sheet(), "ab-cdftp");
    has_not(sheet(), "info@");
    has_not(sheet(), "MySQL");
    options.mailbox = "nobody";
    assert_int_equal(OMK_ENOENT, refused(&err));
    has(err.text, "no such mailbox");
    options.mailbox = "orders";
    options.pop3 = options.smtp = options.submission = 0;
    assert_int_equal(OMK_ENOENT, refused(&err));
    has(err.text, "no mail");
}

/* --- the page ---------------------------------------------------------------- */

static void the_page_needs_nothing_else(void **state)
{
    const char *page;

    (void)state;
    options.html = true;
    page = sheet();
    has(page, "<!DOCTYPE html>\n<html lang=\"ja\">");
    has(page, "@page{size:A4");
    assert_int_equal(0, count(page, "<img"));
    assert_int_equal(0, count(page, "<link"));
    assert_int_equal(0, count(page, "<script"));
    assert_int_equal(0, count(page, "url("));
    assert_int_equal(0, count(page, "@import"));
    assert_int_equal(count(page, "<dd>"), count(page, "</dd>"));
    assert_int_equal(count(page, "<section"), count(page, "</section>"));
}

static void names_are_text_whatever_they_hold(void **state)
{
#define EVIL "\"'><script>alert(1)</script><img src=x onerror=alert(1)>&@login@"
    static const char *const evil_aliases[] = {"a" EVIL};
    static const struct omk_domain evil[] = {
        {"d" EVIL, "web/" EVIL, evil_aliases, 1}};
    static const struct omk_mailbox evil_box[] = {
        {"m" EVIL, 1, "f" EVIL, true, 1}};
    static const char *const evil_listen[] = {"1" EVIL ":1" EVIL, NULL};

    (void)state;
    options.html = true;
    customer.login = "l" EVIL;
    customer.domains = evil;
    customer.domain_count = 1;
    customer.mailboxes = evil_box;
    customer.mailbox_count = 1;
    customer.databases = 0; /* names of a fixed size */
    node.host = "h" EVIL;
    node.listen = evil_listen;
    node.mysql_socket = "/" EVIL;
    options.date = EVIL;
    options.address = EVIL;
    options.password = EVIL;
    has(sheet(), "l&quot;&#39;&gt;&lt;script&gt;");
    has_not(sheet(), "<script");
    has_not(sheet(), "<img");
    has_not(sheet(), "\"'>");
    /* a place in a value is text as well */
    has(sheet(), "&amp;@login@");
}

/* --- the operator's own ------------------------------------------------------ */

static int with_dir(void **state)
{
    (void)strcpy(dir, "/tmp/omk-sheet.XXXXXX");
    assert_non_null(mkdtemp(dir));
    assert_int_equal(0, mkdir(apr_pstrcat(pool, dir, "/sheet", NULL), 0755));
    return whole(state);
}

static int without_dir(void **state)
{
    static const char *const files[] = {"ja.texts", "fr.texts", "sheet.html"};

    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        (void)unlink(apr_pstrcat(pool, dir, "/sheet/", files[i], NULL));
    }
    assert_int_equal(0, rmdir(apr_pstrcat(pool, dir, "/sheet", NULL)));
    assert_int_equal(0, rmdir(dir));
    (void)strcpy(dir, "/nonexistent");
    return 0;
}

static void put(const char *name, const char *text)
{
    const char *path = apr_pstrcat(pool, dir, "/sheet/", name, NULL);

    assert_int_equal(0, omk_file_write(path, text, strlen(text), 0644, NULL));
}

static void an_operators_words_go_first(void **state)
{
    (void)state;
    put("ja.texts", "# ours\r\n\r\nprovider = みぎわ通信\r\n"
                    "contact = help@example.net, 03 <0000>\r\n"
                    "contact = @host@\r\nkeep =\r\n"
                    "alt-clock = \"now\"\r\n");
    has(sheet(), "alt=\"&quot;now&quot;\">");
    has(sheet(), "みぎわ通信\nhelp@example.net, 03 <0000>\nvds1.example.net\n");
    has(sheet(), "ログイン名");
    options.html = true;
    has(sheet(), "help@example.net, 03 &lt;0000&gt;<br>vds1.example.net");
    has_not(sheet(), "保管");
    put("sheet.html", "<title>@title@</title>@lang@ @domain@ @login@ @@ x@y.jp "
                      "@sections@@keep@");
    has(sheet(), "<title>example.co.jp 設定情報</title>ja example.co.jp "
                 "ab-cdftp @@ x@y.jp <section class=\"account\">");
}

static void a_third_language_is_a_file(void **state)
{
    (void)state;
    put("fr.texts", "title = Réglages de @domain@\npassword = Mot de passe\n");
    options.lang = "fr";
    has(sheet(), "Réglages de example.co.jp\n");
    has(sheet(), "Mot de passe");
    has(sheet(), "Login name");
}

static void errors_name_the_file_and_the_line(void **state)
{
    static const struct {
        const char *label, *file, *text, *where, *says;
    } cases[] = {
        {"no key", "ja.texts", "\nwhat?\n", "/sheet/ja.texts:2",
         "expected KEY = WORDS"},
        {"unknown key", "ja.texts", "titel = x\n", "/sheet/ja.texts:1",
         "'titel' is no text"},
        {"unknown place", "ja.texts", "title = @domian@\n", "title",
         "no place '@domian@'"},
        {"unknown place in the page", "sheet.html", "<p>@x@", "/sheet/sheet.html",
         "no place '@x@'"},
    };

    (void)state;
    options.html = true;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct omk_err err = {0};

        put("ja.texts", "");
        put(cases[i].file, cases[i].text);
        if (refused(&err) != OMK_EINVAL || !strstr(err.where, cases[i].where)
            || !strstr(err.text, cases[i].says)) {
            fail_msg("%s: %s: %s", cases[i].label, err.where, err.text);
        }
    }
}

static void a_language_is_a_name(void **state)
{
    static const char *const bad[] = {"", "x", "../ja", "/etc", "JA", "ja.texts",
                                      "xx", "abcdefghi", "j\na"};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct omk_err err = {0};

        options.lang = bad[i];
        assert_int_equal(OMK_ENOENT, refused(&err));
        assert_string_equal("--lang", err.where);
    }
}

#define CASE(f) cmocka_unit_test_setup(f, whole)
#define DIR_CASE(f) cmocka_unit_test_setup_teardown(f, with_dir, without_dir)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        CASE(as_it_was),
        CASE(it_lists_all_that_a_customer_needs),
        CASE(what_is_not_there_is_not_spoken_of),
        CASE(ports_are_the_nodes_own),
        CASE(a_strict_node_wants_tls),
        CASE(a_password_stands_there_once_and_only_when_given),
        CASE(a_mailbox_has_a_sheet_of_its_own),
        CASE(the_page_needs_nothing_else),
        CASE(names_are_text_whatever_they_hold),
        DIR_CASE(an_operators_words_go_first),
        DIR_CASE(a_third_language_is_a_file),
        DIR_CASE(errors_name_the_file_and_the_line),
        CASE(a_language_is_a_name),
    };
    int rc;

    write_golden = argc > 1 && !strcmp(argv[1], "--write");
    (void)strcpy(dir, "/nonexistent");
    if (apr_initialize() != APR_SUCCESS
        || apr_pool_create(&pool, NULL) != APR_SUCCESS) {
        return 1;
    }
    rc = cmocka_run_group_tests_name("settings sheet", tests, NULL, NULL);
    apr_terminate();
    return rc;
}
