/* What a node with users of its own adds to plan and apply, without making a
 * thousand users of this machine: passwd and group below a prefix, and the
 * customers' trees with their ACLs below a root of its own. Needs root.
 *
 *   host ROOT COUNT RUNS
 *
 * A line a run, in seconds: reading the users and finding each, looking at
 * each tree, making one customer's tree and quota as an apply does. */
#include "account.h"
#include "err.h"
#include "node.h"
#include "num.h"
#include "quota.h"
#include "tree.h"

#include <apr_general.h>
#include <apr_strings.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

struct bench {
    apr_pool_t *p;
    struct omk_node node;
    const char *prefix;
    unsigned count;
    struct omk_err err;
    unsigned found;
};

static double now_s(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static const char *login(struct bench *b, unsigned i)
{
    return apr_psprintf(b->p, "bench%04u", i);
}

static int make_lists(struct bench *b, const char *root)
{
    FILE *passwd, *group;
    int bad;

    b->prefix = apr_pstrcat(b->p, root, "/prefix", NULL);
    if (mkdir(b->prefix, 0755) != 0
        || mkdir(apr_pstrcat(b->p, b->prefix, "/etc", NULL), 0755) != 0) {
        return -1;
    }
    passwd = fopen(apr_pstrcat(b->p, b->prefix, "/etc/passwd", NULL), "we");
    group = fopen(apr_pstrcat(b->p, b->prefix, "/etc/group", NULL), "we");
    for (unsigned i = 0; passwd && group && i < b->count; i++) {
        unsigned id = (unsigned)b->node.uid_min + i;

        (void)fprintf(passwd,
                      "%s:x:%u:%u:Omakase customer %s:/:/usr/sbin/nologin\n",
                      login(b, i), id, id, root);
        (void)fprintf(group, "%s:x:%u:\n", login(b, i), id);
    }
    bad = !passwd || fclose(passwd) != 0;
    bad |= !group || fclose(group) != 0;
    return bad ? -1 : 0;
}

static void found(void *ctx, const char *what)
{
    struct bench *b = ctx;

    b->found++;
    (void)fprintf(stderr, "host: %s\n", what);
}

static int read_users(struct bench *b, apr_pool_t *p, struct omk_account *all)
{
    struct omk_accounts *a;
    int rc = omk_accounts_load_in(p, &b->node, b->prefix, &a, &b->err);

    for (unsigned i = 0; rc == OMK_OK && i < b->count; i++) {
        rc = omk_account_find(a, login(b, i), &all[i], &b->err);
    }
    return rc;
}

static int look_at_trees(struct bench *b, const struct omk_account *all)
{
    int rc = OMK_OK;

    for (unsigned i = 0; rc == OMK_OK && i < b->count; i++) {
        rc = omk_tree_check(&b->node, login(b, i), &all[i], found, b, &b->err);
    }
    return rc;
}

static int make_one(struct bench *b, const struct omk_account *all, unsigned i)
{
    int rc = omk_tree_make(&b->node, login(b, i), &all[i], &b->err);

    return rc ? rc
              : omk_quota_set(&b->node, login(b, i), &all[i], 100 << 20,
                              &b->err);
}

static int run_once(struct bench *b, struct omk_account *all)
{
    double from = now_s(), users, trees;
    apr_pool_t *p;
    int rc;

    (void)apr_pool_create(&p, b->p);
    rc = read_users(b, p, all);
    users = now_s();
    rc = rc ? rc : look_at_trees(b, all);
    trees = now_s();
    rc = rc ? rc : make_one(b, all, b->count / 2);
    if (rc == OMK_OK && b->found == 0) {
        (void)printf("%.6f %.6f %.6f\n", users - from, trees - users,
                     now_s() - trees);
    }
    apr_pool_destroy(p);
    return rc ? rc : b->found ? OMK_EDAMAGED : OMK_OK;
}

static int measure(struct bench *b, const char *root, uint64_t runs)
{
    struct omk_account *all;
    int rc = omk_node_parse(b->p, root, "omakase.conf", "", 0, &b->node,
                            &b->err);

    if (rc) {
        return rc;
    }
    if (make_lists(b, root) != 0) {
        return omk_fail(&b->err, OMK_EIO, root, "cannot be filled");
    }
    all = apr_pcalloc(b->p, b->count * sizeof *all);
    rc = read_users(b, b->p, all);
    for (unsigned i = 0; rc == OMK_OK && i < b->count; i++) {
        rc = make_one(b, all, i);
    }
    for (uint64_t i = 0; rc == OMK_OK && i < runs; i++) {
        rc = run_once(b, all);
    }
    return rc;
}

int main(int argc, char **argv)
{
    uint64_t count, runs;
    struct bench b = {0};
    int rc;

    if (argc != 4 || omk_num_u64(argv[2], strlen(argv[2]), 1, 5000, &count)
        || omk_num_u64(argv[3], strlen(argv[3]), 1, 1000, &runs)) {
        (void)fprintf(stderr, "usage: host ROOT COUNT RUNS\n");
        return 64;
    }
    (void)apr_initialize();
    (void)apr_pool_create(&b.p, NULL);
    b.count = (unsigned)count;
    rc = measure(&b, argv[1], runs);
    if (rc) {
        (void)fprintf(stderr, "host: %s: %s\n", b.err.where, b.err.text);
    }
    apr_terminate();
    return rc ? 1 : 0;
}
