/* The header of a script's answer (RFC 3875 6), looked at before httpd's own
 * ap_scan_script_header_err_brigade_ex() gets it, so that a script that prints
 * something else first is told what. What that function and httpd's header
 * filter take is taken here, byte for byte: CR anywhere in a line is nothing, a
 * NUL ends a line's text, an empty line ends the header. Lines without a colon,
 * of 8190 bytes or more, or with a name that is no field name are refused by
 * httpd, with an error that does not help.
 *
 * Non-parsed-header scripts are none of its business. Pure, no allocation. */
#ifndef CGIW_HEADER_H
#define CGIW_HEADER_H

#include "diagnose.h"

#include <stdbool.h>
#include <stddef.h>

#define CGIW_HEADER_MAX 65536     /* bytes, the empty line included */
#define CGIW_HEADER_LINE_MAX 8189 /* bytes of a line without CR and LF */

enum cgiw_header_state {
    CGIW_HEADER_MORE,     /* needs more output */
    CGIW_HEADER_COMPLETE, /* body_at is set */
    CGIW_HEADER_BAD       /* E11 */
};

struct cgiw_header {
    enum cgiw_header_state state;
    bool unsafe;    /* HttpProtocolOptions Unsafe: any printable name */
    size_t line_at; /* where the line that is not whole yet (or bad) begins */
    size_t seen;    /* how far it was looked at */
    size_t kept;    /* bytes of that line but CR */
    size_t body_at; /* COMPLETE: behind the empty line */
    unsigned lines; /* header lines so far */
    bool has_status;
    size_t status_at; /* where the last Status: begins */
    int status;       /* its number, 100 to 999, else 0 */
    bool location;  /* there is a Location: */
    enum cgiw_detail why; /* BAD: CGIW_PLAIN, CGIW_TOO_LONG, CGIW_STATUS */
};

/* For a new answer. unsafe is httpd's HttpProtocolOptions Unsafe. */
void cgiw_header_init(struct cgiw_header *h, bool unsafe);

/* buf has all the output so far, len bytes: what it had at the last call and
 * what came since; give it CGIW_HEADER_MAX bytes at most, more is not looked
 * at. Once COMPLETE or BAD it stays so. A buffer that is full without an end of
 * the header is BAD. */
enum cgiw_header_state cgiw_header_scan(struct cgiw_header *h, const char *buf,
                                        size_t len);

/* The output ended, or the state is BAD: the code, E11 or E12, and for E11
 * *facts gets detail, limit, and what: the first line that is no header,
 * raw. CGIW_OK when the header is complete. */
int cgiw_header_fault(const struct cgiw_header *h, const char *buf, size_t len,
                      struct cgiw_facts *facts);

#endif
