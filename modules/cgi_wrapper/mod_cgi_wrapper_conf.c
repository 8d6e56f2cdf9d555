/* mod_cgi_wrapper: the values of its directives, and what the daemon is told
 * of them; see the header. */
#include "mod_cgi_wrapper.h"

#include "http_core.h"
#include "http_log.h"
#include "unixd.h"
#include "apr_lib.h"
#include "apr_strings.h"

#include "num.h"
#include "cgi-wrapper/sites.h"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

APLOG_USE_MODULE(cgi_wrapper);

static const char *const switch_keys[CGI_SWITCHES] = {
    [CGI_STRICT] = "strict",   [CGI_SYMLINKS] = "symlinks",
    [CGI_ISINDEX] = "isindex", [CGI_UNSAFEINC] = "unsafeinc",
    [CGI_NNP] = "nnp",         [CGI_CONFINE] = "confine",
    [CGI_EXECCMD] = "execcmd",
};

static const struct {
    const char *key;
    bool bytes;    /* else seconds, or how many */
    uint64_t most; /* as the daemon takes it */
} limits[CGI_LIMITS] = {
    [CGI_CPU] = {"cpu", false, UINT32_MAX / 1000},
    [CGI_MEMORY] = {"memory", true, INT64_MAX},
    [CGI_PROCESSES] = {"processes", false, INT32_MAX},
    [CGI_WALL] = {"wall", false, UINT32_MAX / 1000},
    [CGI_CONCURRENT] = {"concurrent", false, INT32_MAX},
    [CGI_OUTPUT] = {"output", true, INT64_MAX},
};

/* Of the main server; directives fill it anew at each reading. */
static struct cgi_global *global;

struct cgi_server *cgi_server_of(server_rec *s)
{
    return ap_get_module_config(s->module_config, &cgi_wrapper_module);
}

struct cgi_global *cgi_global_of(void)
{
    return global;
}

/* --- merging ------------------------------------------------------------- */

void *cgi_create_server(apr_pool_t *p, server_rec *s)
{
    struct cgi_server *c = apr_pcalloc(p, sizeof *c);

    for (int i = 0; i < CGI_SWITCHES; i++) {
        c->on[i] = CGI_UNSET;
    }
    c->interpreters = apr_array_make(p, 0, sizeof(struct cgi_word));
    c->passenv = apr_array_make(p, 0, sizeof(struct cgi_word));
    c->setenv = apr_array_make(p, 0, sizeof(struct cgi_word));
    c->site = -1;
    if (!s->is_virtual) {
        global = apr_pcalloc(p, sizeof *global);
        global->program = CGIW_PROGRAM;
    }
    return c;
}

void *cgi_merge_server(apr_pool_t *p, void *outer, void *inner)
{
    const struct cgi_server *o = outer, *i = inner;
    struct cgi_server *c = apr_pmemdup(p, i, sizeof *c);
    bool has_user = i->user.directive || i->suexec.directive;

    c->user = has_user ? i->user : o->user;
    c->suexec = has_user ? i->suexec : o->suexec;
    c->login = i->login ? i->login : o->login;
    c->root = i->root ? i->root : o->root;
    c->shown = i->root ? i->shown : o->shown;
    for (int n = 0; n < CGI_SWITCHES; n++) {
        c->on[n] = i->on[n] == CGI_UNSET ? o->on[n] : i->on[n];
    }
    for (int n = 0; n < CGI_LIMITS; n++) {
        c->limit[n] = i->limits_set & (1u << n) ? i->limit[n] : o->limit[n];
    }
    c->limits_set = i->limits_set | o->limits_set;
    c->diagnostics = i->diagnostics ? i->diagnostics : o->diagnostics;
    /* interpreters, passenv and setenv: the main server's are told to the daemon once,
     * for all sites. */
    return c;
}

const struct cgi_user *cgi_user_of(const struct cgi_server *c)
{
    return c->user.directive     ? &c->user
           : c->suexec.directive ? &c->suexec
                                 : NULL;
}

/* --- setters ------------------------------------------------------------- */

static const char *server_only(cmd_parms *cmd)
{
    return ap_check_cmd_context(cmd, NOT_IN_DIR_CONTEXT | NOT_IN_HTACCESS);
}

static const char *bad(cmd_parms *cmd, const char *value, const char *what)
{
    return apr_psprintf(cmd->pool, "%s: '%s' %s", cmd->cmd->name, value, what);
}

