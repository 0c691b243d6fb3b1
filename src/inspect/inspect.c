#include <lastack/inspect.h>

#include "control.h"
#include "finding.h"
#include "report.h"
#include "snap_json.h"

bool stack_say_json(const struct la_stack *stack, la_time now, const struct stack_names *names, struct say *out) {
    struct snap *snap = snap_new();
    if (snap) stack_snap(stack, now, names, snap);
    bool done = snap && !snap->failed && snap_json_write(snap, NULL, out);
    snap_free(snap);
    return done;
}

bool stack_say_why(const struct la_stack *stack, la_time now, const struct stack_names *names, struct say *out) {
    const struct patience patience = {0};
    struct findings findings = {0};
    struct snap *snap = snap_new();
    if (snap) stack_snap(stack, now, names, snap);
    if (snap && !snap->failed) rules_run(snap, &patience, NULL, &findings);
    bool done = snap && !snap->failed && !findings.failed;
    if (done && findings.n) findings_say(&findings, snap, out);
    findings_free(&findings);
    snap_free(snap);
    return done && !out->failed;
}

static char *taken(struct say *out, bool done) {
    if (done) return say_take(out);
    say_free(out);
    return NULL;
}

char *la_inspect_json(const struct la_stack *stack, la_time now) {
    struct say out = {0};
    return taken(&out, stack_say_json(stack, now, NULL, &out));
}

char *la_inspect_why(const struct la_stack *stack, la_time now) {
    struct say out = {0};
    return taken(&out, stack_say_why(stack, now, NULL, &out));
}
