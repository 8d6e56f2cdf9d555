#include "cmocka_first.h"
#include "shebang.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define X50 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define BOM "\xef\xbb\xbf"

/* What a machine has. */
static enum cgiw_probed machine(void *ctx, const char *path)
{
    static const char *const programs[] = {
        "/usr/bin/perl",        "/usr/bin/python3", "/usr/bin/php",
        "/usr/bin/php8.2",      "/usr/bin/php-cgi", "/usr/bin/php-cgi8.2",
        "/usr/bin/env",         "/bin/sh",          "/usr/local/bin/ruby",
        "/usr/local/bin/myenv", "/srv/bin/php",
    };

    (void)ctx;
    assert_int_equal(path[0], '/'); /* nothing of where we happen to be */
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
        if (strcmp(path, programs[i]) == 0) {
            return CGIW_PROBE_RUNS;
        }
    }
    return strcmp(path, "/srv/perl") == 0 ? CGIW_PROBE_DENIED
                                          : CGIW_PROBE_MISSING;
}

static const struct cgiw_word server_words[] = {
    {"/usr/local/bin/php", "/usr/bin/php-cgi", &server_words[1]},
    {"/opt/lang", "/usr/bin/lang", NULL},
};
static const struct cgiw_word site_words[] = {
    {"/opt/lang", "/usr/bin/lang2", NULL},
};

static const struct cgiw_shebang_rules usual = {
    .interpreters = server_words,
    .path = ":bin:/usr/local/bin:/usr/bin:/bin:.",
    .probe = machine};

/* --- what runs ------------------------------------------------------------ */

enum {
    PATH = CGIW_RUNS_BY_PATH,
    PHP = CGIW_RUNS_BY_PHP_CGI,
    ITSELF = CGIW_RUNS_ITSELF
};

