#include "customer.h"

#include "conf.h"
#include "files.h"
#include "mail.h"
#include "names.h"
#include "node.h"

#include <apr_hash.h>
#include <apr_strings.h>
#include <apr_tables.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- LOGIN.conf ---------------------------------------------------------- */

static int check_domain_word(cfg_t *cfg, const char *word)
{
    struct omk_err err;
    const char *ascii;
    apr_pool_t *tmp;
    int rc;

    (void)apr_pool_create(&tmp, NULL);
    rc = omk_domain_parse(tmp, word, strlen(word), &ascii, &err);
    apr_pool_destroy(tmp);
    return rc ? omk_conf_bad(cfg, &err) : 0;
}

static int check_alias(cfg_t *cfg, cfg_opt_t *opt)
{
    return check_domain_word(cfg, omk_conf_last_string(opt));
}

static int check_docroot(cfg_t *cfg, cfg_opt_t *opt)
{
    const char *s = omk_conf_last_string(opt);
    struct omk_err err;

    return omk_docroot_check(s, strlen(s), &err) ? omk_conf_bad(cfg, &err) : 0;
}

static int check_size(cfg_t *cfg, cfg_opt_t *opt)
{
    const char *s = omk_conf_last_string(opt);
    struct omk_err err;
    uint64_t size;

    return *s && omk_size_parse(s, strlen(s), &size, &err)
               ? omk_conf_bad(cfg, &err)
               : 0;
}

static int check_databases(cfg_t *cfg, cfg_opt_t *opt)
{
    long n = cfg_opt_getnint(opt, 0);

    if (n < 0 || n > OMK_DATABASES_MAX) {
        cfg_error(cfg, "databases = %ld; expected 0 to %d", n,
                  OMK_DATABASES_MAX);
        return -1;
    }
    return 0;
}

static int check_note(cfg_t *cfg, cfg_opt_t *opt)
{
    for (const char *s = omk_conf_last_string(opt); *s; s++) {
        if ((unsigned char)*s < ' ' || *s == 0x7f) {
            cfg_error(cfg, "note: expected one line of text");
            return -1;
        }
    }
    return 0;
}

static int check_domain_section(cfg_t *cfg, cfg_opt_t *opt)
{
    cfg_t *sec = cfg_opt_getnsec(opt, cfg_opt_size(opt) - 1);

    return check_domain_word(cfg, cfg_title(sec));
}

static const char *ascii_of(apr_pool_t *p, const char *word)
{
    const char *ascii = "";

    (void)omk_domain_parse(p, word, strlen(word), &ascii, NULL); /* checked */
    return ascii;
}

static void fill_domain(apr_pool_t *p, cfg_t *sec, struct omk_domain *d)
{
    unsigned count = cfg_size(sec, "aliases");
    const char **aliases = apr_pcalloc(p, (count + 1) * sizeof *aliases);

    d->name = ascii_of(p, cfg_title(sec));
    d->docroot = apr_pstrdup(p, cfg_getstr(sec, "docroot"));
    for (unsigned i = 0; i < count; i++) {
        aliases[i] = ascii_of(p, cfg_getnstr(sec, "aliases", i));
    }
    d->aliases = aliases;
    d->alias_count = count;
}

static uint64_t size_or(cfg_t *cfg, const char *name, uint64_t otherwise)
{
    const char *s = cfg_getstr(cfg, name);
    uint64_t size = otherwise;

    (void)omk_size_parse(s, strlen(s), &size, NULL); /* "": not said */
    return size;
}

static void fill(apr_pool_t *p, const struct omk_node *n, cfg_t *cfg,
                 struct omk_customer *c)
{
    unsigned count = cfg_size(cfg, "domain");
    struct omk_domain *domains = apr_pcalloc(p, count * sizeof *domains);

    for (unsigned i = 0; i < count; i++) {
        fill_domain(p, cfg_getnsec(cfg, "domain", i), &domains[i]);
    }
    c->domains = domains;
    c->domain_count = count;
    c->web_quota = size_or(cfg, "web_quota", n->web_quota);
    c->mail_quota = size_or(cfg, "mail_quota", n->mail_quota);
    c->databases = cfg_getint(cfg, "databases") < 0
                       ? n->databases
                       : (unsigned)cfg_getint(cfg, "databases");
    c->php = cfg_getbool(cfg, "php");
    c->cgi = cfg_getbool(cfg, "cgi");
    omk_cgi_fill(p, cfg_getsec(cfg, "cgi_options"), &c->cgi_options);
    c->ssi = cfg_getbool(cfg, "ssi");
    c->counter = cfg_getbool(cfg, "counter");
    c->suspended = cfg_getbool(cfg, "suspended");
    c->note = apr_pstrdup(p, cfg_getstr(cfg, "note"));
}

