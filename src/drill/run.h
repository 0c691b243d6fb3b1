/* What the files of the runner share: one run of one script. */
#ifndef DRILL_RUN_H
#define DRILL_RUN_H

#include <lastack/drill.h>

#include "ast.h"
#include "code.h"
#include "packet.h"
#include "text.h"
#include "value.h"

#define RUN_NO_TIME INT64_MIN

struct drill_run {
    const struct la_drill_run *config;
    const struct la_drill_script *script;
    const struct la_drill_options *options;
    struct la_drill_target *target;
    struct la_drill_result *result;
    struct drill_text why; /* In result->text. */

    int64_t start_us; /* Target time of the script's zero. */
    const struct drill_event *event;
    int64_t at_us, at_end_us; /* When the event is due, counted from the script's start. */
    int64_t last_us;          /* When the previous one was due; RUN_NO_TIME: there is none. */
    const struct drill_event *last;

    struct drill_flow flow; /* The connection under test … */
    int flow_fd;            /* … its descriptor in the script, -1: none yet … */
    bool flow_new;          /* … and whether its socket has been made and used for nothing yet. */
    int peer_state;         /* What the script's side is in, as its packets say. */
    uint16_t next_port;     /* The script's side's next port. */
    struct drill_fds fds;

    struct value_call blocking;               /* The call under way … */
    const struct drill_event *blocking_event; /* … and its event; NULL: none is. */
    int64_t blocking_at_us, blocking_end_us;  /* When it was due to begin, and is to end. */

    struct drill_code *code;
    uint8_t packet[DRILL_PACKET_MAX];
    uint8_t merged[DRILL_PACKET_MAX];
};

int64_t run_now_us(const struct drill_run *run);
/* Script time -> target time. */
la_time run_target_time(const struct drill_run *run, int64_t us);

/* Ends the run with a verdict; the reason is in run->why already. Returns false, for `return run_fail(…)`. */
bool run_fail(struct drill_run *run, enum la_drill_verdict verdict);

/* Whether something at `live_us` is on time. `since_us`: the event before it, RUN_NO_TIME: none. */
bool run_check_time(struct drill_run *run, int64_t live_us, int64_t at_us, int64_t at_end_us, int64_t since_us,
                    const char *what);

/* Whether the target let time pass as far as `until`; one that gave up before ends the run. */
bool run_reached(struct drill_run *run, la_time until);
/* Lets time pass until the event is due. */
bool run_wait(struct drill_run *run);
/* The pending call, if it has ended: is it as the script says? False when not. */
bool run_blocking_over(struct drill_run *run);
/* Waits for the pending call. */
bool run_blocking_finish(struct drill_run *run);

bool run_packet(struct drill_run *run);
bool run_call(struct drill_run *run);
bool run_command(struct drill_run *run, const char *command);
bool run_code(struct drill_run *run);

/* Tells the listener what happened. `actual` NULL: as expected. */
void run_say(struct drill_run *run, const char *kind, const char *expected, const char *actual, bool ok);

#endif
