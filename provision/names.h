/* Names that come from outside: logins, domains, database names, sizes.
 *
 * Everything here is strict: what passes can stand in a path, in httpd's
 * configuration, in SQL and in a mail address without any quoting. Errors say
 * what was given (made printable) and what was expected; err->where is left
 * to the caller, who knows the file. Thread-safe. */
#ifndef OMK_NAMES_H
#define OMK_NAMES_H

#include <apr_pools.h>
#include <stddef.h>
#include <stdint.h>

struct omk_err;

#define OMK_LOGIN_MAX 30     /* useradd takes 32; room for a suffix */
#define OMK_DOMAIN_MAX 249   /* RFC 1035's 253 less "www." */
#define OMK_DB_NAME_MAX 32   /* login and two digits */
#define OMK_DATABASES_MAX 99 /* the two digits */

/* A login: a to z first, then a to z, 0 to 9 and single `-`, no `-` at the
 * end, 2 to OMK_LOGIN_MAX bytes, and no name that a system has (root, mysql,
 * www-data, …). OMK_EINVAL, OMK_ERANGE (length), OMK_EDENIED (reserved). */
int omk_login_check(const char *login, size_t len, struct omk_err *err);

/* A domain name in any script, without www.: *out is its lower-case ASCII form
 * (IDNA 2008 with UTS 46 mapping), of p. OMK_EINVAL, OMK_ERANGE, OMK_ENOMEM. */
int omk_domain_parse(apr_pool_t *p, const char *text, size_t len,
                     const char **out, struct omk_err *err);

/* The same, with www. allowed: a foreign address may have it. */
int omk_mail_domain_parse(apr_pool_t *p, const char *text, size_t len,
                          const char **out, struct omk_err *err);

/* The database user of a login: without its `-`. login must have passed
 * omk_login_check. */
void omk_db_user(const char *login, char out[OMK_DB_NAME_MAX + 1]);

/* The n-th database, 1 to OMK_DATABASES_MAX: the user's name and two digits. */
void omk_db_name(const char *login, unsigned n, char out[OMK_DB_NAME_MAX + 1]);

/* The part of an address before `@`: a to z, 0 to 9 and . _ + - between them,
 * at most 64 bytes. */
int omk_local_part_check(const char *name, size_t len, struct omk_err *err);

/* A directory of a customer's below web/: `web` or `web/SUB/…`, without `.`
 * and `..`, of letters, digits and . _ - ~ + only. */
int omk_docroot_check(const char *dir, size_t len, struct omk_err *err);

/* A size: digits and K, M, G or T (of 1024), at most 2^60. */
int omk_size_parse(const char *text, size_t len, uint64_t *out,
                   struct omk_err *err);

/* The shortest such form of a size, e.g. "20G". */
const char *omk_size_print(apr_pool_t *p, uint64_t size);

/* text, cut to about 60 bytes and with everything but printable ASCII as `?`:
 * for messages that go to a terminal. */
const char *omk_printable(const char *text, size_t len, char out[64]);

#endif
