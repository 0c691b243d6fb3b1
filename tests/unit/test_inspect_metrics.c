/* inspect/metrics.c: snapshots made by hand are counted under the right labels, written as both formats want it, and
 * the number of series is bounded. */
#define _POSIX_C_SOURCE 200809L
#include "support/inspect_host.h"

#include "inspect/metrics.h"

#include <stdio.h>
#include <stdlib.h>

static struct say out;
static struct metrics_past *past;

static const char *write_as(bool openmetrics, const struct filter *filter) {
    struct metrics how = {
        .filter = filter, .openmetrics = openmetrics, .took = 1500 * LA_MS, .version = "1.2", .past = past};
    say_free(&out);
    findings_free(&findings);
    snap_finish(snap);
    rules_run(snap, NULL, filter, &findings);
    assert_true(metrics_say(snap, &findings, &how, &out));
    return out.text;
}

static const char *metrics(void) { return write_as(true, NULL); }

/* A line of the text, whole. */
static bool has(const char *text, const char *line) {
    size_t len = strlen(line);
    for (const char *at = text; (at = strstr(at, line)); at++)
        if ((at == text || at[-1] == '\n') && at[len] == '\n') return true;
    return false;
}

static void must_have(const char *line) {
    if (!has(out.text, line)) fail_msg("no line %s in\n%s", line, out.text);
}

static unsigned count(const char *begins) {
    unsigned n = 0;
    size_t len = strlen(begins);
    for (const char *at = out.text; at; at = strchr(at, '\n')) {
        at += *at == '\n';
        n += !strncmp(at, begins, len);
    }
    return n;
}

static struct snap_proc *add_proc(int pid, const char *program) {
    struct snap_proc *proc = snap_add_proc(snap);
    proc->pid = pid;
    proc->program = snap_text(snap, program);
    return proc;
}

static void own_by(uint32_t proc) {
    own(5);
    snap->owners[snap->nowners - 1].proc = proc;
}

static int teardown_text(void **state) {
    say_free(&out);
    return teardown(state);
}

/* --- Connections --- */

static void connections_are_counted_by_state_program_and_age(void **state) {
    (void)state;
    static const la_time least[] = {0, LA_SECOND, 59 * LA_SECOND, 60 * LA_SECOND, 3599 * LA_SECOND, 90000 * LA_SECOND};
    for (unsigned i = 0; i < 6; i++) {
        add(LA_CLOSE_WAIT, host(1), 80, host(2), 1000 + i)->age = (struct snap_age){least[i], LA_NEVER};
        own(7);
    }
    add(LA_CLOSE_WAIT, host(1), 80, host(2), 2000)->age = (struct snap_age){61 * LA_SECOND, 4000 * LA_SECOND};
    own(7);
    metrics();
    must_have("lastack_connections{state=\"CLOSE_WAIT\",age=\"0s\",program=\"nginx\"} 1");
    must_have("lastack_connections{state=\"CLOSE_WAIT\",age=\"1s\",program=\"nginx\"} 1");
    must_have("lastack_connections{state=\"CLOSE_WAIT\",age=\"10s\",program=\"nginx\"} 1");
    must_have("lastack_connections{state=\"CLOSE_WAIT\",age=\"1m\",program=\"nginx\"} 2");
    must_have("lastack_connections{state=\"CLOSE_WAIT\",age=\"10m\",program=\"nginx\"} 1");
    must_have("lastack_connections{state=\"CLOSE_WAIT\",age=\"1d\",program=\"nginx\"} 1");
    assert_int_equal(count("lastack_connections{"), 6);
}

static void who_holds_a_connection_is_told_apart_from_nobody_and_unseen(void **state) {
    (void)state;
    add(LA_TIME_WAIT, host(1), 80, host(2), 1000)->marks = SNAP_RECORD;
    add(LA_TIME_WAIT, host(1), 80, host(2), 1001)->former = 0;
    add(LA_ESTABLISHED, host(1), 80, host(2), 1002)->inode = 99;
    add(LA_ESTABLISHED, host(1), 80, host(2), 1003)->inode = 98;
    *snap_add_hold(snap) = (struct snap_hold){.conn = 3, .proc = 0, .kind = SNAP_HOLD_MESSAGE, .fd = 4, .count = 1};
    metrics();
    must_have("lastack_connections{state=\"TIME_WAIT\",age=\"10s\",program=\"-\"} 1");
    must_have("lastack_connections{state=\"TIME_WAIT\",age=\"10s\",program=\"nginx\"} 1");
    must_have("lastack_connections{state=\"ESTABLISHED\",age=\"10s\",program=\"?\"} 1");
    must_have("lastack_connections{state=\"ESTABLISHED\",age=\"10s\",program=\"nginx\"} 1");
}

