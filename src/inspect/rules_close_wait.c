/* CLOSE_WAIT: the peer has sent its FIN, and our program has not closed. Which of the many reasons is it?
 *
 * The conditions go from what is certain to what remains: a process that is stopped cannot close whatever watches it; a
 * watch that would have told of the end of file explains more than the absence of others; only when nobody watches at
 * all do the shapes of leaks (several holders, a pool, a client that reconnects) say more. What the kernel shows of the
 * end of file is the receive queue, which counts it as one byte as long as it is unread (snap_conn.eof).
 *
 * No timer ends CLOSE_WAIT (RFC 9293, 3.6): every finding says what will. */
#include "rules.h"

#include <stddef.h>

#define ANSWERS_FOR 5 /* Times `settle`: how long a program that answers goes unsuspected. */

/* --- What the watches say --- */

/* All flags of the watches that are certainly on this connection: what a ring waits for may be another one. */
static unsigned watch_flags(const struct ask *ask, const struct snap_conn *conn) {
    unsigned flags = 0;
    for (uint32_t i = 0; i < conn->nwatches; i++) {
        const struct snap_watch *watch = &ask->snap->watches[conn->first_watch + i];
        if (watch->kind != SNAP_WATCH_URING) flags |= watch->flags;
    }
    return flags;
}

/* The first such watch that has all of `with` and none of `without`; NULL. */
static const struct snap_watch *watch_with(const struct ask *ask, const struct snap_conn *conn, unsigned with,
                                           unsigned without) {
    for (uint32_t i = 0; i < conn->nwatches; i++) {
        const struct snap_watch *watch = &ask->snap->watches[conn->first_watch + i];
        bool fits = (watch->flags & with) == with && !(watch->flags & without);
        if (fits && watch->kind != SNAP_WATCH_URING) return watch;
    }
    return NULL;
}

static const struct snap_watch *watch_of(const struct ask *ask, const struct snap_conn *conn, unsigned kind) {
    for (uint32_t i = 0; i < conn->nwatches; i++)
        if (ask->snap->watches[conn->first_watch + i].kind == kind) return &ask->snap->watches[conn->first_watch + i];
    return NULL;
}

static bool all_stopped(const struct ask *ask, const struct snap_conn *conn) {
    for (uint32_t i = 0; i < conn->nowners; i++)
        if (!snap_is_stopped(ask->snap->procs[ask->snap->owners[conn->first_owner + i].proc].state)) return false;
    return conn->nowners > 0;
}

static const struct snap_hold *hold_of(const struct ask *ask, const struct snap_conn *conn, unsigned kind) {
    for (uint32_t i = 0; i < conn->nholds; i++)
        if (ask->snap->holds[conn->first_hold + i].kind == kind) return &ask->snap->holds[conn->first_hold + i];
    return NULL;
}

/* --- Conditions, in the order in which they are asked --- */

static bool not_accepted(const struct ask *ask, const struct snap_conn *conn) {
    return conn->marks & SNAP_QUEUED && ask_settled(ask, conn);
}

static bool in_flight(const struct ask *ask, const struct snap_conn *conn) {
    if (conn->nowners || !conn->inode || !ask->snap->owners_known || !ask_settled(ask, conn)) return false;
    if (hold_of(ask, conn, SNAP_HOLD_MESSAGE)) return true;
    /* Which sockets a message carries is not told; one that nobody holds must be in some message. */
    for (uint32_t i = 0; i < ask->snap->nholds && !conn->nholds; i++)
        if (ask->snap->holds[i].conn == SNAP_NONE && ask->snap->holds[i].kind == SNAP_HOLD_MESSAGE) return true;
    return false;
}

static bool in_uring(const struct ask *ask, const struct snap_conn *conn) {
    return !conn->nowners && hold_of(ask, conn, SNAP_HOLD_URING) && ask_settled(ask, conn);
}

/* A stack of ours knows what its program read, and needs no look at it. */
static bool unseen(const struct ask *ask, const struct snap_conn *conn) {
    bool knows = conn->looked_closely || conn->eof == SNAP_EOF_READ;
    return !knows && conn->inode && ask_settled(ask, conn);
}

