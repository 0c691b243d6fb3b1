/* Keys: names, what they need to know, how two connections compare by them.
 *
 * A key is a number, a text or an endpoint of a connection. That of a process is of the one at the front
 * (snap_first_proc), so that a connection counts once however many hold it. */
#define _GNU_SOURCE
#include "ls_keys.h"

#include "inspect/linux.h"
#include "inspect/map.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name, *title;
    unsigned parts;
} about[NKEYS] = {
    [KEY_PROGRAM] = {"program", "PROGRAM", LINUX_OWNERS},
    [KEY_PID] = {"pid", "PID", LINUX_OWNERS},
    [KEY_USER] = {"user", "USER", 0},
    [KEY_UNIT] = {"unit", "UNIT", LINUX_OWNERS},
    [KEY_CONTAINER] = {"container", "CONTAINER", LINUX_OWNERS},
    [KEY_STATE] = {"state", "STATE", 0},
    [KEY_PEER] = {"peer", "PEER", 0},
    [KEY_PEER_ADDR] = {"peer-addr", "PEER-ADDR", 0},
    [KEY_PEER_PORT] = {"peer-port", "PEER-PORT", 0},
    [KEY_LOCAL] = {"local", "LOCAL", 0},
    [KEY_LOCAL_PORT] = {"local-port", "LOCAL-PORT", 0},
    [KEY_NETNS] = {"netns", "NETNS", 0},
    [KEY_AGE] = {"age", "AGE", LINUX_MEASURED},
    [KEY_RECV_Q] = {"recv-q", "RECV-Q", LINUX_MEASURED},
    [KEY_SEND_Q] = {"send-q", "SEND-Q", LINUX_MEASURED},
    [KEY_TIMER] = {"timer", "TIMER", 0},
    [KEY_RTT] = {"rtt", "RTT", LINUX_MEASURED},
    [KEY_RETRANSMITS] = {"retransmits", "RETRANSMITS", LINUX_MEASURED},
    [KEY_BYTES] = {"bytes", "BYTES", LINUX_MEASURED},
    [KEY_COOKIE] = {"cookie", "COOKIE", 0},
    [KEY_COUNT] = {"count", "COUNT", 0},
};

const char *key_title(enum ls_key key) { return about[key].title; }

static bool find_key(const char *name, size_t len, enum ls_key *key) {
    for (unsigned i = 0; i < NKEYS; i++)
        if (strlen(about[i].name) == len && !memcmp(about[i].name, name, len)) {
            *key = (enum ls_key)i;
            return true;
        }
    return false;
}

static void say_unknown(const char *name, size_t len, enum ls_key limit, char *why, size_t size) {
    int at = snprintf(why, size, "\"%.*s\" is no key here; there are:", (int)(len < 64 ? len : 64), name);
    for (unsigned i = 0; i < (unsigned)limit && at > 0 && (size_t)at < size; i++)
        at += snprintf(why + at, size - (size_t)at, "%s %s", i ? "," : "", about[i].name);
}

bool keys_read(const char *list, enum ls_key limit, struct ls_keys *keys, char *why, size_t size) {
    *keys = (struct ls_keys){0};
    for (const char *at = list;; at++) {
        bool down = *at == '-';
        at += down;
        size_t len = strcspn(at, ",");
        enum ls_key key = NKEYS;
        if (!find_key(at, len, &key) || key >= limit) {
            say_unknown(at, len, limit, why, size);
            return false;
        }
        if (keys->n == KEYS_MAX) {
            snprintf(why, size, "at most %d keys", KEYS_MAX);
            return false;
        }
        keys->down[keys->n] = down;
        keys->key[keys->n++] = key;
        at += len;
        if (!*at) return true;
    }
}

bool keys_have(const struct ls_keys *keys, enum ls_key key) {
    for (unsigned i = 0; i < keys->n; i++)
        if (keys->key[i] == key) return true;
    return false;
}

unsigned keys_parts(const struct ls_keys *keys) {
    unsigned parts = 0;
    for (unsigned i = 0; i < keys->n; i++) parts |= about[keys->key[i]].parts;
    return parts;
}

/* --- Values --- */

static const struct snap_proc *front(const struct snap *snap, const struct snap_conn *conn) {
    uint32_t proc = snap_first_proc(snap, conn);
    return proc == SNAP_NONE ? NULL : &snap->procs[proc];
}

/* Of keys that are texts; NULL: not known. */
static const char *text_of(const struct snap *snap, enum ls_key key, const struct snap_conn *conn) {
    const struct snap_proc *proc = key == KEY_NETNS ? NULL : front(snap, conn);
    switch (key) {
    case KEY_PROGRAM: return proc ? proc->program : NULL;
    case KEY_UNIT: return proc ? proc->unit : NULL;
    case KEY_CONTAINER: return proc ? proc->container : NULL;
    default: return conn->netns < snap->nnetns ? snap->netns[conn->netns].name : NULL;
    }
}

