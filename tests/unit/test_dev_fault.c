/* Fault rules: every condition, every count, every action, in both directions; rules as text; push-back; memory. */
#include <lastack/dev.h>
#include <lastack/segment.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "oom.h"

/* --- A fault device at one end of a wire --- */

struct rig {
    struct la_device *fault; /* The stack's side. */
    struct la_device *far;   /* The network's side. */
};

static struct rig rig_make(unsigned depth, const char *const *rules) {
    struct la_device *end[2];
    struct rig rig;
    assert_int_equal(la_loop_open(NULL, LA_LINK_IP, 1500, depth, end), 0);
    assert_int_equal(la_fault_around(NULL, end[0], 42, &rig.fault), 0);
    rig.far = end[1];
    for (int i = 0; rules && rules[i]; i++) {
        struct la_fault_rule rule;
        char error[256];
        if (!la_fault_parse(rules[i], &rule, error, sizeof error)) fail_msg("%s", error);
        assert_int_equal(la_fault_add(rig.fault, &rule), i);
    }
    return rig;
}

static struct rig rig_one(const char *rule) {
    const char *rules[] = {rule, NULL};
    return rig_make(64, rules);
}

static void rig_end(struct rig *rig) {
    la_dev_close(rig->fault);
    la_dev_close(rig->far);
}

/* A segment from 10.0.0.1:80 to 10.0.0.2:4000; `seq` names it. */
static struct la_segment seg(uint32_t seq, uint16_t flags, size_t len) {
    struct la_segment s = {
        .seq = seq, .flags = flags, .len = len, .wnd = 1000, .ttl = 64, .csum_ok = true, .wscale = -1};
    s.src = (struct la_endpoint){la_addr4(10, 0, 0, 1), 80, 0};
    s.dst = (struct la_endpoint){la_addr4(10, 0, 0, 2), 4000, 0};
    return s;
}

static size_t build(const struct la_segment *s, uint8_t bytes[1600]) {
    size_t len = la_segment_build(s, bytes, 1600);
    assert_true(len > 0);
    return len;
}

/* Sends in two pieces, as a stack does. */
static int send_seg(struct la_device *device, const struct la_segment *s, la_time now) {
    uint8_t bytes[1600];
    struct la_packet packet = {.len = build(s, bytes), .nspans = 2};
    packet.span[0] = (struct la_span){bytes, 30};
    packet.span[1] = (struct la_span){bytes + 30, packet.len - 30};
    return la_dev_send(device, &packet, now);
}

/* The seq of what arrives, or the error; 100000 more when its checksum is wrong. */
static int64_t recv_seq(struct la_device *device, la_time now) {
    struct la_span span;
    struct la_segment s;
    int rc = la_dev_recv(device, &span, now);
    if (rc < 0) return rc;
    if (!la_segment_parse(LA_LINK_IP, span.data, span.len, &s)) return 200000;
    return s.seq + (s.csum_ok ? 0 : 100000);
}

/* Sends segments 1 to n and writes down which arrive, "1 2 4". */
static void run_out(struct rig *rig, unsigned n, uint16_t flags, size_t len, char *text) {
    const char *mark = "";
    *text = 0;
    for (uint32_t i = 1; i <= n; i++) {
        struct la_segment s = seg(i, flags, len);
        assert_int_equal(send_seg(rig->fault, &s, i), 0);
        for (int64_t got; (got = recv_seq(rig->far, i)) >= 0; mark = " ")
            text += sprintf(text, "%s%lld", mark, (long long)got);
    }
}

static void expect_out(const char *rule, unsigned n, const char *expected) {
    char text[4096];
    struct rig rig = rig_one(rule);
    run_out(&rig, n, LA_ACK, 10, text);
    assert_string_equal(text, expected);
    rig_end(&rig);
}

/* --- Which of the matching --- */

