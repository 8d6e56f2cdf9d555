/* What a site's scripts may use at most. */
#ifndef CGIW_LIMITS_H
#define CGIW_LIMITS_H

#include <stdint.h>

/* 0: no limit. */
struct cgiw_limits {
    uint32_t cpu_s;      /* of a run's whole tree */
    uint32_t wall_s;     /* from its start */
    uint32_t processes;  /* in a run's tree */
    uint32_t concurrent; /* runs of one uid */
    uint64_t memory_bytes;
    uint64_t output_bytes; /* the module counts it */
};

#endif
