/* What is done with counters; how they lie in the file is store_file.h. */
#include "store_file.h"

#include "err.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* --- open and close ----------------------------------------------------- */

static unsigned shards_for(unsigned threads)
{
    unsigned n = 1;

    while (n < threads && n < SHARDS_MAX) {
        n *= 2;
    }
    return n;
}

int counter_store_open(const char *path, bool create, unsigned threads,
                       struct counter_store **out, struct omk_err *err)
{
    struct counter_store *s = calloc(1, sizeof *s);
    pthread_rwlockattr_t attributes;
    int rc;

    if (!s || !(s->path = strdup(path))) {
        free(s);
        return omk_fail(err, OMK_ENOMEM, path, "out of memory");
    }
    s->create = create;
    s->alone = threads == 0;
    s->shards = shards_for(threads);
    /* Readers come without a pause: one that must change the file waits no
     * longer than those that are there. */
    pthread_rwlockattr_init(&attributes);
    pthread_rwlockattr_setkind_np(
        &attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&s->reopening, &attributes);
    pthread_rwlockattr_destroy(&attributes);
    pthread_mutex_init(&s->snapshotting, NULL);
    pthread_mutex_init(&s->creating.mutex, NULL);
    for (unsigned i = 0; i < SHARDS_MAX; i++) {
        pthread_mutex_init(&s->shard[i].mutex, NULL);
    }
    rc = store_file_open(s, err);
    if (rc != OMK_OK) {
        counter_store_close(s);
        return rc;
    }
    *out = s;
    return OMK_OK;
}

void counter_store_close(struct counter_store *s)
{
    if (!s) {
        return;
    }
    if (s->creating.fd >= 0) {
        store_file_close(s);
    }
    for (unsigned i = 0; i < SHARDS_MAX; i++) {
        pthread_mutex_destroy(&s->shard[i].mutex);
    }
    pthread_mutex_destroy(&s->creating.mutex);
    pthread_mutex_destroy(&s->snapshotting);
    pthread_rwlock_destroy(&s->reopening);
    free(s->path);
    free(s);
}

const uint8_t *counter_store_key(const struct counter_store *s)
{
    return s->key;
}

unsigned counter_store_mended(struct counter_store *s)
{
    return atomic_load(&s->repaired) ? atomic_exchange(&s->repaired, 0) : 0;
}

/* --- the file under our feet -------------------------------------------- */

static bool is_superseded(const struct counter_store *s)
{
    return __atomic_load_n(
               (const uint32_t *)(const void *)(s->map
                                                + offsetof(struct header,
                                                           superseded)),
               __ATOMIC_RELAXED)
           != 0;
}

bool store_is_left(const struct counter_store *s)
{
    return (is_superseded(s) || atomic_load(&s->unlinked))
           && store_file_replaced(s);
}

/* A file that was moved away keeps a name, and nothing in it tells: looked for
 * once a second. */
static bool is_moved(struct counter_store *s)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return atomic_load(&s->looked_at) != now.tv_sec
           && atomic_exchange(&s->looked_at, now.tv_sec) != now.tv_sec
           && store_file_replaced(s);
}

/* Held for reading: is the file in use the one at path, and fit for use? */
static bool is_usable(struct counter_store *s, const struct header **h)
{
    return s->creating.fd >= 0 && store_header(s, h, NULL) == OMK_OK
           && !store_is_left(s) && !is_moved(s);
}

/* Changes over to the file at path, if that is another one. */
static int reopen(struct counter_store *s, struct omk_err *err)
{
    int rc = OMK_OK;

    pthread_rwlock_wrlock(&s->reopening);
    if (s->creating.fd < 0 || store_file_replaced(s)) {
        if (s->creating.fd >= 0) {
            store_file_close(s);
        }
        rc = store_file_open(s, err);
    }
    pthread_rwlock_unlock(&s->reopening);
    /* To those who ask for a counter, OMK_ENOENT is "no such counter" and
     * OMK_ENOSPC "no room for it": neither is known without a store. */
    if (rc == OMK_ENOENT || rc == OMK_ENOSPC) {
        rc = OMK_EIO;
        if (err) {
            err->code = rc;
        }
    }
    return rc;
}

