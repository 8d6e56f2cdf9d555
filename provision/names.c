#include "names.h"

#include "err.h"
#include "num.h"

#include <apr_strings.h>
#include <idn2.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *omk_printable(const char *text, size_t len, char out[64])
{
    size_t n = len < 57 ? len : 57;

    for (size_t i = 0; i < n; i++) {
        out[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
    }
    (void)strcpy(out + n, n < len ? "..." : "");
    return out;
}

static bool is_lower_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* Accounts that Debian or a daemon has, names that MariaDB keeps, and words
 * that a path or a command of ours would be mistaken for. */
static const char *const reserved[] = {
    "adm",
    "admin",
    "administrator",
    "apache",
    "apache2",
    "audit",
    "backup",
    "bin",
    "current",
    "daemon",
    "debian",
    "default",
    "dovecot",
    "ftp",
    "games",
    "git",
    "global",
    "gnats",
    "guest",
    "httpd",
    "irc",
    "list",
    "localhost",
    "lp",
    "mail",
    "man",
    "mariadb",
    "mysql",
    "news",
    "nobody",
    "nogroup",
    "omakase",
    "operator",
    "php",
    "phpmyadmin",
    "postfix",
    "postmaster",
    "proftpd",
    "proxy",
    "public",
    "root",
    "shutdown",
    "sshd",
    "staff",
    "sudo",
    "sync",
    "sys",
    "syslog",
    "systemd",
    "test",
    "users",
    "uucp",
    "web",
    "webmaster",
    "www",
    "www-data",
    "information-schema",
    "performance-schema",
};

static bool is_reserved(const char *login, size_t len)
{
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++) {
        if (strlen(reserved[i]) == len && !memcmp(reserved[i], login, len)) {
            return true;
        }
    }
    return len >= 8
           && (!memcmp(login, "systemd-", 8) || !memcmp(login, "omakase-", 8));
}

static bool login_has_form(const char *s, size_t len)
{
    if (s[0] < 'a' || s[0] > 'z' || s[len - 1] == '-') {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (!is_lower_alnum(s[i]) && (s[i] != '-' || s[i - 1] == '-')) {
            return false;
        }
    }
    return true;
}

int omk_login_check(const char *login, size_t len, struct omk_err *err)
{
    char shown[64];

    if (len < 2 || len > OMK_LOGIN_MAX) {
        return omk_fail(err, OMK_ERANGE, "",
                        "login '%s' has %zu bytes; 2 to %d are allowed",
                        omk_printable(login, len, shown), len, OMK_LOGIN_MAX);
    }
    if (!login_has_form(login, len)) {
        return omk_fail(err, OMK_EINVAL, "",
                        "'%s' is no login; expected a letter a to z, then a "
                        "to z, 0 to 9 and single '-'",
                        omk_printable(login, len, shown));
    }
    if (is_reserved(login, len)) {
        return omk_fail(err, OMK_EDENIED, "",
                        "login '%s' is a name that the system uses; choose "
                        "another",
                        omk_printable(login, len, shown));
    }
    return OMK_OK;
}

/* --- domains ------------------------------------------------------------- */

static bool label_has_form(const char *s, size_t len)
{
    if (len == 0 || len > 63 || s[0] == '-' || s[len - 1] == '-') {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (!is_lower_alnum(s[i]) && s[i] != '-') {
            return false;
        }
    }
    return true;
}

/* Every label is one, there are two or more, and the last is no number: an
 * address such as 192.0.2.1 is no domain. */
static bool domain_has_form(const char *s)
{
    const char *label = s;
    unsigned count = 1;

    for (const char *dot; (dot = strchr(label, '.')); label = dot + 1) {
        if (!label_has_form(label, (size_t)(dot - label))) {
            return false;
        }
        count++;
    }
    return count > 1 && label_has_form(label, strlen(label))
           && label[strspn(label, "0123456789")] != '\0';
}

static int not_a_domain(const char *text, size_t len, const char *why,
                        struct omk_err *err)
{
    char shown[64];

    return omk_fail(err, OMK_EINVAL, "", "'%s' is no domain: %s",
                    omk_printable(text, len, shown), why);
}

static int to_ascii(apr_pool_t *p, const char *text, size_t len,
                    const char **out, struct omk_err *err)
{
    char *z = apr_pstrmemdup(p, text, len);
    char *ascii = NULL;
    /* Without IDN2_USE_STD3_ASCII_RULES, which drops a `:` instead of refusing
     * it (libidn2 2.3.3); domain_has_form() refuses what is left. */
    int rc = idn2_to_ascii_8z(z, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);

    if (rc != IDN2_OK) {
        return not_a_domain(text, len, idn2_strerror(rc), err);
    }
    *out = apr_pstrdup(p, ascii);
    idn2_free(ascii);
    return OMK_OK;
}

