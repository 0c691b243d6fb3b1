/* The values of a filter: text to ports, addresses, numbers, times, sizes and states.
 *
 * Texts come with their length and need no NUL. What cannot be read is answered by a sentence on what was expected;
 * nothing is looked up, so that a filter means the same everywhere. */
#include "filter_node.h"

#include <ctype.h>
#include <string.h>

#define PORT_EXPECTED "a port is a number, 0 to 65535 (service names are not looked up)"
#define HOST_EXPECTED                                                                                                  \
    "an address is written 10.0.0.1, 10.0.0.0/8, 10.0.0.1:443, [2001:db8::1]:443 or :443 (host names are not looked "  \
    "up)"

static char lower(char c) { return c == '_' ? '-' : (char)tolower((unsigned char)c); }

bool filter_same_word(const char *text, size_t len, const char *word) {
    for (size_t i = 0; i < len; i++)
        if (word[i] == '\0' || lower(text[i]) != lower(word[i])) return false;
    return word[len] == '\0';
}

/* --- Numbers --- */

static bool digits(const char *text, size_t len, unsigned base, uint64_t *number) {
    static const char all[] = "0123456789abcdef";
    *number = 0;
    for (size_t i = 0; i < len; i++) {
        const char *digit = text[i] ? memchr(all, tolower((unsigned char)text[i]), base) : NULL;
        if (!digit || *number > (UINT64_MAX - (uint64_t)(digit - all)) / base) return false;
        *number = *number * base + (uint64_t)(digit - all);
    }
    return len > 0;
}

const char *filter_value_number(const char *text, size_t len, uint64_t *number) {
    return digits(text, len, 10, number) ? NULL : "a number is expected";
}

const char *filter_value_cookie(const char *text, size_t len, uint64_t *cookie) {
    if (len > 3 && memcmp(text, "sk:", 3) == 0) {
        text += 3;
        len -= 3;
    }
    if (len > 2 && text[0] == '0' && lower(text[1]) == 'x') {
        text += 2;
        len -= 2;
    }
    return digits(text, len, 16, cookie) ? NULL : "a cookie is a hexadecimal number, as \"lastack ls\" and ss print it";
}

const char *filter_value_port(const char *text, size_t len, uint64_t *port) {
    if (len > 1 && text[0] == '*' && text[1] == ':') {
        text++;
        len--;
    }
    if (len > 0 && text[0] == ':') {
        text++;
        len--;
    }
    return digits(text, len, 10, port) && *port <= UINT16_MAX ? NULL : PORT_EXPECTED;
}

struct unit {
    const char *name;
    double factor;
};

/* "1.5" of "1.5h": the number; *len is then what is left of the text. False: there is none. */
static bool decimal(const char **text, size_t *len, double *number) {
    size_t ndigits = 0;
    double place = 1;
    bool fraction = false;
    for (*number = 0; *len > 0; ++*text, --*len) {
        char c = **text;
        if (c == '.' && !fraction) {
            fraction = true;
        } else if (isdigit((unsigned char)c)) {
            if (fraction) place /= 10;
            *number = fraction ? *number + (c - '0') * place : *number * 10 + (c - '0');
            ndigits++;
        } else {
            break;
        }
    }
    return ndigits > 0 && ndigits < 40;
}

/* A sum such as "1h30m" in units from a table, whose first one is meant where none is named. */
static bool quantity(const char *text, size_t len, const struct unit *units, uint64_t *out) {
    double sum = 0, number;
    if (len == 0) return false;
    while (len > 0) {
        if (!decimal(&text, &len, &number)) return false;
        size_t letters = 0;
        while (letters < len && isalpha((unsigned char)text[letters])) letters++;
        const struct unit *unit = units;
        while (unit->name && !filter_same_word(text, letters, unit->name)) unit++;
        if (!unit->name) return false;
        sum += number * unit->factor;
        text += letters;
        len -= letters;
    }
    if (sum >= 9e18) return false;
    *out = (uint64_t)sum;
    return true;
}

