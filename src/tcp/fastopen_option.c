/* Fast Open's socket options: in which state each may be set, and by whose leave. */
#include "tcp/conn.h"

bool tcp_fastopen_is_option(int name) {
    return name == LA_TCP_FASTOPEN || name == LA_TCP_FASTOPEN_CONNECT || name == LA_TCP_FASTOPEN_KEY ||
           name == LA_TCP_FASTOPEN_NO_COOKIE || name == LA_TCP_FASTOPEN_QUEUE;
}

void tcp_fastopen_options_free(struct tcp_conn *c) {
    if (c->is.fastopen_child) return;
    env_release(c->tcp->env, c->fastopen_own, sizeof *c->fastopen_own);
    c->fastopen_own = NULL;
}

/* Where options are kept; NULL when there is no memory. */
static struct fastopen_own *make_own(struct tcp_conn *c) {
    if (!c->fastopen_own) c->fastopen_own = env_zalloc(c->tcp->env, sizeof *c->fastopen_own);
    return c->fastopen_own;
}

/* Only a listener's, or what may become one. */
static int set_key(struct tcp_conn *c, const void *value, size_t len, bool may) {
    struct fastopen_keys keys;
    int error = tcp_fastopen_keys_read(&keys, value, len);
    if (error || !may) return -LA_EINVAL;
    if (!make_own(c)) return -LA_ENOMEM;
    c->fastopen_own->keys = keys;
    return 0;
}

static int set_queue_max(struct tcp_conn *c, int value) {
    uint32_t most = c->tcp->params.somaxconn;
    if (value < 0) return -LA_EINVAL;
    if (!make_own(c)) return -LA_ENOMEM;
    c->fastopen_own->max = (uint32_t)value < most ? (uint32_t)value : most;
    return 0;
}

int tcp_fastopen_setsockopt(struct tcp_conn *c, int name, const void *value, size_t len) {
    int number;
    bool fresh = c->state == LA_CLOSED && !c->moves;
    bool listens = fresh || c->state == LA_LISTEN;
    if (name == LA_TCP_FASTOPEN_KEY) return set_key(c, value, len, listens);
    if (len < sizeof number) return -LA_EINVAL;
    memcpy(&number, value, sizeof number);
    if (name == LA_TCP_FASTOPEN) return listens ? set_queue_max(c, number) : -LA_EINVAL;
    if (number < 0 || number > 1) return -LA_EINVAL;
    if (name == LA_TCP_FASTOPEN_NO_COOKIE) {
        if (!listens) return -LA_EINVAL;
        c->is.fastopen_no_cookie = number != 0;
        return 0;
    }
    if (!(c->tcp->params.fastopen & FASTOPEN_CLIENT)) return -LA_EOPNOTSUPP;
    if (!fresh) return -LA_EINVAL;
    if (name == LA_TCP_FASTOPEN_QUEUE)
        c->is.fastopen_queue = number != 0;
    else
        c->is.fastopen_connect = number != 0;
    return 0;
}

static void put_little(uint8_t *p, uint64_t n) {
    for (unsigned i = 0; i < 8; i++) p[i] = (uint8_t)(n >> (8 * i));
}

static const struct fastopen_own *options_of(const struct tcp_conn *c) {
    return c->is.fastopen_child ? NULL : c->fastopen_own;
}

/* The keys in use, the listener's own or the stack's. */
static int get_key(const struct tcp_conn *c, void *value, size_t *len) {
    const struct fastopen_own *own = options_of(c);
    const struct fastopen_keys *keys = own && own->keys.count ? &own->keys : &c->tcp->fastopen.keys;
    uint8_t bytes[2 * FASTOPEN_KEY_LEN];
    size_t n = (size_t)keys->count * FASTOPEN_KEY_LEN;
    for (unsigned i = 0; i < keys->count; i++) {
        put_little(bytes + i * FASTOPEN_KEY_LEN, keys->key[i].k0);
        put_little(bytes + i * FASTOPEN_KEY_LEN + 8, keys->key[i].k1);
    }
    if (*len > n) *len = n;
    memcpy(value, bytes, *len);
    return 0;
}

int tcp_fastopen_getsockopt(const struct tcp_conn *c, int name, void *value, size_t *len) {
    int number = 0;
    switch (name) {
    case LA_TCP_FASTOPEN_KEY: return get_key(c, value, len);
    case LA_TCP_FASTOPEN: number = options_of(c) ? (int)options_of(c)->max : 0; break;
    case LA_TCP_FASTOPEN_CONNECT: number = c->is.fastopen_connect; break;
    case LA_TCP_FASTOPEN_QUEUE: number = c->is.fastopen_queue; break;
    default: number = c->is.fastopen_no_cookie; break;
    }
    if (*len > sizeof number) *len = sizeof number;
    memcpy(value, &number, *len);
    return 0;
}
