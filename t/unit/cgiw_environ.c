#include "cmocka_first.h"
#include "environ.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct cgiw_word pass[] = {
    {"APPLICATION_ENV", NULL, &pass[1]}, {"HTTP_PROXY", NULL, &pass[2]},
    {"HOME", NULL, &pass[3]},            {"PATH", NULL, &pass[4]},
    {"bad-name", NULL, NULL},
};
static const struct cgiw_word site_pass[] = {{"DB_HOST", NULL, NULL}};

static const struct cgiw_environ_rules usual = {
    .passenv = pass, .site_passenv = site_pass, .home = "/home/alice",
    .user = "alice", .path = "/usr/bin:/bin", .lang = "C.UTF-8"};

/* --- names ---------------------------------------------------------------- */

static const char *const allowed[] = {
    "AUTH_TYPE",   "CONTENT_LENGTH",  "CONTENT_TYPE",  "GATEWAY_INTERFACE",
    "PATH_INFO",   "PATH_TRANSLATED", "QUERY_STRING",  "REMOTE_ADDR",
    "REMOTE_HOST", "REMOTE_IDENT",    "REMOTE_USER",   "REQUEST_METHOD",
    "SCRIPT_NAME", "SERVER_NAME",     "SERVER_PORT",   "SERVER_PROTOCOL",
    "REQUEST_URI", "SERVER_SOFTWARE", "DOCUMENT_ROOT", "SCRIPT_FILENAME",
    "HTTPS",       "SSL_PROTOCOL",    "UNIQUE_ID",     "DATE_LOCAL",
    "DATE_GMT",    "DOCUMENT_NAME",   "DOCUMENT_URI",  "LAST_MODIFIED",
    "USER_NAME",   "TZ",              "HTTP_COOKIE",   "HTTP_AUTHORIZATION",
    "HTTP_X_A",    "REDIRECT_STATUS", "REDIRECT_URL",  "REDIRECT_HTTP_PROXY",
    "HTTP2",       "SCRIPT_URI",      "DB_HOST",       "APPLICATION_ENV",
    "PATH",        "QUERY_STRING_UNESCAPED",
};

static const char *const refused[] = {
    "",           "HTTP_PROXY",   "HTTP_",       "SSL_",
    "REDIRECT_",  "LD_PRELOAD",   "LD_AUDIT",    "DYLD_INSERT_LIBRARIES",
    "IFS",        "BASH_ENV",     "ENV",         "BASH_FUNC_x%%",
    "PERL5LIB",   "PERL5OPT",     "PYTHONPATH",  "PYTHONHOME",
    "RUBYOPT",    "NODE_OPTIONS", "GCONV_PATH",  "MALLOC_CHECK_",
    "HOME",       "USER",         "LOGNAME",     "SHELL",
    "PS4",        "TMPDIR",       "LANG",        "LC_ALL",
    "PHPRC",      "APACHE_RUN_USER", "FOO",      "http_proxy",
    "path_info",  "HTTP_A-B",     "HTTP_A B",    "HTTP_\xc3\xa9",
    "1HTTP_A",    "bad-name",     "HTTP_A()",    "AUTH_TYPEX",
    "AUTH_TYP",   "SERVER_",      "HTTP_A\n",
};

static void names(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++) {
        if (!cgiw_environ_allows(allowed[i], strlen(allowed[i]), &usual)) {
            fail_msg("%s must pass", allowed[i]);
        }
    }
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        if (cgiw_environ_allows(refused[i], strlen(refused[i]), &usual)) {
            fail_msg("%s must not pass", refused[i]);
        }
    }
}

/* --- whole blocks --------------------------------------------------------- */

#define OURS "HOME=/home/alice|USER=alice|LOGNAME=alice|"
#define LAST "|PATH=/usr/bin:/bin|LANG=C.UTF-8"
#define CASE(label, block, rc, detail, out)                                    \
    {                                                                          \
        label, block, sizeof block - 1, rc, detail, out                        \
    }

