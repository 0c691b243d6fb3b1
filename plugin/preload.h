/* The two halves of the plugin: libc's functions as the tool sees them (preload.c), and the stack (packetdrill.c). */
#ifndef PLUGIN_PRELOAD_H
#define PLUGIN_PRELOAD_H

#include <stdbool.h>
#include <sys/socket.h>

#define FIRST_FD 1000 /* Descriptors from here on are the stack's. */

/* Whether the tool's calls come to preload.c. From now on, programs that the tool starts are not concerned. */
bool preload_works(void);

/* As libc's, of a descriptor of the stack. */
int plugin_close(int fd);
int plugin_getsockopt(int fd, int level, int name, void *value, socklen_t *len);

/* Runs a shell command that sees the stack. Its exit status. Ends the tool with 77 when the stack does not have what
 * the command asks for. */
int plugin_command(const char *command);

/* Lets time pass for a call that blocks on the tool's second thread, as long as the tool waits for that thread to come
 * back. False: the call still blocks. */
bool plugin_await(void);

/* Where that thread is the caller: it is done with its call. */
void plugin_rest(void);

#endif
