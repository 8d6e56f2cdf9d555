/* A customer's password, as hashes only: STATE/secrets/LOGIN, 0600. */
#ifndef OMK_SECRET_H
#define OMK_SECRET_H

#include <stddef.h>

struct omk_err;
struct omk_node;

#define OMK_PASSWORD_MIN 8
#define OMK_PASSWORD_MAX 128

struct omk_secret {
    char crypt[256]; /* yescrypt, for FTP */
    char mysql[42];  /* "*" and 40 digits, mysql_native_password */
};

/* Hashes of a password of OMK_PASSWORD_MIN to _MAX printable ASCII
 * characters. OMK_ERANGE, OMK_EINVAL, OMK_EIO (no randomness). */
int omk_secret_make(const char *password, size_t len, struct omk_secret *out,
                    struct omk_err *err);

/* A new password: 16 letters and digits of 95 bits, none of them alike. */
int omk_password_generate(char out[17], struct omk_err *err);

/* login must have passed omk_login_check. OMK_ENOENT: none is set.
 * OMK_EDAMAGED: no such file of ours. */
int omk_secret_read(const struct omk_node *n, const char *login,
                    struct omk_secret *out, struct omk_err *err);
int omk_secret_write(const struct omk_node *n, const char *login,
                     const struct omk_secret *s, struct omk_err *err);

/* Takes it away; nothing there is no error. */
int omk_secret_remove(const struct omk_node *n, const char *login,
                      struct omk_err *err);

#endif
