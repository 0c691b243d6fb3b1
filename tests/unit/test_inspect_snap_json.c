/* inspect/snap_json.c, snap_json_read.c, say_json.c: what is written is read again; what is not a snapshot is refused
 * with its place. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "inspect/say_json.h"
#include "inspect/snap_json.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct la_endpoint at(const char *addr, uint16_t port, uint16_t zone) {
    struct la_endpoint endpoint = {.port = port, .zone = zone};
    assert_true(la_addr_parse(addr, &endpoint.addr));
    return endpoint;
}

static void add_facts(struct snap *snap) {
    struct snap_netns *netns = snap_add_netns(snap);
    netns->stack = true;
    netns = snap_add_netns(snap);
    netns->name = "blue";
    netns->inode = 4026531840;
    netns->facts = true;
    netns->setting[SNAP_S_FIN_TIMEOUT] = 60;
    netns->counter[SNAP_C_TW] = 12345678901;
    netns->first_address = snap->naddresses;
    netns->naddresses = 2;
    la_addr_parse("10.0.0.1", snap_add_address(snap));
    la_addr_parse("fd00::1", snap_add_address(snap));
    *snap_add_line(snap) = (struct snap_line){"/etc/sysctl.conf", 7, "net.ipv4.tcp_fin_timeout", "1\t2"};
    *snap_add_blind(snap) = (struct snap_blind){"the descriptors of 2 processes", "run as root"};
    *snap_add_blind(snap) = (struct snap_blind){"history", NULL};
}

static void add_procs(struct snap *snap) {
    struct snap_proc *proc = snap_add_proc(snap);
    *proc = (struct snap_proc){.pid = 17,
                               .parent = 1,
                               .uid = 1000,
                               .program = "b\xc3\xa4r \"q\" \\ \xff\xe2\x82",
                               .command = "x -y",
                               .unit = "x.service",
                               .container = "3fa1",
                               .nfds = 20,
                               .fd_limit = 1024,
                               .state = 'S',
                               .sigpipe = SNAP_SIGPIPE_KILLS,
                               .started = 99,
                               .nthreads = 1};
    *snap_add_thread(snap) = (struct snap_thread){0, 18, 'S', "epoll_wait", 9, "ep_poll"};
    snap_add_proc(snap)->pid = 16;
}

static void add_conn(struct snap *snap) {
    struct snap_conn *conn = snap_add_conn(snap);
    conn->cookie = 0xfedcba9876543210;
    conn->inode = 4711;
    conn->local = at("10.0.0.1", 443, 0);
    conn->peer = at("10.0.0.2", 51234, 0);
    conn->netns = 1;
    conn->uid = 1000;
    conn->state = LA_CLOSE_WAIT;
    conn->timer = LA_TIMER_KEEPALIVE;
    conn->timer_left = 7199999999999;
    conn->shut = SNAP_SHUT_READ;
    conn->marks = SNAP_MEASURED | SNAP_QUEUED;
    conn->eof = SNAP_EOF_AMBIGUOUS;
    conn->tries = 3;
    conn->age = (struct snap_age){1500000001, 3 * LA_SECOND};
    conn->recv_queue = 1;
    conn->send_queue = UINT32_MAX;
    conn->looked_closely = true;
    conn->cgroup = 1234;
    conn->former = 1;
    conn->data_sent = 5;
    conn->data_received = 0;
    conn->rtt = 200 * LA_US;
    conn->rto = 200 * LA_MS;
    conn->peer_window = 0;
    conn->bytes_in = (uint64_t)1 << 50;
    conn->window_limited = LA_SECOND;
    conn->first_move = snap->nmoves;
    conn->nmoves = 2;
    *snap_add_move(snap) = (struct snap_move){9 * LA_SECOND, LA_LISTEN, LA_SYN_RCVD, NULL};
    *snap_add_move(snap) = (struct snap_move){2 * LA_SECOND, LA_ESTABLISHED, LA_CLOSE_WAIT, "FIN arrived"};
    *snap_add_owner(snap) = (struct snap_owner){0, 0, 5};
    *snap_add_owner(snap) = (struct snap_owner){0, 1, 6};
    *snap_add_hold(snap) = (struct snap_hold){0, 1, SNAP_HOLD_URING, 8, 1};
    *snap_add_hold(snap) = (struct snap_hold){SNAP_NONE, 1, SNAP_HOLD_MESSAGE, 7, 2};
    *snap_add_watch(snap) = (struct snap_watch){
        0, 0, SNAP_WATCH_EPOLL, SNAP_WATCH_EDGE | SNAP_WATCH_WAITED, 5, 9, 18, 0x80002001, "epoll_wait"};
}

static struct snap *full(void) {
    struct snap *snap = snap_new();
    add_facts(snap);
    add_procs(snap);
    add_conn(snap);
    struct snap_conn *conn = snap_add_conn(snap);
    conn->state = LA_LISTEN;
    conn->local = at("::", 443, 0);
    conn->drops = 4;
    conn = snap_add_conn(snap);
    conn->state = LA_SYN_SENT;
    conn->local = at("fe80::1", 40000, 3);
    conn->peer = at("fe80::2", 80, 3);
    conn->age = (struct snap_age){0, 0};
    snap->taken = 123456789012345;
    snap->wall = 1700000000 * LA_SECOND;
    snap->source = "Linux 6.18";
    snap->owners_known = true;
    snap_finish(snap);
    assert_false(snap->failed);
    return snap;
}

static char *written(const struct snap *snap, const struct filter *filter) {
    struct say out = {0};
    assert_true(snap_json_write(snap, filter, &out));
    char *text = say_take(&out);
    assert_non_null(text);
    return text;
}

struct pieces {
    struct say text;
    unsigned n, most;
};

static bool take_piece(void *arg, const char *text, size_t len) {
    struct pieces *pieces = arg;
    say(&pieces->text, "%.*s", (int)len, text);
    return ++pieces->n < pieces->most;
}

static struct snap *reads(const char *text) {
    char why[200] = "";
    struct snap *snap = snap_new();
    if (!snap_json_read(text, strlen(text), snap, why, sizeof why)) fail_msg("%s", why);
    return snap;
}

static void what_is_written_is_read_again(void **state) {
    (void)state;
    struct snap *snap = full();
    char *text = written(snap, NULL);
    struct snap *again = reads(text);
    char *twice = written(again, NULL);
    struct snap *third = reads(twice); /* The first time, texts were cleaned. */
    char *thrice = written(third, NULL);
    assert_string_equal(thrice, twice);

    const struct snap_conn *a = &snap->conns[0], *b = &again->conns[0];
    assert_int_equal(again->nconns, 3);
    assert_true(a->cookie == b->cookie && a->state == b->state && a->netns == b->netns && a->marks == b->marks);
    assert_true(a->age.least == b->age.least && a->age.most == b->age.most && a->timer_left == b->timer_left);
    assert_true(a->data_sent == b->data_sent && b->data_received == 0 && b->ack_received == LA_NEVER);
    assert_true(b->nowners == 2 && b->nholds == 1 && b->nwatches == 1 && b->nmoves == 2 && b->peer_window == 0);
    assert_true(again->procs[again->owners[b->first_owner].proc].pid == 16 && b->send_queue == UINT32_MAX);
    assert_true(again->watches[b->first_watch].events == 0x80002001 && b->uid == 1000);
    assert_true(b->former == 1 && again->conns[1].former == SNAP_NONE);
    assert_true(again->nholds == 2 && again->nthreads == 1 && again->threads[0].proc == 0);
    assert_true(again->conns[1].uid == UINT32_MAX && again->conns[1].drops == 4 && b->drops == UINT32_MAX);
    assert_true(again->conns[2].peer.zone == 3 && again->conns[2].timer_left == LA_NEVER);
    assert_true(again->wall == snap->wall && again->taken == snap->taken && again->owners_known);
    assert_true(again->netns[1].facts && !again->netns[0].facts && again->netns[0].stack);
    assert_true(again->netns[1].setting[SNAP_S_FIN_TIMEOUT] == 60 && again->netns[1].setting[SNAP_S_RETRIES2] == -1);
    assert_true(again->netns[1].counter[SNAP_C_TW] == 12345678901 && again->netns[1].naddresses == 2);
    assert_string_equal(again->procs[0].program, "b\xc3\xa4r \"q\" \\ \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    assert_string_equal(again->lines[0].value, "1?2"); /* No control character comes back. */
    assert_null(again->blinds[1].need);
    free(thrice);
    free(twice);
    free(text);
    snap_free(third);
    snap_free(again);
    snap_free(snap);
}

