/* Reads counter.conf in two passes: the lines into what was said for the
 * server and for each virtual host, then hosts and policies from that, since
 * a default may stand behind the section that it holds for. */
#include "conf.h"

#include "err.h"
#include "file.h"
#include "num.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CHUNK ((size_t)16 << 10)

/* --- memory: all of a configuration is freed at once --------------------- */

struct chunk {
    struct chunk *next;
    size_t size, used;
    _Alignas(max_align_t) char bytes[];
};

struct counter_conf_memory {
    struct chunk *chunks;
};

static void *take(void *ctx, size_t size)
{
    struct counter_conf_memory *m = ctx;
    struct chunk *c = m->chunks;
    size_t align = _Alignof(max_align_t);

    if (size > SIZE_MAX / 2) {
        return NULL;
    }
    size = (size + align - 1) / align * align;
    if (!c || c->size - c->used < size) {
        size_t room = size > CHUNK ? size : CHUNK;

        c = malloc(sizeof *c + room);
        if (!c) {
            return NULL;
        }
        c->next = m->chunks;
        c->size = room;
        c->used = 0;
        m->chunks = c;
    }
    c->used += size;
    return memset(c->bytes + c->used - size, 0, size);
}

static void memory_free(struct counter_conf_memory *m)
{
    while (m->chunks) {
        struct chunk *next = m->chunks->next;

        free(m->chunks);
        m->chunks = next;
    }
    free(m);
}

/* --- what was said ------------------------------------------------------- */

struct word {
    struct word *next;
    const char *text;
    unsigned line;
};

struct words {
    struct word *first, **end;
};

/* A section, or what stands outside of them. */
struct vhost {
    struct vhost *next;
    struct counter_site site; /* resolved at the end */
    unsigned line;
    const char *server_name, *customer;
    struct words hosts, allow; /* hosts: server_name too */
    int referrer;              /* -1: unset, as in the next ones */
    int reload;
    int64_t max_per_customer, md_min, md_max;
};

struct nets {
    struct counter_net *list;
    size_t count, room;
};

#define ARGS_MAX 1024 /* words of one directive */

struct reader {
    const char *name; /* of the file */
    unsigned line;    /* of the directive being read */
    struct counter_conf_memory *memory;
    struct counter_conf conf;
    struct counter_sites *sites;
    struct vhost server; /* outside sections */
    struct vhost *vhosts, **vhosts_end;
    struct vhost *at; /* &server or the section being read */
    struct nets nets;
    struct omk_err *err;
};

/* A directive's arguments, words in the text. */
struct args {
    char *word[ARGS_MAX];
    size_t count;
};

static int fail_at(struct reader *r, unsigned line, int code, const char *what,
                   const char *expected)
{
    char where[sizeof r->err->where];
    const char *slash = strrchr(r->name, '/');
    const char *name = r->name;

    /* the line is worth more than a long path's beginning */
    if (slash && strlen(name) + 12 > sizeof where) {
        name = slash + 1;
    }
    (void)snprintf(where, sizeof where, "%.80s:%u", name, line);
    (void)omk_fail(r->err, code, where, "%.80s %s", what, expected);
    for (char *p = r->err->text; *p; p++) { /* it goes to a terminal or log */
        if (*p < ' ' || *p > '~') {
            *p = '?';
        }
    }
    return code;
}

static int fail(struct reader *r, int code, const char *what,
                const char *expected)
{
    return fail_at(r, r->line, code, what, expected);
}

static int no_memory(struct reader *r)
{
    return fail(r, OMK_ENOMEM, "out of", "memory");
}

static int add_word(struct reader *r, struct words *words, const char *text)
{
    struct word *w = take(r->memory, sizeof *w);

    if (!w) {
        return no_memory(r);
    }
    w->text = text;
    w->line = r->line;
    *words->end = w;
    words->end = &w->next;
    return OMK_OK;
}

static void vhost_init(struct vhost *v, unsigned line)
{
    memset(v, 0, sizeof *v);
    v->line = line;
    v->referrer = v->reload = -1;
    v->max_per_customer = v->md_min = v->md_max = -1;
    v->hosts.end = &v->hosts.first;
    v->allow.end = &v->allow.first;
}

/* --- directives ---------------------------------------------------------- */

struct directive {
    const char *name;
    size_t name_len; /* most differ in it, which is quicker to see */
    size_t min_args, max_args;
    bool server_only;
    int (*set)(struct reader *r, const struct directive *d, struct args *a);
    const char *expected; /* "CounterSync …" and this is an error's text */
    size_t offset;        /* path(): in struct counter_conf */
};

