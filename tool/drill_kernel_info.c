/* One connection by sock_diag(7): TIME_WAIT and the records of half-open connections included. */
#define _GNU_SOURCE
#include "drill_kernel_info.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct answer {
    bool found, has_tcp;
    struct inet_diag_msg socket;
    struct tcp_info tcp;
};

/* --- Asking --- */

static void put_addr(__be32 place[4], const struct la_addr *addr) {
    bool is4 = la_addr_is4(addr);
    memcpy(place, is4 ? addr->bytes + 12 : addr->bytes, is4 ? 4 : 16);
}

static int hear_attribute(const struct nlattr *attribute, void *ctx) {
    struct answer *answer = ctx;
    if (mnl_attr_get_type(attribute) != INET_DIAG_INFO) return MNL_CB_OK;
    size_t len = mnl_attr_get_payload_len(attribute); /* An older kernel's is shorter: the rest stays 0. */
    memcpy(&answer->tcp, mnl_attr_get_payload(attribute), len < sizeof answer->tcp ? len : sizeof answer->tcp);
    answer->has_tcp = true;
    return MNL_CB_OK;
}

static int hear(const struct nlmsghdr *message, void *ctx) {
    struct answer *answer = ctx;
    if (mnl_nlmsg_get_payload_len(message) < sizeof answer->socket) return MNL_CB_ERROR;
    memcpy(&answer->socket, mnl_nlmsg_get_payload(message), sizeof answer->socket);
    answer->found = true;
    return mnl_attr_parse(message, sizeof answer->socket, hear_attribute, answer);
}

static struct nlmsghdr *question(void *room, const struct la_endpoint *local, const struct la_endpoint *remote) {
    struct nlmsghdr *request = mnl_nlmsg_put_header(room);
    request->nlmsg_type = SOCK_DIAG_BY_FAMILY;
    request->nlmsg_flags = NLM_F_REQUEST;
    struct inet_diag_req_v2 *wanted = mnl_nlmsg_put_extra_header(request, sizeof *wanted);
    wanted->sdiag_family = la_addr_is4(&local->addr) ? AF_INET : AF_INET6;
    wanted->sdiag_protocol = IPPROTO_TCP;
    wanted->idiag_ext = 1 << (INET_DIAG_INFO - 1);
    wanted->idiag_states = UINT32_MAX;
    wanted->id.idiag_sport = htons(local->port);
    wanted->id.idiag_dport = htons(remote->port);
    wanted->id.idiag_cookie[0] = wanted->id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
    put_addr(wanted->id.idiag_src, &local->addr);
    put_addr(wanted->id.idiag_dst, &remote->addr);
    return request;
}

/* False when there is no such connection, or nobody to ask. */
static bool find(const struct la_endpoint *local, const struct la_endpoint *remote, struct answer *answer) {
    _Alignas(struct nlmsghdr) char room[2048];
    *answer = (struct answer){0};
    struct mnl_socket *nl = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
    if (!nl) return false;
    struct nlmsghdr *request = question(room, local, remote);
    if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) == 0 && mnl_socket_sendto(nl, request, request->nlmsg_len) >= 0) {
        ssize_t n = mnl_socket_recvfrom(nl, room, sizeof room);
        if (n > 0) (void)mnl_cb_run(room, (size_t)n, 0, 0, hear, answer);
    }
    mnl_socket_close(nl);
    /* For want of a connection the kernel names the listener. */
    return answer->found && answer->socket.id.idiag_dport == htons(remote->port);
}

int kernel_state(const struct la_endpoint *local, const struct la_endpoint *remote) {
    /* In the order of the kernel's numbers, the last one for the records of half-open connections. */
    static const enum la_state states[] = {
        LA_CLOSED, LA_ESTABLISHED, LA_SYN_SENT, LA_SYN_RCVD, LA_FIN_WAIT_1, LA_FIN_WAIT_2, LA_TIME_WAIT,
        LA_CLOSED, LA_CLOSE_WAIT,  LA_LAST_ACK, LA_LISTEN,   LA_CLOSING,    LA_SYN_RCVD,
    };
    struct answer answer;
    if (!find(local, remote, &answer)) return -LA_ENOENT;
    unsigned state = answer.socket.idiag_state;
    return state < sizeof states / sizeof states[0] ? (int)states[state] : LA_CLOSED;
}

