/* TCP segments: bytes to struct and back (RFC 9293, 3.1, 3.2; options of RFC 7323, 2018, 7413, 9768).
 *
 * Parsing takes a whole segment as IP delivered it. The option loop never looks beyond the data offset and every turn
 * moves on by at least one byte, so that it ends. An option whose own length cannot be right (0, 1, or beyond the
 * header) makes the segment malformed; a known option with a length that is not its own is skipped like an unknown one
 * (RFC 9293, 3.2: MUST-6, MUST-7). Which options mean something in which segment is not decided here.
 *
 * Building follows a layout: the order of options and how they are padded are habits in which systems differ. Options
 * are put one after the other into a scratch area of 40 bytes; what no longer fits is left out, of SACK only the blocks
 * that do not. So SACK belongs behind TS in every order. Most segments of a connection carry exactly NOP, NOP, TS under
 * every layout: both directions have a short way for them. */
#include "wire/tcp.h"

#define MSS_LEN 4
#define WSCALE_LEN 3
#define SACK_OK_LEN 2
#define TS_LEN 10
#define SACK_BLOCK_LEN 8
#define FASTOPEN_MIN 4 /* RFC 7413, 4.1.1: cookies are 4 to 16 bytes, an even number. */
#define FASTOPEN_MAX TCP_COOKIE_MAX
#define FASTOPEN_EXID 0xf989 /* RFC 7413, 4.1.1: the experiment's identifier. */
#define EXID_LEN 2u
#define ACCECN_FIELD 3u /* RFC 9768, 3.2.3. */

#define FLAGS_MASK 0x1ff
#define CSUM_AT 16

/* NOP, NOP, TS, 10: the recommended form (RFC 7323, appendix A). */
#define PLAIN_TS 0x0101080au
#define PLAIN_TS_LEN 12

/* --- Parse --- */

static void sack_parse(const uint8_t *value, size_t len, struct tcp_options *o) {
    size_t blocks = len / SACK_BLOCK_LEN;
    if (len % SACK_BLOCK_LEN || blocks == 0 || blocks > TCP_SACK_MAX) return;
    o->nsack = (uint8_t)blocks;
    for (size_t i = 0; i < blocks; i++, value += SACK_BLOCK_LEN) {
        o->sack[i] = (struct tcp_sack){seq_of(get32(value)), seq_of(get32(value + 4))};
    }
}

static void fastopen_parse(const uint8_t *value, size_t len, bool exp, struct tcp_options *o) {
    if (len % 2 || (len > 0 && len < FASTOPEN_MIN) || len > FASTOPEN_MAX) return;
    o->has_fastopen = true;
    o->fastopen_exp = exp;
    o->fastopen_len = (uint8_t)len;
    memset(o->fastopen, 0, sizeof o->fastopen);
    memcpy(o->fastopen, value, len);
}

/* Of any length: the whole counters that fit count, the rest is padding (RFC 9768, 3.2.3). */
static void accecn_parse(uint8_t kind, const uint8_t *value, size_t len, struct tcp_options *o) {
    o->has_accecn = true;
    o->accecn1 = kind == TCPOPT_ACCECN1;
    o->naccecn = (uint8_t)size_min(len / ACCECN_FIELD, TCP_ACCECN_MAX);
    for (size_t i = 0; i < o->naccecn; i++, value += ACCECN_FIELD)
        o->accecn[i] = (uint32_t)value[0] << 16 | get16(value + 1);
}

