/* Snapshots: arrays that grow, texts in blocks, and the order that snap_finish brings into them.
 *
 * A source adds in any order. snap_finish sorts owners, holds and watches by connection (owners by pid within one), so
 * that what belongs to a connection is one range, sets the ranges, counts, and joins the two ends of connections whose
 * other end is in the snapshot, too. Everything is linear in the size of the snapshot but the sorts.
 *
 * Memory that is refused sets `failed`; what was added before stays. */
#include "snap.h"

#include "map.h"
#include "say.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *snap_setting_name(enum snap_setting setting) {
    static const char *const names[] = {
#define SNAP_SETTING(id, name) name,
#include "facts.def"
#undef SNAP_SETTING
    };
    return (unsigned)setting < SNAP_NSETTINGS ? names[setting] : "?";
}

const char *snap_counter_name(enum snap_counter counter) {
    static const char *const names[] = {
#define SNAP_COUNTER(id, group, name) group name,
#include "facts.def"
#undef SNAP_COUNTER
    };
    return (unsigned)counter < SNAP_NCOUNTERS ? names[counter] : "?";
}

/* --- Texts: blocks that never move --- */

#define BLOCK 65536

struct snap_text {
    struct snap_text *next;
    size_t used, size;
    char bytes[];
};

static char *text_room(struct snap *snap, size_t size) {
    struct snap_text *block = snap->texts;
    if (!block || block->size - block->used < size) {
        size_t room = size > BLOCK ? size : BLOCK;
        block = malloc(sizeof *block + room);
        if (!block) {
            snap->failed = true;
            return NULL;
        }
        *block = (struct snap_text){.next = snap->texts, .size = room};
        snap->texts = block;
    }
    char *text = block->bytes + block->used;
    block->used += size;
    return text;
}

const char *snap_text(struct snap *snap, const char *text) {
    if (!text) return NULL;
    size_t size = strlen(text) + 1;
    char *copy = text_room(snap, size);
    if (!copy) return "";
    memcpy(copy, text, size);
    say_clean(copy); /* Foreign text reaches terminals and documents. */
    return copy;
}

const char *snap_format(struct snap *snap, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = len < 0 ? NULL : text_room(snap, (size_t)len + 1);
    if (!text) return "";
    va_start(args, format);
    vsnprintf(text, (size_t)len + 1, format, args);
    va_end(args);
    say_clean(text);
    return text;
}

/* --- Arrays --- */

/* Room for one more of `size` bytes: its place, NULL when memory is refused. */
static void *add(struct snap *snap, void **array, uint32_t *n, uint32_t *room, size_t size) {
    if (*n == *room) {
        uint32_t larger = *room ? *room * 2 : 16;
        void *moved = larger > *room && larger < SNAP_NONE / 2 ? realloc(*array, larger * size) : NULL;
        if (!moved) {
            snap->failed = true;
            return NULL;
        }
        *array = moved;
        *room = larger;
    }
    return (char *)*array + (size_t)(*n)++ * size;
}

/* The function snap_add_WHAT, which appends `start` to the array NAME. */
#define ADD(type, what, name, ...)                                                                                     \
    type *snap_add_##what(struct snap *snap) {                                                                         \
        void *array = snap->name;                                                                                      \
        type *one = add(snap, &array, &snap->n##name, &snap->room_##name, sizeof *one);                                \
        snap->name = array;                                                                                            \
        if (one) *one = (type)__VA_ARGS__;                                                                             \
        return one;                                                                                                    \
    }

ADD(struct snap_conn, conn, conns,
    {.uid = UINT32_MAX,
     .timer = LA_NTIMERS,
     .timer_left = LA_NEVER,
     .age = {0, LA_NEVER},
     .pair = SNAP_NONE,
     .drops = UINT32_MAX,
     .former = SNAP_NONE,
     .data_sent = LA_NEVER,
     .data_received = LA_NEVER,
     .ack_received = LA_NEVER,
     .peer_window = UINT32_MAX})
ADD(struct snap_proc, proc, procs,
    {.uid = UINT32_MAX, .program = "?", .nfds = UINT32_MAX, .fd_limit = UINT32_MAX, .state = '?'})
ADD(struct snap_owner, owner, owners, {.conn = SNAP_NONE, .proc = SNAP_NONE, .fd = -1})
ADD(struct snap_hold, hold, holds, {.conn = SNAP_NONE, .proc = SNAP_NONE, .fd = -1})
ADD(struct snap_watch, watch, watches, {.conn = SNAP_NONE, .proc = SNAP_NONE, .fd = -1, .set = -1})
ADD(struct snap_thread, thread, threads, {.proc = SNAP_NONE, .state = '?', .fd = -1})
ADD(struct snap_move, move, moves, {0})
ADD(struct snap_line, line, lines, {.file = "", .name = "", .value = ""})
ADD(struct snap_blind, blind, blinds, {.what = ""})
ADD(struct snap_reset, reset, resets, {.proc = SNAP_NONE})
ADD(struct la_addr, address, addresses, {{0}})

