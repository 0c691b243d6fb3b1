/* FIN_WAIT_1, FIN_WAIT_2, CLOSING and LAST_ACK: this side has closed, or half of it. What is it waiting for, and what
 * ends that?
 *
 * FIN_WAIT_2 comes in two kinds that no listing tells apart: an orphan, which the kernel ends after tcp_fin_timeout,
 * and one whose program has only shut down writing, which waits for ever. Where the other end is on this host and in
 * CLOSE_WAIT, that one is at fault (C14). */
#include "rules.h"

#include <stddef.h>

#define MANY_TRIES 2 /* One retransmission may be bad luck. */
#define TALKS_FOR 30 /* Times `settle`: a half-closed connection on which data came that recently is in use. */

static bool is_owned(const struct snap_conn *conn) { return conn->inode || conn->nowners; }

/* --- Conditions --- */

static bool orphan(const struct ask *ask, const struct snap_conn *conn) {
    return !is_owned(conn) && ask_settled(ask, conn);
}

static bool half_closed(const struct ask *ask, const struct snap_conn *conn) {
    return is_owned(conn) && ask_settled(ask, conn);
}

static bool blocked(const struct ask *ask, const struct snap_conn *conn) {
    return conn->peer_window == 0 && conn->send_queue > 1 && conn->timer == LA_TIMER_PERSIST &&
           (conn->tries || ask_settled(ask, conn));
}

static bool unanswered(const struct ask *ask, const struct snap_conn *conn) {
    return conn->timer == LA_TIMER_RETRANSMIT && conn->tries >= MANY_TRIES &&
           ask_unanswered(conn) >= ask->patience.settle;
}

/* --- Sentences --- */

static void tell_conns(const struct ask *ask, struct finding *finding) {
    for (uint32_t i = 0; i < finding->nconns && i < SHOWN; i++) {
        const struct snap_conn *conn = &ask->snap->conns[finding->conns[i]];
        const char *holder = conn->nowners ? text_fds(ask, conn, snap_first_proc(ask->snap, conn)) : "no descriptor";
        const char *queue =
            conn->send_queue ? snap_format(ask->snap, ", %s not acknowledged", text_bytes(ask, conn->send_queue)) : "";
        const char *tries =
            conn->tries ? snap_format(ask->snap, ", %s without an answer", text_count(ask, conn->tries, "attempt"))
                        : "";
        tell_evidence(finding, "%s: %s, %s%s%s.", holder, text_conn(ask, conn), text_state(ask, conn), queue, tries);
    }
    tell_more(finding);
}

static const char *those(const struct ask *ask, const struct finding *finding) {
    const struct snap_conn *first = finding_first(ask, finding);
    return snap_format(ask->snap, "%s in %s", text_count(ask, finding->nconns, "connection"),
                       la_state_name(first->state));
}

/* Names the other end when it is on this host, and says whether it is the one that must close. */
static bool tell_pair(const struct ask *ask, struct finding *finding) {
    const struct snap_conn *conn = finding_first(ask, finding), *pair = ask_pair(ask, conn);
    if (!pair) return false;
    uint32_t proc = snap_first_proc(ask->snap, pair);
    bool at_fault = pair->state == LA_CLOSE_WAIT && proc != SNAP_NONE;
    tell_evidence(finding, "The other end is on this host: %s%s%s in %s.",
                  proc == SNAP_NONE ? "nobody's" : text_proc(ask, proc), proc == SNAP_NONE ? "" : ", ",
                  proc == SNAP_NONE ? "" : text_fds(ask, pair, proc), la_state_name(pair->state));
    if (at_fault)
        tell_text(finding,
                  "FIN_WAIT_2 here and CLOSE_WAIT there are the two ends of one connection: %s has not closed "
                  "its side, and is at fault.",
                  text_proc(ask, proc));
    return at_fault;
}

static void tell_orphan(const struct ask *ask, struct finding *finding) {
    const struct snap_conn *last = &ask->snap->conns[finding->conns[finding->nconns - 1]];
    tell_title(finding, "%s: the program has closed, the peer has not; the kernel ends %s by itself.",
               those(ask, finding), finding->nconns == 1 ? "it" : "them");
    tell_text(finding, "Each costs a small record. It ends when the peer's FIN comes, or when the timer runs out "
                       "(tcp_fin_timeout; TCP_LINGER2 for a single socket).");
    if (last->timer_left != LA_NEVER)
        tell_evidence(finding, "The last of them ends in %s at the latest.", text_time(ask, last->timer_left));
    tell_conns(ask, finding);
    tell_pair(ask, finding);
}

