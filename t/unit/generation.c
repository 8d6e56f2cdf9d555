#include "cmocka_first.h"
#include "err.h"
#include "files.h"
#include "generation.h"
#include "node.h"

#include <apr_general.h>
#include <apr_strings.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static apr_pool_t *pool;
static char root[64];
static struct omk_node node;

static int make_root(void **state)
{
    (void)state;
    strcpy(root, "/tmp/omakase-generation-XXXXXX");
    if (!mkdtemp(root)
        || omk_node_parse(pool, root, "f", "keep = 2\n", 9, &node, NULL)) {
        return -1;
    }
    node.single_user = true;
    return omk_state_make(&node, NULL);
}

static int remove_root(void **state)
{
    (void)state;
    return system(apr_pstrcat(pool, "rm -r ", root, NULL));
}

static struct omk_files *files(const char *text)
{
    struct omk_files *f = omk_files_new(pool);

    omk_files_add_text(f, "httpd/b.conf", text);
    omk_files_add_text(f, "httpd/a.conf", "a");
    omk_files_add_text(f, "source/x/y/z", "");
    omk_files_sort(f);
    return f;
}

static void make_one(unsigned number)
{
    struct omk_files *f = files("b");

    assert_int_equal(
        omk_generation_write(pool, &node, number, f, 0, NULL, NULL), OMK_OK);
    assert_int_equal(omk_generation_complete(pool, &node, number, f, NULL),
                     OMK_OK);
}

static void written_and_read_back(void **state)
{
    struct omk_files *manifest, *there;
    char sum[OMK_SHA1_HEX + 1];

    (void)state;
    make_one(1);
    assert_int_equal(omk_generation_manifest(pool, &node, 1, &manifest, NULL),
                     OMK_OK);
    assert_int_equal(omk_generation_read(pool, &node, 1, &there, NULL), OMK_OK);
    assert_int_equal(manifest->count, 3);
    assert_int_equal(there->count, 3);
    assert_string_equal(omk_files_find(there, "httpd/b.conf")->data, "b");
    omk_sha1_hex("b", 1, sum);
    assert_memory_equal(omk_files_find(manifest, "httpd/b.conf")->data, sum,
                        OMK_SHA1_HEX);
    assert_null(omk_files_find(there, "complete"));
}

static const char *path_of(unsigned number, const char *name)
{
    return apr_pstrcat(pool, omk_generation_dir(pool, &node, number), "/", name,
                       NULL);
}

static struct stat stat_of(unsigned number, const char *name)
{
    struct stat st;

    assert_int_equal(stat(path_of(number, name), &st), 0);
    return st;
}

