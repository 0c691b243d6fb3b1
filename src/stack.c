/* The root object: owns the environment, the timing wheel, the IP layer and the transports, and does what needs more
 * than one of them: it carries a packet from la_input to its transport, asks all of them for output, hands expired
 * timers to their owners. socket.c finds the right transport for a handle.
 *
 * Every public function with a time sets env.now first; nothing below asks for the time. */
#include "root.h"

#include "base/event.h"
#include "base/mem.h"
#include "settings.h"

#define DEFAULT_MEMORY ((size_t)256 << 20)

static struct settings settings_of(const struct la_stack *stack) {
    return (struct settings){(struct tcp_params *)&stack->tcp.params, ip_settings(stack->ip), &stack->settings};
}

/* Settings that both transports obey. */
static void share_settings(struct la_stack *stack) {
    struct udp_settings *udp = udp_settings(stack->udp);
    udp->port_first = stack->tcp.params.port_first;
    udp->port_last = stack->tcp.params.port_last;
    tcp_fastopen_settings(&stack->tcp);
}

static int set_profile(struct la_stack *stack, const char *name) {
    struct settings settings = settings_of(stack);
    int error = settings_profile(&settings, name);
    if (!error) share_settings(stack);
    return error;
}

/* --- Making and ending --- */

static int create_parts(struct la_stack *stack, const struct la_config *config) {
    settings_index_init(&stack->settings);
    wheel_init(&stack->wheel, 0);
    list_init(&stack->tcp_events);
    list_init(&stack->udp_events);
    int error = ip_create(&stack->env, &stack->wheel, &stack->ip);
    if (error) return error;
    tcp_init(&stack->tcp, &stack->env, &stack->wheel, stack->ip, &stack->tcp_events);
    error = udp_create(&stack->env, stack->ip, &stack->udp_events, &stack->udp);
    if (error) return error;
    return set_profile(stack, config->profile ? config->profile : "linux");
}

int la_stack_create(const struct la_config *config, struct la_stack **out) {
    if (!config || !out || !config->alloc.alloc || !config->alloc.free) return -LA_EINVAL;
    struct la_stack *stack = config->alloc.alloc(config->alloc.ctx, sizeof *stack);
    if (!stack) return -LA_ENOMEM;
    memset(stack, 0, sizeof *stack);
    size_t max = config->memory_max ? config->memory_max : DEFAULT_MEMORY;
    int error = env_init(&stack->env, &config->alloc, config->seed, max, config->trace_entries);
    if (error) {
        config->alloc.free(config->alloc.ctx, stack, sizeof *stack);
        return error;
    }
    stack->env.check = config->check;
    error = create_parts(stack, config);
    if (error) {
        la_stack_destroy(stack);
        return error;
    }
    *out = stack;
    return 0;
}

void la_stack_destroy(struct la_stack *stack) {
    if (!stack) return;
    struct la_allocator alloc = stack->env.alloc;
    if (stack->tcp.env) tcp_free(&stack->tcp);
    if (stack->udp) udp_destroy(stack->udp);
    if (stack->ip) ip_destroy(stack->ip);
    env_free(&stack->env);
    alloc.free(alloc.ctx, stack, sizeof *stack);
}

int la_iface_add(struct la_stack *stack, const struct la_iface_config *config) {
    if (!config) return -LA_EINVAL;
    int next = tcp_iface_added(&stack->tcp, (int)ip_iface_count(stack->ip));
    return next ? next : ip_iface_add(stack->ip, config);
}

int la_addr_add(struct la_stack *stack, int iface, const struct la_addr *addr, unsigned prefix_len) {
    return addr ? ip_addr_add(stack->ip, iface, addr, prefix_len) : -LA_EINVAL;
}

