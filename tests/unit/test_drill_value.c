/* drill/value*.c: calls in script notation to memory, and what came back against what the script expects. */
#include "support/unit.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "drill/symbols.h"
#include "drill/value.h"

/* One script of one call, the call made, and what was said about it. */
struct bench {
    struct la_drill_script *script;
    const struct drill_call *spec;
    struct value_call value;
    struct drill_fds fds;
    enum value_status status;
    char why[512];
};

static const struct value_peers peers = {
    .bind = {.addr = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 168, 0, 1}}, .port = 8080},
    .connect = {.addr = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1}}, .port = 8081},
};

static void make_with(struct bench *bench, const char *flags, const char *call) {
    char text[1024];
    struct la_drill_error error;
    snprintf(text, sizeof text, "%s\n+0 %s\n", flags, call);
    if (la_drill_parse(text, strlen(text), NULL, &bench->script, &error) != 0)
        fail_msg("%u:%u: %s", error.line, error.column, error.text);
    bench->spec = bench->script->events->call;
    struct drill_text why = drill_text_in(bench->why, sizeof bench->why);
    bench->status = value_begin(&bench->value, bench->spec, &bench->script->options, &peers, &bench->fds, &why);
}

static void make(struct bench *bench, const char *call) { make_with(bench, "", call); }

static void done(struct bench *bench) {
    value_free(&bench->value);
    la_drill_free(bench->script);
    bench->script = NULL;
}

/* The call returned this. */
static enum value_status check(struct bench *bench, int64_t result) {
    struct drill_text why = drill_text_in(bench->why, sizeof bench->why);
    bench->value.call.result = result;
    bench->status = value_check(&bench->value, &bench->script->options, &bench->fds, &why);
    return bench->status;
}

/* Makes the call and checks it at once, for calls that write nothing. */
static enum value_status judge(struct bench *bench, const char *call, int64_t result) {
    make(bench, call);
    if (bench->status == VALUE_OK) check(bench, result);
    done(bench);
    return bench->status;
}

static void *pointer(const struct bench *bench, unsigned i) { return (void *)bench->value.call.arg[i]; }

static void expect_actual(struct bench *bench, const char *expected) {
    char bytes[512];
    struct drill_text text = drill_text_in(bytes, sizeof bytes);
    value_write_actual(&bench->value, &bench->fds, &text);
    assert_string_equal(bytes, expected);
}

/* --- Descriptors and numbers --- */

static void new_descriptors_get_the_scripts_numbers(void **state) {
    (void)state;
    struct bench bench = {0};
    assert_int_equal(judge(&bench, "socket(..., SOCK_STREAM, IPPROTO_TCP) = 3", 7), VALUE_OK);
    assert_int_equal(fds_live(&bench.fds, 3), 7);
    assert_int_equal(fds_script(&bench.fds, 7), 3);
    make(&bench, "listen(3, 1) = 0");
    assert_int_equal(bench.value.call.nr, LA_SYS_LISTEN);
    assert_int_equal(bench.value.call.arg[0], 7);
    assert_int_equal(bench.value.call.arg[1], 1);
    done(&bench);
    assert_int_equal(judge(&bench, "socket(..., SOCK_STREAM, 0) = 3", 9), VALUE_WRONG);
    assert_non_null(strstr(bench.why, "open already"));
    assert_int_equal(fds_live(&bench.fds, 7), -1); /* 7 is somebody else there. */
    assert_int_equal(judge(&bench, "close(3) = 0", 0), VALUE_OK);
    assert_int_equal(fds_live(&bench.fds, 3), 3);
}

static void the_family_of_dots_follows_the_ip_version(void **state) {
    (void)state;
    struct bench bench = {0};
    make(&bench, "socket(..., SOCK_STREAM | SOCK_NONBLOCK, IPPROTO_TCP) = 3");
    assert_int_equal(bench.value.call.arg[0], AF_INET);
    assert_int_equal(bench.value.call.arg[1], SOCK_STREAM | 0x800);
    assert_int_equal(bench.value.call.arg[2], IPPROTO_TCP);
    done(&bench);
    make_with(&bench, "--ip_version=ipv6", "socket(..., SOCK_STREAM, IPPROTO_TCP) = 3");
    assert_int_equal(bench.value.call.arg[0], AF_INET6);
    done(&bench);
    make_with(&bench, "--ip_version=ipv4-mapped-ipv6", "bind(3, ..., ...) = 0");
    struct sockaddr_in6 address;
    memcpy(&address, pointer(&bench, 1), sizeof address);
    assert_int_equal(address.sin6_family, AF_INET6);
    assert_memory_equal(&address.sin6_addr, peers.bind.addr.bytes, 16);
    assert_int_equal(bench.value.call.arg[2], sizeof address);
    done(&bench);
}

