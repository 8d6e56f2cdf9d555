/* mod_php_pool: PHP in the virtual host's own php-fpm pool, and nowhere else.
 *
 *   PHPPool /run/omakase/php/ab-cdftp.sock     (in the virtual host)
 *   <FilesMatch "\.php$">
 *       SetHandler omakase-php
 *   </FilesMatch>
 *
 * mod_proxy_fcgi does the talking; this module tells it where to, and what
 * the script is. With PHPPoolGuard on, nothing that stands in a .htaccess
 * makes a request leave for a proxy: what mod_proxy would take is refused
 * unless translate_name (ProxyPass, RewriteRule [P] of a server or virtual
 * host), a SetHandler of the server's configuration or this module said so.
 * That is decided by the request as it is when handlers run, not by a list of
 * directives: SetHandler, AddHandler, AddType, ForceType, RewriteRule's [P],
 * [H=] and [T=] all end there. The directives are noted only to say in the log
 * which one it was. */
#include "httpd.h"
#include "http_config.h"
#include "http_core.h"
#include "http_log.h"
#include "http_protocol.h"
#include "http_request.h"
#include "mod_proxy.h"
#include "apr_hash.h"
#include "apr_lib.h"
#include "apr_strings.h"
#include "apr_thread_mutex.h"

#include "denied.h"
#include "err.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define HANDLER "omakase-php"
#define UNSET (-1)

/* php-fpm takes "proxy:fcgi://HOST" off SCRIPT_FILENAME, and only behind it
 * believes SCRIPT_FILENAME rather than PATH_TRANSLATED after a redirect. */
#define BEFORE_SCRIPT "proxy:fcgi://localhost"

extern module AP_MODULE_DECLARE_DATA php_pool_module;
APLOG_USE_MODULE(php_pool);

/* Absent where mod_proxy is not loaded (yet): this module must load then, too.
 */
#pragma weak proxy_hook_scheme_handler

/* The operator's list of disabled scripts, as a child has read it last. */
struct denied {
    apr_thread_mutex_t *mutex;
    struct omk_denied list;
    bool complained; /* that it cannot be read: once */
};

/* Which scripts of a virtual host are on it, and whose they are. */
struct denied_conf {
    const char *file, *login;
    const char *tree, *real; /* the customer's `/`; without symbolic links */
};

struct server_conf {
    const char *socket; /* of a virtual host, never inherited */
    const char *target; /* the same for mod_proxy's handler */
    int guard;
    const struct denied_conf *denied; /* NULL: none, never inherited */
    struct denied *list;              /* of a child, from its start on */
};

enum kind { SET_HANDLER, NAMES_TYPE, ACTION, REWRITE, FCGI };

/* A directive that may aim a request at a proxy. */
struct note {
    enum kind kind;
    bool htaccess;
    int line;
    const char *directive, *file, *args;
    const struct note *earlier;
};

/* Merging is a node over both: notes are read only where a request is refused.
 */
struct dir_conf {
    const struct dir_conf *outer, *inner;
    const struct note *notes;       /* of this section, the last one first */
    const struct note *set_handler; /* the one in effect */
    const struct note *fcgi;        /* of mod_proxy_fcgi's, in a .htaccess */
};

struct request_conf {
    bool by_server;     /* proxied since translate_name */
    const char *script; /* the checked file, when the pool is to run it */
};

static bool in_proxy; /* mod_proxy was there when this module was loaded */

static struct server_conf *server_conf_of(server_rec *s)
{
    return ap_get_module_config(s->module_config, &php_pool_module);
}

static const struct request_conf *look_at_request(request_rec *r)
{
    return ap_get_module_config(r->request_config, &php_pool_module);
}

static struct request_conf *request_conf_of(request_rec *r)
{
    struct request_conf *q =
        ap_get_module_config(r->request_config, &php_pool_module);

    if (!q) {
        q = apr_pcalloc(r->pool, sizeof *q);
        ap_set_module_config(r->request_config, &php_pool_module, q);
    }
    return q;
}

