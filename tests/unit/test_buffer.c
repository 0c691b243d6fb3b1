/* base/buffer.c against a byte array, across the wrap of sequence numbers. */
#include "support/unit.h"

#include "base/buffer.h"

#define STREAM (1u << 20)

struct model {
    struct env env;
    struct slabs slabs;
    struct buffer buffer;
    seq base;
    unsigned low, high; /* Positions in use, from base. */
    uint8_t byte[STREAM];
};

static struct model m;

static void begin(struct oom *oom, uint32_t base, uint32_t keep) {
    memset(&m, 0, sizeof m);
    unit_env(&m.env, oom);
    slabs_init(&m.slabs, &m.env, keep);
    m.base = seq_of(base);
}

static void end(struct oom *oom) {
    buffer_clear(&m.buffer, &m.slabs);
    assert_int_equal(buffer_memory(&m.buffer), 0);
    assert_int_equal(m.slabs.out, 0);
    slabs_free(&m.slabs);
    assert_int_equal(oom->blocks, 0);
    assert_int_equal(m.env.used, 0);
}

static seq at(unsigned i) { return seq_add(m.base, i); }

static void check(unsigned from, unsigned len) {
    static uint8_t out[STREAM];
    buffer_read(&m.buffer, at(from), out, len);
    assert_memory_equal(out, m.byte + from, len);
    struct la_span span[4];
    unsigned count;
    size_t sum = 0, peeked = buffer_peek(&m.buffer, at(from), len, span, 4, &count);
    assert_true(peeked == len || (count == 4 && peeked < len));
    for (unsigned i = 0; i < count; i++) {
        assert_memory_equal(span[i].data, m.byte + from + sum, span[i].len);
        sum += span[i].len;
    }
    assert_int_equal(sum, peeked);
}

static bool write_at(struct random *r, unsigned from, unsigned len) {
    static uint8_t data[STREAM];
    for (unsigned i = 0; i < len; i++) data[i] = (uint8_t)random_next(r);
    unsigned high = from + len > m.high ? from + len : m.high;
    uint32_t out = m.slabs.out;
    if (!buffer_write(&m.buffer, &m.slabs, at(m.low), at(high), at(from), data, len)) {
        assert_int_equal(m.slabs.out, out);
        return false;
    }
    memcpy(m.byte + from, data, len);
    m.high = high;
    return true;
}

static bool commit(struct random *r, unsigned len) {
    struct la_room room[3];
    unsigned count;
    size_t got = buffer_reserve(&m.buffer, &m.slabs, at(m.low), at(m.high + len), at(m.high), len, room, 3, &count);
    unsigned to = m.high;
    for (unsigned i = 0; i < count; i++) {
        for (size_t k = 0; k < room[i].len; k++) room[i].data[k] = m.byte[to++] = (uint8_t)random_next(r);
    }
    assert_int_equal(to - m.high, got);
    assert_true(got <= len);
    m.high = random_below(r, 4) ? to : m.high; /* Sometimes nothing of it is used. */
    return got == len || count == 3;
}

static void release(unsigned to) {
    buffer_release(&m.buffer, &m.slabs, at(m.low), at(to), at(m.high));
    m.low = to;
    if (m.low == m.high) assert_int_equal(buffer_memory(&m.buffer), 0);
}

/* What a sender does: append, read anywhere, release from the front. */
static void stream(struct random *r, unsigned longest) {
    while (m.high + 2 * longest < STREAM) {
        unsigned len = random_below(r, longest + 1);
        if (random_below(r, 3)) {
            assert_true(write_at(r, m.high, len));
        } else {
            assert_true(commit(r, len));
        }
        unsigned used = m.high - m.low, from = random_below(r, used + 1);
        check(m.low + from, random_below(r, used - from + 1));
        assert_true(m.buffer.held <= (used + longest) / BUFFER_SLAB + 2);
        if (random_below(r, 3) == 0) release(random_below(r, 6) ? m.low + random_below(r, used + 1) : m.high);
    }
    check(m.low, m.high - m.low);
}

static void a_stream_keeps_its_bytes(void **state) {
    (void)state;
    static const uint32_t bases[] = {0, UINT32_MAX - STREAM / 2, 0x80000000u - 77777, 0xfff00001};
    static const unsigned longest[] = {100, 5000, 70000};
    struct random r = {9};
    for (unsigned i = 0; i < COUNT_OF(bases); i++) {
        for (unsigned k = 0; k < COUNT_OF(longest); k++) {
            struct oom oom;
            oom_init(&oom);
            begin(&oom, bases[i], 8);
            stream(&r, longest[k]);
            end(&oom);
        }
    }
}

/* What a receiver does: pieces in any order within a window, with gaps, read when they join. */
static void pieces_out_of_order_keep_their_bytes(void **state) {
    (void)state;
    enum { WINDOW = 300000, PIECE = 1460 };
    static bool there[STREAM / PIECE + 1];
    struct random r = {10};
    for (unsigned round = 0; round < 4; round++) {
        struct oom oom;
        oom_init(&oom);
        begin(&oom, UINT32_MAX - round * 260000, 4);
        memset(there, 0, sizeof there);
        while (m.low + WINDOW < STREAM - PIECE) {
            unsigned next = m.low / PIECE, piece = next + random_below(&r, WINDOW / PIECE);
            if (random_below(&r, 2)) piece = next;
            assert_true(write_at(&r, piece * PIECE, PIECE));
            there[piece] = true;
            unsigned to = next;
            while (there[to]) to++;
            if (to == next) continue;
            check(m.low, to * PIECE - m.low);
            release(to * PIECE);
        }
        end(&oom);
    }
}

