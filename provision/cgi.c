#include "cgi.h"

#include "err.h"
#include "names.h"

#include <apr_network_io.h>
#include <apr_strings.h>
#include <string.h>

/* A smaller interpreter does not even start. */
#define MEMORY_MIN ((uint64_t)16 << 20)

static const char *const nobody[] = {NULL};

/* Room for what scripts of the kind that the manual knows do; a spin, a leak
 * or a loop of forks ends before it is a neighbour's matter. */
const struct omk_cgi omk_cgi_defaults = {
    .cpu_s = 30,
    .wall_s = 120,
    .processes = 64,
    .concurrent = 10,
    .memory = UINT64_C(256) << 20,
    .output = UINT64_C(1) << 30,
    .symlinks = true,
    .diagnostics = nobody,
};

/* --- the section ---------------------------------------------------------- */

/* What libconfuse takes for the default of a list. */
static char *list_text(apr_pool_t *p, const char *const *list)
{
    const char *text = "{";

    for (; list && *list; list++) {
        text = apr_pstrcat(p, text, text[1] ? ", \"" : "\"", *list, "\"", NULL);
    }
    return apr_pstrcat(p, text, "}", NULL);
}

cfg_opt_t *omk_cgi_options(apr_pool_t *p, const struct omk_cgi *d)
{
    char *diagnostics = list_text(p, d->diagnostics);
    cfg_opt_t opts[] = {
        CFG_INT("cpu", (long)d->cpu_s, CFGF_NONE),
        CFG_INT("wall", (long)d->wall_s, CFGF_NONE),
        CFG_INT("processes", (long)d->processes, CFGF_NONE),
        CFG_INT("concurrent", (long)d->concurrent, CFGF_NONE),
        CFG_STR("memory", omk_size_print(p, d->memory), CFGF_NONE),
        CFG_STR("output", omk_size_print(p, d->output), CFGF_NONE),
        CFG_BOOL("strict", d->strict, CFGF_NONE),
        CFG_BOOL("symlinks", d->symlinks, CFGF_NONE),
        CFG_BOOL("isindex", d->isindex, CFGF_NONE),
        CFG_BOOL("unsafe_inc", d->unsafe_inc, CFGF_NONE),
        CFG_BOOL("no_new_privs", d->no_new_privs, CFGF_NONE),
        CFG_BOOL("confine", d->confine, CFGF_NONE),
        CFG_BOOL("exec_cmd", d->exec_cmd, CFGF_NONE),
        CFG_STR_LIST("diagnostics", diagnostics, CFGF_NONE),
        CFG_END(),
    };

    return apr_pmemdup(p, opts, sizeof opts);
}

void omk_cgi_fill(apr_pool_t *p, cfg_t *sec, struct omk_cgi *out)
{
    unsigned count = cfg_size(sec, "diagnostics");
    const char **list = apr_pcalloc(p, (count + 1) * sizeof *list);
    const char *memory = cfg_getstr(sec, "memory");
    const char *output = cfg_getstr(sec, "output");

    for (unsigned i = 0; i < count; i++) {
        list[i] = apr_pstrdup(p, cfg_getnstr(sec, "diagnostics", i));
    }
    out->diagnostics = list;
    out->cpu_s = (unsigned)cfg_getint(sec, "cpu");
    out->wall_s = (unsigned)cfg_getint(sec, "wall");
    out->processes = (unsigned)cfg_getint(sec, "processes");
    out->concurrent = (unsigned)cfg_getint(sec, "concurrent");
    /* checked before */
    (void)omk_size_parse(memory, strlen(memory), &out->memory, NULL);
    (void)omk_size_parse(output, strlen(output), &out->output, NULL);
    out->strict = cfg_getbool(sec, "strict");
    out->symlinks = cfg_getbool(sec, "symlinks");
    out->isindex = cfg_getbool(sec, "isindex");
    out->unsafe_inc = cfg_getbool(sec, "unsafe_inc");
    out->no_new_privs = cfg_getbool(sec, "no_new_privs");
    out->confine = cfg_getbool(sec, "confine");
    out->exec_cmd = cfg_getbool(sec, "exec_cmd");
}

