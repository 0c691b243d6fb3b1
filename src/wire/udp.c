#include "wire/udp.h"

bool udp_parse(const uint8_t *data, size_t len, struct udp_hdr *h) {
    if (len < UDP_LEN) return false;
    h->src_port = get16(data);
    h->dst_port = get16(data + 2);
    h->len = get16(data + 4);
    h->csum = get16(data + 6);
    return h->len >= UDP_LEN && h->len <= len;
}

void udp_build(struct writer *w, const struct udp_hdr *h) {
    uint8_t *p = write_room(w, UDP_LEN);
    if (!p) return;
    put16(p, h->src_port);
    put16(p + 2, h->dst_port);
    put16(p + 4, h->len);
    put16(p + 6, h->csum);
}