static void units_containers_and_namespaces_are_labels_where_there_are_any(void **state) {
    (void)state;
    snap->procs[0].unit = "nginx.service";
    add_proc(18, "nginx")->container = "3fa1";
    snap_add_netns(snap)->name = "blue";
    add(LA_ESTABLISHED, host(1), 80, host(2), 1000);
    own_by(0);
    add(LA_ESTABLISHED, host(1), 80, host(2), 1001)->netns = 1;
    own_by(1);
    metrics();
    must_have("lastack_connections{state=\"ESTABLISHED\",age=\"10s\",program=\"nginx\",unit=\"nginx.service\"} 1");
    must_have(
        "lastack_connections{state=\"ESTABLISHED\",age=\"10s\",program=\"nginx\",container=\"3fa1\",netns=\"blue\"} 1");
}

static void own_connections_and_those_that_the_filter_leaves_out_do_not_count(void **state) {
    (void)state;
    char why[100];
    char *words[] = {(char *)"dport", (char *)"=", (char *)":1000"};
    for (unsigned i = 0; i < 3; i++) {
        add(LA_ESTABLISHED, host(1), 80, host(2), 1000 + i);
        own(5);
    }
    snap->conns[2].marks |= SNAP_SELF;
    metrics();
    must_have("lastack_connections{state=\"ESTABLISHED\",age=\"10s\",program=\"nginx\"} 2");
    struct filter *filter = filter_parse(3, words, why, sizeof why);
    assert_non_null(filter);
    write_as(true, filter);
    must_have("lastack_connections{state=\"ESTABLISHED\",age=\"10s\",program=\"nginx\"} 1");
    must_have("lastack_process_fds{program=\"nginx\",pid=\"17\"} 100");
    filter_free(filter);
}

/* --- Findings, ports, listeners, descriptors --- */

static void findings_are_counted_with_their_connections(void **state) {
    (void)state;
    add_time_wait(100, 5 * LA_SECOND);
    metrics();
    must_have("lastack_findings{rule=\"ports-exhausted\",severity=\"harm\"} 1");
    must_have("lastack_finding_connections{rule=\"ports-exhausted\",severity=\"harm\"} 100");
    must_have("lastack_finding_forecast_seconds{rule=\"ports-exhausted\",severity=\"harm\"} 0.000000");
    must_have("lastack_finding_age_seconds{rule=\"ports-exhausted\",severity=\"harm\"} 5.000000");
}

static void findings_of_one_rule_and_program_are_put_together(void **state) {
    (void)state;
    listen_on_80(0, 128);
    add(LA_LISTEN, la_addr4(0, 0, 0, 0), 81, la_addr4(0, 0, 0, 0), 0);
    own(7);
    for (unsigned i = 0; i < 6; i++) {
        struct snap_conn *conn = add(LA_CLOSE_WAIT, host(1), 80 + i % 2, host(2), 1000 + i);
        conn->age = (struct snap_age){(100 + i) * LA_SECOND, LA_NEVER};
        conn->eof = SNAP_EOF_UNREAD;
        conn->recv_queue = 1;
        conn->looked_closely = true;
        own((int)(10 + i));
    }
    metrics();
    must_have("lastack_findings{rule=\"close-wait-unwatched\",severity=\"warning\",program=\"nginx\"} 2");
    must_have("lastack_finding_connections{rule=\"close-wait-unwatched\",severity=\"warning\",program=\"nginx\"} 6");
    must_have("lastack_finding_age_seconds{rule=\"close-wait-unwatched\",severity=\"warning\",program=\"nginx\"} "
              "105.000000");
}

static void ports_are_told_apart_where_they_are_many(void **state) {
    (void)state;
    add_time_wait(30, 5 * LA_SECOND);
    for (unsigned i = 0; i < 3; i++) add(LA_ESTABLISHED, host(1), 40050 + i, host(9), 443);
    add(LA_ESTABLISHED, host(1), 40060, host(8), 443);
    add(LA_ESTABLISHED, host(1), 40061, host(7), 443);
    metrics();
    must_have("lastack_ports_used{source=\"10.0.0.1\",destination=\"10.0.0.9\",port=\"443\"} 33");
    must_have("lastack_ports_time_wait{source=\"10.0.0.1\",destination=\"10.0.0.9\",port=\"443\"} 30");
    must_have("lastack_ports_limit{source=\"10.0.0.1\",destination=\"10.0.0.9\",port=\"443\"} 100");
    must_have("lastack_ports_used{destination=\"other\"} 2");
    assert_int_equal(count("lastack_ports_limit{"), 1);
}

