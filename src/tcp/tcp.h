/* TCP as its root sees it: one struct per stack, segments and errors in, segments out, the verbs of socket.h. */
#ifndef TCP_TCP_H
#define TCP_TCP_H

#include <lastack/info.h>
#include <lastack/socket.h>

#include "base/buffer.h"
#include "base/list.h"
#include "base/pool.h"
#include "base/table.h"
#include "base/wheel.h"
#include "ip/ip.h"
#include "tcp/fastopen.h"
#include "tcp/params.h"

#define TCP_IFACES_MAX 32
#define TCP_PORT_STEPS 64 /* A power of two. */

/* A connection's name. */
struct tcp_key {
    struct la_addr local, peer;
    uint16_t local_port, peer_port;
};

struct port_page;
struct tcp_conn;

#define TW_SLOTS 1024u
#define TW_ANSWERS 64u /* A power of two. */

struct tcp {
    struct env *env;
    struct wheel *wheel;
    struct ip *ip;
    struct list *events;
    struct tcp_params params;
    struct slabs slabs;
    bool pressed; /* Memory is short (mem.c). */

    struct pool conns;
    struct table tuples;
    struct tcp_conn *latest;         /* Of the latest segment: the next one is often its too. */
    struct list out[TCP_IFACES_MAX]; /* Connections with marks, by interface. */
    struct port_page *ports[256];    /* By the high byte of the port. */
    uint32_t count[LA_NSTATES];      /* Connections, listeners, records. */
    uint32_t orphans;
    uint32_t port_step[TCP_PORT_STEPS]; /* RFC 6056, 3.3.4: how far each group of destinations has come. */

    struct pool embryos;
    struct table embryo_tuples;

    struct pool records;
    struct table record_tuples;
    uint32_t *tw_slot;               /* Heads of TW_SLOTS lists, by expiry; NULL before the first record. */
    uint64_t tw_used[TW_SLOTS / 64]; /* Which of them are not empty. */
    uint64_t tw_tick;                /* Slots before it have been emptied. */
    struct wheel_node tw_node;
    uint8_t tw_answers[TW_ANSWERS]; /* ACKs to segments without length in this second, by hash of the tuple. */
    uint32_t tw_answers_second;

    struct fastopen fastopen;

    struct ip_packet packet; /* The one under construction in tcp_output. */
};

void tcp_init(struct tcp *tcp, struct env *env, struct wheel *wheel, struct ip *ip, struct list *events);
void tcp_free(struct tcp *tcp);
/* Room for one more interface. -LA_ENOMEM when there are TCP_IFACES_MAX. */
int tcp_iface_added(const struct tcp *tcp, int iface);

/* --- From the root's packet path --- */
void tcp_input(struct tcp *tcp, const struct ip_datagram *datagram);
void tcp_error(struct tcp *tcp, const struct ip_error *error);
void tcp_timer(struct tcp *tcp, struct wheel_node *node);
/* The next segment of any connection that leaves through `iface` (-1: any). */
bool tcp_output(struct tcp *tcp, int iface, struct la_packet *packet);
bool tcp_output_pending(const struct tcp *tcp, int iface);
/* A lingering close has been reported: its handle ends. */
void tcp_event_taken(struct tcp *tcp, la_sock sock, uint32_t events);

/* --- Verbs: see socket.h. The root has set env->now. --- */
la_sock tcp_socket(struct tcp *tcp, int family);
int tcp_owner_set(struct tcp *tcp, la_sock sock, uint64_t owner);
int tcp_bind(struct tcp *tcp, la_sock sock, const struct la_endpoint *local);
int tcp_listen(struct tcp *tcp, la_sock sock, int backlog);
la_sock tcp_accept(struct tcp *tcp, la_sock sock, struct la_endpoint *peer);
int tcp_connect(struct tcp *tcp, la_sock sock, const struct la_endpoint *peer);
int64_t tcp_send(struct tcp *tcp, la_sock sock, const void *data, size_t len, int flags);
int64_t tcp_recv(struct tcp *tcp, la_sock sock, void *data, size_t len, int flags);
int64_t tcp_peek(struct tcp *tcp, la_sock sock, struct la_span *span, unsigned max, unsigned *count);
int tcp_consume(struct tcp *tcp, la_sock sock, size_t len);
int tcp_atmark(const struct tcp *tcp, la_sock sock);
int64_t tcp_reserve(struct tcp *tcp, la_sock sock, size_t len, struct la_room *room, unsigned max, unsigned *count);
int tcp_commit(struct tcp *tcp, la_sock sock, size_t len);
int tcp_shutdown(struct tcp *tcp, la_sock sock, int how);
int tcp_close(struct tcp *tcp, la_sock sock);
int tcp_abort(struct tcp *tcp, la_sock sock);
/* See la_conn_abort. */
int tcp_abort_tuple(struct tcp *tcp, const struct la_endpoint *local, const struct la_endpoint *peer);
int tcp_ready(const struct tcp *tcp, la_sock sock);
int tcp_getname(const struct tcp *tcp, la_sock sock, struct la_endpoint *local, struct la_endpoint *peer);
int tcp_setsockopt(struct tcp *tcp, la_sock sock, int level, int name, const void *value, size_t len);
int tcp_getsockopt(struct tcp *tcp, la_sock sock, int level, int name, void *value, size_t *len);

/* --- Views: see info.h. --- */
bool tcp_info_next(const struct tcp *tcp, uint64_t *cursor, struct la_conn_info *info);
int tcp_info(const struct tcp *tcp, la_sock sock, struct la_conn_info *info);

#endif
