/* mod_cgi_wrapper: the loop that carries a script's bytes; see the header.
 *
 * One poll() waits for all: the visitor's body to the script's stdin, its
 * stdout to the visitor, its stderr to the log, the daemon's replies, and the
 * visitor's going away. No direction waits for another: while a body is still
 * coming in, output goes out only as far as the visitor takes it, and what he
 * does not take yet is held, in memory at first and then in a file. So neither
 * a script that answers while it reads nor a visitor who reads only after he
 * has sent everything can bring it to a halt. */
#include "mod_cgi_wrapper.h"

#include "http_connection.h"
#include "http_core.h"
#include "http_log.h"
#include "http_protocol.h"
#include "http_request.h"
#include "util_script.h"
#include "apr_file_io.h"
#include "apr_portable.h"
#include "apr_strings.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

APLOG_USE_MODULE(cgi_wrapper);

#define START_WAIT_S 10 /* for the daemon to have taken the request */
#define END_WAIT_S                                                             \
    5              /* from stdout's end to the script's, before the visitor    \
                      is told that this was all */
#define PAUSE_MS 5 /* so long nothing: what is held goes out */
#define HELD_MS 20 /* it goes out at the latest */
#define HELD_ENOUGH 16384      /* or when it is so much */
#define HELD_MEMORY 65536      /* from here on it is held in a file */
#define HELD_MOST (256u << 20) /* the visitor's turn to wait */
#define SLICE 4000             /* what a writable socket takes at once */
/* Workers that shall stop close their sockets under us, without an event; and
 * filters that watch a slow visitor's time do so when they are asked. */
#define TICK_MS 1000
#define TICK_HTTP2_MS 200    /* HTTP/2 has no socket to wait for */
#define TICK_BODY_MS 32      /* the longest while its body is coming */
#define AFTER_END (1u << 20) /* bytes: no larger pipe without privileges */
#define BODY_READ 16384

enum body { BODY_NONE, BODY_COMING, BODY_WAITS, BODY_WHOLE };

enum phase { HEADER, BODY, DISCARD };

struct io {
    struct cgi_run *run;
    request_rec *r;
    conn_rec *c;
    enum cgi_kind kind;
    enum phase phase;
    ap_filter_t *filters; /* of CGI_COMMAND */
    apr_time_t now, begun, out_ended;

    /* the visitor */
    int client; /* his socket, or -1: there is none to be watched */
    bool gone, writable;

    /* his body */
    enum body body; /* COMING: from him; WAITS: for the script */
    apr_bucket_brigade *body_bb;
    int body_tick_ms;
    apr_time_t body_since; /* when some of it came last */
    apr_status_t body_error;

    /* the script's output */
    char *head;
    size_t head_len, head_room;
    struct cgiw_header header;
    apr_bucket_brigade *held, *rest;
    apr_off_t held_bytes; /* in memory; behind it comes what is in the file */
    apr_time_t held_since;
    apr_file_t *file;
    apr_off_t file_at, file_len;
    size_t read_size;
    uint64_t output_bytes;
    unsigned after_end;
    bool passed, eos, too_much;
    int status; /* of DISCARD: what the handler returns */

    /* as they were before the script's header */
    apr_table_t *err_headers_out;
    int request_status; /* not 200 where it is an ErrorDocument */
};

/* --- towards the visitor ------------------------------------------------- */

static ap_filter_t *filters_of(const struct io *io)
{
    return io->kind == CGI_COMMAND ? io->filters : io->r->output_filters;
}

static bool body_is_due(const struct io *io)
{
    return io->body == BODY_COMING || io->body == BODY_WAITS;
}

/* Nothing of httpd's speaks HTTP for it. */
static void without_protocol(request_rec *r)
{
    ap_filter_t *f = r->proto_output_filters;

    while (f && f->frec->ftype < AP_FTYPE_CONNECTION) {
        f = f->next;
    }
    r->output_filters = r->proto_output_filters = f;
    r->connection->keepalive = AP_CONN_CLOSE;
}

static void pass(struct io *io, apr_bucket_brigade *bb)
{
    apr_status_t rv;

    if (io->kind == CGI_NPH && !io->passed) {
        without_protocol(io->r);
    }
    io->passed = true;
    rv = ap_pass_brigade(filters_of(io), bb);
    apr_brigade_cleanup(bb);
    if (rv != APR_SUCCESS || io->c->aborted) {
        io->gone = true;
    }
}

