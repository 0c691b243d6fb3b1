/* Socket options: one table of names, each with how it is checked, set and read. Linux's names, units and errors; sizes
 * of buffers are taken as given (Linux doubles them), within the stack's bounds. */
#include "tcp/conn.h"

struct option {
    int level, name;
    int min, max; /* Bounds of what may be set; min > max: cannot be set. */
    void (*set)(struct tcp_conn *c, int value);
    int (*get)(struct tcp_conn *c);
};

#define CANNOT_SET 1, 0, NULL
#define ANY_INT INT32_MIN, INT32_MAX

static uint32_t clamp(uint32_t value, uint32_t min, uint32_t max) {
    return value < min ? min : value > max ? max : value;
}

#define FLAG(field)                                                                                                    \
    static void set_##field(struct tcp_conn *c, int value) { c->is.field = value != 0; }                               \
    static int get_##field(struct tcp_conn *c) { return c->is.field; }
FLAG(reuseaddr)
FLAG(v6only)
FLAG(noopt)
FLAG(oobinline)

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
    c->sndbuf = clamp((uint32_t)value, p->sndbuf_min, p->sndbuf_max);
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
    c->rcvbuf = clamp((uint32_t)value, p->rcvbuf_min, p->rcvbuf_max);
    c->is.rcvbuf_set = 1;
}
static int get_rcvbuf(struct tcp_conn *c) { return told(c, c->rcvbuf); }

static void set_keepalive(struct tcp_conn *c, int value) {
    c->is.keepalive = value != 0;
    tcp_keepalive_start(c);
}
static int get_keepalive(struct tcp_conn *c) { return c->is.keepalive; }
static void set_keepidle(struct tcp_conn *c, int value) {
    c->keepidle_s = (uint16_t)value;
    tcp_keepalive_start(c);
}
static int seconds_of(uint16_t own, la_time setting) { return own ? own : (int)(setting / LA_SECOND); }
static int get_keepidle(struct tcp_conn *c) { return seconds_of(c->keepidle_s, c->tcp->params.keepidle); }
static void set_keepintvl(struct tcp_conn *c, int value) { c->keepintvl_s = (uint16_t)value; }
static int get_keepintvl(struct tcp_conn *c) { return seconds_of(c->keepintvl_s, c->tcp->params.keepintvl); }
static void set_keepcnt(struct tcp_conn *c, int value) { c->keepcnt = (uint8_t)value; }
static int get_keepcnt(struct tcp_conn *c) { return c->keepcnt ? c->keepcnt : c->tcp->params.keepcnt; }

static void set_nodelay(struct tcp_conn *c, int value) {
    c->is.nodelay = value != 0;
    if (value && tcp_synchronized(c)) tcp_mark(c, MARK_SEND);
}
static int get_nodelay(struct tcp_conn *c) { return c->is.nodelay; }
static void set_cork(struct tcp_conn *c, int value) {
    c->is.cork = value != 0;
    if (!value && tcp_synchronized(c)) tcp_mark(c, MARK_SEND);
}
static int get_cork(struct tcp_conn *c) { return c->is.cork; }
static void set_maxseg(struct tcp_conn *c, int value) {
    c->user_mss = (uint16_t)value;
    if (tcp_synchronized(c)) tcp_send_mss_update(c);
}
static int get_maxseg(struct tcp_conn *c) {
    if (c->peer_mss) return (int)tcp_send_mss(c);
    return c->user_mss ? c->user_mss : c->tcp->params.mss_default_v4;
}
static void set_syncnt(struct tcp_conn *c, int value) { c->syn_retries = (uint8_t)value; }
static void set_keepinit(struct tcp_conn *c, int value) { c->keepinit_s = (uint16_t)value; }
static int get_keepinit(struct tcp_conn *c) { return seconds_of(c->keepinit_s, c->tcp->params.keepinit); }
static int get_syncnt(struct tcp_conn *c) { return c->syn_retries ? c->syn_retries : c->tcp->params.syn_retries; }
/* Linux: negative means none; more than the default's bound means the bound. */
static void set_linger2(struct tcp_conn *c, int value) {
    c->linger2_s = (int16_t)(value < 0 ? -1 : value > 120 ? 120 : value);
}
static int get_linger2(struct tcp_conn *c) {
    return c->linger2_s ? c->linger2_s : (int)(c->tcp->params.fin_timeout / LA_SECOND);
}
/* Linux: not a mode but a nudge. What is owed goes now, an odd value ends the conversation; the next answer or timeout
 * may say otherwise again. */
