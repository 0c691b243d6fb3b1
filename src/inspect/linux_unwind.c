/* Theory of operation.
 *
 * In comes a shot: the user's registers and up to 8 KiB of stack, taken by the kernel at the moment of a call. Out goes
 * text. libdwfl does the unwinding by each module's call frame information; this file gives it
 * the modules of the process, from /proc/PID/maps; their files through /proc/PID/map_files, which names the very file
 * that is mapped, be it deleted or in a container, or through /proc/PID/root where that is not allowed; memory: what
 * the shot has, and beyond it the process's own, for frames that far out (main, an event loop) have mostly not moved
 * since; debugging information: the file's own, or /usr/lib/debug by build id. Never from the network: libdwfl's
 * standard way asks the servers of DEBUGINFOD_URLS, which a diagnosis must not wait for.
 *
 * All this reads files that the examined program's owner may have made to harm who looks, and may shorten while they
 * are mapped. So it happens in a forked process, which writes the text into a pipe; it has UNWIND_SECONDS. */
#define _GNU_SOURCE
#include "linux_unwind.h"

#include <lastack/dev.h>

#include <elfutils/libdwfl.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define UNWIND_SECONDS 5
#define NAME_MAX_SHOWN 120
#define RANGES_MAX 4096

/* --- Registers: perf's order and DWARF's --- */

#if defined(__x86_64__)
/* perf: ax bx cx dx si di bp sp ip, then (bits 16 to 23) r8 to r15. DWARF: ax dx cx bx si di bp sp r8 to r15, ip. */
static const uint8_t dwarf_from_perf[] = {0, 3, 2, 1, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 8};
enum { NDWARF = 17, PERF_SP = 7, PERF_PC = 8 };
uint64_t unwind_mask(void) { return 0xff01ff; }
#elif defined(__aarch64__)
/* Both: x0 to x30, sp; perf then has pc. */
static const uint8_t dwarf_from_perf[] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                                          16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31};
enum { NDWARF = 32, PERF_SP = 31, PERF_PC = 32 };
uint64_t unwind_mask(void) { return 0x1ffffffff; }
#else
static const uint8_t dwarf_from_perf[1];
enum { NDWARF = 1, PERF_SP = 0, PERF_PC = 0 };
uint64_t unwind_mask(void) { return 0; }
#endif

static bool set_registers(Dwfl_Thread *thread, void *arg) {
    const struct unwind_shot *shot = arg;
    Dwarf_Word regs[NDWARF];
    for (unsigned i = 0; i < NDWARF; i++) regs[i] = shot->regs[dwarf_from_perf[i]];
    if (!dwfl_thread_state_registers(thread, 0, NDWARF, regs)) return false;
    dwfl_thread_state_register_pc(thread, shot->regs[PERF_PC]);
    return true;
}

static pid_t next_thread(Dwfl *dwfl, void *arg, void **thread_arg) {
    (void)dwfl;
    if (*thread_arg) return 0; /* There is one. */
    *thread_arg = arg;
    return ((const struct unwind_shot *)arg)->tid;
}

static bool get_thread(Dwfl *dwfl, pid_t tid, void *arg, void **thread_arg) {
    (void)dwfl;
    *thread_arg = arg;
    return tid == ((const struct unwind_shot *)arg)->tid;
}

static bool read_memory(Dwfl *dwfl, Dwarf_Addr addr, Dwarf_Word *result, void *arg) {
    (void)dwfl;
    const struct unwind_shot *shot = arg;
    uint64_t sp = shot->regs[PERF_SP], word;
    if (addr >= sp && addr - sp < shot->stack_len && shot->stack_len - (addr - sp) >= sizeof word) {
        memcpy(&word, shot->stack + (addr - sp), sizeof word);
    } else {
        struct iovec here = {&word, sizeof word}, there = {(void *)(uintptr_t)addr, sizeof word};
        if (process_vm_readv(shot->pid, &here, 1, &there, 1, 0) != (ssize_t)sizeof word) return false;
    }
    *result = word;
    return true;
}

/* --- Modules --- */

/* A line of /proc/PID/maps. */
struct mapping {
    uint64_t start, end;
    bool code;
};

static FILE *open_maps(int32_t pid) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%" PRId32 "/maps", pid);
    return fopen(path, "re");
}

static bool next_mapping(FILE *maps, char **line, size_t *room, struct mapping *mapping) {
    char perms[5];
    if (getline(line, room, maps) <= 0) return false;
    if (sscanf(*line, "%" SCNx64 "-%" SCNx64 " %4s", &mapping->start, &mapping->end, perms) != 3) return false;
    mapping->code = perms[2] == 'x';
    return true;
}

/* Only a regular file is opened for reading: opening a device has effects. */
static int open_regular(const char *path) {
    struct stat stat;
    int fd = -1, place = open(path, O_PATH | O_CLOEXEC);
    if (place < 0) return -1;
    if (fstat(place, &stat) == 0 && S_ISREG(stat.st_mode)) {
        char again[64];
        snprintf(again, sizeof again, "/proc/self/fd/%d", place);
        fd = open(again, O_RDONLY | O_CLOEXEC);
    }
    close(place);
    return fd;
}

