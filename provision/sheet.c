#include "sheet.h"

#include "conf.h"
#include "customer.h"
#include "err.h"
#include "names.h"
#include "node.h"

#include <apr_hash.h>
#include <apr_strings.h>
#include <apr_tables.h>
#include <arpa/inet.h>
#include <idn2.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

/* Of the manual; what Postfix is given too. */
#define MESSAGE_MAX ((uint64_t)20 << 20)

struct row {
    const char *label; /* NULL: a paragraph below the section's rows */
    const char *value; /* lines */
    bool code;         /* to be typed or copied as it is */
};

struct section {
    const char *key;
    const char *title;
    apr_array_header_t *rows; /* struct row */
};

struct sheet {
    apr_pool_t *p;
    const struct omk_node *n;
    const struct omk_customer *c;
    const struct omk_sheet_options *o;
    unsigned has;                 /* what the customer has: HAS_... */
    apr_hash_t *texts;            /* key -> words with @places@ */
    apr_hash_t *places;           /* place -> what is there */
    apr_array_header_t *sections; /* struct section */
};

/* --- the words ------------------------------------------------------------ */

static bool is_key_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

/* One line of texts: KEY = WORDS, a comment or nothing. */
static int text_line(apr_pool_t *p, char *line, apr_hash_t *into,
                     const apr_hash_t *known, struct omk_err *err)
{
    char *equals = strstr(line, " =");
    char shown[64];
    const char *old, *words;

    line[strcspn(line, "\r")] = '\0';
    if (!*line || *line == '#') {
        return OMK_OK;
    }
    if (!equals || (equals[2] && equals[2] != ' ')
        || strspn(line, "abcdefghijklmnopqrstuvwxyz0123456789-")
               != (size_t)(equals - line)) {
        return omk_fail(err, OMK_EINVAL, "",
                        "'%s'; expected KEY = WORDS or a comment (#)",
                        omk_printable(line, strlen(line), shown));
    }
    *equals = '\0';
    if (known && !apr_hash_get((apr_hash_t *)(uintptr_t)known, line,
                               APR_HASH_KEY_STRING)) {
        return omk_fail(err, OMK_EINVAL, "",
                        "'%s' is no text of the sheet's; en.texts has them all",
                        line);
    }
    words = equals + 2 + strspn(equals + 2, " ");
    old = apr_hash_get(into, line, APR_HASH_KEY_STRING);
    apr_hash_set(into, line, APR_HASH_KEY_STRING,
                 old ? apr_pstrcat(p, old, "\n", words, NULL) : words);
    return OMK_OK;
}

/* The texts of one file over those in s->texts; where there is no such file,
 * *found stays as it is. */
static int read_texts(struct sheet *s, const char *dir, const char *lang,
                      bool *found, struct omk_err *err)
{
    const char *path =
        apr_pstrcat(s->p, dir, "/sheet/", lang, ".texts", NULL);
    apr_hash_t *known = apr_hash_count(s->texts) ? s->texts : NULL;
    apr_hash_t *texts = apr_hash_make(s->p);
    const char *data, *end;
    unsigned number = 1;
    size_t len;
    int rc = omk_conf_file(s->p, path, &data, &len, err);

    if (rc) {
        return rc == OMK_ENOENT ? OMK_OK : rc;
    }
    end = data + len;
    for (const char *eol; data < end; data = eol + 1, number++) {
        struct omk_err why = {0};

        eol = memchr(data, '\n', (size_t)(end - data));
        eol = eol ? eol : end;
        rc = text_line(s->p, apr_pstrmemdup(s->p, data, (size_t)(eol - data)),
                       texts, known, &why);
        if (rc) {
            char where[sizeof why.where];

            omk_conf_where(where, sizeof where, path, number);
            return omk_fail(err, rc, where, "%s", why.text);
        }
    }
    s->texts = apr_hash_overlay(s->p, texts, s->texts);
    *found = true;
    return OMK_OK;
}

