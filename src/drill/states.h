/* What state the script's side of a connection is in, as its packets say: the second state column of the wire's view.
 * Nothing is judged by it. */
#ifndef DRILL_STATES_H
#define DRILL_STATES_H

#include "packet.h"

/* The state (enum la_state) after a TCP packet: one of the script (`inbound`), after packet_build, or one of the TCP
 * under test, after flow_learn_sent. `flags` and `ack` are the packet's, live. A RST, SYN or FIN of the script that
 * does not continue what it sent before is a probe and changes nothing. */
int peer_state_after(int state, const struct drill_flow *flow, bool inbound, uint16_t flags, uint32_t ack);

#endif
