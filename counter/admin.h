/* What the commands of omakase-counter share. They print and say how the
 * process ends; what can be had without that is in the other admin_* files. */
#ifndef COUNTER_ADMIN_H
#define COUNTER_ADMIN_H

#include "admin_entries.h"
#include "conf.h"
#include "err.h"

#include <jansson.h>

#define ADMIN_SETTINGS_MAX 64

/* The command line. */
struct admin {
    const char *store, *conf_path; /* as given, or NULL */
    bool json;
    bool create, dry_run, force, skip, repair;
    enum counter_order sort;
    const char *name;              /* import --name */
    const char *today, *yesterday; /* set */
    const char *visitors;          /* hashed, plain or NULL */
    const char *designs, *url, *alt, *lang; /* tag */
    char *settings[ADMIN_SETTINGS_MAX]; /* tag: KEY=VALUE */
    size_t setting_count;
    char **args; /* what is left, count of them */
    size_t count;

    /* made of it by admin_configure */
    struct counter_conf conf;
    bool has_conf;
};

/* The commands. Each returns the process's exit status. */
int admin_list(struct admin *a);
int admin_show(struct admin *a);
int admin_set(struct admin *a);
int admin_reset(struct admin *a);
int admin_import(struct admin *a);
int admin_export(struct admin *a);
int admin_verify(struct admin *a);
int admin_compact(struct admin *a);
int admin_tag(struct admin *a);

/* --- for the commands ---------------------------------------------------- */

/* Writes "omakase-counter: WHERE: TEXT" to standard error, cleaned of what a
 * terminal would obey, and returns the exit status of sysexits.h. */
int admin_fail(const struct omk_err *err);
void admin_warn(const char *where, const char *text);
int admin_no_memory(void);

/* Reads the configuration (that of --conf, or the built-in one where it is
 * there). Sets a->store to the store's path. */
int admin_configure(struct admin *a, struct omk_err *err);

/* Becomes the store's owner and opens it. */
int admin_open(struct admin *a, bool create, struct counter_store **out,
               struct omk_err *err);

/* The counter that text names: one of the store's, or that of a host of the
 * configuration's. name has COUNTER_NAME_MAX + 1 bytes. */
int admin_name(const struct admin *a, struct counter_store *s,
               const char *text, char *name, struct omk_err *err);
/* The site of HOST or HOST/PAGE, in any case, or NULL. */
const struct counter_site *admin_site(const struct counter_conf *conf,
                                      const char *host);
/* The counter of HOST or HOST/PAGE by the configuration. OMK_ENOENT: nobody's
 * host. */
int admin_name_of_host(const struct counter_conf *conf, const char *host,
                       char *name, struct omk_err *err);

enum counter_visitor_mode admin_visitors(const struct admin *a);

/* All counters of the store. */
int admin_collect(struct counter_store *s, struct counter_entries *all,
                  struct omk_err *err);

/* s as a JSON string, whatever bytes it has. */
json_t *admin_json_text(const char *s);
/* Prints and frees it. */
int admin_print_json(json_t *value);

/* Prints s without what a terminal would obey. */
void admin_put_clean(FILE *f, const char *s);

/* "2026-11-25 16:05:00", or "-" where time is 0. */
void admin_time(int64_t time, char out[32]);

#endif
