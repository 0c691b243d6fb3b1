/* A scenario from a seed: the network, the hosts, and what each program will do. No stack is touched here: all random
 * numbers are drawn before anything runs, so a change in the stack does not change the scenario.
 *
 * Sizes are skewed towards the small, where most of the borders are. What costs many segments (small chunks without
 * Nagle, small segments) is bounded by the bytes of the stream, so that a scenario takes milliseconds. */
#include <string.h>

#include "world.h"

enum { STREAM_MAX = 200000, HOSTILE_PERCENT = 35 };

static const char *const PROFILES[] = {"linux", "freebsd", "rfc"};

static uint32_t some_ppm(struct sim_random *random, unsigned percent, uint32_t most) {
    if (!sim_percent(random, percent)) return 0;
    return (uint32_t)(sim_percent(random, 50) ? sim_below(random, most) : sim_skewed(random, most));
}

/* Where time begins: at zero, in the middle, and just before the 32-bit millisecond clock of timestamps wraps. */
static la_time some_start(struct sim_random *random) {
    static const la_time wrap = ((la_time)1 << 32) * LA_MS;
    switch (sim_below(random, 4)) {
    case 0: return 0;
    case 1: return wrap - sim_below(random, 20 * LA_SECOND);
    case 2: return wrap / 2 - sim_below(random, 20 * LA_SECOND);
    default: return sim_below(random, (la_time)1 << 50);
    }
}

/* From the exact to the tick of an old machine. */
static la_time some_clock(struct sim_random *random) {
    static const la_time resolution[] = {1, 1, LA_US, 100 * LA_US, LA_MS, 10 * LA_MS, 15 * LA_MS};
    return resolution[sim_below(random, sizeof resolution / sizeof *resolution)];
}

/* --- The network --- */

/* Where the packets of a host go: chaos, pipe, jitter, exit. */
static void plan_way(struct sim_host *host, const struct sim_ear *ear) {
    struct sim_world *world = host->world;
    struct sim_random *random = &world->random;
    bool clean = sim_percent(random, 15);
    struct sim_chaos_config chaos = {.link = world->link, .heal_at = world->heal_at};
    struct sim_pipe_config pipe = {.heal_at = world->heal_at};
    struct sim_jitter_config jitter = {.heal_at = world->heal_at};
    if (!clean) {
        chaos.loss_ppm = some_ppm(random, 75, 200000);
        chaos.duplicate_ppm = some_ppm(random, 50, 100000);
        chaos.corrupt_ppm = some_ppm(random, 50, 50000);
        chaos.mark_ppm = some_ppm(random, 50, 200000);
        if (sim_percent(random, 15)) chaos.ecn = (uint8_t)sim_between(random, SIM_ECN_BLEACHED, SIM_ECN_ALL_MARKED);
        jitter.reorder_ppm = some_ppm(random, 60, 300000);
        jitter.most = 1 + sim_skewed(random, 300 * LA_MS);
        if (sim_percent(random, 10)) {
            world->outage = true;
            chaos.outage_from = world->start + sim_below(random, 20 * LA_SECOND);
            chaos.outage_to = chaos.outage_from + sim_below(random, 8 * LA_SECOND);
        }
    }
    pipe.delay = sim_percent(random, 20) ? 0 : sim_skewed(random, 500 * LA_MS);
    pipe.rate = sim_percent(random, 40) ? 0 : 200000 + sim_skewed(random, 50000000);
    pipe.queue = (size_t)sim_between(random, 4 * world->mtu, 500000);

    uint32_t harm = chaos.loss_ppm + chaos.corrupt_ppm;
    if (harm > world->loss_ppm) world->loss_ppm = harm;
    host->up = sim_chaos_new(&chaos, sim_next(random), ear);
    host->up->next = sim_pipe_new(&pipe, ear);
    host->up->next->next = sim_jitter_new(&jitter, sim_next(random), ear);
    host->up->next->next->next = &host->exit;
    host->exit.forward = sim_exit_forward;
}

/* Before the host's way: a place that becomes narrower and wider. It draws from a stream of its own. */
static void make_narrow(struct sim_host *host, const struct sim_ear *ear) {
    struct sim_world *world = host->world;
    struct sim_random random = {world->config->seed * 2 + host->index};
    struct sim_narrow_config config = {.link = world->link, .ctx = host};
    random.state = sim_next(&random);
    config.stage[0].mtu = world->mtu;
    for (unsigned i = 1; i < SIM_NARROW_STAGES; i++) {
        config.stage[i].from = config.stage[i - 1].from + sim_below(&random, 4 * LA_SECOND);
        if (i == 1) config.stage[i].from += world->start;
        config.stage[i].mtu = 600 + (uint32_t)sim_below(&random, world->mtu - 600);
    }
    if (!world->probing) config.report = sim_host_told;
    struct sim_node *node = sim_narrow_new(&config, ear);
    node->next = host->up;
    host->up = node;
}