static void results_and_errors_are_compared(void **state) {
    (void)state;
    struct bench bench = {0};
    assert_int_equal(judge(&bench, "write(3, ..., 10) = 10", 10), VALUE_OK);
    assert_int_equal(judge(&bench, "write(3, ..., 10) = 10", 9), VALUE_WRONG);
    assert_non_null(strstr(bench.why, "expected result 10, actual 9"));
    assert_int_equal(judge(&bench, "write(3, ..., 10) = -1 EPIPE (Broken pipe)", -LA_EPIPE), VALUE_OK);
    assert_int_equal(judge(&bench, "write(3, ..., 10) = -1 EPIPE (any words)", -LA_ECONNRESET), VALUE_WRONG);
    assert_non_null(strstr(bench.why, "EPIPE (32), actual ECONNRESET (104)"));
    assert_int_equal(judge(&bench, "write(3, ..., 10) = -1", -LA_ECONNRESET), VALUE_OK);
    assert_int_equal(judge(&bench, "read(3, ..., 10) = -1 EWOULDBLOCK (x)", -LA_EAGAIN), VALUE_OK);
    assert_int_equal(judge(&bench, "accept(3, ..., ...) = 4", -LA_EAGAIN), VALUE_WRONG);
    assert_int_equal(judge(&bench, "accept(3, ..., ...) = -1 EAGAIN (x)", 5), VALUE_WRONG);
    assert_int_equal(judge(&bench, "fcntl(3, F_GETFL) = 0x02 (flags O_RDWR)", 2), VALUE_OK);
    assert_int_equal(judge(&bench, "fcntl(3, F_GETFL) = 0x02 (flags O_RDWR)", 0x802), VALUE_WRONG);
}

static void mistakes_name_place_and_argument(void **state) {
    (void)state;
    struct bench bench = {0};
    assert_int_equal(judge(&bench, "setsockopt(3, SOL_SOKET, SO_REUSEADDR, [1], 4) = 0", 0), VALUE_WRONG);
    assert_string_equal(bench.why, "2:18: SOL_SOKET: no such constant (argument 2 of setsockopt)");
    assert_int_equal(judge(&bench, "listen(3) = 0", 0), VALUE_WRONG);
    assert_non_null(strstr(bench.why, "listen takes 2 arguments, and 1 are given"));
    assert_int_equal(judge(&bench, "fork() = 0", 0), VALUE_WRONG);
    assert_int_equal(judge(&bench, "read(3, 17, 4) = 0", 0), VALUE_WRONG);
    assert_int_equal(judge(&bench, "write(3, ..., 99999999999) = 0", 0), VALUE_WRONG);
    assert_int_equal(judge(&bench, "poll([{fd=3, events=POLLIN}], 2, 0) = 0", 0), VALUE_WRONG);
    assert_int_equal(judge(&bench, "writev(3, [{..., 10}, {..., -1}], 2) = 10", 0), VALUE_WRONG);
}

/* --- Addresses and buffers --- */

