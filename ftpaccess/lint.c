/* What is wrong with a text, and the text without it. */
#include "ftpaccess.h"

#include "lines.h"
#include "mend.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct reported {
    struct ftpaccess_report report; /* first: what the caller has */
    struct mend mend;
};

/* The lines, and after which others are put. */
struct lint {
    struct mend *m;
    struct arena_list lines; /* of struct mend_line */
};

static struct mend_line *line_at(struct lint *l, size_t i)
{
    return (struct mend_line *)l->lines.items + i;
}

/* As the manual has it, slips beside it, what Notepad adds to a name;
 * .ftpaccess itself in capitals or with a blank behind it. */
bool ftpaccess_misprint(const char *name)
{
    static const char *const names[] = {
        FTPACCESS_NAME, ".ftpassess",     ".ftppass",       ".ftpacess",
        ".ftpacces",    ".ftpaccess.txt", ".ftpassess.txt", ".ftppass.txt"};
    size_t n = strlen(name);

    while (n && name[n - 1] == ' ') {
        n--;
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strlen(names[i]) == n && strncasecmp(name, names[i], n) == 0) {
            return strcmp(name, FTPACCESS_NAME) != 0;
        }
    }
    return false;
}

/* --- lines --------------------------------------------------------------- */

static bool is_blank(const char *s)
{
    while (lines_space(*s)) {
        s++;
    }
    return *s == '\0' || *s == '#';
}

/* CR before LF stays where it is; a NUL ends its line. */
static void split_lines(struct lint *l, const char *text, size_t len)
{
    unsigned number = 1;

    while (len > 0) {
        const char *end = memchr(text, '\n', len);
        size_t n = end ? (size_t)(end - text) : len;
        struct mend_line line = {number++, arena_copy(&l->m->arena, text, n),
                                 false};

        if (line.text) {
            arena_push(&l->m->arena, &l->lines, &line, sizeof line);
        }
        n += end != NULL;
        text += n;
        len -= n;
    }
}

static void mend_one(struct lint *l, struct mend_line *line, bool sjis)
{
    size_t n = strlen(line->text);
    bool cr = n && line->text[n - 1] == '\r';
    char *narrow = NULL;
    unsigned column;

    if (cr) {
        line->text[n - 1] = '\0';
    }
    column = mend_width(l->m, line->text, sjis, &narrow);
    if (column && narrow) {
        l->m->unreadable = true;
        mend_found(l->m, FTPACCESS_FULL_WIDTH, FTPACCESS_ERROR,
                   (struct ftpaccess_pos){line->number, column}, line->text,
                   narrow);
        line->text = narrow;
    }
    if (!is_blank(line->text) && strlen(line->text) <= MEND_LINE_MAX) {
        mend_words(l->m, line);
    }
    if (cr && line->text) {
        line->text = mend_format(l->m, "%s\r", line->text);
    }
}

/* --- sections ------------------------------------------------------------ */

static bool starts(const char *s, const char *word)
{
    while (lines_space(*s)) {
        s++;
    }
    return strncasecmp(s, word, strlen(word)) == 0
           && (s[strlen(word)] == '>' || lines_space(s[strlen(word)]));
}

static void put_before(struct lint *l, size_t i, const char *text)
{
    struct mend_line *line = line_at(l, i);

    line->text = mend_format(l->m, "%s\n%s", text, line->text);
}

static void pair_sections(struct lint *l)
{
    size_t open = SIZE_MAX;

    for (size_t i = 0; i < l->lines.count && !l->m->arena.failed; i++) {
        struct mend_line *line = line_at(l, i);
        struct ftpaccess_pos pos = {line->number, 1};
        bool opens = starts(line->text, "<Limit");

        if (starts(line->text, "</Limit")) {
            if (open == SIZE_MAX) {
                mend_found(l->m, FTPACCESS_STRAY_END, FTPACCESS_WARNING, pos,
                           "</Limit>", "");
                line->removed = true;
            }
            open = SIZE_MAX;
        }
        else if (opens && open != SIZE_MAX) {
            pos.line = line_at(l, open)->number;
            mend_found(l->m, FTPACCESS_NO_END, FTPACCESS_ERROR, pos, "<Limit>",
                       "</Limit>");
            put_before(l, i, "</Limit>");
        }
        open = opens ? i : open;
    }
    if (open != SIZE_MAX) {
        struct ftpaccess_pos pos = {line_at(l, open)->number, 1};
        struct mend_line end = {0, mend_format(l->m, "</Limit>"), false};

        mend_found(l->m, FTPACCESS_NO_END, FTPACCESS_WARNING, pos, "<Limit>",
                   "</Limit>");
        if (end.text) {
            arena_push(&l->m->arena, &l->lines, &end, sizeof end);
        }
    }
}

