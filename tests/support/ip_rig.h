/* The IP layer on a bench: packets in and out as hexadecimal text, time by hand.
 *
 * Text is pairs of hexadecimal digits; blanks and line ends are skipped. In what is expected, ".." stands for any byte.
 * Checksums of packets going in are filled in, those of packets coming out are verified, by code of its own here. */
#ifndef SUPPORT_IP_RIG_H
#define SUPPORT_IP_RIG_H

#include "unit.h"

#include "exact.h"
#include "ip/ip_state.h"

struct ip_rig {
    struct oom oom;
    struct env env;
    struct wheel wheel;
    struct ip *ip;
    struct ip_arrival arrival;
    uint8_t in[70000]; /* The latest packet in; what arrival points into. */
    size_t in_len;
};

#define MAC_US "020000000001"
#define MAC_PEER "020000000002"

static inline struct la_addr addr_of(const char *text) {
    struct la_addr addr;
    assert_true(la_addr_parse(text, &addr));
    return addr;
}

static inline void rig_begin(struct ip_rig *rig) {
    memset(rig, 0, sizeof *rig);
    oom_init(&rig->oom);
    unit_env(&rig->env, &rig->oom);
    rig->env.now = 1000 * LA_SECOND;
    wheel_init(&rig->wheel, rig->env.now);
    assert_int_equal(ip_create(&rig->env, &rig->wheel, &rig->ip), 0);
}

static inline void rig_end(struct ip_rig *rig) {
    ip_destroy(rig->ip);
    assert_int_equal(rig->env.used, 0);
    env_free(&rig->env);
    assert_int_equal(rig->oom.blocks, 0);
}

/* The layer alone, for a scenario over its own memory: time 0, no interface. False when memory was refused; ip_bare_end
 * all the same. */
struct ip_bare {
    struct env env;
    struct wheel wheel;
    struct ip *ip;
};

static inline bool ip_bare_begin(struct ip_bare *bare, struct oom *oom) {
    bare->ip = NULL;
    unit_env(&bare->env, oom);
    wheel_init(&bare->wheel, 0);
    return ip_create(&bare->env, &bare->wheel, &bare->ip) == 0;
}

static inline void ip_bare_end(struct ip_bare *bare) {
    ip_destroy(bare->ip);
    assert_int_equal(bare->env.used, 0);
    env_free(&bare->env);
}

/* An interface with 10.0.0.1/24 and fd00::1/64, the first one being 0. */
static inline int rig_iface(struct ip_rig *rig, enum la_link link, uint32_t mtu) {
    struct la_iface_config config = {.link = link, .mtu = mtu, .mac = {2, 0, 0, 0, 0, 1}};
    struct la_addr a4 = addr_of("10.0.0.1"), a6 = addr_of("fd00::1");
    int iface = ip_iface_add(rig->ip, &config);
    assert_true(iface >= 0);
    assert_int_equal(ip_addr_add(rig->ip, iface, &a4, 24), 0);
    assert_int_equal(ip_addr_add(rig->ip, iface, &a6, 64), 0);
    return iface;
}

static inline void rig_pass(struct ip_rig *rig, la_time ns) {
    la_time until = rig->env.now + ns;
    for (la_time next; (next = wheel_next(&rig->wheel)) <= until;) {
        if (next > rig->env.now) rig->env.now = next;
        for (struct wheel_node *node; (node = wheel_expire(&rig->wheel, rig->env.now));)
            assert_true(ip_timer(rig->ip, node));
    }
    rig->env.now = until;
}

static inline int rig_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
}

/* Fills `out`, and `care` with 0 where the text has "..". Returns the length. */
static inline size_t rig_hex(const char *text, uint8_t *out, uint8_t *care) {
    size_t len = 0;
    for (; *text; text++) {
        if (*text == ' ' || *text == '\n') continue;
        bool any = text[0] == '.';
        assert_true(any ? text[1] == '.' : rig_digit(text[0]) >= 0 && rig_digit(text[1]) >= 0);
        out[len] = any ? 0 : (uint8_t)(rig_digit(text[0]) * 16 + rig_digit(text[1]));
        if (care) care[len] = !any;
        len++;
        text++;
    }
    return len;
}

static inline uint32_t rig_sum(const uint8_t *p, size_t len) {
    uint32_t sum = 0;
    for (size_t i = 0; i < len; i++) sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
    return sum;
}

