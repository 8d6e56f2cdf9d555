/* Two optional fences around a script, off by default.
 *
 * Confinement (Landlock, Linux 5.13 and newer). Stops, with EACCES, for the
 * script and all that it starts, set-id programs too:
 *   - reading, listing and executing of anything outside the system's
 *     directories (see the table in confine.c), the site's own and the
 *     directories for temporary files: other customers' trees, /home, /root,
 *     /srv, /mnt, backups, even where their modes would allow it;
 *   - writing, making, renaming, linking and removing of anything outside the
 *     site's own directories, /tmp, /var/tmp, /dev/shm, PHP's sessions and the
 *     mail drop;
 *   - mounting, also in a user namespace of its own;
 *   - ptrace of processes outside it: the customer's other runs, php-fpm, FTP;
 *     from Linux 6.12 on also signals to them and their abstract sockets.
 * It does not stop: changing modes, owners and times (the kernel's own checks
 * remain); stat() and walking through directories; using descriptors that were
 * open before; unix sockets in the file system (a database's) and the network;
 * what another process does on the script's behalf. It adds to the checks of
 * user and mode and replaces none.
 *
 * No new privileges (PR_SET_NO_NEW_PRIVS): set-id bits and file capabilities
 * do nothing for the script and all that it starts: no su, no sudo, and no
 * sendmail with Postfix, whose postdrop is setgid. */
#ifndef CGIW_CONFINE_H
#define CGIW_CONFINE_H

#include <stddef.h>

struct omk_err;

/* The kernel's Landlock version; 0: it has none, or it is switched off. */
int cgiw_confine_version(void);

/* Makes a site's rule set, once, for any number of runs. own: directories that
 * the site's scripts may read, write and execute in (its root, its home).
 * Opens them by O_PATH and looks into none. *fd is close-on-exec and the
 * caller's. OMK_ENOENT: the kernel has no Landlock. OMK_EIO: a directory of own
 * cannot be opened (err->where), or the kernel refused. */
int cgiw_confine_make(const char *const *own, size_t count, int *fd,
                      struct omk_err *err);

/* In the child, while it has CAP_SYS_ADMIN (before the drop): then set-id
 * programs keep working, as they would not by way of no_new_privs. For good,
 * for the process and what it starts. 0 or -errno. */
int cgiw_confine_enter(int fd);

/* In the child. 0 or -errno. */
int cgiw_confine_no_new_privs(void);

#endif
