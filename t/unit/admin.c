/* What omakase-counter imports and exports. */
#include "cmocka_first.h"
#include "admin_datafile.h"
#include "admin_entries.h"
#include "admin_json.h"
#include "err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- data files of WWW Count --------------------------------------------- */

#define BYTES(s) s, sizeof s - 1

static const struct {
    const char *label;
    const char *in;
    size_t len;
    int rc;
    uint64_t count;
    const char *address, *says;
} files[] = {
    {"as it is", BYTES("1024:192.0.2.7$"), OMK_OK, 1024, "192.0.2.7", ""},
    {"a newline behind", BYTES("7:10.0.0.1$\n"), OMK_OK, 7, "10.0.0.1", ""},
    {"rest of a longer address", BYTES("8:10.0.0.1$100.100$"), OMK_OK, 8,
     "10.0.0.1", ""},
    {"IPv6", BYTES("9:2001:db8::1$"), OMK_OK, 9, "2001:db8::1", ""},
    {"what X-Forwarded-For said", BYTES("9:unknown, 10.0.0.1$"), OMK_OK, 9,
     "unknown, 10.0.0.1", ""},
    {"no address", BYTES("9:$"), OMK_OK, 9, "", ""},
    {"old form", BYTES("12\n"), OMK_OK, 12, "", ""},
    {"old form, DOS", BYTES("12\r\n"), OMK_OK, 12, "", ""},
    {"old form, no line end", BYTES("12"), OMK_OK, 12, "", ""},
    {"zero", BYTES("0:10.0.0.1$"), OMK_OK, 0, "10.0.0.1", ""},
    {"leading zeros", BYTES("000012\n"), OMK_OK, 12, "", ""},
    {"18 digits", BYTES("999999999999999999\n"), OMK_OK, COUNTER_VALUE_MAX,
     "", ""},
    {"19 digits", BYTES("1000000000000000000\n"), OMK_ERANGE, 0, NULL,
     "18 digits"},
    {"beyond 64 bits", BYTES("99999999999999999999:1$"), OMK_ERANGE, 0, NULL,
     "18 digits"},
    {"empty", BYTES(""), OMK_EINVAL, 0, NULL, "is empty"},
    {"a line end alone", BYTES("\n"), OMK_EINVAL, 0, NULL, "number"},
    {"no number", BYTES(":10.0.0.1$"), OMK_EINVAL, 0, NULL, "number"},
    {"negative", BYTES("-1:10.0.0.1$"), OMK_EINVAL, 0, NULL, "number"},
    {"blank in front", BYTES(" 1:10.0.0.1$"), OMK_EINVAL, 0, NULL, "number"},
    {"cut in the address", BYTES("12:10.0"), OMK_EINVAL, 0, NULL, "cut short"},
    {"cut behind the colon", BYTES("12:"), OMK_EINVAL, 0, NULL, "cut short"},
    {"something else behind", BYTES("12;10.0.0.1$"), OMK_EINVAL, 0, NULL,
     "behind its"},
    {"two numbers", BYTES("12\n13\n"), OMK_EINVAL, 0, NULL, "behind its"},
    {"line end in the address", BYTES("12:10.0\n.1$"), OMK_EINVAL, 0, NULL,
     "line end"},
    {"NUL", BYTES("12\0"), OMK_EINVAL, 0, NULL, "0x00 at 3"},
    {"NUL in the address", BYTES("12:10\0.1$"), OMK_EINVAL, 0, NULL,
     "0x00 at 6"},
    {"escape", BYTES("12:\033[2J$"), OMK_EINVAL, 0, NULL, "0x1b at 4"},
    {"EUC-JP", BYTES("12:\xc6\xfc$"), OMK_EINVAL, 0, NULL, "0xc6 at 4"},
    {"63 bytes of address",
     BYTES("1:"
           "123456789012345678901234567890123456789012345678901234567890123$"),
     OMK_OK, 1,
     "123456789012345678901234567890123456789012345678901234567890123", ""},
    {"64 bytes of address",
     BYTES("1:"
           "1234567890123456789012345678901234567890123456789012345678901234$"),
     OMK_ERANGE, 0, NULL, "too long"},
};

static int parse_exactly(const char *in, size_t len,
                         struct counter_datafile *out, struct omk_err *err)
{
    char *exact = malloc(len ? len : 1);
    int rc;

    assert_non_null(exact);
    memcpy(exact, in, len);
    rc = counter_datafile_parse(exact, len, out, err);
    free(exact);
    return rc;
}

static void data_files(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct counter_datafile out = {.count = 42, .address = "x"};
        struct omk_err err = {0};
        int rc = parse_exactly(files[i].in, files[i].len, &out, &err);

        if (rc != files[i].rc || !strstr(err.text, files[i].says)
            || out.count != (rc ? 42 : files[i].count)
            || strcmp(out.address, rc ? "x" : files[i].address) != 0) {
            fail_msg("%s: rc %d, %llu, '%s', '%s'", files[i].label, rc,
                     (unsigned long long)out.count, out.address, err.text);
        }
    }
}

