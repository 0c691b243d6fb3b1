/* The runner: a script's events one after the other against a target.
 *
 * Comes in: a script and a target. Goes out: a verdict with its reason, and a line for each event to whoever listens.
 * It owns the flow (what stands for what between script and wire), the descriptors and the one blocking call.
 *
 * Time is packetdrill's. An event with "+t" is due t after the previous event ended, but an inbound packet after an
 * inbound packet t after that one was due, so that errors do not add up. Inbound packets, calls and commands wait until
 * they are due; an outbound packet is waited for at once, so that one sent too early is noticed. Something is on time
 * when it is within the tolerance, which is the larger of --tolerance_usecs and --tolerance_percent of the time since
 * the previous event was due. The first event is at zero. */
#include "run.h"

#include <stdlib.h>
#include <string.h>

#include "states.h"

int64_t run_now_us(const struct drill_run *run) {
    return (int64_t)(run->target->now(run->target) / 1000) - run->start_us;
}

la_time run_target_time(const struct drill_run *run, int64_t us) {
    if (us < 0) us = 0;
    return (la_time)(us + run->start_us) * 1000;
}

static void explain(struct drill_run *run) {
    char text[1500] = "";
    if (!run->target->explain || run->flow.local.port == 0) return;
    run->target->explain(run->target, &run->flow.local, &run->flow.remote, text, sizeof text);
    if (!text[0]) return;
    if (run->why.len && run->why.at[run->why.len - 1] != '\n') drill_text_add(&run->why, "\n");
    drill_text_add(&run->why, "%s", text);
}

bool run_fail(struct drill_run *run, enum la_drill_verdict verdict) {
    run->result->verdict = verdict;
    run->result->line = run->event ? run->event->line : 0;
    if (verdict == LA_DRILL_FAIL) explain(run);
    return false;
}

void run_say(struct drill_run *run, const char *kind, const char *expected, const char *actual, bool ok) {
    if (!run->config->line) return;
    int local = run->flow.local.port ? run->target->state(run->target, &run->flow.local, &run->flow.remote) : -1;
    struct la_drill_line line = {
        .line = run->event ? run->event->line : 0,
        .at = (double)run_now_us(run) / 1e6,
        .kind = kind,
        .expected = expected,
        .actual = actual,
        .ok = ok,
        .local_state = local < 0 ? -1 : local,
        .remote_state = run->peer_state,
    };
    run->config->line(run->config->ctx, &line);
}

/* --- Time --- */

static int64_t tolerance(const struct drill_run *run, int64_t at_us, int64_t since_us) {
    int64_t absolute = run->options->tolerance_us;
    if (since_us == RUN_NO_TIME) return absolute;
    int64_t dynamic = (int64_t)(run->options->tolerance_percent / 100.0 * (double)(at_us - since_us));
    return dynamic > absolute ? dynamic : absolute;
}

bool run_check_time(struct drill_run *run, int64_t live_us, int64_t at_us, int64_t at_end_us, int64_t since_us,
                    const char *what) {
    int64_t allowed = tolerance(run, at_us, since_us);
    if (live_us >= at_us - allowed && live_us <= at_end_us + allowed) return true;
    drill_text_add(&run->why, "timing: expected %s at %.6f", what, (double)at_us / 1e6);
    if (at_end_us != at_us) drill_text_add(&run->why, " to %.6f", (double)at_end_us / 1e6);
    drill_text_add(&run->why, " but it happened at %.6f, %.6f s %s (tolerance %.6f s)\n", (double)live_us / 1e6,
                   (double)(live_us < at_us ? at_us - live_us : live_us - at_end_us) / 1e6,
                   live_us < at_us ? "too early" : "too late", (double)allowed / 1e6);
    return false;
}

static bool is_inbound(const struct drill_event *event) {
    return event && event->kind == DRILL_EVENT_PACKET && event->packet->inbound;
}

static bool is_absolute(const struct drill_event *event) {
    return event->time_kind == DRILL_ABSOLUTE || event->time_kind == DRILL_ABSOLUTE_RANGE;
}

/* Fixes when the event is due. */
static bool schedule(struct drill_run *run) {
    const struct drill_event *event = run->event;
    int64_t base = 0;
    if (!is_absolute(event)) base = is_inbound(run->last) && is_inbound(event) ? run->at_us : run_now_us(run);
    run->last_us = run->last ? run->at_us : RUN_NO_TIME;
    run->at_us = event->at_us + base;
    bool range = event->time_kind == DRILL_ABSOLUTE_RANGE || event->time_kind == DRILL_RELATIVE_RANGE;
    run->at_end_us = range ? event->at_end_us + base : run->at_us;
    if (!run->last && event->at_us != 0) {
        drill_text_add(&run->why, "the first event is not at time 0\n");
        return run_fail(run, LA_DRILL_BROKEN);
    }
    if (run->last && is_absolute(run->last) && is_absolute(event) && run->at_us < run->last_us) {
        drill_text_add(&run->why, "time goes backwards in the script: from %.6f to %.6f\n", (double)run->last_us / 1e6,
                       (double)run->at_us / 1e6);
        return run_fail(run, LA_DRILL_BROKEN);
    }
    return true;
}