/* Allow and Deny lines and no section at all: they are meant for all. */
static void wrap(struct lint *l)
{
    size_t first = SIZE_MAX, last = 0;

    for (size_t i = 0; i < l->lines.count; i++) {
        const char *s = line_at(l, i)->text;

        if (starts(s, "<Limit") || starts(s, "</Limit")
            || starts(s, "<IfModule")) {
            return;
        }
        if (starts(s, "Allow") || starts(s, "Deny") || starts(s, "Order")) {
            first = first == SIZE_MAX ? i : first;
            last = i;
        }
    }
    if (first == SIZE_MAX) {
        return;
    }
    mend_found(l->m, FTPACCESS_NO_SECTION, FTPACCESS_ERROR,
               (struct ftpaccess_pos){line_at(l, first)->number, 1},
               line_at(l, first)->text, "<Limit ALL>");
    line_at(l, last)->text =
        mend_format(l->m, "%s\n</Limit>", line_at(l, last)->text);
    if (line_at(l, last)->text) {
        put_before(l, first, "<Limit ALL>");
    }
}

/* --- what the rules come to ---------------------------------------------- */

static bool has_kind(const struct ftpaccess_limit *s, bool deny)
{
    for (size_t i = 0; i < s->rule_count; i++) {
        switch (s->rules[i].kind) {
        case FTPACCESS_ALLOW:
        case FTPACCESS_ALLOW_USER:
        case FTPACCESS_ALLOW_GROUP:
        case FTPACCESS_ALLOW_CLASS:
        case FTPACCESS_ALLOW_FILTER:
            if (!deny) {
                return true;
            }
            break;
        case FTPACCESS_DENY:
        case FTPACCESS_DENY_ALL:
        case FTPACCESS_DENY_USER:
        case FTPACCESS_DENY_GROUP:
        case FTPACCESS_DENY_CLASS:
        case FTPACCESS_DENY_FILTER:
            if (deny) {
                return true;
            }
            break;
        case FTPACCESS_ALLOW_ALL:
        case FTPACCESS_ORDER:
        case FTPACCESS_OTHER:
            break;
        }
    }
    return false;
}

static const struct ftpaccess_rule *order_of(const struct ftpaccess_limit *s)
{
    for (size_t i = 0; i < s->rule_count; i++) {
        if (s->rules[i].kind == FTPACCESS_ORDER) {
            return &s->rules[i];
        }
    }
    return NULL;
}

static bool denies_everybody(const struct ftpaccess_limit *s)
{
    for (size_t i = 0; i < s->rule_count; i++) {
        const struct ftpaccess_rule *r = &s->rules[i];

        if (r->kind == FTPACCESS_DENY_ALL
            || (r->kind == FTPACCESS_DENY && r->acl_count
                && r->acls[0].kind == FTPACCESS_ACL_ALL)) {
            return true;
        }
    }
    return false;
}

/* The customs of Apache httpd, where Deny,Allow lets the Allow lines win. */
static void judge_section(struct lint *l, const struct ftpaccess_limit *s)
{
    const struct ftpaccess_rule *order = order_of(s);
    bool deny_first = order && order->deny_first;

    if (deny_first && denies_everybody(s) && has_kind(s, false)) {
        mend_found(l->m, FTPACCESS_DENIES_ALL, FTPACCESS_ERROR, order->pos,
                   "Order Deny,Allow", "    Order Allow,Deny");
    }
    else if (!deny_first && has_kind(s, false) && !has_kind(s, true)) {
        mend_found(l->m, FTPACCESS_ALLOWS_ALL, FTPACCESS_ERROR, s->pos,
                   "<Limit>", "    Deny from all");
    }
}

