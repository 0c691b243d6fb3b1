/* A thread is in poll() with the connection, and asked for urgent data only. */
#define _GNU_SOURCE
#include <poll.h>

#include "zoo.h"

int main(void) {
    int fd = zoo_left("", 0);
    zoo_ready("close-wait-no-read-interest", fd, "[\"C16\"]", "[\"poll\"]");
    for (;;) poll(&(struct pollfd){.fd = fd, .events = POLLPRI}, 1, -1);
}
