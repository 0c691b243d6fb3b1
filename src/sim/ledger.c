/* See ledger.h. What is missing is mostly added at its end and taken from its front, so it lives in an array with free
 * room at both ends; what changes in the middle moves the shorter half. */
#include "ledger.h"

#include <stdlib.h>
#include <string.h>

void sim_ledger_free(struct sim_ledger *ledger) {
    free(ledger->missing);
    free(ledger->drop);
    memset(ledger, 0, sizeof *ledger);
}

static struct sim_stretch *grown(struct sim_stretch *array, size_t *capacity) {
    *capacity = *capacity ? 2 * *capacity : 64;
    array = realloc(array, *capacity * sizeof *array);
    if (!array) abort();
    return array;
}

static struct sim_stretch *missing_at(struct sim_ledger *ledger, size_t i) {
    return ledger->missing + ledger->first + i;
}

/* The first stretch that ends after a position. */
static size_t find(struct sim_ledger *ledger, uint32_t position) {
    size_t low = 0, high = ledger->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (missing_at(ledger, middle)->to > position)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* At the end: what the front gave up is moved over before more is asked for. */
static void make_room(struct sim_ledger *ledger) {
    if (ledger->first <= ledger->capacity / 2) {
        ledger->missing = grown(ledger->missing, &ledger->capacity);
        return;
    }
    memmove(ledger->missing, missing_at(ledger, 0), ledger->count * sizeof *ledger->missing);
    ledger->first = 0;
}

static void insert(struct sim_ledger *ledger, size_t i, struct sim_stretch stretch) {
    size_t behind = ledger->count - i;
    if (ledger->first && i <= behind) {
        ledger->first--;
        memmove(missing_at(ledger, 0), missing_at(ledger, 1), i * sizeof stretch);
    } else {
        if (ledger->first + ledger->count == ledger->capacity) make_room(ledger);
        memmove(missing_at(ledger, i + 1), missing_at(ledger, i), behind * sizeof stretch);
    }
    ledger->count++;
    *missing_at(ledger, i) = stretch;
}

static void erase(struct sim_ledger *ledger, size_t i) {
    size_t behind = --ledger->count - i;
    if (i <= behind) {
        memmove(missing_at(ledger, 1), missing_at(ledger, 0), i * sizeof *ledger->missing);
        ledger->first++;
    } else {
        memmove(missing_at(ledger, i), missing_at(ledger, i + 1), behind * sizeof *ledger->missing);
    }
    if (!ledger->count) ledger->first = 0;
}

/* Nothing of from … to - 1 is missing any more. Whether something was. */
static bool take(struct sim_ledger *ledger, uint32_t from, uint32_t to) {
    bool any = false;
    for (size_t i = find(ledger, from); i < ledger->count && missing_at(ledger, i)->from < to; any = true) {
        struct sim_stretch *stretch = missing_at(ledger, i), rest = {to, stretch->to};
        bool head = stretch->from<from, tail = stretch->to> to;
        if (head) {
            stretch->to = from;
            i++;
            if (tail) insert(ledger, i, rest);
        } else if (tail) {
            stretch->from = to;
        } else {
            erase(ledger, i);
            continue;
        }
        if (tail) return true;
    }
    return any;
}

/* What is added was taken before, or never there. */
static void add(struct sim_ledger *ledger, uint32_t from, uint32_t to) {
    size_t i = find(ledger, from);
    if (i > 0 && missing_at(ledger, i - 1)->to == from)
        missing_at(ledger, i - 1)->to = to;
    else
        insert(ledger, i, (struct sim_stretch){from, to});
}

void sim_ledger_note(struct sim_ledger *ledger, uint32_t from, uint32_t to, bool dropped) {
    bool needed = take(ledger, from, to);
    ledger->sent++;
    if (from < ledger->end) {
        ledger->again++;
        if (!needed && to <= ledger->end) ledger->spurious++;
    }
    if (to > ledger->end) ledger->end = to;
    if (dropped) sim_ledger_dropped(ledger, from, to);
}

void sim_ledger_dropped(struct sim_ledger *ledger, uint32_t from, uint32_t to) {
    take(ledger, from, to);
    add(ledger, from, to);
    if (ledger->ndrops == ledger->drops_capacity) ledger->drop = grown(ledger->drop, &ledger->drops_capacity);
    ledger->drop[ledger->ndrops++] = (struct sim_stretch){from, to};
}

unsigned sim_ledger_drops_of(const struct sim_ledger *ledger, uint32_t position) {
    unsigned n = 0;
    for (size_t i = 0; i < ledger->ndrops; i++) n += ledger->drop[i].from <= position && position < ledger->drop[i].to;
    return n;
}
