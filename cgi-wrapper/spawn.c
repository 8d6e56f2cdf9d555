#include "spawn.h"

#include "child.h"
#include "confine.h"
#include "daemon.h"
#include "err.h"
#include "reap.h"
#include "target.h"
#include "wire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* One datagram, as it came. */
struct datagram {
    size_t len;
    int fds[CGIW_REQUEST_FDS_MAX];
    size_t fd_count;
    int cut; /* it had more bytes or descriptors, or there was no room */
    char bytes[CGIW_REQUEST_MAX + 1]; /* one more: a NUL behind a command */
};

/* --- receiving ------------------------------------------------------------ */

/* The kernel cuts what does not fit, and drops descriptors for which this
 * process has no room; what came all the same is ours to close. */
static ssize_t receive(int sock, struct datagram *in)
{
    union {
        struct cmsghdr head; /* for its alignment */
        char space[CMSG_SPACE(sizeof in->fds)];
    } control;
    struct iovec part = {.iov_base = in->bytes, .iov_len = CGIW_REQUEST_MAX};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.space,
                             .msg_controllen = CMSG_LEN(sizeof in->fds)};
    ssize_t n = recvmsg(sock, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

    in->fd_count = 0;
    if (n < 0) {
        return n;
    }
    for (struct cmsghdr *h = CMSG_FIRSTHDR(&message); h;
         h = CMSG_NXTHDR(&message, h)) {
        if (h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_RIGHTS) {
            size_t bytes = h->cmsg_len - CMSG_LEN(0);

            bytes = bytes < sizeof in->fds ? bytes : sizeof in->fds;
            memcpy(in->fds, CMSG_DATA(h), bytes);
            in->fd_count = bytes / sizeof(int);
        }
    }
    in->len = (size_t)n;
    in->bytes[n] = '\0';
    in->cut = (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
    return n;
}

static void close_all(const int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        cgiw_daemon_let_go(fds[i]);
    }
}

static void unpack(const struct cgiw_daemon *d, const struct datagram *in,
                   const struct cgiw_request_view *request,
                   struct cgiw_request_fds *fds)
{
    const int *next = in->fds;

    fds->in = request->head.flags & CGIW_NO_STDIN ? d->null : *next++;
    fds->out = *next++;
    fds->err = *next++;
    fds->control = *next++;
    fds->environment = *next;
}

/* --- refusing ------------------------------------------------------------- */

static void drop(struct cgiw_daemon *d, const struct datagram *in,
                 const char *why)
{
    int64_t now_ms = cgiw_daemon_now_ms();

    close_all(in->fds, in->fd_count);
    d->dropped++;
    if (now_ms >= d->next_drop_told_ms) {
        cgiw_complain("OMK0422",
                      "a request of httpd's was dropped: %s (%llu since the "
                      "start)",
                      why, (unsigned long long)d->dropped);
        d->next_drop_told_ms = now_ms + 60000;
    }
}

/* Waits to be told a reason and says it; the descriptors are closed by then. */
struct refusal {
    enum cgiw_code code;
    char what[128];
    uint64_t limit, used;
    uint16_t retry_after_s;
};

static void refuse(struct cgiw_daemon *d, const struct cgiw_site *site,
                   const struct cgiw_request_view *request, int control,
                   const struct refusal *why)
{
    static struct cgiw_facts facts; /* large */
    char text[CGIW_EXPLAIN_MAX];
    char script[CGIW_PATH_MAX + 1];
    struct cgiw_reply reply = {
        .kind = CGIW_REFUSED,
        .code = (uint16_t)why->code,
        .detail = {why->limit, why->used},
        .retry_after_s = why->retry_after_s,
    };
    struct cgiw_usage usage = {
        .login = site->login,
        .uid = site->uid,
        .site = request->head.site,
        .script = script,
        .refused = 1,
        .code = why->code,
    };

    memset(&facts, 0, sizeof facts);
    facts.uid = site->uid;
    facts.limit = why->limit;
    facts.used = why->used;
    (void)snprintf(facts.user, sizeof facts.user, "%s", site->username);
    (void)snprintf(facts.what, sizeof facts.what, "%s", why->what);
    cgiw_target_shown(request->path, request->path_len, site->root, site->shown,
                      facts.script, sizeof facts.script);
    (void)cgiw_explain(why->code, &facts, text, sizeof text);
    /* One that has gone away or does not read is not told. */
    (void)cgiw_reply_send(control, &reply, text);
    memcpy(script, request->path, request->path_len);
    script[request->path_len] = '\0';
    cgiw_log_usage(&d->log, &usage, cgiw_daemon_now_ms());
}

