#include "capabilities.h"

#include "cgroup.h"
#include "confine.h"
#include "json.h"
#include "limits.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void add(struct cgiw_capabilities *c, const char *name,
                enum cgiw_holding holding, const char *by, const char *format,
                ...) __attribute__((format(printf, 5, 6)));

static void add(struct cgiw_capabilities *c, const char *name,
                enum cgiw_holding holding, const char *by, const char *format,
                ...)
{
    struct cgiw_capability *one = &c->list[c->count++];
    va_list ap;

    one->name = name;
    one->holding = holding;
    (void)snprintf(one->by, sizeof one->by, "%s", by);
    va_start(ap, format);
    (void)vsnprintf(one->text, sizeof one->text, format, ap);
    va_end(ap);
}

struct source {
    const struct cgiw_cgroup *cg;
    unsigned holds;
    char why[CGIW_CAPABILITY_TEXT];
};

/* Why there are none at all, is said once. */
static bool held(struct source *s, enum cgiw_holds hold)
{
    (void)snprintf(s->why, sizeof s->why, "no control groups");
    if (s->holds) {
        (void)cgiw_cgroup_why(s->cg, hold, s->why, sizeof s->why);
    }
    return s->holds & hold;
}

static void group(struct cgiw_capabilities *c, struct source *s)
{
    if (s->holds) {
        add(c, "group", CGIW_HELD, "cgroup", "scripts run below %s",
            cgiw_cgroup_path(s->cg));
        return;
    }
    (void)cgiw_cgroup_why(s->cg, CGIW_HOLDS_KILL, s->why, sizeof s->why);
    add(c, "group", CGIW_MISSING, "", "%s", s->why);
}

static void memory(struct cgiw_capabilities *c, struct source *s)
{
    bool swap = held(s, CGIW_HOLDS_SWAP);

    if (held(s, CGIW_HOLDS_MEMORY)) {
        add(c, "memory", swap ? CGIW_HELD : CGIW_PARTLY, s->why,
            "all processes of a run together, files in page cache and tmpfs "
            "included%s",
            swap ? ", no swap"
                 : "; swap is not limited (boot with swapaccount=1)");
        return;
    }
    add(c, "memory", CGIW_PARTLY, "RLIMIT_AS",
        "each process by itself, by address space; a run with many processes "
        "may use more: %s",
        s->why);
}

static void processes(struct cgiw_capabilities *c, struct source *s)
{
    if (held(s, CGIW_HOLDS_PROCESSES)) {
        add(c, "processes", CGIW_HELD, s->why,
            "processes and threads of a run together");
        return;
    }
    add(c, "processes", CGIW_PARTLY, "RLIMIT_NPROC",
        "all runs of a user at once, and %d more for what is no script's; a "
        "single run is looked at once a second: %s",
        CGIW_NPROC_OTHERS, s->why);
}

static void cpu_time(struct cgiw_capabilities *c, struct source *s)
{
    if (held(s, CGIW_HOLDS_CPU_TIME)) {
        add(c, "cpu-time", CGIW_HELD, s->why,
            "all processes of a run together, looked at once a second; each "
            "one by RLIMIT_CPU at once");
        return;
    }
    add(c, "cpu-time", CGIW_PARTLY, "RLIMIT_CPU",
        "each process at once; the run's total from /proc once a second, "
        "without what ended unseen: %s",
        s->why);
}

static bool has_autogroup(void)
{
    char value = '0';
    int fd =
        open("/proc/sys/kernel/sched_autogroup_enabled", O_RDONLY | O_CLOEXEC);

    if (fd >= 0) {
        (void)!read(fd, &value, 1);
        close(fd);
    }
    return value == '1';
}

static void cpu_weight(struct cgiw_capabilities *c, struct source *s)
{
    if (held(s, CGIW_HOLDS_CPU_WEIGHT)) {
        add(c, "cpu-weight", CGIW_HELD, s->why,
            "all scripts together weigh a tenth of the server's own "
            "processes; each user as much as another");
        return;
    }
    if (has_autogroup()) {
        add(c, "cpu-weight", CGIW_PARTLY, "autogroup",
            "each session of a script's weighs a tenth of another session; "
            "many runs weigh more: %s",
            s->why);
        return;
    }
    add(c, "cpu-weight", CGIW_PARTLY, "nice",
        "each process weighs a tenth of one of the server's; many weigh more: "
        "%s",
        s->why);
}

