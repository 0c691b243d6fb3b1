/* getsockopt and setsockopt: integers by the tables of sockopt_socket.c and sockopt_tcp.c; here the few options that
 * are something else: SO_LINGER, SO_MAX_PACING_RATE, TCP_CONGESTION, TCP_INFO, IP_MTU. A buffer that is too short for a
 * value gets its beginning, as on Linux. */
#include "tcp/sockopt.h"

#define CONGESTION_LEN 16u /* Linux's TCP_CA_NAME_MAX. */

static const struct sockopt *find(int level, int name) {
    return level == LA_IPPROTO_TCP ? sockopt_tcp(name) : sockopt_socket(level, name);
}

/* --- Setting --- */

static int set_linger(struct tcp_conn *c, const void *value, size_t len) {
    struct la_linger l;
    if (len < sizeof l) return -LA_EINVAL;
    memcpy(&l, value, sizeof l);
    if (l.onoff && l.seconds < 0) return -LA_EINVAL;
    c->is.linger_on = l.onoff != 0;
    c->linger_s = (uint16_t)(l.seconds > UINT16_MAX ? UINT16_MAX : l.seconds);
    return 0;
}

/* Linux takes 32 bits, where all ones are no bound, or 64. No rate at all is none to keep to. */
static int set_pacing_rate(struct tcp_conn *c, const void *value, size_t len) {
    uint32_t narrow;
    uint64_t wide;
    if (len < sizeof narrow) return -LA_EINVAL;
    memcpy(&narrow, value, sizeof narrow);
    if (len >= sizeof wide)
        memcpy(&wide, value, sizeof wide);
    else
        wide = narrow == UINT32_MAX ? UINT64_MAX : narrow;
    c->max_pacing_rate = wide == UINT64_MAX ? 0 : wide;
    return 0;
}

static int set_congestion(struct tcp_conn *c, const char *value, size_t len) {
    char name[CONGESTION_LEN] = "";
    if (len < 1) return -LA_EINVAL;
    memcpy(name, value, len < sizeof name - 1 ? len : sizeof name - 1);
    int algorithm = cc_find(name);
    if (algorithm < 0) return -LA_ENOENT;
    tcp_cwnd_choose(c, (unsigned)algorithm);
    return 0;
}

static int set_integer(struct tcp_conn *c, const struct sockopt *o, const void *value, size_t len) {
    int number;
    if (len < sizeof number) return -LA_EINVAL;
    memcpy(&number, value, sizeof number);
    if (number < o->min || number > o->max || (o->allowed && !o->allowed(c, number))) return -LA_EINVAL;
    o->set(c, number);
    return 0;
}

int tcp_setsockopt(struct tcp *tcp, la_sock sock, int level, int name, const void *value, size_t len) {
    struct tcp_conn *c = tcp_conn_of(tcp, sock);
    if (!c) return -LA_EBADF;
    if (!value) return -LA_EFAULT;
    if (level == LA_SOL_SOCKET && name == LA_SO_LINGER) return set_linger(c, value, len);
    if (level == LA_SOL_SOCKET && name == LA_SO_MAX_PACING_RATE) return set_pacing_rate(c, value, len);
    if (level == LA_IPPROTO_TCP && name == LA_TCP_CONGESTION) return set_congestion(c, value, len);
    if (level == LA_IPPROTO_TCP && tcp_fastopen_is_option(name)) return tcp_fastopen_setsockopt(c, name, value, len);
    const struct sockopt *o = find(level, name);
    return o && o->set ? set_integer(c, o, value, len) : -LA_ENOPROTOOPT;
}

/* --- Reading --- */

static int give(void *value, size_t *len, const void *from, size_t size) {
    if (*len > size) *len = size;
    memcpy(value, from, *len);
    return 0;
}

static int get_linger(const struct tcp_conn *c, void *value, size_t *len) {
    struct la_linger l = {c->is.linger_on, c->linger_s};
    return give(value, len, &l, sizeof l);
}

static int get_pacing_rate(const struct tcp_conn *c, void *value, size_t *len) {
    uint64_t wide = c->max_pacing_rate ? c->max_pacing_rate : UINT64_MAX;
    uint32_t narrow = wide < UINT32_MAX ? (uint32_t)wide : UINT32_MAX;
    return *len < sizeof wide ? give(value, len, &narrow, sizeof narrow) : give(value, len, &wide, sizeof wide);
}

static int get_congestion(const struct tcp_conn *c, void *value, size_t *len) {
    char name[CONGESTION_LEN] = "";
    const char *from = c->eng.cc.ops->name;
    for (size_t i = 0; from[i] && i < sizeof name - 1; i++) name[i] = from[i];
    return give(value, len, name, sizeof name);
}

static int get_info(const struct tcp_conn *c, void *value, size_t *len) {
    struct la_tcp_info info;
    tcp_info_fill(c, &info);
    return give(value, len, &info, sizeof info);
}

static bool is_mtu(int level, int name) {
    return (level == LA_IPPROTO_IP && name == LA_IP_MTU) || (level == LA_IPPROTO_IPV6 && name == LA_IPV6_MTU);
}

static int get_mtu(const struct tcp_conn *c, void *value, size_t *len) {
    int mtu = c->path.mtu;
    return mtu ? give(value, len, &mtu, sizeof mtu) : -LA_ENOTCONN;
}

int tcp_getsockopt(struct tcp *tcp, la_sock sock, int level, int name, void *value, size_t *len) {
    struct tcp_conn *c = tcp_conn_of(tcp, sock);
    if (!c) return -LA_EBADF;
    if (!value || !len) return -LA_EFAULT;
    if (level == LA_SOL_SOCKET && name == LA_SO_LINGER) return get_linger(c, value, len);
    if (level == LA_SOL_SOCKET && name == LA_SO_MAX_PACING_RATE) return get_pacing_rate(c, value, len);
    if (level == LA_IPPROTO_TCP && name == LA_TCP_CONGESTION) return get_congestion(c, value, len);
    if (level == LA_IPPROTO_TCP && name == LA_TCP_INFO) return get_info(c, value, len);
    if (level == LA_IPPROTO_TCP && tcp_fastopen_is_option(name)) return tcp_fastopen_getsockopt(c, name, value, len);
    if (is_mtu(level, name)) return get_mtu(c, value, len);
    const struct sockopt *o = find(level, name);
    if (!o) return -LA_ENOPROTOOPT;
    int number = o->get(c);
    return give(value, len, &number, sizeof number);
}
