/* What each cure can do for a connection, and what everybody will see of it.
 *
 * In goes a snapshot and one of its connections; out go a sentence that says why a cure cannot help (objections), the
 * mildest cure that can, and lines that foretell. Nothing is done here and nothing kept.
 *
 * Three of the four cures go through a duplicate of a descriptor, so that they need a process that holds one; the reset
 * needs only the cookie. What Linux then shows to the programs depends on whether the peer's FIN has arrived: after it,
 * recv() ends with 0 whatever happens, before it, recv() returns the error. SIGPIPE kills a process that neither
 * ignores nor catches it at its first send() after a FIN of ours, at its second after a reset (the first returns the
 * error). */
#include "cure.h"

#define MOST_PROCS 6 /* Processes named one by one. */

const char *cure_name(enum cure cure) {
    static const char *const names[NCURES] = {"nudge", "keepalive", "close", "reset"};
    return (unsigned)cure < NCURES ? names[cure] : "?";
}

/* The peer's FIN has arrived. */
static bool is_half_over(const struct snap_conn *conn) {
    return conn->state == LA_CLOSE_WAIT || conn->state == LA_CLOSING || conn->state == LA_LAST_ACK;
}

/* Our FIN is sent, but not acknowledged. */
static bool is_fin_unanswered(const struct snap_conn *conn) {
    return conn->state == LA_FIN_WAIT_1 || conn->state == LA_CLOSING || conn->state == LA_LAST_ACK;
}

/* --- Objections --- */

static const char *objection_to_reset(const struct snap *snap, const struct snap_conn *conn) {
    if (!snap_is_stack(snap, conn->netns))
        return conn->cookie ? NULL : "it has no cookie, so that another could be hit";
    return conn->state == LA_LISTEN ? "it listens on a lastack stack: only its program can end it" : NULL;
}

/* Why no descriptor can be duplicated. */
static const char *no_descriptor(const struct snap *snap, const struct snap_conn *conn) {
    if (snap_is_stack(snap, conn->netns))
        return "it belongs to a lastack stack, which has no descriptors: only --reset ends it";
    if (conn->state == LA_LISTEN) return "it listens: only --reset ends a listener, and only one that is named itself";
    if (conn->state == LA_TIME_WAIT)
        return "it is in TIME_WAIT: there is nothing to close, and it ends by itself; --reset frees its port at once";
    if (conn->marks & SNAP_EMBRYO) return "it is in a SYN queue and has no socket yet: only --reset ends it";
    if (conn->marks & SNAP_QUEUED) return "no program has accepted it yet: only --reset ends it";
    if (conn->marks & SNAP_RECORD || !conn->inode)
        return "no program holds it any more: it ends by itself, or at once by --reset";
    if (!snap->owners_known || conn->nowners) return NULL;
    for (uint32_t i = 0; i < conn->nholds; i++)
        if (snap->holds[conn->first_hold + i].kind == SNAP_HOLD_MESSAGE)
            return "it is in a message that nobody has received, so that there is no descriptor: only --reset ends it";
    if (conn->nholds) return "only an io_uring holds it, so that there is no descriptor: only --reset ends it";
    return "no process that can be seen holds it: run this as root, or use --reset";
}

static const char *objection_to_nudge(const struct snap_conn *conn) {
    if (is_half_over(conn)) return NULL;
    return "the peer has not closed: a nudge would make the program read an end of file that was never sent";
}

static const char *objection_to_keepalive(const struct snap_conn *conn) {
    if (conn->state == LA_SYN_SENT || conn->state == LA_SYN_RCVD)
        return "it is not established yet: its SYN asks the peer already";
    if (conn->send_queue || is_fin_unanswered(conn))
        return "what it sent is not acknowledged yet: repeating that asks the peer already";
    return NULL;
}

static const char *objection_to_close(const struct snap_conn *conn) {
    if (conn->state != LA_FIN_WAIT_2) return NULL;
    return "its FIN is sent and acknowledged, and the peer has yet to close: --keepalive asks whether the peer is "
           "still there, --reset ends it";
}

