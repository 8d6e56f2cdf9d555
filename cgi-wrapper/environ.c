/* Two lists, one of whole names and one of beginnings; everything else stays
 * outside. */
#include "environ.h"

#include <stdio.h>
#include <string.h>

/* RFC 3875 4.1; httpd's ap_add_common_vars() and ap_add_cgi_vars();
 * mod_include's; mod_rewrite's; mod_http2's; mod_unique_id's. */
static const char *const names[] = {
    "AUTH_TYPE", "CONTENT_LENGTH", "CONTENT_TYPE", "CONTEXT_DOCUMENT_ROOT",
    "CONTEXT_PREFIX", "DATE_GMT", "DATE_LOCAL", "DOCUMENT_ARGS",
    "DOCUMENT_NAME", "DOCUMENT_PATH_INFO", "DOCUMENT_ROOT", "DOCUMENT_URI",
    "GATEWAY_INTERFACE", "H2PUSH", "H2_PUSH", "H2_PUSHED", "H2_PUSHED_ON",
    "H2_STREAM_ID", "H2_STREAM_TAG", "HTTP2", "HTTPS", "LAST_MODIFIED",
    "PATH_INFO", "PATH_TRANSLATED", "QUERY_STRING", "QUERY_STRING_UNESCAPED",
    "REMOTE_ADDR", "REMOTE_HOST", "REMOTE_IDENT", "REMOTE_PORT", "REMOTE_USER",
    "REQUEST_METHOD", "REQUEST_SCHEME", "REQUEST_URI", "SCRIPT_FILENAME",
    "SCRIPT_NAME", "SCRIPT_URI", "SCRIPT_URL", "SERVER_ADDR", "SERVER_ADMIN",
    "SERVER_NAME", "SERVER_PORT", "SERVER_PROTOCOL", "SERVER_SIGNATURE",
    "SERVER_SOFTWARE", "TZ", "UNIQUE_ID", "USER_NAME",
};

static const char *const beginnings[] = {"HTTP_", "REDIRECT_", "SSL_"};

/* Nobody's but ours. HTTP_PROXY is what the header Proxy would become, and what
 * many programs take for the proxy to use (httpoxy). OpenSSL reads whom to trust
 * from the last two, which mod_ssl has no use for. */
static const char *const never[] = {"HTTP_PROXY", "HOME", "USER", "LOGNAME",
                                    "SSL_CERT_FILE", "SSL_CERT_DIR"};

/* What a build is made of. */
struct build {
    char **envp;
    size_t max, count; /* max: without the NULL */
    char *own;         /* what is left of it */
    size_t own_left;
    size_t bytes;
    struct cgiw_facts *facts;
};

static int refuse(struct cgiw_facts *f, enum cgiw_detail detail)
{
    f->code = CGIW_E25;
    f->detail = detail;
    return CGIW_E25;
}

static bool is_name(const char *s, size_t len)
{
    if (len == 0 || (s[0] >= '0' && s[0] <= '9')) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (!((s[i] >= 'A' && s[i] <= 'Z') || (s[i] >= 'a' && s[i] <= 'z')
              || (s[i] >= '0' && s[i] <= '9') || s[i] == '_')) {
            return false;
        }
    }
    return true;
}

static bool same(const char *s, size_t len, const char *name)
{
    /* Most differ in their first letter, and there are many of them. */
    return len > 0 && *s == *name && strncmp(s, name, len) == 0
           && name[len] == '\0';
}

static bool has(const char *const *list, size_t count, const char *s,
                size_t len)
{
    for (size_t i = 0; i < count; i++) {
        if (same(s, len, list[i])) {
            return true;
        }
    }
    return false;
}

static bool is_passed(const struct cgiw_word *w, const char *s, size_t len)
{
    for (; w; w = w->next) {
        if (same(s, len, w->from)) {
            return true;
        }
    }
    return false;
}

bool cgiw_environ_allows(const char *name, size_t len,
                         const struct cgiw_environ_rules *rules)
{
    if (!is_name(name, len)
        || has(never, sizeof never / sizeof *never, name, len)) {
        return false;
    }
    for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++) {
        size_t n = strlen(beginnings[i]);

        if (len > n && memcmp(name, beginnings[i], n) == 0) {
            return true;
        }
    }
    return has(names, sizeof names / sizeof *names, name, len)
           || is_passed(rules->site_passenv, name, len)
           || is_passed(rules->passenv, name, len);
}

/* NAME= of len bytes, the = included. */
static bool is_set(const struct build *b, const char *name, size_t len)
{
    for (size_t i = 0; i < b->count; i++) {
        if (*b->envp[i] == *name && strncmp(b->envp[i], name, len) == 0) {
            return true;
        }
    }
    return false;
}

