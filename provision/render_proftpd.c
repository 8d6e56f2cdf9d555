/* ProFTPD: one file, from conf.d/proftpd/proftpd.conf. Customers are not in it:
 * ftp_users.c keeps the logins, which are read at each login, so that adding a
 * customer or setting a password reloads nothing. */
#include "render.h"

#include "err.h"
#include "ftp_users.h"
#include "node.h"

#include <apr_strings.h>
#include <string.h>

#define WRITTEN "# Written by `omakase apply`; a change made here is lost.\n"

#define OURS "FtpAccessEngine on\n    FtpAccessLanguage both"

/* Connections of one address, and in all, beyond the sessions: who has too many
 * sessions is told so, and a crowd that never logs in keeps nobody out. */
#define MORE_OF_ADDRESS ((uint64_t)5)
#define MORE ((uint64_t)20)

/* ADDRESS:PORT, *:PORT or PORT. */
static bool is_any(const char *listen)
{
    return !strchr(listen, ':') || !strncmp(listen, "0.0.0.0:", 8)
           || !strncmp(listen, "*:", 2);
}

static const char *port_of(const char *listen)
{
    const char *colon = strrchr(listen, ':');

    return colon ? colon + 1 : listen;
}

static const char *address_of(apr_pool_t *p, const char *listen)
{
    return is_any(listen)
               ? "0.0.0.0"
               : apr_pstrndup(p, listen,
                              (apr_size_t)(strrchr(listen, ':') - listen));
}

static bool any_of(const char *const *listen)
{
    for (; *listen; listen++) {
        if (is_any(*listen)) {
            return true;
        }
    }
    return false;
}

const char *omk_ftp_probe_at(apr_pool_t *p, const struct omk_node *n)
{
    const char *first = n->ftp_listen[0];

    return !strncmp(first, "127.", 4)
               ? first
               : apr_pstrcat(p, "127.0.0.1:", port_of(first), NULL);
}

/* What a server says at its door. The fingerprint is nobody's business but
 * this machine's own. */
static const char *banner(apr_pool_t *p, const struct omk_node *n,
                          const char *listen, const char *fingerprint)
{
    return !strcmp(listen, omk_ftp_probe_at(p, n))
               ? apr_pstrcat(p, "FTP of ", n->host, ", configuration ",
                             fingerprint, NULL)
               : apr_pstrcat(p, "FTP of ", n->host, NULL);
}

static const char *server(apr_pool_t *p, const struct omk_node *n,
                          const char *listen, const char *fingerprint)
{
    return apr_psprintf(p,
                        "<VirtualHost %s>\n    Port %s\n"
                        "    ServerIdent on \"%s\"\n</VirtualHost>\n",
                        address_of(p, listen), port_of(listen),
                        banner(p, n, listen, fingerprint));
}

/* The other addresses, and the one of the probe where none of them is it. */
static const char *more_servers(apr_pool_t *p, const struct omk_node *n,
                                const char *fingerprint)
{
    const char *probe = omk_ftp_probe_at(p, n), *text = "";
    bool seen = !strcmp(n->ftp_listen[0], probe);

    for (const char *const *l = n->ftp_listen + 1; *l; l++) {
        seen = seen || !strcmp(*l, probe);
        text = apr_pstrcat(p, text, server(p, n, *l, fingerprint), NULL);
    }
    return seen ? text
                : apr_pstrcat(p, text, server(p, n, probe, fingerprint), NULL);
}

static const char *module(apr_pool_t *p, const char *dir, const char *file)
{
    return apr_pstrcat(p, "<IfModule !mod_", file, ".c>\n    ModulePath ", dir,
                       "\n    LoadModule mod_", file, ".c\n</IfModule>\n", NULL);
}

static const char *ours(apr_pool_t *p, const struct omk_node *n)
{
    const char *path = n->proftpd_ftpaccess;

    return module(
        p, apr_pstrndup(p, path, (apr_size_t)(strrchr(path, '/') - path)),
        "ftpaccess");
}

static const char *modules(apr_pool_t *p, const struct omk_node *n)
{
    return apr_pstrcat(
        p, *n->tls_certificate ? module(p, n->proftpd_modules, "tls") : "",
        omk_ftp_has_ours(n) ? ours(p, n) : "", NULL);
}

