/* customer add, show, list. */
#include "cmd.h"

#include "customer.h"
#include "file.h"
#include "generation.h"
#include "host.h"
#include "names.h"
#include "node.h"
#include "plan.h"
#include "secret.h"

#include <apr_strings.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *conf_path(struct omk_cmd *c, const char *login)
{
    return apr_pstrcat(c->p, c->node->customers_dir, "/", login, ".conf", NULL);
}

/* The customer of the command line; its error when the files are wrong. */
static int find_customer(struct omk_cmd *c, struct omk_customers **all,
                         struct omk_customer_entry **out, struct omk_err *err)
{
    const char *login = c->argv[0];
    int rc = omk_login_check(login, strlen(login), err);

    if (rc == OMK_OK) {
        rc =
            omk_customers_load(c->p, c->node, c->node->customers_dir, all, err);
    }
    if (rc) {
        return rc;
    }
    *out = omk_customers_find(*all, login);
    return *out ? OMK_OK
                : omk_fail(err, OMK_ENOENT, login, "there is no such customer");
}

/* --- add --------------------------------------------------------------------
 */

static int no_claims_collide(struct omk_cmd *c, const char *login,
                             const struct omk_customer *new_one,
                             struct omk_err *err)
{
    struct omk_customers *all, *with;
    struct omk_customer_entry *e;
    int rc =
        omk_customers_load(c->p, c->node, c->node->customers_dir, &all, err);

    if (rc) {
        return rc;
    }
    /* Last, so that it is the one that loses. */
    with = apr_pcalloc(c->p, sizeof *with);
    with->count = all->count + 1;
    with->entries = apr_pcalloc(c->p, with->count * sizeof *with->entries);
    if (all->count) {
        memcpy(with->entries, all->entries, all->count * sizeof *with->entries);
    }
    e = &with->entries[all->count];
    e->login = login;
    e->customer = new_one;
    omk_customers_settle(c->p, with, NULL);
    if (e->customer) {
        return OMK_OK;
    }
    *err = e->err;
    return e->err.code;
}

/* The declaration's text and what it declares; nothing is written. */
static int make_declaration(struct omk_cmd *c, const char *login,
                            struct omk_customer *customer, const char **out,
                            struct omk_err *err)
{
    const char *path = conf_path(c, login);
    const char *domain, *text;
    int rc = omk_domain_parse(c->p, c->domain, strlen(c->domain), &domain, err);

    if (rc) {
        (void)apr_cpystrn(err->where, "--domain", sizeof err->where);
        return rc;
    }
    text = apr_psprintf(c->p,
                        "# Customer %s; see omakase-customer(5).\n"
                        "domain \"%s\" {%s%s%s}\n",
                        login, domain, c->docroot ? "\n    docroot = \"" : "",
                        c->docroot ? c->docroot : "", c->docroot ? "\"\n" : "");
    rc = omk_customer_parse(c->p, c->node, login, path, text, strlen(text),
                            customer, err);
    if (rc == OMK_OK) {
        rc = no_claims_collide(c, login, customer, err);
    }
    if (rc == OMK_OK && access(path, F_OK) == 0) {
        rc = omk_fail(err, OMK_EINVAL, path, "customer %s is there already",
                      login);
    }
    *out = text;
    return rc;
}

/* A new customer's first password, where it has none of an earlier time, and
 * the sheet with it. Not with --json, which never has a secret. */
static int first_password(struct omk_cmd *c, const struct omk_customer *u,
                          struct omk_secret *secret, const char **sheet,
                          int *code, struct omk_err *err)
{
    char password[OMK_PASSWORD_MAX + 3];
    int rc = omk_secret_read(c->node, u->login, secret, NULL);

    if (c->json || c->dry_run || rc == OMK_OK) {
        return OMK_OK;
    }
    rc = omk_password_generate(password, err);
    if (rc == OMK_OK) {
        rc = omk_secret_make(password, strlen(password), secret, err);
    }
    if (rc == OMK_OK) {
        *code = omk_cmd_make_sheet(c, u, password, sheet);
    }
    explicit_bzero(password, sizeof password);
    return rc;
}

