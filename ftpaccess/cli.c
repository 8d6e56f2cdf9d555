/* The command line, and nothing else; what it does is in cli_*.c. */
#include "cli.h"

#include "err.h"
#include "file.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

static const char *program = "ftpaccess";

/* --- options ------------------------------------------------------------- */

enum option_id {
    HELP = 1,
    VERSION,
    JSON,
    LANGUAGE,
    FROM,
    HOST,
    USER,
    GROUP,
    CLASS,
    NO_REVERSE_DNS,
    ROOT,
    DIRECTORY,
    COMMAND,
    NAME,
    STOCK,
    LOGIN,
    SESSION,
    WRITE,
    ALLOW,
    ONLY,
    ALL,
    BASE,
    AUDIT,
    WHO,
    WHY
};

struct option_text {
    enum option_id id;
    const char *name;
    const char *arg; /* NULL: takes none */
    const char *help;
};

static const struct option_text options[] = {
    {FROM, "from", "ADDRESS", "the client's address"},
    {HOST, "host", "NAME", "its reverse name, confirmed forward"},
    {USER, "user", "LOGIN", "the login name"},
    {GROUP, "group", "GROUP", "a group of the user; may be repeated"},
    {CLASS, "class", "NAME", "the client's class, where the server has any"},
    {NO_REVERSE_DNS, "no-reverse-dns", NULL, "as with UseReverseDNS off"},
    {ROOT, "root", "DIR", "the customer's tree: what is / in FTP"},
    {DIRECTORY, "dir", "DIR", "a directory in it, as FTP names it"},
    {COMMAND, "cmd", "COMMAND", "STOR, LIST, SITE_CHMOD, ... (default: many)"},
    {NAME, "file", "NAME", "the file in the directory (default: file)"},
    {STOCK, "stock", NULL, "what a ProFTPD without mod_ftpaccess would do"},
    {LOGIN, "login", "DIR", "where the login leads, with --stock (default: /)"},
    {SESSION, "session", "FILE", "lines COMMAND PATH, one session; - is stdin"},
    {WRITE, "write", NULL, "put the mended text into the file itself"},
    {ALLOW, "allow", "WHO", "an address or .domain; may be repeated"},
    {ONLY, "for", "COMMANDS", "which commands (default: ALL)"},
    {ALL, "all", NULL, "all files of a customer's, by login"},
    {BASE, "base", "DIR", "where the customers' trees are, with --all"},
    {AUDIT, "audit", "FILE", "the audit log"},
    {WHO, "who", "NAME", "who asks for it (default: the caller)"},
    {WHY, "why", "TEXT", "why, for the audit log"},
    {JSON, "json", NULL, "print JSON"},
    {LANGUAGE, "lang", "LANG", "en (default) or ja"},
    {HELP, "help", NULL, "print this"},
};

#define OPTION_COUNT (sizeof options / sizeof *options)
#define BIT(id) (1UL << (id))
#define ALWAYS (BIT(HELP) | BIT(JSON) | BIT(LANGUAGE))
#define CLIENT                                                                 \
    (BIT(FROM) | BIT(HOST) | BIT(USER) | BIT(GROUP) | BIT(CLASS)               \
     | BIT(NO_REVERSE_DNS))
#define RENAMES (BIT(ALL) | BIT(BASE) | BIT(AUDIT) | BIT(WHO) | BIT(WHY))

struct command {
    const char *name;
    const char *args;
    size_t min_args, max_args;
    unsigned long options;
    int (*run)(struct cli *c);
    const char *help;
};

static const struct command commands[] = {
    {"check", "FILE|DIR...", 1, SIZE_MAX, ALWAYS | CLIENT, cli_check,
     "say what is wrong in a file, or in all of a tree"},
    {"fix", "FILE|-", 1, 1, BIT(HELP) | BIT(LANGUAGE) | BIT(WRITE), cli_fix,
     "print the file's text mended"},
    {"explain", "", 0, 0,
     ALWAYS | CLIENT | BIT(ROOT) | BIT(DIRECTORY) | BIT(COMMAND) | BIT(NAME)
         | BIT(STOCK) | BIT(LOGIN) | BIT(SESSION),
     cli_explain, "say who may do what, and which line says so"},
    {"new", "", 0, 0, BIT(HELP) | BIT(ALLOW) | BIT(ONLY), cli_new,
     "print a file that lets in whom --allow names, and nobody else"},
    {"disable", "DIR|LOGIN", 1, 1, ALWAYS | RENAMES, cli_disable,
     "rename a directory's file so that it has no effect"},
    {"enable", "DIR|LOGIN", 1, 1, ALWAYS | RENAMES, cli_enable,
     "rename it back"},
};