static int wrong(struct reader *r, const struct directive *d, int code)
{
    return fail(r, code, d->name, d->expected);
}

static int path(struct reader *r, const struct directive *d, struct args *a)
{
    if (a->word[0][0] != '/') {
        return wrong(r, d, OMK_EINVAL);
    }
    *(const char **)(void *)((char *)&r->conf + d->offset) = a->word[0];
    return OMK_OK;
}

static int number(struct reader *r, const struct directive *d, const char *text,
                  uint64_t min, uint64_t max, uint64_t *out)
{
    int rc = omk_num_u64(text, strlen(text), min, max, out);

    return rc ? wrong(r, d, rc) : OMK_OK;
}

/* Which of two words it is: 0, 1, or an error. */
static int choice(struct reader *r, const struct directive *d, const char *text,
                  const char *zero, const char *one, int *out)
{
    if (strcasecmp(text, zero) != 0 && strcasecmp(text, one) != 0) {
        return wrong(r, d, OMK_EINVAL);
    }
    *out = strcasecmp(text, one) == 0;
    return OMK_OK;
}

static int sync_s(struct reader *r, const struct directive *d, struct args *a)
{
    uint64_t n;
    int rc = number(r, d, a->word[0], 1, 3600, &n);

    if (rc == OMK_OK) {
        r->conf.sync_s = (unsigned)n;
    }
    return rc;
}

static int visitors(struct reader *r, const struct directive *d, struct args *a)
{
    int is_plain = 0;
    int rc = choice(r, d, a->word[0], "hashed", "plain", &is_plain);

    if (rc == OMK_OK) {
        r->conf.visitors =
            is_plain ? COUNTER_VISITOR_PLAIN : COUNTER_VISITOR_HASHED;
    }
    return rc;
}

static int nets_grow(struct reader *r)
{
    size_t room = r->nets.room ? r->nets.room * 2 : 16;
    struct counter_net *list = take(r->memory, room * sizeof *list);

    if (!list) {
        return no_memory(r);
    }
    if (r->nets.count) {
        memcpy(list, r->nets.list, r->nets.count * sizeof *list);
    }
    r->nets.list = list;
    r->nets.room = room;
    return OMK_OK;
}

static int ignore(struct reader *r, const struct directive *d, struct args *a)
{
    for (size_t i = 0; i < a->count; i++) {
        int rc = r->nets.count == r->nets.room ? nets_grow(r) : OMK_OK;

        if (rc) {
            return rc;
        }
        rc = counter_net_parse(a->word[i], &r->nets.list[r->nets.count]);
        if (rc) {
            return wrong(r, d, rc);
        }
        r->nets.count++;
    }
    return OMK_OK;
}

static int referer(struct reader *r, const struct directive *d, struct args *a)
{
    return choice(r, d, a->word[0], "strict", "lenient", &r->at->referrer);
}

static int reload(struct reader *r, const struct directive *d, struct args *a)
{
    return choice(r, d, a->word[0], "off", "on", &r->at->reload);
}

static int max_per_customer(struct reader *r, const struct directive *d,
                            struct args *a)
{
    uint64_t n;
    int rc = number(r, d, a->word[0], 1, 1000, &n);

    if (rc == OMK_OK) {
        r->at->max_per_customer = (int64_t)n;
    }
    return rc;
}

static int digits(struct reader *r, const struct directive *d, struct args *a)
{
    uint64_t min, max;
    int rc = number(r, d, a->word[0], 1, 18, &min);

    if (rc == OMK_OK) {
        rc = number(r, d, a->word[1], min, 18, &max);
    }
    if (rc == OMK_OK) {
        r->at->md_min = (int64_t)min;
        r->at->md_max = (int64_t)max;
    }
    return rc;
}

static int customer(struct reader *r, const struct directive *d, struct args *a)
{
    (void)d; /* counter_sites_customer says what a name must be */
    r->at->customer = a->word[0];
    return OMK_OK;
}

/* [scheme://]host[:port], as httpd takes it. */
static int server_name(struct reader *r, const struct directive *d,
                       struct args *a)
{
    char *scheme = strstr(a->word[0], "://");
    char *host = scheme ? scheme + 3 : a->word[0];

    (void)d;
    r->at->server_name = host;
    return add_word(r, &r->at->hosts, host);
}

static int add_words(struct reader *r, struct words *words, struct args *a)
{
    int rc = OMK_OK;

    for (size_t i = 0; i < a->count && rc == OMK_OK; i++) {
        rc = add_word(r, words, a->word[i]);
    }
    return rc;
}

static int server_alias(struct reader *r, const struct directive *d,
                        struct args *a)
{
    (void)d;
    return add_words(r, &r->at->hosts, a);
}

