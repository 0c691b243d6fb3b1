/* One integer socket option: how it is checked, set and read. */
#ifndef TCP_SOCKOPT_H
#define TCP_SOCKOPT_H

#include "tcp/conn.h"

struct sockopt {
    int level, name;
    int min, max; /* Bounds of what may be set; min > max: cannot be set. */
    void (*set)(struct tcp_conn *c, int value);
    int (*get)(struct tcp_conn *c);
    bool (*allowed)(const struct tcp_conn *c, int value); /* NULL: always. */
};

#define SOCKOPT_CANNOT_SET 1, 0, NULL
#define SOCKOPT_ANY_INT INT32_MIN, INT32_MAX

/* Levels socket, IP and IPv6; level TCP. NULL: no such option. */
const struct sockopt *sockopt_socket(int level, int name);
const struct sockopt *sockopt_tcp(int name);

static inline uint32_t sockopt_clamp(uint32_t value, uint32_t min, uint32_t max) {
    return value < min ? min : value > max ? max : value;
}

#define SOCKOPT_FLAG(field)                                                                                            \
    static void set_##field(struct tcp_conn *c, int value) { c->is.field = value != 0; }                               \
    static int get_##field(struct tcp_conn *c) { return c->is.field; }

#endif
