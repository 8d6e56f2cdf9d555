#include "disabled.h"

#include "err.h"
#include "names.h"
#include "node.h"
#include "purge.h"
#include "render.h"
#include "tree.h"

#include <apr_strings.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* --- names ------------------------------------------------------------------
 */

/* Without doubled slashes and "."; NULL where there is a "..". */
static const char *normal(apr_pool_t *p, const char *path)
{
    const char *out = "";

    while (*path) {
        size_t len;

        path += strspn(path, "/");
        len = strcspn(path, "/");
        if (len == 2 && !strncmp(path, "..", 2)) {
            return NULL;
        }
        if (len && !(len == 1 && *path == '.')) {
            out = apr_pstrcat(p, out, "/", apr_pstrmemdup(p, path, len), NULL);
        }
        path += len;
    }
    return out;
}

/* LOGIN and the rest of a path below SRV. */
static bool below_srv(apr_pool_t *p, const struct omk_node *n, const char *path,
                      const char **login, const char **rest)
{
    size_t len = strlen(n->srv_dir);

    if (strncmp(path, n->srv_dir, len) != 0 || path[len] != '/') {
        return false;
    }
    path += len + 1;
    len = strcspn(path, "/");
    *login = apr_pstrmemdup(p, path, len);
    *rest = path + len;
    return true;
}

static int bad_name(const char *text, struct omk_err *err)
{
    char shown[64];

    return omk_fail(err, OMK_EINVAL, "",
                    "'%s': expected LOGIN:/web/FILE, or the path of a file in "
                    "a customer's web/",
                    omk_printable(text, strlen(text), shown));
}

/* Declared, or with a tree that is still there. */
static int is_customer(apr_pool_t *p, const struct omk_node *n,
                       const char *login, struct omk_err *err)
{
    int fd, rc = omk_login_check(login, strlen(login), err);

    if (rc || omk_is_declared(p, n, login, NULL)) {
        return rc;
    }
    rc = omk_tree_open(n, login, "web", NULL, &fd, err);
    if (rc == OMK_OK) {
        close(fd);
    }
    return rc == OMK_ENOENT
               ? omk_fail(err, OMK_ENOENT, login, "there is no such customer")
               : rc;
}

int omk_disabled_name(apr_pool_t *p, const struct omk_node *n, const char *text,
                      const char **login, const char **path,
                      struct omk_err *err)
{
    const char *colon = *text == '/' ? NULL : strchr(text, ':');
    const char *name = "", *rest = colon ? colon + 1 : text;
    int rc;

    if (*rest != '/' || !(rest = normal(p, rest))
        || (!colon && !below_srv(p, n, rest, &name, &rest))
        || strncmp(rest, "/web/", 5) != 0) {
        return bad_name(text, err);
    }
    if (colon) {
        name = apr_pstrmemdup(p, text, (apr_size_t)(colon - text));
    }
    rc = is_customer(p, n, name, err);
    if (rc == OMK_OK) {
        *login = name;
        *path = rest;
    }
    return rc;
}

/* --- the file
 * ----------------------------------------------------------------- */

/* 0 with what the path leads to without any link; else it is not there, or is
 * reached by one: -1. path is below web/. */
static int find_file(int web, const char *path, struct stat *st,
                     struct omk_denied_file *file)
{
    int fd = fcntl(web, F_DUPFD_CLOEXEC, 0);
    int rc = -1;

    while (fd >= 0) {
        size_t len = strcspn(path, "/");
        bool last = !path[len];
        char name[256];
        int next;

        if (len >= sizeof name) {
            break;
        }
        memcpy(name, path, len);
        name[len] = '\0';
        next =
            openat(fd, name,
                   O_PATH | O_NOFOLLOW | O_CLOEXEC | (last ? 0 : O_DIRECTORY));
        close(fd);
        fd = next;
        if (last) {
            rc = fd >= 0 && fstat(fd, st) == 0 ? omk_denied_identify(fd, file)
                                               : -1;
            break;
        }
        path += len + 1;
    }
    if (fd >= 0) {
        close(fd);
    }
    return rc;
}

/* Which file it is, of a regular one; of what is none, unknown. */
static int identify(const struct omk_node *n, const char *login,
                    const char *path, struct omk_denied_entry *e,
                    struct omk_err *err)
{
    struct omk_denied_file file;
    struct stat st;
    int web, rc = omk_tree_open(n, login, "web", NULL, &web, err);

