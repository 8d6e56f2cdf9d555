#include "cmocka_first.h"
#include "capabilities.h"
#include "cgroup.h"
#include "cgroup_mount.h"
#include "err.h"
#include "limits.h"

#include <string.h>

/* A server with systemd, as Debian has it. */
#define UNIFIED                                                                \
    "22 28 0:21 / /proc rw,nosuid shared:12 - proc proc rw\n"                  \
    "31 24 0:26 / /sys/fs/cgroup rw,nosuid,nodev shared:9 - cgroup2 cgroup2 "  \
    "rw,nsdelegate,memory_recursiveprot\n"                                     \
    "28 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"

#define HYBRID                                                                 \
    "40 1 0:30 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"                \
    "41 40 0:31 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup "              \
    "rw,cpu,cpuacct\n"                                                         \
    "42 40 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"        \
    "43 40 0:33 / /sys/fs/cgroup/devices rw - cgroup cgroup rw,devices\n"      \
    "44 40 0:34 / /sys/fs/cgroup/systemd rw - cgroup cgroup "                  \
    "rw,name=systemd\n"                                                        \
    "45 40 0:35 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
#define HYBRID_SELF                                                            \
    "5:name=systemd:/system.slice/apache2.service\n"                           \
    "4:devices:/\n"                                                            \
    "3:memory:/box/1\n"                                                        \
    "2:cpu,cpuacct:/\n"                                                        \
    "0::/system.slice/apache2.service\n"

static const struct {
    const char *label, *mountinfo, *self;
    size_t count;
    struct cgiw_mount first, last;
} cases[] = {
    {"version 2, a service",
     UNIFIED,
     "0::/system.slice/apache2.service\n",
     1,
     {2, 0, "/sys/fs/cgroup", "/system.slice/apache2.service"},
     {2, 0, "/sys/fs/cgroup", "/system.slice/apache2.service"}},
    {"its root",
     UNIFIED,
     "0::/\n",
     1,
     {2, 0, "/sys/fs/cgroup", ""},
     {2, 0, "/sys/fs/cgroup", ""}},
    {"no newline at the end",
     UNIFIED,
     "0::/a",
     1,
     {2, 0, "/sys/fs/cgroup", "/a"},
     {2, 0, "/sys/fs/cgroup", "/a"}},
    {"a group outside the cgroup namespace",
     UNIFIED,
     "0::/../other\n",
     0,
     {0},
     {0}},
    {"version 1 beside version 2, those of use",
     HYBRID,
     HYBRID_SELF,
     3,
     {1, CGIW_CPU | CGIW_CPUACCT, "/sys/fs/cgroup/cpu,cpuacct", ""},
     {2, 0, "/sys/fs/cgroup/unified", "/system.slice/apache2.service"}},
    {"a container sees its part",
     "9 8 0:26 /docker/abc /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw\n",
     "0::/docker/abc/sub\n",
     1,
     {2, 0, "/sys/fs/cgroup", "/sub"},
     {2, 0, "/sys/fs/cgroup", "/sub"}},
    {"the part is all that it is in",
     "9 8 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n",
     "0::/docker/abc\n",
     1,
     {2, 0, "/sys/fs/cgroup", ""},
     {2, 0, "/sys/fs/cgroup", ""}},
    {"a part with a like name is another's",
     "9 8 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n",
     "0::/docker/abcd\n",
     0,
     {0},
     {0}},
    {"mounted twice, the first that shows it",
     "9 8 0:26 /x /a rw - cgroup2 cgroup rw\n"
     "9 8 0:26 / /b rw - cgroup2 cgroup rw\n"
     "9 8 0:26 / /c rw - cgroup2 cgroup rw\n",
     "0::/y\n",
     1,
     {2, 0, "/b", "/y"},
     {2, 0, "/b", "/y"}},
    {"a strange place",
     "9 8 0:26 / /a\\040b rw - cgroup2 cgroup rw\n",
     "0::/\n",
     0,
     {0},
     {0}},
    {"cut off", "9 8 0:26 / /a rw - cgroup2", "0::/\n", 0, {0}, {0}},
    {"cut off before the type", "9 8 0:26 / /a rw", "0::/\n", 0, {0}, {0}},
    {"nothing of the process's", UNIFIED, "", 0, {0}, {0}},
    {"lines of another form",
     UNIFIED,
     "0\n1:\n::\n",
     1,
     {2, 0, "/sys/fs/cgroup", ""},
     {2, 0, "/sys/fs/cgroup", ""}},
    {"nothing mounted", "", "0::/\n", 0, {0}, {0}},
};

static void same(const char *label, const struct cgiw_mount *is,
                 const struct cgiw_mount *must)
{
    if (is->version != must->version || is->controllers != must->controllers
        || strcmp(is->point, must->point) || strcmp(is->own, must->own)) {
        fail_msg("%s: version %d, %x, %s, %s", label, is->version,
                 is->controllers, is->point, is->own);
    }
}

static void mounts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cgiw_mount list[CGIW_MOUNTS];
        size_t count =
            cgiw_mounts_parse(cases[i].mountinfo, cases[i].self, list);

        if (count != cases[i].count) {
            fail_msg("%s: %zu", cases[i].label, count);
        }
        if (count) {
            same(cases[i].label, &list[0], &cases[i].first);
            same(cases[i].label, &list[count - 1], &cases[i].last);
        }
    }
}