/* At least one domain, not too many, none twice. */
static int check_domains(apr_pool_t *p, const char *name,
                         const struct omk_customer *c, struct omk_err *err)
{
    apr_hash_t *seen = apr_hash_make(p);
    size_t total = 0;

    for (size_t i = 0; i < c->domain_count; i++) {
        const struct omk_domain *d = &c->domains[i];

        for (size_t k = 0; k <= d->alias_count; k++) {
            const char *word = k ? d->aliases[k - 1] : d->name;

            if (apr_hash_get(seen, word, APR_HASH_KEY_STRING)) {
                return omk_fail(err, OMK_EINVAL, name,
                                "domain %s stands there twice", word);
            }
            apr_hash_set(seen, word, APR_HASH_KEY_STRING, word);
            total++;
        }
    }
    if (total == 0 || total > OMK_DOMAINS_MAX) {
        return omk_fail(err, OMK_ERANGE, name,
                        "%zu domains; expected 1 to %d, each as domain "
                        "\"example.jp\" {}",
                        total, OMK_DOMAINS_MAX);
    }
    return OMK_OK;
}

int omk_customer_parse(apr_pool_t *p, const struct omk_node *n,
                       const char *login, const char *name, const char *text,
                       size_t len, struct omk_customer *out,
                       struct omk_err *err)
{
    char none[] = "{}"; /* libconfuse takes no const */
    cfg_opt_t domain[] = {
        CFG_STR("docroot", "web", CFGF_NONE),
        CFG_STR_LIST("aliases", none, CFGF_NONE),
        CFG_END(),
    };
    cfg_opt_t opts[] = {
        CFG_SEC("domain", domain,
                CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES),
        CFG_STR("web_quota", "", CFGF_NONE),
        CFG_STR("mail_quota", "", CFGF_NONE),
        CFG_INT("databases", -1, CFGF_NONE),
        CFG_BOOL("php", cfg_true, CFGF_NONE),
        CFG_BOOL("cgi", cfg_true, CFGF_NONE),
        CFG_SEC("cgi_options", omk_cgi_options(p, &n->cgi), CFGF_NONE),
        CFG_BOOL("ssi", cfg_true, CFGF_NONE),
        CFG_BOOL("counter", cfg_true, CFGF_NONE),
        CFG_BOOL("suspended", cfg_false, CFGF_NONE),
        CFG_STR("note", "", CFGF_NONE),
        CFG_END(),
    };
    cfg_t *cfg = omk_conf_new(p, opts);
    struct omk_customer c = {.login = apr_pstrdup(p, login)};
    int rc;

    (void)cfg_set_validate_func(cfg, "domain", check_domain_section);
    (void)cfg_set_validate_func(cfg, "domain|docroot", check_docroot);
    (void)cfg_set_validate_func(cfg, "domain|aliases", check_alias);
    (void)cfg_set_validate_func(cfg, "web_quota", check_size);
    (void)cfg_set_validate_func(cfg, "mail_quota", check_size);
    (void)cfg_set_validate_func(cfg, "databases", check_databases);
    (void)cfg_set_validate_func(cfg, "note", check_note);
    omk_cgi_validate(p, cfg, "cgi_options");
    rc = omk_conf_read(cfg, p, name, text, len, err);
    if (rc) {
        return rc;
    }
    fill(p, n, cfg, &c);
    rc = check_domains(p, name, &c, err);
    if (rc) {
        return rc;
    }
    c.conf.data = apr_pstrmemdup(p, text, len);
    c.conf.len = len;
    *out = c;
    return OMK_OK;
}

/* --- the directory ------------------------------------------------------- */

/* Where a customer's files come from: a directory, or what was read of one. */
struct origin {
    const char *dir;               /* stands in errors, too */
    apr_hash_t *names;             /* what there is in it */
    const struct omk_files *files; /* with this prefix; NULL: read it */
    const char *prefix;
};

