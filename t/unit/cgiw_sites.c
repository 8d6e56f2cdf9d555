#include "cmocka_first.h"
#include "err.h"
#include "sites.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST "cgi-wrapper\t1\0"
#define ALICE                                                                  \
    "site\t0\talice\t1001\t1002\t/srv/alice/web\talice\t/srv/alice/home\0"
#define BOB "site\t1\tbob\t2001\t2001\t/srv/bob\tbob\t/srv/bob\0"

/* From memory of exactly that size, which is gone behind it. */
static int parse(const char *blob, size_t len, uid_t own_uid,
                 struct cgiw_config **out, struct omk_err *err)
{
    char *exact = malloc(len ? len : 1);
    int rc;

    assert_non_null(exact);
    memcpy(exact, blob, len);
    rc = cgiw_config_parse(exact, len, own_uid, out, err);
    memset(exact, 'x', len);
    free(exact);
    return rc;
}

#define PARSE(text, out, err) parse(text, sizeof(text) - 1, 0, out, err)

static void everything_there_is(void **state)
{
    struct cgiw_config *c;
    const struct cgiw_site *s;

    (void)state;
    assert_int_equal(
        PARSE(FIRST
              "log\t/var/log/cgi.log\0"
              "denied\t/etc/denied\0"
              "control\t/run/cgi\0"
              "httpd\t33\0"
              "cgroup\tomakase\0"
              "interpreter\t/usr/bin/php\t/usr/bin/php-cgi\0"
              "passenv\tTZ\0"
              "site\t0\talice\t1001\t1002\t/srv/alice/web\tal\t/srv/alice\t"
              "cpu=1\tmemory=68719476736\tprocesses=3\twall=4\t"
              "concurrent=5\toutput=6\tstrict=1\tsymlinks=1\tisindex=1\t"
              "unsafeinc=1\tnnp=1\tconfine=1\texeccmd=1\tpath=/bin:/x y\t"
              "lang=ja_JP.UTF-8\tumask=077\tshown=/web\0"
              "site-interpreter\t0\t/usr/bin/ruby\t/opt/ruby\0"
              "site-passenv\t0\tA_B\0",
              &c, NULL),
        OMK_OK);
    assert_string_equal(c->log, "/var/log/cgi.log");
    assert_string_equal(c->denied, "/etc/denied");
    assert_string_equal(c->control, "/run/cgi");
    assert_string_equal(c->cgroup, "omakase");
    assert_int_equal(c->httpd_uid, 33);
    assert_string_equal(c->passenv->from, "TZ");
    assert_string_equal(c->interpreters->from, "/usr/bin/php");
    assert_string_equal(c->interpreters->to, "/usr/bin/php-cgi");
    assert_int_equal(c->site_count, 1);
    assert_int_equal(c->user_count, 1);
    s = cgiw_config_site(c, 0);
    assert_string_equal(s->login, "alice");
    assert_int_equal(s->uid, 1001);
    assert_int_equal(s->gid, 1002);
    assert_string_equal(s->root, "/srv/alice/web");
    assert_string_equal(s->username, "al");
    assert_string_equal(s->home, "/srv/alice");
    assert_string_equal(s->shown, "/web");
    assert_string_equal(s->path, "/bin:/x y");
    assert_string_equal(s->lang, "ja_JP.UTF-8");
    assert_int_equal(s->umask, 077);
    assert_int_equal(s->limits.cpu_s, 1);
    assert_true(s->limits.memory_bytes == 68719476736u);
    assert_int_equal(s->limits.processes, 3);
    assert_int_equal(s->limits.wall_s, 4);
    assert_int_equal(s->limits.concurrent, 5);
    assert_int_equal(s->limits.output_bytes, 6);
    assert_true(s->strict && s->symlinks && s->isindex && s->unsafeinc && s->nnp
                && s->confine && s->execcmd);
    assert_string_equal(s->passenv->from, "A_B");
    assert_string_equal(s->interpreters->to, "/opt/ruby");
    assert_null(cgiw_config_site(c, 1));
    assert_null(cgiw_config_site(c, UINT32_MAX));
    cgiw_config_free(c);
}

