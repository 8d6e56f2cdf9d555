/* The combined format, and what a log says in numbers. */
#include "cmocka_first.h"
#include "combined.h"
#include "summary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool same(struct weblog_text t, const char *s)
{
    return t.len == strlen(s) && !memcmp(t.s, s, t.len);
}

/* From an allocation of just its size. */
static bool parse(const char *line, struct weblog_combined *c)
{
    static char *exact;
    size_t len = strlen(line);

    free(exact);
    exact = malloc(len ? len : 1);
    assert_non_null(exact);
    memcpy(exact, line, len);
    return weblog_combined_parse(exact, len, c);
}

static void all_fields(void **state)
{
    struct weblog_combined c;

    (void)state;
    assert_true(parse("203.0.113.7 - alice [10/Oct/2000:13:55:36 +0900] \"GET "
                      "/a/b.html?x=1&y HTTP/1.0\" 200 2326 "
                      "\"http://e.example/?q=\\\"\" \"Mozilla (X; \\\"y\\\")\"",
                      &c));
    assert_true(same(c.host, "203.0.113.7"));
    assert_true(same(c.user, "alice"));
    assert_true(same(c.method, "GET"));
    assert_true(same(c.path, "/a/b.html"));
    assert_true(same(c.referer, "http://e.example/?q=\\\""));
    assert_true(same(c.agent, "Mozilla (X; \\\"y\\\")"));
    assert_int_equal(c.year, 2000);
    assert_int_equal(c.month, 10);
    assert_int_equal(c.day, 10);
    assert_int_equal(c.hour, 13);
    assert_int_equal(c.status, 200);
    assert_int_equal(c.bytes, 2326);
}

#define TIME "[01/Jan/2026:00:00:00 +0000]"

static void odd_ones(void **state)
{
    static const struct {
        const char *line, *user, *path;
    } cases[] = {
        {"h - - " TIME " \"-\" 408 -", "-", "-"},
        {"h - - " TIME " \"\" 400 226 \"-\" \"-\"", "-", "-"},
        {"h - - " TIME " \"GET / HTTP/1.1\" 200 0", "-", "/"},
        {"h - - " TIME " \"GET /\" 200 0 \"-\" \"-\"", "-", "/"},
        {"h - - " TIME " \"GET ?q HTTP/1.1\" 400 0 \"-\" \"-\"", "-", "-"},
        {"h - a b " TIME " \"GET /x HTTP/1.1\" 401 0 \"-\" \"-\"", "a b", "/x"},
        {"h - a [b] " TIME " \"GET /x HTTP/1.1\" 401 0 \"-\" \"-\"", "a [b]",
         "/x"},
        {"::1 - \"\" " TIME " \"\\x16\\x03\\\"\" 400 0 \"-\" \"-\"", "\"\"",
         "-"},
        {"h - - " TIME " \"GET /[...3000-bytes-cut...]a HTTP/1.1\" 414 9 \"-\" "
         "\"-\"",
         "-", "/[...3000-bytes-cut...]a"},
    };
    struct weblog_combined c;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (!parse(cases[i].line, &c) || !same(c.user, cases[i].user)
            || !same(c.path, cases[i].path)) {
            fail_msg("%s", cases[i].line);
        }
    }
}

static void no_lines(void **state)
{
    static const char *const cases[] = {
        "",
        "h",
        "h - - \"GET / HTTP/1.1\" 200 0",
        "h - - [01/Xxx/2026:00:00:00 +0000] \"GET /\" 200 0",
        "h - - [00/Jan/2026:00:00:00 +0000] \"GET /\" 200 0",
        "h - - [01/Jan/2026:24:00:00 +0000] \"GET /\" 200 0",
        "h - - " TIME " GET / 200 0",
        "h - - " TIME " \"GET /\" 20 0",
        "h - - " TIME " \"GET /\" 2000 0",
        "h - - " TIME " \"GET /\" 200",
        "h - - " TIME " \"GET /\" 200 x",
        "h - - " TIME " \"GET /\" 200 1234567890123456789012",
        "h - - " TIME " \"GET /\" 200 0 \"open",
        "h - - " TIME " \"GET /\" 200 0 \"-\"",
        "h - - " TIME " \"GET /\" 200 0 \"-\" \"-\" more",
        "h - - " TIME " \"GET /\\\" 200 0 \"-\" \"-\"",
        " - - " TIME " \"GET /\" 200 0",
    };
    struct weblog_combined c;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (parse(cases[i], &c)) {
            fail_msg("'%s'", cases[i]);
        }
    }
}

/* --- numbers ------------------------------------------------------------- */

static struct weblog_summary *s;

static int start(void **state)
{
    (void)state;
    s = weblog_summary_new(12345);
    return s ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    weblog_summary_free(s);
    return 0;
}

