/* What a scenario consists of: hosts with their stacks, connections with a program at each end, and the network. */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include <lastack/info.h>
#include <lastack/socket.h>
#include <lastack/stack.h>

#include <stdio.h>

#include "node.h"
#include "random.h"
#include "sim.h"

enum {
    SIM_HOSTS = 3,
    SIM_CONNS = 8,
    SIM_LISTENERS = 2, /* IPv4, IPv6. */
    SIM_PORT = 80,
    SIM_SETTING_ECN = 0, /* Where net.ipv4.tcp_ecn is. */
    SIM_SETTINGS = 39,
    SIM_CHUNK_MAX = 17000,
    SIM_FAKE = 0xff,      /* XORed to bytes: another content, which an end that is `tainted` may read; … */
    SIM_FAKE_LATE = 0x55, /* … one that nobody may ever read. */
};

/* --- Memory: counted, filled with garbage, refused when told to (memory.c) --- */

struct sim_memory {
    uint64_t requests, refused;
    uint64_t fail_from, fail_to; /* Requests that are refused; 0: none. */
    size_t used, peak, blocks;
    bool broken; /* A size given to free was not the one asked for. */
};

struct la_allocator sim_allocator(struct sim_memory *memory);

/* --- Programs --- */

/* How a program ends its connection. */
enum sim_style {
    SIM_ORDERLY,   /* Writes all, shuts down writing, reads to the end, closes. */
    SIM_LAST,      /* Waits for the peer's end of file, then closes. */
    SIM_FORGET,    /* Writes all and closes; the rest is the stack's business. */
    SIM_LINGER,    /* The same with SO_LINGER {1, n}: waits for the end of it. */
    SIM_HURRY,     /* Closes at a random moment. */
    SIM_ABORT,     /* Resets at a random moment. */
    SIM_LINGER0,   /* Closes at a random moment with SO_LINGER {1, 0}. */
    SIM_SHUT_RD,   /* Shuts down reading at a random moment, writes all, closes. */
    SIM_SHUT_RDWR, /* Shuts down both at a random moment, closes later. */
    SIM_SLOTH,     /* Reads and writes all, and closes long after. */
    SIM_NSTYLES,
};

/* What one program will do. */
struct sim_plan {
    enum sim_style style;
    uint64_t total;       /* Bytes to write. */
    size_t chunk;         /* Bytes given in one call, and read in one call. */
    la_time moment;       /* After the start: when a style that has one acts. */
    bool copy_free;       /* peek/consume and reserve/commit. */
    uint64_t pause_after; /* Stops reading after every so many bytes … */
    la_time pause;        /* … for so long … */
    unsigned pauses;      /* … so often; 0: never. */
    la_time write_pause;  /* Between writes. */
    unsigned write_pauses;
    /* Options; 0 or negative: not set. */
    int sndbuf, rcvbuf, maxseg, user_timeout_ms, linger2, linger_s;
    int keepidle, keepintvl, keepcnt;
    int keepinit;
    bool nodelay, cork, more, quickack, reuseaddr, keepalive, noopt;
};

enum sim_phase {
    SIM_WAITING, /* Not begun; a server's end: not accepted. */
    SIM_OPENING,
    SIM_OPEN,
    SIM_LINGERING, /* la_close has returned -LA_EINPROGRESS. */
    SIM_DONE,      /* No handle any more. */
};

/* One end of a connection: a program. */
struct sim_end {
    struct sim_plan plan;
    struct sim_host *host;
    struct sim_conn *conn;
    struct sim_end *peer;
    enum sim_phase phase;
    la_sock sock;
    la_time start_at;
    la_time opened_at;         /* When it began or was accepted. */
    la_time act_at;            /* The style's moment; LA_NEVER: none or past. */
    la_time read_at, write_at; /* Pauses until then. */
    uint64_t pause_left;       /* Bytes until the next pause. */
    unsigned pauses_left, write_pauses_left;
    uint64_t sent, received;
    bool established;
    bool can_read, can_write; /* Until the stack says "again later"; from its event on. */
    bool shut_wr, shut_rd, eof;
    unsigned postponed; /* How often a sloth has not closed yet. */
    bool ended;         /* Its stream has an end: shutdown or close, not reset. */
    bool gave_up;       /* Closed by the judge, because its peer was gone. */
    bool tainted;       /* Its peer has sent two versions of bytes that it had not acknowledged. */
    int error;          /* Positive, the first one. */
};

enum sim_kind {
    SIM_NORMAL,
    SIM_REFUSED,      /* To a port where nobody listens. */
    SIM_SIMULTANEOUS, /* Both connect. */
};

struct sim_conn {
    unsigned id;
    enum sim_kind kind;
    bool ipv6;
    uint32_t iss; /* The client's. */
    bool has_iss;
    uint16_t client_port; /* 0: the stack chooses. */
    uint16_t server_port;
    struct sim_end end[2]; /* Client, server. */
    bool strict;           /* Nothing may go wrong with it. */
    bool poisoned;         /* Data was acknowledged that never came: it cannot be repaired. */
};

/* --- Hosts --- */

struct sim_hostile;

