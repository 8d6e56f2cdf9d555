#include "mail.h"

#include "conf.h"
#include "file.h"
#include "names.h"
#include "node.h"

#include <apr_hash.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <apr_tables.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define FORWARDS_MAX 50 /* of a mailbox */

struct slice {
    const char *at;
    size_t len;
};

/* --- lines and words ------------------------------------------------------ */

/* The line at text, its newline apart; `next` is where the one after begins. */
static struct slice line_at(const char *text, const char *end,
                            const char **next)
{
    const char *eol = memchr(text, '\n', (size_t)(end - text));

    *next = eol ? eol + 1 : end;
    return (struct slice){text, (size_t)((eol ? eol : end) - text)};
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* The next word at or behind `at`; without length where there is none. */
static struct slice word_at(struct slice line, const char *at)
{
    const char *end = line.at + line.len;
    const char *from;

    while (at < end && is_blank(*at)) {
        at++;
    }
    for (from = at; at < end && !is_blank(*at) && *at != '#'; at++) {
    }
    return (struct slice){from, (size_t)(at - from)};
}

static bool begins(struct slice word, const char *with)
{
    size_t n = strlen(with);

    return word.len >= n && !memcmp(word.at, with, n);
}

static bool is_ascii(struct slice word)
{
    for (size_t i = 0; i < word.len; i++) {
        if (word.at[i] <= ' ' || word.at[i] > '~') {
            return false;
        }
    }
    return true;
}

static char *lower(apr_pool_t *p, struct slice word)
{
    char *s = apr_pstrmemdup(p, word.at, word.len);

    for (char *c = s; *c; c++) {
        *c = (char)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
    }
    return s;
}

/* --- what a line says ----------------------------------------------------- */

static int check_name(const char *name, struct omk_err *err)
{
    int rc = omk_local_part_check(name, strlen(name), err);

    if (rc == OMK_OK
        && (!strcmp(name, "mailer-daemon") || !strcmp(name, "double-bounce"))) {
        return omk_fail(err, OMK_EDENIED, "",
                        "mailbox name '%s' is the mail server's own; expected "
                        "another",
                        name);
    }
    return rc;
}

/* Others' local parts have more than ours: RFC 5322's atext, without what a
 * shell, a path or a map of Postfix could take for its own. */
static bool is_foreign_local_part(struct slice s)
{
    bool ok = s.len >= 1 && s.len <= 64 && s.at[0] != '.' && s.at[0] != '-'
              && s.at[s.len - 1] != '.';

    for (size_t i = 0; ok && i < s.len; i++) {
        ok = apr_isalnum(s.at[i]) || strchr("_+-=&'~", s.at[i])
             || (s.at[i] == '.' && s.at[i + 1] != '.');
    }
    return ok;
}

/* One of forward's; *out has its domain in ASCII. */
static int parse_address(apr_pool_t *p, struct slice s, const char **out,
                         struct omk_err *err)
{
    const char *at = memrchr(s.at, '@', s.len);
    const char *domain;
    size_t local = at ? (size_t)(at - s.at) : 0;
    char shown[64];
    int rc;

    if (!at || !is_foreign_local_part((struct slice){s.at, local})) {
        return omk_fail(err, OMK_EINVAL, "",
                        "forward: '%s' is no address; expected name@example.jp",
                        omk_printable(s.at, s.len, shown));
    }
    rc = omk_mail_domain_parse(p, at + 1, s.len - local - 1, &domain, err);
    if (rc == OMK_OK) {
        *out = apr_psprintf(p, "%.*s@%s", (int)local, s.at, domain);
    }
    return rc;
}

static int parse_forward(apr_pool_t *p, struct slice list, const char **out,
                         struct omk_err *err)
{
    const char *end = list.at + list.len;
    const char *all = NULL;
    unsigned count = 0;

    for (const char *s = list.at; s <= end; count++) {
        const char *comma = memchr(s, ',', (size_t)(end - s));
        struct slice one = {s, (size_t)((comma ? comma : end) - s)};
        const char *address = "";
        int rc = parse_address(p, one, &address, err);

        if (rc) {
            return rc;
        }
        if (count == FORWARDS_MAX) {
            return omk_fail(err, OMK_ERANGE, "",
                            "forward: more than %d addresses", FORWARDS_MAX);
        }
        all = all ? apr_pstrcat(p, all, ",", address, NULL) : address;
        s = one.at + one.len + 1;
    }
    *out = all;
    return OMK_OK;
}

enum { QUOTA = 1, FORWARD = 2, KEEP = 4 };

static int parse_option(apr_pool_t *p, struct slice word, struct omk_mailbox *m,
                        unsigned *said, struct omk_err *err)
{
    unsigned which = begins(word, "quota=")     ? QUOTA
                     : begins(word, "forward=") ? FORWARD
                     : begins(word, "keep=")    ? KEEP
                                                : 0;
    const char *equals = memchr(word.at, '=', word.len);
    struct slice value = {word.at, 0};
    char shown[64];

    if (*said & which) {
        return omk_fail(err, OMK_EINVAL, "", "%.*s stands there twice",
                        (int)(equals - word.at), word.at);
    }
    *said |= which;
    if (which) {
        value.at = equals + 1;
        value.len = word.len - (size_t)(value.at - word.at);
    }
    if (which == QUOTA) {
        return omk_size_parse(value.at, value.len, &m->quota, err);
    }
    if (which == FORWARD) {
        return parse_forward(p, value, &m->forward, err);
    }
    if (which == KEEP && ((value.len == 3 && begins(value, "yes"))
                          || (value.len == 2 && begins(value, "no")))) {
        m->keep = value.len == 3;
        return OMK_OK;
    }
    return omk_fail(err, OMK_EINVAL, "",
                    "'%s'; expected quota=SIZE, forward=ADDRESS,... or "
                    "keep=yes|no",
                    omk_printable(word.at, word.len, shown));
}

/* m->name stays NULL for a line without a mailbox. */
static int parse_line(apr_pool_t *p, struct slice line, struct omk_mailbox *m,
                      struct omk_err *err)
{
    struct slice word = word_at(line, line.at);
    unsigned said = 0;
    int rc;

    if (memchr(line.at, '\0', line.len)) {
        return omk_fail(err, OMK_EINVAL, "", "a NUL byte; expected text");
    }
    for (; word.len; word = word_at(line, word.at + word.len)) {
        if (!is_ascii(word)) {
            return omk_fail(err, OMK_EINVAL, "",
                            "a character that is not ASCII, such as a "
                            "full-width blank or a byte order mark; expected "
                            "it in comments only");
        }
        if (m->name) {
            rc = parse_option(p, word, m, &said, err);
        }
        else {
            m->name = lower(p, word);
            rc = check_name(m->name, err);
        }
        if (rc) {
            return rc;
        }
    }
    if (!m->keep && !m->forward) {
        return omk_fail(err, OMK_EINVAL, "",
                        "keep=no without forward=: the mail of %s would be "
                        "lost",
                        m->name);
    }
    return OMK_OK;
}

static int add_box(apr_array_header_t *boxes, apr_hash_t *seen,
                   const struct omk_mailbox *m, struct omk_err *err)
{
    const struct omk_mailbox *first =
        apr_hash_get(seen, m->name, APR_HASH_KEY_STRING);
    struct omk_mailbox *mine;

    if (first) {
        return omk_fail(err, OMK_EINVAL, "",
                        "mailbox %s stands there twice, first in line %u",
                        m->name, first->line);
    }
    if (boxes->nelts == OMK_MAILBOXES_MAX) {
        return omk_fail(err, OMK_ERANGE, "", "more than %d mailboxes",
                        OMK_MAILBOXES_MAX);
    }
    mine = apr_pmemdup(boxes->pool, m, sizeof *m);
    apr_hash_set(seen, mine->name, APR_HASH_KEY_STRING, mine);
    APR_ARRAY_PUSH(boxes, struct omk_mailbox) = *m;
    return OMK_OK;
}

int omk_mail_parse(apr_pool_t *p, const char *name, const char *text,
                   size_t len, struct omk_customer *out, struct omk_err *err)
{
    apr_array_header_t *boxes =
        apr_array_make(p, 8, sizeof(struct omk_mailbox));
    apr_hash_t *seen = apr_hash_make(p);
    const char *end = text + len;
    unsigned number = 1;

    for (const char *s = text, *next; s < end; s = next, number++) {
        struct omk_mailbox m = {
            .quota = out->mail_quota, .keep = true, .line = number};
        struct omk_err why = {0};
        int rc = parse_line(p, line_at(s, end, &next), &m, &why);

        if (rc == OMK_OK && m.name) {
            rc = add_box(boxes, seen, &m, &why);
        }
        if (rc) {
            char where[sizeof why.where];

            omk_conf_where(where, sizeof where, name, number);
            return omk_fail(err, rc, where, "%s", why.text);
        }
    }
    out->mailboxes = (const struct omk_mailbox *)(const void *)boxes->elts;
    out->mailbox_count = (size_t)boxes->nelts;
    out->mail.data = apr_pstrmemdup(p, text, len);
    out->mail.len = len;
    return OMK_OK;
}

/* --- edit ----------------------------------------------------------------- */

/* text with its bytes [from, from + cut) replaced by `with`. */
static struct omk_bytes replaced(apr_pool_t *p, struct omk_bytes text,
                                 size_t from, size_t cut, const char *with)
{
    size_t add = strlen(with);
    char *s = apr_palloc(p, text.len - cut + add + 1);

    if (from) {
        memcpy(s, text.data, from);
    }
    memcpy(s + from, with, add);
    if (text.len - from - cut) {
        memcpy(s + from + add, text.data + from + cut,
               text.len - from - cut);
    }
    s[text.len - cut + add] = '\0';
    return (struct omk_bytes){s, text.len - cut + add};
}

static struct slice nth_line(struct omk_bytes text, unsigned number,
                             const char **next)
{
    const char *end = text.data + text.len;
    struct slice line = line_at(text.data, end, next);

    while (--number) {
        line = line_at(*next, end, next);
    }
    return line;
}

/* key (with its `=`) in that line becomes value, or goes where it is "". */
static struct omk_bytes set_option(apr_pool_t *p, struct omk_bytes text,
                                   unsigned number, const char *key,
                                   const char *value)
{
    const char *next, *last;
    struct slice line = nth_line(text, number, &next);
    struct slice word = word_at(line, line.at); /* the name */
    const char *from;

    do {
        last = word.at + word.len;
        word = word_at(line, last);
    } while (word.len && !begins(word, key));
    from = word.len && *value ? word.at : last;
    if (!word.len) {
        return *value ? replaced(p, text, (size_t)(last - text.data), 0,
                                 apr_pstrcat(p, " ", key, value, NULL))
                      : text;
    }
    return replaced(p, text, (size_t)(from - text.data),
                    (size_t)(word.at + word.len - from),
                    *value ? apr_pstrcat(p, key, value, NULL) : "");
}

static struct omk_bytes set_options(apr_pool_t *p, struct omk_bytes text,
                                    unsigned number,
                                    const struct omk_mail_edit *e)
{
    const char *const options[][2] = {
        {"quota=", e->quota}, {"forward=", e->forward}, {"keep=", e->keep}};

    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        if (options[i][1]) {
            text = set_option(p, text, number, options[i][0], options[i][1]);
        }
    }
    return text;
}