static void connect_gets_the_peer_and_accept_gives_room(void **state) {
    (void)state;
    struct bench bench = {0};
    make(&bench, "connect(3, ..., ...) = -1 EINPROGRESS (Operation now in progress)");
    struct sockaddr_in address;
    memcpy(&address, pointer(&bench, 1), sizeof address);
    assert_int_equal(address.sin_family, AF_INET);
    assert_int_equal(ntohs(address.sin_port), 8081);
    assert_int_equal(ntohl(address.sin_addr.s_addr), 0xc0000201);
    assert_int_equal(check(&bench, -LA_EINPROGRESS), VALUE_OK);
    expect_actual(&bench, "connect(3, ..., ...) = -1 EINPROGRESS");
    done(&bench);
    make(&bench,
         "accept(3, {sa_family = AF_INET, sin_port = htons(8081), sin_addr = inet_addr(\"192.0.2.1\")}, [16]) = 4");
    memcpy(pointer(&bench, 1), &address, sizeof address);
    *(socklen_t *)pointer(&bench, 2) = 16;
    assert_int_equal(check(&bench, 4), VALUE_OK);
    address.sin_port = htons(1);
    memcpy(pointer(&bench, 1), &address, sizeof address);
    assert_int_equal(check(&bench, 4), VALUE_WRONG);
    assert_non_null(strstr(bench.why, "192.0.2.1, port 1"));
    done(&bench);
    make(&bench, "connect(3, AF_UNSPEC, ...) = 0");
    assert_int_equal(((const struct sockaddr *)pointer(&bench, 1))->sa_family, AF_UNSPEC);
    done(&bench);
}

static void what_is_written_is_zeros(void **state) {
    (void)state;
    static const uint8_t zeros[1000];
    struct bench bench = {0};
    make(&bench, "sendto(3, ..., 1000, MSG_FASTOPEN, ..., ...) = 1000");
    assert_memory_equal(pointer(&bench, 1), zeros, sizeof zeros);
    assert_int_equal(bench.value.call.arg[2], 1000);
    assert_int_equal(bench.value.call.arg[3], 0x20000000);
    assert_int_equal(bench.value.call.arg[5], sizeof(struct sockaddr_in));
    done(&bench);
    make(&bench, "write(3, NULL, 1000) = -1 EFAULT (Bad address)");
    assert_null(pointer(&bench, 1));
    done(&bench);
    make(&bench, "writev(3, [{..., 10}, {iov_base=..., iov_len=20}], 2) = 30");
    const struct iovec *iovecs = pointer(&bench, 1);
    assert_int_equal(iovecs[0].iov_len, 10);
    assert_int_equal(iovecs[1].iov_len, 20);
    assert_memory_equal(iovecs[1].iov_base, zeros, 20);
    done(&bench);
}

/* --- Options --- */

static void option_values_are_laid_out(void **state) {
    (void)state;
    struct bench bench = {0};
    make(&bench, "setsockopt(3, SOL_SOCKET, SO_LINGER, {onoff=1, linger=5}, 8) = 0");
    assert_int_equal(((const struct linger *)pointer(&bench, 3))->l_onoff, 1);
    assert_int_equal(((const struct linger *)pointer(&bench, 3))->l_linger, 5);
    assert_int_equal(bench.value.call.arg[4], 8);
    done(&bench);
    make(&bench, "setsockopt(3, SOL_TCP, TCP_CONGESTION, \"reno\", 4) = 0");
    assert_string_equal(pointer(&bench, 3), "reno");
    done(&bench);
    make(&bench, "setsockopt(4, SOL_TCP, TCP_NOTSENT_LOWAT, [0xffffffff], 4) = 0");
    assert_int_equal(*(const int *)pointer(&bench, 3), -1);
    done(&bench);
    make(&bench, "setsockopt(3, SOL_IP, IP_MTU_DISCOVER, [IP_PMTUDISC_DONT], 1) = 0");
    assert_int_equal(bench.value.call.arg[4], 1);
    done(&bench);
    assert_int_equal(judge(&bench, "setsockopt(3, SOL_SOCKET, SO_LINGER, ..., 8) = 0", 0), VALUE_WRONG);
}

static enum value_status got(struct bench *bench, const char *call, const void *bytes, socklen_t len) {
    make(bench, call);
    assert_int_equal(bench->status, VALUE_OK);
    memcpy(pointer(bench, 3), bytes, len);
    *(socklen_t *)pointer(bench, 4) = len;
    return check(bench, 0);
}

