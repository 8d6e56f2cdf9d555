/* mod_counter: Count.cgi answered inside httpd.
 *
 *   <Location "/cgi-bin/Count.cgi">
 *       SetHandler omakase-counter
 *   </Location>
 *
 * Everything about counters is libcounter's (counter/answer.h); this file
 * turns httpd's configuration into its tables, a request into its request, and
 * its response into httpd's. */
#include "answer.h"
#include "effects.h"

#include "httpd.h"
#include "http_config.h"
#include "http_core.h"
#include "http_log.h"
#include "http_protocol.h"
#include "http_request.h"
#include "ap_mpm.h"
#include "mod_watchdog.h"
#include "apr_lib.h"
#include "apr_strings.h"
#include "apr_thread_mutex.h"

#include <stdatomic.h>

#define HANDLER "omakase-counter"
#define UNSET (-1)

extern module AP_MODULE_DECLARE_DATA counter_module;
APLOG_USE_MODULE(counter);

struct counter_server_conf {
    /* of the whole server; read from the main server's */
    const char *store, *designs, *images, *effects;
    int sync_s;
    int visitors; /* enum counter_visitor_mode */
    /* of a virtual host */
    const char *customer;
    int referrer; /* enum counter_referrer_mode */
    int md_min, md_max;
    int max_per_customer;
    int reloads;
    apr_array_header_t *allow;  /* const char * */
    apr_array_header_t *ignore; /* apr_ipsubnet_t * */
    struct counter_site site;   /* made of it in post_config */
};

/* One per child: filled in child_init, before any request; only store is set
 * later when it could not be opened then, under its mutex. */
static struct child {
    struct counter_engine engine;
    _Atomic(struct counter_store *) store;
    apr_thread_mutex_t *opening;
    apr_time_t tried; /* the last opening */
    const struct counter_server_conf *conf;
    server_rec *server;
    atomic_long logged_at; /* the second of the last log line */
} child;

static struct counter_sites *sites; /* of this configuration */

static struct counter_server_conf *conf_of(server_rec *s)
{
    return ap_get_module_config(s->module_config, &counter_module);
}

/* --- configuration ------------------------------------------------------ */

static void *create_server_conf(apr_pool_t *p, server_rec *s)
{
    struct counter_server_conf *c = apr_pcalloc(p, sizeof *c);

    (void)s;
    c->sync_s = c->visitors = c->referrer = UNSET;
    c->md_min = c->md_max = c->max_per_customer = c->reloads = UNSET;
    return c;
}

static void *merge_server_conf(apr_pool_t *p, void *outer, void *inner)
{
    const struct counter_server_conf *o = outer, *i = inner;
    struct counter_server_conf *c = apr_pcalloc(p, sizeof *c);

    c->store = i->store ? i->store : o->store;
    c->designs = i->designs ? i->designs : o->designs;
    c->images = i->images ? i->images : o->images;
    c->effects = i->effects ? i->effects : o->effects;
    c->sync_s = i->sync_s == UNSET ? o->sync_s : i->sync_s;
    c->visitors = i->visitors == UNSET ? o->visitors : i->visitors;
    c->customer = i->customer; /* a host's own, never inherited */
    c->referrer = i->referrer == UNSET ? o->referrer : i->referrer;
    c->md_min = i->md_min == UNSET ? o->md_min : i->md_min;
    c->md_max = i->md_max == UNSET ? o->md_max : i->md_max;
    c->max_per_customer = i->max_per_customer == UNSET ? o->max_per_customer
                                                       : i->max_per_customer;
    c->reloads = i->reloads == UNSET ? o->reloads : i->reloads;
    c->allow = i->allow && o->allow
                   ? apr_array_append(p, o->allow, i->allow)
               : i->allow ? i->allow
                          : o->allow; /* adds, as in counter.conf */
    c->ignore = i->ignore ? i->ignore : o->ignore;
    return c;
}

static const char *global_only(cmd_parms *cmd)
{
    return ap_check_cmd_context(cmd, GLOBAL_ONLY);
}

static const char *set_path(cmd_parms *cmd, void *dummy, const char *arg)
{
    struct counter_server_conf *c = conf_of(cmd->server);
    const char *wrong = global_only(cmd);
    const char *path = ap_server_root_relative(cmd->pool, arg);

    (void)dummy;
    if (wrong) {
        return wrong;
    }
    if (!path) {
        return apr_psprintf(cmd->pool, "%s: '%s' is not a path",
                            cmd->cmd->name, arg);
    }
    *(const char **)((char *)c + (apr_size_t)cmd->info) = path;
    return NULL;
}

