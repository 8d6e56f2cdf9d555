#include "child.h"

#include "cgroup.h"
#include "confine.h"
#include "denied.h"
#include "diagnose.h"
#include "environ.h"
#include "isindex.h"
#include "limits.h"
#include "shebang.h"
#include "target.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* What does not belong on a stack. Never touched by the daemon, so that it
 * costs it no memory: the child's own copy is used, once. Small things are
 * together, as each page that is touched costs as much as a system call. */
static struct {
    const char *argv[CGIW_ARGV_MAX + CGIW_ISINDEX_WORDS_MAX];
    struct cgiw_facts facts;
    struct cgiw_target target;
    struct cgiw_shebang shebang;
    char block[CGIW_ENV_MAX];
    char own[CGIW_ENVIRON_OWN_MAX];
    char *envp[CGIW_ENVIRON_MAX + 1];
    char words[CGIW_ISINDEX_BYTES_MAX];
    char text[CGIW_EXPLAIN_MAX];
} my;

static void reply(const struct cgiw_child *c, enum cgiw_reply_kind kind,
                  enum cgiw_code code, const char *text)
{
    struct cgiw_reply r = {
        .kind = (uint16_t)kind, .code = (uint16_t)code, .run = c->run};

    if (c->fds.control < 0) {
        if (text && *text) {
            (void)dprintf(STDERR_FILENO, "%s\n", text);
        }
        return;
    }
    /* Nobody reads any more: then the daemon will hear of it, too. */
    (void)cgiw_reply_send(c->fds.control, &r, text);
}

static _Noreturn void refuse(const struct cgiw_child *c, enum cgiw_code code)
{
    (void)cgiw_explain(code, &my.facts, my.text, sizeof my.text);
    reply(c, CGIW_REFUSED, code, my.text);
    c->slot->code = (uint32_t)code;
    c->slot->stage = CGIW_STAGE_REFUSED;
    _exit(1);
}

/* The machine, not the script, is at fault. */
static _Noreturn void fail(const struct cgiw_child *c, const char *what,
                           int error)
{
    (void)snprintf(my.facts.what, sizeof my.facts.what, "%s: %s", what,
                   strerror(error));
    refuse(c, CGIW_E22);
}

/* --- 1. as the daemon ----------------------------------------------------- */

static void take_descriptors(const struct cgiw_child *c)
{
    if (dup2(c->fds.in, STDIN_FILENO) < 0 || dup2(c->fds.out, STDOUT_FILENO) < 0
        || dup2(c->fds.err, STDERR_FILENO) < 0) {
        fail(c, "dup2", errno);
    }
}

static void enter(const struct cgiw_child *c)
{
    sigset_t none;
    int rc;

    /* Handlers: the daemon has none, and it ignores no signal. */
    (void)sigemptyset(&none);
    if (sigprocmask(SIG_SETMASK, &none, NULL) != 0) {
        fail(c, "sigprocmask", errno);
    }
    /* Without the daemon it may be the first of its group as it is. */
    if (setsid() < 0 && c->fds.control >= 0) {
        fail(c, "setsid", errno);
    }
    take_descriptors(c);
    rc = cgiw_leaf_join(c->leaf);
    if (rc != 0) {
        fail(c, "control group", -rc);
    }
    if (!(c->holds & CGIW_HOLDS_CPU_WEIGHT)) {
        cgiw_give_way();
    }
    rc = cgiw_rlimits_before(&c->site->limits, c->holds);
    if (rc != 0) {
        fail(c, "setrlimit", -rc);
    }
    rc = c->confined >= 0 ? cgiw_confine_enter(c->confined) : 0;
    if (rc != 0) {
        fail(c, "confinement", -rc);
    }
    rc = c->site->nnp ? cgiw_confine_no_new_privs() : 0;
    if (rc != 0) {
        fail(c, "no_new_privs", -rc);
    }
}

/* --- 2. groups, gid, uid -------------------------------------------------- */

static void drop(const struct cgiw_child *c)
{
    uid_t uid = c->site->uid;
    gid_t gid = c->site->gid;

    if (c->own_uid == 0 && setgroups(0, NULL) != 0) {
        fail(c, "setgroups", errno);
    }
    if (setresgid(gid, gid, gid) != 0) {
        fail(c, "setresgid", errno);
    }
    if (setresuid(uid, uid, uid) != 0) {
        fail(c, "setresuid", errno);
    }
}

/* Asked anew, as those calls have had bugs and surprises (RLIMIT_NPROC before
 * Linux 3.1, securebits); nothing of the script's is touched before it holds.
 */
