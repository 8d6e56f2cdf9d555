/* The files of a control group, and groups that are to go. */
#ifndef CGIW_CGROUP_FILE_H
#define CGIW_CGROUP_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Below a directory's descriptor. Reading gives the length, NUL-terminated in
 * buf; what is longer is cut. Both: -errno on failure. */
int cgiw_file_read(int dir, const char *name, char *buf, size_t size);
int cgiw_file_write(int dir, const char *name, const char *text);
int cgiw_file_write_number(int dir, const char *name, uint64_t value);

/* The number that a file holds (or begins with); 0 if it cannot be read. */
uint64_t cgiw_file_number(int dir, const char *name);

/* The number behind "key " at a line's start; 0 if there is none. */
uint64_t cgiw_file_keyed(int dir, const char *name, const char *key);

/* Of a file that is open: the number that it begins with, or that behind "key "
 * at a line's start where key is not NULL. -1 and 0 in *value: there is none. */
int cgiw_counter_read(int fd, const char *key, uint64_t *value);

/* Opens a directory below dir, for openat(); -errno. */
int cgiw_dir_open(int dir, const char *name);

/* The same, made first if it is not there. */
int cgiw_dir_make(int dir, const char *name);

/* Sends SIGKILL to all processes of the group (of version 2 without
 * cgroup.kill, or of version 1's freezer), held still by the freezer meanwhile
 * so that none can fork away. 0 or -errno; -EBUSY: not all would be still, so
 * one may have got away. */
int cgiw_group_kill_frozen(int dir, int version);

/* No process is in the group, which has none below. */
bool cgiw_group_empty(int dir, int version);

/* Kills what is in the group name of dir and below, and removes all of it;
 * gives it up to wait_ms for dying. 0 or -errno (-EBUSY: still not empty). */
int cgiw_group_remove(int dir, const char *name, unsigned wait_ms);

#endif
