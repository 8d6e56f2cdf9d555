/* Generations: STATE/generations/N, and STATE/current, a link to the one that
 * holds.
 *
 * A generation is written whole beside the current one; the file `complete` is
 * its last, after everything else is on the disk; then the link is replaced in
 * one step. So a power cut or kill -9 at any point leaves a current that is
 * whole, and what was left half-written is told by its missing mark and
 * removed by the next apply. Only who holds omk_lock writes here. */
#ifndef OMK_GENERATION_H
#define OMK_GENERATION_H

#include "files.h"

#include <apr_pools.h>
#include <apr_time.h>

struct omk_err;
struct omk_node;

struct omk_generation {
    unsigned number;
    bool complete, current;
    apr_time_t made; /* when it was completed */
};

/* Waits for the lock of all changes (STATE/lock), `waiting` (may be NULL) is
 * called once when another holds it. The fd is closed to release it. */
int omk_lock(const struct omk_node *n, void (*waiting)(void *ctx), void *ctx,
             int *fd, struct omk_err *err);

/* Makes STATE, generations/, the run and log directories, if they are not
 * there. */
int omk_state_make(const struct omk_node *n, struct omk_err *err);

/* The number that current leads to; 0 where there is no current yet. */
int omk_generation_current(const struct omk_node *n, unsigned *out,
                           struct omk_err *err);

/* All of them, by number. */
int omk_generations_list(apr_pool_t *p, const struct omk_node *n,
                         struct omk_generation **out, size_t *count,
                         struct omk_err *err);

/* "STATE/generations/N". */
const char *omk_generation_dir(apr_pool_t *p, const struct omk_node *n,
                               unsigned number);

/* A number above all that are there; what has no mark is removed first. */
int omk_generation_next(apr_pool_t *p, const struct omk_node *n, unsigned *out,
                        struct omk_err *err);

/* Writes the files and their manifest into generations/N, which is emptied
 * first when it is there. Not yet on the disk. A file that lies with the same
 * bytes in generation `from` (`before`, of omk_generation_read just now; NULL
 * for none) becomes a link to that one and is marked so: a thousand customers
 * of whom one changed are a few files to write. So generations share files,
 * and a hand edit in one is an edit in those that share it:
 * omk_generation_mend undoes it. */
int omk_generation_write(apr_pool_t *p, const struct omk_node *n,
                         unsigned number, struct omk_files *files,
                         unsigned from, const struct omk_files *before,
                         struct omk_err *err);

/* Everything to the disk, then the mark; files as they were written. */
int omk_generation_complete(apr_pool_t *p, const struct omk_node *n,
                            unsigned number, const struct omk_files *files,
                            struct omk_err *err);

/* current -> generations/N, on the disk. */
int omk_generation_flip(apr_pool_t *p, const struct omk_node *n,
                        unsigned number, struct omk_err *err);

int omk_generation_remove(apr_pool_t *p, const struct omk_node *n,
                          unsigned number, struct omk_err *err);

/* Removes the oldest so that n->keep stay; never the current one. */
int omk_generation_prune(apr_pool_t *p, const struct omk_node *n,
                         struct omk_err *err);

/* The manifest: path and, as data, 40 digits. OMK_EDAMAGED when it is none. */
int omk_generation_manifest(apr_pool_t *p, const struct omk_node *n,
                            unsigned number, struct omk_files **out,
                            struct omk_err *err);

/* Writes what differs from the manifest anew, from another generation that has
 * it, on the disk and in `there` (of omk_generation_read). OMK_EDAMAGED, with
 * words, where none has it. What is not in the manifest stays. */
int omk_generation_mend(apr_pool_t *p, const struct omk_node *n,
                        unsigned number, struct omk_files *there,
                        struct omk_err *err);

/* Every file that lies there, sorted, without manifest and mark. */
int omk_generation_read(apr_pool_t *p, const struct omk_node *n,
                        unsigned number, struct omk_files **out,
                        struct omk_err *err);

#endif