static void the_counts_choose_which_of_the_matching(void **state) {
    (void)state;
    expect_out("drop", 4, "");
    expect_out("drop nth=1", 4, "2 3 4");
    expect_out("drop nth=3", 4, "1 2 4");
    expect_out("drop nth=2..3", 5, "1 4 5");
    expect_out("drop nth=3..", 6, "1 2");
    expect_out("drop every=2", 6, "1 3 5");
    expect_out("drop nth=2..6 every=2", 8, "1 3 5 7 8");
    expect_out("drop nth=3.. every=3", 9, "1 2 4 5 7 8");
    expect_out("drop p=1", 3, "");
    expect_out("drop p=100%", 3, "");
}

static void a_probability_is_met_and_a_seed_repeats_it(void **state) {
    (void)state;
    char first[8192], second[8192];
    struct rig rig = rig_one("drop p=10%");
    run_out(&rig, 1000, LA_ACK, 0, first);
    const struct la_fault_rule *rule = la_fault_rule(rig.fault, 0);
    assert_int_equal(rule->seen, 1000);
    assert_true(rule->done > 60 && rule->done < 140);
    assert_null(la_fault_rule(rig.fault, 1));
    rig_end(&rig);
    rig = rig_one("drop p=0.1");
    run_out(&rig, 1000, LA_ACK, 0, second);
    assert_string_equal(first, second);
    rig_end(&rig);
}

/* --- Which packets match --- */

/* Whether a rule's drop hits a segment that leaves, and one that arrives. */
static void expect_match(const char *text, const struct la_segment *s, bool out, bool in) {
    struct rig rig = rig_one(text);
    assert_int_equal(send_seg(rig.fault, s, 1), 0);
    if ((recv_seq(rig.far, 1) < 0) != out) fail_msg("out: %s", text);
    assert_int_equal(send_seg(rig.far, s, 1), 0);
    if ((recv_seq(rig.fault, 1) < 0) != in) fail_msg("in: %s", text);
    rig_end(&rig);
}

static void directions_match(void **state) {
    (void)state;
    struct la_segment s = seg(1, LA_ACK, 0);
    expect_match("drop", &s, true, true);
    expect_match("drop dir=out", &s, true, false);
    expect_match("drop dir=in", &s, false, true);
}

static void flags_match_all_of_and_none_of(void **state) {
    (void)state;
    static const char *const name[] = {"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR", "AE"};
    for (unsigned set = 0; set < 9; set++) {
        struct la_segment s = seg(1, (uint16_t)(1u << set), 0);
        for (unsigned asked = 0; asked < 9; asked++) {
            char text[64];
            snprintf(text, sizeof text, "drop flags=%s", name[asked]);
            expect_match(text, &s, set == asked, set == asked);
            snprintf(text, sizeof text, "drop flags=!%s", name[asked]);
            expect_match(text, &s, set != asked, set != asked);
        }
    }
    struct la_segment s = seg(1, LA_SYN | LA_ACK, 0);
    expect_match("drop flags=SYN+ACK", &s, true, true);
    expect_match("drop flags=SYN+!ACK", &s, false, false);
    expect_match("drop flags=SYN+!RST+ACK+!FIN", &s, true, true);
    expect_match("drop flags=SYN+FIN", &s, false, false);
}

static void data_matches(void **state) {
    (void)state;
    struct la_segment with = seg(1, LA_ACK, 1), without = seg(1, LA_ACK, 0);
    expect_match("drop data=yes", &with, true, true);
    expect_match("drop data=no", &with, false, false);
    expect_match("drop data=yes", &without, false, false);
    expect_match("drop data=no", &without, true, true);
}

static void connections_match(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool hit;
    } row[] = {
        {"drop port=80", true},
        {"drop port=4000", true},
        {"drop port=81", false},
        {"drop sport=80", true},
        {"drop sport=4000", false},
        {"drop dport=4000", true},
        {"drop dport=80", false},
        {"drop sport=80 dport=4000", true},
        {"drop host=10.0.0.1", true},
        {"drop host=10.0.0.2", true},
        {"drop host=10.0.0.3", false},
        {"drop src=10.0.0.1", true},
        {"drop src=10.0.0.2", false},
        {"drop dst=10.0.0.2", true},
        {"drop dst=10.0.0.1", false},
        {"drop host=10.0.0.1 port=80", true},
        {"drop host=10.0.0.1 port=4000", false}, /* Both belong to one end. */
        {"drop host=::1", false},
    };
    struct la_segment s = seg(1, LA_ACK, 0);
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) expect_match(row[i].text, &s, row[i].hit, row[i].hit);

    assert_true(la_addr_parse("2001:db8::1", &s.src.addr));
    assert_true(la_addr_parse("2001:db8::2", &s.dst.addr));
    expect_match("drop src=2001:db8::1 dst=2001:db8::2", &s, true, true);
    expect_match("drop host=2001:db8::3", &s, false, false);
}

