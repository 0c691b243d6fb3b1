#define _GNU_SOURCE
#include "drill_wire.h"

#include <errno.h>
#include <sys/socket.h>

bool wire_read(int fd, void *bytes, size_t len) {
    for (char *at = bytes; len;) {
        ssize_t n = recv(fd, at, len, 0);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        at += n;
        len -= (size_t)n;
    }
    return true;
}

bool wire_write(int fd, const void *bytes, size_t len) {
    for (const char *at = bytes; len;) {
        ssize_t n = send(fd, at, len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        at += n;
        len -= (size_t)n;
    }
    return true;
}
