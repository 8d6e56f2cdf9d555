/* What this machine can hold customers' CGI scripts to: the CGI wrapper's own
 * words. */
#include "check_impl.h"

#include "err.h"
#include "node.h"
#include "probe.h"
#include "render.h"
#include "run.h"
#include "scripts.h"

#include <apr_strings.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>

#define ID_CGI "OMK0328"
#define TIMEOUT_S 20
#define ANSWER_MAX ((size_t)64 << 10)

static const char *word(const json_t *j, const char *key)
{
    const char *text = json_string_value(json_object_get(j, key));

    return text ? text : "";
}

/* Adds what holds to *held; says what does not. */
static void one(const struct omk_check *c, const json_t *j, const char **held)
{
    const char *name = word(j, "name");
    const char *holding = word(j, "holding");

    if (!strcmp(holding, "held")) {
        *held = apr_pstrcat(c->p, *held, **held ? ", " : "", name, " (",
                            word(j, "by"), ")", NULL);
        return;
    }
    omk_check_say(
        c, !strcmp(holding, "partly") ? OMK_CHECK_NOTE : OMK_CHECK_WARNING,
        ID_CGI, apr_pstrcat(c->p, "CGI: ", name, NULL),
        apr_pstrcat(c->p, !strcmp(holding, "partly") ? "holds partly, " : "",
                    "by ", *word(j, "by") ? word(j, "by") : "nothing", NULL),
        apr_pstrdup(c->p, word(j, "text")));
}

/* An object a line. */
static void read_answer(const struct omk_check *c, const char *program,
                        const char *output)
{
    char *next, *line = apr_strtok(apr_pstrdup(c->p, output), "\n", &next);
    const char *held = "";
    unsigned count = 0;

    for (; line; line = apr_strtok(NULL, "\n", &next)) {
        json_t *j = json_loads(line, 0, NULL);

        if (*word(j, "name")) {
            one(c, j, &held);
            count++;
        }
        json_decref(j);
    }
    if (!count) {
        omk_check_say(c, OMK_CHECK_ERROR, ID_CGI, program,
                      "does not say what it can do",
                      "is it of another version? install Omakase anew");
    }
    else if (*held) {
        omk_check_say(c, OMK_CHECK_NOTE, ID_CGI, "CGI",
                      apr_pstrcat(c->p, "these limits hold: ", held, NULL),
                      "nothing");
    }
}

/* The daemon that serves knows best: what holds depends on the control group
 * that it is in. */
static bool ask_daemon(const struct omk_check *c)
{
    const apr_array_header_t *daemons = omk_scripts_daemons(c->p, c->n);
    char *answer = apr_palloc(c->p, ANSWER_MAX);

    for (int i = 0; i < daemons->nelts; i++) {
        const char *socket = APR_ARRAY_IDX(daemons, i, const char *);

        if (omk_probe_unix(socket, "capabilities\n", answer, ANSWER_MAX, NULL)
                == OMK_OK
            && *answer) {
            read_answer(c, socket, answer);
            return true;
        }
    }
    return false;
}

static void ask_program(const struct omk_check *c, const char *program)
{
    const char *argv[] = {program,    "--capabilities",         "--json",
                          "--cgroup", omk_cgi_name(c->p, c->n), NULL};
    const char *output = "";
    struct omk_err err = {0};
    int status = 0;

    if (omk_run(c->p, argv, TIMEOUT_S, &status, &output, &err) || status != 0) {
        omk_check_say(c, OMK_CHECK_ERROR, ID_CGI, program,
                      *err.text ? err.text
                                : apr_psprintf(c->p, "ends with %d", status),
                      "run it with --capabilities and see");
        return;
    }
    read_answer(c, program, output);
}

void omk_check_cgi(const struct omk_check *c)
{
    const char *program =
        apr_pstrcat(c->p, c->n->libexec, "/cgi-wrapper", NULL);
    const char *module =
        apr_pstrcat(c->p, c->n->modules, "/mod_cgi_wrapper.so", NULL);

    if (access(program, X_OK) != 0 || access(module, F_OK) != 0) {
        omk_check_say(c, OMK_CHECK_WARNING, ID_CGI,
                      access(program, X_OK) != 0 ? program : module,
                      "is not there: customers' CGI scripts are answered with "
                      "403",
                      "install it, or declare customers with cgi = off");
    }
    else if (!ask_daemon(c)) {
        ask_program(c, program);
    }
}