static void getsockopt_values_are_compared(void **state) {
    (void)state;
    struct bench bench = {0};
    int value = LA_ECONNRESET;
    assert_int_equal(got(&bench, "getsockopt(3, SOL_SOCKET, SO_ERROR, [ECONNRESET], [4]) = 0", &value, 4), VALUE_OK);
    done(&bench);
    value = LA_EPIPE;
    assert_int_equal(got(&bench, "getsockopt(3, SOL_SOCKET, SO_ERROR, [ECONNRESET], [4]) = 0", &value, 4), VALUE_WRONG);
    expect_actual(&bench, "getsockopt(3, SOL_SOCKET, SO_ERROR, [EPIPE], [4]) = 0");
    done(&bench);
    assert_int_equal(got(&bench, "getsockopt(3, SOL_SOCKET, SO_RCVBUF, [...], [4]) = 0", &value, 4), VALUE_OK);
    done(&bench);
    assert_int_equal(got(&bench, "getsockopt(3, SOL_IP, IP_TOS, [32], [4]) = 0", &value, 1), VALUE_WRONG);
    assert_non_null(strstr(bench.why, "length: expected 4, actual 1"));
    done(&bench);
    value = -1;
    assert_int_equal(got(&bench, "getsockopt(4, SOL_TCP, TCP_NOTSENT_LOWAT, [0xffffffff], [4]) = 0", &value, 4),
                     VALUE_OK);
    done(&bench);
    struct linger linger = {.l_onoff = 1, .l_linger = 7};
    const char *call = "getsockopt(4, SOL_SOCKET, SO_LINGER, {onoff=1, linger=5}, [8]) = 0";
    assert_int_equal(got(&bench, call, &linger, sizeof linger), VALUE_WRONG);
    expect_actual(&bench, "getsockopt(4, SOL_SOCKET, SO_LINGER, {onoff=1, linger=7}, [8]) = 0");
    done(&bench);
    assert_int_equal(got(&bench, "getsockopt(4, SOL_TCP, TCP_CONGESTION, \"cubic\", ...) = 0", "reno", 5), VALUE_WRONG);
    done(&bench);
}

static void options_of_freebsd_that_a_target_refuses_are_not_applicable(void **state) {
    (void)state;
    struct bench bench = {0};
    assert_int_equal(judge(&bench, "setsockopt(3, IPPROTO_TCP, TCP_NOOPT, [1], 4) = 0", 0), VALUE_OK);
    assert_int_equal(judge(&bench, "setsockopt(3, IPPROTO_TCP, TCP_NOOPT, [1], 4) = 0", -LA_ENOPROTOOPT),
                     VALUE_NOT_APPLICABLE);
    assert_string_equal(bench.why, "the option TCP_NOOPT, which only FreeBSD has");
    assert_int_equal(judge(&bench, "setsockopt(3, IPPROTO_TCP, TCP_NODELAY, [1], 4) = 0", -LA_ENOPROTOOPT),
                     VALUE_WRONG);
}

static void names_that_only_freebsd_has_are_not_applicable(void **state) {
    (void)state;
    struct bench bench = {0};
    assert_int_equal(judge(&bench, "setsockopt(3, IPPROTO_TCP, TCP_NOPUSH, [1], 4) = 0", 0), VALUE_NOT_APPLICABLE);
    assert_string_equal(bench.why, "the name TCP_NOPUSH, which only FreeBSD has");
    assert_int_equal(judge(&bench, "read(3, ..., 10) = -1 ENOTCAPABLE", 0), VALUE_NOT_APPLICABLE);
    assert_int_equal(judge(&bench, "setsockopt(3, IPPROTO_TCP, TCP_RACK_PROP, [1], 4) = 0", 0), VALUE_NOT_APPLICABLE);
    assert_int_equal(judge(&bench, "setsockopt(3, IPPROTO_TCP, TCP_NOPUHS, [1], 4) = 0", 0), VALUE_WRONG);
}

static void lengths_that_are_negative_get_no_memory_that_is_too_small(void **state) {
    (void)state;
    struct bench bench = {0};
    assert_int_equal(judge(&bench, "recv(3, ..., -1, 0) = 0", 0), VALUE_WRONG);
    assert_int_equal(judge(&bench, "read(3, ..., -1) = -1 EFAULT", -LA_EFAULT), VALUE_WRONG);
    assert_int_equal(judge(&bench, "getsockopt(3, SOL_SOCKET, SO_ERROR, [0], [-1]) = -1 EINVAL", -LA_EINVAL), VALUE_OK);
    assert_int_equal(judge(&bench, "getsockopt(3, SOL_TCP, TCP_INFO, [0], [-1099511627000]) = 0", 0), VALUE_WRONG);
}

