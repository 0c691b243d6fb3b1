/* Lives of connections, put together from snapshots and events.
 *
 * A life is keyed by the cookie, which a connection keeps through TIME_WAIT. Events know no cookies: they name a socket
 * by the kernel's number for it, and by its tuple, so a life that began with an event waits for the poll that joins its
 * tuple to a cookie. When a life entered its state is known to lie between two times; every poll and every event
 * narrows them, an event to a point. The kernel tells nothing of TIME_WAIT: a socket that goes from FIN_WAIT_2 or
 * CLOSING to CLOSED and is seen in TIME_WAIT afterwards went there at that moment.
 *
 * The maps have no deletion: each poll makes them again from the lives that are left, which is linear as the poll is.
 * Lives are bounded; what does not fit is not remembered, and keeps the snapshot's own bounds. */
#define _POSIX_C_SOURCE 200809L
#include "track.h"

#include "linux_events.h"
#include "map.h"
#include "track_rows.h"

#include <stdlib.h>
#include <string.h>

#define MOVES 8
#define OPENS 1024         /* accept()s whose descriptor waits to be seen in a poll. */
#define GONE_FOR LA_SECOND /* How long a life without a cookie, or closed, waits for the poll that shows it. */
#define PROGRAM 32

struct life_move {
    la_time at;
    uint8_t from, to;
};

struct life {
    uint64_t cookie, sock; /* 0: unknown. */
    struct la_endpoint local, peer;
    la_time after, before; /* It entered its state between these. */
    la_time gone_at;       /* When it closed, or was last seen; LA_NEVER: it lives. */
    int32_t pid;
    uint32_t stack;
    uint32_t poll; /* The poll that saw it last. */
    uint8_t state, nmoves;
    bool used, eof_read;
    struct life_move moves[MOVES];
    char program[PROGRAM];
};

struct open_call {
    int32_t pid, fd;
    uint32_t stack;
    la_time at;
};

struct track {
    struct life *lives;
    uint32_t nlives, max, free_from;
    struct map by_cookie, by_tuple, by_sock;
    struct open_call opens[OPENS];
    uint32_t nopens, next_open;
    uint32_t *gone, ngone, room_gone;
    uint32_t poll;
    la_time last; /* When the poll before was. */
    struct track_rows *rows;
};

struct track *track_new(uint32_t max_conns) {
    struct track *track = calloc(1, sizeof *track);
    if (!track) return NULL;
    track->max = max_conns;
    track->rows = track_rows_new();
    if (track->rows) return track;
    free(track);
    return NULL;
}

void track_free(struct track *track) {
    if (!track) return;
    map_free(&track->by_cookie);
    map_free(&track->by_tuple);
    map_free(&track->by_sock);
    track_rows_free(track->rows);
    free(track->gone);
    free(track->lives);
    free(track);
}

/* --- Lives --- */

static uint64_t tuple_key(const struct la_endpoint *local, const struct la_endpoint *peer) {
    return map_mix(snap_endpoint_key(local), snap_endpoint_key(peer));
}

static struct life *life_at(const struct track *track, uint32_t index) {
    return index == MAP_NONE ? NULL : &track->lives[index];
}

static bool room_for_life(struct track *track) {
    if (track->free_from < track->nlives) return true;
    if (track->nlives >= track->max) return false;
    uint32_t room = track->nlives ? track->nlives * 2 : 256;
    if (room > track->max) room = track->max;
    struct life *larger = realloc(track->lives, room * sizeof *larger);
    if (!larger) return false;
    memset(larger + track->nlives, 0, (room - track->nlives) * sizeof *larger);
    track->lives = larger;
    track->nlives = room;
    return true;
}

/* NULL: there is no room for more. */
static struct life *new_life(struct track *track, const struct la_endpoint *local, const struct la_endpoint *peer) {
    while (track->free_from < track->nlives && track->lives[track->free_from].used) track->free_from++;
    if (!room_for_life(track)) return NULL;
    struct life *life = &track->lives[track->free_from];
    if (!map_put(&track->by_tuple, tuple_key(local, peer), track->free_from)) return NULL;
    *life = (struct life){.used = true, .local = *local, .peer = *peer, .gone_at = LA_NEVER, .poll = track->poll};
    track->free_from++;
    return life;
}

