/* What a customer's CGI scripts may take and how strictly they are looked at:
 * `cgi` of omakase.conf, and `cgi_options` of LOGIN.conf in its place. */
#ifndef OMK_CGI_H
#define OMK_CGI_H

#include "conf.h"

/* A limit of 0 is none. */
struct omk_cgi {
    unsigned cpu_s;      /* CPU of a run, all its processes together */
    unsigned wall_s;     /* how long a run may take */
    unsigned processes;  /* of the customer at once */
    unsigned concurrent; /* runs of the customer at once */
    uint64_t memory;     /* bytes of a run */
    uint64_t output;     /* bytes that a run may answer */
    bool strict;         /* CRLF and a byte order mark are errors */
    bool symlinks;       /* a link to a script of the same owner is followed */
    bool isindex;        /* a query without = becomes arguments */
    bool unsafe_inc;     /* Perl finds libraries beside the script */
    bool no_new_privs;   /* no set-id programs; ends sendmail */
    bool confine;        /* landlock */
    bool exec_cmd;       /* SSI's #exec cmd */
    const char *const *diagnostics; /* addresses that see why it failed; NULL at
                                       the end */
};

/* What omakase.conf need not say. */
extern const struct omk_cgi omk_cgi_defaults;

/* The options of such a section, of p; what is left out is as in defaults. */
cfg_opt_t *omk_cgi_options(apr_pool_t *p, const struct omk_cgi *defaults);

/* Has values checked as they are read; section is its name. */
void omk_cgi_validate(apr_pool_t *p, cfg_t *cfg, const char *section);

/* From a section that was read. */
void omk_cgi_fill(apr_pool_t *p, cfg_t *section, struct omk_cgi *out);

bool omk_cgi_equal(const struct omk_cgi *a, const struct omk_cgi *b);

#endif
