/* cmocka wants these before itself. */
#ifndef T_CMOCKA_FIRST_H
#define T_CMOCKA_FIRST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