static int load_texts(struct sheet *s, struct omk_err *err)
{
    const char *lang = s->o->lang;
    bool english = false, found = false;
    char shown[64];
    int rc;

    if (strspn(lang, "abcdefghijklmnopqrstuvwxyz-") != strlen(lang)
        || strlen(lang) < 2 || strlen(lang) > 8) {
        return omk_fail(err, OMK_ENOENT, "--lang",
                        "'%s' is no language; expected one as ja or en",
                        omk_printable(lang, strlen(lang), shown));
    }
    rc = read_texts(s, s->n->share, "en", &english, err);
    if (rc == OMK_OK && !english) {
        rc = omk_fail(err, OMK_ENOENT,
                      apr_pstrcat(s->p, s->n->share, "/sheet/en.texts", NULL),
                      "not there; the package has it");
    }
    if (rc == OMK_OK && strcmp(lang, "en") != 0) {
        rc = read_texts(s, s->n->share, lang, &found, err);
    }
    if (rc == OMK_OK) {
        rc = read_texts(s, s->n->etc_dir, lang, &found, err);
    }
    if (rc == OMK_OK && !found && strcmp(lang, "en") != 0) {
        return omk_fail(err, OMK_ENOENT, "--lang",
                        "there are no texts in '%s'; expected %s/sheet/%s.texts",
                        lang, s->n->etc_dir, lang);
    }
    return rc;
}

/* words with what is at its @places@. */
static int expand(struct sheet *s, const char *key, const char *words,
                  apr_hash_t *places, const char **out, struct omk_err *err)
{
    apr_array_header_t *parts = apr_array_make(s->p, 8, sizeof(char *));

    while (*words) {
        const char *at = strchr(words, '@');
        const char *end = at ? at + 1 : NULL;
        const char *place;

        while (end && is_key_char(*end)) {
            end++;
        }
        if (!at) {
            APR_ARRAY_PUSH(parts, const char *) = words;
            break;
        }
        if (*end != '@' || end == at + 1) { /* as in an address */
            APR_ARRAY_PUSH(parts, const char *) =
                apr_pstrmemdup(s->p, words, (size_t)(end - words));
            words = end;
            continue;
        }
        place = apr_hash_get(places, at + 1, end - at - 1);
        if (!place) {
            return omk_fail(err, OMK_EINVAL, key, "there is no place '%.*s'",
                            (int)(end + 1 - at), at);
        }
        APR_ARRAY_PUSH(parts, const char *) =
            apr_pstrmemdup(s->p, words, (size_t)(at - words));
        APR_ARRAY_PUSH(parts, const char *) = place;
        words = end + 1;
    }
    *out = apr_array_pstrcat(s->p, parts, 0);
    return OMK_OK;
}

static const char *words_of(const struct sheet *s, const char *key)
{
    const char *words = apr_hash_get(s->texts, key, APR_HASH_KEY_STRING);

    return words ? words : "";
}

static void put(apr_array_header_t *out, const char *piece)
{
    APR_ARRAY_PUSH(out, const char *) = piece;
}

/* Text as HTML's text or an attribute's; its lines as lines. */
static const char *html(const struct sheet *s, const char *text)
{
    apr_array_header_t *out = apr_array_make(s->p, 8, sizeof(char *));

    while (*text) {
        size_t plain = strcspn(text, "&<>\"'\n");
        const char *piece = "";

        put(out, apr_pstrmemdup(s->p, text, plain));
        text += plain;
        switch (*text) {
        case '&': piece = "&amp;"; break;
        case '<': piece = "&lt;"; break;
        case '>': piece = "&gt;"; break;
        case '"': piece = "&quot;"; break;
        case '\'': piece = "&#39;"; break;
        case '\n': piece = "<br>"; break;
        default: break;
        }
        put(out, piece);
        text += *text != '\0';
    }
    return apr_array_pstrcat(s->p, out, 0);
}

/* --- what is at the places ------------------------------------------------ */

static void place(struct sheet *s, const char *name, const char *what)
{
    apr_hash_set(s->places, name, APR_HASH_KEY_STRING, what);
}

static const char *size_words(const struct sheet *s, uint64_t size)
{
    const char *short_form = omk_size_print(s->p, size);
    size_t n = strlen(short_form);

    if (!size) {
        return words_of(s, "unlimited");
    }
    return short_form[n - 1] <= '9'
               ? apr_pstrcat(s->p, short_form, " B", NULL)
               : apr_psprintf(s->p, "%.*s %cB", (int)n - 1, short_form,
                              short_form[n - 1]);
}

/* ":PORT" of httpd, nothing where it is on 80 too. */
static const char *port_words(const struct sheet *s)
{
    const char *first = NULL;

    for (const char *const *l = s->n->listen; l && *l; l++) {
        const char *colon = strrchr(*l, ':');

        if (colon && !strcmp(colon, ":80")) {
            return "";
        }
        first = first ? first : colon;
    }
    return first ? first : "";
}

static const char *domain_lines(const struct sheet *s, const char *before,
                                const char *after)
{
    const char *lines = "";

    for (size_t i = 0; i < s->c->domain_count; i++) {
        const struct omk_domain *d = &s->c->domains[i];

        for (size_t k = 0; k <= d->alias_count; k++) {
            lines = apr_pstrcat(s->p, lines, *lines ? "\n" : "", before,
                                k ? d->aliases[k - 1] : d->name, after, NULL);
        }
    }
    return lines;
}

