/* Where a customer's logs are: SRV/LOGIN/log, and the names in it.
 *
 *   web.log               what is written to now; readers of the customer's
 *   web.log.1.gz ...      past generations, 1 the newest, whole at any moment
 *   .web.log.0000000007   a generation that is closed and not yet compressed
 *   .web.log.new          what it is compressed into
 *   error.log, ...        the same, with one past generation
 *   php-slow.log          root's, of php-fpm; we may shorten it
 *
 * The customer owns what is around log/ and is hostile; SRV/LOGIN is root's
 * and sticky, and log/ is such that the customer cannot change it. Here this is
 * looked at, not believed: each step goes by a descriptor, through no symbolic
 * link, and what is opened must be a plain file of our own with one name.
 *
 * Everything returns 0 or an errno value. ENOENT: there is no such customer.
 * EPERM: it is not as it must be (another's directory or file, a symbolic
 * link, a second name). Thread-safe. */
#ifndef WEBLOG_PLACE_H
#define WEBLOG_PLACE_H

#include "line.h"

#include <stdbool.h>
#include <sys/stat.h>

#define WEBLOG_NAME_MAX 40
#define WEBLOG_GENERATIONS_MAX 9

/* "web.log" and "error.log"; how many past generations each has. */
extern const char *const weblog_names[WEBLOG_KINDS];
extern const unsigned weblog_generations[WEBLOG_KINDS];

/* SRV/LOGIN/log, of a login that is one. */
int weblog_place_open(int srv, const char *login, int *fd, struct stat *st);

/* A log in it, for appending, made where it is missing (0644). */
int weblog_file_open(int dir, const char *name, int *fd, struct stat *st);

/* Another file of ours in it, for reading. */
int weblog_file_read(int dir, const char *name, int *fd, struct stat *st);

/* "web.log.N.gz", and the names that begin with a dot. */
void weblog_name_gz(char out[WEBLOG_NAME_MAX], enum weblog_kind kind,
                    unsigned n);
void weblog_name_closed(char out[WEBLOG_NAME_MAX], enum weblog_kind kind,
                        unsigned long n);
void weblog_name_new(char out[WEBLOG_NAME_MAX], enum weblog_kind kind);

/* Empties php-slow.log where it is longer than a megabyte. What is in the way
 * is left; nothing else comes of it. */
void weblog_trim_slow(int dir);

/* The closed ones of a kind that wait for their compression. */
struct weblog_closed {
    unsigned count;
    unsigned long oldest, newest; /* 0 where there is none */
};
int weblog_closed_find(int dir, enum weblog_kind kind,
                       struct weblog_closed *out);

/* Closes the log: it gets a name of its own, and a new one can be made. Under
 * WEBLOG_LOCK_FILES. Of those that wait, no more are kept than generations
 * there are: the oldest goes, which would be the first to go anyway. */
int weblog_rotate(int dir, enum weblog_kind kind);

#endif
