/* inspect/filter*.c: which connections a filter's words choose, and what is said about words that are wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "inspect/filter.h"
#include "inspect/linux.h"

static struct snap *snap;

static struct la_endpoint end(const char *addr, unsigned port) {
    struct la_endpoint endpoint = {.port = (uint16_t)port};
    assert_true(la_addr_parse(addr, &endpoint.addr));
    return endpoint;
}

static void own(uint32_t conn, uint32_t proc, int fd) {
    struct snap_owner *owner = snap_add_owner(snap);
    *owner = (struct snap_owner){.conn = conn, .proc = proc, .fd = fd};
}

/* 0: 10.0.0.1:443 <- 10.0.0.2:40000, CLOSE_WAIT 60 to 90 s, held by nginx (17, fd 3) and its child (18, fd 5).
 * 1: [2001:db8::1]:50000 -> [2001:db8::2]:5432, ESTABLISHED, exactly 5 s, java (20, fd 7).
 * 2: TIME_WAIT, nobody's. 3: LISTEN on *:80. */
static int setup(void **state) {
    (void)state;
    snap = snap_new();
    struct snap_netns *netns = snap_add_netns(snap);
    netns->inode = 4026531840;
    netns->setting[SNAP_S_PORT_LOW] = 32768;
    netns->setting[SNAP_S_PORT_HIGH] = 60999;
    snap_add_netns(snap)->name = "blue";
    *snap_add_proc(snap) =
        (struct snap_proc){.pid = 17, .program = "nginx", .unit = "nginx.service", .container = "3fa1b2c3d4e5"};
    *snap_add_proc(snap) = (struct snap_proc){.pid = 18, .program = "nginx"};
    *snap_add_proc(snap) = (struct snap_proc){.pid = 20, .program = "a-long-program-"};
    struct snap_conn *conn = snap_add_conn(snap);
    conn->cookie = 0x1d7b0;
    conn->inode = 4711;
    conn->local = end("10.0.0.1", 443);
    conn->peer = end("10.0.0.2", 40000);
    conn->state = LA_CLOSE_WAIT;
    conn->age = (struct snap_age){60 * LA_SECOND, 90 * LA_SECOND};
    conn->uid = 1000;
    conn->recv_queue = 1;
    conn = snap_add_conn(snap);
    conn->cookie = 0x2;
    conn->inode = 4712;
    conn->local = end("2001:db8::1", 50000);
    conn->peer = end("2001:db8::2", 5432);
    conn->state = LA_ESTABLISHED;
    conn->age = (struct snap_age){5 * LA_SECOND, 5 * LA_SECOND};
    conn->uid = 0;
    conn->send_queue = 2 << 20;
    conn->tries = 4;
    conn->netns = 1;
    conn = snap_add_conn(snap);
    conn->local = end("127.0.0.1", 40001);
    conn->peer = end("127.0.0.1", 80);
    conn->state = LA_TIME_WAIT;
    conn = snap_add_conn(snap);
    conn->local = end("::", 80);
    conn->peer = end("::", 0);
    conn->state = LA_LISTEN;
    own(0, 0, 3);
    own(0, 1, 5);
    own(1, 2, 7);
    snap_finish(snap);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    snap_free(snap);
    return 0;
}

static bool users(const char *name, uint32_t *uid) {
    *uid = 1000;
    return strcmp(name, "www") == 0;
}

static struct filter *parse(const char *text) {
    char why[400] = "", copy[400];
    char *word = strcpy(copy, text);
    struct filter *filter = filter_parse_users(users, 1, &word, why, sizeof why);
    if (!filter) fail_msg("%s", why);
    return filter;
}

/* The connections that match, as digits. */
static void matches(const char *text, const char *expected) {
    char found[8] = "";
    struct filter *filter = parse(text);
    for (uint32_t i = 0, n = 0; i < snap->nconns; i++)
        if (filter_matches(filter, snap, &snap->conns[i])) found[n++] = (char)('0' + i);
    filter_free(filter);
    if (strcmp(found, expected) != 0) fail_msg("%s: matches \"%s\", not \"%s\"", text, found, expected);
}

/* The text is refused, and the sentence has these pieces. */
static void refused(const char *text, const char *piece, const char *other) {
    char why[400] = "", copy[400];
    char *word = strcpy(copy, text);
    assert_null(filter_parse_users(users, 1, &word, why, sizeof why));
    if (!strstr(why, piece) || !strstr(why, other)) fail_msg("%s: says \"%s\"", text, why);
}

