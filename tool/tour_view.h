/* What the tour tells, and to whom: a view prints it for people (tour_print.c) or collects it for machines
 * (tour_json.c). */
#ifndef TOOL_TOUR_VIEW_H
#define TOOL_TOUR_VIEW_H

#include <lastack/info.h>
#include <lastack/segment.h>

enum side { KERNEL, STACK, NSIDES };

/* What became of a segment. */
enum fate {
    FATE_DELIVERED,
    FATE_HELD,     /* Withheld at the device. */
    FATE_RELEASED, /* Withheld before, delivered now. */
    FATE_LOST,     /* Dropped by a fault rule. */
};

enum step_kind {
    STEP_CALL,    /* A program on side `from` called. */
    STEP_SEGMENT, /* A segment from side `from`. */
    STEP_ALONE,   /* A state changed by itself: a timer, or a program outside the tour. */
};

/* One end after the step. */
struct step_end {
    enum la_state state;
    bool moved;
    char cause[48]; /* Why it moved, or the call that moved nothing. */
};

/* One line of a connection's life. */
struct step {
    enum step_kind kind;
    enum side from;
    enum fate fate;
    la_time at; /* Since the scene began. */
    struct step_end end[NSIDES];
    struct la_segment segment; /* `seq` and `ack` count from each side's ISN. No payload. */
};

#define PATH_MAX_STATES 24
#define WIRE_MAX 2048

/* A whole life, as compared with its script. */
struct life {
    enum la_state path[NSIDES][PATH_MAX_STATES];
    unsigned npath[NSIDES];
    char wire[WIRE_MAX]; /* ">SYN <SYN+ACK >ACK …": > from the kernel, < from lastack, ! lost. PSH is not shown. */
};

struct scene_text {
    const char *name;   /* "close-simultaneous" */
    const char *claims; /* "C05" */
    const char *title;
    const char *note;                  /* What is special here, settings that were shortened; NULL. */
    const char *kernel, *stack, *wire; /* The script: states, states, segments. */
};

struct verdict {
    bool passed;
    char why[600]; /* Expected and seen, when it did not. */
};

struct transfer_text {
    const char *name;  /* "download-ipv6-loss" */
    const char *title; /* "curl downloads 200 MB over IPv6, 2 % loss" */
    uint64_t bytes;
};

struct transfer_result {
    double seconds;
    uint64_t sum_sent, sum_received;
    uint64_t lost;             /* Packets that the fault rules dropped. */
    uint64_t resent, timeouts; /* Segments that lastack sent again; how often its timer had to. */
};

struct tour_facts {
    const char *kernel_release;
    const char *profile;
    const char *settings; /* One line: what was shortened. */
};

struct view {
    void *ctx;
    void (*begin)(void *ctx, const struct tour_facts *facts);
    void (*scene)(void *ctx, const struct scene_text *text);
    void (*step)(void *ctx, const struct step *step);
    void (*verdict)(void *ctx, const struct scene_text *text, const struct life *life, const struct verdict *verdict);
    void (*transfer)(void *ctx, const struct transfer_text *text);
    void (*progress)(void *ctx, const struct transfer_text *text, uint64_t done, la_time elapsed);
    void (*transferred)(void *ctx, const struct transfer_text *text, const struct transfer_result *result,
                        const struct verdict *verdict);
    void (*end)(void *ctx, unsigned passed, unsigned failed, la_time elapsed);
};

/* For people, on standard output. */
const struct view *view_text(void);
/* For machines: one JSON document on standard output at the end. */
const struct view *view_json(void);

#endif
