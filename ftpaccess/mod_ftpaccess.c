/* mod_ftpaccess: .ftpaccess without its traps, for ProFTPD.
 *
 * - Each command is judged by all .ftpaccess files from its target up to "/",
 *   "/.ftpaccess" covering "/" and itself. What ProFTPD denies by itself stays
 *   denied: this only adds refusals.
 * - A text that becomes a .ftpaccess (by STOR, APPE, RNTO or SITE CPTO) is read
 *   first. One that would shut out the client that puts it there is refused
 *   with the line and the reason, unless SITE FTPACCESS ALLOW came before; so
 * is one in an encoding that ProFTPD cannot read, always.
 * - Misspelt names become .ftpaccess, and the reply says so.
 *
 * - What becomes of an upload that breaks off is in mod_ftpaccess_store.h.
 *
 * Uploads and renames are caught where the file system is called, so that there
 * is no way around, and ProFTPD's own checks have seen the real names before.
 */
#include "conf.h"
#include "privs.h"

#include "ftpaccess.h"
#include "message.h"
#include "mod_ftpaccess_store.h"

#include <fcntl.h>
#include <sys/stat.h>

#define MOD_FTPACCESS_VERSION "mod_ftpaccess/" OMAKASE_VERSION
#define LINE 700

module ftpaccess_module;

/* ProFTPD's own, in none of its headers. */
extern int ServerUseReverseDNS;
extern pr_response_t *resp_err_list;

/* A .ftpaccess that is being written: into a file beside it. */
struct pending {
    int fd; /* -1: none */
    char temporary[FTPACCESS_PATH_ROOM];
    char path[FTPACCESS_PATH_ROOM];
};

/* Of one session, that is, of one process. */
static struct {
    bool on;
    enum ftpaccess_lang langs[2];
    size_t lang_count;
    int root;
    pr_fs_t *fs;
    struct ftpaccess_disk *disk; /* NULL before the login */
    struct ftpaccess_client client;
    bool allow_next;       /* SITE FTPACCESS ALLOW */
    const char *renamed;   /* the misspelt name of the current command */
    array_header *refusal; /* lines of the reply, if we refuse */
    struct pending pending;
} state = {.root = -1, .pending = {.fd = -1}};

/* --- replies ------------------------------------------------------------- */

static void start_refusal(pool *p)
{
    state.refusal = make_array(p, 4, sizeof(char *));
}

static void add_line(const char *line)
{
    *((char **)push_array(state.refusal)) = pstrdup(state.refusal->pool, line);
}

/* All lines under one code: a refusal's, in place of what the core says. */
static void send_refusal(void)
{
    char **lines = state.refusal->elts;

    pr_response_clear(&resp_err_list);
    for (unsigned i = 0; i < state.refusal->nelts; i++) {
        pr_response_add_err(i ? R_DUP : R_550, "%s", lines[i]);
    }
    state.refusal = NULL;
}

static void add_verdict(const char *what, const struct ftpaccess_verdict *v)
{
    char text[FTPACCESS_PATH_ROOM + LINE], line[FTPACCESS_PATH_ROOM + 2 * LINE];

    for (size_t i = 0; i < state.lang_count; i++) {
        ftpaccess_verdict_text(v, state.langs[i], text, sizeof text);
        (void)snprintf(line, sizeof line, "%.300s: %s", what, text);
        add_line(line);
    }
}

static void add_both(const char *english, const char *japanese)
{
    for (size_t i = 0; i < state.lang_count; i++) {
        add_line(state.langs[i] == FTPACCESS_JA ? japanese : english);
    }
}

/* --- judging each command ------------------------------------------------ */

/* The command as <Limit> calls it: SITE's parts have names of their own. */
static const struct ftpaccess_command *command_of(const cmd_rec *cmd,
                                                  size_t *skip)
{
    char name[32];

    *skip = 0;
    if (strcasecmp(cmd->argv[0], C_SITE) != 0) {
        *skip = strcasecmp(cmd->argv[0], "MFMT") == 0
                        || strcasecmp(cmd->argv[0], "MFF") == 0
                    ? 1
                    : 0;
        return ftpaccess_command(cmd->argv[0]);
    }
    if (cmd->argc < 2) {
        return NULL;
    }
    (void)snprintf(name, sizeof name, "SITE_%.20s", (char *)cmd->argv[1]);
    *skip = strncasecmp(name + 5, "CH", 2) == 0 ? 2 : 1;
    return ftpaccess_command(name);
}

