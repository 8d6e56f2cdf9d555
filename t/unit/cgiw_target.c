/* The walk to a script, in a tree with the faults of customers and the tricks
 * of their neighbours. As root the owners are two uids, and the walk is done
 * with the customer's rights; the cases that need another's file are left out
 * otherwise. */
#include "cmocka_first.h"
#include "target.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ALICE = 20001, BOB = 20002 };

static char base[64];
static char root[128];
static uid_t me, other;

/* --- making trees --------------------------------------------------------- */

static void own(const char *path, char who)
{
    uid_t uid = who == 'a' ? me : who == 'b' ? other : 0;

    if (geteuid() == 0) {
        assert_int_equal(0, lchown(path, uid, uid));
    }
}

static void make_file(const char *path, mode_t mode, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(0, fchmod(fd, mode));
    (void)close(fd);
}

static void make_socket(const char *path)
{
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    (void)snprintf(sun.sun_path, sizeof sun.sun_path, "%.100s", path);
    assert_int_equal(0, bind(fd, (struct sockaddr *)&sun, sizeof sun));
    (void)close(fd);
}

/* One thing, as words: KIND PATH MODE OWNER [TARGET], the path below base. The
 * owner is a(lice), b(ob) or r(oot). d: directory, f: file, p: fifo, s: socket,
 * l: link to TARGET, L: link to base/TARGET, h: hard link to base/TARGET. */
static void make(const char *line)
{
    char kind, who, name[256], target[256] = "";
    char path[512], full[512];
    unsigned mode;
    int n = sscanf(line, "%c %255s %o %c %255s", &kind, name, &mode, &who,
                   target);

    assert_true(n >= 4);
    (void)snprintf(path, sizeof path, "%s/%s", base, name);
    (void)snprintf(full, sizeof full, "%s/%s", base, target);
    switch (kind) {
    case 'd':
        assert_int_equal(0, mkdir(path, 0700));
        break;
    case 'f':
        make_file(path, 0600, "#!/bin/sh\n");
        break;
    case 'p':
        assert_int_equal(0, mkfifo(path, 0600));
        break;
    case 's':
        make_socket(path);
        break;
    case 'l':
        assert_int_equal(0, symlink(target, path));
        break;
    case 'L':
        assert_int_equal(0, symlink(full, path));
        break;
    case 'h':
        assert_int_equal(0, link(full, path));
        return;
    default:
        fail_msg("%s", line);
    }
    own(path, who); /* before chmod: it takes set-id bits away */
    if (kind != 'l' && kind != 'L') {
        assert_int_equal(0, chmod(path, mode));
    }
}

static void clean(void)
{
    char command[128];

    (void)snprintf(command, sizeof command, "rm -rf %s/*", base);
    assert_int_equal(0, system(command));
}

/* --- walking -------------------------------------------------------------- */

static struct cgiw_facts facts;
static struct cgiw_target target;

static struct cgiw_target_rules rules_of(bool symlinks)
{
    return (struct cgiw_target_rules){.root = root, .shown = "/web",
                                      .user = "alice", .uid = me,
                                      .symlinks = symlinks};
}

/* As the customer. path is not NUL-terminated, for ASan. */
static int open_as_customer(const char *path, size_t len, bool symlinks,
                            bool directory)
{
    struct cgiw_target_rules rules = rules_of(symlinks);
    char *exact = malloc(len ? len : 1);
    bool drop = geteuid() == 0;
    int rc;

    assert_non_null(exact);
    memcpy(exact, path, len);
    memset(&facts, 0, sizeof facts);
    if (drop) {
        assert_int_equal(0, setegid(me));
        assert_int_equal(0, seteuid(me));
    }
    rc = directory
             ? cgiw_target_directory(exact, len, &rules, &target, &facts)
             : cgiw_target_open(exact, len, &rules, &target, &facts);
    if (drop) {
        assert_int_equal(0, seteuid(0));
        assert_int_equal(0, setegid(0));
    }
    free(exact);
    return rc;
}

static int open_below_base(const char *name, bool symlinks, bool directory)
{
    char path[PATH_MAX];
    int len = snprintf(path, sizeof path, "%s/%s", base, name);

    return open_as_customer(path, (size_t)len, symlinks, directory);
}

