/* Theory of operation
 *
 * Linux's lists of sockets: ss and netstat (which FreeBSD has, too: `netstat -p tcp` is its way to ask).
 *
 * In: the command's words. They become one query: families, states, ports and addresses, and which columns to show.
 * Out: a line for each socket of the stack (shim_sockets.c) that the query wants, in the words and the order of the
 * original, because scripts search them with grep. `ss -K` ends the connections that it lists.
 *
 * A filter, an option or a family that the stack has nothing for is told by shim_cannot: the script is then not
 * applicable. Nothing is kept between two calls. */
#include "shim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALL_STATES ((1u << LA_NSTATES) - 1)
#define BIT(state) (1u << (state))
/* What ss lists when nothing is said: connections that a program has. */
#define CONNECTED (ALL_STATES & ~(BIT(LA_LISTEN) | BIT(LA_CLOSED) | BIT(LA_TIME_WAIT) | BIT(LA_SYN_RCVD)))

struct query {
    bool ip4, ip6, all, listening, no_head, timers, info, extended, processes, kill, none;
    unsigned states; /* Asked for by name: bits of la_state; 0: not asked. */
    bool has_local_port, has_peer_port, has_local, has_peer;
    uint16_t local_port, peer_port;
    struct la_addr local, peer;
};

static bool is_wanted(const struct query *q, const struct la_conn_info *info) {
    unsigned states = q->states      ? q->states
                      : q->all       ? ALL_STATES & ~BIT(LA_CLOSED)
                      : q->listening ? BIT(LA_LISTEN)
                                     : CONNECTED;
    if (q->none || !(shim_is6(info) ? q->ip6 : q->ip4) || !(states & BIT(info->state))) return false;
    if (q->has_local_port && info->local.port != q->local_port) return false;
    if (q->has_peer_port && info->peer.port != q->peer_port) return false;
    if (q->has_local && !la_addr_equal(&info->local.addr, &q->local)) return false;
    return !q->has_peer || la_addr_equal(&info->peer.addr, &q->peer);
}

/* --- Filters of ss --- */

static bool take_port(const char *text, uint16_t *port) {
    char *end;
    if (*text == ':') text++;
    unsigned long n = strtoul(text, &end, 10);
    *port = (uint16_t)n;
    return end != text && !*end && n <= UINT16_MAX;
}

/* "192.0.2.1", "192.0.2.1:80", "[::1]:80", "*:80". */
static bool take_host(const char *text, struct la_addr *addr, bool *has_addr, uint16_t *port, bool *has_port) {
    char host[LA_ADDR_TEXT];
    const char *colon = strrchr(text, ':');
    bool bare6 = colon && *text != '[' && memchr(text, ':', (size_t)(colon - text)) != NULL;
    size_t len = colon && !bare6 ? (size_t)(colon - text) : strlen(text);
    if (colon && !bare6) {
        *has_port = strcmp(colon, ":*") != 0;
        if (*has_port && !take_port(colon, port)) return false;
    }
    if (len >= 2 && *text == '[' && text[len - 1] == ']') text++, len -= 2;
    if (len >= sizeof host) return false;
    memcpy(host, text, len);
    host[len] = '\0';
    *has_addr = len && strcmp(host, "*") != 0;
    return !*has_addr || la_addr_parse(host, addr);
}

static unsigned states_of(const char *name) {
    static const struct {
        const char *name;
        unsigned states;
    } groups[] = {
        {"all", ALL_STATES},
        {"connected", ALL_STATES & ~(BIT(LA_LISTEN) | BIT(LA_CLOSED))},
        {"synchronized", ALL_STATES & ~(BIT(LA_LISTEN) | BIT(LA_CLOSED) | BIT(LA_SYN_SENT))},
        {"bucket", BIT(LA_SYN_RCVD) | BIT(LA_TIME_WAIT)},
        {"big", ALL_STATES & ~(BIT(LA_SYN_RCVD) | BIT(LA_TIME_WAIT))},
        {"established", BIT(LA_ESTABLISHED)},
        {"listening", BIT(LA_LISTEN)},
        {"closed", BIT(LA_CLOSED)},
    };
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++)
        if (!strcmp(groups[i].name, name)) return groups[i].states;
    for (unsigned s = 0; s < LA_NSTATES; s++) { /* "time-wait", "TIME-WAIT". */
        const char *a = shim_state((enum la_state)s, STYLE_SS), *b = name;
        while (*a && (*b == *a || *b == (*a >= 'A' && *a <= 'Z' ? *a + 32 : *a))) a++, b++;
        if (!*a && !*b) return BIT(s);
    }
    return 0;
}

