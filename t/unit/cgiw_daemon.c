/* The daemon itself, driven by its descriptors. As root its scripts run as two
 * users that have no account; else all is the caller's. */
#include "cmocka_first.h"
#include "cgiw_server.h"
#include "diagnose.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ALICE = 20011, BOB = 20012 };

#define NEED(condition, reason)                                                \
    do {                                                                       \
        if (!(condition)) {                                                    \
            print_message("# skipped %s: %s\n", __func__, reason);             \
            return;                                                            \
        }                                                                      \
    } while (0)

static struct server server;
static char site[2][400]; /* roots */
static uid_t uids[2];
static int has_group;

static int is_root(void)
{
    return geteuid() == 0;
}

/* root/NAME of a site, for as long as four more are not asked for */
static const char *at(int who, const char *name)
{
    static char path[4][600];
    static int next;

    next = (next + 1) % 4;
    (void)snprintf(path[next], sizeof path[next], "%s/%s", site[who], name);
    return path[next];
}

static void script(int who, const char *name, const char *text)
{
    server_script(site[who], name, uids[who], 0755, text);
}

/* --- set-up --------------------------------------------------------------- */

static void make_sites(const char *keys, int with_group)
{
    server_make(&server);
    has_group = with_group;
    if (with_group) {
        server_record(&server, "cgroup\tcgiwtest%d", (int)getpid());
    }
    for (int i = 0; i < (is_root() ? 2 : 1); i++) {
        const char *login = i == 0 ? "alice" : "bob";

        uids[i] = is_root() ? (uid_t)(ALICE + i) : geteuid();
        (void)snprintf(site[i], sizeof site[i], "%s/%s", server.dir, login);
        assert_int_equal(mkdir(site[i], 0755), 0);
        if (is_root()) {
            assert_int_equal(chown(site[i], uids[i], uids[i]), 0);
        }
        server_record(&server, "site\t%d\t%s\t%u\t%u\t%s\t%s\t%s\tshown=/web%s",
                      i, login, uids[i], uids[i], site[i], login, site[i],
                      keys);
    }
}

/* *state: the sites' keys, NULL for none. */
static int set_up(void **state)
{
    make_sites(*state ? (const char *)*state : "", 1);
    server_start(&server);
    return 0;
}

/* The same where no groups hold anything. */
static int set_up_without_groups(void **state)
{
    make_sites(*state ? (const char *)*state : "", 0);
    server_start(&server);
    return 0;
}

/* The same, not started yet. */
static int set_up_alone(void **state)
{
    make_sites(*state ? (const char *)*state : "", 0);
    return 0;
}

/* What the daemon says where nothing was to be said fails the test; one that
 * expects something takes it away. */
static int tear_down(void **state)
{
    int status = server.pid ? server_end(&server, 0) : 0;
    char *errors = server_read(server.errors);

    (void)state;
    if (status != 0 || *errors) {
        print_message("# status %d, errors: %s\n", status, errors);
        status = 1;
    }
    free(errors);
    server_remove(&server);
    return status;
}

static void expect_error(const char *text)
{
    char *errors = server_read(server.errors);

    if (!strstr(errors, text)) {
        fail_msg("not said: %s; but: %s", text, errors);
    }
    free(errors);
    assert_int_equal(truncate(server.errors, 0), 0);
}

static int is_logged(void *text)
{
    char *log = server_read(server.log);
    int found = strstr(log, text) != NULL;

    free(log);
    return found;
}

/* The line comes after the reply. */
static void expect_log(const char *text)
{
    char copy[256];

    (void)snprintf(copy, sizeof copy, "%s", text);
    if (!eventually(is_logged, copy)) {
        fail_msg("not logged: %s", text);
    }
}

/* Whether the daemon still does its work. */
static void expect_service(void)
{
    struct run r;

    script(0, "fine.cgi", "#!/bin/sh\necho fine\n");
    run_whole(&server, &r, 0, at(0, "fine.cgi"), NULL);
    if (strcmp(r.output, "fine\n") != 0 || r.last.kind != CGIW_ENDED) {
        fail_msg("no service: kind %d, status %x, %s%s", r.last.kind,
                 (unsigned)r.last.wait_status, r.text, r.errors);
    }
}

/* A script that has written "up\n" runs. */
static void start_and_wait(struct run *r, int who, const char *name)
{
    run_start(&server, r, (uint32_t)who, at(who, name), NULL, NULL);
    assert_int_equal(read(r->out, r->output, 3), 3);
    assert_string_equal(r->output, "up\n");
}

static int is_dead(void *pid)
{
    return !is_alive(*(pid_t *)pid);
}

/* The number in a file that a script has written, once it is there. */
static int has_number(void *path)
{
    char *text = server_read(path);
    int whole = strchr(text, '\n') != NULL;

    free(text);
    return whole;
}

static pid_t number_in(const char *path)
{
    char copy[600], *text;
    pid_t pid;

    (void)snprintf(copy, sizeof copy, "%s", path);
    assert_true(eventually(has_number, copy));
    text = server_read(copy);
    pid = (pid_t)strtol(text, NULL, 10);
    free(text);
    assert_true(pid > 1);
    return pid;
}

static int is_idle(void *unused)
{
    (void)unused;
    return children_of(server.pid) == 0;
}

/* --- runs ----------------------------------------------------------------- */

