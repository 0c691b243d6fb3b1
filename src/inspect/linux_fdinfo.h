/* What /proc/PID/fdinfo says about epoll sets, io_urings and AF_UNIX sockets: text in, numbers out. */
#ifndef INSPECT_LINUX_FDINFO_H
#define INSPECT_LINUX_FDINFO_H

#include <stdbool.h>
#include <stdint.h>

/* One line of an epoll set. The inode names what is watched; the number may belong to something else since. */
struct fdinfo_item {
    int32_t fd;
    uint32_t events; /* EPOLL* */
    uint64_t inode, device;
};
bool fdinfo_epoll_item(const char *line, struct fdinfo_item *item);
/* The file's own inode, from its line "ino:"; false: this line is another. */
bool fdinfo_inode(const char *line, uint64_t *inode);
/* enum snap_watch_flag bits for the mask of an item, and for the same bits of poll(), which have the same values. */
uint8_t fdinfo_epoll_flags(uint32_t events);
uint8_t fdinfo_poll_flags(uint32_t events);

/* An io_uring, line by line. */
struct fdinfo_uring {
    bool complete; /* It told its files: a busy ring does not. */
    bool pending;  /* In the list of requests that wait for something. */
    uint8_t flags; /* enum snap_watch_flag bits of what they wait for. */
};
/* True: the line tells a registered socket's inode. */
bool fdinfo_uring_line(struct fdinfo_uring *uring, const char *line, uint64_t *inode);

/* How many descriptors are in messages that an AF_UNIX socket has not received. */
uint32_t fdinfo_in_flight(const char *text);

#endif
