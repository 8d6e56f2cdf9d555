/* Trees against hostile customers, who are processes of their own uids. Most
 * of it needs root and is skipped without. */
#include "cmocka_first.h"
#include "customers.h"
#include "err.h"
#include "tree.h"

#include <acl/libacl.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/acl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

/* --- what a customer tries; 0 is success ---------------------------------- */

static int try_read(const char *path)
{
    char c;
    int fd = open(path, O_RDONLY);

    return fd >= 0 && read(fd, &c, 1) == 1 ? 0 : -1;
}

static int try_list(const char *path)
{
    return opendir(path) ? 0 : -1;
}

static int try_stat(const char *path)
{
    struct stat st;

    return lstat(path, &st);
}

static int try_write(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW, 0644);

    return fd >= 0 && write(fd, "x", 1) == 1 ? 0 : -1;
}

static int try_unlink(const char *path)
{
    return unlink(path);
}

static int try_rename(const char *path)
{
    char to[600];

    (void)snprintf(to, sizeof to, "%s.moved", path);
    return rename(path, to);
}

static int try_rmdir(const char *path)
{
    return rmdir(path);
}

static int try_open_up(const char *path)
{
    return chmod(path, 0777);
}

/* Puts a link to base/outside where path is. */
static int plant_link(const char *path)
{
    (void)rmdir(path);
    return symlink(at("outside"), path);
}

static int plant_directory(const char *path)
{
    return mkdir(path, 0777);
}

/* --- the tree -------------------------------------------------------------- */

static void made_as_designed(void **state)
{
    (void)state;
    NEED_ROOT();
    assert_string_equal(check_tree("alice", &alice), "/: missing\n");
    make_tree("alice", &alice);
    assert_string_equal(check_tree("alice", &alice), "");
    make_tree("alice", &alice);
    assert_string_equal(check_tree("alice", &alice), "");
    assert_string_equal(facts(at("srv")), "0 0 0755 u::rwx,g::r-x,o::r-x");
    assert_string_equal(facts(at("srv/omakase")),
                        "0 0 0711 u::rwx,g::--x,o::--x");
    assert_string_equal(
        facts(at("srv/omakase/alice")),
        "0 0 1770 u::rwx,u:20001:rwx,u:20003:--x,g::---,m::rwx,o::---");
    assert_string_equal(
        facts(at("srv/omakase/alice/web")),
        "0 0 1770 u::rwx,u:20001:rwx,u:20003:r-x,g::---,m::rwx,o::---");
    assert_string_equal(facts(at("srv/omakase/alice/log")),
                        "0 0 0750 u::rwx,u:20001:r-x,g::---,m::r-x,o::---");
    assert_string_equal(facts(at("srv/omakase/alice/home")),
                        "0 0 0750 u::rwx,u:20001:r-x,g::---,m::r-x,o::---");
    assert_string_equal(facts(at("srv/omakase/alice/home/alice")),
                        "20001 20001 0700 u::rwx,g::---,o::---");
    assert_string_equal(facts(at("srv/omakase/alice/tmp")),
                        "20001 20001 0700 u::rwx,g::---,o::---");
}

static void a_neighbour_reads_nothing(void **state)
{
    static const char *const secret[] = {"web/config.php", "log/web.log",
                                         "tmp/sess_1", "home/alice/notes",
                                         ".ftpaccess"};

    (void)state;
    NEED_ROOT();
    make_tree("alice", &alice);
    make_tree("bob", &bob);
    for (size_t i = 0; i < sizeof secret / sizeof *secret; i++) {
        const char *path = at("srv/omakase/alice/%s", secret[i]);

        write_text(path, "secret", 0644);
        assert_true(as(ALICE, try_read, path));
        assert_false(as(BOB, try_read, path));
        assert_false(as(BOB, try_stat, path));
        assert_false(as(BOB, try_write, path));
    }
    assert_false(as(BOB, try_list, at("srv/omakase")));
    assert_false(as(BOB, try_list, at("srv/omakase/alice")));
    assert_false(as(BOB, try_list, at("srv/omakase/alice/web")));
    assert_false(as(BOB, try_write, at("srv/omakase/alice/web/x")));
    assert_false(as(BOB, try_write, at("srv/omakase/x")));
}

