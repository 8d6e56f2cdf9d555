/* Whoever can write a file that root reads or runs is root; whoever can write
 * a directory on the way there can put another file in its place. */
#include "check_impl.h"

#include "node.h"
#include "status.h"

#include <acl/libacl.h>
#include <apr_hash.h>
#include <apr_strings.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ID_FILES "OMK0314"
#define ID_ENTER "OMK0315"
#define ID_KERNEL "OMK0316"

struct walk {
    const struct omk_check *c;
    apr_hash_t *seen; /* paths */
};

static bool is_new(struct walk *w, const char *path)
{
    if (apr_hash_get(w->seen, path, APR_HASH_KEY_STRING)) {
        return false;
    }
    apr_hash_set(w->seen, path, APR_HASH_KEY_STRING, path);
    return true;
}

static void judge(const struct omk_check *c, const char *path,
                  const struct stat *st)
{
    if (st->st_uid != 0 && st->st_uid != geteuid()) {
        omk_check_say(c, OMK_CHECK_ERROR, ID_FILES, path,
                      apr_psprintf(c->p,
                                   "belongs to uid %lu, who can change what "
                                   "root reads",
                                   (unsigned long)st->st_uid),
                      "chown it to root");
    }
    /* In a sticky directory nobody takes another's file away. */
    else if ((st->st_mode & 022)
             && !(S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX))) {
        omk_check_say(c, OMK_CHECK_ERROR, ID_FILES, path,
                      apr_psprintf(c->p, "others may write it (mode %04o)",
                                   (unsigned)st->st_mode & 07777),
                      "chmod go-w");
    }
}

static bool look_along(struct walk *w, const char *path);

/* Returns whether path is, or leads to, a directory that was not seen yet. A
 * link's own owner and mode say nothing: what it leads to is looked at. */
static bool look_at(struct walk *w, const char *path)
{
    struct stat st;
    bool is_dir = false;
    char *real;

    if (!is_new(w, path) || lstat(path, &st) != 0) {
        return false;
    }
    if (!S_ISLNK(st.st_mode)) {
        judge(w->c, path, &st);
        return S_ISDIR(st.st_mode);
    }
    real = realpath(path, NULL);
    if (real) {
        is_dir = look_along(w, apr_pstrdup(w->c->p, real));
    }
    free(real);
    return is_dir;
}

/* Of "/a/b/c": "/", "/a", "/a/b" and the whole. */
static bool look_along(struct walk *w, const char *path)
{
    apr_pool_t *p = w->c->p;

    (void)look_at(w, "/");
    for (const char *s = strchr(path + 1, '/'); s; s = strchr(s + 1, '/')) {
        (void)look_at(w, apr_pstrmemdup(p, path, (apr_size_t)(s - path)));
    }
    return look_at(w, path);
}

static void look_below(struct walk *w, const char *dir, unsigned depth)
{
    DIR *d = opendir(dir);
    const struct dirent *e;

    while (d && (e = readdir(d))) {
        const char *path;

        if (e->d_name[0] == '.') {
            continue;
        }
        path = apr_pstrcat(w->c->p, dir, "/", e->d_name, NULL);
        if (look_at(w, path) && depth) {
            look_below(w, path, depth - 1);
        }
    }
    if (d) {
        (void)closedir(d);
    }
}

static void what_root_reads(const struct omk_check *c)
{
    const struct omk_node *n = c->n;
    const char *const dirs[] = {n->etc_dir, n->confd, n->libexec, n->modules};
    const char *const programs[] = {n->httpd, n->php_fpm, n->mariadbd};
    struct walk w = {c, apr_hash_make(c->p)};

    for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++) {
        if (look_along(&w, dirs[i])) {
            look_below(&w, dirs[i], 3);
        }
    }
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
        if (*programs[i]) {
            (void)look_along(&w, programs[i]);
        }
    }
    (void)look_along(&w, n->state_dir);
    (void)look_along(&w, n->srv_dir);
}

