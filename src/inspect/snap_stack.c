/* A stack of ours as a snapshot.
 *
 * What la_conn_next tells goes into snap_conns one by one: ages are exact, histories come with their causes, and
 * whether the owner has seen end of file is known. Whoever runs the stack is the one process, and owns every connection
 * that has a handle. The number that stands for a descriptor is the handle's lower half: no two sockets that exist at
 * the same time share it, and people can read it.
 *
 * Embryos and records have neither handle nor cookie. A move before the first call with a time has the time 0, so that
 * its age stays unknown. Settings and counters are the stack's own where they mean what Linux's do; the others stay
 * unknown. Descriptors, threads and watches are nothing that a stack knows of. */
#include "snap_stack.h"

#include <lastack/stack.h>

#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What the stack calls a setting that has several numbers on Linux. */
static const char *setting_name(enum snap_setting setting) {
    switch (setting) {
    case SNAP_S_PORT_LOW: return "net.ipv4.ip_local_port_range_low";
    case SNAP_S_PORT_HIGH: return "net.ipv4.ip_local_port_range_high";
    case SNAP_S_RMEM_MAX: return "net.ipv4.tcp_rmem_max";
    case SNAP_S_WMEM_MAX: return "net.ipv4.tcp_wmem_max";
    default: return snap_setting_name(setting);
    }
}

static const struct {
    enum snap_counter to;
    enum la_counter from;
} counters[] = {
    {SNAP_C_ACTIVE_OPENS, LA_C_ACTIVE_OPENS},    {SNAP_C_PASSIVE_OPENS, LA_C_PASSIVE_OPENS},
    {SNAP_C_ATTEMPT_FAILS, LA_C_CONNECT_FAILS},  {SNAP_C_OUT_SEGS, LA_C_TCP_OUT},
    {SNAP_C_RETRANS_SEGS, LA_C_RETRANSMITS},     {SNAP_C_OUT_RSTS, LA_C_TCP_OUT_RST},
    {SNAP_C_SYNCOOKIES_SENT, LA_C_SYN_COOKIES},  {SNAP_C_REQQ_FULL_COOKIES, LA_C_SYN_COOKIES},
    {SNAP_C_ABORT_ON_TIMEOUT, LA_C_TIMEOUTS},    {SNAP_C_TW, LA_C_TIME_WAIT_MADE},
    {SNAP_C_TW_RECYCLED, LA_C_TIME_WAIT_REUSED},
};

static const struct {
    enum snap_counter to;
    enum la_drop from;
} drops[] = {
    {SNAP_C_LISTEN_OVERFLOWS, LA_D_ACCEPT_FULL},   {SNAP_C_LISTEN_DROPS, LA_D_ACCEPT_FULL},
    {SNAP_C_SYNCOOKIES_FAILED, LA_D_COOKIE_BAD},   {SNAP_C_REQQ_FULL_DROP, LA_D_SYN_CACHE_FULL},
    {SNAP_C_ABORT_ON_DATA, LA_D_DATA_AFTER_CLOSE}, {SNAP_C_TW_OVERFLOW, LA_D_TW_FULL},
};

static void add_facts(const struct la_stack *stack, uint32_t orphans, struct snap *snap) {
    struct snap_netns *netns = snap_add_netns(snap);
    uint32_t count[LA_NSTATES];
    if (!netns) return;
    netns->stack = netns->facts = true;
    for (unsigned i = 0; i < SNAP_NSETTINGS; i++) {
        int64_t value;
        if (!la_get(stack, setting_name((enum snap_setting)i), &value)) netns->setting[i] = value;
    }
    for (size_t i = 0; i < COUNT(counters); i++) netns->counter[counters[i].to] = la_counter(stack, counters[i].from);
    for (size_t i = 0; i < COUNT(drops); i++) netns->counter[drops[i].to] = la_dropped(stack, drops[i].from);
    la_conn_count(stack, count);
    netns->counter[SNAP_C_SOCKSTAT_TW] = count[LA_TIME_WAIT];
    netns->counter[SNAP_C_SOCKSTAT_ORPHANS] = orphans;
}

static la_time ago(la_time now, la_time at) { return at < now ? now - at : 0; }

