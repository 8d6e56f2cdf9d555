/* The commands of the program: only these and main.c print and know of exit
 * codes. */
#ifndef OMK_CMD_H
#define OMK_CMD_H

#include "err.h"

#include <apr_pools.h>
#include <jansson.h>
#include <stdbool.h>

struct omk_apply_options;
struct omk_node;
struct omk_plan;

enum {
    OMK_EX_OK = 0,
    OMK_EX_FAILED = 1,  /* plan, apply, rollback: nothing was applied; check:
                         * an error */
    OMK_EX_DIFFERS = 2, /* plan --exit-code, status: there is a difference;
                         * check: a warning */
    OMK_EX_HELD = 3,    /* applied, but customers are held */
    OMK_EX_USAGE = 64,
    OMK_EX_DATAERR = 65,
    OMK_EX_NOUSER = 67, /* no such customer */
    OMK_EX_UNAVAILABLE = 69,
    OMK_EX_CANTCREAT = 73,
    OMK_EX_IOERR = 74,
    OMK_EX_TEMPFAIL = 75,
    OMK_EX_NOPERM = 77,
    OMK_EX_CONFIG = 78
};

struct omk_cmd {
    apr_pool_t *p;
    const char *root;
    const struct omk_node *node;
    bool json, dry_run, yes, exit_code;
    const char *domain, *docroot; /* --domain, --docroot */
    const char *lang, *format, *mailbox; /* of sheet */
    const char *login, *why;             /* of cgi */
    bool all, php, watch;                /* of cgi */
    bool follow, summary, errors;        /* of log */
    int argc;                     /* what is left behind the command's words */
    char **argv;
};

struct omk_command {
    const char *name; /* "customer add" */
    const char *args; /* "LOGIN --domain DOMAIN" */
    const char *help; /* a line */
    const char *more; /* what --help says besides */
    int min_args, max_args;
    int (*run)(struct omk_cmd *c); /* an exit code */
};

extern const struct omk_command omk_commands_account[];
extern const struct omk_command omk_commands_apply[];
extern const struct omk_command omk_commands_cgi[];
extern const struct omk_command omk_commands_customer[];
extern const struct omk_command omk_commands_edit[];
extern const struct omk_command omk_commands_ftp[];
extern const struct omk_command omk_commands_log[];
extern const struct omk_command omk_commands_mail[];
extern const struct omk_command omk_commands_node[];
extern const struct omk_command omk_commands_sheet[];

/* Prints "omakase: WHERE: TEXT" and returns the exit code that belongs to it.
 */
int omk_cmd_error(const struct omk_err *err);

struct omk_customer;

/* The customer that the first word names; *err is that of its files where
 * they are wrong, OMK_ENOENT where there is none. */
int omk_cmd_customer(struct omk_cmd *c, const struct omk_customer **out,
                     struct omk_err *err);

/* The settings sheet as the options say, with password where one was just
 * made (else NULL). Returns an exit code, and has said why. */
int omk_cmd_make_sheet(struct omk_cmd *c, const struct omk_customer *customer,
                       const char *password, const char **out);

/* Prints it; an exit code. */
int omk_cmd_put_sheet(const char *sheet);

/* Prints and frees. */
void omk_cmd_json(json_t *j);

/* Who is held, a line each on stderr; as JSON: an array. */
void omk_cmd_print_held(const struct omk_plan *plan);
json_t *omk_cmd_json_held(const struct omk_plan *plan);

/* The plan, with what the machine has. */
int omk_cmd_plan(struct omk_cmd *c, struct omk_plan **out, struct omk_err *err);

/* Options for apply that print what it says to stderr. */
void omk_cmd_apply_options(struct omk_cmd *c, struct omk_apply_options *o);

/* Whether the command is ftp; *root and where its own words begin. */
bool omk_cmd_is_ftp(int argc, char **argv, const char **root, int *at);
int omk_cmd_ftp(apr_pool_t *p, const char *root, int argc, char **argv);

#endif
