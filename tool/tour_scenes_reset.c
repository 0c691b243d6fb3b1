/* Scenes: connections that end by RST. */
#include "tour_scene.h"

#define OPEN ">SYN <SYN+ACK >ACK"

static void reset_kernel(struct scene *s) {
    open_by_kernel(s);
    kernel_reset(s);
    wait_stack(s, LA_CLOSED);
    stack_recv(s, -LA_ECONNRESET);
}

static void reset_stack(struct scene *s) {
    open_by_kernel(s);
    stack_reset(s);
    wait_kernel(s, LA_CLOSED);
    kernel_recv(s, -LA_ECONNRESET);
}

/* The device is busy when the last message and the close come: the RST overtakes the message. */
static void reset_loses_data(struct scene *s) {
    open_by_kernel(s);
    mute(s, true);
    stack_send(s, 500);
    stack_reset(s);
    mute(s, false);
    wait_kernel(s, LA_CLOSED);
    kernel_recv(s, -LA_ECONNRESET);
}

static void unread_kernel(struct scene *s) {
    open_by_kernel(s);
    stack_send(s, 500);
    wait_wire(s, "<ACK+data", 1);
    wait_quiet(s);
    kernel_close(s);
    wait_stack(s, LA_CLOSED);
    stack_recv(s, -LA_ECONNRESET);
}

static void unread_stack(struct scene *s) {
    open_by_kernel(s);
    kernel_send(s, 500);
    wait_wire(s, ">ACK+data", 1);
    wait_quiet(s);
    stack_close(s);
    wait_kernel(s, LA_CLOSED);
    kernel_recv(s, -LA_ECONNRESET);
}

/* One end is gone and the other does not know it. */
static void half_open(struct scene *s) {
    open_by_kernel(s);
    lose(s, "drop flags=RST dir=out nth=1");
    stack_reset(s);
    wait_stack(s, LA_CLOSED);
    wait_quiet(s);
    expect(s, s->world->state[KERNEL] == LA_ESTABLISHED, "the kernel's end knows nothing");
    kernel_send(s, 100);
    wait_kernel(s, LA_CLOSED);
    kernel_recv(s, -LA_ECONNRESET);
}

const struct script scenes_reset[] = {
    {.text = {.name = "reset-by-kernel",
              .claims = "C20",
              .title =
                  "The kernel's program closes with SO_LINGER {1,0}: RST, no TIME_WAIT, lastack's recv says ECONNRESET",
              .kernel = "SYN_SENT ESTABLISHED CLOSED",
              .stack = "LISTEN SYN_RCVD ESTABLISHED CLOSED",
              .wire = OPEN " >RST+ACK"},
     .opener = KERNEL,
     .play = reset_kernel},
    {.text = {.name = "reset-by-lastack",
              .claims = "C20",
              .title = "lastack's program closes with SO_LINGER {1,0}",
              .kernel = "SYN_SENT ESTABLISHED CLOSED",
              .stack = "LISTEN SYN_RCVD ESTABLISHED CLOSED",
              .wire = OPEN " <RST+ACK"},
     .opener = KERNEL,
     .play = reset_stack},
    {.text = {.name = "reset-loses-data",
              .claims = "C20",
              .title = "The harm of SO_LINGER {1,0}: lastack's last message is lost with the connection",
              .note = "The device takes nothing from lastack until it has closed.",
              .kernel = "SYN_SENT ESTABLISHED CLOSED",
              .stack = "LISTEN SYN_RCVD ESTABLISHED CLOSED",
              .wire = OPEN " <RST+ACK"},
     .opener = KERNEL,
     .play = reset_loses_data},
    {.text = {.name = "unread-by-kernel",
              .claims = "C22",
              .title = "The kernel's program closes with data unread: RST instead of FIN (RFC 2525, 2.17)",
              .kernel = "SYN_SENT ESTABLISHED CLOSED",
              .stack = "LISTEN SYN_RCVD ESTABLISHED CLOSED",
              .wire = OPEN " <ACK+data >ACK >RST+ACK"},
     .opener = KERNEL,
     .play = unread_kernel},
    {.text = {.name = "unread-by-lastack",
              .claims = "C22",
              .title = "lastack's program closes with data unread",
              .kernel = "SYN_SENT ESTABLISHED CLOSED",
              .stack = "LISTEN SYN_RCVD ESTABLISHED CLOSED",
              .wire = OPEN " >ACK+data <ACK <RST+ACK"},
     .opener = KERNEL,
     .play = unread_stack},
    {.text = {.name = "half-open",
              .claims = "C43",
              .title = "lastack's end is gone and its RST was lost: the kernel's next segment meets an RST",
              .note = "Fault: drop flags=RST dir=out nth=1.",
              .kernel = "SYN_SENT ESTABLISHED CLOSED",
              .stack = "LISTEN SYN_RCVD ESTABLISHED CLOSED",
              .wire = OPEN " <RST+ACK! >ACK+data <RST"},
     .opener = KERNEL,
     .play = half_open},
    {.play = NULL},
};
