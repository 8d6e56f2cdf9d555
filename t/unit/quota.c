/* Real file systems: a btrfs in a loop file, a small tmpfs, and ext4 and xfs
 * with quotas where the kernel has them. Needs root and is skipped without. */
#include "quota.h"

#include "btrfs.h"
#include "cmocka_first.h"
#include "customers.h"
#include "err.h"
#include "file.h"
#include "tree.h"
#include "usage.h"

#include <apr_general.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MB ((uint64_t)1 << 20)

static char srv[100];

/* SRV is base/fs/omakase from here on. */
static void srv_on_fs(void)
{
    (void)snprintf(srv, sizeof srv, "%s/fs/omakase", base);
    node.srv_dir = srv;
}

/* Makes a file system in a file and mounts it at base/fs. */
static bool loop(const char *mkfs, const char *options, unsigned size_mb)
{
    srv_on_fs();
    return run("truncate -s %uM %s/image && %s %s/image >/dev/null 2>&1 && "
               "mkdir -m 755 %s/fs && mount -o loop%s%s %s/image %s/fs "
               "2>/dev/null",
               size_mb, base, mkfs, base, base, *options ? "," : "", options,
               base, base);
}

static void set_quota(const struct omk_account *a, uint64_t bytes)
{
    struct omk_err err = {0};
    int rc = omk_quota_set(&node, a->name, a, bytes, &err);

    if (rc) {
        fail_msg("%d %s: %s", rc, err.where, err.text);
    }
}

static enum omk_quota_driver driver(const char *login)
{
    enum omk_quota_driver d = OMK_QUOTA_NONE;
    struct omk_err err = {0};

    if (omk_quota_driver(&node, login, &d, &err)) {
        fail_msg("%s: %s", err.where, err.text);
    }
    return d;
}

static void collect(void *ctx, const char *what)
{
    char *text = ctx;

    strncat(text, what, 1000 - strlen(text));
}

/* What is not as a quota of that many bytes must be. */
static const char *drift(const struct omk_account *a, uint64_t bytes)
{
    static char text[1024];
    struct omk_err err = {0};

    *text = '\0';
    if (omk_quota_check(&node, a->name, a, bytes, collect, text, &err)) {
        fail_msg("%s: %s", err.where, err.text);
    }
    return text;
}

/* --- a customer writes -----------------------------------------------------
 */

/* arg is "MEGABYTES PATH". Returns 0, or the errno that stopped it. Not zeros,
 * which a file system might compress. */
static int write_megabytes(const char *arg)
{
    char *path, block[65536];
    long n = 16 * strtol(arg, &path, 10);
    int fd = open(path + 1, O_WRONLY | O_CREAT | O_APPEND, 0644);
    unsigned seed = (unsigned)getpid();

    if (fd < 0) {
        return errno;
    }
    for (size_t i = 0; i < sizeof block; i++) {
        seed = seed * 1103515245 + 12345;
        block[i] = (char)(seed >> 16);
    }
    for (; n > 0; n--) {
        block[n % (long)sizeof block]++;
        if (write(fd, block, sizeof block) < 0) {
            return errno;
        }
    }
    return fsync(fd) == 0 ? 0 : errno;
}

static int refused(const char *arg)
{
    int error = write_megabytes(arg);

    return error == EDQUOT || error == ENOSPC ? 0 : -1;
}

/* What ours do: a new file beside, and a rename. */
static int replace_whole(const char *path)
{
    char *data = malloc(4 * MB);
    struct omk_err err;

    memset(data, 'n', 4 * MB);
    return omk_file_write(path, data, 4 * MB, 0644, &err) == OMK_ENOSPC ? 0
                                                                        : -1;
}

static const char *megabytes(unsigned n, const char *path)
{
    static char args[4][700];
    static unsigned turn;
    char *arg = args[turn++ % 4];

    (void)snprintf(arg, sizeof args[0], "%u %s", n, path);
    return arg;
}

