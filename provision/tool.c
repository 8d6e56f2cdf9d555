#include "tool.h"

#include "err.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct output {
    char text[400];
    size_t len;
};

/* To the end of the pipe, so that the program never waits for us. */
static void read_all(int fd, struct output *out)
{
    char buf[1024];
    ssize_t got;

    while ((got = read(fd, buf, sizeof buf)) > 0
           || (got < 0 && errno == EINTR)) {
        size_t room = sizeof out->text - 1 - out->len;
        size_t n = got < 0 ? 0 : (size_t)got;

        memcpy(out->text + out->len, buf, n < room ? n : room);
        out->len += n < room ? n : room;
    }
    out->text[out->len] = '\0';
}

/* Its first line, fit for a log. */
static const char *first_line(struct output *out)
{
    out->text[strcspn(out->text, "\n")] = '\0';
    for (char *s = out->text; *s; s++) {
        if (*s < ' ' || *s > '~') {
            *s = '?';
        }
    }
    return *out->text ? out->text : "without a word";
}

static int spawn(const char *const argv[], int out, pid_t *pid)
{
    static const char *const env[] = {
        "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t all, none;
    char *args[32] = {NULL}, *vars[3] = {NULL};
    int rc;

    /* posix_spawn takes no const, and changes nothing. */
    for (size_t i = 0; i < 31 && argv[i]; i++) {
        args[i] = strdupa(argv[i]);
    }
    for (size_t i = 0; env[i]; i++) {
        vars[i] = strdupa(env[i]);
    }
    sigfillset(&all);
    sigemptyset(&none);
    if (posix_spawn_file_actions_init(&files) != 0) {
        return ENOMEM;
    }
    if (posix_spawnattr_init(&attr) != 0) {
        posix_spawn_file_actions_destroy(&files);
        return ENOMEM;
    }
    /* A session of its own: a ^C at our terminal must not stop useradd
     * between two files. */
    rc = posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF
                                             | POSIX_SPAWN_SETSIGMASK
                                             | POSIX_SPAWN_SETSID);
    rc = rc ? rc : posix_spawnattr_setsigdefault(&attr, &all);
    rc = rc ? rc : posix_spawnattr_setsigmask(&attr, &none);
    rc = rc ? rc
            : posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY,
                                               0);
    rc = rc ? rc : posix_spawn_file_actions_adddup2(&files, out, 1);
    rc = rc ? rc : posix_spawn_file_actions_adddup2(&files, out, 2);
    rc = rc ? rc : posix_spawn_file_actions_addclosefrom_np(&files, 3);
    rc = rc ? rc : posix_spawn_file_actions_addchdir_np(&files, "/");
    rc = rc ? rc : posix_spawn(pid, argv[0], &files, &attr, args, vars);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&files);
    return rc;
}

static int wait_for(const char *program, pid_t pid, struct output *out,
                    struct omk_err *err)
{
    int status;

    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            return omk_fail(err, OMK_EIO, program, "wait: %s",
                            strerror(errno));
        }
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        return OMK_OK;
    }
    return omk_fail(err, OMK_EDENIED, program, "%s (%s %d)", first_line(out),
                    WIFEXITED(status) ? "status" : "signal",
                    WIFEXITED(status) ? WEXITSTATUS(status)
                                      : WTERMSIG(status));
}

int omk_tool_run(const char *const argv[], struct omk_err *err)
{
    struct output out = {.len = 0};
    int ends[2], rc;
    pid_t pid;

    if (access(argv[0], X_OK) != 0) {
        return omk_fail(err, OMK_ENOENT, argv[0], "%s", strerror(errno));
    }
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return omk_fail(err, OMK_EIO, argv[0], "pipe: %s", strerror(errno));
    }
    rc = spawn(argv, ends[1], &pid);
    close(ends[1]);
    if (rc) {
        close(ends[0]);
        return omk_fail(err, rc == ENOMEM ? OMK_ENOMEM : OMK_EIO, argv[0],
                        "cannot be started: %s", strerror(rc));
    }
    read_all(ends[0], &out);
    close(ends[0]);
    return wait_for(argv[0], pid, &out, err);
}
