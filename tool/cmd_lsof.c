/* lastack lsof: the options, layouts and exit status of lsof(8) for TCP sockets.
 *
 * Options are read by hand: -i, -s, -F and -T take an argument that may be missing, in the same word or the next. A row
 * is a descriptor of a process; connections that no process holds have none. Hosts, ports are numbers. */
#define _GNU_SOURCE
#include "cmd.h"
#include "habit.h"
#include "ls_table.h"
#include "lsof_select.h"
#include "source.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define COMMAND_WIDTH 9
#define COMMAND_WHOLE 1000
#define EXIT_NOTHING_FOUND 1 /* Scripts ask for it: lsof -i :80 || start. */

struct options {
    struct source source;
    struct lsof_select select;
    bool terse, numeric_users;
    const char *fields; /* NULL: a table. */
    const char *told;   /* Letters of what is told of a connection: s its state, q its queues. */
    int command_width;
};

static void usage(FILE *to) {
    fputs("usage: lastack lsof [-i [46][TCP][@HOST][:PORT,…]] [-s TCP:STATE,…] [-p PID,…] [-u USER,…] [-c COMMAND]\n"
          "                    [-a] [-t] [-F [FIELDS]] [-T[qs]] [+c WIDTH] [-nPlw] [--netns NAME | --all-netns | "
          "--stack PATH | --from "
          "FILE]\n"
          "\n"
          "Lists TCP sockets in the layout of lsof(8), with its options. Hosts and ports are numbers.\n"
          "\n",
          to);
    source_help(to, true);
    fputs("\nExit status: 0, 1: nothing was found (as of lsof), 2: wrong usage, or it cannot be seen here.\n", to);
}

/* --- Options --- */

static bool wrong(const char *text, const char *what) {
    fprintf(stderr, "lastack lsof: %s%s\n", what, text);
    return false;
}

/* An option's argument: the rest of its word, or the next word. NULL: there is none. */
static const char *argument(const char *rest, bool needed, char ***next) {
    if (*rest) return rest;
    const char *word = **next;
    if (!word || (!needed && (*word == '-' || *word == '+'))) return NULL;
    ++*next;
    return word;
}

/* One that takes an argument. */
static bool take_long(struct options *options, char letter, const char *rest, char ***next) {
    bool needed = strchr("puc", letter) != NULL;
    const char *text =
        letter == 'F' || letter == 's' || letter == 'T' ? (*rest ? rest : NULL) : argument(rest, needed, next);
    if (letter == 's' && !text && **next && !strncmp(**next, "TCP:", 4)) text = *(*next)++;
    if (needed && !text) return wrong(" wants an argument", (const char[]){'-', letter, '\0'});
    switch (letter) {
    case 'i': return lsof_read_inet(&options->select, text ? text : "");
    case 's': return !text || lsof_read_states(&options->select, text);
    case 'p': return lsof_read_pids(&options->select, text);
    case 'u': return lsof_read_users(&options->select, text);
    case 'c': return lsof_read_command(&options->select, text);
    case 'F': options->fields = text ? text : "pcuLRftadoPnT"; return true;
    default: options->told = text ? text : ""; return true;
    }
}

/* +c WIDTH, and what else begins with a plus sign: it would add what is not listed here. */
static bool take_plus(struct options *options, const char *letters, char ***next) {
    if (*letters != 'c') return wrong(letters, "it lists TCP sockets, and has no option +");
    const char *text = argument(letters + 1, true, next);
    char *end = NULL;
    unsigned long width = text ? strtoul(text, &end, 10) : 0;
    if (!text || *text < '0' || *text > '9' || *end) return wrong("", "+c wants the width of COMMAND, 0: all of it");
    options->command_width = width && width < COMMAND_WHOLE ? (int)width : COMMAND_WHOLE;
    return true;
}

