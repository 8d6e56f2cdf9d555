/* Changes a customer's files by program and leaves the operator's own words in
 * them: comments, order, blank lines. The text is changed in place, read again
 * and compared with what it must say by then; where that does not come out,
 * nothing is written and the operator is asked to edit by hand. */
#ifndef OMK_EDIT_H
#define OMK_EDIT_H

#include <apr_pools.h>
#include <stddef.h>

struct omk_customer;
struct omk_err;
struct omk_node;

/* text with `name = value` at its top level: the first one's value replaced,
 * others untouched, or a line more. value is as it stands in the file. */
const char *omk_edit_set(apr_pool_t *p, const char *text, const char *name,
                         const char *value);

/* text with a section more. docroot may be NULL. */
const char *omk_edit_add_domain(apr_pool_t *p, const char *text,
                                const char *domain, const char *docroot);

/* text without the section, and without its line's rest; or with another name.
 * domain is ASCII, whatever form the file has. NULL: there is none. */
const char *omk_edit_remove_domain(apr_pool_t *p, const char *text,
                                   const char *domain);
const char *omk_edit_rename_domain(apr_pool_t *p, const char *text,
                                   const char *domain, const char *to);

/* LOGIN.mail with a line more, or without the line of a mailbox (NULL: there
 * is none). */
const char *omk_edit_add_mailbox(apr_pool_t *p, const char *text,
                                 const char *line);
const char *omk_edit_remove_mailbox(apr_pool_t *p, const char *text,
                                    const char *name);

/* Writes LOGIN.conf if it says exactly `want`. OMK_EINVAL: it does not. */
int omk_edit_write_conf(apr_pool_t *p, const struct omk_node *n,
                        const char *text, const struct omk_customer *want,
                        struct omk_err *err);

/* Writes LOGIN.mail if it can be read. */
int omk_edit_write_mail(apr_pool_t *p, const struct omk_node *n,
                        const struct omk_customer *c, const char *text,
                        struct omk_err *err);

#endif
