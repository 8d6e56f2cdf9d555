/* The grammar: directives, sections, and what ProFTPD does with a line that is
 * neither: it says so in its log and goes on. */
#include "ftpaccess.h"

#include "arena.h"
#include "lines.h"

#include <ctype.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define WORDS_MAX (LINES_ROOM / 2)

/* A section while it is read. */
struct section {
    struct ftpaccess_limit limit;
    struct arena_list commands, rules;
};

struct parsed {
    struct ftpaccess_file file; /* first: what the caller has */
    struct arena arena;
};

struct parser {
    struct parsed *out;
    struct lines lines;
    struct lines_word words[WORDS_MAX];
    size_t count;
    struct arena_list limits, rules, notes;
    struct section section;
    bool in_section;
};

static const struct {
    const char *name;
    enum ftpaccess_rule_kind kind;
    bool outside, inside; /* of <Limit> */
} meant[] = {
    {"Allow", FTPACCESS_ALLOW, false, true},
    {"Deny", FTPACCESS_DENY, false, true},
    {"AllowAll", FTPACCESS_ALLOW_ALL, true, true},
    {"DenyAll", FTPACCESS_DENY_ALL, true, true},
    {"Order", FTPACCESS_ORDER, false, true},
    {"AllowUser", FTPACCESS_ALLOW_USER, false, true},
    {"DenyUser", FTPACCESS_DENY_USER, false, true},
    {"AllowGroup", FTPACCESS_ALLOW_GROUP, false, true},
    {"DenyGroup", FTPACCESS_DENY_GROUP, false, true},
    {"AllowClass", FTPACCESS_ALLOW_CLASS, false, true},
    {"DenyClass", FTPACCESS_DENY_CLASS, false, true},
    {"AllowFilter", FTPACCESS_ALLOW_FILTER, true, true},
    {"DenyFilter", FTPACCESS_DENY_FILTER, true, true},
    {"IgnoreHidden", FTPACCESS_OTHER, false, true},
};

/* Allowed in .ftpaccess, of no consequence to who may do what. */
static const char *const allowed_names[] = {
    "AllowOverwrite",      "AllowRetrieveRestart",
    "AllowStoreRestart",   "DeleteAbortedStores",
    "DigestEnable",        "DirFakeGroup",
    "DirFakeMode",         "DirFakeUser",
    "ExecEnable",          "GroupOwner",
    "HideFiles",           "ListOptions",
    "MaxRetrieveFileSize", "MaxStoreFileSize",
    "MaxTransfersPerHost", "MaxTransfersPerUser",
    "PathAllowFilter",     "PathDenyFilter",
    "StoreUniquePrefix",   "TLSRequired",
    "TransferRate",        "Umask",
    "UseSendfile",         "</IfDefine>",
    "</IfModule>",
};

