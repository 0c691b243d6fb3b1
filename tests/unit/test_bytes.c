/* base/bytes.h: cursors that cannot leave their bounds. */
#include "support/unit.h"

#include "base/bytes.h"

static void what_is_written_is_read_again(void **state) {
    (void)state;
    uint8_t data[10];
    struct writer w = writer_of(data, sizeof data);
    write8(&w, 0x01);
    write16(&w, 0x0203);
    write32(&w, 0x84050607);
    write_bytes(&w, "abc", 3);
    assert_false(w.bad);
    assert_int_equal(writer_len(&w), 10);
    assert_memory_equal(data,
                        "\x01\x02\x03\x84\x05\x06\x07"
                        "abc",
                        10);
    struct reader r = reader_of(data, sizeof data);
    assert_int_equal(read8(&r), 0x01);
    assert_int_equal(read16(&r), 0x0203);
    assert_int_equal(read32(&r), 0x84050607);
    assert_int_equal(reader_left(&r), 3);
    assert_ptr_equal(read_bytes(&r, 3), data + 7);
    assert_false(r.bad);
    assert_non_null(read_bytes(&r, 0));
    assert_false(r.bad);
}

static void a_reader_past_its_end_gives_zeros_and_remembers(void **state) {
    (void)state;
    static const uint8_t data[3] = {0xff, 0xff, 0xff};
    struct reader r = reader_of(data, sizeof data);
    assert_int_equal(read32(&r), 0);
    assert_true(r.bad);
    assert_int_equal(reader_left(&r), 3);
    assert_null(read_bytes(&r, SIZE_MAX));
    assert_int_equal(read16(&r), 0xffff); /* Still within bounds, still bad. */
    assert_int_equal(read16(&r), 0);
    assert_int_equal(read8(&r), 0xff);
    assert_int_equal(read8(&r), 0);
    assert_true(r.bad);
}

static void a_writer_past_its_end_writes_nothing_and_remembers(void **state) {
    (void)state;
    uint8_t data[4] = {0xee, 0xee, 0xee, 0xee};
    struct writer w = writer_of(data, 3);
    write32(&w, 0);
    assert_true(w.bad);
    assert_int_equal(writer_len(&w), 0);
    write16(&w, 0x0102);
    write16(&w, 0x0304);
    write_bytes(&w, "xyz", 3);
    assert_null(write_room(&w, SIZE_MAX));
    assert_memory_equal(data, "\x01\x02\xee\xee", 4);
    assert_int_equal(writer_len(&w), 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_again),
        cmocka_unit_test(a_reader_past_its_end_gives_zeros_and_remembers),
        cmocka_unit_test(a_writer_past_its_end_writes_nothing_and_remembers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