static int open_mapped(int32_t pid, uint64_t base) {
    FILE *maps = open_maps(pid);
    struct mapping mapping;
    char *line = NULL, path[96];
    size_t room = 0;
    int fd = -1;
    while (maps && next_mapping(maps, &line, &room, &mapping)) {
        if (mapping.start != base) continue;
        snprintf(path, sizeof path, "/proc/%" PRId32 "/map_files/%" PRIx64 "-%" PRIx64, pid, mapping.start,
                 mapping.end);
        fd = open_regular(path);
        break;
    }
    free(line);
    if (maps) fclose(maps);
    return fd;
}

static int find_elf(Dwfl_Module *module, void **userdata, const char *name, Dwarf_Addr base, char **file, Elf **elf) {
    if (name[0] != '/') return dwfl_linux_proc_find_elf(module, userdata, name, base, file, elf); /* [vdso] */
    int32_t pid = *(const int32_t *)*userdata;
    int fd = open_mapped(pid, base);
    if (fd < 0) {
        char path[4200];
        snprintf(path, sizeof path, "/proc/%" PRId32 "/root%s", pid, name);
        fd = open_regular(path);
    }
    if (fd >= 0) *file = strdup(name);
    return fd;
}

/* --- Text --- */

struct frames {
    Dwfl *dwfl;
    unsigned n;
    FILE *out;
};

/* Names are foreign text: what a terminal could obey is replaced, and what is endless is cut; so is a symbol's
 * version ("@GLIBC_2.34"). */
static void write_name(FILE *out, const char *name) {
    for (unsigned i = 0; name[i] && name[i] != '@' && i < NAME_MAX_SHOWN; i++)
        fputc(name[i] >= ' ' && name[i] <= '~' ? name[i] : '?', out);
}

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* A libc with debugging information would look like the program's own code. */
static bool is_libc(const char *module) {
    static const char *const names[] = {"libc.so", "libc-2.", "libpthread", "ld-musl"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strncmp(module, names[i], strlen(names[i])) == 0) return true;
    return false;
}

static void write_frame(struct frames *frames, Dwfl_Module *module, Dwarf_Addr pc) {
    Dwarf_Addr start = 0;
    const char *path = dwfl_module_info(module, NULL, &start, NULL, NULL, NULL, NULL, NULL);
    const char *file = base_name(path ? path : "?"), *name = dwfl_module_addrname(module, pc);
    if (name)
        write_name(frames->out, name);
    else
        fprintf(frames->out, "0x%" PRIx64, pc - start);
    int number = 0;
    Dwfl_Line *line = is_libc(file) ? NULL : dwfl_module_getsrc(module, pc);
    const char *source = line ? dwfl_lineinfo(line, NULL, &number, NULL, NULL, NULL) : NULL;
    fputs(" (", frames->out);
    write_name(frames->out, source ? base_name(source) : file);
    if (source) fprintf(frames->out, ":%d", number);
    fputs(")\n", frames->out);
}

static int each_frame(Dwfl_Frame *frame, void *arg) {
    struct frames *frames = arg;
    Dwarf_Addr pc;
    bool exact;
    if (!dwfl_frame_pc(frame, &pc, &exact)) return DWARF_CB_ABORT;
    if (!exact) pc--; /* A return address: the call is before it. */
    Dwfl_Module *module = dwfl_addrmodule(frames->dwfl, pc);
    if (module)
        write_frame(frames, module, pc);
    else
        fprintf(frames->out, "0x%" PRIx64 " (code without a file)\n", pc);
    return ++frames->n < UNWIND_FRAMES ? DWARF_CB_OK : DWARF_CB_ABORT;
}

static int give_pid(Dwfl_Module *module, void **userdata, const char *name, Dwarf_Addr start, void *arg) {
    (void)module, (void)name, (void)start;
    *userdata = arg;
    return DWARF_CB_OK;
}

static void unwind(struct unwind_shot *shot, FILE *out) {
    static const Dwfl_Callbacks callbacks = {.find_elf = find_elf, .find_debuginfo = dwfl_build_id_find_debuginfo};
    static const Dwfl_Thread_Callbacks thread_callbacks = {.next_thread = next_thread,
                                                           .get_thread = get_thread,
                                                           .memory_read = read_memory,
                                                           .set_initial_registers = set_registers};
    struct frames frames = {.dwfl = dwfl_begin(&callbacks), .out = out};
    if (!frames.dwfl) return;
    if (dwfl_linux_proc_report(frames.dwfl, shot->pid) == 0 && dwfl_report_end(frames.dwfl, NULL, NULL) == 0 &&
        dwfl_getmodules(frames.dwfl, give_pid, &shot->pid, 0) == 0) {
        /* No module there: the process runs another program since. libdwfl would learn the machine from any module, but
         * from none whose file was deleted. */
        Dwfl_Module *innermost = dwfl_addrmodule(frames.dwfl, shot->regs[PERF_PC]);
        GElf_Addr bias;
        Elf *elf = innermost ? dwfl_module_getelf(innermost, &bias) : NULL;
        if (innermost && dwfl_attach_state(frames.dwfl, elf, shot->pid, &thread_callbacks, shot))
            dwfl_getthread_frames(frames.dwfl, shot->tid, each_frame, &frames);
    }
    dwfl_end(frames.dwfl);
}

