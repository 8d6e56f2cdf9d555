/* What runs a script: its first line, read as Linux reads it (execve(2),
 * "Interpreter scripts"), and what goes wrong with it on the way from an
 * editor and an FTP program to the server.
 *
 * Pure but for the probe that the caller gives. */
#ifndef CGIW_SHEBANG_H
#define CGIW_SHEBANG_H

#include "diagnose.h"
#include "sites.h"

#include <stdbool.h>
#include <stddef.h>

/* How much of a file's begin is needed; less where the file is shorter. */
#define CGIW_SHEBANG_HEAD 1024
#define CGIW_SHEBANG_LINE_MAX 255 /* bytes behind #!, as Linux has it */
#define CGIW_ARGV_MAX 16          /* its NULL included */

enum cgiw_probed {
    CGIW_PROBE_MISSING,
    CGIW_PROBE_DENIED, /* there, but no file, or not executable for us */
    CGIW_PROBE_RUNS
};

/* What is at this absolute path? */
typedef enum cgiw_probed (*cgiw_probe_fn)(void *ctx, const char *path);

/* The real one: stat(2) and faccessat(2) with the effective ids; no ctx. */
enum cgiw_probed cgiw_probe(void *ctx, const char *path);

struct cgiw_shebang_rules {
    /* What to run instead: the site's own words, then the server's. Without a
     * word for it /usr/bin/php8.2 and the like become /usr/bin/php-cgi8.2 or
     * /usr/bin/php-cgi, where that is there; a php of the customer's own stays
     * unless a php-cgi is beside it. */
    const struct cgiw_word *site_interpreters, *interpreters;
    const char *path; /* PATH, for #!/usr/bin/env X */
    bool strict;      /* CRLF and a byte order mark are errors */
    cgiw_probe_fn probe;
    void *probe_ctx;
};

enum cgiw_runs {
    CGIW_RUNS_ITSELF,    /* a program: by its descriptor or name */
    CGIW_RUNS_BY_PATH,   /* argv: interpreter, words, path of the script */
    CGIW_RUNS_BY_PHP_CGI /* argv: interpreter, words; SCRIPT_FILENAME and
                            REDIRECT_STATUS say the rest */
};

struct cgiw_shebang {
    enum cgiw_runs runs;
    enum cgiw_code warning; /* CGIW_OK, E04 or E07: *facts says the rest */
    char interpreter[CGIW_SHEBANG_LINE_MAX + 1]; /* absolute */
    char words[CGIW_SHEBANG_LINE_MAX + 2]; /* NUL behind each, NUL at the end */
};

/* Reads the first len bytes of a script (CGIW_SHEBANG_HEAD, or all where it is
 * shorter). 0 and *out; or the code, and *facts gets code, detail and what.
 * With a warning *facts is filled as well (detail CGIW_WARNING), and the script
 * is to be run. The interpreter is not asked for here, so that a good script
 * costs nothing: when execve(2) fails, cgiw_shebang_failed() says why. The
 * probe is used for #!/usr/bin/env X alone, and for php's. */
int cgiw_shebang_parse(const char *head, size_t len,
                       const struct cgiw_shebang_rules *rules,
                       struct cgiw_shebang *out, struct cgiw_facts *facts);

/* The argument vector: pointers into *s and to path. Returns how many there
 * are; the NULL behind them is set. */
size_t cgiw_shebang_argv(const struct cgiw_shebang *s, const char *path,
                         const char *argv[CGIW_ARGV_MAX]);

/* execve(2) of what *s says failed with this errno: the code (E06 with the
 * nearest interpreter that is there, E08 for a foreign program, E13, E22, E25),
 * and *facts filled for it. */
int cgiw_shebang_failed(const struct cgiw_shebang *s, int error,
                        const struct cgiw_shebang_rules *rules,
                        struct cgiw_facts *facts);

#endif
