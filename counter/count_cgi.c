/* Count.cgi: the counter as a CGI program, for servers without mod_counter.
 *
 * It runs as httpd's user, never as a customer (the store is httpd's), and
 * takes its configuration from one place that is fixed at build. Of the
 * environment it believes only what httpd puts there about the request. */
#include "answer.h"
#include "conf.h"
#include "effects.h"
#include "err.h"
#include "num.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#ifndef COUNTER_CONF
#define COUNTER_CONF OMAKASE_SYSCONFDIR "/counter.conf"
#endif

static void complain(const char *id, const struct omk_err *err)
{
    (void)fprintf(stderr, "%s: Count.cgi: %s%s%s\n", id, err->where,
                  *err->where ? ": " : "", err->text);
}

static void *alloc_from_heap(void *ctx, size_t size)
{
    (void)ctx;
    return malloc(size); /* the process ends with its answer */
}

static const char *reason(int status)
{
    switch (status) {
    case 200: return "OK";
    case 400: return "Bad Request";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    default: return "Service Unavailable";
    }
}

static void send_plain(int status)
{
    (void)printf("Status: %d %s\r\nContent-Type: text/plain\r\n"
                 "Cache-Control: no-store\r\n\r\n%s\n",
                 status, reason(status), reason(status));
    (void)fflush(stdout);
}

static void send_response(const struct counter_response *response)
{
    char head[320], cache[48] = "no-store";
    struct iovec parts[2];
    int n;

    if (!response->body.data) {
        send_plain(503);
        return;
    }
    if (response->expires_s >= 0) {
        (void)snprintf(cache, sizeof cache, "private, max-age=%d",
                       response->expires_s);
    }
    n = snprintf(head, sizeof head,
                 "Status: %d %s\r\nContent-Type: %s\r\n"
                 "Content-Length: %zu\r\nCache-Control: %s\r\n\r\n",
                 response->status, reason(response->status),
                 response->body.type, response->body.len, cache);
    parts[0] = (struct iovec){head, (size_t)n};
    parts[1] = (struct iovec){response->body.data, response->body.len};
    while (parts[0].iov_len + parts[1].iov_len > 0) {
        ssize_t sent = writev(STDOUT_FILENO, parts, 2);

        if (sent < 0) {
            return; /* the visitor went away */
        }
        for (int i = 0; i < 2; i++) {
            size_t part = (size_t)sent < parts[i].iov_len ? (size_t)sent
                                                          : parts[i].iov_len;

            parts[i].iov_base = (char *)parts[i].iov_base + part;
            parts[i].iov_len -= part;
            sent -= (ssize_t)part;
        }
    }
}

/* The host that httpd answers for, as counter.conf has it. */
static void server_name(char host[256])
{
    const char *name = getenv("SERVER_NAME");
    size_t n = 0;

    for (; name && name[n] && n < 255 && name[n] != ':'; n++) {
        host[n] = (char)(name[n] >= 'A' && name[n] <= 'Z' ? name[n] + 32
                                                          : name[n]);
    }
    while (n > 0 && host[n - 1] == '.') {
        n--;
    }
    host[n] = '\0';
}

static const char *purpose(void)
{
    static const char *const names[] = {"HTTP_SEC_PURPOSE", "HTTP_PURPOSE",
                                        "HTTP_X_MOZ", "HTTP_X_PURPOSE"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (getenv(names[i])) {
            return getenv(names[i]);
        }
    }
    return NULL;
}

static void answer(const struct counter_conf *conf,
                   const struct counter_site *site,
                   struct counter_store *store,
                   struct counter_response *response)
{
    static const struct counter_alloc heap = {alloc_from_heap, NULL};
    struct counter_engine engine = {.store = store,
                                    .sites = conf->sites,
                                    .images_dir = conf->images};
    const char *query = getenv("QUERY_STRING");
    const char *address = getenv("REMOTE_ADDR");
    struct counter_request request = {
        .query = query ? query : "",
        .len = query ? strlen(query) : 0,
        .headers = {.method = getenv("REQUEST_METHOD"),
                    .referer = getenv("HTTP_REFERER"),
                    .sec_fetch_site = getenv("HTTP_SEC_FETCH_SITE"),
                    .purpose = purpose()},
        .address = address ? address : "",
        .site = site,
        .ignored = counter_net_has(conf->ignore, conf->ignore_count,
                                   address ? address : ""),
        .now = time(NULL)};
    struct omk_err err;

