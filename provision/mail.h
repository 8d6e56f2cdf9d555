/* LOGIN.mail: a mailbox a line, edited by hand and by program alike.
 *
 *     NAME [quota=SIZE] [forward=ADDRESS,...] [keep=yes|no]  # words
 *
 * The options stand in any order, each at most once. What is behind a `#` is
 * the operator's own; blank lines and comments stay where they are. NAME is
 * the part before the `@`, in every domain of the customer's; upper case is
 * read as lower case. There are no passwords here: they are in the secrets.
 *
 * postmaster, abuse and the like are names as any other (RFC 2142 wants them
 * to be the domain's own); only mailer-daemon and double-bounce, by which mail
 * servers speak, are refused. */
#ifndef OMK_MAIL_H
#define OMK_MAIL_H

#include "customer.h"

/* The lines of LOGIN.mail into out->mailboxes and out->mail; out->mail_quota
 * is what a mailbox has that says nothing else. Of p. On failure out is
 * untouched and err->where is "name:LINE". OMK_EINVAL, OMK_ERANGE (a size, a
 * length, more than OMK_MAILBOXES_MAX), OMK_EDENIED (a refused name). */
int omk_mail_parse(apr_pool_t *p, const char *name, const char *text,
                   size_t len, struct omk_customer *out, struct omk_err *err);

enum omk_mail_verb { OMK_MAIL_ADD, OMK_MAIL_CHANGE, OMK_MAIL_REMOVE };

/* What to do with one mailbox. Of the options, NULL leaves what is there and
 * "" takes it away. */
struct omk_mail_edit {
    enum omk_mail_verb verb;
    const char *name;
    const char *quota;   /* "100M" */
    const char *forward; /* "a@example.jp,b@example.jp" */
    const char *keep;    /* "yes" or "no" */
};

/* Does e to in (data NULL: an empty file). *out, of p, is byte for byte what
 * in was but for that mailbox's line: its comment and blanks stay. A file that
 * does not parse is not edited. OMK_ENOENT: no such mailbox; OMK_EDENIED: it
 * is there already (to add), or a refused name; else as omk_mail_parse, with
 * err->where `name` or `name:LINE`. */
int omk_mail_edit(apr_pool_t *p, const char *name, const struct omk_bytes *in,
                  const struct omk_mail_edit *e, struct omk_bytes *out,
                  struct omk_err *err);

/* The same with the file at path, which need not be there to add the first (its
 * mode is then 0600).
 * Writers wait for each other (a lock on the directory); a reader sees the old
 * file or the new one. The mode stays. OMK_EDENIED where path is no regular
 * file, not root's nor the caller's, or writable for others; OMK_EIO,
 * OMK_ENOSPC, OMK_ENOMEM. */
int omk_mail_edit_file(apr_pool_t *p, const char *path,
                       const struct omk_mail_edit *e, struct omk_err *err);

#endif
