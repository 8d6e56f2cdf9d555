/* The operator's socket: PATH.PID, root's alone.
 *
 * A connection is one request line, and an answer of JSON lines:
 *   list             an object for each running script: {"run","login","uid",
 *                    "script","pid","age_ms","cpu_ms","memory_bytes",
 *                    "processes"}
 *   kill RUN         {"killed":N}, as for
 *   kill login LOGIN
 *   kill all
 *   capabilities     what this machine can hold scripts to
 *   anything else    {"error":"..."} */
#ifndef CGIW_CONTROL_H
#define CGIW_CONTROL_H

#include <stdint.h>

struct cgiw_daemon;
struct omk_err;

/* Binds PATH.PID, mode 0600, and removes sockets beside it whose daemons are
 * gone. OMK_EIO. Without a path in the configuration there is none. */
int cgiw_control_open(struct cgiw_daemon *d, struct omk_err *err);

/* Somebody connects. Who is not root (or who the daemon is) is turned away,
 * even where the socket's mode would let him in. */
void cgiw_control_accept(struct cgiw_daemon *d);

/* The client with that index can be read from or written to. */
void cgiw_control_client(struct cgiw_daemon *d, uint32_t index);

/* Clients that take more than ten seconds are dropped. Returns how many there
 * are. */
unsigned cgiw_control_tick(struct cgiw_daemon *d);

/* Removes the socket. */
void cgiw_control_close(struct cgiw_daemon *d);

#endif
