/* One line of directives: what its author meant. */
#include "mend.h"

#include "lines.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define WORDS 64

struct words {
    const char *at[WORDS];
    unsigned column[WORDS];
    size_t count;
    const char *indent;
    const char *rest; /* a comment, or words too many */
};

/* --- distance ------------------------------------------------------------ */

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Edits between two words, neighbours' exchange counting as one, case not
 * counting; long words are far from everything. */
static size_t distance(const char *a, const char *b)
{
    size_t rows[3][32], n = strlen(a), m = strlen(b);

    if (n > 24 || m > 24) {
        return 99;
    }
    for (size_t j = 0; j <= m; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= n; i++) {
        size_t *now = rows[i % 3], *last = rows[(i + 2) % 3];
        const size_t *before = rows[(i + 1) % 3];

        now[0] = i;
        for (size_t j = 1; j <= m; j++) {
            int x = tolower((unsigned char)a[i - 1]);
            int y = tolower((unsigned char)b[j - 1]);

            now[j] =
                least(least(last[j], now[j - 1]) + 1, last[j - 1] + (x != y));
            if (i > 1 && j > 1 && x == tolower((unsigned char)b[j - 2])
                && y == tolower((unsigned char)a[i - 2])) {
                now[j] = least(now[j], before[j - 2] + 1);
            }
        }
    }
    return rows[n % 3][m];
}

static const char *nearest(const char *word, const char *const *names,
                           size_t count)
{
    const char *best = NULL;
    size_t near = strlen(word) > 5 ? 3 : 2;

    for (size_t i = 0; i < count; i++) {
        size_t d = distance(word, names[i]);

        if (d < near) {
            near = d;
            best = names[i];
        }
    }
    return best;
}

/* --- words --------------------------------------------------------------- */

static void cut(struct mend *m, const char *line, struct words *w)
{
    const char *s = line;
    unsigned column = 1;

    w->count = 0;
    while (lines_space(*s)) {
        s++;
        column++;
    }
    w->indent = arena_copy(&m->arena, line, (size_t)(s - line));
    while (*s && *s != '#' && w->count < WORDS) {
        const char *start = s;

        w->column[w->count] = column;
        while (*s && !lines_space(*s)) {
            column += ((unsigned char)*s & 0xc0) != 0x80;
            s++;
        }
        w->at[w->count++] = arena_copy(&m->arena, start, (size_t)(s - start));
        while (lines_space(*s)) {
            s++;
            column++;
        }
    }
    w->rest = s;
}

static char *paste(struct mend *m, const struct words *w)
{
    char *line = mend_format(m, "%s", w->indent ? w->indent : "");

    for (size_t i = 0; i < w->count && line; i++) {
        line = mend_format(m, "%s%s%s", line, i ? " " : "", w->at[i]);
    }
    return line && *w->rest ? mend_format(m, "%s %s", line, w->rest) : line;
}

static void drop(struct words *w, size_t i)
{
    for (; i + 1 < w->count; i++) {
        w->at[i] = w->at[i + 1];
        w->column[i] = w->column[i + 1];
    }
    w->count--;
}

/* A finding whose mended line is known only when all words are. */
struct pending {
    enum ftpaccess_finding_kind kind;
    enum ftpaccess_severity severity;
    unsigned column;
    const char *word;
    bool mended;
};

struct work {
    struct mend *m;
    struct words words;
    struct pending pending[2 * WORDS];
    size_t count;
};

static void tell(struct work *k, enum ftpaccess_finding_kind kind,
                 enum ftpaccess_severity severity, unsigned column,
                 const char *word, bool mended)
{
    if (k->count < sizeof k->pending / sizeof *k->pending) {
        k->pending[k->count++] =
            (struct pending){kind, severity, column, word, mended};
    }
}

/* --- <Limit> ------------------------------------------------------------- */

/* The line without brackets as "Limit", "/Limit" and words: what stands
 * between < and >, whatever blanks and brackets are missing. */
static char *inside(struct mend *m, const char *line)
{
    const char *start = line + strspn(line, " \t<");
    size_t n = strcspn(start, ">#\r");

    while (n && lines_space(start[n - 1])) {
        n--;
    }
    return arena_copy(&m->arena, start, n);
}

