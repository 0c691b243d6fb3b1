/* The settings table: complete, consistent, the same field under every name, and documented.
 *
 * With an argument it is the generator: `test_settings doc/settings.md` writes the page that the last test compares. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "settings.h"
#include "tcp/cc.h"

struct fixture {
    struct tcp_params tcp;
    struct ip_settings ip;
    struct settings_index index;
    struct settings s;
};

static struct fixture *fresh(struct fixture *f, const char *profile) {
    memset(f, 0, sizeof(*f));
    settings_index_init(&f->index);
    f->s = (struct settings){&f->tcp, &f->ip, &f->index};
    assert_int_equal(settings_profile(&f->s, profile), 0);
    return f;
}

static int64_t value_of(const struct fixture *f, const char *name) {
    int64_t value = -1;
    assert_int_equal(settings_get(&f->s, name, &value), 0);
    return value;
}

static void set(const struct fixture *f, const char *name, int64_t value) {
    int result = settings_set(&f->s, name, value);
    if (result != 0) fail_msg("%s = %lld gives %d", name, (long long)value, result);
}

/* --- Profiles --- */

static char text_a[64 << 10], text_b[64 << 10];

/* A file of the source tree, two folders above this one. */
static FILE *open_source(const char *name) {
    char path[600];
    const char *folder = strstr(__FILE__, "tests/unit/");
    snprintf(path, sizeof(path), "%.*s%s", folder ? (int)(folder - __FILE__) : 0, __FILE__, name);
    return fopen(path, "rb");
}

static void read_source(const char *name, char *text, size_t size) {
    FILE *file = open_source(name);
    if (!file) fail_msg("%s is missing", name);
    size_t len = fread(text, 1, size - 1, file);
    fclose(file);
    text[len] = 0;
}

/* Every field that `header` declares in `type` has a row "MACRO(field," in the table. */
static unsigned fields_with_rows(const char *header, const char *type, const char *macro) {
    read_source(header, text_a, sizeof(text_a));
    read_source("src/settings_rows.def", text_b, sizeof(text_b));
    read_source("src/settings_path.def", text_b + strlen(text_b), sizeof(text_b) - strlen(text_b));
    unsigned fields = 0;
    char *at = strstr(text_a, type), *end = strstr(at, "\n};");
    for (char *line = strchr(at, '\n'); line < end; line = strchr(line + 1, '\n')) {
        size_t stop = strcspn(line + 1, ";\n");
        if (line[1 + stop] != ';' || strncmp(line + 1, "    /*", 6) == 0) continue;
        /* "    bool a, b" */
        for (char *name = line + 1 + strspn(line + 1, " "); name <= line + stop; name++) {
            size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");
            char row[80];
            snprintf(row, sizeof(row), "%s(%.*s,", macro, (int)len, name);
            if ((name[len] == ',' || name[len] == ';') && ++fields && !strstr(text_b, row)) fail_msg("no row %s", row);
            name += len;
        }
    }
    return fields;
}

static void test_every_field_has_a_row(void **state) {
    (void)state;
    unsigned fields = fields_with_rows("src/tcp/params.h", "struct tcp_params {", "TCP") +
                      fields_with_rows("src/ip/ip.h", "struct ip_settings {", "IP");
    struct fixture f;
    struct la_setting setting;
    int64_t value;
    unsigned rows = 0;
    while (settings_at(&fresh(&f, NULL)->s, rows, &setting, &value)) rows++;
    assert_int_equal(fields, rows);
}

/* What a profile sets does not depend on what was there. */
static void test_a_profile_sets_every_setting(void **state) {
    (void)state;
    struct la_setting setting;
    int64_t a_value, b_value;
    for (unsigned p = 0; settings_profile_name(p); p++) {
        struct fixture a, b;
        fresh(&a, settings_profile_name(p));
        memset(&b, 0xff, sizeof(b));
        b.s = (struct settings){&b.tcp, &b.ip, &a.index};
        assert_int_equal(settings_profile(&b.s, settings_profile_name(p)), 0);
        for (unsigned i = 0; settings_at(&a.s, i, &setting, &a_value); i++) {
            settings_at(&b.s, i, &setting, &b_value);
            assert_int_equal(a_value, b_value);
        }
    }
}