static unsigned count_fds(void)
{
    unsigned n = 0;

    for (int fd = 0; fd < 256; fd++) {
        n += fcntl(fd, F_GETFD) >= 0;
    }
    return n;
}

/* --- single faults -------------------------------------------------------- */

enum { NO, LINKS };

#define WEB "d web 0755 r"
#define CGI "d web/cgi 0755 a"
#define SCRIPT "f web/cgi/a.cgi 0755 a"

static const struct {
    const char *label;
    const char *tree[6];
    const char *path; /* below base */
    int symlinks, code, detail;
    const char *where; /* as the customer sees it; "" is not looked at */
    bool needs_root;
} cases[] = {
    {"good", {WEB, CGI, SCRIPT}, "web/cgi/a.cgi", NO, 0, 0, "", 0},
    {"in the root", {WEB, "f web/a.cgi 0755 a"}, "web/a.cgi", NO, 0, 0, "", 0},
    {"root's directory", {WEB, "d web/cgi 0755 r", SCRIPT}, "web/cgi/a.cgi", NO,
     0, 0, "", 1},
    {"deep", {WEB, CGI, "d web/cgi/x 0755 a", "d web/cgi/x/y 0755 a",
     "f web/cgi/x/y/a.cgi 0755 a"}, "web/cgi/x/y/a.cgi", NO, 0, 0, "", 0},
    {"0700", {WEB, "d web/cgi 0700 a", "f web/cgi/a.cgi 0700 a"},
     "web/cgi/a.cgi", NO, 0, 0, "", 0},
    {"slashes and dots", {WEB, CGI, SCRIPT}, "web//./cgi///a.cgi", NO, 0, 0, "",
     0},
    {"root's root: an ACL's mask", {"d web 0775 r", CGI, SCRIPT},
     "web/cgi/a.cgi", NO, 0, 0, "", 1},
    {"root's root: sticky", {"d web 1777 r", CGI, SCRIPT}, "web/cgi/a.cgi", NO,
     0, 0, "", 1},
    {"root's root, open to all", {"d web 0777 r", CGI, SCRIPT},
     "web/cgi/a.cgi", NO, CGIW_E03, CGIW_PLAIN, "/web", 1},
    {"the customer's root, open to all", {"d web 0757 a", CGI, SCRIPT},
     "web/cgi/a.cgi", NO, CGIW_E03, CGIW_PLAIN, "/web", 0},
    {"the customer's root, open to a group", {"d web 1775 a", CGI, SCRIPT},
     "web/cgi/a.cgi", NO, CGIW_E03, CGIW_PLAIN, "/web", 0},
    {"a neighbour's root", {"d web 0755 b", CGI, SCRIPT}, "web/cgi/a.cgi", NO,
     CGIW_E03, CGIW_OWNER, "/web", 1},
    {"sticky script", {WEB, CGI, "f web/cgi/a.cgi 01755 a"}, "web/cgi/a.cgi",
     NO, 0, 0, "", 0},

    {"not executable", {WEB, CGI, "f web/cgi/a.cgi 0644 a"}, "web/cgi/a.cgi",
     NO, CGIW_E01, 0, "/web/cgi/a.cgi", 0},
    {"executable for others only", {WEB, CGI, "f web/cgi/a.cgi 0655 a"},
     "web/cgi/a.cgi", NO, CGIW_E01, 0, "/web/cgi/a.cgi", 0},
    {"another's", {WEB, CGI, "f web/cgi/a.cgi 0755 b"}, "web/cgi/a.cgi", NO,
     CGIW_E02, 0, "/web/cgi/a.cgi", 1},
    {"root's", {WEB, CGI, "f web/cgi/a.cgi 0755 r"}, "web/cgi/a.cgi", NO,
     CGIW_E02, 0, "/web/cgi/a.cgi", 1},
    {"hard link to another's", {WEB, CGI, "f x 0755 b",
     "h web/cgi/a.cgi 0755 a x"}, "web/cgi/a.cgi", NO, CGIW_E02, 0,
     "/web/cgi/a.cgi", 1},
    {"set-user-id of another's", {WEB, CGI, "f web/cgi/a.cgi 04755 b"},
     "web/cgi/a.cgi", NO, CGIW_E02, 0, "", 1},
    {"directory, group", {WEB, "d web/cgi 0775 a", SCRIPT}, "web/cgi/a.cgi", NO,
     CGIW_E03, CGIW_PLAIN, "/web/cgi", 0},
    {"directory, others", {WEB, "d web/cgi 0757 a", SCRIPT}, "web/cgi/a.cgi",
     NO, CGIW_E03, CGIW_PLAIN, "/web/cgi", 0},
    {"sticky does not help", {WEB, "d web/cgi 01777 a", SCRIPT},
     "web/cgi/a.cgi", NO, CGIW_E03, CGIW_PLAIN, "/web/cgi", 0},
    {"grandparent, 0777", {WEB, "d web/x 0777 a", "d web/x/cgi 0755 a",
     "f web/x/cgi/a.cgi 0755 a"}, "web/x/cgi/a.cgi", NO, CGIW_E03, CGIW_PLAIN,
     "/web/x", 0},
    {"another's directory", {WEB, "d web/cgi 0755 b", SCRIPT}, "web/cgi/a.cgi",
     NO, CGIW_E03, CGIW_OWNER, "/web/cgi", 1},
    {"closed to its owner", {WEB, "d web/cgi 0644 a", SCRIPT}, "web/cgi/a.cgi",
     NO, CGIW_E13, CGIW_DIRECTORY, "/web/cgi", 1},
    {"script, group", {WEB, CGI, "f web/cgi/a.cgi 0775 a"}, "web/cgi/a.cgi", NO,
     CGIW_E19, 0, "/web/cgi/a.cgi", 0},
    {"script, others", {WEB, CGI, "f web/cgi/a.cgi 0757 a"}, "web/cgi/a.cgi",
     NO, CGIW_E19, 0, "/web/cgi/a.cgi", 0},
    {"script, 0666: not executable is the lesser fault",
     {WEB, CGI, "f web/cgi/a.cgi 0666 a"}, "web/cgi/a.cgi", NO, CGIW_E19, 0,
     "/web/cgi/a.cgi", 0},
    {"set-user-id", {WEB, CGI, "f web/cgi/a.cgi 04755 a"}, "web/cgi/a.cgi", NO,
     CGIW_E19, 0, "/web/cgi/a.cgi", 0},
    {"set-group-id", {WEB, CGI, "f web/cgi/a.cgi 02755 a"}, "web/cgi/a.cgi", NO,
     CGIW_E19, 0, "/web/cgi/a.cgi", 0},

    {"the neighbour whose name begins so", {WEB, "d web2 0755 a",
     "f web2/a.cgi 0755 a"}, "web2/a.cgi", NO, CGIW_E20, CGIW_PLAIN, "", 0},
    {"above the root", {WEB, "f a.cgi 0755 a"}, "a.cgi", NO, CGIW_E20,
     CGIW_PLAIN, "", 0},
    {"..", {WEB, "f a.cgi 0755 a"}, "web/../a.cgi", NO, CGIW_E20, CGIW_PLAIN, "",
     0},
    {".. and back", {WEB, CGI, SCRIPT}, "web/cgi/../cgi/a.cgi", NO, CGIW_E20,
     CGIW_PLAIN, "", 0},
    {"a name that begins with ..", {WEB, "f web/..a.cgi 0755 a"}, "web/..a.cgi",
     NO, 0, 0, "", 0},
    {"the root itself", {WEB}, "web", NO, CGIW_E20, CGIW_DIRECTORY, "/web", 0},
    {"a directory", {WEB, CGI}, "web/cgi", NO, CGIW_E20, CGIW_DIRECTORY,
     "/web/cgi", 0},
    {"a directory that cannot be read", {WEB, "d web/cgi 0311 a"}, "web/cgi",
     NO, CGIW_E20, CGIW_DIRECTORY, "/web/cgi", 0},
    {"fifo", {WEB, CGI, "p web/cgi/a.cgi 0755 a"}, "web/cgi/a.cgi", NO,
     CGIW_E20, CGIW_SPECIAL, "/web/cgi/a.cgi", 0},
    {"socket", {WEB, CGI, "s web/cgi/a.cgi 0755 a"}, "web/cgi/a.cgi", NO,
     CGIW_E20, CGIW_SPECIAL, "/web/cgi/a.cgi", 0},
    {"nothing there", {WEB, CGI}, "web/cgi/a.cgi", NO, CGIW_E26, 0, "", 0},
    {"no directory there", {WEB}, "web/cgi/a.cgi", NO, CGIW_E26, 0, "", 0},
    {"a file on the way", {WEB, "f web/cgi 0755 a"}, "web/cgi/a.cgi", NO,
     CGIW_E26, 0, "", 0},
    {"no root there", {"d x 0755 a"}, "web/a.cgi", NO, CGIW_E22, 0, "", 0},

    {"link, not allowed", {WEB, CGI, SCRIPT, "l web/b.cgi 0 a cgi/a.cgi"},
     "web/b.cgi", NO, CGIW_E20, CGIW_LINK, "/web/b.cgi", 0},
    {"link to a directory, not allowed", {WEB, CGI, SCRIPT, "l web/x 0 a cgi"},
     "web/x/a.cgi", NO, CGIW_E20, CGIW_LINK, "/web/x", 0},
    {"link", {WEB, CGI, SCRIPT, "l web/b.cgi 0 a cgi/a.cgi"}, "web/b.cgi",
     LINKS, 0, 0, "", 0},
    {"link to a directory", {WEB, CGI, SCRIPT, "l web/x 0 a cgi"},
     "web/x/a.cgi", LINKS, 0, 0, "", 0},
    {"root's link", {WEB, CGI, SCRIPT, "l web/x 0 r cgi"}, "web/x/a.cgi", LINKS,
     0, 0, "", 1},
    {"link upwards and down again", {WEB, CGI, SCRIPT, "d web/y 0755 a",
     "l web/y/b.cgi 0 a ../cgi/./a.cgi"}, "web/y/b.cgi", LINKS, 0, 0, "", 0},
    {"absolute link beneath the root", {WEB, CGI, SCRIPT,
     "L web/b.cgi 0 a web/cgi/a.cgi"}, "web/b.cgi", LINKS, 0, 0, "", 0},
    {"link to a link", {WEB, CGI, SCRIPT, "l web/x 0 a cgi",
     "l web/b.cgi 0 a x/a.cgi"}, "web/b.cgi", LINKS, 0, 0, "", 0},
    {"bob's link", {WEB, CGI, SCRIPT, "l web/b.cgi 0 b cgi/a.cgi"}, "web/b.cgi",
     LINKS, CGIW_E20, CGIW_LINK_OWNER, "/web/b.cgi", 1},
    {"link out, relative", {WEB, "f x 0755 a", "l web/b.cgi 0 a ../x"},
     "web/b.cgi", LINKS, CGIW_E20, CGIW_OUTSIDE, "/web/b.cgi", 0},
    {"link out, absolute", {WEB, "l web/b.cgi 0 a /bin/sh"}, "web/b.cgi", LINKS,
     CGIW_E20, CGIW_OUTSIDE, "/web/b.cgi", 0},
    {"link out, to a neighbour whose name begins so",
     {WEB, "d web2 0755 a", "f web2/x 0755 a", "L web/b.cgi 0 a web2/x"},
     "web/b.cgi", LINKS, CGIW_E20, CGIW_OUTSIDE, "/web/b.cgi", 0},
    {"link out and in again", {WEB, CGI, SCRIPT,
     "l web/b.cgi 0 a ../web/cgi/a.cgi"}, "web/b.cgi", LINKS, CGIW_E20,
     CGIW_OUTSIDE, "/web/b.cgi", 0},
    {"absolute link with ..", {WEB, "f x 0755 a", "L web/b.cgi 0 a web/../x"},
     "web/b.cgi", LINKS, CGIW_E20, CGIW_OUTSIDE, "", 0},
    {"link to the root", {WEB, "f web/a.cgi 0755 a", "l web/x 0 a ."},
     "web/x/x/a.cgi", LINKS, 0, 0, "", 0},
    {"what a link names is checked", {WEB, "d web/cgi 0777 a", SCRIPT,
     "l web/b.cgi 0 a cgi/a.cgi"}, "web/b.cgi", LINKS, CGIW_E03, CGIW_PLAIN,
     "/web/cgi", 0},
    {"the directory that .. leaves is checked", {WEB, CGI, SCRIPT,
     "d web/y 0777 a", "l web/b.cgi 0 a y/../cgi/a.cgi"}, "web/b.cgi", LINKS,
     CGIW_E03, CGIW_PLAIN, "/web/y", 0},
    {"link to another's file", {WEB, "f web/x 0755 b", "l web/b.cgi 0 a x"},
     "web/b.cgi", LINKS, CGIW_E02, 0, "/web/x", 1},
    {"link to nothing", {WEB, "l web/b.cgi 0 a x"}, "web/b.cgi", LINKS,
     CGIW_E26, 0, "", 0},
    {"link to itself", {WEB, "l web/b.cgi 0 a b.cgi"}, "web/b.cgi", LINKS,
     CGIW_E20, CGIW_LINK_LOOP, "/web/b.cgi", 0},
    {"two links to each other", {WEB, "l web/x 0 a y", "l web/y 0 a x"},
     "web/x/a.cgi", LINKS, CGIW_E20, CGIW_LINK_LOOP, "", 0},
};

