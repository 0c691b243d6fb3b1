/* The only sender. Connections with marks wait in a list per interface; tcp_output takes the first, asks send.c what
 * may go, builds that one segment (or unit of several, for a device that cuts) around the bytes in the send storage (no
 * copy) and gives it to ip_output. Afterwards the connection goes to the end of the list, so that all get their turn.
 *
 * Segments that belong to no connection object (RST, answers from records, SYN+ACK from the SYN cache) are built here
 * too and go through the IP layer's queue.
 *
 * RFC 9293, 3.1, 3.5.2; RFC 7323; RFC 2018. */
#include "tcp/conn.h"

#define SACK_HEAD 4u /* Bytes, NOPs included. */
#define SACK_BLOCK 8u

struct ip_path tcp_full_path(const struct tcp_conn *c) {
    return (struct ip_path){.src = c->key.local,
                            .dst = c->key.peer,
                            .next_hop = c->path.next_hop,
                            .iface = c->path.iface,
                            .mtu = c->path.mtu,
                            .metrics = c->path.metrics,
                            .generation = c->path.generation};
}

/* How many blocks there are to tell, as many as a segment has room for. */
static unsigned blocks_to_tell(const struct tcp_conn *c, const struct tcp_plan *plan) {
    if (!c->is.sack_on || plan->len || plan->flags & TCP_SYN) return 0;
    uint32_t n = c->ooo.count + c->is.dsack;
    return n < TCP_SACK_MAX ? (unsigned)n : TCP_SACK_MAX;
}

static void add_sack(struct tcp_conn *c, struct tcp_options *o) {
    struct range r[TCP_SACK_MAX];
    size_t room = TCP_OPTIONS_MAX - tcp_options_len(o, &c->tcp->params.layout) - SACK_HEAD;
    unsigned max = (unsigned)(room / SACK_BLOCK), first = c->is.dsack;
    if (max > TCP_SACK_MAX) max = TCP_SACK_MAX;
    if (first) o->sack[0] = (struct tcp_sack){c->dsack_from, c->dsack_to}; /* RFC 2883, 4: said once. */
    unsigned n = tcp_recv_blocks(c, r, max - first);
    for (unsigned i = 0; i < n; i++) o->sack[first + i] = (struct tcp_sack){r[i].from, r[i].to};
    o->nsack = (uint8_t)(first + n);
    c->is.dsack = 0;
}

static void syn_options(const struct tcp_conn *c, struct tcp_options *o) {
    const struct tcp_params *params = &c->tcp->params;
    bool answer = c->state == LA_SYN_RCVD;
    if (c->is.noopt) return;
    o->has_mss = true;
    struct ip_path path = tcp_full_path(c);
    o->mss = tcp_own_mss(c->tcp, &path, c->user_mss);
    if (params->syn_drop_options && c->backoff > 2) return; /* Something on the path may not like the others. */
    o->has_wscale = answer ? c->is.wscale_on : params->window_scaling;
    o->wscale = c->rcv_wscale;
    o->sack_ok = answer ? c->is.sack_on : params->sack;
    o->has_ts = answer ? c->is.ts_on : params->timestamps;
    tcp_fastopen_option(c, o);
}

static void set_options(struct tcp_conn *c, const struct tcp_plan *plan, struct tcp_options *o) {
    if (plan->flags & TCP_SYN)
        syn_options(c, o);
    else
        o->has_ts = c->is.ts_on;
    if (o->has_ts) {
        o->ts_val = tcp_clock_ms(c->tcp) + c->ts_offset;
        o->ts_ecr = plan->flags & TCP_ACK ? c->ts_recent : 0;
    }
    unsigned blocks = blocks_to_tell(c, plan);
    if (c->accecn) tcp_accecn_option(c, plan, blocks, o);
    if (!blocks) return;
    add_sack(c, o);
    env_count(c->tcp->env, LA_C_SACK_OUT);
}

/* In a SYN the window is not scaled; before the peer's SYN there is no sequence to count it from. */
static uint16_t syn_window(struct tcp_conn *c) {
    uint32_t unread = c->state == LA_SYN_RCVD ? tcp_unread(c) : 0;
    struct ip_path path = tcp_full_path(c);
    uint32_t limit = tcp_syn_window_limit(c->tcp, &path, c->user_mss);
    uint16_t window = tcp_syn_window(unread < c->rcvbuf ? c->rcvbuf - unread : 0, limit);
    if (c->state == LA_SYN_RCVD) c->rcv_adv = seq_max(c->rcv_adv, seq_add(c->rcv_nxt, window));
    return window;
}