    engine.visitors.mode = conf->visitors;
    if (store) {
        memcpy(engine.visitors.key, counter_store_key(store),
               COUNTER_VISITOR_KEY_BYTES);
    }
    counter_effects_path(conf->effects);
    if (counter_designs_open(conf->designs, &engine.designs, &err)
        != OMK_OK) {
        complain("OMK0102", &err);
        response->status = 503;
        return;
    }
    counter_designs_once(engine.designs);
    counter_answer(&engine, &request, &heap, response);
}

/* A body that nobody reads breaks httpd's pipe, and the answer with it. Not a
 * byte more than its length: behind it there may be no end (RFC 3875, 4.2). */
static void skip_body(void)
{
    const char *length = getenv("CONTENT_LENGTH");
    uint64_t left;
    char junk[4096];

    if (!length
        || omk_num_u64(length, strlen(length), 0, INT64_MAX, &left)
               != OMK_OK) {
        return;
    }
    while (left > 0) {
        ssize_t n = read(STDIN_FILENO, junk,
                         left < sizeof junk ? (size_t)left : sizeof junk);

        if (n <= 0) {
            return;
        }
        left -= (uint64_t)n;
    }
}

/* httpd ends a script, by a signal to it or its group, as soon as it has the
 * whole answer or the visitor went away: a count must be synced all the same.
 * Before the answer. SIGTERM is blocked, not ignored: sync_later waits for
 * it. */
static void outlive_request(void)
{
    sigset_t term;

    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    (void)sigemptyset(&term);
    (void)sigaddset(&term, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &term, NULL);
}

static void complain_of_mended(struct counter_store *store, const char *path)
{
    unsigned mended = counter_store_mended(store);
    struct omk_err err;

    if (mended) {
        (void)omk_fail(&err, OMK_EDAMAGED, path,
                       "%u damaged copies mended from their twins; check the "
                       "disk",
                       mended);
        complain("OMK0105", &err);
    }
}

/* After the answer: httpd and the visitor have all of it. One process a
 * CounterSync stays for that long, apart from httpd, and syncs for all. */
static void sync_later(struct counter_store *store, unsigned seconds)
{
    struct timespec left = {(time_t)seconds, 0}, none = {0, 0};
    struct omk_err err;
    sigset_t term;

    if (!counter_store_sync_is_mine(store) || fork() != 0) {
        return;
    }
    (void)setsid();
    (void)sigemptyset(&term);
    (void)sigaddset(&term, SIGTERM);
    (void)sigtimedwait(&term, NULL, &none); /* was for the script's group */
    (void)sigtimedwait(&term, NULL, &left); /* at a shutdown it syncs at once */
    (void)counter_store_sync_due(store, &err); /* nobody is there to hear */
}

int main(void)
{
    const char *method = getenv("REQUEST_METHOD");
    struct counter_store *store = NULL;
    struct counter_response response = {0};
    const struct counter_site *site;
    struct counter_conf conf;
    struct omk_err err;
    char host[256];

    if (!method) {
        (void)fprintf(stderr, "Count.cgi is a CGI program: httpd starts it. "
                              "See Count.cgi(8).\n");
        return 64;
    }
    skip_body();
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
        send_plain(405);
        return 0;
    }
    if (getenv("PATH_INFO") && *getenv("PATH_INFO")) {
        send_plain(404); /* its own URL alone, as with mod_counter */
        return 0;
    }
    if (counter_conf_load(COUNTER_CONF, &conf, &err) != OMK_OK) {
        complain("OMK0101", &err);
        send_plain(503);
        return 0;
    }
    server_name(host);
    site = counter_conf_site(&conf, host);
    if (!site) {
        send_plain(404);
        return 0;
    }
    if (counter_store_open(conf.store, true, 0, &store, &err) != OMK_OK) {
        complain("OMK0102", &err);
        store = NULL;
    }
    answer(&conf, site, store, &response);
    if (response.log.code) {
        complain("OMK0106", &response.log);
    }
    if (store) {
        complain_of_mended(store, conf.store);
    }
    outlive_request();
    send_response(&response);
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        (void)close(fd); /* mod_cgid: all three may be one socket */
    }
    if (store && response.counted) {
        sync_later(store, conf.sync_s);
    }
    return 0;
}
