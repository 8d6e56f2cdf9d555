/* The node: what omakase.conf says, with everything that it leaves out. */
#ifndef OMK_NODE_H
#define OMK_NODE_H

#include "cgi.h"

#include <apr_pools.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct omk_err;

enum omk_profile {
    OMK_PROFILE_MANUAL, /* the manual to the letter */
    OMK_PROFILE_STRICT  /* no password without TLS */
};

/* Strings are absolute paths where nothing else is said. R is root. */
struct omk_node {
    const char *root; /* R; "" is the machine itself */
    const char *file; /* R/etc/omakase/omakase.conf */
    const char *text; /* its bytes */
    size_t text_len;

    const char *host; /* the server's name in mail and on sheets */
    enum omk_profile profile;

    const char *etc_dir;       /* R/etc/omakase */
    const char *customers_dir; /* R/etc/omakase/customers.d */
    const char *httpd_d_dir;   /* R/etc/omakase/httpd.d, may be absent */
    const char *proftpd_d_dir; /* R/etc/omakase/proftpd.d, may be absent */
    const char *state_dir;     /* R/var/lib/omakase */
    const char *srv_dir;       /* R/srv/omakase */
    const char *run_dir;       /* R/run/omakase */
    const char *log_dir;       /* R/var/log/omakase */

    /* Where `make install` put the product, or what paths {} says. */
    const char *confd, *share, *lib, *libexec, *modules;
    const char *httpd, *httpd_modules; /* program; its modules */
    const char *php_fpm;               /* program; "" where there is none */
    const char *mariadbd;              /* program; "" where there is none */
    const char *phpmyadmin;            /* its directory; "" where none */
    const char *proftpd;               /* program; "" where there is none */
    const char *proftpd_modules;       /* the distribution's modules for it */
    const char *proftpd_ftpaccess;     /* our mod_ftpaccess.so; "": without */

    const char *const *listen; /* address:port of httpd, NULL at the end */
    const char *mpm;           /* event, worker, prefork */
    const char *httpd_user;
    const char *httpd_group;
    uid_t httpd_uid;
    gid_t httpd_gid;

    const char *weblog_user; /* who writes the customers' logs */
    uint64_t weblog_size;    /* bytes at which one is closed */
    /* The user's, or 0 and 0: the logger is not installed, or its user is not
     * made yet (who makes it writes them here). Never in single-user mode. */
    struct omk_weblog_ids {
        uid_t uid;
        gid_t gid;
    } *weblog_ids;

    uid_t uid_min, uid_max; /* of customers */
    bool single_user;       /* not root: all is the caller's */

    const char *mysql_socket;
    const char *mysql_listen; /* address:port, or "" for the socket alone */

    /* What a customer has who says nothing else. */
    uint64_t web_quota, mail_quota; /* bytes; 0 is without limit */
    unsigned databases;

    /* PHP, for every customer alike. */
    unsigned php_children; /* at once */
    unsigned php_time_s;   /* a request's */
    uint64_t php_memory;   /* bytes a request */
    const char *timezone;  /* such as Asia/Tokyo */

    /* FTP. */
    const char *const *ftp_listen; /* address:port, NULL at the end; none: no
                                      FTP */
    const char *ftp_passive;       /* "FIRST LAST", ports */
    const char *ftp_masquerade;    /* address told for passive, or "" */
    unsigned ftp_clients, ftp_clients_per_address; /* sessions at once */

    /* The node's certificate, for FTP (and mail); "" where there is none. */
    const char *tls_certificate, *tls_key;
    struct omk_cgi cgi; /* of a customer who says nothing else */

    unsigned keep; /* generations that stay, with the current one */
};

#define OMK_CONF_MAX ((size_t)16 << 20) /* bytes of a file */

/* Reads R/etc/omakase/omakase.conf; where there is none, everything has its
 * default. *out and all of it is of p. OMK_EINVAL and OMK_ERANGE with
 * err->where "FILE:LINE"; OMK_EDENIED, OMK_EIO, OMK_ENOMEM. */
int omk_node_load(apr_pool_t *p, const char *root, const struct omk_node **out,
                  struct omk_err *err);

/* The same from bytes; name stands in errors. Looks no user up: httpd_uid and
 * httpd_gid are 0. */
int omk_node_parse(apr_pool_t *p, const char *root, const char *name,
                   const char *text, size_t len, struct omk_node *out,
                   struct omk_err *err);

#endif
