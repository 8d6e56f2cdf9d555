#include "cmocka_first.h"
#include "err.h"
#include "node.h"

#include <apr_general.h>
#include <stdio.h>
#include <string.h>

static apr_pool_t *pool;

static int parse(const char *text, struct omk_node *n, struct omk_err *err)
{
    memset(err, 0, sizeof *err);
    return omk_node_parse(pool, "/r", "/etc/omakase.conf", text, strlen(text),
                          n, err);
}

static void an_empty_file_has_every_default(void **state)
{
    struct omk_node n;
    struct omk_err err;

    (void)state;
    assert_int_equal(parse("", &n, &err), OMK_OK);
    assert_string_equal(n.customers_dir, "/r/etc/omakase/customers.d");
    assert_string_equal(n.state_dir, "/r/var/lib/omakase");
    assert_string_equal(n.srv_dir, "/r/srv/omakase");
    assert_string_equal(n.mysql_socket, "/r/run/omakase/mysql/mysqld.sock");
    assert_string_equal(n.listen[0], "0.0.0.0:80");
    assert_null(n.listen[1]);
    assert_int_equal(n.uid_min, 20000);
    assert_int_equal(n.uid_max, 29999);
    assert_int_equal(n.databases, 6);               /* P57 */
    assert_true(n.web_quota == UINT64_C(20) << 30); /* P8 */
    assert_true(n.mail_quota == 50 << 20);          /* P72 */
    assert_int_equal(n.profile, OMK_PROFILE_MANUAL);
    assert_int_equal(n.cgi.cpu_s, 30); /* P43 */
    assert_int_equal(n.cgi.wall_s, 120);
    assert_true(n.cgi.memory == 256 << 20 && n.cgi.output == 1 << 30);
    assert_true(n.cgi.symlinks && !n.cgi.strict && !n.cgi.exec_cmd);
    assert_null(n.cgi.diagnostics[0]);
}

static void what_is_said_holds(void **state)
{
    struct omk_node n;
    struct omk_err err;

    (void)state;
    assert_int_equal(
        parse("# the node\n"
              "host = \"server.example.jp\"\nprofile = strict\nkeep = 3\n"
              "httpd { listen = {\"127.0.0.1:8080\", \"[::1]:8080\"}\n"
              "mpm = prefork }\n"
              "users { uid_min = 30000 uid_max = 30010 }\n"
              "defaults { web_quota = \"1G\" databases = 2 }\n"
              "cgi { cpu = 0 memory = \"64M\" strict = on exec_cmd = on\n"
              "diagnostics = {\"192.0.2.7\", \"2001:db8::/32\"} }\n"
              "paths { share = \"/x/share\" }\n",
              &n, &err),
        OMK_OK);
    assert_string_equal(n.host, "server.example.jp");
    assert_int_equal(n.profile, OMK_PROFILE_STRICT);
    assert_string_equal(n.listen[1], "[::1]:8080");
    assert_null(n.listen[2]);
    assert_string_equal(n.mpm, "prefork");
    assert_int_equal(n.uid_max, 30010);
    assert_true(n.web_quota == 1 << 30);
    assert_int_equal(n.keep, 3);
    assert_string_equal(n.share, "/x/share");
    assert_int_equal(n.cgi.cpu_s, 0);
    assert_int_equal(n.cgi.wall_s, 120);
    assert_true(n.cgi.memory == 64 << 20 && n.cgi.strict && n.cgi.exec_cmd);
    assert_string_equal(n.cgi.diagnostics[0], "192.0.2.7");
    assert_string_equal(n.cgi.diagnostics[1], "2001:db8::/32");
    assert_null(n.cgi.diagnostics[2]);
}

