#include "cmocka_first.h"
#include "err.h"
#include "file.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/omakase-file-XXXXXX";
static char path[64];

static int set_up(void **state)
{
    (void)state;
    strcpy(dir + strlen(dir) - 6, "XXXXXX");
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof path, "%s/f", dir);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(dir); /* fails when a temporary stayed */
}

static void replaced_whole_with_the_mode_asked(void **state)
{
    struct omk_err err;
    struct stat st;
    char *data;
    size_t len;

    (void)state;
    umask(077);
    assert_int_equal(omk_file_write(path, "old", 3, 0600, &err), OMK_OK);
    assert_int_equal(omk_file_write(path, "newer", 5, 0644, &err), OMK_OK);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0644);
    assert_int_equal(omk_file_read(path, 5, &data, &len, &err), OMK_OK);
    assert_int_equal(len, 5);
    assert_string_equal(data, "newer");
    free(data);
}

static void a_failed_write_leaves_the_old_file(void **state)
{
    struct rlimit old, small = {4, RLIM_INFINITY};
    struct omk_err err;
    char *data;
    size_t len;

    (void)state;
    assert_int_equal(omk_file_write(path, "old", 3, 0600, &err), OMK_OK);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    small.rlim_max = old.rlim_max;
    setrlimit(RLIMIT_FSIZE, &small);
    assert_int_equal(omk_file_write(path, "too long", 8, 0600, &err), OMK_EIO);
    setrlimit(RLIMIT_FSIZE, &old);
    assert_string_equal(err.where, path);
    assert_int_equal(omk_file_read(path, 9, &data, &len, &err), OMK_OK);
    assert_string_equal(data, "old");
    free(data);
}

static void what_cannot_be_read_is_named(void **state)
{
    struct omk_err err;
    char *data = NULL;
    size_t len = 0;

    (void)state;
    assert_int_equal(omk_file_read(path, 9, &data, &len, &err), OMK_ENOENT);
    assert_string_equal(err.where, path);
    assert_int_equal(omk_file_write(path, "ten bytes.", 10, 0600, &err), 0);
    assert_int_equal(omk_file_read(path, 9, &data, &len, &err), OMK_ERANGE);
    assert_int_equal(omk_file_read(dir, 9, &data, &len, &err), OMK_EINVAL);
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(omk_file_read(path, 9, &data, &len, &err), OMK_EINVAL);
    assert_null(data);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(replaced_whole_with_the_mode_asked),
        CASE(a_failed_write_leaves_the_old_file),
        CASE(what_cannot_be_read_is_named),
    };

    return cmocka_run_group_tests_name("file", tests, NULL, NULL);
}
