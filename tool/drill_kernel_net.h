/* The network side of the kernel target: a namespace of its own with a TUN device that leads to the script's side. */
#ifndef TOOL_DRILL_KERNEL_NET_H
#define TOOL_DRILL_KERNEL_NET_H

#include <lastack/drill.h>

/* All -1 before kernel_net_open and after kernel_net_close. */
struct kernel_net {
    int outside; /* The namespace that the calling thread came from. */
    int tun;     /* What the kernel sends must be taken from here; what it shall receive goes in here. */
    int sniffer; /* Sees each packet as it leaves, with the time. */
};

/* Moves the calling thread into a fresh namespace. False with a sentence in `error`; close it even then. */
bool kernel_net_open(struct kernel_net *net, const struct la_drill_options *options, char *error, size_t size);

/* As la_drill_target.input. */
int kernel_net_input(struct kernel_net *net, const void *packet, size_t len, uint32_t gso);

/* As la_drill_target.output; times are of la_host_now(). */
int64_t kernel_net_output(struct kernel_net *net, void *packet, size_t size, la_time *at, la_time until);

/* Takes from the TUN device what the sniffer has seen already, so that its queue does not fill. */
void kernel_net_drain(struct kernel_net *net);

/* Moves the thread back where the kernel allows it. */
void kernel_net_close(struct kernel_net *net);

#endif