static void single_faults(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        unsigned fds = count_fds();
        int rc;

        if (cases[i].needs_root && geteuid() != 0) {
            continue;
        }
        for (int n = 0; n < 6 && cases[i].tree[n]; n++) {
            make(cases[i].tree[n]);
        }
        rc = open_below_base(cases[i].path, cases[i].symlinks, false);
        if (rc == 0) {
            assert_true(target.readable && target.fd >= 0);
            assert_true(fcntl(target.fd, F_GETFD) & FD_CLOEXEC);
            assert_true(fcntl(target.dir_fd, F_GETFD) & FD_CLOEXEC);
            (void)close(target.fd);
            (void)close(target.dir_fd);
        }
        if (rc != cases[i].code
            || (rc
                && ((int)facts.code != rc
                    || (int)facts.detail != cases[i].detail))
            || (cases[i].where[0] && strcmp(facts.where, cases[i].where) != 0)
            || count_fds() != fds) {
            fail_msg("%s: E%02d, detail %d, %s, %s, %u fds", cases[i].label, rc,
                     facts.detail, facts.where, facts.what, count_fds() - fds);
        }
        clean();
    }
}

/* --- what comes back ------------------------------------------------------ */

static void all_of_it(void **state)
{
    struct stat cgi, script, st;

    (void)state;
    make(WEB);
    make(CGI);
    make("f web/cgi/real.cgi 0755 a");
    make("d web/x 0755 a");
    make("l web/x/a.cgi 0 a ../cgi/real.cgi");
    assert_int_equal(0, open_below_base("web/x//./a.cgi", LINKS, false));
    assert_string_equal(facts.script, "/web/x/a.cgi");
    assert_string_equal(target.shown, "/web/x/a.cgi");
    assert_string_equal(target.real, "/web/cgi/real.cgi");
    assert_string_equal(facts.where, "");
    assert_memory_equal(target.path, root, strlen(root));
    assert_string_equal(target.path + strlen(root), "/x/a.cgi");
    assert_string_equal(facts.user, "alice");
    assert_int_equal(facts.uid, me);

    /* the directory that was asked for, the file that is there */
    assert_int_equal(0, fstat(target.dir_fd, &st));
    assert_int_equal(0, fchdir(target.dir_fd));
    assert_int_equal(0, stat("a.cgi", &script));
    assert_int_equal(0, lstat("../x", &cgi));
    assert_int_equal(st.st_ino, cgi.st_ino);
    assert_int_equal(target.st.st_ino, script.st_ino);
    assert_int_equal(0, fstat(target.fd, &st));
    assert_int_equal(st.st_ino, script.st_ino);
    assert_int_equal(0, chdir("/"));
    (void)close(target.fd);
    (void)close(target.dir_fd);
    clean();
}

