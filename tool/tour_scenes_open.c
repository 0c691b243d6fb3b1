/* Scenes: how connections begin. */
#include "tour_scene.h"

#define OPEN ">SYN <SYN+ACK >ACK"
#define OPEN_BACK "<SYN >SYN+ACK <ACK"

static void open_kernel(struct scene *s) {
    stack_listen(s);
    kernel_connect(s);
    wait_kernel(s, LA_ESTABLISHED);
    expect(s, s->world->state[STACK] == LA_SYN_RCVD, "the client is ESTABLISHED while the server is still SYN_RCVD");
    wait_stack(s, LA_ESTABLISHED);
    stack_accept(s);
}

static void open_stack(struct scene *s) {
    kernel_listen(s);
    stack_connect(s);
    wait_stack(s, LA_ESTABLISHED);
    expect(s, s->world->state[KERNEL] == LA_SYN_RCVD, "the client is ESTABLISHED while the server is still SYN_RCVD");
    wait_kernel(s, LA_ESTABLISHED);
    kernel_accept(s);
}

/* Each end's SYN is on its way before the other's arrives; so are the two SYN+ACKs. */
static void open_both(struct scene *s) {
    hold(s, KERNEL);
    hold(s, STACK);
    kernel_connect(s);
    stack_connect(s);
    wait_held(s, 2);
    release(s, KERNEL);
    release(s, STACK);
    wait_held(s, 2);
    release_all(s);
    wait_kernel(s, LA_ESTABLISHED);
    wait_stack(s, LA_ESTABLISHED);
    wait_quiet(s);
}

static void third_withheld_stack(struct scene *s) {
    stack_listen(s);
    kernel_connect(s);
    wait_wire(s, ">SYN", 1);
    hold(s, KERNEL);
    wait_kernel(s, LA_ESTABLISHED);
    wait_wire(s, "<SYN+ACK", 2);
    expect(s, s->world->state[STACK] == LA_SYN_RCVD, "without the third segment the server stays SYN_RCVD");
    wait_held(s, 2);
    release_all(s);
    wait_stack(s, LA_ESTABLISHED);
    wait_quiet(s);
}

static void third_withheld_kernel(struct scene *s) {
    kernel_listen(s);
    stack_connect(s);
    wait_wire(s, "<SYN", 1);
    hold(s, STACK);
    wait_stack(s, LA_ESTABLISHED);
    wait_wire(s, ">SYN+ACK", 2);
    expect(s, s->world->state[KERNEL] == LA_SYN_RCVD, "without the third segment the server stays SYN_RCVD");
    wait_held(s, 2);
    release_all(s);
    wait_kernel(s, LA_ESTABLISHED);
    wait_quiet(s);
}

static void refused_by_stack(struct scene *s) {
    kernel_connect(s);
    wait_wire(s, "<RST+ACK", 1);
    kernel_recv(s, -LA_ECONNREFUSED);
}

static void refused_by_kernel(struct scene *s) {
    stack_connect(s);
    wait_stack(s, LA_CLOSED);
    stack_recv(s, -LA_ECONNREFUSED);
}

const struct script scenes_open[] = {
    {.text = {.name = "open-by-kernel",
              .claims = "C01",
              .title = "The kernel opens: three segments, and the client is ESTABLISHED one segment before the server",
              .kernel = "SYN_SENT ESTABLISHED",
              .stack = "LISTEN SYN_RCVD ESTABLISHED",
              .wire = OPEN},
     .opener = KERNEL,
     .play = open_kernel},
    {.text = {.name = "open-by-lastack",
              .claims = "C01",
              .title = "lastack opens",
              .kernel = "LISTEN SYN_RCVD ESTABLISHED",
              .stack = "SYN_SENT ESTABLISHED",
              .wire = OPEN_BACK},
     .opener = STACK,
     .play = open_stack},
    {.text = {.name = "open-simultaneous",
              .claims = "C06",
              .title = "Both open at the same moment: the SYNs cross and make one connection",
              .note = "The device withholds both SYNs, then both SYN+ACKs, and lets them cross.",
              .kernel = "SYN_SENT SYN_RCVD ESTABLISHED",
              .stack = "SYN_SENT SYN_RCVD ESTABLISHED",
              .wire = ">SYN <SYN <SYN+ACK >SYN+ACK *"},
     .opener = KERNEL,
     .play = open_both},
    {.text = {.name = "syn-rcvd",
              .claims = "C40",
              .title = "The third segment is withheld: lastack stays SYN_RCVD and repeats its SYN+ACK",
              .kernel = "SYN_SENT ESTABLISHED",
              .stack = "LISTEN SYN_RCVD ESTABLISHED",
              .wire = ">SYN <SYN+ACK <SYN+ACK >ACK >ACK"},
     .opener = KERNEL,
     .play = third_withheld_stack},
    {.text = {.name = "syn-rcvd-kernel",
              .claims = "C40",
              .title = "The third segment is withheld: the kernel stays SYN_RCVD and repeats its SYN+ACK",
              .kernel = "LISTEN SYN_RCVD ESTABLISHED",
              .stack = "SYN_SENT ESTABLISHED",
              .wire = "<SYN >SYN+ACK >SYN+ACK <ACK <ACK"},
     .opener = STACK,
     .play = third_withheld_kernel},
    {.text = {.name = "refused-by-lastack",
              .claims = "C43",
              .title = "Nobody listens at lastack: an RST answers the SYN",
              .kernel = "SYN_SENT CLOSED",
              .stack = "",
              .wire = ">SYN <RST+ACK"},
     .opener = KERNEL,
     .play = refused_by_stack},
    {.text = {.name = "refused-by-kernel",
              .claims = "C43",
              .title = "Nobody listens at the kernel: an RST answers the SYN",
              .kernel = "",
              .stack = "SYN_SENT CLOSED",
              .wire = "<SYN >RST+ACK"},
     .opener = STACK,
     .play = refused_by_kernel},
    {.play = NULL},
};