static bool guarded(server_rec *s)
{
    const struct server_conf *c = server_conf_of(s);

    return c->guard == UNSET ? c->socket != NULL : c->guard;
}

/* --- configuration ------------------------------------------------------ */

static void *create_server_conf(apr_pool_t *p, server_rec *s)
{
    struct server_conf *c = apr_pcalloc(p, sizeof *c);

    (void)s;
    c->guard = UNSET;
    return c;
}

static void *merge_server_conf(apr_pool_t *p, void *outer, void *inner)
{
    const struct server_conf *o = outer, *i = inner;
    struct server_conf *c = apr_pcalloc(p, sizeof *c);

    c->socket = i->socket;
    c->target = i->target;
    c->denied = i->denied;
    c->guard = i->guard == UNSET ? o->guard : i->guard;
    return c;
}

static void *create_dir_conf(apr_pool_t *p, char *dir)
{
    (void)dir;
    return apr_pcalloc(p, sizeof(struct dir_conf));
}

static void *merge_dir_conf(apr_pool_t *p, void *outer, void *inner)
{
    const struct dir_conf *o = outer, *i = inner;
    struct dir_conf *c = apr_pcalloc(p, sizeof *c);

    c->outer = o;
    c->inner = i;
    c->set_handler = i->set_handler ? i->set_handler : o->set_handler;
    c->fcgi = i->fcgi ? i->fcgi : o->fcgi;
    return c;
}

/* Whether mod_proxy's "unix:PATH|" can hold it. */
static bool is_socket_path(const char *path)
{
    if (*path != '/'
        || strlen(path) >= sizeof((struct sockaddr_un *)0)->sun_path) {
        return false;
    }
    for (; *path; path++) {
        if (apr_iscntrl(*path) || strchr("|?#%", *path)) {
            return false;
        }
    }
    return true;
}

static const char *server_only(cmd_parms *cmd)
{
    return ap_check_cmd_context(cmd, NOT_IN_DIR_CONTEXT | NOT_IN_HTACCESS);
}

static const char *set_pool(cmd_parms *cmd, void *dummy, const char *arg)
{
    struct server_conf *c = server_conf_of(cmd->server);
    const char *wrong = server_only(cmd);
    const char *path = ap_runtime_dir_relative(cmd->pool, arg);

    (void)dummy;
    if (wrong) {
        return wrong;
    }
    if (!path || !is_socket_path(path)) {
        return apr_psprintf(cmd->pool, "%s: '%s' is not a socket's path",
                            cmd->cmd->name, arg);
    }
    c->socket = path;
    c->target =
        apr_pstrcat(cmd->pool, "proxy:unix:", path, "|fcgi://localhost", NULL);
    return NULL;
}

static const char *set_guard(cmd_parms *cmd, void *dummy, int on)
{
    const char *wrong = server_only(cmd);

    (void)dummy;
    if (wrong) {
        return wrong;
    }
    server_conf_of(cmd->server)->guard = on;
    return NULL;
}

static const char *set_denied(cmd_parms *cmd, void *dummy, const char *file,
                              const char *login, const char *tree)
{
    const char *wrong = server_only(cmd);
    struct denied_conf *d = apr_pcalloc(cmd->pool, sizeof *d);
    char *real = realpath(tree, NULL);

    (void)dummy;
    d->file = apr_pstrdup(cmd->pool, file);
    d->login = login;
    d->tree = tree;
    d->real = real ? apr_pstrdup(cmd->pool, real) : tree;
    free(real);
    if (wrong) {
        return wrong;
    }
    if (*file != '/' || *tree != '/') {
        return apr_psprintf(cmd->pool, "%s: '%s' is not an absolute path",
                            cmd->cmd->name, *file != '/' ? file : tree);
    }
    server_conf_of(cmd->server)->denied = d;
    return NULL;
}

