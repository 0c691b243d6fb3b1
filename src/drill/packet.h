/* Packets of a script as bytes, and bytes as packets of a script.
 *
 * Inbound: packet_build writes the IP packet that a drill_packet describes, with the live addresses, ports and sequence
 * numbers of its flow. Outbound: packet_read takes a packet of the TCP under test apart, packet_match compares it with
 * what the script expects and names the first field that differs. packet_write writes either in script notation.
 *
 * A flow is the one connection under test: it knows what stands for what between script and wire (addresses, ports,
 * both ISNs, timestamps). The script's numbers: sequence numbers count from the ISN, except that a SYN carries the ISN
 * itself (0 by convention).
 *
 * Payload is zeros, both ways: an inbound packet carries zeros, and an outbound one must (a script's write sends
 * zeros). An inbound packet of which the script does not say otherwise has TOS 0, TTL 255, flow label 0. */
#ifndef DRILL_PACKET_H
#define DRILL_PACKET_H

#include <lastack/drill.h>
#include <lastack/segment.h>

#include "ast.h"
#include "text.h"

#define DRILL_PACKET_MAX 65535

enum drill_flow_state {
    DRILL_FLOW_NONE,
    DRILL_FLOW_LISTENING, /* listen() was called: the next inbound packet begins a flow. */
    DRILL_FLOW_PASSIVE,   /* An inbound packet began it. */
    DRILL_FLOW_SYNACK_SENT,
    DRILL_FLOW_SYNACK_ACKED,
    DRILL_FLOW_CONNECTING, /* connect() (or sendto with MSG_FASTOPEN) was called: the SYN is to come. */
    DRILL_FLOW_SYN_SENT,
    DRILL_FLOW_SYN_ACKED,
};

/* Script's TS val -> live TS val. */
struct drill_ts_map {
    uint32_t script, live;
};

#define DRILL_TS_MAPS 512 /* The newest are kept; looked up from the newest. */

struct drill_flow {
    enum drill_flow_state state;
    enum drill_proto proto;           /* TCP, UDP or UDP-Lite. */
    bool ip6;                         /* Version on the wire. */
    struct la_endpoint local, remote; /* Live. Of the TCP under test, and of the script. Port 0: not known yet. */
    uint32_t live_local_isn, script_local_isn;
    uint32_t live_remote_isn; /* The script's own. */
    unsigned nts;             /* Written ever; the ring holds the last DRILL_TS_MAPS. */
    struct drill_ts_map ts[DRILL_TS_MAPS];
    bool has_first_ts;
    uint32_t first_script_ts, first_live_ts;
    uint32_t script_label, live_label; /* IPv6 flow labels that stand for each other; 0: none yet. */
    /* What the script's side sent, for states.h. Live numbers. */
    bool injected;
    uint32_t last_in_end; /* Of the last segment. */
    uint32_t in_next;     /* End of what it sent without a gap. */
};

/* Sequence numbers between script and wire, as packetdrill does: a SYN's own number is not offset. */
uint32_t flow_local_to_live(const struct drill_flow *flow, uint32_t seq, bool syn);
uint32_t flow_local_to_script(const struct drill_flow *flow, uint32_t seq, bool syn);
uint32_t flow_remote_to_live(const struct drill_flow *flow, uint32_t seq, bool syn);
uint32_t flow_remote_to_script(const struct drill_flow *flow, uint32_t seq, bool syn);

/* Enters what a TCP of the flow sent as TS val where the script has `script`. The first pair is the baseline. */
void flow_learn_ts(struct drill_flow *flow, uint32_t script, uint32_t live);
/* The live TS val that the script's one stands for. False: none was ever sent; with `scaled` the distance from the
 * first pair is taken instead, if there is one. */
bool flow_ts_to_live(const struct drill_flow *flow, uint32_t script, bool scaled, uint32_t *live);
/* What a live TS val is in the script, counted from the first pair. */
uint32_t flow_ts_to_script(const struct drill_flow *flow, uint32_t live);