static uint32_t index_of(const struct track *track, const struct life *life) { return (uint32_t)(life - track->lives); }

static void add_move(struct life *life, uint8_t from, uint8_t to, la_time at) {
    if (life->nmoves == MOVES) {
        memmove(life->moves, life->moves + 1, (MOVES - 1) * sizeof *life->moves);
        life->nmoves--;
    }
    life->moves[life->nmoves++] = (struct life_move){at, from, to};
    life->state = to;
}

/* --- Events --- */

static struct life *life_of_event(struct track *track, const struct event *event) {
    struct life *life = life_at(track, map_get(&track->by_sock, event->sock));
    if (life && life->used && life->sock == event->sock) {
        bool late = !life->local.port && event->local.port; /* SYN_SENT is told before the port is. */
        if (late) life->local = event->local;
        if (late) map_put(&track->by_tuple, tuple_key(&life->local, &life->peer), index_of(track, life));
        return life;
    }
    if (!event->peer.port) return NULL;
    life = life_at(track, map_get(&track->by_tuple, tuple_key(&event->local, &event->peer)));
    if (!life || !life->used || life->gone_at != LA_NEVER || (life->sock && life->sock != event->sock))
        life = new_life(track, &event->local, &event->peer);
    if (!life) return NULL;
    life->sock = event->sock;
    return map_put(&track->by_sock, event->sock, index_of(track, life)) ? life : NULL;
}

static void on_move(struct track *track, const struct event *event) {
    if (event->to == LA_LISTEN || event->from == LA_LISTEN) return;
    struct life *life = life_of_event(track, event);
    if (!life) return;
    add_move(life, event->from, event->to, event->at);
    life->after = life->before = event->at;
    if (event->to == LA_CLOSED) {
        life->gone_at = event->at;
        life->sock = 0; /* The number may name another socket soon. */
    }
}

static void on_open(struct track *track, const struct event *event) {
    struct life *life = event->sock ? life_at(track, map_get(&track->by_sock, event->sock)) : NULL;
    if (!event->stack) return;
    if (life && life->sock == event->sock) {
        life->stack = event->stack;
        life->pid = event->pid;
        return;
    }
    track->opens[track->next_open] = (struct open_call){event->pid, event->fd, event->stack, event->at};
    track->next_open = (track->next_open + 1) % OPENS;
    if (track->nopens < OPENS) track->nopens++;
}

void track_event(struct track *track, const struct event *event) {
    if (event->kind == EVENT_MOVE) on_move(track, event);
    if (event->kind == EVENT_OPEN) on_open(track, event);
    if (event->kind != EVENT_EOF) return;
    struct life *life = life_at(track, map_get(&track->by_sock, event->sock));
    if (life && life->used && life->sock == event->sock) life->eof_read = true;
}

/* --- Polls --- */

static la_time before(la_time now, la_time ago) { return ago > now ? 0 : now - ago; }

/* The life of a connection in the snapshot, made if need be; NULL: there is no room. */
static struct life *life_of_conn(struct track *track, const struct snap_conn *conn) {
    struct life *life = life_at(track, map_get(&track->by_cookie, conn->cookie));
    if (life && life->used && life->cookie == conn->cookie) return life;
    life = life_at(track, map_get(&track->by_tuple, tuple_key(&conn->local, &conn->peer)));
    bool begun_by_event = life && life->used && !life->cookie;
    if (!begun_by_event) {
        life = new_life(track, &conn->local, &conn->peer);
        if (!life) return NULL;
        life->state = conn->state;
        life->before = LA_NEVER;
    }
    life->cookie = conn->cookie;
    return map_put(&track->by_cookie, conn->cookie, index_of(track, life)) ? life : NULL;
}

