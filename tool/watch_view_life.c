/* One connection's life as text: who it is, who holds it, what happened to it, what it waits for.
 *
 * Comes in: the connection of the last poll, found by its cookie, and what the watch knows about it over time. Goes
 * out: a page. When the connection is gone, the page stays as it was, under a line that says so. The site that opened
 * it is asked for once, when the page is opened: unwinding takes a moment. */
#define _GNU_SOURCE
#include "watch_view.h"

#include "inspect/snap_words.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* --- Who --- */

static void say_ends(struct say *to, const struct snap *snap, const struct snap_conn *conn) {
    const char *netns = conn->netns < snap->nnetns ? snap->netns[conn->netns].name : NULL;
    say(to, "%s for ", la_state_name((enum la_state)conn->state));
    say_age(to, &conn->age);
    say(to, "\n  local ");
    say_endpoint(to, &conn->local);
    say(to, ", peer ");
    say_endpoint(to, &conn->peer);
    if (conn->pair != SNAP_NONE && conn->pair < snap->nconns)
        say(to, " (on this host too: %s)", la_state_name((enum la_state)snap->conns[conn->pair].state));
    say(to, "\n  sk:%" PRIx64, conn->cookie);
    if (conn->inode) say(to, ", inode %" PRIu64, conn->inode);
    if (conn->uid != UINT32_MAX) say(to, ", user %" PRIu32, conn->uid);
    if (netns) say(to, ", network namespace %s", netns);
    say(to, "\n\n");
}

static void say_holder(struct say *to, const struct snap_proc *proc) {
    if (proc->command && *proc->command) say(to, "\n    %.200s", proc->command);
    if (proc->unit) say(to, "\n    unit %s", proc->unit);
    if (proc->container) say(to, "\n    container %s", proc->container);
    say(to, "\n");
}

/* Owners lie together by process. */
static void say_owners(struct say *to, const struct snap *snap, const struct snap_conn *conn) {
    const struct snap_owner *owners = snap->owners + conn->first_owner;
    for (uint32_t i = 0; i < conn->nowners; i++) {
        if (!i || owners[i].proc != owners[i - 1].proc) {
            say(to, "  ");
            say_proc(to, &snap->procs[owners[i].proc]);
            say(to, ": fd %d", (int)owners[i].fd);
        } else {
            say(to, ", %d", (int)owners[i].fd);
        }
        bool last = i + 1 == conn->nowners || owners[i + 1].proc != owners[i].proc;
        if (last) say_holder(to, &snap->procs[owners[i].proc]);
    }
    for (uint32_t i = 0; i < conn->nholds; i++) {
        const struct snap_hold *hold = &snap->holds[conn->first_hold + i];
        say(to, "  %s ", hold->kind == SNAP_HOLD_MESSAGE ? "a message that waits for" : "an io_uring of");
        if (hold->proc < snap->nprocs) say_proc(to, &snap->procs[hold->proc]);
        say(to, ": fd %d\n", (int)hold->fd);
    }
}

static void say_nobody(struct say *to, const struct snap *snap, const struct snap_conn *conn) {
    const char *who = "  nobody that could be seen";
    if (conn->marks & SNAP_QUEUED) who = "  nobody has accepted it yet";
    if (conn->marks & (SNAP_EMBRYO | SNAP_RECORD) || !conn->inode) who = "  the kernel alone";
    if (conn->netns < snap->nnetns && snap->netns[conn->netns].stack) who = "  the stack alone";
    say(to, "%s", who);
    if (conn->former < snap->nprocs) {
        say(to, "; before: ");
        say_proc(to, &snap->procs[conn->former]);
    }
    say(to, "\n");
}

static void say_watches(struct say *to, const struct snap *snap, const struct snap_conn *conn) {
    for (uint32_t i = 0; i < conn->nwatches; i++) {
        const struct snap_watch *watch = &snap->watches[conn->first_watch + i];
        say(to, "  watched through %s%s%s", snap_words_watch.word[watch->kind], watch->call ? " in " : "",
            watch->call ? watch->call : "");
        if (watch->proc < snap->nprocs) {
            say(to, " by ");
            say_proc(to, &snap->procs[watch->proc]);
        }
        say(to, watch->flags & SNAP_WATCH_READ ? "\n" : ", but not for reading\n");
    }
    if (conn->looked_closely && !conn->nwatches) say(to, "  nobody watches it\n");
}

