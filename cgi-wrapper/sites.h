/* The daemon's own copy of the configuration: which sites there are, whose
 * they are, and what holds for them.
 *
 * httpd's root parent writes it into a memfd before it starts the daemon. It
 * is NUL-terminated records of tab-separated fields:
 *
 *   cgi-wrapper  1                      first; the version
 *   log          PATH                   usage log; none without it
 *   denied       PATH                   the operator's deny list
 *   control      PATH                   operator's socket: PATH.PID is bound
 *   httpd        UID                    that no site may have; before sites
 *   cgroup       NAME                   below which this instance's groups are
 *   interpreter  FROM TO                a shebang's program and what runs it
 *   passenv      NAME                   lets a variable through
 *   setenv       NAME VALUE             gives one to all scripts
 *   site         ID LOGIN UID GID ROOT USERNAME HOME [KEY=VALUE...]
 *   site-interpreter  ID FROM TO
 *   site-passenv      ID NAME
 *   site-setenv       ID NAME VALUE
 *
 * Sites are numbered from 0 in the order they stand; what names a site stands
 * behind it. Keys: cpu, wall (seconds), memory, output (bytes), processes,
 * concurrent (0: no limit); strict, symlinks, isindex, unsafeinc, nnp, confine,
 * execcmd (0 or 1); path, lang, umask (octal), shown (ROOT as its owner sees
 * it, "" for "/"). Anything else is an error: a daemon that does not
 * understand its configuration must not run anything. */
#ifndef CGIW_SITES_H
#define CGIW_SITES_H

#include "limits.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct omk_err;

#define CGIW_SITES_MAX 100000u
#define CGIW_CONFIG_MAX (64u << 20) /* bytes */
#define CGIW_ID_MIN 100u /* no system account runs scripts: uid and gid */
#define CGIW_DEFAULT_PATH "/usr/local/bin:/usr/bin:/bin"

/* A name that is let through, or an interpreter with what replaces it. */
struct cgiw_word {
    const char *from;
    const char *to; /* or a variable's value; NULL for a name */
    const struct cgiw_word *next;
};

struct cgiw_site {
    const char *login;    /* the customer, as logs name him */
    uid_t uid;            /* never 0, nor below CGIW_ID_MIN */
    gid_t gid;            /* the same */
    const char *root;     /* scripts lie below it; normal form, not "/" */
    const char *username; /* USER and LOGNAME */
    const char *home;     /* HOME */
    const char *shown;    /* root as the owner sees it: "/web", "" for "/" */
    const char *path;     /* PATH, default CGIW_DEFAULT_PATH */
    const char *lang;     /* LANG, NULL: C, as scripts have it from mod_cgi */
    struct cgiw_limits limits;
    mode_t umask;  /* default 022 */
    uint32_t user; /* sites of one uid have one number, below users */
    unsigned strict : 1, symlinks : 1, isindex : 1, unsafeinc : 1, nnp : 1,
        confine : 1, execcmd : 1;
    const struct cgiw_word *interpreters; /* of this site alone */
    const struct cgiw_word *passenv;
    const struct cgiw_word *setenv; /* from: the name, to: the value */
};

struct cgiw_config {
    const char *log, *denied, *control, *cgroup; /* NULL where not given */
    uid_t httpd_uid;                             /* (uid_t)-1: not given */
    const struct cgiw_word *interpreters;        /* of all sites */
    const struct cgiw_word *passenv;
    const struct cgiw_word *setenv; /* from: the name, to: the value */
    const struct cgiw_site *sites;
    uint32_t site_count;
    uint32_t user_count; /* how many different uids sites have */
};

/* Reads a configuration of len bytes. own_uid: 0 when the daemon is root;
 * another's may have sites of that uid alone (system account or not). *out is
 * malloc'd, free of the blob, and the caller's to give to cgiw_config_free.
 * OMK_EINVAL with the record's number and what is wrong, OMK_ERANGE,
 * OMK_EVERSION, OMK_ENOMEM. Pure but for malloc. */
int cgiw_config_parse(const void *blob, size_t len, uid_t own_uid,
                      struct cgiw_config **out, struct omk_err *err);
void cgiw_config_free(struct cgiw_config *config);

/* The site with that ID, or NULL. */
const struct cgiw_site *cgiw_config_site(const struct cgiw_config *config,
                                         uint32_t id);

/* What runs instead of the shebang's program `from`: the site's own word,
 * else one for all, else NULL. */
const char *cgiw_site_interpreter(const struct cgiw_config *config,
                                  const struct cgiw_site *site,
                                  const char *from);

/* Whether the operator lets the variable of that name (len bytes) through. */
int cgiw_site_passenv(const struct cgiw_config *config,
                      const struct cgiw_site *site, const char *name,
                      size_t len);

/* The path below the site's root, without a slash at its start ("" for the
 * root itself), or NULL when it lies elsewhere: /srv/ab is not below /srv/a.
 * Both in normal form; path of len bytes. */
const char *cgiw_site_beneath(const struct cgiw_site *site, const char *path,
                              size_t len);

#endif
