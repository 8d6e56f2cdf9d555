#include "cmocka_first.h"
#include "cgiw_server.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Scripts give way to all else on the machine: a busy one takes its time. */
#define PATIENCE_MS 300000

static int64_t now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void server_make(struct server *s)
{
    memset(s, 0, sizeof *s);
    s->sock = s->table = -1;
    (void)strcpy(s->dir, "/tmp/omakase-cgiw-XXXXXX");
    assert_non_null(mkdtemp(s->dir));
    assert_int_equal(chmod(s->dir, 0755), 0);
    (void)snprintf(s->log, sizeof s->log, "%s/usage.log", s->dir);
    (void)snprintf(s->errors, sizeof s->errors, "%s/errors", s->dir);
    (void)snprintf(s->denied, sizeof s->denied, "%s/denied", s->dir);
    (void)snprintf(s->control, sizeof s->control, "%s/control", s->dir);
    server_record(s, "cgi-wrapper\t1");
    server_record(s, "log\t%s", s->log);
    server_record(s, "denied\t%s", s->denied);
    server_record(s, "control\t%s", s->control);
}

void server_record(struct server *s, const char *format, ...)
{
    va_list ap;
    int n;

    va_start(ap, format);
    n = vsnprintf(s->config + s->config_len, sizeof s->config - s->config_len,
                  format, ap);
    va_end(ap);
    assert_true(n > 0 && (size_t)n < sizeof s->config - s->config_len);
    s->config_len += (size_t)n + 1;
}

static int memory_file(const void *data, size_t len)
{
    int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, len), (ssize_t)len);
    return fd;
}

/* In the child: descriptors as httpd's parent leaves them, then the daemon. */
static void become_daemon(const struct server *s, int sock, int config)
{
    const char *argv[16];
    size_t n = 0;
    int from[3] = {sock, config, s->table};
    int err = open(s->errors, O_WRONLY | O_CREAT | O_APPEND, 0644);
    int null = open("/dev/null", O_RDWR);

    for (int i = 0; i < 3; i++) {
        from[i] = fcntl(from[i], F_DUPFD, 10);
    }
    for (int i = 0; i < 3; i++) {
        (void)dup2(from[i], 3 + i);
    }
    (void)dup2(null, 0);
    (void)dup2(null, 1);
    (void)dup2(err, 2);
    while (s->wrap && s->wrap[n]) {
        argv[n] = s->wrap[n];
        n++;
    }
    argv[n++] = CGI_WRAPPER;
    argv[n++] = "--daemon";
    argv[n] = NULL;
    (void)close_range(6, ~0U, 0);
    if (s->as && (setgid(s->as) != 0 || setuid(s->as) != 0)) {
        _exit(126);
    }
    (void)execvp(argv[0], (char *const *)(uintptr_t)argv);
    _exit(127);
}

void server_start(struct server *s)
{
    int pair[2], config = memory_file(s->config, s->config_len);

    if (s->table < 0) {
        s->table = memory_file("", 0);
        assert_int_equal(ftruncate(s->table, CGIW_TABLE_BYTES), 0);
    }
    assert_int_equal(
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    s->pid = fork();
    assert_true(s->pid >= 0);
    if (s->pid == 0) {
        become_daemon(s, pair[1], config);
    }
    close(pair[1]);
    close(config);
    s->sock = pair[0];
}

struct waited {
    pid_t pid;
    int status;
};

static int has_ended(void *context)
{
    struct waited *w = context;

    return waitpid(w->pid, &w->status, WNOHANG) == w->pid;
}

int server_end(struct server *s, int sig)
{
    struct waited w = {.pid = s->pid};

    if (sig) {
        (void)kill(s->pid, sig);
    }
    if (s->sock >= 0) {
        close(s->sock);
        s->sock = -1;
    }
    if (eventually(has_ended, &w)) {
        return w.status;
    }
    /* A test that failed has left scripts; the daemon waits for them. */
    print_message("# the daemon does not end\n");
    (void)kill(s->pid, SIGTERM);
    (void)eventually(has_ended, &w);
    return -1;
}

void server_remove(struct server *s)
{
    char command[300];

    if (s->table >= 0) {
        close(s->table);
    }
    (void)snprintf(command, sizeof command, "rm -rf '%s'", s->dir);
    assert_int_equal(system(command), 0);
}

char *server_read(const char *path)
{
    FILE *f = fopen(path, "r");
    char *text = calloc(1, 1 << 20);

    assert_non_null(text);
    if (f) {
        (void)!fread(text, 1, (1 << 20) - 1, f);
        (void)fclose(f);
    }
    return text;
}

void server_script(const char *dir, const char *name, uid_t uid, mode_t mode,
                   const char *text)
{
    char path[512];
    FILE *f;

    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0 && fclose(f) == 0);
    if (geteuid() == 0) {
        assert_int_equal(chown(path, uid, uid), 0);
    }
    assert_int_equal(chmod(path, mode), 0);
}

int environment(const char *const *variables, uint32_t *count, uint32_t *bytes)
{
    char block[CGIW_ENV_MAX];
    size_t len = 0;
    int fd;

    *count = 0;
    for (; variables && *variables; variables++) {
        size_t n = strlen(*variables) + 1;

        memcpy(block + len, *variables, n);
        len += n;
        ++*count;
    }
    *bytes = (uint32_t)len;
    fd = memory_file(block, len);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, CGIW_ENV_SEALS), 0);
    return fd;
}