/* http://www.DOMAIN/, with the directory where it is not /web. */
static const char *url_lines(const struct sheet *s)
{
    const char *lines = "";

    for (size_t i = 0; i < s->c->domain_count; i++) {
        const struct omk_domain *d = &s->c->domains[i];
        bool told = strcmp(d->docroot, "web") != 0;

        for (size_t k = 0; k <= d->alias_count; k++) {
            lines = apr_pstrcat(s->p, lines, *lines ? "\n" : "", "http://www.",
                                k ? d->aliases[k - 1] : d->name, port_words(s),
                                "/", told ? "  (/" : "", told ? d->docroot : "",
                                told ? ")" : "", NULL);
        }
    }
    return lines;
}

static const char *phpmyadmin_lines(const struct sheet *s)
{
    const char *path = apr_pstrcat(s->p, port_words(s), "/phpMyAdmin/", NULL);
    const char *lines = domain_lines(s, "http://www.", path);
    const char *a = s->o->address;

    lines = apr_pstrcat(s->p, lines, "\nhttp://", s->n->host, path, NULL);
    return a ? apr_pstrcat(s->p, lines, "\nhttp://",
                           strchr(a, ':') ? "[" : "", a,
                           strchr(a, ':') ? "]" : "", path, NULL)
             : lines;
}

static const char *database_lines(const struct sheet *s)
{
    const char *lines = "";
    char name[OMK_DB_NAME_MAX + 1];

    for (unsigned i = 1; i <= s->c->databases; i++) {
        omk_db_name(s->c->login, i, name);
        lines = apr_pstrcat(s->p, lines, *lines ? ", " : "", name, NULL);
    }
    return lines;
}

static const char *extension_words(const struct sheet *s)
{
    const char *all = apr_pstrcat(s->p, s->c->cgi ? ", .cgi .pl (CGI)" : "",
                                  s->c->php ? ", .php (PHP)" : "",
                                  s->c->ssi ? ", .shtml (SSI)" : "", NULL);

    return *all ? all + 2 : words_of(s, "none");
}

/* As the manual has it: `|` between the words, and a size for the layout. */
static const char *tag(const struct sheet *s, const char *query, int width,
                       int height, const char *alt)
{
    return apr_psprintf(s->p,
                        "<img src=\"http://www.%s%s/cgi-bin/Count.cgi?%s\" "
                        "width=\"%d\" height=\"%d\" alt=\"%s\">",
                        s->c->domains[0].name, port_words(s), query, width,
                        height, html(s, words_of(s, alt)));
}

static const char *unicode_domain(const struct sheet *s)
{
    const char *name = s->c->domains[0].name;
    const char *shown = name;
    char *unicode = NULL;

    if (idn2_to_unicode_8z8z(name, &unicode, 0) == IDN2_OK) {
        shown = apr_pstrdup(s->p, unicode);
    }
    idn2_free(unicode);
    return shown;
}

static void fill_places(struct sheet *s)
{
    const struct omk_sheet_options *o = s->o;
    const char *domain = s->c->domains[0].name;
    char user[OMK_DB_NAME_MAX + 1];

    omk_db_user(s->c->login, user);
    place(s, "login", s->c->login);
    place(s, "user", apr_pstrdup(s->p, user));
    place(s, "password", o->password ? o->password : "");
    place(s, "domain", domain);
    place(s, "domain-shown", unicode_domain(s));
    place(s, "date", o->date ? o->date : "");
    place(s, "host", s->n->host);
    place(s, "port", port_words(s));
    place(s, "urls", url_lines(s));
    place(s, "extensions", extension_words(s));
    place(s, "web-quota", size_words(s, s->c->web_quota));
    place(s, "mail-quota", size_words(s, s->c->mail_quota));
    place(s, "message-size", size_words(s, MESSAGE_MAX));
    place(s, "databases", database_lines(s));
    place(s, "socket", s->n->mysql_socket ? s->n->mysql_socket : "");
    place(s, "phpmyadmin", phpmyadmin_lines(s));
    place(s, "ftp-port", apr_psprintf(s->p, "%u", o->ftp));
    place(s, "pop3-port", apr_psprintf(s->p, "%u", o->pop3));
    place(s, "smtp-ports",
          o->smtp && o->submission
              ? apr_psprintf(s->p, "%u, %u", o->submission, o->smtp)
              : apr_psprintf(s->p, "%u", o->smtp + o->submission));
    place(s, "counter-tag",
          tag(s, apr_psprintf(s->p, "df=www.%s|md=7|dd=A|st=1", domain), 105, 20,
              "alt-counter"));
    place(s, "clock-tag", tag(s, "display=clock|dd=A", 84, 20, "alt-clock"));
    place(s, "date-tag", tag(s, "display=date|dd=A", 142, 20, "alt-date"));
}