static bool read_not_closed(const struct ask *ask, const struct snap_conn *conn) {
    return conn->eof == SNAP_EOF_READ && ask_settled(ask, conn);
}

/* A stack of ours: what its program waits for is its own affair, and not seen from here. */
static bool unread(const struct ask *ask, const struct snap_conn *conn) {
    return snap_is_stack(ask->snap, conn->netns) && conn->eof == SNAP_EOF_UNREAD && ask_settled(ask, conn);
}

static bool stopped(const struct ask *ask, const struct snap_conn *conn) {
    return all_stopped(ask, conn) && ask_settled(ask, conn);
}

static bool blocked_writing(const struct ask *ask, const struct snap_conn *conn) {
    const struct snap_watch *call = watch_of(ask, conn, SNAP_WATCH_CALL);
    return call && call->flags & SNAP_WATCH_WRITE && ask_settled(ask, conn);
}

/* It sends, or has just sent: a client that has half-closed may be waiting for just that. */
static bool answering(const struct ask *ask, const struct snap_conn *conn) {
    la_time recent = ANSWERS_FOR * ask->patience.settle;
    bool sends = conn->data_sent != LA_NEVER && conn->data_sent < recent;
    return (sends || conn->send_queue) && conn->eof != SNAP_EOF_UNREAD && ask_settled(ask, conn);
}

static bool edge_lost(const struct ask *ask, const struct snap_conn *conn) {
    const unsigned lost = SNAP_WATCH_READ | SNAP_WATCH_EDGE | SNAP_WATCH_WAITED;
    return watch_with(ask, conn, lost, SNAP_WATCH_DISARMED) && ask_settled(ask, conn);
}

static bool ignored(const struct ask *ask, const struct snap_conn *conn) {
    const unsigned told = SNAP_WATCH_READ | SNAP_WATCH_WAITED;
    return watch_with(ask, conn, told, SNAP_WATCH_EDGE | SNAP_WATCH_DISARMED) && ask_settled(ask, conn);
}

static bool busy(const struct ask *ask, const struct snap_conn *conn) {
    return watch_with(ask, conn, SNAP_WATCH_READ, SNAP_WATCH_WAITED | SNAP_WATCH_DISARMED) && ask_settled(ask, conn);
}

static bool disarmed(const struct ask *ask, const struct snap_conn *conn) {
    return watch_flags(ask, conn) & SNAP_WATCH_DISARMED && ask_settled(ask, conn);
}

static bool no_read_interest(const struct ask *ask, const struct snap_conn *conn) {
    bool set = watch_of(ask, conn, SNAP_WATCH_EPOLL) || watch_of(ask, conn, SNAP_WATCH_POLL) ||
               watch_of(ask, conn, SNAP_WATCH_SELECT);
    return set && !(watch_flags(ask, conn) & SNAP_WATCH_READ) && ask_settled(ask, conn);
}

static bool ambiguous(const struct ask *ask, const struct snap_conn *conn) {
    return conn->nwatches && ask_settled(ask, conn);
}

static bool held_by_child(const struct ask *ask, const struct snap_conn *conn) {
    return snap_nprocs(ask->snap, conn) > 1 && ask_settled(ask, conn);
}

static bool reconnect(const struct ask *ask, const struct snap_conn *conn) {
    return ask_opened(ask, conn) && ask_settled(ask, conn) && ask_forecast(ask, conn) != LA_NEVER;
}

static bool pool(const struct ask *ask, const struct snap_conn *conn) {
    const struct rule_group *group = ask_group(ask, conn);
    return group && group->opened && group->count[LA_CLOSE_WAIT] > 1 && ask_settled(ask, conn);
}

static bool unwatched(const struct ask *ask, const struct snap_conn *conn) {
    return conn->nowners && ask_settled(ask, conn);
}

/* --- Sentences --- */

#define FEW 8 /* Connections that may be at work, for all that is seen. */

static const char *eof_words(const struct snap_conn *conn) {
    switch ((enum snap_eof)conn->eof) {
    case SNAP_EOF_UNREAD: return "end of file not read";
    case SNAP_EOF_READ: return "end of file read";
    case SNAP_EOF_AMBIGUOUS: return "all data read; whether end of file was, is not known";
    case SNAP_EOF_NONE: break;
    }
    return "end of file not seen";
}

