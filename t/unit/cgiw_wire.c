#include "cmocka_first.h"
#include "wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct {
    const char *label;
    const char *path;
    size_t len; /* 0: strlen */
    int normal;
} paths[] = {
    {"a file", "/srv/a/b.cgi", 0, 1},
    {"one component", "/a", 0, 1},
    {"dots in names", "/a/..b/.c/d..", 0, 1},
    {"three dots", "/...", 0, 1},
    {"any byte", "/a\n\xff b", 0, 1},
    {"the root", "/", 0, 0},
    {"nothing", "", 0, 0},
    {"relative", "a/b", 0, 0},
    {"two slashes", "/a//b", 0, 0},
    {"two slashes first", "//a", 0, 0},
    {"a slash at the end", "/a/", 0, 0},
    {"a dot", "/a/./b", 0, 0},
    {"a dot at the end", "/a/.", 0, 0},
    {"dots", "/a/../b", 0, 0},
    {"dots at the end", "/a/..", 0, 0},
    {"dots first", "/../a", 0, 0},
    {"a NUL", "/a\0b", 4, 0},
};

static void paths_in_normal_form(void **state)
{
    char *longest = malloc(CGIW_PATH_MAX + 1);

    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        size_t len = paths[i].len ? paths[i].len : strlen(paths[i].path);
        char *exact = malloc(len ? len : 1);

        assert_non_null(exact);
        memcpy(exact, paths[i].path, len);
        if (cgiw_path_is_normal(exact, len) != paths[i].normal) {
            fail_msg("%s", paths[i].label);
        }
        free(exact);
    }
    assert_non_null(longest);
    memset(longest, 'a', CGIW_PATH_MAX + 1);
    longest[0] = '/';
    assert_true(cgiw_path_is_normal(longest, CGIW_PATH_MAX));
    assert_false(cgiw_path_is_normal(longest, CGIW_PATH_MAX + 1));
    free(longest);
}

struct request {
    const char *label;
    struct cgiw_request head; /* path_len: filled in unless wrong_len */
    const char *path;
    size_t len;
    size_t fds;
    uint32_t wrong_len;
    int ok;
};

#define HEAD(k, f, c, b)                                                       \
    {                                                                          \
        CGIW_MAGIC, CGIW_VERSION, k, 7, f, 0, c, b                             \
    }
#define RUN HEAD(CGIW_RUN, 0, 1, 4)
#define COMMAND HEAD(CGIW_EXEC_CMD, 0, 1, 4)

static const struct request requests[] = {
    {"a run", RUN, "/a/b", 4, 5, 0, 1},
    {"without stdin", HEAD(CGIW_RUN, CGIW_NO_STDIN, 1, 4), "/a", 2, 4, 0, 1},
    {"an empty environment", HEAD(CGIW_RUN, 0, 0, 0), "/a", 2, 5, 0, 1},
    {"the largest environment",
     HEAD(CGIW_RUN, 0, CGIW_ENV_COUNT_MAX, CGIW_ENV_MAX), "/a", 2, 5, 0, 1},
    {"a command", COMMAND, "/a\0ls -l", 8, 5, 0, 1},
    {"another magic", {1, 1, 1, 7, 0, 0, 1, 4}, "/a", 2, 5, 0, 0},
    {"another version", {CGIW_MAGIC, 2, 1, 7, 0, 0, 1, 4}, "/a", 2, 5, 0, 0},
    {"kind 0", HEAD(0, 0, 1, 4), "/a", 2, 5, 0, 0},
    {"kind 3", HEAD(3, 0, 1, 4), "/a", 2, 5, 0, 0},
    {"flag 2", HEAD(CGIW_RUN, 2, 1, 4), "/a", 2, 5, 0, 0},
    {"path shorter than said", RUN, "/a", 2, 5, 3, 0},
    {"path longer than said", RUN, "/a", 2, 5, 1, 0},
    {"path of 4 GB", RUN, "/a", 2, 5, UINT32_MAX, 0},
    {"a variable too many", HEAD(CGIW_RUN, 0, CGIW_ENV_COUNT_MAX + 1, 9999),
     "/a", 2, 5, 0, 0},
    {"a byte too many", HEAD(CGIW_RUN, 0, 1, CGIW_ENV_MAX + 1), "/a", 2, 5, 0,
     0},
    {"more variables than bytes", HEAD(CGIW_RUN, 0, 5, 4), "/a", 2, 5, 0, 0},
    {"four descriptors", RUN, "/a", 2, 4, 0, 0},
    {"six descriptors", RUN, "/a", 2, 6, 0, 0},
    {"stdin against the flag", HEAD(CGIW_RUN, CGIW_NO_STDIN, 1, 4), "/a", 2, 5,
     0, 0},
    {"no path", RUN, "", 0, 5, 0, 0},
    {"a NUL in a path", RUN, "/a\0b", 4, 5, 0, 0},
    {"no command", COMMAND, "/a", 2, 5, 0, 0},
    {"an empty command", COMMAND, "/a\0", 3, 5, 0, 0},
    {"two commands", COMMAND, "/a\0b\0c", 6, 5, 0, 0},
    {"a command nowhere", COMMAND, "\0ls", 3, 5, 0, 0},
};

