#include "sites.h"

#include "err.h"
#include "num.h"
#include "wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIELDS_MAX 32

/* The configuration with what it owns; out->config is what callers see. */
struct whole {
    struct cgiw_config config; /* first, so that its address is the whole's */
    char *text;
    struct cgiw_site *sites;
    struct cgiw_word *words;
    size_t word_count;
    uid_t own_uid;
};

/* One record, and where it stands. */
struct record {
    size_t number; /* from 1 */
    size_t count;
    char *field[FIELDS_MAX];
    struct omk_err *err;
};

static int fail(const struct record *r, int code, const char *what,
                const char *value)
{
    char where[32];

    (void)snprintf(where, sizeof where, "record %zu", r->number);
    return omk_fail(r->err, code, where, "%s: '%s'", what, value);
}

/* --- values --------------------------------------------------------------- */

static int number(const struct record *r, const char *value, uint64_t min,
                  uint64_t max, uint64_t *out)
{
    int rc = omk_num_u64(value, strlen(value), min, max, out);

    return rc ? fail(r, rc, "no number, or out of range", value) : OMK_OK;
}

static int number32(const struct record *r, const char *value, uint32_t min,
                    uint32_t max, uint32_t *out)
{
    uint64_t n;
    int rc = number(r, value, min, max, &n);

    if (!rc) {
        *out = (uint32_t)n;
    }
    return rc;
}

/* They end in logs and on terminals. */
static int is_printable(const char *s)
{
    for (; *s; s++) {
        if ((unsigned char)*s < ' ' || *s == 0x7f) {
            return 0;
        }
    }
    return 1;
}

static int string(const struct record *r, const char *value, const char **out)
{
    if (!*value || !is_printable(value)) {
        return fail(r, OMK_EINVAL, "empty, or with control characters", value);
    }
    *out = value;
    return OMK_OK;
}

static int path(const struct record *r, const char *value, const char **out)
{
    if (!cgiw_path_is_normal(value, strlen(value))) {
        return fail(r, OMK_EINVAL, "no absolute path in normal form", value);
    }
    return string(r, value, out);
}

static int variable(const struct record *r, const char *value, const char **out)
{
    if (strchr(value, '=')) {
        return fail(r, OMK_EINVAL, "no variable has such a name", value);
    }
    return string(r, value, out);
}

/* A site's uid or gid. */
static int account(const struct whole *w, const struct record *r,
                   const char *value, uint32_t *out)
{
    /* (uid_t)-1 means "leave it" to setresuid */
    return number32(r, value, w->own_uid ? 0 : CGIW_ID_MIN, UINT32_MAX - 1,
                    out);
}

/* --- the keys of a site --------------------------------------------------- */

static int octal(const struct record *r, const char *value, mode_t *out)
{
    mode_t mode = 0;

    if (strlen(value) < 1 || strlen(value) > 4
        || value[strspn(value, "01234567")]) {
        return fail(r, OMK_EINVAL, "no umask", value);
    }
    for (; *value; value++) {
        mode = mode * 8 + (mode_t)(*value - '0');
    }
    if (mode > 0777) {
        return fail(r, OMK_ERANGE, "no umask", "above 0777");
    }
    *out = mode;
    return OMK_OK;
}

static int shown(const struct record *r, const char *value, const char **out)
{
    if (!*value) {
        *out = value;
        return OMK_OK;
    }
    return path(r, value, out);
}

static int is_key(const char *pair, const char *key)
{
    size_t len = strlen(key);

    return !strncmp(pair, key, len) && pair[len] == '=';
}

static int limit_key(const struct record *r, const char *pair,
                     const char *value, struct cgiw_limits *limits)
{
    if (is_key(pair, "cpu")) {
        return number32(r, value, 0, UINT32_MAX / 1000, &limits->cpu_s);
    }
    if (is_key(pair, "wall")) {
        return number32(r, value, 0, UINT32_MAX / 1000, &limits->wall_s);
    }
    if (is_key(pair, "processes")) {
        return number32(r, value, 0, INT32_MAX, &limits->processes);
    }
    if (is_key(pair, "concurrent")) {
        return number32(r, value, 0, INT32_MAX, &limits->concurrent);
    }
    if (is_key(pair, "memory")) {
        return number(r, value, 0, INT64_MAX, &limits->memory_bytes);
    }
    if (is_key(pair, "output")) {
        return number(r, value, 0, INT64_MAX, &limits->output_bytes);
    }
    return fail(r, OMK_EINVAL, "unknown key", pair);
}

