#include "cmocka_first.h"
#include "ftpaccess.h"
#include "ftpaccess_tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT(rules) "<Limit ALL>\n" rules "</Limit>\n"
#define MANUAL(who)                                                            \
    LIMIT("Order Allow,Deny\nAllow from " who "\nDeny from all\n")

static const char *const groups[] = {"main", "staff"};
static const struct ftpaccess_client office = {.user = "u1",
                                               .group = "main",
                                               .groups = groups,
                                               .group_count = 2,
                                               .address = "203.0.113.5",
                                               .host =
                                                   "pc5.tokyo.isp.example.jp",
                                               .reverse_dns = true};

/* On exactly as many bytes as there are, so that ASan sees each one too many.
 */
static struct ftpaccess_file *parse(const char *text)
{
    size_t len = strlen(text);
    char *exact = malloc(len ? len : 1);
    struct ftpaccess_file *f;

    assert_non_null(exact);
    memcpy(exact, text, len);
    f = ftpaccess_parse(exact, len);
    free(exact);
    assert_non_null(f);
    return f;
}

/* *line is the rule's, 0 without one. */
static bool decide(const char *text, const char *command,
                   const struct ftpaccess_client *client, unsigned *line)
{
    static const char *const dirs[] = {"/", "/web", NULL};
    const struct memory_file files[] = {{"/web", text, 1}, {NULL, NULL, 0}};
    struct ftpaccess_verdict v;
    struct memory_tree m;

    memory_tree_open(&m, dirs, files);
    ftpaccess_judge(&m.tree, client, ftpaccess_command(command), "/web/f.txt",
                    NULL, NULL, NULL, &v);
    *line = v.rule ? v.rule->pos.line : 0;
    memory_tree_close(&m);
    return v.allowed;
}

/* --- addresses --------------------------------------------------------------
 */

static void words(void **state)
{
    static const struct {
        const char *word, *address, *host;
        int match; /* -2: ProFTPD rejects the word */
    } cases[] = {
        {"all", "192.0.2.1", NULL, 1},
        {"none", "192.0.2.1", NULL, -1},
        {"203.0.113.5", "203.0.113.5", NULL, 1},
        {"203.0.113.5", "203.0.113.50", NULL, 0},
        {"203.0.113.5", "::ffff:203.0.113.5", NULL, 1},
        {"203.0.113.", "203.0.113.7", NULL, 1},
        {"203.0.113.", "203.0.11.7", NULL, 0},
        {"203.0.113.*", "203.0.113.7", NULL, 1},
        {"203.0.113.[56]", "203.0.113.6", NULL, 1},
        {"203.0.113.0/24", "203.0.113.255", NULL, 1},
        {"203.0.113.0/24", "203.0.114.0", NULL, 0},
        {"203.0.113.4/31", "203.0.113.5", NULL, 1},
        {"203.0.113.4/", "192.0.2.1", NULL, 1},
        {"203.0.113.0/255.255.255.0", "203.0.113.5", NULL, -2},
        {"203.0.113.0/33", "203.0.113.5", NULL, -2},
        {"203.0.113", "203.0.0.113", NULL, 1},
        {"203.0.113", "203.0.113.5", NULL, 0},
        {"203.0.113.256", "203.0.113.5", NULL, -2},
        {"{203.0.113.5}", "203.0.113.5", NULL, 0},
        {"{", "203.0.113.5", NULL, 0},
        {"}", "203.0.113.5", NULL, 0},
        {"2001:db8::5", "2001:db8:0::5", NULL, 1},
        {"2001:db8::/32", "2001:db8:ffff::1", NULL, 1},
        {"2001:db8::/32", "203.0.113.5", NULL, 0},
        {"2001:db8::/129", "2001:db8::1", NULL, -2},
        {".jp", "192.0.2.1", "a.example.jp", 1},
        {".jp", "192.0.2.1", "a.example.JP", 1},
        {".jp", "192.0.2.1", "a.example.com", 0},
        {".jp", "192.0.2.1", "jp", 0},
        {".jp", "192.0.2.1", NULL, 0},
        {".tokyo.isp.example.jp", "192.0.2.1", "p.tokyo.isp.example.jp", 1},
        {".tokyo.isp.example.jp", "192.0.2.1", "p.osaka.isp.example.jp", 0},
        {"a.example.jp", "192.0.2.1", "a.example.jp", 1},
        {"a.example.jp", "192.0.2.1", "A.example.jp", 0},
        {"jp", "192.0.2.1", "a.example.jp", 0},
        {"!203.0.113.5", "203.0.113.5", NULL, -1},
        {"!203.0.113.5", "192.0.2.1", NULL, 1},
        {"203.0.113.5:21", "203.0.113.5", NULL, -2},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct ftpaccess_client c = {.address = cases[i].address,
                                           .host = cases[i].host,
                                           .reverse_dns = true};
        char line[200];
        struct ftpaccess_file *f;
        int match = -2;

        (void)snprintf(line, sizeof line,
                       "<Limit ALL>\nAllow from %s\n</Limit>\n", cases[i].word);
        f = parse(line);
        assert_int_equal(f->limit_count, 1);
        if (f->limits[0].rules[0].acl_count) {
            match = ftpaccess_acl_match(&f->limits[0].rules[0].acls[0], &c);
        }
        if (match != cases[i].match) {
            fail_msg("%s, %s: %d", cases[i].word, cases[i].address, match);
        }
        ftpaccess_free(f);
    }
}

