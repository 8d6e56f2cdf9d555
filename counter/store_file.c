#include "store_file.h"

#include "err.h"
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wundef"
#pragma GCC diagnostic ignored "-Wcast-qual"
#include <xxhash.h>
#pragma GCC diagnostic pop

#define LOCK_WAIT_MS 5000
#define LOCK_YIELDS 50 /* before sleeping between two tries */

static int io_error(struct omk_err *err, const struct counter_store *s,
                    const char *what)
{
    int code = errno == ENOSPC || errno == EDQUOT     ? OMK_ENOSPC
               : errno == ENOENT                      ? OMK_ENOENT
               : errno == EACCES || errno == EPERM
                         || errno == EROFS            ? OMK_EDENIED
               : errno == ENOMEM                      ? OMK_ENOMEM
                                                      : OMK_EIO;

    return omk_fail(err, code, s->path, "%s: %s", what, strerror(errno));
}

/* --- checksums ---------------------------------------------------------- */

static uint64_t slot_sum(const struct header *h, const struct slot *slot,
                         uint64_t offset)
{
    return XXH3_64bits_withSeed(&slot->count,
                                sizeof *slot - offsetof(struct slot, count),
                                h->salt + offset);
}

static uint64_t head_sum(const struct header *h, const struct page_head *head,
                         uint64_t page)
{
    return XXH3_64bits_withSeed(
        &head->writes, sizeof *head - offsetof(struct page_head, writes),
        h->salt + page);
}

static uint64_t header_sum(const struct header *h)
{
    return XXH3_64bits(h, offsetof(struct header, sum));
}

/* --- pwrite ------------------------------------------------------------- */

static int write_at(struct counter_store *s, const void *data, size_t len,
                    uint64_t offset, struct omk_err *err)
{
    const char *p = data;

    while (len > 0) {
        ssize_t n = pwrite(s->creating.fd, p, len, (off_t)offset);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return io_error(err, s, "write");
        }
        p += n;
        len -= (size_t)n;
        offset += (uint64_t)n;
    }
    return OMK_OK;
}

/* --- header ------------------------------------------------------------- */

static bool levels_make_sense(const struct header *h)
{
    uint64_t next = 1;

    if (h->levels == 0 || h->levels > LEVELS_MAX) {
        return false;
    }
    for (uint32_t i = 0; i < h->levels; i++) {
        const struct level *l = &h->level[i];

        if (l->first_page != next || l->pages == 0
            || l->pages > LEVEL_MAX_PAGES || (l->pages & (l->pages - 1))) {
            return false;
        }
        next += l->pages;
    }
    return next * PAGE_BYTES <= MAP_BYTES;
}

static uint64_t end_of_levels(const struct header *h)
{
    const struct level *last = &h->level[h->levels - 1];

    return ((uint64_t)last->first_page + last->pages) * PAGE_BYTES;
}

static bool is_header(const struct header *h)
{
    return h->magic == STORE_MAGIC && h->version == STORE_VERSION
           && h->sum == header_sum(h) && levels_make_sense(h);
}

/* What its copy says cannot be believed without its checksum; one that fits is
 * proof, one that does not may be of a format that keeps it elsewhere. */
enum newer { NOT_NEWER, SAYS_NEWER, IS_NEWER };

static enum newer is_newer(const struct header *h)
{
    if (h->magic != STORE_MAGIC || h->version <= STORE_VERSION) {
        return NOT_NEWER;
    }
    return h->sum == header_sum(h) ? IS_NEWER : SAYS_NEWER;
}

unsigned store_header_look(const struct counter_store *s)
{
    unsigned whole = 0;

    for (unsigned i = 0; i < 2; i++) {
        struct header copy;

        memcpy(&copy, s->map + i * (PAGE_BYTES / 2), sizeof copy);
        whole |= (unsigned)is_header(&copy) << i;
    }
    return whole;
}

/* The better of the two copies at map; see "Versions" in store_file.h. */
static int header_read(const struct counter_store *s, const uint8_t *map,
                       struct header *out, struct omk_err *err)
{
    struct header copy[2];
    enum newer newer = NOT_NEWER;
    uint32_t version = 0;
    int best = -1;

