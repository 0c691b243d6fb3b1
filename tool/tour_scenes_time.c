/* Scenes: what ends a connection when one side says nothing more, and what does not: the timer of FIN_WAIT_2,
 * keepalive, the end of a program, SO_LINGER; and a new SYN that ends TIME_WAIT early. Each script is followed, in the
 * table below, by the life that must come of it (RFC 9293, 3.6 and 3.8.4; RFC 1122, 4.2.2.13; RFC 6191). */
#include "tour_scene.h"

#define OPEN ">SYN <SYN+ACK >ACK"
#define OPEN_BACK "<SYN >SYN+ACK <ACK"
#define FIN_TIMEOUT "tcp_fin_timeout is shortened from 60 s to 1 s"

static void orphan_stack(struct scene *s) {
    open_by_kernel(s);
    stack_close(s);
    wait_stack(s, LA_FIN_WAIT_2);
    wait_kernel(s, LA_CLOSE_WAIT);
    wait_stack(s, LA_CLOSED);
    expect(s, s->world->state[KERNEL] == LA_CLOSE_WAIT, "no timer ends the kernel's CLOSE_WAIT");
    kernel_close(s);
    wait_kernel(s, LA_CLOSED);
}

static void orphan_kernel(struct scene *s) {
    open_by_kernel(s);
    kernel_fin_wait_2(s, 1);
    kernel_close(s);
    wait_kernel(s, LA_FIN_WAIT_2);
    wait_kernel(s, LA_CLOSED);
    expect(s, s->world->state[STACK] == LA_CLOSE_WAIT, "no timer ends lastack's CLOSE_WAIT");
    stack_close(s);
    wait_stack(s, LA_CLOSED);
}

static void close_wait_program(struct scene *s) {
    program_open(s);
    stack_shutdown(s);
    program_says(s, 'e');
    wait_stack(s, LA_FIN_WAIT_2);
    expect(s, s->world->state[KERNEL] == LA_CLOSE_WAIT && s->world->row.unread == 0 && !s->world->row.orphan,
           "the program has read end of file and holds the socket in CLOSE_WAIT");
    program_kill(s);
    wait_kernel(s, LA_CLOSED);
    stack_recv(s, 0);
    stack_close(s);
    wait_stack(s, LA_CLOSED);
}

static void keepalive_answered(struct scene *s) {
    open_by_kernel(s);
    stack_keepalive(s, 1, 1, 2);
    wait_wire(s, ">ACK", 3);
    expect(s, s->world->state[STACK] == LA_ESTABLISHED, "a peer that answers keeps the connection");
}

static void keepalive_dead(struct scene *s) {
    open_by_kernel(s);
    lose(s, "drop");
    stack_keepalive(s, 1, 1, 2);
    wait_stack(s, LA_CLOSED);
    stack_recv(s, -LA_ETIMEDOUT);
}

static void keepalive_no_cure(struct scene *s) {
    open_by_kernel(s);
    kernel_keepalive(s, 1, 1, 2);
    stack_shutdown(s);
    wait_kernel(s, LA_CLOSE_WAIT);
    wait_stack(s, LA_FIN_WAIT_2);
    wait_wire(s, "<ACK", 2);
    expect(s, s->world->state[KERNEL] == LA_CLOSE_WAIT, "keepalive changes nothing while the peer answers");
    kernel_close(s);
    wait_kernel(s, LA_CLOSED);
    stack_recv(s, 0);
    stack_close(s);
    wait_stack(s, LA_CLOSED);
}

static void keepalive_cure(struct scene *s) {
    open_by_kernel(s);
    kernel_keepalive(s, 2, 1, 2);
    stack_close(s);
    wait_kernel(s, LA_CLOSE_WAIT);
    wait_stack(s, LA_FIN_WAIT_2);
    wait_stack(s, LA_CLOSED);
    wait_kernel(s, LA_CLOSED);
}

static void time_wait_syn(struct scene *s) {
    stack_set(s, "net.inet.tcp.msl", 30000);
    open_by_kernel(s);
    stack_close(s);
    wait_kernel(s, LA_CLOSE_WAIT);
    wait_stack(s, LA_FIN_WAIT_2);
    kernel_close(s);
    wait_kernel(s, LA_CLOSED);
    wait_stack(s, LA_TIME_WAIT);
    kernel_connect(s);
    wait_kernel(s, LA_ESTABLISHED);
    wait_stack(s, LA_ESTABLISHED);
    stack_accept(s);
}

