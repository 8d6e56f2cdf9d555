/* What changes a customer's files: suspend, resume, domains, mailboxes. */
#include "cmd.h"

#include "customer.h"
#include "edit.h"
#include "generation.h"
#include "names.h"
#include "node.h"

#include <apr_strings.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What a command does with the customer: fills the text to be written to
 * LOGIN.conf and what it must say, or the one of LOGIN.mail. */
struct change {
    const struct omk_customer *was;
    struct omk_customer want;
    const char *conf, *mail;
};

/* no typedef hides a pointer: this is the function itself */
typedef int change_fn(struct omk_cmd *c, struct change *ch,
                      struct omk_err *err);

static int load(struct omk_cmd *c, struct change *ch,
                struct omk_customers **all, struct omk_err *err)
{
    const char *login = c->argv[0];
    const struct omk_customer_entry *e;
    int rc = omk_login_check(login, strlen(login), err);

    if (rc == OMK_OK) {
        rc =
            omk_customers_load(c->p, c->node, c->node->customers_dir, all, err);
    }
    if (rc) {
        return rc;
    }
    e = omk_customers_find(*all, login);
    if (!e) {
        return omk_fail(err, OMK_ENOENT, login, "there is no such customer");
    }
    if (!e->customer) {
        *err = e->err;
        return err->code;
    }
    ch->was = e->customer;
    ch->want = *e->customer;
    return OMK_OK;
}

/* Nobody else has a name that is new. */
static int check_claims(struct omk_cmd *c, struct change *ch,
                        struct omk_customers *all, struct omk_err *err)
{
    struct omk_customer_entry *e = omk_customers_find(all, c->argv[0]);
    struct omk_customers before = *all;

    /* As declared now is what everybody has; the new one loses. */
    before.entries =
        apr_pmemdup(c->p, all->entries, all->count * sizeof *all->entries);
    e->customer = &ch->want;
    omk_customers_settle(c->p, all, &before);
    if (e->customer) {
        return OMK_OK;
    }
    *err = e->err;
    return err->code;
}

static int change_locked(struct omk_cmd *c, change_fn *fn, struct omk_err *err)
{
    struct change ch = {0};
    struct omk_customers *all;
    int rc = load(c, &ch, &all, err);

    if (rc == OMK_OK) {
        rc = fn(c, &ch, err);
    }
    if (rc == OMK_OK && ch.conf) {
        rc = check_claims(c, &ch, all, err);
    }
    if (rc || c->dry_run) {
        return rc;
    }
    if (ch.mail) {
        return omk_edit_write_mail(c->p, c->node, ch.was, ch.mail, err);
    }
    return ch.conf ? omk_edit_write_conf(c->p, c->node, ch.conf, &ch.want, err)
                   : OMK_OK;
}

static int change(struct omk_cmd *c, change_fn *fn)
{
    struct omk_err err = {0};
    int fd = -1;
    int rc = omk_state_make(c->node, &err);

    if (rc == OMK_OK) {
        rc = omk_lock(c->node, NULL, NULL, &fd, &err);
    }
    if (rc == OMK_OK) {
        rc = change_locked(c, fn, &err);
    }
    if (fd >= 0) {
        close(fd);
    }
    if (rc) {
        return omk_cmd_error(&err);
    }
    if (!c->json) {
        (void)printf("%s; omakase apply makes it so\n",
                     c->dry_run ? "would be written" : "written");
    }
    return OMK_EX_OK;
}

/* --- suspend, resume ---------------------------------------------------------
 */

static int suspend_it(struct omk_cmd *c, struct change *ch, struct omk_err *err)
{
    (void)err;
    ch->want.suspended = true;
    ch->conf = omk_edit_set(c->p, ch->was->conf.data, "suspended", "true");
    return OMK_OK;
}

static int resume_it(struct omk_cmd *c, struct change *ch, struct omk_err *err)
{
    (void)err;
    ch->want.suspended = false;
    ch->conf = omk_edit_set(c->p, ch->was->conf.data, "suspended", "false");
    return OMK_OK;
}

static int suspend(struct omk_cmd *c)
{
    return change(c, suspend_it);
}

static int resume(struct omk_cmd *c)
{
    return change(c, resume_it);
}

/* --- domains -----------------------------------------------------------------
 */

static int domain_word(struct omk_cmd *c, int i, const char **out,
                       struct omk_err *err)
{
    return omk_domain_parse(c->p, c->argv[i], strlen(c->argv[i]), out, err);
}

static int add_domain_to(struct omk_cmd *c, struct change *ch,
                         struct omk_err *err)
{
    size_t count = ch->was->domain_count;
    struct omk_domain *list = apr_pcalloc(c->p, (count + 1) * sizeof *list);
    const char *docroot = c->docroot ? c->docroot : "web";
    int rc = domain_word(c, 1, &list[count].name, err);

