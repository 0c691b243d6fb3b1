/* SipHash-2-4 against the reference's vectors: key 00 01 … 0f, message 00 01 … of each length. */
#include "base/siphash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "exact.h"

static const struct siphash_key key = {0x0706050403020100u, 0x0f0e0d0c0b0a0908u};

static const struct {
    size_t len;
    uint64_t hash;
} vectors[] = {
    {0, 0x726fdb47dd0e0e31u},  {1, 0x74f839c593dc67fdu},  {2, 0x0d6c8009d9a94f5au},  {3, 0x85676696d7fb7e2du},
    {7, 0xab0200f58b01d137u},  {8, 0x93f5f5799a932462u},  {9, 0x9e0082df0ba9e4b0u},  {15, 0xa129ca6149be45e5u},
    {16, 0x3f2acc7f57c29bdbu}, {31, 0x32d892fad841c342u}, {32, 0x7127512f72f27cceu}, {63, 0x958a324ceb064572u},
};

static void the_published_vectors(void **state) {
    (void)state;
    uint8_t message[64];
    for (unsigned i = 0; i < sizeof message; i++) message[i] = (uint8_t)i;
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        uint8_t *copy = exact(message, vectors[i].len);
        assert_true(siphash(&key, copy, vectors[i].len) == vectors[i].hash);
        free(copy);
    }
}

static void alignment_does_not_matter(void **state) {
    (void)state;
    uint8_t room[64 + 8];
    for (unsigned shift = 0; shift < 8; shift++) {
        for (unsigned i = 0; i < 64; i++) room[shift + i] = (uint8_t)i;
        assert_true(siphash(&key, room + shift, 63) == 0x958a324ceb064572u);
    }
}

static void every_key_bit_and_every_message_bit_counts(void **state) {
    (void)state;
    uint8_t message[20] = {0};
    uint64_t first = siphash(&key, message, sizeof message);
    for (unsigned bit = 0; bit < 64; bit++) {
        struct siphash_key a = key, b = key;
        a.k0 ^= (uint64_t)1 << bit;
        b.k1 ^= (uint64_t)1 << bit;
        assert_true(siphash(&a, message, sizeof message) != first);
        assert_true(siphash(&b, message, sizeof message) != first);
    }
    for (unsigned bit = 0; bit < 8 * sizeof message; bit++) {
        message[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_true(siphash(&key, message, sizeof message) != first);
        message[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    /* Zeros more or less are another message. */
    assert_true(siphash(&key, message, sizeof message - 1) != first);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_vectors),
        cmocka_unit_test(alignment_does_not_matter),
        cmocka_unit_test(every_key_bit_and_every_message_bit_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