static void what_is_not_tcp_matches_only_proto_any(void **state) {
    (void)state;
    static const char *const text[] = {"drop", "drop proto=tcp", "drop proto=any flags=SYN", "drop proto=any"};
    for (int i = 0; i < 4; i++) {
        struct rig rig = rig_one(text[i]);
        struct la_packet packet = {.len = 9, .nspans = 1, .span = {{(const uint8_t *)"not a seg", 9}}};
        struct la_span span;
        assert_int_equal(la_dev_send(rig.fault, &packet, 1), 0);
        assert_int_equal(la_dev_recv(rig.far, &span, 1), i == 3 ? -LA_EAGAIN : 0);
        rig_end(&rig);
    }
}

static void all_rules_count_and_the_first_decides(void **state) {
    (void)state;
    const char *rules[] = {"drop nth=2", "duplicate every=1", NULL};
    char text[256];
    struct rig rig = rig_make(64, rules);
    run_out(&rig, 3, LA_ACK, 0, text);
    assert_string_equal(text, "1 1 3 3");
    assert_int_equal(la_fault_rule(rig.fault, 0)->done, 1);
    assert_int_equal(la_fault_rule(rig.fault, 1)->seen, 3);
    la_fault_clear(rig.fault);
    assert_null(la_fault_rule(rig.fault, 0));
    run_out(&rig, 2, LA_ACK, 0, text);
    assert_string_equal(text, "1 2");
    rig_end(&rig);
}

/* --- What happens --- */

static void delay_waits_for_its_time(void **state) {
    (void)state;
    for (int in = 0; in < 2; in++) {
        struct rig rig = rig_one("delay nth=1 by=50ms");
        struct la_device *from = in ? rig.far : rig.fault, *to = in ? rig.fault : rig.far;
        struct la_segment one = seg(1, LA_ACK, 5), two = seg(2, LA_ACK, 5);
        assert_int_equal(send_seg(from, &one, LA_MS), 0);
        assert_int_equal(send_seg(from, &two, LA_MS), 0);
        assert_int_equal(recv_seq(to, LA_MS), 2);
        assert_int_equal(recv_seq(to, LA_MS), -LA_EAGAIN);
        assert_true(la_dev_poll_at(rig.fault) == 51 * LA_MS);
        assert_int_equal(recv_seq(rig.fault, 51 * LA_MS - 1), -LA_EAGAIN);
        assert_int_equal(recv_seq(rig.far, 51 * LA_MS - 1), -LA_EAGAIN);
        if (!in) assert_int_equal(recv_seq(rig.fault, 51 * LA_MS), -LA_EAGAIN); /* recv is what drives it. */
        assert_int_equal(recv_seq(to, 51 * LA_MS), 1);
        assert_true(la_dev_poll_at(rig.fault) == LA_NEVER);
        rig_end(&rig);
    }
}

static void packets_delayed_alike_keep_their_order(void **state) {
    (void)state;
    struct rig rig = rig_one("delay by=1ms");
    for (uint32_t i = 1; i <= 20; i++) {
        struct la_segment s = seg(i, LA_ACK, 5);
        assert_int_equal(send_seg(rig.fault, &s, 0), 0);
        assert_int_equal(send_seg(rig.far, &s, 0), 0);
    }
    assert_int_equal(recv_seq(rig.fault, 0), -LA_EAGAIN);
    for (uint32_t i = 1; i <= 20; i++) {
        assert_int_equal(recv_seq(rig.fault, LA_MS), i);
        assert_int_equal(recv_seq(rig.far, LA_MS), i);
    }
    rig_end(&rig);
}