/* The words behind the options. False: an expression that is not known here. */
static bool take_filter(const struct shim *shim, int n, struct query *q) {
    for (; n < shim->argc; n++) {
        const char *word = shim->argv[n], *value = n + 1 < shim->argc ? shim->argv[n + 1] : NULL;
        if (!strcmp(word, "(") || !strcmp(word, ")") || !strcmp(word, "and") || !strcmp(word, "&&")) continue;
        if (!value) return false;
        bool equals = !strcmp(value, "=") || !strcmp(value, "==") || !strcmp(value, "eq");
        if (equals && (value = n + 2 < shim->argc ? shim->argv[n + 2] : NULL) == NULL) return false;
        n += equals ? 2 : 1;
        if (!strcmp(word, "state") || !strcmp(word, "exclude")) {
            unsigned states = states_of(value);
            if (equals || !states) return false;
            q->states = *word == 's' ? q->states | states : (q->states ? q->states : ALL_STATES) & ~states;
        } else if (!strcmp(word, "sport")) {
            if (!(q->has_local_port = take_port(value, &q->local_port))) return false;
        } else if (!strcmp(word, "dport")) {
            if (!(q->has_peer_port = take_port(value, &q->peer_port))) return false;
        } else if (!strcmp(word, "src")) {
            if (!take_host(value, &q->local, &q->has_local, &q->local_port, &q->has_local_port)) return false;
        } else if (!strcmp(word, "dst")) {
            if (!take_host(value, &q->peer, &q->has_peer, &q->peer_port, &q->has_peer_port)) return false;
        } else {
            return false;
        }
    }
    return true;
}

/* --- One socket --- */

static void print_time(struct drill_text *out, la_time left) {
    la_time ms = left / LA_MS;
    if (ms >= 60000)
        drill_text_add(out, "%umin", (unsigned)(ms / 60000));
    else if (ms >= 10000)
        drill_text_add(out, "%usec", (unsigned)(ms / 1000));
    else if (ms >= 1000)
        drill_text_add(out, "%u.%03usec", (unsigned)(ms / 1000), (unsigned)(ms % 1000));
    else
        drill_text_add(out, "%ums", (unsigned)ms);
}

static void print_timer(const struct shim *shim, const struct la_conn_info *info) {
    static const struct {
        enum la_timer timer;
        const char *name;
    } timers[] = {{LA_TIMER_RETRANSMIT, "on"},
                  {LA_TIMER_PERSIST, "persist"},
                  {LA_TIMER_KEEPALIVE, "keepalive"},
                  {LA_TIMER_TIME_WAIT, "timewait"},
                  {LA_TIMER_FIN_WAIT_2, "timewait"}};
    for (size_t i = 0; i < sizeof timers / sizeof timers[0]; i++) {
        la_time at = info->timer_at[timers[i].timer];
        if (at == LA_NEVER) continue;
        drill_text_add(shim->out, " timer:(%s,", timers[i].name);
        print_time(shim->out, at > shim->t->now ? at - shim->t->now : 0);
        drill_text_add(shim->out, ",%u)", info->backoff);
        return;
    }
}

static void print_info(struct drill_text *out, const struct la_conn_info *info) {
    if (info->compact || info->state == LA_LISTEN || info->state == LA_CLOSED || !info->mss) return;
    drill_text_add(out, " rto:%u rtt:%.3f/%.3f mss:%u cwnd:%u", (unsigned)(info->rto / LA_MS), (double)info->srtt / 1e6,
                   (double)info->rttvar / 1e6, info->mss, info->cwnd / info->mss);
    if (info->ssthresh < INT32_MAX) drill_text_add(out, " ssthresh:%u", info->ssthresh / info->mss);
    if (info->backoff) drill_text_add(out, " backoff:%u", info->backoff);
    drill_text_add(out, " bytes_acked:%llu bytes_received:%llu segs_out:%u segs_in:%u",
                   (unsigned long long)info->bytes_out, (unsigned long long)info->bytes_in, info->segs_out,
                   info->segs_in);
    if (info->retransmits) drill_text_add(out, " retrans:%u/%u", info->backoff, info->retransmits);
    if (info->unsent) drill_text_add(out, " notsent:%u", info->unsent);
}

static void ss_line(const struct shim *shim, const struct query *q, const struct shim_socket *s) {
    char local[64], peer[64];
    const struct la_conn_info *info = &s->info;
    shim_endpoint(&info->local, STYLE_SS, local);
    shim_endpoint(&info->peer, STYLE_SS, peer);
    drill_text_add(shim->out, "%-10s %-6u %-6u %21s %21s", shim_state(info->state, STYLE_SS), shim_recv_queue(info),
                   info->send_queue, local, peer);
    if (q->processes && s->fd >= 0) drill_text_add(shim->out, " users:((\"packetdrill\",pid=1000,fd=%d))", s->fd);
    if (q->timers || q->extended) print_timer(shim, info);
    if (q->extended && s->fd >= 0) drill_text_add(shim->out, " ino:%d", 1000 + s->fd);
    drill_text_add(shim->out, "\n");
    if (q->info) {
        drill_text_add(shim->out, "\t");
        print_info(shim->out, info);
        drill_text_add(shim->out, "\n");
    }
}

/* --- ss --- */

