/* A stack looked at from outside: its connections as a JSON document, what is wrong with them in sentences, and a
 * control socket over which `lastack ls`, `why`, `watch` and `fix` see a running program's stack (--stack PATH).
 *
 * doc/snapshot.schema.json describes the document. */
#ifndef LASTACK_INSPECT_H
#define LASTACK_INSPECT_H

#include <lastack/types.h>

struct la_stack;

/* Every connection, with its age and history, as JSON text. The caller frees it. NULL: memory was refused. */
char *la_inspect_json(const struct la_stack *stack, la_time now);

/* What is wrong, as `lastack why` says it: plain text, "" where nothing is. The caller frees it. NULL: memory was
 * refused. */
char *la_inspect_why(const struct la_stack *stack, la_time now);

/* A control socket (AF_UNIX). Whoever may write to the file may look at the stack and reset its connections. */
struct la_control;

/* Makes the socket file, which only this user may use; a file left by a program that has ended is replaced. The path is
 * always one of the file system: there are no abstract names. 0, -LA_EADDRINUSE (a living program has it, or it is
 * something else than a socket), -LA_EINVAL (an empty path, or one of more than 107 bytes), -LA_ENOMEM or the system's
 * negative errno. */
int la_control_open(const char *path, struct la_control **control);

/* The descriptor to wait on: readable when somebody asks. */
int la_control_fd(const struct la_control *control);

/* Answers what was asked, never waiting: call it when the descriptor is readable. One call makes one answer at most,
 * which takes a few microseconds for each connection of the stack. An asker that does not read or write for long, or
 * asks nonsense, loses its connection; at most 16 are served at a time. */
void la_control_serve(struct la_control *control, struct la_stack *stack, la_time now);

/* Ends it and removes the file. NULL is allowed. */
void la_control_close(struct la_control *control);

#endif