/* A word of letters: "-nPi:80". */
static bool take_letters(struct options *options, const char *letters, char ***next) {
    for (; *letters; letters++) {
        if (strchr("ispucFT", *letters)) return take_long(options, *letters, letters + 1, next);
        switch (*letters) {
        case 'a': options->select.all = true; break;
        case 't': options->terse = true; break;
        case 'l': options->numeric_users = true; break;
        case 'n':
        case 'P':
        case 'w':
        case 'b':
        case 'M':
        case 'O':
        case 'C': break; /* Nothing here depends on them. */
        case 'h':
        case '?': usage(stdout); exit(EXIT_AS_SCRIPTED);
        case 'U': return wrong("", "lastack shows TCP; unix sockets are not listed");
        case 'r': return wrong("", "-r lists again and again: lastack watch does it better");
        default: return wrong(letters, "it lists TCP sockets, and has no option -");
        }
    }
    return true;
}

/* --netns NAME and its like, as every verb has them; "--help". */
static bool take_word(struct options *options, const char *word, char ***next) {
    static const struct option known[] = {SOURCE_OPTIONS, {NULL, 0, NULL, 0}};
    if (!strcmp(word, "help")) {
        usage(stdout);
        exit(EXIT_AS_SCRIPTED);
    }
    for (const struct option *option = known; option->name; option++) {
        size_t len = strlen(option->name);
        if (strncmp(word, option->name, len) != 0 || (word[len] && word[len] != '=')) continue;
        const char *text = word[len] ? word + len + 1 : option->has_arg ? argument("", true, next) : "";
        if (!text) return wrong(option->name, "an argument is missing: --");
        return source_option(&options->source, option->val, text);
    }
    return wrong(word, "it has no option --");
}

static bool read_options(char **argv, struct options *options) {
    *options = (struct options){.source = {.verb = "lsof"}, .told = "s", .command_width = COMMAND_WIDTH};
    for (char **next = argv + 1; *next;) {
        const char *word = *next++;
        if (!strncmp(word, "--", 2) && word[2]) {
            if (!take_word(options, word + 2, &next)) return false;
        } else if (*word == '-' && word[1]) {
            if (!take_letters(options, word + 1, &next)) return false;
        } else if (*word != '+') {
            return wrong(word, "it lists TCP sockets, not files: ");
        } else if (!take_plus(options, word + 1, &next)) {
            return false;
        }
    }
    return true;
}

/* The states, so that the source need not look at others, as a filter. */
static bool filter_by_state(struct options *options) {
    static char state_word[] = "state";
    char *words[2 * LA_NSTATES];
    int nwords = 0;
    bool decides = lsof_inet_decides(&options->select) && options->select.states;
    for (int state = 0; state < LA_NSTATES && decides; state++)
        if (options->select.states >> state & 1) {
            static char names[LA_NSTATES][24];
            snprintf(names[state], sizeof names[state], "%s", la_state_name((enum la_state)state));
            words[nwords++] = state_word;
            words[nwords++] = names[state];
        }
    return source_filter(&options->source, nwords, words);
}

/* --- Rows --- */

static int compare_owners(const void *a, const void *b, void *arg) {
    const struct snap *snap = arg;
    const struct snap_owner *x = &snap->owners[*(const uint32_t *)a], *y = &snap->owners[*(const uint32_t *)b];
    int32_t px = snap->procs[x->proc].pid, py = snap->procs[y->proc].pid;
    if (px != py) return px < py ? -1 : 1;
    return (x->fd > y->fd) - (x->fd < y->fd);
}

/* The descriptors wanted, as indexes of owners (malloc), by process and number. */
static uint32_t *select_owners(const struct options *options, struct snap *snap, uint32_t *n) {
    uint32_t *owners = malloc((snap->nowners ? snap->nowners : 1) * sizeof *owners);
    *n = 0;
    for (uint32_t i = 0; owners && i < snap->nowners; i++) {
        const struct snap_owner *owner = &snap->owners[i];
        if (lsof_wants(&options->select, &snap->conns[owner->conn], &snap->procs[owner->proc])) owners[(*n)++] = i;
    }
    if (owners && *n) qsort_r(owners, *n, sizeof *owners, compare_owners, snap);
    return owners;
}

static void endpoint_text(char *text, size_t size, const struct snap_conn *conn, const struct la_endpoint *end) {
    char addr[LA_ADDR_TEXT] = "*", port[8] = "*";
    if (!snap_is_any(&end->addr)) habit_addr(addr, &end->addr);
    if (end->port) snprintf(port, sizeof port, "%u", end->port);
    bool bracketed = habit_is6(conn) && strchr(addr, ':');
    snprintf(text, size, bracketed ? "[%s]:%s" : "%s:%s", addr, port);
}

