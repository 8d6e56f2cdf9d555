/* The script's environment, built new: what is allowed of what httpd sent, and
 * what is ours. Nothing of the daemon's own gets in.
 *
 * Allowed are the variables of CGI/1.1 (RFC 3875) and httpd's further ones,
 * HTTP_* but HTTP_PROXY (httpoxy), REDIRECT_*, SSL_*, mod_include's, and what
 * the operator names. So LD_PRELOAD, PERL5OPT, BASH_ENV, PYTHONPATH, IFS and
 * BASH_FUNC_x%% need no list of their own. HTTP_AUTHORIZATION is passed where
 * httpd sent it: CGIPassAuth decides. */
#ifndef CGIW_ENVIRON_H
#define CGIW_ENVIRON_H

#include "diagnose.h"
#include "sites.h"

#include <stdbool.h>
#include <stddef.h>

#define CGIW_ENVIRON_MAX 2000            /* variables, ours included */
#define CGIW_ENVIRON_BYTES_MAX (1 << 20) /* of all, with their NULs */
#define CGIW_ENVIRON_VALUE_MAX 131071    /* of one, NAME= included; Linux's */
#define CGIW_ENVIRON_OWN_MAX 12288       /* bytes for ours */

struct cgiw_environ_rules {
    const struct cgiw_word *passenv, *site_passenv; /* what the operator adds */
    const struct cgiw_word *setenv, *site_setenv;   /* the same, with values */
    const char *home;            /* HOME */
    const char *user;            /* USER, LOGNAME */
    const char *path, *lang;     /* PATH, LANG */
    bool unsafe_inc;             /* PERL_USE_UNSAFE_INC=1 */
    const char *script_filename; /* for php-cgi: sets SCRIPT_FILENAME, and
                                    REDIRECT_STATUS=200 where there is none;
                                    NULL for everything else */
};

/* May this variable of httpd's pass? name is len bytes. */
bool cgiw_environ_allows(const char *name, size_t len,
                         const struct cgiw_environ_rules *rules);

/* Makes envp (room for max pointers, its NULL included; CGIW_ENVIRON_MAX + 1
 * holds whatever passes) from block: len bytes, each variable NAME=VALUE and a
 * NUL. The pointers lead into block and into own (own_size bytes,
 * CGIW_ENVIRON_OWN_MAX), which must stay. Of two of a name the first counts, as
 * getenv(3) has it. A name that is not [A-Za-z_][A-Za-z0-9_]* or not allowed is
 * left out.
 *
 * 0 and *count; or CGIW_E25 and *facts: too many or too large, which is never
 * cut, or a block that is not of that form. */
int cgiw_environ_build(char *block, size_t len,
                       const struct cgiw_environ_rules *rules, char *own,
                       size_t own_size, char **envp, size_t max, size_t *count,
                       struct cgiw_facts *facts);

#endif