static int parse(const struct request *r, struct cgiw_request_view *view)
{
    struct cgiw_request head = r->head;
    size_t len = sizeof head + r->len;
    char *exact = malloc(len);
    const char *why = NULL;
    int rc;

    assert_non_null(exact);
    head.path_len = r->wrong_len ? r->wrong_len : (uint32_t)r->len;
    memcpy(exact, &head, sizeof head);
    memcpy(exact + sizeof head, r->path, r->len);
    rc = cgiw_request_parse(exact, len, r->fds, view, &why);
    assert_true(rc == 0 ? !why : why && *why);
    free(exact); /* only lengths of *view are looked at behind this */
    return rc;
}

static void requests_are_parsed(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        const struct request *r = requests + i;
        struct cgiw_request_view view = {.path_len = 4711};

        if (parse(r, &view) != (r->ok ? 0 : -1)) {
            fail_msg("%s", r->label);
        }
        if (!r->ok) {
            assert_int_equal(view.path_len, 4711);
            continue;
        }
        assert_int_equal(view.head.site, 7);
        assert_int_equal(view.path_len, strlen(r->path));
        assert_int_equal(view.command_len, r->head.kind == CGIW_EXEC_CMD
                                               ? r->len - view.path_len - 1
                                               : 0);
    }
}

static void a_datagram_cut_anywhere_is_none(void **state)
{
    const char *why;
    struct cgiw_request head = RUN;
    struct cgiw_request_view view;
    char whole[sizeof head + 2];

    (void)state;
    head.path_len = 2;
    memcpy(whole, &head, sizeof head);
    memcpy(whole + sizeof head, "/a", 2);
    for (size_t len = 0; len < sizeof whole; len++) {
        char *exact = malloc(len ? len : 1);

        assert_non_null(exact);
        memcpy(exact, whole, len);
        assert_int_equal(cgiw_request_parse(exact, len, 5, &view, &why), -1);
        free(exact);
    }
    assert_int_equal(cgiw_request_parse(whole, sizeof whole, 5, &view, &why),
                     0);
}

/* Sends by one end and takes it from the other; how many descriptors came. */
static size_t send_and_take(const char *command, int with_stdin, char *bytes,
                            size_t size, size_t *len)
{
    int pair[2], null = dup(0);
    char space[CMSG_SPACE(sizeof(int) * 8)];
    struct cgiw_request_fds fds = {with_stdin ? null : -1, null, null, null,
                                   null};
    struct iovec part = {.iov_base = bytes, .iov_len = size};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = space,
                             .msg_controllen = sizeof space};
    struct cmsghdr *c;
    size_t count;

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    assert_int_equal(
        cgiw_request_send(pair[0], 3, "/a/b", command, 1, 4, &fds, 0), 0);
    *len = (size_t)recvmsg(pair[1], &message, 0);
    c = CMSG_FIRSTHDR(&message);
    if (!c) {
        fail_msg("no descriptors came");
        return 0;
    }
    count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; i++) {
        int fd;

        memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
        close(fd);
    }
    close(null);
    close(pair[0]);
    close(pair[1]);
    return count;
}

static void what_is_sent_is_what_is_parsed(void **state)
{
    char bytes[CGIW_REQUEST_MAX];
    struct cgiw_request_view view;
    const char *why;
    size_t len, count;

    (void)state;
    count = send_and_take(NULL, 1, bytes, sizeof bytes, &len);
    assert_int_equal(count, 5);
    assert_int_equal(cgiw_request_parse(bytes, len, count, &view, &why), 0);
    assert_memory_equal(view.path, "/a/b", 4);
    assert_null(view.command);
    assert_int_equal(view.head.site, 3);
    assert_int_equal(view.head.env_count, 1);
    assert_int_equal(view.head.env_bytes, 4);

    count = send_and_take("ls | wc", 0, bytes, sizeof bytes, &len);
    assert_int_equal(count, 4);
    assert_int_equal(cgiw_request_parse(bytes, len, count, &view, &why), 0);
    assert_int_equal(view.head.flags, CGIW_NO_STDIN);
    assert_memory_equal(view.path, "/a/b", 4);
    assert_int_equal(view.path_len, 4);
    assert_memory_equal(view.command, "ls | wc", 7);
    assert_int_equal(view.command_len, 7);
}