static int bytes_of(apr_pool_t *p, const struct origin *o, const char *name,
                    struct omk_bytes *out, struct omk_err *err)
{
    const char *path = apr_pstrcat(p, o->dir, "/", name, NULL);
    const struct omk_file *f;

    if (!o->files) {
        return apr_hash_get(o->names, name, APR_HASH_KEY_STRING)
                   ? omk_conf_own_file(p, path, &out->data, &out->len, err)
                   : omk_fail(err, OMK_ENOENT, path, "is not there");
    }
    f = omk_files_find(o->files, apr_pstrcat(p, o->prefix, name, NULL));
    if (!f) {
        return omk_fail(err, OMK_ENOENT, path, "is not there");
    }
    out->data = f->data;
    out->len = f->len;
    return OMK_OK;
}

static int optional_bytes(apr_pool_t *p, const struct origin *o,
                          const char *name, struct omk_bytes *out,
                          struct omk_err *err)
{
    struct omk_err why = {0};
    int rc = bytes_of(p, o, name, out, &why);

    if (rc && rc != OMK_ENOENT) {
        *err = why;
        return rc;
    }
    return OMK_OK;
}

/* The three files, as they are. */
static int read_one(apr_pool_t *p, const struct origin *o, const char *login,
                    struct omk_customer *c, struct omk_err *err)
{
    int rc = bytes_of(p, o, apr_pstrcat(p, login, ".conf", NULL), &c->conf,
                      err);

    if (rc == OMK_OK) {
        rc = optional_bytes(p, o, apr_pstrcat(p, login, ".mail", NULL),
                            &c->mail, err);
    }
    if (rc == OMK_OK) {
        rc = optional_bytes(p, o, apr_pstrcat(p, login, ".httpd.conf", NULL),
                            &c->include, err);
    }
    return rc;
}

static int parse_one(apr_pool_t *p, const struct omk_node *n, const char *dir,
                     const char *login, const struct omk_customer *files,
                     struct omk_customer *c, struct omk_err *err)
{
    const char *stem = apr_pstrcat(p, dir, "/", login, NULL);
    const char *conf = apr_pstrcat(p, stem, ".conf", NULL);
    int rc = omk_customer_parse(p, n, login, conf, files->conf.data,
                                files->conf.len, c, err);

    if (rc == OMK_OK && files->mail.data) {
        rc = omk_mail_parse(p, apr_pstrcat(p, stem, ".mail", NULL),
                            files->mail.data, files->mail.len, c, err);
    }
    if (rc == OMK_OK) {
        c->include = files->include;
    }
    return rc;
}

static bool same_bytes(const struct omk_bytes *a, const struct omk_bytes *b)
{
    return !a->data == !b->data && a->len == b->len
           && (!a->data || !memcmp(a->data, b->data, a->len));
}

/* The customer of `like` (may be NULL) that has the same files; the node is
 * the same, so it is the same. */
static const struct omk_customer *
same_files(const struct omk_customers *like, const char *login,
           const struct omk_customer *files)
{
    const struct omk_customer_entry *e = omk_customers_find(like, login);
    const struct omk_customer *c = e ? e->customer : NULL;

    return c && same_bytes(&c->conf, &files->conf)
                   && same_bytes(&c->mail, &files->mail)
                   && same_bytes(&c->include, &files->include)
               ? c
               : NULL;
}

static void load_one(apr_pool_t *p, const struct omk_node *n,
                     const struct origin *o, const struct omk_customers *like,
                     struct omk_customer_entry *e)
{
    struct omk_customer files = {0};
    struct omk_customer *c;

    if (omk_login_check(e->login, strlen(e->login), &e->err)) {
        (void)apr_cpystrn(
            e->err.where, apr_pstrcat(p, o->dir, "/", e->login, ".conf", NULL),
            sizeof e->err.where);
        return;
    }
    if (read_one(p, o, e->login, &files, &e->err)) {
        return;
    }
    e->customer = same_files(like, e->login, &files);
    if (!e->customer) {
        c = apr_pcalloc(p, sizeof *c);
        e->customer =
            parse_one(p, n, o->dir, e->login, &files, c, &e->err) ? NULL : c;
    }
}

/* LOGIN of LOGIN.conf; NULL for what is none: LOGIN.httpd.conf and what an
 * editor or a package manager leaves. */
