/* Trees are taken apart whatever their owner planted, and nothing else is. */
#include "erase.h"

#include "btrfs.h"
#include "cmocka_first.h"
#include "customers.h"
#include "err.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SRV "srv/omakase"

static bool there(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0;
}

static void erase(const char *login)
{
    struct omk_err err = {0};

    if (omk_erase_tree(&node, login, &err)) {
        fail_msg("%s: %s", err.where, err.text);
    }
}

static bool pending(const char *login)
{
    struct omk_err err = {0};
    bool out = false;

    assert_int_equal(omk_erase_pending(&node, login, &out, &err), OMK_OK);
    return out;
}

/* Also works for who is not root. */
static void plain_tree(const char *login)
{
    node.single_user = geteuid() != 0;
    assert_true(run("mkdir -p %s/" SRV "/%s/web %s/" SRV "/%s/tmp", base, login,
                    base, login));
    assert_int_equal(chmod(at(SRV), 0711), 0);
}

static void nothing_there_is_no_error(void **state)
{
    (void)state;
    assert_false(pending("alice"));
    erase("alice");
    plain_tree("bob");
    assert_false(pending("alice"));
    erase("alice");
    assert_true(there(at(SRV "/bob/web")));
    assert_false(there(at(SRV "/.removed")));
}

static void links_lead_nowhere(void **state)
{
    (void)state;
    plain_tree("alice");
    plain_tree("bob");
    assert_int_equal(mkdir(at("outside"), 0755), 0);
    write_text(at("outside/file"), "outside", 0644);
    write_text(at(SRV "/bob/web/index.html"), "bob", 0644);
    assert_int_equal(symlink(at("outside"), at(SRV "/alice/web/dir")), 0);
    assert_int_equal(symlink(at("outside/file"), at(SRV "/alice/web/f")), 0);
    assert_int_equal(symlink("../bob", at(SRV "/alice/bob")), 0);
    assert_int_equal(symlink("../..", at(SRV "/alice/web/up")), 0);
    assert_int_equal(
        link(at(SRV "/bob/web/index.html"), at(SRV "/alice/web/hard")), 0);
    assert_int_equal(mkfifo(at(SRV "/alice/web/fifo"), 0644), 0);
    assert_int_equal(mkdir(at(SRV "/alice/web/closed"), 0), 0);
    assert_true(pending("alice"));
    erase("alice");
    assert_false(pending("alice"));
    assert_false(there(at(SRV "/alice")));
    assert_false(there(at(SRV "/.removed")));
    assert_true(run("test \"$(cat %s/outside/file)\" = outside", base));
    assert_true(
        run("test \"$(cat %s/" SRV "/bob/web/index.html)\" = bob", base));
}

static void a_tree_that_is_a_link_goes_alone(void **state)
{
    (void)state;
    plain_tree("bob");
    assert_int_equal(symlink("bob", at(SRV "/alice")), 0);
    erase("alice");
    assert_false(there(at(SRV "/alice")));
    assert_true(there(at(SRV "/bob/web")));
}

/* Far deeper than descriptors and PATH_MAX go; with names that the removal
 * makes up itself. */
static void deep_and_wide(void **state)
{
    enum { DEPTH = 3000 };
    struct rlimit old, few = {32, 32};
    int dir;

    (void)state;
    plain_tree("alice");
    dir = open(at(SRV "/alice/web"), O_RDONLY | O_DIRECTORY);
    for (int i = 0; i < DEPTH; i++) {
        int next;

        assert_int_equal(mkdirat(dir, "d", 0755), 0);
        if (i % 100 == 0) {
            assert_int_equal(mkdirat(dir, "up.0", 0755), 0);
            assert_int_equal(mkdirat(dir, "up.1", 0755), 0);
            next = openat(dir, "up.1", O_RDONLY | O_DIRECTORY);
            assert_int_equal(mkdirat(next, "up.0", 0755), 0);
            close(next);
        }
        next = openat(dir, "d", O_RDONLY | O_DIRECTORY);
        assert_true(next >= 0);
        close(dir);
        dir = next;
    }
    close(dir);
    for (int i = 0; i < 2000; i++) {
        write_text(at(SRV "/alice/tmp/%d", i), "", 0644);
    }
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    few.rlim_max = old.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    erase("alice");
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_false(there(at(SRV "/alice")));
    assert_false(there(at(SRV "/.removed")));
}

