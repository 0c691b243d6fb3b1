/* A filter at work: which connections match, which states can match at all, and what must be known for the answer.
 *
 * The nodes lie in the order of a walk, each condition before its parts; a condition knows the span of its nodes, so
 * that skipping one is an addition. The parser bounds how deeply conditions nest, and with that the recursion here.
 *
 * What is unknown makes a comparison false, `!=` included; `not` in front of a comparison is plain negation. A
 * connection with several owners matches `pid = 17` when one of them is 17, and `pid != 17` when there are owners and
 * none is. */
#include "filter_node.h"

#include <string.h>

#include "linux.h"

/* --- Comparisons --- */

static bool compare(uint8_t op, uint64_t a, uint64_t b) {
    switch (op) {
    case FILTER_EQ: return a == b;
    case FILTER_NE: return a != b;
    case FILTER_LT: return a < b;
    case FILTER_LE: return a <= b;
    case FILTER_GT: return a > b;
    default: return a >= b;
    }
}

/* Whether a text is what a pattern with * and ? describes. Linear but for the last *, which is tried at every place. */
static bool glob(const char *pattern, size_t len, const char *text) {
    size_t at = 0, star = SIZE_MAX;
    const char *retry = NULL;
    while (*text) {
        if (at < len && pattern[at] == '*') {
            star = at++;
            retry = text;
        } else if (at < len && (pattern[at] == '?' || pattern[at] == *text)) {
            at++;
            text++;
        } else if (retry) {
            at = star + 1;
            text = ++retry;
        } else {
            return false;
        }
    }
    while (at < len && pattern[at] == '*') at++;
    return at == len;
}

static bool starts(const char *text, size_t ntext, const char *start, size_t nstart) {
    return ntext >= nstart && memcmp(text, start, nstart) == 0;
}

/* The kernel keeps 15 letters of a program's name. */
#define NAME_KEPT 15

static bool is_program(const struct filter_node *node, const char *program) {
    size_t len = strlen(program);
    if (len == NAME_KEPT && node->len > len && starts(node->text, node->len, program, len)) return true;
    return glob(node->text, node->len, program);
}

/* nginx means nginx.service, as it does to systemctl. */
static bool is_unit(const struct filter_node *node, const char *unit) {
    static const char service[] = ".service";
    if (glob(node->text, node->len, unit)) return true;
    return strlen(unit) == node->len + strlen(service) && starts(unit, strlen(unit), node->text, node->len) &&
           strcmp(unit + node->len, service) == 0;
}

/* A container is named by the beginning of its id. */
static bool is_container(const struct filter_node *node, const char *container) {
    return starts(container, strlen(container), node->text, node->len) || glob(node->text, node->len, container);
}

/* --- Owners --- */

enum answer { UNKNOWN, NO, YES };

static enum answer said(bool yes) { return yes ? YES : NO; }

static enum answer ask_text(const struct filter_node *node, const char *text,
                            bool (*is)(const struct filter_node *node, const char *text)) {
    return text ? said(is(node, text)) : UNKNOWN;
}

/* Whether one process is what the node asks for (for `!=`, what it asks against). */
static enum answer ask_proc(const struct filter_node *node, const struct snap_proc *proc) {
    uint8_t op = node->op == FILTER_NE ? FILTER_EQ : node->op;
    switch (node->kind) {
    case FILTER_PID: return proc->pid < 0 ? UNKNOWN : said(compare(op, (uint64_t)proc->pid, node->number));
    case FILTER_PROGRAM: return ask_text(node, proc->program, is_program);
    case FILTER_UNIT: return ask_text(node, proc->unit, is_unit);
    default: return ask_text(node, proc->container, is_container);
    }
}

static enum answer ask_fd(const struct filter_node *node, const struct snap *snap, const struct snap_owner *owner) {
    uint8_t op = node->op == FILTER_NE ? FILTER_EQ : node->op;
    if (owner->fd < 0 || owner->proc >= snap->nprocs) return UNKNOWN;
    if (node->pid >= 0 && snap->procs[owner->proc].pid != node->pid) return UNKNOWN;
    return said(compare(op, (uint64_t)owner->fd, node->number));
}

/* Any holder will do; for `!=`, all that are known must differ. */
static bool match_holders(const struct filter_node *node, const struct snap *snap, const struct snap_conn *conn) {
    bool negative = node->op == FILTER_NE, known = false;
    for (uint32_t i = 0; i < conn->nowners; i++) {
        const struct snap_owner *owner = &snap->owners[conn->first_owner + i];
        enum answer answer = node->kind == FILTER_FD       ? ask_fd(node, snap, owner)
                             : owner->proc >= snap->nprocs ? UNKNOWN
                                                           : ask_proc(node, &snap->procs[owner->proc]);
        if (answer == YES) return !negative;
        known |= answer == NO;
    }
    for (uint32_t i = 0; i < conn->nholds && node->kind != FILTER_FD; i++) {
        uint32_t proc = snap->holds[conn->first_hold + i].proc;
        enum answer answer = proc < snap->nprocs ? ask_proc(node, &snap->procs[proc]) : UNKNOWN;
        if (answer == YES) return !negative;
        known |= answer == NO;
    }
    return negative && known;
}

