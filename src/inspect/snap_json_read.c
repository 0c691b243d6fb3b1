/* A document becomes a snapshot. It may come from anywhere, so nothing in it is believed: every type and bound is
 * checked, every index is checked once all is read, and control characters in texts are replaced, since texts end up on
 * terminals. Members that are not known are skipped, so that later versions can add some.
 *
 * A document can hold a hundred thousand connections. The outermost object and its arrays are walked here, and jansson
 * gets one element at a time: the tree that is in memory at any moment is that of one connection.
 *
 * The first thing wrong ends it: `failed` is set, `why` has been written, and everything after that does nothing. */
#include "reader.h"
#include "snap_json.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

/* --- Connections --- */

/* What the one under construction contains refers to it: it is the latest. */
static uint32_t latest(const struct reader *r) { return r->snap->nconns - 1; }

static void read_owner(struct reader *r, const json_t *o) {
    struct snap_owner *owner = snap_add_owner(r->snap);
    if (!owner) return;
    owner->conn = latest(r);
    reader_index(r, o, "process", &owner->proc);
    reader_id(r, o, "fd", &owner->fd);
}

static void read_loose_hold(struct reader *r, const json_t *o) {
    struct snap_hold *hold = snap_add_hold(r->snap);
    if (!hold) return;
    reader_index(r, o, "process", &hold->proc);
    reader_word(r, o, "kind", &snap_words_hold, &hold->kind);
    reader_id(r, o, "fd", &hold->fd);
    reader_32(r, o, "count", &hold->count);
}

static void read_hold(struct reader *r, const json_t *o) {
    read_loose_hold(r, o);
    if (!r->snap->failed) r->snap->holds[r->snap->nholds - 1].conn = latest(r);
}

static void read_watch(struct reader *r, const json_t *o) {
    struct snap_watch *watch = snap_add_watch(r->snap);
    if (!watch) return;
    watch->conn = latest(r);
    reader_index(r, o, "process", &watch->proc);
    reader_word(r, o, "kind", &snap_words_watch, &watch->kind);
    reader_bits(r, o, "flags", &snap_words_watch_flag, &watch->flags);
    reader_id(r, o, "fd", &watch->fd);
    reader_id(r, o, "set", &watch->set);
    reader_id(r, o, "tid", &watch->tid);
    reader_32(r, o, "events", &watch->events);
    reader_text(r, o, "call", &watch->call);
}

static void read_move(struct reader *r, const json_t *o) {
    struct snap_conn *conn = &r->snap->conns[latest(r)];
    struct snap_move *move = conn->nmoves < UINT8_MAX ? snap_add_move(r->snap) : NULL;
    if (conn->nmoves == UINT8_MAX) reader_expect(r, "history", "255 moves at most");
    if (!move) return;
    conn->nmoves++;
    reader_seconds(r, o, "ago", &move->ago);
    reader_state(r, o, "from", &move->from);
    reader_state(r, o, "to", &move->to);
    reader_text(r, o, "cause", &move->cause);
}

static void read_measured(struct reader *r, const json_t *object, struct snap_conn *conn) {
    const json_t *o = reader_object(r, object, "measured");
    if (!o) return;
    reader_seconds(r, o, "data_sent", &conn->data_sent);
    reader_seconds(r, o, "data_received", &conn->data_received);
    reader_seconds(r, o, "ack_received", &conn->ack_received);
    reader_seconds(r, o, "rtt", &conn->rtt);
    reader_seconds(r, o, "rto", &conn->rto);
    reader_32(r, o, "peer_window", &conn->peer_window);
    reader_32(r, o, "unsent", &conn->unsent);
    reader_32(r, o, "retransmits", &conn->retransmits);
    reader_32(r, o, "lost", &conn->lost);
    reader_32(r, o, "cwnd", &conn->cwnd);
    reader_32(r, o, "mss", &conn->mss);
    reader_64(r, o, "bytes_in", &conn->bytes_in);
    reader_64(r, o, "bytes_out", &conn->bytes_out);
    reader_seconds(r, o, "window_limited", &conn->window_limited);
}