static void unreadable(void **state)
{
    (void)state;
    make(WEB);
    make("f web/a.cgi 0311 a");
    assert_int_equal(0, open_below_base("web/a.cgi", NO, false));
    assert_false(target.readable);
    assert_true(target.fd >= 0);
    assert_int_equal(CGIW_E13, cgiw_target_unreadable(&target, &facts));
    assert_int_equal(facts.mode & 07777, 0311);
    assert_string_equal(facts.where, "");
    (void)close(target.fd);
    (void)close(target.dir_fd);
    clean();
}

static void directories(void **state)
{
    unsigned fds = count_fds();

    (void)state;
    make(WEB);
    make(CGI);
    make(SCRIPT);
    make("d web/open 0777 a");
    make("l web/x 0 a cgi");
    assert_int_equal(0, open_below_base("web", NO, true));
    (void)close(target.dir_fd);
    assert_int_equal(0, open_below_base("web/cgi/", NO, true));
    assert_int_equal(target.fd, -1);
    assert_string_equal(target.real, "/web/cgi");
    assert_true(S_ISDIR(target.st.st_mode));
    (void)close(target.dir_fd);
    assert_int_equal(0, open_below_base("web/x", LINKS, true));
    (void)close(target.dir_fd);
    assert_int_equal(CGIW_E20, open_below_base("web/x", NO, true));
    assert_int_equal(CGIW_E26, open_below_base("web/cgi/a.cgi", NO, true));
    assert_int_equal(CGIW_E03, open_below_base("web/open", NO, true));
    assert_int_equal(CGIW_E20, open_below_base("", NO, true));
    assert_int_equal(count_fds(), fds);
    clean();
}