/* A whole number of arg inside min..max, or an error naming the directive. */
static const char *take_number(cmd_parms *cmd, const char *arg, int min,
                               int max, int *out)
{
    char *end;
    apr_int64_t n = apr_strtoi64(arg, &end, 10);

    if (!apr_isdigit(*arg) || *end || n < min || n > max) {
        return apr_psprintf(cmd->pool,
                            "%s: '%s' is not a whole number from %d to %d",
                            cmd->cmd->name, arg, min, max);
    }
    *out = (int)n;
    return NULL;
}

static const char *set_sync(cmd_parms *cmd, void *dummy, const char *arg)
{
    const char *wrong = global_only(cmd);

    (void)dummy;
    return wrong ? wrong
                 : take_number(cmd, arg, 1, 3600,
                               &conf_of(cmd->server)->sync_s);
}

/* One of two words. */
static const char *take_word(cmd_parms *cmd, const char *arg,
                             const char *zero, const char *one, int *out)
{
    if (strcasecmp(arg, zero) != 0 && strcasecmp(arg, one) != 0) {
        return apr_psprintf(cmd->pool, "%s: '%s' is neither '%s' nor '%s'",
                            cmd->cmd->name, arg, zero, one);
    }
    *out = strcasecmp(arg, one) == 0;
    return NULL;
}

static const char *set_visitors(cmd_parms *cmd, void *dummy, const char *arg)
{
    const char *wrong = global_only(cmd);

    (void)dummy;
    return wrong ? wrong
                 : take_word(cmd, arg, "hashed", "plain",
                             &conf_of(cmd->server)->visitors);
}

static const char *set_referrer(cmd_parms *cmd, void *dummy, const char *arg)
{
    (void)dummy;
    return take_word(cmd, arg, "strict", "lenient",
                     &conf_of(cmd->server)->referrer);
}

static const char *set_customer(cmd_parms *cmd, void *dummy, const char *arg)
{
    (void)dummy;
    conf_of(cmd->server)->customer = arg; /* checked in post_config */
    return NULL;
}

static const char *set_digits(cmd_parms *cmd, void *dummy, const char *min,
                              const char *max)
{
    struct counter_server_conf *c = conf_of(cmd->server);
    const char *wrong = take_number(cmd, min, 1, 18, &c->md_min);

    (void)dummy;
    return wrong ? wrong : take_number(cmd, max, c->md_min, 18, &c->md_max);
}

static const char *set_max(cmd_parms *cmd, void *dummy, const char *arg)
{
    (void)dummy;
    return take_number(cmd, arg, 1, 1000,
                       &conf_of(cmd->server)->max_per_customer);
}

static const char *set_reload(cmd_parms *cmd, void *dummy, int on)
{
    (void)dummy;
    conf_of(cmd->server)->reloads = on;
    return NULL;
}

static const char *add_allow(cmd_parms *cmd, void *dummy, const char *arg)
{
    struct counter_server_conf *c = conf_of(cmd->server);

    (void)dummy;
    if (!c->allow) {
        c->allow = apr_array_make(cmd->pool, 2, sizeof(const char *));
    }
    APR_ARRAY_PUSH(c->allow, const char *) = arg; /* checked in post_config */
    return NULL;
}

static const char *add_ignore(cmd_parms *cmd, void *dummy, const char *arg)
{
    struct counter_server_conf *c = conf_of(cmd->server);
    char *address = apr_pstrdup(cmd->pool, arg);
    char *bits = strchr(address, '/');
    apr_ipsubnet_t *net;

    (void)dummy;
    if (bits) {
        *bits++ = '\0';
    }
    if (apr_ipsubnet_create(&net, address, bits, cmd->pool) != APR_SUCCESS) {
        return apr_psprintf(cmd->pool,
                            "%s: '%s' is not an address or ADDRESS/BITS",
                            cmd->cmd->name, arg);
    }
    if (!c->ignore) {
        c->ignore = apr_array_make(cmd->pool, 2, sizeof(apr_ipsubnet_t *));
    }
    APR_ARRAY_PUSH(c->ignore, apr_ipsubnet_t *) = net;
    return NULL;
}

static void *alloc_from_pool(void *pool, size_t size)
{
    return apr_palloc(pool, size);
}

/* --- the tables of a configuration --------------------------------------- */

