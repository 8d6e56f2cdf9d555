#include "cmocka_first.h"
#include "design.h"
#include "err.h"
#include "pictures.h"
#include "strip.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A directory of designs, and the clock that the set is told. */
static char dir[64];
static struct counter_designs *set;
static time_t now;

static int setup(void **state)
{
    (void)state;
    make_temp(dir);
    now = 1000;
    return counter_designs_open(dir, &set, NULL);
}

static int teardown(void **state)
{
    (void)state;
    counter_designs_close(set);
    remove_temp(dir);
    return 0;
}

static const char *in_dir(const char *name, const char *file)
{
    static char path[256];

    (void)snprintf(path, sizeof path, "%s/%s%s%s", dir, name, *file ? "/" : "",
                   file);
    return path;
}

static void make_dir(const char *name)
{
    assert_int_equal(mkdir(in_dir(name, ""), 0755), 0);
}

/* A strip of ten glyphs, each side pixels wide and high. */
static uint8_t *strip(unsigned side, size_t *len)
{
    uint8_t pixels[10 * 32 * 32];
    struct counter_canvas c = {.width = 10 * side,
                               .height = side,
                               .pixels = pixels,
                               .palette = {.n = 4, .transparent = -1}};
    uint8_t *data;

    for (unsigned i = 0; i < 4; i++) {
        memset(c.palette.rgb[i], (int)(i * 80), 3);
    }
    for (unsigned i = 0; i < c.width * c.height; i++) {
        pixels[i] = (uint8_t)(i % 4);
    }
    assert_int_equal(counter_gif_encode(&c, &from_heap, &data, len), OMK_OK);
    return data;
}

/* As an upload does it: the new file takes the old one's name. */
static void put_file(const char *name, const char *file, const void *data,
                     size_t len)
{
    char new[256];

    (void)snprintf(new, sizeof new, "%s", in_dir(name, "new"));
    write_whole(new, data, len);
    assert_int_equal(rename(new, in_dir(name, file)), 0);
}

static void put_strip(const char *name, const char *file, unsigned side)
{
    size_t len;
    uint8_t *data = strip(side, &len);

    put_file(name, file, data, len);
    free(data);
}

static void put_singles(const char *name, unsigned side)
{
    for (unsigned g = 0; g < COUNTER_DIGITS; g++) {
        put_strip(name, counter_glyph_files[g], side);
    }
}

/* What name is now: its height; or a negative code. *told takes the report
 * that comes with a success. */
static int height_of(const char *name, bool istrip, struct omk_err *told)
{
    const struct counter_design *d;
    struct omk_err err = {0};
    int rc = counter_designs_get(set, name, istrip, now, &d, &err);

    if (rc == OMK_OK) {
        rc = (int)d->height;
        counter_design_put(d);
    }
    else {
        assert_int_equal(err.code, rc);
        assert_true(err.text[0] != '\0');
    }
    if (told) {
        *told = err;
    }
    return rc;
}

static void expect(const char *label, int have, int want)
{
    if (have != want) {
        fail_msg("%s: %d, not %d", label, have, want);
    }
}

static void appears(void **state)
{
    (void)state;
    expect("before", height_of("new", true, NULL), OMK_ENOENT);
    make_dir("new");
    expect("empty", height_of("new", true, NULL), OMK_ENOENT);
    put_strip("new", "strip.gif", 15);
    expect("there", height_of("new", true, NULL), 15);
}

static void changes_within_a_second(void **state)
{
    (void)state;
    make_dir("d");
    put_strip("d", "strip.gif", 15);
    expect("old", height_of("d", true, NULL), 15);
    put_strip("d", "strip.gif", 20);
    expect("the same second", height_of("d", true, NULL), 15);
    now++;
    expect("the next second", height_of("d", true, NULL), 20);
    now++;
    expect("and on", height_of("d", true, NULL), 20);
}

/* A file that has just been written may be written again within one tick of
 * the clock of the file's times, with the same size: it is read again until it
 * has come to rest. */
static void changes_under_a_fresh_clock(void **state)
{
    enum { RED = 13 + 3 }; /* of the second colour */
    size_t len;
    uint8_t *data = strip(8, &len);

    (void)state;
    make_dir("d");
    now = time(NULL);
    for (unsigned red = 100; red < 200; red++) {
        const struct counter_design *d;

        data[RED] = (uint8_t)red;
        write_whole(in_dir("d", "strip.gif"), data, len);
        assert_int_equal(counter_designs_get(set, "d", true, now, &d, NULL),
                         OMK_OK);
        assert_int_equal(d->palette.rgb[1][0], red);
        counter_design_put(d);
        now += red % 2 ? 1 : -1; /* the clock stays near the file's times */
    }
    free(data);
}

