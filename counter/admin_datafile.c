#include "admin_datafile.h"

#include "err.h"
#include "num.h"
#include "store.h"

#include <string.h>

static int wrong(struct omk_err *err, int code, const char *what)
{
    return omk_fail(err, code, "", "%s", what);
}

static size_t digits(const char *s, size_t len)
{
    size_t n = 0;

    while (n < len && s[n] >= '0' && s[n] <= '9') {
        n++;
    }
    return n;
}

/* Only text: what else is there came from another program or a bad disk. */
static int check_bytes(const char *s, size_t len, struct omk_err *err)
{
    if (len == 0) {
        return wrong(err, OMK_EINVAL,
                     "is empty; a full disk leaves such a file, and the count "
                     "is lost: set it by hand");
    }
    if (len > COUNTER_DATAFILE_MAX) {
        return wrong(err, OMK_ERANGE,
                     "is too long for a data file of WWW Count");
    }
    for (size_t i = 0; i < len; i++) {
        if ((s[i] < ' ' || s[i] > '~') && s[i] != '\n' && s[i] != '\r') {
            return omk_fail(err, OMK_EINVAL, "",
                            "has an unusual byte (0x%02x at %zu); a data file "
                            "of WWW Count is N:ADDRESS$",
                            (unsigned char)s[i], i + 1);
        }
    }
    return OMK_OK;
}

/* What follows the number and a colon. */
static int take_address(const char *s, size_t len, char address[64],
                        struct omk_err *err)
{
    const char *end = memchr(s, '$', len);

    if (!end) {
        return wrong(err, OMK_EINVAL,
                     "has no $ behind the address; it was cut short");
    }
    if ((size_t)(end - s) >= 64) {
        return wrong(err, OMK_ERANGE, "has too long an address");
    }
    if (memchr(s, '\n', (size_t)(end - s))
        || memchr(s, '\r', (size_t)(end - s))) {
        return wrong(err, OMK_EINVAL, "has a line end inside the address");
    }
    memcpy(address, s, (size_t)(end - s));
    return OMK_OK;
}

int counter_datafile_parse(const void *data, size_t len,
                           struct counter_datafile *out, struct omk_err *err)
{
    struct counter_datafile file = {0};
    const char *s = data;
    size_t n, rest;
    int rc = check_bytes(s, len, err);

    if (rc != OMK_OK) {
        return rc;
    }
    n = digits(s, len);
    rest = n;
    rc = omk_num_u64(s, n, 0, COUNTER_VALUE_MAX, &file.count);
    if (rc != OMK_OK) {
        return wrong(err, rc,
                     rc == OMK_ERANGE
                         ? "has a number of more than 18 digits"
                         : "does not begin with a number; a data file of WWW "
                           "Count is N:ADDRESS$");
    }
    if (rest < len && s[rest] == ':') {
        rc = take_address(s + rest + 1, len - rest - 1, file.address, err);
        if (rc != OMK_OK) {
            return rc;
        }
        *out = file;
        return OMK_OK;
    }
    while (rest < len && (s[rest] == '\n' || s[rest] == '\r')) {
        rest++;
    }
    if (rest < len) {
        return wrong(err, OMK_EINVAL,
                     "has something else than : or a line end behind its "
                     "number");
    }
    *out = file;
    return OMK_OK;
}
