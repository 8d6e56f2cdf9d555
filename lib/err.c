#include "err.h"

#include <stdarg.h>
#include <stdio.h>

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
    return code;
}
