/* A request, from the socket to a child. */
#ifndef CGIW_SPAWN_H
#define CGIW_SPAWN_H

struct cgiw_daemon;

/* Takes one datagram from the socket, if there is one, and starts what it asks
 * for or says on its control descriptor why not. One that is no request is
 * dropped, counted, and told to the operator, once a minute at most. hung_up:
 * the socket's other ends are closed or shut down. Returns 1 when then nothing
 * is left: an empty datagram reads like that end and is none. Else 0. */
int cgiw_spawn_request(struct cgiw_daemon *d, int hung_up);

#endif