/* --- Telling --- */

struct text {
    char *at;
    size_t size, len;
};

static void __attribute__((format(printf, 2, 3))) say(struct text *text, const char *format, ...) {
    va_list values;
    va_start(values, format);
    int n = vsnprintf(text->at + text->len, text->size - text->len, format, values);
    va_end(values);
    if (n > 0) text->len += (size_t)n;
    if (text->len >= text->size) text->len = text->size - 1;
}

static void tell_tcp(struct text *text, const struct tcp_info *tcp) {
    static const char *const loss[] = {"Open", "Disorder", "CWR", "Recovery", "Loss"};
    say(text, "  cwnd %u ssthresh %u mss %u rtt %u/%u us rto %u us, %s\n", tcp->tcpi_snd_cwnd, tcp->tcpi_snd_ssthresh,
        tcp->tcpi_snd_mss, tcp->tcpi_rtt, tcp->tcpi_rttvar, tcp->tcpi_rto,
        tcp->tcpi_ca_state < 5 ? loss[tcp->tcpi_ca_state] : "?");
    say(text, "  unacked %u sacked %u lost %u retrans %u/%u backoff %u probes %u, sent %llu acked %llu received %llu\n",
        tcp->tcpi_unacked, tcp->tcpi_sacked, tcp->tcpi_lost, tcp->tcpi_retrans, tcp->tcpi_total_retrans,
        tcp->tcpi_backoff, tcp->tcpi_probes, (unsigned long long)tcp->tcpi_bytes_sent,
        (unsigned long long)tcp->tcpi_bytes_acked, (unsigned long long)tcp->tcpi_bytes_received);
}

/* A line of names and below it one of values, each beginning with the group's name. */
static void tell_group(struct text *text, char *names, char *values, const char *group) {
    char *name_at = NULL, *value_at = NULL;
    char *name = strtok_r(names, " \n", &name_at), *value = strtok_r(values, " \n", &value_at);
    if (!name || strcmp(name, group) != 0) return;
    while ((name = strtok_r(NULL, " \n", &name_at)) && (value = strtok_r(NULL, " \n", &value_at)))
        if (strcmp(value, "0") != 0 && strncmp(name, "Rto", 3) != 0 && strcmp(name, "MaxConn") != 0)
            say(text, " %s %s", name, value);
}

/* The namespace is as old as the script: what counts is the script's. */
static void tell_counters(struct text *text, const char *path, const char *group) {
    char *line[2] = {NULL, NULL};
    size_t room[2] = {0, 0};
    FILE *file = fopen(path, "re");
    if (!file) return;
    while (getline(&line[0], &room[0], file) > 0 && getline(&line[1], &room[1], file) > 0)
        tell_group(text, line[0], line[1], group);
    fclose(file);
    free(line[0]);
    free(line[1]);
}

void kernel_explain(const struct la_endpoint *local, const struct la_endpoint *remote, char *text, size_t size) {
    struct answer answer;
    struct text out = {.at = text, .size = size};
    if (size == 0) return;
    text[0] = '\0';
    if (find(local, remote, &answer)) {
        say(&out, "connection: %s recv-q %u send-q %u\n", la_state_name((enum la_state)kernel_state(local, remote)),
            answer.socket.idiag_rqueue, answer.socket.idiag_wqueue);
        if (answer.has_tcp) tell_tcp(&out, &answer.tcp);
    } else {
        say(&out, "connection: none\n");
    }
    say(&out, "counters:");
    tell_counters(&out, "/proc/thread-self/net/snmp", "Tcp:");
    tell_counters(&out, "/proc/thread-self/net/netstat", "TcpExt:");
    tell_counters(&out, "/proc/thread-self/net/snmp", "Icmp:");
    say(&out, "\n");
}
