/* Scenes: segments of the end get lost. */
#include "tour_scene.h"

#define OPEN ">SYN <SYN+ACK >ACK"

static void last_ack_of_stack(struct scene *s) {
    stack_set(s, "net.inet.tcp.msl", 500);
    open_by_kernel(s);
    stack_close(s);
    wait_stack(s, LA_FIN_WAIT_2);
    lose(s, "drop flags=ACK dir=out nth=1");
    kernel_close(s);
    wait_stack(s, LA_TIME_WAIT);
    wait_kernel(s, LA_CLOSED);
    wait_stack(s, LA_CLOSED);
}

static void last_ack_of_kernel(struct scene *s) {
    open_by_kernel(s);
    kernel_close(s);
    wait_kernel(s, LA_FIN_WAIT_2);
    lose(s, "drop flags=ACK dir=in nth=1");
    stack_close(s);
    wait_kernel(s, LA_TIME_WAIT);
    wait_stack(s, LA_CLOSED);
}

/* With an MSL of nothing there is no TIME_WAIT to answer the repeated FIN. */
static void no_time_wait(struct scene *s) {
    stack_set(s, "net.inet.tcp.msl", 0);
    open_by_kernel(s);
    stack_close(s);
    wait_stack(s, LA_FIN_WAIT_2);
    lose(s, "drop flags=ACK dir=out nth=1");
    kernel_shutdown(s);
    wait_stack(s, LA_CLOSED);
    wait_wire(s, "<RST", 1);
    wait_kernel(s, LA_CLOSED);
}

static void fin_of_kernel(struct scene *s) {
    open_by_kernel(s);
    lose(s, "drop flags=FIN dir=in nth=1");
    kernel_close(s);
    wait_stack(s, LA_CLOSE_WAIT);
    wait_kernel(s, LA_FIN_WAIT_2);
    stack_close(s);
    wait_kernel(s, LA_TIME_WAIT);
    wait_stack(s, LA_CLOSED);
}

static void fin_of_stack(struct scene *s) {
    open_by_kernel(s);
    lose(s, "drop flags=FIN dir=out nth=1");
    stack_close(s);
    wait_kernel(s, LA_CLOSE_WAIT);
    wait_stack(s, LA_FIN_WAIT_2);
    kernel_close(s);
    wait_kernel(s, LA_CLOSED);
    wait_stack(s, LA_CLOSED);
}

const struct script scenes_lost[] = {
    {.text = {.name = "last-ack-lost",
              .claims = "C07",
              .title = "lastack's last ACK is lost: the kernel repeats its FIN, TIME_WAIT repeats the ACK",
              .note = "Fault: drop flags=ACK dir=out nth=1. TIME_WAIT is shortened to 1 s.",
              .kernel = "SYN_SENT ESTABLISHED CLOSE_WAIT LAST_ACK CLOSED",
              .stack = "LISTEN SYN_RCVD ESTABLISHED FIN_WAIT_1 FIN_WAIT_2 TIME_WAIT CLOSED",
              .wire = OPEN " <FIN+ACK >ACK >FIN+ACK <ACK! >FIN+ACK <ACK"},
     .opener = KERNEL,
     .play = last_ack_of_stack},
    {.text = {.name = "last-ack-lost-kernel",
              .claims = "C07",
              .title = "The kernel's last ACK is lost: lastack repeats its FIN, the kernel's TIME_WAIT repeats the ACK",
              .note = "Fault: drop flags=ACK dir=in nth=1.",
              .kernel = "SYN_SENT ESTABLISHED FIN_WAIT_1 FIN_WAIT_2 TIME_WAIT",
              .stack = "LISTEN SYN_RCVD ESTABLISHED CLOSE_WAIT LAST_ACK CLOSED",
              .wire = OPEN " >FIN+ACK <ACK <FIN+ACK >ACK! <FIN+ACK >ACK"},
     .opener = KERNEL,
     .play = last_ack_of_kernel},
    {.text = {.name = "no-time-wait",
              .claims = "C07",
              .title = "The same loss without TIME_WAIT: the repeated FIN finds nobody, and an RST answers it",
              .note =
                  "lastack's TIME_WAIT is set to nothing (net.inet.tcp.msl = 0). Fault: drop flags=ACK dir=out nth=1.",
              .kernel = "SYN_SENT ESTABLISHED CLOSE_WAIT LAST_ACK CLOSED",
              .stack = "LISTEN SYN_RCVD ESTABLISHED FIN_WAIT_1 FIN_WAIT_2 TIME_WAIT CLOSED",
              .wire = OPEN " <FIN+ACK >ACK >FIN+ACK <ACK! >FIN+ACK <RST"},
     .opener = KERNEL,
     .play = no_time_wait},
    {.text = {.name = "fin-lost-kernel",
              .claims = "C02",
              .title = "The kernel's FIN is lost: it is sent again",
              .note = "Fault: drop flags=FIN dir=in nth=1.",
              .kernel = "SYN_SENT ESTABLISHED FIN_WAIT_1 FIN_WAIT_2 TIME_WAIT",
              .stack = "LISTEN SYN_RCVD ESTABLISHED CLOSE_WAIT LAST_ACK CLOSED",
              .wire = OPEN " >FIN+ACK! >FIN+ACK <ACK <FIN+ACK >ACK"},
     .opener = KERNEL,
     .play = fin_of_kernel},
    {.text = {.name = "fin-lost",
              .claims = "C02",
              .title = "lastack's FIN is lost: it is sent again",
              .note = "Fault: drop flags=FIN dir=out nth=1.",
              .kernel = "SYN_SENT ESTABLISHED CLOSE_WAIT LAST_ACK CLOSED",
              .stack = "LISTEN SYN_RCVD ESTABLISHED FIN_WAIT_1 FIN_WAIT_2 TIME_WAIT CLOSED",
              .wire = OPEN " <FIN+ACK! <FIN+ACK >ACK >FIN+ACK <ACK"},
     .opener = KERNEL,
     .play = fin_of_stack},
    {.play = NULL},
};