static int switch_key(const struct record *r, const char *pair,
                      const char *value, struct cgiw_site *site)
{
    uint32_t on;
    int rc = number32(r, value, 0, 1, &on);

    if (rc) {
        return rc;
    }
    if (is_key(pair, "strict")) {
        site->strict = on & 1;
    }
    else if (is_key(pair, "symlinks")) {
        site->symlinks = on & 1;
    }
    else if (is_key(pair, "isindex")) {
        site->isindex = on & 1;
    }
    else if (is_key(pair, "unsafeinc")) {
        site->unsafeinc = on & 1;
    }
    else if (is_key(pair, "nnp")) {
        site->nnp = on & 1;
    }
    else if (is_key(pair, "confine")) {
        site->confine = on & 1;
    }
    else {
        site->execcmd = on & 1;
    }
    return OMK_OK;
}

static int is_switch(const char *pair)
{
    static const char *const names[] = {"strict",    "symlinks", "isindex",
                                        "unsafeinc", "nnp",      "confine",
                                        "execcmd"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (is_key(pair, names[i])) {
            return 1;
        }
    }
    return 0;
}

static int site_key(const struct record *r, const char *pair,
                    struct cgiw_site *site)
{
    const char *equals = strchr(pair, '=');
    const char *value = equals ? equals + 1 : "";

    if (!equals) {
        return fail(r, OMK_EINVAL, "no KEY=VALUE", pair);
    }
    if (is_key(pair, "path")) {
        return string(r, value, &site->path);
    }
    if (is_key(pair, "lang")) {
        return string(r, value, &site->lang);
    }
    if (is_key(pair, "shown")) {
        return shown(r, value, &site->shown);
    }
    if (is_key(pair, "umask")) {
        return octal(r, value, &site->umask);
    }
    if (is_switch(pair)) {
        return switch_key(r, pair, value, site);
    }
    return limit_key(r, pair, value, &site->limits);
}

/* --- records -------------------------------------------------------------- */

static int forbidden_user(const struct whole *w, const struct record *r,
                          const struct cgiw_site *site)
{
    if (w->own_uid) {
        return site->uid == w->own_uid
                   ? OMK_OK
                   : fail(r, OMK_EDENIED,
                          "not started as root, so it runs scripts as its own "
                          "user alone, not as",
                          site->login);
    }
    if (site->uid == w->config.httpd_uid) {
        return fail(r, OMK_EDENIED, "is httpd's own user, not a customer",
                    site->login);
    }
    return OMK_OK;
}

static int site_record(struct whole *w, const struct record *r)
{
    struct cgiw_site *site = w->sites + w->config.site_count;
    uint32_t id = 0;
    int rc = r->count < 8 ? fail(r, OMK_EINVAL, "too few fields", r->field[0])
                          : number32(r, r->field[1], 0, CGIW_SITES_MAX, &id);

    if (rc) {
        return rc;
    }
    if (id != w->config.site_count) {
        return fail(r, OMK_EINVAL, "not the next site's ID", r->field[1]);
    }
    *site = (struct cgiw_site){
        .path = CGIW_DEFAULT_PATH, .umask = 022, .shown = r->field[5]};
    (void)((rc = string(r, r->field[2], &site->login))
           || (rc = account(w, r, r->field[3], &site->uid))
           || (rc = account(w, r, r->field[4], &site->gid))
           || (rc = path(r, r->field[5], &site->root))
           || (rc = string(r, r->field[6], &site->username))
           || (rc = path(r, r->field[7], &site->home)));
    for (size_t i = 8; !rc && i < r->count; i++) {
        rc = site_key(r, r->field[i], site);
    }
    rc = rc ? rc : forbidden_user(w, r, site);
    w->config.site_count += rc ? 0 : 1;
    return rc;
}

/* What stands first in a list is asked first; order has no meaning. */
static void push_word(struct whole *w, const struct cgiw_word **list,
                      const char *from, const char *to)
{
    struct cgiw_word *word = w->words + w->word_count++;

    *word = (struct cgiw_word){.from = from, .to = to, .next = *list};
    *list = word;
}

static int interpreter_record(struct whole *w, const struct record *r,
                              size_t at, const struct cgiw_word **list)
{
    const char *from, *to;
    int rc = path(r, r->field[at], &from);

    rc = rc ? rc : path(r, r->field[at + 1], &to);
    if (!rc) {
        push_word(w, list, from, to);
    }
    return rc;
}

/* With a value it is the operator's, and nobody else's. */
static int variable_record(struct whole *w, const struct record *r, size_t at,
                           int has_value, const struct cgiw_word **list)
{
    const char *name, *value = NULL;
    int rc = variable(r, r->field[at], &name);

    if (!rc && has_value) {
        rc = string(r, r->field[at + 1], &value);
    }
    if (!rc) {
        push_word(w, list, name, value);
    }
    return rc;
}

