/* Taking a .ftpaccess out of effect and putting it back: a rename, never
 * anything more, in a tree that may be hostile. */
#ifndef FTPACCESS_LIFT_H
#define FTPACCESS_LIFT_H

#include <stdbool.h>
#include <stddef.h>

struct omk_err;

/* What a file is called while it has no effect; a number follows where that
 * name is taken. */
#define LIFT_NAME ".ftpaccess.disabled"

/* Renames dir's .ftpaccess. *name (room bytes) becomes its new name.
 * OMK_ENOENT: there is none. OMK_EBUSY: a hundred names are taken. OMK_EIO. */
int lift_disable(int dir_fd, char *name, size_t room, struct omk_err *err);

/* Renames the last one back. OMK_ENOENT: none is there. OMK_EBUSY: there is a
 * .ftpaccess. OMK_EIO. */
int lift_enable(int dir_fd, char *name, size_t room, struct omk_err *err);

/* Opens the audit log for appending, made 0600 where it is not there; a link
 * is refused. A descriptor, or a negative code and *err. */
int lift_audit_open(const char *path, struct omk_err *err);

/* "TIME OMK0525 uid=0 TEXT" as one line, on disk when it returns. 0 or a
 * negative code. */
int lift_audit(int fd, const char *id, const char *text, struct omk_err *err);

#endif