/* A line at the end, with the ends that the file's lines have. */
static struct omk_bytes append(apr_pool_t *p, struct omk_bytes text,
                               const char *name, unsigned *number)
{
    const char *eol = text.len ? memchr(text.data, '\n', text.len) : NULL;
    const char *end = eol > text.data && eol[-1] == '\r' ? "\r\n" : "\n";
    bool open = text.len && text.data[text.len - 1] != '\n';

    *number = 1 + open;
    for (size_t i = 0; i < text.len; i++) {
        *number += text.data[i] == '\n';
    }
    return replaced(p, text, text.len, 0,
                    apr_pstrcat(p, open ? end : "", name, end, NULL));
}

/* A value goes into the file as it is: no blank, line end or comment in it. */
static int check_words(const struct omk_mail_edit *e, const char *where,
                       struct omk_err *err)
{
    const char *const words[] = {e->quota, e->forward, e->keep};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        const char *w = words[i] ? words[i] : "";
        char shown[64];

        if (!is_ascii((struct slice){w, strlen(w)}) || strchr(w, '#')) {
            return omk_fail(err, OMK_EINVAL, where,
                            "'%s'; expected one word in ASCII, without '#'",
                            omk_printable(w, strlen(w), shown));
        }
    }
    return OMK_OK;
}

