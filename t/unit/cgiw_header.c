#include "cmocka_first.h"
#include "header.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MORE = CGIW_HEADER_MORE,
    WHOLE = CGIW_HEADER_COMPLETE,
    BAD = CGIW_HEADER_BAD
};

#define CASE(label, text, state, body, fault, what)                            \
    {                                                                          \
        label, text, sizeof text - 1, state, body, fault, what                 \
    }

/* What httpd takes must be WHOLE. body: how much stands behind the header. */
static const struct {
    const char *label, *text;
    size_t len;
    int state;
    size_t body;
    int fault; /* when the output ends here */
    const char *what;
} answers[] = {
    CASE("usual", "Content-Type: text/html\n\n<p>", WHOLE, 3, 0, ""),
    CASE("CRLF", "Content-Type: text/html\r\n\r\n<p>", WHOLE, 3, 0, ""),
    CASE("mixed", "A: b\r\nContent-Type: text/html\n\r\n", WHOLE, 0, 0, ""),
    CASE("CR in the middle", "Content\r-Type: a\n\r\r\n", WHOLE, 0, 0, ""),
    CASE("no blank behind the colon", "Content-Type:text/html\n\n", WHOLE, 0, 0,
         ""),
    CASE("no header at all", "\n<p>", WHOLE, 3, 0, ""),
    CASE("an empty line with CR", "\r\n<p>", WHOLE, 3, 0, ""),
    CASE("status", "Status: 404 Not Found\n\n", WHOLE, 0, 0, ""),
    CASE("location", "Location: /x\n\n", WHOLE, 0, 0, ""),
    CASE("an empty value", "X-A:\n\n", WHOLE, 0, 0, ""),
    CASE("tab in a value", "X-A: a\tb\n\n", WHOLE, 0, 0, ""),
    CASE("bytes above ASCII in a value", "X-A: \xe3\x81\x82\n\n", WHOLE, 0, 0,
         ""),
    CASE("all of a name's marks", "!#$%&'*+-.^_`|~09: a\n\n", WHOLE, 0, 0, ""),
    CASE("control in a value that httpd makes anew",
         "Content-Type: text/html\1\nLast-Modified: \1\n\n", WHOLE, 0, 0, ""),
    CASE("a NUL ends the line's text", "X-A: b\0\1\n\n", WHOLE, 0, 0, ""),
    CASE("a NUL first is an empty line", "X-A: b\n\0junk\n<p>", WHOLE, 3, 0,
         ""),
    CASE("a fold with a colon is a name with a blank", "X-A: b\n c: d\n\n", BAD,
         0, CGIW_E11, " c: d"),
    CASE("a fold", "X-A: b\n c\n\n", BAD, 0, CGIW_E11, " c"),
    CASE("text", "Hello\n", BAD, 0, CGIW_E11, "Hello"),
    CASE("HTML", "<html>\n<head>\n", BAD, 0, CGIW_E11, "<html>"),
    CASE("HTML with a colon", "<a href=\"http://a/\">\n", BAD, 0, CGIW_E11,
         "<a href=\"http://a/\">"),
    CASE("a debugging line with a colon", "my value: 5\nContent-Type: a\n\n",
         BAD, 0, CGIW_E11, "my value: 5"),
    CASE("a blank before the colon", "Content-Type : text/html\n\n", BAD, 0,
         CGIW_E11, "Content-Type : text/html"),
    CASE("no name", ": a\n\n", BAD, 0, CGIW_E11, ": a"),
    CASE("text in the second line", "Content-Type: text/html\n<p>\n", BAD, 0,
         CGIW_E11, "<p>"),
    CASE("a colon behind a NUL", "X-A\0: b\n\n", BAD, 0, CGIW_E11, "X-A"),
    CASE("control in a value", "X-A: \033[31m\n\n", BAD, 0, CGIW_E11,
         "X-A: \033[31m"),
    CASE("DEL in a value", "X-A: \x7f\n\n", BAD, 0, CGIW_E11, "X-A: \x7f"),
    CASE("a name that is not ASCII", "\xe5\x90\x8d: b\n\n", BAD, 0, CGIW_E11,
         "\xe5\x90\x8d: b"),
    CASE("status without a number", "Status: OK\n\n", BAD, 0, CGIW_E11,
         "Status: OK"),
    CASE("the last status counts", "Status: x\nStatus: 200\n\n", WHOLE, 0, 0,
         ""),
    CASE("the last status counts, the other way round",
         "Status: 200\nStatus: x\nA: b\n\n", BAD, 0, CGIW_E11, "Status: x"),
    CASE("status 99", "Status: 99\n\n", BAD, 0, CGIW_E11, "Status: 99"),
    CASE("status 1000", "status: 1000\n\n", BAD, 0, CGIW_E11, "status: 1000"),
    CASE("status empty", "Status:\n\n", BAD, 0, CGIW_E11, "Status:"),
    CASE("nothing", "", MORE, 0, CGIW_E12, ""),
    CASE("CR alone", "\r", MORE, 0, CGIW_E12, ""),
    CASE("a line", "Content-Type: text/html\n", MORE, 0, CGIW_E12, ""),
    CASE("a line and a CR", "Content-Type: text/html\n\r", MORE, 0, CGIW_E12,
         ""),
    CASE("a line without its end", "Content-Type: text/html", MORE, 0, CGIW_E12,
         ""),
    CASE("text without its end", "Hello", MORE, 0, CGIW_E11, "Hello"),
    CASE("HTML without its end", "<a href=\"http://a/\">", MORE, 0, CGIW_E11,
         "<a href=\"http://a/\">"),
    CASE("text behind a line", "A: b\nHello", MORE, 0, CGIW_E11, "Hello"),
};

