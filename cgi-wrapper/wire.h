/* What httpd's workers and the daemon say to each other.
 *
 * A request is one datagram on the SOCK_SEQPACKET pair that workers inherit:
 * struct cgiw_request, the path, and by SCM_RIGHTS the descriptors, in this
 * order: stdin (unless CGIW_NO_STDIN), stdout, stderr, control, environment.
 * The environment is a memfd of "NAME=VALUE\0" strings, sealed with
 * CGIW_ENV_SEALS. Control is one end of a SOCK_SEQPACKET pair that was made
 * for this request; whoever holds the other end reads replies from it and,
 * by closing it, ends the script and all of its processes.
 *
 * Host byte order and fixed widths: both sides are built together. The daemon
 * believes nothing in a datagram: it names a site and a path, never a user, a
 * root or a limit. Whatever is not exactly of this form is dropped. */
#ifndef CGIW_WIRE_H
#define CGIW_WIRE_H

#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>

#define CGIW_MAGIC 0x43474957u /* "CGIW" */
#define CGIW_VERSION 1
#define CGIW_PATH_MAX 4095       /* bytes of a path, without a NUL */
#define CGIW_COMMAND_MAX 8192    /* bytes of a command of CGIW_EXEC_CMD */
#define CGIW_ENV_MAX (1u << 20)  /* bytes of the environment */
#define CGIW_ENV_COUNT_MAX 2000  /* variables */
#define CGIW_REPLY_TEXT_MAX 1024 /* bytes of a reply's text */
#define CGIW_REQUEST_FDS_MAX 5
#define CGIW_ENV_SEALS                                                         \
    (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

enum cgiw_kind {
    CGIW_RUN = 1,     /* the path is the script's file name */
    CGIW_EXEC_CMD = 2 /* SSI #exec cmd: directory, NUL, the shell's command */
};

enum { CGIW_NO_STDIN = 1 }; /* flags: no stdin is sent; it is /dev/null */

struct cgiw_request {
    uint32_t magic;
    uint16_t version;
    uint16_t kind; /* enum cgiw_kind */
    uint32_t site; /* the ID of a site of the configuration */
    uint32_t flags;
    uint32_t path_len;  /* bytes that follow this struct */
    uint32_t env_count; /* variables in the environment */
    uint32_t env_bytes; /* its size, each variable's NUL included */
};

#define CGIW_REQUEST_MAX                                                       \
    (sizeof(struct cgiw_request) + CGIW_PATH_MAX + 1 + CGIW_COMMAND_MAX)

enum cgiw_reply_kind {
    CGIW_STARTED = 1, /* execve is next: the request was taken */
    CGIW_WARNED = 2,  /* it will run, but its owner should mend something */
    CGIW_REFUSED = 3, /* last: nothing was run; behind CGIW_STARTED as well,
                         when it is execve that fails */
    CGIW_ENDED = 4    /* last: it has ended, as wait_status says */
};

struct cgiw_reply {
    uint32_t magic;
    uint16_t kind;          /* enum cgiw_reply_kind */
    uint16_t code;          /* enum cgiw_code, or 0 */
    uint32_t run;           /* the daemon's number for this run */
    int32_t wait_status;    /* of the main process, as waitpid has it */
    uint32_t wall_ms;       /* from the request to its end */
    uint32_t cpu_ms;        /* user and system, of the whole tree if known */
    uint64_t memory_bytes;  /* the most that was in use */
    uint64_t detail[2];     /* the limit and the use: seconds, bytes, number */
    uint16_t text_len;      /* bytes of UTF-8 that follow: one line, no NUL */
    uint16_t retry_after_s; /* with E18 and E22 */
    uint32_t reserved;      /* 0 */
};

#define CGIW_REPLY_MAX (sizeof(struct cgiw_reply) + CGIW_REPLY_TEXT_MAX)

/* A request that was looked at and is of the right form. Both strings point
 * into the datagram. */
struct cgiw_request_view {
    struct cgiw_request head;
    const char *path; /* absolute, in normal form; path_len bytes, no NUL */
    size_t path_len;
    const char *command; /* of CGIW_EXEC_CMD, command_len bytes; else NULL */
    size_t command_len;
};

/* The fds of a request by name; -1 for one that is not there. */
struct cgiw_request_fds {
    int in, out, err, control, environment;
};

/* Whether a path of len bytes is in normal form: begins with '/', no empty,
 * "." or ".." component, no '/' at the end, no NUL, at most CGIW_PATH_MAX. */
int cgiw_path_is_normal(const char *path, size_t len);

/* Looks at a datagram of len bytes that brought fd_count descriptors.
 * Returns 0 and fills *view, or says why not in *why (a static string) and
 * returns -1; *view is then untouched. Pure. */
int cgiw_request_parse(const void *datagram, size_t len, size_t fd_count,
                       struct cgiw_request_view *view, const char **why);

/* Sends one request by sock: path as for cgiw_request_view (for a command:
 * its directory), command NULL unless kind is CGIW_EXEC_CMD. fds->in may be
 * -1. flags are sendmsg's besides MSG_NOSIGNAL. The descriptors stay the
 * caller's, to close. Returns 0 or -errno (-EAGAIN with MSG_DONTWAIT and a
 * full socket, -EPIPE when the daemon is away, -EINVAL when path or command
 * are too long). */
int cgiw_request_send(int sock, uint32_t site, const char *path,
                      const char *command, uint32_t env_count,
                      uint32_t env_bytes, const struct cgiw_request_fds *fds,
                      int flags);

/* Sends a reply with its text (may be NULL; cut at CGIW_REPLY_TEXT_MAX) by
 * a control descriptor, never waiting; magic and text_len are filled in. 0 or
 * -errno: -EAGAIN when the other side does not read, -EPIPE when it has closed.
 */
int cgiw_reply_send(int control, const struct cgiw_reply *reply,
                    const char *text);

/* Looks at a reply of len bytes. Returns 0, fills *reply and makes *text point
 * at its text in the datagram (reply->text_len bytes, not terminated); -1 when
 * it is none. Pure. */
int cgiw_reply_parse(const void *datagram, size_t len, struct cgiw_reply *reply,
                     const char **text);

#endif
