/* The settings sheet: all that a customer needs to use what he has, in his
 * language, as text or as one HTML page that prints on A4.
 *
 * Its words are in SHARE/sheet/LANG.texts and its page in SHARE/sheet/
 * sheet.html; files of the same names in ETC/sheet/ go before them, texts key
 * by key, the page as a whole. A language is its file of texts; what it leaves
 * out is said in English. */
#ifndef OMK_SHEET_H
#define OMK_SHEET_H

#include <apr_pools.h>
#include <stdbool.h>

struct omk_customer;
struct omk_err;
struct omk_node;

struct omk_sheet_options {
    const char *lang;     /* "ja", "en" */
    bool html;            /* else UTF-8 text */
    const char *date;     /* "2026-11-25", or NULL for none */
    const char *address;  /* the server's IP address, or NULL where unknown */
    const char *mailbox;  /* that mailbox's sheet alone, or NULL */
    const char *password; /* one just made, or NULL: the sheet then says that
                             it was given otherwise */
    /* Ports of services; 0: there is no such service, and no word of it. */
    unsigned ftp, pop3, smtp, submission;
};

/* *out is of p and ends with a newline. Whatever stands in the customer's
 * names, o->password and the texts is text in the page, never markup.
 * OMK_ENOENT: no such language, or mailbox (also where there is no mail);
 * OMK_EINVAL: a text or page that cannot be read, where err->where says; or a
 * password with a control character; OMK_EDENIED, OMK_ERANGE, OMK_EIO. */
int omk_sheet_make(apr_pool_t *p, const struct omk_node *n,
                   const struct omk_customer *c,
                   const struct omk_sheet_options *o, const char **out,
                   struct omk_err *err);

/* The address by which browsers find the node: the first that httpd listens
 * on, where that is every one the first of the machine that is not loopback;
 * NULL where there is none. */
const char *omk_sheet_address(apr_pool_t *p, const struct omk_node *n);

#endif