static void httpd_reads_web_alone(void **state)
{
    (void)state;
    NEED_ROOT();
    make_tree("alice", &alice);
    write_text(at("srv/omakase/alice/web/index.html"), "hello", 0644);
    write_text(at("srv/omakase/alice/web/private"), "secret", 0600);
    write_text(at("srv/omakase/alice/log/web.log"), "line", 0644);
    write_text(at("srv/omakase/alice/tmp/sess_1"), "secret", 0644);
    assert_true(as(HTTPD, try_read, at("srv/omakase/alice/web/index.html")));
    assert_true(as(HTTPD, try_list, at("srv/omakase/alice/web")));
    assert_false(as(HTTPD, try_read, at("srv/omakase/alice/web/private")));
    assert_false(as(HTTPD, try_write, at("srv/omakase/alice/web/x")));
    assert_false(as(HTTPD, try_list, at("srv/omakase/alice")));
    assert_false(as(HTTPD, try_read, at("srv/omakase/alice/log/web.log")));
    assert_false(as(HTTPD, try_read, at("srv/omakase/alice/tmp/sess_1")));
}

/* P18, P21 */
static void the_customer_writes_within_and_keeps_the_places(void **state)
{
    static const char *const kept[] = {"web", "log", "home", "home/alice"};
    static const char *const free[] = {".ftpaccess", "web/a.html",
                                       "home/alice/a", "tmp/a"};

    (void)state;
    NEED_ROOT();
    make_tree("alice", &alice);
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        const char *path = at("srv/omakase/alice/%s", kept[i]);

        assert_false(as(ALICE, try_rename, path));
        assert_false(as(ALICE, try_rmdir, path));
        assert_true(as(ALICE, try_list, path));
    }
    for (size_t i = 0; i < sizeof free / sizeof *free; i++) {
        const char *path = at("srv/omakase/alice/%s", free[i]);

        assert_true(as(ALICE, try_write, path));
        assert_true(as(ALICE, try_unlink, path));
    }
    write_text(at("srv/omakase/alice/log/web.log"), "line", 0644);
    assert_true(as(ALICE, try_read, at("srv/omakase/alice/log/web.log")));
    assert_false(as(ALICE, try_write, at("srv/omakase/alice/log/web.log")));
    assert_false(as(ALICE, try_unlink, at("srv/omakase/alice/log/web.log")));
    assert_false(as(ALICE, try_write, at("srv/omakase/alice/log/x")));
    assert_false(as(ALICE, try_open_up, at("srv/omakase/alice")));
    assert_false(as(ALICE, try_open_up, at("srv/omakase/alice/web")));
    assert_false(as(ALICE, try_open_up, at("srv/omakase/alice/log")));
}

static void set_acl(const char *path, acl_type_t type, const char *text)
{
    acl_t acl = acl_from_text(text);

    assert_non_null(acl);
    assert_int_equal(acl_set_file(path, type, acl), 0);
    acl_free(acl);
}

