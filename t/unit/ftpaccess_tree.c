#include "ftpaccess_tree.h"

#include <stdlib.h>
#include <string.h>

static enum ftpaccess_type type(void *data, const char *path)
{
    const struct memory_tree *m = data;
    const char *base = strrchr(path, '/');

    for (size_t i = 0; m->dirs[i]; i++) {
        if (strcmp(path, m->dirs[i]) == 0) {
            return FTPACCESS_DIRECTORY;
        }
    }
    return strcmp(base, "/new") == 0 ? FTPACCESS_ABSENT : FTPACCESS_ENTRY;
}

static bool source(void *data, const char *dir, struct ftpaccess_source *s)
{
    struct memory_tree *m = data;

    for (size_t i = 0; m->files[i].dir; i++) {
        if (strcmp(dir, m->files[i].dir) == 0) {
            *s = (struct ftpaccess_source){m->parsed[i], m->files[i].mtime_s,
                                           strlen(m->files[i].text)};
            return true;
        }
    }
    return false;
}

static char **entries(void *data, const char *dir)
{
    char **names = calloc(2, sizeof *names);

    (void)data;
    (void)dir;
    if (names) {
        names[0] = strdup("f.txt");
    }
    return names;
}

void memory_tree_open(struct memory_tree *m, const char *const *dirs,
                      const struct memory_file *files)
{
    *m = (struct memory_tree){
        .dirs = dirs, .files = files, .tree = {m, type, source, entries}};
    for (size_t i = 0; files[i].dir; i++) {
        m->parsed[i] = ftpaccess_parse(files[i].text, strlen(files[i].text));
    }
}

void memory_tree_close(struct memory_tree *m)
{
    for (size_t i = 0; i < sizeof m->parsed / sizeof *m->parsed; i++) {
        ftpaccess_free(m->parsed[i]);
    }
}