static void time_wait_syn_kernel(struct scene *s) {
    open_by_stack(s);
    kernel_close(s);
    wait_stack(s, LA_CLOSE_WAIT);
    wait_kernel(s, LA_FIN_WAIT_2);
    stack_close(s);
    wait_stack(s, LA_CLOSED);
    wait_kernel(s, LA_TIME_WAIT);
    stack_connect(s);
    wait_stack(s, LA_ESTABLISHED);
    wait_kernel(s, LA_ESTABLISHED);
    kernel_accept(s);
}

static void linger_acked(struct scene *s) {
    open_by_kernel(s);
    stack_send(s, 500);
    hold(s, KERNEL);
    stack_linger(s, 5);
    wait_held(s, 1);
    wait_quiet(s);
    expect(s, !(s->world->events & LA_EV_CLOSED), "close() does not end before the data is acknowledged");
    release_all(s);
    stack_lingered(s);
    expect(s, s->world->state[STACK] == LA_FIN_WAIT_2, "close() ends when all is acknowledged");
    kernel_recv(s, 500);
    kernel_close(s);
    wait_kernel(s, LA_CLOSED);
    wait_stack(s, LA_CLOSED);
}

static void linger_over(struct scene *s) {
    open_by_kernel(s);
    lose(s, "drop dir=out");
    stack_linger(s, 1);
    stack_lingered(s);
    expect(s, s->world->state[STACK] == LA_FIN_WAIT_1, "the stack goes on alone after close() has ended");
    lose_no_more(s);
    wait_kernel(s, LA_CLOSE_WAIT);
    wait_stack(s, LA_FIN_WAIT_2);
    kernel_close(s);
    wait_kernel(s, LA_CLOSED);
    wait_stack(s, LA_CLOSED);
}

