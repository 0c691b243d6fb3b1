/* A stack of ours as a snapshot: everything is exact, histories included. */
#ifndef INSPECT_SNAP_STACK_H
#define INSPECT_SNAP_STACK_H

#include "snap.h"

/* The program that runs the stack, which is the owner of every socket in it. */
struct stack_names {
    int32_t pid;         /* The program's; 0: none (a simulation), or not known. */
    const char *program; /* Its name; NULL: not known. */
};

/* Fills a fresh snapshot from a stack and finishes it. `now` is the stack's time; `names` may be NULL. A socket's
 * descriptor is the lower half of its handle, which no two sockets share at the same time; its cookie is
 * la_conn_info.id, 0 for embryos and records. */
void stack_snap(const struct la_stack *stack, la_time now, const struct stack_names *names, struct snap *snap);

#endif
