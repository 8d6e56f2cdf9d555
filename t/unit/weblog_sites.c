/* The logs of sites in directories of their own: written, closed, compressed,
 * by one logger and by two. */
#include "cmocka_first.h"
#include "keep.h"
#include "lock.h"
#include "place.h"
#include "sites.h"
#include "workers.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

static char dir[64];
static int srv;
static char said[8192];
static unsigned closed;

static const char *at(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

static const char *at(const char *format, ...)
{
    static char path[4][512];
    static unsigned turn;
    char name[400];
    va_list ap;

    va_start(ap, format);
    (void)vsnprintf(name, sizeof name, format, ap);
    va_end(ap);
    turn = (turn + 1) % 4;
    (void)snprintf(path[turn], sizeof path[turn], "%s/%s", dir, name);
    return path[turn];
}

static void make_site(const char *login)
{
    assert_int_equal(mkdir(at("%s", login), 0755), 0);
    assert_int_equal(mkdir(at("%s/log", login), 0755), 0);
}

static int set_up(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/omakase-weblog-XXXXXX");
    assert_non_null(mkdtemp(dir));
    srv = open(dir, O_RDONLY | O_DIRECTORY);
    assert_true(srv >= 0);
    make_site("alice");
    make_site("bob");
    said[0] = '\0';
    closed = 0;
    return 0;
}

static int tear_down(void **state)
{
    char command[128];

    (void)state;
    close(srv);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", dir);
    return system(command);
}

static void say(void *ctx, const char *line)
{
    (void)ctx;
    (void)snprintf(said + strlen(said), sizeof said - strlen(said), "%s\n",
                   line);
}

static void one_closed(void *ctx, const char *login)
{
    (void)ctx;
    (void)login;
    closed++;
}

static int open_lock(void)
{
    int fd = open(at(".lock"), O_RDWR | O_CREAT, 0600);

    assert_true(fd >= 0);
    return fd;
}

static struct weblog_sites *new_sites(uint64_t size, unsigned open_max,
                                      uint64_t wait_max)
{
    struct weblog_conf conf = {
        .srv = srv,
        .lock_fd = open_lock(),
        .size = size,
        .open_max = open_max,
        .wait_max = wait_max,
        .site_max = wait_max / 2,
        .closed = one_closed,
        .say = say,
    };
    struct weblog_sites *s = weblog_sites_new(&conf);

    assert_non_null(s);
    return s;
}

static struct weblog_sites *sites(uint64_t size)
{
    return new_sites(size, 100, 1 << 20);
}

static void put(struct weblog_sites *s, const char *line)
{
    weblog_sites_line(s, line, strlen(line));
}

/* The file's text, unpacked where it is compressed; "" where there is none. */
static const char *text_of(const char *path)
{
    static char text[2][1 << 20];
    static unsigned turn;
    gzFile gz = gzopen(path, "r");
    int n;

    turn ^= 1;
    text[turn][0] = '\0';
    if (!gz) {
        return text[turn];
    }
    n = gzread(gz, text[turn], sizeof text[turn] - 1);
    assert_true(n >= 0);
    text[turn][n] = '\0';
    assert_int_equal(gzclose(gz), Z_OK);
    return text[turn];
}

static void write_text(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static mode_t mode_of(const char *path)
{
    struct stat st;

    assert_int_equal(stat(path, &st), 0);
    return st.st_mode & 07777;
}

/* --- writing ------------------------------------------------------------- */

static void each_line_goes_to_its_site(void **state)
{
    struct weblog_sites *s = sites(1 << 20);
    mode_t umask_was = umask(077);

    (void)state;
    put(s, "alice a one");
    put(s, "bob a two");
    put(s, "alice e three");
    put(s, "alice a four");
    assert_int_equal(weblog_sites_waiting(s), 4 + 4 + 6 + 5);
    (void)weblog_sites_flush(s, 0);
    (void)umask(umask_was);
    assert_int_equal(weblog_sites_waiting(s), 0);
    {
        char *longest = malloc(8000);

        /* mod_weblog makes none such. */
        assert_non_null(longest);
        memset(longest, 'x', 8000);
        memcpy(longest, "alice a ", 8);
        weblog_sites_line(s, longest, 8000);
        weblog_sites_line(s, longest, WEBLOG_LINE_MAX);
        assert_int_equal(weblog_sites_waiting(s), 0);
        said[0] = '\0';
        free(longest);
    }
    assert_string_equal(text_of(at("alice/log/web.log")), "one\nfour\n");
    assert_string_equal(text_of(at("alice/log/error.log")), "three\n");
    assert_string_equal(text_of(at("bob/log/web.log")), "two\n");
    assert_int_equal(access(at("bob/log/error.log"), F_OK), -1);
    assert_int_equal(mode_of(at("alice/log/web.log")), 0644);
    assert_string_equal(said, "");
    weblog_sites_free(s);
}

static void strangers_write_nowhere(void **state)
{
    struct weblog_sites *s = sites(1 << 20);

    (void)state;
    put(s, "../alice a one");
    put(s, "[date] httpd's own");
    put(s, "nobody a two");
    (void)weblog_sites_flush(s, 0);
    assert_int_equal(weblog_sites_waiting(s), 0);
    assert_int_equal(weblog_sites_open(s), 0);
    assert_string_equal(
        said, "OMK0501: 1 lines were no line of mod_weblog's, the last: "
              "../alice a one\n"
              "OMK0507: 1 lines of customers without log/ were dropped, the "
              "last of nobody\n");
    /* Told again, and how many it were, a minute later. */
    said[0] = '\0';
    (void)weblog_sites_flush(s, 61000);
    put(s, "\x1b[31m");
    assert_string_equal(said, "OMK0501: 2 lines were no line of mod_weblog's, "
                              "the last: ?[31m\n");
    weblog_sites_free(s);
}

static void files_that_are_open_have_a_bound(void **state)
{
    struct weblog_sites *s = new_sites(1 << 20, 6, 1 << 20);
    char login[16], line[32];

    (void)state;
    for (int round = 0; round < 3; round++) {
        for (int i = 10; i < 40; i++) {
            (void)snprintf(login, sizeof login, "site%d", i);
            if (!round) {
                make_site(login);
            }
            (void)snprintf(line, sizeof line, "%s a round %d", login, round);
            put(s, line);
            (void)snprintf(line, sizeof line, "%s e round %d", login, round);
            put(s, line);
        }
        (void)weblog_sites_flush(s, round);
        assert_in_range(weblog_sites_open(s), 3, 6);
    }
    for (int i = 10; i < 40; i++) {
        assert_string_equal(text_of(at("site%d/log/web.log", i)),
                            "round 0\nround 1\nround 2\n");
        assert_string_equal(text_of(at("site%d/log/error.log", i)),
                            "round 0\nround 1\nround 2\n");
    }
    assert_string_equal(said, "");
    weblog_sites_free(s);
}

static void idle_files_are_closed(void **state)
{
    struct weblog_sites *s = sites(1 << 20);
    int wait;

    (void)state;
    assert_int_equal(weblog_sites_flush(s, 0), -1);
    put(s, "alice a one");
    wait = weblog_sites_flush(s, 1000);
    assert_in_range(wait, 1, 60000);
    assert_int_equal(weblog_sites_open(s), 2);
    assert_int_equal(weblog_sites_flush(s, 1000 + wait), -1);
    assert_int_equal(weblog_sites_open(s), 0);
    put(s, "alice a two");
    (void)weblog_sites_flush(s, 100000);
    assert_string_equal(text_of(at("alice/log/web.log")), "one\ntwo\n");
    weblog_sites_free(s);
}

static void slow_scripts_do_not_fill_the_disk(void **state)
{
    struct weblog_sites *s = sites(1 << 20);
    struct stat st;

    (void)state;
    write_text(at("alice/log/php-slow.log"), "short\n");
    write_text(at("bob/log/php-slow.log"), "");
    assert_int_equal(truncate(at("bob/log/php-slow.log"), (1 << 20) + 1), 0);
    make_site("carol");
    write_text(at("kept"), "");
    assert_int_equal(truncate(at("kept"), (1 << 20) + 1), 0);
    assert_int_equal(symlink(at("kept"), at("carol/log/php-slow.log")), 0);
    make_site("dave");
    assert_int_equal(link(at("kept"), at("dave/log/php-slow.log")), 0);
    put(s, "alice a x");
    put(s, "bob a x");
    put(s, "carol a x");
    put(s, "dave a x");
    (void)weblog_sites_flush(s, 0);
    assert_string_equal(text_of(at("alice/log/php-slow.log")), "short\n");
    assert_string_equal(text_of(at("bob/log/php-slow.log")), "");
    assert_int_equal(stat(at("kept"), &st), 0);
    assert_int_equal(st.st_size, (1 << 20) + 1);
    weblog_sites_free(s);
}

/* The customer is gone, and another of that name is there. */
static void a_tree_that_was_replaced(void **state)
{
    struct weblog_sites *s = sites(1 << 20);

    (void)state;
    put(s, "alice a one");
    (void)weblog_sites_flush(s, 0);
    assert_int_equal(rename(at("alice"), at("archived")), 0);
    put(s, "alice a lost");
    (void)weblog_sites_flush(s, 1);
    assert_non_null(strstr(said, "OMK0507: 1 lines"));
    make_site("alice");
    put(s, "alice a new");
    (void)weblog_sites_flush(s, 2);
    assert_string_equal(text_of(at("archived/log/web.log")), "one\n");
    assert_string_equal(text_of(at("alice/log/web.log")), "new\n");
    weblog_sites_free(s);
}

/* --- what a customer may have planted ------------------------------------ */

static void nothing_planted_is_followed(void **state)
{
    static const struct {
        const char *label, *command;
    } cases[] = {
        {"link", "ln -s /tmp '%s/alice/log/web.log'"},
        {"link to a file",
         "touch '%1$s/victim'; ln -s '%1$s/victim' '%1$s/alice/log/web.log'"},
        {"second name",
         "touch '%1$s/victim'; ln '%1$s/victim' '%1$s/alice/log/web.log'"},
        {"directory", "mkdir '%s/alice/log/web.log'"},
        {"fifo", "mkfifo '%s/alice/log/web.log'"},
        {"log is a link",
         "rmdir '%1$s/alice/log'; ln -s '%1$s/bob/log' '%1$s/alice/log'"},
        {"tree is a link", "rm -r '%1$s/alice'; ln -s '%1$s/bob' '%1$s/alice'"},
        {"log is a file", "rmdir '%1$s/alice/log'; touch '%1$s/alice/log'"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct weblog_sites *s = sites(1 << 20);
        char command[512];

        (void)tear_down(NULL);
        (void)set_up(NULL);
        weblog_sites_free(s);
        s = sites(1 << 20);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        (void)snprintf(command, sizeof command, cases[i].command, dir);
#pragma GCC diagnostic pop
        assert_int_equal(system(command), 0);
        put(s, "alice a one");
        put(s, "bob a two");
        (void)weblog_sites_flush(s, 0);
        if (!strstr(said, "OMK0502: alice: log/web.log is not written")
            || weblog_sites_waiting(s) != 4
            || strcmp(text_of(at("victim")), "") != 0
            || strcmp(text_of(at("bob/log/web.log")), "two\n") != 0) {
            fail_msg("%s: %s", cases[i].label, said);
        }
        /* Mended, it is written. */
        (void)snprintf(command, sizeof command,
                       "rm -rf '%s/alice'; mkdir -p '%s/alice/log'", dir, dir);
        assert_int_equal(system(command), 0);
        (void)weblog_sites_flush(s, 5000);
        assert_string_equal(text_of(at("alice/log/web.log")), "one\n");
        weblog_sites_free(s);
    }
}

/* --- closing and compressing --------------------------------------------- */

static void keep_all(const char *login)
{
    struct stat st;
    int fd, lock = open_lock();

    assert_int_equal(weblog_place_open(srv, login, &fd, &st), 0);
    for (int k = 0; k < WEBLOG_KINDS; k++) {
        int error = 0;

        while (!error) {
            error = weblog_keep_one(fd, (enum weblog_kind)k, lock,
                                    weblog_lock_key(&st), 6);
        }
        assert_int_equal(error, ENOENT);
    }
    close(fd);
    close(lock);
}

/* What is in log/, sorted, with blanks between. */
static const char *names_in(const char *login)
{
    static char names[1024];
    char command[256];
    FILE *f;
    size_t n;

    (void)snprintf(command, sizeof command,
                   "cd '%s/%s/log' && ls -A | LC_ALL=C sort | tr '\\n' ' '",
                   dir, login);
    f = popen(command, "r");
    assert_non_null(f);
    n = fread(names, 1, sizeof names - 1, f);
    names[n] = '\0';
    assert_int_equal(pclose(f), 0);
    return names;
}

static void a_log_is_closed_at_its_size(void **state)
{
    struct weblog_sites *s = sites(20);

    (void)state;
    put(s, "alice a 123456789"); /* 10 bytes */
    put(s, "alice a 12345678");  /* 19 */
    (void)weblog_sites_flush(s, 0);
    assert_int_equal(closed, 0);
    put(s, "alice a x"); /* 21 */
    put(s, "alice a next");
    (void)weblog_sites_flush(s, 1);
    assert_int_equal(closed, 1);
    assert_string_equal(text_of(at("alice/log/.web.log.0000000001")),
                        "123456789\n12345678\nx\n");
    assert_string_equal(text_of(at("alice/log/web.log")), "next\n");
    keep_all("alice");
    assert_string_equal(names_in("alice"), "web.log web.log.1.gz ");
    assert_string_equal(text_of(at("alice/log/web.log.1.gz")),
                        "123456789\n12345678\nx\n");
    assert_int_equal(mode_of(at("alice/log/web.log.1.gz")), 0644);
    weblog_sites_free(s);
}

static void never_a_fifth(void **state)
{
    struct weblog_sites *s = sites(4);
    char line[32];

    (void)state;
    for (int i = 1; i <= 7; i++) {
        (void)snprintf(line, sizeof line, "alice a gen%d", i);
        put(s, line);
        (void)snprintf(line, sizeof line, "alice e err%d", i);
        put(s, line);
        (void)weblog_sites_flush(s, i);
        keep_all("alice");
        /* Each is what it must be after each step. */
        for (int k = 1; k <= 4 && k <= i; k++) {
            (void)snprintf(line, sizeof line, "gen%d\n", i + 1 - k);
            assert_string_equal(text_of(at("alice/log/web.log.%d.gz", k)),
                                line);
        }
    }
    assert_string_equal(names_in("alice"),
                        "error.log error.log.1.gz web.log web.log.1.gz "
                        "web.log.2.gz web.log.3.gz web.log.4.gz ");
    assert_string_equal(text_of(at("alice/log/error.log.1.gz")), "err7\n");
    weblog_sites_free(s);
}

/* Nobody compresses: no more wait than there are generations. */
static void what_waits_has_a_bound(void **state)
{
    struct weblog_sites *s = sites(4);
    char line[32];

    (void)state;
    for (int i = 1; i <= 9; i++) {
        (void)snprintf(line, sizeof line, "alice a gen%d", i);
        put(s, line);
    }
    (void)weblog_sites_flush(s, 0);
    assert_int_equal(closed, 9);
    assert_string_equal(names_in("alice"),
                        ".web.log.0000000006 .web.log.0000000007 "
                        ".web.log.0000000008 .web.log.0000000009 web.log ");
    keep_all("alice");
    assert_string_equal(text_of(at("alice/log/web.log.1.gz")), "gen9\n");
    assert_string_equal(text_of(at("alice/log/web.log.4.gz")), "gen6\n");
    weblog_sites_free(s);
}

/* At each point where it can be interrupted: what is left behind by hand, and
 * what comes of it. (text_of reads what is not compressed, too.) */
static void an_interruption_loses_nothing(void **state)
{
    static const struct {
        const char *label, *command, *names;
        const char *first, *second, *third, *fourth;
    } cases[] = {
        {"half a temporary", "echo half >.web.log.new", "", "new\n", "g1\n",
         "g2\n", "g3\n"},
        {"a link in between", "ln web.log.3.gz .web.log.move", "", "new\n",
         "g1\n", "g2\n", "g3\n"},
        {"the third moved", "ln -f web.log.3.gz web.log.4.gz", "", "new\n",
         "g1\n", "g2\n", "g3\n"},
        {"the second moved",
         "ln -f web.log.3.gz web.log.4.gz; ln -f web.log.2.gz web.log.3.gz", "",
         "new\n", "g1\n", "g2\n", "g3\n"},
        {"all moved",
         "ln -f web.log.3.gz web.log.4.gz; ln -f web.log.2.gz web.log.3.gz; ln "
         "-f web.log.1.gz web.log.2.gz",
         "", "new\n", "g1\n", "g2\n", "g3\n"},
        {"a gap", "rm web.log.2.gz", "", "new\n", "g1\n", "g2\n", "g3\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char command[400], text[8];

        (void)tear_down(NULL);
        (void)set_up(NULL);
        for (int k = 1; k <= 4; k++) {
            (void)snprintf(text, sizeof text, "g%d\n", k);
            write_text(at("alice/log/web.log.%d.gz", k), text);
        }
        write_text(at("alice/log/.web.log.0000000005"), "new\n");
        (void)snprintf(command, sizeof command, "cd '%s/alice/log'; %s", dir,
                       cases[i].command);
        assert_int_equal(system(command), 0);
        keep_all("alice");
        if (strcmp(text_of(at("alice/log/web.log.1.gz")), cases[i].first) != 0
            || strcmp(text_of(at("alice/log/web.log.2.gz")), cases[i].second)
                   != 0
            || (strcmp(cases[i].label, "a gap") != 0
                && (strcmp(text_of(at("alice/log/web.log.3.gz")),
                           cases[i].third)
                        != 0
                    || strcmp(text_of(at("alice/log/web.log.4.gz")),
                              cases[i].fourth)
                           != 0))
            || strstr(names_in("alice"), "new")
            || strstr(names_in("alice"), "0000000005")) {
            fail_msg("%s: %s", cases[i].label, names_in("alice"));
        }
    }
}

static void what_cannot_be_compressed_stays(void **state)
{
    struct rlimit files, was;
    char *text = malloc(300001);
    struct stat st;
    int fd, lock;

    (void)state;
    assert_non_null(text);
    srandom(1);
    for (int i = 0; i < 300000; i++) {
        text[i] = (char)('!' + random() % 90);
    }
    text[300000] = '\0';
    write_text(at("alice/log/.web.log.0000000001"), text);
    write_text(at("alice/log/web.log.1.gz"), "old\n");
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    files = was;
    files.rlim_cur = 50000;
    (void)signal(SIGXFSZ, SIG_IGN);
    lock = open_lock();
    assert_int_equal(weblog_place_open(srv, "alice", &fd, &st), 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &files), 0);
    assert_int_equal(
        weblog_keep_one(fd, WEBLOG_ACCESS, lock, weblog_lock_key(&st), 6),
        EFBIG);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
    assert_string_equal(names_in("alice"), ".web.log.0000000001 web.log.1.gz ");
    assert_string_equal(text_of(at("alice/log/web.log.1.gz")), "old\n");
    keep_all("alice");
    assert_string_equal(text_of(at("alice/log/web.log.1.gz")), text);
    free(text);
    close(fd);
    close(lock);
}

/* --- two of them, and a disk that is full -------------------------------- */

static void two_loggers_share(void **state)
{
    struct weblog_sites *old = sites(50), *new = sites(50);
    char line[32], *all = calloc(1, 1 << 16);
    unsigned found = 0;

    (void)state;
    assert_non_null(all);
    for (int i = 0; i < 40; i++) {
        (void)snprintf(line, sizeof line, "alice a old %02d", i);
        put(old, line);
        (void)snprintf(line, sizeof line, "alice a new %02d", i);
        put(new, line);
        (void)weblog_sites_flush(i % 2 ? old : new, i);
        (void)weblog_sites_flush(i % 2 ? new : old, i);
        /* Each time one has closed it, the other finds out by itself. */
        for (int k = 0; k < 99; k++) {
            const char *name = at("alice/log/.web.log.%010d", k);

            strcat(all, text_of(name));
            (void)unlink(name);
        }
    }
    strcat(all, text_of(at("alice/log/web.log")));
    for (int i = 0; i < 40; i++) {
        (void)snprintf(line, sizeof line, "old %02d\n", i);
        found += strstr(all, line) != NULL;
        (void)snprintf(line, sizeof line, "new %02d\n", i);
        found += strstr(all, line) != NULL;
    }
    assert_int_equal(found, 80);
    assert_int_equal(strlen(all), 80 * strlen("old 00\n"));
    assert_in_range(closed, 8, 12);
    weblog_sites_free(old);
    weblog_sites_free(new);
    free(all);
}

/* Whoever has the lock: lines wait, and nothing blocks. */
static void a_lock_is_not_waited_for(void **state)
{
    struct weblog_sites *s = sites(1 << 20);
    int lock = open_lock();
    struct stat st;
    int wait;

    (void)state;
    assert_int_equal(stat(at("alice/log"), &st), 0);
    assert_int_equal(
        weblog_lock(lock, weblog_lock_key(&st), WEBLOG_LOCK_FILES, false), 0);
    put(s, "alice a one");
    put(s, "bob a two");
    wait = weblog_sites_flush(s, 0);
    assert_in_range(wait, 1, 100);
    assert_int_equal(weblog_sites_waiting(s), 4);
    assert_string_equal(text_of(at("bob/log/web.log")), "two\n");
    weblog_unlock(lock, weblog_lock_key(&st), WEBLOG_LOCK_FILES);
    (void)weblog_sites_flush(s, wait);
    assert_int_equal(weblog_sites_waiting(s), 0);
    assert_string_equal(text_of(at("alice/log/web.log")), "one\n");
    assert_string_equal(said, "");
    close(lock);
    weblog_sites_free(s);
}

static void limit_file_size(rlim_t bytes)
{
    struct rlimit limit;

    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* A write that stops in the middle of a line leaves no half of it. */
static void whole_lines_also_where_space_ends(void **state)
{
    struct weblog_sites *s = sites(1 << 20);

    (void)state;
    for (int i = 0; i < 10; i++) {
        put(s, "alice a 123456789");
    }
    limit_file_size(55);
    (void)weblog_sites_flush(s, 0);
    assert_int_equal(weblog_sites_waiting(s), 50);
    assert_string_equal(text_of(at("alice/log/web.log")),
                        "123456789\n123456789\n123456789\n123456789\n"
                        "123456789\n");
    assert_non_null(strstr(said, "OMK0503: alice: log/web.log cannot be "
                                 "written: "));
    said[0] = '\0';
    put(s, "alice a later");
    assert_int_equal(weblog_sites_flush(s, 10), 990);
    (void)weblog_sites_flush(s, 1000);
    assert_string_equal(said, ""); /* not every time */
    limit_file_size(RLIM_INFINITY);
    (void)weblog_sites_flush(s, 2000);
    assert_int_equal(weblog_sites_waiting(s), 0);
    assert_int_equal(strlen(text_of(at("alice/log/web.log"))), 106);
    assert_string_equal(said, "");
    weblog_sites_free(s);
}

static void what_waits_in_memory_has_a_bound(void **state)
{
    struct weblog_sites *s = new_sites(1 << 20, 100, 200);

    (void)state;
    limit_file_size(0);
    for (int i = 0; i < 30; i++) {
        put(s, "alice a 123456789");
        (void)weblog_sites_flush(s, i * 2000);
    }
    assert_int_equal(weblog_sites_waiting(s), 100); /* a log's part */
    for (int i = 0; i < 30; i++) {
        put(s, "bob a 123456789");
        put(s, "bob e 123456789");
        (void)weblog_sites_flush(s, 70000 + i);
    }
    assert_int_equal(weblog_sites_waiting(s), 200); /* all */
    /* Whoever can be written is not held up by them. */
    make_site("carol");
    limit_file_size(RLIM_INFINITY);
    for (int i = 0; i < 30; i++) {
        put(s, "carol a 123456789");
    }
    (void)weblog_sites_flush(s, 70100);
    assert_int_equal(strlen(text_of(at("carol/log/web.log"))), 300);
    assert_int_equal(weblog_sites_waiting(s), 200);
    said[0] = '\0';
    (void)weblog_sites_flush(s, 100000);
    assert_int_equal(strlen(text_of(at("alice/log/web.log"))), 100);
    assert_non_null(strstr(said, "OMK0504: alice: 20 lines (200 bytes) of "
                                 "log/web.log were dropped: they could not be "
                                 "written in time\n"));
    assert_non_null(strstr(said, "OMK0504: bob: 25 lines (250 bytes) of "
                                 "log/error.log were dropped"));
    put(s, "alice a more");
    said[0] = '\0';
    (void)weblog_sites_flush(s, 100001);
    assert_string_equal(said, "");
    weblog_sites_free(s);
}

static void a_full_disk_does_not_fill_another(void **state)
{
    struct weblog_sites *s = sites(1 << 20);
    char login[16], line[32];
    unsigned lines = 0;

    (void)state;
    limit_file_size(0);
    for (int i = 10; i < 60; i++) {
        (void)snprintf(login, sizeof login, "site%d", i);
        make_site(login);
        (void)snprintf(line, sizeof line, "%s a x", login);
        put(s, line);
    }
    for (int t = 0; t < 59000; t += 1000) {
        (void)weblog_sites_flush(s, t);
    }
    limit_file_size(RLIM_INFINITY);
    for (const char *c = said; (c = strstr(c, "OMK0503")); c++) {
        lines++;
    }
    assert_int_equal(lines, 10);
    weblog_sites_free(s);
}

static void what_is_given_up_is_counted(void **state)
{
    struct weblog_sites *s = sites(1 << 20);

    (void)state;
    limit_file_size(0);
    put(s, "alice a one");
    put(s, "alice a two");
    (void)weblog_sites_flush(s, 0);
    weblog_sites_give_up(s);
    limit_file_size(RLIM_INFINITY);
    assert_int_equal(weblog_sites_waiting(s), 0);
    assert_non_null(strstr(said, "OMK0504: alice: 2 lines (8 bytes)"));
    weblog_sites_free(s);
}

/* It grows on, and no further than 200 MB. */
static void a_log_that_cannot_be_closed(void **state)
{
    struct weblog_sites *s = sites(10);

    (void)state;
    write_text(at("alice/log/web.log"), "123456789\n");
    assert_int_equal(truncate(at("alice/log/web.log"), 199999995), 0);
    /* The next number has more digits than there are: the name is taken. */
    write_text(at("alice/log/.web.log.9999999999"), "");
    assert_int_equal(mkdir(at("alice/log/.web.log.10000000000"), 0755), 0);
    put(s, "alice a 123");
    put(s, "alice a 456");
    (void)weblog_sites_flush(s, 0);
    assert_int_equal(weblog_sites_waiting(s), 4);
    assert_non_null(strstr(said, "OMK0505: alice: log/web.log has reached"));
    assert_non_null(strstr(said, "OMK0503: alice: log/web.log cannot be "
                                 "written: File too large"));
    {
        struct stat st;

        assert_int_equal(stat(at("alice/log/web.log"), &st), 0);
        assert_int_equal(st.st_size, 199999999);
    }
    weblog_sites_free(s);
}

/* --- in the background --------------------------------------------------- */

static void say_nothing(void *ctx, const char *line)
{
    (void)ctx;
    fail_msg("%s", line);
}

static bool is_there(const char *path)
{
    return access(path, F_OK) == 0;
}

/* True once it is so, or after a time that no machine takes. */
static bool soon(const char *path, bool there)
{
    for (int i = 0; i < 6000; i++) {
        if (is_there(path) == there) {
            return true;
        }
        (void)poll(NULL, 0, 10);
    }
    return false;
}

static void workers_find_and_compress(void **state)
{
    int locks[2] = {open_lock(), open_lock()}, other = open_lock();
    struct weblog_workers_conf conf = {.srv = srv,
                                       .lock_fds = locks,
                                       .threads = 2,
                                       .level = 1,
                                       .say = say_nothing};
    struct weblog_workers *w;
    struct stat st;

    (void)state;
    write_text(at("alice/log/.web.log.0000000003"), "left behind\n");
    assert_int_equal(stat(at("bob/log"), &st), 0);
    /* Another logger compresses there. */
    assert_int_equal(
        weblog_lock(other, weblog_lock_key(&st), WEBLOG_LOCK_GZIP, false), 0);
    write_text(at("bob/log/.web.log.0000000001"), "bob\n");
    assert_int_equal(weblog_workers_start(&conf, &w), 0);
    assert_true(soon(at("alice/log/.web.log.0000000003"), false));
    assert_string_equal(text_of(at("alice/log/web.log.1.gz")), "left behind\n");
    write_text(at("alice/log/.error.log.0000000001"), "errors\n");
    weblog_workers_add(w, "alice");
    weblog_workers_add(w, "alice");
    weblog_workers_add(w, "nobody");
    assert_true(soon(at("alice/log/.error.log.0000000001"), false));
    assert_true(is_there(at("bob/log/.web.log.0000000001")));
    weblog_unlock(other, weblog_lock_key(&st), WEBLOG_LOCK_GZIP);
    assert_true(soon(at("bob/log/.web.log.0000000001"), false));
    weblog_workers_stop(w);
    close(locks[0]);
    close(locks[1]);
    close(other);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(each_line_goes_to_its_site),
        CASE(strangers_write_nowhere),
        CASE(files_that_are_open_have_a_bound),
        CASE(idle_files_are_closed),
        CASE(slow_scripts_do_not_fill_the_disk),
        CASE(a_tree_that_was_replaced),
        CASE(nothing_planted_is_followed),
        CASE(a_log_is_closed_at_its_size),
        CASE(never_a_fifth),
        CASE(what_waits_has_a_bound),
        CASE(an_interruption_loses_nothing),
        CASE(what_cannot_be_compressed_stays),
        CASE(two_loggers_share),
        CASE(a_lock_is_not_waited_for),
        CASE(whole_lines_also_where_space_ends),
        CASE(what_waits_in_memory_has_a_bound),
        CASE(a_full_disk_does_not_fill_another),
        CASE(what_is_given_up_is_counted),
        CASE(a_log_that_cannot_be_closed),
        CASE(workers_find_and_compress),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
