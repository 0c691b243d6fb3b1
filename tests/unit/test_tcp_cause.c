/* tcp/cause.c: the cause of a move as words. */
#include "support/unit.h"

#include <string.h>

#include <lastack/info.h>

static void every_cause_has_its_words(void **state) {
    (void)state;
    static const struct {
        uint8_t cause, what;
        const char *text;
    } row[] = {
        {LA_CAUSE_NONE, 0, ""},
        {LA_CAUSE_CALL, LA_CALL_LISTEN, "listen()"},
        {LA_CAUSE_CALL, LA_CALL_CONNECT, "connect()"},
        {LA_CAUSE_CALL, LA_CALL_SHUTDOWN, "shutdown()"},
        {LA_CAUSE_CALL, LA_CALL_CLOSE, "close()"},
        {LA_CAUSE_CALL, LA_CALL_ABORT, "abort()"},
        {LA_CAUSE_CALL, 0, "call"},
        {LA_CAUSE_CALL, 200, "call"},
        {LA_CAUSE_SEGMENT, 0x10, "ACK arrived"},
        {LA_CAUSE_SEGMENT, 0x12, "SYN+ACK arrived"},
        {LA_CAUSE_SEGMENT, 0x19, "FIN+PSH+ACK arrived"},
        {LA_CAUSE_SEGMENT, 0x04, "RST arrived"},
        {LA_CAUSE_SEGMENT, 0x00, "segment arrived"},
        {LA_CAUSE_TIMER, LA_TIMER_RETRANSMIT, "retransmit timer"},
        {LA_CAUSE_ICMP, LA_EHOSTUNREACH, "ICMP EHOSTUNREACH"},
        {LA_CAUSE_STACK, LA_D_PAWS, "paws"},
    };
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        struct la_move move = {0, 0, 0, row[i].cause, row[i].what};
        char text[64];
        assert_int_equal(la_cause_text(&move, text, sizeof text), strlen(row[i].text));
        assert_string_equal(text, row[i].text);
    }
}

static void little_room_cuts_the_words_but_not_their_length(void **state) {
    (void)state;
    struct la_move move = {0, 0, 0, LA_CAUSE_SEGMENT, 0x12};
    char text[8];
    for (size_t size = 0; size <= sizeof text; size++) {
        memset(text, '#', sizeof text);
        assert_int_equal(la_cause_text(&move, text, size), 15);
        if (size) assert_int_equal(strlen(text), size - 1);
        for (size_t i = size; i < sizeof text; i++) assert_int_equal(text[i], '#');
        if (size) assert_memory_equal(text, "SYN+ACK", size - 1);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cause_has_its_words),
        cmocka_unit_test(little_room_cuts_the_words_but_not_their_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