static void states_add_up_and_are_taken_away(void **state) {
    (void)state;
    matches("", "0123");
    matches("state close-wait", "0");
    matches("state CLOSE_WAIT", "0");
    matches("state CloseWait state time-wait", "02");
    matches("state close-wait,time-wait", "02");
    matches("exclude listening", "012");
    matches("exclude listening exclude bucket", "01");
    matches("state all exclude connected", "3");
    matches("state = close-wait", "0");
    matches("state != close-wait", "123");
    matches("not state close-wait", "123");
    matches("state big", "013");
    matches("state synchronized", "012");
}

static void leading_states_hold_for_all_that_follows(void **state) {
    (void)state;
    matches("state close-wait sport = :443 or sport = :50000", "0");
    matches("sport = :443 or sport = :50000", "01");
    matches("state close-wait or state listening", "03");
    matches("dport = :5432 state established", "1");
    matches("( state close-wait or state time-wait ) dst 127.0.0.1", "2");
}

static void ports_compare_in_every_form(void **state) {
    (void)state;
    const char *const same[] = {"sport = :443", "sport =:443",   "sport=:443", "sport==443", "sport == 443",
                                "sport :443",   "sport eq :443", "sport 443",  "sport:443",  "sport = *:443"};
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) matches(same[i], "0");
    matches("sport != :443", "123");
    matches("sport neq 443", "123");
    matches("sport gt :443", "12");
    matches("sport >= :443", "012");
    matches("sport lt 443", "3");
    matches("sport <= 443", "03");
    matches("sport>443", "12");
}

static void hosts_take_prefixes_and_ports(void **state) {
    (void)state;
    matches("dst 10.0.0.2", "0");
    matches("dst = 10.0.0.2", "0");
    matches("dst 10.0.0.0/8", "0");
    matches("dst 10/8", "0");
    matches("dst 10.0.0.0/30:40000", "0");
    matches("dst 10.0.0.4/30", "");
    matches("dst 10.0.0.2:40001", "");
    matches("src :443", "0");
    matches("src *:443", "0");
    matches("dst != 10.0.0.2", "123");
    matches("dst [2001:db8::2]:5432", "1");
    matches("dst [2001:db8::]/32", "1");
    matches("dst [2001:db8::/32]:5432", "1");
    matches("dst 2001:db8::2", "1");
    matches("dst 2001:db8::/33", "1");
    matches("dst ::/0", "13");
    matches("dst 0.0.0.0/0", "02");
    matches("dst ::ffff:10.0.0.2", "0");
    matches("dst inet6:[2001:db8::2]", "1");
    matches("dst inet:", "02");
    matches("dst *", "0123");
}

static void turns_are_bounded(void **state) {
    (void)state;
    static char and[] = "and", or [] = "or", word[] = "autobound";
    char *words[400], why[200];
    for (int n = 0; n < 400; n++) words[n] = n % 4 == 1 ? and : n % 4 == 3 ? or : word;
    struct filter *filter = filter_parse(127, words, why, sizeof why); /* 63 turns. */
    assert_non_null(filter);
    filter_free(filter);
    assert_null(filter_parse(399, words, why, sizeof why));
    assert_non_null(strstr(why, "take turns too often"));
}

static void operators_bind_as_in_ss(void **state) {
    (void)state;
    matches("sport = 443 or sport = 80 and dport = 1", ""); /* From the left to the right. */
    matches("sport = 443 or ( sport = 80 and dport = 1 )", "0");
    matches("sport = 443 or sport = 80 not sport = 443", "3");
    matches("dport = 1 and sport = 80 or sport = 443", "0");
    matches("( sport = 443 or sport = 80 ) and dport = 1", "");
    matches("sport = 443 || sport = 80", "03");
    matches("sport = 443 | sport = 80 & not dport = 1", "03");
    matches("not sport = 443 or sport = 443 and sport = 443", "0");
    matches("! sport = 443 && ! sport = 80", "12");
    matches("not not sport = 443", "0");
    matches("not ( sport = 443 or sport = 80 )", "12");
    matches("!(sport=443|sport=80)", "12");
    matches("dst 10.0.0.2 src 10.0.0.1 AND NOT pid = 20", "0");
}

