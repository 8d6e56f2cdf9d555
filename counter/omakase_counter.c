/* omakase-counter: the operator's program for the counters of a server. The
 * command line, and nothing else; what it does is in admin_*.c. */
#include "admin.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <sys/stat.h>

/* --- options ------------------------------------------------------------- */

enum option_id {
    HELP = 1,
    VERSION,
    STORE,
    CONF,
    JSON,
    SORT,
    TODAY,
    YESTERDAY,
    CREATE,
    NAME,
    DRY_RUN,
    FORCE,
    SKIP,
    VISITORS,
    REPAIR,
    DF,
    MD,
    DD,
    ST,
    DISPLAY,
    SET,
    URL,
    LANGUAGE,
    ALT,
    DESIGNS
};

struct option_text {
    enum option_id id;
    const char *name;
    const char *arg; /* NULL: takes none */
    const char *help;
};

static const struct option_text options[] = {
    {STORE, "store", "FILE", "the store (mod_counter's CounterStore)"},
    {CONF, "conf", "FILE", "counter.conf: store, hosts, visitors, designs"},
    {JSON, "json", NULL, "print JSON"},
    {SORT, "sort", "BY", "name (default), count or time"},
    {TODAY, "today", "N", "the hits of today"},
    {YESTERDAY, "yesterday", "N", "the hits of yesterday"},
    {CREATE, "create", NULL, "make the counter where it is not there"},
    {NAME, "name", "NAME", "the counter, or HOST, of the one data file"},
    {DRY_RUN, "dry-run", NULL, "say what would be done, write nothing"},
    {FORCE, "force", NULL, "replace counters that are higher, too"},
    {SKIP, "skip", NULL, "leave out what cannot be imported"},
    {VISITORS, "visitors", "HOW", "hashed or plain, as CounterVisitors says"},
    {REPAIR, "repair", NULL, "mend what a second copy can mend"},
    {DF, "df", "HOST", "the site's domain"},
    {MD, "md", "N", "digits"},
    {DD, "dd", "DESIGN", "A, B, C, ..."},
    {ST, "st", "N", "first value"},
    {DISPLAY, "display", "WHAT", "counter, clock, date, today, ..."},
    {SET, "set", "KEY=VALUE", "any other key of Count.cgi's"},
    {URL, "url", "URL", "of Count.cgi, default /cgi-bin/Count.cgi"},
    {LANGUAGE, "lang", "LANG", "of the alternative text: en (default), ja"},
    {ALT, "alt", "TEXT", "the alternative text itself"},
    {DESIGNS, "designs", "DIR", "where the designs are"},
    {HELP, "help", NULL, "print this"},
};

#define OPTION_COUNT (sizeof options / sizeof *options)
#define BIT(id) (1UL << (id))
#define STORES (BIT(STORE) | BIT(CONF) | BIT(HELP))

struct command {
    const char *name;
    const char *args;
    size_t min_args, max_args;
    unsigned long options;
    int (*run)(struct admin *a);
    const char *help;
};

static const struct command commands[] = {
    {"list", "", 0, 0, STORES | BIT(JSON) | BIT(SORT), admin_list,
     "print all counters"},
    {"show", "NAME|HOST", 1, 1, STORES | BIT(JSON), admin_show,
     "print one counter"},
    {"set", "NAME|HOST N", 2, 2,
     STORES | BIT(JSON) | BIT(TODAY) | BIT(YESTERDAY) | BIT(CREATE), admin_set,
     "give a counter a value"},
    {"reset", "NAME|HOST", 1, 1, STORES | BIT(JSON), admin_reset,
     "forget a counter: it starts again at its tag's st"},
    {"import", "FILE|DIRECTORY|-...", 1, SIZE_MAX,
     STORES | BIT(JSON) | BIT(NAME) | BIT(DRY_RUN) | BIT(FORCE) | BIT(SKIP)
         | BIT(VISITORS),
     admin_import, "take over data files of WWW Count, or an export"},
    {"export", "", 0, 0, STORES | BIT(JSON) | BIT(VISITORS), admin_export,
     "print all counters as JSON, for import"},
    {"verify", "", 0, 0, STORES | BIT(JSON) | BIT(REPAIR), admin_verify,
     "check the store's checksums, print its size"},
    {"compact", "", 0, 0, STORES | BIT(JSON), admin_compact,
     "write the store anew without removed counters"},
    {"tag", "", 0, 0,
     BIT(CONF) | BIT(HELP) | BIT(JSON) | BIT(DF) | BIT(MD) | BIT(DD) | BIT(ST)
         | BIT(DISPLAY) | BIT(SET) | BIT(URL) | BIT(LANGUAGE) | BIT(ALT)
         | BIT(DESIGNS),
     admin_tag, "print the <img> tag that shows a counter, clock or date"},
};