static apr_off_t in_file(const struct io *io)
{
    return io->file_len - io->file_at;
}

static apr_off_t held(const struct io *io)
{
    return io->held_bytes + in_file(io);
}

/* Gets the next of the file into memory. A file bucket would not do: a filter
 * that keeps one takes the file away from all others. */
static void refill(struct io *io)
{
    apr_off_t len = in_file(io) < HELD_MEMORY ? in_file(io) : HELD_MEMORY;
    char *buf;
    apr_os_file_t fd;
    ssize_t n;

    if (len == 0) {
        return;
    }
    buf = apr_bucket_alloc((apr_size_t)len, io->c->bucket_alloc);
    n = apr_os_file_get(&fd, io->file) == APR_SUCCESS
            ? pread(fd, buf, (size_t)len, io->file_at)
            : -1;
    if (n <= 0) {
        apr_bucket_free(buf);
        io->gone = true; /* what was to be said is lost */
        return;
    }
    APR_BRIGADE_INSERT_TAIL(
        io->held, apr_bucket_heap_create(buf, (apr_size_t)n, apr_bucket_free,
                                         io->c->bucket_alloc));
    io->held_bytes += n;
    io->file_at += n;
    if (in_file(io) == 0) {
        io->file_at = io->file_len = 0;
    }
}

/* Waits for him, if need be. */
static void pass_all(struct io *io, apr_bucket *last)
{
    while (in_file(io) > 0 && !io->gone) {
        io->held_bytes = 0;
        pass(io, io->held);
        refill(io);
    }
    if (last) {
        APR_BRIGADE_INSERT_TAIL(io->held, last);
    }
    io->held_bytes = 0;
    if (!io->gone && !APR_BRIGADE_EMPTY(io->held)) {
        pass(io, io->held);
    }
}

/* No more than he takes at once, so that the body does not wait for him. */
static void pass_slice(struct io *io)
{
    apr_bucket *behind;
    apr_off_t len;

    if (io->held_bytes == 0) {
        refill(io);
    }
    len = io->held_bytes < SLICE ? io->held_bytes : SLICE;
    if (io->gone
        || (apr_brigade_partition(io->held, len, &behind) != APR_SUCCESS
            && behind != APR_BRIGADE_SENTINEL(io->held))) {
        io->gone = true;
        return;
    }
    (void)apr_brigade_split_ex(io->held, behind, io->rest);
    APR_BRIGADE_INSERT_TAIL(io->held,
                            apr_bucket_flush_create(io->c->bucket_alloc));
    pass(io, io->held);
    APR_BRIGADE_CONCAT(io->held, io->rest);
    io->held_bytes -= len;
    io->writable = false;
}

static bool is_pause(const struct io *io)
{
    return io->now - io->held_since >= apr_time_from_msec(HELD_MS);
}

/* quiet: nobody has had anything to say for a moment. */
static void deliver(struct io *io, bool quiet)
{
    if (io->phase != BODY || held(io) == 0 || io->gone || io->run->ended) {
        return;
    }
    if (body_is_due(io)) {
        /* Without a socket: as much as HTTP/2 takes without waiting. */
        if (io->client >= 0 ? io->writable
                            : io->output_bytes <= HELD_ENOUGH && quiet) {
            pass_slice(io);
        }
        return;
    }
    if (quiet || is_pause(io)) {
        pass_all(io, apr_bucket_flush_create(io->c->bucket_alloc));
    }
    else if (held(io) >= HELD_ENOUGH) {
        pass_all(io, NULL);
    }
}

/* Also where the end of the connection is the end of the body. */
static void reset_connection(struct io *io)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};

    if (io->client >= 0) {
        (void)setsockopt(io->client, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    }
    io->c->aborted = 1;
}