static void verify(const struct cgiw_child *c)
{
    uid_t uid = c->site->uid, r, e, s;
    gid_t gid = c->site->gid, rg, eg, sg;

    if (getresuid(&r, &e, &s) != 0 || r != uid || e != uid || s != uid
        || getresgid(&rg, &eg, &sg) != 0 || rg != gid || eg != gid || sg != gid
        || (c->own_uid == 0 && getgroups(0, NULL) != 0)) {
        fail(c, "the user was not changed", EPERM);
    }
    if (setuid(0) == 0 || setresuid((uid_t)-1, 0, (uid_t)-1) == 0
        || (c->own_uid == 0 && setgid(0) == 0)) {
        fail(c, "root's rights are still there", EPERM);
    }
}

/* --- 3. as the customer --------------------------------------------------- */

static void settle(const struct cgiw_child *c)
{
    int rc;

    /* Now, as a change of user takes it back (prctl(2)). */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) {
        fail(c, "prctl", errno);
    }
    if (getppid() != c->daemon) {
        _exit(1); /* it has died before */
    }
    rc = cgiw_rlimits_after(&c->site->limits, c->holds);
    if (rc != 0) {
        fail(c, "setrlimit", -rc);
    }
    (void)umask(c->site->umask);
}

static _Noreturn void broken_environment(const struct cgiw_child *c)
{
    my.facts.detail = CGIW_ENV_BROKEN;
    refuse(c, CGIW_E25);
}

/* Sealed, so that its sender cannot change it while it is read. */
static size_t read_environment(const struct cgiw_child *c)
{
    int fd = c->fds.environment;
    int seals = fcntl(fd, F_GET_SEALS);
    size_t len = c->request->head.env_bytes;
    uint32_t count = 0;
    struct stat st;

    if (seals < 0 || (seals & CGIW_ENV_SEALS) != CGIW_ENV_SEALS
        || fstat(fd, &st) != 0 || st.st_size != (off_t)len
        || pread(fd, my.block, len, 0) != (ssize_t)len) {
        broken_environment(c);
    }
    for (size_t i = 0; i < len; i++) {
        count += my.block[i] == '\0';
    }
    if (count != c->request->head.env_count) {
        broken_environment(c);
    }
    return len;
}

static void make_environment(const struct cgiw_child *c, int for_php)
{
    const struct cgiw_site *site = c->site;
    struct cgiw_environ_rules rules = {
        .passenv = c->config->passenv,
        .site_passenv = site->passenv,
        .setenv = c->config->setenv,
        .site_setenv = site->setenv,
        .home = site->home,
        .user = site->username,
        .path = site->path,
        .lang = site->lang ? site->lang : "C",
        .unsafe_inc = site->unsafeinc,
        .script_filename = for_php ? my.target.path : NULL,
    };
    size_t len = read_environment(c), count;
    int code = cgiw_environ_build(my.block, len, &rules, my.own, sizeof my.own,
                                  my.envp, sizeof my.envp / sizeof *my.envp,
                                  &count, &my.facts);

    if (code) {
        refuse(c, (enum cgiw_code)code);
    }
}

static void walk(const struct cgiw_child *c)
{
    const struct cgiw_site *site = c->site;
    struct cgiw_target_rules rules = {
        .root = site->root,
        .shown = site->shown,
        .user = site->username,
        .uid = site->uid,
        .symlinks = site->symlinks,
    };
    const struct cgiw_request_view *r = c->request;
    int code = r->command ? cgiw_target_directory(r->path, r->path_len, &rules,
                                                  &my.target, &my.facts)
                          : cgiw_target_open(r->path, r->path_len, &rules,
                                             &my.target, &my.facts);

    if (code) {
        refuse(c, (enum cgiw_code)code);
    }
    if (fchdir(my.target.dir_fd) != 0) {
        fail(c, "fchdir", errno);
    }
}

/* By the file that was opened, and by both of its names where links lead to
 * it: neither another name nor another upload of the same name lifts it. */
static void ask_operator(const struct cgiw_child *c)
{
    const char *login = c->site->login;
    struct omk_denied_file file;
    const struct omk_denied_entry *entry;

    if (c->denied->count == 0) {
        return;
    }
    if (omk_denied_identify(my.target.fd, &file) != 0) {
        fail(c, "statx", errno);
    }
    entry = omk_denied_find(c->denied, login, my.target.real, &file);
    if (!entry) {
        entry = omk_denied_find(c->denied, login, my.target.shown, NULL);
    }
    if (entry) {
        (void)snprintf(my.facts.what, sizeof my.facts.what, "%s", entry->why);
        refuse(c, CGIW_E23);
    }
}

/* Runs my.argv: by the descriptor (of a program: the very file that was
 * looked at), or by the path where that is -1. Returns when it fails: errno. */
