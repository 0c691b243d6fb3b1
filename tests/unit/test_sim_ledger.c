/* sim/ledger.c against one flag for each byte. */
#include "support/unit.h"

#include <stdlib.h>
#include <string.h>

#include "sim/ledger.h"
#include "sim/random.h"

enum { BYTES = 4000, STEPS = 20000 };

static void a_loss_makes_one_repair_needed(void **unused) {
    (void)unused;
    struct sim_ledger ledger = {0};
    sim_ledger_note(&ledger, 0, 100, false);
    sim_ledger_note(&ledger, 100, 200, true);
    sim_ledger_note(&ledger, 200, 300, false);
    assert_int_equal(ledger.again, 0);
    sim_ledger_note(&ledger, 100, 200, true); /* Needed, and lost again. */
    sim_ledger_note(&ledger, 100, 200, false);
    assert_int_equal(ledger.again, 2);
    assert_int_equal(ledger.spurious, 0);
    sim_ledger_note(&ledger, 100, 200, false); /* It is on its way. */
    sim_ledger_note(&ledger, 0, 100, false);
    assert_int_equal(ledger.again, 4);
    assert_int_equal(ledger.spurious, 2);
    assert_int_equal(sim_ledger_drops_of(&ledger, 99), 0);
    assert_int_equal(sim_ledger_drops_of(&ledger, 100), 2);
    assert_int_equal(sim_ledger_drops_of(&ledger, 200), 0);
    sim_ledger_free(&ledger);
}

static void what_the_receiver_dropped_is_missing_again(void **unused) {
    (void)unused;
    struct sim_ledger ledger = {0};
    sim_ledger_note(&ledger, 0, 100, false);
    sim_ledger_dropped(&ledger, 0, 100);
    sim_ledger_note(&ledger, 0, 100, false);
    assert_int_equal(ledger.spurious, 0);
    assert_int_equal(sim_ledger_drops_of(&ledger, 50), 1);
    sim_ledger_free(&ledger);
}

static void it_agrees_with_flags(void **unused) {
    (void)unused;
    struct sim_random random = {5};
    for (unsigned round = 0; round < 5; round++) {
        static bool missing[BYTES];
        static unsigned drops[BYTES];
        struct sim_ledger ledger = {0};
        uint32_t end = 0;
        uint64_t spurious = 0;
        memset(missing, 0, sizeof missing);
        memset(drops, 0, sizeof drops);
        for (unsigned step = 0; step < STEPS; step++) {
            /* Anywhere in what was sent, or the next in order; no holes. */
            uint32_t from = sim_percent(&random, 30) ? end : (uint32_t)sim_below(&random, end + 1);
            uint32_t to = from + (uint32_t)sim_between(&random, 1, 40);
            bool dropped = sim_percent(&random, 20 + 10 * round), needed = to > end;
            if (to > BYTES) continue;
            for (uint32_t i = from; i < to; i++) {
                needed |= missing[i];
                missing[i] = dropped;
                drops[i] += dropped;
            }
            spurious += from < end && !needed;
            if (to > end) end = to;
            sim_ledger_note(&ledger, from, to, dropped);
            assert_int_equal(ledger.spurious, spurious);
            assert_int_equal(ledger.end, end);
        }
        for (uint32_t i = 0; i < BYTES; i += 7) assert_int_equal(sim_ledger_drops_of(&ledger, i), drops[i]);
        sim_ledger_free(&ledger);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_loss_makes_one_repair_needed),
        cmocka_unit_test(what_the_receiver_dropped_is_missing_again),
        cmocka_unit_test(it_agrees_with_flags),
    };
    return cmocka_run_group_tests_name("sim_ledger", tests, NULL, NULL);
}