static void duplicate_repeats(void **state) {
    (void)state;
    expect_out("duplicate nth=2", 3, "1 2 2 3");
    expect_out("duplicate nth=2 copies=3", 3, "1 2 2 2 2 3");
    struct rig rig = rig_one("duplicate");
    struct la_segment one = seg(1, LA_ACK, 5), two = seg(2, LA_ACK, 5);
    assert_int_equal(send_seg(rig.far, &one, 0), 0);
    assert_int_equal(send_seg(rig.far, &two, 0), 0);
    static const int expected[] = {1, 1, 2, 2, -LA_EAGAIN};
    for (int i = 0; i < 5; i++) assert_int_equal(recv_seq(rig.fault, 0), expected[i]);
    rig_end(&rig);
}

static void reorder_lets_others_overtake(void **state) {
    (void)state;
    expect_out("reorder nth=1", 4, "2 1 3 4");
    expect_out("reorder nth=1 by=3", 6, "2 3 4 1 5 6");
    expect_out("reorder nth=1..2 by=2", 5, "3 4 1 2 5");
    struct rig rig = rig_one("reorder nth=1 by=2");
    static const int expected[] = {2, 3, 1, 4, -LA_EAGAIN};
    for (uint32_t i = 1; i <= 4; i++) {
        struct la_segment s = seg(i, LA_ACK, 5);
        assert_int_equal(send_seg(rig.far, &s, 0), 0);
    }
    for (int i = 0; i < 5; i++) assert_int_equal(recv_seq(rig.fault, 0), expected[i]);
    rig_end(&rig);
}

static void reorder_does_not_wait_for_ever(void **state) {
    (void)state;
    struct rig rig = rig_one("reorder nth=1 within=30ms");
    struct la_segment one = seg(1, LA_FIN | LA_ACK, 0);
    assert_int_equal(send_seg(rig.fault, &one, 0), 0);
    assert_int_equal(recv_seq(rig.far, 0), -LA_EAGAIN);
    assert_true(la_dev_poll_at(rig.fault) == 30 * LA_MS);
    assert_int_equal(recv_seq(rig.fault, 30 * LA_MS), -LA_EAGAIN);
    assert_int_equal(recv_seq(rig.far, 30 * LA_MS), 1);
    rig_end(&rig);
}

static unsigned bits_between(const uint8_t *a, const uint8_t *b, size_t from, size_t to) {
    unsigned n = 0;
    for (size_t i = from; i < to; i++)
        for (unsigned x = a[i] ^ b[i]; x; x >>= 1) n += x & 1;
    return n;
}

/* Corrupts a segment many times; the flips stay in their place, are as many as asked, and the checksum tells. */
static void expect_corrupt(const char *text, const struct la_segment *s, unsigned bits, size_t from, size_t to) {
    const char *rules[] = {text, NULL};
    struct rig rig = rig_make(1, rules);
    uint8_t sent[1600];
    size_t len = build(s, sent);
    for (int i = 0; i < 400; i++) {
        struct la_span span;
        struct la_segment parsed;
        assert_int_equal(send_seg(rig.fault, s, 0), 0);
        assert_int_equal(la_dev_recv(rig.far, &span, 0), 0);
        assert_int_equal(span.len, len);
        assert_int_equal(bits_between(sent, span.data, 0, len), bits);
        assert_int_equal(bits_between(sent, span.data, from, to), bits);
        assert_true(!la_segment_parse(LA_LINK_IP, span.data, span.len, &parsed) || !parsed.csum_ok);
    }
    rig_end(&rig);
}

static void corruption_is_in_its_place_and_always_noticed(void **state) {
    (void)state;
    struct la_segment s = seg(1, LA_ACK, 101);
    expect_corrupt("corrupt", &s, 1, 20, 141);
    expect_corrupt("corrupt at=header", &s, 1, 20, 40);
    expect_corrupt("corrupt at=payload", &s, 1, 40, 141);
    expect_corrupt("corrupt at=header bits=15", &s, 15, 20, 40);
    s = seg(1, LA_ACK, 0);
    expect_corrupt("corrupt at=payload", &s, 1, 20, 40); /* None: the header instead. */
    assert_true(la_addr_parse("2001:db8::1", &s.src.addr));
    assert_true(la_addr_parse("2001:db8::2", &s.dst.addr));
    s.len = 64;
    expect_corrupt("corrupt bits=3", &s, 3, 40, 124);
}