#define COMMAND_COUNT (sizeof commands / sizeof *commands)

/* --- help ---------------------------------------------------------------- */

static void print_option(const struct option_text *o)
{
    char name[40];

    (void)snprintf(name, sizeof name, "--%s%s%s", o->name, o->arg ? " " : "",
                   o->arg ? o->arg : "");
    printf("  %-18s %s\n", name, o->help);
}

static int help_all(void)
{
    printf("usage: %s COMMAND [OPTION...] [ARGUMENT...]\n\n"
           "Looks after .ftpaccess files: who may do what by FTP.\n\n"
           "commands:\n",
           program);
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        printf("  %-8s %-13s %s\n", commands[i].name, commands[i].args,
               commands[i].help);
    }
    printf("\noptions:\n"
           "  --help             print this; behind a command, its own help\n"
           "  --version          print the version\n\n"
           "More is in ftpaccess(1).\n");
    return EX_OK;
}

static int help_command(const struct command *c)
{
    printf("usage: %s %s [OPTION...]%s%s\n\n%s\n\noptions:\n", program, c->name,
           *c->args ? " " : "", c->args, c->help);
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (c->options & BIT(options[i].id)) {
            print_option(&options[i]);
        }
    }
    return EX_OK;
}

/* C0 and DEL, and C1 as UTF-8 has it. */
static size_t control(const char *s)
{
    const unsigned char *u = (const unsigned char *)s;

    if (u[0] == 0xc2 && u[1] >= 0x80 && u[1] < 0xa0) {
        return 2;
    }
    return u[0] < ' ' || u[0] == 0x7f ? 1 : 0;
}

static void print_to(FILE *out, const char *s)
{
    while (*s) {
        size_t skip = control(s);

        (void)putc(skip ? '?' : *s, out);
        s += skip ? skip : 1;
    }
}

void cli_print(const char *s)
{
    print_to(stdout, s);
}

int cli_fail(int status, const char *where, const char *text)
{
    (void)fputs("ftpaccess: ", stderr);
    print_to(stderr, where);
    (void)fputs(*where ? ": " : "", stderr);
    print_to(stderr, text);
    (void)putc('\n', stderr);
    return status;
}

static int usage(const char *what, const char *text, const char *advice)
{
    char line[200];

    (void)snprintf(line, sizeof line, "%s; see %s %s%s--help", text, program,
                   advice, *advice ? " " : "");
    return cli_fail(EX_USAGE, what, line);
}

int cli_done(int status)
{
    if (fflush(stdout) != 0 || ferror(stdout)) {
        return cli_fail(EX_IOERR, "standard output", "cannot be written");
    }
    return status;
}

/* --- files --------------------------------------------------------------- */

static int read_stdin(char **text, size_t *len)
{
    char *data = malloc(FTPACCESS_MAX_BYTES + 1);
    size_t n;

    if (!data) {
        return cli_fail(EX_OSERR, "-", "out of memory");
    }
    n = fread(data, 1, FTPACCESS_MAX_BYTES + 1, stdin);
    if (ferror(stdin) || n > FTPACCESS_MAX_BYTES) {
        free(data);
        return cli_fail(EX_DATAERR, "-",
                        n > FTPACCESS_MAX_BYTES ? "is longer than 256 kB"
                                                : "cannot be read");
    }
    *text = data;
    *len = n;
    return EX_OK;
}

int cli_read(const char *path, char **text, size_t *len)
{
    struct omk_err err;
    int fd, rc;

    if (strcmp(path, "-") == 0) {
        return read_stdin(text, len);
    }
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        return cli_fail(EX_NOINPUT, path, "cannot be opened");
    }
    rc = omk_file_read_fd(fd, path, FTPACCESS_MAX_BYTES, text, len, &err);
    close(fd);
    return rc == OMK_OK ? EX_OK : cli_fail(EX_NOINPUT, path, err.text);
}