static void every_deviation_is_named_and_repaired(void **state)
{
    static const struct {
        const char *place, *label;
        uid_t uid;  /* 0: as it is */
        mode_t mode; /* 0: as it is */
        const char *acl, *default_acl;
        const char *says;
    } cases[] = {
        {"", "/: ", 1, 0, NULL, NULL, "uid 1, gid 0; expected uid 0, gid 0"},
        {"", "/: ", 0, 0770, NULL, NULL, "mode 0770, ACL"},
        {"", "/: ", 0, 01777, NULL, NULL, "o::rwx; expected sticky, u::rwx"},
        {"", "/: ", 0, 0, "u::rwx,g::---,o::---", NULL, "u:20001:rwx"},
        {"web", "/web: ", ALICE, 0, NULL, NULL, "uid 20001, gid 0"},
        {"web", "/web: ", 0, 0755, NULL, NULL, "mode 0755"},
        {"web", "/web: ", 0, 03770, NULL, NULL, "mode 3770"},
        {"web", "/web: ", 0, 0,
         "u::rwx,u:20002:rwx,g::---,m::rwx,o::---", NULL, "u:20002:rwx"},
        {"web", "/web: ", 0, 0, NULL, "u::rwx,u:20002:rwx,g::-,m::rwx,o::-",
         "default ACL"},
        {"log", "/log: ", 0, 0777, NULL, NULL, "mode 0777"},
        {"home", "/home: ", BOB, 0, NULL, NULL, "uid 20002"},
        {"home/alice", "/home/alice: ", 1, 0, NULL, NULL, "uid 1"},
        {"home/alice", "/home/alice: ", 0, 0755, NULL, NULL, "mode 0755"},
        {"tmp", "/tmp: ", 0, 01777, NULL, NULL, "mode 1777"},
        {"tmp", "/tmp: ", 0, 0, "u::rwx,u:20002:rwx,g::-,m::rwx,o::-", NULL,
         "u:20002:rwx"},
    };

    (void)state;
    NEED_ROOT();
    make_tree("alice", &alice);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *path = at("srv/omakase/alice/%s", cases[i].place);
        const char *text;

        if (cases[i].uid) {
            assert_int_equal(chown(path, cases[i].uid, (gid_t)-1), 0);
        }
        if (cases[i].mode) {
            assert_int_equal(chmod(path, cases[i].mode), 0);
        }
        if (cases[i].acl) {
            set_acl(path, ACL_TYPE_ACCESS, cases[i].acl);
        }
        if (cases[i].default_acl) {
            set_acl(path, ACL_TYPE_DEFAULT, cases[i].default_acl);
        }
        text = check_tree("alice", &alice);
        if (strncmp(text, cases[i].label, strlen(cases[i].label)) != 0
            || !strstr(text, cases[i].says)
            || strchr(text, '\n') != text + strlen(text) - 1) {
            fail_msg("case %zu: '%s' without '%s'", i, text, cases[i].says);
        }
        make_tree("alice", &alice);
        text = check_tree("alice", &alice);
        if (*text) {
            fail_msg("case %zu: not repaired: %s", i, text);
        }
    }
}

static void a_missing_place_is_named_and_made(void **state)
{
    (void)state;
    NEED_ROOT();
    make_tree("alice", &alice);
    assert_int_equal(rmdir(at("srv/omakase/alice/home/alice")), 0);
    assert_int_equal(rmdir(at("srv/omakase/alice/web")), 0);
    assert_string_equal(check_tree("alice", &alice),
                        "/web: missing\n/home/alice: missing\n");
    make_tree("alice", &alice);
    assert_string_equal(check_tree("alice", &alice), "");
}

static void nothing_below_is_touched(void **state)
{
    (void)state;
    NEED_ROOT();
    make_tree("alice", &alice);
    assert_int_equal(mkdir(at("srv/omakase/alice/web/d"), 0700), 0);
    assert_int_equal(chown(at("srv/omakase/alice/web/d"), 1, 2), 0);
    assert_int_equal(chmod(at("srv/omakase/alice/web/d"), 02707), 0);
    assert_int_equal(chmod(at("srv/omakase/alice/web"), 0700), 0);
    make_tree("alice", &alice);
    assert_string_equal(facts(at("srv/omakase/alice/web/d")),
                        "1 2 2707 u::rwx,g::---,o::rwx");
}

/* --- a hostile one --------------------------------------------------------- */

static void make_outside(void)
{
    assert_int_equal(mkdir(at("outside"), 0755), 0);
    assert_int_equal(chmod(at("outside"), 0755), 0);
}

