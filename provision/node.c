#include "node.h"

#include "conf.h"
#include "err.h"
#include "names.h"
#include "weblog.h"

#include <apr_strings.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- checks of single values --------------------------------------------- */

static int bad(cfg_t *cfg, cfg_opt_t *opt, const char *value,
               const char *expected)
{
    char shown[64];

    cfg_error(cfg, "%s '%s'; expected %s", cfg_opt_name(opt),
              omk_printable(value, strlen(value), shown), expected);
    return -1;
}

/* What goes into httpd's and PHP's files between quotes. */
static int check_path(cfg_t *cfg, cfg_opt_t *opt)
{
    const char *s = omk_conf_last_string(opt);

    if (*s
        && (*s != '/' || strpbrk(s, "\"\\\n\r\t*?[]${}%") || strlen(s) > 512)) {
        return bad(cfg, opt, s,
                   "an absolute path without quotes, wildcards "
                   "and control characters");
    }
    return 0;
}

static int check_host(cfg_t *cfg, cfg_opt_t *opt)
{
    const char *s = omk_conf_last_string(opt);
    const char *ascii;
    struct omk_err err;
    apr_pool_t *tmp;
    int rc;

    if (strcmp(s, "localhost") == 0) {
        return 0;
    }
    (void)apr_pool_create(&tmp, NULL);
    rc = omk_domain_parse(tmp, s, strlen(s), &ascii, &err);
    apr_pool_destroy(tmp);
    return rc ? omk_conf_bad(cfg, &err) : 0;
}

static int check_profile(cfg_t *cfg, cfg_opt_t *opt)
{
    const char *s = omk_conf_last_string(opt);

    return strcmp(s, "manual") && strcmp(s, "strict")
               ? bad(cfg, opt, s, "manual or strict")
               : 0;
}

static int check_mpm(cfg_t *cfg, cfg_opt_t *opt)
{
    const char *s = omk_conf_last_string(opt);

    return strcmp(s, "event") && strcmp(s, "worker") && strcmp(s, "prefork")
               ? bad(cfg, opt, s, "event, worker or prefork")
               : 0;
}

static bool is_port(const char *s)
{
    size_t len = strspn(s, "0123456789");

    return len >= 1 && len <= 5 && !s[len] && atol(s) >= 1 && atol(s) <= 65535;
}

/* ADDRESS:PORT, *:PORT or PORT; an IPv6 address in brackets. */
static int check_listen(cfg_t *cfg, cfg_opt_t *opt)
{
    const char *s = omk_conf_last_string(opt);
    const char *colon = strrchr(s, ':');
    size_t host = colon ? (size_t)(colon - s) : 0;

    if (!is_port(colon ? colon + 1 : s)
        || strspn(s, "0123456789abcdefABCDEF.:*[]") < host) {
        return bad(cfg, opt, s, "ADDRESS:PORT, e.g. 0.0.0.0:80");
    }
    return 0;
}

/* IPv4, as ProFTPD is told here. */
static int check_ftp_listen(cfg_t *cfg, cfg_opt_t *opt)
{
    const char *s = omk_conf_last_string(opt);
    const char *colon = strrchr(s, ':');
    size_t host = colon ? (size_t)(colon - s) : 0;

    if (!is_port(colon ? colon + 1 : s)
        || (strspn(s, "0123456789.") < host && strncmp(s, "*:", 2) != 0)) {
        return bad(cfg, opt, s, "IPv4-ADDRESS:PORT, e.g. 0.0.0.0:21");
    }
    return 0;
}

static int check_ports(cfg_t *cfg, cfg_opt_t *opt)
{
    const char *s = omk_conf_last_string(opt);
    char *end;
    long first = strtol(s, &end, 10);
    long last = *end == '-' ? strtol(end + 1, &end, 10) : 0;

    return *end || first < 1024 || last > 65535 || first > last
               ? bad(cfg, opt, s, "FIRST-LAST of 1024 to 65535")
               : 0;
}

