#include "cmocka_first.h"
#include "err.h"
#include "num.h"

#include <string.h>

static const struct {
    const char *label;
    const char *in;
    uint64_t min, max;
    int rc;
    uint64_t out;
} cases[] = {
    {"zero", "0", 0, 9, OMK_OK, 0},
    {"leading zeros", "007", 0, 9, OMK_OK, 7},
    {"the upper bound", "10", 5, 10, OMK_OK, 10},
    {"above it", "11", 5, 10, OMK_ERANGE, 0},
    {"below the lower", "4", 5, 10, OMK_ERANGE, 0},
    {"largest", "18446744073709551615", 0, UINT64_MAX, OMK_OK, UINT64_MAX},
    {"one more", "18446744073709551616", 0, UINT64_MAX, OMK_ERANGE, 0},
    {"overflow that wraps high", "99999999999999999999999", 0, UINT64_MAX,
     OMK_ERANGE, 0},
    {"empty", "", 0, 9, OMK_EINVAL, 0},
    {"sign", "+5", 0, 9, OMK_EINVAL, 0},
    {"minus", "-5", 0, 9, OMK_EINVAL, 0},
    {"blank", " 5", 0, 9, OMK_EINVAL, 0},
    {"hex", "0x5", 0, 9, OMK_EINVAL, 0},
    {"tail", "5a", 0, 9, OMK_EINVAL, 0},
};

static void numbers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t out = 42;
        int rc = omk_num_u64(cases[i].in, strlen(cases[i].in), cases[i].min,
                             cases[i].max, &out);

        if (rc != cases[i].rc
            || out != (rc == OMK_OK ? cases[i].out : 42)) {
            fail_msg("%s: rc %d, out %llu", cases[i].label, rc,
                     (unsigned long long)out);
        }
    }
}

static void an_error_holds_nothing_for_a_terminal(void **state)
{
    struct omk_err err = {0};

    (void)state;
    assert_int_equal(omk_fail(&err, OMK_EIO, "a\033]0;b\007",
                              "%s", "\xe6\x97\xa5 \xc2\x9b" "2J\r\n\x7f."),
                     OMK_EIO);
    assert_string_equal(err.where, "a?]0;b?");
    assert_string_equal(err.text, "\xe6\x97\xa5 ??2J? ?.");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers),
        cmocka_unit_test(an_error_holds_nothing_for_a_terminal),
    };

    return cmocka_run_group_tests_name("num", tests, NULL, NULL);
}