    for (int i = 0; i < 2; i++) {
        enum newer this;

        memcpy(&copy[i], map + (unsigned)i * (PAGE_BYTES / 2),
               sizeof copy[i]);
        this = is_newer(&copy[i]);
        if (this > newer) {
            newer = this;
            version = copy[i].version;
        }
        if (is_header(&copy[i])
            && (best < 0 || copy[i].writes > copy[best].writes)) {
            best = i;
        }
    }
    if (newer == IS_NEWER || (newer == SAYS_NEWER && best < 0)) {
        return omk_fail(err, OMK_EVERSION, s->path,
                        "written by a newer version (format %u, this program "
                        "knows %u); left as it is",
                        version, STORE_VERSION);
    }
    if (best < 0) {
        return omk_fail(err, OMK_EDAMAGED, s->path,
                        "not a counter store, or its header is destroyed; "
                        "put a backup in its place, or move it away to start "
                        "anew");
    }
    *out = copy[best];
    return OMK_OK;
}

/* A snapshot that threads may go on reading while a newer one is put up; there
 * are at most as many as levels, and they are small. */
static int header_snapshot(struct counter_store *s, struct header **out,
                           struct omk_err *err)
{
    struct header fresh;
    struct header *old = atomic_load(&s->header);
    int rc = OMK_OK;

    for (int tries = 0; tries < 100; tries++) {
        rc = header_read(s, s->map, &fresh, err);
        if (rc != OMK_EDAMAGED) {
            break;
        }
        sched_yield(); /* it may be being written */
    }
    if (rc != OMK_OK) {
        return rc;
    }
    if (old && old->sum == fresh.sum) {
        *out = old;
        return OMK_OK;
    }
    if (s->snapshot_count == sizeof s->snapshots / sizeof *s->snapshots) {
        return omk_fail(err, OMK_EDAMAGED, s->path, "levels come and go");
    }
    *out = malloc(sizeof fresh);
    if (!*out) {
        return omk_fail(err, OMK_ENOMEM, s->path, "out of memory");
    }
    **out = fresh;
    s->snapshots[s->snapshot_count++] = *out;
    atomic_store(&s->header, *out);
    return OMK_OK;
}

static bool header_is_current(const struct counter_store *s,
                              const struct header *h)
{
    const struct header *first = (const struct header *)(const void *)s->map;

    /* Version and checksum, as they stand in the first copy now: aligned
     * words, and wrong ones only cost a look at the whole header. */
    return __atomic_load_n(&first->version, __ATOMIC_RELAXED) == h->version
           && __atomic_load_n(&first->sum, __ATOMIC_RELAXED) == h->sum;
}

/* Its size, and whether it still has a name. Not fstat: that asks for the time
 * of the last write, and from then on ext4 and others give every write a time
 * of its own and bring the inode to the journal each time (Linux 6.13,
 * multigrain timestamps). */
static int look_at_file(struct counter_store *s, uint64_t *bytes,
                        struct omk_err *err)
{
    struct statx st;

    if (statx(s->creating.fd, "", AT_EMPTY_PATH, STATX_SIZE | STATX_NLINK, &st)
        != 0) {
        return io_error(err, s, "statx");
    }
    if (st.stx_nlink == 0) {
        atomic_store(&s->unlinked, true);
    }
    *bytes = st.stx_size;
    return OMK_OK;
}

static int cut_short(const struct counter_store *s, uint64_t bytes,
                     struct omk_err *err)
{
    return omk_fail(err, OMK_EDAMAGED, s->path,
                    "the file has been cut short (%llu bytes)",
                    (unsigned long long)bytes);
}

int store_header(struct counter_store *s, const struct header **out,
                 struct omk_err *err)
{
    struct header *h = atomic_load(&s->header);
    uint64_t bytes;
    int rc;

    /* A file that was cut short would end the process by SIGBUS. */
    rc = look_at_file(s, &bytes, err);
    if (rc != OMK_OK) {
        return rc;
    }
    if (bytes < PAGE_BYTES || (h && bytes < end_of_levels(h))) {
        return cut_short(s, bytes, err);
    }
    if (!h || !header_is_current(s, h)) {
        pthread_mutex_lock(&s->snapshotting);
        rc = header_snapshot(s, &h, err);
        pthread_mutex_unlock(&s->snapshotting);
        if (rc == OMK_OK && bytes < end_of_levels(h)) {
            rc = look_at_file(s, &bytes, err); /* it has grown meanwhile */
        }
        if (rc != OMK_OK) {
            return rc;
        }
        if (bytes < end_of_levels(h)) {
            return cut_short(s, bytes, err);
        }
    }
    *out = h;
    return OMK_OK;
}

