/* The words of the notation for ICMP's types and codes, both ways. */
#ifndef DRILL_ICMP_NAMES_H
#define DRILL_ICMP_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The number for a word of `len` bytes, "type_7" and "code_7" included. False: there is no such word. */
bool icmp_type_of(bool ip6, const char *name, size_t len, uint8_t *type);
bool icmp_code_of(bool ip6, uint8_t type, const char *name, size_t len, uint8_t *code);

/* NULL: there is no word. */
const char *icmp_type_name(bool ip6, uint8_t type);
const char *icmp_code_name(bool ip6, uint8_t type, uint8_t code);

#endif
