/* The recorder: its file, byte for byte as the pcapng format asks, and the device around a device. */
#define _GNU_SOURCE
#include <lastack/dev.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* A file in memory and a place in it. */
struct file {
    uint8_t bytes[4096];
    size_t len, at;
};

static void path_make(char path[64]) {
    strcpy(path, "/tmp/lastack-test-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
}

static void file_read(struct file *file, const char *path) {
    FILE *from = fopen(path, "rb");
    assert_non_null(from);
    file->len = fread(file->bytes, 1, sizeof file->bytes, from);
    file->at = 0;
    fclose(from);
}

static uint32_t take32(struct file *file) {
    uint32_t value;
    assert_true(file->at + 4 <= file->len);
    memcpy(&value, file->bytes + file->at, 4);
    file->at += 4;
    return value;
}

static uint16_t take16(struct file *file) {
    uint16_t value;
    assert_true(file->at + 2 <= file->len);
    memcpy(&value, file->bytes + file->at, 2);
    file->at += 2;
    return value;
}

/* A block's beginning: its type; its length stands at both ends and is a multiple of four. Returns where it ends. */
static size_t block_begin(struct file *file, uint32_t type) {
    size_t start = file->at;
    assert_int_equal(take32(file), type);
    size_t total = take32(file);
    assert_int_equal(total % 4, 0);
    assert_true(start + total <= file->len);
    uint32_t again;
    memcpy(&again, file->bytes + start + total - 4, 4);
    assert_int_equal(again, total);
    return start + total;
}

static void expect_option(struct file *file, unsigned code, const void *value, size_t len) {
    assert_int_equal(take16(file), code);
    assert_int_equal(take16(file), len);
    if (len) assert_memory_equal(file->bytes + file->at, value, len);
    file->at += (len + 3) / 4 * 4;
}

static void block_end(struct file *file, size_t end) {
    expect_option(file, 0, NULL, 0);
    file->at += 4;
    assert_int_equal(file->at, end);
}

static void expect_head(struct file *file, unsigned linktype, const char *name) {
    size_t end = block_begin(file, 0x0A0D0D0A);
    assert_int_equal(take32(file), 0x1A2B3C4D);
    assert_int_equal(take16(file), 1);
    assert_int_equal(take16(file), 0);
    assert_int_equal(take32(file), 0xffffffff);
    assert_int_equal(take32(file), 0xffffffff);
    expect_option(file, 4, "lastack", 7);
    block_end(file, end);

    end = block_begin(file, 1);
    assert_int_equal(take16(file), linktype);
    assert_int_equal(take16(file), 0);
    assert_int_equal(take32(file), 0);
    expect_option(file, 2, name, strlen(name));
    expect_option(file, 9, "\x09", 1);
    block_end(file, end);
}

static void expect_packet(struct file *file, uint64_t time, uint32_t flags, const char *bytes, const char *comment) {
    size_t end = block_begin(file, 6);
    assert_int_equal(take32(file), 0);
    assert_int_equal(take32(file), time >> 32);
    assert_int_equal(take32(file), time & 0xffffffff);
    assert_int_equal(take32(file), strlen(bytes));
    assert_int_equal(take32(file), strlen(bytes));
    assert_memory_equal(file->bytes + file->at, bytes, strlen(bytes));
    file->at += (strlen(bytes) + 3) / 4 * 4;
    if (comment) expect_option(file, 1, comment, strlen(comment));
    expect_option(file, 2, &flags, 4);
    block_end(file, end);
}

static struct la_packet packet_of(const char *text, size_t first) {
    struct la_packet packet = {.len = strlen(text), .nspans = 2};
    packet.span[0] = (struct la_span){(const uint8_t *)text, first};
    packet.span[1] = (struct la_span){(const uint8_t *)text + first, packet.len - first};
    return packet;
}

static void the_file_is_a_section_an_interface_and_packets(void **state) {
    (void)state;
    char path[64];
    struct file file;
    struct la_pcap *pcap;
    path_make(path);
    struct la_pcap_config config = {.path = path, .interface = "wire0", .link = LA_LINK_IP, .epoch = 5000000000000000};
    assert_int_equal(la_pcap_create(NULL, &config, &pcap), 0);
    struct la_packet packet = packet_of("abcde", 2);
    assert_int_equal(la_pcap_write(pcap, LA_DIR_IN, &packet, NULL, 123456789), 0);
    packet = packet_of("abcdefgh", 0);
    assert_int_equal(la_pcap_write(pcap, LA_DIR_OUT, &packet, "SYN_SENT", 123456790), 0);
    packet = packet_of("x", 1);
    assert_int_equal(la_pcap_write(pcap, LA_DIR_ANY, &packet, "", 123456791), 0);
    assert_int_equal(la_pcap_end(pcap), 0);
    assert_int_equal(la_pcap_end(NULL), 0);

    file_read(&file, path);
    expect_head(&file, 101, "wire0");
    expect_packet(&file, 5000000123456789, 1, "abcde", NULL);
    expect_packet(&file, 5000000123456790, 2, "abcdefgh", "SYN_SENT");
    expect_packet(&file, 5000000123456791, 0, "x", NULL);
    assert_int_equal(file.at, file.len);
    unlink(path);
}

static void an_ethernet_file_says_so(void **state) {
    (void)state;
    char path[64];
    struct file file;
    struct la_pcap *pcap;
    path_make(path);
    struct la_pcap_config config = {.path = path, .link = LA_LINK_ETHERNET, .flush = true};
    assert_int_equal(la_pcap_create(NULL, &config, &pcap), 0);
    struct la_packet packet = packet_of("abcd", 1);
    assert_int_equal(la_pcap_write(pcap, LA_DIR_IN, &packet, NULL, 7), 0);
    file_read(&file, path); /* Flushed: whole before the end. */
    expect_head(&file, 1, "lastack");
    expect_packet(&file, 7, 1, "abcd", NULL);
    assert_int_equal(file.at, file.len);
    assert_int_equal(la_pcap_end(pcap), 0);
    unlink(path);
}

static void errors_are_told(void **state) {
    (void)state;
    struct la_pcap *pcap;
    struct la_pcap_config config = {.path = "/nonexistent/file.pcapng"};
    assert_int_equal(la_pcap_create(NULL, &config, &pcap), -LA_ENOENT);
    config.path = "/dev/full";
    if (access(config.path, W_OK) != 0) return;
    assert_int_equal(la_pcap_create(NULL, &config, &pcap), 0);
    assert_int_equal(la_pcap_flush(pcap), -28); /* ENOSPC */
    struct la_packet packet = packet_of("abcd", 1);
    assert_int_equal(la_pcap_write(pcap, LA_DIR_IN, &packet, NULL, 7), -28);
    assert_int_equal(la_pcap_end(pcap), -28);
}

static void the_recorder_sees_what_passes_and_not_what_is_pushed_back(void **state) {
    (void)state;
    char path[64];
    struct file file;
    struct la_pcap *pcap;
    struct la_device *end[2], *device;
    struct la_span span;
    path_make(path);
    struct la_pcap_config config = {.path = path, .link = LA_LINK_IP};
    assert_int_equal(la_loop_open(NULL, LA_LINK_IP, 100, 1, end), 0);
    assert_int_equal(la_pcap_create(NULL, &config, &pcap), 0);
    assert_int_equal(la_pcap_around(NULL, end[0], pcap, &device), 0);
    assert_int_equal(device->mtu, 100);
    assert_int_equal(la_dev_fd(device), -1);
    assert_true(la_dev_poll_at(device) == LA_NEVER);

    struct la_packet one = packet_of("one", 1), two = packet_of("two", 1), in = packet_of("in", 1);
    assert_int_equal(la_dev_send(device, &one, 1), 0);
    assert_int_equal(la_dev_send(device, &two, 2), -LA_EAGAIN);
    assert_true(device->full);
    assert_int_equal(la_dev_recv(end[1], &span, 2), 0);
    la_pcap_comment(device, "second");
    assert_int_equal(la_dev_send(device, &two, 3), 0);
    assert_int_equal(la_dev_send(end[1], &in, 4), 0);
    assert_int_equal(la_dev_recv(device, &span, 5), 0);
    assert_memory_equal(span.data, "in", 2);
    assert_int_equal(la_dev_recv(device, &span, 6), -LA_EAGAIN);
    la_dev_close(device);
    la_dev_close(end[1]);

    file_read(&file, path);
    expect_head(&file, 101, "lastack");
    expect_packet(&file, 1, 2, "one", NULL);
    expect_packet(&file, 3, 2, "two", "second");
    expect_packet(&file, 5, 1, "in", NULL);
    assert_int_equal(file.at, file.len);
    unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_file_is_a_section_an_interface_and_packets),
        cmocka_unit_test(an_ethernet_file_says_so),
        cmocka_unit_test(errors_are_told),
        cmocka_unit_test(the_recorder_sees_what_passes_and_not_what_is_pushed_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