static void tell_pair(const struct ask *ask, struct finding *finding, const struct snap_conn *conn) {
    if (conn->pair == SNAP_NONE) return;
    const struct snap_conn *pair = &ask->snap->conns[conn->pair];
    uint32_t proc = snap_first_proc(ask->snap, pair);
    tell_evidence(finding, "Its other end is on this host, in %s%s%s, and waits for this side to close.",
                  la_state_name(pair->state), proc == SNAP_NONE ? ", its program has closed it" : ", held by ",
                  proc == SNAP_NONE ? "" : text_proc(ask, proc));
}

/* The oldest connections, one line each; then the spread of the rest. */
static void tell_conns(const struct ask *ask, struct finding *finding) {
    for (uint32_t i = 0; i < finding->nconns && i < SHOWN; i++) {
        const struct snap_conn *conn = &ask->snap->conns[finding->conns[i]];
        tell_evidence(finding, "%s: %s, %s, %s%s%s.",
                      conn->nowners ? text_fds(ask, conn, snap_first_proc(ask->snap, conn)) : "no descriptor",
                      text_conn(ask, conn), text_state(ask, conn), eof_words(conn),
                      conn->recv_queue ? ", unread: " : "", conn->recv_queue ? text_bytes(ask, conn->recv_queue) : "");
    }
    if (finding->nconns > SHOWN) {
        const struct snap_conn *last = &ask->snap->conns[finding->conns[finding->nconns - 1]];
        tell_evidence(finding, "%u more, the youngest for %s.", finding->nconns - SHOWN, text_age(ask, &last->age));
    }
    tell_pair(ask, finding, finding_first(ask, finding));
}

/* "nginx (pid 17) holds 12 connections on port 80 in CLOSE_WAIT" */
static const char *who_holds(const struct ask *ask, const struct finding *finding) {
    const struct snap_conn *first = finding_first(ask, finding);
    const char *with = !ask_opened(ask, first)      ? snap_format(ask->snap, "on port %u", first->local.port)
                       : ask_one_peer(ask, finding) ? snap_format(ask->snap, "to %s", text_endpoint(ask, &first->peer))
                                                    : "to several peers";
    return snap_format(ask->snap, "%s holds %s %s in CLOSE_WAIT", text_proc(ask, finding->proc),
                       text_count(ask, finding->nconns, "connection"), with);
}

static void tell_fate(const struct ask *ask, struct finding *finding) {
    const struct snap_conn *first = finding_first(ask, finding);
    tell_text(finding, "The peer has closed; no timer ends CLOSE_WAIT: it lasts until the program closes the socket or "
                       "ends.");
    if (first->timer == LA_TIMER_KEEPALIVE)
        tell_text(finding, "Keepalive is on and does not help: the peer's host still answers its probes, or would have "
                           "ended it.");
    finding->forecast = ask_forecast(ask, first);
    if (finding->forecast == LA_NEVER) return;
    const struct snap_proc *proc = &ask->snap->procs[finding->proc];
    tell_text(finding, "They grow: at this rate they alone take all descriptors of the process in %s.",
              text_time(ask, finding->forecast));
    tell_evidence(finding, "%u of %u descriptors are in use.", proc->nfds, proc->fd_limit);
    if (finding->forecast < 3600 * LA_SECOND) finding->severity = SEVERITY_HARM;
}

static void tell_close(const struct ask *ask, struct finding *finding) {
    tell_fix(ask, finding, "close",
             "Until then, end them from outside, in an orderly way (FIN); the descriptor number "
             "stays taken until the program closes it.");
}

/* What almost all of them end with. */
static void tell_rest(const struct ask *ask, struct finding *finding) {
    tell_fate(ask, finding);
    tell_conns(ask, finding);
    if (finding->nconns >= ask->patience.many) finding->severity = SEVERITY_HARM;
}

#define THREADS_SHOWN 3

