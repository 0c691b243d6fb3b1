/* A server that accepts and never looks at the connection again. */
#define _GNU_SOURCE
#include "zoo.h"

int main(void) {
    int fd = zoo_left("hello, you", 10);
    zoo_ready("close-wait-unwatched", fd, "[\"C16\"]", "[\"not read|unread|never read|has not been read\"]");
    for (;;) pause();
}
