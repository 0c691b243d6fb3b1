/* A snapshot written as a document. Every value goes straight into the text, which may leave in pieces, and
 * connections stand one to a line, for people who look at it with grep.
 *
 * What is unknown is left out, and what is derived (pairs, ranges, counts) is too: snap_json_read finds it again.
 * Things that belong to one connection or process stand inside it; connections name processes and namespaces by
 * their place in their arrays, which all are written whole even when a filter leaves connections out. */
#include "snap_json.h"

#include "say_json.h"
#include "snap_words.h"

#include <inttypes.h>
#include <string.h>

#define PIECE 65536

static void text(struct say *out, const char *name, const char *value) {
    if (value) say_json_text(out, name, value);
}

static void known32(struct say *out, const char *name, uint32_t value) {
    if (value != UINT32_MAX) say_json_count(out, name, value);
}

static void nonzero(struct say *out, const char *name, uint64_t value) {
    if (value) say_json_count(out, name, value);
}

static void time(struct say *out, const char *name, la_time value) {
    if (value != LA_NEVER) say_json_seconds(out, name, value);
}

static void number(struct say *out, const char *name, int32_t value) {
    if (value >= 0) say_json_count(out, name, (uint64_t)value);
}

static void hex(struct say *out, const char *name, uint64_t value) {
    if (value) say_json_raw(out, name, "\"%" PRIx64 "\"", value);
}

static void word(struct say *out, const char *name, const struct snap_words *words, unsigned value) {
    if (value < words->n) say_json_text(out, name, words->word[value]);
}

static void bits(struct say *out, const char *name, const struct snap_words *words, unsigned value) {
    if (!value) return;
    say_json_open(out, name, '[');
    for (unsigned i = 0; i < words->n; i++)
        if (value >> i & 1) say_json_text(out, NULL, words->word[i]);
    say_json_close(out, ']');
}

/* --- Connections --- */

static void write_proc_ref(struct say *out, const struct snap *snap, uint32_t proc) {
    if (proc >= snap->nprocs) return;
    say_json_count(out, "process", proc);
    say_json_raw(out, "pid", "%" PRId32, snap->procs[proc].pid);
}

static void write_owners(struct say *out, const struct snap *snap, const struct snap_conn *conn) {
    if (!conn->nowners) return;
    say_json_open(out, "owners", '[');
    for (uint32_t i = 0; i < conn->nowners; i++) {
        const struct snap_owner *owner = &snap->owners[conn->first_owner + i];
        say_json_open(out, NULL, '{');
        write_proc_ref(out, snap, owner->proc);
        number(out, "fd", owner->fd);
        say_json_close(out, '}');
    }
    say_json_close(out, ']');
}

static void write_hold(struct say *out, const struct snap *snap, const struct snap_hold *hold) {
    say_json_open(out, NULL, '{');
    write_proc_ref(out, snap, hold->proc);
    word(out, "kind", &snap_words_hold, hold->kind);
    number(out, "fd", hold->fd);
    say_json_count(out, "count", hold->count);
    say_json_close(out, '}');
}

static void write_holds(struct say *out, const struct snap *snap, const struct snap_conn *conn) {
    if (!conn->nholds) return;
    say_json_open(out, "holds", '[');
    for (uint32_t i = 0; i < conn->nholds; i++) write_hold(out, snap, &snap->holds[conn->first_hold + i]);
    say_json_close(out, ']');
}

static void write_watches(struct say *out, const struct snap *snap, const struct snap_conn *conn) {
    if (!conn->nwatches) return;
    say_json_open(out, "watches", '[');
    for (uint32_t i = 0; i < conn->nwatches; i++) {
        const struct snap_watch *watch = &snap->watches[conn->first_watch + i];
        say_json_open(out, NULL, '{');
        write_proc_ref(out, snap, watch->proc);
        word(out, "kind", &snap_words_watch, watch->kind);
        bits(out, "flags", &snap_words_watch_flag, watch->flags);
        number(out, "fd", watch->fd);
        number(out, "set", watch->set);
        nonzero(out, "tid", watch->tid > 0 ? (uint64_t)watch->tid : 0);
        nonzero(out, "events", watch->events);
        text(out, "call", watch->call);
        say_json_close(out, '}');
    }
    say_json_close(out, ']');
}

static void write_history(struct say *out, const struct snap *snap, const struct snap_conn *conn) {
    if (!conn->nmoves) return;
    say_json_open(out, "history", '[');
    for (uint32_t i = 0; i < conn->nmoves; i++) {
        const struct snap_move *move = &snap->moves[conn->first_move + i];
        say_json_open(out, NULL, '{');
        say_json_seconds(out, "ago", move->ago);
        say_json_text(out, "from", la_state_name((enum la_state)move->from));
        say_json_text(out, "to", la_state_name((enum la_state)move->to));
        text(out, "cause", move->cause);
        say_json_close(out, '}');
    }
    say_json_close(out, ']');
}

