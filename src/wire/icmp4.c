#include "wire/icmp4.h"

enum icmp_result icmp4_parse(const uint8_t *data, size_t len, struct icmp4_msg *m) {
    if (len < ICMP4_LEN) return ICMP_BAD;
    m->type = data[0];
    m->code = data[1];
    m->rest = get32(data + 4);
    m->body = (struct la_span){data + ICMP4_LEN, len - ICMP4_LEN};
    return csum_of(data, len) == 0 ? ICMP_OK : ICMP_BAD_CSUM;
}

void icmp4_build(struct writer *w, const struct icmp4_msg *m) {
    size_t len = ICMP4_LEN + m->body.len;
    uint8_t *p = write_room(w, len);
    if (!p) return;
    p[0] = m->type;
    p[1] = m->code;
    put16(p + 2, 0);
    put32(p + 4, m->rest);
    if (m->body.len > 0) memcpy(p + ICMP4_LEN, m->body.data, m->body.len);
    put16(p + 2, csum_of(p, len));
}