struct snap_netns *snap_add_netns(struct snap *snap) {
    void *array = snap->netns;
    struct snap_netns *netns = add(snap, &array, &snap->nnetns, &snap->room_netns, sizeof *netns);
    snap->netns = array;
    if (!netns) return NULL;
    *netns = (struct snap_netns){0};
    for (unsigned i = 0; i < SNAP_NSETTINGS; i++) netns->setting[i] = -1;
    for (unsigned i = 0; i < SNAP_NCOUNTERS; i++) netns->counter[i] = UINT64_MAX;
    return netns;
}

struct snap *snap_new(void) {
    struct snap *snap = calloc(1, sizeof *snap);
    if (snap) snap->source = "";
    return snap;
}

void snap_free(struct snap *snap) {
    if (!snap) return;
    void *const arrays[] = {snap->conns, snap->procs, snap->owners, snap->holds,  snap->watches, snap->threads,
                            snap->netns, snap->moves, snap->lines,  snap->blinds, snap->resets,  snap->addresses};
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) free(arrays[i]);
    while (snap->texts) {
        struct snap_text *next = snap->texts->next;
        free(snap->texts);
        snap->texts = next;
    }
    free(snap);
}

/* --- Order --- */

/* What sorts: the connection, then who, then which; `at` is where it was. */
struct place {
    uint32_t conn;
    int32_t who, which;
    uint32_t at;
};

static int by_place(const void *a, const void *b) {
    const struct place *x = a, *y = b;
    if (x->conn != y->conn) return x->conn < y->conn ? -1 : 1;
    if (x->who != y->who) return x->who < y->who ? -1 : 1;
    if (x->which != y->which) return x->which < y->which ? -1 : 1;
    return x->at < y->at ? -1 : x->at > y->at;
}

static bool is_sorted(const struct place *places, uint32_t n) {
    for (uint32_t i = 1; i < n; i++)
        if (by_place(&places[i - 1], &places[i]) > 0) return false;
    return true;
}

/* Puts an array of `n` things of `size` bytes into the order of their places. */
static void arrange(struct snap *snap, void *array, uint32_t n, size_t size, struct place *places) {
    if (!places || is_sorted(places, n)) return;
    char *sorted = malloc(n * size);
    if (!sorted) {
        snap->failed = true;
        return;
    }
    qsort(places, n, sizeof *places, by_place);
    for (uint32_t i = 0; i < n; i++) memcpy(sorted + i * size, (char *)array + places[i].at * size, size);
    memcpy(array, sorted, n * size);
    free(sorted);
}

static struct place *places_for(struct snap *snap, uint32_t n) {
    struct place *places = n ? malloc(n * sizeof *places) : NULL;
    if (n && !places) snap->failed = true;
    return places;
}

static int32_t pid_of(const struct snap *snap, uint32_t proc) {
    return proc < snap->nprocs ? snap->procs[proc].pid : INT32_MAX;
}

static void sort_owners(struct snap *snap) {
    struct place *places = places_for(snap, snap->nowners);
    for (uint32_t i = 0; places && i < snap->nowners; i++) {
        const struct snap_owner *owner = &snap->owners[i];
        places[i] = (struct place){owner->conn, pid_of(snap, owner->proc), owner->fd, i};
    }
    arrange(snap, snap->owners, snap->nowners, sizeof *snap->owners, places);
    free(places);
}

static void sort_holds(struct snap *snap) {
    struct place *places = places_for(snap, snap->nholds);
    for (uint32_t i = 0; places && i < snap->nholds; i++) {
        const struct snap_hold *hold = &snap->holds[i];
        places[i] = (struct place){hold->conn, pid_of(snap, hold->proc), hold->fd, i};
    }
    arrange(snap, snap->holds, snap->nholds, sizeof *snap->holds, places);
    free(places);
}

static void sort_watches(struct snap *snap) {
    struct place *places = places_for(snap, snap->nwatches);
    for (uint32_t i = 0; places && i < snap->nwatches; i++) {
        const struct snap_watch *watch = &snap->watches[i];
        places[i] = (struct place){watch->conn, pid_of(snap, watch->proc), watch->set, i};
    }
    arrange(snap, snap->watches, snap->nwatches, sizeof *snap->watches, places);
    free(places);
}

