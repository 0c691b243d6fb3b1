/* inet_diag, one exact tuple at a time.
 *
 * An exact query is a lookup in the kernel's own hash, a few microseconds whatever else exists, so it can follow every
 * packet. Three traps: where there is no connection the lookup falls back to a listener, which then answers with its
 * own tuple; a kernel without the tcp_diag module answers ENOENT, as for a socket that is gone (diag_open makes a
 * listener and asks for it, so that the one is not taken for the other); and the kernel's numbers have no word for
 * "gone": no row means CLOSED. A request socket is shown as SYN_RECV, a FIN_WAIT_2 without owner as FIN_WAIT2 although
 * it lives in the TIME_WAIT table. */
#define _GNU_SOURCE
#include "tour_diag.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct diag {
    struct mnl_socket *nl;
    uint32_t seq;
};

/* The kernel's numbers (include/net/tcp_states.h; not in a user header). */
static const enum la_state states[] = {
    [0] = LA_CLOSED,     [1] = LA_ESTABLISHED, [2] = LA_SYN_SENT,  [3] = LA_SYN_RCVD,   [4] = LA_FIN_WAIT_1,
    [5] = LA_FIN_WAIT_2, [6] = LA_TIME_WAIT,   [7] = LA_CLOSED,    [8] = LA_CLOSE_WAIT, [9] = LA_LAST_ACK,
    [10] = LA_LISTEN,    [11] = LA_CLOSING,    [12] = LA_SYN_RCVD,
};

static void address(__be32 to[4], const struct la_addr *addr) {
    bool is4 = la_addr_is4(addr);
    memset(to, 0, 16);
    memcpy(to, is4 ? addr->bytes + 12 : addr->bytes, is4 ? 4 : 16);
}

static int row_of(const struct nlmsghdr *message, void *to) {
    struct diag_row *row = to;
    const struct inet_diag_msg *diag = mnl_nlmsg_get_payload(message);
    if (message->nlmsg_type != SOCK_DIAG_BY_FAMILY || mnl_nlmsg_get_payload_len(message) < sizeof *diag)
        return MNL_CB_OK;
    row->found = true;
    row->state = diag->idiag_state < sizeof states / sizeof states[0] ? states[diag->idiag_state] : LA_CLOSED;
    row->orphan = diag->idiag_inode == 0;
    row->unread = diag->idiag_rqueue;
    row->timer_runs = diag->idiag_timer != 0;
    row->timer_ms = diag->idiag_expires;
    row->cookie = (uint64_t)diag->id.idiag_cookie[1] << 32 | diag->id.idiag_cookie[0];
    return MNL_CB_STOP;
}

bool diag_query(struct diag *diag, const struct la_endpoint *local, const struct la_endpoint *peer,
                struct diag_row *row) {
    _Alignas(struct nlmsghdr) char room[8192];
    struct nlmsghdr *request = mnl_nlmsg_put_header(room);
    request->nlmsg_type = SOCK_DIAG_BY_FAMILY;
    request->nlmsg_flags = NLM_F_REQUEST;
    request->nlmsg_seq = ++diag->seq;
    struct inet_diag_req_v2 *query = mnl_nlmsg_put_extra_header(request, sizeof *query);
    query->sdiag_family = la_addr_is4(&local->addr) ? AF_INET : AF_INET6;
    query->sdiag_protocol = IPPROTO_TCP;
    query->idiag_states = ~0u;
    query->id.idiag_sport = htons(local->port);
    query->id.idiag_dport = htons(peer->port);
    address(query->id.idiag_src, &local->addr);
    address(query->id.idiag_dst, &peer->addr);
    query->id.idiag_cookie[0] = query->id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;

    *row = (struct diag_row){.state = LA_CLOSED};
    if (mnl_socket_sendto(diag->nl, request, request->nlmsg_len) < 0) return false;
    ssize_t n = mnl_socket_recvfrom(diag->nl, room, sizeof room);
    if (n < 0) return false;
    int rc = mnl_cb_run(room, (size_t)n, diag->seq, mnl_socket_get_portid(diag->nl), row_of, row);
    return rc >= 0 || errno == ENOENT;
}

/* A listener of ours must be seen. */
static bool works(struct diag *diag) {
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof in;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return false;
    struct diag_row row = {0};
    bool ok = bind(fd, (struct sockaddr *)&in, sizeof in) == 0 && listen(fd, 1) == 0 &&
              getsockname(fd, (struct sockaddr *)&in, &len) == 0;
    struct la_endpoint here = {la_addr4(127, 0, 0, 1), ntohs(in.sin_port), 0};
    struct la_endpoint there = {la_addr4(127, 0, 0, 2), 1, 0};
    ok = ok && diag_query(diag, &here, &there, &row) && row.found && row.state == LA_LISTEN;
    close(fd);
    return ok;
}

struct diag *diag_open(struct trouble *trouble) {
    struct diag *diag = calloc(1, sizeof *diag);
    if (diag) diag->nl = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
    if (diag && diag->nl && mnl_socket_bind(diag->nl, 0, MNL_SOCKET_AUTOPID) == 0 && works(diag)) return diag;
    diag_close(diag);
    snprintf(trouble->text, sizeof trouble->text,
             "the kernel does not tell its TCP states (inet_diag).\n"
             "Load the module: modprobe tcp_diag (CONFIG_INET_DIAG, CONFIG_INET_TCP_DIAG).");
    return NULL;
}

void diag_close(struct diag *diag) {
    if (!diag) return;
    if (diag->nl) mnl_socket_close(diag->nl);
    free(diag);
}
