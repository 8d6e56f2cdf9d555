#include "cmocka_first.h"
#include "customer.h"
#include "files.h"
#include "node.h"

#include <apr_general.h>
#include <apr_strings.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static apr_pool_t *pool;
static struct omk_node node;

static int parse(const char *text, struct omk_customer *c, struct omk_err *err)
{
    memset(err, 0, sizeof *err);
    return omk_customer_parse(pool, &node, "ab-cdftp", "/d/ab-cdftp.conf", text,
                              strlen(text), c, err);
}

static void a_domain_is_enough(void **state)
{
    struct omk_customer c;
    struct omk_err err;

    (void)state;
    assert_int_equal(parse("domain \"Example.jp\" {}\n", &c, &err), OMK_OK);
    assert_string_equal(c.login, "ab-cdftp");
    assert_int_equal(c.domain_count, 1);
    assert_string_equal(c.domains[0].name, "example.jp");
    assert_string_equal(c.domains[0].docroot, "web");
    assert_true(c.php && c.cgi && c.ssi && c.counter && !c.suspended);
    assert_true(c.web_quota == node.web_quota);
    assert_int_equal(c.databases, 6);
    assert_true(omk_cgi_equal(&c.cgi_options, &node.cgi));
}

static void what_is_said_holds(void **state)
{
    struct omk_customer c;
    struct omk_err err;

    (void)state;
    assert_int_equal(
        parse("# first\n"
              "domain \"example.jp\" { aliases = {\"日本語.jp\"} }\n"
              "domain \"shop.example.jp\" { docroot = \"web/shop\" }"
              "\nweb_quota = \"1G\"\ndatabases = 0\nphp = off\n"
              "cgi_options { wall = 600 memory = \"1G\" unsafe_inc = on }\n"
              "suspended = true\nnote = \"山田様\"\n",
              &c, &err),
        OMK_OK);
    assert_int_equal(c.domain_count, 2);
    assert_string_equal(c.domains[0].aliases[0], "xn--wgv71a119e.jp");
    assert_string_equal(c.domains[1].docroot, "web/shop");
    assert_true(c.web_quota == 1 << 30);
    assert_int_equal(c.databases, 0);
    assert_true(!c.php && c.suspended);
    assert_string_equal(c.note, "山田様");
    assert_int_equal(c.cgi_options.wall_s, 600);
    assert_true(c.cgi_options.memory == 1 << 30 && c.cgi_options.unsafe_inc);
    assert_int_equal(c.cgi_options.cpu_s, node.cgi.cpu_s);
}