static void overwrite(unsigned number, const char *name, const char *text)
{
    FILE *f = fopen(path_of(number, name), "w");

    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

/* So that what was written a moment ago counts as old. */
static struct omk_files *read_later(unsigned number)
{
    struct omk_files *there;

    assert_int_equal(omk_generation_read(pool, &node, number, &there, NULL),
                     OMK_OK);
    there->read_at += apr_time_from_sec(60);
    return there;
}

static void make_after(unsigned number, struct omk_files *f, unsigned from,
                       const struct omk_files *before)
{
    assert_int_equal(
        omk_generation_write(pool, &node, number, f, from, before, NULL),
        OMK_OK);
    assert_int_equal(omk_generation_complete(pool, &node, number, f, NULL),
                     OMK_OK);
}

static void what_is_the_same_is_taken_over(void **state)
{
    struct omk_files *manifest, *f = files("c");

    (void)state;
    make_one(1);
    make_after(2, f, 1, read_later(1));
    assert_int_equal(stat_of(2, "httpd/a.conf").st_ino,
                     stat_of(1, "httpd/a.conf").st_ino);
    assert_true(omk_files_find(f, "httpd/a.conf")->linked);
    assert_int_not_equal(stat_of(2, "httpd/b.conf").st_ino,
                         stat_of(1, "httpd/b.conf").st_ino);
    assert_string_equal(omk_files_find(read_later(1), "httpd/b.conf")->data,
                        "b");
    assert_string_equal(omk_files_find(read_later(2), "httpd/b.conf")->data,
                        "c");
    assert_int_equal(omk_generation_manifest(pool, &node, 2, &manifest, NULL),
                     OMK_OK);
    assert_int_equal(manifest->count, 3);
}

static void a_hand_edit_is_not_taken_over(void **state)
{
    static const struct {
        const char *label, *text;
        mode_t mode;
        bool late; /* after it was read */
    } cases[] = {
        {"other bytes", "x", 0600, false},
        {"other bytes of the same length, after the reading", "y", 0600, true},
        {"a mode", "a", 0644, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct omk_files *before;

        print_message("# %s\n", cases[i].label);
        make_one(1);
        before = read_later(1);
        if (cases[i].late) {
            before->read_at = 0;
        }
        overwrite(1, "httpd/a.conf", cases[i].text);
        assert_int_equal(chmod(path_of(1, "httpd/a.conf"), cases[i].mode), 0);
        make_after(2, files("b"), 1, cases[i].late ? before : read_later(1));
        assert_string_equal(omk_files_find(read_later(2), "httpd/a.conf")->data,
                            "a");
        assert_int_equal(stat_of(2, "httpd/a.conf").st_mode & 07777, 0600);
        assert_int_not_equal(stat_of(2, "httpd/a.conf").st_ino,
                             stat_of(1, "httpd/a.conf").st_ino);
    }
}

static void what_is_not_as_written_is_mended(void **state)
{
    struct omk_files *there;
    struct omk_err err = {0};

    (void)state;
    make_one(1);
    make_after(2, files("b"), 1, read_later(1));
    overwrite(2, "httpd/a.conf", "x"); /* of both */
    there = read_later(1);
    assert_string_equal(omk_files_find(there, "httpd/a.conf")->data, "x");
    assert_int_equal(omk_generation_mend(pool, &node, 1, there, &err),
                     OMK_EDAMAGED);
    assert_string_equal(err.where, path_of(1, "httpd/a.conf"));
    make_after(3, files("b"), 2, read_later(2));
    assert_int_equal(unlink(path_of(1, "source/x/y/z")), 0);
    there = read_later(1);
    assert_int_equal(omk_generation_mend(pool, &node, 1, there, &err), OMK_OK);
    assert_string_equal(omk_files_find(there, "httpd/a.conf")->data, "a");
    assert_string_equal(omk_files_find(there, "source/x/y/z")->data, "");
    assert_string_equal(omk_files_find(read_later(1), "httpd/a.conf")->data,
                        "a");
    assert_int_equal(stat_of(1, "source/x/y/z").st_size, 0);
    assert_string_equal(omk_files_find(read_later(2), "httpd/a.conf")->data,
                        "x");
}

static void what_has_no_mark_is_removed_by_the_next(void **state)
{
    struct omk_generation *list;
    unsigned next = 0;
    size_t count;

    (void)state;
    make_one(1);
    assert_int_equal(omk_generation_write(pool, &node, 2, files("x"), 0,
                                          NULL, NULL),
                     OMK_OK);
    assert_int_equal(omk_generation_next(pool, &node, &next, NULL), OMK_OK);
    assert_int_equal(next, 3); /* a number is never used for two things */
    assert_int_equal(omk_generations_list(pool, &node, &list, &count, NULL),
                     OMK_OK);
    assert_int_equal(count, 1);
    assert_true(list[0].complete && !list[0].current);
}

static void current_leads_to_one_and_is_never_pruned(void **state)
{
    struct omk_generation *list;
    unsigned current = 7;
    size_t count;

    (void)state;
    assert_int_equal(omk_generation_current(&node, &current, NULL), OMK_OK);
    assert_int_equal(current, 0);
    for (unsigned i = 1; i <= 4; i++) {
        make_one(i);
    }
    assert_int_equal(omk_generation_flip(pool, &node, 4, NULL), OMK_OK);
    /* one that was killed has left its link */
    assert_int_equal(symlink("nowhere", apr_pstrcat(pool, node.state_dir,
                                                    "/current.new", NULL)),
                     0);
    assert_int_equal(omk_generation_flip(pool, &node, 1, NULL), OMK_OK);
    assert_int_equal(omk_generation_current(&node, &current, NULL), OMK_OK);
    assert_int_equal(current, 1);
    assert_int_equal(omk_generation_prune(pool, &node, NULL), OMK_OK);
    assert_int_equal(omk_generations_list(pool, &node, &list, &count, NULL),
                     OMK_OK);
    assert_int_equal(count, 3); /* 1, which is current, 3 and 4 */
    assert_int_equal(list[0].number, 1);
    assert_true(list[0].current);
    assert_int_equal(list[1].number, 3);
}

static void a_damaged_current_is_named(void **state)
{
    const char *link = apr_pstrcat(pool, node.state_dir, "/current", NULL);
    struct omk_err err = {0};
    unsigned current = 7;

    (void)state;
    assert_int_equal(symlink("/etc", link), 0);
    assert_int_equal(omk_generation_current(&node, &current, &err),
                     OMK_EDAMAGED);
    assert_int_equal(current, 7);
    assert_string_equal(err.where, link);
}

static void templates(void **state)
{
    const char *names[] = {"A", "1", "LONG_ER", "2", NULL};
    struct omk_err err = {0};
    const char *out;

    (void)state;
    assert_int_equal(
        omk_template(pool, "t", "x@A@@LONG_ER@ a@b @ @a@", names, &out, NULL),
        OMK_OK);
    assert_string_equal(out, "x12 a@b @ @a@");
    assert_int_equal(omk_template(pool, "t", "\n@B@", names, &out, &err),
                     OMK_EINVAL);
    assert_string_equal(err.where, "t:2");
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, make_root, remove_root)
    const struct CMUnitTest tests[] = {
        CASE(written_and_read_back),
        CASE(what_is_the_same_is_taken_over),
        CASE(a_hand_edit_is_not_taken_over),
        CASE(what_is_not_as_written_is_mended),
        CASE(what_has_no_mark_is_removed_by_the_next),
        CASE(current_leads_to_one_and_is_never_pruned),
        CASE(a_damaged_current_is_named),
        cmocka_unit_test(templates),
    };
    int failed;

    (void)apr_initialize();
    (void)apr_pool_create(&pool, NULL);
    failed = cmocka_run_group_tests_name("generation", tests, NULL, NULL);
    apr_terminate();
    return failed;
}
