/* The daemon itself, driven by its descriptors. */
#include "cmocka_first.h"
#include "cgiw_server.h"
#include "diagnose.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ALICE = 20011, BOB = 20012 };

static struct server server;
static char site[2][400]; /* roots */
static uid_t uids[2];

static int is_root(void) { return geteuid() == 0; }

static const char *at(int who, const char *name)
{
    static char path[4][600];
    static int next;

    next = (next + 1) % 4;
    (void)snprintf(path[next], sizeof path[next], "%s/%s", site[who], name);
    return path[next];
}

static void script(int who, const char *name, const char *text)
{
    server_script(site[who], name, uids[who], 0755, text);
}

static void make_sites(const char *keys)
{
    server_make(&server);
    server_record(&server, "cgroup\tcgiwtest%d", (int)getpid());
    for (int i = 0; i < (is_root() ? 2 : 1); i++) {
        const char *login = i == 0 ? "alice" : "bob";

        uids[i] = is_root() ? (uid_t)(ALICE + i) : geteuid();
        (void)snprintf(site[i], sizeof site[i], "%s/%s", server.dir, login);
        assert_int_equal(mkdir(site[i], 0755), 0);
        if (is_root()) {
            assert_int_equal(chown(site[i], uids[i], uids[i]), 0);
        }
        server_record(&server, "site\t%d\t%s\t%u\t%u\t%s\t%s\t%s\tshown=/web%s",
                      i, login, uids[i], uids[i], site[i], login, site[i],
                      keys);
    }
}

static int set_up(void **state)
{
    (void)state;
    make_sites("");
    server_start(&server);
    return 0;
}

static int tear_down(void **state)
{
    int status = server_end(&server, 0);
    char *errors = server_read(server.errors);

    (void)state;
    if (status != 0 || *errors) {
        print_message("# status %d, errors: %s\n", status, errors);
    }
    status |= *errors;
    free(errors);
    server_remove(&server);
    return status;
}

static void a_script_runs_as_its_owner_with_its_body(void **state)
{
    struct run r;
    char expected[64];

    (void)state;
    script(0, "a.cgi",
           "#!/bin/sh\ncat\nid -u\nid -G\necho oops >&2\nexit 3\n");
    run_whole(&server, &r, 0, at(0, "a.cgi"), "the body\n");
    (void)snprintf(expected, sizeof expected, "the body\n%u\n", uids[0]);
    assert_int_equal(strncmp(r.output, expected, strlen(expected)), 0);
    assert_string_equal(r.errors, "oops\n");
    assert_int_equal(r.started, 1);
    assert_int_equal(r.finals, 1);
    assert_int_equal(r.last.kind, CGIW_ENDED);
    assert_int_equal(r.last.code, 0);
    assert_true(WIFEXITED(r.last.wait_status));
    assert_int_equal(WEXITSTATUS(r.last.wait_status), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            a_script_runs_as_its_owner_with_its_body, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("cgiw_daemon", tests, NULL, NULL);
}
