/* TCP segments: fields, every option, malformed options, truncation at every length, every layout as literal bytes, and
 * random options that must come back. */
#include "wire/tcp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "exact.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct tcp_option_layout linux_layout = {
    .order = {TCPOPT_MSS, TCPOPT_SACK_OK, TCPOPT_TS, TCPOPT_ACCECN0, TCPOPT_WSCALE, TCPOPT_SACK, TCPOPT_FASTOPEN},
};
static const struct tcp_option_layout freebsd_layout = {
    .order = {TCPOPT_MSS, TCPOPT_WSCALE, TCPOPT_SACK_OK, TCPOPT_TS, TCPOPT_ACCECN0, TCPOPT_SACK, TCPOPT_FASTOPEN},
    .eol_padding = true,
};

/* Shorthand for literal option bytes. */
#define NOP 1
#define EOL 0
#define MSS_1460 2, 4, 0x05, 0xb4
#define WSCALE_7 3, 3, 7
#define SACK_OK 4, 2
#define TS_1_2 8, 10, 0, 0, 0, 1, 0, 0, 0, 2
#define COUNTERS 1, 2, 3, 4, 5, 6, 7, 8, 9
#define BLOCK(a, b) 0, 0, 0, a, 0, 0, 0, b

/* --- Parse --- */

/* A header with the given options, padded by nobody. */
static size_t segment_with(uint8_t *to, const uint8_t *options, size_t len) {
    memset(to, 0, TCP_LEN);
    to[12] = (uint8_t)((TCP_LEN + len) / 4 << 4);
    to[13] = TCP_ACK;
    if (len) memcpy(to + TCP_LEN, options, len);
    return TCP_LEN + len;
}

static bool parse(const uint8_t *data, size_t len, struct tcp_seg *s) {
    uint8_t *copy = exact(data, len);
    memset(s, 0xa5, sizeof *s);
    bool ok = tcp_parse(copy, len, s);
    free(copy);
    return ok;
}

static bool parse_options(const uint8_t *options, size_t len, struct tcp_options *o) {
    uint8_t bytes[TCP_LEN_MAX];
    struct tcp_seg s;
    bool ok = parse(bytes, segment_with(bytes, options, len), &s);
    *o = s.opt;
    return ok;
}

static bool same_options(const struct tcp_options *a, const struct tcp_options *b) {
    if (a->has_mss != b->has_mss || (a->has_mss && a->mss != b->mss)) return false;
    if (a->has_wscale != b->has_wscale || (a->has_wscale && a->wscale != b->wscale)) return false;
    if (a->has_ts != b->has_ts || (a->has_ts && (a->ts_val != b->ts_val || a->ts_ecr != b->ts_ecr))) return false;
    if (a->sack_ok != b->sack_ok || a->nsack != b->nsack) return false;
    if (a->has_accecn != b->has_accecn || a->accecn1 != b->accecn1 || a->naccecn != b->naccecn) return false;
    for (unsigned i = 0; i < a->naccecn; i++)
        if (a->accecn[i] != b->accecn[i]) return false;
    for (unsigned i = 0; i < a->nsack; i++) {
        if (!seq_eq(a->sack[i].from, b->sack[i].from) || !seq_eq(a->sack[i].to, b->sack[i].to)) return false;
    }
    if (a->has_fastopen != b->has_fastopen) return false;
    return !a->has_fastopen ||
           (a->fastopen_len == b->fastopen_len && memcmp(a->fastopen, b->fastopen, a->fastopen_len) == 0);
}