/* --- the sections --------------------------------------------------------- */

enum {
    HAS_FTP = 1,
    HAS_DB = 2,
    HAS_PHPMYADMIN = 4,
    HAS_POP3 = 8,
    HAS_SMTP = 16,
    HAS_COUNTER = 32,
    HAS_SCRIPTS = 64,  /* CGI or PHP */
    HAS_PASSWORD = 128, /* to be told here */
    HAS_STRICT = 256,
    HAS_WHOLE = 512, /* it is the customer's sheet, not a mailbox's */
    HAS_BOX = 1024,  /* it is a mailbox's */
    HAS_SOCKET = 2048, /* not where programs look for it by themselves */
    HAS_BOXES = 4096
};

/* A line of the sheet; a section's is followed by its rows. */
struct line {
    enum { SECTION, TEXT, CODE, NOTE, BOXES } kind;
    unsigned needs, lacks; /* HAS_...: all of these, none of those */
    const char *key;       /* of its title, label or words; else itself */
    const char *value;     /* NULL: the words of KEY-words */
};

static const struct line layout[] = {
    {SECTION, HAS_WHOLE, 0, "account", NULL},
    {CODE, HAS_WHOLE, 0, "login", "@login@"},
    {CODE, HAS_WHOLE | HAS_PASSWORD, 0, "password", "@password@"},
    {TEXT, HAS_WHOLE, HAS_PASSWORD, "password", NULL},
    {TEXT, HAS_WHOLE | HAS_FTP | HAS_DB, 0, "password-change", NULL},

    {SECTION, HAS_WHOLE, 0, "web", NULL},
    {CODE, HAS_WHOLE, 0, "url", "@urls@"},
    {CODE, HAS_WHOLE, 0, "publish", "/web"},
    {TEXT, HAS_WHOLE, 0, "index", "index.html, index.htm, index.shtml, "
                                  "home.html, home.shtml, default.html"},
    {TEXT, HAS_WHOLE, 0, "extensions", "@extensions@"},
    {TEXT, HAS_WHOLE, 0, "modes", NULL},
    {TEXT, HAS_WHOLE, 0, "web-quota", "@web-quota@"},

    {SECTION, HAS_WHOLE | HAS_FTP, 0, "ftp", NULL},
    {CODE, HAS_WHOLE | HAS_FTP, 0, "ftp-host", "www.@domain@"},
    {CODE, HAS_WHOLE | HAS_FTP, 0, "port", "@ftp-port@"},
    {CODE, HAS_WHOLE | HAS_FTP, 0, "ftp-login", "@login@"},
    {TEXT, HAS_WHOLE | HAS_FTP, 0, "ftp-password", NULL},
    {CODE, HAS_WHOLE | HAS_FTP, 0, "initial", "../../web"},
    {CODE, HAS_WHOLE | HAS_FTP, 0, "upload-to", "/web"},

    {SECTION, HAS_WHOLE, 0, "directories", NULL},
    {TEXT, HAS_WHOLE, 0, "/web", "dir-web"},
    {TEXT, HAS_WHOLE, 0, "/log/web.log", "dir-log"},
    {TEXT, HAS_WHOLE, 0, "/log/web.log.1.gz - 4.gz", "dir-old"},
    {TEXT, HAS_WHOLE | HAS_FTP, 0, "/home/@login@", "dir-home"},
    {TEXT, HAS_WHOLE, 0, "/tmp", "dir-tmp"},

    {SECTION, HAS_WHOLE | HAS_DB, 0, "mysql", NULL},
    {CODE, HAS_WHOLE | HAS_DB, 0, "databases", "@databases@"},
    {CODE, HAS_WHOLE | HAS_DB, 0, "db-host", "localhost"},
    {CODE, HAS_WHOLE | HAS_DB | HAS_SOCKET, 0, "db-socket", "@socket@"},
    {CODE, HAS_WHOLE | HAS_DB, 0, "db-user", "@user@"},
    {TEXT, HAS_WHOLE | HAS_DB, 0, "db-password", NULL},
    {TEXT, HAS_WHOLE | HAS_DB, 0, "db-charset", "utf8mb4"},

    {SECTION, HAS_WHOLE | HAS_PHPMYADMIN, 0, "phpmyadmin", NULL},
    {CODE, HAS_WHOLE | HAS_PHPMYADMIN, 0, "pma-url", "@phpmyadmin@"},
    {CODE, HAS_WHOLE | HAS_PHPMYADMIN, 0, "pma-login", "@user@"},
    {TEXT, HAS_WHOLE | HAS_PHPMYADMIN, 0, "pma-password", NULL},

    {SECTION, HAS_BOX, 0, "mail-account", NULL},
    {BOXES, HAS_BOX, 0, NULL, NULL},
    {CODE, HAS_BOX | HAS_PASSWORD, 0, "mail-password", "@password@"},
    {TEXT, HAS_BOX, HAS_PASSWORD, "mail-password", NULL},

    {SECTION, HAS_POP3, 0, "mail-in", NULL},
    {CODE, HAS_POP3, 0, "pop3-host", "pop3.@domain@"},
    {TEXT, HAS_POP3, 0, "mail-kind", "POP3"},
    {CODE, HAS_POP3, 0, "port", "@pop3-port@"},
    {TEXT, HAS_POP3, 0, "mail-login", NULL},
    {TEXT, HAS_POP3, HAS_STRICT, "mail-auth", NULL},
    {TEXT, HAS_POP3 | HAS_STRICT, 0, "mail-auth", "mail-auth-strict"},
    {TEXT, HAS_POP3, 0, "message", "@message-size@"},

    {SECTION, HAS_SMTP, 0, "mail-out", NULL},
    {CODE, HAS_SMTP, 0, "smtp-host", "smtp.@domain@"},
    {CODE, HAS_SMTP, 0, "port", "@smtp-ports@"},
    {TEXT, HAS_SMTP, HAS_STRICT, "smtp-auth", NULL},
    {TEXT, HAS_SMTP | HAS_STRICT, 0, "smtp-auth", "smtp-auth-strict"},
    {TEXT, HAS_SMTP, 0, "smtp-login", NULL},
    {TEXT, HAS_SMTP, 0, "message", "@message-size@"},

    {SECTION, HAS_WHOLE | HAS_BOXES, 0, "mailboxes", NULL},
    {BOXES, HAS_WHOLE | HAS_BOXES, 0, NULL, NULL},
    {NOTE, HAS_WHOLE | HAS_BOXES, 0, "mailboxes-note", NULL},

    {SECTION, HAS_WHOLE, 0, "errors", NULL},
    {TEXT, HAS_WHOLE, 0, "e403", NULL},
    {TEXT, HAS_WHOLE, 0, "e404", NULL},
    {TEXT, HAS_WHOLE | HAS_SCRIPTS, 0, "e500", NULL},

    {SECTION, HAS_WHOLE | HAS_SCRIPTS, 0, "commands", NULL},
    {CODE, HAS_WHOLE | HAS_SCRIPTS, 0, "Perl", "/usr/bin/perl"},
    {CODE, HAS_WHOLE | HAS_SCRIPTS, 0, "Sendmail", "/usr/sbin/sendmail"},
    {CODE, HAS_WHOLE | HAS_SCRIPTS, 0, "PHP", "/usr/bin/php"},
    {CODE, HAS_WHOLE | HAS_SCRIPTS, 0, "NKF", "/usr/bin/nkf"},
    {CODE, HAS_WHOLE | HAS_SCRIPTS, 0, "htpasswd", "/usr/bin/htpasswd"},
    {CODE, HAS_WHOLE | HAS_SCRIPTS, 0, "uuencode", "/usr/bin/uuencode"},
    {CODE, HAS_WHOLE | HAS_SCRIPTS, 0, "uudecode", "/usr/bin/uudecode"},

    {SECTION, HAS_WHOLE | HAS_COUNTER, 0, "counter", NULL},
    {CODE, HAS_WHOLE | HAS_COUNTER, 0, "counter-tag", "@counter-tag@"},
    {CODE, HAS_WHOLE | HAS_COUNTER, 0, "clock-tag", "@clock-tag@"},
    {CODE, HAS_WHOLE | HAS_COUNTER, 0, "date-tag", "@date-tag@"},
    {TEXT, HAS_WHOLE | HAS_COUNTER, 0, "counter-options", NULL},
    {TEXT, HAS_WHOLE | HAS_COUNTER, 0, "counter-sizes", NULL},
    {NOTE, HAS_WHOLE | HAS_COUNTER, 0, "counter-note", NULL},
};