/* What the threads of the process at fault do. */
static void tell_threads(const struct ask *ask, struct finding *finding) {
    const struct snap_proc *proc = &ask->snap->procs[finding->proc];
    for (uint32_t i = 0; i < proc->nthreads && i < THREADS_SHOWN; i++) {
        const struct snap_thread *thread = &ask->snap->threads[proc->first_thread + i];
        bool on_fd = thread->call && thread->fd >= 0;
        tell_evidence(finding, "Thread %d %s%s%s%s%s.", (int)thread->tid,
                      thread->call                     ? "is in "
                      : snap_is_stopped(thread->state) ? "is stopped"
                                                       : "runs, or could not be read",
                      thread->call ? thread->call : "", thread->call ? "()" : "",
                      on_fd ? snap_format(ask->snap, " on fd %d", (int)thread->fd) : "",
                      thread->where ? snap_format(ask->snap, " (kernel: %s)", thread->where) : "");
    }
}

static void tell_not_accepted(const struct ask *ask, struct finding *finding) {
    const struct snap_conn *first = finding_first(ask, finding);
    uint32_t listener = ask->listener[finding->conns[0]];
    uint32_t proc = listener == SNAP_NONE ? SNAP_NONE : snap_first_proc(ask->snap, &ask->snap->conns[listener]);
    finding->proc = proc;
    if (proc != SNAP_NONE) finding->fd = ask->snap->owners[ask->snap->conns[listener].first_owner].fd;
    tell_title(finding, "%s on port %u %s closed by the peer before %s accepted %s.",
               text_count(ask, finding->nconns, "connection"), first->local.port, finding->nconns == 1 ? "was" : "were",
               text_proc(ask, proc), finding->nconns == 1 ? "it" : "them");
    tell_text(finding, "They wait in the listener's accept queue, where only the kernel holds them: listings show no "
                       "process (\"-\"). They end when the program accepts and closes them, or closes its listener.");
    tell_conns(ask, finding);
    tell_remedy(finding, NULL,
                "Find out why %s does not call accept(): is it stopped, busy, or at its descriptor limit?",
                text_proc(ask, proc));
}

static void tell_in_flight(const struct ask *ask, struct finding *finding) {
    const struct snap *snap = ask->snap;
    const struct snap_hold *hold = hold_of(ask, finding_first(ask, finding), SNAP_HOLD_MESSAGE);
    for (uint32_t i = 0; !hold && i < snap->nholds; i++)
        if (snap->holds[i].conn == SNAP_NONE && snap->holds[i].kind == SNAP_HOLD_MESSAGE) hold = &snap->holds[i];
    if (!hold) return;
    finding->proc = hold->proc;
    finding->fd = hold->fd;
    tell_title(finding, "%s in CLOSE_WAIT %s held by a message that %s has not received.",
               text_count(ask, finding->nconns, "connection"), finding->nconns == 1 ? "is" : "are",
               text_proc(ask, hold->proc));
    tell_text(finding,
              "A process has passed the descriptor over an AF_UNIX socket (SCM_RIGHTS) and closed its own; while "
              "the message is in the queue, no descriptor of any process shows the connection.");
    tell_fate(ask, finding);
    tell_evidence(finding, "fd %d of %s has %s with descriptors waiting.", (int)hold->fd, text_proc(ask, hold->proc),
                  text_count(ask, hold->count, "message"));
    tell_conns(ask, finding);
    tell_remedy(finding, NULL, "The receiver must call recvmsg() on fd %d, or close it.", (int)hold->fd);
    tell_fix(ask, finding, "reset", "Or reset the connection: no descriptor is needed for that.");
}

static void tell_in_uring(const struct ask *ask, struct finding *finding) {
    const struct snap_hold *hold = hold_of(ask, finding_first(ask, finding), SNAP_HOLD_URING);
    finding->proc = hold->proc;
    finding->fd = hold->fd;
    tell_title(finding, "%s in CLOSE_WAIT %s held by an io_uring of %s.",
               text_count(ask, finding->nconns, "connection"), finding->nconns == 1 ? "is" : "are",
               text_proc(ask, hold->proc));
    tell_text(finding,
              "The descriptor was registered with the ring and closed; the ring's registration keeps the socket "
              "open, and no listing of descriptors shows it.");
    tell_fate(ask, finding);
    tell_evidence(finding, "The ring is fd %d.", (int)hold->fd);
    tell_conns(ask, finding);
    tell_remedy(finding, NULL,
                "The program must take the file out of the ring (IORING_UNREGISTER_FILES or "
                "IORING_REGISTER_FILES_UPDATE).");
    tell_fix(ask, finding, "reset", "Or reset the connection: no descriptor is needed for that.");
}

