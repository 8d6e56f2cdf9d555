/* Who listens, by /proc/net/tcp and the descriptors of processes. */
#include "check_impl.h"

#include "daemon.h"
#include "ftp_users.h"
#include "node.h"

#include <apr_strings.h>
#include <apr_tables.h>
#include <arpa/inet.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ID "OMK0313"
#define STATE_LISTEN 0x0a

struct listener {
    char address[INET6_ADDRSTRLEN];
    unsigned port;
    unsigned long inode;
    bool any, loopback;
};

/* --- sockets ----------------------------------------------------------------
 */

static void fill_v4(struct listener *l, const char *hex)
{
    struct in_addr a = {.s_addr = (in_addr_t)strtoul(hex, NULL, 16)};

    (void)inet_ntop(AF_INET, &a, l->address, sizeof l->address);
    l->any = a.s_addr == INADDR_ANY;
    l->loopback = ntohl(a.s_addr) >> 24 == 127;
}

static void fill_v6(struct listener *l, const char *hex)
{
    struct in6_addr a;

    for (size_t i = 0; i < 4; i++) {
        char word[9] = "";
        uint32_t part;

        memcpy(word, hex + i * 8, 8);
        part = (uint32_t)strtoul(word, NULL, 16);
        memcpy((char *)&a + i * 4, &part, 4);
    }
    (void)inet_ntop(AF_INET6, &a, l->address, sizeof l->address);
    l->any = IN6_IS_ADDR_UNSPECIFIED(&a);
    l->loopback = IN6_IS_ADDR_LOOPBACK(&a)
                  || (IN6_IS_ADDR_V4MAPPED(&a) && a.s6_addr[12] == 127);
}

static void read_sockets(apr_array_header_t *out, const char *path)
{
    char line[512], hex[33];
    FILE *f = fopen(path, "re");

    while (f && fgets(line, sizeof line, f)) {
        struct listener l = {0};
        unsigned state;

        if (sscanf(line,
                   " %*d: %32[0-9A-F]:%x %*[0-9A-F]:%*x %x %*s %*s %*s %*u "
                   "%*u %lu",
                   hex, &l.port, &state, &l.inode)
                != 4
            || state != STATE_LISTEN) {
            continue;
        }
        if (strlen(hex) == 8) {
            fill_v4(&l, hex);
        }
        else if (strlen(hex) == 32) {
            fill_v6(&l, hex);
        }
        APR_ARRAY_PUSH(out, struct listener) = l;
    }
    if (f) {
        (void)fclose(f);
    }
}

static bool holds(long pid, unsigned long inode)
{
    char path[64], wanted[64], name[400], link[64];
    const struct dirent *e;
    bool found = false;
    DIR *d;

    (void)snprintf(path, sizeof path, "/proc/%ld/fd", pid);
    (void)snprintf(wanted, sizeof wanted, "socket:[%lu]", inode);
    d = opendir(path);
    while (d && !found && (e = readdir(d))) {
        ssize_t len;

        (void)snprintf(name, sizeof name, "%s/%s", path, e->d_name);
        len = readlink(name, link, sizeof link - 1);
        link[len > 0 ? len : 0] = '\0';
        found = !strcmp(link, wanted);
    }
    if (d) {
        (void)closedir(d);
    }
    return found;
}

/* "nginx, pid 123" of somebody who holds the socket. */
static const char *holder(apr_pool_t *p, unsigned long inode)
{
    DIR *d = opendir("/proc");
    const char *name = "a process that cannot be seen";
    const struct dirent *e;

    while (d && (e = readdir(d))) {
        long pid = strtol(e->d_name, NULL, 10);
        char path[64], comm[32] = "";
        FILE *f;

        if (pid <= 0 || !holds(pid, inode)) {
            continue;
        }
        (void)snprintf(path, sizeof path, "/proc/%ld/comm", pid);
        f = fopen(path, "re");
        if (f) {
            (void)fscanf(f, "%31[!-~]", comm);
            (void)fclose(f);
        }
        name = apr_psprintf(p, "%s, pid %ld", comm, pid);
        break;
    }
    if (d) {
        (void)closedir(d);
    }
    return name;
}

