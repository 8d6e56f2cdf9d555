#include "weblog.h"

#include "err.h"
#include "node.h"
#include "tool.h"

#include <apr_strings.h>
#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

#define USERADD "/usr/sbin/useradd"

static bool is_there(const char *dir, const char *name, int mode)
{
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/%s", dir, name);

    return n > 0 && (size_t)n < sizeof path && access(path, mode) == 0;
}

bool omk_weblog_is_here(const struct omk_node *n)
{
    return is_there(n->libexec, "omakase-weblog", X_OK)
           && is_there(n->modules, "mod_weblog.so", R_OK);
}

bool omk_weblog_is_made(const struct omk_node *n)
{
    return n->single_user || n->weblog_ids->uid != 0;
}

int omk_weblog_make(const struct omk_node *n, struct omk_err *err)
{
    const char *const argv[] = {USERADD,        "--system",
                                "--user-group", "--no-create-home",
                                "--home-dir",   "/nonexistent",
                                "--shell",      "/usr/sbin/nologin",
                                "--comment",    "Access logs of Omakase",
                                n->weblog_user, NULL};
    const struct passwd *pw;
    int rc = omk_tool_run(argv, err);

    if (rc) {
        return rc;
    }
    pw = getpwnam(n->weblog_user);
    if (!pw) {
        return omk_fail(err, OMK_EIO, n->weblog_user,
                        "useradd has made it, and it is not there");
    }
    n->weblog_ids->uid = pw->pw_uid;
    n->weblog_ids->gid = pw->pw_gid;
    return OMK_OK;
}

const char *omk_weblog_arguments(apr_pool_t *p, const struct omk_node *n)
{
    return apr_pstrcat(
        p, "--srv ", n->srv_dir, " --lock ", n->run_dir, "/weblog.lock",
        n->single_user ? "" : " --user ", n->single_user ? "" : n->weblog_user,
        apr_psprintf(p, " --size %" APR_UINT64_T_FMT, n->weblog_size), NULL);
}
