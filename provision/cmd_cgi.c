/* cgi top, kill, disable, enable, list. */
#include "cmd.h"

#include "audit.h"
#include "disabled.h"
#include "names.h"
#include "node.h"
#include "run.h"
#include "scripts.h"

#include <apr_strings.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define ID_DISABLE "OMK0325"
#define ID_ENABLE "OMK0326"
#define ID_KILL "OMK0327"

#define SAMPLE_MS 500 /* between the two looks that CPU is told from */
#define WATCH_S 2

/* Names of files and addresses are customers' and visitors': no control
 * character of theirs reaches the terminal. */
static const char *printable(apr_pool_t *p, const char *text)
{
    char *out = apr_pstrdup(p, text);

    for (char *s = out; *s; s++) {
        unsigned char c = (unsigned char)*s;

        if (c < ' ' || c == 0x7f) {
            *s = '?';
        }
        else if (c == 0xc2 && (unsigned char)s[1] >= 0x80
                 && (unsigned char)s[1] < 0xa0) {
            s[0] = s[1] = '?';
        }
    }
    return out;
}

/* What is no UTF-8 is no JSON. */
static json_t *json_text(apr_pool_t *p, const char *text)
{
    json_t *j = json_string(text);
    char *ascii;

    if (j) {
        return j;
    }
    ascii = apr_pstrdup(p, text);
    for (char *s = ascii; *s; s++) {
        *s = (unsigned char)*s >= 0x80 ? '?' : *s;
    }
    return json_string(ascii);
}

static void warn(void *ctx, const struct omk_err *err)
{
    (void)ctx;
    (void)omk_cmd_error(err);
}

static bool is_meant(const struct omk_cmd *c, const char *login)
{
    return !c->login || !strcmp(c->login, login);
}

/* --- top
 * ---------------------------------------------------------------------- */

static void sleep_ms(long ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};

    (void)nanosleep(&t, NULL);
}

/* Two looks, so that CPU is that of this moment. */
static int sample(struct omk_cmd *c, apr_pool_t *p, apr_array_header_t **out,
                  struct omk_err *err)
{
    apr_array_header_t *before;
    long long from = omk_now_ms();
    int rc = omk_scripts_list(p, c->node, warn, NULL, &before, err);

    if (rc == OMK_OK && before->nelts) {
        sleep_ms(SAMPLE_MS);
    }
    rc = rc ? rc : omk_scripts_list(p, c->node, warn, NULL, out, err);
    if (rc == OMK_OK) {
        omk_scripts_rate(before, *out, (uint64_t)(omk_now_ms() - from));
    }
    return rc;
}

static json_t *json_script(apr_pool_t *p, const struct omk_script *s)
{
    json_t *j = json_pack(
        "{s:s, s:s, s:o, s:o, s:i, s:I, s:I, s:i, s:i}", "id", s->id, "kind",
        s->php ? "php" : "cgi", "login", json_text(p, s->login), "script",
        json_text(p, s->script), "pid", (int)s->pid, "age_ms",
        (json_int_t)s->age_ms, "memory_bytes", (json_int_t)s->memory,
        "processes", (int)s->processes, "cpu_percent", (int)s->percent);

    if (s->php) {
        (void)json_object_set_new(j, "request", json_text(p, s->request));
    }
    else {
        (void)json_object_set_new(j, "cpu_ms",
                                  json_integer((json_int_t)s->cpu_ms));
    }
    return j;
}

static void print_script(apr_pool_t *p, const struct omk_script *s)
{
    const char *cpu =
        s->php ? "-" : apr_psprintf(p, "%.1f s", (double)s->cpu_ms / 1000);

    (void)printf("%-14s %-20s %4u%% %9s %8.1f s %6luM %4u  %s%s%s\n", s->id,
                 printable(p, s->login), s->percent, cpu,
                 (double)s->age_ms / 1000,
                 (unsigned long)((s->memory + 0xfffff) >> 20), s->processes,
                 printable(p, s->script), s->request ? "  " : "",
                 s->request ? printable(p, s->request) : "");
}