const char *cure_objection(enum cure cure, const struct snap *snap, const struct snap_conn *conn) {
    if (conn->state == LA_CLOSED) return "it is closed already";
    if (conn->marks & SNAP_SELF) return "it is a connection of this very command";
    if (cure == CURE_RESET) return objection_to_reset(snap, conn);
    const char *none = no_descriptor(snap, conn);
    if (none) return none;
    switch (cure) {
    case CURE_NUDGE: return objection_to_nudge(conn);
    case CURE_KEEPALIVE: return objection_to_keepalive(conn);
    default: return objection_to_close(conn);
    }
}

/* --- The mildest --- */

/* Only an edge can be lost: whoever polls, or waits level-triggered, hears of end of file without help. */
static bool would_wake(const struct snap_watch *watch) {
    return watch->kind == SNAP_WATCH_EPOLL && watch->flags & SNAP_WATCH_EDGE && watch->flags & SNAP_WATCH_READ &&
           !(watch->flags & SNAP_WATCH_DISARMED);
}

static bool can_be_nudged(const struct snap *snap, const struct snap_conn *conn) {
    if (conn->eof == SNAP_EOF_READ) return false;
    if (!conn->looked_closely) return true;
    for (uint32_t i = 0; i < conn->nwatches; i++)
        if (would_wake(&snap->watches[conn->first_watch + i])) return true;
    return false;
}

/* What no program holds is the kernel's, and has a time limit. */
static bool ends_by_itself(const struct snap *snap, const struct snap_conn *conn) {
    if (conn->state == LA_TIME_WAIT || conn->marks & (SNAP_RECORD | SNAP_EMBRYO)) return true;
    return !snap_is_stack(snap, conn->netns) && !conn->inode && !(conn->marks & SNAP_QUEUED) &&
           conn->state != LA_LISTEN;
}

enum cure cure_lowest(const struct snap *snap, const struct snap_conn *conn) {
    if (ends_by_itself(snap, conn)) return NCURES;
    for (unsigned cure = 0; cure < NCURES; cure++) {
        if (cure_objection((enum cure)cure, snap, conn)) continue;
        if (cure == CURE_NUDGE && !can_be_nudged(snap, conn)) continue;
        if (cure == CURE_KEEPALIVE && conn->pair != SNAP_NONE) continue; /* The peer is there: it would answer. */
        return (enum cure)cure;
    }
    return NCURES;
}

/* --- What will be seen --- */

static const struct snap_owner *owner_of(const struct snap *snap, const struct snap_conn *conn, uint32_t i) {
    return &snap->owners[conn->first_owner + i];
}

static const struct snap_proc *proc_of(const struct snap *snap, const struct snap_owner *owner) {
    return owner->proc < snap->nprocs ? &snap->procs[owner->proc] : NULL;
}

void cure_holders(const struct snap *snap, const struct snap_conn *conn, struct say *out) {
    uint32_t nprocs = 0;
    for (uint32_t i = 0; i < conn->nowners; i++) {
        const struct snap_owner *owner = owner_of(snap, conn, i);
        const struct snap_proc *proc = proc_of(snap, owner);
        bool another = !i || owner[-1].proc != owner->proc;
        nprocs += another;
        if (!proc || nprocs > MOST_PROCS) continue;
        if (another) {
            bool more = i + 1 < conn->nowners && owner[1].proc == owner->proc;
            if (nprocs > 1) say(out, "; ");
            say_proc(out, proc);
            say(out, more ? " descriptors %d" : " descriptor %d", (int)owner->fd);
        } else {
            say(out, ", %d", (int)owner->fd);
        }
    }
    if (nprocs > MOST_PROCS) say(out, "; %u more processes", nprocs - MOST_PROCS);
}

static void foretell_sharing(const struct snap *snap, const struct snap_conn *conn, struct say *out) {
    uint32_t nprocs = snap_nprocs(snap, conn);
    if (nprocs > 1) {
        say(out, "%u processes hold this one socket, and each sees the same: ", nprocs);
        cure_holders(snap, conn, out);
        say(out, ".\n");
    }
    if (conn->nholds) say(out, "It is also held where no descriptor shows it (a message in flight or an io_uring).\n");
}

