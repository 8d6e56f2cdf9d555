/* mod_index_order: the file that answers for a directory.
 *
 *   IndexOrder manual        # index.html index.htm index.shtml home.html …
 *
 * To a visitor, to logs, scripts and SSI all is as with mod_dir and the same
 * names in DirectoryIndex, except that no index at all is 404. mod_dir sends
 * each name through httpd, as a subrequest, until one is there. This module
 * looks into the directory first:
 *
 * 1. Where nothing but a file can answer (mod_index_order_map.h) and the file
 *    stands under the very configuration of its directory, httpd would not ask
 *    for access again: the request becomes the file's after the directory has
 *    passed all checks, before anybody asks for its type. No subrequest.
 * 2. In all other cases the names go through httpd as mod_dir does it, less
 *    those that are not there and that nothing else can answer. */
#include "mod_index_order_map.h"
#include "mod_index_order_memory.h"

#include "httpd.h"
#include "http_config.h"
#include "http_core.h"
#include "http_log.h"
#include "http_protocol.h"
#include "http_request.h"
#include "mod_rewrite.h" /* REWRITE_REDIRECT_HANDLER_NAME */
#include "apr_lib.h"
#include "apr_strings.h"

#define UNSET (-1)

extern module AP_MODULE_DECLARE_DATA index_order_module;
APLOG_USE_MODULE(index_order);

/* The manual's order. */
static const char *const manual[] = {"index.html", "index.htm",  "index.shtml",
                                     "home.html",  "home.shtml", "default.html",
                                     NULL};

/* Of a directory. The directives of mod_dir are read along with it, since
 * httpd hands a directive to every module that knows its name. */
struct index_conf {
    int on;                    /* IndexOrder; off: mod_dir's affair alone */
    apr_array_header_t *names; /* const char *; NULL: unset */
    int by_order;              /* the names are IndexOrder's */
    int lasting;               /* the names are: not of a request's .htaccess */
    int slash;                 /* DirectorySlash */
    int check_handler;         /* DirectoryCheckHandler */
    int redirect;              /* DirectoryIndexRedirect: 3xx, or 0 */
    const char *fallback;      /* FallbackResource */
};

/* Of a request for a directory, on its way. */
struct index_request {
    ap_conf_vector_t *walked; /* by <Directory> and .htaccess alone */
    int hidden;               /* from mod_dir */
};

/* Set in post_config, before there are children. */
static const module *mod_dir; /* NULL: not loaded */

static struct index_conf *conf_of(const ap_conf_vector_t *v)
{
    return ap_get_module_config(v, &index_order_module);
}

/* --- configuration ------------------------------------------------------ */

static void *create_dir_conf(apr_pool_t *p, char *dir)
{
    struct index_conf *c = apr_pcalloc(p, sizeof *c);

    (void)dir;
    c->on = c->slash = c->check_handler = c->redirect = UNSET;
    return c;
}

/* names: the innermost of IndexOrder and DirectoryIndex. */
static void *merge_dir_conf(apr_pool_t *p, void *outer, void *inner)
{
    const struct index_conf *o = outer, *i = inner;
    struct index_conf *c = apr_pcalloc(p, sizeof *c);

    c->on = i->on == UNSET ? o->on : i->on;
    c->names = i->names ? i->names : o->names;
    c->by_order = i->names ? i->by_order : o->by_order;
    c->lasting = i->names ? i->lasting : o->lasting;
    c->slash = i->slash == UNSET ? o->slash : i->slash;
    c->check_handler =
        i->check_handler == UNSET ? o->check_handler : i->check_handler;
    c->redirect = i->redirect == UNSET ? o->redirect : i->redirect;
    c->fallback = i->fallback ? i->fallback : o->fallback;
    return c;
}

/* In .htaccess httpd reads only what AllowOverride allows. */
static void new_names(cmd_parms *cmd, struct index_conf *c)
{
    c->names = apr_array_make(cmd->pool, 6, sizeof(const char *));
    c->lasting = (cmd->override & (RSRC_CONF | ACCESS_CONF)) != 0;
}

