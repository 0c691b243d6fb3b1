/* TCP_INFO: what la_conn_info knows, in Linux's structure. What it does not know is 0. */
#include "sys/tcp_info.h"

#include "sys/open_file.h"

#include <string.h>

_Static_assert(sizeof(struct sys_tcp_info) == SYS_TCP_INFO_SIZE, "Linux's struct tcp_info");

/* Linux's largest ssthresh: nothing was lost yet. */
#define SSTHRESH_NONE 0x7fffffffu

static uint8_t state_number(enum la_state state) {
    static const uint8_t number[LA_NSTATES] = {
        [LA_CLOSED] = SYS_TCP_CLOSE,
        [LA_LISTEN] = SYS_TCP_LISTEN,
        [LA_SYN_SENT] = SYS_TCP_SYN_SENT,
        [LA_SYN_RCVD] = SYS_TCP_SYN_RECV,
        [LA_ESTABLISHED] = SYS_TCP_ESTABLISHED,
        [LA_FIN_WAIT_1] = SYS_TCP_FIN_WAIT1,
        [LA_FIN_WAIT_2] = SYS_TCP_FIN_WAIT2,
        [LA_CLOSE_WAIT] = SYS_TCP_CLOSE_WAIT,
        [LA_CLOSING] = SYS_TCP_CLOSING,
        [LA_LAST_ACK] = SYS_TCP_LAST_ACK,
        [LA_TIME_WAIT] = SYS_TCP_TIME_WAIT,
    };
    return number[state];
}

static uint32_t us(la_time time) { return (uint32_t)(time / LA_US); }

static uint32_t segments(uint64_t bytes, uint32_t mss) { return (uint32_t)((bytes + mss - 1) / mss); }

static uint32_t mss_of(const struct la_sys *sys, const struct sys_socket *s) {
    int mss = 0;
    size_t len = sizeof mss;
    la_getsockopt(sys->stack, s->sock, LA_IPPROTO_TCP, LA_TCP_MAXSEG, &mss, &len);
    return mss > 0 ? (uint32_t)mss : 1;
}

/* Segments that wait for an ACK: SYN and FIN are one each. */
static uint32_t unacked(const struct la_conn_info *c, uint32_t mss) {
    if (c->state == LA_SYN_SENT || c->state == LA_SYN_RCVD) return 1;
    return segments(c->send_queue - c->unsent, mss) + (c->fin_sent && !c->fin_acked ? 1 : 0);
}

static void fill_timers(const struct la_conn_info *c, struct sys_tcp_info *i) {
    bool timed = c->timer_at[LA_TIMER_RETRANSMIT] != LA_NEVER;
    i->rto = us(c->rto);
    i->backoff = c->backoff;
    if (timed) i->retransmits = c->backoff;
    if (c->timer_at[LA_TIMER_PERSIST] != LA_NEVER) i->probes = c->backoff;
    if (timed && c->backoff && c->srtt) i->ca_state = SYS_TCP_CA_LOSS;
    i->rtt = us(c->srtt);
    i->rttvar = us(c->rttvar);
}

static void fill_sending(const struct la_sys *sys, const struct sys_socket *s, const struct la_conn_info *c,
                         struct sys_tcp_info *i) {
    int64_t reordering = 0;
    uint32_t mss = mss_of(sys, s);
    i->snd_mss = mss;
    i->unacked = unacked(c, mss);
    i->snd_cwnd = c->cwnd / mss;
    i->snd_ssthresh = c->ssthresh >= SSTHRESH_NONE ? SSTHRESH_NONE : c->ssthresh / mss;
    if (!la_get(sys->stack, "net.ipv4.tcp_reordering", &reordering)) i->reordering = (uint32_t)reordering;
    i->total_retrans = c->retransmits;
    i->bytes_acked = c->bytes_out;
    i->segs_out = c->segs_out;
    i->notsent_bytes = c->unsent;
    i->snd_wnd = c->snd_wnd;
}

void sys_tcp_info(const struct la_sys *sys, const struct sys_socket *s, void *to) {
    struct la_conn_info c;
    struct sys_tcp_info i;
    memset(&i, 0, sizeof i);
    sys_conn(sys, s, &c);
    i.state = state_number(c.state);
    if (c.state == LA_LISTEN) {
        i.unacked = c.recv_queue;
        i.sacked = c.send_queue;
    } else if (s->sock >= 0 && la_ready(sys->stack, s->sock) >= 0) {
        fill_timers(&c, &i);
        fill_sending(sys, s, &c, &i);
        i.bytes_received = c.bytes_in;
        i.segs_in = c.segs_in;
        i.rcv_wnd = c.rcv_wnd;
        i.rcv_rtt = us(c.rcv_rtt);
        i.options = (uint8_t)(c.timestamps * SYS_TCP_OPT_TIMESTAMPS | c.sack * SYS_TCP_OPT_SACK |
                              c.wscale * SYS_TCP_OPT_WSCALE | c.ecn * SYS_TCP_OPT_ECN |
                              c.syn_data * SYS_TCP_OPT_SYN_DATA | c.fastopen_child * SYS_TCP_OPT_TFO_CHILD);
        i.snd_wscale = c.snd_wscale & 15u;
        i.rcv_wscale = c.rcv_wscale & 15u;
        i.pmtu = c.path_mtu;
        if (c.data_at) i.last_data_recv = (uint32_t)((sys->now - c.data_at) / LA_MS);
        i.advmss = c.own_mss;
    }
    memcpy(to, &i, sizeof i);
}
