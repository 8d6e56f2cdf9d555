/* What goes over the net in the clear, and the certificates for what does not.
 * HTTPS is the operator's own lines (httpd.d, LOGIN.httpd.conf) as yet. */
#include "check_impl.h"

#include "ftp_users.h"
#include "node.h"
#include "plan.h"
#include "run.h"

#include <apr_hash.h>
#include <apr_strings.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define ID_PROFILE "OMK0321"
#define ID_TLS "OMK0322"
#define OPENSSL "/usr/bin/openssl"
#define SOON_S "1209600" /* two weeks */
#define OPENSSL_TIMEOUT_S 10

static bool is_public(const struct omk_node *n)
{
    for (const char *const *l = n->listen; *l; l++) {
        if (!omk_check_is_loopback(*l)) {
            return true;
        }
    }
    return false;
}

static void manual(const struct omk_check *c)
{
    static const char *const open[] = {
        "FTP logins may come without TLS, as the manual has it",
        "POP3 and SMTP AUTH may come without TLS, as the manual has it (no "
        "mail is served by this version)",
        "HTTP is without TLS: whoever is on the way reads pages, and the "
        "password that phpMyAdmin asks for",
    };

    for (size_t i = 0; i < sizeof open / sizeof *open; i++) {
        omk_check_say(c, OMK_CHECK_NOTE, ID_PROFILE, "profile manual", open[i],
                      "nothing, if customers need it so");
    }
}

static void strict(const struct omk_check *c)
{
    if (omk_ftp_is_here(c->n) && !*c->n->tls_certificate) {
        omk_check_say(c, OMK_CHECK_ERROR, ID_PROFILE, "profile strict",
                      "FTP takes passwords without TLS: the node has no "
                      "certificate",
                      "tls { certificate = \"FILE\" key = \"FILE\" }, or ftp "
                      "{ listen = {} }");
    }
    if (!is_public(c->n)) {
        omk_check_say(c, OMK_CHECK_NOTE, ID_PROFILE, "profile strict",
                      "httpd is for this machine alone; that what is before "
                      "it speaks TLS is not looked at",
                      "see to it there");
        return;
    }
    omk_check_say(c, OMK_CHECK_WARNING, ID_PROFILE, "profile strict",
                  "is not enforced by this version for HTTP: phpMyAdmin takes "
                  "passwords without TLS",
                  "httpd { listen } on loopback behind a proxy with TLS, or a "
                  "virtual host with TLS in httpd.d");
}

/* --- certificates -----------------------------------------------------------
 */

struct tls {
    const struct omk_check *c;
    apr_hash_t *seen;
    unsigned certificates;
};

static void one_key(const struct omk_check *c, const char *path,
                    const char *file)
{
    struct stat st;

    if (stat(path, &st) != 0) {
        omk_check_say(
            c, OMK_CHECK_ERROR, ID_TLS, path,
            apr_pstrcat(c->p, "is not there; ", file, " names it", NULL),
            "put the key there, or take the line away");
    }
    else if (st.st_mode & 077) {
        omk_check_say(c, OMK_CHECK_ERROR, ID_TLS, path,
                      apr_psprintf(c->p,
                                   "a private key with mode %04o; expected "
                                   "0600, root's",
                                   (unsigned)st.st_mode & 07777),
                      "chmod 0600, and a new key if somebody may have it");
    }
}