/* The checksum over pseudo-header, header and payload; where the device fills it in, over the pseudo-header. */
static void finish_csum(struct tcp *tcp, const struct ip_path *path, struct ip_packet *p, uint8_t *header,
                        size_t hlen) {
    struct csum sum = {0, 0};
    wire_pseudo(&sum, &path->src, &path->dst, PROTO_TCP, (uint32_t)hlen + p->data_len);
    if (p->segment || ip_iface(tcp->ip, path->iface)->tx_csum_by_dev) {
        put16(header + 16, csum_fold(&sum));
        return;
    }
    csum_add(&sum, header, hlen);
    for (unsigned i = 0; i < p->nspans; i++) csum_add(&sum, p->span[i].data, p->span[i].len);
    put16(header + 16, csum_finish(&sum));
}

/* Writes header and options in front of the payload of `p`. */
static void put_header(struct tcp *tcp, const struct ip_path *path, struct ip_packet *p, const struct tcp_seg *s) {
    size_t hlen = TCP_LEN + tcp_options_len(&s->opt, &tcp->params.layout);
    uint8_t *header = ip_packet_prepend(p, hlen);
    struct writer w = writer_of(header, hlen);
    tcp_build(&w, s, &tcp->params.layout);
    finish_csum(tcp, path, p, header, hlen);
    env_count_many(tcp->env, LA_C_TCP_OUT, p->segment ? (p->data_len + p->segment - 1) / p->segment : 1);
    if (s->flags & TCP_RST) env_count(tcp->env, LA_C_TCP_OUT_RST);
}

static void put_payload(struct tcp_conn *c, struct ip_packet *p, const struct tcp_plan *plan) {
    unsigned count = 0;
    if (!plan->len) return;
    struct la_span span[LA_PACKET_SPANS - 1];
    seq from = plan->flags & TCP_SYN ? seq_add(plan->seq, 1) : plan->seq;
    buffer_peek(&c->snd, from, plan->len, span, COUNT_OF(span), &count);
    for (unsigned i = 0; i < count; i++) ip_packet_add(p, span[i]);
}

static void fill_segment(struct tcp_conn *c, const struct tcp_plan *plan, struct tcp_seg *s) {
    s->src_port = c->key.local_port;
    s->dst_port = c->key.peer_port;
    s->seq = plan->seq;
    s->ack = plan->flags & TCP_ACK ? c->rcv_nxt : seq_of(0);
    s->flags = plan->flags;
    s->urg = 0;
    tcp_urgent_put(c, s);
    tcp_options_clear(&s->opt);
    s->flags |= tcp_ecn_flags(c, plan);
    s->wnd = plan->flags & TCP_SYN ? syn_window(c) : tcp_recv_advertise(c);
    set_options(c, plan, &s->opt);
}

static struct ip_meta meta_of(const struct tcp_conn *c, const struct tcp_plan *plan) {
    uint8_t tos = (uint8_t)(c->tos | tcp_ecn_codepoint(c, plan));
    return (struct ip_meta){PROTO_TCP, c->ttl, tos, tcp_mtu_may_fragment(c, plan->mtu_probe)};
}

/* Builds what is planned. True: *out is ready. False: the IP layer keeps or drops it; either way it counts as sent, and
 * a timer will ask again. */
static bool build(struct tcp_conn *c, const struct tcp_plan *plan, struct la_packet *out) {
    struct tcp *tcp = c->tcp;
    struct tcp_seg s;
    struct ip_path path = tcp_full_path(c);
    struct ip_meta meta = meta_of(c, plan);
    ip_packet_init(&tcp->packet);
    tcp->packet.segment = (uint16_t)plan->unit;
    put_payload(c, &tcp->packet, plan);
    fill_segment(c, plan, &s);
    put_header(tcp, &path, &tcp->packet, &s);
    tcp_ecn_sent(c, plan);
    tcp_tally_sent(c, plan);
    tcp_send_sent(c, plan);
    return ip_output(tcp->ip, &path, &meta, &tcp->packet, out);
}

static bool output_conn(struct tcp_conn *c, struct la_packet *out) {
    struct tcp_plan plan;
    while (tcp_send_plan(c, &plan))
        if (build(c, &plan, out)) return true;
    if (tcp_synchronized(c)) tcp_cwnd_validate(c);
    tcp_chrono(c);
    return false;
}