static void broken_keeps_the_old(void **state)
{
    struct omk_err told;

    (void)state;
    make_dir("d");
    put_strip("d", "strip.gif", 15);
    expect("old", height_of("d", true, &told), 15);
    expect("old: no report", told.code, OMK_OK);
    put_file("d", "strip.gif", "GIF89a", 6);
    now++;
    expect("broken", height_of("d", true, &told), 15);
    expect("broken: report", told.code, OMK_EINVAL);
    assert_string_equal(told.where, "d/strip.gif");
    expect("the same second", height_of("d", true, &told), 15);
    expect("told once", told.code, OMK_OK);
    now++;
    expect("later", height_of("d", true, &told), 15);
    expect("later: told once", told.code, OMK_OK);
    put_file("d", "strip.gif", "GIF87a", 6);
    now++;
    expect("broken anew", height_of("d", true, &told), 15);
    expect("broken anew: report", told.code, OMK_EINVAL);
    put_strip("d", "strip.gif", 20);
    now++;
    expect("mended", height_of("d", true, &told), 20);
    expect("mended: no report", told.code, OMK_OK);
}

/* The same while the file is so new that it is read again each second. */
static void broken_and_fresh(void **state)
{
    struct omk_err told;

    (void)state;
    make_dir("d");
    put_strip("d", "strip.gif", 15);
    now = time(NULL);
    expect("old", height_of("d", true, NULL), 15);
    put_file("d", "strip.gif", "GIF89a", 6);
    now++;
    expect("broken", height_of("d", true, &told), 15);
    expect("broken: report", told.code, OMK_EINVAL);
    now--;
    expect("read again", height_of("d", true, &told), 15);
    expect("read again: told once", told.code, OMK_OK);
}

static void broken_from_the_start(void **state)
{
    (void)state;
    make_dir("d");
    put_file("d", "strip.gif", "no GIF", 6);
    expect("broken", height_of("d", true, NULL), OMK_EINVAL);
    expect("again", height_of("d", true, NULL), OMK_EINVAL);
    now++;
    expect("later", height_of("d", true, NULL), OMK_EINVAL);
    put_strip("d", "strip.gif", 9);
    now++;
    expect("mended", height_of("d", true, NULL), 9);
}

static void goes_away(void **state)
{
    const struct counter_design *held;

    (void)state;
    make_dir("d");
    put_strip("d", "strip.gif", 15);
    assert_int_equal(counter_designs_get(set, "d", true, now, &held, NULL),
                     OMK_OK);
    assert_int_equal(unlink(in_dir("d", "strip.gif")), 0);
    assert_int_equal(rmdir(in_dir("d", "")), 0);
    now++;
    expect("gone", height_of("d", true, NULL), OMK_ENOENT);
    /* who holds it may go on */
    assert_int_equal(held->height, 15);
    assert_int_equal(held->pixels[0], 0);
    counter_design_put(held);
    make_dir("d");
    put_strip("d", "strip.gif", 20);
    now++;
    expect("back", height_of("d", true, NULL), 20);
}

static void layout_file(void **state)
{
    const struct counter_design *d;

    (void)state;
    make_dir("d");
    put_strip("d", "strip.gif", 15);
    expect("even", height_of("d", true, NULL), 15);
    put_file("d", "strip.txt", "10:0:5:30:45:60:75:90:105:120:135:150\n", 38);
    now++;
    assert_int_equal(counter_designs_get(set, "d", true, now, &d, NULL),
                     OMK_OK);
    assert_int_equal(d->glyphs[0].width, 5);
    assert_int_equal(d->glyphs[1].width, 25);
    counter_design_put(d);
    put_file("d", "strip.txt", "10:0:5", 6);
    now++;
    expect("bad text keeps the old", height_of("d", true, NULL), 15);
}

static void single_images(void **state)
{
    (void)state;
    make_dir("d");
    put_singles("d", 7);
    expect("istrip=T without a strip", height_of("d", true, NULL), 7);
    put_strip("d", "strip.gif", 15);
    now++;
    expect("istrip=T", height_of("d", true, NULL), 15);
    expect("istrip=F", height_of("d", false, NULL), 7);
    put_strip("d", "eight.gif", 9);
    now++;
    expect("a new eight", height_of("d", false, NULL), 9);
    put_strip("d", "colon.gif", 12);
    now++;
    expect("a colon", height_of("d", false, NULL), 12);
    assert_int_equal(unlink(in_dir("d", "zero.gif")), 0);
    now++;
    expect("without a zero there are none", height_of("d", false, NULL),
           OMK_ENOENT);
}

static void no_single_images(void **state)
{
    (void)state;
    make_dir("d");
    put_strip("d", "strip.gif", 15);
    expect("istrip=F of a strip", height_of("d", false, NULL), OMK_ENOENT);
}

