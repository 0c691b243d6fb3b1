/* A lastack stack as what a script runs against.
 *
 * Comes in: packets, calls, and the times at which the script wants its next event. Goes out: packets with the time at
 * which the stack sent them, and results of calls. It owns the stack, its descriptors and the packets not asked for
 * yet.
 *
 * Time is a number that only `advance` moves: from one deadline of the stack to the next, and no further than the
 * script asks. What a script does and what a timer does at the same instant happens in that order, as with a real
 * kernel, whose timers fire at the end of their tick. Everything else happens at once: a packet is answered at the very
 * time at which it came.
 *
 * A script may ask for much with few words: years in which connection after connection tries 255 times, with packets of
 * 64 KiB that nobody reads. After DRILL_DEADLINES the clock stands still, and more than DRILL_KEPT_MAX bytes are not
 * kept. */
#include "stack_target.h"

#include <lastack/info.h>

#include <stdio.h>
#include <string.h>

#include "shell.h"
#include "shim.h"
#include "text.h"

/* The stack's clock at the start: late enough that nothing lies before zero, and between two milliseconds, as
 * packetdrill begins between two ticks. */
#define EPOCH (1000 * LA_SECOND + 250 * LA_US)

static la_time stack_now(struct la_drill_target *target) {
    struct drill_stack_target *t = drill_stack_of(target);
    return t->now - t->epoch;
}

void drill_stack_drain(struct drill_stack_target *t) {
    struct la_packet packet;
    while (!t->output_blocked && la_output(t->stack, -1, &packet, t->now)) {
        struct drill_sent *sent = NULL;
        if (packet.len <= DRILL_KEPT_MAX - t->kept) sent = t->alloc.alloc(t->alloc.ctx, sizeof *sent + packet.len);
        if (!sent) {
            t->out_of_memory = true;
            continue;
        }
        sent->next = NULL;
        sent->at = t->now - t->epoch;
        sent->len = la_packet_copy(&packet, sent->bytes, packet.len);
        t->kept += sent->len;
        *t->last = sent;
        t->last = &sent->next;
    }
}

/* Steps a call. One that is answered at once leaves a pending one alone. */
static bool step(struct drill_stack_target *t, struct la_sys_call *call) {
    bool over = la_sys_step(t->sys, call, t->now);
    if (over) call->over_at -= t->epoch;
    if (!over)
        t->pending = call;
    else if (t->pending == call)
        t->pending = NULL;
    return over;
}

/* After something happened to the stack: its events, the pending call, its packets. */
static void settle(struct drill_stack_target *t) {
    la_sys_events(t->sys, t->now);
    if (t->pending) step(t, t->pending);
    drill_stack_drain(t);
}

static la_time next_deadline(const struct drill_stack_target *t) {
    la_time at = la_poll_at(t->stack);
    la_time call = t->pending ? la_sys_poll_at(t->sys, t->pending) : LA_NEVER;
    return call < at ? call : at;
}

/* The next thing that happens before `until`. False when nothing does: then it is `until`, but for a clock that stands
 * still and an `until` that never comes. */
static bool advance(struct drill_stack_target *t, la_time until) {
    la_time at = next_deadline(t);
    if (at == LA_NEVER || at >= until) {
        if (until != LA_NEVER && until > t->now) t->now = until;
        return false;
    }
    if (t->deadlines == DRILL_DEADLINES) return false;
    t->deadlines++;
    if (at > t->now) t->now = at;
    la_tick(t->stack, t->now);
    settle(t);
    return true;
}

static la_time stack_time(const struct drill_stack_target *t, la_time target_time) {
    return target_time >= LA_NEVER - t->epoch ? LA_NEVER : target_time + t->epoch;
}

static void stack_sleep(struct la_drill_target *target, la_time until) {
    struct drill_stack_target *t = drill_stack_of(target);
    la_time end = stack_time(t, until);
    while (advance(t, end)) {
    }
}

static int stack_input(struct la_drill_target *target, const void *packet, size_t len, uint32_t gso) {
    struct drill_stack_target *t = drill_stack_of(target);
    la_input_gro(t->stack, t->iface, packet, len, (uint16_t)gso, false, t->now);
    settle(t);
    return t->out_of_memory ? -LA_ENOMEM : 0;
}