static void a_script_runs_as_its_owner_with_its_body(void **state)
{
    struct run r;
    char expected[600];

    (void)state;
    script(0, "a.cgi",
           "#!/bin/sh\ncat\nid -u\nid -G\numask\npwd\n"
           "echo oops >&2\nexit 3\n");
    run_whole(&server, &r, 0, at(0, "a.cgi"), "the body\n");
    (void)snprintf(expected, sizeof expected, "the body\n%u\n%u\n0022\n%s\n",
                   uids[0], uids[0], site[0]);
    if (is_root()) {
        assert_string_equal(r.output, expected);
    }
    assert_int_equal(strncmp(r.output, "the body\n", 9), 0);
    assert_string_equal(r.errors, "oops\n");
    assert_int_equal(r.started, 1);
    assert_int_equal(r.finals, 1);
    assert_int_equal(r.last.kind, CGIW_ENDED);
    assert_int_equal(r.last.code, 0);
    assert_true(WIFEXITED(r.last.wait_status));
    assert_int_equal(WEXITSTATUS(r.last.wait_status), 3);
    assert_true(r.last.memory_bytes > 4096);
    expect_log("\"login\":\"alice\"");
    expect_log("\"exit\":3}\n");
}

static void each_site_has_its_user(void **state)
{
    struct run r;

    (void)state;
    NEED(is_root(), "needs root");
    script(1, "who.cgi", "#!/bin/sh\nid -u\n");
    run_whole(&server, &r, 1, at(1, "who.cgi"), NULL);
    assert_string_equal(r.output, "20012\n");
    server_script(site[1], "alices.cgi", ALICE, 0755, "#!/bin/sh\nid -u\n");
    run_whole(&server, &r, 1, at(1, "alices.cgi"), NULL);
    assert_int_equal(r.last.kind, CGIW_REFUSED);
    assert_int_equal(r.last.code, CGIW_E02);
}

static void a_signal_is_told(void **state)
{
    struct run r;

    (void)state;
    script(0, "a.cgi", "#!/bin/sh\nkill -TERM $$\n");
    run_whole(&server, &r, 0, at(0, "a.cgi"), NULL);
    assert_int_equal(r.last.kind, CGIW_ENDED);
    assert_true(WIFSIGNALED(r.last.wait_status));
    assert_int_equal(WTERMSIG(r.last.wait_status), SIGTERM);
    expect_log("\"signal\":15}");
}

static void what_is_refused_is_explained_and_logged(void **state)
{
    struct run r;

    (void)state;
    server_script(site[0], "a.cgi", uids[0], 0644, "#!/bin/sh\n");
    run_whole(&server, &r, 0, at(0, "a.cgi"), NULL);
    assert_int_equal(r.last.kind, CGIW_REFUSED);
    assert_int_equal(r.last.code, CGIW_E01);
    assert_int_equal(r.started, 0);
    assert_int_equal(r.finals, 1);
    assert_int_equal(strncmp(r.text, "E01 /web/a.cgi: ", 16), 0);
    expect_log("\"code\":\"E01\"}\n");
}

static void a_missing_interpreter_is_told_after_the_start(void **state)
{
    struct run r;

    (void)state;
    script(0, "a.cgi", "#!/usr/local/bin/nosuch\n");
    run_whole(&server, &r, 0, at(0, "a.cgi"), NULL);
    assert_int_equal(r.last.kind, CGIW_REFUSED);
    assert_int_equal(r.last.code, CGIW_E06);
    assert_int_equal(r.finals, 1);
}

static void line_ends_of_dos_are_warned_of(void **state)
{
    struct run r;

    (void)state;
    script(0, "a.cgi", "#!/usr/bin/perl\r\nprint \"fine\";\r\n");
    run_whole(&server, &r, 0, at(0, "a.cgi"), NULL);
    assert_int_equal(r.warned, 1);
    assert_int_equal(r.last.kind, CGIW_ENDED);
    assert_string_equal(r.output, "fine");
}

static void a_script_has_three_descriptors_and_a_clean_environment(void **state)
{
    static const char *const sent[] = {
        "REQUEST_METHOD=GET",      "HTTP_HOST=a.example", "HTTP_PROXY=evil",
        "LD_PRELOAD=/tmp/evil.so", "PATH=/evil",          NULL};
    struct run r;

    (void)state;
    script(0, "a.cgi",
           "#!/bin/sh\nls /proc/$$/fd\nenv\ntrap\n"
           "grep -E 'SigBlk|SigIgn' /proc/self/status\n");
    run_start(&server, &r, 0, at(0, "a.cgi"), NULL, sent);
    run_body(&r, NULL);
    run_finish(&r);
    /* 10 is dash's own, of the script; a pipe would show the shell's ends */
    assert_true(!strncmp(r.output, "0\n1\n10\n2\n", 9)
                || !strncmp(r.output, "0\n1\n2\n", 6));
    assert_non_null(strstr(r.output, "HTTP_HOST=a.example\n"));
    assert_non_null(strstr(r.output, "PATH=/usr/local/bin:/usr/bin:/bin\n"));
    assert_non_null(strstr(r.output, "USER=alice\n"));
    assert_null(strstr(r.output, "evil"));
    assert_null(strstr(r.output, "CGIWTEST"));
    assert_non_null(strstr(r.output, "SigBlk:\t0000000000000000\n"));
    assert_non_null(strstr(r.output, "SigIgn:\t0000000000000000\n"));
}