static void set_ranges(struct snap *snap) {
    for (uint32_t i = 0; i < snap->nconns; i++) {
        struct snap_conn *conn = &snap->conns[i];
        conn->nowners = conn->nholds = conn->nwatches = 0;
    }
    for (uint32_t i = 0; i < snap->nowners; i++) {
        if (snap->owners[i].conn >= snap->nconns) continue;
        struct snap_conn *conn = &snap->conns[snap->owners[i].conn];
        if (!conn->nowners++) conn->first_owner = i;
    }
    for (uint32_t i = 0; i < snap->nholds; i++) {
        if (snap->holds[i].conn >= snap->nconns) continue;
        struct snap_conn *conn = &snap->conns[snap->holds[i].conn];
        if (!conn->nholds++) conn->first_hold = i;
    }
    for (uint32_t i = 0; i < snap->nwatches; i++) {
        if (snap->watches[i].conn >= snap->nconns) continue;
        struct snap_conn *conn = &snap->conns[snap->watches[i].conn];
        if (!conn->nwatches++) conn->first_watch = i;
    }
}

static void count_conns(struct snap *snap) {
    for (uint32_t i = 0; i < snap->nprocs; i++) snap->procs[i].nconns = 0;
    for (uint32_t i = 0; i < snap->nowners; i++) {
        const struct snap_owner *owner = &snap->owners[i];
        bool again = i && snap->owners[i - 1].conn == owner->conn && snap->owners[i - 1].proc == owner->proc;
        if (!again && owner->proc < snap->nprocs) snap->procs[owner->proc].nconns++;
    }
}

/* --- Listeners --- */

uint64_t snap_addr_key(const struct la_addr *addr) {
    uint64_t high, low;
    memcpy(&high, addr->bytes, sizeof high);
    memcpy(&low, addr->bytes + sizeof high, sizeof low);
    return map_mix(high, low);
}

uint64_t snap_endpoint_key(const struct la_endpoint *endpoint) {
    return map_mix(snap_addr_key(&endpoint->addr), endpoint->port);
}

static uint64_t listener_key(uint32_t netns, const struct la_addr *addr, uint16_t port) {
    return map_mix(snap_addr_key(addr), (uint64_t)netns << 16 | port);
}

/* The listener of an embryo: bound to its address, to any of its family, or to any at all. */
static uint32_t listener_in(const struct map *listeners, const struct snap_conn *conn) {
    static const struct la_addr any6;
    struct la_addr any4 = la_addr4(0, 0, 0, 0);
    const struct la_addr *const tries[] = {&conn->local.addr, &any4, &any6};
    for (size_t i = 0; i < sizeof tries / sizeof tries[0]; i++) {
        if (i == 1 && !la_addr_is4(&conn->local.addr)) continue;
        uint32_t found = map_get(listeners, listener_key(conn->netns, tries[i], conn->local.port));
        if (found != MAP_NONE) return found;
    }
    return SNAP_NONE;
}

bool snap_listeners(const struct snap *snap, uint32_t *listener) {
    struct map map = {0};
    bool ok = true;
    for (uint32_t i = 0; ok && i < snap->nconns; i++) {
        const struct snap_conn *conn = &snap->conns[i];
        uint64_t key = listener_key(conn->netns, &conn->local.addr, conn->local.port);
        if (conn->state == LA_LISTEN) ok = map_put(&map, key, i);
    }
    for (uint32_t i = 0; ok && i < snap->nconns; i++)
        listener[i] = snap->conns[i].state == LA_LISTEN ? i : listener_in(&map, &snap->conns[i]);
    map_free(&map);
    return ok;
}

static void count_embryos(struct snap *snap) {
    uint32_t embryos = 0;
    for (uint32_t i = 0; i < snap->nconns; i++) {
        snap->conns[i].embryos = 0;
        embryos += (snap->conns[i].marks & SNAP_EMBRYO) != 0;
    }
    uint32_t *listener = embryos ? malloc(snap->nconns * sizeof *listener) : NULL;
    if (embryos && (!listener || !snap_listeners(snap, listener))) snap->failed = true;
    for (uint32_t i = 0; listener && !snap->failed && i < snap->nconns; i++)
        if (snap->conns[i].marks & SNAP_EMBRYO && listener[i] != SNAP_NONE) snap->conns[listener[i]].embryos++;
    free(listener);
}

/* --- Pairs --- */

/* The same for both ends, which is why the sum. */
static uint64_t pair_key(const struct snap_conn *conn, uint64_t salt) {
    return map_mix(snap_endpoint_key(&conn->local) + snap_endpoint_key(&conn->peer), salt);
}

