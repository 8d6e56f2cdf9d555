#include "phpmyadmin.h"

#include "err.h"
#include "node.h"
#include "render.h"
#include "run.h"

#include <apr_strings.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define USER "omakase-phpmyadmin"
#define INIT_S 60

/* What one import or export may be and take; conf.d/httpd/phpmyadmin.conf waits
 * as long. */
#define UPLOAD "512M"
#define POST "520M"
#define SECONDS "3600"

static const char *user_of(const struct omk_node *n)
{
    return n->single_user ? n->httpd_user : USER;
}

static const char *dir_of(apr_pool_t *p, const struct omk_node *n)
{
    return apr_pstrcat(p, n->state_dir, "/phpmyadmin", NULL);
}

bool omk_phpmyadmin_is_here(const struct omk_node *n)
{
    char index[4096];

    if (!*n->phpmyadmin || !*n->mariadbd || !*n->php_fpm
        || access(n->php_fpm, X_OK) != 0
        || strlen(n->phpmyadmin) > sizeof index - 16) {
        return false;
    }
    (void)strcpy(index, n->phpmyadmin);
    (void)strcat(index, "/index.php");
    return access(index, R_OK) == 0;
}

bool omk_phpmyadmin_is_made(apr_pool_t *p, const struct omk_node *n)
{
    const struct passwd *pw = getpwnam(user_of(n));
    const char *dir = dir_of(p, n);
    struct stat st;

    /* The secret comes last. */
    return pw
           && stat(apr_pstrcat(p, dir, "/secret.php", NULL), &st) == 0
           && st.st_gid == pw->pw_gid
           && stat(apr_pstrcat(p, dir, "/sessions", NULL), &st) == 0
           && st.st_uid == pw->pw_uid;
}

int omk_phpmyadmin_make(apr_pool_t *p, const struct omk_node *n,
                        struct omk_err *err)
{
    const char *argv[] = {apr_pstrcat(p, n->libexec, "/phpmyadmin-init", NULL),
                          dir_of(p, n), user_of(n), NULL};
    const char *output;
    int status;
    int rc = omk_run(p, argv, INIT_S, &status, &output, err);

    if (rc == OMK_OK && status != 0) {
        rc = omk_fail(err, OMK_EIO, dir_of(p, n), "phpmyadmin-init: %.400s",
                      output);
    }
    return rc;
}

int omk_phpmyadmin_pool(struct omk_files *f, const struct omk_model *m,
                        struct omk_err *err)
{
    const struct omk_node *n = m->node;
    const char *names[] = {
        "USER", user_of(n),
        "GROUP", n->single_user ? n->httpd_group : USER,
        "SOCKET", omk_php_socket(f->p, n, "phpmyadmin"),
        "HTTPD_USER", n->httpd_user,
        "HTTPD_GROUP", n->httpd_group,
        "CONFD", n->confd,
        "PHPMYADMIN", n->phpmyadmin,
        "DIR", dir_of(f->p, n),
        "MYSQL_SOCKET", n->mysql_socket,
        "UPLOAD", UPLOAD,
        "POST", POST,
        "SECONDS", SECONDS,
        NULL,
    };
    const char *text;
    int rc;

    if (!omk_phpmyadmin_is_here(n)) {
        return OMK_OK;
    }
    rc = omk_model_input(m, "source/conf.d/phpmyadmin/pool.conf", &text, err);
    if (rc == OMK_OK) {
        rc = omk_template(f->p, "conf.d/phpmyadmin/pool.conf", text, names,
                          &text, err);
    }
    if (rc == OMK_OK) {
        /* No customer's login: names.c keeps it. */
        omk_files_add_text(f, "php/pool.d/phpmyadmin.conf", text);
    }
    return rc;
}