/* Known to ProFTPD and refused in .ftpaccess. */
static const char *const refused_names[] = {
    "</Anonymous>",
    "</Class>",
    "</Directory>",
    "</Global>",
    "</VirtualHost>",
    "<Anonymous>",
    "<Class>",
    "<Directory>",
    "<Global>",
    "<VirtualHost>",
    "AccessDenyMsg",
    "AccessGrantMsg",
    "AllowChrootSymlinks",
    "AllowEmptyPasswords",
    "AllowForeignAddress",
    "AllowLogSymlinks",
    "AllowOverride",
    "AnonAllowRobots",
    "AnonRejectPasswords",
    "AnonRequirePassword",
    "AuthAliasOnly",
    "AuthFileOptions",
    "AuthGroupFile",
    "AuthOrder",
    "AuthPAM",
    "AuthPAMConfig",
    "AuthPAMOptions",
    "AuthUnixOptions",
    "AuthUserFile",
    "AuthUsingAlias",
    "CDPath",
    "CapabilitiesEngine",
    "CapabilitiesRootRevoke",
    "CapabilitiesSet",
    "CommandBufferSize",
    "ControlsACLs",
    "ControlsAuthFreshness",
    "ControlsEngine",
    "ControlsInterval",
    "ControlsLog",
    "ControlsMaxClients",
    "ControlsSocket",
    "ControlsSocketACL",
    "ControlsSocketOwner",
    "CreateHome",
    "DebugLevel",
    "DefaultAddress",
    "DefaultChdir",
    "DefaultRoot",
    "DefaultServer",
    "DefaultTransferMode",
    "DeferWelcome",
    "Define",
    "DelayControlsACLs",
    "DelayEngine",
    "DelayOnEvent",
    "DelayTable",
    "DisplayChdir",
    "DisplayConnect",
    "DisplayFileTransfer",
    "DisplayLogin",
    "DisplayQuit",
    "ExtendedLog",
    "FACLEngine",
    "FSCachePolicy",
    "FSOptions",
    "FactsAdvertise",
    "FactsDefault",
    "FactsOptions",
    "From",
    "Group",
    "HiddenStores",
    "HideGroup",
    "HideNoAccess",
    "HideUser",
    "IdentLookups",
    "Include",
    "IncludeOptions",
    "LangDefault",
    "LangEngine",
    "LangOptions",
    "LangPath",
    "ListStyle",
    "LoadFile",
    "LoadModule",
    "LogFormat",
    "LogOptions",
    "MasqueradeAddress",
    "MaxClients",
    "MaxClientsPerClass",
    "MaxClientsPerHost",
    "MaxClientsPerUser",
    "MaxCommandRate",
    "MaxConnectionRate",
    "MaxConnectionsPerHost",
    "MaxHostsPerUser",
    "MaxInstances",
    "MaxLoginAttempts",
    "MaxPasswordSize",
    "ModuleControlsACLs",
    "ModuleOrder",
    "ModulePath",
    "MultilineRFC2228",
    "PassivePorts",
    "PersistentPasswd",
    "PidFile",
    "Port",
    "ProcessTitles",
    "Protocols",
    "RLimitCPU",
    "RLimitChroot",
    "RLimitMemory",
    "RLimitOpenFiles",
    "RegexOptions",
    "RequireValidShell",
    "RewriteHome",
    "RootLogin",
    "RootRevoke",
    "Satisfy",
    "ScoreboardFile",
    "ScoreboardMutex",
    "ScoreboardScrub",
    "ServerAdmin",
    "ServerAlias",
    "ServerIdent",
    "ServerLog",
    "ServerName",
    "ServerType",
    "SetEnv",
    "ShowSymlinks",
    "SocketBindTight",
    "SocketOptions",
    "SyslogFacility",
    "SyslogLevel",
    "SystemLog",
    "TCPBackLog",
    "TCPNoDelay",
    "TimeoutIdle",
    "TimeoutLinger",
    "TimeoutLogin",
    "TimeoutNoTransfer",
    "TimeoutSession",
    "TimeoutStalled",
    "TimesGMT",
    "Trace",
    "TraceLog",
    "TraceOptions",
    "TransferLog",
    "TransferOptions",
    "UnsetEnv",
    "UseEncoding",
    "UseFtpUsers",
    "UseGlobbing",
    "UseIPv6",
    "UseLastlog",
    "UseReverseDNS",
    "User",
    "UserAlias",
    "UserDirRoot",
    "UserOwner",
    "UserPassword",
    "WtmpLog",
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

static bool listed(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcasecmp(name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

static size_t find_meant(const char *name)
{
    size_t i = 0;

    while (i < COUNT(meant) && strcasecmp(name, meant[i].name) != 0) {
        i++;
    }
    return i;
}

bool ftpaccess_known(const char *name, bool *allowed)
{
    static const char *const sections[] = {"<Limit>", "</Limit>", "<IfModule>",
                                           "<IfDefine>"};

    *allowed = find_meant(name) < COUNT(meant)
               || listed(name, sections, COUNT(sections))
               || listed(name, allowed_names, COUNT(allowed_names));
    return *allowed || listed(name, refused_names, COUNT(refused_names));
}

/* --- parts --------------------------------------------------------------- */

static struct ftpaccess_pos word_pos(struct parser *p, size_t i)
{
    return lines_pos(&p->lines, p->words[i].offset);
}

static void note(struct parser *p, enum ftpaccess_note_kind kind,
                 struct ftpaccess_pos pos, const char *word)
{
    struct ftpaccess_note n = {kind, pos, word};

    arena_push(&p->out->arena, &p->notes, &n, sizeof n);
}

static void add_rule(struct parser *p, const struct ftpaccess_rule *rule)
{
    arena_push(&p->out->arena, p->in_section ? &p->section.rules : &p->rules,
               rule, sizeof *rule);
}

/* s with its commas as ends of the parts; the parts that are not empty. */
static void split(struct parser *p, char *s, struct arena_list *parts)
{
    while (s) {
        char *comma = strchr(s, ',');

        if (comma) {
            *comma = '\0';
        }
        if (*s) {
            const char *part = s;

            arena_push(&p->out->arena, parts, &part, sizeof part);
        }
        s = comma ? comma + 1 : NULL;
    }
}

/* --- <Limit> ------------------------------------------------------------- */

static bool has_command(const struct arena_list *commands, const char *name)
{
    const char *const *c = commands->items;

    for (size_t i = 0; i < commands->count; i++) {
        if (strcasecmp(c[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/* The old and the new name of a command are one. */
static void add_twins(struct parser *p, struct arena_list *commands)
{
    static const char *const twins[][2] = {
        {"CDUP", "XCUP"}, {"MKD", "XMKD"}, {"PWD", "XPWD"}, {"RMD", "XRMD"}};

    for (size_t i = 0; i < COUNT(twins); i++) {
        bool first = has_command(commands, twins[i][0]);
        bool second = has_command(commands, twins[i][1]);

        if (first != second) {
            arena_push(&p->out->arena, commands, &twins[i][first ? 1 : 0],
                       sizeof(const char *));
        }
    }
}

static void open_limit(struct parser *p, struct ftpaccess_pos pos)
{
    if (p->count < 2) {
        note(p, FTPACCESS_NOTE_ARGUMENTS, pos, p->words[0].text);
        return;
    }
    if (p->in_section) {
        note(p, FTPACCESS_NOTE_CONTEXT, pos, p->words[0].text);
        return;
    }
    memset(&p->section, 0, sizeof p->section);
    p->section.limit.pos = pos;
    for (size_t i = 1; i < p->count; i++) {
        split(p, p->words[i].text, &p->section.commands);
    }
    add_twins(p, &p->section.commands);
    p->in_section = true;
}

static void end_section(struct parser *p, unsigned line)
{
    struct ftpaccess_limit *l = &p->section.limit;

    p->in_section = false;
    if (p->section.rules.count == 0) {
        return;
    }
    l->end_line = line;
    l->commands = p->section.commands.items;
    l->command_count = p->section.commands.count;
    l->rules = p->section.rules.items;
    l->rule_count = p->section.rules.count;
    arena_push(&p->out->arena, &p->limits, l, sizeof *l);
}

static void close_limit(struct parser *p, struct ftpaccess_pos pos)
{
    if (p->count > 1) {
        note(p, FTPACCESS_NOTE_ARGUMENTS, pos, p->words[0].text);
    }
    else if (!p->in_section) {
        note(p, FTPACCESS_NOTE_CONTEXT, pos, p->words[0].text);
    }
    else {
        end_section(p, pos.line);
    }
}

/* --- rules --------------------------------------------------------------- */

static char *join(void *data, const char *a, const char *b)
{
    size_t n = strlen(a);
    char *s = arena_alloc(data, n + strlen(b) + 1);

    if (s) {
        memcpy(s, a, n);
        memcpy(s + n, b, strlen(b));
    }
    return s;
}

/* One word of addresses with commas between. false: the line is void. */
static bool read_addresses(struct parser *p, const struct lines_word *word,
                           struct arena_list *acls)
{
    char *s = word->text;
    size_t offset = word->offset;

    while (s) {
        char *comma = strchr(s, ',');
        struct ftpaccess_acl acl;

        if (comma) {
            *comma = '\0';
        }
        if (*s) {
            struct ftpaccess_pos pos = lines_pos(&p->lines, offset);

            if (strcasecmp(s, "all") == 0 || strcasecmp(s, "none") == 0) {
                note(p, FTPACCESS_NOTE_ALL_LATE, pos, s);
                return false;
            }
            if (!ftpaccess_acl_read(s, &acl, join, &p->out->arena)) {
                note(p, FTPACCESS_NOTE_ACL, pos, s);
                return false;
            }
            acl.pos = pos;
            arena_push(&p->out->arena, acls, &acl, sizeof acl);
        }
        offset += strlen(s) + 1;
        s = comma ? comma + 1 : NULL;
    }
    return true;
}

/* all and none count where they are the first word after "from"; later, they
 * make ProFTPD throw the whole line away. */
static bool read_hosts(struct parser *p, struct arena_list *acls,
                       struct ftpaccess_pos pos)
{
    struct ftpaccess_acl acl;
    size_t i = 1;

    while (i < p->count && strcasecmp(p->words[i].text, "from") == 0) {
        i++;
    }
    if (i < p->count
        && (strcasecmp(p->words[i].text, "!all") == 0
            || strcasecmp(p->words[i].text, "!none") == 0)) {
        note(p, FTPACCESS_NOTE_NEGATED_ALL, word_pos(p, i), p->words[i].text);
        return false;
    }
    if (i < p->count
        && (strcasecmp(p->words[i].text, "all") == 0
            || strcasecmp(p->words[i].text, "none") == 0)) {
        (void)ftpaccess_acl_read(p->words[i].text, &acl, NULL, NULL);
        acl.pos = word_pos(p, i);
        arena_push(&p->out->arena, acls, &acl, sizeof acl);
        return true;
    }
    for (; i < p->count; i++) {
        if (!read_addresses(p, &p->words[i], acls)) {
            return false;
        }
    }
    if (acls->count == 0) {
        note(p, FTPACCESS_NOTE_ARGUMENTS, pos, p->words[0].text);
    }
    return acls->count > 0;
}

static void host_rule(struct parser *p, struct ftpaccess_rule *rule)
{
    struct arena_list acls = {0};

    if (read_hosts(p, &acls, rule->pos)) {
        rule->acls = acls.items;
        rule->acl_count = acls.count;
    }
    add_rule(p, rule);
}

/* \1, \w: only escaped punctuation is taken. */
static bool has_reference(const char *s)
{
    for (; *s; s++) {
        if (*s == '\\') {
            if (!ispunct((unsigned char)*++s)) {
                return true;
            }
        }
    }
    return false;
}

/* Expressions that could cost a regcomp() or regexec() much are not taken. */
static bool usable_regex(const char *s)
{
    const char *brace = strchr(s, '{');
    regex_t re;

    if (strlen(s) > 256 || (brace && strchr(brace + 1, '{')) || has_reference(s)
        || regcomp(&re, s, REG_EXTENDED | REG_NOSUB) != 0) {
        return false;
    }
    regfree(&re);
    return true;
}

static void name_rule(struct parser *p, struct ftpaccess_rule *rule)
{
    struct arena_list names = {0};
    size_t first = 1, last = p->count;

    if (p->count < 2) {
        note(p, FTPACCESS_NOTE_ARGUMENTS, rule->pos, rule->name);
        return;
    }
    rule->expr = rule->kind == FTPACCESS_ALLOW_GROUP
                         || rule->kind == FTPACCESS_DENY_GROUP
                     ? FTPACCESS_AND
                     : FTPACCESS_OR;
    if (p->count > 2 && strcasecmp(p->words[1].text, "AND") == 0) {
        /* ProFTPD 1.3.8 takes the word AND for a name and loses the last. */
        rule->expr = FTPACCESS_AND;
        last--;
    }
    else if (p->count > 2 && strcasecmp(p->words[1].text, "OR") == 0) {
        rule->expr = FTPACCESS_OR;
        first++;
    }
    else if (p->count > 2 && strcasecmp(p->words[1].text, "regex") == 0) {
        if (p->count != 3) {
            note(p, FTPACCESS_NOTE_ARGUMENTS, rule->pos, rule->name);
            return;
        }
        if (!usable_regex(p->words[2].text)) {
            note(p, FTPACCESS_NOTE_REGEX, word_pos(p, 2), p->words[2].text);
            return;
        }
        rule->expr = FTPACCESS_REGEX;
        arena_push(&p->out->arena, &names, &p->words[2].text, sizeof(char *));
        first = last;
    }
    for (size_t i = first; i < last; i++) {
        if (strchr(p->words[i].text, ',')) {
            split(p, p->words[i].text, &names);
        }
        else {
            arena_push(&p->out->arena, &names, &p->words[i].text,
                       sizeof(char *));
        }
    }
    rule->words = names.items;
    rule->word_count = names.count;
    add_rule(p, rule);
}

static void filter_rule(struct parser *p, struct ftpaccess_rule *rule)
{
    struct arena_list words = {0};

    if (p->count < 2 || p->count > 3
        || (p->count == 3 && strcasecmp(p->words[2].text, "[NC]") != 0)) {
        note(p, FTPACCESS_NOTE_ARGUMENTS, rule->pos, rule->name);
        return;
    }
    if (!usable_regex(p->words[1].text)) {
        note(p, FTPACCESS_NOTE_REGEX, word_pos(p, 1), p->words[1].text);
        return;
    }
    for (size_t i = 1; i < p->count; i++) {
        arena_push(&p->out->arena, &words, &p->words[i].text, sizeof(char *));
    }
    rule->expr = FTPACCESS_REGEX;
    rule->words = words.items;
    rule->word_count = words.count;
    add_rule(p, rule);
}

static void order_rule(struct parser *p, struct ftpaccess_rule *rule)
{
    char *order = p->count == 3
                      ? join(&p->out->arena, p->words[1].text, p->words[2].text)
                      : p->words[p->count > 1 ? 1 : 0].text;

    if (p->count < 2 || p->count > 3 || !order) {
        note(p, FTPACCESS_NOTE_ARGUMENTS, rule->pos, rule->name);
    }
    else if (strcasecmp(order, "allow,deny") == 0) {
        add_rule(p, rule);
    }
    else if (strcasecmp(order, "deny,allow") == 0) {
        rule->deny_first = true;
        add_rule(p, rule);
    }
    else {
        note(p, FTPACCESS_NOTE_ARGUMENTS, rule->pos, rule->name);
    }
}

static void meant_rule(struct parser *p, size_t which,
                       struct ftpaccess_rule *rule)
{
    rule->kind = meant[which].kind;
    rule->name = meant[which].name;
    switch (rule->kind) {
    case FTPACCESS_ALLOW:
    case FTPACCESS_DENY:
        host_rule(p, rule);
        break;
    case FTPACCESS_ALLOW_USER:
    case FTPACCESS_DENY_USER:
    case FTPACCESS_ALLOW_GROUP:
    case FTPACCESS_DENY_GROUP:
    case FTPACCESS_ALLOW_CLASS:
    case FTPACCESS_DENY_CLASS:
        name_rule(p, rule);
        break;
    case FTPACCESS_ORDER:
        order_rule(p, rule);
        break;
    case FTPACCESS_ALLOW_FILTER:
    case FTPACCESS_DENY_FILTER:
        filter_rule(p, rule);
        break;
    case FTPACCESS_ALLOW_ALL:
    case FTPACCESS_DENY_ALL:
        if (p->count > 1) {
            note(p, FTPACCESS_NOTE_ARGUMENTS, rule->pos, rule->name);
            break;
        }
        add_rule(p, rule);
        break;
    case FTPACCESS_OTHER:
        add_rule(p, rule);
        break;
    }
}

/* --- conditional sections ------------------------------------------------ */

/* Modules that every ProFTPD has. */
static bool has_module(const char *name)
{
    static const char *const there[] = {
        "mod_core.c",      "mod_xfer.c",  "mod_rlimit.c", "mod_auth_unix.c",
        "mod_auth_file.c", "mod_auth.c",  "mod_ls.c",     "mod_log.c",
        "mod_site.c",      "mod_delay.c", "mod_facts.c",  "mod_ident.c"};

    return listed(name, there, COUNT(there));
}

/* Nothing is defined, and only the modules above are there. */
static void open_condition(struct parser *p, struct ftpaccess_pos pos,
                           const char *open, const char *close)
{
    const char *what = p->count > 1 ? p->words[1].text : "";
    bool negated = *what == '!';
    unsigned depth = 1;

    if (p->count != 2) {
        note(p, FTPACCESS_NOTE_ARGUMENTS, pos, p->words[0].text);
        return;
    }
    if (has_module(what + negated) != negated) {
        return;
    }
    note(p, FTPACCESS_NOTE_SKIPPED, pos, p->words[0].text);
    while (depth && lines_next(&p->lines)) {
        const char *s = p->lines.line;

        while (lines_space(*s)) {
            s++;
        }
        if (strncasecmp(s, open, strlen(open)) == 0) {
            depth++;
        }
        else if (strcasecmp(s, close) == 0) {
            depth--;
        }
    }
}

/* --- lines --------------------------------------------------------------- */

/* "<Limit" "ALL>" is "<Limit>" "ALL". */
static void mend_brackets(struct parser *p)
{
    char *last = p->words[p->count - 1].text;
    size_t n = strlen(last), first;

    if (p->words[0].text[0] != '<' || p->count < 2 || n == 0
        || last[n - 1] != '>') {
        return;
    }
    last[n - 1] = '\0';
    if (n == 1) {
        p->count--;
    }
    first = strlen(p->words[0].text);
    if (p->words[0].text[first - 1] != '>') {
        char *name = join(&p->out->arena, p->words[0].text, ">");

        if (name) {
            p->words[0].text = name;
        }
    }
}

static void read_directive(struct parser *p)
{
    const char *name = p->words[0].text;
    struct ftpaccess_pos pos = word_pos(p, 0);
    struct ftpaccess_rule rule = {.kind = FTPACCESS_OTHER, .pos = pos};
    size_t which = find_meant(name);
    bool allowed;

    if (strcasecmp(name, "<Limit>") == 0) {
        open_limit(p, pos);
    }
    else if (strcasecmp(name, "</Limit>") == 0) {
        close_limit(p, pos);
    }
    else if (strcasecmp(name, "<IfModule>") == 0) {
        open_condition(p, pos, "<IfModule", "</IfModule>");
    }
    else if (strcasecmp(name, "<IfDefine>") == 0) {
        open_condition(p, pos, "<IfDefine", "</IfDefine>");
    }
    else if (which < COUNT(meant)) {
        if (p->in_section ? meant[which].inside : meant[which].outside) {
            meant_rule(p, which, &rule);
        }
        else {
            note(p, FTPACCESS_NOTE_CONTEXT, pos, name);
        }
    }
    else if (!ftpaccess_known(name, &allowed)) {
        note(p, FTPACCESS_NOTE_UNKNOWN, pos, name);
    }
    else if (!allowed || (p->in_section && *name != '<')) {
        note(p, FTPACCESS_NOTE_CONTEXT, pos, name);
    }
    else if (*name != '<') {
        rule.name = name;
        add_rule(p, &rule);
    }
}

struct ftpaccess_file *ftpaccess_parse(const char *text, size_t len)
{
    struct parser *p = calloc(1, sizeof *p);
    struct parsed *out = calloc(1, sizeof *out);
    bool failed = !p || !out;

    if (!failed) {
        p->out = out;
        lines_start(&p->lines, text, len);
        while (lines_next(&p->lines)) {
            p->count = lines_words(&p->lines, &out->arena, p->words, WORDS_MAX);
            if (p->count && p->words[0].text) {
                mend_brackets(p);
                read_directive(p);
            }
        }
        if (p->in_section) {
            end_section(p, 0);
        }
        out->file = (struct ftpaccess_file){p->limits.items, p->limits.count,
                                            p->rules.items,  p->rules.count,
                                            p->notes.items,  p->notes.count};
        failed = out->arena.failed;
    }
    free(p);
    if (failed) {
        ftpaccess_free(out ? &out->file : NULL);
        return NULL;
    }
    return &out->file;
}

void ftpaccess_free(struct ftpaccess_file *file)
{
    struct parsed *out = (struct parsed *)file;

    if (out) {
        arena_free(&out->arena);
        free(out);
    }
}