static void set_quickack(struct tcp_conn *c, int value) {
    if (value & 1) c->quickacks = UINT8_MAX;
    c->is.pingpong = !(value & 1);
    if (value && c->timer_at[LA_TIMER_DELACK] != LA_NEVER) tcp_mark(c, MARK_ACK);
}
static int get_quickack(struct tcp_conn *c) { return !c->is.pingpong; }
static void set_user_timeout(struct tcp_conn *c, int value) {
    c->user_timeout_ms = (uint32_t)value;
    if (!value)
        tcp_timer_stop(c, LA_TIMER_USER);
    else if (tcp_synchronized(c) && seq_lt(c->snd_una, c->snd_end))
        tcp_timer_user(c);
}
static int get_user_timeout(struct tcp_conn *c) { return (int)c->user_timeout_ms; }
static void set_tos(struct tcp_conn *c, int value) { c->tos = (uint8_t)(value & 0xfc); /* ECN bits are the stack's. */ }
static int get_tos(struct tcp_conn *c) { return c->tos; }
static void set_ttl(struct tcp_conn *c, int value) { c->ttl = (uint8_t)(value < 0 ? 0 : value); }
static int get_ttl(struct tcp_conn *c) { return c->ttl ? c->ttl : ip_settings(c->tcp->ip)->ttl; }

static const struct option options[] = {
    {LA_SOL_SOCKET, LA_SO_REUSEADDR, ANY_INT, set_reuseaddr, get_reuseaddr},
    {LA_SOL_SOCKET, LA_SO_TYPE, CANNOT_SET, get_type},
    {LA_SOL_SOCKET, LA_SO_ERROR, CANNOT_SET, get_error},
    {LA_SOL_SOCKET, LA_SO_ACCEPTCONN, CANNOT_SET, get_accepting},
    {LA_SOL_SOCKET, LA_SO_SNDBUF, 0, INT32_MAX, set_sndbuf, get_sndbuf},
    {LA_SOL_SOCKET, LA_SO_RCVBUF, 0, INT32_MAX, set_rcvbuf, get_rcvbuf},
    {LA_SOL_SOCKET, LA_SO_OOBINLINE, ANY_INT, set_oobinline, get_oobinline},
    {LA_SOL_SOCKET, LA_SO_KEEPALIVE, ANY_INT, set_keepalive, get_keepalive},
    {LA_IPPROTO_TCP, LA_TCP_NODELAY, ANY_INT, set_nodelay, get_nodelay},
    {LA_IPPROTO_TCP, LA_TCP_MAXSEG, 88, 32767, set_maxseg, get_maxseg},
    {LA_IPPROTO_TCP, LA_TCP_CORK, ANY_INT, set_cork, get_cork},
    {LA_IPPROTO_TCP, LA_TCP_KEEPIDLE, 1, 32767, set_keepidle, get_keepidle},
    {LA_IPPROTO_TCP, LA_TCP_KEEPINTVL, 1, 32767, set_keepintvl, get_keepintvl},
    {LA_IPPROTO_TCP, LA_TCP_KEEPCNT, 1, 127, set_keepcnt, get_keepcnt},
    {LA_IPPROTO_TCP, LA_TCP_SYNCNT, 1, 127, set_syncnt, get_syncnt},
    {LA_IPPROTO_TCP, LA_TCP_LINGER2, ANY_INT, set_linger2, get_linger2},
    {LA_IPPROTO_TCP, LA_TCP_QUICKACK, ANY_INT, set_quickack, get_quickack},
    {LA_IPPROTO_TCP, LA_TCP_USER_TIMEOUT, 0, INT32_MAX, set_user_timeout, get_user_timeout},
    {LA_IPPROTO_TCP, LA_TCP_KEEPINIT, 1, 32767, set_keepinit, get_keepinit},
    {LA_IPPROTO_TCP, LA_TCP_NOOPT, ANY_INT, set_noopt, get_noopt},
    {LA_IPPROTO_IP, LA_IP_TOS, 0, 255, set_tos, get_tos},
    {LA_IPPROTO_IP, LA_IP_TTL, 1, 255, set_ttl, get_ttl},
    {LA_IPPROTO_IPV6, LA_IPV6_UNICAST_HOPS, -1, 255, set_ttl, get_ttl},
    {LA_IPPROTO_IPV6, LA_IPV6_V6ONLY, ANY_INT, set_v6only, get_v6only},
    {LA_IPPROTO_IPV6, LA_IPV6_TCLASS, 0, 255, set_tos, get_tos},
};

