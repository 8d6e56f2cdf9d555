/* Counters as JSON: what `omakase-counter export` writes and `import` reads.
 *
 *   {"format": "omakase-counter", "version": 1,
 *    "visitors": "hashed", "key_id": "0123456789abcdef",
 *    "counters": [
 *     {"name": "www.example.co.jp", "count": 1024,
 *      "visitor": "0123456789abcdef", "time": 1795622400,
 *      "day": 20782, "today": 3, "yesterday": 8}]}
 *
 * Each counter has a line of its own, so that exports can be compared and
 * searched by line. visitor is 64 bits in hexadecimal, which JSON's numbers
 * need not hold. key_id tells two keys apart and gives neither away. */
#ifndef COUNTER_ADMIN_JSON_H
#define COUNTER_ADMIN_JSON_H

#include "admin_entries.h"
#include "visitor.h"

#include <stdio.h>

struct counter_json_head {
    enum counter_visitor_mode visitors;
    uint64_t key_id;
};

/* A number that is the same for the same key: the hash of an address that no
 * visitor has. */
uint64_t counter_json_key_id(const uint8_t *key);

/* Writes the document to f (its errors are left for ferror). OMK_ENOMEM. */
int counter_json_write(FILE *f, const struct counter_json_head *head,
                       const struct counter_entries *all);

/* Reads a document of len bytes into *head and, appended, *all. Fields of later
 * versions are passed over as long as "version" is 1; all others must be there
 * and in range. err->where is the line ("12"), or the counter's name. On
 * failure nothing is appended. OMK_EINVAL, OMK_ERANGE, OMK_EVERSION,
 * OMK_ENOMEM. */
int counter_json_read(const char *text, size_t len,
                      struct counter_json_head *head,
                      struct counter_entries *all, struct omk_err *err);

#endif
