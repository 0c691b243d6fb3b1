#include "wire/eth.h"

bool eth_parse(struct reader *r, struct eth_hdr *h) {
    const uint8_t *p = read_bytes(r, ETH_LEN);
    if (!p) return false;
    memcpy(h->dst, p, sizeof h->dst);
    memcpy(h->src, p + 6, sizeof h->src);
    h->type = get16(p + 12);
    return true;
}

void eth_build(struct writer *w, const struct eth_hdr *h) {
    uint8_t *p = write_room(w, ETH_LEN);
    if (!p) return;
    memcpy(p, h->dst, sizeof h->dst);
    memcpy(p + 6, h->src, sizeof h->src);
    put16(p + 12, h->type);
}
