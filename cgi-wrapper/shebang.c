/* The first line is cut into interpreter and words as Linux does it; then the
 * words are looked at with an eye for what customers upload. Nothing here opens
 * a file. */
#include "shebang.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A piece of the head. */
struct span {
    const char *at;
    size_t len;
};

static int refuse(struct cgiw_facts *f, enum cgiw_code code,
                  enum cgiw_detail detail)
{
    f->code = code;
    f->detail = detail;
    return (int)code;
}

static void say(char *out, size_t size, const char *s, size_t len)
{
    len = len < size ? len : size - 1;
    memcpy(out, s, len);
    out[len] = '\0';
}

static bool begins(const char *s, size_t len, const char *with)
{
    size_t n = strlen(with);

    return len >= n && memcmp(s, with, n) == 0;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* Is this program that one, or a version of it: perl, perl5.36, php-cgi8.2? */
static bool is_program(const char *path, const char *name)
{
    const char *base = base_name(path);
    size_t n = strlen(name);

    return strncmp(base, name, n) == 0
           && base[n + strspn(base + n, "0123456789.")] == '\0';
}

/* --- the file ------------------------------------------------------------- */

/* "<?php", upper or lower case, with a blank or the end behind it. */
static bool is_php(const char *s, size_t len)
{
    return len >= 5 && strncasecmp(s, "<?php", 5) == 0
           && (len == 5 || memchr(" \t\r\n", s[5], 4));
}

/* Programs that another system would run, and archives of them. */
static bool is_foreign(const char *s, size_t len)
{
    static const char *const magic[] = {
        "MZ",           /* Windows */
        "\xfe\xed\xfa", /* Mach-O */
        "\xcf\xfa\xed\xfe",
        "\xce\xfa\xed\xfe",
        "\xca\xfe\xba\xbe",
        "PK\x03\x04", /* zip */
        "\x1f\x8b",   /* gzip */
    };

    for (size_t i = 0; i < sizeof magic / sizeof *magic; i++) {
        if (begins(s, len, magic[i])) {
            return true;
        }
    }
    return false;
}

/* The number of the line that begins with #! (blanks before it do not count),
 * 0 when none of the head does. */
static unsigned line_of_shebang(const char *s, size_t len)
{
    unsigned line = 1;

    for (size_t i = 0; i < len; line++) {
        const char *end = memchr(s + i, '\n', len - i);
        size_t blanks = 0;

        while (i + blanks < len && memchr(" \t\r", s[i + blanks], 3)) {
            blanks++;
        }
        if (begins(s + i + blanks, len - i - blanks, "#!")) {
            return line;
        }
        i = end ? (size_t)(end - s) + 1 : len;
    }
    return 0;
}

static int no_shebang(const char *s, size_t len, struct cgiw_facts *f)
{
    f->limit = line_of_shebang(s, len);
    if (f->limit) {
        return refuse(f, CGIW_E08, CGIW_LATER);
    }
    return refuse(f, CGIW_E08, is_foreign(s, len) ? CGIW_FOREIGN : CGIW_PLAIN);
}

/* What stands behind #!, without blanks at its ends and without the CR of a
 * CRLF; *cr: there was one. */
static int first_line(const char *s, size_t len, struct span *line, bool *cr,
                      struct cgiw_facts *f)
{
    const char *end = memchr(s, '\n', len);
    size_t n = end ? (size_t)(end - s) : len;
    size_t i = 2;

    *cr = false;
    while (end && n > 2 && s[n - 1] == '\r') {
        *cr = true;
        n--;
    }
    if (memchr(s, '\r', n)) {
        return refuse(f, CGIW_E05, CGIW_PLAIN);
    }
    if (memchr(s, '\0', n)) {
        return refuse(f, CGIW_E08, CGIW_FOREIGN);
    }
    if (n - 2 > CGIW_SHEBANG_LINE_MAX) {
        f->limit = CGIW_SHEBANG_LINE_MAX;
        return refuse(f, CGIW_E06, CGIW_TOO_LONG);
    }
    while (i < n && (s[i] == ' ' || s[i] == '\t')) {
        i++;
    }
    while (n > i && (s[n - 1] == ' ' || s[n - 1] == '\t')) {
        n--;
    }
    *line = (struct span){s + i, n - i};
    return 0;
}

/* --- interpreters --------------------------------------------------------- */

enum cgiw_probed cgiw_probe(void *ctx, const char *path)
{
    struct stat st;

    (void)ctx;
    if (stat(path, &st) != 0) {
        return errno == EACCES ? CGIW_PROBE_DENIED : CGIW_PROBE_MISSING;
    }
    return S_ISREG(st.st_mode)
                   && faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0
               ? CGIW_PROBE_RUNS
               : CGIW_PROBE_DENIED;
}

static bool runs(const struct cgiw_shebang_rules *rules, const char *path)
{
    return rules->probe(rules->probe_ctx, path) == CGIW_PROBE_RUNS;
}

/* The first program of that name in PATH; nothing that is not absolute. */
static bool find_in_path(const struct cgiw_shebang_rules *rules,
                         const char *name, char *out, size_t size)
{
    const char *p = rules->path ? rules->path : "";

    while (*p) {
        size_t len = strcspn(p, ":");
        int n = snprintf(out, size, "%.*s/%s", (int)len, p, name);

        if (*p == '/' && n > 0 && (size_t)n < size && runs(rules, out)) {
            return true;
        }
        p += len + (p[len] == ':');
    }
    return false;
}

/* Something that is there and does what the missing one would have: of the
 * same name in the usual places, without its version, or with the one that
 * Debian gives it. */
static void find_nearest(const struct cgiw_shebang_rules *rules,
                         const char *path, char *out, size_t size)
{
    static const char *const dirs[] = {"/usr/bin", "/usr/local/bin", "/bin"};
    const char *base = base_name(path);
    size_t plain = strcspn(base, "0123456789.-");
    int n = (int)strlen(base);

    out[0] = '\0';
    for (int way = 0; way < 3 && plain; way++) {
        const char *tail = way == 2 ? "3" : "";

        for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++) {
            int made = snprintf(out, size, "%s/%.*s%s", dirs[i],
                                way ? (int)plain : n, base, tail);

            if (made > 0 && (size_t)made < size && runs(rules, out)) {
                return;
            }
        }
    }
    out[0] = '\0';
}