static void what_is_planted_stays_and_is_named(void **state)
{
    static const struct {
        const char *place;
        bool by_root; /* the customer cannot take this place away */
    } cases[] = {{"tmp", false}, {"web", true}, {"log", true}, {"home", true}};

    (void)state;
    NEED_ROOT();
    make_outside();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *path = at("srv/omakase/alice/%s", cases[i].place);
        char expected[600], link[600] = "";
        struct omk_err err = {0};

        make_tree("alice", &alice);
        if (cases[i].by_root) {
            if (!strcmp(cases[i].place, "home")) {
                assert_int_equal(rmdir(at("srv/omakase/alice/home/alice")), 0);
            }
            assert_true(run("rm -r '%s'", path));
        }
        assert_true(as(ALICE, plant_link, path));
        (void)snprintf(expected, sizeof expected,
                       "/%s: a symbolic link to '%s' (uid 20001) stands there; "
                       "expected a directory\n",
                       cases[i].place, at("outside"));
        assert_string_equal(check_tree("alice", &alice), expected);
        assert_int_equal(omk_tree_make(&node, "alice", &alice, &err),
                         OMK_EDENIED);
        assert_string_equal(err.where, path);
        assert_non_null(strstr(err.text, "a symbolic link to"));
        assert_non_null(strstr(err.text, "was left"));
        assert_true(readlink(path, link, sizeof link - 1) > 0);
        assert_string_equal(facts(at("outside")),
                            "0 0 0755 u::rwx,g::r-x,o::r-x");
        assert_int_equal(unlink(path), 0);
    }
    make_tree("alice", &alice);
    assert_string_equal(check_tree("alice", &alice), "");
}

static void one_planted_place_does_not_keep_the_others(void **state)
{
    struct omk_err err = {0};

    (void)state;
    NEED_ROOT();
    make_tree("alice", &alice);
    assert_int_equal(rmdir(at("srv/omakase/alice/web")), 0);
    write_text(at("srv/omakase/alice/web"), "a file", 0644);
    assert_int_equal(chmod(at("srv/omakase/alice/tmp"), 0777), 0);
    assert_int_equal(chmod(at("srv/omakase/alice"), 0777), 0);
    assert_int_equal(omk_tree_make(&node, "alice", &alice, &err), OMK_EDENIED);
    assert_string_equal(err.where, at("srv/omakase/alice/web"));
    assert_string_equal(check_tree("alice", &alice),
                        "/web: a file of uid 0 stands there; expected a "
                        "directory\n");
}

/* httpd's parent opens log/error.log as root. */
static void a_log_that_the_customer_made_is_refused(void **state)
{
    struct omk_err err = {0};
    const char *log;

    (void)state;
    NEED_ROOT();
    make_tree("alice", &alice);
    log = at("srv/omakase/alice/log");
    assert_true(run("rm -r '%s'", log));
    assert_true(as(ALICE, plant_directory, log));
    assert_int_equal(omk_tree_make(&node, "alice", &alice, &err), OMK_EDENIED);
    assert_string_equal(err.where, log);
    assert_non_null(strstr(err.text, "uid 20001 stands there and was left"));
    assert_string_equal(facts(log), "20001 20001 0700 u::rwx,g::---,o::---");
    assert_int_equal(rmdir(log), 0);
    make_tree("alice", &alice);

    /* Somebody opened it for a while. */
    log = at("srv/omakase/alice/log");
    set_acl(log, ACL_TYPE_ACCESS, "u::rwx,u:20001:rwx,g::-,m::rwx,o::-");
    make_outside();
    assert_int_equal(unlink(at("srv/omakase/alice/log/error.log")), 0);
    assert_true(as(ALICE, plant_link, at("srv/omakase/alice/log/error.log")));
    assert_int_equal(omk_tree_make(&node, "alice", &alice, &err), OMK_EDENIED);
    assert_non_null(strstr(err.text, "error.log is a symbolic link of uid"));
    assert_string_equal(facts(log),
                        "0 0 0750 u::rwx,u:20001:r-x,g::---,m::r-x,o::---");
    assert_string_equal(check_tree("alice", &alice),
                        "/log: error.log is a symbolic link of uid 20001; "
                        "it could be written through as root: look at it and "
                        "remove it\n");
    assert_int_equal(unlink(at("srv/omakase/alice/log/error.log")), 0);
    make_tree("alice", &alice);
}

