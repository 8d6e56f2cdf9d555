/* The store's file, inside libcounter only: layout, locks, levels.
 *
 * Layout. Page 0 is the header, twice. Levels follow, each a run of pages
 * (16, 32, 64 … 16,384, then always 16,384); a store grows by one more level
 * and nothing in it ever moves. A page holds its head, twice, and 15 records
 * of 256 bytes. A record is one slot of 128 bytes, twice; every copy of
 * anything carries an XXH3 checksum seeded with where it stands, so that a
 * page written to the wrong place is as bad as a page of noise.
 *
 * Finding. A name's hash gives two pages in each level; the page's head has a
 * 32-bit tag of each record. A new record goes into the emptier of the two,
 * newest level first; when all are full, a level is added.
 *
 * Writing. Everything is written by pwrite(2), both copies in one call, under
 * an OFD lock: a record's own bytes for its value; byte 0 (CREATE) for new
 * records, heads, levels and the header. The order is CREATE, then record. A
 * new record is written before the head that makes it known; a new level is on
 * disk before the header that makes it known.
 *
 * Reading takes no lock: a copy whose checksum fits is a value that stood in
 * the file; while one copy is being written the other one is whole.
 *
 * kill -9. A process that dies loses its locks with its descriptors; what it
 * had handed to pwrite stands in the page cache, whole. Nothing is answered
 * before pwrite has returned.
 *
 * Versions. A newer format keeps magic and version where they are, in both
 * copies of the header. The store is refused as newer, and not a byte of it is
 * written, when a copy says so and its checksum fits, or when a copy says so
 * and no whole header of our version stands beside it. Thus one flipped bit is
 * damage, mended from the twin; a program that changes a store's format where
 * it stands writes both headers before anything else.
 *
 * A damaged copy is mended from its twin by whoever holds the lock. With both
 * gone the record (or its page) answers OMK_EDAMAGED until the operator says
 * `verify --repair`: a counter never starts anew because it could not be
 * read. That is why a missing name is believed only after the heads of all its
 * pages have passed their checksums. */
#ifndef COUNTER_STORE_FILE_H
#define COUNTER_STORE_FILE_H

#include "store.h"

#include <pthread.h>
#include <stdatomic.h>

#define PAGE_BYTES 4096u
#define RECORD_BYTES 256u
#define PAGE_RECORDS 15u
#define LEVELS_MAX 60u
#define LEVEL_FIRST_PAGES 16u
#define LEVEL_MAX_PAGES 16384u
#define MAP_BYTES (UINT64_C(1) << 32)
#define STORE_VERSION 1u
#define STORE_MAGIC UINT64_C(0x0152544e434b4d4f) /* "OMKCNTR\1" */

enum { SLOT_LIVE = 1, SLOT_REMOVED = 2 };

struct slot {
    uint64_t sum; /* over what follows, seeded with the record's offset */
    uint64_t count;
    uint64_t visitor;
    uint32_t time;
    uint32_t day, today, yesterday;
    uint8_t state;
    uint8_t name_len;
    uint16_t reserved;
    uint32_t writes; /* grows with every write: tells the newer copy */
    char name[COUNTER_NAME_MAX];
};
_Static_assert(sizeof(struct slot) == RECORD_BYTES / 2, "two to a record");

struct page_head {
    uint64_t sum; /* over what follows, seeded with the page's offset */
    uint32_t writes;
    uint16_t used; /* records 0..used-1 are there */
    uint16_t reserved;
    uint32_t tag[PAGE_RECORDS];
    uint32_t reserved2[13];
};
_Static_assert(sizeof(struct page_head) == RECORD_BYTES / 2, "two a page");

struct level {
    uint32_t first_page;
    uint32_t pages; /* a power of two */
};

struct header {
    uint64_t magic;
    uint32_t version;
    uint32_t superseded; /* a compacted store may stand in path's place */
    uint64_t writes;
    uint64_t salt; /* of name hashes and checksums */
    uint32_t levels;
    uint32_t reserved;
    struct level level[LEVELS_MAX];
    uint64_t sum; /* over what precedes */
};
_Static_assert(sizeof(struct header) <= PAGE_BYTES / 2, "two on page 0");

struct shard { /* a descriptor, and who in this process may lock with it */
    pthread_mutex_t mutex;
    int fd;
};

#define SHARDS_MAX 16u

struct counter_store {
    char *path;
    bool create;
    bool alone;                  /* no other thread: one descriptor will do,
                                    since nobody but us could lose a lock by
                                    an unlocking of CREATE, which is of all */
    unsigned shards;             /* 1..SHARDS_MAX, a power of two */
    pthread_rwlock_t reopening;  /* held for reading by every operation */
    const uint8_t *map;          /* MAP_BYTES, PROT_READ */
    struct shard shard[SHARDS_MAX];
    struct shard creating;       /* the CREATE lock */
    _Atomic(struct header *) header; /* snapshot; old ones stay until close */
    struct header *snapshots[LEVELS_MAX + 2];
    unsigned snapshot_count;
    pthread_mutex_t snapshotting;
    atomic_uint repaired;        /* copies mended since open */
    atomic_bool unlinked;        /* the file has no name any more */
    atomic_long looked_at;       /* the second in which path was looked at */
    uint8_t key[16];
};