/* --- Push-back and memory --- */

static void push_back_behind_the_faults_loses_and_repeats_nothing(void **state) {
    (void)state;
    const char *rules[] = {"duplicate nth=2", "drop nth=4", NULL};
    struct rig rig = rig_make(1, rules);
    static const int64_t expected[] = {1, 2, 2, 3, 5, 6};
    uint32_t next = 1;
    for (int got = 0; got < 6;) {
        struct la_segment s = seg(next, LA_ACK, 5);
        int rc = next <= 6 ? send_seg(rig.fault, &s, 0) : -LA_EAGAIN;
        if (rc == 0) {
            next++;
            continue;
        }
        assert_int_equal(rc, -LA_EAGAIN);
        assert_int_equal(recv_seq(rig.far, 0), expected[got++]);
        recv_seq(rig.fault, 0);
    }
    assert_int_equal(la_fault_rule(rig.fault, 1)->seen, 6);
    assert_int_equal(recv_seq(rig.far, 0), -LA_EAGAIN);
    rig_end(&rig);
}

static void a_device_that_pushes_back_says_so(void **state) {
    (void)state;
    struct rig rig = rig_one("delay by=1ms");
    struct la_segment s = seg(1, LA_ACK, 5);
    for (int i = 0; i < 70; i++) assert_int_equal(send_seg(rig.fault, &s, 0), 0);
    assert_int_equal(recv_seq(rig.fault, LA_MS), -LA_EAGAIN); /* 64 have left; 6 wait for the wire. */
    assert_true(rig.fault->full);
    assert_true(la_dev_poll_at(rig.fault) == LA_NEVER);
    assert_int_equal(send_seg(rig.fault, &s, LA_MS), -LA_EAGAIN);
    for (int i = 0; i < 64; i++) assert_int_equal(recv_seq(rig.far, LA_MS), 1);
    assert_int_equal(recv_seq(rig.fault, LA_MS), -LA_EAGAIN);
    assert_false(rig.fault->full);
    for (int i = 0; i < 6; i++) assert_int_equal(recv_seq(rig.far, LA_MS), 1);
    assert_int_equal(recv_seq(rig.far, LA_MS), -LA_EAGAIN);
    rig_end(&rig);
}

static void without_memory_packets_pass_unharmed(void **state) {
    (void)state;
    for (unsigned n = 1; n < 12; n++) {
        struct oom oom;
        oom_init(&oom);
        oom.fail_at = n;
        struct la_allocator alloc = oom_allocator(&oom);
        struct la_device *end[2], *fault;
        struct la_fault_rule rule = {.action = LA_FAULT_DELAY, .delay = LA_MS};
        unsigned arrived = 0;
        assert_int_equal(la_loop_open(NULL, LA_LINK_IP, 1500, 64, end), 0);
        int rc = la_fault_around(&alloc, end[0], 1, &fault);
        if (n == 1) {
            assert_int_equal(rc, -LA_ENOMEM);
            la_dev_close(end[0]);
            la_dev_close(end[1]);
            continue;
        }
        assert_int_equal(la_fault_add(fault, &rule), 0);
        for (uint32_t i = 0; i < 5; i++) {
            struct la_segment s = seg(i, LA_ACK, 5);
            assert_int_equal(send_seg(fault, &s, 0), 0);
        }
        recv_seq(fault, LA_MS);
        while (recv_seq(end[1], LA_MS) >= 0) arrived++;
        assert_int_equal(arrived, 5);
        la_dev_close(fault);
        la_dev_close(end[1]);
        assert_int_equal(oom.bytes, 0);
    }
}