static void a_plain_header(void **state) {
    (void)state;
    static const uint8_t bytes[] = {0x12, 0x34, 0x00, 0x50, 0xde, 0xad, 0xbe, 0xef, 0x01, 0x02, 0x03,
                                    0x04, 0x51, 0xff, 0xfa, 0xce, 0xaa, 0xbb, 0x00, 0x07, 'h',  'i'};
    struct tcp_seg s;
    assert_true(tcp_parse(bytes, sizeof bytes, &s));
    assert_int_equal(s.src_port, 0x1234);
    assert_int_equal(s.dst_port, 80);
    assert_int_equal(s.seq.n, 0xdeadbeef);
    assert_int_equal(s.ack.n, 0x01020304);
    assert_int_equal(s.flags, 0x1ff);
    assert_int_equal(s.wnd, 0xface);
    assert_int_equal(s.urg, 7);
    assert_ptr_equal(s.data.data, bytes + TCP_LEN);
    assert_int_equal(s.data.len, 2);
    assert_int_equal(tcp_seg_len(&s), 4);
    struct tcp_options none = {0};
    assert_true(same_options(&s.opt, &none));
}

static void truncated_at_every_length(void **state) {
    (void)state;
    static const uint8_t options[] = {MSS_1460, SACK_OK, TS_1_2, NOP, WSCALE_7};
    uint8_t bytes[TCP_LEN_MAX];
    struct tcp_seg s;
    size_t header = segment_with(bytes, options, sizeof options);
    for (size_t len = 0; len < header; len++) assert_false(parse(bytes, len, &s));
    assert_true(parse(bytes, header, &s));
}

static void every_data_offset(void **state) {
    (void)state;
    uint8_t bytes[40];
    struct tcp_seg s;
    memset(bytes, NOP, sizeof bytes);
    for (unsigned words = 0; words < 16; words++) {
        bytes[12] = (uint8_t)(words << 4);
        bool want = words >= 5 && words <= 10;
        assert_int_equal(parse(bytes, sizeof bytes, &s), want);
        if (want) assert_int_equal(s.data.len, sizeof bytes - 4 * (size_t)words);
    }
}

static void every_option(void **state) {
    (void)state;
    static const uint8_t options[] = {MSS_1460, NOP, WSCALE_7, SACK_OK, TS_1_2, 34, 6, 1, 2, 3, 4, 5, 10, BLOCK(1, 2)};
    struct tcp_options o;
    static const uint8_t cookie[] = {1, 2, 3, 4};
    assert_true(parse_options(options, sizeof options, &o));
    assert_true(o.has_mss && o.has_wscale && o.sack_ok && o.has_ts && o.has_fastopen);
    assert_int_equal(o.mss, 1460);
    assert_int_equal(o.wscale, 7);
    assert_int_equal(o.ts_val, 1);
    assert_int_equal(o.ts_ecr, 2);
    assert_int_equal(o.fastopen_len, 4);
    assert_memory_equal(o.fastopen, cookie, 4);
    assert_int_equal(o.nsack, 1);
    assert_int_equal(o.sack[0].from.n, 1);
    assert_int_equal(o.sack[0].to.n, 2);
}

static void the_short_way_agrees_with_the_loop(void **state) {
    (void)state;
    static const uint8_t short_way[] = {NOP, NOP, TS_1_2};
    static const uint8_t loops[][12] = {{TS_1_2, NOP, NOP}, {TS_1_2, EOL, EOL}, {NOP, TS_1_2, NOP}};
    struct tcp_options a, b;
    assert_true(parse_options(short_way, sizeof short_way, &a));
    assert_true(a.has_ts);
    assert_int_equal(a.ts_val, 1);
    assert_int_equal(a.ts_ecr, 2);
    for (size_t i = 0; i < COUNT(loops); i++) {
        assert_true(parse_options(loops[i], 12, &b));
        assert_true(same_options(&a, &b));
    }
}

static void sack_of_one_to_four_blocks(void **state) {
    (void)state;
    for (unsigned n = 1; n <= 4; n++) {
        uint8_t options[TCP_OPTIONS_MAX] = {5, (uint8_t)(2 + 8 * n)};
        struct tcp_options o;
        for (unsigned i = 0; i < 2 * n; i++) put32(options + 2 + 4 * (size_t)i, 100 + i);
        assert_true(parse_options(options, 4 + 8 * (size_t)n, &o));
        assert_int_equal(o.nsack, n);
        for (unsigned i = 0; i < n; i++) {
            assert_int_equal(o.sack[i].from.n, 100 + 2 * i);
            assert_int_equal(o.sack[i].to.n, 101 + 2 * i);
        }
    }
}