static void an_empty_buffer_holds_nothing_and_a_busy_stack_allocates_nothing(void **state) {
    (void)state;
    struct random r = {11};
    struct oom oom;
    oom_init(&oom);
    begin(&oom, 1234, 4);
    assert_true(write_at(&r, 0, 0));
    assert_int_equal(oom.asked, 0);
    for (unsigned i = 0; i < 100; i++) {
        assert_true(write_at(&r, m.high, 1460));
        check(m.low, 1460);
        release(m.high);
        assert_int_equal(m.slabs.out, 0);
    }
    assert_in_range(oom.asked, 2, 3); /* The ring, and two slabs where a write meets a border. */
    /* More than `keep` goes back to the allocator. */
    assert_true(write_at(&r, m.high, 80000));
    release(m.high);
    assert_int_equal(m.slabs.nfree, 4);
    assert_int_equal(oom.blocks, 5);
    end(&oom);
}

static void free_slabs_come_back_last_in_first_out(void **state) {
    (void)state;
    struct oom oom;
    struct la_span span;
    unsigned count;
    oom_init(&oom);
    begin(&oom, 0, 4);
    struct random r = {12};
    assert_true(write_at(&r, 0, 3 * BUFFER_SLAB));
    buffer_peek(&m.buffer, at(BUFFER_SLAB), 1, &span, 1, &count);
    release(2 * BUFFER_SLAB);
    const uint8_t *warm = span.data;
    assert_true(write_at(&r, 3 * BUFFER_SLAB, 1));
    buffer_peek(&m.buffer, at(3 * BUFFER_SLAB), 1, &span, 1, &count);
    assert_ptr_equal(span.data, warm);
    end(&oom);
}

static void what_was_reserved_in_vain_goes_back(void **state) {
    (void)state;
    struct oom oom;
    struct la_room room[20];
    unsigned count;
    oom_init(&oom);
    begin(&oom, UINT32_MAX - 10000, 0);
    struct random r = {13};
    assert_true(write_at(&r, 0, 100));
    assert_int_equal(buffer_reserve(&m.buffer, &m.slabs, at(0), at(60100), at(100), 60000, room, 20, &count), 60000);
    assert_int_equal(count, 16);
    assert_true(buffer_covers(&m.buffer, at(0), at(100), 60000));
    assert_true(buffer_covers(&m.buffer, at(0), at(60100), 0));
    assert_false(buffer_covers(&m.buffer, at(0), at(100), 60000 + BUFFER_SLAB));
    assert_false(buffer_covers(&m.buffer, at(0), at(100), SIZE_MAX));
    /* The entry of a position one ring further is another's. */
    assert_false(buffer_covers(&m.buffer, at(0), at(BUFFER_RING_MIN * BUFFER_SLAB + 100), 1));
    struct la_room again[20];
    assert_int_equal(buffer_reserve(&m.buffer, &m.slabs, at(0), at(60100), at(100), 60000, again, 20, &count), 60000);
    assert_memory_equal(room, again, count * sizeof *room);
    assert_int_equal(buffer_reserve(&m.buffer, &m.slabs, at(0), at(100), at(100), 0, room, 20, &count), 0);
    release(100);
    assert_int_equal(oom.blocks, 0);
    assert_false(buffer_covers(&m.buffer, at(100), at(100), 1));
    end(&oom);
}

static bool traffic(struct oom *oom) {
    struct random r = {14};
    bool all = true;
    begin(oom, UINT32_MAX - 100000, 3);
    for (unsigned i = 0; i < 12; i++) {
        all &= i % 3 == 2 ? commit(&r, 9000) : write_at(&r, m.high, 30000);
        check(m.low, m.high - m.low);
        if (i % 4 == 3) release(m.low + (m.high - m.low) / 2);
        if (i == 8) release(m.high);
        if (m.high == m.low && m.buffer.held == 0) assert_int_equal(buffer_memory(&m.buffer), 0);
    }
    buffer_clear(&m.buffer, &m.slabs);
    slabs_free(&m.slabs);
    return all;
}

static void refused_memory_loses_no_byte(void **state) {
    (void)state;
    assert_true(oom_run(traffic));
}

/* Positions are given up from the far end: what is kept keeps its bytes, also across the wrap. */
static void what_lies_beyond_can_be_given_up(void **state) {
    (void)state;
    struct oom oom;
    struct random r = {7};
    oom_init(&oom);
    begin(&oom, UINT32_MAX - 10000, 0);
    assert_true(write_at(&r, 100, 15000));
    assert_true(write_at(&r, 40000, 5000));
    uint32_t before = m.buffer.held;
    buffer_keep(&m.buffer, &m.slabs, at(100), at(15100));
    assert_true(m.buffer.held < before);
    check(100, 15000);
    assert_int_equal(m.slabs.out, m.buffer.held);
    buffer_keep(&m.buffer, &m.slabs, at(100), at(100));
    assert_int_equal(buffer_memory(&m.buffer), 0);
    end(&oom);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_keeps_its_bytes),
        cmocka_unit_test(pieces_out_of_order_keep_their_bytes),
        cmocka_unit_test(an_empty_buffer_holds_nothing_and_a_busy_stack_allocates_nothing),
        cmocka_unit_test(free_slabs_come_back_last_in_first_out),
        cmocka_unit_test(what_was_reserved_in_vain_goes_back),
        cmocka_unit_test(what_lies_beyond_can_be_given_up),
        cmocka_unit_test(refused_memory_loses_no_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
