#include "secret.h"

#include "err.h"
#include "file.h"
#include "node.h"

#include <apr_sha1.h>
#include <crypt.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

static int check_password(const char *password, size_t len, struct omk_err *err)
{
    if (len < OMK_PASSWORD_MIN || len > OMK_PASSWORD_MAX) {
        return omk_fail(err, OMK_ERANGE, "password",
                        "expected %d to %d characters", OMK_PASSWORD_MIN,
                        OMK_PASSWORD_MAX);
    }
    for (size_t i = 0; i < len; i++) {
        if (password[i] < '!' || password[i] > '~') {
            return omk_fail(err, OMK_EINVAL, "password",
                            "expected printable ASCII characters without "
                            "blanks");
        }
    }
    return OMK_OK;
}

/* MariaDB's PASSWORD(): `*` and SHA1(SHA1(password)). */
static void mysql_hash(const char *password, size_t len, char out[42])
{
    unsigned char digest[APR_SHA1_DIGESTSIZE];
    apr_sha1_ctx_t sha;

    apr_sha1_init(&sha);
    apr_sha1_update(&sha, password, (unsigned)len);
    apr_sha1_final(digest, &sha);
    apr_sha1_init(&sha);
    apr_sha1_update_binary(&sha, digest, sizeof digest);
    apr_sha1_final(digest, &sha);
    out[0] = '*';
    for (size_t i = 0; i < sizeof digest; i++) {
        (void)snprintf(out + 1 + 2 * i, 3, "%02X", digest[i]);
    }
}

int omk_secret_make(const char *password, size_t len, struct omk_secret *out,
                    struct omk_err *err)
{
    char salt[CRYPT_GENSALT_OUTPUT_SIZE], z[OMK_PASSWORD_MAX + 1];
    struct crypt_data *data;
    const char *hash;
    int rc = check_password(password, len, err);

    if (rc) {
        return rc;
    }
    data = calloc(1, sizeof *data);
    memcpy(z, password, len);
    z[len] = '\0';
    hash = data && crypt_gensalt_rn("$y$", 0, NULL, 0, salt, sizeof salt)
               ? crypt_r(z, salt, data)
               : NULL;
    if (!hash || hash[0] != '$' || strlen(hash) >= sizeof out->crypt) {
        rc = omk_fail(err, OMK_EIO, "password", "it cannot be hashed: %s",
                      strerror(errno));
    }
    else {
        (void)strcpy(out->crypt, hash);
        mysql_hash(password, len, out->mysql);
    }
    explicit_bzero(z, sizeof z);
    if (data) {
        explicit_bzero(data, sizeof *data);
    }
    free(data);
    return rc;
}

int omk_password_generate(char out[17], struct omk_err *err)
{
    static const char letters[] = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUV"
                                  "WXYZ23456789";
    size_t count = sizeof letters - 1;
    size_t n = 0;

    while (n < 16) {
        unsigned char c;

        if (getrandom(&c, 1, 0) != 1) {
            return omk_fail(err, OMK_EIO, "password", "no randomness: %s",
                            strerror(errno));
        }
        if (c < 256 / count * count) { /* each as likely as any other */
            out[n++] = letters[c % count];
        }
    }
    out[16] = '\0';
    return OMK_OK;
}

static void path_of(const struct omk_node *n, const char *login,
                    char path[4096])
{
    (void)snprintf(path, 4096, "%s/secrets/%s", n->state_dir, login);
}

int omk_secret_read(const struct omk_node *n, const char *login,
                    struct omk_secret *out, struct omk_err *err)
{
    char path[4096];
    struct omk_secret s = {0};
    char *text;
    size_t len;
    int rc;

    path_of(n, login, path);
    rc = omk_file_read(path, 1024, &text, &len, err);
    if (rc) {
        return rc;
    }
    if (sscanf(text, "crypt %255s\nmysql %41s\n", s.crypt, s.mysql) != 2
        || s.mysql[0] != '*' || strlen(s.mysql) != 41
        || strspn(s.mysql + 1, "0123456789ABCDEF") != 40) {
        rc = omk_fail(err, OMK_EDAMAGED, path,
                      "is not as omakase wrote it; omakase passwd %s sets it "
                      "anew",
                      login);
    }
    else {
        *out = s;
    }
    explicit_bzero(text, len);
    free(text);
    return rc;
}

int omk_secret_write(const struct omk_node *n, const char *login,
                     const struct omk_secret *s, struct omk_err *err)
{
    char path[4096], text[512];
    int len;

    (void)snprintf(path, sizeof path, "%s/secrets", n->state_dir);
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        return omk_fail(err, OMK_EIO, path, "mkdir: %s", strerror(errno));
    }
    path_of(n, login, path);
    len =
        snprintf(text, sizeof text, "crypt %s\nmysql %s\n", s->crypt, s->mysql);
    return omk_file_write(path, text, (size_t)len, 0600, err);
}

int omk_secret_remove(const struct omk_node *n, const char *login,
                      struct omk_err *err)
{
    char path[4096];

    path_of(n, login, path);
    return unlink(path) != 0 && errno != ENOENT
               ? omk_fail(err, OMK_EIO, path, "unlink: %s", strerror(errno))
               : OMK_OK;
}
