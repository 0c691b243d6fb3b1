/* FreeBSD's commands on sockets: sockstat, which lists them, and tcpdrop, which ends connections. */
#include "shim.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The name under which FreeBSD shows the process: its first ten letters. */
#define PROCESS "packetdril"
#define PROCESS_PID 1000

struct wanted {
    bool ip4, ip6, connected, listening, states, no_head, none;
    unsigned port; /* 0: any. */
};

static bool is_wanted(const struct wanted *w, const struct la_conn_info *info) {
    if (w->none || !(shim_is6(info) ? w->ip6 : w->ip4)) return false;
    if (w->port && info->local.port != w->port && info->peer.port != w->port) return false;
    if (w->connected != w->listening) return (info->peer.port != 0) == w->connected;
    return true;
}

static void list(const struct shim *shim, const struct wanted *w, const struct shim_socket *s) {
    char local[64], peer[64];
    const struct la_conn_info *info = &s->info;
    shim_endpoint(&info->local, STYLE_BSD, local);
    shim_endpoint(&info->peer, STYLE_BSD, peer);
    if (s->fd >= 0)
        drill_text_add(shim->out, "%-8s %-10s %-5d %-3d ", "root", PROCESS, PROCESS_PID, s->fd);
    else
        drill_text_add(shim->out, "%-8s %-10s %-5s %-3s ", "?", "?", "?", "?");
    drill_text_add(shim->out, "%-6s %-21s %-21s", shim_is6(info) ? "tcp6" : "tcp4", local, peer);
    if (w->states) drill_text_add(shim->out, " %-12s", shim_state(info->state, STYLE_BSD));
    drill_text_add(shim->out, "\n");
}

/* The value of an option: behind its letter, or the next word. */
static const char *value_of(const struct shim *shim, int *n, const char *letter) {
    if (letter[1]) return letter + 1;
    return *n + 1 < shim->argc ? shim->argv[++*n] : NULL;
}

/* One word of options. False: not known here. */
static bool take_options(const struct shim *shim, int *n, struct wanted *w) {
    for (const char *c = shim->argv[*n] + 1; *c; c++) {
        const char *value;
        switch (*c) {
        case '4': w->ip4 = true; continue;
        case '6': w->ip6 = true; continue;
        case 'c': w->connected = true; continue;
        case 'l': w->listening = true; continue;
        case 's': w->states = true; continue;
        case 'q': w->no_head = true; continue;
        case 'n':
        case 'w': continue;
        case 'P':
        case 'p': break;
        default: return false;
        }
        if ((value = value_of(shim, n, c)) == NULL) return false;
        if (*c == 'p') {
            char *end;
            unsigned long port = strtoul(value, &end, 10);
            if (*end || end == value || port > UINT16_MAX) return false;
            w->port = (unsigned)port;
        } else if (strcmp(value, "tcp") != 0) {
            w->none = true;
        }
        return true;
    }
    return true;
}

int shim_sockstat(const struct shim *shim) {
    struct wanted w = {0};
    struct shim_sockets sockets;
    for (int n = 1; n < shim->argc; n++)
        if (shim->argv[n][0] != '-' || !take_options(shim, &n, &w))
            return shim_cannot(shim, "the option %s", n < shim->argc ? shim->argv[n] : "");
    if (!w.ip4 && !w.ip6) w.ip4 = w.ip6 = true;
    if (shim_sockets(shim->t, &sockets) < 0) return 1;
    if (!w.no_head)
        drill_text_add(shim->out, "%-8s %-10s %-5s %-3s %-6s %-21s %-21s%s\n", "USER", "COMMAND", "PID", "FD", "PROTO",
                       "LOCAL ADDRESS", "FOREIGN ADDRESS", w.states ? " CONN STATE" : "");
    for (size_t i = 0; i < sockets.count; i++)
        if (is_wanted(&w, &sockets.at[i].info)) list(shim, &w, &sockets.at[i]);
    shim_sockets_free(shim->t, &sockets);
    return 0;
}

/* --- tcpdrop --- */

static void print_tuple(struct drill_text *out, const struct la_endpoint *local, const struct la_endpoint *peer) {
    char a[LA_ADDR_TEXT], b[LA_ADDR_TEXT];
    la_addr_format(&local->addr, a, sizeof a);
    la_addr_format(&peer->addr, b, sizeof b);
    drill_text_add(out, "%s %u %s %u", a, local->port, b, peer->port);
}

