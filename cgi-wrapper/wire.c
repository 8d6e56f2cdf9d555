#include "wire.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

_Static_assert(sizeof(struct cgiw_request) == 28, "no padding on the wire");
_Static_assert(sizeof(struct cgiw_reply) == 56, "no padding on the wire");

/* "/a/b": so a prefix can be compared, and a walk needs no thought of "..". */
int cgiw_path_is_normal(const char *path, size_t len)
{
    if (len == 0 || len > CGIW_PATH_MAX || path[0] != '/'
        || memchr(path, '\0', len)) {
        return 0;
    }
    for (size_t i = 0; i < len;) {
        const char *name = path + i + 1;
        const char *slash = memchr(name, '/', len - i - 1);
        size_t n = slash ? (size_t)(slash - name) : len - i - 1;

        if (n == 0 || (n == 1 && name[0] == '.')
            || (n == 2 && name[0] == '.' && name[1] == '.')) {
            return 0;
        }
        i += n + 1;
    }
    return 1;
}

static const char *head_fault(const struct cgiw_request *head, size_t len,
                              size_t fd_count)
{
    if (head->magic != CGIW_MAGIC) {
        return "not a request";
    }
    if (head->version != CGIW_VERSION) {
        return "of another version";
    }
    if (head->kind != CGIW_RUN && head->kind != CGIW_EXEC_CMD) {
        return "of an unknown kind";
    }
    if (head->flags & ~(uint32_t)CGIW_NO_STDIN) {
        return "with unknown flags";
    }
    if (head->path_len != len - sizeof *head) {
        return "its path is not as long as it says";
    }
    if (head->env_count > CGIW_ENV_COUNT_MAX || head->env_bytes > CGIW_ENV_MAX
        || head->env_bytes < head->env_count) {
        return "its environment is too large";
    }
    if (fd_count
        != (size_t)CGIW_REQUEST_FDS_MAX - (head->flags & CGIW_NO_STDIN)) {
        return "with the wrong number of descriptors";
    }
    return NULL;
}

static const char *split_command(struct cgiw_request_view *view)
{
    const char *nul = memchr(view->path, '\0', view->path_len);

    if (!nul) {
        return "without a command";
    }
    view->command = nul + 1;
    view->command_len = view->path_len - (size_t)(nul - view->path) - 1;
    view->path_len = (size_t)(nul - view->path);
    if (view->command_len == 0 || view->command_len > CGIW_COMMAND_MAX
        || memchr(view->command, '\0', view->command_len)) {
        return "with a bad command";
    }
    return NULL;
}

int cgiw_request_parse(const void *datagram, size_t len, size_t fd_count,
                       struct cgiw_request_view *view, const char **why)
{
    struct cgiw_request_view v = {.path = NULL};
    const char *fault;

    if (len < sizeof v.head || len > CGIW_REQUEST_MAX) {
        *why = "too short or too long";
        return -1;
    }
    memcpy(&v.head, datagram, sizeof v.head);
    fault = head_fault(&v.head, len, fd_count);
    if (!fault) {
        v.path = (const char *)datagram + sizeof v.head;
        v.path_len = v.head.path_len;
        fault = v.head.kind == CGIW_EXEC_CMD ? split_command(&v) : NULL;
    }
    if (!fault && !cgiw_path_is_normal(v.path, v.path_len)) {
        fault = "its path is not in normal form";
    }
    if (fault) {
        *why = fault;
        return -1;
    }
    *view = v;
    return 0;
}

/* Those that are there, in the order of the wire; how many. */
static size_t pack_fds(const struct cgiw_request_fds *fds, int *packed)
{
    size_t n = 0;

    if (fds->in >= 0) {
        packed[n++] = fds->in;
    }
    packed[n++] = fds->out;
    packed[n++] = fds->err;
    packed[n++] = fds->control;
    packed[n++] = fds->environment;
    return n;
}

int cgiw_request_send(int sock, uint32_t site, const char *path,
                      const char *command, uint32_t env_count,
                      uint32_t env_bytes, const struct cgiw_request_fds *fds,
                      int flags)
{
    union {
        struct cmsghdr head; /* for its alignment */
        char space[CMSG_SPACE(sizeof(int) * CGIW_REQUEST_FDS_MAX)];
    } control;
    int packed[CGIW_REQUEST_FDS_MAX];
    size_t count = pack_fds(fds, packed);
    size_t path_len = strlen(path);
    size_t command_len = command ? strlen(command) : 0;
    struct cgiw_request head = {
        .magic = CGIW_MAGIC,
        .version = CGIW_VERSION,
        .kind = command ? CGIW_EXEC_CMD : CGIW_RUN,
        .site = site,
        .flags = fds->in < 0 ? (uint32_t)CGIW_NO_STDIN : 0,
        .env_count = env_count,
        .env_bytes = env_bytes,
    };
    /* sendmsg takes the bytes but does not change them. */
    struct iovec parts[3] = {
        {.iov_base = &head, .iov_len = sizeof head},
        {.iov_base = (void *)(uintptr_t)path,
         .iov_len = path_len + (command ? 1 : 0)},
        {.iov_base = (void *)(uintptr_t)command, .iov_len = command_len},
    };
    struct msghdr message = {
        .msg_iov = parts,
        .msg_iovlen = command ? 3 : 2,
        .msg_control = control.space,
        .msg_controllen = CMSG_SPACE(sizeof(int) * count),
    };
    ssize_t n;

    if (path_len > CGIW_PATH_MAX || command_len > CGIW_COMMAND_MAX) {
        return -EINVAL;
    }
    head.path_len = (uint32_t)(parts[1].iov_len + command_len);
    memset(&control, 0, sizeof control);
    control.head.cmsg_level = SOL_SOCKET;
    control.head.cmsg_type = SCM_RIGHTS;
    control.head.cmsg_len = CMSG_LEN(sizeof(int) * count);
    memcpy(CMSG_DATA(&control.head), packed, sizeof(int) * count);
    do {
        n = sendmsg(sock, &message, flags | MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : 0;
}

/* Where to cut a text that is too long: not inside a character. */
static size_t cut(const char *text, size_t len)
{
    if (len <= CGIW_REPLY_TEXT_MAX) {
        return len;
    }
    len = CGIW_REPLY_TEXT_MAX;
    while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80) {
        len--;
    }
    return len;
}

int cgiw_reply_send(int control, const struct cgiw_reply *reply,
                    const char *text)
{
    struct cgiw_reply head = *reply;
    size_t text_len = text ? cut(text, strlen(text)) : 0;
    struct iovec parts[2] = {
        {.iov_base = &head, .iov_len = sizeof head},
        {.iov_base = (void *)(uintptr_t)text, .iov_len = text_len},
    };
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = text_len ? 2 : 1};
    ssize_t n;

    head.magic = CGIW_MAGIC;
    head.text_len = (uint16_t)text_len;
    do {
        n = sendmsg(control, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : 0;
}

int cgiw_reply_parse(const void *datagram, size_t len, struct cgiw_reply *reply,
                     const char **text)
{
    struct cgiw_reply head;

    if (len < sizeof head || len > CGIW_REPLY_MAX) {
        return -1;
    }
    memcpy(&head, datagram, sizeof head);
    if (head.magic != CGIW_MAGIC || head.kind < CGIW_STARTED
        || head.kind > CGIW_ENDED || head.text_len != len - sizeof head
        || memchr((const char *)datagram + sizeof head, '\0', head.text_len)) {
        return -1;
    }
    *reply = head;
    *text = (const char *)datagram + sizeof head;
    return 0;
}