static void read_timer(struct reader *r, const json_t *object, struct snap_conn *conn) {
    const json_t *o = reader_object(r, object, "timer");
    const char *name = o ? reader_string(r, o, "name") : NULL;
    unsigned timer = 0;
    if (!o) return;
    while (name && timer < LA_NTIMERS && strcmp(name, la_timer_name((enum la_timer)timer))) timer++;
    if (!name || timer == LA_NTIMERS) reader_expect(r, "timer", "the name of a timer");
    conn->timer = (uint8_t)timer;
    reader_seconds(r, o, "left", &conn->timer_left);
}

static void read_age(struct reader *r, const json_t *object, struct snap_conn *conn) {
    const json_t *o = reader_object(r, object, "age");
    if (!o) return;
    reader_seconds(r, o, "least", &conn->age.least);
    reader_seconds(r, o, "most", &conn->age.most);
    if (conn->age.least > conn->age.most) reader_expect(r, "age", "least before most");
}

static void read_conn(struct reader *r, const json_t *o) {
    struct snap_conn *conn = snap_add_conn(r->snap);
    if (!conn) return;
    conn->first_move = r->snap->nmoves;
    reader_hex(r, o, "cookie", &conn->cookie);
    reader_state(r, o, "state", &conn->state);
    reader_endpoint(r, o, "local", &conn->local);
    reader_endpoint(r, o, "peer", &conn->peer);
    read_age(r, o, conn);
    reader_32(r, o, "namespace", &conn->netns);
    reader_64(r, o, "inode", &conn->inode);
    reader_32(r, o, "uid", &conn->uid);
    reader_64(r, o, "cgroup", &conn->cgroup);
    reader_bits(r, o, "marks", &snap_words_mark, &conn->marks);
    reader_bits(r, o, "shut", &snap_words_shut, &conn->shut);
    reader_word(r, o, "eof", &snap_words_eof, &conn->eof);
    reader_32(r, o, "recv_queue", &conn->recv_queue);
    reader_32(r, o, "send_queue", &conn->send_queue);
    read_timer(r, o, conn);
    reader_8(r, o, "tries", &conn->tries);
    reader_32(r, o, "drops", &conn->drops);
    reader_bool(r, o, "looked_closely", &conn->looked_closely);
    reader_32(r, o, "former", &conn->former);
    read_measured(r, o, conn);
    reader_each(r, o, "owners", read_owner);
    reader_each(r, o, "holds", read_hold);
    reader_each(r, o, "watches", read_watch);
    reader_each(r, o, "history", read_move);
}

/* --- What they refer to --- */

static void read_facts(struct reader *r, const json_t *o, struct snap_netns *netns) {
    const json_t *settings = reader_object(r, o, "settings"), *counters = reader_object(r, o, "counters");
    const json_t *addresses = reader_array(r, o, "addresses");
    netns->facts = settings || counters;
    for (unsigned i = 0; i < SNAP_NSETTINGS; i++)
        reader_number(r, settings, snap_setting_name((enum snap_setting)i), 0, INT64_MAX, &netns->setting[i]);
    for (unsigned i = 0; i < SNAP_NCOUNTERS; i++)
        reader_64(r, counters, snap_counter_name((enum snap_counter)i), &netns->counter[i]);
    netns->first_address = r->snap->naddresses;
    for (size_t i = 0; !r->failed && i < json_array_size(addresses); i++) {
        struct la_addr *addr = snap_add_address(r->snap);
        if (!addr) return;
        reader_address(r, "addresses", json_string_value(json_array_get(addresses, i)), addr);
        netns->naddresses++;
    }
}

static void read_netns(struct reader *r, const json_t *o) {
    struct snap_netns *netns = snap_add_netns(r->snap);
    if (!netns) return;
    reader_text(r, o, "name", &netns->name);
    reader_64(r, o, "inode", &netns->inode);
    reader_bool(r, o, "stack", &netns->stack);
    read_facts(r, o, netns);
}