static void listeners_of_one_program_at_one_address_are_one(void **state) {
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct snap_conn *conn = listen_on_80(3 + i, 128);
        conn->drops = 7;
    }
    add_embryos(4, 0);
    struct snap_conn *six = add(LA_LISTEN, (struct la_addr){{0}}, 80, (struct la_addr){{0}}, 0);
    six->recv_queue = 1;
    six->send_queue = 10;
    own(8);
    metrics();
    must_have("lastack_listener_accept_queue{local=\"*:80\",program=\"nginx\"} 8");
    must_have("lastack_listener_backlog{local=\"*:80\",program=\"nginx\"} 266");
    must_have("lastack_listener_embryos{local=\"*:80\",program=\"nginx\"} 4");
    must_have("lastack_listener_drops_total{local=\"*:80\",program=\"nginx\"} 14");
    must_have("# TYPE lastack_listener_drops counter");
}

static void counters_never_go_back(void **state) {
    (void)state;
    struct metrics_past before = {0};
    past = &before;
    uint32_t at[2];
    for (unsigned i = 0; i < 2; i++) {
        listen_on_80(3, 128)->drops = 7;
        at[i] = snap->nconns - 1;
    }
    const char drops[] = "lastack_listener_drops_total{local=\"*:80\",program=\"nginx\"}";
    char line[120];
    static const struct {
        uint32_t drops[2];
        unsigned told;
    } looks[] = {{{7, 7}, 14}, {{7, 7}, 14}, {{7, 0}, 14}, {{9, 0}, 16}, {{9, 4}, 20}};
    for (size_t i = 0; i < sizeof looks / sizeof looks[0]; i++) {
        for (unsigned k = 0; k < 2; k++) snap->conns[at[k]].drops = looks[i].drops[k];
        metrics();
        snprintf(line, sizeof line, "%s %u", drops, looks[i].told);
        must_have(line);
    }
    past = NULL;
}

static void unknown_values_are_no_samples(void **state) {
    (void)state;
    listen_on_80(0, 128)->drops = UINT32_MAX;
    snap->procs[0].fd_limit = UINT32_MAX;
    metrics();
    assert_int_equal(count("lastack_listener_drops_total"), 0);
    assert_int_equal(count("lastack_process_fds{"), 1);
    assert_int_equal(count("lastack_process_fd_limit{"), 0);
}

/* --- The formats --- */

static void both_formats_are_as_they_should_be(void **state) {
    (void)state;
    snap_add_blind(snap)->what = "something";
    listen_on_80(0, 128);
    const char *text = metrics();
    assert_string_equal(text + strlen(text) - 6, "# EOF\n");
    must_have("# UNIT lastack_scrape_duration_seconds seconds");
    must_have("lastack_scrape_duration_seconds 1.500000");
    must_have("lastack_unseen 1");
    must_have("lastack_build_info{version=\"1.2\"} 1");
    write_as(false, NULL);
    assert_null(strstr(out.text, "EOF"));
    assert_null(strstr(out.text, "# UNIT"));
    must_have("# TYPE lastack_listener_drops_total counter");
    must_have("lastack_listener_drops_total{local=\"*:80\",program=\"nginx\"} 0");
}

static void label_values_are_escaped(void **state) {
    (void)state;
    snap->procs[0].program = "a\"b\\c\nd\"";
    add(LA_ESTABLISHED, host(1), 80, host(2), 1000);
    own(5);
    metrics();
    must_have("lastack_connections{state=\"ESTABLISHED\",age=\"10s\",program=\"a\\\"b\\\\c\\nd\\\"\"} 1");
}

/* --- Bounds --- */

/* No two samples have the same labels. */
static void assert_no_twins(void) {
    char *text = strdup(out.text), *lines[20000];
    unsigned n = 0;
    for (char *line = strtok(text, "\n"); line && n < 20000; line = strtok(NULL, "\n")) {
        char *value = strrchr(line, ' ');
        if (*line != '#' && value) *value = '\0';
        lines[n++] = line;
    }
    for (unsigned i = 0; i < n; i++)
        for (unsigned j = 0; j < i; j++)
            if (*lines[i] != '#' && !strcmp(lines[i], lines[j])) fail_msg("twice: %s", lines[i]);
    free(text);
}

