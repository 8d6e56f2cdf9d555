/* Looks at every copy of everything, and mends what a twin can mend. */
#include "store_file.h"

#include "err.h"

#include <search.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct check {
    struct counter_store *s;
    const struct header *h;
    bool repair;
    void (*fn)(void *ctx, const char *line);
    void *ctx;
    struct counter_store_report *report;
    bool bad; /* something is wrong and stays so */
    void *groups; /* struct group, a tree of tsearch(3)'s */
    int group_rc;
    struct omk_err *err;
};

static void say(const struct check *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void say(const struct check *c, const char *format, ...)
{
    char line[256];
    va_list ap;

    if (!c->fn) {
        return;
    }
    va_start(ap, format);
    (void)vsnprintf(line, sizeof line, format, ap);
    va_end(ap);
    c->fn(c->ctx, line);
}

/* One copy is whole, or the store could not have been begun. */
static int check_header(struct check *c)
{
    if (store_header_look(c->s) == 3) {
        return OMK_OK;
    }
    say(c, "one copy of the header damaged");
    if (!c->repair) {
        c->bad = true;
        return OMK_OK;
    }
    c->report->pages_repaired++;
    return store_header_mend_locked(c->s, c->err);
}

/* A place that never held a record is all zero. */
static bool is_untouched(const struct check *c, uint64_t offset)
{
    static const uint8_t zero[RECORD_BYTES];

    return memcmp(c->s->map + offset, zero, sizeof zero) == 0;
}

/* CREATE held. The tags again, from the records that can be read; those that
 * cannot keep their place without a tag, for check_slot to find. */
static void rebuild_head(const struct check *c, uint64_t page,
                         struct page_head *head)
{
    memset(head, 0, sizeof *head);
    for (unsigned i = 0; i < PAGE_RECORDS; i++) {
        uint64_t offset = page + (i + 1) * RECORD_BYTES;
        char name[COUNTER_NAME_MAX + 1];
        struct place p;
        struct slot slot;

        if (!store_slot_look(c->s, c->h, offset, &slot)) {
            if (!is_untouched(c, offset)) {
                head->used = (uint16_t)(i + 1);
            }
            continue;
        }
        memcpy(name, slot.name, slot.name_len);
        name[slot.name_len] = '\0';
        if (store_place(c->h, name, &p, NULL) == OMK_OK) {
            head->tag[i] = p.tag;
            head->used = (uint16_t)(i + 1);
        }
    }
}

static int check_head(struct check *c, uint64_t page, struct page_head *head)
{
    unsigned whole = store_head_look(c->s, c->h, page, head);

    if (whole == 3) {
        return OMK_OK;
    }
    say(c, "page at byte %llu: %s of its head damaged",
        (unsigned long long)page, whole ? "one copy" : "both copies");
    if (!whole) {
        rebuild_head(c, page, head);
        c->report->pages_rebuilt++;
    }
    if (!c->repair) {
        c->bad = true;
        return OMK_OK;
    }
    c->report->pages_repaired++;
    return store_head_write(c->s, c->h, page, head, c->err);
}

/* --- groups -------------------------------------------------------------- */

struct group {
    char name[COUNTER_NAME_MAX + 1]; /* with its slash */
    uint64_t says;                   /* its record */
    uint64_t members;                /* that are there */
};

static int compare_groups(const void *a, const void *b)
{
    const struct group *one = a, *other = b;

    return strcmp(one->name, other->name);
}

static struct group *group_called(struct check *c, const char *name)
{
    struct group *group = calloc(1, sizeof *group);
    void *node;

    if (!group) {
        return NULL;
    }
    (void)strcpy(group->name, name);
    node = tsearch(group, &c->groups, compare_groups);
    if (!node || *(struct group **)node != group) {
        free(group);
    }
    return node ? *(struct group **)node : NULL;
}

/* A live record: a group's own, or of one of its members. CREATE is held, so
 * none comes or goes meanwhile. */
static int note_group(struct check *c, const struct slot *slot)
{
    char name[COUNTER_NAME_MAX + 1], of[COUNTER_NAME_MAX + 1];
    struct group *group;
    struct place p;
    bool is_member;

    memcpy(name, slot->name, slot->name_len);
    name[slot->name_len] = '\0';
    if (store_place(c->h, name, &p, NULL) != OMK_OK) {
        return OMK_OK;
    }
    is_member = store_group_name(&p, of);
    if (!is_member && name[p.name_len - 1] != '/') {
        return OMK_OK;
    }
    group = group_called(c, is_member ? of : name);
    if (!group) {
        return omk_fail(c->err, OMK_ENOMEM, c->s->path, "out of memory");
    }
    if (is_member) {
        group->members++;
    }
    else {
        group->says = slot->count;
    }
    return OMK_OK;
}

static void check_group(const void *node, VISIT visit, void *ctx)
{
    const struct group *group = *(struct group *const *)node;
    struct check *c = ctx;

    if ((visit != postorder && visit != leaf) || c->group_rc != OMK_OK
        || group->says == group->members) {
        return;
    }
    say(c, "%s: counted as %llu counters, has %llu", group->name,
        (unsigned long long)group->says, (unsigned long long)group->members);
    if (!c->repair) {
        c->bad = true;
        return;
    }
    c->group_rc = store_group_set(c->s, c->h, group->name, group->members,
                                  c->err);
    c->report->recounted += c->group_rc == OMK_OK;
}

/* All records have been looked at. */
static int check_groups(struct check *c)
{
    twalk_r(c->groups, check_group, c);
    return c->group_rc;
}

/* --- records ------------------------------------------------------------- */

/* Its lock held where repairing. */
static int check_slot_now(struct check *c, uint64_t offset)
{
    struct slot slot;
    unsigned whole = store_slot_look(c->s, c->h, offset, &slot);
    int rc = OMK_OK;

    /* Unlocked, a damaged copy may be one that is being written. */
    for (int tries = 0; whole != 3 && !c->repair && tries < 50; tries++) {
        whole = store_slot_look(c->s, c->h, offset, &slot);
    }
    if (whole && slot.state == SLOT_LIVE) {
        c->report->counters += slot.name_len > 0
                               && slot.name[slot.name_len - 1] != '/';
        rc = note_group(c, &slot);
    }
    else if (whole) {
        c->report->removed++;
    }
    if (whole == 3 || rc != OMK_OK) {
        return rc;
    }
    if (whole) {
        say(c, "%.*s: one copy of its record damaged", slot.name_len,
            slot.name);
    }
    else {
        say(c, "record at byte %llu: both copies damaged, a counter is lost",
            (unsigned long long)offset);
        c->report->lost++;
        memset(&slot, 0, sizeof slot);
        slot.state = SLOT_REMOVED;
    }
    if (!c->repair) {
        c->bad = true;
        return OMK_OK;
    }
    c->report->repaired += whole != 0;
    return store_slot_write(c->s, c->h, offset, &slot, c->err);
}

static int check_slot(struct check *c, uint64_t offset)
{
    int rc;

    if (!c->repair) {
        return check_slot_now(c, offset);
    }
    rc = store_lock_record(c->s, offset, c->err);
    if (rc == OMK_OK) {
        rc = check_slot_now(c, offset);
        store_unlock_record(c->s, offset);
    }
    return rc;
}

static int check_page(struct check *c, uint64_t page)
{
    struct page_head head;
    int rc = check_head(c, page, &head);

    for (unsigned i = 0; rc == OMK_OK && i < head.used; i++) {
        rc = check_slot(c, page + (i + 1) * RECORD_BYTES);
    }
    return rc;
}

int counter_store_verify(struct counter_store *s, bool repair,
                         void (*fn)(void *ctx, const char *line), void *ctx,
                         struct counter_store_report *report,
                         struct omk_err *err)
{
    struct check c = {.s = s,
                      .repair = repair,
                      .fn = fn,
                      .ctx = ctx,
                      .report = report,
                      .err = err};
    struct stat st;
    int rc;

    memset(report, 0, sizeof *report);
    rc = store_begin(s, &c.h, err);
    if (rc != OMK_OK) {
        return rc;
    }
    rc = store_lock_create(s, err);
    if (rc != OMK_OK) {
        store_end(s);
        return rc;
    }
    rc = store_header(s, &c.h, err);
    rc = rc == OMK_OK ? check_header(&c) : rc;
    for (uint32_t l = 0; rc == OMK_OK && l < c.h->levels; l++) {
        report->capacity += (uint64_t)c.h->level[l].pages * PAGE_RECORDS;
        for (uint32_t i = 0; rc == OMK_OK && i < c.h->level[l].pages; i++) {
            rc = check_page(&c, (uint64_t)(c.h->level[l].first_page + i)
                                    * PAGE_BYTES);
        }
    }
    rc = rc == OMK_OK ? check_groups(&c) : rc;
    tdestroy(c.groups, free);
    if (fstat(s->creating.fd, &st) == 0) {
        report->bytes = (uint64_t)st.st_size;
    }
    store_unlock_create(s);
    store_end(s);
    if (rc == OMK_OK && c.bad) {
        rc = omk_fail(err, OMK_EDAMAGED, s->path,
                      "damaged; `verify --repair` mends what can be mended");
    }
    return rc;
}
