/* Whole runs of packetdrill scripts: any script that parses runs to a verdict in bounded real time, tells its lines in
 * order, gives every byte back, and never makes the stack break an invariant of its own. */
#include <lastack/drill.h>

#include <stdlib.h>
#include <string.h>

#include "support/oom.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                                                                \
    do {                                                                                                               \
        if (!(condition)) abort();                                                                                     \
    } while (0)

struct listener {
    unsigned lines; /* Of the script. */
    double at;      /* Of the latest line told. */
};

static void hear(void *ctx, const struct la_drill_line *line) {
    struct listener *listener = ctx;
    MUST(line->line <= listener->lines && line->at >= listener->at && line->kind && line->expected);
    MUST(line->local_state >= -1 && line->remote_state >= -1);
    listener->at = line->at;
}

static unsigned lines(const uint8_t *data, size_t size) {
    unsigned count = 1;
    for (size_t i = 0; i < size; i++) count += data[i] == '\n';
    return count;
}

/* A target that does not open (an MTU too small, addresses of two kinds) is an answer, too. */
static void run(const struct la_drill_script *script, const char *profile, unsigned nlines) {
    struct oom oom;
    oom_init(&oom);
    struct la_drill_target *target;
    struct la_drill_stack_config config = {
        .profile = profile, .options = la_drill_script_options(script), .alloc = oom_allocator(&oom)};
    if (la_drill_stack_open(&config, &target) == 0) {
        static struct la_drill_result result;
        struct listener listener = {.lines = nlines};
        struct la_drill_run drill = {
            .script = script, .name = "fuzz", .target = target, .line = hear, .ctx = &listener};
        la_drill_run(&drill, &result);
        MUST(result.verdict <= LA_DRILL_BROKEN && result.line <= nlines);
        MUST(result.verdict == LA_DRILL_PASS || result.text[0] != '\0');
        MUST(result.took == target->now(target));
        target->close(target);
    }
    MUST(oom.blocks == 0);
}

/* A script of an odd length meets BSD's habits. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct la_drill_script *script;
    struct la_drill_error error;
    if (la_drill_parse((const char *)data, size, NULL, &script, &error)) return 0;
    run(script, size % 2 ? "freebsd" : "linux", lines(data, size));
    la_drill_free(script);
    return 0;
}
