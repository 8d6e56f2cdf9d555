#include "account.h"

#include "err.h"
#include "file.h"
#include "names.h"
#include "node.h"
#include "num.h"
#include "run.h"
#include "tool.h"

#include <apr_hash.h>
#include <apr_strings.h>
#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define OURS "Omakase customer "
#define USERADD "/usr/sbin/useradd"
#define USERDEL "/usr/sbin/userdel"
#define GROUPDEL "/usr/sbin/groupdel"
#define END_MS 10000

struct user {
    struct omk_account account;
    bool ours;     /* a customer's, of whatever root */
    bool our_root; /* of this root */
};

struct omk_accounts {
    apr_pool_t *p;
    const struct omk_node *node;
    const char *prefix;
    const char *gecos;
    apr_hash_t *users;   /* name: struct user */
    apr_hash_t *uids;    /* uid_t: first struct user that has it */
    apr_hash_t *gids;    /* gid_t of groups: itself */
    apr_hash_t *shared;  /* uid_t that several users have: itself */
    uint64_t last;       /* the highest uid ever given, 0 for none */
};

/* --- what is there ------------------------------------------------------- */

static bool in_range(const struct omk_node *n, uid_t uid)
{
    return uid >= n->uid_min && uid <= n->uid_max;
}

static void add_user(struct omk_accounts *a, const struct passwd *pw)
{
    struct user *u = apr_pcalloc(a->p, sizeof *u);
    const char *gecos = pw->pw_gecos ? pw->pw_gecos : "";

    u->account.uid = pw->pw_uid;
    u->account.gid = pw->pw_gid;
    apr_cpystrn(u->account.name, pw->pw_name, sizeof u->account.name);
    u->ours = !strncmp(gecos, OURS, sizeof OURS - 1);
    u->our_root = !strcmp(gecos, a->gecos);
    apr_hash_set(a->users, apr_pstrdup(a->p, pw->pw_name), APR_HASH_KEY_STRING,
                 u);
    if (apr_hash_get(a->uids, &u->account.uid, sizeof u->account.uid)) {
        apr_hash_set(a->shared, &u->account.uid, sizeof u->account.uid, u);
    }
    else {
        apr_hash_set(a->uids, &u->account.uid, sizeof u->account.uid, u);
    }
    if (u->ours && in_range(a->node, pw->pw_uid) && pw->pw_uid > a->last) {
        a->last = pw->pw_uid;
    }
}

static int open_list(const struct omk_accounts *a, const char *name,
                     FILE **out, struct omk_err *err)
{
    char *path = apr_pstrcat(a->p, a->prefix, name, NULL);

    *out = fopen(path, "re");
    return *out ? OMK_OK
                : omk_fail(err, OMK_EIO, path, "%s", strerror(errno));
}

static int read_users(struct omk_accounts *a, struct omk_err *err)
{
    const struct passwd *pw;
    FILE *f;
    int rc = open_list(a, "/etc/passwd", &f, err);

    if (rc) {
        return rc;
    }
    while ((pw = fgetpwent(f))) {
        add_user(a, pw);
    }
    if (ferror(f)) {
        rc = omk_fail(err, OMK_EIO, "/etc/passwd", "%s", strerror(errno));
    }
    fclose(f);
    return rc;
}

static int read_groups(struct omk_accounts *a, struct omk_err *err)
{
    const struct group *gr;
    FILE *f;
    int rc = open_list(a, "/etc/group", &f, err);

    if (rc) {
        return rc;
    }
    while ((gr = fgetgrent(f))) {
        gid_t *gid = apr_pmemdup(a->p, &gr->gr_gid, sizeof gr->gr_gid);

        apr_hash_set(a->gids, gid, sizeof *gid, gid);
    }
    if (ferror(f)) {
        rc = omk_fail(err, OMK_EIO, "/etc/group", "%s", strerror(errno));
    }
    fclose(f);
    return rc;
}

static const char *last_uid_file(const struct omk_accounts *a)
{
    return apr_pstrcat(a->p, a->node->state_dir, "/last-uid", NULL);
}

