/* Structures that calls take: sockaddrs, iovecs, msghdrs with control messages, pollfds and epoll events.
 *
 * In: expressions as the notation has them, and what "..." stands for. Out: memory in the call's arena, laid out as
 * this machine's headers say. Every size that a script gives is bounded by what one call may ask for in all. */
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "value_parts.h"

#define MADE_MAX ((size_t)128 * 1024 * 1024)
#define ITEMS_MAX 1024

void *value_new(struct value_maker *maker, const struct drill_expr *expr, size_t size) {
    if (size > MADE_MAX - maker->made) {
        value_wrong(maker->why, expr, "the call asks for too much memory");
        return NULL;
    }
    maker->made += size;
    void *memory = drill_arena_new(&maker->value->arena, size ? size : 1);
    if (!memory) value_wrong(maker->why, expr, "out of memory");
    return memory;
}

static bool eval32(struct value_maker *maker, const struct drill_expr *expr, int32_t *number) {
    int64_t wide = 0;
    *number = 0;
    if (!value_eval(expr, &wide, maker->why)) return false;
    if (wide < INT32_MIN || wide > UINT32_MAX)
        return value_wrong(maker->why, expr, "%lld does not fit in 32 bits", (long long)wide);
    *number = (int32_t)(uint32_t)wide;
    return true;
}

/* --- Addresses --- */

static void put_endpoint(struct value_maker *maker, struct sockaddr_storage *storage, const struct la_endpoint *end,
                         bool ip4) {
    uint8_t port[2] = {(uint8_t)(end->port >> 8), (uint8_t)end->port};
    if (ip4) {
        struct sockaddr_in address = {.sin_family = AF_INET};
        memcpy(&address.sin_port, port, sizeof port);
        memcpy(&address.sin_addr, end->addr.bytes + 12, 4);
        memcpy(storage, &address, sizeof address);
        maker->address_len = sizeof address;
    } else {
        struct sockaddr_in6 address = {.sin6_family = AF_INET6};
        memcpy(&address.sin6_port, port, sizeof port);
        memcpy(&address.sin6_addr, end->addr.bytes, 16);
        memcpy(storage, &address, sizeof address);
        maker->address_len = sizeof address;
    }
}

static const struct drill_expr *either_field(const struct drill_expr *expr, const char *name, const char *other) {
    const struct drill_expr *value = value_field(expr, name);
    return value ? value : value_field(expr, other);
}

/* htons(8080): the number as the script writes it, whatever this machine's byte order is. */
static bool port_of(struct value_maker *maker, const struct drill_expr *expr, uint16_t *port) {
    bool turned = expr->kind == DRILL_CALL && strcmp(expr->text, "htons") == 0 && expr->nitems == 1;
    int32_t number;
    if (!eval32(maker, turned ? expr->item[0] : expr, &number)) return false;
    if (number < 0 || number > UINT16_MAX) return value_wrong(maker->why, expr, "%d is no port", number);
    *port = (uint16_t)number;
    return true;
}

static bool address_of(struct value_maker *maker, const struct drill_expr *expr, struct la_addr *addr) {
    const struct drill_expr *text = expr->kind == DRILL_CALL && expr->nitems == 1 ? expr->item[0] : expr;
    if (text->kind == DRILL_STRING && la_addr_parse(text->text, addr)) return true;
    return value_wrong(maker->why, expr, "this is no IP address");
}

/* {sa_family = AF_INET, sin_port = htons(8080), sin_addr = inet_addr("192.0.2.1")} */
static bool given_address(struct value_maker *maker, const struct drill_expr *expr, struct sockaddr_storage *storage) {
    struct la_endpoint end = {0};
    int32_t family;
    const struct drill_expr *value = either_field(expr, "sa_family", "sin_family");
    if (!value) return value_wrong(maker->why, expr, "an address without sa_family");
    if (!eval32(maker, value, &family)) return false;
    value = either_field(expr, "sin_port", "sin6_port");
    if (value && !port_of(maker, value, &end.port)) return false;
    value = either_field(expr, "sin_addr", "sin6_addr");
    if (value && !address_of(maker, value, &end.addr)) return false;
    if (family != AF_INET && family != AF_INET6) {
        storage->ss_family = (sa_family_t)family;
        maker->address_len = sizeof *storage;
        return true;
    }
    if (value && family == AF_INET && !la_addr_is4(&end.addr))
        return value_wrong(maker->why, value, "this is no IPv4 address");
    put_endpoint(maker, storage, &end, family == AF_INET);
    return true;
}