/* --- The process that does it --- */

static _Noreturn void be_child(const struct unwind_shot *shot, int to) {
    struct rlimit no_core = {0, 0}, seconds = {UNWIND_SECONDS, UNWIND_SECONDS};
    setrlimit(RLIMIT_CORE, &no_core);
    setrlimit(RLIMIT_CPU, &seconds);
    struct unwind_shot own = *shot;
    FILE *out = fdopen(to, "w");
    if (out) {
        unwind(&own, out);
        fflush(out);
    }
    _exit(0);
}

static uint64_t now_ms(void) { return (uint64_t)(la_host_now() / LA_MS); }

/* What the child says until it ends or its time is over. A text that breaks off is better than none. */
static size_t hear(int from, char *text, size_t room) {
    uint64_t end = now_ms() + UNWIND_SECONDS * 1000;
    size_t len = 0;
    while (len < room) {
        uint64_t now = now_ms();
        struct pollfd wait = {.fd = from, .events = POLLIN};
        int ready = now < end ? poll(&wait, 1, (int)(end - now)) : 0;
        if (ready < 0 && errno == EINTR) continue;
        ssize_t got = ready > 0 ? read(from, text + len, room - len) : 0;
        if (got <= 0) break;
        len += (size_t)got;
    }
    return len;
}

static size_t run_child(const struct unwind_shot *shot, char *text, size_t room) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) return 0;
    pid_t child = fork();
    if (child == 0) be_child(shot, ends[1]);
    close(ends[1]);
    size_t len = child > 0 ? hear(ends[0], text, room) : 0;
    close(ends[0]);
    if (child > 0) {
        kill(child, SIGKILL);
        while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {
        }
    }
    return len;
}

char *unwind_text(const struct unwind_shot *shot) {
    const size_t room = UNWIND_FRAMES * (2 * NAME_MAX_SHOWN + 32);
    if (!shot->started || unwind_started(shot->pid) != shot->started) return NULL;
    char *text = malloc(room + 1);
    size_t len = text ? run_child(shot, text, room) : 0;
    while (len && text[len - 1] != '\n') len--; /* A line that broke off. */
    if (!len) {
        free(text);
        return NULL;
    }
    text[len - 1] = '\0';
    return text;
}

/* --- Telling shots apart without unwinding them --- */

uint64_t unwind_started(int32_t pid) {
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%" PRId32 "/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0) close(fd);
    if (len <= 0) return 0;
    text[len] = '\0';
    const char *at = strrchr(text, ')'); /* The name before may hold anything. */
    for (unsigned field = 2; at && field < 22; field++) {
        at = strchr(at, ' ');
        if (at) at++;
    }
    return at ? strtoull(at, NULL, 10) : 0;
}

/* Where the process has code, in ascending order, as the kernel lists it. */
static unsigned code_of(int32_t pid, struct mapping *ranges) {
    FILE *maps = open_maps(pid);
    struct mapping mapping;
    char *line = NULL;
    size_t room = 0;
    unsigned n = 0;
    while (maps && n < RANGES_MAX && next_mapping(maps, &line, &room, &mapping))
        if (mapping.code) ranges[n++] = mapping;
    free(line);
    if (maps) fclose(maps);
    return n;
}

static bool is_code(const struct mapping *ranges, unsigned n, uint64_t addr) {
    unsigned low = 0, high = n;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (addr >= ranges[middle].end)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n && addr >= ranges[low].start;
}

static uint64_t stir(uint64_t sum, uint64_t word) {
    sum = (sum ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return sum ^ sum >> 32;
}

uint64_t unwind_key(const struct unwind_shot *shot) {
    struct mapping *ranges = malloc(RANGES_MAX * sizeof *ranges);
    unsigned n = ranges ? code_of(shot->pid, ranges) : 0;
    uint64_t key = 0;
    if (n) {
        key = stir(stir(stir((uint32_t)shot->pid, shot->started), shot->regs[PERF_PC]), shot->stack_len);
        for (size_t i = 0; i + 8 <= shot->stack_len; i += 8) {
            uint64_t word;
            memcpy(&word, shot->stack + i, sizeof word);
            if (is_code(ranges, n, word)) key = stir(stir(key, i), word);
        }
        if (!key) key = 1;
    }
    free(ranges);
    return key;
}
