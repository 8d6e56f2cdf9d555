/* LOGIN.mail: what parses is in range; an edit is all or nothing, and taken
 * back it leaves the bytes as they were. The last line of the input serves as
 * the edit's words. */
#include "err.h"
#include "fuzz.h"
#include "mail.h"

#include <apr_general.h>
#include <apr_strings.h>
#include <string.h>

static void check_error(const struct omk_err *err, int rc, const char *where)
{
    MUST(rc == OMK_EINVAL || rc == OMK_ERANGE || rc == OMK_EDENIED
         || rc == OMK_ENOENT);
    MUST(err->code == rc && !strncmp(err->where, where, strlen(where)));
    MUST(err->text[0]);
    for (const char *p = err->text; *p; p++) {
        MUST(*p >= ' ' && *p < 0x7f);
    }
}

static void check_boxes(const struct omk_customer *c)
{
    for (size_t i = 0; i < c->mailbox_count; i++) {
        const struct omk_mailbox *m = &c->mailboxes[i];

        MUST(*m->name && strlen(m->name) <= 64);
        MUST(!strpbrk(m->name, "/@:#\" \t\r\n|ABCDEFGHIJKLMNOPQRSTUVWXYZ"));
        MUST(m->name[0] != '.' && !strstr(m->name, ".."));
        MUST(m->forward || m->keep);
        MUST(!m->forward || !strpbrk(m->forward, "|/:\" \t\r\n$`\\"));
        MUST(m->line > (i ? c->mailboxes[i - 1].line : 0));
    }
}

static size_t lines(const struct omk_bytes *b)
{
    size_t n = 0;

    for (size_t i = 0; i < b->len; i++) {
        n += b->data[i] == '\n';
    }
    return n;
}

static void check_edit(apr_pool_t *p, const struct omk_bytes *in,
                       const char *words)
{
    char *last;
    const char *name = apr_strtok(apr_pstrdup(p, words), " ", &last);
    struct omk_mail_edit e = {.verb = OMK_MAIL_ADD, .name = name ? name : ""};
    struct omk_bytes out = {0}, back = {0};
    struct omk_err err = {0};
    int rc;

    e.quota = name ? apr_strtok(NULL, " ", &last) : NULL;
    e.forward = e.quota ? last : NULL;
    rc = omk_mail_edit(p, "f", in, &e, &out, &err);
    if (rc) {
        check_error(&err, rc, "f");
        MUST(!out.data);
    }
    else {
        e.verb = OMK_MAIL_REMOVE;
        MUST(omk_mail_edit(p, "f", &out, &e, &back, &err) == OMK_OK);
        MUST(back.len >= in->len && !memcmp(back.data, in->data, in->len));
        MUST(back.len <= in->len + 2); /* the end of an open line */
    }
    e.verb = OMK_MAIL_CHANGE;
    out = (struct omk_bytes){0};
    rc = omk_mail_edit(p, "f", in, &e, &out, &err);
    if (rc) {
        check_error(&err, rc, "f");
    }
    else {
        MUST(lines(&out) == lines(in));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int begun;
    struct omk_customer c = {.mail_quota = 1};
    struct omk_bytes in = {(const char *)data, size};
    struct omk_err err = {0};
    const char *words;
    apr_pool_t *p;
    int rc;

    MUST(begun || apr_initialize() == APR_SUCCESS);
    begun = 1;
    MUST(apr_pool_create(&p, NULL) == APR_SUCCESS);
    rc = omk_mail_parse(p, "f", in.data, in.len, &c, &err);
    if (rc) {
        check_error(&err, rc, "f:");
    }
    else {
        check_boxes(&c);
    }
    words = size ? memrchr(data, '\n', size) : NULL;
    words = words ? words + 1 : in.data;
    check_edit(p, &in,
               apr_pstrmemdup(p, words, (size_t)(in.data + size - words)));
    apr_pool_destroy(p);
    return 0;
}
