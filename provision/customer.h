/* A customer as declared in LOGIN.conf, LOGIN.mail and LOGIN.httpd.conf. */
#ifndef OMK_CUSTOMER_H
#define OMK_CUSTOMER_H

#include "cgi.h"
#include "err.h"

#include <apr_pools.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct omk_files;
struct omk_node;

#define OMK_DOMAINS_MAX 200 /* of a customer, aliases included */
#define OMK_MAILBOXES_MAX 2000

/* DOMAIN and www.DOMAIN; the aliases are served alike. */
struct omk_domain {
    const char *name;    /* ASCII, lower case */
    const char *docroot; /* "web" or "web/SUB" */
    const char *const *aliases;
    size_t alias_count;
};

/* A line of LOGIN.mail: NAME [quota=SIZE] [forward=ADDRESS,…] [keep=no] */
struct omk_mailbox {
    const char *name;    /* local part, in each of the customer's domains */
    uint64_t quota;      /* bytes; the customer's mail_quota by default */
    const char *forward; /* addresses with commas between, or NULL */
    bool keep;           /* forwarded mail stays in the mailbox too */
    unsigned line;
};

/* Bytes of a file, kept to be copied into the generation. */
struct omk_bytes {
    const char *data; /* NULL: there is no such file */
    size_t len;
};

struct omk_customer {
    const char *login;
    const struct omk_domain *domains; /* the first is the main one */
    size_t domain_count;              /* at least 1 */
    uint64_t web_quota, mail_quota;   /* bytes; 0 is without limit */
    unsigned databases;
    bool php, cgi, ssi, counter;
    struct omk_cgi cgi_options;
    bool suspended;
    const char *note; /* the operator's own words, or "" */
    const struct omk_mailbox *mailboxes;
    size_t mailbox_count;
    struct omk_bytes conf, mail, include; /* the three files */
};

/* One LOGIN.conf of the directory. */
struct omk_customer_entry {
    const char *login;
    const struct omk_customer *customer; /* NULL when the files are wrong */
    struct omk_err err;                  /* then: why */
};

struct omk_customers {
    struct omk_customer_entry *entries; /* sorted by login */
    size_t count;
};

/* Reads every customer of dir (customers_dir or a generation's copy). A
 * customer whose file is wrong is an entry with its error; only a directory
 * that cannot be read is an error of the whole. An absent directory is one
 * without customers. All of it is of p. */
int omk_customers_load(apr_pool_t *p, const struct omk_node *n, const char *dir,
                       struct omk_customers **out, struct omk_err *err);

/* The same of files that were read already, those named prefixLOGIN.conf and
 * so on; dir stands in errors. Who has the same files as in `like` (may be
 * NULL; of this node as well) is not parsed again: both share the customer. */
struct omk_customers *omk_customers_of(apr_pool_t *p, const struct omk_node *n,
                                       const struct omk_files *files,
                                       const char *prefix, const char *dir,
                                       const struct omk_customers *like);

/* NULL when there is none. */
struct omk_customer_entry *omk_customers_find(const struct omk_customers *c,
                                              const char *login);

/* Finds names that two customers claim, and logins of which only `-` tells
 * apart (they would share database names): the entry that `applied` (may be
 * NULL) does not already have loses its customer and gets an error, the later
 * login where that decides nothing. */
void omk_customers_settle(apr_pool_t *p, struct omk_customers *c,
                          const struct omk_customers *applied);

/* One customer from the bytes of LOGIN.conf; name stands in errors. login must
 * have passed omk_login_check. Mailboxes and include are left empty. */
int omk_customer_parse(apr_pool_t *p, const struct omk_node *n,
                       const char *login, const char *name, const char *text,
                       size_t len, struct omk_customer *out,
                       struct omk_err *err);

/* Whether both declare the same (their bytes may differ). */
bool omk_customer_equal(const struct omk_customer *a,
                        const struct omk_customer *b);

#endif
