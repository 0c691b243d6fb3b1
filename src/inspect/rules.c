/* How the rules are asked: rules.h says what they are.
 *
 * In: a snapshot whose suspicious connections were looked at closely. Out: findings, ordered by harm. What the rules
 * need to know about a connection's surroundings is worked out once: the listener that it came through, and the group
 * of connections that its process has with the same port or peer.
 *
 * A finding grows while connections are asked; when all are, its connections are put in order of age, and its rule says
 * what it means. Memory that is refused sets findings->failed; what was found stays. */
#include "rules.h"

#include "filter.h"

#include <stdlib.h>
#include <string.h>

const struct rule *const rules_tables[] = {
    rules_close_wait, rules_closing, rules_flow, rules_listen, rules_limits, rules_settings, NULL,
};

/* --- What is worked out beforehand --- */

static struct patience with_defaults(const struct patience *patience) {
    struct patience with = patience ? *patience : (struct patience){0};
    if (!with.settle) with.settle = 2 * LA_SECOND;
    if (!with.idle) with.idle = 7200 * LA_SECOND;
    if (!with.many) with.many = 1000;
    return with;
}

static bool new_group(struct ask *ask, struct rule_group group) {
    if (ask->ngroups == ask->room_group) {
        uint32_t room = ask->room_group ? ask->room_group * 2 : 64;
        struct rule_group *larger = realloc(ask->group, room * sizeof *larger);
        if (!larger) return false;
        ask->group = larger;
        ask->room_group = room;
    }
    ask->group[ask->ngroups++] = group;
    return true;
}

static void count_in(struct rule_group *group, const struct snap_conn *conn) {
    group->count[conn->state]++;
    if (conn->state != LA_CLOSE_WAIT) return;
    if (conn->age.least > group->oldest) group->oldest = conn->age.least;
    if (conn->age.least < group->newest) group->newest = conn->age.least;
}

static bool make_groups(struct ask *ask) {
    const struct snap *snap = ask->snap;
    struct map map = {0};
    bool ok = true;
    for (uint32_t i = 0; i < snap->nconns; i++) {
        const struct snap_conn *conn = &snap->conns[i];
        uint32_t proc = snap_first_proc(snap, conn);
        ask->group_of[i] = SNAP_NONE;
        if (!ok || proc == SNAP_NONE || conn->state == LA_LISTEN) continue;
        bool opened = ask->listener[i] == SNAP_NONE;
        uint64_t with = opened ? snap_endpoint_key(&conn->peer) : conn->local.port;
        uint64_t key = map_mix(with, (uint64_t)proc << 1 | opened);
        uint32_t found = map_get(&map, key);
        if (found == MAP_NONE) {
            found = ask->ngroups;
            ok = new_group(ask, (struct rule_group){.proc = proc, .opened = opened, .newest = LA_NEVER}) &&
                 map_put(&map, key, found);
        }
        if (!ok) continue;
        ask->group_of[i] = found;
        count_in(&ask->group[found], conn);
    }
    map_free(&map);
    return ok;
}

/* Chains from back to front, so that they run from front to back. */
bool ask_chains(struct ask *ask) {
    const struct snap *snap = ask->snap;
    ask->netns_first = malloc((snap->nnetns ? snap->nnetns : 1) * sizeof *ask->netns_first);
    ask->netns_next = malloc((snap->nconns ? snap->nconns : 1) * sizeof *ask->netns_next);
    if (!ask->netns_first || !ask->netns_next) return false;
    for (uint32_t i = 0; i < snap->nnetns; i++) ask->netns_first[i] = SNAP_NONE;
    for (uint32_t i = snap->nconns; i-- > 0;) {
        uint32_t netns = snap->conns[i].netns;
        if (netns >= snap->nnetns) continue;
        ask->netns_next[i] = ask->netns_first[netns];
        ask->netns_first[netns] = i;
    }
    return true;
}

/* A translation on the way changes the server's end, and leaves the client's as it is. */
static uint64_t client_key(const struct la_endpoint *client, bool opened) {
    return map_mix(snap_endpoint_key(client), opened);
}

static bool make_ends(struct ask *ask) {
    const struct snap *snap = ask->snap;
    bool ok = true, any = false;
    for (uint32_t i = 0; i < snap->nnetns; i++) any |= ask_translates(ask, i);
    for (uint32_t i = 0; any && ok && i < snap->nconns; i++) {
        const struct snap_conn *conn = &snap->conns[i];
        bool opened = ask->listener[i] == SNAP_NONE;
        if (conn->state == LA_LISTEN) continue;
        ok = map_put(&ask->ends, client_key(opened ? &conn->local : &conn->peer, opened), i);
    }
    return ok;
}