static void say(const char *host, const char *date, const char *path,
                int status, unsigned bytes)
{
    char line[1024];
    int n = snprintf(line, sizeof line,
                     "%s - - [%s:10:00:00 +0900] \"GET %s HTTP/1.1\" %d %u "
                     "\"-\" \"-\"",
                     host, date, path, status, bytes);

    weblog_summary_line(s, line, (size_t)n);
}

static void days_and_their_numbers(void **state)
{
    const struct weblog_day *days, *all;
    size_t n;

    (void)state;
    say("192.0.2.1", "02/Jan/2026", "/", 200, 100);
    say("192.0.2.1", "02/Jan/2026", "/x.png", 200, 50);
    say("192.0.2.2", "02/Jan/2026", "/", 304, 10);
    say("192.0.2.1", "31/Dec/2025", "/none", 404, 1);
    say("192.0.2.1", "31/Dec/2025", "/secret", 403, 1);
    say("192.0.2.1", "31/Dec/2025", "/a.cgi", 500, 1);
    weblog_summary_line(s, "what", 4);
    weblog_summary_line(s, "h\0", 2);
    days = weblog_summary_days(s, &n);
    assert_int_equal(n, 2);
    assert_int_equal(days[0].year, 2025);
    assert_int_equal(days[0].hits, 3);
    assert_int_equal(days[0].visitors, 1);
    assert_int_equal(days[0].pages, 0);
    assert_int_equal(days[0].missing, 1);
    assert_int_equal(days[0].refused, 1);
    assert_int_equal(days[0].failed, 1);
    assert_int_equal(days[1].day, 2);
    assert_int_equal(days[1].hits, 3);
    assert_int_equal(days[1].pages, 2);
    assert_int_equal(days[1].visitors, 2);
    assert_int_equal(days[1].bytes, 160);
    all = weblog_summary_total(s);
    assert_int_equal(all->hits, 6);
    assert_int_equal(all->visitors, 2);
    assert_int_equal(all->bytes, 163);
    assert_int_equal(weblog_summary_unread(s), 2);
    assert_false(weblog_summary_full(s));
    /* More after the results were asked for. */
    say("192.0.2.9", "02/Jan/2026", "/", 200, 1);
    days = weblog_summary_days(s, &n);
    assert_int_equal(n, 2);
    assert_int_equal(days[1].visitors, 3);
}

static void top_pages(void **state)
{
    struct weblog_page top[3];

    (void)state;
    assert_int_equal(weblog_summary_top(s, top, 3), 0);
    for (int i = 0; i < 5; i++) {
        say("h", "02/Jan/2026", "/five.html", 200, 1);
        say("h", "02/Jan/2026", "/style.css", 200, 1);
        if (i < 3) {
            say("h", "02/Jan/2026", "/three/", 200, 1);
        }
        if (i < 2) {
            say("h", "02/Jan/2026", "/b.php?x=1", 200, 1);
            say("h", "02/Jan/2026", "/a.shtml", 200, 1);
        }
    }
    say("h", "02/Jan/2026", "/one", 200, 1);
    say("h", "02/Jan/2026", "/five.html2", 404, 1);
    assert_int_equal(weblog_summary_top(s, top, 0), 0);
    assert_int_equal(weblog_summary_top(s, top, 3), 3);
    assert_string_equal(top[0].path, "/five.html");
    assert_int_equal(top[0].hits, 5);
    assert_string_equal(top[1].path, "/three/");
    assert_string_equal(top[2].path, "/a.shtml");
}

static void memory_has_an_end(void **state)
{
    struct weblog_page top[1];
    char path[64], date[32];
    size_t n;

    (void)state;
    for (int i = 0; i < WEBLOG_PAGES_MAX + 10; i++) {
        (void)snprintf(path, sizeof path, "/%d.html", i);
        say("h", "02/Jan/2026", path, 200, 1);
    }
    assert_true(weblog_summary_full(s));
    assert_int_equal(weblog_summary_total(s)->pages, WEBLOG_PAGES_MAX + 10);
    assert_int_equal(weblog_summary_top(s, top, 1), 1);
    for (int i = 0; i < WEBLOG_DAYS_MAX + 10; i++) {
        (void)snprintf(date, sizeof date, "%02d/Feb/%04d", i % 28 + 1,
                       1000 + i / 28);
        say("h", date, "/", 200, 1);
    }
    (void)weblog_summary_days(s, &n);
    assert_int_equal(n, WEBLOG_DAYS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_fields),
        cmocka_unit_test(odd_ones),
        cmocka_unit_test(no_lines),
        cmocka_unit_test_setup_teardown(days_and_their_numbers, start, end),
        cmocka_unit_test_setup_teardown(top_pages, start, end),
        cmocka_unit_test_setup_teardown(memory_has_an_end, start, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