static void test_profile_values_are_within_bounds(void **state) {
    (void)state;
    for (unsigned p = 0; settings_profile_name(p); p++) {
        struct fixture f;
        fresh(&f, settings_profile_name(p));
        struct la_setting setting;
        int64_t value;
        for (unsigned i = 0; settings_at(&f.s, i, &setting, &value); i++) {
            if (value >= setting.min && value <= setting.max) continue;
            assert_string_equal(setting.name, "lastack.tcp_wscale");
            assert_int_equal(value, 255);
        }
    }
}

static void test_profiles_hold_what_their_systems_do(void **state) {
    (void)state;
    struct fixture f;
    fresh(&f, NULL);
    assert_int_equal(f.tcp.msl, 30 * LA_SECOND);
    assert_int_equal(f.tcp.rto_min, 200 * LA_MS);
    assert_int_equal(f.tcp.quickacks, 16);
    assert_int_equal(f.tcp.layout.order[1], TCPOPT_SACK_OK);
    assert_false(f.tcp.layout.eol_padding);
    fresh(&f, "freebsd");
    assert_int_equal(f.tcp.rto_min, 30 * LA_MS);
    assert_int_equal(f.tcp.keepcnt, 8);
    assert_int_equal(f.tcp.shut_rd, SHUT_RD_DISCARD);
    assert_int_equal(f.tcp.rcvbuf, 65536);
    assert_int_equal(f.tcp.rto_slop, 200 * LA_MS);
    assert_int_equal(f.tcp.icmp_opening, ICMP_OPENING_BSD);
    assert_int_equal(f.tcp.layout.order[1], TCPOPT_WSCALE);
    assert_true(f.tcp.layout.eol_padding && f.tcp.ack_resends_fin && !f.tcp.listen_synack_rst);
    fresh(&f, "rfc");
    assert_int_equal(f.tcp.msl, 120 * LA_SECOND);
    assert_int_equal(f.tcp.rto_min, LA_SECOND);
    assert_int_equal(settings_profile(&f.s, "plan9"), -LA_EINVAL);
    assert_int_equal(f.tcp.msl, 120 * LA_SECOND);
}

/* --- Names --- */

static void test_every_setting_takes_its_bounds_and_nothing_beyond(void **state) {
    (void)state;
    struct fixture f;
    struct la_setting setting;
    int64_t value;
    for (unsigned i = 0; settings_at(&fresh(&f, NULL)->s, i, &setting, &value); i++) {
        int64_t at[] = {setting.min, setting.max, setting.min + (setting.max - setting.min) / 3};
        for (unsigned k = 0; k < 3; k++) {
            set(&f, setting.name, at[k]);
            assert_int_equal(value_of(&f, setting.name), at[k]);
        }
        assert_int_equal(settings_set(&f.s, setting.name, setting.min - 1), -LA_EINVAL);
        assert_int_equal(settings_set(&f.s, setting.name, setting.max + 1), -LA_EINVAL);
        assert_int_equal(settings_set(&f.s, setting.name, INT64_MAX), -LA_EINVAL);
        assert_int_equal(settings_set(&f.s, setting.name, INT64_MIN), -LA_EINVAL);
        assert_int_equal(value_of(&f, setting.name), at[2]);
        assert_true(setting.help[strlen(setting.help) - 1] == '.');
    }
}

static void test_every_name_reads_back_what_it_set(void **state) {
    (void)state;
    struct settings_name name;
    for (unsigned i = 0; settings_name_at(i, &name); i++) {
        struct fixture f;
        unsigned accepted = 0;
        for (int64_t value = 0; value < 200000; value = value < 10 ? value + 1 : value * 3) {
            if (settings_set(&fresh(&f, NULL)->s, name.name, value) != 0) continue;
            if (strcmp(name.name, "net.ipv4.tcp_early_retrans") != 0 && strcmp(name.name, "net.ipv4.tcp_frto") != 0)
                assert_int_equal(value_of(&f, name.name), value);
            accepted++;
        }
        if (strcmp(name.own, "lastack.tcp_congestion_control") != 0) assert_true(accepted >= 2);
    }
}

/* Setting by an alias is seen through the own name, and touches no other field but ordered partners. */
static void test_every_alias_reaches_its_field(void **state) {
    (void)state;
    struct settings_name name;
    for (unsigned i = 0; settings_name_at(i, &name); i++) {
        struct fixture f;
        unsigned moved = 0;
        for (int64_t value = 0; value < 2000000; value = value < 10 ? value + 1 : value * 3) {
            fresh(&f, NULL);
            int64_t before = value_of(&f, name.own);
            if (settings_set(&f.s, name.name, value) == 0) moved += value_of(&f, name.own) != before;
        }
        if (moved == 0 && strcmp(name.own, "lastack.tcp_congestion_control") != 0) fail_msg("%s", name.name);
    }
}