static void print_top(struct omk_cmd *c, apr_pool_t *p,
                      const apr_array_header_t *list)
{
    json_t *all = json_array();

    if (!c->json) {
        (void)printf("%-14s %-20s %5s %9s %10s %7s %4s  %s\n", "RUN", "LOGIN",
                     "CPU", "CPU TIME", "AGE", "MEMORY", "PROC", "SCRIPT");
    }
    for (int i = 0; i < list->nelts; i++) {
        const struct omk_script *s = &APR_ARRAY_IDX(list, i, struct omk_script);

        if (!is_meant(c, s->login)) {
            continue;
        }
        if (c->json) {
            (void)json_array_append_new(all, json_script(p, s));
        }
        else {
            print_script(p, s);
        }
    }
    if (c->json) {
        omk_cmd_json(all);
    }
    else {
        json_decref(all);
    }
    (void)fflush(stdout);
}

static int top(struct omk_cmd *c)
{
    struct omk_err err = {0};

    for (;;) {
        apr_array_header_t *list;
        apr_pool_t *p;

        (void)apr_pool_create(&p, c->p);
        if (sample(c, p, &list, &err)) {
            return omk_cmd_error(&err);
        }
        if (c->watch && !c->json) {
            (void)fputs("\033[H\033[2J", stdout);
        }
        print_top(c, p, list);
        apr_pool_destroy(p);
        if (!c->watch || ferror(stdout)) {
            return OMK_EX_OK;
        }
        sleep_ms(WATCH_S * 1000L);
    }
}

/* --- kill
 * ----------------------------------------------------------------------- */

/* One that has ended in between is what was wanted. */
static bool kill_one(struct omk_cmd *c, const struct omk_script *s,
                     const char *why, int *code)
{
    struct omk_err err = {0};

    if (omk_scripts_kill(c->p, s, &err)) {
        if (err.code != OMK_ENOENT) {
            *code = omk_cmd_error(&err);
        }
        return false;
    }
    omk_audit(c->node, ID_KILL, "%s: %s %s killed%s%s", s->login,
              s->php ? "php" : "cgi", s->script, *why ? ": " : "", why);
    if (!c->json) {
        (void)printf("killed %s  %s:%s\n", s->id, printable(c->p, s->login),
                     printable(c->p, s->script));
    }
    return true;
}

/* Kills what meant() picks; returns how many. */
static unsigned kill_all(struct omk_cmd *c,
                         bool (*meant)(const struct omk_cmd *c,
                                       const struct omk_script *s,
                                       const char *what),
                         const char *what, const char *why, int *code)
{
    struct omk_err err = {0};
    apr_array_header_t *list;
    unsigned killed = 0;

    if (omk_scripts_list(c->p, c->node, warn, NULL, &list, &err)) {
        *code = omk_cmd_error(&err);
        return 0;
    }
    for (int i = 0; i < list->nelts; i++) {
        const struct omk_script *s = &APR_ARRAY_IDX(list, i, struct omk_script);

        killed += meant(c, s, what) && kill_one(c, s, why, code);
    }
    return killed;
}

/* what is a run's id, a login, or NULL for all. */
static bool is_victim(const struct omk_cmd *c, const struct omk_script *s,
                      const char *what)
{
    if (what && strchr(what, '.')) {
        return !strcmp(s->id, what);
    }
    return (!what || !strcmp(s->login, what)) && (!s->php || c->php);
}

static int kill_scripts(struct omk_cmd *c)
{
    const char *what = c->argc ? c->argv[0] : NULL;
    int code = OMK_EX_OK;
    unsigned killed;

    if ((what != NULL) == c->all) {
        (void)fprintf(stderr, "omakase: cgi kill: name a run of `omakase cgi "
                              "top`, a login, or --all\n");
        return OMK_EX_USAGE;
    }
    killed = kill_all(c, is_victim, what, c->why ? c->why : "", &code);
    if (c->json) {
        omk_cmd_json(json_pack("{s:i}", "killed", (int)killed));
    }
    else if (!killed && code == OMK_EX_OK) {
        (void)printf("nothing of that runs\n");
    }
    return code;
}

/* --- disable, enable, list
 * ------------------------------------------------------- */

/* The very file of "LOGIN:PATH", by CGI or PHP. */
static bool is_file(const struct omk_cmd *c, const struct omk_script *s,
                    const char *what)
{
    size_t len = strlen(s->login);

    (void)c;
    return !strncmp(what, s->login, len) && what[len] == ':'
           && !strcmp(what + len + 1, s->script);
}