static void errors_name_line_and_what_was_expected(void **state)
{
    static const struct {
        const char *label, *text;
        unsigned line;
        const char *says;
    } cases[] = {
        {"unknown option", "host = \"a.jp\"\nhots = \"x\"\n", 2, "hots"},
        {"unknown section", "\nfoo { a = 1 }\n", 2, "foo"},
        {"bad profile", "profile = relaxed\n", 1, "manual or strict"},
        {"bad port", "httpd {\n listen = {\"127.0.0.1:99999\"}\n}\n", 2,
         "ADDRESS:PORT"},
        {"no port", "httpd {\n listen = {\"127.0.0.1\"}\n}\n", 2,
         "ADDRESS:PORT"},
        {"directive in listen", "httpd {\n listen = {\"x\\nFoo:80\"}\n}\n", 2,
         "ADDRESS:PORT"},
        {"bad size", "defaults {\n\n web_quota = \"viel\"\n}\n", 3, "20G"},
        {"below comments", "# one\n/* two\nthree */ keep = 3 # x\nfoo = 1\n", 4,
         "foo"},
        {"no number", "keep = many\n", 1, "integer"},
        {"out of range", "keep = 1\n", 1, "2 to 1000"},
        {"relative path", "paths {\n share = \"share\"\n}\n", 2,
         "absolute path"},
        {"quote in a path", "paths {\n share = \"/a\\\"b\"\n}\n", 2,
         "absolute path"},
        {"environment", "\nhost = \"${HOME}\"\n", 2, "environment"},
        {"host", "host = \"a b\"\n", 1, "no domain"},
        {"section left open", "keep = 3\nhttpd {\n mpm = event\n", 2,
         "without its '}'"},
        {"quote left open", "keep = 3\nhost = \"a.jp\n\n", 2, "does not end"},
        {"comment left open", "\n/* x\n\n", 2, "does not end"},
        {"brace too many", "keep = 3\n}\n", 2, "without its '{'"},
        {"uid upside down", "users { uid_min = 3000 uid_max = 2000 }\n", 0,
         "uid_min is above uid_max"},
        {"cgi: seconds", "cgi {\n cpu = -1\n}\n", 2,
         "0 (no limit) to 86400 seconds of CPU"},
        {"cgi: processes", "cgi { processes = 10001 }\n", 1,
         "to 10000 processes"},
        {"cgi: no size", "cgi {\n\n memory = \"much\"\n}\n", 3, "20G"},
        {"cgi: too little", "cgi { memory = \"256\" }\n", 1, "16M and more"},
        {"cgi: no address", "cgi { diagnostics = {\"office\"} }\n", 1,
         "192.0.2.7"},
        {"cgi: a directive for an address",
         "cgi { diagnostics = {\"1.2.3.4\\nX\"} }\n", 1, "192.0.2.7"},
        {"cgi: no net", "cgi { diagnostics = {\"192.0.2.0/33\"} }\n", 1,
         "192.0.2.7"},
        {"nowhere to listen", "httpd { listen = {} }\n", 0, "ADDRESS:PORT"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct omk_node n;
        struct omk_err err;
        char where[64];
        int rc = parse(cases[i].text, &n, &err);

        (void)snprintf(where, sizeof where, "/etc/omakase.conf:%u",
                       cases[i].line);
        if (rc == OMK_OK || (cases[i].line && strcmp(err.where, where) != 0)
            || strncmp(err.where, "/etc/omakase.conf", 17) != 0
            || !strstr(err.text, cases[i].says)) {
            fail_msg("%s: %d %s: %s", cases[i].label, rc, err.where, err.text);
        }
    }
}

static void a_nul_byte_is_refused(void **state)
{
    struct omk_node n;
    struct omk_err err = {0};

    (void)state;
    assert_int_equal(
        omk_node_parse(pool, "", "f", "keep = 3\n\0keep = 4\n", 19, &n, &err),
        OMK_EINVAL);
    assert_string_equal(err.where, "f:2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_file_has_every_default),
        cmocka_unit_test(what_is_said_holds),
        cmocka_unit_test(errors_name_line_and_what_was_expected),
        cmocka_unit_test(a_nul_byte_is_refused),
    };
    int failed;

    (void)apr_initialize();
    (void)apr_pool_create(&pool, NULL);
    failed = cmocka_run_group_tests_name("node", tests, NULL, NULL);
    apr_terminate();
    return failed;
}