static void bad_paths(void **state)
{
    static char path[PATH_MAX + 64];
    int n;

    (void)state;
    make(WEB);
    assert_int_equal(CGIW_E20, open_as_customer("", 0, NO, false));
    assert_int_equal(CGIW_E20, open_as_customer("web/a.cgi", 9, NO, false));
    n = snprintf(path, sizeof path, "%s/a.cgi", root);
    path[n] = '\0'; /* a NUL inside */
    assert_int_equal(CGIW_E20,
                     open_as_customer(path, (size_t)n + 5, NO, false));

    memset(path + n, 'x', sizeof path - (size_t)n);
    assert_int_equal(CGIW_E20, open_as_customer(path, PATH_MAX, NO, false));
    assert_int_equal(facts.detail, CGIW_TOO_LONG);
    assert_int_equal(facts.limit, PATH_MAX - 1);
    assert_int_equal(CGIW_E20, open_as_customer(path, (size_t)n + 300, NO, false));
    assert_int_equal(facts.detail, CGIW_TOO_LONG);
    assert_int_equal(facts.limit, NAME_MAX);
    clean();
}

/* A link that goes down and up again, times times, and then to next. */
static void make_zigzag(const char *name, int times, const char *next)
{
    char path[512], text[PATH_MAX] = "";

    for (int i = 0; i < times; i++) {
        strcat(text, "d/../");
    }
    strcat(text, next);
    (void)snprintf(path, sizeof path, "%s/x/y/%s", root, name);
    assert_int_equal(0, symlink(text, path));
    own(path, 'a');
}

