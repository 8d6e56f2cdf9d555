/* database.h for tests.
 *
 *   database_tool SOCKET check  LOGIN COUNT [HASH]
 *   database_tool SOCKET node
 *   database_tool SOCKET apply  LOGIN COUNT [HASH]
 *   database_tool SOCKET hash   LOGIN HASH
 *   database_tool SOCKET size   LOGIN
 *   database_tool SOCKET dump   LOGIN DIRECTORY
 *   database_tool SOCKET drop   LOGIN
 *
 * Prints what the functions say; an error as "CODE where: text" with exit
 * status 1. */
#include "database.h"
#include "err.h"
#include "node.h"

#include <apr_general.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void print(void *ctx, const char *line)
{
    (void)ctx;
    (void)puts(line);
}

static int with_state(struct omk_db *d, apr_pool_t *p, int argc, char **argv,
                      struct omk_err *err)
{
    struct omk_db_state *s;
    int rc = omk_db_load(d, p, &s, err);

    if (rc) {
        return rc;
    }
    if (!strcmp(argv[2], "node")) {
        omk_db_check_node(s, print, NULL);
    }
    else if (!strcmp(argv[2], "check")) {
        omk_db_check(s, argv[3], (unsigned)atoi(argv[4]),
                     argc > 5 ? argv[5] : NULL, print, NULL);
    }
    else {
        rc = omk_db_load_sizes(d, s, err);
        (void)printf("%llu\n", (unsigned long long)omk_db_size(s, argv[3]));
    }
    return rc;
}

static int command(struct omk_db *d, apr_pool_t *p, int argc, char **argv,
                   struct omk_err *err)
{
    const char *what = argv[2];

    if (!strcmp(what, "apply") && argc > 4) {
        return omk_db_apply(d, argv[3], (unsigned)atoi(argv[4]),
                            argc > 5 ? argv[5] : NULL, err);
    }
    if (!strcmp(what, "hash") && argc > 4) {
        return omk_db_set_hash(d, argv[3], argv[4], err);
    }
    if (!strcmp(what, "drop") && argc > 3) {
        return omk_db_drop(d, argv[3], err);
    }
    if (!strcmp(what, "dump") && argc > 4) {
        int dir = open(argv[4], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int rc = omk_db_dump(d, argv[3], dir, print, NULL, err);

        (void)close(dir);
        return rc;
    }
    if (!strcmp(what, "node") || (!strcmp(what, "check") && argc > 4)
        || (!strcmp(what, "size") && argc > 3)) {
        return with_state(d, p, argc, argv, err);
    }
    return omk_fail(err, OMK_EINVAL, what, "usage");
}

int main(int argc, char **argv)
{
    struct omk_node node = {0};
    struct omk_err err = {0};
    struct omk_db *d = NULL;
    apr_pool_t *p;
    int rc;

    if (argc < 3 || apr_initialize() || apr_pool_create(&p, NULL)) {
        return 64;
    }
    node.mysql_socket = argv[1];
    rc = omk_db_open(&node, &d, &err);
    rc = rc ? rc : command(d, p, argc, argv, &err);
    omk_db_close(d);
    apr_pool_destroy(p);
    if (rc) {
        (void)printf("%d %s: %s\n", err.code, err.where, err.text);
    }
    return rc ? 1 : 0;
}