/* What goes into the daemon's blob must not end a field or a record. */
static bool is_plain(const char *s)
{
    for (; *s; s++) {
        if (apr_iscntrl(*s)) {
            return false;
        }
    }
    return true;
}

/* An absolute path without a slash at its end, as the daemon takes it; NULL
 * when it cannot be made one. */
static const char *normal_path(apr_pool_t *p, const char *path)
{
    size_t len = strlen(path);

    while (len > 1 && path[len - 1] == '/') {
        len--;
    }
    return cgiw_path_is_normal(path, len) && is_plain(path)
               ? apr_pstrmemdup(p, path, len)
               : NULL;
}

static const struct passwd *find_user(const char *name)
{
    uint64_t uid;

    if (*name != '#') {
        return getpwnam(name);
    }
    return omk_num_u64(name + 1, strlen(name + 1), 0, UINT32_MAX - 1, &uid)
               ? NULL
               : getpwuid((uid_t)uid);
}

static bool find_group(const char *name, gid_t *gid)
{
    const struct group *g;
    uint64_t n;

    if (*name == '#') {
        if (omk_num_u64(name + 1, strlen(name + 1), 0, UINT32_MAX - 1, &n)) {
            return false;
        }
        *gid = (gid_t)n;
        return true;
    }
    g = getgrnam(name);
    if (g) {
        *gid = g->gr_gid;
    }
    return g != NULL;
}

/* Resolved here, once: a look-up costs more than a small script. */
static const char *set_user(cmd_parms *cmd, struct cgi_user *user,
                            const char *name, const char *group)
{
    const struct passwd *pw = find_user(name);

    if (!pw) {
        return bad(cmd, name, "is no user of this machine");
    }
    if (geteuid() == 0 && pw->pw_uid < CGIW_ID_MIN) {
        return bad(cmd, name, "is a system account: scripts do not run as one");
    }
    user->name = apr_pstrdup(cmd->pool, pw->pw_name);
    user->home = normal_path(cmd->pool, pw->pw_dir);
    if (!user->home) {
        user->home = "/nonexistent";
    }
    user->uid = pw->pw_uid;
    user->gid = pw->pw_gid;
    if (group && !find_group(group, &user->gid)) {
        return bad(cmd, group, "is no group of this machine");
    }
    if (geteuid() == 0 && user->gid < CGIW_ID_MIN) {
        return bad(cmd, group ? group : name,
                   "has a system account's group: scripts do not run with it");
    }
    user->directive = cmd->cmd->name;
    return NULL;
}

const char *cgi_set_user(cmd_parms *cmd, void *dummy, const char *user,
                         const char *group)
{
    const char *wrong = server_only(cmd);

    (void)dummy;
    return wrong
               ? wrong
               : set_user(cmd, &cgi_server_of(cmd->server)->user, user, group);
}

/* mod_suexec's own, which httpd gives to both: what it means stays its affair,
 * also where it is not loaded, so a wrong name is an error only where scripts
 * would run as that user (cgi_check_config). */
const char *cgi_set_suexec(cmd_parms *cmd, void *dummy, const char *user,
                           const char *group)
{
    const char *wrong = server_only(cmd);
    struct cgi_user *c = &cgi_server_of(cmd->server)->suexec;

    (void)dummy;
    if (wrong) {
        return wrong;
    }
    wrong = set_user(cmd, c, user, group);
    if (wrong) {
        *c = (struct cgi_user){.directive = wrong};
    }
    return NULL;
}

const char *cgi_set_login(cmd_parms *cmd, void *dummy, const char *login)
{
    const char *wrong = server_only(cmd);

    (void)dummy;
    if (wrong) {
        return wrong;
    }
    if (!*login || !is_plain(login) || strchr(login, '/')) {
        return bad(cmd, login, "is no customer's name");
    }
    cgi_server_of(cmd->server)->login = login;
    return NULL;
}

const char *cgi_set_root(cmd_parms *cmd, void *dummy, const char *dir,
                         const char *shown)
{
    const char *wrong = server_only(cmd);
    struct cgi_server *c = cgi_server_of(cmd->server);

    (void)dummy;
    if (wrong) {
        return wrong;
    }
    c->root = normal_path(cmd->pool, dir);
    if (!c->root) {
        return bad(cmd, dir,
                   "is no absolute path of a directory (without '//', '/./', "
                   "'/../')");
    }
    c->shown =
        !shown || strcmp(shown, "/") == 0 ? "" : normal_path(cmd->pool, shown);
    if (!c->shown) {
        return bad(cmd, shown, "is no absolute path");
    }
    return NULL;
}

