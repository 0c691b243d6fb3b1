/* getsockopt and setsockopt: lengths and errors as Linux's, values from the stack where it knows the option.
 *
 * Three kinds of options. This layer's own (timeouts of calls, SO_RCVLOWAT, what a socket is). Those that the stack
 * knows: they go through, and are kept for the socket's next life (sock.c, renew). And names of Linux's that the stack
 * does not know: the table says of each whether it is merely kept, because nothing that a peer or a program can see
 * hangs on it here, or refused with -EOPNOTSUPP and the reason. A name in no table is -ENOPROTOOPT. */
#include "sys/open_file.h"

#include <lastack/tcp_info.h>

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

/* Linux's numbers; libc does not have all of them. */
enum {
    OPT_SO_RCVTIMEO = 20,
    OPT_SO_SNDTIMEO = 21,
    OPT_SO_SNDBUFFORCE = 32,
    OPT_SO_RCVBUFFORCE = 33,
    OPT_SO_PROTOCOL = 38,
    OPT_SO_DOMAIN = 39,
    OPT_SO_MEMINFO = 55,
    OPT_SO_COOKIE = 57,
    OPT_SO_RCVTIMEO_NEW = 66,
    OPT_SO_SNDTIMEO_NEW = 67,
    OPT_TCP_INQ = 36,
};

#define VALUE_MOST 512u
#define CONGESTION_MOST 16u
#define FASTOPEN_KEYS 32u

struct option_row {
    int level, name;
    int first;       /* Kept: its value before it is set. */
    const char *why; /* Why it is refused; NULL: it is kept. */
};