static void without_a_body_stdin_is_empty(void **state)
{
    struct run r;
    int pair[2], out[2];
    uint32_t count, bytes;
    struct cgiw_request_fds fds;
    char output[64] = "";

    (void)state;
    script(0, "a.cgi", "#!/bin/sh\nreadlink /proc/$$/fd/0\n");
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    assert_int_equal(pipe(out), 0);
    fds = (struct cgiw_request_fds){
        .in = -1, .out = out[1], .err = out[1], .control = pair[1]};
    fds.environment = environment(NULL, &count, &bytes);
    assert_int_equal(cgiw_request_send(server.sock, 0, at(0, "a.cgi"), NULL,
                                       count, bytes, &fds, 0),
                     0);
    close(out[1]);
    close(pair[1]);
    close(fds.environment);
    memset(&r, 0, sizeof r);
    assert_true(read(out[0], output, sizeof output - 1) > 0);
    assert_string_equal(output, "/dev/null\n");
    close(out[0]);
    close(pair[0]);
}

static void a_command_of_ssi_only_where_the_operator_allows(void **state)
{
    struct run r;

    (void)state;
    run_start(&server, &r, 0, site[0], "pwd; echo \"$0\"", NULL);
    run_finish(&r);
    assert_int_equal(r.last.kind, CGIW_REFUSED);
    assert_int_equal(r.last.code, CGIW_E23);
    assert_string_equal(r.output, "");
}

static void a_command_of_ssi_runs_in_the_directory(void **state)
{
    struct run r;
    char expected[500];

    (void)state;
    run_start(&server, &r, 0, site[0], "pwd; id -u", NULL);
    run_finish(&r);
    (void)snprintf(expected, sizeof expected, "%s\n%u\n", site[0], uids[0]);
    assert_string_equal(r.output, expected);
}

static void query_words_only_where_the_site_asks(void **state)
{
    static const char *const sent[] = {"REQUEST_METHOD=GET",
                                       "QUERY_STRING=a+%22b", NULL};
    struct run r;

    script(0, "a.cgi", "#!/bin/sh\necho $# $1 $2\n");
    run_start(&server, &r, 0, at(0, "a.cgi"), NULL, sent);
    run_finish(&r);
    assert_string_equal(r.output, *state ? "2 a \"b\n" : "0\n");
}

static void a_disabled_script_stays_so(void **state)
{
    char line[600];
    struct run r;

    (void)state;
    script(0, "a.cgi", "#!/bin/sh\necho ran\n");
    run_whole(&server, &r, 0, at(0, "a.cgi"), NULL);
    assert_string_equal(r.output, "ran\n");
    (void)snprintf(line, sizeof line,
                   "alice\t0:0\t/web/a.cgi\t2026-11-25T10:00:00Z\tspam\n");
    server_script(server.dir, "denied", geteuid(), 0644, line);
    run_whole(&server, &r, 0, at(0, "a.cgi"), NULL);
    assert_int_equal(r.last.code, CGIW_E23);
    assert_non_null(strstr(r.text, "spam"));
    assert_int_equal(unlink(server.denied), 0);
    run_whole(&server, &r, 0, at(0, "a.cgi"), NULL);
    assert_string_equal(r.output, "ran\n");
}

/* --- ends ----------------------------------------------------------------- */

/* A process in a session of its own, whose parent has ended, and which takes
 * no TERM. Without groups it may be found and killed at any time. */
#define RUNAWAY                                                                \
    "#!/bin/sh\n"                                                              \
    "(setsid sh -c 'trap \"\" TERM HUP; while :; do sleep 1000; done' "        \
    ">/dev/null 2>&1 </dev/null & echo $! >pid)\n"

static void giving_up_a_request_ends_the_tree(void **state)
{
    struct run r;
    pid_t runaway;

    (void)state;
    script(0, "a.cgi", RUNAWAY "trap '' TERM HUP; echo up\nsleep 1000\n");
    start_and_wait(&r, 0, "a.cgi");
    runaway = number_in(at(0, "pid"));
    assert_true(is_alive(runaway) || !has_group);
    run_drop(&r);
    assert_true(eventually(is_dead, &runaway));
    assert_true(eventually(is_idle, NULL));
    expect_log("\"signal\":9}");
}

static void a_tree_dies_with_its_main_process(void **state)
{
    struct run r;
    pid_t runaway;

    (void)state;
    script(0, "a.cgi", RUNAWAY "exit 0\n");
    run_whole(&server, &r, 0, at(0, "a.cgi"), NULL);
    runaway = number_in(at(0, "pid"));
    assert_int_equal(r.last.kind, CGIW_ENDED);
    assert_int_equal(r.last.wait_status, 0);
    assert_true(eventually(is_dead, &runaway));
    assert_true(eventually(is_idle, NULL));
}

static void wall_time_is_held(void **state)
{
    struct run r;

    (void)state;
    script(0, "a.cgi", "#!/bin/sh\ntrap '' TERM\nsleep 1000\n");
    run_whole(&server, &r, 0, at(0, "a.cgi"), NULL);
    assert_int_equal(r.last.kind, CGIW_ENDED);
    assert_int_equal(r.last.code, CGIW_E14);
    assert_int_equal(r.last.detail[0], 1);
    assert_true(r.last.detail[1] >= 1);
    assert_true(r.last.wall_ms >= 1000);
    expect_log("\"signal\":9,\"code\":\"E14\"}");
}

static void cpu_time_is_held(void **state)
{
    struct run r;

    (void)state;
    script(0, "a.cgi", "#!/bin/sh\nwhile :; do :; done\n");
    run_whole(&server, &r, 0, at(0, "a.cgi"), NULL);
    assert_int_equal(r.last.kind, CGIW_ENDED);
    assert_int_equal(r.last.code, CGIW_E15);
    assert_int_equal(r.last.detail[0], 1);
    expect_log("\"code\":\"E15\"}");
}