static int read_last_uid(struct omk_accounts *a, struct omk_err *err)
{
    const char *path = last_uid_file(a);
    uint64_t uid = 0;
    char *text;
    size_t len;
    int rc = omk_file_read(path, 32, &text, &len, err);

    if (rc == OMK_ENOENT) {
        return OMK_OK;
    }
    if (rc) {
        return rc;
    }
    rc = omk_num_u64(text, strcspn(text, "\n"), 1, UINT32_MAX - 1, &uid);
    free(text);
    if (rc) {
        return omk_fail(err, OMK_EDAMAGED, path,
                        "no number; expected the highest uid that a customer "
                        "ever had");
    }
    /* Beyond the range it is of a range that was before. */
    if (in_range(a->node, (uid_t)uid) && uid > a->last) {
        a->last = uid;
    }
    return OMK_OK;
}

int omk_accounts_load_in(apr_pool_t *p, const struct omk_node *n,
                         const char *prefix, struct omk_accounts **out,
                         struct omk_err *err)
{
    struct omk_accounts *a = apr_pcalloc(p, sizeof *a);
    int rc;

    a->p = p;
    a->node = n;
    a->prefix = apr_pstrdup(p, prefix);
    a->gecos = apr_pstrcat(p, OURS, *n->root ? n->root : "/", NULL);
    a->users = apr_hash_make(p);
    a->uids = apr_hash_make(p);
    a->gids = apr_hash_make(p);
    a->shared = apr_hash_make(p);
    if (!n->single_user) {
        rc = read_users(a, err);
        rc = rc ? rc : read_groups(a, err);
        rc = rc ? rc : read_last_uid(a, err);
        if (rc) {
            return rc;
        }
    }
    *out = a;
    return OMK_OK;
}

int omk_accounts_load(apr_pool_t *p, const struct omk_node *n,
                      struct omk_accounts **out, struct omk_err *err)
{
    return omk_accounts_load_in(p, n, "", out, err);
}

static void the_caller(const struct omk_node *n, struct omk_account *out)
{
    out->uid = n->httpd_uid;
    out->gid = n->httpd_gid;
    apr_cpystrn(out->name, n->httpd_user, sizeof out->name);
}

int omk_account_find(const struct omk_accounts *a, const char *login,
                     struct omk_account *out, struct omk_err *err)
{
    const struct omk_node *n = a->node;
    const struct user *u;

    if (n->single_user) {
        the_caller(n, out);
        return OMK_OK;
    }
    u = apr_hash_get(a->users, login, APR_HASH_KEY_STRING);
    if (!u) {
        return omk_fail(err, OMK_ENOENT, login, "there is no Unix user '%s'",
                        login);
    }
    if (!u->ours) {
        return omk_fail(err, OMK_EDENIED, login,
                        "the Unix user '%s' (uid %u) is there already and is "
                        "no customer's; expected another login",
                        login, (unsigned)u->account.uid);
    }
    if (!in_range(n, u->account.uid)) {
        return omk_fail(err, OMK_EDENIED, login,
                        "the Unix user '%s' has uid %u; expected %u to %u "
                        "(users { uid_min uid_max })",
                        login, (unsigned)u->account.uid, (unsigned)n->uid_min,
                        (unsigned)n->uid_max);
    }
    if (apr_hash_get(a->shared, &u->account.uid, sizeof u->account.uid)) {
        return omk_fail(err, OMK_EDENIED, login,
                        "the Unix user '%s' shares uid %u with another user; "
                        "expected a uid of its own",
                        login, (unsigned)u->account.uid);
    }
    *out = u->account;
    return OMK_OK;
}

/* --- making and deleting ------------------------------------------------- */

/* Free as a uid and as a gid: useradd then gives the group the same number. */
static int allocate(const struct omk_accounts *a, uid_t *out,
                    struct omk_err *err)
{
    const struct omk_node *n = a->node;
    uint64_t uid = a->last ? a->last + 1 : n->uid_min;

    for (; uid <= n->uid_max; uid++) {
        uid_t id = (uid_t)uid;

        if (!apr_hash_get(a->uids, &id, sizeof id)
            && !apr_hash_get(a->gids, &id, sizeof id)) {
            *out = id;
            return OMK_OK;
        }
    }
    return omk_fail(err, OMK_ERANGE, n->file,
                    "no uid is left of %u to %u; raise users { uid_max } "
                    "(one that was given is never given again)",
                    (unsigned)n->uid_min, (unsigned)n->uid_max);
}

