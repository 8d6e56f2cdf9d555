/* What a customer uses, in bytes. */
#ifndef OMK_USAGE_H
#define OMK_USAGE_H

#include <stdint.h>

struct omk_err;
struct omk_node;

struct omk_usage {
    uint64_t web, log, mail, databases; /* bytes */
};

/* Fills web and log of *out and leaves the others. web is what the kernel
 * counts against the quota where it keeps one, else the blocks of everything
 * below web/, hard links once; log is the blocks below log/. OMK_ENOENT: there
 * is no tree. OMK_EDENIED, OMK_EIO, OMK_ENOMEM. Thread-safe. */
int omk_usage_tree(const struct omk_node *n, const char *login,
                   struct omk_usage *out, struct omk_err *err);

/* The blocks of everything below the directory fd on its file system, hard
 * links once. OMK_EIO, OMK_ENOMEM. */
int omk_usage_walk(int fd, uint64_t *bytes, struct omk_err *err);

#endif
