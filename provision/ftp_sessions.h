/* FTP sessions that are open: who is suspended or removed, or has a new
 * password, must not go on in one that began before. */
#ifndef OMK_FTP_SESSIONS_H
#define OMK_FTP_SESSIONS_H

#include <apr_pools.h>

struct omk_node;

/* Ends (SIGTERM) this node's sessions of everyone whose line of `was` is not in
 * `now`; both are texts of STATE/ftp/users. What is being uploaded is broken
 * off, and the old file stays. */
void omk_ftp_sessions_end(apr_pool_t *p, const struct omk_node *n,
                          const char *was, const char *now);

#endif