int store_begin(struct counter_store *s, const struct header **h,
                struct omk_err *err)
{
    int rc;

    pthread_rwlock_rdlock(&s->reopening);
    if (is_usable(s, h)) {
        return OMK_OK;
    }
    pthread_rwlock_unlock(&s->reopening);
    rc = reopen(s, err);
    if (rc != OMK_OK) {
        return rc;
    }
    pthread_rwlock_rdlock(&s->reopening);
    rc = s->creating.fd < 0
             ? omk_fail(err, OMK_EBUSY, s->path, "replaced twice at once")
             : store_header(s, h, err);
    if (rc != OMK_OK) {
        pthread_rwlock_unlock(&s->reopening);
    }
    return rc;
}

void store_end(struct counter_store *s)
{
    pthread_rwlock_unlock(&s->reopening);
}

/* --- values ------------------------------------------------------------- */

static void to_value(const struct slot *slot, struct counter_value *v)
{
    v->count = slot->count;
    v->visitor = slot->visitor;
    v->time = slot->time;
    v->day = slot->day;
    v->today = slot->today;
    v->yesterday = slot->yesterday;
}

static void from_value(struct slot *slot, const struct counter_value *v)
{
    slot->count = v->count;
    slot->visitor = v->visitor;
    slot->time = (uint32_t)v->time;
    slot->day = v->day;
    slot->today = v->today;
    slot->yesterday = v->yesterday;
}

uint32_t counter_value_today(const struct counter_value *v, uint32_t day)
{
    return v->day >= day ? v->today : 0;
}

uint32_t counter_value_yesterday(const struct counter_value *v, uint32_t day)
{
    return v->day >= day       ? v->yesterday
           : v->day + 1 == day ? v->today
                               : 0;
}

/* One more on the day `day`. A clock that jumps back stays on its old day. */
static void add_one(struct counter_value *v, const struct counter_hit *hit)
{
    if (v->count < COUNTER_VALUE_MAX) {
        v->count++;
    }
    v->yesterday = counter_value_yesterday(v, hit->day);
    v->today = counter_value_today(v, hit->day);
    v->today += v->today < UINT32_MAX;
    v->day = v->day > hit->day ? v->day : hit->day;
    v->visitor = hit->visitor;
    v->time = hit->now;
}

static void new_slot(const struct place *p, struct slot *slot)
{
    memset(slot, 0, sizeof *slot);
    slot->state = SLOT_LIVE;
    slot->name_len = p->name_len;
    memcpy(slot->name, p->name, p->name_len);
}

/* Record lock held: the slot as it certainly is; a damaged copy counts as
 * mended, since every write writes both. */
static int slot_locked(struct counter_store *s, const struct header *h,
                       uint64_t offset, struct slot *slot, struct omk_err *err)
{
    unsigned whole = store_slot_look(s, h, offset, slot);

    if (whole == 0) {
        return store_slot_read(s, h, offset, slot, err);
    }
    if (whole != 3) {
        atomic_fetch_add(&s->repaired, 1);
        return store_slot_write(s, h, offset, slot, err);
    }
    return OMK_OK;
}

/* --- groups: the counters beside a customer's own ------------------------ */

/* Its count is how many there are. */
bool store_group_name(const struct place *p, char name[COUNTER_NAME_MAX + 1])
{
    const char *slash = memchr(p->name, '/', p->name_len);

    if (!slash || slash + 1 == p->name + p->name_len) {
        return false;
    }
    memcpy(name, p->name, (size_t)(slash + 1 - p->name));
    name[slash + 1 - p->name] = '\0';
    return true;
}

static bool is_group(const struct slot *slot)
{
    return slot->name_len > 0 && slot->name[slot->name_len - 1] == '/';
}

