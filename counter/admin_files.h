/* Files to import: a file, all files of a directory, or standard input. Nobody
 * chooses by a symbolic link, a fifo or a device what is read. */
#ifndef COUNTER_ADMIN_FILES_H
#define COUNTER_ADMIN_FILES_H

#include <stddef.h>
#include <stdint.h>

struct omk_err;

#define COUNTER_FILES_MAX ((size_t)1 << 30) /* bytes of one */

struct counter_file {
    const char *path; /* as errors name it */
    const char *name; /* its last part; "" for standard input */
    const char *data; /* len bytes and a NUL */
    size_t len;
    int64_t mtime;
};

struct counter_files {
    /* Told each file; not 0 ends it. */
    int (*file)(void *ctx, const struct counter_file *file);
    /* Told each that cannot be read (err->where is its path). */
    int (*problem)(void *ctx, const struct omk_err *err);
    void *ctx;
};

/* path "-" is standard input. Of a directory the files come by name, those
 * with a dot in front not at all; what is no regular file is a problem. Returns
 * 0, what a function returned, or OMK_ENOMEM. */
int counter_files_read(const char *path, const struct counter_files *to);

#endif
