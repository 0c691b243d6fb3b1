/* Options: --name=value of a script or a command line into struct la_drill_options.
 *
 * One table names every option that either original knows, with the function that reads its value; names that mean
 * nothing to a runner without a kernel (wire servers, Python's path) are there too, so that scripts stay unchanged. A
 * script's own options are read into a struct of their own, the command line's are merged over it, and what neither
 * said gets its default. Defaults of addresses depend on the IP version, which is why they come last. */
#include "options.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

static bool is_set(const struct la_drill_options *options, enum la_drill_option option) {
    return options->set & (1u << option);
}

/* --- Values --- */

static bool read_number(const char *text, int64_t min, int64_t max, int64_t *number) {
    int64_t n = 0;
    if (*text == '\0') return false;
    for (; *text >= '0' && *text <= '9'; text++) {
        if (n > (INT64_MAX - 9) / 10) return false;
        n = n * 10 + (*text - '0');
    }
    *number = n;
    return *text == '\0' && n >= min && n <= max;
}

/* "12.5": a decimal number without sign, in millionths. Digits behind them are left out. */
static bool read_millionths(const char *text, int64_t max, int64_t *millionths) {
    char whole[24];
    size_t len = strcspn(text, ".");
    int64_t n = 0, unit = 100000, fraction = 0;
    if (len >= sizeof whole || (len == 0 && text[len] == '\0')) return false;
    memcpy(whole, text, len);
    whole[len] = '\0';
    if (len > 0 && !read_number(whole, 0, max / 1000000, &n)) return false;
    const char *p = text + len;
    if (*p == '.' && p[1] == '\0') return false;
    for (p += *p == '.'; *p >= '0' && *p <= '9'; p++, unit /= 10) fraction += (*p - '0') * unit;
    *millionths = n * 1000000 + fraction;
    return *p == '\0' && *millionths <= max;
}

/* An address of either family; a "/24" behind it is left out. */
static bool read_addr(const char *text, struct la_addr *addr) {
    char copy[LA_ADDR_TEXT];
    size_t len = strcspn(text, "/");
    if (len >= sizeof copy) return false;
    memcpy(copy, text, len);
    copy[len] = '\0';
    return la_addr_parse(copy, addr);
}

/* The number of leading ones of an IPv4 netmask. */
static bool read_netmask(const char *text, unsigned *prefix_len) {
    struct la_addr addr;
    if (!la_addr_parse(text, &addr) || !la_addr_is4(&addr)) return false;
    uint32_t mask = 0;
    for (unsigned i = 12; i < 16; i++) mask = mask << 8 | addr.bytes[i];
    unsigned len = 0;
    while (len < 32 && (mask & (0x80000000u >> len))) len++;
    *prefix_len = len;
    return len == 32 || (mask << len) == 0;
}

/* --- One function per option: false when the value is wrong --- */

static bool set_ip_version(struct la_drill_options *o, const char *value) {
    if (strcmp(value, "ipv4") == 0)
        o->ip_version = LA_DRILL_IPV4;
    else if (strcmp(value, "ipv6") == 0)
        o->ip_version = LA_DRILL_IPV6;
    else if (strcmp(value, "ipv4-mapped-ipv6") == 0)
        o->ip_version = LA_DRILL_IPV4_MAPPED_IPV6;
    else if (strcmp(value, "ipv4_mapped_ipv6") == 0)
        o->ip_version = LA_DRILL_IPV4_MAPPED_IPV6;
    else
        return false;
    return true;
}

static bool set_tolerance_us(struct la_drill_options *o, const char *value) {
    int64_t n;
    if (!read_number(value, 1, UINT32_MAX, &n)) return false;
    o->tolerance_us = (uint32_t)n;
    return true;
}

static bool set_tolerance_percent(struct la_drill_options *o, const char *value) {
    int64_t n;
    if (!read_millionths(value, 100 * 1000000, &n)) return false;
    o->tolerance_percent = (double)n / 1e6;
    return true;
}

