/* What the commands that list sockets share: the list itself, names of states, addresses as text, /proc/net/tcp. */
#include "shim.h"

#include <stdio.h>
#include <string.h>

#define MAX_FD 1024

static bool add(const struct drill_stack_target *t, struct shim_sockets *s, const struct la_conn_info *info, int fd) {
    if (s->count == s->room) {
        size_t room = s->room ? 2 * s->room : 16;
        struct shim_socket *at = t->alloc.alloc(t->alloc.ctx, room * sizeof *at);
        if (!at) return false;
        if (s->count) memcpy(at, s->at, s->count * sizeof *at);
        if (s->at) t->alloc.free(t->alloc.ctx, s->at, s->room * sizeof *at);
        s->at = at;
        s->room = room;
    }
    s->at[s->count++] = (struct shim_socket){*info, fd};
    return true;
}

static bool same_end(const struct la_endpoint *a, const struct la_endpoint *b) {
    return a->port == b->port && la_addr_equal(&a->addr, &b->addr);
}

/* A socket whose connection has become a record is both: the socket stands for it. */
static bool is_listed(const struct shim_sockets *s, const struct la_conn_info *info) {
    for (size_t i = 0; i < s->count; i++) {
        const struct la_conn_info *known = &s->at[i].info;
        if (info->sock >= 0 ? known->sock == info->sock
                            : known->state == info->state && known->peer.port &&
                                  same_end(&known->local, &info->local) && same_end(&known->peer, &info->peer))
            return true;
    }
    return false;
}

static bool add_all(struct drill_stack_target *t, struct shim_sockets *s) {
    struct la_conn_info info;
    for (int fd = 0; t->sys && fd < MAX_FD; fd++) {
        la_sock sock = la_sys_sock(t->sys, fd);
        if (sock >= 0 && la_conn_info(t->stack, sock, &info) == 0 && !is_listed(s, &info) && !add(t, s, &info, fd))
            return false;
    }
    uint64_t cursor = 0;
    while (la_conn_next(t->stack, &cursor, &info))
        if (!is_listed(s, &info) && !add(t, s, &info, -1)) return false;
    return true;
}

int shim_sockets(struct drill_stack_target *t, struct shim_sockets *sockets) {
    *sockets = (struct shim_sockets){NULL, 0, 0};
    if (add_all(t, sockets)) return 0;
    shim_sockets_free(t, sockets);
    return -LA_ENOMEM;
}

void shim_sockets_free(const struct drill_stack_target *t, struct shim_sockets *sockets) {
    if (sockets->at) t->alloc.free(t->alloc.ctx, sockets->at, sockets->room * sizeof *sockets->at);
    *sockets = (struct shim_sockets){NULL, 0, 0};
}

bool shim_is6(const struct la_conn_info *info) { return !la_addr_is4(&info->local.addr); }

/* --- Names --- */

static const char *const names[LA_NSTATES][STYLE_BSD + 1] = {
    [LA_CLOSED] = {"UNCONN", "CLOSE", "CLOSED"},
    [LA_LISTEN] = {"LISTEN", "LISTEN", "LISTEN"},
    [LA_SYN_SENT] = {"SYN-SENT", "SYN_SENT", "SYN_SENT"},
    [LA_SYN_RCVD] = {"SYN-RECV", "SYN_RECV", "SYN_RCVD"},
    [LA_ESTABLISHED] = {"ESTAB", "ESTABLISHED", "ESTABLISHED"},
    [LA_FIN_WAIT_1] = {"FIN-WAIT-1", "FIN_WAIT1", "FIN_WAIT_1"},
    [LA_FIN_WAIT_2] = {"FIN-WAIT-2", "FIN_WAIT2", "FIN_WAIT_2"},
    [LA_CLOSE_WAIT] = {"CLOSE-WAIT", "CLOSE_WAIT", "CLOSE_WAIT"},
    [LA_CLOSING] = {"CLOSING", "CLOSING", "CLOSING"},
    [LA_LAST_ACK] = {"LAST-ACK", "LAST_ACK", "LAST_ACK"},
    [LA_TIME_WAIT] = {"TIME-WAIT", "TIME_WAIT", "TIME_WAIT"},
};

const char *shim_state(enum la_state state, enum shim_style style) { return names[state][style]; }

static bool is_any(const struct la_addr *addr) {
    static const struct la_addr any6 = {{0}};
    struct la_addr any4 = la_addr4(0, 0, 0, 0);
    return la_addr_equal(addr, &any4) || la_addr_equal(addr, &any6);
}

void shim_endpoint(const struct la_endpoint *end, enum shim_style style, char text[64]) {
    char addr[LA_ADDR_TEXT], port[8] = "*";
    bool is4 = la_addr_is4(&end->addr);
    la_addr_format(&end->addr, addr, sizeof addr);
    if (end->port) snprintf(port, sizeof port, "%u", end->port);
    if (style == STYLE_BSD && is_any(&end->addr)) snprintf(addr, sizeof addr, "*");
    snprintf(text, 64, style == STYLE_SS && !is4 ? "[%s]:%s" : "%s:%s", addr, port);
}

/* --- /proc/net/tcp --- */

/* The kernel prints an address as words of this machine's order. */
static void add_address(struct drill_text *out, const struct la_endpoint *end, bool ip6) {
    for (unsigned i = ip6 ? 0 : 12; i < 16; i += 4) {
        uint32_t word;
        memcpy(&word, end->addr.bytes + i, 4);
        drill_text_add(out, "%08X", word);
    }
    drill_text_add(out, ":%04X ", end->port);
}

void shim_proc_net(struct drill_stack_target *t, bool ip6, struct drill_text *out) {
    static const uint8_t number[LA_NSTATES] = {
        [LA_CLOSED] = 7,      [LA_LISTEN] = 10,    [LA_SYN_SENT] = 2,   [LA_SYN_RCVD] = 3,
        [LA_ESTABLISHED] = 1, [LA_FIN_WAIT_1] = 4, [LA_FIN_WAIT_2] = 5, [LA_CLOSE_WAIT] = 8,
        [LA_CLOSING] = 11,    [LA_LAST_ACK] = 9,   [LA_TIME_WAIT] = 6,
    };
    struct shim_sockets sockets;
    unsigned line = 0;
    drill_text_add(out,
                   "  sl  local_address%s remote_address%s st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "
                   "inode\n",
                   ip6 ? "                        " : "", ip6 ? "                       " : "");
    if (shim_sockets(t, &sockets) < 0) return;
    for (size_t i = 0; i < sockets.count; i++) {
        const struct la_conn_info *info = &sockets.at[i].info;
        if (shim_is6(info) != ip6 || !info->local.port) continue;
        uint32_t send = info->state == LA_LISTEN ? 0 : info->send_queue;
        drill_text_add(out, "%4u: ", line++);
        add_address(out, &info->local, ip6);
        add_address(out, &info->peer, ip6);
        drill_text_add(out, "%02X %08X:%08X 00:00000000 %08X     0        0 %d 1\n", number[info->state], send,
                       shim_recv_queue(info), info->backoff, sockets.at[i].fd >= 0 ? 1000 + sockets.at[i].fd : 0);
    }
    shim_sockets_free(t, &sockets);
}
