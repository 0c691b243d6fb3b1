/* What the files behind value.h share. */
#ifndef DRILL_VALUE_PARTS_H
#define DRILL_VALUE_PARTS_H

#include "value.h"

/* One call in the making. `why` gets one sentence without a line end, which begins with line:column. */
struct value_maker {
    struct value_call *value;
    const struct drill_call *spec;
    const struct la_drill_options *options;
    const struct value_peers *peers;
    const struct drill_fds *fds;
    struct drill_text *why;
    size_t address_len; /* Of the sockaddr made last. */
    size_t made;        /* Bytes so far: a script must not ask for all memory. */
};

/* Structures that options take, as fields of numbers and of text. */
struct value_field {
    const char *name, *alias;
    bool text;
    size_t offset, size;
};

struct value_layout {
    size_t size;
    unsigned nfields;
    struct value_field field[2];
};

/* The kinds of a control message's data. */
enum value_control { CONTROL_INTEGER, CONTROL_TIMES, CONTROL_ERROR, CONTROL_ATTRIBUTES, CONTROL_TEXT, CONTROL_UNKNOWN };

/* struct scm_timestamping and struct sock_extended_err of Linux. */
struct value_times {
    struct {
        int64_t sec, nsec;
    } time[3];
};

struct value_error {
    uint32_t error;
    uint8_t origin, type, code, pad;
    uint32_t info, data;
};

/* value.c */
bool value_eval(const struct drill_expr *expr, int64_t *number, struct drill_text *why);
/* Says what is wrong with an expression; returns false. */
#if defined __GNUC__
__attribute__((format(printf, 3, 4)))
#endif
bool value_wrong(struct drill_text *why, const struct drill_expr *expr, const char *format, ...);
const char *value_kind(const struct drill_expr *expr);
/* The value of a field of a structure; NULL when it is not there. */
const struct drill_expr *value_field(const struct drill_expr *expr, const char *name);
/* The one element of [ … ]; NULL when it is anything else. */
const struct drill_expr *value_element(const struct drill_expr *expr);
/* NULL, or 0. */
bool value_is_null(const struct drill_expr *expr);
/* inet_addr("…"), inet6_addr("…"): 4 or 16 bytes; 0: it is no address. */
size_t value_address(const struct drill_expr *expr, uint8_t bytes[16]);

/* A name in the call that only FreeBSD has, or NULL. */
const char *value_bsd_name(const struct drill_call *spec);

/* value_struct.c */
void *value_new(struct value_maker *maker, const struct drill_expr *expr, size_t size);
bool value_make_sockaddr(struct value_maker *maker, const struct drill_expr *expr, const struct la_endpoint *any,
                         uintptr_t *pointer);
bool value_make_iovec(struct value_maker *maker, const struct drill_expr *expr, uintptr_t *pointer);
bool value_make_msghdr(struct value_maker *maker, const struct drill_expr *expr, uintptr_t *pointer);
bool value_make_pollfds(struct value_maker *maker, const struct drill_expr *expr, uintptr_t *pointer);
/* One { … }, or a list of them. `count` is how many the memory is for at least. */
bool value_make_epoll_events(struct value_maker *maker, const struct drill_expr *expr, int64_t count,
                             uintptr_t *pointer);
unsigned value_epoll_count(const struct drill_expr *expr);
const struct drill_expr *value_epoll_item(const struct drill_expr *expr, unsigned i);
enum value_control value_control(const struct drill_expr *data);
/* How long the data of a control message is. */
size_t value_control_size(const struct drill_expr *data, int64_t level);
/* How long a TCP_NLA_ attribute is; 0: unknown. */
size_t value_attribute_size(int64_t type);

/* value_option.c */
const struct value_layout *value_layout(const struct drill_expr *expr);
const struct drill_expr *value_layout_field(const struct drill_expr *expr, const struct value_field *field);
bool value_make_set_option(struct value_maker *maker, const struct drill_expr *expr, const struct drill_expr *len,
                           uintptr_t *pointer);
bool value_make_get_option(struct value_maker *maker, const struct drill_expr *expr, const struct drill_expr *len,
                           uintptr_t *pointer, uintptr_t *len_pointer);
/* Compares what getsockopt wrote. */
bool value_check_option(const struct drill_expr *expr, const void *bytes, size_t len, struct drill_text *why);
/* Writes it in the notation that `expr` has. */
void value_write_option(const struct drill_expr *expr, bool is_error, const void *bytes, size_t len,
                        struct drill_text *text);

/* value_control.c */
struct msghdr;
bool value_check_control(const struct drill_expr *expr, struct msghdr *msg, struct drill_fds *fds, int64_t tolerance_us,
                         struct drill_text *why);

/* value_check.c: whether a call's result is a new descriptor. */
bool value_makes_fd(const struct la_sys_call *call);

/* value_write.c */
void value_write_expr(const struct drill_expr *expr, struct drill_text *text);

#endif