static void tell_half_closed(const struct ask *ask, struct finding *finding) {
    const struct snap_conn *first = finding_first(ask, finding);
    bool talks = first->data_received < TALKS_FOR * ask->patience.settle;
    tell_title(finding, "%s half-closed %s, and still holds %s: nothing ends FIN_WAIT_2 then.",
               text_proc(ask, finding->proc), text_count(ask, finding->nconns, "connection"),
               finding->nconns == 1 ? "it" : "them");
    tell_text(finding,
              "The program called shutdown(SHUT_WR) and keeps the descriptor: the connection stays open for the "
              "peer's data until the peer closes. tcp_fin_timeout is for sockets that nobody holds.");
    tell_conns(ask, finding);
    bool asks = !talks && first->data_sent != LA_NEVER && !ask_is_long(ask, first->data_sent);
    if (tell_pair(ask, finding) || talks || asks) finding->severity = SEVERITY_NOTE;
    if (talks) tell_text(finding, "Data still come, so this may be as it should.");
    if (asks)
        tell_text(finding, "It may wait for the answer to what it sent %s ago.", text_time(ask, first->data_sent));
    tell_remedy(finding, NULL,
                "If the peer's answer is not wanted, call close() instead of shutdown(); otherwise give the "
                "wait a limit.");
    tell_fix(ask, finding, "keepalive", "Ask whether the peer's host is still there: if not, that ends it.");
}

static void tell_blocked(const struct ask *ask, struct finding *finding) {
    const struct snap_conn *first = finding_first(ask, finding), *pair = ask_pair(ask, first);
    if (!ask_is_long(ask, first->data_sent)) finding->severity = SEVERITY_NOTE;
    tell_title(finding, "%s: the peer's window is zero, so the rest of the data and the FIN cannot leave.",
               those(ask, finding));
    tell_text(
        finding,
        "The peer's program does not read, or slowly. Its host answers the probes, so this may last as long as the "
        "peer lives%s.",
        is_owned(first) ? "" : " (an orphan is given up after tcp_orphan_retries)");
    tell_conns(ask, finding);
    if (pair && pair->nowners)
        tell_evidence(finding, "The other end is on this host: %s does not read it.",
                      text_proc(ask, snap_first_proc(ask->snap, pair)));
    tell_fix(ask, finding, "reset", "Reset it, if the peer will not read any more.");
    tell_remedy(finding, NULL, "Set TCP_USER_TIMEOUT in the program: it bounds this wait, too.");
}

static void tell_unanswered(const struct ask *ask, struct finding *finding) {
    const struct snap_conn *first = finding_first(ask, finding);
    tell_title(finding, "%s: the peer does not answer %s FIN.", those(ask, finding),
               finding->nconns == 1 ? "the" : "their");
    bool away = ask_turned_away(ask, first);
    if (away) finding->severity = SEVERITY_NOTE;
    tell_text(finding, "The FIN is sent again and again, at doubling intervals. %s",
              away ? "The listener, on this host, has no room for the connection in its accept queue."
                   : "The peer's host is gone or cannot be reached.");
    if (is_owned(first)) {
        tell_text(finding, "A program still holds it, so it ends after tcp_retries2 attempts (about 15 minutes by "
                           "default), not sooner.");
    } else {
        tell_text(finding, "Nobody holds it: it ends after tcp_orphan_retries attempts (8 by default, under two "
                           "minutes).");
    }
    tell_conns(ask, finding);
    if (first->timer_left != LA_NEVER)
        tell_evidence(finding, "The next attempt is in %s.", text_time(ask, first->timer_left));
    tell_fix(ask, finding, "reset", "End it at once: it frees the port and the memory.");
    if (finding->nconns >= ask->patience.many) finding->severity = SEVERITY_HARM;
}

#define CLOSING(name, cited, harm, which, in, condition, sentences)                                                    \
    {                                                                                                                  \
        .id = name, .claims = cited, .severity = SEVERITY_##harm, .family = FAMILY_CLOSING, .scope = SCOPE_##which,    \
        .states = in, .holds = condition, .tell = sentences,                                                           \
    }

#define SENDS_FIN (1U << LA_FIN_WAIT_1 | 1U << LA_CLOSING | 1U << LA_LAST_ACK)

const struct rule rules_closing[] = {
    CLOSING("closing-blocked", "C11", WARNING, PROC, SENDS_FIN, blocked, tell_blocked),
    CLOSING("fin-wait-1-unanswered", "C11", WARNING, PROC, 1U << LA_FIN_WAIT_1, unanswered, tell_unanswered),
    CLOSING("closing-unanswered", "C05", WARNING, PROC, 1U << LA_CLOSING, unanswered, tell_unanswered),
    CLOSING("last-ack-unanswered", "C02", WARNING, PROC, 1U << LA_LAST_ACK, unanswered, tell_unanswered),
    CLOSING("fin-wait-2-orphan", "C10 C11", NOTE, NETNS, 1U << LA_FIN_WAIT_2, orphan, tell_orphan),
    CLOSING("fin-wait-2-half-closed", "C11 C14 C25", WARNING, PROC, 1U << LA_FIN_WAIT_2, half_closed, tell_half_closed),
    {.id = NULL},
};
