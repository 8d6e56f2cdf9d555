#include "scripts.h"

#include "daemon.h"
#include "err.h"
#include "names.h"
#include "node.h"
#include "probe.h"
#include "proc.h"
#include "render.h"

#include <apr_hash.h>
#include <apr_strings.h>
#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ANSWER_MAX ((size_t)4 << 20)
#define TITLE "php-fpm: pool "

struct look {
    apr_pool_t *p;
    const struct omk_node *n;
    void (*warn)(void *ctx, const struct omk_err *err);
    void *ctx;
    char *answer; /* ANSWER_MAX bytes */
    apr_array_header_t *out;
};

/* The file as its customer sees it. */
static const char *shown(const struct look *l, const char *login,
                         const char *file)
{
    const char *tree = omk_customer_tree(l->p, l->n, login);
    size_t len = strlen(tree);

    return apr_pstrdup(l->p, !strncmp(file, tree, len) && file[len] == '/'
                                 ? file + len
                                 : file);
}

/* --- CGI --------------------------------------------------------------------
 */

static const char *text_of(const json_t *j, const char *key)
{
    const char *text = json_string_value(json_object_get(j, key));

    return text ? text : "";
}

static uint64_t number_of(const json_t *j, const char *key)
{
    json_int_t n = json_integer_value(json_object_get(j, key));

    return n > 0 ? (uint64_t)n : 0;
}

static void add_cgi(struct look *l, const char *socket, const json_t *j)
{
    const char *dot = strrchr(socket, '.');
    struct omk_script s = {
        .id = apr_psprintf(l->p, "%s.%" APR_UINT64_T_FMT, dot + 1,
                           number_of(j, "run")),
        .login = apr_pstrdup(l->p, text_of(j, "login")),
        .pid = (pid_t)number_of(j, "pid"),
        .age_ms = number_of(j, "age_ms"),
        .cpu_ms = number_of(j, "cpu_ms"),
        .memory = number_of(j, "memory_bytes"),
        .processes = (unsigned)number_of(j, "processes"),
        .socket = socket,
    };

    s.script = shown(l, s.login, text_of(j, "script"));
    APR_ARRAY_PUSH(l->out, struct omk_script) = s;
}

static void add_lines(struct look *l, const char *socket)
{
    char *next, *line = apr_strtok(l->answer, "\n", &next);

    for (; line; line = apr_strtok(NULL, "\n", &next)) {
        json_t *j = json_loads(line, 0, NULL);

        if (json_is_object(j) && json_object_get(j, "run")) {
            add_cgi(l, socket, j);
        }
        json_decref(j);
    }
}

/* A daemon's name is its pid: what a killed one has left is taken away. */
static bool is_left(const char *socket)
{
    long pid = strtol(strrchr(socket, '.') + 1, NULL, 10);

    return pid > 0 && kill((pid_t)pid, 0) != 0 && errno == ESRCH;
}

static void ask_daemon(struct look *l, const char *socket)
{
    struct omk_err err = {0};

    if (is_left(socket)) {
        (void)unlink(socket);
    }
    else if (omk_probe_unix(socket, "list\n", l->answer, ANSWER_MAX, &err)
             == OMK_OK) {
        add_lines(l, socket);
    }
    else if (err.code != OMK_ENOENT && access(socket, F_OK) == 0
             && !is_left(socket)) {
        l->warn(l->ctx, &err);
    }
}

apr_array_header_t *omk_scripts_daemons(apr_pool_t *p, const struct omk_node *n)
{
    apr_array_header_t *out = apr_array_make(p, 2, sizeof(const char *));
    const char *path = omk_cgi_socket(p, n);
    const char *name = strrchr(path, '/') + 1;
    size_t len = strlen(name);
    DIR *d = opendir(n->run_dir);
    const struct dirent *e;

    while (d && (e = readdir(d))) {
        const char *pid = e->d_name + len + 1;

        if (!strncmp(e->d_name, name, len) && e->d_name[len] == '.' && *pid
            && !pid[strspn(pid, "0123456789")]) {
            APR_ARRAY_PUSH(out, const char *) =
                apr_pstrcat(p, path, ".", pid, NULL);
        }
    }
    if (d) {
        (void)closedir(d);
    }
    return out;
}

