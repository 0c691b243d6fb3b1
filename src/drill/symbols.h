/* Names of constants to numbers and back. One table for both grammars: a name that Linux knows has Linux's number. */
#ifndef DRILL_SYMBOLS_H
#define DRILL_SYMBOLS_H

#include <stdbool.h>
#include <stdint.h>

#include "text.h"

/* symbol_value and symbol_errno are in value.h. */

/* The name of an option of FreeBSD's that a lastack stack has under a number of socket.h, which no system knows; NULL
 * for any other number. */
const char *symbol_private_name(int64_t value);

/* Writes "POLLIN|POLLOUT": names that begin with `prefix`, one for each bit, and what is left as a number. */
void symbol_flags(const char *prefix, uint32_t flags, struct drill_text *text);

#endif
