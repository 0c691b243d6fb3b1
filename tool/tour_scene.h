/* Scenes: small scripts of calls, faults and waits, with the life that must come of them.
 *
 * A script is a function that uses the verbs below and nothing else. A verb that fails notes why and makes all later
 * ones do nothing, so scripts need no error paths. Waits end on events and have a bound, which is a failure. */
#ifndef TOOL_TOUR_SCENE_H
#define TOOL_TOUR_SCENE_H

#include <sys/types.h>

#include "tour_world.h"

struct scene {
    struct world *world;
    int kernel, kernel_listener; /* The kernel program's descriptors; -1: none. */
    la_sock stack, stack_listener;
    pid_t program; /* A kernel program that is a process of its own; 0: none. */
    int words;     /* What it says: a pipe. */
    char said;     /* The last letter; 0: it has ended. */
    bool failed;
    char why[600];
};

struct script {
    struct scene_text text;
    enum side opener;
    void (*play)(struct scene *scene);
    bool ipv6;
};

/* What tour_scenes_*.c hold. Ends with an entry without name. */
extern const struct script scenes_open[], scenes_close[], scenes_lost[], scenes_reset[], scenes_time[];

/* Plays one script. `number` makes its ports. False when it went otherwise. */
bool scene_play(struct world *world, const struct script *script, unsigned number);

/* Notes why the scene failed; the first note counts. */
void scene_fail(struct scene *scene, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* --- Opening --- */
void stack_listen(struct scene *scene);
void stack_accept(struct scene *scene);
void stack_connect(struct scene *scene);
void kernel_listen(struct scene *scene);
void kernel_accept(struct scene *scene);
void kernel_connect(struct scene *scene);
void open_by_kernel(struct scene *scene); /* The kernel's program connects to the stack's; both are ESTABLISHED. */
void open_by_stack(struct scene *scene);

/* A process of its own connects, reads to end of file, and then neither closes nor ends. */
void program_open(struct scene *scene);
void program_says(struct scene *scene, char letter); /* Waits for 'c' (connected) or 'e' (has read end of file). */
void program_kill(struct scene *scene);
void program_end(struct scene *scene); /* Kills it without a word, if there is one. */

/* --- Data and ends --- */
void kernel_send(struct scene *scene, size_t len);
void stack_send(struct scene *scene, size_t len);
void kernel_shutdown(struct scene *scene);
void stack_shutdown(struct scene *scene);
void kernel_close(struct scene *scene);
void stack_close(struct scene *scene);
void kernel_reset(struct scene *scene); /* close with SO_LINGER {1,0} */
void stack_reset(struct scene *scene);
void stack_linger(struct scene *scene, int seconds); /* close with SO_LINGER {1,n}: under way … */
void stack_lingered(struct scene *scene);            /* … until the event tells its end. */

/* recv gives `want`: a number of bytes (waits for them), 0 at end of file, or a negative errno. */
void kernel_recv(struct scene *scene, long want);
void stack_recv(struct scene *scene, long want);

/* --- Settings --- */
void stack_set(struct scene *scene, const char *name, int64_t value);
void stack_keepalive(struct scene *scene, int idle, int interval, int count);  /* seconds */
void kernel_keepalive(struct scene *scene, int idle, int interval, int count); /* seconds */
void kernel_fin_wait_2(struct scene *scene, int seconds); /* TCP_LINGER2, for where /proc/sys cannot be written. */

/* --- The device --- */
void hold(struct scene *scene, enum side from);    /* From now on, withhold what this side sends. */
void release(struct scene *scene, enum side from); /* Deliver the oldest one withheld (waits until there is one). */
void release_all(struct scene *scene);             /* Deliver all and withhold no more. */
void mute(struct scene *scene, bool on);           /* The device does not take the stack's packets. */
void lose(struct scene *scene, const char *rule);  /* A fault rule, in la_fault_parse's words. */
void lose_no_more(struct scene *scene);

/* --- Waits and checks --- */
void wait_kernel(struct scene *scene, enum la_state state);
void wait_stack(struct scene *scene, enum la_state state);
void wait_wire(struct scene *scene, const char *segment, unsigned times); /* ">ACK" has been on the wire so often. */
void wait_held(struct scene *scene, unsigned count);
void wait_quiet(struct scene *scene); /* Nothing is on its way and nothing is due at once. */
void expect(struct scene *scene, bool fact, const char *what);

#endif
