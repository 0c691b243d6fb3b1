/* Connections that open or stay open, and on which nothing moves: no answer to a SYN, data sent again and again, a
 * window that stays shut, data that nobody reads, a peer that is no more, silence.
 *
 * Timers tell which side waits: retransmission for a path or a host that is gone, persist for a program at the other
 * end that does not read. Where the other end is in the snapshot, its process is named, and is at fault. What only
 * might be wrong (data that have waited, silence without keepalive) is a note. */
#include "rules.h"

#include <stddef.h>

#define MANY_TRIES 2
#define UNREAD_FOR 5 /* Times `settle`: how long data may wait to be read. */

static la_time least(la_time a, la_time b) { return a < b ? a : b; }

/* How long nothing has come and nothing has been sent. */
static la_time silence(const struct snap_conn *conn) {
    return least(least(conn->data_sent, conn->data_received), conn->ack_received);
}

/* --- Conditions --- */

static bool syn_unanswered(const struct ask *ask, const struct snap_conn *conn) {
    (void)ask;
    return conn->tries >= MANY_TRIES;
}

static bool zero_window(const struct ask *ask, const struct snap_conn *conn) {
    return conn->peer_window == 0 && conn->send_queue && conn->timer == LA_TIMER_PERSIST &&
           conn->data_sent >= ask->patience.settle;
}

static bool retransmits(const struct ask *ask, const struct snap_conn *conn) {
    return conn->timer == LA_TIMER_RETRANSMIT && conn->tries >= MANY_TRIES && conn->send_queue &&
           ask_unanswered(conn) >= ask->patience.settle;
}

static bool not_reading(const struct ask *ask, const struct snap_conn *conn) {
    if (!conn->recv_queue || conn->marks & SNAP_QUEUED || !(conn->marks & SNAP_MEASURED)) return false;
    return conn->data_received != LA_NEVER && conn->data_received >= UNREAD_FOR * ask->patience.settle;
}

/* Where addresses are translated the other end may go by another one, or be in another namespace. */
static bool half_open(const struct ask *ask, const struct snap_conn *conn) {
    const struct snap *snap = ask->snap;
    if (conn->pair != SNAP_NONE || ask_translated(ask, conn) || !conn->nowners || !(conn->marks & SNAP_MEASURED))
        return false;
    if (conn->netns >= snap->nnetns || snap->netns[conn->netns].stack || !snap->netns[conn->netns].facts) return false;
    return snap_is_local(snap, conn->netns, &conn->peer.addr) && silence(conn) >= ask->patience.settle;
}

static bool silent(const struct ask *ask, const struct snap_conn *conn) {
    if (!(conn->marks & SNAP_MEASURED) || conn->timer != LA_NTIMERS || !conn->nowners) return false;
    return silence(conn) != LA_NEVER && silence(conn) >= ask->patience.idle;
}

/* --- Sentences --- */

static const char *holder(const struct ask *ask, const struct snap_conn *conn) {
    return conn->nowners ? text_fds(ask, conn, snap_first_proc(ask->snap, conn)) : "no descriptor";
}

static const char *connections(const struct ask *ask, const struct finding *finding) {
    return text_count(ask, finding->nconns, "connection");
}

