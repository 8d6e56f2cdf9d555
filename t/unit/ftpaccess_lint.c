#include "cmocka_first.h"
#include "ftpaccess.h"
#include "message.h"

#include <stdlib.h>
#include <string.h>

#define RULES                                                                  \
    "<Limit ALL>\nOrder Allow,Deny\nAllow from .jp\nDeny from all\n</Limit>\n"

static struct ftpaccess_report *lint(const char *text, size_t len)
{
    char *exact = malloc(len ? len : 1);
    struct ftpaccess_report *r;

    assert_non_null(exact);
    memcpy(exact, text, len);
    r = ftpaccess_lint(exact, len, true);
    free(exact);
    assert_non_null(r);
    return r;
}

struct trap {
    const char *label, *text;
    size_t len; /* 0: strlen */
    enum ftpaccess_finding_kind kind;
    unsigned line, column;
    const char *line_mended; /* NULL: not mended */
    const char *mended;      /* NULL: as it was */
};

#define TEXT(s) s, sizeof s - 1

static const struct trap traps[] = {
    {"BOM", TEXT("\xef\xbb\xbf" RULES), FTPACCESS_BOM, 1, 1, NULL, RULES},
    {"UTF-16",
     TEXT("\xff\xfe<\0L\0i\0m\0i\0t\0 "
          "\0A\0L\0L\0>\0\n\0D\0e\0n\0y\0A\0l\0l\0\n\0<\0/"
          "\0L\0i\0m\0i\0t\0>\0\n\0"),
     FTPACCESS_UTF16, 1, 1, NULL, "<Limit ALL>\nDenyAll\n</Limit>\n"},
    {"UTF-16, big, no mark",
     TEXT("\0<\0L\0i\0m\0i\0t\0 "
          "\0A\0L\0L\0>\0\n\0D\0e\0n\0y\0A\0l\0l\0\n\0<\0/"
          "\0L\0i\0m\0i\0t\0>\0\n"),
     FTPACCESS_UTF16, 1, 1, NULL, "<Limit ALL>\nDenyAll\n</Limit>\n"},
    {"full-width blank",
     TEXT("<Limit ALL>\nAllow\xe3\x80\x80"
          "from .jp\nDeny from all\n</Limit>\n"),
     FTPACCESS_FULL_WIDTH, 2, 6, "Allow from .jp",
     "<Limit ALL>\nAllow from .jp\nDeny from all\n</Limit>\n"},
    {"full-width letters",
     TEXT("\xef\xbc\x9c\xef\xbc\xac"
          "imit ALL\xef\xbc\x9e\nDenyAll\n</Limit>\n"),
     FTPACCESS_FULL_WIDTH, 1, 1, "<Limit ALL>",
     "<Limit ALL>\nDenyAll\n</Limit>\n"},
    {"Shift_JIS",
     TEXT("<Limit ALL>\nDeny\x81\x40"
          "from\x81\x40\x82\x81\x82\x8c\x82\x8c\n</Limit>\n"),
     FTPACCESS_FULL_WIDTH, 2, 5, "Deny from all",
     "<Limit ALL>\nDeny from all\n</Limit>\n"},
    {"braces",
     TEXT("<Limit ALL>\nAllow from { 203.0.113.5 }\nDeny from all\n</Limit>\n"),
     FTPACCESS_BRACES, 2, 12, "Allow from 203.0.113.5",
     "<Limit ALL>\nAllow from 203.0.113.5\nDeny from all\n</Limit>\n"},
    {"braces without blanks",
     TEXT("<Limit ALL>\nAllow from {203.0.113.5}\nDeny from all\n</Limit>\n"),
     FTPACCESS_BRACES, 2, 12, "Allow from 203.0.113.5",
     "<Limit ALL>\nAllow from 203.0.113.5\nDeny from all\n</Limit>\n"},
    {"no end", TEXT("<Limit ALL>\nDenyAll\n"), FTPACCESS_NO_END, 1, 1,
     "</Limit>", "<Limit ALL>\nDenyAll\n</Limit>\n"},
    {"no end before another",
     TEXT("<Limit READ>\nDenyAll\n<Limit WRITE>\nDenyAll\n</Limit>\n"),
     FTPACCESS_NO_END, 1, 1, "</Limit>",
     "<Limit READ>\nDenyAll\n</Limit>\n<Limit WRITE>\nDenyAll\n</Limit>\n"},
    {"an end too many", TEXT("<Limit ALL>\nDenyAll\n</Limit>\n</Limit>\n"),
     FTPACCESS_STRAY_END, 4, 1, "", "<Limit ALL>\nDenyAll\n</Limit>\n"},
    {"no bracket", TEXT("<Limit ALL\nDenyAll\n</Limit>\n"), FTPACCESS_BRACKETS,
     1, 1, "<Limit ALL>", "<Limit ALL>\nDenyAll\n</Limit>\n"},
    {"a blank in the bracket", TEXT("< Limit ALL>\nDenyAll\n</Limit>\n"),
     FTPACCESS_BRACKETS, 1, 1, "<Limit ALL>",
     "<Limit ALL>\nDenyAll\n</Limit>\n"},
    {"Limits", TEXT("<Limits ALL>\nDenyAll\n</Limits>\n"), FTPACCESS_BRACKETS,
     1, 1, "<Limit ALL>", "<Limit ALL>\nDenyAll\n</Limit>\n"},
    {"misspelt",
     TEXT("<Limit ALL>\n  Alow from .jp\nDeny from all\n</Limit>\n"),
     FTPACCESS_MISSPELT, 2, 3, "  Allow from .jp",
     "<Limit ALL>\n  Allow from .jp\nDeny from all\n</Limit>\n"},
    {"misspelt, with a comment",
     TEXT("<Limit ALL>\nDeny form all # us\n</Limit> # end\n"),
     FTPACCESS_MISSPELT, 2, 6, "Deny from all # us",
     "<Limit ALL>\nDeny from all # us\n</Limit> # end\n"},
    {"form", TEXT("<Limit ALL>\nDeny form all\n</Limit>\n"), FTPACCESS_MISSPELT,
     2, 6, "Deny from all", "<Limit ALL>\nDeny from all\n</Limit>\n"},
    {"unknown", TEXT("<Limit ALL>\nDenyAll\nPassword x\n</Limit>\n"),
     FTPACCESS_UNKNOWN, 3, 1, NULL, NULL},
    {"refused here", TEXT("UseReverseDNS on\n" RULES), FTPACCESS_REFUSED_HERE,
     1, 1, NULL, NULL},
    {"no section", TEXT("Order Allow,Deny\nAllow from .jp\nDeny from all\n"),
     FTPACCESS_NO_SECTION, 1, 1, "<Limit ALL>", RULES},
    {"Order", TEXT("<Limit ALL>\nOrder Allow Deny\nDenyAll\n</Limit>\n"),
     FTPACCESS_ARGUMENTS, 2, 7, "Order Allow,Deny",
     "<Limit ALL>\nOrder Allow,Deny\nDenyAll\n</Limit>\n"},
    {"the manual's words",
     TEXT("<Limit ALL>\nAllow from \xe6\x8e\xa5\xe7\xb6\x9a\nDeny from "
          "all\n</Limit>\n"),
     FTPACCESS_PLACEHOLDER, 2, 12, NULL, NULL},
    {"a bad address",
     TEXT("<Limit ALL>\nAllow from 203.0.113.256\nDeny from all\n</Limit>\n"),
     FTPACCESS_BAD_ADDRESS, 2, 12, NULL, NULL},
    {"a short address",
     TEXT("<Limit ALL>\nAllow from 203.0.113\nDeny from all\n</Limit>\n"),
     FTPACCESS_SHORT_ADDRESS, 2, 12, "Allow from 203.0.113.",
     "<Limit ALL>\nAllow from 203.0.113.\nDeny from all\n</Limit>\n"},
    {"a mask",
     TEXT("<Limit ALL>\nAllow from 203.0.113.0/255.255.255.0\nDeny from "
          "all\n</Limit>\n"),
     FTPACCESS_NETMASK, 2, 12, "Allow from 203.0.113.0/24",
     "<Limit ALL>\nAllow from 203.0.113.0/24\nDeny from all\n</Limit>\n"},
    {"no mask",
     TEXT("<Limit ALL>\nAllow from 203.0.113.5/\nDeny from all\n</Limit>\n"),
     FTPACCESS_NO_MASK, 2, 12, "Allow from 203.0.113.5",
     "<Limit ALL>\nAllow from 203.0.113.5\nDeny from all\n</Limit>\n"},
    {"all beside",
     TEXT("<Limit ALL>\nAllow from .jp\nDeny from 192.0.2.1, all\n</Limit>\n"),
     FTPACCESS_ALL_LATE, 3, 22, "Deny from all",
     "<Limit ALL>\nAllow from .jp\nDeny from all\n</Limit>\n"},
    {"all beside, allowed",
     TEXT("<Limit ALL>\nAllow from .jp,all\nDeny from all\n</Limit>\n"),
     FTPACCESS_ALL_LATE, 2, 16, "Allow from .jp",
     "<Limit ALL>\nAllow from .jp\nDeny from all\n</Limit>\n"},
    {"!", TEXT("<Limit ALL>\nDeny from !203.0.113.5\n</Limit>\n"),
     FTPACCESS_NEGATION, 2, 11, NULL, NULL},
    {"no dot", TEXT("<Limit ALL>\nAllow from jp\nDeny from all\n</Limit>\n"),
     FTPACCESS_BARE_DOMAIN, 2, 12, "Allow from .jp",
     "<Limit ALL>\nAllow from .jp\nDeny from all\n</Limit>\n"},
    {"a whole name",
     TEXT("<Limit ALL>\nAllow from isp.example.jp\nDeny from all\n</Limit>\n"),
     FTPACCESS_WHOLE_NAME, 2, 12, NULL, NULL},
    {"GET", TEXT("<Limit GET>\nDenyAll\n</Limit>\n"), FTPACCESS_LIMIT_WORD, 1,
     1, "<Limit RETR>", "<Limit RETR>\nDenyAll\n</Limit>\n"},
    {"LOGIN", TEXT("<Limit LOGIN>\nDenyAll\n</Limit>\n"), FTPACCESS_LIMIT_LOGIN,
     1, 1, NULL, NULL},
    {"no Deny", TEXT("<Limit ALL>\nAllow from .jp\n</Limit>\n"),
     FTPACCESS_ALLOWS_ALL, 1, 1, "    Deny from all", NULL},
    {"Apache's order",
     TEXT("<Limit ALL>\nOrder Deny,Allow\nDeny from all\nAllow from "
          ".jp\n</Limit>\n"),
     FTPACCESS_DENIES_ALL, 2, 1, "    Order Allow,Deny", NULL},
    {"nothing", TEXT("# nothing\n"), FTPACCESS_NOTHING, 1, 1, NULL, NULL},
    {"a condition", TEXT("<IfModule mod_x.c>\nDenyAll\n</IfModule>\n" RULES),
     FTPACCESS_SKIPPED, 1, 1, NULL, NULL},
};