/* In some scenarios; in half of them without a word. */
static void plan_narrow(struct sim_world *world) {
    struct sim_random random = {~world->config->seed};
    random.state = sim_next(&random);
    world->narrow = sim_percent(&random, 20);
    if (world->narrow && sim_percent(&random, 50)) world->probing = (int)sim_between(&random, 1, 2);
    if (world->probing) world->outage = true; /* It takes timeouts. */
}

static void heard(void *ctx, const struct sim_packet *packet, const char *what, la_time now) {
    struct sim_world *world = ctx;
    struct sim_result *result = world->result;
    (void)now;
    sim_say_packet(world, packet->from, what, packet->data, packet->len);
    switch (what[0]) {
    case 'l': result->lost++; break;
    case 'c': result->corrupted++; break;
    case 'd': result->duplicated++; break;
    default: result->reordered++; break;
    }
}

/* A liar before the host's way. */
static void make_hostile(struct sim_host *host) {
    struct sim_world *world = host->world;
    host->liar = sim_hostile_new(host, sim_next(&world->random));
    struct sim_node *node = sim_hostile_node(host->liar);
    node->next = host->up;
    host->up = node;
    world->hostile = true;
}

static void plan_host(struct sim_world *world, unsigned i) {
    struct sim_random *random = &world->random;
    struct sim_host *host = &world->host[i];
    struct sim_ear ear = {heard, world};
    host->world = world;
    host->index = i;
    host->profile = PROFILES[sim_below(random, 3)];
    host->addr[0] = la_addr4(10, 0, 0, (uint8_t)(i + 1));
    la_addr_parse("fd00::1", &host->addr[1]);
    host->addr[1].bytes[15] = (uint8_t)(i + 1);
    host->listener[0] = host->listener[1] = -1;
    host->backlog = (int)sim_between(random, 4, 20);
    host->listen_until = sim_percent(random, 3) ? world->start + sim_below(random, 5 * LA_SECOND) : LA_NEVER;
    for (unsigned k = 0; k < SIM_SETTINGS; k++) {
        const struct sim_setting *setting = &sim_settings[k];
        host->setting[k] = -1;
        if (sim_percent(random, 15))
            host->setting[k] = setting->first + (int)sim_below(random, (uint64_t)setting->values) * setting->step;
    }
    if (world->accurate_ecn) host->setting[SIM_SETTING_ECN] = 3;
    host->gso_max = sim_percent(random, 40) ? (uint32_t)sim_between(random, 1, 70000) : 0;
    host->send_gap = sim_percent(random, 25) ? sim_below(random, 2 * LA_MS) : 0;
    host->clock = some_clock(random);
    host->clock_known = sim_percent(random, 50);
    plan_way(host, &ear);
    if (world->narrow) make_narrow(host, &ear);
    if (i == 0 && sim_percent(random, HOSTILE_PERCENT)) make_hostile(host);
}

/* --- Programs --- */

static enum sim_style some_style(struct sim_random *random) {
    static const struct {
        enum sim_style style;
        unsigned weight;
    } row[] = {{SIM_ORDERLY, 40}, {SIM_LAST, 12},   {SIM_FORGET, 12}, {SIM_LINGER, 6}, {SIM_HURRY, 8},
               {SIM_ABORT, 6},    {SIM_LINGER0, 4}, {SIM_SHUT_RD, 4}, {SIM_SLOTH, 4},  {SIM_SHUT_RDWR, 4}};
    uint64_t at = sim_below(random, 100);
    for (unsigned i = 0; i < sizeof row / sizeof *row; i++) {
        if (at < row[i].weight) return row[i].style;
        at -= row[i].weight;
    }
    return SIM_ORDERLY;
}

static void plan_options(struct sim_random *random, struct sim_plan *plan) {
    if (sim_percent(random, 40)) plan->sndbuf = 2000 + (int)sim_skewed(random, 100000);
    if (sim_percent(random, 40)) plan->rcvbuf = 2000 + (int)sim_skewed(random, 100000);
    if (sim_percent(random, 25)) plan->maxseg = (int)sim_between(random, 300, 1400);
    if (sim_percent(random, 5)) plan->user_timeout_ms = (int)sim_between(random, 5000, 60000);
    if (sim_percent(random, 10)) plan->linger2 = (int)sim_between(random, 1, 60);
    plan->nodelay = sim_percent(random, 30);
    plan->cork = sim_percent(random, 5);
    plan->more = sim_percent(random, 10);
    plan->noopt = sim_percent(random, 5);
    if (sim_percent(random, 10)) plan->keepinit = (int)sim_between(random, 75, 150);
    plan->quickack = sim_percent(random, 10);
    plan->reuseaddr = sim_percent(random, 20);
    plan->keepalive = sim_percent(random, 15);
    plan->keepidle = (int)sim_between(random, 1, 20);
    plan->keepintvl = (int)sim_between(random, 1, 5);
    plan->keepcnt = (int)sim_between(random, 2, 6);
    plan->linger_s = (int)sim_between(random, 1, 10);
}

