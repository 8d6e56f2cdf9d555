/* cgi-wrapper-suexec: the wrapper's checks as a setuid program, for servers
 * that start scripts themselves. In suexec's form of arguments:
 *
 *   cgi-wrapper-suexec USER GROUP COMMAND
 *
 * USER and GROUP are numbers, or the login of the configuration; COMMAND is a
 * name in the current directory, as suexec has it, or an absolute path, for
 * mod_fcgid's FcgidWrapper. The caller names a user, but chooses none: what runs
 * is a file below a root that the configuration gives to that very user.
 *
 * Built only with --enable-setuid-helper, root's, and to be executed by
 * httpd's group alone (4750). The configuration is root's file CGIW_SUEXEC_CONF,
 * in the form of sites.h with a record a line; its `httpd` record names the one
 * uid that may call. From there on it is the daemon's child: the same order of
 * dropping root, the same walk, the same messages, on stderr. What the daemon
 * does for a script after its start (the group of processes, wall time, the
 * end of the tree) there is nobody to do. */
#include "child.h"
#include "denied.h"
#include "err.h"
#include "limits.h"
#include "sites.h"
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef CGIW_SUEXEC_CONF
#define CGIW_SUEXEC_CONF OMAKASE_SYSCONFDIR "/cgi-wrapper.conf"
#endif

#define EX_USAGE 64
#define EX_NOPERM 77
#define EX_CONFIG 78

extern char **environ;

static _Noreturn void die(int code, const char *what, const char *why)
{
    (void)dprintf(STDERR_FILENO, "cgi-wrapper-suexec: %s: %s\n", what, why);
    _exit(code);
}

/* --- as the caller left it --------------------------------------------------
 */

/* 0 to 2 are there, and nothing else of the caller's. */
static void start_anew(void)
{
    int fd;

    cgiw_signals_default();
    (void)alarm(0);
    do {
        fd = open("/dev/null", O_RDWR);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd < 0 || close_range(3, ~0U, 0) != 0) {
        die(EX_NOPERM, "descriptors", strerror(errno));
    }
}

/* A caller that is not httpd gets to know nothing. */
static void check_caller(const struct cgiw_config *config)
{
    if (config->httpd_uid == (uid_t)-1) {
        die(EX_CONFIG, CGIW_SUEXEC_CONF, "has no httpd record");
    }
    if (getuid() != config->httpd_uid) {
        die(EX_NOPERM, "called", "by another user than httpd's");
    }
}

/* --- configuration ----------------------------------------------------------
 */

/* Lines to records; those that are empty or begin with # are left out. */
static size_t records_of(char *text, size_t len)
{
    size_t out = 0;

    for (size_t at = 0; at < len;) {
        const char *end = memchr(text + at, '\n', len - at);
        size_t line = (end ? (size_t)(end - text) : len) - at;

        if (line > 0 && text[at] != '#') {
            memmove(text + out, text + at, line);
            out += line;
            text[out++] = '\0';
        }
        at += line + 1;
    }
    return out;
}

static char *read_root_file(const char *path, size_t *len)
{
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    char *text;

    if (fd < 0 || fstat(fd, &st) != 0) {
        die(EX_CONFIG, path, strerror(errno));
    }
    if (!S_ISREG(st.st_mode) || st.st_uid != 0 || (st.st_mode & 022)) {
        die(EX_CONFIG, path, "expected a file of root's that nobody else may "
                             "write to");
    }
    if (st.st_size > (off_t)CGIW_CONFIG_MAX) {
        die(EX_CONFIG, path, "is too large");
    }
    *len = (size_t)st.st_size;
    text = malloc(*len + 1); /* its last line may lack its end */
    if (!text || pread(fd, text, *len, 0) != (ssize_t)*len) {
        die(EX_CONFIG, path, "cannot be read");
    }
    (void)close(fd);
    return text;
}

static struct cgiw_config *load(void)
{
    struct cgiw_config *config;
    struct omk_err err;
    size_t len;
    char *text = read_root_file(CGIW_SUEXEC_CONF, &len);

    if (cgiw_config_parse(text, records_of(text, len), 0, &config, &err)) {
        (void)dprintf(STDERR_FILENO, "cgi-wrapper-suexec: %s: %s: %s\n",
                      CGIW_SUEXEC_CONF, err.where, err.text);
        _exit(EX_CONFIG);
    }
    free(text);
    return config;
}

/* --- what is asked for -------------------------------------------------------
 */

