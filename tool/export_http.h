/* A small HTTP/1.1 server for one page of metrics: one thread, few clients, none of which can hold up the others. */
#ifndef TOOL_EXPORT_HTTP_H
#define TOOL_EXPORT_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct export_pages {
    /* The metrics as OpenMetrics or in the text format, good until the next call. NULL: they cannot be had; that was
     * said on standard error. */
    const char *(*metrics)(void *arg, bool openmetrics, size_t *len);
    void *arg;
};

/* Listens on "PORT" (of 127.0.0.1), "ADDR:PORT", "[ADDR]:PORT" or "*:PORT" (every address). The descriptor; -1: `why`
 * (of `size` bytes) says what is wrong. */
int export_listen(const char *where, char *why, size_t size);
/* Where it listens, "127.0.0.1:9811", and the port. */
uint16_t export_address(int listener, char *text, size_t size);

/* Answers until `stop` is readable. False: it could not go on. */
bool export_serve(int listener, int stop, const struct export_pages *pages);

#endif
