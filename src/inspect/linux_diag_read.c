/* From a message of sock_diag to a connection.
 *
 * The kernel's list mixes four kinds of things, and what their fields mean differs:
 *
 * Whole sockets always have INET_DIAG_SHUTDOWN, and tcp_info when asked for. Without an inode nobody holds them: those
 * that cannot have been closed yet (ESTABLISHED, CLOSE_WAIT, SYN_RECV) wait in an accept queue, the others are orphans.
 *
 * Requests in a SYN queue are SYN_RECV without attributes; timer and retransmissions are those of the SYN+ACK.
 *
 * Records are TIME_WAIT, and FIN_WAIT2 of orphans: timer 3, no attributes, but the cookie of the socket they were.
 *
 * Listeners' queues count connections, and their socket memory counts drops.
 *
 * Linux counts SYN and FIN as one byte of the queues each. Here queues are bytes of data, and end of file has its own
 * field. */
#include "linux_diag.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/sock_diag.h>
#include <string.h>
#include <sys/socket.h>

enum { DIAG_TIMER_NONE, DIAG_TIMER_RETRANSMIT, DIAG_TIMER_SOCKET, DIAG_TIMER_RECORD, DIAG_TIMER_PROBE };

static int read_attribute(const struct nlattr *attribute, void *ctx) {
    struct diag_row *row = ctx;
    const uint8_t *data = mnl_attr_get_payload(attribute);
    size_t len = mnl_attr_get_payload_len(attribute), drops_at = SK_MEMINFO_DROPS * sizeof row->drops;
    switch (mnl_attr_get_type(attribute)) {
    case INET_DIAG_INFO:
        row->info_len = len < sizeof row->info ? len : sizeof row->info; /* An older kernel's is shorter. */
        memcpy(&row->info, data, row->info_len);
        break;
    case INET_DIAG_SHUTDOWN:
        row->full = true;
        if (len >= 1) row->shutdown = data[0];
        break;
    case INET_DIAG_SKV6ONLY:
        if (len >= 1) row->v6only = data[0] != 0;
        break;
    case INET_DIAG_SKMEMINFO:
        if (len >= drops_at + sizeof row->drops) memcpy(&row->drops, data + drops_at, sizeof row->drops);
        break;
    case INET_DIAG_CGROUP_ID:
        if (len >= sizeof row->cgroup) memcpy(&row->cgroup, data, sizeof row->cgroup);
        break;
    default: break;
    }
    return MNL_CB_OK;
}

static bool read_row(const struct nlmsghdr *message, struct diag_row *row) {
    if (mnl_nlmsg_get_payload_len(message) < sizeof row->msg) return false;
    memset(row, 0, sizeof *row);
    row->drops = UINT32_MAX;
    memcpy(&row->msg, mnl_nlmsg_get_payload(message), sizeof row->msg);
    (void)mnl_attr_parse(message, sizeof row->msg, read_attribute, row);
    return row->msg.idiag_family == AF_INET || row->msg.idiag_family == AF_INET6;
}

enum la_state linux_diag_state(int64_t number) {
    static const uint8_t states[] = {
        LA_NSTATES, LA_ESTABLISHED, LA_SYN_SENT, LA_SYN_RCVD, LA_FIN_WAIT_1, LA_FIN_WAIT_2, LA_TIME_WAIT,
        LA_CLOSED,  LA_CLOSE_WAIT,  LA_LAST_ACK, LA_LISTEN,   LA_CLOSING,    LA_SYN_RCVD,   LA_CLOSED,
    };
    return number >= 0 && number < (int64_t)sizeof states ? (enum la_state)states[number] : LA_NSTATES;
}

static struct la_endpoint endpoint_of(const struct diag_row *row, const uint32_t *addr, uint16_t port) {
    struct la_endpoint endpoint = {.port = ntohs(port)};
    uint8_t *bytes = endpoint.addr.bytes;
    if (row->msg.idiag_family == AF_INET) {
        bytes[10] = bytes[11] = 0xff;
        memcpy(bytes + 12, addr, 4);
        return endpoint;
    }
    memcpy(bytes, addr, 16);
    uint32_t device = row->msg.id.idiag_if;
    bool link_local = bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80;
    if (link_local && device && device < UINT16_MAX) endpoint.zone = (uint16_t)(device + 1);
    return endpoint;
}