static const struct option_row rows[] = {
    {LA_SOL_SOCKET, 1, 0, NULL},   /* SO_DEBUG */
    {LA_SOL_SOCKET, 5, 0, NULL},   /* SO_DONTROUTE */
    {LA_SOL_SOCKET, 11, 0, NULL},  /* SO_NO_CHECK */
    {LA_SOL_SOCKET, 12, 0, NULL},  /* SO_PRIORITY */
    {LA_SOL_SOCKET, 15, 0, NULL},  /* SO_REUSEPORT: a second listener is still refused, by bind. */
    {LA_SOL_SOCKET, 36, 0, NULL},  /* SO_MARK */
    {LA_SOL_SOCKET, 46, 0, NULL},  /* SO_BUSY_POLL */
    {LA_SOL_SOCKET, 49, -1, NULL}, /* SO_INCOMING_CPU */
    {LA_IPPROTO_TCP, 16, 0, NULL}, /* TCP_THIN_LINEAR_TIMEOUTS */
    {LA_IPPROTO_TCP, 17, 0, NULL}, /* TCP_THIN_DUPACK */
    {LA_IPPROTO_IP, 15, 0, NULL},  /* IP_FREEBIND */
    {LA_IPPROTO_IP, 24, 0, NULL},  /* IP_BIND_ADDRESS_NO_PORT */
    {LA_SOL_SOCKET, 16, 0, "SO_PASSCRED: there are no processes"},
    {LA_SOL_SOCKET, 25, 0, "SO_BINDTODEVICE: sockets belong to no interface"},
    {LA_SOL_SOCKET, 26, 0, "SO_ATTACH_FILTER: there are no filters"},
    {LA_SOL_SOCKET, 29, 0, "SO_TIMESTAMP: arrival times are not told"},
    {LA_SOL_SOCKET, 35, 0, "SO_TIMESTAMPNS: arrival times are not told"},
    {LA_SOL_SOCKET, 37, 0, "SO_TIMESTAMPING: there is no queue of time stamps"},
    {LA_SOL_SOCKET, 42, 0, "SO_PEEK_OFF: peeking begins at the front"},
    {LA_SOL_SOCKET, 50, 0, "SO_ATTACH_BPF: there are no filters"},
    {LA_SOL_SOCKET, 60, 0, "SO_ZEROCOPY: there is no queue of completions"},
    {LA_SOL_SOCKET, 61, 0, "SO_TXTIME: segments have no time to leave at"},
    {LA_SOL_SOCKET, 63, 0, "SO_TIMESTAMP: arrival times are not told"},
    {LA_SOL_SOCKET, 64, 0, "SO_TIMESTAMPNS: arrival times are not told"},
    {LA_SOL_SOCKET, 65, 0, "SO_TIMESTAMPING: there is no queue of time stamps"},
    {LA_IPPROTO_TCP, 14, 0, "TCP_MD5SIG: segments are not signed"},
    {LA_IPPROTO_TCP, 19, 0, "TCP_REPAIR: a connection's state cannot be put back"},
    {LA_IPPROTO_TCP, 20, 0, "TCP_REPAIR: a connection's state cannot be put back"},
    {LA_IPPROTO_TCP, 21, 0, "TCP_REPAIR: a connection's state cannot be put back"},
    {LA_IPPROTO_TCP, 22, 0, "TCP_REPAIR: a connection's state cannot be put back"},
    {LA_IPPROTO_TCP, 24, 0, "TCP_TIMESTAMP: the clock of time stamps cannot be set"},
    {LA_IPPROTO_TCP, 26, 0, "TCP_CC_INFO: there is no such structure for this algorithm"},
    {LA_IPPROTO_TCP, 27, 0, "TCP_SAVE_SYN: the peer's SYN is not kept"},
    {LA_IPPROTO_TCP, 28, 0, "TCP_SAVED_SYN: the peer's SYN is not kept"},
    {LA_IPPROTO_TCP, 29, 0, "TCP_REPAIR: a connection's state cannot be put back"},
    {LA_IPPROTO_TCP, 31, 0, "TCP_ULP: there is no layer above TCP"},
    {LA_IPPROTO_TCP, 32, 0, "TCP_MD5SIG: segments are not signed"},
    {LA_IPPROTO_TCP, 35, 0, "TCP_ZEROCOPY_RECEIVE: there are no pages to map"},
    {LA_IPPROTO_TCP, 37, 0, "TCP_TX_DELAY: segments have no time to leave at"},
    {LA_IPPROTO_TCP, 38, 0, "TCP_AO: segments are not signed"},
    {LA_IPPROTO_TCP, 44, 0, "TCP_RTO_MAX_MS: the bound is the stack's, not a socket's"},
    {LA_IPPROTO_TCP, 45, 0, "TCP_RTO_MIN_US: the bound is the stack's, not a socket's"},
    {LA_IPPROTO_IP, 4, 0, "IP_OPTIONS: packets have no IP options"},
    {LA_IPPROTO_IP, 8, 0, "IP_PKTINFO: recvmsg gives no control messages"},
    {LA_IPPROTO_IP, 10, 0, "IP_MTU_DISCOVER: datagrams are cut as the path wants"},
    {LA_IPPROTO_IP, 11, 0, "IP_RECVERR: there is no queue of errors"},
    {LA_IPPROTO_IP, 12, 0, "IP_RECVTTL: recvmsg gives no control messages"},
    {LA_IPPROTO_IP, 13, 0, "IP_RECVTOS: recvmsg gives no control messages"},
    {LA_IPPROTO_IP, 14, 0, "IP_MTU: the path's MTU is told of streams only"},
    {LA_IPPROTO_IP, 19, 0, "IP_TRANSPARENT: foreign addresses are not ours"},
    {LA_IPPROTO_IPV6, 23, 0, "IPV6_MTU_DISCOVER: datagrams are cut as the path wants"},
    {LA_IPPROTO_IPV6, 24, 0, "IPV6_MTU: the path's MTU is told of streams only"},
    {LA_IPPROTO_IPV6, 25, 0, "IPV6_RECVERR: there is no queue of errors"},
    {LA_IPPROTO_IPV6, 49, 0, "IPV6_RECVPKTINFO: recvmsg gives no control messages"},
    {LA_IPPROTO_IPV6, 66, 0, "IPV6_RECVTCLASS: recvmsg gives no control messages"},
    {LA_IPPROTO_IPV6, 70, 0, "IPV6_AUTOFLOWLABEL: flow labels are 0"},
};

