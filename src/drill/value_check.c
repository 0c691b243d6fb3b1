/* Compares what a call returned with what the script says.
 *
 * The result comes first, then errno where the script names one (the words in parentheses behind are for people), then
 * what the call wrote: an option and its length, an address where one is given, ioctl's number, revents, epoll events,
 * a message's flags and control messages. New descriptors get the script's numbers; the live ones may be any. */
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <fcntl.h>

#include "symbols.h"
#include "value_parts.h"

#define DUPFD_CLOEXEC 1030 /* Linux's F_DUPFD_CLOEXEC; libc names it only on request. */

struct checker {
    struct value_call *value;
    const struct drill_call *spec;
    const struct la_drill_options *options;
    struct drill_fds *fds;
    struct drill_text *why;
};

bool value_makes_fd(const struct la_sys_call *call) {
    switch (call->nr) {
    case LA_SYS_SOCKET:
    case LA_SYS_ACCEPT:
    case LA_SYS_ACCEPT4:
    case LA_SYS_DUP:
    case LA_SYS_EPOLL_CREATE: return true;
    case LA_SYS_FCNTL: return call->arg[1] == F_DUPFD || call->arg[1] == DUPFD_CLOEXEC;
    default: return false;
    }
}

static bool is_accept(const struct la_sys_call *call) {
    return call->nr == LA_SYS_ACCEPT || call->nr == LA_SYS_ACCEPT4;
}

/* --- Result and errno --- */

static bool wrong_result(const struct checker *checker, int64_t expected, int64_t live) {
    if (live >= 0)
        return value_wrong(checker->why, checker->spec->result, "expected result %lld, actual %lld",
                           (long long)expected, (long long)live);
    const char *name = symbol_errno((int)-live);
    return value_wrong(checker->why, checker->spec->result, "expected result %lld, actual -1 with %s (%lld)",
                       (long long)expected, name ? name : "errno", (long long)-live);
}

static bool check_errno(const struct checker *checker, int64_t live) {
    int64_t expected;
    const struct drill_call *spec = checker->spec;
    if (!spec->error || live >= 0) return true;
    if (!symbol_value(spec->error, &expected))
        return value_wrong(checker->why, spec->result, "%s: no such constant", spec->error);
    if (expected == -live) return true;
    const char *name = symbol_errno((int)-live);
    return value_wrong(checker->why, spec->result, "expected errno %s (%lld), actual %s (%lld)", spec->error,
                       (long long)expected, name ? name : "?", (long long)-live);
}

static bool check_result(const struct checker *checker) {
    const struct drill_expr *result = checker->spec->result;
    int64_t expected, live = checker->value->call.result;
    if (result->kind == DRILL_ELLIPSIS) return true;
    if (!value_eval(result, &expected, checker->why)) return false;
    bool any_fd = value_makes_fd(&checker->value->call) && expected >= 0;
    if (any_fd ? live < 0 : expected != (live < 0 ? -1 : live)) return wrong_result(checker, expected, live);
    return check_errno(checker, live);
}

/* --- Descriptors --- */

static bool check_fds(const struct checker *checker) {
    const struct la_sys_call *call = &checker->value->call;
    const struct drill_expr *result = checker->spec->result;
    int64_t script;
    if (call->result < 0) return true;
    if (call->nr == LA_SYS_CLOSE) {
        if (!value_eval(checker->spec->arg[0], &script, checker->why)) return false;
        fds_leave(checker->fds, (int)script);
    }
    if (!value_makes_fd(call) || result->kind == DRILL_ELLIPSIS) return true;
    if (!value_eval(result, &script, checker->why)) return false;
    if (!is_accept(call) && fds_known(checker->fds, (int)script))
        return value_wrong(checker->why, result, "descriptor %lld is open already", (long long)script);
    return fds_enter(checker->fds, (int)script, (int)call->result) ||
           value_wrong(checker->why, result, "there are more than %d descriptors", DRILL_FDS);
}

/* --- What the call wrote --- */

static bool check_getsockopt(const struct checker *checker) {
    const struct la_sys_call *call = &checker->value->call;
    const struct drill_expr *value = checker->spec->arg[3], *len = checker->spec->arg[4];
    const struct drill_expr *element = value_element(len);
    const socklen_t *live_len = (const socklen_t *)call->arg[4];
    int64_t expected;
    if (call->result < 0 || !live_len) return true;
    if (element && element->kind != DRILL_ELLIPSIS) {
        if (!value_eval(element, &expected, checker->why)) return false;
        if (expected != (int64_t)*live_len)
            return value_wrong(checker->why, len, "the option's length: expected %lld, actual %u", (long long)expected,
                               *live_len);
    }
    if (*live_len > INT32_MAX) return value_wrong(checker->why, len, "a call with a negative length has succeeded");
    return !call->arg[3] || value_check_option(value, (const void *)call->arg[3], *live_len, checker->why);
}