static void ioctl_writes_a_number(void **state) {
    (void)state;
    struct bench bench = {0};
    make(&bench, "ioctl(4, SIOCINQ, [1000]) = 0");
    *(int *)pointer(&bench, 2) = 1000;
    assert_int_equal(check(&bench, 0), VALUE_OK);
    *(int *)pointer(&bench, 2) = 999;
    assert_int_equal(check(&bench, 0), VALUE_WRONG);
    expect_actual(&bench, "ioctl(4, SIOCINQ, [999]) = 0");
    done(&bench);
}

/* --- Events --- */

static void revents_are_compared(void **state) {
    (void)state;
    struct bench bench = {.fds = {.count = 1, .fd = {{.script = 4, .live = 8}}}};
    make(&bench, "poll([{fd=4, events=POLLIN|POLLOUT, revents=POLLOUT}], 1, 100) = 1");
    struct pollfd *pollfds = pointer(&bench, 0);
    assert_int_equal(pollfds->fd, 8);
    assert_int_equal(pollfds->events, POLLIN | POLLOUT);
    assert_int_equal(pollfds->revents, 0);
    pollfds->revents = POLLOUT;
    assert_int_equal(check(&bench, 1), VALUE_OK);
    pollfds->revents = POLLOUT | POLLHUP;
    assert_int_equal(check(&bench, 1), VALUE_WRONG);
    assert_non_null(strstr(bench.why, "revents: expected POLLOUT, actual POLLHUP|POLLOUT"));
    expect_actual(&bench, "poll([{fd=4, events=POLLIN|POLLOUT, revents=POLLHUP|POLLOUT}], 1, 100) = 1");
    done(&bench);
}

static void epoll_events_are_compared(void **state) {
    (void)state;
    struct bench bench = {.fds = {.count = 2, .fd = {{.script = 4, .live = 8}, {.script = 5, .live = 9}}}};
    make(&bench, "epoll_ctl(5, EPOLL_CTL_ADD, 4, {events=EPOLLOUT|EPOLLET, fd=4}) = 0");
    const struct epoll_event *given = pointer(&bench, 3);
    assert_int_equal(bench.value.call.arg[2], 8);
    assert_int_equal(given->events, (uint32_t)EPOLLOUT | (uint32_t)EPOLLET);
    assert_int_equal(given->data.fd, 8);
    done(&bench);
    make(&bench, "epoll_wait(5, {events=EPOLLOUT, fd=4}, 1, 0) = 1");
    struct epoll_event *live = pointer(&bench, 1);
    assert_int_equal(live->events, 0);
    *live = (struct epoll_event){.events = EPOLLOUT, .data = {.fd = 8}};
    assert_int_equal(check(&bench, 1), VALUE_OK);
    *live = (struct epoll_event){.events = EPOLLOUT | EPOLLIN, .data = {.fd = 8}};
    assert_int_equal(check(&bench, 1), VALUE_WRONG);
    expect_actual(&bench, "epoll_wait(5, {events=EPOLLIN|EPOLLOUT, fd=4}, 1, 0) = 1");
    done(&bench);
    assert_int_equal(judge(&bench, "epoll_wait(5, {events=0, ptr=0}, 1, 0) = 0", 0), VALUE_OK);
    assert_int_equal(judge(&bench, "epoll_wait(5, {events=EPOLLIN, ptr=0}, 1, 0) = 0", 0), VALUE_WRONG);
}

/* --- Messages --- */

#define RECVMSG                                                                                                        \
    "recvmsg(4, {msg_name(...)=..., msg_iov(1)=[{..., 2000}], msg_flags=0, "                                           \
    "msg_control=[{cmsg_level=SOL_TCP, cmsg_type=TCP_CM_INQ, cmsg_data=8000}]}, 0) = 2000"

static void put_control(struct msghdr *msg, int level, int type, const void *data, size_t len) {
    struct cmsghdr *header = CMSG_FIRSTHDR(msg);
    header->cmsg_level = level;
    header->cmsg_type = type;
    header->cmsg_len = CMSG_LEN(len);
    memcpy(CMSG_DATA(header), data, len);
}

