#include "cmocka_first.h"
#include "denied.h"
#include "err.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64];
static char file[80];

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(dir, sizeof dir, "/tmp/denied-XXXXXX");
    if (!mkdtemp(dir)) {
        return -1;
    }
    (void)snprintf(file, sizeof file, "%s/denied", dir);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    (void)unlink(file);
    return rmdir(dir);
}

static void write_text(const char *text)
{
    char new[96];
    FILE *f;

    (void)snprintf(new, sizeof new, "%s.new", file);
    f = fopen(new, "w");
    assert_non_null(f);
    (void)fputs(text, f);
    assert_int_equal(0, fclose(f));
    assert_int_equal(0, rename(new, file));
}

static char *text_of(void)
{
    static char text[4096];
    FILE *f = fopen(file, "r");
    size_t n;

    assert_non_null(f);
    n = fread(text, 1, sizeof text - 1, f);
    text[n] = '\0';
    (void)fclose(f);
    return text;
}

/* --- reading -------------------------------------------------------------- */

#define LINE(text, good)                                                       \
    {                                                                          \
        text, sizeof text - 1, good                                            \
    }

static const struct {
    const char *text;
    size_t len;
    int good; /* -1: neither an entry nor damaged */
} one_line[] = {
    LINE("alice\t1:2\t/web/a.cgi\t2026-11-25T10:00:00Z\tsends spam\n", 1),
    LINE("alice\t1:2\t/web/a.cgi\t2026-11-25T10:00:00Z\tno newline", 1),
    LINE("alice\t0:0\t/web/a.cgi\t\t\n", 1),
    LINE("al-i_ce.2\t1:2\t/\tt\tw\n", 1),
    LINE("alice\t18446744073709551615:18446744073709551615\t/a\tt\tw\n", 1),
    LINE("alice\t1:2\t/a\\x09b\\\\\\x0Ac\tt\t\\x7F\n", 1),
    LINE("", -1),
    LINE("\n\n", -1),
    LINE("# alice\t1:2\t/a\tt\tw\n", -1),
    LINE("alice\n", 0),
    LINE("alice\t1:2\t/a\tt\n", 0),
    LINE("alice\t1:2\t/a\tt\tw\tmore\n", 0),
    LINE("\t1:2\t/a\tt\tw\n", 0),
    LINE("al ice\t1:2\t/a\tt\tw\n", 0),
    LINE("alice\t1\t/a\tt\tw\n", 0),
    LINE("alice\t1:\t/a\tt\tw\n", 0),
    LINE("alice\t:2\t/a\tt\tw\n", 0),
    LINE("alice\t1:2:3\t/a\tt\tw\n", 1),
    LINE("alice\t1:2:18446744073709551615\t/a\tt\tw\n", 1),
    LINE("alice\t1:2:\t/a\tt\tw\n", 0),
    LINE("alice\t1:2:-3\t/a\tt\tw\n", 0),
    LINE("alice\t1:2:3:4\t/a\tt\tw\n", 0),
    LINE("alice\t1:2:18446744073709551616\t/a\tt\tw\n", 0),
    LINE("alice\t-1:2\t/a\tt\tw\n", 0),
    LINE("alice\t1:18446744073709551616\t/a\tt\tw\n", 0),
    LINE("alice\t1:2\ta\tt\tw\n", 0),
    LINE("alice\t1:2\t\tt\tw\n", 0),
    LINE("alice\t1:2\t/a\\n\tt\tw\n", 0),
    LINE("alice\t1:2\t/a\\x0\tt\tw\n", 0),
    LINE("alice\t1:2\t/a\\x00\tt\tw\n", 0),
    LINE("alice\t1:2\t/a\\xgg\tt\tw\n", 0),
    LINE("alice\t1:2\t/a\tt\tw\\\n", 0),
    LINE("alice\t1:2\t/a\0b\tt\tw\n", 0),
    LINE(" # no comment\n", 0),
};

