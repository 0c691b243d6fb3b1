#include "track_resets.h"

/* A call that closes a connection at once, without a FIN: unread data, SO_LINGER with 0, or an abort. A peer's RST that
 * is handled while a program happens to be in a call on the socket looks the same, which is why the counters have to
 * agree. */
static bool is_reset(const struct event *event) {
    bool open = event->from == LA_ESTABLISHED || event->from == LA_CLOSE_WAIT;
    return event->kind == EVENT_MOVE && event->to == LA_CLOSED && open && !event->cpu_soft && event->pid > 0;
}

static struct track_reset *place_for(struct track_resets *resets, int32_t pid) {
    struct track_reset *oldest = &resets->list[0];
    for (unsigned i = 0; i < resets->n; i++) {
        struct track_reset *reset = &resets->list[i];
        if (reset->pid == pid) return reset;
        if (reset->last < oldest->last) oldest = reset;
    }
    if (resets->n < TRACK_RESETS) oldest = &resets->list[resets->n++];
    resets->total -= oldest->count;
    *oldest = (struct track_reset){.pid = pid};
    return oldest;
}

void track_resets_event(struct track_resets *resets, const struct event *event) {
    if (!is_reset(event)) return;
    struct track_reset *reset = place_for(resets, event->pid);
    reset->count++;
    reset->last = event->at;
    reset->peer = event->peer;
    resets->total++;
}

/* How many connections the host has reset itself; UINT64_MAX: unknown. */
static uint64_t counted(const struct snap *snap) {
    const struct snap_netns *netns = snap->nnetns ? &snap->netns[0] : NULL;
    if (!netns || !netns->facts) return UINT64_MAX;
    uint64_t unread = netns->counter[SNAP_C_ABORT_ON_CLOSE], linger = netns->counter[SNAP_C_ABORT_ON_DATA];
    return unread == UINT64_MAX || linger == UINT64_MAX ? UINT64_MAX : unread + linger;
}

static uint32_t proc_of(struct snap *snap, int32_t pid) {
    for (uint32_t i = 0; i < snap->nprocs; i++)
        if (snap->procs[i].pid == pid) return i;
    struct snap_proc *proc = snap_add_proc(snap);
    if (!proc) return SNAP_NONE;
    proc->pid = pid;
    proc->program = "a program";
    return snap->nprocs - 1;
}

void track_resets_poll(struct track_resets *resets, struct snap *snap) {
    uint64_t count = counted(snap);
    if (count == UINT64_MAX) return;
    if (!resets->began_at) resets->began_at = count + 1;
    /* More were seen than this namespace counts: they were another's, or the peer's. Which, is not known. */
    if (resets->total > count + 1 - resets->began_at) return;
    for (unsigned i = 0; i < resets->n; i++) {
        const struct track_reset *from = &resets->list[i];
        uint32_t proc = proc_of(snap, from->pid);
        struct snap_reset *to = proc == SNAP_NONE ? NULL : snap_add_reset(snap);
        if (!to) return;
        *to =
            (struct snap_reset){proc, from->count, from->last < snap->taken ? snap->taken - from->last : 0, from->peer};
    }
}
