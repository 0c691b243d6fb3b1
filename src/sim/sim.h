/* The simulator: stacks, a network and programs that use them, all made from one seed, in virtual time.
 *
 * A scenario is a function of its seed: two or three stacks with random profiles and settings; links that lose, delay,
 * reorder, duplicate and corrupt, and heal after a while; connections whose programs write, read, pause, half-close,
 * close, linger, reset at random moments. While it runs, safety is checked:
 *
 *   - every stream arrives intact and in order: each byte is a function of its stream and position;
 *   - end of file comes after the last byte that the peer wrote, and only if the peer has ended its stream;
 *   - every error and every event that a program gets is one that can be right;
 *   - every move of every connection is one of the legal moves, and time never runs backwards;
 *   - the stacks verify their own invariants after each event (la_config.check);
 *
 * and liveness:
 *
 *   - a connection that nobody has disturbed finishes: all bytes, end of file, no error;
 *   - nothing waits for ever: when no packet is on its way and no timer runs, no program waits for a live peer;
 *   - after all programs have closed, no connection remains, and no memory after the stacks have ended.
 *
 * Corruption is made so that a 16-bit checksum always notices it, because one that passes would be nobody's fault. */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include <lastack/types.h>

struct sim_config {
    uint64_t seed;
    uint64_t fail_nth;  /* Refuse the nth allocation (1, 2, …) of one stack, and `fail_more` after it; 0: none. */
    uint64_t fail_more; /* UINT64_MAX: all later ones, until the network heals. */
    /* Hears every segment, move and call as a line without a newline; NULL: nobody. */
    void (*say)(void *ctx, const char *line);
    /* Sees every packet that a stack or a liar beside it sends, before the network has touched it; NULL: nobody. `host`
     * is 0, 1, … */
    void (*packet)(void *ctx, la_time at, unsigned host, bool ethernet, const uint8_t *data, size_t len);
    void *ctx;
};

struct sim_result {
    bool ok;
    char why[1024]; /* What was wrong, if anything was. */
    la_time took;   /* Virtual. */
    uint64_t packets, lost, corrupted, duplicated, reordered;
    uint64_t invented;    /* Segments that a hostile host made up. */
    uint64_t bytes;       /* Given to readers. */
    uint64_t allocations; /* Of the stack whose nth one can fail. */
    unsigned connections; /* Opened … */
    unsigned completed;   /* … and finished as if nothing had happened. */
    uint64_t digest;      /* Of all packets with their times: equal for equal runs. */
};

/* Runs one scenario from beginning to end. */
void sim_run(const struct sim_config *config, struct sim_result *result);

#endif
