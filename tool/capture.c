/* Reads capture files: pcap (microseconds or nanoseconds, either byte order) and pcapng.
 *
 * In: a file that may be anything. Out: the IP packets in it, in the file's order, with their times in nanoseconds. A
 * record is read into one buffer of bounded size; one that claims more ends the reading with a sentence. Records of
 * other protocols and of link types that are not known are skipped.
 *
 * A capture often keeps only the first bytes of each packet (tcpdump -s). Whoever looks at TCP's headers needs no
 * payload but its length: what is missing of a packet is filled with zeros, so that it parses. */
#define _GNU_SOURCE
#include "capture.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECORD_MAX (1u << 20) /* No record of a sane file is larger. */
#define IP_MAX 65576          /* 65535 and an IPv6 header. */
#define INTERFACES 64         /* Of a pcapng section; packets of more are skipped. */

enum {
    PCAP_US = 0xa1b2c3d4,
    PCAP_NS = 0xa1b23c4d,
    BLOCK_SECTION = 0x0a0d0d0a,
    BLOCK_INTERFACE = 1,
    BLOCK_SIMPLE = 3,
    BLOCK_PACKET = 6,
    SECTION_MAGIC = 0x1a2b3c4d,
    OPT_TSRESOL = 9,
};

/* What stands before the IP packet, by link type (tcpdump.org/linktypes.html). `ether_type` is where a 16-bit protocol
 * in network order stands; -1: the packet's first bits say it. */
static const struct link_row {
    uint32_t type;
    unsigned header;
    int ether_type;
} links[] = {
    {0, 4, -1},    {108, 4, -1},                                           /* BSD loopback. */
    {1, 14, 12},                                                           /* Ethernet. */
    {12, 0, -1},   {14, 0, -1},  {101, 0, -1}, {228, 0, -1}, {229, 0, -1}, /* Raw IP. */
    {113, 16, 14}, {276, 20, 0},                                           /* Linux "any", both versions. */
};

struct interface {
    const struct link_row *link; /* NULL: not known. */
    uint8_t resolution;          /* As if_tsresol. */
};

struct capture {
    FILE *file;
    bool ng, swapped, nanoseconds;
    unsigned ninterfaces;
    struct interface interface[INTERFACES]; /* A pcap file has one. */
    uint8_t record[RECORD_MAX];
    uint8_t packet[IP_MAX];
};

static int wrong(char *why, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));

static int wrong(char *why, size_t size, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(why, size, format, args);
    va_end(args);
    return -1;
}

/* --- Numbers in the writer's byte order --- */

static uint32_t get32(const struct capture *capture, const uint8_t *at) {
    uint32_t n;
    memcpy(&n, at, sizeof n);
    return capture->swapped ? __builtin_bswap32(n) : n;
}

static uint16_t get16(const struct capture *capture, const uint8_t *at) {
    uint16_t n;
    memcpy(&n, at, sizeof n);
    return capture->swapped ? __builtin_bswap16(n) : n;
}

static const struct link_row *link_row(uint32_t type) {
    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++)
        if (links[i].type == type) return &links[i];
    return NULL;
}

/* --- The IP packet in a record --- */

static bool is_ip(unsigned ether_type) { return ether_type == 0x0800 || ether_type == 0x86dd; }

/* Bytes before the IP packet; 0 with *found false: there is none. */
static size_t link_length(const struct link_row *link, const uint8_t *p, size_t len, bool *found) {
    size_t header = link->header;
    *found = false;
    if (len <= header) return 0;
    if (link->ether_type < 0) {
        *found = p[header] >> 4 == 4 || p[header] >> 4 == 6;
        return header;
    }
    unsigned type = (unsigned)p[link->ether_type] << 8 | p[link->ether_type + 1];
    /* VLAN tags (IEEE 802.1Q, 802.1ad). */
    for (int tags = 0; tags < 2 && link->type == 1 && (type == 0x8100 || type == 0x88a8) && len > header + 4; tags++) {
        type = (unsigned)p[header + 2] << 8 | p[header + 3];
        header += 4;
    }
    *found = is_ip(type);
    return header;
}

