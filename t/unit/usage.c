#include "usage.h"

#include "cmocka_first.h"
#include "customers.h"
#include "err.h"
#include "walk.h"

#include <apr_general.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* Blocks that a path has, as stat tells. */
static uint64_t blocks(const char *path)
{
    struct stat st;

    assert_int_equal(lstat(path, &st), 0);
    return (uint64_t)st.st_blocks * 512;
}

static uint64_t walk(const char *path)
{
    struct omk_err err = {0};
    uint64_t bytes = 0;
    int fd = open(path, O_RDONLY | O_DIRECTORY);

    assert_true(fd >= 0);
    if (omk_usage_walk(fd, &bytes, &err)) {
        fail_msg("%s", err.text);
    }
    close(fd);
    return bytes;
}

static void write_bytes(const char *path, size_t size)
{
    char *data = calloc(1, size + 1);

    assert_non_null(data);
    memset(data, 'x', size);
    write_text(path, data, 0644);
    free(data);
}

static void blocks_are_counted_and_hard_links_once(void **state)
{
    uint64_t expected;

    (void)state;
    assert_int_equal(mkdir(at("d"), 0755), 0);
    assert_int_equal(mkdir(at("d/e"), 0755), 0);
    write_bytes(at("big"), 1 << 20);
    write_bytes(at("d/a"), 100000);
    write_bytes(at("d/e/b"), 5);
    assert_int_equal(link(at("d/a"), at("d/e/a2")), 0);
    assert_int_equal(link(at("d/a"), at("d/a3")), 0);
    assert_int_equal(symlink(at("big"), at("d/to-big")), 0);
    assert_int_equal(symlink("..", at("d/e/up")), 0);
    assert_int_equal(mkfifo(at("d/fifo"), 0644), 0);
    write_text(at("d/sparse"), "", 0644);
    assert_int_equal(truncate(at("d/sparse"), (off_t)1 << 40), 0);
    expected = blocks(at("d")) + blocks(at("d/e")) + blocks(at("d/a"))
               + blocks(at("d/e/b")) + blocks(at("d/to-big"))
               + blocks(at("d/e/up"));
    assert_true(expected >= 100000);
    assert_true(walk(at("d")) == expected);
}

/* Far deeper than descriptors and PATH_MAX go, and wide at every level. */
static void deep_nesting_is_walked(void **state)
{
    enum { DEPTH = 3000 };
    struct rlimit old, few = {64, 64};
    int dir, top;
    uint64_t counted, leaf;

    (void)state;
    assert_int_equal(mkdir(at("d"), 0755), 0);
    top = dir = open(at("d"), O_RDONLY | O_DIRECTORY);
    for (int i = 0; i < DEPTH; i++) {
        int next, file = openat(dir, "zz", O_WRONLY | O_CREAT, 0644);

        assert_true(file >= 0 && write(file, "x", 1) == 1);
        close(file);
        file = openat(dir, "aa", O_WRONLY | O_CREAT, 0644);
        assert_true(file >= 0 && write(file, "x", 1) == 1);
        close(file);
        assert_int_equal(mkdirat(dir, "mmmmmmmmmmmmmmmmmmmm", 0755), 0);
        next = openat(dir, "mmmmmmmmmmmmmmmmmmmm", O_RDONLY | O_DIRECTORY);
        assert_true(next >= 0);
        if (dir != top) {
            close(dir);
        }
        dir = next;
    }
    close(dir);
    close(top);
    getrlimit(RLIMIT_NOFILE, &old);
    few.rlim_max = old.rlim_max;
    setrlimit(RLIMIT_NOFILE, &few);
    counted = walk(at("d"));
    setrlimit(RLIMIT_NOFILE, &old);
    leaf = blocks(at("d/aa"));
    assert_true(leaf > 0);
    assert_true(counted == DEPTH * (2 * leaf + blocks(at("d")))
                               + blocks(at("d")));
    /* nftw is not up to it either */
    assert_true(run("rm -rf %s/d", base));
}

static void another_file_system_is_not_entered(void **state)
{
    (void)state;
    NEED_ROOT();
    assert_int_equal(mkdir(at("d"), 0755), 0);
    assert_int_equal(mkdir(at("d/mnt"), 0755), 0);
    assert_true(mount_at("tmpfs", at("d/mnt"), "size=1m"));
    write_bytes(at("d/mnt/a"), 200000);
    assert_true(walk(at("d")) < 200000);
    assert_true(run("umount %s/d/mnt", base));
}

struct mover {
    char from[400], to[100];
    unsigned seen;
};

