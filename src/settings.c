/* Settings.
 *
 * What comes in: a name that a person knows, and a value in the unit of that name, as a number or as text. What goes
 * out: a field of tcp_params or ip_settings. This file owns no state: it reads the tables (settings_table.c: rows and
 * names; settings_units.c: units) and does what they say. */
#include "settings_table.h"

static const char *const profile_names[NPROFILES] = {"linux", "freebsd", "rfc"};

/* --- Fields --- */

static void *field_of(const struct settings *s, uint16_t place) {
    uint8_t *base = place & SETTINGS_PLACE_IP ? (uint8_t *)s->ip : (uint8_t *)s->tcp;
    return base + (place & (SETTINGS_PLACE_IP - 1));
}

static int64_t layout_index(const struct tcp_option_layout *layout) {
    int64_t i = SETTINGS_LAYOUTS - 1;
    while (i > 0 && (memcmp(settings_layouts[i].order, layout->order, sizeof(layout->order)) != 0 ||
                     settings_layouts[i].eol_padding != layout->eol_padding))
        i--;
    return i;
}

static int64_t load(const struct settings *s, const struct settings_row *row) {
    const void *field = field_of(s, row->place);
    switch ((enum settings_kind)row->kind) {
    case KIND_BOOL: return *(const bool *)field;
    case KIND_U8: return *(const uint8_t *)field;
    case KIND_U16: return *(const uint16_t *)field;
    case KIND_U32: return *(const uint32_t *)field;
    case KIND_TIME: return (int64_t) * (const la_time *)field;
    case KIND_LAYOUT: return layout_index(field);
    }
    return 0;
}

static void store(const struct settings *s, const struct settings_row *row, int64_t value) {
    void *field = field_of(s, row->place);
    switch ((enum settings_kind)row->kind) {
    case KIND_BOOL: *(bool *)field = value != 0; break;
    case KIND_U8: *(uint8_t *)field = (uint8_t)value; break;
    case KIND_U16: *(uint16_t *)field = (uint16_t)value; break;
    case KIND_U32: *(uint32_t *)field = (uint32_t)value; break;
    case KIND_TIME: *(la_time *)field = (la_time)value; break;
    case KIND_LAYOUT: *(struct tcp_option_layout *)field = settings_layouts[value]; break;
    }
}

/* What one of the row's own unit is in the field. */
static int64_t row_factor(const struct settings_row *row) {
    int64_t factor = settings_unit(row->unit)->factor;
    return factor ? factor : 1;
}

/* Stores, and where that breaks an order, moves the partner along. */
static void change(const struct settings *s, const struct settings_row *row, int64_t value) {
    bool up = value > load(s, row);
    store(s, row, value);
    for (size_t i = 0; i < SETTINGS_PAIRS; i++) {
        const struct settings_pair *pair = &settings_pairs[up ? i : SETTINGS_PAIRS - 1 - i];
        const struct settings_row *low = settings_row_of(pair->low), *high = settings_row_of(pair->high);
        if (load(s, low) <= load(s, high)) continue;
        if (up)
            store(s, high, load(s, low));
        else
            store(s, low, load(s, high));
    }
}

/* --- Conversion --- */

/* What the field is to hold when `value` is set by that name. */
static int convert(const struct settings *s, const struct settings_alias *name, int64_t value, int64_t *stored) {
    const struct settings_row *row = settings_row_of(name->place);
    const struct settings_unit *unit = settings_unit(name->unit);
    if (value < 0) return -LA_EINVAL;
    if (unit->factor) {
        if (value > INT64_MAX / unit->factor) return -LA_EINVAL;
        *stored = value * unit->factor;
    } else {
        if (value >= unit->values) return -LA_EINVAL;
        *stored = settings_unit_mapped(unit, value, load(s, row));
    }
    if (unit->also && value == unit->also) return 0;
    int64_t factor = row_factor(row);
    if (name->unit == UNIT_BYTES_CAPPED && *stored > row->max * factor) *stored = row->max * factor;
    return *stored < row->min * factor || *stored > row->max * factor ? -LA_EINVAL : 0;
}

/* Whether setting `value` by that name would change nothing. */
static bool holds(const struct settings *s, const char *name, int64_t value) {
    struct settings_alias a;
    for (unsigned at = 0; settings_find(s->index, name, &at, &a);)
        if (!settings_unit_holds(settings_unit(a.unit), value, load(s, settings_row_of(a.place)))) return false;
    return true;
}

/* --- Numbers --- */

const char *settings_profile_name(unsigned i) { return i < NPROFILES ? profile_names[i] : NULL; }

int settings_profile(const struct settings *s, const char *name) {
    unsigned profile = PROFILE_LINUX;
    const struct settings_row *row;
    while (name && profile < NPROFILES && !settings_same_name(name, profile_names[profile])) profile++;
    if (profile == NPROFILES) return -LA_EINVAL;
    for (unsigned i = 0; (row = settings_row(i)) != NULL; i++) store(s, row, row->value[profile] * row_factor(row));
    return 0;
}

