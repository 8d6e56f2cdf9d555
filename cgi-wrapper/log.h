/* The usage log: a JSON object a line, one write() each, so that lines of
 * several daemons (generations) do not mix. And the daemon's own messages to
 * the operator, on standard error, which is httpd's error log. */
#ifndef CGIW_LOG_H
#define CGIW_LOG_H

#include "diagnose.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

struct cgiw_log {
    const char *path; /* NULL: none is kept */
    int fd;           /* -1: closed */
    dev_t dev;
    ino_t ino;
    int64_t looked_ms; /* when the name was last compared with the file */
    int complained;
};

/* What is said of a run. */
struct cgiw_usage {
    const char *login;
    uid_t uid;
    uint32_t site, run;
    const char *script;
    int refused; /* nothing was run; then only code counts */
    int wait_status;
    uint32_t wall_ms, cpu_ms;
    uint64_t memory_bytes;
    enum cgiw_code code; /* CGIW_OK: none */
};

/* A line of at most this many bytes; a longer one loses its script's name. */
#define CGIW_LOG_LINE_MAX 32768

/* The line for usage at that time, into line (size bytes). Returns its length.
 * {"time":"2026-11-25T10:00:00Z","login","uid","site","script","run",
 * "wall_ms","cpu_ms","memory_bytes","exit"|"signal","code"}: "code" only where
 * there is one, usage and exit only where something ran. Pure. */
size_t cgiw_log_format(const struct cgiw_usage *usage, time_t now, char *line,
                       size_t size);

/* Opens path (may be NULL) for appending; a failure is told on standard error
 * and tried again with the next line. */
void cgiw_log_open(struct cgiw_log *log, const char *path);

/* Appends a line. Opens the file anew when its name has become another
 * (rotation), which is looked at once a second. now_ms: a monotonic clock. */
void cgiw_log_usage(struct cgiw_log *log, const struct cgiw_usage *usage,
                    int64_t now_ms);

/* A message to the operator: "ID: cgi-wrapper: text". */
void cgiw_complain(const char *id, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
