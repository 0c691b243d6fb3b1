/* What the settings are made of: rows, names and units as data. Only the files settings*.c use this. */
#ifndef SETTINGS_TABLE_H
#define SETTINGS_TABLE_H

#include "settings.h"

#include "base/mem.h"

/* --- Units: settings_units.c --- */

enum settings_unit_id {
    UNIT_COUNT,
    UNIT_BYTES,
    UNIT_BYTES_CAPPED,
    UNIT_PERCENT,
    UNIT_S,
    UNIT_MS,
    UNIT_US,
    UNIT_S_OF_2MSL,
    UNIT_MS_OF_2MSL,
    UNIT_BOOL,
    UNIT_NOT,
    UNIT_1323_WSCALE,
    UNIT_1323_TS,
    UNIT_MASK_WSCALE,
    UNIT_MASK_TS,
    UNIT_COOKIES,
    UNIT_COOKIES_ONLY,
    UNIT_ACK_PAIRS,
    UNIT_WSCALE,
    UNIT_EARLY_RETRANS,
    UNIT_FRTO,
    UNIT_LINUX_CC, /* Words. */
    UNIT_BSD_CC,
    UNIT_BIT_0, /* A switch on one bit of a sum; so are those that follow. */
    UNIT_BIT_1,
};

#define SETTINGS_MAP_VALUES 5
#define SETTINGS_MAP_HELD 3
#define SETTINGS_WORDS 3

struct settings_unit {
    const char *text;
    int64_t factor; /* To what the field holds; 0: the map decides. */
    uint8_t values; /* 0 … values - 1 may be set. */
    bool least;     /* Of several values that say the same the least is read, not the greatest. */
    /* map[n][c]: what the field holds after n was set while it held c (or more than SETTINGS_MAP_HELD - 1). */
    uint8_t map[SETTINGS_MAP_VALUES][SETTINGS_MAP_HELD];
    int64_t also;                      /* Accepted beyond the row's bounds, where not 0. */
    const char *words[SETTINGS_WORDS]; /* The words for 0, 1, …; none: it is a number. */
};

const struct settings_unit *settings_unit(unsigned unit);
/* What a field that held `held` holds once `value` is set in that unit, which has no factor; value < unit->values. */
int64_t settings_unit_mapped(const struct settings_unit *unit, int64_t value, int64_t held);
/* Whether setting `value` would change nothing, as far as the unit can tell. */
bool settings_unit_holds(const struct settings_unit *unit, int64_t value, int64_t held);

/* --- Rows and names: settings_table.c --- */

enum settings_kind { KIND_BOOL, KIND_U8, KIND_U16, KIND_U32, KIND_TIME, KIND_LAYOUT };

enum settings_profile { PROFILE_LINUX, PROFILE_FREEBSD, PROFILE_RFC, NPROFILES };

struct settings_row {
    uint16_t place; /* Of the field: its offset, and which of the two structs it is in. */
    uint8_t kind, unit;
    const char *name;
    int64_t min, max, value[NPROFILES];
    const char *help;
};

#define SETTINGS_PLACE_IP 0x8000u

/* The i-th row, NULL past the end; and the row of a field. */
const struct settings_row *settings_row(unsigned i);
const struct settings_row *settings_row_of(uint16_t place);

/* The option layouts that a setting names by number. */
#define SETTINGS_LAYOUTS 2
extern const struct tcp_option_layout settings_layouts[SETTINGS_LAYOUTS];

/* Own names and aliases as one list: the name, its field, the unit that people of that name use. */
struct settings_alias {
    const char *name;
    uint16_t place;
    uint8_t unit;
};

/* The i-th; false past the end. */
bool settings_alias(unsigned i, struct settings_alias *alias);
/* The first name at or behind *at, in an order of the index's own, that a person means who says `said`. False: there
 * is no other. *at begins at 0. */
bool settings_find(const struct settings_index *index, const char *said, unsigned *at, struct settings_alias *alias);
/* Equal, without regard to case and with '/' for '.'. */
bool settings_same_name(const char *a, const char *b);

/* A name that is known and not accepted. */
struct settings_refused {
    const char *why;
    const struct settings_unit *lists; /* It can be read: the words of this unit. Or NULL. */
};

/* False: `said` is no such name. */
bool settings_refused(const char *said, struct settings_refused *refused);

/* In each pair the first may not be greater than the second. Chains are listed from the bottom up. */
struct settings_pair {
    uint16_t low, high;
};

#define SETTINGS_PAIRS 9
extern const struct settings_pair settings_pairs[SETTINGS_PAIRS];

#endif
