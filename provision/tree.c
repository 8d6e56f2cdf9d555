#include "tree.h"

#include "account.h"
#include "btrfs.h"
#include "err.h"
#include "names.h"
#include "node.h"

#include <acl/libacl.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/acl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define OPEN_DIR (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)
#define ACCESS_ACL "system.posix_acl_access"
#define DEFAULT_ACL "system.posix_acl_default"

enum { TOP, WEB, LOG, HOME, LOGIN, TMP, PLACES };

static const struct place {
    const char *label; /* as FTP has it; of the login directory, without it */
    const char *name;  /* in its parent; NULL is the login */
    int parent;        /* an index; -1 is SRV */
    bool customers;    /* owned by the customer, else by root */
    mode_t special;    /* of the mode, beside what the ACL says */
    int customer;      /* rwx of the customer's ACL entry */
    int httpd;         /* rwx of httpd's */
    int logger;        /* rwx of the logger's */
    mode_t plain;      /* permissions where there is no ACL */
} places[PLACES] = {
    [TOP] = {"/", NULL, -1, false, S_ISVTX, 07, 01, 01, 0700},
    [WEB] = {"/web", "web", TOP, false, S_ISVTX, 07, 05, 0, 0755},
    [LOG] = {"/log", "log", TOP, false, S_ISVTX, 05, 0, 07, 0755},
    [HOME] = {"/home", "home", TOP, false, 0, 05, 0, 0, 0755},
    [LOGIN] = {"/home/", NULL, HOME, true, 0, 0, 0, 0, 0700},
    [TMP] = {"/tmp", "tmp", TOP, true, 0, 0, 0, 0, 0700},
};

struct tree {
    const struct omk_node *node;
    const struct omk_account *account;
    const char *login;
    int srv;
    int fd[PLACES]; /* -1: not open */
    void (*found)(void *ctx, const char *what);
    void *ctx;
    struct omk_err *err; /* of the first failure */
    int rc;
};

/* --- what is said -------------------------------------------------------- */