static bool set_mtu(struct la_drill_options *o, const char *value) {
    int64_t n;
    if (!read_number(value, 68, 65535, &n)) return false;
    o->mtu = (uint32_t)n;
    return true;
}

static bool set_mss(struct la_drill_options *o, const char *value) {
    int64_t n;
    if (!read_number(value, 1, 65535, &n)) return false;
    o->mss = (uint32_t)n;
    return true;
}

static bool set_ts_tick(struct la_drill_options *o, const char *value) {
    int64_t n;
    if (!read_number(value, 0, 1000000, &n)) return false;
    o->tcp_ts_tick_us = (uint32_t)n;
    return true;
}

static bool set_ts_ecr_scaled(struct la_drill_options *o, const char *value) {
    (void)value;
    o->tcp_ts_ecr_scaled = true;
    return true;
}

static bool set_strict_segments(struct la_drill_options *o, const char *value) {
    (void)value;
    o->strict_segments = true;
    return true;
}

static bool set_non_fatal(struct la_drill_options *o, const char *value) {
    while (*value != '\0') {
        size_t len = strcspn(value, ", ");
        if (len == 6 && memcmp(value, "packet", len) == 0)
            o->non_fatal_packet = true;
        else if (len == 7 && memcmp(value, "syscall", len) == 0)
            o->non_fatal_syscall = true;
        else if (len > 0)
            return false;
        value += len;
        value += strspn(value, ", ");
    }
    return true;
}

static bool set_local(struct la_drill_options *o, const char *value) { return read_addr(value, &o->local); }
static bool set_remote(struct la_drill_options *o, const char *value) { return read_addr(value, &o->remote); }
static bool set_gateway(struct la_drill_options *o, const char *value) { return read_addr(value, &o->gateway); }
static bool set_netmask(struct la_drill_options *o, const char *value) { return read_netmask(value, &o->prefix_len); }

static bool set_port(uint16_t *port, const char *value) {
    int64_t n;
    if (!read_number(value, 1, 65535, &n)) return false;
    *port = (uint16_t)n;
    return true;
}

static bool set_bind_port(struct la_drill_options *o, const char *value) { return set_port(&o->bind_port, value); }
static bool set_connect_port(struct la_drill_options *o, const char *value) {
    return set_port(&o->connect_port, value);
}

static bool set_udp_encaps(struct la_drill_options *o, const char *value) {
    o->udp_encaps = true;
    return strcmp(value, "tcp") == 0 || strcmp(value, "sctp") == 0;
}

/* Enters a define in the place of one of that name, or as a new one. */
static bool put_define(struct la_drill_options *o, const char *name, size_t name_len, const char *value) {
    struct la_drill_define *define = NULL;
    size_t value_len = strlen(value);
    if (name_len == 0 || name_len >= sizeof define->name || value_len >= sizeof define->value) return false;
    for (unsigned i = 0; i < o->ndefines && !define; i++) {
        const char *known = o->define[i].name;
        if (strlen(known) == name_len && memcmp(known, name, name_len) == 0) define = &o->define[i];
    }
    if (!define && o->ndefines == LA_DRILL_DEFINES) return false;
    if (!define) define = &o->define[o->ndefines++];
    memcpy(define->name, name, name_len);
    define->name[name_len] = '\0';
    memcpy(define->value, value, value_len + 1);
    return true;
}

/* NAME=value; NAME alone is defined for #ifdef and stands for itself. */
static bool set_define(struct la_drill_options *o, const char *value) {
    size_t len = strcspn(value, "=");
    for (size_t i = 0; i < len; i++) {
        bool letter = (value[i] >= 'a' && value[i] <= 'z') || (value[i] >= 'A' && value[i] <= 'Z') || value[i] == '_';
        if (!letter && (i == 0 || value[i] < '0' || value[i] > '9')) return false;
    }
    return put_define(o, value, len, value[len] == '=' ? value + len + 1 : "");
}

/* --- The table --- */