/* Of keys that are numbers. */
static uint64_t number_of(const struct snap *snap, enum ls_key key, const struct snap_conn *conn) {
    const struct snap_proc *proc = key == KEY_PID ? front(snap, conn) : NULL;
    switch (key) {
    case KEY_PID: return proc ? (uint64_t)proc->pid : 0;
    case KEY_USER: return conn->uid;
    case KEY_STATE: return conn->state;
    case KEY_PEER_PORT: return conn->peer.port;
    case KEY_LOCAL_PORT: return conn->local.port;
    case KEY_AGE: return conn->age.least;
    case KEY_RECV_Q: return conn->recv_queue == UINT32_MAX ? 0 : conn->recv_queue;
    case KEY_SEND_Q: return conn->send_queue == UINT32_MAX ? 0 : conn->send_queue;
    case KEY_TIMER: return conn->timer_left;
    case KEY_RTT: return conn->rtt;
    case KEY_RETRANSMITS: return conn->retransmits;
    case KEY_BYTES: return conn->bytes_in + conn->bytes_out;
    case KEY_COOKIE: return conn->cookie;
    default: return 0;
    }
}

static bool is_text(enum ls_key key) {
    return key == KEY_PROGRAM || key == KEY_UNIT || key == KEY_CONTAINER || key == KEY_NETNS;
}

static bool is_endpoint(enum ls_key key) { return key == KEY_PEER || key == KEY_PEER_ADDR || key == KEY_LOCAL; }

static int compare_numbers(uint64_t a, uint64_t b) { return (a > b) - (a < b); }

static int compare_texts(const char *a, const char *b) { return strcmp(a ? a : "", b ? b : ""); }

/* Both families' "any" are shown as "*", and are one. */
static struct la_addr plain(const struct la_addr *addr) {
    struct la_addr any4 = la_addr4(0, 0, 0, 0);
    return la_addr_equal(addr, &any4) ? (struct la_addr){{0}} : *addr;
}

static int compare_endpoints(enum ls_key key, const struct snap_conn *a, const struct snap_conn *b) {
    const struct la_endpoint *x = key == KEY_LOCAL ? &a->local : &a->peer, *y = key == KEY_LOCAL ? &b->local : &b->peer;
    struct la_addr from = plain(&x->addr), to = plain(&y->addr);
    int order = memcmp(from.bytes, to.bytes, sizeof from.bytes);
    if (!order) order = compare_numbers(x->zone, y->zone);
    return order || key == KEY_PEER_ADDR ? order : compare_numbers(x->port, y->port);
}

int key_compare(const struct snap *snap, enum ls_key key, const struct snap_conn *a, const struct snap_conn *b) {
    if (is_endpoint(key)) return compare_endpoints(key, a, b);
    if (is_text(key)) return compare_texts(text_of(snap, key, a), text_of(snap, key, b));
    return compare_numbers(number_of(snap, key, a), number_of(snap, key, b));
}

int keys_compare(const struct snap *snap, const struct ls_keys *keys, const struct snap_conn *a,
                 const struct snap_conn *b) {
    for (unsigned i = 0; i < keys->n; i++) {
        int order = key_compare(snap, keys->key[i], a, b);
        if (order) return keys->down[i] ? -order : order;
    }
    return 0;
}

/* --- Hashing --- */

static uint64_t hash_text(const char *text) {
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    for (; text && *text; text++) hash = (hash ^ (unsigned char)*text) * 1099511628211u;
    return hash;
}

static uint64_t hash_endpoint(enum ls_key key, const struct snap_conn *conn) {
    const struct la_endpoint *end = key == KEY_LOCAL ? &conn->local : &conn->peer;
    uint64_t half[2];
    struct la_addr addr = plain(&end->addr);
    memcpy(half, addr.bytes, sizeof half);
    uint64_t rest = (uint64_t)end->zone << 16 | (key == KEY_PEER_ADDR ? 0 : end->port);
    return map_mix(map_mix(half[0], half[1]), rest);
}

uint64_t keys_hash(const struct snap *snap, const struct ls_keys *keys, const struct snap_conn *conn) {
    uint64_t hash = 0;
    for (unsigned i = 0; i < keys->n; i++) {
        enum ls_key key = keys->key[i];
        uint64_t value = is_endpoint(key) ? hash_endpoint(key, conn)
                         : is_text(key)   ? hash_text(text_of(snap, key, conn))
                                          : number_of(snap, key, conn);
        hash = map_mix(hash, value);
    }
    return hash == UINT64_MAX ? 0 : hash;
}

/* --- Sorting --- */

struct order {
    const struct snap *snap;
    const struct ls_keys *keys;
};

static int compare_conns(const void *a, const void *b, void *arg) {
    const struct order *order = arg;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    int result = keys_compare(order->snap, order->keys, &order->snap->conns[x], &order->snap->conns[y]);
    return result ? result : compare_numbers(x, y);
}

void keys_sort(const struct snap *snap, const struct ls_keys *keys, uint32_t *conns, uint32_t n) {
    struct order order = {snap, keys};
    if (n) qsort_r(conns, n, sizeof *conns, compare_conns, &order);
}