static int drop(const struct shim *shim, const struct la_endpoint *local, const struct la_endpoint *peer) {
    int error = la_conn_abort(shim->t->stack, local, peer, shim->t->now);
    struct drill_text *to = error ? shim->err : shim->out;
    if (error) drill_text_add(to, "tcpdrop: ");
    print_tuple(to, local, peer);
    drill_text_add(to, ": %s\n", error ? la_errno_text(-error) : "dropped");
    return error ? 1 : 0;
}

/* Every connection, or those in one state. None is no failure. */
static int drop_all(const struct shim *shim, const char *state, bool only_list) {
    struct shim_sockets sockets;
    int status = 0;
    if (shim_sockets(shim->t, &sockets) < 0) return 1;
    for (size_t i = 0; i < sockets.count; i++) {
        const struct la_conn_info *info = &sockets.at[i].info;
        if (!info->peer.port || info->state == LA_CLOSED) continue;
        if (state && strcmp(shim_state(info->state, STYLE_BSD), state) != 0) continue;
        if (only_list) {
            drill_text_add(shim->out, "tcpdrop ");
            print_tuple(shim->out, &info->local, &info->peer);
            drill_text_add(shim->out, "\n");
        } else if (drop(shim, &info->local, &info->peer)) {
            status = 1;
        }
    }
    shim_sockets_free(shim->t, &sockets);
    return status;
}

static bool is_state(const char *name) {
    for (unsigned s = 0; s < LA_NSTATES; s++)
        if (!strcmp(shim_state((enum la_state)s, STYLE_BSD), name)) return true;
    return false;
}

static bool take_end(const char *addr, size_t len, const char *port, struct la_endpoint *end) {
    char text[LA_ADDR_TEXT], *rest;
    if (len && *addr == '[' && addr[len - 1] == ']') addr++, len -= 2;
    if (len >= sizeof text || !isdigit((unsigned char)*port)) return false;
    memcpy(text, addr, len);
    text[len] = '\0';
    unsigned long number = strtoul(port, &rest, 10);
    if (*rest || number > UINT16_MAX || !la_addr_parse(text, &end->addr)) return false;
    end->port = (uint16_t)number;
    end->zone = 0;
    return true;
}

/* "192.0.2.1:8080", "[::1]:8080", or BSD's "192.0.2.1.8080". */
static bool take_joined(const char *word, struct la_endpoint *end) {
    const char *port = strrchr(word, ':'), *dot = strrchr(word, '.');
    if (!port || (dot && dot > port)) port = dot;
    return port && take_end(word, (size_t)(port - word), port + 1, end);
}

static int usage(const struct shim *shim) {
    drill_text_add(shim->err, "usage: tcpdrop local-address local-port foreign-address foreign-port\n"
                              "       tcpdrop local-address:local-port foreign-address:foreign-port\n"
                              "       tcpdrop [-l] -a | -s state\n");
    return 1;
}

int shim_tcpdrop(const struct shim *shim) {
    const char *const *arg = shim->argv;
    struct la_endpoint local, peer;
    bool only_list = false, all = false;
    const char *state = NULL;
    int n = 1;
    for (; n < shim->argc && arg[n][0] == '-'; n++) {
        if (!strcmp(arg[n], "-l"))
            only_list = true;
        else if (!strcmp(arg[n], "-a"))
            all = true;
        else if (!strcmp(arg[n], "-s") && n + 1 < shim->argc)
            state = arg[++n];
        else
            return usage(shim);
    }
    if (state && !is_state(state)) return usage(shim);
    if (all || state) return n == shim->argc ? drop_all(shim, state, only_list) : usage(shim);
    if (shim->argc - n == 4 && take_end(arg[n], strlen(arg[n]), arg[n + 1], &local) &&
        take_end(arg[n + 2], strlen(arg[n + 2]), arg[n + 3], &peer))
        return drop(shim, &local, &peer);
    if (shim->argc - n == 2 && take_joined(arg[n], &local) && take_joined(arg[n + 1], &peer))
        return drop(shim, &local, &peer);
    return usage(shim);
}
