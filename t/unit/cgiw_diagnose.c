/* Each code's line, word for word, and that no text breaks a log. */
#include "cmocka_first.h"
#include "diagnose.h"

#include <stdio.h>
#include <string.h>

#define EXITED(n) ((n) << 8)

static const struct {
    const char *label;
    struct cgiw_facts facts;
    const char *line;
} lines[] = {
    {"not executable",
     {.code = CGIW_E01, .script = "/web/cgi/a.cgi", .mode = 0100644},
     "E01 /web/cgi/a.cgi: the script is not executable (0644). Fix: chmod 755 "
     "/web/cgi/a.cgi"},
    {"another's",
     {.code = CGIW_E02, .script = "/web/a.cgi", .owner = 20002,
      .user = "alice", .uid = 20001},
     "E02 /web/a.cgi: the script belongs to uid 20002, but this site runs as "
     "alice (uid 20001). Fix: delete it and upload it again yourself"},
    {"root's",
     {.code = CGIW_E02, .script = "/web/a.cgi", .user = "alice", .uid = 20001},
     "E02 /web/a.cgi: the script belongs to root, but this site runs as alice "
     "(uid 20001). Fix: delete it and upload it again yourself"},
    {"directory, group",
     {.code = CGIW_E03, .script = "/web/cgi/a.cgi", .where = "/web/cgi",
      .mode = 040775},
     "E03 /web/cgi/a.cgi: directory /web/cgi is writable by group (0775). Fix: "
     "chmod 755 /web/cgi"},
    {"directory, others",
     {.code = CGIW_E03, .script = "/web/cgi/a.cgi", .where = "/web/cgi",
      .mode = 040757},
     "E03 /web/cgi/a.cgi: directory /web/cgi is writable by others (0757). Fix: "
     "chmod 755 /web/cgi"},
    {"directory, everybody, sticky",
     {.code = CGIW_E03, .script = "/web/cgi/a.cgi", .where = "/web/cgi",
      .mode = 041777},
     "E03 /web/cgi/a.cgi: directory /web/cgi is writable by group and others "
     "(1777). Fix: chmod 755 /web/cgi"},
    {"another's directory",
     {.code = CGIW_E03, .detail = CGIW_OWNER, .script = "/web/x/a.cgi",
      .where = "/web/x", .owner = 33, .user = "alice", .uid = 20001},
     "E03 /web/x/a.cgi: directory /web/x belongs to uid 33, but this site runs "
     "as alice (uid 20001). Fix: move the script to a directory that you have "
     "made yourself"},
    {"CRLF",
     {.code = CGIW_E04, .script = "/web/a.cgi", .what = "/bin/sh"},
     "E04 /web/a.cgi: line ends are CRLF (Windows) where /bin/sh needs LF. Fix: "
     "upload it in ASCII mode, or save it with LF line ends"},
    {"CRLF, warning",
     {.code = CGIW_E04, .detail = CGIW_WARNING, .script = "/web/a.cgi"},
     "E04 /web/a.cgi: warning: line ends are CRLF (Windows); it was run without "
     "the CR in its first line. Fix: upload it in ASCII mode, or save it with "
     "LF line ends"},
    {"CR",
     {.code = CGIW_E05, .script = "/web/a.cgi"},
     "E05 /web/a.cgi: line ends are CR (old Mac), so that it is all one line. "
     "Fix: upload it in ASCII mode, or save it with LF line ends"},
    {"interpreter",
     {.code = CGIW_E06, .script = "/web/a.cgi", .what = "/usr/local/bin/perl",
      .nearest = "/usr/bin/perl"},
     "E06 /web/a.cgi: the interpreter /usr/local/bin/perl is not there. Fix: "
     "write #!/usr/bin/perl as the first line"},
    {"interpreter, nothing near",
     {.code = CGIW_E06, .script = "/web/a.cgi", .what = "/usr/bin/tclsh"},
     "E06 /web/a.cgi: the interpreter /usr/bin/tclsh is not there. Fix: write "
     "an interpreter that is there, such as #!/usr/bin/perl, as the first "
     "line"},
    {"interpreter, none",
     {.code = CGIW_E06, .detail = CGIW_NONE_NAMED, .script = "/web/a.cgi",
      .nearest = "/usr/bin/perl"},
     "E06 /web/a.cgi: the first line has #! and names no interpreter. Fix: "
     "write #!/usr/bin/perl as the first line"},
    {"interpreter, relative",
     {.code = CGIW_E06, .detail = CGIW_RELATIVE, .script = "/web/a.cgi",
      .what = "perl", .nearest = "/usr/bin/perl"},
     "E06 /web/a.cgi: the interpreter perl is not named by its whole path. Fix: "
     "write #!/usr/bin/perl as the first line"},
    {"interpreter, no program",
     {.code = CGIW_E06, .detail = CGIW_NO_PROGRAM, .script = "/web/a.cgi",
      .what = "/web/perl", .nearest = "/usr/bin/perl"},
     "E06 /web/a.cgi: the interpreter /web/perl is there and is no program that "
     "can be run. Fix: write #!/usr/bin/perl as the first line"},
    {"interpreter, its loader",
     {.code = CGIW_E06, .detail = CGIW_NO_LOADER, .script = "/web/a.cgi",
      .what = "/opt/perl", .nearest = "/usr/bin/perl"},
     "E06 /web/a.cgi: the interpreter /opt/perl is there and what it needs to "
     "start is not. Fix: write #!/usr/bin/perl as the first line"},
    {"first line too long",
     {.code = CGIW_E06, .detail = CGIW_TOO_LONG, .script = "/web/a.cgi",
      .limit = 255},
     "E06 /web/a.cgi: the first line has more than 255 bytes. Fix: make it "
     "shorter"},
    {"BOM",
     {.code = CGIW_E07, .script = "/web/a.cgi"},
     "E07 /web/a.cgi: a byte order mark (BOM) stands before the first line. "
     "Fix: save it as UTF-8 without BOM"},
    {"BOM, warning",
     {.code = CGIW_E07, .detail = CGIW_WARNING, .script = "/web/a.cgi"},
     "E07 /web/a.cgi: warning: a byte order mark (BOM) stands before the first "
     "line; it was run all the same. Fix: save it as UTF-8 without BOM"},
    {"UTF-16",
     {.code = CGIW_E07, .detail = CGIW_UTF16, .script = "/web/a.cgi"},
     "E07 /web/a.cgi: the file is UTF-16. Fix: save it as UTF-8 without BOM"},
    {"no first line",
     {.code = CGIW_E08, .script = "/web/a.cgi"},
     "E08 /web/a.cgi: the first line does not say what runs it. Fix: write "
     "#!/usr/bin/perl, or what it is written for, as the first line"},
    {"first line is the third",
     {.code = CGIW_E08, .detail = CGIW_LATER, .script = "/web/a.cgi",
      .limit = 3},
     "E08 /web/a.cgi: #! stands in line 3 and not at the very beginning. Fix: "
     "delete what stands before it"},
    {"foreign",
     {.code = CGIW_E08, .detail = CGIW_FOREIGN, .script = "/web/a.cgi"},
     "E08 /web/a.cgi: this program is not made for this server, or is damaged. "
     "Fix: upload it in binary mode, or build it for this server's Linux"},
    {"empty",
     {.code = CGIW_E09, .script = "/web/a.cgi"},
     "E09 /web/a.cgi: the file is empty. Fix: upload it again; when it stays "
     "empty, see whether your disk space is used up"},
    {"env",
     {.code = CGIW_E10, .script = "/web/a.cgi",
      .what = "#!/usr/bin/env perl -w", .nearest = "/usr/bin/perl -w"},
     "E10 /web/a.cgi: \"#!/usr/bin/env perl -w\" makes env look for one program "
     "of that whole name. Fix: write #!/usr/bin/perl -w as the first line"},
    {"output first",
     {.code = CGIW_E11, .script = "/web/a.cgi", .what = "<html>\t\"x\""},
     "E11 /web/a.cgi: output before the header; it begins with "
     "\"<html>\\t\"x\"\". Fix: print \"Content-Type: text/html\" and an empty "
     "line before all else"},
    {"long header",
     {.code = CGIW_E11, .detail = CGIW_TOO_LONG, .script = "/web/a.cgi",
      .what = "xx", .limit = 8189},
     "E11 /web/a.cgi: more than 8189 bytes of header, or of one line of it; it "
     "begins with \"xx\". Fix: print \"Content-Type: text/html\" and an empty "
     "line before all else"},
    {"status",
     {.code = CGIW_E11, .detail = CGIW_STATUS, .script = "/web/a.cgi",
      .what = "Status: OK"},
     "E11 /web/a.cgi: the header has \"Status: OK\", which is no status. Fix: "
     "print a number from 100 to 999, such as \"Status: 404 Not Found\""},
    {"exit code",
     {.code = CGIW_E12, .script = "/web/a.cgi", .wait_status = EXITED(2),
      .cpu_ms = 1236, .memory_bytes = 12 << 20,
      .last_line = "syntax error at a.cgi line 3, near \"}\""},
     "E12 /web/a.cgi: ended without a header: exit code 2, CPU 1.23 s, memory "
     "12 MB, its last error line: \"syntax error at a.cgi line 3, near \"}\"\". "
     "Fix: mend what that line says"},
    {"exit code 0, silent",
     {.code = CGIW_E12, .script = "/web/a.cgi"},
     "E12 /web/a.cgi: ended without a header: exit code 0, CPU 0.00 s. Fix: "
     "print \"Content-Type: text/html\" and an empty line first"},
    {"signal",
     {.code = CGIW_E12, .script = "/web/a.cgi", .wait_status = 11,
      .memory_bytes = 1},
     "E12 /web/a.cgi: ended without a header: killed by signal 11 (SIGSEGV), "
     "CPU 0.00 s, memory 1 MB. Fix: look for what ended it; nobody stopped it "
     "for a limit"},
    {"nameless signal",
     {.code = CGIW_E12, .script = "/web/a.cgi", .wait_status = 50},
     "E12 /web/a.cgi: ended without a header: killed by signal 50, CPU 0.00 s. "
     "Fix: look for what ended it; nobody stopped it for a limit"},
    {"a library beside the script",
     {.code = CGIW_E12, .detail = CGIW_NO_INC, .script = "/web/a.cgi",
      .what = "lib/jcode.pl", .wait_status = EXITED(2),
      .last_line = "Can't locate lib/jcode.pl in @INC"},
     "E12 /web/a.cgi: ended without a header: exit code 2, CPU 0.00 s; Perl "
     "found no lib/jcode.pl, as it looks beside the script no more (since "
     "5.26). Fix: write require './lib/jcode.pl';"},
    {"a module beside the script",
     {.code = CGIW_E12, .detail = CGIW_NO_INC, .script = "/web/a.cgi",
      .what = "Form.pm", .wait_status = EXITED(2)},
     "E12 /web/a.cgi: ended without a header: exit code 2, CPU 0.00 s; Perl "
     "found no Form.pm, as it looks beside the script no more (since 5.26). "
     "Fix: write use lib '.'; above the line that needs it"},
    {"unreadable",
     {.code = CGIW_E13, .script = "/web/a.cgi", .mode = 0100311},
     "E13 /web/a.cgi: the script is not readable (0311). Fix: chmod 755 "
     "/web/a.cgi"},
    {"closed directory",
     {.code = CGIW_E13, .detail = CGIW_DIRECTORY, .script = "/web/x/a.cgi",
      .where = "/web/x", .mode = 040644},
     "E13 /web/x/a.cgi: directory /web/x cannot be entered (0644). Fix: chmod "
     "755 /web/x"},
    {"wall time",
     {.code = CGIW_E14, .script = "/web/a.cgi", .limit = 60},
     "E14 /web/a.cgi: killed after 60 s. Fix: look for what never ends, or "
     "waits for somebody"},
    {"CPU",
     {.code = CGIW_E15, .script = "/web/a.cgi", .limit = 30, .used = 31},
     "E15 /web/a.cgi: killed for its CPU time: the limit is 30 s, it had 31. "
     "Fix: look for a loop that does not end, or do less at once"},
    {"memory",
     {.code = CGIW_E16, .script = "/web/a.cgi", .limit = 256 << 20,
      .used = (256 << 20) + 1},
     "E16 /web/a.cgi: out of memory: the limit is 256 MB, it had 257 MB. Fix: "
     "read large files line by line"},
    {"memory, use unknown",
     {.code = CGIW_E16, .script = "/web/a.cgi", .limit = 256 << 20},
     "E16 /web/a.cgi: out of memory: the limit is 256 MB. Fix: read large files "
     "line by line"},
    {"processes",
     {.code = CGIW_E17, .script = "/web/a.cgi", .limit = 20},
     "E17 /web/a.cgi: too many processes: the limit is 20. Fix: start fewer at "
     "once, and wait for them"},
    {"at once",
     {.code = CGIW_E18, .script = "/web/a.cgi", .limit = 10, .used = 10},
     "E18 /web/a.cgi: too many scripts at once: the limit is 10, it had 10. "
     "Fix: see which of yours take long"},
    {"script writable",
     {.code = CGIW_E19, .script = "/web/a.cgi", .mode = 0100777},
     "E19 /web/a.cgi: the script is writable by group and others (0777). Fix: "
     "chmod 755 /web/a.cgi"},
    {"set-user-id",
     {.code = CGIW_E19, .script = "/web/a.cgi", .mode = 0104755},
     "E19 /web/a.cgi: the script is set-user-id (4755). Fix: chmod 755 "
     "/web/a.cgi"},
    {"set-group-id",
     {.code = CGIW_E19, .script = "/web/a.cgi", .mode = 0102755},
     "E19 /web/a.cgi: the script is set-group-id (2755). Fix: chmod 755 "
     "/web/a.cgi"},
    {"outside",
     {.code = CGIW_E20, .script = "a.cgi"},
     "E20 a.cgi: it is outside this site's directory. Fix: put the file itself "
     "into the site"},
    {"link",
     {.code = CGIW_E20, .detail = CGIW_LINK, .script = "/web/x/a.cgi",
      .where = "/web/x"},
     "E20 /web/x/a.cgi: /web/x is a symbolic link. Fix: put the file itself "
     "there"},
    {"another's link",
     {.code = CGIW_E20, .detail = CGIW_LINK_OWNER, .script = "/web/a.cgi",
      .owner = 20002, .user = "alice", .uid = 20001},
     "E20 /web/a.cgi: /web/a.cgi is a symbolic link that belongs to uid 20002, "
     "but this site runs as alice (uid 20001). Fix: put the file itself there"},
    {"fifo",
     {.code = CGIW_E20, .detail = CGIW_SPECIAL, .script = "/web/a.cgi",
      .mode = 010644},
     "E20 /web/a.cgi: /web/a.cgi is a fifo and not a file. Fix: put the file "
     "itself there"},
    {"too much output",
     {.code = CGIW_E21, .script = "/web/a.cgi", .limit = 1 << 20},
     "E21 /web/a.cgi: killed in the middle of its answer: more output than 1 "
     "MB. Fix: look for a loop that does not end, or put large files up as "
     "files"},
    {"time, in the middle",
     {.code = CGIW_E21, .detail = CGIW_TIME, .script = "/web/a.cgi",
      .limit = 60},
     "E21 /web/a.cgi: killed in the middle of its answer, after 60 s. Fix: look "
     "for what never ends, or waits for somebody"},
    {"away",
     {.code = CGIW_E22, .script = "/web/a.cgi"},
     "E22 /web/a.cgi: the server cannot start scripts now. Fix: try again in a "
     "minute; tell the operator if it stays so"},
    {"failed",
     {.code = CGIW_E22, .script = "/web/a.cgi",
      .what = "Resource temporarily unavailable"},
     "E22 /web/a.cgi: the server cannot start scripts now: Resource temporarily "
     "unavailable. Fix: try again in a minute; tell the operator if it stays "
     "so"},
    {"busy",
     {.code = CGIW_E22, .detail = CGIW_BUSY, .script = "/web/a.cgi"},
     "E22 /web/a.cgi: the program is being written right now. Fix: try again "
     "when its upload is done"},
    {"disabled",
     {.code = CGIW_E23, .script = "/web/a.cgi", .what = "sends spam"},
     "E23 /web/a.cgi: disabled by the server's operator: sends spam. Fix: mend "
     "the script, then ask the operator to let it run again"},
    {"no ExecCGI",
     {.code = CGIW_E24, .script = "/web/a.cgi"},
     "E24 /web/a.cgi: scripts are switched off in this directory. Fix: write "
     "Options +ExecCGI into its .htaccess, or move the script"},
    {"environment",
     {.code = CGIW_E25, .script = "/web/a.cgi", .limit = 1048576,
      .used = 2000000},
     "E25 /web/a.cgi: the request is too large for a script (2000000 bytes, at "
     "most 1048576). Fix: set fewer and smaller cookies"},
    {"one variable",
     {.code = CGIW_E25, .detail = CGIW_ENV_VALUE, .script = "/web/a.cgi",
      .what = "HTTP_COOKIE", .limit = 131071, .used = 140000},
     "E25 /web/a.cgi: the request is too large for a script, by its HTTP_COOKIE "
     "(140000 bytes, at most 131071). Fix: set fewer and smaller cookies, send "
     "long forms by POST"},
    {"variables",
     {.code = CGIW_E25, .detail = CGIW_ENV_COUNT, .script = "/web/a.cgi",
      .limit = 2000},
     "E25 /web/a.cgi: the request has too many headers for a script: at most "
     "2000 variables. Fix: send fewer headers"},
    {"gone",
     {.code = CGIW_E26, .script = "/web/a.cgi"},
     "E26 /web/a.cgi: the script is not there. Fix: upload it"},
    {"a path that would forge a line",
     {.code = CGIW_E26, .script = "/web/a\nE99 \033[31m\\.cgi"},
     "E26 /web/a\\nE99 \\x1B[31m\\\\.cgi: the script is not there. Fix: upload "
     "it"},
    {"a path in Japanese, and one that is not UTF-8",
     {.code = CGIW_E20, .detail = CGIW_LINK,
      .script = "/web/\xe6\x97\xa5\xe6\x9c\xac.cgi",
      .where = "/web/\x93\xfa\x96\x7b"},
     "E20 /web/\xe6\x97\xa5\xe6\x9c\xac.cgi: /web/\\x93\\xFA\\x96{ is a "
     "symbolic link. Fix: put the file itself there"},
};