static const struct option *find(int level, int name) {
    for (unsigned i = 0; i < COUNT_OF(options); i++)
        if (options[i].level == level && options[i].name == name) return &options[i];
    return NULL;
}

static int set_linger(struct tcp_conn *c, const void *value, size_t len) {
    struct la_linger l;
    if (len < sizeof l) return -LA_EINVAL;
    memcpy(&l, value, sizeof l);
    if (l.onoff && l.seconds < 0) return -LA_EINVAL;
    c->is.linger_on = l.onoff != 0;
    c->linger_s = (uint16_t)(l.seconds > UINT16_MAX ? UINT16_MAX : l.seconds);
    return 0;
}

int tcp_setsockopt(struct tcp *tcp, la_sock sock, int level, int name, const void *value, size_t len) {
    struct tcp_conn *c = tcp_conn_of(tcp, sock);
    int number;
    if (!c) return -LA_EBADF;
    if (!value) return -LA_EFAULT;
    if (level == LA_SOL_SOCKET && name == LA_SO_LINGER) return set_linger(c, value, len);
    if (level == LA_IPPROTO_TCP && tcp_fastopen_is_option(name)) return tcp_fastopen_setsockopt(c, name, value, len);
    const struct option *o = find(level, name);
    if (!o || !o->set) return -LA_ENOPROTOOPT;
    if (len < sizeof number) return -LA_EINVAL;
    memcpy(&number, value, sizeof number);
    if (number < o->min || number > o->max) return -LA_EINVAL;
    if (level == LA_IPPROTO_IPV6 && name == LA_IPV6_V6ONLY && c->is.bound) return -LA_EINVAL;
    o->set(c, number);
    return 0;
}

int tcp_getsockopt(struct tcp *tcp, la_sock sock, int level, int name, void *value, size_t *len) {
    struct tcp_conn *c = tcp_conn_of(tcp, sock);
    if (!c) return -LA_EBADF;
    if (!value || !len) return -LA_EFAULT;
    if (level == LA_SOL_SOCKET && name == LA_SO_LINGER) {
        struct la_linger l = {c->is.linger_on, c->linger_s};
        if (*len > sizeof l) *len = sizeof l;
        memcpy(value, &l, *len);
        return 0;
    }
    if (level == LA_IPPROTO_TCP && tcp_fastopen_is_option(name)) return tcp_fastopen_getsockopt(c, name, value, len);
    const struct option *o = find(level, name);
    if (!o) return -LA_ENOPROTOOPT;
    int number = o->get(c);
    if (*len > sizeof number) *len = sizeof number;
    memcpy(value, &number, *len);
    return 0;
}