static unsigned what_it_has(const struct sheet *s)
{
    const struct omk_sheet_options *o = s->o;
    const struct omk_customer *c = s->c;
    const char *socket = s->n->mysql_socket;

    return (o->mailbox ? HAS_BOX : HAS_WHOLE) | (o->password ? HAS_PASSWORD : 0)
           | (o->ftp ? HAS_FTP : 0) | (c->databases ? HAS_DB : 0)
           | (c->databases && s->n->phpmyadmin && *s->n->phpmyadmin
                  ? HAS_PHPMYADMIN
                  : 0)
           | (o->pop3 ? HAS_POP3 : 0)
           | (o->smtp || o->submission ? HAS_SMTP : 0)
           | ((o->pop3 || o->smtp || o->submission) && c->mailbox_count
                  ? HAS_BOXES
                  : 0)
           | (c->counter ? HAS_COUNTER : 0)
           | (c->cgi || c->php ? HAS_SCRIPTS : 0)
           | (s->n->profile == OMK_PROFILE_STRICT ? HAS_STRICT : 0)
           | (socket && strcmp(socket, "/run/mysqld/mysqld.sock") != 0
                  ? HAS_SOCKET
                  : 0);
}

static void add_row(struct sheet *s, const char *label, const char *value,
                    bool code)
{
    struct section *last = &APR_ARRAY_IDX(s->sections, s->sections->nelts - 1,
                                          struct section);

    APR_ARRAY_PUSH(last->rows, struct row) = (struct row){label, value, code};
}

