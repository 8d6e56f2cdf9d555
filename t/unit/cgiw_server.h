/* A stand-in for httpd: starts the real cgi-wrapper as its parent does, and
 * sends it requests as a worker does. For tests that drive the daemon by its
 * descriptors. */
#ifndef T_CGIW_SERVER_H
#define T_CGIW_SERVER_H

#include "table.h"
#include "wire.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct server {
    pid_t pid;     /* the daemon's (of strace, where that is around it) */
    int sock;      /* the workers' end */
    int table;     /* the run table */
    char dir[256]; /* temporary, removed by server_remove */
    char log[300], errors[300], denied[300], control[300];
    char config[8192]; /* records; NULs are in it */
    size_t config_len;
    const char *const *wrap; /* a command before the daemon's, or NULL */
    uid_t as; /* 0: the daemon runs as the test does */
};

/* The daemon's side of a run, as a worker holds it. */
struct run {
    int control, in, out, err; /* ours; -1 when closed */
    struct cgiw_reply last;    /* the last reply of all */
    char text[CGIW_REPLY_TEXT_MAX + 1];
    unsigned started, warned, finals; /* how many of each came */
    char output[65536], errors[65536];
    size_t output_len, errors_len;
};

/* A directory, and a configuration with log, deny list and control socket. */
void server_make(struct server *s);

/* Adds a record: fields are separated by tabs, as printf has them. */
void server_record(struct server *s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Starts the daemon; the run table is made by the first start. */
void server_start(struct server *s);

/* Closes the workers' end, or sends a signal where sig is not 0, and waits for
 * the daemon's end. Its wait status; -1 when it takes minutes. */
int server_end(struct server *s, int sig);

void server_remove(struct server *s);

/* All of a file of s->dir's; malloc'd, "" where there is none. */
char *server_read(const char *path);

/* Writes a script of that name below dir, with that owner and mode. */
void server_script(const char *dir, const char *name, uid_t uid, mode_t mode,
                   const char *text);

/* A sealed memfd of these variables (NULL-terminated). */
int environment(const char *const *variables, uint32_t *count, uint32_t *bytes);

/* Sends a request; command is for CGIW_EXEC_CMD or NULL. env may be NULL. */
void run_start(struct server *s, struct run *r, uint32_t site, const char *path,
               const char *command, const char *const *env);

/* Writes a body (may be NULL), and closes stdin. */
void run_body(struct run *r, const char *body);

/* Reads output, errors and replies until the control descriptor is closed, or
 * minutes have passed, which fails the test. */
void run_finish(struct run *r);

/* Waits for one reply; without one the control descriptor is closed. */
void run_reply(struct run *r);

/* run_start, run_body and run_finish. */
void run_whole(struct server *s, struct run *r, uint32_t site, const char *path,
               const char *body);

/* Closes what is open. */
void run_drop(struct run *r);

/* Tries condition for minutes, a few milliseconds between. 1: it holds. */
int eventually(int (*condition)(void *), void *context);

/* How many children a process has, zombies too; how many descriptors. */
int children_of(pid_t pid);
int descriptors_of(pid_t pid);

/* Whether there is such a process (a zombie is none). */
int is_alive(pid_t pid);

#endif
