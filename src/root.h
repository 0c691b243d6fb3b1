/* The inside of struct la_stack, for stack.c and socket.c. */
#ifndef ROOT_H
#define ROOT_H

#include <lastack/info.h>
#include <lastack/socket.h>
#include <lastack/stack.h>

#include "base/env.h"
#include "base/wheel.h"
#include "ip/ip.h"
#include "settings.h"
#include "tcp/tcp.h"
#include "udp/udp.h"

/* Handles of datagram sockets have bit 31 set, which pools leave free. */
#define ROOT_DATAGRAM ((la_sock)1 << 31)

struct la_stack {
    struct env env;
    struct wheel wheel;
    struct list tcp_events, udp_events;
    struct ip *ip;
    struct udp *udp;
    struct tcp tcp;
    struct settings_index settings;
};

static inline void root_at(struct la_stack *stack, la_time now) {
    if (now > stack->env.now) stack->env.now = now;
}

static inline bool root_is_datagram(la_sock sock) { return sock >= 0 && (sock & ROOT_DATAGRAM); }

/* What a datagram socket answers to a stream's verb: -LA_EOPNOTSUPP, or -LA_EBADF. */
int root_not_a_stream(const struct la_stack *stack, la_sock sock);

#endif