static int config_error(server_rec *s, const struct omk_err *err)
{
    ap_log_error(APLOG_MARK, APLOG_ERR, 0, s,
                 "OMK0101: counter: %s:%d: '%s': %s",
                 s->defn_name ? s->defn_name : "httpd.conf",
                 s->defn_line_number, err->where, err->text);
    return !OK;
}

static void add_hosts(server_rec *s, struct counter_customer *c,
                      struct omk_err *err, int *rc)
{
    apr_array_header_t *lists[] = {s->names, s->wild_names};

    if (s->server_hostname) {
        *rc = counter_sites_add_host(sites, c, s->server_hostname, s, err);
    }
    for (int l = 0; l < 2; l++) {
        for (int i = 0; *rc == OMK_OK && lists[l] && i < lists[l]->nelts;
             i++) {
            *rc = counter_sites_add_host(
                sites, c, APR_ARRAY_IDX(lists[l], i, const char *), s, err);
        }
    }
}

/* A virtual host without a directive of ours has the very struct of the main
 * server from httpd: its customer and policy need one of its own. */
static struct counter_server_conf *own_conf(apr_pool_t *p, server_rec *s,
                                            server_rec *main_server)
{
    struct counter_server_conf *conf = conf_of(s);

    if (s != main_server && conf == conf_of(main_server)) {
        conf = apr_pmemdup(p, conf, sizeof *conf);
        conf->customer = NULL; /* never inherited */
        ap_set_module_config(s->module_config, &counter_module, conf);
    }
    return conf;
}

static int enter_site(server_rec *s, struct counter_server_conf *conf)
{
    const char *name = conf->customer ? conf->customer : s->server_hostname;
    struct counter_customer *c;
    struct omk_err err = {0};
    int rc;

    conf->site = counter_site_default;
    if (conf->referrer != UNSET) {
        conf->site.referrer = (enum counter_referrer_mode)conf->referrer;
    }
    if (conf->md_min != UNSET) {
        conf->site.limits.md_min = (unsigned)conf->md_min;
        conf->site.limits.md_max = (unsigned)conf->md_max;
    }
    if (conf->max_per_customer != UNSET) {
        conf->site.max_per_customer = (uint32_t)conf->max_per_customer;
    }
    conf->site.count_reloads = conf->reloads == 1;
    if (!name) {
        return OK; /* no name, no counter of its own */
    }
    rc = counter_sites_customer(sites, name, &c, &err);
    if (rc != OMK_OK && !conf->customer) {
        return OK; /* a ServerName that cannot be a customer's, say [::1] */
    }
    if (rc == OMK_OK) {
        conf->site.customer = c;
        add_hosts(s, c, &err, &rc);
    }
    for (int i = 0; rc == OMK_OK && conf->allow && i < conf->allow->nelts;
         i++) {
        rc = counter_sites_allow(sites, c,
                                 APR_ARRAY_IDX(conf->allow, i, const char *),
                                 &err);
    }
    return rc == OMK_OK ? OK : config_error(s, &err);
}

static void log_mended(struct counter_store *store)
{
    unsigned mended = counter_store_mended(store);

    if (mended) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, child.server,
                     "OMK0105: counter: %s: %u damaged copies mended from "
                     "their twins; check the disk",
                     child.conf->store, mended);
    }
}

static apr_status_t sync_store(int state, void *data, apr_pool_t *p)
{
    struct counter_store *store = atomic_load(&child.store);
    struct omk_err err;

    (void)data;
    (void)p;
    if (!store || state == AP_WATCHDOG_STATE_STARTING) {
        return APR_SUCCESS;
    }
    if (counter_store_sync(store, &err) != OMK_OK) {
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, child.server,
                     "OMK0104: counter: %s: %s", err.where, err.text);
    }
    log_mended(store);
    return APR_SUCCESS;
}

/* One child at a time syncs what all of them have counted; when it dies the
 * watchdog of another takes over. */
static int start_watchdog(apr_pool_t *p, server_rec *s)
{
    APR_OPTIONAL_FN_TYPE(ap_watchdog_get_instance) *get =
        APR_RETRIEVE_OPTIONAL_FN(ap_watchdog_get_instance);
    APR_OPTIONAL_FN_TYPE(ap_watchdog_register_callback) *add =
        APR_RETRIEVE_OPTIONAL_FN(ap_watchdog_register_callback);
    const struct counter_server_conf *conf = conf_of(s);
    ap_watchdog_t *watchdog;
    apr_status_t rv;

    if (!get || !add) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                     "OMK0103: counter: mod_watchdog is not loaded: counts "
                     "go to disk when the kernel likes, not every "
                     "CounterSync seconds");
        return OK;
    }
    rv = get(&watchdog, "_omakase_counter_", 0, 1, p);
    if (rv == APR_SUCCESS) {
        rv = add(watchdog,
                 apr_time_from_sec(conf->sync_s == UNSET ? 1 : conf->sync_s),
                 NULL, sync_store);
    }
    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, rv, s,
                     "OMK0103: counter: cannot start the watchdog");
        return !OK;
    }
    return OK;
}

