/* Whatever is read of a line lies within it; and a log of anything is counted
 * without an end of memory. */
#include "combined.h"
#include "fuzz.h"
#include "summary.h"

#include <string.h>

static void is_within(struct weblog_text t, const char *line, size_t len)
{
    if (t.len == 1 && *t.s == '-') {
        return; /* ours, for what is missing */
    }
    MUST(t.s >= line && t.len <= len && t.s + t.len <= line + len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct weblog_summary *s;
    static uint64_t lines;
    const char *line = (const char *)data;
    struct weblog_combined c;
    struct weblog_page top[3];
    const struct weblog_day *days;
    size_t n, count;

    if (weblog_combined_parse(line, size, &c)) {
        is_within(c.host, line, size);
        is_within(c.user, line, size);
        is_within(c.method, line, size);
        is_within(c.path, line, size);
        is_within(c.referer, line, size);
        is_within(c.agent, line, size);
        MUST(c.host.len > 0 && c.path.len > 0);
        MUST(c.status >= 100 && c.status <= 999);
        MUST(c.day >= 1 && c.day <= 31 && c.month >= 1 && c.month <= 12);
        MUST(c.year >= 0 && c.year <= 9999 && c.hour >= 0 && c.hour <= 23);
        MUST(!memchr(c.path.s, '?', c.path.len));
    }
    if (!s || lines % 1000 == 0) {
        weblog_summary_free(s);
        s = weblog_summary_new(1);
        MUST(s);
        lines = 0;
    }
    weblog_summary_line(s, line, size);
    lines++;
    MUST(weblog_summary_total(s)->hits + weblog_summary_unread(s) == lines);
    if (lines % 100 != 1) {
        return 0; /* to look at all of it takes long */
    }
    days = weblog_summary_days(s, &count);
    MUST(count <= WEBLOG_DAYS_MAX);
    for (size_t i = 1; i < count; i++) {
        MUST(days[i - 1].year <= days[i].year);
    }
    n = weblog_summary_top(s, top, 3);
    for (size_t i = 1; i < n; i++) {
        MUST(top[i - 1].hits >= top[i].hits);
    }
    return 0;
}