/* P8, P9. With a quota of 8 MB on alice's web/: it holds for her there, what was there
 * stays as it was, and her log and her neighbour do not feel it. */
static void the_quota_holds(void)
{
    const char *page = at("fs/omakase/alice/web/page");
    struct omk_err err;
    size_t len;
    char *data;

    write_text(page, "as it was", 0644);
    assert_int_equal(chown(page, ALICE, ALICE), 0);
    assert_true(
        as(ALICE, write_megabytes, megabytes(5, at("fs/omakase/alice/web/a"))));
    assert_true(
        as(ALICE, refused, megabytes(20, at("fs/omakase/alice/web/b"))));
    assert_true(as(ALICE, replace_whole, page));
    assert_int_equal(omk_file_read(page, 100, &data, &len, &err), OMK_OK);
    assert_string_equal(data, "as it was");
    free(data);
    assert_int_equal(
        write_megabytes(megabytes(12, at("fs/omakase/alice/log/web.log"))), 0);
    assert_true(
        as(BOB, write_megabytes, megabytes(12, at("fs/omakase/bob/web/a"))));
    /* Room again when there is room again. */
    assert_int_equal(unlink(at("fs/omakase/alice/web/b")), 0);
    (void)run("sync -f %s/fs", base);
    assert_true(
        as(ALICE, write_megabytes, megabytes(1, at("fs/omakase/alice/web/c"))));
}

static uint64_t web_usage(const char *login)
{
    struct omk_usage usage = {.web = 0};
    struct omk_err err = {0};

    (void)run("sync -f %s/fs", base);
    if (omk_usage_tree(&node, login, &usage, &err)) {
        fail_msg("%s: %s", err.where, err.text);
    }
    return usage.web;
}

#define NOT_SET "quota of web/: 0 bytes are set, expected 8388608 (0: no limit)"

static void no_drift_but_of_another_number(void)
{
    assert_string_equal(drift(&alice, 8 * MB), "");
    assert_string_equal(drift(&bob, 0), "");
    assert_string_equal(drift(&alice, 0),
                        "quota of web/: 8388608 bytes are set, expected 0 (0: "
                        "no limit)");
}

static void two_trees(void)
{
    make_tree("alice", &alice);
    make_tree("bob", &bob);
    assert_string_equal(check_tree("alice", &alice), "");
}

/* --- btrfs -----------------------------------------------------------------
 */

static void btrfs_quota_groups_hold(void **state)
{
    enum omk_quota_driver d;
    struct omk_err err;

    (void)state;
    NEED_ROOT();
    NEED(loop("mkfs.btrfs -q", "", 160), "no btrfs");
    two_trees();
    assert_int_equal(driver("alice"), OMK_QUOTA_NONE); /* not turned on */
    assert_true(run("btrfs quota enable %s/fs", base));
    assert_int_equal(omk_quota_probe(node.srv_dir, &d, &err), OMK_OK);
    assert_int_equal(d, OMK_QUOTA_BTRFS);
    assert_int_equal(driver("alice"), OMK_QUOTA_BTRFS);
    assert_string_equal(drift(&alice, 8 * MB), NOT_SET);
    set_quota(&alice, 8 * MB);
    set_quota(&alice, 8 * MB);
    set_quota(&bob, 0);
    no_drift_but_of_another_number();
    the_quota_holds();
    assert_in_range(web_usage("alice"), 6 * MB, 7 * MB);

    set_quota(&alice, 0);
    assert_true(as(ALICE, write_megabytes,
                   megabytes(20, at("fs/omakase/alice/web/b"))));
}

/* A subvolume that the customer makes has a quota group without a limit: the
 * quota does not keep it, so the usage must tell it. */
static int make_subvolume(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY);

    return omk_btrfs_subvolume(fd, "mine");
}

