#include "probe.h"

#include "err.h"
#include "file.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define TIMEOUT_S 5

int omk_probe_address(const char *listen, char host[64], char port[8],
                      struct omk_err *err)
{
    const char *colon = strrchr(listen, ':');
    const char *digits = colon ? colon + 1 : listen;
    size_t len = colon ? (size_t)(colon - listen) : 0;

    if (strlen(digits) > 5 || len > 60) {
        return omk_fail(err, OMK_EINVAL, listen, "is no ADDRESS:PORT");
    }
    (void)strcpy(port, digits);
    if (len > 2 && listen[0] == '[') {
        listen++;
        len -= 2;
    }
    memcpy(host, listen, len);
    host[len] = '\0';
    if (!len || !strcmp(host, "0.0.0.0") || !strcmp(host, "*")) {
        (void)strcpy(host, "127.0.0.1");
    }
    else if (!strcmp(host, "::")) {
        (void)strcpy(host, "::1");
    }
    return OMK_OK;
}

static void set_timeouts(int fd)
{
    struct timeval t = {.tv_sec = TIMEOUT_S};

    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t);
}

/* Sends the question, reads the answer to its end. */
static int exchange(int fd, const char *where, const void *question, size_t len,
                    char *answer, size_t room, size_t *got, struct omk_err *err)
{
    ssize_t n = send(fd, question, len, MSG_NOSIGNAL);

    if (n != (ssize_t)len) {
        return omk_fail(err, OMK_EBUSY, where, "does not take a question: %s",
                        strerror(errno));
    }
    for (*got = 0; *got < room - 1; *got += (size_t)n) {
        n = recv(fd, answer + *got, room - 1 - *got, 0);
        if (n < 0) {
            return omk_fail(err, OMK_EBUSY, where, "does not answer: %s",
                            strerror(errno));
        }
        if (n == 0) {
            break;
        }
    }
    answer[*got] = '\0';
    return OMK_OK;
}

static int take_sum(const char *at, const char *where,
                    char out[OMK_SHA1_HEX + 1], struct omk_err *err)
{
    if (!at || strspn(at, "0123456789abcdef") < OMK_SHA1_HEX) {
        return omk_fail(err, OMK_EINVAL, where,
                        "answers, but not as a daemon of this configuration");
    }
    memcpy(out, at, OMK_SHA1_HEX);
    out[OMK_SHA1_HEX] = '\0';
    return OMK_OK;
}

/* --- httpd ---------------------------------------------------------------- */

static int connect_tcp(const char *listen, struct omk_err *err)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
    struct addrinfo *a;
    char host[64], port[8];
    int rc = omk_probe_address(listen, host, port, err);
    int fd;

    if (rc) {
        return rc;
    }
    if (getaddrinfo(host, port, &hints, &a) != 0) {
        return omk_fail(err, OMK_EINVAL, listen, "is no address");
    }
    fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        set_timeouts(fd);
    }
    if (fd < 0 || connect(fd, a->ai_addr, a->ai_addrlen) != 0) {
        int e = errno;

        if (fd >= 0) {
            close(fd);
        }
        freeaddrinfo(a);
        return omk_fail(err, OMK_EBUSY, listen, "cannot connect: %s",
                        strerror(e));
    }
    freeaddrinfo(a);
    return fd;
}

/* Asks at a Listen; the sum stands behind mark in the answer. */
static int ask_tcp(const char *listen, const char *question, const char *mark,
                   char out[OMK_SHA1_HEX + 1], struct omk_err *err)
{
    char answer[8192];
    const char *at;
    size_t got;
    int fd = connect_tcp(listen, err);
    int rc;

    if (fd < 0) {
        return fd; /* an omk_code */
    }
    rc = exchange(fd, listen, question, strlen(question), answer, sizeof answer,
                  &got, err);
    close(fd);
    if (rc) {
        return rc;
    }
    at = strcasestr(answer, mark);
    return take_sum(at ? at + strlen(mark) : NULL, listen, out, err);
}

int omk_probe_httpd(const char *listen, char out[OMK_SHA1_HEX + 1],
                    struct omk_err *err)
{
    return ask_tcp(listen,
                   "GET /.omakase/generation HTTP/1.1\r\n"
                   "Host: localhost\r\n"
                   "Connection: close\r\n\r\n",
                   "\r\nOmakase-Fingerprint: ", out, err);
}

int omk_probe_ftp(const char *listen, char out[OMK_SHA1_HEX + 1],
                  struct omk_err *err)
{
    return ask_tcp(listen, "QUIT\r\n", ", configuration ", out, err);
}

/* --- php-fpm: FastCGI 1.0 --------------------------------------------------
 */