static void owners_are_asked_one_by_one(void **state) {
    (void)state;
    matches("pid = 17", "0");
    matches("pid = 18", "0");
    matches("pid != 17", "1");
    matches("not pid = 17", "123");
    matches("pid > 18", "1");
    matches("fd = 5", "0");
    matches("pid = 18 fd = 5", "0");
    matches("pid = 17 fd = 5", "");
    matches("fd = 5 and pid = 17", "");
    matches("program = nginx", "0");
    matches("program = ng*", "0");
    matches("program = 'n?inx'", "0");
    matches("program = a-long-program-with-more", "1");
    matches("program != nginx", "1");
    matches("unit = nginx", "0");
    matches("unit = nginx.service", "0");
    matches("unit != nginx", "");
    matches("container = 3fa1", "0");
    matches("container = fa1", "");
}

static void identities_are_numbers_or_names(void **state) {
    (void)state;
    matches("uid = 1000", "0");
    matches("uid = www", "0");
    matches("uid:1000", "0");
    matches("uid != 0", "0");
    matches("cookie = 1d7b0", "0");
    matches("cookie = 0x1D7B0", "0");
    matches("cookie = sk:1d7b0", "0");
    matches("sk:1d7b0", "0");
    matches("inode = 4711", "0");
    matches("ino:4711", "0");
    matches("netns = blue", "1");
    matches("netns = self", "023");
    matches("netns = 4026531840", "023");
    matches("netns != blue", "023");
}

static void amounts_have_units(void **state) {
    (void)state;
    matches("age > 59s", "0");
    matches("age >= 60", "0");
    matches("age > 60s", "");
    matches("age < 91s", "01");
    matches("age < 90s", "1");
    matches("age > 1min", "");
    matches("age >= 0.5min", "0");
    matches("age >= 4s500ms", "01");
    matches("recv-q > 0", "0");
    matches("Recv-Q > 0", "0");
    matches("send-q >= 2MB", "1");
    matches("send-q > 2048k", "");
    matches("backoff > 3", "1");
    matches("autobound", "2");
}

static void wrong_words_are_named(void **state) {
    (void)state;
    refused("dport = :99999", "\"dport = :99999\"", "a port is a number, 0 to 65535");
    refused("dport = :https", "\"dport = :https\"", "not looked up");
    refused("dst example.org", "\"dst example.org\"", "10.0.0.0/8");
    refused("dst 10.0.0.1/33", "\"dst 10.0.0.1/33\"", "10.0.0.0/8");
    refused("dst > 10.0.0.1", "\"dst > 10.0.0.1\"", "sport and dport");
    refused("state closewait2", "\"closewait2\"", "close-wait");
    refused("state", "\"state\"", "a state is missing");
    refused("close-wait", "\"close-wait\"", "did you mean \"state close-wait\"");
    refused("dport = 1 10.0.0.1", "\"10.0.0.1\"", "did you mean \"dst 10.0.0.1\"");
    refused("dport =", "\"dport =\"", "a value is missing");
    refused("dport = 1 and", "\"dport = 1 and\"", "a condition is expected");
    refused("and dport = 1", "\"and\"", "a condition is expected");
    refused("( dport = 1", "\"( dport = 1\"", "never closed");
    refused("dport = 1 )", "\")\"", "no parenthesis is open");
    refused("foo = 1", "\"foo\"", "dport");
    refused("dev = eth0", "\"dev\"", "ss can");
    refused("age = 5s", "\"age = 5s\"", "<");
    refused("age > soon", "\"age > soon\"", "60s");
    refused("recv-q > much", "\"recv-q > much\"", "64KB");
    refused("uid = nobody", "\"uid = nobody\"", "no such user");
    refused("pid = 99999999999999999999", "\"pid = 9", "a number");
    refused("program < a", "\"program < a\"", "only = or !=");
    refused("state close-wait dport = 1 state last-ack", "\"state close-wait dport = 1 state last-ack\"",
            "side by side");
}

static void words_need_no_parting(void **state) {
    (void)state;
    char *words[] = {"state", "close-wait", "(sport", "=", ":443", "or", "sport", "=", "80)"}, why[100];
    struct filter *filter = filter_parse(9, words, why, sizeof why);
    assert_non_null(filter);
    assert_true(filter_matches(filter, snap, &snap->conns[0]));
    assert_false(filter_matches(filter, snap, &snap->conns[3]));
    filter_free(filter);
    filter = filter_parse(0, NULL, why, sizeof why);
    assert_non_null(filter);
    assert_true(filter_matches(filter, snap, &snap->conns[3]));
    filter_free(filter);
    assert_true(filter_matches(NULL, snap, &snap->conns[3]));
    words[0] = "uid = www";
    assert_null(filter_parse(1, words, why, sizeof why));
}

