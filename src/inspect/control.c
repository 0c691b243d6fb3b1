#include "control.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "[ADDR%ZONE]:PORT" for IPv6, the zone where there is one. */
void control_say_endpoint(struct say *out, const struct la_endpoint *endpoint) {
    char addr[LA_ADDR_TEXT];
    la_addr_format(&endpoint->addr, addr, sizeof addr);
    if (la_addr_is4(&endpoint->addr))
        say(out, "%s:%u", addr, (unsigned)endpoint->port);
    else if (endpoint->zone)
        say(out, "[%s%%%u]:%u", addr, (unsigned)endpoint->zone, (unsigned)endpoint->port);
    else
        say(out, "[%s]:%u", addr, (unsigned)endpoint->port);
}

/* A number of 1 to 5 digits and nothing else. */
static bool number(const char *text, uint16_t *to) {
    size_t len = strspn(text, "0123456789");
    unsigned long n = len && len <= 5 && !text[len] ? strtoul(text, NULL, 10) : UINT16_MAX + 1ul;
    if (n > UINT16_MAX) return false;
    *to = (uint16_t)n;
    return true;
}

bool control_endpoint(const char *text, struct la_endpoint *endpoint) {
    char copy[LA_ADDR_TEXT + 16];
    size_t len = strlen(text);
    *endpoint = (struct la_endpoint){.port = 0};
    if (len >= sizeof copy) return false;
    memcpy(copy, text, len + 1);
    char *port = strrchr(copy, ':'), *addr = copy;
    if (!port) return false;
    *port++ = '\0';
    if (*addr == '[') {
        char *end = strchr(++addr, ']'), *zone = strchr(addr, '%');
        if (!end || end[1]) return false;
        *end = '\0';
        if (zone) *zone++ = '\0';
        if (zone && !number(zone, &endpoint->zone)) return false;
    } else if (strchr(addr, ':')) {
        return false;
    }
    return la_addr_parse(addr, &endpoint->addr) && number(port, &endpoint->port);
}

static void say_help(struct say *out) {
    say(out, "snapshot            every connection, as JSON\n"
             "why                 what is wrong, in sentences\n"
             "reset LOCAL PEER    ends the connection between the two: reset 10.0.0.1:80 10.0.0.2:4000; with the\n"
             "                    snapshot's cookie behind them only if it is still that one\n"
             "help                this text\n");
}

static bool is_same(const struct la_endpoint *a, const struct la_endpoint *b) {
    return a->port == b->port && la_addr_equal(&a->addr, &b->addr);
}

/* Whether the connection between the two is that of a snapshot still. */
static bool has_id(const struct la_stack *stack, const struct la_endpoint *local, const struct la_endpoint *peer,
                   uint64_t id) {
    struct la_conn_info info;
    for (uint64_t cursor = 0; la_conn_next(stack, &cursor, &info);)
        if (info.id == id && is_same(&info.local, local) && is_same(&info.peer, peer)) return info.state != LA_CLOSED;
    return false;
}

static bool read_id(const char *text, uint64_t *id) {
    size_t len = strspn(text, "0123456789abcdef");
    *id = len && len <= 16 && !text[len] ? strtoull(text, NULL, 16) : 0;
    return len && len <= 16 && !text[len];
}

/* `words`: what follows the word "reset". */
static void reset(struct la_stack *stack, la_time now, const char *words, struct say *out) {
    char text[3][80], more;
    struct la_endpoint local, peer;
    uint64_t id = 0;
    int n = sscanf(words, "%79s %79s %79s %c", text[0], text[1], text[2], &more);
    if (n < 2 || n > 3 || !control_endpoint(text[0], &local) || !control_endpoint(text[1], &peer) ||
        (n == 3 && !read_id(text[2], &id)))
        say(out, "error: reset takes two endpoints: reset 10.0.0.1:80 10.0.0.2:4000\n");
    else if (n == 3 && !has_id(stack, &local, &peer, id))
        say(out, "error: the connection between %s and %s has ended\n", text[0], text[1]);
    else if (la_conn_abort(stack, &local, &peer, now))
        say(out, "error: there is no connection between %s and %s\n", text[0], text[1]);
    else
        say(out, "ok\n");
}

bool control_answer(struct la_stack *stack, la_time now, const struct stack_names *names, const char *request,
                    struct say *out) {
    if (!strcmp(request, "snapshot")) return stack_say_json(stack, now, names, out);
    if (!strcmp(request, "why")) return stack_say_why(stack, now, names, out);
    if (!strcmp(request, "help"))
        say_help(out);
    else if (!strncmp(request, "reset ", 6))
        reset(stack, now, request + 6, out);
    else
        say(out, "error: no such request; \"help\" names those that there are\n");
    return !out->failed;
}