/* httpd gives a directive to every module that has it, so these see what
 * others carry out. Where the other is not loaded, the directive stays as
 * unknown as it was. */
struct shadowed {
    enum kind kind;
    const char *owner;
};

static const struct shadowed by_core = {SET_HANDLER, "core.c"},
                             by_core_type = {NAMES_TYPE, "core.c"},
                             by_mime = {NAMES_TYPE, "mod_mime.c"},
                             by_actions = {ACTION, "mod_actions.c"},
                             by_rewrite = {REWRITE, "mod_rewrite.c"},
                             by_fcgi = {FCGI, "mod_proxy_fcgi.c"};

static const char *note_directive(cmd_parms *cmd, void *dir, const char *args)
{
    struct dir_conf *c = dir;
    const struct shadowed *of = cmd->info;
    bool htaccess = cmd->pool == cmd->temp_pool;
    struct note *n;

    if (!ap_find_linked_module(of->owner)) {
        return cmd->override & NONFATAL_UNKNOWN
                   ? DECLINE_CMD
                   : apr_pstrcat(cmd->pool, "Invalid command '", cmd->cmd->name,
                                 "', perhaps misspelled or defined by a module "
                                 "not included in the server configuration",
                                 NULL);
    }
    /* Of the server's own only the handler matters; whose it is. */
    if (htaccess ? !guarded(cmd->server) : of->kind != SET_HANDLER) {
        return DECLINE_CMD;
    }
    n = apr_pcalloc(cmd->pool, sizeof *n);
    n->kind = of->kind;
    n->htaccess = htaccess;
    n->directive = cmd->cmd->name;
    n->args = apr_pstrdup(cmd->pool, args);
    n->file = apr_pstrdup(cmd->pool, cmd->directive->filename);
    n->line = cmd->directive->line_num;
    n->earlier = c->notes;
    c->notes = n;
    if (n->kind == SET_HANDLER) {
        c->set_handler = n;
    }
    if (n->kind == FCGI) {
        c->fcgi = n;
    }
    return DECLINE_CMD;
}

static int config_error(server_rec *s, const char *what)
{
    ap_log_error(APLOG_MARK, APLOG_ERR, 0, s, "OMK0211: php_pool: %s:%d: %s",
                 s->defn_name ? s->defn_name : "httpd.conf",
                 s->defn_line_number, what);
    return !OK;
}

static int post_config(apr_pool_t *p, apr_pool_t *plog, apr_pool_t *ptemp,
                       server_rec *main_server)
{
    bool proxy = ap_find_linked_module("mod_proxy.c") != NULL;
    bool fcgi = ap_find_linked_module("mod_proxy_fcgi.c") != NULL;

    (void)p;
    (void)plog;
    (void)ptemp;
    for (server_rec *s = main_server; s; s = s->next) {
        bool pool = server_conf_of(s)->socket != NULL;

        if (pool && !fcgi) {
            return config_error(s,
                                "PHPPool needs mod_proxy and mod_proxy_fcgi");
        }
        if ((pool || guarded(s)) && proxy && !in_proxy) {
            return config_error(s, "load mod_php_pool after mod_proxy");
        }
    }
    return OK;
}

/* --- disabled scripts -------------------------------------------------------
 */

static apr_status_t free_list(void *d)
{
    omk_denied_free(&((struct denied *)d)->list);
    return APR_SUCCESS;
}

/* One list for each file that is named, whichever hosts name it. */
static void child_init(apr_pool_t *pchild, server_rec *main_server)
{
    apr_hash_t *lists = apr_hash_make(pchild);

    for (server_rec *s = main_server; s; s = s->next) {
        struct server_conf *c = server_conf_of(s);
        const char *file = c->denied ? c->denied->file : NULL;

        if (!file) {
            continue;
        }
        c->list = apr_hash_get(lists, file, APR_HASH_KEY_STRING);
        if (!c->list) {
            c->list = apr_pcalloc(pchild, sizeof *c->list);
            (void)apr_thread_mutex_create(&c->list->mutex,
                                          APR_THREAD_MUTEX_DEFAULT, pchild);
            apr_pool_cleanup_register(pchild, c->list, free_list,
                                      apr_pool_cleanup_null);
            apr_hash_set(lists, file, APR_HASH_KEY_STRING, c->list);
        }
    }
}

