/* A store whose file was damaged: the input is a script of what happens to the
 * bytes of a small, sound store. Whatever it is, opening, hitting, reading,
 * verifying, repairing and compacting end, and soon.
 *
 * As long as the script does not forge checksums, more holds: a counter has its
 * very value or is said to be damaged, is never anew at st, and is missing
 * after a repair only if the repair has said that something is lost.
 *
 * A step is four bytes: what, where (two, high first), value. See damage(). */
#include "store_file.h"

#include "err.h"
#include "fuzz.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define DAY 20000u
#define SIZE_MAX_BYTES ((size_t)1 << 20)
#define COUNTERS 24

static char dir[64], path[96];
static uint8_t image[SIZE_MAX_BYTES];
static struct {
    uint8_t bytes[SIZE_MAX_BYTES];
    size_t size;
    uint64_t records[COUNTERS * 2]; /* their offsets */
    size_t record_count;
    struct header header;
} sound;

static struct known {
    char name[COUNTER_NAME_MAX + 1];
    struct counter_value value;
    bool there;
} known[COUNTERS];

/* The store's salt and key, the same in every run: a finding stays one. */
ssize_t getrandom(void *buffer, size_t len, unsigned flags);
ssize_t getrandom(void *buffer, size_t len, unsigned flags)
{
    (void)flags;
    memset(buffer, 0x5a, len);
    return (ssize_t)len;
}

/* --- the sound store ----------------------------------------------------- */

static void clear_directory(void)
{
    DIR *d = opendir(dir);
    struct dirent *e;

    while (d && (e = readdir(d))) {
        char file[400];

        (void)snprintf(file, sizeof file, "%s/%s", dir, e->d_name);
        if (e->d_name[0] != '.') {
            (void)unlink(file);
        }
    }
    if (d) {
        (void)closedir(d);
    }
}

static void remove_directory(void)
{
    clear_directory();
    (void)rmdir(dir);
}

static void name_of(unsigned i, char name[COUNTER_NAME_MAX + 1])
{
    (void)snprintf(name, COUNTER_NAME_MAX + 1,
                   i % 4 == 3 ? "customer%u/page" : "customer%u", i / 4 * 4);
    if (i % 4 == 1 || i % 4 == 2) {
        (void)snprintf(name, COUNTER_NAME_MAX + 1, "www%u.example.co.jp", i);
    }
}

static void make_counters(void)
{
    struct counter_store *s;
    struct omk_err err;

    MUST(counter_store_open(path, true, 1, &s, &err) == OMK_OK);
    for (unsigned i = 0; i < COUNTERS; i++) {
        struct known *k = &known[i];

        name_of(i, k->name);
        k->value = (struct counter_value){.count = 1000 + i,
                                          .visitor = 1,
                                          .time = 1700000000,
                                          .day = DAY,
                                          .today = i,
                                          .yesterday = 1};
        k->there = i % 8 != 6; /* the others have been removed */
        MUST(counter_store_set(s, k->name, &k->value, &err) == OMK_OK);
        MUST(k->there || counter_store_remove(s, k->name, &err) == OMK_OK);
    }
    counter_store_close(s);
}

static void find_records(void)
{
    const struct level *l = &sound.header.level[0];

    for (uint32_t p = 0; p < l->pages; p++) {
        uint64_t page = (uint64_t)(l->first_page + p) * PAGE_BYTES;
        struct page_head head;

        memcpy(&head, sound.bytes + page, sizeof head);
        for (unsigned i = 0; i < head.used; i++) {
            MUST(sound.record_count < COUNTERS * 2);
            sound.records[sound.record_count++] =
                page + (i + 1) * RECORD_BYTES;
        }
    }
}