static void tell_unseen(const struct ask *ask, struct finding *finding) {
    const struct snap_conn *first = finding_first(ask, finding);
    if (finding->proc == SNAP_NONE) {
        tell_title(finding, "%s on port %u %s in CLOSE_WAIT; who holds %s could not be seen.",
                   text_count(ask, finding->nconns, "connection"), first->local.port,
                   finding->nconns == 1 ? "is" : "are", finding->nconns == 1 ? "it" : "them");
    } else {
        tell_title(finding, "%s; why could not be seen.", who_holds(ask, finding));
    }
    tell_text(finding, "Their program has not closed them%s.",
              first->eof == SNAP_EOF_UNREAD ? ", and has not even read end of file" : "");
    tell_rest(ask, finding);
    tell_remedy(finding, NULL,
                "Run this as the program's user or as root: then it can be said who watches the descriptor.");
}

static void tell_read_not_closed(const struct ask *ask, struct finding *finding) {
    tell_title(finding, "%s although it has read end of file.", who_holds(ask, finding));
    tell_text(finding, "recv() gave 0, and the program did not close the socket.");
    tell_rest(ask, finding);
    tell_remedy(finding, NULL, "Close the socket when recv() returns 0, also on the paths that return early.");
    tell_close(ask, finding);
}

static void tell_unread(const struct ask *ask, struct finding *finding) {
    tell_title(finding, "%s and has not read end of file.", who_holds(ask, finding));
    tell_text(finding, "The event that told of it (LA_EV_EOF) was not acted on.");
    tell_rest(ask, finding);
    tell_remedy(finding, NULL, "Read until la_recv() gives 0, then close, for every socket that an event names.");
    tell_fix(ask, finding, "reset", "Or end it from outside.");
}

static void tell_stopped(const struct ask *ask, struct finding *finding) {
    int pid = ask->snap->procs[finding->proc].pid;
    tell_title(finding, "%s: the process is stopped.", who_holds(ask, finding));
    tell_text(finding, "A stopped process (SIGSTOP, SIGTSTP or a debugger) reads and closes nothing.");
    tell_rest(ask, finding);
    tell_remedy(finding, snap_format(ask->snap, "kill -CONT %d", pid), "Let it go on, unless a debugger has it.");
    tell_close(ask, finding);
}

static void tell_blocked_writing(const struct ask *ask, struct finding *finding) {
    const struct snap_conn *first = finding_first(ask, finding);
    const struct snap_watch *call = watch_of(ask, first, SNAP_WATCH_CALL);
    tell_title(finding, "%s: it is blocked writing to %s.", who_holds(ask, finding),
               finding->nconns == 1 ? "it" : "one of them");
    tell_text(finding,
              "The peer has sent its FIN and does not read what this side sends, so the program does not get to "
              "its close().");
    tell_rest(ask, finding);
    tell_evidence(finding, "Thread %d is in %s() on fd %d; %s wait for the peer.", (int)call->tid,
                  call->call ? call->call : "write", (int)call->fd, text_bytes(ask, first->send_queue));
    tell_remedy(finding, NULL, "Give writes a limit: SO_SNDTIMEO, TCP_USER_TIMEOUT, or poll() with a timeout.");
    tell_close(ask, finding);
}

static void tell_answering(const struct ask *ask, struct finding *finding) {
    const struct snap_conn *first = finding_first(ask, finding);
    tell_title(finding, "%s and still answers.", who_holds(ask, finding));
    tell_text(finding, "The peer has closed its direction only; this side may go on sending (half-close).");
    if (first->data_sent != LA_NEVER) tell_evidence(finding, "It sent data %s ago.", text_time(ask, first->data_sent));
    tell_conns(ask, finding);
}

