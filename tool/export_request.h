/* The head of an HTTP request, read strictly: what is not quite right is refused. */
#ifndef TOOL_EXPORT_REQUEST_H
#define TOOL_EXPORT_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

struct export_request {
    const char *wrong; /* The status to refuse it with, "400 Bad Request"; NULL: it is good. */
    const char *path;  /* Without the query. In the text that was read. */
    bool get, head;    /* The method; neither: another one. */
    bool openmetrics;  /* It prefers OpenMetrics to the text format. */
    bool last;         /* The connection ends after the answer. */
};

/* Where the head ends that `text` begins with: after its empty line; 0: it is not complete. */
size_t export_head_length(const char *text, size_t len);
/* Reads a complete head of `len` bytes, and writes into it. */
struct export_request export_request_read(char *head, size_t len);

#endif