static void each_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof one_line / sizeof *one_line; i++) {
        char *exact = malloc(one_line[i].len ? one_line[i].len : 1);
        struct omk_denied list = {0};

        assert_non_null(exact);
        memcpy(exact, one_line[i].text, one_line[i].len);
        assert_int_equal(0,
                         omk_denied_parse(&list, exact, one_line[i].len, NULL));
        if ((int)list.count != (one_line[i].good == 1)
            || (int)list.damaged != (one_line[i].good == 0)) {
            fail_msg("%s: %zu, %u damaged", one_line[i].text, list.count,
                     list.damaged);
        }
        omk_denied_free(&list);
        free(exact);
    }
}

static void damage_hurts_nobody_else(void **state)
{
    static const char text[] = "# list\n"
                               "alice\t1:2\t/a\tt\tw\n"
                               "damaged\n"
                               "\n"
                               "bob\t3:4\t/b\\x09\\\\\tt\tw\n"
                               "damaged too\n";
    struct omk_denied list = {0};

    (void)state;
    assert_int_equal(0, omk_denied_parse(&list, text, sizeof text - 1, NULL));
    assert_int_equal(list.count, 2);
    assert_int_equal(list.damaged, 2);
    assert_int_equal(list.damaged_line, 3);
    assert_string_equal(list.entries[1].path, "/b\t\\");
    assert_int_equal(list.entries[1].file.dev, 3);
    omk_denied_free(&list);
}

static const struct {
    const char *label, *login, *path;
    struct omk_denied_file file;
    const char *why; /* NULL: not denied */
} finds[] = {
    {"path and file", "alice", "/web/a.cgi", {1, 2, 7}, "one"},
    {"uploaded again", "alice", "/web/a.cgi", {1, 99, 8}, "one"},
    {"renamed", "alice", "/web/b.cgi", {1, 2, 7}, "one"},
    {"another file", "alice", "/web/b.cgi", {1, 99, 7}, NULL},
    {"another file with its inode", "alice", "/web/b.cgi", {1, 2, 8}, NULL},
    {"its birth is not known now", "alice", "/web/b.cgi", {1, 2, 0}, "one"},
    {"its birth was not known then", "alice", "/web/c.cgi", {1, 3, 7}, "old"},
    {"same inode, another device", "alice", "/web/b.cgi", {2, 2, 7}, NULL},
    {"another customer", "bob", "/web/a.cgi", {1, 2, 7}, NULL},
    {"a login that begins so", "alic", "/web/a.cgi", {1, 2, 7}, NULL},
    {"a path that begins so", "alice", "/web/a.cg", {0, 0, 0}, NULL},
    {"below a path", "alice", "/web/a.cgi/x", {0, 0, 0}, NULL},
    {"by path alone", "alice", "/web/a.cgi", {0, 0, 0}, "one"},
    {"was not there when it was disabled",
     "alice",
     "/web/gone.cgi",
     {5, 6, 7},
     "two"},
    {"unknown matches no unknown", "alice", "/web/c.cgi", {0, 0, 0}, NULL},
};

static void finding(void **state)
{
    static const char text[] = "alice\t1:2:7\t/web/a.cgi\tt\tone\n"
                               "alice\t1:3\t/web/old.cgi\tt\told\n"
                               "alice\t0:0\t/web/gone.cgi\tt\ttwo\n";
    struct omk_denied list = {0};

    (void)state;
    assert_int_equal(0, omk_denied_parse(&list, text, sizeof text - 1, NULL));
    for (size_t i = 0; i < sizeof finds / sizeof *finds; i++) {
        const struct omk_denied_entry *e = omk_denied_find(
            &list, finds[i].login, finds[i].path, &finds[i].file);

        if (!e != !finds[i].why || (e && strcmp(e->why, finds[i].why) != 0)) {
            fail_msg("%s: %s", finds[i].label, e ? e->why : "not denied");
        }
    }
    omk_denied_free(&list);
}

/* --- the file ------------------------------------------------------------- */

#define ALICE "alice\t1:2\t/web/a.cgi\tt\tone\n"
#define BOB "bob\t3:4\t/web/b.cgi\tt\ttwo\n"

