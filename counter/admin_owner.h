/* Root works on a store as the store's owner: what it creates is httpd's as
 * before, and no trick in httpd's directory has root's rights. */
#ifndef COUNTER_ADMIN_OWNER_H
#define COUNTER_ADMIN_OWNER_H

#include <stdbool.h>

struct omk_err;

/* Gives up root for the owner of the store at path; where there is none yet and
 * create is set, for the owner of its directory. Does nothing for other users
 * than root and for a store of root's in a directory of root's. Every file that
 * the process needs as root must be open or read before.
 *
 * OMK_ENOENT (no store, or no directory), OMK_EDENIED (a new store, or one in
 * another's directory, would be root's and httpd shut out), OMK_EIO. */
int counter_become_owner(const char *path, bool create, struct omk_err *err);

#endif
