/* Snapshots: what snap_finish brings into order; maps; texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "inspect/map.h"
#include "inspect/say.h"
#include "inspect/snap.h"

static struct la_endpoint at(unsigned last, unsigned port) {
    return (struct la_endpoint){.addr = la_addr4(10, 0, 0, (uint8_t)last), .port = (uint16_t)port};
}

static struct snap_conn *add(struct snap *snap, enum la_state state, struct la_endpoint local,
                             struct la_endpoint peer) {
    struct snap_conn *conn = snap_add_conn(snap);
    conn->state = (uint8_t)state;
    conn->local = local;
    conn->peer = peer;
    return conn;
}

static void own(struct snap *snap, uint32_t conn, uint32_t proc, int fd) {
    *snap_add_owner(snap) = (struct snap_owner){.conn = conn, .proc = proc, .fd = fd};
}

static void owners_stand_by_connection_and_pid(void **unused) {
    (void)unused;
    struct snap *snap = snap_new();
    for (int i = 0; i < 2; i++) snap_add_proc(snap)->pid = 20 - i;
    for (unsigned i = 0; i < 3; i++) add(snap, LA_ESTABLISHED, at(1, 80), at(2, 1000 + i));
    own(snap, 2, 0, 9);
    own(snap, 0, 0, 5);
    own(snap, 2, 1, 9);
    own(snap, 2, 1, 7);
    snap_finish(snap);
    assert_int_equal(snap->conns[0].nowners, 1);
    assert_int_equal(snap->conns[1].nowners, 0);
    assert_int_equal(snap->conns[2].nowners, 3);
    const struct snap_owner *owner = &snap->owners[snap->conns[2].first_owner];
    assert_int_equal(owner[0].proc, 1); /* pid 19 */
    assert_int_equal(owner[0].fd, 7);
    assert_int_equal(owner[2].proc, 0);
    assert_int_equal(snap_nprocs(snap, &snap->conns[2]), 2);
    assert_int_equal(snap_first_proc(snap, &snap->conns[1]), SNAP_NONE);
    assert_true(snap_holds(snap, &snap->conns[0], 0));
    assert_false(snap_holds(snap, &snap->conns[0], 1));
    assert_int_equal(snap->procs[0].nconns, 2);
    assert_int_equal(snap->procs[1].nconns, 1);
    snap_free(snap);
}

static void both_ends_are_a_pair(void **unused) {
    (void)unused;
    struct snap *snap = snap_new();
    add(snap, LA_FIN_WAIT_2, at(1, 1000), at(2, 80));
    add(snap, LA_ESTABLISHED, at(1, 1001), at(2, 80));
    add(snap, LA_CLOSE_WAIT, at(2, 80), at(1, 1000));
    snap_finish(snap);
    assert_int_equal(snap->conns[0].pair, 2);
    assert_int_equal(snap->conns[2].pair, 0);
    assert_int_equal(snap->conns[1].pair, SNAP_NONE);
    snap_free(snap);
}

static void loopbacks_of_two_namespaces_are_no_pair(void **unused) {
    (void)unused;
    struct la_endpoint a = {.addr = la_addr4(127, 0, 0, 1), .port = 1}, b = a;
    struct snap *snap = snap_new();
    b.port = 2;
    add(snap, LA_ESTABLISHED, a, b)->netns = 0;
    add(snap, LA_ESTABLISHED, b, a)->netns = 1;
    snap_finish(snap);
    assert_int_equal(snap->conns[0].pair, SNAP_NONE);
    snap_free(snap);
}

static void a_socket_connected_to_itself_is_its_own_other_end(void **unused) {
    (void)unused;
    struct snap *snap = snap_new();
    snap_add_netns(snap);
    snap_add_netns(snap);
    add(snap, LA_ESTABLISHED, at(1, 5000), at(1, 5000));
    add(snap, LA_ESTABLISHED, at(1, 5000), at(1, 5000))->netns = 1;
    snap_finish(snap);
    assert_int_equal(snap->conns[0].pair, 0);
    assert_int_equal(snap->conns[1].pair, 1);
    snap_free(snap);
}

static void pairs_are_within_a_namespace_before_they_are_between(void **unused) {
    (void)unused;
    struct snap *snap = snap_new();
    for (unsigned i = 0; i < 3; i++) snap_add_netns(snap);
    add(snap, LA_ESTABLISHED, at(1, 1000), at(1, 80));
    add(snap, LA_ESTABLISHED, at(1, 80), at(1, 1000));
    add(snap, LA_ESTABLISHED, at(1, 80), at(1, 1000))->netns = 1;
    add(snap, LA_ESTABLISHED, at(1, 1000), at(1, 80))->netns = 1;
    add(snap, LA_ESTABLISHED, at(3, 9), at(2, 80))->netns = 1;
    add(snap, LA_ESTABLISHED, at(2, 80), at(3, 9))->netns = 2;
    snap_finish(snap);
    for (uint32_t i = 0; i < 6; i++) assert_int_equal(snap->conns[i].pair, i ^ 1);
    snap_free(snap);
}

