/* Ends as processes: start, hand-over, stop, and the bytes that they check. */
#define _GNU_SOURCE
#include "end.h"

#include "tool/tour_pattern.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct la_addr end_addr(unsigned host) {
    return la_addr4(10, 77, 0, (uint8_t)host);
}

/* --- Inside an end --- */

union rights {
    struct cmsghdr head;
    char room[CMSG_SPACE(sizeof(int))];
};

static struct msghdr message_of(struct iovec *byte, union rights *rights) {
    return (struct msghdr){
        .msg_iov = byte, .msg_iovlen = 1, .msg_control = rights->room, .msg_controllen = sizeof rights->room};
}

bool end_ready(int control, int packets) {
    char ready = 'r';
    union rights rights = {0};
    struct iovec byte = {&ready, 1};
    struct msghdr message = message_of(&byte, &rights);
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    *head = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof packets), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(head), &packets, sizeof packets);
    return sendmsg(control, &message, 0) == 1;
}

bool end_await(int control) {
    char go;
    return read(control, &go, 1) == 1;
}

void end_done(int control) { (void)!write(control, "d", 1); }

bool end_fail(struct end_report *report, const char *what, int error) {
    snprintf(report->why, sizeof report->why, "%s%s%s", what, error ? ": " : "", error ? strerror(error) : "");
    return false;
}

bool end_received(struct end_report *report, unsigned host, const void *bytes, size_t len) {
    uint8_t right[16384];
    if (host > END_HOST_MOST) return end_fail(report, "a connection from an unknown address", 0);
    for (const uint8_t *at = bytes; len;) {
        size_t n = len < sizeof right ? len : sizeof right;
        uint64_t before = atomic_load(&report->bytes[host]);
        pattern_fill(before, right, n);
        if (memcmp(at, right, n) != 0) return end_fail(report, "received bytes are not those that were sent", 0);
        atomic_store(&report->bytes[host], before + n);
        at += n;
        len -= n;
    }
    return true;
}

uint64_t end_received_all(const struct end_report *report) {
    uint64_t all = 0;
    for (unsigned i = 0; i <= END_HOST_MOST; i++) all += atomic_load(&report->bytes[i]);
    return all;
}

static void work(const struct end *end, int control) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_TIMERSLACK, 1L); /* The clock of a sleep is to be the kernel's best. */
    signal(SIGPIPE, SIG_IGN);
    if (end->task.tcp == END_KERNEL)
        end_kernel(&end->task, end->report, control);
    else
        end_lastack(&end->task, end->report, control);
}

/* --- From the road --- */

static int packets_take(int control) {
    char ready;
    union rights rights = {0};
    struct iovec byte = {&ready, 1};
    struct msghdr message = message_of(&byte, &rights);
    if (recvmsg(control, &message, MSG_CMSG_CLOEXEC) != 1) return -1;
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    if (!head || head->cmsg_type != SCM_RIGHTS) return -1;
    int packets;
    memcpy(&packets, CMSG_DATA(head), sizeof packets);
    fcntl(packets, F_SETFL, O_NONBLOCK);
    return packets;
}

static bool end_fork(struct end *end) {
    int control[2];
    void *shared = mmap(NULL, sizeof *end->report, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) return false;
    end->report = shared;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) < 0) return false;
    end->pid = fork();
    if (end->pid == 0) {
        close(control[0]);
        work(end, control[1]);
        _exit(1);
    }
    end->control = control[0];
    close(control[1]);
    return end->pid > 0;
}

bool end_start(struct end *end, const struct end_task *task, char why[END_WHY]) {
    *end = (struct end){.task = *task, .packets = -1, .control = -1};
    if (!end_fork(end)) {
        snprintf(why, END_WHY, "cannot start a process: %s", strerror(errno));
        return false;
    }
    end->packets = packets_take(end->control);
    if (end->packets >= 0) return true;
    snprintf(why, END_WHY, "%s", end->report->why[0] ? end->report->why : "an end did not start");
    return false;
}

bool end_go(const struct end *end) { return write(end->control, "g", 1) == 1; }

void end_stop(struct end *end) {
    if (end->pid > 0) {
        kill(end->pid, SIGKILL);
        waitpid(end->pid, NULL, 0);
    }
    if (end->control >= 0) close(end->control);
    if (end->packets >= 0) close(end->packets);
    if (end->report) munmap(end->report, sizeof *end->report);
    *end = (struct end){.packets = -1, .control = -1};
}