static const struct omk_mailbox *find(const struct omk_customer *c,
                                      const char *name)
{
    for (size_t i = 0; i < c->mailbox_count; i++) {
        if (!strcmp(c->mailboxes[i].name, name)) {
            return &c->mailboxes[i];
        }
    }
    return NULL;
}

static bool same(const struct omk_mailbox *a, const struct omk_mailbox *b)
{
    return !strcmp(a->name, b->name) && a->quota == b->quota
           && a->keep == b->keep && !a->forward == !b->forward
           && (!a->forward || !strcmp(a->forward, b->forward));
}

/* Nothing but that mailbox has changed: the last look before a write. */
static bool others_stay(const struct omk_customer *was,
                        const struct omk_customer *is, const char *name,
                        enum omk_mail_verb verb)
{
    size_t k = 0;

    for (size_t i = 0; i < was->mailbox_count; i++) {
        const struct omk_mailbox *m = &was->mailboxes[i];

        if (!strcmp(m->name, name)) {
            k += verb != OMK_MAIL_REMOVE;
        }
        else if (k >= is->mailbox_count || !same(m, &is->mailboxes[k++])) {
            return false;
        }
    }
    return k + (verb == OMK_MAIL_ADD) == is->mailbox_count
           && !find(is, name) == (verb == OMK_MAIL_REMOVE);
}

