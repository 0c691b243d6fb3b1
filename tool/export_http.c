/* The HTTP server of lastack export.
 *
 * In: connections on one listening socket. Out: answers. A client is in one phase: READING (its request is not
 * complete), WRITING (its answer is being sent), ENDING (the answer is sent, and ours to close: what it still sends is
 * read and thrown away, so that the answer is not lost to a reset). Each phase has a time by which it must be over;
 * between requests a client may be silent for longer, but then makes room for others. A client owns a copy of its
 * answer, so that the page may change meanwhile.
 *
 * step() does one thing for a client and says whether it got further; work() repeats it, a bounded number of times, so
 * that nobody who always has something to say keeps the others waiting. */
#define _GNU_SOURCE
#include "export_http.h"

#include <lastack/dev.h>

#include "export_request.h"

#include <lastack/types.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CLIENTS 16
#define REQUEST_MAX 8192
#define PHASE_MS 5000
#define SILENT_MS 300000
#define PAUSE_MS 1000 /* When a connection cannot be accepted for want of descriptors. */
#define STEPS 64

enum phase { READING, WRITING, ENDING };

struct client {
    int fd; /* -1: this place is free. */
    enum phase phase;
    bool silent; /* READING: between requests; nothing of the next one has come. */
    bool last;   /* The connection ends after this answer. */
    int64_t until;
    size_t got;
    char request[REQUEST_MAX];
    char *answer;
    size_t len, sent;
};

struct server {
    const struct export_pages *pages;
    int listener;
    int64_t accept_from;
    struct client clients[CLIENTS];
};

static int64_t now_ms(void) { return (int64_t)(la_host_now() / LA_MS); }

static void drop(struct client *client) {
    close(client->fd);
    free(client->answer);
    client->answer = NULL;
    client->fd = -1;
}

/* --- Answers --- */

struct answer {
    const char *status, *type, *body;
    const char *field; /* One more, with its line end; "" */
    size_t len;
};

static void date(char *text, size_t size) {
    time_t now = time(NULL);
    struct tm parts;
    if (!gmtime_r(&now, &parts) || !strftime(text, size, "%a, %d %b %Y %H:%M:%S GMT", &parts)) *text = '\0';
}

static void start_answer(struct client *client, const struct answer *answer, bool head_only) {
    char head[512], at[64];
    date(at, sizeof at);
    int len = snprintf(head, sizeof head,
                       "HTTP/1.1 %s\r\nDate: %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
                       "Cache-Control: no-store\r\n%s%s\r\n",
                       answer->status, at, answer->type, answer->len, answer->field,
                       client->last ? "Connection: close\r\n" : "");
    size_t body = head_only ? 0 : answer->len;
    client->answer = malloc((size_t)len + body);
    if (!client->answer) {
        drop(client);
        return;
    }
    memcpy(client->answer, head, (size_t)len);
    if (body) memcpy(client->answer + len, answer->body, body);
    client->len = (size_t)len + body;
    client->sent = 0;
    client->phase = WRITING;
    client->until = now_ms() + PHASE_MS;
}

static struct answer plain(const char *status, const char *body) {
    return (struct answer){status, "text/plain; charset=utf-8", body, "", strlen(body)};
}

static struct answer metrics(struct server *server, bool openmetrics) {
    struct answer answer = plain("503 Service Unavailable", "The connections could not be read: lastack export said "
                                                            "why on its standard error.\n");
    size_t len;
    int64_t began = now_ms();
    const char *text = server->pages->metrics(server->pages->arg, openmetrics, &len);
    /* That nobody was listened to meanwhile is nobody's fault. */
    for (unsigned i = 0; i < CLIENTS; i++) server->clients[i].until += now_ms() - began;
    if (!text) return answer;
    answer.status = "200 OK";
    answer.type = openmetrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                              : "text/plain; version=0.0.4; charset=utf-8";
    answer.body = text;
    answer.len = len;
    return answer;
}

static struct answer page(struct server *server, const struct export_request *request) {
    static const char home[] = "<!DOCTYPE html>\n<title>lastack export</title>\n<h1>lastack export</h1>\n"
                               "<p>TCP connection states for Prometheus: <a href=\"metrics\">metrics</a></p>\n";
    bool is_metrics = !strcmp(request->path, "/metrics"), is_home = !strcmp(request->path, "/");
    bool is_health = !strcmp(request->path, "/-/healthy") || !strcmp(request->path, "/-/ready");
    if (!is_metrics && !is_home && !is_health) return plain("404 Not Found", "There is /metrics here.\n");
    if (!request->get && !request->head) {
        struct answer refusal = plain("405 Method Not Allowed", "GET and HEAD are understood.\n");
        refusal.field = "Allow: GET, HEAD\r\n";
        return refusal;
    }
    if (is_health) return plain("200 OK", "lastack export is healthy.\n");
    if (is_home) return (struct answer){"200 OK", "text/html; charset=utf-8", home, "", sizeof home - 1};
    return metrics(server, request->openmetrics);
}