static int check_masquerade(cfg_t *cfg, cfg_opt_t *opt)
{
    const char *s = omk_conf_last_string(opt);

    return s[strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789.-")]
               ? bad(cfg, opt, s, "an address or a host name")
               : 0;
}

static int check_user(cfg_t *cfg, cfg_opt_t *opt)
{
    const char *s = omk_conf_last_string(opt);
    size_t len = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_-");

    return s[len] || len > 32 ? bad(cfg, opt, s, "the name of a user or group")
                              : 0;
}

static int check_size(cfg_t *cfg, cfg_opt_t *opt)
{
    const char *s = omk_conf_last_string(opt);
    struct omk_err err;
    uint64_t size;

    return omk_size_parse(s, strlen(s), &size, &err) ? omk_conf_bad(cfg, &err)
                                                     : 0;
}

/* A log is never longer than 200 million bytes. */
static int check_log_size(cfg_t *cfg, cfg_opt_t *opt)
{
    const char *s = omk_conf_last_string(opt);
    uint64_t size = 0;

    return omk_size_parse(s, strlen(s), &size, NULL) || size < 4 << 10
                   || size > 190 << 20
               ? bad(cfg, opt, s, "4K to 190M")
               : 0;
}

static int check_timezone(cfg_t *cfg, cfg_opt_t *opt)
{
    const char *s = omk_conf_last_string(opt);

    return !*s
                   || s[strspn(
                       s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUV"
                          "WXYZ0123456789/_+-")]
               ? bad(cfg, opt, s, "a time zone such as Asia/Tokyo")
               : 0;
}

/* Numbers and their ranges. */
static const struct {
    const char *name;
    long min, max;
} ranges[] = {
    {"uid_min", 1000, 2000000000},
    {"uid_max", 1000, 2000000000},
    {"databases", 0, OMK_DATABASES_MAX},
    {"children", 1, 1000},
    {"time", 1, 86400},
    {"keep", 2, 1000},
    {"clients", 1, 10000},
    {"clients_per_address", 1, 10000},
};

static int check_number(cfg_t *cfg, cfg_opt_t *opt)
{
    long n = cfg_opt_getnint(opt, 0);

    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        if (!strcmp(ranges[i].name, cfg_opt_name(opt))
            && (n < ranges[i].min || n > ranges[i].max)) {
            cfg_error(cfg, "%s = %ld; expected %ld to %ld", ranges[i].name, n,
                      ranges[i].min, ranges[i].max);
            return -1;
        }
    }
    return 0;
}

/* --- from libconfuse to the node ----------------------------------------- */

static const char *under(apr_pool_t *p, const char *root, const char *path)
{
    return apr_pstrcat(p, root, path, NULL);
}

static const char *get(apr_pool_t *p, cfg_t *cfg, const char *name)
{
    return apr_pstrdup(p, cfg_getstr(cfg, name));
}

static uint64_t get_size(cfg_t *cfg, const char *name)
{
    const char *s = cfg_getstr(cfg, name);
    uint64_t size = 0;

    (void)omk_size_parse(s, strlen(s), &size, NULL); /* checked before */
    return size;
}

static const char *const *get_list(apr_pool_t *p, cfg_t *cfg, const char *name)
{
    unsigned n = cfg_size(cfg, name);
    const char **list = apr_pcalloc(p, (n + 1) * sizeof *list);

    for (unsigned i = 0; i < n; i++) {
        list[i] = apr_pstrdup(p, cfg_getnstr(cfg, name, i));
    }
    return list;
}

static void fill_dirs(apr_pool_t *p, const char *root, struct omk_node *n)
{
    n->root = apr_pstrdup(p, root);
    n->file = under(p, root, "/etc/omakase/omakase.conf");
    n->etc_dir = under(p, root, "/etc/omakase");
    n->customers_dir = under(p, root, "/etc/omakase/customers.d");
    n->httpd_d_dir = under(p, root, "/etc/omakase/httpd.d");
    n->proftpd_d_dir = under(p, root, "/etc/omakase/proftpd.d");
    n->state_dir = under(p, root, "/var/lib/omakase");
    n->srv_dir = under(p, root, "/srv/omakase");
    n->run_dir = under(p, root, "/run/omakase");
    n->log_dir = under(p, root, "/var/log/omakase");
}