#define FCGI_STDOUT 6
#define FCGI_RECORD(type, len) 1, type, 0, 1, 0, len, 0, 0

/* Names and values shorter than 128 bytes. */
static size_t add_param(unsigned char *out, const char *name, const char *value)
{
    size_t a = strlen(name), b = strlen(value);

    out[0] = (unsigned char)a;
    out[1] = (unsigned char)b;
    memcpy(out + 2, name, a);
    memcpy(out + 2 + a, value, b);
    return 2 + a + b;
}

/* A request for script; query is "" for none. */
static size_t question_of(const char *script, const char *query,
                          unsigned char out[256])
{
    static const unsigned char begin[] = {
        FCGI_RECORD(1, 8), 0, 1, 0, 0, 0, 0, 0, 0};
    static const unsigned char end[] = {FCGI_RECORD(4, 0), FCGI_RECORD(5, 0)};
    unsigned char *params = out + sizeof begin + 8;
    size_t len = 0;
    unsigned char head[] = {FCGI_RECORD(4, 0)};

    len += add_param(params + len, "SCRIPT_NAME", script);
    len += add_param(params + len, "SCRIPT_FILENAME", script);
    len += add_param(params + len, "REQUEST_METHOD", "GET");
    len += add_param(params + len, "QUERY_STRING", query);
    head[5] = (unsigned char)len;
    memcpy(out, begin, sizeof begin);
    memcpy(out + sizeof begin, head, 8);
    memcpy(params + len, end, sizeof end);
    return sizeof begin + 8 + len + sizeof end;
}

static int connect_unix(const char *path, struct omk_err *err)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd, rc;

    if (strlen(path) >= sizeof a.sun_path) {
        return omk_fail(err, OMK_ERANGE, path,
                        "is longer than a socket's name may be (%zu bytes)",
                        sizeof a.sun_path - 1);
    }
    (void)strcpy(a.sun_path, path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        set_timeouts(fd);
    }
    if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) != 0) {
        rc = omk_fail(err, errno == ENOENT ? OMK_ENOENT : OMK_EBUSY, path,
                      "cannot connect: %s", strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return rc;
    }
    return fd;
}

static int ask_unix(const char *path, const void *question, size_t len,
                    char *answer, size_t room, size_t *got, struct omk_err *err)
{
    int fd = connect_unix(path, err);
    int rc;

    if (fd < 0) {
        return fd; /* an omk_code */
    }
    rc = exchange(fd, path, question, len, answer, room, got, err);
    close(fd);
    return rc;
}

int omk_probe_php(const char *socket_path, char out[OMK_SHA1_HEX + 1],
                  struct omk_err *err)
{
    static const char mark[] = "\r\n\r\nomakase-";
    unsigned char question[256];
    char answer[8192];
    const char *at;
    size_t got, len = question_of("/ping", "", question);
    int rc =
        ask_unix(socket_path, question, len, answer, sizeof answer, &got, err);

    if (rc) {
        return rc == OMK_ENOENT ? OMK_EBUSY : rc;
    }
    at = memmem(answer, got, mark, sizeof mark - 1);
    return take_sum(at ? at + sizeof mark - 1 : NULL, socket_path, out, err);
}

/* What the records' stdout holds, put together in place; its length. */
static size_t stdout_of(char *answer, size_t got)
{
    const unsigned char *in = (const unsigned char *)answer;
    size_t at = 0, out = 0;

    while (got - at >= 8) {
        size_t len = (size_t)in[at + 4] << 8 | in[at + 5];
        size_t next = at + 8 + len + in[at + 6];

        if (next > got) {
            break;
        }
        if (in[at + 1] == FCGI_STDOUT) {
            memmove(answer + out, answer + at + 8, len);
            out += len;
        }
        at = next;
    }
    answer[out] = '\0';
    return out;
}

int omk_probe_php_status(const char *socket_path, const char *status,
                         const char *query, char *out, size_t room,
                         struct omk_err *err)
{
    unsigned char question[256];
    size_t got, len = question_of(status, query, question);
    char *body;
    int rc = ask_unix(socket_path, question, len, out, room, &got, err);

    if (rc) {
        return rc;
    }
    (void)stdout_of(out, got);
    body = strstr(out, "\r\n\r\n");
    if (!body) {
        return omk_fail(err, OMK_EINVAL, socket_path,
                        "answers, but not as a pool of php-fpm");
    }
    memmove(out, body + 4, strlen(body + 4) + 1);
    return OMK_OK;
}

int omk_probe_unix(const char *path, const char *question, char *out,
                   size_t room, struct omk_err *err)
{
    size_t got;

    return ask_unix(path, question, strlen(question), out, room, &got, err);
}
