#define _GNU_SOURCE
#include "linux_perf.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int open_tracepoint(int cpu, const struct perf_want *want, const struct perf_extra *extra, size_t size) {
    struct perf_event_attr attr = {.type = PERF_TYPE_TRACEPOINT,
                                   .size = sizeof attr,
                                   .config = want->tracepoint,
                                   .sample_period = 1,
                                   .sample_type = PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_RAW,
                                   .disabled = 1,
                                   .watermark = 1,
                                   .wakeup_watermark = (uint32_t)(size / 4),
                                   .sample_id_all = 1, /* Losses have a time, too. */
                                   .use_clockid = 1,
                                   .clockid = CLOCK_MONOTONIC};
    if (extra->stack) {
        attr.sample_type |= PERF_SAMPLE_REGS_USER | PERF_SAMPLE_STACK_USER;
        attr.sample_regs_user = extra->regs;
        attr.sample_stack_user = extra->stack;
    }
    int fd = (int)syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
    if (fd < 0) return -errno;
    if (want->filter && ioctl(fd, PERF_EVENT_IOC_SET_FILTER, want->filter) < 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

static int map_ring(struct perf_ring *ring, size_t size) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), data = page;
    while (data < size) data *= 2;
    void *map = mmap(NULL, page + data, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fds[0], 0);
    if (map == MAP_FAILED) return -errno;
    ring->page = map;
    ring->data = (const uint8_t *)map + page;
    ring->size = data;
    return 0;
}

static int fill_ring(struct perf_ring *ring, int cpu, const struct perf_want *wants, unsigned n, size_t size) {
    for (unsigned i = 0; i < n; i++) {
        int fd = open_tracepoint(cpu, &wants[i], &ring->extra, size);
        if (fd < 0) return fd;
        ring->fds[ring->nfds++] = fd;
        int error = i == 0 ? map_ring(ring, size) : 0;
        if (error) return error;
        if (i > 0 && ioctl(fd, PERF_EVENT_IOC_SET_OUTPUT, ring->fds[0]) < 0) return -errno;
    }
    for (unsigned i = 0; i < n; i++)
        if (ioctl(ring->fds[i], PERF_EVENT_IOC_ENABLE, 0) < 0) return -errno;
    return 0;
}

int perf_ring_open(struct perf_ring *ring, int cpu, const struct perf_want *wants, unsigned n,
                   const struct perf_extra *extra, size_t size) {
    *ring = (struct perf_ring){.extra = *extra};
    if (n == 0 || n > PERF_RING_TRACEPOINTS) return -EINVAL;
    int error = fill_ring(ring, cpu, wants, n, size);
    if (error) perf_ring_close(ring);
    return error;
}

void perf_ring_close(struct perf_ring *ring) {
    if (ring->page) munmap(ring->page, (size_t)sysconf(_SC_PAGESIZE) + ring->size);
    while (ring->nfds) close(ring->fds[--ring->nfds]);
    *ring = (struct perf_ring){0};
}

int perf_ring_fd(const struct perf_ring *ring) { return ring->fds[0]; }

/* Records are aligned to 8 bytes, so no such word is split by the ring's end. */
static uint64_t word_at(const struct perf_ring *ring, uint64_t place) {
    uint64_t word;
    memcpy(&word, ring->data + (place & (ring->size - 1)), sizeof word);
    return word;
}

static struct perf_event_header header_at(const struct perf_ring *ring) {
    struct perf_event_header header;
    uint64_t word = word_at(ring, ring->tail);
    memcpy(&header, &word, sizeof header);
    return header;
}

void perf_ring_look(struct perf_ring *ring) {
    struct perf_event_mmap_page *page = ring->page;
    ring->head = __atomic_load_n(&page->data_head, __ATOMIC_ACQUIRE);
}

la_time perf_ring_time(const struct perf_ring *ring) {
    if (ring->head - ring->tail < sizeof(struct perf_event_header)) return LA_NEVER;
    struct perf_event_header header = header_at(ring);
    /* A sample begins with thread and time; everything else ends with them. */
    return word_at(ring, header.type == PERF_RECORD_SAMPLE ? ring->tail + 16 : ring->tail + header.size - 8u);
}