static int add(struct build *b, char *variable, size_t len)
{
    if (len > CGIW_ENVIRON_VALUE_MAX) {
        size_t n = strcspn(variable, "=");

        (void)snprintf(b->facts->what, sizeof b->facts->what, "%.*s",
                       (int)(n < 255 ? n : 255), variable);
        b->facts->used = len;
        b->facts->limit = CGIW_ENVIRON_VALUE_MAX;
        return refuse(b->facts, CGIW_ENV_VALUE);
    }
    if (b->count == b->max) {
        b->facts->used = 0;
        b->facts->limit = b->max;
        return refuse(b->facts, CGIW_ENV_COUNT);
    }
    b->envp[b->count++] = variable;
    b->bytes += len + 1;
    return 0;
}

static int add_own(struct build *b, const char *name, const char *value)
{
    char *variable = b->own;
    size_t name_len, value_len;

    if (!value) {
        return 0;
    }
    name_len = strlen(name);
    value_len = strlen(value);
    if (name_len + 1 >= b->own_left
        || value_len >= b->own_left - name_len - 1) {
        return refuse(b->facts, CGIW_ENV_BROKEN);
    }
    memcpy(variable, name, name_len);
    variable[name_len] = '=';
    memcpy(variable + name_len + 1, value, value_len + 1);
    if (is_set(b, variable, name_len + 1)) {
        return 0;
    }
    b->own += name_len + value_len + 2;
    b->own_left -= name_len + value_len + 2;
    return add(b, variable, name_len + value_len + 1);
}

static int add_words(struct build *b, const struct cgiw_word *w)
{
    int rc = 0;

    for (; w && !rc; w = w->next) {
        rc = add_own(b, w->from, w->to);
    }
    return rc;
}

/* What nothing in the block can replace. */
static int add_fixed(struct build *b, const struct cgiw_environ_rules *r)
{
    int rc = add_own(b, "HOME", r->home);

    rc = rc ? rc : add_own(b, "USER", r->user);
    rc = rc ? rc : add_own(b, "LOGNAME", r->user);
    rc = rc ? rc : add_own(b, "SCRIPT_FILENAME", r->script_filename);
    rc = rc ? rc : add_words(b, r->site_setenv);
    rc = rc ? rc : add_words(b, r->setenv);
    return rc;
}

/* What is ours where the block had none. httpd's own PATH and LANG are not for
 * scripts unless the operator passes them. */
static int add_defaults(struct build *b, const struct cgiw_environ_rules *r)
{
    int rc = add_own(b, "PATH", r->path);

    rc = rc ? rc : add_own(b, "LANG", r->lang);
    if (rc == 0 && r->unsafe_inc) {
        rc = add_own(b, "PERL_USE_UNSAFE_INC", "1");
    }
    if (rc == 0 && r->script_filename) {
        rc = add_own(b, "REDIRECT_STATUS", "200");
    }
    return rc;
}

static int add_block(struct build *b, char *block, size_t len,
                     const struct cgiw_environ_rules *rules)
{
    for (size_t i = 0; i < len;) {
        char *variable = block + i;
        char *end = memchr(variable, '\0', len - i);
        char *value;
        int rc;

        if (!end) {
            return refuse(b->facts, CGIW_ENV_BROKEN);
        }
        i += (size_t)(end - variable) + 1;
        value = memchr(variable, '=', (size_t)(end - variable));
        if (!value) {
            return refuse(b->facts, CGIW_ENV_BROKEN);
        }
        if (!cgiw_environ_allows(variable, (size_t)(value - variable), rules)
            || is_set(b, variable, (size_t)(value - variable) + 1)) {
            continue;
        }
        rc = add(b, variable, (size_t)(end - variable));
        if (rc) {
            return rc;
        }
    }
    return 0;
}

int cgiw_environ_build(char *block, size_t len,
                       const struct cgiw_environ_rules *rules, char *own,
                       size_t own_size, char **envp, size_t max, size_t *count,
                       struct cgiw_facts *facts)
{
    struct build b = {.envp = envp, .max = max - 1, .own = own,
                      .own_left = own_size, .facts = facts};
    int rc = add_fixed(&b, rules);

    rc = rc ? rc : add_block(&b, block, len, rules);
    rc = rc ? rc : add_defaults(&b, rules);
    if (rc == 0 && b.bytes > CGIW_ENVIRON_BYTES_MAX) {
        facts->used = b.bytes;
        facts->limit = CGIW_ENVIRON_BYTES_MAX;
        rc = refuse(facts, CGIW_PLAIN);
    }
    if (rc) {
        return rc;
    }
    envp[b.count] = NULL;
    *count = b.count;
    return 0;
}