static void read_when_changed(void **state)
{
    struct omk_denied list = {0};
    bool changed = true;

    (void)state;
    assert_int_equal(0, omk_denied_load(&list, file, &changed, NULL));
    assert_true(!changed && list.count == 0); /* no such file */
    write_text(ALICE);
    assert_int_equal(0, omk_denied_load(&list, file, &changed, NULL));
    assert_true(changed && list.count == 1);
    assert_int_equal(0, omk_denied_load(&list, file, &changed, NULL));
    assert_false(changed);
    write_text(BOB ALICE);
    assert_int_equal(0, omk_denied_load(&list, file, NULL, NULL));
    assert_int_equal(list.count, 2);
    assert_int_equal(0, unlink(file));
    assert_int_equal(0, omk_denied_load(&list, file, &changed, NULL));
    assert_true(changed && list.count == 0);
    omk_denied_free(&list);
}

/* The same size and time, another inode. */
static void read_when_replaced(void **state)
{
    struct omk_denied list = {0};
    struct timespec times[2] = {{1000000000, 5}, {1000000000, 5}};
    bool changed;

    (void)state;
    write_text(ALICE);
    assert_int_equal(0, utimensat(AT_FDCWD, file, times, 0));
    assert_int_equal(0, omk_denied_load(&list, file, &changed, NULL));
    write_text("carol\t1:2\t/web/a.cgi\tt\tone\n");
    assert_int_equal(0, utimensat(AT_FDCWD, file, times, 0));
    assert_int_equal(0, omk_denied_load(&list, file, &changed, NULL));
    assert_true(changed);
    assert_string_equal(list.entries[0].login, "carol");
    omk_denied_free(&list);
    assert_int_equal(0, unlink(file));
}

/* What cannot be read lifts nothing. */
static void errors_lift_nothing(void **state)
{
    struct omk_denied list = {0};
    struct omk_err err = {0};
    bool changed;

    (void)state;
    write_text(ALICE);
    assert_int_equal(0, omk_denied_load(&list, file, &changed, NULL));
    assert_int_equal(0, unlink(file));
    assert_int_equal(0, mkfifo(file, 0600));
    assert_int_equal(OMK_EINVAL, omk_denied_load(&list, file, &changed, &err));
    assert_false(changed);
    assert_int_equal(list.count, 1);
    assert_int_equal(0, unlink(file));
    write_text("");
    assert_int_equal(0, truncate(file, OMK_DENIED_FILE_MAX + 1));
    assert_int_equal(OMK_ERANGE, omk_denied_load(&list, file, &changed, &err));
    assert_string_equal(err.where, file);
    assert_int_equal(list.count, 1);
    assert_int_equal(0, unlink(file));
    omk_denied_free(&list);
}

/* --- writing -------------------------------------------------------------- */

static const struct omk_denied_entry alice = {"alice",
                                              "/web/a\tb\n\\\x7f.cgi",
                                              "2026-11-25T10:00:00Z",
                                              "line one\nline two",
                                              {7, 8, 1700000000000000009}};

static void add_and_remove(void **state)
{
    struct omk_denied list = {0};
    struct omk_denied_entry again = alice;
    const struct omk_denied_entry *e;
    struct stat st;

    (void)state;
    assert_int_equal(0, omk_denied_add(file, &alice, 0640, (gid_t)-1, NULL));
    assert_int_equal(0, stat(file, &st));
    assert_int_equal(st.st_mode & 07777, 0640);
    assert_string_equal(
        text_of(),
        "alice\t7:8:1700000000000000009\t/web/a\\x09b\\x0A\\\\\\x7F.cgi\t"
        "2026-11-25T10:00:00Z\tline one\\x0Aline two\n");
    assert_int_equal(0, omk_denied_load(&list, file, NULL, NULL));
    e = omk_denied_find(&list, "alice", alice.path, NULL);
    assert_non_null(e);
    assert_string_equal(e->why, alice.why);
    assert_string_equal(e->time, alice.time);

    again.why = "again";
    again.file.born_ns = 0;
    assert_int_equal(0, omk_denied_add(file, &again, 0640, (gid_t)-1, NULL));
    assert_int_equal(0, omk_denied_load(&list, file, NULL, NULL));
    assert_int_equal(list.count, 1);
    assert_string_equal(list.entries[0].why, "again");

    assert_int_equal(OMK_ENOENT, omk_denied_remove(file, "bob", alice.path,
                                                   0640, (gid_t)-1, NULL));
    assert_int_equal(
        0, omk_denied_remove(file, "alice", alice.path, 0640, (gid_t)-1, NULL));
    assert_string_equal(text_of(), "");
    omk_denied_free(&list);
    assert_int_equal(0, unlink(file));
}

