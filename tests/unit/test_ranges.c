/* base/ranges.c against a bitmap, across the wrap of sequence numbers. */
#include "support/unit.h"

#include "base/ranges.h"

#define SPAN 2000u

struct model {
    struct env env;
    struct ranges ranges;
    seq base;
    bool there[SPAN];
    uint32_t touched[SPAN]; /* The addition whose interval last contained it. */
    uint32_t additions;
    unsigned low; /* Everything before was trimmed. */
};

static struct model m;

static void begin(struct oom *oom, uint32_t base) {
    memset(&m, 0, sizeof m);
    unit_env(&m.env, oom);
    m.base = seq_of(base);
}

static seq at(unsigned i) { return seq_add(m.base, i); }
static unsigned place(seq x) { return seq_len(m.base, x); }

static void add(unsigned from, unsigned to) {
    bool adjacent = (from > 0 && m.there[from - 1]) || (to < SPAN && m.there[to]);
    for (unsigned i = from; i < to; i++) adjacent |= m.there[i];
    unsigned before = m.ranges.count;
    enum ranges_result result = ranges_add(&m.ranges, &m.env, at(from), at(to));
    if (result != RANGES_OK) {
        assert_false(adjacent);
        assert_int_equal(m.ranges.count, before);
        assert_int_equal(result, before == RANGES_MAX ? RANGES_FULL : RANGES_NOMEM);
        return;
    }
    for (unsigned i = from; i < to; i++) m.there[i] = true;
    while (from > 0 && m.there[from - 1]) from--;
    while (to < SPAN && m.there[to]) to++;
    m.additions++;
    for (unsigned i = from; i < to; i++) m.touched[i] = m.additions;
}

static void trim(unsigned to) {
    ranges_trim(&m.ranges, &m.env, at(to));
    for (unsigned i = 0; i < to; i++) m.there[i] = false;
    if (to > m.low) m.low = to;
}

static void check_intervals(void) {
    unsigned i = 0, count = 0;
    uint32_t bytes = 0;
    while (i < SPAN) {
        if (!m.there[i]) {
            i++;
            continue;
        }
        unsigned from = i;
        while (i < SPAN && m.there[i]) i++;
        assert_true(count < m.ranges.count);
        assert_int_equal(place(m.ranges.at[count].from), from);
        assert_int_equal(place(m.ranges.at[count].to), i);
        bytes += i - from;
        count++;
    }
    assert_int_equal(m.ranges.count, count);
    assert_int_equal(ranges_bytes(&m.ranges), bytes);
    assert_int_equal(m.ranges.at != NULL, count > 0);
}

static void check_questions(struct random *r) {
    unsigned x = random_below(r, SPAN), end = x + 1 + random_below(r, SPAN - x), i = x;
    const struct range *range = ranges_find(&m.ranges, at(x)), *next = ranges_next(&m.ranges, at(x));
    unsigned first = x;
    while (first < SPAN && !m.there[first]) first++;
    assert_int_equal(next != NULL, first < SPAN);
    if (next) assert_true(seq_lt(at(first), next->to) && seq_leq(next->from, at(first)));
    assert_int_equal(range != NULL, m.there[x]);
    if (range) assert_true(seq_leq(range->from, at(x)) && seq_lt(at(x), range->to));
    while (i < end && m.there[i]) i++;
    assert_int_equal(ranges_contain(&m.ranges, at(x), at(end)), i == end);
}

static void check_recent(unsigned max) {
    struct range out[8];
    unsigned n = ranges_recent(&m.ranges, out, max);
    assert_int_equal(n, m.ranges.count < max ? m.ranges.count : max);
    for (unsigned k = 0; k < n; k++) {
        uint32_t stamp = m.touched[place(out[k].from)];
        if (k > 0) assert_true(stamp < m.touched[place(out[k - 1].from)]);
        /* As many are younger as come before it. */
        unsigned younger = 0;
        for (unsigned i = 0; i < m.ranges.count; i++) younger += m.touched[place(m.ranges.at[i].from)] > stamp;
        assert_int_equal(younger, k);
    }
}

