/* mod_index_order: what else than a file can answer; see the header. */
#include "mod_index_order_map.h"

#include "http_config.h"
#include "http_core.h"
#include "http_request.h"
#include "ap_regex.h"
#include "apr_strings.h"

/* Modules whose hooks in the way of a request have been read (httpd 2.4) and
 * do one of these: nothing to a file's mapping; what the tables below tell; the
 * same on a directory and on the file chosen in it. */
static const char *const reviewed[] = {"core.c",
                                       "http_core.c",
                                       "mod_access_compat.c",
                                       "mod_alias.c",
                                       "mod_auth_basic.c",
                                       "mod_authn_core.c",
                                       "mod_authn_file.c",
                                       "mod_authz_core.c",
                                       "mod_authz_groupfile.c",
                                       "mod_authz_host.c",
                                       "mod_authz_user.c",
                                       "mod_counter.c",
                                       "mod_dir.c",
                                       "mod_env.c",
                                       "mod_headers.c",
                                       "mod_include.c",
                                       "mod_index_order.c",
                                       "mod_mime.c",
                                       "mod_negotiation.c",
                                       "mod_php_pool.c",
                                       "mod_proxy.c",
                                       "mod_rewrite.c",
                                       "mod_setenvif.c",
                                       "mod_ssl.c",
                                       NULL};

/* Set in index_map_init, before there are children; read-only from then on. */
static int all_reviewed;
static struct mapper {
    const char *name;
    int answers; /* in a section or .htaccess it can make any address answer;
                    if not, it looks at the address of a directory (expr=) */
    const module *loaded; /* or NULL */
} mappers[] = {{"mod_alias.c", 1, NULL},
               {"mod_proxy.c", 1, NULL},
               {"mod_rewrite.c", 1, NULL},
               {"mod_headers.c", 0, NULL}};
#define MAPPERS (int)(sizeof mappers / sizeof *mappers)

/* An address that an alias may be for: up to its last slash, and behind. */
struct alias_path {
    const char *dir, *name;
};

struct index_map {
    apr_array_header_t *paths;   /* struct alias_path */
    apr_array_header_t *regexes; /* ap_regex_t * */
    int opaque;
};

/* The head of what apr_hooks keeps for each function of a hook. */
struct hook_entry {
    void (*function)(void);
    const char *module_name;
    const char *const *predecessors;
    const char *const *successors;
    int order;
};

static int is_reviewed(const char *name)
{
    for (int i = 0; reviewed[i]; i++) {
        if (name && strcmp(reviewed[i], name) == 0) {
            return 1;
        }
    }
    return 0;
}

static int hook_reviewed(const apr_array_header_t *hook)
{
    for (int i = 0; hook && i < hook->nelts; i++) {
        if (!is_reviewed(
                ((const struct hook_entry *)hook->elts)[i].module_name)) {
            return 0;
        }
    }
    return 1;
}

static int hooks_reviewed(void)
{
    return hook_reviewed(ap_hook_get_quick_handler())
           && hook_reviewed(ap_hook_get_pre_translate_name())
           && hook_reviewed(ap_hook_get_translate_name())
           && hook_reviewed(ap_hook_get_map_to_storage())
           && hook_reviewed(ap_hook_get_dirwalk_stat())
           && hook_reviewed(ap_hook_get_post_perdir_config())
           && hook_reviewed(ap_hook_get_header_parser())
           && hook_reviewed(ap_hook_get_access_checker())
           && hook_reviewed(ap_hook_get_access_checker_ex())
           && hook_reviewed(ap_hook_get_check_user_id())
           && hook_reviewed(ap_hook_get_auth_checker())
           && hook_reviewed(ap_hook_get_type_checker())
           && hook_reviewed(ap_hook_get_fixups());
}

/* Sections whose directives are of a directory, file or address. <IfModule> and
 * its like are none: what stands in them is of the level around. */
static int is_section(const char *directive)
{
    static const char *const begin[] = {"<Directory", "<Location", "<Files",
                                        "<Limit", "<Proxy"};
    static const char *const whole[] = {"<If", "<ElseIf", "<Else"};

    for (size_t i = 0; i < sizeof begin / sizeof *begin; i++) {
        if (strncasecmp(directive, begin[i], strlen(begin[i])) == 0) {
            return 1;
        }
    }
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) {
        if (strcasecmp(directive, whole[i]) == 0) {
            return 1;
        }
    }
    return 0;
}

/* mod_alias takes many slashes for one, and none at the end for one. */
static void add_path(apr_pool_t *p, struct index_map *map, const char *word)
{
    char *dir = apr_pstrdup(p, word);
    apr_size_t n;
    char *slash;

    ap_no2slash(dir);
    n = strlen(dir);
    if (n > 0 && dir[n - 1] == '/') {
        dir[n - 1] = '\0';
    }
    slash = strrchr(dir, '/');
    if (slash) {
        APR_ARRAY_PUSH(map->paths, struct alias_path) = (struct alias_path){
            apr_pstrmemdup(p, dir, (apr_size_t)(slash - dir) + 1), slash + 1};
    }
}

/* Which of the words is the address and which is where it leads is mod_alias's
 * affair: each counts as an address. */
