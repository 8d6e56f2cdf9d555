/* ftp: the operator's door to ftpaccess(1). Its command line is that program's
 * own, except that a customer stands for the customer's tree:
 *
 *   omakase ftp check LOGIN[:/DIR]        explain LOGIN --from 192.0.2.1
 *   omakase ftp disable LOGIN:/web        disable --all LOGIN
 *
 * and that what is disabled is written to the node's audit log. */
#include "cmd.h"

#include "cli.h"
#include "names.h"
#include "node.h"

#include <apr_strings.h>
#include <apr_tables.h>
#include <stdio.h>
#include <string.h>

/* "LOGIN" or "LOGIN:/DIR" as a path of the tree, anything else as it is. */
static const char *place(apr_pool_t *p, const struct omk_node *n,
                         const char *word)
{
    size_t len = strcspn(word, ":");
    const char *dir = word[len] ? word + len + 1 : "";

    return *word == '/' || *word == '-' || (*dir && *dir != '/')
                   || omk_login_check(word, len, NULL) != 0
               ? word
               : apr_psprintf(p, "%s/%.*s%s", n->srv_dir, (int)len, word, dir);
}

static void add(apr_array_header_t *words, const char *word)
{
    APR_ARRAY_PUSH(words, const char *) = word;
}

/* What the node knows and nobody has to type. */
static void add_known(apr_array_header_t *words, const struct omk_node *n,
                      const char *command, const char **login)
{
    apr_pool_t *p = words->pool;

    if (!strcmp(command, "explain") && *login) {
        add(words, "--root");
        add(words, place(p, n, *login));
        add(words, "--user");
        add(words, *login);
        add(words, "--group");
        add(words, *login);
    }
    if (!strcmp(command, "disable") || !strcmp(command, "enable")) {
        add(words, "--base");
        add(words, n->srv_dir);
        add(words, "--audit");
        add(words, apr_pstrcat(p, n->state_dir, "/audit.log", NULL));
    }
}

static bool has(int argc, char **argv, const char *word)
{
    for (int i = 0; i < argc; i++) {
        if (!strcmp(argv[i], word)) {
            return true;
        }
    }
    return false;
}

static int door(apr_pool_t *p, const struct omk_node *n, int argc, char **argv)
{
    apr_array_header_t *words = apr_array_make(p, argc + 16, sizeof(char *));
    const char *command = argc > 0 ? argv[0] : "--help";
    const char *login = argc > 1 && *argv[1] != '-' ? argv[1] : NULL;
    bool by_login = has(argc, argv, "--all");
    bool explains = !strcmp(command, "explain");

    add(words, "omakase ftp");
    add(words, command);
    add_known(words, n, command, &login);
    for (int i = explains && login ? 2 : 1; i < argc; i++) {
        add(words, by_login || explains ? argv[i] : place(p, n, argv[i]));
    }
    add(words, NULL);
    return ftpaccess_cli(words->nelts - 1, (char **)words->elts);
}

bool omk_cmd_is_ftp(int argc, char **argv, const char **root, int *at)
{
    int i = 1;

    for (; i < argc && *argv[i] == '-'; i++) {
        if (!strncmp(argv[i], "--root=", 7)) {
            *root = argv[i] + 7;
        }
        else if (!strcmp(argv[i], "--root") && i + 1 < argc) {
            *root = argv[++i];
        }
        else {
            return false;
        }
    }
    *at = i + 1;
    return i < argc && !strcmp(argv[i], "ftp");
}

int omk_cmd_ftp(apr_pool_t *p, const char *root, int argc, char **argv)
{
    const struct omk_node *n;
    struct omk_err err = {0};

    if (omk_node_load(p, root, &n, &err)) {
        (void)omk_cmd_error(&err);
        return OMK_EX_CONFIG;
    }
    return door(p, n, argc, argv);
}

/* main() has it before it looks at options: they are the other program's. */
static int unreachable(struct omk_cmd *c)
{
    (void)c;
    return OMK_EX_USAGE;
}

const struct omk_command omk_commands_ftp[] = {
    {"ftp", "COMMAND [LOGIN[:/DIR]] ...",
     "look after customers' .ftpaccess files",
     "COMMAND: check, fix, explain, new, disable, enable; omakase ftp COMMAND "
     "--help\n"
     "has its options, and ftpaccess(1) has more. A customer stands for the "
     "tree:\n"
     "omakase ftp disable LOGIN:/web --why TEXT, omakase ftp disable --all "
     "LOGIN.\n",
     0, 64, unreachable},
    {0},
};
