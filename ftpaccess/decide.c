/* Who may do what: one command, one client, the files that apply. */
#include "ftpaccess.h"

#include <regex.h>
#include <string.h>
#include <strings.h>

static bool fits(const char *pattern, const char *s, int flags)
{
    regex_t re;
    bool found;

    if (regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB | flags) != 0) {
        return false;
    }
    found = regexec(&re, s, 0, NULL, 0) == 0;
    regfree(&re);
    return found;
}

static bool is_user(const struct ftpaccess_client *c, const char *name)
{
    return c->user && strcmp(c->user, name) == 0;
}

static bool in_group(const struct ftpaccess_client *c, const char *name)
{
    if (c->group && strcmp(c->group, name) == 0) {
        return true;
    }
    for (size_t i = 0; i < c->group_count; i++) {
        if (strcmp(c->groups[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static bool in_class(const struct ftpaccess_client *c, const char *name)
{
    return c->class_name && strcmp(c->class_name, name) == 0;
}

typedef bool is_fn(const struct ftpaccess_client *, const char *);

/* "!name" is true of all others. */
static bool names_match(const struct ftpaccess_rule *rule,
                        const struct ftpaccess_client *c, is_fn *is)
{
    for (size_t i = 0; i < rule->word_count; i++) {
        bool negated = rule->words[i][0] == '!';
        bool found = is(c, rule->words[i] + negated) != negated;

        if (found == (rule->expr == FTPACCESS_OR)) {
            return found;
        }
    }
    return rule->expr == FTPACCESS_AND && rule->word_count > 0;
}

static bool group_regex(const struct ftpaccess_rule *rule,
                        const struct ftpaccess_client *c)
{
    if (c->group && fits(rule->words[0], c->group, 0)) {
        return true;
    }
    for (size_t i = 0; i < c->group_count; i++) {
        if (fits(rule->words[0], c->groups[i], 0)) {
            return true;
        }
    }
    return false;
}

static bool user_rule(const struct ftpaccess_rule *rule,
                      const struct ftpaccess_client *c)
{
    if (!c->user) {
        return false;
    }
    return rule->expr == FTPACCESS_REGEX ? fits(rule->words[0], c->user, 0)
                                         : names_match(rule, c, is_user);
}

static bool group_rule(const struct ftpaccess_rule *rule,
                       const struct ftpaccess_client *c)
{
    if (!c->group) {
        return false;
    }
    return rule->expr == FTPACCESS_REGEX ? group_regex(rule, c)
                                         : names_match(rule, c, in_group);
}

static bool class_rule(const struct ftpaccess_rule *rule,
                       const struct ftpaccess_client *c)
{
    if (!c->class_name) {
        return false;
    }
    return rule->expr == FTPACCESS_REGEX
               ? fits(rule->words[0], c->class_name, 0)
               : names_match(rule, c, in_class);
}

/* --- a section ----------------------------------------------------------- */

/* A negated word makes ProFTPD 1.3.8 say no to the whole of it, whether it
 * fits or not; only a name's pattern does not where names are not looked up. */
static bool negation_spoils(const struct ftpaccess_rule *rule,
                            const struct ftpaccess_client *c)
{
    for (size_t i = 0; i < rule->acl_count; i++) {
        if (rule->acls[i].negated
            && ftpaccess_acl_match(&rule->acls[i], c) != 0) {
            return true;
        }
    }
    return false;
}

static bool hosts_match(const struct ftpaccess_rule *rule,
                        const struct ftpaccess_client *c)
{
    for (size_t i = 0; i < rule->acl_count; i++) {
        int match =
            rule->acls[i].negated ? 0 : ftpaccess_acl_match(&rule->acls[i], c);

        if (match != 0) {
            return match > 0;
        }
    }
    return false;
}

/* All Allow (or all Deny) lines of a section together. */
static const struct ftpaccess_rule *find_hosts(const struct ftpaccess_limit *l,
                                               enum ftpaccess_rule_kind kind,
                                               const struct ftpaccess_client *c)
{
    const struct ftpaccess_rule *found = NULL;

    for (size_t i = 0; i < l->rule_count; i++) {
        if (l->rules[i].kind != kind) {
            continue;
        }
        if (negation_spoils(&l->rules[i], c)) {
            return NULL;
        }
        if (!found && hosts_match(&l->rules[i], c)) {
            found = &l->rules[i];
        }
    }
    return found;
}

struct question {
    const struct ftpaccess_client *client;
    const struct ftpaccess_command *command;
    const char *arg;
    bool exists;
};

static bool rule_matches(const struct ftpaccess_rule *rule,
                         const struct question *q)
{
    switch (rule->kind) {
    case FTPACCESS_ALLOW_USER:
    case FTPACCESS_DENY_USER:
        return user_rule(rule, q->client);
    case FTPACCESS_ALLOW_GROUP:
    case FTPACCESS_DENY_GROUP:
        return group_rule(rule, q->client);
    case FTPACCESS_ALLOW_CLASS:
    case FTPACCESS_DENY_CLASS:
        return class_rule(rule, q->client);
    case FTPACCESS_ALLOW_FILTER:
    case FTPACCESS_DENY_FILTER:
        return fits(rule->words[0], q->arg ? q->arg : "",
                    rule->word_count > 1 ? REG_ICASE : 0);
    case FTPACCESS_ALLOW_ALL:
    case FTPACCESS_DENY_ALL:
        return true;
    case FTPACCESS_ALLOW:
    case FTPACCESS_DENY:
    case FTPACCESS_ORDER:
    case FTPACCESS_OTHER:
        break;
    }
    return false;
}

/* Lists of names: the first that is true; and one without a name in it, if it
 * is the last to be asked, counts as true in ProFTPD 1.3.8. */
static const struct ftpaccess_rule *find_names(const struct ftpaccess_limit *l,
                                               enum ftpaccess_rule_kind kind,
                                               const struct question *q)
{
    const struct ftpaccess_rule *empty = NULL;

    for (size_t i = 0; i < l->rule_count; i++) {
        const struct ftpaccess_rule *rule = &l->rules[i];

        if (rule->kind != kind) {
            continue;
        }
        if (rule_matches(rule, q)) {
            return rule;
        }
        if (rule->expr != FTPACCESS_REGEX) { /* AllowAll has matched */
            empty = rule->word_count == 0 ? rule : NULL;
        }
    }
    return empty;
}

static bool has_subject(enum ftpaccess_rule_kind kind,
                        const struct ftpaccess_client *c)
{
    switch (kind) {
    case FTPACCESS_ALLOW_USER:
    case FTPACCESS_DENY_USER:
        return c->user != NULL;
    case FTPACCESS_ALLOW_GROUP:
    case FTPACCESS_DENY_GROUP:
        return c->group != NULL;
    case FTPACCESS_ALLOW_CLASS:
    case FTPACCESS_DENY_CLASS:
        return c->class_name != NULL;
    default:
        return true;
    }
}

static const struct ftpaccess_rule *find_rule(const struct ftpaccess_limit *l,
                                              enum ftpaccess_rule_kind kind,
                                              const struct question *q)
{
    if (kind == FTPACCESS_ALLOW || kind == FTPACCESS_DENY) {
        return find_hosts(l, kind, q->client);
    }
    return has_subject(kind, q->client) ? find_names(l, kind, q) : NULL;
}

static const struct ftpaccess_rule *
find_first(const struct ftpaccess_limit *l,
           const enum ftpaccess_rule_kind *kinds, size_t count,
           const struct question *q)
{
    for (size_t i = 0; i < count; i++) {
        const struct ftpaccess_rule *rule = find_rule(l, kinds[i], q);

        if (rule) {
            return rule;
        }
    }
    return NULL;
}

static const struct ftpaccess_rule *find_allow(const struct ftpaccess_limit *l,
                                               const struct question *q)
{
    static const enum ftpaccess_rule_kind kinds[] = {
        FTPACCESS_ALLOW_USER, FTPACCESS_ALLOW_GROUP,  FTPACCESS_ALLOW_CLASS,
        FTPACCESS_ALLOW,      FTPACCESS_ALLOW_FILTER, FTPACCESS_ALLOW_ALL};

    return find_first(l, kinds, sizeof kinds / sizeof *kinds, q);
}

static const struct ftpaccess_rule *find_deny(const struct ftpaccess_limit *l,
                                              const struct question *q)
{
    static const enum ftpaccess_rule_kind kinds[] = {
        FTPACCESS_DENY_ALL,   FTPACCESS_DENY_USER, FTPACCESS_DENY_GROUP,
        FTPACCESS_DENY_CLASS, FTPACCESS_DENY,      FTPACCESS_DENY_FILTER};

    return find_first(l, kinds, sizeof kinds / sizeof *kinds, q);
}

static const struct ftpaccess_rule *order_of(const struct ftpaccess_limit *l)
{
    for (size_t i = 0; i < l->rule_count; i++) {
        if (l->rules[i].kind == FTPACCESS_ORDER) {
            return &l->rules[i];
        }
    }
    return NULL;
}

/* true: decided. Order Allow,Deny (the default) asks the Allow rules first and
 * leaves the question open; Deny,Allow asks the Deny rules first and denies. */
static bool section_decides(const struct ftpaccess_limit *l,
                            const struct question *q,
                            struct ftpaccess_verdict *v)
{
    const struct ftpaccess_rule *order = order_of(l);
    bool deny_first = order && order->deny_first;
    const struct ftpaccess_rule *rule =
        deny_first ? find_deny(l, q) : find_allow(l, q);

    v->allowed = rule ? !deny_first : deny_first;
    if (!rule) {
        rule = deny_first ? find_allow(l, q) : find_deny(l, q);
    }
    if (!rule && !deny_first) {
        v->allowed = true;
        return false;
    }
    v->allowed = v->allowed && rule;
    v->why = rule ? FTPACCESS_BY_RULE : FTPACCESS_BY_ORDER;
    v->rule = rule ? rule : order;
    v->limit = l;
    return true;
}

static bool concerns(const struct ftpaccess_limit *l, const char *word)
{
    for (size_t i = 0; i < l->command_count; i++) {
        if (strcasecmp(l->commands[i], word) == 0) {
            return true;
        }
    }
    return false;
}

static void set_dir(struct ftpaccess_verdict *v, const char *dir)
{
    size_t n = strnlen(dir, sizeof v->dir - 1);

    memcpy(v->dir, dir, n);
    v->dir[n] = '\0';
}

/* The sections that name word, from the deepest directory up; in a file the
 * last one first, as ProFTPD keeps them. */
static bool chain_decides(const struct ftpaccess_level *chain, size_t count,
                          const struct question *q, const char *word,
                          struct ftpaccess_verdict *v)
{
    for (size_t i = 0; i < count; i++) {
        const struct ftpaccess_file *f = chain[i].file;
        size_t limits = chain[i].no_limits || !f ? 0 : f->limit_count;

        for (size_t j = limits; j-- > 0;) {
            if (concerns(&f->limits[j], word)
                && section_decides(&f->limits[j], q, v)) {
                set_dir(v, chain[i].dir);
                v->limit_word = word;
                return true;
            }
        }
    }
    return false;
}

static const struct ftpaccess_rule *outside(const struct ftpaccess_file *f,
                                            enum ftpaccess_rule_kind kind)
{
    for (size_t i = 0; f && i < f->rule_count; i++) {
        if (f->rules[i].kind == kind) {
            return &f->rules[i];
        }
    }
    return NULL;
}

/* DenyAll outside of all sections counts for what is there already, and only
 * in the deepest file. */
static bool deny_all_decides(const struct ftpaccess_level *chain, size_t count,
                             const struct question *q,
                             struct ftpaccess_verdict *v)
{
    const struct ftpaccess_file *f = count == 0         ? NULL
                                     : chain[0].outside ? chain[0].outside
                                                        : chain[0].file;
    const struct ftpaccess_rule *rule = outside(f, FTPACCESS_DENY_ALL);

    if (!q->exists || !rule || outside(f, FTPACCESS_ALLOW_ALL)) {
        return false;
    }
    v->allowed = false;
    v->why = FTPACCESS_BY_RULE;
    set_dir(v, chain[0].dir);
    v->rule = rule;
    return true;
}

void ftpaccess_decide(const struct ftpaccess_level *chain, size_t count,
                      const struct ftpaccess_client *client,
                      const struct ftpaccess_command *command, const char *arg,
                      bool exists, struct ftpaccess_verdict *verdict)
{
    struct question q = {client, command, arg, exists};

    verdict->dir[0] = '\0';
    verdict->limit = NULL;
    verdict->rule = NULL;
    verdict->limit_word = NULL;
    verdict->why = FTPACCESS_BY_DEFAULT;
    verdict->allowed = true;
    if (deny_all_decides(chain, count, &q, verdict)
        || chain_decides(chain, count, &q, command->name, verdict)) {
        return;
    }
    if (command->group
        && chain_decides(chain, count, &q, command->group, verdict)) {
        return;
    }
    if (!command->not_all) {
        (void)chain_decides(chain, count, &q, "ALL", verdict);
    }
}