static void nothing_is_read_behind_eol(void **state) {
    (void)state;
    static const uint8_t options[] = {NOP, EOL, 2, 0, 8, 1, 255, 255};
    struct tcp_options o, none = {0};
    assert_true(parse_options(options, sizeof options, &o));
    assert_true(same_options(&o, &none));
}

static void of_repeated_options_the_last_counts(void **state) {
    (void)state;
    static const uint8_t options[] = {2, 4, 0, 1, 2, 4, 0, 2, 3, 3, 1, 3, 3, 2, NOP, NOP};
    struct tcp_options o;
    assert_true(parse_options(options, sizeof options, &o));
    assert_int_equal(o.mss, 2);
    assert_int_equal(o.wscale, 2);
}

static void malformed_options(void **state) {
    (void)state;
    static const struct {
        uint8_t bytes[8];
        size_t len;
    } bad[] = {
        {{2, 0, 0, 0}, 4},                   /* Length 0: must not loop. */
        {{2, 1, 0, 0}, 4},                   /* Length 1. */
        {{2, 5, 0, 0}, 4},                   /* One byte beyond. */
        {{8, 10, 0, 0, 0, 0, 0, 0}, 8},      /* TS cut short. */
        {{NOP, NOP, NOP, 2}, 4},             /* A kind without a length. */
        {{NOP, NOP, NOP, 99}, 4},            /* The same, unknown. */
        {{99, 255, 0, 0}, 4},                /* Unknown, beyond. */
        {{99, 0, 0, 0}, 4},                  /* Unknown, length 0. */
        {{2, 4, 5, 0xb4, 99, 1, NOP, 0}, 8}, /* Something good before it. */
        {{5, 10, 0, 0, 0, 0, 0, 0}, 8},
        {{34, 9, 0, 0, 0, 0, 0, 0}, 8},
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct tcp_options o;
        assert_false(parse_options(bad[i].bytes, bad[i].len, &o));
    }
}

static void known_options_of_foreign_length_are_skipped(void **state) {
    (void)state;
    static const uint8_t kinds[] = {TCPOPT_MSS,     TCPOPT_WSCALE, TCPOPT_SACK_OK, TCPOPT_TS,
                                    TCPOPT_ACCECN0, TCPOPT_SACK,   TCPOPT_FASTOPEN};
    for (size_t i = 0; i < sizeof kinds; i++) {
        for (uint8_t len = 2; len <= 36; len++) {
            uint8_t options[TCP_OPTIONS_MAX];
            struct tcp_options o;
            memset(options, NOP, sizeof options);
            options[0] = kinds[i];
            options[1] = len;
            options[len] = TCPOPT_WSCALE; /* Shows that the loop went on at the right place. */
            options[len + 1] = 3;
            options[len + 2] = 9;
            assert_true(parse_options(options, sizeof options, &o));
            assert_true(o.has_wscale);
            assert_int_equal(o.wscale, 9);
            assert_int_equal(o.has_mss, kinds[i] == TCPOPT_MSS && len == 4);
            assert_int_equal(o.sack_ok, kinds[i] == TCPOPT_SACK_OK && len == 2);
            assert_int_equal(o.has_ts, kinds[i] == TCPOPT_TS && len == 10);
            assert_int_equal(o.nsack, kinds[i] == TCPOPT_SACK && len > 2 && len % 8 == 2 ? len / 8 : 0);
            bool cookie = len == 2 || (len >= 6 && len <= 18 && len % 2 == 0);
            assert_int_equal(o.has_fastopen, kinds[i] == TCPOPT_FASTOPEN && cookie);
        }
    }
}

static void unknown_options_are_skipped(void **state) {
    (void)state;
    static const uint8_t options[] = {99, 3, 0, 253, 2, 19, 4, 0, 0, MSS_1460, 30, 3, 8};
    struct tcp_options o;
    assert_true(parse_options(options, sizeof options, &o));
    assert_int_equal(o.mss, 1460);
}

