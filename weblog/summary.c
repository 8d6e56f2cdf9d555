#include "summary.h"

#include "combined.h"

#include <stdlib.h>
#include <string.h>

#define PAGE_SLOTS ((size_t)1 << 17) /* above WEBLOG_PAGES_MAX, for speed */
#define VISITOR_SLOTS                                                          \
    ((size_t)1 << 22)    /* above twice WEBLOG_VISITORS_MAX: of                \
                            the day, and of all */
#define PATH_MAX_LEN 512 /* of a page's name that is kept */

struct weblog_summary {
    uint64_t seed;
    struct weblog_day total, days[WEBLOG_DAYS_MAX];
    size_t day_count, last_day;
    uint64_t *visitors; /* hashes; 0 is a free slot */
    size_t visitor_count;
    struct weblog_page *pages; /* a path of NULL is a free slot */
    size_t page_count;
    uint64_t unread;
    bool full;
};

struct weblog_summary *weblog_summary_new(uint64_t seed)
{
    struct weblog_summary *s = calloc(1, sizeof *s);

    if (!s) {
        return NULL;
    }
    s->seed = seed;
    s->visitors = calloc(VISITOR_SLOTS, sizeof *s->visitors);
    s->pages = calloc(PAGE_SLOTS, sizeof *s->pages);
    if (!s->visitors || !s->pages) {
        weblog_summary_free(s);
        return NULL;
    }
    return s;
}

static void free_path(const char *path)
{
    free((void *)(uintptr_t)path);
}

void weblog_summary_free(struct weblog_summary *s)
{
    if (!s) {
        return;
    }
    for (size_t i = 0; s->pages && i < PAGE_SLOTS; i++) {
        free_path(s->pages[i].path);
    }
    free(s->pages);
    free(s->visitors);
    free(s);
}

/* FNV-1a from a secret start, and mixed: the secret reaches all bits. */
static uint64_t hash(uint64_t seed, const char *s, size_t len)
{
    uint64_t h = seed ^ 0xcbf29ce484222325ULL;

    for (size_t i = 0; i < len; i++) {
        h = (h ^ (unsigned char)s[i]) * 0x100000001b3ULL;
        h ^= h >> 29;
    }
    h ^= h >> 32;
    h *= 0xd6e8feb86659fd93ULL;
    return h ^ (h >> 32);
}

/* --- visitors ------------------------------------------------------------ */

/* True when it is new. */
static bool add_visitor(struct weblog_summary *s, uint64_t h)
{
    size_t i = (h = h ? h : 1) & (VISITOR_SLOTS - 1);

    while (s->visitors[i] && s->visitors[i] != h) {
        i = (i + 1) & (VISITOR_SLOTS - 1);
    }
    if (s->visitors[i]) {
        return false;
    }
    if (s->visitor_count == 2 * WEBLOG_VISITORS_MAX) {
        s->full = true;
        return false;
    }
    s->visitors[i] = h;
    s->visitor_count++;
    return true;
}

/* --- pages --------------------------------------------------------------- */

static bool ends_with(const struct weblog_text *path, const char *end)
{
    size_t len = strlen(end);

    return path->len >= len && !memcmp(path->s + path->len - len, end, len);
}

/* What a person looks at, as opposed to its pictures and styles. */
static bool is_page(const struct weblog_text *path)
{
    static const char *const ends[] = {".html", ".htm",   ".shtml", ".xhtml",
                                       ".php",  ".phtml", ".cgi",   ".pl"};
    const char *slash = memrchr(path->s, '/', path->len);

    if (!slash) {
        return false;
    }
    if (!memchr(slash, '.', (size_t)(path->s + path->len - slash))) {
        return true;
    }
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        if (ends_with(path, ends[i])) {
            return true;
        }
    }
    return false;
}

static void add_page(struct weblog_summary *s, const struct weblog_text *path)
{
    size_t len = path->len < PATH_MAX_LEN ? path->len : PATH_MAX_LEN;
    size_t i = hash(s->seed, path->s, len) & (PAGE_SLOTS - 1);
    char *copy;

    while (s->pages[i].path
           && (strncmp(s->pages[i].path, path->s, len) != 0
               || s->pages[i].path[len] != '\0')) {
        i = (i + 1) & (PAGE_SLOTS - 1);
    }
    if (s->pages[i].path) {
        s->pages[i].hits++;
        return;
    }
    if (s->page_count == WEBLOG_PAGES_MAX || !(copy = strndup(path->s, len))) {
        s->full = true;
        return;
    }
    s->pages[i].path = copy;
    s->pages[i].hits = 1;
    s->page_count++;
}