static void each_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        char out[CGIW_EXPLAIN_MAX];
        size_t len = cgiw_explain(lines[i].facts.code, &lines[i].facts, out,
                                  sizeof out);

        if (len != strlen(out) || strcmp(out, lines[i].line) != 0) {
            fail_msg("%s:\n%s\n%s", lines[i].label, out, lines[i].line);
        }
    }
}

static void each_code(void **state)
{
    static const int statuses[CGIW_CODES] = {
        500, 403, 403, 403, 500, 500, 500, 500, 500, 500, 500, 500, 500, 403,
        504, 500, 500, 500, 503, 403, 403, 500, 503, 403, 403, 500, 404};

    (void)state;
    for (unsigned code = 1; code < CGIW_CODES; code++) {
        struct cgiw_facts f = {.script = "/web/a.cgi"};
        char out[CGIW_EXPLAIN_MAX];
        char head[8];

        (void)cgiw_explain((enum cgiw_code)code, &f, out, sizeof out);
        (void)snprintf(head, sizeof head, "E%02u /", code);
        assert_memory_equal(out, head, 5);
        assert_non_null(strstr(out, " Fix: "));
        assert_null(strpbrk(out, "{}\n"));
        assert_int_equal(cgiw_status(code), statuses[code]);
        assert_non_null(cgiw_code_en(code));
        assert_non_null(strstr(cgiw_code_ja(code), "\xe3\x80\x82"));
    }
    assert_int_equal(cgiw_status(0), 500);
    assert_int_equal(cgiw_status(CGIW_CODES), 500);
    assert_null(cgiw_code_en(CGIW_CODES));
    assert_null(cgiw_code_ja(0));
}

