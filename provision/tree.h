/* A customer's tree, SRV/LOGIN, the root of the customer's FTP:
 *
 *   .            root's, sticky; the customer rwx, httpd and the logger x,
 *                nobody else
 *   web/         root's, sticky; the customer rwx, httpd rx: what is published
 *   log/         root's, sticky; the customer rx, the logger rwx
 *   home/        root's; the customer rx
 *   home/LOGIN/  the customer's, 0700: the login directory
 *   tmp/         the customer's, 0700: uploads and sessions
 *
 * The customer is hostile and changes the top while we work. So everything is
 * reached by a descriptor of its parent, never through a symbolic link, looked
 * at through the descriptor, and changed through it. Nothing below these six
 * is touched, ever.
 *
 * In single-user mode (n->single_user) everything is the caller's, with plain
 * modes and no ACL: it keeps nobody from anything, since there is one user.
 *
 * login must have passed omk_login_check. Thread-safe. */
#ifndef OMK_TREE_H
#define OMK_TREE_H

struct omk_account;
struct omk_err;
struct omk_node;

/* Calls found for each deviation with one line: the place, what it is, what
 * was expected. Changes nothing. 0 also when something was found. OMK_EIO and
 * OMK_EDENIED when it cannot be looked at. */
int omk_tree_check(const struct omk_node *n, const char *login,
                   const struct omk_account *a,
                   void (*found)(void *ctx, const char *what), void *ctx,
                   struct omk_err *err);

/* Makes what is missing and repairs owner, mode and ACL of what is there.
 * What is no directory stays as it is and is named (OMK_EDENIED); so is a log/
 * that is not root's or holds what neither root nor the logger made, as root
 * writes there. The other places are seen to all the same. OMK_EINVAL: the file system
 * has no ACLs. OMK_ENOSPC, OMK_EIO. */
int omk_tree_make(const struct omk_node *n, const char *login,
                  const struct omk_account *a, struct omk_err *err);

/* A descriptor of SRV (O_RDONLY), which must be such that nobody but root (in
 * single-user mode, the caller) can change what is in it. OMK_ENOENT: there is
 * none. OMK_EDENIED, OMK_EIO. */
int omk_tree_srv(const struct omk_node *n, int *fd, struct omk_err *err);

/* Descriptors of SRV/LOGIN and of the directory name in it (O_RDONLY), which
 * may be another file system but no symbolic link; *top may be NULL.
 * OMK_ENOENT, OMK_EDENIED, OMK_EIO. */
int omk_tree_open(const struct omk_node *n, const char *login,
                  const char *name, int *top, int *fd, struct omk_err *err);

#endif
