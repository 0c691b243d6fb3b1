/* Shell commands for the kernel target. */
#ifndef TOOL_DRILL_KERNEL_SHELL_H
#define TOOL_DRILL_KERNEL_SHELL_H

#include <stddef.h>

/* `sh -c command` in the caller's folder and namespace, with the administrator's programs in its PATH. Returns as
 * la_drill_target.command. What it left in the background ends with it. */
int kernel_shell(const char *command, char *output, size_t size);

#endif
