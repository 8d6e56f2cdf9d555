#include "cmocka_first.h"
#include "customers.h"

#include "err.h"
#include "tree.h"

#include <acl/libacl.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/acl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct omk_node node;
const struct omk_account alice = {ALICE, ALICE, "alice"};
const struct omk_account bob = {BOB, BOB, "bob"};
char base[64];
static char srv[80];

const char *at(const char *format, ...)
{
    static char paths[16][512];
    static unsigned turn;
    char *path = paths[turn++ % 16];
    int len = snprintf(path, sizeof paths[0], "%s/", base);
    va_list ap;

    va_start(ap, format);
    (void)vsnprintf(path + len, sizeof paths[0] - (size_t)len, format, ap);
    va_end(ap);
    return path;
}

int customers_set_up(void **state)
{
    (void)state;
    umask(077); /* whatever it is */
    strcpy(base, "/tmp/omakase-tree-XXXXXX");
    assert_non_null(mkdtemp(base));
    assert_int_equal(chmod(base, 0755), 0);
    (void)snprintf(srv, sizeof srv, "%s/srv/omakase", base);
    memset(&node, 0, sizeof node);
    node.root = base;
    node.srv_dir = srv;
    node.httpd_user = "httpd";
    node.httpd_uid = HTTPD;
    node.httpd_gid = HTTPD;
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type,
                      struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

int customers_tear_down(void **state)
{
    (void)state;
    (void)run("umount -l %s/fs 2>/dev/null", base);
    (void)run("umount -l %s/srv/omakase/alice/web 2>/dev/null", base);
    return nftw(base, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

bool as(uid_t uid, int (*body)(const char *arg), const char *arg)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        if (setgroups(0, NULL) != 0 || setresgid(uid, uid, uid) != 0
            || setresuid(uid, uid, uid) != 0) {
            _exit(99);
        }
        _exit(body(arg) == 0 ? 0 : 1);
    }
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_not_equal(WEXITSTATUS(status), 99);
    return WEXITSTATUS(status) == 0;
}

void write_text(const char *path, const char *text, mode_t mode)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, mode), 0);
}

void make_tree(const char *login, const struct omk_account *a)
{
    struct omk_err err = {0};
    int rc = omk_tree_make(&node, login, a, &err);

    if (rc) {
        fail_msg("tree of %s: %d %s: %s", login, rc, err.where, err.text);
    }
}

static void collect(void *ctx, const char *what)
{
    char *text = ctx;

    strncat(text, what, 4000 - strlen(text));
    strncat(text, "\n", 4000 - strlen(text));
}

const char *check_tree(const char *login, const struct omk_account *a)
{
    static char text[4096];
    struct omk_err err = {0};

    *text = '\0';
    if (omk_tree_check(&node, login, a, collect, text, &err)) {
        fail_msg("check of %s: %s: %s", login, err.where, err.text);
    }
    return text;
}

const char *facts(const char *path)
{
    static char texts[8][300];
    static unsigned turn;
    char *out = texts[turn++ % 8];
    struct stat st;
    acl_t acl;
    char *text;
    int fd;

    assert_int_equal(lstat(path, &st), 0);
    fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    assert_true(fd >= 0);
    acl = acl_get_fd(fd);
    assert_non_null(acl);
    text = acl_to_any_text(acl, NULL, ',', TEXT_ABBREVIATE | TEXT_NUMERIC_IDS);
    (void)snprintf(out, sizeof texts[0], "%u %u %04o %s", (unsigned)st.st_uid,
                   (unsigned)st.st_gid, (unsigned)st.st_mode & 07777, text);
    acl_free(text);
    acl_free(acl);
    close(fd);
    return out;
}

bool mount_at(const char *type, const char *path, const char *options)
{
    return mount("none", path, type, MS_NOSUID | MS_NODEV, options) == 0;
}

bool run(const char *format, ...)
{
    char command[2048];
    va_list ap;

    va_start(ap, format);
    (void)vsnprintf(command, sizeof command, format, ap);
    va_end(ap);
    return system(command) == 0;
}
