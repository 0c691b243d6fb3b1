/* One socket at a time through sock_diag.
 *
 * A connection of a snapshot goes in; how it is, or that it is gone, comes out. Every request carries the cookie, so
 * that a socket that took over the addresses is never mistaken for it. It owns the netlink socket of a struct
 * cure_diag, which stays in the namespace where it was opened, whichever thread uses it, and a list of the sockets that
 * are not found by their addresses. That is made once, for whatever lives of a snapshot was there before; listeners are
 * listed afresh each time. */
#define _GNU_SOURCE
#include "linux_cure_diag.h"
#include "linux_diag.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "linux.h"
#include "linux_netns.h"

#define ANSWER 32768         /* The most that the kernel writes at once. */
#define LISTENERS (1u << 10) /* Its number for LISTEN, as a bit. */

/* --- The namespace --- */

struct entering {
    struct cure_diag *diag;
    uint64_t inode; /* That the namespace must have; 0: any. */
};

static void open_here(void *arg) {
    const struct entering *entering = arg;
    struct cure_diag *diag = entering->diag;
    struct stat found;
    diag->error = 0;
    if (entering->inode && (stat("/proc/thread-self/ns/net", &found) || found.st_ino != entering->inode)) {
        diag->error = -ESTALE;
        return;
    }
    diag->link = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
    if (diag->link && !mnl_socket_bind(diag->link, 0, MNL_SOCKET_AUTOPID)) return;
    diag->error = -errno;
    cure_diag_close(diag);
}

struct elsewhere {
    struct entering entering;
    int error;
};

static void open_if_same(void *arg, const struct netns_found *netns) {
    struct elsewhere *elsewhere = arg;
    if (elsewhere->entering.diag->link || netns->inode != elsewhere->entering.inode) return;
    elsewhere->error = netns->fd < 0 ? netns->fd : linux_in_netns_fd(netns->fd, open_here, &elsewhere->entering);
    if (!elsewhere->error) elsewhere->error = elsewhere->entering.diag->error;
}

/* Whoever showed the way to it may have ended, or left it: somebody else may still be there. */
static int open_elsewhere(const struct entering *entering) {
    struct elsewhere elsewhere = {*entering, -ENOENT};
    struct snap *texts = entering->inode ? snap_new() : NULL;
    if (texts) linux_netns_each(texts, open_if_same, &elsewhere);
    snap_free(texts);
    return elsewhere.error;
}

int cure_diag_open(struct cure_diag *diag, const struct snap_netns *netns) {
    struct entering entering = {diag, netns->inode};
    char path[4096];
    int pid = 0, len;
    diag->link = NULL;
    if (!netns->name) {
        open_here(&entering);
        return diag->error;
    }
    if (sscanf(netns->name, "pid %d", &pid) == 1) {
        len = snprintf(path, sizeof path, "/proc/%d/ns/net", pid);
    } else {
        len = snprintf(path, sizeof path, "/run/netns/%s", netns->name);
        if (strchr(netns->name, '/')) len = -1;
    }
    if (len < 0 || (size_t)len >= sizeof path) return diag->error = -EINVAL;
    int error = linux_in_netns(path, open_here, &entering);
    if (!error) error = diag->error;
    if (error == -ENOENT || error == -ESTALE || error == -ESRCH) error = open_elsewhere(&entering);
    return diag->error = error;
}

static void forget_odd(struct cure_odd *odd) {
    free(odd->names);
    map_free(&odd->by_cookie);
    *odd = (struct cure_odd){0};
}

void cure_diag_close(struct cure_diag *diag) {
    if (diag->link) mnl_socket_close(diag->link);
    diag->link = NULL;
    forget_odd(&diag->odd);
}

/* --- Asking --- */

/* What the kernel does not name any more is closed. */
static uint8_t state_of(uint8_t number) {
    enum la_state state = linux_diag_state(number);
    return state == LA_NSTATES ? LA_CLOSED : (uint8_t)state;
}

static uint64_t cookie_of(const struct inet_diag_sockid *id) {
    return (uint64_t)id->idiag_cookie[1] << 32 | id->idiag_cookie[0];
}