static int create_record(struct counter_store *s, const struct place *p,
                         struct slot *slot, uint64_t *offset,
                         struct omk_err *err)
{
    const struct header *h;
    int rc = store_allocate(s, p, offset, err);

    rc = rc == OMK_OK ? store_header(s, &h, err) : rc;
    rc = rc == OMK_OK ? store_slot_write(s, h, *offset, slot, err) : rc;
    return rc == OMK_OK ? store_publish(s, *offset, p->tag, err) : rc;
}

/* CREATE held, which is lock enough: only its holders write group records. The
 * record of the group called name, or a new one with *offset 0. */
static int group_read(struct counter_store *s, const struct header *h,
                      const char *name, struct place *group, struct slot *slot,
                      uint64_t *offset, struct omk_err *err)
{
    int rc = store_place(h, name, group, err);

    rc = rc == OMK_OK ? store_find_surely(s, h, group, offset, err) : rc;
    if (rc != OMK_OK) {
        return rc;
    }
    if (*offset) {
        return slot_locked(s, h, *offset, slot, err);
    }
    new_slot(group, slot);
    return OMK_OK;
}

static int group_write(struct counter_store *s, const struct header *h,
                       const struct place *group, struct slot *slot,
                       uint64_t offset, struct omk_err *err)
{
    return offset ? store_slot_write(s, h, offset, slot, err)
                  : create_record(s, group, slot, &offset, err);
}

/* CREATE held. Adds one to p's group, or takes one off it (by -1). */
static int group_add(struct counter_store *s, const struct header *h,
                     const struct place *p, int by, uint32_t max,
                     struct omk_err *err)
{
    char name[COUNTER_NAME_MAX + 1];
    struct place group;
    struct slot slot;
    uint64_t offset;
    int rc;

    if (!store_group_name(p, name)) {
        return OMK_OK;
    }
    rc = group_read(s, h, name, &group, &slot, &offset, err);
    if (rc != OMK_OK) {
        return rc;
    }
    if (by > 0 && slot.count >= max) {
        return omk_fail(err, OMK_ERANGE, "df",
                        "no more counters for this customer");
    }
    slot.count = by > 0          ? slot.count + 1
                 : slot.count > 0 ? slot.count - 1
                                  : 0;
    return group_write(s, h, &group, &slot, offset, err);
}

int store_group_set(struct counter_store *s, const struct header *h,
                    const char *name, uint64_t count, struct omk_err *err)
{
    struct place group;
    struct slot slot;
    uint64_t offset;
    int rc = group_read(s, h, name, &group, &slot, &offset, err);

    slot.count = count;
    return rc == OMK_OK ? group_write(s, h, &group, &slot, offset, err) : rc;
}

/* --- hit ---------------------------------------------------------------- */

/* What one try came to. */
enum outcome { DONE, ABSENT, AGAIN, FAILED };

static enum outcome failed(int *rc, int code)
{
    *rc = code;
    return FAILED;
}

static bool counts(const struct slot *slot, const struct counter_hit *hit)
{
    return slot->visitor != hit->visitor || (hit->flags & COUNTER_HIT_RELOADS);
}

/* The record's lock held. */
static enum outcome count_locked(struct counter_store *s,
                                 const struct header *h, uint64_t offset,
                                 struct counter_hit *hit, int *rc,
                                 struct omk_err *err)
{
    struct counter_value v;
    struct slot slot;
    int code;

    if (store_is_left(s)) {
        return AGAIN;
    }
    code = slot_locked(s, h, offset, &slot, err);
    if (code != OMK_OK) {
        return failed(rc, code);
    }
    if (slot.state != SLOT_LIVE) {
        return ABSENT;
    }
    to_value(&slot, &hit->value);
    if (!counts(&slot, hit)) {
        return DONE;
    }
    v = hit->value;
    add_one(&v, hit);
    from_value(&slot, &v);
    code = store_slot_write(s, h, offset, &slot, err);
    if (code != OMK_OK) {
        return failed(rc, code); /* hit->value is the last value */
    }
    hit->value = v;
    hit->counted = true;
    return DONE;
}