struct sim_host {
    struct sim_world *world;
    unsigned index;
    struct sim_memory memory;
    size_t memory_begun; /* In use before any connection. */
    struct la_stack *stack;
    int iface;
    const char *profile;
    struct la_addr addr[2]; /* IPv4, IPv6. */
    la_sock listener[SIM_LISTENERS];
    int backlog;
    la_time listen_until;      /* The listeners close then. */
    int setting[SIM_SETTINGS]; /* Of sim_settings; -1: left alone. */
    la_time clock;             /* The resolution of its clock: it is told times rounded down to that. */
    bool clock_known;          /* The stack is told that, too. */
    struct sim_hostile *liar;  /* Hostile: between it and its way; NULL: it is honest. */
    uint32_t gso_max;          /* The device cuts units of so many bytes; 0: it takes none. */
    la_time send_gap;          /* The device takes one packet in this time; 0: all at once. */
    la_time device_free;       /* When it takes the next. */
    struct sim_node *up;       /* Its way into the network … */
    struct sim_node exit;      /* … whose last node hands to the other hosts. */
    uint64_t trace_serial;
    unsigned spins; /* Ticks at one moment. */
};

/* --- The world --- */

struct sim_world {
    const struct sim_config *config;
    struct sim_result *result;
    struct sim_random random;
    la_time start, now, heal_at, limit;
    la_time cut_at; /* All stacks are destroyed in the middle of their work; LA_NEVER: they may finish. */
    enum la_link link;
    uint32_t mtu;
    uint32_t loss_ppm; /* The worst of all links, corruption included. */
    bool cut;          /* That has happened: nobody answers for anything but memory. */
    bool outage;
    bool narrow;       /* Large packets are lost somewhere … */
    int probing;       /* … and the stacks search for what passes: tcp_mtu_probing; 0: they are told by ICMP. */
    bool hostile;      /* One of the hosts is. */
    bool accurate_ecn; /* All hosts ask for it. */
    unsigned nhosts, nconns;
    struct sim_host host[SIM_HOSTS];
    struct sim_conn conn[SIM_CONNS];
    bool failed;
};

/* Says a line with the time before it, if anybody hears. */
void sim_say(struct sim_world *world, const char *format, ...);
static inline bool sim_heard(const struct sim_world *world) { return world->config->say != NULL; }
/* The same about a packet. */
void sim_say_packet(struct sim_world *world, unsigned host, const char *what, const uint8_t *data, size_t len);
/* Something is wrong: the first time counts. */
void sim_wrong(struct sim_world *world, const char *format, ...);

/* plan.c: makes all of it from the seed, without touching a stack. */
void sim_plan_world(struct sim_world *world);

/* host.c */
/* A setting that scenarios draw: first, first + step, … `values` of them. */
struct sim_setting {
    const char *name;
    int first, values, step;
};
extern const struct sim_setting sim_settings[SIM_SETTINGS];
bool sim_host_make(struct sim_host *host);
void sim_host_listen(struct sim_host *host);
void sim_host_unlisten(struct sim_host *host);
void sim_host_free(struct sim_host *host);
/* Ticks, programs, events, packets out, until the host has nothing more to do at this moment. */
void sim_host_work(struct sim_host *host);
/* Packets arrive from another host. */
/* The network itself has something to say to the host: an ICMP error. */
void sim_host_told(void *host, const uint8_t *data, size_t len);
void sim_exit_forward(struct sim_node *node, struct sim_packet *packet, la_time now);
la_time sim_host_next(const struct sim_host *host);
/* What the host's clock says: all that its stack is told of the time. */
la_time sim_host_now(const struct sim_host *host);

/* hostile.c */
/* A liar for a host, with tricks of the seed's choice. It frees itself with the way that it is put on. */
struct sim_hostile *sim_hostile_new(struct sim_host *host, uint64_t seed);
struct sim_node *sim_hostile_node(struct sim_hostile *hostile);
void sim_hostile_say(const struct sim_hostile *hostile);
/* What the host is given of a packet that came for it: a packet of the caller's, or NULL. */
struct sim_packet *sim_hostile_hear(struct sim_hostile *hostile, const struct sim_packet *packet);

/* end.c */
/* Does what the program can do now. */
void sim_end_step(struct sim_end *end);
void sim_end_event(struct sim_end *end, uint32_t events);
void sim_end_accepted(struct sim_end *end, la_sock sock);
/* When the program wants to act by itself. */
la_time sim_end_next(const struct sim_end *end);
/* Closes it, whatever its plan says. */
void sim_end_give_up(struct sim_end *end);
const char *sim_end_name(const struct sim_end *end, char text[32]);
static inline uint64_t sim_end_tag(const struct sim_end *end) {
    return end->conn->id * 2 + (end == &end->conn->end[1]) + 1;
}

/* judge.c */
/* Whether a program may get this error. */
bool sim_error_possible(const struct sim_end *end, int error);
/* Nothing moves any more: says what waits wrongly, or releases what waits for a peer that is gone. True when something
 * was released. */
bool sim_judge_still(struct sim_world *world);
/* An hour after all lies: whose connection cannot finish closes it. */
void sim_judge_hopeless(struct sim_world *world);
/* Whether no connection has a timer running. */
bool sim_judge_quiet(const struct sim_world *world);
/* All programs are done and time has passed. */
void sim_judge_end(struct sim_world *world);
bool sim_all_done(const struct sim_world *world);

#endif