static void fill_paths(apr_pool_t *p, cfg_t *paths, struct omk_node *n)
{
    const struct {
        const char *name;
        const char **to;
    } map[] = {
        {"confd", &n->confd},
        {"share", &n->share},
        {"lib", &n->lib},
        {"libexec", &n->libexec},
        {"modules", &n->modules},
        {"httpd", &n->httpd},
        {"httpd_modules", &n->httpd_modules},
        {"php_fpm", &n->php_fpm},
        {"mariadbd", &n->mariadbd},
        {"phpmyadmin", &n->phpmyadmin},
        {"proftpd", &n->proftpd},
        {"proftpd_modules", &n->proftpd_modules},
        {"proftpd_ftpaccess", &n->proftpd_ftpaccess},
    };

    for (size_t i = 0; i < sizeof map / sizeof *map; i++) {
        *map[i].to = get(p, paths, map[i].name);
    }
}

static void fill_ftp(apr_pool_t *p, cfg_t *ftp, struct omk_node *n)
{
    char *passive = apr_pstrdup(p, cfg_getstr(ftp, "passive_ports"));

    *strchr(passive, '-') = ' '; /* checked before */
    n->ftp_listen = get_list(p, ftp, "listen");
    n->ftp_passive = passive;
    n->ftp_masquerade = get(p, ftp, "masquerade");
    n->ftp_clients = (unsigned)cfg_getint(ftp, "clients");
    n->ftp_clients_per_address =
        (unsigned)cfg_getint(ftp, "clients_per_address");
}

static void fill(apr_pool_t *p, const char *root, cfg_t *cfg,
                 struct omk_node *n)
{
    cfg_t *httpd = cfg_getsec(cfg, "httpd");
    cfg_t *users = cfg_getsec(cfg, "users");
    cfg_t *mysql = cfg_getsec(cfg, "mysql");
    cfg_t *defaults = cfg_getsec(cfg, "defaults");
    cfg_t *php = cfg_getsec(cfg, "php");
    cfg_t *weblog = cfg_getsec(cfg, "weblog");

    fill_dirs(p, root, n);
    fill_paths(p, cfg_getsec(cfg, "paths"), n);
    n->host = get(p, cfg, "host");
    n->profile = strcmp(cfg_getstr(cfg, "profile"), "strict")
                     ? OMK_PROFILE_MANUAL
                     : OMK_PROFILE_STRICT;
    n->listen = get_list(p, httpd, "listen");
    n->mpm = get(p, httpd, "mpm");
    n->httpd_user = get(p, httpd, "user");
    n->httpd_group = get(p, httpd, "group");
    n->uid_min = (uid_t)cfg_getint(users, "uid_min");
    n->uid_max = (uid_t)cfg_getint(users, "uid_max");
    n->mysql_socket = get(p, mysql, "socket");
    if (!*n->mysql_socket) {
        n->mysql_socket = *root
                              ? under(p, root, "/run/omakase/mysql/mysqld.sock")
                              : "/run/mysqld/mysqld.sock";
    }
    n->mysql_listen = get(p, mysql, "listen");
    n->web_quota = get_size(defaults, "web_quota");
    n->mail_quota = get_size(defaults, "mail_quota");
    n->databases = (unsigned)cfg_getint(defaults, "databases");
    n->php_children = (unsigned)cfg_getint(php, "children");
    n->php_time_s = (unsigned)cfg_getint(php, "time");
    n->php_memory = get_size(php, "memory");
    n->timezone = get(p, php, "timezone");
    omk_cgi_fill(p, cfg_getsec(cfg, "cgi"), &n->cgi);
    n->weblog_user = get(p, weblog, "user");
    n->weblog_size = get_size(weblog, "size");
    n->weblog_ids = apr_pcalloc(p, sizeof *n->weblog_ids);
    n->keep = (unsigned)cfg_getint(cfg, "keep");
    fill_ftp(p, cfg_getsec(cfg, "ftp"), n);
    n->tls_certificate = get(p, cfg_getsec(cfg, "tls"), "certificate");
    n->tls_key = get(p, cfg_getsec(cfg, "tls"), "key");
}