static const char *login_of(apr_pool_t *p, const char *file)
{
    const char *dot = strchr(file, '.');

    return file[0] != '.' && dot && !strcmp(dot, ".conf")
               ? apr_pstrmemdup(p, file, (apr_size_t)(dot - file))
               : NULL;
}

static int by_login(const void *a, const void *b)
{
    return strcmp(((const struct omk_customer_entry *)a)->login,
                  ((const struct omk_customer_entry *)b)->login);
}

static int list_names(apr_pool_t *p, const char *dir, apr_hash_t *names,
                      struct omk_err *err)
{
    DIR *d = opendir(dir);
    const struct dirent *e;

    if (!d && errno == ENOENT) {
        return OMK_OK;
    }
    if (!d) {
        return omk_fail(err, errno == EACCES ? OMK_EDENIED : OMK_EIO, dir,
                        "cannot be read: %s", strerror(errno));
    }
    while ((e = readdir(d))) {
        const char *name = apr_pstrdup(p, e->d_name);

        apr_hash_set(names, name, APR_HASH_KEY_STRING, name);
    }
    (void)closedir(d);
    return OMK_OK;
}

static struct omk_customers *load(apr_pool_t *p, const struct omk_node *n,
                                  const struct origin *o,
                                  const struct omk_customers *like)
{
    apr_array_header_t *list =
        apr_array_make(p, 64, sizeof(struct omk_customer_entry));
    struct omk_customers *all = apr_pcalloc(p, sizeof *all);

    for (apr_hash_index_t *i = apr_hash_first(p, o->names); i;
         i = apr_hash_next(i)) {
        const char *login = login_of(p, apr_hash_this_key(i));

        if (login) {
            struct omk_customer_entry entry = {.login = login};

            APR_ARRAY_PUSH(list, struct omk_customer_entry) = entry;
        }
    }
    all->entries = (struct omk_customer_entry *)(void *)list->elts;
    all->count = (size_t)list->nelts;
    qsort(all->entries, all->count, sizeof *all->entries, by_login);
    for (size_t i = 0; i < all->count; i++) {
        load_one(p, n, o, like, &all->entries[i]);
    }
    return all;
}

int omk_customers_load(apr_pool_t *p, const struct omk_node *n, const char *dir,
                       struct omk_customers **out, struct omk_err *err)
{
    struct origin o = {.dir = dir, .names = apr_hash_make(p)};
    int rc = list_names(p, dir, o.names, err);

    if (rc == OMK_OK) {
        *out = load(p, n, &o, NULL);
    }
    return rc;
}

struct omk_customers *omk_customers_of(apr_pool_t *p, const struct omk_node *n,
                                       const struct omk_files *files,
                                       const char *prefix, const char *dir,
                                       const struct omk_customers *like)
{
    struct origin o = {dir, apr_hash_make(p), files, prefix};
    size_t len = strlen(prefix);

    for (size_t i = 0; i < files->count; i++) {
        const char *path = files->list[i].path;

        if (!strncmp(path, prefix, len) && !strchr(path + len, '/')) {
            apr_hash_set(o.names, path + len, APR_HASH_KEY_STRING, path);
        }
    }
    return load(p, n, &o, like);
}

struct omk_customer_entry *omk_customers_find(const struct omk_customers *c,
                                              const char *login)
{
    struct omk_customer_entry key = {.login = login};

    return c && c->count ? bsearch(&key, c->entries, c->count,
                                   sizeof *c->entries, by_login)
                         : NULL;
}

/* --- claims -------------------------------------------------------------- */

/* What customers may have only one of: "domain NAME" or "database NAME". */
static bool has_claim(const struct omk_customer *c, const char *claim)
{
    char user[OMK_DB_NAME_MAX + 1];

    if (!strncmp(claim, "databases of ", 13)) {
        omk_db_user(c->login, user);
        return !strcmp(user, claim + 13);
    }
    for (size_t i = 0; i < c->domain_count; i++) {
        const struct omk_domain *d = &c->domains[i];

        for (size_t k = 0; k <= d->alias_count; k++) {
            if (!strcmp(k ? d->aliases[k - 1] : d->name, claim + 7)) {
                return true;
            }
        }
    }
    return false;
}