static void tell_edge_lost(const struct ask *ask, struct finding *finding) {
    const struct snap_watch *watch =
        watch_with(ask, finding_first(ask, finding), SNAP_WATCH_READ | SNAP_WATCH_EDGE | SNAP_WATCH_WAITED, 0);
    tell_title(finding, "%s: the edge that told of the end of file is lost.", who_holds(ask, finding));
    tell_text(finding,
              "The descriptor is in an edge-triggered epoll set (EPOLLET), whose loop sleeps: it was told once, "
              "and did not read until recv() gave 0 or EAGAIN. It will not be told again.");
    tell_rest(ask, finding);
    tell_evidence(finding, "epoll fd %d, registered as fd %d with EPOLLET; thread %d waits in %s().", (int)watch->set,
                  (int)watch->fd, (int)watch->tid, watch->call ? watch->call : "epoll_wait");
    tell_fix(ask, finding, "nudge", "Fire the event again: if the program then closes, this was it.");
    tell_remedy(finding, NULL, "With EPOLLET, read until EAGAIN or 0; a short read is no reason to stop.");
    tell_close(ask, finding);
}

static void tell_ignored(const struct ask *ask, struct finding *finding) {
    tell_title(finding, "%s: its loop is told again and again, and does not act.", who_holds(ask, finding));
    tell_text(finding, "The descriptor is watched for reading, level-triggered, and end of file makes it readable for "
                       "ever: the loop spins, or ignores what it is told.");
    tell_rest(ask, finding);
    tell_threads(ask, finding);
    tell_remedy(finding, NULL, "Handle recv() == 0, EPOLLRDHUP and EPOLLHUP by closing the socket.");
    tell_close(ask, finding);
}

static void tell_busy(const struct ask *ask, struct finding *finding) {
    const struct snap_watch *watch =
        watch_with(ask, finding_first(ask, finding), SNAP_WATCH_READ, SNAP_WATCH_WAITED | SNAP_WATCH_DISARMED);
    tell_title(finding, "%s: it would be told, but its loop is busy elsewhere.", who_holds(ask, finding));
    tell_text(finding, "The event waits in the epoll set, and no thread asks for it.");
    tell_rest(ask, finding);
    tell_evidence(finding, "epoll fd %d has it, as fd %d; nobody is in epoll_wait() on it.", (int)watch->set,
                  (int)watch->fd);
    tell_threads(ask, finding);
    tell_remedy(finding, NULL,
                "Find what blocks the loop (the call above), and move it to another thread or give it a "
                "timeout.");
    tell_close(ask, finding);
}

static void tell_disarmed(const struct ask *ask, struct finding *finding) {
    const struct snap_watch *watch = watch_with(ask, finding_first(ask, finding), SNAP_WATCH_DISARMED, 0);
    tell_title(finding, "%s: its one-shot watch has fired and was not armed again.", who_holds(ask, finding));
    tell_text(finding,
              "EPOLLONESHOT disarms a descriptor after one event; until EPOLL_CTL_MOD arms it, nothing wakes the "
              "program for it, not even a reset.");
    tell_rest(ask, finding);
    if (watch) tell_evidence(finding, "epoll fd %d has it, as fd %d, disarmed.", (int)watch->set, (int)watch->fd);
    tell_remedy(finding, NULL, "Arm it again (EPOLL_CTL_MOD) on every path out of the handler, or close.");
    tell_close(ask, finding);
}

static void tell_no_read_interest(const struct ask *ask, struct finding *finding) {
    const struct snap_watch *watch = &ask->snap->watches[finding_first(ask, finding)->first_watch];
    tell_title(finding, "%s: it is watched, but not for reading.", who_holds(ask, finding));
    tell_text(finding,
              "The mask has neither EPOLLIN nor EPOLLRDHUP (POLLIN, POLLRDHUP): end of file is invisible to the "
              "program.");
    tell_rest(ask, finding);
    tell_evidence(finding, "fd %d is watched%s%s.", (int)watch->fd,
                  watch->flags & SNAP_WATCH_WRITE ? " for room to write only"
                                                  : " for nothing that end of file would wake",
                  watch->set >= 0 ? snap_format(ask->snap, ", in epoll fd %d", (int)watch->set) : "");
    tell_remedy(finding, NULL, "Ask for EPOLLRDHUP (or EPOLLIN) for as long as the socket is open.");
    tell_close(ask, finding);
}