/* What is left of the argument behind skip words; options of listings go. */
static const char *argument(cmd_rec *cmd, size_t skip)
{
    const char *arg = cmd->arg ? cmd->arg : "";
    bool lists = strcasecmp(cmd->argv[0], C_LIST) == 0
                 || strcasecmp(cmd->argv[0], C_NLST) == 0
                 || strcasecmp(cmd->argv[0], C_STAT) == 0;

    while (skip || (lists && *arg == '-')) {
        arg += strcspn(arg, " ");
        arg += strspn(arg, " ");
        skip -= skip > 0;
    }
    return arg;
}

static bool judge(cmd_rec *cmd, const struct ftpaccess_command *command,
                  const char *path, const char *arg)
{
    struct ftpaccess_verdict v;

    ftpaccess_judge(ftpaccess_disk_tree(state.disk), &state.client, command,
                    path, cmd->arg ? cmd->arg : arg, NULL, NULL, &v);
    if (v.allowed) {
        return true;
    }
    start_refusal(cmd->pool);
    add_verdict(*arg ? arg : path, &v);
    return false;
}

/* The directory's real path with the last part as it is: what is renamed or
 * deleted is a link itself, not where it leads. */
static const char *beside(pool *p, char *canonical)
{
    char *slash = strrchr(canonical, '/');
    char *dir;

    if (!slash || slash == canonical || !slash[1]) {
        return canonical;
    }
    dir = dir_best_path(p, pstrndup(p, canonical, (size_t)(slash - canonical)));
    return dir ? pdircat(p, dir, slash + 1, NULL) : canonical;
}