/* An answer that is not whole must not look so. */
static void cut(struct io *io)
{
    apr_bucket_alloc_t *list = io->c->bucket_alloc;

    io->eos = true;
    apr_brigade_cleanup(io->held);
    io->held_bytes = io->file_at = io->file_len = 0;
    if (io->r->main || io->kind == CGI_COMMAND) {
        return; /* what is returned tells mod_include */
    }
    io->c->keepalive = AP_CONN_CLOSE;
    /* Keeps the last chunk back, and resets a stream of HTTP/2. */
    APR_BRIGADE_INSERT_TAIL(
        io->held,
        ap_bucket_error_create(HTTP_BAD_GATEWAY, NULL, io->r->pool, list));
    APR_BRIGADE_INSERT_TAIL(io->held, apr_bucket_eos_create(list));
    pass(io, io->held);
    if (io->client >= 0) {
        reset_connection(io);
    }
}

/* --- what is held -------------------------------------------------------- */

/* Without a name from here on: a worker that is killed leaves nothing. */
static bool open_file(struct io *io)
{
    const char *dir;
    char *name;

    if (io->file) {
        return true;
    }
    if (apr_temp_dir_get(&dir, io->r->pool) != APR_SUCCESS) {
        return false;
    }
    name = apr_pstrcat(io->r->pool, dir, "/cgi-output-XXXXXX", NULL);
    return apr_file_mktemp(&io->file, name,
                           APR_FOPEN_CREATE | APR_FOPEN_READ | APR_FOPEN_WRITE
                               | APR_FOPEN_EXCL | APR_FOPEN_BINARY,
                           io->r->pool)
               == APR_SUCCESS
           && apr_file_remove(name, io->r->pool) == APR_SUCCESS;
}

static bool hold_in_file(struct io *io, const char *s, size_t len)
{
    apr_os_file_t fd;

    if (!open_file(io) || apr_os_file_get(&fd, io->file) != APR_SUCCESS
        || pwrite(fd, s, len, io->file_len) != (ssize_t)len) {
        return false;
    }
    io->file_len += (apr_off_t)len;
    return true;
}

static bool belongs_into_file(const struct io *io)
{
    return in_file(io) > 0 /* it comes behind that */
           || (body_is_due(io) && io->held_bytes >= HELD_MEMORY);
}

/* buf: the bucket allocator's; it is taken. */
static void hold(struct io *io, char *buf, size_t len)
{
    if (held(io) == 0) {
        io->held_since = io->now;
    }
    if (belongs_into_file(io)) {
        if (held(io) < HELD_MOST && hold_in_file(io, buf, len)) {
            apr_bucket_free(buf);
            return;
        }
        pass_all(io, NULL); /* no room: the body waits for him after all */
    }
    io->held_bytes += (apr_off_t)len;
    APR_BRIGADE_INSERT_TAIL(
        io->held,
        apr_bucket_heap_create(buf, len, apr_bucket_free, io->c->bucket_alloc));
}

/* --- the header ---------------------------------------------------------- */

static void discard(struct io *io, int status)
{
    io->phase = DISCARD;
    io->status = status;
}

/* httpd's own parser writes into the request as it goes: into a copy of this
 * table, which the requests before an internal redirect have, too. */
static void keep_headers(struct io *io)
{
    io->request_status = io->r->status;
    io->err_headers_out = io->r->err_headers_out;
    io->r->err_headers_out =
        apr_table_copy(io->r->pool, io->r->err_headers_out);
}

static void restore_headers(struct io *io)
{
    if (!io->err_headers_out) {
        return; /* it had none yet */
    }
    io->r->err_headers_out = io->err_headers_out;
    apr_table_clear(io->r->headers_out);
    io->r->status = io->request_status;
    io->r->status_line = NULL;
    io->r->content_type = NULL;
}

/* The header is one that httpd takes. What it decides is as with mod_cgi. */
static void take_header(struct io *io)
{
    request_rec *r = io->r;
    apr_bucket_alloc_t *list = io->c->bucket_alloc;
    apr_bucket_brigade *bb = apr_brigade_create(r->pool, list);
    int rc;

    keep_headers(io);
    APR_BRIGADE_INSERT_TAIL(
        bb, apr_bucket_transient_create(io->head, io->header.body_at, list));
    APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_eos_create(list));
    rc = ap_scan_script_header_err_brigade_ex(r, bb, NULL, APLOG_MODULE_INDEX);
    apr_brigade_destroy(bb);
    /* How long the body is and how it is framed is httpd's to see. */
    if (!apr_table_get(r->subprocess_env, AP_TRUST_CGILIKE_CL_ENVVAR)) {
        apr_table_unset(r->headers_out, "Content-Length");
    }
    apr_table_unset(r->headers_out, "Transfer-Encoding");
    if (rc == HTTP_NOT_MODIFIED) {
        /* Not as an error: mod_cache asks for it. */
        r->status = rc;
        discard(io, OK);
    }
    else if (rc != OK) {
        discard(io, rc);
    }
    else if (r->status == HTTP_OK
             && apr_table_get(r->headers_out, "Location")) {
        discard(io, HTTP_MOVED_TEMPORARILY);
    }
    else {
        io->phase = BODY;
    }
}