static bool take_ss_options(const char *word, struct query *q, bool *tcp, bool *other) {
    for (const char *c = word + 1; *c; c++) switch (*c) {
        case 't': *tcp = true; break;
        case 'u':
        case 'w':
        case 'x': *other = true; break;
        case 'a': q->all = true; break;
        case 'l': q->listening = true; break;
        case '4': q->ip4 = true; break;
        case '6': q->ip6 = true; break;
        case 'H': q->no_head = true; break;
        case 'o': q->timers = true; break;
        case 'i': q->info = true; break;
        case 'e': q->extended = true; break;
        case 'p': q->processes = true; break;
        case 'K': q->kill = true; break;
        case 'n':
        case 'r':
        case 'm':
        case 'O': break;
        default: return false;
        }
    return true;
}

int shim_ss(const struct shim *shim) {
    struct query q = {0};
    struct shim_sockets sockets;
    bool tcp = false, other = false;
    int n = 1;
    for (; n < shim->argc && shim->argv[n][0] == '-'; n++)
        if (!take_ss_options(shim->argv[n], &q, &tcp, &other)) return shim_cannot(shim, "the option %s", shim->argv[n]);
    if (!take_filter(shim, n, &q)) return shim_cannot(shim, "this filter");
    if (!q.ip4 && !q.ip6) q.ip4 = q.ip6 = true;
    q.none = other && !tcp;
    if (shim_sockets(shim->t, &sockets) < 0) return 1;
    if (!q.no_head)
        drill_text_add(shim->out, "%-10s %-6s %-6s %21s %21s%s\n", "State", "Recv-Q", "Send-Q", "Local Address:Port",
                       "Peer Address:Port", q.processes ? " Process" : "");
    for (size_t i = 0; i < sockets.count; i++) {
        const struct la_conn_info *info = &sockets.at[i].info;
        if (!is_wanted(&q, info)) continue;
        if (q.kill && la_conn_abort(shim->t->stack, &info->local, &info->peer, shim->t->now) < 0) continue;
        ss_line(shim, &q, &sockets.at[i]);
    }
    shim_sockets_free(shim->t, &sockets);
    return 0;
}

/* --- netstat --- */

/* One word of options; *n moves on where the next word is its value. */
static bool take_netstat_options(const struct shim *shim, int *n, struct query *q, bool *tcp, bool *other, bool *bsd) {
    const char *next = *n + 1 < shim->argc ? shim->argv[*n + 1] : NULL;
    for (const char *c = shim->argv[*n] + 1; *c; c++) switch (*c) {
        case 'a': q->all = true; break;
        case 'l': q->listening = true; break;
        case '4': q->ip4 = true; break;
        case '6': q->ip6 = true; break;
        case 'o': q->timers = true; break;
        case 'e': q->extended = true; break;
        case 't': *tcp = true; break;
        case 'u': *other = true; break;
        case 'n':
        case 'W': break;
        case 'p': /* FreeBSD: a protocol follows. */
            q->processes = !next || *next == '-';
            if (q->processes) break;
            *bsd = true;
            *(strcmp(next, "tcp") ? other : tcp) = true;
            ++*n;
            return !c[1];
        case 'f':
            if (!next || strncmp(next, "inet", 4) != 0) return false;
            *bsd = true;
            *(next[4] ? &q->ip6 : &q->ip4) = true;
            ++*n;
            return !c[1];
        default: return false;
        }
    return true;
}

int shim_netstat(const struct shim *shim) {
    struct query q = {0};
    struct shim_sockets sockets;
    bool tcp = false, other = false, bsd = false;
    for (int n = 1; n < shim->argc; n++)
        if (shim->argv[n][0] != '-' || !take_netstat_options(shim, &n, &q, &tcp, &other, &bsd))
            return shim_cannot(shim, "the option %s", shim->argv[n]);
    if (!q.ip4 && !q.ip6) q.ip4 = q.ip6 = true;
    if (!q.all && !q.listening) q.states = ALL_STATES & ~(BIT(LA_LISTEN) | BIT(LA_CLOSED));
    if (q.all && bsd) q.states = ALL_STATES;
    q.none = other && !tcp;
    if (shim_sockets(shim->t, &sockets) < 0) return 1;
    drill_text_add(shim->out, "Active Internet connections\n%-5s %-6s %-6s %-23s %-23s %s\n", "Proto", "Recv-Q",
                   "Send-Q", "Local Address", "Foreign Address", bsd ? "(state)" : "State");
    for (size_t i = 0; i < sockets.count; i++) {
        const struct la_conn_info *info = &sockets.at[i].info;
        char local[64], peer[64];
        if (!is_wanted(&q, info)) continue;
        enum shim_style style = bsd ? STYLE_BSD : STYLE_NETSTAT;
        shim_endpoint(&info->local, style, local);
        shim_endpoint(&info->peer, style, peer);
        const char *proto = shim_is6(info) ? "tcp6" : bsd ? "tcp4" : "tcp";
        drill_text_add(shim->out, "%-5s %6u %6u %-23s %-23s %-11s", proto, shim_recv_queue(info),
                       info->state == LA_LISTEN ? 0 : info->send_queue, local, peer, shim_state(info->state, style));
        if (q.processes) drill_text_add(shim->out, sockets.at[i].fd >= 0 ? " 1000/packetdrill" : " -");
        if (q.timers) print_timer(shim, info);
        drill_text_add(shim->out, "\n");
    }
    shim_sockets_free(shim->t, &sockets);
    return 0;
}