static void more_mounts_than_there_is_room_for(void **state)
{
    struct cgiw_mount list[CGIW_MOUNTS];
    char text[40 * 64] = "";

    (void)state;
    /* All are the same hierarchy: one is kept. */
    for (int i = 0; i < 40; i++) {
        strcat(text, "9 8 0:26 / /a rw - cgroup2 cgroup rw\n");
    }
    assert_int_equal(cgiw_mounts_parse(text, "0::/\n", list), 1);
}

static void nproc(void **state)
{
    static const struct {
        uint32_t processes, concurrent;
        rlim_t most;
    } of[] = {
        {20, 5, 20 * 5 + CGIW_NPROC_OTHERS},
        {20, 0, 20 * CGIW_NPROC_RUNS + CGIW_NPROC_OTHERS},
        {0, 5, RLIM_INFINITY},
        {UINT32_MAX, UINT32_MAX,
         (rlim_t)UINT32_MAX * UINT32_MAX + CGIW_NPROC_OTHERS},
    };

    (void)state;
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        const struct cgiw_limits l = {.processes = of[i].processes,
                                      .concurrent = of[i].concurrent};

        assert_true(cgiw_limits_nproc(&l) == of[i].most);
    }
}

static void names(void **state)
{
    static const char *const bad[] = {
        "",
        "a b",
        "a/b",
        "/",
        "/a/",
        "/a/../b",
        "/./b",
        "//b",
        "a\n",
        "a*",
        "x23456789x123456789x123456789x123456789x123456789x123456789x1234"
        "5",
    };
    struct cgiw_cgroup *cg = NULL;
    struct omk_err err;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (cgiw_cgroup_open(&cg, bad[i], CGIW_CGROUP_LOOK, &err)
            != OMK_EINVAL) {
            fail_msg("\"%s\" was taken", bad[i]);
        }
        assert_null(cg);
        assert_true(*err.text);
    }
}

/* What is not there does nothing. */
static void without_groups(void **state)
{
    struct cgiw_leaf *leaf = (struct cgiw_leaf *)&leaf;
    const struct cgiw_limits none = {0};
    struct cgiw_use use = {.cpu_us = 1};
    char why[64];

    (void)state;
    assert_int_equal(cgiw_cgroup_holds(NULL), 0);
    assert_int_equal(cgiw_leaf_take(NULL, 1, &none, &leaf, NULL), 0);
    assert_null(leaf);
    assert_int_equal(cgiw_leaf_join(leaf), 0);
    assert_true(cgiw_leaf_kill(leaf) < 0);
    cgiw_leaf_use(leaf, &use);
    assert_int_equal(use.cpu_us, 0);
    cgiw_leaf_give(NULL, leaf, 0);
    cgiw_cgroup_tick(NULL, 0);
    cgiw_cgroup_close(NULL);
    assert_string_equal(cgiw_cgroup_path(NULL), "");
    assert_true(*cgiw_cgroup_why(NULL, CGIW_HOLDS_KILL, why, sizeof why));
}

static void capabilities(void **state)
{
    static struct cgiw_capabilities c = {
        .count = 2,
        .list = {{"memory", CGIW_HELD, "cgroup v2", "all of a run"},
                 {"confine", CGIW_MISSING, "", "no \"Landlock\""}}};
    static const char text[] = "memory: cgroup v2: all of a run\n"
                               "confine: missing: no \"Landlock\"\n";
    static const char json[] =
        "{\"name\":\"memory\",\"holding\":\"held\",\"by\":\"cgroup v2\","
        "\"text\":\"all of a run\"}\n"
        "{\"name\":\"confine\",\"holding\":\"missing\",\"by\":\"\","
        "\"text\":\"no \\\"Landlock\\\"\"}\n";
    char out[512];

    (void)state;
    assert_int_equal(cgiw_capabilities_text(&c, out, sizeof out),
                     sizeof text - 1);
    assert_string_equal(out, text);
    assert_int_equal(cgiw_capabilities_json(&c, out, sizeof out),
                     sizeof json - 1);
    assert_string_equal(out, json);
    assert_int_equal(cgiw_capabilities_json(&c, out, sizeof json),
                     sizeof json - 1);
    for (size_t size = 1; size < sizeof json; size++) {
        assert_int_equal(cgiw_capabilities_json(&c, out, size), 0);
    }
    for (size_t size = 1; size < sizeof text; size++) {
        assert_int_equal(cgiw_capabilities_text(&c, out, size), 0);
    }
    cgiw_capabilities_probe(NULL, &c);
    assert_in_range(c.count, 9, CGIW_CAPABILITIES);
    for (size_t i = 0; i < c.count; i++) {
        assert_true(*c.list[i].text);
        assert_int_equal(*c.list[i].by == '\0',
                         c.list[i].holding == CGIW_MISSING);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mounts),
        cmocka_unit_test(more_mounts_than_there_is_room_for),
        cmocka_unit_test(nproc),
        cmocka_unit_test(names),
        cmocka_unit_test(without_groups),
        cmocka_unit_test(capabilities),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
