#include "mod_ftpaccess_store.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PREFIX ".in."

/* RFC 8446, 5.1: the first byte of a TLS record. No command begins so. */
enum { TLS_FIRST = 20, TLS_ALERT = 21, TLS_DATA = 23, TLS_LAST = 24 };

int ftpaccess_store_write(pr_fh_t *fh, int fd, const char *data, size_t len)
{
    size_t done = 0;

    (void)fh;
    while (done < len) {
        ssize_t n = write(fd, data + done, len - done);

        if (n > 0) {
            done += (size_t)n;
        }
        else if (n == 0 || errno != EINTR || done == 0) {
            return -1; /* EINTR with nothing done: ProFTPD's signals first */
        }
    }
    return (int)len;
}

/* At the start of a line, or behind telnet's own signs. */
static bool starts_abort(const char *data, size_t i)
{
    return strncasecmp(data + i, "ABOR", 4) == 0
           && (i == 0 || data[i - 1] == '\n' || (data[i - 1] & 0x80));
}

/* RFC 959, 4.1.3: telnet's "interrupt process", then ABOR; some clients send
 * the command alone. What is urgent, a look ahead does not see behind.
 *
 * With TLS what came cannot be read here, where it must not be taken away from
 * ProFTPD. Data of the client's, before it has got its answer, is an ABOR or,
 * of a few clients, a NOOP: a second upload costs less than half a page. */
static bool is_abort(const char *data, size_t len)
{
    if ((unsigned char)*data >= TLS_FIRST && (unsigned char)*data <= TLS_LAST) {
        return *data == TLS_DATA || *data == TLS_ALERT;
    }
    if (memmem(data, len, "\xff\xf4", 2)) {
        return true;
    }
    for (size_t i = 0; i + 4 <= len; i++) {
        if (starts_abort(data, i)) {
            return true;
        }
    }
    return false;
}

bool ftpaccess_store_is_broken_off(void)
{
    int fd = session.c ? session.c->rfd : -1;
    struct pollfd client = {.fd = fd, .events = POLLIN | POLLRDHUP};
    char next[64];
    ssize_t n;

    if (fd < 0 || poll(&client, 1, 0) <= 0) {
        return false;
    }
    if (client.revents & (POLLRDHUP | POLLHUP | POLLERR)) {
        return true;
    }
    n = recv(fd, next, sizeof next, MSG_PEEK | MSG_DONTWAIT);
    return n == 0 || (n > 0 && is_abort(next, (size_t)n));
}

/* The number of the session in ".in.NAME.PID.", or 0. */
static pid_t session_of(const char *name)
{
    size_t len = strlen(name);
    const char *dot;
    char *end;
    long pid;

    if (strncmp(name, PREFIX, sizeof PREFIX - 1) != 0 || name[len - 1] != '.') {
        return 0;
    }
    for (dot = name + len - 2; isdigit((unsigned char)*dot); dot--) {
    }
    if (*dot != '.' || dot < name + sizeof PREFIX - 1) {
        return 0;
    }
    errno = 0;
    pid = strtol(dot + 1, &end, 10);
    return errno == 0 && pid > 1 && pid < 1L << 30 && strcmp(end, ".") == 0
               ? (pid_t)pid
               : 0;
}

static void sweep(const char *path)
{
    DIR *dir = opendir(path);
    const struct dirent *e;

    while (dir && (e = readdir(dir))) {
        pid_t pid = session_of(e->d_name);

        /* EPERM: there is one, of another's. */
        if (pid && kill(pid, 0) != 0 && errno == ESRCH) {
            (void)unlinkat(dirfd(dir), e->d_name, 0);
        }
    }
    if (dir) {
        closedir(dir);
    }
}

void ftpaccess_store_sweep(const char *path)
{
    static char *swept; /* a session's, and so a process's */
    const char *name = strrchr(path, '/');
    size_t len = name ? (size_t)(name - path) : 0;

    if (!name || strncmp(name + 1, PREFIX, sizeof PREFIX - 1) != 0
        || (swept && strlen(swept) == len && memcmp(swept, path, len) == 0)) {
        return;
    }
    free(swept);
    swept = strndup(path, len);
    sweep(len ? swept : "/");
}