    if (rc == OMK_OK) {
        rc = omk_docroot_check(docroot, strlen(docroot), err);
    }
    if (rc) {
        return rc;
    }
    memcpy(list, ch->was->domains, count * sizeof *list);
    list[count].docroot = docroot;
    ch->want.domains = list;
    ch->want.domain_count = count + 1;
    ch->conf = omk_edit_add_domain(c->p, ch->was->conf.data, list[count].name,
                                   c->docroot);
    return OMK_OK;
}

static int no_domain(const char *domain, struct omk_err *err)
{
    return omk_fail(err, OMK_ENOENT, domain,
                    "the customer has no such domain { }; aliases are edited "
                    "by hand");
}

static int remove_domain_from(struct omk_cmd *c, struct change *ch,
                              struct omk_err *err)
{
    struct omk_domain *list =
        apr_pcalloc(c->p, ch->was->domain_count * sizeof *list);
    size_t kept = 0;
    const char *domain;
    int rc = domain_word(c, 1, &domain, err);

    if (rc) {
        return rc;
    }
    for (size_t i = 0; i < ch->was->domain_count; i++) {
        if (strcmp(ch->was->domains[i].name, domain) != 0) {
            list[kept++] = ch->was->domains[i];
        }
    }
    ch->want.domains = list;
    ch->want.domain_count = kept;
    ch->conf = omk_edit_remove_domain(c->p, ch->was->conf.data, domain);
    return ch->conf ? OMK_OK : no_domain(domain, err);
}

static int rename_domain_of(struct omk_cmd *c, struct change *ch,
                            struct omk_err *err)
{
    size_t count = ch->was->domain_count;
    struct omk_domain *list = apr_pcalloc(c->p, count * sizeof *list);
    const char *from, *to;
    int rc = domain_word(c, 1, &from, err);

    if (rc == OMK_OK) {
        rc = domain_word(c, 2, &to, err);
    }
    if (rc) {
        return rc;
    }
    for (size_t i = 0; i < count; i++) {
        list[i] = ch->was->domains[i];
        if (!strcmp(list[i].name, from)) {
            list[i].name = to;
        }
    }
    ch->want.domains = list;
    ch->conf = omk_edit_rename_domain(c->p, ch->was->conf.data, from, to);
    return ch->conf ? OMK_OK : no_domain(from, err);
}

static int domain_add(struct omk_cmd *c)
{
    return change(c, add_domain_to);
}

static int domain_remove(struct omk_cmd *c)
{
    return change(c, remove_domain_from);
}

static int rename_domain(struct omk_cmd *c)
{
    return change(c, rename_domain_of);
}

/* --- mailboxes
 * ---------------------------------------------------------------- */

static const char *mail_text(const struct change *ch)
{
    return ch->was->mail.data ? ch->was->mail.data
                              : "# A line a mailbox; see omakase-mail(5).\n";
}

static int add_mailbox_to(struct omk_cmd *c, struct change *ch,
                          struct omk_err *err)
{
    const char *line = c->argv[1];

    for (int i = 1; i < c->argc; i++) {
        if (strpbrk(c->argv[i], " \t\r\n#")) {
            return omk_fail(err, OMK_EINVAL, "mail add",
                            "a blank, newline or '#' in a word");
        }
        line = i == 1 ? line : apr_pstrcat(c->p, line, " ", c->argv[i], NULL);
    }
    ch->mail = omk_edit_add_mailbox(c->p, mail_text(ch), line);
    return OMK_OK;
}

static int remove_mailbox_from(struct omk_cmd *c, struct change *ch,
                               struct omk_err *err)
{
    ch->mail = omk_edit_remove_mailbox(c->p, mail_text(ch), c->argv[1]);
    return ch->mail ? OMK_OK
                    : omk_fail(err, OMK_ENOENT, c->argv[0],
                               "there is no such mailbox");
}

static int mail_add(struct omk_cmd *c)
{
    return change(c, add_mailbox_to);
}

static int mail_remove(struct omk_cmd *c)
{
    return change(c, remove_mailbox_from);
}

const struct omk_command omk_commands_edit[] = {
    {"customer suspend", "LOGIN", "answer 503 for a customer", "", 1, 1,
     suspend},
    {"customer resume", "LOGIN", "serve it again", "", 1, 1, resume},
    {"customer rename-domain", "LOGIN OLD NEW", "give a domain another name",
     "", 3, 3, rename_domain},
    {"domain add", "LOGIN DOMAIN", "a further domain of a customer",
     "  --docroot web/SUB  published there instead of web\n", 2, 2, domain_add},
    {"domain remove", "LOGIN DOMAIN", "take a domain away", "", 2, 2,
     domain_remove},
    {"mail add", "LOGIN NAME [OPTION...]", "declare a mailbox",
     "OPTION: quota=SIZE, forward=ADDRESS,..., keep=no; see omakase-mail(5).\n",
     2, 8, mail_add},
    {"mail remove", "LOGIN NAME", "take a mailbox's declaration away", "", 2, 2,
     mail_remove},
    {0},
};