static int post_config(apr_pool_t *p, apr_pool_t *plog, apr_pool_t *ptemp,
                       server_rec *main_server)
{
    struct counter_alloc *alloc = apr_palloc(p, sizeof *alloc);

    (void)plog;
    (void)ptemp;
    if (!conf_of(main_server)->store) {
        return OK; /* not configured: changes nothing */
    }
    *alloc = (struct counter_alloc){alloc_from_pool, p};
    if (counter_sites_new(alloc, &sites) != OMK_OK) {
        return !OK;
    }
    for (server_rec *s = main_server; s; s = s->next) {
        int rc = enter_site(s, own_conf(p, s, main_server));

        if (rc != OK) {
            return rc;
        }
    }
    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG) {
        return OK; /* the first of httpd's two readings */
    }
    return start_watchdog(p, main_server);
}

/* --- a child ------------------------------------------------------------- */

/* Opens the store; again after a second when it could not be (a full disk, a
 * damaged file that the operator replaces). */
static struct counter_store *open_store(void)
{
    struct counter_store *store = atomic_load(&child.store);
    struct omk_err err;
    int threads = 1;

    if (store || !child.conf) {
        return store;
    }
    apr_thread_mutex_lock(child.opening);
    store = atomic_load(&child.store);
    if (!store && apr_time_now() - child.tried >= apr_time_from_sec(1)) {
        child.tried = apr_time_now();
        if (ap_mpm_query(AP_MPMQ_MAX_THREADS, &threads) != APR_SUCCESS
            || threads < 1) {
            threads = 1;
        }
        if (counter_store_open(child.conf->store, true, (unsigned)threads,
                               &store, &err)
            == OMK_OK) {
            memcpy(child.engine.visitors.key, counter_store_key(store),
                   COUNTER_VISITOR_KEY_BYTES);
            atomic_store(&child.store, store);
        }
        else {
            store = NULL;
            ap_log_error(APLOG_MARK, APLOG_ERR, 0, child.server,
                         "OMK0102: counter: %s: %s", err.where, err.text);
        }
    }
    apr_thread_mutex_unlock(child.opening);
    return store;
}

/* Threads may still serve: synced, not closed. */
static apr_status_t sync_at_exit(void *data)
{
    (void)data;
    return sync_store(AP_WATCHDOG_STATE_STOPPING, NULL, NULL);
}

static void child_init(apr_pool_t *p, server_rec *s)
{
    const struct counter_server_conf *conf = conf_of(s);
    struct omk_err err;

    if (!conf->store) {
        return;
    }
    child.server = s;
    child.engine.sites = sites;
    child.engine.images_dir = conf->images;
    child.engine.visitors.mode = conf->visitors == 1 ? COUNTER_VISITOR_PLAIN
                                                     : COUNTER_VISITOR_HASHED;
    if (conf->effects) {
        counter_effects_path(conf->effects);
    }
    if (counter_designs_open(conf->designs ? conf->designs
                                           : OMAKASE_DATADIR "/designs",
                             &child.engine.designs, &err)
            != OMK_OK
        || apr_thread_mutex_create(&child.opening, APR_THREAD_MUTEX_DEFAULT,
                                   p)
               != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, s,
                     "OMK0102: counter: %s: %s", err.where, err.text);
        return;
    }
    child.conf = conf;
    (void)open_store();
    apr_pool_cleanup_register(p, NULL, sync_at_exit, apr_pool_cleanup_null);
}

/* --- a request ----------------------------------------------------------- */

static int is_ours(request_rec *r)
{
    return r->handler && strcmp(r->handler, HANDLER) == 0;
}

/* The handler that <Location> has set, or NULL. */
static const char *configured_handler(request_rec *r)
{
    const core_dir_config *core = ap_get_core_module_config(r->per_dir_config);
    const char *unused;

    /* SetHandler's argument: a plain word is kept as an expression too */
    return core->expr_handler
               ? ap_expr_str_exec(r, core->expr_handler, &unused)
               : core->handler;
}