/* A file that gets the inode of one that was removed is another. */
static void identity_of_a_file(void **state)
{
    struct omk_denied_file first, same, second;
    struct stat st;
    int fd;

    (void)state;
    write_text(ALICE);
    fd = open(file, O_PATH | O_CLOEXEC);
    assert_int_equal(0, fstat(fd, &st));
    assert_int_equal(0, omk_denied_identify(fd, &first));
    assert_int_equal(first.dev, st.st_dev);
    assert_int_equal(first.ino, st.st_ino);
    assert_int_equal(0, truncate(file, 1));
    assert_int_equal(0, omk_denied_identify(fd, &same));
    assert_memory_equal(&first, &same, sizeof first);
    (void)close(fd);
    assert_int_equal(0, unlink(file));
    /* A clock tick may be longer than what was done in it. */
    for (int i = 0; i < 100000; i++) {
        write_text(BOB);
        fd = open(file, O_PATH | O_CLOEXEC);
        assert_int_equal(0, omk_denied_identify(fd, &second));
        (void)close(fd);
        assert_int_equal(0, unlink(file));
        if (memcmp(&first, &second, sizeof first) != 0) {
            break;
        }
    }
    assert_memory_not_equal(&first, &second, sizeof first);
    assert_int_equal(-1, omk_denied_identify(-1, &second));
}

static void others_stay_as_they_are(void **state)
{
    (void)state;
    write_text("# by hand\n" ALICE "damaged\n" BOB "no newline");
    assert_int_equal(0, omk_denied_remove(file, "alice", "/web/a.cgi", 0600,
                                          (gid_t)-1, NULL));
    assert_string_equal(text_of(), "# by hand\ndamaged\n" BOB "no newline\n");
    assert_int_equal(0, unlink(file));
}

static void group(void **state)
{
    struct stat st;

    (void)state;
    if (geteuid() != 0) {
        print_message("# skipped group: needs root\n");
        return;
    }
    assert_int_equal(0, omk_denied_add(file, &alice, 0640, 20001, NULL));
    assert_int_equal(0, stat(file, &st));
    assert_int_equal(st.st_gid, 20001);
    assert_int_equal(st.st_mode & 07777, 0640);
    assert_int_equal(0, unlink(file));
}

static const struct {
    const char *login, *path, *time;
} bad_entries[] = {
    {"", "/a", "t"},     {"a b", "/a", "t"}, {"a\tb", "/a", "t"},
    {"#a", "/a", "t"},   {"a", "a", "t"},    {"a", "", "t"},
    {"a", "/a", "t\tx"}, {"a", "/a", "t\n"},
};

static void bad_entries_are_not_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad_entries / sizeof *bad_entries; i++) {
        struct omk_denied_entry e = {bad_entries[i].login,
                                     bad_entries[i].path,
                                     bad_entries[i].time,
                                     "w",
                                     {0, 0, 0}};

        assert_int_equal(OMK_EINVAL,
                         omk_denied_add(file, &e, 0600, (gid_t)-1, NULL));
    }
    assert_int_equal(-1, access(file, F_OK));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_line),
        cmocka_unit_test(damage_hurts_nobody_else),
        cmocka_unit_test(finding),
        cmocka_unit_test(read_when_changed),
        cmocka_unit_test(read_when_replaced),
        cmocka_unit_test(errors_lift_nothing),
        cmocka_unit_test(add_and_remove),
        cmocka_unit_test(identity_of_a_file),
        cmocka_unit_test(others_stay_as_they_are),
        cmocka_unit_test(group),
        cmocka_unit_test(bad_entries_are_not_written),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