static uint8_t marks_of(const struct diag_row *row, enum la_state state) {
    if (state == LA_LISTEN || state == LA_CLOSED) return 0;
    if (!row->full && state == LA_SYN_RCVD) return SNAP_EMBRYO;
    if (!row->full || row->msg.idiag_timer == DIAG_TIMER_RECORD) return SNAP_RECORD;
    bool open = state == LA_ESTABLISHED || state == LA_CLOSE_WAIT || state == LA_SYN_RCVD;
    return (uint8_t)((open && !row->msg.idiag_inode ? SNAP_QUEUED : 0) | (row->info_len ? SNAP_MEASURED : 0));
}

static uint8_t family_marks(const struct diag_row *row) {
    if (row->msg.idiag_family != AF_INET6) return 0;
    return row->v6only ? SNAP_INET6 | SNAP_V6ONLY : SNAP_INET6;
}

static enum la_timer timer_of(const struct diag_row *row, enum la_state state) {
    switch (row->msg.idiag_timer) {
    case DIAG_TIMER_RETRANSMIT: return LA_TIMER_RETRANSMIT;
    case DIAG_TIMER_SOCKET: /* Keepalive's; an orphan's, when tcp_fin_timeout is more than a record may have (60 s). */
        return state == LA_FIN_WAIT_2 && !row->msg.idiag_inode ? LA_TIMER_FIN_WAIT_2 : LA_TIMER_KEEPALIVE;
    case DIAG_TIMER_RECORD: return state == LA_TIME_WAIT ? LA_TIMER_TIME_WAIT : LA_TIMER_FIN_WAIT_2;
    case DIAG_TIMER_PROBE: /* With segments in flight it is a probe for their loss, not for the window. */
        return row->info.tcpi_unacked ? LA_TIMER_RETRANSMIT : LA_TIMER_PERSIST;
    default: return LA_NTIMERS;
    }
}

static bool fin_arrived(enum la_state state) {
    return state == LA_CLOSE_WAIT || state == LA_CLOSING || state == LA_LAST_ACK || state == LA_TIME_WAIT;
}

/* Our SYN or FIN is not acknowledged. */
static bool flag_unanswered(enum la_state state) {
    return state == LA_SYN_SENT || state == LA_FIN_WAIT_1 || state == LA_CLOSING || state == LA_LAST_ACK;
}

static uint32_t less_one(uint32_t count, bool flag) { return flag && count ? count - 1 : count; }

/* An unread byte can only be the FIN, or data before it: then end of file is unread for certain. None may mean that the
 * FIN went with the last data, and its reader has yet to come back for end of file. */
static enum snap_eof eof_of(const struct diag_row *row, const struct snap_conn *conn) {
    if (!fin_arrived((enum la_state)conn->state)) return SNAP_EOF_NONE;
    bool reader = row->msg.idiag_inode || conn->marks & SNAP_QUEUED;
    return reader && row->msg.idiag_rqueue ? SNAP_EOF_UNREAD : SNAP_EOF_AMBIGUOUS;
}

static uint8_t shut_of(const struct diag_row *row, const struct snap_conn *conn) {
    if (conn->marks & SNAP_RECORD) return SNAP_SHUT_READ | SNAP_SHUT_WRITE;
    return (uint8_t)((row->shutdown & 1 ? SNAP_SHUT_READ : 0) | (row->shutdown & 2 ? SNAP_SHUT_WRITE : 0));
}

static la_time ago(uint32_t ms) { return ms * LA_MS; }

/* Before the handshake is over, the times of tcp_info count from when the host was started. */
static void fill_ages(const struct diag_row *row, struct snap_conn *conn) {
    const struct tcp_info *info = &row->info;
    if (conn->state == LA_SYN_SENT || conn->state == LA_SYN_RCVD) return;
    if (info->tcpi_bytes_sent || !DIAG_GIVEN(row, tcpi_bytes_sent)) conn->data_sent = ago(info->tcpi_last_data_sent);
    if (conn->bytes_in || !DIAG_GIVEN(row, tcpi_bytes_received)) conn->data_received = ago(info->tcpi_last_data_recv);
    conn->ack_received = ago(info->tcpi_last_ack_recv);
}

