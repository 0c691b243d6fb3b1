#include "habit.h"

#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char *const states[LA_NSTATES] = {
    [LA_CLOSED] = "CLOSE",          [LA_LISTEN] = "LISTEN",           [LA_SYN_SENT] = "SYN_SENT",
    [LA_SYN_RCVD] = "SYN_RECV",     [LA_FIN_WAIT_1] = "FIN_WAIT1",    [LA_FIN_WAIT_2] = "FIN_WAIT2",
    [LA_CLOSE_WAIT] = "CLOSE_WAIT", [LA_CLOSING] = "CLOSING",         [LA_LAST_ACK] = "LAST_ACK",
    [LA_TIME_WAIT] = "TIME_WAIT",   [LA_ESTABLISHED] = "ESTABLISHED",
};

const char *habit_state(int state) { return state >= 0 && state < LA_NSTATES ? states[state] : "UNKNOWN"; }

int habit_find_state(const char *name, size_t len) {
    for (int i = 0; i < LA_NSTATES; i++)
        if (strlen(states[i]) == len && !strncasecmp(states[i], name, len)) return i;
    return -1;
}

unsigned habit_timer(const struct snap_conn *conn) {
    switch (conn->timer) {
    case LA_TIMER_RETRANSMIT: return 1;
    case LA_TIMER_KEEPALIVE: return 2;
    case LA_TIMER_TIME_WAIT: return 3;
    /* The kernel runs it as a record's, or on the keepalive timer while the socket is whole. */
    case LA_TIMER_FIN_WAIT_2: return conn->marks & SNAP_RECORD ? 3 : 2;
    case LA_TIMER_PERSIST: return 4;
    default: return 0;
    }
}

bool habit_is6(const struct snap_conn *conn) {
    return (conn->marks & SNAP_INET6) != 0 || !la_addr_is4(&conn->local.addr);
}

void habit_addr(char text[LA_ADDR_TEXT], const struct la_addr *addr) { la_addr_format(addr, text, LA_ADDR_TEXT); }

const char *habit_user(uint32_t uid) {
    static struct {
        uint32_t uid;
        char name[40];
    } known[64];
    size_t at = uid % (sizeof known / sizeof known[0]);
    if (known[at].uid == uid && *known[at].name) return known[at].name;
    const struct passwd *user = getpwuid(uid);
    known[at].uid = uid;
    if (user)
        snprintf(known[at].name, sizeof known[at].name, "%s", user->pw_name);
    else
        snprintf(known[at].name, sizeof known[at].name, "%u", uid);
    return known[at].name;
}

uint32_t habit_recv_queue(const struct snap_conn *conn) {
    return conn->recv_queue == UINT32_MAX ? 0 : conn->recv_queue + (conn->eof == SNAP_EOF_UNREAD);
}

uint32_t habit_send_queue(const struct snap_conn *conn) {
    bool unanswered = conn->state == LA_SYN_SENT || conn->state == LA_FIN_WAIT_1 || conn->state == LA_CLOSING ||
                      conn->state == LA_LAST_ACK;
    bool told = conn->state != LA_LISTEN && conn->send_queue != UINT32_MAX;
    return told ? conn->send_queue + unanswered : 0;
}
