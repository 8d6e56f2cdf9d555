/* A main for fuzz targets without libFuzzer: feeds every file of the
 * directories given (or of the target's own corpus, CORPUS) to the target, and
 * speaks TAP, a test a directory. A finding ends the program; the last line
 * then names the file. */
#include "fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* From a buffer of exactly the file's size, so that ASan sees an overread. */
static int feed(const char *path)
{
    FILE *f = fopen(path, "rb");
    struct stat st;
    uint8_t *data = NULL;
    int ok = 0;

    if (f && fstat(fileno(f), &st) == 0 && S_ISREG(st.st_mode)) {
        size_t len = (size_t)st.st_size;

        data = malloc(len ? len : 1);
        ok = data && fread(data, 1, len, f) == len;
        if (ok) {
            printf("# %s\n", path);
            (void)fflush(stdout);
            (void)LLVMFuzzerTestOneInput(data, len);
        }
    }
    free(data);
    if (f) {
        (void)fclose(f);
    }
    return ok;
}

/* How many files it fed; -1 when one could not be read. */
static long replay(const char *dir)
{
    DIR *d = opendir(dir);
    struct dirent *e;
    long fed = 0;

    if (!d) {
        printf("# %s: %s\n", dir, strerror(errno));
        return -1;
    }
    while (fed >= 0 && (e = readdir(d))) {
        char path[4096];

        if (e->d_name[0] == '.') {
            continue;
        }
        (void)snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        fed = feed(path) ? fed + 1 : -1;
    }
    (void)closedir(d);
    return fed;
}

int main(int argc, char **argv)
{
    const char *own[] = {CORPUS};
    int count = argc > 1 ? argc - 1 : 1;
    int failed = 0;

    (void)LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    printf("1..%d\n", count);
    for (int i = 0; i < count; i++) {
        const char *dir = argc > 1 ? argv[i + 1] : own[0];
        long fed = replay(dir);

        failed |= fed < 1;
        printf("%sok %d - %ld inputs of %s\n", fed < 1 ? "not " : "", i + 1,
               fed, strrchr(dir, '/') ? strrchr(dir, '/') + 1 : dir);
    }
    return failed;
}