static void names_without_reverse_dns(void **state)
{
    struct ftpaccess_client c = office;
    unsigned line;

    (void)state;
    c.reverse_dns = false;
    assert_true(decide(MANUAL(".jp"), "LIST", &office, &line));
    assert_false(decide(MANUAL(".jp"), "LIST", &c, &line));
}

/* --- decisions ---------------------------------------------------------------
 */

static void decisions(void **state)
{
    static const struct {
        const char *label, *text, *command;
        bool allowed;
        unsigned line; /* of the rule; 0: none */
    } cases[] = {
        {"the manual's", MANUAL("203.0.113.5"), "LIST", true, 3},
        {"not mine", MANUAL("192.0.2.1"), "STOR", false, 4},
        {"braces apart", MANUAL("{ 203.0.113.5 }"), "LIST", true, 3},
        {"CRLF", "<Limit ALL>\r\nDeny from all\r\n</Limit>\r\n", "RETR", false,
         2},
        {"no end", "<Limit ALL>\nDeny from all\n", "RETR", false, 2},
        {"no newline", "<Limit ALL>\nDeny from all", "RETR", false, 2},
        {"BOM", "\xef\xbb\xbf<Limit ALL>\nDeny from all\n</Limit>\n", "RETR",
         true, 0},
        {"full-width blank",
         LIMIT("Deny\xe3\x80\x80"
               "from all\n"),
         "RETR", true, 0},
        {"full-width Allow",
         LIMIT("Allow\xe3\x80\x80"
               "from 203.0.113.5\n"
               "Deny from all\n"),
         "RETR", false, 3},
        {"any case", "<limit all>\ndeny FROM All\n</LIMIT>\n", "RETR", false,
         2},
        {"quotes", "<Limit \"ALL\">\n\"Deny\" from \"all\"\n</Limit>\n", "RETR",
         false, 2},
        {"a comment behind", LIMIT("Deny from all # us too\n"), "RETR", false,
         2},
        {"a comment in the word", LIMIT("Deny from all#\n"), "RETR", true, 0},
        {"continued", LIMIT("Deny from \\\nall\n"), "RETR", false, 2},
        {"a comment is not continued", "<Limit ALL>\n# \\\nDeny from all\n",
         "RETR", false, 3},
        {"NUL", "<Limit ALL>\nDeny from all\n</Limit>\n\0", "RETR", false, 2},
        {"outside of a section", "Deny from all\n", "RETR", true, 0},
        {"another command", "<Limit STOR>\nDenyAll\n</Limit>\n", "RETR", true,
         0},
        {"a group", "<Limit READ>\nDenyAll\n</Limit>\n", "RETR", false, 2},
        {"another group", "<Limit WRITE>\nDenyAll\n</Limit>\n", "RETR", true,
         0},
        {"command before group",
         "<Limit RETR>\nAllowAll\n</Limit>\n<Limit READ ALL>\nDenyAll\n"
         "</Limit>\n",
         "RETR", true, 2},
        {"the last section first",
         "<Limit ALL>\nDenyAll\n</Limit>\n<Limit ALL>\nAllowAll\n</Limit>\n",
         "RETR", true, 5},
        {"a section in a section",
         "<Limit STOR>\n<Limit RETR>\nDenyAll\n</Limit>\nDeny from all\n",
         "RETR", true, 0},
        {"twins", "<Limit MKD>\nDenyAll\n</Limit>\n", "XMKD", false, 2},
        {"commas", "<Limit STOR,RETR>\nDenyAll\n</Limit>\n", "RETR", false, 2},
        {"PASV is not of ALL", LIMIT("DenyAll\n"), "PASV", true, 0},
        {"but by name", "<Limit PASV>\nDenyAll\n</Limit>\n", "PASV", false, 2},
        {"Deny,Allow denies", LIMIT("Order Deny,Allow\n"), "RETR", false, 2},
        {"Apache's custom",
         LIMIT("Order Deny,Allow\nDeny from all\n"
               "Allow from 203.0.113.5\n"),
         "RETR", false, 3},
        {"Allow alone", LIMIT("Allow from 192.0.2.1\n"), "RETR", true, 0},
        {"the first Order", LIMIT("Order Allow,Deny\nOrder Deny,Allow\n"),
         "RETR", true, 0},
        {"Order apart", LIMIT("Order deny, allow\n"), "RETR", false, 2},
        {"Order amiss", LIMIT("Order Deny Allow\n"), "RETR", true, 0},
        {"all beside an address", LIMIT("Deny from 192.0.2.1, all\n"), "RETR",
         true, 0},
        {"all and more", LIMIT("Deny from all 192.0.2.1\n"), "RETR", false, 2},
        {"one bad address", LIMIT("Deny from 203.0.113.5 1.2.3.999\n"), "RETR",
         true, 0},
        {"! spoils all", LIMIT("Deny from 203.0.113.5\nDeny from !192.0.2.1\n"),
         "RETR", true, 0},
        {"a user", LIMIT("AllowUser u1\nDenyAll\n"), "RETR", true, 2},
        {"another user", LIMIT("AllowUser u2,u3\nDenyAll\n"), "RETR", false, 3},
        {"not that user", LIMIT("AllowUser !u2\nDenyAll\n"), "RETR", true, 2},
        {"users with AND", LIMIT("AllowUser AND u1\nDenyAll\n"), "RETR", false,
         3},
        {"users with OR", LIMIT("AllowUser OR u2 u1\nDenyAll\n"), "RETR", true,
         2},
        {"regex", LIMIT("AllowUser regex ^u[0-9]$\nDenyAll\n"), "RETR", true,
         2},
        {"all groups", LIMIT("AllowGroup main staff\nDenyAll\n"), "RETR", true,
         2},
        {"one is missing", LIMIT("AllowGroup main others\nDenyAll\n"), "RETR",
         false, 3},
        {"one of", LIMIT("AllowGroup OR others staff\nDenyAll\n"), "RETR", true,
         2},
        {"no name at all", LIMIT("AllowUser ,\nDenyAll\n"), "RETR", true, 2},
        {"DenyAll for all", "DenyAll\n", "RETR", false, 1},
        {"AllowAll beside it", "DenyAll\nAllowAll\n", "RETR", true, 0},
        {"filter", LIMIT("DenyFilter \\.txt$\n"), "RETR", false, 2},
        {"skipped", "<IfModule mod_x.c>\nDenyAll\n</IfModule>\n", "RETR", true,
         0},
        {"not skipped", "<IfModule !mod_x.c>\nDenyAll\n</IfModule>\n", "RETR",
         false, 2},
        {"a variable", LIMIT("Deny from all%{env:X}\n"), "RETR", false, 2},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        unsigned line;
        bool allowed = decide(cases[i].text, cases[i].command, &office, &line);

        if (allowed != cases[i].allowed || line != cases[i].line) {
            fail_msg("%s: %s by line %u", cases[i].label,
                     allowed ? "allowed" : "denied", line);
        }
    }
}