/* The declaration first: a password without a customer would be the next
 * one's of that login. */
static int write_new(struct omk_cmd *c, const char *login, const char *text,
                     const struct omk_secret *secret, struct omk_err *err)
{
    int rc = omk_file_write(conf_path(c, login), text, strlen(text), 0600, err);

    return rc == OMK_OK && secret
               ? omk_secret_write(c->node, login, secret, err)
               : rc;
}

static int add_locked(struct omk_cmd *c, const char **sheet, int *code,
                      struct omk_err *err)
{
    const char *login = c->argv[0];
    struct omk_customer customer;
    struct omk_secret secret;
    const char *text = "";
    int rc = make_declaration(c, login, &customer, &text, err);

    if (rc == OMK_OK) {
        rc = first_password(c, &customer, &secret, sheet, code, err);
    }
    if (rc || *code || c->dry_run) {
        return rc;
    }
    return write_new(c, login, text, *sheet ? &secret : NULL, err);
}

static int added(struct omk_cmd *c, const char *sheet)
{
    const char *path = conf_path(c, c->argv[0]);

    if (c->json) {
        omk_cmd_json(
            json_pack("{s:s, s:s}", "login", c->argv[0], "file", path));
        return OMK_EX_OK;
    }
    (void)fprintf(sheet ? stderr : stdout,
                  "%s %s; omakase apply makes it so\n",
                  c->dry_run ? "would write" : "wrote", path);
    return sheet ? omk_cmd_put_sheet(sheet) : OMK_EX_OK;
}

static int add(struct omk_cmd *c)
{
    const char *login = c->argv[0];
    const char *sheet = NULL;
    struct omk_err err = {0};
    int fd = -1, code = OMK_EX_OK;
    int rc = omk_login_check(login, strlen(login), &err);

    if (rc == OMK_OK && !c->domain) {
        (void)fprintf(stderr, "omakase: customer add: expected --domain "
                              "DOMAIN\n");
        return OMK_EX_USAGE;
    }
    if (rc == OMK_OK) {
        rc = omk_state_make(c->node, &err);
    }
    if (rc == OMK_OK) {
        rc = omk_lock(c->node, NULL, NULL, &fd, &err);
    }
    if (rc == OMK_OK) {
        rc = add_locked(c, &sheet, &code, &err);
    }
    if (fd >= 0) {
        close(fd);
    }
    return rc ? omk_cmd_error(&err) : code ? code : added(c, sheet);
}

/* --- show, list
 * --------------------------------------------------------------- */

static json_t *json_domains(const struct omk_customer *u)
{
    json_t *list = json_array();

    for (size_t i = 0; i < u->domain_count; i++) {
        const struct omk_domain *d = &u->domains[i];
        json_t *aliases = json_array();

        for (size_t k = 0; k < d->alias_count; k++) {
            (void)json_array_append_new(aliases, json_string(d->aliases[k]));
        }
        (void)json_array_append_new(
            list, json_pack("{s:s, s:s, s:o}", "name", d->name, "docroot",
                            d->docroot, "aliases", aliases));
    }
    return list;
}

static json_t *json_cgi(const struct omk_cgi *g)
{
    return json_pack("{s:i, s:i, s:I, s:i, s:i, s:I}", "cpu", (int)g->cpu_s,
                     "wall", (int)g->wall_s, "memory", (json_int_t)g->memory,
                     "processes", (int)g->processes, "concurrent",
                     (int)g->concurrent, "output", (json_int_t)g->output);
}