static void lose(struct omk_customer_entry *loser, const char *claim,
                 const char *winner)
{
    const char *what = strchr(claim, ' ') + 1;

    loser->customer = NULL;
    if (claim[0] == 'd' && claim[1] == 'a') {
        (void)omk_fail(&loser->err, OMK_EDENIED, loser->login,
                       "its databases would have the names of customer %s's "
                       "(%s01, ...): a login without its '-' must be no "
                       "other's",
                       winner, what + 3);
        return;
    }
    (void)omk_fail(&loser->err, OMK_EDENIED, loser->login,
                   "domain %s belongs to customer %s", what, winner);
}

/* Two customers claim the same: which of the two entries loses it. */
static void decide(apr_hash_t *claims, const char *claim,
                   struct omk_customer_entry *held,
                   struct omk_customer_entry *late,
                   const struct omk_customers *applied)
{
    const struct omk_customer_entry *was_late =
        omk_customers_find(applied, late->login);
    const struct omk_customer_entry *was_held =
        omk_customers_find(applied, held->login);

    if (was_late && was_late->customer && has_claim(was_late->customer, claim)
        && !(was_held && was_held->customer
             && has_claim(was_held->customer, claim))) {
        lose(held, claim, late->login);
        apr_hash_set(claims, claim, APR_HASH_KEY_STRING, late);
        return;
    }
    lose(late, claim, held->login);
}

static void claim_one(apr_hash_t *claims, const char *claim,
                      struct omk_customer_entry *e,
                      const struct omk_customers *applied)
{
    struct omk_customer_entry *held =
        apr_hash_get(claims, claim, APR_HASH_KEY_STRING);

    if (!held || !held->customer) {
        apr_hash_set(claims, claim, APR_HASH_KEY_STRING, e);
    }
    else if (held != e) {
        decide(claims, claim, held, e, applied);
    }
}

void omk_customers_settle(apr_pool_t *p, struct omk_customers *c,
                          const struct omk_customers *applied)
{
    apr_hash_t *claims = apr_hash_make(p);

    for (size_t i = 0; i < c->count; i++) {
        struct omk_customer_entry *e = &c->entries[i];
        const struct omk_customer *customer = e->customer;
        char user[OMK_DB_NAME_MAX + 1];

        if (!customer) {
            continue;
        }
        omk_db_user(e->login, user);
        claim_one(claims, apr_pstrcat(p, "databases of ", user, NULL), e,
                  applied);
        for (size_t d = 0; d < customer->domain_count; d++) {
            const struct omk_domain *domain = &customer->domains[d];

            for (size_t k = 0; k <= domain->alias_count && e->customer; k++) {
                claim_one(claims,
                          apr_pstrcat(p, "domain ",
                                      k ? domain->aliases[k - 1] : domain->name,
                                      NULL),
                          e, applied);
            }
        }
    }
}

/* --- comparing ----------------------------------------------------------- */

static bool same(const char *a, const char *b)
{
    return a == b || (a && b && !strcmp(a, b));
}

static bool same_domain(const struct omk_domain *a, const struct omk_domain *b)
{
    if (!same(a->name, b->name) || !same(a->docroot, b->docroot)
        || a->alias_count != b->alias_count) {
        return false;
    }
    for (size_t i = 0; i < a->alias_count; i++) {
        if (!same(a->aliases[i], b->aliases[i])) {
            return false;
        }
    }
    return true;
}

static bool same_mailbox(const struct omk_mailbox *a,
                         const struct omk_mailbox *b)
{
    return same(a->name, b->name) && a->quota == b->quota
           && same(a->forward, b->forward) && a->keep == b->keep;
}

bool omk_customer_equal(const struct omk_customer *a,
                        const struct omk_customer *b)
{
    if (!same(a->login, b->login) || a->domain_count != b->domain_count
        || a->mailbox_count != b->mailbox_count || a->web_quota != b->web_quota
        || a->mail_quota != b->mail_quota || a->databases != b->databases
        || a->php != b->php || a->cgi != b->cgi || a->ssi != b->ssi
        || !omk_cgi_equal(&a->cgi_options, &b->cgi_options)
        || a->counter != b->counter || a->suspended != b->suspended
        || !same(a->note, b->note)) {
        return false;
    }
    for (size_t i = 0; i < a->domain_count; i++) {
        if (!same_domain(&a->domains[i], &b->domains[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < a->mailbox_count; i++) {
        if (!same_mailbox(&a->mailboxes[i], &b->mailboxes[i])) {
            return false;
        }
    }
    return true;
}
