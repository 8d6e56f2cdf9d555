/* deflate FILE: bytes a second of zlib's deflate of a file in memory, in one
 * call, at the level that the logger has. */
#include "keep.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <zlib.h>

static double now(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    FILE *f = argc == 2 ? fopen(argv[1], "r") : NULL;
    z_stream z = {0};
    unsigned char *in, *out;
    double began;
    long size;
    uLong bound;

    if (!f || fseek(f, 0, SEEK_END) != 0 || (size = ftell(f)) <= 0
        || deflateInit2(&z, WEBLOG_LEVEL, Z_DEFLATED, MAX_WBITS + 16, 8,
                        Z_DEFAULT_STRATEGY)
               != Z_OK) {
        return 1;
    }
    rewind(f);
    bound = deflateBound(&z, (uLong)size);
    in = malloc((size_t)size);
    out = malloc(bound);
    if (!in || !out || fread(in, 1, (size_t)size, f) != (size_t)size) {
        return 1;
    }
    z.next_in = in;
    z.avail_in = (uInt)size;
    z.next_out = out;
    z.avail_out = (uInt)bound;
    began = now();
    if (deflate(&z, Z_FINISH) != Z_STREAM_END) {
        return 1;
    }
    (void)printf("%.0f\n", (double)size / (now() - began));
    (void)deflateEnd(&z);
    (void)fclose(f);
    return 0;
}