static const struct option_row *find(int level, int name) {
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].level == level && rows[i].name == name) return &rows[i];
    return NULL;
}

int sys_option_refusal(int level, int name, const char **why) {
    const struct option_row *row = find(level, name);
    *why = row ? row->why : NULL;
    return *why ? -EOPNOTSUPP : 0;
}

/* What the stack says about an option that it does not know. */
static int unknown(int level, int name) {
    const char *why;
    int error = sys_option_refusal(level, name, &why);
    return error ? error : -ENOPROTOOPT;
}

/* --- What was set --- */

static struct sys_kept *kept(struct sys_socket *s, int level, int name) {
    for (unsigned i = 0; i < s->nkept; i++)
        if (s->kept[i].level == level && s->kept[i].name == name) return &s->kept[i];
    return NULL;
}

/* There is room for every integer option that the stack and the table know. */
static void keep(struct sys_socket *s, int level, int name, const void *value, size_t len) {
    struct sys_kept *k = kept(s, level, name);
    if (len > sizeof k->value || (!k && s->nkept == SYS_KEPT)) return;
    if (!k) k = &s->kept[s->nkept++];
    k->level = level;
    k->name = name;
    k->len = (uint8_t)len;
    memcpy(k->value, value, len);
}

void sys_option_replay(struct la_sys *sys, struct sys_socket *s) {
    for (unsigned i = 0; i < s->nkept; i++) {
        const struct sys_kept *k = &s->kept[i];
        la_setsockopt(sys->stack, s->sock, k->level, k->name, k->value, k->len, sys->now);
    }
}

/* --- setsockopt --- */

/* SO_RCVTIMEO and SO_SNDTIMEO: 0 is for ever, a negative time is not at all. */
static int set_seconds(la_time *timeout, int64_t sec, int64_t usec) {
    if (usec < 0 || usec >= 1000000) return -EDOM;
    bool endless = (!sec && !usec) || (uint64_t)sec >= LA_NEVER / LA_SECOND / 2;
    if (sec < 0)
        *timeout = 0;
    else
        *timeout = endless ? LA_NEVER : (la_time)sec * LA_SECOND + (la_time)usec * LA_US;
    return 0;
}

/* Seconds and microseconds. */
static int set_timeout(la_time *timeout, const void *value, size_t len) {
    long tv[2];
    if (len < sizeof tv) return -EINVAL;
    if (!value) return -EFAULT;
    memcpy(tv, value, sizeof tv);
    return set_seconds(timeout, tv[0], tv[1]);
}

/* The new names have 64 bits on every machine. */
static int set_timeout_new(la_time *timeout, const void *value, size_t len) {
    int64_t tv[2];
    if (len < sizeof tv) return -EINVAL;
    if (!value) return -EFAULT;
    memcpy(tv, value, sizeof tv);
    return set_seconds(timeout, tv[0], tv[1]);
}

/* What a stream's is after the stack has bounded it, or any number for datagrams. */
static int set_low_water(struct la_sys *sys, struct sys_socket *s, const void *value, size_t len) {
    int number;
    size_t size = sizeof number;
    if (len < sizeof number) return -EINVAL;
    if (!value) return -EFAULT;
    memcpy(&number, value, sizeof number);
    s->low_water = number < 0 ? INT32_MAX : number ? number : 1;
    if (s->type != LA_SOCK_STREAM) return 0;
    la_setsockopt(sys->stack, s->sock, LA_SOL_SOCKET, LA_SO_RCVLOWAT, &number, sizeof number, sys->now);
    la_getsockopt(sys->stack, s->sock, LA_SOL_SOCKET, LA_SO_RCVLOWAT, &s->low_water, &size);
    keep(s, LA_SOL_SOCKET, LA_SO_RCVLOWAT, &s->low_water, sizeof s->low_water);
    return 0;
}

