/* The table of running scripts that outlives the daemon.
 *
 * httpd's parent makes one memfd a generation, of CGIW_TABLE_BYTES, and gives
 * it to each daemon that it starts for it. A daemon that was killed leaves its
 * runs in it; its successor ends them before it takes a request. The size says
 * how many runs there can be at once; a slot of zeroes is free, so the parent
 * has nothing to write.
 *
 * The child writes its slot, too, until it executes the script: that tells the
 * daemon, without a system call, how far it came. */
#ifndef CGIW_TABLE_H
#define CGIW_TABLE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct omk_err;
struct cgiw_config;

enum cgiw_stage {
    CGIW_STAGE_FREE = 0,
    CGIW_STAGE_BORN = 1,    /* there may be a process */
    CGIW_STAGE_REFUSED = 2, /* it has said why, in code, and to the module */
    CGIW_STAGE_EXEC = 3     /* the script runs */
};

struct cgiw_slot {
    uint32_t stage; /* enum cgiw_stage */
    uint32_t code;  /* enum cgiw_code, when refused */
    uint32_t uid;
    int32_t pid; /* 0: not known (yet) */
    /* CLOCK_BOOTTIME before and after its birth: with the pid they name a
     * process for good. */
    uint64_t born_from_ns, born_to_ns;
};

#define CGIW_TABLE_SLOTS 4096
#define CGIW_TABLE_BYTES (CGIW_TABLE_SLOTS * sizeof(struct cgiw_slot))

struct cgiw_table {
    struct cgiw_slot *slots; /* shared memory */
    uint32_t count;
};

/* Maps the table behind fd. OMK_EINVAL when it is no file of at least one
 * slot, OMK_EIO. */
int cgiw_table_open(int fd, struct cgiw_table *table, struct omk_err *err);

/* Kills what the slots still name, with every process of its session, and
 * frees them all. Only processes of a site's uid are touched, whatever the
 * table says. Returns how many were killed, or -errno when /proc cannot be
 * read. */
int cgiw_table_end_leftovers(struct cgiw_table *table,
                             const struct cgiw_config *config);

/* Nanoseconds since boot, sleep included. */
uint64_t cgiw_table_now_ns(void);

#endif