static void any_bytes_end(void **state) {
    (void)state;
    uint32_t seed = 77;
    for (int round = 0; round < 100000; round++) {
        uint8_t bytes[TCP_LEN_MAX + 4];
        struct tcp_seg s;
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (uint8_t)((stream_next(&seed) >> 9) % (round & 1 ? 12 : 255));
        bytes[12] = (uint8_t)(bytes[12] << 4);
        parse(bytes, stream_next(&seed) % (sizeof bytes + 1), &s);
    }
}

/* --- Checksum --- */

static void the_checksum(void **state) {
    (void)state;
    struct la_addr src = la_addr4(10, 0, 0, 1), dst = la_addr4(10, 0, 0, 2);
    uint8_t bytes[TCP_LEN + 5] = {0,    80, 0x10, 0, 0, 0, 0, 1,   0,   0,   0,   2,  0x50,
                                  0x18, 1,  0,    0, 0, 0, 0, 'h', 'e', 'l', 'l', 'o'};
    struct csum c = {0, 0};
    wire_pseudo(&c, &src, &dst, PROTO_TCP, sizeof bytes);
    csum_add(&c, bytes, sizeof bytes);
    put16(bytes + 16, csum_finish(&c));
    assert_true(tcp_csum_ok(bytes, sizeof bytes, &src, &dst));
    for (unsigned bit = 0; bit < 8 * sizeof bytes; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(tcp_csum_ok(bytes, sizeof bytes, &src, &dst));
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_false(tcp_csum_ok(bytes, sizeof bytes - 1, &src, &dst));
    struct la_addr other = la_addr4(10, 0, 0, 3);
    assert_false(tcp_csum_ok(bytes, sizeof bytes, &src, &other));
}

/* --- Layouts --- */

/* RFC 9768, 3.2.3: whole counters count, what is left is padding. */
static void counters_of_any_length(void **state) {
    (void)state;
    for (uint8_t len = 2; len <= 20; len++) {
        uint8_t bytes[TCP_LEN + 20], options[20] = {TCPOPT_ACCECN1, len};
        struct tcp_seg s;
        for (uint8_t i = 2; i < len; i++) options[i] = (uint8_t)(i - 1); /* Behind it, EOL. */
        assert_true(tcp_parse(bytes, segment_with(bytes, options, sizeof options), &s));
        assert_true(s.opt.has_accecn && s.opt.accecn1);
        assert_int_equal(s.opt.naccecn, len < 5 ? 0 : len < 8 ? 1 : len < 11 ? 2 : 3);
        if (len >= 11) assert_true(s.opt.accecn[0] == 0x10203 && s.opt.accecn[2] == 0x70809);
    }
}

#define ACCECN(order1, n) .has_accecn = true, .accecn1 = (order1), .naccecn = (n), .accecn = {0x10203, 0x40506, 0x70809}

struct layout_case {
    const struct tcp_option_layout *layout;
    struct tcp_options o;
    uint8_t bytes[TCP_OPTIONS_MAX];
    size_t len;
};

#define OPT(...)                                                                                                       \
    { __VA_ARGS__ }
#define HAS_MSS .has_mss = true, .mss = 1460
#define HAS_WSCALE .has_wscale = true, .wscale = 7
#define HAS_TS .has_ts = true, .ts_val = 1, .ts_ecr = 2

static const struct layout_case layouts[] = {
    /* None. */
    {&linux_layout, OPT(.mss = 9), {0}, 0},
    {&freebsd_layout, OPT(.mss = 9), {0}, 0},
    /* SYN: everything, and without each. */
    {&linux_layout, OPT(HAS_MSS, HAS_WSCALE, .sack_ok = true, HAS_TS), {MSS_1460, SACK_OK, TS_1_2, NOP, WSCALE_7}, 20},
    {&linux_layout, OPT(HAS_MSS, HAS_WSCALE, .sack_ok = true), {MSS_1460, NOP, NOP, SACK_OK, NOP, WSCALE_7}, 12},
    {&linux_layout, OPT(HAS_MSS, HAS_WSCALE, HAS_TS), {MSS_1460, NOP, NOP, TS_1_2, NOP, WSCALE_7}, 20},
    {&linux_layout, OPT(HAS_MSS, .sack_ok = true, HAS_TS), {MSS_1460, SACK_OK, TS_1_2}, 16},
    {&linux_layout, OPT(HAS_MSS), {MSS_1460}, 4},
    {&linux_layout, OPT(HAS_WSCALE), {NOP, WSCALE_7}, 4},
    {&linux_layout, OPT(.sack_ok = true), {NOP, NOP, SACK_OK}, 4},
    {&linux_layout, OPT(HAS_MSS, .has_fastopen = true), {MSS_1460, 34, 2, NOP, NOP}, 8},
    {&linux_layout,
     OPT(HAS_MSS, .has_fastopen = true, .fastopen_len = 4, .fastopen = {1, 2, 3, 4}),
     {MSS_1460, 34, 6, 1, 2, 3, 4, NOP, NOP},
     12},
    {&linux_layout, OPT(HAS_MSS, .has_fastopen = true, .fastopen_exp = true), {MSS_1460, 254, 4, 0xf9, 0x89}, 8},
    {&freebsd_layout, OPT(HAS_MSS, .has_fastopen = true), {MSS_1460, 34, 2, EOL, EOL}, 8},
    {&freebsd_layout,
     OPT(HAS_MSS, HAS_WSCALE, .sack_ok = true, HAS_TS),
     {MSS_1460, NOP, WSCALE_7, SACK_OK, TS_1_2},
     20},
    {&freebsd_layout, OPT(HAS_MSS, HAS_WSCALE, .sack_ok = true), {MSS_1460, NOP, WSCALE_7, SACK_OK, EOL, EOL}, 12},
    {&freebsd_layout, OPT(HAS_MSS, HAS_WSCALE, HAS_TS), {MSS_1460, NOP, WSCALE_7, NOP, NOP, TS_1_2}, 20},
    {&freebsd_layout, OPT(HAS_MSS, .sack_ok = true, HAS_TS), {MSS_1460, SACK_OK, TS_1_2}, 16},
    {&freebsd_layout, OPT(HAS_MSS), {MSS_1460}, 4},
    {&freebsd_layout, OPT(HAS_WSCALE), {NOP, WSCALE_7}, 4},
    {&freebsd_layout, OPT(.sack_ok = true), {SACK_OK, EOL, EOL}, 4},
    /* Data. */
    {&linux_layout,
     OPT(HAS_MSS, HAS_WSCALE, .sack_ok = true, ACCECN(true, 3)),
     {MSS_1460, 174, 11, COUNTERS, NOP, NOP, NOP, SACK_OK, NOP, WSCALE_7},
     24},
    {&linux_layout,
     OPT(HAS_MSS, HAS_WSCALE, .sack_ok = true, HAS_TS, ACCECN(false, 1)),
     {MSS_1460, SACK_OK, TS_1_2, 172, 5, 1, 2, 3, WSCALE_7},
     24},
    {&linux_layout, OPT(ACCECN(true, 0)), {174, 2, NOP, NOP}, 4},
    {&linux_layout, OPT(HAS_TS, ACCECN(false, 2)), {NOP, NOP, TS_1_2, 172, 8, 1, 2, 3, 4, 5, 6}, 20},
    {&freebsd_layout, OPT(HAS_TS, ACCECN(false, 1)), {NOP, NOP, TS_1_2, 172, 5, 1, 2, 3, EOL, EOL, EOL}, 20},
    {&linux_layout, OPT(HAS_TS), {NOP, NOP, TS_1_2}, 12},
    {&freebsd_layout, OPT(HAS_TS), {NOP, NOP, TS_1_2}, 12},
    {&linux_layout, OPT(.nsack = 1, .sack = {{{1}, {2}}}), {NOP, NOP, 5, 10, BLOCK(1, 2)}, 12},
    {&freebsd_layout, OPT(.nsack = 1, .sack = {{{1}, {2}}}), {NOP, NOP, 5, 10, BLOCK(1, 2)}, 12},
    {&linux_layout,
     OPT(HAS_TS, .nsack = 2, .sack = {{{1}, {2}}, {{3}, {4}}}),
     {NOP, NOP, TS_1_2, NOP, NOP, 5, 18, BLOCK(1, 2), BLOCK(3, 4)},
     32},
    {&freebsd_layout,
     OPT(HAS_TS, .nsack = 2, .sack = {{{1}, {2}}, {{3}, {4}}}),
     {NOP, NOP, TS_1_2, NOP, NOP, 5, 18, BLOCK(1, 2), BLOCK(3, 4)},
     32},
    /* Four blocks fit alone; with TS the last is left out. */
    {&linux_layout,
     OPT(.nsack = 4, .sack = {{{1}, {2}}, {{3}, {4}}, {{5}, {6}}, {{7}, {8}}}),
     {NOP, NOP, 5, 34, BLOCK(1, 2), BLOCK(3, 4), BLOCK(5, 6), BLOCK(7, 8)},
     36},
    {&linux_layout,
     OPT(HAS_TS, .nsack = 4, .sack = {{{1}, {2}}, {{3}, {4}}, {{5}, {6}}, {{7}, {8}}}),
     {NOP, NOP, TS_1_2, NOP, NOP, 5, 26, BLOCK(1, 2), BLOCK(3, 4), BLOCK(5, 6)},
     40},
};

static void every_layout_as_bytes(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(layouts); i++) {
        const struct layout_case *c = &layouts[i];
        struct tcp_seg s = {.flags = TCP_ACK, .opt = c->o}, back;
        uint8_t bytes[TCP_LEN_MAX];
        struct writer w = writer_of(bytes, sizeof bytes);
        assert_int_equal(tcp_options_len(&c->o, c->layout), c->len);
        assert_int_equal(tcp_build(&w, &s, c->layout), TCP_LEN + c->len);
        assert_int_equal(writer_len(&w), TCP_LEN + c->len);
        assert_int_equal(bytes[12] >> 4, (TCP_LEN + c->len) / 4);
        assert_memory_equal(bytes + TCP_LEN, c->bytes, c->len);
        assert_true(parse(bytes, TCP_LEN + c->len, &back));
        /* What was left out for lack of room is the end of the SACK blocks. */
        assert_true(back.opt.nsack <= s.opt.nsack);
        s.opt.nsack = back.opt.nsack;
        assert_true(same_options(&s.opt, &back.opt));
    }
}

