/* Units of settings as data. Either a unit is a factor to what the field holds (times are ns: a Windows
 * TcpTimedWaitDelay of 1 s is half a second of MSL), or a small map: which value the field gets when n is set while it
 * holds c. The second form says everything about booleans, inverted booleans, Windows' bit masks and FreeBSD's two
 * switches for SYN cookies. */
#include "settings_table.h"

/* clang-format off */
static const struct settings_unit units[] = {
    [UNIT_COUNT] = {"count", 1, 0, false, {{0}}, 0, {NULL}},
    [UNIT_BYTES] = {"bytes", 1, 0, false, {{0}}, 0, {NULL}},
    [UNIT_BYTES_CAPPED] = {"bytes", 1, 0, false, {{0}}, 0, {NULL}}, /* More than the most is the most. */
    [UNIT_PERCENT] = {"%", 1, 0, false, {{0}}, 0, {NULL}},
    [UNIT_S] = {"s", 1000000000, 0, false, {{0}}, 0, {NULL}},
    [UNIT_MS] = {"ms", 1000000, 0, false, {{0}}, 0, {NULL}},
    [UNIT_US] = {"us", 1000, 0, false, {{0}}, 0, {NULL}},
    [UNIT_S_OF_2MSL] = {"s", 500000000, 0, false, {{0}}, 0, {NULL}},
    [UNIT_MS_OF_2MSL] = {"ms", 500000, 0, false, {{0}}, 0, {NULL}},
    [UNIT_BOOL] = {"bool", 0, 2, false, {{0, 0, 0}, {1, 1, 1}}, 0, {NULL}},
    [UNIT_NOT] = {"bool", 0, 2, false, {{1, 1, 1}, {0, 0, 0}}, 0, {NULL}},
    /* 0: neither, 1: both, 2: window scaling, 3: timestamps. */
    [UNIT_1323_WSCALE] = {"count", 0, 4, false, {{0, 0, 0}, {1, 1, 1}, {1, 1, 1}, {0, 0, 0}}, 0, {NULL}},
    [UNIT_1323_TS] = {"count", 0, 4, false, {{0, 0, 0}, {1, 1, 1}, {0, 0, 0}, {1, 1, 1}}, 0, {NULL}},
    /* Bit 0: window scaling, bit 1: timestamps. */
    [UNIT_MASK_WSCALE] = {"mask", 0, 4, false, {{0, 0, 0}, {1, 1, 1}, {0, 0, 0}, {1, 1, 1}}, 0, {NULL}},
    [UNIT_MASK_TS] = {"mask", 0, 4, false, {{0, 0, 0}, {0, 0, 0}, {1, 1, 1}, {1, 1, 1}}, 0, {NULL}},
    /* Two switches on one field of three values: the second one outweighs the first. */
    [UNIT_COOKIES] = {"bool", 0, 2, false, {{0, 0, 2}, {1, 1, 2}}, 0, {NULL}},
    [UNIT_COOKIES_ONLY] = {"bool", 0, 2, false, {{0, 1, 1}, {2, 2, 2}}, 0, {NULL}},
    /* Whether ACKs are delayed at all: one for each segment, or one for two. */
    [UNIT_ACK_PAIRS] = {"bool", 0, 2, false, {{1, 1, 1}, {2, 2, 2}}, 0, {NULL}},
    [UNIT_WSCALE] = {"count", 1, 0, false, {{0}}, 255, {NULL}},
    /* Linux: 3 and 4 switch tail loss probes on, what the others switched has gone. */
    [UNIT_EARLY_RETRANS] = {"count", 0, 5, true, {{0}, {0}, {0}, {1, 1, 1}, {1, 1, 1}}, 0, {NULL}},
    [UNIT_FRTO] = {"count", 0, 3, false, {{0}, {1, 1, 1}, {1, 1, 1}}, 0, {NULL}},
    [UNIT_LINUX_CC] = {"word", 1, 0, false, {{0}}, 0, {"reno", "cubic", "bbr"}},
    [UNIT_BSD_CC] = {"word", 1, 0, false, {{0}}, 0, {"newreno", "cubic", "bbr"}},
    [UNIT_BIT_0] = {"bool", 0, 2, false, {{0}}, 0, {NULL}},
    [UNIT_BIT_1] = {"bool", 0, 2, false, {{0}}, 0, {NULL}},
};
/* clang-format on */

const struct settings_unit *settings_unit(unsigned unit) { return &units[unit]; }

/* The bit that a unit switches, or 0. */
static int64_t bit_of(const struct settings_unit *unit) {
    return unit >= &units[UNIT_BIT_0] ? INT64_C(1) << (unit - &units[UNIT_BIT_0]) : 0;
}

int64_t settings_unit_mapped(const struct settings_unit *unit, int64_t value, int64_t held) {
    int64_t bit = bit_of(unit);
    if (bit) return value ? held | bit : held & ~bit;
    return unit->map[value][held < SETTINGS_MAP_HELD ? held : SETTINGS_MAP_HELD - 1];
}

bool settings_unit_holds(const struct settings_unit *unit, int64_t value, int64_t held) {
    if (held >= SETTINGS_MAP_HELD && !bit_of(unit)) held = SETTINGS_MAP_HELD - 1;
    return value < unit->values && settings_unit_mapped(unit, value, held) == held;
}