/* Few links, each of which makes the walk begin again hundreds of times, are
 * given up as well. */
static void costly_links(void **state)
{
    char name[8], next[8];

    (void)state;
    make(WEB);
    make("d web/x 0755 a");
    make("d web/x/y 0755 a");
    make("d web/x/y/d 0755 a");
    make("f web/x/y/l10 0755 a");
    for (int i = 0; i < 10; i++) {
        (void)snprintf(name, sizeof name, "l%d", i);
        (void)snprintf(next, sizeof next, "l%d", i + 1);
        make_zigzag(name, i < 8 ? 800 : 20, next);
    }
    assert_int_equal(0, open_below_base("web/x/y/l8", LINKS, false));
    (void)close(target.fd);
    (void)close(target.dir_fd);
    assert_int_equal(CGIW_E20, open_below_base("web/x/y/l0", LINKS, false));
    assert_int_equal(facts.detail, CGIW_LINK_LOOP);
    clean();
}

/* --- how it shows --------------------------------------------------------- */

static const struct {
    const char *path, *root, *shown, *out;
} shown[] = {
    {"/srv/a/web/x.cgi", "/srv/a/web", "/web", "/web/x.cgi"},
    {"/srv/a/web/x.cgi", "/srv/a/web/", "/web/", "/web/x.cgi"},
    {"/srv/a/web/x.cgi", "/srv/a/web", "", "/x.cgi"},
    {"/srv/a/web/x.cgi", "/srv/a/web", "/", "/x.cgi"},
    {"/srv/a/web//x.cgi", "/srv/a/web", "/web", "/web/x.cgi"},
    {"/srv/a/web", "/srv/a/web", "/web", "/web"},
    {"/srv/a/web/", "/srv/a/web", "/web", "/web"},
    {"/srv/a/web", "/srv/a/web", "", "/"},
    {"/srv/a/web2/x.cgi", "/srv/a/web", "/web", "x.cgi"},
    {"/srv/bob/secret/x.cgi", "/srv/a/web", "/web", "x.cgi"},
    {"/", "/srv/a/web", "/web", ""},
    {"", "/srv/a/web", "/web", ""},
};

