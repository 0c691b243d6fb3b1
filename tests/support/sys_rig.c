#include "sys_rig.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

struct sys_rig sys_rig;

static void end_make(struct sys_end *end, uint8_t number) {
    struct la_config config = {.alloc = oom_allocator(&sys_rig.oom), .seed = {number}, .check = true};
    struct la_iface_config iface = {.link = LA_LINK_IP, .mtu = 1500};
    struct la_addr four = la_addr4(10, 0, 0, number), six;
    assert_int_equal(la_stack_create(&config, &end->stack), 0);
    assert_int_equal(la_iface_add(end->stack, &iface), 0);
    assert_int_equal(la_addr_add(end->stack, 0, &four, 24), 0);
    assert_true(la_addr_parse("fd00::", &six));
    six.bytes[15] = number;
    assert_int_equal(la_addr_add(end->stack, 0, &six, 64), 0);
    struct la_sys_config sys = {.stack = end->stack, .alloc = config.alloc, .first_fd = 3};
    assert_int_equal(la_sys_create(&sys, &end->sys), 0);
}

int sys_rig_setup(void **unused) {
    (void)unused;
    memset(&sys_rig, 0, sizeof sys_rig);
    oom_init(&sys_rig.oom);
    sys_rig.now = LA_SECOND;
    end_make(&sys_rig.end[A], 1);
    end_make(&sys_rig.end[B], 2);
    return 0;
}

int sys_rig_teardown(void **unused) {
    (void)unused;
    for (unsigned i = 0; i < 2; i++) {
        la_sys_destroy(sys_rig.end[i].sys, sys_rig.now);
        la_stack_destroy(sys_rig.end[i].stack);
    }
    return sys_rig.oom.blocks ? -1 : 0;
}

bool step(unsigned end, struct la_sys_call *call) { return la_sys_step(sys_rig.end[end].sys, call, sys_rig.now); }

int64_t sys_rig_do(unsigned end, struct la_sys_call call, const char *file, int line) {
    if (!step(end, &call)) fail_msg("%s:%d: %s blocks", file, line, la_sys_name(call.nr));
    return call.result;
}

/* What one end has to send goes to the other. */
static bool carry(unsigned from) {
    static uint8_t bytes[65536];
    struct la_packet packet;
    bool any = false;
    while (la_output(sys_rig.end[from].stack, -1, &packet, sys_rig.now)) {
        size_t len = la_packet_copy(&packet, bytes, sizeof bytes);
        if (!sys_rig.cut) la_input(sys_rig.end[!from].stack, 0, bytes, len, sys_rig.now);
        any = true;
    }
    return any;
}

void pass(uint64_t ms) {
    for (uint64_t i = 0; i <= ms; i++) {
        for (unsigned end = 0; end < 2; end++) {
            la_tick(sys_rig.end[end].stack, sys_rig.now);
            carry(end);
            la_sys_events(sys_rig.end[end].sys, sys_rig.now);
        }
        if (i < ms) sys_rig.now += LA_MS;
    }
}

bool finish(unsigned end, struct la_sys_call *call, uint64_t ms) {
    for (uint64_t i = 0; i <= ms; i++) {
        if (step(end, call)) return true;
        pass(1);
    }
    return false;
}

int address(const char *text, uint16_t port, void *to) {
    struct la_addr addr;
    assert_true(la_addr_parse(text, &addr));
    if (strchr(text, ':')) {
        struct sockaddr_in6 in = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
        memcpy(&in.sin6_addr, addr.bytes, 16);
        memcpy(to, &in, sizeof in);
        return (int)sizeof in;
    }
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
    memcpy(&in.sin_addr, addr.bytes + 12, 4);
    memcpy(to, &in, sizeof in);
    return (int)sizeof in;
}

struct sys_pair sys_pair_make(void) {
    struct sockaddr_storage to;
    socklen_t len = (socklen_t)address("10.0.0.2", 80, &to);
    struct sys_pair p;
    p.listener = (int)DO(B, SOCKET, AF_INET, SOCK_STREAM, 0);
    assert_int_equal(DO(B, BIND, (uintptr_t)p.listener, P(&to), len), 0);
    assert_int_equal(DO(B, LISTEN, (uintptr_t)p.listener, 8), 0);
    p.a = (int)DO(A, SOCKET, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_int_equal(DO(A, CONNECT, (uintptr_t)p.a, P(&to), len), -LA_EINPROGRESS);
    pass(5);
    p.b = (int)DO(B, ACCEPT, (uintptr_t)p.listener, 0, 0);
    assert_true(p.a >= 3 && p.b > p.listener);
    return p;
}

int setsockint(unsigned end, int fd, int level, int name, int value) {
    return (int)DO(end, SETSOCKOPT, (uintptr_t)fd, (uintptr_t)level, (uintptr_t)name, P(&value), sizeof value);
}

int getsockint(unsigned end, int fd, int level, int name) {
    int value = 0;
    socklen_t len = sizeof value;
    int64_t error = DO(end, GETSOCKOPT, (uintptr_t)fd, (uintptr_t)level, (uintptr_t)name, P(&value), P(&len));
    return error < 0 ? (int)error : value;
}