static enum outcome count_record(struct counter_store *s,
                                 const struct header *h, uint64_t offset,
                                 struct counter_hit *hit, int *rc,
                                 struct omk_err *err)
{
    enum outcome outcome;
    struct slot slot;
    int code;

    /* Before the lock: brings the page in, and a reload needs no lock. */
    code = store_slot_read(s, h, offset, &slot, err);
    if (code == OMK_OK) {
        to_value(&slot, &hit->value);
        if (slot.state == SLOT_LIVE && !counts(&slot, hit)) {
            return DONE;
        }
    }
    code = store_lock_record(s, offset, err);
    if (code != OMK_OK) {
        return failed(rc, code);
    }
    outcome = count_locked(s, h, offset, hit, rc, err);
    store_unlock_record(s, offset);
    return outcome;
}

/* CREATE held: the counter starts at its first value. offset is that of its
 * removed record, or 0. */
static int start_counter(struct counter_store *s, const struct header *h,
                         const struct place *p, uint64_t offset,
                         struct counter_hit *hit, struct omk_err *err)
{
    struct counter_value v = {.count = hit->st ? hit->st - 1 : 0};
    struct slot slot;
    int rc = group_add(s, h, p, 1, hit->group_max, err);

    if (rc != OMK_OK) {
        return rc;
    }
    add_one(&v, hit);
    v.count = hit->st;
    if (offset == 0) {
        new_slot(p, &slot);
        from_value(&slot, &v);
        rc = create_record(s, p, &slot, &offset, err);
    }
    else {
        rc = store_lock_record(s, offset, err);
        if (rc == OMK_OK) {
            rc = slot_locked(s, h, offset, &slot, err);
            slot.state = SLOT_LIVE;
            from_value(&slot, &v);
            rc = rc == OMK_OK ? store_slot_write(s, h, offset, &slot, err)
                              : rc;
            store_unlock_record(s, offset);
        }
    }
    if (rc != OMK_OK) {
        (void)group_add(s, h, p, -1, 0, NULL); /* the place is not taken */
        return rc;
    }
    hit->value = v;
    hit->counted = hit->created = true;
    return OMK_OK;
}

static enum outcome create_locked(struct counter_store *s,
                                  const struct place *p,
                                  struct counter_hit *hit, int *rc,
                                  struct omk_err *err)
{
    const struct header *h;
    struct slot slot;
    uint64_t offset;

    if (store_is_left(s)) {
        return AGAIN;
    }
    *rc = store_header(s, &h, err);
    *rc = *rc == OMK_OK ? store_find_surely(s, h, p, &offset, err) : *rc;
    if (*rc == OMK_OK && offset) {
        *rc = store_slot_read(s, h, offset, &slot, err);
        if (*rc == OMK_OK && slot.state == SLOT_LIVE) {
            return AGAIN; /* somebody was faster */
        }
    }
    *rc = *rc == OMK_OK ? start_counter(s, h, p, offset, hit, err) : *rc;
    return *rc == OMK_OK ? DONE : FAILED;
}

static enum outcome hit_once(struct counter_store *s, struct counter_hit *hit,
                             int *rc, struct omk_err *err)
{
    const struct header *h;
    enum outcome outcome = ABSENT;
    struct place p;
    uint64_t offset;

    *rc = store_begin(s, &h, err);
    if (*rc != OMK_OK) {
        return FAILED;
    }
    *rc = store_place(h, hit->name, &p, err);
    if (*rc != OMK_OK) {
        store_end(s);
        return FAILED;
    }
    offset = store_find(s, h, &p);
    if (offset) {
        outcome = count_record(s, h, offset, hit, rc, err);
    }
    if (outcome == ABSENT) {
        *rc = store_lock_create(s, err);
        if (*rc != OMK_OK) {
            outcome = FAILED;
        }
        else {
            outcome = create_locked(s, &p, hit, rc, err);
            store_unlock_create(s);
        }
    }
    store_end(s);
    return outcome;
}

