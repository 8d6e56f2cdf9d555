#include "cmocka_first.h"
#include "err.h"
#include "node.h"
#include "secret.h"

#include <crypt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64];
static struct omk_node node;

static int make_dir(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/omakase-secret-XXXXXX");
    node.state_dir = dir;
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    char path[128];

    (void)state;
    (void)snprintf(path, sizeof path, "%s/secrets/ab", dir);
    (void)unlink(path);
    (void)snprintf(path, sizeof path, "%s/secrets", dir);
    (void)rmdir(path);
    return rmdir(dir); /* fails when anything else stayed */
}

static void hashes(void **state)
{
    struct omk_secret s;

    (void)state;
    assert_int_equal(omk_secret_make("password", 8, &s, NULL), OMK_OK);
    /* SELECT PASSWORD('password') of MariaDB 10.11 */
    assert_string_equal(s.mysql, "*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19");
    assert_int_equal(strncmp(s.crypt, "$y$", 3), 0);
    assert_string_equal(crypt("password", s.crypt), s.crypt);
}

static void passwords_that_are_refused(void **state)
{
    static const struct {
        const char *label, *text;
        size_t len;
        int rc;
    } cases[] = {
        {"short", "1234567", 7, OMK_ERANGE},
        {"blank", "1234 5678", 9, OMK_EINVAL},
        {"NUL",
         "1234\0"
         "5678",
         9, OMK_EINVAL},
        {"newline", "12345678\n", 9, OMK_EINVAL},
        {"UTF-8", "p\xc3\xa4sswort", 9, OMK_EINVAL},
    };
    char text[OMK_PASSWORD_MAX + 1];
    struct omk_secret s;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct omk_err err = {0};

        if (omk_secret_make(cases[i].text, cases[i].len, &s, &err)
            != cases[i].rc) {
            fail_msg("%s: %s", cases[i].label, err.text);
        }
        assert_null(strstr(err.text, "1234"));
    }
    memset(text, 'a', sizeof text);
    assert_int_equal(omk_secret_make(text, OMK_PASSWORD_MAX, &s, NULL), OMK_OK);
    assert_int_equal(omk_secret_make(text, sizeof text, &s, NULL), OMK_ERANGE);
}

static void kept_for_root_alone(void **state)
{
    struct omk_secret s, again;
    struct stat st;
    char path[128], password[17], other[17];

    (void)state;
    assert_int_equal(omk_secret_read(&node, "ab", &again, NULL), OMK_ENOENT);
    assert_int_equal(omk_password_generate(password, NULL), OMK_OK);
    assert_int_equal(omk_password_generate(other, NULL), OMK_OK);
    assert_int_equal(strlen(password), 16);
    assert_string_not_equal(password, other);
    assert_int_equal(omk_secret_make(password, 16, &s, NULL), OMK_OK);
    assert_int_equal(omk_secret_write(&node, "ab", &s, NULL), OMK_OK);
    (void)snprintf(path, sizeof path, "%s/secrets/ab", dir);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(omk_secret_read(&node, "ab", &again, NULL), OMK_OK);
    assert_string_equal(again.crypt, s.crypt);
    assert_string_equal(again.mysql, s.mysql);
    assert_int_equal(omk_secret_remove(&node, "ab", NULL), OMK_OK);
    assert_int_equal(omk_secret_remove(&node, "ab", NULL), OMK_OK);
    assert_int_equal(omk_secret_read(&node, "ab", &again, NULL), OMK_ENOENT);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes),
        cmocka_unit_test(passwords_that_are_refused),
        CASE(kept_for_root_alone),
    };

    return cmocka_run_group_tests_name("secret", tests, NULL, NULL);
}
