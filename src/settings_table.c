/* The rows of the settings, and their names.
 *
 *  - settings_rows.def, settings_path.def: one row per field. Own name, unit, bounds, the value in each profile, a
 *    sentence.
 *  - settings_aliases.def: other names for the same fields, each with the unit that people of that name use.
 *  - settings_refusals.def: names that are known and not accepted, each with the reason.
 *
 * Names are found through a hash table of their positions that the caller owns (struct settings_index), made once and
 * then only read: open addressing, never more than half full. What may be left out of a name is left out before it is
 * hashed; a name may stand there twice, for two fields (net.inet.tcp.rfc1323).
 *
 * Invariants, checked by the test: every field has exactly one row; every profile value is within its row's bounds and
 * fits its field; the bounds of ordered fields (`settings_pairs`) nest, so that one may always push the other. */
#include "settings_table.h"

/* clang-format off */
#define KIND_OF(type, field)                                                                                           \
    _Generic(((type *)0)->field,                                                                                       \
        bool: KIND_BOOL, uint8_t: KIND_U8, uint16_t: KIND_U16, uint32_t: KIND_U32, la_time: KIND_TIME,                 \
        struct tcp_option_layout: KIND_LAYOUT)
/* clang-format on */

#define AT_TCP(field) ((uint16_t)offsetof(struct tcp_params, field))
#define AT_IP(field) ((uint16_t)(SETTINGS_PLACE_IP | offsetof(struct ip_settings, field)))

const struct tcp_option_layout settings_layouts[SETTINGS_LAYOUTS] = {
    {{TCPOPT_MSS, TCPOPT_SACK_OK, TCPOPT_TS, TCPOPT_ACCECN0, TCPOPT_WSCALE, TCPOPT_SACK, TCPOPT_FASTOPEN}, false},
    {{TCPOPT_MSS, TCPOPT_WSCALE, TCPOPT_SACK_OK, TCPOPT_TS, TCPOPT_ACCECN0, TCPOPT_SACK, TCPOPT_FASTOPEN}, true},
};

#define MAX_BUFFER (1 << 30) /* What a window can express (RFC 7323, 2.3). */
#define MAX_HOUR_S 3600
#define MAX_HOUR_MS 3600000
#define MAX_WEEK_S 604800

#define TCP(field, unit, name, min, max, linux_, freebsd_, rfc_, help)                                                 \
    {AT_TCP(field), KIND_OF(struct tcp_params, field), unit, name, min, max, {linux_, freebsd_, rfc_}, help},
#define IP(field, unit, name, min, max, linux_, freebsd_, rfc_, help)                                                  \
    {AT_IP(field), KIND_OF(struct ip_settings, field), unit, name, min, max, {linux_, freebsd_, rfc_}, help},

static const struct settings_row rows[] = {
#include "settings_path.def"
#include "settings_rows.def"
};

static const struct settings_alias aliases[] = {
#include "settings_aliases.def"
};

#define NROWS ((unsigned)COUNT_OF(rows))
#define NNAMES (NROWS + (unsigned)COUNT_OF(aliases))

_Static_assert(2 * NNAMES <= SETTINGS_SLOTS, "the index of names is at most half full");

const struct settings_row *settings_row(unsigned i) { return i < NROWS ? &rows[i] : NULL; }

const struct settings_row *settings_row_of(uint16_t place) {
    const struct settings_row *row = rows;
    while (row->place != place) row++;
    return row;
}

bool settings_alias(unsigned i, struct settings_alias *alias) {
    if (i >= NNAMES) return false;
    *alias = i < NROWS ? (struct settings_alias){rows[i].name, rows[i].place, rows[i].unit} : aliases[i - NROWS];
    return true;
}

const struct settings_pair settings_pairs[SETTINGS_PAIRS] = {
    {AT_TCP(port_first), AT_TCP(port_last)}, {AT_TCP(rto_min), AT_TCP(rto_max)},
    {AT_TCP(rto_initial), AT_TCP(rto_max)},  {AT_TCP(rcvbuf_min), AT_TCP(rcvbuf)},
    {AT_TCP(rcvbuf), AT_TCP(rcvbuf_max)},    {AT_TCP(sndbuf_min), AT_TCP(sndbuf)},
    {AT_TCP(sndbuf), AT_TCP(sndbuf_max)},    {AT_TCP(mem_low), AT_TCP(mem_pressure)},
    {AT_TCP(mem_pressure), AT_TCP(mem_max)},
};

static const struct {
    const char *name, *why;
} refusals[] = {
#include "settings_refusals.def"
};

/* Refused, and yet it can be read: the words of a unit. */
static const char read_only[] = "net.ipv4.tcp_available_congestion_control";

/* --- Names --- */

static char name_char(char c) { return c == '/' ? '.' : c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c; }

bool settings_same_name(const char *a, const char *b) {
    while (*a && name_char(*a) == name_char(*b)) a++, b++;
    return name_char(*a) == name_char(*b);
}

/* What is left of `name` after `prefix`, or NULL. */
static const char *after_prefix(const char *name, const char *prefix) {
    while (*prefix && name_char(*name) == *prefix) name++, prefix++;
    return *prefix ? NULL : name;
}

/* What is left of `name` without what may be left out. */
static const char *short_name(const char *name) {
    static const char *const optional[] = {"net.ipv4.", "net.ipv6.", "net.core."};
    for (size_t i = 0; i < COUNT_OF(optional); i++) {
        const char *rest = after_prefix(name, optional[i]);
        if (rest) return rest;
    }
    return name;
}

/* Whether a person who says `said` means `name`. */
static bool means(const char *said, const char *name) {
    return settings_same_name(said, name) || settings_same_name(said, short_name(name));
}

/* FNV-1a. The names are ours: nobody can choose them so that they collide. */
static unsigned slot_of(const char *name) {
    uint32_t hash = 2166136261u;
    for (name = short_name(name); *name; name++) hash = (hash ^ (uint8_t)name_char(*name)) * 16777619u;
    return (hash ^ hash >> 16) % SETTINGS_SLOTS;
}

void settings_index_init(struct settings_index *index) {
    struct settings_alias alias;
    memset(index, 0, sizeof *index);
    for (unsigned i = 0; settings_alias(i, &alias); i++) {
        unsigned slot = slot_of(alias.name);
        while (index->name[slot]) slot = (slot + 1) % SETTINGS_SLOTS;
        index->name[slot] = (uint16_t)(i + 1);
    }
}

bool settings_find(const struct settings_index *index, const char *said, unsigned *at, struct settings_alias *alias) {
    if (!said) return false;
    unsigned first = slot_of(said);
    for (uint16_t i; (i = index->name[(first + *at) % SETTINGS_SLOTS]) != 0;) {
        ++*at;
        if (settings_alias(i - 1u, alias) && means(said, alias->name)) return true;
    }
    return false;
}

bool settings_refused(const char *said, struct settings_refused *refused) {
    for (size_t i = 0; said && i < COUNT_OF(refusals); i++) {
        if (!means(said, refusals[i].name)) continue;
        *refused = (struct settings_refused){refusals[i].why, NULL};
        if (settings_same_name(refusals[i].name, read_only)) refused->lists = settings_unit(UNIT_LINUX_CC);
        return true;
    }
    return false;
}

const char *settings_refusal(const char *name) {
    struct settings_refused refused;
    return settings_refused(name, &refused) ? refused.why : NULL;
}

const char *settings_refused_at(unsigned i) { return i < COUNT_OF(refusals) ? refusals[i].name : NULL; }