#define COMMAND_COUNT (sizeof commands / sizeof *commands)

/* --- help ---------------------------------------------------------------- */

static void print_option(const struct option_text *o)
{
    char name[40];

    (void)snprintf(name, sizeof name, "--%s%s%s", o->name, o->arg ? " " : "",
                   o->arg ? o->arg : "");
    printf("  %-18s %s\n", name, o->help);
}

static int help_all(void)
{
    printf("usage: omakase-counter COMMAND [OPTION...] [ARGUMENT...]\n\n"
           "Looks after the counters of mod_counter and Count.cgi.\n\n"
           "commands:\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        printf("  %-8s %-20s %s\n", commands[i].name, commands[i].args,
               commands[i].help);
    }
    printf("\noptions:\n"
           "  --help             print this; behind a command, its own help\n"
           "  --version          print the version\n\n"
           "More is in omakase-counter(8).\n");
    return EX_OK;
}

static int help_command(const struct command *c)
{
    printf("usage: omakase-counter %s [OPTION...]%s%s\n\n%s\n\noptions:\n",
           c->name, *c->args ? " " : "", c->args, c->help);
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (c->options & BIT(options[i].id)) {
            print_option(&options[i]);
        }
    }
    return EX_OK;
}

static int usage(const char *what, const char *text, const char *advice)
{
    char line[200];

    (void)snprintf(line, sizeof line, "%s; see omakase-counter %s%s--help",
                   text, advice, *advice ? " " : "");
    admin_warn(what, line);
    return EX_USAGE;
}

/* --- taking options ------------------------------------------------------ */

static int one_of(const char *option, const char *value,
                  const char *const *words, const char *expected, int *out)
{
    for (int i = 0; words[i]; i++) {
        if (strcmp(words[i], value) == 0) {
            *out = i;
            return EX_OK;
        }
    }
    return usage(option, expected, "");
}

static int add_setting(struct admin *a, const char *key, const char *value)
{
    char *setting;

    if (a->setting_count == ADMIN_SETTINGS_MAX) {
        return usage("--set", "too many of them", "tag");
    }
    if (asprintf(&setting, "%s%s%s", key, *key ? "=" : "", value) < 0) {
        return admin_no_memory();
    }
    a->settings[a->setting_count++] = setting;
    return EX_OK;
}