static size_t character(const unsigned char *s)
{
    return s[0] < 0x80 ? 1 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
}

/* Every code with the longest of everything, in every size: no half
 * character at its end. */
static void cut_to_fit(void **state)
{
    static struct cgiw_facts f;
    char out[CGIW_EXPLAIN_MAX];

    (void)state;
    for (size_t i = 0; i + 3 < sizeof f.script; i += 3) {
        memcpy(f.script + i, "\xe3\x81\x82", 3);
        memcpy(f.where + i, "\xe3\x81\x84", 3);
    }
    memset(f.what, '\a', sizeof f.what - 1);
    memset(f.nearest, 'n', sizeof f.nearest - 1);
    memset(f.user, 'u', sizeof f.user - 1);
    memset(f.last_line, '\\', sizeof f.last_line - 1);
    f.limit = f.used = UINT64_MAX;
    for (unsigned code = 1; code < CGIW_CODES; code++) {
        for (size_t size = 1; size <= sizeof out; size++) {
            size_t len = cgiw_explain((enum cgiw_code)code, &f, out, size);

            assert_true(len < size && out[len] == '\0');
            for (size_t i = 0; i < len;) {
                i += character((unsigned char *)out + i);
                assert_true(i <= len);
            }
        }
        assert_non_null(strstr(out, " Fix: "));
    }
}