bool value_make_sockaddr(struct value_maker *maker, const struct drill_expr *expr, const struct la_endpoint *any,
                         uintptr_t *pointer) {
    *pointer = 0;
    maker->address_len = 0;
    if (value_is_null(expr)) return true;
    struct sockaddr_storage *storage = value_new(maker, expr, sizeof *storage);
    if (!storage) return false;
    *pointer = (uintptr_t)storage;
    if (expr->kind == DRILL_STRUCT) return given_address(maker, expr, storage);
    if (expr->kind == DRILL_ELLIPSIS) {
        put_endpoint(maker, storage, any, maker->options->ip_version == LA_DRILL_IPV4);
        return true;
    }
    /* Nothing but a family: AF_UNSPEC, which ends an association. */
    int32_t family;
    if (!eval32(maker, expr, &family)) return false;
    storage->ss_family = (sa_family_t)family;
    maker->address_len = sizeof *storage;
    return true;
}

/* --- iovec --- */

static bool put_iovec(struct value_maker *maker, const struct drill_expr *expr, struct iovec *iovec) {
    bool positional = expr->kind == DRILL_STRUCT && expr->nitems == 2 && expr->item[0]->kind != DRILL_FIELD;
    const struct drill_expr *base = positional ? expr->item[0] : NULL, *len = positional ? expr->item[1] : NULL;
    if (!positional && expr->kind == DRILL_STRUCT) {
        base = value_field(expr, "iov_base");
        len = value_field(expr, "iov_len");
    }
    int64_t bytes = 0;
    if (!base || !len)
        return value_wrong(maker->why, expr, "an iovec is {..., length}, and %s stands there", value_kind(expr));
    if (!value_eval(len, &bytes, maker->why)) return false;
    if (bytes < 0 || bytes > INT32_MAX) return value_wrong(maker->why, len, "%lld is no length", (long long)bytes);
    iovec->iov_len = (size_t)bytes;
    if (value_is_null(base)) return true;
    iovec->iov_base = value_new(maker, expr, iovec->iov_len);
    return iovec->iov_base != NULL;
}

bool value_make_iovec(struct value_maker *maker, const struct drill_expr *expr, uintptr_t *pointer) {
    *pointer = 0;
    if (value_is_null(expr)) return true;
    if (expr->kind != DRILL_LIST || expr->nitems > ITEMS_MAX)
        return value_wrong(maker->why, expr, "a list of at most %d iovecs is expected", ITEMS_MAX);
    struct iovec *iovecs = value_new(maker, expr, expr->nitems * sizeof *iovecs);
    if (!iovecs) return false;
    *pointer = (uintptr_t)iovecs;
    for (unsigned i = 0; i < expr->nitems; i++) {
        if (!put_iovec(maker, expr->item[i], &iovecs[i])) return false;
    }
    return true;
}

/* --- Control messages --- */

enum value_control value_control(const struct drill_expr *data) {
    switch (data->kind) {
    case DRILL_INTEGER:
    case DRILL_WORD:
    case DRILL_OR:
    case DRILL_SHIFT_LEFT:
    case DRILL_CALL: return CONTROL_INTEGER;
    case DRILL_STRING: return CONTROL_TEXT;
    case DRILL_LIST: return CONTROL_ATTRIBUTES;
    case DRILL_STRUCT: break;
    default: return CONTROL_UNKNOWN;
    }
    if (value_field(data, "scm_sec")) return CONTROL_TIMES;
    if (value_field(data, "ee_errno")) return CONTROL_ERROR;
    return CONTROL_ATTRIBUTES;
}

size_t value_attribute_size(int64_t type) {
    /* By number: TCP_NLA_PAD is 0, TCP_NLA_SRTT the last. */
    static const uint8_t sizes[] = {4, 8, 8, 8, 8, 8, 8, 8, 4, 4, 4, 1, 1, 4, 1, 4, 4, 4, 8, 8, 4, 4, 4};
    return type >= 0 && type < (int64_t)sizeof sizes ? sizes[type] : 0;
}

static size_t attributes_size(const struct drill_expr *data) {
    size_t total = 0;
    for (unsigned i = 0; i < data->nitems; i++) {
        int64_t type;
        const char *name = data->item[i]->text;
        size_t size = name && symbol_value(name, &type) ? value_attribute_size(type) : 0;
        if (size == 0) return 0;
        total += (4 + size + 3) & ~(size_t)3;
    }
    return total;
}