/* --- What happened --- */

static void say_moves(struct say *to, const struct snap *snap, const struct snap_conn *conn) {
    say(to, "\nHistory\n");
    if (!conn->nmoves) say(to, "  not known: it was there before this began to watch, and has not moved since\n");
    for (uint32_t i = 0; i < conn->nmoves; i++) {
        const struct snap_move *move = &snap->moves[conn->first_move + i];
        uint64_t wall = snap->wall - (move->ago < snap->wall ? move->ago : 0);
        time_t seconds = (time_t)(wall / LA_SECOND);
        struct tm tm = {0};
        char text[16] = "";
        if (localtime_r(&seconds, &tm)) strftime(text, sizeof text, "%H:%M:%S", &tm);
        say(to, "  %s.%03u  %s to %s, ", text, (unsigned)(wall % LA_SECOND / LA_MS),
            la_state_name((enum la_state)move->from), la_state_name((enum la_state)move->to));
        say_time(to, move->ago);
        say(to, " ago%s%s\n", move->cause ? ": " : "", move->cause ? move->cause : "");
    }
}

static void say_site(struct say *to, const char *frames) {
    if (!frames || !*frames) return;
    say(to, "\nOpened at\n");
    while (*frames) {
        size_t len = strcspn(frames, "\n");
        if (len) say(to, "  %.*s\n", (int)len, frames);
        frames += len + (frames[len] == '\n');
    }
}

/* --- What it is like --- */

static void say_timer(struct say *to, const struct snap_conn *conn) {
    say(to, "\nTimer\n");
    if (conn->timer >= LA_NTIMERS) {
        say(to, "  none runs\n");
        return;
    }
    say(to, "  %s", la_timer_name((enum la_timer)conn->timer));
    if (conn->timer_left != LA_NEVER) {
        say(to, " in ");
        say_time(to, conn->timer_left);
    }
    if (conn->tries) {
        say(to, ", ");
        say_count(to, conn->tries, "attempt");
        say(to, " unanswered");
    }
    say(to, "\n");
}

static void say_queue(struct say *to, uint32_t n, const char *rest) {
    say(to, "  ");
    if (n == UINT32_MAX)
        say(to, "an unknown number of bytes");
    else
        say_bytes(to, n);
    say(to, " %s\n", rest);
}

static void say_queues(struct say *to, const struct snap_conn *conn) {
    say(to, "\nQueues\n");
    if (conn->state == LA_LISTEN) {
        say(to, "  %" PRIu32 " to accept, room for %" PRIu32 "; %" PRIu32 " in the SYN queue\n", conn->recv_queue,
            conn->send_queue, conn->embryos);
        if (conn->drops != UINT32_MAX) say(to, "  %" PRIu32 " refused since it listens\n", conn->drops);
        return;
    }
    say_queue(to, conn->recv_queue, "not read by the owner");
    say_queue(to, conn->send_queue, "not acknowledged by the peer");
    if (conn->marks & SNAP_MEASURED && conn->unsent) say_queue(to, conn->unsent, "of them never sent");
}

static void say_ago(struct say *to, const char *what, la_time ago) {
    if (ago == LA_NEVER) return;
    say(to, ", %s ", what);
    say_time(to, ago);
    say(to, " ago");
}

static void say_flow(struct say *to, const char *way, uint64_t bytes, double rate) {
    say(to, "  ");
    say_bytes(to, bytes);
    say(to, " %s", way);
    if (rate < 0) return;
    say(to, ", ");
    say_bytes(to, (uint64_t)rate);
    say(to, " a second");
}