static void tell_ambiguous(const struct ask *ask, struct finding *finding) {
    tell_title(finding, "%s; whether something watches %s cannot be told.", who_holds(ask, finding),
               finding->nconns == 1 ? "it" : "them");
    tell_text(finding, "An io_uring of the process has requests pending, and the kernel does not say on which "
                       "descriptors.");
    tell_rest(ask, finding);
    tell_threads(ask, finding);
    tell_fix(ask, finding, "nudge", "Fire the event again: if the program then closes, it had missed it.");
    tell_close(ask, finding);
}

static void tell_held_by_child(const struct ask *ask, struct finding *finding) {
    const struct snap_conn *first = finding_first(ask, finding);
    uint32_t before = SNAP_NONE;
    tell_title(finding, "%s, and so %s: all must close.", who_holds(ask, finding),
               snap_nprocs(ask->snap, first) == 2
                   ? "does another process"
                   : snap_format(ask->snap, "do %u other processes", snap_nprocs(ask->snap, first) - 1));
    tell_text(finding, "fork() copies descriptors: the connection closes when the last copy is closed. Nobody watches "
                       "any of them.");
    tell_rest(ask, finding);
    for (uint32_t i = 0; i < first->nowners; i++) {
        uint32_t proc = ask->snap->owners[first->first_owner + i].proc;
        const struct snap_proc *who = &ask->snap->procs[proc];
        if (proc != before)
            tell_evidence(finding, "%s holds it as %s; its parent is pid %d.", text_proc(ask, proc),
                          text_fds(ask, first, proc), (int)who->parent);
        before = proc;
    }
    tell_remedy(finding, NULL,
                "Close the copy in the process that does not serve the connection, right after fork(); "
                "open sockets with SOCK_CLOEXEC so that programs it starts do not inherit them.");
    tell_remedy(finding, NULL, "shutdown(fd, SHUT_RDWR) in any of them ends it at once, whoever else holds it.");
    tell_close(ask, finding);
}

static void tell_reconnect(const struct ask *ask, struct finding *finding) {
    tell_title(finding, "%s, one more for every reconnection: it connects again without closing the old one.",
               who_holds(ask, finding));
    tell_text(finding,
              "The peer closes, the program opens the next connection and forgets the last: one descriptor and "
              "one port is lost each time.");
    tell_rest(ask, finding);
    tell_remedy(finding, NULL, "Close the old socket before connecting again, also when the error came from the peer.");
    tell_close(ask, finding);
}

static void tell_pool(const struct ask *ask, struct finding *finding) {
    const struct rule_group *group = ask_group(ask, finding_first(ask, finding));
    tell_title(finding, "%s: a pool keeps connections that the peer has closed.", who_holds(ask, finding));
    tell_text(finding,
              "Idle connections in a pool are watched by nobody, so end of file stays unread; the next request "
              "on one of them fails with ECONNRESET or EPIPE.");
    tell_rest(ask, finding);
    tell_evidence(finding, "With the same peer: %u ESTABLISHED, %u CLOSE_WAIT.", group->count[LA_ESTABLISHED],
                  group->count[LA_CLOSE_WAIT]);
    tell_remedy(finding, NULL,
                "Let the pool test connections before use (a non-blocking recv() that gives 0 means "
                "closed), and drop idle ones sooner than the peer's idle timeout.");
    tell_close(ask, finding);
}

/* A client that gave up while its request is worked on: end of file alone is unread, of a few, and not for long. Data
 * that wait as well are no request that somebody has taken up, unless a thread runs. */
static bool may_be_at_work(const struct ask *ask, const struct finding *finding) {
    const struct snap_conn *first = finding_first(ask, finding);
    const struct snap_proc *proc = &ask->snap->procs[finding->proc];
    bool runs = proc->state == 'R';
    if (ask_opened(ask, first) || ask_is_long(ask, first->age.least) || finding->nconns >= FEW) return false;
    for (uint32_t i = 0; i < proc->nthreads; i++) runs |= ask->snap->threads[proc->first_thread + i].state == 'R';
    for (uint32_t i = 0; i < finding->nconns; i++) {
        const struct snap_conn *conn = &ask->snap->conns[finding->conns[i]];
        if (!runs && (conn->recv_queue || !conn->bytes_in)) return false;
    }
    return true;
}