static int allow(struct reader *r, const struct directive *d, struct args *a)
{
    (void)d;
    return add_words(r, &r->at->allow, a);
}

#define IN(field) offsetof(struct counter_conf, field)

#define NAME(s) s, sizeof s - 1

static const struct directive directives[] = {
    {NAME("CounterStore"), 1, 1, true, path, "takes an absolute path",
     IN(store)},
    {NAME("CounterDesigns"), 1, 1, true, path, "takes an absolute path",
     IN(designs)},
    {NAME("CounterImages"), 1, 1, true, path, "takes an absolute path",
     IN(images)},
    {NAME("CounterEffects"), 1, 1, true, path, "takes an absolute path",
     IN(effects)},
    {NAME("CounterSync"), 1, 1, true, sync_s, "takes 1 to 3600 seconds", 0},
    {NAME("CounterIgnore"), 1, ARGS_MAX, true, ignore,
     "takes addresses or networks such as 192.0.2.0/24", 0},
    {NAME("CounterVisitors"), 1, 1, true, visitors, "takes hashed or plain", 0},
    {NAME("CounterReferer"), 1, 1, false, referer, "takes strict or lenient",
     0},
    {NAME("CounterRefererAllow"), 1, ARGS_MAX, false, allow, "takes hosts", 0},
    {NAME("CounterCustomer"), 1, 1, false, customer, "takes a name", 0},
    {NAME("CounterMaxPerCustomer"), 1, 1, false, max_per_customer,
     "takes 1 to 1000", 0},
    {NAME("CounterDigits"), 2, 2, false, digits,
     "takes MIN and MAX, 1 to 18, MIN not above MAX", 0},
    {NAME("CounterReload"), 1, 1, false, reload, "takes on or off", 0},
    {NAME("ServerName"), 1, 1, false, server_name, "takes a host", 0},
    {NAME("ServerAlias"), 1, ARGS_MAX, false, server_alias, "takes hosts", 0},
};

static int directive(struct reader *r, const char *name, struct args *a)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < sizeof directives / sizeof *directives; i++) {
        const struct directive *d = &directives[i];

        if (d->name_len != len || strcasecmp(d->name, name) != 0) {
            continue;
        }
        if (d->server_only && r->at != &r->server) {
            return fail(r, OMK_EINVAL, d->name,
                        "belongs outside of <VirtualHost>");
        }
        if (a->count < d->min_args || a->count > d->max_args) {
            return wrong(r, d, OMK_EINVAL);
        }
        return d->set(r, d, a);
    }
    return fail(r, OMK_EINVAL, name,
                "is no directive here; ServerName, ServerAlias, Counter... and "
                "<VirtualHost> are");
}

/* --- sections ------------------------------------------------------------ */

static int open_section(struct reader *r)
{
    struct vhost *v;

    if (r->at != &r->server) {
        return fail(r, OMK_EINVAL, "<VirtualHost>",
                    "stands inside another; </VirtualHost> is missing");
    }
    v = take(r->memory, sizeof *v);
    if (!v) {
        return no_memory(r);
    }
    vhost_init(v, r->line);
    *r->vhosts_end = v;
    r->vhosts_end = &v->next;
    r->at = v;
    return OMK_OK;
}

static int close_section(struct reader *r)
{
    if (r->at == &r->server) {
        return fail(r, OMK_EINVAL, "</VirtualHost>", "has no <VirtualHost>");
    }
    r->at = &r->server;
    return OMK_OK;
}

/* `<VirtualHost ADDRESS...>` and `</VirtualHost>`; the addresses do not
 * matter, a request is told apart by its host. */
static int section(struct reader *r, const char *line)
{
    size_t len = strlen(line);

    if (strcasecmp(line, "</VirtualHost>") == 0) {
        return close_section(r);
    }
    if (strncasecmp(line, "<VirtualHost", 12) != 0 || line[len - 1] != '>'
        || (line[12] != ' ' && line[12] != '\t')) {
        return fail(r, OMK_EINVAL, line,
                    "is no section here; <VirtualHost ADDRESS> is");
    }
    return open_section(r);
}

/* --- lines and words ----------------------------------------------------- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

/* Takes the next word off *s, in place: plain, or in "…" or '…' where `\`
 * escapes the quote and itself. *word is NULL at the end. */