int omk_node_parse(apr_pool_t *p, const char *root, const char *name,
                   const char *text, size_t len, struct omk_node *out,
                   struct omk_err *err)
{
    char listen[] = "{\"0.0.0.0:80\"}"; /* libconfuse takes no const */
    char ftp_listen[] = "{\"0.0.0.0:21\"}";
    cfg_opt_t httpd[] = {
        CFG_STR_LIST("listen", listen, CFGF_NONE),
        CFG_STR("mpm", "event", CFGF_NONE),
        CFG_STR("user", "www-data", CFGF_NONE),
        CFG_STR("group", "www-data", CFGF_NONE),
        CFG_END(),
    };
    cfg_opt_t users[] = {
        CFG_INT("uid_min", 20000, CFGF_NONE),
        CFG_INT("uid_max", 29999, CFGF_NONE),
        CFG_END(),
    };
    cfg_opt_t mysql[] = {
        CFG_STR("socket", "", CFGF_NONE),
        CFG_STR("listen", "127.0.0.1:3306", CFGF_NONE),
        CFG_END(),
    };
    cfg_opt_t defaults[] = {
        CFG_STR("web_quota", "20G", CFGF_NONE),
        CFG_STR("mail_quota", "50M", CFGF_NONE),
        CFG_INT("databases", 6, CFGF_NONE),
        CFG_END(),
    };
    cfg_opt_t php[] = {
        CFG_INT("children", 8, CFGF_NONE),
        CFG_INT("time", 90, CFGF_NONE),
        CFG_STR("memory", "128M", CFGF_NONE),
        CFG_STR("timezone", "Asia/Tokyo", CFGF_NONE),
        CFG_END(),
    };
    cfg_opt_t ftp[] = {
        CFG_STR_LIST("listen", ftp_listen, CFGF_NONE),
        CFG_STR("passive_ports", "49152-65534", CFGF_NONE),
        CFG_STR("masquerade", "", CFGF_NONE),
        CFG_INT("clients", 200, CFGF_NONE),
        CFG_INT("clients_per_address", 10, CFGF_NONE),
        CFG_END(),
    };
    cfg_opt_t tls[] = {
        CFG_STR("certificate", "", CFGF_NONE),
        CFG_STR("key", "", CFGF_NONE),
        CFG_END(),
    };
    cfg_opt_t weblog[] = {
        CFG_STR("user", "omakase-log", CFGF_NONE),
        CFG_STR("size", "50M", CFGF_NONE),
        CFG_END(),
    };
    cfg_opt_t paths[] = {
        CFG_STR("confd", OMAKASE_CONFDDIR, CFGF_NONE),
        CFG_STR("share", OMAKASE_DATADIR, CFGF_NONE),
        CFG_STR("lib", OMAKASE_LIBDIR, CFGF_NONE),
        CFG_STR("libexec", OMAKASE_LIBEXECDIR, CFGF_NONE),
        CFG_STR("modules", OMAKASE_MODULEDIR, CFGF_NONE),
        CFG_STR("httpd", OMAKASE_HTTPD, CFGF_NONE),
        CFG_STR("httpd_modules", OMAKASE_HTTPD_MODULES, CFGF_NONE),
        CFG_STR("php_fpm", OMAKASE_PHP_FPM, CFGF_NONE),
        CFG_STR("mariadbd", OMAKASE_MARIADBD, CFGF_NONE),
        CFG_STR("phpmyadmin", "/usr/share/phpmyadmin", CFGF_NONE),
        CFG_STR("proftpd", OMAKASE_PROFTPD, CFGF_NONE),
        CFG_STR("proftpd_modules", OMAKASE_PROFTPD_MODULES, CFGF_NONE),
        CFG_STR("proftpd_ftpaccess", OMAKASE_PROFTPD_FTPACCESS, CFGF_NONE),
        CFG_END(),
    };
    cfg_opt_t opts[] = {
        CFG_STR("host", "localhost", CFGF_NONE),
        CFG_STR("profile", "manual", CFGF_NONE),
        CFG_INT("keep", 10, CFGF_NONE),
        CFG_SEC("httpd", httpd, CFGF_NONE),
        CFG_SEC("users", users, CFGF_NONE),
        CFG_SEC("mysql", mysql, CFGF_NONE),
        CFG_SEC("defaults", defaults, CFGF_NONE),
        CFG_SEC("php", php, CFGF_NONE),
        CFG_SEC("ftp", ftp, CFGF_NONE),
        CFG_SEC("tls", tls, CFGF_NONE),
        CFG_SEC("cgi", omk_cgi_options(p, &omk_cgi_defaults), CFGF_NONE),
        CFG_SEC("weblog", weblog, CFGF_NONE),
        CFG_SEC("paths", paths, CFGF_NONE),
        CFG_END(),
    };
    static const struct {
        const char *option;
        cfg_validate_callback_t check;
    } checks[] = {
        {"host", check_host},
        {"profile", check_profile},
        {"keep", check_number},
        {"httpd|listen", check_listen},
        {"httpd|mpm", check_mpm},
        {"httpd|user", check_user},
        {"httpd|group", check_user},
        {"users|uid_min", check_number},
        {"users|uid_max", check_number},
        {"mysql|socket", check_path},
        {"mysql|listen", check_listen},
        {"defaults|web_quota", check_size},
        {"defaults|mail_quota", check_size},
        {"defaults|databases", check_number},
        {"php|children", check_number},
        {"php|time", check_number},
        {"php|memory", check_size},
        {"php|timezone", check_timezone},
        {"ftp|listen", check_ftp_listen},
        {"ftp|passive_ports", check_ports},
        {"ftp|masquerade", check_masquerade},
        {"ftp|clients", check_number},
        {"ftp|clients_per_address", check_number},
        {"tls|certificate", check_path},
        {"tls|key", check_path},
        {"weblog|user", check_user},
        {"weblog|size", check_log_size},
    };
    cfg_t *cfg = omk_conf_new(p, opts);
    struct omk_node n = {0};
    int rc;

    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        (void)cfg_set_validate_func(cfg, checks[i].option, checks[i].check);
    }
    omk_cgi_validate(p, cfg, "cgi");
    for (const cfg_opt_t *o = paths; o->name; o++) {
        (void)cfg_set_validate_func(
            cfg, apr_pstrcat(p, "paths|", o->name, NULL), check_path);
    }
    rc = omk_conf_read(cfg, p, name, text, len, err);
    if (rc) {
        return rc;
    }
    fill(p, root, cfg, &n);
    if (n.uid_min > n.uid_max || !n.listen[0]) {
        return omk_fail(err, OMK_ERANGE, name,
                        n.listen[0] ? "users: uid_min is above uid_max"
                                    : "httpd: listen is empty; expected "
                                      "ADDRESS:PORT");
    }
    if (!*n.tls_certificate != !*n.tls_key) {
        return omk_fail(err, OMK_ERANGE, name,
                        "tls: certificate and key go together; one of them is "
                        "empty");
    }
    n.file = apr_pstrdup(p, name);
    n.text = apr_pstrmemdup(p, text, len);
    n.text_len = len;
    *out = n;
    return OMK_OK;
}