static const struct {
    const char *label, *block;
    size_t len;
    int rc, detail;
    const char *out; /* separated by | */
} blocks[] = {
    CASE("empty", "", 0, 0,
         "HOME=/home/alice|USER=alice|LOGNAME=alice" LAST),
    CASE("usual", "REQUEST_METHOD=GET\0QUERY_STRING=\0HTTP_HOST=a\0", 0, 0,
         OURS "REQUEST_METHOD=GET|QUERY_STRING=|HTTP_HOST=a" LAST),
    CASE("a value with = and newlines", "SSL_CLIENT_CERT=a\nb=c\n\0", 0, 0,
         OURS "SSL_CLIENT_CERT=a\nb=c\n" LAST),
    CASE("what is not allowed is left out",
         "LD_PRELOAD=/x.so\0HTTP_PROXY=http://evil\0HTTP_A=1\0FOO=2\0", 0, 0,
         OURS "HTTP_A=1" LAST),
    CASE("ours cannot be replaced", "HOME=/\0USER=root\0LOGNAME=root\0HTTP_A=1\0",
         0, 0, OURS "HTTP_A=1" LAST),
    CASE("PATH where the operator passes it", "PATH=/opt/bin\0", 0, 0,
         OURS "PATH=/opt/bin|LANG=C.UTF-8"),
    CASE("the first of two counts", "HTTP_A=1\0HTTP_A=2\0HTTP_AB=3\0", 0, 0,
         OURS "HTTP_A=1|HTTP_AB=3" LAST),
    CASE("Authorization where httpd sent it", "HTTP_AUTHORIZATION=Basic eA==\0",
         0, 0, OURS "HTTP_AUTHORIZATION=Basic eA==" LAST),
    CASE("a name of nothing", "=1\0HTTP_A=1\0", 0, 0, OURS "HTTP_A=1" LAST),
    CASE("no =", "HTTP_A\0", CGIW_E25, CGIW_ENV_BROKEN, NULL),
    CASE("an empty one", "HTTP_A=1\0\0", CGIW_E25, CGIW_ENV_BROKEN, NULL),
    CASE("no NUL at the end", "HTTP_A=1\0HTTP_B=2", CGIW_E25, CGIW_ENV_BROKEN,
         NULL),
};

static struct cgiw_facts facts;

/* Builds from exact-size buffers, for ASan, and joins the result. */
static int build(const char *block, size_t len,
                 const struct cgiw_environ_rules *rules, size_t max,
                 char **joined)
{
    char *exact = malloc(len ? len : 1);
    char *own = malloc(CGIW_ENVIRON_OWN_MAX);
    char **envp = calloc(max, sizeof *envp);
    size_t count = 12345, n = 0;
    FILE *out;
    int rc;

    assert_true(exact && own && envp);
    memcpy(exact, block, len);
    memset(&facts, 0, sizeof facts);
    rc = cgiw_environ_build(exact, len, rules, own, CGIW_ENVIRON_OWN_MAX, envp,
                            max, &count, &facts);
    *joined = NULL;
    if (rc == 0) {
        assert_true(count < max && !envp[count]);
        out = open_memstream(joined, &n);
        assert_non_null(out);
        for (size_t i = 0; i < count; i++) {
            (void)fprintf(out, "%s%s", i ? "|" : "", envp[i]);
        }
        (void)fclose(out);
    }
    else {
        assert_int_equal(count, 12345);
        assert_int_equal(facts.code, rc);
    }
    free(envp);
    free(own);
    free(exact);
    return rc;
}

static void whole_blocks(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
        char *joined;
        int rc = build(blocks[i].block, blocks[i].len, &usual, 64, &joined);

        if (rc != blocks[i].rc || (rc && (int)facts.detail != blocks[i].detail)
            || (!rc && strcmp(joined, blocks[i].out) != 0)) {
            fail_msg("%s: %d, %s", blocks[i].label, rc, joined ? joined : "");
        }
        free(joined);
    }
}