static void rules_have_a_bound_and_are_checked(void **state) {
    (void)state;
    struct rig rig = rig_make(4, NULL);
    struct la_fault_rule rule = {.action = LA_FAULT_DROP};
    for (int i = 0; i < LA_FAULT_RULES; i++) assert_int_equal(la_fault_add(rig.fault, &rule), i);
    assert_int_equal(la_fault_add(rig.fault, &rule), -LA_ENOBUFS);
    la_fault_clear(rig.fault);
    rule = (struct la_fault_rule){.first = 3, .last = 2};
    assert_int_equal(la_fault_add(rig.fault, &rule), -LA_EINVAL);
    rule = (struct la_fault_rule){.action = LA_FAULT_CORRUPT, .bits = 16};
    assert_int_equal(la_fault_add(rig.fault, &rule), -LA_EINVAL);
    rule = (struct la_fault_rule){.flags_all = LA_SYN, .flags_none = LA_SYN};
    assert_int_equal(la_fault_add(rig.fault, &rule), -LA_EINVAL);
    rig_end(&rig);
}

/* --- Text --- */

static void a_rule_and_its_text_are_the_same(void **state) {
    (void)state;
    static const char *const text[] = {
        "drop",
        "drop nth=1 flags=FIN dir=out port=80",
        "drop nth=3..7",
        "drop nth=3..",
        "drop every=10",
        "drop p=0.020000",
        "drop flags=FIN+!SYN+ACK+!AE data=yes dir=in",
        "delay data=no src=10.0.0.1 sport=1 dst=10.0.0.2 dport=65535 by=50ms",
        "delay by=3s",
        "delay by=1500000001ns",
        "reorder host=2001:db8::1 port=443 by=3 within=100ms",
        "duplicate proto=any copies=2",
        "corrupt bits=15 at=header",
        "corrupt at=payload",
    };
    for (size_t i = 0; i < sizeof text / sizeof *text; i++) {
        struct la_fault_rule rule;
        char error[256], again[256];
        if (!la_fault_parse(text[i], &rule, error, sizeof error)) fail_msg("%s: %s", text[i], error);
        assert_string_equal(error, "");
        assert_int_equal(la_fault_text(&rule, again, sizeof again), strlen(text[i]));
        assert_string_equal(again, text[i]);
        char little[5];
        assert_int_equal(la_fault_text(&rule, little, sizeof little), strlen(text[i]));
        assert_int_equal(strlen(little), 4);
        assert_int_equal(la_fault_text(&rule, NULL, 0), strlen(text[i]));
    }
}

static void text_becomes_the_rule_it_says(void **state) {
    (void)state;
    struct la_fault_rule rule;
    assert_true(la_fault_parse("\tcorrupt  p=2.5% every=3\nflags=!RST nth=2..9 ", &rule, NULL, 0));
    assert_int_equal(rule.action, LA_FAULT_CORRUPT);
    assert_int_equal(rule.ppm, 25000);
    assert_int_equal(rule.every, 3);
    assert_int_equal(rule.flags_all, 0);
    assert_int_equal(rule.flags_none, LA_RST);
    assert_int_equal(rule.first, 2);
    assert_int_equal(rule.last, 9);
}

static void wrong_text_is_told_where_and_why(void **state) {
    (void)state;
    static const struct {
        const char *text, *says;
    } row[] = {
        {"", "no rule"},
        {"lose nth=1", "word 1, \"lose\": expected drop"},
        {"drop first", "word 2, \"first\": expected key=value"},
        {"drop dir=out prt=80", "word 3, \"prt=80\": unknown key; known are nth"},
        {"drop nth=0", "word 2, \"nth=0\": expected a number from 1"},
        {"drop nth=7..3", "word 2, \"nth=7..3\""},
        {"drop nth=", "word 2, \"nth=\""},
        {"drop nth=99999999999999999999", "word 2"},
        {"drop every=0", "word 2"},
        {"drop p=0", "a probability such as 0.02"},
        {"drop p=101%", "a probability"},
        {"drop p=1.5", "a probability"},
        {"drop p=x", "a probability"},
        {"drop flags=", "FIN, SYN, RST"},
        {"drop flags=FIN+FOO", "FIN, SYN, RST"},
        {"drop flags=FIN+!FIN", "FIN, SYN, RST"},
        {"drop data=maybe", "yes or no"},
        {"drop dir=up", "in or out"},
        {"drop port=0", "a port from 1"},
        {"drop port=65536", "a port from 1"},
        {"drop host=10.0.0", "an IP address"},
        {"drop proto=udp", "tcp or any"},
        {"drop by=50ms", "no other action has it"},
        {"delay by=50", "a time such as 50ms"},
        {"delay by=ms", "a time such as 50ms"},
        {"reorder by=50ms", "a number of packets with reorder"},
        {"delay within=5ms", "only reorder"},
        {"drop copies=2", "only duplicate"},
        {"corrupt bits=16", "1 to 15"},
        {"drop at=header", "only corrupt"},
        {"corrupt at=trailer", "header or payload"},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct la_fault_rule rule;
        char error[256];
        if (la_fault_parse(row[i].text, &rule, error, sizeof error)) fail_msg("accepted: %s", row[i].text);
        if (!strstr(error, row[i].says)) fail_msg("%s: %s", row[i].text, error);
    }
}

