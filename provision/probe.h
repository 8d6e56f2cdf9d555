/* Asks a running daemon which configuration it runs with. */
#ifndef OMK_PROBE_H
#define OMK_PROBE_H

#include "files.h"

struct omk_err;

/* Where to connect for a Listen of httpd's: "0.0.0.0:80", "*:80" and "80" are
 * reached at loopback. host and port are filled. OMK_EINVAL. */
int omk_probe_address(const char *listen, char host[64], char port[8],
                      struct omk_err *err);

/* httpd's fingerprint at a Listen. OMK_EBUSY when nobody answers in time,
 * OMK_EINVAL when the answer has none (another server). */
int omk_probe_httpd(const char *listen, char out[OMK_SHA1_HEX + 1],
                    struct omk_err *err);

/* php-fpm's fingerprint at the socket of its probe pool. */
int omk_probe_php(const char *socket, char out[OMK_SHA1_HEX + 1],
                  struct omk_err *err);

/* The answer of a pool's status page as text, NUL-terminated and cut at room;
 * status is its address, query what stands behind the `?`. OMK_ENOENT: there is
 * no such socket; OMK_EBUSY, OMK_EINVAL. */
int omk_probe_php_status(const char *socket, const char *status,
                         const char *query, char *out, size_t room,
                         struct omk_err *err);

/* One question to a socket, the answer read to its end and NUL-terminated.
 * OMK_ENOENT, OMK_EBUSY. */
int omk_probe_unix(const char *path, const char *question, char *out,
                   size_t room, struct omk_err *err);

#endif
