/* Calls in script notation: as the script has them, and with what came back instead.
 *
 * In: the call as it was read, and for the second form the call as it was made, whose pointers lead to what the target
 * wrote. Out: one line of text, cut where its memory ends; nothing is kept. Arguments that a call only reads are
 * written as the script has them, so that the two lines differ exactly where the expectation and the outcome do. */
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "symbols.h"
#include "value_parts.h"

#define DEPTH_MAX 64

/* --- Expressions --- */

static void write_depth(const struct drill_expr *expr, unsigned depth, struct drill_text *text);

static void write_items(const struct drill_expr *expr, unsigned from, const char *between, unsigned depth,
                        struct drill_text *text) {
    for (unsigned i = from; i < expr->nitems; i++) {
        if (i > from) drill_text_add(text, "%s", between);
        write_depth(expr->item[i], depth + 1, text);
    }
}

static void write_string(const struct drill_expr *expr, struct drill_text *text) {
    drill_text_add(text, "\"");
    for (size_t i = 0; i < expr->len; i++) {
        char c = expr->text[i];
        bool plain = c >= ' ' && c <= '~' && c != '"' && c != '\\';
        drill_text_add(text, plain ? "%c" : "\\x%02x", (unsigned char)c);
    }
    drill_text_add(text, expr->kind == DRILL_STRING_MORE ? "\"..." : "\"");
}

static void write_field(const struct drill_expr *expr, unsigned depth, struct drill_text *text) {
    drill_text_add(text, "%s", expr->text);
    if (expr->nitems > 1) {
        drill_text_add(text, "(");
        write_items(expr, 1, ", ", depth, text);
        drill_text_add(text, ")");
    }
    drill_text_add(text, "=");
    if (expr->nitems > 0) write_depth(expr->item[0], depth + 1, text);
}

static void write_group(const struct drill_expr *expr, const char *open, const char *close, unsigned depth,
                        struct drill_text *text) {
    drill_text_add(text, "%s", open);
    write_items(expr, 0, ", ", depth, text);
    drill_text_add(text, "%s", close);
}

static void write_depth(const struct drill_expr *expr, unsigned depth, struct drill_text *text) {
    if (depth > DEPTH_MAX) {
        drill_text_add(text, "...");
        return;
    }
    switch (expr->kind) {
    case DRILL_ELLIPSIS: drill_text_add(text, "..."); break;
    case DRILL_INTEGER: drill_text_add(text, expr->hex ? "0x%" PRIx64 : "%" PRId64, expr->integer); break;
    case DRILL_WORD: drill_text_add(text, "%s", expr->text); break;
    case DRILL_STRING:
    case DRILL_STRING_MORE: write_string(expr, text); break;
    case DRILL_OR: write_items(expr, 0, "|", depth, text); break;
    case DRILL_SHIFT_LEFT: write_items(expr, 0, "<<", depth, text); break;
    case DRILL_ASSIGN:
    case DRILL_FIELD: write_field(expr, depth, text); break;
    case DRILL_CALL:
        drill_text_add(text, "%s", expr->text);
        write_group(expr, "(", ")", depth, text);
        break;
    case DRILL_LIST: write_group(expr, "[", "]", depth, text); break;
    case DRILL_STRUCT: write_group(expr, "{", "}", depth, text); break;
    }
}

void value_write_expr(const struct drill_expr *expr, struct drill_text *text) { write_depth(expr, 0, text); }

/* --- What came back --- */

static void write_poll(const struct value_call *value, struct drill_text *text) {
    const struct drill_expr *list = value->spec->arg[0];
    const struct pollfd *live = (const struct pollfd *)value->call.arg[0];
    drill_text_add(text, "[");
    for (unsigned i = 0; i < list->nitems; i++) {
        const struct drill_expr *fd = value_field(list->item[i], "fd");
        drill_text_add(text, "%s{fd=", i ? ", " : "");
        if (fd) value_write_expr(fd, text);
        drill_text_add(text, ", events=");
        symbol_flags("POLL", (uint16_t)live[i].events, text);
        drill_text_add(text, ", revents=");
        symbol_flags("POLL", (uint16_t)live[i].revents, text);
        drill_text_add(text, "}");
    }
    drill_text_add(text, "]");
}

static void write_event(const struct drill_expr *expr, const struct epoll_event *live, const struct drill_fds *fds,
                        struct drill_text *text) {
    drill_text_add(text, "{events=");
    symbol_flags("EPOLL", live->events, text);
    if (value_field(expr, "fd")) {
        drill_text_add(text, ", fd=%d}", fds_script(fds, live->data.fd));
    } else if (value_field(expr, "u32")) {
        drill_text_add(text, ", u32=%" PRIu32 "}", live->data.u32);
    } else {
        drill_text_add(text, ", %s=%" PRIu64 "}", value_field(expr, "ptr") ? "ptr" : "u64", live->data.u64);
    }
}

static void write_epoll(const struct value_call *value, const struct drill_fds *fds, struct drill_text *text) {
    const struct drill_expr *expr = value->spec->arg[1];
    const struct epoll_event *live = (const struct epoll_event *)value->call.arg[1];
    unsigned count = value_epoll_count(expr);
    bool list = expr->kind == DRILL_LIST;
    if (list) drill_text_add(text, "[");
    for (unsigned i = 0; i < count; i++) {
        if (i) drill_text_add(text, ", ");
        write_event(value_epoll_item(expr, i), &live[i], fds, text);
    }
    if (list) drill_text_add(text, "]");
}

