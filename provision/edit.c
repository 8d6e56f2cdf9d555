#include "edit.h"

#include "customer.h"
#include "file.h"
#include "names.h"
#include "node.h"
#include "scan.h"

#include <apr_strings.h>
#include <string.h>

/* A statement at the top level: `name = value` or `name "title" { ... }`. */
struct statement {
    const char *name;
    size_t name_len;
    const char *value; /* of `=`, or the title */
    size_t value_len;
    const char *start, *end; /* end: behind its value or `}` */
    bool section;
};

static enum omk_token next(struct omk_scan *s, const char **from, size_t *len)
{
    enum omk_token t;

    do {
        t = omk_scan_next(s, from, len);
    } while (t == OMK_T_COMMENT || t == OMK_T_NEWLINE);
    return t;
}

/* To behind the `}` of the `{` just read. */
static void skip_section(struct omk_scan *s)
{
    const char *from;
    size_t len;
    int depth = 1;

    while (depth > 0) {
        enum omk_token t = next(s, &from, &len);

        if (t == OMK_T_END || t == OMK_T_BAD) {
            return;
        }
        if (t == OMK_T_MARK) {
            depth += *from == '{' ? 1 : *from == '}' ? -1 : 0;
        }
    }
}

static bool next_statement(struct omk_scan *s, struct statement *st)
{
    const char *from;
    size_t len;
    enum omk_token t = next(s, &from, &len);

    if (t != OMK_T_WORD) {
        return false;
    }
    *st = (struct statement){.name = from, .name_len = len, .start = from};
    t = next(s, &from, &len);
    if (t == OMK_T_MARK && *from == '=') {
        (void)next(s, &st->value, &st->value_len);
        if (*st->value == '{') { /* a list */
            skip_section(s);
        }
    }
    else {
        st->section = true;
        if (t == OMK_T_STRING || t == OMK_T_WORD) {
            st->value = from;
            st->value_len = len;
            (void)next(s, &from, &len);
        }
        skip_section(s);
    }
    st->end = s->at;
    return true;
}

static const char *splice(apr_pool_t *p, const char *text, const char *from,
                          const char *to, const char *by)
{
    return apr_pstrcat(p, apr_pstrmemdup(p, text, (apr_size_t)(from - text)),
                       by, to, NULL);
}

static const char *with_line(apr_pool_t *p, const char *text, const char *line)
{
    size_t len = strlen(text);

    return apr_pstrcat(p, text, len && text[len - 1] != '\n' ? "\n" : "", line,
                       "\n", NULL);
}

static struct omk_scan scan_of(const char *text)
{
    return (struct omk_scan){.at = text, .end = text + strlen(text), .line = 1};
}

const char *omk_edit_set(apr_pool_t *p, const char *text, const char *name,
                         const char *value)
{
    struct omk_scan s = scan_of(text);
    struct statement st;

    while (next_statement(&s, &st)) {
        if (!st.section && st.name_len == strlen(name)
            && !memcmp(st.name, name, st.name_len)) {
            return splice(p, text, st.value, st.end, value);
        }
    }
    return with_line(p, text, apr_pstrcat(p, name, " = ", value, NULL));
}

const char *omk_edit_add_domain(apr_pool_t *p, const char *text,
                                const char *domain, const char *docroot)
{
    return with_line(p, text,
                     docroot
                         ? apr_psprintf(p, "domain \"%s\" { docroot = \"%s\" }",
                                        domain, docroot)
                         : apr_psprintf(p, "domain \"%s\" {}", domain));
}

static bool find_domain(apr_pool_t *p, const char *text, const char *domain,
                        struct statement *st)
{
    struct omk_scan s = scan_of(text);

    while (next_statement(&s, st)) {
        const char *ascii;
        const char *title = st->value;
        size_t len = st->value_len;

        if (!st->section || st->name_len != 6 || !title
            || memcmp(st->name, "domain", 6) != 0) {
            continue;
        }
        if (len >= 2 && (*title == '"' || *title == '\'')) {
            title++;
            len -= 2;
        }
        if (omk_domain_parse(p, title, len, &ascii, NULL) == OMK_OK
            && !strcmp(ascii, domain)) {
            return true;
        }
    }
    return false;
}

const char *omk_edit_remove_domain(apr_pool_t *p, const char *text,
                                   const char *domain)
{
    struct statement st;
    const char *end;

    if (!find_domain(p, text, domain, &st)) {
        return NULL;
    }
    end = st.end + strspn(st.end, " \t\r");
    if (*end == '#' || !strncmp(end, "//", 2)) { /* about what goes */
        end += strcspn(end, "\n");
    }
    return splice(p, text, st.start, *end == '\n' ? end + 1 : end, "");
}

const char *omk_edit_rename_domain(apr_pool_t *p, const char *text,
                                   const char *domain, const char *to)
{
    struct statement st;

    return find_domain(p, text, domain, &st)
               ? splice(p, text, st.value, st.value + st.value_len,
                        apr_pstrcat(p, "\"", to, "\"", NULL))
               : NULL;
}

/* --- mail -------------------------------------------------------------------
 */

const char *omk_edit_add_mailbox(apr_pool_t *p, const char *text,
                                 const char *line)
{
    return with_line(p, text, line);
}

const char *omk_edit_remove_mailbox(apr_pool_t *p, const char *text,
                                    const char *name)
{
    const char *end;

    for (const char *s = text; *s; s = end) {
        const char *word = s + strspn(s, " \t");

        end = s + strcspn(s, "\n");
        end += *end == '\n';
        if (strcspn(word, " \t\r\n#") == strlen(name)
            && !strncmp(word, name, strlen(name))) {
            return splice(p, text, s, end, "");
        }
    }
    return NULL;
}

/* --- writing ----------------------------------------------------------------
 */

int omk_edit_write_conf(apr_pool_t *p, const struct omk_node *n,
                        const char *text, const struct omk_customer *want,
                        struct omk_err *err)
{
    const char *path =
        apr_pstrcat(p, n->customers_dir, "/", want->login, ".conf", NULL);
    struct omk_customer says;
    int rc = omk_customer_parse(p, n, want->login, path, text, strlen(text),
                                &says, err);

    if (rc) {
        return rc;
    }
    says.mailboxes = want->mailboxes;
    says.mailbox_count = want->mailbox_count;
    if (!omk_customer_equal(&says, want)) {
        return omk_fail(err, OMK_EINVAL, path,
                        "cannot be changed by program without changing "
                        "something else; edit it by hand, see "
                        "omakase-customer(5)");
    }
    return omk_file_write(path, text, strlen(text), 0600, err);
}

int omk_edit_write_mail(apr_pool_t *p, const struct omk_node *n,
                        const struct omk_customer *c, const char *text,
                        struct omk_err *err)
{
    const char *path =
        apr_pstrcat(p, n->customers_dir, "/", c->login, ".mail", NULL);
    struct omk_customer says = *c;
    int rc = omk_mail_parse(p, path, text, strlen(text), &says, err);

    return rc ? rc : omk_file_write(path, text, strlen(text), 0600, err);
}