static void say(struct tree *t, int i, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void say(struct tree *t, int i, const char *format, ...)
{
    char what[400], line[500];
    va_list ap;

    va_start(ap, format);
    (void)vsnprintf(what, sizeof what, format, ap);
    va_end(ap);
    (void)snprintf(line, sizeof line, "%s%s: %s", places[i].label,
                   i == LOGIN ? t->login : "", what);
    t->found(t->ctx, line);
}

/* Keeps the first failure; the other places are seen to all the same. */
static void fail(struct tree *t, int code, int i, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void fail(struct tree *t, int code, int i, const char *format, ...)
{
    char what[400], where[sizeof t->err->where];
    va_list ap;

    if (t->rc) {
        return;
    }
    va_start(ap, format);
    (void)vsnprintf(what, sizeof what, format, ap);
    va_end(ap);
    (void)snprintf(where, sizeof where, "%s/%s%s%s", t->node->srv_dir, t->login,
                   i == TOP ? "" : places[i].label,
                   i == LOGIN ? t->login : "");
    t->rc = omk_fail(t->err, code, where, "%s", what);
}

static int code_of(int error)
{
    return error == ENOENT                      ? OMK_ENOENT
           : error == ENOSPC || error == EDQUOT ? OMK_ENOSPC
           : error == EACCES || error == EPERM  ? OMK_EDENIED
           : error == ENOMEM                    ? OMK_ENOMEM
                                                : OMK_EIO;
}

/* --- what is wanted ------------------------------------------------------ */

static uid_t owner_of(const struct tree *t, int i)
{
    return places[i].customers || t->node->single_user ? t->account->uid : 0;
}

static gid_t group_of(const struct tree *t, int i)
{
    return places[i].customers || t->node->single_user ? t->account->gid : 0;
}

static bool has_acl(const struct tree *t, int i)
{
    return !places[i].customers && !t->node->single_user;
}

/* 0 where there is no logger. */
static uid_t logger_of(const struct tree *t)
{
    return t->node->weblog_ids && !t->node->single_user
               ? t->node->weblog_ids->uid
               : 0;
}

static bool has_logger(const struct tree *t, int i)
{
    return logger_of(t) && places[i].logger;
}

/* log/ is sticky where the logger writes in it: what root has there, php-fpm's
 * master writes to as root, and the logger must not be able to swap it. */
static mode_t special_of(const struct tree *t, int i)
{
    return has_acl(t, i) && (i != LOG || has_logger(t, i)) ? places[i].special
                                                           : 0;
}

static void entry(char *out, size_t size, uid_t uid, int perm)
{
    (void)snprintf(out, size, "user:%u:%c%c%c,", (unsigned)uid,
                   perm & 04 ? 'r' : '-', perm & 02 ? 'w' : '-',
                   perm & 01 ? 'x' : '-');
}

/* NULL for want of memory. */
static acl_t wanted_acl(const struct tree *t, int i)
{
    const struct place *p = &places[i];
    char customer[32], httpd[32] = "", logger[32] = "", text[192];
    int mask = p->customer | p->httpd;

    if (!has_acl(t, i)) {
        return acl_from_mode(p->plain);
    }
    entry(customer, sizeof customer, t->account->uid, p->customer);
    if (p->httpd) {
        entry(httpd, sizeof httpd, t->node->httpd_uid, p->httpd);
    }
    if (has_logger(t, i)) {
        entry(logger, sizeof logger, logger_of(t), p->logger);
        mask |= p->logger;
    }
    (void)snprintf(text, sizeof text,
                   "user::rwx,%s%s%sgroup::---,mask::%s,other::---", customer,
                   httpd, logger, mask & 02 ? "rwx" : "r-x");
    return acl_from_text(text);
}

static void print_acl(acl_t acl, char *out, size_t size)
{
    char *text = acl_to_any_text(acl, NULL, ',',
                                 TEXT_ABBREVIATE | TEXT_NUMERIC_IDS);

    (void)snprintf(out, size, "%s", text ? text : "?");
    acl_free(text);
}

/* --- opening ------------------------------------------------------------- */

static const char *name_of(const struct tree *t, int i)
{
    return places[i].name ? places[i].name : t->login;
}

static int parent_of(const struct tree *t, int i)
{
    return places[i].parent < 0 ? t->srv : t->fd[places[i].parent];
}

/* What stands where no directory of ours does. */
static void describe(int parent, const char *name, char *out, size_t size)
{
    char to[200], shown[64];
    struct stat st;
    ssize_t len;

    if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        (void)snprintf(out, size, "something that changes stands there");
        return;
    }
    len = S_ISLNK(st.st_mode) ? readlinkat(parent, name, to, sizeof to) : -1;
    if (len >= 0) {
        (void)snprintf(out, size, "a symbolic link to '%s' (uid %u) stands "
                                  "there",
                       omk_printable(to, (size_t)len, shown),
                       (unsigned)st.st_uid);
        return;
    }
    (void)snprintf(out, size, "%s of uid %u stands there",
                   S_ISREG(st.st_mode)   ? "a file"
                   : S_ISDIR(st.st_mode) ? "a directory"
                                         : "a special file",
                   (unsigned)st.st_uid);
}

/* 0, or errno; ENOTDIR and ELOOP are what stands in the place. */
static int open_place(struct tree *t, int i)
{
    t->fd[i] = openat(parent_of(t, i), name_of(t, i), OPEN_DIR);
    return t->fd[i] < 0 ? errno : 0;
}

static bool stands_there(int error)
{
    return error == ENOTDIR || error == ELOOP;
}

/* SRV itself is the operator's, who may have made it a symbolic link. */
static int open_srv(struct tree *t)
{
    t->srv = open(t->node->srv_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return t->srv < 0 ? errno : 0;
}

static void init(struct tree *t, const struct omk_node *n, const char *login,
                 const struct omk_account *a, struct omk_err *err)
{
    memset(t, 0, sizeof *t);
    t->node = n;
    t->login = login;
    t->account = a;
    t->err = err;
    t->srv = -1;
    for (int i = 0; i < PLACES; i++) {
        t->fd[i] = -1;
    }
}

static void done(struct tree *t)
{
    for (int i = 0; i < PLACES; i++) {
        if (t->fd[i] >= 0) {
            close(t->fd[i]);
        }
    }
    if (t->srv >= 0) {
        close(t->srv);
    }
}

/* --- log/ ----------------------------------------------------------------- */

/* php-fpm's master, and httpd's where there is no logger, open what is in log/
 * as root and follow links, so there must be nothing that another than the
 * owner of log/ or the logger made. True, with words in what, when there is. */
static bool planted(const struct tree *t, char *what, size_t size)
{
    int fd = openat(t->fd[LOG], ".", OPEN_DIR);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *e;
    bool bad = false;

    if (!dir) {
        if (fd >= 0) {
            close(fd);
        }
        (void)snprintf(what, size, "cannot be read");
        return true;
    }
    while (!bad && (e = readdir(dir))) {
        char shown[64];
        struct stat st;

        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..")
            || fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
            continue;
        }
        bad = S_ISLNK(st.st_mode)
              || (st.st_uid != owner_of(t, LOG) && st.st_uid != logger_of(t));
        (void)snprintf(what, size,
                       "%s is %s of uid %u; it could be written through as "
                       "root: look at it and remove it",
                       omk_printable(e->d_name, strlen(e->d_name), shown),
                       S_ISLNK(st.st_mode) ? "a symbolic link" : "a file",
                       (unsigned)st.st_uid);
    }
    closedir(dir);
    return bad;
}

/* What is written to. Who opens it first would choose its mode, and php-fpm
 * chooses 0600: the customer could not read why a script fails. The logger
 * keeps php-slow.log short, which is root's all the same. */
static const struct log {
    const char *name;
    bool loggers;
    mode_t mode, shared; /* where there is a logger */
} logs[] = {
    {"error.log", true, 0644, 0644},
    {"php-slow.log", false, 0644, 0664},
    {"web.log", true, 0644, 0644},
};
#define LOGS (sizeof logs / sizeof *logs)

static uid_t log_owner(const struct tree *t, const struct log *log)
{
    return log->loggers && logger_of(t) ? logger_of(t) : owner_of(t, LOG);
}

static gid_t log_group(const struct tree *t)
{
    return logger_of(t) ? t->node->weblog_ids->gid : group_of(t, LOG);
}

static mode_t log_mode(const struct tree *t, const struct log *log)
{
    return logger_of(t) ? log->shared : log->mode;
}

static void check_log(struct tree *t, const struct log *log)
{
    struct stat st;
    mode_t mode = log_mode(t, log);

    if (fstatat(t->fd[LOG], log->name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        say(t, LOG, "%s is missing", log->name);
    }
    else if ((st.st_mode & 07777) != mode) {
        say(t, LOG, "%s: mode %04o; expected %04o", log->name,
            (unsigned)st.st_mode & 07777, (unsigned)mode);
    }
    else if (st.st_uid != log_owner(t, log)
             || (logger_of(t) && st.st_gid != log_group(t))) {
        say(t, LOG, "%s: uid %u, gid %u; expected uid %u, gid %u", log->name,
            (unsigned)st.st_uid, (unsigned)st.st_gid,
            (unsigned)log_owner(t, log), (unsigned)log_group(t));
    }
}

/* 0 or errno. A file with a second name may be one that the logger may not
 * have. */
static int settle_log(const struct tree *t, const struct log *log, int fd)
{
    struct stat st;

    if (fstat(fd, &st) != 0) {
        return errno;
    }
    if (!S_ISREG(st.st_mode) || st.st_nlink != 1) {
        return EMLINK;
    }
    if ((st.st_uid != log_owner(t, log)
         || (logger_of(t) && st.st_gid != log_group(t)))
        && fchown(fd, log_owner(t, log), log_group(t)) != 0) {
        return errno;
    }
    return fchmod(fd, log_mode(t, log)) == 0 ? 0 : errno;
}

/* Two steps: with fs.protected_regular the kernel refuses O_CREAT on the
 * logger's files in a sticky directory, also to root. */
static int open_log(const struct tree *t, const char *name)
{
    const int flags = O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    int fd = openat(t->fd[LOG], name, flags);

    return fd >= 0 || errno != ENOENT
               ? fd
               : openat(t->fd[LOG], name, flags | O_CREAT | O_EXCL, 0600);
}

/* After planted(): there is nothing of others' in log/, nor will be. */
static void make_logs(struct tree *t)
{
    for (size_t k = 0; k < LOGS; k++) {
        int fd = open_log(t, logs[k].name);
        int error = fd < 0 ? errno : settle_log(t, &logs[k], fd);

        if (error) {
            fail(t, code_of(error), LOG, "%s: %s", logs[k].name,
                 strerror(error));
        }
        if (fd >= 0) {
            close(fd);
        }
    }
}

/* SRV must be such that nobody but its owner can change what is in it. */
static int trust_srv(const struct tree *t, struct omk_err *err)
{
    const char *srv = t->node->srv_dir;
    uid_t owner = t->node->single_user ? t->account->uid : 0;
    struct stat st;

    if (fstat(t->srv, &st) != 0) {
        return omk_fail(err, OMK_EIO, srv, "%s", strerror(errno));
    }
    if (st.st_uid != owner || (st.st_mode & 022)) {
        return omk_fail(err, OMK_EDENIED, srv,
                        "uid %u, mode %04o; expected uid %u, writable by "
                        "nobody else",
                        (unsigned)st.st_uid, (unsigned)st.st_mode & 07777,
                        (unsigned)owner);
    }
    return OMK_OK;
}

/* --- check --------------------------------------------------------------- */

static void check_acl(struct tree *t, int i, const struct stat *st)
{
    acl_t want = wanted_acl(t, i), have = acl_get_fd(t->fd[i]);
    char wants[200], has[200];

    if (!want || !have) {
        fail(t, code_of(errno), i, "ACL: %s", strerror(errno));
    }
    else if ((st->st_mode & 07000) != special_of(t, i)
             || acl_cmp(have, want) != 0) {
        print_acl(have, has, sizeof has);
        print_acl(want, wants, sizeof wants);
        say(t, i, "mode %04o, ACL %s; expected%s %s",
            (unsigned)st->st_mode & 07777, has,
            special_of(t, i) ? " sticky," : "", wants);
    }
    if (want) {
        acl_free(want);
    }
    if (have) {
        acl_free(have);
    }
}

static void check_place(struct tree *t, int i)
{
    char what[400];
    struct stat st;
    int error = open_place(t, i);

    if (error == ENOENT) {
        say(t, i, "missing");
        return;
    }
    if (stands_there(error)) {
        describe(parent_of(t, i), name_of(t, i), what, sizeof what);
        say(t, i, "%s; expected a directory", what);
        return;
    }
    if (error || fstat(t->fd[i], &st) != 0) {
        error = error ? error : errno;
        fail(t, code_of(error), i, "%s", strerror(error));
        return;
    }
    if (st.st_uid != owner_of(t, i) || st.st_gid != group_of(t, i)) {
        say(t, i, "uid %u, gid %u; expected uid %u, gid %u",
            (unsigned)st.st_uid, (unsigned)st.st_gid, (unsigned)owner_of(t, i),
            (unsigned)group_of(t, i));
    }
    check_acl(t, i, &st);
    if (fgetxattr(t->fd[i], DEFAULT_ACL, NULL, 0) > 0) {
        say(t, i, "has a default ACL; expected none");
    }
    if (i == LOG && planted(t, what, sizeof what)) {
        say(t, i, "%s", what);
    }
    else if (i == LOG) {
        for (size_t k = 0; k < LOGS; k++) {
            check_log(t, &logs[k]);
        }
    }
}

int omk_tree_check(const struct omk_node *n, const char *login,
                   const struct omk_account *a,
                   void (*found)(void *ctx, const char *what), void *ctx,
                   struct omk_err *err)
{
    struct omk_err srv;
    struct tree t;
    int error;

    init(&t, n, login, a, err);
    t.found = found;
    t.ctx = ctx;
    error = open_srv(&t);
    if (error && error != ENOENT) {
        return omk_fail(err, code_of(error), n->srv_dir, "%s",
                        strerror(error));
    }
    if (error == ENOENT) {
        say(&t, TOP, "missing");
        return OMK_OK;
    }
    if (trust_srv(&t, &srv) != OMK_OK) {
        say(&t, TOP, "%s: %s", srv.where, srv.text);
    }
    for (int i = 0; i < PLACES; i++) {
        if (parent_of(&t, i) >= 0) {
            check_place(&t, i);
        }
    }
    done(&t);
    return t.rc;
}

/* --- make ---------------------------------------------------------------- */

/* Closed to everybody until it has its owner and ACL. */
static int make_place(struct tree *t, int i)
{
    int parent = parent_of(t, i);

    /* A quota can be set to a subvolume of its own alone. */
    if (i == WEB && omk_btrfs_subvolume(parent, name_of(t, i)) == 0) {
        return 0;
    }
    return mkdirat(parent, name_of(t, i), 0700) == 0 || errno == EEXIST
               ? 0
               : errno;
}

/* Opens it, and makes it where it is missing. */
static int reach(struct tree *t, int i)
{
    char what[400];
    int error = open_place(t, i);

    if (error == ENOENT) {
        error = make_place(t, i);
        error = error ? error : open_place(t, i);
    }
    if (stands_there(error)) {
        describe(parent_of(t, i), name_of(t, i), what, sizeof what);
        fail(t, OMK_EDENIED, i,
             "%s and was left; expected a directory: move it away", what);
    }
    else if (error) {
        fail(t, code_of(error), i, "%s", strerror(error));
    }
    return error;
}

/* Owner and sticky bit; who may do what is left as it is. */
static int settle_owner(struct tree *t, int i)
{
    struct stat st;

    if (fstat(t->fd[i], &st) != 0) {
        fail(t, code_of(errno), i, "%s", strerror(errno));
        return -1;
    }
    /* What the customer made is no log/: see planted(). */
    if (i == LOG && st.st_uid != owner_of(t, LOG)) {
        fail(t, OMK_EDENIED, LOG,
             "a directory of uid %u stands there and was left; expected one "
             "of uid %u: move it away",
             (unsigned)st.st_uid, (unsigned)owner_of(t, LOG));
        return -1;
    }
    if ((st.st_uid != owner_of(t, i) || st.st_gid != group_of(t, i))
        && fchown(t->fd[i], owner_of(t, i), group_of(t, i)) != 0) {
        fail(t, code_of(errno), i, "chown: %s", strerror(errno));
        return -1;
    }
    /* On a directory with an ACL the group's bits are its mask: kept. */
    if ((st.st_mode & 07000) != special_of(t, i)
        && fchmod(t->fd[i], (st.st_mode & 0777) | special_of(t, i)) != 0) {
        fail(t, code_of(errno), i, "chmod: %s", strerror(errno));
        return -1;
    }
    return 0;
}

static int no_such_attribute(int rc)
{
    return rc != 0 && (errno == ENODATA || errno == EOPNOTSUPP);
}

static int set_acl(const struct tree *t, int i, acl_t acl)
{
    int rc;

    if (has_acl(t, i)) {
        return acl_set_fd(t->fd[i], acl);
    }
    rc = fremovexattr(t->fd[i], ACCESS_ACL);
    return rc != 0 && !no_such_attribute(rc)
               ? rc
               : fchmod(t->fd[i], places[i].plain | special_of(t, i));
}

static void settle_acl(struct tree *t, int i)
{
    acl_t want = wanted_acl(t, i), have = acl_get_fd(t->fd[i]);
    int rc = want && have ? acl_cmp(have, want) : -1;

    if (rc > 0) {
        rc = set_acl(t, i, want);
    }
    if (rc == 0) {
        rc = fremovexattr(t->fd[i], DEFAULT_ACL);
        rc = no_such_attribute(rc) ? 0 : rc;
    }
    if (rc != 0 && errno == EOPNOTSUPP) {
        fail(t, OMK_EINVAL, i, "this file system has no ACLs; expected one "
                               "that has (ext4, xfs, btrfs), mounted with them");
    }
    else if (rc != 0) {
        fail(t, code_of(errno), i, "ACL: %s", strerror(errno));
    }
    if (want) {
        acl_free(want);
    }
    if (have) {
        acl_free(have);
    }
}

static void make_places(struct tree *t)
{
    char what[400];
    bool log_is_ours = false;

    /* The top is root's and sticky before anything in it is looked at, and
     * open to the customer when all is done. */
    if (reach(t, TOP) != 0 || settle_owner(t, TOP) != 0) {
        return;
    }
    for (int i = TOP + 1; i < PLACES; i++) {
        if (parent_of(t, i) >= 0 && reach(t, i) == 0
            && settle_owner(t, i) == 0) {
            settle_acl(t, i);
            log_is_ours = log_is_ours || i == LOG;
        }
    }
    /* Now that nobody else can add to it. */
    if (log_is_ours && planted(t, what, sizeof what)) {
        fail(t, OMK_EDENIED, LOG, "%s", what);
    }
    else if (log_is_ours) {
        make_logs(t);
    }
    settle_acl(t, TOP);
}

/* Whatever the umask is. 0 or errno. */
static int make_dir(const char *path, mode_t mode)
{
    if (mkdir(path, mode) != 0) {
        return errno == EEXIST ? 0 : errno;
    }
    return chmod(path, mode) == 0 ? 0 : errno;
}

/* SRV and what is missing above it. Its parents are the operator's. */
static int make_srv(const char *srv)
{
    char path[4096];

    if (strlen(srv) >= sizeof path) {
        return ENAMETOOLONG;
    }
    strcpy(path, srv);
    for (char *s = path + 1; *s; s++) {
        if (*s == '/') {
            int error;

            *s = '\0';
            error = make_dir(path, 0755);
            if (error) {
                return error;
            }
            *s = '/';
        }
    }
    /* Nobody has to list the customers. */
    return make_dir(path, 0711);
}

int omk_tree_make(const struct omk_node *n, const char *login,
                  const struct omk_account *a, struct omk_err *err)
{
    struct tree t;
    int error;

    init(&t, n, login, a, err);
    error = open_srv(&t);
    if (error == ENOENT) {
        error = make_srv(n->srv_dir);
        error = error ? error : open_srv(&t);
    }
    if (error) {
        return omk_fail(err, code_of(error), n->srv_dir, "%s",
                        strerror(error));
    }
    t.rc = trust_srv(&t, err);
    if (t.rc == OMK_OK) {
        make_places(&t);
    }
    done(&t);
    return t.rc;
}

int omk_tree_srv(const struct omk_node *n, int *fd, struct omk_err *err)
{
    const struct omk_account caller = {.uid = geteuid()};
    struct tree t;
    int error, rc;

    init(&t, n, "", &caller, err);
    error = open_srv(&t);
    if (error) {
        return omk_fail(err, code_of(error), n->srv_dir, "%s",
                        strerror(error));
    }
    rc = trust_srv(&t, err);
    if (rc == OMK_OK) {
        *fd = t.srv;
        t.srv = -1;
    }
    done(&t);
    return rc;
}

int omk_tree_open(const struct omk_node *n, const char *login,
                  const char *name, int *top, int *fd, struct omk_err *err)
{
    struct tree t;
    int error, got = -1;

    init(&t, n, login, NULL, err);
    error = open_srv(&t);
    error = error ? error : open_place(&t, TOP);
    if (!error) {
        got = openat(t.fd[TOP], name, OPEN_DIR);
        error = got < 0 ? errno : 0;
    }
    if (!error && top) {
        *top = t.fd[TOP];
        t.fd[TOP] = -1;
    }
    done(&t);
    if (error) {
        char where[sizeof err->where];

        (void)snprintf(where, sizeof where, "%s/%s/%s", n->srv_dir, login,
                       name);
        return omk_fail(err,
                        stands_there(error) ? OMK_EDENIED : code_of(error),
                        where, "%s",
                        stands_there(error) ? "no directory"
                                            : strerror(error));
    }
    *fd = got;
    return OMK_OK;
}