static const struct ftpaccess_finding *find(const struct ftpaccess_report *r,
                                            enum ftpaccess_finding_kind kind)
{
    for (size_t i = 0; i < r->count; i++) {
        if (r->findings[i].kind == kind) {
            return &r->findings[i];
        }
    }
    return NULL;
}

static void check_trap(const struct trap *t)
{
    struct ftpaccess_report *r = lint(t->text, t->len);
    const struct ftpaccess_finding *f = find(r, t->kind);
    const char *expected = t->mended ? t->mended : t->text;

    if (!f) {
        fail_msg("%s: not found", t->label);
        return;
    }
    if (f->pos.line != t->line || f->pos.column != t->column) {
        fail_msg("%s: at %u:%u", t->label, f->pos.line, f->pos.column);
    }
    if ((f->mended == NULL) != (t->line_mended == NULL)
        || (f->mended && strcmp(f->mended, t->line_mended) != 0)) {
        fail_msg("%s: line mended to '%s'", t->label,
                 f->mended ? f->mended : "(null)");
    }
    if (strcmp(r->mended, expected) != 0 || r->changed != (t->mended != NULL)) {
        fail_msg("%s: mended to '%s'", t->label, r->mended);
    }
    ftpaccess_report_free(r);
}

static void each_trap(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof traps / sizeof *traps; i++) {
        check_trap(&traps[i]);
    }
}