static void the_set_is_what_a_bitmap_says(void **state) {
    (void)state;
    static const uint32_t bases[] = {0, UINT32_MAX - SPAN / 2, 0x7fffffff - SPAN / 2, 0xfffff000};
    struct random r = {8};
    for (unsigned round = 0; round < 60; round++) {
        struct oom oom;
        oom_init(&oom);
        begin(&oom, bases[round % COUNT_OF(bases)]);
        m.ranges.stamp = round % 2 ? UINT32_MAX - 20 : 0; /* Stamps wrap too. */
        unsigned longest = 1 + random_below(&r, 40);
        for (unsigned step = 0; step < 250; step++) {
            unsigned from = m.low + random_below(&r, SPAN - m.low), len = 1 + random_below(&r, longest);
            add(from, from + len < SPAN ? from + len : SPAN);
            if (random_below(&r, 20) == 0) trim(m.low + random_below(&r, (SPAN - m.low) / 10 + 1));
            check_intervals();
            check_questions(&r);
            check_recent(1 + step % 8);
        }
        trim(SPAN);
        check_intervals();
        ranges_free(&m.ranges, &m.env);
        assert_int_equal(oom.blocks, 0);
    }
}

static void neighbours_merge(void **state) {
    (void)state;
    struct oom oom;
    oom_init(&oom);
    begin(&oom, UINT32_MAX - 49);
    add(10, 20);
    add(30, 40);
    add(50, 60);
    assert_int_equal(m.ranges.count, 3);
    add(20, 30);
    assert_int_equal(m.ranges.count, 2);
    add(5, 70);
    assert_int_equal(m.ranges.count, 1);
    add(0, 5);
    check_intervals();
    assert_true(ranges_contain(&m.ranges, at(0), at(70)));
    assert_false(ranges_contain(&m.ranges, at(0), at(71)));
    assert_true(ranges_contain(&m.ranges, at(99), at(99)));
    ranges_free(&m.ranges, &m.env);
    ranges_free(&m.ranges, &m.env);
    assert_int_equal(oom.blocks, 0);
}

static void an_old_piece_comes_first_when_it_arrives_again(void **state) {
    (void)state;
    struct oom oom;
    struct range out[4];
    oom_init(&oom);
    begin(&oom, 0);
    assert_int_equal(ranges_recent(&m.ranges, out, 4), 0);
    add(10, 20);
    add(30, 40);
    add(32, 35);
    add(12, 13); /* RFC 2018, 4: the block of the latest segment is the first. */
    assert_int_equal(ranges_recent(&m.ranges, out, 4), 2);
    assert_int_equal(out[0].from.n, 10);
    assert_int_equal(out[1].from.n, 30);
    assert_int_equal(ranges_recent(&m.ranges, out, 0), 0);
    ranges_free(&m.ranges, &m.env);
}

static void the_number_of_intervals_is_bounded(void **state) {
    (void)state;
    struct oom oom;
    oom_init(&oom);
    begin(&oom, UINT32_MAX - 500);
    for (unsigned i = 0; i < RANGES_MAX; i++)
        assert_int_equal(ranges_add(&m.ranges, &m.env, at(4 * i), at(4 * i + 2)), RANGES_OK);
    assert_int_equal(m.ranges.count, RANGES_MAX);
    assert_int_equal(ranges_add(&m.ranges, &m.env, at(4 * RANGES_MAX), at(4 * RANGES_MAX + 1)), RANGES_FULL);
    assert_int_equal(ranges_add(&m.ranges, &m.env, at(3), at(4)), RANGES_OK); /* Touches one. */
    assert_int_equal(ranges_add(&m.ranges, &m.env, at(2), at(3)), RANGES_OK); /* And two: there is room. */
    assert_int_equal(m.ranges.count, RANGES_MAX - 1);
    assert_int_equal(ranges_add(&m.ranges, &m.env, at(4 * RANGES_MAX), at(4 * RANGES_MAX + 1)), RANGES_OK);
    assert_int_equal(ranges_bytes(&m.ranges), 2 * RANGES_MAX + 3);
    ranges_free(&m.ranges, &m.env);
    assert_int_equal(oom.blocks, 0);
}

static bool grow(struct oom *oom) {
    begin(oom, 5);
    for (unsigned i = 0; i < 256; i++) add((i * 77 % 256) * 4, (i * 77 % 256) * 4 + 2);
    check_intervals();
    bool all = m.ranges.count == 256;
    trim(400);
    check_intervals();
    ranges_free(&m.ranges, &m.env);
    return all;
}

static void refused_memory_leaves_the_set_as_it_was(void **state) {
    (void)state;
    assert_true(oom_run(grow));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_set_is_what_a_bitmap_says),
        cmocka_unit_test(neighbours_merge),
        cmocka_unit_test(an_old_piece_comes_first_when_it_arrives_again),
        cmocka_unit_test(the_number_of_intervals_is_bounded),
        cmocka_unit_test(refused_memory_leaves_the_set_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