static const struct {
    const char *label, *head;
    int runs;
    const char *argv; /* separated by | */
    int warning;
} good[] = {
    {"perl", "#!/usr/bin/perl\nprint 1;\n", PATH, "/usr/bin/perl|P", 0},
    {"an option", "#!/usr/bin/perl -w\n", PATH, "/usr/bin/perl|-w|P", 0},
    {"two options are one word", "#!/usr/bin/perl -w -T\n", PATH,
     "/usr/bin/perl|-w -T|P", 0},
    {"blanks", "#! \t /usr/bin/perl \t -w \t\n", PATH, "/usr/bin/perl|-w|P", 0},
    {"no newline", "#!/bin/sh", PATH, "/bin/sh|P", 0},
    {"a program that is not there: execve will tell", "#!/usr/bin/tclsh\n",
     PATH, "/usr/bin/tclsh|P", 0},
    {"the customer's own", "#!/srv/omakase/alice/web/perl\n", PATH,
     "/srv/omakase/alice/web/perl|P", 0},
    {"a slash too many", "#!//usr/bin/perl\n", PATH, "//usr/bin/perl|P", 0},
    {"CRLF, perl", "#!/usr/bin/perl\r\nprint 1;\r\n", PATH, "/usr/bin/perl|P",
     CGIW_E04},
    {"CRLF behind an option", "#!/usr/bin/perl -w\r\n", PATH,
     "/usr/bin/perl|-w|P", CGIW_E04},
    {"CRLF behind a blank", "#!/usr/bin/perl \r\n", PATH, "/usr/bin/perl|P",
     CGIW_E04},
    {"CRCRLF", "#!/usr/bin/perl\r\r\n", PATH, "/usr/bin/perl|P", CGIW_E04},
    {"CRLF, perl with a version", "#!/usr/bin/perl5.36.0\r\n", PATH,
     "/usr/bin/perl5.36.0|P", CGIW_E04},
    {"CRLF, python", "#!/usr/bin/python3\r\n", PATH, "/usr/bin/python3|P",
     CGIW_E04},
    {"CRLF, php", "#!/usr/bin/php\r\n<?php\r\n", PHP, "/usr/bin/php-cgi",
     CGIW_E04},
    {"CRLF, env", "#!/usr/bin/env perl\r\n", PATH, "/usr/bin/perl|P", CGIW_E04},
    {"LF first, CRLF later", "#!/bin/sh\necho\r\n", PATH, "/bin/sh|P", 0},
    {"BOM, perl", BOM "#!/usr/bin/perl\n", PATH, "/usr/bin/perl|P", CGIW_E07},
    {"BOM, python", BOM "#!/usr/bin/python3\n", PATH, "/usr/bin/python3|P",
     CGIW_E07},
    {"BOM and CRLF", BOM "#!/usr/bin/perl\r\n", PATH, "/usr/bin/perl|P",
     CGIW_E04},
    {"php", "#!/usr/bin/php\n<?php echo 1;", PHP, "/usr/bin/php-cgi", 0},
    {"php -q", "#!/usr/bin/php -q\n", PHP, "/usr/bin/php-cgi|-q", 0},
    {"php with a version", "#!/usr/bin/php8.2\n", PHP, "/usr/bin/php-cgi8.2",
     0},
    {"php of a version that is not there", "#!/usr/bin/php5\n", PHP,
     "/usr/bin/php-cgi", 0},
    {"php elsewhere, as configured", "#!/usr/local/bin/php\n", PHP,
     "/usr/bin/php-cgi", 0},
    {"php that is not there", "#!/opt/php/bin/php\n", PHP, "/usr/bin/php-cgi",
     0},
    {"php of the customer's own", "#!/srv/bin/php\n", PATH, "/srv/bin/php|P",
     0},
    {"php-cgi itself", "#!/usr/bin/php-cgi\n", PHP, "/usr/bin/php-cgi", 0},
    {"phpdbg is another program", "#!/usr/bin/phpdbg\n", PATH,
     "/usr/bin/phpdbg|P", 0},
    {"env php", "#!/usr/bin/env php\n", PHP, "/usr/bin/php-cgi", 0},
    {"<?php", "<?php phpinfo();", PHP, "/usr/bin/php-cgi", 0},
    {"<?PHP and CRLF", "<?PHP\r\nphpinfo();", PHP, "/usr/bin/php-cgi", 0},
    {"<?php and nothing else", "<?php", PHP, "/usr/bin/php-cgi", 0},
    {"BOM and <?php", BOM "<?php\n", PHP, "/usr/bin/php-cgi", CGIW_E07},
    {"another word of the server's", "#!/opt/lang -x\n", PATH,
     "/usr/bin/lang|-x|P", 0},
    {"env", "#!/usr/bin/env perl\n", PATH, "/usr/bin/perl|P", 0},
    {"env, the first in PATH", "#!/usr/bin/env ruby\n", PATH,
     "/usr/local/bin/ruby|P", 0},
    {"env at another place", "#!/bin/env sh\n", PATH, "/bin/sh|P", 0},
    {"env -S", "#!/usr/bin/env -S perl -w  -T\n", PATH, "/usr/bin/perl|-w|-T|P",
     0},
    {"env -S without a blank", "#!/usr/bin/env -Sperl -w\n", PATH,
     "/usr/bin/perl|-w|P", 0},
    {"env -S php", "#!/usr/bin/env -S php -q\n", PHP, "/usr/bin/php-cgi|-q", 0},
    {"env -S with quotes: env's", "#!/usr/bin/env -S perl -e '1'\n", PATH,
     "/usr/bin/env|-S perl -e '1'|P", 0},
    {"env -S with a variable: env's", "#!/usr/bin/env -S A=1 perl\n", PATH,
     "/usr/bin/env|-S A=1 perl|P", 0},
    {"env -vS: env's", "#!/usr/bin/env -vS perl\n", PATH,
     "/usr/bin/env|-vS perl|P", 0},
    {"env --split-string: env's", "#!/usr/bin/env --split-string=perl -w\n",
     PATH, "/usr/bin/env|--split-string=perl -w|P", 0},
    {"env with a path: env's", "#!/usr/bin/env ./perl\n", PATH,
     "/usr/bin/env|./perl|P", 0},
    {"myenv is another program", "#!/usr/local/bin/myenv perl -w\n", PATH,
     "/usr/local/bin/myenv|perl -w|P", 0},
    {"a program", "\177ELF\2\1\1", ITSELF, "P", 0},
    {"255 bytes", "#!/" X50 X50 X50 X50 X50 "xxxx\n", PATH,
     "/" X50 X50 X50 X50 X50 "xxxx|P", 0},
};

