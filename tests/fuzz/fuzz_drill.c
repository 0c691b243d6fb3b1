/* Packetdrill scripts: any text parses or is refused with a place that lies in it. What parsed keeps the promises that
 * the runner relies on. */
#include <lastack/drill.h>

#include <stdlib.h>
#include <string.h>

#include "drill/ast.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                                                                \
    do {                                                                                                               \
        if (!(condition)) abort();                                                                                     \
    } while (0)

static size_t check_expr(const struct drill_expr *expr) {
    MUST(expr->line > 0 && expr->column > 0);
    bool named = expr->kind == DRILL_WORD || expr->kind == DRILL_CALL || expr->kind == DRILL_FIELD;
    if (named || expr->kind == DRILL_STRING) MUST(expr->text && expr->text[expr->len] == '\0');
    if (expr->kind == DRILL_OR || expr->kind == DRILL_SHIFT_LEFT) MUST(expr->nitems == 2);
    if (expr->kind == DRILL_FIELD || expr->kind == DRILL_ASSIGN) MUST(expr->nitems >= 1);
    size_t count = 1;
    for (unsigned i = 0; i < expr->nitems; i++) count += check_expr(expr->item[i]);
    return count;
}

static void check_call(const struct drill_call *call, size_t size) {
    MUST(call->name && call->result && call->end_us >= 0);
    size_t count = check_expr(call->result);
    for (unsigned i = 0; i < call->nargs; i++) count += check_expr(call->arg[i]);
    MUST(count <= size);
}

static void check_packet(const struct drill_packet *packet) {
    MUST(packet->noptions <= DRILL_OPTIONS && packet->len <= UINT16_MAX);
    for (unsigned i = 0; i < packet->noptions; i++) {
        MUST(packet->option[i].nbytes <= sizeof packet->option[i].bytes && packet->option[i].nblocks <= 4);
    }
    MUST(packet->src_port >= -1 && packet->src_port <= UINT16_MAX && packet->ip.ttl >= -1 && packet->ip.ttl <= 255);
}

static void check_script(const struct la_drill_script *script, size_t size) {
    const struct la_drill_options *options = la_drill_script_options(script);
    unsigned count = 0;
    MUST(options->mtu >= 68 && options->ndefines <= LA_DRILL_DEFINES);
    for (const struct drill_event *event = script->events; event; event = event->next, count++) {
        MUST(event->at_us >= 0 && event->at_end_us >= 0);
        if (event->kind == DRILL_EVENT_CALL)
            check_call(event->call, size);
        else if (event->kind == DRILL_EVENT_PACKET)
            check_packet(event->packet);
        else
            MUST(event->text);
    }
    MUST(count == script->nevents && count > 0);
}

static unsigned lines(const uint8_t *data, size_t size) {
    unsigned count = 1;
    for (size_t i = 0; i < size; i++) count += data[i] == '\n';
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct la_drill_options options = {0};
    struct la_drill_script *script;
    struct la_drill_error error;
    char why[200];
    MUST(la_drill_option_parse(&options, "-DMSS=1460", why, sizeof why));
    MUST(la_drill_option_parse(&options, "-DCC=\"reno\"", why, sizeof why));
    /* A copy of its exact size, so that nothing reads behind it. */
    char *text = malloc(size + (size == 0));
    if (!text) return 0;
    if (size > 0) memcpy(text, data, size);
    if (la_drill_parse(text, size, &options, &script, &error) == 0) {
        free(text);
        check_script(script, size + sizeof options.define);
        la_drill_free(script);
        return 0;
    }
    free(text);
    MUST(!script && error.text[0] != '\0' && error.line <= lines(data, size) && error.column <= size + 1);
    return 0;
}