static bool ask_begin(struct ask *ask, struct snap *snap, const struct patience *patience, const struct filter *filter,
                      struct findings *findings) {
    size_t n = snap->nconns ? snap->nconns : 1;
    *ask = (struct ask){.snap = snap, .patience = with_defaults(patience), .filter = filter, .findings = findings};
    ask->group_of = malloc(n * sizeof *ask->group_of);
    ask->listener = malloc(n * sizeof *ask->listener);
    return ask->group_of && ask->listener && snap_listeners(snap, ask->listener) && make_groups(ask) &&
           ask_chains(ask) && make_ends(ask);
}

static void ask_end(struct ask *ask) {
    free(ask->group);
    free(ask->group_of);
    free(ask->listener);
    free(ask->netns_first);
    free(ask->netns_next);
    map_free(&ask->ends);
}

/* --- Questions --- */

static uint32_t index_of(const struct ask *ask, const struct snap_conn *conn) {
    return (uint32_t)(conn - ask->snap->conns);
}

const struct snap_conn *finding_first(const struct ask *ask, const struct finding *finding) {
    return &ask->snap->conns[finding->conns[0]];
}

const struct snap_conn *ask_pair(const struct ask *ask, const struct snap_conn *conn) {
    return conn->pair == SNAP_NONE ? NULL : &ask->snap->conns[conn->pair];
}

bool ask_opened(const struct ask *ask, const struct snap_conn *conn) {
    return ask->listener[index_of(ask, conn)] == SNAP_NONE;
}

bool ask_translates(const struct ask *ask, uint32_t netns) { return ask_setting(ask, netns, SNAP_S_CONNTRACKED) > 0; }

bool ask_translated(const struct ask *ask, const struct snap_conn *conn) {
    bool opened = ask_opened(ask, conn);
    return map_get(&ask->ends, client_key(opened ? &conn->local : &conn->peer, !opened)) != MAP_NONE;
}

const struct rule_group *ask_group(const struct ask *ask, const struct snap_conn *conn) {
    uint32_t group = ask->group_of[index_of(ask, conn)];
    return group == SNAP_NONE ? NULL : &ask->group[group];
}

/* Answers to our own probes count as something that arrived, and hide since when it is so: to those of keepalive where
 * they are frequent, and to those of a shut window. Otherwise what may be young is taken as young. */
static bool is_settled(const struct patience *patience, const struct snap_conn *conn) {
    if (conn->age.least >= patience->settle) return true;
    bool hidden = conn->timer == LA_TIMER_KEEPALIVE && conn->timer_left != LA_NEVER &&
                  conn->age.least + conn->timer_left <= 2 * patience->settle;
    return (hidden || conn->send_queue) && conn->age.most >= patience->settle && conn->data_sent >= patience->settle;
}

bool ask_settled(const struct ask *ask, const struct snap_conn *conn) { return is_settled(&ask->patience, conn); }

#define LONG 15 /* Times `settle`. */

bool ask_is_long(const struct ask *ask, la_time time) { return time >= LONG * ask->patience.settle; }

/* With n timeouts behind it the timer is 2^n times the first one, and those before it add up to all of it but the
 * first. */
la_time ask_unanswered(const struct snap_conn *conn) {
    if (!conn->rto) return conn->ack_received < conn->data_received ? conn->ack_received : conn->data_received;
    la_time left = conn->timer_left == LA_NEVER ? 0 : conn->timer_left;
    la_time timer = conn->rto > left ? conn->rto : left;
    unsigned shift = conn->tries < 63 ? conn->tries : 63;
    return timer - (timer >> shift) + (timer - left);
}

bool ask_turned_away(const struct ask *ask, const struct snap_conn *conn) {
    if (conn->pair != SNAP_NONE) return ask->snap->conns[conn->pair].state == LA_SYN_RCVD;
    /* With a cookie the listener remembers nothing. A host that has no listener would answer by RST. */
    return ask_opened(ask, conn) && !conn->bytes_in && conn->marks & SNAP_MEASURED &&
           !ask_translates(ask, conn->netns) && snap_is_local(ask->snap, conn->netns, &conn->peer.addr);
}

#define GROWS_FROM 8

la_time ask_forecast(const struct ask *ask, const struct snap_conn *conn) {
    const struct rule_group *group = ask_group(ask, conn);
    if (!group || group->count[LA_CLOSE_WAIT] < GROWS_FROM) return LA_NEVER;
    const struct snap_proc *proc = &ask->snap->procs[group->proc];
    la_time spread = group->oldest - group->newest;
    /* It grows if the newest is as young as its distance to the one before suggests. */
    la_time step = spread / (group->count[LA_CLOSE_WAIT] - 1);
    if (spread < ask->patience.settle || group->newest > 8 * step + ask->patience.settle) return LA_NEVER;
    if (proc->nfds == UINT32_MAX || proc->fd_limit == UINT32_MAX) return LA_NEVER;
    return proc->nfds >= proc->fd_limit ? 0 : step * (proc->fd_limit - proc->nfds);
}