static void refuse(struct client *client, const char *status) {
    struct answer refusal = plain(status, "This is not an HTTP/1.1 request as expected here.\n");
    client->last = true;
    start_answer(client, &refusal, false);
}

/* Takes a complete request, which leaves what came after it. */
static void take_request(struct server *server, struct client *client, size_t len) {
    char head[REQUEST_MAX];
    memcpy(head, client->request, len);
    client->got -= len;
    memmove(client->request, client->request + len, client->got);
    struct export_request request = export_request_read(head, len);
    client->last = request.last;
    if (request.wrong) {
        refuse(client, request.wrong);
    } else {
        struct answer answer = page(server, &request);
        start_answer(client, &answer, request.head);
    }
}

/* --- Clients --- */

/* Whether a call on a socket may be tried again later. */
static bool later(ssize_t n) { return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR); }

static bool step_reading(struct server *server, struct client *client) {
    size_t head = export_head_length(client->request, client->got);
    if (head) {
        take_request(server, client, head);
        return client->fd >= 0;
    }
    if (client->got == REQUEST_MAX) {
        refuse(client, "431 Request Header Fields Too Large");
        return client->fd >= 0;
    }
    ssize_t n = recv(client->fd, client->request + client->got, REQUEST_MAX - client->got, 0);
    if (later(n)) return false;
    if (n <= 0) {
        drop(client);
        return false;
    }
    if (client->silent) client->until = now_ms() + PHASE_MS;
    client->silent = false;
    client->got += (size_t)n;
    return true;
}

static bool step_writing(struct client *client) {
    ssize_t n = send(client->fd, client->answer + client->sent, client->len - client->sent, MSG_NOSIGNAL);
    if (later(n)) return false;
    if (n < 0) {
        drop(client);
        return false;
    }
    client->sent += (size_t)n;
    if (client->sent < client->len) return true;
    free(client->answer);
    client->answer = NULL;
    client->phase = client->last ? ENDING : READING;
    client->silent = !client->last && !client->got;
    client->until = now_ms() + (client->silent ? SILENT_MS : PHASE_MS);
    if (client->last) shutdown(client->fd, SHUT_WR);
    return true;
}

static bool step_ending(struct client *client) {
    ssize_t n = recv(client->fd, client->request, REQUEST_MAX, 0);
    if (later(n)) return false;
    if (n <= 0) drop(client);
    return n > 0;
}

static bool step(struct server *server, struct client *client) {
    switch (client->phase) {
    case READING: return step_reading(server, client);
    case WRITING: return step_writing(client);
    default: return step_ending(client);
    }
}

static void work(struct server *server, struct client *client) {
    for (unsigned i = 0; i < STEPS && step(server, client); i++) continue;
}

/* A free place, if need be that of the client that has been silent for longest. NULL: all are busy. */
static struct client *place_for(struct server *server) {
    struct client *silent = NULL;
    for (unsigned i = 0; i < CLIENTS; i++) {
        struct client *client = &server->clients[i];
        if (client->fd < 0) return client;
        if (client->phase == READING && client->silent && (!silent || client->until < silent->until)) silent = client;
    }
    return silent;
}

static void take_clients(struct server *server) {
    for (struct client *client; (client = place_for(server));) {
        int fd = accept4(server->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            bool passes = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR || errno == ECONNABORTED;
            if (!passes) server->accept_from = now_ms() + PAUSE_MS;
            return;
        }
        if (client->fd >= 0) drop(client);
        client->fd = fd;
        client->phase = READING;
        client->silent = client->last = false;
        client->got = 0;
        client->until = now_ms() + PHASE_MS;
        work(server, client);
    }
}

/* --- The loop --- */

static int64_t earlier(int64_t a, int64_t b) { return a < b ? a : b; }

/* Fills in what to wait for: stop, listener, clients. Returns the milliseconds until something is due; -1: nothing is.
 */
static int prepare(struct server *server, int stop, struct pollfd *on) {
    int64_t now = now_ms(), due = INT64_MAX;
    bool paused = now < server->accept_from, room = place_for(server) != NULL;
    if (paused) due = server->accept_from;
    on[0] = (struct pollfd){.fd = stop, .events = POLLIN};
    on[1] = (struct pollfd){.fd = paused || !room ? -1 : server->listener, .events = POLLIN};
    for (unsigned i = 0; i < CLIENTS; i++) {
        const struct client *client = &server->clients[i];
        on[2 + i] = (struct pollfd){.fd = client->fd, .events = client->phase == WRITING ? POLLOUT : POLLIN};
        if (client->fd >= 0) due = earlier(due, client->until);
    }
    if (due == INT64_MAX) return -1;
    return due > now ? (int)earlier(due - now, SILENT_MS) : 0;
}