unsigned omk_accounts_left(const struct omk_accounts *a)
{
    const struct omk_node *n = a->node;
    uint64_t next = a->last ? a->last + 1 : n->uid_min;

    return n->single_user || next > n->uid_max
               ? 0
               : (unsigned)(n->uid_max - next + 1);
}

/* While the user is there passwd says so; this is for after its end, whoever
 * deletes it. */
static int remember(struct omk_accounts *a, uid_t uid, struct omk_err *err)
{
    const char *text = apr_psprintf(a->p, "%u\n", (unsigned)uid);

    a->last = uid;
    return omk_file_write(last_uid_file(a), text, strlen(text), 0644, err);
}

/* argv gets `--prefix PREFIX` where there is one. */
static int run(const struct omk_accounts *a, const char *program,
               const char *const rest[], struct omk_err *err)
{
    const char *argv[24] = {program};
    size_t n = 1;

    if (*a->prefix) {
        argv[n++] = "--prefix";
        argv[n++] = a->prefix;
    }
    for (size_t i = 0; rest[i]; i++) {
        argv[n++] = rest[i];
    }
    return omk_tool_run(argv, err);
}

static int useradd(const struct omk_accounts *a, const char *login, uid_t uid,
                   struct omk_err *err)
{
    const struct omk_node *n = a->node;
    const char *const argv[] = {
        "--uid", apr_psprintf(a->p, "%u", (unsigned)uid),
        "--user-group",
        "--no-create-home",
        "--home-dir",
        apr_pstrcat(a->p, n->srv_dir, "/", login, "/home/", login, NULL),
        "--shell", "/usr/sbin/nologin",
        "--comment", a->gecos,
        /* No subordinate ids: what they own would be nobody's in a quota. */
        "--key", "SUB_UID_COUNT=0",
        "--key", "SUB_GID_COUNT=0",
        login, NULL};

    return run(a, USERADD, argv, err);
}

static int read_users_again(struct omk_accounts *a, struct omk_err *err)
{
    apr_hash_clear(a->users);
    apr_hash_clear(a->uids);
    apr_hash_clear(a->shared);
    return read_users(a, err);
}

/* Another root's apply, which has a lock of its own, may take the number
 * between our look and useradd's: then the next one is tried. */
static int add_with_free_uid(struct omk_accounts *a, const char *login,
                             uid_t *uid, struct omk_err *err)
{
    for (int tries = 0;; tries++) {
        int rc = allocate(a, uid, err);

        if (rc) {
            return rc;
        }
        rc = useradd(a, login, *uid, err);
        if (rc == OMK_OK || tries == 20 || read_users_again(a, NULL) != OMK_OK
            || !apr_hash_get(a->uids, uid, sizeof *uid)) {
            return rc;
        }
    }
}

int omk_account_create(struct omk_accounts *a, const char *login,
                       struct omk_account *out, struct omk_err *err)
{
    uid_t uid = 0;
    int rc = omk_account_find(a, login, out, err);

    if (rc != OMK_ENOENT) {
        return rc;
    }
    rc = add_with_free_uid(a, login, &uid, err);
    rc = rc ? rc : remember(a, uid, err);
    /* What useradd made of it is what counts: the group's number. */
    rc = rc ? rc : read_users_again(a, err);
    return rc ? rc : omk_account_find(a, login, out, err);
}

/* userdel leaves the group where login.defs has USERGROUPS_ENAB no. */
static int delete_group(struct omk_accounts *a, const char *login,
                        struct omk_err *err)
{
    const char *const argv[] = {login, NULL};
    const struct group *gr;
    bool there = false;
    FILE *f;
    int rc = open_list(a, "/etc/group", &f, err);

    if (rc) {
        return rc;
    }
    while (!there && (gr = fgetgrent(f))) {
        there = !strcmp(gr->gr_name, login);
    }
    fclose(f);
    return there ? run(a, GROUPDEL, argv, err) : OMK_OK;
}

bool omk_account_is_own(const struct omk_accounts *a, const char *login)
{
    const struct user *u =
        a->node->single_user
            ? NULL
            : apr_hash_get(a->users, login, APR_HASH_KEY_STRING);

    return u && u->ours && u->our_root;
}

