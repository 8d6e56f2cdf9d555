#include "message.h"

#include <stdio.h>
#include <string.h>

#include "message_table.h"

static void english(const struct ftpaccess_verdict *v, const char *dir,
                    char *out, size_t room)
{
    const char *answer = v->allowed ? "allowed" : "denied";

    if (v->why == FTPACCESS_BY_DEFAULT) {
        (void)snprintf(out, room, "allowed: no rule is against it");
    }
    else if (!v->limit) {
        (void)snprintf(out, room, "%s by line %u of %s/.ftpaccess: %s", answer,
                       v->rule->pos.line, dir, v->rule->name);
    }
    else if (v->why == FTPACCESS_BY_ORDER) {
        (void)snprintf(out, room,
                       "denied by the section of line %u of %s/.ftpaccess: "
                       "Order Deny,Allow, and no line allows it",
                       v->limit->pos.line, dir);
    }
    else {
        (void)snprintf(out, room,
                       "%s by line %u of %s/.ftpaccess: %s, in the section "
                       "<Limit> of line %u, for %s",
                       answer, v->rule->pos.line, dir, v->rule->name,
                       v->limit->pos.line, v->limit_word);
    }
}

static void japanese(const struct ftpaccess_verdict *v, const char *dir,
                     char *out, size_t room)
{
    const char *answer = v->allowed ? "許可" : "拒否";

    if (v->why == FTPACCESS_BY_DEFAULT) {
        (void)snprintf(out, room, "許可: 妨げる記述はありません");
    }
    else if (!v->limit) {
        (void)snprintf(out, room, "%s: %s/.ftpaccess の %u 行目 %s による",
                       answer, dir, v->rule->pos.line, v->rule->name);
    }
    else if (v->why == FTPACCESS_BY_ORDER) {
        (void)snprintf(out, room,
                       "拒否: %s/.ftpaccess の %u 行目からの <Limit> は Order "
                       "Deny,Allow で、許可する行がない",
                       dir, v->limit->pos.line);
    }
    else {
        (void)snprintf(out, room,
                       "%s: %s/.ftpaccess の %u 行目 %s による（%u 行目からの "
                       "<Limit>、%s に対して）",
                       answer, dir, v->rule->pos.line, v->rule->name,
                       v->limit->pos.line, v->limit_word);
    }
}

void ftpaccess_verdict_text(const struct ftpaccess_verdict *v,
                            enum ftpaccess_lang lang, char *out, size_t room)
{
    const char *dir = strcmp(v->dir, "/") == 0 ? "" : v->dir;

    if (lang == FTPACCESS_JA) {
        japanese(v, dir, out, room);
    }
    else {
        english(v, dir, out, room);
    }
}

/* --- findings ------------------------------------------------------------ */

/* text with word where it says %s; both are cut to room. */
static void fill_in(const char *text, const char *word, char *out, size_t room)
{
    const char *mark = strstr(text, "%s");
    int before = mark ? (int)(mark - text) : (int)strlen(text);

    (void)snprintf(out, room, "%.*s%s%s", before, text, mark ? word : "",
                   mark ? mark + 2 : "");
}

void ftpaccess_finding_text(const struct ftpaccess_finding *f,
                            enum ftpaccess_lang lang, char *what,
                            size_t what_room, char *today, size_t today_room)
{
    const char *word = f->word + strspn(f->word, " \t");

    *what = *today = '\0';
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (table[i].kind == f->kind) {
            fill_in(table[i].text[lang][0], word, what, what_room);
            fill_in(table[i].text[lang][1], word, today, today_room);
        }
    }
}

const char *ftpaccess_finding_name(enum ftpaccess_finding_kind kind)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (table[i].kind == kind) {
            return table[i].name;
        }
    }
    return "";
}