static void set_cookie(struct inet_diag_sockid *id, uint64_t cookie) {
    id->idiag_cookie[0] = (uint32_t)cookie;
    id->idiag_cookie[1] = (uint32_t)(cookie >> 32);
}

static void set_address(uint32_t *words, uint8_t family, const struct la_addr *addr) {
    if (family == AF_INET)
        memcpy(words, addr->bytes + 12, 4);
    else
        memcpy(words, addr->bytes, 16);
}

struct answer {
    uint64_t cookie; /* The one that is looked for. */
    bool found;
    struct cure_name *name;
    struct cure_vitals *vitals;
};

static int read_attribute(const struct nlattr *attr, void *arg) {
    struct cure_vitals *vitals = arg;
    struct tcp_info info = {0};
    size_t len = mnl_attr_get_payload_len(attr);
    if (mnl_attr_get_type(attr) != INET_DIAG_INFO) return MNL_CB_OK;
    memcpy(&info, mnl_attr_get_payload(attr), len < sizeof info ? len : sizeof info);
    vitals->ack_received = info.tcpi_last_ack_recv * LA_MS;
    vitals->probes = info.tcpi_probes;
    return MNL_CB_STOP;
}

static int read_answer(const struct nlmsghdr *header, void *arg) {
    struct answer *answer = arg;
    const struct inet_diag_msg *msg = mnl_nlmsg_get_payload(header);
    if (mnl_nlmsg_get_payload_len(header) < sizeof *msg || cookie_of(&msg->id) != answer->cookie) return MNL_CB_OK;
    answer->found = true;
    *answer->name = (struct cure_name){msg->idiag_family, msg->id};
    *answer->vitals = (struct cure_vitals){
        .state = state_of(msg->idiag_state),
        .recv_queue = msg->idiag_rqueue,
        .send_queue = msg->idiag_wqueue,
        .timer_left = msg->idiag_timer ? msg->idiag_expires * LA_MS : LA_NEVER,
        .ack_received = LA_NEVER,
    };
    mnl_attr_parse(header, sizeof *msg, read_attribute, answer->vitals);
    return MNL_CB_OK;
}

/* One request and its whole answer, which `read` is told. 0 or -errno. */
static int ask(struct cure_diag *diag, uint16_t type, uint16_t flags, const struct inet_diag_req_v2 *request,
               mnl_cb_t read, void *arg) {
    char buffer[ANSWER];
    struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
    header->nlmsg_type = type;
    header->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
    header->nlmsg_seq = ++diag->serial;
    memcpy(mnl_nlmsg_put_extra_header(header, sizeof *request), request, sizeof *request);
    if (mnl_socket_sendto(diag->link, header, header->nlmsg_len) < 0) return -errno;
    for (int more = MNL_CB_OK; more == MNL_CB_OK;) {
        ssize_t len = mnl_socket_recvfrom(diag->link, buffer, sizeof buffer);
        if (len < 0 && errno == EINTR) continue;
        if (len < 0) return -errno;
        more = mnl_cb_run(buffer, (size_t)len, diag->serial, mnl_socket_get_portid(diag->link), read, arg);
        if (more < 0) return -errno;
        if (!(flags & (NLM_F_DUMP | NLM_F_ACK))) break;
    }
    return 0;
}

static struct inet_diag_req_v2 request_for(const struct cure_name *name) {
    return (struct inet_diag_req_v2){
        .sdiag_family = name->family,
        .sdiag_protocol = IPPROTO_TCP,
        .idiag_ext = 1 << (INET_DIAG_INFO - 1),
        .idiag_states = UINT32_MAX,
        .id = name->id,
    };
}

int cure_diag_look(struct cure_diag *diag, const struct cure_name *name, struct cure_vitals *vitals) {
    struct cure_name same = *name;
    struct answer answer = {.cookie = cookie_of(&name->id), .name = &same, .vitals = vitals};
    struct inet_diag_req_v2 request = request_for(name);
    int error = ask(diag, SOCK_DIAG_BY_FAMILY, 0, &request, read_answer, &answer);
    /* Another cookie under the same addresses is ESTALE. */
    if (error == -ESTALE || (!error && !answer.found)) return -ENOENT;
    return error;
}

