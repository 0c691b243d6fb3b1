#include "wire/nd.h"

enum { ADVERT_ROUTER = 1u << 31, ADVERT_SOLICITED = 1u << 30, ADVERT_OVERRIDE = 1u << 29 };
enum nd_option { OPTION_SOURCE_MAC = 1, OPTION_TARGET_MAC = 2 };

#define TARGET_LEN 16
#define MAC_OPTION_LEN 8

/* Options are counted in units of 8 bytes; one of length 0 makes the message invalid (RFC 4861, 4.6, 7.1). */
static bool options_parse(struct reader *r, struct nd_msg *m) {
    uint8_t wanted = m->advert ? OPTION_TARGET_MAC : OPTION_SOURCE_MAC;
    while (reader_left(r) > 0) {
        uint8_t type = read8(r);
        size_t len = 8 * (size_t)read8(r);
        if (len == 0) return false;
        const uint8_t *p = read_bytes(r, len - 2);
        if (!p) return false;
        if (type == wanted && len == MAC_OPTION_LEN) {
            m->has_mac = true;
            memcpy(m->mac, p, sizeof m->mac);
        }
    }
    return true;
}

bool nd_parse(const struct icmp6_msg *icmp, struct nd_msg *m) {
    *m = (struct nd_msg){.advert = icmp->type == ICMP6_NEIGHBOUR_ADVERT};
    if (!m->advert && icmp->type != ICMP6_NEIGHBOUR_SOLICIT) return false;
    if (icmp->code != 0) return false;
    if (m->advert) {
        m->router = icmp->rest & ADVERT_ROUTER;
        m->solicited = icmp->rest & ADVERT_SOLICITED;
        m->override_ = icmp->rest & ADVERT_OVERRIDE;
    }
    struct reader r = reader_of(icmp->body.data, icmp->body.len);
    const uint8_t *target = read_bytes(&r, TARGET_LEN);
    if (!target || target[0] == 0xff) return false; /* A target is never multicast. */
    memcpy(m->target.bytes, target, TARGET_LEN);
    return options_parse(&r, m);
}

void nd_build(struct writer *w, const struct la_addr *src, const struct la_addr *dst, const struct nd_msg *m) {
    uint8_t body[TARGET_LEN + MAC_OPTION_LEN];
    struct writer b = writer_of(body, sizeof body);
    write_bytes(&b, m->target.bytes, TARGET_LEN);
    if (m->has_mac) {
        write8(&b, m->advert ? OPTION_TARGET_MAC : OPTION_SOURCE_MAC);
        write8(&b, MAC_OPTION_LEN / 8);
        write_bytes(&b, m->mac, sizeof m->mac);
    }
    struct icmp6_msg icmp = {
        .type = m->advert ? ICMP6_NEIGHBOUR_ADVERT : ICMP6_NEIGHBOUR_SOLICIT,
        .body = {body, writer_len(&b)},
    };
    if (m->advert) {
        icmp.rest = (m->router ? ADVERT_ROUTER : 0) | (m->solicited ? ADVERT_SOLICITED : 0) |
                    (m->override_ ? ADVERT_OVERRIDE : 0);
    }
    icmp6_build(w, src, dst, &icmp);
}
