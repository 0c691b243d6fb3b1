/* Values of socket options: [number], "text", {onoff=1, linger=5}, inet6_addr("…"), to bytes and back.
 *
 * The structures are a table of fields; the first field's name tells which one a script means. The length that a script
 * gives is the call's; the memory is at least as long, so that a wrong length stays the target's affair. */
#include <inttypes.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include "value_parts.h"

#define OPTION_MAX 65536

/* struct timeval's shape. */
struct seconds {
    long sec, usec;
};

static const struct value_layout layouts[] = {
    {sizeof(struct linger),
     2,
     {{"onoff", "l_onoff", false, offsetof(struct linger, l_onoff), sizeof(int)},
      {"linger", "l_linger", false, offsetof(struct linger, l_linger), sizeof(int)}}},
    {sizeof(struct seconds),
     2,
     {{"tv_sec", "sec", false, offsetof(struct seconds, sec), sizeof(long)},
      {"tv_usec", "usec", false, offsetof(struct seconds, usec), sizeof(long)}}},
    /* FreeBSD's. */
    {20, 2, {{"enable", "enable", false, 0, 4}, {"psk", "psk", true, 4, 16}}},
    {36, 2, {{"function_set_name", "function_set_name", true, 0, 32}, {"pcbcnt", "pcbcnt", false, 32, 4}}},
    {256, 2, {{"af_name", "af_name", true, 0, 16}, {"af_arg", "af_arg", true, 16, 240}}},
};

const struct drill_expr *value_layout_field(const struct drill_expr *expr, const struct value_field *field) {
    const struct drill_expr *value = value_field(expr, field->name);
    return value ? value : value_field(expr, field->alias);
}

const struct value_layout *value_layout(const struct drill_expr *expr) {
    if (expr->kind != DRILL_STRUCT) return NULL;
    for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++) {
        if (value_layout_field(expr, &layouts[i].field[0])) return &layouts[i];
    }
    return NULL;
}

/* --- Writing --- */

static void put_number(void *bytes, size_t size, int64_t number) {
    int32_t narrow = (int32_t)(uint32_t)(uint64_t)number;
    if (size == sizeof narrow) {
        memcpy(bytes, &narrow, sizeof narrow);
    } else {
        memcpy(bytes, &number, sizeof number);
    }
}

static bool put_layout(const struct value_layout *layout, const struct drill_expr *expr, uint8_t *bytes,
                       struct drill_text *why) {
    for (unsigned i = 0; i < layout->nfields; i++) {
        const struct value_field *field = &layout->field[i];
        const struct drill_expr *value = value_layout_field(expr, field);
        int64_t number;
        if (!value || value->kind == DRILL_ELLIPSIS) continue;
        if (field->text) {
            if (value->kind != DRILL_STRING) return value_wrong(why, value, "%s is a string", field->name);
            memcpy(bytes + field->offset, value->text, value->len < field->size ? value->len : field->size);
        } else {
            if (!value_eval(value, &number, why)) return false;
            put_number(bytes + field->offset, field->size, number);
        }
    }
    return true;
}

static bool option_length(struct value_maker *maker, const struct drill_expr *expr, int64_t *len) {
    if (!value_eval(expr, len, maker->why)) return false;
    /* A negative length is the call's to refuse, as long as it stays negative in its 32 bits. */
    return (*len >= INT32_MIN && *len <= OPTION_MAX) ||
           value_wrong(maker->why, expr, "an option cannot have %lld bytes", (long long)*len);
}

static size_t larger(size_t natural, int64_t len) { return len > (int64_t)natural ? (size_t)len : natural; }