static void read_thread(struct reader *r, const json_t *o) {
    struct snap_thread *thread = snap_add_thread(r->snap);
    if (!thread) return;
    thread->proc = r->snap->nprocs - 1;
    r->snap->procs[thread->proc].nthreads++;
    reader_id(r, o, "tid", &thread->tid);
    reader_letter(r, o, "state", &thread->state);
    reader_text(r, o, "call", &thread->call);
    reader_id(r, o, "fd", &thread->fd);
    reader_text(r, o, "where", &thread->where);
}

static void read_proc(struct reader *r, const json_t *o) {
    struct snap_proc *proc = snap_add_proc(r->snap);
    if (!proc) return;
    reader_id(r, o, "pid", &proc->pid);
    reader_id(r, o, "parent", &proc->parent);
    reader_32(r, o, "uid", &proc->uid);
    reader_text(r, o, "program", &proc->program);
    reader_text(r, o, "command", &proc->command);
    reader_text(r, o, "unit", &proc->unit);
    reader_text(r, o, "container", &proc->container);
    reader_32(r, o, "fds", &proc->nfds);
    reader_32(r, o, "fd_limit", &proc->fd_limit);
    reader_letter(r, o, "state", &proc->state);
    reader_word(r, o, "sigpipe", &snap_words_sigpipe, &proc->sigpipe);
    reader_64(r, o, "started", &proc->started);
    proc->first_thread = r->snap->nthreads;
    reader_each(r, o, "threads", read_thread);
}

static void read_line(struct reader *r, const json_t *o) {
    struct snap_line *line = snap_add_line(r->snap);
    if (!line) return;
    reader_text(r, o, "file", &line->file);
    reader_32(r, o, "line", &line->line);
    reader_text(r, o, "name", &line->name);
    reader_text(r, o, "value", &line->value);
}

static void read_blind(struct reader *r, const json_t *o) {
    struct snap_blind *blind = snap_add_blind(r->snap);
    if (!blind) return;
    reader_text(r, o, "what", &blind->what);
    reader_text(r, o, "need", &blind->need);
}

/* --- The document --- */

static char next(struct reader *r) {
    while (r->at < r->len && strchr(" \t\r\n", r->text[r->at]) && r->text[r->at]) r->at++;
    return r->at < r->len ? r->text[r->at] : '\0';
}

static bool take(struct reader *r, char wanted) {
    if (!r->failed && next(r) == wanted) {
        r->at++;
        return true;
    }
    if (!r->failed) snprintf(r->why, r->size, "byte %zu: expected %c", r->at, wanted);
    r->failed = true;
    return false;
}

/* The value that comes next, whatever it is; NULL: there is none, and it was said. */
static json_t *take_value(struct reader *r) {
    json_error_t error;
    if (r->failed) return NULL;
    const size_t flags = JSON_DECODE_ANY | JSON_DISABLE_EOF_CHECK | JSON_REJECT_DUPLICATES;
    json_t *value = json_loadb(r->text + r->at, r->len - r->at, flags, &error);
    if (value) {
        r->at += (size_t)error.position;
    } else if (json_error_code(&error) == json_error_out_of_memory) {
        reader_no_memory(r);
    } else {
        /* The library's own words would repeat what is there. */
        size_t at = error.position > 0 ? r->at + (size_t)error.position : r->at;
        snprintf(r->why, r->size, "byte %zu: this is not JSON", at < r->len ? at : r->len);
        r->failed = true;
    }
    return value;
}

static const struct section {
    const char *name;
    void (*read)(struct reader *r, const json_t *element);
} sections[] = {
    {"namespaces", read_netns}, {"processes", read_proc}, {"lines", read_line},
    {"holds", read_loose_hold}, {"blinds", read_blind},   {"connections", read_conn},
};