/* php-fpm opens error.log first, and would make it 0600. */
static void the_customer_reads_the_logs(void **state)
{
    static const char *const logs[] = {"error.log", "web.log"};

    (void)state;
    NEED_ROOT();
    make_tree("alice", &alice);
    for (size_t i = 0; i < sizeof logs / sizeof *logs; i++) {
        const char *log = at("srv/omakase/alice/log/%s", logs[i]);

        write_text(log, "line", 0644);
        assert_true(as(ALICE, try_read, log));
        assert_false(as(ALICE, try_write, log));
        assert_int_equal(chmod(log, 0600), 0);
        assert_string_equal(check_tree("alice", &alice),
                            at("/log: %s: mode 0600; expected 0644\n", logs[i])
                                + strlen(base) + 1);
        make_tree("alice", &alice);
        assert_true(as(ALICE, try_read, log));
        assert_int_equal(unlink(log), 0);
        assert_string_equal(check_tree("alice", &alice),
                            at("/log: %s is missing\n", logs[i])
                                + strlen(base) + 1);
        make_tree("alice", &alice);
        assert_string_equal(check_tree("alice", &alice), "");
    }
}

/* The user of omakase-weblog writes the logs, and root what php-fpm tells of
 * slow scripts: neither customer nor logger can put something else there. */
static void the_logger_has_its_logs_and_no_more(void **state)
{
    enum { LOGGER = 20004 };
    struct omk_weblog_ids ids = {LOGGER, LOGGER};
    struct omk_err err = {0};
    const char *log;

    (void)state;
    NEED_ROOT();
    /* A tree of before there was a logger. */
    make_tree("alice", &alice);
    node.weblog_ids = &ids;
    assert_non_null(strstr(check_tree("alice", &alice), "u:20004:--x"));
    assert_non_null(strstr(check_tree("alice", &alice),
                           "/log: error.log: uid 0, gid 0; expected uid 20004, "
                           "gid 20004\n"));
    make_tree("alice", &alice);
    assert_string_equal(check_tree("alice", &alice), "");
    log = at("srv/omakase/alice/log");
    assert_string_equal(
        facts(log),
        "0 0 1770 u::rwx,u:20001:r-x,u:20004:rwx,g::---,m::rwx,o::---");
    assert_string_equal(facts(at("srv/omakase/alice/log/web.log")),
                        "20004 20004 0644 u::rw-,g::r--,o::r--");
    assert_string_equal(facts(at("srv/omakase/alice/log/error.log")),
                        "20004 20004 0644 u::rw-,g::r--,o::r--");
    assert_string_equal(facts(at("srv/omakase/alice/log/php-slow.log")),
                        "0 20004 0664 u::rw-,g::rw-,o::r--");
    assert_true(as(LOGGER, try_write, at("srv/omakase/alice/log/web.log")));
    assert_true(as(LOGGER, try_write, at("srv/omakase/alice/log/new")));
    assert_true(as(LOGGER, try_write, at("srv/omakase/alice/log/php-slow.log")));
    assert_false(
        as(LOGGER, try_unlink, at("srv/omakase/alice/log/php-slow.log")));
    assert_false(as(LOGGER, try_read, at("srv/omakase/alice")));
    assert_false(as(LOGGER, try_read, at("srv/omakase/alice/web")));
    assert_false(as(LOGGER, try_write, at("srv/omakase/alice/x")));
    assert_true(as(ALICE, try_read, at("srv/omakase/alice/log/web.log")));
    assert_true(as(ALICE, try_read, at("srv/omakase/alice/log/php-slow.log")));
    assert_false(as(ALICE, try_write, at("srv/omakase/alice/log/web.log")));
    assert_false(as(ALICE, try_unlink, at("srv/omakase/alice/log/new")));
    assert_false(as(BOB, try_read, at("srv/omakase/alice/log/web.log")));
    assert_string_equal(check_tree("alice", &alice), "");

    /* The logger's own links are no better than a customer's. */
    make_outside();
    assert_int_equal(unlink(at("srv/omakase/alice/log/php-slow.log")), 0);
    assert_true(
        as(LOGGER, plant_link, at("srv/omakase/alice/log/php-slow.log")));
    assert_int_equal(omk_tree_make(&node, "alice", &alice, &err), OMK_EDENIED);
    assert_non_null(strstr(err.text, "php-slow.log is a symbolic link of uid"));
    assert_int_equal(unlink(at("srv/omakase/alice/log/php-slow.log")), 0);
    /* Nor is a second name of what root owns. */
    write_text(at("srv/roots"), "root's", 0600);
    assert_int_equal(link(at("srv/roots"),
                          at("srv/omakase/alice/log/php-slow.log")),
                     0);
    assert_int_equal(omk_tree_make(&node, "alice", &alice, &err), OMK_EIO);
    assert_string_equal(facts(at("srv/roots")),
                        "0 0 0600 u::rw-,g::---,o::---");
    assert_int_equal(unlink(at("srv/omakase/alice/log/php-slow.log")), 0);
    make_tree("alice", &alice);
}