const struct script scenes_time[] = {
    {.text = {.name = "orphan-fin-wait-2",
              .claims = "C10 C11 C12",
              .title =
                  "lastack's program has closed, the kernel's does not: FIN_WAIT_2 is timed out, CLOSE_WAIT is not",
              .note = "lastack's " FIN_TIMEOUT ".",
              .kernel = "SYN_SENT ESTABLISHED CLOSE_WAIT LAST_ACK CLOSED",
              .stack = "LISTEN SYN_RCVD ESTABLISHED FIN_WAIT_1 FIN_WAIT_2 CLOSED",
              .wire = OPEN " <FIN+ACK >ACK >FIN+ACK <RST"},
     .opener = KERNEL,
     .play = orphan_stack},
    {.text = {.name = "orphan-fin-wait-2-kernel",
              .claims = "C10 C11 C12",
              .title = "The kernel's program has closed, lastack's does not",
              .note = "The kernel's " FIN_TIMEOUT " (a sysctl of this namespace, and TCP_LINGER2 on the socket).",
              .kernel = "SYN_SENT ESTABLISHED FIN_WAIT_1 FIN_WAIT_2 CLOSED",
              .stack = "LISTEN SYN_RCVD ESTABLISHED CLOSE_WAIT LAST_ACK CLOSED",
              .wire = OPEN " >FIN+ACK <ACK <FIN+ACK >RST"},
     .opener = KERNEL,
     .play = orphan_kernel},
    {.text = {.name = "close-wait-leak",
              .claims = "C12 C14 C16 C28",
              .title = "A kernel program reads end of file and does not close: CLOSE_WAIT, until the program is killed",
              .note = "lastack's end is half closed and has an owner: its FIN_WAIT_2 may rightly stay.",
              .kernel = "SYN_SENT ESTABLISHED CLOSE_WAIT LAST_ACK CLOSED",
              .stack = "LISTEN SYN_RCVD ESTABLISHED FIN_WAIT_1 FIN_WAIT_2 TIME_WAIT CLOSED",
              .wire = OPEN " <FIN+ACK >ACK >FIN+ACK <ACK"},
     .opener = KERNEL,
     .play = close_wait_program},
    {.text = {.name = "time-wait-syn",
              .claims = "C18 C35",
              .title = "A new SYN takes over the tuple that lastack has in TIME_WAIT",
              .note =
                  "lastack's TIME_WAIT is Linux's 60 s. The kernel's client binds the same port again (SO_REUSEADDR).",
              .kernel = "SYN_SENT ESTABLISHED CLOSE_WAIT LAST_ACK CLOSED SYN_SENT ESTABLISHED",
              .stack = "LISTEN SYN_RCVD ESTABLISHED FIN_WAIT_1 FIN_WAIT_2 TIME_WAIT CLOSED SYN_RCVD ESTABLISHED",
              .wire = OPEN " <FIN+ACK >ACK >FIN+ACK <ACK " OPEN},
     .opener = KERNEL,
     .play = time_wait_syn},
    {.text = {.name = "time-wait-syn-kernel",
              .claims = "C18 C35",
              .title = "A new SYN of lastack's takes over the tuple that the kernel has in TIME_WAIT",
              .kernel = "LISTEN SYN_RCVD ESTABLISHED FIN_WAIT_1 FIN_WAIT_2 TIME_WAIT SYN_RCVD ESTABLISHED",
              .stack = "SYN_SENT ESTABLISHED CLOSE_WAIT LAST_ACK CLOSED SYN_SENT ESTABLISHED",
              .wire = OPEN_BACK " >FIN+ACK <ACK <FIN+ACK >ACK " OPEN_BACK},
     .opener = STACK,
     .play = time_wait_syn_kernel},
    {.text = {.name = "keepalive",
              .claims = "C29",
              .title = "lastack's keepalive: the kernel answers each probe, the connection stays",
              .note = "TCP_KEEPIDLE 1 s, TCP_KEEPINTVL 1 s, TCP_KEEPCNT 2 (defaults: 7200 s, 75 s, 9).",
              .kernel = "SYN_SENT ESTABLISHED",
              .stack = "LISTEN SYN_RCVD ESTABLISHED",
              .wire = OPEN " <ACK >ACK <ACK >ACK"},
     .opener = KERNEL,
     .play = keepalive_answered},
    {.text = {.name = "keepalive-dead",
              .claims = "C29",
              .title = "lastack's keepalive: nobody answers, the connection ends with ETIMEDOUT",
              .note = "TCP_KEEPIDLE 1 s, TCP_KEEPINTVL 1 s, TCP_KEEPCNT 2. Fault: drop (everything).",
              .kernel = "SYN_SENT ESTABLISHED",
              .stack = "LISTEN SYN_RCVD ESTABLISHED CLOSED",
              .wire = OPEN " <ACK! <ACK! *"},
     .opener = KERNEL,
     .play = keepalive_dead},
    {.text = {.name = "keepalive-no-cure",
              .claims = "C11 C13",
              .title = "The kernel's keepalive does not end its CLOSE_WAIT while the peer is there and answers",
              .note = "TCP_KEEPIDLE 1 s, TCP_KEEPINTVL 1 s on the kernel's socket.",
              .kernel = "SYN_SENT ESTABLISHED CLOSE_WAIT LAST_ACK CLOSED",
              .stack = "LISTEN SYN_RCVD ESTABLISHED FIN_WAIT_1 FIN_WAIT_2 TIME_WAIT CLOSED",
              .wire = OPEN " <FIN+ACK >ACK >ACK <ACK >ACK <ACK >FIN+ACK <ACK"},
     .opener = KERNEL,
     .play = keepalive_no_cure},
    {.text = {.name = "keepalive-cure",
              .claims = "C13",
              .title = "It does once lastack's FIN_WAIT_2 has been timed out: an RST answers the probe",
              .note = "TCP_KEEPIDLE 2 s on the kernel's socket; lastack's " FIN_TIMEOUT ".",
              .kernel = "SYN_SENT ESTABLISHED CLOSE_WAIT CLOSED",
              .stack = "LISTEN SYN_RCVD ESTABLISHED FIN_WAIT_1 FIN_WAIT_2 CLOSED",
              .wire = OPEN " <FIN+ACK >ACK >ACK <RST"},
     .opener = KERNEL,
     .play = keepalive_cure},
    {.text =
         {.name = "linger",
          .claims = "C21",
          .title =
              "lastack's program closes with SO_LINGER {1,5}: close() ends when the peer has acknowledged everything",
          .note = "The device withholds the kernel's ACK.",
          .kernel = "SYN_SENT ESTABLISHED CLOSE_WAIT LAST_ACK CLOSED",
          .stack = "LISTEN SYN_RCVD ESTABLISHED FIN_WAIT_1 FIN_WAIT_2 TIME_WAIT CLOSED",
          .wire = OPEN " <FIN+ACK+data >ACK >FIN+ACK <ACK"},
     .opener = KERNEL,
     .play = linger_acked},
    {.text = {.name = "linger-timeout",
              .claims = "C21",
              .title = "SO_LINGER {1,1} and nothing acknowledged: close() ends after 1 s, and the stack goes on alone",
              .note = "Fault: drop dir=out, until close() has ended.",
              .kernel = "SYN_SENT ESTABLISHED CLOSE_WAIT LAST_ACK CLOSED",
              .stack = "LISTEN SYN_RCVD ESTABLISHED FIN_WAIT_1 FIN_WAIT_2 TIME_WAIT CLOSED",
              .wire = OPEN " <FIN+ACK! * <FIN+ACK >ACK >FIN+ACK <ACK"},
     .opener = KERNEL,
     .play = linger_over},
    {.play = NULL},
};
