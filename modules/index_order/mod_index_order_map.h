/* What can make an address answer although no file has its name: aliases,
 * redirects, rewrite rules, proxies, modules that nobody has looked at.
 *
 * mod_index_order asks this before it believes its own look at a directory.
 * Every doubt counts as "yes, it can": the cost is a subrequest, which is what
 * mod_dir pays always. */
#ifndef OMAKASE_MOD_INDEX_ORDER_MAP_H
#define OMAKASE_MOD_INDEX_ORDER_MAP_H

#include "httpd.h"
#include "http_config.h"

struct index_map;

/* Looks at the modules that are loaded and at their hooks: once for each
 * reading of the configuration, in post_config, before index_map_make. */
void index_map_init(void);

/* What is known of s, allocated from p; NULL where nothing may be taken for
 * granted: rewrite rules, ProxyPass or RequestHeader outside of all sections,
 * <DirectoryMatch>, a <Location> that has such rules, a module of others with
 * a hook in the way. In post_config: it reads ap_conftree and the sections. */
const struct index_map *index_map_make(apr_pool_t *p, server_rec *s);

/* True when an Alias, ScriptAlias or Redirect of the server's may catch name
 * in r's directory, and not the directory. */
int index_map_may_catch(const struct index_map *map, request_rec *r,
                        const char *name);

/* True when in r's directory (r->per_dir_config, as found by httpd's walks)
 * only a file can make an address answer that none of the map's aliases
 * catches: neither .htaccess nor a section has rules, redirects or <If>. */
int index_map_only_files(request_rec *r);

/* By mod_index_order.c: whether a section has a FallbackResource of its own. */
int index_order_has_fallback(const ap_conf_vector_t *section);

#endif