/* Connections of the one who looks are nobody's trouble. */
static bool is_wanted(const struct snap *snap, const struct filter *filter, const struct snap_conn *conn) {
    return !(conn->marks & SNAP_SELF) && filter_matches(filter, snap, conn);
}

bool ask_selected(const struct ask *ask, const struct snap_conn *conn) {
    return is_wanted(ask->snap, ask->filter, conn);
}

int64_t ask_setting(const struct ask *ask, uint32_t netns, enum snap_setting setting) {
    const struct snap *snap = ask->snap;
    return netns < snap->nnetns && snap->netns[netns].facts ? snap->netns[netns].setting[setting] : -1;
}

uint64_t ask_counter(const struct ask *ask, uint32_t netns, enum snap_counter counter) {
    const struct snap *snap = ask->snap;
    if (netns >= snap->nnetns || !snap->netns[netns].facts) return 0;
    uint64_t value = snap->netns[netns].counter[counter];
    return value == UINT64_MAX ? 0 : value;
}

/* --- Findings --- */

struct finding *rule_finding(struct ask *ask, const struct rule *rule, uint32_t netns) {
    struct findings *findings = ask->findings;
    if (findings->n == findings->room) {
        unsigned room = findings->room ? findings->room * 2 : 16;
        struct finding *larger = realloc(findings->list, room * sizeof *larger);
        if (!larger) {
            findings->failed = true;
            return NULL;
        }
        findings->list = larger;
        findings->room = room;
    }
    struct finding *finding = &findings->list[findings->n++];
    *finding = (struct finding){.rule = rule,
                                .severity = rule->severity,
                                .proc = SNAP_NONE,
                                .fd = -1,
                                .netns = netns,
                                .age = {0, LA_NEVER},
                                .forecast = LA_NEVER};
    return finding;
}

void finding_add(struct ask *ask, struct finding *finding, uint32_t conn) {
    uint32_t n = finding->nconns;
    if ((n & (n - 1)) == 0) { /* Room grows at powers of two. */
        uint32_t *larger = realloc(finding->conns, (n ? n * 2 : 1) * sizeof *larger);
        if (!larger) {
            ask->findings->failed = true;
            return;
        }
        finding->conns = larger;
    }
    finding->conns[finding->nconns++] = conn;
}

/* What of a connection decides which finding of a rule it belongs to. */
static uint64_t scope_key(const struct ask *ask, enum rule_scope scope, uint32_t conn) {
    const struct snap_conn *of = &ask->snap->conns[conn];
    uint32_t proc = snap_first_proc(ask->snap, of);
    if (scope == SCOPE_NETNS) return of->netns;
    if (scope == SCOPE_PEER) return map_mix(snap_endpoint_key(&of->peer), proc);
    uint64_t port = ask->listener[conn] == SNAP_NONE ? 0 : of->local.port;
    return map_mix(map_mix(proc, port), of->netns);
}

static void take(struct ask *ask, struct map *map, const struct rule *rule, unsigned number, uint32_t conn) {
    uint64_t key = map_mix(scope_key(ask, rule->scope, conn), number);
    uint32_t at = map_get(map, key);
    if (at == MAP_NONE) {
        at = ask->findings->n;
        struct finding *finding = rule_finding(ask, rule, ask->snap->conns[conn].netns);
        if (!finding || !map_put(map, key, at)) {
            ask->findings->failed = true;
            return;
        }
    }
    finding_add(ask, &ask->findings->list[at], conn);
}

/* Asks all rules about one connection, in order; a family's first one that holds takes it. */
static void ask_conn(struct ask *ask, struct map *map, uint32_t conn) {
    const struct snap_conn *of = &ask->snap->conns[conn];
    unsigned taken = 0, number = 0;
    for (unsigned t = 0; rules_tables[t]; t++)
        for (const struct rule *rule = rules_tables[t]; rule->id; rule++) {
            number++;
            if (!(rule->states & 1U << of->state) || taken & 1U << rule->family || !rule->holds(ask, of)) continue;
            taken |= 1U << rule->family;
            take(ask, map, rule, number, conn);
        }
}

/* For qsort, which has no argument for the snapshot. */
struct aged {
    la_time least;
    uint32_t conn;
};

static int by_age(const void *a, const void *b) {
    const struct aged *x = a, *y = b;
    if (x->least != y->least) return x->least > y->least ? -1 : 1;
    return x->conn < y->conn ? -1 : x->conn > y->conn;
}

