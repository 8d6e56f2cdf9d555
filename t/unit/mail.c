#include "cmocka_first.h"
#include "err.h"
#include "mail.h"

#include <apr_general.h>
#include <apr_strings.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static apr_pool_t *pool;

/* From a buffer of exactly its size, which ASan watches. */
static int parse(const char *text, size_t len, struct omk_customer *c,
                 struct omk_err *err)
{
    char *exact = malloc(len ? len : 1);
    int rc;

    assert_non_null(exact);
    memcpy(exact, text, len);
    memset(err, 0, sizeof *err);
    rc = omk_mail_parse(pool, "m", exact, len, c, err);
    free(exact);
    return rc;
}

static void a_line_is_a_mailbox(void **state)
{
    struct omk_customer c = {.mail_quota = 50 << 20};
    struct omk_err err;
    const char *text = "# ours, 自由に\ninfo\n\n"
                       "shop.a quota=1G forward=a@b.jp,C.d'e@日本語.jp "
                       "keep=no # x\r\npostmaster";

    (void)state;
    assert_int_equal(OMK_EINVAL, parse(text, strlen(text), &c, &err));
    text = "# ours, 自由に\ninfo\n\n"
           "shop.a quota=1G forward=a@b.jp,C.d'e@WWW.D.JP keep=no # x\r\n"
           "\tPostMaster";
    assert_int_equal(OMK_OK, parse(text, strlen(text), &c, &err));
    assert_int_equal(c.mailbox_count, 3);
    assert_string_equal(c.mailboxes[0].name, "info");
    assert_true(c.mailboxes[0].quota == 50 << 20 && c.mailboxes[0].keep);
    assert_int_equal(c.mailboxes[1].line, 4);
    assert_string_equal(c.mailboxes[1].forward, "a@b.jp,C.d'e@www.d.jp");
    assert_false(c.mailboxes[1].keep);
    assert_true(c.mailboxes[1].quota == 1 << 30);
    assert_string_equal(c.mailboxes[2].name, "postmaster");
    assert_int_equal(c.mail.len, strlen(text));
    assert_memory_equal(c.mail.data, text, strlen(text));
}