/* --- taking options ------------------------------------------------------ */

static int push(const char **words, size_t *count, const char *word,
                const char *option)
{
    if (*count == CLI_WORDS_MAX) {
        return usage(option, "too many of them", "");
    }
    words[(*count)++] = word;
    return EX_OK;
}

static int take_lang(struct cli *c, const char *value)
{
    if (strcmp(value, "ja") != 0 && strcmp(value, "en") != 0) {
        return usage("--lang", "takes en or ja", "");
    }
    c->lang = *value == 'j' ? FTPACCESS_JA : FTPACCESS_EN;
    return EX_OK;
}

static int take(struct cli *c, enum option_id id, char *value)
{
    switch (id) {
    case JSON:
        c->json = true;
        break;
    case LANGUAGE:
        return take_lang(c, value);
    case FROM:
        c->client.address = value;
        break;
    case HOST:
        c->client.host = value;
        break;
    case USER:
        c->client.user = value;
        break;
    case GROUP:
        return push(c->groups, &c->client.group_count, value, "--group");
    case CLASS:
        c->client.class_name = value;
        break;
    case NO_REVERSE_DNS:
        c->client.reverse_dns = false;
        break;
    case ROOT:
        c->root = value;
        break;
    case DIRECTORY:
        c->dir = value;
        break;
    case COMMAND:
        c->cmd = value;
        break;
    case NAME:
        c->file = value;
        break;
    case STOCK:
        c->stock = true;
        break;
    case LOGIN:
        c->login = value;
        break;
    case SESSION:
        c->session = value;
        break;
    case WRITE:
        c->write = true;
        break;
    case ALLOW:
        return push(c->allow, &c->allow_count, value, "--allow");
    case ONLY:
        c->for_commands = value;
        break;
    case ALL:
        c->all = true;
        break;
    case BASE:
        c->base = value;
        break;
    case AUDIT:
        c->audit = value;
        break;
    case WHO:
        c->who = value;
        break;
    case WHY:
        c->why = value;
        break;
    case HELP:
    case VERSION:
        break;
    }
    return EX_OK;
}

/* getopt knows the options of this command alone. */
static void fill_long(const struct command *c, struct option *out)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (c->options & BIT(options[i].id)) {
            *out++ = (struct option){options[i].name,
                                     options[i].arg ? required_argument
                                                    : no_argument,
                                     NULL, (int)options[i].id};
        }
    }
    *out = (struct option){NULL, 0, NULL, 0};
}

static int run(const struct command *command, int argc, char **argv)
{
    struct option longs[OPTION_COUNT + 1];
    struct cli c = {.client = {.reverse_dns = true}};
    int id, rc;

    fill_long(command, longs);
    optind = 1;
    opterr = 0;
    while ((id = getopt_long(argc, argv, ":", longs, NULL)) != -1) {
        if (id == '?' || id == ':') {
            return usage(argv[optind - 1],
                         id == '?' ? "no such option" : "needs a value",
                         command->name);
        }
        if (id == HELP) {
            return cli_done(help_command(command));
        }
        rc = take(&c, (enum option_id)id, optarg);
        if (rc != EX_OK) {
            return rc;
        }
    }
    c.args = argv + optind;
    c.arg_count = (size_t)(argc - optind);
    c.client.groups = c.groups;
    c.client.group = c.client.group_count ? c.groups[0] : NULL;
    if (c.arg_count < command->min_args || c.arg_count > command->max_args) {
        return usage(command->name, "wrong number of arguments", command->name);
    }
    return cli_done(command->run(&c));
}

int ftpaccess_cli(int argc, char **argv)
{
    program = argc > 0 ? argv[0] : program;
    if (argc < 2) {
        (void)help_all();
        return cli_done(EX_USAGE);
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        return cli_done(help_all());
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("ftpaccess (omakase) " OMAKASE_VERSION "\n");
        return cli_done(EX_OK);
    }
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            return run(&commands[i], argc - 1, argv + 1);
        }
    }
    return usage(argv[1], "no such command", "");
}