/* --- Single conditions --- */

static bool match_host(const struct filter_node *node, const struct la_endpoint *end) {
    const struct filter_host *host = &node->host;
    unsigned whole = host->bits / 8, rest = host->bits % 8;
    bool same = host->port < 0 || end->port == host->port;
    if (host->family) same = same && (host->family == 4) == la_addr_is4(&end->addr);
    same = same && memcmp(host->addr.bytes, end->addr.bytes, whole) == 0;
    if (rest) same = same && (host->addr.bytes[whole] ^ end->addr.bytes[whole]) >> (8 - rest) == 0;
    return same == (node->op == FILTER_EQ);
}

static bool match_netns(const struct filter_node *node, const struct snap *snap, const struct snap_conn *conn) {
    if (conn->netns >= snap->nnetns) return false;
    const struct snap_netns *netns = &snap->netns[conn->netns];
    bool same = glob(node->text, node->len, netns->name ? netns->name : "self");
    same = same || (netns->inode != 0 && netns->inode == node->number);
    return same == (node->op == FILTER_EQ);
}

/* Only what both bounds agree on is certain. */
static bool match_age(const struct filter_node *node, const struct snap_age *age) {
    bool beyond = node->op == FILTER_GT || node->op == FILTER_GE;
    la_time bound = beyond ? age->least : age->most;
    return bound != LA_NEVER && compare(node->op, bound, node->number);
}

/* The port was chosen by the host, not by the program. */
static bool match_autobound(const struct snap *snap, const struct snap_conn *conn) {
    if (conn->netns >= snap->nnetns) return false;
    const int64_t *setting = snap->netns[conn->netns].setting;
    int64_t low = setting[SNAP_S_PORT_LOW], high = setting[SNAP_S_PORT_HIGH];
    return low >= 0 && high >= 0 && conn->local.port >= low && conn->local.port <= high;
}

/* A number whose greatest 32-bit value means that it is unknown. */
static bool match_known(const struct filter_node *node, uint32_t value) {
    return value != UINT32_MAX && compare(node->op, value, node->number);
}

static bool match_one(const struct filter_node *node, const struct snap *snap, const struct snap_conn *conn) {
    switch (node->kind) {
    case FILTER_STATES: return conn->state < LA_NSTATES && (node->number >> conn->state & 1) != 0;
    case FILTER_AUTOBOUND: return match_autobound(snap, conn);
    case FILTER_SRC: return match_host(node, &conn->local);
    case FILTER_DST: return match_host(node, &conn->peer);
    case FILTER_SPORT: return compare(node->op, conn->local.port, node->number);
    case FILTER_DPORT: return compare(node->op, conn->peer.port, node->number);
    case FILTER_UID: return match_known(node, conn->uid);
    case FILTER_COOKIE: return conn->cookie != 0 && compare(node->op, conn->cookie, node->number);
    case FILTER_INODE: return conn->inode != 0 && compare(node->op, conn->inode, node->number);
    case FILTER_NETNS: return match_netns(node, snap, conn);
    case FILTER_AGE: return match_age(node, &conn->age);
    case FILTER_RECV_QUEUE: return match_known(node, conn->recv_queue);
    case FILTER_SEND_QUEUE: return match_known(node, conn->send_queue);
    case FILTER_BACKOFF: return compare(node->op, conn->tries, node->number);
    default: return match_holders(node, snap, conn);
    }
}

static bool match(const struct filter_node *node, const struct snap *snap, const struct snap_conn *conn) {
    const struct filter_node *end = node + node->span;
    if (node->kind == FILTER_NOT) return !match(node + 1, snap, conn);
    if (node->kind != FILTER_AND && node->kind != FILTER_OR) return match_one(node, snap, conn);
    bool decides = node->kind == FILTER_OR;
    for (const struct filter_node *part = node + 1; part < end; part += part->span)
        if (match(part, snap, conn) == decides) return decides;
    return !decides;
}

bool filter_matches(const struct filter *filter, const struct snap *snap, const struct snap_conn *conn) {
    if (!filter || filter->n == 0) return true;
    if (conn->state < LA_NSTATES && !(filter->states >> conn->state & 1)) return false;
    return match(filter->node, snap, conn);
}

uint32_t filter_states(const struct filter *filter) { return filter ? filter->states : FILTER_ALL_STATES; }

unsigned filter_parts(const struct filter *filter) { return filter ? filter->parts : 0; }