    if (rc) {
        return rc == OMK_ENOENT ? OMK_OK : rc;
    }
    rc = find_file(web, path + strlen("/web/"), &st, &file);
    close(web);
    if (rc == 0 && S_ISDIR(st.st_mode)) {
        return omk_fail(err, OMK_EINVAL, path,
                        "is a directory; name the scripts in it");
    }
    if (rc == 0 && S_ISREG(st.st_mode)) {
        e->file = file;
    }
    return OMK_OK;
}

/* --- the list
 * ------------------------------------------------------------------ */

static int check_why(const char *why, struct omk_err *err)
{
    size_t len = strlen(why);

    if (!len || len > OMK_WHY_MAX) {
        return omk_fail(err, OMK_EINVAL, "--why",
                        "expected words for the customer, up to %d bytes",
                        OMK_WHY_MAX);
    }
    for (; *why; why++) {
        if ((unsigned char)*why < ' ' || *why == 0x7f) {
            return omk_fail(err, OMK_EINVAL, "--why",
                            "expected one line of text");
        }
    }
    return OMK_OK;
}

/* Two operators at once; not the lock of apply, which can take long. */
static int lock(apr_pool_t *p, const struct omk_node *n, int *out,
                struct omk_err *err)
{
    const char *path = apr_pstrcat(p, n->state_dir, "/cgi/lock", NULL);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0) {
        return omk_fail(err, errno == EACCES ? OMK_EDENIED : OMK_EIO, path,
                        "%s%s", strerror(errno),
                        errno == ENOENT ? "; omakase apply makes its directory"
                                        : "");
    }
    while (flock(fd, LOCK_EX) != 0) {
        if (errno != EINTR) {
            close(fd);
            return omk_fail(err, OMK_EIO, path, "flock: %s", strerror(errno));
        }
    }
    *out = fd;
    return OMK_OK;
}

/* httpd's workers read it; nobody else does. */
#define MODE 0640

static gid_t group(const struct omk_node *n)
{
    return n->single_user ? (gid_t)-1 : n->httpd_gid;
}

int omk_disabled_add(apr_pool_t *p, const struct omk_node *n, const char *login,
                     const char *path, const char *why, bool *by_inode,
                     struct omk_err *err)
{
    struct omk_denied_entry e = {.login = login, .path = path, .why = why};
    char stamp[32];
    time_t now = time(NULL);
    struct tm tm;
    int fd, rc = check_why(why, err);

    rc = rc ? rc : identify(n, login, path, &e, err);
    rc = rc ? rc : lock(p, n, &fd, err);
    if (rc) {
        return rc;
    }
    (void)gmtime_r(&now, &tm);
    (void)strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", &tm);
    e.time = stamp;
    rc = omk_denied_add(omk_cgi_denied(p, n), &e, MODE, group(n), err);
    close(fd);
    if (rc == OMK_OK) {
        *by_inode = e.file.ino != 0;
    }
    return rc;
}

int omk_disabled_remove(apr_pool_t *p, const struct omk_node *n,
                        const char *login, const char *path,
                        struct omk_err *err)
{
    int fd, rc = lock(p, n, &fd, err);

    if (rc == OMK_OK) {
        rc = omk_denied_remove(omk_cgi_denied(p, n), login, path, MODE,
                               group(n), err);
        close(fd);
    }
    return rc;
}

int omk_disabled_forget(apr_pool_t *p, const struct omk_node *n,
                        const char *login, struct omk_err *err)
{
    const struct omk_denied *list;
    int rc = omk_disabled_list(p, n, &list, err);

    for (size_t i = 0; rc == OMK_OK && i < list->count; i++) {
        if (!strcmp(list->entries[i].login, login)) {
            rc = omk_disabled_remove(p, n, login, list->entries[i].path, err);
        }
    }
    return rc;
}

static apr_status_t free_list(void *list)
{
    omk_denied_free(list);
    return APR_SUCCESS;
}

int omk_disabled_list(apr_pool_t *p, const struct omk_node *n,
                      const struct omk_denied **out, struct omk_err *err)
{
    struct omk_denied *list = apr_pcalloc(p, sizeof *list);
    int rc = omk_denied_load(list, omk_cgi_denied(p, n), NULL, err);

    if (rc == OMK_OK) {
        apr_pool_cleanup_register(p, list, free_list, apr_pool_cleanup_null);
        *out = list;
    }
    return rc;
}
