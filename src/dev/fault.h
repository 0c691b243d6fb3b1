/* The parts of the fault device: rules against packets (match.c), and bits that flip (corrupt.c). */
#ifndef LASTACK_DEV_FAULT_H
#define LASTACK_DEV_FAULT_H

#include <lastack/dev.h>

/* splitmix64: small, and good enough to decide fates. */
static inline uint64_t fault_random(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

/* Whether a rule's words can be meant: a known action, an order in its numbers. */
bool fault_rule_valid(const struct la_fault_rule *rule);

/* Whether the rule speaks of this packet; no count is taken. */
bool fault_match(const struct la_fault_rule *rule, enum la_link link, enum la_dir dir, const uint8_t *packet,
                 size_t len);

/* Counts one matching packet; whether the rule applies to it. */
bool fault_count(struct la_fault_rule *rule, uint64_t *random);

/* Flips the rule's bits somewhere in its place. */
void fault_corrupt(const struct la_fault_rule *rule, enum la_link link, uint8_t *packet, size_t len, uint64_t *random);

#endif
