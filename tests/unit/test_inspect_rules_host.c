/* inspect/rules_ports.c, rules_limits.c, rules_settings.c: each rule about hosts holds where it should, says what
 * matters, and is silent where all is well. */
#include "support/inspect_host.h"

/* --- Ports --- */

static void exhausted_ports_are_counted_by_route(void **state) {
    (void)state;
    add_time_wait(100, 5 * LA_SECOND);
    const struct finding *finding = must("ports-exhausted");
    assert_int_equal(finding->severity, SEVERITY_HARM);
    assert_int_equal(finding->nconns, 100);
    assert_int_equal(finding->forecast, 0);
    says(finding, "from 10.0.0.1 to 10.0.0.9:443");
    says(finding, "100 of 100");
    says(finding, "EADDRNOTAVAIL");
    says(finding, "no counter");
    says(finding, "100 ports in TIME_WAIT");
    says(finding, "tcp_tw_reuse=1");
    says(finding, "keep-alive");
    silent("ports-running-out");
}

static void ports_to_several_destinations_do_not_add_up(void **state) {
    (void)state;
    add_time_wait(100, 30 * LA_SECOND);
    for (uint32_t i = 0; i < 50; i++) snap->conns[i].peer.addr = host(8);
    silent("ports-exhausted");
    silent("ports-running-out");
}

static void reuse_gives_ports_back_after_a_second(void **state) {
    (void)state;
    add_time_wait(100, 5 * LA_SECOND);
    snap->netns[0].setting[SNAP_S_TW_REUSE] = 1;
    silent("ports-exhausted");
    for (uint32_t i = 0; i < 100; i++) snap->conns[i].age.least = snap->conns[i].age.most = LA_SECOND / 2;
    must("ports-exhausted");
}

static void ports_of_open_connections_name_their_holder(void **state) {
    (void)state;
    for (unsigned i = 0; i < 85; i++) {
        add(LA_ESTABLISHED, host(1), 40000 + i, host(9), 443);
        own((int)(10 + i));
    }
    const struct finding *finding = must("ports-running-out");
    assert_int_equal(finding->severity, SEVERITY_WARNING);
    assert_int_equal(finding->proc, 0);
    says(finding, "85 of 100");
    says(finding, "85 ports in use");
    says(finding, "held by nginx (pid 17)");
    says(finding, "pool");
    silent("ports-exhausted");
}

static void rate_forecasts_when_ports_run_out(void **state) {
    (void)state;
    add_time_wait(60, 5 * LA_SECOND);
    const struct finding *finding = must("ports-running-out");
    assert_true(finding->forecast > 6 * LA_SECOND && finding->forecast < 7 * LA_SECOND);
    says(finding, "6.0 connections a second");
    says(finding, "At this rate none is left in 6.6 s");
    for (uint32_t i = 0; i < 60; i++) snap->conns[i].age.least = snap->conns[i].age.most = 40 * LA_SECOND;
    silent("ports-running-out");
}

static void accepted_connections_take_no_ports(void **state) {
    (void)state;
    listen_on_80(0, 128);
    for (unsigned i = 0; i < 200; i++) add(LA_ESTABLISHED, host(1), 80, host(9), 40000 + i);
    silent("ports-exhausted");
    silent("ports-running-out");
}

/* --- Descriptors --- */

static void add_close_wait(unsigned n, la_time step) {
    for (unsigned i = 0; i < n; i++) {
        struct snap_conn *conn = add(LA_CLOSE_WAIT, host(1), 80, host(2), 10000 + i);
        conn->age = (struct snap_age){3 * LA_SECOND + i * step, 3 * LA_SECOND + i * step};
        own((int)(10 + i));
    }
}

static void leak_of_descriptors_is_forecast(void **state) {
    (void)state;
    listen_on_80(0, 128);
    add_close_wait(20, 2 * LA_SECOND);
    const struct finding *finding = must("fds-running-out");
    assert_int_equal(finding->severity, SEVERITY_WARNING);
    assert_int_equal(finding->forecast, 924 * 2 * LA_SECOND);
    assert_int_equal(finding->nconns, 20);
    says(finding, "nginx (pid 17)");
    says(finding, "100 of 1024");
    says(finding, "30 min");
    says(finding, "20 connections");
    says(finding, "prlimit --pid 17");
}