/* One option: its kind, and `len` bytes of value behind kind and length. */
static void option_parse(uint8_t kind, const uint8_t *value, size_t len, struct tcp_options *o) {
    switch (kind) {
    case TCPOPT_MSS:
        if (len != MSS_LEN - 2) return;
        o->has_mss = true;
        o->mss = get16(value);
        return;
    case TCPOPT_WSCALE:
        if (len != WSCALE_LEN - 2) return;
        o->has_wscale = true;
        o->wscale = value[0];
        return;
    case TCPOPT_SACK_OK:
        if (len == SACK_OK_LEN - 2) o->sack_ok = true;
        return;
    case TCPOPT_TS:
        if (len != TS_LEN - 2) return;
        o->has_ts = true;
        o->ts_val = get32(value);
        o->ts_ecr = get32(value + 4);
        return;
    case TCPOPT_SACK: sack_parse(value, len, o); return;
    case TCPOPT_FASTOPEN: fastopen_parse(value, len, false, o); return;
    case TCPOPT_ACCECN0:
    case TCPOPT_ACCECN1: accecn_parse(kind, value, len, o); return;
    case TCPOPT_EXPERIMENT:
        if (len >= EXID_LEN && get16(value) == FASTOPEN_EXID) fastopen_parse(value + EXID_LEN, len - EXID_LEN, true, o);
        return;
    default: return;
    }
}

static bool options_parse(const uint8_t *p, const uint8_t *end, struct tcp_options *o) {
    while (p < end) {
        uint8_t kind = *p;
        if (kind == TCPOPT_EOL) return true;
        if (kind == TCPOPT_NOP) {
            p++;
            continue;
        }
        if (end - p < 2 || p[1] < 2 || p[1] > end - p) return false;
        option_parse(kind, p + 2, (size_t)p[1] - 2, o);
        p += p[1];
    }
    return true;
}

bool tcp_parse(const uint8_t *data, size_t len, struct tcp_seg *s) {
    if (len < TCP_LEN) return false;
    size_t header = (size_t)(data[12] >> 4) * 4;
    if (header < TCP_LEN || header > len) return false;
    s->src_port = get16(data);
    s->dst_port = get16(data + 2);
    s->seq = seq_of(get32(data + 4));
    s->ack = seq_of(get32(data + 8));
    s->flags = get16(data + 12) & FLAGS_MASK;
    s->wnd = get16(data + 14);
    s->urg = get16(data + 18);
    s->data = (struct la_span){data + header, len - header};
    tcp_options_clear(&s->opt);
    if (header == TCP_LEN) return true;
    if (header == TCP_LEN + PLAIN_TS_LEN && get32(data + TCP_LEN) == PLAIN_TS) {
        s->opt.has_ts = true;
        s->opt.ts_val = get32(data + TCP_LEN + 4);
        s->opt.ts_ecr = get32(data + TCP_LEN + 8);
        return true;
    }
    return options_parse(data + TCP_LEN, data + header, &s->opt);
}

bool tcp_csum_ok(const uint8_t *data, size_t len, const struct la_addr *src, const struct la_addr *dst) {
    struct csum c = {0, 0};
    wire_pseudo(&c, src, dst, PROTO_TCP, (uint32_t)len);
    csum_add(&c, data, len);
    return csum_finish(&c) == 0;
}

/* --- Build --- */

/* Options on their way into the scratch area. */
struct scratch {
    uint8_t bytes[TCP_OPTIONS_MAX];
    size_t at;
};

static bool layout_names(const struct tcp_option_layout *layout, uint8_t kind) {
    for (size_t i = 0; i < sizeof layout->order && layout->order[i]; i++) {
        if (layout->order[i] == kind) return true;
    }
    return false;
}

/* The bytes of an option, 0 when there is none. */
static size_t option_len(const struct tcp_options *o, uint8_t kind) {
    switch (kind) {
    case TCPOPT_MSS: return o->has_mss ? MSS_LEN : 0;
    case TCPOPT_WSCALE: return o->has_wscale ? WSCALE_LEN : 0;
    case TCPOPT_SACK_OK: return o->sack_ok ? SACK_OK_LEN : 0;
    case TCPOPT_TS: return o->has_ts ? TS_LEN : 0;
    case TCPOPT_SACK: return o->nsack ? 2 + SACK_BLOCK_LEN * size_min(o->nsack, TCP_SACK_MAX) : 0;
    case TCPOPT_FASTOPEN:
        if (!o->has_fastopen) return 0;
        return 2u + (o->fastopen_exp ? EXID_LEN : 0u) + size_min(o->fastopen_len, FASTOPEN_MAX);
    case TCPOPT_ACCECN0: return o->has_accecn ? 2u + ACCECN_FIELD * size_min(o->naccecn, TCP_ACCECN_MAX) : 0;
    default: return 0;
    }
}

