#define _GNU_SOURCE
#include "linux_tracepoint.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Descriptions are a page or two. */
#define FORMAT_MAX 65536

/* An instance of tracefs that is mounted nowhere: it ends with its last descriptor. */
static int private_root(void) {
    int root = -1;
    int context = (int)syscall(SYS_fsopen, "tracefs", 1 /* FSOPEN_CLOEXEC */);
    if (context < 0) return -errno;
    if (syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0) {
        int mount = (int)syscall(SYS_fsmount, context, 1 /* FSMOUNT_CLOEXEC */,
                                 MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
        if (mount >= 0) {
            root = openat(mount, "events", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
            int error = errno;
            close(mount);
            errno = error;
        }
    }
    int error = errno;
    close(context);
    return root >= 0 ? root : -error;
}

int tracepoint_root(void) {
    static const char *const places[] = {"/sys/kernel/tracing/events", "/sys/kernel/debug/tracing/events"};
    int refused = 0;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        int root = open(places[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (root >= 0) return root;
        if (errno == EACCES || errno == EPERM) refused = -errno;
    }
    int root = private_root();
    return root < 0 && refused ? refused : root;
}

/* The number after `key` on this line; false: the key is not there. */
static bool number_after(const char *line, const char *end, const char *key, uint32_t *number) {
    const char *at = strstr(line, key);
    if (!at || at >= end) return false;
    unsigned long value = strtoul(at + strlen(key), NULL, 10);
    if (value > UINT16_MAX) return false; /* A record has less than 64 KiB. */
    *number = (uint32_t)value;
    return true;
}

/* The declared name: the last word before the semicolon or the array's bracket. */
static const char *declared_name(const char *line, const char *end, size_t *len) {
    const char *stop = line;
    while (stop < end && *stop != ';' && *stop != '[') stop++;
    while (stop > line && stop[-1] == ' ') stop--;
    const char *start = stop;
    while (start > line && start[-1] != ' ' && start[-1] != '*' && start[-1] != ':') start--;
    *len = (size_t)(stop - start);
    return start;
}

static void parse_field(const char *line, const char *end, const char *const *names, unsigned n,
                        struct tracepoint_field *fields) {
    size_t len;
    const char *name = declared_name(line, end, &len);
    for (unsigned i = 0; i < n; i++) {
        if (strlen(names[i]) != len || memcmp(names[i], name, len) != 0) continue;
        struct tracepoint_field field = {0};
        uint32_t is_signed = 0;
        if (!number_after(line, end, "offset:", &field.offset) || !number_after(line, end, "size:", &field.size))
            return;
        if (number_after(line, end, "signed:", &is_signed)) field.is_signed = is_signed != 0;
        fields[i] = field;
    }
}

bool tracepoint_parse(const char *text, const char *const *names, unsigned n, struct tracepoint_field *fields,
                      uint32_t *id) {
    bool numbered = false;
    memset(fields, 0, n * sizeof *fields);
    for (const char *line = text; *line;) {
        const char *end = line + strcspn(line, "\n");
        while (line < end && (*line == '\t' || *line == ' ')) line++;
        if (strncmp(line, "ID:", 3) == 0) numbered = number_after(line, end, "ID:", id);
        if (strncmp(line, "field:", 6) == 0) parse_field(line, end, names, n, fields);
        if (strncmp(line, "print fmt:", 10) == 0) break;
        line = *end ? end + 1 : end;
    }
    for (unsigned i = 0; i < n; i++)
        if (!fields[i].size) return false;
    return numbered;
}

int tracepoint_load(int root, const char *path, const char *const *names, unsigned n, struct tracepoint_field *fields,
                    uint32_t *id) {
    char file[128];
    if ((size_t)snprintf(file, sizeof file, "%s/format", path) >= sizeof file) return -ENAMETOOLONG;
    int fd = openat(root, file, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -errno;
    char *text = malloc(FORMAT_MAX);
    size_t len = 0;
    ssize_t got = 1;
    while (text && len < FORMAT_MAX - 1 && (got = read(fd, text + len, FORMAT_MAX - 1 - len)) > 0) len += (size_t)got;
    int result = !text ? -ENOMEM : got < 0 ? -errno : 0;
    close(fd);
    if (result == 0) {
        text[len] = '\0';
        if (!tracepoint_parse(text, names, n, fields, id)) result = -ENOENT;
    }
    free(text);
    return result;
}

int64_t tracepoint_number(const struct tracepoint_field *field, const uint8_t *raw, size_t len) {
    if (field->offset > len || field->size > len - field->offset) return 0;
    const uint8_t *at = raw + field->offset;
    union {
        uint8_t u8;
        uint16_t u16;
        uint32_t u32;
        uint64_t u64;
    } word;
    if (field->size > sizeof word) return 0;
    memcpy(&word, at, field->size);
    switch (field->size) {
    case 1: return field->is_signed ? (int8_t)word.u8 : (int64_t)word.u8;
    case 2: return field->is_signed ? (int16_t)word.u16 : (int64_t)word.u16;
    case 4: return field->is_signed ? (int32_t)word.u32 : (int64_t)word.u32;
    case 8: return (int64_t)word.u64;
    default: return 0;
    }
}