/* What the flow learns from an inbound TCP packet before it is built: any begins a LISTENING flow, a SYN+ACK tells the
 * peer's ISN of a SYN_SENT one, an ACK completes SYNACK_SENT. packet_build calls it. */
void flow_learn_received(struct drill_flow *flow, const struct drill_packet *packet);

/* Writes the inbound packet. Returns its length; 0 with a sentence in `error` when it cannot be: a TS ecr that no
 * outbound packet had, options of more than 40 bytes or of no whole number of words … A TS ecr is mapped when ACK is
 * set. Updates what the flow keeps of what its side sent. */
size_t packet_build(struct drill_flow *flow, const struct la_drill_options *options, const struct drill_packet *packet,
                    uint8_t *bytes, size_t size, struct drill_text *error);

/* A live packet taken apart, numbers as on the wire. */
struct drill_live {
    la_time at;
    enum drill_proto proto;
    bool ip6;
    uint8_t tos, ttl;
    uint32_t flowlabel;
    struct la_endpoint src, dst;
    bool ip_csum_ok, csum_ok;
    uint32_t ip_len; /* Of the whole packet. */
    uint16_t flags;
    uint8_t reserved; /* TCP's reserved bits that no flag uses. */
    uint32_t seq, ack;
    uint16_t window, urgent;
    const uint8_t *options; /* Into the packet. */
    unsigned options_len;
    const uint8_t *data;
    uint32_t len;      /* Payload, merged pieces together. */
    uint16_t coverage; /* UDP-Lite. */
    uint8_t icmp_type, icmp_code;
    bool icmp_has_mtu;
    uint32_t icmp_mtu;
};

/* False when the bytes are no IP packet with a known transport header that parses (an IP fragment is none). */
bool packet_read(const uint8_t *bytes, size_t len, la_time at, struct drill_live *live);

/* Whether the live packet goes from flow->local to flow->remote (a SYN to flow->remote while CONNECTING or SYN_SENT
 * does, whatever its source port is, and so does any UDP datagram to it while the local port is unknown). */
bool packet_is_of(const struct drill_live *live, const struct drill_flow *flow);

/* Begins or completes what the flow learns from a packet it sends (ports, ISN) when the script expects `packet`. */
void flow_learn_sent(struct drill_flow *flow, const struct drill_packet *packet, const struct drill_live *live);

/* Whether a live segment may be merged behind another one that it continues (outbound merging as packetdrill's:
 * headers alike but for PSH, FIN, CWR and the options' values; sequence numbers adjacent; pieces of equal length but
 * the last). False with the reason in `why`. */
bool packet_may_merge(const struct drill_live *first, const struct drill_live *previous, const struct drill_live *next,
                      uint32_t so_far, uint32_t expected, struct drill_text *why);

/* The headers of a merged packet, as packetdrill's: the last piece's, with seq and CWR of the first; lengths add up.
 * `merged` begins as the first piece; its data, which the caller puts together, stays where it is. */
void packet_merge(struct drill_live *merged, const struct drill_live *next);

/* Compares what was sent (merged pieces: see packet_merge; all `len` bytes at `data`) with what the script expects, and
 * learns the timestamp mapping. True when alike; otherwise `why` names the field, both values. `elapsed_us` is the
 * script's time, for the tolerance of TS val, which is compared with --tcp_ts_tick_usecs only. */
bool packet_match(struct drill_flow *flow, const struct la_drill_options *options, const struct drill_packet *expected,
                  const struct drill_live *live, int64_t elapsed_us, struct drill_text *why);

/* A live packet in the script's numbers. False: its TCP options do not parse (what parses is there). */
bool packet_to_script(const struct drill_flow *flow, const struct drill_live *live, struct drill_packet *packet);

/* Either in script notation: "S. 0:0(0) ack 1 win 65535 <mss 1460,…>". */
void packet_write(const struct drill_packet *packet, struct drill_text *text);
void packet_write_live(const struct drill_flow *flow, const struct drill_live *live, struct drill_text *text);
/* "FP.", "-": as in a script. */
void packet_write_flags(uint16_t flags, struct drill_text *text);

#endif
