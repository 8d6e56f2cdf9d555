/* Starts two programs in turns and prints what each process cost, user and
 * system time as wait4(2) tells it:
 *
 *   spawn RUNS PROGRAM_A PROGRAM_B
 *
 * One line a pair: microseconds of A, microseconds of B. The environment is
 * handed on, with REMOTE_ADDR another each time; standard output is
 * /dev/null. */
#include "err.h"
#include "num.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static long us_of(const struct rusage *u)
{
    return (u->ru_utime.tv_sec + u->ru_stime.tv_sec) * 1000000L
           + u->ru_utime.tv_usec + u->ru_stime.tv_usec;
}

/* -1: it could not be started, or did not end with 0. */
static long cost_us(const char *program)
{
    struct rusage usage;
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        (void)execl(program, program, (char *)NULL);
        _exit(127);
    }
    if (pid < 0 || wait4(pid, &status, 0, &usage) != pid || status != 0) {
        return -1;
    }
    return us_of(&usage);
}

int main(int argc, char **argv)
{
    FILE *results = fdopen(dup(STDOUT_FILENO), "w");
    uint64_t runs;

    if (argc != 4
        || omk_num_u64(argv[1], strlen(argv[1]), 1, 1000000, &runs)
               != OMK_OK) {
        (void)fprintf(stderr, "usage: spawn RUNS PROGRAM_A PROGRAM_B\n");
        return 64;
    }
    if (!results || fcntl(fileno(results), F_SETFD, FD_CLOEXEC) != 0
        || !freopen("/dev/null", "w", stdout)) {
        perror("spawn");
        return 1;
    }
    for (uint64_t i = 0; i < runs; i++) {
        char address[16];
        long a, b;

        (void)snprintf(address, sizeof address, "10.0.%u.%u",
                       (unsigned)(i >> 8 & 255), (unsigned)(i & 255));
        (void)setenv("REMOTE_ADDR", address, 1);
        a = cost_us(argv[2]);
        b = cost_us(argv[3]);
        if (a < 0 || b < 0) {
            (void)fprintf(stderr, "spawn: %s failed\n",
                          argv[a < 0 ? 2 : 3]);
            return 1;
        }
        (void)fprintf(results, "%ld %ld\n", a, b);
    }
    return fclose(results) == 0 ? 0 : 1;
}
