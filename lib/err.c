#include "err.h"

#include <stdarg.h>
#include <stdio.h>

/* Names of customers' choosing end on an operator's terminal, and in logs: no
 * control characters, of which UTF-8 has more behind 0xc2. */
static void make_printable(char *text)
{
    for (unsigned char *c = (unsigned char *)text; *c; c++) {
        if (*c < ' ' || *c == 0x7f) {
            *c = *c == '\n' || *c == '\t' ? ' ' : '?';
        }
        else if (*c == 0xc2 && c[1] >= 0x80 && c[1] <= 0x9f) {
            *c = c[1] = '?';
        }
    }
}

int omk_fail(struct omk_err *err, int code, const char *where,
             const char *format, ...)
{
    va_list ap;

    if (!err) {
        return code;
    }
    err->code = code;
    (void)snprintf(err->where, sizeof err->where, "%s", where ? where : "");
    va_start(ap, format);
    (void)vsnprintf(err->text, sizeof err->text, format, ap);
    va_end(ap);
    make_printable(err->where);
    make_printable(err->text);
    return code;
}