/* A name that ends in a slash is a group's. */
static int check_name(const char *name, struct omk_err *err)
{
    size_t len = strlen(name);

    if (len == 0 || len > COUNTER_NAME_MAX || name[len - 1] == '/') {
        return omk_fail(err, OMK_EINVAL, "name",
                        "a counter's name has 1 to %d bytes and no slash at "
                        "its end",
                        COUNTER_NAME_MAX);
    }
    return OMK_OK;
}

int counter_store_hit(struct counter_store *s, struct counter_hit *hit,
                      struct omk_err *err)
{
    int rc = check_name(hit->name, err);

    memset(&hit->value, 0, sizeof hit->value);
    hit->counted = hit->created = false;
    if (rc != OMK_OK) {
        return rc;
    }
    for (int tries = 0; tries < 100; tries++) {
        switch (hit_once(s, hit, &rc, err)) {
        case DONE:
            return OMK_OK;
        case FAILED:
            return rc;
        case ABSENT:
        case AGAIN:
            break;
        }
    }
    return omk_fail(err, OMK_EBUSY, hit->name, "it comes and goes");
}

/* --- get, set, remove --------------------------------------------------- */

static int get_once(struct counter_store *s, const struct header *h,
                    const char *name, struct slot *slot, struct omk_err *err)
{
    struct place p;
    uint64_t offset;
    int rc = store_place(h, name, &p, err);

    if (rc != OMK_OK) {
        return rc;
    }
    offset = store_find(s, h, &p);
    if (!offset) {
        /* Absent, or unreadable? That needs a look at the heads. */
        rc = store_lock_create(s, err);
        if (rc != OMK_OK) {
            return rc;
        }
        rc = store_header(s, &h, err);
        rc = rc == OMK_OK ? store_find_surely(s, h, &p, &offset, err) : rc;
        store_unlock_create(s);
        if (rc != OMK_OK) {
            return rc;
        }
    }
    rc = offset ? store_slot_read(s, h, offset, slot, err) : OMK_OK;
    if (rc == OMK_OK && (!offset || slot->state != SLOT_LIVE)) {
        rc = omk_fail(err, OMK_ENOENT, name, "no such counter");
    }
    return rc;
}

int counter_store_get(struct counter_store *s, const char *name,
                      struct counter_value *out, struct omk_err *err)
{
    const struct header *h;
    struct slot slot;
    int rc = check_name(name, err);

    rc = rc == OMK_OK ? store_begin(s, &h, err) : rc;
    if (rc != OMK_OK) {
        return rc;
    }
    rc = get_once(s, h, name, &slot, err);
    store_end(s);
    if (rc == OMK_OK) {
        to_value(&slot, out);
    }
    return rc;
}

/* CREATE held, the store not superseded. value NULL: removes. */
static int put_locked(struct counter_store *s, const char *name,
                      const struct counter_value *value, struct omk_err *err)
{
    const struct header *h;
    struct place p;
    struct slot slot;
    uint64_t offset;
    bool was_live;
    int rc = store_header(s, &h, err);

    rc = rc == OMK_OK ? store_place(h, name, &p, err) : rc;
    rc = rc == OMK_OK ? store_find_surely(s, h, &p, &offset, err) : rc;
    if (rc != OMK_OK) {
        return rc;
    }
    if (offset == 0) {
        if (!value) {
            return omk_fail(err, OMK_ENOENT, name, "no such counter");
        }
        rc = group_add(s, h, &p, 1, UINT32_MAX, err);
        new_slot(&p, &slot);
        from_value(&slot, value);
        return rc == OMK_OK ? create_record(s, &p, &slot, &offset, err) : rc;
    }
    rc = store_lock_record(s, offset, err);
    if (rc != OMK_OK) {
        return rc;
    }
    rc = slot_locked(s, h, offset, &slot, err);
    was_live = rc == OMK_OK && slot.state == SLOT_LIVE;
    if (rc == OMK_OK && !value && !was_live) {
        rc = omk_fail(err, OMK_ENOENT, name, "no such counter");
    }
    if (rc == OMK_OK) {
        slot.state = value ? SLOT_LIVE : SLOT_REMOVED;
        from_value(&slot, value ? value : &(struct counter_value){0});
        rc = store_slot_write(s, h, offset, &slot, err);
    }
    store_unlock_record(s, offset);
    if (rc == OMK_OK && was_live != (value != NULL)) {
        rc = group_add(s, h, &p, value ? 1 : -1, UINT32_MAX, err);
    }
    return rc;
}