const char *filter_value_time(const char *text, size_t len, uint64_t *time) {
    static const struct unit units[] = {
        {"", 1e9},   {"s", 1e9},    {"sec", 1e9},  {"ms", 1e6},    {"us", 1e3}, {"ns", 1},
        {"m", 60e9}, {"min", 60e9}, {"h", 3600e9}, {"d", 86400e9}, {NULL, 0},
    };
    return quantity(text, len, units, time) ? NULL : "a time is written 60s, 500ms, 5min, 2h or 1d";
}

const char *filter_value_bytes(const char *text, size_t len, uint64_t *bytes) {
    static const struct unit units[] = {
        {"", 1},
        {"b", 1},
        {"k", 1024},
        {"kb", 1024},
        {"kib", 1024},
        {"m", 1048576},
        {"mb", 1048576},
        {"mib", 1048576},
        {"g", 1073741824.},
        {"gb", 1073741824.},
        {"gib", 1073741824.},
        {NULL, 0},
    };
    return quantity(text, len, units, bytes) ? NULL : "a size is written 100, 64KB or 1.5MB";
}

/* --- Addresses --- */

/* "10" and "192.168" with a prefix length mean 10.0.0.0 and 192.168.0.0, as they do to ss. */
static bool short_ip4(const char *text, struct la_addr *addr) {
    char full[LA_ADDR_TEXT];
    size_t len = strlen(text), dots = 0;
    if (len == 0 || len > 11 || strspn(text, "0123456789.") != len) return false;
    for (size_t i = 0; i < len; i++) dots += text[i] == '.';
    memcpy(full, text, len + 1);
    for (; dots < 3; dots++, len += 2) memcpy(full + len, ".0", 3);
    return la_addr_parse(full, addr);
}

/* "10.0.0.0/8", "*", "": into the address, bits and family. */
static bool prefix(char *text, struct filter_host *host) {
    uint64_t bits = UINT64_MAX;
    char *slash = strchr(text, '/');
    if (slash) {
        *slash = '\0';
        if (!digits(slash + 1, strlen(slash + 1), 10, &bits)) return false;
    }
    if (text[0] == '\0' || strcmp(text, "*") == 0) return !slash;
    if (!la_addr_parse(text, &host->addr) && !(slash && short_ip4(text, &host->addr))) return false;
    bool dotted = !strchr(text, ':');
    if (bits == UINT64_MAX) bits = dotted ? 32 : 128;
    if (bits > (dotted ? 32 : 128)) return false;
    bits += dotted ? 96 : 0;
    uint8_t family = la_addr_is4(&host->addr) && bits >= 96 ? 4 : 6;
    if (host->family && host->family != family) return false;
    host->family = family;
    host->bits = (uint8_t)bits;
    return true;
}

/* Parts "[ADDR]/BITS:PORT", "[ADDR/BITS]:PORT", "ADDR/BITS:PORT" or a bare IPv6 address. *port: NULL where there is
 * none. */
static bool split_port(char *text, char *addr, size_t size, char **port) {
    char *rest = text;
    *port = NULL;
    if (text[0] == '[') {
        char *end = strchr(text, ']');
        if (!end) return false;
        *end = '\0';
        rest = end + 1;
        if (*rest && *rest != ':' && *rest != '/') return false;
        text++;
    } else if (strchr(text, ':') != strrchr(text, ':')) {
        rest = text + strlen(text);
    }
    char *colon = strchr(rest, ':');
    if (colon) {
        *colon = '\0';
        *port = colon + 1;
    }
    if (strlen(text) + (rest > text ? strlen(rest) : 0) >= size) return false;
    memcpy(addr, text, strlen(text) + 1);
    if (rest > text) memcpy(addr + strlen(addr), rest, strlen(rest) + 1);
    return true;
}