/* Level, type and length tell enough about a control message that was not expected. */
static void write_control(const struct value_call *value, struct drill_text *text) {
    struct msghdr *live = (struct msghdr *)value->call.arg[1];
    const char *between = "";
    drill_text_add(text, "msg_control=[");
    struct cmsghdr *header = value->call.result >= 0 ? CMSG_FIRSTHDR(live) : NULL;
    for (; header && header->cmsg_len >= CMSG_LEN(0); header = CMSG_NXTHDR(live, header)) {
        drill_text_add(text, "%s{cmsg_level=%d, cmsg_type=%d, cmsg_data=%zu bytes}", between, header->cmsg_level,
                       header->cmsg_type, (size_t)(header->cmsg_len - CMSG_LEN(0)));
        between = ", ";
    }
    drill_text_add(text, "]");
}

static bool is_field(const struct drill_expr *expr, const char *name) {
    return expr->kind == DRILL_FIELD && strcmp(expr->text, name) == 0;
}

/* The message with its live flags and control messages. */
static void write_message(const struct value_call *value, struct drill_text *text) {
    const struct drill_expr *expr = value->spec->arg[1];
    const struct msghdr *live = (const struct msghdr *)value->call.arg[1];
    drill_text_add(text, "{");
    for (unsigned i = 0; i < expr->nitems; i++) {
        drill_text_add(text, "%s", i ? ", " : "");
        if (is_field(expr->item[i], "msg_flags")) {
            drill_text_add(text, "msg_flags=");
            symbol_flags("MSG_", (uint32_t)live->msg_flags, text);
        } else if (is_field(expr->item[i], "msg_control")) {
            write_control(value, text);
        } else {
            value_write_expr(expr->item[i], text);
        }
    }
    drill_text_add(text, "}");
}

static bool write_live_option(const struct value_call *value, unsigned i, struct drill_text *text) {
    const struct la_sys_call *call = &value->call;
    const socklen_t *len = (const socklen_t *)call->arg[4];
    if (call->result < 0 || !len || *len > INT32_MAX || !call->arg[3]) return false;
    if (i == 4) {
        drill_text_add(text, "[%u]", *len);
    } else {
        bool is_error = call->arg[1] == SOL_SOCKET && call->arg[2] == SO_ERROR;
        value_write_option(value->spec->arg[3], is_error, (const void *)call->arg[3], *len, text);
    }
    return true;
}

/* Writes an argument that the call has changed; false: it is as the script has it. */
static bool write_live(const struct value_call *value, const struct drill_fds *fds, unsigned i,
                       struct drill_text *text) {
    const struct la_sys_call *call = &value->call;
    if (!call->arg[i]) return false;
    if (call->nr == LA_SYS_GETSOCKOPT && i >= 3) return write_live_option(value, i, text);
    if (call->nr == LA_SYS_IOCTL && i == 2 && value_element(value->spec->arg[2]) && call->result >= 0) {
        drill_text_add(text, "[%d]", *(const int *)call->arg[2]);
    } else if (call->nr == LA_SYS_POLL && i == 0) {
        write_poll(value, text);
    } else if (call->nr == LA_SYS_EPOLL_WAIT && i == 1 && call->result >= 0) {
        write_epoll(value, fds, text);
    } else if (call->nr == LA_SYS_RECVMSG && i == 1) {
        write_message(value, text);
    } else {
        return false;
    }
    return true;
}

/* --- Calls --- */

void value_write(const struct drill_call *spec, struct drill_text *text) {
    drill_text_add(text, "%s(", spec->name);
    for (unsigned i = 0; i < spec->nargs; i++) {
        if (i) drill_text_add(text, ", ");
        value_write_expr(spec->arg[i], text);
    }
    drill_text_add(text, ") = ");
    value_write_expr(spec->result, text);
    if (spec->error) drill_text_add(text, " %s", spec->error);
    if (spec->note) drill_text_add(text, " (%s)", spec->note);
}

static void write_result(const struct value_call *value, const struct drill_fds *fds, struct drill_text *text) {
    const struct la_sys_call *call = &value->call;
    const char *name = call->result < 0 ? symbol_errno((int)-call->result) : NULL;
    if (call->result >= 0) {
        drill_text_add(text, value->spec->result->hex ? "0x%" PRIx64 : "%" PRId64,
                       value_makes_fd(call) ? fds_script(fds, (int)call->result) : call->result);
    } else if (name) {
        drill_text_add(text, "-1 %s", name);
    } else {
        drill_text_add(text, "-1 (errno %" PRId64 ")", -call->result);
    }
}

void value_write_actual(const struct value_call *value, const struct drill_fds *fds, struct drill_text *text) {
    const struct drill_call *spec = value->spec;
    drill_text_add(text, "%s(", spec->name);
    for (unsigned i = 0; i < spec->nargs; i++) {
        if (i) drill_text_add(text, ", ");
        if (!write_live(value, fds, i, text)) value_write_expr(spec->arg[i], text);
    }
    drill_text_add(text, ") = ");
    write_result(value, fds, text);
}
