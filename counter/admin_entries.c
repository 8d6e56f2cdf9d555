#include "admin_entries.h"

#include "err.h"
#include "site.h"

#include <stdlib.h>
#include <string.h>

static bool is_alnum(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')
           || (c >= '0' && c <= '9');
}

static size_t span(const char *s, const char *extra)
{
    size_t n = 0;

    while (s[n] && (is_alnum(s[n]) || strchr(extra, s[n]))) {
        n++;
    }
    return n;
}

bool counter_entry_is_name(const char *name)
{
    size_t customer = span(name, "._-");
    size_t page;

    if (customer == 0 || customer > COUNTER_CUSTOMER_MAX) {
        return false;
    }
    if (name[customer] == '\0') {
        return true;
    }
    page = name[customer] == '/' ? span(name + customer + 1, "._~-") : 0;
    return page > 0 && name[customer + 1 + page] == '\0'
           && customer + 1 + page <= COUNTER_NAME_MAX;
}

int counter_entries_add(struct counter_entries *all,
                        const struct counter_entry *e)
{
    if (all->count == all->room) {
        size_t room = all->room ? all->room * 2 : 64;
        struct counter_entry *list =
            room < SIZE_MAX / sizeof *list
                ? realloc(all->list, room * sizeof *list)
                : NULL;

        if (!list) {
            free(e->from);
            return OMK_ENOMEM;
        }
        all->list = list;
        all->room = room;
    }
    all->list[all->count++] = *e;
    return OMK_OK;
}

void counter_entries_free(struct counter_entries *all)
{
    for (size_t i = 0; i < all->count; i++) {
        free(all->list[i].from);
    }
    free(all->list);
    memset(all, 0, sizeof *all);
}

static int by_name(const void *a, const void *b)
{
    const struct counter_entry *x = a, *y = b;

    return strcmp(x->name, y->name);
}

static int downwards(uint64_t x, uint64_t y)
{
    return x < y ? 1 : x > y ? -1 : 0;
}

static int by_count(const void *a, const void *b)
{
    const struct counter_entry *x = a, *y = b;
    int order = downwards(x->value.count, y->value.count);

    return order ? order : by_name(a, b);
}

static int by_time(const void *a, const void *b)
{
    const struct counter_entry *x = a, *y = b;
    int order = x->value.time < y->value.time   ? 1
                : x->value.time > y->value.time ? -1
                                                : 0;

    return order ? order : by_name(a, b);
}

static int by_name_highest_first(const void *a, const void *b)
{
    int order = by_name(a, b);

    return order ? order : by_count(a, b);
}

static void sort(struct counter_entries *all,
                 int (*compare)(const void *, const void *))
{
    if (all->count > 1) {
        qsort(all->list, all->count, sizeof *all->list, compare);
    }
}

void counter_entries_sort(struct counter_entries *all,
                          enum counter_order order)
{
    static int (*const by[])(const void *, const void *) = {
        [COUNTER_BY_NAME] = by_name,
        [COUNTER_BY_COUNT] = by_count,
        [COUNTER_BY_TIME] = by_time};

    sort(all, by[order]);
}

void counter_entries_unite(struct counter_entries *all,
                           void (*fn)(void *ctx,
                                      const struct counter_entry *gone,
                                      const struct counter_entry *stays),
                           void *ctx)
{
    size_t kept = 0;

    sort(all, by_name_highest_first);
    for (size_t i = 0; i < all->count; i++) {
        if (kept && by_name(&all->list[kept - 1], &all->list[i]) == 0) {
            fn(ctx, &all->list[i], &all->list[kept - 1]);
            free(all->list[i].from);
            continue;
        }
        all->list[kept++] = all->list[i];
    }
    all->count = kept;
}