static void pieces_are_the_document(void **state) {
    (void)state;
    struct snap *snap = snap_new();
    struct pieces pieces = {.most = UINT_MAX};
    snap_add_netns(snap);
    for (unsigned i = 0; i < 3000; i++) snap_add_conn(snap)->cookie = i + 1;
    snap_finish(snap);
    char *whole = written(snap, NULL);
    assert_true(snap_json_put(snap, NULL, take_piece, &pieces));
    assert_true(pieces.n > 3);
    assert_string_equal(pieces.text.text, whole);
    pieces = (struct pieces){.text = pieces.text, .most = 2};
    assert_false(snap_json_put(snap, NULL, take_piece, &pieces)); /* Nobody wants more. */
    assert_int_equal(pieces.n, 2);
    say_free(&pieces.text);
    free(whole);
    snap_free(snap);
}

static void a_filter_leaves_connections_out(void **state) {
    (void)state;
    struct snap *snap = full();
    char why[200], *words[] = {"state", "close-wait"};
    struct filter *filter = filter_parse(2, words, why, sizeof why);
    assert_non_null(filter);
    char *text = written(snap, filter);
    struct snap *again = reads(text);
    assert_true(again->nconns == 1 && again->nprocs == 2 && again->conns[0].state == LA_CLOSE_WAIT);
    snap_free(again);
    free(text);
    filter_free(filter);
    snap_free(snap);
}

