#include "oom.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Before every block. */
union head {
    struct {
        size_t size;
        struct oom *owner;
    } of;
    max_align_t align;
};

static void die(const char *what, size_t is, size_t was) {
    fprintf(stderr, "oom: %s (%zu, was %zu)\n", what, is, was);
    abort();
}

static void *take(void *ctx, size_t size) {
    struct oom *oom = ctx;
    oom->asked++;
    if (oom->fail_at && (oom->asked == oom->fail_at || (oom->fail_on && oom->asked > oom->fail_at))) {
        oom->refused++;
        return NULL;
    }
    union head *head = malloc(sizeof *head + size);
    if (!head) die("the machine is out of memory", size, 0);
    head->of.size = size;
    head->of.owner = oom;
    oom->blocks++;
    oom->bytes += size;
    if (oom->bytes > oom->peak) oom->peak = oom->bytes;
    return memset(head + 1, 0xa5, size);
}

static void give(void *ctx, void *ptr, size_t size) {
    struct oom *oom = ctx;
    if (!ptr) die("NULL was freed", size, 0);
    union head *head = (union head *)ptr - 1;
    if (head->of.owner != oom) die("freed to another allocator", size, head->of.size);
    if (head->of.size != size) die("freed with a wrong size", size, head->of.size);
    oom->blocks--;
    oom->bytes -= size;
    head->of.owner = NULL;
    memset(ptr, 0x5a, size);
    free(head);
}

void oom_init(struct oom *oom) { memset(oom, 0, sizeof *oom); }

struct la_allocator oom_allocator(struct oom *oom) {
    return (struct la_allocator){take, give, oom};
}

/* One run. Sets *needed to whether a refusal happened. */
static bool run(oom_scenario *scenario, size_t n, bool on, bool *needed) {
    struct oom oom;
    oom_init(&oom);
    oom.fail_at = n;
    oom.fail_on = on;
    bool completed = scenario(&oom);
    *needed = oom.refused > 0;
    if (oom.blocks == 0 && (completed || *needed)) return true;
    fprintf(stderr, "oom: refusing allocation %zu%s: %s, %zu blocks of %zu bytes left\n", n, on ? " and all later" : "",
            completed ? "completed" : "did not complete", oom.blocks, oom.bytes);
    return false;
}

bool oom_run(oom_scenario *scenario) {
    bool once, on;
    if (!run(scenario, 0, false, &once)) return false;
    for (size_t n = 1;; n++) {
        if (!run(scenario, n, false, &once) || !run(scenario, n, true, &on)) return false;
        if (!once && !on) return true;
    }
}