static void make_sound(void)
{
    int fd;
    ssize_t n;

    (void)snprintf(dir, sizeof dir, "%s/omakase-fuzz-store-XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    MUST(mkdtemp(dir));
    MUST(atexit(remove_directory) == 0);
    (void)snprintf(path, sizeof path, "%s/counters", dir);
    make_counters();
    fd = open(path, O_RDONLY | O_CLOEXEC);
    MUST(fd >= 0);
    n = read(fd, sound.bytes, sizeof sound.bytes);
    MUST(n > (ssize_t)PAGE_BYTES && n < (ssize_t)sizeof sound.bytes);
    sound.size = (size_t)n;
    (void)close(fd);
    memcpy(&sound.header, sound.bytes, sizeof sound.header);
    MUST(sound.header.levels == 1);
    find_records();
}

/* --- damage -------------------------------------------------------------- */

struct script {
    size_t size;   /* of the file */
    bool forged;   /* checksums were made to fit */
};

static uint64_t salt(void)
{
    struct header h;

    memcpy(&h, image, sizeof h);
    return h.salt;
}

static void forge_header(void)
{
    for (unsigned i = 0; i < 2; i++) {
        struct header h;

        memcpy(&h, image + i * (PAGE_BYTES / 2), sizeof h);
        h.sum = XXH3_64bits(&h, offsetof(struct header, sum));
        memcpy(image + i * (PAGE_BYTES / 2), &h, sizeof h);
    }
}

/* A slot or a page's head: 128 bytes whose first eight are the sum. */
static void forge_pair(uint64_t offset)
{
    for (unsigned i = 0; i < 2; i++) {
        uint8_t *copy = image + offset + i * (RECORD_BYTES / 2);
        uint64_t sum = XXH3_64bits_withSeed(copy + sizeof sum,
                                            RECORD_BYTES / 2 - sizeof sum,
                                            salt() + offset);

        memcpy(copy, &sum, sizeof sum);
    }
}

static void set_word(size_t offset, uint32_t value)
{
    memcpy(image + offset, &value, sizeof value);
    memcpy(image + PAGE_BYTES / 2 + offset, &value, sizeof value);
}

static void damage(struct script *s, const uint8_t step[4])
{
    unsigned where = (unsigned)step[1] << 8 | step[2];
    uint64_t record = sound.records[step[1] % sound.record_count];
    uint64_t page = PAGE_BYTES * (1 + step[1] % LEVEL_FIRST_PAGES);
    uint8_t value = step[3];

    switch (step[0] % 12) {
    case 0: /* a byte of the header */
        image[where % PAGE_BYTES] ^= value;
        break;
    case 1: /* of a page's head */
        image[page + step[2]] ^= value;
        break;
    case 2: /* of a record */
        image[record + step[2]] ^= value;
        break;
    case 3: /* anywhere */
        image[where % sound.size] ^= value;
        break;
    case 4: /* a record, a copy of it, or a page is noise */
        memset(image + record + (value & 1 ? RECORD_BYTES / 2 : 0), step[2],
               value & 2 ? RECORD_BYTES : RECORD_BYTES / 2);
        if (value & 4) {
            memset(image + page, step[2], PAGE_BYTES);
        }
        break;
    case 5: /* a record written to another's place */
        memcpy(image + record,
               image + sound.records[step[2] % sound.record_count],
               RECORD_BYTES);
        break;
    case 6: /* a page likewise */
        memcpy(image + page,
               image + PAGE_BYTES * (1 + step[2] % LEVEL_FIRST_PAGES),
               PAGE_BYTES);
        break;
    case 7: /* the file is cut, or longer */
        s->size = value & 1 ? where * 16u % sound.size
                            : sound.size + where % (SIZE_MAX_BYTES / 2);
        break;
    case 8: /* forged: the header says something else */
        set_word(sizeof(uint32_t) * (step[1] % (sizeof(struct header) / 4)),
                 (uint32_t)step[2] << 8 | value);
        forge_header();
        s->forged = true;
        break;
    case 9:
        forge_header();
        s->forged = true;
        break;
    case 10:
        image[page + step[2]] ^= value;
        forge_pair(page);
        s->forged = true;
        break;
    case 11:
        image[record + step[2]] ^= value;
        forge_pair(record);
        s->forged = true;
        break;
    }
}

/* A header of ours is there: whatever the other copy says, it is no newer
 * format. */
static bool has_header(void)
{
    return memcmp(image, sound.bytes, sizeof(struct header)) == 0
           || memcmp(image + PAGE_BYTES / 2, sound.bytes + PAGE_BYTES / 2,
                     sizeof(struct header))
                  == 0;
}

static void put_file(size_t size)
{
    int fd;

    clear_directory();
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    MUST(fd >= 0);
    MUST(pwrite(fd, image, size < sound.size ? size : sound.size, 0) >= 0);
    MUST(ftruncate(fd, (off_t)size) == 0);
    (void)close(fd);
}

/* --- what must hold ------------------------------------------------------ */

struct world {
    struct counter_store *s;
    bool forged;
    bool repaired; /* with losses */
};

static bool is_same(const struct counter_value *a,
                    const struct counter_value *b)
{
    return a->count == b->count && a->visitor == b->visitor
           && a->time == b->time && a->day == b->day && a->today == b->today
           && a->yesterday == b->yesterday;
}

static void check_get(const struct world *w, const struct known *k)
{
    struct counter_value v;
    struct omk_err err;
    int rc = counter_store_get(w->s, k->name, &v, &err);

    if (w->forged) {
        return;
    }
    if (rc == OMK_OK) {
        MUST(k->there && is_same(&v, &k->value));
    }
    else {
        MUST(rc == OMK_EDAMAGED
             || (rc == OMK_ENOENT && (!k->there || w->repaired)));
    }
}

static void check_gets(const struct world *w)
{
    for (unsigned i = 0; i < COUNTERS; i++) {
        check_get(w, &known[i]);
    }
}

static int seen(void *ctx, const char *name, const struct counter_value *v)
{
    const struct world *w = ctx;

    MUST(strlen(name) <= COUNTER_NAME_MAX);
    for (unsigned i = 0; !w->forged && i < COUNTERS; i++) {
        if (strcmp(known[i].name, name) == 0) {
            MUST(known[i].there && is_same(v, &known[i].value));
            return 0;
        }
    }
    MUST(w->forged || strcmp(name, "new") == 0);
    return 0;
}

/* One hit on each, and what it has changed in known[]. */
static void check_hits(const struct world *w, struct known *now)
{
    for (unsigned i = 0; i < COUNTERS; i += 3) {
        struct counter_hit hit = {.name = now[i].name,
                                  .group_max = 99,
                                  .visitor = 2,
                                  .st = 5,
                                  .now = 1700000001,
                                  .day = DAY};
        struct omk_err err;
        int rc = counter_store_hit(w->s, &hit, &err);

        if (w->forged || rc != OMK_OK) {
            continue;
        }
        MUST(hit.counted);
        MUST(hit.created == !now[i].there);
        MUST(hit.value.count == (now[i].there ? now[i].value.count + 1 : 5));
        now[i].value = hit.value;
        now[i].there = true;
    }
}

static void check_store(struct world *w)
{
    struct counter_store_report report;
    struct omk_err err;
    int rc;

    check_gets(w);
    (void)counter_store_each(w->s, seen, w, &err);
    (void)counter_store_verify(w->s, false, NULL, NULL, &report, &err);
    check_hits(w, known);
    check_gets(w);
    rc = counter_store_verify(w->s, true, NULL, NULL, &report, &err);
    w->repaired = rc == OMK_OK && (report.lost > 0 || report.pages_rebuilt > 0);
    check_gets(w);
    if (rc == OMK_OK && !w->forged) {
        rc = counter_store_each(w->s, seen, w, &err);
        MUST(rc == OMK_OK);
        rc = counter_store_verify(w->s, false, NULL, NULL, &report, &err);
        MUST(rc == OMK_OK && report.lost == 0);
        rc = counter_store_compact(w->s, &err);
        MUST(rc == OMK_OK);
    }
    else {
        (void)counter_store_compact(w->s, &err);
    }
    check_gets(w);
    (void)counter_store_remove(w->s, known[0].name, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct known before[COUNTERS];
    struct script script;
    struct world w = {0};
    struct omk_err err;
    int rc;

    if (sound.size == 0) {
        make_sound();
    }
    if (size > 400) {
        return 0; /* a hundred steps are enough */
    }
    memcpy(image, sound.bytes, sound.size);
    script = (struct script){.size = sound.size};
    for (size_t i = 0; i + 4 <= size; i += 4) {
        damage(&script, data + i);
    }
    put_file(script.size);
    w.forged = script.forged;
    rc = counter_store_open(path, true, 1, &w.s, &err);
    if (rc != OMK_OK) {
        MUST(rc == OMK_EDAMAGED || rc == OMK_EVERSION);
        MUST(rc != OMK_EVERSION || script.forged || !has_header());
        MUST(size >= 4);
        return 0;
    }
    memcpy(before, known, sizeof before);
    check_store(&w);
    counter_store_close(w.s);
    memcpy(known, before, sizeof before);
    return 0;
}