static void symbolic_links(void **state)
{
    char target[256];

    (void)state;
    make_dir("real");
    put_strip("real", "strip.gif", 15);
    assert_int_equal(symlink("real", in_dir("dirlink", "")), 0);
    expect("a link to a directory", height_of("dirlink", true, NULL),
           OMK_EINVAL);
    make_dir("d");
    (void)snprintf(target, sizeof target, "%s", in_dir("real", "strip.gif"));
    assert_int_equal(symlink(target, in_dir("d", "strip.gif")), 0);
    expect("a link to a strip", height_of("d", true, NULL), OMK_EINVAL);
    make_dir("s");
    put_singles("s", 7);
    assert_int_equal(unlink(in_dir("s", "two.gif")), 0);
    assert_int_equal(symlink(target, in_dir("s", "two.gif")), 0);
    expect("a link to a single image", height_of("s", true, NULL), OMK_EINVAL);
}

static void no_files(void **state)
{
    (void)state;
    make_dir("fifo");
    assert_int_equal(mkfifo(in_dir("fifo", "strip.gif"), 0644), 0);
    (void)alarm(20); /* should the open wait for a writer */
    expect("a fifo", height_of("fifo", true, NULL), OMK_EINVAL);
    (void)alarm(0);
    make_dir("dir");
    assert_int_equal(mkdir(in_dir("dir", "strip.gif"), 0755), 0);
    expect("a directory", height_of("dir", true, NULL), OMK_EINVAL);
    write_whole(in_dir("file", ""), "x", 1);
    expect("a file in the design's place", height_of("file", true, NULL),
           OMK_EINVAL);
    make_dir("large");
    write_whole(in_dir("large", "strip.gif"), "", 0);
    assert_int_equal(
        truncate(in_dir("large", "strip.gif"), COUNTER_STRIP_BYTES_MAX + 1), 0);
    expect("too large", height_of("large", true, NULL), OMK_ERANGE);
}

static void bad_names(void **state)
{
    static const char *const names[] = {"",    ".",   "..",  "../d", "d/",
                                        "/d",  "d.x", "d d", "d\n",  "\xc3\xa9",
                                        "d/e", "*",   "d\\e"};
    char longest[] = "0123456789012345678901234567890123456789"
                     "012345678901234567890123";

    (void)state;
    make_dir("d");
    put_strip("d", "strip.gif", 15);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        expect(names[i], height_of(names[i], true, NULL), OMK_EINVAL);
    }
    assert_int_equal(strlen(longest), 64);
    expect("64 characters", height_of(longest, true, NULL), OMK_EINVAL);
    longest[63] = '\0';
    make_dir(longest);
    put_strip(longest, "strip.gif", 8);
    expect("63 characters", height_of(longest, true, NULL), 8);
}

static void no_designs_at_all(void **state)
{
    (void)state;
    remove_temp(dir);
    expect("no directory", height_of("A", true, NULL), OMK_ENOENT);
}

/* Readers go on while the file changes under them. */
static void *read_often(void *arg)
{
    long *wrong = arg;

    for (time_t t = 1; t <= 400; t++) {
        const struct counter_design *d;

        if (counter_designs_get(set, "d", true, t, &d, NULL) != OMK_OK) {
            ++*wrong;
            continue;
        }
        *wrong += d->width != 10 * d->height || d->pixels[1] != 1;
        counter_design_put(d);
    }
    return NULL;
}

static void threads(void **state)
{
    pthread_t id[4];
    long wrong[4] = {0};

    (void)state;
    make_dir("d");
    put_strip("d", "strip.gif", 15);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&id[i], NULL, read_often, &wrong[i]),
                         0);
    }
    for (unsigned i = 0; i < 60; i++) {
        put_strip("d", "strip.gif", 5 + i % 20);
    }
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(id[i], NULL), 0);
        assert_int_equal(wrong[i], 0);
    }
}

#define WITH_DIR(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DIR(appears),
        WITH_DIR(changes_within_a_second),
        WITH_DIR(changes_under_a_fresh_clock),
        WITH_DIR(broken_keeps_the_old),
        WITH_DIR(broken_and_fresh),
        WITH_DIR(broken_from_the_start),
        WITH_DIR(goes_away),
        WITH_DIR(layout_file),
        WITH_DIR(single_images),
        WITH_DIR(no_single_images),
        WITH_DIR(symbolic_links),
        WITH_DIR(no_files),
        WITH_DIR(bad_names),
        WITH_DIR(no_designs_at_all),
        WITH_DIR(threads),
    };

    return cmocka_run_group_tests_name("design", tests, NULL, NULL);
}