/* Swaps every place that it can with links and directories, for ever. */
static void swap_for_ever(void)
{
    static const char *const places[] = {"tmp", "web", "log", "home"};

    for (unsigned i = 0;; i++) {
        const char *path = at("srv/omakase/alice/%s", places[i % 4]);
        const char *aside = at("srv/omakase/alice/aside.%u", i % 64);

        (void)rename(path, aside);
        (void)symlink(i & 4 ? at("outside") : at("srv/omakase/bob/web"), path);
        (void)rename(path, at("srv/omakase/alice/aside"));
        if (i & 8) {
            (void)mkdir(path, 0777);
        }
    }
}

static void swaps_while_it_works_gain_nothing(void **state)
{
    const char *outside, *neighbour;
    char before[2][300];
    pid_t pid;

    (void)state;
    NEED_ROOT();
    make_tree("alice", &alice);
    make_tree("bob", &bob);
    make_outside();
    strcpy(before[0], facts(at("outside")));
    strcpy(before[1], facts(at("srv/omakase/bob/web")));
    pid = fork();
    if (pid == 0) {
        if (setgid(ALICE) != 0 || setuid(ALICE) != 0
            /* after setuid, which clears it */
            || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) {
            _exit(99);
        }
        swap_for_ever();
    }
    assert_true(pid > 0);
    for (int i = 0; i < 2000; i++) {
        struct omk_err err;
        int fd;

        /* Every other time it can swap all of them, until make comes to it. */
        if (i & 1) {
            (void)chmod(at("srv/omakase/alice"), 0777);
        }
        (void)omk_tree_make(&node, "alice", &alice, &err);
        if (omk_tree_open(&node, "alice", "web", NULL, &fd, &err) == OMK_OK) {
            close(fd);
        }
    }
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    outside = facts(at("outside"));
    neighbour = facts(at("srv/omakase/bob/web"));
    assert_string_equal(outside, before[0]);
    assert_string_equal(neighbour, before[1]);
    assert_string_equal(check_tree("bob", &bob), "");
}

/* --- where it stands ------------------------------------------------------- */