static inline uint16_t rig_fold(uint32_t sum) {
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

/* Of an IP packet whose payload is not a fragment: where the payload is and where its checksum, NULL if it has none;
 * the sum over pseudo-header and payload. */
static inline uint8_t *rig_transport(uint8_t *p, size_t len, uint32_t *sum) {
    bool is4 = p[0] >> 4 == 4;
    size_t at = is4 ? (size_t)(p[0] & 15) * 4 : 40;
    uint8_t proto = is4 ? p[9] : p[6];
    if (at >= len || (is4 && (get16(p + 6) & 0x3fff))) return NULL;
    for (; !is4 && (proto == 0 || proto == 60); at += 8) proto = p[at];
    size_t field = proto == 1 || proto == 58 ? 2 : proto == 6 ? 16 : proto == 17 ? 6 : 0;
    if (!field || len < at + field + 2) return NULL;
    *sum = rig_sum(p + at, len - at);
    if (proto != 1) *sum += rig_sum(is4 ? p + 12 : p + 8, is4 ? 8 : 32) + proto + (uint32_t)(len - at);
    return p + at + field;
}

static inline size_t rig_ip_len(const uint8_t *p) { return p[0] >> 4 == 4 ? get16(p + 2) : 40u + get16(p + 4); }

/* Fills checksum fields that are 0. */
static inline void rig_fill(uint8_t *p, size_t len) {
    if (len < 20 || rig_ip_len(p) > len) return;
    uint32_t sum;
    uint8_t *field = rig_transport(p, rig_ip_len(p), &sum);
    if (field && get16(field) == 0) put16(field, (uint16_t)~rig_fold(sum));
    if (p[0] >> 4 == 4 && get16(p + 10) == 0) put16(p + 10, (uint16_t)~rig_fold(rig_sum(p, (size_t)(p[0] & 15) * 4)));
}

static inline void rig_verify(const uint8_t *packet, size_t len) {
    uint32_t sum;
    uint8_t p[70000];
    memcpy(p, packet, len);
    assert_int_equal(rig_ip_len(p), len);
    if (p[0] >> 4 == 4) assert_int_equal(rig_fold(rig_sum(p, 20)), 0xffff);
    if (rig_transport(p, len, &sum)) assert_int_equal(rig_fold(sum), 0xffff);
}

static inline size_t rig_link_len(const struct ip_rig *rig, unsigned iface) {
    return ip_iface(rig->ip, iface)->link == LA_LINK_ETHERNET ? ETH_LEN : 0;
}

/* Bytes as they are. */
static inline enum ip_result rig_in_bytes(struct ip_rig *rig, int iface, const uint8_t *bytes, size_t len) {
    /* From a block of its own, so that a sanitizer sees every read beyond. */
    memmove(rig->in, bytes, len);
    rig->in_len = len;
    uint8_t *copy = exact(rig->in, len);
    enum ip_result result = ip_input(rig->ip, iface, copy, len, &rig->arrival);
    /* The arrival points into the copy: move it over to rig->in. */
    struct la_span *spans[] = {&rig->arrival.datagram.data, &rig->arrival.datagram.packet, &rig->arrival.error.quoted};
    for (size_t i = 0; i < COUNT_OF(spans); i++)
        if (spans[i]->data >= copy && spans[i]->data <= copy + len) spans[i]->data = rig->in + (spans[i]->data - copy);
    free(copy);
    return result;
}

static inline enum ip_result rig_in(struct ip_rig *rig, int iface, const char *text) {
    uint8_t bytes[4096];
    size_t len = rig_hex(text, bytes, NULL), link = rig_link_len(rig, (unsigned)iface);
    if (len > link && (!link || get16(bytes + 12) != ETH_ARP)) rig_fill(bytes + link, len - link);
    return rig_in_bytes(rig, iface, bytes, len);
}

/* The next packet in the queue is this one. */
static inline void rig_compare(const struct ip_rig *rig, const struct la_packet *packet, const char *text) {
    uint8_t bytes[4096], care[4096], got[70000];
    size_t len = rig_hex(text, bytes, care), at = 0, link = rig_link_len(rig, (unsigned)packet->iface);
    for (unsigned i = 0; i < packet->nspans; i++) {
        memcpy(got + at, packet->span[i].data, packet->span[i].len);
        at += packet->span[i].len;
    }
    assert_int_equal(at, packet->len);
    assert_int_equal(at, len);
    for (size_t i = 0; i < len; i++)
        if (care[i] && got[i] != bytes[i]) fail_msg("byte %zu is %02x, not %02x", i, got[i], bytes[i]);
    if (!link || get16(got + 12) != ETH_ARP) rig_verify(got + link, len - link);
}

static inline void rig_out(struct ip_rig *rig, int iface, const char *text) {
    struct la_packet packet;
    assert_true(ip_queue_next(rig->ip, iface, &packet));
    rig_compare(rig, &packet, text);
}

static inline void rig_quiet(struct ip_rig *rig) { assert_false(ip_queue_pending(rig->ip, -1)); }

/* One drop more of this name since the last time, and no other. */
static inline void rig_dropped(struct ip_rig *rig, enum la_drop drop) {
    for (unsigned i = 0; i < LA_NDROPS; i++) assert_int_equal(rig->env.dropped[i], i == (unsigned)drop && drop ? 1 : 0);
    memset(rig->env.dropped, 0, sizeof rig->env.dropped);
}

static inline struct ip_path rig_path(struct ip_rig *rig, const char *dst) {
    struct ip_path path;
    struct la_addr to = addr_of(dst);
    assert_int_equal(ip_path_find(rig->ip, &to, NULL, 0, &path), 0);
    return path;
}

/* Sends `len` bytes 00 01 02 … as protocol 17 without any header of it. */
static inline int rig_send(struct ip_rig *rig, const char *dst, size_t len, bool may_fragment) {
    static uint8_t data[65536];
    for (size_t i = 0; i < sizeof data; i++) data[i] = (uint8_t)i;
    struct ip_path path = rig_path(rig, dst);
    struct ip_packet p;
    ip_packet_init(&p);
    ip_packet_add(&p, (struct la_span){data, len});
    return ip_send(rig->ip, &path, &(struct ip_meta){.proto = 253, .ttl = 64, .may_fragment = may_fragment}, &p);
}

#endif