int store_header_write(struct counter_store *s, struct header *h,
                       struct omk_err *err)
{
    int rc;

    h->writes++;
    h->sum = header_sum(h);
    rc = write_at(s, h, sizeof *h, 0, err);
    return rc == OMK_OK ? write_at(s, h, sizeof *h, PAGE_BYTES / 2, err) : rc;
}

int store_header_mend_locked(struct counter_store *s, struct omk_err *err)
{
    const struct header *h;
    struct header same;
    int rc = store_header(s, &h, err); /* the file is as long as it was */

    /* As it is now: a newer format is not written over. */
    rc = rc == OMK_OK ? header_read(s, s->map, &same, err) : rc;
    if (rc != OMK_OK || store_header_look(s) == 3) {
        return rc;
    }
    same.writes--; /* so that it comes out the same to the byte */
    atomic_fetch_add(&s->repaired, 1);
    return store_header_write(s, &same, err);
}

int store_header_mend(struct counter_store *s, struct omk_err *err)
{
    int rc;

    if (store_header_look(s) == 3) {
        return OMK_OK;
    }
    rc = store_lock_create(s, err); /* it may just be being written */
    if (rc == OMK_OK) {
        rc = store_header_mend_locked(s, err);
        store_unlock_create(s);
    }
    return rc;
}

/* --- locks -------------------------------------------------------------- */

static struct timespec deadline(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += LOCK_WAIT_MS / 1000;
    return t;
}

static bool is_past(const struct timespec *end)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec > end->tv_sec
           || (t.tv_sec == end->tv_sec && t.tv_nsec >= end->tv_nsec);
}

static int busy(struct omk_err *err, const struct counter_store *s)
{
    return omk_fail(err, OMK_EBUSY, s->path,
                    "its lock did not come free within %d s (a stopped "
                    "process holds it? see lsof)",
                    LOCK_WAIT_MS / 1000);
}

/* F_OFD_SETLKW would wait without an end; the lock is held for a few
 * microseconds, so trying again is as good. First without sleeping: the
 * shortest sleep is many times as long as the lock is held. */
static int lock_range(struct counter_store *s, int fd, uint64_t start,
                      uint64_t len, const struct timespec *end,
                      struct omk_err *err)
{
    struct flock range = {.l_type = F_WRLCK,
                          .l_whence = SEEK_SET,
                          .l_start = (off_t)start,
                          .l_len = (off_t)len};
    struct timespec pause = {0, 10000};

    for (unsigned tries = 0; fcntl(fd, F_OFD_SETLK, &range) != 0; tries++) {
        if (errno != EAGAIN && errno != EACCES && errno != EINTR) {
            return io_error(err, s, "lock");
        }
        if (is_past(end)) {
            return busy(err, s);
        }
        if (tries < LOCK_YIELDS) {
            (void)sched_yield();
            continue;
        }
        (void)nanosleep(&pause, NULL);
        if (pause.tv_nsec < 2000000) {
            pause.tv_nsec *= 2;
        }
    }
    return OMK_OK;
}

static void unlock_range(int fd, uint64_t start, uint64_t len)
{
    struct flock range = {.l_type = F_UNLCK,
                          .l_whence = SEEK_SET,
                          .l_start = (off_t)start,
                          .l_len = (off_t)len};

    (void)fcntl(fd, F_OFD_SETLK, &range); /* unlocking our own cannot fail */
}

static int lock_shard(struct counter_store *s, struct shard *shard,
                      uint64_t start, uint64_t len, struct omk_err *err)
{
    struct timespec end = deadline();
    struct timespec wall;
    int rc;

    /* timedlock, not clocklock: ThreadSanitizer knows only the former. A wall
     * clock that jumps makes a waiter give up early, no more. */
    clock_gettime(CLOCK_REALTIME, &wall);
    wall.tv_sec += LOCK_WAIT_MS / 1000;
    if (pthread_mutex_timedlock(&shard->mutex, &wall) != 0) {
        return busy(err, s);
    }
    rc = lock_range(s, shard->fd, start, len, &end, err);
    if (rc != OMK_OK) {
        pthread_mutex_unlock(&shard->mutex);
    }
    return rc;
}

