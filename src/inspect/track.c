/* Lives of connections, put together from snapshots and events.
 *
 * A life is keyed by the cookie, which a connection keeps through TIME_WAIT. Events know no cookies and no namespaces:
 * they name a socket by the kernel's number for it, and by its tuple. So a life that begins with an event waits for a
 * poll that shows its tuple in the state that the events led to, at a time at which it could have come there. Only if
 * one such life alone fits is it joined to the cookie: of two connections with one tuple, in two namespaces, neither
 * takes the other's. From then on the socket's number leads to the life. A poll that contradicts undoes that.
 *
 * When a life entered its state is known to lie between two times; every poll and every event narrows them, an event to
 * a point. Events are read after the snapshot, which may be older than the latest of them: it is then shown as of its
 * own time. The kernel tells nothing of TIME_WAIT: a socket that goes from FIN_WAIT_2 or CLOSING to CLOSED and is seen
 * in TIME_WAIT afterwards went there at that moment, unless its orphan's record came between.
 *
 * The maps have no deletion: each poll makes them again from the lives that are left, which is linear as the poll is.
 * Lives are bounded; what does not fit is not remembered, and keeps the snapshot's own bounds. */
#define _POSIX_C_SOURCE 200809L
#include "track.h"

#include "linux_events.h"
#include "map.h"
#include "track_resets.h"
#include "track_rows.h"

#include <stdlib.h>
#include <string.h>

#define MOVES 8
#define OPENS 1024                       /* accept()s whose socket waits to be seen in a poll. */
#define GONE_FOR LA_SECOND               /* How long a life without a cookie waits for the poll that shows it. */
#define CONNECTING_FOR (180 * LA_SECOND) /* The same in SYN_SENT, where its port is not told. */
#define SLACK (100 * LA_MS)              /* What the kernel's own times may be off by. */
#define RIVALS 64                        /* Lives of one tuple that are looked at. */
#define PROGRAM 32

struct life_move {
    la_time at;
    uint8_t from, to;
};

struct life {
    uint64_t cookie, sock; /* 0: unknown. */
    struct la_endpoint local, peer;
    la_time after, before; /* It entered its state between these. */
    int32_t pid;
    uint32_t stack;
    uint32_t poll; /* The poll that saw it last, and its place there. */
    uint32_t row;
    uint32_t next; /* Without a cookie: the next such life that may have this tuple. */
    uint8_t state, nmoves;
    bool used, eof_read;
    bool accepted; /* It had an inode when it was last seen. */
    struct life_move moves[MOVES];
    char program[PROGRAM];
};

struct open_call {
    uint64_t inode;
    uint32_t stack;
    la_time at;
};

