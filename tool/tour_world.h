/* The world of a scene: the kernel's TCP, a stack, and the device between them, which the tour holds in its hands.
 *
 * It sees every packet in both directions and moves one at a time, when the script says so; after each it reads both
 * ends' states. */
#ifndef TOOL_TOUR_WORLD_H
#define TOOL_TOUR_WORLD_H

#include <lastack/dev.h>
#include <lastack/socket.h>

#include "tour_diag.h"
#include "tour_view.h"

#define TOUR_MTU 1500
#define HELD_MAX 16

struct held {
    enum side from;
    size_t len;
    uint8_t packet[TOUR_MTU];
};

/* Where the fault rules see one packet at a time: what is put in comes out again, or it is lost. */
struct slot {
    struct la_device device; /* First. */
    struct la_span waiting;
    bool passed;
};

struct world {
    const struct view *view;
    struct la_device *wire;  /* The TUN device, recorded if asked for. */
    bool lossy;              /* `wire` has fault rules around it (the transfers). */
    struct la_device *rules; /* The fault rules of a scene, around `slot`. */
    struct slot slot;
    struct diag *diag;
    struct la_stack *stack;
    int iface;
    la_time start; /* Of the scene. */
    la_time now;

    struct la_endpoint end[NSIDES]; /* The tuple that the scene is about. */
    enum la_state state[NSIDES];
    struct diag_row row; /* The kernel's, the latest. */
    la_time kernel_at;   /* When the kernel's timer of this connection goes off. */
    const char *outside; /* What a program outside the tour is doing: the cause of what the kernel does alone. */
    bool kernel_lived;   /* A connection was seen: from now on a listener's answer means that it is gone. */
    la_sock watched;     /* The socket whose events are kept in `events`. */
    uint32_t events;
    uint64_t serial;      /* Of the stack's trace. */
    uint32_t iss[NSIDES]; /* Initial sequence numbers, once seen. */
    bool iss_known[NSIDES];
    bool hold[NSIDES];          /* Withhold what this side sends. */
    bool mute;                  /* The device takes nothing from the stack. */
    struct held held[HELD_MAX]; /* Oldest first. */
    unsigned nheld;
    struct life life;
    unsigned steps;
};

/* The addresses of the two sides. */
struct la_addr world_addr(enum side side, bool ipv6);

/* The device (recorded to `pcap` unless NULL), its addresses, the kernel's settings, inet_diag. */
bool world_open(struct world *world, const struct view *view, const char *pcap, struct trouble *trouble);
void world_close(struct world *world);

/* A fresh stack on the device. 0 or -LA_E…. */
int world_stack(struct world *world);

/* Begins a life on this tuple with empty records. */
void world_life(struct world *world, bool ipv6, uint16_t kernel_port, uint16_t stack_port);

/* A program on `side` has made this call: records it and what it moved. */
void world_call(struct world *world, enum side side, const char *call);

/* Does one thing that can be done now: a packet, or what is due. False when there is nothing to do. */
bool world_step(struct world *world);

/* Sleeps until a packet, a deadline of either TCP, something on `fd` (-1: none), or `until`. */
void world_sleep(struct world *world, int fd, la_time until);

/* Adds a fault rule, in la_fault_parse's words. */
bool world_rule(struct world *world, const char *text);

/* Delivers the oldest packet withheld from this side. False when there is none. */
bool world_release(struct world *world, enum side from);

/* Ends the scene's stack and takes away what is still on its way. */
void world_drain(struct world *world);

#endif