static void write_measured(struct say *out, const struct snap_conn *conn) {
    say_json_open(out, "measured", '{');
    time(out, "data_sent", conn->data_sent);
    time(out, "data_received", conn->data_received);
    time(out, "ack_received", conn->ack_received);
    if (conn->rtt) say_json_seconds(out, "rtt", conn->rtt);
    if (conn->rto) say_json_seconds(out, "rto", conn->rto);
    known32(out, "peer_window", conn->peer_window);
    nonzero(out, "unsent", conn->unsent);
    nonzero(out, "retransmits", conn->retransmits);
    nonzero(out, "lost", conn->lost);
    nonzero(out, "cwnd", conn->cwnd);
    nonzero(out, "mss", conn->mss);
    nonzero(out, "bytes_in", conn->bytes_in);
    nonzero(out, "bytes_out", conn->bytes_out);
    if (conn->window_limited) say_json_seconds(out, "window_limited", conn->window_limited);
    say_json_close(out, '}');
}

static void write_timer(struct say *out, const struct snap_conn *conn) {
    if (conn->timer >= LA_NTIMERS) return;
    say_json_open(out, "timer", '{');
    say_json_text(out, "name", la_timer_name((enum la_timer)conn->timer));
    time(out, "left", conn->timer_left);
    say_json_close(out, '}');
}

static void write_conn(struct say *out, const struct snap *snap, const struct snap_conn *conn) {
    say_json_open_line(out, '{');
    hex(out, "cookie", conn->cookie);
    say_json_text(out, "state", la_state_name((enum la_state)conn->state));
    say_json_endpoint(out, "local", &conn->local);
    say_json_endpoint(out, "peer", &conn->peer);
    say_json_age(out, "age", &conn->age);
    nonzero(out, "namespace", conn->netns);
    nonzero(out, "inode", conn->inode);
    known32(out, "uid", conn->uid);
    nonzero(out, "cgroup", conn->cgroup);
    bits(out, "marks", &snap_words_mark, conn->marks);
    bits(out, "shut", &snap_words_shut, conn->shut);
    if (conn->eof != SNAP_EOF_NONE) word(out, "eof", &snap_words_eof, conn->eof);
    say_json_count(out, "recv_queue", conn->recv_queue);
    say_json_count(out, "send_queue", conn->send_queue);
    write_timer(out, conn);
    nonzero(out, "tries", conn->tries);
    nonzero(out, "embryos", conn->embryos);
    known32(out, "drops", conn->drops);
    if (conn->looked_closely) say_json_bool(out, "looked_closely", true);
    known32(out, "former", conn->former);
    if (conn->marks & SNAP_MEASURED) write_measured(out, conn);
    write_owners(out, snap, conn);
    write_holds(out, snap, conn);
    write_watches(out, snap, conn);
    write_history(out, snap, conn);
    say_json_close(out, '}');
}

/* --- What they refer to --- */

static void write_facts(struct say *out, const struct snap *snap, const struct snap_netns *netns) {
    char addr[LA_ADDR_TEXT];
    say_json_open(out, "settings", '{');
    for (unsigned i = 0; i < SNAP_NSETTINGS; i++)
        if (netns->setting[i] >= 0)
            say_json_count(out, snap_setting_name((enum snap_setting)i), (uint64_t)netns->setting[i]);
    say_json_close(out, '}');
    say_json_open(out, "counters", '{');
    for (unsigned i = 0; i < SNAP_NCOUNTERS; i++)
        if (netns->counter[i] != UINT64_MAX)
            say_json_count(out, snap_counter_name((enum snap_counter)i), netns->counter[i]);
    say_json_close(out, '}');
    say_json_open(out, "addresses", '[');
    for (uint32_t i = 0; i < netns->naddresses; i++) {
        la_addr_format(&snap->addresses[netns->first_address + i], addr, sizeof addr);
        say_json_text(out, NULL, addr);
    }
    say_json_close(out, ']');
}

static void write_netns(struct say *out, const struct snap *snap) {
    say_json_open(out, "namespaces", '[');
    for (uint32_t i = 0; i < snap->nnetns; i++) {
        const struct snap_netns *netns = &snap->netns[i];
        say_json_open(out, NULL, '{');
        text(out, "name", netns->name);
        nonzero(out, "inode", netns->inode);
        if (netns->stack) say_json_bool(out, "stack", true);
        if (netns->facts) write_facts(out, snap, netns);
        say_json_close(out, '}');
    }
    say_json_close(out, ']');
}

static void write_threads(struct say *out, const struct snap *snap, const struct snap_proc *proc) {
    if (!proc->nthreads) return;
    say_json_open(out, "threads", '[');
    for (uint32_t i = 0; i < proc->nthreads; i++) {
        const struct snap_thread *thread = &snap->threads[proc->first_thread + i];
        const char state[] = {thread->state, '\0'};
        say_json_open(out, NULL, '{');
        say_json_raw(out, "tid", "%" PRId32, thread->tid);
        say_json_text(out, "state", state);
        text(out, "call", thread->call);
        number(out, "fd", thread->fd);
        text(out, "where", thread->where);
        say_json_close(out, '}');
    }
    say_json_close(out, ']');
}