static void fill_measured(const struct diag_row *row, struct snap_conn *conn) {
    const struct tcp_info *info = &row->info;
    enum la_state state = (enum la_state)conn->state;
    conn->rtt = info->tcpi_rtt * LA_US;
    conn->rto = info->tcpi_rto * LA_US;
    if (DIAG_GIVEN(row, tcpi_snd_wnd)) conn->peer_window = info->tcpi_snd_wnd;
    conn->unsent = less_one(info->tcpi_notsent_bytes, flag_unanswered(state));
    conn->retransmits = info->tcpi_total_retrans;
    conn->lost = info->tcpi_lost;
    conn->mss = info->tcpi_snd_mss;
    conn->cwnd = info->tcpi_snd_cwnd < UINT32_MAX / (conn->mss + 1) ? info->tcpi_snd_cwnd * conn->mss : UINT32_MAX;
    uint64_t in = info->tcpi_bytes_received, out = info->tcpi_bytes_acked;
    conn->bytes_in = in - (in && fin_arrived(state));
    if (DIAG_GIVEN(row, tcpi_bytes_retrans)) { /* What is acknowledged without the SYN and the FIN. */
        uint64_t first = info->tcpi_bytes_sent - info->tcpi_bytes_retrans, flying = conn->send_queue - conn->unsent;
        out = conn->send_queue >= conn->unsent && first >= flying ? first - flying : first;
    }
    conn->bytes_out = out;
    conn->window_limited = info->tcpi_rwnd_limited * LA_US;
    fill_ages(row, conn);
}

static void fill(const struct diag_row *row, const struct diag_host *host, struct snap_conn *conn) {
    const struct inet_diag_msg *msg = &row->msg;
    enum la_state state = linux_diag_state(row->msg.idiag_state);
    conn->cookie = (uint64_t)msg->id.idiag_cookie[1] << 32 | msg->id.idiag_cookie[0];
    conn->inode = msg->idiag_inode;
    conn->local = endpoint_of(row, msg->id.idiag_src, msg->id.idiag_sport);
    conn->peer = endpoint_of(row, msg->id.idiag_dst, msg->id.idiag_dport);
    conn->netns = host->netns;
    conn->state = (uint8_t)state;
    conn->marks = marks_of(row, state) | family_marks(row);
    if (msg->idiag_inode) conn->uid = msg->idiag_uid; /* Without a descriptor it says 0, whoever made it. */
    conn->timer = (uint8_t)timer_of(row, state);
    if (conn->timer != LA_NTIMERS) {
        conn->timer_left = msg->idiag_expires <= INT32_MAX ? msg->idiag_expires * LA_MS : 0; /* Negative: due. */
        conn->tries = msg->idiag_retrans;
        /* A peer whose window is zero answers every probe, which sets the count back; the interval goes on to double.
         */
        if (conn->timer == LA_TIMER_PERSIST && conn->tries < row->info.tcpi_backoff)
            conn->tries = row->info.tcpi_backoff;
    }
    conn->shut = shut_of(row, conn);
    conn->eof = (uint8_t)eof_of(row, conn);
    conn->recv_queue = less_one(msg->idiag_rqueue, fin_arrived(state));
    conn->send_queue = less_one(msg->idiag_wqueue, flag_unanswered(state));
    conn->cgroup = row->cgroup;
    if (state == LA_LISTEN) conn->drops = row->drops;
    if (conn->marks & SNAP_MEASURED) fill_measured(row, conn);
    conn->age = linux_diag_age(row, conn, host);
}

bool linux_diag_read(struct snap *snap, const struct nlmsghdr *message, const struct diag_host *host) {
    struct diag_row row;
    if (!read_row(message, &row) || linux_diag_state(row.msg.idiag_state) == LA_NSTATES) return true;
    struct snap_conn *conn = snap_add_conn(snap);
    if (conn) fill(&row, host, conn);
    return conn != NULL;
}