int store_lock_create(struct counter_store *s, struct omk_err *err)
{
    return lock_shard(s, &s->creating, 0, 1, err);
}

int store_lock_all(struct counter_store *s, struct omk_err *err)
{
    struct timespec end = deadline();

    /* Not page 0: who is about to sync keeps byte 1 for as long as that. */
    return lock_range(s, s->creating.fd, PAGE_BYTES, 0, &end, err);
}

void store_unlock_all(struct counter_store *s)
{
    unlock_range(s->creating.fd, PAGE_BYTES, 0);
}

void store_unlock_create(struct counter_store *s)
{
    unlock_range(s->creating.fd, 0, 1);
    pthread_mutex_unlock(&s->creating.mutex);
}

static bool try_lock_byte(struct counter_store *s, off_t at)
{
    struct flock byte = {.l_type = F_WRLCK,
                         .l_whence = SEEK_SET,
                         .l_start = at,
                         .l_len = 1};

    return fcntl(s->creating.fd, F_OFD_SETLK, &byte) == 0;
}

bool store_try_lock_sync(struct counter_store *s)
{
    return try_lock_byte(s, 1);
}

void store_unlock_sync(struct counter_store *s)
{
    unlock_range(s->creating.fd, 1, 1);
}

bool store_try_lock_compact(struct counter_store *s)
{
    return try_lock_byte(s, 2);
}

void store_unlock_compact(struct counter_store *s)
{
    unlock_range(s->creating.fd, 2, 1);
}

static struct shard *shard_of(struct counter_store *s, uint64_t offset)
{
    return &s->shard[(offset / RECORD_BYTES) & (s->shards - 1)];
}

int store_lock_record(struct counter_store *s, uint64_t offset,
                      struct omk_err *err)
{
    return lock_shard(s, shard_of(s, offset), offset, RECORD_BYTES, err);
}

void store_unlock_record(struct counter_store *s, uint64_t offset)
{
    struct shard *shard = shard_of(s, offset);

    unlock_range(shard->fd, offset, RECORD_BYTES);
    pthread_mutex_unlock(&shard->mutex);
}

/* --- slots and heads ---------------------------------------------------- */

unsigned store_slot_look(const struct counter_store *s,
                         const struct header *h, uint64_t offset,
                         struct slot *out)
{
    struct slot copy[2];
    unsigned whole = 0;

    for (unsigned i = 0; i < 2; i++) {
        memcpy(&copy[i], s->map + offset + i * sizeof *out, sizeof *out);
        if (copy[i].sum == slot_sum(h, &copy[i], offset)
            && copy[i].name_len <= COUNTER_NAME_MAX) {
            whole |= 1u << i;
        }
    }
    if (whole == 3) {
        *out = (int32_t)(copy[1].writes - copy[0].writes) > 0 ? copy[1]
                                                              : copy[0];
    }
    else if (whole) {
        *out = copy[whole - 1];
    }
    return whole;
}

int store_slot_read(const struct counter_store *s, const struct header *h,
                    uint64_t offset, struct slot *out, struct omk_err *err)
{
    /* The usual case, at half the price: the first copy is whole. */
    for (unsigned tries = 0; tries < 200; tries++) {
        memcpy(out, s->map + offset, sizeof *out);
        if (out->sum == slot_sum(h, out, offset)
            && out->name_len <= COUNTER_NAME_MAX) {
            return OMK_OK;
        }
        if (store_slot_look(s, h, offset, out)) {
            return OMK_OK;
        }
        sched_yield();
    }
    return omk_fail(err, OMK_EDAMAGED, s->path,
                    "both copies of the record at byte %llu are damaged; run "
                    "omakase-counter verify",
                    (unsigned long long)offset);
}

int store_slot_write(struct counter_store *s, const struct header *h,
                     uint64_t offset, struct slot *slot, struct omk_err *err)
{
    struct slot twice[2];

    slot->writes++;
    slot->sum = slot_sum(h, slot, offset);
    twice[0] = twice[1] = *slot;
    return write_at(s, twice, sizeof twice, offset, err);
}

unsigned store_head_look(const struct counter_store *s,
                         const struct header *h, uint64_t page,
                         struct page_head *out)
{
    struct page_head copy[2];
    unsigned whole = 0;

