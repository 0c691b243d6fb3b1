/* Names of constants to numbers and back. One table for both grammars: a name that Linux knows has Linux's number.
 *
 * Names that only FreeBSD has get numbers of their own, from SYMBOL_PRIVATE on, which no system uses: a target answers
 * ENOPROTOOPT to such an option. Those that a lastack stack implements have the numbers of socket.h. */
#ifndef DRILL_SYMBOLS_H
#define DRILL_SYMBOLS_H

#include <stdbool.h>
#include <stdint.h>

#include "text.h"

enum symbol_private {
    SYMBOL_PRIVATE = 0x46420000,
    SYMBOL_BEFORE_FIRST = SYMBOL_PRIVATE - 1,
#define BSD(name) SYMBOL_##name,
#include "symbols_bsd.def"
#undef BSD
    SYMBOL_PRIVATE_END,
};

/* symbol_value and symbol_errno are in value.h. */

/* The name of a number that no system uses, socket.h's included; NULL for any other. */
const char *symbol_private_name(int64_t value);

/* Writes "POLLIN|POLLOUT": names that begin with `prefix`, one for each bit, and what is left as a number. */
void symbol_flags(const char *prefix, uint32_t flags, struct drill_text *text);

#endif
