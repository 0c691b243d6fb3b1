/* lastack plot: one connection as a time-sequence picture, from the side of the end that sends the data.
 *
 *     segments, in time order  ->  plot_add        plot_flow.c
 *     what each of them is     ->  plot_finish     plot_flow.c, plot_guess.c
 *     a picture, or data       ->  plot_svg.c, plot_json.c */
#ifndef TOOL_PLOT_H
#define TOOL_PLOT_H

#include "inspect/say.h"

#include <lastack/segment.h>

#define PLOT_SEGMENTS_MAX 1000000 /* More are refused: nobody can read that picture. */
#define PLOT_NOTES_MAX 64

/* What the road does to a segment: only a simulation knows. */
enum plot_fate { PLOT_ARRIVES, PLOT_DELAYED, PLOT_LOST };

/* One segment. Sequence numbers count from the initial one of the side that sent those bytes, and do not wrap. */
struct plot_segment {
    la_time at; /* Since the connection's first segment in the capture. */
    bool sent;  /* From the end whose data is drawn; otherwise it came to that end. */
    enum plot_fate fate;
    bool again;                   /* Sequence numbers that were sent before. */
    bool duplicate;               /* A duplicate ACK. */
    bool dsack;                   /* Its first SACK block tells of data that arrived twice (RFC 2883). */
    bool edge_known;              /* The window's scale is known, or there is none. */
    uint64_t from, to;            /* Sent: the sequence numbers it takes, SYN and FIN included. */
    uint64_t ack, edge;           /* Received: what it acknowledges, and where the window ends. */
    struct la_sack_block sack[4]; /* Received: its SACK blocks, in the lowest 32 bits of such numbers. */
    struct la_segment wire;       /* As it was, without payload and with numbers that count from the first. */
};

/* Something to be pointed at. */
struct plot_note {
    la_time at;
    uint64_t seq;
    bool of_sent;     /* It speaks of what was sent at that time, if anything was. */
    const char *text; /* Static. */
};

/* The congestion window from some time on; only a simulation knows. */
struct plot_window {
    la_time at;
    uint32_t cwnd, ssthresh; /* Bytes. */
};

struct plot {
    char title[160], subtitle[240];
    struct la_endpoint sender, receiver;
    struct plot_segment *segment;
    size_t nsegments, segment_room;
    struct plot_window *window;
    size_t nwindows, window_room;
    struct plot_note note[PLOT_NOTES_MAX];
    unsigned nnotes;
    uint32_t mss; /* The largest payload sent. */
    bool guessed; /* The notes are conclusions from what was seen. */
    bool failed;  /* Memory was refused, or there are too many segments. */
};

/* Adds a segment; `wire` as parsed. Times do not go back. */
void plot_add(struct plot *plot, la_time at, const struct la_segment *wire, enum plot_fate fate);
/* Adds a change of the congestion window. */
void plot_window_add(struct plot *plot, la_time at, uint32_t cwnd, uint32_t ssthresh);
/* Adds a note on what was sent or received at that time; more than PLOT_NOTES_MAX are left out. */
void plot_note_sent(struct plot *plot, la_time at, uint64_t seq, const char *text);
void plot_note_received(struct plot *plot, la_time at, uint64_t seq, const char *text);

/* Finds who sends and what each segment is. False: no data was sent. */
bool plot_finish(struct plot *plot);
/* Leaves only what lies within these times. */
void plot_cut(struct plot *plot, la_time from, la_time to);
void plot_free(struct plot *plot);

/* Concludes from the segments what the sender did, and notes it (plot_guess.c). */
void plot_guess(struct plot *plot);

/* Notes where a retransmission that the road lost is sent again; for simulations, which know of it. */
void plot_note_repeats(struct plot *plot);

/* How many segments with data or a SYN or FIN were sent, sent again, delayed, lost; and how many ACKs of each kind
 * came. */
struct plot_counts {
    size_t sent, again, delayed, lost, duplicates, sacks, dsacks;
};
struct plot_counts plot_count(const struct plot *plot);

/* Whether address and port are the same. */
bool plot_same_end(const struct la_endpoint *a, const struct la_endpoint *b);

/* A SACK block's ends in numbers that do not wrap, near `ack`. */
uint64_t plot_near(uint64_t reference, uint32_t n);
/* "12.345 ms [P.] seq 1 ack 1 win 502 len 1448" */
void plot_segment_text(struct say *out, const struct plot_segment *segment);

void plot_svg(struct say *out, const struct plot *plot);
void plot_json(struct say *out, const struct plot *plot);

#endif
