/* TCP options of a script as bytes, bytes as options, and both as text. Numbers stay as they are: mapping between
 * script and wire is packet_map's job. */
#ifndef DRILL_PACKET_OPTION_H
#define DRILL_PACKET_OPTION_H

#include "ast.h"
#include "text.h"

#define TCP_OPTIONS_MAX 40 /* Bytes: the data offset has four bits. */
#define TCP_OPTION_ROOM 48 /* For the longest option that a script can write down. */

/* Writes one option; returns its length, TCP_OPTION_ROOM at most. */
unsigned option_encode(const struct drill_tcp_option *option, uint8_t bytes[TCP_OPTION_ROOM]);

/* Writes a packet's options, exactly as listed. Returns their length; `bytes` is complete only if that is
 * TCP_OPTIONS_MAX at most. */
unsigned options_encode(const struct drill_packet *packet, uint8_t bytes[TCP_OPTIONS_MAX]);

/* Whether options of so many bytes fit a header: nothing pads them, so it must be a multiple of four. */
bool options_len_ok(unsigned len, struct drill_text *error);

/* Enters the options that lie in `bytes` into the packet. False: a length leads nowhere (those before it are in). */
bool options_decode(const uint8_t *bytes, unsigned len, struct drill_packet *packet);

/* "mss 1460", "TS val 1 ecr 2". */
void option_write(const struct drill_tcp_option *option, struct drill_text *text);
/* "<mss 1460,nop,…>", "<...>", "" when there are none. */
void options_write(const struct drill_packet *packet, struct drill_text *text);

#endif