static void add_name(struct index_conf *c, const char *name)
{
    APR_ARRAY_PUSH(c->names, const char *) = name;
}

static const char *set_order(cmd_parms *cmd, void *conf, int argc,
                             char *const argv[])
{
    struct index_conf *c = conf;

    if (argc == 0) {
        return "IndexOrder: say 'manual', file names, 'disabled' or 'off'";
    }
    if (!c->names || !c->by_order) {
        new_names(cmd, c);
        c->by_order = 1;
    }
    c->on = 1;
    for (int i = 0; i < argc; i++) {
        int off = strcasecmp(argv[i], "off") == 0;

        if (off || strcasecmp(argv[i], "disabled") == 0) {
            if (argc > 1) {
                return apr_psprintf(cmd->pool, "IndexOrder: '%s' stands alone",
                                    argv[i]);
            }
            apr_array_clear(c->names);
            c->on = !off;
        }
        else if (strcasecmp(argv[i], "manual") == 0) {
            for (int m = 0; manual[m]; m++) {
                add_name(c, manual[m]);
            }
        }
        else {
            add_name(c, argv[i]);
        }
    }
    return NULL;
}

/* As mod_dir reads it: one line after the other adds, 'disabled' alone on a
 * line drops what was before it. Beside IndexOrder, at the same place, it does
 * not count. */
static const char *set_index(cmd_parms *cmd, void *conf, const char *args)
{
    struct index_conf *c = conf;
    const char *word = ap_getword_conf(cmd->pool, &args);

    if (c->by_order) {
        return NULL;
    }
    if (!c->names) {
        new_names(cmd, c);
    }
    if (strcasecmp(word, "disabled") == 0 && !*args) {
        apr_array_clear(c->names);
        return NULL;
    }
    for (; *word; word = ap_getword_conf(cmd->pool, &args)) {
        add_name(c, word);
    }
    return NULL;
}

static const char *set_flag(cmd_parms *cmd, void *conf, int on)
{
    *(int *)((char *)conf + (apr_size_t)cmd->info) = on;
    return NULL;
}

/* ON, OFF, a word or a number; with mod_dir loaded that one judges. */
static const char *set_redirect(cmd_parms *cmd, void *conf, const char *arg)
{
    static const struct {
        const char *word;
        int status;
    } words[] = {{"on", HTTP_MOVED_TEMPORARILY},
                 {"temp", HTTP_MOVED_TEMPORARILY},
                 {"permanent", HTTP_MOVED_PERMANENTLY},
                 {"seeother", HTTP_SEE_OTHER},
                 {"off", 0},
                 {NULL, 0}};
    struct index_conf *c = conf;
    char *end;
    apr_int64_t n = apr_strtoi64(arg, &end, 10);

    for (int i = 0; words[i].word; i++) {
        if (strcasecmp(arg, words[i].word) == 0) {
            c->redirect = words[i].status;
            return NULL;
        }
    }
    if (apr_isdigit(*arg) && !*end && ap_is_HTTP_REDIRECT(n)) {
        c->redirect = (int)n;
        return NULL;
    }
    return ap_find_linked_module("mod_dir.c")
               ? NULL
               : apr_psprintf(cmd->pool,
                              "%s: '%s' is not on, off, permanent, temp, "
                              "seeother or a number from 300 to 399",
                              cmd->cmd->name, arg);
}

static const char *set_fallback(cmd_parms *cmd, void *conf, const char *arg)
{
    if (!ap_find_linked_module("mod_dir.c")) {
        return apr_psprintf(cmd->pool, "%s: needs mod_dir, which is not loaded",
                            cmd->cmd->name);
    }
    ((struct index_conf *)conf)->fallback =
        strcasecmp(arg, "disabled") == 0 ? "" : arg;
    return NULL;
}

int index_order_has_fallback(const ap_conf_vector_t *section)
{
    const struct index_conf *c = conf_of(section);

    return c && c->fallback && *c->fallback;
}