/* What is behind the tree in path, with its slash; NULL when it is elsewhere.
 */
static const char *below(const char *path, const char *tree)
{
    size_t len = strlen(tree);

    return strncmp(path, tree, len) == 0 && path[len] == '/' ? path + len
                                                             : NULL;
}

/* The file's own name: a link to a directory gives it another. */
static const char *real_name(request_rec *r, struct omk_denied_file *file)
{
    int fd = open(r->filename, O_PATH | O_CLOEXEC);
    char link[64], name[PATH_MAX];
    ssize_t len;

    if (fd < 0) {
        return NULL;
    }
    (void)apr_snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    len = readlink(link, name, sizeof name - 1);
    if (omk_denied_identify(fd, file) != 0) {
        len = -1;
    }
    (void)close(fd);
    return len < 0 ? NULL : apr_pstrmemdup(r->pool, name, (apr_size_t)len);
}

/* Reads the list where it has changed, and says whether it has anything. A list
 * that cannot be read again holds as it was. */
static bool load(const struct server_conf *c)
{
    struct denied *d = c->list;
    struct omk_err err = {0};
    bool read = false, complain, any;

    (void)apr_thread_mutex_lock(d->mutex);
    (void)omk_denied_load(&d->list, c->denied->file, &read, &err);
    complain = err.code ? !d->complained : read && d->list.damaged > 0;
    d->complained = err.code != OMK_OK;
    any = d->list.count > 0;
    (void)apr_thread_mutex_unlock(d->mutex);
    if (complain) {
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, ap_server_conf,
                     "OMK0217: php_pool: %s: %s", c->denied->file,
                     err.code ? err.text : "has lines that are none");
    }
    return any;
}

/* Why the script is disabled, of the request's pool; NULL: it is not. */
static const char *find(request_rec *r, const struct server_conf *c)
{
    const char *asked = below(r->filename, c->denied->tree);
    const struct omk_denied_entry *e = NULL;
    struct omk_denied_file file = {0};
    const char *real = real_name(r, &file), *why = NULL;

    real = real ? below(real, c->denied->real) : NULL;
    (void)apr_thread_mutex_lock(c->list->mutex);
    e = omk_denied_find(&c->list->list, c->denied->login, real ? real : "",
                        &file);
    if (!e && asked) {
        e = omk_denied_find(&c->list->list, c->denied->login, asked, NULL);
    }
    if (e) {
        why = apr_pstrcat(r->pool, e->path,
                          ": disabled by the operator: ", e->why, NULL);
    }
    (void)apr_thread_mutex_unlock(c->list->mutex);
    return why;
}

/* OK, or 403 where the operator has disabled the script. */
static int check_denied(request_rec *r)
{
    const struct server_conf *c = server_conf_of(r->server);
    const char *why;

    if (!c->list || r->finfo.filetype != APR_REG || !load(c)) {
        return OK;
    }
    why = find(r, c);
    if (!why) {
        return OK;
    }
    ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r, "OMK0216: php_pool: %s",
                  why);
    return HTTP_FORBIDDEN;
}

/* --- the guard ------------------------------------------------------------ */

static bool contains(const char *text, const char *what)
{
    return ap_strcasestr(text, what) != NULL;
}

