/* A line of the combined log format:
 *
 *   HOST IDENT USER [10/Oct/2000:13:55:36 +0900] "GET /a.html HTTP/1.0" 200
 *   2326 "REFERER" "AGENT"
 *
 * as httpd's LogFormat combined writes it
 * (httpd.apache.org/docs/2.4/logs.html#combined). REFERER and AGENT may be
 * missing (the common format). All in it but time, status and bytes is what a
 * visitor sent, so nothing is taken for granted. */
#ifndef WEBLOG_COMBINED_H
#define WEBLOG_COMBINED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct weblog_text {
    const char *s; /* into the line; escapes stay as they are */
    size_t len;
};

struct weblog_combined {
    struct weblog_text host, user, method, path, referer, agent;
    /* path is without the query; "-" for a request that is none. */
    int year, month, day, hour; /* as written, in the zone that it says */
    int status;
    uint64_t bytes;
};

/* False for what is no such line. out is then undefined. Thread-safe. */
bool weblog_combined_parse(const char *line, size_t len,
                           struct weblog_combined *out);

#endif
