/* All TCP sockets of a network namespace, through sock_diag.
 *
 * Listeners are asked for by themselves, because only they need the memory attribute (it has their drops); everything
 * else is asked for with tcp_info only where that is wanted: the attributes are most of the time a dump takes. The
 * older of the kernel's two questions is asked, TCPDIAG_GETSOCK, because it alone gives IPv4 and IPv6 in one walk
 * through the kernel's tables, which may be large and nearly empty. A connection over IPv4 of an IPv6 socket comes as
 * ::ffff:a.b.c.d, which is how all our addresses are. */
#include "linux.h"

#include "linux_diag.h"
#include "linux_facts.h"
#include "linux_netlink.h"

#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>

/* The kernel's numbers for states; 12 are requests in a SYN queue, 13 sockets that are bound and nothing more. */
static uint32_t kernel_states(uint32_t states) {
    static const uint32_t bits[LA_NSTATES] = {
        [LA_CLOSED] = 1 << 7 | 1 << 13,   [LA_LISTEN] = 1 << 10,     [LA_SYN_SENT] = 1 << 2,
        [LA_SYN_RCVD] = 1 << 3 | 1 << 12, [LA_ESTABLISHED] = 1 << 1, [LA_FIN_WAIT_1] = 1 << 4,
        [LA_FIN_WAIT_2] = 1 << 5,         [LA_CLOSE_WAIT] = 1 << 8,  [LA_CLOSING] = 1 << 11,
        [LA_LAST_ACK] = 1 << 9,           [LA_TIME_WAIT] = 1 << 6,
    };
    uint32_t wanted = 0;
    for (unsigned state = 0; state < LA_NSTATES; state++)
        if (states & UINT32_C(1) << state) wanted |= bits[state];
    return wanted;
}

struct listing {
    struct snap *snap;
    struct diag_host host;
    struct linux_netlink netlink;
    bool changed;
};

static bool hear(void *ctx, const struct nlmsghdr *item) {
    struct listing *listing = ctx;
    return item->nlmsg_type != TCPDIAG_GETSOCK || linux_diag_read(listing->snap, item, &listing->host);
}

static int list(struct listing *listing, uint32_t states, unsigned attribute) {
    const struct inet_diag_req question = {
        .idiag_family = AF_UNSPEC,
        .idiag_states = kernel_states(states),
        .idiag_ext = (uint8_t)(attribute == INET_DIAG_NONE ? 0 : 1 << (attribute - 1)),
    };
    if (!states) return 0;
    return linux_netlink_dump(&listing->netlink, TCPDIAG_GETSOCK, &question, sizeof question, hear, listing,
                              &listing->changed);
}

#define CHANGED "connections that began or ended while the list was read"

static void tell_change(struct snap *snap) {
    for (uint32_t i = 0; i < snap->nblinds; i++)
        if (!strcmp(snap->blinds[i].what, CHANGED)) return;
    struct snap_blind *blind = snap_add_blind(snap);
    if (blind) blind->what = CHANGED;
}

int linux_diag(struct snap *snap, uint32_t netns, unsigned parts, uint32_t states) {
    uint32_t all = (UINT32_C(1) << LA_NSTATES) - 1, listen = UINT32_C(1) << LA_LISTEN;
    uint32_t closed = UINT32_C(1) << LA_CLOSED;
    states = states & all ? states & all : all;
    /* Sockets that are only bound are for who asks for them and nothing else. */
    if (states != closed) states &= ~closed;
    int64_t fin_timeout = linux_setting("net.ipv4.tcp_fin_timeout");
    struct listing listing = {
        .snap = snap,
        .host = {netns, fin_timeout > 0 && fin_timeout <= INT32_MAX ? (la_time)fin_timeout * LA_SECOND : LA_NEVER},
    };
    int error = linux_netlink_open(&listing.netlink, NETLINK_SOCK_DIAG);
    if (error) return error;
    error = list(&listing, states & listen, INET_DIAG_SKMEMINFO);
    if (!error) error = list(&listing, states & ~listen, parts & LINUX_MEASURED ? INET_DIAG_INFO : INET_DIAG_NONE);
    linux_netlink_close(&listing.netlink);
    if (listing.changed) tell_change(snap);
    return error;
}