static void one_certificate(const struct omk_check *c, const char *path,
                            const char *file)
{
    const char *argv[] = {OPENSSL, "x509", "-noout", "-checkend",
                          SOON_S,  "-in",  path,     NULL};
    const char *output;
    int status = 0;

    if (access(path, F_OK) != 0) {
        omk_check_say(
            c, OMK_CHECK_ERROR, ID_TLS, path,
            apr_pstrcat(c->p, "is not there; ", file, " names it", NULL),
            "put the certificate there, or take the line away");
    }
    else if (access(OPENSSL, X_OK) != 0) {
        omk_check_say(c, OMK_CHECK_NOTE, ID_TLS, path,
                      "its end cannot be looked at without " OPENSSL,
                      "apt install openssl");
    }
    else if (omk_run(c->p, argv, OPENSSL_TIMEOUT_S, &status, &output, NULL) == 0
             && status != 0) {
        omk_check_say(c, OMK_CHECK_ERROR, ID_TLS, path,
                      strstr(output, "will expire")
                          ? "has ended, or ends within two weeks"
                          : "is no certificate that openssl can read",
                      "renew it");
    }
}

/* The word after the directive, without quotes; NULL where it is another. */
static const char *value_of(apr_pool_t *p, const char *line, size_t len,
                            const char *directive)
{
    size_t name = strlen(directive);
    const char *end;

    while (len && (*line == ' ' || *line == '\t')) {
        line++;
        len--;
    }
    if (len <= name || strncasecmp(line, directive, name) != 0
        || !strchr(" \t", line[name])) {
        return NULL;
    }
    line += name;
    len -= name;
    while (len && strchr(" \t\"", *line)) {
        line++;
        len--;
    }
    for (end = line; len && !strchr(" \t\"\r", *end); len--) {
        end++;
    }
    return apr_pstrmemdup(p, line, (apr_size_t)(end - line));
}

static void one_line(struct tls *t, const char *file, const char *line,
                     size_t len)
{
    apr_pool_t *p = t->c->p;
    const char *certificate = value_of(p, line, len, "SSLCertificateFile");
    const char *key = value_of(p, line, len, "SSLCertificateKeyFile");
    const char *path = certificate ? certificate : key;

    t->certificates += certificate != NULL;
    /* What is relative or has a variable is for httpd to find. */
    if (!path || *path != '/' || strchr(path, '$')
        || apr_hash_get(t->seen, path, APR_HASH_KEY_STRING)) {
        return;
    }
    apr_hash_set(t->seen, path, APR_HASH_KEY_STRING, path);
    if (certificate) {
        one_certificate(t->c, path, file);
    }
    else {
        one_key(t->c, path, file);
    }
}

static void one_file(struct tls *t, const char *file, const char *text,
                     size_t len)
{
    for (const char *end = text + len; text < end;) {
        const char *eol = memchr(text, '\n', (size_t)(end - text));

        eol = eol ? eol : end;
        one_line(t, file, text, (size_t)(eol - text));
        text = eol + 1;
    }
}

static void certificates(const struct omk_check *c)
{
    struct tls t = {c, apr_hash_make(c->p), 0};
    const struct omk_files *inputs = c->plan->model.inputs;

    for (size_t i = 0; i < inputs->count; i++) {
        one_file(&t, inputs->list[i].path, inputs->list[i].data,
                 inputs->list[i].len);
    }
    for (size_t i = 0; i < c->plan->customers->count; i++) {
        const struct omk_customer *u = c->plan->customers->entries[i].customer;

        if (u && u->include.data) {
            one_file(&t, apr_pstrcat(c->p, u->login, ".httpd.conf", NULL),
                     u->include.data, u->include.len);
        }
    }
    if (*c->n->tls_certificate) {
        t.certificates++;
        one_certificate(c, c->n->tls_certificate, "tls { certificate }");
        one_key(c, c->n->tls_key, "tls { key }");
    }
    if (!t.certificates) {
        omk_check_say(c, OMK_CHECK_NOTE, ID_TLS, "certificates",
                      "none is used: httpd serves HTTP alone",
                      "nothing, or lines with SSLCertificateFile in httpd.d");
    }
}

void omk_check_profile(const struct omk_check *c)
{
    if (c->n->profile == OMK_PROFILE_STRICT) {
        strict(c);
    }
    else {
        manual(c);
    }
    if (c->plan) {
        certificates(c);
    }
}