static int post_config(apr_pool_t *p, apr_pool_t *plog, apr_pool_t *ptemp,
                       server_rec *main_server)
{
    (void)plog;
    (void)ptemp;
    mod_dir = ap_find_linked_module("mod_dir.c");
    index_map_init();
    for (server_rec *s = main_server; s; s = s->next) {
        /* const: no request changes it */
        ap_set_module_config(s->module_config, &index_order_module,
                             (void *)(apr_uintptr_t)index_map_make(p, s));
    }
    return OK;
}

/* --- looking ------------------------------------------------------------- */

/* True where this module chooses. Without mod_dir DirectoryIndex alone is
 * enough. */
static int chooses(const struct index_conf *c)
{
    return c->names && (c->on == UNSET ? !mod_dir : c->on);
}

/* A request for a directory as such: nothing behind it, slash at the end. */
static int asks_for_index(const request_rec *r)
{
    apr_size_t n = strlen(r->uri);

    return r->finfo.filetype == APR_DIR && !(r->path_info && *r->path_info)
           && n > 0 && r->uri[n - 1] == '/';
}

static const struct index_map *map_of(const request_rec *r)
{
    return ap_get_module_config(r->server->module_config, &index_order_module);
}

static struct index_request *state_of(const request_rec *r)
{
    return ap_get_module_config(r->request_config, &index_order_module);
}

/* What httpd's core does next, for an address with a slash at its end: with a
 * note of what lies between its two walks. */
static int walk_directory(request_rec *r)
{
    apr_size_t n = strlen(r->uri);
    struct index_request *state;
    int rc;

    if (n == 0 || r->uri[n - 1] != '/' || r->proxyreq || !r->filename) {
        return DECLINED;
    }
    rc = ap_directory_walk(r);
    if (rc != OK) {
        return rc;
    }
    if (r->finfo.filetype == APR_DIR && chooses(conf_of(r->per_dir_config))) {
        state = apr_pcalloc(r->pool, sizeof *state);
        state->walked = r->per_dir_config;
        ap_set_module_config(r->request_config, &index_order_module, state);
    }
    return ap_file_walk(r);
}

/* The map where a look at the directory says what httpd would answer, or NULL:
 * then every name must go through httpd. */
static const struct index_map *trustworthy(request_rec *r,
                                           const struct index_conf *c)
{
    apr_size_t n = r->filename ? strlen(r->filename) : 0;

    return state_of(r) && state_of(r)->walked && n > 0
                   && r->filename[n - 1] == '/'
                   && !(c->fallback && *c->fallback) && index_map_only_files(r)
               ? map_of(r)
               : NULL;
}

/* True for a name that is one file of the directory and is spelt in an address
 * as on disk. */
static int is_plain(const char *name)
{
    return !strpbrk(name, "/\\%?#") && strcmp(name, ".") != 0
           && strcmp(name, "..") != 0;
}

enum look { ABSENT, REGULAR, DOUBTFUL };

/* Of r's directory: its file system path and room for a name behind it. */
struct place {
    const struct index_map *map;
    char *path;
    apr_size_t length, room;
    apr_finfo_t info; /* of the last look */
};

static void open_place(struct place *place, request_rec *r,
                       const struct index_map *map, const struct index_conf *c)
{
    place->map = map;
    place->length = strlen(r->filename);
    place->room = 1;
    for (int i = 0; i < c->names->nelts; i++) {
        apr_size_t n = strlen(APR_ARRAY_IDX(c->names, i, const char *)) + 1;

        place->room = n > place->room ? n : place->room;
    }
    place->path = apr_palloc(r->pool, place->length + place->room);
    memcpy(place->path, r->filename, place->length);
}

/* DOUBTFUL where a look at name says nothing, else ABSENT. */
static enum look can_look(const struct place *place, request_rec *r,
                          const char *name)
{
    return is_plain(name) && !index_map_may_catch(place->map, r, name)
               ? ABSENT
               : DOUBTFUL;
}

/* What is there under name: after it path and info are that file's. Symbolic
 * links are doubtful: httpd has rules for them. */
