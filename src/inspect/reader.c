/* Members of JSON objects, checked. Nothing of a document is believed: numbers have bounds, words come from a list,
 * texts lose what would move a terminal. After the first failure the functions go on harmlessly; callers look at
 * `failed` when an element is done. */
#include "reader.h"
#include "say.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

void reader_expect(struct reader *r, const char *name, const char *what) {
    if (r->failed) return;
    r->failed = true;
    if (r->section)
        snprintf(r->why, r->size, "%s[%u].%s: expected %s", r->section, (unsigned)r->index, name, what);
    else
        snprintf(r->why, r->size, "%s: expected %s", name, what);
}

void reader_no_memory(struct reader *r) {
    if (!r->failed) snprintf(r->why, r->size, "not enough memory");
    r->failed = true;
}

static json_t *member(const json_t *object, const char *name) {
    json_t *value = json_object_get(object, name);
    return json_is_null(value) ? NULL : value;
}

bool reader_number(struct reader *r, const json_t *object, const char *name, int64_t low, uint64_t high, int64_t *to) {
    const json_t *value = member(object, name);
    if (!value) return false;
    json_int_t n = json_integer_value(value);
    if (!json_is_integer(value) || n < low || (n > 0 && (uint64_t)n > high)) {
        reader_expect(r, name, "an integer within its bounds");
        return false;
    }
    *to = n;
    return true;
}

void reader_64(struct reader *r, const json_t *object, const char *name, uint64_t *to) {
    int64_t n;
    if (reader_number(r, object, name, 0, INT64_MAX, &n)) *to = (uint64_t)n;
}

void reader_32(struct reader *r, const json_t *object, const char *name, uint32_t *to) {
    int64_t n;
    if (reader_number(r, object, name, 0, UINT32_MAX, &n)) *to = (uint32_t)n;
}

void reader_16(struct reader *r, const json_t *object, const char *name, uint16_t *to) {
    int64_t n;
    if (reader_number(r, object, name, 0, UINT16_MAX, &n)) *to = (uint16_t)n;
}

void reader_8(struct reader *r, const json_t *object, const char *name, uint8_t *to) {
    int64_t n;
    if (reader_number(r, object, name, 0, UINT8_MAX, &n)) *to = (uint8_t)n;
}

void reader_id(struct reader *r, const json_t *object, const char *name, int32_t *to) {
    int64_t n;
    if (reader_number(r, object, name, -1, INT32_MAX, &n)) *to = (int32_t)n;
}

void reader_index(struct reader *r, const json_t *object, const char *name, uint32_t *to) {
    if (!member(object, name)) reader_expect(r, name, "this member");
    reader_32(r, object, name, to);
}

void reader_bool(struct reader *r, const json_t *object, const char *name, bool *to) {
    const json_t *value = member(object, name);
    if (!value) return;
    if (json_is_boolean(value))
        *to = json_is_true(value);
    else
        reader_expect(r, name, "true or false");
}

void reader_seconds(struct reader *r, const json_t *object, const char *name, la_time *to) {
    const json_t *value = member(object, name);
    if (!value) return;
    double n = json_number_value(value);
    if (!json_is_number(value) || !(n >= 0 && n < 1.8e10)) {
        reader_expect(r, name, "seconds, 0 to 18000000000");
        return;
    }
    la_time whole = (la_time)n;
    *to = whole * LA_SECOND + (la_time)((n - (double)whole) * 1e9 + 0.5);
}

const char *reader_string(struct reader *r, const json_t *object, const char *name) {
    const json_t *value = member(object, name);
    if (value && !json_is_string(value)) reader_expect(r, name, "a string");
    return json_string_value(value);
}

void reader_text(struct reader *r, const json_t *object, const char *name, const char **to) {
    const char *value = reader_string(r, object, name);
    if (!value) return;
    char *copy = (char *)snap_text(r->snap, value);
    say_clean_line(copy);
    *to = copy;
}

void reader_letter(struct reader *r, const json_t *object, const char *name, char *to) {
    const char *value = reader_string(r, object, name);
    if (!value) return;
    if (value[0] > ' ' && value[0] < 0x7f && !value[1])
        *to = value[0];
    else
        reader_expect(r, name, "one letter");
}

void reader_hex(struct reader *r, const json_t *object, const char *name, uint64_t *to) {
    const char *value = reader_string(r, object, name);
    uint64_t n = 0;
    size_t len = value ? strspn(value, "0123456789abcdefABCDEF") : 0;
    if (!value) return;
    if (!len || len > 16 || value[len]) {
        reader_expect(r, name, "1 to 16 hexadecimal digits");
        return;
    }
    for (size_t i = 0; i < len; i++) n = n << 4 | (uint64_t)(value[i] <= '9' ? value[i] - '0' : (value[i] & 7) + 9);
    *to = n;
}

void reader_word(struct reader *r, const json_t *object, const char *name, const struct snap_words *words,
                 uint8_t *to) {
    const char *value = reader_string(r, object, name);
    int found = value ? snap_word(words, value) : 0;
    if (found < 0)
        reader_expect(r, name, "one of its words");
    else if (value)
        *to = (uint8_t)found;
}

json_t *reader_array(struct reader *r, const json_t *object, const char *name) {
    json_t *value = member(object, name);
    if (value && !json_is_array(value)) reader_expect(r, name, "an array");
    return json_is_array(value) ? value : NULL;
}

void reader_bits(struct reader *r, const json_t *object, const char *name, const struct snap_words *words,
                 uint8_t *to) {
    const json_t *list = reader_array(r, object, name);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *value = json_string_value(json_array_get(list, i));
        int found = value ? snap_word(words, value) : -1;
        if (found < 0)
            reader_expect(r, name, "its words");
        else
            *to = (uint8_t)(*to | 1u << found);
    }
}

void reader_state(struct reader *r, const json_t *object, const char *name, uint8_t *to) {
    const char *value = reader_string(r, object, name);
    unsigned state = 0;
    while (value && state < LA_NSTATES && strcmp(value, la_state_name((enum la_state)state))) state++;
    if (!value || state == LA_NSTATES)
        reader_expect(r, name, "the name of a state");
    else
        *to = (uint8_t)state;
}

json_t *reader_object(struct reader *r, const json_t *object, const char *name) {
    json_t *value = member(object, name);
    if (value && !json_is_object(value)) reader_expect(r, name, "an object");
    return json_is_object(value) ? value : NULL;
}

void reader_address(struct reader *r, const char *name, const char *text, struct la_addr *to) {
    if (!text || !la_addr_parse(text, to)) reader_expect(r, name, "an address");
}

void reader_endpoint(struct reader *r, const json_t *object, const char *name, struct la_endpoint *to) {
    const json_t *value = reader_object(r, object, name);
    if (!value) {
        reader_expect(r, name, "an address and a port");
        return;
    }
    reader_address(r, name, reader_string(r, value, "address"), &to->addr);
    reader_16(r, value, "port", &to->port);
    reader_16(r, value, "zone", &to->zone);
}

void reader_each(struct reader *r, const json_t *object, const char *name,
                 void (*read)(struct reader *r, const json_t *element)) {
    const json_t *list = reader_array(r, object, name);
    for (size_t i = 0; !r->failed && i < json_array_size(list); i++) {
        const json_t *element = json_array_get(list, i);
        if (json_is_object(element))
            read(r, element);
        else
            reader_expect(r, name, "objects");
        if (r->snap->failed) reader_no_memory(r);
    }
}
