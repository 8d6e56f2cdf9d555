#include "control.h"

#include "capabilities.h"
#include "daemon.h"
#include "err.h"
#include "json.h"
#include "num.h"
#include "reap.h"
#include "tree.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define CLIENT_MS 10000
#define LIST_LINE_MAX 32768

/* --- the socket ----------------------------------------------------------- */

static int address(struct sockaddr_un *to, const char *path)
{
    *to = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof to->sun_path) {
        return -ENAMETOOLONG;
    }
    (void)strcpy(to->sun_path, path);
    return 0;
}

/* Nobody listens there any more: its daemon was killed. */
static int is_stale(const char *path)
{
    struct sockaddr_un to;
    struct stat st;
    int fd, refused;

    if (lstat(path, &st) != 0 || !S_ISSOCK(st.st_mode)
        || address(&to, path) != 0) {
        return 0;
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return 0;
    }
    refused = connect(fd, (const struct sockaddr *)&to, sizeof to) != 0
              && errno == ECONNREFUSED;
    close(fd);
    return refused;
}

static void remove_stale(const char *base)
{
    const char *slash = strrchr(base, '/');
    size_t len = strlen(slash + 1);
    char dir_name[sizeof((struct sockaddr_un *)0)->sun_path];
    char path[sizeof dir_name + 256];
    const struct dirent *entry;
    DIR *dir;

    (void)snprintf(dir_name, sizeof dir_name, "%.*s",
                   (int)(slash == base ? 1 : slash - base), base);
    dir = opendir(dir_name);
    if (!dir) {
        return; /* bind says why */
    }
    while ((entry = readdir(dir))) {
        const char *tail = entry->d_name + len + 1;

        if (strncmp(entry->d_name, slash + 1, len) != 0
            || entry->d_name[len] != '.' || !*tail
            || tail[strspn(tail, "0123456789")]) {
            continue;
        }
        (void)snprintf(path, sizeof path, "%s/%s", dir_name, entry->d_name);
        if (is_stale(path)) {
            (void)unlink(path); /* another daemon may have been first */
        }
    }
    closedir(dir);
}

static int listen_at(const char *path)
{
    struct sockaddr_un to;
    mode_t before;
    int fd, rc = address(&to, path);

    if (rc != 0) {
        errno = -rc;
        return -1;
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -1;
    }
    before = umask(0177);
    rc = unlink(path) != 0 && errno != ENOENT
             ? -1
             : bind(fd, (const struct sockaddr *)&to, sizeof to);
    (void)umask(before);
    if (rc != 0 || listen(fd, 8) != 0) {
        rc = errno;
        close(fd);
        errno = rc;
        return -1;
    }
    return fd;
}

int cgiw_control_open(struct cgiw_daemon *d, struct omk_err *err)
{
    const char *base = d->config->control;
    int rc;

    if (!base) {
        return OMK_OK;
    }
    remove_stale(base);
    (void)snprintf(d->control_path, sizeof d->control_path, "%.4000s.%d", base,
                   (int)d->own_pid);
    d->listener = listen_at(d->control_path);
    rc = d->listener < 0 ? -errno
                         : cgiw_daemon_watch(d, d->listener, EPOLLIN,
                                             CGIW_FROM_LISTENER, 0, 0);
    if (rc == 0) {
        return OMK_OK;
    }
    d->control_path[0] = '\0';
    return omk_fail(err, OMK_EIO, base, "control socket: %s", strerror(-rc));
}

void cgiw_control_close(struct cgiw_daemon *d)
{
    if (d->control_path[0]) {
        (void)unlink(d->control_path); /* it may be gone with its directory */
    }
}

/* --- answers -------------------------------------------------------------- */

static void append(struct cgiw_client *client, const char *text, size_t len)
{
    char *more = realloc(client->answer, client->answer_len + len);

    if (!more) {
        return; /* the operator gets what there is */
    }
    memcpy(more + client->answer_len, text, len);
    client->answer = more;
    client->answer_len += len;
}