static void after_header(struct io *io)
{
    size_t len = io->head_len - io->header.body_at;
    char *buf;

    if (io->phase != BODY || len == 0) {
        return;
    }
    buf = apr_bucket_alloc(len, io->c->bucket_alloc);
    memcpy(buf, io->head + io->header.body_at, len);
    hold(io, buf, len);
}

/* False: it is none. */
static bool scan_header(struct io *io, const char *s, size_t len)
{
    while (io->head_room - io->head_len < len) {
        size_t room = io->head_room ? io->head_room * 4 : 4096;
        char *more = apr_palloc(io->r->pool, room);

        if (io->head_len) {
            memcpy(more, io->head, io->head_len);
        }
        io->head = more;
        io->head_room = room;
    }
    memcpy(io->head + io->head_len, s, len);
    io->head_len += len;
    switch (cgiw_header_scan(
        &io->header, io->head,
        io->head_len < CGIW_HEADER_MAX ? io->head_len : CGIW_HEADER_MAX)) {
    case CGIW_HEADER_MORE:
        return true;
    case CGIW_HEADER_COMPLETE:
        take_header(io);
        after_header(io);
        return true;
    default:
        return false;
    }
}

/* --- from the script ----------------------------------------------------- */

static void out_is_over(struct io *io)
{
    cgi_close(&io->run->out);
    io->out_ended = io->now;
}

/* False: nothing more of it is wanted. */
static bool take_output(struct io *io, char *buf, size_t len)
{
    uint64_t most = cgi_server_of(io->r->server)->limit[CGI_OUTPUT];
    bool ok = true;

    io->output_bytes += len;
    if (most && io->output_bytes > most) {
        apr_bucket_free(buf);
        io->too_much = true;
        return false;
    }
    if (io->phase == BODY) {
        hold(io, buf, len);
        return true;
    }
    if (io->phase == HEADER) {
        ok = scan_header(io, buf, len);
    }
    apr_bucket_free(buf);
    return ok;
}

/* One read. False: the run is over for us. */
static bool read_out(struct io *io)
{
    size_t size = io->read_size;
    char *buf = apr_bucket_alloc(size, io->c->bucket_alloc);
    ssize_t n = read(io->run->out, buf, size);

    if (n <= 0) {
        apr_bucket_free(buf);
        if (n == 0 || errno != EINTR) {
            out_is_over(io);
        }
        return true;
    }
    if ((size_t)n == size && size < HELD_MEMORY) {
        io->read_size = HELD_MEMORY;
    }
    if (io->run->ended) {
        io->after_end += (unsigned)n;
    }
    return take_output(io, buf, (size_t)n);
}

static void read_err(struct io *io)
{
    char buf[8192];
    ssize_t n = read(io->run->err, buf, sizeof buf);

    if (n < 0 && errno == EINTR) {
        return;
    }
    if (io->run->ended && n > 0) {
        io->after_end += (unsigned)n;
    }
    cgi_run_stderr(io->run, buf, n > 0 ? (size_t)n : 0);
    if (n <= 0) {
        cgi_close(&io->run->err);
    }
}

/* --- the body ------------------------------------------------------------ */

static void end_body(struct io *io)
{
    cgi_close(&io->run->in);
    apr_brigade_cleanup(io->body_bb);
    io->body = BODY_WHOLE;
}