static enum look look_at(struct place *place, request_rec *r, const char *name)
{
    apr_status_t rv;

    if (can_look(place, r, name) == DOUBTFUL) {
        return DOUBTFUL;
    }
    apr_cpystrn(place->path + place->length, name, place->room);
    rv = apr_stat(&place->info, place->path, APR_FINFO_MIN | APR_FINFO_LINK,
                  r->pool);
    if (APR_STATUS_IS_ENOENT(rv)) {
        return ABSENT;
    }
    return rv == APR_SUCCESS && place->info.filetype == APR_REG ? REGULAR
                                                                : DOUBTFUL;
}

/* True when httpd has the same configuration for the file as for r, its
 * directory. Then it has given access to both: a subrequest would not ask
 * again, either. r stays as it was. */
static int same_conf(request_rec *r, char *uri, char *path)
{
    ap_conf_vector_t *mine = r->per_dir_config;
    char *my_uri = r->uri, *my_path = r->filename;
    int same;

    r->per_dir_config = state_of(r)->walked;
    r->uri = uri;
    r->filename = path;
    same = ap_file_walk(r) == OK && ap_location_walk(r) == OK
           && r->per_dir_config == mine;
    r->per_dir_config = mine;
    r->uri = my_uri;
    r->filename = my_path;
    return same;
}

/* From the first name on that is not known to be absent: the first that is
 * there; its number, or -1 when that cannot be told by looking. */
static int first_there(request_rec *r, const struct index_conf *c,
                       struct place *place, int known)
{
    for (int i = 0; i < c->names->nelts; i++) {
        const char *name = APR_ARRAY_IDX(c->names, i, const char *);
        enum look look =
            i < known ? can_look(place, r, name) : look_at(place, r, name);

        if (look != ABSENT) {
            return look == REGULAR ? i : -1;
        }
    }
    return -1;
}

/* The same with the help of the last look, if nothing has come to the
 * directory or gone since then. */
static const char *look_for_index(request_rec *r, const struct index_conf *c,
                                  struct place *place)
{
    const void *list = c->lasting ? c->names : NULL;
    int known = index_memory_known(r, list);
    int found = first_there(r, c, place, known);

    if (known > 0 && found != known) {
        found = first_there(r, c, place, 0);
    }
    if (found < 0) {
        return NULL;
    }
    index_memory_note(r, list, found);
    return APR_ARRAY_IDX(c->names, found, const char *);
}

/* Before the types are found: the directory becomes its index where that is
 * certain. Always DECLINED: the types are other modules' affair. */
static int become_index(request_rec *r)
{
    const struct index_conf *c = conf_of(r->per_dir_config);
    const core_dir_config *core = ap_get_core_module_config(r->per_dir_config);
    const struct index_map *map;
    struct place place;
    const char *name;
    char *uri;

    if (!chooses(c) || !asks_for_index(r) || r->main || r->handler
        || c->redirect > 0 || core->handler || core->expr_handler
        || !(map = trustworthy(r, c))) {
        return DECLINED;
    }
    open_place(&place, r, map, c);
    name = look_for_index(r, c, &place);
    uri = name ? apr_pstrcat(r->pool, r->uri, name, NULL) : NULL;
    if (uri && same_conf(r, uri, place.path)) {
        ap_log_rerror(APLOG_MARK, APLOG_TRACE1, 0, r,
                      "index_order: %s is %s, without a subrequest", r->uri,
                      name);
        r->uri = uri;
        r->filename = r->canonical_filename = place.path;
        r->finfo = place.info;
    }
    return DECLINED;
}

/* --- asking httpd --------------------------------------------------------- */

/* /dir leads to /dir/; without mod_dir only, which does it itself. */
static int add_slash(request_rec *r, const struct index_conf *c)
{
    const char *query = r->args ? apr_pstrcat(r->pool, "?", r->args, NULL) : "";

    if (mod_dir || c->slash == 0
        || (r->method_number != M_GET
            && apr_table_get(r->subprocess_env, "redirect-carefully"))) {
        return DECLINED;
    }
    apr_table_setn(
        r->headers_out, "Location",
        ap_construct_url(r->pool,
                         apr_pstrcat(r->pool, ap_escape_uri(r->pool, r->uri),
                                     "/", query, NULL),
                         r));
    return HTTP_MOVED_PERMANENTLY;
}

