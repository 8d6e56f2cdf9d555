/* ftpaccess disable and enable: the operator's way out of a lock-out. */
#include "cli.h"

#include "err.h"
#include "lift.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define DEPTH_MAX 64

struct lift {
    const struct cli *c;
    bool enable;
    int audit;
    unsigned done, failed;
    json_t *all;
};

static const char *who_asks(const struct cli *c)
{
    const char *sudo = getenv("SUDO_USER");
    const struct passwd *pw;

    if (c->who) {
        return c->who;
    }
    if (sudo && *sudo) {
        return sudo;
    }
    pw = getpwuid(getuid());
    return pw ? pw->pw_name : "?";
}

static void tell(struct lift *k, const char *dir, const char *name)
{
    const char *from = k->enable ? name : FTPACCESS_NAME;
    const char *to = k->enable ? FTPACCESS_NAME : name;

    k->done++;
    if (k->c->json) {
        (void)json_array_append_new(
            k->all,
            json_pack("{s:s?, s:s, s:s}", "dir", dir, "from", from, "to", to));
        return;
    }
    cli_print(dir);
    printf(": %s -> %s\n", from, to);
}

/* The audit log is open by now: what could not be put on record is not done. */
static int lift_one(struct lift *k, int dir, const char *path, bool must)
{
    struct omk_err err = {0};
    char text[6000], name[64];
    int rc = k->enable ? lift_enable(dir, name, sizeof name, &err)
                       : lift_disable(dir, name, sizeof name, &err);

    if (rc == OMK_ENOENT && !must) {
        return EX_OK;
    }
    if (rc != OMK_OK) {
        k->failed++;
        return cli_fail(rc == OMK_ENOENT ? EX_NOINPUT : EX_IOERR, path,
                        rc == OMK_ENOENT ? (k->enable ? "has no disabled file"
                                                      : "has no .ftpaccess")
                                         : err.text);
    }
    (void)snprintf(
        text, sizeof text, "%s %.4000s/%s to %s by \"%.200s\": %.600s",
        k->enable ? "enabled" : "disabled", path,
        k->enable ? name : FTPACCESS_NAME, k->enable ? FTPACCESS_NAME : name,
        who_asks(k->c), k->c->why ? k->c->why : "no reason given");
    if (lift_audit(k->audit, k->enable ? "OMK0516" : "OMK0515", text, &err)
        != OMK_OK) {
        k->failed++;
        (void)cli_fail(EX_IOERR, err.where, err.text);
    }
    tell(k, path, name);
    return EX_OK;
}

static void walk(struct lift *k, int dir, const char *path, int depth)
{
    struct dirent **names = NULL;
    int count = scandirat(dir, ".", &names, NULL, NULL);

    (void)lift_one(k, dir, path, false);
    for (int i = 0; i < count; i++) {
        const char *name = names[i]->d_name;
        char *below = NULL;
        int fd = -1;

        if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0
            && depth < DEPTH_MAX
            && asprintf(&below, "%s/%s", path, name) >= 0) {
            fd = openat(dir, name,
                        O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        }
        if (fd >= 0) {
            walk(k, fd, below, depth + 1);
            close(fd);
        }
        free(below);
        free(names[i]);
    }
    free(names);
}

/* --all takes a login, which must not lead out of the base. */
static int open_tree(const struct cli *c, char *path, size_t room)
{
    const char *name = c->args[0];

    if (!c->all) {
        (void)snprintf(path, room, "%s", name);
        return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    if (!*name || *name == '.' || strchr(name, '/')) {
        errno = EINVAL;
        return -1;
    }
    (void)snprintf(path, room, "%s/%s", c->base ? c->base : "/srv/omakase",
                   name);
    return open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* As the audit log needs it, whatever the caller's directory was. */
static void whole_path(int dir, char *path, size_t room)
{
    char link[64], whole[PATH_MAX];
    ssize_t n;

    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", dir);
    n = readlink(link, whole, sizeof whole - 1);
    if (n > 0 && whole[0] == '/') {
        whole[n] = '\0';
        (void)snprintf(path, room, "%s", whole);
    }
}

static int lift(struct cli *c, bool enable)
{
    struct lift k = {.c = c, .enable = enable};
    struct omk_err err = {0};
    char path[PATH_MAX];
    int dir, rc = EX_OK;

    dir = open_tree(c, path, sizeof path);
    if (dir < 0) {
        return cli_fail(EX_NOINPUT, c->args[0],
                        c->all ? "no customer's tree of that name"
                               : "no directory to open");
    }
    k.audit = lift_audit_open(
        c->audit ? c->audit : OMAKASE_STATEDIR "/audit.log", &err);
    if (k.audit < 0) {
        close(dir);
        return cli_fail(EX_CANTCREAT, err.where, err.text);
    }
    whole_path(dir, path, sizeof path);
    k.all = c->json ? json_array() : NULL;
    if (c->all) {
        walk(&k, dir, path, 0);
    }
    else {
        rc = lift_one(&k, dir, path, true);
    }
    if (c->json) {
        (void)json_dumpf(k.all, stdout, JSON_INDENT(1));
        putchar('\n');
    }
    json_decref(k.all);
    close(k.audit);
    close(dir);
    return rc != EX_OK ? rc : k.failed ? EX_IOERR : EX_OK;
}

int cli_disable(struct cli *c)
{
    return lift(c, false);
}

int cli_enable(struct cli *c)
{
    return lift(c, true);
}
