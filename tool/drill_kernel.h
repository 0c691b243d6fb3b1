/* The host's own TCP as what a script runs against: real time, real system calls, a TUN device in a network namespace
 * of its own. */
#ifndef TOOL_DRILL_KERNEL_H
#define TOOL_DRILL_KERNEL_H

#include <lastack/drill.h>

/* Needs root, or a kernel that gives namespaces to everybody; /dev/net/tun. The calling thread is in the new namespace
 * until the target is closed, and alone may use it. For an ordinary user there is no way back out of the first one: a
 * process that has more to do than scripts should call this in a child. A user without root must have no other thread
 * yet. 0, or a negative errno with a sentence in `error`. */
int drill_kernel_open(const struct la_drill_options *options, struct la_drill_target **target, char *error,
                      size_t size);

#endif