/* A unit of five segments of ten bytes, each named by its sequence number: 1, 11, 21, 31, 41. */
static int send_unit(struct la_device *device) {
    uint8_t bytes[1600];
    struct la_segment s = seg(1, LA_ACK, 50);
    struct la_packet unit = {.len = build(&s, bytes), .nspans = 1, .segment = 10, .csum_partial = true};
    unit.span[0] = (struct la_span){bytes, unit.len};
    return la_dev_send(device, &unit, 0);
}

static void rules_see_the_packets_of_a_unit(void **state) {
    (void)state;
    for (int in = 0; in < 2; in++) {
        static const int64_t left[] = {1, 11, 31, 41, -LA_EAGAIN};
        struct la_device *end[2], *fault;
        struct la_fault_rule rule = {.action = LA_FAULT_DROP, .first = 3, .last = 3};
        assert_int_equal(la_loop_open_offload(NULL, LA_LINK_IP, 1500, 8, end), 0);
        assert_int_equal(la_fault_around(NULL, end[0], 1, &fault), 0);
        assert_int_equal(la_dev_iface(fault).gso_max, la_dev_iface(end[0]).gso_max);
        assert_int_equal(la_fault_add(fault, &rule), 0);
        assert_int_equal(send_unit(in ? end[1] : fault), 0);
        struct la_device *to = in ? fault : end[1];
        for (unsigned i = 0; i < 5; i++) {
            assert_int_equal(recv_seq(to, 0), left[i]);
            assert_false(to->segment || to->csum_done);
        }
        la_fault_clear(fault); /* Without rules nothing is cut. */
        assert_int_equal(send_unit(in ? end[1] : fault), 0);
        assert_int_equal(recv_seq(to, 0) % 100000, 1);
        assert_int_equal(to->segment, 10);
        assert_true(to->csum_done);
        la_dev_close(fault);
        la_dev_close(end[1]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_see_the_packets_of_a_unit),
        cmocka_unit_test(the_counts_choose_which_of_the_matching),
        cmocka_unit_test(a_probability_is_met_and_a_seed_repeats_it),
        cmocka_unit_test(directions_match),
        cmocka_unit_test(flags_match_all_of_and_none_of),
        cmocka_unit_test(data_matches),
        cmocka_unit_test(connections_match),
        cmocka_unit_test(what_is_not_tcp_matches_only_proto_any),
        cmocka_unit_test(all_rules_count_and_the_first_decides),
        cmocka_unit_test(delay_waits_for_its_time),
        cmocka_unit_test(packets_delayed_alike_keep_their_order),
        cmocka_unit_test(duplicate_repeats),
        cmocka_unit_test(reorder_lets_others_overtake),
        cmocka_unit_test(reorder_does_not_wait_for_ever),
        cmocka_unit_test(corruption_is_in_its_place_and_always_noticed),
        cmocka_unit_test(push_back_behind_the_faults_loses_and_repeats_nothing),
        cmocka_unit_test(a_device_that_pushes_back_says_so),
        cmocka_unit_test(without_memory_packets_pass_unharmed),
        cmocka_unit_test(rules_have_a_bound_and_are_checked),
        cmocka_unit_test(a_rule_and_its_text_are_the_same),
        cmocka_unit_test(text_becomes_the_rule_it_says),
        cmocka_unit_test(wrong_text_is_told_where_and_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