/* --- checks --------------------------------------------------------------- */

static const struct {
    const char *name, *unit;
    long max;
} numbers[] = {
    {"cpu", " seconds of CPU", 86400},
    {"wall", " seconds", 86400},
    {"processes", " processes", 10000},
    {"concurrent", " runs at once", 10000},
};

static int check_number(cfg_t *cfg, cfg_opt_t *opt)
{
    long n = cfg_opt_getnint(opt, 0);

    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (!strcmp(numbers[i].name, cfg_opt_name(opt))
            && (n < 0 || n > numbers[i].max)) {
            cfg_error(cfg, "%s = %ld; expected 0 (no limit) to %ld%s",
                      numbers[i].name, n, numbers[i].max, numbers[i].unit);
            return -1;
        }
    }
    return 0;
}

static int check_size(cfg_t *cfg, cfg_opt_t *opt)
{
    const char *s = omk_conf_last_string(opt);
    struct omk_err err;
    uint64_t size;
    char shown[64];

    if (omk_size_parse(s, strlen(s), &size, &err)) {
        return omk_conf_bad(cfg, &err);
    }
    if (!strcmp(cfg_opt_name(opt), "memory") && size && size < MEMORY_MIN) {
        cfg_error(cfg, "memory '%s'; expected 0 (no limit) or 16M and more",
                  omk_printable(s, strlen(s), shown));
        return -1;
    }
    return 0;
}

/* An address, or a net as 192.0.2.0/24. */
static int check_address(cfg_t *cfg, cfg_opt_t *opt)
{
    const char *s = omk_conf_last_string(opt);
    const char *slash = strchr(s, '/');
    char shown[64];
    apr_ipsubnet_t *net;
    apr_pool_t *tmp;
    apr_status_t rv;

    (void)apr_pool_create(&tmp, NULL);
    rv = apr_ipsubnet_create(
        &net, slash ? apr_pstrmemdup(tmp, s, (apr_size_t)(slash - s)) : s,
        slash ? slash + 1 : NULL, tmp);
    apr_pool_destroy(tmp);
    if (rv == APR_SUCCESS) {
        return 0;
    }
    cfg_error(cfg,
              "diagnostics '%s'; expected an address or a net, e.g. 192.0.2.7 "
              "or 2001:db8::/32",
              omk_printable(s, strlen(s), shown));
    return -1;
}

void omk_cgi_validate(apr_pool_t *p, cfg_t *cfg, const char *section)
{
    static const struct {
        const char *option;
        cfg_validate_callback_t check;
    } checks[] = {
        {"cpu", check_number},          {"wall", check_number},
        {"processes", check_number},    {"concurrent", check_number},
        {"memory", check_size},         {"output", check_size},
        {"diagnostics", check_address},
    };

    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        (void)cfg_set_validate_func(
            cfg, apr_pstrcat(p, section, "|", checks[i].option, NULL),
            checks[i].check);
    }
}

/* --- comparing ------------------------------------------------------------ */

static bool same_list(const char *const *a, const char *const *b)
{
    for (; a && b && *a && *b && !strcmp(*a, *b); a++, b++) {
    }
    return (!a || !*a) && (!b || !*b);
}

bool omk_cgi_equal(const struct omk_cgi *a, const struct omk_cgi *b)
{
    return a->cpu_s == b->cpu_s && a->wall_s == b->wall_s
           && a->processes == b->processes && a->concurrent == b->concurrent
           && a->memory == b->memory && a->output == b->output
           && a->strict == b->strict && a->symlinks == b->symlinks
           && a->isindex == b->isindex && a->unsafe_inc == b->unsafe_inc
           && a->no_new_privs == b->no_new_privs && a->confine == b->confine
           && a->exec_cmd == b->exec_cmd
           && same_list(a->diagnostics, b->diagnostics);
}
