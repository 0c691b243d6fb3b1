/* The plugin's parts: the tool's interface and the stack behind it (packetdrill.c), its beginning (open.c), and libc's
 * functions as the tool sees them (preload.c). */
#ifndef PLUGIN_PLUGIN_H
#define PLUGIN_PLUGIN_H

#include <lastack/drill.h>

#include <stdbool.h>
#include <sys/socket.h>

#define FIRST_FD 1000 /* Descriptors from here on are the stack's. */

/* With which status the tool ends when it cannot judge the script. */
enum {
    EXIT_WRONG = 2,           /* Wrong flags, or a call that blocks for ever. */
    EXIT_NOT_APPLICABLE = 77, /* The stack does not have what a command asks for. */
    EXIT_BEYOND = 78,         /* The script means something that the tool does not know. */
};

/* Says so and ends the tool with EXIT_WRONG. */
_Noreturn void plugin_die(const char *what, const char *why);

/* A stack as the flags want it. `script` is an empty one that holds its options. Does not return otherwise. */
struct la_drill_target *plugin_open(const char *flags, struct la_drill_script **script);

/* Whether the tool's calls come to preload.c. From now on, programs that the tool starts are not concerned. */
bool preload_works(void);

/* As libc's, of a descriptor of the stack. */
int plugin_close(int fd);
int plugin_getsockopt(int fd, int level, int name, void *value, socklen_t *len);

/* Runs a shell command that sees the stack. Its exit status. Ends the tool when the stack does not have what
 * the command asks for. */
int plugin_command(const char *command);

/* Lets time pass for a call that blocks on the tool's second thread, as long as the tool waits for that thread to come
 * back. False: the call still blocks. */
bool plugin_await(void);

/* Where that thread is the caller: it is done with its call. */
void plugin_rest(void);

#endif