int settings_set(const struct settings *s, const char *name, int64_t value) {
    if (settings_refusal(name)) return -LA_EOPNOTSUPP;
    int result = -LA_ENOENT;
    int64_t stored;
    struct settings_alias a;
    for (unsigned at = 0; settings_find(s->index, name, &at, &a);) {
        result = convert(s, &a, value, &stored);
        if (result < 0) return result; /* Names of two fields accept the same values for both. */
        change(s, settings_row_of(a.place), stored);
    }
    return result;
}

int settings_get(const struct settings *s, const char *name, int64_t *value) {
    struct settings_alias a;
    unsigned at = 0;
    if (settings_refusal(name)) return -LA_EOPNOTSUPP;
    if (!settings_find(s->index, name, &at, &a)) return -LA_ENOENT;
    const struct settings_unit *unit = settings_unit(a.unit);
    if (unit->factor) {
        /* Rounded up: a time that is there never reads as none. */
        *value = (load(s, settings_row_of(a.place)) + unit->factor - 1) / unit->factor;
        return 0;
    }
    int64_t step = unit->least ? 1 : -1, end = unit->least ? unit->values - 1 : 0;
    *value = unit->values - 1 - end;
    while (*value != end && !holds(s, name, *value)) *value += step;
    return 0;
}

/* --- Text --- */

static bool same_text(const char *a, const char *b) {
    while (*a && *a == *b) a++, b++;
    return *a == *b;
}

/* A decimal number, and nothing else. */
static bool read_number(const char *text, int64_t *value) {
    *value = 0;
    if (!*text) return false;
    for (; *text; text++) {
        int64_t digit = *text - '0';
        if (digit < 0 || digit > 9 || *value > (INT64_MAX - digit) / 10) return false;
        *value = *value * 10 + digit;
    }
    return true;
}

/* Adds to the text of *len bytes in `to`; false: `size` is too small. */
static bool add(char *to, size_t size, size_t *len, const char *text) {
    if (*len >= size) return false;
    for (; *text && *len + 1 < size; text++) to[(*len)++] = *text;
    to[*len] = '\0';
    return !*text;
}

static int write_number(int64_t value, char *to, size_t size) {
    char digits[24];
    size_t at = sizeof digits, len = 0;
    digits[--at] = '\0';
    do digits[--at] = (char)('0' + value % 10);
    while (value /= 10);
    return add(to, size, &len, digits + at) ? 0 : -LA_EINVAL;
}

static int write_words(const struct settings_unit *unit, char *to, size_t size) {
    size_t len = 0;
    for (unsigned i = 0; i < SETTINGS_WORDS; i++)
        if (!add(to, size, &len, i ? " " : "") || !add(to, size, &len, unit->words[i])) return -LA_EINVAL;
    return 0;
}

int settings_set_text(const struct settings *s, const char *name, const char *text) {
    struct settings_alias a;
    unsigned at = 0, word = 0;
    int64_t value;
    if (settings_refusal(name)) return -LA_EOPNOTSUPP;
    if (!settings_find(s->index, name, &at, &a)) return -LA_ENOENT;
    const struct settings_unit *unit = settings_unit(a.unit);
    if (!unit->words[0]) return read_number(text, &value) ? settings_set(s, name, value) : -LA_EINVAL;
    while (word < SETTINGS_WORDS && !same_text(text, unit->words[word])) word++;
    return word < SETTINGS_WORDS ? settings_set(s, name, word) : -LA_ENOENT;
}

int settings_get_text(const struct settings *s, const char *name, char *text, size_t size) {
    struct settings_refused refused;
    struct settings_alias a;
    unsigned at = 0;
    int64_t value;
    if (settings_refused(name, &refused))
        return refused.lists ? write_words(refused.lists, text, size) : -LA_EOPNOTSUPP;
    int error = settings_get(s, name, &value);
    if (error || !settings_find(s->index, name, &at, &a)) return error;
    const struct settings_unit *unit = settings_unit(a.unit);
    size_t len = 0;
    if (!unit->words[0]) return write_number(value, text, size);
    return add(text, size, &len, unit->words[value]) ? 0 : -LA_EINVAL;
}

/* --- Lists --- */

bool settings_at(const struct settings *s, unsigned i, struct la_setting *setting, int64_t *value) {
    const struct settings_row *row = settings_row(i);
    if (!row) return false;
    *setting = (struct la_setting){row->name, settings_unit(row->unit)->text, row->help, row->min, row->max};
    *value = load(s, row) / row_factor(row);
    return true;
}

bool settings_name_at(unsigned i, struct settings_name *name) {
    struct settings_alias a;
    if (!settings_alias(i, &a)) return false;
    *name = (struct settings_name){a.name, settings_row_of(a.place)->name, settings_unit(a.unit)->text};
    return true;
}
