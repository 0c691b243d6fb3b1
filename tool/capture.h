/* Captures of packets, read: pcap and pcapng files as tcpdump, Wireshark and this command write them. */
#ifndef TOOL_CAPTURE_H
#define TOOL_CAPTURE_H

#include <lastack/types.h>

struct capture;

struct capture_packet {
    la_time at;        /* Since 1970, or since whatever the file's writer counted from. */
    struct la_span ip; /* The IP packet. What a short capture has cut off is zeros. Valid until the next call. */
};

/* Opens a file. NULL with a sentence in `why`. */
struct capture *capture_open(const char *path, char *why, size_t size);

/* The next packet with IPv4 or IPv6 in it. 1, 0 at the end, -1 with a sentence in `why` when the file is broken there:
 * all packets before are good. */
int capture_next(struct capture *capture, struct capture_packet *packet, char *why, size_t size);

/* NULL is allowed. */
void capture_close(struct capture *capture);

#endif