/* The site that field 1 names; it stands before. */
static int named_site(struct whole *w, const struct record *r,
                      struct cgiw_site **site)
{
    uint32_t id;
    int rc = number32(r, r->field[1], 0, CGIW_SITES_MAX, &id);

    if (rc) {
        return rc;
    }
    if (id >= w->config.site_count) {
        return fail(r, OMK_EINVAL, "no site has that ID", r->field[1]);
    }
    *site = w->sites + id;
    return OMK_OK;
}

static int words_record(struct whole *w, const struct record *r)
{
    const char *name = r->field[0];
    struct cgiw_site *site;
    int rc;

    if (!strcmp(name, "interpreter") && r->count == 3) {
        return interpreter_record(w, r, 1, &w->config.interpreters);
    }
    if (!strcmp(name, "passenv") && r->count == 2) {
        return variable_record(w, r, 1, 0, &w->config.passenv);
    }
    if (!strcmp(name, "setenv") && r->count == 3) {
        return variable_record(w, r, 1, 1, &w->config.setenv);
    }
    if (!strcmp(name, "site-interpreter") && r->count == 4) {
        rc = named_site(w, r, &site);
        return rc ? rc : interpreter_record(w, r, 2, &site->interpreters);
    }
    if (!strcmp(name, "site-passenv") && r->count == 3) {
        rc = named_site(w, r, &site);
        return rc ? rc : variable_record(w, r, 2, 0, &site->passenv);
    }
    if (!strcmp(name, "site-setenv") && r->count == 4) {
        rc = named_site(w, r, &site);
        return rc ? rc : variable_record(w, r, 2, 1, &site->setenv);
    }
    return fail(r, OMK_EINVAL, "unknown record, or wrong number of fields",
                name);
}

/* A leaf's name is a directory's, of one component. */
static int cgroup_record(struct whole *w, const struct record *r)
{
    if (strchr(r->field[1], '/') || r->field[1][0] == '.') {
        return fail(r, OMK_EINVAL, "no name for a group", r->field[1]);
    }
    return string(r, r->field[1], &w->config.cgroup);
}

static int record(struct whole *w, const struct record *r)
{
    const char *name = r->field[0];

    if (!strcmp(name, "site")) {
        return site_record(w, r);
    }
    if (r->count != 2) {
        return words_record(w, r);
    }
    if (!strcmp(name, "log")) {
        return path(r, r->field[1], &w->config.log);
    }
    if (!strcmp(name, "denied")) {
        return path(r, r->field[1], &w->config.denied);
    }
    if (!strcmp(name, "control")) {
        return path(r, r->field[1], &w->config.control);
    }
    if (!strcmp(name, "cgroup")) {
        return cgroup_record(w, r);
    }
    if (!strcmp(name, "httpd")) {
        if (w->config.site_count) {
            return fail(r, OMK_EINVAL, "stands behind a site", name);
        }
        return number32(r, r->field[1], 0, UINT32_MAX - 1,
                        &w->config.httpd_uid);
    }
    return words_record(w, r);
}

static int first_record(const struct record *r)
{
    if (r->count != 2 || strcmp(r->field[0], "cgi-wrapper") != 0) {
        return fail(r, OMK_EINVAL, "no configuration of the cgi-wrapper",
                    r->field[0]);
    }
    if (strcmp(r->field[1], "1") != 0) {
        return fail(r, OMK_EVERSION, "of another version than this program",
                    r->field[1]);
    }
    return OMK_OK;
}

/* Cuts text at its tabs. */
static int split(struct record *r, char *text)
{
    r->count = 0;
    for (;;) {
        char *tab = strchr(text, '\t');

        if (r->count == FIELDS_MAX) {
            return fail(r, OMK_EINVAL, "too many fields", r->field[0]);
        }
        r->field[r->count++] = text;
        if (!tab) {
            return OMK_OK;
        }
        *tab = '\0';
        text = tab + 1;
    }
}

static int records(struct whole *w, size_t len, struct omk_err *err)
{
    struct record r = {.err = err};
    int rc = OMK_OK;

    for (size_t i = 0; !rc && i < len;) {
        size_t next = i + strlen(w->text + i) + 1;

        r.number++;
        rc = split(&r, w->text + i);
        rc = rc ? rc : r.number == 1 ? first_record(&r) : record(w, &r);
        i = next;
    }
    return rc;
}

/* --- users ---------------------------------------------------------------- */

static int by_uid(const void *a, const void *b)
{
    uid_t x = *(const uid_t *)a, y = *(const uid_t *)b;

    return x < y ? -1 : x > y;
}