static int disable(struct omk_cmd *c)
{
    struct omk_err err = {0};
    const char *login, *path;
    bool by_inode = false;
    int code = OMK_EX_OK;
    unsigned killed;

    if (!c->why) {
        (void)fprintf(stderr, "omakase: cgi disable: --why TEXT says the "
                              "customer the reason\n");
        return OMK_EX_USAGE;
    }
    if (omk_disabled_name(c->p, c->node, c->argv[0], &login, &path, &err)
        || omk_disabled_add(c->p, c->node, login, path, c->why, &by_inode,
                            &err)) {
        return omk_cmd_error(&err);
    }
    omk_audit(c->node, ID_DISABLE, "%s: %s disabled: %s", login, path, c->why);
    killed = kill_all(c, is_file, apr_pstrcat(c->p, login, ":", path, NULL),
                      "disabled", &code);
    if (c->json) {
        omk_cmd_json(json_pack("{s:s, s:o, s:b, s:i}", "login", login, "path",
                               json_text(c->p, path), "by_inode", by_inode,
                               "killed", (int)killed));
        return code;
    }
    (void)printf("%s:%s is disabled%s\n", login, printable(c->p, path),
                 by_inode ? ""
                          : " by its name alone: there is no such file, or a "
                            "symbolic link leads to it");
    return code;
}

static int enable(struct omk_cmd *c)
{
    struct omk_err err = {0};
    const char *login, *path;

    if (omk_disabled_name(c->p, c->node, c->argv[0], &login, &path, &err)
        || omk_disabled_remove(c->p, c->node, login, path, &err)) {
        return omk_cmd_error(&err);
    }
    omk_audit(c->node, ID_ENABLE, "%s: %s enabled", login, path);
    if (!c->json) {
        (void)printf("%s:%s may run again\n", login, printable(c->p, path));
    }
    return OMK_EX_OK;
}

static int list(struct omk_cmd *c)
{
    json_t *all = json_array();
    struct omk_err err = {0};
    const struct omk_denied *denied;

    if (omk_disabled_list(c->p, c->node, &denied, &err)) {
        json_decref(all);
        return omk_cmd_error(&err);
    }
    for (size_t i = 0; i < denied->count; i++) {
        const struct omk_denied_entry *e = &denied->entries[i];

        if (!is_meant(c, e->login)) {
            continue;
        }
        (void)json_array_append_new(
            all, json_pack(
                     "{s:o, s:o, s:o, s:o}", "login", json_text(c->p, e->login),
                     "path", json_text(c->p, e->path), "time",
                     json_text(c->p, e->time), "why", json_text(c->p, e->why)));
        if (!c->json) {
            (void)printf("%s  %s:%s  %s\n", printable(c->p, e->time),
                         printable(c->p, e->login), printable(c->p, e->path),
                         printable(c->p, e->why));
        }
    }
    if (c->json) {
        omk_cmd_json(all);
    }
    else {
        json_decref(all);
    }
    return OMK_EX_OK;
}

const struct omk_command omk_commands_cgi[] = {
    {"cgi top", "[--login LOGIN]", "scripts that run: CGI and PHP",
     "  --login LOGIN   that customer's alone\n"
     "  --watch         again every two seconds\n"
     "Sorted by CPU. CPU is of one processor at this moment.\n",
     0, 0, top},
    {"cgi kill", "RUN|LOGIN|--all", "end scripts",
     "  --all           of all customers\n"
     "  --php           with LOGIN and --all: PHP requests, too\n"
     "  --why TEXT      for the audit log\n"
     "A RUN is the first column of `omakase cgi top`.\n",
     0, 1, kill_scripts},
    {"cgi disable", "FILE --why TEXT", "forbid a script, CGI or PHP",
     "  --why TEXT      the reason; the customer's error log has it\n"
     "FILE is LOGIN:/web/a.cgi or a path of this machine. What runs of it is "
     "ended.\nNeither chmod nor another upload lifts it.\n",
     1, 1, disable},
    {"cgi enable", "FILE", "allow it again", "", 1, 1, enable},
    {"cgi list", "[--login LOGIN]", "what is disabled, since when, and why",
     "  --login LOGIN   that customer's alone\n", 0, 0, list},
    {0},
};