void run_start(struct server *s, struct run *r, uint32_t site, const char *path,
               const char *command, const char *const *env)
{
    static const char *const none[] = {"GATEWAY_INTERFACE=CGI/1.1",
                                       "REQUEST_METHOD=GET", NULL};
    int control[2], in[2], out[2], err[2];
    uint32_t count, bytes;
    struct cgiw_request_fds fds;
    int rc;

    memset(r, 0, sizeof *r);
    assert_int_equal(
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control), 0);
    assert_true(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0
                && pipe2(err, O_CLOEXEC) == 0);
    fds = (struct cgiw_request_fds){
        .in = in[0], .out = out[1], .err = err[1], .control = control[1]};
    fds.environment = environment(env ? env : none, &count, &bytes);
    rc = cgiw_request_send(s->sock, site, path, command, count, bytes, &fds, 0);
    assert_int_equal(rc, 0);
    close(in[0]);
    close(out[1]);
    close(err[1]);
    close(control[1]);
    close(fds.environment);
    r->control = control[0];
    r->in = in[1];
    r->out = out[0];
    r->err = err[0];
}

static void close_one(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
    *fd = -1;
}

void run_body(struct run *r, const char *body)
{
    if (body) {
        /* One that has ended without reading it is no fault. */
        (void)!write(r->in, body, strlen(body));
    }
    close_one(&r->in);
}

void run_reply(struct run *r)
{
    char datagram[CGIW_REPLY_MAX];
    const char *text;
    ssize_t n = recv(r->control, datagram, sizeof datagram, 0);

    if (n <= 0) {
        close_one(&r->control);
        return;
    }
    assert_int_equal(cgiw_reply_parse(datagram, (size_t)n, &r->last, &text), 0);
    if (r->last.text_len) {
        memcpy(r->text, text, r->last.text_len);
        r->text[r->last.text_len] = '\0';
    }
    r->started += r->last.kind == CGIW_STARTED;
    r->warned += r->last.kind == CGIW_WARNED;
    r->finals += r->last.kind == CGIW_REFUSED || r->last.kind == CGIW_ENDED;
}

static void take_output(int *fd, char *to, size_t *len, size_t size)
{
    ssize_t n = read(*fd, to + *len, size - 1 - *len);

    if (n <= 0) {
        close_one(fd);
        return;
    }
    *len += (size_t)n;
    to[*len] = '\0';
}

void run_finish(struct run *r)
{
    int64_t until = now_ms() + PATIENCE_MS;

    while (r->control >= 0 || r->out >= 0 || r->err >= 0) {
        struct pollfd fds[3] = {{.fd = r->control, .events = POLLIN},
                                {.fd = r->out, .events = POLLIN},
                                {.fd = r->err, .events = POLLIN}};

        assert_true(now_ms() < until);
        if (poll(fds, 3, 1000) <= 0) {
            continue;
        }
        if (fds[0].revents) {
            run_reply(r);
        }
        if (fds[1].revents) {
            take_output(&r->out, r->output, &r->output_len, sizeof r->output);
        }
        if (fds[2].revents) {
            take_output(&r->err, r->errors, &r->errors_len, sizeof r->errors);
        }
    }
    close_one(&r->in);
}

void run_whole(struct server *s, struct run *r, uint32_t site, const char *path,
               const char *body)
{
    run_start(s, r, site, path, NULL, NULL);
    run_body(r, body);
    run_finish(r);
}

void run_drop(struct run *r)
{
    close_one(&r->control);
    close_one(&r->in);
    close_one(&r->out);
    close_one(&r->err);
}

int eventually(int (*condition)(void *), void *context)
{
    int64_t until = now_ms() + PATIENCE_MS;

    while (!condition(context)) {
        if (now_ms() >= until) {
            return 0;
        }
        (void)poll(NULL, 0, 5);
    }
    return 1;
}

static int entries(const char *path)
{
    DIR *dir = opendir(path);
    int count = 0;

    assert_non_null(dir);
    for (const struct dirent *e; (e = readdir(dir));) {
        count += e->d_name[0] != '.';
    }
    closedir(dir);
    return count;
}

int descriptors_of(pid_t pid)
{
    char path[64];

    (void)snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    return entries(path);
}

/* State and parent of a process; 0: none. */
static char state_of(pid_t pid, pid_t *parent)
{
    char path[64], line[512] = "", state = 0;
    const char *p;
    FILE *f;
    int ppid = 0;

    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    f = fopen(path, "r");
    if (!f) {
        return 0;
    }
    if (fgets(line, sizeof line, f) && (p = strrchr(line, ')'))) {
        (void)sscanf(p + 1, " %c %d", &state, &ppid);
    }
    (void)fclose(f);
    *parent = ppid;
    return state;
}

int children_of(pid_t pid)
{
    DIR *dir = opendir("/proc");
    int count = 0;

    assert_non_null(dir);
    for (const struct dirent *e; (e = readdir(dir));) {
        pid_t parent = 0;

        if (isdigit((unsigned char)e->d_name[0])
            && state_of((pid_t)strtol(e->d_name, NULL, 10), &parent)) {
            count += parent == pid;
        }
    }
    closedir(dir);
    return count;
}

int is_alive(pid_t pid)
{
    pid_t parent;
    char state = state_of(pid, &parent);

    return state != 0 && state != 'Z' && state != 'X';
}
