/* Makes a la_sys_call of a call in script notation.
 *
 * A table says for each call what its arguments are, one letter for each; a letter stands for a function that makes the
 * argument. Memory that a call reads or writes lies in the value_call's arena, where value_check finds it through the
 * call's own pointers. What is sent is zeros, as packetdrill's writes are; what is received is not compared.
 *
 * Letters: d domain, f descriptor, i integer, w bytes to write and r room to read (the count is the next argument),
 * a address and l its length, A room for an address and L for its length, v iovecs, m a msghdr, p pollfds, e an epoll
 * event, E room for epoll events (the count is the next argument), n [number], S an option's value (the length is the
 * next argument), O room for one, o made with O. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "value_parts.h"

#define BUFFER_MAX (64 * 1024 * 1024)

struct shape {
    const char *name;
    enum la_sys_nr nr;
    unsigned least; /* Arguments. */
    const char *arguments;
};

static const struct shape shapes[] = {
    {"socket", LA_SYS_SOCKET, 3, "dii"},
    {"bind", LA_SYS_BIND, 3, "fal"},
    {"listen", LA_SYS_LISTEN, 2, "fi"},
    {"accept", LA_SYS_ACCEPT, 3, "fAL"},
    {"accept4", LA_SYS_ACCEPT4, 4, "fALi"},
    {"connect", LA_SYS_CONNECT, 3, "fal"},
    {"read", LA_SYS_READ, 3, "fri"},
    {"readv", LA_SYS_READV, 3, "fvi"},
    {"recv", LA_SYS_RECV, 4, "frii"},
    {"recvfrom", LA_SYS_RECVFROM, 6, "friiAL"},
    {"recvmsg", LA_SYS_RECVMSG, 3, "fmi"},
    {"write", LA_SYS_WRITE, 3, "fwi"},
    {"writev", LA_SYS_WRITEV, 3, "fvi"},
    {"send", LA_SYS_SEND, 4, "fwii"},
    {"sendto", LA_SYS_SENDTO, 6, "fwiial"},
    {"sendmsg", LA_SYS_SENDMSG, 3, "fmi"},
    {"shutdown", LA_SYS_SHUTDOWN, 2, "fi"},
    {"close", LA_SYS_CLOSE, 1, "f"},
    {"getsockopt", LA_SYS_GETSOCKOPT, 5, "fiiOo"},
    {"setsockopt", LA_SYS_SETSOCKOPT, 5, "fiiSi"},
    {"getsockname", LA_SYS_GETSOCKNAME, 3, "fAL"},
    {"getpeername", LA_SYS_GETPEERNAME, 3, "fAL"},
    {"fcntl", LA_SYS_FCNTL, 2, "fii"},
    {"ioctl", LA_SYS_IOCTL, 2, "fin"},
    {"dup", LA_SYS_DUP, 1, "f"},
    {"poll", LA_SYS_POLL, 3, "pii"},
    {"epoll_create", LA_SYS_EPOLL_CREATE, 1, "i"},
    {"epoll_create1", LA_SYS_EPOLL_CREATE, 1, "i"},
    {"epoll_ctl", LA_SYS_EPOLL_CTL, 4, "fife"},
    {"epoll_wait", LA_SYS_EPOLL_WAIT, 4, "fEii"},
};

static const struct shape *shape_of(const char *name) {
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        if (strcmp(shapes[i].name, name) == 0) return &shapes[i];
    }
    return NULL;
}

static uintptr_t word(int64_t number) { return (uintptr_t)(intptr_t)number; }

/* The script's 32-bit integers may be written signed or unsigned. */
static bool make_integer(struct value_maker *maker, const struct drill_expr *expr, uintptr_t *argument) {
    int64_t number;
    if (!value_eval(expr, &number, maker->why)) return false;
    if (number < INT32_MIN || number > UINT32_MAX)
        return value_wrong(maker->why, expr, "%lld does not fit in 32 bits", (long long)number);
    *argument = word((int32_t)(uint32_t)number);
    return true;
}

static bool make_fd(struct value_maker *maker, const struct drill_expr *expr, uintptr_t *argument) {
    if (!make_integer(maker, expr, argument)) return false;
    *argument = word(fds_live(maker->fds, (int)(intptr_t)*argument));
    return true;
}