/* To events, a socket that gives way to a record is CLOSED: the last move was into TIME_WAIT, or none at all where the
 * record goes on in FIN_WAIT_2. False: that was not it. */
static bool is_record_of(struct life *life, const struct snap_conn *conn) {
    if (life->state != LA_CLOSED || !life->nmoves) return false;
    struct life_move *last = &life->moves[life->nmoves - 1];
    if (conn->state == LA_TIME_WAIT) {
        last->to = LA_TIME_WAIT;
    } else if (conn->state == LA_FIN_WAIT_2 && last->from == LA_FIN_WAIT_2 && life->nmoves > 1) {
        life->after = life->before = last[-1].at;
        life->nmoves--;
    } else {
        return false;
    }
    life->state = conn->state;
    return true;
}

/* A state that no event told of. */
static void see_state(struct track *track, struct life *life, const struct snap *snap, const struct snap_conn *conn) {
    if (life->state != conn->state && !is_record_of(life, conn)) {
        add_move(life, life->state, conn->state, before(snap->taken, conn->age.least));
        life->after = track->last;
        life->before = snap->taken;
    }
    life->gone_at = LA_NEVER;
    life->poll = track->poll;
}

static void narrow(struct life *life, const struct snap *snap, struct snap_conn *conn) {
    la_time after = conn->age.most == LA_NEVER ? 0 : before(snap->taken, conn->age.most);
    la_time until = before(snap->taken, conn->age.least);
    bool exact = life->after == life->before; /* An event's time, which the snapshot's rounding must not move. */
    if (!exact && after > life->after) life->after = after;
    if (!exact && until < life->before) life->before = until;
    if (life->after > life->before) life->after = life->before;
    conn->age.least = before(snap->taken, life->before);
    conn->age.most = life->after ? before(snap->taken, life->after) : LA_NEVER;
}

static void give_history(const struct life *life, struct snap *snap, uint32_t index) {
    struct snap_conn *conn = &snap->conns[index];
    if (conn->nmoves) return; /* The source knows it itself. */
    conn->first_move = snap->nmoves;
    for (unsigned i = 0; i < life->nmoves; i++) {
        struct snap_move *move = snap_add_move(snap);
        if (!move) return;
        *move =
            (struct snap_move){before(snap->taken, life->moves[i].at), life->moves[i].from, life->moves[i].to, NULL};
        conn->nmoves++;
    }
}

/* Whose it was: in TIME_WAIT the kernel no longer knows. */
static void give_former(struct life *life, struct snap *snap, uint32_t index, struct map *procs) {
    struct snap_conn *conn = &snap->conns[index];
    uint32_t proc = snap_first_proc(snap, conn);
    if (proc != SNAP_NONE) {
        life->pid = snap->procs[proc].pid;
        size_t len = strnlen(snap->procs[proc].program, PROGRAM - 1);
        memcpy(life->program, snap->procs[proc].program, len);
        life->program[len] = '\0';
        return;
    }
    if (!life->program[0]) return;
    uint32_t found = map_get(procs, (uint64_t)(uint32_t)life->pid);
    if (found == MAP_NONE) {
        struct snap_proc *added = snap_add_proc(snap);
        if (!added) return;
        added->pid = life->pid;
        found = snap->nprocs - 1;
        snap->procs[found].program = snap_text(snap, life->program);
        if (!map_put(procs, (uint64_t)(uint32_t)life->pid, found)) return;
    }
    snap->conns[index].former = found;
}

