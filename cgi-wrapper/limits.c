#include "limits.h"

#include "cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define STR(n) #n
#define DIGITS(n) STR(n)

void cgiw_signals_default(void)
{
    /* The kernel's struct sigaction, of any machine's size; SIG_DFL is 0. */
    static const char as_it_was[128];

    for (int sig = 1; sig < SIGRTMIN; sig++) {
        if (signal(sig, SIG_DFL) == SIG_ERR) { /* KILL and STOP cannot be */
            (void)syscall(SYS_rt_sigaction, sig, as_it_was, NULL,
                          (NSIG - 1) / 8);
        }
    }
    for (int sig = SIGRTMIN; sig <= SIGRTMAX; sig++) {
        (void)signal(sig, SIG_DFL);
    }
}

/* Never above what the daemon has itself: that takes a capability. */
static int lower(__rlimit_resource_t resource, rlim_t soft, rlim_t hard)
{
    struct rlimit r, now;

    if (getrlimit(resource, &now)) {
        return -errno;
    }
    r.rlim_max = hard < now.rlim_max ? hard : now.rlim_max;
    r.rlim_cur = soft < r.rlim_max ? soft : r.rlim_max;
    if (r.rlim_cur == now.rlim_cur && r.rlim_max == now.rlim_max) {
        return 0;
    }
    return setrlimit(resource, &r) ? -errno : 0;
}

rlim_t cgiw_limits_nproc(const struct cgiw_limits *limits)
{
    rlim_t runs = limits->concurrent ? limits->concurrent : CGIW_NPROC_RUNS;

    if (!limits->processes) {
        return RLIM_INFINITY;
    }
    return runs * limits->processes + CGIW_NPROC_OTHERS;
}

int cgiw_rlimits_before(const struct cgiw_limits *limits, unsigned holds)
{
    rlim_t cpu = limits->cpu_s, memory = limits->memory_bytes;
    int rc;

    if ((rc = lower(RLIMIT_CORE, 0, 0)) || (rc = lower(RLIMIT_NICE, 0, 0))
        || (rc = lower(RLIMIT_RTPRIO, 0, 0))
        || (rc = lower(RLIMIT_MEMLOCK, 8 << 20, 8 << 20))
        || (rc = lower(RLIMIT_NOFILE, 1024, 4096))
        || (rc = lower(RLIMIT_FSIZE, RLIM_INFINITY, RLIM_INFINITY))) {
        return rc;
    }
    if (cpu && (rc = lower(RLIMIT_CPU, cpu, cpu + 1))) {
        return rc;
    }
    return memory && !(holds & CGIW_HOLDS_MEMORY)
               ? lower(RLIMIT_AS, memory, memory)
               : 0;
}

int cgiw_rlimits_after(const struct cgiw_limits *limits, unsigned holds)
{
    rlim_t most = cgiw_limits_nproc(limits);

    if (holds & CGIW_HOLDS_PROCESSES || most == RLIM_INFINITY) {
        return 0;
    }
    return lower(RLIMIT_NPROC, most, most);
}

void cgiw_give_way(void)
{
    static const char nice_value[] = DIGITS(CGIW_NICE);
    int fd = open("/proc/self/autogroup", O_WRONLY | O_CLOEXEC);

    /* Neither keeps a run from being right, only neighbours from being fast. */
    if (fd >= 0) {
        (void)!write(fd, nice_value, sizeof nice_value - 1);
        close(fd);
    }
    (void)setpriority(PRIO_PROCESS, 0, CGIW_NICE);
}