/* Moves a directory out of the tree while the walk is at its deepest below. */
static int move_from_under(void *ctx, int fd, const char *name,
                           const struct stat *st)
{
    struct mover *m = ctx;

    (void)fd;
    (void)st;
    if (name && !strcmp(name, "leaf")) {
        assert_int_equal(rename(m->from, m->to), 0);
    }
    return ++m->seen > 1000 ? 42 : 0;
}

static void a_move_meanwhile_does_not_lead_out(void **state)
{
    enum { DEPTH = 60, MOVED = 40 }; /* where the walk has left its levels */
    struct mover m = {.seen = 0};
    struct omk_err err;
    char path[400];
    int fd, len = snprintf(path, sizeof path, "%s/d", base);

    (void)state;
    (void)snprintf(m.to, sizeof m.to, "%s/aside", base);
    assert_int_equal(mkdir(path, 0755), 0);
    for (int i = 1; i <= DEPTH; i++) {
        len += snprintf(path + len, sizeof path - (size_t)len, "/%d", i);
        assert_int_equal(mkdir(path, 0755), 0);
        if (i == MOVED) {
            strcpy(m.from, path);
        }
    }
    strcat(path, "/leaf");
    write_text(path, "x", 0644);
    for (int i = 0; i < 300; i++) {
        write_text(at("outside.%d", i), "", 0644);
    }
    fd = open(at("d"), O_RDONLY | O_DIRECTORY);
    assert_int_equal(omk_walk(fd, move_from_under, &m, &err), OMK_OK);
    close(fd);
    assert_int_equal(m.seen, DEPTH + 2);
    assert_int_equal(access(m.to, F_OK), 0);
}

static void what_may_not_be_read_is_passed_over(void **state)
{
    (void)state;
    assert_int_equal(mkdir(at("d"), 0755), 0);
    assert_int_equal(mkdir(at("d/closed"), 0), 0);
    assert_true(walk(at("d"))
                == blocks(at("d"))
                       + (geteuid() == 0 ? blocks(at("d/closed")) : 0));
}

static int stop_at_file(void *ctx, int fd, const char *name,
                        const struct stat *st)
{
    (void)ctx;
    (void)fd;
    (void)st;
    return name ? 42 : 0;
}

static void a_visit_can_end_it(void **state)
{
    struct omk_err err;
    int fd;

    (void)state;
    assert_int_equal(mkdir(at("d"), 0755), 0);
    write_bytes(at("d/a"), 1);
    fd = open(at("d"), O_RDONLY | O_DIRECTORY);
    assert_int_equal(omk_walk(fd, stop_at_file, NULL, &err), 42);
    close(fd);
}

static void web_and_log_are_told_apart(void **state)
{
    struct omk_usage usage = {.web = 1, .log = 2, .mail = 3, .databases = 4};
    struct omk_err err = {0};

    (void)state;
    NEED_ROOT();
    assert_int_equal(omk_usage_tree(&node, "alice", &usage, &err), OMK_ENOENT);
    assert_int_equal(usage.web, 1);
    make_tree("alice", &alice);
    write_bytes(at("srv/omakase/alice/web/a"), 300000);
    write_bytes(at("srv/omakase/alice/log/web.log"), 700000);
    if (omk_usage_tree(&node, "alice", &usage, &err)) {
        fail_msg("%s: %s", err.where, err.text);
    }
    assert_in_range(usage.web, 300000, 400000);
    assert_in_range(usage.log, 700000, 800000);
    assert_int_equal(usage.mail, 3);
    assert_int_equal(usage.databases, 4);

    /* log -> elsewhere */
    assert_true(run("rm -r '%s'", at("srv/omakase/alice/log")));
    assert_int_equal(symlink("/usr", at("srv/omakase/alice/log")), 0);
    assert_int_equal(omk_usage_tree(&node, "alice", &usage, &err),
                     OMK_EDENIED);
    assert_string_equal(err.where, at("srv/omakase/alice/log"));
}

int main(void)
{
#define CASE(f)                                                                \
    cmocka_unit_test_setup_teardown(f, customers_set_up, customers_tear_down)
    const struct CMUnitTest tests[] = {
        CASE(blocks_are_counted_and_hard_links_once),
        CASE(deep_nesting_is_walked),
        CASE(another_file_system_is_not_entered),
        CASE(a_move_meanwhile_does_not_lead_out),
        CASE(what_may_not_be_read_is_passed_over),
        CASE(a_visit_can_end_it),
        CASE(web_and_log_are_told_apart),
    };
    int failed;

    (void)apr_initialize();
    failed = cmocka_run_group_tests_name("usage", tests, NULL, NULL);
    apr_terminate();
    return failed;
}