enum takes { NO_VALUE, A_VALUE };

#define NO_BIT 32

static const struct option {
    const char *name;
    enum takes takes;
    unsigned bit;                                                     /* enum la_drill_option, or NO_BIT */
    bool (*set)(struct la_drill_options *options, const char *value); /* NULL: it means nothing here. */
    const char *wants;
} table[] = {
    {"ip_version", A_VALUE, LA_DRILL_OPT_IP_VERSION, set_ip_version, "ipv4, ipv6 or ipv4-mapped-ipv6"},
    {"tolerance_usecs", A_VALUE, LA_DRILL_OPT_TOLERANCE_US, set_tolerance_us, "microseconds, at least 1"},
    {"tolerance_percent", A_VALUE, LA_DRILL_OPT_TOLERANCE_PERCENT, set_tolerance_percent, "a number from 0 to 100"},
    {"mtu", A_VALUE, LA_DRILL_OPT_MTU, set_mtu, "bytes from 68 to 65535"},
    {"mss", A_VALUE, LA_DRILL_OPT_MSS, set_mss, "bytes from 1 to 65535"},
    {"tcp_ts_tick_usecs", A_VALUE, LA_DRILL_OPT_TS_TICK, set_ts_tick, "microseconds from 0 to 1000000"},
    {"tcp_ts_ecr_scaled", NO_VALUE, LA_DRILL_OPT_TS_ECR_SCALED, set_ts_ecr_scaled, NULL},
    {"non_fatal", A_VALUE, LA_DRILL_OPT_NON_FATAL, set_non_fatal, "packet, syscall or both with a comma"},
    {"strict_segments", NO_VALUE, LA_DRILL_OPT_STRICT_SEGMENTS, set_strict_segments, NULL},
    {"local_ip", A_VALUE, LA_DRILL_OPT_LOCAL, set_local, "an IP address"},
    {"remote_ip", A_VALUE, LA_DRILL_OPT_REMOTE, set_remote, "an IP address"},
    {"gateway_ip", A_VALUE, LA_DRILL_OPT_GATEWAY, set_gateway, "an IP address"},
    {"netmask_ip", A_VALUE, LA_DRILL_OPT_PREFIX_LEN, set_netmask, "an IPv4 netmask"},
    {"bind_port", A_VALUE, LA_DRILL_OPT_BIND_PORT, set_bind_port, "a port from 1 to 65535"},
    {"connect_port", A_VALUE, LA_DRILL_OPT_CONNECT_PORT, set_connect_port, "a port from 1 to 65535"},
    {"udp_encapsulation", A_VALUE, LA_DRILL_OPT_UDP_ENCAPS, set_udp_encaps, "tcp or sctp"},
    {"define", A_VALUE, NO_BIT, set_define, "NAME=value of less than 48 and 208 characters, 32 at most"},
    {"code_command", A_VALUE, NO_BIT, NULL, NULL},
    {"code_format", A_VALUE, NO_BIT, NULL, NULL},
    {"code_sockopt", A_VALUE, NO_BIT, NULL, NULL},
    {"local_linklocal_ip", A_VALUE, NO_BIT, NULL, NULL},
    {"gateway_linklocal_ip", A_VALUE, NO_BIT, NULL, NULL},
    {"speed", A_VALUE, NO_BIT, NULL, NULL},
    {"init_scripts", A_VALUE, NO_BIT, NULL, NULL},
    {"wire_client", NO_VALUE, NO_BIT, NULL, NULL},
    {"wire_server", NO_VALUE, NO_BIT, NULL, NULL},
    {"wire_server_ip", A_VALUE, NO_BIT, NULL, NULL},
    {"wire_server_at", A_VALUE, NO_BIT, NULL, NULL},
    {"wire_server_port", A_VALUE, NO_BIT, NULL, NULL},
    {"wire_client_dev", A_VALUE, NO_BIT, NULL, NULL},
    {"wire_server_dev", A_VALUE, NO_BIT, NULL, NULL},
    {"tun_dev", A_VALUE, NO_BIT, NULL, NULL},
    {"persistent_tun_dev", NO_VALUE, NO_BIT, NULL, NULL},
    {"so_filename", A_VALUE, NO_BIT, NULL, NULL},
    {"so_flags", A_VALUE, NO_BIT, NULL, NULL},
    {"tcp_md5_secret", A_VALUE, NO_BIT, NULL, NULL},
    {"psp_udp_port", A_VALUE, NO_BIT, NULL, NULL},
    {"is_anyip", NO_VALUE, NO_BIT, NULL, NULL},
    {"send_omit_free", NO_VALUE, NO_BIT, NULL, NULL},
    {"dry_run", NO_VALUE, NO_BIT, NULL, NULL},
    {"no_cleanup", NO_VALUE, NO_BIT, NULL, NULL},
    {"debug", NO_VALUE, NO_BIT, NULL, NULL},
    {"verbose", NO_VALUE, NO_BIT, NULL, NULL},
};

