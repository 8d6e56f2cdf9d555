/* MariaDB: my.cnf from conf.d/mariadb, for a server of this node's own. */
#include "render.h"

#include "err.h"
#include "node.h"

#include <apr_strings.h>
#include <string.h>

static int files(struct omk_files *f, const struct omk_model *m,
                 struct omk_err *err)
{
    (void)f;
    (void)m;
    (void)err;
    return OMK_OK; /* the entry is all */
}

static int entry_text(apr_pool_t *p, const struct omk_model *m, const char *dir,
                      const char *fingerprint, const char **out,
                      struct omk_err *err)
{
    const struct omk_node *n = m->node;
    const char *colon = strrchr(n->mysql_listen, ':');
    const char *names[] = {
        "CONFD",
        apr_pstrcat(p, dir, "/source/conf.d", NULL),
        "DATADIR",
        apr_pstrcat(p, n->state_dir, "/mysql", NULL),
        "SOCKET",
        n->mysql_socket,
        "TMPDIR",
        apr_pstrmemdup(
            p, n->mysql_socket,
            (apr_size_t)(strrchr(n->mysql_socket, '/') - n->mysql_socket)),
        "PIDFILE",
        apr_pstrcat(p, n->run_dir, "/mysql/mariadb.pid", NULL),
        "LOGFILE",
        apr_pstrcat(p, n->log_dir, "/mariadb.log", NULL),
        "NETWORK",
        colon ? apr_pstrcat(p, "port = ", colon + 1, NULL) : "skip-networking",
        NULL,
    };
    const char *text;
    int rc = omk_model_input(m, "source/conf.d/mariadb/my.cnf", &text, err);

    (void)fingerprint;
    return rc ? rc
              : omk_template(p, "conf.d/mariadb/my.cnf", text, names, out, err);
}

static bool reads(const char *path)
{
    return !strncmp(path, "mariadb/", 8)
           || !strncmp(path, "source/conf.d/mariadb/", 22);
}

const struct omk_renderer omk_render_mariadb = {
    .daemon = "mariadb",
    .entry = "mariadb/my.cnf",
    .files = files,
    .entry_text = entry_text,
    .reads = reads,
};