/* Writes what is there. */
static void feed(struct io *io)
{
    while (io->body == BODY_WAITS) {
        apr_bucket *b = APR_BRIGADE_FIRST(io->body_bb);
        const char *s;
        apr_size_t len;
        ssize_t n;

        if (b == APR_BRIGADE_SENTINEL(io->body_bb)) {
            io->body = BODY_COMING;
            io->body_since = io->now;
            return;
        }
        if (APR_BUCKET_IS_EOS(b)) {
            end_body(io);
            return;
        }
        if (APR_BUCKET_IS_METADATA(b)
            || apr_bucket_read(b, &s, &len, APR_BLOCK_READ) != APR_SUCCESS
            || len == 0) {
            apr_bucket_delete(b);
            continue;
        }
        n = write(io->run->in, s, len);
        if (n < 0 && errno == EAGAIN) {
            return;
        }
        if (n < 0 && errno != EINTR) {
            end_body(io); /* it does not want the rest */
            return;
        }
        if (n > 0 && (apr_size_t)n < len) {
            (void)apr_bucket_split(b, (apr_size_t)n);
        }
        if (n > 0) {
            apr_bucket_delete(b);
        }
    }
}

/* Of who waits to be asked for his body (RFC 9110 10.1.1). httpd does so in a
 * read that waits, of which there is none here. Not before the script runs: one
 * that is refused wants no body. */
static void ask_for_body(struct io *io)
{
    request_rec *r = io->r;
    const char *line = r->status_line;
    int status = r->status;

    if (!r->expecting_100 || !io->run->started || io->passed
        || !body_is_due(io)) {
        return;
    }
    r->status = HTTP_CONTINUE;
    ap_send_interim_response(r, 0);
    r->status = status;
    r->status_line = line;
}

/* What stays for a later turn must not point into another's buffer. */
static void set_body_aside(struct io *io)
{
    for (apr_bucket *b = APR_BRIGADE_FIRST(io->body_bb);
         b != APR_BRIGADE_SENTINEL(io->body_bb); b = APR_BUCKET_NEXT(b)) {
        (void)apr_bucket_setaside(b, io->r->pool);
    }
}

/* Takes what has come in, without waiting. */
static void fetch_body(struct io *io)
{
    while (io->body == BODY_COMING) {
        apr_status_t rv =
            ap_get_brigade(io->r->input_filters, io->body_bb, AP_MODE_READBYTES,
                           APR_NONBLOCK_READ, BODY_READ);

        if (APR_STATUS_IS_EAGAIN(rv)
            || (rv == APR_SUCCESS && APR_BRIGADE_EMPTY(io->body_bb))) {
            if (io->now - io->body_since >= io->r->server->timeout) {
                io->body_error = APR_TIMEUP;
            }
            io->body_tick_ms = io->body_tick_ms < TICK_BODY_MS
                                   ? io->body_tick_ms * 2
                                   : TICK_BODY_MS;
            return;
        }
        if (rv != APR_SUCCESS) {
            io->body_error = rv;
            return;
        }
        io->body_tick_ms = 1;
        io->body_since = io->now;
        io->body = BODY_WAITS;
        feed(io);
        set_body_aside(io);
    }
}

/* --- waiting ------------------------------------------------------------- */

enum { CONTROL, OUT, ERR, IN, CLIENT, FDS };

static void watch(const struct io *io, struct pollfd fds[FDS])
{
    const struct cgi_run *run = io->run;
    short client = 0;

    /* What the daemon says before the output is over can wait until then, and
     * is not worth a turn: a script that ends or is refused lets go of it. */
    fds[CONTROL] = (struct pollfd){.fd = run->ended ? -1 : run->control,
                                   .events = run->out < 0 ? POLLIN : 0};
    fds[OUT] = (struct pollfd){.fd = run->out, .events = POLLIN};
    fds[ERR] = (struct pollfd){.fd = run->err, .events = POLLIN};
    fds[IN] = (struct pollfd){.fd = -1, .events = POLLOUT};
    fds[CLIENT] = (struct pollfd){.fd = -1};
    if (run->ended) {
        return; /* what is in its pipes, and nobody else's doings */
    }
    if (io->body == BODY_WAITS) {
        fds[IN].fd = run->in;
    }
    if (!body_is_due(io)) {
        client = POLLRDHUP;
    }
    else if (io->body == BODY_COMING) {
        client = POLLIN;
    }
    if (body_is_due(io) && io->phase == BODY && held(io) > 0) {
        client |= POLLOUT;
    }
    fds[CLIENT] = (struct pollfd){.fd = io->client, .events = client};
}