static int next_word(struct reader *r, char **s, char **word)
{
    char *p = *s;
    char *out;
    char quote;

    while (is_blank(*p)) {
        p++;
    }
    if (*p == '\0') {
        *word = NULL;
        return OMK_OK;
    }
    quote = *p == '"' || *p == '\'' ? *p++ : '\0';
    *word = out = p;
    while (*p && (quote ? *p != quote : !is_blank(*p))) {
        if (quote && *p == '\\' && (p[1] == '\\' || p[1] == quote)) {
            p++;
        }
        *out++ = *p++;
    }
    if (quote && (*p != quote || (p[1] && !is_blank(p[1])))) {
        return fail(r, OMK_EINVAL, "a quoted word", "must end with its quote");
    }
    if (*p) {
        p++;
    }
    *out = '\0';
    *s = p;
    return OMK_OK;
}

static int line(struct reader *r, struct args *a, char *s)
{
    char *name;
    int rc;

    if (*s == '<') {
        return section(r, s);
    }
    rc = next_word(r, &s, &name);
    for (a->count = 0; rc == OMK_OK; a->count++) {
        char *word;

        rc = next_word(r, &s, &word);
        if (rc || !word) {
            break;
        }
        if (a->count == ARGS_MAX) {
            return fail(r, OMK_ERANGE, name, "has too many words");
        }
        a->word[a->count] = word;
    }
    return rc ? rc : directive(r, name, a);
}

/* Cuts the line at s off, joined with those that it continues on, without
 * blanks at either end. Returns where the next one begins. */
static char *cut_line(char *s, unsigned *lines, char **line_start)
{
    char *out = s;
    char *p = s;
    bool goes_on;

    *lines = 0;
    do {
        char *end = p + strcspn(p, "\n");
        char *last = end;

        if (last > p && last[-1] == '\r') {
            last--;
        }
        goes_on = *end == '\n' && last > p && last[-1] == '\\';
        if (goes_on) {
            last--;
        }
        if (out != p) {
            memmove(out, p, (size_t)(last - p));
        }
        out += last - p;
        *lines += *end == '\n';
        p = *end ? end + 1 : end;
    } while (goes_on);
    while (out > s && is_blank(out[-1])) {
        out--;
    }
    *out = '\0';
    while (is_blank(*s)) {
        s++;
    }
    *line_start = s;
    return p;
}

static int read_lines(struct reader *r, char *text)
{
    struct args *a = take(r->memory, sizeof *a);
    unsigned next = 1;

    if (!a) {
        return no_memory(r);
    }
    while (*text) {
        unsigned lines;
        char *s;
        int rc = OMK_OK;

        text = cut_line(text, &lines, &s);
        r->line = next;
        next += lines;
        if (*s && *s != '#') {
            rc = line(r, a, s);
        }
        if (rc) {
            return rc;
        }
    }
    if (r->at != &r->server) {
        return fail_at(r, r->at->line, OMK_EINVAL, "<VirtualHost>",
                       "has no </VirtualHost>");
    }
    return OMK_OK;
}

/* --- from what was said to hosts and policies ---------------------------- */

/* The first that is set: the section's, the server's, the default. */
static int64_t pick(int64_t own, int64_t server, int64_t standard)
{
    return own >= 0 ? own : server >= 0 ? server : standard;
}

static void set_policy(const struct reader *r, struct vhost *v)
{
    const struct counter_site *d = &counter_site_default;
    const struct vhost *s = &r->server;

    v->site.referrer = (enum counter_referrer_mode)pick(
        v->referrer, s->referrer, (int64_t)d->referrer);
    v->site.count_reloads = pick(v->reload, s->reload, d->count_reloads) != 0;
    v->site.max_per_customer = (uint32_t)pick(
        v->max_per_customer, s->max_per_customer, d->max_per_customer);
    v->site.limits.md_min =
        (unsigned)pick(v->md_min, s->md_min, d->limits.md_min);
    v->site.limits.md_max =
        (unsigned)pick(v->md_max, s->md_max, d->limits.md_max);
}

/* A failure of the sites' becomes one of this line's. */
static int at_line(struct reader *r, unsigned line_number, int rc,
                   const struct omk_err *inner)
{
    return rc ? fail_at(r, line_number, rc, inner->where, inner->text) : OMK_OK;
}

static int add_allowed(struct reader *r, struct counter_customer *c,
                       const struct words *words)
{
    struct omk_err inner = {0};
    int rc = OMK_OK;

    for (const struct word *w = words->first; w && rc == OMK_OK; w = w->next) {
        rc = at_line(r, w->line,
                     counter_sites_allow(r->sites, c, w->text, &inner), &inner);
    }
    return rc;
}

/* The name of a host, without its port, as a customer's. */
static const char *host_as_customer(struct reader *r, const char *host)
{
    size_t len = strcspn(host, ":");
    char *name = take(r->memory, len + 1);

    for (size_t i = 0; name && i < len; i++) {
        name[i] =
            host[i] >= 'A' && host[i] <= 'Z' ? (char)(host[i] + 32) : host[i];
    }
    return name;
}