/* "a@b.jp, c@d.jp": a blank is where a line may break. */
static const char *with_blanks(const struct sheet *s, const char *list)
{
    const char *out = "";
    const char *comma;

    for (; (comma = strchr(list, ',')) != NULL; list = comma + 1) {
        out = apr_psprintf(s->p, "%s%.*s, ", out, (int)(comma - list), list);
    }
    return apr_pstrcat(s->p, out, list, NULL);
}

static void add_boxes(struct sheet *s)
{
    for (size_t i = 0; i < s->c->mailbox_count; i++) {
        const struct omk_mailbox *m = &s->c->mailboxes[i];
        const char *value = size_words(s, m->quota);

        if (s->o->mailbox && strcasecmp(s->o->mailbox, m->name) != 0) {
            continue;
        }
        if (m->forward) {
            value = apr_pstrcat(s->p, m->keep ? value : "", m->keep ? ", " : "",
                                words_of(s, "forward"), " ",
                                with_blanks(s, m->forward), NULL);
        }
        add_row(s, apr_pstrcat(s->p, m->name, "@", s->c->domains[0].name, NULL),
                value, false);
    }
}

/* What stands for a label: a path or a program's own name for itself. */
static const char *label_words(const struct sheet *s, const char *key)
{
    const char *words = apr_hash_get(s->texts, key, APR_HASH_KEY_STRING);

    return words ? words : key;
}

static int add_line(struct sheet *s, const struct line *l, struct omk_err *err)
{
    const char *value = l->value;
    const char *label, *expanded;
    int rc;

    if (l->kind == BOXES) {
        add_boxes(s);
        return OMK_OK;
    }
    rc = expand(s, l->key, label_words(s, l->key), s->places, &label, err);
    if (rc) {
        return rc;
    }
    if (l->kind == SECTION) {
        APR_ARRAY_PUSH(s->sections, struct section) = (struct section){
            l->key, label, apr_array_make(s->p, 8, sizeof(struct row))};
        return OMK_OK;
    }
    if (l->kind == NOTE) {
        add_row(s, NULL, label, false);
        return OMK_OK;
    }
    if (!value) {
        value = words_of(s, apr_pstrcat(s->p, l->key, "-words", NULL));
    }
    else if (apr_hash_get(s->texts, value, APR_HASH_KEY_STRING)) {
        value = words_of(s, value);
    }
    rc = expand(s, l->key, value, s->places, &expanded, err);
    if (rc == OMK_OK) {
        add_row(s, label, expanded, l->kind == CODE);
    }
    return rc;
}

static int add_sections(struct sheet *s, struct omk_err *err)
{
    for (size_t i = 0; i < sizeof layout / sizeof *layout; i++) {
        const struct line *l = &layout[i];
        int rc = (s->has & l->needs) != l->needs || (s->has & l->lacks)
                     ? OMK_OK
                     : add_line(s, l, err);

        if (rc) {
            return rc;
        }
    }
    return OMK_OK;
}

/* --- as text -------------------------------------------------------------- */