static void a_message_is_compared_with_its_control_messages(void **state) {
    (void)state;
    struct bench bench = {0};
    int waiting = 8000;
    make(&bench, RECVMSG);
    struct msghdr *msg = pointer(&bench, 1);
    assert_int_equal(msg->msg_iovlen, 1);
    assert_int_equal(msg->msg_iov[0].iov_len, 2000);
    assert_int_equal(msg->msg_controllen, CMSG_SPACE(sizeof waiting));
    put_control(msg, 6, 36, &waiting, sizeof waiting);
    assert_int_equal(check(&bench, 2000), VALUE_OK);
    waiting = 7999;
    put_control(msg, 6, 36, &waiting, sizeof waiting);
    assert_int_equal(check(&bench, 2000), VALUE_WRONG);
    assert_non_null(strstr(bench.why, "expected 8000, actual 7999"));
    msg->msg_controllen = 0;
    assert_int_equal(check(&bench, 2000), VALUE_WRONG);
    assert_non_null(strstr(bench.why, "only 0 control messages"));
    msg->msg_flags = MSG_TRUNC;
    assert_int_equal(check(&bench, 2000), VALUE_WRONG);
    assert_non_null(strstr(bench.why, "msg_flags: expected 0, actual MSG_TRUNC"));
    done(&bench);
}

static void an_extended_error_is_compared_field_by_field(void **state) {
    (void)state;
    struct bench bench = {0};
    struct {
        uint32_t error;
        uint8_t origin, type, code, pad;
        uint32_t info, data;
        struct sockaddr_in from;
    } live = {.origin = 5, .code = 1, .data = 2};
    make(&bench, "recvmsg(4, {msg_name(...)=..., msg_iov(1)=[{...,0}], msg_flags=MSG_ERRQUEUE, msg_control=["
                 "{cmsg_level=SOL_IP, cmsg_type=IP_RECVERR, cmsg_data={ee_errno=0, ee_origin=SO_EE_ORIGIN_ZEROCOPY, "
                 "ee_type=0, ee_code=SO_EE_CODE_ZEROCOPY_COPIED, ee_info=0, ee_data=2}}]}, MSG_ERRQUEUE) = 0");
    assert_int_equal(bench.status, VALUE_OK);
    struct msghdr *msg = pointer(&bench, 1);
    msg->msg_flags = MSG_ERRQUEUE;
    put_control(msg, 0, 11, &live, sizeof live);
    assert_int_equal(check(&bench, 0), VALUE_OK);
    live.data = 3;
    put_control(msg, 0, 11, &live, sizeof live);
    assert_int_equal(check(&bench, 0), VALUE_WRONG);
    assert_non_null(strstr(bench.why, "ee_data: expected 2, actual 3"));
    done(&bench);
}

static void the_first_time_stamp_sets_the_clock(void **state) {
    (void)state;
    struct bench bench = {0};
    int64_t live[6] = {1000, 20000000};
    const char *call = "recvmsg(3, {msg_name(...)=..., msg_iov(1)=[{...,0}], msg_flags=0, msg_control=["
                       "{cmsg_level=SOL_SOCKET, cmsg_type=SCM_TIMESTAMPING, cmsg_data={scm_sec=0,scm_nsec=20000000}}"
                       "]}, 0) = 0";
    make(&bench, call);
    put_control(pointer(&bench, 1), 1, 37, live, sizeof live);
    assert_int_equal(check(&bench, 0), VALUE_OK);
    assert_int_equal(bench.fds.wall_us, 1000000000);
    live[1] += 3000000;
    put_control(pointer(&bench, 1), 1, 37, live, sizeof live);
    assert_int_equal(check(&bench, 0), VALUE_OK); /* 3 ms are within the tolerance. */
    live[1] += 3000000;
    put_control(pointer(&bench, 1), 1, 37, live, sizeof live);
    assert_int_equal(check(&bench, 0), VALUE_WRONG);
    assert_non_null(strstr(bench.why, "off by 6000 us"));
    done(&bench);
}

