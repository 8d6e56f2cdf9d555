/* Lines between mod_weblog and omakase-weblog. */
#include "cmocka_first.h"
#include "line.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char line[WEBLOG_LINE_MAX + 1];

/* Makes it of parts up to NULL; the length. */
static size_t make(const char *login, const char *const *parts)
{
    size_t lengths[128], n = 0, len;

    for (; parts[n]; n++) {
        lengths[n] = strlen(parts[n]);
    }
    len = weblog_line_make(line, login, WEBLOG_ACCESS, parts, lengths, n);
    assert_in_range(len, 1, WEBLOG_LINE_MAX);
    assert_int_equal(line[len - 1], '\n');
    assert_ptr_equal(memchr(line, '\n', len), line + len - 1);
    line[len] = '\0';
    return len;
}

static char *repeat(const char *what, size_t times)
{
    size_t len = strlen(what);
    char *s = malloc(len * times + 1);

    assert_non_null(s);
    for (size_t i = 0; i < times; i++) {
        memcpy(s + i * len, what, len);
    }
    s[len * times] = '\0';
    return s;
}

static void it_fits_a_pipe(void **state)
{
    (void)state;
    assert_int_equal(WEBLOG_LINE_MAX, PIPE_BUF);
}

static void logins(void **state)
{
    static const struct {
        const char *s;
        bool is;
    } cases[] = {
        {"ab-cdftp", true},
        {"ab", true},
        {"a", false},
        {"", false},
        {"-ab", false},
        {"ab-", false},
        {"a--b", false},
        {"1ab", false},
        {"Ab", false},
        {"a/b", false},
        {"..", false},
        {"a.b", false},
        {"a b", false},
        {"a1-2", true},
        {"a\n", false},
        {"abcdefghijklmnopqrstuvwxyz0123", true},
        {"abcdefghijklmnopqrstuvwxyz01234", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (weblog_is_login(cases[i].s, strlen(cases[i].s)) != cases[i].is) {
            fail_msg("%s", cases[i].s);
        }
    }
}

static void short_ones_stay_as_they_are(void **state)
{
    const char *const parts[] = {"192.0.2.1", " - - ", "x", "\n", NULL};
    const char *const open[] = {"no ", "newline", NULL};
    const char *const none[] = {NULL};

    (void)state;
    make("ab-cdftp", parts);
    assert_string_equal(line, "ab-cdftp a 192.0.2.1 - - x\n");
    make("ab", open);
    assert_string_equal(line, "ab a no newline\n");
    make("ab", none);
    assert_string_equal(line, "ab a \n");
}

static void nothing_of_a_visitor_begins_a_line(void **state)
{
    const char *const parts[] = {"GET /\nevil a forged\r\n", "\x1b[2J\x7f\t",
                                 "\n", NULL};

    (void)state;
    make("ab", parts);
    assert_string_equal(line, "ab a GET /?evil a forged???[2J?\t\n");
}

static void the_longest_is_shortened_in_its_middle(void **state)
{
    char *path = repeat("abcdefghi/", 900), *agent = repeat("x", 300);
    const char *const parts[] = {"192.0.2.1 - - \"GET /",
                                 path,
                                 " HTTP/1.1",
                                 "\" 200 5 \"",
                                 agent,
                                 "\"\n",
                                 NULL};
    size_t len = make("ab", parts);

    (void)state;
    assert_in_range(len, WEBLOG_LINE_MAX - 60, WEBLOG_LINE_MAX);
    assert_non_null(strstr(line, "ab a 192.0.2.1 - - \"GET /abcdefghi/abc"));
    assert_non_null(strstr(line, "-bytes-cut...]"));
    assert_non_null(strstr(line, "abcdefghi/ HTTP/1.1\" 200 5 \"xxx"));
    assert_non_null(strstr(line, agent)); /* whole */
    free(path);
    free(agent);
}

/* What is said to be cut, and what is left, are what was there. */
static void the_mark_counts(void **state)
{
    char *path = repeat("a", 9000);
    const char *const parts[] = {path, "\n", NULL};
    unsigned long cut;
    const char *mark;

    (void)state;
    make("ab", parts);
    mark = strstr(line, "[...");
    assert_non_null(mark);
    cut = strtoul(mark + 4, NULL, 10);
    assert_int_equal(strlen(line) - strlen("ab a \n")
                         - strlen("[...5000-bytes-cut...]") + cut,
                     9000);
    free(path);
}

static void two_long_ones_share(void **state)
{
    char *a = repeat("a", 8000), *b = repeat("b", 8000);
    const char *const parts[] = {a, "|", b, "\n", NULL};
    size_t len, as = 0, bs = 0;

    (void)state;
    len = make("ab", parts);
    for (size_t i = 5; i < len; i++) {
        as += line[i] == 'a';
        bs += line[i] == 'b';
    }
    assert_in_range(as, 1900, 2100);
    assert_in_range(bs, 1900, 2100);
    free(a);
    free(b);
}

/* A cut escape would leave its backslash to the closing quote. */
static void no_escape_is_cut(void **state)
{
    static const char *const what[] = {"\\\"", "\\x1b", "\\\\", "a\\\"",
                                       "ab\\xff"};

    (void)state;
    for (size_t k = 0; k < sizeof what / sizeof *what; k++) {
        for (size_t shift = 0; shift < 5; shift++) {
            char *body = repeat(what[k], 3000);
            char *shifted = repeat("z", shift);
            const char *const parts[] = {shifted, "\"", body, "\"\n", NULL};
            const char *s;

            make("ab", parts);
            s = strchr(line, '"') + 1;
            while (*s && *s != '"') {
                s += *s != '\\' ? 1 : s[1] == 'x' ? 4 : 2;
            }
            assert_string_equal(s, "\"\n");
            free(body);
            free(shifted);
        }
    }
}

static void many_parts_are_cut_at_the_end(void **state)
{
    char *bit = repeat("y", 50);
    const char *parts[121];

    (void)state;
    for (size_t i = 0; i < 120; i++) {
        parts[i] = bit;
    }
    parts[120] = NULL;
    assert_int_equal(make("ab", parts), WEBLOG_LINE_MAX);
    assert_non_null(strstr(line, "yyy[...cut...]\n"));
    free(bit);
}

/* Just not, just, and just not any more too long. */
static void the_limit_is_exact(void **state)
{
    (void)state;
    for (size_t n = WEBLOG_LINE_MAX - 8; n <= WEBLOG_LINE_MAX; n++) {
        char *body = repeat("q", n);
        const char *const parts[] = {body, "\n", NULL};
        bool fits = strlen("ab a ") + n + 1 <= WEBLOG_LINE_MAX;

        make("ab", parts);
        assert_int_equal(!strstr(line, "cut"), fits);
        free(body);
    }
}

static void what_is_made_is_read(void **state)
{
    const char *const parts[] = {"text e of it\n", NULL};
    struct weblog_line got;
    size_t len = make("ab-cdftp", parts);

    (void)state;
    assert_true(weblog_line_parse(line, len - 1, &got));
    assert_int_equal(got.login_len, 8);
    assert_memory_equal(got.login, "ab-cdftp", 8);
    assert_int_equal(got.kind, WEBLOG_ACCESS);
    assert_int_equal(got.text_len, 12);
    assert_memory_equal(got.text, "text e of it", 12);
    assert_true(weblog_line_parse("ab e ", 5, &got));
    assert_int_equal(got.kind, WEBLOG_ERROR);
    assert_int_equal(got.text_len, 0);
}

static void strangers_are_no_lines(void **state)
{
    static const char *const cases[] = {
        "",
        "ab",
        "ab ",
        "ab a",
        "ab x line",
        "ab  a line",
        " ab a line",
        "../ab a line",
        "ab/.. a line",
        "[Tue Nov] [core:error] text",
        "Ab a line",
        "abcdefghijklmnopqrstuvwxyz01234 a line",
        "ab aline"};
    struct weblog_line got;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t len = strlen(cases[i]);
        char *exact = malloc(len ? len : 1); /* ASan sees beyond its end */

        assert_non_null(exact);
        memcpy(exact, cases[i], len);
        if (weblog_line_parse(exact, len, &got)) {
            fail_msg("'%s'", cases[i]);
        }
        free(exact);
    }
}