/* Milliseconds until something is to be looked at without an event. */
static int patience(const struct io *io)
{
    int ms = io->client >= 0           ? TICK_MS
             : io->body == BODY_COMING ? io->body_tick_ms
                                       : TICK_HTTP2_MS;
    /* Its end, which says that this was all, is worth a longer wait. */
    int pause = io->run->out < 0 ? HELD_MS : PAUSE_MS;

    if (io->run->ended) {
        return 0; /* what is in the pipes now, and no more */
    }
    if (io->phase == BODY && held(io) > 0 && !body_is_due(io) && pause < ms) {
        return pause;
    }
    return ms;
}

static bool is_over(const struct io *io)
{
    const struct cgi_run *run = io->run;

    return io->gone || io->body_error || run->refused
           || (run->ended && run->out < 0 && run->err < 0)
           || (!run->ended && run->control < 0);
}

/* Another's process may hold the pipes of a script that has ended. */
static void let_pipes_go(struct io *io)
{
    out_is_over(io);
    cgi_run_stderr(io->run, NULL, 0);
    cgi_close(&io->run->err);
}

/* All that the daemon has said so far. */
static void hear_daemon(struct cgi_run *run)
{
    while (!run->ended && run->control >= 0 && cgi_run_reply(run)) {
    }
}

static void look_at_start(struct io *io)
{
    struct cgi_run *run = io->run;

    if (run->started || io->now < io->begun + apr_time_from_sec(START_WAIT_S)) {
        return;
    }
    hear_daemon(run);
    if (!run->started && !run->ended && run->control >= 0) {
        run->lost = "the script has not been started within 10 s";
        cgi_close(&run->control);
    }
}

/* What says that this was all. */
static void pass_end(struct io *io)
{
    io->eos = true;
    pass_all(io, io->kind == CGI_COMMAND
                     ? NULL
                     : apr_bucket_eos_create(io->c->bucket_alloc));
}

/* stdout is at its end and the script goes on: the visitor has all of it. */
static void say_that_was_all(struct io *io)
{
    if (io->phase != BODY || io->run->out >= 0 || io->eos || io->run->ended
        || io->now < io->out_ended + apr_time_from_sec(END_WAIT_S)) {
        return;
    }
    pass_end(io);
    if (io->kind != CGI_COMMAND && !io->r->main && !io->gone) {
        /* httpd flushes when the request ends, which it does not yet. */
        APR_BRIGADE_INSERT_TAIL(io->held,
                                apr_bucket_flush_create(io->c->bucket_alloc));
        (void)ap_pass_brigade(io->c->output_filters, io->held);
        apr_brigade_cleanup(io->held);
    }
}

static void on_client(struct io *io, short happened)
{
    if (happened & (POLLERR | POLLHUP | POLLNVAL)
        || (happened & POLLRDHUP && !body_is_due(io))) {
        io->gone = true;
        return;
    }
    io->writable = happened & POLLOUT;
}

/* False: nothing more of the script is wanted. */
static bool turn(struct io *io)
{
    struct pollfd fds[FDS];
    int n;

    watch(io, fds);
    n = poll(fds, FDS, patience(io));
    io->now = apr_time_now();
    if (io->c->aborted) {
        io->gone = true;
        return true;
    }
    if (n <= 0 && io->run->ended) {
        let_pipes_go(io);
    }
    /* Also when nothing happens: the pipes may be held by another's process. */
    if (n <= 0 || fds[CONTROL].revents || fds[OUT].revents & POLLHUP) {
        hear_daemon(io->run);
    }
    if (n > 0 && fds[ERR].revents) {
        read_err(io);
    }
    if (n > 0 && fds[OUT].revents && !read_out(io)) {
        return false;
    }
    if (n > 0 && fds[CLIENT].revents) {
        on_client(io, fds[CLIENT].revents);
    }
    feed(io);
    ask_for_body(io);
    fetch_body(io);
    deliver(io, n <= 0);
    say_that_was_all(io);
    look_at_start(io);
    if (io->after_end > 2 * AFTER_END) {
        let_pipes_go(io);
    }
    return true;
}

/* --- the end ------------------------------------------------------------- */

