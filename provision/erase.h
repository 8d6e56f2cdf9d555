/* Removes a customer's tree for good, although the customer is hostile.
 *
 * SRV/LOGIN is renamed into SRV/.removed first, which is root's alone, so that
 * no path of the customer's leads there any more. There it is taken apart by
 * descriptors, never through a symbolic link, and with two of them open however
 * deep it is. What was mounted in it is never entered.
 *
 * login must have passed omk_login_check, and the caller holds the node's
 * lock. What a broken-off call left is removed by the next one. */
#ifndef OMK_ERASE_H
#define OMK_ERASE_H

#include <stdbool.h>

struct omk_err;
struct omk_node;

/* Whether there is a tree, or the rest of one. OMK_EDENIED, OMK_EIO. */
int omk_erase_pending(const struct omk_node *n, const char *login, bool *out,
                      struct omk_err *err);

/* OMK_EDENIED where a file system is mounted at the tree or below, and it is
 * then untouched. OMK_EIO: /proc/self/mountinfo cannot be read. */
int omk_erase_check(const struct omk_node *n, const char *login,
                    struct omk_err *err);

/* Checks likewise, and removes. Nothing there is no error. OMK_EDENIED: also
 * when SRV is not root's alone, or something in the tree resists (a mount, an
 * immutable file). OMK_ERANGE: more than OMK_WALK_MAX entries. OMK_EIO. */
int omk_erase_tree(const struct omk_node *n, const char *login,
                   struct omk_err *err);

#endif
