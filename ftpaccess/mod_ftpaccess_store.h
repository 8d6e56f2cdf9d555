/* mod_ftpaccess: uploads that end badly. With HiddenStores ".in." ".%P." an
 * upload has a file of its own until it is whole; these see to it that one
 * which is not never takes the old one's place, that a full disk is told from a
 * broken one, and that what killed sessions have left goes. */
#ifndef MOD_FTPACCESS_STORE_H
#define MOD_FTPACCESS_STORE_H

#include "conf.h"

#include <stdbool.h>

/* Writes all, or fails with the reason: ProFTPD takes a short write, which is
 * what a file system gives at its last free block, for an I/O error (451) and
 * not for a full disk (452) or quota (552). */
int ftpaccess_store_write(pr_fh_t *fh, int fd, const char *data, size_t len);

/* Whether the client has gone, or wants to (ABOR), by now. The end of an FTP
 * upload is the end of its connection, and so is a client's that dies. */
bool ftpaccess_store_is_broken_off(void);

/* Before an upload to path: removes what sessions that are no more have left in
 * its directory; once a session and directory. */
void ftpaccess_store_sweep(const char *path);

#endif