static int execute(const struct cgiw_child *c, int fd, const char *path)
{
    /* They change neither; their prototypes are older than const. */
    char *const *argv = (char *const *)(uintptr_t)my.argv;

    /* The daemon's are close-on-exec as they are; this is for one that is not
     * by mistake. ENOSYS: before Linux 5.9. */
    if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) != 0 && errno != ENOSYS) {
        fail(c, "close_range", errno);
    }
    reply(c, CGIW_STARTED, CGIW_OK, NULL);
    c->slot->stage = CGIW_STAGE_EXEC;
    (void)(fd < 0 ? execve(path, argv, my.envp)
                  : execveat(fd, "", argv, my.envp, AT_EMPTY_PATH));
    return errno;
}

static _Noreturn void run_command(const struct cgiw_child *c)
{
    int error;

    make_environment(c, 0);
    my.argv[0] = "sh";
    my.argv[1] = "-c";
    my.argv[2] = c->request->command;
    my.argv[3] = NULL;
    error = execute(c, -1, "/bin/sh");
    fail(c, "/bin/sh", error);
}

static void read_first_line(const struct cgiw_child *c,
                            const struct cgiw_shebang_rules *rules)
{
    char head[CGIW_SHEBANG_HEAD];
    ssize_t len;
    int code;

    len = pread(my.target.fd, head, sizeof head, 0);
    if (len < 0) {
        fail(c, "read", errno);
    }
    code = cgiw_shebang_parse(head, (size_t)len, rules, &my.shebang, &my.facts);
    if (code) {
        refuse(c, (enum cgiw_code)code);
    }
    if (my.shebang.warning) {
        (void)cgiw_explain(my.shebang.warning, &my.facts, my.text,
                           sizeof my.text);
        reply(c, CGIW_WARNED, my.shebang.warning, my.text);
    }
}

static const char *variable(const char *name)
{
    size_t len = strlen(name);

    for (char **v = my.envp; *v; v++) {
        if (!strncmp(*v, name, len) && (*v)[len] == '=') {
            return *v + len + 1;
        }
    }
    return "";
}

/* RFC 3875 4.4. php-cgi takes its arguments for options (CVE-2012-1823). */
static void add_query_words(const struct cgiw_child *c, size_t count)
{
    const char *method = variable("REQUEST_METHOD");

    if (c->site->isindex && my.shebang.runs != CGIW_RUNS_BY_PHP_CGI
        && (!strcmp(method, "GET") || !strcmp(method, "HEAD"))) {
        count +=
            cgiw_isindex(variable("QUERY_STRING"), my.words, my.argv + count);
    }
    my.argv[count] = NULL;
}

/* A program needs not be readable to run. Linux finds out whether it is one: it
 * says ENOEXEC of a text, and ENOENT of a #! line, whose interpreter could not
 * open it by its descriptor. */
static _Noreturn void run_unread(const struct cgiw_child *c,
                                 const struct cgiw_shebang_rules *rules)
{
    int error, code;

    my.shebang.runs = CGIW_RUNS_ITSELF;
    make_environment(c, 0);
    add_query_words(c, cgiw_shebang_argv(&my.shebang, my.target.path, my.argv));
    error = execute(c, my.target.fd, NULL);
    code = error == ENOEXEC || error == ENOENT
               ? cgiw_target_unreadable(&my.target, &my.facts)
               : cgiw_shebang_failed(&my.shebang, error, rules, &my.facts);
    refuse(c, (enum cgiw_code)code);
}

static _Noreturn void run_script(const struct cgiw_child *c)
{
    struct cgiw_shebang_rules rules = {
        .site_interpreters = c->site->interpreters,
        .interpreters = c->config->interpreters,
        .path = c->site->path,
        .strict = c->site->strict,
        .probe = cgiw_probe,
    };
    int error;

    if (!my.target.readable) {
        run_unread(c, &rules);
    }
    read_first_line(c, &rules);
    make_environment(c, my.shebang.runs == CGIW_RUNS_BY_PHP_CGI);
    add_query_words(c, cgiw_shebang_argv(&my.shebang, my.target.path, my.argv));
    error = execute(c, my.shebang.runs == CGIW_RUNS_ITSELF ? my.target.fd : -1,
                    my.shebang.interpreter);
    refuse(c, (enum cgiw_code)cgiw_shebang_failed(&my.shebang, error, &rules,
                                                  &my.facts));
}

_Noreturn void cgiw_child(const struct cgiw_child *c)
{
    const struct cgiw_request_view *r = c->request;

    (void)snprintf(my.facts.user, sizeof my.facts.user, "%s",
                   c->site->username);
    my.facts.uid = c->site->uid;
    cgiw_target_shown(r->path, r->path_len, c->site->root, c->site->shown,
                      my.facts.script, sizeof my.facts.script);
    enter(c);
    drop(c);
    verify(c);
    settle(c);
    if (r->command && !c->site->execcmd) {
        (void)snprintf(my.facts.what, sizeof my.facts.what,
                       "SSI's #exec cmd is not allowed here");
        refuse(c, CGIW_E23);
    }
    walk(c);
    if (r->command) {
        run_command(c);
    }
    ask_operator(c);
    run_script(c);
}
