/* How a command in a script's shell speaks to the runner: one request and one reply on a Unix socket. Both ends are
 * this program. */
#ifndef TOOL_DRILL_WIRE_H
#define TOOL_DRILL_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DRILL_SOCKET "LASTACK_DRILL_SOCKET" /* In the environment: the socket's path. */
#define DRILL_REQUEST_MAX 65536
#define DRILL_REPLY_MAX 262144

struct drill_request {
    uint32_t argc, args_len; /* The arguments with their NULs … */
    uint32_t input_len;      /* … and standard input behind them. */
};

struct drill_reply {
    int32_t status;
    uint32_t len; /* The output behind it. */
};

/* The whole of it, whatever the socket does in between. */
bool wire_read(int fd, void *bytes, size_t len);
bool wire_write(int fd, const void *bytes, size_t len);

#endif
