/* Memory that is freed at once. */
#ifndef FTPACCESS_ARENA_H
#define FTPACCESS_ARENA_H

#include <stdbool.h>
#include <stddef.h>

struct arena_block;

struct arena {
    struct arena_block *blocks;
    bool failed; /* an allocation failed: what was built is incomplete */
};

void *arena_alloc(struct arena *a, size_t bytes); /* zeroed, or NULL */
char *arena_copy(struct arena *a, const char *s, size_t len);
void arena_free(struct arena *a);

/* An array that grows. */
struct arena_list {
    void *items;
    size_t count, room;
};

/* Appends a copy of item; the items may move. */
void arena_push(struct arena *a, struct arena_list *list, const void *item,
                size_t item_bytes);

#endif
