/* The counters of a server in one file, shared by all httpd children and by
 * Count.cgi.
 *
 * The file is mapped for reading and written with pwrite(2): a full disk is
 * an error code there, not a SIGBUS, and no stray pointer of another module
 * can reach it. How the file is laid out, who locks what, and why nothing
 * that was answered is lost, stands at the head of store.c.
 *
 * Thread-safe: one struct counter_store may be used by all threads of a
 * process. It must be opened after fork (in child_init), never before. */
#ifndef COUNTER_STORE_H
#define COUNTER_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct omk_err;
struct counter_store;

#define COUNTER_NAME_MAX 80 /* bytes of a counter's name */
#define COUNTER_VALUE_MAX UINT64_C(999999999999999999)

struct counter_value {
    uint64_t count;
    uint64_t visitor;  /* last counted, see visitor.h; 0: none yet */
    int64_t time;      /* of the last change, seconds since 1970 */
    uint32_t day;      /* local day number that `today` belongs to */
    uint32_t today;    /* hits counted on that day */
    uint32_t yesterday; /* and on the day before it */
};

/* Opens path, or creates it (0600, its directory must be there) when create
 * is set. OMK_ENOENT, OMK_EDENIED, OMK_EIO, OMK_ENOSPC (no room to create),
 * OMK_EDAMAGED (no counter store, or its header is beyond repair),
 * OMK_EVERSION (a newer format: left untouched). threads: how many threads
 * will use it at once; 0: the process has no other thread at all (a CGI). */
int counter_store_open(const char *path, bool create, unsigned threads,
                       struct counter_store **out, struct omk_err *err);
void counter_store_close(struct counter_store *s);

/* Secret of this installation for visitor.h (made with the file, kept in
 * PATH.key beside it, 0600). */
const uint8_t *counter_store_key(const struct counter_store *s);

enum counter_hit_flags {
    COUNTER_HIT_RELOADS = 1 /* the last visitor counts again */
};

/* What a hit asks and gets. */
struct counter_hit {
    /* in */
    const char *name; /* 1..COUNTER_NAME_MAX bytes, printable */
    uint32_t group_max; /* how many counters NAME/… may stand beside NAME;
                           matters where name has a slash */
    uint64_t visitor;  /* not 0 */
    uint64_t st;       /* first value of a counter that is not there yet */
    int64_t now;
    uint32_t day;      /* local day number of now */
    unsigned flags;
    /* out */
    struct counter_value value; /* as it stands after the hit */
    bool counted;
    bool created;
};

/* Counts: a counter that is not there starts at st, which is what its first
 * visitor sees; the visitor counted last is shown the value and not counted
 * (unless COUNTER_HIT_RELOADS); anybody else adds one. Exact under any number
 * of threads and processes; once it has returned 0, the count survives
 * kill -9 of everything (and a power cut from the next sync on). A new counter
 * "CUSTOMER/page" takes one of CUSTOMER's group_max places.
 *
 * On an error nothing has counted. value is the last value where one could be
 * read (value.count is 0 otherwise): OMK_ENOSPC (disk full, or no place left
 * in the group: OMK_ERANGE), OMK_EDAMAGED, OMK_EBUSY (a stopped process holds
 * the lock for over 5 s), OMK_EIO. */
int counter_store_hit(struct counter_store *s, struct counter_hit *hit,
                      struct omk_err *err);

/* Reads without any lock. OMK_ENOENT, OMK_EDAMAGED. */
int counter_store_get(struct counter_store *s, const char *name,
                      struct counter_value *out, struct omk_err *err);

/* Sets a counter (creates it where it is not there). */
int counter_store_set(struct counter_store *s, const char *name,
                      const struct counter_value *value, struct omk_err *err);

/* Forgets a counter, and frees its place in its group: its next hit starts at
 * st. OMK_ENOENT. */
int counter_store_remove(struct counter_store *s, const char *name,
                         struct omk_err *err);

/* Calls fn for each counter, in no order, until it returns non-zero (which is
 * returned). Counters that appear meanwhile may be seen or not. */
int counter_store_each(struct counter_store *s,
                       int (*fn)(void *ctx, const char *name,
                                 const struct counter_value *value),
                       void *ctx, struct omk_err *err);

/* Hits on the day number `day` and on the day before it, which are not what
 * the fields say once a day has passed without a hit. */
uint32_t counter_value_today(const struct counter_value *v, uint32_t day);
uint32_t counter_value_yesterday(const struct counter_value *v, uint32_t day);

/* Copies mended from their twin since the last call: for a log line. */
unsigned counter_store_mended(struct counter_store *s);

struct counter_store_report {
    uint64_t counters;  /* live ones */
    uint64_t removed;   /* places of removed ones */
    uint64_t capacity;  /* places in the file as it is */
    uint64_t repaired;  /* one slot of two damaged; written anew if repair */
    uint64_t pages_repaired; /* page headers, likewise */
    uint64_t pages_rebuilt;  /* of those, both copies were damaged: the header
                                is made from the page's records, and one that
                                was wiped out there is missing, uncounted */
    uint64_t lost;      /* both slots damaged: the counter is gone */
    uint64_t recounted; /* customers whose number of counters stood wrong
                           after a kill -9 or a loss; set right */
    uint64_t bytes;     /* of the file */
};

/* Checks every checksum and counts each customer's counters; with repair set,
 * mends what a second copy can mend and sets the customers' numbers right,
 * under the writers' locks, while the store is in use. fn (may be NULL) is
 * told each finding in a line. Returns OMK_OK when nothing is (or stays)
 * wrong, OMK_EDAMAGED otherwise. */
int counter_store_verify(struct counter_store *s, bool repair,
                         void (*fn)(void *ctx, const char *line), void *ctx,
                         struct counter_store_report *report,
                         struct omk_err *err);

/* Writes the store anew without removed places and old levels, and puts it in
 * place of the old one, with its owner, group and mode; running processes
 * change over by themselves. */
int counter_store_compact(struct counter_store *s, struct omk_err *err);

/* Puts on disk all that was counted by anybody before the call. */
int counter_store_sync(struct counter_store *s, struct omk_err *err);

/* For programs that live for one hit. True: nobody else is about to sync, this
 * process (or a child that it forks) now is: it waits as long as a count may
 * stay off the disk and calls counter_store_sync_due. False: another process
 * will, and what was counted up to now is in its sync. */
bool counter_store_sync_is_mine(struct counter_store *s);
int counter_store_sync_due(struct counter_store *s, struct omk_err *err);

#endif