static void what_is_not_said(void **state)
{
    struct cgiw_config *c;
    const struct cgiw_site *s;

    (void)state;
    assert_int_equal(PARSE(FIRST ALICE BOB, &c, NULL), OMK_OK);
    assert_null(c->log);
    assert_null(c->cgroup);
    s = cgiw_config_site(c, 1);
    assert_string_equal(s->shown, "/srv/bob");
    assert_string_equal(s->path, CGIW_DEFAULT_PATH);
    assert_null(s->lang);
    assert_int_equal(s->umask, 022);
    assert_int_equal(s->limits.cpu_s, 0);
    assert_false(s->strict || s->symlinks || s->isindex || s->unsafeinc
                 || s->nnp || s->confine || s->execcmd);
    assert_null(s->passenv);
    cgiw_config_free(c);
}

/* Two sites of one uid are one user: so runs are counted. */
static void users_are_numbered_by_uid(void **state)
{
    struct cgiw_config *c;

    (void)state;
    assert_int_equal(PARSE(FIRST "site\t0\tc\t3000\t100\t/c\tc\t/c\0"
                                 "site\t1\ta\t1000\t100\t/a\ta\t/a\0"
                                 "site\t2\tc\t3000\t100\t/c2\tc\t/c\0"
                                 "site\t3\tb\t2000\t100\t/b\tb\t/b\0",
                           &c, NULL),
                     OMK_OK);
    assert_int_equal(c->user_count, 3);
    assert_int_equal(c->sites[0].user, c->sites[2].user);
    assert_int_not_equal(c->sites[0].user, c->sites[1].user);
    assert_int_not_equal(c->sites[1].user, c->sites[3].user);
    for (int i = 0; i < 4; i++) {
        assert_true(c->sites[i].user < 3);
    }
    cgiw_config_free(c);
}

