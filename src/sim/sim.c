/* A scenario from beginning to end: the loop over virtual time.
 *
 * At every moment all hosts work until they have nothing more to do; then time jumps to the next moment at which a
 * stack, a node of the network or a program wants to act. When that is far away, the links are empty and no connection
 * has a timer, the judge looks at who still waits. After everybody is done the listeners close, the rest (TIME_WAIT) is
 * waited out, and the judge looks at what is left. Some scenarios are cut off at any moment, with all that goes on. */
#include <stdlib.h>
#include <string.h>

#include "world.h"

enum { STEPS_MAX = 20000 }; /* Moments without time passing. */

static const la_time HOPE = 3600 * LA_SECOND; /* After which nobody waits for a poisoned connection. */

static la_time next_moment(const struct sim_world *world) {
    la_time next = LA_NEVER;
    for (unsigned i = 0; i < world->nhosts; i++) {
        la_time at = sim_host_next(&world->host[i]);
        if (at < next) next = at;
    }
    return next;
}

static bool links_empty(const struct sim_world *world) {
    for (unsigned i = 0; i < world->nhosts; i++)
        if (sim_chain_next(world->host[i].up) != LA_NEVER) return false;
    return true;
}

static bool programs_wait(const struct sim_world *world) {
    for (unsigned i = 0; i < world->nconns; i++)
        for (unsigned e = 0; e < 2; e++)
            if (sim_end_next(&world->conn[i].end[e]) != LA_NEVER) return false;
    return true;
}

static void network_run(struct sim_world *world) {
    for (unsigned i = 0; i < world->nhosts; i++) sim_chain_run(world->host[i].up, world->now);
}

/* Failing memory is there again when the network is well again. */
static void heal(struct sim_world *world) {
    if (world->now < world->heal_at) return;
    for (unsigned i = 0; i < world->nhosts; i++)
        if (world->host[i].memory.fail_to == UINT64_MAX) world->host[i].memory.fail_to = 0;
}

/* Nothing moves: whether something can be released, or ended. `ending` counts how far the end has come. */
static bool go_on(struct sim_world *world, unsigned *ending) {
    if (sim_judge_still(world)) return true;
    if (world->failed || !sim_all_done(world) || *ending) return false;
    (*ending)++;
    for (unsigned i = 0; i < world->nhosts; i++) sim_host_unlisten(&world->host[i]);
    return true;
}

static void run(struct sim_world *world) {
    unsigned steps = 0, ending = 0;
    while (!world->failed) {
        network_run(world);
        for (unsigned i = 0; i < world->nhosts; i++) sim_host_work(&world->host[i]);
        la_time next = next_moment(world);
        bool far = next >= world->now + LA_SECOND || next == LA_NEVER;
        if (far && links_empty(world) && programs_wait(world) && sim_judge_quiet(world)) {
            if (!go_on(world, &ending)) return;
            continue;
        }
        world->cut = next > world->cut_at;
        if (world->cut || next > world->limit) return;
        if (next > world->now) {
            world->now = next;
            steps = 0;
        } else if (++steps > STEPS_MAX) {
            sim_wrong(world, "time does not go on");
        }
        heal(world);
        if (world->now >= world->heal_at + HOPE) sim_judge_hopeless(world);
    }
}

static void begin(struct sim_world *world) {
    const struct sim_config *config = world->config;
    sim_plan_world(world);
    if (config->fail_nth) {
        struct sim_memory *memory = &world->host[config->seed % world->nhosts].memory;
        memory->fail_from = config->fail_nth;
        memory->fail_to = config->fail_more == UINT64_MAX ? UINT64_MAX : config->fail_nth + config->fail_more;
    }
}

void sim_run(const struct sim_config *config, struct sim_result *result) {
    struct sim_world *world = calloc(1, sizeof *world);
    if (!world) abort();
    bool made = true;
    memset(result, 0, sizeof *result);
    world->config = config;
    world->result = result;
    begin(world);
    for (unsigned i = 0; i < world->nhosts; i++) made &= sim_host_make(&world->host[i]);
    if (made) {
        for (unsigned i = 0; i < world->nhosts; i++) {
            sim_host_listen(&world->host[i]);
            world->host[i].memory_begun = world->host[i].memory.used;
        }
        run(world);
        if (!world->failed && !world->cut) sim_judge_end(world);
    }
    if (world->nhosts == 0) abort();
    result->allocations = world->host[config->seed % world->nhosts].memory.requests;
    result->took = world->now - world->start;
    for (unsigned i = 0; i < world->nhosts; i++) sim_host_free(&world->host[i]);
    result->ok = !world->failed;
    free(world);
}