/* Who would die of a send(); `when` is "first" or "second". */
static void foretell_sigpipe(const struct snap *snap, const struct snap_conn *conn, const char *when, struct say *out) {
    uint32_t said = 0, unknown = 0;
    if (snap_is_stack(snap, conn->netns)) return; /* Its calls return errors and raise no signals. */
    for (uint32_t i = 0; i < conn->nowners; i++) {
        const struct snap_owner *owner = owner_of(snap, conn, i);
        const struct snap_proc *proc = proc_of(snap, owner);
        if (!proc || (i && owner[-1].proc == owner->proc)) continue;
        unknown += proc->sigpipe == SNAP_SIGPIPE_UNKNOWN;
        if (proc->sigpipe != SNAP_SIGPIPE_KILLS || said++ >= MOST_PROCS) continue;
        say(out, "SIGPIPE would kill ");
        say_proc(out, proc);
        say(out, " at its %s send() after that, unless it sends with MSG_NOSIGNAL or blocks SIGPIPE.\n", when);
    }
    if (said > MOST_PROCS)
        say(out, "SIGPIPE would kill %u more of its processes in the same way.\n", said - MOST_PROCS);
    if (unknown) say(out, "Whether SIGPIPE would kill %u of its processes could not be read.\n", unknown);
}

static void foretell_descriptor(const struct snap *snap, const struct snap_conn *conn, struct say *out) {
    if (!conn->nowners || snap_is_stack(snap, conn->netns)) return;
    say(out, "The descriptor number%s until the program closes it or ends.\n",
        conn->nowners == 1 ? " stays taken" : "s stay taken");
}

static void foretell_nudge(const struct snap *snap, const struct snap_conn *conn, struct say *out) {
    if (conn->looked_closely && !conn->nwatches)
        say(out, "Nobody waits for this socket, so that nothing will be woken.\n");
    else if (conn->looked_closely && !can_be_nudged(snap, conn))
        say(out, "No edge-triggered watch that could have missed the end of file was found: little hope.\n");
    say(out, "The process is woken as if the peer's end of file had just arrived, in edge-triggered epoll too; a fired "
             "one-shot watch or one without read interest is not.\n");
    say(out, "Its next recv() returns what is left unread, then 0; its send() works as before.\n");
    foretell_sharing(snap, conn, out);
    say(out, "The peer sees nothing: no packet is sent.\n");
    say(out, "The connection stays as it is until the program closes it.\n");
}

static void foretell_keepalive(const struct snap *snap, const struct snap_conn *conn, struct say *out) {
    bool over = is_half_over(conn);
    say(out, "The peer's host gets keepalive probes: segments without data that its program never sees.\n");
    if (conn->pair != SNAP_NONE)
        say(out, "The other end is on this host and still there: it will answer, and nothing will change.\n");
    say(out, "If the peer's host answers, nothing changes and the probes are switched off again. If it has forgotten "
             "the connection, its RST ends it; if it stays silent, the last probe does.\n");
    say(out,
        "The process then sees an error event; its next recv() returns what is left unread, then %s; its send() "
        "fails.\n",
        over ? "0" : "ECONNRESET (or ETIMEDOUT after silence)");
    foretell_sharing(snap, conn, out);
    foretell_sigpipe(snap, conn, over ? "first" : "second", out);
    foretell_descriptor(snap, conn, out);
}

static void foretell_peer_of_close(const struct snap_conn *conn, struct say *out) {
    if (conn->state == LA_SYN_SENT || conn->state == LA_SYN_RCVD)
        say(out, "The peer is told nothing; an answer of its gets an RST.\n");
    else if (is_fin_unanswered(conn))
        say(out,
            "The peer sees nothing new: the FIN is sent already. If it goes on being silent, the user timeout ends "
            "the connection at one of the next retransmissions.\n");
    else if (conn->state == LA_CLOSE_WAIT)
        say(out,
            "The peer gets what is still unsent and a FIN: from FIN_WAIT_2 it goes to TIME_WAIT. If it has gone, its "
            "RST or the user timeout ends this side.\n");
    else
        say(out,
            "The peer gets what is still unsent and a FIN, and reads end of file. Until it closes too, this side is "
            "in FIN_WAIT_2; if it sends more, it gets an RST, and recv() here returns ECONNRESET.\n");
}