struct place { /* where a name is, or may be */
    uint64_t hash;
    uint32_t tag;
    const char *name;
    uint8_t name_len;
};

/* Begins an operation: the file is not exchanged in this process until
 * store_end, and *h is its header. A store that was compacted or removed is
 * left for the one that stands at path. */
int store_begin(struct counter_store *s, const struct header **h,
                struct omk_err *err);
void store_end(struct counter_store *s);
/* A lock held: has the file been compacted away since store_begin? */
bool store_is_left(const struct counter_store *s);

/* "ab-cdftp/page" is one of the group whose record is "ab-cdftp/": false when
 * p is of no group. A process that dies between the two writes leaves the
 * group's count wrong by one; verify sets it right, and so does compaction,
 * which makes the groups anew. */
bool store_group_name(const struct place *p, char name[COUNTER_NAME_MAX + 1]);
/* CREATE held: the group called name (with its slash) has count counters. */
int store_group_set(struct counter_store *s, const struct header *h,
                    const char *name, uint64_t count, struct omk_err *err);

/* Each live counter, groups left out. */
int store_each_slot(struct counter_store *s, const struct header *h,
                    int (*fn)(void *ctx, const struct slot *slot), void *ctx,
                    struct omk_err *err);

/* open, create, close the files of s->path; s is zeroed but for path, create
 * and shards. */
int store_file_open(struct counter_store *s, struct omk_err *err);
void store_file_close(struct counter_store *s);
/* Is path another file than ours now (compacted, or removed)? */
bool store_file_replaced(const struct counter_store *s);

/* The header as it is now; OMK_EDAMAGED when the file has shrunk below it. */
int store_header(struct counter_store *s, const struct header **out,
                 struct omk_err *err);
/* Looks at both copies, and writes what is damaged of them anew; the second
 * with CREATE held. */
int store_header_mend(struct counter_store *s, struct omk_err *err);
int store_header_mend_locked(struct counter_store *s, struct omk_err *err);
/* Which of its copies are whole: bit 0 the first, bit 1 the second. */
unsigned store_header_look(const struct counter_store *s);
/* Writes both copies of a changed header. CREATE held. */
int store_header_write(struct counter_store *s, struct header *h,
                       struct omk_err *err);

/* Locks; 5 s at most, then OMK_EBUSY. */
int store_lock_create(struct counter_store *s, struct omk_err *err);
void store_unlock_create(struct counter_store *s);
int store_lock_record(struct counter_store *s, uint64_t offset,
                      struct omk_err *err);
void store_unlock_record(struct counter_store *s, uint64_t offset);
/* All records, for compaction. CREATE held. */
int store_lock_all(struct counter_store *s, struct omk_err *err);
void store_unlock_all(struct counter_store *s);

/* Byte 1: who is about to sync. Only tried, never waited for. */
bool store_try_lock_sync(struct counter_store *s);
void store_unlock_sync(struct counter_store *s);
/* Byte 2: who is compacting, of all processes. Likewise. */
bool store_try_lock_compact(struct counter_store *s);
void store_unlock_compact(struct counter_store *s);

/* Names and pages. */
int store_place(const struct header *h, const char *name, struct place *out,
                struct omk_err *err);
uint64_t store_page_offset(const struct level *l, const struct place *p,
                           unsigned choice);
/* Lock-free: the record's offset, or 0. */
uint64_t store_find(const struct counter_store *s, const struct header *h,
                    const struct place *p);
/* CREATE held: the same, having checked (and mended) every head on the way;
 * OMK_EDAMAGED when the name may be in what cannot be read. *offset is 0 when
 * it is certainly not there. */
int store_find_surely(struct counter_store *s, const struct header *h,
                      const struct place *p, uint64_t *offset,
                      struct omk_err *err);
/* CREATE held: a free place for a new record (adds a level if need be). */
int store_allocate(struct counter_store *s, const struct place *p,
                   uint64_t *offset, struct omk_err *err);
/* CREATE held: makes the record at offset known under the tag. */
int store_publish(struct counter_store *s, uint64_t offset, uint32_t tag,
                  struct omk_err *err);

/* Slots. The lock-free read retries while it is written under it. */
int store_slot_read(const struct counter_store *s, const struct header *h,
                    uint64_t offset, struct slot *out, struct omk_err *err);
/* One look; tells which copies are whole: bit 0 the first, bit 1 the second. */
unsigned store_slot_look(const struct counter_store *s,
                         const struct header *h, uint64_t offset,
                         struct slot *out);
int store_slot_write(struct counter_store *s, const struct header *h,
                     uint64_t offset, struct slot *slot, struct omk_err *err);

/* Page heads. */
unsigned store_head_look(const struct counter_store *s,
                         const struct header *h, uint64_t page,
                         struct page_head *out);
int store_head_write(struct counter_store *s, const struct header *h,
                     uint64_t page, struct page_head *head,
                     struct omk_err *err);

#endif