static struct omk_bytes edited(apr_pool_t *p, struct omk_bytes text,
                               const struct omk_mailbox *m, const char *name,
                               const struct omk_mail_edit *e)
{
    unsigned number = m ? m->line : 0;
    const char *next;
    struct slice line;

    if (e->verb == OMK_MAIL_REMOVE) {
        line = nth_line(text, number, &next);
        return replaced(p, text, (size_t)(line.at - text.data),
                        (size_t)(next - line.at), "");
    }
    if (e->verb == OMK_MAIL_ADD) {
        text = append(p, text, name, &number);
    }
    return set_options(p, text, number, e);
}

int omk_mail_edit(apr_pool_t *p, const char *where, const struct omk_bytes *in,
                  const struct omk_mail_edit *e, struct omk_bytes *out,
                  struct omk_err *err)
{
    struct omk_bytes text = {in->data ? in->data : "", in->len};
    struct omk_customer was = {0}, is = {0};
    const char *name =
        lower(p, (struct slice){e->name, strlen(e->name)});
    const struct omk_mailbox *m;
    struct omk_err why = {0};
    int rc = check_name(name, &why);

    if (rc) {
        return omk_fail(err, rc, where, "%s", why.text);
    }
    rc = check_words(e, where, err);
    if (rc == OMK_OK) {
        rc = omk_mail_parse(p, where, text.data, text.len, &was, err);
    }
    if (rc) {
        return rc;
    }
    m = find(&was, name);
    if (m && e->verb == OMK_MAIL_ADD) {
        return omk_fail(err, OMK_EDENIED, where,
                        "mailbox %s is there already, in line %u", name,
                        m->line);
    }
    if (!m && e->verb != OMK_MAIL_ADD) {
        return omk_fail(err, OMK_ENOENT, where, "there is no mailbox %s", name);
    }
    text = edited(p, text, m, name, e);
    rc = omk_mail_parse(p, where, text.data, text.len, &is, err);
    if (rc) {
        return rc;
    }
    if (!others_stay(&was, &is, name, e->verb)) {
        return omk_fail(err, OMK_EINVAL, where,
                        "cannot be edited by program; edit it by hand");
    }
    *out = text;
    return OMK_OK;
}

/* --- the file ------------------------------------------------------------- */

static apr_status_t free_data(void *data)
{
    free(data);
    return APR_SUCCESS;
}

/* An absent file is an empty one. */
static int read_file(apr_pool_t *p, const char *path, struct omk_bytes *out,
                     mode_t *mode, struct omk_err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK
                            | O_NOCTTY);
    char *data;
    int rc;

    if (fd < 0) {
        return errno == ENOENT ? OMK_OK
               : errno == ELOOP
                   ? omk_fail(err, OMK_EDENIED, path,
                              "a symbolic link; expected a regular file")
                   : omk_fail(err, OMK_EIO, path, "open: %s", strerror(errno));
    }
    rc = omk_conf_check_file(fd, path, mode, err);
    if (rc == OMK_OK) {
        rc = omk_file_read_fd(fd, path, OMK_CONF_MAX, &data, &out->len, err);
    }
    (void)close(fd);
    if (rc == OMK_OK) {
        apr_pool_cleanup_register(p, data, free_data, apr_pool_cleanup_null);
        out->data = data;
    }
    return rc;
}

/* A descriptor of path's directory, locked against other writers. */
static int lock_directory(apr_pool_t *p, const char *path, int *out,
                          struct omk_err *err)
{
    const char *slash = strrchr(path, '/');
    const char *dir =
        !slash          ? "."
        : slash == path ? "/"
                        : apr_pstrmemdup(p, path, (apr_size_t)(slash - path));
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd < 0 ? -1 : flock(fd, LOCK_EX);

    while (fd >= 0 && rc != 0 && errno == EINTR) {
        rc = flock(fd, LOCK_EX);
    }
    if (rc != 0) {
        rc = omk_fail(err, errno == ENOENT ? OMK_ENOENT : OMK_EIO, dir,
                      "cannot be locked: %s", strerror(errno));
        if (fd >= 0) {
            (void)close(fd);
        }
        return rc;
    }
    *out = fd;
    return OMK_OK;
}

int omk_mail_edit_file(apr_pool_t *p, const char *path,
                       const struct omk_mail_edit *e, struct omk_err *err)
{
    struct omk_bytes text = {0};
    mode_t mode = 0600;
    int lock = -1, rc = lock_directory(p, path, &lock, err);

    if (rc) {
        return rc;
    }
    rc = read_file(p, path, &text, &mode, err);
    if (rc == OMK_OK) {
        rc = omk_mail_edit(p, path, &text, e, &text, err);
    }
    if (rc == OMK_OK) {
        rc = omk_file_write(path, text.data, text.len, mode, err);
    }
    (void)close(lock); /* and with it the lock */
    return rc;
}
