#include "admin_json.h"

#include "err.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#define FORMAT "omakase-counter"

uint64_t counter_json_key_id(const uint8_t *key)
{
    struct counter_visitors v = {.mode = COUNTER_VISITOR_HASHED};

    memcpy(v.key, key, sizeof v.key);
    return counter_visitor(&v, "::");
}

/* --- writing ------------------------------------------------------------- */

static int write_counter(FILE *f, const struct counter_entry *e)
{
    const struct counter_value *v = &e->value;
    json_t *name = json_string(e->name);
    char *quoted = name ? json_dumps(name, JSON_ENCODE_ANY) : NULL;

    json_decref(name);
    if (!quoted) {
        return OMK_ENOMEM;
    }
    (void)fprintf(f,
                  "{\"name\": %s, \"count\": %" PRIu64
                  ", \"visitor\": \"%016" PRIx64 "\", \"time\": %" PRId64
                  ", \"day\": %" PRIu32 ", \"today\": %" PRIu32
                  ", \"yesterday\": %" PRIu32 "}",
                  quoted, v->count, v->visitor, v->time, v->day, v->today,
                  v->yesterday);
    free(quoted);
    return OMK_OK;
}

int counter_json_write(FILE *f, const struct counter_json_head *head,
                       const struct counter_entries *all)
{
    (void)fprintf(f,
                  "{\"format\": \"" FORMAT "\", \"version\": 1,\n"
                  " \"visitors\": \"%s\", \"key_id\": \"%016" PRIx64 "\",\n"
                  " \"counters\": [",
                  head->visitors == COUNTER_VISITOR_PLAIN ? "plain" : "hashed",
                  head->key_id);
    for (size_t i = 0; i < all->count; i++) {
        (void)fprintf(f, "%s\n  ", i ? "," : "");
        if (write_counter(f, &all->list[i]) != OMK_OK) {
            return OMK_ENOMEM;
        }
    }
    (void)fprintf(f, "]}\n");
    return OMK_OK;
}

/* --- reading ------------------------------------------------------------- */

static int not_ours(struct omk_err *err, int code, const char *where,
                    const char *what)
{
    return omk_fail(err, code, where, "%s", what);
}

static int take_hex(const json_t *object, const char *key, uint64_t *out)
{
    const char *s = json_string_value(json_object_get(object, key));
    uint64_t n = 0;

    if (!s || strlen(s) != 16) {
        return OMK_EINVAL;
    }
    for (; *s; s++) {
        const char *digits = "0123456789abcdef";
        const char *at = strchr(digits, *s);

        if (!at) {
            return OMK_EINVAL;
        }
        n = n << 4 | (uint64_t)(at - digits);
    }
    *out = n;
    return OMK_OK;
}

static int take_number(const json_t *object, const char *key, uint64_t max,
                       uint64_t *out)
{
    const json_t *n = json_object_get(object, key);

    if (!json_is_integer(n)) {
        return OMK_EINVAL;
    }
    if (json_integer_value(n) < 0 || (uint64_t)json_integer_value(n) > max) {
        return OMK_ERANGE;
    }
    *out = (uint64_t)json_integer_value(n);
    return OMK_OK;
}

static int bad_field(struct omk_err *err, int code, const char *name,
                     const char *key)
{
    return omk_fail(err, code, name, "\"%s\" is %s", key,
                    code == OMK_ERANGE ? "out of range"
                                       : "missing or of the wrong kind");
}

static int take_counter(const json_t *object, struct counter_entry *e,
                        struct omk_err *err)
{
    static const struct {
        const char *key;
        uint64_t max;
    } numbers[] = {{"count", COUNTER_VALUE_MAX}, {"time", UINT32_MAX},
                   {"day", UINT32_MAX},          {"today", UINT32_MAX},
                   {"yesterday", UINT32_MAX}};
    const json_t *name = json_object_get(object, "name");
    uint64_t got[5];
    int rc;

