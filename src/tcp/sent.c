/* The queue of sent segments (sent.h). */
#include "tcp/sent.h"

#include "base/mem.h"

#define FIRST_CAP 8u
#define CAP_MAX (1u << 24)

void sent_init(struct sent_queue *q) { *q = (struct sent_queue){.oldest = SENT_NONE, .newest = SENT_NONE}; }

void sent_free(struct sent_queue *q, struct env *env) {
    uint32_t usual = q->cap / 2;
    if (q->at) env_release(env, q->at, q->cap * sizeof *q->at);
    sent_init(q);
    q->usual = usual;
}

/* A place after the records have moved to positions 0, 1, … of a queue, those from `gap` on one further. */
static uint32_t moved(const struct sent_queue *q, uint32_t place, uint32_t gap) {
    if (place == SENT_NONE) return SENT_NONE;
    uint32_t i = (place - q->first) & (q->cap - 1);
    return i < gap ? i : i + 1;
}

/* All records in `at`, from its beginning on, with one place left free before record `gap`. */
static void move_all(struct sent_queue *q, struct sent *at, uint32_t cap, uint32_t gap) {
    for (uint32_t i = 0; i < q->count; i++) {
        struct sent *s = &at[i < gap ? i : i + 1];
        *s = *sent_at(q, i);
        s->older = moved(q, s->older, gap);
        s->newer = moved(q, s->newer, gap);
    }
    q->oldest = moved(q, q->oldest, gap);
    q->newest = moved(q, q->newest, gap);
    q->at = at;
    q->cap = cap;
    q->first = 0;
}

/* A larger array. `gap` is the record before which one place stays free, or UINT32_MAX. */
static bool rebuild(struct sent_queue *q, struct env *env, uint32_t cap, uint32_t gap) {
    struct sent *old = q->at, *at = env_alloc(env, cap * sizeof *at);
    uint32_t old_cap = q->cap;
    if (!at) return false;
    move_all(q, at, cap, gap);
    if (old) env_release(env, old, old_cap * sizeof *old);
    return true;
}

bool sent_room(struct sent_queue *q, struct env *env, uint32_t n) {
    if (q->count + n <= q->cap) return true;
    uint32_t cap = q->cap ? q->cap : FIRST_CAP;
    while (cap < q->count + n && cap < CAP_MAX) cap *= 2;
    if (cap < q->count + n) return false;
    if (!q->cap && q->usual > cap && rebuild(q, env, q->usual, UINT32_MAX)) return true;
    return rebuild(q, env, cap, UINT32_MAX);
}

struct sent *sent_push(struct sent_queue *q) {
    ASSERT(q->count < q->cap);
    struct sent *s = sent_at(q, q->count++);
    memset(s, 0, sizeof *s);
    return s;
}

void sent_pop(struct sent_queue *q, struct env *env) {
    struct sent *s = sent_at(q, 0);
    if (s->marks & SENT_LINKED) sent_unlink(q, s);
    q->first = (q->first + 1) & (q->cap - 1);
    if (--q->count == 0) sent_free(q, env);
}

uint32_t sent_find(const struct sent_queue *q, seq x) {
    uint32_t low = 0, high = q->count;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (seq_gt(sent_at(q, mid)->to, x))
            high = mid;
        else
            low = mid + 1;
    }
    return low;
}

/* Rare (the path's MTU has become smaller), so all records may move. */
bool sent_split(struct sent_queue *q, struct env *env, uint32_t i, seq at) {
    uint32_t cap = q->count < q->cap ? q->cap : q->cap * 2;
    if (cap > CAP_MAX || !rebuild(q, env, cap, i + 1)) return false;
    struct sent *head = &q->at[i], *tail = &q->at[i + 1];
    q->count++;
    *tail = *head;
    tail->from = head->to = at;
    if (!(head->marks & SENT_LINKED)) return true;
    tail->older = i;
    head->newer = i + 1;
    if (tail->newer != SENT_NONE)
        q->at[tail->newer].older = i + 1;
    else
        q->newest = i + 1;
    return true;
}

static uint32_t place_of(const struct sent_queue *q, const struct sent *s) { return (uint32_t)(s - q->at); }

void sent_link(struct sent_queue *q, struct sent *s) {
    if (s->marks & SENT_LINKED) sent_unlink(q, s);
    s->older = q->newest;
    s->newer = SENT_NONE;
    if (q->newest != SENT_NONE)
        q->at[q->newest].newer = place_of(q, s);
    else
        q->oldest = place_of(q, s);
    q->newest = place_of(q, s);
    s->marks |= SENT_LINKED;
}

void sent_unlink(struct sent_queue *q, struct sent *s) {
    if (s->older != SENT_NONE)
        q->at[s->older].newer = s->newer;
    else
        q->oldest = s->newer;
    if (s->newer != SENT_NONE)
        q->at[s->newer].older = s->older;
    else
        q->newest = s->older;
    s->marks &= (uint8_t)~SENT_LINKED;
}
