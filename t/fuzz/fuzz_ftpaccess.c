/* .ftpaccess: any bytes are a file; what it decides is consistent; what is
 * mended is a file again, with nothing left to mend, and needs no more room
 * than there is. */
#include "ftpaccess.h"
#include "fuzz.h"
#include "message.h"

#include <string.h>

static enum ftpaccess_type type(void *data, const char *path)
{
    (void)data;
    return strcmp(path, "/") == 0 || strcmp(path, "/a") == 0
               ? FTPACCESS_DIRECTORY
               : FTPACCESS_ENTRY;
}

static bool source(void *data, const char *dir, struct ftpaccess_source *s)
{
    (void)dir;
    *s = (struct ftpaccess_source){data, 1, 1};
    return true;
}

static char **entries(void *data, const char *dir)
{
    (void)data;
    (void)dir;
    return NULL;
}

static void check_positions(const struct ftpaccess_file *f)
{
    unsigned line = 0;

    for (size_t i = 0; i < f->limit_count; i++) {
        const struct ftpaccess_limit *l = &f->limits[i];

        MUST(l->pos.line > line && l->pos.column >= 1 && l->rule_count > 0);
        MUST(!l->end_line || l->end_line >= l->pos.line);
        line = l->end_line ? l->end_line - 1 : l->pos.line;
        for (size_t j = 0; j < l->rule_count; j++) {
            MUST(l->rules[j].name && l->rules[j].pos.line >= l->pos.line);
        }
    }
}

static void decide_all(const struct ftpaccess_file *f)
{
    static const char *const groups[] = {"g", "h"};
    static const struct ftpaccess_client clients[] = {
        {"u", "g", groups, 2, "203.0.113.5", "a.example.jp", "c", true},
        {NULL, NULL, NULL, 0, "2001:db8::1", NULL, NULL, false}};
    struct ftpaccess_file *mine;
    const struct ftpaccess_tree tree = {NULL, type, source, entries};
    struct ftpaccess_tree t = tree;
    size_t count;
    const struct ftpaccess_command *c = ftpaccess_commands(&count);

    memcpy(&mine, &f, sizeof mine);
    t.data = mine;
    for (size_t i = 0; i < 2 * count; i++) {
        struct ftpaccess_verdict v;
        struct ftpaccess_session *s;
        char text[200];

        ftpaccess_judge(&t, &clients[i % 2], &c[i / 2], "/a/b", NULL, NULL,
                        NULL, &v);
        MUST((v.why == FTPACCESS_BY_DEFAULT) == (v.dir[0] == '\0'));
        MUST(v.allowed || v.why != FTPACCESS_BY_DEFAULT);
        ftpaccess_verdict_text(&v, FTPACCESS_JA, text, sizeof text);
        s = ftpaccess_session_new(&t, &clients[i % 2], "/a");
        MUST(s);
        (void)ftpaccess_session_run(s, &c[i / 2], "../b", &v);
        ftpaccess_session_free(s);
    }
}

static void check_report(const struct ftpaccess_report *r)
{
    unsigned line = 0;

    for (size_t i = 0; i < r->count; i++) {
        const struct ftpaccess_finding *f = &r->findings[i];
        char what[100], today[100];

        MUST(f->pos.line >= 1 && f->pos.line >= line && f->word);
        line = f->pos.line;
        ftpaccess_finding_text(f, FTPACCESS_EN, what, sizeof what, today,
                               sizeof today);
        MUST(*what && *today);
    }
    MUST(r->mended[r->mended_len] == '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct ftpaccess_file *f = ftpaccess_parse(text, size);
    struct ftpaccess_report *r = ftpaccess_lint(text, size, size % 2);
    struct ftpaccess_file *mended;

    MUST(f && r);
    check_positions(f);
    decide_all(f);
    check_report(r);
    mended = ftpaccess_parse(r->mended, r->mended_len);
    MUST(mended);
    ftpaccess_free(mended);
    ftpaccess_free(f);
    ftpaccess_report_free(r);
    return 0;
}