size_t value_control_size(const struct drill_expr *data, int64_t level) {
    switch (value_control(data)) {
    case CONTROL_INTEGER: return sizeof(int);
    case CONTROL_TEXT: return data->len;
    case CONTROL_TIMES: return sizeof(struct value_times);
    case CONTROL_ATTRIBUTES: return attributes_size(data);
    case CONTROL_ERROR:
        /* The kernel puts the address of who reported it behind. */
        return sizeof(struct value_error) +
               (level == IPPROTO_IP ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
    case CONTROL_UNKNOWN: break;
    }
    return 0;
}

/* What a control message says when it is sent: an integer or text; everything else only comes. */
static bool put_control_data(struct value_maker *maker, const struct drill_expr *data, struct cmsghdr *header) {
    int32_t number;
    switch (value_control(data)) {
    case CONTROL_INTEGER:
        if (!eval32(maker, data, &number)) return false;
        memcpy(CMSG_DATA(header), &number, sizeof number);
        return true;
    case CONTROL_TEXT: memcpy(CMSG_DATA(header), data->text, data->len); return true;
    default: return value_wrong(maker->why, data, "such a control message cannot be sent");
    }
}

static bool control_item(struct value_maker *maker, const struct drill_expr *item, const struct drill_expr **data,
                         size_t *size) {
    const struct drill_expr *level = value_field(item, "cmsg_level");
    int64_t number = -1;
    *data = value_field(item, "cmsg_data");
    if (!level || !*data || !value_field(item, "cmsg_type"))
        return value_wrong(maker->why, item, "a control message is {cmsg_level=…, cmsg_type=…, cmsg_data=…}");
    if (level->kind != DRILL_ELLIPSIS && !value_eval(level, &number, maker->why)) return false;
    *size = value_control_size(*data, number);
    return *size != 0 || value_wrong(maker->why, *data, "control messages with such data are unknown");
}

static bool put_control(struct value_maker *maker, const struct drill_expr *expr, struct msghdr *msg) {
    struct cmsghdr *header = CMSG_FIRSTHDR(msg);
    for (unsigned i = 0; i < expr->nitems && header; i++, header = CMSG_NXTHDR(msg, header)) {
        const struct drill_expr *item = expr->item[i], *data;
        size_t size = 0;
        int32_t level, type;
        if (!control_item(maker, item, &data, &size)) return false;
        if (!eval32(maker, value_field(item, "cmsg_level"), &level)) return false;
        if (!eval32(maker, value_field(item, "cmsg_type"), &type)) return false;
        header->cmsg_len = CMSG_LEN(size);
        header->cmsg_level = level;
        header->cmsg_type = type;
        if (!put_control_data(maker, data, header)) return false;
    }
    return true;
}

/* Room for exactly the control messages that are expected, as packetdrill gives it: one more shows as MSG_CTRUNC. */
static bool make_control(struct value_maker *maker, const struct drill_expr *expr, bool send, struct msghdr *msg) {
    if (expr->kind != DRILL_LIST || expr->nitems > ITEMS_MAX)
        return value_wrong(maker->why, expr, "a list of control messages is expected");
    size_t total = 0;
    for (unsigned i = 0; i < expr->nitems; i++) {
        const struct drill_expr *data;
        size_t size = 0;
        if (!control_item(maker, expr->item[i], &data, &size)) return false;
        total += CMSG_SPACE(size);
    }
    msg->msg_control = value_new(maker, expr, total);
    msg->msg_controllen = total;
    return msg->msg_control && (!send || put_control(maker, expr, msg));
}

/* --- msghdr --- */

static bool put_msg_name(struct value_maker *maker, const struct drill_expr *name, bool send, struct msghdr *msg) {
    if (value_is_null(name)) return true;
    if (send) {
        uintptr_t pointer;
        if (!value_make_sockaddr(maker, name, &maker->peers->connect, &pointer)) return false;
        msg->msg_name = (void *)pointer;
        msg->msg_namelen = (socklen_t)maker->address_len;
        return true;
    }
    msg->msg_name = value_new(maker, name, sizeof(struct sockaddr_storage));
    msg->msg_namelen = sizeof(struct sockaddr_storage);
    return msg->msg_name != NULL;
}

/* msg_iov(2)=[…]: the number in parentheses stands behind the value. */
static bool iovec_count_fits(struct value_maker *maker, const struct drill_expr *expr) {
    for (unsigned i = 0; i < expr->nitems; i++) {
        const struct drill_expr *item = expr->item[i];
        int64_t count = 0;
        if (item->kind != DRILL_FIELD || strcmp(item->text, "msg_iov") != 0 || item->nitems < 2) continue;
        if (item->item[1]->kind == DRILL_ELLIPSIS) return true;
        if (!value_eval(item->item[1], &count, maker->why)) return false;
        if (count != item->item[0]->nitems)
            return value_wrong(maker->why, item, "%lld iovecs are announced, and %u are listed", (long long)count,
                               item->item[0]->nitems);
    }
    return true;
}

bool value_make_msghdr(struct value_maker *maker, const struct drill_expr *expr, uintptr_t *pointer) {
    *pointer = 0;
    if (value_is_null(expr)) return true;
    if (expr->kind != DRILL_STRUCT)
        return value_wrong(maker->why, expr, "a msghdr is expected, and %s stands there", value_kind(expr));
    struct msghdr *msg = value_new(maker, expr, sizeof *msg);
    if (!msg) return false;
    *pointer = (uintptr_t)msg;
    bool send = maker->value->call.nr == LA_SYS_SENDMSG;
    const struct drill_expr *name = value_field(expr, "msg_name"), *iov = value_field(expr, "msg_iov"),
                            *control = value_field(expr, "msg_control"), *flags = value_field(expr, "msg_flags");
    if (name && !put_msg_name(maker, name, send, msg)) return false;
    uintptr_t iovecs = 0;
    if (iov && (!value_make_iovec(maker, iov, &iovecs) || !iovec_count_fits(maker, expr))) return false;
    msg->msg_iov = (struct iovec *)iovecs;
    msg->msg_iovlen = iovecs ? iov->nitems : 0;
    if (control && !make_control(maker, control, send, msg)) return false;
    int32_t number = 0;
    if (flags && flags->kind != DRILL_ELLIPSIS && !eval32(maker, flags, &number)) return false;
    if (send && number != 0) return value_wrong(maker->why, flags, "sendmsg does not look at msg_flags");
    msg->msg_flags = number;
    return true;
}

/* --- poll and epoll --- */

static bool put_pollfd(struct value_maker *maker, const struct drill_expr *expr, struct pollfd *pollfd) {
    const struct drill_expr *fd = value_field(expr, "fd"), *events = value_field(expr, "events");
    int32_t number;
    if (!fd || !events) return value_wrong(maker->why, expr, "a pollfd is {fd=…, events=…, revents=…}");
    if (!eval32(maker, fd, &number)) return false;
    pollfd->fd = fds_live(maker->fds, number);
    if (!eval32(maker, events, &number)) return false;
    pollfd->events = (short)number;
    return true;
}

bool value_make_pollfds(struct value_maker *maker, const struct drill_expr *expr, uintptr_t *pointer) {
    *pointer = 0;
    if (value_is_null(expr)) return true;
    if (expr->kind != DRILL_LIST || expr->nitems > ITEMS_MAX)
        return value_wrong(maker->why, expr, "a list of at most %d pollfds is expected", ITEMS_MAX);
    struct pollfd *pollfds = value_new(maker, expr, expr->nitems * sizeof *pollfds);
    if (!pollfds) return false;
    *pointer = (uintptr_t)pollfds;
    for (unsigned i = 0; i < expr->nitems; i++) {
        if (!put_pollfd(maker, expr->item[i], &pollfds[i])) return false;
    }
    return true;
}

unsigned value_epoll_count(const struct drill_expr *expr) { return expr->kind == DRILL_LIST ? expr->nitems : 1; }

const struct drill_expr *value_epoll_item(const struct drill_expr *expr, unsigned i) {
    return expr->kind == DRILL_LIST ? expr->item[i] : expr;
}

static bool put_epoll_event(struct value_maker *maker, const struct drill_expr *expr, struct epoll_event *event) {
    static const char *const names[] = {"fd", "ptr", "u32", "u64"};
    const struct drill_expr *events = value_field(expr, "events");
    int32_t bits;
    if (!events) return value_wrong(maker->why, expr, "an epoll event is {events=…, fd=…}");
    if (!eval32(maker, events, &bits)) return false;
    event->events = (uint32_t)bits;
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct drill_expr *data = value_field(expr, names[i]);
        int64_t number = 0;
        if (!data) continue;
        if (!value_eval(data, &number, maker->why)) return false;
        if (i == 0) event->data.fd = fds_live(maker->fds, (int)number);
        if (i == 1 || i == 3) event->data.u64 = (uint64_t)number;
        if (i == 2) event->data.u32 = (uint32_t)number;
        return true;
    }
    return value_wrong(maker->why, expr, "an epoll event needs fd, ptr, u32 or u64");
}

bool value_make_epoll_events(struct value_maker *maker, const struct drill_expr *expr, int64_t count,
                             uintptr_t *pointer) {
    *pointer = 0;
    if (value_is_null(expr)) return true;
    unsigned given = value_epoll_count(expr);
    if (given > ITEMS_MAX || (expr->kind != DRILL_STRUCT && expr->kind != DRILL_LIST))
        return value_wrong(maker->why, expr, "an epoll event is expected, and %s stands there", value_kind(expr));
    size_t room = count > (int64_t)given ? (size_t)count : given;
    struct epoll_event *events = value_new(maker, expr, (room ? room : 1) * sizeof *events);
    if (!events) return false;
    *pointer = (uintptr_t)events;
    bool out = maker->value->call.nr == LA_SYS_EPOLL_WAIT;
    for (unsigned i = 0; i < given; i++) {
        struct epoll_event event = {0};
        if (!put_epoll_event(maker, value_epoll_item(expr, i), &event)) return false;
        if (!out) events[i] = event; /* What epoll_wait writes into begins as zeros. */
    }
    return true;
}
