/* mail add, change, remove, list. */
#include "cmd.h"

#include "customer.h"
#include "mail.h"
#include "names.h"
#include "node.h"

#include <apr_strings.h>
#include <stdio.h>
#include <string.h>

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

static int edit(struct omk_cmd *c, enum omk_mail_verb verb)
{
    const char *path = apr_pstrcat(c->p, c->node->customers_dir, "/",
                                   c->argv[0], ".mail", NULL);
    struct omk_mail_edit e = {verb, c->argv[1], c->quota, c->forward, c->keep};
    const struct omk_customer *customer = NULL;
    struct omk_err err = {0};
    struct omk_bytes unused;
    int rc = omk_cmd_customer(c, &customer, &err);

    if (rc == OMK_OK) {
        rc = c->dry_run
                 ? omk_mail_edit(c->p, path, &customer->mail, &e, &unused, &err)
                 : omk_mail_edit_file(c->p, path, &e, &err);
    }
    if (rc) {
        return omk_cmd_error(&err);
    }
    if (c->json) {
        omk_cmd_json(json_pack("{s:s, s:s, s:s}", "login", c->argv[0],
                               "mailbox", c->argv[1], "file", path));
    }
    else {
        (void)printf("%s %s; omakase apply makes it so\n",
                     c->dry_run ? "would write" : "wrote", path);
    }
    return OMK_EX_OK;
}

static int add(struct omk_cmd *c)
{
    return edit(c, OMK_MAIL_ADD);
}

static int change(struct omk_cmd *c)
{
    if (!c->quota && !c->forward && !c->keep) {
        (void)fprintf(stderr, "omakase: mail change: expected --quota, "
                              "--forward or --keep\n");
        return OMK_EX_USAGE;
    }
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

#define OPTIONS                                                                \
    "  --quota SIZE             what it holds\n"                               \
    "  --forward ADDRESS,...    where a copy of its mail goes\n"               \
    "  --keep yes|no            whether forwarded mail stays too\n"

const struct omk_command omk_commands_mail[] = {
    {"mail add", "LOGIN NAME", "declare a mailbox",
     OPTIONS "Writes customers.d/LOGIN.mail; omakase apply acts.\n", 2, 2, add},
    {"mail change", "LOGIN NAME", "change what a mailbox has",
     OPTIONS "An empty value takes an option away.\n", 2, 2, change},
    {"mail remove", "LOGIN NAME", "take a mailbox's declaration away", "", 2, 2,
     take_away},
    {"mail list", "LOGIN", "the mailboxes of a customer", "", 1, 1, list},
    {0},
};