static const struct option *option_find(const char *name, size_t len) {
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (strlen(table[i].name) == len && memcmp(table[i].name, name, len) == 0) return &table[i];
    }
    return NULL;
}

/* Long enough for every value that a field can hold. */
#define VALUE_MAX 512

/* `value` without quotes around all of it. False: it is too long. */
static bool unquote(const char *value, char *copy) {
    size_t len = strlen(value);
    bool quoted = len >= 2 && value[0] == '"' && value[len - 1] == '"';
    if (quoted) value++, len -= 2;
    if (len >= VALUE_MAX) return false;
    memcpy(copy, value, len);
    copy[len] = '\0';
    return true;
}

static bool apply(struct la_drill_options *options, const struct option *option, const char *value,
                  struct drill_text *error) {
    char copy[VALUE_MAX];
    if (!unquote(value, copy)) {
        drill_text_add(error, "the value of --%s is too long", option->name);
        return false;
    }
    if (option->set && !option->set(options, copy)) {
        drill_text_add(error, "--%s wants %s, not \"%s\"", option->name, option->wants, copy);
        return false;
    }
    if (option->bit != NO_BIT) options->set |= 1u << option->bit;
    return true;
}

bool la_drill_option_parse(struct la_drill_options *options, const char *text, char *error, size_t size) {
    char nowhere[1];
    struct drill_text why = size > 0 ? drill_text_in(error, size) : drill_text_in(nowhere, sizeof nowhere);
    if (strcmp(text, "-v") == 0) return true;
    if (strncmp(text, "-D", 2) == 0) {
        text += 2;
        return apply(options, option_find("define", 6), text + strspn(text, " \t"), &why);
    }
    if (strncmp(text, "--", 2) != 0) {
        drill_text_add(&why, "an option begins with --, not \"%s\"", text);
        return false;
    }
    size_t len = strcspn(text + 2, "=");
    const struct option *option = option_find(text + 2, len);
    bool has_value = text[2 + len] == '=';
    if (!option) {
        drill_text_add(&why, "unknown option --%.*s", len < 64 ? (int)len : 64, text + 2);
    } else if (has_value != (option->takes == A_VALUE)) {
        drill_text_add(&why, has_value ? "--%s has no value" : "--%s wants a value", option->name);
    } else {
        return apply(options, option, has_value ? text + 2 + len + 1 : "", &why);
    }
    return false;
}

/* --- Merging --- */