static int put(struct counter_store *s, const char *name,
               const struct counter_value *value, struct omk_err *err)
{
    const struct header *h;
    int rc = check_name(name, err);

    for (int tries = 0; rc == OMK_OK && tries < 100; tries++) {
        bool again;

        rc = store_begin(s, &h, err);
        if (rc != OMK_OK) {
            return rc;
        }
        rc = store_lock_create(s, err);
        if (rc != OMK_OK) {
            store_end(s);
            return rc;
        }
        again = store_is_left(s);
        if (!again) {
            rc = put_locked(s, name, value, err);
        }
        store_unlock_create(s);
        store_end(s);
        if (!again) {
            return rc;
        }
    }
    return rc != OMK_OK ? rc
                        : omk_fail(err, OMK_EBUSY, name,
                                   "the store is replaced all the time");
}

int counter_store_set(struct counter_store *s, const char *name,
                      const struct counter_value *value, struct omk_err *err)
{
    if (value->count > COUNTER_VALUE_MAX) {
        return omk_fail(err, OMK_ERANGE, name, "at most %llu",
                        (unsigned long long)COUNTER_VALUE_MAX);
    }
    return put(s, name, value, err);
}

int counter_store_remove(struct counter_store *s, const char *name,
                         struct omk_err *err)
{
    return put(s, name, NULL, err);
}

int counter_store_sync(struct counter_store *s, struct omk_err *err)
{
    const struct header *h;
    int rc = store_begin(s, &h, err);

    if (rc != OMK_OK) {
        return rc;
    }
    rc = store_header_mend(s, err);
    if (fdatasync(s->creating.fd) != 0) {
        rc = omk_fail(err, errno == ENOSPC ? OMK_ENOSPC : OMK_EIO, s->path,
                      "fdatasync: %s", strerror(errno));
    }
    store_end(s);
    return rc;
}

bool counter_store_sync_is_mine(struct counter_store *s)
{
    return store_try_lock_sync(s);
}

int counter_store_sync_due(struct counter_store *s, struct omk_err *err)
{
    /* Given up first: who counts from here on finds it free and syncs again;
     * who counted before is in what is written now. */
    store_unlock_sync(s);
    return counter_store_sync(s, err);
}

/* --- all of them -------------------------------------------------------- */

int store_each_slot(struct counter_store *s, const struct header *h,
                    int (*fn)(void *ctx, const struct slot *slot), void *ctx,
                    struct omk_err *err)
{
    for (uint32_t l = 0; l < h->levels; l++) {
        for (uint32_t i = 0; i < h->level[l].pages; i++) {
            uint64_t page = (uint64_t)(h->level[l].first_page + i)
                            * PAGE_BYTES;
            struct page_head head;

            if (!store_head_look(s, h, page, &head)) {
                return omk_fail(err, OMK_EDAMAGED, s->path,
                                "the head of the page at byte %llu is "
                                "damaged; run omakase-counter verify",
                                (unsigned long long)page);
            }
            for (unsigned n = 0; n < head.used; n++) {
                struct slot slot;
                int rc = store_slot_read(s, h, page + (n + 1) * RECORD_BYTES,
                                         &slot, err);

                if (rc == OMK_OK && slot.state == SLOT_LIVE
                    && !is_group(&slot)) {
                    rc = fn(ctx, &slot);
                }
                if (rc != 0) {
                    return rc;
                }
            }
        }
    }
    return OMK_OK;
}