static void subvolumes_of_the_customers_are_counted(void **state)
{
    (void)state;
    NEED_ROOT();
    NEED(loop("mkfs.btrfs -q", "", 160), "no btrfs");
    two_trees();
    assert_true(run("btrfs quota enable %s/fs", base));
    set_quota(&alice, 8 * MB);
    assert_true(as(ALICE, make_subvolume, at("fs/omakase/alice/web")));
    assert_true(as(ALICE, make_subvolume, at("fs/omakase/alice/web/mine")));
    assert_true(as(ALICE, write_megabytes,
                   megabytes(12, at("fs/omakase/alice/web/mine/mine/a"))));
    assert_in_range(web_usage("alice"), 12 * MB, 13 * MB);
}

static void a_plain_directory_on_btrfs_is_named(void **state)
{
    struct omk_err err;

    (void)state;
    NEED_ROOT();
    NEED(loop("mkfs.btrfs -q", "", 160), "no btrfs");
    two_trees();
    assert_true(run("btrfs quota enable %s/fs", base));
    assert_int_equal(rmdir(at("fs/omakase/alice/web")), 0);
    assert_int_equal(mkdir(at("fs/omakase/alice/web"), 0700), 0);
    make_tree("alice", &alice);
    assert_int_equal(omk_quota_set(&node, "alice", &alice, MB, &err),
                     OMK_EINVAL);
    assert_string_equal(err.where, at("fs/omakase/alice/web"));
    assert_non_null(strstr(err.text, "a plain directory; expected a btrfs"));
    assert_in_range(web_usage("alice"), 0, MB);
    assert_non_null(strstr(drift(&alice, MB), "it is a plain directory"));
}

/* --- a file system at web/ --------------------------------------------------
 */

static void a_file_system_of_its_own_holds(void **state)
{
    struct omk_err err;

    (void)state;
    NEED_ROOT();
    assert_int_equal(mkdir(at("fs"), 0755), 0);
    assert_int_equal(chmod(at("fs"), 0755), 0);
    assert_true(mount_at("tmpfs", at("fs"), "size=64m,mode=0755"));
    srv_on_fs();
    two_trees();
    assert_int_equal(driver("alice"), OMK_QUOTA_NONE);
    assert_true(mount_at("tmpfs", at("fs/omakase/alice/web"), "size=8m"));
    make_tree("alice", &alice);
    assert_string_equal(check_tree("alice", &alice), "");
    assert_int_equal(driver("alice"), OMK_QUOTA_OWN_FS);
    set_quota(&alice, 8 * MB);
    set_quota(&alice, 0);
    assert_string_equal(drift(&alice, 8 * MB), "");
    assert_string_equal(drift(&bob, 8 * MB), ""); /* nothing keeps it */
    assert_non_null(strstr(drift(&alice, 4 * MB), "has 8388608 bytes"));
    the_quota_holds();
    assert_in_range(web_usage("alice"), 6 * MB, 7 * MB);

    assert_int_equal(omk_quota_set(&node, "alice", &alice, 4 * MB, &err),
                     OMK_ERANGE);
    assert_non_null(strstr(err.text, "has 8388608 bytes and the quota is "));
    assert_int_equal(omk_quota_set(&node, "alice", &alice, 10 * MB, &err),
                     OMK_ERANGE);
    assert_true(run("umount %s/fs/omakase/alice/web", base));
}

/* --- ext4 and xfs -----------------------------------------------------------
 */

static const struct {
    const char *mkfs, *options;
    unsigned size_mb;
    enum omk_quota_driver driver;
} kernels[] = {
    {"mkfs.ext4 -q -O quota -E quotatype=usrquota", "usrquota", 100,
     OMK_QUOTA_USER},
    {"mkfs.ext4 -q -O quota,project -E quotatype=prjquota", "prjquota", 100,
     OMK_QUOTA_PROJECT},
    {"mkfs.xfs -q", "uquota", 320, OMK_QUOTA_USER},
    {"mkfs.xfs -q", "pquota", 320, OMK_QUOTA_PROJECT},
};