static void positions(void **state)
{
    struct ftpaccess_file *f =
        parse("# \xe6\x97\xa5\xe6\x9c\xac\n\n  <Limit  STOR RETR>\r\n\tAllow "
              "from  192.0.2.1,.jp\n  </Limit>\nNonsense x\n");

    (void)state;
    assert_int_equal(f->limit_count, 1);
    assert_int_equal(f->limits[0].pos.line, 3);
    assert_int_equal(f->limits[0].pos.column, 3);
    assert_int_equal(f->limits[0].end_line, 5);
    assert_int_equal(f->limits[0].command_count, 2);
    assert_int_equal(f->limits[0].rules[0].pos.line, 4);
    assert_int_equal(f->limits[0].rules[0].pos.column, 2);
    assert_int_equal(f->limits[0].rules[0].acl_count, 2);
    assert_int_equal(f->limits[0].rules[0].acls[0].pos.column, 14);
    assert_int_equal(f->limits[0].rules[0].acls[1].pos.column, 24);
    assert_int_equal(f->note_count, 1);
    assert_int_equal(f->notes[0].kind, FTPACCESS_NOTE_UNKNOWN);
    assert_int_equal(f->notes[0].pos.line, 6);
    ftpaccess_free(f);
}

/* --- trees --------------------------------------------------------------- */