static void plan_program(struct sim_random *random, struct sim_plan *plan) {
    plan->style = some_style(random);
    plan->total = sim_percent(random, 15) ? 0 : sim_skewed(random, STREAM_MAX);
    plan->chunk = (size_t)(plan->total / 400 + 1 + sim_skewed(random, 16000));
    plan->moment = sim_skewed(random, 10 * LA_SECOND);
    plan->copy_free = sim_percent(random, 30);
    if (sim_percent(random, 30)) {
        plan->pause_after = 1 + sim_skewed(random, 50000);
        plan->pause = 1 + sim_below(random, 8 * LA_SECOND);
        plan->pauses = (unsigned)sim_between(random, 1, 20);
    }
    if (sim_percent(random, 20)) {
        plan->write_pause = 1 + sim_skewed(random, 5 * LA_SECOND);
        plan->write_pauses = (unsigned)sim_between(random, 1, 10);
    }
    plan_options(random, plan);
}

/* Whether this program, as planned, may be the cause of an end that is not orderly. */
static bool disturbs(const struct sim_world *world, const struct sim_end *end) {
    const struct sim_plan *plan = &end->plan, *peer = &end->peer->plan;
    bool lossy = world->loss_ppm >= 30000;
    if (plan->style >= SIM_HURRY && plan->style != SIM_SLOTH) return true;
    if (plan->style == SIM_FORGET || plan->style == SIM_LINGER) {
        /* What the peer writes meets a closed socket; and alone the stack tries less often. */
        if (peer->total || lossy || world->outage || world->hostile) return true;
    }
    if (plan->keepalive && (world->loss_ppm || world->outage || world->hostile)) return true;
    return plan->user_timeout_ms > 0;
}

/* Programs that would wait for each other for ever: both for the other's end of file, or both, no longer reading, for
 * room to write. */
static void part(struct sim_plan *client, const struct sim_plan *server) {
    bool both = client->style == server->style;
    if (both && (client->style == SIM_LAST || client->style == SIM_SHUT_RD)) client->style = SIM_ORDERLY;
}

static void plan_conn(struct sim_world *world, unsigned i) {
    struct sim_random *random = &world->random;
    struct sim_conn *conn = &world->conn[i];
    unsigned client = (unsigned)sim_below(random, world->nhosts);
    unsigned server = (client + 1 + (unsigned)sim_below(random, world->nhosts - 1)) % world->nhosts;
    uint64_t kind = sim_below(random, 100);
    conn->id = i;
    conn->kind = kind < 90 ? SIM_NORMAL : kind < 94 ? SIM_REFUSED : SIM_SIMULTANEOUS;
    conn->ipv6 = sim_percent(random, 40);
    conn->server_port = (uint16_t)(conn->kind == SIM_NORMAL ? SIM_PORT : 1000 + i);
    conn->client_port = (uint16_t)(conn->kind == SIM_SIMULTANEOUS || sim_percent(random, 20) ? 2000 + i : 0);
    for (unsigned e = 0; e < 2; e++) {
        struct sim_end *end = &conn->end[e];
        end->host = &world->host[e ? server : client];
        end->conn = conn;
        end->peer = &conn->end[1 - e];
        end->sock = -1;
        end->act_at = LA_NEVER;
        plan_program(random, &end->plan);
        end->pause_left = end->plan.pause_after;
        end->pauses_left = end->plan.pauses;
        end->write_pauses_left = end->plan.write_pauses;
    }
    conn->end[0].start_at = world->start + sim_skewed(random, 5 * LA_SECOND);
    conn->end[1].start_at =
        conn->kind == SIM_SIMULTANEOUS ? conn->end[0].start_at + sim_below(random, 20 * LA_MS) : LA_NEVER;
    if (conn->kind == SIM_REFUSED) conn->end[1].phase = SIM_DONE;
    part(&conn->end[0].plan, &conn->end[1].plan);
    conn->strict = conn->kind == SIM_NORMAL && !world->config->fail_nth && !disturbs(world, &conn->end[0]) &&
                   !disturbs(world, &conn->end[1]) && conn->end[1].host->listen_until == LA_NEVER;
}

void sim_plan_world(struct sim_world *world) {
    static const uint32_t mtus[] = {1280, 1280, 1500, 1500, 1500, 9000};
    struct sim_random *random = &world->random;
    random->state = world->config->seed;
    random->state = sim_next(random); /* Neighbouring seeds shall have nothing in common. */
    world->start = world->now = some_start(random);
    world->heal_at = world->start + sim_between(random, 1, 60) * LA_SECOND;
    world->cut_at = sim_percent(random, 5) ? world->start + sim_skewed(random, 60 * LA_SECOND) : LA_NEVER;
    world->limit = world->start + 6 * 3600 * LA_SECOND;
    world->link = sim_percent(random, 25) ? LA_LINK_ETHERNET : LA_LINK_IP;
    world->mtu = mtus[sim_below(random, sizeof mtus / sizeof *mtus)];
    world->accurate_ecn = sim_percent(random, 25);
    world->nhosts = sim_percent(random, 25) ? 3 : 2;
    world->nconns = (unsigned)sim_between(random, 1, SIM_CONNS - 2);
    plan_narrow(world);
    for (unsigned i = 0; i < world->nhosts; i++) plan_host(world, i);
    for (unsigned i = 0; i < world->nconns; i++) plan_conn(world, i);
    world->result->connections = world->nconns;
}