/* Columns of a terminal: two for what is written in a square. */
static int columns(const char *utf8)
{
    int n = 0;

    for (const unsigned char *c = (const unsigned char *)utf8; *c; c++) {
        if ((*c & 0xc0) != 0x80) {
            n += *c >= 0xe3 && *c <= 0xef ? 2 : 1; /* U+3000 to U+FFFF */
        }
    }
    return n;
}

static const char *spaces(const struct sheet *s, int n)
{
    return apr_psprintf(s->p, "%*s", n > 0 ? n : 0, "");
}

/* Lines behind each other, later ones below the first. */
static void put_lines(const struct sheet *s, apr_array_header_t *out,
                      const char *lines, int indent)
{
    const char *eol;

    for (; (eol = strchr(lines, '\n')) != NULL; lines = eol + 1) {
        put(out, apr_pstrmemdup(s->p, lines, (size_t)(eol - lines)));
        put(out, "\n");
        put(out, spaces(s, indent));
    }
    put(out, lines);
    put(out, "\n");
}

enum { TEXT_LABEL = 30 };

static void text_row(const struct sheet *s, apr_array_header_t *out,
                     const struct row *r)
{
    int width = r->label ? columns(r->label) : 0;

    put(out, "  ");
    if (r->label) {
        put(out, r->label);
        if (width < TEXT_LABEL) {
            put(out, spaces(s, TEXT_LABEL - width));
        }
        else {
            put(out, "\n");
            put(out, spaces(s, TEXT_LABEL + 2));
        }
    }
    put_lines(s, out, r->value, r->label ? TEXT_LABEL + 2 : 2);
}

static int make_text(struct sheet *s, const char **out, struct omk_err *err)
{
    static const char *const head[] = {"title", "issued", "provider",
                                       "contact"};
    apr_array_header_t *all = apr_array_make(s->p, 256, sizeof(char *));

    for (size_t i = 0; i < sizeof head / sizeof *head; i++) {
        const char *line;
        int rc = expand(s, head[i], words_of(s, head[i]), s->places, &line,
                        err);

        if (rc) {
            return rc;
        }
        if (*line && (strcmp(head[i], "issued") != 0 || s->o->date)) {
            put_lines(s, all, line, 0);
        }
    }
    for (int i = 0; i < s->sections->nelts; i++) {
        const struct section *sec =
            &APR_ARRAY_IDX(s->sections, i, struct section);

        put(all, apr_pstrcat(s->p, "\n[", sec->title, "]\n", NULL));
        for (int k = 0; k < sec->rows->nelts; k++) {
            text_row(s, all, &APR_ARRAY_IDX(sec->rows, k, struct row));
        }
    }
    *out = apr_array_pstrcat(s->p, all, 0);
    return OMK_OK;
}

/* --- as a page ------------------------------------------------------------ */

static const char *html_section(const struct sheet *s,
                                const struct section *sec)
{
    apr_array_header_t *out = apr_array_make(s->p, 32, sizeof(char *));
    const char *notes = "";

    put(out, apr_pstrcat(s->p, "<section class=\"", sec->key, "\">\n<h2>",
                         html(s, sec->title), "</h2>\n<dl>\n", NULL));
    for (int i = 0; i < sec->rows->nelts; i++) {
        const struct row *r = &APR_ARRAY_IDX(sec->rows, i, struct row);
        const char *value = html(s, r->value);

        if (!r->label) {
            notes = apr_pstrcat(s->p, notes, "<p>", value, "</p>\n", NULL);
            continue;
        }
        put(out, apr_pstrcat(s->p, "<div><dt>", html(s, r->label), "</dt><dd>",
                             r->code ? "<code>" : "", value,
                             r->code ? "</code>" : "", "</dd></div>\n", NULL));
    }
    put(out, "</dl>\n");
    put(out, notes);
    put(out, "</section>\n");
    return apr_array_pstrcat(s->p, out, 0);
}

/* The operator's page, else the package's. */
static int read_page(struct sheet *s, const char **path, const char **page,
                     struct omk_err *err)
{
    size_t len;
    int rc;

    *path = apr_pstrcat(s->p, s->n->etc_dir, "/sheet/sheet.html", NULL);
    rc = omk_conf_file(s->p, *path, page, &len, err);
    if (rc == OMK_ENOENT) {
        *path = apr_pstrcat(s->p, s->n->share, "/sheet/sheet.html", NULL);
        rc = omk_conf_file(s->p, *path, page, &len, err);
    }
    return rc;
}

