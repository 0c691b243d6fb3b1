/* What scripts want from this machine: a shell whose administrator's commands speak to the stack, and Python. */
#ifndef TOOL_DRILL_HOST_H
#define TOOL_DRILL_HOST_H

#include <lastack/drill.h>

/* This process's own. It works in the current folder, which is the script's. Its temporary folder is made when a first
 * command needs it and goes away when the process ends. */
const struct la_drill_host *drill_host(void);

/* Ends the command that runs, in a process that leaves without more ado. For a signal's handler; the folder is left to
 * drill_host_remove_abandoned. */
void drill_host_leave(void);

/* Takes away what processes that were killed have left. */
void drill_host_remove_abandoned(void);

/* The program that stands for the administrator's commands: one that begins with cmd_shim. Without this call it is the
 * one that runs. The text is not copied. */
void drill_host_program(const char *path);

/* Called under the name of an administrator's command by a shell that drill_host has started: does what that command
 * does on the stack, and ends the process with its status. Returns when this is a call of another kind. */
void cmd_shim(int argc, char **argv);

#endif
