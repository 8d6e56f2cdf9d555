/* The command line of ftpaccess, which omakase has as well: what is given, and
 * a function for each command. Output goes to stdout, complaints to stderr. */
#ifndef FTPACCESS_CLI_H
#define FTPACCESS_CLI_H

#include "ftpaccess.h"
#include "message.h"

#define CLI_WORDS_MAX 64

struct cli {
    /* what is asked */
    char **args;
    size_t arg_count;
    bool json, stock, write, all, no_reverse_dns;
    enum ftpaccess_lang lang;
    const char *root, *dir, *cmd, *file, *login, *session;
    const char *base, *audit, *who, *why;
    /* of whom */
    struct ftpaccess_client client;
    const char *groups[CLI_WORDS_MAX];
    /* new */
    const char *allow[CLI_WORDS_MAX];
    size_t allow_count;
    const char *for_commands;
};

/* Runs a whole command line; argv[0] is the name in usage texts. Returns a
 * status of sysexits.h, or 1 where check found something, or explain a no. */
int ftpaccess_cli(int argc, char **argv);

int cli_check(struct cli *c);
int cli_disable(struct cli *c);
int cli_enable(struct cli *c);
int cli_explain(struct cli *c);
int cli_fix(struct cli *c);
int cli_new(struct cli *c);

/* "ftpaccess: WHERE: TEXT" on stderr. Returns status. */
int cli_fail(int status, const char *where, const char *text);
/* Reads a file or, for "-", stdin, up to FTPACCESS_MAX_BYTES. EX_OK, or what
 * cli_fail() returned. *text is the caller's to free. */
int cli_read(const char *path, char **text, size_t *len);
/* Prints names and texts of a customer's, which may hold control characters. */
void cli_print(const char *s);
/* Flushes stdout: EX_IOERR where that fails, or status. */
int cli_done(int status);

#endif