int la_route_add(struct la_stack *stack, const struct la_addr *prefix, unsigned prefix_len,
                 const struct la_addr *gateway, int iface, uint32_t mtu) {
    return prefix ? ip_route_add(stack->ip, prefix, prefix_len, gateway, iface, mtu) : -LA_EINVAL;
}

int la_route_set(struct la_stack *stack, const struct la_addr *prefix, unsigned prefix_len, int iface,
                 enum la_route_metric metric, uint32_t value) {
    return prefix ? ip_route_set(stack->ip, prefix, prefix_len, iface, metric, value) : -LA_EINVAL;
}

/* --- Packets --- */

static void dispatch_error(struct la_stack *stack, const struct ip_error *error) {
    if (error->proto == PROTO_TCP)
        tcp_error(&stack->tcp, error);
    else
        udp_error(stack->udp, error);
}

void la_input(struct la_stack *stack, int iface, const void *packet, size_t len, la_time now) {
    la_input_gro(stack, iface, packet, len, 0, false, now);
}

void la_input_gro(struct la_stack *stack, int iface, const void *packet, size_t len, uint16_t segment_size,
                  bool csum_done, la_time now) {
    struct ip_arrival arrival;
    root_at(stack, now);
    if (!packet || iface < 0 || (unsigned)iface >= ip_iface_count(stack->ip)) {
        env_drop(&stack->env, LA_D_IP_BAD);
        return;
    }
    env_count(&stack->env, LA_C_IN_PACKETS);
    switch (ip_input(stack->ip, iface, packet, len, &arrival)) {
    case IP_NOTHING: break;
    case IP_DATAGRAM:
        arrival.datagram.segment_size = segment_size;
        arrival.datagram.csum_done |= csum_done;
        if (arrival.datagram.proto == PROTO_TCP)
            tcp_input(&stack->tcp, &arrival.datagram);
        else
            udp_input(stack->udp, stack->ip, &arrival.datagram);
        break;
    case IP_ERROR: dispatch_error(stack, &arrival.error); break;
    }
}

/* What belongs to no connection goes first: it is little, and others wait for it (ARP). A TCP segment that must wait
 * for its neighbour's address may have put a question into the queue meanwhile. */
bool la_output(struct la_stack *stack, int iface, struct la_packet *packet, la_time now) {
    root_at(stack, now);
    if (!packet || iface >= (int)ip_iface_count(stack->ip)) return false;
    bool found = ip_queue_next(stack->ip, iface, packet) || tcp_output(&stack->tcp, iface, packet) ||
                 ip_queue_next(stack->ip, iface, packet);
    if (found) env_count(&stack->env, LA_C_OUT_PACKETS);
    return found;
}

bool la_output_pending(const struct la_stack *stack, int iface) {
    if (iface >= (int)ip_iface_count(stack->ip)) return false;
    return ip_queue_pending(stack->ip, iface) || tcp_output_pending(&stack->tcp, iface);
}

/* --- Time and events --- */

la_time la_poll_at(const struct la_stack *stack) { return wheel_next(&stack->wheel); }

void la_tick(struct la_stack *stack, la_time now) {
    struct wheel_node *node;
    root_at(stack, now);
    while ((node = wheel_expire(&stack->wheel, stack->env.now)) != NULL) {
        if (!ip_timer(stack->ip, node)) {
            tcp_timer(&stack->tcp, node);
            continue;
        }
        struct ip_error error; /* Packets whose neighbour did not answer. */
        while (ip_failed_next(stack->ip, &error)) dispatch_error(stack, &error);
    }
}

static bool take_event(struct list *events, struct la_event *event) {
    struct list *node = list_first(events);
    if (!node) return false;
    struct event_node *e = CONTAINER(node, struct event_node, link);
    *event = (struct la_event){e->sock, e->owner, e->bits};
    event_cancel(e);
    return true;
}

