/* What this machine can hold scripts to, and by what: for `cgi-wrapper
 * --capabilities`, `omakase check` and the daemon's start message. */
#ifndef CGIW_CAPABILITIES_H
#define CGIW_CAPABILITIES_H

#include <stdbool.h>
#include <stddef.h>

struct cgiw_cgroup;

/* Bounded; long enough for every text of ours. */
enum { CGIW_CAPABILITIES = 10, CGIW_CAPABILITY_TEXT = 320 };

enum cgiw_holding {
    CGIW_HELD,   /* of a run as a whole */
    CGIW_PARTLY, /* less than that; the text says what is open */
    CGIW_MISSING /* not at all; the text says what to do */
};

struct cgiw_capability {
    const char *name; /* "memory"; stable, lower case, for programs */
    enum cgiw_holding holding;
    char by[64]; /* "cgroup v2", "RLIMIT_AS"; empty when missing */
    char text[CGIW_CAPABILITY_TEXT]; /* a sentence for the operator */
};

struct cgiw_capabilities {
    size_t count;
    struct cgiw_capability list[CGIW_CAPABILITIES];
};

/* cg is an open one, or NULL. What it holds depends on the control group that
 * the process is in: on a server with systemd, ask the daemon that httpd has
 * started, by its control socket; one started from a shell is in the shell's
 * group. */
void cgiw_capabilities_probe(const struct cgiw_cgroup *cg,
                             struct cgiw_capabilities *out);

/* Write at most size bytes with the NUL and return the length, 0 when it does
 * not fit. Text: a line each, "memory: cgroup v2: all processes …". JSON: an
 * object a line, {"name":"memory","holding":"held"|"partly"|"missing",
 * "by":"cgroup v2","text":"all processes …"}. */
size_t cgiw_capabilities_text(const struct cgiw_capabilities *c, char *out,
                              size_t size);
size_t cgiw_capabilities_json(const struct cgiw_capabilities *c, char *out,
                              size_t size);

#endif
