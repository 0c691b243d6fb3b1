/* inspect/linux_events.c: every move in order, end of file, and where sockets were opened. The reading of tracefs's
 * descriptions (linux_tracepoint.c) is tested by its text, the rest on a child's connection over loopback. */
#define _GNU_SOURCE
#include "support/unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "inspect/linux_events.h"
#include "inspect/linux_stacks.h"
#include "inspect/linux_tracepoint.h"
#include "inspect/linux_unwind.h"

/* --- Descriptions --- */

static const char format[] = "name: a_thing\n"
                             "ID: 2287\n"
                             "format:\n"
                             "\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"
                             "\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;\n"
                             "\n"
                             "\tfield:const void * skaddr;\toffset:8;\tsize:8;\tsigned:0;\n"
                             "\tfield:int oldstate;\toffset:16;\tsize:4;\tsigned:1;\n"
                             "\tfield:int *state;\toffset:24;\tsize:8;\tsigned:0;\n"
                             "\tfield:__u8 saddr[4];\toffset:32;\tsize:4;\tsigned:0;\n"
                             "\n"
                             "print fmt: \"field:int ret;\toffset:99;\tsize:4;\", REC->saddr\n";

static void fields_are_found_by_name(void **state) {
    (void)state;
    static const char *const names[] = {"saddr", "common_type", "oldstate", "state", "skaddr"};
    struct tracepoint_field field[5];
    uint32_t id = 0;
    assert_true(tracepoint_parse(format, names, 5, field, &id));
    assert_int_equal(id, 2287);
    assert_int_equal(field[0].offset, 32);
    assert_int_equal(field[0].size, 4);
    assert_int_equal(field[1].offset, 0);
    assert_int_equal(field[2].offset, 16);
    assert_true(field[2].is_signed);
    assert_int_equal(field[3].offset, 24);
    assert_int_equal(field[4].size, 8);
    assert_false(field[4].is_signed);
}

static void what_is_missing_is_an_error(void **state) {
    (void)state;
    static const char *const ret[] = {"ret"}, *const old[] = {"oldstate"};
    struct tracepoint_field field;
    uint32_t id;
    assert_false(tracepoint_parse(format, ret, 1, &field, &id)); /* Only in the text for printing. */
    assert_false(tracepoint_parse("", old, 1, &field, &id));
    assert_false(tracepoint_parse("\tfield:int oldstate;\toffset:16;\tsize:4;\n", old, 1, &field, &id));
    assert_false(tracepoint_parse("ID: 1\n\tfield:int oldstate;\toffset:16;\n", old, 1, &field, &id));
    assert_false(tracepoint_parse("ID: 1\n\tfield:int oldstate;\toffset:99999999;\tsize:4;\n", old, 1, &field, &id));
    assert_true(tracepoint_parse("ID: 1\n\tfield:int oldstate;\toffset:16;\tsize:4;", old, 1, &field, &id));
}

static void numbers_have_their_size_and_sign(void **state) {
    (void)state;
    int16_t minus = -2;
    uint8_t raw[8] = {0};
    memcpy(raw + 2, &minus, sizeof minus);
    struct tracepoint_field field = {.offset = 2, .size = 2, .is_signed = true};
    assert_int_equal(tracepoint_number(&field, raw, sizeof raw), -2);
    field.is_signed = false;
    assert_int_equal(tracepoint_number(&field, raw, sizeof raw), 0xfffe);
    assert_int_equal(tracepoint_number(&field, raw, 3), 0);
    field.offset = 60000;
    assert_int_equal(tracepoint_number(&field, raw, sizeof raw), 0);
    field = (struct tracepoint_field){.size = 64};
    assert_int_equal(tracepoint_number(&field, raw, sizeof raw), 0);
}

/* --- The store of stacks --- */

static struct perf_record record_of(const uint8_t *stack, const uint64_t *regs) {
    return (struct perf_record){.pid = getpid(),
                                .tid = getpid(),
                                .regs = regs,
                                .nregs = (unsigned)__builtin_popcountll(unwind_mask()),
                                .stack = stack,
                                .stack_len = 64};
}

static void the_store_is_bounded_and_its_numbers_are_used_once(void **state) {
    (void)state;
    if (!unwind_mask()) skip();
    struct stacks *stacks = stacks_new();
    assert_non_null(stacks);
    uint8_t stack[64] = {0};
    uint64_t regs[UNWIND_REGS] = {0};
    struct perf_record record = record_of(stack, regs);
    uint32_t first = stacks_keep(stacks, &record);
    assert_int_not_equal(first, 0);
    stacks_forget(stacks, first);
    stacks_forget(stacks, first);
    uint32_t again = stacks_keep(stacks, &record);
    assert_int_not_equal(again, 0);
    assert_int_not_equal(again, first);
    for (int i = 0; i < 2 * STACKS_MAX; i++) assert_int_not_equal(stacks_keep(stacks, &record), 0);
    assert_null(stacks_text(stacks, 0));
    assert_null(stacks_text(stacks, first));
    record.regs = NULL;
    assert_int_equal(stacks_keep(stacks, &record), 0);
    stacks_free(stacks);
}