static int64_t stack_output(struct la_drill_target *target, void *packet, size_t size, la_time *at, la_time until) {
    struct drill_stack_target *t = drill_stack_of(target);
    la_time end = stack_time(t, until);
    while (!t->first && advance(t, end)) {
    }
    struct drill_sent *sent = t->first;
    if (!sent) return t->out_of_memory ? -LA_ENOMEM : 0;
    t->first = sent->next;
    if (!t->first) t->last = &t->first;
    size_t len = sent->len;
    t->kept -= len;
    *at = sent->at;
    if (len <= size) memcpy(packet, sent->bytes, len);
    t->alloc.free(t->alloc.ctx, sent, sizeof *sent + len);
    return len <= size ? (int64_t)len : -LA_EMSGSIZE;
}

static bool stack_call(struct la_drill_target *target, struct la_sys_call *call) {
    struct drill_stack_target *t = drill_stack_of(target);
    bool over = step(t, call);
    drill_stack_drain(t);
    return over;
}

static bool stack_wait(struct la_drill_target *target, struct la_sys_call *call, la_time until) {
    struct drill_stack_target *t = drill_stack_of(target);
    la_time end = stack_time(t, until);
    while (t->pending == call && advance(t, end)) {
    }
    return t->pending != call;
}

static void stack_abandon(struct la_drill_target *target, struct la_sys_call *call) {
    struct drill_stack_target *t = drill_stack_of(target);
    if (t->pending == call) t->pending = NULL;
}

static int stack_command(struct la_drill_target *target, const char *command, char *output, size_t size) {
    struct drill_stack_target *t = drill_stack_of(target);
    int status = shell_run(target, command, t->host, output, size);
    if (status == SHELL_CANNOT) {
        if (!t->host || !t->host->shell) {
            snprintf(output, size, "this command needs a shell: %s", command);
            return -LA_EOPNOTSUPP;
        }
        status = t->host->shell(t->host->ctx, target, command, output, size);
    }
    settle(t);
    return status;
}

static const char *stack_refusal(struct la_drill_target *target, const struct la_sys_call *call) {
    (void)target;
    return la_sys_refusal(call);
}

static bool find(const struct drill_stack_target *t, const struct la_endpoint *local, const struct la_endpoint *remote,
                 struct la_conn_info *info) {
    uint64_t cursor = 0;
    while (la_conn_next(t->stack, &cursor, info))
        if (info->local.port == local->port && info->peer.port == remote->port &&
            la_addr_equal(&info->local.addr, &local->addr) && la_addr_equal(&info->peer.addr, &remote->addr))
            return true;
    return false;
}

static int stack_state(struct la_drill_target *target, const struct la_endpoint *local,
                       const struct la_endpoint *remote) {
    struct la_conn_info info;
    return find(drill_stack_of(target), local, remote, &info) ? (int)info.state : -LA_ENOENT;
}

static void explain_drop(const struct drill_stack_target *t, struct drill_text *text) {
    struct la_trace trace, drop = {0};
    for (uint64_t serial = 0; la_trace_next(t->stack, serial, &trace); serial = trace.serial)
        if (trace.is_drop) drop = trace;
    if (!drop.serial) return;
    drill_text_add(text, "last drop: %s at %.6f: %s\n", la_drop_name((enum la_drop)drop.drop),
                   (double)(drop.at - t->epoch) / 1e9, la_drop_help((enum la_drop)drop.drop));
}

static void explain_conn(const struct drill_stack_target *t, const struct la_conn_info *info, struct drill_text *text) {
    drill_text_add(text, "connection: %s since %.6f", la_state_name(info->state),
                   (double)(info->since - t->epoch) / 1e9);
    if (!info->compact)
        drill_text_add(text, ", recv-q %u, send-q %u (%u unsent), cwnd %u, ssthresh %u, mss %u, rto %.3f s, backoff %u",
                       info->recv_queue, info->send_queue, info->unsent, info->cwnd, info->ssthresh, info->mss,
                       (double)info->rto / 1e9, info->backoff);
    drill_text_add(text, "\n");
    for (unsigned i = 0; i < LA_NTIMERS; i++)
        if (info->timer_at[i] != LA_NEVER)
            drill_text_add(text, "timer: %s at %.6f\n", la_timer_name((enum la_timer)i),
                           (double)(info->timer_at[i] - t->epoch) / 1e9);
    for (unsigned i = 0; i < info->nhistory; i++) {
        const struct la_move *move = &info->history[i];
        char cause[96];
        la_cause_text(move, cause, sizeof cause);
        drill_text_add(text, "history: %.6f %s -> %s: %s\n", (double)(move->at - t->epoch) / 1e9,
                       la_state_name((enum la_state)move->from), la_state_name((enum la_state)move->to), cause);
    }
}

