#include "log.h"

#include "json.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void put_time(struct cgiw_json *json, time_t now)
{
    char text[32];
    struct tm tm;
    size_t len = 0;

    if (gmtime_r(&now, &tm)) {
        len = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
    }
    cgiw_json_string(json, "time", text, len);
}

static size_t format(const struct cgiw_usage *u, time_t now, const char *script,
                     char *line, size_t size)
{
    struct cgiw_json json;
    char code[8];

    cgiw_json_begin(&json, line, size);
    put_time(&json, now);
    cgiw_json_string(&json, "login", u->login, strlen(u->login));
    cgiw_json_number(&json, "uid", u->uid);
    cgiw_json_number(&json, "site", u->site);
    cgiw_json_string(&json, "script", script, strlen(script));
    cgiw_json_number(&json, "run", u->run);
    if (!u->refused) {
        cgiw_json_number(&json, "wall_ms", u->wall_ms);
        cgiw_json_number(&json, "cpu_ms", u->cpu_ms);
        cgiw_json_number(&json, "memory_bytes", u->memory_bytes);
        if (WIFSIGNALED(u->wait_status)) {
            cgiw_json_number(&json, "signal",
                             (unsigned)WTERMSIG(u->wait_status));
        }
        else {
            cgiw_json_number(&json, "exit",
                             (unsigned)WEXITSTATUS(u->wait_status));
        }
    }
    if (u->code) {
        int n = snprintf(code, sizeof code, "E%02u", (unsigned)u->code % 1000);

        cgiw_json_string(&json, "code", code, (size_t)n);
    }
    return cgiw_json_end(&json);
}

size_t cgiw_log_format(const struct cgiw_usage *usage, time_t now, char *line,
                       size_t size)
{
    size_t len = format(usage, now, usage->script, line, size);

    return len ? len : format(usage, now, "", line, size);
}

void cgiw_complain(const char *id, const char *text, ...)
{
    char line[1024];
    va_list ap;
    struct pollfd out = {.fd = STDERR_FILENO, .events = POLLOUT};
    int n = snprintf(line, sizeof line, "%s: cgi-wrapper: ", id);

    va_start(ap, text);
    (void)vsnprintf(line + n, sizeof line - (size_t)n - 1, text, ap);
    va_end(ap);
    (void)strcat(line, "\n");
    /* A pipe that is full must not stop us; nobody can be told of that. */
    if (poll(&out, 1, 0) == 1 && write(STDERR_FILENO, line, strlen(line)) < 0) {
        return;
    }
}

static void give_up(struct cgiw_log *log, const char *what)
{
    if (!log->complained) {
        cgiw_complain("OMK0421", "usage log %s: %s: %s; runs are not logged",
                      log->path, what, strerror(errno));
    }
    log->complained = 1;
}

static void open_file(struct cgiw_log *log)
{
    struct stat st;

    /* O_NONBLOCK: a fifo in its place must not stop us. */
    log->fd = open(log->path,
                   O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW
                       | O_NONBLOCK | O_NOCTTY,
                   0640);
    if (log->fd < 0) {
        give_up(log, "open");
        return;
    }
    if (fstat(log->fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(log->fd);
        log->fd = -1;
        errno = EINVAL;
        give_up(log, "no regular file");
        return;
    }
    log->dev = st.st_dev;
    log->ino = st.st_ino;
    log->complained = 0;
}

void cgiw_log_open(struct cgiw_log *log, const char *path)
{
    *log = (struct cgiw_log){.path = path, .fd = -1};
    if (path) {
        open_file(log);
    }
}

static void reopen_if_moved(struct cgiw_log *log, int64_t now_ms)
{
    struct stat st;

    if (now_ms - log->looked_ms < 1000) {
        return;
    }
    log->looked_ms = now_ms;
    if (log->fd >= 0
        && (stat(log->path, &st) != 0 || st.st_dev != log->dev
            || st.st_ino != log->ino)) {
        close(log->fd);
        log->fd = -1;
    }
    if (log->fd < 0) {
        open_file(log);
    }
}

void cgiw_log_usage(struct cgiw_log *log, const struct cgiw_usage *usage,
                    int64_t now_ms)
{
    char line[CGIW_LOG_LINE_MAX];
    size_t len;

    if (!log->path) {
        return;
    }
    reopen_if_moved(log, now_ms);
    if (log->fd < 0) {
        return;
    }
    len = cgiw_log_format(usage, time(NULL), line, sizeof line);
    if (write(log->fd, line, len) != (ssize_t)len) {
        give_up(log, "write");
    }
}
