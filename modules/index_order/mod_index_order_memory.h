/* Which directories have been looked at lately, and how many names of the list
 * were absent there before the first that is there.
 *
 * httpd has the directory's time of change (ctime) for every request anyway.
 * While it is the same, no name has come or gone, so that the absent ones need
 * no look. Nobody can set a ctime, but it is only as fine as the file system's
 * clock: a change is believed to be over when it is SETTLED old, and only the
 * file systems are trusted that are known to keep the time of every change.
 *
 * Per thread and of fixed size: no lock, no growth. A new configuration has
 * new children, whose memory is empty. */
#ifndef OMAKASE_MOD_INDEX_ORDER_MEMORY_H
#define OMAKASE_MOD_INDEX_ORDER_MEMORY_H

#include "httpd.h"

/* So many names at the beginning of list are absent from r's directory
 * (r->finfo is of now); 0 when nothing is known. list says which list, by its
 * address: NULL or one that lives as long as the child. */
int index_memory_known(const request_rec *r, const void *list);

/* Of list, the name with this number (from 0) is the first that is there, seen
 * after r->finfo was taken. */
void index_memory_note(const request_rec *r, const void *list, int number);

#endif