static const char *limit_word(struct work *k, const char *word, unsigned column)
{
    static const char *const usual[][2] = {
        {"GET", "RETR"},      {"PUT", "STOR"},    {"UPLOAD", "STOR"},
        {"DOWNLOAD", "RETR"}, {"DELETE", "DELE"}, {"LS", "LIST"},
        {"DIR", "LIST"},      {"CD", "CWD"},      {"MKDIR", "MKD"},
        {"RMDIR", "RMD"},     {"RENAME", "RNFR"}, {"CHMOD", "SITE_CHMOD"},
        {"ALLL", "ALL"},      {"AL", "ALL"},      {"ANY", "ALL"}};

    if (strcasecmp(word, "LOGIN") == 0) {
        tell(k, FTPACCESS_LIMIT_LOGIN, FTPACCESS_WARNING, column, word, false);
        return word;
    }
    if (ftpaccess_limit_word(word)) {
        return word;
    }
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++) {
        if (strcasecmp(word, usual[i][0]) == 0) {
            tell(k, FTPACCESS_LIMIT_WORD, FTPACCESS_ERROR, column, word, true);
            return usual[i][1];
        }
    }
    tell(k, FTPACCESS_LIMIT_WORD, FTPACCESS_WARNING, column, word, false);
    return word;
}

static char *limit_line(struct work *k, const char *text, unsigned column)
{
    char *line = NULL, *rest = mend_format(k->m, "%s", text), *word;

    while (rest && (word = strsep(&rest, " \t,")) != NULL) {
        if (*word && !line) {
            line = mend_format(k->m, "<Limit");
        }
        else if (*word && line) {
            line =
                mend_format(k->m, "%s %s", line, limit_word(k, word, column));
        }
    }
    return line;
}

/* true: the line is a section's, mended in *out. */
static bool is_section(struct work *k, const char *line, char **out)
{
    char *text = inside(k->m, line);
    unsigned column = (unsigned)strspn(line, " \t") + 1;
    const char *first = line + column - 1;
    size_t n = text ? strcspn(text, " \t") : 0;
    char *name = text ? arena_copy(&k->m->arena, text, n) : NULL;
    bool opens, closes, whole;

    if (!name || (*first != '<' && !strchr(first, '>'))) {
        return false;
    }
    opens = distance(name, "Limit") <= 1 && text[n];
    closes = distance(name, "/Limit") <= 1 && name[0] == '/' && !text[n];
    closes = closes || (*first == '<' && strcasecmp(text, "/ Limit") == 0);
    if (!opens && !closes) {
        return false;
    }
    whole = *first == '<' && !lines_space(first[1]) && strchr(first, '>')
            && strcasecmp(name, opens ? "Limit" : "/Limit") == 0;
    if (!whole) {
        tell(k, FTPACCESS_BRACKETS, FTPACCESS_ERROR, column, first, true);
    }
    *out = closes ? mend_format(k->m, "</Limit>") : limit_line(k, text, column);
    if (*out && opens) {
        *out = mend_format(k->m, "%s>", *out);
    }
    if (*out) {
        *out = mend_format(k->m, "%s%s%s%s", k->words.indent, *out,
                           *k->words.rest ? " " : "", k->words.rest);
    }
    return true;
}

/* --- Allow and Deny ------------------------------------------------------ */

static bool only(const char *s, const char *accept)
{
    return *s && s[strspn(s, accept)] == '\0';
}

static bool not_ascii(const char *s)
{
    for (; *s; s++) {
        if ((unsigned char)*s >= 0x80) {
            return true;
        }
    }
    return false;
}

/* 255.255.255.0 as 24; -1 for what is no mask. */
static int mask_bits(const char *s)
{
    struct in_addr a;
    uint32_t mask;
    int bits = 0;

    if (inet_pton(AF_INET, s, &a) != 1) {
        return -1;
    }
    mask = ntohl(a.s_addr);
    while (bits < 32 && mask >> 31) {
        mask <<= 1;
        bits++;
    }
    return mask ? -1 : bits;
}

static const char *mend_mask(struct work *k, const char *s, unsigned column)
{
    const char *slash = strchr(s, '/');
    int bits = mask_bits(slash + 1);

    if (slash[1] == '\0') {
        tell(k, FTPACCESS_NO_MASK, FTPACCESS_ERROR, column, s, true);
        return arena_copy(&k->m->arena, s, (size_t)(slash - s));
    }
    if (bits >= 0) {
        tell(k, FTPACCESS_NETMASK, FTPACCESS_ERROR, column, s, true);
        return mend_format(k->m, "%.*s/%d", (int)(slash - s), s, bits);
    }
    tell(k, FTPACCESS_BAD_ADDRESS, FTPACCESS_ERROR, column, s, false);
    return s;
}