struct each {
    int (*fn)(void *, const char *, const struct counter_value *);
    void *ctx;
};

static int each_value(void *ctx, const struct slot *slot)
{
    const struct each *each = ctx;
    struct counter_value v;
    char name[COUNTER_NAME_MAX + 1];

    memcpy(name, slot->name, slot->name_len);
    name[slot->name_len] = '\0';
    to_value(slot, &v);
    return each->fn(each->ctx, name, &v);
}

int counter_store_each(struct counter_store *s,
                       int (*fn)(void *ctx, const char *name,
                                 const struct counter_value *value),
                       void *ctx, struct omk_err *err)
{
    struct each each = {fn, ctx};
    const struct header *h;
    int rc = store_begin(s, &h, err);

    if (rc != OMK_OK) {
        return rc;
    }
    rc = store_each_slot(s, h, each_value, &each, err);
    store_end(s);
    return rc;
}

/* --- compact ------------------------------------------------------------ */

/* First everything is copied while hits go on, which takes as long as it
 * takes; then, with everything locked, what has changed meanwhile. */
struct copying {
    struct counter_store *from, *to;
    const struct header *h; /* from's */
    struct omk_err *err;
};

/* The slot called name in s, which nobody writes now. */
static bool look_up(const struct counter_store *s, const struct header *h,
                    const char *name, struct slot *slot)
{
    struct place p;
    uint64_t offset = store_place(h, name, &p, NULL) == OMK_OK
                          ? store_find(s, h, &p)
                          : 0;

    return offset && store_slot_read(s, h, offset, slot, NULL) == OMK_OK
           && slot->state == SLOT_LIVE;
}

static void slot_name(const struct slot *slot, char name[COUNTER_NAME_MAX + 1])
{
    memcpy(name, slot->name, slot->name_len);
    name[slot->name_len] = '\0';
}

static bool is_same_value(const struct slot *a, const struct slot *b)
{
    return a->count == b->count && a->visitor == b->visitor
           && a->time == b->time && a->day == b->day && a->today == b->today
           && a->yesterday == b->yesterday;
}

/* Each of the old ones: into the new store, where it is not so there yet. */
static int copy_slot(void *ctx, const struct slot *slot)
{
    const struct copying *c = ctx;
    char name[COUNTER_NAME_MAX + 1];
    struct counter_value value;
    const struct header *h;
    struct slot there;
    int rc = store_header(c->to, &h, c->err);

    if (rc != OMK_OK) {
        return rc;
    }
    slot_name(slot, name);
    if (look_up(c->to, h, name, &there) && is_same_value(&there, slot)) {
        return OMK_OK;
    }
    to_value(slot, &value);
    return counter_store_set(c->to, name, &value, c->err);
}

/* Each of the new ones: away, if the old one has gone meanwhile. */
static int drop_slot(void *ctx, const struct slot *slot)
{
    const struct copying *c = ctx;
    char name[COUNTER_NAME_MAX + 1];
    struct slot there;

    slot_name(slot, name);
    return look_up(c->from, c->h, name, &there)
               ? OMK_OK
               : counter_store_remove(c->to, name, c->err);
}

static int copy_all(struct copying *c)
{
    int rc = store_header(c->from, &c->h, c->err);

    return rc == OMK_OK
               ? store_each_slot(c->from, c->h, copy_slot, c, c->err)
               : rc;
}

/* Everything locked. */
static int catch_up(struct copying *c)
{
    const struct header *h;
    int rc = copy_all(c);

    rc = rc == OMK_OK ? store_header(c->to, &h, c->err) : rc;
    rc = rc == OMK_OK ? store_each_slot(c->to, h, drop_slot, c, c->err) : rc;
    return rc == OMK_OK ? counter_store_sync(c->to, c->err) : rc;
}