const char *filter_value_host(const char *text, size_t len, struct filter_host *host) {
    char copy[96], addr[96], *port;
    *host = (struct filter_host){.port = -1};
    for (unsigned family = 4; family <= 6; family += 2) {
        const char *name = family == 4 ? "inet:" : "inet6:";
        if (len < strlen(name) || memcmp(text, name, strlen(name)) != 0) continue;
        host->family = (uint8_t)family;
        text += strlen(name);
        len -= strlen(name);
        if (len == 0) return NULL;
    }
    if (len == 0 || len >= sizeof copy || memchr(text, '\0', len)) return HOST_EXPECTED;
    memcpy(copy, text, len);
    copy[len] = '\0';
    if (!split_port(copy, addr, sizeof addr, &port) || !prefix(addr, host)) return HOST_EXPECTED;
    if (!port || !*port || strcmp(port, "*") == 0) return NULL;
    uint64_t number;
    if (!digits(port, strlen(port), 10, &number) || number > UINT16_MAX) return PORT_EXPECTED;
    host->port = (int32_t)number;
    return NULL;
}

/* --- States --- */

static const struct {
    const char *name; /* Without the hyphens. */
    uint32_t states;
} state_names[] = {
    {"established", 1u << LA_ESTABLISHED},
    {"estab", 1u << LA_ESTABLISHED},
    {"synsent", 1u << LA_SYN_SENT},
    {"synrecv", 1u << LA_SYN_RCVD},
    {"synrcvd", 1u << LA_SYN_RCVD},
    {"synreceived", 1u << LA_SYN_RCVD},
    {"finwait1", 1u << LA_FIN_WAIT_1},
    {"finwait2", 1u << LA_FIN_WAIT_2},
    {"timewait", 1u << LA_TIME_WAIT},
    {"closed", 1u << LA_CLOSED},
    {"close", 1u << LA_CLOSED},
    {"unconn", 1u << LA_CLOSED},
    {"unconnected", 1u << LA_CLOSED},
    {"closewait", 1u << LA_CLOSE_WAIT},
    {"lastack", 1u << LA_LAST_ACK},
    {"listening", 1u << LA_LISTEN},
    {"listen", 1u << LA_LISTEN},
    {"closing", 1u << LA_CLOSING},
    {"all", FILTER_ALL_STATES},
    {"connected", FILTER_ALL_STATES & ~(1u << LA_CLOSED | 1u << LA_LISTEN)},
    {"synchronized", FILTER_ALL_STATES & ~(1u << LA_CLOSED | 1u << LA_LISTEN | 1u << LA_SYN_SENT)},
    {"bucket", 1u << LA_SYN_RCVD | 1u << LA_TIME_WAIT},
    {"big", FILTER_ALL_STATES & ~(1u << LA_SYN_RCVD | 1u << LA_TIME_WAIT)},
};

uint32_t filter_value_states(const char *name, size_t len) {
    char plain[16];
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        if (name[i] == '-' || name[i] == '_') continue;
        if (n == sizeof plain - 1) return 0;
        plain[n++] = name[i];
    }
    for (size_t i = 0; i < sizeof state_names / sizeof state_names[0]; i++)
        if (filter_same_word(plain, n, state_names[i].name)) return state_names[i].states;
    return 0;
}

int filter_state(const char *name) {
    uint32_t states = filter_value_states(name, strlen(name));
    if (states == 0 || (states & (states - 1)) != 0) return -1;
    int state = 0;
    while (states >>= 1) state++;
    return state;
}

const char *filter_ss_name(enum la_state state) {
    static const char *const names[LA_NSTATES] = {
        [LA_CLOSED] = "UNCONN",         [LA_LISTEN] = "LISTEN",         [LA_SYN_SENT] = "SYN-SENT",
        [LA_SYN_RCVD] = "SYN-RECV",     [LA_ESTABLISHED] = "ESTAB",     [LA_FIN_WAIT_1] = "FIN-WAIT-1",
        [LA_FIN_WAIT_2] = "FIN-WAIT-2", [LA_CLOSE_WAIT] = "CLOSE-WAIT", [LA_CLOSING] = "CLOSING",
        [LA_LAST_ACK] = "LAST-ACK",     [LA_TIME_WAIT] = "TIME-WAIT",
    };
    return (unsigned)state < LA_NSTATES ? names[state] : "UNKNOWN";
}