static void depth_is_bounded(void **state) {
    (void)state;
    char text[400] = "", why[100], *word = text;
    memset(text, '(', 300);
    assert_null(filter_parse(1, &word, why, sizeof why));
    assert_non_null(strstr(why, "parentheses"));
    char small[5];
    assert_null(filter_parse(1, &word, small, sizeof small));
    assert_int_equal(strlen(small), 4);
}

static uint32_t states_for(const char *text) {
    struct filter *filter = parse(text);
    uint32_t states = filter_states(filter);
    filter_free(filter);
    return states;
}

static unsigned parts_for(const char *text) {
    struct filter *filter = parse(text);
    unsigned parts = filter_parts(filter);
    filter_free(filter);
    return parts;
}

static void sources_learn_what_to_ask_for(void **state) {
    (void)state;
    uint32_t all = (1u << LA_NSTATES) - 1, close_wait = 1u << LA_CLOSE_WAIT, last_ack = 1u << LA_LAST_ACK;
    assert_int_equal(states_for(""), all);
    assert_int_equal(filter_states(NULL), all);
    assert_int_equal(states_for("state close-wait dport = 1"), close_wait);
    assert_int_equal(states_for("state close-wait or dport = 1"), all);
    assert_int_equal(states_for("( state close-wait dport = 1 ) or state last-ack"), close_wait | last_ack);
    assert_int_equal(states_for("not ( state close-wait dport = 1 )"), all);
    assert_int_equal(states_for("not ( state close-wait or dport = 1 )"), all & ~close_wait);
    assert_int_equal(parts_for("state close-wait dport = 1"), 0);
    assert_int_equal(parts_for("pid = 1"), LINUX_OWNERS);
    assert_int_equal(parts_for("age > 1s program = x"), LINUX_OWNERS | LINUX_MEASURED);
    assert_int_equal(parts_for("autobound"), LINUX_FACTS);
}

static void states_have_many_names(void **state) {
    (void)state;
    for (unsigned i = 0; i < LA_NSTATES; i++) {
        assert_int_equal(filter_state(la_state_name((enum la_state)i)), i);
        assert_int_equal(filter_state(filter_ss_name((enum la_state)i)), i);
    }
    assert_int_equal(filter_state("listening"), LA_LISTEN);
    assert_int_equal(filter_state("syn-recv"), LA_SYN_RCVD);
    assert_int_equal(filter_state("connected"), -1);
    assert_int_equal(filter_state("nonsense-that-is-long"), -1);
    assert_int_equal(filter_state(""), -1);
    assert_string_equal(filter_ss_name(LA_ESTABLISHED), "ESTAB");
}

/* A bound that only something quadratic or worse breaks, sanitizers and a busy machine included. */
static void many_connections_take_little_time(void **state) {
    (void)state;
    struct filter *filter = parse("state close-wait ( dst 10.0.0.0/8 or src [2001:db8::]/32 ) program = ng* pid = 18");
    unsigned matched = 0;
    clock_t begin = clock();
    for (unsigned i = 0; i < 100000; i++) matched += filter_matches(filter, snap, &snap->conns[i % 4]);
    assert_int_equal(matched, 25000);
    assert_true(clock() - begin < CLOCKS_PER_SEC);
    filter_free(filter);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(states_add_up_and_are_taken_away),
        cmocka_unit_test(leading_states_hold_for_all_that_follows),
        cmocka_unit_test(ports_compare_in_every_form),
        cmocka_unit_test(hosts_take_prefixes_and_ports),
        cmocka_unit_test(operators_bind_as_in_ss),
        cmocka_unit_test(turns_are_bounded),
        cmocka_unit_test(owners_are_asked_one_by_one),
        cmocka_unit_test(identities_are_numbers_or_names),
        cmocka_unit_test(amounts_have_units),
        cmocka_unit_test(wrong_words_are_named),
        cmocka_unit_test(words_need_no_parting),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(sources_learn_what_to_ask_for),
        cmocka_unit_test(states_have_many_names),
        cmocka_unit_test(many_connections_take_little_time),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