/* --- days ---------------------------------------------------------------- */

static bool is_day(const struct weblog_day *d, const struct weblog_combined *c)
{
    return d->day == c->day && d->month == c->month && d->year == c->year;
}

/* NULL when there are too many. */
static struct weblog_day *day_of(struct weblog_summary *s,
                                 const struct weblog_combined *c)
{
    if (s->day_count && is_day(&s->days[s->last_day], c)) {
        return &s->days[s->last_day];
    }
    for (size_t i = 0; i < s->day_count; i++) {
        if (is_day(&s->days[i], c)) {
            s->last_day = i;
            return &s->days[i];
        }
    }
    if (s->day_count == WEBLOG_DAYS_MAX) {
        s->full = true;
        return NULL;
    }
    s->last_day = s->day_count++;
    s->days[s->last_day].year = c->year;
    s->days[s->last_day].month = c->month;
    s->days[s->last_day].day = c->day;
    return &s->days[s->last_day];
}

static void count(struct weblog_day *d, const struct weblog_combined *c,
                  bool page)
{
    d->hits++;
    d->bytes += c->bytes;
    d->pages += page;
    d->missing += c->status == 404;
    d->refused += c->status >= 400 && c->status <= 499 && c->status != 404;
    d->failed += c->status >= 500;
}

void weblog_summary_line(struct weblog_summary *s, const char *line, size_t len)
{
    struct weblog_combined c;
    struct weblog_day *day;
    uint64_t visitor;
    bool page;

    /* A NUL would end a page's name: httpd writes none. */
    if (memchr(line, '\0', len) || !weblog_combined_parse(line, len, &c)) {
        s->unread++;
        return;
    }
    page = ((c.status >= 200 && c.status <= 299) || c.status == 304)
           && is_page(&c.path);
    visitor = hash(s->seed, c.host.s, c.host.len);
    day = day_of(s, &c);
    count(&s->total, &c, page);
    s->total.visitors += add_visitor(s, visitor);
    if (day) {
        uint64_t date = (uint64_t)(c.year * 372 + c.month * 31 + c.day);

        count(day, &c, page);
        day->visitors +=
            add_visitor(s, hash(visitor ^ date, c.host.s, c.host.len));
    }
    if (page) {
        add_page(s, &c.path);
    }
}

/* --- results ------------------------------------------------------------- */

const struct weblog_day *weblog_summary_total(const struct weblog_summary *s)
{
    return &s->total;
}

static int by_date(const void *one, const void *other)
{
    const struct weblog_day *a = one, *b = other;

    return a->year != b->year     ? a->year - b->year
           : a->month != b->month ? a->month - b->month
                                  : a->day - b->day;
}

const struct weblog_day *weblog_summary_days(struct weblog_summary *s,
                                             size_t *count_out)
{
    qsort(s->days, s->day_count, sizeof *s->days, by_date);
    s->last_day = 0;
    *count_out = s->day_count;
    return s->days;
}

static bool comes_before(const struct weblog_page *a,
                         const struct weblog_page *b)
{
    return a->hits != b->hits ? a->hits > b->hits
                              : strcmp(a->path, b->path) < 0;
}

size_t weblog_summary_top(struct weblog_summary *s, struct weblog_page *out,
                          size_t max)
{
    size_t n = 0;

    for (size_t i = 0; i < PAGE_SLOTS; i++) {
        size_t at = n;

        if (!s->pages[i].path || !max
            || (n == max && !comes_before(&s->pages[i], &out[n - 1]))) {
            continue;
        }
        n += n < max;
        at = at < n ? at : n - 1;
        for (; at > 0 && comes_before(&s->pages[i], &out[at - 1]); at--) {
            out[at] = out[at - 1];
        }
        out[at] = s->pages[i];
    }
    return n;
}

uint64_t weblog_summary_unread(const struct weblog_summary *s)
{
    return s->unread;
}

bool weblog_summary_full(const struct weblog_summary *s)
{
    return s->full;
}
