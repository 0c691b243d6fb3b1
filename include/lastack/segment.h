/* Looking at packets from outside: a packet's bytes as one TCP segment in a struct, and back. For devices that match
 * packets, for tests that write them, for tools that print them. Pure functions, no stack needed. */
#ifndef LASTACK_SEGMENT_H
#define LASTACK_SEGMENT_H

#include <lastack/stack.h>
#include <lastack/types.h>

enum la_seg_flags {
    LA_FIN = 0x01,
    LA_SYN = 0x02,
    LA_RST = 0x04,
    LA_PSH = 0x08,
    LA_ACK = 0x10,
    LA_URG = 0x20,
    LA_ECE = 0x40,
    LA_CWR = 0x80,
    LA_AE = 0x100,
};

struct la_sack_block {
    uint32_t from, to;
};

struct la_segment {
    struct la_endpoint src, dst;
    uint32_t seq, ack;
    uint16_t flags; /* enum la_seg_flags */
    uint16_t wnd;   /* As on the wire, unscaled. */
    uint16_t urg;
    uint8_t tos, ttl;
    bool csum_ok; /* Parse: IP and TCP checksums are right. Build: false writes a wrong TCP checksum. */
    /* Options; 0 or false where absent. wscale is -1 where absent. */
    uint16_t mss;
    int8_t wscale;
    bool sack_ok, has_ts;
    uint32_t ts_val, ts_ecr;
    unsigned nsack;
    struct la_sack_block sack[4];
    const uint8_t *data; /* Payload. Parse: points into the packet. Build: NULL with len > 0 writes zeros. */
    size_t len;
};

/* False when the packet is not an unfragmented TCP segment over IPv4 or IPv6 that parses. */
bool la_segment_parse(enum la_link link, const void *packet, size_t len, struct la_segment *segment);
/* Writes an IP packet (no link header) with correct lengths and checksums, options in Linux's order. Returns its
 * length, 0 when `size` is too small or the addresses are of two families. */
size_t la_segment_build(const struct la_segment *segment, void *packet, size_t size);
/* "10.0.0.1:80 > 10.0.0.2:4242 [S.] seq 1 ack 2 win 65535 len 0 <mss 1460,sackOK,…>"; numbers as they are. Text that
 * does not fit is cut. Returns the length of what was written, without the NUL. */
size_t la_segment_text(const struct la_segment *segment, char *text, size_t size);
/* "SYN+ACK", "FIN+PSH+ACK", "-" in `text`, likewise. */
size_t la_flags_text(uint16_t flags, char *text, size_t size);

#endif