static void add_alias(apr_pool_t *p, struct index_map *map,
                      const ap_directive_t *d)
{
    const char *args = d->args;
    int is_regex = ap_strcasestr(d->directive, "Match") != NULL;

    while (*args) {
        char *word = ap_getword_conf(p, &args);
        ap_regex_t *regex;

        if (!is_regex) {
            add_path(p, map, word);
        }
        else if ((regex = ap_pregcomp(p, word, AP_REG_EXTENDED))) {
            APR_ARRAY_PUSH(map->regexes, ap_regex_t *) = regex;
        }
    }
}

static void add_directive(apr_pool_t *p, struct index_map *map,
                          const ap_directive_t *d)
{
    module *owner = ap_top_module;

    if (!ap_find_command_in_modules(d->directive, &owner)) {
        return;
    }
    if (strcmp(owner->name, "mod_alias.c") == 0) {
        add_alias(p, map, d);
    }
    else if (strcmp(owner->name, "mod_rewrite.c") == 0
             || strcasecmp(d->directive, "RequestHeader") == 0
             || strcasecmp(d->directive, "ProxyRequests") == 0
             || strncasecmp(d->directive, "ProxyPass", 9) == 0) {
        map->opaque = 1;
    }
}

/* The directives at the level of d, and of <IfModule> and the like below. */
static void add_level(apr_pool_t *p, struct index_map *map,
                      const ap_directive_t *d)
{
    for (; d; d = d->next) {
        if (strncasecmp(d->directive, "<VirtualHost", 12) == 0
            || is_section(d->directive)) {
            continue;
        }
        if (d->first_child) {
            add_level(p, map, d->first_child);
        }
        else {
            add_directive(p, map, d);
        }
    }
}

static const ap_directive_t *virtual_host(const server_rec *s)
{
    for (const ap_directive_t *d = ap_conftree; d; d = d->next) {
        if (s->defn_name && d->filename
            && (unsigned)d->line_num == s->defn_line_number
            && strncasecmp(d->directive, "<VirtualHost", 12) == 0
            && strcmp(d->filename, s->defn_name) == 0) {
            return d;
        }
    }
    return NULL;
}

/* True when a section's own directives can make an absent file answer. */
static int section_maps(const ap_conf_vector_t *section)
{
    const core_dir_config *core = ap_get_core_module_config(section);

    for (int m = 0; m < MAPPERS; m++) {
        if (mappers[m].loaded && mappers[m].answers
            && ap_get_module_config(section, mappers[m].loaded)) {
            return 1;
        }
    }
    return (core && (core->sec_if || core->sec_file))
           || index_order_has_fallback(section);
}

static int sections_map(const apr_array_header_t *sections)
{
    for (int i = 0; sections && i < sections->nelts; i++) {
        if (section_maps(APR_ARRAY_IDX(sections, i, ap_conf_vector_t *))) {
            return 1;
        }
    }
    return 0;
}

/* <DirectoryMatch> is compared with file names as well. */
static int has_directory_match(const apr_array_header_t *sections)
{
    for (int i = 0; i < sections->nelts; i++) {
        const core_dir_config *core = ap_get_core_module_config(
            APR_ARRAY_IDX(sections, i, ap_conf_vector_t *));

        if (core->r) {
            return 1;
        }
    }
    return 0;
}

void index_map_init(void)
{
    for (int m = 0; m < MAPPERS; m++) {
        mappers[m].loaded = ap_find_linked_module(mappers[m].name);
    }
    all_reviewed = hooks_reviewed();
}

const struct index_map *index_map_make(apr_pool_t *p, server_rec *s)
{
    const core_server_config *core =
        ap_get_core_module_config(s->module_config);
    struct index_map *map = apr_pcalloc(p, sizeof *map);
    const ap_directive_t *host = s->is_virtual ? virtual_host(s) : NULL;

    if (!all_reviewed || (s->is_virtual && !host) || sections_map(core->sec_url)
        || has_directory_match(core->sec_dir)) {
        return NULL;
    }
    map->paths = apr_array_make(p, 4, sizeof(struct alias_path));
    map->regexes = apr_array_make(p, 1, sizeof(ap_regex_t *));
    add_level(p, map, ap_conftree);
    if (host) {
        add_level(p, map, host->first_child);
    }
    return map->opaque ? NULL : map;
}

int index_map_may_catch(const struct index_map *map, request_rec *r,
                        const char *name)
{
    const char *uri;

    for (int i = 0; i < map->paths->nelts; i++) {
        const struct alias_path *path =
            &APR_ARRAY_IDX(map->paths, i, struct alias_path);

        if (strcmp(path->name, name) == 0 && strcmp(path->dir, r->uri) == 0) {
            return 1;
        }
    }
    if (map->regexes->nelts == 0) {
        return 0;
    }
    uri = apr_pstrcat(r->pool, r->uri, name, NULL);
    for (int i = 0; i < map->regexes->nelts; i++) {
        if (ap_regexec(APR_ARRAY_IDX(map->regexes, i, ap_regex_t *), uri, 0,
                       NULL, 0)
            == 0) {
            return 1;
        }
    }
    return 0;
}

int index_map_only_files(request_rec *r)
{
    const core_dir_config *core = ap_get_core_module_config(r->per_dir_config);

    if (core->sec_if || (ap_allow_options(r) & OPT_MULTI)) {
        return 0;
    }
    for (int m = 0; m < MAPPERS; m++) {
        const module *mod = mappers[m].loaded;

        /* The same as outside of all sections: none has changed it. */
        if (mod
            && ap_get_module_config(r->per_dir_config, mod)
                   != ap_get_module_config(r->server->lookup_defaults, mod)) {
            return 0;
        }
    }
    return !sections_map(core->sec_file);
}