/* Each process is below the limit; the tree is not. */
static void cpu_time_is_the_whole_trees(void **state)
{
    struct run r;

    (void)state;
    script(0, "a.cgi",
           "#!/bin/sh\nfor i in 1 2 3 4 5 6; do\n"
           "  sh -c 'while :; do :; done' &\ndone\nwait\n");
    run_whole(&server, &r, 0, at(0, "a.cgi"), NULL);
    assert_int_equal(r.last.code, CGIW_E15);
    assert_true(eventually(is_idle, NULL));
}

static void one_user_has_so_many_runs_at_once(void **state)
{
    struct run first, second, others;

    (void)state;
    script(0, "a.cgi", "#!/bin/sh\necho up\ncat\n");
    start_and_wait(&first, 0, "a.cgi");
    run_whole(&server, &second, 0, at(0, "a.cgi"), NULL);
    assert_int_equal(second.last.kind, CGIW_REFUSED);
    assert_int_equal(second.last.code, CGIW_E18);
    assert_int_equal(second.last.detail[0], 1);
    assert_true(second.last.retry_after_s >= 1
                && second.last.retry_after_s <= 30);
    if (is_root()) {
        script(1, "b.cgi", "#!/bin/sh\necho other\n");
        run_whole(&server, &others, 1, at(1, "b.cgi"), NULL);
        assert_string_equal(others.output, "other\n");
    }
    run_body(&first, NULL);
    run_finish(&first);
    run_whole(&server, &second, 0, at(0, "a.cgi"), NULL);
    assert_int_equal(second.last.kind, CGIW_ENDED);
    expect_log("\"code\":\"E18\"}");
}

/* --- what is no request --------------------------------------------------- */

struct forgery {
    const char *label;
    struct cgiw_request head;
    const char *path;
    size_t path_len; /* 0: strlen */
    int fds;         /* how many are sent */
    int empty;       /* no byte at all */
};

#define HEAD(...)                                                              \
    {                                                                          \
        .magic = CGIW_MAGIC, .version = CGIW_VERSION, .kind = CGIW_RUN,        \
        __VA_ARGS__                                                            \
    }

static const struct forgery forgeries[] = {
    {"no such site", HEAD(.site = 2), "/a", 0, 5, 0},
    {"a site far out", HEAD(.site = UINT32_MAX), "/a", 0, 5, 0},
    {"another magic", {.magic = 1, .version = 1, .kind = 1}, "/a", 0, 5, 0},
    {"another version",
     {.magic = CGIW_MAGIC, .version = 2, .kind = CGIW_RUN},
     "/a",
     0,
     5,
     0},
    {"another kind",
     {.magic = CGIW_MAGIC, .version = CGIW_VERSION, .kind = 3},
     "/a",
     0,
     5,
     0},
    {"unknown flags", HEAD(.flags = 2), "/a", 0, 5, 0},
    {"a descriptor too few", HEAD(.site = 0), "/a", 0, 4, 0},
    {"a descriptor too many", HEAD(.site = 0), "/a", 0, 6, 0},
    {"two hundred too many", HEAD(.site = 0), "/a", 0, 200, 0},
    {"none", HEAD(.site = 0), "/a", 0, 0, 0},
    {"stdin against its flag", HEAD(.flags = CGIW_NO_STDIN), "/a", 0, 5, 0},
    {"a relative path", HEAD(.site = 0), "a", 0, 5, 0},
    {"a path with ..", HEAD(.site = 0), "/srv/../etc/passwd", 0, 5, 0},
    {"a path with a NUL", HEAD(.site = 0), "/a\0b", 4, 5, 0},
    {"no path", HEAD(.site = 0), "", 0, 5, 0},
    {"a command without one",
     {.magic = CGIW_MAGIC, .version = CGIW_VERSION, .kind = CGIW_EXEC_CMD},
     "/a",
     0,
     5,
     0},
    {"too large an environment", HEAD(.env_bytes = CGIW_ENV_MAX + 1), "/a", 0,
     5, 0},
    {"too many variables",
     HEAD(.env_count = CGIW_ENV_COUNT_MAX + 1, .env_bytes = 5000), "/a", 0, 5,
     0},
    {"not a byte", HEAD(.site = 0), "", 0, 5, 1},
    {"not a byte, no descriptor", HEAD(.site = 0), "", 0, 0, 1},
};

/* Returns the other end of what stands for control. */
static int send_forgery(const struct forgery *f)
{
    char bytes[4096], space[CMSG_SPACE(sizeof(int) * 250)];
    struct cgiw_request head = f->head;
    size_t path_len = f->path_len ? f->path_len : strlen(f->path);
    struct iovec part = {.iov_base = bytes};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    int pair[2], fds[250];

    head.path_len = (uint32_t)path_len;
    memcpy(bytes, &head, sizeof head);
    memcpy(bytes + sizeof head, f->path, path_len);
    part.iov_len = f->empty ? 0 : sizeof head + path_len;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    if (f->fds) {
        struct cmsghdr *c = (struct cmsghdr *)(void *)space;
        size_t len = sizeof(int) * (size_t)f->fds;

        memset(space, 0, sizeof space);
        for (int i = 0; i < f->fds; i++) {
            fds[i] = pair[1];
        }
        message.msg_control = space;
        message.msg_controllen = CMSG_SPACE(len);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(len);
        memcpy(CMSG_DATA(c), fds, len);
    }
    assert_int_equal(sendmsg(server.sock, &message, 0), (ssize_t)part.iov_len);
    close(pair[1]);
    return pair[0];
}