/* There is no file behind the URL: no walk through directories for one. httpd
 * applies <Location> before it translates names and again after
 * map_to_storage, which sees neither; so what the first one said is noted, and
 * taken for the second as long as the URL is the same. A handler of
 * .htaccess's is found later, after the walk. */
static int translate_name(request_rec *r)
{
    const char *name = configured_handler(r);

    if (name && strcmp(name, HANDLER) == 0) {
        ap_set_module_config(r->request_config, &counter_module,
                             apr_pstrdup(r->pool, r->uri));
    }
    return DECLINED;
}

static int map_to_storage(request_rec *r)
{
    const char *uri = ap_get_module_config(r->request_config, &counter_module);

    if (!uri) {
        return DECLINED;
    }
    if (r->proxyreq || strcmp(uri, r->uri) != 0) { /* rewritten */
        ap_set_module_config(r->request_config, &counter_module, NULL);
        return DECLINED;
    }
    r->finfo.filetype = APR_REG; /* FallbackResource leaves it alone */
    return OK;
}

/* What no directory's rules have been applied to is for our handler only: an
 * <If> may have come to another one in the second round. */
static int fixups(request_rec *r)
{
    return ap_get_module_config(r->request_config, &counter_module)
                   && !is_ours(r)
               ? HTTP_FORBIDDEN
               : DECLINED;
}

static int is_ignored(const request_rec *r,
                      const struct counter_server_conf *conf)
{
    for (int i = 0; conf->ignore && i < conf->ignore->nelts; i++) {
        if (apr_ipsubnet_test(
                APR_ARRAY_IDX(conf->ignore, i, apr_ipsubnet_t *),
                r->useragent_addr)) {
            return 1;
        }
    }
    return 0;
}

static const char *header(const request_rec *r, const char *name)
{
    return apr_table_get(r->headers_in, name);
}

static const char *purpose(const request_rec *r)
{
    static const char *const names[] = {"Sec-Purpose", "Purpose", "X-Moz",
                                        "X-Purpose"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = header(r, names[i]);

        if (value) {
            return value;
        }
    }
    return NULL;
}

/* A full disk would say so with every hit: one line a second and child. It is
 * the operator's to read, not the customer's: so not into r's log. */
static void log_failure(const request_rec *r, const struct omk_err *err)
{
    long now = (long)apr_time_sec(r->request_time);

    if (atomic_exchange(&child.logged_at, now) != now) {
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, child.server,
                     "OMK0106: counter: %s%s%s", err->where,
                     *err->where ? ": " : "", err->text);
    }
}

static int send_response(request_rec *r,
                         const struct counter_response *response)
{
    conn_rec *c = r->connection;
    apr_bucket_brigade *bb;

    if (!response->body.data) {
        return HTTP_SERVICE_UNAVAILABLE;
    }
    if (response->status != HTTP_OK) {
        r->status = response->status; /* as an ErrorDocument it has one */
    }
    ap_set_content_type(r, response->body.type);
    ap_set_content_length(r, (apr_off_t)response->body.len);
    apr_table_setn(r->headers_out, "Cache-Control",
                   response->expires_s < 0
                       ? "no-store"
                       : apr_psprintf(r->pool, "private, max-age=%d",
                                      response->expires_s));
    if (r->header_only) {
        return OK;
    }
    bb = apr_brigade_create(r->pool, c->bucket_alloc);
    APR_BRIGADE_INSERT_TAIL(
        bb, apr_bucket_pool_create((const char *)response->body.data,
                                   response->body.len, r->pool,
                                   c->bucket_alloc));
    APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_eos_create(c->bucket_alloc));
    (void)ap_pass_brigade(r->output_filters, bb); /* the client went away */
    return OK;
}

