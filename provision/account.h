/* The Unix users of customers.
 *
 * A customer's user has the customer's login for a name, a uid of
 * omakase.conf's range, a group of its own, no shell, and says in its GECOS
 * field whose it is ("Omakase customer ROOT"). useradd(8) and userdel(8) write
 * the files of the system, never we. The caller holds the node's lock; nothing
 * here is thread-safe (fgetpwent(3)).
 *
 * In single-user mode every customer is the caller's own user, and create and
 * remove do nothing. */
#ifndef OMK_ACCOUNT_H
#define OMK_ACCOUNT_H

#include <apr_pools.h>
#include <stdbool.h>
#include <sys/types.h>

struct omk_err;
struct omk_node;
struct omk_accounts;

struct omk_account {
    uid_t uid;
    gid_t gid;
    char name[33];
};

/* Reads /etc/passwd and /etc/group, once. *out is of p, and n must live as
 * long. OMK_EIO, OMK_EDAMAGED (STATE/last-uid). */
int omk_accounts_load(apr_pool_t *p, const struct omk_node *n,
                      struct omk_accounts **out, struct omk_err *err);

/* The same of the system below prefix, as useradd --prefix has it. */
int omk_accounts_load_in(apr_pool_t *p, const struct omk_node *n,
                         const char *prefix, struct omk_accounts **out,
                         struct omk_err *err);

/* OMK_ENOENT: there is no such user. OMK_EDENIED: there is, and it is no
 * customer's (another GECOS field, a uid out of the range or shared with
 * another user): not to be used. */
int omk_account_find(const struct omk_accounts *a, const char *login,
                     struct omk_account *out, struct omk_err *err);

/* Whether there is such a user and it is of this root, by its GECOS field.
 * False in single-user mode. */
bool omk_account_is_own(const struct omk_accounts *a, const char *login);

/* Ends every process of the account's uid, for good. Nothing to do in
 * single-user mode. OMK_EBUSY: some are still there after ten seconds; OMK_EIO.
 * The account must come from omk_account_find. */
int omk_account_end_processes(const struct omk_accounts *a,
                              const struct omk_account *account,
                              struct omk_err *err);

/* Finds or makes it. login must have passed omk_login_check. The uid is one
 * above every one that was ever given (STATE/last-uid), so that what a removed
 * customer left behind never belongs to another. OMK_ERANGE: the range is used
 * up. OMK_EDENIED: as of find, or useradd's own refusal. OMK_ENOENT: there is
 * no useradd. OMK_EIO. */
int omk_account_create(struct omk_accounts *a, const char *login,
                       struct omk_account *out, struct omk_err *err);

/* Deletes the user and its group, no file. 0 where there is none. OMK_EDENIED:
 * it is no customer's, or of another root, or has processes; OMK_ENOENT: there
 * is no userdel. */
int omk_account_remove(struct omk_accounts *a, const char *login,
                       struct omk_err *err);

/* How many uids of the range were never given; some of them may be another
 * program's. 0 in single-user mode. */
unsigned omk_accounts_left(const struct omk_accounts *a);

#endif