static void a_flood_is_thinned_out(void **state) {
    (void)state;
    if (!unwind_mask()) skip();
    struct stacks *stacks = stacks_new();
    assert_non_null(stacks);
    uint8_t stack[64] = {0};
    uint64_t regs[UNWIND_REGS] = {0};
    struct perf_record record = record_of(stack, regs);
    unsigned kept = 0;
    la_time now = LA_SECOND;
    for (unsigned i = 0; i < 50000; i++, now += 100 * LA_US) { /* Five seconds. */
        if (!stacks_ready(stacks, now)) continue;
        assert_int_not_equal(stacks_keep(stacks, &record), 0);
        kept++;
    }
    assert_in_range(kept, STACKS_BURST + 4 * STACKS_RATE, STACKS_BURST + 5 * STACKS_RATE);
    assert_true(stacks_ready(stacks, now + 10 * LA_SECOND));
    stacks_free(stacks);
}

/* --- A real connection --- */

/* What the child tells its parent: its ports and descriptors. */
struct told {
    uint16_t listener_port;
    int accepted;
};

__attribute__((noinline)) static int open_a_client(const struct sockaddr_in6 *addr) {
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (const struct sockaddr *)addr, sizeof *addr) < 0) _exit(2);
    return fd; /* Not a tail call: the frame stays. */
}

__attribute__((noinline)) static int take_a_connection(int listener) {
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) _exit(3);
    return fd;
}

/* Connects to itself, reads end of file, and then keeps a socket in CLOSE_WAIT. */
static void live(int out) {
    int listener = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in6 addr = {.sin6_family = AF_INET6};
    socklen_t len = sizeof addr;
    inet_pton(AF_INET6, "::ffff:127.0.0.1", &addr.sin6_addr);
    if (bind(listener, (struct sockaddr *)&addr, len) < 0 || listen(listener, 8) < 0) _exit(4);
    getsockname(listener, (struct sockaddr *)&addr, &len);
    int client = open_a_client(&addr);
    int accepted = take_a_connection(listener);
    char byte;
    shutdown(client, SHUT_WR);
    if (recv(accepted, &byte, 1, MSG_PEEK) != 0 || recv(accepted, &byte, 1, 0) != 0) _exit(5);
    struct told told = {ntohs(addr.sin6_port), accepted};
    if (write(out, &told, sizeof told) != sizeof told) _exit(6);
    for (;;) pause();
}

static pid_t start(struct told *told) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(ends[0]);
        live(ends[1]);
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], told, sizeof *told), sizeof *told);
    close(ends[0]);
    return child;
}

