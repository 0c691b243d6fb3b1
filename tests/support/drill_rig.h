/* A stack target for tests of what scripts do to it besides packets and calls. */
#ifndef SUPPORT_DRILL_RIG_H
#define SUPPORT_DRILL_RIG_H

#include "support/oom.h"
#include "support/unit.h"

#include <lastack/drill.h>
#include <string.h>

#include "drill/stack_target.h"

struct drill_rig {
    struct oom oom;
    struct la_drill_target *target;
    char output[16384]; /* Of the latest command. */
};

static inline void drill_rig_open(struct drill_rig *rig, const char *profile) {
    static const struct la_drill_options options = {.mtu = 1500, .prefix_len = 24, .local = {{0}}};
    struct la_drill_options own = options;
    own.local = la_addr4(192, 168, 0, 1);
    own.remote = la_addr4(192, 0, 2, 1);
    oom_init(&rig->oom);
    struct la_drill_stack_config config = {.profile = profile, .options = &own, .alloc = oom_allocator(&rig->oom)};
    assert_int_equal(la_drill_stack_open(&config, &rig->target), 0);
}

static inline void drill_rig_close(struct drill_rig *rig) {
    rig->target->close(rig->target);
    assert_int_equal(rig->oom.blocks, 0);
}

static inline struct la_stack *drill_rig_stack(const struct drill_rig *rig) {
    return drill_stack_of(rig->target)->stack;
}

#endif