static void tell_unwatched(const struct ask *ask, struct finding *finding) {
    const struct snap_conn *first = finding_first(ask, finding);
    bool opened = ask_opened(ask, first), works = may_be_at_work(ask, finding);
    tell_title(finding, "%s: nobody watches %s.", who_holds(ask, finding), finding->nconns == 1 ? "it" : "them");
    tell_text(finding, "No thread waits on the descriptor, and no epoll set has it: the program %s%s.",
              works ? "is still at work on the request, or has forgotten it" : "has forgotten it",
              first->eof == SNAP_EOF_AMBIGUOUS
                  ? ". It is not certain whether it has read end of file: all data were read, and a FIN that came with "
                    "data leaves no trace"
                  : "");
    tell_rest(ask, finding);
    if (works) finding->severity = SEVERITY_NOTE;
    tell_threads(ask, finding);
    tell_remedy(finding, NULL, "%s",
                opened ? "Close connections that are no longer used; before one is used again, look "
                         "whether recv() gives 0."
                       : "Close the socket on every path that ends the work on it: errors, "
                         "timeouts and recv() == 0.");
    tell_remedy(finding, "lastack watch",
                "See where it was accepted or opened, with file and line, when the next one leaks.");
    tell_close(ask, finding);
}

#define CLOSE_WAIT(name, cited, harm, condition, sentences)                                                            \
    {                                                                                                                  \
        .id = "close-wait-" name, .claims = cited, .severity = SEVERITY_##harm, .family = FAMILY_CLOSE_WAIT,           \
        .scope = SCOPE_PROC, .states = 1U << LA_CLOSE_WAIT, .holds = condition, .tell = sentences,                     \
    }

const struct rule rules_close_wait[] = {
    CLOSE_WAIT("not-accepted", "C41", WARNING, not_accepted, tell_not_accepted),
    CLOSE_WAIT("in-flight", "C26", WARNING, in_flight, tell_in_flight),
    CLOSE_WAIT("uring", "C26", WARNING, in_uring, tell_in_uring),
    CLOSE_WAIT("stopped", "C12", WARNING, stopped, tell_stopped),
    CLOSE_WAIT("blocked-writing", "C25", WARNING, blocked_writing, tell_blocked_writing),
    CLOSE_WAIT("answering", "C25", NOTE, answering, tell_answering),
    CLOSE_WAIT("read-not-closed", "C16", WARNING, read_not_closed, tell_read_not_closed),
    CLOSE_WAIT("unread", "C16", WARNING, unread, tell_unread),
    CLOSE_WAIT("unseen", "C41", WARNING, unseen, tell_unseen),
    CLOSE_WAIT("edge-lost", "C16", WARNING, edge_lost, tell_edge_lost),
    CLOSE_WAIT("ignored", "C16", WARNING, ignored, tell_ignored),
    CLOSE_WAIT("busy", "C16", WARNING, busy, tell_busy),
    CLOSE_WAIT("disarmed", "C16", WARNING, disarmed, tell_disarmed),
    CLOSE_WAIT("no-read-interest", "C16", WARNING, no_read_interest, tell_no_read_interest),
    CLOSE_WAIT("ambiguous", "C16", WARNING, ambiguous, tell_ambiguous),
    CLOSE_WAIT("held-by-child", "C27 C26", WARNING, held_by_child, tell_held_by_child),
    {.id = "close-wait-reconnect",
     .claims = "C38",
     .severity = SEVERITY_WARNING,
     .family = FAMILY_CLOSE_WAIT,
     .scope = SCOPE_PEER,
     .states = 1U << LA_CLOSE_WAIT,
     .holds = reconnect,
     .tell = tell_reconnect},
    {.id = "close-wait-pool",
     .claims = "C39",
     .severity = SEVERITY_WARNING,
     .family = FAMILY_CLOSE_WAIT,
     .scope = SCOPE_PEER,
     .states = 1U << LA_CLOSE_WAIT,
     .holds = pool,
     .tell = tell_pool},
    CLOSE_WAIT("unwatched", "C12 C15 C16", WARNING, unwatched, tell_unwatched),
    {.id = NULL},
};