static void oldest_first(struct ask *ask, struct finding *finding) {
    struct aged *aged = finding->nconns > 1 ? malloc(finding->nconns * sizeof *aged) : NULL;
    for (uint32_t i = 0; aged && i < finding->nconns; i++)
        aged[i] = (struct aged){ask->snap->conns[finding->conns[i]].age.least, finding->conns[i]};
    if (aged) qsort(aged, finding->nconns, sizeof *aged, by_age);
    for (uint32_t i = 0; aged && i < finding->nconns; i++) finding->conns[i] = aged[i].conn;
    free(aged);
}

static void tell(struct ask *ask, struct finding *finding) {
    const struct snap *snap = ask->snap;
    if (!finding->nconns) return;
    oldest_first(ask, finding);
    const struct snap_conn *first = &snap->conns[finding->conns[0]];
    finding->age = first->age;
    if (first->nowners) {
        finding->proc = snap->owners[first->first_owner].proc;
        finding->fd = snap->owners[first->first_owner].fd;
    }
    finding->rule->tell(ask, finding);
}

static uint64_t key_of(const struct ask *ask, const struct finding *finding) {
    const struct snap *snap = ask->snap;
    uint64_t key = map_mix_text(0, finding->rule->id);
    if (finding->netns < snap->nnetns) key = map_mix(key, snap->netns[finding->netns].inode);
    if (finding->proc != SNAP_NONE)
        key = map_mix(map_mix(key, (uint64_t)(uint32_t)snap->procs[finding->proc].pid),
                      snap->procs[finding->proc].started);
    if (!finding->nconns || finding->rule->scope == SCOPE_NETNS) return key;
    const struct snap_conn *first = &snap->conns[finding->conns[0]];
    if (!ask_opened(ask, first)) return map_mix(key, first->local.port);
    bool many = finding->rule->states && finding->rule->scope == SCOPE_PROC;
    if (many) return key;
    return map_mix(map_mix(key, snap_addr_key(&first->local.addr)), snap_endpoint_key(&first->peer));
}

static int by_harm(const void *a, const void *b) {
    const struct finding *x = a, *y = b;
    if (x->severity != y->severity) return x->severity > y->severity ? -1 : 1;
    if (x->nconns != y->nconns) return x->nconns > y->nconns ? -1 : 1;
    int order = strcmp(x->rule->id, y->rule->id);
    if (order) return order;
    return x->proc < y->proc ? -1 : x->proc > y->proc;
}

static void ask_all(struct ask *ask) {
    struct map map = {0};
    for (uint32_t i = 0; i < ask->snap->nconns; i++)
        if (ask_selected(ask, &ask->snap->conns[i])) ask_conn(ask, &map, i);
    map_free(&map);
    unsigned told = ask->findings->n;
    for (unsigned i = 0; i < told; i++) tell(ask, &ask->findings->list[i]);
    for (unsigned t = 0; rules_tables[t]; t++)
        for (const struct rule *rule = rules_tables[t]; rule->id; rule++)
            for (uint32_t netns = 0; !rule->states && netns < ask->snap->nnetns; netns++) rule->host(ask, rule, netns);
    for (unsigned i = told; i < ask->findings->n; i++) oldest_first(ask, &ask->findings->list[i]);
    for (unsigned i = 0; i < ask->findings->n; i++) {
        tell_where(ask, &ask->findings->list[i]);
        ask->findings->list[i].key = key_of(ask, &ask->findings->list[i]);
    }
}

void rules_run(struct snap *snap, const struct patience *patience, const struct filter *filter,
               struct findings *findings) {
    struct ask ask;
    *findings = (struct findings){0};
    if (ask_begin(&ask, snap, patience, filter, findings)) {
        ask_all(&ask);
    } else {
        findings->failed = true;
    }
    if (findings->n) qsort(findings->list, findings->n, sizeof *findings->list, by_harm);
    ask_end(&ask);
}

/* Waits unread for longer than data should: the owner is worth a look. */
static bool is_suspect(const struct patience *patience, const struct snap_conn *conn) {
    if (conn->state == LA_CLOSE_WAIT) return is_settled(patience, conn);
    return conn->state == LA_ESTABLISHED && conn->recv_queue && conn->inode && conn->data_received != LA_NEVER &&
           conn->data_received >= patience->settle;
}

uint32_t rules_suspects(const struct snap *snap, const struct patience *patience, const struct filter *filter,
                        uint32_t **conns) {
    struct patience with = with_defaults(patience);
    uint32_t n = 0;
    *conns = malloc((snap->nconns ? snap->nconns : 1) * sizeof **conns);
    for (uint32_t i = 0; *conns && i < snap->nconns; i++)
        if (is_suspect(&with, &snap->conns[i]) && is_wanted(snap, filter, &snap->conns[i])) (*conns)[n++] = i;
    return n;
}