/* NOPs before an option of `len` bytes at `at`; `unit` counts what stands together with it. */
static size_t option_nops(bool eol_padding, uint8_t kind, size_t at, size_t unit) {
    if (!eol_padding) return kind == TCPOPT_FASTOPEN || kind == TCPOPT_ACCECN0 ? 0 : (0 - (at + unit)) % 4;
    switch (kind) {
    case TCPOPT_WSCALE: return (1 - at) % 4;
    case TCPOPT_TS:
    case TCPOPT_SACK: return (2 - at) % 4;
    default: return 0;
    }
}

static void value_put(uint8_t *p, const struct tcp_options *o, uint8_t kind, size_t len) {
    switch (kind) {
    case TCPOPT_MSS: put16(p, o->mss); break;
    case TCPOPT_WSCALE: p[0] = o->wscale; break;
    case TCPOPT_TS:
        put32(p, o->ts_val);
        put32(p + 4, o->ts_ecr);
        break;
    case TCPOPT_SACK:
        for (size_t i = 0; i < len / SACK_BLOCK_LEN; i++, p += SACK_BLOCK_LEN) {
            put32(p, o->sack[i].from.n);
            put32(p + 4, o->sack[i].to.n);
        }
        break;
    case TCPOPT_FASTOPEN:
        if (o->fastopen_exp) {
            put16(p, FASTOPEN_EXID);
            p += EXID_LEN;
            len -= EXID_LEN;
        }
        memcpy(p, o->fastopen, len);
        break;
    case TCPOPT_ACCECN0:
        for (size_t i = 0; i < len / ACCECN_FIELD; i++, p += ACCECN_FIELD) {
            p[0] = (uint8_t)(o->accecn[i] >> 16);
            put16(p + 1, (uint16_t)o->accecn[i]);
        }
        break;
    default: break; /* SACK_OK has no value. */
    }
}

static uint8_t kind_on_wire(const struct tcp_options *o, uint8_t kind) {
    if (kind == TCPOPT_FASTOPEN && o->fastopen_exp) return TCPOPT_EXPERIMENT;
    return kind == TCPOPT_ACCECN0 && o->accecn1 ? TCPOPT_ACCECN1 : kind;
}

static void option_put(struct scratch *s, const struct tcp_options *o, uint8_t kind, size_t nops, size_t len) {
    size_t room = TCP_OPTIONS_MAX - s->at;
    while (kind == TCPOPT_SACK && nops + len > room && len > 2) len -= SACK_BLOCK_LEN;
    if (nops + len > room || (kind == TCPOPT_SACK && len == 2)) return;
    memset(s->bytes + s->at, TCPOPT_NOP, nops);
    uint8_t *p = s->bytes + s->at + nops;
    p[0] = kind_on_wire(o, kind);
    p[1] = (uint8_t)len;
    value_put(p + 2, o, kind, len - 2);
    s->at += nops + len;
}

#define ORDER_MAX (sizeof((struct tcp_option_layout *)0)->order)

/* Linux: ACCECN goes before a SACK_OK that has no TS to stand with. */
static void order_of(const struct tcp_options *o, const struct tcp_option_layout *layout, uint8_t *order) {
    bool early = !layout->eol_padding && o->has_accecn && o->sack_ok && !o->has_ts;
    size_t n = 0;
    for (size_t i = 0; i < ORDER_MAX; i++) {
        uint8_t kind = layout->order[i];
        if (early && kind == TCPOPT_SACK_OK) order[n++] = TCPOPT_ACCECN0;
        if (!early || kind != TCPOPT_ACCECN0) order[n++] = kind;
    }
}