/* Somebody has taken the directory over: httpd's type for directories must not
 * reach a visitor. */
static int taken_over(request_rec *r, const struct index_conf *c)
{
    if (strcmp(r->handler, REWRITE_REDIRECT_HANDLER_NAME) != 0
        && (c->check_handler != 1 || strcmp(r->handler, DIR_MAGIC_TYPE) == 0)) {
        return 0;
    }
    if (r->content_type && strcmp(r->content_type, DIR_MAGIC_TYPE) == 0) {
        r->content_type = NULL;
    }
    return 1;
}

/* True when a subrequest for name would find nothing, and nothing against it.
 */
static int not_there(struct place *place, request_rec *r, const char *name)
{
    return place->map && look_at(place, r, name) == ABSENT
           && same_conf(r, apr_pstrcat(r->pool, r->uri, name, NULL),
                        place->path);
}

static int is_index(const request_rec *rr)
{
    return rr->status == HTTP_OK
           && (rr->finfo.filetype == APR_REG
               || (rr->handler && strcmp(rr->handler, "proxy-server") == 0));
}

static int is_answer(int status, int is_last)
{
    return ap_is_HTTP_REDIRECT(status)
           || (is_last
               && (status == HTTP_NOT_ACCEPTABLE
                   || status == HTTP_UNAUTHORIZED));
}

/* The subrequest's answer becomes r's. */
static int pass_on(request_rec *r, request_rec *rr)
{
    apr_pool_join(r->pool, rr->pool);
    r->notes = apr_table_overlay(r->pool, r->notes, rr->notes);
    r->headers_out =
        apr_table_overlay(r->pool, r->headers_out, rr->headers_out);
    r->err_headers_out =
        apr_table_overlay(r->pool, r->err_headers_out, rr->err_headers_out);
    return rr->status;
}

/* OK: r is its index now. DECLINED: there is none. Else httpd's answer. */
static int ask_for_names(request_rec *r, const struct index_conf *c)
{
    struct place place;
    int answer = DECLINED;

    open_place(&place, r, trustworthy(r, c), c);
    for (int i = 0; i < c->names->nelts; i++) {
        const char *name = APR_ARRAY_IDX(c->names, i, const char *);
        request_rec *rr;

        if (not_there(&place, r, name)) {
            continue;
        }
        if (r->args) {
            name = apr_pstrcat(r->pool, name, "?", r->args, NULL);
        }
        rr = ap_sub_req_lookup_uri(name, r, r->output_filters);
        ap_log_rerror(APLOG_MARK, APLOG_TRACE1, 0, r,
                      "index_order: %s: %s by a subrequest: %d", r->uri, name,
                      rr->status);
        if (is_index(rr) && c->redirect > 0) {
            apr_table_setn(r->headers_out, "Location",
                           ap_construct_url(r->pool, rr->uri, r));
            return c->redirect;
        }
        if (is_index(rr)) {
            ap_internal_fast_redirect(rr, r);
            return OK;
        }
        if (is_answer(rr->status, i == c->names->nelts - 1)) {
            return pass_on(r, rr);
        }
        /* Not a listing of what may be closed: the error, if no other name
         * answers. */
        if (rr->status && rr->status != HTTP_OK
            && rr->status != HTTP_NOT_FOUND) {
            answer = rr->status;
        }
        ap_destroy_sub_req(rr);
    }
    return answer;
}

/* mod_dir, which comes next, has a list of its own: it must not see a
 * directory where this module has chosen. */
static void hide_from_mod_dir(request_rec *r)
{
    struct index_request *state = state_of(r);

    if (!mod_dir) {
        return;
    }
    if (!state) {
        state = apr_pcalloc(r->pool, sizeof *state);
        ap_set_module_config(r->request_config, &index_order_module, state);
    }
    state->hidden = 1;
    r->finfo.filetype = APR_UNKFILE;
}

