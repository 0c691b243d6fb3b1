/* Devices: where a stack's packets go and come from. One interface, and devices behind it that can be put around each
 * other: a TUN or TAP interface, an Ethernet interface of the host, a wire inside the process, a recorder, a player of
 * faults. Unlike the stack, devices belong to a program that runs on a host and may call the system.
 *
 * The whole of a program's traffic is la_dev_pump(stack, iface, device, now) in its loop:
 *
 *     for (;;) {
 *         int moved = la_dev_pump(stack, iface, device, now);           packets, both ways
 *         la_tick(stack, now);
 *         while (la_next_event(stack, &event)) ...                      the program's work
 *         la_dev_wait(stack, device, moved, timeout, &now);             until there is more
 *     } */
#ifndef LASTACK_DEV_H
#define LASTACK_DEV_H

#include <lastack/stack.h>
#include <lastack/types.h>

/* --- The interface --- */

enum la_dir {
    LA_DIR_ANY,
    LA_DIR_IN,  /* Towards the stack. */
    LA_DIR_OUT, /* From the stack. */
};

/* A device. A program's own begins with this structure and fills in what is marked "required". */
struct la_device {
    enum la_link link; /* Required: what packets begin with. */
    uint32_t mtu;      /* Required: bytes of IP packet. */
    /* What send takes beside complete packets; what it does not take, la_dev_pump cuts and completes before. */
    uint32_t gso_max;    /* Units (la_packet.segment) of so many bytes of payload; 0: none. */
    bool tx_csum_by_dev; /* Packets with csum_partial. */

    /* Required. Sends one packet. 0, or -LA_EAGAIN: the device is full, has taken nothing, and wants the same packet
     * again later. Any other error means that this packet is lost. */
    int (*send)(struct la_device *device, const struct la_packet *packet, la_time now);
    /* Required. Gives the next packet, which stays valid until the next call on this device. 0, -LA_EAGAIN: none is
     * there; any other error: the device is broken. */
    int (*recv)(struct la_device *device, struct la_span *packet, la_time now);
    /* The descriptor to wait on: readable when recv has something, writable when a full device takes packets again. -1
     * or NULL: there is none. */
    int (*fd)(const struct la_device *device);
    /* When recv must be called at the latest although nothing became readable. NULL means never. */
    la_time (*poll_at)(const struct la_device *device);
    /* Ends the device and those that it is around. NULL: nothing to do. */
    void (*close)(struct la_device *device);

    /* Set by recv, for the packet that it gives: as in la_input_gro. A device that neither merges nor verifies leaves
     * them zero. */
    uint16_t segment;
    bool csum_done;

    bool full; /* Kept by the device: it holds or has refused packets that wait for the descriptor to be writable. */

    /* la_dev_pump's own. Zero at the start. */
    uint64_t lost;         /* Packets that the device refused for ever. */
    uint8_t *held;         /* Room for the packet that was pushed back … */
    size_t held_size;      /* … its size … */
    size_t held_len;       /* … and how much of it is in use. 0: none is waiting. */
    uint16_t held_segment; /* What it is … */
    bool held_partial;
    struct la_cut cut;         /* … and how much of it has gone, where it is sent in pieces. */
    struct la_allocator alloc; /* Where `held` comes from; zero means la_host_allocator(). */
};

int la_dev_send(struct la_device *device, const struct la_packet *packet, la_time now);
int la_dev_recv(struct la_device *device, struct la_span *packet, la_time now);
int la_dev_fd(const struct la_device *device);          /* -1: none. */
la_time la_dev_poll_at(const struct la_device *device); /* LA_NEVER: no deadline. */
void la_dev_close(struct la_device *device);            /* NULL is allowed. */

/* The stack's side of a device: for la_iface_add, once an Ethernet device's MAC is filled in. */
struct la_iface_config la_dev_iface(const struct la_device *device);

/* Bytes before the IP packet. */
size_t la_link_header(enum la_link link);

/* --- Moving packets --- */

enum la_pump {
    LA_PUMP_AGAIN = 1, /* There is more to move: the turn was over. Call again without waiting. */
    LA_PUMP_FULL = 2,  /* The device pushes back: wait until it is writable, too. */
};