static int set_congestion(struct la_sys *sys, struct sys_socket *s, const char *value, size_t len) {
    char name[CONGESTION_MOST] = "";
    if (len < 1) return -EINVAL;
    if (!value) return -EFAULT;
    memcpy(name, value, len < sizeof name - 1 ? len : sizeof name - 1);
    int error = la_setsockopt(sys->stack, s->sock, LA_IPPROTO_TCP, LA_TCP_CONGESTION, name, sizeof name, sys->now);
    if (!error) keep(s, LA_IPPROTO_TCP, LA_TCP_CONGESTION, name, sizeof name);
    return error;
}

static int set_tell_queue(struct sys_socket *s, const void *value, size_t len) {
    int number;
    if (len < sizeof number) return -EINVAL;
    if (!value) return -EFAULT;
    memcpy(&number, value, sizeof number);
    if (number < 0 || number > 1) return -EINVAL;
    s->tell_queue = number;
    return 0;
}

/* Names that this layer has for itself. True: `*result` is the answer. */
static bool set_own(struct la_sys *sys, struct sys_socket *s, int level, int name, const void *value, size_t len,
                    int *result) {
    if (level == LA_IPPROTO_TCP && s->type == LA_SOCK_STREAM) {
        if (name != LA_TCP_CONGESTION && name != OPT_TCP_INQ) return false;
        *result = name == OPT_TCP_INQ ? set_tell_queue(s, value, len) : set_congestion(sys, s, value, len);
        return true;
    }
    if (level != LA_SOL_SOCKET) return false;
    switch (name) {
    case OPT_SO_RCVTIMEO: *result = set_timeout(&s->recv_timeout, value, len); return true;
    case OPT_SO_SNDTIMEO: *result = set_timeout(&s->send_timeout, value, len); return true;
    case OPT_SO_RCVTIMEO_NEW: *result = set_timeout_new(&s->recv_timeout, value, len); return true;
    case OPT_SO_SNDTIMEO_NEW: *result = set_timeout_new(&s->send_timeout, value, len); return true;
    case LA_SO_RCVLOWAT: *result = set_low_water(sys, s, value, len); return true;
    default: return false;
    }
}

/* An integer, or a byte where level IP takes one. Its length in `len`; 0, -EINVAL, -EFAULT. */
static int read_value(int level, const void *value, size_t *len, uint8_t bytes[VALUE_MOST]) {
    bool byte = level == LA_IPPROTO_IP && *len >= 1 && *len < sizeof(int);
    if (*len < sizeof(int) && !byte) return -EINVAL;
    if (!value) return -EFAULT;
    if (byte) {
        int number = *(const uint8_t *)value;
        memcpy(bytes, &number, sizeof number);
        *len = sizeof number;
        return 0;
    }
    if (*len > VALUE_MOST) *len = VALUE_MOST;
    memcpy(bytes, value, *len);
    return 0;
}

/* Whether a socket of this type and family has options of that level. */
static bool level_fits(const struct sys_socket *s, int level) {
    if (level == LA_IPPROTO_IPV6) return s->family == LA_AF_INET6;
    if (level == LA_IPPROTO_TCP) return s->type == LA_SOCK_STREAM;
    return level == LA_SOL_SOCKET || level == LA_IPPROTO_IP;
}

/* How many bytes of `room` an option's value takes, where it is a number or a small structure. */
static size_t size_of(int level, int name, size_t room) {
    if (level == LA_SOL_SOCKET && name == LA_SO_LINGER) return sizeof(struct la_linger);
    if (level == LA_SOL_SOCKET && name == LA_SO_MAX_PACING_RATE && room >= sizeof(uint64_t)) return sizeof(uint64_t);
    if (level == LA_IPPROTO_TCP && name == LA_TCP_FASTOPEN_KEY) return FASTOPEN_KEYS;
    return sizeof(int);
}