static void connections_find_their_listener(void **unused) {
    (void)unused;
    struct la_endpoint none = {0}, any6 = {.port = 443}, any4 = {.addr = la_addr4(0, 0, 0, 0), .port = 80};
    uint32_t listener[5];
    struct snap *snap = snap_new();
    add(snap, LA_LISTEN, any4, none);
    add(snap, LA_LISTEN, any6, none);
    add(snap, LA_SYN_RCVD, at(1, 80), at(2, 1000))->marks = SNAP_EMBRYO;
    add(snap, LA_ESTABLISHED, at(1, 443), at(2, 1000)); /* IPv4 on a dual-stack listener. */
    add(snap, LA_ESTABLISHED, at(1, 1000), at(2, 443));
    snap_finish(snap);
    assert_true(snap_listeners(snap, listener));
    assert_int_equal(listener[2], 0);
    assert_int_equal(listener[3], 1);
    assert_int_equal(listener[4], SNAP_NONE);
    assert_int_equal(snap->conns[0].embryos, 1);
    snap_free(snap);
}

static void foreign_text_is_cleaned(void **unused) {
    (void)unused;
    struct snap *snap = snap_new();
    assert_string_equal(snap_text(snap, "a\033[2Jb\377\xc3\xa9\r"), "a?[2Jb?\xc3\xa9?");
    assert_string_equal(snap_text(snap, "\xc2\x9b"
                                        "2J"),
                        "??2J"); /* CSI in one character. */
    assert_null(snap_text(snap, NULL));
    assert_string_equal(snap_format(snap, "%s %d", "\x01", 7), "? 7");
    char *large = malloc(200001);
    memset(large, 'x', 200000);
    large[200000] = '\0';
    assert_int_equal(strlen(snap_text(snap, large)), 200000);
    free(large);
    snap_free(snap);
}

static void maps_grow(void **unused) {
    (void)unused;
    struct map map = {0};
    assert_int_equal(map_get(&map, 1), MAP_NONE);
    for (uint32_t i = 0; i < 10000; i++) assert_true(map_put(&map, (uint64_t)i * 7, i));
    assert_true(map_put(&map, 7, 99));
    for (uint32_t i = 0; i < 10000; i++) assert_int_equal(map_get(&map, (uint64_t)i * 7), i == 1 ? 99 : i);
    assert_int_equal(map_get(&map, 3), MAP_NONE);
    map_free(&map);
    assert_int_equal(map_get(&map, 7), MAP_NONE);
}

static void expect_time(la_time time, const char *text) {
    struct say said = {0};
    say_time(&said, time);
    assert_string_equal(said.text, text);
    say_free(&said);
}

static void times_as_people_write_them(void **unused) {
    (void)unused;
    expect_time(0, "0 ms");
    expect_time(999 * LA_MS, "999 ms");
    expect_time(3400 * LA_MS, "3.4 s");
    expect_time(119 * LA_SECOND, "119 s");
    expect_time(310 * LA_SECOND, "5 min 10 s");
    expect_time(300 * LA_SECOND, "5 min");
    expect_time(7380 * LA_SECOND, "2 h 3 min");
    expect_time(90000 * LA_SECOND, "1 d 1 h");
    expect_time(LA_NEVER, "never");
}

static void expect_age(la_time least, la_time most, const char *text) {
    struct say said = {0};
    struct snap_age age = {least, most};
    say_age(&said, &age);
    assert_string_equal(said.text, text);
    say_free(&said);
}

static void ages_say_how_sure_they_are(void **unused) {
    (void)unused;
    expect_age(3 * LA_SECOND, 3 * LA_SECOND, "3.0 s");
    expect_age(3 * LA_SECOND, 12 * LA_SECOND, "3.0 s to 12 s");
    expect_age(3 * LA_SECOND, LA_NEVER, "at least 3.0 s");
    expect_age(0, LA_NEVER, "unknown");
}

static void texts_grow(void **unused) {
    (void)unused;
    struct say said = {0};
    struct la_endpoint any = {.addr = la_addr4(0, 0, 0, 0)}, six = {.port = 443};
    for (int i = 0; i < 1000; i++) say(&said, "%d,", i);
    assert_int_equal(said.len, 3890);
    assert_int_equal(strlen(said.text), 3890);
    say_free(&said);
    six.addr.bytes[15] = 1;
    say_endpoint(&said, &any);
    say(&said, " ");
    say_endpoint(&said, &six);
    say(&said, " ");
    say_bytes(&said, 1500000);
    say(&said, " ");
    say_count(&said, 2, "byte");
    assert_string_equal(said.text, "*:* [::1]:443 1.5 MB 2 bytes");
    char *text = say_take(&said);
    assert_null(said.text);
    free(text);
    text = say_take(&said);
    assert_string_equal(text, "");
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(owners_stand_by_connection_and_pid),
        cmocka_unit_test(both_ends_are_a_pair),
        cmocka_unit_test(loopbacks_of_two_namespaces_are_no_pair),
        cmocka_unit_test(a_socket_connected_to_itself_is_its_own_other_end),
        cmocka_unit_test(pairs_are_within_a_namespace_before_they_are_between),
        cmocka_unit_test(connections_find_their_listener),
        cmocka_unit_test(foreign_text_is_cleaned),
        cmocka_unit_test(maps_grow),
        cmocka_unit_test(times_as_people_write_them),
        cmocka_unit_test(ages_say_how_sure_they_are),
        cmocka_unit_test(texts_grow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
