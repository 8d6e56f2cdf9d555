/* mail add, change, remove, list. */
#include "cmd.h"

#include "customer.h"
#include "generation.h"
#include "mail.h"
#include "names.h"
#include "node.h"

#include <apr_strings.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int omk_cmd_customer(struct omk_cmd *c, const struct omk_customer **out,
                     struct omk_err *err)
{
    const struct omk_customer_entry *e = NULL;
    struct omk_customers *all;
    int rc = omk_login_check(c->argv[0], strlen(c->argv[0]), err);

    if (rc == OMK_OK) {
        rc = omk_customers_load(c->p, c->node, c->node->customers_dir, &all,
                                err);
    }
    if (rc) {
        return rc;
    }
    e = omk_customers_find(all, c->argv[0]);
    if (!e) {
        return omk_fail(err, OMK_ENOENT, c->argv[0],
                        "there is no such customer");
    }
    if (!e->customer) {
        *err = e->err;
        return err->code;
    }
    *out = e->customer;
    return OMK_OK;
}

/* The words behind NAME, as they stand in the file; "quota=" takes it away. */
static int options(struct omk_cmd *c, struct omk_mail_edit *e,
                   struct omk_err *err)
{
    for (int i = 2; i < c->argc; i++) {
        const char *word = c->argv[i];
        const char **to = !strncmp(word, "quota=", 6)     ? &e->quota
                          : !strncmp(word, "forward=", 8) ? &e->forward
                          : !strncmp(word, "keep=", 5)    ? &e->keep
                                                          : NULL;
        char shown[64];

        if (!to || *to) {
            return omk_fail(err, OMK_EINVAL, "mail",
                            "'%s'; expected quota=SIZE, forward=ADDRESS,... "
                            "and keep=yes|no, each once",
                            omk_printable(word, strlen(word), shown));
        }
        *to = strchr(word, '=') + 1;
    }
    return OMK_OK;
}

static int edit_locked(struct omk_cmd *c, const struct omk_mail_edit *e,
                       const char *path, struct omk_err *err)
{
    const struct omk_customer *customer;
    struct omk_bytes unused;
    int rc = omk_cmd_customer(c, &customer, err);

    if (rc) {
        return rc;
    }
    return c->dry_run
               ? omk_mail_edit(c->p, path, &customer->mail, e, &unused, err)
               : omk_mail_edit_file(c->p, path, e, err);
}

static int edit(struct omk_cmd *c, enum omk_mail_verb verb)
{
    const char *path = apr_pstrcat(c->p, c->node->customers_dir, "/",
                                   c->argv[0], ".mail", NULL);
    struct omk_mail_edit e = {.verb = verb, .name = c->argv[1]};
    struct omk_err err = {0};
    int fd = -1;
    int rc = options(c, &e, &err);

    if (rc == OMK_OK) {
        rc = omk_state_make(c->node, &err);
    }
    if (rc == OMK_OK) {
        rc = omk_lock(c->node, NULL, NULL, &fd, &err);
    }
    if (rc == OMK_OK) {
        rc = edit_locked(c, &e, path, &err);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    if (rc) {
        return omk_cmd_error(&err);
    }
    if (c->json) {
        omk_cmd_json(json_pack("{s:s, s:s, s:s}", "login", c->argv[0],
                               "mailbox", c->argv[1], "file", path));
    }
    else {
        (void)printf("%s; omakase apply makes it so\n",
                     c->dry_run ? "would be written" : "written");
    }
    return OMK_EX_OK;
}

static int add(struct omk_cmd *c)
{
    return edit(c, OMK_MAIL_ADD);
}

static int change(struct omk_cmd *c)
{
    return edit(c, OMK_MAIL_CHANGE);
}

static int take_away(struct omk_cmd *c)
{
    return edit(c, OMK_MAIL_REMOVE);
}

static void print_box(struct omk_cmd *c, const struct omk_customer *u,
                      const struct omk_mailbox *m, json_t *out)
{
    const char *address =
        apr_pstrcat(c->p, m->name, "@", u->domains[0].name, NULL);

    if (c->json) {
        (void)json_array_append_new(
            out, json_pack("{s:s, s:s, s:I, s:s?, s:b}", "name", m->name,
                           "address", address, "quota", (json_int_t)m->quota,
                           "forward", m->forward, "keep", m->keep));
        return;
    }
    (void)printf("%-40s %8s%s%s%s\n", address,
                 m->quota ? omk_size_print(c->p, m->quota) : "-",
                 m->forward ? "  -> " : "", m->forward ? m->forward : "",
                 m->keep ? "" : "  (not kept)");
}

static int list(struct omk_cmd *c)
{
    const struct omk_customer *customer = NULL;
    struct omk_err err = {0};
    json_t *out;

    if (omk_cmd_customer(c, &customer, &err)) {
        return omk_cmd_error(&err);
    }
    out = json_array();
    for (size_t i = 0; i < customer->mailbox_count; i++) {
        print_box(c, customer, &customer->mailboxes[i], out);
    }
    if (c->json) {
        omk_cmd_json(out);
    }
    else {
        json_decref(out);
    }
    return OMK_EX_OK;
}

const struct omk_command omk_commands_mail[] = {
    {"mail add", "LOGIN NAME [OPTION...]", "declare a mailbox",
     "OPTION: quota=SIZE, forward=ADDRESS,..., keep=no; see omakase-mail(5).\n",
     2, 5, add},
    {"mail change", "LOGIN NAME OPTION...", "change what a mailbox has",
     "OPTION as for mail add; without a value (quota=) it is taken away.\n", 3,
     5, change},
    {"mail remove", "LOGIN NAME", "take a mailbox's declaration away", "", 2, 2,
     take_away},
    {"mail list", "LOGIN", "the mailboxes of a customer", "", 1, 1, list},
    {0},
};
