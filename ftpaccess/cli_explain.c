/* ftpaccess explain: who may do what, and which line says so. */
#include "cli.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>
#include <unistd.h>

struct answer {
    const char *command, *path;
    bool there; /* false: the target does not exist */
    struct ftpaccess_verdict verdict;
};

/* --- printing ------------------------------------------------------------ */

static json_t *json_of(const struct answer *a)
{
    const struct ftpaccess_verdict *v = &a->verdict;
    json_t *o = json_object();
    json_t *path = json_string(a->path);

    (void)json_object_set_new(o, "command", json_string(a->command));
    (void)json_object_set_new(o, "path",
                              path ? path : json_string("(not UTF-8)"));
    if (!a->there) {
        (void)json_object_set_new(o, "absent", json_true());
        return o;
    }
    (void)json_object_set_new(o, "allowed", json_boolean(v->allowed));
    if (v->why == FTPACCESS_BY_DEFAULT) {
        return o;
    }
    (void)json_object_set_new(o, "dir", json_string(v->dir));
    if (v->limit) {
        (void)json_object_set_new(o, "section",
                                  json_integer(v->limit->pos.line));
        (void)json_object_set_new(o, "for", json_string(v->limit_word));
    }
    if (v->rule) {
        (void)json_object_set_new(o, "line", json_integer(v->rule->pos.line));
        (void)json_object_set_new(o, "column",
                                  json_integer(v->rule->pos.column));
        (void)json_object_set_new(o, "rule", json_string(v->rule->name));
    }
    return o;
}

static void print_answer(const struct cli *c, const struct answer *a)
{
    char text[FTPACCESS_PATH_ROOM + 400];

    printf("%s ", a->command);
    cli_print(a->path);
    printf(": ");
    if (a->there) {
        ftpaccess_verdict_text(&a->verdict, c->lang, text, sizeof text);
        cli_print(text);
    }
    else {
        cli_print(c->lang == FTPACCESS_JA ? "そのような名前はありません"
                                          : "there is no such thing");
    }
    putchar('\n');
}

/* JSON is one array; *all is made by the first. */
static void give(const struct cli *c, const struct answer *a, json_t **all)
{
    if (!c->json) {
        print_answer(c, a);
        return;
    }
    if (!*all) {
        *all = json_array();
    }
    (void)json_array_append_new(*all, json_of(a));
}

static void print_json(json_t *all)
{
    if (all) {
        (void)json_dumpf(all, stdout, JSON_INDENT(1));
        printf("\n");
        json_decref(all);
    }
}

/* --- asking -------------------------------------------------------------- */

static void target_of(const struct cli *c,
                      const struct ftpaccess_command *command, char *out,
                      size_t room)
{
    const char *dir = c->dir;
    size_t n = strlen(dir);

    while (n > 0 && dir[n - 1] == '/') {
        n--;
    }
    if (command->target == FTPACCESS_ON_DIR
        || command->target == FTPACCESS_ON_NOTHING) {
        (void)snprintf(out, room, "%.*s", n ? (int)n : 1, n ? dir : "/");
    }
    else {
        (void)snprintf(out, room, "%.*s/%s", (int)n, dir,
                       c->file ? c->file : "file");
    }
}

static void ask(const struct cli *c, const struct ftpaccess_tree *tree,
                struct ftpaccess_session *session,
                const struct ftpaccess_command *command, const char *path,
                struct answer *a)
{
    a->command = command->name;
    a->path = path;
    a->there = true;
    if (session) {
        a->there = ftpaccess_session_run(session, command, path, &a->verdict);
        return;
    }
    ftpaccess_judge(tree, &c->client, command, path, NULL, NULL, NULL,
                    &a->verdict);
}