static void join(const struct cgiw_shebang *s, char *out, size_t size)
{
    const char *argv[CGIW_ARGV_MAX];
    size_t n = cgiw_shebang_argv(s, "P", argv);
    size_t len = 0;

    assert_true(n > 0 && n < CGIW_ARGV_MAX && !argv[n]);
    for (size_t i = 0; i < n; i++) {
        len += (size_t)snprintf(out + len, size - len, "%s%s", i ? "|" : "",
                                argv[i]);
    }
}

/* From a buffer of exactly its size, for ASan. */
static int parse(const char *head, size_t len,
                 const struct cgiw_shebang_rules *rules, struct cgiw_shebang *s,
                 struct cgiw_facts *f)
{
    char *exact = malloc(len ? len : 1);
    int rc;

    assert_non_null(exact);
    memcpy(exact, head, len);
    memset(f, 0, sizeof *f);
    rc = cgiw_shebang_parse(exact, len, rules, s, f);
    free(exact);
    return rc;
}

static void what_runs(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        static struct cgiw_facts f;
        struct cgiw_shebang s;
        char argv[1024] = "";
        int rc = parse(good[i].head, strlen(good[i].head), &usual, &s, &f);

        if (rc == 0) {
            join(&s, argv, sizeof argv);
        }
        if (rc || (int)s.runs != good[i].runs
            || (int)s.warning != good[i].warning
            || strcmp(argv, good[i].argv) != 0) {
            fail_msg("%s: rc %d, runs %d, warning %d, %s", good[i].label, rc,
                     s.runs, s.warning, argv);
        }
        if (s.warning) {
            assert_int_equal(f.code, s.warning);
            assert_int_equal(f.detail, CGIW_WARNING);
        }
    }
}

static void sites_words_first(void **state)
{
    static struct cgiw_facts f;
    struct cgiw_shebang_rules rules = usual;
    struct cgiw_shebang s;

    (void)state;
    rules.site_interpreters = site_words;
    assert_int_equal(0, parse("#!/opt/lang\n", 12, &rules, &s, &f));
    assert_string_equal(s.interpreter, "/usr/bin/lang2");
}

/* --- what does not -------------------------------------------------------- */

#define BAD(label, head, code, detail, what, nearest)                          \
    {                                                                          \
        label, head, sizeof head - 1, code, detail, what, nearest              \
    }