void perf_ring_drop(struct perf_ring *ring) {
    struct perf_event_mmap_page *page = ring->page;
    uint64_t size = header_at(ring).size;
    /* A record of no size would be walked on the spot for ever. */
    ring->tail =
        size >= sizeof(struct perf_event_header) && size <= ring->head - ring->tail ? ring->tail + size : ring->head;
    __atomic_store_n(&page->data_tail, ring->tail, __ATOMIC_RELEASE);
}

/* --- What a record says --- */

struct cursor {
    const uint8_t *at, *end;
};

static const uint8_t *take(struct cursor *cursor, size_t n) {
    if (n > (size_t)(cursor->end - cursor->at)) return NULL;
    const uint8_t *taken = cursor->at;
    cursor->at += n;
    return taken;
}

static bool take_word(struct cursor *cursor, uint64_t *word) {
    const uint8_t *at = take(cursor, sizeof *word);
    if (at) memcpy(word, at, sizeof *word);
    return at != NULL;
}

static bool take_raw(struct cursor *cursor, struct perf_record *record) {
    uint32_t size;
    const uint8_t *at = take(cursor, sizeof size);
    if (!at) return false;
    memcpy(&size, at, sizeof size);
    record->raw = take(cursor, size);
    record->raw_len = size;
    return record->raw != NULL;
}

/* Registers and stack. Those of a 32-bit program are left out: nothing here knows their order. */
static void take_stack(struct cursor *cursor, const struct perf_extra *extra, struct perf_record *record) {
    uint64_t abi, size, filled;
    unsigned nregs = (unsigned)__builtin_popcountll(extra->regs);
    if (!take_word(cursor, &abi) || abi == PERF_SAMPLE_REGS_ABI_NONE) return;
    const uint8_t *regs = take(cursor, nregs * sizeof(uint64_t));
    if (!regs || !take_word(cursor, &size) || size == 0 || size > extra->stack) return;
    const uint8_t *stack = take(cursor, (size_t)size);
    if (!stack || !take_word(cursor, &filled) || abi != PERF_SAMPLE_REGS_ABI_64) return;
    record->regs = (const uint64_t *)(const void *)regs;
    record->nregs = nregs;
    record->stack = stack;
    record->stack_len = (size_t)(filled < size ? filled : size);
}

/* The record's bytes in one piece. */
static struct cursor whole(const struct perf_ring *ring, uint64_t *scratch) {
    size_t size = header_at(ring).size, start = (size_t)(ring->tail & (ring->size - 1)), room = ring->size - start;
    if (size > ring->head - ring->tail) size = (size_t)(ring->head - ring->tail);
    const uint8_t *at = ring->data + start;
    if (size > room) {
        memcpy(scratch, at, room);
        memcpy((uint8_t *)scratch + room, ring->data, size - room);
        at = (const uint8_t *)scratch;
    }
    return (struct cursor){at, at + size};
}

void perf_ring_read(const struct perf_ring *ring, uint64_t *scratch, struct perf_record *record) {
    *record = (struct perf_record){.at = perf_ring_time(ring)};
    struct perf_event_header header = header_at(ring);
    struct cursor cursor = whole(ring, scratch);
    take(&cursor, sizeof header);
    if (header.type == PERF_RECORD_LOST) {
        uint64_t id;
        if (!take_word(&cursor, &id) || !take_word(&cursor, &record->lost)) record->lost = 0;
    }
    if (header.type != PERF_RECORD_SAMPLE) return;
    const uint8_t *thread = take(&cursor, 8);
    if (!thread || !take(&cursor, 8)) return;
    memcpy(&record->pid, thread, 4);
    memcpy(&record->tid, thread + 4, 4);
    if (take_raw(&cursor, record) && ring->extra.stack) take_stack(&cursor, &ring->extra, record);
}