static int set_option(struct la_sys *sys, struct sys_socket *s, int level, int name, const void *value, size_t len) {
    uint8_t bytes[VALUE_MOST];
    const struct option_row *row = find(level, name);
    if (!level_fits(s, level)) return -ENOPROTOOPT;
    if (level == LA_SOL_SOCKET && name == OPT_SO_RCVBUFFORCE) name = LA_SO_RCVBUF;
    if (level == LA_SOL_SOCKET && name == OPT_SO_SNDBUFFORCE) name = LA_SO_SNDBUF;
    int error = read_value(level, value, &len, bytes);
    if (error) return row && row->why ? -EOPNOTSUPP : error;
    size_t size = size_of(level, name, len);
    error = la_setsockopt(sys->stack, s->sock, level, name, bytes, len, sys->now);
    if (error == -LA_ENOPROTOOPT && row && !row->why) error = 0;
    if (error) return error == -LA_ENOPROTOOPT ? unknown(level, name) : error;
    bool key = name == LA_TCP_FASTOPEN_KEY && level == LA_IPPROTO_TCP; /* A listener's: it has no other life. */
    if (!key) keep(s, level, name, bytes, size);
    return 0;
}

int64_t sys_setsockopt(struct la_sys *sys, struct la_sys_call *call) {
    struct sys_file *file;
    int error = sys_call_socket(sys, call, &file), level = sys_int(call, 1), name = sys_int(call, 2), result;
    if (error) return error;
    const void *value = sys_pointer(call, 3);
    if (sys_int(call, 4) < 0) return -EINVAL;
    size_t len = (size_t)sys_int(call, 4);
    if (set_own(sys, &file->socket, level, name, value, len, &result)) return result;
    return set_option(sys, &file->socket, level, name, value, len);
}

/* --- getsockopt --- */

/* Writes a number; its length. */
static int put_number(uint8_t *to, int number) {
    memcpy(to, &number, sizeof number);
    return (int)sizeof number;
}

static int put_timeout(uint8_t *to, la_time timeout) {
    long tv[2] = {0, 0};
    if (timeout != LA_NEVER) {
        tv[0] = (long)(timeout / LA_SECOND);
        tv[1] = (long)(timeout % LA_SECOND / LA_US);
    }
    memcpy(to, tv, sizeof tv);
    return (int)sizeof tv;
}

static int put_timeout_new(uint8_t *to, la_time timeout) {
    int64_t tv[2] = {0, 0};
    if (timeout != LA_NEVER) {
        tv[0] = (int64_t)(timeout / LA_SECOND);
        tv[1] = (int64_t)(timeout % LA_SECOND / LA_US);
    }
    memcpy(to, tv, sizeof tv);
    return (int)sizeof tv;
}

static int stack_number(const struct la_sys *sys, const struct sys_socket *s, int name) {
    int number = 0;
    size_t len = sizeof number;
    return la_getsockopt(sys->stack, s->sock, LA_SOL_SOCKET, name, &number, &len) ? 0 : number;
}

/* SO_MEMINFO: Linux's SK_MEMINFO_… in order. */
static int put_meminfo(const struct la_sys *sys, const struct sys_socket *s, uint8_t *to) {
    struct la_conn_info c;
    sys_conn(sys, s, &c);
    uint32_t info[9] = {
        c.recv_queue, (uint32_t)stack_number(sys, s, LA_SO_RCVBUF), 0, (uint32_t)stack_number(sys, s, LA_SO_SNDBUF), 0,
        c.send_queue};
    memcpy(to, info, sizeof info);
    return (int)sizeof info;
}

static int get_socket_own(struct la_sys *sys, struct sys_file *file, int name, uint8_t *to) {
    struct sys_socket *s = &file->socket;
    switch (name) {
    case LA_SO_ERROR: return put_number(to, sys_error_take(sys, s));
    case LA_SO_RCVLOWAT: return put_number(to, s->low_water);
    case LA_SO_SNDLOWAT: return put_number(to, 1);
    case OPT_SO_RCVTIMEO: return put_timeout(to, s->recv_timeout);
    case OPT_SO_SNDTIMEO: return put_timeout(to, s->send_timeout);
    case OPT_SO_RCVTIMEO_NEW: return put_timeout_new(to, s->recv_timeout);
    case OPT_SO_SNDTIMEO_NEW: return put_timeout_new(to, s->send_timeout);
    case OPT_SO_DOMAIN: return put_number(to, s->family);
    case OPT_SO_PROTOCOL: return put_number(to, s->type == LA_SOCK_STREAM ? LA_IPPROTO_TCP : 17);
    case OPT_SO_MEMINFO: return put_meminfo(sys, s, to);
    case OPT_SO_COOKIE: memcpy(to, &file->id, sizeof file->id); return (int)sizeof file->id;
    case LA_SO_ACCEPTCONN: return s->type == LA_SOCK_STREAM ? 0 : put_number(to, 0);
    default: return 0;
    }
}

