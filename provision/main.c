/* omakase: options, the command, its exit code. */
#include "cmd.h"

#include "node.h"

#include <apr_general.h>
#include <apr_strings.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

static const struct omk_command *const tables[] = {
    omk_commands_customer, omk_commands_edit,  omk_commands_mail,
    omk_commands_sheet,    omk_commands_account,
    omk_commands_log,      omk_commands_apply, omk_commands_node,
    omk_commands_cgi,      omk_commands_ftp,
};
#define TABLES (sizeof tables / sizeof *tables)

int omk_cmd_error(const struct omk_err *err)
{
    static const struct {
        int code, exit;
    } map[] = {
        {OMK_EINVAL, OMK_EX_DATAERR}, {OMK_ERANGE, OMK_EX_DATAERR},
        {OMK_ENOENT, OMK_EX_NOUSER},  {OMK_EBUSY, OMK_EX_TEMPFAIL},
        {OMK_EDENIED, OMK_EX_NOPERM}, {OMK_ENOSPC, OMK_EX_CANTCREAT},
    };

    (void)fprintf(stderr, "omakase: %s%s%s\n", err->where,
                  *err->where ? ": " : "", err->text);
    for (size_t i = 0; i < sizeof map / sizeof *map; i++) {
        if (map[i].code == err->code) {
            return map[i].exit;
        }
    }
    return OMK_EX_IOERR;
}

void omk_cmd_json(json_t *j)
{
    (void)json_dumpf(j, stdout, JSON_INDENT(2) | JSON_SORT_KEYS);
    (void)putchar('\n');
    json_decref(j);
}

static void usage(FILE *to)
{
    (void)fprintf(to, "usage: omakase [--root DIR] [--json] [--dry-run] "
                      "COMMAND ...\n\n");
    for (size_t t = 0; t < TABLES; t++) {
        for (const struct omk_command *c = tables[t]; c->name; c++) {
            (void)fprintf(to, "  %s %-*s %s\n", c->name,
                          (int)(38 - strlen(c->name)), c->args, c->help);
        }
        (void)fprintf(to, "\n");
    }
    (void)fprintf(to, "omakase COMMAND --help says more of one.\n");
}

static void help(const struct omk_command *c)
{
    (void)printf("usage: omakase [--root DIR] [--json] %s %s\n%s\n%s", c->name,
                 c->args, c->help, c->more);
}

/* The command that the words name ("customer add"), and how many they are. */
static const struct omk_command *find(int argc, char **argv, int *words)
{
    for (size_t t = 0; t < TABLES; t++) {
        for (const struct omk_command *c = tables[t]; c->name; c++) {
            const char *blank = strchr(c->name, ' ');
            size_t first = blank ? (size_t)(blank - c->name) : strlen(c->name);

            if (strlen(argv[0]) != first || strncmp(argv[0], c->name, first)
                || (blank && (argc < 2 || strcmp(argv[1], blank + 1) != 0))) {
                continue;
            }
            *words = blank ? 2 : 1;
            return c;
        }
    }
    return NULL;
}

enum {
    ROOT = 256,
    JSON,
    DRY_RUN,
    YES,
    EXIT_CODE,
    HELP,
    VERSION,
    DOMAIN,
    DOCROOT,
    LANGUAGE,
    FORMAT,
    MAILBOX,
    LOGIN,
    WHY,
    ALL,
    PHP,
    WATCH,
    FOLLOW,
    SUMMARY,
    ERRORS
};