/* All options; returns their length with the padding at the end. */
static size_t options_put(struct scratch *s, const struct tcp_options *o, const struct tcp_option_layout *layout) {
    uint8_t order[ORDER_MAX + 1] = {0};
    order_of(o, layout, order);
    bool after_sack_ok = false; /* SACK_OK was just written and is half of one unit with TS. */
    s->at = 0;
    for (size_t i = 0; i < sizeof layout->order && order[i]; i++) {
        size_t len = option_len(o, order[i]);
        if (len == 0) continue;
        bool pair =
            order[i] == TCPOPT_SACK_OK && o->has_ts && i + 1 < sizeof layout->order && order[i + 1] == TCPOPT_TS;
        size_t unit = pair ? SACK_OK_LEN + TS_LEN : len;
        size_t nops = after_sack_ok ? 0 : option_nops(layout->eol_padding, order[i], s->at, unit);
        option_put(s, o, order[i], nops, len);
        after_sack_ok = pair && !layout->eol_padding;
    }
    while (s->at % 4) s->bytes[s->at++] = layout->eol_padding ? TCPOPT_EOL : TCPOPT_NOP;
    return s->at;
}

/* Whether the options are none but TS: the same 12 bytes under every layout. */
static bool only_ts(const struct tcp_options *o, const struct tcp_option_layout *layout) {
    return o->has_ts && !o->nsack && !o->has_mss && !o->has_wscale && !o->sack_ok && !o->has_fastopen &&
           !o->has_accecn && layout_names(layout, TCPOPT_TS);
}

static bool no_options(const struct tcp_options *o) {
    return !o->has_ts && !o->nsack && !o->has_mss && !o->has_wscale && !o->sack_ok && !o->has_fastopen &&
           !o->has_accecn;
}

size_t tcp_options_len(const struct tcp_options *o, const struct tcp_option_layout *layout) {
    if (no_options(o)) return 0;
    if (only_ts(o, layout)) return PLAIN_TS_LEN;
    struct scratch scratch;
    return options_put(&scratch, o, layout);
}

/* Writes the fixed header in front of `options` bytes of room; returns where those begin, or NULL. */
static uint8_t *header_put(struct writer *w, const struct tcp_seg *s, size_t options) {
    uint8_t *p = write_room(w, TCP_LEN + options);
    if (!p) return NULL;
    put16(p, s->src_port);
    put16(p + 2, s->dst_port);
    put32(p + 4, s->seq.n);
    put32(p + 8, s->ack.n);
    put16(p + 12, (uint16_t)((TCP_LEN + options) / 4 << 12 | (s->flags & FLAGS_MASK)));
    put16(p + 14, s->wnd);
    put16(p + CSUM_AT, 0);
    put16(p + 18, s->urg);
    return p + TCP_LEN;
}

size_t tcp_build(struct writer *w, const struct tcp_seg *s, const struct tcp_option_layout *layout) {
    if (no_options(&s->opt)) return header_put(w, s, 0) ? TCP_LEN : 0;
    if (only_ts(&s->opt, layout)) {
        uint8_t *p = header_put(w, s, PLAIN_TS_LEN);
        if (!p) return 0;
        put32(p, PLAIN_TS);
        put32(p + 4, s->opt.ts_val);
        put32(p + 8, s->opt.ts_ecr);
        return TCP_LEN + PLAIN_TS_LEN;
    }
    struct scratch scratch;
    size_t len = options_put(&scratch, &s->opt, layout);
    uint8_t *p = header_put(w, s, len);
    if (!p) return 0;
    memcpy(p, scratch.bytes, len);
    return TCP_LEN + len;
}
