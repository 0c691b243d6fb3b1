/* The integer options of level TCP. Linux's names, units and errors. */
#include "tcp/sockopt.h"

#define WINDOW_CLAMP_MIN 1152 /* Linux's: half of its smallest SO_RCVBUF. */

SOCKOPT_FLAG(noopt)

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

static void set_notsent_lowat(struct tcp_conn *c, int value) {
    c->notsent_lowat = (uint32_t)value;
    tcp_room_event(c);
}
static int get_notsent_lowat(struct tcp_conn *c) { return (int)c->notsent_lowat; }

/* The window that was promised stays promised. */
static void set_window_clamp(struct tcp_conn *c, int value) {
    c->window_clamp = value ? sockopt_clamp((uint32_t)value, WINDOW_CLAMP_MIN, INT32_MAX) : 0;
}
static int get_window_clamp(struct tcp_conn *c) { return (int)(c->window_clamp ? c->window_clamp : c->rcvbuf); }
static bool may_clamp(const struct tcp_conn *c, int value) { return value > 0 || c->state == LA_CLOSED; }

/* Seconds are kept as the number of timeouts, 1, 2, 4 … s, that they take, as on Linux. */
#define DEFER_TIMEOUT_S 1
#define DEFER_MOST 30 /* Timeouts: longer than any handshake lasts. */

static int defer_seconds(uint8_t retries) {
    int sum = 0, timeout = DEFER_TIMEOUT_S;
    for (; retries && sum < INT32_MAX / 4; retries--, timeout *= 2) sum += timeout;
    return sum;
}
static void set_defer_accept(struct tcp_conn *c, int value) {
    c->defer_retries = 0;
    while (c->defer_retries < DEFER_MOST && defer_seconds(c->defer_retries) < value) c->defer_retries++;
}
static int get_defer_accept(struct tcp_conn *c) { return defer_seconds(c->defer_retries); }

static const struct sockopt options[] = {
    {LA_IPPROTO_TCP, LA_TCP_NODELAY, SOCKOPT_ANY_INT, set_nodelay, get_nodelay, NULL},
    {LA_IPPROTO_TCP, LA_TCP_MAXSEG, 88, 32767, set_maxseg, get_maxseg, NULL},
    {LA_IPPROTO_TCP, LA_TCP_CORK, SOCKOPT_ANY_INT, set_cork, get_cork, NULL},
    {LA_IPPROTO_TCP, LA_TCP_KEEPIDLE, 1, 32767, set_keepidle, get_keepidle, NULL},
    {LA_IPPROTO_TCP, LA_TCP_KEEPINTVL, 1, 32767, set_keepintvl, get_keepintvl, NULL},
    {LA_IPPROTO_TCP, LA_TCP_KEEPCNT, 1, 127, set_keepcnt, get_keepcnt, NULL},
    {LA_IPPROTO_TCP, LA_TCP_SYNCNT, 1, 127, set_syncnt, get_syncnt, NULL},
    {LA_IPPROTO_TCP, LA_TCP_LINGER2, SOCKOPT_ANY_INT, set_linger2, get_linger2, NULL},
    {LA_IPPROTO_TCP, LA_TCP_QUICKACK, SOCKOPT_ANY_INT, set_quickack, get_quickack, NULL},
    {LA_IPPROTO_TCP, LA_TCP_USER_TIMEOUT, 0, INT32_MAX, set_user_timeout, get_user_timeout, NULL},
    {LA_IPPROTO_TCP, LA_TCP_KEEPINIT, 1, 32767, set_keepinit, get_keepinit, NULL},
    {LA_IPPROTO_TCP, LA_TCP_NOOPT, SOCKOPT_ANY_INT, set_noopt, get_noopt, NULL},
    {LA_IPPROTO_TCP, LA_TCP_NOTSENT_LOWAT, SOCKOPT_ANY_INT, set_notsent_lowat, get_notsent_lowat, NULL},
    {LA_IPPROTO_TCP, LA_TCP_WINDOW_CLAMP, 0, INT32_MAX, set_window_clamp, get_window_clamp, may_clamp},
    {LA_IPPROTO_TCP, LA_TCP_DEFER_ACCEPT, SOCKOPT_ANY_INT, set_defer_accept, get_defer_accept, NULL},
};

const struct sockopt *sockopt_tcp(int name) {
    for (unsigned i = 0; i < COUNT_OF(options); i++)
        if (options[i].name == name) return &options[i];
    return NULL;
}