static int resolve(struct reader *r, struct vhost *v)
{
    const char *name = v->customer ? v->customer : r->server.customer;
    struct omk_err inner = {0};
    struct counter_customer *c;
    int rc;

    if (!name && !v->server_name) {
        return fail_at(r, v->line, OMK_EINVAL, "<VirtualHost>",
                       "needs a ServerName or a CounterCustomer");
    }
    if (!name && !(name = host_as_customer(r, v->server_name))) {
        return no_memory(r);
    }
    set_policy(r, v);
    rc = at_line(r, v->line, counter_sites_customer(r->sites, name, &c, &inner),
                 &inner);
    if (rc) {
        return rc;
    }
    v->site.customer = c;
    for (const struct word *w = v->hosts.first; w && rc == OMK_OK;
         w = w->next) {
        rc = at_line(r, w->line,
                     counter_sites_add_host(r->sites, c, w->text, v, &inner),
                     &inner);
    }
    if (rc == OMK_OK) {
        rc = add_allowed(r, c, &v->allow);
    }
    if (rc == OMK_OK && v != &r->server) {
        rc = add_allowed(r, c, &r->server.allow);
    }
    return rc;
}

/* The server outside of sections is a site too if it has hosts. Then its
 * entry must live as long as the configuration. */
static int resolve_server(struct reader *r)
{
    struct vhost *v;

    if (!r->server.hosts.first) {
        return OMK_OK;
    }
    v = take(r->memory, sizeof *v);
    if (!v) {
        return no_memory(r);
    }
    *v = r->server;
    v->line = v->hosts.first->line;
    return resolve(r, v);
}

static int resolve_all(struct reader *r)
{
    int rc = OMK_OK;

    for (struct vhost *v = r->vhosts; v && rc == OMK_OK; v = v->next) {
        rc = resolve(r, v);
    }
    return rc ? rc : resolve_server(r);
}

static int build(struct reader *r, const char *text, size_t len)
{
    const struct counter_alloc alloc = {take, r->memory};
    char *copy = take(r->memory, len + 1);
    int rc;

    if (!copy || counter_sites_new(&alloc, &r->sites)) {
        return no_memory(r);
    }
    if (memchr(text, '\0', len)) {
        return fail(r, OMK_EINVAL, "a NUL byte", "has no place in this file");
    }
    memcpy(copy, text, len);
    rc = read_lines(r, copy);
    return rc ? rc : resolve_all(r);
}

int counter_conf_parse(const char *name, const char *text, size_t len,
                       struct counter_conf *conf, struct omk_err *err)
{
    struct omk_err ignored;
    struct reader r = {
        .name = name,
        .line = 1,
        .conf = {.store = OMAKASE_STATEDIR "/counter/counters",
                 .designs = OMAKASE_DATADIR "/designs",
                 .images = OMAKASE_DATADIR "/images",
                 .effects = OMAKASE_LIBDIR "/counter_effects.so",
                 .sync_s = 1},
        .memory = calloc(1, sizeof(struct counter_conf_memory)),
        .err = err ? err : &ignored,
    };
    int rc;

    if (!r.memory) {
        return no_memory(&r);
    }
    vhost_init(&r.server, 1);
    r.vhosts_end = &r.vhosts;
    r.at = &r.server;
    rc = build(&r, text, len);
    if (rc) {
        memory_free(r.memory);
        return rc;
    }
    r.conf.ignore = r.nets.list;
    r.conf.ignore_count = r.nets.count;
    r.conf.sites = r.sites;
    r.conf.memory = r.memory;
    *conf = r.conf;
    return OMK_OK;
}

int counter_conf_load(const char *path_, struct counter_conf *conf,
                      struct omk_err *err)
{
    char *text;
    size_t len;
    int rc = omk_file_read(path_, COUNTER_CONF_MAX, &text, &len, err);

    if (rc) {
        return rc;
    }
    rc = counter_conf_parse(path_, text, len, conf, err);
    free(text);
    return rc;
}

void counter_conf_free(struct counter_conf *conf)
{
    if (conf->memory) {
        memory_free(conf->memory);
    }
    memset(conf, 0, sizeof *conf);
}

const struct counter_site *counter_conf_site(const struct counter_conf *conf,
                                             const char *host)
{
    const void *tag = NULL;

    if (!counter_sites_find(conf->sites, host, &tag)) {
        return NULL;
    }
    return &((const struct vhost *)tag)->site;
}
