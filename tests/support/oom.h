/* An allocator for tests: counts, checks the sizes given to free, finds leaks, and refuses when told to. */
#ifndef SUPPORT_OOM_H
#define SUPPORT_OOM_H

#include <stdbool.h>
#include <stddef.h>

#include <lastack/types.h>

struct oom {
    size_t asked;               /* Allocations asked for. */
    size_t refused;             /* Of those, how many got NULL. */
    size_t fail_at;             /* The allocation (1, 2, …) to refuse; 0: none. */
    bool fail_on;               /* Refuse all later ones too. */
    size_t blocks, bytes, peak; /* Outstanding now; the most bytes there were. */
};

/* Fresh, refusing nothing. Memory that it hands out is filled with garbage. A free of a wrong size, or of what was not
 * handed out, prints a line and aborts. */
void oom_init(struct oom *oom);
/* `oom` must live as long as the allocator is used. */
struct la_allocator oom_allocator(struct oom *oom);

/* Does something from beginning to end with the allocator and gives all memory back. Returns whether it completed,
 * which it must when nothing was refused. */
typedef bool oom_scenario(struct oom *oom);

/* Runs the scenario without refusals, then refusing the nth allocation alone, then from the nth on, for n = 1, 2, 3, …
 * until no refusal was needed. Returns false, with a line on stderr, when a run leaks or fails without cause. */
bool oom_run(oom_scenario *scenario);

#endif
