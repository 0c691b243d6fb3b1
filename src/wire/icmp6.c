#include "wire/icmp6.h"

/* The checksum covers the pseudo-header, other than in ICMP for IPv4 (RFC 4443, 2.3). */
static uint16_t checksum(const uint8_t *data, size_t len, const struct la_addr *src, const struct la_addr *dst) {
    struct csum c = {0, 0};
    wire_pseudo(&c, src, dst, PROTO_ICMP6, (uint32_t)len);
    csum_add(&c, data, len);
    return csum_finish(&c);
}

enum icmp_result icmp6_parse(const uint8_t *data, size_t len, const struct la_addr *src, const struct la_addr *dst,
                             struct icmp6_msg *m) {
    if (len < ICMP6_LEN) return ICMP_BAD;
    m->type = data[0];
    m->code = data[1];
    m->rest = get32(data + 4);
    m->body = (struct la_span){data + ICMP6_LEN, len - ICMP6_LEN};
    return checksum(data, len, src, dst) == 0 ? ICMP_OK : ICMP_BAD_CSUM;
}

void icmp6_build(struct writer *w, const struct la_addr *src, const struct la_addr *dst, const struct icmp6_msg *m) {
    size_t len = ICMP6_LEN + m->body.len;
    uint8_t *p = write_room(w, len);
    if (!p) return;
    p[0] = m->type;
    p[1] = m->code;
    put16(p + 2, 0);
    put32(p + 4, m->rest);
    if (m->body.len > 0) memcpy(p + ICMP6_LEN, m->body.data, m->body.len);
    put16(p + 2, checksum(p, len, src, dst));
}
