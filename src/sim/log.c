/* What a scenario tells: lines with the virtual time since its start, and the one sentence that says what was wrong. */
#include <stdarg.h>
#include <string.h>

#include <lastack/segment.h>

#include "world.h"

static int stamp(const struct sim_world *world, char *line, size_t size) {
    la_time at = world->now - world->start;
    return snprintf(line, size, "%6llu.%06llu ", (unsigned long long)(at / LA_SECOND),
                    (unsigned long long)(at % LA_SECOND / LA_US));
}

void sim_say(struct sim_world *world, const char *format, ...) {
    char line[1024];
    va_list arguments;
    if (!sim_heard(world)) return;
    int at = stamp(world, line, sizeof line);
    va_start(arguments, format);
    vsnprintf(line + at, sizeof line - (size_t)at, format, arguments);
    va_end(arguments);
    world->config->say(world->config->ctx, line);
}

void sim_say_packet(struct sim_world *world, unsigned host, const char *what, const uint8_t *data, size_t len) {
    char text[300];
    struct la_segment segment;
    if (!sim_heard(world)) return;
    if (la_segment_parse(world->link, data, len, &segment))
        la_segment_text(&segment, text, sizeof text);
    else
        snprintf(text, sizeof text, "%zu bytes, not TCP", len);
    sim_say(world, "h%u %-10s %s", host, what, text);
}

void sim_wrong(struct sim_world *world, const char *format, ...) {
    char *why = world->result->why;
    size_t size = sizeof world->result->why;
    va_list arguments;
    if (world->failed) return;
    world->failed = true;
    int at = stamp(world, why, size);
    va_start(arguments, format);
    vsnprintf(why + at, size - (size_t)at, format, arguments);
    va_end(arguments);
    if (sim_heard(world)) world->config->say(world->config->ctx, why);
}