static const struct {
    const char *label, *in, *out;
    size_t size;
} quotes[] = {
    {"plain", "abc", "abc", 64},
    {"fits exactly", "abcdefg", "abcdefg", 8},
    {"one too many", "abcdefgh", "abcd...", 8},
    {"two bytes, cut", "abc\xc3\xa9xyz", "abc...", 8},
    {"controls", "\r\n\t\x01\x7f", "\\r\\n\\t\\x01\\x7F", 64},
    {"C1", "\xc2\x9b", "\\xC2\\x9B", 64},
    {"two bytes", "\xc3\xa9", "\xc3\xa9", 64},
    {"long form of a slash", "\xc0\xaf\xe0\x80\xaf", "\\xC0\\xAF\\xE0\\x80\\xAF",
     64},
    {"surrogate", "\xed\xa0\x80", "\\xED\\xA0\\x80", 64},
    {"beyond Unicode", "\xf4\x90\x80\x80", "\\xF4\\x90\\x80\\x80", 64},
    {"four bytes", "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80", 64},
    {"cut off", "\xe3\x81", "\\xE3\\x81", 64},
    {"stray", "\x80", "\\x80", 64},
};

static void quoting(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof quotes / sizeof *quotes; i++) {
        char out[64];
        size_t len = cgiw_quote(quotes[i].in, strlen(quotes[i].in), out,
                                quotes[i].size);

        if (len != strlen(out) || strcmp(out, quotes[i].out) != 0) {
            fail_msg("%s: %s", quotes[i].label, out);
        }
    }
}

