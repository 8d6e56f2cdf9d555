#include "admin.h"
#include "admin_owner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#ifndef COUNTER_CONF
#define COUNTER_CONF OMAKASE_SYSCONFDIR "/counter.conf"
#endif

/* --- saying -------------------------------------------------------------- */

void admin_put_clean(FILE *f, const char *s)
{
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s, next = (unsigned char)s[1];

        if (c == 0xc2 && next >= 0x80 && next <= 0x9f) { /* C1 in UTF-8 */
            (void)fputc('?', f);
            s++;
        }
        else {
            (void)fputc(c < ' ' || c == 0x7f ? '?' : c, f);
        }
    }
}

void admin_warn(const char *where, const char *text)
{
    (void)fputs("omakase-counter: ", stderr);
    if (*where) {
        admin_put_clean(stderr, where);
        (void)fputs(": ", stderr);
    }
    admin_put_clean(stderr, text);
    (void)fputc('\n', stderr);
}

static int exit_status(int code)
{
    switch (code) {
    case OMK_EINVAL:
    case OMK_ERANGE:
    case OMK_EDAMAGED:
    case OMK_EVERSION:
        return EX_DATAERR;
    case OMK_ENOENT:
        return EX_NOINPUT;
    case OMK_EBUSY:
        return EX_TEMPFAIL;
    case OMK_ENOMEM:
        return EX_OSERR;
    case OMK_EDENIED:
        return EX_NOPERM;
    default: /* OMK_ENOSPC, OMK_EIO */
        return EX_IOERR;
    }
}

int admin_fail(const struct omk_err *err)
{
    admin_warn(err->where, err->text);
    return exit_status(err->code);
}

int admin_no_memory(void)
{
    admin_warn("", "out of memory");
    return EX_OSERR;
}

json_t *admin_json_text(const char *s)
{
    json_t *text = json_string(s);
    char *clean;

    if (text) {
        return text;
    }
    clean = strdup(s); /* a file's name need not be UTF-8 */
    for (char *p = clean; p && *p; p++) {
        *p = (unsigned char)*p > '~' ? '?' : *p;
    }
    text = clean ? json_string(clean) : NULL;
    free(clean);
    return text;
}

int admin_print_json(json_t *value)
{
    int rc = value ? json_dumpf(value, stdout, JSON_INDENT(1)) : -1;

    json_decref(value);
    if (rc != 0 && !ferror(stdout)) {
        return admin_no_memory();
    }
    (void)fputc('\n', stdout);
    return EX_OK; /* main looks at ferror */
}

void admin_time(int64_t time, char out[32])
{
    time_t t = (time_t)time;
    struct tm local;

    if (time == 0 || !localtime_r(&t, &local)
        || strftime(out, 32, "%Y-%m-%d %H:%M:%S", &local) == 0) {
        strcpy(out, "-");
    }
}

/* --- configuration and store --------------------------------------------- */

int admin_configure(struct admin *a, struct omk_err *err)
{
    const char *path = a->conf_path ? a->conf_path : COUNTER_CONF;
    int rc;

    if (!a->conf_path && access(path, F_OK) != 0 && errno == ENOENT) {
        /* Only mod_counter is here: httpd's configuration says the rest. */
        rc = counter_conf_parse("", "", 0, &a->conf, err);
        if (rc != OMK_OK) {
            return rc;
        }
        if (!a->store && access(a->conf.store, F_OK) != 0
            && errno == ENOENT) {
            return omk_fail(err, OMK_ENOENT, "",
                            "neither " COUNTER_CONF " nor %s is there; say "
                            "--store FILE (mod_counter's CounterStore) or "
                            "--conf FILE",
                            a->conf.store);
        }
    }
    else {
        rc = counter_conf_load(path, &a->conf, err);
        if (rc != OMK_OK) {
            return rc;
        }
        a->has_conf = true;
    }
    a->store = a->store ? a->store : a->conf.store;
    return OMK_OK;
}