static void tree_kill(struct cgiw_capabilities *c, struct source *s)
{
    if (held(s, CGIW_HOLDS_KILL)) {
        add(c, "tree-kill", CGIW_HELD, s->why,
            "whatever a run has started dies with it, at once");
        return;
    }
    add(c, "tree-kill", CGIW_HELD, "subreaper",
        "whatever a run has started is stopped, then killed, in a few passes "
        "over /proc: %s",
        s->why);
}

static void peak(struct cgiw_capabilities *c, struct source *s)
{
    if (held(s, CGIW_HOLDS_PEAK)) {
        add(c, "memory-peak", CGIW_HELD, s->why,
            "the usage log has the most that a run used at once");
        return;
    }
    add(c, "memory-peak", CGIW_PARTLY, "getrusage",
        "the usage log has the most of a run's largest process: %s", s->why);
}

/* Of every Linux: no name of the walk is a link or "..", so that there is
 * nothing for openat2(2) to hold back. */
static void walk(struct cgiw_capabilities *c)
{
    add(c, "path-walk", CGIW_HELD, "openat",
        "a script is reached a name at a time beneath its site's root, and no "
        "link is followed that was not looked at");
}

static void confine(struct cgiw_capabilities *c)
{
    int version = cgiw_confine_version();
    char by[32];

    if (version) {
        (void)snprintf(by, sizeof by, "Landlock %d", version);
        add(c, "confine", version < 3 ? CGIW_PARTLY : CGIW_HELD, by,
            "sites with CGIWrapperConfine can be kept to their own "
            "directories%s",
            version < 3 ? "; files elsewhere can still be truncated by who may "
                          "write them (Linux 6.2)"
                        : "");
        return;
    }
    add(c, "confine", CGIW_MISSING, "",
        "sites with CGIWrapperConfine are refused: the kernel has no Landlock "
        "(Linux 5.13 and newer, lsm=landlock,… at boot)");
}

void cgiw_capabilities_probe(const struct cgiw_cgroup *cg,
                             struct cgiw_capabilities *out)
{
    struct source s = {.cg = cg, .holds = cgiw_cgroup_holds(cg)};

    memset(out, 0, sizeof *out);
    group(out, &s);
    memory(out, &s);
    processes(out, &s);
    cpu_time(out, &s);
    cpu_weight(out, &s);
    tree_kill(out, &s);
    peak(out, &s);
    walk(out);
    confine(out);
}

size_t cgiw_capabilities_text(const struct cgiw_capabilities *c, char *out,
                              size_t size)
{
    size_t len = 0;

    for (size_t i = 0; i < c->count; i++) {
        const struct cgiw_capability *one = &c->list[i];
        int n = snprintf(out + len, size - len, "%s: %s: %s\n", one->name,
                         *one->by ? one->by : "missing", one->text);

        if (n < 0 || (size_t)n >= size - len) {
            return 0;
        }
        len += (size_t)n;
    }
    return len;
}

size_t cgiw_capabilities_json(const struct cgiw_capabilities *c, char *out,
                              size_t size)
{
    static const char *const holding[] = {"held", "partly", "missing"};
    size_t len = 0;

    for (size_t i = 0; i < c->count; i++) {
        const struct cgiw_capability *one = &c->list[i];
        const char *h = holding[one->holding];
        struct cgiw_json json;
        size_t n;

        if (len + 1 >= size) {
            return 0;
        }
        cgiw_json_begin(&json, out + len, size - len - 1);
        cgiw_json_string(&json, "name", one->name, strlen(one->name));
        cgiw_json_string(&json, "holding", h, strlen(h));
        cgiw_json_string(&json, "by", one->by, strlen(one->by));
        cgiw_json_string(&json, "text", one->text, strlen(one->text));
        n = cgiw_json_end(&json);
        if (!n) {
            return 0;
        }
        len += n;
    }
    out[len] = '\0';
    return len;
}