/* A RewriteRule that by its flags or text may end at a proxy or a handler. */
static bool may_proxy(const char *args)
{
    const char *flags = strrchr(args, '[');

    if (contains(args, "proxy:")) {
        return true;
    }
    for (; flags && *flags; flags = strpbrk(flags + 1, ",")) {
        const char *f = flags + 1;

        f += strspn(f, " ");
        if (strncasecmp(f, "H=", 2) == 0 || strncasecmp(f, "handler=", 8) == 0
            || (strncasecmp(f, "P", 1) == 0 && strchr(",] ", f[1]))
            || (strncasecmp(f, "proxy", 5) == 0 && strchr(",] ", f[5]))) {
            return true;
        }
    }
    return false;
}

struct search {
    const char *target; /* what came of it */
    enum kind by;       /* and by what kind of directive, if no text has it */
    const struct note *exact, *probable;
};

static void judge(struct search *s, const struct note *n)
{
    if (!n->htaccess || n->kind == FCGI) {
        return;
    }
    if (!s->exact && contains(n->args, s->target)) {
        s->exact = n;
    }
    if (!s->probable && n->kind == s->by
        && (n->kind != REWRITE || may_proxy(n->args))) {
        s->probable = n;
    }
}

/* Innermost first, the last line of a section first. */
static void search_notes(struct search *s, const struct dir_conf *c)
{
    for (const struct note *n = c->notes; n; n = n->earlier) {
        judge(s, n);
    }
    if (c->inner) {
        search_notes(s, c->inner);
    }
    if (c->outer) {
        search_notes(s, c->outer);
    }
}

static const struct dir_conf *dir_conf_of(request_rec *r)
{
    return ap_get_module_config(r->per_dir_config, &php_pool_module);
}

/* An internal redirect to another server: no place for a forward proxy to be
 * led to. Action takes such an address. */
static bool is_led_to_proxy(request_rec *r)
{
    return r->proxyreq == PROXYREQ_PROXY && r->prev;
}

static const struct note *who_aimed(request_rec *r, const char *target)
{
    const char *forced = apr_table_get(r->notes, "rewrite-forced-handler");
    struct search s = {.target = target, .by = SET_HANDLER};

    if (is_led_to_proxy(r)) {
        s.by = ACTION;
        r = r->prev;
    }
    else if (r->proxyreq || (forced && strcmp(forced, target) == 0)) {
        s.by = REWRITE;
    }
    search_notes(&s, dir_conf_of(r));
    return s.exact ? s.exact : s.probable;
}

static int refuse(request_rec *r, const char *id, const struct note *n,
                  const char *what)
{
    if (n) {
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r,
                      "%s: php_pool: %s:%d: %s: %s; refused", id, n->file,
                      n->line, n->directive, what);
    }
    else {
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r,
                      "%s: php_pool: %s: %s; refused", id,
                      r->proxyreq ? r->uri : r->filename, what);
    }
    return HTTP_FORBIDDEN;
}

/* The operator's own SetHandler "proxy:…" in effect here, word for word: an
 * expression could hold what a .htaccess has set. */
static bool set_by_server(request_rec *r, const struct dir_conf *c)
{
    const struct note *n = c->set_handler;
    const char *args;

    if (!n || n->htaccess) {
        return false;
    }
    args = n->args;
    return strcasecmp(ap_getword_conf(r->pool, &args), r->handler) == 0;
}

static bool names_proxy(const char *handler)
{
    return strncasecmp(handler, "proxy:", 6) == 0
           || strcasecmp(handler, "balancer-manager") == 0;
}

/* OK, or 403 where the request would go to a proxy by a .htaccess's will. */
static int guard(request_rec *r)
{
    const struct dir_conf *c = dir_conf_of(r);
    const struct request_conf *q = look_at_request(r);
    const char *target = r->proxyreq && r->filename ? r->filename : r->handler;

    if (!guarded(r->server)) {
        return OK;
    }
    if (r->proxyreq ? !(q && q->by_server)
                    : names_proxy(r->handler) && !set_by_server(r, c)) {
        return refuse(r, "OMK0212", who_aimed(r, target),
                      apr_psprintf(r->pool,
                                   "aims at '%s': only the server's "
                                   "configuration may name a proxy",
                                   target));
    }
    if (c->fcgi
        && (r->proxyreq || names_proxy(r->handler)
            || strcmp(r->handler, HANDLER) == 0)) {
        return refuse(r, "OMK0213", c->fcgi,
                      "only the server's configuration may set what a FastCGI "
                      "server is told");
    }
    if (!r->proxyreq) {
        /* The file is known; this would guess, or walk directories again. */
        apr_table_unset(r->subprocess_env, "proxy-fcgi-pathinfo");
    }
    return OK;
}