static const char *const dirs[] = {"/",     "/web",     "/web/a",
                                   "/home", "/home/u1", NULL};

static bool judged(struct memory_tree *m, const char *command, const char *path)
{
    struct ftpaccess_verdict v;

    ftpaccess_judge(&m->tree, &office, ftpaccess_command(command), path, NULL,
                    NULL, NULL, &v);
    return v.allowed;
}

static void inheritance(void **state)
{
    static const struct memory_file files[] = {
        {"/", MANUAL("192.0.2.1"), 1},
        {"/web/a", "<Limit RETR>\nAllowAll\n</Limit>\n", 1},
        {NULL, NULL, 0}};
    struct memory_tree m;

    (void)state;
    memory_tree_open(&m, dirs, files);
    assert_false(judged(&m, "STOR", "/new"));
    assert_false(judged(&m, "DELE", "/.ftpaccess"));
    assert_false(judged(&m, "LIST", "/"));
    assert_false(judged(&m, "CWD", "/home/u1"));
    assert_false(judged(&m, "RETR", "/web/f.txt"));
    assert_true(judged(&m, "RETR", "/web/a/f.txt"));
    assert_false(judged(&m, "STOR", "/web/a/f.txt"));
    memory_tree_close(&m);
}

static void lock_outs(void **state)
{
    static const struct memory_file none[] = {{NULL, NULL, 0}};
    static const struct {
        const char *text, *command; /* NULL: the client survives */
        unsigned line;
    } cases[] = {
        {MANUAL(".jp"), NULL, 0},
        {MANUAL("192.0.2.1"), "CWD", 4},
        {"<Limit READ>\nDenyAll\n</Limit>\n", NULL, 0},
        {"<Limit DIRS>\nDenyAll\n</Limit>\n", "CWD", 2},
        {"<Limit LIST>\nDenyAll\n</Limit>\n", "LIST", 2},
        {"<Limit WRITE>\nDenyAll\n</Limit>\n", "STOR", 2},
        {"<Limit WRITE>\nDenyAll\n</Limit>\n<Limit DELE>\nAllowAll\n</Limit>\n",
         NULL, 0},
        {"nonsense\n", NULL, 0},
    };
    struct memory_tree m;

    (void)state;
    memory_tree_open(&m, dirs, none);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ftpaccess_file *f = parse(cases[i].text);
        const struct ftpaccess_command *command;
        struct ftpaccess_verdict v;
        bool survives =
            ftpaccess_survives(&m.tree, &office, "/web", f, &command, &v);

        assert_int_equal(survives, cases[i].command == NULL);
        if (!survives) {
            assert_string_equal(command->name, cases[i].command);
            assert_int_equal(v.rule->pos.line, cases[i].line);
            assert_string_equal(v.dir, "/web");
        }
        ftpaccess_free(f);
    }
    memory_tree_close(&m);
}

/* What a ProFTPD without our module forgets and mistakes. */
static void stock_sessions(void **state)
{
    static const struct memory_file files[] = {{"/", MANUAL("192.0.2.1"), 1},
                                               {NULL, NULL, 0}};
    static const struct {
        const char *command, *path;
        bool allowed;
    } steps[] = {
        {"LIST", NULL, false},         {"RETR", "/web/f.txt", false},
        {"DELE", "/.ftpaccess", true}, /* it looks in /home/u1 for rules */
        {"RETR", "/web/f.txt", true},  /* and has forgotten them */
        {"CWD", "/web", true},
    };
    struct ftpaccess_session *s;
    struct ftpaccess_verdict v;
    struct memory_tree m;

    (void)state;
    memory_tree_open(&m, dirs, files);
    s = ftpaccess_session_new(&m.tree, &office, "/home/u1");
    assert_non_null(s);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        assert_true(ftpaccess_session_run(
            s, ftpaccess_command(steps[i].command), steps[i].path, &v));
        assert_int_equal(v.allowed, steps[i].allowed);
    }
    assert_false(
        ftpaccess_session_run(s, ftpaccess_command("SIZE"), "/web/new", &v));
    ftpaccess_session_free(s);
    memory_tree_close(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words),
        cmocka_unit_test(names_without_reverse_dns),
        cmocka_unit_test(decisions),
        cmocka_unit_test(positions),
        cmocka_unit_test(inheritance),
        cmocka_unit_test(lock_outs),
        cmocka_unit_test(stock_sessions),
    };

    return cmocka_run_group_tests_name("ftpaccess", tests, NULL, NULL);
}