static void list_cgi(struct look *l)
{
    const apr_array_header_t *daemons = omk_scripts_daemons(l->p, l->n);

    for (int i = 0; i < daemons->nelts; i++) {
        ask_daemon(l, APR_ARRAY_IDX(daemons, i, const char *));
    }
}

/* --- PHP --------------------------------------------------------------------
 */

/* What a pool's status says of a process. */
struct process {
    long pid;
    const char *state, *method, *uri, *script;
    uint64_t age_ms;
};

static void add_php(struct look *l, const char *login,
                    const struct omk_procs *all, pid_t master,
                    const struct process *r)
{
    const struct omk_proc *proc = omk_procs_find(all, (pid_t)r->pid);
    struct omk_script s = {.php = true, .login = login, .processes = 1};

    /* the customer's own words are in the answer: only what is so counts */
    if (!proc || proc->parent != master || !strcmp(r->state, "Idle")) {
        return;
    }
    s.id = apr_psprintf(l->p, "php.%ld", r->pid);
    s.script = shown(l, login, r->script);
    s.request = apr_pstrcat(l->p, r->method, " ", r->uri, NULL);
    s.pid = proc->pid;
    s.age_ms = r->age_ms;
    s.cpu_ms = proc->cpu_ms;
    s.memory = proc->resident;
    APR_ARRAY_PUSH(l->out, struct omk_script) = s;
}

/* "request URI:   /x" is one of this name. */
static const char *value_of(const char *line, const char *name)
{
    size_t len = strlen(name);

    if (strncmp(line, name, len) != 0 || line[len] != ':') {
        return NULL;
    }
    line += len + 1;
    return line + strspn(line, " ");
}

static void take_line(struct process *r, const char *line)
{
    const char *value;

    if ((value = value_of(line, "state"))) {
        r->state = value;
    }
    else if ((value = value_of(line, "request duration"))) {
        r->age_ms = strtoull(value, NULL, 10) / 1000;
    }
    else if ((value = value_of(line, "request method"))) {
        r->method = value;
    }
    else if ((value = value_of(line, "request URI"))) {
        r->uri = value;
    }
    else if ((value = value_of(line, "script"))) {
        r->script = value;
    }
}

static const struct process nothing = {0, "Idle", "", "", "", 0};

static void add_status(struct look *l, const char *login,
                       const struct omk_procs *all, pid_t master)
{
    struct process r = nothing;
    char *next, *line = apr_strtok(l->answer, "\n", &next);

    for (; line; line = apr_strtok(NULL, "\n", &next)) {
        const char *pid = value_of(line, "pid");

        if (pid) {
            add_php(l, login, all, master, &r);
            r = nothing;
            r.pid = strtol(pid, NULL, 10);
        }
        else {
            take_line(&r, line);
        }
    }
    add_php(l, login, all, master, &r);
}

/* The login of a pool that has processes, "" for others' and the probe's. */
static const char *pool_of(apr_pool_t *p, pid_t pid)
{
    const char *title = omk_proc_title(p, pid);
    const char *login = title + sizeof TITLE - 1;

    return !strncmp(title, TITLE, sizeof TITLE - 1)
                   && omk_login_check(login, strlen(login), NULL) == OMK_OK
                   && strcmp(login, OMK_PHP_PROBE) != 0
               ? login
               : "";
}

static void ask_pool(struct look *l, const char *login,
                     const struct omk_procs *all, pid_t master)
{
    struct omk_err err = {0};

    if (omk_probe_php_status(omk_php_status_socket(l->p, l->n, login),
                             OMK_PHP_STATUS, "full", l->answer, ANSWER_MAX,
                             &err)
        == OMK_OK) {
        add_status(l, login, all, master);
    }
    else {
        l->warn(l->ctx, &err);
    }
}