static void stop(pid_t child) {
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

static struct events *begin(bool stacks) {
    char why[200] = "";
    struct events *events = events_open(stacks, why, sizeof why);
    if (!events) {
        print_message("%s\n", why);
        assert_int_not_equal(why[0], 0);
        skip();
    }
    return events;
}

/* What was seen of the child. */
struct seen {
    struct event move[64], accept, connect, eof;
    unsigned nmoves, naccepts, nconnects, neofs, nlost;
    bool ordered;
};

static bool about(const struct seen *seen, const struct event *event, const struct told *told) {
    if (event->local.port == told->listener_port || event->peer.port == told->listener_port) return true;
    for (unsigned i = 0; i < seen->nmoves; i++)
        if (seen->move[i].sock == event->sock) return true;
    return false;
}

static void see(struct seen *seen, const struct event *event, pid_t child, const struct told *told) {
    switch ((enum event_kind)event->kind) {
    case EVENT_MOVE:
        if (seen->nmoves < 64 && about(seen, event, told)) seen->move[seen->nmoves++] = *event;
        break;
    case EVENT_OPEN:
        if (event->pid != child) break;
        if (event->fd >= 0)
            seen->accept = *event, seen->naccepts++;
        else
            seen->connect = *event, seen->nconnects++;
        break;
    case EVENT_EOF:
        if (event->pid == child) seen->eof = *event, seen->neofs++;
        break;
    case EVENT_LOST: seen->nlost++; break;
    }
}

static void read_all(struct events *events, struct seen *seen, pid_t child, const struct told *told) {
    struct event event;
    la_time last = 0;
    seen->ordered = true;
    while (events_next(events, &event)) {
        if (event.at < last) seen->ordered = false;
        last = event.at;
        see(seen, &event, child, told);
    }
}

static const struct event *find_move(const struct seen *seen, uint8_t from, uint8_t to) {
    for (unsigned i = 0; i < seen->nmoves; i++)
        if (seen->move[i].from == from && seen->move[i].to == to) return &seen->move[i];
    fail_msg("no move from %s to %s", la_state_name(from), la_state_name(to));
    return NULL;
}

static void moves_have_states_sockets_and_doers(void **state) {
    (void)state;
    struct events *events = begin(false);
    struct told told;
    pid_t child = start(&told);
    struct pollfd wait = {.fd = events_fd(events), .events = POLLIN};
    assert_int_equal(poll(&wait, 1, 5000), 1);
    struct seen seen = {0};
    read_all(events, &seen, child, &told);
    assert_true(seen.ordered);
    assert_int_equal(seen.nlost, 0);
    assert_int_equal(seen.naccepts + seen.nconnects, 0);

    const struct event *listen = find_move(&seen, LA_CLOSED, LA_LISTEN);
    const struct event *syn = find_move(&seen, LA_CLOSED, LA_SYN_SENT);
    const struct event *opened = find_move(&seen, LA_SYN_SENT, LA_ESTABLISHED);
    const struct event *passive = find_move(&seen, LA_SYN_RCVD, LA_ESTABLISHED);
    const struct event *close_wait = find_move(&seen, LA_ESTABLISHED, LA_CLOSE_WAIT);
    const struct event *fin = find_move(&seen, LA_ESTABLISHED, LA_FIN_WAIT_1);
    assert_true(syn->sock && syn->sock == opened->sock && syn->sock == fin->sock);
    assert_true(passive->sock == close_wait->sock && passive->sock != syn->sock && passive->sock != listen->sock);
    assert_int_equal(listen->pid, child);
    assert_int_equal(syn->pid, child);
    assert_false(listen->cpu_soft || syn->cpu_soft || fin->cpu_soft);
    assert_true(opened->cpu_soft && passive->cpu_soft && close_wait->cpu_soft);
    struct la_addr loopback = {{[10] = 0xff, 0xff, 127, 0, 0, 1}};
    assert_memory_equal(&close_wait->local.addr, &loopback, sizeof loopback);
    assert_memory_equal(&close_wait->peer.addr, &loopback, sizeof loopback);
    assert_int_equal(close_wait->local.port, told.listener_port);
    assert_int_equal(opened->peer.port, told.listener_port);

    if (seen.neofs) {                    /* Linux before 6.3 does not tell. */
        assert_int_equal(seen.neofs, 1); /* The peek does not count. */
        assert_true(seen.eof.sock == close_wait->sock);
        assert_true(seen.eof.at >= close_wait->at);
    }
    stop(child);
    events_close(events);
}

/* "FUNCTION (FILE:LINE)", or "FUNCTION (PROGRAM)" where there is no debugging information. */
static void assert_names(const char *frames, const char *call, const char *function) {
    assert_non_null(frames);
    if (!strstr(frames, call) || !strstr(frames, function) || !strstr(frames, "main (")) fail_msg("%s", frames);
    const char *after = strstr(frames, function) + strlen(function);
    size_t line = strcspn(after, "\n");
    if (strncmp(after, " (test_inspect_linux_events.c:", 30) != 0 && memchr(after, ':', line)) fail_msg("%s", frames);
}

static void open_sites_have_functions_and_files(void **state) {
    (void)state;
    if (!unwind_mask()) skip();
    struct events *events = begin(true);
    struct seen seen;
    struct told told;
    pid_t child = 0;
    for (int attempt = 0; attempt < 5; attempt++) { /* Where much else connects, stacks are thinned out. */
        if (child) stop(child);
        child = start(&told);
        memset(&seen, 0, sizeof seen);
        read_all(events, &seen, child, &told);
        if (seen.accept.stack && seen.connect.stack) break;
    }
    assert_int_equal(seen.naccepts, 1);
    assert_int_equal(seen.nconnects, 1);
    assert_int_equal(seen.accept.fd, told.accepted);
    assert_int_not_equal(seen.accept.inode, 0);
    assert_true(seen.connect.sock == find_move(&seen, LA_CLOSED, LA_SYN_SENT)->sock);
    assert_int_not_equal(seen.accept.stack, 0);
    assert_int_not_equal(seen.connect.stack, 0);

    char *accept = events_site(events, seen.accept.stack), *connect = events_site(events, seen.connect.stack);
    assert_names(accept, "accept4 (", "take_a_connection");
    assert_names(connect, "connect (", "open_a_client");
    char *again = events_site(events, seen.accept.stack);
    assert_string_equal(again, accept);
    free(again);
    free(connect);
    free(accept);

    stop(child);
    assert_null(events_site(events, seen.accept.stack)); /* The process is gone. */
    events_forget(events, seen.connect.stack);
    assert_null(events_site(events, seen.connect.stack));
    events_close(events);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_found_by_name),
        cmocka_unit_test(what_is_missing_is_an_error),
        cmocka_unit_test(numbers_have_their_size_and_sign),
        cmocka_unit_test(the_store_is_bounded_and_its_numbers_are_used_once),
        cmocka_unit_test(a_flood_is_thinned_out),
        cmocka_unit_test(moves_have_states_sockets_and_doers),
        cmocka_unit_test(open_sites_have_functions_and_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