    for (unsigned i = 0; i < 2; i++) {
        memcpy(&copy[i], s->map + page + i * sizeof *out, sizeof *out);
        if (copy[i].sum == head_sum(h, &copy[i], page)
            && copy[i].used <= PAGE_RECORDS) {
            whole |= 1u << i;
        }
    }
    if (whole == 3) {
        *out = (int32_t)(copy[1].writes - copy[0].writes) > 0 ? copy[1]
                                                              : copy[0];
    }
    else if (whole) {
        *out = copy[whole - 1];
    }
    return whole;
}

static void head_twice(const struct header *h, uint64_t page,
                       struct page_head *head, struct page_head twice[2])
{
    head->writes++;
    head->sum = head_sum(h, head, page);
    twice[0] = twice[1] = *head;
}

int store_head_write(struct counter_store *s, const struct header *h,
                     uint64_t page, struct page_head *head,
                     struct omk_err *err)
{
    struct page_head twice[2];

    head_twice(h, page, head, twice);
    return write_at(s, twice, sizeof twice, page, err);
}

/* --- finding ------------------------------------------------------------ */

int store_place(const struct header *h, const char *name, struct place *out,
                struct omk_err *err)
{
    size_t len = strlen(name);

    if (len == 0 || len > COUNTER_NAME_MAX) {
        return omk_fail(err, OMK_EINVAL, "name",
                        "a counter's name has 1 to %d bytes",
                        COUNTER_NAME_MAX);
    }
    out->name = name;
    out->name_len = (uint8_t)len;
    out->hash = XXH3_64bits_withSeed(name, len, h->salt);
    out->tag = (uint32_t)(out->hash >> 32) | 1; /* 0 is no tag */
    return OMK_OK;
}

uint64_t store_page_offset(const struct level *l, const struct place *p,
                           unsigned choice)
{
    uint64_t hash = choice == 0 ? p->hash
                                : XXH64_avalanche(p->hash ^ PAGE_RECORDS);
    uint64_t page = (hash & (l->pages - 1)) + l->first_page;

    return page * PAGE_BYTES;
}

static uint64_t record_offset(uint64_t page, unsigned i)
{
    return page + (uint64_t)(i + 1) * RECORD_BYTES;
}

static bool is_named(const struct slot *slot, const struct place *p)
{
    return slot->name_len == p->name_len
           && memcmp(slot->name, p->name, p->name_len) == 0;
}

uint64_t store_find(const struct counter_store *s, const struct header *h,
                    const struct place *p)
{
    for (uint32_t l = h->levels; l-- > 0;) {
        for (unsigned choice = 0; choice < 2; choice++) {
            uint64_t page = store_page_offset(&h->level[l], p, choice);
            const struct page_head *head =
                (const struct page_head *)(const void *)(s->map + page);

            /* All 15: a tag beyond `used` is 0 and matches nothing. */
            for (unsigned i = 0; i < PAGE_RECORDS; i++) {
                struct slot slot;

                if (head->tag[i] == p->tag
                    && store_slot_read(s, h, record_offset(page, i), &slot,
                                       NULL) == OMK_OK
                    && is_named(&slot, p)) {
                    return record_offset(page, i);
                }
            }
        }
    }
    return 0;
}

/* The head of a page that must be right, mended where one copy is not. */
static int sure_head(struct counter_store *s, const struct header *h,
                     uint64_t page, struct page_head *head,
                     struct omk_err *err)
{
    unsigned whole = store_head_look(s, h, page, head);

    if (whole == 0) {
        return omk_fail(err, OMK_EDAMAGED, s->path,
                        "the head of the page at byte %llu is damaged; run "
                        "omakase-counter verify",
                        (unsigned long long)page);
    }
    if (whole != 3) {
        atomic_fetch_add(&s->repaired, 1);
        return store_head_write(s, h, page, head, err);
    }
    return OMK_OK;
}