/* With --stock, each command is the first one of a session. */
static int ask_one(const struct cli *c, const struct ftpaccess_tree *tree,
                   const struct ftpaccess_command *command, json_t **all)
{
    struct ftpaccess_session *session = NULL;
    char path[FTPACCESS_PATH_ROOM];
    struct answer a;

    target_of(c, command, path, sizeof path);
    if (c->stock) {
        session =
            ftpaccess_session_new(tree, &c->client, c->login ? c->login : "/");
        if (!session) {
            return cli_fail(EX_OSERR, "", "out of memory");
        }
    }
    ask(c, tree, session, command, path, &a);
    give(c, &a, all);
    ftpaccess_session_free(session);
    return a.there && !a.verdict.allowed ? 1 : EX_OK;
}

static int ask_many(const struct cli *c, const struct ftpaccess_tree *tree,
                    json_t **all)
{
    static const char *const usual[] = {"CWD",  "LIST", "RETR",
                                        "STOR", "DELE", "SITE_CHMOD"};
    int status = EX_OK;

    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++) {
        int rc = ask_one(c, tree, ftpaccess_command(usual[i]), all);

        status = rc > status ? rc : status;
    }
    return status;
}

/* --- a session from a file ----------------------------------------------- */

static int run_line(const struct cli *c, const struct ftpaccess_tree *tree,
                    struct ftpaccess_session *session, char *line, json_t **all)
{
    char *path = strchr(line, ' ');
    const struct ftpaccess_command *command;
    struct answer a;

    if (path) {
        *path++ = '\0';
    }
    command = ftpaccess_command(line);
    if (!command) {
        return cli_fail(EX_DATAERR, line, "no command that ProFTPD checks");
    }
    if (!session && (!path || *path != '/')) {
        return cli_fail(EX_DATAERR, line, "needs a path from / on");
    }
    ask(c, tree, session, command, path, &a);
    a.path = path ? path : "";
    give(c, &a, all);
    return EX_OK;
}

static int run_lines(const struct cli *c, const struct ftpaccess_tree *tree,
                     struct ftpaccess_session *session, char *text,
                     json_t **all)
{
    char *line;

    while ((line = strsep(&text, "\n")) != NULL) {
        if (*line) {
            int rc = run_line(c, tree, session, line, all);

            if (rc != EX_OK) {
                return rc;
            }
        }
    }
    return EX_OK;
}

static int run_session(const struct cli *c, const struct ftpaccess_tree *tree,
                       json_t **all)
{
    struct ftpaccess_session *session = NULL;
    char *text, *ended;
    size_t len;
    int rc = cli_read(c->session, &text, &len);

    if (rc != EX_OK) {
        return rc;
    }
    ended = strndup(text, len);
    free(text);
    if (c->stock) {
        session =
            ftpaccess_session_new(tree, &c->client, c->login ? c->login : "/");
    }
    rc = !ended || (c->stock && !session)
             ? cli_fail(EX_OSERR, "", "out of memory")
             : run_lines(c, tree, session, ended, all);
    ftpaccess_session_free(session);
    free(ended);
    return rc;
}

int cli_explain(struct cli *c)
{
    const struct ftpaccess_command *command =
        c->cmd ? ftpaccess_command(c->cmd) : NULL;
    struct ftpaccess_disk *disk;
    const struct ftpaccess_tree *tree;
    json_t *all = NULL;
    int fd, rc;

    if (!c->root || !c->client.address || (!c->session && !c->dir)) {
        return cli_fail(EX_USAGE, "explain",
                        "needs --root, --from, and --dir or --session");
    }
    if (c->cmd && !command) {
        return cli_fail(EX_USAGE, c->cmd, "no command that ProFTPD checks");
    }
    fd = open(c->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    disk = fd >= 0 ? ftpaccess_disk_open(fd, false) : NULL;
    if (!disk) {
        if (fd >= 0) {
            close(fd);
        }
        return cli_fail(EX_NOINPUT, c->root, "is no directory to read");
    }
    tree = ftpaccess_disk_tree(disk);
    rc = c->session ? run_session(c, tree, &all)
         : command  ? ask_one(c, tree, command, &all)
                    : ask_many(c, tree, &all);
    print_json(all);
    ftpaccess_disk_close(disk);
    close(fd);
    return rc;
}
