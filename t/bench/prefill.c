/* Fills a store for the benchmarks through libcounter:
 *
 *   prefill STORE CUSTOMERS PAGES
 *
 * writes the counters c1/p1 ... cCUSTOMERS/pPAGES, each at 1000. */
#include "err.h"
#include "num.h"
#include "store.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int fill(struct counter_store *store, uint64_t customers,
                uint64_t pages, struct omk_err *err)
{
    static const struct counter_value value = {.count = 1000};

    for (uint64_t c = 1; c <= customers; c++) {
        for (uint64_t p = 1; p <= pages; p++) {
            char name[COUNTER_NAME_MAX + 1];
            int rc;

            (void)snprintf(name, sizeof name, "c%" PRIu64 "/p%" PRIu64, c, p);
            rc = counter_store_set(store, name, &value, err);
            if (rc != OMK_OK) {
                return rc;
            }
        }
    }
    return counter_store_sync(store, err);
}

int main(int argc, char **argv)
{
    struct counter_store *store;
    struct omk_err err;
    uint64_t customers, pages;
    int rc;

    if (argc != 4
        || omk_num_u64(argv[2], strlen(argv[2]), 1, 1000000, &customers)
        || omk_num_u64(argv[3], strlen(argv[3]), 1, 1000000, &pages)) {
        (void)fprintf(stderr, "usage: prefill STORE CUSTOMERS PAGES\n");
        return 64;
    }
    rc = counter_store_open(argv[1], true, 1, &store, &err);
    if (rc == OMK_OK) {
        rc = fill(store, customers, pages, &err);
        counter_store_close(store);
    }
    if (rc != OMK_OK) {
        (void)fprintf(stderr, "prefill: %s: %s\n", err.where, err.text);
        return 1;
    }
    return 0;
}