/* --- the state --------------------------------------------------------------
 */

static void state_differs(void *ctx, const char *what)
{
    const struct omk_check *c = ctx;
    const char *colon = strstr(what, ": ");

    omk_check_say(c, OMK_CHECK_ERROR, ID_FILES,
                  apr_pstrmemdup(c->p, what, (apr_size_t)(colon - what)),
                  colon + 2, "set what is expected with chown and chmod");
}

static void secrets(const struct omk_check *c)
{
    const char *dir = apr_pstrcat(c->p, c->n->state_dir, "/secrets", NULL);
    DIR *d = opendir(dir);
    const struct dirent *e;

    while (d && (e = readdir(d))) {
        const char *path = apr_pstrcat(c->p, dir, "/", e->d_name, NULL);
        struct stat st;

        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..")
            || lstat(path, &st) != 0) {
            continue;
        }
        if (!S_ISREG(st.st_mode) || (st.st_mode & 07777) != 0600
            || st.st_uid != geteuid()) {
            omk_check_say(
                c, OMK_CHECK_ERROR, ID_FILES, path,
                apr_psprintf(c->p,
                             "password hashes with mode %04o of uid %lu; "
                             "expected a file of 0600, root's",
                             (unsigned)st.st_mode & 07777,
                             (unsigned long)st.st_uid),
                "chown root and chmod 0600; then omakase passwd, as it may "
                "have been read");
        }
    }
    if (d) {
        (void)closedir(d);
    }
}

/* --- the way into SRV -------------------------------------------------------
 */

static void can_enter(const struct omk_check *c, const char *dir)
{
    struct stat st;
    bool open;

    if (stat(dir, &st) != 0) {
        return; /* apply makes it */
    }
    open = c->n->single_user ? access(dir, X_OK) == 0
                             : (st.st_mode & 01) || acl_extended_file(dir) == 1;
    if (!open) {
        omk_check_say(c, OMK_CHECK_ERROR, ID_ENTER, dir,
                      apr_psprintf(c->p,
                                   "neither httpd nor customers can enter it "
                                   "(mode %04o), and their trees lie below",
                                   (unsigned)st.st_mode & 07777),
                      "chmod o+x");
    }
}

static void way_to_srv(const struct omk_check *c)
{
    const char *srv = c->n->srv_dir;

    for (const char *s = strchr(srv + 1, '/'); s; s = strchr(s + 1, '/')) {
        can_enter(c, apr_pstrmemdup(c->p, srv, (apr_size_t)(s - srv)));
    }
    can_enter(c, srv);
}

/* --- the kernel -------------------------------------------------------------
 */

static void kernel_protects(const struct omk_check *c,
                            enum omk_check_level level, const char *name,
                            const char *danger)
{
    const char *path = apr_pstrcat(c->p, "/proc/sys/fs/", name, NULL);
    FILE *f = fopen(path, "re");
    int value = f ? fgetc(f) : EOF;

    if (f) {
        (void)fclose(f);
    }
    if (value == '0') {
        omk_check_say(c, level, ID_KERNEL, apr_pstrcat(c->p, "fs.", name, NULL),
                      danger,
                      apr_pstrcat(c->p, "sysctl fs.", name,
                                  "=1, and for good in /etc/sysctl.d/", NULL));
    }
}

void omk_check_files(const struct omk_check *c)
{
    struct omk_check copy = *c;

    what_root_reads(c);
    omk_status_state(c->p, c->n, state_differs, &copy);
    secrets(c);
    way_to_srv(c);
    kernel_protects(c, OMK_CHECK_ERROR, "protected_hardlinks",
                    "is 0: a customer can link another's file into its own "
                    "web/");
    kernel_protects(c, OMK_CHECK_WARNING, "protected_symlinks",
                    "is 0: programs of root's follow links that others lay "
                    "in /tmp");
}
