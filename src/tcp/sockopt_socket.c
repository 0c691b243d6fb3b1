/* The integer options of levels SOL_SOCKET, IP and IPv6. Linux's names, units and errors; sizes of buffers are taken as
 * given (Linux doubles them), within the stack's bounds. */
#include "tcp/sockopt.h"

SOCKOPT_FLAG(reuseaddr)
SOCKOPT_FLAG(v6only)
SOCKOPT_FLAG(oobinline)

static int get_type(struct tcp_conn *c) {
    (void)c;
    return LA_SOCK_STREAM;
}
static int get_error(struct tcp_conn *c) {
    int error = c->error;
    c->error = 0;
    return error;
}
static int get_accepting(struct tcp_conn *c) { return c->state == LA_LISTEN; }

static void set_sndbuf(struct tcp_conn *c, int value) {
    const struct tcp_params *p = &c->tcp->params;
    c->sndbuf = sockopt_clamp((uint32_t)value, p->sndbuf_min, p->sndbuf_max);
    c->is.sndbuf_set = 1;
    tcp_room_event(c);
}
static int told(const struct tcp_conn *c, uint32_t size) {
    return (int)(c->tcp->params.sockbuf_doubled ? 2 * size : size);
}
static int get_sndbuf(struct tcp_conn *c) { return told(c, c->sndbuf); }
/* The window that was promised stays promised: rcv_adv does not move back. */
static void set_rcvbuf(struct tcp_conn *c, int value) {
    const struct tcp_params *p = &c->tcp->params;
    c->rcvbuf = sockopt_clamp((uint32_t)value, p->rcvbuf_min, p->rcvbuf_max);
    c->is.rcvbuf_set = 1;
}
static int get_rcvbuf(struct tcp_conn *c) { return told(c, c->rcvbuf); }

static void set_keepalive(struct tcp_conn *c, int value) {
    c->is.keepalive = value != 0;
    tcp_keepalive_start(c);
}
static int get_keepalive(struct tcp_conn *c) { return c->is.keepalive; }

/* As on Linux, no more than half of what the buffer may become: a mark that the window cannot reach would never wake
 * anybody. A buffer that grows by itself grows for it. */
static void set_rcvlowat(struct tcp_conn *c, int value) {
    uint32_t most = (c->is.rcvbuf_set ? c->rcvbuf : c->tcp->params.rcvbuf_max) / 2;
    uint32_t want = value < 0 ? INT32_MAX : value ? (uint32_t)value : 1;
    c->rcvlowat = want < most ? want : most ? most : 1;
    if (!c->is.rcvbuf_set && c->rcvbuf / 2 < c->rcvlowat) c->rcvbuf = 2 * c->rcvlowat;
    if (c->is.owned && tcp_recv_enough(c)) event_post(c->tcp->events, &c->event, LA_EV_READABLE);
}
static int get_rcvlowat(struct tcp_conn *c) { return (int)c->rcvlowat; }
/* A stream takes what there is room for. */
static int get_sndlowat(struct tcp_conn *c) {
    (void)c;
    return 1;
}

static void set_tos(struct tcp_conn *c, int value) { c->tos = (uint8_t)(value & 0xfc); /* ECN bits are the stack's. */ }
static int get_tos(struct tcp_conn *c) { return c->tos; }
static void set_ttl(struct tcp_conn *c, int value) { c->ttl = (uint8_t)(value < 0 ? 0 : value); }
static int get_ttl(struct tcp_conn *c) { return c->ttl ? c->ttl : ip_settings(c->tcp->ip)->ttl; }

static bool is_unbound(const struct tcp_conn *c, int value) {
    (void)value;
    return !c->is.bound;
}

static void set_mtu_discover(struct tcp_conn *c, int value) { c->mtu.discover = (uint8_t)value; }
static int get_mtu_discover(struct tcp_conn *c) { return c->mtu.discover; }

static const struct sockopt options[] = {
    {LA_SOL_SOCKET, LA_SO_REUSEADDR, SOCKOPT_ANY_INT, set_reuseaddr, get_reuseaddr, NULL},
    {LA_SOL_SOCKET, LA_SO_TYPE, SOCKOPT_CANNOT_SET, get_type, NULL},
    {LA_SOL_SOCKET, LA_SO_ERROR, SOCKOPT_CANNOT_SET, get_error, NULL},
    {LA_SOL_SOCKET, LA_SO_ACCEPTCONN, SOCKOPT_CANNOT_SET, get_accepting, NULL},
    {LA_SOL_SOCKET, LA_SO_SNDBUF, 0, INT32_MAX, set_sndbuf, get_sndbuf, NULL},
    {LA_SOL_SOCKET, LA_SO_RCVBUF, 0, INT32_MAX, set_rcvbuf, get_rcvbuf, NULL},
    {LA_SOL_SOCKET, LA_SO_OOBINLINE, SOCKOPT_ANY_INT, set_oobinline, get_oobinline, NULL},
    {LA_SOL_SOCKET, LA_SO_KEEPALIVE, SOCKOPT_ANY_INT, set_keepalive, get_keepalive, NULL},
    {LA_SOL_SOCKET, LA_SO_RCVLOWAT, SOCKOPT_ANY_INT, set_rcvlowat, get_rcvlowat, NULL},
    {LA_SOL_SOCKET, LA_SO_SNDLOWAT, SOCKOPT_CANNOT_SET, get_sndlowat, NULL},
    {LA_IPPROTO_IP, LA_IP_TOS, 0, 255, set_tos, get_tos, NULL},
    {LA_IPPROTO_IP, LA_IP_TTL, 1, 255, set_ttl, get_ttl, NULL},
    {LA_IPPROTO_IP, LA_IP_MTU_DISCOVER, LA_PMTUDISC_DONT, LA_PMTUDISC_PROBE, set_mtu_discover, get_mtu_discover, NULL},
    {LA_IPPROTO_IPV6, LA_IPV6_MTU_DISCOVER, LA_PMTUDISC_DONT, LA_PMTUDISC_PROBE, set_mtu_discover, get_mtu_discover,
     NULL},
    {LA_IPPROTO_IPV6, LA_IPV6_UNICAST_HOPS, -1, 255, set_ttl, get_ttl, NULL},
    {LA_IPPROTO_IPV6, LA_IPV6_V6ONLY, SOCKOPT_ANY_INT, set_v6only, get_v6only, is_unbound},
    {LA_IPPROTO_IPV6, LA_IPV6_TCLASS, 0, 255, set_tos, get_tos, NULL},
};

const struct sockopt *sockopt_socket(int level, int name) {
    for (unsigned i = 0; i < COUNT_OF(options); i++)
        if (options[i].level == level && options[i].name == name) return &options[i];
    return NULL;
}