/* --- What addresses do not find --- */

static int read_odd(const struct nlmsghdr *header, void *arg) {
    struct cure_odd *odd = arg;
    const struct inet_diag_msg *msg = mnl_nlmsg_get_payload(header);
    if (mnl_nlmsg_get_payload_len(header) < sizeof *msg) return MNL_CB_OK;
    if (!msg->id.idiag_if && state_of(msg->idiag_state) != LA_LISTEN) return MNL_CB_OK;
    if (odd->n == odd->room) {
        uint32_t room = odd->room ? odd->room * 2 : 64;
        struct cure_name *names = realloc(odd->names, room * sizeof *names);
        odd->failed |= !names;
        if (!names) return MNL_CB_OK;
        odd->names = names;
        odd->room = room;
    }
    odd->failed |= !map_put(&odd->by_cookie, cookie_of(&msg->id), odd->n);
    odd->names[odd->n++] = (struct cure_name){msg->idiag_family, msg->id};
    return MNL_CB_OK;
}

static int list_odd(struct cure_diag *diag, bool listeners) {
    static const uint8_t families[] = {AF_INET, AF_INET6};
    struct inet_diag_req_v2 request = {.sdiag_protocol = IPPROTO_TCP};
    forget_odd(&diag->odd);
    request.idiag_states = listeners ? LISTENERS : ~LISTENERS;
    for (size_t i = 0; i < sizeof families; i++) {
        request.sdiag_family = families[i];
        int error = ask(diag, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, &request, read_odd, &diag->odd);
        if (error && error != -ENOENT) return error;
    }
    diag->odd.listed = !listeners;
    return diag->odd.failed ? -ENOMEM : 0;
}

static int find_odd(struct cure_diag *diag, const struct snap_conn *conn, struct cure_name *name,
                    struct cure_vitals *vitals) {
    bool listener = conn->state == LA_LISTEN;
    int error = listener || !diag->odd.listed ? list_odd(diag, listener) : 0;
    uint32_t at = error ? MAP_NONE : map_get(&diag->odd.by_cookie, conn->cookie);
    if (error || at == MAP_NONE) return error ? error : -ENOENT;
    *name = diag->odd.names[at];
    if (!listener) return cure_diag_look(diag, name, vitals);
    *vitals = (struct cure_vitals){.state = LA_LISTEN, .timer_left = LA_NEVER, .ack_received = LA_NEVER};
    return 0;
}

static uint16_t big_endian(uint16_t port) {
    const uint8_t bytes[2] = {(uint8_t)(port >> 8), (uint8_t)port};
    uint16_t value;
    memcpy(&value, bytes, sizeof value);
    return value;
}

int cure_diag_find(struct cure_diag *diag, const struct snap_conn *conn, struct cure_name *name,
                   struct cure_vitals *vitals) {
    uint8_t family = la_addr_is4(&conn->local.addr) ? AF_INET : AF_INET6;
    *name = (struct cure_name){.family = family};
    name->id.idiag_sport = big_endian(conn->local.port);
    name->id.idiag_dport = big_endian(conn->peer.port);
    name->id.idiag_if = conn->local.zone ? conn->local.zone - 1u : 0;
    set_address(name->id.idiag_src, family, &conn->local.addr);
    set_address(name->id.idiag_dst, family, &conn->peer.addr);
    set_cookie(&name->id, conn->cookie);
    int error = cure_diag_look(diag, name, vitals);
    return error == -ENOENT ? find_odd(diag, conn, name, vitals) : error;
}

int cure_diag_destroy(struct cure_diag *diag, const struct cure_name *name) {
    struct inet_diag_req_v2 request = request_for(name);
    int error = ask(diag, SOCK_DESTROY, NLM_F_ACK, &request, NULL, NULL);
    return error == -ESTALE ? -ENOENT : error;
}