static bool make_domain(struct value_maker *maker, const struct drill_expr *expr, uintptr_t *argument) {
    if (expr->kind != DRILL_ELLIPSIS) return make_integer(maker, expr, argument);
    *argument = maker->options->ip_version == LA_DRILL_IPV4 ? AF_INET : AF_INET6;
    return true;
}

/* A count below 0 would be nearly all of memory to the call: no buffer is that large. */
static bool make_buffer(struct value_maker *maker, unsigned i, uintptr_t *argument) {
    const struct drill_expr *expr = maker->spec->arg[i];
    int64_t count;
    if (value_is_null(expr)) {
        *argument = 0;
        return true;
    }
    if (expr->kind != DRILL_ELLIPSIS && expr->kind != DRILL_STRING)
        return value_wrong(maker->why, expr, "a buffer is ... or NULL, and %s stands there", value_kind(expr));
    if (!value_eval(maker->spec->arg[i + 1], &count, maker->why)) return false;
    if (count < 0 || count > BUFFER_MAX)
        return value_wrong(maker->why, maker->spec->arg[i + 1], "a buffer cannot have %lld bytes", (long long)count);
    size_t size = (size_t)count;
    uint8_t *bytes = value_new(maker, expr, size);
    if (!bytes) return false;
    if (expr->kind == DRILL_STRING) memcpy(bytes, expr->text, expr->len < size ? expr->len : size);
    *argument = (uintptr_t)bytes;
    return true;
}

static bool make_address(struct value_maker *maker, const struct drill_expr *expr, uintptr_t *argument) {
    bool bind = strcmp(maker->spec->name, "bind") == 0;
    return value_make_sockaddr(maker, expr, bind ? &maker->peers->bind : &maker->peers->connect, argument);
}

static bool make_address_length(struct value_maker *maker, const struct drill_expr *expr, uintptr_t *argument) {
    if (expr->kind != DRILL_ELLIPSIS) return make_integer(maker, expr, argument);
    *argument = maker->address_len;
    return true;
}

static bool make_address_room(struct value_maker *maker, const struct drill_expr *expr, uintptr_t *argument) {
    *argument = 0;
    if (value_is_null(expr)) return true;
    if (expr->kind != DRILL_ELLIPSIS && expr->kind != DRILL_STRUCT)
        return value_wrong(maker->why, expr, "an address is ..., NULL or {sa_family=…}, and %s stands there",
                           value_kind(expr));
    *argument = (uintptr_t)value_new(maker, expr, sizeof(struct sockaddr_storage));
    return *argument != 0;
}

/* "...", NULL, or [16]: what the length is before the call and after it. */
static bool make_length_room(struct value_maker *maker, const struct drill_expr *expr, uintptr_t *argument) {
    *argument = 0;
    if (value_is_null(expr)) return true;
    const struct drill_expr *element = value_element(expr);
    int64_t len = sizeof(struct sockaddr_storage);
    if (expr->kind != DRILL_ELLIPSIS && !element)
        return value_wrong(maker->why, expr, "a length is ..., NULL or [number], and %s stands there",
                           value_kind(expr));
    if (element && element->kind != DRILL_ELLIPSIS && !value_eval(element, &len, maker->why)) return false;
    if (len > (int64_t)sizeof(struct sockaddr_storage)) len = sizeof(struct sockaddr_storage);
    socklen_t *room = value_new(maker, expr, sizeof *room);
    if (!room) return false;
    *room = (socklen_t)len;
    *argument = (uintptr_t)room;
    return true;
}

/* [number]: an int that the call reads or writes. */
static bool make_number_room(struct value_maker *maker, const struct drill_expr *expr, uintptr_t *argument) {
    const struct drill_expr *element = value_element(expr);
    if (!element) return make_integer(maker, expr, argument);
    uintptr_t number = 0;
    if (element->kind != DRILL_ELLIPSIS && !make_integer(maker, element, &number)) return false;
    int *room = value_new(maker, expr, sizeof *room);
    if (!room) return false;
    *room = (int)(intptr_t)number;
    *argument = (uintptr_t)room;
    return true;
}