static void errors_name_line_and_what_was_expected(void **state)
{
    static const struct {
        const char *label, *text;
        unsigned line;
        const char *says;
    } cases[] = {
        {"nothing", "", 0, "expected 1 to"},
        {"no domain", "php = on\n", 0, "expected 1 to"},
        {"bad domain", "\ndomain \"-x\" {}\n", 2, "no domain"},
        {"newline in a domain", "domain \"a.jp\\nListen 1\" {}\n", 1,
         "control character"},
        {"www", "domain \"www.a.jp\" {}\n", 1, "without www."},
        {"bad alias", "domain \"a.jp\" {\n aliases = {\"b.jp\",\n \"..\"}\n}\n",
         3, "no domain"},
        {"docroot", "domain \"a.jp\" {\n docroot = \"web/../log\" }\n", 2,
         "web/SUB"},
        {"twice", "domain \"a.jp\" {}\ndomain \"A.jp\" {}\n", 0, "twice"},
        {"twice by alias", "domain \"a.jp\" { aliases = {\"a.jp\"} }\n", 0,
         "twice"},
        {"misspelt", "domain \"a.jp\" {}\nphpp = on\n", 2, "phpp"},
        {"no switch", "domain \"a.jp\" {}\nphp = maybe\n", 2, "php"},
        {"databases", "domain \"a.jp\" {}\ndatabases = 100\n", 2, "0 to 99"},
        {"quota", "domain \"a.jp\" {}\nweb_quota = \"lots\"\n", 2, "20G"},
        {"cgi_options", "domain \"a.jp\" {}\ncgi_options { wall = 100000 }\n",
         2, "0 (no limit) to 86400 seconds"},
        {"note of two lines", "domain \"a.jp\" {}\nnote = \"a\\nb\"\n", 2,
         "one line"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct omk_customer c;
        struct omk_err err;
        char where[64];
        int rc = parse(cases[i].text, &c, &err);

        (void)snprintf(where, sizeof where, "/d/ab-cdftp.conf:%u",
                       cases[i].line);
        if (rc == OMK_OK || (cases[i].line && strcmp(err.where, where) != 0)
            || strncmp(err.where, "/d/ab-cdftp.conf", 16) != 0
            || !strstr(err.text, cases[i].says)) {
            fail_msg("%s: %d %s: %s", cases[i].label, rc, err.where, err.text);
        }
    }
}

/* --- the directory -------------------------------------------------------- */

static char dir[64];

static void put(const char *name, const char *text)
{
    FILE *f = fopen(apr_pstrcat(pool, dir, "/", name, NULL), "w");

    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static int make_dir(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/omakase-customers-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    (void)state;
    return system(apr_pstrcat(pool, "rm -r ", dir, NULL));
}

static struct omk_customers *load(void)
{
    struct omk_customers *all;
    struct omk_err err;

    assert_int_equal(omk_customers_load(pool, &node, dir, &all, &err), OMK_OK);
    return all;
}

static void one_bad_file_stops_nobody_else(void **state)
{
    struct omk_customers *all;
    const struct omk_customer_entry *e;

    (void)state;
    put("aaa.conf", "domain \"a.jp\" {}\n");
    put("bbb.conf", "domain \"b.jp\" {}\nnonsense\n");
    put("ccc.conf", "domain \"c.jp\" {}\n");
    put("ccc.mail", "info\n");
    put("ccc.httpd.conf", "Header set X 1\n");
    put("ccc.conf~", "x");
    put(".ccc.conf", "x");
    put("root.conf", "domain \"r.jp\" {}\n");
    all = load();
    assert_int_equal(all->count, 4);
    assert_non_null(omk_customers_find(all, "aaa")->customer);
    e = omk_customers_find(all, "bbb");
    assert_null(e->customer);
    assert_non_null(strstr(e->err.where, "/bbb.conf:"));
    e = omk_customers_find(all, "ccc");
    assert_int_equal(e->customer->mailbox_count, 1);
    assert_string_equal(e->customer->include.data, "Header set X 1\n");
    e = omk_customers_find(all, "root");
    assert_null(e->customer);
    assert_non_null(strstr(e->err.where, "/root.conf"));
    assert_null(omk_customers_find(all, "ccc.httpd"));
}

static void a_wrong_mail_file_is_the_customers_error(void **state)
{
    const struct omk_customer_entry *e;

    (void)state;
    put("aaa.conf", "domain \"a.jp\" {}\n");
    put("aaa.mail", "x y\n");
    e = omk_customers_find(load(), "aaa");
    assert_null(e->customer);
    assert_non_null(strstr(e->err.where, "/aaa.mail:1"));
}

/* What root is told to do must not be another's to write. */
static void a_file_of_anothers_is_refused(void **state)
{
    static const struct {
        const char *label, *make, *says;
    } cases[] = {
        {"a link", "mv aaa.conf x; ln -s x aaa.conf", "symbolic link"},
        {"a broken link", "rm aaa.conf; ln -s no aaa.conf", "symbolic link"},
        {"a directory", "rm aaa.conf; mkdir aaa.conf", "not a regular file"},
        {"a fifo", "rm aaa.conf; mkfifo aaa.conf", "not a regular file"},
        {"the group's", "chmod 0660 aaa.conf", "mode 660"},
        {"everybody's", "chmod 0646 aaa.conf", "mode 646"},
        {"mailboxes by link", "ln -s aaa.conf aaa.mail", "symbolic link"},
        {"everybody's mailboxes", "touch aaa.mail; chmod 666 aaa.mail",
         "mode 666"},
        {"an include by link", "ln -s /etc/passwd aaa.httpd.conf",
         "symbolic link"},
        {"everybody's include",
         "touch aaa.httpd.conf; chmod 622 aaa.httpd.conf", "mode 622"},
        {"another's", "chown 33 aaa.conf", "belongs to uid 33"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct omk_customer_entry *e;

        if (geteuid() != 0 && !strncmp(cases[i].make, "chown", 5)) {
            continue;
        }
        put("aaa.conf", "domain \"a.jp\" {}\n");
        assert_int_equal(
            system(apr_pstrcat(pool, "cd ", dir, " && chmod 600 aaa.conf && ",
                               cases[i].make, NULL)),
            0);
        e = omk_customers_find(load(), "aaa");
        if (!e || e->customer || e->err.code != OMK_EDENIED
            || !strstr(e->err.text, cases[i].says)) {
            fail_msg("%s: %s", cases[i].label, e ? e->err.text : "no entry");
        }
        assert_int_equal(system(apr_pstrcat(pool, "rm -r ", dir, "/*", NULL)),
                         0);
    }
}

/* As a plan reads what was applied. */
static void who_has_the_same_files_is_shared(void **state)
{
    struct omk_files *f = omk_files_new(pool);
    struct omk_customers *declared, *applied;

    (void)state;
    put("aaa.conf", "domain \"a.jp\" {}\n");
    put("bbb.conf", "domain \"b.jp\" {}\n");
    put("ccc.conf", "domain \"c.jp\" {}\n");
    put("ccc.mail", "");
    declared = load();
    omk_files_add_text(f, "x/aaa.conf", "domain \"a.jp\" {}\n");
    omk_files_add_text(f, "x/bbb.conf", "domain \"b.jp\" {}\n");
    omk_files_add_text(f, "x/bbb.httpd.conf", "Header set X 1\n");
    omk_files_add_text(f, "x/ccc.conf", "domain \"c.jp\" {}\n");
    omk_files_add_text(f, "x/ddd.conf", "nonsense\n");
    omk_files_add_text(f, "y/eee.conf", "domain \"e.jp\" {}\n");
    omk_files_sort(f);
    applied = omk_customers_of(pool, &node, f, "x/", "/there", declared);
    assert_int_equal(applied->count, 4);
    assert_ptr_equal(omk_customers_find(applied, "aaa")->customer,
                     omk_customers_find(declared, "aaa")->customer);
    /* an include more, a mailbox list less */
    assert_string_equal(
        omk_customers_find(applied, "bbb")->customer->include.data,
        "Header set X 1\n");
    assert_null(omk_customers_find(declared, "bbb")->customer->include.data);
    assert_null(omk_customers_find(applied, "ccc")->customer->mail.data);
    assert_string_equal(omk_customers_find(applied, "ddd")->err.where,
                        "/there/ddd.conf:1");
}

static void what_one_has_no_other_gets(void **state)
{
    struct omk_customers *all, *applied;

    (void)state;
    put("bbb.conf", "domain \"b.jp\" {}\n");
    applied = load();
    put("aaa.conf", "domain \"a.jp\" { aliases = {\"b.jp\"} }\n");
    all = load();
    omk_customers_settle(pool, all, NULL);
    assert_non_null(omk_customers_find(all, "aaa")->customer);
    assert_null(omk_customers_find(all, "bbb")->customer);
    all = load();
    omk_customers_settle(pool, all, applied); /* who has it keeps it */
    assert_null(omk_customers_find(all, "aaa")->customer);
    assert_non_null(omk_customers_find(all, "bbb")->customer);
    assert_string_equal(omk_customers_find(all, "aaa")->err.text,
                        "domain b.jp belongs to customer bbb");
}

static void logins_that_a_dash_tells_apart_collide(void **state)
{
    struct omk_customers *all;

    (void)state;
    put("ab-cdftp.conf", "domain \"a.jp\" {}\n");
    put("abcdftp.conf", "domain \"b.jp\" {}\n");
    all = load();
    omk_customers_settle(pool, all, NULL);
    assert_non_null(omk_customers_find(all, "ab-cdftp")->customer);
    assert_null(omk_customers_find(all, "abcdftp")->customer);
    assert_non_null(strstr(omk_customers_find(all, "abcdftp")->err.text,
                           "customer ab-cdftp's (abcdftp01, ...)"));
}

int main(void)
{
#define DIR_CASE(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_domain_is_enough),
        cmocka_unit_test(what_is_said_holds),
        cmocka_unit_test(errors_name_line_and_what_was_expected),
        DIR_CASE(one_bad_file_stops_nobody_else),
        DIR_CASE(a_wrong_mail_file_is_the_customers_error),
        DIR_CASE(a_file_of_anothers_is_refused),
        DIR_CASE(who_has_the_same_files_is_shared),
        DIR_CASE(what_one_has_no_other_gets),
        DIR_CASE(logins_that_a_dash_tells_apart_collide),
    };
    int failed;

    (void)apr_initialize();
    (void)apr_pool_create(&pool, NULL);
    if (omk_node_parse(pool, "", "f", "", 0, &node, NULL)) {
        return 1;
    }
    failed = cmocka_run_group_tests_name("customer", tests, NULL, NULL);
    apr_terminate();
    return failed;
}
