#include "run.h"

#include "err.h"

#include <apr_strings.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define OUTPUT_MAX ((size_t)64 << 10)

static char *const environment[] = {
    (char[]){"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:"
             "/bin"},
    (char[]){"LANG=C"},
    (char[]){"LC_ALL=C"},
    NULL,
};

long long omk_now_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (long long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

bool omk_wait_a_little(long long until_ms)
{
    if (omk_now_ms() >= until_ms) {
        return false;
    }
    (void)poll(NULL, 0, 10);
    return true;
}

/* In the child: never returns. */
static void become(const char *const argv[], int in, int out, bool ours,
                   pid_t parent)
{
    sigset_t none;

    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGPIPE, SIG_DFL);
    /* What who called us has open, and where he stands, is not for daemons:
     * customers' programs would have it from them. */
    if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) != 0 || chdir("/") != 0) {
        _exit(126);
    }
    (void)setsid(); /* httpd's stop goes to its whole process group */
    if (ours) {
        (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (getppid() != parent) {
            _exit(126);
        }
    }
    if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0) {
        _exit(126);
    }
    /* execve does not write to its arguments */
    (void)execve(argv[0], (char *const *)(uintptr_t)argv, environment);
    _exit(127);
}

static int spawn(const char *const argv[], int out, bool ours, pid_t *pid,
                 struct omk_err *err)
{
    int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
    pid_t parent = getpid();
    pid_t child;

    if (in < 0 || access(argv[0], X_OK) != 0) {
        int e = errno;

        if (in >= 0) {
            close(in);
        }
        return omk_fail(err, OMK_ENOENT, argv[0], "cannot be run: %s",
                        strerror(e));
    }
    child = fork();
    if (child == 0) {
        become(argv, in, out, ours, parent);
    }
    close(in);
    if (child < 0) {
        return omk_fail(err, OMK_EIO, argv[0], "fork: %s", strerror(errno));
    }
    *pid = child;
    return OMK_OK;
}

/* Reads until the end of the output or the time is up. */
static bool collect(int fd, long long until_ms, char *buf, size_t *len)
{
    for (;;) {
        struct pollfd pfd = {.fd = fd, .events = POLLIN};
        long long left = until_ms - omk_now_ms();
        char more[4096];
        ssize_t n;

        if (left <= 0 || poll(&pfd, 1, (int)left) == 0) {
            return false;
        }
        n = read(fd, more, sizeof more);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return true;
        }
        if (*len + (size_t)n > OUTPUT_MAX) {
            n = (ssize_t)(OUTPUT_MAX - *len);
        }
        memcpy(buf + *len, more, (size_t)n);
        *len += (size_t)n;
    }
}

static int code_of(int status)
{
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int omk_run(apr_pool_t *p, const char *const argv[], unsigned timeout_s,
            int *status, const char **output, struct omk_err *err)
{
    char *buf = apr_palloc(p, OUTPUT_MAX + 1);
    size_t len = 0;
    int fds[2], rc, st = 0;
    bool ended;
    pid_t pid;

    if (pipe2(fds, O_CLOEXEC) != 0) {
        return omk_fail(err, OMK_EIO, argv[0], "pipe: %s", strerror(errno));
    }
    rc = spawn(argv, fds[1], true, &pid, err);
    close(fds[1]);
    if (rc) {
        close(fds[0]);
        return rc;
    }
    ended = collect(fds[0], omk_now_ms() + timeout_s * 1000LL, buf, &len);
    close(fds[0]);
    if (!ended) {
        (void)kill(-pid, SIGKILL);
        (void)kill(pid, SIGKILL);
    }
    while (waitpid(pid, &st, 0) < 0 && errno == EINTR) {
    }
    if (!ended) {
        return omk_fail(err, OMK_EBUSY, argv[0], "was not done after %u s",
                        timeout_s);
    }
    buf[len] = '\0';
    *status = code_of(st);
    *output = buf;
    return OMK_OK;
}

int omk_start(const char *const argv[], const char *log, bool ours, pid_t *pid,
              struct omk_err *err)
{
    int out =
        open(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
    int rc;

    if (out < 0) {
        return omk_fail(err, OMK_EIO, log, "open: %s", strerror(errno));
    }
    rc = spawn(argv, out, ours, pid, err);
    close(out);
    return rc;
}

bool omk_is_alive(pid_t pid)
{
    char path[64], line[512] = "";
    const char *state;
    FILE *f;

    (void)waitpid(pid, NULL, WNOHANG); /* when it was a child of ours */
    (void)snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
    f = fopen(path, "re");
    if (!f) {
        return false;
    }
    if (!fgets(line, sizeof line, f)) {
        line[0] = '\0';
    }
    (void)fclose(f);
    state = strrchr(line, ')');
    return state && strncmp(state, ") Z", 3) != 0
           && strncmp(state, ") X", 3) != 0;
}

bool omk_await_end(pid_t pid, unsigned timeout_s)
{
    long long until = omk_now_ms() + timeout_s * 1000LL;

    while (omk_is_alive(pid)) {
        if (!omk_wait_a_little(until)) {
            (void)kill(-pid, SIGKILL);
            (void)kill(pid, SIGKILL);
            until = omk_now_ms() + 5000;
            while (omk_is_alive(pid) && omk_wait_a_little(until)) {
            }
            return false;
        }
    }
    return true;
}

bool omk_end(pid_t pid, unsigned timeout_s)
{
    (void)kill(pid, SIGTERM);
    return omk_await_end(pid, timeout_s);
}