/* "10.0.0.1:80->10.0.0.2:5000" */
static void name_text(char *text, size_t size, const struct snap_conn *conn) {
    char local[LA_ADDR_TEXT + 16], peer[LA_ADDR_TEXT + 16];
    endpoint_text(local, sizeof local, conn, &conn->local);
    endpoint_text(peer, sizeof peer, conn, &conn->peer);
    snprintf(text, size, conn->peer.port ? "%s->%s" : "%s", local, peer);
}

#define USER_TEXT 40

static void user_text(char text[USER_TEXT], uint32_t uid, bool numeric) {
    if (uid == UINT32_MAX)
        snprintf(text, USER_TEXT, "?");
    else if (numeric)
        snprintf(text, USER_TEXT, "%u", uid);
    else
        snprintf(text, USER_TEXT, "%s", habit_user(uid));
}

/* A program's name is one word, whatever it calls itself: a space is written \x20, and whole or not at all. */
static void command_cell(struct ls_table *table, const char *program, int width) {
    ls_table_cell(table, "", "%s", "");
    while (*program && width > 0) {
        int plain = (int)strcspn(program, " ");
        if (plain > width) plain = width;
        ls_table_more(table, "%.*s", plain, program);
        program += plain;
        width -= plain + 4;
        if (*program == ' ' && width >= 0) ls_table_more(table, "\\x20");
        program += *program == ' ';
    }
}

/* " (CLOSE_WAIT QR=1 QS=0)": what -T asks for. */
static void add_told(struct ls_table *table, const char *told, const struct snap_conn *conn) {
    bool state = strchr(told, 's') != NULL, queues = strchr(told, 'q') != NULL;
    if (!state && !queues) return;
    ls_table_more(table, " (%s%s", state ? habit_state(conn->state) : "", state && queues ? " " : "");
    if (queues) ls_table_more(table, "QR=%u QS=%u", habit_recv_queue(conn), habit_send_queue(conn));
    ls_table_more(table, ")");
}

static bool print_table(const struct options *options, const struct snap *snap, const uint32_t *owners, uint32_t n) {
    static const struct ls_table_column columns[] = {
        {.title = "COMMAND"},
        {.title = "PID", .gap = 1, .right = true},
        {.title = "USER", .gap = 1, .right = true},
        {.title = "  FD  ", .gap = 1},
        {.title = "TYPE", .gap = 1, .right = true},
        {.title = "DEVICE", .gap = 1, .right = true},
        {.title = "SIZE/OFF", .gap = 1, .right = true},
        {.title = "NODE", .gap = 1, .right = true},
        {.title = "NAME", .gap = 1},
    };
    struct ls_table_style style = {.headed = true, .whole = true};
    struct look look = {.colours = false};
    struct ls_table table;
    ls_table_begin(&table, columns, sizeof columns / sizeof columns[0]);
    for (uint32_t i = 0; i < n; i++) {
        const struct snap_owner *owner = &snap->owners[owners[i]];
        const struct snap_conn *conn = &snap->conns[owner->conn];
        const struct snap_proc *proc = &snap->procs[owner->proc];
        char name[2 * LA_ADDR_TEXT + 40], user[USER_TEXT];
        name_text(name, sizeof name, conn);
        user_text(user, proc->uid, options->numeric_users);
        command_cell(&table, proc->program, options->command_width);
        ls_table_cell(&table, "", "%d", (int)proc->pid);
        ls_table_cell(&table, "", "%s", user);
        ls_table_cell(&table, "", "%4du ", (int)owner->fd);
        ls_table_cell(&table, "", "%s", habit_is6(conn) ? "IPv6" : "IPv4");
        ls_table_cell(&table, "", "%" PRIu64, conn->inode);
        ls_table_cell(&table, "", "0t0");
        ls_table_cell(&table, "", "TCP");
        ls_table_cell(&table, "", "%s", name);
        add_told(&table, options->told, conn);
    }
    bool printed = ls_table_print(&table, &look, &style);
    ls_table_free(&table);
    return printed;
}

