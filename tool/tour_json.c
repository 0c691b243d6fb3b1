/* The tour for machines: one JSON document on standard output at the end; progress goes to standard error.
 *
 *   {"kernel": "6.1.0", "profile": "linux", "settings": "…", "seconds": 1.5, "passed": 1, "failed": 0,
 *    "scenes": [{"name", "claims": […], "title", "note", "passed", "why",
 *                "expected": {"kernel": […], "lastack": […], "wire": […]}, "seen": {the same},
 *                "steps": [{"ms", "kind": "call|segment|alone", "from": "kernel|lastack", "fate", "segment": {…},
 *                           "kernel": {"state", "moved", "cause"}, "lastack": {…}}]}],
 *    "transfers": [{"name", "title", "bytes", "seconds", "checksum_sent", "checksum_received", "packets_lost",
 *                   "segments_resent", "timeouts", "passed", "why"}]} */
#define _GNU_SOURCE
#include "tour_view.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const side_names[NSIDES] = {[KERNEL] = "kernel", [STACK] = "lastack"};
static const char *const kind_names[] = {[STEP_CALL] = "call", [STEP_SEGMENT] = "segment", [STEP_ALONE] = "alone"};
static const char *const fate_names[] = {
    [FATE_DELIVERED] = "delivered", [FATE_HELD] = "withheld", [FATE_RELEASED] = "released", [FATE_LOST] = "lost"};

static json_t *root, *scenes, *transfers, *steps;
static unsigned reported;

static json_t *words(const char *text) {
    json_t *list = json_array();
    for (const char *at = text ? text : ""; *at;) {
        size_t len = strcspn(at, " ");
        json_array_append_new(list, json_stringn(at, len));
        at += len + (at[len] != 0);
    }
    return list;
}

static json_t *path(const struct life *life, enum side side) {
    json_t *list = json_array();
    for (unsigned i = 0; i < life->npath[side]; i++)
        json_array_append_new(list, json_string(la_state_name(life->path[side][i])));
    return list;
}

static void put(json_t *object, const char *key, const char *value) {
    json_object_set_new(object, key, value ? json_string(value) : json_null());
}

static void json_begin(void *ctx, const struct tour_facts *facts) {
    (void)ctx;
    root = json_object();
    put(root, "kernel", facts->kernel_release);
    put(root, "profile", facts->profile);
    put(root, "settings", facts->settings);
    scenes = json_array();
    transfers = json_array();
    json_object_set_new(root, "scenes", scenes);
    json_object_set_new(root, "transfers", transfers);
}

static void json_scene(void *ctx, const struct scene_text *text) {
    (void)ctx;
    fprintf(stderr, "%s\n", text->name);
    steps = json_array();
}

static json_t *segment_json(const struct la_segment *segment) {
    char flags[40];
    la_flags_text(segment->flags, flags, sizeof flags);
    json_t *object = json_object();
    put(object, "flags", flags);
    json_object_set_new(object, "seq", json_integer(segment->seq));
    if (segment->flags & LA_ACK) json_object_set_new(object, "ack", json_integer(segment->ack));
    json_object_set_new(object, "len", json_integer((json_int_t)segment->len));
    json_object_set_new(object, "wnd", json_integer(segment->wnd));
    return object;
}

static void json_step(void *ctx, const struct step *step) {
    (void)ctx;
    json_t *object = json_object();
    json_object_set_new(object, "ms", json_real((double)step->at / (double)LA_MS));
    put(object, "kind", kind_names[step->kind]);
    if (step->kind != STEP_ALONE) put(object, "from", side_names[step->from]);
    if (step->kind == STEP_SEGMENT) {
        put(object, "fate", fate_names[step->fate]);
        json_object_set_new(object, "segment", segment_json(&step->segment));
    }
    for (int side = 0; side < NSIDES; side++) {
        const struct step_end *from = &step->end[side];
        json_t *end = json_object();
        put(end, "state", la_state_name(from->state));
        json_object_set_new(end, "moved", json_boolean(from->moved));
        if (*from->cause) put(end, "cause", from->cause);
        json_object_set_new(object, side_names[side], end);
    }
    json_array_append_new(steps, object);
}

