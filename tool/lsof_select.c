/* Selections as lsof reads them.
 *
 * In: the arguments of -i, -s, -p, -u and -c. Out: whether a descriptor is wanted. Options of a kind add up, kinds are
 * "or" without -a, and what stands behind ^ is never shown. A host and a port must be of the same end, either one. The
 * lists have fixed room: a command line has few, and too many are refused. */
#define _GNU_SOURCE
#include "lsof_select.h"

#include "habit.h"

#include <netdb.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ALL_STATES ((1u << LA_NSTATES) - 1)

__attribute__((format(printf, 1, 2))) static bool wrong(const char *format, ...) {
    va_list args;
    va_start(args, format);
    fputs("lastack lsof: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    return false;
}

static bool too_many(const char *option) { return wrong("at most %d times %s", LSOF_SPECS, option); }

/* The next part of a list, cut off at a comma. NULL: there is none. `rest` begins as the copy of the list. */
static char *next_part(char **rest) {
    char *part;
    do part = strsep(rest, ",");
    while (part && !*part);
    return part;
}

static bool read_number(const char *text, unsigned long most, uint32_t *number) {
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    *number = (uint32_t)value;
    return *text >= '0' && *text <= '9' && !*end && value <= most;
}

/* --- Addresses and ports --- */

static bool add_host(struct lsof_inet *inet, const char *name) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    if (la_addr_parse(name, &inet->host[inet->nhosts])) {
        inet->nhosts++;
        return true;
    }
    if (getaddrinfo(name, NULL, &hints, &found)) return wrong("no host is called \"%s\"", name);
    for (struct addrinfo *at = found; at && inet->nhosts < LSOF_HOSTS; at = at->ai_next) {
        struct la_addr *addr = &inet->host[inet->nhosts];
        if (at->ai_family == AF_INET) {
            struct sockaddr_in in;
            memcpy(&in, at->ai_addr, sizeof in);
            *addr = la_addr4(0, 0, 0, 0);
            memcpy(addr->bytes + 12, &in.sin_addr, 4);
        } else if (at->ai_family == AF_INET6) {
            struct sockaddr_in6 in6;
            memcpy(&in6, at->ai_addr, sizeof in6);
            memcpy(addr->bytes, &in6.sin6_addr, 16);
        } else {
            continue;
        }
        inet->nhosts++;
    }
    freeaddrinfo(found);
    return true;
}

static bool read_port(const char *text, uint16_t *port) {
    uint32_t number;
    const struct servent *service = getservbyname(text, "tcp");
    if (service) number = ntohs((uint16_t)service->s_port);
    if (!service && !read_number(text, UINT16_MAX, &number)) return wrong("\"%s\" is no port or service", text);
    *port = (uint16_t)number;
    return true;
}

/* "80,443,8000-8099,ssh". A service's name may have a dash in it. */
static bool add_ports(struct lsof_inet *inet, char *list) {
    for (char *part; (part = next_part(&list)) != NULL;) {
        if (inet->nports == LSOF_PORTS) return wrong("at most %d ports in one -i", LSOF_PORTS);
        uint16_t *range = inet->port[inet->nports++];
        char *dash = *part >= '0' && *part <= '9' ? strchr(part, '-') : NULL;
        if (dash) *dash = '\0';
        if (!read_port(part, &range[0]) || !read_port(dash ? dash + 1 : part, &range[1])) return false;
    }
    return inet->nports > 0 || wrong("a port is missing behind the colon of -i");
}

/* The host behind the @, "[::1]" or without colons; `at` moves behind it. */
static bool take_host(struct lsof_inet *inet, char **at) {
    bool bracketed = **at == '[';
    char *name = *at + bracketed, *end = name + strcspn(name, bracketed ? "]" : ":");
    char stop = *end;
    if (bracketed && !stop) return wrong("the bracket of \"%s\" is not closed", *at);
    *end = '\0';
    *at = bracketed ? end + 1 : end;
    if (!add_host(inet, name)) return false;
    if (!bracketed) *end = stop;
    return true;
}

static bool take_inet(struct lsof_inet *inet, char *text) {
    char *at = text;
    if (*at == '4' || *at == '6') inet->family = (uint8_t)(*at++ - '0');
    size_t len = strcspn(at, "@:");
    if (len == 3 && !strncasecmp(at, "udp", 3)) return wrong("lastack shows TCP; UDP is not listed");
    if (len && !(len == 3 && !strncasecmp(at, "tcp", 3)))
        return wrong("-i \"%s\": expected [46][TCP][@HOST][:PORT]", text);
    at += len;
    if (*at == '@') {
        at++;
        if (!take_host(inet, &at)) return false;
    }
    if (*at == ':') return add_ports(inet, at + 1);
    return !*at || wrong("-i: \"%s\" is too much", at);
}

bool lsof_read_inet(struct lsof_select *select, const char *text) {
    if (select->ninet == LSOF_SPECS) return too_many("-i");
    struct lsof_inet *inet = &select->inet[select->ninet++];
    char *copy = strdup(text);
    *inet = (struct lsof_inet){0};
    bool read = copy ? take_inet(inet, copy) : wrong("not enough memory");
    free(copy);
    return read;
}

/* --- States, processes, users, commands --- */

