/* A program registers a connection with an io_uring, closes the descriptor, and forgets the registration. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/io_uring.h>
#include <string.h>
#include <sys/syscall.h>

#include "zoo.h"

int main(void) {
    int fd = zoo_left("", 0);
    struct io_uring_params params;
    memset(&params, 0, sizeof params);
    int ring = (int)syscall(SYS_io_uring_setup, 8, &params);
    if (ring < 0) {
        fprintf(stderr, "io_uring_setup: %s\n", strerror(errno));
        return ZOO_SKIP;
    }
    zoo_check((int)syscall(SYS_io_uring_register, ring, IORING_REGISTER_FILES, &fd, 1), "io_uring_register");
    close(fd);
    zoo_ready("close-wait-uring", -1, "[\"C41\"]", "[\"io_uring\"]");
    for (;;) pause();
}