static bool check_ioctl(const struct checker *checker) {
    const struct la_sys_call *call = &checker->value->call;
    const struct drill_expr *element = checker->spec->nargs > 2 ? value_element(checker->spec->arg[2]) : NULL;
    int64_t expected;
    if (call->result < 0 || !element || element->kind == DRILL_ELLIPSIS) return true;
    if (!value_eval(element, &expected, checker->why)) return false;
    int live = *(const int *)call->arg[2];
    return expected == live ||
           value_wrong(checker->why, element, "ioctl's number: expected %lld, actual %d", (long long)expected, live);
}

static bool wrong_flags(const struct checker *checker, const struct drill_expr *expr, const char *what,
                        const char *prefix, uint32_t expected, uint32_t live) {
    char expected_text[160], live_text[160];
    struct drill_text text = drill_text_in(expected_text, sizeof expected_text);
    symbol_flags(prefix, expected, &text);
    text = drill_text_in(live_text, sizeof live_text);
    symbol_flags(prefix, live, &text);
    return value_wrong(checker->why, expr, "%s: expected %s, actual %s", what, expected_text, live_text);
}

static bool check_flags(const struct checker *checker, const struct drill_expr *expr, const char *what,
                        const char *prefix, uint32_t live) {
    int64_t expected;
    if (expr->kind == DRILL_ELLIPSIS) return true;
    if (!value_eval(expr, &expected, checker->why)) return false;
    return (uint32_t)expected == live || wrong_flags(checker, expr, what, prefix, (uint32_t)expected, live);
}

static bool check_poll(const struct checker *checker) {
    const struct drill_expr *list = checker->spec->arg[0];
    const struct pollfd *live = (const struct pollfd *)checker->value->call.arg[0];
    for (unsigned i = 0; live && i < list->nitems; i++) {
        const struct drill_expr *revents = value_field(list->item[i], "revents");
        uint32_t bits = (uint16_t)live[i].revents;
        if (revents ? !check_flags(checker, revents, "revents", "POLL", bits)
                    : bits && !wrong_flags(checker, list->item[i], "revents", "POLL", 0, bits))
            return false;
    }
    return true;
}

static bool check_epoll_event(const struct checker *checker, const struct drill_expr *expr,
                              const struct epoll_event *live) {
    const struct drill_expr *fd = value_field(expr, "fd"), *data = value_field(expr, "ptr");
    const struct drill_expr *narrow = value_field(expr, "u32");
    int64_t expected;
    if (!check_flags(checker, value_field(expr, "events"), "events", "EPOLL", live->events)) return false;
    if (!data) data = narrow;
    if (!data) data = value_field(expr, "u64");
    if (fd) data = fd;
    if (data->kind == DRILL_ELLIPSIS) return true;
    if (!value_eval(data, &expected, checker->why)) return false;
    int64_t actual = fd ? live->data.fd : narrow ? (int64_t)live->data.u32 : (int64_t)live->data.u64;
    if (fd) actual = fds_script(checker->fds, (int)actual);
    return expected == actual || value_wrong(checker->why, data, "the event's data: expected %lld, actual %lld",
                                             (long long)expected, (long long)actual);
}

static bool check_epoll_wait(const struct checker *checker) {
    const struct drill_expr *expr = checker->spec->arg[1];
    const struct la_sys_call *call = &checker->value->call;
    const struct epoll_event *live = (const struct epoll_event *)call->arg[1];
    if (!live || call->result < 0) return true;
    for (unsigned i = 0; i < value_epoll_count(expr); i++) {
        const struct drill_expr *item = value_epoll_item(expr, i);
        /* Where no event came, there are zeros, which a script writes as {events=0, ptr=0}. */
        if (i < (uint64_t)call->result ? !check_epoll_event(checker, item, &live[i])
                                       : !check_flags(checker, value_field(item, "events"), "events", "EPOLL", 0))
            return false;
    }
    return true;
}

static bool check_recvmsg(const struct checker *checker) {
    const struct drill_expr *expr = checker->spec->arg[1];
    const struct la_sys_call *call = &checker->value->call;
    struct msghdr *live = (struct msghdr *)call->arg[1];
    if (!live) return true;
    const struct drill_expr *flags = value_field(expr, "msg_flags"), *control = value_field(expr, "msg_control");
    if (flags && !check_flags(checker, flags, "msg_flags", "MSG_", (uint32_t)live->msg_flags)) return false;
    if (call->result < 0 || !control) return true;
    return value_check_control(control, live, checker->fds, checker->options->tolerance_us, checker->why);
}