int store_find_surely(struct counter_store *s, const struct header *h,
                      const struct place *p, uint64_t *offset,
                      struct omk_err *err)
{
    for (uint32_t l = h->levels; l-- > 0;) {
        for (unsigned choice = 0; choice < 2; choice++) {
            uint64_t page = store_page_offset(&h->level[l], p, choice);
            struct page_head head;
            int rc = sure_head(s, h, page, &head, err);

            for (unsigned i = 0; rc == OMK_OK && i < head.used; i++) {
                struct slot slot;

                if (head.tag[i] != p->tag) {
                    continue;
                }
                rc = store_slot_read(s, h, record_offset(page, i), &slot,
                                     err);
                if (rc == OMK_OK && is_named(&slot, p)) {
                    *offset = record_offset(page, i);
                    return OMK_OK;
                }
            }
            if (rc != OMK_OK) {
                return rc;
            }
        }
    }
    *offset = 0;
    return OMK_OK;
}

/* --- growing ------------------------------------------------------------ */

/* Writes the pages of a level, empty, each with its head: not one byte of a
 * store is a hole, so that no later write can need room. */
static int write_empty_level(struct counter_store *s, const struct header *h,
                             const struct level *l, struct omk_err *err)
{
    enum { BATCH = 64 };
    uint8_t *pages = calloc(BATCH, PAGE_BYTES);
    int rc = OMK_OK;

    if (!pages) {
        return omk_fail(err, OMK_ENOMEM, s->path, "out of memory");
    }
    for (uint32_t done = 0; rc == OMK_OK && done < l->pages;) {
        uint32_t n = l->pages - done < BATCH ? l->pages - done : BATCH;
        uint64_t start = (uint64_t)(l->first_page + done) * PAGE_BYTES;

        for (uint32_t i = 0; i < n; i++) {
            struct page_head head = {0};

            head_twice(h, start + i * PAGE_BYTES, &head,
                       (struct page_head *)(void *)(pages + i * PAGE_BYTES));
        }
        rc = write_at(s, pages, (size_t)n * PAGE_BYTES, start, err);
        done += n;
    }
    free(pages);
    return rc;
}

static int add_level(struct counter_store *s, struct header *h,
                     struct omk_err *err)
{
    struct level *l = &h->level[h->levels];
    uint64_t start = h->levels ? end_of_levels(h) : PAGE_BYTES;
    uint64_t bytes;
    int rc;

    l->first_page = (uint32_t)(start / PAGE_BYTES);
    l->pages = h->levels == 0 ? LEVEL_FIRST_PAGES : l[-1].pages * 2;
    if (l->pages > LEVEL_MAX_PAGES) {
        l->pages = LEVEL_MAX_PAGES;
    }
    bytes = (uint64_t)l->pages * PAGE_BYTES;
    if (h->levels == LEVELS_MAX - 1 || start + bytes > MAP_BYTES) {
        return omk_fail(err, OMK_ENOSPC, s->path,
                        "the store has all the counters it can have");
    }
    /* All of the room at once, or nothing has happened. */
    if (fallocate(s->creating.fd, 0, (off_t)start, (off_t)bytes) != 0
        && errno != EOPNOTSUPP && errno != ENOSYS) {
        return io_error(err, s, "no room for more counters");
    }
    rc = write_empty_level(s, h, l, err);
    if (rc != OMK_OK) {
        return rc;
    }
    if (fdatasync(s->creating.fd) != 0) {
        return io_error(err, s, "fdatasync");
    }
    h->levels++;
    return store_header_write(s, h, err);
}

static bool find_room(const struct counter_store *s, const struct header *h,
                      const struct place *p, uint64_t *offset)
{
    for (uint32_t l = h->levels; l-- > 0;) {
        uint64_t page = 0;
        unsigned least = PAGE_RECORDS;

        for (unsigned choice = 0; choice < 2; choice++) {
            uint64_t this = store_page_offset(&h->level[l], p, choice);
            struct page_head head;

            if (store_head_look(s, h, this, &head) && head.used < least) {
                page = this;
                least = head.used;
            }
        }
        if (page) {
            *offset = record_offset(page, least);
            return true;
        }
    }
    return false;
}

int store_allocate(struct counter_store *s, const struct place *p,
                   uint64_t *offset, struct omk_err *err)
{
    const struct header *h;
    struct header grown;
    int rc = store_header(s, &h, err);

    if (rc != OMK_OK) {
        return rc;
    }
    if (find_room(s, h, p, offset)) {
        return OMK_OK;
    }
    grown = *h;
    rc = add_level(s, &grown, err);
    if (rc != OMK_OK) {
        return rc;
    }
    rc = store_header(s, &h, err);
    if (rc != OMK_OK) {
        return rc;
    }
    return find_room(s, h, p, offset)
               ? OMK_OK
               : omk_fail(err, OMK_EDAMAGED, s->path, "no room after growing");
}

