/* inspect/rules_listen.c: which listeners do not keep up, and who should accept. */
#include "support/inspect_host.h"

static void full_accept_queue_names_who_should_accept(void **state) {
    (void)state;
    listen_on_80(3, 2)->drops = 7;
    add_queued(3, LA_ESTABLISHED, 40 * LA_SECOND);
    const struct finding *finding = must("accept-queue-full");
    assert_int_equal(finding->severity, SEVERITY_HARM);
    assert_int_equal(finding->proc, 0);
    assert_int_equal(finding->fd, 6);
    assert_int_equal(finding->nconns, 3);
    assert_int_equal(finding->age.least, 40 * LA_SECOND);
    says(finding, "nginx (pid 17)");
    says(finding, "*:80");
    says(finding, "3 connections");
    says(finding, "7 packets dropped");
    says(finding, "backlog");
    silent("accept-slow");
}

static void stopped_acceptor_is_said_to_be_stopped(void **state) {
    (void)state;
    listen_on_80(3, 2);
    snap->procs[0].state = 'T';
    says(must("accept-queue-full"), "kill -CONT 17");
}

static void accept_queue_at_its_limit_with_drops_is_a_warning(void **state) {
    (void)state;
    snap->netns[0].counter[SNAP_C_LISTEN_OVERFLOWS] = 7;
    listen_on_80(2, 2);
    silent("accept-queue-full");
    snap->conns[0].drops = 1;
    assert_int_equal(must("accept-queue-full")->severity, SEVERITY_WARNING);
}

static void a_burst_is_a_note(void **state) {
    (void)state;
    listen_on_80(3, 2);
    add_queued(3, LA_ESTABLISHED, 8 * LA_MS);
    const struct finding *finding = must("accept-queue-full");
    assert_int_equal(finding->severity, SEVERITY_NOTE);
    says(finding, "come faster than nginx (pid 17) accepts");
    snap->conns[1].age = (struct snap_age){9 * LA_SECOND, 9 * LA_SECOND};
    assert_int_equal(must("accept-queue-full")->severity, SEVERITY_HARM);
}

static void drops_of_the_syn_queue_are_not_the_accept_queues(void **state) {
    (void)state;
    listen_on_80(0, 16)->drops = 7;
    silent("accept-queue-full");
}

static void past_drops_are_a_note(void **state) {
    (void)state;
    snap->netns[0].counter[SNAP_C_LISTEN_OVERFLOWS] = 7;
    listen_on_80(0, 128)->drops = 12;
    const struct finding *finding = must("accept-queue-full");
    assert_int_equal(finding->severity, SEVERITY_NOTE);
    says(finding, "12 packets");
}

static void slow_accept_counts_connections_that_wait_long(void **state) {
    (void)state;
    listen_on_80(3, 128);
    add_queued(1, LA_ESTABLISHED, LA_SECOND);
    silent("accept-slow");
    add_queued(2, LA_ESTABLISHED, 9 * LA_SECOND);
    const struct finding *finding = must("accept-slow");
    assert_int_equal(finding->severity, SEVERITY_WARNING);
    assert_int_equal(finding->nconns, 2);
    says(finding, "2 connections wait");
    says(finding, "9.0 s");
    silent("accept-queue-full");
}

static void queued_close_wait_is_another_rules_matter(void **state) {
    (void)state;
    listen_on_80(2, 128);
    add_queued(2, LA_CLOSE_WAIT, 9 * LA_SECOND);
    silent("accept-slow");
}

static void listeners_on_one_address_are_one_and_the_longest_queue_is_named(void **state) {
    (void)state;
    listen_on_80(0, 2);
    struct snap_proc *other = snap_add_proc(snap);
    other->pid = 18;
    other->program = "worker";
    listen_on_80(3, 2);
    snap->owners[snap->nowners - 1].proc = 1;
    const struct finding *finding = must("accept-queue-full");
    says(finding, "worker (pid 18)");
    unsigned n = 0;
    for (unsigned i = 0; i < findings.n; i++) n += strcmp(findings.list[i].rule->id, "accept-queue-full") == 0;
    assert_int_equal(n, 1);
}

static void full_syn_queue_drops_without_cookies(void **state) {
    (void)state;
    listen_on_80(0, 4);
    add_embryos(4, 0);
    snap->netns[0].setting[SNAP_S_SYNCOOKIES] = 0;
    const struct finding *finding = must("syn-queue-full");
    assert_int_equal(finding->severity, SEVERITY_HARM);
    assert_int_equal(finding->nconns, 4);
    says(finding, "*:80");
    says(finding, "dropped");
    silent("syn-cookies");
    silent("syn-received-unanswered");
}

static void full_syn_queue_uses_cookies(void **state) {
    (void)state;
    listen_on_80(0, 4);
    add_embryos(3, 0);
    silent("syn-cookies");
    add_embryos(1, 0);
    snap->netns[0].counter[SNAP_C_SYNCOOKIES_SENT] = 8;
    const struct finding *finding = must("syn-cookies");
    assert_int_equal(finding->severity, SEVERITY_WARNING);
    says(finding, "4 connections half open");
    says(finding, "Cookies sent: 8");
    silent("syn-queue-full");
}

static void many_cookies_of_the_past_are_a_note(void **state) {
    (void)state;
    listen_on_80(0, 128);
    snap->netns[0].counter[SNAP_C_SYNCOOKIES_SENT] = 8;
    silent("syn-cookies");
    snap->netns[0].counter[SNAP_C_SYNCOOKIES_SENT] = 8000;
    assert_int_equal(must("syn-cookies")->severity, SEVERITY_NOTE);
}

static void unanswered_syn_acks_are_a_note_unless_many(void **state) {
    (void)state;
    listen_on_80(0, 4096);
    add_embryos(5, 0);
    silent("syn-received-unanswered");
    add_embryos(2, 3);
    const struct finding *finding = must("syn-received-unanswered");
    assert_int_equal(finding->severity, SEVERITY_NOTE);
    assert_int_equal(finding->nconns, 2);
    says(finding, "2 clients");
    says(finding, "sent again 3 times");
    add_embryos(1000, 1);
    assert_int_equal(must("syn-received-unanswered")->severity, SEVERITY_WARNING);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(full_accept_queue_names_who_should_accept),
        TEST(stopped_acceptor_is_said_to_be_stopped),
        TEST(accept_queue_at_its_limit_with_drops_is_a_warning),
        TEST(a_burst_is_a_note),
        TEST(drops_of_the_syn_queue_are_not_the_accept_queues),
        TEST(past_drops_are_a_note),
        TEST(slow_accept_counts_connections_that_wait_long),
        TEST(queued_close_wait_is_another_rules_matter),
        TEST(listeners_on_one_address_are_one_and_the_longest_queue_is_named),
        TEST(full_syn_queue_drops_without_cookies),
        TEST(full_syn_queue_uses_cookies),
        TEST(many_cookies_of_the_past_are_a_note),
        TEST(unanswered_syn_acks_are_a_note_unless_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