static void say_measures(struct say *to, const struct life_view *view, const struct snap_conn *conn) {
    if (!(conn->marks & SNAP_MEASURED) || conn->state == LA_LISTEN) return;
    say(to, "\nWindows\n  ");
    if (conn->peer_window == UINT32_MAX)
        say(to, "the peer's window is unknown");
    else
        say_bytes(to, conn->peer_window), say(to, " that the peer lets us send");
    say(to, "; congestion window ");
    say_bytes(to, conn->cwnd);
    say(to, ", segments of %" PRIu32 "\n", conn->mss);
    if (conn->window_limited) {
        say(to, "  held up by the peer's window for ");
        say_time(to, conn->window_limited);
        say(to, " in all\n");
    }
    say(to, "\nRates\n");
    say_flow(to, "received", conn->bytes_in, view->rate_in);
    say_ago(to, "the last", conn->data_received);
    say(to, "\n");
    say_flow(to, "sent", conn->bytes_out, view->rate_out);
    say_ago(to, "data last sent", conn->data_sent);
    say_ago(to, "last acknowledgment", conn->ack_received);
    say(to, "\n  round trip ");
    if (conn->rtt)
        say(to, "%.3f ms", (double)conn->rtt / (double)LA_MS);
    else
        say(to, "unknown");
    say(to, ", ");
    say_count(to, conn->retransmits, "retransmission");
    if (conn->lost) say(to, ", %" PRIu32 " segments believed lost", conn->lost);
    say(to, "\n");
}

static bool is_about(const struct watch_finding *finding, uint64_t cookie) {
    for (uint32_t i = 0; i < finding->ncookies; i++)
        if (finding->cookies[i] == cookie) return true;
    return false;
}

static void say_findings(struct say *to, const struct watch *watch, uint64_t cookie) {
    bool any = false;
    for (unsigned i = 0; i < watch->nfindings; i++) {
        const struct watch_finding *finding = &watch->findings[i];
        if (!finding->is_there || !is_about(finding, cookie)) continue;
        say(to, any ? "  - " : "\nFindings\n  - ");
        say(to, "%s: %s (%s)\n", severity_name(finding->severity), finding->title ? finding->title : "", finding->rule);
        any = true;
    }
}

void life_say(const struct life_view *view, const struct watch *watch, const struct snap_conn *conn, struct say *to) {
    const struct snap *snap = watch->snap;
    say_ends(to, snap, conn);
    say(to, "Held by\n");
    if (conn->nowners || conn->nholds)
        say_owners(to, snap, conn);
    else
        say_nobody(to, snap, conn);
    say_watches(to, snap, conn);
    say_findings(to, watch, conn->cookie);
    say_moves(to, snap, conn);
    say_site(to, view->site);
    say_timer(to, conn);
    say_queues(to, conn);
    say_measures(to, view, conn);
}

/* --- The view --- */

static void measure(struct life_view *view, const struct snap *snap, const struct snap_conn *conn) {
    double seconds = (double)(snap->taken - view->seen) / (double)LA_SECOND;
    if (seconds <= 0 && view->seen) return; /* The same poll again. */
    bool known = view->seen && conn->bytes_in >= view->bytes_in && conn->bytes_out >= view->bytes_out;
    view->rate_in = known ? (double)(conn->bytes_in - view->bytes_in) / seconds : -1;
    view->rate_out = known ? (double)(conn->bytes_out - view->bytes_out) / seconds : -1;
    view->bytes_in = conn->bytes_in;
    view->bytes_out = conn->bytes_out;
    view->seen = snap->taken;
}

#define GONE "Gone: this is what it was like at last\n\n"

void life_take(struct life_view *view, const struct watch *watch) {
    const struct snap *snap = watch->snap;
    uint32_t at = snap ? snap_by_cookie(snap, view->cookie) : SNAP_NONE;
    const char *before = view->page.text ? view->page.text : "";
    struct say text = {0};
    if (at != SNAP_NONE) {
        measure(view, snap, &snap->conns[at]);
        life_say(view, watch, &snap->conns[at], &text);
    } else if (strncmp(before, GONE, sizeof GONE - 1) != 0) {
        say(&text, GONE "%s", before);
    } else {
        return;
    }
    char *taken = say_take(&text);
    if (taken) page_set(&view->page, taken);
}

void life_open(struct life_view *view, struct watch *watch, uint64_t cookie) {
    uint32_t at = watch->snap ? snap_by_cookie(watch->snap, cookie) : SNAP_NONE;
    life_free(view);
    view->cookie = cookie;
    if (at != SNAP_NONE) {
        const struct snap_conn *conn = &watch->snap->conns[at];
        view->site = watch_site(watch, conn);
        if (conn->inode && !conn->nowners) watch->owners_at = 0; /* The next poll looks for them. */
    }
    life_take(view, watch);
}

void life_free(struct life_view *view) {
    page_free(&view->page);
    free(view->site);
    *view = (struct life_view){.rate_in = -1, .rate_out = -1};
}