/* The new file is whose the old one is: httpd's, though root compacts. */
static int keep_owner(const struct counter_store *s,
                      const struct counter_store *fresh, struct omk_err *err)
{
    struct stat old, new;

    if (fstat(s->creating.fd, &old) != 0
        || fstat(fresh->creating.fd, &new) != 0
        || ((old.st_uid != new.st_uid || old.st_gid != new.st_gid)
            && fchown(fresh->creating.fd, old.st_uid, old.st_gid) != 0)
        || fchmod(fresh->creating.fd, old.st_mode & 07777) != 0) {
        return omk_fail(err, OMK_EDENIED, s->path,
                        "cannot give the compacted store its owner: %s; run "
                        "this as root or as the owner",
                        strerror(errno));
    }
    return OMK_OK;
}

/* Everything locked and copied. Marked first: who sees the mark looks whether
 * path is still this file, so a death between the two does no harm. */
static int take_its_place(struct counter_store *s, const struct header *h,
                          const char *tmp, struct omk_err *err)
{
    struct header changed = *h;
    int rc;

    changed.superseded = 1;
    rc = store_header_write(s, &changed, err);
    if (rc == OMK_OK && rename(tmp, s->path) != 0) {
        rc = omk_fail(err, OMK_EIO, s->path, "rename: %s", strerror(errno));
    }
    return rc;
}

static int compact_into(struct counter_store *s, const char *tmp,
                        struct omk_err *err)
{
    struct copying c = {.from = s, .err = err};
    int rc = counter_store_open(tmp, true, 1, &c.to, err);

    if (rc != OMK_OK) {
        return rc;
    }
    rc = keep_owner(s, c.to, err);
    rc = rc == OMK_OK ? copy_all(&c) : rc;
    rc = rc == OMK_OK ? counter_store_sync(c.to, err) : rc;
    rc = rc == OMK_OK ? store_lock_create(s, err) : rc;
    if (rc == OMK_OK) {
        rc = store_is_left(s) ? omk_fail(err, OMK_EBUSY, s->path,
                                         "replaced while it was copied")
                              : store_lock_all(s, err);
        if (rc == OMK_OK) {
            rc = catch_up(&c);
            rc = rc == OMK_OK ? take_its_place(s, c.h, tmp, err) : rc;
            store_unlock_all(s);
        }
        store_unlock_create(s);
    }
    counter_store_close(c.to);
    return rc;
}

static int compact_alone(struct counter_store *s, const char *tmp,
                         const char *key, struct omk_err *err)
{
    int rc;

    if (!store_try_lock_compact(s)) {
        return omk_fail(err, OMK_EBUSY, s->path,
                        "is being compacted by another process");
    }
    if (store_file_replaced(s)) {
        /* tmp may be another one's, who holds the lock of the new file */
        rc = omk_fail(err, OMK_EBUSY, s->path,
                      "just compacted by another process");
    }
    else {
        unlink(tmp); /* of one that was killed */
        rc = compact_into(s, tmp, err);
        unlink(tmp);
        unlink(key);
    }
    store_unlock_compact(s);
    return rc;
}

int counter_store_compact(struct counter_store *s, struct omk_err *err)
{
    const struct header *h;
    char *tmp, *key;
    int rc;

    if (asprintf(&tmp, "%s.compact", s->path) < 0) {
        return omk_fail(err, OMK_ENOMEM, s->path, "out of memory");
    }
    if (asprintf(&key, "%s.key", tmp) < 0) {
        free(tmp);
        return omk_fail(err, OMK_ENOMEM, s->path, "out of memory");
    }
    rc = store_begin(s, &h, err);
    if (rc == OMK_OK) {
        rc = compact_alone(s, tmp, key, err);
        store_end(s);
    }
    free(key);
    free(tmp);
    return rc;
}