bool la_next_event(struct la_stack *stack, struct la_event *event) {
    if (!event) return false;
    if (take_event(&stack->tcp_events, event)) {
        tcp_event_taken(&stack->tcp, event->sock, event->events);
        return true;
    }
    if (!take_event(&stack->udp_events, event)) return false;
    event->sock |= ROOT_DATAGRAM;
    return true;
}

/* --- Settings --- */

int la_set(struct la_stack *stack, const char *name, int64_t value) {
    struct settings settings = settings_of(stack);
    int error = name ? settings_set(&settings, name, value) : -LA_ENOENT;
    if (!error) share_settings(stack);
    return error;
}

int la_get(const struct la_stack *stack, const char *name, int64_t *value) {
    struct settings settings = settings_of(stack);
    return name && value ? settings_get(&settings, name, value) : -LA_ENOENT;
}

int la_set_text(struct la_stack *stack, const char *name, const char *text) {
    struct settings settings = settings_of(stack);
    int error = !name ? -LA_ENOENT : text ? settings_set_text(&settings, name, text) : -LA_EINVAL;
    if (!error) share_settings(stack);
    return error;
}

int la_get_text(const struct la_stack *stack, const char *name, char *text, size_t size) {
    struct settings settings = settings_of(stack);
    if (!name) return -LA_ENOENT;
    return text ? settings_get_text(&settings, name, text, size) : -LA_EINVAL;
}

int la_fastopen_key_set(struct la_stack *stack, const void *key, size_t len) {
    return key ? tcp_fastopen_keys_read(&stack->tcp.fastopen.keys, key, len) : -LA_EFAULT;
}

const char *la_setting_refusal(const char *name) { return name ? settings_refusal(name) : NULL; }

bool la_setting_at(const struct la_stack *stack, unsigned i, struct la_setting *setting, int64_t *value) {
    struct settings settings = settings_of(stack);
    return settings_at(&settings, i, setting, value);
}

int la_profile(struct la_stack *stack, const char *profile) {
    return profile ? set_profile(stack, profile) : -LA_EINVAL;
}

/* --- Views --- */

bool la_conn_next(const struct la_stack *stack, uint64_t *cursor, struct la_conn_info *info) {
    return cursor && info && tcp_info_next(&stack->tcp, cursor, info);
}

int la_conn_info(const struct la_stack *stack, la_sock sock, struct la_conn_info *info) {
    return root_is_datagram(sock) ? root_not_a_stream(stack, sock) : tcp_info(&stack->tcp, sock, info);
}

int la_conn_abort(struct la_stack *stack, const struct la_endpoint *local, const struct la_endpoint *peer,
                  la_time now) {
    if (!local || !peer) return -LA_EFAULT;
    root_at(stack, now);
    return tcp_abort_tuple(&stack->tcp, local, peer);
}

void la_conn_count(const struct la_stack *stack, uint32_t count[LA_NSTATES]) {
    for (unsigned i = 0; i < LA_NSTATES; i++) count[i] = stack->tcp.count[i];
}

uint64_t la_counter(const struct la_stack *stack, enum la_counter counter) {
    return (unsigned)counter < LA_NCOUNTERS ? stack->env.counter[counter] : 0;
}

uint64_t la_dropped(const struct la_stack *stack, enum la_drop drop) {
    return (unsigned)drop < LA_NDROPS ? stack->env.dropped[drop] : 0;
}

size_t la_memory_used(const struct la_stack *stack) { return stack->env.used; }

size_t la_memory_max(const struct la_stack *stack) { return stack->env.max; }

bool la_trace_next(const struct la_stack *stack, uint64_t serial, struct la_trace *trace) {
    const struct env *env = &stack->env;
    uint64_t oldest = env->trace_serial > env->trace_size ? env->trace_serial - env->trace_size + 1 : 1;
    uint64_t next = serial + 1 > oldest ? serial + 1 : oldest;
    if (!trace || !env->trace || next > env->trace_serial) return false;
    *trace = env->trace[(next - 1) % env->trace_size];
    return true;
}
