/* Files of a generation in memory: a name below the generation's directory
 * and bytes. Sorted by name once omk_files_sort was called. */
#ifndef OMK_FILES_H
#define OMK_FILES_H

#include <apr_pools.h>
#include <apr_time.h>
#include <stdbool.h>
#include <stddef.h>

struct omk_err;

#define OMK_SHA1_HEX 40

struct omk_file {
    const char *path; /* "httpd/ab-cdftp.conf" */
    const char *data;
    size_t len;
    const char *sum; /* NULL until omk_file_sum was asked */
    bool linked;     /* lies in its generation as a link to the one before */
};

struct omk_files {
    apr_pool_t *p;
    struct omk_file *list;
    size_t count, room;
    apr_time_t read_at; /* omk_generation_read: when it began; else 0 */
};

struct omk_files *omk_files_new(apr_pool_t *p);

/* path and data are kept, not copied. */
void omk_files_add(struct omk_files *f, const char *path, const char *data,
                   size_t len);
void omk_files_add_text(struct omk_files *f, const char *path,
                        const char *text);

void omk_files_sort(struct omk_files *f);
struct omk_file *omk_files_find(const struct omk_files *sorted,
                                const char *path);

/* Whether both are there and have the same bytes. */
bool omk_file_same(const struct omk_file *a, const struct omk_file *b);

/* 40 digits, of p, computed once. */
const char *omk_file_sum(apr_pool_t *p, struct omk_file *f);

/* Reads every regular file of dir whose name has the ending (or any, when it
 * is "") as prefix/NAME; hidden ones, backups (NAME~) and an absent dir are
 * passed over. */
int omk_files_read_dir(struct omk_files *f, const char *dir, const char *ending,
                       const char *prefix, struct omk_err *err);

void omk_sha1_hex(const char *data, size_t len, char out[OMK_SHA1_HEX + 1]);

/* Names and bytes of all files of which `belongs` is true, as one sum. */
void omk_files_sum(const struct omk_files *sorted,
                   bool (*belongs)(const char *path),
                   char out[OMK_SHA1_HEX + 1]);

/* text with every @NAME@ replaced by its value; names are pairs of strings,
 * NULL at the end. An unknown @NAME@ is OMK_EINVAL "name:LINE". */
int omk_template(apr_pool_t *p, const char *name, const char *text,
                 const char *const *names, const char **out,
                 struct omk_err *err);

#endif