/* --- Addresses --- */

static void read_endpoint(const struct sockaddr_storage *storage, struct la_endpoint *end) {
    memset(end, 0, sizeof *end);
    uint8_t port[2];
    if (storage->ss_family == AF_INET6) {
        struct sockaddr_in6 address;
        memcpy(&address, storage, sizeof address);
        memcpy(port, &address.sin6_port, sizeof port);
        memcpy(end->addr.bytes, &address.sin6_addr, 16);
    } else {
        struct sockaddr_in address;
        memcpy(&address, storage, sizeof address);
        memcpy(port, &address.sin_port, sizeof port);
        uint8_t ip[4];
        memcpy(ip, &address.sin_addr, sizeof ip);
        end->addr = la_addr4(ip[0], ip[1], ip[2], ip[3]);
    }
    end->port = (uint16_t)(port[0] << 8 | port[1]);
}

/* An address that the script spells out; "..." takes any. */
static bool check_address(const struct checker *checker, unsigned i) {
    const struct drill_expr *expr = checker->spec->arg[i], *len = value_element(checker->spec->arg[i + 1]);
    const struct la_sys_call *call = &checker->value->call;
    const struct sockaddr_storage *live = (const struct sockaddr_storage *)call->arg[i];
    int64_t expected_len;
    if (call->result < 0 || !live) return true;
    if (len && len->kind != DRILL_ELLIPSIS && call->arg[i + 1]) {
        socklen_t live_len = *(const socklen_t *)call->arg[i + 1];
        if (!value_eval(len, &expected_len, checker->why)) return false;
        if (expected_len != (int64_t)live_len)
            return value_wrong(checker->why, len, "the address's length: expected %lld, actual %u",
                               (long long)expected_len, live_len);
    }
    if (expr->kind != DRILL_STRUCT) return true;
    struct value_maker maker = {
        .value = checker->value, .spec = checker->spec, .options = checker->options, .why = checker->why};
    uintptr_t pointer;
    struct la_endpoint expected, actual;
    if (!value_make_sockaddr(&maker, expr, NULL, &pointer)) return false;
    const struct sockaddr_storage *made = (const struct sockaddr_storage *)pointer;
    read_endpoint(made, &expected);
    read_endpoint(live, &actual);
    if (made->ss_family == live->ss_family && expected.port == actual.port &&
        la_addr_equal(&expected.addr, &actual.addr))
        return true;
    char text[LA_ADDR_TEXT];
    la_addr_format(&actual.addr, text, sizeof text);
    return value_wrong(checker->why, expr, "the address is %s, port %u, of family %d", text, actual.port,
                       live->ss_family);
}

/* --- All of it --- */

static bool check_written(const struct checker *checker) {
    switch (checker->value->call.nr) {
    case LA_SYS_GETSOCKOPT: return check_getsockopt(checker);
    case LA_SYS_IOCTL: return check_ioctl(checker);
    case LA_SYS_POLL: return check_poll(checker);
    case LA_SYS_EPOLL_WAIT: return check_epoll_wait(checker);
    case LA_SYS_RECVMSG: return check_recvmsg(checker);
    case LA_SYS_ACCEPT:
    case LA_SYS_ACCEPT4:
    case LA_SYS_GETSOCKNAME:
    case LA_SYS_GETPEERNAME: return check_address(checker, 1);
    case LA_SYS_RECVFROM: return check_address(checker, 4);
    default: return true;
    }
}

/* The target refused an option that only FreeBSD has, and the script did not expect that. */
static const char *refused(const struct la_sys_call *call) {
    bool option = call->nr == LA_SYS_SETSOCKOPT || call->nr == LA_SYS_GETSOCKOPT;
    return option && call->result == -LA_ENOPROTOOPT ? symbol_private_name((int64_t)call->arg[2]) : NULL;
}

enum value_status value_check(struct value_call *value, const struct la_drill_options *options, struct drill_fds *fds,
                              struct drill_text *why) {
    struct checker checker = {.value = value, .spec = value->spec, .options = options, .fds = fds, .why = why};
    struct drill_text before = *why;
    if (!check_result(&checker)) {
        const char *option = refused(&value->call);
        if (!option) return VALUE_WRONG;
        *why = before;
        why->at[why->len] = '\0';
        drill_text_add(why, "the option %s, which only FreeBSD has", option);
        return VALUE_NOT_APPLICABLE;
    }
    return check_fds(&checker) && check_written(&checker) ? VALUE_OK : VALUE_WRONG;
}
