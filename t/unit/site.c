#include "cmocka_first.h"
#include "err.h"
#include "site.h"
#include "store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An arena that knows its pieces, so that ASan sees each one's end. */
struct arena {
    void **pieces;
    size_t count;
    size_t fail_at; /* the allocation that fails; 0: none */
};

static void *take(void *ctx, size_t size)
{
    struct arena *a = ctx;

    if (a->fail_at && a->count + 1 >= a->fail_at) {
        return NULL;
    }
    if ((a->count & (a->count - 1)) == 0) { /* full at each power of two */
        a->pieces = realloc(a->pieces,
                            (a->count ? 2 * a->count : 1) * sizeof(void *));
        assert_non_null(a->pieces);
    }
    return a->pieces[a->count++] = malloc(size);
}

static void arena_free(struct arena *a)
{
    for (size_t i = 0; i < a->count; i++) {
        free(a->pieces[i]);
    }
    free(a->pieces);
    *a = (struct arena){0};
}

struct fixture {
    struct arena arena;
    struct counter_sites *s;
    struct counter_customer *ab, *cd;
    int main_tag, alias_tag;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct counter_alloc alloc = {take, &f->arena};
    struct counter_sites *s;

    assert_int_equal(counter_sites_new(&alloc, &s), OMK_OK);
    f->s = s;
    assert_int_equal(counter_sites_customer(s, "ab-cdftp", &f->ab, NULL), 0);
    assert_int_equal(counter_sites_customer(s, "cdftp", &f->cd, NULL), 0);
    assert_int_equal(counter_sites_add_host(s, f->ab, "WWW.Example.co.jp:80",
                                            &f->main_tag, NULL), 0);
    assert_int_equal(counter_sites_add_host(s, f->ab, "example.co.jp.",
                                            &f->alias_tag, NULL), 0);
    assert_int_equal(counter_sites_add_host(s, f->ab, "*.shop.example.co.jp",
                                            NULL, NULL), 0);
    assert_int_equal(counter_sites_add_host(s, f->ab, "[2001:DB8::1]:8080",
                                            NULL, NULL), 0);
    assert_int_equal(counter_sites_add_host(s, f->cd, "other.localhost", NULL,
                                            NULL), 0);
    assert_int_equal(counter_sites_add_host(s, f->cd, "w?w.other.*", NULL,
                                            NULL), 0);
    assert_int_equal(counter_sites_add_host(s, f->cd, "*.example.co.jp", NULL,
                                            NULL), 0);
    assert_int_equal(counter_sites_allow(s, f->ab, "blog.example.net", NULL),
                     0);
    assert_int_equal(counter_sites_allow(s, f->ab, "*.example.org", NULL), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    arena_free(&f->arena);
    free(f);
    return 0;
}

static const struct {
    const char *host;
    const char *customer; /* NULL: nobody */
} found[] = {
    {"www.example.co.jp", "ab-cdftp"}, /* before cdftp's wildcard */
    {"example.co.jp", "ab-cdftp"},
    {"a.shop.example.co.jp", "ab-cdftp"}, /* entered first */
    {"a.b.shop.example.co.jp", "ab-cdftp"},
    {"shop.example.co.jp", "cdftp"},
    {"mail.example.co.jp", "cdftp"},
    {"[2001:db8::1]", "ab-cdftp"},
    {"other.localhost", "cdftp"},
    {"www.other.test", "cdftp"},
    {"w.w.other.", "cdftp"},
    {"wxyw.other.test", NULL},
    {"xother.localhost", NULL},
    {"xexample.co.jp", NULL},
    {"co.jp", NULL},
    {"", NULL},
    {".", NULL},
    {"blog.example.net", NULL}, /* allowed, not served */
};

static void find(void **state)
{
    struct fixture *f = *state;
    const void *tag = NULL;

    for (size_t i = 0; i < sizeof found / sizeof *found; i++) {
        const struct counter_customer *c =
            counter_sites_find(f->s, found[i].host, NULL);

        if ((c ? strcmp(counter_customer_name(c),
                        found[i].customer ? found[i].customer : "")
               : found[i].customer != NULL)
            != 0) {
            fail_msg("%s: %s", found[i].host,
                     c ? counter_customer_name(c) : "nobody");
        }
    }
    assert_ptr_equal(counter_sites_find(f->s, "example.co.jp", &tag), f->ab);
    assert_ptr_equal(tag, &f->alias_tag);
}

static void entering(void **state)
{
    struct fixture *f = *state;
    struct counter_customer *c;
    struct omk_err err = {0};
    const void *tag;

    assert_int_equal(counter_sites_customer(f->s, "cdftp", &c, &err), 0);
    assert_ptr_equal(c, f->cd);
    /* again by the same one: nothing happens, the first tag stays */
    assert_int_equal(counter_sites_add_host(f->s, f->ab, "www.example.co.jp",
                                            f, &err), 0);
    assert_ptr_equal(counter_sites_find(f->s, "www.example.co.jp", &tag),
                     f->ab);
    assert_ptr_equal(tag, &f->main_tag);
    assert_int_equal(counter_sites_add_host(f->s, f->cd, "www.EXAMPLE.co.jp",
                                            NULL, &err), OMK_EBUSY);
    assert_string_equal(err.where, "www.example.co.jp");
    assert_non_null(strstr(err.text, "ab-cdftp"));
    assert_non_null(strstr(err.text, "by cdftp"));
    assert_int_equal(counter_sites_add_host(f->s, f->ab, "*.example.co.jp",
                                            NULL, &err), OMK_EBUSY);
    assert_int_equal(counter_sites_add_host(f->s, f->ab, "w?w.other.*", NULL,
                                            &err), OMK_EBUSY);
    assert_int_equal(counter_sites_add_host(f->s, f->cd, "w?w.other.*", NULL,
                                            &err), OMK_OK);
}

static void bad_names(void **state)
{
    static const char *const customers[] = {
        "", "a/b", "a b", "a\nb", "\xe3\x81\x82",
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"};
    static const char *const hosts[] = {"", ":80", "a b", "a/b", "a:x",
                                        "a@b", "::1", "a%2eb", "http://a"};
    struct fixture *f = *state;
    struct counter_customer *c;
    struct omk_err err;

    for (size_t i = 0; i < sizeof customers / sizeof *customers; i++) {
        if (counter_sites_customer(f->s, customers[i], &c, &err)
            != OMK_EINVAL) {
            fail_msg("customer \"%s\"", customers[i]);
        }
    }
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        if (counter_sites_add_host(f->s, f->ab, hosts[i], NULL, &err)
                != OMK_EINVAL
            || counter_sites_allow(f->s, f->ab, hosts[i], &err)
                   != OMK_EINVAL) {
            fail_msg("host \"%s\"", hosts[i]);
        }
    }
}

static void referers(void **state)
{
    struct fixture *f = *state;
    struct counter_site site = counter_site_default;

    assert_false(counter_site_has_referer(&site, "www.example.co.jp"));
    site.customer = f->ab;
    assert_true(counter_site_has_referer(&site, "www.example.co.jp"));
    assert_true(counter_site_has_referer(&site, "example.co.jp"));
    assert_true(counter_site_has_referer(&site, "blog.example.net"));
    assert_true(counter_site_has_referer(&site, "a.example.org"));
    assert_false(counter_site_has_referer(&site, "example.org"));
    assert_false(counter_site_has_referer(&site, "other.localhost"));
    assert_false(counter_site_has_referer(&site, "mail.example.co.jp"));
    site.customer = f->cd;
    assert_false(counter_site_has_referer(&site, "blog.example.net"));
}

#define PAGE71 \
    "ppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp"

static const struct {
    const char *df;
    uint32_t max;
    int rc;
    const char *want; /* name, or the error's text */
} dfs[] = {
    {"www.example.co.jp", 1, OMK_OK, "ab-cdftp"},
    {"example.co.jp", 1, OMK_OK, "ab-cdftp"}, /* the same counter */
    {"WWW.EXAMPLE.CO.JP", 1, OMK_OK, "ab-cdftp"},
    {"www.example.co.jp.", 1, OMK_OK, "ab-cdftp"},
    {"www.example.co.jp:8080", 1, OMK_OK, "ab-cdftp"},
    {"x.shop.example.co.jp", 1, OMK_OK, "ab-cdftp"},
    {"[2001:db8::1]:80", 1, OMK_OK, "ab-cdftp"},
    {"www.example.co.jp", 9, OMK_OK, "ab-cdftp"},
    {"www.example.co.jp/top", 9, OMK_OK, "ab-cdftp/top"},
    {"Example.co.jp:80/~a_B-1.html", 9, OMK_OK, "ab-cdftp/~a_B-1.html"},
    {"www.example.co.jp/" PAGE71, 9, OMK_OK, "ab-cdftp/" PAGE71},
    {"www.example.co.jp/" PAGE71 "p", 9, OMK_EINVAL, NULL},
    {"www.example.co.jp/", 9, OMK_EINVAL, NULL},
    {"www.example.co.jp/a/b", 9, OMK_EINVAL, NULL},
    {"www.example.co.jp/a?", 9, OMK_EINVAL, NULL},
    {"www.example.co.jp/top", 1, OMK_EINVAL, "must be a domain, nothing more"},
    {"", 1, OMK_EINVAL, "is missing"},
    {"other.localhost", 1, OMK_EDENIED, "is not served here"},
    {"mail.example.co.jp", 1, OMK_EDENIED, "is not served here"},
    {"unknown.test", 1, OMK_EDENIED, "is not served here"},
    {"unknown.test/top", 1, OMK_EDENIED, "is not served here"},
    {"blog.example.net", 1, OMK_EDENIED, "is not served here"},
    {"*.shop.example.co.jp", 1, OMK_EDENIED, "is not served here"},
    {"www.example.co.jp@x", 1, OMK_EDENIED, "is not served here"},
    {"/www.example.co.jp", 9, OMK_EDENIED, "is not served here"},
    {"http://www.example.co.jp/", 9, OMK_EDENIED, "is not served here"},
    {"ab-cdftp", 9, OMK_EDENIED, "is not served here"},
};

static void names(void **state)
{
    struct fixture *f = *state;
    struct counter_site site = counter_site_default;

    site.customer = f->ab;
    for (size_t i = 0; i < sizeof dfs / sizeof *dfs; i++) {
        char name[COUNTER_NAME_MAX + 1] = "untouched";
        struct omk_err err = {0};
        int rc;

        site.max_per_customer = dfs[i].max;
        rc = counter_site_df(f->s, &site, dfs[i].df, name, sizeof name, &err);
        if (rc != dfs[i].rc
            || strcmp(name, rc == OMK_OK ? dfs[i].want : "untouched") != 0
            || (rc && strcmp(err.where, "df") != 0)
            || (rc && dfs[i].want && strcmp(err.text, dfs[i].want) != 0)) {
            fail_msg("%s: rc %d, %s, %s", dfs[i].df, rc, name, err.text);
        }
    }
}

static void many(void **state)
{
    struct fixture *f = *state;
    struct counter_customer *c;
    char host[64];

    for (int i = 0; i < 10000; i++) {
        (void)snprintf(host, sizeof host, "customer%d", i);
        assert_int_equal(counter_sites_customer(f->s, host, &c, NULL), 0);
        (void)snprintf(host, sizeof host, "www.host%d.test", i);
        assert_int_equal(counter_sites_add_host(f->s, c, host, NULL, NULL), 0);
        (void)snprintf(host, sizeof host, "*.host%d.test", i);
        assert_int_equal(counter_sites_add_host(f->s, c, host, NULL, NULL), 0);
    }
    for (int i = 0; i < 10000; i++) {
        (void)snprintf(host, sizeof host, "%s.host%d.test",
                       i % 2 ? "www" : "other", i);
        c = NULL;
        (void)snprintf(host + 32, 32, "customer%d", i);
        assert_string_equal(
            counter_customer_name(counter_sites_find(f->s, host, NULL)),
            host + 32);
    }
}

/* Each allocation fails in turn: an error, and no crash. */
static void out_of_memory(void **state)
{
    struct arena arena = {0};
    struct counter_alloc alloc = {take, &arena};
    int rc = OMK_ENOMEM;

    (void)state;
    for (size_t i = 1; rc != OMK_OK; i++) {
        struct counter_sites *s;
        struct counter_customer *c;

        arena.fail_at = i;
        rc = counter_sites_new(&alloc, &s);
        rc = rc ? rc : counter_sites_customer(s, "a", &c, NULL);
        rc = rc ? rc : counter_sites_add_host(s, c, "a.test", NULL, NULL);
        rc = rc ? rc : counter_sites_add_host(s, c, "*.b.test", NULL, NULL);
        rc = rc ? rc : counter_sites_add_host(s, c, "c.*", NULL, NULL);
        rc = rc ? rc : counter_sites_allow(s, c, "d.test", NULL);
        assert_true(rc == OMK_OK || rc == OMK_ENOMEM);
        arena_free(&arena);
        assert_true(i < 100);
    }
}

int main(void)
{
#define WITH(name, fn) {name, fn, setup, teardown, NULL}
    const struct CMUnitTest tests[] = {
        WITH("whose host it is", find),
        WITH("a host belongs to one customer", entering),
        WITH("bad names", bad_names),
        WITH("P56: pages that may show a customer's counters", referers),
        WITH("P46, P53: every domain of a customer leads to one counter",
             names),
        WITH("ten thousand hosts", many),
        cmocka_unit_test(out_of_memory),
    };

    return cmocka_run_group_tests_name("site", tests, NULL, NULL);
}