static void programs_are_bounded(void **state) {
    (void)state;
    char name[32];
    for (unsigned i = 0; i < 500; i++) {
        snprintf(name, sizeof name, i ? "p%u" : "other", i);
        add_proc((int)(1000 + i), name);
        for (unsigned k = 0; k < (i >= 300 ? 2 : 1); k++) {
            add(LA_ESTABLISHED, host(1), 80, host(2), 1000 + 2 * i + k);
            own_by(1 + i);
        }
    }
    add(LA_ESTABLISHED, host(1), 80, host(2), 3000)->inode = 77;
    metrics();
    /* Beside "other" and "?", "-" takes a place. */
    assert_int_equal(count("lastack_connections{"), METRICS_PROGRAMS - 1);
    must_have("lastack_connections{state=\"ESTABLISHED\",age=\"10s\",program=\"?\"} 1");
    must_have("lastack_connections{state=\"ESTABLISHED\",age=\"10s\",program=\"other\"} 306");
    assert_int_equal(count("lastack_connections{state=\"ESTABLISHED\",age=\"10s\",program=\"p1\"}"), 0);
    assert_no_twins();
}

static void routes_listeners_and_processes_are_bounded(void **state) {
    (void)state;
    for (unsigned i = 0; i < 300; i++) {
        struct snap_proc *proc = add_proc((int)(1000 + i), "server");
        proc->nfds = 10 + i;
        proc->fd_limit = 1000;
        for (unsigned k = 0; k < 2 + i % 2; k++)
            add(LA_ESTABLISHED, host(1), 40000 + k, la_addr4(10, 1, (uint8_t)(i >> 8), (uint8_t)i), 443);
        struct snap_conn *conn = add(LA_LISTEN, host(1), 1000 + i, la_addr4(0, 0, 0, 0), 0);
        conn->recv_queue = i;
        conn->send_queue = 1000;
        own_by(1 + i);
    }
    metrics();
    assert_int_equal(count("lastack_ports_limit{"), METRICS_ROUTES);
    assert_int_equal(count("lastack_ports_used{"), METRICS_ROUTES + 1);
    must_have("lastack_ports_used{destination=\"other\"} 600");
    assert_int_equal(count("lastack_listener_backlog{"), METRICS_LISTENERS + 1);
    must_have("lastack_listener_backlog{local=\"other\"} 100000");
    must_have("lastack_listener_accept_queue{local=\"10.0.0.1:1299\",program=\"server\"} 299");
    assert_int_equal(count("lastack_process_fds{"), METRICS_PROCESSES);
    must_have("lastack_process_fds{program=\"server\",pid=\"1299\"} 309");
    assert_no_twins();
}

static void namespaces_are_bounded_and_their_names_put_together(void **state) {
    (void)state;
    for (unsigned i = 0; i < 300; i++) {
        struct snap_netns *netns = snap_add_netns(snap);
        netns->name = snap_format(snap, "ns%u", i / 2);
        *netns = (struct snap_netns){.name = netns->name, .facts = true};
        netns->setting[SNAP_S_PORT_LOW] = 40000;
        netns->setting[SNAP_S_PORT_HIGH] = 40099;
        for (unsigned k = 0; k < 2; k++) add(LA_ESTABLISHED, host(1), 40000 + k, host(9), 443)->netns = 1 + i;
        add(LA_LISTEN, host(1), 80, la_addr4(0, 0, 0, 0), 0)->netns = 1 + i;
    }
    metrics();
    assert_int_equal(count("lastack_connections{"), METRICS_NETNS - 1);
    must_have("lastack_connections{state=\"ESTABLISHED\",age=\"10s\",program=\"-\",netns=\"ns0\"} 4");
    assert_no_twins();
}

static void empty_snapshots_are_fine(void **state) {
    (void)state;
    struct snap *full = snap;
    snap = snap_new();
    metrics();
    assert_int_equal(count("lastack_connections{"), 0);
    must_have("lastack_unseen 0");
    snap_free(snap);
    snap = full;
}

#undef TEST
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown_text)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(connections_are_counted_by_state_program_and_age),
        TEST(who_holds_a_connection_is_told_apart_from_nobody_and_unseen),
        TEST(units_containers_and_namespaces_are_labels_where_there_are_any),
        TEST(own_connections_and_those_that_the_filter_leaves_out_do_not_count),
        TEST(findings_are_counted_with_their_connections),
        TEST(findings_of_one_rule_and_program_are_put_together),
        TEST(ports_are_told_apart_where_they_are_many),
        TEST(listeners_of_one_program_at_one_address_are_one),
        TEST(counters_never_go_back),
        TEST(unknown_values_are_no_samples),
        TEST(both_formats_are_as_they_should_be),
        TEST(label_values_are_escaped),
        TEST(programs_are_bounded),
        TEST(routes_listeners_and_processes_are_bounded),
        TEST(namespaces_are_bounded_and_their_names_put_together),
        TEST(empty_snapshots_are_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