static int redirect(struct io *io)
{
    request_rec *r = io->r;
    const char *location = apr_table_get(r->headers_out, "Location");

    if (io->status != HTTP_MOVED_TEMPORARILY || !location || *location != '/') {
        return io->status;
    }
    /* Whatever this one was, the next is a GET without a body. */
    r->method = "GET";
    r->method_number = M_GET;
    apr_table_unset(r->headers_in, "Content-Length");
    apr_table_unset(r->headers_in, "Transfer-Encoding");
    ap_internal_redirect_handler(location, r);
    return OK;
}

static bool is_cut_short(const struct io *io)
{
    const struct cgi_run *run = io->run;

    return io->too_much || !run->ended || run->end.code
           || WIFSIGNALED(run->end.wait_status);
}

/* A body that did not come as it was announced. */
static int bad_body(struct io *io)
{
    int status = ap_map_http_request_error(io->body_error, HTTP_BAD_REQUEST);

    ap_log_rerror(APLOG_MARK, APLOG_INFO, io->body_error, io->r,
                  "OMK0408: cgi_wrapper: %s: the request's body could not be "
                  "read; the script was ended",
                  io->run->facts->script);
    if (io->passed) {
        cut(io);
        return OK;
    }
    restore_headers(io);
    return status;
}

static int not_whole(struct io *io)
{
    if (io->passed) {
        cgi_log_cut(io->run, io->too_much ? io->output_bytes : 0);
        cut(io);
        return io->r->main || io->kind == CGI_COMMAND
                   ? HTTP_INTERNAL_SERVER_ERROR
                   : OK;
    }
    restore_headers(io);
    if (io->too_much || (io->run->ended && !io->run->end.code)) {
        cgi_log_cut(io->run, io->too_much ? io->output_bytes : 0);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    return io->run->ended ? cgi_answer_ended(io->run)
                          : cgi_answer_away(io->run, io->run->lost);
}

static int whole(struct io *io)
{
    if (!io->eos) {
        pass_end(io);
    }
    return OK;
}

static int finish(struct io *io)
{
    struct cgi_run *run = io->run;

    cgi_run_close(run);
    if (run->line_len > 0) {
        cgi_run_stderr(run, NULL, 0);
    }
    if (io->gone) {
        reset_connection(io);
        return OK;
    }
    if (run->refused) {
        return cgi_answer_ended(run);
    }
    if (io->body_error) {
        return bad_body(io);
    }
    if (!io->too_much
        && (io->phase == HEADER
            || (io->kind == CGI_NPH && io->output_bytes == 0))) {
        return cgi_answer_no_header(run, &io->header, io->head, io->head_len);
    }
    if (io->phase == DISCARD && !io->too_much) {
        return redirect(io);
    }
    return !io->eos && is_cut_short(io) ? not_whole(io) : whole(io);
}

/* --- the whole ----------------------------------------------------------- */

static int client_socket(conn_rec *c)
{
    apr_socket_t *socket = c->master ? NULL : ap_get_conn_socket(c);
    apr_os_sock_t fd;

    return socket && apr_os_sock_get(&fd, socket) == APR_SUCCESS ? fd : -1;
}

int cgi_io(struct cgi_run *run, enum cgi_kind kind, ap_filter_t *filters)
{
    request_rec *r = run->r;
    conn_rec *c = r->connection;
    core_server_config *core =
        ap_get_core_module_config(r->server->module_config);
    struct io *io = apr_pcalloc(r->pool, sizeof *io);

    io->run = run;
    io->r = r;
    io->c = c;
    io->kind = kind;
    io->filters = filters;
    io->phase = kind == CGI_PARSED ? HEADER : BODY;
    io->body = run->in < 0 ? BODY_NONE : BODY_COMING;
    io->body_bb = apr_brigade_create(r->pool, c->bucket_alloc);
    io->body_tick_ms = 1;
    io->held = apr_brigade_create(r->pool, c->bucket_alloc);
    io->rest = apr_brigade_create(r->pool, c->bucket_alloc);
    io->read_size = APR_BUCKET_BUFF_SIZE;
    io->client = client_socket(c);
    io->now = io->begun = io->body_since = apr_time_now();
    cgiw_header_init(&io->header,
                     core->http_conformance == AP_HTTP_CONFORMANCE_UNSAFE);
    fetch_body(io);
    while (!is_over(io) && turn(io)) {
    }
    return finish(io);
}