/* Runs when the address has been translated and no directory been entered:
 * who proxies by now is the server's configuration. */
static int map_to_storage(request_rec *r)
{
    if (r->proxyreq && !is_led_to_proxy(r)) {
        request_conf_of(r)->by_server = true;
    }
    return DECLINED;
}

/* --- what php-fpm is told ------------------------------------------------- */

/* Either httpd computes them and must find no other spelling of the name in
 * its way (the first spelling stays, and php-fpm knows one only), or php-fpm
 * lets itself be steered by them. */
static const char *const not_from_env[] = {
    "PHP_VALUE",         "PHP_ADMIN_VALUE",

    "SCRIPT_FILENAME",   "SCRIPT_NAME",          "PATH_INFO",
    "PATH_TRANSLATED",   "DOCUMENT_ROOT",        "CONTEXT_DOCUMENT_ROOT",
    "CONTEXT_PREFIX",    "ORIG_SCRIPT_FILENAME", "ORIG_SCRIPT_NAME",
    "ORIG_PATH_INFO",    "ORIG_PATH_TRANSLATED", "REDIRECT_URL",

    "GATEWAY_INTERFACE", "REQUEST_METHOD",       "REQUEST_SCHEME",
    "REQUEST_URI",       "QUERY_STRING",         "CONTENT_LENGTH",
    "CONTENT_TYPE",      "REMOTE_ADDR",          "REMOTE_PORT",
    "SERVER_ADDR",       "SERVER_ADMIN",         "SERVER_NAME",
    "SERVER_PORT",       "SERVER_PROTOCOL",      "SERVER_SIGNATURE",
    "SERVER_SOFTWARE",
};

/* php-fpm cuts a name at '?', and by its version decodes '%' or not. */
static bool php_can_open(const char *script)
{
    return *script == '/' && !strpbrk(script, "?%");
}

/* mod_proxy_fcgi takes the environment from r as it is now. */
static int before_fcgi(request_rec *r, proxy_worker *worker,
                       proxy_server_conf *conf, char *url, const char *host,
                       apr_port_t port)
{
    const struct request_conf *q = look_at_request(r);

    (void)worker;
    (void)conf;
    (void)host;
    (void)port;
    if (strncasecmp(url, "fcgi:", 5) != 0) {
        return DECLINED;
    }
    if (guarded(r->server)) {
        for (size_t i = 0; i < sizeof not_from_env / sizeof *not_from_env;
             i++) {
            apr_table_unset(r->subprocess_env, not_from_env[i]);
        }
    }
    if (q && q->script) {
        r->filename = apr_pstrcat(r->pool, BEFORE_SCRIPT, q->script, NULL);
    }
    return DECLINED;
}

/* --- the handler ---------------------------------------------------------- */

/* A directory keeps its index, also where all of it has the handler. */
static int fixup_directory(request_rec *r)
{
    if (r->handler && strcmp(r->handler, HANDLER) == 0
        && r->finfo.filetype == APR_DIR) {
        r->handler = DIR_MAGIC_TYPE;
        return OK;
    }
    return DECLINED;
}

static int not_found(request_rec *r, const char *what)
{
    ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r, "OMK0215: php_pool: %s: %s",
                  r->filename, what);
    return HTTP_NOT_FOUND;
}