static void options_not_named_are_not_written(void **state) {
    (void)state;
    static const struct tcp_option_layout only_mss = {.order = {TCPOPT_MSS}}, nothing = {.order = {0}};
    struct tcp_options o = OPT(HAS_MSS, HAS_WSCALE, .sack_ok = true, HAS_TS), ts = OPT(HAS_TS);
    assert_int_equal(tcp_options_len(&o, &only_mss), 4);
    assert_int_equal(tcp_options_len(&o, &nothing), 0);
    assert_int_equal(tcp_options_len(&ts, &only_mss), 0);
    uint8_t bytes[TCP_LEN];
    struct writer w = writer_of(bytes, sizeof bytes);
    assert_int_equal(tcp_build(&w, &(struct tcp_seg){.opt = ts}, &only_mss), TCP_LEN);
}

static void no_room_to_build(void **state) {
    (void)state;
    static const struct tcp_options sets[] = {{0}, OPT(HAS_TS), OPT(HAS_MSS, HAS_WSCALE)};
    for (size_t i = 0; i < COUNT(sets); i++) {
        struct tcp_seg s = {.opt = sets[i]};
        size_t need = TCP_LEN + tcp_options_len(&sets[i], &linux_layout);
        for (size_t len = 0; len < need; len++) {
            uint8_t before[TCP_LEN_MAX];
            memset(before, 0xcc, sizeof before);
            uint8_t *out = exact(before, len);
            struct writer w = writer_of(out, len);
            assert_int_equal(tcp_build(&w, &s, &linux_layout), 0);
            assert_true(w.bad);
            assert_memory_equal(out, before, len);
            free(out);
        }
    }
}

