/* The words for what info.h numbers. */
#include <lastack/info.h>

struct word {
    const char *name, *help;
};

static const struct word counters[LA_NCOUNTERS] = {
#define LA_COUNTER(id, name, help) [LA_C_##id] = {name, help},
#include <lastack/counters.def>
#undef LA_COUNTER
};

static const struct word drops[LA_NDROPS] = {
#define LA_DROP(id, name, help) [LA_D_##id] = {name, help},
#include <lastack/drops.def>
#undef LA_DROP
};

/* As RFC 9293 writes them, with the underscores of every diagnostic tool. */
static const char *const states[LA_NSTATES] = {
    [LA_CLOSED] = "CLOSED",         [LA_LISTEN] = "LISTEN",           [LA_SYN_SENT] = "SYN_SENT",
    [LA_SYN_RCVD] = "SYN_RCVD",     [LA_ESTABLISHED] = "ESTABLISHED", [LA_FIN_WAIT_1] = "FIN_WAIT_1",
    [LA_FIN_WAIT_2] = "FIN_WAIT_2", [LA_CLOSE_WAIT] = "CLOSE_WAIT",   [LA_CLOSING] = "CLOSING",
    [LA_LAST_ACK] = "LAST_ACK",     [LA_TIME_WAIT] = "TIME_WAIT",
};

static const char *const timers[LA_NTIMERS] = {
    [LA_TIMER_RETRANSMIT] = "retransmit", [LA_TIMER_PERSIST] = "persist",       [LA_TIMER_KEEPALIVE] = "keepalive",
    [LA_TIMER_DELACK] = "delayed-ack",    [LA_TIMER_FIN_WAIT_2] = "fin-wait-2", [LA_TIMER_TIME_WAIT] = "time-wait",
    [LA_TIMER_USER] = "user-timeout",     [LA_TIMER_LINGER] = "linger",         [LA_TIMER_PACE] = "pace",
};

/* What is out of range may come from a recorded byte; it gets a word too. */
static const char unknown[] = "?";

const char *la_state_name(enum la_state state) { return (unsigned)state < LA_NSTATES ? states[state] : unknown; }

const char *la_timer_name(enum la_timer timer) { return (unsigned)timer < LA_NTIMERS ? timers[timer] : unknown; }

const char *la_counter_name(enum la_counter counter) {
    return (unsigned)counter < LA_NCOUNTERS ? counters[counter].name : unknown;
}

const char *la_counter_help(enum la_counter counter) {
    return (unsigned)counter < LA_NCOUNTERS ? counters[counter].help : unknown;
}

const char *la_drop_name(enum la_drop drop) { return (unsigned)drop < LA_NDROPS ? drops[drop].name : unknown; }

const char *la_drop_help(enum la_drop drop) { return (unsigned)drop < LA_NDROPS ? drops[drop].help : unknown; }
