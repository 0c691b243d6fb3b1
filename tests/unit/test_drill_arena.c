/* drill/arena.c: pieces do not overlap, are zero, and live until the end. */
#include "support/unit.h"

#include <string.h>

#include "drill/arena.h"

static void pieces_are_zero_aligned_and_apart(void **state) {
    (void)state;
    struct drill_arena arena = {0};
    unsigned char *piece[200];
    for (size_t i = 0; i < 200; i++) {
        size_t size = i * 37 + 1;
        piece[i] = drill_arena_new(&arena, size);
        assert_non_null(piece[i]);
        assert_int_equal((uintptr_t)piece[i] % _Alignof(max_align_t), 0);
        for (size_t k = 0; k < size; k++) assert_int_equal(piece[i][k], 0);
        memset(piece[i], (int)i, size);
    }
    for (size_t i = 0; i < 200; i++) assert_int_equal(piece[i][i * 37], i);
    drill_arena_free(&arena);
    assert_null(arena.blocks);
}

static void a_large_piece_does_not_waste_the_open_block(void **state) {
    (void)state;
    struct drill_arena arena = {0};
    char *small = drill_arena_new(&arena, 16), *large = drill_arena_new(&arena, 100000);
    assert_non_null(large);
    memset(large, 1, 100000);
    char *next = drill_arena_new(&arena, 16);
    assert_in_range(next - small, 16, 64);
    drill_arena_free(&arena);
}

static void text_gets_its_nul(void **state) {
    (void)state;
    struct drill_arena arena = {0};
    assert_string_equal(drill_arena_text(&arena, "abcdef", 3), "abc");
    assert_string_equal(drill_arena_text(&arena, NULL, 0), "");
    drill_arena_free(&arena);
}

static void an_impossible_size_is_no_memory(void **state) {
    (void)state;
    struct drill_arena arena = {0};
    assert_null(drill_arena_new(&arena, SIZE_MAX));
    assert_null(drill_arena_text(&arena, "", SIZE_MAX));
    drill_arena_free(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_zero_aligned_and_apart),
        cmocka_unit_test(a_large_piece_does_not_waste_the_open_block),
        cmocka_unit_test(text_gets_its_nul),
        cmocka_unit_test(an_impossible_size_is_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
