/* lastack netstat: the options and the layout of netstat(8)'s list of connections, TCP alone.
 *
 * Its columns are of fixed width, and an address is cut so that its port fits. What
 * /proc/net/tcp cannot tell (a listener's backlog) is not told here either. */
#define _GNU_SOURCE
#include "cmd.h"
#include "habit.h"
#include "look.h"
#include "ss_options.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ADDRESS_WIDTH 23
#define PROGRAM_WIDTH 19

struct options {
    struct ss_options ss; /* What is the same: -a, -l, -4, -6, -t and the other kinds. */
    bool programs, timers, extended, wide;
};

static void usage(FILE *to) {
    fputs("usage: lastack netstat [-tanpleoW46] [FILTER]\n"
          "\n"
          "Lists TCP connections in the layout of netstat(8), with its options; a filter may follow. Addresses, ports "
          "and\n"
          "users are numbers. Listeners are shown with -a and -l.\n"
          "\n",
          to);
    source_help(to, true);
    fputs("\nExit status: 0, or 2: wrong usage, or it cannot be seen here.\n", to);
}

/* --- Options --- */

enum { OPT_NOTHING = SOURCE_OPTION_END, OPT_OTHER, OPT_NOT_HERE, OPT_HELP };

static const struct option known[] = {SOURCE_OPTIONS,
                                      {"tcp", no_argument, NULL, 't'},
                                      {"all", no_argument, NULL, 'a'},
                                      {"listening", no_argument, NULL, 'l'},
                                      {"programs", no_argument, NULL, 'p'},
                                      {"timers", no_argument, NULL, 'o'},
                                      {"extend", no_argument, NULL, 'e'},
                                      {"wide", no_argument, NULL, 'W'},
                                      {"inet", no_argument, NULL, '4'},
                                      {"inet6", no_argument, NULL, '6'},
                                      {"protocol", required_argument, NULL, 'A'},
                                      {"numeric", no_argument, NULL, OPT_NOTHING},
                                      {"numeric-hosts", no_argument, NULL, OPT_NOTHING},
                                      {"numeric-ports", no_argument, NULL, OPT_NOTHING},
                                      {"numeric-users", no_argument, NULL, OPT_NOTHING},
                                      {"verbose", no_argument, NULL, OPT_NOTHING},
                                      {"udp", no_argument, NULL, OPT_OTHER},
                                      {"unix", no_argument, NULL, OPT_OTHER},
                                      {"raw", no_argument, NULL, OPT_OTHER},
                                      {"continuous", no_argument, NULL, 'c'},
                                      {"route", no_argument, NULL, OPT_NOT_HERE},
                                      {"interfaces", no_argument, NULL, OPT_NOT_HERE},
                                      {"groups", no_argument, NULL, OPT_NOT_HERE},
                                      {"statistics", no_argument, NULL, OPT_NOT_HERE},
                                      {"masquerade", no_argument, NULL, OPT_NOT_HERE},
                                      {"help", no_argument, NULL, OPT_HELP},
                                      {NULL, 0, NULL, 0}};

static bool take_family(struct options *options, const char *name) {
    options->ss.ipv4 |= strstr(name, "inet") != NULL && strcmp(name, "inet6") != 0;
    options->ss.ipv6 |= strstr(name, "inet6") != NULL;
    options->ss.other |= !strstr(name, "inet");
    return true;
}

static bool refuse(const char *what) {
    fprintf(stderr, "lastack netstat: %s\n", what);
    return false;
}

/* One option. False: wrong, and said so. */
static bool take(struct options *options, int c) {
    switch (c) {
    case 't': options->ss.tcp = true; return true;
    case 'a': options->ss.all = true; return true;
    case 'l': options->ss.listening = true; return true;
    case 'p': options->programs = true; return true;
    case 'o': options->timers = true; return true;
    case 'e': options->extended = true; return true;
    case 'W': options->wide = true; return true;
    case '4': options->ss.ipv4 = true; return true;
    case '6': options->ss.ipv6 = true; return true;
    case 'A': return take_family(options, optarg);
    case 'n':
    case 'N':
    case 'v':
    case OPT_NOTHING: return true;
    case 'u':
    case 'w':
    case 'x':
    case 'U':
    case 'S':
    case OPT_OTHER: options->ss.other = true; return true;
    case 'c': return refuse("-c lists again and again: lastack watch does it better");
    case 'h':
    case OPT_HELP: usage(stdout); exit(EXIT_AS_SCRIPTED);
    case '?': return refuse("--help says what there is");
    default:
        return refuse("lastack lists TCP connections; for routes, interfaces, groups and statistics, netstat itself");
    }
}

static bool read_options(int argc, char **argv, struct source *source, struct options *options) {
    *source = (struct source){.verb = "netstat"};
    *options = (struct options){.ss = {.verb = "netstat"}};
    int c;
    while ((c = getopt_long(argc, argv, "tanpleoW46NvuwxUScrigshMA:", known, NULL)) >= 0)
        if (!source_option(source, c, optarg) && !take(options, c)) return false;
    return ss_settle(&options->ss) && ss_filter(source, &options->ss, false, argc - optind, argv + optind);
}