/* Routes and path MTUs as they are now. False: it leaves through another interface and waits in that one's list. */
static bool follow_route(struct tcp_conn *c, unsigned iface) {
    bool valid = c->path.generation == ip_generation(c->tcp->ip);
    if (!valid && tcp_path_refresh(c)) tcp_recover_mtu(c);
    return c->path.iface == iface;
}

static bool output_iface(struct tcp *tcp, unsigned iface, struct la_packet *out) {
    struct list *head = &tcp->out[iface], *node;
    while ((node = list_first(head)) != NULL) {
        struct tcp_conn *c = CONTAINER(node, struct tcp_conn, out);
        if (!follow_route(c, iface)) continue;
        bool sent = output_conn(c, out);
        if (tcp->env->check) tcp_check(c);
        list_remove(node);
        if (sent) {
            list_append(head, node);
            return true;
        }
        c->marks = 0;
    }
    return false;
}

bool tcp_output(struct tcp *tcp, int iface, struct la_packet *packet) {
    if (iface >= 0) return output_iface(tcp, (unsigned)iface, packet);
    unsigned n = ip_iface_count(tcp->ip);
    for (unsigned i = 0; i < 2 * n; i++) /* Twice, for what a new route has moved to a list already passed. */
        if (output_iface(tcp, i < n ? i : i - n, packet)) return true;
    return false;
}

bool tcp_output_pending(const struct tcp *tcp, int iface) {
    if (iface >= 0) return !list_empty(&tcp->out[iface]);
    for (unsigned i = 0; i < ip_iface_count(tcp->ip); i++)
        if (!list_empty(&tcp->out[i])) return true;
    return false;
}

void tcp_reply_send(struct tcp *tcp, const struct tcp_reply *r) {
    struct ip_path path;
    struct ip_packet *p = &tcp->packet;
    struct ip_meta meta = {PROTO_TCP, r->ttl, r->tos, false};
    if (ip_path_find(tcp->ip, &r->key.peer, &r->key.local, r->zone, &path) < 0) {
        env_drop(tcp->env, LA_D_NO_ROUTE);
        return;
    }
    struct tcp_seg s = {.src_port = r->key.local_port, .dst_port = r->key.peer_port, .seq = r->seq, .ack = r->ack};
    s.flags = r->flags;
    s.wnd = r->wnd;
    s.opt = r->opt;
    meta.may_fragment = path.metrics.mtu_locked;
    ip_packet_init(p);
    put_header(tcp, &path, p, &s);
    ip_send(tcp->ip, &path, &meta, p);
}

/* A link-local peer is reached through the interface that it was heard on; any other by the routes. */
uint16_t tcp_zone_of(const struct tcp_in *in) {
    return ip_is_link_local(&in->key.peer) ? (uint16_t)(in->datagram->iface + 1) : 0;
}

void tcp_reply_rst(struct tcp *tcp, const struct tcp_in *in) { tcp_reply_rst_as(tcp, in, 0, 0); }

/* RFC 9293, 3.10.7.1: with an ACK the RST takes its number from it, otherwise it acknowledges the segment. */
void tcp_reply_rst_as(struct tcp *tcp, const struct tcp_in *in, uint8_t ttl, uint8_t tos) {
    const struct tcp_seg *s = &in->seg;
    struct tcp_reply r = {.key = in->key, .zone = tcp_zone_of(in), .flags = TCP_RST, .ttl = ttl, .tos = tos};
    if (s->flags & TCP_ACK) {
        r.seq = s->ack;
    } else {
        r.flags |= TCP_ACK;
        r.ack = seq_add(s->seq, tcp_seg_len(s));
    }
    tcp_reply_send(tcp, &r);
}

void tcp_reply_conn(struct tcp_conn *c, uint16_t flags) {
    struct tcp_reply r = {
        .key = c->key, .seq = tcp_send_bare_seq(c), .ack = c->rcv_nxt, .flags = flags, .zone = c->zone};
    struct tcp_plan plan = {.flags = flags};
    r.ttl = c->ttl;
    r.tos = c->tos;
    if (!(flags & TCP_RST)) {
        r.flags |= tcp_ecn_flags(c, &plan);
        r.wnd = tcp_recv_advertise(c);
        set_options(c, &plan, &r.opt);
    } else if (c->is.ts_on) {
        set_options(c, &plan, &r.opt);
        r.opt.nsack = 0;
    }
    tcp_reply_send(c->tcp, &r);
}