/* Whether the record holds an IP packet, which is then in *ip. */
static bool packet_take(struct capture *capture, const struct interface *interface, const uint8_t *p, size_t len,
                        size_t original, struct la_span *ip) {
    bool found;
    if (!interface->link) return false;
    size_t header = link_length(interface->link, p, len, &found);
    if (!found || len <= header) return false;
    size_t have = len - header, whole = original > len ? original - header : have;
    if (have > IP_MAX) have = IP_MAX;
    if (whole > IP_MAX) whole = IP_MAX;
    memcpy(capture->packet, p + header, have);
    memset(capture->packet + have, 0, whole - have);
    *ip = (struct la_span){capture->packet, whole};
    return true;
}

/* --- Records --- */

/* Reads `len` bytes. 1, 0 when the file ends here, -1 when it ends within. */
static int take(struct capture *capture, uint8_t *to, size_t len, char *why, size_t size) {
    size_t got = fread(to, 1, len, capture->file);
    if (got == len) return 1;
    if (ferror(capture->file)) return wrong(why, size, "reading fails: %s", strerror(errno));
    return got ? wrong(why, size, "the file ends in the middle of a packet") : 0;
}

/* The file's end where something must stand is an error. */
static int take_rest(struct capture *capture, uint8_t *to, size_t len, char *why, size_t size) {
    if (len > RECORD_MAX) return wrong(why, size, "a packet claims %zu bytes: the file is damaged", len);
    int rc = len ? take(capture, to, len, why, size) : 1;
    return rc ? rc : wrong(why, size, "the file ends in the middle of a packet");
}

/* One pcap record. 1: *packet has an IP packet, 2: it is of something else. */
static int pcap_next(struct capture *capture, struct capture_packet *packet, char *why, size_t size) {
    uint8_t head[16];
    int rc = take(capture, head, sizeof head, why, size);
    if (rc <= 0) return rc;
    uint32_t len = get32(capture, head + 8);
    rc = take_rest(capture, capture->record, len, why, size);
    if (rc < 0) return rc;
    packet->at = get32(capture, head) * LA_SECOND + get32(capture, head + 4) * (capture->nanoseconds ? 1 : LA_US);
    return packet_take(capture, &capture->interface[0], capture->record, len, get32(capture, head + 12), &packet->ip)
               ? 1
               : 2;
}

/* A time of pcapng in nanoseconds: its unit is a power of ten or, with the top bit, of two. */
static la_time ng_time(uint64_t ticks, uint8_t resolution) {
    uint64_t per_second = 1, power = resolution & 0x7f;
    if (resolution & 0x80) {
        per_second = power < 63 ? UINT64_C(1) << power : 1;
    } else {
        for (uint64_t i = 0; i < power && i < 18; i++) per_second *= 10;
    }
    uint64_t rest = ticks % per_second;
    la_time ns = per_second <= LA_SECOND ? rest * LA_SECOND / per_second
                                         : (la_time)((double)rest / (double)per_second * (double)LA_SECOND);
    return ticks / per_second * LA_SECOND + ns;
}

static void ng_interface(struct capture *capture, const uint8_t *body, size_t len) {
    if (capture->ninterfaces == INTERFACES || len < 8) return;
    struct interface *interface = &capture->interface[capture->ninterfaces++];
    *interface = (struct interface){link_row(get16(capture, body)), 6};
    for (size_t at = 8; at + 4 <= len;) {
        unsigned code = get16(capture, body + at), option = get16(capture, body + at + 2);
        if (!code || at + 4 + option > len) return;
        if (code == OPT_TSRESOL && option) interface->resolution = body[at + 4];
        at += 4 + (option + 3u) / 4 * 4;
    }
}

