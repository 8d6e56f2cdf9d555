/* Counters on their way in or out of a store. */
#ifndef COUNTER_ADMIN_ENTRIES_H
#define COUNTER_ADMIN_ENTRIES_H

#include "store.h"

struct counter_entry {
    char name[COUNTER_NAME_MAX + 1];
    struct counter_value value;
    char address[64]; /* its visitor where only the address is known, or "" */
    char *from;       /* the file that it came from, malloc'd, or NULL */
};

struct counter_entries { /* zeroed to begin with */
    struct counter_entry *list; /* malloc'd */
    size_t count, room;
};

/* A counter's name, as sites give them: CUSTOMER or CUSTOMER/PAGE. */
bool counter_entry_is_name(const char *name);

/* Appends a copy of *e (e->from is taken over, also on failure). OMK_ENOMEM. */
int counter_entries_add(struct counter_entries *all,
                        const struct counter_entry *e);

void counter_entries_free(struct counter_entries *all);

enum counter_order { COUNTER_BY_NAME, COUNTER_BY_COUNT, COUNTER_BY_TIME };

/* By name upwards; by count or time downwards, equal ones by name. */
void counter_entries_sort(struct counter_entries *all,
                          enum counter_order order);

/* Of entries with one name the highest stays; fn is told each that goes, and
 * the one that stays. What stays is sorted by name. */
void counter_entries_unite(struct counter_entries *all,
                           void (*fn)(void *ctx,
                                      const struct counter_entry *gone,
                                      const struct counter_entry *stays),
                           void *ctx);

#endif