static void sendmsg_has_its_address_and_data(void **state) {
    (void)state;
    struct bench bench = {0};
    make(&bench, "sendmsg(4, {msg_name(...)=..., msg_iov(2)=[{...,500},{...,700}], msg_flags=0}, MSG_DONTWAIT) = 1200");
    const struct msghdr *msg = pointer(&bench, 1);
    assert_int_equal(msg->msg_namelen, sizeof(struct sockaddr_in));
    assert_int_equal(msg->msg_iovlen, 2);
    assert_int_equal(msg->msg_iov[1].iov_len, 700);
    done(&bench);
    assert_int_equal(judge(&bench, "sendmsg(4, {msg_name(...)=..., msg_iov(3)=[{...,500}], msg_flags=0}, 0) = 500", 0),
                     VALUE_WRONG);
}

/* --- Mechanisms and notation --- */

static void mechanisms_of_one_kernel_are_named(void **state) {
    (void)state;
    struct bench bench = {0};
    assert_int_equal(judge(&bench, "splice(4, NULL, 6, NULL, 99, 0) = 99", 99), VALUE_NOT_APPLICABLE);
    assert_string_equal(bench.why, "splice() needs data moved inside a kernel (splice, sendfile)");
    assert_int_equal(judge(&bench, "sendfile(4, 5, [0], 5) = 5", 5), VALUE_NOT_APPLICABLE);
    assert_int_equal(judge(&bench, "open(\"/tmp/file\", O_RDONLY) = 5", 5), VALUE_NOT_APPLICABLE);
    make(&bench, "send(4, ..., 4000, MSG_ZEROCOPY) = 4000");
    assert_int_equal(bench.status, VALUE_OK);
    done(&bench);
    make(&bench, "setsockopt(3, IPPROTO_TCP, TCP_MD5SIG, [1], 4) = 0");
    done(&bench);
    make(&bench, "setsockopt(3, IPPROTO_TCP, TCP_RACK_PACE_MAX_SEG, [2], 4) = 0");
    done(&bench);
    make(&bench, "send(4, ..., 4000, 0) = 4000");
    assert_null(value_needs(bench.spec));
    done(&bench);
}

static void calls_are_written_as_they_were_read(void **state) {
    (void)state;
    static const char *const calls[] = {
        "socket(..., SOCK_STREAM, IPPROTO_TCP) = 3",
        "fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0",
        "connect(3, ..., ...) = -1 EINPROGRESS (Operation now in progress)",
        "setsockopt(3, SOL_SOCKET, SO_LINGER, {onoff=1, linger=0}, 8) = 0",
        "fcntl(3, F_GETFL) = 0x2 (flags O_RDWR)",
        RECVMSG,
    };
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        struct bench bench = {0};
        char bytes[512];
        struct drill_text text = drill_text_in(bytes, sizeof bytes);
        make(&bench, calls[i]);
        value_write(bench.spec, &text);
        assert_string_equal(bytes, calls[i]);
        done(&bench);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_descriptors_get_the_scripts_numbers),
        cmocka_unit_test(the_family_of_dots_follows_the_ip_version),
        cmocka_unit_test(results_and_errors_are_compared),
        cmocka_unit_test(mistakes_name_place_and_argument),
        cmocka_unit_test(connect_gets_the_peer_and_accept_gives_room),
        cmocka_unit_test(what_is_written_is_zeros),
        cmocka_unit_test(option_values_are_laid_out),
        cmocka_unit_test(getsockopt_values_are_compared),
        cmocka_unit_test(options_of_freebsd_that_a_target_refuses_are_not_applicable),
        cmocka_unit_test(names_that_only_freebsd_has_are_not_applicable),
        cmocka_unit_test(lengths_that_are_negative_get_no_memory_that_is_too_small),
        cmocka_unit_test(ioctl_writes_a_number),
        cmocka_unit_test(revents_are_compared),
        cmocka_unit_test(epoll_events_are_compared),
        cmocka_unit_test(a_message_is_compared_with_its_control_messages),
        cmocka_unit_test(an_extended_error_is_compared_field_by_field),
        cmocka_unit_test(the_first_time_stamp_sets_the_clock),
        cmocka_unit_test(sendmsg_has_its_address_and_data),
        cmocka_unit_test(mechanisms_of_one_kernel_are_named),
        cmocka_unit_test(calls_are_written_as_they_were_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