static int take(struct admin *a, const struct option_text *o, char *value)
{
    static const char *const orders[] = {"name", "count", "time", NULL};
    static const char *const modes[] = {"hashed", "plain", NULL};
    static const char *const langs[] = {"en", "ja", NULL};
    int n = 0, rc;

    switch (o->id) {
    case STORE: a->store = value; break;
    case CONF: a->conf_path = value; break;
    case JSON: a->json = true; break;
    case SORT:
        rc = one_of("--sort", value, orders, "takes name, count or time", &n);
        a->sort = (enum counter_order)n;
        return rc;
    case TODAY: a->today = value; break;
    case YESTERDAY: a->yesterday = value; break;
    case CREATE: a->create = true; break;
    case NAME: a->name = value; break;
    case DRY_RUN: a->dry_run = true; break;
    case FORCE: a->force = true; break;
    case SKIP: a->skip = true; break;
    case VISITORS:
        a->visitors = value;
        return one_of("--visitors", value, modes, "takes hashed or plain", &n);
    case REPAIR: a->repair = true; break;
    case DF:
    case MD:
    case DD:
    case ST:
    case DISPLAY: return add_setting(a, o->name, value);
    case SET: return add_setting(a, "", value);
    case URL: a->url = value; break;
    case LANGUAGE:
        a->lang = value;
        return one_of("--lang", value, langs, "takes en or ja", &n);
    case ALT: a->alt = value; break;
    case DESIGNS: a->designs = value; break;
    case HELP:
    case VERSION: break;
    }
    return EX_OK;
}

static const struct option_text *option_of(int id)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if ((int)options[i].id == id) {
            return &options[i];
        }
    }
    return NULL;
}

/* getopt knows the options of this command alone. */
static void fill_long(const struct command *c, struct option *out)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (c->options & BIT(options[i].id)) {
            *out++ = (struct option){options[i].name,
                                     options[i].arg ? required_argument
                                                    : no_argument,
                                     NULL, (int)options[i].id};
        }
    }
    *out = (struct option){NULL, 0, NULL, 0};
}

/* EX_OK, the exit status of a wrong usage, or -1 when help was printed. */
static int take_all(const struct command *c, struct admin *a, int argc,
                    char **argv)
{
    struct option known[OPTION_COUNT + 1];
    int id, rc;

    fill_long(c, known);
    opterr = 0;
    while ((id = getopt_long(argc, argv, ":", known, NULL)) != -1) {
        const struct option_text *o = option_of(id);

        if (!o) {
            return usage(argv[optind - 1],
                         id == ':' ? "needs a value" : "is no option here",
                         c->name);
        }
        if (o->id == HELP) {
            (void)help_command(c);
            return -1;
        }
        rc = take(a, o, optarg);
        if (rc != EX_OK) {
            return rc;
        }
    }
    a->args = argv + optind;
    a->count = (size_t)(argc - optind);
    if (a->count < c->min_args || a->count > c->max_args) {
        return usage(c->name,
                     a->count < c->min_args ? "an argument is missing"
                                            : "too many arguments",
                     c->name);
    }
    return EX_OK;
}

static int run(const struct command *c, struct admin *a)
{
    struct omk_err err;
    int rc;

    if (c->run == admin_tag) { /* it can do without a store */
        a->store = "";
    }
    if (admin_configure(a, &err) != OMK_OK) {
        rc = admin_fail(&err);
        return rc == EX_DATAERR || err.code == OMK_EBUSY ? EX_CONFIG : rc;
    }
    rc = c->run(a);
    counter_conf_free(&a->conf);
    return rc;
}

static int take_and_run(const struct command *c, int argc, char **argv)
{
    struct admin a = {0};
    int rc = take_all(c, &a, argc, argv);

    rc = rc == EX_OK ? run(c, &a) : rc < 0 ? EX_OK : rc;
    while (a.setting_count > 0) {
        free(a.settings[--a.setting_count]);
    }
    return rc;
}

static int dispatch(int argc, char **argv)
{
    if (argc < 2) {
        return usage("", "what shall be done?", "");
    }
    if (strcmp(argv[1], "--help") == 0) {
        return help_all();
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("omakase-counter %s\n", OMAKASE_VERSION);
        return EX_OK;
    }
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            return take_and_run(&commands[i], argc - 1, argv + 1);
        }
    }
    return usage(argv[1], "is no command", "");
}

int main(int argc, char **argv)
{
    int rc;

    (void)umask(077);
    rc = dispatch(argc, argv);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        admin_warn("standard output", "cannot be written in full");
        return EX_IOERR;
    }
    return rc;
}