static void what_is_no_request_is_dropped(void **state)
{
    int before;

    (void)state;
    expect_service();
    before = descriptors_of(server.pid);
    for (size_t i = 0; i < sizeof forgeries / sizeof *forgeries; i++) {
        char byte;
        int control = send_forgery(forgeries + i);

        if (recv(control, &byte, 1, 0) != 0) {
            fail_msg("%s: answered", forgeries[i].label);
        }
        close(control);
    }
    expect_service();
    assert_int_equal(descriptors_of(server.pid), before);
    expect_error("OMK0422");
}

static void a_path_elsewhere_is_refused(void **state)
{
    struct run r;
    char neighbour[500];

    (void)state;
    run_whole(&server, &r, 0, "/bin/true", NULL);
    assert_int_equal(r.last.kind, CGIW_REFUSED);
    assert_int_equal(r.last.code, CGIW_E20);
    (void)snprintf(neighbour, sizeof neighbour, "%s2/a.cgi", site[0]);
    run_whole(&server, &r, 0, neighbour, NULL);
    assert_int_equal(r.last.code, CGIW_E20);
    if (is_root()) {
        script(1, "b.cgi", "#!/bin/sh\necho bob\n");
        run_whole(&server, &r, 0, at(1, "b.cgi"), NULL);
        assert_int_equal(r.last.code, CGIW_E20);
    }
}

/* An environment that is none: its sender could change it while it is read. */
static void refuse_environment(int fd, uint32_t count, uint32_t bytes)
{
    struct run r;
    int pair[2], out[2];
    struct cgiw_request_fds fds;

    memset(&r, 0, sizeof r);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    assert_int_equal(pipe(out), 0);
    fds = (struct cgiw_request_fds){.in = -1,
                                    .out = out[1],
                                    .err = out[1],
                                    .control = pair[1],
                                    .environment = fd};
    assert_int_equal(cgiw_request_send(server.sock, 0, at(0, "a.cgi"), NULL,
                                       count, bytes, &fds, 0),
                     0);
    close(out[1]);
    close(pair[1]);
    close(fd);
    r.control = pair[0];
    r.out = out[0];
    r.in = r.err = -1;
    run_finish(&r);
    assert_int_equal(r.last.kind, CGIW_REFUSED);
    assert_int_equal(r.last.code, CGIW_E25);
    assert_string_equal(r.output, "");
}

static void an_environment_is_sealed_and_as_it_was_said(void **state)
{
    static const char *const sent[] = {"REQUEST_METHOD=GET", NULL};
    uint32_t count, bytes;
    char path[] = "/tmp/omakase-cgiw-XXXXXX";
    int fd;

    (void)state;
    script(0, "a.cgi", "#!/bin/sh\necho ran\n");
    fd = mkstemp(path);
    assert_true(fd >= 0 && unlink(path) == 0);
    assert_int_equal(write(fd, "A=b", 4), 4);
    refuse_environment(fd, 1, 4);
    fd = environment(sent, &count, &bytes);
    refuse_environment(fd, count, bytes - 1);
    fd = environment(sent, &count, &bytes);
    refuse_environment(fd, count + 1, bytes);
    expect_service();
}

/* --- the operator's socket ------------------------------------------------ */

static int connect_to(const char *path)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)snprintf(to.sun_path, sizeof to.sun_path, "%s", path);
    assert_true(fd >= 0);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* malloc'd */
static char *ask(const char *question)
{
    char path[400], *answer = calloc(1, 1 << 16);
    size_t len = 0;
    ssize_t n;
    int fd;

    assert_non_null(answer);
    (void)snprintf(path, sizeof path, "%s.%d", server.control, (int)server.pid);
    fd = connect_to(path);
    assert_true(fd >= 0);
    assert_true(write(fd, question, strlen(question)) > 0
                && write(fd, "\n", 1) == 1);
    while ((n = read(fd, answer + len, (1 << 16) - 1 - len)) > 0) {
        len += (size_t)n;
    }
    close(fd);
    return answer;
}

static void expect_answer(const char *question, const char *text)
{
    char *answer = ask(question);

    if (!strstr(answer, text)) {
        fail_msg("%s: not said: %s; but: %s", question, text, answer);
    }
    free(answer);
}

static void the_operator_lists_and_kills(void **state)
{
    struct run r[3];
    char question[64];

    (void)state;
    script(0, "a.cgi", "#!/bin/sh\necho up\nsleep 1000 & wait\n");
    expect_service();
    expect_answer("list", "");
    for (int i = 0; i < 3; i++) {
        start_and_wait(&r[i], 0, "a.cgi");
    }
    expect_answer("list", "\"login\":\"alice\"");
    expect_answer("list", "/alice/a.cgi\"");
    expect_answer("list", "\"processes\":2}\n");
    expect_answer("list", "{\"run\":2,");
    expect_answer("kill 99", "{\"killed\":0}\n");
    expect_answer("kill 2", "{\"killed\":1}\n");
    run_finish(&r[0]);
    assert_int_equal(r[0].last.kind, CGIW_ENDED);
    assert_int_equal(WTERMSIG(r[0].last.wait_status), SIGKILL);
    expect_answer("kill login bob", "{\"killed\":0}\n");
    expect_answer("kill login alice", "{\"killed\":2}\n");
    run_finish(&r[1]);
    run_finish(&r[2]);
    expect_answer("kill all", "{\"killed\":0}\n");
    expect_answer("kill -1", "{\"error\":");
    expect_answer("hello", "{\"error\":");
    (void)snprintf(question, sizeof question, "capabilities");
    expect_answer(question, "{\"name\":\"memory\",\"holding\":");
}