static void tell_syn_unanswered(const struct ask *ask, struct finding *finding) {
    const struct snap_conn *first = finding_first(ask, finding);
    int64_t retries = ask_setting(ask, finding->netns, SNAP_S_SYN_RETRIES);
    tell_title(finding, "%s waits for an answer to %s: %s does not answer.", text_proc(ask, finding->proc),
               text_count(ask, finding->nconns, "SYN"), text_endpoint(ask, &first->peer));
    tell_text(finding,
              "Neither SYN+ACK nor RST came back: a firewall drops it, the host is down, or the listener's queue "
              "there is full.");
    if (retries >= 0)
        tell_text(finding, "connect() fails with ETIMEDOUT after %d retransmissions (tcp_syn_retries; about %s).",
                  (int)retries, text_time(ask, ((UINT64_C(2) << (retries > 20 ? 20 : retries)) - 1) * LA_SECOND));
    for (uint32_t i = 0; i < finding->nconns && i < SHOWN; i++) {
        const struct snap_conn *conn = &ask->snap->conns[finding->conns[i]];
        tell_evidence(finding, "%s: %s, SYN sent again %s.", holder(ask, conn), text_conn(ask, conn),
                      text_count(ask, conn->tries, "time"));
    }
    tell_more(finding);
    if (snap_is_local(ask->snap, first->netns, &first->peer.addr))
        tell_evidence(finding, "The peer is this host: look for a full accept queue.");
    tell_remedy(finding, NULL, "Give connect() a limit of your own: non-blocking with poll(), or TCP_SYNCNT.");
}

/* Of what came to it, it has read nothing. */
static bool reads_nothing(const struct snap_conn *conn) {
    return conn && conn->nowners && conn->bytes_in && conn->recv_queue >= conn->bytes_in;
}

/* A window opens rarely for a slow reader, too: a download that is limited, a video that is paused. */
static bool may_be_slow(const struct ask *ask, const struct finding *finding) {
    for (uint32_t i = 0; i < finding->nconns; i++) {
        const struct snap_conn *conn = &ask->snap->conns[finding->conns[i]];
        if (ask_is_long(ask, conn->data_sent) || reads_nothing(ask_pair(ask, conn))) return false;
    }
    return true;
}

static void tell_zero_window(const struct ask *ask, struct finding *finding) {
    const struct snap_conn *first = finding_first(ask, finding), *pair = ask_pair(ask, first);
    const char *who = finding->proc == SNAP_NONE ? "Nobody" : text_proc(ask, finding->proc);
    bool slow = may_be_slow(ask, finding), known = pair && pair->nowners;
    if (slow) finding->severity = SEVERITY_NOTE;
    if (known) {
        finding->proc = snap_first_proc(ask->snap, pair);
        finding->fd = ask->snap->owners[pair->first_owner].fd;
    }
    tell_title(finding, "%s cannot send on %s: %s does not read%s, and its window is zero.", who,
               connections(ask, finding), known ? text_proc(ask, finding->proc) : "the peer",
               slow ? " fast enough" : "");
    tell_text(finding,
              "The peer's host is alive and answers probes; its program leaves the data unread. Nothing ends this "
              "while it lives, but TCP_USER_TIMEOUT.");
    if (slow) tell_text(finding, "A reader that is slow or pauses looks the same, and does no harm.");
    for (uint32_t i = 0; i < finding->nconns && i < SHOWN; i++) {
        const struct snap_conn *conn = &ask->snap->conns[finding->conns[i]];
        tell_evidence(finding, "%s: %s, %s wait; %s unanswered by a larger window; last data %s ago.",
                      holder(ask, conn), text_conn(ask, conn), text_bytes(ask, conn->send_queue),
                      text_count(ask, conn->tries, "probe"), text_time(ask, conn->data_sent));
    }
    tell_more(finding);
    if (known)
        tell_evidence(finding, "The other end is on this host: %s, %s, %s unread.", text_proc(ask, finding->proc),
                      text_fds(ask, pair, finding->proc), text_bytes(ask, pair->recv_queue));
    tell_remedy(finding, NULL, "Find out why %s does not read%s.",
                known ? text_proc(ask, finding->proc) : "the peer's program", slow ? " faster" : "");
    tell_remedy(finding, NULL, "Set TCP_USER_TIMEOUT, so that the sender gives up after a time of your choice.");
}