static void what_cannot_be_sent_is_said(void **state)
{
    int pair[2];
    struct cgiw_request_fds fds = {-1, 0, 0, 0, 0};
    char *path = calloc(1, CGIW_PATH_MAX + 2);

    (void)state;
    assert_non_null(path);
    memset(path, 'a', CGIW_PATH_MAX + 1);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    assert_int_equal(cgiw_request_send(pair[0], 0, path, NULL, 0, 0, &fds, 0),
                     -EINVAL);
    close(pair[1]);
    assert_int_equal(cgiw_request_send(pair[0], 0, "/a", NULL, 0, 0, &fds, 0),
                     -EPIPE);
    close(pair[0]);
    free(path);
}

static void replies_there_and_back(void **state)
{
    struct cgiw_reply sent = {.kind = CGIW_ENDED,
                              .code = 14,
                              .run = 9,
                              .wait_status = 9,
                              .wall_ms = 1000,
                              .cpu_ms = 20,
                              .memory_bytes = 1u << 30,
                              .detail = {30, UINT64_MAX},
                              .retry_after_s = 5};
    struct cgiw_reply got;
    char bytes[CGIW_REPLY_MAX + 1], text[3000];
    const char *at;
    ssize_t len;
    int pair[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    assert_int_equal(cgiw_reply_send(pair[0], &sent, "E14 too long"), 0);
    len = recv(pair[1], bytes, sizeof bytes, 0);
    assert_int_equal(cgiw_reply_parse(bytes, (size_t)len, &got, &at), 0);
    sent.magic = CGIW_MAGIC;
    sent.text_len = 12;
    assert_memory_equal(&got, &sent, sizeof got);
    assert_memory_equal(at, "E14 too long", 12);

    /* cut before the character that does not fit */
    memset(text, 'a', sizeof text);
    text[sizeof text - 1] = '\0';
    memcpy(text + CGIW_REPLY_TEXT_MAX - 1, "\xe3\x81\x82", 3);
    assert_int_equal(cgiw_reply_send(pair[0], &sent, text), 0);
    len = recv(pair[1], bytes, sizeof bytes, 0);
    assert_int_equal(cgiw_reply_parse(bytes, (size_t)len, &got, &at), 0);
    assert_int_equal(got.text_len, CGIW_REPLY_TEXT_MAX - 1);

    assert_int_equal(cgiw_reply_send(pair[0], &sent, NULL), 0);
    len = recv(pair[1], bytes, sizeof bytes, 0);
    assert_int_equal(len, sizeof sent);
    close(pair[1]);
    assert_int_equal(cgiw_reply_send(pair[0], &sent, NULL), -EPIPE);
    close(pair[0]);
}

static void a_reader_that_sleeps_does_not_stop_the_daemon(void **state)
{
    struct cgiw_reply reply = {.kind = CGIW_WARNED};
    int pair[2], rc = 0;

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    for (int i = 0; i < 100000 && rc == 0; i++) {
        rc = cgiw_reply_send(pair[0], &reply, "text");
    }
    assert_int_equal(rc, -EAGAIN);
    close(pair[0]);
    close(pair[1]);
}

static void damaged_replies(void **state)
{
    struct cgiw_reply reply = {
        .magic = CGIW_MAGIC, .kind = CGIW_WARNED, .text_len = 2};
    struct cgiw_reply got;
    char bytes[sizeof reply + 2];
    const char *at;

    (void)state;
    memcpy(bytes, &reply, sizeof reply);
    memcpy(bytes + sizeof reply, "ab", 2);
    assert_int_equal(cgiw_reply_parse(bytes, sizeof bytes, &got, &at), 0);
    for (size_t len = 0; len < sizeof bytes; len++) {
        assert_int_equal(cgiw_reply_parse(bytes, len, &got, &at), -1);
    }
    bytes[sizeof bytes - 1] = '\0';
    assert_int_equal(cgiw_reply_parse(bytes, sizeof bytes, &got, &at), -1);
    for (uint16_t kind = 0; kind < 7; kind++) {
        reply.kind = kind;
        reply.text_len = 0;
        assert_int_equal(cgiw_reply_parse(&reply, sizeof reply, &got, &at),
                         kind >= CGIW_STARTED && kind <= CGIW_ENDED ? 0 : -1);
    }
    reply.kind = CGIW_ENDED;
    reply.magic++;
    assert_int_equal(cgiw_reply_parse(&reply, sizeof reply, &got, &at), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_in_normal_form),
        cmocka_unit_test(requests_are_parsed),
        cmocka_unit_test(a_datagram_cut_anywhere_is_none),
        cmocka_unit_test(what_is_sent_is_what_is_parsed),
        cmocka_unit_test(what_cannot_be_sent_is_said),
        cmocka_unit_test(replies_there_and_back),
        cmocka_unit_test(a_reader_that_sleeps_does_not_stop_the_daemon),
        cmocka_unit_test(damaged_replies),
    };

    return cmocka_run_group_tests_name("cgiw_wire", tests, NULL, NULL);
}