static void test_names_are_unique(void **state) {
    (void)state;
    struct settings_name a, b;
    for (unsigned i = 0; settings_name_at(i, &a); i++) {
        for (unsigned k = 0; k < i && settings_name_at(k, &b); k++)
            if (strcmp(a.name, b.name) == 0) assert_string_not_equal(a.own, b.own);
        assert_null(settings_refusal(a.name));
    }
}

static void test_names_are_known_in_every_spelling(void **state) {
    (void)state;
    struct fixture f;
    fresh(&f, NULL);
    static const char *const spellings[] = {"net.ipv4.tcp_fin_timeout", "net/ipv4/tcp_fin_timeout", "tcp_fin_timeout",
                                            "TCP_FIN_TIMEOUT"};
    for (unsigned i = 0; i < 4; i++) {
        set(&f, spellings[i], 20 + i);
        assert_int_equal(f.tcp.fin_timeout, (20 + i) * LA_SECOND);
    }
    set(&f, "somaxconn", 77);
    assert_int_equal(value_of(&f, "net.core.somaxconn"), 77);
    static const char *const unknown[] = {"",
                                          "tcp_fin",
                                          "tcp_fin_timeout ",
                                          "net.ipv4.",
                                          "net.ipv4.KeepAliveTime",
                                          "ipv4.tcp_fin_timeout",
                                          "net.ipv4.net.ipv4.tcp_fin_timeout",
                                          NULL};
    int64_t value;
    for (unsigned i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        assert_int_equal(settings_set(&f.s, unknown[i], 1), -LA_ENOENT);
        assert_int_equal(settings_get(&f.s, unknown[i], &value), -LA_ENOENT);
        assert_null(settings_refusal(unknown[i]));
    }
}

/* --- Units --- */

static void test_values_are_in_the_unit_of_their_name(void **state) {
    (void)state;
    struct fixture f;
    fresh(&f, NULL);
    set(&f, "KeepAliveTime", 300000);
    assert_int_equal(value_of(&f, "tcp_keepalive_time"), 300);
    set(&f, "tcp_keepalive_intvl", 9);
    assert_int_equal(value_of(&f, "net.inet.tcp.keepintvl"), 9000);
    set(&f, "net.inet.tcp.rexmit_min", 230);
    assert_int_equal(value_of(&f, "tcp_rto_min_us"), 230000);
    /* A second and a bit is not less than what it was when read in whole seconds. */
    set(&f, "net.inet.tcp.finwait2_timeout", 1500);
    assert_int_equal(f.tcp.fin_timeout, 1500 * LA_MS);
    assert_int_equal(value_of(&f, "tcp_fin_timeout"), 2);
}

/* C09, C42: four names for how long TIME_WAIT lasts. */
static void test_time_wait_names_set_half_of_it_as_msl(void **state) {
    (void)state;
    struct fixture f;
    fresh(&f, NULL);
    set(&f, "TcpTimedWaitDelay", 31);
    assert_int_equal(f.tcp.msl, 15500 * LA_MS);
    set(&f, "tcp_time_wait_interval", 240000);
    assert_int_equal(f.tcp.msl, 120 * LA_SECOND);
    set(&f, "tcp_close_wait_interval", 60001);
    assert_int_equal(f.tcp.msl, 30000500 * LA_US);
    assert_int_equal(value_of(&f, "tcp_time_wait_interval"), 60001);
    assert_int_equal(value_of(&f, "net.inet.tcp.msl"), 30001);
    /* C10. */
    set(&f, "tcp_fin_timeout", 5);
    assert_int_equal(value_of(&f, "tcp_time_wait_interval"), 60001);
}