const char *cgi_set_switch(cmd_parms *cmd, void *dummy, int on)
{
    const char *wrong = server_only(cmd);

    (void)dummy;
    if (!wrong) {
        cgi_server_of(cmd->server)->on[(intptr_t)cmd->info] = on;
    }
    return wrong;
}

/* 256, 256K, 256M, 256G. */
static bool read_limit(const char *value, enum cgi_limit which, uint64_t *out)
{
    static const char units[] = "KMG";
    size_t len = strlen(value);
    const char *unit =
        limits[which].bytes && len > 0 ? strchr(units, value[len - 1]) : NULL;
    unsigned shift = unit && *unit ? 10 * (unsigned)(unit - units + 1) : 0;

    if (omk_num_u64(value, shift ? len - 1 : len, 0,
                    limits[which].most >> shift, out)) {
        return false;
    }
    *out <<= shift;
    return true;
}

const char *cgi_set_limit(cmd_parms *cmd, void *dummy, const char *arg)
{
    const char *wrong = server_only(cmd);
    struct cgi_server *c = cgi_server_of(cmd->server);

    (void)dummy;
    if (wrong) {
        return wrong;
    }
    for (int i = 0; i < CGI_LIMITS; i++) {
        size_t len = strlen(limits[i].key);

        if (strncmp(arg, limits[i].key, len) != 0 || arg[len] != '=') {
            continue;
        }
        if (!read_limit(arg + len + 1, i, &c->limit[i])) {
            return bad(cmd, arg,
                       limits[i].bytes ? "needs a number of bytes, or with K, "
                                         "M or G (0: no limit)"
                                       : "needs a whole number (0: no limit)");
        }
        c->limits_set |= 1u << i;
        return NULL;
    }
    return bad(cmd, arg,
               "is none of cpu=, memory=, processes=, wall=, concurrent=, "
               "output=");
}

static void add_word(apr_array_header_t *list, const char *from, const char *to)
{
    APR_ARRAY_PUSH(list, struct cgi_word) = (struct cgi_word){from, to};
}

const char *cgi_set_passenv(cmd_parms *cmd, void *dummy, const char *name)
{
    const char *wrong = server_only(cmd);

    (void)dummy;
    if (wrong) {
        return wrong;
    }
    if (!*name || strchr(name, '=') || !is_plain(name)) {
        return bad(cmd, name, "is no variable's name");
    }
    add_word(cgi_server_of(cmd->server)->passenv, name, NULL);
    return NULL;
}

const char *cgi_set_env(cmd_parms *cmd, void *dummy, const char *name,
                        const char *value)
{
    const char *wrong = server_only(cmd);

    (void)dummy;
    if (wrong) {
        return wrong;
    }
    if (!*name || strchr(name, '=') || !is_plain(name)) {
        return bad(cmd, name, "is no variable's name");
    }
    if (!*value || !is_plain(value)) {
        return bad(cmd, value, "is empty, or has control characters");
    }
    add_word(cgi_server_of(cmd->server)->setenv, name, value);
    return NULL;
}

const char *cgi_set_interpreter(cmd_parms *cmd, void *dummy, const char *from,
                                const char *to)
{
    const char *wrong = server_only(cmd);
    const char *words[] = {from, to};

    (void)dummy;
    if (wrong) {
        return wrong;
    }
    for (int i = 0; i < 2; i++) {
        if (!cgiw_path_is_normal(words[i], strlen(words[i]))
            || !is_plain(words[i])) {
            return bad(cmd, words[i], "is no absolute path of a program");
        }
    }
    add_word(cgi_server_of(cmd->server)->interpreters, from, to);
    return NULL;
}

const char *cgi_set_diagnostics(cmd_parms *cmd, void *dummy, int argc,
                                char *const argv[])
{
    const char *wrong = server_only(cmd);
    apr_array_header_t *list;

    (void)dummy;
    if (wrong) {
        return wrong;
    }
    if (argc < 1) {
        return apr_pstrcat(cmd->pool, cmd->cmd->name,
                           " needs off, or addresses", NULL);
    }
    list = apr_array_make(cmd->pool, argc, sizeof(apr_ipsubnet_t *));
    for (int i = 0; i < argc; i++) {
        char *address = apr_pstrdup(cmd->pool, argv[i]);
        char *mask = strchr(address, '/');
        apr_ipsubnet_t *net;

        if (argc == 1 && strcasecmp(address, "off") == 0) {
            break;
        }
        if (mask) {
            *mask++ = '\0';
        }
        /* It takes "10" and "10.1" for networks; here they are mistakes. */
        if (!(strchr(address, ':') || ap_strchr_c(address, '.'))
            || apr_ipsubnet_create(&net, address, mask, cmd->pool)) {
            return bad(cmd, argv[i], "is no address, nor ADDRESS/BITS");
        }
        APR_ARRAY_PUSH(list, apr_ipsubnet_t *) = net;
    }
    cgi_server_of(cmd->server)->diagnostics = list;
    return NULL;
}