static void print_pids(const struct snap *snap, const uint32_t *owners, uint32_t n) {
    int32_t last = -1;
    for (uint32_t i = 0; i < n; i++) {
        int32_t pid = snap->procs[snap->owners[owners[i]].proc].pid;
        if (pid != last) printf("%d\n", (int)pid);
        last = pid;
    }
}

/* --- -F: one field a line (or NUL), for programs --- */

struct field_writer {
    const char *wanted;
    bool zero; /* Fields end with NUL, sets of them with a newline. */
};

static void field(const struct field_writer *to, char id, const char *text) {
    if (!strchr(to->wanted, id) && id != 'p') return;
    char *clean = look_clean(text);
    for (char *at = clean; at && *at; at++)
        if (*at == '\n') *at = '?';
    printf("%c%s", id, clean ? clean : "");
    putchar(to->zero ? '\0' : '\n');
    free(clean);
}

__attribute__((format(printf, 3, 4))) static void field_of(const struct field_writer *to, char id, const char *format,
                                                           ...) {
    char text[64];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    field(to, id, text);
}

static void print_proc_fields(const struct field_writer *to, const struct options *options,
                              const struct snap_proc *proc) {
    char user[USER_TEXT];
    user_text(user, proc->uid, options->numeric_users);
    field_of(to, 'p', "%d", (int)proc->pid);
    field_of(to, 'R', "%d", (int)proc->parent);
    field(to, 'c', proc->program);
    field_of(to, 'u', "%u", proc->uid);
    field(to, 'L', user);
    if (to->zero) putchar('\n');
}

static void print_fd_fields(const struct field_writer *to, const struct snap_conn *conn, int32_t fd) {
    char name[2 * LA_ADDR_TEXT + 40];
    name_text(name, sizeof name, conn);
    field_of(to, 'f', "%d", (int)fd);
    field(to, 'a', "u");
    field(to, 't', habit_is6(conn) ? "IPv6" : "IPv4");
    field_of(to, 'd', "%" PRIu64, conn->inode);
    field(to, 'o', "0t0");
    field(to, 'P', "TCP");
    field(to, 'n', name);
    field_of(to, 'T', "ST=%s", habit_state(conn->state));
    field_of(to, 'T', "QR=%u", habit_recv_queue(conn));
    field_of(to, 'T', "QS=%u", habit_send_queue(conn));
    if (to->zero) putchar('\n');
}

static void print_fields(const struct options *options, const struct snap *snap, const uint32_t *owners, uint32_t n) {
    struct field_writer to = {options->fields, strchr(options->fields, '0') != NULL};
    uint32_t last = SNAP_NONE;
    for (uint32_t i = 0; i < n; i++) {
        const struct snap_owner *owner = &snap->owners[owners[i]];
        if (owner->proc != last) print_proc_fields(&to, options, &snap->procs[owner->proc]);
        last = owner->proc;
        print_fd_fields(&to, &snap->conns[owner->conn], owner->fd);
    }
}

static int print(const struct options *options, struct snap *snap) {
    uint32_t n, *owners = select_owners(options, snap, &n);
    bool printed = owners != NULL;
    if (printed && options->terse)
        print_pids(snap, owners, n);
    else if (printed && options->fields)
        print_fields(options, snap, owners, n);
    else if (printed && n)
        printed = print_table(options, snap, owners, n);
    free(owners);
    if (!printed || snap->failed) {
        wrong("", "not enough memory: descriptors are missing");
        return EXIT_UNABLE;
    }
    return n ? EXIT_AS_SCRIPTED : EXIT_NOTHING_FOUND;
}

int cmd_lsof(int argc, char **argv) {
    static struct options options;
    int status = EXIT_UNABLE;
    (void)argc;
    bool read = read_options(argv, &options) && filter_by_state(&options);
    struct snap *snap = read ? source_snap(&options.source, LINUX_OWNERS | LINUX_MEASURED, &status) : NULL;
    if (snap) status = print(&options, snap);
    snap_free(snap);
    source_free(&options.source);
    return status;
}