static json_t *json_customer(const struct omk_customer_entry *e)
{
    const struct omk_customer *u = e->customer;
    json_t *boxes;

    if (!u) {
        return json_pack("{s:s, s:s, s:s}", "login", e->login, "where",
                         e->err.where, "error", e->err.text);
    }
    boxes = json_array();
    for (size_t i = 0; i < u->mailbox_count; i++) {
        (void)json_array_append_new(
            boxes,
            json_pack("{s:s, s:I, s:s?, s:b}", "name", u->mailboxes[i].name,
                      "quota", (json_int_t)u->mailboxes[i].quota, "forward",
                      u->mailboxes[i].forward, "keep", u->mailboxes[i].keep));
    }
    return json_pack("{s:s, s:o, s:I, s:I, s:i, s:b, s:b, s:o, s:b, s:b, s:b, "
                     "s:s, s:o}",
                     "login", u->login, "domains", json_domains(u), "web_quota",
                     (json_int_t)u->web_quota, "mail_quota",
                     (json_int_t)u->mail_quota, "databases", (int)u->databases,
                     "php", u->php, "cgi", u->cgi, "cgi_options",
                     json_cgi(&u->cgi_options), "ssi", u->ssi, "counter",
                     u->counter, "suspended", u->suspended, "note", u->note,
                     "mailboxes", boxes);
}

static void print_cgi(struct omk_cmd *c, const struct omk_cgi *g)
{
    (void)printf("cgi        cpu %u s, wall %u s, memory %s, %u processes, %u "
                 "at once, output %s (0: no limit)\n",
                 g->cpu_s, g->wall_s, omk_size_print(c->p, g->memory),
                 g->processes, g->concurrent, omk_size_print(c->p, g->output));
}

static void print_customer(struct omk_cmd *c, const struct omk_customer *u)
{
    (void)printf("login      %s%s\n", u->login,
                 u->suspended ? " (suspended)" : "");
    for (size_t i = 0; i < u->domain_count; i++) {
        const struct omk_domain *d = &u->domains[i];

        (void)printf("domain     %s  %s\n", d->name, d->docroot);
        for (size_t k = 0; k < d->alias_count; k++) {
            (void)printf("alias      %s\n", d->aliases[k]);
        }
    }
    (void)printf("web        %s\n", omk_size_print(c->p, u->web_quota));
    (void)printf("mail       %s a mailbox, %zu mailboxes\n",
                 omk_size_print(c->p, u->mail_quota), u->mailbox_count);
    (void)printf("databases  %u\n", u->databases);
    (void)printf("serves    %s%s%s%s\n", u->php ? " php" : "",
                 u->cgi ? " cgi" : "", u->ssi ? " ssi" : "",
                 u->counter ? " counter" : "");
    if (u->cgi) {
        print_cgi(c, &u->cgi_options);
    }
    if (*u->note) {
        (void)printf("note       %s\n", u->note);
    }
}

static int show(struct omk_cmd *c)
{
    struct omk_customer_entry *e;
    struct omk_customers *all;
    struct omk_err err = {0};

    if (find_customer(c, &all, &e, &err)) {
        return omk_cmd_error(&err);
    }
    if (c->json) {
        omk_cmd_json(json_customer(e));
    }
    else if (e->customer) {
        print_customer(c, e->customer);
    }
    return e->customer ? OMK_EX_OK
           : c->json   ? OMK_EX_DATAERR
                       : omk_cmd_error(&e->err);
}

static int list(struct omk_cmd *c)
{
    json_t *out = json_array();
    struct omk_customers *all;
    struct omk_err err = {0};

    if (omk_customers_load(c->p, c->node, c->node->customers_dir, &all, &err)) {
        json_decref(out);
        return omk_cmd_error(&err);
    }
    for (size_t i = 0; i < all->count; i++) {
        const struct omk_customer_entry *e = &all->entries[i];

        if (c->json) {
            (void)json_array_append_new(out, json_customer(e));
        }
        else {
            (void)printf(
                "%-30s  %s%s\n", e->login,
                e->customer ? e->customer->domains[0].name : e->err.text,
                e->customer && e->customer->suspended ? " (suspended)" : "");
        }
    }
    if (c->json) {
        omk_cmd_json(out);
    }
    else {
        json_decref(out);
    }
    return OMK_EX_OK;
}

/* --- passwd
 * ------------------------------------------------------------------- */