static void seconds_are_exact(void **state) {
    (void)state;
    static const struct {
        la_time time;
        const char *text;
    } rows[] = {{0, "0"},
                {1, "0.000000001"},
                {1500 * LA_MS, "1.5"},
                {60 * LA_SECOND, "60"},
                {LA_SECOND + 10, "1.00000001"},
                {LA_NEVER, "null"}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct say out = {0};
        say_json_seconds(&out, NULL, rows[i].time);
        assert_string_equal(out.text, rows[i].text);
        say_free(&out);
    }
}

static void only_utf_8_is_written(void **state) {
    (void)state;
    static const char *const rows[][2] = {{"a\xe2\x82\xac", "\"a\xe2\x82\xac\""},
                                          {"\xf0\x9f\x98\x80", "\"\xf0\x9f\x98\x80\""},
                                          {"\xc0\xaf", "\"\\ufffd\\ufffd\""},
                                          {"\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\""},
                                          {"\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\""},
                                          {"\xf0\x9f\x98", "\"\\ufffd\\ufffd\\ufffd\""},
                                          {"\x1b[1m\x7f", "\"\\u001b[1m\\u007f\""}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct say out = {0};
        say_json_text(&out, NULL, rows[i][0]);
        assert_string_equal(out.text, rows[i][1]);
        say_free(&out);
    }
}

#define HEAD "{\"format\":\"lastack snapshot 1\""
#define CONN                                                                                                           \
    "\"state\":\"ESTABLISHED\",\"local\":{\"address\":\"::1\",\"port\":1},\"peer\":{\"address\":\"::1\",\"port\":2}"