bool lsof_read_states(struct lsof_select *select, const char *text) {
    if (strncasecmp(text, "tcp:", 4) != 0) return wrong("-s wants TCP:STATE,...");
    uint32_t wanted = 0, unwanted = 0;
    for (const char *at = text + 4; *at; at += *at == ',') {
        bool negated = *at == '^';
        at += negated;
        size_t len = strcspn(at, ",");
        int state = habit_find_state(at, len);
        if (state < 0) return wrong("no state is called \"%.*s\"", (int)len, at);
        *(negated ? &unwanted : &wanted) |= 1u << state;
        at += len;
    }
    select->states = (wanted ? wanted : ALL_STATES) & ~unwanted;
    return select->states || wrong("-s leaves no state");
}

static bool add_number(struct lsof_numbers *numbers, uint32_t number, bool unwanted) {
    if (numbers->n == LSOF_SPECS) return wrong("at most %d processes or users", LSOF_SPECS);
    numbers->list[numbers->n].number = number;
    numbers->list[numbers->n++].unwanted = unwanted;
    numbers->given |= !unwanted;
    return true;
}

static bool read_pid(const char *text, uint32_t *pid) {
    return read_number(text, INT32_MAX, pid) || wrong("\"%s\" is no process number", text);
}

static bool read_user(const char *text, uint32_t *uid) {
    const struct passwd *user = getpwnam(text);
    if (user) *uid = user->pw_uid;
    return user || read_number(text, UINT32_MAX - 1, uid) || wrong("no user is called \"%s\"", text);
}

static bool read_numbers(struct lsof_numbers *numbers, const char *text, bool (*one)(const char *, uint32_t *)) {
    char *copy = strdup(text), *rest = copy;
    bool read = copy || wrong("not enough memory");
    for (char *part; read && (part = next_part(&rest)) != NULL;) {
        uint32_t number = 0;
        read = one(part + (*part == '^'), &number) && add_number(numbers, number, *part == '^');
    }
    free(copy);
    return read;
}

bool lsof_read_pids(struct lsof_select *select, const char *text) {
    return read_numbers(&select->pids, text, read_pid);
}

bool lsof_read_users(struct lsof_select *select, const char *text) {
    return read_numbers(&select->users, text, read_user);
}

bool lsof_read_command(struct lsof_select *select, const char *text) {
    struct lsof_commands *commands = &select->commands;
    bool unwanted = *text == '^';
    if (commands->n == LSOF_SPECS) return too_many("-c");
    commands->list[commands->n].prefix = text + unwanted;
    commands->list[commands->n++].unwanted = unwanted;
    commands->given |= !unwanted;
    return true;
}

/* --- Asking --- */

static bool end_matches(const struct lsof_inet *inet, const struct la_endpoint *end) {
    bool host = !inet->nhosts, port = !inet->nports;
    for (unsigned i = 0; i < inet->nhosts && !host; i++) host = la_addr_equal(&inet->host[i], &end->addr);
    for (unsigned i = 0; i < inet->nports && !port; i++)
        port = end->port && end->port >= inet->port[i][0] && end->port <= inet->port[i][1];
    return host && port;
}

static bool inet_matches(const struct lsof_select *select, const struct snap_conn *conn) {
    if (select->states && !(select->states >> conn->state & 1)) return false;
    for (unsigned i = 0; i < select->ninet; i++) {
        const struct lsof_inet *inet = &select->inet[i];
        if (inet->family && (inet->family == 6) != habit_is6(conn)) continue;
        if (end_matches(inet, &conn->local) || end_matches(inet, &conn->peer)) return true;
    }
    return !select->ninet;
}

/* 1: wanted, 0: not spoken of, -1: unwanted. */
static int has_number(const struct lsof_numbers *numbers, uint32_t number) {
    for (unsigned i = 0; i < numbers->n; i++)
        if (numbers->list[i].number == number) return numbers->list[i].unwanted ? -1 : 1;
    return 0;
}

static int has_command(const struct lsof_commands *commands, const char *program) {
    for (unsigned i = 0; i < commands->n; i++)
        if (!strncmp(program, commands->list[i].prefix, strlen(commands->list[i].prefix)))
            return commands->list[i].unwanted ? -1 : 1;
    return 0;
}

static bool others_given(const struct lsof_select *select) {
    return select->pids.given || select->users.given || select->commands.given;
}

static bool inet_given(const struct lsof_select *select) {
    return select->ninet || select->states || !others_given(select);
}

bool lsof_inet_decides(const struct lsof_select *select) {
    return inet_given(select) && (select->all || !others_given(select));
}

bool lsof_wants(const struct lsof_select *select, const struct snap_conn *conn, const struct snap_proc *proc) {
    int pid = has_number(&select->pids, (uint32_t)proc->pid), user = has_number(&select->users, proc->uid);
    int command = has_command(&select->commands, proc->program);
    if (pid < 0 || user < 0 || command < 0) return false;
    bool inet = inet_given(select) && inet_matches(select, conn);
    if (!select->all) return inet || pid > 0 || user > 0 || command > 0;
    return (inet || !inet_given(select)) && (pid > 0 || !select->pids.given) && (user > 0 || !select->users.given) &&
           (command > 0 || !select->commands.given);
}
