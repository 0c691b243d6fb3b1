/* The pcapng file format (draft-ietf-opsawg-pcapng): one section, one interface, one enhanced packet block per packet.
 *
 * Every block is: type, total length, body padded to 32 bits, total length again; numbers are in the writer's own byte
 * order, which the byte-order magic tells to the reader. Times are nanoseconds (if_tsresol 9). The direction stands in
 * epb_flags, a comment in opt_comment. The first error sticks: the file is then cut short, never wrong in the middle.
 */
#include "dev/dev_base.h"

#include <lastack/dev.h>

#include <errno.h>
#include <stdio.h>

enum {
    BLOCK_SECTION = 0x0A0D0D0A,
    BLOCK_INTERFACE = 1,
    BLOCK_PACKET = 6,
    MAGIC = 0x1A2B3C4D,
    OPT_END = 0,
    OPT_COMMENT = 1,
    OPT_EPB_FLAGS = 2,
    OPT_IF_NAME = 2,
    OPT_SHB_USERAPPL = 4,
    OPT_IF_TSRESOL = 9,
    LINKTYPE_ETHERNET = 1,
    LINKTYPE_RAW = 101,
    COMMENT_MAX = 255,
};

struct la_pcap {
    struct la_allocator alloc;
    FILE *file;
    la_time epoch;
    bool flush;
    int error; /* The first one, negative. */
};

static void put(struct la_pcap *pcap, const void *data, size_t len) {
    if (pcap->error || !len) return;
    errno = 0;
    if (fwrite(data, 1, len, pcap->file) != len) pcap->error = errno ? -errno : -LA_EINVAL;
}

static void put16(struct la_pcap *pcap, size_t value) {
    uint16_t v = (uint16_t)value;
    put(pcap, &v, sizeof v);
}

static void put32(struct la_pcap *pcap, size_t value) {
    uint32_t v = (uint32_t)value;
    put(pcap, &v, sizeof v);
}

static size_t padding(size_t len) { return (4 - len % 4) % 4; }

static void put_padding(struct la_pcap *pcap, size_t len) { put(pcap, "\0\0\0", padding(len)); }

static size_t option_size(size_t len) { return 4 + len + padding(len); }

static void put_option(struct la_pcap *pcap, size_t code, const void *value, size_t len) {
    put16(pcap, code);
    put16(pcap, len);
    put(pcap, value, len);
    put_padding(pcap, len);
}

static size_t bounded(const char *text) {
    size_t len = strlen(text);
    return len < COMMENT_MAX ? len : COMMENT_MAX;
}

static void put_section(struct la_pcap *pcap) {
    const char *writer = "lastack";
    size_t total = 28 + option_size(strlen(writer)) + 4;
    const uint64_t unknown = UINT64_MAX; /* The section's length. */
    put32(pcap, BLOCK_SECTION);
    put32(pcap, total);
    put32(pcap, MAGIC);
    put16(pcap, 1); /* Version 1.0. */
    put16(pcap, 0);
    put(pcap, &unknown, sizeof unknown);
    put_option(pcap, OPT_SHB_USERAPPL, writer, strlen(writer));
    put_option(pcap, OPT_END, NULL, 0);
    put32(pcap, total);
}

static void put_interface(struct la_pcap *pcap, const char *name, enum la_link link) {
    const uint8_t nanoseconds = 9;
    size_t len = bounded(name);
    size_t total = 20 + option_size(len) + option_size(1) + 4;
    put32(pcap, BLOCK_INTERFACE);
    put32(pcap, total);
    put16(pcap, link == LA_LINK_ETHERNET ? LINKTYPE_ETHERNET : LINKTYPE_RAW);
    put16(pcap, 0);
    put32(pcap, 0); /* No limit on packet lengths. */
    put_option(pcap, OPT_IF_NAME, name, len);
    put_option(pcap, OPT_IF_TSRESOL, &nanoseconds, 1);
    put_option(pcap, OPT_END, NULL, 0);
    put32(pcap, total);
}

int la_pcap_create(const struct la_allocator *given, const struct la_pcap_config *config, struct la_pcap **made) {
    struct la_allocator alloc = dev_alloc(given);
    struct la_pcap *pcap = dev_new(&alloc, sizeof *pcap);
    if (!pcap) return -LA_ENOMEM;
    pcap->alloc = alloc;
    pcap->epoch = config->epoch;
    pcap->flush = config->flush;
    pcap->file = fopen(config->path, "wbe");
    if (!pcap->file) {
        int error = -errno;
        dev_free(&alloc, pcap, sizeof *pcap);
        return error;
    }
    put_section(pcap);
    put_interface(pcap, config->interface ? config->interface : "lastack", config->link);
    *made = pcap;
    return 0;
}

int la_pcap_write(struct la_pcap *pcap, enum la_dir dir, const struct la_packet *packet, const char *comment,
                  la_time now) {
    uint64_t time = pcap->epoch + now;
    uint32_t flags = dir == LA_DIR_IN ? 1 : dir == LA_DIR_OUT ? 2 : 0;
    size_t comment_len = comment ? bounded(comment) : 0;
    size_t total = 32 + packet->len + padding(packet->len) + option_size(sizeof flags) +
                   (comment_len ? option_size(comment_len) : 0) + 4;
    put32(pcap, BLOCK_PACKET);
    put32(pcap, total);
    put32(pcap, 0); /* The interface. */
    put32(pcap, (size_t)(time >> 32));
    put32(pcap, (size_t)(time & UINT32_MAX));
    put32(pcap, packet->len); /* What is in the file … */
    put32(pcap, packet->len); /* … is all there was. */
    for (unsigned i = 0; i < packet->nspans; i++) put(pcap, packet->span[i].data, packet->span[i].len);
    put_padding(pcap, packet->len);
    if (comment_len) put_option(pcap, OPT_COMMENT, comment, comment_len);
    put_option(pcap, OPT_EPB_FLAGS, &flags, sizeof flags);
    put_option(pcap, OPT_END, NULL, 0);
    put32(pcap, total);
    return pcap->flush ? la_pcap_flush(pcap) : pcap->error;
}

int la_pcap_flush(struct la_pcap *pcap) {
    if (fflush(pcap->file) != 0 && !pcap->error) pcap->error = -errno;
    return pcap->error;
}

int la_pcap_end(struct la_pcap *pcap) {
    if (!pcap) return 0;
    int error = la_pcap_flush(pcap);
    struct la_allocator alloc = pcap->alloc;
    if (fclose(pcap->file) != 0 && !error) error = -errno;
    dev_free(&alloc, pcap, sizeof *pcap);
    return error;
}