/* Gives the scanner the text in pieces of step bytes. */
static struct cgiw_header scan(const char *text, size_t len, size_t step,
                               bool unsafe)
{
    struct cgiw_header h;

    cgiw_header_init(&h, unsafe);
    for (size_t n = 0; n < len && h.state == CGIW_HEADER_MORE;) {
        enum cgiw_header_state now;

        n = n + step < len ? n + step : len;
        now = cgiw_header_scan(&h, text, n);
        assert_int_equal(now, h.state);
    }
    return h;
}

static void each_answer(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        size_t len = answers[i].len;
        char *text = malloc(len ? len : 1);

        assert_non_null(text);
        memcpy(text, answers[i].text, len);
        for (size_t step = 1; step <= len + 1; step++) {
            static struct cgiw_facts f;
            struct cgiw_header h = scan(text, len, step, false);
            int fault;

            memset(&f, 0, sizeof f);
            fault = cgiw_header_fault(&h, text, len, &f);
            if ((int)h.state != answers[i].state || fault != answers[i].fault
                || (int)f.code != fault
                || (h.state == CGIW_HEADER_COMPLETE
                    && len - h.body_at != answers[i].body)
                || strcmp(f.what, answers[i].what) != 0) {
                fail_msg("%s, by %zu: state %d, body at %zu, E%02d, '%s'",
                         answers[i].label, step, h.state, h.body_at, fault,
                         f.what);
            }
        }
        free(text);
    }
}

static const struct {
    const char *value;
    int status;
} statuses[] = {
    {"200", 200},   {" 200 OK", 200}, {"404 Not Found", 404}, {"100", 100},
    {"999", 999},   {"302", 302},     {"+201", 201},          {"00204", 204},
    {"\t500", 500}, {"200OK", 200},
};

static void each_status(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        char text[64];
        struct cgiw_header h;

        (void)snprintf(text, sizeof text, "Location: /\nSTATUS:%s\nA: b\n\n",
                       statuses[i].value);
        h = scan(text, strlen(text), 64, false);
        if (h.state != CGIW_HEADER_COMPLETE || h.status != statuses[i].status
            || !h.location || h.lines != 3) {
            fail_msg("%s: state %d, %d", statuses[i].value, h.state, h.status);
        }
    }
}

static void unsafe_names(void **state)
{
    struct cgiw_header h;

    (void)state;
    h = scan("a(b)\xe3\x81\x82: c\n\n", 13, 64, true);
    assert_int_equal(h.state, CGIW_HEADER_COMPLETE);
    h = scan("a b: c\n\n", 8, 64, true);
    assert_int_equal(h.state, CGIW_HEADER_BAD);
}

/* A line of n bytes, repeated; then the empty one. */
static char *lines_of(size_t n, size_t count, size_t *len)
{
    char *text = malloc(count * (n + 1) + 1);

    assert_non_null(text);
    memset(text, 'x', count * (n + 1));
    for (size_t i = 0; i < count; i++) {
        text[i * (n + 1) + 1] = ':';
        text[i * (n + 1) + n] = '\n';
    }
    *len = count * (n + 1) + 1;
    text[*len - 1] = '\n';
    return text;
}

static const struct {
    const char *label;
    size_t line, count;
    int state;
    uint64_t limit;
} longs[] = {
    {"httpd's longest line", CGIW_HEADER_LINE_MAX, 1, WHOLE, 0},
    {"one more byte", CGIW_HEADER_LINE_MAX + 1, 1, BAD, CGIW_HEADER_LINE_MAX},
    {"64 KB, the empty line included", 64, 1008, WHOLE, 0},
    {"more than 64 KB", 64, 1009, BAD, CGIW_HEADER_MAX},
};

static void limits(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof longs / sizeof *longs; i++) {
        static struct cgiw_facts f;
        size_t len;
        char *text = lines_of(longs[i].line, longs[i].count, &len);
        struct cgiw_header h = scan(text, len, 1000, false);
        int fault;

        memset(&f, 0, sizeof f);
        fault = cgiw_header_fault(&h, text, len, &f);
        if ((int)h.state != longs[i].state
            || (fault
                && (fault != CGIW_E11 || f.detail != CGIW_TOO_LONG
                    || f.limit != longs[i].limit || f.what[1] != ':'))) {
            fail_msg("%s: state %d, E%02d, detail %d, limit %llu",
                     longs[i].label, h.state, fault, f.detail,
                     (unsigned long long)f.limit);
        }
        free(text);
    }
}

/* 64 KB of an endless line: no byte behind them is looked at. */
static void endless(void **state)
{
    char *text = malloc(CGIW_HEADER_MAX);
    struct cgiw_header h;

    (void)state;
    assert_non_null(text);
    memset(text, '\r', CGIW_HEADER_MAX);
    cgiw_header_init(&h, false);
    assert_int_equal(cgiw_header_scan(&h, text, CGIW_HEADER_MAX - 1),
                     CGIW_HEADER_MORE);
    assert_int_equal(cgiw_header_scan(&h, text, CGIW_HEADER_MAX),
                     CGIW_HEADER_BAD);
    assert_int_equal(cgiw_header_scan(&h, text, SIZE_MAX), CGIW_HEADER_BAD);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_answer),  cmocka_unit_test(each_status),
        cmocka_unit_test(unsafe_names), cmocka_unit_test(limits),
        cmocka_unit_test(endless),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
