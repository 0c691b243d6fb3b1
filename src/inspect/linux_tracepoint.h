/* Where the kernel describes its tracepoints (tracefs, events/GROUP/NAME/format), and the description as data. Fields
 * are found by name: their places differ between kernels. */
#ifndef INSPECT_LINUX_TRACEPOINT_H
#define INSPECT_LINUX_TRACEPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tracepoint_field {
    uint32_t offset, size; /* size 0: there is no such field. */
    bool is_signed;
};

/* The folder events of tracefs, as a descriptor. Where tracefs is not mounted, a private instance is made that nobody
 * sees and that goes away when the descriptor is closed. -errno. */
int tracepoint_root(void);

/* Reads the description of `path` ("sock/inet_sock_set_state"): its number, and one field for each of the names. 0,
 * -ENOENT (no such tracepoint, or a name is not in it), or another -errno. */
int tracepoint_load(int root, const char *path, const char *const *names, unsigned n, struct tracepoint_field *fields,
                    uint32_t *id);

/* The same from the description's text. False: it has no number, or a name is not in it. */
bool tracepoint_parse(const char *text, const char *const *names, unsigned n, struct tracepoint_field *fields,
                      uint32_t *id);

/* The number in a field of a record; 0 where the record is too short or the field is no number. */
int64_t tracepoint_number(const struct tracepoint_field *field, const uint8_t *raw, size_t len);

#endif
