#define _GNU_SOURCE
#include "linux_stacks.h"

#include <stdlib.h>
#include <string.h>

#include "linux_unwind.h"

/* After the rate was exceeded, this many must have come together before stacks are taken again. Until then the ring
 * stays full, and the kernel copies no stacks. */
#define REST (STACKS_RATE / 2)
#define SITES 256

struct kept {
    uint32_t age; /* How many were kept in this place: its id is age * STACKS_MAX + place. */
    int32_t pid, tid;
    uint64_t started;
    uint64_t regs[UNWIND_REGS];
    size_t stack_len;
    uint8_t *stack; /* NULL: free. */
};

struct site {
    uint64_t key; /* unwind_key; 0: none. */
    char *text;
};

struct stacks {
    struct kept kept[STACKS_MAX];
    uint32_t nkept, next; /* Where a free place is looked for. */
    uint32_t chance;
    uint32_t tokens;
    bool resting;
    la_time counted;          /* Tokens were given out up to this time. */
    struct site sites[SITES]; /* Texts of the latest different stacks. */
    unsigned next_site;
};

struct stacks *stacks_new(void) {
    struct stacks *stacks = calloc(1, sizeof *stacks);
    if (!stacks) return NULL;
    stacks->tokens = STACKS_BURST;
    stacks->chance = 1;
    return stacks;
}

static void forget(struct stacks *stacks, struct kept *kept) {
    free(kept->stack);
    kept->stack = NULL;
    stacks->nkept--;
}

void stacks_free(struct stacks *stacks) {
    if (!stacks) return;
    for (unsigned i = 0; i < STACKS_MAX; i++) free(stacks->kept[i].stack);
    for (unsigned i = 0; i < SITES; i++) free(stacks->sites[i].text);
    free(stacks);
}

bool stacks_ready(struct stacks *stacks, la_time now) {
    const la_time each = LA_SECOND / STACKS_RATE;
    if (now > stacks->counted) {
        la_time earned = (now - stacks->counted) / each;
        stacks->counted += earned * each;
        stacks->tokens = earned >= STACKS_BURST - stacks->tokens ? STACKS_BURST : stacks->tokens + (uint32_t)earned;
    }
    if (stacks->tokens >= REST) stacks->resting = false;
    if (stacks->tokens == 0) stacks->resting = true;
    return !stacks->resting;
}

/* A place for one more: a free one, or a random one made free. */
static uint32_t find_place(struct stacks *stacks) {
    if (stacks->nkept == STACKS_MAX) {
        stacks->chance = stacks->chance * 1664525u + 1013904223u;
        stacks->next = (stacks->chance >> 8) % STACKS_MAX;
        forget(stacks, &stacks->kept[stacks->next]);
    }
    while (stacks->kept[stacks->next].stack) stacks->next = (stacks->next + 1) % STACKS_MAX;
    return stacks->next;
}

uint32_t stacks_keep(struct stacks *stacks, const struct perf_record *record) {
    if (!record->regs || record->nregs > UNWIND_REGS || !record->stack_len || record->stack_len > STACKS_BYTES)
        return 0;
    uint8_t *stack = malloc(record->stack_len);
    if (!stack) return 0;
    memcpy(stack, record->stack, record->stack_len);
    uint32_t place = find_place(stacks);
    struct kept *kept = &stacks->kept[place];
    stacks->nkept++;
    kept->age = kept->age % (UINT32_MAX / STACKS_MAX - 1) + 1;
    kept->pid = record->pid;
    kept->tid = record->tid;
    kept->started = unwind_started(record->pid);
    memcpy(kept->regs, record->regs, record->nregs * sizeof *kept->regs);
    kept->stack = stack;
    kept->stack_len = record->stack_len;
    if (stacks->tokens) stacks->tokens--;
    return kept->age * STACKS_MAX + place;
}

static struct kept *find(struct stacks *stacks, uint32_t id) {
    struct kept *kept = &stacks->kept[id % STACKS_MAX];
    return kept->stack && id / STACKS_MAX == kept->age ? kept : NULL;
}

void stacks_forget(struct stacks *stacks, uint32_t id) {
    struct kept *kept = find(stacks, id);
    if (kept) forget(stacks, kept);
}

/* Unwinding takes tens of milliseconds, and what leaks leaks many from the same place. */
char *stacks_text(struct stacks *stacks, uint32_t id) {
    const struct kept *kept = find(stacks, id);
    if (!kept) return NULL;
    struct unwind_shot shot = {.pid = kept->pid,
                               .tid = kept->tid,
                               .started = kept->started,
                               .stack = kept->stack,
                               .stack_len = kept->stack_len};
    memcpy(shot.regs, kept->regs, sizeof shot.regs);
    uint64_t key = unwind_key(&shot);
    for (unsigned i = 0; key && i < SITES; i++)
        if (stacks->sites[i].key == key) return strdup(stacks->sites[i].text);
    char *text = key ? unwind_text(&shot) : NULL;
    char *copy = text ? strdup(text) : NULL;
    if (copy) {
        struct site *site = &stacks->sites[stacks->next_site++ % SITES];
        free(site->text);
        *site = (struct site){key, copy};
    }
    return text;
}