static void foretell_close(const struct snap *snap, const struct snap_conn *conn, struct say *out) {
    if (conn->state == LA_SYN_SENT || conn->state == LA_SYN_RCVD)
        say(out, "The process sees its connect() fail with ECONNRESET.\n");
    else
        say(out, "The process is woken (hang-up); its next recv() returns what is left unread, then 0; its send() "
                 "returns EPIPE.\n");
    foretell_sharing(snap, conn, out);
    foretell_sigpipe(snap, conn, "first", out);
    foretell_peer_of_close(conn, out);
    foretell_descriptor(snap, conn, out);
}

static void foretell_owner_of_reset(const struct snap *snap, const struct snap_conn *conn, struct say *out) {
    if (conn->state == LA_LISTEN)
        say(out,
            "The process stops listening: its accept() returns EINVAL, and connections that wait to be accepted are "
            "reset.\n");
    else if (!conn->nowners && !snap_is_stack(snap, conn->netns))
        say(out, "No process that is known holds it, so that none sees anything.\n");
    else if (conn->state == LA_SYN_SENT)
        say(out, "The process sees its connect() fail with ECONNABORTED.\n");
    else if (is_half_over(conn))
        say(out,
            "The process is woken (error, hang-up); its next recv() returns what is left unread, then 0; its send() "
            "returns ECONNABORTED once, then EPIPE.\n");
    else
        say(out,
            "The process is woken (error, hang-up); its next call returns ECONNABORTED (recv() what is left unread "
            "first), a later recv() 0, a later send() EPIPE.\n");
}

static void foretell_peer_of_reset(const struct snap *snap, const struct snap_conn *conn, struct say *out) {
    bool stack = snap_is_stack(snap, conn->netns); /* Which sends an RST wherever the peer may hold something. */
    if (conn->state == LA_FIN_WAIT_2 && conn->marks & SNAP_RECORD && !stack) {
        say(out, "The peer is told nothing; if it sends more or closes, it gets an RST.\n");
        return;
    }
    if (stack && (is_fin_unanswered(conn) || conn->state == LA_SYN_RCVD)) {
        say(out, "The peer gets an RST.\n");
        return;
    }
    switch (conn->state) {
    case LA_ESTABLISHED:
    case LA_FIN_WAIT_1:
        say(out,
            "The peer gets an RST: its calls return ECONNRESET, and what it has not read or not received is lost.\n");
        break;
    case LA_CLOSE_WAIT:
        say(out, "The peer gets an RST: its FIN_WAIT_2 ends at once, with ECONNRESET if a program still holds it.\n");
        break;
    case LA_FIN_WAIT_2:
        say(out, "The peer gets an RST: it reads the end of file that it has, and its send() fails.\n");
        break;
    case LA_TIME_WAIT:
        say(out, "The peer sees nothing, unless it repeats its FIN: it then gets an RST. The port is free at once, and "
                 "late segments of this connection are no longer kept from the next one.\n");
        break;
    case LA_LISTEN: say(out, "Whoever connects from then on gets an RST.\n"); break;
    default: say(out, "The peer is told nothing; if it sends again, it gets an RST.\n");
    }
}

static void foretell_reset(const struct snap *snap, const struct snap_conn *conn, struct say *out) {
    foretell_owner_of_reset(snap, conn, out);
    foretell_sharing(snap, conn, out);
    if (conn->state != LA_LISTEN && conn->state != LA_TIME_WAIT) foretell_sigpipe(snap, conn, "second", out);
    foretell_peer_of_reset(snap, conn, out);
    foretell_descriptor(snap, conn, out);
}

void cure_foretell(enum cure cure, const struct snap *snap, const struct snap_conn *conn, struct say *out) {
    switch (cure) {
    case CURE_NUDGE: foretell_nudge(snap, conn, out); break;
    case CURE_KEEPALIVE: foretell_keepalive(snap, conn, out); break;
    case CURE_CLOSE: foretell_close(snap, conn, out); break;
    default: foretell_reset(snap, conn, out);
    }
}