bool value_make_set_option(struct value_maker *maker, const struct drill_expr *expr, const struct drill_expr *len,
                           uintptr_t *pointer) {
    const struct value_layout *layout = value_layout(expr);
    const struct drill_expr *element = value_element(expr);
    uint8_t address[16];
    size_t address_len = value_address(expr, address);
    int64_t given, number;
    *pointer = 0;
    if (!option_length(maker, len, &given)) return false;
    if (value_is_null(expr)) return true;
    size_t natural = layout ? layout->size : expr->kind == DRILL_STRING ? expr->len + 1 : sizeof address;
    uint8_t *bytes = value_new(maker, expr, larger(natural, given));
    if (!bytes) return false;
    *pointer = (uintptr_t)bytes;
    if (layout) return put_layout(layout, expr, bytes, maker->why);
    if (expr->kind == DRILL_STRING) {
        memcpy(bytes, expr->text, expr->len);
    } else if (address_len) {
        memcpy(bytes, address, address_len);
    } else if (!element) {
        return value_wrong(maker->why, expr,
                           "an option's value is [number], \"text\" or a known structure, and %s "
                           "stands there",
                           value_kind(expr));
    } else {
        if (!value_eval(element, &number, maker->why)) return false;
        put_number(bytes, given == sizeof number ? sizeof number : sizeof(int), number);
    }
    return true;
}

bool value_make_get_option(struct value_maker *maker, const struct drill_expr *expr, const struct drill_expr *len,
                           uintptr_t *pointer, uintptr_t *len_pointer) {
    const struct value_layout *layout = value_layout(expr);
    uint8_t address[16];
    size_t address_len = value_address(expr, address);
    size_t natural = layout                       ? layout->size
                     : expr->kind == DRILL_STRING ? expr->len
                     : address_len                ? address_len
                                                  : sizeof(int);
    int64_t given = (int64_t)natural;
    const struct drill_expr *element = value_element(len);
    *pointer = *len_pointer = 0;
    if (expr->kind == DRILL_STRUCT && !layout) return value_wrong(maker->why, expr, "this structure is unknown");
    if (!element && len->kind != DRILL_ELLIPSIS && !value_is_null(len))
        return value_wrong(maker->why, len, "getsockopt's length is [number] or ...");
    if (element && element->kind != DRILL_ELLIPSIS && !option_length(maker, element, &given)) return false;
    if (!value_is_null(len)) {
        socklen_t *room = value_new(maker, len, sizeof *room);
        if (!room) return false;
        *room = (socklen_t)given;
        *len_pointer = (uintptr_t)room;
    }
    if (value_is_null(expr)) return true;
    *pointer = (uintptr_t)value_new(maker, expr, larger(natural, given));
    return *pointer != 0;
}

/* --- Comparing --- */

/* The number in `len` bytes; false when no number has so many. */
static bool get_number(const void *bytes, size_t len, int64_t *number) {
    uint8_t one;
    int16_t two;
    int32_t four;
    switch (len) {
    case 1:
        memcpy(&one, bytes, 1);
        *number = one;
        return true;
    case 2:
        memcpy(&two, bytes, 2);
        *number = two;
        return true;
    case 4:
        memcpy(&four, bytes, 4);
        *number = four;
        return true;
    case 8: memcpy(number, bytes, 8); return true;
    default: return false;
    }
}

/* 0xffffffff and -1 are the same four bytes. */
static bool same_number(int64_t expected, int64_t live, size_t len) {
    uint64_t mask = len == 8 ? UINT64_MAX : (UINT64_C(1) << (8 * len)) - 1;
    return (((uint64_t)expected ^ (uint64_t)live) & mask) == 0;
}

static bool check_number(const struct drill_expr *expr, const char *what, const void *bytes, size_t len,
                         struct drill_text *why) {
    int64_t expected, live;
    if (expr->kind == DRILL_ELLIPSIS) return true;
    if (!value_eval(expr, &expected, why)) return false;
    if (!get_number(bytes, len, &live)) return value_wrong(why, expr, "%zu bytes came, which is no number", len);
    if (same_number(expected, live, len)) return true;
    return value_wrong(why, expr, "%s: expected %lld, actual %lld", what, (long long)expected, (long long)live);
}