static struct refusal no_room(const char *what, int error)
{
    struct refusal why = {.code = CGIW_E22, .retry_after_s = 5};

    (void)snprintf(why.what, sizeof why.what, "%s: %s", what, strerror(error));
    return why;
}

/* Seconds until the user's oldest run must be over, where it has a limit. */
static uint16_t retry_after_s(const struct cgiw_daemon *d,
                              const struct cgiw_site *site, int64_t now_ms)
{
    int64_t least = 30;

    for (uint32_t i = 0; i < d->live_count; i++) {
        const struct cgiw_run *run = d->runs + d->live[i];
        int64_t left =
            run->site->limits.wall_s - (now_ms - run->started_ms) / 1000;

        if (run->site->user == site->user && run->site->limits.wall_s
            && left < least) {
            least = left;
        }
    }
    return (uint16_t)(least < 1 ? 1 : least);
}

/* --- starting ------------------------------------------------------------- */

/* The site's rule set is made once, when its first script runs. Its two
 * directories are opened for that by their names, and nothing in them: a rule
 * set gives nobody a right. */
static int confinement(struct cgiw_daemon *d, uint32_t site_id, int *fd,
                       struct refusal *why)
{
    const struct cgiw_site *site = d->config->sites + site_id;
    const char *own[] = {site->root, site->home};
    struct omk_err err;

    *fd = -1;
    if (!site->confine) {
        return 0;
    }
    if (d->confined[site_id] < 0
        && cgiw_confine_make(own, 2, &d->confined[site_id], &err) != 0) {
        why->code = CGIW_E22;
        (void)snprintf(why->what, sizeof why->what, "confinement: %.60s: %.50s",
                       err.where, err.text);
        return -1;
    }
    *fd = d->confined[site_id];
    return 0;
}

static int is_at_limit(const struct cgiw_daemon *d,
                       const struct cgiw_site *site, struct refusal *why)
{
    uint32_t running = d->per_user[site->user];

    if (site->limits.concurrent == 0 || running < site->limits.concurrent) {
        return 0;
    }
    why->code = CGIW_E18;
    why->limit = site->limits.concurrent;
    why->used = running;
    why->retry_after_s = retry_after_s(d, site, cgiw_daemon_now_ms());
    return 1;
}

/* What a run holds before there is a process. */
static int prepare(struct cgiw_daemon *d, struct cgiw_run *run,
                   const struct cgiw_request_view *request, uint32_t index,
                   struct refusal *why)
{
    struct omk_err err;
    int rc = cgiw_leaf_take(d->cgroup, run->site->uid, &run->site->limits,
                            &run->leaf, &err);

    if (rc != 0) {
        *why = no_room("control group", EAGAIN);
        (void)snprintf(why->what, sizeof why->what, "control group: %.100s",
                       err.text);
        return -1;
    }
    run->script = strndup(request->path, request->path_len);
    rc = run->script
             ? cgiw_daemon_watch(d, run->control, EPOLLRDHUP | EPOLLONESHOT,
                                 CGIW_FROM_RUN, index, run->number)
             : -ENOMEM;
    if (rc == 0) {
        return 0;
    }
    free(run->script);
    cgiw_leaf_give(d->cgroup, run->leaf, cgiw_daemon_now_ms() / 1000);
    *why = no_room("watching the request", -rc);
    return -1;
}

static pid_t give_birth(const struct cgiw_run *run, struct cgiw_slot *slot,
                        const struct cgiw_child *child)
{
    pid_t pid;

    *slot = (struct cgiw_slot){.stage = CGIW_STAGE_BORN,
                               .uid = run->site->uid,
                               .born_from_ns = cgiw_table_now_ns()};
    pid = cgiw_leaf_fork(run->leaf, NULL);
    if (pid == 0) {
        cgiw_child(child);
    }
    slot->born_to_ns = cgiw_table_now_ns();
    slot->pid = pid > 0 ? pid : 0;
    return pid;
}

