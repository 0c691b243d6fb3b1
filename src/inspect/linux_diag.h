/* One row of the kernel's list of TCP sockets (sock_diag), as it comes over netlink, into a connection. */
#ifndef INSPECT_LINUX_DIAG_H
#define INSPECT_LINUX_DIAG_H

#include <linux/inet_diag.h>
#include <linux/tcp.h>

#include "snap.h"

struct nlmsghdr;

/* What is common to all rows of a namespace. */
struct diag_host {
    uint32_t netns;
    la_time fin_timeout; /* net.ipv4.tcp_fin_timeout; LA_NEVER: unknown. */
};

/* A row taken apart. */
struct diag_row {
    struct inet_diag_msg msg;
    bool full;        /* A whole socket: not a request in a SYN queue, nor a compact record. */
    uint8_t shutdown; /* RCV_SHUTDOWN 1, SEND_SHUTDOWN 2 */
    bool v6only;
    uint32_t drops; /* UINT32_MAX: unknown. */
    uint64_t cgroup;
    size_t info_len; /* Bytes of `info` that the kernel gave; those behind are 0. */
    struct tcp_info info;
};

/* Whether the kernel gave this field of tcp_info. */
#define DIAG_GIVEN(row, field) ((row)->info_len >= offsetof(struct tcp_info, field) + sizeof((row)->info.field))

/* Adds the connection of one message. False: memory was refused. What is no row of TCP is skipped. */
bool linux_diag_read(struct snap *snap, const struct nlmsghdr *message, const struct diag_host *host);

/* How long a connection has been in its state, as far as the row tells. State, marks, timer, inode and queues of `conn`
 * are filled in. */
struct snap_age linux_diag_age(const struct diag_row *row, const struct snap_conn *conn, const struct diag_host *host);

/* A state by the kernel's number (linux/tcp_states.h, which it does not export): enum la_state, where 12 is a request
 * in a SYN queue and 13 a socket that is only bound; LA_NSTATES: there is no such state. */
enum la_state linux_diag_state(int64_t number);

#endif
