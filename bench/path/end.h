/* The ends of a road: each is a process of its own with a TCP, the kernel's in a network namespace or lastack's in the
 * process, and one job. Its packets come and go on a descriptor, one per read and write. */
#ifndef PATH_END_H
#define PATH_END_H

#include <lastack/types.h>

#include <stdatomic.h>
#include <sys/types.h>

enum end_tcp { END_KERNEL, END_LASTACK };

enum end_job {
    END_SEND,    /* Connects to `peer` and sends `bytes` of the pattern, when it is told to. */
    END_RECEIVE, /* Accepts, reads and compares, until `bytes` have come in all. */
    END_COMMAND, /* The kernel only: becomes `command`. */
    END_RELAY,   /* lastack only: each connection to the UNIX socket `path` goes on to `peer`. */
};

/* Hosts are numbers: 10.77.0.NUMBER, 1 and up. */
enum { END_HOST_MOST = 3, END_PORT = 80, END_MTU = 1500, END_WHY = 160 };

struct la_addr end_addr(unsigned host);

struct end_task {
    enum end_tcp tcp;
    enum end_job job;
    unsigned host, peer;
    uint64_t bytes;
    uint64_t seed;               /* lastack's secret is made from it. */
    const char *const *settings; /* lastack's, as NAME=VALUE, with NULL behind the last; NULL: none. */
    char *const *command;
    const char *path;
};

/* What an end tells while it works, in memory that it shares with the road. */
struct end_report {
    _Atomic uint64_t bytes[END_HOST_MOST + 1]; /* Received and right, by the sender's number. */
    _Atomic uint64_t resent;                   /* Segments that the sender has retransmitted. */
    _Atomic la_time done_at;                   /* When all bytes had come, by la_host_now. */
    char why[END_WHY];                         /* What went wrong; empty while nothing has. */
};

struct end {
    struct end_task task;
    struct end_report *report;
    pid_t pid;
    int packets; /* Non-blocking. */
    int control; /* A byte tells a sender to begin, and comes back when the job is over; closed when the end is gone. */
};

/* Starts the process, and returns when it has its packets' descriptor and, as a receiver, listens. False with a
 * sentence in `why`. */
bool end_start(struct end *end, const struct end_task *task, char why[END_WHY]);
/* Tells a sender to begin. */
bool end_go(const struct end *end);
/* Ends the process, whatever it is doing. */
void end_stop(struct end *end);

/* --- Between the parts of an end --- */

/* Called by an end when it is ready: hands over the packets' descriptor. False: the road is gone. */
bool end_ready(int control, int packets);
/* Waits for the road's word. */
bool end_await(int control);
/* Says that the job is over. */
void end_done(int control);
/* Counts received bytes of host's stream if they are right; otherwise says so and returns false. */
bool end_received(struct end_report *report, unsigned host, const void *bytes, size_t len);
uint64_t end_received_all(const struct end_report *report);
/* Puts a sentence into the report. Returns false. */
bool end_fail(struct end_report *report, const char *what, int error);

void end_kernel(const struct end_task *task, struct end_report *report, int control);
void end_lastack(const struct end_task *task, struct end_report *report, int control);

/* The lastack end with its parts in place: what its jobs work with. */
struct la_stack;
struct la_device;
void end_relay(const struct end_task *task, struct end_report *report, struct la_stack *stack,
               struct la_device *device);

#endif
