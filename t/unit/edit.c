#include "cmocka_first.h"
#include "edit.h"

#include <apr_general.h>
#include <string.h>

static apr_pool_t *pool;

static const char file[] = "# our best customer\n"
                           "domain \"a.jp\" { aliases = {\"b.jp\"} } # main\n"
                           "\n"
                           "suspended = true  # not paid\n"
                           "domain '日本語.jp' {\n"
                           "    # the shop; domain \"x.jp\" {} is no section\n"
                           "    docroot = \"web/}shop\"\n"
                           "} # second\n"
                           "php = on";

static void values(void **state)
{
    static const struct {
        const char *label, *text, *name, *value, *out;
    } cases[] = {
        {"replaced", "a = 1\nb = 2 # x\n", "b", "3", "a = 1\nb = 3 # x\n"},
        {"new", "a = 1\n", "b", "3", "a = 1\nb = 3\n"},
        {"no newline at the end", "a = 1", "b", "3", "a = 1\nb = 3\n"},
        {"empty", "", "b", "3", "b = 3\n"},
        {"only in a comment", "# b = 1\n", "b", "3", "# b = 1\nb = 3\n"},
        {"only in a section", "s { b = 1 }\n", "b", "3",
         "s { b = 1 }\nb = 3\n"},
        {"only in a string", "a = \"b = 1\"\n", "b", "3",
         "a = \"b = 1\"\nb = 3\n"},
        {"a list", "b = {1, 2}\n", "b", "{3}", "b = {3}\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *out =
            omk_edit_set(pool, cases[i].text, cases[i].name, cases[i].value);

        if (strcmp(out, cases[i].out) != 0) {
            fail_msg("%s: %s", cases[i].label, out);
        }
    }
}

static void domains(void **state)
{
    const char *out;

    (void)state;
    out = omk_edit_remove_domain(pool, file, "a.jp");
    assert_non_null(out);
    assert_true(!strncmp(out, "# our best customer\n\nsuspended", 30));
    assert_null(strstr(out, "# main"));
    out = omk_edit_remove_domain(pool, file, "xn--wgv71a119e.jp");
    assert_non_null(strstr(out, "suspended = true  # not paid\nphp = on"));
    assert_null(omk_edit_remove_domain(pool, file, "x.jp"));
    out = omk_edit_rename_domain(pool, file, "a.jp", "c.jp");
    assert_non_null(
        strstr(out, "\ndomain \"c.jp\" { aliases = {\"b.jp\"} } # main\n"));
    out = omk_edit_add_domain(pool, file, "d.jp", "web/d");
    assert_non_null(
        strstr(out, "php = on\ndomain \"d.jp\" { docroot = \"web/d\" }\n"));
}

static void mailboxes(void **state)
{
    const char *text = "# ours\n info quota=1G # x\ninfo2\n";

    (void)state;
    assert_string_equal(omk_edit_remove_mailbox(pool, text, "info"),
                        "# ours\ninfo2\n");
    assert_string_equal(omk_edit_remove_mailbox(pool, text, "info2"),
                        "# ours\n info quota=1G # x\n");
    assert_null(omk_edit_remove_mailbox(pool, text, "ours"));
    assert_null(omk_edit_remove_mailbox(pool, text, "inf"));
    assert_string_equal(omk_edit_add_mailbox(pool, "a", "b"), "a\nb\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values),
        cmocka_unit_test(domains),
        cmocka_unit_test(mailboxes),
    };
    int failed;

    (void)apr_initialize();
    (void)apr_pool_create(&pool, NULL);
    failed = cmocka_run_group_tests_name("edit", tests, NULL, NULL);
    apr_terminate();
    return failed;
}