static void a_file_system_without_acls_is_an_error(void **state)
{
    static char srv[100];
    struct omk_err err = {0};

    (void)state;
    NEED_ROOT();
    assert_int_equal(mkdir(at("fs"), 0755), 0);
    NEED(mount_at("ramfs", at("fs"), "mode=0755"), "no ramfs");
    (void)snprintf(srv, sizeof srv, "%s/fs/omakase", base);
    node.srv_dir = srv;
    assert_int_equal(omk_tree_make(&node, "alice", &alice, &err), OMK_EINVAL);
    assert_non_null(strstr(err.text, "has no ACLs"));
    assert_false(as(BOB, try_list, at("fs/omakase/alice/web")));
}

static void customers_do_not_own_the_directory_of_trees(void **state)
{
    struct omk_err err = {0};

    (void)state;
    NEED_ROOT();
    make_tree("alice", &alice);
    assert_int_equal(chmod(at("srv/omakase"), 0777), 0);
    assert_int_equal(omk_tree_make(&node, "bob", &bob, &err), OMK_EDENIED);
    assert_string_equal(err.where, node.srv_dir);
    assert_non_null(strstr(err.text, "mode 0777; expected uid 0, writable by"));
    assert_non_null(strstr(check_tree("alice", &alice), "mode 0777; expected"));
    assert_int_not_equal(access(at("srv/omakase/bob"), F_OK), 0);
}

static int as_single_user(const char *arg)
{
    const struct omk_account me = {geteuid(), getegid(), "me"};
    struct omk_err err = {0};

    (void)arg;
    node.single_user = true;
    return omk_tree_make(&node, "alice", &me, &err) == OMK_OK
                   && !strcmp(check_tree("alice", &me), "")
                   && chmod(at("srv/omakase/alice/web"), 0700) == 0
                   && !strncmp(check_tree("alice", &me), "/web: mode 0700", 15)
                   && omk_tree_make(&node, "alice", &me, &err) == OMK_OK
                   && !strcmp(check_tree("alice", &me), "")
               ? 0
               : -1;
}

static void single_user_mode_has_plain_modes(void **state)
{
    static const struct {
        const char *place;
        mode_t mode;
    } cases[] = {{"", 0700},     {"web", 0755},       {"log", 0755},
                 {"home", 0755}, {"home/alice", 0700}, {"tmp", 0700}};

    (void)state;
    if (geteuid() == 0) {
        assert_int_equal(chown(base, ALICE, ALICE), 0);
        assert_true(as(ALICE, as_single_user, ""));
    }
    else {
        assert_int_equal(as_single_user(""), 0);
    }
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct stat st;

        assert_int_equal(
            lstat(at("srv/omakase/alice/%s", cases[i].place), &st), 0);
        assert_int_equal(st.st_mode & 07777, cases[i].mode);
    }
}

int main(void)
{
#define CASE(f)                                                                \
    cmocka_unit_test_setup_teardown(f, customers_set_up, customers_tear_down)
    const struct CMUnitTest tests[] = {
        CASE(made_as_designed),
        CASE(a_neighbour_reads_nothing),
        CASE(httpd_reads_web_alone),
        CASE(the_customer_writes_within_and_keeps_the_places),
        CASE(every_deviation_is_named_and_repaired),
        CASE(a_missing_place_is_named_and_made),
        CASE(nothing_below_is_touched),
        CASE(what_is_planted_stays_and_is_named),
        CASE(one_planted_place_does_not_keep_the_others),
        CASE(a_log_that_the_customer_made_is_refused),
        CASE(the_customer_reads_the_logs),
        CASE(the_logger_has_its_logs_and_no_more),
        CASE(swaps_while_it_works_gain_nothing),
        CASE(a_file_system_without_acls_is_an_error),
        CASE(customers_do_not_own_the_directory_of_trees),
        CASE(single_user_mode_has_plain_modes),
    };

    return cmocka_run_group_tests_name("tree", tests, NULL, NULL);
}
