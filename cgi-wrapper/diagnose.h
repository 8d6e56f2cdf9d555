/* What went wrong with a script, told to its owner.
 *
 * The table of all codes: HTTP status, a line for the log in the form
 *
 *   E03 /web/cgi/a.cgi: directory /web/cgi is writable by group (0775). Fix:
 *   chmod 755 /web/cgi
 *
 * (one line), and a short text in both languages for the error page. Paths
 * are those that the customer sees by FTP. No text holds a control character,
 * a byte that is not UTF-8, or another customer's name.
 *
 * Nothing here allocates, logs, or keeps anything; all is thread-safe. */
#ifndef CGIW_DIAGNOSE_H
#define CGIW_DIAGNOSE_H

#include <linux/limits.h> /* PATH_MAX; <limits.h> is also a file of ours */
#include <stddef.h>
#include <stdint.h>

enum cgiw_code {
    CGIW_OK = 0,
    CGIW_E01,  /* not executable */
    CGIW_E02,  /* owned by another */
    CGIW_E03,  /* a directory on the way is writable by others, or another's */
    CGIW_E04,  /* CRLF line ends */
    CGIW_E05,  /* CR line ends */
    CGIW_E06,  /* the interpreter is missing, or cannot be run */
    CGIW_E07,  /* a byte order mark, or UTF-16 */
    CGIW_E08,  /* no #! line, and no program of this machine's */
    CGIW_E09,  /* empty */
    CGIW_E10,  /* #!/usr/bin/env with more than a program's name */
    CGIW_E11,  /* output before the header */
    CGIW_E12,  /* ended without a header */
    CGIW_E13,  /* not readable */
    CGIW_E14,  /* wall time */
    CGIW_E15,  /* CPU time */
    CGIW_E16,  /* memory */
    CGIW_E17,  /* processes */
    CGIW_E18,  /* too many at once */
    CGIW_E19,  /* the script is writable by others, or set-id */
    CGIW_E20,  /* outside the site, a link that is not allowed, no file */
    CGIW_E21,  /* stopped behind the header: output, or a limit */
    CGIW_E22,  /* the wrapper is away, or cannot start anything now */
    CGIW_E23,  /* disabled by the operator */
    CGIW_E24,  /* Options ExecCGI is off */
    CGIW_E25,  /* the request does not fit into an environment */
    CGIW_E26,  /* the script is not there (any more) */
    CGIW_CODES /* one more than the last */
};

/* Which sentence of a code's; the codes that have only one need none. */
enum cgiw_detail {
    CGIW_PLAIN = 0,  /* the code's first sentence */
    CGIW_WARNING,    /* E04, E07: it runs all the same */
    CGIW_OWNER,      /* E03: the directory is another's */
    CGIW_DIRECTORY,  /* E13: `where` cannot be entered; E20: is a directory */
    CGIW_OUTSIDE,    /* E20: the path, or a link's target, is not beneath */
    CGIW_LINK,       /* E20: a symbolic link, and none is allowed */
    CGIW_LINK_OWNER, /* E20: a symbolic link of another's */
    CGIW_LINK_LOOP,  /* E20: links without end */
    CGIW_SPECIAL,    /* E20: fifo, socket or device */
    CGIW_TOO_LONG,   /* E20: the path; E06: the #! line; E11: the header;
                        limit is how many bytes there may be */
    CGIW_NONE_NAMED, /* E06: #! alone */
    CGIW_RELATIVE,   /* E06: no absolute path */
    CGIW_NO_PROGRAM, /* E06: `what` is there and cannot be executed */
    CGIW_NO_LOADER,  /* E06: `what` is there; what it needs itself is not */
    CGIW_UTF16,      /* E07 */
    CGIW_LATER,      /* E08: the #! line is there, but not the first */
    CGIW_FOREIGN,    /* E08: a program for another machine */
    CGIW_NO_INC,     /* E12: Perl looked for a file beside the script; `what`
                        is its name: see cgiw_perl_missing() */
    CGIW_TIME,       /* E21: wall time; else output bytes */
    CGIW_CPU,        /* E21 */
    CGIW_MEMORY,     /* E21 */
    CGIW_PROCESSES,  /* E21 */
    CGIW_ENV_VALUE,  /* E25: the one variable `what` */
    CGIW_ENV_COUNT,  /* E25: limit and used are variables */
    CGIW_ENV_BROKEN, /* E25: the block is not well-formed */
    CGIW_STATUS,     /* E11: Status: without a number from 100 to 999 */
    CGIW_BUSY        /* E22: the program is being written right now */
};

/* What a text is made of. All zero is a good start; a code uses what its
 * sentence needs and does without what is empty. Filled by target, shebang,
 * environ; the rest by who knows. Large: one to a run. */
struct cgiw_facts {
    enum cgiw_code code;
    enum cgiw_detail detail;
    char what[256];        /* raw, cut to fit. E04, E06: the interpreter; E10:
                              the first line; E11: the first line of output;
                              E12 NO_INC: a file; E22: why, may be ""; E23: the
                              operator's why; E25: a variable */
    char nearest[256];     /* E06, E10: what to write behind #! instead; may
                              be "" */
    char user[64];         /* whom the site runs as */
    uint32_t uid;          /* the same */
    uint32_t mode;         /* of what is at fault: st_mode */
    uint32_t owner;        /* of what is at fault */
    /* E14, E15, E21 TIME and CPU: seconds; E16, E21, E25: bytes; E17, E18: how
     * many. 0: unknown. */
    uint64_t limit, used;
    int wait_status;          /* E12: of waitpid(2) */
    uint32_t wall_ms, cpu_ms; /* E12 */
    uint64_t memory_bytes;    /* E12; 0: unknown */
    char last_line[256];      /* E12: the last of stderr, raw; may be "" */
    char script[PATH_MAX]; /* as the customer sees it */
    char where[PATH_MAX];  /* what is at fault, the same way; "": the script */
};

#define CGIW_EXPLAIN_MAX 1024 /* bytes of a text, its NUL included */

/* The HTTP status of a code; 500 for a number that is no code. */
int cgiw_status(unsigned code);

/* A code's short texts for a page, in UTF-8, without a path: what is wrong and
 * what to do. Static; NULL for a number that is no code. */
const char *cgiw_code_en(unsigned code);
const char *cgiw_code_ja(unsigned code);

/* Writes the whole line for the log into out (size bytes, CGIW_EXPLAIN_MAX
 * will do), from the code on, without a newline. Cut to fit, never inside a
 * character. Returns its length. facts->code is not looked at. */
size_t cgiw_explain(enum cgiw_code code, const struct cgiw_facts *facts,
                    char *out, size_t size);

/* Copies len bytes of anybody's so that they may stand in a log: control
 * characters, backslashes and what is not UTF-8 as \n, \t, \\ or \xHH. Too much
 * is cut at a character and gets "..." (size must be 8 at least). */
size_t cgiw_quote(const char *s, size_t len, char *out, size_t size);

/* The file that Perl did not find, from a line of stderr such as
 * "Can't locate lib/x.pl in @INC (@INC contains: ...)": copies its name into
 * out and returns 1; else 0. For E12: whoever sees the script's directory finds
 * out whether it lies there, and then says CGIW_NO_INC. */
int cgiw_perl_missing(const char *line, char *out, size_t size);

#endif