static bool is_pair(const struct snap_conn *a, const struct snap_conn *b) {
    return a != b && a->local.port == b->peer.port && a->peer.port == b->local.port &&
           la_addr_equal(&a->local.addr, &b->peer.addr) && la_addr_equal(&a->peer.addr, &b->local.addr);
}

/* Joins those that have no other end yet, by their tuples and `salt`. */
static bool join(struct snap *snap, struct map *map, uint32_t i, uint64_t salt) {
    struct snap_conn *conn = &snap->conns[i];
    uint64_t key = pair_key(conn, salt);
    uint32_t other = map_get(map, key);
    if (other == MAP_NONE || !is_pair(conn, &snap->conns[other])) return map_put(map, key, i);
    conn->pair = other;
    snap->conns[other].pair = i;
    return true;
}

static bool has_other_end(const struct snap_conn *conn) { return conn->state != LA_LISTEN && conn->peer.port; }

static bool joins_itself(const struct snap_conn *conn) {
    return conn->local.port == conn->peer.port && la_addr_equal(&conn->local.addr, &conn->peer.addr);
}

/* Within a namespace first: several may have the same addresses. What is left may go from one to another. */
static void find_pairs(struct snap *snap) {
    struct map map = {0};
    bool ok = map_reserve(&map, snap->nconns / 2); /* Of two that find each other one is in it. */
    for (uint32_t i = 0; ok && i < snap->nconns; i++) {
        struct snap_conn *conn = &snap->conns[i];
        conn->pair = SNAP_NONE;
        if (has_other_end(conn) && joins_itself(conn)) conn->pair = i;
        if (has_other_end(conn) && conn->pair == SNAP_NONE) ok = join(snap, &map, i, (uint64_t)conn->netns + 1);
    }
    map_clear(&map);
    for (uint32_t i = 0; ok && snap->nnetns > 1 && i < snap->nconns; i++) {
        const struct snap_conn *conn = &snap->conns[i];
        bool alone = has_other_end(conn) && conn->pair == SNAP_NONE;
        if (alone && !snap_is_loopback(&conn->local.addr)) ok = join(snap, &map, i, 0);
    }
    if (!ok) snap->failed = true;
    map_free(&map);
}

void snap_finish(struct snap *snap) {
    sort_owners(snap);
    sort_holds(snap);
    sort_watches(snap);
    set_ranges(snap);
    count_conns(snap);
    count_embryos(snap);
    find_pairs(snap);
}

/* --- Questions --- */

uint32_t snap_first_proc(const struct snap *snap, const struct snap_conn *conn) {
    return conn->nowners ? snap->owners[conn->first_owner].proc : SNAP_NONE;
}

uint32_t snap_nprocs(const struct snap *snap, const struct snap_conn *conn) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < conn->nowners; i++) {
        const struct snap_owner *owner = &snap->owners[conn->first_owner + i];
        n += !i || owner[-1].proc != owner->proc;
    }
    return n;
}

bool snap_holds(const struct snap *snap, const struct snap_conn *conn, uint32_t proc) {
    for (uint32_t i = 0; i < conn->nowners; i++)
        if (snap->owners[conn->first_owner + i].proc == proc) return true;
    return false;
}

bool snap_is_any(const struct la_addr *addr) {
    struct la_addr any4 = la_addr4(0, 0, 0, 0), any6 = {{0}};
    return la_addr_equal(addr, &any4) || la_addr_equal(addr, &any6);
}

bool snap_is_loopback(const struct la_addr *addr) {
    struct la_addr one = {{[15] = 1}};
    return la_addr_is4(addr) ? addr->bytes[12] == 127 : la_addr_equal(addr, &one);
}

bool snap_is_stack(const struct snap *snap, uint32_t netns) { return netns < snap->nnetns && snap->netns[netns].stack; }

bool snap_is_stopped(char state) { return state == 'T' || state == 't'; }

bool snap_is_local(const struct snap *snap, uint32_t netns, const struct la_addr *addr) {
    if (snap_is_loopback(addr)) return true;
    if (netns >= snap->nnetns) return false;
    const struct snap_netns *of = &snap->netns[netns];
    for (uint32_t i = 0; i < of->naddresses; i++)
        if (la_addr_equal(&snap->addresses[of->first_address + i], addr)) return true;
    return false;
}

uint32_t snap_by_cookie(const struct snap *snap, uint64_t cookie) {
    for (uint32_t i = 0; i < snap->nconns; i++)
        if (snap->conns[i].cookie == cookie) return i;
    return SNAP_NONE;
}
