/* For tests of trees: a node in a directory of its own, two customers and
 * httpd as numeric uids, and processes under these. */
#ifndef T_CUSTOMERS_H
#define T_CUSTOMERS_H

#include "account.h"
#include "node.h"

#include <stdbool.h>
#include <sys/types.h>

enum { ALICE = 20001, BOB = 20002, HTTPD = 20003 };

extern struct omk_node node;
extern const struct omk_account alice, bob;

/* cmocka set-up and tear-down: base, and node with SRV = base/srv. */
extern char base[64];
int customers_set_up(void **state);
int customers_tear_down(void **state);

/* base/NAME, printf-like; valid for 16 more calls. */
const char *at(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Leaves a test that cannot be done here, with a line that says why (what
 * cmocka prints for its skip() is a failure to prove). */
#define NEED_FOR(name, condition, reason)                                      \
    do {                                                                       \
        if (!(condition)) {                                                    \
            print_message("# skipped %s: %s\n", name, reason);                 \
            return;                                                            \
        }                                                                      \
    } while (0)
#define NEED(condition, reason) NEED_FOR(__func__, condition, reason)
#define NEED_ROOT() NEED(geteuid() == 0, "needs root")

/* Whether body returns 0 in a process of that uid and gid, without groups.
 * Needs root. */
bool as(uid_t uid, int (*body)(const char *arg), const char *arg);

void write_text(const char *path, const char *text, mode_t mode);

/* tree_make that must work; tree_check's lines in one text. */
void make_tree(const char *login, const struct omk_account *a);
const char *check_tree(const char *login, const struct omk_account *a);

/* "uid gid mode ACL" of a path, not following a link. */
const char *facts(const char *path);

/* Mounts type at path with options; false where the machine cannot. */
bool mount_at(const char *type, const char *path, const char *options);
/* Whether a shell command ends with 0. */
bool run(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