/* Whether a command is about a name, not about what it leads to. */
static bool on_name(const struct ftpaccess_command *command)
{
    static const char *const names[] = {"DELE", "MKD",  "RMD", "RNFR",
                                        "RNTO", "XMKD", "XRMD"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(command->name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* By its name, by where its directory is, and by where it leads itself: a link
 * is no way around a directory's rules. */
static bool judge_paths(cmd_rec *cmd, const struct ftpaccess_command *command,
                        const char *arg)
{
    const char *decoded = pr_fs_decode_path(cmd->tmp_pool, arg);
    char *canonical = dir_canonical_path(cmd->tmp_pool, decoded);
    const char *real, *best;

    if (!canonical) {
        return true; /* the core refuses it */
    }
    if (!judge(cmd, command, canonical, arg)) {
        return false;
    }
    best = dir_best_path(cmd->tmp_pool, decoded);
    if (best && strcmp(best, canonical) == 0) {
        return true; /* there is no link on the way */
    }
    real = beside(cmd->tmp_pool, canonical);
    if (strcmp(real, canonical) != 0 && !judge(cmd, command, real, arg)) {
        return false;
    }
    return !best || on_name(command) || judge(cmd, command, best, arg);
}

/* --- names --------------------------------------------------------------- */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static char *with_right_name(pool *p, const char *path)
{
    return pstrcat(p, pstrndup(p, path, (size_t)(base_name(path) - path)),
                   FTPACCESS_NAME, NULL);
}

static bool stores(const struct ftpaccess_command *command)
{
    static const char *const names[] = {"STOR", "APPE", "RNTO", "SITE_CPTO"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(command->name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* A .ftpaccess that is renamed is meant to go, whatever its new name. */
static bool takes_away(const struct ftpaccess_command *command)
{
    return strcmp(command->name, "RNTO") == 0 && session.xfer.path
           && strcmp(base_name(session.xfer.path), FTPACCESS_NAME) == 0;
}

static void mend_name(cmd_rec *cmd, const struct ftpaccess_command *command,
                      const char *arg)
{
    char *last = cmd->argv[cmd->argc - 1];

    if (!stores(command) || !ftpaccess_misprint(base_name(arg))
        || takes_away(command)) {
        return;
    }
    state.renamed = pstrdup(cmd->pool, base_name(arg));
    cmd->argv[cmd->argc - 1] = with_right_name(cmd->pool, last);
    cmd->arg = with_right_name(cmd->pool, cmd->arg);
    pr_cmd_clear_cache(cmd);
}

/* Such a name would write lines of its own into ProFTPD's log, and to the
 * terminal of who reads it. What has one can still be deleted or renamed. */
static bool is_unfit(const cmd_rec *cmd,
                     const struct ftpaccess_command *command)
{
    static const char *const makes[] = {"MKD", "XMKD", "CWD", "XCWD"};
    bool looked_at = stores(command);
    const char *s = cmd->arg;

    for (size_t i = 0; i < sizeof makes / sizeof *makes; i++) {
        looked_at = looked_at || strcmp(command->name, makes[i]) == 0;
    }
    while (looked_at && s && *s && (unsigned char)*s >= ' ' && *s != 0x7f) {
        s++;
    }
    return looked_at && s && *s;
}

MODRET ftpaccess_pre_any(cmd_rec *cmd)
{
    const struct ftpaccess_command *command;
    const char *arg;
    size_t skip;

    state.renamed = NULL;
    state.refusal = NULL;
    if (!state.disk) {
        return PR_DECLINED(cmd);
    }
    ftpaccess_disk_trim(state.disk);
    command = command_of(cmd, &skip);
    if (!command || command->not_all) { /* PASV and the like: ProFTPD's alone */
        return PR_DECLINED(cmd);
    }
    if (is_unfit(cmd, command)) {
        pr_response_add_err(R_550, "A name with control characters");
        pr_cmd_set_errno(cmd, EACCES);
        errno = EACCES;
        return PR_ERROR(cmd);
    }
    mend_name(cmd, command, argument(cmd, skip));
    arg = argument(cmd, skip);
    if (command->target == FTPACCESS_ON_NOTHING || !*arg) {
        arg = strcmp(command->name, "CDUP") == 0
                      || strcmp(command->name, "XCUP") == 0
                  ? ".."
                  : ".";
    }
    if (judge_paths(cmd, command, arg)) {
        return PR_DECLINED(cmd);
    }
    send_refusal();
    pr_cmd_set_errno(cmd, EACCES);
    errno = EACCES;
    return PR_ERROR(cmd);
}

/* --- what becomes a .ftpaccess ------------------------------------------- */

static bool refuse_encoding(pool *p, const struct ftpaccess_report *r)
{
    char what[LINE], today[LINE], line[3 * LINE];

    start_refusal(p);
    add_both(
        ".ftpaccess is not stored: ProFTPD could not read it.",
        ".ftpaccess は保存されませんでした。このままでは読めないためです。");
    for (size_t i = 0; i < r->count && i < 20; i++) {
        const struct ftpaccess_finding *f = &r->findings[i];

        if (f->kind != FTPACCESS_BOM && f->kind != FTPACCESS_UTF16
            && f->kind != FTPACCESS_FULL_WIDTH) {
            continue;
        }
        for (size_t j = 0; j < state.lang_count; j++) {
            ftpaccess_finding_text(f, state.langs[j], what, sizeof what, today,
                                   sizeof today);
            (void)snprintf(line, sizeof line,
                           state.langs[j] == FTPACCESS_JA
                               ? "%u 行目 %u 文字目: %s"
                               : "Line %u, column %u: %s",
                           f->pos.line, f->pos.column, what);
            add_line(line);
        }
    }
    add_both("Save it as plain text (ASCII, in Notepad: ANSI) and upload it "
             "again.",
             "半角文字だけを使い、文字コード ANSI "
             "で保存し直してからアップロードしてください。");
    return false;
}

static bool refuse_lockout(pool *p, const struct ftpaccess_command *command,
                           const struct ftpaccess_verdict *v)
{
    start_refusal(p);
    add_both(".ftpaccess is not stored: it would lock you out.",
             ".ftpaccess "
             "は保存されませんでした。ご自身が操作できなくなるためです。");
    add_verdict(command->name, v);
    add_line(pstrcat(p, "(", state.client.address, state.client.host ? " " : "",
                     state.client.host ? state.client.host : "", ")", NULL));
    add_both("To store it all the same, send SITE FTPACCESS ALLOW, then again.",
             "それでも保存する場合は SITE FTPACCESS ALLOW "
             "を送ってから、もう一度行ってください。");
    return false;
}

static char *read_all(pool *p, int fd, size_t *len)
{
    char *text = palloc(p, FTPACCESS_MAX_BYTES + 1);
    size_t n = 0;
    ssize_t got;

    do {
        got = pread(fd, text + n, FTPACCESS_MAX_BYTES + 1 - n, (off_t)n);
        n += got > 0 ? (size_t)got : 0;
    } while (got > 0 && n <= FTPACCESS_MAX_BYTES);
    if (got < 0 || n > FTPACCESS_MAX_BYTES) {
        return NULL;
    }
    *len = n;
    return text;
}

/* Whether text may become dir's .ftpaccess; if not, the refusal is ready. */
static bool acceptable(pool *p, const char *dir, const char *text, size_t len)
{
    struct ftpaccess_report *r =
        ftpaccess_lint(text, len, state.client.reverse_dns);
    struct ftpaccess_file *file = ftpaccess_parse(text, len);
    const struct ftpaccess_command *command;
    struct ftpaccess_verdict v;
    bool good = r && file;

    if (!good) {
        start_refusal(p);
        add_line("out of memory");
    }
    else if (r->unreadable) {
        good = refuse_encoding(p, r);
    }
    else if (!ftpaccess_survives(ftpaccess_disk_tree(state.disk), &state.client,
                                 dir, file, &command, &v)) {
        good = state.allow_next || refuse_lockout(p, command, &v);
        pr_log_pri(PR_LOG_NOTICE,
                   MOD_FTPACCESS_VERSION ": %s %s/.ftpaccess of user %s, which "
                                         "locks out %s: line %u, %s",
                   state.allow_next ? "OMK0522 allowed" : "OMK0521 refused",
                   strcmp(dir, "/") == 0 ? "" : dir, session.user,
                   state.client.address, v.rule ? v.rule->pos.line : 0,
                   command->name);
    }
    state.allow_next = state.allow_next && !good;
    ftpaccess_report_free(r);
    ftpaccess_free(file);
    return good;
}

/* path is a .ftpaccess to be, fd its text. */
static bool check_text(pool *p, const char *path, int fd)
{
    const char *slash = strrchr(path, '/');
    char *dir = pstrndup(p, path, (size_t)(slash - path));
    size_t len = 0;
    char *text = read_all(p, fd, &len);

    if (!text) {
        start_refusal(p);
        add_both(
            ".ftpaccess is not stored: it is longer than 256 kB.",
            ".ftpaccess は保存されませんでした。大きすぎます（256 kB まで）。");
        return false;
    }
    return acceptable(p, *dir ? dir : "/", text, len);
}

/* --- the file system below ours ----------------------------------------- */

/* ProFTPD's own, which guards a chroot's /etc and /lib, or another module's. */

static int next_open(pr_fs_t *fs, pr_fh_t *fh, const char *path, int flags)
{
    do {
        fs = fs->fs_next;
    } while (fs && fs->fs_next && !fs->open);
    if (!fs || !fs->open) {
        errno = ENOSYS;
        return -1;
    }
    return fs->open(fh, path, flags);
}

static int next_close(pr_fs_t *fs, pr_fh_t *fh, int fd)
{
    do {
        fs = fs->fs_next;
    } while (fs && fs->fs_next && !fs->close);
    return fs && fs->close ? fs->close(fh, fd) : close(fd);
}

static int next_rename(pr_fs_t *fs, const char *from, const char *to)
{
    do {
        fs = fs->fs_next;
    } while (fs && fs->fs_next && !fs->rename);
    if (!fs || !fs->rename) {
        errno = ENOSYS;
        return -1;
    }
    return fs->rename(fs, from, to);
}

static bool is_ftpaccess(const char *path)
{
    return path && *path == '/' && strcmp(base_name(path), FTPACCESS_NAME) == 0;
}

/* STOR with HiddenStores, and RNTO. Others than regular files have no rules. */
static int ftpaccess_rename(pr_fs_t *fs, const char *from, const char *to)
{
    struct stat st;
    pool *p;
    int fd;
    bool good;

    if (session.xfer.path_hidden && strcmp(from, session.xfer.path_hidden) == 0
        && ftpaccess_store_is_broken_off()) {
        errno = ECONNABORTED;
        return -1;
    }
    if (!state.disk || !is_ftpaccess(to)) {
        return next_rename(fs, from, to);
    }
    fd = open(from, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        if (fd >= 0) {
            close(fd);
        }
        errno = EACCES;
        return -1;
    }
    p = make_sub_pool(session.pool);
    good = check_text(session.curr_cmd_rec ? session.curr_cmd_rec->pool : p, to,
                      fd);
    close(fd);
    destroy_pool(p);
    if (!good) {
        errno = EPERM;
        return -1;
    }
    return next_rename(fs, from, to);
}

/* --- writing beside it --------------------------------------------------- */

static void drop_pending(void)
{
    if (state.pending.fd >= 0) {
        (void)unlink(state.pending.temporary);
        state.pending.fd = -1;
    }
}

static bool copy_old(int to, const char *path)
{
    char buffer[8192];
    int from = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    ssize_t n;

    if (from < 0) {
        return errno == ENOENT;
    }
    while ((n = read(from, buffer, sizeof buffer)) > 0) {
        if (write(to, buffer, (size_t)n) != n) {
            n = -1;
            break;
        }
    }
    close(from);
    return n == 0 && lseek(to, 0, SEEK_SET) == 0;
}

/* A new file beside path, for reading too. The core's umask counts. */
static int open_beside(pr_fh_t *fh, const char *path, int append)
{
    static unsigned count;
    int n, fd;

    do {
        /* As HiddenStores names them: swept when this session is killed. */
        n = snprintf(state.pending.temporary, sizeof state.pending.temporary,
                     "%.*s.in.ftpaccess.%u.%ld.",
                     (int)(base_name(path) - path), path, count,
                     (long)getpid());
        if (n < 0 || (size_t)n >= sizeof state.pending.temporary) {
            errno = ENAMETOOLONG;
            return -1;
        }
        fd = next_open(state.fs, fh, state.pending.temporary,
                       O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
                           | append);
    } while (fd < 0 && errno == EEXIST && ++count % 100);
    return fd;
}

/* What is written to a .ftpaccess goes into a file beside it, until it is
 * whole and looked at: the old one stays in force meanwhile. */
static int ftpaccess_open(pr_fh_t *fh, const char *path, int flags)
{
    struct stat st;
    int fd;

    if (state.disk && (flags & O_CREAT)) {
        ftpaccess_store_sweep(path);
    }
    if (!state.disk || (flags & O_ACCMODE) == O_RDONLY || !is_ftpaccess(path)) {
        return next_open(state.fs, fh, path, flags);
    }
    drop_pending();
    if (lstat(path, &st) == 0
        && faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) != 0) {
        return -1; /* as without us: a file that its owner or mode protects */
    }
    fd = open_beside(fh, path, flags & O_APPEND);
    if (fd < 0) {
        return -1;
    }
    if (!(flags & O_TRUNC) && !copy_old(fd, path)) {
        close(fd);
        (void)unlink(state.pending.temporary);
        return -1;
    }
    (void)snprintf(state.pending.path, sizeof state.pending.path, "%s", path);
    state.pending.fd = fd;
    return fd;
}

static int ftpaccess_close(pr_fh_t *fh, int fd)
{
    pool *p;
    bool good;

    if (fd < 0 || fd != state.pending.fd) {
        return next_close(state.fs, fh, fd);
    }
    p = session.curr_cmd_rec ? session.curr_cmd_rec->pool : session.pool;
    good =
        !(session.sf_flags & SF_ABORT) && check_text(p, state.pending.path, fd);
    if (!good) {
        drop_pending();
        close(fd);
        errno = EPERM;
        return -1;
    }
    state.pending.fd = -1;
    if (close(fd) != 0
        || next_rename(state.fs, state.pending.temporary, state.pending.path)
               != 0) {
        int saved = errno;

        (void)unlink(state.pending.temporary);
        errno = saved;
        return -1;
    }
    return 0;
}

/* --- afterwards ---------------------------------------------------------- */

MODRET ftpaccess_post_any(cmd_rec *cmd)
{
    char line[LINE];

    if (state.disk && state.renamed) {
        pr_log_pri(PR_LOG_INFO,
                   MOD_FTPACCESS_VERSION ": OMK0523 '%s' of user %s is stored "
                                         "as '%s'",
                   state.renamed, session.user, cmd->arg);
        for (size_t i = 0; i < state.lang_count; i++) {
            (void)snprintf(
                line, sizeof line,
                state.langs[i] == FTPACCESS_JA
                    ? "名前「%.200s」は .ftpaccess に直して保存しました"
                    : "%.200s is stored under its right name, "
                      ".ftpaccess",
                state.renamed);
            pr_response_add(R_DUP, "%s", line);
        }
        state.renamed = NULL;
    }
    return PR_DECLINED(cmd);
}

MODRET ftpaccess_post_any_err(cmd_rec *cmd)
{
    (void)cmd;
    if (state.disk && state.refusal) {
        send_refusal();
    }
    return PR_DECLINED(cmd);
}

MODRET ftpaccess_site(cmd_rec *cmd)
{
    if (!state.disk || cmd->argc < 2
        || strcasecmp(cmd->argv[1], "FTPACCESS") != 0) {
        return PR_DECLINED(cmd);
    }
    if (cmd->argc != 3 || strcasecmp(cmd->argv[2], "ALLOW") != 0) {
        pr_response_add_err(R_501, "SITE FTPACCESS ALLOW");
        errno = EINVAL;
        return PR_ERROR(cmd);
    }
    state.allow_next = true;
    pr_response_add(R_200,
                    "The next .ftpaccess is stored even if it locks you out");
    return PR_HANDLED(cmd);
}

/* --- the session --------------------------------------------------------- */

/* At the start of the session: later, in a chroot, ProFTPD may find no name any
 * more, and lose the one that it has. */
static void take_address(void)
{
    const pr_netaddr_t *addr = session.c->remote_addr;
    const char *name = ServerUseReverseDNS ? pr_netaddr_get_dnsstr(addr) : NULL;

    state.client.address = pstrdup(session.pool, pr_netaddr_get_ipstr(addr));
    state.client.reverse_dns = ServerUseReverseDNS != 0;
    if (name && strcmp(name, state.client.address) != 0) {
        state.client.host = pstrdup(session.pool, name);
    }
}

static void take_user(void)
{
    state.client.user = session.user;
    state.client.group = session.group;
    if (session.groups) {
        state.client.groups = session.groups->elts;
        state.client.group_count = session.groups->nelts;
    }
    if (session.conn_class) {
        state.client.class_name = session.conn_class->cls_name;
    }
}

/* AllowOverride of the server's: of several, the one of the highest context. */
static bool overrides_allowed(void)
{
    config_rec *c =
        find_config(main_server->conf, CONF_PARAM, "AllowOverride", FALSE);
    unsigned highest = 0;
    bool allowed = true;

    for (; c;
         c = find_config_next(c, c->next, CONF_PARAM, "AllowOverride", FALSE)) {
        if (*((unsigned *)c->argv[1]) > highest) {
            highest = *((unsigned *)c->argv[1]);
            allowed = *((int *)c->argv[0]) != FALSE;
        }
    }
    return allowed;
}

/* After the login the process is where the customer is shut in. */
MODRET ftpaccess_post_pass(cmd_rec *cmd)
{
    (void)cmd;
    if (!state.on || state.disk || !overrides_allowed()) {
        return PR_DECLINED(cmd);
    }
    take_user();
    state.root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    state.disk = state.root >= 0 ? ftpaccess_disk_open(state.root, true) : NULL;
    if (!state.disk) {
        pr_log_pri(PR_LOG_ERR,
                   MOD_FTPACCESS_VERSION ": OMK0524 cannot open / of user %s "
                                         "(%s): the session ends",
                   session.user, strerror(errno));
        pr_session_disconnect(&ftpaccess_module,
                              PR_SESS_DISCONNECT_BY_APPLICATION, NULL);
    }
    return PR_DECLINED(cmd);
}

static void ftpaccess_exit(const void *data, void *user_data)
{
    (void)data;
    (void)user_data;
    drop_pending();
}

static int ftpaccess_sess_init(void)
{
    config_rec *c =
        find_config(main_server->conf, CONF_PARAM, "FtpAccessEngine", FALSE);
    state.on = c && *((int *)c->argv[0]) == TRUE;
    if (!state.on) {
        return 0;
    }
    state.langs[0] = FTPACCESS_EN;
    state.langs[1] = FTPACCESS_JA;
    state.lang_count = 1;
    c = find_config(main_server->conf, CONF_PARAM, "FtpAccessLanguage", FALSE);
    if (c && strcasecmp(c->argv[0], "ja") == 0) {
        state.langs[0] = FTPACCESS_JA;
    }
    else if (c && strcasecmp(c->argv[0], "both") == 0) {
        state.lang_count = 2;
    }
    take_address();
    state.fs = pr_register_fs(session.pool, "ftpaccess", "/");
    if (!state.fs) {
        pr_log_pri(PR_LOG_ERR,
                   MOD_FTPACCESS_VERSION ": OMK0524 cannot watch uploads: %s",
                   strerror(errno));
        return -1;
    }
    state.fs->rename = ftpaccess_rename;
    state.fs->open = ftpaccess_open;
    state.fs->close = ftpaccess_close;
    state.fs->write = ftpaccess_store_write;
    pr_event_register(&ftpaccess_module, "core.exit", ftpaccess_exit, NULL);
    pr_feat_add("SITE FTPACCESS");
    return 0;
}

/* --- directives ---------------------------------------------------------- */

/* usage: FtpAccessEngine on|off */
MODRET set_ftpaccess_engine(cmd_rec *cmd)
{
    int on;
    config_rec *c;

    CHECK_ARGS(cmd, 1);
    CHECK_CONF(cmd, CONF_ROOT | CONF_VIRTUAL | CONF_GLOBAL);
    on = get_boolean(cmd, 1);
    if (on == -1) {
        CONF_ERROR(cmd, "expected on or off");
    }
    c = add_config_param(cmd->argv[0], 1, NULL);
    c->argv[0] = pcalloc(c->pool, sizeof(int));
    *((int *)c->argv[0]) = on;
    return PR_HANDLED(cmd);
}

/* usage: FtpAccessLanguage en|ja|both */
MODRET set_ftpaccess_language(cmd_rec *cmd)
{
    CHECK_ARGS(cmd, 1);
    CHECK_CONF(cmd, CONF_ROOT | CONF_VIRTUAL | CONF_GLOBAL);
    if (strcasecmp(cmd->argv[1], "en") != 0
        && strcasecmp(cmd->argv[1], "ja") != 0
        && strcasecmp(cmd->argv[1], "both") != 0) {
        CONF_ERROR(cmd, "expected en, ja or both");
    }
    (void)add_config_param_str(cmd->argv[0], 1, cmd->argv[1]);
    return PR_HANDLED(cmd);
}

/* ProFTPD's tables take names that could be written to. */
static char engine_name[] = "FtpAccessEngine";
static char language_name[] = "FtpAccessLanguage";

static conftable ftpaccess_conftab[] = {
    {engine_name, set_ftpaccess_engine, NULL},
    {language_name, set_ftpaccess_language, NULL},
    {NULL, NULL, NULL}};

static cmdtable ftpaccess_cmdtab[] = {
    {PRE_CMD, C_ANY, G_NONE, ftpaccess_pre_any, FALSE, FALSE, 0, NULL},
    {CMD, C_SITE, G_NONE, ftpaccess_site, TRUE, FALSE, CL_MISC, NULL},
    {POST_CMD, C_PASS, G_NONE, ftpaccess_post_pass, FALSE, FALSE, 0, NULL},
    {POST_CMD, C_ANY, G_NONE, ftpaccess_post_any, FALSE, FALSE, 0, NULL},
    {POST_CMD_ERR, C_ANY, G_NONE, ftpaccess_post_any_err, FALSE, FALSE, 0,
     NULL},
    {0, NULL, NULL, NULL, FALSE, FALSE, 0, NULL}};

module ftpaccess_module = {.api_version = 0x20,
                           .name = "ftpaccess",
                           .conftable = ftpaccess_conftab,
                           .cmdtable = ftpaccess_cmdtab,
                           .sess_init = ftpaccess_sess_init,
                           .module_version = MOD_FTPACCESS_VERSION};