static void test_switches_of_two_fields(void **state) {
    (void)state;
    static const struct {
        const char *name;
        int64_t value;
        bool wscale, ts;
    } cases[] = {
        {"net.inet.tcp.rfc1323", 0, false, false}, {"net.inet.tcp.rfc1323", 1, true, true},
        {"net.inet.tcp.rfc1323", 2, true, false},  {"net.inet.tcp.rfc1323", 3, false, true},
        {"Tcp1323Opts", 0, false, false},          {"Tcp1323Opts", 1, true, false},
        {"Tcp1323Opts", 2, false, true},           {"Tcp1323Opts", 3, true, true},
    };
    struct fixture f;
    fresh(&f, NULL);
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        set(&f, cases[i].name, cases[i].value);
        assert_int_equal(f.tcp.window_scaling, cases[i].wscale);
        assert_int_equal(f.tcp.timestamps, cases[i].ts);
        assert_int_equal(value_of(&f, cases[i].name), cases[i].value);
    }
    assert_int_equal(settings_set(&f.s, "Tcp1323Opts", 4), -LA_EINVAL);
}

static void test_inverted_and_shared_switches(void **state) {
    (void)state;
    struct fixture f;
    fresh(&f, NULL);
    set(&f, "net.inet.tcp.insecure_rst", 1);
    assert_false(f.tcp.rst_strict);
    set(&f, "net.inet.tcp.insecure_syn", 0);
    assert_true(f.tcp.syn_strict);
    set(&f, "net.inet.tcp.syncookies", 0);
    assert_int_equal(f.tcp.syncookies, 0);
    set(&f, "net.inet.tcp.syncookies_only", 1);
    set(&f, "net.inet.tcp.syncookies", 1);
    assert_int_equal(f.tcp.syncookies, 2);
    set(&f, "net.inet.tcp.syncookies_only", 0);
    assert_int_equal(f.tcp.syncookies, 1);
    set(&f, "net.inet.tcp.delayed_ack", 0);
    assert_int_equal(f.tcp.delack_segments, 1);
    set(&f, "lastack.tcp_delack_segments", 4);
    assert_int_equal(value_of(&f, "net.inet.tcp.delayed_ack"), 1);
    set(&f, "lastack.tcp_wscale", 255);
    assert_int_equal(settings_set(&f.s, "lastack.tcp_wscale", 15), -LA_EINVAL);
}

/* Several values say the same; the one is read that the system begins with, or that says no. */
static void test_switches_of_many_values(void **state) {
    (void)state;
    struct fixture f;
    fresh(&f, NULL);
    for (int64_t value = 0; value < 5; value++) {
        set(&f, "tcp_early_retrans", value);
        assert_int_equal(f.tcp.tlp, value >= 3);
        assert_int_equal(value_of(&f, "tcp_early_retrans"), value >= 3 ? 3 : 0);
    }
    assert_int_equal(settings_set(&f.s, "tcp_early_retrans", 5), -LA_EINVAL);
    for (int64_t value = 0; value < 3; value++) {
        set(&f, "tcp_frto", value);
        assert_int_equal(f.tcp.frto, value > 0);
        assert_int_equal(value_of(&f, "tcp_frto"), value ? 2 : 0);
    }
}

/* --- Text --- */

static void expect_text(const struct fixture *f, const char *name, const char *want) {
    char text[64];
    assert_int_equal(settings_get_text(&f->s, name, text, sizeof(text)), 0);
    assert_string_equal(text, want);
}