static int list_php(struct look *l, struct omk_err *err)
{
    pid_t master = omk_daemon_pid(l->p, l->n, &omk_daemon_php);
    apr_hash_t *asked = apr_hash_make(l->p);
    struct omk_procs all;
    int rc = master ? omk_procs_read(l->p, &all, err) : OMK_OK;

    for (size_t i = 0; master && rc == OMK_OK && i < all.count; i++) {
        const char *login =
            all.list[i].parent == master ? pool_of(l->p, all.list[i].pid) : "";

        if (*login && !apr_hash_get(asked, login, APR_HASH_KEY_STRING)) {
            apr_hash_set(asked, login, APR_HASH_KEY_STRING, login);
            ask_pool(l, login, &all, master);
        }
    }
    return rc;
}

/* --- both --------------------------------------------------------------------
 */

int omk_scripts_list(apr_pool_t *p, const struct omk_node *n,
                     void (*warn)(void *ctx, const struct omk_err *err),
                     void *ctx, apr_array_header_t **out, struct omk_err *err)
{
    struct look l = {p,
                     n,
                     warn,
                     ctx,
                     apr_palloc(p, ANSWER_MAX),
                     apr_array_make(p, 16, sizeof(struct omk_script))};
    int rc;

    list_cgi(&l);
    rc = list_php(&l, err);
    if (rc == OMK_OK) {
        *out = l.out;
    }
    return rc;
}

static int hungriest_first(const void *a, const void *b)
{
    const struct omk_script *x = a, *y = b;

    if (x->percent != y->percent) {
        return x->percent < y->percent ? 1 : -1;
    }
    if (x->age_ms != y->age_ms) {
        return x->age_ms < y->age_ms ? 1 : -1;
    }
    return strcmp(x->id, y->id);
}

void omk_scripts_rate(const apr_array_header_t *before, apr_array_header_t *now,
                      uint64_t ms)
{
    for (int i = 0; ms && i < now->nelts; i++) {
        struct omk_script *s = &APR_ARRAY_IDX(now, i, struct omk_script);

        for (int k = 0; k < before->nelts; k++) {
            const struct omk_script *was =
                &APR_ARRAY_IDX(before, k, struct omk_script);

            if (!strcmp(s->id, was->id) && s->cpu_ms > was->cpu_ms) {
                s->percent = (unsigned)((s->cpu_ms - was->cpu_ms) * 100 / ms);
            }
        }
    }
    qsort(now->elts, (size_t)now->nelts, sizeof(struct omk_script),
          hungriest_first);
}

static int kill_cgi(apr_pool_t *p, const struct omk_script *script,
                    struct omk_err *err)
{
    char answer[256];
    const char *question =
        apr_pstrcat(p, "kill ", strrchr(script->id, '.') + 1, "\n", NULL);
    int rc =
        omk_probe_unix(script->socket, question, answer, sizeof answer, err);
    json_t *j;
    bool killed;

    if (rc) {
        return rc;
    }
    j = json_loads(answer, 0, NULL);
    killed = number_of(j, "killed") > 0;
    json_decref(j);
    return killed
               ? OMK_OK
               : omk_fail(err, OMK_ENOENT, script->id, "has ended meanwhile");
}

/* The pool's process may serve another request by now: that is the price of
 * stopping one that nobody else can stop. */
static int kill_php(apr_pool_t *p, const struct omk_script *script,
                    struct omk_err *err)
{
    struct omk_procs all;
    const struct omk_proc *proc;
    int rc = omk_procs_read(p, &all, err);

    if (rc) {
        return rc;
    }
    proc = omk_procs_find(&all, script->pid);
    if (!proc || strcmp(pool_of(p, script->pid), script->login) != 0) {
        return omk_fail(err, OMK_ENOENT, script->id, "has ended meanwhile");
    }
    return omk_proc_kill_tree(p, proc, err);
}

int omk_scripts_kill(apr_pool_t *p, const struct omk_script *script,
                     struct omk_err *err)
{
    return script->php ? kill_php(p, script, err) : kill_cgi(p, script, err);
}
