/* What the kernel says about one connection of the calling thread's namespace. */
#ifndef TOOL_DRILL_KERNEL_INFO_H
#define TOOL_DRILL_KERNEL_INFO_H

#include <lastack/info.h>

/* enum la_state, or -LA_ENOENT. */
int kernel_state(const struct la_endpoint *local, const struct la_endpoint *remote);

/* A line on the connection, a line of its TCP_INFO, a line of the TCP counters that are not 0. */
void kernel_explain(const struct la_endpoint *local, const struct la_endpoint *remote, char *text, size_t size);

#endif