static void tell_retransmits(const struct ask *ask, struct finding *finding) {
    const struct snap_conn *first = finding_first(ask, finding);
    bool away = ask_turned_away(ask, first);
    if (away) finding->severity = SEVERITY_NOTE;
    tell_title(finding, "%s: what %s sent is not acknowledged.", connections(ask, finding),
               text_proc(ask, finding->proc));
    tell_text(finding,
              "%s It is tried tcp_retries2 times at doubling intervals (about 15 minutes by default), then calls fail "
              "with ETIMEDOUT.",
              away ? "The listener, on this host, has no room for the connection in its accept queue."
              : snap_is_local(ask->snap, first->netns, &first->peer.addr)
                  ? "The peer is this host: a filter drops it, or the other end is in another namespace."
                  : "The path or the peer's host is gone.");
    for (uint32_t i = 0; i < finding->nconns && i < SHOWN; i++) {
        const struct snap_conn *conn = &ask->snap->conns[finding->conns[i]];
        tell_evidence(finding, "%s: %s, retransmitting for %s: %s in a row, %s not acknowledged.", holder(ask, conn),
                      text_conn(ask, conn), text_time(ask, ask_unanswered(conn)),
                      text_count(ask, conn->tries, "timeout"), text_bytes(ask, conn->send_queue));
    }
    tell_more(finding);
    if (first->timer_left != LA_NEVER)
        tell_evidence(finding, "The next attempt is in %s.", text_time(ask, first->timer_left));
    tell_remedy(finding, NULL, "TCP_USER_TIMEOUT bounds this for one socket, tcp_retries2 for all.");
    tell_fix(ask, finding, "reset", "Or end it: the program sees ECONNABORTED at once, instead of ETIMEDOUT later.");
}

/* What the reader does instead, in the words of what was seen. */
static void tell_reader(const struct ask *ask, struct finding *finding, const struct snap_conn *conn) {
    const struct snap *snap = ask->snap;
    if (finding->proc == SNAP_NONE || !conn->looked_closely) return;
    const struct snap_proc *proc = &snap->procs[finding->proc];
    if (snap_is_stopped(proc->state)) {
        tell_evidence(finding, "The process is stopped.");
        tell_remedy(finding, snap_format(ask->snap, "kill -CONT %d", (int)proc->pid), "Let it go on.");
        return;
    }
    bool reads = false;
    for (uint32_t i = 0; i < conn->nwatches; i++) reads |= snap->watches[conn->first_watch + i].flags & SNAP_WATCH_READ;
    tell_evidence(finding,
                  reads ? "The descriptor is watched for reading." : "Nobody watches the descriptor for reading.");
    for (uint32_t i = 0; i < proc->nthreads && i < SHOWN; i++) {
        const struct snap_thread *thread = &snap->threads[proc->first_thread + i];
        if (thread->call) tell_evidence(finding, "Thread %d is in %s().", (int)thread->tid, thread->call);
    }
}

static void tell_not_reading(const struct ask *ask, struct finding *finding) {
    uint64_t bytes = 0;
    bool blocks = false;
    for (uint32_t i = 0; i < finding->nconns; i++) {
        const struct snap_conn *conn = &ask->snap->conns[finding->conns[i]], *pair = ask_pair(ask, conn);
        bytes += conn->recv_queue;
        if (pair && pair->peer_window == 0) blocks |= reads_nothing(conn) || ask_is_long(ask, conn->data_received);
    }
    tell_title(finding, "%s leaves %s unread on %s.", text_proc(ask, finding->proc), text_bytes(ask, bytes),
               connections(ask, finding));
    tell_text(finding,
              "The data came %s ago or earlier. Once the buffer is full the window is zero, and the peer can "
              "send nothing more.",
              text_time(ask, finding_first(ask, finding)->data_received));
    for (uint32_t i = 0; i < finding->nconns && i < SHOWN; i++) {
        const struct snap_conn *conn = &ask->snap->conns[finding->conns[i]];
        tell_evidence(finding, "%s: %s, %s unread, the last came %s ago.", holder(ask, conn), text_conn(ask, conn),
                      text_bytes(ask, conn->recv_queue), text_time(ask, conn->data_received));
    }
    tell_more(finding);
    tell_reader(ask, finding, finding_first(ask, finding));
    if (!blocks) finding->severity = SEVERITY_NOTE;
    tell_remedy(finding, NULL,
                "Read, or close; a program that wants no data from the peer should not leave the window "
                "open.");
}