/* In a child, which becomes the user: kill(-1) then means the user's processes
 * and no other, and none escapes it by forking. What it returns tells nothing:
 * it is 0 also when all refused. */
static void kill_all_as(const struct omk_account *account)
{
    if (account->uid == 0 || setgroups(0, NULL) != 0
        || setresgid(account->gid, account->gid, account->gid) != 0
        || setresuid(account->uid, account->uid, account->uid) != 0
        || getuid() != account->uid || geteuid() != account->uid
        || setuid(0) == 0) {
        _exit(1);
    }
    (void)kill(-1, SIGKILL);
    _exit(0);
}

/* Real, effective, saved and file system uid; a zombie has none that counts. */
static bool is_of(const char *pid, uid_t uid)
{
    char path[300], line[256];
    unsigned ids[4];
    bool found = false;
    FILE *f;

    (void)snprintf(path, sizeof path, "/proc/%s/status", pid);
    f = fopen(path, "re");
    while (f && fgets(line, sizeof line, f)) {
        if (!strncmp(line, "State:\tZ", 8)) {
            break;
        }
        if (sscanf(line, "Uid: %u %u %u %u", &ids[0], &ids[1], &ids[2],
                   &ids[3])
            == 4) {
            found = ids[0] == uid || ids[1] == uid || ids[2] == uid
                    || ids[3] == uid;
            break;
        }
    }
    if (f) {
        fclose(f);
    }
    return found;
}

static bool has_processes(uid_t uid)
{
    DIR *d = opendir("/proc");
    const struct dirent *e;
    bool found = !d; /* who cannot look says yes */

    while (!found && d && (e = readdir(d))) {
        found = *e->d_name >= '1' && *e->d_name <= '9' && is_of(e->d_name, uid);
    }
    if (d) {
        closedir(d);
    }
    return found;
}

/* A process of the user may kill the child first, so its end is not looked
 * at. */
static int kill_once(const struct omk_account *account, struct omk_err *err)
{
    pid_t child = fork();

    if (child == 0) {
        kill_all_as(account);
    }
    if (child < 0) {
        return omk_fail(err, OMK_EIO, account->name, "fork: %s",
                        strerror(errno));
    }
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {
    }
    return OMK_OK;
}

int omk_account_end_processes(const struct omk_accounts *a,
                              const struct omk_account *account,
                              struct omk_err *err)
{
    long long until = omk_now_ms() + END_MS;
    int rc = OMK_OK;

    if (a->node->single_user || !in_range(a->node, account->uid)) {
        return OMK_OK;
    }
    while (rc == OMK_OK && has_processes(account->uid)) {
        rc = kill_once(account, err);
        if (rc == OMK_OK && !omk_wait_a_little(until)) {
            rc = omk_fail(err, OMK_EBUSY, account->name,
                          "processes of uid %u do not end; see ps -u %s",
                          (unsigned)account->uid, account->name);
        }
    }
    return rc;
}

int omk_account_remove(struct omk_accounts *a, const char *login,
                       struct omk_err *err)
{
    const char *const argv[] = {login, NULL};
    struct omk_account account;
    const struct user *u;
    int rc;

    if (a->node->single_user) {
        return OMK_OK;
    }
    rc = omk_account_find(a, login, &account, err);
    if (rc) {
        return rc == OMK_ENOENT ? OMK_OK : rc;
    }
    u = apr_hash_get(a->users, login, APR_HASH_KEY_STRING);
    if (!u->our_root) {
        return omk_fail(err, OMK_EDENIED, login,
                        "the Unix user '%s' belongs to another root's "
                        "customer; expected the GECOS field '%s'",
                        login, a->gecos);
    }
    rc = remember(a, a->last > account.uid ? (uid_t)a->last : account.uid, err);
    rc = rc ? rc : run(a, USERDEL, argv, err);
    if (rc) {
        return rc;
    }
    apr_hash_set(a->users, login, APR_HASH_KEY_STRING, NULL);
    apr_hash_set(a->uids, &account.uid, sizeof account.uid, NULL);
    return delete_group(a, login, err);
}