/* --- who runs it --------------------------------------------------------- */

/* It may be missing: apply makes it. */
static int look_logger_up(struct omk_node *n, struct omk_err *err)
{
    const struct passwd *pw;

    if (n->single_user || !omk_weblog_is_here(n)) {
        return OMK_OK;
    }
    pw = getpwnam(n->weblog_user);
    if (!pw) {
        return OMK_OK;
    }
    if (pw->pw_uid == 0 || pw->pw_gid == 0 || pw->pw_uid == n->httpd_uid) {
        return omk_fail(err, OMK_EDENIED, n->file,
                        "weblog: user '%s' is root or httpd's; expected one "
                        "of the logger's own",
                        n->weblog_user);
    }
    n->weblog_ids->uid = pw->pw_uid;
    n->weblog_ids->gid = pw->pw_gid;
    return OMK_OK;
}

static int look_users_up(apr_pool_t *p, struct omk_node *n, struct omk_err *err)
{
    const struct passwd *pw;
    const struct group *gr;

    n->single_user = geteuid() != 0;
    pw = n->single_user ? getpwuid(geteuid()) : getpwnam(n->httpd_user);
    if (!pw) {
        return omk_fail(err, OMK_ENOENT, n->file,
                        "httpd: there is no user '%s' on this machine",
                        n->single_user ? "of this process" : n->httpd_user);
    }
    n->httpd_uid = pw->pw_uid;
    n->httpd_user = apr_pstrdup(p, pw->pw_name);
    gr = n->single_user ? getgrgid(getegid()) : getgrnam(n->httpd_group);
    if (!gr) {
        return omk_fail(err, OMK_ENOENT, n->file,
                        "httpd: there is no group '%s' on this machine",
                        n->httpd_group);
    }
    n->httpd_gid = gr->gr_gid;
    n->httpd_group = apr_pstrdup(p, gr->gr_name);
    return look_logger_up(n, err);
}