/* Options may stand anywhere. Returns an exit code, or -1 to go on. */
static int options(struct omk_cmd *c, int argc, char **argv, bool *want_help)
{
    static const struct option known[] = {
        {"root", required_argument, NULL, ROOT},
        {"json", no_argument, NULL, JSON},
        {"dry-run", no_argument, NULL, DRY_RUN},
        {"yes", no_argument, NULL, YES},
        {"exit-code", no_argument, NULL, EXIT_CODE},
        {"help", no_argument, NULL, HELP},
        {"version", no_argument, NULL, VERSION},
        {"domain", required_argument, NULL, DOMAIN},
        {"docroot", required_argument, NULL, DOCROOT},
        {"lang", required_argument, NULL, LANGUAGE},
        {"format", required_argument, NULL, FORMAT},
        {"mailbox", required_argument, NULL, MAILBOX},
        {"login", required_argument, NULL, LOGIN},
        {"why", required_argument, NULL, WHY},
        {"all", no_argument, NULL, ALL},
        {"php", no_argument, NULL, PHP},
        {"watch", no_argument, NULL, WATCH},
        {"follow", no_argument, NULL, FOLLOW},
        {"summary", no_argument, NULL, SUMMARY},
        {"errors", no_argument, NULL, ERRORS},
        {NULL, 0, NULL, 0},
    };
    int o;

    while ((o = getopt_long(argc, argv, "h", known, NULL)) != -1) {
        switch (o) {
        case ROOT:
            c->root = optarg;
            break;
        case JSON:
            c->json = true;
            break;
        case DRY_RUN:
            c->dry_run = true;
            break;
        case YES:
            c->yes = true;
            break;
        case EXIT_CODE:
            c->exit_code = true;
            break;
        case DOMAIN:
            c->domain = optarg;
            break;
        case DOCROOT:
            c->docroot = optarg;
            break;
        case LANGUAGE:
            c->lang = optarg;
            break;
        case FORMAT:
            c->format = optarg;
            break;
        case MAILBOX:
            c->mailbox = optarg;
            break;
        case LOGIN:
            c->login = optarg;
            break;
        case WHY:
            c->why = optarg;
            break;
        case ALL:
            c->all = true;
            break;
        case PHP:
            c->php = true;
            break;
        case WATCH:
            c->watch = true;
            break;
        case FOLLOW:
            c->follow = true;
            break;
        case SUMMARY:
            c->summary = true;
            break;
        case ERRORS:
            c->errors = true;
            break;
        case 'h':
        case HELP:
            *want_help = true;
            break;
        case VERSION:
            (void)puts("omakase " OMAKASE_VERSION);
            return OMK_EX_OK;
        default:
            return OMK_EX_USAGE;
        }
    }
    return -1;
}

static int run(struct omk_cmd *c, const struct omk_command *command)
{
    struct omk_err err = {0};

    if (c->argc < command->min_args || c->argc > command->max_args) {
        (void)fprintf(stderr, "omakase: usage: omakase %s %s\n", command->name,
                      command->args);
        return OMK_EX_USAGE;
    }
    if (omk_node_load(c->p, c->root, &c->node, &err)) {
        (void)omk_cmd_error(&err);
        /* the one code that plan and apply have for every error */
        return command->run == omk_commands_apply[0].run
                       || command->run == omk_commands_apply[1].run
                   ? OMK_EX_FAILED
                   : OMK_EX_CONFIG;
    }
    return command->run(c);
}

int main(int argc, char **argv)
{
    struct omk_cmd c = {.root = ""};
    const struct omk_command *command;
    struct rlimit files;
    bool want_help = false;
    int words = 0, code;

    (void)umask(022);
    /* httpd holds two logs a customer, php-fpm a socket. */
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max < 65536 ? files.rlim_max : 65536;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    if (omk_cmd_is_ftp(argc, argv, &c.root, &words)) {
        if (apr_initialize() != APR_SUCCESS
            || apr_pool_create(&c.p, NULL) != APR_SUCCESS) {
            return OMK_EX_IOERR;
        }
        code = omk_cmd_ftp(c.p, c.root, argc - words, argv + words);
        apr_terminate();
        return code;
    }
    code = options(&c, argc, argv, &want_help);
    if (code >= 0) {
        return code;
    }
    argc -= optind;
    argv += optind;
    if (!argc) {
        usage(want_help ? stdout : stderr);
        return want_help ? OMK_EX_OK : OMK_EX_USAGE;
    }
    command = find(argc, argv, &words);
    if (!command) {
        (void)fprintf(stderr,
                      "omakase: there is no command '%s%s%s'; omakase "
                      "--help lists them\n",
                      argv[0], argc > 1 ? " " : "", argc > 1 ? argv[1] : "");
        return OMK_EX_USAGE;
    }
    if (want_help) {
        help(command);
        return OMK_EX_OK;
    }
    c.argc = argc - words;
    c.argv = argv + words;
    if (apr_initialize() != APR_SUCCESS
        || apr_pool_create(&c.p, NULL) != APR_SUCCESS) {
        return OMK_EX_IOERR;
    }
    code = run(&c, command);
    apr_terminate();
    return code;
}