/* --- Cells --- */

/* An address is cut so that its port fits. */
static void print_address(const struct snap_conn *conn, const struct la_endpoint *end, bool wide) {
    char addr[LA_ADDR_TEXT], port[8] = "*", text[LA_ADDR_TEXT + 16];
    habit_addr(addr, &end->addr);
    if (snap_is_any(&end->addr)) snprintf(addr, sizeof addr, "%s", habit_is6(conn) ? "::" : "0.0.0.0");
    if (end->port) snprintf(port, sizeof port, "%u", end->port);
    int room = ADDRESS_WIDTH - 1 - (int)strlen(port);
    snprintf(text, sizeof text, "%.*s:%s", wide ? LA_ADDR_TEXT : room, addr, port);
    printf(" %-*s", ADDRESS_WIDTH, text);
}

/* "17/nginx: master": as the process calls itself, without folders. */
static void print_program(const struct snap *snap, const struct snap_conn *conn) {
    char text[PROGRAM_WIDTH + 1] = "-";
    if (conn->nowners) {
        const struct snap_proc *proc = &snap->procs[snap->owners[conn->first_owner].proc];
        const char *name = proc->command && *proc->command ? proc->command : proc->program;
        size_t word = strcspn(name, " ");
        const char *slash = memrchr(name, '/', word);
        bool title = word && name[word - 1] == ':'; /* Set by the program: "nginx: master process ...". */
        size_t len = title ? strlen(name) : word, skip = slash ? (size_t)(slash + 1 - name) : 0;
        len = len - skip < PROGRAM_WIDTH ? len - skip : PROGRAM_WIDTH;
        int room = snprintf(text, sizeof text, "%d/", (int)proc->pid);
        snprintf(text + room, sizeof text - (size_t)room, "%.*s", (int)len, name + skip);
    }
    char *clean = look_clean(text);
    for (char *at = clean; at && *at; at++)
        if (*at == '\n' || *at == '\t') *at = '?';
    printf(" %-20s", clean ? clean : "-");
    free(clean);
}

static void print_timer(const struct snap_conn *conn) {
    static const char *const names[] = {"off", "on", "keepalive", "timewait", "probe"};
    unsigned timer = habit_timer(conn);
    la_time left = timer && conn->timer_left != LA_NEVER ? conn->timer_left : 0;
    printf(" %s (%2.2f/%u/%u)", names[timer], (double)(left / LA_MS) / 1000, timer == 1 ? conn->tries : 0,
           timer == 2 || timer == 4 ? conn->tries : 0);
}

static void print_row(const struct options *options, const struct snap *snap, const struct snap_conn *conn) {
    printf("%-5s %6u %6u", habit_is6(conn) ? "tcp6" : "tcp", habit_recv_queue(conn), habit_send_queue(conn));
    print_address(conn, &conn->local, options->wide);
    print_address(conn, &conn->peer, options->wide);
    printf(" %-11s", habit_state(conn->state));
    if (options->extended) printf(" %-10u %-10" PRIu64, conn->uid == UINT32_MAX ? 0 : conn->uid, conn->inode);
    if (options->programs) print_program(snap, conn);
    if (options->timers) print_timer(conn);
    putchar('\n');
}

static void list(const struct options *options, const struct snap *snap, const uint32_t *conns, uint32_t n) {
    printf("Active Internet connections (%s)\n", options->ss.all         ? "servers and established"
                                                 : options->ss.listening ? "only servers"
                                                                         : "w/o servers");
    fputs("Proto Recv-Q Send-Q Local Address           Foreign Address         State      ", stdout);
    if (options->extended) fputs(" User       Inode     ", stdout);
    if (options->programs) fputs(" PID/Program name    ", stdout);
    if (options->timers) fputs(" Timer", stdout);
    putchar('\n');
    for (uint32_t i = 0; i < n; i++) print_row(options, snap, &snap->conns[conns[i]]);
}

int cmd_netstat(int argc, char **argv) {
    struct source source;
    struct options options;
    int status = EXIT_UNABLE;
    struct snap *snap = NULL;
    if (read_options(argc, argv, &source, &options)) {
        unsigned parts = filter_parts(source.filter) | LINUX_MEASURED;
        if (options.programs) parts |= LINUX_OWNERS;
        snap = source_snap(&source, parts, &status);
    }
    if (snap) {
        uint32_t n, *conns = ss_select(snap, &source, &options.ss, &n);
        if (conns) list(&options, snap, conns, n);
        status = !conns || snap->failed ? EXIT_UNABLE : EXIT_AS_SCRIPTED;
        free(conns);
        if (status) refuse("not enough memory: connections are missing");
    }
    snap_free(snap);
    source_free(&source);
    return status;
}
