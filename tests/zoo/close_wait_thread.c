/* A worker thread, not the main one, waits in epoll_wait; it read the data, and end of file came in the same edge. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sys/epoll.h>

#include "zoo.h"

static int conn;

static void *work(void *unused) {
    char data[64];
    int set = epoll_create1(EPOLL_CLOEXEC);
    zoo_check(epoll_ctl(set, EPOLL_CTL_ADD, conn, &(struct epoll_event){.events = EPOLLIN | EPOLLRDHUP | EPOLLET}),
              "epoll_ctl");
    for (struct epoll_event event;;) {
        if (epoll_wait(set, &event, 1, -1) == 1) zoo_check((int)recv(conn, data, sizeof data, 0), "recv");
    }
    return unused;
}

int main(void) {
    pthread_t thread;
    conn = zoo_left("hello, you", 10);
    if (pthread_create(&thread, NULL, work, NULL)) return 1;
    zoo_sleep_ms(200);
    zoo_ready("close-wait-edge-lost", conn, "[\"C16\"]", "[\"edge\"]");
    for (;;) pause();
}