/* --- against what is declared -----------------------------------------------
 */

static const char *host_of(apr_pool_t *p, const char *listen)
{
    const char *colon = strrchr(listen, ':');
    size_t len = colon ? (size_t)(colon - listen) : 0;

    if (len && *listen == '[') {
        listen++;
        len -= len > 1 ? 2 : 1;
    }
    return apr_pstrmemdup(p, listen, len);
}

bool omk_check_is_loopback(const char *listen)
{
    return !strncmp(listen, "127.", 4) || !strncmp(listen, "[::1]:", 6);
}

static bool is_any(const char *host)
{
    return !*host || !strcmp(host, "*") || !strcmp(host, "0.0.0.0")
           || !strcmp(host, "::");
}

static void one_listener(const struct omk_check *c, const struct omk_daemon *d,
                         pid_t pid, bool ours, const struct listener *l)
{
    const char *where =
        apr_psprintf(c->p, strchr(l->address, ':') ? "[%s]:%u" : "%s:%u",
                     l->address, l->port);
    bool must_be_local = d == &omk_daemon_mariadb;

    if (ours && !(pid && holds((long)pid, l->inode))) {
        omk_check_say(c, OMK_CHECK_ERROR, ID, where,
                      apr_psprintf(c->p,
                                   "is %s's by omakase.conf, and held by %s",
                                   d->name, holder(c->p, l->inode)),
                      "end that one, or choose another port in omakase.conf");
    }
    else if (must_be_local && !l->loopback) {
        omk_check_say(c, OMK_CHECK_ERROR, ID, where,
                      "MariaDB listens to other machines; customers were "
                      "promised that it does not",
                      "mysql { listen = \"127.0.0.1:3306\" }, apply, stop and "
                      "start mariadb");
    }
    else {
        omk_check_say(c, OMK_CHECK_NOTE, ID, where,
                      apr_psprintf(c->p, "%s listens, %s", d->name,
                                   l->loopback ? "for this machine alone"
                                   : l->any    ? "on every address, public"
                                               : "public"),
                      "nothing, if that is meant");
    }
}

static void one_address(const struct omk_check *c, const struct omk_daemon *d,
                        const char *listen, const apr_array_header_t *sockets)
{
    const char *host = host_of(c->p, listen);
    const char *colon = strrchr(listen, ':');
    unsigned port = (unsigned)strtoul(colon ? colon + 1 : listen, NULL, 10);
    const char *why;
    bool ours = d->wanted(c->n, &why);
    pid_t pid = ours ? omk_daemon_pid(c->p, c->n, d) : 0;
    unsigned count = 0;

    for (int i = 0; i < sockets->nelts; i++) {
        const struct listener *l = &APR_ARRAY_IDX(sockets, i, struct listener);

        if (l->port == port
            && (l->any || is_any(host) || !strcmp(l->address, host))) {
            count++;
            one_listener(c, d, pid, ours, l);
        }
    }
    if (!count && pid) {
        omk_check_say(
            c, OMK_CHECK_ERROR, ID, listen,
            apr_psprintf(c->p, "%s runs and does not listen there", d->name),
            apr_psprintf(c->p,
                         "omakase apply; if it stays: omakase stop "
                         "%s, omakase start %s",
                         d->name, d->name));
    }
}

void omk_check_ports(const struct omk_check *c)
{
    apr_array_header_t *sockets =
        apr_array_make(c->p, 64, sizeof(struct listener));

    read_sockets(sockets, "/proc/net/tcp");
    read_sockets(sockets, "/proc/net/tcp6");
    for (const char *const *l = c->n->listen; *l; l++) {
        one_address(c, &omk_daemon_httpd, *l, sockets);
    }
    if (omk_ftp_is_here(c->n)) {
        for (const char *const *l = c->n->ftp_listen; *l; l++) {
            one_address(c, &omk_daemon_proftpd, *l, sockets);
        }
    }
    if (*c->n->mysql_listen) {
        one_address(c, &omk_daemon_mariadb, c->n->mysql_listen, sockets);
    }
}
