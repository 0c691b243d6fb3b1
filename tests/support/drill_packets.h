/* Flows and packets as the tests of src/drill write them by hand. */
#ifndef DRILL_PACKETS_H
#define DRILL_PACKETS_H

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "drill/packet.h"

/* 192.168.0.1:8080 is the TCP under test with ISN 0x10000000, 192.0.2.1:50000 the script's side with ISN 5000. */
static inline struct drill_flow an_open_flow(void) {
    return (struct drill_flow){
        .state = DRILL_FLOW_SYNACK_ACKED,
        .proto = DRILL_TCP,
        .local = {.addr = la_addr4(192, 168, 0, 1), .port = 8080},
        .remote = {.addr = la_addr4(192, 0, 2, 1), .port = 50000},
        .live_local_isn = 0x10000000,
        .live_remote_isn = 5000,
    };
}

/* The same between fd3d::1 and 2001:db8::2. */
static inline struct drill_flow an_open_flow6(void) {
    struct drill_flow flow = an_open_flow();
    flow.ip6 = true;
    flow.local.addr = (struct la_addr){{0xfd, 0x3d, [15] = 1}};
    flow.remote.addr = (struct la_addr){{0x20, 0x01, 0x0d, 0xb8, [15] = 2}};
    return flow;
}

static inline struct drill_packet a_packet(bool inbound, enum drill_proto proto) {
    struct drill_packet packet;
    memset(&packet, 0, sizeof packet);
    packet.inbound = inbound;
    packet.proto = proto;
    packet.ip.ttl = -1;
    packet.ip.flowlabel = -1;
    packet.src_port = packet.dst_port = -1;
    return packet;
}

static inline struct drill_packet a_segment(bool inbound, uint16_t flags, uint32_t seq, uint32_t len, uint32_t ack) {
    struct drill_packet packet = a_packet(inbound, DRILL_TCP);
    packet.flags = flags;
    packet.seq = seq;
    packet.seq_end = seq + len;
    packet.len = len;
    packet.has_ack = flags & LA_ACK;
    packet.ack = ack;
    packet.has_window = true;
    packet.window = 257;
    return packet;
}

static inline void add_option(struct drill_packet *packet, struct drill_tcp_option option) {
    packet->option[packet->noptions++] = option;
}

static inline void add_nop(struct drill_packet *packet) {
    add_option(packet, (struct drill_tcp_option){.kind = DRILL_OPT_NOP});
}

static inline void add_ts(struct drill_packet *packet, uint32_t val, uint32_t ecr) {
    add_option(packet, (struct drill_tcp_option){.kind = DRILL_OPT_TS, .value = val, .ecr = ecr});
}

/* A live segment of the open flow: "P. 1:3(2) ack 1 win 65535 <nop,nop,TS val 700 ecr 200>", TTL 64. */
static const uint8_t sent_segment[] = {
    0x45, 0x00, 0x00, 0x36, 0x00, 0x00, 0x00, 0x00, 0x40, 0x06, 0xf8, 0x17, 0xc0, 0xa8, 0x00, 0x01, 0xc0, 0x00,
    0x02, 0x01, 0x1f, 0x90, 0xc3, 0x50, 0x10, 0x00, 0x00, 0x01, 0x00, 0x00, 0x13, 0x89, 0x80, 0x18, 0xff, 0xff,
    0xea, 0x19, 0x00, 0x00, 0x01, 0x01, 0x08, 0x0a, 0x00, 0x00, 0x02, 0xbc, 0x00, 0x00, 0x00, 0xc8, 0x00, 0x00,
};

#endif