static void tell_half_open(const struct ask *ask, struct finding *finding) {
    bool translates = ask_translates(ask, finding->netns);
    if (translates) finding->severity = SEVERITY_NOTE;
    tell_title(finding, "%s holds %s whose other end %s on this host and does not exist%s.",
               text_proc(ask, finding->proc), connections(ask, finding), translates ? "should be" : "is",
               translates ? " there" : "");
    tell_text(finding,
              "The other end went without a word (crash, TCP_REPAIR, a reset that was lost): this end will not "
              "learn of it until it sends something, or keepalive asks.%s",
              translates ? " Or the host translates addresses, to a container for one: then nothing is wrong." : "");
    for (uint32_t i = 0; i < finding->nconns && i < SHOWN; i++) {
        const struct snap_conn *conn = &ask->snap->conns[finding->conns[i]];
        tell_evidence(finding, "%s: %s, %s, silent for %s, keepalive %s.", holder(ask, conn), text_conn(ask, conn),
                      la_state_name(conn->state), text_time(ask, silence(conn)),
                      conn->timer == LA_TIMER_KEEPALIVE ? "on" : "off");
    }
    tell_more(finding);
    tell_fix(ask, finding, "keepalive", "Ask now: the answer is an RST, and the program sees ECONNRESET.");
    tell_remedy(finding, NULL, "Set SO_KEEPALIVE with TCP_KEEPIDLE, or send heartbeats.");
}

static void tell_silent(const struct ask *ask, struct finding *finding) {
    tell_title(finding, "%s holds %s on which nothing has moved for %s, without keepalive.",
               text_proc(ask, finding->proc), connections(ask, finding),
               text_time(ask, silence(finding_first(ask, finding))));
    tell_text(finding,
              "If a peer has died meanwhile, nobody will notice: no timer runs, and ESTABLISHED lasts for ever. "
              "Firewalls forget such connections, too.");
    for (uint32_t i = 0; i < finding->nconns && i < SHOWN; i++) {
        const struct snap_conn *conn = &ask->snap->conns[finding->conns[i]];
        tell_evidence(finding, "%s: %s, silent for %s.", holder(ask, conn), text_conn(ask, conn),
                      text_time(ask, silence(conn)));
    }
    tell_more(finding);
    tell_fix(ask, finding, "keepalive", "Ask whether the peers are there: those that are not end.");
    tell_remedy(finding, NULL, "Set SO_KEEPALIVE with TCP_KEEPIDLE in the program.");
}

#define FLOW(name, cited, harm, in, condition, sentences)                                                              \
    {                                                                                                                  \
        .id = name, .claims = cited, .severity = SEVERITY_##harm, .family = FAMILY_FLOW, .scope = SCOPE_PROC,          \
        .states = in, .holds = condition, .tell = sentences,                                                           \
    }

#define OPEN (1U << LA_ESTABLISHED | 1U << LA_CLOSE_WAIT)

const struct rule rules_flow[] = {
    {.id = "syn-sent-unanswered",
     .claims = "C40",
     .severity = SEVERITY_WARNING,
     .family = FAMILY_OPENING,
     .scope = SCOPE_PEER,
     .states = 1U << LA_SYN_SENT,
     .holds = syn_unanswered,
     .tell = tell_syn_unanswered},
    FLOW("zero-window-peer", "", WARNING, OPEN, zero_window, tell_zero_window),
    FLOW("retransmitting", "", WARNING, OPEN, retransmits, tell_retransmits),
    FLOW("not-reading", "", WARNING, 1U << LA_ESTABLISHED, not_reading, tell_not_reading),
    FLOW("half-open", "C43", WARNING, 1U << LA_ESTABLISHED, half_open, tell_half_open),
    FLOW("silent-no-keepalive", "C29", NOTE, 1U << LA_ESTABLISHED, silent, tell_silent),
    {.id = NULL},
};
