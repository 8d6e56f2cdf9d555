/* keep DIR FILE: copies FILE into DIR as a closed log, has it compressed and
 * put in its place, and prints bytes a second. */
#include "keep.h"
#include "lock.h"
#include "place.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int die(const char *what)
{
    perror(what);
    return 1;
}

int main(int argc, char **argv)
{
    char name[WEBLOG_NAME_MAX];
    struct stat st;
    double began;
    int in, out, dir, lock, error;

    if (argc != 3) {
        return 64;
    }
    dir = open(argv[1], O_RDONLY | O_DIRECTORY);
    in = open(argv[2], O_RDONLY);
    lock = open("/dev/shm", O_RDWR | O_TMPFILE, 0600);
    if (dir < 0 || in < 0 || lock < 0 || fstat(in, &st) != 0) {
        return die(argv[1]);
    }
    weblog_name_closed(name, WEBLOG_ACCESS, 1);
    out = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    for (off_t left = st.st_size; left > 0;) {
        ssize_t n = out < 0 ? -1 : sendfile(out, in, NULL, (size_t)left);

        if (n <= 0) {
            return die(name);
        }
        left -= n;
    }
    /* A log was written over hours: its own way to the disk is not measured. */
    if (fsync(out) != 0) {
        return die(name);
    }
    began = now();
    error = weblog_keep_one(dir, WEBLOG_ACCESS, lock, 2, WEBLOG_LEVEL);
    if (error) {
        (void)fprintf(stderr, "%s\n", strerror(error));
        return 1;
    }
    (void)printf("%.0f\n", (double)st.st_size / (now() - began));
    return 0;
}