static const struct {
    const char *label;
    const char *text;
    size_t len;
    int code;
    const char *says; /* part of where or text */
} mistakes[] = {
#define MISTAKE(label, text, code, says)                                       \
    {                                                                          \
        label, text, sizeof(text) - 1, code, says                              \
    }
#define SITE(keys) FIRST "site\t0\ta\t1000\t1000\t/a\ta\t/a\t" keys "\0"
    MISTAKE("nothing", "", OMK_EINVAL, "empty"),
    MISTAKE("cut", "cgi-wrapper\t1", OMK_EINVAL, "cut"),
    MISTAKE("something else", "hello\0", OMK_EINVAL, "record 1"),
    MISTAKE("a later version", "cgi-wrapper\t2\0", OMK_EVERSION, "version"),
    MISTAKE("an unknown record", FIRST "colour\tblue\0", OMK_EINVAL, "colour"),
    MISTAKE("an empty record", FIRST "\0", OMK_EINVAL, "record 2"),
    MISTAKE("two fields too few", FIRST "log\0", OMK_EINVAL, "log"),
    MISTAKE("a field too many", FIRST "log\t/a\t/b\0", OMK_EINVAL, "log"),
    MISTAKE("a relative log", FIRST "log\ta\0", OMK_EINVAL, "'a'"),
    MISTAKE("a group elsewhere", FIRST "cgroup\t../a\0", OMK_EINVAL, "../a"),
    MISTAKE("httpd without a number", FIRST "httpd\twww\0", OMK_EINVAL, "www"),
    MISTAKE("httpd behind a site", FIRST ALICE "httpd\t33\0", OMK_EINVAL,
            "record 3"),
    MISTAKE("a site of root's", FIRST "site\t0\ta\t0\t1000\t/a\ta\t/a\0",
            OMK_ERANGE, "'0'"),
    MISTAKE("a site of root's group", FIRST "site\t0\ta\t1000\t0\t/a\ta\t/a\0",
            OMK_ERANGE, "'0'"),
    MISTAKE("a system user's", FIRST "site\t0\ta\t99\t1000\t/a\ta\t/a\0",
            OMK_ERANGE, "'99'"),
    MISTAKE("nobody's at all",
            FIRST "site\t0\ta\t4294967295\t1000\t/a\ta\t/a\0", OMK_ERANGE,
            "4294967295"),
    MISTAKE("a uid beyond 32 bits",
            FIRST "site\t0\ta\t4294967296\t1000\t/a\ta\t/a\0", OMK_ERANGE,
            "4294967296"),
    MISTAKE("a negative uid", FIRST "site\t0\ta\t-1\t1000\t/a\ta\t/a\0",
            OMK_EINVAL, "-1"),
    MISTAKE("httpd's user",
            FIRST "httpd\t1000\0site\t0\talice\t1000\t1000\t/a\ta\t/a\0",
            OMK_EDENIED, "alice"),
    MISTAKE("not the next ID", FIRST "site\t1\ta\t1000\t1000\t/a\ta\t/a\0",
            OMK_EINVAL, "ID"),
    MISTAKE("an ID twice", FIRST ALICE ALICE, OMK_EINVAL, "record 3"),
    MISTAKE("too few fields", FIRST "site\t0\ta\t1000\t1000\t/a\ta\0",
            OMK_EINVAL, "record 2"),
    MISTAKE("an empty login", FIRST "site\t0\t\t1000\t1000\t/a\ta\t/a\0",
            OMK_EINVAL, "empty"),
    MISTAKE("a login for a terminal",
            FIRST "site\t0\ta\033[2J\t1000\t1000\t/a\ta\t/a\0", OMK_EINVAL,
            "control"),
    MISTAKE("the whole machine", FIRST "site\t0\ta\t1000\t1000\t/\ta\t/a\0",
            OMK_EINVAL, "normal"),
    MISTAKE("a root with ..", FIRST "site\t0\ta\t1000\t1000\t/a/../b\ta\t/a\0",
            OMK_EINVAL, "/a/../b"),
    MISTAKE("a relative home", FIRST "site\t0\ta\t1000\t1000\t/a\ta\ta\0",
            OMK_EINVAL, "normal"),
    MISTAKE("an unknown key", SITE("colour=blue"), OMK_EINVAL, "colour=blue"),
    MISTAKE("no value", SITE("cpu"), OMK_EINVAL, "KEY=VALUE"),
    MISTAKE("no number", SITE("cpu=many"), OMK_EINVAL, "many"),
    MISTAKE("too large a number", SITE("cpu=4294967296"), OMK_ERANGE, "429"),
    MISTAKE("a switch of 2", SITE("strict=2"), OMK_ERANGE, "'2'"),
    MISTAKE("a switch of yes", SITE("nnp=yes"), OMK_EINVAL, "yes"),
    MISTAKE("no octal", SITE("umask=8"), OMK_EINVAL, "umask"),
    MISTAKE("an umask too wide", SITE("umask=1000"), OMK_ERANGE, "0777"),
    MISTAKE("an empty PATH", SITE("path="), OMK_EINVAL, "empty"),
    MISTAKE("shown relative", SITE("shown=web"), OMK_EINVAL, "web"),
    MISTAKE("a site not there", FIRST "site-passenv\t0\tA\0", OMK_EINVAL,
            "no site"),
    MISTAKE("a later site", FIRST ALICE "site-passenv\t1\tA\0" BOB, OMK_EINVAL,
            "no site"),
    MISTAKE("a variable with =", FIRST "passenv\tA=b\0", OMK_EINVAL, "A=b"),
    MISTAKE("an interpreter without a path",
            FIRST "interpreter\tphp\t/usr/bin/php\0", OMK_EINVAL, "php"),
    MISTAKE("too many fields",
            FIRST
            "a\tb\tc\td\te\tf\tg\th\ti\tj\tk\tl\tm\tn\to\tp\tq\tr\ts\tt\tu"
            "\tv\tw\tx\ty\tz\ta\tb\tc\td\te\tf\tg\0",
            OMK_EINVAL, "too many"),
};

