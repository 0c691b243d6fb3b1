/* A system call of the script, a shell command, a block of code.
 *
 * A call in ordinary notation is made when it is due and has returned before the next event. One that is written with
 * an end time (t...T) may go on beside later packets; its return is checked when it comes, and a second call waits for
 * it. */
#include <string.h>
#include <sys/socket.h>

#include "run.h"

#define LINE 1024

/* A call that the notation says returns at once is waited for this long, as the original would stand still. */
#define PATIENCE (10 * LA_SECOND)

/* --- What calls mean for the flow under test --- */

static int first_fd(const struct drill_call *call) {
    return call->nargs && call->arg[0]->kind == DRILL_INTEGER ? (int)call->arg[0]->integer : -1;
}

static void flow_of_socket(struct drill_run *run, int fd, enum drill_proto proto) {
    bool ip6 = run->flow.ip6;
    memset(&run->flow, 0, sizeof run->flow);
    run->flow.ip6 = ip6;
    run->flow.proto = proto;
    run->flow_new = true;
    run->flow_fd = fd;
    run->peer_state = -1;
}

/* Whether a connect's address is AF_UNSPEC. */
static bool names_nobody(const struct la_sys_call *call) {
    const struct sockaddr *addr = (const struct sockaddr *)call->arg[1];
    return addr && addr->sa_family == AF_UNSPEC;
}

/* Before connect, or a sendto that connects: the flow's other end is known, and its SYN is to come. */
static void flow_before_connect(struct drill_run *run, const struct la_sys_call *call) {
    bool stream = call->nr == LA_SYS_CONNECT || call->nr == LA_SYS_SENDTO || call->nr == LA_SYS_SENDMSG;
    if (!stream || !run->flow_new || run->flow.state != DRILL_FLOW_NONE || first_fd(run->event->call) != run->flow_fd)
        return;
    run->flow_new = false;
    run->flow.state = DRILL_FLOW_CONNECTING;
    run->flow.remote = (struct la_endpoint){.addr = run->options->remote, .port = run->options->connect_port};
    run->flow.local = (struct la_endpoint){.addr = run->options->local};
}

static void flow_after(struct drill_run *run, const struct value_call *value) {
    const struct la_sys_call *call = &value->call;
    const struct drill_call *spec = value->spec;
    bool has_fd = call->result >= 0 && spec->result->kind == DRILL_INTEGER;
    if (call->nr == LA_SYS_SOCKET && has_fd)
        flow_of_socket(run, (int)spec->result->integer, (call->arg[1] & 0xf) == LA_SOCK_DGRAM ? DRILL_UDP : DRILL_TCP);
    /* Its association given up, the socket is as new. */
    if (call->nr == LA_SYS_CONNECT && call->result == 0 && names_nobody(call) && first_fd(spec) == run->flow_fd)
        flow_of_socket(run, run->flow_fd, run->flow.proto);
    if (call->nr == LA_SYS_LISTEN && call->result == 0) run->flow.state = DRILL_FLOW_LISTENING;
    if ((call->nr == LA_SYS_ACCEPT || call->nr == LA_SYS_ACCEPT4) && has_fd && run->flow_fd < 0)
        run->flow_fd = (int)spec->result->integer;
}

/* --- Results --- */

/* A call as the script has it, and as it went. */
struct call_lines {
    char expected[LINE], actual[LINE];
};

static void write_lines(const struct drill_run *run, const struct value_call *value, struct call_lines *lines) {
    struct drill_text text = drill_text_in(lines->expected, sizeof lines->expected);
    value_write(value->spec, &text);
    text = drill_text_in(lines->actual, sizeof lines->actual);
    value_write_actual(value, &run->fds, &text);
}

static void say_call(struct drill_run *run, const struct call_lines *lines, bool ok) {
    run_say(run, "call", lines->expected, ok ? NULL : lines->actual, ok);
}

/* Judges a call that is over. */
static bool check(struct drill_run *run, struct value_call *value) {
    const char *lacks = NULL;
    if (value->call.result == -LA_EOPNOTSUPP && run->target->refusal)
        lacks = run->target->refusal(run->target, &value->call);
    if (lacks) {
        drill_text_add(&run->why, "the %s refuses %s: %s\n", run->target->name, value->spec->name, lacks);
        return run_fail(run, LA_DRILL_NOT_APPLICABLE);
    }
    size_t before = run->why.len;
    enum value_status status = value_check(value, run->options, &run->fds, &run->why);
    if (status == VALUE_OK) flow_after(run, value);
    struct call_lines lines;
    write_lines(run, value, &lines);
    say_call(run, &lines, status == VALUE_OK);
    if (status == VALUE_OK) return true;
    if (status == VALUE_NOT_APPLICABLE) return run_fail(run, LA_DRILL_NOT_APPLICABLE);
    if (run->why.len > before && run->why.at[run->why.len - 1] != '\n') drill_text_add(&run->why, "\n");
    drill_text_add(&run->why, "expected: %s\nactual:   %s\n", lines.expected, lines.actual);
    if (run->options->non_fatal_syscall) return true;
    return run_fail(run, LA_DRILL_FAIL);
}

/* --- The blocking call --- */

/* The call under way has returned. */
static bool blocking_ended(struct drill_run *run) {
    const struct drill_event *now = run->event;
    run->event = run->blocking_event;
    run->blocking_event = NULL;
    int64_t at = (int64_t)(run->blocking.call.over_at / 1000) - run->start_us;
    bool ok = check(run, &run->blocking);
    if (ok && run->event->time_kind != DRILL_ANY_TIME) {
        ok = run_check_time(run, at, run->blocking_end_us, run->blocking_end_us, run->blocking_at_us,
                            "a system call to return");
        if (!ok) run_fail(run, LA_DRILL_FAIL);
    }
    value_free(&run->blocking);
    if (ok) run->event = now;
    return ok;
}

