/* The TCP of one stack: its making, its end, and the dispatch of expired timers. */
#include "tcp/conn.h"

#define SLABS_KEPT 256

static uint64_t conn_hash(const void *ctx, const void *object) {
    const struct tcp_conn *c = (const struct tcp_conn *)object;
    return tcp_key_hash((const struct tcp *)ctx, &c->key);
}

void tcp_init(struct tcp *tcp, struct env *env, struct wheel *wheel, struct ip *ip, struct list *events) {
    tcp->env = env;
    tcp->wheel = wheel;
    tcp->ip = ip;
    tcp->events = events;
    slabs_init(&tcp->slabs, env, SLABS_KEPT);
    pool_init(&tcp->conns, env, sizeof(struct tcp_conn), true);
    table_init(&tcp->tuples, env, &tcp->conns, offsetof(struct tcp_conn, chain), conn_hash, tcp);
    for (unsigned i = 0; i < TCP_IFACES_MAX; i++) list_init(&tcp->out[i]);
    tcp_ports_init(tcp);
    tcp_syncache_init(tcp);
    tcp_timewait_init(tcp);
    tcp_fastopen_init(tcp);
}

/* Nodes leave the wheel one by one, because other layers still use it. */
void tcp_free(struct tcp *tcp) {
    for (uint32_t i = 0; (i = pool_next(&tcp->conns, i)) != POOL_NONE; i++) {
        struct tcp_conn *c = tcp_conn_at(tcp, i);
        wheel_disarm(tcp->wheel, &c->node);
        buffer_clear(&c->snd, &tcp->slabs);
        buffer_clear(&c->rcv, &tcp->slabs);
        ranges_free(&c->ooo, tcp->env);
        ranges_free(&c->eor, tcp->env);
        tcp_score_clear(c);
        tcp_cwnd_free(c);
        if (c->listen) env_release(tcp->env, c->listen, sizeof *c->listen);
        tcp_fastopen_options_free(c);
        tcp_accecn_free(c);
    }
    wheel_disarm(tcp->wheel, &tcp->tw_node);
    tcp_timewait_free(tcp);
    tcp_syncache_free(tcp);
    tcp_fastopen_free(tcp);
    tcp_ports_free(tcp);
    table_free(&tcp->tuples);
    pool_free(&tcp->conns);
    slabs_free(&tcp->slabs);
}

int tcp_iface_added(const struct tcp *tcp, int iface) {
    (void)tcp;
    return iface < TCP_IFACES_MAX ? 0 : -LA_ENOMEM;
}

void tcp_timer(struct tcp *tcp, struct wheel_node *node) {
    switch (node->kind) {
    case WHEEL_CONN: tcp_timer_fire(CONTAINER(node, struct tcp_conn, node)); break;
    case WHEEL_EMBRYO: tcp_embryo_fire(tcp, node); break;
    case WHEEL_TIMEWAIT: tcp_timewait_fire(tcp); break;
    default: ASSERT(false);
    }
}