static const struct {
    const char *label, *head;
    size_t len;
    int code, detail;
    const char *what, *nearest;
} bad[] = {
    BAD("empty", "", CGIW_E09, CGIW_PLAIN, "", ""),
    BAD("a BOM alone", BOM, CGIW_E09, CGIW_PLAIN, "", ""),
    BAD("CRLF, sh", "#!/bin/sh\r\n", CGIW_E04, CGIW_PLAIN, "/bin/sh", ""),
    BAD("CRLF, ruby", "#!/usr/local/bin/ruby\r\n", CGIW_E04, CGIW_PLAIN,
        "/usr/local/bin/ruby", ""),
    BAD("CRLF, perl in the name only", "#!/usr/bin/perldoc\r\n", CGIW_E04,
        CGIW_PLAIN, "/usr/bin/perldoc", ""),
    BAD("CR", "#!/usr/bin/perl\rprint 1;\r", CGIW_E05, CGIW_PLAIN, "", ""),
    BAD("CR at the end of all", "#!/usr/bin/perl\r", CGIW_E05, CGIW_PLAIN, "",
        ""),
    BAD("CR, and LF far below", "#!/usr/bin/perl\rprint 1;\n", CGIW_E05,
        CGIW_PLAIN, "", ""),
    BAD("CR and a long line", "#!/usr/bin/perl\r" X50 X50 X50 X50 X50 X50,
        CGIW_E05, CGIW_PLAIN, "", ""),
    BAD("nothing named", "#!\n", CGIW_E06, CGIW_NONE_NAMED, "",
        "/usr/bin/perl"),
    BAD("blanks", "#! \t \n", CGIW_E06, CGIW_NONE_NAMED, "", "/usr/bin/perl"),
    BAD("#! alone", "#!", CGIW_E06, CGIW_NONE_NAMED, "", "/usr/bin/perl"),
    BAD("env of nothing", "#!/usr/bin/env\n", CGIW_E06, CGIW_NONE_NAMED, "",
        ""),
    BAD("relative", "#!perl -w\n", CGIW_E06, CGIW_RELATIVE, "perl",
        "/usr/bin/perl"),
    BAD("relative with a slash", "#!bin/perl\n", CGIW_E06, CGIW_RELATIVE,
        "bin/perl", "/usr/bin/perl"),
    BAD("a Windows path", "#!C:\\perl\\bin\\perl.exe\n", CGIW_E06,
        CGIW_RELATIVE, "C:\\perl\\bin\\perl.exe", ""),
    BAD("256 bytes", "#!/" X50 X50 X50 X50 X50 "xxxxx\n", CGIW_E06,
        CGIW_TOO_LONG, "", ""),
    BAD("no end", "#!/" X50 X50 X50 X50 X50 X50, CGIW_E06, CGIW_TOO_LONG, "",
        ""),
    BAD("env of a program that is not there", "#!/usr/bin/env tclsh\n",
        CGIW_E06, CGIW_PLAIN, "tclsh", ""),
    BAD("env of one that is near", "#!/usr/bin/env python\n", CGIW_E06,
        CGIW_PLAIN, "python", "/usr/bin/python3"),
    BAD("env -S of a program that is not there", "#!/usr/bin/env -S tclsh -x\n",
        CGIW_E06, CGIW_PLAIN, "tclsh", ""),
    BAD("BOM, sh", BOM "#!/bin/sh\n", CGIW_E07, CGIW_PLAIN, "", ""),
    BAD("BOM, php: it would show", BOM "#!/usr/bin/php\n", CGIW_E07, CGIW_PLAIN,
        "", ""),
    BAD("BOM, ruby", BOM "#!/usr/local/bin/ruby\n", CGIW_E07, CGIW_PLAIN, "",
        ""),
    BAD("UTF-16, little end", "\xff\xfe#\0!\0", CGIW_E07, CGIW_UTF16, "", ""),
    BAD("UTF-16, big end", "\xfe\xff\0#\0!", CGIW_E07, CGIW_UTF16, "", ""),
    BAD("text", "print 1;\n", CGIW_E08, CGIW_PLAIN, "", ""),
    BAD("#", "#", CGIW_E08, CGIW_PLAIN, "", ""),
    BAD("HTML", "<html>", CGIW_E08, CGIW_PLAIN, "", ""),
    BAD("<?phpx", "<?phpx", CGIW_E08, CGIW_PLAIN, "", ""),
    BAD("<?xml", "<?xml version='1.0'?>", CGIW_E08, CGIW_PLAIN, "", ""),
    BAD("an empty line first", "\n#!/usr/bin/perl\n", CGIW_E08, CGIW_LATER, "",
        ""),
    BAD("a blank first", " #!/usr/bin/perl\n", CGIW_E08, CGIW_LATER, "", ""),
    BAD("Windows", "MZ\x90\0", CGIW_E08, CGIW_FOREIGN, "", ""),
    BAD("zip", "PK\3\4", CGIW_E08, CGIW_FOREIGN, "", ""),
    BAD("NUL in the line", "#!/usr/bin/perl\0 -w\n", CGIW_E08, CGIW_FOREIGN, "",
        ""),
    BAD("half of an ELF", "\177EL", CGIW_E08, CGIW_PLAIN, "", ""),
    BAD("env perl -w", "#!/usr/bin/env perl -w\n", CGIW_E10, CGIW_PLAIN,
        "#!/usr/bin/env perl -w", "/usr/bin/perl -w"),
    BAD("the same and CRLF", "#!/usr/bin/env perl -w\r\n", CGIW_E10, CGIW_PLAIN,
        "#!/usr/bin/env perl -w", "/usr/bin/perl -w"),
    BAD("env with a tab", "#!/usr/bin/env perl\t-w\n", CGIW_E10, CGIW_PLAIN,
        "#!/usr/bin/env perl\t-w", "/usr/bin/perl\t-w"),
    BAD("env -i", "#!/usr/bin/env -i perl\n", CGIW_E10, CGIW_PLAIN,
        "#!/usr/bin/env -i perl", ""),
    BAD("an S further on", "#!/usr/bin/env -i A=S perl\n", CGIW_E10, CGIW_PLAIN,
        "#!/usr/bin/env -i A=S perl", ""),
    BAD("env A=1: it would start itself for ever", "#!/usr/bin/env A=1\n",
        CGIW_E10, CGIW_PLAIN, "#!/usr/bin/env A=1", ""),
    BAD("env tclsh -x", "#!/usr/bin/env tclsh -x\n", CGIW_E10, CGIW_PLAIN,
        "#!/usr/bin/env tclsh -x", ""),
};