static void stack_explain(struct la_drill_target *target, const struct la_endpoint *local,
                          const struct la_endpoint *remote, char *at, size_t size) {
    struct drill_stack_target *t = drill_stack_of(target);
    struct drill_text text = drill_text_in(at, size);
    struct la_conn_info info;
    if (find(t, local, remote, &info))
        explain_conn(t, &info, &text);
    else
        drill_text_add(&text, "connection: none with this address pair\n");
    explain_drop(t, &text);
}

static void stack_close(struct la_drill_target *target) {
    struct drill_stack_target *t = drill_stack_of(target);
    if (t->sys) la_sys_destroy(t->sys, t->now);
    la_stack_destroy(t->stack);
    sysctls_free(t);
    while (t->first) {
        struct drill_sent *sent = t->first;
        t->first = sent->next;
        t->alloc.free(t->alloc.ctx, sent, sizeof *sent + sent->len);
    }
    struct la_allocator alloc = t->alloc;
    alloc.free(alloc.ctx, t, sizeof *t);
}

static const struct la_drill_target stack_ops = {
    .name = "stack",
    .patience = 24 * 3600 * LA_SECOND,
    .now = stack_now,
    .sleep = stack_sleep,
    .input = stack_input,
    .output = stack_output,
    .call = stack_call,
    .wait = stack_wait,
    .abandon = stack_abandon,
    .command = stack_command,
    .refusal = stack_refusal,
    .state = stack_state,
    .explain = stack_explain,
    .close = stack_close,
};

/* One interface with the script's address; everything else is behind it. */
static int add_interface(struct drill_stack_target *t) {
    const struct la_drill_options *o = &t->options;
    struct la_iface_config config = {.link = LA_LINK_IP, .mtu = o->mtu};
    bool ip4 = la_addr_is4(&o->local);
    struct la_addr any = ip4 ? la_addr4(0, 0, 0, 0) : (struct la_addr){{0}};
    t->iface = la_iface_add(t->stack, &config);
    if (t->iface < 0) return t->iface;
    int error = la_addr_add(t->stack, t->iface, &o->local, o->prefix_len);
    return error ? error : la_route_add(t->stack, &any, 0, NULL, t->iface, 0);
}

/* The words behind the profile's name: NAME=VALUE for la_set. */
static int apply(struct drill_stack_target *t, const char *words) {
    char name[64];
    long long value;
    int used;
    while (sscanf(words, " %63[^= ]=%lld%n", name, &value, &used) == 2) {
        int error = la_set(t->stack, name, value);
        if (error) return error;
        words += used;
    }
    return words[strspn(words, " ")] ? -LA_EINVAL : 0;
}

static int start(struct drill_stack_target *t, const char *profile, unsigned first_fd) {
    char first[16] = "linux";
    size_t len = profile ? strcspn(profile, " ") : 0;
    if (profile) snprintf(first, sizeof first, "%.*s", (int)len, profile);
    struct la_config config = {.alloc = t->alloc, .profile = first, .trace_entries = 64, .check = true};
    memset(config.seed, 0x5a, sizeof config.seed);
    int error = la_stack_create(&config, &t->stack);
    if (error) return error;
    la_tick(t->stack, t->now);
    error = profile ? apply(t, profile + len) : 0;
    if (!error) error = add_interface(t);
    if (error) return error;
    struct la_sys_config sys = {
        .stack = t->stack, .alloc = t->alloc, .first_fd = first_fd ? first_fd : 3, .bsd = !strcmp(first, "freebsd")};
    error = la_sys_create(&sys, &t->sys);
    return error ? error : sysctls_init(t);
}

int la_drill_stack_open(const struct la_drill_stack_config *config, struct la_drill_target **target) {
    struct drill_stack_target *t = config->alloc.alloc(config->alloc.ctx, sizeof *t);
    if (!t) return -LA_ENOMEM;
    memset(t, 0, sizeof *t);
    t->target = stack_ops;
    t->alloc = config->alloc;
    t->options = *config->options;
    t->host = config->host;
    t->epoch = EPOCH;
    t->now = EPOCH;
    t->last = &t->first;
    int error = start(t, config->profile, config->first_fd);
    if (error) {
        stack_close(&t->target);
        return error;
    }
    *target = &t->target;
    return 0;
}