/* A line of stdin; from a terminal, or with nothing in it, a new password. */
static int take_password(char out[OMK_PASSWORD_MAX + 3], bool *generated,
                         struct omk_err *err)
{
    *generated =
        isatty(STDIN_FILENO) || !fgets(out, OMK_PASSWORD_MAX + 3, stdin);
    if (!*generated) {
        out[strcspn(out, "\r\n")] = '\0';
        return OMK_OK;
    }
    return omk_password_generate(out, err);
}

static int set_password(struct omk_cmd *c, const struct omk_secret *s,
                        struct omk_err *err)
{
    int fd = -1;
    int rc = omk_state_make(c->node, err);

    if (rc == OMK_OK) {
        rc = omk_lock(c->node, NULL, NULL, &fd, err);
    }
    if (rc == OMK_OK) {
        rc = omk_secret_write(c->node, c->argv[0], s, err);
    }
    if (rc == OMK_OK) {
        rc = omk_host_set_password(c->p, c->node, c->argv[0], s->mysql, err);
    }
    if (fd >= 0) {
        close(fd);
    }
    return rc;
}

/* One that was just made goes onto a sheet; without a sheet, where the files
 * are wrong, it stands alone. Before it is set: a sheet that fails must not
 * take the only copy with it. */
static int sheet_for(struct omk_cmd *c, const struct omk_customer *u,
                     const char *password, const char **out)
{
    if (u) {
        return omk_cmd_make_sheet(c, u, password, out);
    }
    *out = apr_pstrcat(c->p, password, "\n", NULL);
    return OMK_EX_OK;
}

static int passwd(struct omk_cmd *c)
{
    char password[OMK_PASSWORD_MAX + 3] = "";
    const char *sheet = NULL;
    struct omk_customer_entry *e;
    struct omk_customers *all;
    struct omk_secret secret;
    struct omk_err err = {0};
    bool generated = false;
    int code = OMK_EX_OK;
    int rc = find_customer(c, &all, &e, &err);

    if (rc == OMK_OK) {
        rc = take_password(password, &generated, &err);
    }
    if (rc == OMK_OK && generated && c->json) {
        (void)fprintf(stderr, "omakase: passwd: with --json the password "
                              "comes on standard input\n");
        return OMK_EX_USAGE;
    }
    if (rc == OMK_OK) {
        rc = omk_secret_make(password, strlen(password), &secret, &err);
    }
    if (rc == OMK_OK && generated && !c->dry_run) {
        code = sheet_for(c, e->customer, password, &sheet);
    }
    explicit_bzero(password, sizeof password);
    if (rc == OMK_OK && !code && !c->dry_run) {
        rc = set_password(c, &secret, &err);
    }
    if (rc || code) {
        return rc ? omk_cmd_error(&err) : code;
    }
    (void)fprintf(stderr, "omakase: FTP and MySQL of %s %s a new password\n",
                  c->argv[0], c->dry_run ? "would have" : "have");
    return sheet ? omk_cmd_put_sheet(sheet) : OMK_EX_OK;
}

const struct omk_command omk_commands_customer[] = {
    {"customer add", "LOGIN --domain DOMAIN", "declare a customer",
     "  --domain DOMAIN    the main domain, without www. (served as well)\n"
     "  --docroot web/SUB  published instead of web\n"
     "  --lang, --format   of the sheet, as omakase sheet has them\n"
     "Writes customers.d/LOGIN.conf; omakase apply acts. Makes the first "
     "password\n"
     "and prints the settings sheet with it, once; not with --json.\n",
     1, 1, add},
    {"customer show", "LOGIN", "what is declared for a customer", "", 1, 1,
     show},
    {"passwd", "LOGIN", "set the password of FTP and MySQL",
     "  --lang, --format   of the sheet, as omakase sheet has them\n"
     "Takes it from standard input, one line; from a terminal it makes one "
     "and\n"
     "prints the settings sheet with it, once.\n",
     1, 1, passwd},
    {"customer list", "", "all customers", "", 0, 0, list},
    {0},
};