static int check_root(apr_pool_t *p, const char *root, const char **out,
                      struct omk_err *err)
{
    char *absolute;
    size_t len;

    if (!*root || !strcmp(root, "/")) {
        *out = "";
        return OMK_OK;
    }
    absolute = realpath(root, NULL);
    if (!absolute) {
        return omk_fail(err, OMK_ENOENT, root, "--root: %s", strerror(errno));
    }
    *out = apr_pstrdup(p, absolute);
    free(absolute);
    len = strlen(*out);
    /* It stands in httpd's and PHP's files. */
    if (strspn(*out, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                     "0123456789/._+-")
        != len) {
        return omk_fail(err, OMK_EINVAL, root,
                        "--root: expected a path of letters, digits and "
                        "/ . _ + - only");
    }
    return OMK_OK;
}

/* Another who may change a directory on the way to root's files can put his own
 * in their place. The last one of the path must be root's; above it a sticky
 * directory such as /tmp will do, and no customer's. */
static int trust_path(const struct omk_node *n, const char *path,
                      struct omk_err *err)
{
    char part[4096];
    char *real = realpath(path, NULL);
    struct stat st;
    int rc = OMK_OK;

    if (!real || strlen(real) >= sizeof part) {
        free(real);
        return OMK_OK; /* not there yet: made as it should be */
    }
    (void)strcpy(part, real);
    free(real);
    for (bool last = true; rc == OMK_OK; last = false) {
        char *slash = strrchr(part, '/');
        bool customers;

        if (stat(*part ? part : "/", &st) != 0) {
            return omk_fail(err, OMK_EIO, part, "%s", strerror(errno));
        }
        customers = st.st_uid >= n->uid_min && st.st_uid <= n->uid_max;
        if ((last && st.st_uid != 0) || customers
            || ((st.st_mode & S_IWOTH) && (last || !(st.st_mode & S_ISVTX)))) {
            rc = omk_fail(err, OMK_EDENIED, *part ? part : "/",
                          "uid %u, mode %04o: others than root may change what "
                          "is in it; expected a directory of root's",
                          (unsigned)st.st_uid, (unsigned)st.st_mode & 07777);
        }
        if (!*part) {
            break;
        }
        *slash = '\0';
    }
    return rc;
}

static int trust_dirs(const struct omk_node *n, struct omk_err *err)
{
    const char *const dirs[] = {n->root,      n->etc_dir, n->customers_dir,
                                n->state_dir, n->srv_dir, n->run_dir,
                                n->log_dir};
    int rc = OMK_OK;

    for (size_t i = 0; rc == OMK_OK && i < sizeof dirs / sizeof *dirs; i++) {
        rc = *dirs[i] ? trust_path(n, dirs[i], err) : OMK_OK;
    }
    return rc;
}

int omk_node_load(apr_pool_t *p, const char *root, const struct omk_node **out,
                  struct omk_err *err)
{
    struct omk_node *n = apr_pcalloc(p, sizeof *n);
    const char *path, *text = "";
    size_t len = 0;
    int rc = check_root(p, root, &root, err);

    if (rc) {
        return rc;
    }
    path = under(p, root, "/etc/omakase/omakase.conf");
    rc = omk_conf_own_file(p, path, &text, &len, err);
    if (rc && rc != OMK_ENOENT) {
        return rc;
    }
    rc = omk_node_parse(p, root, path, text, len, n, err);
    if (rc == OMK_OK) {
        rc = look_users_up(p, n, err);
    }
    if (rc == OMK_OK && !n->single_user) {
        rc = trust_dirs(n, err);
    }
    if (rc == OMK_OK) {
        *out = n;
    }
    return rc;
}