/* An enhanced packet block: interface, time, two lengths, bytes. */
static bool ng_packet(struct capture *capture, const uint8_t *body, size_t len, struct capture_packet *packet) {
    if (len < 20) return false;
    uint32_t interface = get32(capture, body), have = get32(capture, body + 12);
    if (interface >= capture->ninterfaces || have > len - 20) return false;
    uint64_t ticks = (uint64_t)get32(capture, body + 4) << 32 | get32(capture, body + 8);
    packet->at = ng_time(ticks, capture->interface[interface].resolution);
    return packet_take(capture, &capture->interface[interface], body + 20, have, get32(capture, body + 16),
                       &packet->ip);
}

/* One block of pcapng. As pcap_next. Each section may have a byte order of its own: its magic follows the length. */
static int ng_next(struct capture *capture, struct capture_packet *packet, char *why, size_t size) {
    uint8_t head[12];
    int rc = take(capture, head, sizeof head, why, size);
    if (rc <= 0) return rc;
    uint32_t type = get32(capture, head);
    if (type == BLOCK_SECTION) {
        uint32_t magic;
        memcpy(&magic, head + 8, sizeof magic);
        capture->swapped = magic != SECTION_MAGIC;
        capture->ninterfaces = 0;
        if (get32(capture, head + 8) != SECTION_MAGIC) return wrong(why, size, "a section without its magic number");
    }
    uint32_t total = get32(capture, head + 4);
    if (total < sizeof head || total % 4 || total > RECORD_MAX)
        return wrong(why, size, "a block of %u bytes: the file is damaged", total);
    memcpy(capture->record, head + 8, 4);
    rc = take_rest(capture, capture->record + 4, total - sizeof head, why, size);
    if (rc < 0) return rc;
    size_t len = total > sizeof head ? total - sizeof head : 0; /* The body: without the length at the end. */
    if (type == BLOCK_INTERFACE) ng_interface(capture, capture->record, len);
    if (type == BLOCK_SIMPLE) return wrong(why, size, "its packets have no times (simple packet blocks)");
    return type == BLOCK_PACKET && ng_packet(capture, capture->record, len, packet) ? 1 : 2;
}

int capture_next(struct capture *capture, struct capture_packet *packet, char *why, size_t size) {
    for (;;) {
        int rc = capture->ng ? ng_next(capture, packet, why, size) : pcap_next(capture, packet, why, size);
        if (rc != 2) return rc;
    }
}

/* --- The file --- */

/* Reads the head of the file: of which kind it is. */
static bool begin(struct capture *capture, char *why, size_t size) {
    uint8_t head[24];
    uint32_t magic;
    if (fread(head, 1, 4, capture->file) != 4) return wrong(why, size, "it is not a capture: too short"), false;
    memcpy(&magic, head, sizeof magic);
    if (magic == BLOCK_SECTION) {
        capture->ng = true;
        rewind(capture->file);
        return true;
    }
    uint32_t other = __builtin_bswap32(magic);
    capture->swapped = other == PCAP_US || other == PCAP_NS;
    if (capture->swapped) magic = other;
    if (magic != PCAP_US && magic != PCAP_NS)
        return wrong(why, size, "it is neither pcap nor pcapng (tcpdump -w and Wireshark write those)"), false;
    capture->nanoseconds = magic == PCAP_NS;
    if (fread(head + 4, 1, 20, capture->file) != 20) return wrong(why, size, "it is not a capture: too short"), false;
    uint32_t type = get32(capture, head + 20) & 0xfffffff;
    capture->interface[0].link = link_row(type);
    if (!capture->interface[0].link)
        return wrong(why, size, "its link type %u is not one with IP packets that is known here", type), false;
    return true;
}

struct capture *capture_open(const char *path, char *why, size_t size) {
    struct capture *capture = calloc(1, sizeof *capture);
    if (!capture) return wrong(why, size, "not enough memory"), NULL;
    capture->file = fopen(path, "rbe");
    if (!capture->file) {
        wrong(why, size, "%s", strerror(errno));
        free(capture);
        return NULL;
    }
    if (begin(capture, why, size)) return capture;
    capture_close(capture);
    return NULL;
}

void capture_close(struct capture *capture) {
    if (!capture) return;
    fclose(capture->file);
    free(capture);
}