int admin_open(struct admin *a, bool create, struct counter_store **out,
               struct omk_err *err)
{
    bool was_root = geteuid() == 0;
    int rc = counter_become_owner(a->store, create, err);

    rc = rc == OMK_OK ? counter_store_open(a->store, create, 1, out, err) : rc;
    if (rc == OMK_ENOENT && !create) {
        return omk_fail(err, rc, a->store,
                        "there is no counter store; httpd makes it at its "
                        "start, `import` and `set --create` do");
    }
    if (rc == OMK_ENOENT) {
        return omk_fail(err, rc, a->store,
                        "its directory is not there; make it, and give it to "
                        "httpd's user");
    }
    if (rc == OMK_EDENIED && !was_root) {
        size_t len = strlen(err->text);

        (void)snprintf(err->text + len, sizeof err->text - len,
                       " (this is for root and for the store's owner)");
    }
    return rc;
}

enum counter_visitor_mode admin_visitors(const struct admin *a)
{
    if (a->visitors) {
        return strcmp(a->visitors, "plain") == 0 ? COUNTER_VISITOR_PLAIN
                                                 : COUNTER_VISITOR_HASHED;
    }
    return a->conf.visitors;
}

/* --- names ---------------------------------------------------------------- */

const struct counter_site *admin_site(const struct counter_conf *conf,
                                      const char *host)
{
    char lower[COUNTER_DF_MAX + 1];
    size_t len = strcspn(host, "/");

    if (len >= sizeof lower) {
        return NULL;
    }
    for (size_t i = 0; i < len; i++) {
        lower[i] = (char)(host[i] >= 'A' && host[i] <= 'Z' ? host[i] + 32
                                                           : host[i]);
    }
    lower[len] = '\0';
    return counter_conf_site(conf, lower);
}

int admin_name_of_host(const struct counter_conf *conf, const char *host,
                       char *name, struct omk_err *err)
{
    const struct counter_site *site = admin_site(conf, host);

    return site ? counter_site_df(conf->sites, site, host, name,
                                  COUNTER_NAME_MAX + 1, err)
                : omk_fail(err, OMK_ENOENT, host,
                           "is no host of the configuration's");
}

int admin_name(const struct admin *a, struct counter_store *s,
               const char *text, char *name, struct omk_err *err)
{
    struct counter_value unused;
    int rc = OMK_EINVAL;

    if (counter_entry_is_name(text)) {
        rc = counter_store_get(s, text, &unused, err);
        if (rc != OMK_ENOENT) { /* it is there, or cannot be told */
            strcpy(name, text); /* is_name: it fits */
            return rc == OMK_EDAMAGED ? OMK_OK : rc;
        }
    }
    if (a->has_conf
        && admin_name_of_host(&a->conf, text, name, err) == OMK_OK) {
        return OMK_OK;
    }
    if (rc == OMK_ENOENT) {
        strcpy(name, text);
        return OMK_OK;
    }
    return omk_fail(err, OMK_EINVAL, text,
                    "is neither a counter's name (CUSTOMER or CUSTOMER/PAGE) "
                    "nor a host of the configuration's");
}

struct collecting {
    struct counter_entries *all;
};

static int collect(void *ctx, const char *name,
                   const struct counter_value *value)
{
    struct collecting *c = ctx;
    struct counter_entry e = {.value = *value};

    (void)snprintf(e.name, sizeof e.name, "%s", name);
    return counter_entries_add(c->all, &e);
}

int admin_collect(struct counter_store *s, struct counter_entries *all,
                  struct omk_err *err)
{
    struct collecting c = {all};
    int rc;

    err->code = OMK_OK;
    rc = counter_store_each(s, collect, &c, err);
    if (rc == OMK_ENOMEM && err->code != rc) {
        return omk_fail(err, rc, "", "out of memory");
    }
    return rc;
}