static int handler(request_rec *r)
{
    const struct counter_server_conf *conf;
    struct counter_engine engine;
    struct counter_alloc alloc = {alloc_from_pool, r->pool};
    struct counter_response response;
    struct counter_request request;
    const request_rec *top = r;

    if (!is_ours(r)) {
        return DECLINED;
    }
    if (!child.conf) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                      "OMK0107: counter: SetHandler " HANDLER
                      " without a CounterStore");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    ap_allow_standard_methods(r, REPLACE_ALLOW, M_GET, -1);
    if (r->method_number != M_GET) {
        return HTTP_METHOD_NOT_ALLOWED;
    }
    conf = conf_of(r->server);
    if (!conf->site.customer) {
        return HTTP_NOT_FOUND;
    }
    while (top->main) {
        top = top->main; /* its HEAD does not count either */
    }
    request = (struct counter_request){
        .query = r->args ? r->args : "",
        .len = r->args ? strlen(r->args) : 0,
        /* an ErrorDocument is asked for by GET whatever the page was */
        .headers = {.method = top->header_only ? "HEAD" : top->method,
                    .referer = header(r, "Referer"),
                    .sec_fetch_site = header(r, "Sec-Fetch-Site"),
                    .purpose = purpose(r)},
        .address = r->useragent_ip,
        .site = &conf->site,
        .ignored = is_ignored(r, conf),
        .internal = r->main != NULL,
        .now = apr_time_sec(r->request_time)};
    engine.store = open_store();
    engine = (struct counter_engine){.store = engine.store,
                                     .designs = child.engine.designs,
                                     .sites = child.engine.sites,
                                     .visitors = child.engine.visitors,
                                     .images_dir = child.engine.images_dir};
    counter_answer(&engine, &request, &alloc, &response);
    if (response.log.code) {
        log_failure(r, &response.log);
    }
    if (engine.store) {
        log_mended(engine.store);
    }
    if (response.refused) {
        ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r,
                      "OMK0108: counter: Referer '%s' is not a page of %s",
                      request.headers.referer ? request.headers.referer : "",
                      counter_customer_name(conf->site.customer));
    }
    return send_response(r, &response);
}

/* --- module record ------------------------------------------------------- */

#define PATH(field) (void *)APR_OFFSETOF(struct counter_server_conf, field)

static const command_rec commands[] = {
    AP_INIT_TAKE1("CounterStore", set_path, PATH(store), RSRC_CONF,
                  "the file that holds all counters of this server"),
    AP_INIT_TAKE1("CounterDesigns", set_path, PATH(designs), RSRC_CONF,
                  "directory of digit designs"),
    AP_INIT_TAKE1("CounterImages", set_path, PATH(images), RSRC_CONF,
                  "directory of images that tags may draw digits on"),
    AP_INIT_TAKE1("CounterEffects", set_path, PATH(effects), RSRC_CONF,
                  "the shared object that draws frames, PNG and the like"),
    AP_INIT_TAKE1("CounterSync", set_sync, NULL, RSRC_CONF,
                  "seconds until a count is on disk, 1 to 3600"),
    AP_INIT_TAKE1("CounterVisitors", set_visitors, NULL, RSRC_CONF,
                  "hashed or plain: how the last address is remembered"),
    AP_INIT_TAKE1("CounterCustomer", set_customer, NULL, RSRC_CONF,
                  "whose virtual host this is; hosts of one customer share "
                  "a counter"),
    AP_INIT_TAKE1("CounterReferer", set_referrer, NULL, RSRC_CONF,
                  "strict or lenient: what an absent Referer means"),
    AP_INIT_ITERATE("CounterRefererAllow", add_allow, NULL, RSRC_CONF,
                    "further hosts whose pages may show the counter"),
    AP_INIT_TAKE2("CounterDigits", set_digits, NULL, RSRC_CONF,
                  "least and most digits that md= may ask for, 1 to 18"),
    AP_INIT_TAKE1("CounterMaxPerCustomer", set_max, NULL, RSRC_CONF,
                  "counters of one customer, 1 to 1000"),
    AP_INIT_FLAG("CounterReload", set_reload, NULL, RSRC_CONF,
                 "on: the last visitor counts again"),
    AP_INIT_ITERATE("CounterIgnore", add_ignore, NULL, RSRC_CONF,
                    "addresses or subnets that are shown and not counted"),
    {NULL}};

static void register_hooks(apr_pool_t *p)
{
    (void)p;
    ap_hook_post_config(post_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_init(child_init, NULL, NULL, APR_HOOK_FIRST);
    ap_hook_translate_name(translate_name, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_map_to_storage(map_to_storage, NULL, NULL, APR_HOOK_FIRST);
    ap_hook_fixups(fixups, NULL, NULL, APR_HOOK_FIRST);
    ap_hook_handler(handler, NULL, NULL, APR_HOOK_MIDDLE);
}

module AP_MODULE_DECLARE_DATA counter_module = {STANDARD20_MODULE_STUFF,
                              NULL,
                              NULL,
                              create_server_conf,
                              merge_server_conf,
                              commands,
                              register_hooks,
                              AP_MODULE_FLAG_NONE};
