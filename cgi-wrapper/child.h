/* From fork to execve: the child becomes the customer, then looks at his
 * script, then runs it.
 *
 * The order matters, and is this:
 *   1. as the daemon: signals as they were, a session of its own, descriptors
 *      0 to 2, the control group, limits, confinement;
 *   2. groups, gid, uid, and the proof that they are gone for good;
 *   3. as the customer: dies with the daemon, NPROC, umask, environment, the
 *      walk to the script, the operator's deny list, its first line, execve.
 * So root's rights never meet a path, a file or a byte of a customer's. System
 * calls and the libraries' pure functions alone; whatever goes wrong is said
 * once on the control descriptor, and the child ends. */
#ifndef CGIW_CHILD_H
#define CGIW_CHILD_H

#include "sites.h"
#include "table.h"
#include "wire.h"

#include <stdint.h>
#include <sys/types.h>

struct cgiw_leaf;
struct omk_denied;

struct cgiw_child {
    const struct cgiw_config *config;
    const struct cgiw_site *site;
    const struct omk_denied *denied;
    const struct cgiw_request_view *request;
    struct cgiw_request_fds fds; /* in: /dev/null where none was sent */
    struct cgiw_leaf *leaf;      /* may be NULL */
    unsigned holds;              /* cgiw_cgroup_holds() */
    struct cgiw_slot *slot;      /* in the shared table */
    uint32_t run;
    uid_t own_uid; /* 0, or whose scripts alone the daemon runs */
    pid_t daemon;  /* whose child this is */
    int confined;  /* the site's rule set, or -1 */
};

/* In the child, right after fork. All of the daemon's descriptors but 0 to 2
 * must be close-on-exec and above 2. */
_Noreturn void cgiw_child(const struct cgiw_child *child);

#endif
