/* A small HTTP/1.1 server on lastack's sockets.
 *
 * What comes in: events. What goes out: calls on the sockets, as many as go without waiting. A connection is in one
 * phase: REQUEST (the head is not complete; it is peeked at until it is), ANSWER (a head or short answer is being
 * sent), SEND (the body of GET, written straight into the send storage by la_reserve), RECEIVE (the body of PUT, summed
 * straight from the receive storage by la_peek). Each work_… function returns whether it got further; work() goes on
 * until none does, and the next event continues there. HTTP/1.1: RFC 9112, chunked coding section 7.1; Expect: RFC
 * 9110, 10.1.1. */
#define _GNU_SOURCE
#include "tour_http.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SPANS 16
#define SEND_STEP (256u << 10)

static int listen_on(struct http *http, int family, uint16_t port) {
    struct la_endpoint any = {.port = port};
    if (family == LA_AF_INET) any.addr = la_addr4(0, 0, 0, 0);
    int one = 1;
    la_sock sock = la_socket(http->stack, family, LA_SOCK_STREAM);
    if (sock < 0) return (int)sock;
    http->listener[family == LA_AF_INET6] = sock;
    int rc = 0;
    if (family == LA_AF_INET6)
        rc = la_setsockopt(http->stack, sock, LA_IPPROTO_IPV6, LA_IPV6_V6ONLY, &one, sizeof one, 0);
    if (rc >= 0) rc = la_bind(http->stack, sock, &any);
    if (rc >= 0) rc = la_listen(http->stack, sock, HTTP_CONNS);
    return rc;
}

int http_open(struct http *http, struct la_stack *stack, uint16_t port, la_time now) {
    (void)now;
    *http = (struct http){.stack = stack};
    int rc = listen_on(http, LA_AF_INET, port);
    return rc < 0 ? rc : listen_on(http, LA_AF_INET6, port);
}

static void end_conn(struct http *http, struct http_conn *conn, la_time now) {
    la_close(http->stack, conn->sock, now);
    conn->phase = HTTP_FREE;
}