int omk_mail_domain_parse(apr_pool_t *p, const char *text, size_t len,
                          const char **out, struct omk_err *err)
{
    const char *ascii = NULL;
    int rc;

    /* four bytes of UTF-8 may become less than one of punycode */
    if (len == 0 || len > (size_t)4 * OMK_DOMAIN_MAX) {
        return omk_fail(err, OMK_ERANGE, "",
                        "a domain has 1 to %d bytes; this one has %zu",
                        OMK_DOMAIN_MAX, len);
    }
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] <= ' ' || text[i] == 0x7f) {
            return not_a_domain(text, len,
                                "it holds a blank or a control "
                                "character",
                                err);
        }
    }
    rc = to_ascii(p, text, len, &ascii, err);
    if (rc) {
        return rc;
    }
    if (strlen(ascii) > OMK_DOMAIN_MAX) {
        return omk_fail(err, OMK_ERANGE, "",
                        "a domain has at most %d bytes; this one has %zu",
                        OMK_DOMAIN_MAX, strlen(ascii));
    }
    if (!domain_has_form(ascii)) {
        return not_a_domain(text, len, "expected a name such as example.jp",
                            err);
    }
    *out = ascii;
    return OMK_OK;
}

int omk_domain_parse(apr_pool_t *p, const char *text, size_t len,
                     const char **out, struct omk_err *err)
{
    const char *ascii = "";
    int rc = omk_mail_domain_parse(p, text, len, &ascii, err);

    if (rc == OMK_OK && strncmp(ascii, "www.", 4) == 0) {
        return not_a_domain(text, len,
                            "give it without www., which is served "
                            "as well",
                            err);
    }
    if (rc == OMK_OK) {
        *out = ascii;
    }
    return rc;
}

/* --- databases ----------------------------------------------------------- */

void omk_db_user(const char *login, char out[OMK_DB_NAME_MAX + 1])
{
    size_t n = 0;

    for (; *login && n < OMK_LOGIN_MAX; login++) {
        if (*login != '-') {
            out[n++] = *login;
        }
    }
    out[n] = '\0';
}

void omk_db_name(const char *login, unsigned n, char out[OMK_DB_NAME_MAX + 1])
{
    size_t len;

    omk_db_user(login, out);
    len = strlen(out);
    (void)snprintf(out + len, OMK_DB_NAME_MAX + 1 - len, "%02u", n % 100);
}

/* --- mail, paths, sizes -------------------------------------------------- */

int omk_local_part_check(const char *name, size_t len, struct omk_err *err)
{
    char shown[64];
    bool ok = len >= 1 && len <= 64 && is_lower_alnum(name[0])
              && is_lower_alnum(name[len - 1]);

    for (size_t i = 1; ok && i < len; i++) {
        ok = is_lower_alnum(name[i])
             || (strchr("._+-", name[i]) && name[i] != '\0'
                 && !(name[i] == '.' && name[i - 1] == '.'));
    }
    if (!ok) {
        return omk_fail(err, OMK_EINVAL, "",
                        "'%s' is no mailbox name; expected 1 to 64 of a to z, "
                        "0 to 9 and . _ + - between them",
                        omk_printable(name, len, shown));
    }
    return OMK_OK;
}

static bool step_has_form(const char *s, size_t len)
{
    if (len == 0 || len > 255 || s[0] == '.') {
        return false; /* `.`, `..`, and what is hidden */
    }
    for (size_t i = 0; i < len; i++) {
        char c = s[i];

        if (!is_lower_alnum(c) && !(c >= 'A' && c <= 'Z')
            && (c == '\0' || !strchr("._-~+", c))) {
            return false;
        }
    }
    return true;
}

int omk_docroot_check(const char *dir, size_t len, struct omk_err *err)
{
    char shown[64];
    const char *s = dir;
    const char *end = dir + len;
    bool ok = len >= 3 && len <= 1000 && !memcmp(dir, "web", 3)
              && (len == 3 || dir[3] == '/');

    while (ok && s < end) {
        const char *slash = memchr(s, '/', (size_t)(end - s));

        ok = step_has_form(s, (size_t)((slash ? slash : end) - s));
        ok = ok && (!slash || slash + 1 < end);
        s = slash ? slash + 1 : end;
    }
    if (!ok) {
        return omk_fail(err, OMK_EINVAL, "",
                        "'%s' is no document root; expected web or web/SUB of "
                        "letters, digits and . _ - ~ +",
                        omk_printable(dir, len, shown));
    }
    return OMK_OK;
}

int omk_size_parse(const char *text, size_t len, uint64_t *out,
                   struct omk_err *err)
{
    static const char units[] = "KMGT";
    const char *unit = len ? memchr(units, text[len - 1], 4) : NULL;
    unsigned shift = unit ? (unsigned)(unit - units + 1) * 10 : 0;
    char shown[64];
    uint64_t n;

    if (!len
        || omk_num_u64(text, len - (unit != NULL), 0,
                       (UINT64_C(1) << 60) >> shift, &n)) {
        return omk_fail(err, OMK_EINVAL, "",
                        "'%s' is no size; expected a number and K, M, G or T, "
                        "e.g. 20G",
                        omk_printable(text, len, shown));
    }
    *out = n << shift;
    return OMK_OK;
}

const char *omk_size_print(apr_pool_t *p, uint64_t size)
{
    static const char units[] = "\0KMGT";
    unsigned u = 0;

    while (u < 4 && size && size % 1024 == 0) {
        size /= 1024;
        u++;
    }
    return apr_psprintf(p, "%" APR_UINT64_T_FMT "%.1s", size, units + u);
}