static void what_does_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        static struct cgiw_facts f;
        struct cgiw_shebang s;
        int rc = parse(bad[i].head, bad[i].len, &usual, &s, &f);

        if (rc != bad[i].code || (int)f.code != rc
            || (int)f.detail != bad[i].detail
            || strcmp(f.what, bad[i].what) != 0
            || strcmp(f.nearest, bad[i].nearest) != 0) {
            fail_msg("%s: E%02d detail %d, what '%s', nearest '%s'",
                     bad[i].label, rc, f.detail, f.what, f.nearest);
        }
    }
}

static void which_line(void **state)
{
    static struct cgiw_facts f;
    struct cgiw_shebang s;

    (void)state;
    assert_int_equal(CGIW_E08, parse("\n\r\n \t#!/x\n", 10, &usual, &s, &f));
    assert_int_equal(f.limit, 3);
}

static const struct {
    const char *label, *head;
    int code;
} strict[] = {
    {"LF", "#!/usr/bin/perl\n", 0},
    {"CRLF", "#!/usr/bin/perl\r\n", CGIW_E04},
    {"CRLF, php", "#!/usr/bin/php\r\n", CGIW_E04},
    {"BOM", BOM "#!/usr/bin/perl\n", CGIW_E07},
    {"BOM, <?php", BOM "<?php\n", CGIW_E07},
};

static void strictly(void **state)
{
    struct cgiw_shebang_rules rules = usual;

    (void)state;
    rules.strict = true;
    for (size_t i = 0; i < sizeof strict / sizeof *strict; i++) {
        static struct cgiw_facts f;
        struct cgiw_shebang s;
        int rc = parse(strict[i].head, strlen(strict[i].head), &rules, &s, &f);

        if (rc != strict[i].code || (rc && f.detail != CGIW_PLAIN)) {
            fail_msg("%s: E%02d detail %d", strict[i].label, rc, f.detail);
        }
    }
}

/* --- after execve --------------------------------------------------------- */