static const struct {
    const char *label, *line, *name;
} missing[] = {
    {"require",
     "Can't locate jcode.pl in @INC (@INC contains: /etc/perl) at a.cgi line 2.",
     "jcode.pl"},
    {"use",
     "Can't locate My/Form.pm in @INC (you may need to install the My::Form "
     "module) (@INC contains: /etc/perl) at a.cgi line 2.",
     "My/Form.pm"},
    {"5.38", "Can't locate X.pm in @INC (@INC entries checked: /etc) at a line 1",
     "X.pm"},
    {"with a time before it", "[Wed] a.cgi: Can't locate X.pm in @INC (", "X.pm"},
    {"do", "do \"x.pl\" failed, '.' is no longer in @INC; did you mean do "
           "\"./x.pl\"? at a.cgi line 1.",
     "x.pl"},
    {"absolute", "Can't locate /x.pl in @INC (", NULL},
    {"upwards", "Can't locate ../x.pl in @INC (", NULL},
    {"a method", "Can't locate object method \"new\" via package \"X\"", NULL},
    {"nothing", "Can't locate  in @INC", NULL},
    {"empty", "", NULL},
};

static void perl(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof missing / sizeof *missing; i++) {
        char name[32] = "";
        int found = cgiw_perl_missing(missing[i].line, name, sizeof name);

        if (found != (missing[i].name != NULL)
            || (found && strcmp(name, missing[i].name) != 0)) {
            fail_msg("%s: %d, %s", missing[i].label, found, name);
        }
    }
    {
        char small[5];

        assert_int_equal(0, cgiw_perl_missing("Can't locate x.pl, in @INC",
                                              small, sizeof small));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_line), cmocka_unit_test(each_code),
        cmocka_unit_test(cut_to_fit), cmocka_unit_test(quoting),
        cmocka_unit_test(perl),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
