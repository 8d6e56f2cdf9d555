/* Customers' scripts that run at this moment: CGI, by the control sockets of
 * the CGI wrapper's daemons, and PHP, by the status of php-fpm's pools. */
#ifndef OMK_SCRIPTS_H
#define OMK_SCRIPTS_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct omk_err;
struct omk_node;

/* Names and addresses are customers' and visitors' own: any bytes. */
struct omk_script {
    const char *id; /* "4711.3", or "php.4712"; for one moment */
    bool php;
    const char *login;
    const char *script;  /* as the customer sees it by FTP: /web/a.cgi */
    const char *request; /* PHP: method and address; else NULL */
    pid_t pid;
    uint64_t age_ms;
    uint64_t cpu_ms; /* CGI: of the run; PHP: of the process since its start */
    uint64_t memory; /* bytes */
    unsigned processes;
    unsigned percent;   /* of one CPU, see omk_scripts_rate */
    const char *socket; /* CGI: of its daemon */
};

/* The control sockets that are there (const char *): of the CGI wrapper that
 * serves, and of those before it whose scripts still run; what a killed one has
 * left as well. */
apr_array_header_t *omk_scripts_daemons(apr_pool_t *p,
                                        const struct omk_node *n);

/* What runs, as struct omk_script, of p. Who does not answer is named to warn
 * and passed over. OMK_EIO. */
int omk_scripts_list(apr_pool_t *p, const struct omk_node *n,
                     void (*warn)(void *ctx, const struct omk_err *err),
                     void *ctx, apr_array_header_t **out, struct omk_err *err);

/* Fills percent of what is in both lists, ms apart, and sorts `now` by it. */
void omk_scripts_rate(const apr_array_header_t *before, apr_array_header_t *now,
                      uint64_t ms);

/* Ends a script with all that it has started. php-fpm starts another process
 * in place of the one that goes. OMK_ENOENT: it has ended meanwhile. */
int omk_scripts_kill(apr_pool_t *p, const struct omk_script *script,
                     struct omk_err *err);

#endif
