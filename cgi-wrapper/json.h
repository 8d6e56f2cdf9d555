/* JSON objects of one line, into a buffer of fixed size. */
#ifndef CGIW_JSON_H
#define CGIW_JSON_H

#include <stddef.h>
#include <stdint.h>

/* What does not fit is dropped, and full is set: then text is of no use. */
struct cgiw_json {
    char *text; /* not terminated */
    size_t size, len;
    int full;
};

/* {"key":value,...}: the first key needs no comma. Keys are ours, plain. */
void cgiw_json_begin(struct cgiw_json *json, char *text, size_t size);
void cgiw_json_number(struct cgiw_json *json, const char *key, uint64_t value);

/* Any bytes: control characters are escaped, what is not UTF-8 becomes
 * U+FFFD, a byte a character. */
void cgiw_json_string(struct cgiw_json *json, const char *key,
                      const char *value, size_t len);

/* "}" and a newline. Returns the length, 0 when it did not fit. */
size_t cgiw_json_end(struct cgiw_json *json);

#endif
