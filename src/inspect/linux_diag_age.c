/* How long a connection has been in its state. Linux does not keep that; this is what can be concluded from what it
 * does keep, each time with its reason. All is between `least` and `most`.
 *
 * The times that tcp_info has are of the latest data received, data sent and acknowledgement received; they begin with
 * the connection, so one that has no data yet tells its age. A FIN counts as an acknowledgement and not as data.
 * Answers to keepalive probes count as acknowledgements, too, and only make `least` smaller than it could be. Timers
 * count down from known lengths: records, orphans, and segments that are sent again and again. */
#include "linux_diag.h"

#define TIME_WAIT_LENGTH (60 * LA_SECOND) /* A constant of Linux (C09). */
#define RTO_MAX (120 * LA_SECOND)
#define RTO_FIRST LA_SECOND
#define BACKOFF_MAX 16 /* More doublings than lead from the least RTO to the greatest. */

static const struct snap_age unknown = {0, LA_NEVER};

static struct snap_age exactly(la_time time) { return (struct snap_age){time, time}; }
static struct snap_age at_least(la_time time) { return (struct snap_age){time, LA_NEVER}; }

/* The two come from different events, but clocks that tick every few milliseconds may show them the wrong way round. */
static struct snap_age between(la_time least, la_time most) {
    return (struct snap_age){least < most ? least : most, most};
}

static la_time elapsed(la_time length, la_time left) { return length > left ? length - left : 0; }

/* An orphan's wait, from when its last owner closed it: tcp_fin_timeout as a record, when that is at most 60 s. Of a
 * longer one the part beyond 60 s is waited for with the whole socket and then once more as a record. TCP_LINGER2 gives
 * a connection its own length, which can only be seen when more is left than there should be. */
static struct snap_age orphan_age(const struct snap_conn *conn, la_time fin_timeout) {
    if (conn->timer != LA_TIMER_FIN_WAIT_2 || fin_timeout == LA_NEVER) return unknown;
    la_time length = fin_timeout;
    if (fin_timeout > TIME_WAIT_LENGTH) length = (fin_timeout - TIME_WAIT_LENGTH) * (conn->marks & SNAP_RECORD ? 2 : 1);
    return conn->timer_left <= length ? exactly(length - conn->timer_left) : unknown;
}

static la_time synack_timeout(unsigned tries) { return tries < 7 ? RTO_FIRST << tries : RTO_MAX; }

/* A request's timer doubles each time it fires. The count is of SYN+ACKs sent again, and those that answer the peer's
 * own repeated SYNs (at most two in a second) are among them; the timer may also fire without sending
 * (TCP_DEFER_ACCEPT). So every division of the count that the time left allows is tried, and the shortest story told.
 */
static struct snap_age embryo_age(const struct snap_conn *conn) {
    la_time least = LA_NEVER, passed = 0;
    for (unsigned fired = 0; fired <= conn->tries + 8U; fired++) {
        la_time timeout = synack_timeout(fired);
        la_time by_timer = passed + elapsed(timeout, conn->timer_left);
        la_time by_peer = fired < conn->tries ? (conn->tries - fired) * (LA_SECOND / 2) : 0;
        la_time story = by_timer > by_peer ? by_timer : by_peer;
        if (conn->timer_left <= timeout && story < least) least = story;
        passed += timeout;
    }
    return at_least(least == LA_NEVER ? 0 : least);
}

/* Since when a segment is sent without an answer. Some of the timeouts doubled the RTO, the others (a SYN's first few)
 * did not. Timers fire late by up to an eighth of their time. At the limit of the RTO it no longer tells where it
 * began. */
static struct snap_age unanswered(const struct diag_row *row, const struct snap_conn *conn) {
    unsigned tries = row->info.tcpi_retransmits, doubled = row->info.tcpi_backoff;
    if (conn->timer != LA_TIMER_RETRANSMIT || !conn->rto) return unknown;
    la_time running = elapsed(conn->rto, conn->timer_left);
    if (doubled > tries || doubled > BACKOFF_MAX) return at_least(running);
    la_time passed = (conn->rto >> doubled) * (tries + (UINT64_C(1) << doubled) - doubled - 1);
    if (conn->rto >= RTO_MAX) return at_least(passed + running);
    return (struct snap_age){passed + running, passed + passed / 8 + running};
}

/* Since when at least our FIN has been unanswered, when it is all that is in flight. Before the first timeout the timer
 * may be a shorter one, for a loss probe. */
static la_time fin_unanswered(const struct diag_row *row, const struct snap_conn *conn) {
    if (conn->send_queue || !row->info.tcpi_retransmits) return 0;
    return unanswered(row, conn).least;
}

static la_time later(la_time a, la_time b) { return a > b ? a : b; }

static struct snap_age established_age(const struct diag_row *row, la_time sent, la_time received, la_time acked) {
    bool none_in = DIAG_GIVEN(row, tcpi_bytes_received) && !row->info.tcpi_bytes_received;
    bool none_out = DIAG_GIVEN(row, tcpi_bytes_sent) && !row->info.tcpi_bytes_sent;
    /* When both ends opened at once, that of data received counts from when the host was started. */
    if (none_in && (!none_out || received < sent)) return exactly(received);
    if (none_out) return exactly(sent);
    return at_least(later(acked, later(sent, received)));
}

struct snap_age linux_diag_age(const struct diag_row *row, const struct snap_conn *conn, const struct diag_host *host) {
    if (conn->marks & SNAP_EMBRYO) return embryo_age(conn);
    if (conn->state == LA_TIME_WAIT)
        return conn->timer == LA_TIMER_TIME_WAIT ? exactly(elapsed(TIME_WAIT_LENGTH, conn->timer_left)) : unknown;
    if (conn->state == LA_FIN_WAIT_2 && !conn->inode) return orphan_age(conn, host->fin_timeout);
    if (!(conn->marks & SNAP_MEASURED)) return unknown;
    la_time sent = row->info.tcpi_last_data_sent * LA_MS, received = row->info.tcpi_last_data_recv * LA_MS,
            acked = row->info.tcpi_last_ack_recv * LA_MS;
    switch (conn->state) {
    case LA_SYN_SENT:
    case LA_SYN_RCVD: return unanswered(row, conn);
    case LA_ESTABLISHED: return established_age(row, sent, received, acked);
    case LA_CLOSE_WAIT: /* The peer's FIN was an acknowledgement, maybe not the last; its data came before or with it.
                         */
    case LA_CLOSING: return between(acked, received);
    case LA_FIN_WAIT_2: return between(acked, sent); /* Our FIN is acknowledged, our data came before or with it. */
    case LA_LAST_ACK: return between(fin_unanswered(row, conn), received); /* Not longer than since the peer's FIN. */
    case LA_FIN_WAIT_1: return at_least(fin_unanswered(row, conn));
    default: return unknown;
    }
}
