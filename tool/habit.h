/* What ss, netstat and lsof have in common here: words and layouts that scripts have learned to parse. */
#ifndef TOOL_HABIT_H
#define TOOL_HABIT_H

#include "inspect/snap.h"

#include <stdio.h>

/* "ESTABLISHED", "FIN_WAIT1", "CLOSE": as netstat and lsof write it. */
const char *habit_state(int state);
/* The state by such a name, whatever its case; -1. */
int habit_find_state(const char *name, size_t len);
/* The number that the kernel gives the running timer: 0 none, 1 retransmit, 2 keepalive, 3 TIME_WAIT, 4 probe. */
unsigned habit_timer(const struct snap_conn *conn);
/* Whether the socket is an IPv6 one. */
bool habit_is6(const struct snap_conn *conn);
/* The address alone; IPv4 is dotted even on an IPv6 socket. */
void habit_addr(char text[LA_ADDR_TEXT], const struct la_addr *addr);
/* A user's name, or number where there is none. Asked again and again, it looks up each user once. */
const char *habit_user(uint32_t uid);
/* The queues as /proc/net/tcp counts them: SYN and FIN are a byte each, and a listener's backlog is not told. Unknown
 * is 0, as these tools know no other word. */
uint32_t habit_recv_queue(const struct snap_conn *conn);
uint32_t habit_send_queue(const struct snap_conn *conn);

#endif