static int to_pool(request_rec *r)
{
    const struct server_conf *c = server_conf_of(r->server);

    if (r->finfo.filetype != APR_REG) {
        return not_found(r, "no such script");
    }
    if (!c->socket) {
        /* Not DECLINED: the source would be sent. */
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r,
                      "OMK0214: php_pool: %s: this host has no PHPPool",
                      r->filename);
        return HTTP_FORBIDDEN;
    }
    if (r->used_path_info == AP_REQ_REJECT_PATH_INFO && r->path_info
        && *r->path_info) {
        return not_found(r, "AcceptPathInfo off disallows what follows");
    }
    if (!php_can_open(r->filename)) {
        return not_found(r, "php-fpm can open no name with '?' or '%' in it");
    }
    request_conf_of(r)->script = r->filename;
    r->handler = c->target;
    if (apr_table_get(r->headers_in, "Transfer-Encoding")) {
        /* PHP reads as much as CONTENT_LENGTH says. */
        apr_table_setn(r->subprocess_env, "proxy-sendcl", "1");
    }
    /* Here is the origin, behind no proxy. */
    apr_table_unset(r->headers_in, "Max-Forwards");
    return DECLINED; /* mod_proxy, which is next, takes it */
}

static int handler(request_rec *r)
{
    int rc = guard(r);

    if (rc != OK) {
        return rc;
    }
    /* Also where a SetHandler "proxy:fcgi..." of the server's runs it. */
    if (strcmp(r->handler, HANDLER) == 0 || names_proxy(r->handler)) {
        rc = check_denied(r);
    }
    if (rc != OK) {
        return rc;
    }
    if (r->proxyreq || strcmp(r->handler, HANDLER) != 0) {
        return DECLINED;
    }
    return to_pool(r);
}

/* --- tables --------------------------------------------------------------- */

#define SHADOW(name, of)                                                       \
    AP_INIT_RAW_ARGS(name, note_directive, (void *)(uintptr_t) & (of),         \
                     OR_FILEINFO, "noted for PHPPoolGuard")

static const command_rec commands[] = {
    AP_INIT_TAKE1("PHPPool", set_pool, NULL, RSRC_CONF,
                  "socket of this virtual host's php-fpm pool"),
    AP_INIT_FLAG("PHPPoolGuard", set_guard, NULL, RSRC_CONF,
                 "on: no .htaccess reaches a proxy or sets PHP_ADMIN_VALUE"),
    AP_INIT_TAKE3("PHPPoolDenied", set_denied, NULL, RSRC_CONF,
                  "list of disabled scripts, the customer, the customer's /"),
    SHADOW("SetHandler", by_core),
    SHADOW("ForceType", by_core_type),
    SHADOW("AddHandler", by_mime),
    SHADOW("AddType", by_mime),
    SHADOW("Action", by_actions),
    SHADOW("RewriteRule", by_rewrite),
    SHADOW("ProxyFCGISetEnvIf", by_fcgi),
    SHADOW("ProxyFCGIBackendType", by_fcgi),
    {NULL}};

static void register_hooks(apr_pool_t *p)
{
    static const char *const proxy[] = {"mod_proxy.c", NULL};

    (void)p;
    in_proxy = proxy_hook_scheme_handler != NULL;
    if (in_proxy) {
        proxy_hook_scheme_handler(before_fcgi, NULL, NULL,
                                  APR_HOOK_REALLY_FIRST);
    }
    ap_hook_post_config(post_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_init(child_init, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_map_to_storage(map_to_storage, NULL, proxy, APR_HOOK_REALLY_FIRST);
    ap_hook_fixups(fixup_directory, NULL, NULL, APR_HOOK_FIRST);
    ap_hook_handler(handler, NULL, proxy, APR_HOOK_REALLY_FIRST);
}

module AP_MODULE_DECLARE_DATA php_pool_module = {
    STANDARD20_MODULE_STUFF, create_dir_conf,    merge_dir_conf,
    create_server_conf,      merge_server_conf,  commands,
    register_hooks,          AP_MODULE_FLAG_NONE};