static void say_error(struct cgiw_client *client, const char *text)
{
    char line[256];
    struct cgiw_json json;

    cgiw_json_begin(&json, line, sizeof line);
    cgiw_json_string(&json, "error", text, strlen(text));
    append(client, line, cgiw_json_end(&json));
}

static void say_run(struct cgiw_daemon *d, struct cgiw_client *client,
                    uint32_t live, const struct cgiw_tree_use *seen)
{
    const struct cgiw_run *run = d->runs + d->live[live];
    const struct cgiw_site *site = run->site;
    struct cgiw_use use;
    struct cgiw_json json;
    char line[LIST_LINE_MAX];
    int in_group = (d->holds & CGIW_HOLDS_CPU_TIME) != 0;

    cgiw_leaf_use(run->leaf, &use);
    cgiw_json_begin(&json, line, sizeof line);
    cgiw_json_number(&json, "run", run->number);
    cgiw_json_string(&json, "login", site->login, strlen(site->login));
    cgiw_json_number(&json, "uid", site->uid);
    cgiw_json_string(&json, "script", run->script, strlen(run->script));
    cgiw_json_number(&json, "pid", (uint64_t)d->pids[live]);
    cgiw_json_number(&json, "age_ms",
                     (uint64_t)(cgiw_daemon_now_ms() - run->started_ms));
    cgiw_json_number(&json, "cpu_ms",
                     (in_group ? use.cpu_us : seen->cpu_us) / 1000);
    cgiw_json_number(&json, "memory_bytes",
                     use.memory_bytes ? use.memory_bytes : seen->memory_bytes);
    cgiw_json_number(&json, "processes",
                     use.processes ? use.processes : seen->processes);
    append(client, line, cgiw_json_end(&json));
}

static void say_list(struct cgiw_daemon *d, struct cgiw_client *client)
{
    struct cgiw_tree_use *seen =
        calloc(d->live_count ? d->live_count : 1, sizeof *seen);

    if (!seen) {
        say_error(client, "out of memory");
        return;
    }
    /* Zeroes where /proc cannot be read. */
    (void)cgiw_tree_use(d->pids, d->live_count, seen);
    for (uint32_t i = 0; i < d->live_count; i++) {
        say_run(d, client, i, seen + i);
    }
    free(seen);
}

static void say_capabilities(const struct cgiw_daemon *d,
                             struct cgiw_client *client)
{
    struct cgiw_capabilities found;
    char line[CGIW_CAPABILITIES * CGIW_CAPABILITY_TEXT * 2];

    cgiw_capabilities_probe(d->cgroup, &found);
    append(client, line, cgiw_capabilities_json(&found, line, sizeof line));
}

static int is_meant(const struct cgiw_run *run, const char *word,
                    uint64_t number)
{
    if (!strcmp(word, "all")) {
        return 1;
    }
    if (!strncmp(word, "login ", 6)) {
        return !strcmp(run->site->login, word + 6);
    }
    return run->number == number;
}

static void kill_runs(struct cgiw_daemon *d, struct cgiw_client *client,
                      const char *word)
{
    uint64_t number = 0, killed = 0;
    char line[64];
    struct cgiw_json json;

    if (strcmp(word, "all") != 0 && strncmp(word, "login ", 6) != 0
        && omk_num_u64(word, strlen(word), 1, UINT32_MAX, &number) != 0) {
        say_error(client, "kill takes a run's number, 'login LOGIN' or 'all'");
        return;
    }
    for (uint32_t i = 0; i < d->live_count; i++) {
        struct cgiw_run *run = d->runs + d->live[i];

        if (!run->killed && is_meant(run, word, number)) {
            cgiw_reap_kill(d, run, CGIW_OK, 0, 0);
            killed++;
        }
    }
    cgiw_json_begin(&json, line, sizeof line);
    cgiw_json_number(&json, "killed", killed);
    append(client, line, cgiw_json_end(&json));
}