int store_publish(struct counter_store *s, uint64_t offset, uint32_t tag,
                  struct omk_err *err)
{
    const struct header *h;
    uint64_t page = offset / PAGE_BYTES * PAGE_BYTES;
    unsigned i = (unsigned)((offset - page) / RECORD_BYTES) - 1;
    struct page_head head;
    int rc = store_header(s, &h, err);

    if (rc != OMK_OK) {
        return rc;
    }
    rc = sure_head(s, h, page, &head, err);
    if (rc != OMK_OK) {
        return rc;
    }
    head.tag[i] = tag;
    head.used = (uint16_t)(i + 1);
    return store_head_write(s, h, page, &head, err);
}

/* --- opening ------------------------------------------------------------ */

/* A new store is made whole beside its place and linked there: nobody ever
 * sees half of one, and whoever comes second uses the first one's. */
static int create_file(struct counter_store *s, struct omk_err *err)
{
    struct header h = {.magic = STORE_MAGIC, .version = STORE_VERSION};
    int attributes, rc;
    char *tmp;

    if (getrandom(&h.salt, sizeof h.salt, 0) != (ssize_t)sizeof h.salt) {
        return io_error(err, s, "getrandom");
    }
    if (asprintf(&tmp, "%s.XXXXXX", s->path) < 0) {
        return omk_fail(err, OMK_ENOMEM, s->path, "out of memory");
    }
    s->creating.fd = mkostemp(tmp, O_CLOEXEC);
    if (s->creating.fd < 0) {
        free(tmp);
        return io_error(err, s, "cannot create");
    }
    /* btrfs: written in place, so that a full disk does not stop updates. */
    if (ioctl(s->creating.fd, FS_IOC_GETFLAGS, &attributes) == 0) {
        attributes |= FS_NOCOW_FL;
        (void)ioctl(s->creating.fd, FS_IOC_SETFLAGS, &attributes);
    }
    rc = add_level(s, &h, err);
    if (rc == OMK_OK && fsync(s->creating.fd) != 0) {
        rc = io_error(err, s, "fsync");
    }
    if (rc == OMK_OK && link(tmp, s->path) != 0 && errno != EEXIST) {
        rc = io_error(err, s, "link");
    }
    unlink(tmp);
    free(tmp);
    close(s->creating.fd);
    s->creating.fd = -1;
    return rc;
}

static int open_fd(const struct counter_store *s)
{
    return open(s->path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK
                             | O_NOCTTY);
}

static int open_or_create(struct counter_store *s, struct omk_err *err)
{
    s->creating.fd = open_fd(s);
    if (s->creating.fd < 0 && errno == ENOENT && s->create) {
        int rc = create_file(s, err);

        if (rc != OMK_OK) {
            return rc;
        }
        s->creating.fd = open_fd(s);
    }
    return s->creating.fd < 0 ? io_error(err, s, "cannot open") : OMK_OK;
}

static int map_file(struct counter_store *s, struct omk_err *err)
{
    const struct header *h;
    struct stat st;
    void *map;

    if (fstat(s->creating.fd, &st) != 0) {
        return io_error(err, s, "fstat");
    }
    if (!S_ISREG(st.st_mode)) {
        return omk_fail(err, OMK_EDAMAGED, s->path, "not a regular file");
    }
    map = mmap(NULL, MAP_BYTES, PROT_READ, MAP_SHARED, s->creating.fd, 0);
    if (map == MAP_FAILED) {
        return io_error(err, s, "mmap of 4 GiB of address space");
    }
    (void)madvise(map, MAP_BYTES, MADV_DONTDUMP);
    s->map = map;
    return store_header(s, &h, err);
}

static int read_key(struct counter_store *s, const char *path,
                    struct omk_err *err)
{
    char *data;
    size_t len;
    int rc = omk_file_read(path, 64, &data, &len, err);

    if (rc != OMK_OK) {
        return rc;
    }
    if (len != sizeof s->key) {
        free(data);
        return omk_fail(err, OMK_EDAMAGED, path,
                        "has %zu bytes, not %zu; remove it to have a new one",
                        len, sizeof s->key);
    }
    memcpy(s->key, data, len);
    free(data);
    return OMK_OK;
}