struct track {
    struct life *lives;
    uint32_t nlives, max, free_from;
    struct map by_cookie, by_sock;
    struct map by_tuple; /* The latest life without a cookie. */
    struct open_call opens[OPENS];
    uint32_t nopens, next_open;
    uint32_t *gone, ngone, room_gone;
    uint32_t poll;
    la_time last; /* When the poll before was. */
    struct track_rows *rows;
    struct track_resets resets;
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
    struct life *life = &track->lives[track->free_from++];
    *life = (struct life){.used = true, .local = *local, .peer = *peer, .before = LA_NEVER, .next = MAP_NONE};
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

static bool same_end(const struct la_endpoint *a, const struct la_endpoint *b) {
    return a->port == b->port && !memcmp(&a->addr, &b->addr, sizeof a->addr);
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

static void give_stack(struct track *track, struct life *life, uint32_t stack) {
    remember_gone(track, life->stack);
    life->stack = stack;
}

/* --- Events --- */

static struct life *life_of_sock(const struct track *track, uint64_t sock) {
    struct life *life = sock ? life_at(track, map_get(&track->by_sock, sock)) : NULL;
    return life && life->used && life->sock == sock ? life : NULL;
}

/* Lets polls find a life that has no cookie yet. */
static bool list_tuple(struct track *track, struct life *life) {
    uint64_t key = tuple_key(&life->local, &life->peer);
    life->next = map_get(&track->by_tuple, key);
    return map_put(&track->by_tuple, key, index_of(track, life));
}

static struct life *life_of_event(struct track *track, const struct event *event) {
    struct life *life = life_of_sock(track, event->sock);
    /* The end of a socket may have been lost, and its number be another's. */
    bool other = event->from == LA_CLOSED || (life && event->peer.port && !same_end(&life->peer, &event->peer));
    if (life && !other) {
        bool late = !life->local.port && event->local.port; /* SYN_SENT is told before the port is. */
        if (!late) return life;
        life->local = event->local;
        return life->cookie || list_tuple(track, life) ? life : NULL;
    }
    if (life) life->sock = 0;
    if (!event->peer.port) return NULL;
    life = new_life(track, &event->local, &event->peer);
    if (!life) return NULL;
    life->sock = event->sock;
    bool found = map_put(&track->by_sock, event->sock, index_of(track, life)) && list_tuple(track, life);
    return found ? life : NULL;
}

static void on_move(struct track *track, const struct event *event) {
    if (event->to == LA_LISTEN || event->from == LA_LISTEN) return;
    struct life *life = life_of_event(track, event);
    if (!life) return;
    add_move(life, event->from, event->to, event->at);
    if (event->to == LA_CLOSED)
        life->sock = 0; /* The number may name another socket soon. The bounds may go on to be a record's. */
    else
        life->after = life->before = event->at;
}

static void on_open(struct track *track, const struct event *event) {
    struct life *life = life_of_sock(track, event->sock);
    if (life) {
        give_stack(track, life, event->stack);
        life->pid = event->pid;
    } else if (!event->inode) {
        remember_gone(track, event->stack);
    } else {
        struct open_call *open = &track->opens[track->next_open];
        if (track->nopens == OPENS)
            remember_gone(track, open->stack);
        else
            track->nopens++;
        *open = (struct open_call){event->inode, event->stack, event->at};
        track->next_open = (track->next_open + 1) % OPENS;
    }
}

void track_event(struct track *track, const struct event *event) {
    track_resets_event(&track->resets, event);
    if (event->kind == EVENT_MOVE) on_move(track, event);
    if (event->kind == EVENT_OPEN && event->stack) on_open(track, event);
    if (event->kind != EVENT_EOF) return;
    struct life *life = life_of_sock(track, event->sock);
    /* Elsewhere nothing was read because nothing was asked for, or after an own shutdown. */
    if (life && life->state == LA_CLOSE_WAIT) life->eof_read = true;
}

/* --- Polls --- */

static la_time before(la_time now, la_time ago) { return ago > now ? 0 : now - ago; }

static la_time snap_read(const struct snap *snap) { return snap->read > snap->taken ? snap->read : snap->taken; }

static bool is_record(const struct snap_conn *conn) {
    return conn->state == LA_TIME_WAIT || (conn->marks & SNAP_RECORD) != 0;
}

/* How many of a life's moves had happened when the snapshot showed this state; `nmoves`, too, if it does not fit. */
static unsigned moves_until(const struct life *life, const struct snap *snap, uint8_t state) {
    unsigned n = life->nmoves;
    while (n && life->moves[n - 1].at >= snap->taken && life->moves[n - 1].to != state) n--;
    uint8_t then = n ? life->moves[n - 1].to : life->nmoves ? life->moves[0].from : life->state;
    return then == state ? n : life->nmoves;
}

/* Whether what events told can be what the snapshot shows. The connection was in another state at the poll before, or
 * (`is_new`) not known. */
static bool fits(const struct track *track, const struct life *life, const struct snap *snap,
                 const struct snap_conn *conn, bool is_new) {
    unsigned n = moves_until(life, snap, conn->state);
    if (!n) return false;
    const struct life_move *last = &life->moves[n - 1];
    bool gave_way =
        last->to == LA_CLOSED && is_record(conn) && (conn->state == LA_TIME_WAIT || last->from == conn->state);
    if (last->to != conn->state && !gave_way) return false;
    if (!is_new) return last->at >= track->last;
    if (is_record(conn)) return true;
    return last->at + SLACK >= before(snap->taken, conn->age.most) &&
           last->at <= before(snap_read(snap), conn->age.least) + SLACK;
}

/* The life without a cookie that alone can be this connection's. */
static struct life *find_told(const struct track *track, const struct snap *snap, const struct snap_conn *conn,
                              bool is_new) {
    struct life *found = NULL;
    uint32_t at = map_get(&track->by_tuple, tuple_key(&conn->local, &conn->peer));
    for (unsigned i = 0; at != MAP_NONE; at = track->lives[at].next, i++) {
        struct life *life = &track->lives[at];
        bool rival = life->used && !life->cookie && same_end(&life->local, &conn->local) &&
                     same_end(&life->peer, &conn->peer) && fits(track, life, snap, conn, is_new);
        if (i == RIVALS || (rival && found)) return NULL;
        if (rival) found = life;
    }
    return found;
}

/* What events told becomes part of a life that polls began. */
static void join(struct track *track, struct life *life, struct life *told) {
    for (unsigned i = 0; i < told->nmoves; i++)
        add_move(life, told->moves[i].from, told->moves[i].to, told->moves[i].at);
    if (told->nmoves > 1 || told->state != LA_CLOSED) {
        life->after = told->after;
        life->before = told->before;
    }
    life->eof_read |= told->eof_read;
    if (told->stack) give_stack(track, life, told->stack);
    life->sock = told->sock;
    if (life->sock && !map_put(&track->by_sock, life->sock, index_of(track, life))) life->sock = 0;
    told->cookie = life->cookie; /* Nobody else's; buried with this poll. */
    told->stack = 0;
    told->sock = 0;
}

/* The life of a connection in the snapshot, made if need be; NULL: there is no room. */
static struct life *life_of_conn(struct track *track, const struct snap *snap, const struct snap_conn *conn) {
    struct life *life = life_at(track, map_get(&track->by_cookie, conn->cookie));
    /* A socket may connect again, as another connection. */
    if (life && !(same_end(&life->local, &conn->local) && same_end(&life->peer, &conn->peer))) {
        remember_gone(track, life->stack);
        *life = (struct life){.used = true, .next = MAP_NONE}; /* Buried with this poll. */
        life = NULL;
    }
    if (life && (life->sock || life->state == conn->state)) return life;
    struct life *told = find_told(track, snap, conn, !life);
    if (life && told) join(track, life, told);
    if (life) return life;
    life = told ? told : new_life(track, &conn->local, &conn->peer);
    if (!life) return NULL;
    if (!told) life->state = conn->state;
    life->cookie = conn->cookie;
    return map_put(&track->by_cookie, conn->cookie, index_of(track, life)) ? life : NULL;
}

/* To events, a socket that gives way to a record is CLOSED. The record goes on in FIN_WAIT_2, or is in TIME_WAIT: since
 * then, or since the kernel says, if an orphan's FIN_WAIT_2 came between. */
static void settle_record(struct life *life, const struct snap *snap, const struct snap_conn *conn) {
    struct life_move *last = life->nmoves ? &life->moves[life->nmoves - 1] : NULL;
    if (!last || last->to != LA_CLOSED) return;
    la_time since = before(snap->taken, conn->age.most);
    if (last->from == LA_FIN_WAIT_2 && (conn->state == LA_FIN_WAIT_2 || since > last->at + SLACK)) {
        life->nmoves--;
        life->state = LA_FIN_WAIT_2;
        if (conn->state != LA_TIME_WAIT) return;
        add_move(life, LA_FIN_WAIT_2, LA_TIME_WAIT, since);
        life->after = life->before = since;
    } else if (conn->state == LA_TIME_WAIT) {
        last->to = life->state = LA_TIME_WAIT;
        life->after = life->before = last->at;
    }
}

/* Bounds that contradict what was seen are no bounds: some follow from settings, of which a socket can have its own. */
static void narrow(struct life *life, const struct snap *snap, struct snap_conn *conn) {
    bool known = conn->age.least == conn->age.most; /* The kernel tells it to the tick. */
    la_time after = before(snap->taken, conn->age.most);
    la_time until = before(known ? snap->taken : snap_read(snap), conn->age.least);
    bool exact = life->after == life->before; /* An event's time, which the snapshot's rounding must not move. */
    /* By little it is its clock, which ticks every few milliseconds. */
    if (after > life->before && after - life->before < SLACK) after = life->before;
    if (until < life->after && life->after - until < SLACK) until = life->after;
    if (!exact && after > life->after && after <= life->before) life->after = after;
    if (!exact && until < life->before && until >= life->after) life->before = until;
    conn->age.least = before(snap->taken, life->before);
    conn->age.most = life->after ? before(snap->taken, life->after) : LA_NEVER;
}

/* Compares the life with what the snapshot shows, and tells the snapshot since when. Returns how many of its moves had
 * happened. */
static unsigned see_state(struct track *track, struct life *life, const struct snap *snap, struct snap_conn *conn) {
    if (is_record(conn)) settle_record(life, snap, conn);
    unsigned n = life->state == conn->state ? life->nmoves : moves_until(life, snap, conn->state);
    if (n < life->nmoves) { /* The snapshot is older than the rest. */
        if (n) conn->age.least = conn->age.most = before(snap->taken, life->moves[n - 1].at);
        return n;
    }
    if (life->state != conn->state) { /* No event told of it. */
        add_move(life, life->state, conn->state, before(snap->taken, conn->age.least));
        life->after = track->last;
        life->before = snap_read(snap);
        life->sock = 0;
    }
    narrow(life, snap, conn);
    return life->nmoves;
}

static void give_history(const struct life *life, unsigned n, struct snap *snap, uint32_t index) {
    struct snap_conn *conn = &snap->conns[index];
    if (conn->nmoves) return; /* The source knows it itself. */
    conn->first_move = snap->nmoves;
    for (unsigned i = 0; i < n; i++) {
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

static bool was_connected(const struct life *life) {
    return life->nmoves && (life->moves[0].from == LA_SYN_SENT || life->moves[0].to == LA_SYN_SENT);
}

/* accept() told of an inode, which the connection has since then. What this poll should have shown and did not was no
 * connection, or was closed again. */
static void join_opens(struct track *track, const struct snap *snap) {
    struct map inodes = {0};
    uint32_t n = track->nopens, first = track->next_open + OPENS - n, kept = 0;
    for (uint32_t i = 0; n && i < snap->nconns; i++)
        if (snap->conns[i].inode) map_put(&inodes, snap->conns[i].inode, i);
    for (uint32_t i = 0; i < n; i++) {
        struct open_call open = track->opens[(first + i) % OPENS];
        uint32_t conn = map_get(&inodes, open.inode);
        uint32_t at = conn == MAP_NONE ? MAP_NONE : map_get(&track->by_cookie, snap->conns[conn].cookie);
        struct life *life = life_at(track, at);
        if (life && !life->accepted && !was_connected(life))
            give_stack(track, life, open.stack);
        else if (open.at >= snap->taken)
            track->opens[(first + kept++) % OPENS] = open;
        else
            remember_gone(track, open.stack);
    }
    track->nopens = kept;
    track->next_open = (first + kept) % OPENS;
    map_free(&inodes);
}

/* From then on an accept() is of another socket. */
static void note_accepted(struct track *track, const struct snap *snap) {
    for (uint32_t i = 0; i < track->nlives; i++) {
        struct life *life = &track->lives[i];
        if (life->used && life->cookie && life->poll == track->poll) life->accepted = snap->conns[life->row].inode != 0;
    }
}

static bool is_over(const struct track *track, const struct life *life, la_time now) {
    if (life->cookie || !life->nmoves) return life->poll != track->poll;
    la_time patience = life->state == LA_SYN_SENT ? CONNECTING_FOR : GONE_FOR;
    return life->moves[life->nmoves - 1].at + patience < now;
}

/* Ends lives that this poll did not show and that no event has touched lately, and makes the maps again. */
static void bury(struct track *track, la_time now) {
    map_clear(&track->by_cookie);
    map_clear(&track->by_tuple);
    map_clear(&track->by_sock);
    track->free_from = track->nlives;
    for (uint32_t i = track->nlives; i-- > 0;) {
        struct life *life = &track->lives[i];
        if (life->used && is_over(track, life, now)) {
            remember_gone(track, life->stack);
            *life = (struct life){0};
        }
        if (!life->used) {
            track->free_from = i;
            continue;
        }
        if (life->cookie) map_put(&track->by_cookie, life->cookie, i);
        if (life->sock) map_put(&track->by_sock, life->sock, i);
        if (!life->cookie) list_tuple(track, life);
    }
}

void track_poll(struct track *track, struct snap *snap) {
    struct map procs = {0};
    track->poll++;
    for (uint32_t i = 0; i < snap->nprocs; i++) map_put(&procs, (uint64_t)(uint32_t)snap->procs[i].pid, i);
    for (uint32_t i = 0; i < snap->nconns; i++) {
        struct snap_conn *conn = &snap->conns[i];
        struct life *life = conn->state == LA_LISTEN || !conn->cookie ? NULL : life_of_conn(track, snap, conn);
        if (!life) continue;
        life->poll = track->poll;
        life->row = i;
        unsigned nmoves = see_state(track, life, snap, conn);
        if (life->eof_read && conn->eof == SNAP_EOF_AMBIGUOUS) conn->eof = SNAP_EOF_READ;
        give_history(life, nmoves, snap, i);
        give_former(life, snap, i, &procs);
    }
    join_opens(track, snap);
    note_accepted(track, snap);
    bury(track, snap->taken);
    track_rows_poll(track->rows, snap);
    track_resets_poll(&track->resets, snap);
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

uint32_t track_conn(const struct track *track, uint64_t sock) {
    const struct life *life = life_of_sock(track, sock);
    return life && life->cookie && life->poll == track->poll ? life->row : SNAP_NONE;
}

uint32_t track_gone(struct track *track) { return track->ngone ? track->gone[--track->ngone] : 0; }