static int make_page(struct sheet *s, const char **out, struct omk_err *err)
{
    static const char *const own[] = {"title", "provider", "contact", "issued",
                                      "keep"};
    apr_hash_t *places = apr_hash_make(s->p);
    const char *page = "", *path, *sections = "";
    int rc = read_page(s, &path, &page, err);

    for (size_t i = 0; rc == OMK_OK && i < sizeof own / sizeof *own; i++) {
        const char *words = "";

        if (strcmp(own[i], "issued") != 0 || s->o->date) {
            rc = expand(s, own[i], words_of(s, own[i]), s->places, &words, err);
        }
        apr_hash_set(places, own[i], APR_HASH_KEY_STRING, html(s, words));
    }
    if (rc) {
        return rc;
    }
    for (int i = 0; i < s->sections->nelts; i++) {
        sections = apr_pstrcat(s->p, sections,
                               html_section(s, &APR_ARRAY_IDX(s->sections, i,
                                                              struct section)),
                               NULL);
    }
    apr_hash_set(places, "sections", APR_HASH_KEY_STRING, sections);
    apr_hash_set(places, "lang", APR_HASH_KEY_STRING, s->o->lang);
    apr_hash_set(places, "domain", APR_HASH_KEY_STRING,
                 html(s, apr_hash_get(s->places, "domain-shown",
                                      APR_HASH_KEY_STRING)));
    apr_hash_set(places, "login", APR_HASH_KEY_STRING, html(s, s->c->login));
    return expand(s, path, page, places, out, err);
}

/* --- all of it ------------------------------------------------------------ */

static bool has_control_char(const char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < ' ' || *text == 0x7f) {
            return true;
        }
    }
    return false;
}

static int check_options(const struct sheet *s, struct omk_err *err)
{
    const char *box = s->o->mailbox;

    if (s->o->password && has_control_char(s->o->password)) {
        return omk_fail(err, OMK_EINVAL, "password",
                        "a control character; expected one line of text");
    }
    for (size_t i = 0; box && i < s->c->mailbox_count; i++) {
        if (!strcasecmp(s->c->mailboxes[i].name, box)) {
            box = NULL;
        }
    }
    if (box || (s->o->mailbox && !s->o->pop3 && !s->o->smtp
                && !s->o->submission)) {
        return omk_fail(err, OMK_ENOENT, s->c->login,
                        box ? "there is no such mailbox"
                            : "there is no mail on this node");
    }
    return OMK_OK;
}

int omk_sheet_make(apr_pool_t *p, const struct omk_node *n,
                   const struct omk_customer *c,
                   const struct omk_sheet_options *o, const char **out,
                   struct omk_err *err)
{
    struct sheet s = {.p = p,
                      .n = n,
                      .c = c,
                      .o = o,
                      .texts = apr_hash_make(p),
                      .places = apr_hash_make(p),
                      .sections = apr_array_make(p, 16,
                                                 sizeof(struct section))};
    int rc = check_options(&s, err);

    if (rc == OMK_OK) {
        rc = load_texts(&s, err);
    }
    if (rc) {
        return rc;
    }
    s.has = what_it_has(&s);
    fill_places(&s);
    rc = add_sections(&s, err);
    if (rc) {
        return rc;
    }
    return o->html ? make_page(&s, out, err) : make_text(&s, out, err);
}

/* --- where the node is ---------------------------------------------------- */

static const char *first_of_machine(apr_pool_t *p)
{
    struct ifaddrs *all;
    const char *found = NULL;
    char text[INET_ADDRSTRLEN];

    if (getifaddrs(&all) != 0) {
        return NULL;
    }
    for (const struct ifaddrs *i = all; i && !found; i = i->ifa_next) {
        struct sockaddr_in in;

        if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET
            || (i->ifa_flags & IFF_LOOPBACK) || !(i->ifa_flags & IFF_UP)) {
            continue;
        }
        memcpy(&in, i->ifa_addr, sizeof in);
        if (inet_ntop(AF_INET, &in.sin_addr, text, sizeof text)) {
            found = apr_pstrdup(p, text);
        }
    }
    freeifaddrs(all);
    return found;
}

const char *omk_sheet_address(apr_pool_t *p, const struct omk_node *n)
{
    const char *first = n->listen && n->listen[0] ? n->listen[0] : "";
    const char *colon = strrchr(first, ':');
    size_t len = colon ? (size_t)(colon - first) : 0;
    const char *address;

    if (len > 2 && first[0] == '[') {
        address = apr_pstrmemdup(p, first + 1, len - 2);
    }
    else {
        address = apr_pstrmemdup(p, first, len);
    }
    return !*address || !strcmp(address, "0.0.0.0") || !strcmp(address, "::")
                   || !strcmp(address, "*")
               ? first_of_machine(p)
               : address;
}
