/* The whole of a scene: a fresh stack, the script, the comparison of the life with what the script says, and the end of
 * what the script has left behind. */
#define _GNU_SOURCE
#include "tour_scene.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void scene_fail(struct scene *scene, const char *format, ...) {
    if (scene->failed) return;
    va_list args;
    va_start(args, format);
    vsnprintf(scene->why, sizeof scene->why, format, args);
    va_end(args);
    scene->failed = true;
}

static void join_path(const struct life *life, enum side side, char *text, size_t size) {
    size_t n = 0;
    text[0] = 0;
    for (unsigned i = 0; i < life->npath[side] && n < size; i++)
        n += (size_t)snprintf(text + n, size - n, "%s%s", i ? " " : "", la_state_name(life->path[side][i]));
}

/* Whether the wire is as the pattern says, segment by segment; "*" stands for any number of segments. */
static bool wire_matches(const char *pattern, const char *wire) {
    while (*pattern) {
        size_t len = strcspn(pattern, " ");
        const char *rest = pattern + len + (pattern[len] != 0);
        if (len == 1 && *pattern == '*') {
            for (;;) {
                if (wire_matches(rest, wire)) return true;
                if (!*wire) return false;
                size_t skip = strcspn(wire, " ");
                wire += skip + (wire[skip] != 0);
            }
        }
        if (strcspn(wire, " ") != len || strncmp(pattern, wire, len) != 0) return false;
        wire += len + (wire[len] != 0);
        pattern = rest;
    }
    return !*wire;
}

static void compare_path(struct scene *scene, enum side side, const char *wanted) {
    char seen[512];
    join_path(&scene->world->life, side, seen, sizeof seen);
    if (strcmp(seen, wanted) != 0)
        scene_fail(scene, "%s states\n  expected: %s\n  seen:     %s", side == KERNEL ? "the kernel's" : "lastack's",
                   wanted, seen);
}

static void compare(struct scene *scene, const struct scene_text *text) {
    compare_path(scene, KERNEL, text->kernel);
    compare_path(scene, STACK, text->stack);
    if (!wire_matches(text->wire, scene->world->life.wire))
        scene_fail(scene, "segments\n  expected: %s\n  seen:     %s", text->wire, scene->world->life.wire);
}

/* The kernel's connection, if there still is one, must not reach into the next scene. */
static void clean(struct scene *scene) {
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    program_end(scene);
    if (scene->words >= 0) close(scene->words);
    if (scene->kernel >= 0) {
        setsockopt(scene->kernel, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
        close(scene->kernel);
    }
    if (scene->kernel_listener >= 0) close(scene->kernel_listener);
    world_drain(scene->world);
}

bool scene_play(struct world *world, const struct script *script, unsigned number) {
    struct scene scene = {
        .world = world, .kernel = -1, .kernel_listener = -1, .stack = -1, .stack_listener = -1, .words = -1};
    const struct view *view = world->view;
    bool kernel_opens = script->opener == KERNEL;
    view->scene(view->ctx, &script->text);
    world_life(world, script->ipv6, (uint16_t)((kernel_opens ? 40000 : 8000) + number),
               (uint16_t)((kernel_opens ? 8000 : 40000) + number));
    int rc = world_stack(world);
    if (rc < 0) scene_fail(&scene, "no stack: %s", la_errno_name(-rc));
    stack_set(&scene, "net.inet.tcp.msl", 100);
    stack_set(&scene, "net.ipv4.tcp_fin_timeout", 1);
    script->play(&scene);
    if (!scene.failed) compare(&scene, &script->text);
    struct verdict verdict = {.passed = !scene.failed};
    snprintf(verdict.why, sizeof verdict.why, "%s", scene.why);
    view->verdict(view->ctx, &script->text, &world->life, &verdict);
    clean(&scene);
    return verdict.passed;
}
