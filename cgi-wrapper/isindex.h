/* ISINDEX (RFC 3875 4.4): a query without "=" as words of the command line.
 * Off unless a site asks for it; old scripts know no other way. */
#ifndef CGIW_ISINDEX_H
#define CGIW_ISINDEX_H

#include <stddef.h>

#define CGIW_ISINDEX_WORDS_MAX 64
#define CGIW_ISINDEX_BYTES_MAX 8192 /* a request line's most, and more */

/* Splits query at "+", decodes %XX, and sets argv[0...] to the words, which
 * stand in buf (CGIW_ISINDEX_BYTES_MAX). Returns how many; 0 when it has a
 * "=", is empty, decodes to a NUL, or is too much: never a part of it. Pure. */
size_t cgiw_isindex(const char *query, char *buf, const char **argv);

#endif