static const struct {
    const char *label, *interpreter; /* NULL: a program */
    int error, code, detail;
    const char *nearest;
} failures[] = {
    {"missing", "/usr/local/bin/perl", ENOENT, CGIW_E06, CGIW_PLAIN,
     "/usr/bin/perl"},
    {"missing, of a version", "/usr/bin/perl5", ENOENT, CGIW_E06, CGIW_PLAIN,
     "/usr/bin/perl"},
    {"python has a number", "/usr/local/bin/python2.7", ENOENT, CGIW_E06,
     CGIW_PLAIN, "/usr/bin/python3"},
    {"somewhere else", "/usr/bin/ruby", ENOENT, CGIW_E06, CGIW_PLAIN,
     "/usr/local/bin/ruby"},
    {"nothing near", "/usr/bin/tclsh", ENOENT, CGIW_E06, CGIW_PLAIN, ""},
    {"beneath a file", "/usr/bin/perl/perl", ENOTDIR, CGIW_E06, CGIW_PLAIN,
     "/usr/bin/perl"},
    {"a slash at its end", "/usr/bin/", EACCES, CGIW_E06, CGIW_PLAIN, ""},
    {"not executable", "/srv/perl", EACCES, CGIW_E06, CGIW_NO_PROGRAM,
     "/usr/bin/perl"},
    {"no program", "/srv/perl", ENOEXEC, CGIW_E06, CGIW_NO_PROGRAM,
     "/usr/bin/perl"},
    {"its loader", "/usr/bin/perl", ENOENT, CGIW_E06, CGIW_NO_LOADER, ""},
    {"scripts upon scripts", "/usr/bin/perl", ELOOP, CGIW_E06, CGIW_NO_LOADER,
     ""},
    {"another machine's", NULL, ENOEXEC, CGIW_E08, CGIW_FOREIGN, ""},
    {"without its loader", NULL, ENOENT, CGIW_E08, CGIW_FOREIGN, ""},
    {"noexec", NULL, EACCES, CGIW_E22, CGIW_PLAIN, ""},
    {"being written", NULL, ETXTBSY, CGIW_E22, CGIW_BUSY, ""},
    {"too large", "/usr/bin/perl", E2BIG, CGIW_E25, CGIW_PLAIN, ""},
    {"no memory", "/usr/bin/perl", ENOMEM, CGIW_E22, CGIW_PLAIN, ""},
};

static void afterwards(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
        static struct cgiw_facts f;
        struct cgiw_shebang s = {.runs = CGIW_RUNS_ITSELF};
        int rc;

        if (failures[i].interpreter) {
            s.runs = CGIW_RUNS_BY_PATH;
            (void)snprintf(s.interpreter, sizeof s.interpreter, "%s",
                           failures[i].interpreter);
        }
        memset(&f, 0, sizeof f);
        rc = cgiw_shebang_failed(&s, failures[i].error, &usual, &f);
        if (rc != failures[i].code || (int)f.code != rc
            || (int)f.detail != failures[i].detail
            || strcmp(f.nearest, failures[i].nearest) != 0
            || (rc == CGIW_E06 && strcmp(f.what, s.interpreter) != 0)) {
            fail_msg("%s: E%02d detail %d, what '%s', nearest '%s'",
                     failures[i].label, rc, f.detail, f.what, f.nearest);
        }
    }
}

static void the_real_probe(void **state)
{
    char path[] = "/tmp/cgiw-XXXXXX";
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(cgiw_probe(NULL, "/bin/sh"), CGIW_PROBE_RUNS);
    assert_int_equal(cgiw_probe(NULL, "/"), CGIW_PROBE_DENIED);
    assert_int_equal(cgiw_probe(NULL, path), CGIW_PROBE_DENIED);
    assert_int_equal(0, unlink(path));
    assert_int_equal(cgiw_probe(NULL, path), CGIW_PROBE_MISSING);
    (void)close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_runs),      cmocka_unit_test(sites_words_first),
        cmocka_unit_test(what_does_not),  cmocka_unit_test(which_line),
        cmocka_unit_test(strictly),       cmocka_unit_test(afterwards),
        cmocka_unit_test(the_real_probe),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
