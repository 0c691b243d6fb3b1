/* Which descriptors lsof(8)'s options mean. */
#ifndef TOOL_LSOF_SELECT_H
#define TOOL_LSOF_SELECT_H

#include "inspect/snap.h"

#define LSOF_SPECS 32 /* Of a kind; a command line has a few. */
#define LSOF_PORTS 16
#define LSOF_HOSTS 8

/* -i [46][TCP][@HOST][:PORT,…] */
struct lsof_inet {
    uint8_t family; /* 4, 6; 0: both. */
    struct la_addr host[LSOF_HOSTS];
    unsigned nhosts;
    uint16_t port[LSOF_PORTS][2]; /* From, to. */
    unsigned nports;
};

struct lsof_numbers {
    bool given; /* Some are wanted. */
    struct {
        uint32_t number;
        bool unwanted;
    } list[LSOF_SPECS];
    unsigned n;
};

struct lsof_commands {
    bool given;
    struct {
        const char *prefix;
        bool unwanted;
    } list[LSOF_SPECS];
    unsigned n;
};

struct lsof_select {
    struct lsof_inet inet[LSOF_SPECS];
    unsigned ninet;
    uint32_t states; /* 1 << la_state; 0: all. */
    bool all;        /* -a: everything must hold, not anything. */
    struct lsof_numbers pids, users;
    struct lsof_commands commands;
};

/* Each reads one option's argument. False: wrong, and said so on standard error. */
bool lsof_read_inet(struct lsof_select *select, const char *text);
bool lsof_read_states(struct lsof_select *select, const char *text); /* TCP:LISTEN,^CLOSE_WAIT */
bool lsof_read_pids(struct lsof_select *select, const char *text);
bool lsof_read_users(struct lsof_select *select, const char *text);
bool lsof_read_command(struct lsof_select *select, const char *text);

/* Nothing else can make a connection wanted than its state and addresses. */
bool lsof_inet_decides(const struct lsof_select *select);
bool lsof_wants(const struct lsof_select *select, const struct snap_conn *conn, const struct snap_proc *proc);

#endif