static void errors_name_the_line_and_what_was_expected(void **state)
{
#define M(s) s, sizeof s - 1
    static const struct {
        const char *label, *text;
        size_t len;
        int rc;
        const char *where, *says;
    } cases[] = {
        {"twice", M("a\nb\na\n"), OMK_EINVAL, "m:3", "first in line 1"},
        {"twice but for case", M("info\nINFO\n"), OMK_EINVAL, "m:2", "twice"},
        {"address", M("a@b.jp\n"), OMK_EINVAL, "m:1", "no mailbox name"},
        {"dot first", M(".a\n"), OMK_EINVAL, "m:1", "no mailbox name"},
        {"dot last", M("a.\n"), OMK_EINVAL, "m:1", "no mailbox name"},
        {"two dots", M("a..b\n"), OMK_EINVAL, "m:1", "no mailbox name"},
        {"slash", M("../a\n"), OMK_EINVAL, "m:1", "no mailbox name"},
        {"colon", M("a:b\n"), OMK_EINVAL, "m:1", "no mailbox name"},
        {"quoted", M("\"a b\"\n"), OMK_EINVAL, "m:1", "no mailbox name"},
        {"65 bytes",
         M("a1234567890123456789012345678901"
           "23456789012345678901234567890123x\n"),
         OMK_EINVAL, "m:1", "1 to 64"},
        {"the server's", M("\nMailer-Daemon\n"), OMK_EDENIED, "m:2",
         "server's own"},
        {"the server's too", M("double-bounce"), OMK_EDENIED, "m:1",
         "server's own"},
        {"unknown word", M("a size=3\n"), OMK_EINVAL, "m:1",
         "expected quota="},
        {"no word", M("a quota\n"), OMK_EINVAL, "m:1", "expected quota="},
        {"bad quota", M("\na quota=x\n"), OMK_EINVAL, "m:2", "no size"},
        {"no quota", M("a quota="), OMK_EINVAL, "m:1", "no size"},
        {"quota twice", M("a quota=1M quota=2M\n"), OMK_EINVAL, "m:1",
         "quota stands there twice"},
        {"forward to nothing", M("a forward="), OMK_EINVAL, "m:1",
         "expected name@example.jp"},
        {"forward, and a comma", M("a forward=b@c.jp,\n"), OMK_EINVAL, "m:1",
         "'' is no address"},
        {"forward to a pipe", M("a forward=|/bin/sh\n"), OMK_EINVAL, "m:1",
         "no address"},
        {"forward to a piped address", M("a forward=|x@b.jp\n"), OMK_EINVAL,
         "m:1", "no address"},
        {"forward to an option", M("a forward=-f@b.jp\n"), OMK_EINVAL, "m:1",
         "no address"},
        {"forward without domain", M("a forward=b@\n"), OMK_ERANGE, "m:1",
         "domain"},
        {"keep what", M("a forward=b@c.jp keep=maybe\n"), OMK_EINVAL, "m:1",
         "keep=yes|no"},
        {"mail for nobody", M("a keep=no\n"), OMK_EINVAL, "m:1",
         "would be lost"},
        {"NUL", M("a\nb\0c\n"), OMK_EINVAL, "m:2", "NUL"},
        {"NUL in a comment", M("a # \0\n"), OMK_EINVAL, "m:1", "NUL"},
        {"bell", M("a\x07\n"), OMK_EINVAL, "m:1", "not ASCII"},
        {"full-width blank", M("a\343\200\200quota=1M\n"), OMK_EINVAL, "m:1",
         "full-width blank"},
        {"byte order mark", M("\357\273\277a\n"), OMK_EINVAL, "m:1",
         "byte order mark"},
        {"cut short", M("\357"), OMK_EINVAL, "m:1", "ASCII"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct omk_customer c = {0};
        struct omk_err err;
        int rc = parse(cases[i].text, cases[i].len, &c, &err);

        if (rc != cases[i].rc || err.code != rc || c.mailboxes
            || strcmp(err.where, cases[i].where) != 0
            || !strstr(err.text, cases[i].says)) {
            fail_msg("%s: %d %s: %s", cases[i].label, rc, err.where, err.text);
        }
    }
}

static void there_is_a_limit(void **state)
{
    char *text = calloc(OMK_MAILBOXES_MAX + 1, 8);
    struct omk_customer c = {0};
    struct omk_err err;
    size_t len = 0;

    (void)state;
    assert_non_null(text);
    for (int i = 0; i < OMK_MAILBOXES_MAX; i++) {
        len += (size_t)sprintf(text + len, "a%d\n", i);
    }
    assert_int_equal(OMK_OK, parse(text, len, &c, &err));
    assert_int_equal(OMK_MAILBOXES_MAX, c.mailbox_count);
    len += (size_t)sprintf(text + len, "b\n");
    assert_int_equal(OMK_ERANGE, parse(text, len, &c, &err));
    assert_string_equal("m:2001", err.where);
    free(text);
}

/* --- edit ------------------------------------------------------------------ */

static void an_edit_leaves_the_rest_byte_for_byte(void **state)
{
#define ADD(...) {OMK_MAIL_ADD, __VA_ARGS__}
#define CHANGE(...) {OMK_MAIL_CHANGE, __VA_ARGS__}
#define REMOVE(name) {OMK_MAIL_REMOVE, name, NULL, NULL, NULL}
    static const struct {
        const char *label, *in, *out;
        struct omk_mail_edit edit;
    } cases[] = {
        {"add to nothing", "", "a\n", ADD("a", NULL, NULL, NULL)},
        {"add with all", "# x\n", "# x\na quota=1G forward=b@c.jp keep=no\n",
         ADD("A", "1G", "b@c.jp", "no")},
        {"add behind an open line", "b # c", "b # c\na\n",
         ADD("a", NULL, NULL, NULL)},
        {"add behind an open comment", "b\n# c", "b\n# c\na quota=1M\n",
         ADD("a", "1M", NULL, NULL)},
        {"add with the file's line ends", "b\r\n", "b\r\na quota=1M\r\n",
         ADD("a", "1M", NULL, NULL)},
        {"change in place", "#\n\ta  quota=1M\tforward=b@c.jp  # 山田\nz\n",
         "#\n\ta  quota=2M\tforward=b@c.jp  # 山田\nz\n",
         CHANGE("a", "2M", NULL, NULL)},
        {"change what was not said", "a  # note\r\nb", "a quota=2M  # note\r\nb",
         CHANGE("a", "2M", NULL, NULL)},
        {"take away", "a  quota=1M  forward=b@c.jp #x\n",
         "a  forward=b@c.jp #x\n", CHANGE("a", "", NULL, NULL)},
        {"take away what is not there", "a #x\n", "a #x\n",
         CHANGE("a", "", "", "")},
        {"two at once", "a forward=b@c.jp keep=no", "a quota=5M",
         CHANGE("a", "5M", "", "")},
        {"by its name in the file", "Info\n", "Info quota=1M\n",
         CHANGE("info", "1M", NULL, NULL)},
        {"not the name in a comment", "# a\nb # a\na\n", "# a\nb # a\na quota=1M\n",
         CHANGE("a", "1M", NULL, NULL)},
        {"remove", "# x\n\na quota=1M # y\nb\n", "# x\n\nb\n", REMOVE("a")},
        {"remove the last, open one", "a\nb", "a\n", REMOVE("b")},
        {"remove the only one", "a", "", REMOVE("A")},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct omk_bytes in = {strdup(cases[i].in), strlen(cases[i].in)};
        struct omk_bytes out = {0};
        struct omk_err err = {0};
        int rc = omk_mail_edit(pool, "m", &in, &cases[i].edit, &out, &err);

        if (rc != OMK_OK || out.len != strlen(cases[i].out)
            || memcmp(out.data, cases[i].out, out.len) != 0) {
            fail_msg("%s: %d %s: %s: '%.*s'", cases[i].label, rc, err.where,
                     err.text, (int)out.len, out.data ? out.data : "");
        }
        free((void *)(uintptr_t)in.data);
    }
}

static void an_edit_is_refused_with_words(void **state)
{
    static const struct {
        const char *label, *in;
        struct omk_mail_edit edit;
        int rc;
        const char *says;
    } cases[] = {
        {"add a second time", "x\nInfo\n", ADD("info", NULL, NULL, NULL),
         OMK_EDENIED, "in line 2"},
        {"change nobody", "a\n", CHANGE("b", "1M", NULL, NULL), OMK_ENOENT,
         "no mailbox b"},
        {"remove nobody", "a\n", REMOVE("b"), OMK_ENOENT, "no mailbox b"},
        {"a wrong file", "a\n?\n", REMOVE("a"), OMK_EINVAL, "no mailbox name"},
        {"no name", "", ADD("", NULL, NULL, NULL), OMK_EINVAL,
         "no mailbox name"},
        {"a newline in the name", "", ADD("a\nroot", NULL, NULL, NULL),
         OMK_EINVAL, "no mailbox name"},
        {"a refused name", "", ADD("mailer-daemon", NULL, NULL, NULL),
         OMK_EDENIED, "server's own"},
        {"a newline in a value", "", ADD("a", "1M\nb", NULL, NULL), OMK_EINVAL,
         "one word"},
        {"an option in a value", "", ADD("a", "1M keep=no", NULL, NULL),
         OMK_EINVAL, "one word"},
        {"a comment in a value", "", ADD("a", "1M#", NULL, NULL), OMK_EINVAL,
         "one word"},
        {"a bad value", "", ADD("a", "lots", NULL, NULL), OMK_EINVAL,
         "no size"},
        {"lost mail", "a forward=b@c.jp keep=no\n",
         CHANGE("a", NULL, "", NULL), OMK_EINVAL, "would be lost"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct omk_bytes in = {cases[i].in, strlen(cases[i].in)};
        struct omk_bytes out = {NULL, 7};
        struct omk_err err = {0};
        int rc = omk_mail_edit(pool, "m", &in, &cases[i].edit, &out, &err);

        if (rc != cases[i].rc || !strstr(err.text, cases[i].says)
            || strncmp(err.where, "m", 1) != 0 || out.data || out.len != 7) {
            fail_msg("%s: %d %s: %s", cases[i].label, rc, err.where, err.text);
        }
    }
}

/* --- the file -------------------------------------------------------------- */

static char dir[64];
static const char *path;

static int make_dir(void **state)
{
    (void)state;
    (void)strcpy(dir, "/tmp/omk-mail.XXXXXX");
    assert_non_null(mkdtemp(dir));
    path = apr_pstrcat(pool, dir, "/a.mail", NULL);
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    (void)unlink(path);
    return rmdir(dir); /* fails where a temporary is left */
}

static void put(const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(0, fclose(f));
}

static const char *get(void)
{
    static char text[65536];
    FILE *f = fopen(path, "r");
    size_t n;

    assert_non_null(f);
    n = fread(text, 1, sizeof text - 1, f);
    text[n] = '\0';
    (void)fclose(f);
    return text;
}

static const struct omk_mail_edit add_a = ADD("a", NULL, NULL, NULL);

static void a_file_is_made_and_keeps_its_mode(void **state)
{
    struct omk_err err;
    struct stat st;

    (void)state;
    assert_int_equal(OMK_OK, omk_mail_edit_file(pool, path, &add_a, &err));
    assert_int_equal(0, stat(path, &st));
    assert_int_equal(0600, st.st_mode & 07777);
    put("# x\n");
    assert_int_equal(0, chmod(path, 0640));
    assert_int_equal(OMK_OK, omk_mail_edit_file(pool, path, &add_a, &err));
    assert_string_equal("# x\na\n", get());
    assert_int_equal(0, stat(path, &st));
    assert_int_equal(0640, st.st_mode & 07777);
}

static void what_is_not_safe_is_refused(void **state)
{
    const char *link = apr_pstrcat(pool, dir, "/elsewhere", NULL);
    struct omk_err err;

    (void)state;
    put("b\n");
    assert_int_equal(0, chmod(path, 0620));
    assert_int_equal(OMK_EDENIED, omk_mail_edit_file(pool, path, &add_a, &err));
    assert_non_null(strstr(err.text, "chmod go-w"));
    assert_int_equal(0, chmod(path, 0600));
    if (geteuid() == 0) {
        assert_int_equal(0, chown(path, 12345, 0));
        assert_int_equal(OMK_EDENIED,
                         omk_mail_edit_file(pool, path, &add_a, &err));
        assert_non_null(strstr(err.text, "12345"));
        assert_int_equal(0, chown(path, 0, 0));
    }
    assert_string_equal("b\n", get());
    assert_int_equal(0, rename(path, link));
    assert_int_equal(0, symlink(link, path));
    assert_int_equal(OMK_EDENIED, omk_mail_edit_file(pool, path, &add_a, &err));
    assert_non_null(strstr(err.text, "symbolic link"));
    assert_int_equal(0, unlink(path));
    assert_int_equal(0, unlink(link));
    assert_int_equal(0, mkfifo(path, 0600));
    assert_int_equal(OMK_EDENIED, omk_mail_edit_file(pool, path, &add_a, &err));
    assert_non_null(strstr(err.text, "regular"));
}

/* Eight writers of ten mailboxes each: none loses what another has added. */
static void writers_wait_for_each_other(void **state)
{
    enum { WRITERS = 8, EACH = 10 };
    struct omk_customer c = {0};
    struct omk_err err;
    const char *text;
    int status;

    (void)state;
    for (int w = 0; w < WRITERS; w++) {
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0) {
            int rc = OMK_OK;

            for (int i = 0; i < EACH && rc == OMK_OK; i++) {
                struct omk_mail_edit e = ADD(NULL, NULL, NULL, NULL);

                e.name = apr_psprintf(pool, "w%d-%d", w, i);
                rc = omk_mail_edit_file(pool, path, &e, &err);
            }
            _exit(rc != OMK_OK);
        }
    }
    for (int w = 0; w < WRITERS; w++) {
        assert_true(wait(&status) > 0);
        assert_int_equal(0, status);
    }
    text = get();
    assert_int_equal(OMK_OK, parse(text, strlen(text), &c, &err));
    assert_int_equal(WRITERS * EACH, c.mailbox_count);
}

#define DIR_CASE(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_a_mailbox),
        cmocka_unit_test(errors_name_the_line_and_what_was_expected),
        cmocka_unit_test(there_is_a_limit),
        cmocka_unit_test(an_edit_leaves_the_rest_byte_for_byte),
        cmocka_unit_test(an_edit_is_refused_with_words),
        DIR_CASE(a_file_is_made_and_keeps_its_mode),
        DIR_CASE(what_is_not_safe_is_refused),
        DIR_CASE(writers_wait_for_each_other),
    };
    int rc;

    if (apr_initialize() != APR_SUCCESS
        || apr_pool_create(&pool, NULL) != APR_SUCCESS) {
        return 1;
    }
    rc = cmocka_run_group_tests_name("LOGIN.mail", tests, NULL, NULL);
    apr_terminate();
    return rc;
}