/* --- the stream ---------------------------------------------------------- */

static char seen[4096];

static void collect(void *ctx, const char *s, size_t len)
{
    assert_ptr_equal(ctx, seen);
    (void)snprintf(seen + strlen(seen), sizeof seen - strlen(seen), "<%.*s>",
                   (int)len, s);
}

/* Fed in pieces of n bytes into a buffer of size. */
static const char *split(const char *text, size_t n, size_t size)
{
    struct weblog_split s;
    char *buf = malloc(size);
    size_t left = strlen(text);

    assert_non_null(buf);
    seen[0] = '\0';
    weblog_split_init(&s, buf, size);
    while (left) {
        size_t room, now;
        char *to = weblog_split_room(&s, &room);

        assert_in_range(room, 1, size);
        now = n < left ? n : left;
        now = now < room ? now : room;
        memcpy(to, text, now);
        text += now;
        left -= now;
        weblog_split_feed(&s, now, collect, seen);
    }
    weblog_split_end(&s, collect, seen);
    free(buf);
    return seen;
}

static void lines_however_they_come(void **state)
{
    (void)state;
    for (size_t n = 1; n < 20; n++) {
        assert_string_equal(split("one\ntwo\n\nthree\nfour", n, 16),
                            "<one><two><><three><four>");
    }
}

static void a_line_that_is_too_long_is_cut(void **state)
{
    (void)state;
    for (size_t n = 1; n < 40; n++) {
        assert_string_equal(split("a\n0123456789abcdef\nb\n", n, 8),
                            "<a><01234567><b>");
    }
    assert_string_equal(split("01234567", 3, 8), "<01234567>");
    assert_string_equal(split("01234567\nx\n", 8, 8), "<01234567><x>");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_fits_a_pipe),
        cmocka_unit_test(logins),
        cmocka_unit_test(short_ones_stay_as_they_are),
        cmocka_unit_test(nothing_of_a_visitor_begins_a_line),
        cmocka_unit_test(the_longest_is_shortened_in_its_middle),
        cmocka_unit_test(the_mark_counts),
        cmocka_unit_test(two_long_ones_share),
        cmocka_unit_test(no_escape_is_cut),
        cmocka_unit_test(many_parts_are_cut_at_the_end),
        cmocka_unit_test(the_limit_is_exact),
        cmocka_unit_test(what_is_made_is_read),
        cmocka_unit_test(strangers_are_no_lines),
        cmocka_unit_test(lines_however_they_come),
        cmocka_unit_test(a_line_that_is_too_long_is_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
