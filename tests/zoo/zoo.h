/* What the animals in C have in common: the other side, and saying what is to be found. */
#ifndef ZOO_H
#define ZOO_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ZOO_SKIP 77 /* The exit status of an animal that cannot be shown here. */

static inline void zoo_check(int result, const char *what) {
    if (result >= 0) return;
    perror(what);
    exit(1);
}

static inline void zoo_sleep_ms(long ms) {
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

static inline int zoo_state(int fd) {
    struct tcp_info info = {0};
    socklen_t len = sizeof info;
    getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len);
    return info.tcpi_state;
}

/* Another process connects, sends this and closes; its FIN travels with the data. */
static inline void zoo_visitor(int listener, const struct sockaddr_in *to, const char *data, size_t len) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NAME, "visitor");
    close(listener);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    zoo_check(connect(fd, (const struct sockaddr *)to, sizeof *to), "connect");
    if (len) zoo_check((int)send(fd, data, len, MSG_MORE), "send");
    close(fd);
    for (;;) pause();
}

/* A connection that the other side has left after sending `data`: it is in CLOSE_WAIT. */
static inline int zoo_left(const char *data, size_t len) {
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t addr_len = sizeof addr;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    zoo_check(bind(listener, (struct sockaddr *)&addr, sizeof addr), "bind");
    zoo_check(listen(listener, 16), "listen");
    zoo_check(getsockname(listener, (struct sockaddr *)&addr, &addr_len), "getsockname");
    pid_t pid = fork();
    zoo_check(pid, "fork");
    if (pid == 0) zoo_visitor(listener, &addr, data, len);
    int fd = accept(listener, NULL, NULL);
    zoo_check(fd, "accept");
    for (int tries = 0; zoo_state(fd) != TCP_CLOSE_WAIT && tries < 1000; tries++) zoo_sleep_ms(10);
    return fd;
}

/* The situation is there. `fd` -1: not to be judged. `claims` and `why` are lists in JSON. */
static inline void zoo_ready(const char *expect, int fd, const char *claims, const char *why) {
    char number[16] = "null";
    if (fd >= 0) snprintf(number, sizeof number, "%d", fd);
    printf("{\"expect\":\"%s\",\"pid\":%d,\"fd\":%s,\"also\":[],\"claims\":%s,\"why\":%s}\n", expect, (int)getpid(),
           number, claims, why);
    fflush(stdout);
}

#endif