static void test_words_stand_for_numbers(void **state) {
    (void)state;
    struct fixture f;
    fresh(&f, NULL);
    expect_text(&f, "net.ipv4.tcp_congestion_control", "cubic");
    for (unsigned i = 0; i < CC_COUNT; i++) {
        assert_int_equal(settings_set_text(&f.s, "tcp_congestion_control", cc_at(i)->name), 0);
        assert_int_equal(f.tcp.congestion, i);
        expect_text(&f, "net/ipv4/tcp_congestion_control", cc_at(i)->name);
        assert_int_equal(value_of(&f, "lastack.tcp_congestion_control"), i);
    }
    assert_int_equal(settings_set_text(&f.s, "net.inet.tcp.cc.algorithm", "newreno"), 0);
    expect_text(&f, "tcp_congestion_control", "reno");
    expect_text(&f, "tcp_available_congestion_control", "reno cubic bbr");
    assert_int_equal(settings_set_text(&f.s, "tcp_available_congestion_control", "reno"), -LA_EOPNOTSUPP);
    static const char *const unknown[] = {"", "ren", "reno ", "Reno", "vegas", "1"};
    for (unsigned i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
        assert_int_equal(settings_set_text(&f.s, "tcp_congestion_control", unknown[i]), -LA_ENOENT);
    assert_int_equal(settings_set_text(&f.s, "no.such.name", "reno"), -LA_ENOENT);
}

static void test_numbers_are_text_too(void **state) {
    (void)state;
    struct fixture f;
    char text[8];
    fresh(&f, NULL);
    assert_int_equal(settings_set_text(&f.s, "tcp_fin_timeout", "45"), 0);
    expect_text(&f, "tcp_fin_timeout", "45");
    expect_text(&f, "net.ipv4.tcp_notsent_lowat", "4294967295");
    assert_int_equal(settings_set_text(&f.s, "tcp_sack", "0"), 0);
    expect_text(&f, "tcp_sack", "0");
    static const char *const bad[] = {"", " 1", "1 ", "-1", "1.5", "0x10", "many", "9223372036854775808"};
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(settings_set_text(&f.s, "tcp_fin_timeout", bad[i]), -LA_EINVAL);
    assert_int_equal(settings_get_text(&f.s, "tcp_available_congestion_control", text, sizeof(text)), -LA_EINVAL);
    for (size_t size = 0; size < 4; size++)
        assert_int_equal(settings_get_text(&f.s, "tcp_fin_timeout", text, size), size < 3 ? -LA_EINVAL : 0);
    assert_int_equal(settings_get_text(&f.s, "tcp_tw_recycle", text, sizeof(text)), -LA_EOPNOTSUPP);
    assert_int_equal(settings_get_text(&f.s, "no.such.name", text, sizeof(text)), -LA_ENOENT);
}

/* Ranges given one number at a time, in any order, from anywhere. */
static void test_a_limit_takes_its_partner_along(void **state) {
    (void)state;
    static const char *const names[] = {"tcp_rmem_min", "tcp_rmem_default", "tcp_rmem_max"};
    static const int64_t targets[][3] = {
        {10, 10, 10}, {1 << 20, 2 << 20, 3 << 20}, {1, 5000, 1 << 30}, {4096, 4096, 9000}};
    static const unsigned orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    struct fixture f;
    fresh(&f, NULL);
    for (unsigned o = 0; o < 6; o++)
        for (unsigned t = 0; t < 4; t++) {
            for (unsigned k = 0; k < 3; k++) {
                set(&f, names[orders[o][k]], targets[t][orders[o][k]]);
                assert_true(f.tcp.rcvbuf_min <= f.tcp.rcvbuf && f.tcp.rcvbuf <= f.tcp.rcvbuf_max);
            }
            for (unsigned k = 0; k < 3; k++) assert_int_equal(value_of(&f, names[k]), targets[t][k]);
        }
    set(&f, "MaxUserPort", 5000);
    assert_int_equal(f.tcp.port_first, 5000);
    set(&f, "tcp_smallest_anon_port", 60000);
    assert_int_equal(f.tcp.port_last, 60000);
    set(&f, "tcp_rto_max_ms", 500);
    assert_true(f.tcp.rto_initial == 500 * LA_MS && f.tcp.rto_min == 200 * LA_MS);
}

/* C32. */
static void test_refused_names_say_why(void **state) {
    (void)state;
    struct fixture f;
    fresh(&f, NULL);
    int64_t value;
    for (unsigned i = 0; settings_refused_at(i); i++) {
        assert_int_equal(settings_set(&f.s, settings_refused_at(i), 1), -LA_EOPNOTSUPP);
        assert_int_equal(settings_get(&f.s, settings_refused_at(i), &value), -LA_EOPNOTSUPP);
    }
    assert_non_null(strstr(settings_refusal("tcp_tw_recycle"), "NAT"));
    assert_non_null(settings_refusal("net/ipv4/tcp_tw_recycle"));
}

/* --- The page --- */

static void append(char *page, size_t size, const char *text) {
    size_t at = strlen(page);
    assert_true(at + strlen(text) < size);
    memcpy(page + at, text, strlen(text) + 1);
}

static void add_aliases(char *page, size_t size, const char *own) {
    struct settings_name name;
    const char *separator = "";
    for (unsigned i = 0; settings_name_at(i, &name); i++) {
        char text[160];
        if (strcmp(name.own, own) != 0 || strcmp(name.name, own) == 0) continue;
        snprintf(text, sizeof(text), "%s`%s` (%s)", separator, name.name, name.unit);
        append(page, size, text);
        separator = ", ";
    }
}

static void add_row(char *page, size_t size, unsigned i) {
    struct la_setting setting;
    int64_t value[3];
    struct fixture f;
    char text[400];
    for (unsigned p = 0; p < 3; p++) settings_at(&fresh(&f, settings_profile_name(p))->s, i, &setting, &value[p]);
    snprintf(text, sizeof(text), "| `%s` | %s | %lld … %lld | %lld | %lld | %lld | %s | ", setting.name, setting.unit,
             (long long)setting.min, (long long)setting.max, (long long)value[0], (long long)value[1],
             (long long)value[2], setting.help);
    append(page, size, text);
    add_aliases(page, size, setting.name);
    append(page, size, " |\n");
}

static void write_page(char *page, size_t size) {
    page[0] = 0;
    append(
        page, size,
        "# Settings\n\n"
        "Run-time data, one set for each stack: `la_set(stack, name, value)`, `la_get`, `la_profile`. Any name below "
        "works, with the value in\nthe unit of *that name*; case does not matter, `/` may stand for `.`, and "
        "`net.ipv4.`, `net.ipv6.` and `net.core.` may be left out.\nA limit that passes its partner (a minimum above "
        "its maximum) takes it along, so ranges may be set in any order.\n\n"
        "Where a setting is one of several words, `la_set_text` and `la_get_text` know it by its word.\n\n"
        "This page is generated from the table in `src/settings_rows.def` (run the program of "
        "`tests/unit/test_settings.c` with the page's\npath), and a test compares the two.\n\n"
        "| name | unit | bounds | linux | freebsd | rfc | what it does | also known as |\n"
        "| --- | --- | --- | --- | --- | --- | --- | --- |\n");
    struct fixture f;
    struct la_setting setting;
    int64_t value;
    for (unsigned i = 0; settings_at(&fresh(&f, NULL)->s, i, &setting, &value); i++) add_row(page, size, i);
    append(page, size, "\n## Known and refused\n\n| name | why |\n| --- | --- |\n");
    for (unsigned i = 0; settings_refused_at(i); i++) {
        char text[600];
        snprintf(text, sizeof(text), "| `%s` | %s |\n", settings_refused_at(i),
                 settings_refusal(settings_refused_at(i)));
        append(page, size, text);
    }
}

static void test_the_page_lists_every_name(void **state) {
    (void)state;
    write_page(text_a, sizeof(text_a));
    read_source("doc/settings.md", text_b, sizeof(text_b));
    struct settings_name name;
    for (unsigned i = 0; settings_name_at(i, &name); i++)
        if (!strstr(text_b, name.name)) fail_msg("doc/settings.md does not know %s", name.name);
    if (strcmp(text_b, text_a) != 0) fail_msg("doc/settings.md is not what the table says: generate it again");
}

static int generate(const char *path) {
    write_page(text_a, sizeof(text_a));
    FILE *file = fopen(path, "wb");
    if (!file || fputs(text_a, file) < 0 || fclose(file) != 0) {
        perror(path);
        return 1;
    }
    return 0;
}

int main(int argc, char **argv) {
    if (argc > 1) return generate(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_field_has_a_row),
        cmocka_unit_test(test_a_profile_sets_every_setting),
        cmocka_unit_test(test_profile_values_are_within_bounds),
        cmocka_unit_test(test_profiles_hold_what_their_systems_do),
        cmocka_unit_test(test_every_setting_takes_its_bounds_and_nothing_beyond),
        cmocka_unit_test(test_every_name_reads_back_what_it_set),
        cmocka_unit_test(test_every_alias_reaches_its_field),
        cmocka_unit_test(test_names_are_unique),
        cmocka_unit_test(test_names_are_known_in_every_spelling),
        cmocka_unit_test(test_values_are_in_the_unit_of_their_name),
        cmocka_unit_test(test_time_wait_names_set_half_of_it_as_msl),
        cmocka_unit_test(test_switches_of_two_fields),
        cmocka_unit_test(test_inverted_and_shared_switches),
        cmocka_unit_test(test_switches_of_many_values),
        cmocka_unit_test(test_words_stand_for_numbers),
        cmocka_unit_test(test_numbers_are_text_too),
        cmocka_unit_test(test_a_limit_takes_its_partner_along),
        cmocka_unit_test(test_refused_names_say_why),
        cmocka_unit_test(test_the_page_lists_every_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