/* Moves packets between a stack and a device, both ways and in turns, until neither has any or the turn is over
 * (some hundred packets). What a full device pushes back waits and goes first next time: nothing is lost by it.
 * Returns la_pump bits, or the device's error (-LA_E…); sending and receiving have gone on as far as possible then. */
int la_dev_pump(struct la_stack *stack, int iface, struct la_device *device, la_time now);

/* Sleeps until the device has something, the stack's or the device's deadline has come, or `timeout` (LA_NEVER: none)
 * has passed; not at all if `moved` (la_dev_pump's answer) says that there is more, or if the stack has something to
 * send that the device was not yet offered. Sets *now. */
void la_dev_wait(struct la_stack *stack, struct la_device *device, int moved, la_time timeout, la_time *now);

/* --- What a process supplies to a stack --- */

struct la_allocator la_host_allocator(void); /* malloc and free. */
la_time la_host_now(void);                   /* CLOCK_MONOTONIC. */
la_time la_host_epoch(void);                 /* Add it to la_host_now() for nanoseconds since 1970. */
int la_host_seed(uint8_t seed[32]);          /* From the kernel. 0 or an error. */

/* --- The devices. Each constructor takes an allocator, or NULL for la_host_allocator(); returns 0 or -LA_E…. --- */

/* A TUN (IP packets) or TAP (Ethernet frames) interface of the host. Linux; needs CAP_NET_ADMIN. */
struct la_tun_config {
    const char *name; /* "lastack0", "tun%d"; NULL lets the kernel choose. */
    bool tap;
    uint32_t mtu; /* 0: 1500. Set on the host's side, too. */
    /* Units of up to 64 KB pass in both directions, and checksums are left out (IFF_VNET_HDR): many packets for one
     * system call. The interface is then to be added as la_dev_iface says. */
    bool offload;
};
int la_tun_open(const struct la_allocator *alloc, const struct la_tun_config *config, struct la_device **device);
/* A descriptor of such an interface that somebody else has opened (without IFF_VNET_HDR, with IFF_NO_PI). Owned from
 * here on if 0 is returned. */
int la_tun_adopt(const struct la_allocator *alloc, int fd, enum la_link link, uint32_t mtu, struct la_device **device);
/* The interface's name as the host knows it; "" for an adopted one. */
const char *la_tun_name(const struct la_device *device);
/* Gives the host's side an address and sets it up. */
int la_tun_up(struct la_device *device, const struct la_addr *host, unsigned prefix_len);

/* An Ethernet interface of the host, beside the host's own stack (AF_PACKET). Linux; needs CAP_NET_RAW. The stack
 * should have a MAC and addresses of its own; `promiscuous` lets frames for that MAC in. */
int la_packet_open(const struct la_allocator *alloc, const char *interface, bool promiscuous,
                   struct la_device **device);

/* A wire inside the process: what one end sends, the other receives. `depth` packets wait in each direction; then the
 * sender is pushed back. No system calls. Closing one end makes the other's send, and its recv when the wire is empty,
 * return -LA_EPIPE. */
int la_loop_open(const struct la_allocator *alloc, enum la_link link, uint32_t mtu, unsigned depth,
                 struct la_device *end[2]);
/* The same, but units of TCP segments (la_packet.segment) pass as they are and checksums are not computed: memory does
 * not err. Every place of the wire has room for 64 KB. */
int la_loop_open_offload(const struct la_allocator *alloc, enum la_link link, uint32_t mtu, unsigned depth,
                         struct la_device *end[2]);

/* --- Recording: pcapng files, which Wireshark opens --- */

struct la_pcap;

struct la_pcap_config {
    const char *path;      /* Overwritten. */
    const char *interface; /* The name it has in the file; NULL: "lastack". */
    enum la_link link;
    la_time epoch; /* Added to every time: la_host_epoch() for the date, 0 for virtual time. */
    bool flush;    /* Write after every packet: the file is whole even if the process dies. */
};

int la_pcap_create(const struct la_allocator *alloc, const struct la_pcap_config *config, struct la_pcap **pcap);
/* Writes one packet. `dir` as seen by the stack; `comment` may be NULL. 0 or the first error of this file. */
int la_pcap_write(struct la_pcap *pcap, enum la_dir dir, const struct la_packet *packet, const char *comment,
                  la_time now);
