/* Scenes: how connections end in good order: either end first, in four segments or in three, both at once, and one
 * direction alone. Each script is followed, in the table below, by the life that must come of it (RFC 9293, 3.6 and
 * figures 12 and 13). */
#include "tour_scene.h"

#define OPEN ">SYN <SYN+ACK >ACK"
#define OPEN_BACK "<SYN >SYN+ACK <ACK"
#define KERNEL_WAITS "The kernel's TIME_WAIT lasts 60 s, a constant of Linux: the scene ends there."
#define STACK_SHORT "lastack's TIME_WAIT is shortened to 0.2 s (net.inet.tcp.msl = 100 ms)."

static void close_kernel(struct scene *s) {
    open_by_kernel(s);
    kernel_close(s);
    wait_stack(s, LA_CLOSE_WAIT);
    wait_kernel(s, LA_FIN_WAIT_2);
    stack_recv(s, 0);
    stack_close(s);
    wait_kernel(s, LA_TIME_WAIT);
    wait_stack(s, LA_CLOSED);
}

static void close_stack(struct scene *s) {
    open_by_kernel(s);
    stack_close(s);
    wait_kernel(s, LA_CLOSE_WAIT);
    wait_stack(s, LA_FIN_WAIT_2);
    kernel_recv(s, 0);
    kernel_close(s);
    wait_kernel(s, LA_CLOSED);
    wait_stack(s, LA_CLOSED);
}

static void close_stack_opened(struct scene *s) {
    open_by_stack(s);
    stack_close(s);
    wait_kernel(s, LA_CLOSE_WAIT);
    wait_stack(s, LA_FIN_WAIT_2);
    kernel_recv(s, 0);
    kernel_close(s);
    wait_kernel(s, LA_CLOSED);
    wait_stack(s, LA_CLOSED);
}

/* The stack's program closes before the device has taken the ACK of the kernel's FIN, so FIN and ACK travel together.
 */
static void close_three_kernel(struct scene *s) {
    open_by_kernel(s);
    mute(s, true);
    kernel_close(s);
    wait_stack(s, LA_CLOSE_WAIT);
    stack_close(s);
    mute(s, false);
    wait_kernel(s, LA_TIME_WAIT);
    wait_stack(s, LA_CLOSED);
}

/* Linux delays the ACK of a FIN a few ms; a program that closes at once sends both in one segment. Should this process
 * have been asleep for so long, the ACK is lost, and FIN and ACK still arrive together. */
static void close_three_stack(struct scene *s) {
    open_by_kernel(s);
    lose(s, "drop flags=ACK+!FIN dir=in nth=1");
    stack_close(s);
    wait_kernel(s, LA_CLOSE_WAIT);
    kernel_close(s);
    wait_kernel(s, LA_CLOSED);
    wait_stack(s, LA_CLOSED);
}

static void close_both(struct scene *s) {
    open_by_kernel(s);
    hold(s, KERNEL);
    hold(s, STACK);
    kernel_close(s);
    stack_close(s);
    wait_held(s, 2);
    release(s, KERNEL);
    release(s, STACK);
    wait_held(s, 2);
    expect(s, s->world->state[KERNEL] == LA_CLOSING && s->world->state[STACK] == LA_CLOSING,
           "both ends are CLOSING at the same moment");
    release_all(s);
    wait_kernel(s, LA_TIME_WAIT);
    wait_stack(s, LA_CLOSED);
}

static void half_close_kernel(struct scene *s) {
    open_by_kernel(s);
    kernel_shutdown(s);
    wait_stack(s, LA_CLOSE_WAIT);
    stack_recv(s, 0);
    wait_kernel(s, LA_FIN_WAIT_2);
    stack_send(s, 1000);
    kernel_recv(s, 1000);
    stack_send(s, 2000);
    kernel_recv(s, 2000);
    wait_quiet(s);
    stack_close(s);
    kernel_recv(s, 0);
    wait_kernel(s, LA_TIME_WAIT);
    wait_stack(s, LA_CLOSED);
}

static void half_close_stack(struct scene *s) {
    open_by_stack(s);
    stack_shutdown(s);
    wait_kernel(s, LA_CLOSE_WAIT);
    kernel_recv(s, 0);
    wait_stack(s, LA_FIN_WAIT_2);
    kernel_send(s, 1000);
    stack_recv(s, 1000);
    kernel_send(s, 2000);
    stack_recv(s, 2000);
    wait_quiet(s);
    kernel_close(s);
    stack_recv(s, 0);
    stack_close(s);
    wait_kernel(s, LA_CLOSED);
    wait_stack(s, LA_CLOSED);
}

