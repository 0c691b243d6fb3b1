/* What cmocka.h shares between the sources of a test program. */
#include "tests/cross/cmocka.h"

jmp_buf cross_end;
