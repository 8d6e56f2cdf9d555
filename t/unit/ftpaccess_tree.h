/* A tree in memory for the tests of libftpaccess. */
#ifndef T_FTPACCESS_TREE_H
#define T_FTPACCESS_TREE_H

#include "ftpaccess.h"

struct memory_file {
    const char *dir, *text;
    int64_t mtime_s;
};

struct memory_tree {
    const char *const *dirs;         /* ended by NULL */
    const struct memory_file *files; /* .ftpaccess; ended by a NULL dir */
    struct ftpaccess_file *parsed[16];
    struct ftpaccess_tree tree;
};

/* Whatever is not a directory and is not called "new" is a file. */
void memory_tree_open(struct memory_tree *m, const char *const *dirs,
                      const struct memory_file *files);
void memory_tree_close(struct memory_tree *m);

#endif