const struct script scenes_close[] = {
    {.text =
         {.name = "close-by-kernel",
          .claims = "C02 C03 C16",
          .title =
              "The kernel closes first: four segments; lastack is CLOSE_WAIT when the FIN arrives, LAST_ACK when it "
              "sends its own",
          .note = KERNEL_WAITS,
          .kernel = "SYN_SENT ESTABLISHED FIN_WAIT_1 FIN_WAIT_2 TIME_WAIT",
          .stack = "LISTEN SYN_RCVD ESTABLISHED CLOSE_WAIT LAST_ACK CLOSED",
          .wire = OPEN " >FIN+ACK <ACK <FIN+ACK >ACK"},
     .opener = KERNEL,
     .play = close_kernel},
    {.text = {.name = "close-by-lastack",
              .claims = "C02 C03 C09",
              .title = "lastack closes first",
              .note = STACK_SHORT,
              .kernel = "SYN_SENT ESTABLISHED CLOSE_WAIT LAST_ACK CLOSED",
              .stack = "LISTEN SYN_RCVD ESTABLISHED FIN_WAIT_1 FIN_WAIT_2 TIME_WAIT CLOSED",
              .wire = OPEN " <FIN+ACK >ACK >FIN+ACK <ACK"},
     .opener = KERNEL,
     .play = close_stack},
    {.text = {.name = "close-three-by-kernel",
              .claims = "C02 C04",
              .title = "Three segments: lastack's FIN acknowledges the kernel's, FIN_WAIT_1 goes straight to TIME_WAIT",
              .note = "lastack's program closes before the device has taken the ACK.",
              .kernel = "SYN_SENT ESTABLISHED FIN_WAIT_1 TIME_WAIT",
              .stack = "LISTEN SYN_RCVD ESTABLISHED CLOSE_WAIT LAST_ACK CLOSED",
              .wire = OPEN " >FIN+ACK <FIN+ACK >ACK"},
     .opener = KERNEL,
     .play = close_three_kernel},
    {.text = {.name = "close-three-by-lastack",
              .claims = "C02 C04",
              .title = "Three segments, lastack closes first",
              .note = STACK_SHORT,
              .kernel = "SYN_SENT ESTABLISHED CLOSE_WAIT LAST_ACK CLOSED",
              .stack = "LISTEN SYN_RCVD ESTABLISHED FIN_WAIT_1 TIME_WAIT CLOSED",
              .wire = OPEN " <FIN+ACK * >FIN+ACK <ACK"},
     .opener = KERNEL,
     .play = close_three_stack},
    {.text = {.name = "close-simultaneous",
              .claims = "C05",
              .title = "Both close at the same moment: the FINs cross, both ends are CLOSING",
              .note = "The device withholds both FINs, then both ACKs. " STACK_SHORT,
              .kernel = "SYN_SENT ESTABLISHED FIN_WAIT_1 CLOSING TIME_WAIT",
              .stack = "LISTEN SYN_RCVD ESTABLISHED FIN_WAIT_1 CLOSING TIME_WAIT CLOSED",
              .wire = OPEN " >FIN+ACK <FIN+ACK <ACK >ACK"},
     .opener = KERNEL,
     .play = close_both},
    {.text = {.name = "half-close-by-kernel",
              .claims = "C25",
              .title = "The kernel's program shuts down sending; lastack's goes on sending for as long as it wants",
              .note = KERNEL_WAITS,
              .kernel = "SYN_SENT ESTABLISHED FIN_WAIT_1 FIN_WAIT_2 TIME_WAIT",
              .stack = "LISTEN SYN_RCVD ESTABLISHED CLOSE_WAIT LAST_ACK CLOSED",
              .wire = OPEN " >FIN+ACK <ACK <ACK+data * <ACK+data * <ACK+data * <FIN+ACK >ACK"},
     .opener = KERNEL,
     .play = half_close_kernel},
    {.text = {.name = "half-close-by-lastack",
              .claims = "C25",
              .title = "lastack's program shuts down sending; the kernel's goes on sending",
              .note = STACK_SHORT,
              .kernel = "LISTEN SYN_RCVD ESTABLISHED CLOSE_WAIT LAST_ACK CLOSED",
              .stack = "SYN_SENT ESTABLISHED FIN_WAIT_1 FIN_WAIT_2 TIME_WAIT CLOSED",
              .wire = OPEN_BACK " <FIN+ACK >ACK >ACK+data * >ACK+data * >ACK+data * >FIN+ACK <ACK"},
     .opener = STACK,
     .play = half_close_stack},
    {.text = {.name = "close-by-kernel-ipv6",
              .claims = "C02",
              .title = "The kernel closes first, over IPv6",
              .note = KERNEL_WAITS,
              .kernel = "SYN_SENT ESTABLISHED FIN_WAIT_1 FIN_WAIT_2 TIME_WAIT",
              .stack = "LISTEN SYN_RCVD ESTABLISHED CLOSE_WAIT LAST_ACK CLOSED",
              .wire = OPEN " >FIN+ACK <ACK <FIN+ACK >ACK"},
     .opener = KERNEL,
     .play = close_kernel,
     .ipv6 = true},
    {.text = {.name = "close-by-lastack-ipv6",
              .claims = "C02",
              .title = "lastack opens and closes first, over IPv6",
              .note = STACK_SHORT,
              .kernel = "LISTEN SYN_RCVD ESTABLISHED CLOSE_WAIT LAST_ACK CLOSED",
              .stack = "SYN_SENT ESTABLISHED FIN_WAIT_1 FIN_WAIT_2 TIME_WAIT CLOSED",
              .wire = OPEN_BACK " <FIN+ACK >ACK >FIN+ACK <ACK"},
     .opener = STACK,
     .play = close_stack_opened,
     .ipv6 = true},
    {.play = NULL},
};