/* Numbers the different uids, so that runs are counted in an array. */
static int number_users(struct whole *w, struct omk_err *err)
{
    uint32_t n = w->config.site_count, users = 0;
    uid_t *uids = calloc(n ? n : 1, sizeof *uids);

    if (!uids) {
        return omk_fail(err, OMK_ENOMEM, "", "out of memory");
    }
    for (uint32_t i = 0; i < n; i++) {
        uids[i] = w->sites[i].uid;
    }
    qsort(uids, n, sizeof *uids, by_uid);
    for (uint32_t i = 0; i < n; i++) {
        if (i == 0 || uids[i] != uids[users - 1]) {
            uids[users++] = uids[i];
        }
    }
    for (uint32_t i = 0; i < n; i++) {
        const uid_t *found =
            bsearch(&w->sites[i].uid, uids, users, sizeof *uids, by_uid);

        w->sites[i].user = (uint32_t)(found - uids);
    }
    free(uids);
    w->config.user_count = users;
    return OMK_OK;
}

/* --- the whole ------------------------------------------------------------ */

/* Each record makes one site or one word at most. */
static int allocate(struct whole *w, const char *blob, size_t len,
                    struct omk_err *err)
{
    size_t sites = 0, others = 0;

    for (size_t i = 0; i < len; i += strlen(blob + i) + 1) {
        if (!strncmp(blob + i, "site\t", 5)) {
            sites++;
        }
        else {
            others++;
        }
    }
    if (sites > CGIW_SITES_MAX) {
        return omk_fail(err, OMK_ERANGE, "", "more than %u sites",
                        CGIW_SITES_MAX);
    }
    w->text = malloc(len);
    w->sites = calloc(sites + 1, sizeof *w->sites);
    w->words = calloc(others + 1, sizeof *w->words);
    if (!w->text || !w->sites || !w->words) {
        return omk_fail(err, OMK_ENOMEM, "", "out of memory");
    }
    memcpy(w->text, blob, len);
    return OMK_OK;
}

int cgiw_config_parse(const void *blob, size_t len, uid_t own_uid,
                      struct cgiw_config **out, struct omk_err *err)
{
    struct whole *w;
    int rc;

    if (len == 0 || len > CGIW_CONFIG_MAX
        || ((const char *)blob)[len - 1] != '\0') {
        return omk_fail(err, OMK_EINVAL, "",
                        "empty, too long, or its last record is cut");
    }
    w = calloc(1, sizeof *w);
    if (!w) {
        return omk_fail(err, OMK_ENOMEM, "", "out of memory");
    }
    w->own_uid = own_uid;
    w->config.httpd_uid = (uid_t)-1;
    w->config.sites = NULL;
    rc = allocate(w, blob, len, err);
    rc = rc ? rc : records(w, len, err);
    rc = rc ? rc : number_users(w, err);
    if (rc) {
        cgiw_config_free(&w->config);
        return rc;
    }
    w->config.sites = w->sites;
    *out = &w->config;
    return OMK_OK;
}

void cgiw_config_free(struct cgiw_config *config)
{
    struct whole *w = (struct whole *)config;

    if (w) {
        free(w->text);
        free(w->sites);
        free(w->words);
        free(w);
    }
}

const struct cgiw_site *cgiw_config_site(const struct cgiw_config *config,
                                         uint32_t id)
{
    return id < config->site_count ? config->sites + id : NULL;
}

static const struct cgiw_word *find(const struct cgiw_word *word,
                                    const char *name, size_t len)
{
    while (
        word
        && (strncmp(word->from, name, len) != 0 || word->from[len] != '\0')) {
        word = word->next;
    }
    return word;
}

const char *cgiw_site_interpreter(const struct cgiw_config *config,
                                  const struct cgiw_site *site,
                                  const char *from)
{
    const struct cgiw_word *word = find(site->interpreters, from, strlen(from));

    word = word ? word : find(config->interpreters, from, strlen(from));
    return word ? word->to : NULL;
}

int cgiw_site_passenv(const struct cgiw_config *config,
                      const struct cgiw_site *site, const char *name,
                      size_t len)
{
    return find(site->passenv, name, len) || find(config->passenv, name, len);
}

const char *cgiw_site_beneath(const struct cgiw_site *site, const char *path_,
                              size_t len)
{
    size_t root = strlen(site->root);

    if (len < root || memcmp(path_, site->root, root) != 0) {
        return NULL;
    }
    if (len == root) {
        return path_ + len;
    }
    return path_[root] == '/' ? path_ + root + 1 : NULL;
}