static const char *find_word(const struct cgiw_word *w, const char *from)
{
    for (; w; w = w->next) {
        if (w->to && strcmp(w->from, from) == 0) {
            return w->to;
        }
    }
    return NULL;
}

/* php's program for the command line prints no header: its CGI twin does. One
 * of the customer's own that has no twin is left to him. */
static bool find_php_cgi(const struct cgiw_shebang_rules *rules,
                         const char *path, char *out, size_t size)
{
    const char *base = base_name(path);
    int n = snprintf(out, size, "%.*sphp-cgi%s", (int)(base - path), path,
                     base + strlen("php"));

    if (n > 0 && (size_t)n < size && runs(rules, out)) {
        return true;
    }
    if (strncmp(path, "/usr/", 5) != 0 && strncmp(path, "/bin/", 5) != 0
        && runs(rules, path)) {
        return false;
    }
    (void)snprintf(out, size, "/usr/bin/php-cgi");
    return runs(rules, out);
}

/* What the operator says, or php's twin. */
static void replace(struct cgiw_shebang *s,
                    const struct cgiw_shebang_rules *rules)
{
    const char *to = find_word(rules->site_interpreters, s->interpreter);
    char found[sizeof s->interpreter];

    if (!to) {
        to = find_word(rules->interpreters, s->interpreter);
    }
    if (to && strlen(to) < sizeof s->interpreter) {
        memcpy(s->interpreter, to, strlen(to) + 1);
    }
    else if (is_program(s->interpreter, "php")
             && find_php_cgi(rules, s->interpreter, found, sizeof found)) {
        memcpy(s->interpreter, found, sizeof found);
    }
    s->runs = is_program(s->interpreter, "php-cgi") ? CGIW_RUNS_BY_PHP_CGI
                                                    : CGIW_RUNS_BY_PATH;
}

/* --- #!/usr/bin/env ------------------------------------------------------- */

/* The words of env -S, where they are nothing but words: then they are run
 * without env, and PHP gets its twin. 0 when env itself must see to them. */
static size_t split_words(const struct span *rest, char *out, size_t size)
{
    size_t count = 0, n = 0;

    if (rest->len == 0 || rest->len + 2 > size || rest->at[0] == '-') {
        return 0;
    }
    for (size_t i = 0; i < rest->len; i++) {
        char c = rest->at[i];

        if (strchr("\\\"'$#=", c)) {
            return 0;
        }
        if (c != ' ' && c != '\t') {
            out[n++] = c;
        }
        else if (n && out[n - 1]) {
            out[n++] = '\0';
            count++;
        }
    }
    out[n++] = '\0';
    out[n] = '\0';
    return count + 1;
}

/* Options of env's that end in S: what follows is split. */
static bool has_split_option(const struct span *arg)
{
    for (size_t i = 1; i < arg->len && arg->at[i] != ' '; i++) {
        if (arg->at[i] == 'S') {
            return arg->at[0] == '-' && arg->at[1] != '-';
        }
    }
    return begins(arg->at, arg->len, "--split-string");
}

/* What to write instead of `env perl -w`: the path of perl, and the rest. */
static int env_refused(const struct cgiw_shebang_rules *rules,
                       const struct span *line, const struct span *arg,
                       struct cgiw_facts *f)
{
    char name[CGIW_SHEBANG_LINE_MAX + 1];
    char path[CGIW_SHEBANG_LINE_MAX + 1];
    size_t n = 0;

