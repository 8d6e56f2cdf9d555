/* The daemon's wire format: a byte says how many descriptors came, then the
 * datagram. What passes is within its bounds; the same bytes as a reply. */
#include "fuzz.h"
#include "wire.h"

#include <string.h>

static void check_request(const struct cgiw_request_view *v, size_t fds,
                          const char *begin, const char *end)
{
    MUST(v->path > begin && v->path + v->path_len <= end);
    MUST(v->path_len > 1 && v->path_len <= CGIW_PATH_MAX);
    MUST(v->path[0] == '/' && !memchr(v->path, '\0', v->path_len));
    MUST(v->path[v->path_len - 1] != '/');
    MUST(!memmem(v->path, v->path_len, "//", 2));
    MUST(!memmem(v->path, v->path_len, "/../", 4));
    MUST(fds == 4 + !(v->head.flags & CGIW_NO_STDIN));
    MUST(v->head.env_bytes <= CGIW_ENV_MAX);
    if (v->head.kind == CGIW_EXEC_CMD) {
        MUST(v->command == v->path + v->path_len + 1);
        MUST(v->command + v->command_len == end && v->command_len > 0);
    }
    else {
        MUST(!v->command && v->path + v->path_len == end);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cgiw_request_view view;
    struct cgiw_reply reply;
    const char *why = NULL, *text;
    const char *datagram = (const char *)data + 1;

    if (size == 0) {
        return 0;
    }
    size--;
    if (cgiw_request_parse(datagram, size, data[0], &view, &why) == 0) {
        check_request(&view, data[0], datagram, datagram + size);
    }
    else {
        MUST(why && *why);
    }
    if (cgiw_reply_parse(datagram, size, &reply, &text) == 0) {
        MUST(text + reply.text_len == datagram + size);
        MUST(reply.text_len <= CGIW_REPLY_TEXT_MAX);
    }
    return 0;
}