/* A socket whose connection is gone is CLOSE. */
static int put_tcp_info(const struct la_sys *sys, const struct sys_socket *s, uint8_t *to) {
    struct la_tcp_info info = {.tcpi_state = LA_TCPI_CLOSE};
    la_tcp_info(sys->stack, s->sock, &info, sys->now);
    memcpy(to, &info, sizeof info);
    return (int)sizeof info;
}

static int put_congestion(const struct la_sys *sys, const struct sys_socket *s, uint8_t *to) {
    size_t len = CONGESTION_MOST;
    memset(to, 0, CONGESTION_MOST);
    la_getsockopt(sys->stack, s->sock, LA_IPPROTO_TCP, LA_TCP_CONGESTION, to, &len);
    return (int)CONGESTION_MOST;
}

/* Names that this layer has for itself: the value's length, or 0. */
static int get_own(struct la_sys *sys, struct sys_file *file, int level, int name, uint8_t *to) {
    const struct sys_socket *s = &file->socket;
    if (level == LA_SOL_SOCKET) return get_socket_own(sys, file, name, to);
    if (level != LA_IPPROTO_TCP || s->type != LA_SOCK_STREAM) return 0;
    switch (name) {
    case LA_TCP_INFO: return put_tcp_info(sys, s, to);
    case LA_TCP_CONGESTION: return put_congestion(sys, s, to);
    case OPT_TCP_INQ: return put_number(to, s->tell_queue);
    default: return 0;
    }
}

/* The value's length, or an error. */
static int get_option(struct la_sys *sys, struct sys_file *file, int level, int name, uint8_t *to, size_t room) {
    struct sys_socket *s = &file->socket;
    const struct option_row *row = find(level, name);
    size_t len = size_of(level, name, room);
    if (!level_fits(s, level)) return s->family == LA_AF_INET ? -EOPNOTSUPP : -ENOPROTOOPT; /* Linux's words. */
    int own = get_own(sys, file, level, name, to);
    if (own) return own;
    int error = la_getsockopt(sys->stack, s->sock, level, name, to, &len);
    if (!error) return (int)len;
    if (error != -LA_ENOPROTOOPT) return error;
    if (!row || row->why) return unknown(level, name);
    const struct sys_kept *k = kept(s, level, name);
    if (!k) return put_number(to, row->first);
    memcpy(to, k->value, k->len);
    return k->len;
}

/* Level IP tells a number in a byte where there is no room for more. */
static int shorten(uint8_t *value, socklen_t *room) {
    int number;
    memcpy(&number, value, sizeof number);
    value[0] = (uint8_t)number;
    *room = 1;
    return 1;
}

int64_t sys_getsockopt(struct la_sys *sys, struct la_sys_call *call) {
    struct sys_file *file;
    uint8_t value[VALUE_MOST];
    socklen_t room;
    int error = sys_call_socket(sys, call, &file), level = sys_int(call, 1), name = sys_int(call, 2);
    void *to = sys_pointer(call, 3), *room_at = sys_pointer(call, 4);
    if (error) return error;
    if (!room_at) return -EFAULT;
    memcpy(&room, room_at, sizeof room);
    if ((int)room < 0) return -EINVAL;
    int len = get_option(sys, file, level, name, value, room);
    if (len < 0) return len;
    if (level == LA_IPPROTO_IP && room > 0 && room < sizeof(int)) len = shorten(value, &room);
    if (room > (socklen_t)len) room = (socklen_t)len;
    if (room && !to) return -EFAULT;
    if (room) memcpy(to, value, room);
    memcpy(room_at, &room, sizeof room);
    return 0;
}