static void leak_that_has_stopped_forecasts_nothing(void **state) {
    (void)state;
    listen_on_80(0, 128);
    add_close_wait(20, 2 * LA_SECOND);
    for (uint32_t i = 1; i < snap->nconns; i++) {
        snap->conns[i].age.least += 3600 * LA_SECOND;
        snap->conns[i].age.most += 3600 * LA_SECOND;
    }
    silent("fds-running-out");
}

static void nearly_all_descriptors_are_a_warning_and_all_are_harm(void **state) {
    (void)state;
    listen_on_80(0, 128);
    snap->procs[0].nfds = 700;
    silent("fds-running-out");
    snap->procs[0].nfds = 900;
    assert_int_equal(must("fds-running-out")->severity, SEVERITY_WARNING);
    assert_true(find("fds-running-out")->forecast == LA_NEVER);
    snap->procs[0].nfds = 1024;
    const struct finding *finding = must("fds-running-out");
    assert_int_equal(finding->severity, SEVERITY_HARM);
    says(finding, "EMFILE");
    snap->procs[0].fd_limit = UINT32_MAX;
    silent("fds-running-out");
}

/* --- TIME_WAIT, resets, orphans, memory --- */

static void many_time_waits_are_a_note_that_calms(void **state) {
    (void)state;
    for (unsigned i = 0; i < 999; i++) add(LA_TIME_WAIT, host(1), 80, host(2), 10000 + i);
    silent("time-wait-many");
    add(LA_TIME_WAIT, host(1), 80, host(2), 9999);
    const struct finding *finding = must("time-wait-many");
    assert_int_equal(finding->severity, SEVERITY_NOTE);
    assert_int_equal(finding->nconns, 1000);
    says(finding, "1000 connections in TIME_WAIT");
    says(finding, "no CPU");
    says(finding, "keep-alive");
    snap->netns[0].setting[SNAP_S_MAX_TW_BUCKETS] = 1000;
    assert_int_equal(must("time-wait-many")->severity, SEVERITY_WARNING);
}

static void resets_count_in_proportion(void **state) {
    (void)state;
    snap->netns[0].counter[SNAP_C_ABORT_ON_CLOSE] = 99;
    snap->netns[0].counter[SNAP_C_ABORT_ON_DATA] = 99;
    silent("resets-unread-data");
    silent("resets-linger");
    snap->netns[0].counter[SNAP_C_ABORT_ON_CLOSE] = 500;
    snap->netns[0].counter[SNAP_C_ABORT_ON_DATA] = 500;
    says(must("resets-unread-data"), "10 %");
    says(must("resets-linger"), "SO_LINGER");
    snap->netns[0].counter[SNAP_C_PASSIVE_OPENS] = 5000000;
    silent("resets-unread-data");
    silent("resets-linger");
}

static void orphans_matter_near_their_limit(void **state) {
    (void)state;
    snap->netns[0].counter[SNAP_C_SOCKSTAT_ORPHANS] = 900;
    silent("orphans-many");
    snap->netns[0].counter[SNAP_C_SOCKSTAT_ORPHANS] = 1200;
    assert_int_equal(must("orphans-many")->severity, SEVERITY_NOTE);
    snap->netns[0].counter[SNAP_C_SOCKSTAT_ORPHANS] = 5000;
    assert_int_equal(must("orphans-many")->severity, SEVERITY_WARNING);
    snap->netns[0].counter[SNAP_C_SOCKSTAT_ORPHANS] = 16000;
    assert_int_equal(must("orphans-many")->severity, SEVERITY_HARM);
}

static void memory_pressure_names_whose_queues_are_full(void **state) {
    (void)state;
    add(LA_ESTABLISHED, host(1), 80, host(2), 10000)->recv_queue = 5000000;
    own(9);
    snap->netns[0].counter[SNAP_C_SOCKSTAT_MEM] = 59999;
    silent("memory-pressure");
    snap->netns[0].counter[SNAP_C_SOCKSTAT_MEM] = 60000;
    const struct finding *finding = must("memory-pressure");
    assert_int_equal(finding->severity, SEVERITY_WARNING);
    says(finding, "nginx (pid 17): 5.0 MB");
    snap->netns[0].counter[SNAP_C_SOCKSTAT_MEM] = 90000;
    assert_int_equal(must("memory-pressure")->severity, SEVERITY_HARM);
}