static const char *number(apr_pool_t *p, uint64_t n)
{
    return apr_psprintf(p, "%" APR_UINT64_T_FMT, n);
}

/* profile = strict: no password without TLS. */
static const char *tls(apr_pool_t *p, const struct omk_node *n)
{
    if (!*n->tls_certificate) {
        return "";
    }
    return apr_psprintf(p,
                        "TLSEngine on\n"
                        "    TLSProtocol TLSv1.2 TLSv1.3\n"
                        "    TLSRSACertificateFile \"%s\"\n"
                        "    TLSRSACertificateKeyFile \"%s\"\n"
                        "    TLSRequired %s\n"
                        "    TLSLog \"%s/proftpd-tls.log\"\n"
                        "    TLSOptions NoSessionReuseRequired",
                        n->tls_certificate, n->tls_key,
                        n->profile == OMK_PROFILE_STRICT ? "on" : "off",
                        n->log_dir);
}

static const char *or_nothing(apr_pool_t *p, const char *directive,
                              const char *value)
{
    return *value ? apr_pstrcat(p, directive, " ", value, NULL) : "";
}

/* The operator's own lines, of this generation. */
static const char *includes(apr_pool_t *p, const struct omk_model *m,
                            const char *dir)
{
    const char *lines = "";

    for (size_t i = 0; i < m->inputs->count; i++) {
        const char *path = m->inputs->list[i].path;

        if (!strncmp(path, "source/proftpd.d/", 17)) {
            lines = apr_pstrcat(p, lines, "Include ", dir, "/", path, "\n",
                                NULL);
        }
    }
    return lines;
}

static int files(struct omk_files *f, const struct omk_model *m,
                 struct omk_err *err)
{
    (void)f;
    (void)m;
    (void)err;
    return OMK_OK;
}

static int entry_text(apr_pool_t *p, const struct omk_model *m, const char *dir,
                      const char *fingerprint, const char **out,
                      struct omk_err *err)
{
    const struct omk_node *n = m->node;
    const char *first = n->ftp_listen[0];
    const char *text;
    int rc;

    if (!*n->proftpd || !first) {
        *out = "# no FTP on this node\n";
        return OMK_OK;
    }
    rc = omk_model_input(m, "source/conf.d/proftpd/proftpd.conf", &text, err);
    if (rc) {
        return rc;
    }
    const char *names[] = {
        "LISTEN",      address_of(p, first),
        "PORT",        port_of(first),
        "TIGHT",       any_of(n->ftp_listen) ? "off" : "on",
        "DEFAULT",     any_of(n->ftp_listen) ? "DefaultServer on" : "",
        "BANNER",      banner(p, n, first, fingerprint),
        "MORE",        more_servers(p, n, fingerprint),
        "MODULES",     modules(p, n),
        "TLS",         tls(p, n),
        "OURS",        omk_ftp_has_ours(n) ? OURS : "",
        "PASSIVE",     n->ftp_passive,
        "MASQUERADE",  or_nothing(p, "MasqueradeAddress", n->ftp_masquerade),
        "CLIENTS",     number(p, n->ftp_clients),
        "PER_ADDRESS", number(p, n->ftp_clients_per_address),
        "INSTANCES",   number(p, n->ftp_clients + MORE),
        "CONNECTIONS", number(p, n->ftp_clients_per_address + MORE_OF_ADDRESS),
        "SRV",         n->srv_dir,
        "USERS",       omk_ftp_users_path(p, n),
        "GROUPS",      omk_ftp_groups_path(p, n),
        "RUN",         n->run_dir,
        "LOG",         n->log_dir,
        "INCLUDES",    includes(p, m, dir),
        NULL,
    };

    return omk_template(p, "conf.d/proftpd/proftpd.conf",
                        apr_pstrcat(p, WRITTEN, text, NULL), names, out, err);
}

static bool reads(const char *path)
{
    return !strcmp(path, "proftpd/proftpd.conf")
           || !strncmp(path, "source/proftpd.d/", 17);
}

const struct omk_renderer omk_render_proftpd = {
    .daemon = "proftpd",
    .entry = "proftpd/proftpd.conf",
    .files = files,
    .entry_text = entry_text,
    .reads = reads,
};
