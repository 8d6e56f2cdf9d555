/* Against a system of its own: useradd --prefix. What makes users needs root
 * and is skipped without. */
#include "account.h"
#include "cmocka_first.h"
#include "customers.h"
#include "err.h"
#include "node.h"
#include "tool.h"

#include <apr_general.h>
#include <apr_strings.h>
#include <ftw.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static apr_pool_t *pool;
static char dir[64];

static const char *in_dir(const char *name)
{
    return apr_pstrcat(pool, dir, name, NULL);
}

static void write_file(const char *name, const char *text)
{
    FILE *f = fopen(in_dir(name), "w");

    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static const char *read_file(const char *name)
{
    char *text = apr_pcalloc(pool, 8192);
    FILE *f = fopen(in_dir(name), "r");

    assert_non_null(f);
    (void)fread(text, 1, 8191, f);
    fclose(f);
    return text;
}

static int set_up(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/omakase-account-XXXXXX");
    assert_non_null(mkdtemp(dir));
    assert_int_equal(mkdir(in_dir("/etc"), 0755), 0);
    assert_int_equal(mkdir(in_dir("/state"), 0755), 0);
    write_file("/etc/passwd",
               "root:x:0:0:root:/root:/bin/bash\n"
               "alice:x:20000:20000:Omakase customer /r:/h:/usr/sbin/nologin\n"
               "other:x:20004:20004:Omakase customer /q:/h:/usr/sbin/nologin\n"
               "human:x:1000:1000:A Human,,,:/h:/bin/bash\n"
               "stray:x:20009:20009:A Human,,,:/h:/bin/bash\n"
               "lower:x:1001:1001:Omakase customer /r:/h:/usr/sbin/nologin\n"
               "twin:x:20002:20002:Omakase customer /r:/h:/usr/sbin/nologin\n"
               "twain:x:20002:20002:Omakase customer /r:/h:/usr/sbin/nologin\n");
    write_file("/etc/group", "root:x:0:\nalice:x:20000:\nsome:x:20005:\n"
                             "other:x:20004:\n");
    write_file("/etc/shadow", "root:*:1::::::\n");
    write_file("/etc/gshadow", "root:*::\n");
    write_file("/etc/login.defs", "USERGROUPS_ENAB yes\n");
    write_file("/etc/subuid", "");
    write_file("/etc/subgid", "");
    memset(&node, 0, sizeof node);
    node.root = "/r";
    node.file = "/r/etc/omakase/omakase.conf";
    node.srv_dir = "/r/srv/omakase";
    node.state_dir = in_dir("/state");
    node.uid_min = 20000;
    node.uid_max = 20020;
    node.httpd_user = "www-data";
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type,
                      struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static int tear_down(void **state)
{
    (void)state;
    return nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static struct omk_accounts *load(void)
{
    struct omk_accounts *a = NULL;
    struct omk_err err = {0};
    int rc = omk_accounts_load_in(pool, &node, dir, &a, &err);

    if (rc) {
        fail_msg("%s: %s", err.where, err.text);
    }
    return a;
}

static void only_a_customers_user_is_found(void **state)
{
    static const struct {
        const char *login;
        int rc;
        const char *says;
    } cases[] = {
        {"alice", OMK_OK, ""},
        {"other", OMK_OK, ""}, /* of another root on the same machine */
        {"nobody", OMK_ENOENT, "no Unix user"},
        {"root", OMK_EDENIED, "is no customer's"},
        {"human", OMK_EDENIED, "is no customer's"},
        {"stray", OMK_EDENIED, "is no customer's"},
        {"lower", OMK_EDENIED, "expected 20000 to 20020"},
        {"twin", OMK_EDENIED, "shares uid 20002"},
        {"twain", OMK_EDENIED, "shares uid 20002"},
    };
    struct omk_accounts *a = load();

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct omk_account got = {.uid = 7};
        struct omk_err err = {0};
        int rc = omk_account_find(a, cases[i].login, &got, &err);

        if (rc != cases[i].rc || !strstr(err.text, cases[i].says)
            || (rc && got.uid != 7)
            || (!rc && strcmp(got.name, cases[i].login) != 0)) {
            fail_msg("%s: %d %s", cases[i].login, rc, err.text);
        }
    }
}

static void single_user_mode_has_the_caller_alone(void **state)
{
    struct omk_account got;
    struct omk_err err;

    (void)state;
    node.single_user = true;
    node.httpd_user = "me";
    node.httpd_uid = 1234;
    node.httpd_gid = 1235;
    assert_int_equal(omk_account_create(load(), "carol", &got, &err), OMK_OK);
    assert_int_equal(got.uid, 1234);
    assert_int_equal(got.gid, 1235);
    assert_string_equal(got.name, "me");
    assert_int_equal(omk_account_remove(load(), "carol", &err), OMK_OK);
}

static void a_damaged_last_uid_is_an_error(void **state)
{
    struct omk_accounts *a = NULL;
    struct omk_err err;

    (void)state;
    write_file("/state/last-uid", "lots\n");
    assert_int_equal(omk_accounts_load_in(pool, &node, dir, &a, &err),
                     OMK_EDAMAGED);
    assert_string_equal(err.where, in_dir("/state/last-uid"));
    assert_null(a);
}

static void what_is_no_customers_is_neither_made_nor_deleted(void **state)
{
    static const char *const logins[] = {"root", "human", "stray", "lower",
                                         "twin"};
    const char *before = read_file("/etc/passwd");
    struct omk_accounts *a = load();
    struct omk_account got;
    struct omk_err err;

    (void)state;
    for (size_t i = 0; i < sizeof logins / sizeof *logins; i++) {
        assert_int_equal(omk_account_create(a, logins[i], &got, &err),
                         OMK_EDENIED);
        assert_int_equal(omk_account_remove(a, logins[i], &err), OMK_EDENIED);
    }
    assert_int_equal(omk_account_remove(a, "other", &err), OMK_EDENIED);
    assert_non_null(strstr(err.text, "another root's"));
    assert_string_equal(read_file("/etc/passwd"), before);
}

static void made_and_deleted(void **state)
{
    struct omk_accounts *a = load();
    struct omk_account got, again;
    struct omk_err err = {0};

    (void)state;
    NEED_ROOT();
    if (omk_account_create(a, "bob", &got, &err)) {
        fail_msg("%s: %s", err.where, err.text);
    }
    /* above the highest customer's, and not a group's number */
    assert_int_equal(got.uid, 20006);
    assert_int_equal(got.gid, 20006);
    assert_string_equal(got.name, "bob");
    assert_non_null(strstr(read_file("/etc/passwd"),
                           "\nbob:x:20006:20006:Omakase customer /r:"
                           "/r/srv/omakase/bob/home/bob:/usr/sbin/nologin\n"));
    assert_non_null(strstr(read_file("/etc/group"), "\nbob:x:20006:\n"));
    assert_non_null(strstr(read_file("/etc/shadow"), "\nbob:!:"));
    assert_string_equal(read_file("/etc/subuid"), "");
    assert_int_equal(omk_account_create(a, "bob", &again, &err), OMK_OK);
    assert_int_equal(again.uid, 20006);

    assert_int_equal(omk_account_remove(a, "bob", &err), OMK_OK);
    assert_null(strstr(read_file("/etc/passwd"), "\nbob:"));
    assert_null(strstr(read_file("/etc/group"), "\nbob:"));
    assert_int_equal(omk_account_find(a, "bob", &got, &err), OMK_ENOENT);
    assert_int_equal(omk_account_remove(a, "bob", &err), OMK_OK);
}

static void a_uid_is_never_given_twice(void **state)
{
    struct omk_account got;
    struct omk_err err;

    (void)state;
    NEED_ROOT();
    assert_int_equal(omk_account_create(load(), "bob", &got, &err), OMK_OK);
    assert_int_equal(omk_account_remove(load(), "bob", &err), OMK_OK);
    assert_int_equal(omk_account_create(load(), "carol", &got, &err), OMK_OK);
    assert_int_equal(got.uid, 20007);
    assert_int_equal(omk_accounts_left(load()), 20020 - 20007);
    node.uid_max = 20007;
    assert_int_equal(omk_accounts_left(load()), 0);
    assert_int_equal(omk_account_create(load(), "dave", &got, &err),
                     OMK_ERANGE);
    assert_non_null(strstr(err.text, "raise users { uid_max }"));
}

/* Two roots have a lock each: what one has seen may have changed. */
static void a_uid_that_was_taken_meanwhile_is_passed_over(void **state)
{
    struct omk_accounts *before;
    struct omk_account first, second;
    struct omk_err err;

    (void)state;
    NEED_ROOT();
    before = load();
    assert_int_equal(omk_account_create(load(), "bob", &first, &err), OMK_OK);
    assert_int_equal(omk_account_create(before, "carol", &second, &err), OMK_OK);
    assert_int_equal(second.uid, first.uid + 1);
}

static void a_group_of_its_name_stops_it_in_useradds_words(void **state)
{
    struct omk_account got = {.uid = 7};
    struct omk_err err;

    (void)state;
    NEED_ROOT();
    assert_int_equal(omk_account_create(load(), "some", &got, &err),
                     OMK_EDENIED);
    assert_string_equal(err.where, "/usr/sbin/useradd");
    assert_non_null(strstr(err.text, "group some exists"));
    assert_int_equal(got.uid, 7);
    assert_null(strstr(read_file("/etc/passwd"), "some"));
}

static void a_program_gets_nothing_of_ours(void **state)
{
    const char *const env[] = {"/usr/bin/env", NULL};
    const char *const sh[] = {"/bin/sh", "-c",
                              "env; echo second; kill -TERM $$", NULL};
    const char *const flood[] = {
        "/bin/sh", "-c", "yes \033 | head -c 300000; exit 3", NULL};
    const char *const none[] = {"/nonexistent/useradd", NULL};
    struct omk_err err = {0};

    (void)state;
    setenv("LD_PRELOAD_TEST", "secret", 1);
    assert_int_equal(omk_tool_run(env, &err), OMK_OK);
    assert_int_equal(omk_tool_run(sh, &err), OMK_EDENIED);
    assert_null(strstr(err.text, "secret"));
    assert_null(strstr(err.text, "second"));
    assert_non_null(strstr(err.text, "(signal 15)"));
    assert_int_equal(omk_tool_run(flood, &err), OMK_EDENIED);
    assert_string_equal(err.text, "? (status 3)");
    assert_int_equal(omk_tool_run(none, &err), OMK_ENOENT);
    assert_string_equal(err.where, "/nonexistent/useradd");
}

/* A process of that uid, which waits. */
static pid_t begin_as(uid_t uid)
{
    int ready[2];
    char c;
    pid_t pid;

    assert_int_equal(pipe(ready), 0);
    pid = fork();
    if (pid == 0) {
        (void)signal(SIGTERM, SIG_IGN);
        if (setgroups(0, NULL) != 0 || setgid(uid) != 0 || setuid(uid) != 0
            || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0
            || write(ready[1], "", 1) != 1) {
            _exit(99);
        }
        for (;;) {
            (void)pause();
        }
    }
    assert_true(pid > 0);
    close(ready[1]);
    assert_int_equal(read(ready[0], &c, 1), 1);
    close(ready[0]);
    return pid;
}

static void processes_end_of_that_user_alone(void **state)
{
    /* Of this test alone, as other tests have processes, too. */
    const uid_t uid = 1000000000u + (uid_t)getpid() * 2;
    const struct omk_account account = {uid, uid, "alice"};
    struct omk_accounts *a = load();
    struct omk_err err = {0};
    pid_t pids[3], other, nursery;
    int ends[2], status;

    (void)state;
    NEED_ROOT();
    other = begin_as(uid + 1);
    /* A zombie is a process, too: their parent leaves none. */
    assert_int_equal(pipe(ends), 0);
    nursery = fork();
    if (nursery == 0) {
        (void)signal(SIGCHLD, SIG_IGN);
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (int i = 0; i < 3; i++) {
            pids[i] = begin_as(uid);
        }
        if (write(ends[1], pids, sizeof pids) != sizeof pids) {
            _exit(99);
        }
        for (;;) {
            (void)pause();
        }
    }
    assert_true(nursery > 0);
    assert_int_equal(read(ends[0], pids, sizeof pids), sizeof pids);
    node.uid_min = uid + 1;
    node.uid_max = uid + 1;
    assert_int_equal(omk_account_end_processes(a, &account, &err), OMK_OK);
    assert_int_equal(kill(pids[0], 0), 0); /* no customer's uid */
    node.uid_min = uid;
    node.single_user = true;
    assert_int_equal(omk_account_end_processes(a, &account, &err), OMK_OK);
    assert_int_equal(kill(pids[0], 0), 0);
    node.single_user = false;
    if (omk_account_end_processes(a, &account, &err)) {
        fail_msg("%s: %s", err.where, err.text);
    }
    for (int i = 0; i < 3; i++) {
        assert_int_equal(kill(pids[i], 0), -1);
    }
    assert_int_equal(kill(other, 0), 0);
    assert_int_equal(omk_account_end_processes(a, &account, &err), OMK_OK);
    (void)kill(other, SIGKILL);
    assert_int_equal(waitpid(other, &status, 0), other);
    (void)kill(nursery, SIGKILL);
    assert_int_equal(waitpid(nursery, &status, 0), nursery);
    close(ends[0]);
    close(ends[1]);
}

static void whose_root_it_is(void **state)
{
    struct omk_accounts *a = load();

    (void)state;
    assert_true(omk_account_is_own(a, "alice"));
    assert_false(omk_account_is_own(a, "other"));
    assert_false(omk_account_is_own(a, "root"));
    assert_false(omk_account_is_own(a, "nobody"));
    node.single_user = true;
    assert_false(omk_account_is_own(a, "alice"));
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(only_a_customers_user_is_found),
        CASE(single_user_mode_has_the_caller_alone),
        CASE(a_damaged_last_uid_is_an_error),
        CASE(what_is_no_customers_is_neither_made_nor_deleted),
        CASE(made_and_deleted),
        CASE(a_uid_is_never_given_twice),
        CASE(a_uid_that_was_taken_meanwhile_is_passed_over),
        CASE(a_group_of_its_name_stops_it_in_useradds_words),
        CASE(a_program_gets_nothing_of_ours),
        CASE(processes_end_of_that_user_alone),
        CASE(whose_root_it_is),
    };
    int failed;

    (void)apr_initialize();
    (void)apr_pool_create(&pool, NULL);
    failed = cmocka_run_group_tests_name("account", tests, NULL, NULL);
    apr_terminate();
    return failed;
}
