/* LD_PRELOAD shim: kills the process at its n-th call that changes something
 * on the disk or starts a process (KILL_AT=n, from 1), before the call; as a
 * power cut or kill -9 would. KILL_COUNT=FILE gets how many there were. Not
 * inherited: children run on as they are. */
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

int syncfs(int fd);

static long calls;

static void step(void)
{
    const char *at = getenv("KILL_AT");

    calls++;
    if (at && atol(at) == calls) {
        (void)kill(getpid(), SIGKILL);
    }
}

__attribute__((destructor)) static void report(void)
{
    const char *path = getenv("KILL_COUNT");
    FILE *f = path ? fopen(path, "w") : NULL;

    if (f) {
        (void)fprintf(f, "%ld\n", calls);
        (void)fclose(f);
    }
}

#define NEXT(type, name, ...)                                                  \
    type (*next)(__VA_ARGS__);                                                 \
    *(void **)&next = dlsym(RTLD_NEXT, name)

int rename(const char *a, const char *b)
{
    NEXT(int, "rename", const char *, const char *);
    step();
    return next(a, b);
}

int symlink(const char *a, const char *b)
{
    NEXT(int, "symlink", const char *, const char *);
    step();
    return next(a, b);
}

int unlink(const char *a)
{
    NEXT(int, "unlink", const char *);
    step();
    return next(a);
}

int mkdir(const char *a, mode_t m)
{
    NEXT(int, "mkdir", const char *, mode_t);
    step();
    return next(a, m);
}

int mkdirat(int d, const char *a, mode_t m)
{
    NEXT(int, "mkdirat", int, const char *, mode_t);
    step();
    return next(d, a, m);
}

int linkat(int d, const char *a, int e, const char *b, int flags)
{
    NEXT(int, "linkat", int, const char *, int, const char *, int);
    step();
    return next(d, a, e, b, flags);
}

int fsync(int fd)
{
    NEXT(int, "fsync", int);
    step();
    return next(fd);
}

int syncfs(int fd)
{
    NEXT(int, "syncfs", int);
    step();
    return next(fd);
}

int kill(pid_t pid, int sig)
{
    NEXT(int, "kill", pid_t, int);
    if (pid != getpid()) {
        step();
    }
    return next(pid, sig);
}

pid_t fork(void)
{
    NEXT(pid_t, "fork", void);
    step();
    return next();
}

int openat(int d, const char *a, int flags, ...)
{
    NEXT(int, "openat", int, const char *, int, ...);
    mode_t m = 0;

    if (flags & O_CREAT) {
        va_list ap;

        va_start(ap, flags);
        m = va_arg(ap, mode_t);
        va_end(ap);
        step();
    }
    return next(d, a, flags, m);
}