static void what_was_broken_off_is_completed(void **state)
{
    (void)state;
    plain_tree("alice");
    assert_true(run("mkdir -m 0700 %s/" SRV "/.removed && mkdir -p "
                    "%s/" SRV "/.removed/alice/x/y %s/" SRV
                    "/.removed/alice.7/z %s/" SRV "/.removed/alice-b/q",
                    base, base, base, base));
    assert_true(pending("alice"));
    erase("alice");
    assert_false(there(at(SRV "/alice")));
    assert_false(there(at(SRV "/.removed/alice")));
    assert_false(there(at(SRV "/.removed/alice.7")));
    assert_true(there(at(SRV "/.removed/alice-b/q")));
    assert_true(run("rm -r %s/" SRV "/.removed/alice-b", base));
    assert_true(run("mkdir -p %s/" SRV "/.removed/alice/x", base));
    assert_true(pending("alice"));
    erase("alice");
    assert_false(there(at(SRV "/.removed")));
}

static void refused(const char *login, const char *says)
{
    struct omk_err err = {0};

    assert_int_equal(omk_erase_tree(&node, login, &err), OMK_EDENIED);
    if (!strstr(err.text, says)) {
        fail_msg("'%s: %s' does not say '%s'", err.where, err.text, says);
    }
}

static void others_may_not_change_srv(void **state)
{
    (void)state;
    plain_tree("alice");
    assert_int_equal(chmod(at(SRV), 0777), 0);
    refused("alice", "writable by nobody else");
    assert_int_equal(chmod(at(SRV), 0711), 0);
    assert_int_equal(mkdir(at(SRV "/.removed"), 0700), 0);
    assert_int_equal(chmod(at(SRV "/.removed"), 0755), 0);
    refused("alice", "is not closed");
    assert_int_equal(rmdir(at(SRV "/.removed")), 0);
    assert_int_equal(symlink("alice", at(SRV "/.removed")), 0);
    assert_int_not_equal(omk_erase_tree(&node, "alice", NULL), OMK_OK);
    assert_true(there(at(SRV "/alice/web")));
}

static void a_mount_is_refused_and_not_entered(void **state)
{
    (void)state;
    NEED_ROOT();
    make_tree("alice", &alice);
    NEED(mount_at("tmpfs", at(SRV "/alice/web"), "size=1m"), "no mounts");
    write_text(at(SRV "/alice/web/mounted"), "", 0644);
    write_text(at(SRV "/alice/tmp/kept"), "", 0644);
    refused("alice", "a file system is mounted there");
    assert_true(there(at(SRV "/alice/web/mounted")));
    assert_true(there(at(SRV "/alice/tmp/kept")));
    assert_true(run("umount %s/" SRV "/alice/web", base));
    erase("alice");
    assert_false(there(at(SRV "/alice")));
}

/* Past the look at the whole, rmdir tells of it. */
static void a_mount_in_what_was_left_is_not_entered(void **state)
{
    (void)state;
    NEED_ROOT();
    plain_tree("bob");
    assert_true(run("mkdir -p -m 0700 %s/" SRV "/.removed && "
                    "mkdir -p %s/" SRV "/.removed/alice/x/y/z",
                    base, base));
    NEED(mount_at("tmpfs", at(SRV "/.removed/alice/x/y"), "size=1m"),
         "no mounts");
    write_text(at(SRV "/.removed/alice/x/y/mounted"), "", 0644);
    refused("alice", "something is mounted there");
    assert_true(there(at(SRV "/.removed/alice/x/y/mounted")));
    assert_true(run("umount %s/" SRV "/.removed/alice/x/y", base));
    erase("alice");
    assert_false(there(at(SRV "/.removed")));
}

