/* counter.conf: the same directives as mod_counter has in httpd, for
 * Count.cgi and omakase-counter, which see no httpd configuration.
 *
 * The syntax is httpd's: a directive a line, case-insensitive, words in quotes
 * where they hold blanks, `\` at a line's end continues it, `#` begins a line
 * of comment; <VirtualHost ADDRESS...> sections with ServerName, ServerAlias
 * and the Counter* directives that belong to a site. What stands outside a
 * section holds for all of them, wherever it stands. Nothing is taken from the
 * environment, nothing is included: a CGI program must not be told by its
 * caller where its store is. An unknown directive is an error.
 *
 *   CounterStore PATH             CounterReferer strict|lenient
 *   CounterDesigns DIR            CounterRefererAllow HOST...
 *   CounterImages DIR             CounterCustomer NAME
 *   CounterEffects PATH           CounterMaxPerCustomer N
 *   CounterSync SECONDS           CounterDigits MIN MAX
 *   CounterIgnore ADDRESS[/BITS]... CounterReload on|off
 *   CounterVisitors hashed|plain
 * (the left column for the whole server only) */
#ifndef COUNTER_CONF_H
#define COUNTER_CONF_H

#include "site.h"
#include "visitor.h"

struct counter_conf_memory;

struct counter_conf {
    const char *store;   /* absolute paths; without a directive below */
    const char *designs; /* OMAKASE_STATEDIR, OMAKASE_DATADIR and */
    const char *images;  /* OMAKASE_LIBDIR */
    const char *effects;
    unsigned sync_s; /* 1..3600, default 1 */
    enum counter_visitor_mode visitors;
    const struct counter_net *ignore; /* shown, never counted */
    size_t ignore_count;
    const struct counter_sites *sites;
    struct counter_conf_memory *memory; /* private */
};

#define COUNTER_CONF_MAX ((size_t)4 << 20) /* bytes of the file */

/* Reads the file. OMK_ENOENT, OMK_EIO, OMK_ENOMEM, OMK_EINVAL, OMK_ERANGE
 * (err->where is "file:line", err->text says what was expected). On success
 * the caller calls counter_conf_free; on failure *conf is untouched. */
int counter_conf_load(const char *path, struct counter_conf *conf,
                      struct omk_err *err);

/* The same from len bytes at text, which are copied; name stands in errors. */
int counter_conf_parse(const char *name, const char *text, size_t len,
                       struct counter_conf *conf, struct omk_err *err);

void counter_conf_free(struct counter_conf *conf);

/* The policy of the virtual host that answers for host (lower case, no port,
 * no trailing dot), or NULL when none does. */
const struct counter_site *counter_conf_site(const struct counter_conf *conf,
                                             const char *host);

#endif