const char *cgi_set_global(cmd_parms *cmd, void *dummy, const char *arg)
{
    const char *wrong = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    size_t offset = (size_t)(intptr_t)cmd->info;
    const char *value = arg;

    (void)dummy;
    if (wrong) {
        return wrong;
    }
    if (offset == APR_OFFSETOF(struct cgi_global, name)) {
        if (!*arg || *arg == '.' || strchr(arg, '/') || !is_plain(arg)) {
            return bad(cmd, arg, "is no name of a cgroup");
        }
    }
    else {
        value = offset == APR_OFFSETOF(struct cgi_global, socket)
                    ? ap_runtime_dir_relative(cmd->pool, arg)
                    : ap_server_root_relative(cmd->pool, arg);
        value = value ? normal_path(cmd->pool, value) : NULL;
        if (!value) {
            return bad(cmd, arg, "is no file's path");
        }
    }
    *(const char **)((char *)global + offset) = value;
    return NULL;
}

/* --- a host's root ------------------------------------------------------- */

/* DocumentRoot's own merging has put "/" at no end, but who knows. */
const char *cgi_root_of(server_rec *s)
{
    const core_server_config *core =
        ap_get_core_module_config(s->module_config);
    const char *root = cgi_server_of(s)->root;

    return root ? root : core->ap_document_root;
}

const char *cgi_shown_of(server_rec *s)
{
    const struct cgi_server *c = cgi_server_of(s);

    return c->root ? c->shown : "";
}

const char *cgi_as_shown(request_rec *r, const char *path)
{
    const char *root = cgi_root_of(r->server);
    size_t len = root ? strlen(root) : 0;

    if (len == 0 || strncmp(path, root, len) != 0 || path[len] != '/') {
        return path;
    }
    return apr_pstrcat(r->pool, cgi_shown_of(r->server), path + len, NULL);
}

/* --- the whole of it ----------------------------------------------------- */

static bool has_site(server_rec *s)
{
    const struct cgi_server *c = cgi_server_of(s);

    return c->on[CGI_ENABLED] == 1 && cgi_user_of(c);
}

static int config_error(server_rec *s, const char *what)
{
    ap_log_error(APLOG_MARK, APLOG_ERR, 0, s, "OMK0401: cgi_wrapper: %s:%d: %s",
                 s->defn_name ? s->defn_name : "httpd.conf",
                 s->defn_line_number, what);
    return !OK;
}

static int check_site(apr_pool_t *p, server_rec *s)
{
    const struct cgi_user *u = cgi_user_of(cgi_server_of(s));
    const char *root = cgi_root_of(s);

    if (!u->name) {
        return config_error(s, u->directive); /* what was wrong with it */
    }
    if (geteuid() == 0 && u->uid == ap_unixd_config.user_id) {
        return config_error(
            s, apr_psprintf(p,
                            "%s: '%s' is httpd's own user: scripts would "
                            "read and stop what is httpd's",
                            u->directive, u->name));
    }
    if (geteuid() != 0 && u->uid != geteuid()) {
        return config_error(
            s, apr_psprintf(p,
                            "%s: '%s': started as uid %lu, httpd can run "
                            "scripts as that user alone",
                            u->directive, u->name, (unsigned long)geteuid()));
    }
    if (!root || !normal_path(p, root) || strcmp(root, "/") == 0) {
        return config_error(
            s, apr_psprintf(p,
                            "CGIWrapper: '%s' (DocumentRoot) cannot be a "
                            "root of scripts: set CGIWrapperRoot",
                            root ? root : ""));
    }
    return OK;
}

int cgi_check_config(apr_pool_t *p, apr_pool_t *plog, apr_pool_t *ptemp,
                     server_rec *main_server)
{
    (void)p;
    (void)plog;
    for (server_rec *s = main_server; s; s = s->next) {
        if (has_site(s) && check_site(ptemp, s) != OK) {
            return !OK;
        }
    }
    return OK;
}

struct blob {
    char *at;
    size_t len, room;
    apr_pool_t *pool;
};

