/* The recorder takes the place of three functions of the target. The target itself stays the same object: its shell
 * commands know it by its address. */
#include "drill_pcap.h"

#include <lastack/dev.h>

static struct {
    struct la_pcap *pcap;
    int (*input)(struct la_drill_target *target, const void *packet, size_t len, uint32_t gso);
    int64_t (*output)(struct la_drill_target *target, void *packet, size_t size, la_time *at, la_time until);
    void (*close)(struct la_drill_target *target);
} recorder;

static void record_packet(enum la_dir dir, const void *bytes, size_t len, la_time at) {
    struct la_packet packet = {.len = len, .nspans = 1, .span = {{bytes, len}}};
    la_pcap_write(recorder.pcap, dir, &packet, NULL, at);
}

static int record_input(struct la_drill_target *target, const void *packet, size_t len, uint32_t gso) {
    record_packet(LA_DIR_IN, packet, len, target->now(target));
    return recorder.input(target, packet, len, gso);
}

static int64_t record_output(struct la_drill_target *target, void *packet, size_t size, la_time *at, la_time until) {
    int64_t len = recorder.output(target, packet, size, at, until);
    if (len > 0) record_packet(LA_DIR_OUT, packet, (size_t)len, *at);
    return len;
}

static void record_close(struct la_drill_target *target) {
    la_pcap_end(recorder.pcap);
    recorder.pcap = NULL;
    recorder.close(target);
}

int drill_pcap_hook(struct la_drill_target *target, const char *path) {
    struct la_pcap_config config = {.path = path, .interface = target->name, .link = LA_LINK_IP, .flush = true};
    int error = la_pcap_create(NULL, &config, &recorder.pcap);
    if (error) return error;
    recorder.input = target->input;
    recorder.output = target->output;
    recorder.close = target->close;
    target->input = record_input;
    target->output = record_output;
    target->close = record_close;
    return 0;
}