static void kernel_quota(const char *name, size_t i)
{
    enum omk_quota_driver d;
    struct omk_err err;

    NEED_ROOT();
    NEED_FOR(name,
             loop(kernels[i].mkfs, kernels[i].options, kernels[i].size_mb),
             "it cannot be made and mounted here");
    assert_int_equal(omk_quota_probe(at("fs"), &d, &err), OMK_OK);
    NEED_FOR(name, d != OMK_QUOTA_NONE, "this kernel has no quotas for it");
    assert_int_equal(d, kernels[i].driver);
    two_trees();
    /* what is there before counts too */
    assert_int_equal(mkdir(at("fs/omakase/alice/web/d"), 0755), 0);
    assert_int_equal(
        write_megabytes(megabytes(1, at("fs/omakase/alice/web/d/old"))), 0);
    assert_int_equal(chown(at("fs/omakase/alice/web/d/old"), ALICE, ALICE), 0);
    assert_int_equal(symlink("/etc", at("fs/omakase/alice/web/d/etc")), 0);
    assert_non_null(strstr(drift(&alice, 8 * MB), NOT_SET));
    set_quota(&alice, 8 * MB);
    set_quota(&alice, 8 * MB);
    set_quota(&bob, 0);
    no_drift_but_of_another_number();
    assert_int_equal(driver("alice"), kernels[i].driver);
    /* xfs gives a growing file more than it has yet */
    assert_in_range(web_usage("alice"), MB, 2 * MB + 100000);
    the_quota_holds();
    set_quota(&alice, 0);
    assert_true(as(ALICE, write_megabytes,
                   megabytes(10, at("fs/omakase/alice/web/b"))));
}

static void ext4_user_quota_holds(void **state)
{
    (void)state;
    kernel_quota(__func__, 0);
}

static void ext4_project_quota_holds(void **state)
{
    (void)state;
    kernel_quota(__func__, 1);
}

static void xfs_user_quota_holds(void **state)
{
    (void)state;
    kernel_quota(__func__, 2);
}

static void xfs_project_quota_holds(void **state)
{
    (void)state;
    kernel_quota(__func__, 3);
}

/* --- nothing ----------------------------------------------------------------
 */

static void without_a_quota_it_is_counted_and_said(void **state)
{
    enum omk_quota_driver d = OMK_QUOTA_OWN_FS;
    struct omk_err err = {0};

    (void)state;
    NEED_ROOT();
    assert_int_equal(mkdir(at("fs"), 0755), 0);
    assert_int_equal(chmod(at("fs"), 0755), 0);
    assert_true(mount_at("tmpfs", at("fs"), "size=16m,mode=0755"));
    srv_on_fs();
    assert_int_equal(omk_quota_probe(at("fs/omakase"), &d, &err), OMK_ENOENT);
    assert_int_equal(d, OMK_QUOTA_OWN_FS);
    two_trees();
    assert_int_equal(omk_quota_probe(node.srv_dir, &d, &err), OMK_OK);
    assert_int_equal(d, OMK_QUOTA_NONE);
    assert_non_null(strstr(omk_quota_describe(d), "nothing keeps web quotas"));
    set_quota(&alice, MB);
    assert_true(
        as(ALICE, write_megabytes, megabytes(2, at("fs/omakase/alice/web/a"))));
    assert_in_range(web_usage("alice"), 2 * MB, 2 * MB + 100000);
}

int main(void)
{
#define CASE(f)                                                                \
    cmocka_unit_test_setup_teardown(f, customers_set_up, customers_tear_down)
    const struct CMUnitTest tests[] = {
        CASE(btrfs_quota_groups_hold),
        CASE(subvolumes_of_the_customers_are_counted),
        CASE(a_plain_directory_on_btrfs_is_named),
        CASE(a_file_system_of_its_own_holds),
        CASE(ext4_user_quota_holds),
        CASE(ext4_project_quota_holds),
        CASE(xfs_user_quota_holds),
        CASE(xfs_project_quota_holds),
        CASE(without_a_quota_it_is_counted_and_said),
    };
    int failed;

    (void)apr_initialize();
    failed = cmocka_run_group_tests_name("quota", tests, NULL, NULL);
    apr_terminate();
    return failed;
}
