/* A small HTTP/1.1 server over the stack's sockets: GET /bytes/N gives N bytes of the pattern, PUT /sink takes a body
 * (Content-Length or chunked) and answers with its length and checksum. */
#ifndef TOOL_TOUR_HTTP_H
#define TOOL_TOUR_HTTP_H

#include <lastack/socket.h>
#include <lastack/stack.h>

#include "tour_pattern.h"

#define HTTP_CONNS 4
#define HTTP_HEAD_MAX 2048

enum http_phase { HTTP_FREE, HTTP_REQUEST, HTTP_ANSWER, HTTP_SEND, HTTP_RECEIVE };
enum http_body { BODY_LENGTH, BODY_CHUNK_SIZE, BODY_CHUNK, BODY_CHUNK_END, BODY_TRAILER };

struct http_conn {
    la_sock sock;
    enum http_phase phase, then; /* `then` follows the answer. */
    enum http_body body;
    bool last;       /* The connection ends after this answer. */
    uint64_t left;   /* Of the body, or of the present chunk. */
    bool line_empty; /* In chunk headers and trailers: nothing on this line yet. */
    char answer[256];
    size_t answer_len, answer_done;
};

struct http {
    struct la_stack *stack;
    la_sock listener[2]; /* IPv4, IPv6. */
    struct http_conn conn[HTTP_CONNS];
    uint64_t moved; /* Bytes of bodies, for the progress display. */
    struct sum sum; /* Of the present or latest body. */
};

/* Listens on the port, both families. 0 or -LA_E…. */
int http_open(struct http *http, struct la_stack *stack, uint16_t port, la_time now);
/* An event of the stack's: does what can be done now. */
void http_event(struct http *http, const struct la_event *event, la_time now);

#endif