/* How many the script says there are, beside how many it lists. */
static bool same_count(struct value_maker *maker, unsigned list) {
    int64_t count;
    const struct drill_expr *said = maker->spec->arg[list + 1];
    if (!value_eval(said, &count, maker->why)) return false;
    unsigned listed = maker->spec->arg[list]->nitems;
    return count == listed ||
           value_wrong(maker->why, said, "%lld are announced, and %u are listed", (long long)count, listed);
}

static bool make_event_room(struct value_maker *maker, unsigned i, uintptr_t *argument) {
    int64_t count;
    if (!value_eval(maker->spec->arg[i + 1], &count, maker->why)) return false;
    if (count > 4096)
        return value_wrong(maker->why, maker->spec->arg[i + 1], "%lld events are too many", (long long)count);
    return value_make_epoll_events(maker, maker->spec->arg[i], count, argument);
}

static bool make_argument(struct value_maker *maker, char letter, unsigned i) {
    const struct drill_expr *expr = maker->spec->arg[i];
    uintptr_t *arg = maker->value->call.arg;
    switch (letter) {
    case 'd': return make_domain(maker, expr, &arg[i]);
    case 'f': return make_fd(maker, expr, &arg[i]);
    case 'i': return make_integer(maker, expr, &arg[i]);
    case 'w':
    case 'r': return make_buffer(maker, i, &arg[i]);
    case 'a': return make_address(maker, expr, &arg[i]);
    case 'l': return make_address_length(maker, expr, &arg[i]);
    case 'A': return make_address_room(maker, expr, &arg[i]);
    case 'L': return make_length_room(maker, expr, &arg[i]);
    case 'v': return value_make_iovec(maker, expr, &arg[i]) && same_count(maker, i);
    case 'm': return value_make_msghdr(maker, expr, &arg[i]);
    case 'p': return value_make_pollfds(maker, expr, &arg[i]) && same_count(maker, i);
    case 'e': return value_make_epoll_events(maker, expr, 1, &arg[i]);
    case 'E': return make_event_room(maker, i, &arg[i]);
    case 'n': return make_number_room(maker, expr, &arg[i]);
    case 'S': return value_make_set_option(maker, expr, maker->spec->arg[i + 1], &arg[i]);
    case 'O': return value_make_get_option(maker, expr, maker->spec->arg[i + 1], &arg[i], &arg[i + 1]);
    default: return true; /* 'o' */
    }
}

static bool make_arguments(struct value_maker *maker, const struct shape *shape) {
    const struct drill_call *spec = maker->spec;
    unsigned most = (unsigned)strlen(shape->arguments);
    if (spec->nargs < shape->least || spec->nargs > most) {
        char range[16] = "";
        if (most != shape->least) snprintf(range, sizeof range, " to %u", most);
        drill_text_add(maker->why, "%u:%u: %s takes %u%s arguments, and %u are given", spec->result->line,
                       spec->nargs ? spec->arg[0]->column : 0, spec->name, shape->least, range, spec->nargs);
        return false;
    }
    for (unsigned i = 0; i < spec->nargs; i++) {
        if (make_argument(maker, shape->arguments[i], i)) continue;
        drill_text_add(maker->why, " (argument %u of %s)", i + 1, spec->name);
        return false;
    }
    return true;
}

enum value_status value_begin(struct value_call *value, const struct drill_call *spec,
                              const struct la_drill_options *options, const struct value_peers *peers,
                              const struct drill_fds *fds, struct drill_text *why) {
    memset(value, 0, sizeof *value);
    value->spec = spec;
    const struct shape *shape = shape_of(spec->name);
    const char *mechanism = value_needs(spec);
    if (!shape && mechanism) {
        drill_text_add(why, "%s() needs %s", spec->name, mechanism);
        return VALUE_NOT_APPLICABLE;
    }
    if (!shape) {
        drill_text_add(why, "%u:%u: there is no call named %s", spec->result->line, spec->result->column, spec->name);
        return VALUE_WRONG;
    }
    const char *bsd = value_bsd_name(spec);
    if (bsd) {
        drill_text_add(why, "the name %s, which only FreeBSD has", bsd);
        return VALUE_NOT_APPLICABLE;
    }
    struct value_maker maker = {
        .value = value, .spec = spec, .options = options, .peers = peers, .fds = fds, .why = why};
    value->call.nr = shape->nr;
    return make_arguments(&maker, shape) ? VALUE_OK : VALUE_WRONG;
}