static void how_it_shows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) {
        char out[64];

        cgiw_target_shown(shown[i].path, strlen(shown[i].path), shown[i].root,
                          shown[i].shown, out, sizeof out);
        assert_string_equal(out, shown[i].out);
    }
}

/* --- races ---------------------------------------------------------------- */

/* Swaps a.cgi and cgi for links out of the site, for fifos and back, as fast as
 * it can, until it is ended. */
static void swap_for_ever(void)
{
    char script[200], cgi[200], spare[200], secret[200];

    (void)snprintf(script, sizeof script, "%s/cgi/a.cgi", root);
    (void)snprintf(cgi, sizeof cgi, "%s/cgi", root);
    (void)snprintf(spare, sizeof spare, "%s/spare", root);
    (void)snprintf(secret, sizeof secret, "%s/secret", base);
    for (;;) {
        (void)rename(script, spare);
        (void)symlink(secret, script);
        (void)unlink(script);
        (void)mkfifo(script, 0755);
        (void)unlink(script);
        (void)rename(spare, script);
        (void)rename(cgi, spare);
        (void)symlink(base, cgi);
        (void)unlink(cgi);
        (void)rename(spare, cgi);
    }
}

static void a_race(void **state)
{
    unsigned fds = count_fds(), good = 0, refused = 0;
    struct stat first, st;
    pid_t pid;

    (void)state;
    make("d web 0755 a");
    make(CGI);
    make(SCRIPT);
    make("f secret 0755 b");
    make("f a.cgi 0755 b");
    assert_int_equal(0, open_below_base("web/cgi/a.cgi", LINKS, false));
    first = target.st;
    (void)close(target.fd);
    (void)close(target.dir_fd);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if ((geteuid() == 0 && (setgid(me) || setuid(me)))
            || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) {
            _exit(1);
        }
        swap_for_ever();
    }
    for (int i = 0; i < 20000 || ((good == 0 || refused == 0) && i < 10000000);
         i++) {
        int rc = open_below_base("web/cgi/a.cgi", i & 1, false);

        if (rc) {
            refused++;
            continue;
        }
        good++;
        assert_int_equal(0, fstat(target.fd, &st));
        assert_int_equal(st.st_ino, first.st_ino);
        assert_int_equal(target.st.st_ino, first.st_ino);
        assert_int_equal(st.st_uid, me);
        (void)close(target.fd);
        (void)close(target.dir_fd);
    }
    assert_int_equal(0, kill(pid, SIGKILL));
    assert_int_equal(pid, waitpid(pid, NULL, 0));
    assert_true(good && refused);
    assert_int_equal(count_fds(), fds);
    clean();
}

static int set_up(void **state)
{
    (void)state;
    me = geteuid() == 0 ? ALICE : geteuid();
    other = geteuid() == 0 ? BOB : geteuid();
    (void)snprintf(base, sizeof base, "/tmp/cgiw-target-XXXXXX");
    if (!mkdtemp(base) || chmod(base, 0755) != 0) {
        return -1;
    }
    (void)snprintf(root, sizeof root, "%s/web", base);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    clean();
    return rmdir(base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(single_faults), cmocka_unit_test(all_of_it),
        cmocka_unit_test(unreadable),    cmocka_unit_test(directories),
        cmocka_unit_test(bad_paths),     cmocka_unit_test(costly_links),
        cmocka_unit_test(how_it_shows),  cmocka_unit_test(a_race),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