/* Writes what is buffered. 0 or the first error of this file. */
int la_pcap_flush(struct la_pcap *pcap);
/* Ends the file. Returns 0 or the first error of this file. NULL is allowed. */
int la_pcap_end(struct la_pcap *pcap);

/* A device around `inner` that records what passes, both ways. Owns both from here on if 0 is returned. */
int la_pcap_around(const struct la_allocator *alloc, struct la_device *inner, struct la_pcap *pcap,
                   struct la_device **device);
/* A comment for the next packet that passes. It is copied, and cut at 255 bytes. */
void la_pcap_comment(struct la_device *device, const char *comment);

/* --- Faults --- */

enum la_fault_action {
    LA_FAULT_DROP,
    LA_FAULT_DELAY,     /* By `delay`. */
    LA_FAULT_DUPLICATE, /* `copies` more of it, at once. */
    LA_FAULT_REORDER,   /* `distance` later packets of its direction overtake it; it waits `delay` at most. */
    LA_FAULT_CORRUPT,   /* `bits` bits within one 16-bit word: the Internet checksum always notices. */
};

enum la_fault_data { LA_FAULT_DATA_ANY, LA_FAULT_DATA_WITH, LA_FAULT_DATA_WITHOUT };
enum la_fault_place { LA_FAULT_ANYWHERE, LA_FAULT_HEADER, LA_FAULT_PAYLOAD };

/* One end of a connection; what is not set matches all. */
struct la_fault_end {
    bool has_addr;
    struct la_addr addr;
    uint16_t port; /* 0: any. */
};

/* One rule: which packets, which of those, and what happens to them. Zero means "no condition" or the default. */
struct la_fault_rule {
    enum la_fault_action action;

    /* Which packets match. */
    enum la_dir dir;
    bool any_packet;                /* Everything, not only TCP segments; conditions below need TCP to hold. */
    uint16_t flags_all, flags_none; /* enum la_seg_flags */
    enum la_fault_data data;
    struct la_fault_end src, dst;
    struct la_fault_end either; /* An address, a port, or both, at one end or the other. */

    /* Which of the matching: from the first-th to the last-th, every every-th of those, each with the probability. */
    uint64_t first, last; /* Counted from 1; 0: from the first, without end. */
    uint64_t every;       /* 0: all. */
    uint32_t ppm;         /* Probability in millionths; 0: certain. */

    /* What happens. */
    la_time delay;     /* 0: 100 ms. */
    unsigned distance; /* 0: 1. */
    unsigned copies;   /* 0: 1. */
    unsigned bits;     /* 1 to 15; 0: 1. */
    enum la_fault_place place;

    uint64_t seen, done; /* Kept by the device: how many matched, to how many it happened. */
};

/* Reads a rule from text: an action (drop, delay, duplicate, reorder, corrupt), then in any order
 *
 *     nth=1  nth=3..7  nth=3..  every=10  p=0.02  p=2%        which of the matching
 *     flags=FIN+ACK  flags=SYN+!ACK  data=yes|no  dir=in|out   which match: all flags named, none of those with !
 *     port=80  sport= dport=  host=10.0.0.1  src= dst=  proto=tcp|any
 *     by=50ms (delay)  by=3 within=100ms (reorder)  copies=2 (duplicate)  bits=1 at=header|payload (corrupt)
 *
 * False with a sentence in `error` that says what is wrong and where. */
bool la_fault_parse(const char *text, struct la_fault_rule *rule, char *error, size_t size);

/* A rule as such text. Returns its length. */
size_t la_fault_text(const struct la_fault_rule *rule, char *text, size_t size);

/* A device around `inner` that plays faults. `seed` decides probabilities and which bits flip: the same packets meet
 * the same fate. Owns `inner` from here on if 0 is returned. */
int la_fault_around(const struct la_allocator *alloc, struct la_device *inner, uint64_t seed,
                    struct la_device **device);

#define LA_FAULT_RULES 32
/* Adds a rule behind the others. All rules count what they match; the first that applies decides. Returns its number or
 * -LA_ENOBUFS, -LA_EINVAL. */
int la_fault_add(struct la_device *device, const struct la_fault_rule *rule);
/* The rule with its counts; NULL past the end. */
const struct la_fault_rule *la_fault_rule(const struct la_device *device, unsigned i);
/* Takes all rules away. Packets already delayed stay delayed. */
void la_fault_clear(struct la_device *device);

#endif