static int show_again(request_rec *r)
{
    struct index_request *state = state_of(r);

    if (state && state->hidden) {
        state->hidden = 0;
        r->finfo.filetype = APR_DIR;
    }
    return DECLINED;
}

static int find_index(request_rec *r)
{
    const struct index_conf *c = conf_of(r->per_dir_config);
    int status;

    if (r->finfo.filetype != APR_DIR || !chooses(c)
        || (r->path_info && *r->path_info)) {
        return DECLINED;
    }
    if (!r->handler) {
        r->handler = DIR_MAGIC_TYPE;
    }
    if (!asks_for_index(r)) {
        return add_slash(r, c);
    }
    if (taken_over(r, c)) {
        return DECLINED;
    }
    status = ask_for_names(r, c);
    if (status == DECLINED) {
        apr_table_setn(r->notes, "dir-index-names", /* for mod_autoindex */
                       apr_array_pstrcat(r->pool, c->names, ','));
        hide_from_mod_dir(r);
    }
    return status;
}

/* In a handler, not in a fixup: mod_autoindex lists a directory in another's
 * list when its lookup was good. */
static int no_index(request_rec *r)
{
    const struct index_conf *c = conf_of(r->per_dir_config);

    if (!chooses(c) || !asks_for_index(r) || !r->handler
        || strcmp(r->handler, DIR_MAGIC_TYPE) != 0
        || (ap_allow_options(r) & OPT_INDEXES)
        || (r->method_number != M_GET && r->method_number != M_POST)) {
        return DECLINED;
    }
    ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r,
                  "OMK0151: index_order: %s: no index there (%s)", r->filename,
                  apr_array_pstrcat(r->pool, c->names, ' '));
    return HTTP_NOT_FOUND;
}

/* --- module record -------------------------------------------------------- */

#define FIELD(field) (void *)APR_OFFSETOF(struct index_conf, field)

static const command_rec commands[] = {
    AP_INIT_TAKE_ARGV("IndexOrder", set_order, NULL, OR_INDEXES,
                      "manual, or the names of index files in their order; "
                      "disabled: none; off: left to mod_dir"),
    AP_INIT_RAW_ARGS("DirectoryIndex", set_index, NULL, OR_INDEXES,
                     "the names of index files in their order"),
    AP_INIT_FLAG("DirectorySlash", set_flag, FIELD(slash), OR_INDEXES,
                 "On: /dir leads to /dir/"),
    AP_INIT_FLAG("DirectoryCheckHandler", set_flag, FIELD(check_handler),
                 OR_INDEXES, "On: no index where a handler is set"),
    AP_INIT_TAKE1("DirectoryIndexRedirect", set_redirect, NULL, OR_INDEXES,
                  "On, Off, or the status that leads to the index"),
    AP_INIT_TAKE1("FallbackResource", set_fallback, NULL, OR_INDEXES,
                  "what answers for files that are not there"),
    {NULL}};

static void register_hooks(apr_pool_t *p)
{
    static const char *const before_dir[] = {"mod_dir.c", NULL};
    static const char *const before_list[] = {"mod_autoindex.c", NULL};

    (void)p;
    ap_hook_post_config(post_config, NULL, NULL, APR_HOOK_LAST);
    ap_hook_map_to_storage(walk_directory, NULL, NULL, APR_HOOK_LAST);
    ap_hook_type_checker(become_index, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_fixups(find_index, NULL, before_dir, APR_HOOK_LAST);
    ap_hook_fixups(show_again, before_dir, NULL, APR_HOOK_LAST);
    ap_hook_handler(no_index, NULL, before_list, APR_HOOK_MIDDLE);
}

module AP_MODULE_DECLARE_DATA index_order_module = {STANDARD20_MODULE_STUFF,
                                                    create_dir_conf,
                                                    merge_dir_conf,
                                                    NULL,
                                                    NULL,
                                                    commands,
                                                    register_hooks,
                                                    AP_MODULE_FLAG_NONE};