static void what_is_no_snapshot_is_refused_with_its_place(void **state) {
    (void)state;
    static const char *const rows[][2] = {
        {"", "byte 0: expected {"},
        {"[]", "byte 0: expected {"},
        {"{}", "format: expected"},
        {"{\"format\":1}", "format: expected"},
        {"{\"format\":\"lastack findings 1\",\"x\":[1}", "format: expected"},
        {"{\"format\" \"x\"}", "byte 10: expected :"},
        {"{1:2}", "the document: expected a member's name"},
        {HEAD "} x", "the document: expected nothing after its end"},
        {HEAD ",\"x\":[1}", "not JSON"},
        {HEAD ",\"connections\":{}}", "expected ["},
        {HEAD ",\"connections\":[1]}", "connections[0]"},
        {HEAD ",\"connections\":[{}]}", "connections[0].state: expected the name of a state"},
        {HEAD ",\"connections\":[{" CONN "},{\"state\":\"OPEN\"}]}", "connections[1].state"},
        {HEAD ",\"connections\":[{\"state\":\"LISTEN\",\"local\":\"::1\"}]}", "connections[0].local"},
        {HEAD ",\"connections\":[{" CONN ",\"uid\":-1}]}", "connections[0].uid"},
        {HEAD ",\"connections\":[{" CONN ",\"uid\":1.5}]}", "connections[0].uid"},
        {HEAD ",\"connections\":[{" CONN ",\"recv_queue\":4294967296}]}", "connections[0].recv_queue"},
        {HEAD ",\"connections\":[{" CONN ",\"age\":{\"least\":2,\"most\":1}}]}", "connections[0].age"},
        {HEAD ",\"connections\":[{" CONN ",\"age\":{\"least\":-1}}]}", "connections[0].least"},
        {HEAD ",\"connections\":[{" CONN ",\"cookie\":\"12345678901234567\"}]}", "connections[0].cookie"},
        {HEAD ",\"connections\":[{" CONN ",\"cookie\":\"\"}]}", "connections[0].cookie"},
        {HEAD ",\"connections\":[{" CONN ",\"marks\":[\"odd\"]}]}", "connections[0].marks"},
        {HEAD ",\"connections\":[{" CONN ",\"eof\":true}]}", "connections[0].eof"},
        {HEAD ",\"connections\":[{" CONN ",\"timer\":{}}]}", "connections[0].timer"},
        {HEAD ",\"connections\":[{" CONN ",\"owners\":[{\"process\":0}]}]}", "process: expected the number"},
        {HEAD ",\"connections\":[{" CONN ",\"owners\":[{\"fd\":3}]}]}", "connections[0].process"},
        {HEAD ",\"connections\":[{" CONN ",\"owners\":[3]}]}", "connections[0].owners"},
        {HEAD ",\"connections\":[{" CONN ",\"namespace\":1}]}", "connections[0].namespace"},
        {HEAD ",\"connections\":[{" CONN ",\"former\":0}]}", "connections[0].former"},
        {HEAD ",\"processes\":[{\"state\":\"SS\"}]}", "processes[0].state"},
        {HEAD ",\"processes\":[{\"program\":7}]}", "processes[0].program"},
        {HEAD ",\"processes\":[{\"program\":\"\\u0000\"}]}", "not JSON"},
        {HEAD ",\"namespaces\":[{\"addresses\":[\"localhost\"]}]}", "namespaces[0].addresses"},
        {HEAD ",\"namespaces\":[{\"settings\":{\"net.ipv4.tcp_fin_timeout\":\"60\"}}]}", "net.ipv4.tcp_fin_timeout"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char why[200] = "";
        struct snap *snap = snap_new();
        assert_false(snap_json_read(rows[i][0], strlen(rows[i][0]), snap, why, sizeof why));
        if (!strstr(why, rows[i][1])) fail_msg("%s\ngave: %s\nnot:  %s", rows[i][0], why, rows[i][1]);
        snap_free(snap);
    }
}

static void unknown_members_are_skipped_and_null_is_absent(void **state) {
    (void)state;
    struct snap *snap = reads(" " HEAD " , \"later\" : {\"a\":[1,2]} ,\"connections\":[ {" CONN
                              ",\"novel\":{},\"uid\":null} , {" CONN "} ] , \"complete\":false } \n");
    assert_true(snap->nconns == 2 && snap->nnetns == 1 && snap->conns[0].uid == UINT32_MAX && snap->failed);
    snap_free(snap);
}

static void texts_cannot_move_a_terminal(void **state) {
    (void)state;
    struct snap *snap = reads(HEAD ",\"processes\":[{\"program\":\"\\u001b[2J\\u009b2J\\u007f\\n\xc3\xa4\"}]}");
    assert_string_equal(snap->procs[0].program, "?[2J??2J??\xc3\xa4");
    snap_free(snap);
}

static void no_beginning_of_a_document_is_one(void **state) {
    (void)state;
    struct snap *snap = full();
    char *text = written(snap, NULL), why[200];
    size_t len = strlen(text) - 1; /* Without the line end. */
    for (size_t n = 0; n < len; n += 3) {
        char *part = malloc(n + 1); /* Of its exact size. */
        memcpy(part, text, n);
        struct snap *again = snap_new();
        assert_false(snap_json_read(part, n, again, why, sizeof why));
        snap_free(again);
        free(part);
    }
    free(text);
    snap_free(snap);
}

static size_t asked, refuse_at;

static void *take(size_t size) { return ++asked == refuse_at ? NULL : malloc(size); }

/* Where jansson can do without, it does; refused memory while it reads an escape, it asserts: there is none here. */
static void refused_memory_is_told(void **state) {
    (void)state;
    static const char text[] = HEAD ",\"complete\":true,\"namespaces\":[{\"stack\":true}],\"processes\":[{\"pid\":17,"
                                    "\"threads\":[{\"tid\":18}]}],\"connections\":[{" CONN
                                    ",\"owners\":[{\"process\":0,\"fd\":5}],\"marks\":[\"queued\"]},{" CONN "}]}";
    char why[200];
    unsigned told = 0;
    json_set_alloc_funcs(take, free);
    for (refuse_at = 1; asked >= refuse_at - 1; refuse_at++) {
        struct snap *again = snap_new();
        asked = 0;
        why[0] = '\0';
        bool done = snap_json_read(text, sizeof text - 1, again, why, sizeof why);
        assert_true(done || why[0]);
        told += !done;
        snap_free(again);
    }
    json_set_alloc_funcs(malloc, free);
    assert_true(told > 50);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_again),
        cmocka_unit_test(pieces_are_the_document),
        cmocka_unit_test(a_filter_leaves_connections_out),
        cmocka_unit_test(seconds_are_exact),
        cmocka_unit_test(only_utf_8_is_written),
        cmocka_unit_test(what_is_no_snapshot_is_refused_with_its_place),
        cmocka_unit_test(unknown_members_are_skipped_and_null_is_absent),
        cmocka_unit_test(texts_cannot_move_a_terminal),
        cmocka_unit_test(no_beginning_of_a_document_is_one),
        cmocka_unit_test(refused_memory_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