static void append(struct blob *b, const char *s)
{
    size_t len = strlen(s);

    if (b->room - b->len < len + 1) {
        char *more = apr_palloc(b->pool, b->room * 2 + len);

        memcpy(more, b->at, b->len);
        b->at = more;
        b->room = b->room * 2 + len;
    }
    memcpy(b->at + b->len, s, len);
    b->len += len;
}

static void end_record(struct blob *b)
{
    append(b, "\t"); /* makes room */
    b->at[b->len - 1] = '\0';
}

/* Fields end with NULL. */
static void record(struct blob *b, const char *name, const char *first,
                   const char *second)
{
    append(b, name);
    append(b, "\t");
    append(b, first);
    if (second) {
        append(b, "\t");
        append(b, second);
    }
    end_record(b);
}

static void words(struct blob *b, const char *name, const char *site,
                  const apr_array_header_t *list)
{
    for (int i = 0; i < list->nelts; i++) {
        const struct cgi_word *w = &APR_ARRAY_IDX(list, i, struct cgi_word);
        const char *of =
            site ? apr_pstrcat(b->pool, site, "\t", w->from, NULL) : w->from;

        record(b, name, of, w->to);
    }
}

static void site(struct blob *b, server_rec *s)
{
    struct cgi_server *c = cgi_server_of(s);
    const struct cgi_user *u = cgi_user_of(c);
    char number[32], key[64];

    (void)snprintf(number, sizeof number, "%" APR_INT64_T_FMT, c->site);
    append(b, apr_psprintf(b->pool, "site\t%s\t%s\t%lu\t%lu\t%s\t%s\t%s",
                           number, c->login ? c->login : u->name,
                           (unsigned long)u->uid, (unsigned long)u->gid,
                           normal_path(b->pool, cgi_root_of(s)), u->name,
                           u->home));
    append(b, "\tshown=");
    append(b, cgi_shown_of(s));
    for (int i = 0; i < CGI_LIMITS; i++) {
        if (c->limits_set & (1u << i)) {
            (void)snprintf(key, sizeof key, "\t%s=%" APR_UINT64_T_FMT,
                           limits[i].key, c->limit[i]);
            append(b, key);
        }
    }
    for (int i = 0; i < CGI_SWITCHES; i++) {
        if (switch_keys[i]) {
            (void)snprintf(key, sizeof key, "\t%s=%d", switch_keys[i],
                           c->on[i] == CGI_UNSET ? i == CGI_SYMLINKS
                                                 : c->on[i]);
            append(b, key);
        }
    }
    end_record(b);
    if (s->is_virtual) {
        words(b, "site-interpreter", number, c->interpreters);
        words(b, "site-passenv", number, c->passenv);
        words(b, "site-setenv", number, c->setenv);
    }
}

/* httpd lets a host without a directive of ours share the main server's
 * values, but its number is its own. */
static void part(apr_pool_t *p, server_rec *main_server)
{
    struct cgi_server *shared = cgi_server_of(main_server);

    for (server_rec *s = main_server->next; s; s = s->next) {
        if (cgi_server_of(s) == shared) {
            ap_set_module_config(
                s->module_config, &cgi_wrapper_module,
                cgi_merge_server(p, shared, cgi_create_server(p, s)));
        }
    }
}

const char *cgi_write_config(apr_pool_t *pconf, apr_pool_t *p,
                             server_rec *main_server, size_t *len)
{
    struct blob b = {apr_palloc(p, 8192), 0, 8192, p};
    int64_t sites = 0;

    part(pconf, main_server);

    record(&b, "cgi-wrapper", "1", NULL);
    if (global->log) {
        record(&b, "log", global->log, NULL);
    }
    if (global->denied) {
        record(&b, "denied", global->denied, NULL);
    }
    if (global->socket) {
        record(&b, "control", global->socket, NULL);
    }
    if (geteuid() == 0) {
        record(&b, "httpd",
               apr_psprintf(p, "%lu", (unsigned long)ap_unixd_config.user_id),
               NULL);
    }
    if (global->name) {
        record(&b, "cgroup", global->name, NULL);
    }
    words(&b, "interpreter", NULL, cgi_server_of(main_server)->interpreters);
    words(&b, "passenv", NULL, cgi_server_of(main_server)->passenv);
    words(&b, "setenv", NULL, cgi_server_of(main_server)->setenv);
    for (server_rec *s = main_server; s; s = s->next) {
        if (has_site(s)) {
            cgi_server_of(s)->site = sites++;
            site(&b, s);
        }
    }
    *len = sites > 0 ? b.len : 0;
    return b.at;
}