static unsigned dots(const char *s)
{
    unsigned n = 0;

    for (; *s; s++) {
        n += *s == '.';
    }
    return n;
}

/* One address or name, as it should be. */
static const char *mend_host(struct work *k, const char *s, unsigned column)
{
    struct ftpaccess_acl acl;

    if (not_ascii(s)) {
        tell(k, FTPACCESS_PLACEHOLDER, FTPACCESS_ERROR, column, s, false);
        return s;
    }
    if (*s == '!') {
        tell(k, FTPACCESS_NEGATION, FTPACCESS_ERROR, column, s, false);
        return s;
    }
    if (strchr(s, '/') && !ftpaccess_acl_read(s, &acl, NULL, NULL)) {
        return mend_mask(k, s, column);
    }
    if (strchr(s, '/') && s[strlen(s) - 1] == '/') {
        return mend_mask(k, s, column);
    }
    if (only(s, "0123456789.") && s[strlen(s) - 1] != '.' && dots(s) < 3
        && *s != '.') {
        tell(k, FTPACCESS_SHORT_ADDRESS, FTPACCESS_ERROR, column, s,
             dots(s) > 0);
        return dots(s) > 0 ? mend_format(k->m, "%s.", s) : s;
    }
    if (!ftpaccess_acl_read(s, &acl, NULL, NULL)
        || (acl.kind == FTPACCESS_ACL_NAME
            && strpbrk(s, ":;()=@'\"") != NULL)) {
        tell(k, FTPACCESS_BAD_ADDRESS, FTPACCESS_ERROR, column, s, false);
        return s;
    }
    if (acl.kind == FTPACCESS_ACL_NAME && !strchr(s, '.')) {
        tell(k, FTPACCESS_BARE_DOMAIN, FTPACCESS_ERROR, column, s, true);
        return mend_format(k->m, ".%s", s);
    }
    if (acl.kind == FTPACCESS_ACL_NAME) {
        tell(k, FTPACCESS_WHOLE_NAME, FTPACCESS_NOTE, column, s, false);
    }
    if ((acl.kind == FTPACCESS_ACL_NAME || acl.kind == FTPACCESS_ACL_NAME_GLOB)
        && !k->m->reverse_dns) {
        tell(k, FTPACCESS_NAMES_OFF, FTPACCESS_ERROR, column, s, false);
    }
    return s;
}

static bool is_any(const char *s)
{
    return strcasecmp(s, "all") == 0 || strcasecmp(s, "none") == 0;
}

/* The manual writes { X }: customers leave the braces in. */
static const char *without_braces(struct work *k, const char *s,
                                  unsigned column)
{
    size_t n = strlen(s);
    bool first = *s == '{', last = n && s[n - 1] == '}';

    if (!first && !last) {
        return s;
    }
    tell(k, FTPACCESS_BRACES, FTPACCESS_WARNING, column, s, true);
    return arena_copy(&k->m->arena, s + first, n - first - (last && n > first));
}

struct text {
    char at[4 * MEND_LINE_MAX];
    size_t len;
};

static void append(struct text *t, const char *s)
{
    size_t n = strlen(s);

    if (n < sizeof t->at - t->len) {
        memcpy(t->at + t->len, s, n + 1);
        t->len += n;
    }
}

/* Commas within a word are kept; "all" beside another word goes, or is all
 * that is left of a Deny line. */
static void mend_host_word(struct work *k, size_t i, size_t first, bool deny)
{
    char *rest =
             arena_copy(&k->m->arena, k->words.at[i], strlen(k->words.at[i])),
         *part;
    unsigned column = k->words.column[i];
    struct text out = {.len = 0};

    while (rest && (part = strsep(&rest, ",")) != NULL) {
        const char *host = without_braces(k, part, column);

        if (is_any(host) && (i > first || out.len || rest)) {
            tell(k, FTPACCESS_ALL_LATE, FTPACCESS_ERROR, column, host, true);
            if (deny) {
                k->words.count = first + 1;
                k->words.at[first] = "all";
                return;
            }
            host = "";
        }
        else if (*host && !is_any(host)) {
            host = mend_host(k, host, column);
        }
        append(&out, out.len && *host && out.at[out.len - 1] != ',' ? "," : "");
        append(&out, host);
        append(&out, rest && !*rest && *host ? "," : "");
        column += (unsigned)strlen(part) + 1;
    }
    k->words.at[i] = arena_copy(&k->m->arena, out.at, out.len);
}