static void answer(struct cgiw_daemon *d, struct cgiw_client *client)
{
    if (!strcmp(client->line, "list")) {
        say_list(d, client);
    }
    else if (!strcmp(client->line, "capabilities")) {
        say_capabilities(d, client);
    }
    else if (!strncmp(client->line, "kill ", 5)) {
        kill_runs(d, client, client->line + 5);
    }
    else {
        say_error(client, "known are: list, capabilities, kill RUN, kill login "
                          "LOGIN, kill all");
    }
}

/* --- clients -------------------------------------------------------------- */

static void forget(struct cgiw_daemon *d, struct cgiw_client *client)
{
    cgiw_daemon_forget(d, client->fd);
    free(client->answer);
    *client = (struct cgiw_client){.fd = -1};
}

static struct cgiw_client *free_client(struct cgiw_daemon *d, uint32_t *index)
{
    for (uint32_t i = 0; i < CGIW_CLIENTS_MAX; i++) {
        if (d->clients[i].fd < 0) {
            *index = i;
            return d->clients + i;
        }
    }
    return NULL;
}

static int may_ask(const struct cgiw_daemon *d, int fd)
{
    struct ucred who;
    socklen_t len = sizeof who;

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0
           && (who.uid == 0 || who.uid == d->own_uid);
}

void cgiw_control_accept(struct cgiw_daemon *d)
{
    int fd = accept4(d->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct cgiw_client *client;
    uint32_t index = 0;

    if (fd < 0) {
        return;
    }
    client = may_ask(d, fd) ? free_client(d, &index) : NULL;
    if (!client
        || cgiw_daemon_watch(d, fd, EPOLLIN, CGIW_FROM_CLIENT, index, 0) != 0) {
        close(fd);
        return;
    }
    *client = (struct cgiw_client){.fd = fd, .since_ms = cgiw_daemon_now_ms()};
}

/* 1: the line is there. 0: more is to come. -1: it will not. */
static int read_line(struct cgiw_client *client)
{
    ssize_t n = read(client->fd, client->line + client->line_len,
                     sizeof client->line - 1 - client->line_len);
    char *end;

    if (n <= 0) {
        return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
    }
    client->line_len += (size_t)n;
    client->line[client->line_len] = '\0';
    end = memchr(client->line, '\n', client->line_len);
    if (end) {
        *end = '\0';
        return 1;
    }
    return client->line_len + 1 < sizeof client->line ? 0 : -1;
}

/* 1: all is out, or never will be. */
static int write_answer(struct cgiw_client *client)
{
    ssize_t n = send(client->fd, client->answer + client->answer_sent,
                     client->answer_len - client->answer_sent,
                     MSG_NOSIGNAL | MSG_DONTWAIT);

    if (n < 0) {
        return errno != EAGAIN && errno != EINTR;
    }
    client->answer_sent += (size_t)n;
    return client->answer_sent == client->answer_len;
}

void cgiw_control_client(struct cgiw_daemon *d, uint32_t index)
{
    struct cgiw_client *client = d->clients + index;
    struct epoll_event event = {
        .events = EPOLLOUT,
        .data.u64 = cgiw_daemon_event(CGIW_FROM_CLIENT, index, 0)};

    if (index >= CGIW_CLIENTS_MAX || client->fd < 0) {
        return;
    }
    if (!client->answer) {
        int rc = read_line(client);

        if (rc == 0) {
            return;
        }
        if (rc > 0) {
            answer(d, client);
        }
        if (!client->answer
            || epoll_ctl(d->epoll, EPOLL_CTL_MOD, client->fd, &event) != 0) {
            forget(d, client); /* an empty list is an empty answer */
            return;
        }
    }
    if (write_answer(client)) {
        forget(d, client);
    }
}

unsigned cgiw_control_tick(struct cgiw_daemon *d)
{
    int64_t now_ms = cgiw_daemon_now_ms();
    unsigned count = 0;

    for (uint32_t i = 0; i < CGIW_CLIENTS_MAX; i++) {
        struct cgiw_client *client = d->clients + i;

        if (client->fd < 0) {
            continue;
        }
        if (now_ms - client->since_ms > CLIENT_MS) {
            forget(d, client);
        }
        else {
            count++;
        }
    }
    return count;
}