static int make_key(const char *path, struct omk_err *err)
{
    uint8_t key[16];
    char *tmp;
    int rc = OMK_OK;

    if (getrandom(key, sizeof key, 0) != (ssize_t)sizeof key) {
        return omk_fail(err, OMK_EIO, path, "getrandom: %s", strerror(errno));
    }
    if (asprintf(&tmp, "%s.%ld.%llx", path, (long)getpid(),
                 (unsigned long long)XXH3_64bits(key, sizeof key)) < 0) {
        return omk_fail(err, OMK_ENOMEM, path, "out of memory");
    }
    rc = omk_file_write(tmp, key, sizeof key, 0600, err);
    if (rc == OMK_OK && link(tmp, path) != 0 && errno != EEXIST) {
        rc = omk_fail(err, OMK_EIO, path, "link: %s", strerror(errno));
    }
    unlink(tmp);
    free(tmp);
    return rc;
}

static int open_key(struct counter_store *s, struct omk_err *err)
{
    char *path;
    int rc;

    if (asprintf(&path, "%s.key", s->path) < 0) {
        return omk_fail(err, OMK_ENOMEM, s->path, "out of memory");
    }
    rc = read_key(s, path, err);
    if (rc == OMK_ENOENT) {
        rc = make_key(path, err);
        rc = rc == OMK_OK ? read_key(s, path, err) : rc;
    }
    free(path);
    return rc;
}

static int open_shards(struct counter_store *s, struct omk_err *err)
{
    struct stat mine, theirs;

    if (s->alone) {
        s->shard[0].fd = s->creating.fd;
        return OMK_OK;
    }
    for (unsigned i = 0; i < s->shards; i++) {
        /* /proc instead of the path: certainly the same file. */
        char path[40];

        (void)snprintf(path, sizeof path, "/proc/self/fd/%d",
                       s->creating.fd);
        s->shard[i].fd = open(path, O_RDWR | O_CLOEXEC);
        if (s->shard[i].fd < 0) {
            s->shard[i].fd = open_fd(s); /* no /proc */
        }
        if (s->shard[i].fd < 0 || fstat(s->shard[i].fd, &theirs) != 0
            || fstat(s->creating.fd, &mine) != 0) {
            return io_error(err, s, "cannot open again");
        }
        if (mine.st_ino != theirs.st_ino || mine.st_dev != theirs.st_dev) {
            return omk_fail(err, OMK_EBUSY, s->path, "replaced meanwhile");
        }
    }
    return OMK_OK;
}

int store_file_open(struct counter_store *s, struct omk_err *err)
{
    int rc;

    s->creating.fd = -1;
    for (unsigned i = 0; i < SHARDS_MAX; i++) {
        s->shard[i].fd = -1;
    }
    rc = open_or_create(s, err);
    rc = rc == OMK_OK ? map_file(s, err) : rc;
    rc = rc == OMK_OK ? open_shards(s, err) : rc;
    rc = rc == OMK_OK ? open_key(s, err) : rc;
    if (rc != OMK_OK) {
        store_file_close(s);
    }
    return rc;
}

void store_file_close(struct counter_store *s)
{
    if (s->map) {
        /* const away: munmap takes what mmap gave. */
        munmap((void *)(uintptr_t)s->map, MAP_BYTES);
        s->map = NULL;
    }
    for (unsigned i = 0; i < SHARDS_MAX; i++) {
        if (s->shard[i].fd >= 0 && !s->alone) {
            close(s->shard[i].fd);
        }
        s->shard[i].fd = -1;
    }
    if (s->creating.fd >= 0) {
        close(s->creating.fd);
        s->creating.fd = -1;
    }
    while (s->snapshot_count > 0) {
        free(s->snapshots[--s->snapshot_count]);
    }
    atomic_store(&s->header, NULL);
    atomic_store(&s->unlinked, false);
}

bool store_file_replaced(const struct counter_store *s)
{
    struct stat mine, path;

    if (fstat(s->creating.fd, &mine) != 0) {
        return false;
    }
    if (lstat(s->path, &path) != 0) { /* a link is not opened either */
        return errno == ENOENT;
    }
    return mine.st_ino != path.st_ino || mine.st_dev != path.st_dev;
}