static void a_long_file_is_none(void **state)
{
    char digits[COUNTER_DATAFILE_MAX + 1];
    struct counter_datafile out;
    struct omk_err err;

    (void)state;
    memset(digits, '0', sizeof digits);
    assert_int_equal(
        parse_exactly(digits, COUNTER_DATAFILE_MAX, &out, &err), OMK_OK);
    assert_int_equal(
        parse_exactly(digits, COUNTER_DATAFILE_MAX + 1, &out, &err),
        OMK_ERANGE);
}

/* --- names and lists ----------------------------------------------------- */

static void names(void **state)
{
    static const struct {
        const char *name;
        bool is;
    } cases[] = {
        {"ab-cdftp", true},
        {"www.example.co.jp", true},
        {"A_1.b", true},
        {"a/page~1.html", true},
        {"", false},
        {"/", false},
        {"a/", false},
        {"/a", false},
        {"a/b/c", false},
        {"a b", false},
        {"a\n", false},
        {"a~b", false},
        {"\xe3\x81\x82", false},
        {"1234567890123456789012345678901234567890123456789012345678901234",
         true},
        {"12345678901234567890123456789012345678901234567890123456789012345",
         false},
        {"1234567890123456789012345678901234567890123456789012345678901234/"
         "123456789012345",
         true},
        {"1234567890123456789012345678901234567890123456789012345678901234/"
         "1234567890123456",
         false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (counter_entry_is_name(cases[i].name) != cases[i].is) {
            fail_msg("'%s'", cases[i].name);
        }
    }
}

static void add(struct counter_entries *all, const char *name, uint64_t count,
                int64_t time)
{
    struct counter_entry e = {.value = {.count = count, .time = time},
                              .from = strdup("f")};

    strcpy(e.name, name);
    assert_int_equal(counter_entries_add(all, &e), OMK_OK);
}

static const char *order_of(const struct counter_entries *all)
{
    static char line[200];

    *line = '\0';
    for (size_t i = 0; i < all->count; i++) {
        strcat(line, all->list[i].name);
    }
    return line;
}

static void orders(void **state)
{
    struct counter_entries all = {0};

    (void)state;
    counter_entries_sort(&all, COUNTER_BY_NAME);
    add(&all, "b", 5, 30);
    add(&all, "c", 9, 10);
    add(&all, "a", 5, 20);
    counter_entries_sort(&all, COUNTER_BY_NAME);
    assert_string_equal(order_of(&all), "abc");
    counter_entries_sort(&all, COUNTER_BY_COUNT);
    assert_string_equal(order_of(&all), "cab");
    counter_entries_sort(&all, COUNTER_BY_TIME);
    assert_string_equal(order_of(&all), "bac");
    counter_entries_free(&all);
}

static void told(void *ctx, const struct counter_entry *gone,
                 const struct counter_entry *stays)
{
    assert_string_equal(gone->name, stays->name);
    assert_true(gone->value.count <= stays->value.count);
    ++*(int *)ctx;
}

static void of_one_name_the_highest_stays(void **state)
{
    struct counter_entries all = {0};
    int gone = 0;

    (void)state;
    add(&all, "b", 5, 0);
    add(&all, "a", 1, 0);
    add(&all, "b", 9, 0);
    add(&all, "b", 7, 0);
    counter_entries_unite(&all, told, &gone);
    assert_int_equal(gone, 2);
    assert_string_equal(order_of(&all), "ab");
    assert_int_equal(all.list[1].value.count, 9);
    counter_entries_free(&all);
}

/* --- JSON ---------------------------------------------------------------- */

static char *written(const struct counter_json_head *head,
                     const struct counter_entries *all)
{
    char *text = NULL;
    size_t len;
    FILE *f = open_memstream(&text, &len);

    assert_non_null(f);
    assert_int_equal(counter_json_write(f, head, all), OMK_OK);
    assert_int_equal(fclose(f), 0);
    return text;
}

static int read_exactly(const char *text, struct counter_json_head *head,
                        struct counter_entries *all, struct omk_err *err)
{
    size_t len = strlen(text);
    char *exact = malloc(len ? len : 1);
    int rc;

    assert_non_null(exact);
    memcpy(exact, text, len);
    rc = counter_json_read(exact, len, head, all, err);
    free(exact);
    return rc;
}

static void json_goes_round(void **state)
{
    struct counter_json_head head = {COUNTER_VISITOR_PLAIN,
                                     UINT64_C(0x0123456789abcdef)};
    struct counter_json_head back = {0};
    struct counter_entries all = {0}, read = {0};
    struct omk_err err = {0};
    struct counter_entry e = {
        .name = "a/b~c",
        .value = {COUNTER_VALUE_MAX, UINT64_MAX, UINT32_MAX, UINT32_MAX,
                  UINT32_MAX, UINT32_MAX}};
    char *text;

    (void)state;
    assert_int_equal(counter_entries_add(&all, &e), OMK_OK);
    e = (struct counter_entry){.name = "z",
                               .value = {1, 2, 3, 4, 5, 6}};
    assert_int_equal(counter_entries_add(&all, &e), OMK_OK);
    text = written(&head, &all);
    if (read_exactly(text, &back, &read, &err) != OMK_OK) {
        fail_msg("%s: %s in %s", err.where, err.text, text);
    }
    assert_int_equal(back.visitors, head.visitors);
    assert_true(back.key_id == head.key_id);
    assert_int_equal(read.count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_string_equal(read.list[i].name, all.list[i].name);
        assert_memory_equal(&read.list[i].value, &all.list[i].value,
                            sizeof e.value);
    }
    free(text);
    counter_entries_free(&all);
    counter_entries_free(&read);
}

#define HEAD                                                                   \
    "{\"format\":\"omakase-counter\",\"version\":1,\"visitors\":\"hashed\","   \
    "\"key_id\":\"0123456789abcdef\",\"counters\":"
#define ONE                                                                    \
    "{\"name\":\"a\",\"count\":1,\"visitor\":\"0000000000000001\","            \
    "\"time\":1,\"day\":1,\"today\":1,\"yesterday\":1"

static const struct {
    const char *label, *text;
    int rc;
    const char *where, *says;
} documents[] = {
    {"no counters", HEAD "[]}", OMK_OK, "", ""},
    {"one", HEAD "[" ONE "}]}", OMK_OK, "", ""},
    {"a later field", HEAD "[" ONE ",\"unique\":3}],\"more\":1}", OMK_OK, "",
     ""},
    {"nothing", "", OMK_EINVAL, "1", "JSON"},
    {"cut short", HEAD "[\n" ONE "}", OMK_EINVAL, "2", "JSON"},
    {"a list", "[]", OMK_EINVAL, "", "format"},
    {"another format", "{\"format\":\"x\"}", OMK_EINVAL, "", "format"},
    {"a later version", "{\"format\":\"omakase-counter\",\"version\":2}",
     OMK_EVERSION, "", "version"},
    {"no list", HEAD "{}}", OMK_EINVAL, "", "list"},
    {"no name", HEAD "[{}]}", OMK_EINVAL, "", "name"},
    {"NUL in a name", HEAD "[{\"name\":\"a\\u0000b\"}]}", OMK_EINVAL, "1",
     "JSON"},
    {"a bad name", HEAD "[{\"name\":\"a b\"}]}", OMK_EINVAL, "", "name"},
    {"a group's name", HEAD "[{\"name\":\"a/\"}]}", OMK_EINVAL, "", "name"},
    {"no visitor",
     HEAD "[{\"name\":\"a\",\"count\":1,\"time\":1,\"day\":1,\"today\":1,"
          "\"yesterday\":1}]}",
     OMK_EINVAL, "a", "visitor"},
    {"negative", HEAD "[{\"name\":\"a\",\"count\":-1}]}", OMK_ERANGE, "a",
     "count"},
    {"too high", HEAD "[{\"name\":\"a\",\"count\":1000000000000000000}]}",
     OMK_ERANGE, "a", "count"},
    {"a string", HEAD "[{\"name\":\"a\",\"count\":\"1\"}]}", OMK_EINVAL, "a",
     "count"},
    {"a real", HEAD "[{\"name\":\"a\",\"count\":1.0}]}", OMK_EINVAL, "a",
     "count"},
    {"second bad", HEAD "[" ONE "},{\"name\":\"b\"}]}", OMK_EINVAL, "b",
     "count"},
    {"a key twice", HEAD "[" ONE ",\"count\":2}]}", OMK_EINVAL, "1", "JSON"},
};

static void json_documents(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof documents / sizeof *documents; i++) {
        struct counter_entries all = {0};
        struct counter_json_head head;
        struct omk_err err = {0};
        int rc;

        add(&all, "before", 1, 1);
        rc = read_exactly(documents[i].text, &head, &all, &err);
        if (rc != documents[i].rc || strcmp(err.where, documents[i].where) != 0
            || !strstr(err.text, documents[i].says)
            || (rc != OMK_OK && all.count != 1)) {
            fail_msg("%s: rc %d, '%s: %s', %zu counters", documents[i].label,
                     rc, err.where, err.text, all.count);
        }
        counter_entries_free(&all);
    }
}

static void a_key_s_id_tells_keys_apart(void **state)
{
    uint8_t a[COUNTER_VISITOR_KEY_BYTES] = {1}, b[sizeof a] = {2};

    (void)state;
    assert_true(counter_json_key_id(a) == counter_json_key_id(a));
    assert_true(counter_json_key_id(a) != counter_json_key_id(b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(data_files),
        cmocka_unit_test(a_long_file_is_none),
        cmocka_unit_test(names),
        cmocka_unit_test(orders),
        cmocka_unit_test(of_one_name_the_highest_stays),
        cmocka_unit_test(json_goes_round),
        cmocka_unit_test(json_documents),
        cmocka_unit_test(a_key_s_id_tells_keys_apart),
    };

    return cmocka_run_group_tests_name("admin", tests, NULL, NULL);
}
