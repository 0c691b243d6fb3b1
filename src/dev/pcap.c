/* A device around a device: records what passes, both ways, at the caller's time. A packet that is pushed back has not
 * passed; it is recorded when it does. Units are recorded as the packets that they stand for. A recording that fails
 * (disk full) never disturbs the traffic. */
#include "dev/dev_base.h"

#include <lastack/dev.h>

struct recorder {
    struct la_device device; /* First: the two are the same address. */
    struct la_allocator alloc;
    struct la_device *inner;
    struct la_pcap *pcap;
    char comment[256];
};

static struct recorder *recorder_of(struct la_device *device) { return (struct recorder *)device; }

static void record(struct recorder *recorder, enum la_dir dir, const struct la_packet *packet, la_time now) {
    struct la_cut cut = {0};
    struct la_packet piece;
    while (la_packet_cut(packet, recorder->device.link, &cut, &piece)) {
        la_pcap_write(recorder->pcap, dir, &piece, recorder->comment[0] ? recorder->comment : NULL, now);
        recorder->comment[0] = 0;
    }
}

static int recorder_send(struct la_device *device, const struct la_packet *packet, la_time now) {
    struct recorder *recorder = recorder_of(device);
    int rc = la_dev_send(recorder->inner, packet, now);
    device->full = recorder->inner->full;
    if (rc == 0) record(recorder, LA_DIR_OUT, packet, now);
    return rc;
}

static int recorder_recv(struct la_device *device, struct la_span *span, la_time now) {
    struct recorder *recorder = recorder_of(device);
    int rc = la_dev_recv(recorder->inner, span, now);
    device->full = recorder->inner->full;
    if (rc == 0) {
        device->segment = recorder->inner->segment;
        device->csum_done = recorder->inner->csum_done;
        struct la_packet packet = dev_arrived(device, span);
        record(recorder, LA_DIR_IN, &packet, now);
    }
    return rc;
}

static int recorder_fd(const struct la_device *device) { return la_dev_fd(((const struct recorder *)device)->inner); }

static la_time recorder_poll_at(const struct la_device *device) {
    return la_dev_poll_at(((const struct recorder *)device)->inner);
}

static void recorder_close(struct la_device *device) {
    struct recorder *recorder = recorder_of(device);
    struct la_allocator alloc = recorder->alloc;
    la_dev_close(recorder->inner);
    la_pcap_end(recorder->pcap);
    dev_free(&alloc, recorder, sizeof *recorder);
}

int la_pcap_around(const struct la_allocator *given, struct la_device *inner, struct la_pcap *pcap,
                   struct la_device **device) {
    struct la_allocator alloc = dev_alloc(given);
    struct recorder *recorder = dev_new(&alloc, sizeof *recorder);
    if (!recorder) return -LA_ENOMEM;
    recorder->device = (struct la_device){.link = inner->link,
                                          .mtu = inner->mtu,
                                          .gso_max = inner->gso_max,
                                          .tx_csum_by_dev = inner->tx_csum_by_dev,
                                          .send = recorder_send,
                                          .recv = recorder_recv,
                                          .fd = recorder_fd,
                                          .poll_at = recorder_poll_at,
                                          .close = recorder_close,
                                          .full = inner->full,
                                          .alloc = alloc};
    recorder->alloc = alloc;
    recorder->inner = inner;
    recorder->pcap = pcap;
    *device = &recorder->device;
    return 0;
}

void la_pcap_comment(struct la_device *device, const char *comment) {
    struct recorder *recorder = recorder_of(device);
    size_t len = strlen(comment);
    if (len >= sizeof recorder->comment) len = sizeof recorder->comment - 1;
    memcpy(recorder->comment, comment, len);
    recorder->comment[len] = 0;
}
