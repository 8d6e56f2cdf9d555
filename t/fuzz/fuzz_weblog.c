/* A line made of any parts is one line, fits a pipe, and is read back as what
 * its beginning says; and a stream is the same lines however it comes. The
 * first byte of the input says in what parts it is cut. */
#include "fuzz.h"
#include "line.h"

#include <string.h>

static void make(const uint8_t *data, size_t size, size_t each)
{
    const char *parts[256];
    size_t lengths[256], n = 0, len;
    char out[WEBLOG_LINE_MAX];
    struct weblog_line got;

    for (size_t i = 0; i < size && n < 256; i += each, n++) {
        parts[n] = (const char *)data + i;
        lengths[n] = size - i < each ? size - i : each;
    }
    len = weblog_line_make(out, "ab-cdftp", WEBLOG_ERROR, parts, lengths, n);
    MUST(len >= 1 && len <= WEBLOG_LINE_MAX && out[len - 1] == '\n');
    for (size_t i = 0; i + 1 < len; i++) {
        unsigned char c = (unsigned char)out[i];

        MUST((c >= ' ' && c != 0x7f) || c == '\t');
    }
    MUST(weblog_line_parse(out, len - 1, &got));
    MUST(got.kind == WEBLOG_ERROR && got.login_len == 8
         && !memcmp(got.login, "ab-cdftp", 8));
    MUST(got.text_len == len - 1 - 11);
}

struct sum {
    size_t lines, bytes;
    uint32_t hash;
};

static void add(void *ctx, const char *line, size_t len)
{
    struct sum *s = ctx;
    struct weblog_line got;

    MUST(!memchr(line, '\n', len));
    if (weblog_line_parse(line, len, &got)) {
        MUST(weblog_is_login(got.login, got.login_len));
        MUST(got.text >= line && got.text + got.text_len == line + len);
    }
    s->lines++;
    s->bytes += len;
    for (size_t i = 0; i < len; i++) {
        s->hash = s->hash * 31 + (unsigned char)line[i];
    }
    s->hash = s->hash * 31 + '\n';
}

static struct sum feed(const uint8_t *data, size_t size, size_t each)
{
    char buf[512];
    struct weblog_split s;
    struct sum sum = {0};

    weblog_split_init(&s, buf, sizeof buf);
    while (size) {
        size_t room, n;
        char *to = weblog_split_room(&s, &room);

        MUST(room > 0 && room <= sizeof buf);
        n = each < size ? each : size;
        n = n < room ? n : room;
        memcpy(to, data, n);
        data += n;
        size -= n;
        weblog_split_feed(&s, n, add, &sum);
    }
    weblog_split_end(&s, add, &sum);
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sum one, other;
    size_t each = size ? data[0] + 1u : 1;

    if (size) {
        data++;
        size--;
    }
    make(data, size, each);
    make(data, size, each * 64);
    one = feed(data, size, each);
    other = feed(data, size, 1);
    MUST(one.lines == other.lines && one.bytes == other.bytes
         && one.hash == other.hash);
    return 0;
}