/* Swaps a directory of its own and a link to bob's, and makes new ones. */
static void swap_for_ever(void)
{
    const char *names[] = {"a", "b", "c"};
    int dir = open(at(SRV "/alice/web"), O_RDONLY | O_DIRECTORY);

    if (dir < 0 || symlinkat(at(SRV "/bob/web"), dir, "b") != 0) {
        _exit(98);
    }
    for (unsigned i = 0; mkdirat(dir, "a", 0755) == 0 || errno != ENOENT; i++) {
        (void)renameat2(dir, names[i % 3], dir, names[(i + 1) % 3],
                        RENAME_EXCHANGE);
        (void)mkdirat(dir, "a/deeper", 0755);
        (void)symlinkat(at(SRV "/bob/web"), dir, "a/deeper/link");
        (void)symlinkat(at(SRV "/bob/web"), dir, "b");
        (void)symlinkat(at("outside"), dir, "c");
    }
    _exit(0);
}

static void a_swapping_owner_gains_nothing(void **state)
{
    pid_t pid;

    (void)state;
    NEED_ROOT();
    assert_int_equal(mkdir(at("outside"), 0755), 0);
    write_text(at("outside/file"), "outside", 0666);
    make_tree("bob", &bob);
    write_text(at(SRV "/bob/web/index.html"), "bob", 0644);
    for (int i = 0; i < 50; i++) {
        struct omk_err err = {0};
        int rc = -1;

        make_tree("alice", &alice);
        pid = fork();
        if (pid == 0) {
            if (setgid(ALICE) != 0 || setuid(ALICE) != 0
                || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) {
                _exit(99);
            }
            swap_for_ever();
        }
        assert_true(pid > 0);
        while (!there(at(SRV "/alice/web/a"))
               && waitpid(pid, NULL, WNOHANG) == 0) {
        }
        for (int tries = 0; rc != OMK_OK && tries < 1000; tries++) {
            rc = omk_erase_tree(&node, "alice", &err);
        }
        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, NULL, 0);
        if (rc) {
            fail_msg("%s: %s", err.where, err.text);
        }
        assert_false(there(at(SRV "/alice")));
    }
    assert_true(there(at(SRV "/bob/web/index.html")));
    assert_true(there(at("outside/file")));
    assert_false(there(at(SRV "/.removed")));
}

static int make_subvolume(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY);

    return omk_btrfs_subvolume(fd, "mine");
}

static void subvolumes_go_too(void **state)
{
    (void)state;
    NEED_ROOT();
    assert_int_equal(mkdir(at("fs"), 0755), 0);
    NEED(run("truncate -s 160M %s/image && mkfs.btrfs -q %s/image >/dev/null "
             "2>&1 && mount -o loop %s/image %s/fs 2>/dev/null",
             base, base, base, base),
         "no btrfs");
    node.srv_dir = at("fs/omakase");
    make_tree("alice", &alice);
    make_tree("bob", &bob);
    assert_true(as(ALICE, make_subvolume, at("fs/omakase/alice/web")));
    assert_true(as(ALICE, make_subvolume, at("fs/omakase/alice/web/mine")));
    assert_true(run("cd %s/fs/omakase/alice/web && mkdir -p mine/mine/a/b/c "
                    "mine/x/y && touch mine/mine/a/b/c/f mine/x/y/f && "
                    "btrfs -q subvolume snapshot -r mine/mine mine/x/y/ro && "
                    "btrfs -q property set mine/x/y/ro ro true",
                    base));
    erase("alice");
    assert_false(there(at("fs/omakase/alice")));
    assert_false(there(at("fs/omakase/.removed")));
    assert_true(there(at("fs/omakase/bob/web")));
    assert_true(
        run("test \"$(btrfs subvolume list %s/fs | wc -l)\" = 1", base));
}

int main(void)
{
#define CASE(f)                                                                \
    cmocka_unit_test_setup_teardown(f, customers_set_up, customers_tear_down)
    const struct CMUnitTest tests[] = {
        CASE(nothing_there_is_no_error),
        CASE(links_lead_nowhere),
        CASE(a_tree_that_is_a_link_goes_alone),
        CASE(deep_and_wide),
        CASE(what_was_broken_off_is_completed),
        CASE(others_may_not_change_srv),
        CASE(a_mount_is_refused_and_not_entered),
        CASE(a_mount_in_what_was_left_is_not_entered),
        CASE(a_swapping_owner_gains_nothing),
        CASE(subvolumes_go_too),
    };

    return cmocka_run_group_tests_name("erase", tests, NULL, NULL);
}