static void mend_hosts(struct work *k, bool deny)
{
    struct words *w = &k->words;
    size_t first = 1;

    if (w->count > 1 && strcasecmp(w->at[1], "from") != 0
        && distance(w->at[1], "from") <= 2 && !strchr(w->at[1], '.')
        && w->count > 2) {
        tell(k, FTPACCESS_MISSPELT, FTPACCESS_ERROR, w->column[1], w->at[1],
             true);
        w->at[1] = "from";
    }
    if (w->count > 1 && strcasecmp(w->at[1], "from") == 0) {
        first = 2;
    }
    for (size_t i = first; i < w->count; i++) {
        size_t count = w->count;

        mend_host_word(k, i, first, deny);
        if (w->count != count) {
            return;
        }
        if (!w->at[i]) {
            return; /* no memory: the caller sees it */
        }
        if (!*w->at[i]) {
            drop(w, i--);
        }
    }
}

/* --- names and Order ----------------------------------------------------- */

static void mend_order(struct work *k)
{
    struct words *w = &k->words;
    char *order = mend_format(k->m, "%s", "");
    const char *meant;

    for (size_t i = 1; i < w->count && order; i++) {
        order = mend_format(k->m, "%s%s", order, w->at[i]);
    }
    if (!order || strcasecmp(order, "allow,deny") == 0
        || strcasecmp(order, "deny,allow") == 0) {
        return;
    }
    meant = distance(order, "Allow,Deny") <= 3   ? "Allow,Deny"
            : distance(order, "Deny,Allow") <= 3 ? "Deny,Allow"
                                                 : NULL;
    tell(k, FTPACCESS_ARGUMENTS, FTPACCESS_ERROR,
         w->count > 1 ? w->column[1] : 1, order, meant != NULL);
    if (meant) {
        w->count = 2;
        w->at[1] = meant;
    }
}

static void mend_directive(struct work *k)
{
    static const char *const usual[] = {
        "Allow",     "Deny",       "Order",     "AllowAll",
        "DenyAll",   "AllowUser",  "DenyUser",  "AllowGroup",
        "DenyGroup", "AllowClass", "DenyClass", "IgnoreHidden"};
    struct words *w = &k->words;
    const char *meant;
    bool allowed;

    if (!ftpaccess_known(w->at[0], &allowed)) {
        meant = nearest(w->at[0], usual, sizeof usual / sizeof *usual);
        tell(k, meant ? FTPACCESS_MISSPELT : FTPACCESS_UNKNOWN, FTPACCESS_ERROR,
             w->column[0], w->at[0], meant != NULL);
        if (!meant) {
            return;
        }
        w->at[0] = meant;
    }
    else if (!allowed) {
        tell(k, FTPACCESS_REFUSED_HERE, FTPACCESS_WARNING, w->column[0],
             w->at[0], false);
    }
    if (strcasecmp(w->at[0], "Allow") == 0
        || strcasecmp(w->at[0], "Deny") == 0) {
        mend_hosts(k, strcasecmp(w->at[0], "Deny") == 0);
    }
    else if (strcasecmp(w->at[0], "Order") == 0) {
        mend_order(k);
    }
}

void mend_words(struct mend *m, struct mend_line *line)
{
    struct work k = {.m = m};
    char *section = NULL, *mended = NULL;
    bool changed = false;

    cut(m, line->text, &k.words);
    if (k.words.count == 0 || m->arena.failed
        || (k.words.count == WORDS && *k.words.rest)) {
        return;
    }
    if (is_section(&k, line->text, &section)) {
        mended = section;
    }
    else {
        mend_directive(&k);
        mended = paste(m, &k.words);
    }
    for (size_t i = 0; i < k.count; i++) {
        changed = changed || k.pending[i].mended;
    }
    for (size_t i = 0; i < k.count; i++) {
        struct ftpaccess_pos pos = {line->number, k.pending[i].column};

        mend_found(m, k.pending[i].kind, k.pending[i].severity, pos,
                   k.pending[i].word, k.pending[i].mended ? mended : NULL);
    }
    if (changed && mended) {
        line->text = mended;
    }
}
