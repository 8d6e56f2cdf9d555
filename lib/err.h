/* The error that a core hands back: what, where, and a short text.
 *
 * Functions of the cores return 0 or one of these negative codes. On failure
 * their outputs are untouched and *err (if given) says why in words meant for
 * an operator's log. Nothing here allocates. */
#ifndef OMK_ERR_H
#define OMK_ERR_H

enum omk_code {
    OMK_OK = 0,
    OMK_EINVAL = -1,   /* the input is not of the form it must have */
    OMK_ENOENT = -2,   /* there is no such thing */
    OMK_ERANGE = -3,   /* of the right form, outside the allowed range */
    OMK_ENOSPC = -4,   /* disk full, quota, or a table at its limit */
    OMK_EIO = -5,      /* a system call failed; text has strerror */
    OMK_EDAMAGED = -6, /* stored data fail their checksum */
    OMK_EVERSION = -7, /* stored by a newer version of this program */
    OMK_EBUSY = -8,    /* a lock did not come free in time */
    OMK_ENOMEM = -9,
    OMK_EDENIED = -10 /* refused by policy or by permissions */
};

struct omk_err {
    int code;        /* an omk_code */
    char where[256]; /* file, file:line, or parameter; may be empty */
    char text[512];  /* one line, no newline, no secret */
};

/* Fills *err (which may be NULL) and returns code, so that a caller can write
 * `return omk_fail(err, OMK_EINVAL, "md", "...")`. Texts are cut to fit. */
int omk_fail(struct omk_err *err, int code, const char *where,
             const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
