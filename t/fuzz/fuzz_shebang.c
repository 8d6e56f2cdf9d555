/* A script's first bytes: whatever they are, what is run is an absolute path
 * with words of the line, or the owner gets one clean line of text. */
#include "fuzz.h"
#include "shebang.h"

#include <string.h>

static enum cgiw_probed probe(void *ctx, const char *path)
{
    (void)ctx;
    MUST(path[0] == '/');
    return strlen(path) % 3 ? CGIW_PROBE_RUNS : CGIW_PROBE_MISSING;
}

static const struct cgiw_word words[] = {
    {"/usr/local/bin/php", "/usr/bin/php-cgi", NULL},
};

static void check_text(enum cgiw_code code, const struct cgiw_facts *f)
{
    char out[CGIW_EXPLAIN_MAX];
    size_t len = cgiw_explain(code, f, out, sizeof out);

    MUST(len == strlen(out) && len < sizeof out && out[0] == 'E');
    for (const unsigned char *p = (const unsigned char *)out; *p; p++) {
        MUST(*p >= ' ' && *p != 0x7f);
    }
}

static void check_argv(const struct cgiw_shebang *s, const char *head)
{
    const char *argv[CGIW_ARGV_MAX];
    size_t n = cgiw_shebang_argv(s, "/script", argv);

    MUST(n > 0 && n < CGIW_ARGV_MAX && !argv[n]);
    for (size_t i = 0; i < n; i++) {
        MUST(argv[i][0] && !strpbrk(argv[i], "\r\n"));
    }
    if (s->runs == CGIW_RUNS_ITSELF) {
        MUST(n == 1 && strcmp(argv[0], "/script") == 0);
        return;
    }
    MUST(argv[0][0] == '/');
    for (size_t i = 1; i + (s->runs == CGIW_RUNS_BY_PATH) < n; i++) {
        MUST(strstr(head, argv[i]));
    }
    MUST((s->runs == CGIW_RUNS_BY_PATH)
         == (strcmp(argv[n - 1], "/script") == 0));
}

static void check(const char *data, size_t size, bool strict)
{
    static struct cgiw_facts f;
    const struct cgiw_shebang_rules rules = {.interpreters = words,
                                             .path = "/usr/bin::rel:/bin",
                                             .strict = strict,
                                             .probe = probe};
    struct cgiw_shebang s;
    char *head = calloc(1, size + 1);
    int rc;

    MUST(head);
    memcpy(head, data, size);
    memset(&f, 0, sizeof f);
    rc = cgiw_shebang_parse(data, size, &rules, &s, &f);
    MUST(rc == 0 || (rc >= CGIW_E04 && rc <= CGIW_E10));
    if (rc == 0) {
        MUST(!s.warning || !strict);
        check_argv(&s, head);
        rc = (int)s.warning;
    }
    if (rc) {
        MUST((int)f.code == rc);
        check_text((enum cgiw_code)rc, &f);
    }
    free(head);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size = size < CGIW_SHEBANG_HEAD ? size : CGIW_SHEBANG_HEAD;
    check((const char *)data, size, false);
    check((const char *)data, size, true);
    return 0;
}