static void absolute(const char *command, char path[CGIW_PATH_MAX + 1])
{
    char here[CGIW_PATH_MAX + 1];
    int len;

    if (*command == '/') {
        len = snprintf(path, CGIW_PATH_MAX + 1, "%s", command);
    }
    else if (strchr(command, '/') || !getcwd(here, sizeof here)) {
        die(EX_USAGE, "COMMAND", "expected a name in the current directory, or "
                                 "an absolute path");
    }
    else {
        len = snprintf(path, CGIW_PATH_MAX + 1, "%s/%s", here, command);
    }
    if (len > (int)CGIW_PATH_MAX || !cgiw_path_is_normal(path, (size_t)len)) {
        die(EX_USAGE, "COMMAND", "is no path in normal form");
    }
}

/* A number as httpd gives it, or the customer's login; ~ stands before a
 * user of mod_userdir's. */
static int names(const char *given, const char *login, unsigned long id)
{
    char number[24];

    given += *given == '~';
    (void)snprintf(number, sizeof number, "%lu", id);
    return !strcmp(given, number) || !strcmp(given, login);
}

/* The caller's words against the configuration's: all must agree. */
static uint32_t find_site(const struct cgiw_config *config, char **argv,
                          const char *path)
{
    for (uint32_t i = 0; i < config->site_count; i++) {
        const struct cgiw_site *s = config->sites + i;

        if (names(argv[1], s->login, s->uid) && names(argv[2], s->login, s->gid)
            && cgiw_site_beneath(s, path, strlen(path))) {
            return i;
        }
    }
    die(EX_NOPERM, path, "no site of that user and group has it");
}

/* --- the environment ----------------------------------------------------------
 */

/* In the daemon's form, so that the same code reads it. */
static int seal_environment(struct cgiw_request *head)
{
    int fd = memfd_create("environment", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    FILE *f = fd < 0 ? NULL : fdopen(dup(fd), "w");

    for (char **v = environ; f && *v; v++) {
        head->env_count++;
        head->env_bytes += (uint32_t)strlen(*v) + 1;
        if (head->env_count > CGIW_ENV_COUNT_MAX
            || head->env_bytes > CGIW_ENV_MAX) {
            die(EX_USAGE, "environment", "is too large");
        }
        (void)fwrite(*v, strlen(*v) + 1, 1, f);
    }
    if (!f || fclose(f) != 0 || fcntl(fd, F_ADD_SEALS, CGIW_ENV_SEALS) != 0) {
        die(EX_NOPERM, "environment", strerror(errno));
    }
    return fd;
}

static int help(void)
{
    (void)puts(
        "usage: cgi-wrapper-suexec USER GROUP COMMAND\n"
        "Runs COMMAND as USER, who owns it, as cgi-wrapper(8) does.\n"
        "USER, GROUP: numbers, or a login of " CGIW_SUEXEC_CONF "\n"
        "COMMAND: a name in the current directory, or an absolute path\n"
        "Called by httpd: suexec's form, or mod_fcgid's FcgidWrapper.\n"
        "  --help     this text\n"
        "  --version  the version");
    return 0;
}

int main(int argc, char **argv)
{
    static char path[CGIW_PATH_MAX + 1];
    static struct cgiw_slot slot;
    static struct omk_denied denied;
    struct cgiw_request_view request = {.path = path};
    struct cgiw_child child = {.denied = &denied,
                               .request = &request,
                               .leaf = NULL,
                               .slot = &slot,
                               .confined = -1,
                               .fds = {STDIN_FILENO, STDOUT_FILENO,
                                       STDERR_FILENO, -1, -1}};
    struct omk_err err;
    uint32_t id;

    if (argc == 2 && !strcmp(argv[1], "--version")) {
        return puts("cgi-wrapper-suexec " OMAKASE_VERSION) < 0;
    }
    if (argc != 4) {
        return argc == 2 && !strcmp(argv[1], "--help") ? help() : EX_USAGE;
    }
    start_anew();
    if (geteuid() != 0) {
        die(EX_NOPERM, "installed", "without root's set-user-id bit");
    }
    child.config = load();
    check_caller(child.config);
    if (child.config->denied
        && omk_denied_load(&denied, child.config->denied, NULL, &err) != 0) {
        die(EX_CONFIG, child.config->denied, err.text);
    }
    absolute(argv[3], path);
    request.path_len = strlen(path);
    id = find_site(child.config, argv, path);
    request.head.site = id;
    child.site = child.config->sites + id;
    child.fds.environment = seal_environment(&request.head);
    child.daemon = getppid();
    cgiw_child(&child);
}
