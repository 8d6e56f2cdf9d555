/* All files from a place up to "/": what a .ftpaccess is meant to do. */
#include "ftpaccess.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The directories of a path: dirs[0] is the deepest, the last one "/". */
struct ancestors {
    char *text;
    struct ftpaccess_level *levels;
    size_t count;
};

static const struct ftpaccess_file *
file_of(const struct ftpaccess_tree *tree, const char *dir,
        const char *instead_dir, const struct ftpaccess_file *instead)
{
    struct ftpaccess_source source = {0};

    if (instead && strcmp(dir, instead_dir) == 0) {
        return instead;
    }
    return tree->source(tree->data, dir, &source) ? source.file : NULL;
}

/* Cuts dir back to the directory above it; false at the top. */
static bool go_up(char *dir)
{
    char *slash = strrchr(dir, '/');

    if (!slash || strcmp(dir, "/") == 0) {
        return false;
    }
    slash[slash == dir ? 1 : 0] = '\0';
    return true;
}

/* Each level keeps its name; one array for all, as a path has few. */
static bool collect(const struct ftpaccess_tree *tree, char *dir,
                    const char *instead_dir,
                    const struct ftpaccess_file *instead, struct ancestors *out)
{
    size_t most = 2, len = strlen(dir);
    char *name;

    for (const char *c = dir; *c; c++) {
        most += *c == '/';
    }
    out->levels = calloc(most, sizeof *out->levels);
    out->text = calloc(most, len + 2);
    if (!out->levels || !out->text) {
        return false;
    }
    name = out->text;
    do {
        const struct ftpaccess_file *file =
            file_of(tree, dir, instead_dir, instead);

        if (file && out->count < most) {
            memcpy(name, dir, strlen(dir) + 1);
            out->levels[out->count].dir = name;
            out->levels[out->count++].file = file;
            name += len + 2;
        }
    } while (go_up(dir));
    return true;
}

void ftpaccess_judge(const struct ftpaccess_tree *tree,
                     const struct ftpaccess_client *client,
                     const struct ftpaccess_command *command, const char *path,
                     const char *arg, const char *instead_dir,
                     const struct ftpaccess_file *instead,
                     struct ftpaccess_verdict *verdict)
{
    enum ftpaccess_type type = tree->type(tree->data, path);
    struct ancestors a = {0};
    char *dir = strdup(path);

    memset(verdict, 0, sizeof *verdict);
    if (dir && type != FTPACCESS_DIRECTORY) {
        (void)go_up(dir);
    }
    if (dir && collect(tree, dir, instead_dir, instead, &a)) {
        ftpaccess_decide(a.levels, a.count, client, command, arg ? arg : path,
                         type != FTPACCESS_ABSENT, verdict);
    }
    free(a.levels);
    free(a.text);
    free(dir);
}

/* --- after putting a file there ------------------------------------------ */

struct trial {
    const struct ftpaccess_tree *tree;
    const struct ftpaccess_client *client;
    const char *dir;
    const struct ftpaccess_file *file;
};

static bool may(const struct trial *t, const char *name, const char *path,
                const struct ftpaccess_command **command,
                struct ftpaccess_verdict *v)
{
    *command = ftpaccess_command(name);
    ftpaccess_judge(t->tree, t->client, *command, path, NULL, t->dir, t->file,
                    v);
    return v->allowed;
}

bool ftpaccess_survives(const struct ftpaccess_tree *tree,
                        const struct ftpaccess_client *client, const char *dir,
                        const struct ftpaccess_file *file,
                        const struct ftpaccess_command **command,
                        struct ftpaccess_verdict *verdict)
{
    const struct trial t = {tree, client, dir, file};
    char path[FTPACCESS_PATH_ROOM];
    int n = snprintf(path, sizeof path, "%s/" FTPACCESS_NAME,
                     strcmp(dir, "/") == 0 ? "" : dir);

    if (!may(&t, "CWD", dir, command, verdict)
        || !may(&t, "LIST", dir, command, verdict)) {
        return false;
    }
    if (n < 0 || (size_t)n >= sizeof path) {
        return true;
    }
    return may(&t, "DELE", path, command, verdict)
           || may(&t, "RNFR", path, command, verdict)
           || may(&t, "STOR", path, command, verdict);
}