static void whole_machine_is_told_once(void **state) {
    (void)state;
    struct snap_netns first = snap->netns[0];
    first.counter[SNAP_C_SOCKSTAT_ORPHANS] = 5000;
    snap->netns[0] = first;
    *snap_add_netns(snap) = first;
    must("orphans-many");
    assert_int_equal(findings.n, 1);
}

/* --- Settings --- */

static void add_line(const char *name, const char *value) {
    *snap_add_line(snap) =
        (struct snap_line){.file = "/etc/sysctl.d/50-tuning.conf", .line = 7, .name = name, .value = value};
}

static void fin_timeout_is_told_where_time_wait_was_meant(void **state) {
    (void)state;
    for (unsigned i = 0; i < 100; i++) add(LA_TIME_WAIT, host(1), 80, host(2), 10000 + i);
    silent("setting-fin-timeout");
    add_line("net.ipv4.tcp_fin_timeout", "60");
    silent("setting-fin-timeout");
    snap->netns[0].setting[SNAP_S_FIN_TIMEOUT] = 15;
    snap->lines[0].value = "15";
    const struct finding *finding = must("setting-fin-timeout");
    says(finding, "does not shorten TIME_WAIT");
    says(finding, "/etc/sysctl.d/50-tuning.conf:7: net.ipv4.tcp_fin_timeout = 15");
    says(finding, "FIN_WAIT_2");
}

static void fin_timeout_is_silent_without_time_waits(void **state) {
    (void)state;
    snap->netns[0].setting[SNAP_S_FIN_TIMEOUT] = 15;
    for (unsigned i = 0; i < 99; i++) add(LA_TIME_WAIT, host(1), 80, host(2), 10000 + i);
    silent("setting-fin-timeout");
}

static void keepalive_is_told_where_close_wait_does_not_use_it(void **state) {
    (void)state;
    add_close_wait(2, LA_SECOND);
    silent("setting-keepalive");
    snap->netns[0].setting[SNAP_S_KEEPALIVE_TIME] = 30;
    const struct finding *finding = must("setting-keepalive");
    assert_int_equal(finding->nconns, 2);
    says(finding, "SO_KEEPALIVE");
    says(finding, "net.ipv4.tcp_keepalive_time is 30");
    says(finding, "FIN_WAIT_2 answers");
    snap->conns[0].timer = snap->conns[1].timer = LA_TIMER_KEEPALIVE;
    silent("setting-keepalive");
}

static void recycle_is_harm_where_it_is_on_and_a_note_in_a_file(void **state) {
    (void)state;
    silent("setting-tw-recycle");
    add_line("net.ipv4.tcp_tw_recycle", "1");
    const struct finding *finding = must("setting-tw-recycle");
    assert_int_equal(finding->severity, SEVERITY_NOTE);
    says(finding, "50-tuning.conf:7");
    says(finding, "4.12");
    snap->netns[0].setting[SNAP_S_TW_RECYCLE] = 1;
    finding = must("setting-tw-recycle");
    assert_int_equal(finding->severity, SEVERITY_HARM);
    says(finding, "NAT");
}

static void foreign_names_are_explained(void **state) {
    (void)state;
    silent("setting-time-wait-length");
    silent("setting-close-wait-interval");
    add_line("net.ipv4.TcpTimedWaitDelay", "30");
    says(must("setting-time-wait-length"), "constant");
    silent("setting-close-wait-interval");
    add_line("net.ipv4.tcp_close_wait_interval", "30");
    says(must("setting-close-wait-interval"), "Solaris");
}

/* --- All of them --- */

static void healthy_host_has_no_findings(void **state) {
    (void)state;
    listen_on_80(1, 128);
    add_queued(1, LA_ESTABLISHED, LA_MS);
    add_embryos(1, 0);
    add_time_wait(40, 30 * LA_SECOND);
    add(LA_ESTABLISHED, host(1), 80, host(2), 10000);
    own(9);
    add(LA_ESTABLISHED, host(1), 80, host(2), 10001);
    find("");
    assert_int_equal(findings.n, 0);
}