/* The timer that tells what the connection waits for; a delayed ACK only when there is no other. */
static void fill_timer(const struct la_conn_info *info, la_time now, struct snap_conn *conn) {
    static const enum la_timer order[LA_NTIMERS] = {LA_TIMER_RETRANSMIT, LA_TIMER_PERSIST, LA_TIMER_FIN_WAIT_2,
                                                    LA_TIMER_TIME_WAIT,  LA_TIMER_LINGER,  LA_TIMER_KEEPALIVE,
                                                    LA_TIMER_USER,       LA_TIMER_DELACK};
    unsigned i = 0;
    while (i < LA_NTIMERS && info->timer_at[order[i]] == LA_NEVER) i++;
    if (i == LA_NTIMERS) return;
    la_time at = info->timer_at[order[i]];
    conn->timer = (uint8_t)order[i];
    conn->timer_left = at > now ? at - now : 0;
    conn->tries = order[i] == LA_TIMER_KEEPALIVE ? info->probes : info->backoff;
}

static uint8_t marks_of(const struct la_conn_info *info) {
    uint8_t embryo = info->state == LA_SYN_RCVD ? SNAP_EMBRYO : SNAP_RECORD;
    if (info->compact) return embryo;
    uint8_t queued = info->queued ? SNAP_QUEUED : 0;
    return info->state == LA_LISTEN || info->state == LA_CLOSED ? queued : queued | SNAP_MEASURED;
}

static enum snap_eof eof_of(const struct la_conn_info *info) {
    if (!info->fin_received) return SNAP_EOF_NONE;
    if (info->compact) return SNAP_EOF_AMBIGUOUS; /* A record does not know what its owner had read. */
    return info->eof_read ? SNAP_EOF_READ : SNAP_EOF_UNREAD;
}

static void fill_measured(const struct la_conn_info *info, la_time now, struct snap_conn *conn) {
    if (info->data_at) conn->data_received = ago(now, info->data_at);
    if (info->heard_at) conn->ack_received = ago(now, info->heard_at);
    conn->rtt = info->srtt;
    conn->rto = info->rto;
    conn->peer_window = info->snd_wnd;
    conn->unsent = info->unsent;
    conn->retransmits = info->retransmits;
    conn->cwnd = info->cwnd;
    conn->mss = info->mss;
    conn->bytes_in = info->bytes_in;
    conn->bytes_out = info->bytes_out;
}

static void fill_history(struct snap *snap, const struct la_conn_info *info, la_time now, struct snap_conn *conn) {
    conn->first_move = snap->nmoves;
    for (unsigned i = 0; i < info->nhistory; i++) {
        const struct la_move *from = &info->history[i];
        struct snap_move *move = snap_add_move(snap);
        char cause[80];
        if (!move) return;
        *move = (struct snap_move){ago(now, from->at), from->from, from->to, NULL};
        if (la_cause_text(from, cause, sizeof cause)) move->cause = snap_text(snap, cause);
        conn->nmoves++;
    }
}

static void add_conn(struct snap *snap, const struct la_conn_info *info, la_time now) {
    struct snap_conn *conn = snap_add_conn(snap);
    if (!conn) return;
    conn->cookie = info->id;
    conn->local = info->local;
    conn->peer = info->peer;
    conn->state = (uint8_t)info->state;
    conn->shut = (uint8_t)((info->read_shut ? SNAP_SHUT_READ : 0) | (info->write_shut ? SNAP_SHUT_WRITE : 0));
    conn->marks = marks_of(info);
    conn->eof = (uint8_t)eof_of(info);
    if (info->since) conn->age.least = conn->age.most = ago(now, info->since); /* 0: before it was told the time. */
    conn->recv_queue = info->recv_queue;
    conn->send_queue = info->send_queue;
    if (info->state == LA_LISTEN) conn->drops = info->refused;
    fill_timer(info, now, conn);
    if (conn->marks & SNAP_MEASURED) fill_measured(info, now, conn);
    fill_history(snap, info, now, conn);
    struct snap_owner *owner = info->sock >= 0 ? snap_add_owner(snap) : NULL;
    if (owner) *owner = (struct snap_owner){snap->nconns - 1, 0, (int32_t)(info->sock & INT32_MAX)};
}

void stack_snap(const struct la_stack *stack, la_time now, const struct stack_names *names, struct snap *snap) {
    struct la_conn_info info;
    uint32_t orphans = 0;
    struct snap_proc *proc = snap_add_proc(snap);
    if (proc) {
        proc->pid = names ? names->pid : 0;
        proc->program = snap_text(snap, names && names->program ? names->program : "the stack's program");
    }
    for (uint64_t cursor = 0; proc && !snap->failed && la_conn_next(stack, &cursor, &info);) {
        add_conn(snap, &info, now);
        orphans += info.sock < 0 && !info.compact && !info.queued;
    }
    add_facts(stack, orphans, snap);
    snap->taken = now;
    snap->source = "lastack stack";
    snap->owners_known = true;
    snap_finish(snap);
}
