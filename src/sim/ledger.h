/* What became of a stream's bytes on a road: which transmissions were dropped, and so which later ones were needed. One
 * who only watches the ends must guess this; the road knows it. Positions count from the stream's first byte. */
#ifndef SIM_LEDGER_H
#define SIM_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sim_stretch {
    uint32_t from, to;
};

struct sim_ledger {
    uint64_t sent;     /* Transmissions with data … */
    uint64_t again;    /* … of which some bytes had been sent before … */
    uint64_t spurious; /* … and none of them were missing: delivered, or still on their way. */
    uint32_t end;      /* The first position never sent. */
    /* Sorted and disjoint: dropped, and not sent again since. */
    struct sim_stretch *missing;
    size_t first, count, capacity;
    /* Every drop, in order. */
    struct sim_stretch *drop;
    size_t ndrops, drops_capacity;
};

/* Begins as zeros. */
void sim_ledger_free(struct sim_ledger *ledger);
/* A transmission of from … to - 1. */
void sim_ledger_note(struct sim_ledger *ledger, uint32_t from, uint32_t to, bool dropped);
/* The same transmission was dropped after all: at the road's end. */
void sim_ledger_dropped(struct sim_ledger *ledger, uint32_t from, uint32_t to);
/* How many of all transmissions of this byte were dropped. Looks at each drop: for the rare question. */
unsigned sim_ledger_drops_of(const struct sim_ledger *ledger, uint32_t position);

#endif