static void put_verdict(json_t *object, const struct verdict *verdict) {
    json_object_set_new(object, "passed", json_boolean(verdict->passed));
    if (!verdict->passed) put(object, "why", verdict->why);
}

static void json_verdict(void *ctx, const struct scene_text *text, const struct life *life,
                         const struct verdict *verdict) {
    (void)ctx;
    json_t *object = json_object(), *expected = json_object(), *seen = json_object();
    put(object, "name", text->name);
    json_object_set_new(object, "claims", words(text->claims));
    put(object, "title", text->title);
    if (text->note) put(object, "note", text->note);
    put_verdict(object, verdict);
    json_object_set_new(expected, "kernel", words(text->kernel));
    json_object_set_new(expected, "lastack", words(text->stack));
    json_object_set_new(expected, "wire", words(text->wire));
    json_object_set_new(seen, "kernel", path(life, KERNEL));
    json_object_set_new(seen, "lastack", path(life, STACK));
    json_object_set_new(seen, "wire", words(life->wire));
    json_object_set_new(object, "expected", expected);
    json_object_set_new(object, "seen", seen);
    json_object_set_new(object, "steps", steps);
    json_array_append_new(scenes, object);
}

static void json_transfer(void *ctx, const struct transfer_text *text) {
    (void)ctx;
    fprintf(stderr, "%s\n", text->name);
    reported = 0;
}

static void json_progress(void *ctx, const struct transfer_text *text, uint64_t done, la_time elapsed) {
    (void)ctx;
    double seconds = (double)elapsed / (double)LA_SECOND;
    unsigned tens = text->bytes ? (unsigned)(done * 10 / text->bytes) : 10;
    if (tens <= reported) return;
    reported = tens;
    fprintf(stderr, "%4u %%  %7.1f MB/s\n", tens * 10, seconds > 0 ? (double)done / 1e6 / seconds : 0);
}

static void put_sum(json_t *object, const char *key, uint64_t sum) {
    char hex[24];
    snprintf(hex, sizeof hex, "%016" PRIx64, sum);
    put(object, key, hex);
}

static void json_transferred(void *ctx, const struct transfer_text *text, const struct transfer_result *result,
                             const struct verdict *verdict) {
    (void)ctx;
    json_t *object = json_object();
    put(object, "name", text->name);
    put(object, "title", text->title);
    json_object_set_new(object, "bytes", json_integer((json_int_t)text->bytes));
    json_object_set_new(object, "seconds", json_real(result->seconds));
    put_sum(object, "checksum_sent", result->sum_sent);
    put_sum(object, "checksum_received", result->sum_received);
    json_object_set_new(object, "packets_lost", json_integer((json_int_t)result->lost));
    json_object_set_new(object, "segments_resent", json_integer((json_int_t)result->resent));
    json_object_set_new(object, "timeouts", json_integer((json_int_t)result->timeouts));
    put_verdict(object, verdict);
    json_array_append_new(transfers, object);
}

static void json_end(void *ctx, unsigned passed, unsigned failed, la_time elapsed) {
    (void)ctx;
    json_object_set_new(root, "seconds", json_real((double)elapsed / (double)LA_SECOND));
    json_object_set_new(root, "passed", json_integer(passed));
    json_object_set_new(root, "failed", json_integer(failed));
    json_dumpf(root, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(9));
    putchar('\n');
    json_decref(root);
}

static const struct view json = {.begin = json_begin,
                                 .scene = json_scene,
                                 .step = json_step,
                                 .verdict = json_verdict,
                                 .transfer = json_transfer,
                                 .progress = json_progress,
                                 .transferred = json_transferred,
                                 .end = json_end};

const struct view *view_json(void) { return &json; }