    while (n < arg->len && arg->at[n] != ' ' && arg->at[n] != '\t') {
        n++;
    }
    say(name, sizeof name, arg->at, n);
    if (n && name[0] != '-' && !strpbrk(name, "=/")
        && find_in_path(rules, name, path, sizeof path)) {
        (void)snprintf(f->nearest, sizeof f->nearest, "%.200s%.*s", path,
                       (int)(arg->len - n < 50 ? arg->len - n : 50),
                       arg->at + n);
    }
    (void)snprintf(f->what, sizeof f->what, "#!%.*s", (int)line->len, line->at);
    return refuse(f, CGIW_E10, CGIW_PLAIN);
}

/* s->interpreter is env's path; arg what it gets, which may be empty. */
static int look_for_env(const struct span *line, const struct span *arg,
                        const struct cgiw_shebang_rules *rules,
                        struct cgiw_shebang *s, struct cgiw_facts *f)
{
    char words[sizeof s->words] = "";
    struct span rest = *arg;

    if (arg->len == 0) {
        return refuse(f, CGIW_E06, CGIW_NONE_NAMED);
    }
    if (begins(arg->at, arg->len, "-S")) {
        rest = (struct span){arg->at + 2, arg->len - 2};
        while (rest.len && (*rest.at == ' ' || *rest.at == '\t')) {
            rest.at++;
            rest.len--;
        }
    }
    else if (has_split_option(arg)) {
        return 0; /* more than a name: env sees to it */
    }
    else if (memchr(arg->at, ' ', arg->len) || memchr(arg->at, '\t', arg->len)
             || memchr(arg->at, '=', arg->len) || arg->at[0] == '-') {
        return env_refused(rules, line, arg, f);
    }
    if (!split_words(&rest, words, sizeof words) || strchr(words, '/')) {
        return 0;
    }
    if (!find_in_path(rules, words, s->interpreter, sizeof s->interpreter)) {
        say(f->what, sizeof f->what, words, strlen(words));
        find_nearest(rules, words, f->nearest, sizeof f->nearest);
        return refuse(f, CGIW_E06, CGIW_PLAIN);
    }
    memset(s->words, 0, sizeof s->words);
    memcpy(s->words, words + strlen(words) + 1,
           sizeof words - strlen(words) - 1);
    return 0;
}

/* --- the whole ------------------------------------------------------------ */

static int cut_line(const struct span *line,
                    const struct cgiw_shebang_rules *rules,
                    struct cgiw_shebang *s, struct cgiw_facts *f)
{
    size_t n = 0;
    struct span arg;

    while (n < line->len && line->at[n] != ' ' && line->at[n] != '\t') {
        n++;
    }
    if (n == 0) {
        find_nearest(rules, "perl", f->nearest, sizeof f->nearest);
        return refuse(f, CGIW_E06, CGIW_NONE_NAMED);
    }
    say(s->interpreter, sizeof s->interpreter, line->at, n);
    if (line->at[0] != '/') {
        say(f->what, sizeof f->what, line->at, n);
        find_nearest(rules, s->interpreter, f->nearest, sizeof f->nearest);
        return refuse(f, CGIW_E06, CGIW_RELATIVE);
    }
    while (n < line->len && (line->at[n] == ' ' || line->at[n] == '\t')) {
        n++;
    }
    arg = (struct span){line->at + n, line->len - n};
    say(s->words, sizeof s->words - 1, arg.at, arg.len);
    if (strcmp(base_name(s->interpreter), "env") == 0) {
        int rc = look_for_env(line, &arg, rules, s, f);

        if (rc) {
            return rc;
        }
    }
    replace(s, rules);
    return 0;
}

/* Those that read a line's CR as a blank. */
static bool takes_cr(const struct cgiw_shebang *s)
{
    return is_program(s->interpreter, "perl")
           || is_program(s->interpreter, "python")
           || is_program(s->interpreter, "php-cgi");
}

/* php-cgi would show it as part of the page, a shell looks for a program of
 * that name. */
static bool takes_bom(const struct cgiw_shebang *s)
{
    return is_program(s->interpreter, "perl")
           || is_program(s->interpreter, "python");
}

static void warn(struct cgiw_shebang *s, enum cgiw_code code,
                 struct cgiw_facts *f)
{
    s->warning = code;
    (void)refuse(f, code, CGIW_WARNING);
}

static int php_text(bool bom, const struct cgiw_shebang_rules *rules,
                    struct cgiw_shebang *s, struct cgiw_facts *f)
{
    if (bom && rules->strict) {
        return refuse(f, CGIW_E07, CGIW_PLAIN);
    }
    (void)snprintf(s->interpreter, sizeof s->interpreter, "/usr/bin/php");
    replace(s, rules);
    if (bom) {
        warn(s, CGIW_E07, f);
    }
    return 0;
}