static void answer(struct http_conn *conn, enum http_phase then, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void answer(struct http_conn *conn, enum http_phase then, const char *format, ...) {
    va_list args;
    va_start(args, format);
    conn->answer_len = (size_t)vsnprintf(conn->answer, sizeof conn->answer, format, args);
    va_end(args);
    conn->answer_done = 0;
    conn->phase = HTTP_ANSWER;
    conn->then = then;
}

/* --- Requests --- */

/* The value of a header field, NULL where it is not there. */
static const char *field(const char *head, const char *name) {
    size_t len = strlen(name);
    for (const char *line = strstr(head, "\r\n"); line; line = strstr(line, "\r\n")) {
        line += 2;
        if (!strncasecmp(line, name, len) && line[len] == ':') return line + len + 1 + strspn(line + len + 1, " \t");
    }
    return NULL;
}

static void start_get(struct http *http, struct http_conn *conn, const char *head) {
    conn->left = strtoull(head + strlen("GET /bytes/"), NULL, 10);
    http->sum = (struct sum){0};
    http->moved = 0;
    answer(conn, HTTP_SEND,
           "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: %" PRIu64 "\r\n\r\n",
           conn->left);
}

static void start_put(struct http *http, struct http_conn *conn, const char *head) {
    const char *length = field(head, "Content-Length"), *coding = field(head, "Transfer-Encoding");
    const char *wants = field(head, "Expect");
    http->sum = (struct sum){0};
    http->moved = 0;
    conn->body = coding && !strncasecmp(coding, "chunked", 7) ? BODY_CHUNK_SIZE : BODY_LENGTH;
    conn->left = conn->body == BODY_LENGTH && length ? strtoull(length, NULL, 10) : 0;
    conn->line_empty = true;
    conn->phase = HTTP_RECEIVE;
    if (wants) answer(conn, HTTP_RECEIVE, "HTTP/1.1 100 Continue\r\n\r\n");
}

static bool work_request(struct http *http, struct http_conn *conn, la_time now) {
    char head[HTTP_HEAD_MAX + 1];
    int64_t n = la_recv(http->stack, conn->sock, head, HTTP_HEAD_MAX, LA_MSG_PEEK, now);
    if (n == -LA_EAGAIN) return false;
    if (n <= 0) {
        end_conn(http, conn, now);
        return false;
    }
    head[n] = 0;
    char *end = strstr(head, "\r\n\r\n");
    if (!end) {
        if (n == HTTP_HEAD_MAX) end_conn(http, conn, now);
        return false;
    }
    end[2] = 0;
    la_consume(http->stack, conn->sock, (size_t)(end + 4 - head), now);
    const char *connection = field(head, "Connection");
    conn->last = connection && !strncasecmp(connection, "close", 5);
    if (!strncmp(head, "GET /bytes/", 11)) {
        start_get(http, conn, head);
    } else if (!strncmp(head, "PUT /sink ", 10)) {
        start_put(http, conn, head);
    } else {
        conn->last = true;
        answer(conn, HTTP_REQUEST, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    }
    return true;
}

/* --- Sending --- */

/* An answer is over: what comes next. */
static void next_phase(struct http *http, struct http_conn *conn, la_time now) {
    conn->phase = conn->then;
    if (conn->phase == HTTP_REQUEST && conn->last) end_conn(http, conn, now);
}

static bool work_answer(struct http *http, struct http_conn *conn, la_time now) {
    int64_t n = la_send(http->stack, conn->sock, conn->answer + conn->answer_done, conn->answer_len - conn->answer_done,
                        0, now);
    if (n == -LA_EAGAIN) return false;
    if (n < 0) {
        end_conn(http, conn, now);
        return false;
    }
    conn->answer_done += (size_t)n;
    if (conn->answer_done == conn->answer_len) next_phase(http, conn, now);
    return conn->phase != HTTP_FREE;
}

static bool work_send(struct http *http, struct http_conn *conn, la_time now) {
    struct la_room room[SPANS];
    unsigned count;
    if (!conn->left) {
        conn->then = HTTP_REQUEST;
        next_phase(http, conn, now);
        return conn->phase != HTTP_FREE;
    }
    size_t want = conn->left < SEND_STEP ? (size_t)conn->left : SEND_STEP;
    int64_t n = la_reserve(http->stack, conn->sock, want, room, SPANS, &count);
    if (n == -LA_EAGAIN) return false;
    if (n < 0) {
        end_conn(http, conn, now);
        return false;
    }
    for (unsigned i = 0; i < count; i++) {
        pattern_fill(http->moved, room[i].data, room[i].len);
        sum_add(&http->sum, room[i].data, room[i].len);
        http->moved += room[i].len;
    }
    conn->left -= (uint64_t)n;
    return la_commit(http->stack, conn->sock, (size_t)n, now) >= 0;
}

/* --- Receiving --- */

static void body_ended(struct http *http, struct http_conn *conn) {
    char text[80];
    int len = snprintf(text, sizeof text, "%" PRIu64 " %016" PRIx64 "\n", http->sum.bytes, sum_value(&http->sum));
    answer(conn, HTTP_REQUEST, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s", len,
           text);
}

static size_t take_data(struct http *http, struct http_conn *conn, const uint8_t *data, size_t len) {
    size_t n = len < conn->left ? len : (size_t)conn->left;
    sum_add(&http->sum, data, n);
    http->moved += n;
    conn->left -= n;
    return n;
}

/* One byte of what stands between the chunks. */
static void take_byte(struct http_conn *conn, char c) {
    if (conn->body == BODY_CHUNK_SIZE && conn->line_empty) conn->left = 0;
    bool is_end = c == '\n', was_empty = conn->line_empty;
    int digit = c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
    if (c != '\r') conn->line_empty = is_end;
    if (conn->body == BODY_CHUNK_SIZE && digit >= 0) conn->left = conn->left * 16 + (unsigned)digit;
    if (!is_end) return;
    if (conn->body == BODY_CHUNK_SIZE) {
        conn->body = conn->left ? BODY_CHUNK : BODY_TRAILER;
    } else if (conn->body == BODY_CHUNK_END) {
        conn->body = BODY_CHUNK_SIZE;
    } else if (was_empty) {
        conn->body = BODY_LENGTH; /* Nothing is left of it: that is the end. */
        conn->left = 0;
    }
}

/* Takes what belongs to the body. Returns the bytes used. */
static size_t take(struct http *http, struct http_conn *conn, const uint8_t *data, size_t len) {
    size_t used = 0;
    while (used < len) {
        if (conn->body == BODY_LENGTH && !conn->left) break;
        if (conn->body == BODY_LENGTH || conn->body == BODY_CHUNK) {
            used += take_data(http, conn, data + used, len - used);
            if (conn->body == BODY_CHUNK && !conn->left) conn->body = BODY_CHUNK_END;
        } else {
            take_byte(conn, (char)data[used++]);
        }
    }
    return used;
}

static bool work_receive(struct http *http, struct http_conn *conn, la_time now) {
    struct la_span span[SPANS];
    unsigned count = 0;
    size_t used = 0;
    if (conn->body != BODY_LENGTH || conn->left) {
        int64_t n = la_peek(http->stack, conn->sock, span, SPANS, &count);
        if (n == -LA_EAGAIN) return false;
        if (n <= 0) {
            end_conn(http, conn, now);
            return false;
        }
        for (unsigned i = 0; i < count; i++) {
            size_t n_used = take(http, conn, span[i].data, span[i].len);
            used += n_used;
            if (n_used < span[i].len) break;
        }
        la_consume(http->stack, conn->sock, used, now);
    }
    if (conn->body == BODY_LENGTH && !conn->left) body_ended(http, conn);
    return true;
}

/* --- Events --- */

static void work(struct http *http, struct http_conn *conn, la_time now) {
    static bool (*const by_phase[])(struct http *, struct http_conn *, la_time) = {[HTTP_REQUEST] = work_request,
                                                                                   [HTTP_ANSWER] = work_answer,
                                                                                   [HTTP_SEND] = work_send,
                                                                                   [HTTP_RECEIVE] = work_receive};
    while (conn->phase != HTTP_FREE && by_phase[conn->phase](http, conn, now)) {
    }
}

static void accept_all(struct http *http, la_sock listener, la_time now) {
    la_sock sock;
    while ((sock = la_accept(http->stack, listener, NULL)) >= 0) {
        unsigned i = 0;
        while (i < HTTP_CONNS && http->conn[i].phase != HTTP_FREE) i++;
        if (i == HTTP_CONNS) {
            la_abort(http->stack, sock, now);
            continue;
        }
        http->conn[i] = (struct http_conn){.sock = sock, .phase = HTTP_REQUEST};
        la_owner_set(http->stack, sock, i + 1);
        work(http, &http->conn[i], now);
    }
}

void http_event(struct http *http, const struct la_event *event, la_time now) {
    if (event->events & LA_EV_ACCEPTED) accept_all(http, event->sock, now);
    if (event->owner == 0 || event->owner > HTTP_CONNS) return;
    struct http_conn *conn = &http->conn[event->owner - 1];
    if (conn->phase != HTTP_FREE && conn->sock == event->sock) work(http, conn, now);
}
