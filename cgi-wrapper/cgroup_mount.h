/* Where control groups are mounted, and which group of each this process is
 * in. Pure: from the texts of /proc/self/mountinfo and /proc/self/cgroup. */
#ifndef CGIW_CGROUP_MOUNT_H
#define CGIW_CGROUP_MOUNT_H

#include <stddef.h>

/* Version 1 has a controller's files in the hierarchy that it is mounted in;
 * of version 2's hierarchy none is said here (they differ by group). */
enum cgiw_controller {
    CGIW_CPU = 1,
    CGIW_CPUACCT = 2,
    CGIW_MEMORY = 4,
    CGIW_PIDS = 8,
    CGIW_FREEZER = 16
};

enum { CGIW_MOUNTS = 16, CGIW_MOUNT_PATH = 512 };

struct cgiw_mount {
    int version;                 /* 1 or 2 */
    unsigned controllers;        /* cgiw_controller bits, of version 1 */
    char point[CGIW_MOUNT_PATH]; /* no slash at the end */
    char own[CGIW_MOUNT_PATH];   /* below point; "" is the root, else "/…" */
};

/* The bit of a name as cgroups(7) has it; 0: none of ours. */
unsigned cgiw_controller_bit(const char *name, size_t len);

/* Fills list with the mounts that are of use: of each hierarchy the first in
 * which the process's own group can be seen. (A container may see a part of a
 * hierarchy only, or none of its own.) Returns how many. */
size_t cgiw_mounts_parse(const char *mountinfo, const char *self_cgroup,
                         struct cgiw_mount list[CGIW_MOUNTS]);

#endif