static int start(struct cgiw_daemon *d, const struct cgiw_site *site,
                 const struct cgiw_request_view *request,
                 const struct cgiw_request_fds *fds, struct refusal *why)
{
    uint32_t index;
    struct cgiw_run *run;
    struct cgiw_child child = {.config = d->config,
                               .site = site,
                               .denied = &d->denied,
                               .request = request,
                               .fds = *fds,
                               .holds = d->holds,
                               .own_uid = d->own_uid,
                               .daemon = d->own_pid};
    pid_t pid;

    if (d->free_count == 0) {
        *why = no_room("scripts of all sites", EAGAIN);
        return -1;
    }
    if (is_at_limit(d, site, why)
        || confinement(d, request->head.site, &child.confined, why) != 0) {
        return -1;
    }
    index = d->free_slots[d->free_count - 1];
    run = d->runs + index;
    *run = (struct cgiw_run){.site = site,
                             .started_ms = cgiw_daemon_now_ms(),
                             .number = ++d->last_number,
                             .control = fds->control};
    if (prepare(d, run, request, index, why) != 0) {
        run->site = NULL;
        return -1;
    }
    child.leaf = run->leaf;
    child.slot = d->table.slots + index;
    child.run = run->number;
    pid = give_birth(run, child.slot, &child);
    if (pid < 0) {
        *why = no_room("fork", errno);
        cgiw_reap_forget(d, run, child.slot);
        return -1;
    }
    d->free_count--;
    cgiw_reap_enter(d, index, pid);
    return 0;
}

static void look_at_denied(struct cgiw_daemon *d)
{
    struct omk_err err;
    bool changed = false;

    if (!d->config->denied) {
        return;
    }
    if (omk_denied_load(&d->denied, d->config->denied, &changed, &err) != 0) {
        int64_t now_ms = cgiw_daemon_now_ms();

        if (now_ms >= d->next_denied_told_ms) {
            cgiw_complain("OMK0423",
                          "the list of disabled scripts cannot be read, so "
                          "that the one before holds: %s: %s",
                          err.where, err.text);
            d->next_denied_told_ms = now_ms + 60000;
        }
    }
    else if (changed && d->denied.damaged) {
        cgiw_complain("OMK0423",
                      "%s: %u lines are damaged and disable nothing, the first "
                      "is line %u",
                      d->config->denied, d->denied.damaged,
                      d->denied.damaged_line);
    }
}

int cgiw_spawn_request(struct cgiw_daemon *d, int hung_up)
{
    static struct datagram in; /* large */
    struct cgiw_request_view request;
    struct cgiw_request_fds fds;
    struct refusal why = {.code = CGIW_OK};
    const struct cgiw_site *site;
    const char *fault = NULL;
    ssize_t n = receive(d->requests, &in);

    if (n < 0) {
        return 0; /* no memory now: it stays there */
    }
    if (n == 0 && hung_up) {
        return 1;
    }
    if (in.cut) {
        fault = "more than a request has, or no descriptors left here";
    }
    if (fault
        || cgiw_request_parse(in.bytes, in.len, in.fd_count, &request, &fault)
               != 0) {
        drop(d, &in, fault);
        return 0;
    }
    site = cgiw_config_site(d->config, request.head.site);
    if (!site) {
        drop(d, &in, "no site has its number");
        return 0;
    }
    unpack(d, &in, &request, &fds);
    look_at_denied(d);
    if (start(d, site, &request, &fds, &why) != 0) {
        refuse(d, site, &request, fds.control, &why);
        close_all(in.fds, in.fd_count);
        return 0;
    }
    /* The child has its own; the control descriptor stays. */
    if (fds.in != d->null) {
        cgiw_daemon_let_go(fds.in);
    }
    cgiw_daemon_let_go(fds.out);
    cgiw_daemon_let_go(fds.err);
    cgiw_daemon_let_go(fds.environment);
    return 0;
}