/* What has been mended has nothing left to mend. */
static void mending_ends(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof traps / sizeof *traps; i++) {
        struct ftpaccess_report *r = lint(traps[i].text, traps[i].len);
        struct ftpaccess_report *again = lint(r->mended, r->mended_len);

        if (again->changed) {
            fail_msg("%s: '%s', then '%s'", traps[i].label, r->mended,
                     again->mended);
        }
        ftpaccess_report_free(r);
        ftpaccess_report_free(again);
    }
}

static void nothing_to_say(void **state)
{
    static const char *const good[] = {
        RULES,
        "<Limit ALL>\r\nOrder Allow,Deny\r\nAllow from 203.0.113.5\r\nDeny "
        "from all\r\n</Limit>\r\n",
        "# \xe8\x87\xaa\xe5\xae\x85\n" RULES,
        "# \x8e\xa9\x91\xee\n" RULES,
        "<Limit READ WRITE DIRS>\nOrder deny, allow\nAllow from 192.0.2.0/24, "
        ".example.jp\n</Limit>\n",
        "<Limit STOR DELE>\nAllowUser u1\nDenyAll\n</Limit>\nUmask 022\n",
        "<Limit ALL>\nAllow from 2001:db8::/32 ::1\nDenyAll\n</Limit>",
    };

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct ftpaccess_report *r = lint(good[i], strlen(good[i]));

        if (r->count || r->changed || r->unreadable) {
            fail_msg("%zu: finding %d of line %u; mended '%s'", i,
                     r->count ? (int)r->findings[0].kind : -1,
                     r->count ? r->findings[0].pos.line : 0, r->mended);
        }
        ftpaccess_report_free(r);
    }
}