static void write_proc(struct say *out, const struct snap *snap, const struct snap_proc *proc) {
    const char state[] = {proc->state, '\0'};
    say_json_open_line(out, '{');
    say_json_raw(out, "pid", "%" PRId32, proc->pid);
    nonzero(out, "parent", proc->parent > 0 ? (uint64_t)proc->parent : 0);
    known32(out, "uid", proc->uid);
    say_json_text(out, "program", proc->program);
    text(out, "command", proc->command);
    text(out, "unit", proc->unit);
    text(out, "container", proc->container);
    known32(out, "fds", proc->nfds);
    known32(out, "fd_limit", proc->fd_limit);
    say_json_text(out, "state", state);
    if (proc->sigpipe != SNAP_SIGPIPE_UNKNOWN) word(out, "sigpipe", &snap_words_sigpipe, proc->sigpipe);
    nonzero(out, "started", proc->started);
    write_threads(out, snap, proc);
    say_json_close(out, '}');
}

static void write_procs(struct say *out, const struct snap *snap) {
    say_json_open(out, "processes", '[');
    for (uint32_t i = 0; i < snap->nprocs; i++) write_proc(out, snap, &snap->procs[i]);
    say_json_close(out, ']');
}

static void write_lines(struct say *out, const struct snap *snap) {
    if (!snap->nlines) return;
    say_json_open(out, "lines", '[');
    for (uint32_t i = 0; i < snap->nlines; i++) {
        const struct snap_line *line = &snap->lines[i];
        say_json_open(out, NULL, '{');
        say_json_text(out, "file", line->file);
        say_json_count(out, "line", line->line);
        say_json_text(out, "name", line->name);
        say_json_text(out, "value", line->value);
        say_json_close(out, '}');
    }
    say_json_close(out, ']');
}

/* Sockets in messages of which only the number is known. */
static void write_loose_holds(struct say *out, const struct snap *snap) {
    bool any = false;
    for (uint32_t i = 0; i < snap->nholds; i++) {
        if (snap->holds[i].conn < snap->nconns) continue;
        if (!any) say_json_open(out, "holds", '[');
        any = true;
        write_hold(out, snap, &snap->holds[i]);
    }
    if (any) say_json_close(out, ']');
}

static void write_blinds(struct say *out, const struct snap *snap) {
    say_json_open(out, "blinds", '[');
    for (uint32_t i = 0; i < snap->nblinds; i++) {
        say_json_open(out, NULL, '{');
        say_json_text(out, "what", snap->blinds[i].what);
        text(out, "need", snap->blinds[i].need);
        say_json_close(out, '}');
    }
    say_json_close(out, ']');
}

/* Where pieces go; without `put` there is one, the text. */
struct sink {
    bool (*put)(void *arg, const char *text, size_t len);
    void *arg;
};

/* Gives away what there is when it is much, but for the last character, which tells whether a comma is due. */
static bool put_piece(struct say *out, const struct sink *to) {
    if (!to->put || out->len < PIECE) return true;
    bool goes_on = to->put(to->arg, out->text, out->len - 1);
    memmove(out->text, out->text + out->len - 1, 2);
    out->len = 1;
    return goes_on;
}

static bool write_document(const struct snap *snap, const struct filter *filter, struct say *out,
                           const struct sink *to) {
    bool goes_on = true;
    say_json_open(out, NULL, '{');
    say_json_text(out, "format", SNAP_JSON_FORMAT);
    say_json_text(out, "source", snap->source);
    if (snap->wall) say_json_seconds(out, "taken", snap->wall);
    say_json_seconds(out, "clock", snap->taken);
    say_json_bool(out, "owners_known", snap->owners_known);
    say_json_bool(out, "complete", !snap->failed);
    write_netns(out, snap);
    write_procs(out, snap);
    write_lines(out, snap);
    write_loose_holds(out, snap);
    write_blinds(out, snap);
    say_json_open(out, "connections", '[');
    for (uint32_t i = 0; goes_on && !out->failed && i < snap->nconns; i++) {
        if (filter && !filter_matches(filter, snap, &snap->conns[i])) continue;
        write_conn(out, snap, &snap->conns[i]);
        goes_on = put_piece(out, to);
    }
    say_json_close(out, ']');
    say(out, "}\n");
    return goes_on && !out->failed;
}

bool snap_json_write(const struct snap *snap, const struct filter *filter, struct say *out) {
    return write_document(snap, filter, out, &(struct sink){0});
}

bool snap_json_put(const struct snap *snap, const struct filter *filter,
                   bool (*put)(void *arg, const char *text, size_t len), void *arg) {
    struct say out = {0};
    bool written = write_document(snap, filter, &out, &(struct sink){put, arg}) && put(arg, out.text, out.len);
    say_free(&out);
    return written;
}
