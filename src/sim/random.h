/* Random numbers that a seed repeats. */
#ifndef SIM_RANDOM_H
#define SIM_RANDOM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

struct sim_random {
    uint64_t state;
};

/* splitmix64. */
static inline uint64_t sim_next(struct sim_random *random) {
    uint64_t z = random->state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

/* 0 … n - 1. */
static inline uint64_t sim_below(struct sim_random *random, uint64_t n) {
    if (n == 0) abort();
    return sim_next(random) % n;
}

/* low … high. */
static inline uint64_t sim_between(struct sim_random *random, uint64_t low, uint64_t high) {
    return low + sim_below(random, high - low + 1);
}

static inline bool sim_percent(struct sim_random *random, unsigned percent) { return sim_below(random, 100) < percent; }

static inline bool sim_ppm(struct sim_random *random, uint32_t ppm) { return ppm && sim_below(random, 1000000) < ppm; }

/* 0 … max, by the order of magnitude: up to max, a quarter of it, a sixteenth, … are chosen alike. */
static inline uint64_t sim_skewed(struct sim_random *random, uint64_t max) {
    uint64_t range = max;
    for (uint64_t n = sim_below(random, 5); n && range > 1; n--) range /= 4;
    return sim_below(random, range + 1);
}

#endif