static struct tcp_options random_options(uint32_t *seed) {
    uint32_t bits = stream_next(seed);
    struct tcp_options o = {
        .has_mss = bits & 1,
        .has_wscale = bits & 2,
        .has_ts = bits & 4,
        .sack_ok = bits & 8,
        .has_fastopen = (bits & 48) == 48,
        .mss = (uint16_t)stream_next(seed),
        .wscale = (uint8_t)stream_next(seed),
        .ts_val = stream_next(seed),
        .ts_ecr = stream_next(seed),
        .nsack = (uint8_t)(bits & 64 ? (bits >> 8) % 5 : 0),
    };
    if (bits & 128) o.fastopen_len = (uint8_t)(4 + (bits >> 12) % 7 * 2);
    for (size_t i = 0; i < sizeof o.fastopen; i++) o.fastopen[i] = (uint8_t)stream_next(seed);
    for (size_t i = 0; i < TCP_SACK_MAX; i++) {
        o.sack[i] = (struct tcp_sack){seq_of(stream_next(seed)), seq_of(stream_next(seed))};
    }
    return o;
}

static void random_segments_come_back(void **state) {
    (void)state;
    uint32_t seed = 4242;
    for (int round = 0; round < 100000; round++) {
        struct tcp_seg in = {
            .src_port = (uint16_t)stream_next(&seed),
            .dst_port = (uint16_t)stream_next(&seed),
            .seq = seq_of(stream_next(&seed)),
            .ack = seq_of(stream_next(&seed)),
            .flags = stream_next(&seed) & 0x1ff,
            .wnd = (uint16_t)stream_next(&seed),
            .urg = (uint16_t)stream_next(&seed),
            .opt = random_options(&seed),
        };
        const struct tcp_option_layout *layout = round & 1 ? &linux_layout : &freebsd_layout;
        struct tcp_seg out;
        uint8_t bytes[TCP_LEN_MAX];
        struct writer w = writer_of(bytes, sizeof bytes);
        size_t len = tcp_build(&w, &in, layout);
        assert_int_equal(len, TCP_LEN + tcp_options_len(&in.opt, layout));
        assert_int_equal(len % 4, 0);
        assert_true(parse(bytes, len, &out));
        assert_true(in.src_port == out.src_port && in.dst_port == out.dst_port && in.flags == out.flags);
        assert_true(seq_eq(in.seq, out.seq) && seq_eq(in.ack, out.ack) && in.wnd == out.wnd && in.urg == out.urg);
        /* What did not fit is missing; all else is as it was. */
        if (in.opt.nsack > out.opt.nsack) in.opt.nsack = out.opt.nsack;
        if (!out.opt.has_fastopen) in.opt.has_fastopen = false;
        assert_true(same_options(&in.opt, &out.opt));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_header),
        cmocka_unit_test(truncated_at_every_length),
        cmocka_unit_test(every_data_offset),
        cmocka_unit_test(every_option),
        cmocka_unit_test(counters_of_any_length),
        cmocka_unit_test(the_short_way_agrees_with_the_loop),
        cmocka_unit_test(sack_of_one_to_four_blocks),
        cmocka_unit_test(nothing_is_read_behind_eol),
        cmocka_unit_test(of_repeated_options_the_last_counts),
        cmocka_unit_test(malformed_options),
        cmocka_unit_test(known_options_of_foreign_length_are_skipped),
        cmocka_unit_test(unknown_options_are_skipped),
        cmocka_unit_test(any_bytes_end),
        cmocka_unit_test(the_checksum),
        cmocka_unit_test(every_layout_as_bytes),
        cmocka_unit_test(options_not_named_are_not_written),
        cmocka_unit_test(no_room_to_build),
        cmocka_unit_test(random_segments_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
