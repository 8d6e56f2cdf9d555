/* Models in, lists of changes out. */
#include "cmocka_first.h"

#include "account.h"
#include "database_impl.h"
#include "err.h"
#include "files.h"
#include "generation.h"
#include "host.h"
#include "node.h"
#include "plan.h"
#include "secret.h"
#include "tree.h"

#include <apr_general.h>
#include <apr_strings.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static apr_pool_t *pool;
static char root[64];
static const struct omk_node *node;

static const char *declared(const char *file)
{
    return apr_pstrcat(pool, root, "/etc/omakase/customers.d/", file, NULL);
}

static void declare(const char *file, const char *text)
{
    FILE *f = fopen(declared(file), "w");

    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void load_node(void)
{
    struct omk_node *n = apr_palloc(pool, sizeof *n);
    const char *text = "paths { confd = \"" CONFD "\" phpmyadmin = \"\" }\n"
                       "mysql { socket = \"/nonexistent/mysqld.sock\" }\n";

    assert_int_equal(
        omk_node_parse(pool, root, "omakase.conf", text, strlen(text), n, NULL),
        OMK_OK);
    n->single_user = true; /* whoever runs this: no users are made */
    n->httpd_uid = geteuid();
    n->httpd_gid = getegid();
    n->httpd_user = n->httpd_group = "me";
    node = n;
}

static int make_root(void **state)
{
    (void)state;
    strcpy(root, "/tmp/omakase-plan-XXXXXX");
    if (!mkdtemp(root)
        || system(apr_pstrcat(pool, "mkdir -p ", root,
                              "/etc/omakase/customers.d", NULL))) {
        return -1;
    }
    load_node();
    declare("aaa.conf", "domain \"a.jp\" {}\n");
    declare("bbb.conf", "domain \"b.jp\" {}\n");
    return omk_state_make(node, NULL);
}

static int remove_root(void **state)
{
    (void)state;
    return system(apr_pstrcat(pool, "rm -r ", root, NULL));
}

static struct omk_plan *plan(void)
{
    struct omk_plan *p = NULL;
    struct omk_err err = {0};

    if (omk_plan_make(pool, node, &p, &err)) {
        fail_msg("%s: %s", err.where, err.text);
    }
    return p;
}

/* What apply does of it: generation N+1, and the trees. */
static void apply(void)
{
    struct omk_plan *p = plan();
    unsigned number = p->current + 1;
    struct omk_account account = {geteuid(), getegid(), "me"};
    struct omk_files *files;

    assert_int_equal(omk_render(pool, &p->model,
                                omk_generation_dir(pool, node, number), &files,
                                NULL),
                     OMK_OK);
    assert_int_equal(
        omk_generation_write(pool, node, number, files, 0, NULL, NULL), OMK_OK);
    assert_int_equal(omk_generation_complete(pool, node, number, files, NULL),
                     OMK_OK);
    assert_int_equal(omk_generation_flip(pool, node, number, NULL), OMK_OK);
    for (size_t i = 0; i < p->customers->count; i++) {
        assert_int_equal(
            omk_tree_make(node, p->customers->entries[i].login, &account, NULL),
            OMK_OK);
    }
}

/* "KIND SUBJECT: WHAT" a line. */
static const char *changes(const struct omk_plan *p)
{
    const char *text = "";

    for (int i = 0; i < p->changes->nelts; i++) {
        const struct omk_change *c =
            &APR_ARRAY_IDX(p->changes, i, struct omk_change);

        text = apr_pstrcat(pool, text, omk_change_kind_name(c->kind), " ",
                           c->subject, ": ", c->what, "\n", NULL);
    }
    return text;
}

/* The plan with what the machine has: state is MariaDB's, or NULL. */
static const char *whole_plan(struct omk_db_state *state)
{
    struct omk_plan *p = plan();
    struct omk_accounts *accounts;

    assert_int_equal(omk_accounts_load(pool, node, &accounts, NULL), OMK_OK);
    omk_host_plan(omk_host_of(pool, node, accounts, state), p);
    return changes(p);
}

/* --- what is declared -------------------------------------------------------
 */

static void the_first_plan_is_all_new(void **state)
{
    (void)state;
    assert_string_equal(whole_plan(NULL), "add aaa: new customer: a.jp\n"
                                          "add bbb: new customer: b.jp\n"
                                          "add generation: the first\n");
    assert_true(plan()->new_generation);
}

static void nothing_to_do(void **state)
{
    struct omk_plan *p;

    (void)state;
    apply();
    p = plan();
    assert_string_equal(whole_plan(NULL), "");
    assert_false(p->new_generation);
    assert_int_equal(p->held, 0);
    assert_int_equal(p->current, 1);
}

static void a_new_customer(void **state)
{
    (void)state;
    apply();
    declare("ccc.conf", "domain \"c.jp\" {}\ndomain \"日本語.jp\" {}\n");
    assert_string_equal(whole_plan(NULL),
                        "add ccc: new customer: c.jp, xn--wgv71a119e.jp\n");
    assert_true(plan()->new_generation);
}

static void a_changed_customer(void **state)
{
    struct omk_plan *p;

    (void)state;
    apply();
    declare("aaa.conf", "domain \"a.jp\" {}\nphp = off\n");
    p = plan();
    assert_string_equal(changes(p), "alter aaa: aaa.conf changed\n");
    assert_string_equal(APR_ARRAY_IDX(p->changes, 0, struct omk_change).detail,
                        "+ php = off\n");
    declare("aaa.mail", "info\n");
    declare("aaa.httpd.conf", "# x\n");
    assert_string_equal(whole_plan(NULL), "alter aaa: aaa.conf changed\n"
                                          "alter aaa: aaa.httpd.conf new\n"
                                          "alter aaa: aaa.mail new\n");
    apply();
    assert_int_equal(unlink(declared("aaa.mail")), 0);
    assert_string_equal(whole_plan(NULL), "alter aaa: aaa.mail removed\n");
}

static void a_suspended_customer(void **state)
{
    struct omk_plan *p;

    (void)state;
    apply();
    declare("bbb.conf", "domain \"b.jp\" {}\nsuspended = true\n");
    p = plan();
    assert_string_equal(changes(p), "alter bbb: bbb.conf changed\n");
    assert_string_equal(APR_ARRAY_IDX(p->changes, 0, struct omk_change).detail,
                        "+ suspended = true\n");
    assert_true(p->new_generation);
    assert_int_equal(p->held, 0);
}

static void a_removed_customer(void **state)
{
    (void)state;
    apply();
    assert_int_equal(unlink(declared("bbb.conf")), 0);
    assert_string_equal(whole_plan(NULL),
                        "remove bbb: no longer declared: its site and PHP go, "
                        "its files and databases stay\n");
}

static void a_held_customer(void **state)
{
    struct omk_plan *p;
    const struct omk_customer_entry *e;

    (void)state;
    apply();
    declare("aaa.conf", "domain \"a.jp\" {}\nphpp = off\n");
    declare("ccc.conf", "nonsense\n");
    p = plan();
    assert_int_equal(p->held, 2);
    assert_string_equal(changes(p), ""); /* who is held changes nothing */
    assert_false(p->new_generation);
    e = omk_customers_find(p->customers, "aaa");
    assert_int_equal(e->err.code, OMK_EINVAL);
    assert_string_equal(e->customer->domains[0].name, "a.jp");
    assert_null(omk_customers_find(p->customers, "ccc")->customer);
    /* Everybody else goes on. */
    declare("bbb.conf", "domain \"b2.jp\" {}\n");
    assert_string_equal(whole_plan(NULL), "alter bbb: bbb.conf changed\n");
}

/* Who falls back to a name that another has taken meanwhile keeps it. */
static void a_held_customer_keeps_its_names(void **state)
{
    struct omk_plan *p;

    (void)state;
    apply();
    declare("aaa.conf", "domain \"a.jp\" {}\nphpp = off\n");
    declare("bbb.conf", "domain \"a.jp\" {}\n");
    p = plan();
    assert_int_equal(p->held, 2);
    assert_string_equal(
        omk_customers_find(p->customers, "bbb")->customer->domains[0].name,
        "b.jp");
    assert_string_equal(changes(p), "");
}

/* --- what the machine has ---------------------------------------------------
 */

static void a_missing_tree(void **state)
{
    const char *web = apr_pstrcat(pool, root, "/srv/omakase/aaa/web", NULL);
    const char *text;

    (void)state;
    apply();
    assert_int_equal(rmdir(web), 0);
    text = whole_plan(NULL);
    assert_int_equal(strncmp(text, "repair aaa: ", 12), 0);
    assert_non_null(strstr(text, "web"));
    assert_null(strstr(text, "bbb"));
    assert_int_equal(
        system(apr_pstrcat(pool, "rm -r ", root, "/srv/omakase/bbb", NULL)), 0);
    assert_non_null(strstr(whole_plan(NULL), "repair bbb: "));
}

/* MariaDB's state as omk_db_load makes it: databases without an account. */
static struct omk_db_state *databases(const char *login, unsigned count)
{
    struct omk_db_state *s = apr_pcalloc(pool, sizeof *s);
    static uint64_t size;

    s->pool = pool;
    s->users = apr_hash_make(pool);
    s->databases = apr_hash_make(pool);
    for (unsigned i = 1; i <= count; i++) {
        char *name = apr_palloc(pool, OMK_DB_NAME_MAX + 1);

        omk_db_name(login, i, name);
        apr_hash_set(s->databases, name, APR_HASH_KEY_STRING, &size);
    }
    return s;
}

static void missing_databases(void **state)
{
    const char *none, *five;

    (void)state;
    apply();
    none = whole_plan(databases("aaa", 0));
    assert_non_null(strstr(none, "repair aaa: MariaDB user aaa@localhost is "
                                 "missing\n"));
    assert_non_null(strstr(none, "repair bbb: database bbb01 is missing\n"));
    for (unsigned i = 1; i <= 6; i++) {
        assert_non_null(strstr(
            none, apr_psprintf(
                      pool, "repair aaa: database aaa%02u is missing\n", i)));
    }
    five = whole_plan(databases("aaa", 5));
    assert_null(strstr(five, "database aaa05 is missing"));
    assert_non_null(strstr(five, "repair aaa: database aaa06 is missing\n"));
    /* What cannot be looked at is not missing. */
    assert_string_equal(whole_plan(NULL), "");
    /* Nor what nobody asked for. */
    declare("aaa.conf", "domain \"a.jp\" {}\ndatabases = 0\n");
    apply();
    assert_null(strstr(whole_plan(databases("aaa", 0)), "aaa"));
}

/* --- hands in a generation --------------------------------------------------
 */

static void hand_edits_losses_and_strangers(void **state)
{
    const char *dir =
        apr_pstrcat(pool, root, "/var/lib/omakase/current/httpd", NULL);
    const char *real;

    (void)state;
    apply();
    real = apr_pstrcat(pool, omk_generation_dir(pool, node, 1), "/httpd", NULL);
    assert_int_equal(system(apr_pstrcat(pool, "cd ", dir,
                                        " && echo x >>aaa.conf && rm bbb.conf"
                                        " && touch ccc.conf",
                                        NULL)),
                     0);
    assert_string_equal(
        whole_plan(NULL),
        apr_pstrcat(pool, "repair ", real,
                    "/aaa.conf: changed by hand; will be written anew\n"
                    "repair ",
                    real, "/bbb.conf: missing; will be written anew\nrepair ",
                    real,
                    "/ccc.conf: put there by hand; will not be there any "
                    "more\n",
                    NULL));
    assert_true(plan()->new_generation);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, make_root, remove_root)
    const struct CMUnitTest tests[] = {
        CASE(the_first_plan_is_all_new),
        CASE(nothing_to_do),
        CASE(a_new_customer),
        CASE(a_changed_customer),
        CASE(a_suspended_customer),
        CASE(a_removed_customer),
        CASE(a_held_customer),
        CASE(a_held_customer_keeps_its_names),
        CASE(a_missing_tree),
        CASE(missing_databases),
        CASE(hand_edits_losses_and_strangers),
    };
    int failed;

    (void)umask(022);
    (void)apr_initialize();
    (void)apr_pool_create(&pool, NULL);
    failed = cmocka_run_group_tests_name("plan", tests, NULL, NULL);
    apr_terminate();
    return failed;
}