static void names_off(void **state)
{
    struct ftpaccess_report *r = ftpaccess_lint(RULES, strlen(RULES), false);

    (void)state;
    assert_non_null(r);
    assert_int_equal(r->count, 1);
    assert_int_equal(r->findings[0].kind, FTPACCESS_NAMES_OFF);
    assert_int_equal(r->findings[0].pos.line, 3);
    ftpaccess_report_free(r);
}

static void misprints(void **state)
{
    static const char *const wrong[] = {".ftpassess", ".ftppass", ".Ftpaccess",
                                        ".ftpaccess ", ".ftpaccess.txt"};
    static const char *const other[] = {".ftpaccess",
                                        "ftpaccess.txt",
                                        "ftppass.txt",
                                        ".ftpaccess.disabled",
                                        ".ftpaccess_",
                                        ".htaccess",
                                        ""};

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_true(ftpaccess_misprint(wrong[i]));
    }
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
        assert_false(ftpaccess_misprint(other[i]));
    }
}

static void every_finding_has_words(void **state)
{
    (void)state;
    for (int kind = 0; kind < FTPACCESS_FINDING_KINDS; kind++) {
        struct ftpaccess_finding f = {(enum ftpaccess_finding_kind)kind,
                                      FTPACCESS_ERROR,
                                      {1, 1},
                                      "WORD",
                                      NULL};

        assert_true(*ftpaccess_finding_name(f.kind));
        for (int lang = 0; lang < 2; lang++) {
            char what[600] = "", today[600] = "";

            ftpaccess_finding_text(&f, (enum ftpaccess_lang)lang, what,
                                   sizeof what, today, sizeof today);
            assert_true(strlen(what) > 10 && strlen(today) > 10);
            assert_null(strstr(what, "%s"));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_trap),
        cmocka_unit_test(mending_ends),
        cmocka_unit_test(nothing_to_say),
        cmocka_unit_test(names_off),
        cmocka_unit_test(misprints),
        cmocka_unit_test(every_finding_has_words),
    };

    return cmocka_run_group_tests_name("ftpaccess_lint", tests, NULL, NULL);
}
