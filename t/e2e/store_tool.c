/* What end-to-end tests want to know of a store that lies before them.
 *
 *   store_tool verify PATH        exit 0: every checksum fits
 *   store_tool get PATH NAME      the counter's value
 *   store_tool where PATH NAME    the byte at which its record begins
 *   store_tool fill PATH N        N more counters, named fill.0 and so on
 */
#include "store_file.h"

#include "err.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fail(const struct omk_err *err)
{
    (void)fprintf(stderr, "%s: %s\n", err->where, err->text);
    return 1;
}

static void say(void *ctx, const char *line)
{
    (void)ctx;
    (void)puts(line);
}

static int verify(struct counter_store *s)
{
    struct counter_store_report report;
    struct omk_err err;
    int rc = counter_store_verify(s, false, say, NULL, &report, &err);

    (void)printf("%" PRIu64 " counters, %" PRIu64 " lost\n", report.counters,
                 report.lost);
    return rc == OMK_OK ? 0 : fail(&err);
}

static int get(struct counter_store *s, const char *name)
{
    struct counter_value value;
    struct omk_err err;

    if (counter_store_get(s, name, &value, &err) != OMK_OK) {
        return fail(&err);
    }
    (void)printf("%" PRIu64 "\n", value.count);
    return 0;
}

static int where(struct counter_store *s, const char *name)
{
    const struct header *h;
    struct place place;
    struct omk_err err;
    uint64_t offset;

    if (store_begin(s, &h, &err) != OMK_OK
        || store_place(h, name, &place, &err) != OMK_OK) {
        return fail(&err);
    }
    offset = store_find(s, h, &place);
    store_end(s);
    (void)printf("%" PRIu64 "\n", offset);
    return offset == 0;
}

static int fill(struct counter_store *s, unsigned long n)
{
    struct omk_err err;

    for (unsigned long i = 0; i < n; i++) {
        struct counter_value value = {.count = i};
        char name[40];

        (void)snprintf(name, sizeof name, "fill.%lu", i);
        if (counter_store_set(s, name, &value, &err) != OMK_OK) {
            return fail(&err);
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct counter_store *s;
    struct omk_err err;
    int rc;

    if (argc < 3) {
        return 64;
    }
    if (counter_store_open(argv[2], false, 1, &s, &err) != OMK_OK) {
        return fail(&err);
    }
    rc = strcmp(argv[1], "verify") == 0 ? verify(s)
         : argc < 4                     ? 64
         : strcmp(argv[1], "get") == 0  ? get(s, argv[3])
         : strcmp(argv[1], "where") == 0 ? where(s, argv[3])
         : strcmp(argv[1], "fill") == 0 ? fill(s, strtoul(argv[3], NULL, 10))
                                        : 64;
    counter_store_close(s);
    return rc;
}