bool drill_options_merge(struct la_drill_options *options, const struct la_drill_options *above) {
    struct la_drill_options *o = options;
    o->set |= above->set;
    if (is_set(above, LA_DRILL_OPT_IP_VERSION)) o->ip_version = above->ip_version;
    if (is_set(above, LA_DRILL_OPT_TOLERANCE_US)) o->tolerance_us = above->tolerance_us;
    if (is_set(above, LA_DRILL_OPT_TOLERANCE_PERCENT)) o->tolerance_percent = above->tolerance_percent;
    if (is_set(above, LA_DRILL_OPT_MTU)) o->mtu = above->mtu;
    if (is_set(above, LA_DRILL_OPT_MSS)) o->mss = above->mss;
    if (is_set(above, LA_DRILL_OPT_TS_TICK)) o->tcp_ts_tick_us = above->tcp_ts_tick_us;
    if (is_set(above, LA_DRILL_OPT_TS_ECR_SCALED)) o->tcp_ts_ecr_scaled = above->tcp_ts_ecr_scaled;
    if (is_set(above, LA_DRILL_OPT_NON_FATAL)) {
        o->non_fatal_packet = above->non_fatal_packet;
        o->non_fatal_syscall = above->non_fatal_syscall;
    }
    if (is_set(above, LA_DRILL_OPT_STRICT_SEGMENTS)) o->strict_segments = above->strict_segments;
    if (is_set(above, LA_DRILL_OPT_LOCAL)) o->local = above->local;
    if (is_set(above, LA_DRILL_OPT_REMOTE)) o->remote = above->remote;
    if (is_set(above, LA_DRILL_OPT_GATEWAY)) o->gateway = above->gateway;
    if (is_set(above, LA_DRILL_OPT_BIND_PORT)) o->bind_port = above->bind_port;
    if (is_set(above, LA_DRILL_OPT_CONNECT_PORT)) o->connect_port = above->connect_port;
    if (is_set(above, LA_DRILL_OPT_PREFIX_LEN)) o->prefix_len = above->prefix_len;
    if (is_set(above, LA_DRILL_OPT_UDP_ENCAPS)) o->udp_encaps = above->udp_encaps;
    for (unsigned i = 0; i < above->ndefines && i < LA_DRILL_DEFINES; i++) {
        const struct la_drill_define *define = &above->define[i];
        if (!put_define(o, define->name, strlen(define->name), define->value)) return false;
    }
    return true;
}

/* The address that was set, or the default of the version. False: what was set is of the other version. */
static bool complete_addr(struct la_drill_options *o, enum la_drill_option option, struct la_addr *addr,
                          const char *default4, const char *default6) {
    bool v6 = o->ip_version == LA_DRILL_IPV6;
    if (!is_set(o, option)) return la_addr_parse(v6 ? default6 : default4, addr);
    return la_addr_is4(addr) != v6;
}

bool drill_options_complete(struct la_drill_options *o, char *error, size_t size) {
    bool v6 = o->ip_version == LA_DRILL_IPV6;
    if (!is_set(o, LA_DRILL_OPT_TOLERANCE_US)) o->tolerance_us = 4000;
    if (!is_set(o, LA_DRILL_OPT_TOLERANCE_PERCENT)) o->tolerance_percent = 12.5;
    if (!is_set(o, LA_DRILL_OPT_MTU)) o->mtu = 1500;
    if (!is_set(o, LA_DRILL_OPT_BIND_PORT)) o->bind_port = 8080;
    if (!is_set(o, LA_DRILL_OPT_CONNECT_PORT)) o->connect_port = 8080;
    if (!is_set(o, LA_DRILL_OPT_PREFIX_LEN) || v6) o->prefix_len = v6 ? 48 : 16;
    const char *wrong = NULL;
    if (!complete_addr(o, LA_DRILL_OPT_LOCAL, &o->local, "192.168.0.1", "fd3d:fa7b:d17d::1")) wrong = "--local_ip";
    if (!complete_addr(o, LA_DRILL_OPT_REMOTE, &o->remote, "192.0.2.1", "2001:db8::1")) wrong = "--remote_ip";
    if (!complete_addr(o, LA_DRILL_OPT_GATEWAY, &o->gateway, "192.168.0.2", "fd3d:fa7b:d17d::2")) {
        wrong = "--gateway_ip";
    }
    if (wrong) snprintf(error, size, "%s is not an %s address", wrong, v6 ? "IPv6" : "IPv4");
    return !wrong;
}
