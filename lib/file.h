/* Whole small files: read with a bound, written so that a reader or a power
 * cut sees either the old or the new content. */
#ifndef OMK_FILE_H
#define OMK_FILE_H

#include <stddef.h>
#include <sys/types.h>

struct omk_err;

/* Reads a regular file of at most max bytes. *data is malloc'd, NUL-terminated
 * after len bytes, and the caller's to free. Symbolic links are followed.
 * OMK_ENOENT, OMK_ERANGE (larger than max), OMK_EINVAL (no regular file),
 * OMK_EIO, OMK_ENOMEM. */
int omk_file_read(const char *path, size_t max, char **data, size_t *len,
                  struct omk_err *err);

/* The same from a descriptor, from its start on; path stands in errors. For
 * callers that open by rules of their own. */
int omk_file_read_fd(int fd, const char *path, size_t max, char **data,
                     size_t *len, struct omk_err *err);

/* Writes path by way of a temporary in the same directory: write, fsync,
 * rename, fsync of the directory. mode is exact (no umask). An existing file
 * is replaced; on failure it is as it was and no temporary stays.
 * OMK_ENOSPC, OMK_EIO, OMK_ENOMEM. */
int omk_file_write(const char *path, const void *data, size_t len, mode_t mode,
                   struct omk_err *err);

/* The same, and the file's group is gid before it has its name; (gid_t)-1: the
 * caller's own. */
int omk_file_write_group(const char *path, const void *data, size_t len,
                         mode_t mode, gid_t gid, struct omk_err *err);

/* write(2) until all is out or it fails; 0 or -errno. EINTR is retried. */
int omk_write_all(int fd, const void *data, size_t len);

#endif
