/* The system call that a thread is in: /proc/PID/task/T/syscall as data, and what the calls that matter mean. */
#ifndef INSPECT_LINUX_CALL_H
#define INSPECT_LINUX_CALL_H

#include <stdbool.h>
#include <stdint.h>

enum call_kind {
    CALL_OTHER,
    CALL_ON_FD,      /* Its first argument is a descriptor, on which it waits for nothing. */
    CALL_READS,      /* Waits to read from its first argument. */
    CALL_WRITES,     /* Waits to write to its first argument. */
    CALL_SENDFILE,   /* Writes to its first argument, reads from its second. */
    CALL_SPLICE,     /* Reads from its first argument, writes to its third. */
    CALL_TEE,        /* Reads from its first argument, writes to its second. */
    CALL_POLL,       /* An array and its length. */
    CALL_SELECT,     /* The highest number + 1, and three sets. */
    CALL_EPOLL_WAIT, /* Its first argument is a set. */
    CALL_URING,      /* Its first argument is a ring. */
    CALL_SOCKET,     /* One of several calls: its first argument says which, the second where that one's are. */
    CALL_RESTARTED,  /* Goes on with an earlier call after a signal; the arguments are still that call's. */
};

struct call {
    long number;
    const char *name;
    enum call_kind kind;
};

/* NULL: it is not one of those that the table knows. */
const struct call *call_by_number(long number);

/* The call behind socketcall(), by its first argument; NULL: none that waits. Its `number` is that argument. */
const struct call *call_by_socket_number(uint64_t number);

/* What a thread does. */
struct call_now {
    bool in_call; /* Asleep in a call: the following is filled in. */
    long number;
    uint64_t argument[6];
};
/* False: the text is not what the kernel writes. A thread that runs, or waits for a page, is not in a call. */
bool call_parse(const char *text, struct call_now *now);

#endif
