#include "arena.h"

#include <stdlib.h>
#include <string.h>

struct arena_block {
    struct arena_block *next;
    size_t used, room;
    _Alignas(max_align_t) char data[];
};

void *arena_alloc(struct arena *a, size_t bytes)
{
    struct arena_block *b = a->blocks;
    const size_t align = _Alignof(max_align_t);

    if (bytes > (size_t)1 << 30) {
        a->failed = true;
        return NULL;
    }
    bytes = bytes ? (bytes + align - 1) / align * align : align;
    if (!b || b->room - b->used < bytes) {
        size_t room = bytes > 2048 ? bytes : 2048;

        b = calloc(1, sizeof *b + room);
        if (!b) {
            a->failed = true;
            return NULL;
        }
        b->room = room;
        b->next = a->blocks;
        a->blocks = b;
    }
    b->used += bytes;
    return b->data + b->used - bytes;
}

char *arena_copy(struct arena *a, const char *s, size_t len)
{
    char *copy = arena_alloc(a, len + 1);

    if (copy) {
        memcpy(copy, s, len);
    }
    return copy;
}

void arena_free(struct arena *a)
{
    while (a->blocks) {
        struct arena_block *b = a->blocks;

        a->blocks = b->next;
        free(b);
    }
}

void arena_push(struct arena *a, struct arena_list *list, const void *item,
                size_t item_bytes)
{
    if (list->count == list->room) {
        size_t room = list->room ? list->room * 2 : 4;
        void *items = arena_alloc(a, room * item_bytes);

        if (!items) {
            return;
        }
        if (list->count) {
            memcpy(items, list->items, list->count * item_bytes);
        }
        list->items = items;
        list->room = room;
    }
    memcpy((char *)list->items + list->count * item_bytes, item, item_bytes);
    list->count++;
}