static void php_and_perl(void **state)
{
    struct cgiw_environ_rules rules = usual;
    char *joined;

    (void)state;
    rules.unsafe_inc = true;
    assert_int_equal(0, build("", 0, &rules, 64, &joined));
    assert_non_null(strstr(joined, "|PERL_USE_UNSAFE_INC=1"));
    assert_null(strstr(joined, "REDIRECT_STATUS"));
    free(joined);

    rules.unsafe_inc = false;
    rules.script_filename = "/srv/a.cgi";
    assert_int_equal(0, build("SCRIPT_FILENAME=/etc/passwd\0", 28, &rules, 64,
                              &joined));
    assert_non_null(strstr(joined, "|SCRIPT_FILENAME=/srv/a.cgi|"));
    assert_null(strstr(joined, "passwd"));
    assert_non_null(strstr(joined, "|REDIRECT_STATUS=200"));
    assert_null(strstr(joined, "UNSAFE"));
    free(joined);

    assert_int_equal(0,
                     build("REDIRECT_STATUS=404\0", 20, &rules, 64, &joined));
    assert_non_null(strstr(joined, "|REDIRECT_STATUS=404"));
    assert_null(strstr(joined, "REDIRECT_STATUS=200"));
    free(joined);
}

/* count variables HTTP_n, each len bytes with its name and NUL. */
static char *many(unsigned count, size_t len)
{
    char *block = malloc(count * len);

    assert_non_null(block);
    for (unsigned i = 0; i < count; i++) {
        char *v = block + i * len;

        memset(v, 'x', len);
        (void)snprintf(v, len, "HTTP_%05u", i);
        v[10] = '=';
        v[len - 1] = '\0';
    }
    return block;
}

static const struct {
    const char *label;
    unsigned count;
    size_t len;
    int rc, detail;
    uint64_t limit, used;
    const char *what;
} sizes[] = {
    {"100 headers of 8 KB", 100, 8192, 0, 0, 0, 0, ""},
    {"one of the kernel's most", 1, CGIW_ENVIRON_VALUE_MAX + 1, 0, 0, 0, 0, ""},
    {"one more byte", 1, CGIW_ENVIRON_VALUE_MAX + 2, CGIW_E25, CGIW_ENV_VALUE,
     CGIW_ENVIRON_VALUE_MAX, CGIW_ENVIRON_VALUE_MAX + 1, "HTTP_00000"},
    {"130 headers of 8 KB", 130, 8192, CGIW_E25, CGIW_PLAIN,
     CGIW_ENVIRON_BYTES_MAX, 0, ""},
    {"as many as there may be", CGIW_ENVIRON_MAX - 5, 12, 0, 0, 0, 0, ""},
    {"one more", CGIW_ENVIRON_MAX - 4, 12, CGIW_E25, CGIW_ENV_COUNT,
     CGIW_ENVIRON_MAX, 0, ""},
};

static void too_much(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char *block = many(sizes[i].count, sizes[i].len);
        char *joined;
        int rc = build(block, sizes[i].count * sizes[i].len, &usual,
                       CGIW_ENVIRON_MAX + 1, &joined);

        if (rc != sizes[i].rc
            || (rc
                && ((int)facts.detail != sizes[i].detail
                    || facts.limit != sizes[i].limit
                    || (sizes[i].used && facts.used != sizes[i].used)
                    || strcmp(facts.what, sizes[i].what) != 0))) {
            fail_msg("%s: %d, detail %d, limit %llu, used %llu, %s",
                     sizes[i].label, rc, facts.detail,
                     (unsigned long long)facts.limit,
                     (unsigned long long)facts.used, facts.what);
        }
        free(joined);
        free(block);
    }
}

static void ours_must_fit(void **state)
{
    struct cgiw_environ_rules rules = usual;
    char *path = malloc(CGIW_ENVIRON_OWN_MAX);
    char *joined;

    (void)state;
    assert_non_null(path);
    memset(path, 'x', CGIW_ENVIRON_OWN_MAX - 1);
    path[CGIW_ENVIRON_OWN_MAX - 1] = '\0';
    rules.path = path;
    assert_int_equal(CGIW_E25, build("", 0, &rules, 64, &joined));
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),        cmocka_unit_test(whole_blocks),
        cmocka_unit_test(php_and_perl), cmocka_unit_test(too_much),
        cmocka_unit_test(ours_must_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
