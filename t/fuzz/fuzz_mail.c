/* LOGIN.mail: names and addresses that are read can stand in any map; a line
 * removed by program leaves the others. */
#include "customer.h"
#include "edit.h"
#include "fuzz.h"

#include <apr_general.h>
#include <string.h>

static void check_boxes(apr_pool_t *p, const struct omk_customer *c)
{
    for (size_t i = 0; i < c->mailbox_count; i++) {
        const struct omk_mailbox *m = &c->mailboxes[i];

        MUST(strspn(m->name, "abcdefghijklmnopqrstuvwxyz0123456789._+-")
             == strlen(m->name));
        MUST(!m->forward || strchr(m->forward, '@'));
    }
    if (c->mailbox_count) {
        struct omk_customer again = {.login = "x"};
        const char *text =
            omk_edit_remove_mailbox(p, c->mail.data, c->mailboxes[0].name);

        MUST(text);
        MUST(omk_mail_parse(p, "f", text, strlen(text), &again, NULL) == 0);
        MUST(again.mailbox_count == c->mailbox_count - 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct omk_customer c = {.login = "x"};
    struct omk_err err = {0};
    apr_pool_t *p;
    int rc;

    MUST(apr_initialize() == APR_SUCCESS);
    MUST(apr_pool_create(&p, NULL) == APR_SUCCESS);
    rc = omk_mail_parse(p, "f", (const char *)data, size, &c, &err);
    if (rc) {
        MUST(err.code == rc && !strncmp(err.where, "f:", 2) && err.text[0]);
    }
    else {
        check_boxes(p, &c);
    }
    apr_pool_destroy(p);
    return 0;
}