static void mistakes_say_where(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        struct cgiw_config *c = NULL;
        struct omk_err err = {0};
        int rc = parse(mistakes[i].text, mistakes[i].len, 0, &c, &err);

        if (rc != mistakes[i].code || c) {
            fail_msg("%s: %d, %s: %s", mistakes[i].label, rc, err.where,
                     err.text);
        }
        if (!strstr(err.where, mistakes[i].says)
            && !strstr(err.text, mistakes[i].says)) {
            fail_msg("%s: it says %s: %s", mistakes[i].label, err.where,
                     err.text);
        }
    }
}

static void not_root_one_has_sites_of_ones_own(void **state)
{
    static const char own[] =
        FIRST "httpd\t50\0site\t0\ta\t50\t50\t/a\ta\t/a\0";
    struct cgiw_config *c = NULL;
    struct omk_err err;

    (void)state;
    assert_int_equal(parse(own, sizeof own - 1, 50, &c, &err), OMK_OK);
    cgiw_config_free(c);
    c = NULL;
    assert_int_equal(parse(own, sizeof own - 1, 51, &c, &err), OMK_EDENIED);
    assert_non_null(strstr(err.text, "not started as root"));
    assert_null(c);
}

static void beneath_the_root(void **state)
{
    struct cgiw_config *c;
    const struct cgiw_site *s;

    (void)state;
    assert_int_equal(
        PARSE(FIRST "site\t0\ta\t1000\t1000\t/srv/a\ta\t/a\0", &c, NULL),
        OMK_OK);
    s = c->sites;
    assert_string_equal(cgiw_site_beneath(s, "/srv/a/b.cgi", 12), "b.cgi");
    assert_string_equal(cgiw_site_beneath(s, "/srv/a/b/c.cgi", 14), "b/c.cgi");
    assert_non_null(cgiw_site_beneath(s, "/srv/a", 6));
    assert_null(cgiw_site_beneath(s, "/srv/ab", 7));
    assert_null(cgiw_site_beneath(s, "/srv/ab/c.cgi", 13));
    assert_null(cgiw_site_beneath(s, "/srv", 4));
    assert_null(cgiw_site_beneath(s, "/etc/passwd", 11));
    cgiw_config_free(c);
}

static void own_words_and_everybodys(void **state)
{
    struct cgiw_config *c;
    const struct cgiw_site *alice, *bob;

    (void)state;
    assert_int_equal(
        PARSE(FIRST "passenv\tTZ\0interpreter\t/p\t/all\0" ALICE BOB
                    "site-passenv\t0\tDB\0site-interpreter\t0\t/p\t/own\0",
              &c, NULL),
        OMK_OK);
    alice = c->sites;
    bob = c->sites + 1;
    assert_string_equal(cgiw_site_interpreter(c, alice, "/p"), "/own");
    assert_string_equal(cgiw_site_interpreter(c, bob, "/p"), "/all");
    assert_null(cgiw_site_interpreter(c, bob, "/p2"));
    assert_null(cgiw_site_interpreter(c, bob, "/"));
    assert_true(cgiw_site_passenv(c, alice, "DB=x", 2));
    assert_false(cgiw_site_passenv(c, bob, "DB", 2));
    assert_true(cgiw_site_passenv(c, bob, "TZ", 2));
    assert_false(cgiw_site_passenv(c, bob, "T", 1));
    assert_false(cgiw_site_passenv(c, bob, "TZX", 3));
    cgiw_config_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_there_is),
        cmocka_unit_test(what_is_not_said),
        cmocka_unit_test(users_are_numbered_by_uid),
        cmocka_unit_test(mistakes_say_where),
        cmocka_unit_test(not_root_one_has_sites_of_ones_own),
        cmocka_unit_test(beneath_the_root),
        cmocka_unit_test(own_words_and_everybodys),
    };

    return cmocka_run_group_tests_name("cgiw_sites", tests, NULL, NULL);
}
