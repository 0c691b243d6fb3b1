/* The table of congestion control algorithms (cc.h), and how one begins. */
#include "tcp/cc.h"

#include "base/bytes.h"

static const struct cc_ops *const algorithms[CC_COUNT] = {&cc_reno, &cc_cubic, &cc_bbr};

const struct cc_ops *cc_at(unsigned index) { return index < CC_COUNT ? algorithms[index] : NULL; }

static bool same(const char *a, const char *b) {
    while (*a != 0 && *a == *b) a++, b++;
    return *a == *b;
}

int cc_find(const char *name) {
    for (unsigned i = 0; i < CC_COUNT; i++)
        if (same(algorithms[i]->name, name)) return (int)i;
    return -1;
}

void cc_begin(struct cc *cc, const struct cc_ops *ops, void *state, const struct cc_now *now) {
    cc->ops = ops->state_size == 0 || state != NULL ? ops : &cc_reno;
    cc->state = cc->ops->state_size == 0 ? NULL : state;
    cc->count = 0;
    cc->pacing_rate = 0;
    cc->ops->init(cc, now);
}