static void filter_chooses_what_is_told(void **state) {
    (void)state;
    listen_on_80(3, 2);
    add_time_wait(100, 5 * LA_SECOND);
    snap->netns[0].counter[SNAP_C_SOCKSTAT_ORPHANS] = 5000;
    char why[200], *word = "state time-wait";
    struct filter *filter = filter_parse(1, &word, why, sizeof why);
    assert_non_null(find_with("ports-exhausted", filter));
    assert_non_null(find_with("orphans-many", filter));
    assert_null(find_with("accept-queue-full", filter));
    filter_free(filter);
    word = "sport = :9";
    filter = filter_parse(1, &word, why, sizeof why);
    find_with("", filter);
    assert_int_equal(findings.n, 0);
    filter_free(filter);
}

static void unknown_facts_say_nothing(void **state) {
    (void)state;
    listen_on_80(0, 128);
    add_time_wait(100, 5 * LA_SECOND);
    snap->netns[0].facts = false;
    find("");
    assert_int_equal(findings.n, 0);
}

static void whose_calls_reset_is_told_by_a_watch(void **state) {
    (void)state;
    struct snap_reset reset = {.count = 9, .last = 3 * LA_SECOND, .peer = {.addr = host(9), .port = 443}};
    *snap_add_reset(snap) = reset;
    silent("resets-by-program");
    snap->resets[0].count = 10;
    says(must("resets-by-program"), "nginx (pid 17) has ended 10 connections with a reset");
    says(must("resets-by-program"), "10.0.0.9:443, 3.0 s ago");
}

static void a_hosts_finding_keeps_its_key(void **state) {
    (void)state;
    add_time_wait(2000, 30 * LA_SECOND);
    uint64_t key = must("time-wait-many")->key;
    snap->conns[0].age = (struct snap_age){50 * LA_SECOND, 50 * LA_SECOND};
    snap->conns[0].peer.port = 444; /* Another one is the oldest. */
    assert_true(find("time-wait-many")->key == key);
}

static void a_stack_is_not_cured_by_commands_for_the_host(void **state) {
    (void)state;
    add_time_wait(2000, 30 * LA_SECOND);
    snap->netns[0].stack = true;
    const struct finding *finding = find("time-wait-many");
    for (unsigned i = 0; finding && i < finding->nremedies; i++) assert_null(finding->remedies[i].command);
    listen_on_80(200, 128);
    finding = find("accept-queue-full");
    assert_non_null(finding);
    for (unsigned i = 0; i < finding->nremedies; i++) assert_null(finding->remedies[i].command);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(whose_calls_reset_is_told_by_a_watch),
        TEST(a_hosts_finding_keeps_its_key),
        TEST(a_stack_is_not_cured_by_commands_for_the_host),
        TEST(exhausted_ports_are_counted_by_route),
        TEST(ports_to_several_destinations_do_not_add_up),
        TEST(reuse_gives_ports_back_after_a_second),
        TEST(ports_of_open_connections_name_their_holder),
        TEST(rate_forecasts_when_ports_run_out),
        TEST(accepted_connections_take_no_ports),
        TEST(leak_of_descriptors_is_forecast),
        TEST(leak_that_has_stopped_forecasts_nothing),
        TEST(nearly_all_descriptors_are_a_warning_and_all_are_harm),
        TEST(many_time_waits_are_a_note_that_calms),
        TEST(resets_count_in_proportion),
        TEST(orphans_matter_near_their_limit),
        TEST(memory_pressure_names_whose_queues_are_full),
        TEST(whole_machine_is_told_once),
        TEST(fin_timeout_is_told_where_time_wait_was_meant),
        TEST(fin_timeout_is_silent_without_time_waits),
        TEST(keepalive_is_told_where_close_wait_does_not_use_it),
        TEST(recycle_is_harm_where_it_is_on_and_a_note_in_a_file),
        TEST(foreign_names_are_explained),
        TEST(healthy_host_has_no_findings),
        TEST(filter_chooses_what_is_told),
        TEST(unknown_facts_say_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
