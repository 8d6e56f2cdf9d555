/* The hierarchies that this daemon uses, with its group in each. */
#ifndef CGIW_CGROUP_HIERARCHY_H
#define CGIW_CGROUP_HIERARCHY_H

#include <stdbool.h>
#include <stddef.h>

/* cpu, cpuacct, memory, pids, freezer apart, and version 2's. */
enum { CGIW_HIERARCHIES = 6, CGIW_HOLDS_COUNT = 7, CGIW_WHY = 320 };

struct cgiw_hierarchy {
    int version;
    unsigned holds;  /* cgiw_holds bits that this one is for */
    int base;        /* directory; the caller's group */
    int fd;          /* directory; the daemon's group in it */
    char path[1024]; /* of that, for messages */
};

struct cgiw_hierarchies {
    size_t count;
    unsigned holds; /* of all */
    struct cgiw_hierarchy list[CGIW_HIERARCHIES];
    char name[256];                       /* of the daemon's group */
    char why[CGIW_HOLDS_COUNT][CGIW_WHY]; /* by the number of the bit */
};

/* The number of a cgiw_holds bit. */
unsigned cgiw_holds_index(unsigned hold);

/* group: NULL, or "" or "/…", BASE from the root on. prefix: what the names of
 * all daemons of this instance begin with, up to "PID.START". flags as
 * cgiw_cgroup_open(). */
void cgiw_hierarchies_open(struct cgiw_hierarchies *h, const char *group,
                           const char *prefix, int flags);

/* Removes the daemon's groups, with all that lives in them. */
void cgiw_hierarchies_close(struct cgiw_hierarchies *h);

#endif
