/* The IP layer as a whole: its birth and end, its settings and its deadlines. */
#include "ip/ip_state.h"

/* What Linux does, where Linux has such a setting. */
static const struct ip_settings defaults = {
    .ttl = 64,
    .reass_timeout = 30 * LA_SECOND,
    .reass_max_bytes = 4u << 20,
    .reass_max = 1024,
    .pmtu_timeout = 600 * LA_SECOND,
    .pmtu_min = 552,
    .icmp_per_second = 1000,
    .neigh_max = 1024,
    .queue_max = 1000,
};

int ip_create(struct env *env, struct wheel *wheel, struct ip **out) {
    struct ip *ip = env_zalloc(env, sizeof *ip);
    if (!ip) return -LA_ENOMEM;
    ip->env = env;
    ip->wheel = wheel;
    ip->timer.at = LA_NEVER;
    wheel_init(&ip->deadlines, env->now);
    ip->settings = defaults;
    ip->generation = 1;
    ip->icmp_tokens = ICMP_BURST;
    list_init(&ip->failed);
    neigh_init(ip);
    reass_init(ip);
    pmtu_init(ip);
    *out = ip;
    return 0;
}

void ip_destroy(struct ip *ip) {
    if (!ip) return;
    struct env *env = ip->env;
    wheel_disarm(ip->wheel, &ip->timer);
    neigh_free(ip);
    reass_free(ip);
    pmtu_free(ip);
    queue_release(ip);
    for (uint32_t i = 0; i < ip->nifaces; i++) {
        struct list *queue = &ip->ifaces[i]->queue;
        for (struct list *at; (at = list_first(queue));) {
            list_remove(at);
            queue_packet_free(ip, CONTAINER(at, struct ip_queued, link));
        }
        env_release(env, ip->ifaces[i], sizeof *ip->ifaces[i]);
    }
    env_release(env, ip->locals, ip->locals_cap * sizeof *ip->locals);
    env_release(env, ip->routes, ip->routes_cap * sizeof *ip->routes);
    env_release(env, ip, sizeof *ip);
}

struct ip_settings *ip_settings(struct ip *ip) {
    return &ip->settings;
}

void ip_changed(struct ip *ip) {
    /* 0 is left out, so that a zeroed path is never valid. */
    if (++ip->generation == 0) ip->generation = 1;
}

bool ip_grow(struct ip *ip, void **array, uint32_t count, uint32_t *cap, uint32_t more, size_t size) {
    if (*cap - count >= more) return true;
    uint32_t wanted = *cap ? *cap * 2 : 4;
    while (wanted - count < more) wanted *= 2;
    void *grown = env_alloc(ip->env, wanted * size);
    if (!grown) return false;
    if (count) memcpy(grown, *array, count * size);
    env_release(ip->env, *array, *cap * size);
    *array = grown;
    *cap = wanted;
    return true;
}

void ip_deadline_init(struct ip_deadline *deadline, enum ip_deadline_kind kind) {
    *deadline = (struct ip_deadline){.node.at = LA_NEVER, .kind = (uint8_t)kind};
}

void ip_deadline_arm(struct ip *ip, struct ip_deadline *deadline, la_time at) {
    wheel_arm(&ip->deadlines, &deadline->node, at);
    if (!list_linked(&ip->timer.link) || at < ip->timer.at) wheel_arm(ip->wheel, &ip->timer, at);
}

/* The stack's wheel is left as it is: ip_timer then comes once for nothing, which costs less than a search. */
void ip_deadline_stop(struct ip *ip, struct ip_deadline *deadline) { wheel_disarm(&ip->deadlines, &deadline->node); }

bool ip_timer(struct ip *ip, struct wheel_node *node) {
    if (node != &ip->timer) return false;
    queue_release(ip);
    for (struct wheel_node *due; (due = wheel_expire(&ip->deadlines, ip->env->now));) {
        struct ip_deadline *deadline = CONTAINER(due, struct ip_deadline, node);
        switch (deadline->kind) {
        case IP_DEADLINE_NEIGH: neigh_expired(ip, deadline); break;
        case IP_DEADLINE_REASS: reass_expired(ip, deadline); break;
        default: pmtu_expired(ip, deadline); break;
        }
    }
    wheel_arm(ip->wheel, &ip->timer, wheel_next(&ip->deadlines));
    return true;
}