bool run_reached(struct drill_run *run, la_time until) {
    if (run->target->now(run->target) >= until) return true;
    drill_text_add(&run->why, "the %s gives up at %.6f: more happens there until %.6f than a script may ask for\n",
                   run->target->name, (double)run_now_us(run) / 1e6, (double)until / 1e9 - (double)run->start_us / 1e6);
    return run_fail(run, LA_DRILL_BROKEN);
}

bool run_wait(struct drill_run *run) {
    if (run->event->time_kind != DRILL_ANY_TIME) {
        la_time due = run_target_time(run, run->at_us);
        if (due > run->target->now(run->target)) run->target->sleep(run->target, due);
        if (!run_reached(run, due)) return false;
        if (!run_check_time(run, run_now_us(run), run->at_us, run->at_end_us, run->last_us,
                            run->event->kind == DRILL_EVENT_PACKET ? "an inbound packet"
                            : run->event->kind == DRILL_EVENT_CALL ? "a system call to begin"
                                                                   : "a command"))
            return run_fail(run, LA_DRILL_FAIL);
    }
    return run_blocking_over(run);
}

/* --- Events --- */

static bool run_event(struct drill_run *run) {
    switch (run->event->kind) {
    case DRILL_EVENT_PACKET: return run_packet(run);
    case DRILL_EVENT_CALL: return run_call(run);
    case DRILL_EVENT_COMMAND: return run_wait(run) && run_command(run, run->event->text);
    case DRILL_EVENT_CODE: return run_wait(run) && run_code(run);
    }
    return false;
}

static bool run_events(struct drill_run *run) {
    for (run->event = run->script->events; run->event; run->event = run->event->next) {
        if (!schedule(run) || !run_event(run)) return false;
        run->last = run->event;
    }
    return run_blocking_finish(run);
}

/* The code blocks run once, at the end. */
static bool run_python(struct drill_run *run) {
    const char *program = code_program(run->code);
    if (!program) return true;
    const struct la_drill_host *host = run->config->host;
    if (!host || !host->python) {
        drill_text_add(&run->why, "the script has Python code, and there is nobody to run it\n");
        return run_fail(run, LA_DRILL_NOT_APPLICABLE);
    }
    char output[1500] = "";
    int status = host->python(host->ctx, program, output, sizeof output);
    if (status == 0) return true;
    if (status < 0) {
        drill_text_add(&run->why, "python3 could not be run: %s\n", output);
        return run_fail(run, LA_DRILL_BROKEN);
    }
    drill_text_add(&run->why, "a Python assertion failed: %s\n", output);
    return run_fail(run, LA_DRILL_FAIL);
}

static void begin(struct drill_run *run, const struct la_drill_run *config, struct la_drill_result *result) {
    memset(result, 0, sizeof *result);
    run->config = config;
    run->script = config->script;
    run->options = la_drill_script_options(config->script);
    run->target = config->target;
    run->result = result;
    run->why = drill_text_in(result->text, sizeof result->text);
    run->flow_fd = -1;
    run->peer_state = -1;
    run->next_port = 32768;
    run->flow.ip6 = !la_addr_is4(&run->options->local);
}

static void run_script(struct drill_run *run) {
    if (run->script->not_applicable) {
        drill_text_add(&run->why, "%s\n", run->script->not_applicable);
        run_fail(run, LA_DRILL_NOT_APPLICABLE);
        return;
    }
    run->code = code_new();
    if (!run->code) {
        drill_text_add(&run->why, "out of memory\n");
        run_fail(run, LA_DRILL_BROKEN);
        return;
    }
    bool ok = !run->script->init_command || run_command(run, run->script->init_command);
    run->start_us = (int64_t)(run->target->now(run->target) / 1000);
    ok = ok && run_events(run);
    run->event = NULL;
    if (run->blocking_event) {
        run->target->abandon(run->target, &run->blocking.call);
        value_free(&run->blocking);
    }
    /* Whatever happened, the cleanup command runs. */
    if (run->script->cleanup_command) {
        char output[256] = "";
        int status = run->target->command(run->target, run->script->cleanup_command, output, sizeof output);
        if (ok && status != 0) {
            drill_text_add(&run->why, "the cleanup command failed (%d): %s\n", status, output);
            ok = run_fail(run, LA_DRILL_FAIL);
        }
    }
    if (ok) run_python(run);
}

void la_drill_run(const struct la_drill_run *config, struct la_drill_result *result) {
    struct drill_run *run = calloc(1, sizeof *run);
    if (!run) {
        memset(result, 0, sizeof *result);
        result->verdict = LA_DRILL_BROKEN;
        memcpy(result->text, "out of memory", sizeof "out of memory");
        return;
    }
    begin(run, config, result);
    run_script(run);
    result->took = config->target->now(config->target);
    code_free(run->code);
    free(run);
}