/* accept() told of a descriptor; its owner tells which connection that was. */
static void join_opens(struct track *track, const struct snap *snap) {
    struct map map = {0};
    for (uint32_t i = 0; i < track->nopens; i++) {
        const struct open_call *open = &track->opens[i];
        map_put(&map, (uint64_t)(uint32_t)open->pid << 32 | (uint32_t)open->fd, i);
    }
    for (uint32_t i = 0; track->nopens && i < snap->nowners; i++) {
        const struct snap_owner *owner = &snap->owners[i];
        if (owner->conn >= snap->nconns || owner->proc >= snap->nprocs || owner->fd < 0) continue;
        uint64_t key = (uint64_t)(uint32_t)snap->procs[owner->proc].pid << 32 | (uint32_t)owner->fd;
        struct open_call *open = map_get(&map, key) == MAP_NONE ? NULL : &track->opens[map_get(&map, key)];
        if (!open) continue;
        struct life *life = life_at(track, map_get(&track->by_cookie, snap->conns[owner->conn].cookie));
        if (life && !life->stack) {
            life->stack = open->stack;
            open->stack = 0;
        }
    }
    map_free(&map);
}

static void remember_gone(struct track *track, uint32_t stack) {
    if (!stack) return;
    if (track->ngone == track->room_gone) {
        uint32_t room = track->room_gone ? track->room_gone * 2 : 64;
        uint32_t *larger = realloc(track->gone, room * sizeof *larger);
        if (!larger) return; /* The stack ages out by itself. */
        track->gone = larger;
        track->room_gone = room;
    }
    track->gone[track->ngone++] = stack;
}

/* accept()s that no poll has shown in a while were closed again. */
static void forget_opens(struct track *track, la_time now) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < track->nopens; i++) {
        struct open_call open = track->opens[i];
        bool old = open.at + 2 * GONE_FOR < now;
        if (old) remember_gone(track, open.stack);
        if (open.stack && !old) track->opens[kept++] = open;
    }
    track->nopens = kept;
    track->next_open = kept % OPENS;
}

/* Ends lives that this poll did not show and that no event has touched lately, and makes the maps again. */
static void bury(struct track *track, la_time now) {
    map_clear(&track->by_cookie);
    map_clear(&track->by_tuple);
    map_clear(&track->by_sock);
    track->free_from = track->nlives;
    for (uint32_t i = track->nlives; i-- > 0;) {
        struct life *life = &track->lives[i];
        bool seen = life->used && life->poll == track->poll;
        la_time touched = life->nmoves ? life->moves[life->nmoves - 1].at : 0;
        if (life->used && !seen && (life->cookie || touched + GONE_FOR < now)) {
            remember_gone(track, life->stack);
            *life = (struct life){0};
        }
        if (!life->used) {
            track->free_from = i;
            continue;
        }
        if (life->cookie) map_put(&track->by_cookie, life->cookie, i);
        if (life->sock) map_put(&track->by_sock, life->sock, i);
        map_put(&track->by_tuple, tuple_key(&life->local, &life->peer), i);
    }
}

void track_poll(struct track *track, struct snap *snap) {
    struct map procs = {0};
    track->poll++;
    for (uint32_t i = 0; i < snap->nprocs; i++) map_put(&procs, (uint64_t)(uint32_t)snap->procs[i].pid, i);
    for (uint32_t i = 0; i < snap->nconns; i++) {
        struct snap_conn *conn = &snap->conns[i];
        struct life *life = conn->state == LA_LISTEN || !conn->cookie ? NULL : life_of_conn(track, conn);
        if (!life) continue;
        see_state(track, life, snap, conn);
        narrow(life, snap, conn);
        if (life->eof_read && conn->eof == SNAP_EOF_AMBIGUOUS) conn->eof = SNAP_EOF_READ;
        give_history(life, snap, i);
        give_former(life, snap, i, &procs);
    }
    join_opens(track, snap);
    forget_opens(track, snap->taken);
    bury(track, snap->taken);
    track_rows_poll(track->rows, snap);
    track->last = snap->taken;
    map_free(&procs);
}

/* --- Answers --- */

const struct track_row *track_rows(const struct track *track, bool by_peer, uint32_t *n) {
    return track_rows_list(track->rows, by_peer, n);
}

uint32_t track_stack(const struct track *track, uint64_t cookie) {
    const struct life *life = life_at(track, map_get(&track->by_cookie, cookie));
    return life ? life->stack : 0;
}

uint32_t track_gone(struct track *track) { return track->ngone ? track->gone[--track->ngone] : 0; }