    if (!json_is_string(name)
        || strlen(json_string_value(name)) != json_string_length(name)
        || !counter_entry_is_name(json_string_value(name))) {
        return not_ours(err, OMK_EINVAL, "",
                        "a counter's \"name\" must be CUSTOMER or "
                        "CUSTOMER/PAGE of letters, digits and . _ -");
    }
    memset(e, 0, sizeof *e);
    strcpy(e->name, json_string_value(name)); /* is_name: it fits */
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        rc = take_number(object, numbers[i].key, numbers[i].max, &got[i]);
        if (rc != OMK_OK) {
            return bad_field(err, rc, e->name, numbers[i].key);
        }
    }
    rc = take_hex(object, "visitor", &e->value.visitor);
    if (rc != OMK_OK) {
        return bad_field(err, rc, e->name, "visitor");
    }
    e->value.count = got[0];
    e->value.time = (int64_t)got[1];
    e->value.day = (uint32_t)got[2];
    e->value.today = (uint32_t)got[3];
    e->value.yesterday = (uint32_t)got[4];
    return OMK_OK;
}

static int take_head(const json_t *root, struct counter_json_head *head,
                     struct omk_err *err)
{
    const char *format = json_string_value(json_object_get(root, "format"));
    const char *visitors =
        json_string_value(json_object_get(root, "visitors"));
    const json_t *version = json_object_get(root, "version");

    if (!format || strcmp(format, FORMAT) != 0) {
        return not_ours(err, OMK_EINVAL, "",
                        "is no export of omakase-counter (\"format\")");
    }
    if (!json_is_integer(version) || json_integer_value(version) != 1) {
        return not_ours(err, OMK_EVERSION, "",
                        "is of another version of the format; this program "
                        "knows \"version\": 1");
    }
    if (!visitors
        || (strcmp(visitors, "hashed") != 0
            && strcmp(visitors, "plain") != 0)) {
        return not_ours(err, OMK_EINVAL, "",
                        "\"visitors\" must be \"hashed\" or \"plain\"");
    }
    head->visitors = strcmp(visitors, "plain") == 0 ? COUNTER_VISITOR_PLAIN
                                                    : COUNTER_VISITOR_HASHED;
    if (take_hex(root, "key_id", &head->key_id) != OMK_OK) {
        return not_ours(err, OMK_EINVAL, "",
                        "\"key_id\" must be 16 hexadecimal digits");
    }
    if (!json_is_array(json_object_get(root, "counters"))) {
        return not_ours(err, OMK_EINVAL, "", "\"counters\" must be a list");
    }
    return OMK_OK;
}

static int take_counters(const json_t *counters, struct counter_entries *all,
                         struct omk_err *err)
{
    const json_t *one;
    size_t i;

    json_array_foreach(counters, i, one)
    {
        struct counter_entry e;
        int rc = take_counter(one, &e, err);

        if (rc != OMK_OK) {
            return rc;
        }
        if (counter_entries_add(all, &e) != OMK_OK) {
            return omk_fail(err, OMK_ENOMEM, "", "out of memory");
        }
    }
    return OMK_OK;
}

int counter_json_read(const char *text, size_t len,
                      struct counter_json_head *head,
                      struct counter_entries *all, struct omk_err *err)
{
    struct counter_json_head new_head;
    struct counter_entries read = *all;
    json_error_t wrong;
    json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &wrong);
    int rc;

    if (!root) {
        char line[16];

        (void)snprintf(line, sizeof line, "%d", wrong.line);
        return omk_fail(err, OMK_EINVAL, line, "is not JSON from here on");
    }
    rc = take_head(root, &new_head, err);
    if (rc == OMK_OK) {
        rc = take_counters(json_object_get(root, "counters"), &read, err);
        read.count = rc == OMK_OK ? read.count : all->count;
        *all = read; /* its list may have moved */
    }
    json_decref(root);
    if (rc == OMK_OK) {
        *head = new_head;
    }
    return rc;
}