bool export_serve(int listener, int stop, const struct export_pages *pages) {
    struct server *server = calloc(1, sizeof *server);
    struct pollfd on[2 + CLIENTS];
    bool asked = false;
    if (!server) return false;
    *server = (struct server){.pages = pages, .listener = listener};
    for (unsigned i = 0; i < CLIENTS; i++) server->clients[i].fd = -1;
    for (;;) {
        int ready = poll(on, 2 + CLIENTS, prepare(server, stop, on));
        int64_t now = now_ms(); /* A page may take long to make: what came meanwhile is not late. */
        if (ready < 0 && errno != EINTR) break;
        asked = ready > 0 && on[0].revents;
        if (asked) break;
        for (unsigned i = 0; ready > 0 && i < CLIENTS; i++)
            if (on[2 + i].revents) work(server, &server->clients[i]);
        for (unsigned i = 0; i < CLIENTS; i++)
            if (server->clients[i].fd >= 0 && now >= server->clients[i].until) drop(&server->clients[i]);
        if (ready > 0 && on[1].revents) take_clients(server);
    }
    for (unsigned i = 0; i < CLIENTS; i++)
        if (server->clients[i].fd >= 0) drop(&server->clients[i]);
    free(server);
    return asked;
}

/* --- Where to listen --- */

/* The address in front of the port; false: it is none. Only "*" is every address: to be reached from elsewhere must be
 * meant. */
static bool read_address(const char *text, struct la_addr *addr, bool *any) {
    size_t len = strlen(text);
    char inner[64];
    *any = !strcmp(text, "*");
    if (*any) return true;
    if (!strcmp(text, "localhost")) text = "127.0.0.1";
    if (*text != '[') return la_addr_parse(text, addr);
    if (text[len - 1] != ']' || len >= sizeof inner) return false;
    memcpy(inner, text + 1, len - 2);
    inner[len - 2] = '\0';
    return la_addr_parse(inner, addr);
}

static bool read_where(const char *where, struct sockaddr_in6 *to, bool *any) {
    const char *colon = strrchr(where, ':'), *port = colon ? colon + 1 : where;
    char host[64] = "127.0.0.1", *end;
    size_t len = colon ? (size_t)(colon - where) : 0;
    struct la_addr addr = {{0}};
    if (len >= sizeof host) return false;
    if (colon) {
        memcpy(host, where, len);
        host[len] = '\0';
    }
    bool digit = *port >= '0' && *port <= '9', bare = strchr(host, ':') && *host != '[';
    unsigned long number = strtoul(port, &end, 10);
    if (!digit || *end || number > UINT16_MAX || bare || !read_address(host, &addr, any)) return false;
    *to = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)number)};
    memcpy(&to->sin6_addr, addr.bytes, sizeof to->sin6_addr);
    return true;
}

static int bound(int family, const void *to, socklen_t size) {
    int one = 1, zero = 0;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero);
    if (!bind(fd, to, size) && !listen(fd, SOMAXCONN)) return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

int export_listen(const char *where, char *why, size_t size) {
    struct sockaddr_in6 to6;
    bool any;
    if (!read_where(where, &to6, &any)) {
        snprintf(why, size,
                 "\"%s\" is no place to listen: PORT (of 127.0.0.1), ADDRESS:PORT, [ADDRESS]:PORT, or *:PORT for every "
                 "address",
                 where);
        return -1;
    }
    bool is4 = IN6_IS_ADDR_V4MAPPED(&to6.sin6_addr);
    struct sockaddr_in to4 = {.sin_family = AF_INET, .sin_port = to6.sin6_port};
    memcpy(&to4.sin_addr, to6.sin6_addr.s6_addr + 12, sizeof to4.sin_addr);
    int fd = is4 ? -1 : bound(AF_INET6, &to6, sizeof to6);
    bool no_ipv6 = !is4 && any && fd < 0 && errno == EAFNOSUPPORT; /* Then every address is IPv4's. */
    if (is4 || no_ipv6) fd = bound(AF_INET, &to4, sizeof to4);
    if (fd < 0)
        snprintf(why, size, "cannot listen at %s: %s%s", where, strerror(errno),
                 errno == EADDRINUSE ? " (lastack ls -l shows by whom)" : "");
    return fd;
}

uint16_t export_address(int listener, char *text, size_t size) {
    struct sockaddr_in6 at = {0};
    socklen_t len = sizeof at;
    char addr[INET6_ADDRSTRLEN] = "?";
    getsockname(listener, (struct sockaddr *)&at, &len);
    struct sockaddr_in at4;
    memcpy(&at4, &at, sizeof at4);
    if (at.sin6_family == AF_INET6) {
        inet_ntop(AF_INET6, &at.sin6_addr, addr, sizeof addr);
        snprintf(text, size, "[%s]:%u", addr, ntohs(at.sin6_port));
    } else {
        inet_ntop(AF_INET, &at4.sin_addr, addr, sizeof addr);
        snprintf(text, size, "%s:%u", addr, ntohs(at4.sin_port));
    }
    return ntohs(at4.sin_port);
}