static void take_section(struct reader *r, const struct section *section) {
    if (!take(r, '[')) return;
    r->section = section->name;
    bool more = next(r) != ']';
    for (r->index = 0; more && !r->failed; r->index++) {
        json_t *element = take_value(r);
        if (element && !json_is_object(element))
            reader_expect(r, "", "an object");
        else if (element)
            section->read(r, element);
        if (r->snap->failed) reader_no_memory(r);
        json_decref(element);
        more = !r->failed && next(r) == ',' && take(r, ',');
    }
    take(r, ']');
    r->section = NULL;
}

static const char format_expected[] = "\"" SNAP_JSON_FORMAT "\": this is no snapshot";

static void take_scalar(struct reader *r, const char *name, bool *complete) {
    json_t *value = take_value(r), *object = value ? json_object() : NULL;
    if (!value) return;
    if (!object || json_object_set(object, name, value)) {
        reader_no_memory(r);
    } else if (!strcmp(name, "format")) {
        const char *format = json_string_value(value);
        r->known = format && !strcmp(format, SNAP_JSON_FORMAT);
        if (!r->known) reader_expect(r, name, format_expected);
    } else if (!strcmp(name, "source")) {
        reader_text(r, object, name, &r->snap->source);
    } else if (!strcmp(name, "taken")) {
        reader_seconds(r, object, name, &r->snap->wall);
    } else if (!strcmp(name, "clock")) {
        reader_seconds(r, object, name, &r->snap->taken);
    } else if (!strcmp(name, "owners_known")) {
        reader_bool(r, object, name, &r->snap->owners_known);
    } else if (!strcmp(name, "complete")) {
        reader_bool(r, object, name, complete);
    }
    json_decref(object);
    json_decref(value);
}

static void take_member(struct reader *r, bool *complete) {
    json_t *key = take_value(r);
    const char *name = json_string_value(key);
    const struct section *section = NULL;
    if (key && !name) reader_expect(r, "the document", "a member's name");
    for (size_t i = 0; name && i < sizeof sections / sizeof sections[0]; i++)
        if (!strcmp(name, sections[i].name)) section = &sections[i];
    if (take(r, ':')) {
        if (section)
            take_section(r, section);
        else
            take_scalar(r, name, complete);
    }
    json_decref(key);
}

/* Whether everything refers to something that is there. */
static void check_references(struct reader *r) {
    struct snap *snap = r->snap;
    if (!snap->nnetns && !snap_add_netns(snap)) reader_no_memory(r);
    for (uint32_t i = 0; i < snap->nconns; i++) {
        const struct snap_conn *conn = &snap->conns[i];
        r->section = "connections";
        r->index = i;
        if (conn->netns >= snap->nnetns) reader_expect(r, "namespace", "the number of a namespace");
        if (conn->former != SNAP_NONE && conn->former >= snap->nprocs)
            reader_expect(r, "former", "the number of a process");
    }
    bool good = true;
    for (uint32_t i = 0; i < snap->nowners; i++) good = good && snap->owners[i].proc < snap->nprocs;
    for (uint32_t i = 0; i < snap->nholds; i++) good = good && snap->holds[i].proc < snap->nprocs;
    for (uint32_t i = 0; i < snap->nwatches; i++) good = good && snap->watches[i].proc < snap->nprocs;
    r->section = NULL;
    if (!good) reader_expect(r, "process", "the number of a process, everywhere");
}

bool snap_json_read(const char *text, size_t len, struct snap *snap, char *why, size_t size) {
    struct reader r = {.text = text, .len = len, .snap = snap, .why = why, .size = size};
    bool complete = true;
    take(&r, '{');
    bool more = !r.failed && next(&r) != '}';
    while (more) {
        take_member(&r, &complete);
        more = !r.failed && next(&r) == ',' && take(&r, ',');
    }
    take(&r, '}');
    if (!r.failed && (next(&r) || r.at < r.len)) reader_expect(&r, "the document", "nothing after its end");
    if (!r.failed && !r.known) reader_expect(&r, "format", format_expected);
    if (!r.failed) check_references(&r);
    if (!r.failed) snap_finish(snap);
    if (snap->failed) reader_no_memory(&r);
    if (!complete) snap->failed = true;
    return !r.failed;
}
