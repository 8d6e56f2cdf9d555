/* The usage log's lines, and the words of ISINDEX. */
#include "cmocka_first.h"
#include "isindex.h"
#include "json.h"
#include "log.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define NOON 1764072000 /* 2025-11-25T12:00:00Z */

static void a_line_of_a_run(void **state)
{
    struct cgiw_usage usage = {.login = "alice",
                               .uid = 1001,
                               .site = 2,
                               .run = 3,
                               .script = "/srv/a.cgi",
                               .wait_status = 3 << 8,
                               .wall_ms = 4,
                               .cpu_ms = 5,
                               .memory_bytes = 6};
    char line[CGIW_LOG_LINE_MAX];
    size_t len = cgiw_log_format(&usage, NOON, line, sizeof line);

    (void)state;
    line[len] = '\0';
    assert_string_equal(
        line, "{\"time\":\"2025-11-25T12:00:00Z\",\"login\":\"alice\","
              "\"uid\":1001,\"site\":2,\"script\":\"/srv/a.cgi\",\"run\":3,"
              "\"wall_ms\":4,\"cpu_ms\":5,\"memory_bytes\":6,\"exit\":3}\n");
    usage.wait_status = SIGXCPU;
    usage.code = CGIW_E15;
    len = cgiw_log_format(&usage, NOON, line, sizeof line);
    line[len] = '\0';
    assert_non_null(strstr(line, "\"signal\":24,\"code\":\"E15\"}\n"));
    usage.refused = 1;
    usage.code = CGIW_E01;
    len = cgiw_log_format(&usage, NOON, line, sizeof line);
    line[len] = '\0';
    assert_non_null(strstr(line, "\"run\":3,\"code\":\"E01\"}\n"));
    assert_null(strstr(line, "exit"));
}

/* A name can be anything but long; it must not make a second line. */
static void a_name_makes_no_line_of_its_own(void **state)
{
    struct cgiw_usage usage = {
        .login = "a",
        .script = "/\n\"},\\\t\x7f\xff\xe3\x81\x82\xc2\x9b\xc3\xed\xa0\x80"};
    char line[CGIW_LOG_LINE_MAX];
    size_t len = cgiw_log_format(&usage, NOON, line, sizeof line);

    (void)state;
    line[len] = '\0';
    assert_non_null(strstr(
        line, "\"script\":\"/\\u000a\\\"},\\\\\\u0009\\u007f\\ufffd\xe3\x81\x82"
              "\\u009b\\ufffd\\ufffd\\ufffd\\ufffd\","));
    assert_ptr_equal(strchr(line, '\n'), line + len - 1);
}

static void a_line_too_long_loses_the_name(void **state)
{
    struct cgiw_usage usage = {.login = "a"};
    char script[4096], line[CGIW_LOG_LINE_MAX], small[512];
    size_t len;

    (void)state;
    memset(script, '\n', sizeof script);
    script[sizeof script - 1] = '\0';
    usage.script = script;
    len = cgiw_log_format(&usage, NOON, line, sizeof line);
    assert_true(len > 6 * (sizeof script - 1)); /* the longest name fits */
    len = cgiw_log_format(&usage, NOON, small, sizeof small);
    assert_true(len > 0 && small[len - 1] == '\n');
}

static const struct {
    const char *query;
    size_t count;
    const char *words[4];
} queries[] = {
    {"", 0, {0}},
    {"a", 1, {"a"}},
    {"a+b", 2, {"a", "b"}},
    {"a++b", 3, {"a", "", "b"}},
    {"+", 2, {"", ""}},
    {"-d+x", 2, {"-d", "x"}},
    {"%41%2b%2B+%e3", 2, {"A++", "\xe3"}},
    {"a=b", 0, {0}},
    {"a+b=", 0, {0}},
    {"a%3Db", 1, {"a=b"}}, /* no "=" in the query itself, as the RFC has it */
    {"%", 0, {0}},
    {"%4", 0, {0}},
    {"%4g", 0, {0}},
    {"a%00b", 0, {0}},
};

static void words_of_a_query(void **state)
{
    char buf[CGIW_ISINDEX_BYTES_MAX], many[2 * CGIW_ISINDEX_WORDS_MAX + 1];
    const char *argv[CGIW_ISINDEX_WORDS_MAX];
    char *large = calloc(1, CGIW_ISINDEX_BYTES_MAX + 1);

    (void)state;
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        size_t n = cgiw_isindex(queries[i].query, buf, argv);

        if (n != queries[i].count) {
            fail_msg("%s: %zu", queries[i].query, n);
        }
        for (size_t k = 0; k < n; k++) {
            assert_string_equal(argv[k], queries[i].words[k]);
        }
    }
    memset(many, '+', sizeof many);
    many[CGIW_ISINDEX_WORDS_MAX - 1] = '\0';
    assert_int_equal(cgiw_isindex(many, buf, argv), CGIW_ISINDEX_WORDS_MAX);
    many[CGIW_ISINDEX_WORDS_MAX - 1] = '+';
    many[CGIW_ISINDEX_WORDS_MAX] = '\0';
    assert_int_equal(cgiw_isindex(many, buf, argv), 0);
    assert_non_null(large);
    memset(large, 'a', CGIW_ISINDEX_BYTES_MAX - 1);
    assert_int_equal(cgiw_isindex(large, buf, argv), 1);
    large[CGIW_ISINDEX_BYTES_MAX - 1] = 'a';
    assert_int_equal(cgiw_isindex(large, buf, argv), 0);
    free(large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_of_a_run),
        cmocka_unit_test(a_name_makes_no_line_of_its_own),
        cmocka_unit_test(a_line_too_long_loses_the_name),
        cmocka_unit_test(words_of_a_query),
    };

    return cmocka_run_group_tests_name("cgiw_log", tests, NULL, NULL);
}