static void judge_rules(struct lint *l, const char *text, size_t len)
{
    struct ftpaccess_file *f = ftpaccess_parse(text, len);
    bool any = false;

    if (!f) {
        l->m->arena.failed = true;
        return;
    }
    for (size_t i = 0; i < f->limit_count; i++) {
        judge_section(l, &f->limits[i]);
    }
    for (size_t i = 0; i < f->note_count; i++) {
        if (f->notes[i].kind == FTPACCESS_NOTE_SKIPPED) {
            mend_found(l->m, FTPACCESS_SKIPPED, FTPACCESS_WARNING,
                       f->notes[i].pos, f->notes[i].word, NULL);
        }
        if (f->notes[i].kind == FTPACCESS_NOTE_REGEX
            || (f->notes[i].kind == FTPACCESS_NOTE_ARGUMENTS
                && strcasecmp(f->notes[i].word, "Order") != 0)) {
            mend_found(l->m, FTPACCESS_ARGUMENTS, FTPACCESS_ERROR,
                       f->notes[i].pos, f->notes[i].word, NULL);
        }
    }
    any = f->limit_count > 0 || f->rule_count > 0;
    if (!any) {
        mend_found(l->m, FTPACCESS_NOTHING, FTPACCESS_WARNING,
                   (struct ftpaccess_pos){1, 1}, FTPACCESS_NAME, NULL);
    }
    ftpaccess_free(f);
}

/* --- the whole ----------------------------------------------------------- */

static char *join_lines(struct lint *l, size_t *len)
{
    size_t total = 1, n = 0;
    char *out;

    for (size_t i = 0; i < l->lines.count; i++) {
        total += strlen(line_at(l, i)->text) + 1;
    }
    out = arena_alloc(&l->m->arena, total);
    for (size_t i = 0; out && i < l->lines.count; i++) {
        struct mend_line *line = line_at(l, i);
        size_t bytes = strlen(line->text);

        if (!line->removed) {
            memcpy(out + n, line->text, bytes);
            n += bytes;
            out[n++] = '\n';
        }
    }
    *len = n;
    return out;
}

static int by_line(const void *a, const void *b)
{
    const struct ftpaccess_finding *x = a, *y = b;

    if (x->pos.line != y->pos.line) {
        return x->pos.line < y->pos.line ? -1 : 1;
    }
    return x->pos.column < y->pos.column   ? -1
           : x->pos.column > y->pos.column ? 1
                                           : (int)x->kind - (int)y->kind;
}

static bool ends_whole(const char *text, size_t len)
{
    return len == 0 || text[len - 1] == '\n';
}

static void finish(struct reported *r, const char *text, size_t len,
                   const char *mended, size_t mended_len)
{
    struct mend *m = &r->mend;

    /* A missing newline at the end alone is no change. */
    if (!ends_whole(text, len) && mended_len == len + 1
        && memcmp(text, mended, len) == 0) {
        mended_len = len;
    }
    if (m->findings.count) {
        qsort(m->findings.items, m->findings.count,
              sizeof(struct ftpaccess_finding), by_line);
    }
    r->report = (struct ftpaccess_report){
        .findings = m->findings.items,
        .count = m->findings.count,
        .mended = arena_copy(&m->arena, mended, mended_len),
        .mended_len = mended_len,
        .changed = mended_len != len || memcmp(mended, text, len) != 0,
        .unreadable = m->unreadable};
}

struct ftpaccess_report *ftpaccess_lint(const char *text, size_t len,
                                        bool reverse_dns)
{
    struct reported *r = calloc(1, sizeof *r);
    struct lint l = {0};
    size_t plain_len = len, mended_len = 0;
    const char *plain;
    char *mended = NULL;
    bool sjis;

    if (!r) {
        return NULL;
    }
    l.m = &r->mend;
    l.m->reverse_dns = reverse_dns;
    plain = mend_encoding(l.m, text, &plain_len);
    if (plain) {
        sjis = !mend_is_utf8(plain, plain_len);
        split_lines(&l, plain, plain_len);
        for (size_t i = 0; i < l.lines.count && !l.m->arena.failed; i++) {
            mend_one(&l, line_at(&l, i), sjis);
        }
    }
    if (!l.m->arena.failed) {
        pair_sections(&l);
    }
    if (!l.m->arena.failed) {
        wrap(&l);
    }
    if (!l.m->arena.failed) {
        mended = join_lines(&l, &mended_len);
    }
    if (mended) {
        judge_rules(&l, mended, mended_len);
        finish(r, text, len, mended, mended_len);
    }
    if (l.m->arena.failed || !r->report.mended) {
        ftpaccess_report_free(&r->report);
        return NULL;
    }
    return &r->report;
}

void ftpaccess_report_free(struct ftpaccess_report *report)
{
    struct reported *r = (struct reported *)report;

    if (r) {
        arena_free(&r->mend.arena);
        free(r);
    }
}
