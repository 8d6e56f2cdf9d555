/* One request to Count.cgi, from its query string to the bytes of the answer:
 * the same for mod_counter and for the CGI program. */
#ifndef COUNTER_ANSWER_H
#define COUNTER_ANSWER_H

#include "design.h"
#include "err.h"
#include "referrer.h"
#include "render.h"
#include "site.h"
#include "store.h"
#include "visitor.h"

/* What a process has open. */
struct counter_engine {
    struct counter_store *store; /* NULL: could not be opened */
    struct counter_designs *designs;
    const struct counter_sites *sites;
    struct counter_visitors visitors;
    const char *images_dir; /* for image=, may be NULL */
};

struct counter_request {
    const char *query; /* len bytes */
    size_t len;
    struct counter_headers headers;
    const char *address; /* the visitor's */
    const struct counter_site *site;
    bool ignored;  /* the operator does not count this visitor */
    bool internal; /* asked for by a page of this server itself (SSI) */
    int64_t now;   /* seconds since 1970 */
};

struct counter_response {
    int status;                 /* 200, 400, 403, 503 */
    struct counter_image body;  /* image, JSON or text; data from alloc */
    int expires_s;              /* -1: the answer must not be kept */
    bool counted;
    bool refused;               /* the Referer check failed */
    struct omk_err log;         /* code 0: nothing for the operator */
};

/* Answers. Always fills *response, whatever goes wrong; with status 503 and no
 * data when even memory is missing. Thread-safe. */
void counter_answer(const struct counter_engine *engine,
                    const struct counter_request *request,
                    const struct counter_alloc *alloc,
                    struct counter_response *response);

/* Days since 1970 of the local date at now. */
uint32_t counter_local_day(int64_t now);

#endif
