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
    CGIW_HELD,     /* of a run as a whole */
    CGIW_PARTLY,   /* less than that; the text says what is open */
    CGIW_MISSING   /* not at all; the text says what to do */
};

struct cgiw_capability {
    const char *name; /* "memory"; stable, lower case, for programs */
    enum cgiw_holding holding;
    char by[64];  /* "cgroup v2", "RLIMIT_AS"; empty when missing */
    char text[CGIW_CAPABILITY_TEXT]; /* a sentence for the operator */
};

struct cgiw_capabilities {
    char group[256]; /* the daemon's control group; may be empty */
    size_t count;
    struct cgiw_capability list[CGIW_CAPABILITIES];
};

/* cg is an open one (it says what holds for the very processes that it will
 * hold), or NULL. */
void cgiw_capabilities_probe(const struct cgiw_cgroup *cg,
                             struct cgiw_capabilities *out);

/* As snprintf: write at most size bytes with the NUL, return the length that
 * all of it needs. Text: a line each, "memory: held by cgroup v2: …". JSON: one
 * object in one line, {"version":1,"group":…,"capabilities":[{"name":…,
 * "holding":"held"|"partly"|"missing","by":…,"text":…},…]}. */
size_t cgiw_capabilities_text(const struct cgiw_capabilities *c, char *out,
                              size_t size);
size_t cgiw_capabilities_json(const struct cgiw_capabilities *c, char *out,
                              size_t size);

#endif