static int script(const char *head, size_t len, bool bom,
                  const struct cgiw_shebang_rules *rules,
                  struct cgiw_shebang *s, struct cgiw_facts *f)
{
    struct span line;
    bool cr;
    int rc = first_line(head, len, &line, &cr, f);

    if (rc == 0) {
        rc = cut_line(&line, rules, s, f);
    }
    if (rc) {
        return rc;
    }
    if (cr && (rules->strict || !takes_cr(s))) {
        say(f->what, sizeof f->what, s->interpreter, strlen(s->interpreter));
        return refuse(f, CGIW_E04, CGIW_PLAIN);
    }
    if (bom && (rules->strict || !takes_bom(s))) {
        return refuse(f, CGIW_E07, CGIW_PLAIN);
    }
    if (cr || bom) {
        warn(s, cr ? CGIW_E04 : CGIW_E07, f);
    }
    return 0;
}

int cgiw_shebang_parse(const char *head, size_t len,
                       const struct cgiw_shebang_rules *rules,
                       struct cgiw_shebang *out, struct cgiw_facts *facts)
{
    bool bom = begins(head, len, "\xef\xbb\xbf");

    memset(out, 0, sizeof *out);
    if (len == 0) {
        return refuse(facts, CGIW_E09, CGIW_PLAIN);
    }
    if (begins(head, len, "\xff\xfe") || begins(head, len, "\xfe\xff")) {
        return refuse(facts, CGIW_E07, CGIW_UTF16);
    }
    if (begins(head, len, "\177ELF")) {
        out->runs = CGIW_RUNS_ITSELF;
        return 0;
    }
    if (bom) {
        head += 3;
        len -= 3;
    }
    if (is_php(head, len)) {
        return php_text(bom, rules, out, facts);
    }
    if (begins(head, len, "#!")) {
        return script(head, len, bom, rules, out, facts);
    }
    return len ? no_shebang(head, len, facts)
               : refuse(facts, CGIW_E09, CGIW_PLAIN);
}

size_t cgiw_shebang_argv(const struct cgiw_shebang *s, const char *path,
                         const char *argv[CGIW_ARGV_MAX])
{
    size_t n = 0;

    if (s->runs != CGIW_RUNS_ITSELF) {
        argv[n++] = s->interpreter;
        for (const char *w = s->words; *w && n < CGIW_ARGV_MAX - 2;
             w += strlen(w) + 1) {
            argv[n++] = w;
        }
    }
    if (s->runs != CGIW_RUNS_BY_PHP_CGI) {
        argv[n++] = path;
    }
    argv[n] = NULL;
    return n;
}

/* --- afterwards ----------------------------------------------------------- */

static int interpreter_failed(const struct cgiw_shebang *s, int error,
                              const struct cgiw_shebang_rules *rules,
                              struct cgiw_facts *f)
{
    enum cgiw_probed p = rules->probe(rules->probe_ctx, s->interpreter);

    say(f->what, sizeof f->what, s->interpreter, strlen(s->interpreter));
    find_nearest(rules, s->interpreter, f->nearest, sizeof f->nearest);
    if (strcmp(f->nearest, s->interpreter) == 0) {
        f->nearest[0] = '\0';
    }
    if (p == CGIW_PROBE_MISSING) {
        return refuse(f, CGIW_E06, CGIW_PLAIN);
    }
    return refuse(f, CGIW_E06,
                  error == ENOENT || error == ELOOP ? CGIW_NO_LOADER
                                                    : CGIW_NO_PROGRAM);
}

int cgiw_shebang_failed(const struct cgiw_shebang *s, int error,
                        const struct cgiw_shebang_rules *rules,
                        struct cgiw_facts *facts)
{
    bool itself = s->runs == CGIW_RUNS_ITSELF;

    switch (error) {
    case ENOEXEC:
    case EINVAL:
    case ELIBBAD:
    case ENOENT:
    case ENOTDIR:
    case EACCES:
    case EPERM:
    case EISDIR:
    case ELOOP:
        if (!itself) {
            return interpreter_failed(s, error, rules, facts);
        }
        if (error != EACCES && error != EPERM) {
            return refuse(facts, CGIW_E08, CGIW_FOREIGN);
        }
        break;
    case ETXTBSY:
        return refuse(facts, CGIW_E22, CGIW_BUSY);
    case E2BIG:
        return refuse(facts, CGIW_E25, CGIW_PLAIN);
    default:
        break;
    }
    say(facts->what, sizeof facts->what, strerror(error),
        strlen(strerror(error)));
    return refuse(facts, CGIW_E22, CGIW_PLAIN);
}