static bool check_text(const struct drill_expr *expr, const char *what, const void *bytes, size_t len,
                       struct drill_text *why) {
    size_t compare = expr->len < len ? expr->len : len;
    bool rest = true;
    for (size_t i = compare; i < len; i++) rest = rest && ((const char *)bytes)[i] == '\0';
    if (compare == expr->len && rest && memcmp(expr->text, bytes, compare) == 0) return true;
    return value_wrong(why, expr, "%s: expected \"%.40s\", actual \"%.*s\"", what, expr->text,
                       (int)(len < 40 ? len : 40), (const char *)bytes);
}

static bool check_layout(const struct value_layout *layout, const struct drill_expr *expr, const uint8_t *bytes,
                         size_t len, struct drill_text *why) {
    if (len < layout->size)
        return value_wrong(why, expr, "the structure has %zu bytes, and %zu came", layout->size, len);
    for (unsigned i = 0; i < layout->nfields; i++) {
        const struct value_field *field = &layout->field[i];
        const struct drill_expr *value = value_layout_field(expr, field);
        if (!value || value->kind == DRILL_ELLIPSIS) continue;
        bool same = field->text && value->kind == DRILL_STRING
                        ? check_text(value, field->name, bytes + field->offset, field->size, why)
                        : check_number(value, field->name, bytes + field->offset, field->size, why);
        if (!same) return false;
    }
    return true;
}

bool value_check_option(const struct drill_expr *expr, const void *bytes, size_t len, struct drill_text *why) {
    const struct value_layout *layout = value_layout(expr);
    const struct drill_expr *element = value_element(expr);
    uint8_t address[16];
    size_t address_len = value_address(expr, address);
    if (expr->kind == DRILL_ELLIPSIS) return true;
    if (layout) return check_layout(layout, expr, bytes, len, why);
    if (expr->kind == DRILL_STRING) return check_text(expr, "the option", bytes, len, why);
    if (address_len) {
        return (len == address_len && memcmp(address, bytes, len) == 0) ||
               value_wrong(why, expr, "the option is another address");
    }
    if (element) return check_number(element, "the option", bytes, len, why);
    return value_wrong(why, expr, "an option cannot be compared with %s", value_kind(expr));
}

/* --- In script notation --- */

static void write_bytes(const char *bytes, size_t len, struct drill_text *text) {
    while (len > 0 && bytes[len - 1] == '\0') len--;
    drill_text_add(text, "\"");
    for (size_t i = 0; i < len; i++) {
        bool plain = bytes[i] >= ' ' && bytes[i] <= '~' && bytes[i] != '"' && bytes[i] != '\\';
        drill_text_add(text, plain ? "%c" : "\\x%02x", (unsigned char)bytes[i]);
    }
    drill_text_add(text, "\"");
}

static void write_layout(const struct value_layout *layout, const uint8_t *bytes, struct drill_text *text) {
    drill_text_add(text, "{");
    for (unsigned i = 0; i < layout->nfields; i++) {
        const struct value_field *field = &layout->field[i];
        int64_t number = 0;
        drill_text_add(text, "%s%s=", i ? ", " : "", field->name);
        if (field->text) {
            write_bytes((const char *)bytes + field->offset, field->size, text);
        } else {
            get_number(bytes + field->offset, field->size, &number);
            drill_text_add(text, "%" PRId64, number);
        }
    }
    drill_text_add(text, "}");
}

void value_write_option(const struct drill_expr *expr, bool is_error, const void *bytes, size_t len,
                        struct drill_text *text) {
    const struct value_layout *layout = value_layout(expr);
    int64_t number;
    if (layout && len >= layout->size) {
        write_layout(layout, bytes, text);
    } else if (expr->kind == DRILL_STRING || !get_number(bytes, len, &number)) {
        write_bytes(bytes, len, text);
    } else {
        const char *name = is_error && number > 0 && number <= INT32_MAX ? symbol_errno((int)number) : NULL;
        if (name) {
            drill_text_add(text, "[%s]", name);
        } else {
            drill_text_add(text, "[%" PRId64 "]", number);
        }
    }
}