bool run_blocking_over(struct drill_run *run) {
    if (!run->blocking_event) return true;
    la_time now = run->target->now(run->target);
    return !run->target->wait(run->target, &run->blocking.call, now) || blocking_ended(run);
}

bool run_blocking_finish(struct drill_run *run) {
    if (!run->blocking_event) return true;
    la_time now = run->target->now(run->target);
    la_time end = run_target_time(run, run->blocking_end_us);
    la_time until = (end > now ? end : now) + 1 * LA_SECOND;
    if (run->target->wait(run->target, &run->blocking.call, until)) return blocking_ended(run);
    run->event = run->blocking_event;
    if (!run_reached(run, until)) return false;
    drill_text_add(&run->why, "the call has not returned: expected at %.6f, and it is %.6f\n",
                   (double)run->blocking_end_us / 1e6, (double)run_now_us(run) / 1e6);
    struct call_lines lines;
    write_lines(run, &run->blocking, &lines);
    say_call(run, &lines, false);
    return run_fail(run, LA_DRILL_FAIL);
}

static bool begin_blocking(struct drill_run *run, struct value_call *value) {
    const struct drill_event *event = run->event;
    bool relative = event->time_kind == DRILL_RELATIVE || event->time_kind == DRILL_RELATIVE_RANGE;
    run->blocking = *value;
    run->blocking_event = event;
    run->blocking_at_us = run->at_us;
    run->blocking_end_us = event->call->end_us + (relative ? run->at_us - event->at_us : 0);
    return !run->target->call(run->target, &run->blocking.call) || blocking_ended(run);
}

/* --- Calls --- */

static bool make_call(struct drill_run *run, struct value_call *value) {
    flow_before_connect(run, &value->call);
    if (run->event->call->blocking) return begin_blocking(run, value);
    la_time until = run->target->now(run->target) + PATIENCE;
    bool over = run->target->call(run->target, &value->call) || run->target->wait(run->target, &value->call, until);
    bool ok = over && check(run, value);
    if (!over) {
        if (run_reached(run, until)) {
            char expected[LINE];
            struct drill_text text = drill_text_in(expected, sizeof expected);
            value_write(value->spec, &text);
            drill_text_add(&run->why, "the call blocks: it has not returned for %d s\nexpected: %s\n",
                           (int)(PATIENCE / LA_SECOND), expected);
            run_say(run, "call", expected, "it has not returned", false);
            run_fail(run, LA_DRILL_FAIL);
        }
        run->target->abandon(run->target, &value->call);
    }
    value_free(value);
    return ok;
}

bool run_call(struct drill_run *run) {
    const char *needs = run->target->kernel ? NULL : value_needs(run->event->call);
    if (needs) {
        drill_text_add(&run->why, "the %s does not have %s\n", run->target->name, needs);
        return run_fail(run, LA_DRILL_NOT_APPLICABLE);
    }
    if (!run_blocking_finish(run) || !run_wait(run)) return false;
    struct value_call value = {0};
    struct value_peers peers = {
        .bind = {.addr = run->options->local, .port = run->options->bind_port},
        .connect = {.addr = run->options->remote, .port = run->options->connect_port},
    };
    /* After a packet has come to a socket without an address pair, "..." is where it came from (nplab). */
    if (run->flow.state == DRILL_FLOW_PASSIVE) peers.connect = run->flow.remote;
    enum value_status status = value_begin(&value, run->event->call, run->options, &peers, &run->fds, &run->why);
    if (status == VALUE_OK) return make_call(run, &value);
    value_free(&value);
    return run_fail(run, status == VALUE_NOT_APPLICABLE ? LA_DRILL_NOT_APPLICABLE : LA_DRILL_BROKEN);
}

/* --- Commands and code --- */

bool run_command(struct drill_run *run, const char *command) {
    char output[1024] = "";
    int status = run->target->command(run->target, command, output, sizeof output);
    char actual[64];
    struct drill_text text = drill_text_in(actual, sizeof actual);
    drill_text_add(&text, "exit status %d", status);
    run_say(run, "command", command, status ? actual : NULL, status == 0);
    if (status == 0) return true;
    if (status == -LA_EOPNOTSUPP) {
        drill_text_add(&run->why, "%s\n", output);
        return run_fail(run, LA_DRILL_NOT_APPLICABLE);
    }
    if (status < 0) {
        drill_text_add(&run->why, "the command `%s` could not be run: %s\n", command, output);
        return run_fail(run, LA_DRILL_BROKEN);
    }
    drill_text_add(&run->why, "the command `%s` ended with exit status %d\n%s%s", command, status, output,
                   output[0] ? "\n" : "");
    return run_fail(run, LA_DRILL_FAIL);
}

/* What the code will see of the connection at this time. */
bool run_code(struct drill_run *run) {
    uint8_t info[512];
    socklen_t len = sizeof info;
    struct la_sys_call call = {
        .nr = LA_SYS_GETSOCKOPT,
        .arg = {(uintptr_t)(intptr_t)fds_live(&run->fds, run->flow_fd), LA_IPPROTO_TCP, 11 /* TCP_INFO */,
                (uintptr_t)info, (uintptr_t)&len},
    };
    bool sampled = run->flow_fd >= 0 && run->target->call(run->target, &call) && call.result == 0;
    if (!code_add(run->code, run->event->text, run->event->line, info, sampled ? len : 0)) {
        drill_text_add(&run->why, "out of memory\n");
        return run_fail(run, LA_DRILL_BROKEN);
    }
    run_say(run, "code", run->event->text, NULL, true);
    return true;
}