/* In a child: whether another user can connect. */
static int others_can_connect(const char *path)
{
    pid_t pid = fork();
    int status;

    assert_true(pid >= 0);
    if (pid == 0) {
        char byte;
        int fd;

        if (setgid(BOB) != 0 || setuid(BOB) != 0) {
            _exit(2);
        }
        fd = connect_to(path);
        _exit(fd >= 0 && send(fd, "kill all\n", 9, MSG_NOSIGNAL) == 9
              && read(fd, &byte, 1) > 0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
    return WEXITSTATUS(status);
}

static void nobody_else_asks(void **state)
{
    char path[400];
    struct stat st;

    (void)state;
    NEED(is_root(), "needs root");
    expect_service();
    (void)snprintf(path, sizeof path, "%s.%d", server.control, (int)server.pid);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_false(others_can_connect(path));
    assert_int_equal(chmod(path, 0666), 0);
    assert_false(others_can_connect(path));
    expect_answer("kill all", "{\"killed\":0}\n");
}

static void a_dead_daemons_socket_is_removed(void **state)
{
    char path[400];
    pid_t first;

    (void)state;
    expect_service();
    first = server.pid;
    (void)snprintf(path, sizeof path, "%s.%d", server.control, (int)first);
    assert_int_equal(access(path, F_OK), 0);
    assert_true(WIFSIGNALED(server_end(&server, SIGKILL)));
    server_start(&server);
    expect_service();
    assert_int_equal(access(path, F_OK), -1);
}

/* --- the daemon's life ---------------------------------------------------- */

static void a_generation_ends_when_its_scripts_have(void **state)
{
    struct run r;

    (void)state;
    script(0, "a.cgi", "#!/bin/sh\necho up\ncat\n");
    start_and_wait(&r, 0, "a.cgi");
    close(server.sock);
    server.sock = -1;
    run_body(&r, "still served\n");
    run_finish(&r);
    assert_string_equal(r.output, "still served\n");
    assert_int_equal(r.last.kind, CGIW_ENDED);
    assert_int_equal(server_end(&server, 0), 0);
    server.pid = 0;
}

static void when_told_to_stop_it_ends_what_runs(void **state)
{
    struct run r;

    (void)state;
    script(0, "a.cgi", "#!/bin/sh\ntrap '' TERM\necho up\nsleep 1000\n");
    start_and_wait(&r, 0, "a.cgi");
    assert_int_equal(kill(server.pid, SIGTERM), 0);
    run_finish(&r);
    assert_int_equal(WTERMSIG(r.last.wait_status), SIGKILL);
    assert_int_equal(server_end(&server, 0), 0);
    server.pid = 0;
}

/* The main process dies with the daemon; what it has started does not. */
static void a_successor_ends_what_was_left(void **state)
{
    struct run r;
    pid_t left;

    (void)state;
    script(0, "a.cgi",
           "#!/bin/sh\nsh -c 'echo $$ >pid; exec sleep 1000' &\necho up\n"
           "wait\n");
    start_and_wait(&r, 0, "a.cgi");
    left = number_in(at(0, "pid"));
    assert_true(WIFSIGNALED(server_end(&server, SIGKILL)));
    r.last.kind = 0;
    while (r.control >= 0) {
        run_reply(&r);
    }
    assert_int_equal(r.finals, 0);
    run_drop(&r);
    assert_true(is_alive(left));
    server_start(&server);
    assert_true(eventually(is_dead, &left));
    expect_service();
    expect_error("OMK0425");
}

/* A table is believed about customers' processes alone. */
static void a_forged_table_kills_nobody(void **state)
{
    struct cgiw_slot slot = {.stage = CGIW_STAGE_EXEC, .uid = 0};
    pid_t victim = fork();
    int status;

    (void)state;
    assert_true(victim >= 0);
    if (victim == 0) {
        (void)setsid();
        (void)pause();
        _exit(0);
    }
    slot.pid = victim;
    slot.born_to_ns = UINT64_MAX / 1000;
    slot.uid = is_root() ? 0 : 4711;
    expect_service();
    assert_int_equal(pwrite(server.table, &slot, sizeof slot, sizeof slot),
                     sizeof slot);
    assert_true(WIFSIGNALED(server_end(&server, SIGKILL)));
    server_start(&server);
    expect_service();
    assert_true(is_alive(victim));
    (void)kill(victim, SIGKILL);
    assert_int_equal(waitpid(victim, &status, 0), victim);
}

static long anonymous_kb(void)
{
    char path[64], *status, *line;
    long kb;

    (void)snprintf(path, sizeof path, "/proc/%d/status", (int)server.pid);
    status = server_read(path);
    line = strstr(status, "RssAnon:");
    assert_non_null(line);
    kb = strtol(line + 8, NULL, 10);
    free(status);
    return kb;
}

static void quick_ends_leave_nothing(void **state)
{
    struct run r;
    long kb = 0;
    int before = 0;

    (void)state;
    script(0, "a.cgi", "#!/bin/sh\n");
    for (int i = 0; i < 1000; i++) {
        run_start(&server, &r, 0, at(0, "a.cgi"), NULL, NULL);
        if (i % 3 == 0) {
            run_drop(&r);
        }
        else {
            run_finish(&r);
        }
        if (i == 200) {
            assert_true(eventually(is_idle, NULL));
            before = descriptors_of(server.pid);
            kb = anonymous_kb();
        }
    }
    expect_service(); /* all that was asked before has been started */
    assert_true(eventually(is_idle, NULL));
    assert_int_equal(children_of(server.pid), 0);
    /* A group that one more run at a time has taken keeps a dozen; a descriptor
     * that every run left would be 800. */
    assert_true(descriptors_of(server.pid) <= before + 60);
#ifndef __SANITIZE_ADDRESS__ /* which keeps what was freed */
    assert_true(anonymous_kb() <= kb + 16);
#else
    (void)kb;
#endif
}

static void out_of_descriptors_it_answers_or_drops_and_goes_on(void **state)
{
    struct run r[12];
    struct rlimit few = {0};
    unsigned ended = 0, without = 0;

    (void)state;
    script(0, "a.cgi", "#!/bin/sh\ncat\n");
    expect_service();
    few.rlim_cur = few.rlim_max = (rlim_t)descriptors_of(server.pid) + 8;
    assert_int_equal(prlimit(server.pid, RLIMIT_NOFILE, &few, NULL), 0);
    for (int i = 0; i < 12; i++) {
        run_start(&server, &r[i], 0, at(0, "a.cgi"), NULL, NULL);
    }
    for (int i = 0; i < 12; i++) {
        run_body(&r[i], NULL);
    }
    for (int i = 0; i < 12; i++) {
        run_finish(&r[i]);
        ended += r[i].last.kind == CGIW_ENDED;
        without += r[i].finals == 0 || r[i].last.code == CGIW_E22;
    }
    assert_true(ended >= 1);
    assert_int_equal(ended + without, 12);
    assert_true(without >= 1);
    expect_service();
    /* Dropped ones are told of, those that were answered are not. */
    assert_int_equal(truncate(server.errors, 0), 0);
}

static void the_log_follows_its_name(void **state)
{
    char moved[400];

    (void)state;
    expect_service();
    (void)snprintf(moved, sizeof moved, "%s.1", server.log);
    assert_int_equal(rename(server.log, moved), 0);
    for (int i = 0; i < 6000 && access(server.log, F_OK) != 0; i++) {
        expect_service();
    }
    expect_log("\"login\":\"alice\"");
}

/* --- starts --------------------------------------------------------------- */

static void it_does_not_start_with(const char *text)
{
    int status;

    server_start(&server);
    assert_int_equal(waitpid(server.pid, &status, 0), server.pid);
    server.pid = 0;
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    expect_error(text);
}

static void a_configuration_it_does_not_understand(void **state)
{
    (void)state;
    server_record(&server, "colour\tblue");
    it_does_not_start_with("OMK0426: cgi-wrapper: cannot start: record ");
}

static void not_root_it_runs_its_own_scripts_alone(void **state)
{
    (void)state;
    NEED(is_root(), "needs root");
    server.as = ALICE;
    it_does_not_start_with("runs scripts as its own user alone");
}

static void not_root_it_works_for_its_own(void **state)
{
    struct run r;

    (void)state;
    NEED(is_root(), "needs root; without it everything here is that");
    server.as = ALICE;
    server.config_len = 0;
    server_record(&server, "cgi-wrapper\t1");
    server_record(&server, "site\t0\talice\t%d\t%d\t%s\talice\t%s", ALICE,
                  ALICE, site[0], site[0]);
    server_start(&server);
    script(0, "a.cgi", "#!/bin/sh\nid -u\n");
    run_whole(&server, &r, 0, at(0, "a.cgi"), NULL);
    assert_string_equal(r.output, "20011\n");
}

/* As the daemon's user, who may do that without further rights. */
static void allow_processes(rlim_t soft)
{
    struct rlimit limit;
    pid_t pid;
    int status;

    assert_int_equal(getrlimit(RLIMIT_NPROC, &limit), 0);
    limit.rlim_cur = soft < limit.rlim_max ? soft : limit.rlim_max;
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        _exit(setgid(ALICE) != 0 || setuid(ALICE) != 0
              || prlimit(server.pid, RLIMIT_NPROC, &limit, NULL) != 0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* fork fails: it says so, and goes on when it does not. */
static void out_of_processes_it_says_so(void **state)
{
    struct run r;

    NEED(is_root(), "needs root");
    not_root_it_works_for_its_own(state);
    allow_processes(1);
    run_whole(&server, &r, 0, at(0, "a.cgi"), NULL);
    assert_int_equal(r.last.kind, CGIW_REFUSED);
    assert_int_equal(r.last.code, CGIW_E22);
    allow_processes(RLIM_INFINITY);
    expect_service();
}

/* --- the order of the drop, as the kernel saw it -------------------------- */

static size_t position(const char *trace, const char *call)
{
    const char *found = strstr(trace, call);

    if (!found) {
        fail_msg("not seen: %s in %s", call, trace);
        return 0;
    }
    return (size_t)(found - trace);
}

static int can_trace(void)
{
    return system("strace -o /dev/null true >/dev/null 2>&1") == 0;
}

static void root_is_gone_before_the_script_is_looked_at(void **state)
{
    static char file[400], root[700];
    static const char *wrap[] = {"strace", "-ff", "-s", "256",
                                 "-o",     file,  NULL};
    const char *const order[] = {"rt_sigprocmask(SIG_SETMASK, []",
                                 "setsid()",
                                 "dup2(",
                                 "prlimit64(0, RLIMIT_CPU",
                                 "setgroups(0,",
                                 "setresgid(20011, 20011, 20011)",
                                 "setresuid(20011, 20011, 20011)",
                                 "getresuid(",
                                 "setuid(0)",
                                 "prctl(PR_SET_PDEATHSIG, SIGKILL)",
                                 "getppid()",
                                 "umask(022)",
                                 root,
                                 "fchdir(",
                                 "F_GET_SEALS",
                                 "close_range(3,",
                                 "sendmsg(",
                                 "execve("};
    struct run r;
    char path[500], *child;
    size_t next = 0;

    (void)state;
    NEED(is_root(), "needs root");
    NEED(can_trace(), "strace cannot trace here");
    (void)snprintf(file, sizeof file, "%s/trace", server.dir);
    (void)snprintf(root, sizeof root, "\"%s\"", site[0]);
    server.wrap = wrap;
    /* One process cannot trace another twice: LeakSanitizer would, at exit. */
    (void)setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
    server_start(&server);
    (void)unsetenv("ASAN_OPTIONS");
    script(0, "a.cgi", "#!/bin/sh\necho $$\n");
    run_whole(&server, &r, 0, at(0, "a.cgi"), NULL);
    assert_int_equal(server_end(&server, 0), 0);
    server.pid = 0;
    (void)snprintf(path, sizeof path, "%s.%ld", file,
                   strtol(r.output, NULL, 10));
    child = server_read(path);
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        next += position(child + next, order[i]);
    }
    /* Not one file of anybody's is named before the drop, but the kernel's. */
    child[position(child, "setresuid(20011")] = '\0';
    assert_null(strstr(child, server.dir));
    assert_null(strstr(child, "exec"));
    free(child);
}

int main(int argc, char **argv)
{
    static char strict_wall[] = "\twall=1", cpu[] = "\tcpu=1",
                one[] = "\tconcurrent=1", commands[] = "\texeccmd=1",
                words[] = "\tisindex=1";
#define TEST(f, keys)                                                          \
    {                                                                          \
#f, f, set_up, tear_down, keys                                         \
    }
#define TEST_WITHOUT_GROUPS(f, keys)                                           \
    {                                                                          \
#f " (without groups)", f, set_up_without_groups, tear_down, keys      \
    }
#define TEST_ALONE(f, keys)                                                    \
    {                                                                          \
#f, f, set_up_alone, tear_down, keys                                   \
    }
    const struct CMUnitTest tests[] = {
        TEST(a_script_runs_as_its_owner_with_its_body, NULL),
        TEST(each_site_has_its_user, NULL),
        TEST(a_signal_is_told, NULL),
        TEST(what_is_refused_is_explained_and_logged, NULL),
        TEST(a_missing_interpreter_is_told_after_the_start, NULL),
        TEST(line_ends_of_dos_are_warned_of, NULL),
        TEST(a_script_has_three_descriptors_and_a_clean_environment, NULL),
        TEST(without_a_body_stdin_is_empty, NULL),
        TEST(a_command_of_ssi_only_where_the_operator_allows, NULL),
        TEST(a_command_of_ssi_runs_in_the_directory, commands),
        TEST(query_words_only_where_the_site_asks, NULL),
        TEST(query_words_only_where_the_site_asks, words),
        TEST(a_disabled_script_stays_so, NULL),
        TEST(giving_up_a_request_ends_the_tree, NULL),
        TEST_WITHOUT_GROUPS(giving_up_a_request_ends_the_tree, NULL),
        TEST(a_tree_dies_with_its_main_process, NULL),
        TEST_WITHOUT_GROUPS(a_tree_dies_with_its_main_process, NULL),
        TEST(wall_time_is_held, strict_wall),
        TEST_WITHOUT_GROUPS(wall_time_is_held, strict_wall),
        TEST(cpu_time_is_held, cpu),
        TEST(cpu_time_is_the_whole_trees, cpu),
        TEST_WITHOUT_GROUPS(cpu_time_is_the_whole_trees, cpu),
        TEST(one_user_has_so_many_runs_at_once, one),
        TEST(what_is_no_request_is_dropped, NULL),
        TEST(a_path_elsewhere_is_refused, NULL),
        TEST(an_environment_is_sealed_and_as_it_was_said, NULL),
        TEST(the_operator_lists_and_kills, NULL),
        TEST_WITHOUT_GROUPS(the_operator_lists_and_kills, NULL),
        TEST(nobody_else_asks, NULL),
        TEST(a_dead_daemons_socket_is_removed, NULL),
        TEST(a_generation_ends_when_its_scripts_have, NULL),
        TEST(when_told_to_stop_it_ends_what_runs, NULL),
        TEST_WITHOUT_GROUPS(when_told_to_stop_it_ends_what_runs, NULL),
        TEST_WITHOUT_GROUPS(a_successor_ends_what_was_left, NULL),
        TEST_WITHOUT_GROUPS(a_forged_table_kills_nobody, NULL),
        TEST(quick_ends_leave_nothing, NULL),
        TEST_WITHOUT_GROUPS(quick_ends_leave_nothing, NULL),
        TEST(out_of_descriptors_it_answers_or_drops_and_goes_on, NULL),
        TEST(the_log_follows_its_name, NULL),
        TEST_ALONE(a_configuration_it_does_not_understand, NULL),
        TEST_ALONE(not_root_it_runs_its_own_scripts_alone, NULL),
        TEST_ALONE(not_root_it_works_for_its_own, NULL),
        TEST_ALONE(out_of_processes_it_says_so, NULL),
        TEST_ALONE(root_is_gone_before_the_script_is_looked_at, cpu),
    };

    /* Nothing of this may reach a script. */
    (void)setenv("CGIWTEST", "1", 1);
    if (argc > 1) {
        cmocka_set_test_filter(argv[1]);
    }
    return cmocka_run_group_tests_name("cgiw_daemon", tests, NULL, NULL);
}
